//! One connection that speaks HTTP/2 over TLS, with several requests at once.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{Request, StatusCode};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use super::Shared;
use crate::certificate;
use crate::client::Failure;
use crate::response::Fault;

/// Bytes that the server may send ahead on a stream and on a connection: as Chrome allows, and
/// more than any answer of the rows, so that no server ever waits for room.
const STREAM_WINDOW_BYTES: u32 = 6 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 15 << 20;

/// A connection whose frames a task of its own sends and takes.
pub struct Connection {
    requests: SendRequest<Bytes>,
    streams: u32,
}

impl Connection {
    /// Sends what a connection begins with.
    pub async fn begin(stream: TlsStream<TcpStream>, streams: u32) -> anyhow::Result<Self> {
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        let (requests, connection) = builder.handshake(stream).await?;
        // How it ends, its streams are told too.
        tokio::task::spawn_local(async { drop(connection.await) });
        Ok(Self { requests, streams })
    }

    /// Keeps its streams busy until the run is over or the connection is.
    pub async fn work(&mut self, shared: &Rc<Shared>) {
        let mut streams = JoinSet::new();
        for _ in 0..self.streams {
            streams.spawn_local(keep_asking(self.requests.clone(), shared.clone()));
        }
        while streams.join_next().await.is_some() {}
    }

    /// Asks on one stream only.
    pub async fn ask_on_one(&mut self, shared: &Rc<Shared>) {
        keep_asking(self.requests.clone(), shared.clone()).await;
    }
}

/// Asks again and again until the run is over or the connection is. A stream that fails alone is
/// counted, and the next one goes on.
async fn keep_asking(mut requests: SendRequest<Bytes>, shared: Rc<Shared>) {
    let mut path = Vec::with_capacity(64);
    loop {
        requests = match requests.ready().await {
            Ok(requests) => requests,
            Err(_) => return shared.failed(Failure::Closed),
        };
        let Some(index) = shared.next_index() else { return };
        path.clear();
        shared.asker.borrow().write_path(index, &mut path);
        let began = Instant::now();
        match exchange(&mut requests, &path).await {
            Ok(status) => shared.answered(status.as_u16(), began),
            Err(failure) => shared.failed(failure),
        }
    }
}

async fn exchange(requests: &mut SendRequest<Bytes>, path: &[u8]) -> Result<StatusCode, Failure> {
    let closed = |_| Failure::Closed;
    let (response, _) = requests.send_request(request(path), true).map_err(closed)?;
    let (head, mut body) = response.await.map_err(closed)?.into_parts();
    let mut received = 0;
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(closed)?;
        received += piece.len() as u64;
        body.flow_control().release_capacity(piece.len()).map_err(closed)?;
    }
    let announced = announced(&head.headers).ok_or(Failure::Garbled(Fault::Framing))?;
    match received == announced {
        true => Ok(head.status),
        false => Err(Failure::Garbled(Fault::Surplus)),
    }
}

fn request(path: &[u8]) -> Request<()> {
    let path = std::str::from_utf8(path).expect("patterns are text");
    let uri = format!("https://{}{path}", certificate::NAME);
    Request::get(uri).body(()).expect("paths of patterns have no white space")
}

fn announced(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
