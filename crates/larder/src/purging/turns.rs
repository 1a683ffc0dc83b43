//! Turns of what is done for operators beside the data path: one at a time.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What has a turn at once.
pub const MAX_TURNS: usize = 1;

/// The turns of questions to origins, or of reading what is stored.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Turns {
        Turns(Arc::new(Semaphore::new(MAX_TURNS)))
    }
}

impl Turns {
    /// A turn, however long it takes; nothing only when the process ends.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().acquire_owned().await.ok()
    }
}
