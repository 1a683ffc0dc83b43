//! The load generator: one thread that keeps N connections busy with GETs of chosen URLs.
//!
//! It is cheap (one read, one write and an epoll wait shared by many per request), so that the
//! server on the other core is what limits the rate. A closed loop: each connection asks again
//! when its answer is whole.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mio::{Events, Poll, Token};

use crate::cli::LoadArgs;
use crate::client::{Client, Exchange, Failure};
use crate::histogram::Histogram;
use crate::pattern::UrlPattern;
use crate::rng::Rng;

const READ_BUFFER_BYTES: usize = 256 << 10;
/// Ends a run by requests on a server that answers no more.
const MAX_RUN: Duration = Duration::from_secs(120);
/// Ends a run on a server that only fails.
const MAX_ERRORS: u64 = 10_000;

/// What to ask of a server.
#[derive(Clone)]
pub struct Plan {
    /// The server.
    pub server: SocketAddr,
    /// How many connections are kept busy.
    pub connections: u32,
    /// When to stop.
    pub until: Until,
    /// The URLs.
    pub pattern: UrlPattern,
    /// In which order.
    pub order: Order,
    /// One more header line, without its line end.
    pub header: Option<String>,
    /// The status that every answer must have.
    pub status: u16,
}

/// When a run ends.
#[derive(Clone, Copy)]
pub enum Until {
    /// This long after the first request; answers still under way then are not counted.
    Elapsed(Duration),
    /// When so many requests were answered or failed.
    Requests(u64),
}

/// In which order the URLs are asked for.
#[derive(Clone, Copy)]
pub enum Order {
    /// One after the other, again and again.
    Sequential,
    /// At random, from this seed.
    Random(u64),
}

/// What came of it.
pub struct Outcome {
    /// Good answers.
    pub answered: u64,
    /// From the first request to the end of the run.
    pub elapsed: Duration,
    /// Everything that was not a good answer.
    pub errors: Errors,
    /// From request to last byte, of good answers.
    pub latency: Histogram,
}

impl Outcome {
    /// Good answers a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }
}

/// What was not a good answer, by kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errors {
    /// Another status than the one expected.
    pub status: u64,
    /// No answer that is understood: bad head, unannounced or surplus body.
    pub garbled: u64,
    /// Closed in mid-answer or before it.
    pub closed: u64,
    /// No new connection after one was closed.
    pub connect: u64,
}

impl Errors {
    /// All kinds together.
    pub fn total(&self) -> u64 {
        self.status + self.garbled + self.closed + self.connect
    }

    fn count(&mut self, failure: Failure) {
        match failure {
            Failure::Closed => self.closed += 1,
            Failure::Garbled(_) => self.garbled += 1,
        }
    }
}

/// `bench load`.
pub fn command(args: &LoadArgs) -> anyhow::Result<()> {
    let elapsed = Until::Elapsed(Duration::from_secs(args.seconds));
    let plan = Plan {
        server: args.server,
        connections: args.connections,
        until: args.requests.map_or(elapsed, Until::Requests),
        pattern: args.pattern.clone(),
        order: if args.in_order { Order::Sequential } else { Order::Random(args.seed) },
        header: args.header.clone(),
        status: args.status,
    };
    let outcome = run(&plan)?;
    let latency = &outcome.latency;
    println!("{:.0} requests/s, {} answered", outcome.rate(), outcome.answered);
    println!(
        "p50 {:?}, p99 {:?}, max {:?}",
        latency.quantile(0.5),
        latency.quantile(0.99),
        latency.max()
    );
    println!("{:?}", outcome.errors);
    Ok(())
}

/// Runs the plan to its end, which always comes: by time, by count, or by too many errors.
pub fn run(plan: &Plan) -> anyhow::Result<Outcome> {
    let mut poll = Poll::new().context("opening epoll")?;
    let mut run = Run::connect(plan, &poll).context("connecting to the server under load")?;
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; READ_BUFFER_BYTES];
    run.start(&poll);
    while !run.is_over() {
        match poll.poll(&mut events, Some(run.time_left())) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.context("waiting for events")?,
        }
        for event in &events {
            run.advance(event, &poll, &mut scratch);
        }
    }
    Ok(run.finish())
}

/// A run under way.
struct Run<'a> {
    plan: &'a Plan,
    asker: Asker<'a>,
    /// `None`: the connection was lost and no new one could be made.
    clients: Vec<Option<Client>>,
    began: Instant,
    deadline: Instant,
    answered: u64,
    errors: Errors,
    latency: Histogram,
}

