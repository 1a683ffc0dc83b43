//! What came of webhooks.

use crate::hooks::Hooks;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use std::fmt;
use std::sync::Arc;

/// Tells of webhooks.
#[derive(Debug)]
pub struct Webhooks(pub Arc<Hooks>);

impl Collector for Webhooks {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "Deliveries of webhooks, by hook and by how they ended";
        let name = "larder_hook_deliveries";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (hook, outcome, count) in self.0.deliveries().counts() {
            let labels = [("hook", &*hook), ("outcome", outcome.word())];
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
