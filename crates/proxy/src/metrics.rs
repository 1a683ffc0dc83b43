//! Counters of the data path, one set a core.
//!
//! Each set has one writer, its core, so counting is a plain load and store; a scrape adds the
//! sets up. Counting never locks and never shares a cache line with another core.

use crate::edge;
use crate::error::Error;
use crate::fetch::KEPT_ASSET;
use crate::serve::PACED_PURGE;
use policy::coding::Coding;
use policy::reason::{WhyFetch, WhyPass, WhySkip};
use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Fresh from the store.
    Hit,
    /// Stale from the store.
    Stale,
    /// From the store, after the origin said that it is unchanged.
    Revalidated,
    /// From the origin, by way of the cache.
    Miss,
    /// From another request's answer of the origin.
    Collapsed,
    /// Past the cache.
    Pass,
    /// With an answer of our own that says what failed.
    Error,
    /// With an answer of our own to what no origin has to be asked for.
    Edge,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Verdict; 8] = [
        Verdict::Hit,
        Verdict::Stale,
        Verdict::Revalidated,
        Verdict::Miss,
        Verdict::Collapsed,
        Verdict::Pass,
        Verdict::Error,
        Verdict::Edge,
    ];

    /// The word for it in logs and metrics.
    pub fn token(self) -> &'static str {
        match self {
            Verdict::Hit => "hit",
            Verdict::Stale => "stale",
            Verdict::Revalidated => "revalidated",
            Verdict::Miss => "miss",
            Verdict::Collapsed => "collapsed",
            Verdict::Pass => "pass",
            Verdict::Error => "error",
            Verdict::Edge => "edge",
        }
    }
}

/// A number that one core counts and others read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds; only the core that owns the counter may.
    pub fn add(&self, amount: u64) {
        // One writer: no other store can come between.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// Adds one.
    pub fn one(&self) {
        self.add(1);
    }

    /// The number now.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the time histogram's buckets, in seconds; a last one has no bound.
pub const TIME_BOUNDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Times, counted by bucket.
#[derive(Debug, Default)]
pub struct Times {
    buckets: [Counter; TIME_BOUNDS.len() + 1],
    sum_micros: Counter,
}

impl Times {
    /// Counts one.
    pub fn record(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let at = TIME_BOUNDS.iter().position(|bound| seconds <= *bound);
        self.buckets[at.unwrap_or(TIME_BOUNDS.len())].one();
        // A time that overflows 2^64 µs has not been measured yet.
        self.sum_micros.add(time.as_micros() as u64);
    }

    /// The count of each bucket, and the sum in seconds.
    pub fn read(&self) -> ([u64; TIME_BOUNDS.len() + 1], f64) {
        let counts = array::from_fn(|at| self.buckets[at].read());
        (counts, self.sum_micros.read() as f64 / 1e6)
    }
}

/// Statuses are counted one by one up to here.
const STATUSES: usize = 600;

/// What one site counts on one core.
#[derive(Debug)]
pub struct SiteCounters {
    /// Requests by verdict and status.
    requests: [Box<[Counter]>; Verdict::ALL.len()],
    /// Bytes of bodies to clients.
    pub body_bytes: Counter,
    /// Requests to the origin.
    pub origin_requests: Counter,
    /// Requests to the origin that failed.
    pub origin_failures: Counter,
    /// Requests that were tried again at another server.
    pub retried: Counter,
    /// Time to the origin's response heads.
    pub origin_times: Times,
    /// Requests answered from another's fetch.
    pub collapsed: Counter,
    /// Stale responses served.
    pub stale: Counter,
    /// Requests that found a response which was not fresh any more.
    pub expired: Counter,
    /// Requests to the origin with our validators.
    pub revalidated: Counter,
    /// Of these, how many the origin answered with 304.
    pub unchanged: Counter,
}

impl Default for SiteCounters {
    fn default() -> SiteCounters {
        SiteCounters::new()
    }
}

impl SiteCounters {
    fn new() -> SiteCounters {
        let row = || (0..STATUSES).map(|_| Counter::default()).collect();
        SiteCounters {
            requests: array::from_fn(|_| row()),
            body_bytes: Counter::default(),
            origin_requests: Counter::default(),
            origin_failures: Counter::default(),
            retried: Counter::default(),
            origin_times: Times::default(),
            collapsed: Counter::default(),
            stale: Counter::default(),
            expired: Counter::default(),
            revalidated: Counter::default(),
            unchanged: Counter::default(),
        }
    }

    /// Counts an answer.
    pub fn answered(&self, verdict: Verdict, status: u16) {
        if let Some(counter) = self.requests[verdict as usize].get(usize::from(status)) {
            counter.one();
        }
    }

    /// Answers so far, those that there were: verdict, status, count.
    pub fn answers(&self) -> impl Iterator<Item = (Verdict, u16, u64)> {
        Verdict::ALL.into_iter().flat_map(|verdict| {
            let row = self.requests[verdict as usize].iter().enumerate();
            row.map(move |(status, count)| (verdict, status as u16, count.read()))
                .filter(|(_, _, count)| *count > 0)
        })
    }
}

/// Every reason that an answer can give in `Cache-Status`, each once.
pub fn reasons() -> impl Iterator<Item = &'static str> {
    let skips = WhySkip::ALL.iter().map(|why| why.token());
    let passes = WhyPass::ALL.iter().map(|why| why.token());
    // One of them is the same word for the same thing.
    let fetches = WhyFetch::ALL.iter().map(|why| why.token()).filter(|t| *t != "authorization");
    let stale = ["stale-while-revalidate", "stale-if-error", "max-stale", PACED_PURGE, KEPT_ASSET];
    let edge = edge::TOKENS;
    skips.chain(passes).chain(fetches).chain(stale).chain(edge).chain(Error::TOKENS.iter().copied())
}

