//! Connections to an origin, kept by each core for itself.

use super::connect::connect;
use super::link::Link;
use super::resolve::Resolver;
use crate::error::Error;
use crate::settings::{OriginLimits, OriginTls};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// A connection that was idle for longer is looked at before it is used, which costs a call into
/// the system.
const LOOKED_AT_AFTER: Duration = Duration::from_millis(1);

/// Connections of one core to one origin.
#[derive(Debug, Default)]
pub struct Pool {
    /// Idle ones; the last one used is used first.
    idle: RefCell<Vec<Idle>>,
    /// Those that take many requests at once.
    shared: RefCell<Vec<Idle>>,
    /// Whether the origin's last connection took one request at a time.
    is_single: Cell<bool>,
    /// Whether nothing is kept any more.
    is_retired: Cell<bool>,
    /// Held by whoever connects while many may want to share what comes of it.
    connecting: Mutex<()>,
}

#[derive(Debug)]
struct Idle {
    link: Link,
    since: Instant,
}

impl Pool {
    /// Takes a connection that is open as far as is known.
    pub fn take(&self, limits: &OriginLimits) -> Option<Link> {
        if let Some(shared) = self.shared.borrow_mut().iter_mut().find(|s| s.link.is_ready()) {
            shared.since = Instant::now();
            return shared.link.share();
        }
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { link, since }) = idle.pop() {
            let idle = since.elapsed();
            // Whoever closes does so after a pause, or says so before.
            let is_open = idle < LOOKED_AT_AFTER || link.is_quiet();
            if idle < limits.idle_timeout && link.is_ready() && is_open {
                return Some(link);
            }
        }
        None
    }

    /// Opens a connection. Where many can share one, one is opened at a time.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(
        &self,
        limits: &OriginLimits,
        resolver: &Arc<Resolver>,
        tls: Option<&OriginTls>,
    ) -> Result<Link, Error> {
        // Who waits for another's connection waits no longer than for its own.
        let connecting = self.connect_in_turn(limits, resolver, tls);
        let found = timeout(limits.connect_timeout, connecting).await;
        found.unwrap_or(Err(Error::OriginConnectTimeout))
    }

    async fn connect_in_turn(
        &self,
        limits: &OriginLimits,
        resolver: &Arc<Resolver>,
        tls: Option<&OriginTls>,
    ) -> Result<Link, Error> {
        let alone = !resolver.origin().is_tls || self.is_single.get();
        let _turn = match alone {
            true => None,
            false => Some(self.connecting.lock().await),
        };
        if !alone && let Some(link) = self.take(limits) {
            return Ok(link);
        }
        let link = connect(limits, resolver, tls).await?;
        self.is_single.set(!link.is_shared());
        if let Some(link) = link.share() {
            self.shared.borrow_mut().push(Idle { link, since: Instant::now() });
        }
        Ok(link)
    }

    /// Closes what is idle, and keeps nothing from now on: a reload took the origin away.
    pub fn retire(&self) {
        self.is_retired.set(true);
        self.idle.borrow_mut().clear();
        self.shared.borrow_mut().clear();
    }

    /// Keeps a connection whose exchange is over.
    pub fn give(&self, link: Link, limits: &OriginLimits) {
        if link.is_shared() {
            let mut shared = self.shared.borrow_mut();
            if let Some(known) = shared.iter_mut().find(|known| known.link.is_same(&link)) {
                known.since = Instant::now();
            }
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let keeps = !self.is_retired.get() && idle.len() < limits.max_idle_connections;
        if keeps && !link.is_closed() {
            idle.push(Idle { link, since: Instant::now() });
        }
    }

    /// Has nobody else use a connection that was silent for too long; what is under way on it
    /// goes on.
    pub fn distrust(&self, link: &Link) {
        self.shared.borrow_mut().retain(|known| !known.link.is_same(link));
    }

    /// Closes what has been idle too long. A shared connection that is let go ends with its last
    /// exchange.
    pub fn sweep(&self, limits: &OriginLimits) {
        let fresh =
            |idle: &Idle| idle.since.elapsed() < limits.idle_timeout && !idle.link.is_closed();
        self.idle.borrow_mut().retain(fresh);
        self.shared.borrow_mut().retain(fresh);
    }
}
