//! An origin that speaks HTTP/2 over TLS.

use super::Authority;
use bytes::Bytes;
use h2::server::SendResponse;
use std::future::poll_fn;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How many streams it takes at once on a connection; further ones are refused.
const MOST_STREAMS: u32 = 10;

/// Where it listens, for as long as the test runs.
pub struct Http2Origin(pub SocketAddr);

impl Http2Origin {
    /// An origin for `localhost`. `/short` and `/short-unsaid` end without their end, the first
    /// having said how long it would be; `/long` goes on for as long as it is read; others say
    /// their target. Everything may be stored but `/long`.
    pub fn start(authority: &Authority) -> Http2Origin {
        let acceptor = TlsAcceptor::from(authority.server(&["localhost"], &["h2"]));
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(acceptor.clone(), stream));
                }
            });
        });
        Http2Origin(told.recv().unwrap())
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(MOST_STREAMS);
    let Ok(mut connection) = builder.handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request.uri().path().to_owned(), respond));
    }
}

async fn answer(path: String, mut respond: SendResponse<Bytes>) {
    let control = if path == "/long" { "no-store" } else { "max-age=600" };
    let mut head = http::Response::builder().header("cache-control", control);
    if path == "/short" {
        head = head.header("content-length", "1000");
    }
    let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
    match path.as_str() {
        "/short" | "/short-unsaid" => {
            stream.send_data(Bytes::from_static(b"abc"), false).unwrap();
            // Sent before the reset takes its place.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            stream.send_reset(h2::Reason::NO_ERROR);
        }
        "/long" => loop {
            stream.reserve_capacity(16 << 10);
            let Some(Ok(room)) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
            if stream.send_data(vec![b'x'; room].into(), false).is_err() {
                return;
            }
        },
        _ => stream.send_data(path.into(), true).unwrap(),
    }
}
