//! The pace at which pages are made anew after a purge that asked for one: so many a second of one
//! site, however many are asked for and on however many cores.

use policy::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// The pace of one site.
#[derive(Debug, Default)]
pub struct Pace {
    /// When the next may begin, in microseconds.
    next: AtomicU64,
}

impl Pace {
    /// Whether there is a turn now.
    pub fn has_turn(&self, now: Timestamp) -> bool {
        self.next.load(Ordering::Relaxed) <= now.0.saturating_mul(1000)
    }

    /// Takes a turn if there is one now, of so many a second.
    pub fn take(&self, now: Timestamp, per_second: usize) -> bool {
        let interval = 1_000_000 / (per_second as u64).max(1);
        let now = now.0.saturating_mul(1000);
        let begin = |next: u64| {
            // A clock of milliseconds may be late by one: what was not taken meanwhile is not lost.
            (next <= now).then(|| next.max(now.saturating_sub(1000)) + interval)
        };
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_rate_begin_and_idle_time_is_not_saved_up() {
        for (per_second, most) in [(1, 1), (10, 10), (300, 300), (5000, 5000)] {
            let pace = Pace::default();
            let mut taken = Vec::new();
            // Idle first, then asked for without a pause for two seconds.
            for milli in 100_000..102_000 {
                while pace.take(Timestamp(milli), per_second) {
                    taken.push(milli);
                }
            }
            for from in [100_000, 100_500, 101_000] {
                let within = taken.iter().filter(|at| (from..from + 1000).contains(*at)).count();
                assert!((most * 9 / 10..=most + 6).contains(&within), "{within} of {per_second}");
            }
        }
    }
}
