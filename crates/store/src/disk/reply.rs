//! One answer from a thread to a task that waits for it.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct State<T> {
    answer: Option<T>,
    is_over: bool,
    waker: Option<Waker>,
}

/// The side that answers. When it is dropped without an answer, the other side hears that.
pub(crate) struct Answer<T>(Arc<Mutex<State<T>>>);

/// The side that waits: gives the answer, or nothing if there will be none.
pub(crate) struct Reply<T>(Arc<Mutex<State<T>>>);

/// Both sides of one answer.
pub(crate) fn reply<T>() -> (Answer<T>, Reply<T>) {
    let state = Arc::new(Mutex::new(State { answer: None, is_over: false, waker: None }));
    (Answer(state.clone()), Reply(state))
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

impl<T> Answer<T> {
    /// Whether somebody waits for it.
    pub fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Gives the answer.
    pub fn send(self, answer: T) {
        lock(&self.0).answer = Some(answer);
    }
}

impl<T> Reply<T> {
    /// Waits for the answer on this thread.
    pub fn wait(self) -> Option<T> {
        wait_for(self)
    }
}

/// Waits for a future on this thread.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_over = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Nobody waits any more: the task that did is let go.
impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        lock(&self.0).waker = None;
    }
}

impl<T> Future for Reply<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = lock(&self.0);
        if state.is_over {
            return Poll::Ready(state.answer.take());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
