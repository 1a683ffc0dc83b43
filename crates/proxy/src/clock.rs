//! The clock of the data path, read once a request.
//!
//! With the feature `turned-clock`, which no release has, tests move it by hand.

use policy::time::Timestamp;
use std::time::SystemTime;

/// A source of wall-clock time.
#[derive(Debug, Default)]
pub struct Clock {
    #[cfg(feature = "turned-clock")]
    turned_millis: std::sync::atomic::AtomicU64,
}

impl Clock {
    /// The time now.
    #[cfg(not(feature = "turned-clock"))]
    pub fn now(&self) -> Timestamp {
        Timestamp::from(SystemTime::now())
    }

    /// The time now, as far as it was turned.
    #[cfg(feature = "turned-clock")]
    pub fn now(&self) -> Timestamp {
        let turned = self.turned_millis.load(std::sync::atomic::Ordering::Relaxed);
        Timestamp(Timestamp::from(SystemTime::now()).0 + turned)
    }

    /// Turns the clock forward.
    #[cfg(feature = "turned-clock")]
    pub fn turn(&self, millis: u64) {
        self.turned_millis.fetch_add(millis, std::sync::atomic::Ordering::Relaxed);
    }
}
