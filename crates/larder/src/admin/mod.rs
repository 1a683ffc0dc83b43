//! The admin listener: a thread and a runtime of its own, so that it answers while the data path
//! has no time.
//!
//! A request comes in by [`server`] (limits), passes the `guard` (host, site, token) and goes to a
//! door of `routes`. What walks the store does so on a thread beside (`walk`).

mod access;
mod counts;
mod doors;
mod entries;
mod explain;
mod feeds;
mod fields;
mod guard;
mod hooks;
mod listed;
mod object;
mod objects;
mod openapi;
mod origin;
mod problem;
mod purge;
mod query;
mod refusal;
mod routes;
mod seats;
mod server;
mod site;
mod status;
mod tags;
mod told;
mod walk;

pub use access::Access;
pub use counts::Counts;
pub use query::encode;

use crate::failures::Failures;
use crate::hooks::Hooks;
use crate::purging::{MAX_TURNS, Verifying};
use crate::supervisor::AppState;
use crate::telemetry::Telemetry;
use anyhow::Context;
use listed::Fingerprints;
use mirror::mirror::Mirror;
use proxy::core::Shared;
use proxy::tls::ServerConfig;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use walk::Walks;

/// What the admin listener tells of.
#[derive(Clone)]
pub struct Admin {
    /// The numbers.
    telemetry: Arc<Telemetry>,
    /// What the data path shares now.
    current: watch::Receiver<Arc<Shared>>,
    /// Who may do what now.
    access: watch::Receiver<Arc<Access>>,
    counts: Arc<Counts>,
    failures: Arc<Failures>,
    fingerprints: Arc<Fingerprints>,
    walks: Arc<Walks>,
    verifying: Verifying,
    hooks: Arc<Hooks>,
    mirror: Arc<Mirror>,
    app: Option<Arc<AppState>>,
    started: Instant,
}

/// What the listener is told of.
pub struct Sources {
    /// The numbers.
    pub telemetry: Arc<Telemetry>,
    /// What the data path shares.
    pub current: watch::Receiver<Arc<Shared>>,
    /// How purges are verified.
    pub verifying: Verifying,
    /// The webhooks.
    pub hooks: Arc<Hooks>,
    /// The feeds.
    pub mirror: Arc<Mirror>,
    /// Who may do what.
    pub access: watch::Receiver<Arc<Access>>,
    /// Where it counts.
    pub counts: Arc<Counts>,
    /// The app that is watched over, where there is one.
    pub app: Option<Arc<AppState>>,
}

impl Admin {
    fn new(sources: Sources) -> Admin {
        let Sources { telemetry, current, verifying, hooks, mirror, access, counts, app } = sources;
        Admin {
            telemetry,
            current,
            access,
            counts,
            failures: Arc::default(),
            fingerprints: Arc::default(),
            walks: Arc::default(),
            verifying,
            hooks,
            mirror,
            app,
            started: Instant::now(),
        }
    }

    /// What the data path shares now.
    fn shared(&self) -> Arc<Shared> {
        self.current.borrow().clone()
    }
}

/// Starts the listener's thread, which runs as long as the process. It speaks TLS where it is said
/// how.
///
/// # Errors
/// When no thread can be had.
pub fn start(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    sources: Sources,
) -> anyhow::Result<()> {
    listener.set_nonblocking(true).context("the admin listener")?;
    let admin = Admin::new(sources);
    let run = move || -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(walk::MAX_WALKS + MAX_TURNS)
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            server::serve(listener, routes::router(admin), tls).await;
            Ok(())
        })
    };
    let report = move || {
        if let Err(error) = run() {
            tracing::error!("the admin listener ended: {error}");
        }
    };
    std::thread::Builder::new().name("admin".into()).spawn(report).context("the admin thread")?;
    Ok(())
}
