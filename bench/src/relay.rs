//! The bare relay: the floor that a proxy can reach. Each client has an upstream connection of its
//! own; bytes go both ways and nobody looks at them.

use std::io;
use std::net::SocketAddr;

use anyhow::Context as _;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

use crate::tcp::{self, Received};

const LISTENER: Token = Token(usize::MAX);
const BUFFER_BYTES: usize = 64 << 10;

/// Passes every connection on to `origin` until the process is ended.
pub fn serve(listen: SocketAddr, origin: SocketAddr) -> anyhow::Result<()> {
    let mut poll = Poll::new().context("opening epoll")?;
    let mut listener = tcp::listen(listen).with_context(|| format!("listening on {listen}"))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut pairs: Slab<Pair> = Slab::new();
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; BUFFER_BYTES];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.context("waiting for events")?,
        }
        for event in &events {
            match event.token() {
                LISTENER => accept(&listener, origin, &mut pairs, poll.registry())?,
                Token(token) => {
                    let (at, side) = (token / 2, token % 2);
                    let Some(pair) = pairs.get_mut(at) else { continue };
                    if pair.advance(side, event.is_read_closed(), &mut scratch).is_err() {
                        pairs.remove(at);
                    }
                }
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    origin: SocketAddr,
    pairs: &mut Slab<Pair>,
    registry: &Registry,
) -> anyhow::Result<()> {
    loop {
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return Err(error).context("accepting a connection"),
        };
        // A connection that cannot be passed on is closed; the load generator counts it.
        let Ok(upstream) = TcpStream::connect(origin) else { continue };
        let slot = pairs.vacant_entry();
        let at = slot.key();
        let mut pair = Pair { sides: [Side::new(client)?, Side::new(upstream)?] };
        for (side, end) in pair.sides.iter_mut().enumerate() {
            let interest = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut end.stream, Token(at * 2 + side), interest)?;
        }
        slot.insert(pair);
    }
}

/// Client (0) and upstream (1).
struct Pair {
    sides: [Side; 2],
}

/// One end, and what it has not taken yet of what the other end sent.
struct Side {
    stream: TcpStream,
    unsent: Vec<u8>,
    /// Bytes may be waiting that were not read because the other end takes no more now.
    behind: bool,
}

impl Side {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, unsent: Vec::new(), behind: false })
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match tcp::send(&mut self.stream, &self.unsent, &[]) {
                Ok(0) => return Ok(()),
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Pair {
    /// Acts on an event of one side. An error, the end of either side among them, ends the pair.
    fn advance(&mut self, side: usize, ends: bool, scratch: &mut [u8]) -> io::Result<()> {
        let other = 1 - side;
        self.sides[side].flush()?;
        if self.sides[other].behind && self.sides[side].unsent.is_empty() {
            self.pass_on(other, false, scratch)?;
        }
        self.pass_on(side, ends, scratch)
    }

    /// Reads from one side and writes to the other until one of them must wait.
    fn pass_on(&mut self, from: usize, ends: bool, scratch: &mut [u8]) -> io::Result<()> {
        let [a, b] = &mut self.sides;
        let (from, to) = if from == 0 { (a, b) } else { (b, a) };
        loop {
            from.behind = !to.unsent.is_empty();
            if from.behind {
                return Ok(());
            }
            let n = match tcp::receive(&mut from.stream, scratch) {
                Ok(Received::Bytes(n)) => n,
                Ok(Received::End) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(Received::Later) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(error),
            };
            let sent = match tcp::send(&mut to.stream, &scratch[..n], &[]) {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => 0,
                other => other?,
            };
            to.unsent.extend_from_slice(&scratch[sent..n]);
            if n < scratch.len() && !ends {
                from.behind = false;
                return Ok(());
            }
        }
    }
}
