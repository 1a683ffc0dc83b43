//! The load without TLS: one epoll loop that never blocks.
//!
//! It is cheap (one read, one write and an epoll wait shared by many per request), so that the
//! server on the other core is what limits the rate.

use std::io;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mio::{Events, Poll, Token};

use super::asker::Asker;
use super::{Outcome, Plan, Tally, limit};
use crate::client::{Client, Exchange, Failure};

const READ_BUFFER_BYTES: usize = 256 << 10;

/// Connections that are open and have asked for nothing.
pub struct Ready {
    plan: Plan,
    poll: Poll,
    clients: Vec<Option<Client>>,
}

impl Ready {
    /// Opens the plan's connections.
    pub fn connect(plan: Plan) -> anyhow::Result<Self> {
        let poll = Poll::new().context("opening epoll")?;
        let connect = |n| Client::connect(plan.server, poll.registry(), Token(n)).map(Some);
        let clients = (0..plan.connections as usize).map(connect).collect::<io::Result<_>>()?;
        Ok(Self { plan, poll, clients })
    }

    /// Runs the plan to its end.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let Self { plan, mut poll, clients } = self;
        let mut run = Run::new(&plan, clients);
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
        Ok(run.tally.finish(run.began.elapsed()))
    }
}

/// A run under way.
struct Run<'a> {
    plan: &'a Plan,
    asker: Asker,
    /// `None`: the connection was lost and no new one could be made.
    clients: Vec<Option<Client>>,
    began: Instant,
    tally: Tally,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, clients: Vec<Option<Client>>) -> Self {
        let (asker, tally) = (Asker::new(plan), Tally::new(plan));
        Self { plan, asker, clients, began: Instant::now(), tally }
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
        self.tally.answered(exchange.answer.status, exchange.whole);
        if exchange.answer.closes {
            self.reconnect(at, poll);
        }
        self.ask(at, poll);
    }

    fn failed(&mut self, at: usize, failure: Failure, poll: &Poll) {
        self.tally.errors.count(failure);
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
                Err(failure) => self.tally.errors.count(failure),
            }
            self.reconnect(at, poll);
        }
    }

    fn reconnect(&mut self, at: usize, poll: &Poll) {
        self.clients[at] = Client::connect(self.plan.server, poll.registry(), Token(at)).ok();
        self.tally.errors.connect += u64::from(self.clients[at].is_none());
    }

    fn is_over(&self) -> bool {
        self.tally.is_enough() || self.time_left().is_zero()
    }

    fn time_left(&self) -> Duration {
        limit(self.plan.until).saturating_sub(self.began.elapsed())
    }
}