/// What one core counts.
#[derive(Debug)]
pub struct CoreCounters {
    /// By the names of sites, also of those that a reload took away.
    sites: Mutex<Vec<(Box<str>, Arc<SiteCounters>)>>,
    /// Connections taken.
    pub connections: Counter,
    /// Connections refused since too many were open.
    pub connections_refused: Counter,
    /// Connections that never began to speak HTTP: no TLS, no PROXY protocol where it was due.
    pub handshakes_failed: Counter,
    /// Requests refused before any site was known.
    pub bad_requests: Counter,
    /// Responses not stored, by [`WhySkip`].
    pub skipped: Box<[Counter]>,
    /// Answers that were no plain hit, by [`reasons`].
    reasons: Box<[Counter]>,
    /// Background refreshes left out since the queue was full.
    pub refreshes_dropped: Counter,
    /// Requests that a door of ours turned away: a wrong secret, a wrong address.
    pub turned_away: Counter,
    /// `Cache-Group-Invalidation`s that the purge log refused.
    pub groups_refused: Counter,
    /// Bodies compressed, by coding.
    coded: [Counter; Coding::ALL.len()],
    /// Bodies that went out uncompressed since there was no room to compress one more.
    pub uncoded: Counter,
}

impl Default for CoreCounters {
    fn default() -> CoreCounters {
        CoreCounters::new()
    }
}

impl CoreCounters {
    /// Counters at nothing.
    pub fn new() -> CoreCounters {
        CoreCounters {
            sites: Mutex::default(),
            connections: Counter::default(),
            connections_refused: Counter::default(),
            handshakes_failed: Counter::default(),
            bad_requests: Counter::default(),
            skipped: WhySkip::ALL.iter().map(|_| Counter::default()).collect(),
            reasons: reasons().map(|_| Counter::default()).collect(),
            refreshes_dropped: Counter::default(),
            turned_away: Counter::default(),
            groups_refused: Counter::default(),
            coded: Default::default(),
            uncoded: Counter::default(),
        }
    }

    /// The counters of the site of that name.
    pub fn site(&self, name: &str) -> Arc<SiteCounters> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counters)) = sites.iter().find(|(known, _)| **known == *name) {
            return counters.clone();
        }
        let counters = Arc::new(SiteCounters::new());
        sites.push((name.into(), counters.clone()));
        counters
    }

    /// The names of all sites that were ever counted.
    pub fn site_names(&self) -> Vec<Box<str>> {
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        sites.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Counts a response that is not stored.
    pub fn skipped(&self, why: WhySkip) {
        if let Some(at) = WhySkip::ALL.iter().position(|other| *other == why) {
            self.skipped[at].one();
        }
    }

    /// Counts a body that is compressed.
    pub fn coded(&self, coding: Coding) {
        self.coded[coding as usize].one();
    }

    /// How many bodies were compressed in that coding.
    pub fn coded_so_far(&self, coding: Coding) -> u64 {
        self.coded[coding as usize].read()
    }

    /// Counts the reason that an answer gave.
    pub fn gave_reason(&self, reason: &str) {
        if let Some(at) = reasons().position(|other| other == reason) {
            self.reasons[at].one();
        }
    }

    /// How often each reason was given, in the order of [`reasons`].
    pub fn reasons_given(&self) -> impl Iterator<Item = u64> {
        self.reasons.iter().map(Counter::read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_verdict_and_status() {
        let counters = SiteCounters::new();
        counters.answered(Verdict::Hit, 200);
        counters.answered(Verdict::Hit, 200);
        counters.answered(Verdict::Error, 502);
        counters.answered(Verdict::Error, 999);
        let found: Vec<_> = counters.answers().collect();
        assert_eq!(found, [(Verdict::Hit, 200, 2), (Verdict::Error, 502, 1)]);
    }

    #[test]
    fn every_reason_is_there_once() {
        let mut all: Vec<_> = reasons().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn times_fall_into_the_bucket_that_bounds_them() {
        let times = Times::default();
        for millis in [1, 2, 10, 11_000] {
            times.record(Duration::from_millis(millis));
        }
        let (counts, sum) = times.read();
        assert_eq!((counts[0], counts[1], counts[3], counts[12]), (1, 1, 1, 1));
        assert!((sum - 11.013).abs() < 0.001);
    }
}
