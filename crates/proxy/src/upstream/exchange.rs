//! One request to an origin, which may be several servers, and the head of its response.

use super::body::{RequestBody, ResponseBody};
use super::endpoint::{Either, Endpoint, EndpointShared, Failed};
use super::gate::Turn;
use super::long::LongStreams;
use super::reach::Reach;
use super::request::Outgoing;
use super::retries::Retries;
use crate::cache_status::StoodIn;
use crate::clock::Clock;
use crate::error::Error;
use crate::metrics::SiteCounters;
use crate::settings::{HealthCheck, OriginLimits, SiteSettings};
use policy::fields::Fields;
use policy::freshness::Exchange;
use policy::lineage::Lineage;
use std::cell::Cell;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of the turns at an origin, one part in so many may go on for nobody.
const UNATTENDED_SHARE: usize = 4;

/// Takes interim responses (1xx) as they come: status and fields.
pub type Early = Arc<dyn Fn(u16, &Fields) + Send + Sync>;

/// An origin, as all cores share it.
#[derive(Debug)]
pub struct UpstreamShared {
    limits: Arc<OriginLimits>,
    endpoints: Vec<Arc<EndpointShared>>,
    retries: Retries,
    /// Places for requests that nobody waits for any more.
    unattended: Arc<Semaphore>,
    /// Whose it is, and how it is checked: another site's, or another check, makes it another.
    site: String,
    health_check: Option<HealthCheck>,
    reach: Reach,
}

/// An origin, as one core has it.
#[derive(Debug)]
pub struct Upstream {
    shared: Arc<UpstreamShared>,
    endpoints: Vec<Endpoint>,
    /// The endpoint whose turn it is.
    next: Cell<usize>,
}

/// A response whose body is still to come.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The fields, less those of the connection.
    pub fields: Fields,
    /// The announced length of the body.
    pub length: Option<u64>,
    /// When it was asked for and came.
    pub exchange: Exchange,
    /// What it inherits of what it was made from, if it was made here.
    pub lineage: Option<Box<Lineage>>,
    /// Whether something better is to take its place as soon as there is time.
    pub is_provisional: bool,
    /// What stood in for its source, if something did.
    pub stood_in: Option<StoodIn>,
    /// The body.
    pub body: ResponseBody,
}

impl UpstreamShared {
    /// The origin of a site.
    pub fn new(
        site: &SiteSettings,
        limits: Arc<OriginLimits>,
        long: &LongStreams,
    ) -> UpstreamShared {
        let endpoint = |address: &_| {
            let tls = site.origin_tls.clone();
            let (limits, long) = (limits.clone(), long.clone());
            Arc::new(EndpointShared::new(
                Clone::clone(address),
                tls,
                limits,
                long,
                site.reach.clone(),
            ))
        };
        let endpoints: Vec<_> = site.origins.iter().map(endpoint).collect();
        let turns = limits.concurrency.saturating_mul(endpoints.len()).min(Semaphore::MAX_PERMITS);
        let unattended = Arc::new(Semaphore::new((turns / UNATTENDED_SHARE).max(1)));
        UpstreamShared {
            endpoints,
            unattended,
            limits,
            retries: Retries::default(),
            site: site.site.name.clone(),
            health_check: site.health_check.clone(),
            reach: site.reach.clone(),
        }
    }

    /// Whether it is the origin of that site under those limits.
    pub fn is_for(&self, site: &SiteSettings, limits: &OriginLimits) -> bool {
        let addresses = self.endpoints.iter().map(|endpoint| endpoint.address());
        // How TLS is spoken cannot be compared: it was read anew.
        site.origin_tls.is_none()
            && self.site == site.site.name
            && self.health_check == site.health_check
            && self.reach == site.reach
            && addresses.eq(&site.origins)
            && *self.limits == *limits
    }

    /// Notes how an exchange went. Who fails again and again is left out, unless no other is well.
    fn note(&self, at: usize, failed: Option<&Failed>) {
        let endpoint = &self.endpoints[at];
        let health = &endpoint.health;
        let error = failed.map(|failed| &failed.error);
        let is_failure = failed.is_some_and(|failed| failed.counts)
            && error.is_some_and(|error| error.failure().is_some() && !error.is_ours());
        if !is_failure {
            if error.is_none() {
                health.succeeded();
            }
            return;
        }
        let mut others = self.endpoints.iter().filter(|other| !Arc::ptr_eq(other, endpoint));
        let alone = !others.any(|other| other.health.is_well());
        if health.failed(&self.limits) && !alone && health.is_well() {
            let time = health.leave_out(&self.limits);
            let (url, error) = (endpoint.address().url(), error.map(Error::explanation));
            let why = error.unwrap_or_default();
            tracing::warn!("the origin {url} is left out for {time:?}: {why}");
        }
    }
}

impl Upstream {
    /// A core's own view, with its own connections.
    pub fn new(shared: Arc<UpstreamShared>, core: usize) -> Upstream {
        let endpoints: Vec<_> = shared.endpoints.iter().cloned().map(Endpoint::new).collect();
        let next = Cell::new(core % endpoints.len().max(1));
        Upstream { shared, endpoints, next }
    }

