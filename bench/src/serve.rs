//! The event loop under origin and bare: keep-alive HTTP/1.1 GETs on one thread, straight on epoll.
//!
//! It does as little as a server can do: read, find the end of the head, look at the request line,
//! write. Requests have no bodies here; what is not a GET is answered 405 and closed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use memchr::{memchr, memmem};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::tcp::{self, Received};

const LISTENER: Token = Token(usize::MAX);
const READ_BUFFER_BYTES: usize = 16 << 10;
const MAX_HEAD_BYTES: usize = 64 << 10;

/// Decides what is answered.
pub trait Handler {
    /// The answer to one GET.
    fn answer(&mut self, request: &Request<'_>) -> Reply;
}

/// A GET whose head is whole.
pub struct Request<'a> {
    /// Path and query, as sent.
    pub target: &'a str,
    /// The whole head, with its empty line.
    pub head: &'a [u8],
}

/// Bytes to answer with, shared and never copied.
#[derive(Clone)]
pub struct Reply {
    /// The head, or the whole answer where `body` is empty.
    pub head: Rc<[u8]>,
    /// The body.
    pub body: Rc<[u8]>,
    /// How long to wait before the first byte.
    pub delay: Duration,
    /// Whether to close after the last byte.
    pub closes: bool,
}

impl Reply {
    /// An answer with a head only, sent at once.
    pub fn bare(head: Rc<[u8]>) -> Self {
        Self { head, body: Rc::from([]), delay: Duration::ZERO, closes: false }
    }
}

/// Serves until the process is ended.
pub fn serve(listen: SocketAddr, handler: impl Handler) -> anyhow::Result<()> {
    let mut poll = Poll::new().context("opening epoll")?;
    let mut listener = tcp::listen(listen).with_context(|| format!("listening on {listen}"))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut server = Server::new(handler);
    let mut events = Events::with_capacity(1024);
    loop {
        match poll.poll(&mut events, server.until_next_due()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.context("waiting for events")?,
        }
        for event in &events {
            match event.token() {
                LISTENER => server.accept(&listener, &poll)?,
                Token(at) => server.on_event(at, event),
            }
        }
        server.send_due();
    }
}

struct Server<H> {
    handler: H,
    connections: Slab<Connection>,
    /// Delayed answers by the moment they are due; the number tells a connection from a later one
    /// in the same place.
    due: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    accepted: u64,
    scratch: Vec<u8>,
}

impl<H: Handler> Server<H> {
    fn new(handler: H) -> Self {
        Self {
            handler,
            connections: Slab::new(),
            due: BinaryHeap::new(),
            accepted: 0,
            scratch: vec![0; READ_BUFFER_BYTES],
        }
    }

    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> anyhow::Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error).context("accepting a connection"),
            };
            stream.set_nodelay(true)?;
            self.accepted += 1;
            let slot = self.connections.vacant_entry();
            let token = Token(slot.key());
            poll.registry().register(
                &mut stream,
                token,
                Interest::READABLE | Interest::WRITABLE,
            )?;
            slot.insert(Connection::new(stream, self.accepted));
        }
    }

    fn on_event(&mut self, at: usize, event: &mio::event::Event) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        connection.readable |= event.is_readable();
        connection.ends |= event.is_read_closed();
        self.pump(at);
    }

    /// Goes on with a connection until it must wait or is done.
    fn pump(&mut self, at: usize) {
        match self.connections[at].pump(&mut self.handler, &mut self.scratch) {
            Ok(Next::WaitForSocket) => {}
            Ok(Next::WaitUntil(moment)) => {
                self.due.push(Reverse((moment, at, self.connections[at].number)));
            }
            Ok(Next::Close) | Err(_) => drop(self.connections.remove(at)),
        }
    }

    fn until_next_due(&self) -> Option<Duration> {
        let Reverse((moment, ..)) = self.due.peek()?;
        Some(moment.saturating_duration_since(Instant::now()))
    }

    fn send_due(&mut self) {
        while let Some(Reverse((moment, at, number))) = self.due.peek().copied() {
            if moment > Instant::now() {
                return;
            }
            self.due.pop();
            if let Some(connection) = self.connections.get_mut(at).filter(|c| c.number == number) {
                connection.held = false;
                self.pump(at);
            }
        }
    }
}

