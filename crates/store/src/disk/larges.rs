//! The table of large files: how long they are, how old, and which are open.

use super::large::LargeFile;
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The table.
#[derive(Default)]
pub(crate) struct Larges(Mutex<Table>);

#[derive(Default)]
struct Table {
    files: HashMap<u64, Large, foldhash::fast::FixedState>,
    /// From the oldest: age and number.
    ages: BTreeSet<(u64, u64)>,
    /// Bytes of all, and of those that are on their way.
    bytes: u64,
    open: HashMap<u64, Weak<LargeFile>, foldhash::fast::FixedState>,
    /// Those of which a slice was found damaged, until they are given up.
    damaged: HashSet<u64, foldhash::fast::FixedState>,
}

/// One large file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Large {
    /// Its number.
    pub number: u64,
    /// The hash of its URL scope.
    pub url: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The sequence number when it was begun or last spared.
    pub age: u64,
}

impl Large {
    /// Whether it was never spared.
    pub fn is_first_time(&self) -> bool {
        self.age == self.number
    }
}

impl Larges {
    /// Adds a file that is whole.
    pub fn add(&self, number: u64, url: u64, bytes: u64) {
        let mut table = self.lock();
        table.files.insert(number, Large { number, url, bytes, age: number });
        table.ages.insert((number, number));
        table.bytes += bytes;
    }

    /// Counts bytes that were added to a file. Says whether it is in.
    pub fn grow(&self, number: u64, bytes: u64) -> bool {
        let mut table = self.lock();
        let Some(large) = table.files.get_mut(&number) else { return false };
        large.bytes += bytes;
        table.bytes += bytes;
        true
    }

    /// Counts bytes of a file no more that were found damaged.
    pub fn shrink(&self, number: u64, bytes: u64) {
        let mut table = self.lock();
        let Some(large) = table.files.get_mut(&number) else { return };
        let bytes = bytes.min(large.bytes);
        large.bytes -= bytes;
        table.bytes -= bytes;
    }

    /// Takes a file out; nothing if it is not in.
    pub fn remove(&self, number: u64) -> Option<Large> {
        let mut table = self.lock();
        let large = table.files.remove(&number)?;
        table.ages.remove(&(large.age, number));
        table.bytes -= large.bytes;
        table.open.remove(&number);
        table.damaged.remove(&number);
        Some(large)
    }

    /// The oldest.
    pub fn oldest(&self) -> Option<Large> {
        let table = self.lock();
        let (_, number) = table.ages.first()?;
        table.files.get(number).copied()
    }

    /// Lets a file be the newest.
    pub fn spare(&self, number: u64, age: u64) {
        let mut table = self.lock();
        let Some(large) = table.files.get_mut(&number) else { return };
        let before = std::mem::replace(&mut large.age, age);
        table.ages.remove(&(before, number));
        table.ages.insert((age, number));
    }

    /// Counts room for what is on its way.
    pub fn take_room(&self, bytes: u64) {
        self.lock().bytes += bytes;
    }

    /// Gives room back.
    pub fn return_room(&self, bytes: u64) {
        self.lock().bytes -= bytes;
    }

    /// Bytes of all, with the room of those on their way.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// The bytes that a file takes, if it is in.
    pub fn bytes_of(&self, number: u64) -> Option<u64> {
        self.lock().files.get(&number).map(|large| large.bytes)
    }

    /// Whether there is such a file.
    pub fn has(&self, number: u64) -> bool {
        self.lock().files.contains_key(&number)
    }

    /// Notes that a slice of a file is damaged.
    pub fn is_found_damaged(&self, number: u64) {
        let mut table = self.lock();
        if table.files.contains_key(&number) {
            table.damaged.insert(number);
        }
    }

    /// Whether a slice of a file is damaged, as far as is known.
    pub fn is_damaged(&self, number: u64) -> bool {
        let table = self.lock();
        !table.damaged.is_empty() && table.damaged.contains(&number)
    }

    /// An open file, if somebody has it open.
    pub fn open(&self, number: u64) -> Option<Arc<LargeFile>> {
        self.lock().open.get(&number)?.upgrade()
    }

    /// Notes an open file; gives the one that another has opened meanwhile, so that all share one.
    pub fn opened(&self, file: Arc<LargeFile>) -> Arc<LargeFile> {
        let mut table = self.lock();
        if let Some(open) = table.open.get(&file.number).and_then(Weak::upgrade) {
            return open;
        }
        if table.open.len() > 2 * table.files.len() + 64 {
            table.open.retain(|_, file| file.strong_count() > 0);
        }
        table.open.insert(file.number, Arc::downgrade(&file));
        file
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