    /// Whether it is a view on that one.
    pub fn is(&self, shared: &Arc<UpstreamShared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// A place for a request that goes on although nobody waits for it, if there is one: the origin
    /// is at work already, but those who wait must not stand behind those who have left.
    pub fn go_on_unattended(&self) -> Option<OwnedSemaphorePermit> {
        self.shared.unattended.clone().try_acquire_owned().ok()
    }

    /// Closes connections that have been idle too long.
    pub fn sweep(&self) {
        self.endpoints.iter().for_each(Endpoint::sweep);
    }

    /// Closes what is idle, and keeps no connection from now on.
    pub fn retire(&self) {
        self.endpoints.iter().for_each(Endpoint::retire);
    }

    /// Its servers, as this core has them.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Sends a request and waits for the head of its response. One that may be repeated, and of
    /// whose response no byte came, is tried once more, at another server where there is one.
    ///
    /// # Errors
    /// Why there is no response.
    pub async fn exchange(
        &self,
        outgoing: &Outgoing,
        body: RequestBody,
        early: Option<Early>,
        clock: &Clock,
        counters: &SiteCounters,
    ) -> Result<Response, Error> {
        let started = Instant::now();
        let repeatable = body.is_empty() && outgoing.method.is_idempotent();
        self.shared.retries.earn(self.shared.limits.retry_percent);
        let (first, turn) = self.enter(None).await?;
        let place = (first, turn);
        let mut found = self.ask(place, outgoing, body, early.as_ref(), clock, counters).await;
        if let Err(Failed { is_untouched: true, .. }) = &found
            && repeatable
            && self.endpoints.len() > 1
            && self.shared.retries.pay()
        {
            let other = self.enter(Some(first)).await?;
            let body = RequestBody::Empty;
            counters.retried.one();
            found = self.ask(other, outgoing, body, early.as_ref(), clock, counters).await;
        }
        if found.is_ok() {
            counters.origin_times.record(started.elapsed());
        }
        found.map_err(|failed| failed.error)
    }

    /// Asks to go on in another protocol.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn upgrade(
        &self,
        outgoing: &Outgoing,
        early: Option<Early>,
        clock: &Clock,
        counters: &SiteCounters,
    ) -> Result<Either, Error> {
        counters.origin_requests.one();
        self.shared.retries.earn(self.shared.limits.retry_percent);
        let (first, turn) = self.enter(None).await?;
        let mut found = self.ask_to_upgrade((first, turn), outgoing, early.as_ref(), clock).await;
        if let Err(Failed { is_untouched: true, .. }) = &found
            && self.endpoints.len() > 1
            && self.shared.retries.pay()
        {
            counters.origin_requests.one();
            counters.retried.one();
            let other = self.enter(Some(first)).await?;
            found = self.ask_to_upgrade(other, outgoing, early.as_ref(), clock).await;
        }
        if found.is_err() {
            counters.origin_failures.one();
        }
        found.map_err(|failed| failed.error)
    }

    async fn ask_to_upgrade(
        &self,
        (at, turn): (usize, Turn),
        outgoing: &Outgoing,
        early: Option<&Early>,
        clock: &Clock,
    ) -> Result<Either, Failed> {
        let found = self.endpoints[at].upgrade(turn, outgoing, early, clock).await;
        self.shared.note(at, found.as_ref().err());
        found
    }

    async fn ask(
        &self,
        (at, turn): (usize, Turn),
        outgoing: &Outgoing,
        body: RequestBody,
        early: Option<&Early>,
        clock: &Clock,
        counters: &SiteCounters,
    ) -> Result<Response, Failed> {
        counters.origin_requests.one();
        let again = || {
            let paid = self.shared.retries.pay();
            if paid {
                counters.origin_requests.one();
                counters.retried.one();
            }
            paid
        };
        // Where there are others, what was lost is asked of one of them.
        let again = (self.endpoints.len() == 1).then_some(&again as &dyn Fn() -> bool);
        let found = self.endpoints[at].send(turn, outgoing, body, early, clock, again).await;
        self.shared.note(at, found.as_ref().err());
        if found.is_err() {
            counters.origin_failures.one();
        }
        found
    }

    /// Waits for a turn at the endpoint to ask. Where all that are well are busy, whichever has the
    /// first turn to give is asked: nobody waits at one that hangs.
    async fn enter(&self, not: Option<usize>) -> Result<(usize, Turn), Error> {
        let at = self.choose(not);
        if self.endpoints.len() == 1 || !self.endpoints[at].is_busy() {
            return Ok((at, self.endpoints[at].enter().await?));
        }
        let all = (0..self.endpoints.len()).filter(|at| Some(*at) != not);
        let well: Vec<usize> = all.filter(|at| self.is_well(*at)).collect();
        let candidates = if well.is_empty() { vec![at] } else { well };
        let mut entering: Vec<_> =
            candidates.into_iter().map(|at| (at, Box::pin(self.endpoints[at].enter()))).collect();
        let (mut found, mut refused) = (None, Error::QueueFull);
        poll_fn(|cx| {
            entering.retain_mut(|(at, entering)| match entering.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(Ok(turn)) => {
                    found = Some((*at, turn));
                    false
                }
                Poll::Ready(Err(error)) => {
                    refused = error;
                    false
                }
            });
            match found.take() {
                Some(found) => Poll::Ready(Ok(found)),
                None if entering.is_empty() => Poll::Ready(Err(refused.clone())),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn is_well(&self, at: usize) -> bool {
        self.endpoints[at].shared().health.is_well()
    }

    /// The endpoint to ask: the next in turn that is well and has a turn left, else one that is
    /// well, else the one that will be soonest.
    fn choose(&self, not: Option<usize>) -> usize {
        let count = self.endpoints.len();
        if count == 1 {
            return 0;
        }
        let first = self.next.get();
        self.next.set((first + 1) % count);
        let mut turns = (0..count).map(|step| (first + step) % count).filter(|at| Some(*at) != not);
        let health = |at: &usize| &self.endpoints[*at].shared().health;
        let mut well = turns.clone().filter(|at| self.is_well(*at));
        let free = well.clone().find(|at| !self.endpoints[*at].is_busy());
        free.or_else(|| well.next())
            .or_else(|| turns.clone().min_by_key(|at| health(at).how_bad()))
            .or_else(|| turns.next())
            .unwrap_or(0)
    }
}
