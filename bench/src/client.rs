//! One keep-alive client connection that never blocks: a request out, its answer in.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::response::{Answer, Fault, ResponseReader};
use crate::tcp::{self, Received};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a request got no good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection ended or broke before the answer was whole.
    Closed,
    /// What came is no answer that is understood here.
    Garbled(Fault),
}

/// A finished exchange.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// What was answered.
    pub answer: Answer,
    /// From the request's sending to the answer's first byte.
    pub first_byte: Duration,
    /// From the request's sending to the answer's last byte.
    pub whole: Duration,
}

/// A connection with at most one request under way.
pub struct Client {
    stream: TcpStream,
    reader: ResponseReader,
    request: Vec<u8>,
    sent: usize,
    began: Instant,
    first_byte: Option<Duration>,
}

impl Client {
    /// Connects (this may block for a moment) and registers for both directions.
    pub fn connect(server: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect_timeout(&server, CONNECT_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            reader: ResponseReader::new(),
            request: Vec::with_capacity(256),
            sent: 0,
            began: Instant::now(),
            first_byte: None,
        })
    }

    /// Sends the request that `write` appends. The answer to the one before must be whole.
    pub fn ask(&mut self, now: Instant, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Failure> {
        self.request.clear();
        write(&mut self.request);
        self.sent = 0;
        self.first_byte = None;
        self.began = now;
        self.flush()
    }

    /// Acts on an event; `scratch` is room for what is read. Gives the exchange once it is whole.
    pub fn advance(
        &mut self,
        event: &Event,
        scratch: &mut [u8],
    ) -> Result<Option<Exchange>, Failure> {
        if event.is_writable() {
            self.flush()?;
        }
        if event.is_readable() { self.receive(event.is_read_closed(), scratch) } else { Ok(None) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        while self.sent < self.request.len() {
            match tcp::send(&mut self.stream, &self.request[self.sent..], &[]) {
                Ok(0) => return Ok(()),
                Ok(n) => self.sent += n,
                Err(_) => return Err(Failure::Closed),
            }
        }
        Ok(())
    }

    /// A read that does not fill the buffer has drained the socket: the next bytes raise a new
    /// event, and a read only to be told "later" is saved. Unless the end came with them.
    fn receive(&mut self, ends: bool, scratch: &mut [u8]) -> Result<Option<Exchange>, Failure> {
        loop {
            match tcp::receive(&mut self.stream, scratch) {
                Ok(Received::Bytes(n)) => {
                    if let Some(exchange) = self.take(&scratch[..n])? {
                        return Ok(Some(exchange));
                    }
                    if n < scratch.len() && !ends {
                        return Ok(None);
                    }
                }
                Ok(Received::Later) => return Ok(None),
                Ok(Received::End) | Err(_) => return Err(Failure::Closed),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<Option<Exchange>, Failure> {
        let first_byte = *self.first_byte.get_or_insert_with(|| self.began.elapsed());
        let answer = self.reader.take(bytes).map_err(Failure::Garbled)?;
        Ok(answer.map(|answer| Exchange { answer, first_byte, whole: self.began.elapsed() }))
    }
}
