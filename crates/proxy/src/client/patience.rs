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
pub struct Patience {
    timer: Pin<Box<Sleep>>,
    waited: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        let timer = Box::pin(sleep(Duration::from_secs(3600)));
        Patience { timer, waited: Duration::ZERO }
    }
}

impl Patience {
    /// Waits for `work` at most so long; nothing if that is over.
    pub async fn limit<F: Future>(&mut self, time: Duration, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        let mut begun = None;
        let output = poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let until = *begun.get_or_insert_with(Instant::now) + time;
            if self.timer.deadline() > until {
                self.timer.as_mut().reset(until);
            }
            while self.timer.as_mut().poll(cx).is_ready() {
                if Instant::now() >= until {
                    return Poll::Ready(None);
                }
                self.timer.as_mut().reset(until);
            }
            Poll::Pending
        })
        .await;
        self.waited += begun.map(|begun| begun.elapsed()).unwrap_or_default();
        output
    }

    /// How long was waited since this was last asked to be forgotten.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Forgets how long was waited.
    pub fn forget_waits(&mut self) {
        self.waited = Duration::ZERO;
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
            assert_eq!(patience.waited(), time);
            patience.forget_waits();
        }
    }
}
