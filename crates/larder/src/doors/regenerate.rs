//! `POST /api/regenerate`: the feeds of a site are fetched anew, at once.

use super::secrets::{is_secret, slow_down};
use super::{refused, said};
use crate::config::secret::Secret;
use crate::failures::Failures;
use crate::feeds::is_of;
use mirror::mirror::Mirror;
use mirror::{Ended, NotDone};
use policy::request::{Method, Request};
use policy::rule::SiteId;
use proxy::doors::{Door, Knock, Said};
use proxy::settings::SiteSettings;
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// The longest body that is taken, and left unread, in bytes.
const MAX_BODY_BYTES: usize = 16 << 10;
/// How long an answer waits for the runs. What takes longer goes on.
const PATIENCE: Duration = Duration::from_secs(100);
/// The header of the key.
const KEY: &str = "x-api-key";

/// Where feeds are fetched anew, as a site's configuration has it.
#[derive(Clone, Debug)]
pub struct Regenerate {
    /// Its path.
    pub path: Box<str>,
    /// What has to be shown.
    pub key: Secret,
    /// The site.
    pub site: SiteId,
}

#[derive(Debug)]
struct RegenerateDoor {
    is: Regenerate,
    /// Who showed something else of late.
    failures: Failures,
    mirror: Arc<Mirror>,
}

/// Gives each site its door, if it has one.
pub fn open_regenerate(sites: &mut [SiteSettings], all: &[Regenerate], mirror: &Arc<Mirror>) {
    for site in sites {
        let its = all.iter().find(|regenerate| regenerate.site == site.site.id);
        if let Some(its) = its {
            let (is, failures, mirror) = (its.clone(), Failures::default(), mirror.clone());
            site.doors.push(Arc::new(RegenerateDoor { is, failures, mirror }));
        }
    }
}

impl Door for RegenerateDoor {
    fn is_for(&self, request: &Request) -> bool {
        request.path() == &*self.is.path
    }

    fn max_body_bytes(&self) -> usize {
        MAX_BODY_BYTES
    }

    fn answer<'a>(&'a self, knock: Knock<'a>) -> Pin<Box<dyn Future<Output = Said> + 'a>> {
        Box::pin(self.regenerate(knock))
    }
}

impl RegenerateDoor {
    async fn regenerate(&self, knock: Knock<'_>) -> Said {
        if knock.request.method != Method::Post {
            let mut said = refused(405, "this path takes POST");
            said.fields.push(b"allow", b"POST");
            return said;
        }
        let offered = knock.request.fields.all_named(KEY).next().unwrap_or_default();
        if !is_secret(&self.is.key, offered) {
            slow_down(&self.failures, knock.client, &self.is.path).await;
            return refused(401, "X-API-Key is wrong or missing");
        }
        let feeds = self.mirror.names(|feed| is_of(feed, self.is.site));
        if feeds.is_empty() {
            return refused(404, "this site has no feed");
        }
        let runs = feeds.into_iter().map(|name| {
            let (mirror, asked) = (self.mirror.clone(), name.clone());
            // As tasks of their own: all begin, whoever stops waiting.
            (name, tokio::spawn(async move { mirror.refresh(&asked, false).await }))
        });
        let ended = within(PATIENCE, runs.collect()).await;
        let (status, mut body) = summary(&ended);
        body["timestamp"] = knock.shared.clock.now().to_rfc3339().into();
        said(status, &body)
    }
}

/// How a feed's run ended; nothing where it goes on.
type Outcome = (String, Option<Result<Ended, NotDone>>);

/// Waits for runs, all together no longer than `patience`.
async fn within(
    patience: Duration,
    runs: Vec<(String, JoinHandle<Result<Ended, NotDone>>)>,
) -> Vec<Outcome> {
    let end = Instant::now() + patience;
    let mut ended = Vec::new();
    for (name, run) in runs {
        let outcome = timeout_at(end, run).await.ok();
        ended.push((name, outcome.map(|outcome| outcome.unwrap_or(Err(NotDone::Ending)))));
    }
    ended
}

