//! The storm: many open connections ask for one URL at the same moment.
//!
//! It shows what a cache does when a popular object is cold: how many requests reach the origin,
//! and how long the last client waits.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mio::{Events, Poll, Token};

use crate::cli::StormArgs;
use crate::client::{Client, Exchange};
use crate::get;
use crate::stats::median;

const READ_BUFFER_BYTES: usize = 64 << 10;
/// Who has no answer by then gets none.
const MAX_STORM: Duration = Duration::from_secs(30);

/// What came of a storm. Times run from the moment before the first request was sent, the same
/// for all.
pub struct Outcome {
    /// Until each good answer's first byte.
    pub first_byte: Times,
    /// Until each good answer's last byte.
    pub whole: Times,
    /// Clients with a good answer.
    pub answered: u64,
    /// Clients without.
    pub errors: u64,
}

/// The times of all clients, exactly: there are few, and milliseconds matter here.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// The median; zero when there are none.
    pub fn p50(&self) -> Duration {
        Duration::from_secs_f64(median(self.0.iter().map(Duration::as_secs_f64)).unwrap_or(0.0))
    }

    /// The longest; zero when there are none.
    pub fn max(&self) -> Duration {
        self.0.iter().copied().max().unwrap_or_default()
    }
}

/// `bench storm`.
pub fn command(args: &StormArgs) -> anyhow::Result<()> {
    let before = origin_requests(args)?;
    let Outcome { first_byte, whole, errors, .. } = run(args.server, &args.path, args.clients)?;
    println!("first byte: p50 {:?}, max {:?}", first_byte.p50(), first_byte.max());
    println!("whole: p50 {:?}, max {:?}, {errors} errors", whole.p50(), whole.max());
    if let (Some(before), Some(after)) = (before, origin_requests(args)?) {
        println!("requests at the origin: {}", after - before);
    }
    Ok(())
}

fn origin_requests(args: &StormArgs) -> anyhow::Result<Option<u64>> {
    args.origin.map(|origin| get::origin_requests(origin, &args.path)).transpose()
}

/// Opens all connections, then asks on each at once, and waits for every answer (at most 30 s).
pub fn run(server: SocketAddr, path: &str, clients: u32) -> anyhow::Result<Outcome> {
    let mut poll = Poll::new().context("opening epoll")?;
    let connect = |n| Client::connect(server, poll.registry(), Token(n)).map(Some);
    let connected: io::Result<Vec<_>> = (0..clients as usize).map(connect).collect();
    let mut storm = Storm::new(connected.context("opening the storm's connections")?);
    storm.ask(format!("GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n").as_bytes());
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; READ_BUFFER_BYTES];
    while storm.waiting > 0 && storm.began.elapsed() < MAX_STORM {
        let left = MAX_STORM.saturating_sub(storm.began.elapsed());
        match poll.poll(&mut events, Some(left)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.context("waiting for events")?,
        }
        for event in &events {
            storm.advance(event, &mut scratch);
        }
    }
    Ok(storm.finish())
}

struct Storm {
    /// `None`: answered or failed, and closed.
    clients: Vec<Option<Client>>,
    waiting: u64,
    began: Instant,
    outcome: Outcome,
}

impl Storm {
    fn new(clients: Vec<Option<Client>>) -> Self {
        let (first_byte, whole) = (Times::default(), Times::default());
        Self {
            waiting: clients.len() as u64,
            clients,
            began: Instant::now(),
            outcome: Outcome { first_byte, whole, answered: 0, errors: 0 },
        }
    }

    fn ask(&mut self, request: &[u8]) {
        self.began = Instant::now();
        for at in 0..self.clients.len() {
            let Some(client) = &mut self.clients[at] else { continue };
            if client.ask(self.began, |out| out.extend_from_slice(request)).is_err() {
                self.settle(at, None);
            }
        }
    }

    fn advance(&mut self, event: &mio::event::Event, scratch: &mut [u8]) {
        let Token(at) = event.token();
        let Some(client) = &mut self.clients[at] else { return };
        match client.advance(event, scratch) {
            Ok(None) => {}
            Ok(Some(exchange)) => self.settle(at, Some(exchange)),
            Err(_) => self.settle(at, None),
        }
    }

    fn settle(&mut self, at: usize, exchange: Option<Exchange>) {
        self.clients[at] = None;
        self.waiting -= 1;
        match exchange {
            Some(exchange) if exchange.answer.status == 200 => {
                self.outcome.answered += 1;
                self.outcome.first_byte.0.push(exchange.first_byte);
                self.outcome.whole.0.push(exchange.whole);
            }
            _ => self.outcome.errors += 1,
        }
    }

    fn finish(mut self) -> Outcome {
        self.outcome.errors += self.waiting;
        self.outcome
    }
}
