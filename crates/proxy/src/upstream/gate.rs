//! Turns at an origin: so many requests under way, so many waiting, the rest refused at once.

use crate::error::Error;
use crate::settings::OriginLimits;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The gate before one origin, shared by all cores.
#[derive(Debug)]
pub struct Gate {
    turns: Arc<Semaphore>,
    /// One turn beside the others: whether a server is well must be seen when it hangs.
    check: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A turn; ends when dropped.
pub type Turn = OwnedSemaphorePermit;

impl Gate {
    /// A gate with the limits of its origin.
    pub fn new(limits: &OriginLimits) -> Gate {
        let turns = limits.concurrency.min(Semaphore::MAX_PERMITS);
        let check = Arc::new(Semaphore::new(1));
        Gate { turns: Arc::new(Semaphore::new(turns)), check, waiting: AtomicUsize::new(0) }
    }

    /// Whether there is no turn at once.
    pub fn is_full(&self) -> bool {
        self.turns.available_permits() == 0
    }

    /// The turn that checks have for themselves.
    ///
    /// # Errors
    /// When the last check is still under way.
    pub fn enter_for_check(&self) -> Result<Turn, Error> {
        self.check.clone().try_acquire_owned().map_err(|_| Error::QueueFull)
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// When too many wait already, or no turn comes in time.
    pub async fn enter(&self, limits: &OriginLimits) -> Result<Turn, Error> {
        if let Ok(turn) = self.turns.clone().try_acquire_owned() {
            return Ok(turn);
        }
        let _place = Place::take(&self.waiting, limits.queue)?;
        match timeout(limits.queue_timeout, self.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            // The semaphore is never closed; a closed one would be as good as no turn.
            Ok(Err(_)) | Err(_) => Err(Error::QueueTimeout),
        }
    }
}

/// A place in the queue; left when dropped, also by a request that was given up.
struct Place<'g>(&'g AtomicUsize);

impl<'g> Place<'g> {
    fn take(waiting: &'g AtomicUsize, most: usize) -> Result<Place<'g>, Error> {
        if waiting.fetch_add(1, Ordering::Relaxed) >= most {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::QueueFull);
        }
        Ok(Place(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn turns_and_places_are_bounded() {
        let limits = OriginLimits {
            concurrency: 1,
            queue: 1,
            queue_timeout: Duration::from_secs(1),
            ..OriginLimits::default()
        };
        let gate = Gate::new(&limits);
        let turn = gate.enter(&limits).await.expect("a free turn");
        let waits = gate.enter(&limits);
        let refused = async { gate.enter(&limits).await.err() };
        let (timed_out, refused) = tokio::join!(waits, refused);
        assert_eq!(timed_out.err(), Some(Error::QueueTimeout));
        assert_eq!(refused, Some(Error::QueueFull));
        drop(turn);
        assert!(gate.enter(&limits).await.is_ok());
    }
}
