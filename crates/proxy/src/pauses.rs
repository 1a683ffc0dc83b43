//! The memory of refreshes that failed: a page whose origin is in trouble is not asked for again
//! with each visitor, but after a pause that doubles with each failure.
//!
//! A lost pause costs one request to the origin.

use crate::places::Places;
use policy::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Places in the table: 64 KiB.
const PLACES: usize = 1 << 13;
/// The first pause, in seconds.
const FIRST_SECONDS: u64 = 1;
/// Bits of a place that hold the second at which the pause ends: until the year 2106.
const TIME_BITS: u32 = 32;
/// Bits above them that hold how many refreshes failed in a row.
const FAILURE_BITS: u32 = 5;

/// The table.
#[derive(Debug, Default)]
pub struct Pauses(Places<PLACES>);

/// What a place holds.
#[derive(Clone, Copy)]
struct Pause {
    /// What is left of the key's hash.
    tag: u64,
    /// Failures in a row.
    failures: u64,
    /// The second at which it ends.
    until: u64,
}

impl Pauses {
    /// Whether the origin is to be left alone about that key for now.
    pub fn holds(&self, key: &[u8], now: Timestamp) -> bool {
        let (place, tag) = self.place(key);
        let found = Pause::read(place.load(Ordering::Relaxed));
        found.tag == tag && found.until > now.seconds()
    }

    /// Notes a failure: the next pause, of at most `longest`, begins.
    pub fn failed(&self, key: &[u8], now: Timestamp, longest: Duration) {
        let (place, tag) = self.place(key);
        let found = Pause::read(place.load(Ordering::Relaxed));
        let before = if found.tag == tag { found.failures } else { 0 };
        let seconds = (FIRST_SECONDS << before).min(longest.as_secs());
        let failures = (before + 1).min((1 << FAILURE_BITS) - 1);
        let pause = Pause { tag, failures, until: now.seconds() + seconds };
        place.store(pause.written(), Ordering::Relaxed);
    }

    /// Notes that it went well.
    pub fn went_well(&self, key: &[u8]) {
        let (place, tag) = self.place(key);
        if Pause::read(place.load(Ordering::Relaxed)).tag == tag {
            place.store(0, Ordering::Relaxed);
        }
    }

    fn place(&self, key: &[u8]) -> (&AtomicU64, u64) {
        let (place, hash) = self.0.of(key);
        // 0 is an empty place.
        (place, (hash >> (TIME_BITS + FAILURE_BITS)).max(1))
    }
}

impl Pause {
    fn read(place: u64) -> Pause {
        Pause {
            tag: place >> (TIME_BITS + FAILURE_BITS),
            failures: place >> TIME_BITS & ((1 << FAILURE_BITS) - 1),
            until: place & ((1 << TIME_BITS) - 1),
        }
    }

    fn written(self) -> u64 {
        let until = self.until & ((1 << TIME_BITS) - 1);
        self.tag << (TIME_BITS + FAILURE_BITS) | self.failures << TIME_BITS | until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end_when_it_goes_well() {
        let pauses = Pauses::default();
        let at = Timestamp::from_seconds;
        let longest = Duration::from_secs(10);
        let mut now = 1000;
        for seconds in [1, 2, 4, 8, 10, 10] {
            assert!(!pauses.holds(b"a", at(now)));
            pauses.failed(b"a", at(now), longest);
            assert!(pauses.holds(b"a", at(now + seconds - 1)), "{seconds}");
            assert!(!pauses.holds(b"b", at(now)));
            now += seconds;
        }
        pauses.went_well(b"b");
        pauses.failed(b"a", at(now), longest);
        assert!(pauses.holds(b"a", at(now)));
        pauses.went_well(b"a");
        assert!(!pauses.holds(b"a", at(now)));
        for _ in 0..100 {
            pauses.failed(b"a", at(now), longest);
        }
        assert!(pauses.holds(b"a", at(now + 9)) && !pauses.holds(b"a", at(now + 10)));
    }
}
