//! The room on disk that the files of all feeds share, and what each folder has of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that files of all feeds may take.
#[derive(Debug)]
pub struct Room {
    most: AtomicU64,
    taken: AtomicU64,
}

/// What the files of one folder take of it.
#[derive(Debug)]
pub struct Share {
    room: Arc<Room>,
    own: AtomicU64,
}

impl Room {
    /// Room for so many bytes, of which none is taken.
    pub fn new(most: u64) -> Arc<Room> {
        Arc::new(Room { most: AtomicU64::new(most), taken: AtomicU64::new(0) })
    }

    /// How many bytes are taken.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Lets it have so many bytes from now on.
    pub fn set_most(&self, most: u64) {
        self.most.store(most, Ordering::Relaxed);
    }
}

impl Share {
    /// Nothing of it yet.
    pub fn new(room: Arc<Room>) -> Share {
        Share { room, own: AtomicU64::new(0) }
    }

    /// Bytes that it has.
    pub fn own(&self) -> u64 {
        self.own.load(Ordering::Relaxed)
    }

    /// Takes so many bytes.
    ///
    /// # Errors
    /// When there is no room for them.
    pub fn take(&self, bytes: u64) -> io::Result<()> {
        let room = &self.room;
        let before = room.taken.fetch_add(bytes, Ordering::Relaxed);
        self.own.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= room.most.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.give_back(bytes);
        Err(io::Error::new(io::ErrorKind::StorageFull, "feeds.size is used up"))
    }

    /// Takes it although there may be no room.
    pub fn take_in_any_case(&self, bytes: u64) {
        self.room.taken.fetch_add(bytes, Ordering::Relaxed);
        self.own.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives so many back.
    pub fn give_back(&self, bytes: u64) {
        for count in [&self.own, &self.room.taken] {
            let less = |taken: u64| Some(taken.saturating_sub(bytes));
            // It never says no.
            let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back(self.own.load(Ordering::Relaxed));
    }
}