/// What a connection waits for.
enum Next {
    WaitForSocket,
    WaitUntil(Instant),
    Close,
}

struct Connection {
    stream: TcpStream,
    number: u64,
    input: Vec<u8>,
    /// The answer being sent, and how much of it was.
    output: Option<(Reply, usize)>,
    /// The answer is delayed and its moment has not come.
    held: bool,
    /// The socket may have bytes to read.
    readable: bool,
    /// The other side will send no more.
    ends: bool,
}

impl Connection {
    fn new(stream: TcpStream, number: u64) -> Self {
        let (input, output) = (Vec::new(), None);
        Self { stream, number, input, output, held: false, readable: false, ends: false }
    }

    fn pump(&mut self, handler: &mut impl Handler, scratch: &mut [u8]) -> io::Result<Next> {
        loop {
            if self.held {
                return Ok(Next::WaitForSocket);
            }
            match self.flush()? {
                Flushed::Blocked => return Ok(Next::WaitForSocket),
                Flushed::Last => return Ok(Next::Close),
                Flushed::Whole => {}
            }
            if let Some(reply) = self.next_reply(handler) {
                let delay = reply.delay;
                self.output = Some((reply, 0));
                if !delay.is_zero() {
                    self.held = true;
                    return Ok(Next::WaitUntil(Instant::now() + delay));
                }
            } else if !self.readable {
                return Ok(Next::WaitForSocket);
            } else if self.read(scratch)? {
                return Ok(Next::Close);
            }
        }
    }

    fn flush(&mut self) -> io::Result<Flushed> {
        let Some((reply, sent)) = &mut self.output else { return Ok(Flushed::Whole) };
        let (head, body) = (&reply.head, &reply.body);
        while *sent < head.len() + body.len() {
            let head_left = &head[(*sent).min(head.len())..];
            let body_left = &body[sent.saturating_sub(head.len())..];
            match tcp::send(&mut self.stream, head_left, body_left)? {
                0 => return Ok(Flushed::Blocked),
                n => *sent += n,
            }
        }
        let flushed = if reply.closes { Flushed::Last } else { Flushed::Whole };
        self.output = None;
        Ok(flushed)
    }

    fn next_reply(&mut self, handler: &mut impl Handler) -> Option<Reply> {
        let head_len = memmem::find(&self.input, b"\r\n\r\n")? + 4;
        let head = &self.input[..head_len];
        let reply = match target_of_get(head) {
            Some(target) => handler.answer(&Request { target, head }),
            None => method_not_allowed(),
        };
        self.input.drain(..head_len);
        Some(reply)
    }

    /// Reads once; true: the other side is done. A read that does not fill the buffer has drained
    /// the socket, and the next bytes raise a new event.
    fn read(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        match tcp::receive(&mut self.stream, scratch)? {
            Received::Bytes(n) => {
                self.input.extend_from_slice(&scratch[..n]);
                self.readable = n == scratch.len() || self.ends;
            }
            Received::Later => self.readable = false,
            Received::End => return Ok(true),
        }
        Ok(self.input.len() > MAX_HEAD_BYTES)
    }
}

enum Flushed {
    /// All sent; the connection goes on.
    Whole,
    /// All sent, and it was the last answer.
    Last,
    /// The socket takes no more now.
    Blocked,
}

fn target_of_get(head: &[u8]) -> Option<&str> {
    let rest = head.strip_prefix(b"GET ")?;
    std::str::from_utf8(&rest[..memchr(b' ', rest)?]).ok()
}

fn method_not_allowed() -> Reply {
    let head = b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n";
    Reply { closes: true, ..Reply::bare(Rc::from(&head[..])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_what_stands_between_method_and_version() {
        assert_eq!(target_of_get(b"GET /a?b HTTP/1.1\r\n\r\n"), Some("/a?b"));
        assert_eq!(target_of_get(b"POST /a HTTP/1.1\r\n\r\n"), None);
    }
}
