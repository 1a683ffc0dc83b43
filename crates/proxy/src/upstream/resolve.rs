//! The addresses of one origin. Its name is asked for again after `dns_ttl`, beside the requests:
//! they go on with the addresses that are known, so a resolver that is slow or away costs nothing.

use super::reach::Reach;
use crate::error::Error;
use crate::settings::OriginAddress;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

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
    reach: Reach,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    failed: Option<(Error, Instant)>,
    /// The look-up under way, of which there is one at the most, however many wait for it.
    asking: Option<Asking>,
}

#[derive(Clone, Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    since: Instant,
}

type Found = Result<Vec<SocketAddr>, Error>;

#[derive(Clone, Debug)]
struct Asking {
    found: watch::Receiver<Option<Found>>,
    since: Instant,
}

impl Resolver {
    /// A resolver that knows nothing yet.
    pub fn new(origin: OriginAddress, reach: Reach) -> Resolver {
        Resolver { origin, reach, state: Mutex::default() }
    }

    /// Whose addresses they are.
    pub fn origin(&self) -> &OriginAddress {
        &self.origin
    }

    /// The addresses that may be connected to, best first.
    ///
    /// # Errors
    /// When the name does not resolve and never has, or to none that may be reached.
    pub async fn resolve(self: &Arc<Resolver>, ttl: Duration) -> Found {
        let mut addresses = self.addresses(ttl).await?;
        addresses.retain(|address| self.reach.allows(*address));
        match (addresses.is_empty(), &self.reach) {
            (false, _) => Ok(addresses),
            (true, Reach::Begun(_)) => {
                Err(Error::OriginUnreachable("it has not been started (again) yet".to_owned()))
            }
            (true, _) => Err(Error::OutOfReach),
        }
    }

