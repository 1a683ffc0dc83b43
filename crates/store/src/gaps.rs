//! Bodies that come in parts: stored with what there is of them, and filled as they are asked for
//! (RFC 9111 §3.3, §3.4). They are on disk only.

use crate::body::Body;
use crate::disk::{Fate, LargeFile, SliceWriter};
use crate::door::{Store, Tiers};
use crate::entry::{Entry, Forms, Heads, Parts};
use crate::reservation::Reservation;
use crate::scopes::Departure;
use bytes::Bytes;
use policy::key::Key;
use policy::meta::Meta;
use policy::reason::WhySkip;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What filling a gap holds in memory: a slice that comes and one that is written.
const GAP_BYTES: u64 = 128 << 10;

/// Writes what a gap of a stored body lacks. When it is dropped, what came so far stays.
#[derive(Debug)]
pub struct GapWriter {
    slices: SliceWriter,
    _reserved: Reservation,
}

impl Store {
    /// Whether bodies with gaps can be stored: only on disk.
    pub fn takes_gaps(&self) -> bool {
        self.disk().is_some()
    }

    /// Makes a response visible whose body has `meta.body_bytes` bytes, of which none is there yet,
    /// and gives what writes the bytes `first` of it. It takes the place of an older one and of
    /// `replaced`.
    ///
    /// # Errors
    /// If it is too long, or the disk fails or has no room.
    pub async fn begin_with_gaps(
        self: &Arc<Store>,
        key: &Key,
        (meta, heads): (Meta, Heads),
        first: Range<u64>,
        departure: &Departure,
        replaced: Option<&Arc<Entry>>,
    ) -> Result<(Arc<Entry>, GapWriter), WhySkip> {
        let (disk, bytes) = (self.disk().ok_or(WhySkip::Disk)?, meta.body_bytes);
        if bytes > self.limits.max_object_bytes || bytes > disk.max_body_bytes() {
            return Err(WhySkip::TooLarge);
        }
        let mut reserved = Reservation::new(self.clone());
        reserved.add(GAP_BYTES)?;
        let id = self.bodies.fetch_add(1, Ordering::Relaxed);
        let file = disk.begin_with_gaps(key, bytes).await.map_err(|_| WhySkip::Disk)?;
        // Claimed before anybody else sees it.
        let slices = disk.fill_gap(&file, first.start..first.start + 1, first.end);
        let gap = slices.map(|slices| GapWriter { slices, _reserved: reserved });
        let body = Body::on_disk(file, id);
        let parts = Parts { meta, heads, body, forms: Forms::default(), must_validate: false };
        Ok((self.keep(key, parts, departure, replaced, Tiers::All).0, gap.ok_or(WhySkip::Disk)?))
    }

    /// Has the map of a body with gaps counted in `in_flight_bytes`, once, for as long as anybody
    /// has it.
    ///
    /// # Errors
    /// If there is not so much.
    pub fn count_map(self: &Arc<Store>, file: &LargeFile) -> Result<(), WhySkip> {
        let bytes = file.uncounted_bytes();
        if bytes > 0 {
            let mut reserved = Reservation::new(self.clone());
            reserved.add(bytes)?;
            file.count_by(reserved);
        }
        Ok(())
    }

    /// Claims the first gap of a body that begins within a range and that nobody fills yet, as far as
    /// `until`; nothing if there is none.
    ///
    /// # Errors
    /// If there is no room for it in `in_flight_bytes`.
    pub fn fill_gap(
        self: &Arc<Store>,
        file: &Arc<LargeFile>,
        range: Range<u64>,
        until: u64,
    ) -> Result<Option<GapWriter>, WhySkip> {
        let Some(disk) = self.disk() else { return Ok(None) };
        let Some(slices) = disk.fill_gap(file, range, until) else { return Ok(None) };
        let mut reserved = Reservation::new(self.clone());
        reserved.add(GAP_BYTES)?;
        Ok(Some(GapWriter { slices, _reserved: reserved }))
    }
}

impl GapWriter {
    /// Which bytes it is for.
    pub fn range(&self) -> Range<u64> {
        self.slices.range()
    }

    /// Lets what comes belong to an offset of its range, where it begins later than that.
    pub fn start_at(&mut self, offset: u64) {
        self.slices.start_at(offset);
    }

    /// Says what those hear who wait for what does not come; that it failed, if nothing is said.
    pub fn set_fate(&mut self, fate: Fate) {
        self.slices.set_fate(fate);
    }

    /// Waits until nobody reads the body.
    pub fn is_left(&self) -> impl Future<Output = ()> + use<> {
        let left = self.slices.is_left();
        async move {
            if let Some(left) = left {
                left.await;
            }
        }
    }

    /// How many bytes it still lacks.
    pub fn missing(&self) -> u64 {
        self.slices.range().end.saturating_sub(self.slices.next())
    }

    /// Takes nothing from an offset on.
    pub fn end_at(&mut self, offset: u64) {
        self.slices.end_at(offset);
    }

    /// Takes all up to the end of the body, since it comes anyway.
    pub fn widen(&mut self) {
        self.slices.widen();
    }

    /// Whether all that it is for has come.
    pub fn is_full(&self) -> bool {
        self.slices.is_full()
    }

    /// Takes the next piece, from where it starts on; what lies behind it is left out. Waits
    /// for the disk when a slice is full.
    ///
    /// # Errors
    /// If the disk fails or has no room, or the body was given up.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), WhySkip> {
        self.slices.write(piece).await.map_err(|_| WhySkip::Disk)
    }

    /// Writes what it still holds.
    ///
    /// # Errors
    /// As for [`GapWriter::write`].
    pub async fn finish(mut self) -> Result<(), WhySkip> {
        self.slices.flush().await.map_err(|_| WhySkip::Disk)
    }
}
