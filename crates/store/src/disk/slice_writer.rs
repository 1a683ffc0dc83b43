//! Filling the gaps of a body: what is fetched for them is written slice by slice.

use super::large::{Form, LargeFile, SLICE};
use super::room::Room;
use super::shared::Shared;
use super::slice_map::{Coming, ENTRY_BYTES, Fate, Kept, SliceMap, begin_of};
use crate::reservation::Reservation;
use bytes::Bytes;
use policy::key::Key;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, PoisonError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Room is asked for in pieces of so many bytes.
const GRANT_BYTES: u64 = 1 << 20;

/// Writes what a gap lacks, from its begin on. Nobody else writes there meanwhile; when it is
/// dropped, what came so far stays, and others may fetch the rest.
pub struct SliceWriter {
    file: Arc<LargeFile>,
    claim: Range<u64>,
    /// Up to where it takes bytes.
    until: u64,
    /// Where the bytes in `slice` belong.
    at: u64,
    /// What came and is not written yet: never beyond a slice.
    slice: Vec<u8>,
    room: Room,
    /// What those hear who wait for what did not come.
    fate: Fate,
}

/// Makes room for a body with gaps, and its file. It is stored when it is put.
pub(crate) async fn begin(
    shared: &Arc<Shared>,
    key: &Key,
    bytes: u64,
) -> io::Result<Arc<LargeFile>> {
    if bytes > shared.settings.size_bytes / 2 {
        // One body is not worth half of all that is stored.
        return Err(io::ErrorKind::StorageFull.into());
    }
    let around = Form::WithGaps.file_bytes(key.as_ref().bytes().len(), bytes) - bytes;
    let mut room = Room::new(shared.clone());
    room.have(around, 0).await?;
    let (shared, key) = (shared.clone(), key.clone());
    let pool = shared.pool.clone();
    let made = pool.ask_surely(move || {
        let of = (shared.next_seq(), shared.format.seed);
        let name = key.as_ref();
        let made =
            LargeFile::begin_with_gaps(&*shared.device, of, (name.bytes(), bytes), shared.help())?;
        room.spend(around);
        shared.large.add(of.0, shared.url_hash(name.url()), around);
        Ok(shared.large.opened(Arc::new(made)))
    });
    made.await.unwrap_or_else(|| Err(io::Error::other("the store is closed")))
}

impl SliceWriter {
    /// Claims the first gap that begins within a range and that nobody fetches yet, as far as
    /// `until`.
    pub(crate) fn claim(
        shared: Arc<Shared>,
        file: &Arc<LargeFile>,
        range: Range<u64>,
        until: u64,
    ) -> Option<SliceWriter> {
        let claim = file.map.as_ref()?.claim(range, until)?;
        let (at, slice, room) = (claim.start, Vec::new(), Room::new(shared));
        let (file, until) = (file.clone(), claim.end);
        Some(SliceWriter { file, claim, until, at, slice, room, fate: Fate::Failed })
    }

    /// Which bytes it is for.
    pub fn range(&self) -> Range<u64> {
        self.claim.clone()
    }

    /// Lets what comes belong to an offset of its range, where it begins later than that.
    pub fn start_at(&mut self, offset: u64) {
        self.at = offset.clamp(self.claim.start, self.claim.end);
    }

    /// Says what those hear who wait for what does not come; that it failed, if nothing is said.
    pub fn set_fate(&mut self, fate: Fate) {
        self.fate = fate;
    }

    /// What to wait for until nobody reads the body; nothing if nobody does now.
    pub fn is_left(&self) -> Option<impl Future<Output = Option<()>> + use<>> {
        self.file.map.as_ref()?.is_left()
    }

    /// Takes nothing from an offset on.
    pub fn end_at(&mut self, offset: u64) {
        self.until = self.until.min(offset);
    }

    /// Takes all up to the end of the body, since it comes anyway.
    pub fn widen(&mut self) {
        if let Some(map) = &self.file.map {
            map.widen(&mut self.claim);
            self.until = self.claim.end;
        }
    }

    /// Whether all that it is for has come.
    pub fn is_full(&self) -> bool {
        self.next() >= self.until
    }

    /// Where what comes next belongs.
    pub fn next(&self) -> u64 {
        self.at + self.slice.len() as u64
    }

    /// Takes the next piece; what lies behind the gap is left out. Waits for the disk when a slice
    /// is full.
    ///
    /// # Errors
    /// If the disk fails or has no room, or the body was given up.
    pub async fn write(&mut self, mut piece: Bytes) -> io::Result<()> {
        while !piece.is_empty() && !self.is_full() {
            let next = self.next();
            let until = (begin_of(next) + SLICE as u64).min(self.until);
            // At most a slice.
            let part = piece.split_to(piece.len().min((until - next) as usize));
            if self.slice.capacity() == 0 {
                self.slice.reserve_exact((until - next) as usize);
            }
            self.slice.extend_from_slice(&part);
            if self.next() == until {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Writes what it still holds.
    ///
    /// # Errors
    /// As for [`SliceWriter::write`].
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.slice.is_empty() {
            return Ok(());
        }
        let bytes = self.slice.len() as u64;
        let rest = self.claim.end.saturating_sub(self.at);
        self.room.have(bytes, GRANT_BYTES.min(rest)).await?;
        let (file, at, slice) = (self.file.clone(), self.at, std::mem::take(&mut self.slice));
        self.at += bytes;
        let added = self.file.on_pool(move || file.add(at, &slice)).await?;
        self.room.spend(added);
        Ok(())
    }
}

impl Drop for SliceWriter {
    fn drop(&mut self) {
        if let Some(map) = &self.file.map {
            map.release(&self.claim, self.fate);
        }
    }
}

impl fmt::Debug for SliceWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SliceWriter").field("claim", &self.claim).finish_non_exhaustive()
    }
}

