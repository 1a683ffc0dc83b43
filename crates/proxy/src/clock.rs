//! The clock of the data path, read once a request.
//!
//! With the feature `turned-clock`, which no release has, it stands still and tests move it by
//! hand, so that what they prove to the second does not hang on how busy the machine is.

use policy::time::Timestamp;
#[cfg(feature = "turned-clock")]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// A source of wall-clock time.
#[derive(Debug)]
#[cfg_attr(not(feature = "turned-clock"), derive(Default))]
pub struct Clock {
    #[cfg(feature = "turned-clock")]
    millis: AtomicU64,
}

#[cfg(feature = "turned-clock")]
impl Default for Clock {
    fn default() -> Clock {
        Clock {
            // A whole second, since dates have no more.
            millis: AtomicU64::new(Timestamp::from(SystemTime::now()).seconds() * 1000),
        }
    }
}

impl Clock {
    /// The time now.
    #[cfg(not(feature = "turned-clock"))]
    pub fn now(&self) -> Timestamp {
        Timestamp::from(SystemTime::now())
    }

    /// The time to which it was turned.
    #[cfg(feature = "turned-clock")]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.millis.load(Ordering::Relaxed))
    }

    /// Turns the clock forward.
    #[cfg(feature = "turned-clock")]
    pub fn turn(&self, millis: u64) {
        self.millis.fetch_add(millis, Ordering::Relaxed);
    }
}
