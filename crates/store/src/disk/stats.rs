//! What the disk tier counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Sizes at one moment, and counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// What it may hold, in bytes.
    pub size_bytes: u64,
    /// Stored responses.
    pub objects: u64,
    /// Bytes of segments and the lists beside them.
    pub segment_bytes: u64,
    /// Bytes of large files.
    pub large_bytes: u64,
    /// Bytes of segments that nothing refers to any more, about.
    pub dead_bytes: u64,
    /// Bytes free on the file system, as last seen.
    pub free_bytes: u64,
    /// Bytes that wait to be written.
    pub waiting_bytes: u64,
    /// Bytes that the index holds in memory.
    pub index_bytes: u64,
    /// Writes handed to the system.
    pub writes: u64,
    /// Bytes handed to the system.
    pub bytes_written: u64,
    /// Responses that were not kept, for lack of room in the queue or on a failing disk.
    pub dropped_puts: u64,
    /// Records and lists that were found damaged.
    pub corrupt_records: u64,
    /// Records that the system did not let us read, just then.
    pub read_errors: u64,
    /// Segments given up for room.
    pub reclaimed_segments: u64,
    /// Bytes of records carried over from segments given up.
    pub carried_bytes: u64,
    /// What was taken away and could not be noted on disk, so that a restart may bring it back.
    pub lost_notes: u64,
    /// Why nothing is written at present, if so.
    pub failing: Option<String>,
}

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub free_bytes: AtomicU64,
    pub writes: AtomicU64,
    pub bytes_written: AtomicU64,
    pub dropped_puts: AtomicU64,
    pub corrupt_records: AtomicU64,
    pub read_errors: AtomicU64,
    pub reclaimed_segments: AtomicU64,
    pub carried_bytes: AtomicU64,
    pub lost_notes: AtomicU64,
}

/// Adds to a count.
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
