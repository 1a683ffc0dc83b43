//! The admin listener: a thread and a runtime of its own, so that it answers while the data path
//! has no time.

use crate::telemetry::Telemetry;
use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use proxy::core::Shared;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::watch;

/// What the admin listener tells of.
#[derive(Clone)]
pub struct Admin {
    /// The numbers.
    pub telemetry: Arc<Telemetry>,
    /// What the data path shares.
    #[cfg_attr(not(feature = "turned-clock"), allow(dead_code, reason = "for tests so far"))]
    pub shared: Arc<Shared>,
    /// Whether the process is to stop.
    pub stopping: watch::Receiver<bool>,
}

/// Starts the listener's thread, which runs as long as the process.
///
/// # Errors
/// When no thread can be had.
pub fn start(listener: TcpListener, admin: Admin) -> anyhow::Result<()> {
    listener.set_nonblocking(true).context("the admin listener")?;
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, routes(admin)).await
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

fn routes(admin: Admin) -> Router {
    let routes = Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics));
    #[cfg(feature = "turned-clock")]
    let routes = routes.route("/clock", axum::routing::post(turn_clock));
    routes.with_state(admin)
}

/// The process runs.
async fn health() -> &'static str {
    "ok\n"
}

/// It takes requests. Served by the admin listener only once the sites' sockets are open.
async fn ready(State(admin): State<Admin>) -> (StatusCode, String) {
    if *admin.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    // A disk that fails costs warmth, not answers.
    let failing = admin.shared.store.disk_stats().and_then(|disk| disk.failing);
    let note = failing.map(|why| format!("the disk cannot be written: {why}\n"));
    (StatusCode::OK, format!("ready\n{}", note.unwrap_or_default()))
}

async fn metrics(State(admin): State<Admin>) -> Response {
    const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match admin.telemetry.scrape() {
        Ok(text) => ([(header::CONTENT_TYPE, KIND)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Turns the clock of the data path forward by the milliseconds of the body.
#[cfg(feature = "turned-clock")]
async fn turn_clock(State(admin): State<Admin>, body: String) -> (StatusCode, &'static str) {
    match body.trim().parse() {
        Ok(millis) => {
            admin.shared.clock.turn(millis);
            (StatusCode::OK, "turned\n")
        }
        Err(_) => (StatusCode::BAD_REQUEST, "the body is no number of milliseconds\n"),
    }
}
