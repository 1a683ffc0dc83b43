//! The end of an app that is told to end: who is waited for, how long, and what is done then.

use std::time::Duration;
use tokio::time::Instant;

/// How long those have that the app began and that left its process group, once the app has ended.
pub const REST_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the guard may take to hear of the end of those that were killed, and to tell of the app's.
pub const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// How far the end has come.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    stop_timeout: Duration,
    due: Option<(Instant, Overdue)>,
}

/// Who did not end within the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// The app, or others of its process group.
    App,
    /// The app has ended; others that it began have not.
    Rest,
    /// All were killed, and the guard is still there.
    Guard,
}

impl Ending {
    /// Of an app that was not told yet.
    pub fn new(stop_timeout: Duration) -> Ending {
        Ending { stop_timeout, due: None }
    }

    /// Whether anybody was told or killed.
    pub fn has_begun(&self) -> bool {
        self.due.is_some()
    }

    /// The app was told to end.
    pub fn told(&mut self, now: Instant) {
        self.due = Some((now + self.stop_timeout, Overdue::App));
    }

    /// The app and its group have ended, and what is left was told to.
    pub fn rests(&mut self, now: Instant) {
        if let Some((at, Overdue::App)) = self.due {
            let rest = now + REST_TIMEOUT.min(self.stop_timeout);
            self.due = Some((rest.min(at.max(now)), Overdue::Rest));
        }
    }

    /// The app has ended. Where nobody had told it to, the guard kills what is left at once; of that some
    /// may not be its to kill, as of another user, and the next life does not wait for those for ever.
    pub fn ended(&mut self, now: Instant) {
        if !self.has_begun() {
            self.killed(now);
        }
    }

    /// All were killed.
    pub fn killed(&mut self, now: Instant) {
        self.due = Some((now + KILL_TIMEOUT, Overdue::Guard));
    }

    /// Waits until somebody did not end within the time, and says who; for ever where nobody was told.
    pub async fn overdue(&self) -> Overdue {
        let Some((at, who)) = self.due else { return std::future::pending().await };
        tokio::time::sleep_until(at).await;
        who
    }

    /// The guard was killed: nobody is left to wait for.
    pub fn over(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_has_a_short_while_and_never_more_than_was_left() {
        let seconds = Duration::from_secs;
        let now = Instant::now();
        for (stop_timeout, ended_after, rest) in [(10, 1, 2), (10, 9, 1), (1, 0, 1), (10, 10, 0)] {
            let mut ending = Ending::new(seconds(stop_timeout));
            ending.told(now);
            assert_eq!(ending.due, Some((now + seconds(stop_timeout), Overdue::App)));
            let ended = now + seconds(ended_after);
            ending.rests(ended);
            let due = Some((ended + seconds(rest), Overdue::Rest));
            assert_eq!(ending.due, due, "{stop_timeout} {ended_after}");
            ending.killed(ended);
            ending.rests(ended);
            assert_eq!(ending.due.map(|(_, who)| who), Some(Overdue::Guard));
        }
    }

    #[test]
    fn who_outlives_an_app_that_ended_by_itself_is_not_waited_for_for_ever() {
        let now = Instant::now();
        let mut ending = Ending::new(Duration::from_secs(10));
        ending.ended(now);
        assert_eq!(ending.due, Some((now + KILL_TIMEOUT, Overdue::Guard)));
        // Who was told to end has its time, also for what it began.
        let mut ending = Ending::new(Duration::from_secs(10));
        ending.told(now);
        ending.ended(now);
        assert_eq!(ending.due, Some((now + Duration::from_secs(10), Overdue::App)));
    }

    #[test]
    fn nobody_is_overdue_who_was_not_told() {
        let mut ending = Ending::new(Duration::ZERO);
        ending.rests(Instant::now());
        assert!(ending.due.is_none() && !ending.has_begun());
    }
}