/// Status and body for how the runs ended: the worst of them counts.
fn summary(outcomes: &[Outcome]) -> (u16, Value) {
    let status = outcomes.iter().map(|(_, outcome)| match outcome {
        Some(Ok(_)) => 200,
        None => 202,
        Some(Err(NotDone::Busy)) => 409,
        Some(Err(NotDone::Failed(_))) => 502,
        Some(Err(NotDone::Unknown | NotDone::Ending)) => 503,
    });
    // They rise with how bad they are.
    let status = status.max().unwrap_or(200);
    let items = |(_, outcome): &Outcome| match outcome {
        Some(Ok(ended)) => ended.items,
        _ => 0,
    };
    let count: usize = outcomes.iter().map(items).sum();
    let feeds: Vec<Value> = outcomes.iter().map(shown).collect();
    let mut body = json!({ "success": status < 300, "count": count, "feeds": feeds });
    if outcomes.iter().any(|(_, outcome)| outcome.is_none()) {
        body["running"] = true.into();
    }
    let bad = feeds.iter().filter(|feed| feed["ok"] == false);
    let errors: Vec<String> = bad
        .filter_map(|feed| Some(format!("{}: {}", feed["name"].as_str()?, feed["error"].as_str()?)))
        .collect();
    if !errors.is_empty() {
        body["error"] = errors.join("; ").into();
    }
    (status, body)
}

/// One feed. Of what failed only the kind is told: the rest may quote what a server answered.
fn shown((name, outcome): &Outcome) -> Value {
    let error = match outcome {
        None => return json!({ "name": name, "running": true }),
        Some(Ok(ended)) => return json!({ "name": name, "ok": true, "count": ended.items }),
        Some(Err(NotDone::Busy)) => "it is being fetched now".to_owned(),
        Some(Err(NotDone::Failed(fault))) => {
            let kind = fault.token();
            format!("{kind}: nothing new is published, and `larder feeds` says more")
        }
        Some(Err(NotDone::Unknown | NotDone::Ending)) => {
            "the server is stopping, or reads its configuration".to_owned()
        }
    };
    json!({ "name": name, "ok": false, "error": error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror::Fault;

    fn published(items: usize) -> Option<Result<Ended, NotDone>> {
        Some(Ok(Ended { is_new: true, items, pictures: 0, missing: 0, beyond: 0 }))
    }

    #[test]
    fn the_worst_of_all_runs_is_the_answer_and_each_is_named() {
        let busy = || Some(Err(NotDone::Busy));
        let failed = || Some(Err(NotDone::Failed(Fault::Malformed("a secret".to_owned()))));
        let ending = || Some(Err(NotDone::Ending));
        for (one, other, status, count) in [
            (published(3), published(4), 200, 7),
            (published(3), None, 202, 3),
            (busy(), published(4), 409, 4),
            (None, busy(), 409, 0),
            (failed(), published(4), 502, 4),
            (failed(), busy(), 502, 0),
            (failed(), ending(), 503, 0),
        ] {
            let outcomes = [("a".to_owned(), one), ("b".to_owned(), other)];
            let (found, body) = summary(&outcomes);
            assert_eq!((found, &body["count"]), (status, &json!(count)), "{body}");
            assert_eq!(body["success"], status < 300, "{body}");
            assert_eq!(
                (&body["feeds"][0]["name"], &body["feeds"][1]["name"]),
                (&json!("a"), &json!("b"))
            );
            assert_eq!(body["error"].is_null(), status < 300, "{body}");
            assert!(!body.to_string().contains("secret"), "{body}");
        }
    }

    #[tokio::test]
    async fn who_takes_too_long_goes_on_and_keeps_nobody_waiting() {
        let done = tokio::spawn(async { Err(NotDone::Busy) });
        while !done.is_finished() {
            tokio::task::yield_now().await;
        }
        let endless = tokio::spawn(std::future::pending());
        let runs = vec![("a".to_owned(), endless), ("b".to_owned(), done)];
        let ended = within(Duration::ZERO, runs).await;
        assert_eq!(ended, [("a".to_owned(), None), ("b".to_owned(), Some(Err(NotDone::Busy)))]);
    }
}
