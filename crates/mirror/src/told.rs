//! What is told of a feed to who asks: the admin API, the command line, metrics.

use crate::edition::{Edition, Missing};
use crate::fetch::Fault;
use crate::pictures::Progress;
use crate::settings::Feed;
use policy::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The most pictures that are missing whose URLs are told.
const MOST_MISSING: usize = 20;

/// How a feed stands.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its name.
    pub name: Box<str>,
    /// Its URL, without the query, which may hold secrets.
    pub url: Box<str>,
    /// The path that it is served at.
    pub serve_at: Box<str>,
    /// The host of its site; nothing: every site.
    pub site: Option<Box<str>>,
    /// When it is fetched, as it was written.
    pub schedule: Box<str>,
    /// What it does now.
    pub state: State,
    /// What is published.
    pub published: Option<Stands>,
    /// When the last run began.
    pub last_run: Option<Timestamp>,
    /// When the next one begins.
    pub next_run: Option<Timestamp>,
    /// What the last run failed of, if it did, and when.
    pub last_error: Option<(Timestamp, Fault)>,
    /// Runs that failed in a row.
    pub failed_in_a_row: u32,
    /// Runs since the start, and how many of them failed, by [`Fault::TOKENS`].
    pub runs: u64,
    /// Likewise.
    pub failures: [u64; Fault::TOKENS.len()],
    /// Bytes of all its files.
    pub bytes: u64,
    /// What the operator may want to mend.
    pub notes: Vec<String>,
    /// How far a run under way has come.
    pub progress: Arc<Progress>,
}

/// What a feed does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for its next run.
    Waiting,
    /// It runs.
    Fetching,
    /// Its last run failed, and it waits to try again.
    Retrying,
}

/// An edition in numbers.
#[derive(Clone, Debug)]
pub struct Stands {
    /// Its number.
    pub number: u64,
    /// When the upstream last gave it, or said that it is the same.
    pub fetched: Timestamp,
    /// When it was published.
    pub published: Timestamp,
    /// Items.
    pub items: usize,
    /// Pictures that lie here.
    pub pictures: usize,
    /// Pictures that keep their URLs.
    pub missing: usize,
    /// Pictures beyond `max_images`, which keep theirs too.
    pub beyond: usize,
    /// The first of those that are missing.
    pub first_missing: Vec<Missing>,
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Fetching => "fetching",
            State::Retrying => "retrying",
        }
    }
}

impl Told {
    /// A feed that was not run yet.
    pub fn new(feed: &Feed, progress: Arc<Progress>) -> Told {
        Told {
            name: feed.name.clone(),
            url: feed.url.split(['?', '#']).next().unwrap_or_default().into(),
            serve_at: feed.serve_at.clone(),
            site: feed.site.clone(),
            schedule: feed.schedule.told().into(),
            state: State::Waiting,
            published: None,
            last_run: None,
            next_run: None,
            last_error: None,
            failed_in_a_row: 0,
            runs: 0,
            failures: [0; Fault::TOKENS.len()],
            bytes: 0,
            notes: Vec::new(),
            progress,
        }
    }

    /// Notes what failed.
    pub fn note(&mut self, fault: Fault, now: Timestamp) {
        self.failed_in_a_row += 1;
        if let Some(at) = Fault::TOKENS.iter().position(|token| *token == fault.token()) {
            self.failures[at] += 1;
        }
        self.last_error = Some((now, fault));
    }

    /// Pictures that are there or given up, and all, of a run under way.
    pub fn progress(&self) -> (usize, usize) {
        let Progress { done, all } = &*self.progress;
        (done.load(Ordering::Relaxed), all.load(Ordering::Relaxed))
    }
}

impl From<&Edition> for Stands {
    fn from(edition: &Edition) -> Stands {
        Stands {
            number: edition.number,
            fetched: Timestamp(edition.fetched),
            published: Timestamp(edition.published),
            items: edition.items,
            pictures: edition.pictures.len(),
            missing: edition.missing.len(),
            beyond: edition.beyond,
            first_missing: edition.missing.iter().take(MOST_MISSING).cloned().collect(),
        }
    }
}
