//! Addresses of origins. Names are asked for again after `dns_ttl`; when that fails, the old
//! addresses go on being used.

use crate::error::Error;
use crate::settings::OriginAddress;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Names that were resolved, for the whole process. There are as many as origins in the
/// configuration.
#[derive(Debug, Default)]
pub struct Resolver {
    known: Mutex<HashMap<OriginAddress, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    since: Instant,
}

impl Resolver {
    /// The addresses of an origin, best first.
    ///
    /// # Errors
    /// When the name does not resolve and never has.
    pub async fn resolve(
        &self,
        origin: &OriginAddress,
        ttl: Duration,
    ) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(address) = origin.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, origin.port)]);
        }
        let known = self.known(origin);
        if let Some(known) = known.as_ref().filter(|known| known.since.elapsed() < ttl) {
            return Ok(known.addresses.clone());
        }
        let found = tokio::net::lookup_host((origin.host.as_str(), origin.port)).await;
        match (found.map(Iterator::collect::<Vec<_>>), known) {
            (Ok(addresses), _) if !addresses.is_empty() => {
                self.keep(origin, addresses.clone());
                Ok(addresses)
            }
            (_, Some(old)) => Ok(old.addresses),
            (Ok(_), None) => Err(Error::OriginUnknown("it has no address".to_owned())),
            (Err(error), None) => Err(Error::OriginUnknown(error.to_string())),
        }
    }

    fn known(&self, origin: &OriginAddress) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(origin).cloned()
    }

    fn keep(&self, origin: &OriginAddress, addresses: Vec<SocketAddr>) {
        let known = Known { addresses, since: Instant::now() };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(origin.clone(), known);
    }
}
