//! What is said on the terminal while something takes long: what, and for how many seconds.

use super::say_aside;
use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// How often it is said anew. Nothing is said of what takes no longer.
const EVERY: Duration = Duration::from_secs(1);

/// Says it until it is dropped, where standard error is a terminal.
pub struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Begins.
    pub fn begin(doing: &str) -> Progress {
        if !stderr().is_terminal() {
            return Progress(None);
        }
        let (end, ended) = channel();
        let (doing, begun) = (doing.to_owned(), Instant::now());
        let thread = spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(EVERY) {
                say_aside(&format!("\r{doing} … {} s\x1b[K", begun.elapsed().as_secs()));
            }
            if begun.elapsed() >= EVERY {
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
