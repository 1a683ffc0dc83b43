//! A connection to an origin, in whichever version of HTTP it speaks.

use super::body::RequestBody;
use super::wire::Wire;
use crate::error::Error;
use crate::settings::{OriginLimits, OriginTls};
use http::uri::{Authority, Scheme};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// hyper's own limit of header fields: one that is set, even to the same, costs an allocation a
/// response.
const HYPER_MAX_FIELDS: usize = 100;

/// A connection that takes requests.
#[derive(Debug)]
pub struct Link {
    sender: Sender,
    wire: Wire,
}

#[derive(Debug)]
enum Sender {
    /// HTTP/1.1: one request after the other.
    Single(http1::SendRequest<RequestBody>),
    /// HTTP/2: many at once.
    Shared(http2::SendRequest<RequestBody>),
}

/// A request that an origin did not answer.
type Unanswered = TrySendError<http::Request<RequestBody>>;

impl Link {
    /// Begins to speak on a wire, with TLS where `tls` names whom to believe.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn over(
        wire: Wire,
        tls: Option<(&OriginTls, ServerName<'static>)>,
        limits: &OriginLimits,
    ) -> Result<Link, Error> {
        let sender = match tls {
            None => single(wire.clone(), limits).await?,
            Some((tls, name)) => {
                let stream = believe(tls, name, wire.clone(), &[]).await?;
                match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => shared(stream, limits).await?,
                    _ => single(stream, limits).await?,
                }
            }
        };
        Ok(Link { sender, wire })
    }

    /// Another handle on a connection that takes many requests at once.
    pub fn share(&self) -> Option<Link> {
        match &self.sender {
            Sender::Single(_) => None,
            Sender::Shared(sender) => {
                let sender = Sender::Shared(sender.clone());
                Some(Link { sender, wire: self.wire.clone() })
            }
        }
    }

    /// Whether it takes a request now, as far as can be known.
    pub fn is_ready(&self) -> bool {
        match &self.sender {
            Sender::Single(sender) => sender.is_ready() && self.wire.is_quiet(),
            Sender::Shared(sender) => sender.is_ready(),
        }
    }

    /// Whether it takes none any more.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Single(sender) => sender.is_closed(),
            Sender::Shared(sender) => sender.is_closed(),
        }
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// # Errors
    /// With the request, where it never left.
    pub async fn send(
        &mut self,
        request: http::Request<RequestBody>,
    ) -> Result<http::Response<Incoming>, Box<Unanswered>> {
        match &mut self.sender {
            Sender::Single(sender) => sender.try_send_request(request).await,
            Sender::Shared(sender) => sender.try_send_request(shared_form(request)).await,
        }
        .map_err(Box::new)
    }
}

/// The request as HTTP/2 has it: scheme and host stand in the target, and nothing speaks of the
/// connection (RFC 9113 §8.2.2, §8.3.1).
fn shared_form(mut request: http::Request<RequestBody>) -> http::Request<RequestBody> {
    let headers = request.headers_mut();
    headers.remove(http::header::TRANSFER_ENCODING);
    let host = headers.remove(http::header::HOST);
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    let authority = host.as_ref().and_then(|host| Authority::try_from(host.as_bytes()).ok());
    if authority.is_some() {
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = authority;
    }
    // Parts that were parsed make an URI.
    *request.uri_mut() = http::Uri::from_parts(parts).unwrap_or_default();
    request
}

/// Speaks TLS on a wire; `protocols` to choose from, where not the usual ones.
///
/// # Errors
/// When the origin is not believed.
pub async fn believe(
    tls: &OriginTls,
    name: ServerName<'static>,
    wire: Wire,
    protocols: &[&[u8]],
) -> Result<TlsStream<Wire>, Error> {
    let mut config = tls.config.clone();
    if !protocols.is_empty() {
        let protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Arc::make_mut(&mut config).alpn_protocols = protocols;
    }
    let stream = TlsConnector::from(config).connect(name, wire).await;
    stream.map_err(|error| Error::OriginTls(error.to_string()))
}

/// A connection in HTTP/1.1 and the work that it is.
pub type Single<T> = (http1::SendRequest<RequestBody>, http1::Connection<TokioIo<T>, RequestBody>);

/// Begins to speak HTTP/1.1.
///
/// # Errors
/// Why it cannot be.
pub async fn begin_single<T>(io: T, limits: &OriginLimits) -> Result<Single<T>, Error>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(limits.max_head_bytes.max(8 << 10));
    if limits.max_fields != HYPER_MAX_FIELDS {
        builder.max_headers(limits.max_fields);
    }
    builder.handshake(TokioIo::new(io)).await.map_err(unreachable)
}

async fn single<T>(io: T, limits: &OriginLimits) -> Result<Sender, Error>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (sender, connection) = begin_single(io, limits).await?;
    tokio::task::spawn_local(async move {
        // How a connection ends is told to the exchange that it had.
        let _ = connection.await;
    });
    Ok(Sender::Single(sender))
}

async fn shared<T>(io: T, limits: &OriginLimits) -> Result<Sender, Error>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut builder = http2::Builder::new(OnThisCore);
    builder
        .timer(TokioTimer::new())
        .adaptive_window(true)
        .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX));
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(unreachable)?;
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    Ok(Sender::Shared(sender))
}

fn unreachable(error: hyper::Error) -> Error {
    Error::OriginUnreachable(error.to_string())
}

/// Runs what a connection needs beside it on its own core.
#[derive(Clone, Copy, Debug)]
struct OnThisCore;

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisCore {
    fn execute(&self, work: F) {
        tokio::task::spawn_local(async move {
            let _ = work.await;
        });
    }
}
