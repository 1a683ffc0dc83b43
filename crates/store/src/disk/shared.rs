//! What the thread that writes and those who ask have in common.

use super::device::Device;
use super::format::{Format, SEGMENTS};
use super::index::{Index, Slot};
use super::large::{body_name, large_folder};
use super::larges::Larges;
use super::op::{Act, Op};
use super::pool::Pool;
use super::queue::Queue;
use super::record::url_hash;
use super::segments::{Segment, Segments};
use super::stats::{Counts, count};
use policy::time::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The wall clock, as the caller has it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is not there is as good as removed.
pub(crate) fn not_there(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// How a disk tier works.
#[derive(Clone)]
pub struct Settings {
    /// Bytes that all its files may take together.
    pub size_bytes: u64,
    /// Bytes of one segment, at most [`Settings::MAX_SEGMENT_BYTES`] and an eighth of all.
    pub segment_bytes: u64,
    /// Bytes of the file system that stay free.
    pub min_free_bytes: u64,
    /// Bytes that may wait to be written.
    pub queue_bytes: usize,
    /// Threads for reads that wait for a disk; with none, who asks waits.
    pub readers: usize,
    /// Random numbers that a new folder takes as its own.
    pub fresh: Format,
    /// The clock by which a failing disk is tried again.
    pub clock: Clock,
}

impl Settings {
    /// The longest segment that the index can address, in bytes.
    pub const MAX_SEGMENT_BYTES: u64 = 256 << 20;

    /// The bytes of a segment that suit a size.
    pub fn segment_bytes_for(size_bytes: u64) -> u64 {
        (size_bytes / 32).clamp(1 << 20, Settings::MAX_SEGMENT_BYTES)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("size_bytes", &self.size_bytes)
            .field("segment_bytes", &self.segment_bytes)
            .field("min_free_bytes", &self.min_free_bytes)
            .field("queue_bytes", &self.queue_bytes)
            .field("readers", &self.readers)
            .finish_non_exhaustive()
    }
}

/// The state of a disk tier.
pub(crate) struct Shared {
    pub device: Arc<dyn Device>,
    pub format: Format,
    pub settings: Settings,
    pub index: Index,
    pub segments: Segments,
    pub queue: Queue,
    pub pool: Arc<Pool>,
    pub large: Arc<Larges>,
    pub counts: Counts,
    /// The greatest sequence number in use.
    pub seq: AtomicU64,
    /// Why nothing is written at present.
    pub failing: Mutex<Option<String>>,
    /// Folders of large files whose names changed since they were synced.
    unsynced: Mutex<BTreeSet<u8>>,
    /// Whether another tier has the response of a key, which is as good as a use of late.
    pub in_use: OnceLock<InUse>,
    /// Damage was told of already.
    has_told: AtomicBool,
}

/// Says whether the response of a key is in use, though the disk is not asked for it.
pub type InUse = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

impl Shared {
    pub fn new(device: Arc<dyn Device>, format: Format, settings: Settings) -> Shared {
        Shared {
            device,
            format,
            index: Index::new(),
            segments: Segments::default(),
            queue: Queue::new(settings.queue_bytes),
            pool: Arc::new(Pool::new(settings.readers)),
            large: Arc::default(),
            counts: Counts::default(),
            seq: AtomicU64::new(0),
            failing: Mutex::default(),
            unsynced: Mutex::default(),
            in_use: OnceLock::new(),
            has_told: AtomicBool::new(false),
            settings,
        }
    }

    /// Whom a large file asks for help: threads to read, and the table where damage is noted.
    pub fn help(&self) -> (Arc<Pool>, Arc<Larges>) {
        (self.pool.clone(), self.large.clone())
    }

    /// Whether the response of a key is in use elsewhere.
    pub fn is_in_use(&self, key: &[u8]) -> bool {
        self.in_use.get().is_some_and(|in_use| in_use(key))
    }

    /// The hash of a URL scope in this store.
    pub fn url_hash(&self, url: &[u8]) -> u64 {
        url_hash(self.format.seed, url)
    }

    /// Lets an act wait for the thread that writes. `act` is made under the lock of the URL's shard,
    /// and `otherwise` takes its place if there is no room for it; if there is none for that
    /// either, all that is known of the URL is given up. Says whether `act` itself waits.
    pub fn submit(
        &self,
        url: u64,
        act: impl FnOnce() -> Act,
        otherwise: impl FnOnce(Act) -> Act,
    ) -> bool {
        let mut shard = self.index.shard(url);
        let mut act = act();
        if matches!(act, Act::Invalidate) {
            shard.change_url(url, |slot| slot.with_must_validate(true));
        }
        let has_room = self.queue.has_room(&act);
        if !has_room {
            act = otherwise(act);
            if !self.queue.has_room(&act) {
                shard.drop_url(url);
                count(&self.counts.lost_notes, 1);
                return false;
            }
        }
        // Under the lock, so that the acts on one URL are numbered as they are queued.
        let seq = self.next_seq();
        let op = Op::new(seq, url, act);
        shard.wait(op.clone());
        if !self.queue.push(op) {
            shard.drop_url(url);
            return false;
        }
        has_room
    }

    /// Makes all that was removed stay so through a power cut.
    pub fn sync_folders(&self) -> io::Result<()> {
        self.device.sync_folder(SEGMENTS)?;
        let folders = std::mem::take(&mut *lock(&self.unsynced));
        folders.iter().try_for_each(|folder| self.device.sync_folder(&large_folder(*folder)))
    }

    /// The next sequence number.
    pub fn next_seq(&self) -> u64 {
        self.seq.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Removes a large file that nothing refers to any more. Who has it open can still read it.
    pub fn remove_large(&self, number: u64) -> io::Result<()> {
        if !self.large.has(number) {
            return Ok(());
        }
        self.device.remove(&body_name(number)).or_else(not_there)?;
        self.large.remove(number);
        lock(&self.unsynced).insert(number as u8);
        Ok(())
    }

    /// Takes a slot whose record cannot be read out of the index. Says no if the slot does not
    /// stand for that record any more: then whoever read it has to look again.
    pub fn discard(&self, url: u64, slot: Slot, segment: &Arc<Segment>) -> bool {
        let mut shard = self.index.shard(url);
        let stands = self.segments.at(slot.lies().segment);
        let stands = stands.is_some_and(|stands| Arc::ptr_eq(&stands, segment));
        let discarded = stands && shard.remove(slot).is_some();
        drop(shard);
        if discarded {
            segment.bury(u64::from(slot.lies().length));
        }
        discarded
    }

    /// Counts damage, and tells of the first.
    pub fn tell_damage(&self, uid: u64, offset: u32) {
        count(&self.counts.corrupt_records, 1);
        if !self.has_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                segment = uid,
                offset,
                "a damaged record on disk; more are only counted"
            );
        }
    }

    /// Notes why nothing is written, or that all is well again.
    pub fn set_failing(&self, why: Option<String>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*failing, &why) {
            (None, Some(why)) => {
                tracing::error!(why, "the disk tier cannot write; it goes on reading")
            }
            (Some(_), None) => tracing::info!("the disk tier writes again"),
            _ => {}
        }
        *failing = why;
    }
}