impl LargeFile {
    /// Whether any byte of it is missing.
    pub fn has_gaps(&self) -> bool {
        self.missing_from(0) < self.len()
    }

    /// The first byte from an offset on that is missing; the length of the body if none is.
    pub fn missing_from(&self, offset: u64) -> u64 {
        self.map.as_ref().map_or_else(|| self.len(), |map| map.missing_from(offset))
    }

    /// Waits for the byte at an offset: gives what became of it, and [`Fate::Changed`] if it is
    /// there. Nothing if it is missing and nobody fetches it.
    pub async fn come(&self, offset: u64) -> Option<Fate> {
        let Some(map) = &self.map else { return Some(Fate::Changed) };
        match map.wait_for(offset) {
            Coming::There => Some(Fate::Changed),
            Coming::Missing => None,
            // Who fetched is gone without a word when the store is.
            Coming::Fetched(reply) => Some(reply.await.unwrap_or(Fate::Failed)),
        }
    }

    /// Whether it is stored, as far as is known: nothing took its place, nor was it given up.
    pub fn is_kept(&self) -> bool {
        self.larges.has(self.number)
    }

    /// Whether all of a range is there.
    pub fn has_all(&self, range: Range<u64>) -> bool {
        self.map.as_ref().is_none_or(|map| map.has_all(range))
    }

    /// Whether the byte at an offset is there.
    pub fn has(&self, offset: u64) -> bool {
        self.map.as_ref().map_or_else(|| offset < self.len(), |map| map.has(offset))
    }

    /// Notes that one reads it so that gaps are filled for him.
    pub fn enter(&self) {
        if let Some(map) = &self.map {
            map.enter();
        }
    }

    /// Notes that he does no more.
    pub fn leave(&self) {
        if let Some(map) = &self.map {
            map.leave();
        }
    }

    /// The bytes of memory that the map of its gaps holds and that nothing counts yet.
    pub fn uncounted_bytes(&self) -> u64 {
        let map = self.map.as_ref().filter(|_| self.counted.get().is_none());
        map.map_or(0, SliceMap::footprint)
    }

    /// Has the map counted for as long as it is there.
    pub(crate) fn count_by(&self, reservation: Reservation) {
        // One is enough.
        let _ = self.counted.set(reservation);
    }

    /// Adds bytes of one slice; waits for the disk. Says how many were missing before.
    fn add(&self, at: u64, bytes: &[u8]) -> io::Result<u64> {
        let Some(map) = &self.map else { return Ok(0) };
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let (begin, before) = (begin_of(at), map.kept(at));
        let from = (at - begin) as u32;
        // Never beyond a slice.
        let new = from..from + bytes.len() as u32;
        let touches = before.to > 0 && before.from <= new.end && new.start <= before.to;
        let old = if touches { self.there(begin, before) } else { None };
        if old.is_none() && before.len() > bytes.len() as u64 && !touches {
            // One stretch is kept of each slice, the longer; who waits for this has to get it himself.
            return Err(io::Error::other("more of the slice is there elsewhere"));
        }
        let (from, whole) =
            joined(old.as_deref().map(|old| (before.from, old)), (new.start, bytes));
        let sum = xxh3_64_with_seed(&whole, self.seed);
        let kept = Kept { sum, from, to: from + whole.len() as u32 };
        self.file.write_at(bytes, self.at + at)?;
        let place = self.at + self.len() + begin / SLICE as u64 * ENTRY_BYTES as u64;
        self.file.write_at(&kept.encode(), place)?;
        // What is replaced leaves its bytes where they are, and counts on.
        let added = kept.len().saturating_sub(before.len());
        if !self.larges.grow(self.number, added) {
            return Err(io::Error::other("the body was given up"));
        }
        map.set(at, kept);
        Ok(added)
    }

    /// What is there of a slice, if it is as it was written.
    fn there(&self, begin: u64, kept: Kept) -> Option<Vec<u8>> {
        let mut there = vec![0; kept.len() as usize];
        let read = self.file.read_at(&mut there, self.at + begin + u64::from(kept.from)).ok()?;
        let is_good = read == there.len() && xxh3_64_with_seed(&there, self.seed) == kept.sum;
        is_good.then_some(there)
    }

    /// Whether what is there of it differs from what was written; waits for the disk.
    pub(crate) fn is_damaged(&self) -> bool {
        (0..self.len()).step_by(SLICE).any(|begin| {
            match self.map.as_ref().map(|map| map.kept(begin)) {
                Some(kept) => kept.to > 0 && self.there(begin, kept).is_none(),
                None => self.slice(begin).is_err(),
            }
        })
    }
}

/// Two stretches that overlap or follow one another as one, with its begin; the newer bytes count.
fn joined(old: Option<(u32, &[u8])>, (at, new): (u32, &[u8])) -> (u32, Vec<u8>) {
    let Some((from, old)) = old else { return (at, new.to_vec()) };
    let before = &old[..(at.saturating_sub(from) as usize).min(old.len())];
    let end = at as usize + new.len();
    let behind = old.get(end.saturating_sub(from as usize)..).unwrap_or_default();
    (from.min(at), [before, new, behind].concat())
}
