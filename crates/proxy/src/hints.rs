//! Interim responses (1xx) on their way to one client, before the final one (RFC 9110 §15.2).

use crate::heads::{status_line, write_fields};
use crate::upstream::Early;
use policy::fields::Fields;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// More than this of one exchange are dropped.
const MOST_WAITING: usize = 16;

/// The interim responses that wait for one connection.
#[derive(Debug, Default)]
pub struct Hints {
    waiting: Mutex<VecDeque<Vec<u8>>>,
    /// Whether any may wait: a hit, which has none, looks here only.
    any: AtomicBool,
    changed: Notify,
}

impl Hints {
    /// Adds one. 100 is not passed on: it concerns the connection to the origin.
    pub fn push(&self, status: u16, fields: &Fields) {
        let mut waiting = self.waiting();
        if status == 100 || waiting.len() >= MOST_WAITING {
            return;
        }
        let mut head = status_line(status);
        write_fields(&mut head, fields, |name| !name.is_hop_by_hop());
        head.extend_from_slice(b"\r\n");
        waiting.push_back(head);
        drop(waiting);
        self.any.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// A function that adds to these.
    pub fn sink(self: &Arc<Hints>) -> Early {
        let hints = self.clone();
        Arc::new(move |status, fields| hints.push(status, fields))
    }

    /// Waits for the next, ready to be written.
    pub async fn next(&self) -> Vec<u8> {
        loop {
            let changed = self.changed.notified();
            if let Some(head) = self.take() {
                return head;
            }
            changed.await;
        }
    }

    /// Adds the one that says that the request's body is wanted (RFC 9110 §10.1.1).
    pub fn push_continue(&self) {
        self.waiting().push_back(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec());
        self.any.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Takes the next, if one waits.
    pub fn take(&self) -> Option<Vec<u8>> {
        match self.any.load(Ordering::Acquire) {
            true => self.waiting().pop_front(),
            false => None,
        }
    }

    /// Forgets those that wait, so that none goes out with the next request.
    pub fn clear(&self) {
        if self.any.swap(false, Ordering::AcqRel) {
            self.waiting().clear();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
