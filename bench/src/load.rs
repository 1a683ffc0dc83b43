//! The load generator: one thread that keeps N connections busy with GETs of chosen URLs.
//!
//! A closed loop: each connection, or each of its streams, asks again when its answer is whole.
//! `plain` drives connections without TLS and `tls` those with it; `asker` chooses the URLs.

mod asker;
mod plain;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls::ClientConfig;

use crate::cli::LoadArgs;
use crate::client::Failure;
use crate::histogram::Histogram;
use crate::pattern::UrlPattern;

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
    /// How TLS is spoken; `None`: plain HTTP/1.1.
    pub tls: Option<Tls>,
}

/// TLS, and what is spoken over it.
#[derive(Clone)]
pub struct Tls {
    /// Whom to believe and which protocol to ask for.
    pub config: Arc<ClientConfig>,
    /// The version of HTTP that `config` asks for.
    pub version: Version,
}

/// A version of HTTP over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2 {
        /// How many streams each connection keeps busy.
        streams: u32,
    },
}

impl Version {
    /// Its name in ALPN (RFC 7301).
    pub fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 { .. } => b"h2",
        }
    }
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
        tls: None,
    };
    let outcome = connect(plan)?.run()?;
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

/// Connections that are open and have asked for nothing that counts.
pub enum Ready {
    /// Without TLS.
    Plain(plain::Ready),
    /// With TLS, all handshakes done.
    Tls(tls::Ready),
}

/// Opens the plan's connections.
pub fn connect(plan: Plan) -> anyhow::Result<Ready> {
    let ready = match plan.tls.clone() {
        None => plain::Ready::connect(plan).map(Ready::Plain),
        Some(tls) => tls::Ready::connect(plan, tls).map(Ready::Tls),
    };
    ready.context("connecting to the server under load")
}

impl Ready {
    /// Runs the plan to its end, which always comes: by time, by count, or by too many errors.
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::Plain(ready) => ready.run(),
            Self::Tls(ready) => Ok(ready.run()),
        }
    }
}

/// What is counted while a run is under way.
struct Tally {
    status: u16,
    until: Until,
    answered: u64,
    errors: Errors,
    latency: Histogram,
}

impl Tally {
    fn new(plan: &Plan) -> Self {
        Self {
            status: plan.status,
            until: plan.until,
            answered: 0,
            errors: Errors::default(),
            latency: Histogram::new(),
        }
    }

    fn answered(&mut self, status: u16, whole: Duration) {
        if status == self.status {
            self.answered += 1;
            self.latency.record(whole);
        } else {
            self.errors.status += 1;
        }
    }

    /// Whether all was asked that was wanted, or too much went wrong.
    fn is_enough(&self) -> bool {
        let done = self.answered + self.errors.total();
        let enough = matches!(self.until, Until::Requests(wanted) if done >= wanted);
        enough || self.errors.total() > MAX_ERRORS
    }

    fn finish(self, elapsed: Duration) -> Outcome {
        Outcome { answered: self.answered, elapsed, errors: self.errors, latency: self.latency }
    }
}

/// How long a run may take.
fn limit(until: Until) -> Duration {
    match until {
        Until::Elapsed(duration) => duration,
        Until::Requests(_) => MAX_RUN,
    }
}
