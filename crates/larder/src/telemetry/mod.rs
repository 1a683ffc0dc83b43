//! The numbers that the process tells, in Prometheus' words (OpenMetrics).

mod data_path;
mod process;

use data_path::DataPath;
use process::Process;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use proxy::core::Shared;
use std::sync::Arc;

/// All that is measured.
#[derive(Debug)]
pub struct Telemetry(Registry);

impl Telemetry {
    /// Tells of this data path and this process.
    pub fn new(shared: Arc<Shared>) -> Arc<Telemetry> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(DataPath(shared)));
        registry.register_collector(Box::new(Process));
        Arc::new(Telemetry(registry))
    }

    /// The numbers now.
    ///
    /// # Errors
    /// When they cannot be written as text.
    pub fn scrape(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}
