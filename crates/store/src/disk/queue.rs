//! What waits for the thread that writes, bounded in bytes.

use super::op::{Act, Op};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that forgets and invalidations may take beside what is put.
const TAKING_AWAY_BYTES: usize = 4 << 20;

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue {
    max_bytes: usize,
    state: Mutex<State>,
    came: Condvar,
    went: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ops: VecDeque<Arc<Op>>,
    /// Bytes of what is put and not yet written.
    bytes: usize,
    /// Bytes of what is taken away and not yet written.
    taking_away: usize,
    /// Ops that were taken and are not yet done.
    at_work: usize,
    is_closed: bool,
}

impl State {
    fn room_of(&mut self, act: &Act) -> &mut usize {
        if act.takes_away() { &mut self.taking_away } else { &mut self.bytes }
    }
}

impl Queue {
    /// An empty queue.
    pub fn new(max_bytes: usize) -> Queue {
        let state = Mutex::default();
        Queue { max_bytes, state, came: Condvar::new(), went: Condvar::new() }
    }

    /// Whether there is room for an act now. Only who holds the lock of a shard may add, and
    /// others may add to other shards meanwhile, so the bound is kept but for one act a core.
    pub fn has_room(&self, act: &Act) -> bool {
        let mut state = self.lock();
        let max = if act.takes_away() { TAKING_AWAY_BYTES } else { self.max_bytes };
        !state.is_closed && *state.room_of(act) + act.footprint() <= max
    }

    /// Adds an op, unless it is closed; says whether.
    pub fn push(&self, op: Arc<Op>) -> bool {
        let mut state = self.lock();
        if state.is_closed {
            return false;
        }
        *state.room_of(&op.act) += op.act.footprint();
        state.ops.push_back(op);
        self.came.notify_one();
        true
    }

    /// Takes some of what waits, of about `bytes` at the most; waits for it until `patience` ends.
    /// Nothing more comes when it is closed and empty.
    pub fn take(&self, bytes: usize, patience: Duration) -> Vec<Arc<Op>> {
        let state = self.lock();
        let nothing = |state: &mut State| state.ops.is_empty() && !state.is_closed;
        let waited = self.came.wait_timeout_while(state, patience, nothing);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let (mut taken, mut sum) = (Vec::new(), 0);
        while let Some(op) = state.ops.pop_front_if(|_| sum < bytes) {
            sum += op.act.footprint();
            taken.push(op);
        }
        state.at_work += taken.len();
        taken
    }

    /// Notes that what was taken is done.
    pub fn done(&self, ops: &[Arc<Op>]) {
        let mut state = self.lock();
        for op in ops {
            *state.room_of(&op.act) -= op.act.footprint();
        }
        state.at_work -= ops.len();
        if state.at_work == 0 && state.ops.is_empty() {
            self.went.notify_all();
        }
    }

    /// Waits until all is written; says whether it is.
    pub fn drain(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut state = self.lock();
        while state.at_work > 0 || !state.ops.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.went.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Lets nothing more in.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.came.notify_all();
    }

    /// Lets nothing more in, and gives up what waits: nobody will write it.
    pub fn abandon(&self) {
        self.close();
        let left = std::mem::take(&mut self.lock().ops);
        // Who waits for an answer hears now that there is none.
        drop(left);
        self.went.notify_all();
    }

    /// Whether it is closed and empty.
    pub fn is_over(&self) -> bool {
        let state = self.lock();
        state.is_closed && state.ops.is_empty()
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        let state = self.lock();
        state.bytes + state.taking_away
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
