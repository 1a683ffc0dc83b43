//! How the app does that is watched over.

use crate::supervisor::AppState;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;

/// Tells of an app.
#[derive(Debug)]
pub struct WatchedApp(pub Arc<AppState>);

impl Collector for WatchedApp {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let now = self.0.now();
        let (name, help) = ("larder_app_restarts", "Times that the app was started again");
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(now.restarts()).encode(metric)?;
        let help = "1 while the app runs and has answered since it was started";
        let metric = encoder.encode_descriptor("larder_app_up", help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::from(now.is_up)).encode(metric)
    }
}
