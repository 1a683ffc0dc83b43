//! The memory of URLs whose answers could not be shared, so that nobody waits in line for them.
//!
//! A wrong "known" only costs a request that is not collapsed; a wrong "unknown" only costs waiting
//! once.

use crate::places::Places;
use policy::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places in the table: 512 KiB.
const PLACES: usize = 1 << 16;
/// Bits of a place that hold the second at which the mark ends, counted from the start.
const TIME_BITS: u32 = 32;

/// The table.
#[derive(Debug, Default)]
pub struct Marks(Places<PLACES>);

impl Marks {
    /// Whether the key is marked.
    pub fn has(&self, key: &[u8], now: Timestamp) -> bool {
        self.left(key, now).is_some()
    }

    /// For how many seconds the key is still marked, if it is.
    pub fn left(&self, key: &[u8], now: Timestamp) -> Option<u64> {
        let (place, tag) = self.place(key);
        let found = place.load(Ordering::Relaxed);
        let left = (found & mask()).checked_sub(now.seconds() & mask())?;
        (found >> TIME_BITS == tag && left > 0).then_some(left)
    }

    /// Marks a key until that time.
    pub fn set(&self, key: &[u8], until: Timestamp) {
        let (place, tag) = self.place(key);
        place.store(tag << TIME_BITS | (until.seconds() & mask()), Ordering::Relaxed);
    }

    /// Takes the mark of a key away.
    pub fn clear(&self, key: &[u8]) {
        let (place, tag) = self.place(key);
        if place.load(Ordering::Relaxed) >> TIME_BITS == tag {
            place.store(0, Ordering::Relaxed);
        }
    }

    fn place(&self, key: &[u8]) -> (&AtomicU64, u64) {
        let (place, hash) = self.0.of(key);
        (place, hash >> TIME_BITS)
    }
}

/// Seconds in 32 bits hold until the year 2106, and wrap harmlessly after.
const fn mask() -> u64 {
    (1 << TIME_BITS) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_end_by_themselves() {
        let marks = Marks::default();
        let at = Timestamp::from_seconds;
        assert!(!marks.has(b"a", at(10)));
        marks.set(b"a", at(20));
        assert!(marks.has(b"a", at(19)) && !marks.has(b"a", at(20)) && !marks.has(b"b", at(10)));
        marks.clear(b"a");
        assert!(!marks.has(b"a", at(10)));
    }
}
