//! `GET /v1/explain`: what would happen to a request, and why. `POST /v1/explain` has the origin
//! asked too: that is work for the origin, so it is no GET, which anybody may repeat, and wants the
//! scope `refresh`.

use super::Admin;
use super::listed::Fingerprints;
use super::problem::Problem;
use super::query::Query;
use super::told;
use crate::asked::{Asked, look};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use policy::explain::Outcome;
use proxy::core::Shared;
use proxy::explain::fetch;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The longest wait for one's turn.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is asked for, in JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    url: String,
    method: Option<String>,
    #[serde(default)]
    headers: Vec<String>,
}

/// What would happen to a request.
pub async fn explain(
    State(admin): State<Admin>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let query = Query::parse(query.as_deref(), &["url", "header", "method"])?;
    let asked = Asked::read(query.one("url")?, query.all("header"), query.one("method")?)?;
    let fingerprints = admin.fingerprints.clone();
    let walked = admin.walk(move |shared| {
        let (request, look) = look(shared, &asked)?;
        Ok(told::explained(shared, &request, &look, &fingerprints))
    });
    walked.await?.map(|told| Json(Value::Object(told)))
}

/// What would happen to a request, and what the origin answers to it now.
pub async fn explain_and_fetch(
    State(admin): State<Admin>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let Body { url, method, headers } = serde_json::from_slice(&body).map_err(|error| {
        let what = format!("the body is not what a question is written like: {error}");
        Problem::bad_request(what)
    })?;
    let headers = headers.iter().map(String::as_str);
    let asked = Asked::read(Some(&url), headers, method.as_deref())?;
    let (shared, fingerprints) = (admin.shared(), admin.fingerprints.clone());
    let busy = || {
        Problem::new(
            503,
            "busy",
            "Another asks an origin at the same time",
            "ask again in some seconds",
        )
        .with(header::RETRY_AFTER, HeaderValue::from_static("5"))
    };
    let turn = timeout(PATIENCE, admin.verifying.fetches.turn()).await;
    let turn = turn.ok().flatten().ok_or_else(busy)?;
    let asking = spawn_blocking(move || {
        // Kept to the end, though the client may have left.
        let _turn = turn;
        look_and_fetch(&shared, &asked, &fingerprints)
    });
    let told = asking.await.map_err(|_| {
        Problem::new(500, "internal", "Asking failed", "see the log; this is a mistake in Larder")
    })?;
    told.map(Json)
}

fn look_and_fetch(
    shared: &Arc<Shared>,
    asked: &Asked,
    fingerprints: &Fingerprints,
) -> Result<Value, Problem> {
    let (request, look) = look(shared, asked)?;
    let mut told = told::explained(shared, &request, &look, fingerprints);
    let fetched = match look.outcome {
        Outcome::Here(_) | Outcome::Pass(_) => None,
        _ => {
            let older = look.stored.picked().filter(|picked| !picked.is_gone());
            Some(fetch(shared, &request, older.map(|picked| &picked.listed.meta)))
        }
    };
    told::add_fetched(&mut told, &look, &request, fetched);
    Ok(Value::Object(told))
}
