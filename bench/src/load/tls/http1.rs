//! One connection that speaks HTTP/1.1 over TLS, with one request at a time.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::Shared;
use crate::client::Failure;
use crate::response::{Answer, ResponseReader};

/// What one record of TLS holds at the most, and so one read (RFC 8446 §5.1).
const READ_BUFFER_BYTES: usize = 16 << 10;

/// A connection with at most one request under way.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    reader: ResponseReader,
    request: Vec<u8>,
    scratch: Vec<u8>,
}

impl Connection {
    /// Nothing was asked on it.
    pub fn new(stream: TlsStream<TcpStream>) -> Self {
        let (request, scratch) = (Vec::with_capacity(256), vec![0; READ_BUFFER_BYTES]);
        Self { stream, reader: ResponseReader::new(), request, scratch }
    }

    /// Asks again and again until the run is over or the connection is.
    pub async fn work(&mut self, shared: &Shared) {
        while let Some(index) = shared.next_index() {
            self.request.clear();
            shared.asker.borrow().write(index, &mut self.request);
            let began = Instant::now();
            match self.exchange().await {
                Ok(answer) => {
                    shared.answered(answer.status, began);
                    if answer.closes {
                        return;
                    }
                }
                Err(failure) => return shared.failed(failure),
            }
        }
    }

    async fn exchange(&mut self) -> Result<Answer, Failure> {
        let closed = |_| Failure::Closed;
        self.stream.write_all(&self.request).await.map_err(closed)?;
        self.stream.flush().await.map_err(closed)?;
        loop {
            let n = self.stream.read(&mut self.scratch).await.map_err(closed)?;
            if n == 0 {
                return Err(Failure::Closed);
            }
            if let Some(answer) = self.reader.take(&self.scratch[..n]).map_err(Failure::Garbled)? {
                return Ok(answer);
            }
        }
    }
}
