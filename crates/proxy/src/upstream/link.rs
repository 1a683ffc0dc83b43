//! A connection to an origin, in whichever version of HTTP it speaks.

use super::body::RequestBody;
use super::wire::Wire;
use crate::error::Error;
use crate::settings::{OriginLimits, OriginTls};
use http::HeaderValue;
use http::uri::{Authority, Scheme};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// hyper's own limit of header fields: one that is set, even to the same, costs an allocation a
/// response.
const HYPER_MAX_FIELDS: usize = 100;

/// Requests that one connection in HTTP/2 has under way at once, at most.
const MOST_STREAMS: usize = 100;
/// Bytes of a response that an origin may send ahead of what its reader takes. A connection has
/// room for as many from each of its streams, so that none stops another.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// Requests that are sent on a connection before its origin has said how many it takes.
const STREAMS_UNTOLD: usize = 1;
/// How long that is waited for. An origin that takes one only cannot be told from one that says
/// nothing.
const FIRST_WORD: Duration = Duration::from_millis(500);
/// How often it is looked for, since nothing tells when it comes.
const LOOKED_FOR: Duration = Duration::from_millis(1);
/// How often a connection in use that is silent is asked for a sign of life, and how long it may
/// take to give one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// A connection that takes requests.
#[derive(Debug)]
pub struct Link {
    sender: Sender,
    wire: Wire,
}

#[derive(Debug)]
enum Sender {
    /// HTTP/1.1: one request after the other; and how many bytes of responses came so far.
    Single(http1::SendRequest<RequestBody>, Rc<Cell<u64>>),
    /// HTTP/2: many at once; this one's place among as many as the origin takes.
    Shared(http2::SendRequest<RequestBody>, Rc<Cell<usize>>),
}

/// Why a request got no response.
#[derive(Debug)]
pub enum Lost {
    /// It never left.
    Unsent(Box<http::Request<RequestBody>>),
    /// No byte of a response came.
    Silent,
    /// The origin did not process it and says so (RFC 9113 §8.7): a stream refused, or above the
    /// last one that it took before it goes away.
    Refused,
    /// A response had begun, or cannot be understood.
    Broken(Error),
}

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

    /// Whether it takes many requests at once.
    pub fn is_shared(&self) -> bool {
        matches!(self.sender, Sender::Shared(..))
    }

    /// Another place on a connection that takes many requests at once.
    pub fn share(&self) -> Option<Link> {
        match &self.sender {
            Sender::Single(..) => None,
            Sender::Shared(sender, places) => {
                let sender = Sender::Shared(sender.clone(), places.clone());
                Some(Link { sender, wire: self.wire.clone() })
            }
        }
    }

    /// Whether both are places on one connection.
    pub fn is_same(&self, other: &Link) -> bool {
        match (&self.sender, &other.sender) {
            (Sender::Shared(_, places), Sender::Shared(_, others)) => Rc::ptr_eq(places, others),
            _ => false,
        }
    }

    /// Whether it takes a request now, as far as can be known.
    pub fn is_ready(&self) -> bool {
        match &self.sender {
            Sender::Single(sender, _) => sender.is_ready(),
            // One place is the pool's own.
            Sender::Shared(sender, places) => {
                // So is one the connection's.
                sender.is_ready() && Rc::strong_count(places) <= places.get().min(MOST_STREAMS) + 1
            }
        }
    }

    /// Whether the other end has neither closed nor spoken unasked.
    pub fn is_quiet(&self) -> bool {
        self.wire.is_quiet()
    }

    /// Whether it takes none any more.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Single(sender, _) => sender.is_closed(),
            Sender::Shared(sender, _) => sender.is_closed(),
        }
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn send(
        &mut self,
        request: http::Request<RequestBody>,
    ) -> Result<http::Response<Incoming>, Lost> {
        match &mut self.sender {
            Sender::Single(sender, read) => {
                let before = read.get();
                sender.try_send_request(request).await.map_err(|mut failed| {
                    match failed.take_message() {
                        Some(unsent) => Lost::Unsent(Box::new(unsent)),
                        None => Lost::of(&failed.into_error(), read.get() > before),
                    }
                })
            }
            Sender::Shared(sender, _) => {
                let host = request.headers().get(http::header::HOST).cloned();
                let sent = sender.try_send_request(shared_form(request)?).await;
                sent.map_err(|mut failed| match failed.take_message() {
                    Some(unsent) => Lost::Unsent(Box::new(plain_form(unsent, host))),
                    None => Lost::of(&failed.into_error(), false),
                })
            }
        }
    }
}

