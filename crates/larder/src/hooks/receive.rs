//! The way of a delivery: is it believed, has it come before, what does it name; then it is purged,
//! noted and answered, and verified after that.

use super::deliveries::{Deliveries, Delivery, Outcome, short};
use super::hook::Hook;
use super::plan::{Plan, plan};
use super::verifier::{Forged, Genuine, Signed};
use crate::failures::Failures;
use crate::purging::{NotWatched, Verifying, Watched};
use bytes::Bytes;
use policy::fields::Fields;
use policy::purge::Purge;
use policy::time::Timestamp;
use proxy::core::Shared;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The longest body of a delivery, in bytes.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// Deliveries that are verified at once; more are purged and not verified, which is said.
const MAX_VERIFYING: usize = 32;
/// Deliveries that are under way at once; more are told to come again.
const MAX_UNDER_WAY: usize = 256;
/// The longest look at what is stored before a purge that is verified. What takes longer is purged and
/// not verified, which is said.
const MAX_LOOK: Duration = Duration::from_secs(2);
/// Payloads that are read at once: one takes up to a hundred times the memory of its body.
const MAX_PAYLOADS: usize = 4;

/// A request to a hook.
#[derive(Debug)]
pub struct Arrived {
    /// The method.
    pub method: String,
    /// Path and query, as they were sent.
    pub target: String,
    /// The header fields.
    pub fields: Fields,
    /// The body.
    pub body: Bytes,
    /// Who sent it, where that can be told.
    pub client: Option<IpAddr>,
}

/// What a delivery is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// How it ended.
    pub outcome: Outcome,
    /// What is said of it, in JSON; where it failed, its `error`.
    pub body: Value,
}

/// The hooks of the process.
#[derive(Debug)]
pub struct Hooks {
    all: RwLock<Arc<[Arc<Hook>]>>,
    deliveries: Deliveries,
    failures: Failures,
    verifying: Verifying,
    places: Arc<Semaphore>,
    payloads: Semaphore,
    under_way: Arc<Semaphore>,
    /// Held from the last look whether a delivery came before until it is noted that it did, so that
    /// none is new twice.
    turn: Mutex<()>,
}

/// What was stored before a purge, and a place among those that are verified.
struct Watching {
    watched: Watched,
    place: OwnedSemaphorePermit,
}

/// What a payload means to a hook.
enum Meaning {
    Purges(Plan),
    Nothing,
    Ignored,
    Bad(String),
}

impl Reply {
    /// The status that goes with it.
    pub fn status(&self) -> u16 {
        match self.outcome {
            Outcome::Purged | Outcome::Repeated | Outcome::Ignored | Outcome::Nothing => 200,
            Outcome::BadPayload => 400,
            Outcome::Refused => 401,
            Outcome::NotKept => 503,
        }
    }

    fn failed(outcome: Outcome, error: &str) -> Reply {
        let body = json!({ "success": false, "outcome": outcome.word(), "error": error });
        Reply { outcome, body }
    }

    fn done(outcome: Outcome, more: &Value) -> Reply {
        let mut body = json!({ "success": true, "outcome": outcome.word() });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        Reply { outcome, body }
    }
}

impl Hooks {
    /// These hooks, with the memory of the data folder, if there is one.
    pub fn open(folder: Option<&Path>, all: Arc<[Arc<Hook>]>, verifying: Verifying) -> Arc<Hooks> {
        Arc::new(Hooks {
            all: RwLock::new(all),
            deliveries: Deliveries::open(folder),
            failures: Failures::default(),
            verifying,
            places: Arc::new(Semaphore::new(MAX_VERIFYING)),
            payloads: Semaphore::new(MAX_PAYLOADS),
            under_way: Arc::new(Semaphore::new(MAX_UNDER_WAY)),
            turn: Mutex::new(()),
        })
    }

    /// The hooks that there are now.
    pub fn all(&self) -> Arc<[Arc<Hook>]> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The hook of that name.
    pub fn named(&self, name: &str) -> Option<Arc<Hook>> {
        self.all().iter().find(|hook| *hook.name == *name).cloned()
    }

    /// Others from now on.
    pub fn replace(&self, all: Arc<[Arc<Hook>]>) {
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = all;
    }

