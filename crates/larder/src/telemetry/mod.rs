//! The numbers that the process tells, in Prometheus' words (OpenMetrics).

mod admin;
mod app;
mod data_path;
mod feeds;
mod hooks;
mod process;

use crate::admin::Counts;
use crate::hooks::Hooks;
use crate::supervisor::AppState;
use admin::AdminListener;
use app::WatchedApp;
use data_path::DataPath;
use feeds::Feeds;
use hooks::Webhooks;
use mirror::mirror::Mirror;
use process::Process;
pub use process::resident_bytes;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use proxy::core::Shared;
use std::sync::Arc;

/// All that is measured.
#[derive(Debug)]
pub struct Telemetry(Registry);

impl Telemetry {
    /// Tells of this data path, this process, what its admin listener counts, its webhooks, its feeds,
    /// and the app that it watches over.
    pub fn new(
        shared: &Arc<Shared>,
        counts: &Arc<Counts>,
        hooks: &Arc<Hooks>,
        mirror: &Arc<Mirror>,
        app: Option<&Arc<AppState>>,
    ) -> Arc<Telemetry> {
        let mut registry = Registry::default();
        let feeds = Feeds { mirror: mirror.clone(), clock: shared.clock.clone() };
        registry.register_collector(Box::new(feeds));
        registry.register_collector(Box::new(DataPath(shared.clone())));
        registry.register_collector(Box::new(AdminListener(counts.clone())));
        registry.register_collector(Box::new(Webhooks(hooks.clone())));
        if let Some(app) = app {
            registry.register_collector(Box::new(WatchedApp(app.clone())));
        }
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