impl Lost {
    fn of(error: &hyper::Error, has_begun: bool) -> Lost {
        if is_refusal(error) {
            return Lost::Refused;
        }
        match Error::from_exchange(error) {
            Some(error) => Lost::Broken(error),
            None if has_begun => Lost::Broken(Error::OriginDropped),
            None => Lost::Silent,
        }
    }
}

fn is_refusal(error: &hyper::Error) -> bool {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| {
        let goes_away = cause.is_go_away() && cause.reason() == Some(h2::Reason::NO_ERROR);
        let refused = cause.is_reset() && cause.reason() == Some(h2::Reason::REFUSED_STREAM);
        cause.is_remote() && (goes_away || refused)
    })
}

/// Counts the bytes that are read.
#[derive(Debug)]
struct Counted<T> {
    io: T,
    read: Rc<Cell<u64>>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        self.read.set(self.read.get() + (buffer.filled().len() - before) as u64);
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The request as HTTP/2 has it: scheme and host stand in the target, and nothing speaks of the
/// connection (RFC 9113 §8.2.2, §8.3.1).
fn shared_form(
    mut request: http::Request<RequestBody>,
) -> Result<http::Request<RequestBody>, Lost> {
    let headers = request.headers_mut();
    headers.remove(http::header::TRANSFER_ENCODING);
    let host = headers.remove(http::header::HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = authority;
    *request.uri_mut() =
        http::Uri::from_parts(parts).map_err(|_| Lost::Broken(Error::Malformed("the Host")))?;
    Ok(request)
}

/// The same as HTTP/1.1 has it, should it be sent so after all.
fn plain_form(
    mut request: http::Request<RequestBody>,
    host: Option<HeaderValue>,
) -> http::Request<RequestBody> {
    let mut parts = http::uri::Parts::default();
    parts.path_and_query = std::mem::take(request.uri_mut()).into_parts().path_and_query;
    // A path that was parsed makes an URI.
    *request.uri_mut() = http::Uri::from_parts(parts).unwrap_or_default();
    if let Some(host) = host {
        request.headers_mut().insert(http::header::HOST, host);
    }
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
    let read = Rc::new(Cell::new(0));
    let io = Counted { io, read: read.clone() };
    let (sender, connection) = begin_single(io, limits).await?;
    tokio::task::spawn_local(async move {
        // How a connection ends is told to the exchange that it had.
        let _ = connection.await;
    });
    Ok(Sender::Single(sender, read))
}

async fn shared<T>(io: T, limits: &OriginLimits) -> Result<Sender, Error>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut builder = http2::Builder::new(OnThisCore);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(STREAM_WINDOW_BYTES * MOST_STREAMS as u32)
        .initial_max_send_streams(STREAMS_UNTOLD)
        .keep_alive_interval(SIGN_OF_LIFE)
        .keep_alive_timeout(SIGN_OF_LIFE)
        .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX));
    let handshake = builder.handshake(TokioIo::new(io)).await;
    let (sender, mut connection) = handshake.map_err(unreachable)?;
    // How many streams it takes is the first thing that an origin says.
    let mut looks = tokio::time::interval(LOOKED_FOR);
    let told = poll_fn(|cx| {
        if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
            return Poll::Ready(ended.map_err(unreachable));
        }
        while connection.current_max_send_streams() == STREAMS_UNTOLD {
            ready!(looks.poll_tick(cx));
        }
        Poll::Ready(Ok(()))
    });
    if let Ok(ended) = tokio::time::timeout(FIRST_WORD, told).await {
        ended?;
    }
    let places = Rc::new(Cell::new(connection.current_max_send_streams()));
    let known = places.clone();
    tokio::task::spawn_local(poll_fn(move |cx| {
        let polled = Pin::new(&mut connection).poll(cx);
        known.set(connection.current_max_send_streams());
        polled.map(|_| ())
    }));
    Ok(Sender::Shared(sender, places))
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
