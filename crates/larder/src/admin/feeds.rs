//! `/v1/feeds`: how feeds stand, and what can be done with them.

use super::Admin;
use super::problem::Problem;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mirror::NotRun;
use mirror::told::{Stands, Told};
use policy::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer waits for a run. One that takes longer goes on.
const PATIENCE: Duration = Duration::from_secs(100);

/// Lists the feeds.
pub async fn feeds(State(admin): State<Admin>) -> Json<Value> {
    let now = admin.shared().clock.now();
    let feeds: Vec<Value> = admin.mirror.told().iter().map(|told| shown(told, now)).collect();
    Json(json!({ "feeds": feeds, "bytes": admin.mirror.bytes() }))
}

fn shown(told: &Told, now: Timestamp) -> Value {
    let time = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
    let (done, all) = told.progress();
    json!({
        "name": told.name,
        "url": told.url,
        "serve_at": told.serve_at,
        "site": told.site,
        "schedule": told.schedule,
        "state": told.state.word(),
        "edition": told.published.as_ref().map(|stands| edition(stands, now)),
        "bytes": told.bytes,
        "last_run": time(told.last_run),
        "next_run": time(told.next_run),
        "last_error": told.last_error.as_ref().map(|(at, fault)| json!({
            "at": at.to_rfc3339(), "kind": fault.token(), "error": fault.to_string(),
        })),
        "failed_in_a_row": told.failed_in_a_row,
        "runs": told.runs,
        "failures": told.failures.iter().sum::<u64>(),
        "notes": told.notes,
        "progress": { "done": done, "all": all },
    })
}

fn edition(stands: &Stands, now: Timestamp) -> Value {
    json!({
        "number": stands.number,
        "published": stands.published.to_rfc3339(),
        "fetched": stands.fetched.to_rfc3339(),
        "age_seconds": now.millis_since(stands.fetched) / 1000,
        "items": stands.items,
        "pictures": stands.pictures,
        "missing": stands.missing,
        "missing_urls": stands.first_missing,
    })
}

/// How a feed is to be fetched.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HowToRefresh {
    accept_shrink: bool,
}

/// Has a feed fetched at once.
pub async fn refresh(
    State(admin): State<Admin>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let how: HowToRefresh = read(&body)?;
    let mirror = admin.mirror.clone();
    let asked = name.clone();
    // As a task of its own: one who does not wait ends nothing half-way.
    let run = tokio::spawn(async move { mirror.refresh(&asked, how.accept_shrink).await });
    let Ok(ended) = timeout(PATIENCE, run).await else {
        let body = Json(json!({ "name": name, "running": true }));
        return Ok((StatusCode::ACCEPTED, body).into_response());
    };
    match ended.unwrap_or(Err(NotRun::Ending)) {
        Ok(ended) => Ok(Json(json!({
            "name": name,
            "published": ended.is_new,
            "items": ended.items,
            "pictures": ended.pictures,
            "missing": ended.missing,
        }))
        .into_response()),
        Err(NotRun::Busy) => {
            let detail = "it is being fetched now: `larder feeds` says how far it is";
            let problem = Problem::new(409, "feed-busy", "The feed is busy", detail);
            Err(problem.with(header::RETRY_AFTER, HeaderValue::from_static("1")))
        }
        Err(NotRun::Failed(fault)) => {
            let detail = format!("{fault}; what was published stays");
            Err(Problem::new(502, "feed-failed", "Nothing new was published", detail))
        }
        Err(NotRun::Unknown) => Err(unknown(&admin)),
        Err(NotRun::Ending) => Err(ending()),
    }
}

/// How a feed's folder is to be swept.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HowToSweep {
    dry_run: bool,
}

/// Removes files that no edition names.
pub async fn sweep(
    State(admin): State<Admin>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let how: HowToSweep = read(&body)?;
    let swept = admin.mirror.sweep(&name, how.dry_run).await.ok_or_else(|| unknown(&admin))?;
    let bytes: u64 = swept.iter().map(|listed| listed.bytes).sum();
    let names: Vec<&str> = swept.iter().map(|listed| &*listed.name).collect();
    Ok(Json(json!({
        "name": name, "dry_run": how.dry_run, "files": names.len(), "bytes": bytes, "names": names,
    })))
}

/// Has a feed forget its edition and all files.
pub async fn drop_edition(
    State(admin): State<Admin>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let dropped = admin.mirror.drop_edition(&name).await.ok_or_else(|| unknown(&admin))?;
    dropped.map(|()| StatusCode::NO_CONTENT).map_err(|error| {
        let detail = format!("{error}; mend the folder and ask again");
        Problem::new(500, "feed-not-dropped", "Not all of it could be removed", detail)
    })
}

fn read<T: for<'de> Deserialize<'de> + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(error.to_string()))
}

fn unknown(admin: &Admin) -> Problem {
    let names = admin.mirror.names(|_| true);
    let detail = match names.as_slice() {
        [] => "none is configured: write a [[feed]]".to_owned(),
        names => format!("there are {}", names.join(", ")),
    };
    Problem::new(404, "unknown-feed", "There is no such feed", detail)
}

fn ending() -> Problem {
    let detail = "ask again when it has started, or read its configuration";
    Problem::new(503, "stopping", "The feed has just ended", detail)
}
