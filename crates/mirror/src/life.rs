//! The life of a feed's keeper: it begins when the one before has ended, and anew where it panics.

use crate::edition::Edition;
use crate::keeper::{Command, Keeper};
use proxy::outward::Outward;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::spawn_local;
use tokio::time::sleep;

/// How long nothing is done after a panic: what panics at once must not take all of the thread's time.
const REST: Duration = Duration::from_secs(1);

/// The edition that stands, and whether what nothing names may go.
pub type Stands = (Option<Edition>, bool);

/// A keeper that is to live.
pub struct Life {
    /// Begins one with what stands.
    pub begins: Box<dyn Fn(Rc<Outward>, Stands) -> Keeper + Send>,
    /// What the first begins with.
    pub stands: Stands,
    /// What it is asked.
    pub commands: mpsc::Receiver<Command>,
    /// Whose folder it has, until that has ended.
    pub after: Option<Arc<Ending>>,
    /// Tells of its end.
    pub ends: Ends,
}

impl Life {
    /// Lives until nobody can ask any more.
    pub async fn live(self, outward: Rc<Outward>) {
        let Life { begins, stands, commands, after, ends: _ends } = self;
        let commands = Rc::new(Mutex::new(commands));
        let mut keeper = begins(outward.clone(), stands);
        if let Some(after) = after {
            after.wait().await;
            keeper.look_again();
        }
        let mut has_panicked = false;
        loop {
            let commands = commands.clone();
            let lives = async move {
                if has_panicked {
                    keeper.take_over();
                }
                keeper.keep(&mut *commands.lock().await).await;
            };
            // As a task of its own: its panic is told here, and what it was asked later still waits.
            if spawn_local(lives).await.is_ok() {
                return;
            }
            has_panicked = true;
            sleep(REST).await;
            keeper = begins(outward.clone(), (None, false));
        }
    }
}

/// The end of a keeper, for the one that comes after it.
#[derive(Debug, Default)]
pub struct Ending {
    is_there: AtomicBool,
    notify: Notify,
}

/// Has the end come when it is dropped, whatever comes before.
pub struct Ends(pub Arc<Ending>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.is_there.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
    }
}

impl Ending {
    /// Whether it has come.
    pub fn has_come(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    async fn wait(&self) {
        let notified = self.notify.notified();
        if !self.has_come() {
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_comes_also_of_what_panics() {
        let ending = Arc::<Ending>::default();
        let ends = Ends(ending.clone());
        assert!(!ending.has_come());
        let panics = tokio::spawn(async move {
            let _ends = ends;
            panic!("as it is meant");
        });
        ending.wait().await;
        assert!(ending.has_come() && panics.await.is_err());
    }
}
