//! A client that speaks HTTP/2.

use super::{Authority, DEADLINE, Received};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// One connection.
pub struct Http2 {
    runtime: Runtime,
    requests: SendRequest<Bytes>,
    scheme: &'static str,
}

/// A request that is under way.
pub struct Asking {
    /// The answer.
    pub answer: ResponseFuture,
    /// The request's body.
    pub body: h2::SendStream<Bytes>,
}

impl Http2 {
    /// Connects by prior knowledge.
    pub fn plain(address: SocketAddr) -> Http2 {
        let runtime = runtime();
        let stream = runtime.block_on(TcpStream::connect(address)).expect("it takes connections");
        Http2::over(stream, runtime, "http")
    }

    /// Connects with TLS, asking for that name.
    pub fn secure(address: SocketAddr, name: &str, authority: &Authority) -> Http2 {
        let runtime = runtime();
        let connector = TlsConnector::from(authority.client(&["h2", "http/1.1"]));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.expect("it takes connections");
            connector.connect(name, stream).await.expect("it is believed")
        });
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Http2::over(stream, runtime, "https")
    }

    fn over<T>(stream: T, runtime: Runtime, scheme: &'static str) -> Http2
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, connection) =
            runtime.block_on(h2::client::handshake(stream)).expect("it speaks HTTP/2");
        runtime.spawn(async move {
            // How it ends shows in the answers.
            let _ = connection.await;
        });
        Http2 { runtime, requests, scheme }
    }

    /// Sends a request, with more to come of its body where `ends` does not say so.
    pub fn send(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        ends: bool,
    ) -> Asking {
        let uri = format!("{}://site.test{target}", self.scheme);
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let requests = &mut self.requests;
        self.runtime.block_on(async {
            let ready = std::future::poll_fn(|cx| requests.poll_ready(cx));
            timeout(DEADLINE, ready).await.expect("in time").expect("it takes requests");
            let (answer, body) = requests.send_request(request, ends).expect("it goes out");
            Asking { answer, body }
        })
    }

    /// Sends a request without a body; nothing if the connection is over.
    pub fn try_send(&mut self, method: &str, target: &str) -> Option<Asking> {
        let uri = format!("{}://site.test{target}", self.scheme);
        let request = http::Request::builder().method(method).uri(uri).body(()).unwrap();
        let requests = &mut self.requests;
        self.runtime.block_on(async {
            let ready = std::future::poll_fn(|cx| requests.poll_ready(cx));
            timeout(DEADLINE, ready).await.ok()?.ok()?;
            let (answer, body) = requests.send_request(request, true).ok()?;
            Some(Asking { answer, body })
        })
    }

    /// Waits for an answer and all of its body.
    pub fn wait(&mut self, asking: Asking) -> Received {
        self.try_wait(asking).expect("an answer")
    }

    /// Waits for an answer and all of its body.
    ///
    /// # Errors
    /// When the stream was reset before the head.
    pub fn try_wait(&mut self, mut asking: Asking) -> Result<Received, h2::Error> {
        self.runtime.block_on(async {
            let mut received = Received::default();
            loop {
                let interim = std::future::poll_fn(|cx| asking.answer.poll_informational(cx));
                match timeout(DEADLINE, interim).await.expect("in time") {
                    Some(Ok(hint)) => {
                        received.interim.push((hint.status().as_u16(), fields(hint.headers())));
                    }
                    Some(Err(error)) => return Err(error),
                    None => break,
                }
            }
            let answer = timeout(DEADLINE, asking.answer).await.expect("in time")?;
            let (head, mut body) = answer.into_parts();
            (received.status, received.fields) = (head.status.as_u16(), fields(&head.headers));
            while let Some(data) = timeout(DEADLINE, body.data()).await.expect("in time") {
                let Ok(data) = data else {
                    received.cut = true;
                    return Ok(received);
                };
                let _ = body.flow_control().release_capacity(data.len());
                received.body.extend_from_slice(&data);
            }
            if let Ok(Some(trailers)) = timeout(DEADLINE, body.trailers()).await.expect("in time") {
                received.trailers = fields(&trailers);
            }
            Ok(received)
        })
    }

    /// Sends a request without a body and waits for the answer.
    pub fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> Received {
        let asking = self.send(method, target, fields, true);
        self.wait(asking)
    }

    /// Sends a GET and waits for the answer.
    pub fn get(&mut self, target: &str) -> Received {
        self.ask("GET", target, &[])
    }

    /// Sends a request with a body in two pieces, and waits for the answer.
    pub fn post(&mut self, target: &str, pieces: [&[u8]; 2]) -> Received {
        let mut asking = self.send("POST", target, &[], false);
        let _within = self.runtime.enter();
        for (number, piece) in pieces.into_iter().enumerate() {
            asking.body.send_data(Bytes::copy_from_slice(piece), number == 1).expect("it is open");
        }
        drop(_within);
        self.wait(asking)
    }

    /// Lets the connection work for a moment.
    pub fn breathe(&mut self) {
        let moment = async { tokio::time::sleep(std::time::Duration::from_millis(1)).await };
        self.runtime.block_on(moment);
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn fields(map: &http::HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}
