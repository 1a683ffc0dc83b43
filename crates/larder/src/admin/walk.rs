//! Walks over what is stored, beside the listener's thread: they read from disk.

use super::Admin;
use super::problem::Problem;
use axum::http::{HeaderValue, header};
use proxy::core::Shared;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Walks at once: more would only take the disk from those who serve.
pub const MAX_WALKS: usize = 2;
/// The longest wait for one's turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The turns.
#[derive(Debug)]
pub struct Walks(Arc<Semaphore>);

impl Default for Walks {
    fn default() -> Walks {
        Walks(Arc::new(Semaphore::new(MAX_WALKS)))
    }
}

impl Admin {
    /// Does a walk when it is its turn.
    pub(super) async fn walk<T: Send + 'static>(
        &self,
        walk: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || {
            Problem::new(503, "busy", "Others look at the same time", "ask again in some seconds")
                .with(header::RETRY_AFTER, HeaderValue::from_static("5"))
        };
        let turn = timeout(PATIENCE, self.walks.0.clone().acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
        let shared = self.shared();
        let walked = spawn_blocking(move || {
            // Kept to the end of the walk, though the client may have left.
            let _turn = turn;
            walk(&shared)
        });
        walked.await.map_err(|_| {
            Problem::new(
                500,
                "internal",
                "Looking failed",
                "see the log; this is a mistake in Larder",
            )
        })
    }
}
