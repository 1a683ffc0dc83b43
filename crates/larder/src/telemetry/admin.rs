//! What the admin listener counts.

use crate::admin::Counts;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;

/// Tells of the admin listener.
#[derive(Debug)]
pub struct AdminListener(pub Arc<Counts>);

impl Collector for AdminListener {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let help = "Requests that the admin listener refused, by reason";
        let name = "larder_admin_refused";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (reason, count) in self.0.refusals.read() {
            ConstCounter::new(count).encode(metric.encode_family(&[("reason", reason)])?)?;
        }
        let help = "Requests for entries, by what was asked and what came of it";
        let mut metric =
            encoder.encode_descriptor("larder_entries", help, None, MetricType::Counter)?;
        for (op, outcome, count) in self.0.entries.read() {
            let labels = [("op", op), ("outcome", outcome)];
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
        }
        let help = "Clients that wait to hear of purged tags";
        let waiters = i64::try_from(self.0.waiters.count()).unwrap_or(i64::MAX);
        let metric =
            encoder.encode_descriptor("larder_tag_waiters", help, None, MetricType::Gauge)?;
        ConstGauge::new(waiters).encode(metric)
    }
}
