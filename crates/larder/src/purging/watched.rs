//! Verified purges: the origin is asked until it gives something new, since what stands between may
//! go on giving the old for a while.

use super::{Turns, covered};
use crate::asked::{Asked, Unclear, look};
use policy::meta::Meta;
use policy::purge::Purge;
use policy::request::{Request, Scheme};
use policy::vary::Variant;
use proxy::core::Shared;
use proxy::refetch::{NotSeen, Seen, Who, ask, read};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Listed;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// When each try is made, in seconds after the purge.
const TRIES_AT_SECONDS: [u64; 6] = [0, 2, 6, 14, 30, 60];
/// URLs of one purge that are verified.
const MAX_VERIFIED: usize = 100;
/// No try begins later than this after the first, however slow origins are.
const PATIENCE: Duration = Duration::from_secs(75);
/// How often it is looked whether the next try is due.
const TICK: Duration = Duration::from_millis(50);
/// For how long bodies begin to be read before a purge.
const MAX_READING: Duration = Duration::from_secs(2);

/// What verifying is done with.
#[derive(Clone, Debug)]
pub struct Verifying {
    /// Whether the process is to stop.
    pub stopping: watch::Receiver<bool>,
    /// On whose behalf it is.
    who: Who,
    /// The turns of questions to origins.
    pub fetches: Turns,
    /// The turns of reading what is stored, which the purge itself waits for.
    pub readings: Turns,
}

/// Why it was not noted what is stored before a purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWatched {
    /// A URL is for none of the sites, or is none.
    Unclear(Unclear),
    /// Looking failed.
    Failed,
}

impl Verifying {
    /// For operators, until `stopping` says so.
    pub fn new(stopping: watch::Receiver<bool>) -> Verifying {
        let (fetches, readings) = (Turns::default(), Turns::default());
        Verifying { stopping, who: Who::Operator, fetches, readings }
    }

    /// For the process itself, whose questions to origins operators do not wait for.
    pub fn by_itself(&self) -> Verifying {
        Verifying { who: Who::Process, fetches: Turns::default(), ..self.clone() }
    }

    /// Takes note of what is stored before it is purged, on a thread that may wait.
    ///
    /// # Errors
    /// Why it could not.
    pub async fn watch(
        &self,
        shared: Arc<Shared>,
        urls: Vec<String>,
        purge: Purge,
    ) -> Result<Watched, NotWatched> {
        // Not a turn of questions to origins: the purge does not wait for those.
        let turn = self.readings.turn().await.ok_or(NotWatched::Failed)?;
        let watching = spawn_blocking(move || {
            let _turn = turn;
            Watched::before(&shared, &urls, &purge)
        });
        let watched = watching.await.map_err(|_| NotWatched::Failed)?;
        watched.map_err(NotWatched::Unclear)
    }
}

/// What a verified purge is held against: URLs, and what was stored of them before.
#[derive(Debug, Default)]
pub struct Watched {
    targets: Vec<Target>,
    /// Whether there are more than are verified.
    is_cut: bool,
}

/// A URL, and what was seen of it before.
#[derive(Clone, Debug)]
struct Target {
    request: Request,
    before: Option<Seen>,
}

/// How verifying a URL ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Something else came than was stored.
    Changed,
    /// Nothing was stored; now something is known.
    New,
    /// The same came at each try.
    Unchanged,
    /// No try brought a good answer.
    Failed,
}

