//! What those who ask the purge log and the one who writes it share.

use super::next::Watchers;
use super::recent::Recent;
use super::waiting::Waiting;
use policy::purge::{Born, Purge, Subject, Table, TableStats, Verdict};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What is shared.
pub(crate) struct Shared {
    log_id: u64,
    /// The newest purge in the table; never ahead of the table.
    head: AtomicU64,
    table: RwLock<Table>,
    recent: Mutex<Recent>,
    pub waiting: Waiting,
    /// Those who wait for the next purge.
    pub watchers: Watchers,
    /// What is stored was born at this head or later.
    least: AtomicU64,
    appended: AtomicU64,
    compactions: AtomicU64,
    file_bytes: AtomicU64,
    is_broken: AtomicBool,
    failing: Mutex<Option<String>>,
}

/// Sizes of a purge log at one moment, and counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeStats {
    /// The number of the newest purge.
    pub head: u64,
    /// The name of the log.
    pub log_id: u64,
    /// Sizes of the table.
    pub table: TableStats,
    /// Purges that were appended since the start.
    pub appended: u64,
    /// How often the log was written anew since the start.
    pub compactions: u64,
    /// Bytes of the log on disk; 0 where there is no disk.
    pub file_bytes: u64,
    /// Whether purges are refused until what failed is mended.
    pub is_broken: bool,
    /// Why purges are refused at present, if so.
    pub failing: Option<String>,
}

impl Shared {
    /// The greatest number of a purge.
    pub const MAX_SEQ: u64 = Table::MAX_SEQ;

    pub fn new(table: Table) -> Shared {
        let Born { log_id, seq } = table.head();
        Shared {
            log_id,
            head: AtomicU64::new(seq),
            table: RwLock::new(table),
            recent: Mutex::new(Recent::after(seq)),
            waiting: Waiting::default(),
            watchers: Watchers::default(),
            least: AtomicU64::new(0),
            appended: AtomicU64::new(0),
            compactions: AtomicU64::new(0),
            file_bytes: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
            failing: Mutex::new(None),
        }
    }

    /// The same, with what is remembered of the purges that are in the table.
    pub fn with(self, recent: Recent) -> Shared {
        Shared { recent: Mutex::new(recent), ..self }
    }

    pub fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn head(&self) -> u64 {
        // After the table: who sees a head and asks the table then finds all purges up to it.
        self.head.load(Ordering::Acquire)
    }

    pub fn born(&self) -> Born {
        Born { log_id: self.log_id, seq: self.head() }
    }

    pub fn check(&self, subject: &Subject<'_>, born: Born, since: u64) -> Verdict {
        self.table().check(subject, born, since)
    }

    /// Takes in purges that are durable, the first under the number `first`.
    pub fn apply<'p>(&self, first: u64, purges: impl Iterator<Item = &'p Purge>) {
        let mut table = self.table_mut();
        for (seq, purge) in (first..).zip(purges) {
            table.apply(seq, purge);
            self.recent().note(seq, purge);
            self.appended.fetch_add(1, Ordering::Relaxed);
        }
        let head = table.head().seq;
        drop(table);
        self.head.store(head, Ordering::Release);
        self.watchers.wake();
    }

    /// Takes in a purge of a log that is in memory only, under the next number, if there is one.
    pub fn apply_next(&self, purge: &Purge) -> Option<u64> {
        let mut table = self.table_mut();
        let seq = table.head().seq + 1;
        if seq > Shared::MAX_SEQ {
            return None;
        }
        table.apply(seq, purge);
        self.recent().note(seq, purge);
        self.appended.fetch_add(1, Ordering::Relaxed);
        // Under the lock, so that heads rise.
        self.head.store(seq, Ordering::Release);
        drop(table);
        self.watchers.wake();
        Some(seq)
    }

    pub fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn table_mut(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note_least(&self, least: u64) {
        self.least.fetch_max(least.min(self.head()), Ordering::Relaxed);
    }

    /// Gives up what matters to nothing that is stored.
    pub fn forget(&self) {
        let least = self.least.load(Ordering::Relaxed);
        if least > 0 {
            self.table_mut().forget_until(least);
        }
    }

    pub fn count_compaction(&self) {
        self.compactions.fetch_add(1, Ordering::Relaxed);
    }

    pub fn note_file(&self, bytes: u64, is_broken: bool) {
        self.file_bytes.store(bytes, Ordering::Relaxed);
        self.is_broken.store(is_broken, Ordering::Relaxed);
    }

    /// Says once that the log fails, and once that it does no more.
    pub fn tell(&self, error: Option<&io::Error>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match (error, failing.is_some()) {
            (Some(error), false) => {
                tracing::warn!("purges are refused: the purge log cannot be written ({error})");
            }
            (None, true) => tracing::info!("purges are accepted again"),
            _ => {}
        }
        *failing = error.map(io::Error::to_string);
    }

    pub fn stats(&self) -> PurgeStats {
        let Born { log_id, seq } = self.born();
        PurgeStats {
            head: seq,
            log_id,
            table: self.table().stats(),
            appended: self.appended.load(Ordering::Relaxed),
            compactions: self.compactions.load(Ordering::Relaxed),
            file_bytes: self.file_bytes.load(Ordering::Relaxed),
            is_broken: self.is_broken.load(Ordering::Relaxed),
            failing: self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
