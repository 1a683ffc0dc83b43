//! Idle connections to origins, kept by each core for itself.

use super::body::RequestBody;
use crate::settings::OriginLimits;
use hyper::client::conn::http1::SendRequest;
use std::cell::RefCell;
use std::time::Instant;

/// Idle connections of one core to one origin; the last one used is used first.
#[derive(Debug, Default)]
pub struct Pool {
    idle: RefCell<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<RequestBody>,
    since: Instant,
}

impl Pool {
    /// Takes a connection that is open as far as is known.
    pub fn take(&self, limits: &OriginLimits) -> Option<SendRequest<RequestBody>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { sender, since }) = idle.pop() {
            if since.elapsed() < limits.idle_timeout && sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection whose exchange is over.
    pub fn give(&self, sender: SendRequest<RequestBody>, limits: &OriginLimits) {
        let mut idle = self.idle.borrow_mut();
        if !sender.is_closed() && idle.len() < limits.max_idle_connections {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }

    /// Closes what has been idle too long.
    pub fn sweep(&self, limits: &OriginLimits) {
        self.idle
            .borrow_mut()
            .retain(|idle| idle.since.elapsed() < limits.idle_timeout && !idle.sender.is_closed());
    }
}