impl Watched {
    /// Takes note of what is stored of what a purge names, before it is purged. Reads from disk.
    /// The purge waits for this, so that bodies are read for a while only.
    ///
    /// # Errors
    /// When a URL is for none of the sites.
    fn before(shared: &Arc<Shared>, urls: &[String], purge: &Purge) -> Result<Watched, Unclear> {
        let mut watched = Watched::default();
        for url in urls {
            for url in with_hosts(shared, url) {
                let asked = Asked::read(Some(&url), std::iter::empty(), None)?;
                let (request, look) = look(shared, &asked)?;
                // Perhaps only as clients ask for it, who take a coding.
                let site = look.site.site.id;
                let others = look.stored.all.iter().filter(|one| one.listed.meta.site == site);
                let mut all = look.stored.picked().into_iter().chain(others);
                let known = all.find(|one| !one.is_gone()).map(|one| &one.listed.meta);
                let asks = |meta: &Meta| asking_as(&request, &meta.variant);
                match known.and_then(|meta| Some((asks(meta)?, Seen::of(meta)))) {
                    Some((request, before)) => watched.add(request, Some(before)),
                    None => watched.add(request, None),
                }
            }
        }
        // A path of a site for every host has no host to be asked by.
        if watched.targets.is_empty() {
            watched.add_covered(shared, purge);
        }
        let until = Instant::now() + MAX_READING;
        for target in watched.targets.iter_mut().filter(|target| target.before.is_some()) {
            // With its body, where it can be had without the origin.
            let is_read = Instant::now() < until;
            let seen = if is_read { read(shared, &target.request).ok() } else { None };
            // Where nobody looked it is not called new.
            let known = target.before.take().filter(|known| !is_read || known.tells_more());
            target.before = seen.or(known);
        }
        Ok(watched)
    }

    fn add(&mut self, request: Request, before: Option<Seen>) {
        let is_same = |known: &Target| {
            let known = &known.request;
            (known.scheme, &known.host, &known.target)
                == (request.scheme, &request.host, &request.target)
        };
        match self.targets.len() < MAX_VERIFIED {
            _ if self.targets.iter().any(is_same) => {}
            true => self.targets.push(Target { request, before }),
            false => self.is_cut = true,
        }
    }

