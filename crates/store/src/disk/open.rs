//! Taking a folder: which responses it holds.
//!
//! Segments are gone through from the newest record to the oldest: the first that is met of a key
//! and variant is the one that counts.

use super::contents::{Contents, Entry};
use super::device::{Device, Listed};
use super::error::OpenError;
use super::format::{self, LARGE, SEGMENTS};
use super::index::{Lies, Slot};
use super::large::{body_name, temporary_name};
use super::log::{Log, seal};
use super::record::{Kind, Place, aligned};
use super::scan::contents;
use super::segments::{Segment, segment_name, uid_in};
use super::shared::{Settings, Shared};
use super::worker::Worker;
use hashbrown::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Opens a folder as a store.
pub(crate) fn open(device: Arc<dyn Device>, settings: Settings) -> Result<Worker, OpenError> {
    let segment_bytes = settings.segment_bytes;
    if segment_bytes > Settings::MAX_SEGMENT_BYTES || settings.size_bytes < 8 * segment_bytes {
        return Err(OpenError::Sizes("a segment is at most an eighth of all, and 256 MiB"));
    }
    let format = format::take(&*device, settings.fresh)?;
    let shared = Arc::new(Shared::new(device, format, settings));
    let log = load(&shared).map_err(OpenError::at(SEGMENTS))?;
    let mut worker = Worker::new(shared, log);
    if let Err(error) = worker.keep_bound() {
        // What is there can be found all the same.
        worker.fail(&error);
    }
    Ok(worker)
}

/// Fills table and index, and gives the end of the log.
pub(crate) fn load(shared: &Shared) -> io::Result<Log> {
    shared.device.make_folder(SEGMENTS)?;
    shared.device.make_folder(LARGE)?;
    let uids = uids(&*shared.device)?;
    for uid in &uids {
        let file = shared.device.open(&segment_name(*uid))?;
        let bytes = file.len()?;
        let segment = shared.segments.add(*uid, file, bytes);
        segment.ok_or_else(|| io::Error::other("too many segments"))?;
    }
    let mut newest = Newest::new(shared, larges(&*shared.device, true)?);
    let (mut log, mut is_newest) = (None, true);
    for segment in shared.segments.all().into_iter().rev() {
        let (contents, is_listed) = contents(shared, &segment)?;
        newest.take(&segment, &contents);
        let end = segment.file.len()?;
        let has_room = end + contents.file_bytes() < shared.settings.segment_bytes;
        if is_newest && has_room {
            log = Some(Log::go_on(shared, segment, end, contents));
        } else if !is_listed {
            // It was cut off before its end; what is built on it from now on must find it lasting.
            seal(shared, &segment, &contents)?;
        }
        is_newest = false;
    }
    for number in newest.larges.keys() {
        shared.device.remove(&body_name(*number))?;
        // Numbers that were given are not given again.
        shared.seq.fetch_max(*number, Ordering::Relaxed);
    }
    let newest = uids.last().copied().unwrap_or(0);
    log.map_or_else(|| Log::begin(shared, newest + 1), Ok)
}

/// The numbers of all segments, rising. Lists without one, and what was not finished, are removed.
fn uids(device: &dyn Device) -> io::Result<Vec<u64>> {
    let listed = device.list(SEGMENTS)?;
    let uids = uids_in(&listed);
    for name in listed.into_iter().map(|listed| listed.name) {
        let orphan = uid_in(&name, ".idx").is_some_and(|uid| uids.binary_search(&uid).is_err());
        let is_left_over =
            uid_in(&name, ".idx.tmp").is_some() || ["probe", "probe.tmp"].contains(&name.as_str());
        if orphan || is_left_over {
            device.remove(&format!("{SEGMENTS}/{name}"))?;
        }
    }
    Ok(uids)
}

/// The numbers of segments in a folder, rising.
pub(crate) fn uids_in(listed: &[Listed]) -> Vec<u64> {
    let mut uids: Vec<u64> = listed.iter().filter_map(|l| uid_in(&l.name, ".seg")).collect();
    uids.sort_unstable();
    uids
}

