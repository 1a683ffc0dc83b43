//! A connection to an origin that may go on in another protocol (RFC 9110 §7.8).

use super::body::RequestBody;
use super::gate::Turn;
use super::link::{begin_single, believe};
use super::wire::Wire;
use crate::error::Error;
use crate::settings::{OriginLimits, OriginTls};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::fmt;
use tokio::io::{AsyncRead, AsyncWrite};

/// Both ways of a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// The origin's end of a tunnel.
pub struct Tunnel {
    /// The connection.
    pub io: Box<dyn Duplex>,
    /// What the origin has said already.
    pub begun: Bytes,
    /// The place among the long streams.
    pub place: Turn,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("begun", &self.begun).finish_non_exhaustive()
    }
}

/// What an origin makes of a request to go on in another protocol.
pub enum Upgraded {
    /// It goes on in it.
    Switched(http::response::Parts, Box<dyn Duplex>, Bytes),
    /// It answers as to any request.
    Answered(http::Response<Incoming>),
}

/// Asks on a connection of its own, which serves nothing else.
///
/// # Errors
/// Why there is no answer.
pub async fn ask(
    wire: Wire,
    tls: Option<(&OriginTls, ServerName<'static>)>,
    limits: &OriginLimits,
    request: http::Request<RequestBody>,
) -> Result<Upgraded, Error> {
    let io: Box<dyn Duplex> = match tls {
        None => Box::new(wire),
        // HTTP/2 has no such thing.
        Some((tls, name)) => Box::new(believe(tls, name, wire, &[b"http/1.1"]).await?),
    };
    let (mut sender, connection) = begin_single(io, limits).await?;
    let (tell, told) = tokio::sync::oneshot::channel();
    tokio::task::spawn_local(async move {
        // It ends by the switch, or with the last byte of an ordinary answer; nobody may wait.
        let _ = tell.send(connection.without_shutdown().await);
    });
    let answer = sender.try_send_request(request).await;
    let answer = answer.map_err(|failed| {
        Error::from_exchange(&failed.into_error()).unwrap_or(Error::OriginDropped)
    })?;
    if answer.status() != http::StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Upgraded::Answered(answer));
    }
    let (head, _) = answer.into_parts();
    let parts = told.await.map_err(|_| Error::OriginDropped)?.map_err(|_| Error::OriginDropped)?;
    Ok(Upgraded::Switched(head, TokioIo::into_inner(parts.io), parts.read_buf))
}
