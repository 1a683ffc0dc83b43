//! The table of segments: files to which records are appended, in the order of their numbers.

use super::births::Births;
use super::device::DeviceFile;
use super::format::SEGMENTS;
use policy::purge::Born;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// One segment. Who holds it can read it, even when it was given up.
pub(crate) struct Segment {
    /// Its number; later ones have greater.
    pub uid: u64,
    /// Its place in the table.
    pub slot: u16,
    /// Its records.
    pub file: Arc<dyn DeviceFile>,
    /// Length of its file and of the index beside it.
    pub bytes: AtomicU64,
    /// The greatest sequence number in it: how old it is.
    pub max_seq: AtomicU64,
    /// When its responses were born.
    pub births: Mutex<Births>,
    /// About how many of its bytes nothing refers to any more.
    pub dead: AtomicU64,
}

/// All segments.
#[derive(Default)]
pub(crate) struct Segments(RwLock<Vec<Option<Arc<Segment>>>>);

/// The name of a segment's file.
pub(crate) fn segment_name(uid: u64) -> String {
    format!("{SEGMENTS}/{uid:016x}.seg")
}

/// The name of the index beside it.
pub(crate) fn index_name(uid: u64) -> String {
    format!("{SEGMENTS}/{uid:016x}.idx")
}

/// The number in a name that one of these made, if it ends so.
pub(crate) fn uid_in(name: &str, end: &str) -> Option<u64> {
    let digits = name.strip_suffix(end)?;
    let is_ours = digits.len() == 16 && digits.bytes().all(|b| b"0123456789abcdef".contains(&b));
    is_ours.then(|| u64::from_str_radix(digits, 16).ok())?
}

impl Segment {
    /// When its responses were born.
    pub fn births(&self) -> Births {
        *self.births.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says when its responses were born.
    pub fn set_births(&self, births: Births) {
        *self.births.lock().unwrap_or_else(PoisonError::into_inner) = births;
    }

    /// Counts bytes that nothing refers to any more.
    pub fn bury(&self, bytes: u64) {
        self.dead.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether three quarters are dead.
    pub fn is_mostly_dead(&self) -> bool {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.dead.load(Ordering::Relaxed) >= bytes - bytes / 4
    }
}

impl Segments {
    /// Adds a segment; nothing if the table is full.
    pub fn add(&self, uid: u64, file: Arc<dyn DeviceFile>, bytes: u64) -> Option<Arc<Segment>> {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let free = table.iter().position(Option::is_none).unwrap_or(table.len());
        let slot = u16::try_from(free).ok()?;
        let (bytes, max_seq, dead) = (AtomicU64::new(bytes), AtomicU64::new(0), AtomicU64::new(0));
        let births = Mutex::default();
        let segment = Arc::new(Segment { uid, slot, file, bytes, max_seq, births, dead });
        if free == table.len() {
            table.push(None);
        }
        table[free] = Some(segment.clone());
        Some(segment)
    }

    /// Takes a segment out. No slot of the index may refer to it any more.
    pub fn remove(&self, slot: u16) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = table.get_mut(usize::from(slot)) {
            *place = None;
        }
    }

    /// The segment at a place of the table.
    pub fn at(&self, slot: u16) -> Option<Arc<Segment>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.get(usize::from(slot))?.clone()
    }

    /// The segment of that number.
    pub fn of_uid(&self, uid: u64) -> Option<Arc<Segment>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.iter().flatten().find(|segment| segment.uid == uid).cloned()
    }

    /// All, from the oldest to the newest.
    pub fn all(&self) -> Vec<Arc<Segment>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<Segment>> = table.iter().flatten().cloned().collect();
        all.sort_by_key(|segment| segment.uid);
        all
    }

    /// The oldest birth in that log of all that they hold.
    pub fn least_born(&self, log: u64) -> Option<u64> {
        self.all().iter().filter_map(|segment| segment.births().least_of(log)).min()
    }

    /// The newest birth of all in the log in which the last were born. What was written last may have
    /// left early, or be carried.
    pub fn newest_born(&self) -> Option<Born> {
        let all = self.all();
        let newest = || all.iter().rev().filter_map(|segment| segment.births().newest());
        let log_id = newest().next()?.log_id;
        newest().filter(|born| born.log_id == log_id).max_by_key(|born| born.seq)
    }

    /// Bytes of all, and how many of them are dead.
    pub fn bytes(&self) -> (u64, u64) {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.iter().flatten().fold((0, 0), |(bytes, dead), segment| {
            let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
            (bytes + load(&segment.bytes), dead + load(&segment.dead))
        })
    }
}
