//! What readers find out about a feed's files, for the feed: however many they are, it hears once.

use crate::published::{Call, Happened};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// What was called and not heard yet.
#[derive(Debug, Default)]
pub struct Calls {
    purged: AtomicBool,
    damaged: Mutex<HashMap<Box<str>, String>>,
    notify: Notify,
}

/// What was heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The document was purged.
    pub purged: bool,
    /// Files that are damaged, and what was said of each last.
    pub damaged: Vec<(Box<str>, String)>,
}

impl Calls {
    /// The way to call.
    pub fn call(self: &Arc<Calls>) -> Call {
        let calls = self.clone();
        Arc::new(move |happened| {
            match happened {
                Happened::Purged => calls.purged.store(true, Ordering::Release),
                Happened::Damaged(name, why) => {
                    calls.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(name, why);
                }
            }
            calls.notify.notify_one();
        })
    }

    /// Waits for a call.
    pub async fn next(&self) -> Heard {
        loop {
            self.notify.notified().await;
            let purged = self.purged.swap(false, Ordering::AcqRel);
            let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
            let heard = Heard { purged, damaged: damaged.drain().collect() };
            if heard != Heard::default() {
                return heard;
            }
        }
    }
}