    /// Adds what is stored and covered by a purge; what depends on more than its URL is left out.
    fn add_covered(&mut self, shared: &Shared, purge: &Purge) {
        let is_all = covered(shared, purge, |listed| {
            if let Some(request) = request_for(listed) {
                self.add(request, Some(Seen::of(&listed.meta)));
            }
            if self.is_cut { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.is_cut |= !is_all;
    }

    /// Asks the origins again and again until something new came of each URL, or no try is left.
    pub async fn verify(self, shared: &Arc<Shared>, verifying: &Verifying) -> Value {
        let begun = Instant::now();
        let start = shared.clock.now();
        let mut left: Vec<(Target, Option<u16>)> =
            self.targets.into_iter().map(|target| (target, None)).collect();
        let mut done = Vec::new();
        for (number, seconds) in TRIES_AT_SECONDS.into_iter().enumerate() {
            let due = start.0 + seconds * 1000;
            while !left.is_empty() && shared.clock.now().0 < due {
                if *verifying.stopping.borrow() || begun.elapsed() > PATIENCE {
                    break;
                }
                sleep(TICK).await;
            }
            let is_last = number + 1 == TRIES_AT_SECONDS.len();
            for (target, status) in std::mem::take(&mut left) {
                let is_over = begun.elapsed() > PATIENCE || *verifying.stopping.borrow();
                let seen =
                    if is_over { None } else { refetch(shared, verifying, &target.request).await };
                let status = seen.as_ref().map(|seen| seen.status).or(status);
                match outcome(&target, seen.as_ref()) {
                    outcome @ (Outcome::Changed | Outcome::New) => {
                        done.push(told(&target, outcome, number + 1, status));
                    }
                    outcome if is_last || is_over => {
                        done.push(told(&target, outcome, number + 1, status));
                    }
                    Outcome::Unchanged | Outcome::Failed => left.push((target, status)),
                }
            }
        }
        json!({ "urls": done, "truncated": self.is_cut })
    }
}

fn outcome(target: &Target, seen: Option<&Seen>) -> Outcome {
    match (seen, &target.before) {
        (None, _) => Outcome::Failed,
        (Some(seen), _) if seen.status >= 500 => Outcome::Failed,
        (Some(_), None) => Outcome::New,
        (Some(seen), Some(before)) if seen.differs_from(before) => Outcome::Changed,
        (Some(_), Some(_)) => Outcome::Unchanged,
    }
}

fn told(target: &Target, outcome: Outcome, tries: usize, status: Option<u16>) -> Value {
    let Request { scheme, host, target, .. } = &target.request;
    let outcome = match outcome {
        Outcome::Changed => "changed",
        Outcome::New => "new",
        Outcome::Unchanged => "unchanged",
        Outcome::Failed => "failed",
    };
    let url = format!("{}://{host}{target}", scheme.as_str());
    json!({ "url": url, "outcome": outcome, "tries": tries, "status": status })
}

/// A path on every host that sites name, else the URL as it is.
fn with_hosts(shared: &Shared, url: &str) -> Vec<String> {
    if !url.starts_with('/') || url.starts_with("//") {
        return vec![url.trim_start_matches('/').to_owned()];
    }
    let hosts = shared.settings.sites.iter().flat_map(|site| &site.site.hosts);
    let named = hosts.map(|host| host.as_str()).filter(|host| !host.contains(['*', '?']));
    named.take(MAX_VERIFIED).map(|host| format!("{host}{url}")).collect()
}

fn request_for(listed: &Listed) -> Option<Request> {
    if listed.key.as_ref().is_entry() {
        return None;
    }
    let parts = listed.key.as_ref().parts();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let scheme = if parts.scheme == b"https" { Scheme::Https } else { Scheme::Http };
    let host = format!("{}{}", text(parts.hostname)?, text(parts.port)?);
    let target = text(parts.target)?;
    let request = Request { scheme, host, target, ..Request::default() };
    let request = asking_as(&request, &listed.meta.variant)?;
    parts.added.is_empty().then_some(request)
}

/// The request as those send it for whom a variant is; nothing if that is chosen by who asks.
fn asking_as(request: &Request, variant: &Variant) -> Option<Request> {
    if variant.answers(&request.fields) {
        return Some(request.clone());
    }
    let mut request = request.clone();
    let is_there = |value: &[u8]| value != [0];
    for (name, value) in variant.nominated().iter().filter(|(_, value)| is_there(value)) {
        request.fields.push(name.as_bytes(), value);
    }
    (!variant.depends_on_visitor()).then_some(request)
}

/// Asks the origin, and has what it gives stored; nothing if there is no answer.
async fn refetch(shared: &Arc<Shared>, verifying: &Verifying, request: &Request) -> Option<Seen> {
    let turn = verifying.fetches.turn().await?;
    let (shared, mut asking, who) = (shared.clone(), request.clone(), verifying.who);
    asking.fields.push(b"cache-control", b"no-cache");
    let seen = spawn_blocking(move || {
        let _turn = turn;
        ask(&shared, &asking, who)
    });
    match seen.await {
        Ok(Ok(seen)) => Some(seen),
        Ok(Err(error)) => {
            let why = match error {
                NotSeen::Failed(error) => error.token().to_owned(),
                NotSeen::BrokenOff => "the body broke off".to_owned(),
                NotSeen::TooSlow => "too slow".to_owned(),
                NotSeen::System(error) => error.to_string(),
            };
            tracing::debug!("verifying {}{}: {why}", request.host, request.target);
            None
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_what_came_held_against_what_was_there() {
        let seen = |status, etag: &str| Seen {
            status,
            etag: Some(etag.as_bytes().into()),
            last_modified: None,
            body: None,
        };
        for (before, after, expected) in [
            (Some(seen(200, "1")), Some(seen(200, "2")), Outcome::Changed),
            (Some(seen(200, "1")), Some(seen(200, "1")), Outcome::Unchanged),
            (Some(seen(200, "1")), Some(seen(404, "1")), Outcome::Changed),
            (Some(seen(200, "1")), Some(seen(502, "2")), Outcome::Failed),
            (Some(seen(200, "1")), None, Outcome::Failed),
            (None, Some(seen(200, "1")), Outcome::New),
        ] {
            let target = Target { request: Request::default(), before };
            assert_eq!(outcome(&target, after.as_ref()), expected);
        }
    }
}
