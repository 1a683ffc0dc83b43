//! Waiting for the next purge.

use super::shared::Shared;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Those who wait. How many may is for who lets them.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<List>);

#[derive(Default)]
struct List {
    next: u64,
    wakers: HashMap<u64, Waker>,
}

/// Ends when the head of the log is past a number; gives the head.
#[must_use = "it waits only while it is polled"]
pub struct NextPurge {
    shared: Arc<Shared>,
    after: u64,
    place: Option<u64>,
}

impl Watchers {
    /// Wakes all. To be called when the head has moved, and no lock is held.
    pub fn wake(&self) {
        let wakers = std::mem::take(&mut self.lock().wakers);
        wakers.into_values().for_each(Waker::wake);
    }

    fn put(&self, place: Option<u64>, waker: Waker) -> u64 {
        let mut list = self.lock();
        let place = place.unwrap_or_else(|| {
            list.next += 1;
            list.next
        });
        list.wakers.insert(place, waker);
        place
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NextPurge {
    pub(crate) fn new(shared: Arc<Shared>, after: u64) -> NextPurge {
        NextPurge { shared, after, place: None }
    }
}

impl Future for NextPurge {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        let place = self.shared.watchers.put(self.place, context.waker().clone());
        self.place = Some(place);
        // Looked at behind that: what moves it from now on wakes.
        let head = self.shared.head();
        if head > self.after { Poll::Ready(head) } else { Poll::Pending }
    }
}

impl Drop for NextPurge {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.watchers.lock().wakers.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::disk::wait_for;
    use crate::purge_log::{PurgeLog, Settings};
    use policy::purge::{Force, Purge, Scope};
    use policy::time::Timestamp;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn purge() -> Purge {
        let (by, why) = ("".into(), "".into());
        let scopes = [Scope::Everything].into();
        Purge { scopes, force: Force::Hard, at: Timestamp(1), by, why }
    }

    #[test]
    fn who_waits_is_woken_by_the_next_and_leaves_nothing_behind() {
        let log = PurgeLog::in_memory(Settings::default());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| wait_for(log.next(0)));
            assert_eq!(log.append(purge()).wait(), Ok(1));
            assert_eq!(waits.join().expect("it comes back"), 1);
        });
        assert_eq!(wait_for(log.next(0)), 1, "what came already is not waited for");
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut given_up = pin!(log.next(1));
            assert_eq!(given_up.as_mut().poll(&mut context), Poll::Pending);
            assert_eq!(given_up.as_mut().poll(&mut context), Poll::Pending);
            assert_eq!(log.shared.watchers.lock().wakers.len(), 1);
        }
        assert!(log.shared.watchers.lock().wakers.is_empty());
    }
}
