//! A new configuration for a process that serves: all of it, or nothing.

use crate::admin::Access;
use crate::app::furnish;
use crate::certificates::Followed;
use crate::config::meant::Meant;
use crate::hooks::Hooks;
use crate::supervisor::{AppState, UNPLACED, place};
use mirror::mirror::Mirror;
use proxy::core::Shared;
use std::sync::Arc;
use tokio::sync::watch;

/// What is served by now, and the way to have something else served.
pub struct Reload {
    /// The configuration that is served by.
    pub served: Meant,
    /// The certificates that are shown, where TLS is spoken.
    pub certificates: Option<Followed>,
    /// Those of the admin listener, where it speaks TLS.
    pub admin_certificates: Option<Followed>,
    /// Where the cores find what they serve by.
    pub settings: watch::Sender<Arc<Shared>>,
    /// Where the admin listener finds who may do what.
    pub access: watch::Sender<Arc<Access>>,
    /// The token of the data folder, if there is one.
    pub token: Option<String>,
    /// The hooks.
    pub hooks: Arc<Hooks>,
    /// The feeds.
    pub mirror: Arc<Mirror>,
    /// The app that is an origin, where there is one, and the port at which its sites look for it.
    pub app: Option<(Arc<AppState>, u16)>,
}

impl Reload {
    /// Serves by what was read; by what was served before where that has mistakes.
    pub fn run(&mut self, read: Option<Meant>) {
        let Some(mut meant) = read else {
            tracing::error!("the configuration has mistakes: the one from before stays");
            return;
        };
        for name in self.fixed(&meant) {
            tracing::warn!("{name} changed: it takes effect at the next start");
        }
        self.keep_fixed(&mut meant);
        if let Some((app, port)) = &mut self.app {
            *port = place(&mut meant.settings, UNPLACED, app);
        }
        if let (Some(followed), Some(served)) = (&self.certificates, &meant.tls) {
            followed.replace(served.clone());
        }
        if let (Some(followed), Some(served)) = (&self.admin_certificates, &meant.admin.tls) {
            followed.replace(served.clone());
        }
        self.hooks.replace(meant.hooks.clone());
        if let Err(error) = self.mirror.replace(meant.feeds.clone()) {
            tracing::error!("the feeds stay as they were: {error}");
        }
        furnish(&mut meant, &self.hooks, &self.mirror);
        // Only what changed at once is shared: what is stored, counted and under way stays.
        self.settings.send_modify(|shared| *shared = shared.reloaded(meant.settings.clone()));
        self.access.send_replace(Arc::new(Access::new(&meant.admin, self.token.as_deref())));
        tracing::info!("the configuration was read again and is in effect");
        self.served = meant;
    }

    /// Serves by the same, but looks for the app where it is now.
    pub fn follow_app(&mut self) {
        let Some((app, port)) = &mut self.app else { return };
        *port = place(&mut self.served.settings, *port, app);
        let settings = &self.served.settings;
        self.settings.send_modify(|shared| *shared = shared.reloaded(settings.clone()));
    }

    /// What differs and cannot change while the process runs.
    fn fixed(&self, new: &Meant) -> Vec<&'static str> {
        let old = &self.served;
        let (fill, new_fill) = (&old.settings.fill, &new.settings.fill);
        let (client, new_client) = (&old.settings.client, &new.settings.client);
        let pairs = [
            ("server.listen", old.settings.listen != new.settings.listen),
            ("server.tls", old.tls.is_some() != new.tls.is_some()),
            ("admin.listen", old.admin.listen != new.admin.listen),
            ("admin.tls", old.admin.tls.is_some() != new.admin.tls.is_some()),
            ("storage.memory", old.memory_bytes != new.memory_bytes),
            ("storage.disk", old.disk != new.disk),
            ("storage.max_variants", old.max_variants != new.max_variants),
            ("storage.max_object", fill.max_object_bytes != new_fill.max_object_bytes),
            ("storage.in_flight_bytes", fill.in_flight_bytes != new_fill.in_flight_bytes),
            (
                "purge.stale_window",
                old.settings.purge.stale_window != new.settings.purge.stale_window,
            ),
            ("limits.max_long_streams", client.max_long_streams != new_client.max_long_streams),
            ("images", old.settings.pictures != new.settings.pictures),
            ("images.worker_memory", old.worker_memory_bytes != new.worker_memory_bytes),
            ("feeds.ca (of feeds that stay as they are)", old.feeds_ca != new.feeds_ca),
            (
                "feeds.concurrency (of feeds that stay as they are)",
                old.feeds.concurrency != new.feeds.concurrency,
            ),
            (
                "origin (of feeds that stay as they are)",
                format!("{:?}", old.feeds.origin) != format!("{:?}", new.feeds.origin),
            ),
            ("log.access", old.access_log != new.access_log),
            ("log.level", old.level != new.level),
        ];
        pairs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    fn keep_fixed(&self, meant: &mut Meant) {
        let old = &self.served;
        let (settings, kept) = (&mut meant.settings, &old.settings);
        settings.listen.clone_from(&kept.listen);
        settings.fill.max_object_bytes = kept.fill.max_object_bytes;
        settings.fill.in_flight_bytes = kept.fill.in_flight_bytes;
        settings.pictures.clone_from(&kept.pictures);
        settings.purge.stale_window = kept.purge.stale_window;
        settings.client.max_long_streams = kept.client.max_long_streams;
        if !meant.node_is_named {
            // A name that was made up lasts as long as the process.
            settings.node.clone_from(&kept.node);
            meant.feeds.node.clone_from(&kept.node);
        }
        (meant.admin.listen, meant.memory_bytes) = (old.admin.listen, old.memory_bytes);
        (meant.max_variants, meant.access_log) = (old.max_variants, old.access_log);
        meant.worker_memory_bytes = old.worker_memory_bytes;
        (meant.level, meant.disk) = (old.level, old.disk.clone());
    }
}
