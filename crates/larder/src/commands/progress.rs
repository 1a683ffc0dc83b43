//! What is said on the terminal while something takes long: what, and for how many seconds.

use super::say_aside;
use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// How often it is said anew. Nothing is said of what takes no longer.
const EVERY: Duration = Duration::from_secs(1);

/// The same where more than the seconds is told.
const EVERY_MORE: Duration = Duration::from_millis(200);

/// What else is told.
pub type More = Box<dyn Fn() -> String + Send>;

/// Says it until it is dropped, where standard error is a terminal.
pub struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Begins. `more` says how far it has come, where that can be told.
    pub fn begin(doing: &str, more: Option<More>) -> Progress {
        if !stderr().is_terminal() {
            return Progress(None);
        }
        let (end, ended) = channel();
        let (doing, begun) = (doing.to_owned(), Instant::now());
        let thread = spawn(move || {
            let every = if more.is_some() { EVERY_MORE } else { EVERY };
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(every) {
                let more = more.as_ref().map(|more| more()).unwrap_or_default();
                say_aside(&format!("\r{doing} … {} s{more}\x1b[K", begun.elapsed().as_secs()));
            }
            if begun.elapsed() >= every {
                say_aside("\r\x1b[K");
            }
        });
        Progress(Some((end, thread)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            // It only says things.
            let _ = thread.join();
        }
    }
}
