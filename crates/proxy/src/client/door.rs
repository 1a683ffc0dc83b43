//! How a connection begins: who speaks, by TLS or not, and in which version of HTTP.

use super::connection::{Connection, Ended};
use super::writer::Torn;
use super::{Peer, http2};
use crate::core::Current;
use crate::error::Error;
use crate::proxy_protocol;
use crate::upstream::request::Client;
use policy::request::Scheme;
use std::io::{self, Cursor};
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, join};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The first byte of a TLS handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;

/// A listener's way in.
#[derive(Clone)]
pub struct Door {
    /// The core, as it is when a request comes.
    pub current: Current,
    /// Whether TLS is spoken here.
    pub is_tls: bool,
    /// Says when no further request is to be taken.
    pub stopping: watch::Receiver<bool>,
}

impl Door {
    /// Serves a connection until it is over.
    pub async fn enter(mut self, stream: TcpStream, peer: IpAddr) {
        // Answers are written whole; waiting for more to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let core = self.current.core();
        let patience = core.shared.settings.client.header_timeout;
        let mut stopping = self.stopping.clone();
        let begun = tokio::select! {
            biased;
            begun = timeout(patience, Box::pin(self.begin(stream, peer))) => begun,
            // Nothing was asked yet.
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        match begun {
            Ok(Ok((Entered::Plain(stream), peer))) => self.plain(stream, peer).await,
            Ok(Ok((Entered::Secure(stream), peer))) => Box::pin(self.secure(*stream, peer)).await,
            Ok(Ok((Entered::PlainOnTls(stream), peer))) => self.plain_on_tls(stream, peer).await,
            Ok(Err(_)) | Err(_) => core.counters.handshakes_failed.one(),
        }
    }

    /// Takes what comes before HTTP.
    async fn begin(&mut self, mut stream: TcpStream, peer: IpAddr) -> io::Result<(Entered, Peer)> {
        let core = self.current.core();
        let settings = &core.shared.settings;
        let announces = settings.proxy_protocol.iter().any(|network| network.contains(peer));
        let told = match announces {
            true => proxy_protocol::read(&mut stream).await?,
            false => None,
        };
        let client = Client::new(told.unwrap_or(peer), &settings.trusted_proxies);
        let Some(config) = core.shared.tls.clone().filter(|_| self.is_tls) else {
            return Ok((Entered::Plain(stream), Peer { client, scheme: Scheme::Http }));
        };
        let peer = Peer { client, scheme: Scheme::Https };
        let mut first = [0];
        match stream.peek(&mut first).await? {
            1 if first[0] == TLS_HANDSHAKE => {
                let stream = TlsAcceptor::from(config).accept(stream).await?;
                Ok((Entered::Secure(Box::new(stream)), peer))
            }
            1 if first[0].is_ascii_uppercase() => Ok((Entered::PlainOnTls(stream), peer)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn plain(self, stream: TcpStream, peer: Peer) {
        let (current, stopping) = (self.current.clone(), self.stopping.clone());
        let mut told = Told { stream: Some(stream), torn: Torn::default() };
        let torn = told.torn.clone();
        let Some(stream) = &mut told.stream else { return };
        let (read, write) = stream.split();
        let ended = Connection::new(current, peer, read, write, stopping, torn).run().await;
        if let Ended::Http2(begun) = ended
            && let Some(stream) = told.stream.take()
        {
            let (read, write) = stream.into_split();
            let io = join(Cursor::new(begun).chain(read), write);
            http2::serve(self.current, peer, io, self.stopping).await;
        }
    }

    async fn secure(self, stream: TlsStream<TcpStream>, peer: Peer) {
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            return http2::serve(self.current, peer, stream, self.stopping).await;
        }
        let (current, stopping) = (self.current.clone(), self.stopping.clone());
        let (read, write) = tokio::io::split(stream);
        // A body that breaks off is told by the missing end of TLS (RFC 8446 §6.1).
        let torn = Torn::default();
        // What was agreed on by ALPN is not asked again.
        let _ended = Connection::new(current, peer, read, write, stopping, torn).run().await;
    }

    /// Says in plain HTTP that TLS is spoken here.
    async fn plain_on_tls(self, mut stream: TcpStream, peer: Peer) {
        let (read, write) = stream.split();
        let connection =
            Connection::new(self.current, peer, read, write, self.stopping, Torn::default());
        connection.refuse(Error::PlainOnTls).await;
    }
}

/// A connection on which HTTP is to come.
enum Entered {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
    /// Plain HTTP where TLS is spoken.
    PlainOnTls(TcpStream),
}

/// A connection that is reset, whenever it is dropped, where its end would be taken for that of a
/// body.
struct Told {
    stream: Option<TcpStream>,
    torn: Torn,
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.as_ref().filter(|_| self.torn.get()) {
            // Where that fails, the client sees the end as it would have.
            let _ = stream.set_zero_linger();
        }
    }
}
