//! The end of the log: the segment that is being written.

use super::batch::Batch;
use super::contents::Contents;
use super::device::write_whole;
use super::format::SEGMENTS;
use super::record::{Place, aligned};
use super::reply::{Reply, reply};
use super::segments::{Segment, index_name, segment_name};
use super::shared::Shared;
use super::stats::count;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The segment that is being written.
pub(crate) struct Log {
    active: Active,
    next_uid: u64,
    capacity: u64,
    /// The seal of the segment before, while it goes on.
    sealing: Option<(Arc<Active>, Reply<bool>)>,
    /// Segments whose seal failed: it is tried again, since they may not last through a power cut.
    unsealed: Vec<Arc<Active>>,
}

struct Active {
    segment: Arc<Segment>,
    /// Where the next record goes.
    end: u64,
    contents: Contents,
    /// A list beside the segment says as much as `contents`.
    is_listed: bool,
    /// A write failed, and part of it may stand behind the end.
    is_torn: bool,
}

impl Log {
    /// Begins a new segment of that number.
    pub fn begin(shared: &Shared, uid: u64) -> io::Result<Log> {
        let active = Active::new(shared, uid)?;
        Ok(Log {
            active,
            next_uid: uid + 1,
            capacity: shared.settings.segment_bytes,
            sealing: None,
            unsealed: Vec::new(),
        })
    }

    /// Goes on with the newest segment.
    pub fn go_on(shared: &Shared, segment: Arc<Segment>, end: u64, contents: Contents) -> Log {
        let (end, next_uid) = (aligned(end as usize) as u64, segment.uid + 1);
        let active = Active { segment, end, contents, is_listed: false, is_torn: false };
        Log {
            active,
            next_uid,
            capacity: shared.settings.segment_bytes,
            sealing: None,
            unsealed: Vec::new(),
        }
    }

    /// The segment that is being written.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.active.segment
    }

    /// Where the next record of the batch will lie.
    pub fn place(&self, batch: &Batch) -> Place {
        // Segments are not longer than 2^28 bytes.
        let offset = (self.active.end + batch.bytes.len() as u64) as u32;
        Place { uid: self.active.segment.uid, offset }
    }

    /// Whether a record of that length fits behind the batch, the list beside the segment
    /// counted, and `reserved` bytes are left.
    pub fn has_room(&self, batch: &Batch, length: usize, reserved: u64) -> bool {
        let list =
            self.active.contents.file_bytes() + (batch.len() as u64 + 2) * Contents::MOST_AN_ENTRY;
        let records = self.active.end + (batch.bytes.len() + aligned(length)) as u64;
        records + list + reserved <= self.capacity
    }

    /// Bytes that the segment may still grow by.
    pub fn to_come(&self) -> u64 {
        self.capacity.saturating_sub(self.active.segment.bytes.load(Ordering::Relaxed))
    }

    /// Hands a batch to the system.
    pub fn write(&mut self, shared: &Shared, batch: &Batch) -> io::Result<()> {
        let active = &mut self.active;
        if active.is_torn {
            // What a failed write left must not stand behind what says that it failed.
            active.segment.file.set_len(active.end)?;
            active.is_torn = false;
        }
        active.is_torn = true;
        active.segment.file.write_at(&batch.bytes, active.end)?;
        active.is_torn = false;
        active.end += batch.bytes.len() as u64;
        active.is_listed = false;
        for staged in batch.staged() {
            active.contents.push(&staged.entry, staged.seq);
            if let Some(born) = staged.born {
                active.contents.births.add(born, staged.op.is_some());
            }
        }
        active.segment.set_births(active.contents.births);
        let bytes = active.end + active.contents.file_bytes();
        active.segment.bytes.store(bytes, Ordering::Relaxed);
        active.segment.max_seq.fetch_max(active.contents.max_seq, Ordering::Relaxed);
        count(&shared.counts.writes, 1);
        count(&shared.counts.bytes_written, batch.bytes.len() as u64);
        Ok(())
    }

    /// Tries whether the device can be written at all.
    pub fn try_write(&self, shared: &Shared) -> io::Result<()> {
        let probe = format!("{SEGMENTS}/probe");
        write_whole(&*shared.device, &probe, b"")?;
        shared.device.remove(&probe)
    }

    /// Makes the records last through a power cut.
    pub fn sync(&self) -> io::Result<()> {
        self.active.segment.file.sync()
    }

    /// Ends the segment and begins the next. The caller has made room for it.
    pub fn roll(&mut self, shared: &Arc<Shared>) -> io::Result<()> {
        let next = Active::new(shared, self.next_uid)?;
        self.next_uid += 1;
        let sealed = Arc::new(std::mem::replace(&mut self.active, next));
        self.end_seal();
        // Those that fail again stay.
        let _ = self.seal_again(shared);
        let being_sealed = sealed.clone();
        let (device, (answer, reply)) = (shared.clone(), reply());
        // A sync may take long, and what waits must go on.
        let seal = move || {
            let is_sealed = sealed.seal_or_tell(&device);
            drop(device);
            answer.send(is_sealed);
        };
        if let Err(seal) = shared.pool.spawn(seal) {
            seal();
        }
        self.sealing = Some((being_sealed, reply));
        Ok(())
    }

    fn end_seal(&mut self) {
        if let Some((segment, seal)) = self.sealing.take()
            && seal.wait() != Some(true)
        {
            self.unsealed.push(segment);
        }
    }

    fn seal_again(&mut self, shared: &Shared) -> io::Result<()> {
        while let Some(last) = self.unsealed.last() {
            // It may have been given up meanwhile.
            if shared.segments.of_uid(last.segment.uid).is_some() {
                last.seal(shared)?;
            }
            self.unsealed.pop();
        }
        Ok(())
    }

    /// Writes the list beside the segment.
    pub fn close(&mut self, shared: &Shared) -> io::Result<()> {
        self.end_seal();
        self.seal_again(shared)?;
        if !self.active.is_listed {
            self.active.seal(shared)?;
            self.active.is_listed = true;
        }
        shared.sync_folders()
    }
}

impl Active {
    fn new(shared: &Shared, uid: u64) -> io::Result<Active> {
        let name = segment_name(uid);
        let file = match shared.device.create_new(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // A try to begin it failed half-way; nothing was written to it.
                shared.device.open(&name)?
            }
            file => file?,
        };
        let segment = shared.segments.add(uid, file, Contents::default().file_bytes());
        let segment = segment.ok_or_else(|| io::Error::other("too many segments"))?;
        let contents = Contents::default();
        Ok(Active { segment, end: 0, contents, is_listed: false, is_torn: false })
    }

    fn seal_or_tell(&self, shared: &Shared) -> bool {
        let sealed = self.seal(shared);
        if let Err(error) = &sealed {
            // It is tried again; else the segment is scanned at the next start.
            tracing::warn!(%error, segment = self.segment.uid, "no list was written beside a segment");
        }
        sealed.is_ok()
    }

    fn seal(&self, shared: &Shared) -> io::Result<()> {
        if self.is_torn {
            self.segment.file.set_len(self.end)?;
        }
        seal(shared, &self.segment, &self.contents)
    }
}

/// Makes a segment last through a power cut, and writes the list beside it.
pub(crate) fn seal(shared: &Shared, segment: &Segment, contents: &Contents) -> io::Result<()> {
    segment.file.sync()?;
    let list = contents.to_file(shared.format.seed, segment.uid, segment.file.len()?);
    count(&shared.counts.bytes_written, list.len() as u64);
    write_whole(&*shared.device, &index_name(segment.uid), &list)
}