    /// What came of deliveries.
    pub fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// Takes a delivery, whichever listener it came to.
    pub async fn receive(
        self: Arc<Self>,
        hook: Arc<Hook>,
        shared: Arc<Shared>,
        arrived: Arrived,
    ) -> Reply {
        let now = shared.clock.now();
        let Arrived { method, target, fields, body, .. } = &arrived;
        let signed = Signed { method, target, fields, body };
        match hook.kind.verify(&hook.secrets, signed, now) {
            Err(forged) => {
                let client = arrived.client;
                // A stranger's body is not kept while he waits.
                drop(arrived);
                self.refuse(&hook, now, client, forged).await
            }
            Ok(genuine) => {
                let Ok(place) = self.under_way.clone().try_acquire_owned() else {
                    let delivery = Delivery::new(&hook.name, now, Outcome::NotKept);
                    let error = "too many come at once: send it again".to_owned();
                    return self.fail(delivery, Outcome::NotKept, error);
                };
                // On its own: what is half done is done, though the sender may leave.
                let name = hook.name.clone();
                let taking = tokio::spawn(async move {
                    let _place = place;
                    self.take(hook, shared, arrived, genuine).await
                });
                taking.await.unwrap_or_else(|error| {
                    tracing::error!("hook {name}: {error}");
                    Reply::failed(Outcome::NotKept, "see the log; this is a mistake in Larder")
                })
            }
        }
    }

    async fn refuse(
        &self,
        hook: &Hook,
        now: Timestamp,
        client: Option<IpAddr>,
        forged: Forged,
    ) -> Reply {
        let error = Some(forged.to_string());
        self.deliveries
            .note(Delivery { error, ..Delivery::new(&hook.name, now, Outcome::Refused) });
        let client = client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let what = format!("a delivery to hook {} that is not believed: {forged}", hook.name);
        self.failures.slow_down(client, &what).await;
        Reply::failed(Outcome::Refused, &forged.to_string())
    }

    async fn take(
        self: Arc<Self>,
        hook: Arc<Hook>,
        shared: Arc<Shared>,
        arrived: Arrived,
        genuine: Genuine,
    ) -> Reply {
        let Genuine { fingerprint, id } = genuine;
        let mut delivery = Delivery::new(&hook.name, shared.clock.now(), Outcome::Repeated);
        (delivery.id, delivery.fingerprint) = (id, fingerprint.map(|it| it.to_string()));
        let is_known = || fingerprint.is_some_and(|it| self.deliveries.knows(&hook.name, it));
        if is_known() {
            return self.repeat(delivery);
        }
        let (event, meaning) = {
            // Nobody closes it.
            let _place = self.payloads.acquire().await;
            understood(&hook, &shared, arrived).await
        };
        delivery.event = event;
        let plan = match meaning {
            Meaning::Bad(error) => return self.fail(delivery, Outcome::BadPayload, error),
            Meaning::Ignored => return self.settle(delivery, Outcome::Ignored).await,
            Meaning::Nothing => return self.settle(delivery, Outcome::Nothing).await,
            Meaning::Purges(plan) => plan,
        };
        let why = delivery.event.as_deref().unwrap_or_default();
        let purge = plan.purge(&hook, shared.clock.now(), why);
        let watched = self.watch(&hook, &shared, &plan, &purge).await;
        let _turn = self.turn.lock().await;
        if is_known() {
            return self.repeat(delivery);
        }
        self.purge(&hook, &shared, (delivery, plan), purge, watched).await
    }

