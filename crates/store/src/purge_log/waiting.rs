//! Purges that wait to become durable, and who waits for them.

use super::refused::Refused;
use crate::disk::{Answer, Reply, reply, wait_for};
use policy::purge::Purge;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Bytes of purges that may wait; more are refused.
const MAX_WAITING_BYTES: usize = 16 << 20;
/// Bytes of purges that are made durable together, about.
const GROUP_BYTES: usize = 4 << 20;

/// One purge that waits.
pub(crate) struct Waits {
    pub purge: Purge,
    /// Its code, as it will be on disk.
    pub code: Vec<u8>,
    pub answer: Answer<Result<u64, Refused>>,
}

/// The list of what waits.
#[derive(Default)]
pub(crate) struct Waiting {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    list: Vec<Waits>,
    bytes: usize,
    is_closed: bool,
}

/// The answer to an append: the number of the purge when it is durable and in the table, or why
/// it was refused. It goes on whether anybody waits for it or not.
#[must_use = "only the answer says whether the purge is durable"]
pub struct Appended(Outcome);

enum Outcome {
    Known(Result<u64, Refused>),
    Awaited(Reply<Result<u64, Refused>>),
}

impl Appended {
    pub(crate) fn known(outcome: Result<u64, Refused>) -> Appended {
        Appended(Outcome::Known(outcome))
    }

    /// Waits for the answer on this thread.
    ///
    /// # Errors
    /// Why the purge was refused.
    pub fn wait(self) -> Result<u64, Refused> {
        wait_for(self)
    }
}

impl Future for Appended {
    type Output = Result<u64, Refused>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Outcome::Known(outcome) => Poll::Ready(outcome.clone()),
            // Without an answer the thread has ended; what it did last is not known.
            Outcome::Awaited(reply) => {
                Poll::Ready(ready!(Pin::new(reply).poll(context)).unwrap_or(Err(Refused::Closed)))
            }
        }
    }
}

impl Waiting {
    /// Puts a purge on the list.
    pub fn put(&self, purge: Purge, code: Vec<u8>) -> Appended {
        let mut state = self.lock();
        if state.is_closed {
            return Appended::known(Err(Refused::Closed));
        }
        if state.bytes + code.len() > MAX_WAITING_BYTES {
            return Appended::known(Err(Refused::TooMany));
        }
        let (answer, reply) = reply();
        state.bytes += code.len();
        state.list.push(Waits { purge, code, answer });
        self.came.notify_one();
        Appended(Outcome::Awaited(reply))
    }

    /// Takes the next of what waits, in the order in which it came, of about [`GROUP_BYTES`];
    /// waits for it until `patience` ends.
    pub fn take(&self, patience: Duration) -> Vec<Waits> {
        let state = self.lock();
        let nothing = |state: &mut State| state.list.is_empty() && !state.is_closed;
        let waited = self.came.wait_timeout_while(state, patience, nothing);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let (mut count, mut bytes) = (0, 0);
        for waits in &state.list {
            bytes += waits.code.len();
            if count > 0 && bytes > GROUP_BYTES {
                break;
            }
            count += 1;
        }
        let group: Vec<Waits> = state.list.drain(..count).collect();
        state.bytes -= group.iter().map(|waits| waits.code.len()).sum::<usize>();
        group
    }

    /// Lets nothing more in.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.came.notify_all();
    }

    /// Lets nothing more in, and gives up what waits: who waits for it hears that.
    pub fn abandon(&self) {
        self.close();
        let left = std::mem::take(&mut self.lock().list);
        drop(left);
    }

    /// Whether it is closed and empty.
    pub fn is_over(&self) -> bool {
        let state = self.lock();
        state.is_closed && state.list.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
