//! The listener itself: connections with limits in number, time and bytes, so that no stranger
//! keeps it from answering.

use super::seats::{Seat, Seats, Taken};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use proxy::tls::ServerConfig;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// The longest wait for the head of a request, on a kept connection too; tests do not wait so long.
const HEAD_TIMEOUT: Duration =
    if cfg!(feature = "turned-clock") { Duration::from_secs(3) } else { Duration::from_secs(15) };
/// The longest life of a connection; then what is asked already is answered.
const MAX_LIFE: Duration = Duration::from_secs(120);
/// The longest wait for such last answers; who waits for purges of tags is answered within it.
const LAST_ANSWERS: Duration = Duration::from_secs(35);
/// The longest head of a request, in bytes: room for the tags of an entry.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Header fields of a request.
const MAX_FIELDS: usize = 64;
/// The pause after a connection that could not be taken, such as for want of file handles.
const PAUSE: Duration = Duration::from_millis(50);

/// From where a request came, and to where.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The client.
    pub peer: SocketAddr,
    /// The address that it connected to.
    pub local: SocketAddr,
    /// Its seat.
    pub seat: Arc<Seat>,
}

/// Serves for ever; with TLS where it is said how.
pub async fn serve(listener: TcpListener, router: Router, tls: Option<Arc<ServerConfig>>) {
    let acceptor = tls.map(acceptor);
    let seats = Arc::<Seats>::default();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let local = stream.local_addr();
        // Where there is no seat the connection is closed: all have shown right tokens.
        if let (Some(taken), Ok(local)) = (seats.take(), local) {
            let connection = Connection { peer, local, seat: taken.seat.clone() };
            let router = router.clone().layer(Extension(connection));
            tokio::spawn(serve_one(stream, acceptor.clone(), router, taken));
        }
    }
}

/// HTTP/1.1 is all that is spoken here.
fn acceptor(config: Arc<ServerConfig>) -> TlsAcceptor {
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn serve_one(stream: TcpStream, acceptor: Option<TlsAcceptor>, router: Router, taken: Taken) {
    // Without it an answer in two writes waits for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        return serve_stream(stream, router, &taken).await;
    };
    let shaken = tokio::select! {
        shaken = timeout(HEAD_TIMEOUT, acceptor.accept(stream)) => shaken,
        () = taken.seat.lost() => return,
    };
    if let Ok(Ok(stream)) = shaken {
        serve_stream(stream, router, &taken).await;
    }
}

async fn serve_stream(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, taken: &Taken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        // What goes wrong between a client and us is told to nobody else.
        _ = connection.as_mut() => return,
        () = taken.seat.lost() => return,
        () = sleep(MAX_LIFE) => connection.as_mut().graceful_shutdown(),
    }
    let _ = timeout(LAST_ANSWERS, connection).await;
}
