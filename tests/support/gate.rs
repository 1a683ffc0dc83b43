//! A gate that holds an origin, or a client, until the test opens it.

use super::DEADLINE;
use std::sync::{Arc, Condvar, Mutex};

/// Shut until opened; then open for good. Clones are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A gate that is shut.
    pub fn shut() -> Gate {
        Gate::default()
    }

    /// Lets all through who wait or will come.
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open. A test that failed never opens it: then the deadline does.
    pub fn pass(&self) {
        let shut = self.0.0.lock().unwrap();
        let _ = self.0.1.wait_timeout_while(shut, DEADLINE, |open| !*open).unwrap();
    }
}
