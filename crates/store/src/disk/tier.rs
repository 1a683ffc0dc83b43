//! The disk tier as its users see it.

use super::device::Device;
use super::error::OpenError;
use super::large::LargeFile;
use super::large_writer::LargeWriter;
use super::look::{Stored, WouldWait, look};
use super::objects::{Object, objects_at};
use super::op::{Act, DiskBody};
use super::open::open;
use super::record::MAX_RECORD;
use super::shared::{InUse, Settings, Shared};
use super::slice_writer::{self, SliceWriter};
use super::stats::{DiskStats, count};
use policy::fields::Fields;
use policy::key::{Key, KeyRef};
use policy::meta::Meta;
use policy::purge::Born;
use policy::vary::Variant;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What a record has beside key, meta and body, at the most; meta is coded shorter than it is held.
const MARGIN: usize = 256;
/// How long a body may be and still lie in a segment, in bytes.
pub const MAX_SMALL_BODY_BYTES: u64 = 64 << 10;

/// How long the end of the process waits for the disk.
const CLOSE_PATIENCE: Duration = Duration::from_secs(20);
/// How often it looks whether the disk is done.
const CLOSE_STEP: Duration = Duration::from_millis(2);

/// Responses on disk. They are kept by one thread, found by all.
///
/// What is put is found at once, and handed to the system within a second. When the disk fails,
/// finding goes on, and nothing older is found in the place of what could not be written.
pub struct Disk {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What was found under a key.
#[derive(Clone, Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Only responses for other requests; this request's place by the `Vary` of the newest.
    OtherVariants(Variant),
    /// The newest response for such a request.
    Response(Box<Stored>),
}

impl Disk {
    /// Opens a store, or makes one of an empty folder.
    ///
    /// # Errors
    /// Why it is not one; nothing was changed then.
    pub fn open(device: Arc<dyn Device>, settings: Settings) -> Result<Arc<Disk>, OpenError> {
        let worker = open(device, settings)?;
        let shared = worker.shared.clone();
        let named = thread::Builder::new().name("disk-writer".to_owned());
        let thread = named.spawn(move || worker.run()).map_err(OpenError::at("a thread"))?;
        Ok(Arc::new(Disk { shared, thread: Mutex::new(Some(thread)) }))
    }

    /// A tier whose worker the test drives.
    #[cfg(test)]
    pub(crate) fn by_hand(worker: &super::worker::Worker) -> Disk {
        Disk { shared: worker.shared.clone(), thread: Mutex::new(None) }
    }

    /// Finds the response for a request under a key. Where the bytes are in memory already, it
    /// does not wait.
    pub async fn find(&self, key: &Key, request: &Fields) -> Found {
        let seen = match look(&self.shared, key, false) {
            Ok(seen) => seen,
            Err(WouldWait) => {
                let (shared, key) = (self.shared.clone(), key.clone());
                let looked = self.shared.pool.ask(move || look(&shared, &key, true)).await;
                // Too many wait for the disk: the origin may be faster.
                looked.and_then(Result::ok).unwrap_or_default()
            }
        };
        choose(seen, request)
    }

    /// The oldest birth in that purge log of all that is stored; nothing if none of it was.
    pub fn least_born(&self, log: u64) -> Option<u64> {
        // In the order in which a response goes: none is missed that is written meanwhile.
        let waiting = self.shared.index.least_waiting(log);
        [waiting, self.shared.segments.least_born(log)].into_iter().flatten().min()
    }

    /// The newest birth of what is written: the purge log has to reach as far.
    pub fn newest_born(&self) -> Option<Born> {
        self.shared.segments.newest_born()
    }

    /// Whether anything may be stored of a URL. `url` is [`policy::key::KeyRef::url`].
    pub fn may_have(&self, url: &[u8]) -> bool {
        let url = self.shared.url_hash(url);
        let shard = self.shared.index.shard(url);
        !shard.waiting(url).is_empty() || shard.of_url(url).next().is_some()
    }