    async fn addresses(self: &Arc<Resolver>, ttl: Duration) -> Found {
        if let Ok(address) = self.origin.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.origin.port)]);
        }
        let (known, asking) = {
            let mut state = self.state();
            let age = state.known.as_ref().map(|known| known.since.elapsed());
            match (&state.known, &state.failed) {
                (Some(known), _) if age.is_some_and(|age| age < ttl) => {
                    return Ok(known.addresses.clone());
                }
                (None, Some((error, at))) if at.elapsed() < FAILURE_LASTS => {
                    return Err(error.clone());
                }
                _ => {}
            }
            let asking = self.asking(&mut state);
            (state.known.clone(), asking)
        };
        match known {
            None => asking.wait().await,
            Some(known) if known.since.elapsed() < ttl.saturating_mul(OLDEST_TTLS) => {
                Ok(known.addresses)
            }
            Some(known) => {
                // By now the address may be another's: it stands in only if there is no answer.
                let patience = ASK_PATIENCE.saturating_sub(asking.since.elapsed());
                let found = tokio::time::timeout(patience, asking.wait()).await;
                Ok(found.ok().and_then(Result::ok).unwrap_or(known.addresses))
            }
        }
    }

    /// The look-up under way, or a new one. It goes on whoever stops waiting for it.
    fn asking(self: &Arc<Resolver>, state: &mut State) -> Asking {
        if let Some(asking) = &state.asking {
            return asking.clone();
        }
        let (tell, found) = watch::channel(None);
        let asking = Asking { found, since: Instant::now() };
        state.asking = Some(asking.clone());
        let resolver = self.clone();
        tokio::task::spawn_blocking(move || {
            let found = resolver.ask();
            resolver.learn(&found);
            // Nobody may wait for it any more.
            let _ = tell.send(Some(found));
        });
        asking
    }

    fn ask(&self) -> Found {
        let found = (self.origin.host.as_str(), self.origin.port).to_socket_addrs();
        let addresses: Vec<_> =
            found.map_err(|error| Error::OriginUnknown(error.to_string()))?.collect();
        match addresses.is_empty() {
            true => Err(Error::OriginUnknown("it has no address".to_owned())),
            false => Ok(addresses),
        }
    }

    fn learn(&self, found: &Found) {
        let mut state = self.state();
        state.asking = None;
        match found {
            Ok(addresses) => {
                let known = Known { addresses: addresses.clone(), since: Instant::now() };
                state.known = Some(known);
            }
            // Without an answer the old addresses stay.
            Err(error) => state.failed = Some((error.clone(), Instant::now())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking {
    async fn wait(mut self) -> Found {
        match self.found.wait_for(Option::is_some).await {
            Ok(found) => found.clone().unwrap_or_else(|| Err(interrupted())),
            Err(_) => Err(interrupted()),
        }
    }
}

fn interrupted() -> Error {
    Error::OriginUnknown("the look-up of its name was interrupted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::{Begun, Open};

    fn resolver(host: &str) -> Arc<Resolver> {
        reaching(Reach::Anywhere, host)
    }

    fn reaching(reach: Reach, host: &str) -> Arc<Resolver> {
        let origin = OriginAddress { is_tls: false, host: host.to_owned(), port: 81 };
        Arc::new(Resolver::new(origin, reach))
    }

    #[tokio::test]
    async fn what_is_out_of_reach_is_left_out() {
        let ttl = Duration::from_secs(30);
        for (host, found) in [("127.0.0.1", Err(Error::OutOfReach)), ("8.8.8.8", Ok(1))] {
            let resolved = reaching(Reach::Public, host).resolve(ttl).await;
            assert_eq!(resolved.map(|addresses| addresses.len()), found, "{host}");
        }
        let begun = Reach::Begun(Begun::new(81, Open::default()));
        let resolved = reaching(begun, "127.0.0.1").resolve(ttl).await;
        assert!(matches!(resolved, Err(Error::OriginUnreachable(_))), "{resolved:?}");
        let resolver = reaching(Reach::Public, "name.invalid");
        let [inside, outside] = ["10.0.0.1:81", "8.8.8.8:81"].map(|it| it.parse().expect("one"));
        let known = Known { addresses: vec![inside, outside], since: Instant::now() };
        resolver.state().known = Some(known);
        assert_eq!(resolver.resolve(ttl).await, Ok(vec![outside]));
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_later_is_held_against_its_reach_again() {
        let (resolver, ttl) = (reaching(Reach::Public, "name.invalid"), Duration::from_secs(30));
        let [public, private] = ["8.8.8.8:81", "127.0.0.1:81"].map(|it| it.parse().expect("one"));
        for (learnt, found) in [
            (vec![public], Ok(vec![public])),
            (vec![private], Err(Error::OutOfReach)),
            (vec![private, public], Ok(vec![public])),
        ] {
            resolver.learn(&Ok(learnt.clone()));
            assert_eq!(resolver.resolve(ttl).await, found, "{learnt:?}");
        }
    }

    #[tokio::test]
    async fn addresses_resolve_to_themselves() {
        for host in ["127.0.0.1", "::1"] {
            let found = resolver(host).resolve(Duration::ZERO).await.expect("an address");
            assert_eq!(found, [SocketAddr::new(host.parse().expect("an address"), 81)]);
        }
    }

    #[tokio::test]
    async fn all_wait_for_one_look_up_whoever_stops_waiting() {
        let (resolver, ttl) = (resolver("name.invalid"), Duration::from_secs(30));
        let (tell, found) = watch::channel(None);
        resolver.state().asking = Some(Asking { found, since: Instant::now() });
        let stopped = tokio::time::timeout(Duration::ZERO, resolver.resolve(ttl)).await;
        assert!(stopped.is_err());
        let others = async { tokio::join!(resolver.resolve(ttl), resolver.resolve(ttl)) };
        let address = SocketAddr::from(([192, 0, 2, 1], 81));
        let answers = async { tell.send(Some(Ok(vec![address]))).expect("they wait") };
        let (others, ()) = tokio::join!(others, answers);
        assert_eq!(others, (Ok(vec![address]), Ok(vec![address])));
    }

    #[tokio::test]
    async fn a_name_that_fails_is_not_asked_for_again_at_once() {
        let (resolver, ttl) = (resolver("name.invalid"), Duration::from_secs(30));
        let error = resolver.resolve(ttl).await.expect_err("no such name");
        assert!(matches!(error, Error::OriginUnknown(_)), "{error:?}");
        assert_eq!(resolver.resolve(ttl).await, Err(error));
        assert!(resolver.state().asking.is_none());
    }

    #[tokio::test]
    async fn known_addresses_are_used_while_the_name_is_asked_again() {
        for (age, ttl) in [(5, 1), (50, 1)] {
            let resolver = resolver("name.invalid");
            let old = SocketAddr::from(([192, 0, 2, 1], 81));
            let since = Instant::now() - Duration::from_secs(age);
            resolver.state().known = Some(Known { addresses: vec![old], since });
            assert_eq!(resolver.resolve(Duration::from_secs(ttl)).await, Ok(vec![old]), "{age}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_hangs_holds_up_nobody_for_long() {
        let resolver = resolver("name.invalid");
        let old = SocketAddr::from(([192, 0, 2, 1], 81));
        let since = Instant::now() - Duration::from_secs(50);
        let (hangs, found) = watch::channel(None);
        {
            let mut state = resolver.state();
            state.known = Some(Known { addresses: vec![old], since });
            let since = Instant::now() - ASK_PATIENCE;
            state.asking = Some(Asking { found, since });
        }
        let begun = tokio::time::Instant::now();
        assert_eq!(resolver.resolve(Duration::from_secs(1)).await, Ok(vec![old]));
        assert_eq!(begun.elapsed(), Duration::ZERO, "others waited already");
        drop(hangs);
    }
}
