//! What lasts: event streams, and connections that go on in another protocol. They count apart from
//! requests, so that a few hundred open pages do not use up the turns at an origin.

use super::gate::Turn;
use crate::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many there may be, and how long they may be silent.
#[derive(Clone, Debug)]
pub struct LongStreams {
    places: Arc<Semaphore>,
    most: usize,
    idle_millis: Arc<AtomicU64>,
}

impl LongStreams {
    /// Room for `most` at once.
    pub fn new(most: usize, idle: Duration) -> LongStreams {
        let most = most.min(Semaphore::MAX_PERMITS);
        let streams = LongStreams {
            places: Arc::new(Semaphore::new(most)),
            most,
            idle_millis: Arc::default(),
        };
        streams.set_idle(idle);
        streams
    }

    /// How long one may be without a byte.
    pub fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_millis.load(Ordering::Relaxed))
    }

    /// Changes that, for those who come.
    pub fn set_idle(&self, idle: Duration) {
        let millis = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        self.idle_millis.store(millis, Ordering::Relaxed);
    }

    /// Takes a place.
    ///
    /// # Errors
    /// When there is none.
    pub fn enter(&self) -> Result<Turn, Error> {
        self.places.clone().try_acquire_owned().map_err(|_| Error::TooManyStreams)
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.most - self.places.available_permits()
    }
}