    /// Keeps a response in the place of an older one of its key and variant. `is_overtaken` says
    /// whether its URL was made invalid since its request left; it is asked in one step with
    /// taking it in, so that an [`invalidate`](Disk::invalidate) is either seen by it or comes
    /// after. Says whether it is kept: if there is no room, the older one is forgotten too.
    pub fn put(
        &self,
        key: &Key,
        mut meta: Meta,
        body: impl Into<DiskBody>,
        is_overtaken: impl FnOnce() -> bool,
    ) -> bool {
        let body = body.into();
        meta.body_bytes = body.len();
        let (fits, file) = match &body {
            DiskBody::File(file) => (self.fits(key, &meta, 0), Some(file.number)),
            // A longer one gets a file of its own when it is written.
            DiskBody::Whole(bytes) => {
                let in_record = match body.len() <= MAX_SMALL_BODY_BYTES {
                    true => bytes.len(),
                    false => 0,
                };
                (self.fits(key, &meta, in_record), None)
            }
        };
        let key = key.clone();
        let url = self.shared.url_hash(key.as_ref().url());
        let put = || match fits {
            true => {
                let must_validate = is_overtaken();
                Act::Put { key, meta, body, must_validate }
            }
            false => Act::Forget { key, variant: meta.variant },
        };
        let is_kept = self.shared.submit(url, put, forget) && fits;
        if !is_kept {
            count(&self.shared.counts.dropped_puts, 1);
            if let Some(number) = file {
                // What cannot be removed now is given up by its age.
                let _ = self.shared.remove_large(number);
            }
        }
        is_kept
    }

    /// The longest body that is taken, in bytes, about.
    pub fn max_body_bytes(&self) -> u64 {
        self.shared.settings.size_bytes / 2
    }

    /// Begins to take a body that is longer than [`MAX_SMALL_BODY_BYTES`]. What comes of it is put
    /// like a small one.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn begin_large(&self, key: &Key) -> io::Result<LargeWriter> {
        LargeWriter::begin(self.shared.clone(), key).await
    }

    /// Makes room for a body of so many bytes that comes in parts. It is put like a large one, with
    /// what there is of it, and filled by [`Disk::fill_gap`].
    ///
    /// # Errors
    /// If the disk fails or has no room.
    pub async fn begin_with_gaps(&self, key: &Key, bytes: u64) -> io::Result<Arc<LargeFile>> {
        slice_writer::begin(&self.shared, key, bytes).await
    }

    /// Claims the first gap of a body that begins within a range and that nobody fetches yet, as far
    /// as `until`; nothing if there is none.
    pub fn fill_gap(
        &self,
        file: &Arc<LargeFile>,
        range: Range<u64>,
        until: u64,
    ) -> Option<SliceWriter> {
        SliceWriter::claim(self.shared.clone(), file, range, until)
    }

    /// Gives the response of a key and variant new meta, after a 304. It is validated by that. If
    /// another has taken its place, both are forgotten: which is the newer is not known.
    /// `is_overtaken` is asked as in [`put`](Disk::put). Without room for it the response is
    /// forgotten, and what it was to take the place of.
    pub fn update(
        &self,
        key: &Key,
        old: &Variant,
        meta: Meta,
        is_overtaken: impl FnOnce() -> bool,
    ) {
        let fits = self.fits(key, &meta, 0);
        let url = self.shared.url_hash(key.as_ref().url());
        let moves = (meta.variant != *old).then(|| meta.variant.clone());
        let update = || match fits {
            true => {
                let must_validate = is_overtaken();
                Act::Update { key: key.clone(), old: old.clone(), meta, must_validate }
            }
            false => Act::Forget { key: key.clone(), variant: old.clone() },
        };
        let is_kept = self.shared.submit(url, update, forget) && fits;
        if let Some(variant) = moves.filter(|_| !is_kept) {
            self.forget(key, &variant);
        }
    }

    /// Marks all that is stored of a URL as to be validated before use. `url` is
    /// [`policy::key::url_scope`]'s.
    pub fn invalidate(&self, url: &[u8]) -> bool {
        if !self.may_have(url) {
            return false;
        }
        let url = self.shared.url_hash(url);
        self.shared.submit(url, || Act::Invalidate, |act| act);
        true
    }

    /// Keeps the response of a key and variant no more.
    pub fn forget(&self, key: &Key, variant: &Variant) {
        if !self.may_have(key.as_ref().url()) {
            return;
        }
        let act = || Act::Forget { key: key.clone(), variant: variant.clone() };
        self.shared.submit(self.shared.url_hash(key.as_ref().url()), act, |act| act);
    }

    /// Removes the file of a body that is not put after all; who reads it reads on.
    pub fn discard(&self, file: &LargeFile) {
        let (shared, number) = (self.shared.clone(), file.number);
        // What cannot be removed now is given up by its age, or at the next start.
        let remove = move || drop(shared.remove_large(number));
        if let Err(remove) = self.shared.pool.spawn(remove) {
            remove();
        }
    }

    /// Has it ask whether what it would give up is in use elsewhere. Asked once only, by the thread
    /// that writes, which holds no lock meanwhile.
    pub fn spares(&self, in_use: InUse) {
        // A second answer would be the same.
        let _ = self.shared.in_use.set(in_use);
    }

    /// Waits until all that was asked is handed to the system; says whether it is.
    pub fn flush(&self, patience: Duration) -> bool {
        self.shared.queue.drain(patience)
    }

    /// Writes what waits, and what makes the next start quick. Nothing is kept afterwards. A disk
    /// that hangs is not waited for longer than [`CLOSE_PATIENCE`]: the next start reads more then.
    pub fn close(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let begun = Instant::now();
        while !thread.is_finished() {
            if begun.elapsed() > CLOSE_PATIENCE {
                return tracing::warn!("the disk does not answer; the next start takes longer");
            }
            thread::sleep(CLOSE_STEP);
        }
        // A panic over there was told of there.
        let _ = thread.join();
    }

    /// The places at which anything is stored, from one on, in order.
    pub(crate) fn places(&self, from: u64) -> impl Iterator<Item = u64> {
        self.shared.index.places(from)
    }

    /// What is stored at a place under keys for which `wanted` says so. Reads records: not for
    /// threads that must not wait.
    pub(crate) fn objects_at(
        &self,
        place: u64,
        wanted: &dyn Fn(KeyRef<'_>) -> bool,
    ) -> Vec<Object> {
        objects_at(&self.shared, place, wanted)
    }

    /// The hash of a URL scope in this folder, whose order is that of places.
    pub(crate) fn url_hash(&self, url: &[u8]) -> u64 {
        self.shared.url_hash(url)
    }

    /// Sizes now, and counts.
    pub fn stats(&self) -> DiskStats {
        stats(&self.shared)
    }

    fn fits(&self, key: &Key, meta: &Meta, body: usize) -> bool {
        let length = key.as_ref().bytes().len() + meta.footprint() + body + MARGIN;
        length <= MAX_RECORD.min(self.shared.settings.segment_bytes as usize / 4)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.close();
    }
}

