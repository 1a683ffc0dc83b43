//! Opening a connection to an origin.

use super::body::RequestBody;
use super::resolve::Resolver;
use crate::error::Error;
use crate::settings::OriginLimits;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// hyper's own limit of header fields: one that is set, even to the same, costs an allocation a
/// response.
const HYPER_MAX_FIELDS: usize = 100;

/// Opens a connection within `connect_timeout`, name look-up included.
///
/// # Errors
/// Why there is none.
pub async fn connect(
    limits: &OriginLimits,
    resolver: &Arc<Resolver>,
) -> Result<SendRequest<RequestBody>, Error> {
    let attempt = async {
        let addresses = resolver.resolve(limits.dns_ttl).await?;
        handshake(first_to_answer(&addresses, limits.connect_timeout).await?, limits).await
    };
    timeout(limits.connect_timeout, attempt).await.map_err(|_| Error::OriginConnectTimeout)?
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

async fn handshake(
    stream: TcpStream,
    limits: &OriginLimits,
) -> Result<SendRequest<RequestBody>, Error> {
    // Without it small requests would wait for an acknowledgement; a failure only costs time.
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder.max_buf_size(limits.max_head_bytes.max(8 << 10));
    if limits.max_fields != HYPER_MAX_FIELDS {
        builder.max_headers(limits.max_fields);
    }
    let (sender, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Error::OriginUnreachable(error.to_string()))?;
    tokio::task::spawn_local(async move {
        // How a connection ends is told to the exchange that it had.
        let _ = connection.await;
    });
    Ok(sender)
}
