//! One request to an origin, which may be several servers, and the head of its response.

use super::body::{RequestBody, ResponseBody};
use super::endpoint::{Either, Endpoint, EndpointShared, Failed};
use super::long::LongStreams;
use super::request::Outgoing;
use super::retries::Retries;
use crate::clock::Clock;
use crate::error::Error;
use crate::metrics::SiteCounters;
use crate::settings::{HealthCheck, OriginLimits, SiteSettings};
use policy::fields::Fields;
use policy::freshness::Exchange;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

/// Takes interim responses (1xx) as they come: status and fields.
pub type Early = Arc<dyn Fn(u16, &Fields) + Send + Sync>;

/// An origin, as all cores share it.
#[derive(Debug)]
pub struct UpstreamShared {
    limits: Arc<OriginLimits>,
    endpoints: Vec<Arc<EndpointShared>>,
    retries: Retries,
    /// Whose it is, and how it is checked: another site's, or another check, makes it another.
    site: String,
    health_check: Option<HealthCheck>,
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
            Arc::new(EndpointShared::new(Clone::clone(address), tls, limits, long))
        };
        let endpoints = site.origins.iter().map(endpoint).collect();
        UpstreamShared {
            endpoints,
            limits,
            retries: Retries::default(),
            site: site.site.name.clone(),
            health_check: site.health_check.clone(),
        }
    }

    /// Whether it is the origin of that site under those limits.
    pub fn is_for(&self, site: &SiteSettings, limits: &OriginLimits) -> bool {
        let addresses = self.endpoints.iter().map(|endpoint| endpoint.address());
        // How TLS is spoken cannot be compared: it was read anew.
        site.origin_tls.is_none()
            && self.site == site.site.name
            && self.health_check == site.health_check
            && addresses.eq(&site.origins)
            && *self.limits == *limits
    }

    /// Notes how an exchange went. Who fails again and again is left out, unless no other is well.
    fn note(&self, at: usize, error: Option<&Error>) {
        let endpoint = &self.endpoints[at];
        let health = &endpoint.health;
        let is_failure = error.is_some_and(|error| error.failure().is_some() && !error.is_ours());
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
        let first = self.choose(None);
        let mut found = self.ask(first, outgoing, body, early.as_ref(), clock, counters).await;
        if let Err(Failed { is_untouched: true, .. }) = &found
            && repeatable
            && self.endpoints.len() > 1
            && self.shared.retries.pay()
        {
            let other = self.choose(Some(first));
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
        let at = self.choose(None);
        let found = self.endpoints[at].upgrade(outgoing, early.as_ref(), clock).await;
        self.shared.note(at, found.as_ref().err().map(|failed| &failed.error));
        if found.is_err() {
            counters.origin_failures.one();
        }
        found.map_err(|failed| failed.error)
    }

    async fn ask(
        &self,
        at: usize,
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
        let found = self.endpoints[at].send(outgoing, body, early, clock, &again).await;
        self.shared.note(at, found.as_ref().err().map(|failed| &failed.error));
        if found.is_err() {
            counters.origin_failures.one();
        }
        found
    }

    /// The endpoint to ask: the next in turn that is well, else the one that will be soonest.
    fn choose(&self, not: Option<usize>) -> usize {
        let count = self.endpoints.len();
        if count == 1 {
            return 0;
        }
        let first = self.next.get();
        self.next.set((first + 1) % count);
        let mut turns = (0..count).map(|step| (first + step) % count).filter(|at| Some(*at) != not);
        let health = |at: &usize| &self.endpoints[*at].shared().health;
        let well = turns.clone().find(|at| health(at).is_well());
        well.or_else(|| turns.clone().min_by_key(|at| health(at).how_bad()))
            .or_else(|| turns.next())
            .unwrap_or(0)
    }
}