/// Large files by number, with their lengths.
pub(crate) type FoundLarges = HashMap<u64, u64, foldhash::fast::FixedState>;

/// The large files. What was not finished is removed, if `tidies`.
pub(crate) fn larges(device: &dyn Device, tidies: bool) -> io::Result<FoundLarges> {
    let mut larges = HashMap::default();
    let folders = device.list(LARGE)?.into_iter().filter(|listed| listed.is_folder);
    for folder in folders.map(|folder| folder.name) {
        for listed in device.list(&format!("{LARGE}/{folder}"))? {
            let is_here = |number: &u64| format!("{:02x}", *number as u8) == folder;
            if let Some(number) = uid_in(&listed.name, ".tmp").filter(is_here) {
                if tidies {
                    device.remove(&temporary_name(number))?;
                }
            } else if let Some(number) = uid_in(&listed.name, ".body").filter(is_here) {
                larges.insert(number, listed.bytes);
            }
        }
    }
    Ok(larges)
}

/// Hashes are their own hash.
#[derive(Default)]
pub(crate) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Hashes of keys and variants, in many small tables: one alone would hold half as much again
/// whenever it grows.
struct Seen([HashSet<u64, BuildHasherDefault<Same>>; 256]);

impl Seen {
    /// Takes a hash in; says whether it is new.
    fn insert(&mut self, identity: u64) -> bool {
        // The tables themselves look at the lowest and the highest bits.
        self.0[(identity >> 40) as u8 as usize].insert(identity)
    }
}

/// Picks the newest record of each key and variant.
struct Newest<'a> {
    shared: &'a Shared,
    seen: Seen,
    /// Bytes of large files of which no record was met yet.
    larges: FoundLarges,
    /// Bodies that an Update stands for, which lie in older segments.
    bodies: HashMap<(u64, u32), u64, foldhash::fast::FixedState>,
}

impl<'a> Newest<'a> {
    fn new(shared: &'a Shared, larges: FoundLarges) -> Newest<'a> {
        let seen = Seen(std::array::from_fn(|_| HashSet::default()));
        Newest { shared, larges, seen, bodies: HashMap::default() }
    }

    /// Takes the records of the next older segment.
    fn take(&mut self, segment: &Segment, contents: &Contents) {
        self.shared.seq.fetch_max(contents.max_seq, Ordering::Relaxed);
        segment.max_seq.store(contents.max_seq, Ordering::Relaxed);
        segment.set_births(contents.births);
        let entries: Vec<Entry> = contents.iter().collect();
        let mut live = 0;
        for entry in entries.iter().rev() {
            let is_body = self.bodies.remove(&(segment.uid, entry.offset)).is_some();
            let is_newest = self.seen.insert(entry.identity);
            let stands = is_newest && (entry.kind == Kind::Forget || self.insert(segment, entry));
            if stands || is_body {
                live += u64::from(entry.length);
            }
        }
        let file_bytes = segment.bytes.load(Ordering::Relaxed);
        segment.bytes.store(file_bytes + contents.file_bytes(), Ordering::Relaxed);
        segment.dead.store(file_bytes.saturating_sub(live), Ordering::Relaxed);
    }

    fn insert(&mut self, segment: &Segment, entry: &Entry) -> bool {
        if let Some((Place { uid, offset }, length)) = entry.target() {
            if self.shared.segments.of_uid(uid).is_none() {
                return false;
            }
            self.bodies.insert((uid, offset), length);
        }
        if entry.kind == Kind::Large {
            let (number, _) = entry.more;
            let Some(bytes) = self.larges.remove(&number) else { return false };
            self.shared.large.add(number, entry.url, bytes);
        }
        let lies = Lies {
            segment: segment.slot,
            offset: entry.offset,
            length: aligned(entry.length as usize) as u32,
            is_update: entry.kind == Kind::Update,
            is_large: entry.kind == Kind::Large,
        };
        let slot = Slot::new(entry.url, entry.identity, lies);
        let slot = slot.with_must_validate(entry.must_validate);
        self.shared.index.shard(entry.url).insert(slot);
        true
    }
}
