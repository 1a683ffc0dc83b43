//! What lasts: event streams, and connections that go on in another protocol. They count apart from
//! requests, so that a few hundred open pages do not use up the turns at an origin.

use super::gate::Turn;
use crate::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many there may be, and how long they may be silent.
#[derive(Clone, Debug)]
pub struct LongStreams {
    places: Arc<Semaphore>,
    most: usize,
    /// Without a byte.
    pub idle: Duration,
}

impl LongStreams {
    /// Room for `most` at once.
    pub fn new(most: usize, idle: Duration) -> LongStreams {
        let most = most.min(Semaphore::MAX_PERMITS);
        LongStreams { places: Arc::new(Semaphore::new(most)), most, idle }
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
