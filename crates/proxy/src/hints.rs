//! Interim responses (1xx) on their way to one client, before the final one (RFC 9110 §15.2).

use crate::upstream::Early;
use policy::fields::Fields;
use policy::name::Name;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// More than this of one exchange are dropped.
const MOST_WAITING: usize = 16;

/// An interim response.
#[derive(Clone, Debug)]
pub struct Hint {
    /// Its status, 1xx.
    pub status: u16,
    /// Its fields.
    pub fields: Fields,
}

/// The interim responses that wait for one connection.
#[derive(Debug, Default)]
pub struct Hints {
    waiting: Mutex<VecDeque<Hint>>,
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
        let mut fields = fields.clone();
        // None has a body (RFC 9110 §8.6).
        fields.retain(|field| !field.id.is_hop_by_hop() && field.id != Name::ContentLength);
        waiting.push_back(Hint { status, fields });
        drop(waiting);
        self.any.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// A function that adds to these.
    pub fn sink(self: &Arc<Hints>) -> Early {
        let hints = self.clone();
        Arc::new(move |status, fields| hints.push(status, fields))
    }

    /// Waits for the next.
    pub async fn next(&self) -> Hint {
        loop {
            let changed = self.changed.notified();
            if let Some(hint) = self.take() {
                return hint;
            }
            changed.await;
        }
    }

    /// Adds the one that says that the request's body is wanted (RFC 9110 §10.1.1).
    pub fn push_continue(&self) {
        self.waiting().push_back(Hint { status: 100, fields: Fields::new() });
        self.any.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Takes the next, if one waits.
    pub fn take(&self) -> Option<Hint> {
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

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Hint>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