/// What takes the place of a put or an update for which there is no room.
fn forget(act: Act) -> Act {
    match act {
        Act::Put { key, meta, .. } => Act::Forget { key, variant: meta.variant },
        Act::Update { key, old, .. } => Act::Forget { key, variant: old },
        act => act,
    }
}

/// Of those that answer the request the one that was answered last.
pub(crate) fn choose(seen: Vec<Stored>, request: &Fields) -> Found {
    let age = |stored: &Stored| (stored.meta.life.answered, stored.seq);
    let newest = seen.iter().max_by_key(|stored| age(stored)).map(|s| s.meta.variant.clone());
    let answers = |stored: &Stored| stored.meta.variant.answers(request);
    match (seen.into_iter().filter(answers).max_by_key(age), newest) {
        (Some(stored), _) => Found::Response(Box::new(stored)),
        (None, Some(newest)) => Found::OtherVariants(newest.retold(request)),
        (None, None) => Found::Nothing,
    }
}

pub(crate) fn stats(shared: &Shared) -> DiskStats {
    let (segment_bytes, dead_bytes) = shared.segments.bytes();
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counts = &shared.counts;
    DiskStats {
        size_bytes: shared.settings.size_bytes,
        objects: shared.index.len() as u64,
        segment_bytes,
        large_bytes: shared.large.bytes(),
        dead_bytes,
        free_bytes: load(&counts.free_bytes),
        waiting_bytes: shared.queue.bytes() as u64,
        index_bytes: shared.index.footprint() as u64,
        writes: load(&counts.writes),
        bytes_written: load(&counts.bytes_written),
        dropped_puts: load(&counts.dropped_puts),
        corrupt_records: load(&counts.corrupt_records),
        read_errors: load(&counts.read_errors),
        reclaimed_segments: load(&counts.reclaimed_segments),
        carried_bytes: load(&counts.carried_bytes),
        lost_notes: load(&counts.lost_notes),
        failing: shared.failing.lock().unwrap_or_else(PoisonError::into_inner).clone(),
    }
}
