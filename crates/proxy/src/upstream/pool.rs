//! Connections to an origin, kept by each core for itself.

use super::link::Link;
use crate::settings::OriginLimits;
use std::cell::RefCell;
use std::time::Instant;

/// Connections of one core to one origin.
#[derive(Debug, Default)]
pub struct Pool {
    /// Idle ones; the last one used is used first.
    idle: RefCell<Vec<Idle>>,
    /// The one that takes many requests at once.
    shared: RefCell<Option<Idle>>,
}

#[derive(Debug)]
struct Idle {
    link: Link,
    since: Instant,
}

impl Pool {
    /// Takes a connection that is open as far as is known.
    pub fn take(&self, limits: &OriginLimits) -> Option<Link> {
        if let Some(shared) = self.shared.borrow_mut().as_mut().filter(|s| s.link.is_ready()) {
            shared.since = Instant::now();
            return shared.link.share();
        }
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { link, since }) = idle.pop() {
            if since.elapsed() < limits.idle_timeout && link.is_ready() {
                return Some(link);
            }
        }
        None
    }

    /// Keeps a new connection for others too, where it takes many requests at once.
    pub fn introduce(&self, link: &Link) {
        if let Some(link) = link.share() {
            *self.shared.borrow_mut() = Some(Idle { link, since: Instant::now() });
        }
    }

    /// Keeps a connection whose exchange is over.
    pub fn give(&self, link: Link, limits: &OriginLimits) {
        if link.share().is_some() {
            if let Some(shared) = self.shared.borrow_mut().as_mut() {
                shared.since = Instant::now();
            }
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if !link.is_closed() && idle.len() < limits.max_idle_connections {
            idle.push(Idle { link, since: Instant::now() });
        }
    }

    /// Closes what has been idle too long. A shared connection that is let go ends with its last
    /// exchange.
    pub fn sweep(&self, limits: &OriginLimits) {
        let fresh =
            |idle: &Idle| idle.since.elapsed() < limits.idle_timeout && !idle.link.is_closed();
        self.idle.borrow_mut().retain(fresh);
        let mut shared = self.shared.borrow_mut();
        if shared.as_ref().is_some_and(|idle| !fresh(idle)) {
            *shared = None;
        }
    }
}