    /// Takes note of what is stored, where the purge is to be verified: or why it is not.
    async fn watch(
        &self,
        hook: &Hook,
        shared: &Arc<Shared>,
        plan: &Plan,
        purge: &Purge,
    ) -> Option<Result<Watching, String>> {
        if !hook.is_verified {
            return None;
        }
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return Some(Err("too many are verified at the same time".to_owned()));
        };
        let urls = plan.urls_to_ask(hook);
        let looking = self.verifying.watch(shared.clone(), urls, purge.clone());
        Some(match timeout(MAX_LOOK, looking).await {
            Ok(Ok(watched)) => Ok(Watching { watched, place }),
            Ok(Err(NotWatched::Unclear(unclear))) => Err(unclear.to_string()),
            Ok(Err(NotWatched::Failed)) => Err("looking failed; see the log".to_owned()),
            Err(_) => Err("looking at what is stored took too long".to_owned()),
        })
    }

    async fn purge(
        self: &Arc<Self>,
        hook: &Arc<Hook>,
        shared: &Arc<Shared>,
        (delivery, plan): (Delivery, Plan),
        purge: Purge,
        watched: Option<Result<Watching, String>>,
    ) -> Reply {
        let seq = match shared.store.purge(purge).await {
            Ok(seq) => seq,
            Err(error) => {
                let error =
                    format!("nothing was purged: the purge log cannot be written ({error})");
                return self.fail(delivery, Outcome::NotKept, error);
            }
        };
        let named = plan.named();
        let Plan { tags, urls, prefixes, .. } = plan;
        let (force, is_verified) = (hook.force_word(), matches!(watched, Some(Ok(_))));
        let more = json!({
            "invalidated": named, "seq": seq, "force": force, "verify": is_verified,
            "tags": tags, "urls": urls, "prefixes": prefixes,
        });
        tracing::info!("hook {}: {force} purge {seq} of {named} tags and URLs", hook.name);
        let mut delivery = Delivery { named, tags, urls, prefixes, seq: Some(seq), ..delivery };
        delivery.outcome = Outcome::Purged;
        if let Some(Err(error)) = &watched {
            delivery.verified = Some(json!({ "error": error }));
        }
        let number = self.note(delivery).await;
        if let Some(Ok(watching)) = watched {
            tokio::spawn(self.clone().verify(shared.clone(), watching, number));
        }
        Reply::done(Outcome::Purged, &more)
    }

    async fn verify(self: Arc<Self>, shared: Arc<Shared>, watching: Watching, number: u64) {
        let Watching { watched, place } = watching;
        let verified = watched.verify(&shared, &self.verifying).await;
        drop(place);
        let noting = spawn_blocking(move || self.deliveries.note_verified(number, verified));
        if noting.await.is_err() {
            tracing::error!("what came of verifying a webhook was not noted");
        }
    }

    /// It came before: nothing is done.
    fn repeat(&self, delivery: Delivery) -> Reply {
        self.deliveries.note(Delivery { outcome: Outcome::Repeated, ..delivery });
        Reply::done(Outcome::Repeated, &json!({}))
    }

    /// Notes that nothing had to be done.
    async fn settle(self: &Arc<Self>, delivery: Delivery, outcome: Outcome) -> Reply {
        let event = delivery.event.clone();
        self.note(Delivery { outcome, ..delivery }).await;
        let more = event.map_or(json!({}), |event| json!({ "event": event }));
        Reply::done(outcome, &more)
    }

    /// Notes that it failed: it may come again.
    fn fail(&self, delivery: Delivery, outcome: Outcome, error: String) -> Reply {
        let reply = Reply::failed(outcome, &error);
        tracing::warn!("hook {}: {error}", delivery.hook);
        self.deliveries.note(Delivery { outcome, error: Some(error), ..delivery });
        reply
    }

    /// Notes what has to last, on a thread that may wait.
    async fn note(self: &Arc<Self>, delivery: Delivery) -> u64 {
        let hooks = self.clone();
        let noting = spawn_blocking(move || hooks.deliveries.note(delivery));
        noting.await.unwrap_or_else(|error| {
            tracing::error!("a webhook was not noted: {error}");
            0
        })
    }
}

/// What a delivery means: read on a thread beside, for a payload may be long.
async fn understood(
    hook: &Arc<Hook>,
    shared: &Arc<Shared>,
    arrived: Arrived,
) -> (Option<Box<str>>, Meaning) {
    let (hook, shared) = (hook.clone(), shared.clone());
    let reading = spawn_blocking(move || {
        let payload = match serde_json::from_slice::<Value>(&arrived.body) {
            Ok(payload) => payload,
            Err(_) if !hook.reads_payload() => Value::Null,
            Err(error) => {
                let event = hook.kind.event(&arrived.fields, None).map(|event| short(event).into());
                return (event, Meaning::Bad(format!("the body is no JSON: {error}")));
            }
        };
        let event = hook.kind.event(&arrived.fields, Some(&payload));
        let sites = &shared.settings.sites;
        let meaning = match hook.is_for(event).then(|| plan(&hook, &payload, sites)) {
            None => Meaning::Ignored,
            Some(Err(error)) => Meaning::Bad(error),
            Some(Ok(plan)) if plan.is_empty() => Meaning::Nothing,
            Some(Ok(plan)) => Meaning::Purges(plan),
        };
        (event.map(|event| short(event).into()), meaning)
    });
    let failed = |_| (None, Meaning::Bad("reading failed; see the log".to_owned()));
    reading.await.unwrap_or_else(failed)
}
