//! What the soak's clients know of Larder, and how they connect.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::larder::Larder;
use crate::certificate::{self, Certificate};
use crate::load::Version;

/// The soak's stream over TLS.
pub type Secure = TlsStream<TcpStream>;

/// Which protocol a client asks for by ALPN.
pub const HTTP1: Version = Version::Http1;
/// The other one; how many streams there are is the client's own matter.
pub const HTTP2: Version = Version::Http2 { streams: 1 };

/// Room for what a slow client has not read, in bytes: as little as the kernel allows.
const NARROW_BUFFER_BYTES: u32 = 4096;

/// Larder, as its clients see it.
pub struct Target {
    /// Where it speaks TLS.
    pub tls: SocketAddr,
    /// Where it speaks plain HTTP.
    pub plain: SocketAddr,
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    names: AtomicU64,
}

impl Target {
    /// Clients that believe this certificate.
    pub fn new(larder: &Larder, certificate: &Certificate) -> anyhow::Result<Self> {
        Ok(Self {
            tls: larder.tls,
            plain: larder.plain,
            http1: certificate.client(HTTP1.alpn())?,
            http2: certificate.client(HTTP2.alpn())?,
            names: AtomicU64::new(0),
        })
    }

    /// A name that was not used before, for an URL that is cold.
    pub fn new_name(&self) -> u64 {
        self.names.fetch_add(1, Ordering::Relaxed)
    }

    /// Connects without TLS.
    pub async fn plain(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.plain).await
    }

    /// Connects without TLS, with next to no room for what comes.
    pub async fn narrow(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(NARROW_BUFFER_BYTES)?;
        socket.connect(self.plain).await
    }

    /// Connects to where TLS is spoken, without speaking it.
    pub async fn raw(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.tls).await
    }

    /// Connects with TLS and asks for one protocol.
    pub async fn secure(&self, version: Version) -> io::Result<Secure> {
        self.secure_as(version, certificate::NAME).await
    }

    /// The same for a host of another name.
    pub async fn secure_as(&self, version: Version, name: &'static str) -> io::Result<Secure> {
        let stream = self.raw().await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(self.config(version));
        connector.connect(server_name(name)?, stream).await
    }

    /// The first message of a handshake.
    pub fn hello(&self) -> io::Result<Vec<u8>> {
        let config = self.config(HTTP2);
        let mut connection = ClientConnection::new(config, server_name(certificate::NAME)?)
            .map_err(io::Error::other)?;
        let mut hello = Vec::new();
        connection.write_tls(&mut hello)?;
        Ok(hello)
    }

    fn config(&self, version: Version) -> Arc<ClientConfig> {
        match version {
            Version::Http1 => self.http1.clone(),
            Version::Http2 { .. } => self.http2.clone(),
        }
    }
}

fn server_name(name: &'static str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name).map_err(io::Error::other)
}
