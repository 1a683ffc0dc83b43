//! The doors for probes and for who gathers numbers.

use super::Admin;
use super::refusal::Refusal;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mirror::Fault;
use mirror::told::Told;

/// The process runs.
pub async fn health() -> &'static str {
    "ok\n"
}

/// It takes requests. Served by the admin listener only once the sites' sockets are open.
pub async fn ready(State(admin): State<Admin>) -> (StatusCode, String) {
    if *admin.verifying.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    let app = admin.app.as_ref().map(|app| app.now()).filter(|app| !app.is_up);
    let trouble = app.as_ref().and_then(|app| app.trouble.as_deref());
    if app.as_ref().is_some_and(|app| !app.has_answered) {
        let why = trouble.unwrap_or("it was just started");
        return (StatusCode::SERVICE_UNAVAILABLE, format!("the app has not answered yet: {why}\n"));
    }
    // While it is started again, what is stored is served.
    let down = || format!("the app is down: {}\n", trouble.unwrap_or("it starts again"));
    let app = app.as_ref().map(|_| down());
    // A disk that fails costs warmth, not answers.
    let failing = admin.shared().store.disk_stats().and_then(|disk| disk.failing);
    let note = failing.map(|why| format!("the disk cannot be written: {why}\n"));
    let feeds: String = admin.mirror.told().iter().filter_map(feed).collect();
    let lines = ["ready\n".to_owned()].into_iter().chain(app).chain(note).chain([feeds]);
    (StatusCode::OK, lines.collect())
}

/// What is to be said of a feed whose last run failed, or that has nothing yet: what it published before
/// is served in any case. Of what failed only the kind is told, since everybody may ask: the rest may
/// quote what a server answered.
fn feed(told: &Told) -> Option<String> {
    let name = &told.name;
    match (&told.published, &told.last_error) {
        (Some(_), None) => None,
        (Some(stands), Some((_, fault))) => {
            Some(format!("feed {name}: edition {} stays; {}\n", stands.number, hint(fault)))
        }
        (None, Some((_, fault))) => Some(format!("feed {name}: nothing yet; {}\n", hint(fault))),
        (None, None) => Some(format!("feed {name}: nothing yet\n")),
    }
}

fn hint(fault: &Fault) -> String {
    format!("{} (`larder feeds` says more)", fault.token())
}

/// The numbers, for Prometheus.
pub async fn metrics(State(admin): State<Admin>) -> Response {
    const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match admin.telemetry.scrape() {
        Ok(text) => ([(header::CONTENT_TYPE, KIND)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// There is no such door.
pub async fn nowhere() -> Response {
    Refusal::UnknownPath.problem().into_response()
}

/// Ends the process before the next such step of a feed's folder: the body is the name of the feed and
/// that of the step.
#[cfg(feature = "turned-clock")]
pub async fn crash(State(admin): State<Admin>, body: String) -> (StatusCode, &'static str) {
    let (feed, step) = body.split_once(' ').unwrap_or_default();
    match admin.mirror.abort_before(feed, step) {
        true => (StatusCode::OK, "it will end there\n"),
        false => (StatusCode::NOT_FOUND, "there is no such feed, or no such step\n"),
    }
}

/// Turns the clock of the data path forward by the milliseconds of the body.
#[cfg(feature = "turned-clock")]
pub async fn turn_clock(State(admin): State<Admin>, body: String) -> (StatusCode, &'static str) {
    match body.trim().parse() {
        Ok(millis) => {
            admin.shared().clock.turn(millis);
            (StatusCode::OK, "turned\n")
        }
        Err(_) => (StatusCode::BAD_REQUEST, "the body is no number of milliseconds\n"),
    }
}
