//! Opening a connection to an origin.

use super::link::Link;
use super::resolve::Resolver;
use super::wire::Wire;
use crate::error::Error;
use crate::settings::{OriginAddress, OriginLimits, OriginTls};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A wire to an origin, and whom to believe on it, where TLS is spoken.
pub type Opened<'t> = (Wire, Option<(&'t OriginTls, ServerName<'static>)>);

/// Opens a connection, name look-up and TLS included. The pool, which alone asks for it, keeps it to
/// `connect_timeout`.
///
/// # Errors
/// Why there is none.
pub async fn connect(
    limits: &OriginLimits,
    resolver: &Arc<Resolver>,
    tls: Option<&OriginTls>,
) -> Result<Link, Error> {
    let (wire, tls) = open(limits, resolver, tls).await?;
    Link::over(wire, tls, limits).await
}

/// Opens a wire within `connect_timeout`, name look-up included.
///
/// # Errors
/// Why there is none.
pub async fn open<'t>(
    limits: &OriginLimits,
    resolver: &Arc<Resolver>,
    tls: Option<&'t OriginTls>,
) -> Result<Opened<'t>, Error> {
    let attempt = async {
        let addresses = resolver.resolve(limits.dns_ttl).await?;
        first_to_answer(&addresses, limits.connect_timeout).await
    };
    let stream = timeout(limits.connect_timeout, attempt).await;
    let stream = stream.map_err(|_| Error::OriginConnectTimeout)??;
    // Without it small requests would wait for an acknowledgement; a failure costs time only.
    let _ = stream.set_nodelay(true);
    let tls = tls.filter(|_| resolver.origin().is_tls);
    let named = tls.map(|tls| name(tls, resolver.origin()).map(|name| (tls, name)));
    Ok((Wire::new(stream), named.transpose()?))
}

/// The name that the origin's certificate has to be for.
fn name(tls: &OriginTls, origin: &OriginAddress) -> Result<ServerName<'static>, Error> {
    match &tls.name {
        Some(name) => Ok(name.clone()),
        None => ServerName::try_from(origin.host.clone()).map_err(|error| {
            Error::OriginTls(format!("{} is no name of a certificate: {error}", origin.host))
        }),
    }
}

/// Tries the addresses in turn, each for its share of the time, so that one that never answers
/// does not hide the others.
async fn first_to_answer(addresses: &[SocketAddr], time: Duration) -> Result<TcpStream, Error> {
    // There are never so many addresses that the number does not fit.
    let share = time / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut last = Error::OriginUnknown("it has no address".to_owned());
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Err(_) => last = Error::OriginConnectTimeout,
            Ok(Err(error)) => last = Error::OriginUnreachable(error.to_string()),
        }
    }
    Err(last)
}
