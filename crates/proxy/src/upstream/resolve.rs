//! The addresses of one origin. Its name is asked for again after `dns_ttl`, beside the requests:
//! they go on with the addresses that are known, so a resolver that is slow or away costs nothing.

use crate::error::Error;
use crate::settings::OriginAddress;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses are used while they are asked for again up to this age, in `dns_ttl`s.
const OLDEST_TTLS: u32 = 10;
/// How long older ones wait for newer.
const ASK_PATIENCE: Duration = Duration::from_secs(2);

/// How long a name that does not resolve is not asked for again, while nothing is known.
const FAILURE_LASTS: Duration = Duration::from_secs(1);

/// The addresses of one origin, for the whole process.
#[derive(Debug)]
pub struct Resolver {
    origin: OriginAddress,
    known: Mutex<Option<Known>>,
    /// Whether somebody asks already.
    asking: AtomicBool,
    /// Held by whoever asks while nothing is known; what came of it is for all who waited.
    first: tokio::sync::Mutex<Option<Failed>>,
}

/// The name did not resolve.
#[derive(Debug)]
struct Failed {
    error: Error,
    since: Instant,
}

#[derive(Clone, Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    since: Instant,
}

impl Resolver {
    /// A resolver that knows nothing yet.
    pub fn new(origin: OriginAddress) -> Resolver {
        Resolver {
            origin,
            known: Mutex::default(),
            asking: AtomicBool::new(false),
            first: tokio::sync::Mutex::default(),
        }
    }

    /// The addresses, best first.
    ///
    /// # Errors
    /// When the name does not resolve and never has.
    pub async fn resolve(self: &Arc<Resolver>, ttl: Duration) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(address) = self.origin.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.origin.port)]);
        }
        let Some(known) = self.known() else { return self.ask_first().await };
        if known.since.elapsed() >= ttl.saturating_mul(OLDEST_TTLS) {
            // By now the address may be another's: it stands in only if there is no answer.
            let found = tokio::time::timeout(ASK_PATIENCE, self.ask()).await;
            return Ok(found.ok().and_then(Result::ok).unwrap_or(known.addresses));
        }
        if known.since.elapsed() >= ttl && !self.asking.swap(true, Ordering::AcqRel) {
            let beside = self.clone();
            tokio::task::spawn_local(async move {
                // Without an answer the old addresses stay, and the next request asks again.
                let _ = beside.ask().await;
                beside.asking.store(false, Ordering::Release);
            });
        }
        Ok(known.addresses)
    }

    fn known(&self) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for a name of which nothing is known: one look-up, however many wait for it.
    async fn ask_first(&self) -> Result<Vec<SocketAddr>, Error> {
        let mut failed = self.first.lock().await;
        if let Some(known) = self.known() {
            return Ok(known.addresses);
        }
        if let Some(failed) = failed.as_ref().filter(|f| f.since.elapsed() < FAILURE_LASTS) {
            return Err(failed.error.clone());
        }
        let found = self.ask().await;
        *failed = found.as_ref().err().map(|e| Failed { error: e.clone(), since: Instant::now() });
        found
    }

    async fn ask(&self) -> Result<Vec<SocketAddr>, Error> {
        let found = tokio::net::lookup_host((self.origin.host.as_str(), self.origin.port)).await;
        let addresses: Vec<_> =
            found.map_err(|error| Error::OriginUnknown(error.to_string()))?.collect();
        if addresses.is_empty() {
            return Err(Error::OriginUnknown("it has no address".to_owned()));
        }
        let known = Known { addresses: addresses.clone(), since: Instant::now() };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(host: &str) -> Arc<Resolver> {
        Arc::new(Resolver::new(OriginAddress { host: host.to_owned(), port: 81 }))
    }

    #[tokio::test]
    async fn addresses_resolve_to_themselves() {
        for host in ["127.0.0.1", "::1"] {
            let found = resolver(host).resolve(Duration::ZERO).await.expect("an address");
            assert_eq!(found, [SocketAddr::new(host.parse().expect("an address"), 81)]);
        }
    }

    #[tokio::test]
    async fn a_name_that_fails_is_asked_for_once_by_all_who_wait() {
        let resolver = resolver("name.invalid");
        let ttl = Duration::from_secs(30);
        let (first, second) = tokio::join!(resolver.resolve(ttl), resolver.resolve(ttl));
        assert!(matches!(first, Err(Error::OriginUnknown(_))), "{first:?}");
        assert_eq!(first, second);
        let failed = resolver.first.lock().await.as_ref().map(|f| f.since);
        assert!(resolver.resolve(ttl).await.is_err());
        assert_eq!(resolver.first.lock().await.as_ref().map(|f| f.since), failed, "not asked");
    }

    #[tokio::test]
    async fn known_addresses_are_used_while_the_name_is_asked_again() {
        let runs = tokio::task::LocalSet::new();
        runs.run_until(async {
            let resolver = resolver("name.invalid");
            let old = SocketAddr::from(([192, 0, 2, 1], 81));
            let since = Instant::now() - Duration::from_secs(5);
            let known = Known { addresses: vec![old], since };
            *resolver.known.lock().expect("not poisoned") = Some(known);
            assert_eq!(resolver.resolve(Duration::from_secs(1)).await, Ok(vec![old]));
            assert!(resolver.asking.load(Ordering::Acquire));
        })
        .await;
    }
}
