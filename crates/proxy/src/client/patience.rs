//! Time-outs that cost nothing while all goes well.
//!
//! A connection has one timer. It is not moved when a wait begins or ends, only when it fires too
//! early or would fire too late, so a busy connection touches it about once a time-out.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// The timer of one connection.
#[derive(Debug)]
pub struct Patience(Pin<Box<Sleep>>);

impl Default for Patience {
    fn default() -> Patience {
        Patience(Box::pin(sleep(Duration::from_secs(3600))))
    }
}

impl Patience {
    /// Waits for `work` at most so long; nothing if that is over.
    pub async fn limit<F: Future>(&mut self, time: Duration, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        let mut until = None;
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let until = *until.get_or_insert_with(|| Instant::now() + time);
            if self.0.deadline() > until {
                self.0.as_mut().reset(until);
            }
            while self.0.as_mut().poll(cx).is_ready() {
                if Instant::now() >= until {
                    return Poll::Ready(None);
                }
                self.0.as_mut().reset(until);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test(start_paused = true)]
    async fn waits_end_at_their_own_time_however_the_timer_stood() {
        let mut patience = Patience::default();
        for seconds in [5, 1, 30, 2] {
            let begun = Instant::now();
            let time = Duration::from_secs(seconds);
            assert_eq!(patience.limit(time, pending::<()>()).await, None);
            assert_eq!(begun.elapsed().as_secs(), seconds);
            assert_eq!(patience.limit(time, async { 7 }).await, Some(7));
        }
    }
}
