//! `GET /v1/explain`: what would happen to a request, and why. `POST /v1/explain` has the origin
//! asked too: that is work for the origin, so it is no GET, which anybody may repeat, and wants the
//! scope `refresh`.

use super::Admin;
use super::asked::Asked;
use super::listed::Fingerprints;
use super::problem::Problem;
use super::query::Query;
use super::told;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use policy::explain::Outcome;
use policy::request::{Request, Scheme};
use proxy::core::Shared;
use proxy::explain::{Look, fetch};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Questions to origins at once.
pub const MAX_FETCHES: usize = 1;
/// The longest wait for one's turn.
const PATIENCE: Duration = Duration::from_secs(3);
/// Hosts that are named to who asks for one that there is none of.
const MAX_HOSTS: usize = 20;

/// The turns of questions to origins, or of reading what is stored.
#[derive(Debug)]
pub struct Fetches(Arc<Semaphore>);

impl Default for Fetches {
    fn default() -> Fetches {
        Fetches(Arc::new(Semaphore::new(MAX_FETCHES)))
    }
}

impl Fetches {
    /// A turn, however long it takes; nothing only when the process ends.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().acquire_owned().await.ok()
    }
}

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
    let turn = timeout(PATIENCE, admin.fetches.0.clone().acquire_owned()).await;
    let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
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

/// Looks. Who does not name a scheme means the one of which something is stored, or else https where
/// it is spoken.
pub fn look<'s>(shared: &'s Shared, asked: &Asked) -> Result<(Request, Look<'s>), Problem> {
    let by = |scheme| {
        let request = asked.by(scheme);
        let look = Look::of(shared, &request)?;
        Some((request, look))
    };
    let found = match asked.scheme {
        Some(scheme) => by(scheme),
        None => {
            let (secure, plain) = (by(Scheme::Https), by(Scheme::Http));
            let has = |found: &Option<(Request, Look<'_>)>| {
                found.as_ref().is_some_and(|(_, look)| !look.stored.all.is_empty())
            };
            let is_secure = shared.tls.is_some()
                || secure.as_ref().is_some_and(|(_, look)| look.site.site.https_port.is_some());
            match (has(&secure), has(&plain)) {
                (true, false) => secure,
                (false, true) => plain,
                _ if is_secure => secure,
                _ => plain,
            }
        }
    };
    found.ok_or_else(|| unknown_host(shared, asked.host()))
}

fn unknown_host(shared: &Shared, host: &str) -> Problem {
    let sites = shared.settings.sites.iter().flat_map(|site| &site.site.hosts);
    let known: Vec<&str> = sites.map(|host| host.as_str()).collect();
    let more = if known.len() > MAX_HOSTS { ", …" } else { "" };
    let known = known.into_iter().take(MAX_HOSTS).collect::<Vec<_>>().join(", ");
    let detail = format!(
        "{host} is none of {known}{more}: ask for one of these, or name it by -H 'Host: …'"
    );
    Problem::new(404, "unknown-host", "No site answers for this host", detail)
}
