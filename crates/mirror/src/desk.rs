//! Where documents are read and written: each on a thread of its own, few at once. A document is a stranger's,
//! and however long it takes, the thread on which all feeds live answers, runs the others, and ends.

use std::io;
use std::thread::Builder;
use tokio::sync::{Semaphore, oneshot};

/// Documents that are worked on at once, of all feeds: each takes memory, and one of them alone must not hold
/// up all others.
const MOST: usize = 2;

/// Free places. One for the whole process, as its memory is one.
static PLACES: Semaphore = Semaphore::const_new(MOST);

/// Works on a document, as soon as there is a place. Who does not wait any more leaves the work to end by
/// itself, which keeps its place until then.
///
/// # Errors
/// When there is no thread for it, or the work panicked.
pub async fn work<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let place = PLACES.acquire().await.map_err(io::Error::other)?;
    let (reply, answer) = oneshot::channel();
    // A new one for each: what an idle thread has freed stays with it for a while, and it may be much.
    let working = move || {
        let _place = place;
        // Who does not wait any more need not hear.
        let _ = reply.send(work());
    };
    Builder::new().name("document".into()).spawn(working)?;
    answer.await.map_err(|_| io::Error::other("the thread that worked on a document panicked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn what_works_for_long_holds_up_its_own_place_only() {
        let (go, wait) = mpsc::channel::<()>();
        let long = tokio::spawn(work(move || wait.recv().is_ok()));
        for _ in 0..3 {
            assert_eq!(work(|| 7).await.expect("it does not panic"), 7);
        }
        go.send(()).expect("it still works");
        assert!(long.await.expect("it ends").expect("it does not panic"));
    }

    #[tokio::test]
    async fn a_panic_is_told_and_gives_its_place_back() {
        for _ in 0..=MOST {
            let told = timeout(Duration::from_secs(60), work(|| panic!("as it is meant"))).await;
            assert!(told.expect("there is a place").is_err());
        }
    }
}
