//! `GET /v1/tags`: which tags were purged since a point in the log, for who holds tagged values of a
//! site in memory of its own; at once, or as soon as there is something to tell.

use super::Admin;
use super::problem::Problem;
use super::query::Query;
use super::site::site_meant;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use policy::entry::root_of;
use policy::purge::{Audience, Born, Force, News};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::purge_log::Tidings;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Those who wait at once.
pub const MAX_WAITERS: usize = 64;
/// The longest wait, in seconds.
const MAX_WAIT_SECONDS: u64 = 30;

/// The places of those who wait.
#[derive(Debug)]
pub struct Waiters(Arc<Semaphore>);

impl Default for Waiters {
    fn default() -> Waiters {
        Waiters(Arc::new(Semaphore::new(MAX_WAITERS)))
    }
}

impl Waiters {
    /// How many wait now.
    pub fn count(&self) -> usize {
        MAX_WAITERS.saturating_sub(self.0.available_permits())
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0.clone().try_acquire_owned().map_err(|_| {
            Problem::new(503, "busy", "Too many wait already", "ask without wait, or later")
                .with(header::RETRY_AFTER, HeaderValue::from_static("5"))
        })
    }
}

/// Tells what was purged since.
pub async fn tags(
    State(admin): State<Admin>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let query = Query::parse(query.as_deref(), &["since", "site", "wait"])?;
    let shared = admin.shared();
    let site = site_meant(&shared, query.one("site")?)?;
    let root = root_of(site);
    let audience = Audience::new(site.id, &root);
    let since = query.one("since")?.map(point).transpose()?;
    let wait = wait(query.one("wait")?)?;
    let Some(mut since) = since else {
        // Who has no point holds nothing that could be told of.
        return Ok(Json(told(Tidings { head: shared.store.head(), news: None }, &audience)));
    };
    let until = Instant::now() + wait;
    let mut stopping = admin.verifying.stopping.clone();
    let mut place = None;
    loop {
        let tidings = shared.store.tidings(since);
        let has_news = match &tidings.news {
            Some(news) => news.iter().any(|news| news.told(&audience).is_some()),
            None => true,
        };
        if has_news || Instant::now() >= until || *stopping.borrow() {
            return Ok(Json(told(tidings, &audience)));
        }
        if place.is_none() {
            place = Some(admin.counts.waiters.place()?);
        }
        // Nothing up to here concerns who asks.
        since = tidings.head;
        tokio::select! {
            _ = shared.store.next_purge(since.seq) => {}
            () = sleep_until(until) => {}
            // It ends only with the process.
            _ = stopping.changed() => {}
        }
    }
}

fn point(text: &str) -> Result<Born, Problem> {
    let mend = "send as since the head of an answer before, as it was";
    text.parse().map_err(|_| Problem::bad_request(mend))
}

fn wait(text: Option<&str>) -> Result<Duration, Problem> {
    let seconds = match text {
        None => Some(0),
        Some(text) => text.parse().ok().filter(|seconds| *seconds <= MAX_WAIT_SECONDS),
    };
    seconds.map(Duration::from_secs).ok_or_else(|| {
        Problem::bad_request(format!("write wait as seconds, {MAX_WAIT_SECONDS} at the most"))
    })
}

fn told(tidings: Tidings, audience: &Audience<'_>) -> Value {
    let Tidings { head, news } = tidings;
    let one = |news: &Arc<News>| {
        let told = news.told(audience)?;
        let force = match news.force {
            Force::Hard => "hard",
            Force::Soft => "soft",
            Force::Paced => "paced",
        };
        Some(json!({
            "seq": news.seq,
            "force": force,
            "at": news.at.0,
            "tags": told.tags,
            "everything": told.everything,
        }))
    };
    let purges: Vec<Value> = news.iter().flatten().filter_map(one).collect();
    json!({ "head": head.to_string(), "complete": news.is_some(), "purges": purges })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded() {
        for (text, seconds) in [
            (None, Some(0)),
            (Some("0"), Some(0)),
            (Some("30"), Some(30)),
            (Some("31"), None),
            (Some("-1"), None),
            (Some("1.5"), None),
            (Some(""), None),
            (Some("99999999999999999999"), None),
        ] {
            assert_eq!(wait(text).ok(), seconds.map(Duration::from_secs), "{text:?}");
        }
        let waiters = Waiters::default();
        let places: Vec<_> = (0..MAX_WAITERS).map(|_| waiters.place().expect("free")).collect();
        assert_eq!(waiters.place().err().map(|problem| problem.status()), Some(503));
        assert_eq!(waiters.count(), MAX_WAITERS);
        drop(places);
        assert_eq!(waiters.count(), 0);
    }
}