impl<'a> Run<'a> {
    fn connect(plan: &'a Plan, poll: &Poll) -> io::Result<Self> {
        let connect = |n| Client::connect(plan.server, poll.registry(), Token(n)).map(Some);
        let clients = (0..plan.connections as usize).map(connect).collect::<io::Result<_>>()?;
        let began = Instant::now();
        let limit = match plan.until {
            Until::Elapsed(duration) => duration,
            Until::Requests(_) => MAX_RUN,
        };
        Ok(Self {
            plan,
            asker: Asker::new(plan),
            clients,
            began,
            deadline: began + limit,
            answered: 0,
            errors: Errors::default(),
            latency: Histogram::new(),
        })
    }

    fn start(&mut self, poll: &Poll) {
        (0..self.clients.len()).for_each(|at| self.ask(at, poll));
    }

    fn advance(&mut self, event: &mio::event::Event, poll: &Poll, scratch: &mut [u8]) {
        let Token(at) = event.token();
        let Some(client) = &mut self.clients[at] else { return };
        match client.advance(event, scratch) {
            Ok(None) => {}
            Ok(Some(exchange)) => self.answered(at, exchange, poll),
            Err(failure) => self.failed(at, failure, poll),
        }
    }

    fn answered(&mut self, at: usize, exchange: Exchange, poll: &Poll) {
        if exchange.answer.status == self.plan.status {
            self.answered += 1;
            self.latency.record(exchange.whole);
        } else {
            self.errors.status += 1;
        }
        if exchange.answer.closes {
            self.reconnect(at, poll);
        }
        self.ask(at, poll);
    }

    fn failed(&mut self, at: usize, failure: Failure, poll: &Poll) {
        self.errors.count(failure);
        self.reconnect(at, poll);
        self.ask(at, poll);
    }

    /// Asks for the next URL; where the connection turns out to be lost, once more on a new one.
    fn ask(&mut self, at: usize, poll: &Poll) {
        for _ in 0..2 {
            let Some(client) = &mut self.clients[at] else { return };
            let Some(index) = self.asker.next_index() else { return };
            let asker = &self.asker;
            match client.ask(Instant::now(), |out| asker.write(index, out)) {
                Ok(()) => return,
                Err(failure) => self.errors.count(failure),
            }
            self.reconnect(at, poll);
        }
    }

    fn reconnect(&mut self, at: usize, poll: &Poll) {
        self.clients[at] = Client::connect(self.plan.server, poll.registry(), Token(at)).ok();
        self.errors.connect += u64::from(self.clients[at].is_none());
    }

    fn is_over(&self) -> bool {
        let done = self.answered + self.errors.total();
        let enough = matches!(self.plan.until, Until::Requests(wanted) if done >= wanted);
        enough || self.errors.total() > MAX_ERRORS || Instant::now() >= self.deadline
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    fn finish(self) -> Outcome {
        Outcome {
            answered: self.answered,
            elapsed: self.began.elapsed(),
            errors: self.errors,
            latency: self.latency,
        }
    }
}

/// Chooses URLs and writes requests.
struct Asker<'a> {
    pattern: &'a UrlPattern,
    rng: Option<Rng>,
    asked: u64,
    limit: u64,
    /// What follows the path: version, host, the extra header, the empty line.
    tail: String,
}

impl<'a> Asker<'a> {
    fn new(plan: &'a Plan) -> Self {
        let extra = plan.header.as_ref().map_or(String::new(), |line| format!("{line}\r\n"));
        Self {
            pattern: &plan.pattern,
            rng: match plan.order {
                Order::Sequential => None,
                Order::Random(seed) => Some(Rng::new(seed)),
            },
            asked: 0,
            limit: match plan.until {
                Until::Elapsed(_) => u64::MAX,
                Until::Requests(wanted) => wanted,
            },
            tail: format!(" HTTP/1.1\r\nHost: {}\r\n{extra}\r\n", plan.server),
        }
    }

    /// Which URL comes next; `None` when all were asked for.
    fn next_index(&mut self) -> Option<u64> {
        if self.asked == self.limit {
            return None;
        }
        let index = match &mut self.rng {
            Some(rng) => rng.below(self.pattern.len()),
            None => self.asked % self.pattern.len(),
        };
        self.asked += 1;
        Some(index)
    }

    fn write(&self, index: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET ");
        self.pattern.write(index, out);
        out.extend_from_slice(self.tail.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequential_requests_ask_for_each_url_once() {
        let plan = Plan {
            server: SocketAddr::from(([127, 0, 0, 1], 80)),
            connections: 1,
            until: Until::Requests(3),
            pattern: "/k/{0..3}".parse().expect("a good pattern"),
            order: Order::Sequential,
            header: Some("If-None-Match: \"x\"".into()),
            status: 304,
        };
        let mut asker = Asker::new(&plan);
        let indices: Vec<u64> = std::iter::from_fn(|| asker.next_index()).collect();
        assert_eq!(indices, [0, 1, 2]);
        let mut out = Vec::new();
        asker.write(2, &mut out);
        let wanted = b"GET /k/2 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nIf-None-Match: \"x\"\r\n\r\n";
        assert_eq!(out, wanted);
    }
}
