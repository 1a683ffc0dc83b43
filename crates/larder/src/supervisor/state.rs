//! How the app does, for those who are asked: the probes, the numbers, and who serves.

use proxy::settings::{Open, OriginAddress};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How an app does; shared between who watches over it and who tells of it.
#[derive(Debug)]
pub struct AppState {
    command: String,
    now: Mutex<Now>,
    /// Where the data path may ask it.
    open: Open,
}

/// How it does now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Its port.
    pub port: u16,
    /// The number of its process, while it runs.
    pub pid: Option<u32>,
    /// Whether it runs and has answered since it was started.
    pub is_up: bool,
    /// Whether it has ever answered.
    pub has_answered: bool,
    /// How often it was started.
    pub starts: u64,
    /// What is wrong, in words.
    pub trouble: Option<String>,
}

impl Now {
    /// How often it was started again.
    pub fn restarts(&self) -> u64 {
        self.starts.saturating_sub(1)
    }
}

impl AppState {
    /// An app that was not started yet.
    pub fn new(command: String, port: u16) -> AppState {
        AppState { command, now: Mutex::new(Now { port, ..Now::default() }), open: Open::default() }
    }

    /// The command for people.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// How it does now.
    pub fn now(&self) -> Now {
        self.lock().clone()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.lock().port
    }

    /// The origin that it is.
    pub fn origin(&self) -> OriginAddress {
        super::port::at(self.port())
    }

    /// The port at which it may be asked; 0 while nobody is known to be there but strangers.
    pub(super) fn open(&self) -> &Open {
        &self.open
    }

    /// It is started at that port.
    pub(super) fn starts(&self, port: u16) {
        self.open.store(0, Ordering::Release);
        let mut now = self.lock();
        let Now { has_answered, starts, trouble, .. } = now.clone();
        *now = Now { port, has_answered, starts: starts + 1, trouble, ..Now::default() };
    }

    /// It runs.
    pub(super) fn runs(&self, pid: u32) {
        self.lock().pid = Some(pid);
    }

    /// It, and nobody else, listens at its port.
    pub(super) fn listens(&self) {
        self.open.store(self.port(), Ordering::Release);
    }

    /// It answers.
    pub(super) fn answers(&self) {
        let mut now = self.lock();
        (now.is_up, now.has_answered, now.trouble) = (true, true, None);
    }

    /// Something is wrong with it.
    pub(super) fn troubles(&self, what: String) {
        self.lock().trouble = Some(what);
    }

    /// It has ended.
    pub(super) fn ended(&self, how: String) {
        self.open.store(0, Ordering::Release);
        let mut now = self.lock();
        (now.is_up, now.pid, now.trouble) = (false, None, Some(how));
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answered_once_has_answered_also_after_it_ended() {
        let app = AppState::new("a b".to_owned(), 1);
        app.starts(1);
        app.runs(7);
        assert_eq!(app.now(), Now { port: 1, pid: Some(7), starts: 1, ..Now::default() });
        let open = || app.open().load(Ordering::Acquire);
        assert_eq!(open(), 0);
        app.listens();
        app.answers();
        assert_eq!(open(), 1);
        app.ended("with code 3".to_owned());
        assert_eq!(open(), 0);
        app.starts(2);
        let trouble = Some("with code 3".to_owned());
        let now = Now { port: 2, has_answered: true, starts: 2, trouble, ..Now::default() };
        assert_eq!((app.now(), app.now().restarts()), (now, 1));
        app.answers();
        assert_eq!(app.now().trouble, None);
    }
}
