//! `/v1/feeds`: how feeds stand, and what can be done with them.

use super::Admin;
use super::problem::Problem;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mirror::NotDone;
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
    let left_over: Vec<Value> = admin
        .mirror
        .left_over()
        .iter()
        .map(|left| json!({ "name": left.name, "bytes": left.bytes }))
        .collect();
    Json(json!({ "feeds": feeds, "left_over": left_over, "bytes": admin.mirror.bytes() }))
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
        "beyond_max_images": stands.beyond,
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
    match ended.unwrap_or(Err(NotDone::Ending)) {
        Ok(ended) => Ok(Json(json!({
            "name": name,
            "published": ended.is_new,
            "items": ended.items,
            "pictures": ended.pictures,
            "missing": ended.missing,
            "beyond_max_images": ended.beyond,
        }))
        .into_response()),
        Err(NotDone::Failed(fault)) => {
            let stands = admin.mirror.told().into_iter().find(|told| *told.name == *name);
            let stays = match stands.and_then(|told| told.published) {
                Some(_) => "what was published stays",
                None => "nothing is published yet",
            };
            let detail = format!("{fault}; {stays}");
            Err(Problem::new(502, "feed-failed", "Nothing new was published", detail))
        }
        Err(other) => Err(not_done(&admin, other)),
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
    let swept = admin.mirror.sweep(&name, how.dry_run).await;
    let swept = swept.map_err(|why| not_done(&admin, why))?;
    let bytes: u64 = swept.iter().map(|listed| listed.bytes).sum();
    let names: Vec<&str> = swept.iter().map(|listed| &*listed.name).collect();
    Ok(Json(json!({
        "name": name, "dry_run": how.dry_run, "files": names.len(), "bytes": bytes, "names": names,
    })))
}

/// Has a feed forget its edition and all files, or removes those of one that is configured no more.
pub async fn drop_edition(
    State(admin): State<Admin>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let dropped = admin.mirror.drop_edition(&name).await;
    dropped.map(|()| StatusCode::NO_CONTENT).map_err(|why| not_done(&admin, why))
}

fn read<T: for<'de> Deserialize<'de> + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(error.to_string()))
}

/// Why what was asked of a feed was not done.
fn not_done(admin: &Admin, why: NotDone) -> Problem {
    match why {
        NotDone::Busy => {
            let detail = "it is being fetched now, and nothing else is done with it meanwhile: ask again \
                          when `larder feeds` says that it waits";
            let problem = Problem::new(409, "feed-busy", "The feed is busy", detail);
            problem.with(header::RETRY_AFTER, HeaderValue::from_static("1"))
        }
        NotDone::Failed(fault) => {
            let detail = format!("{fault}; mend the folder and ask again");
            Problem::new(500, "feed-not-dropped", "Not all of it could be removed", detail)
        }
        NotDone::Unknown => unknown(admin),
        NotDone::Ending => ending(),
    }
}

fn unknown(admin: &Admin) -> Problem {
    let names = admin.mirror.names(|_| true);
    let mut detail = match names.as_slice() {
        [] => "none is configured: write a [[feed]]".to_owned(),
        names => format!("there are {}", names.join(", ")),
    };
    let left: Vec<_> = admin.mirror.left_over().into_iter().map(|left| left.name).collect();
    if !left.is_empty() {
        detail +=
            &format!("; not in the configuration, and only to be dropped: {}", left.join(", "));
    }
    Problem::new(404, "unknown-feed", "There is no such feed", detail)
}

fn ending() -> Problem {
    let detail = "ask again when it has started, or read its configuration";
    Problem::new(503, "stopping", "The feed has just ended", detail)
}
