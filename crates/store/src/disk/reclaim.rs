//! Making room: segments are given up whole, and what of them is still of use is carried over.
//!
//! The victim is a segment of which three quarters are dead, else the oldest. Of the oldest only
//! what was used of late is carried, at most half a segment. Of another all that counts is carried,
//! its Forgets too, since what it says may keep older records from coming back.

use super::batch::Change;
use super::contents::Entry;
use super::format::SEGMENTS;
use super::held::{Held, held, held_at, of_url, updates_of_url};
use super::look::{Loaded, LoadedBody};
use super::record::{Content, Kind, Record};
use super::scan::contents;
use super::segments::{Segment, index_name, segment_name};
use super::stats::count;
use super::worker::Worker;
use policy::meta_code;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many records of a victim are looked at in one go.
const STEP: usize = 4096;
/// How many bytes are carried in one go, about.
const STEP_BYTES: u64 = 1 << 20;
/// After so many bytes the free space is looked at again.
pub(crate) const LOOK_BYTES: u64 = 8 << 20;

/// A victim that is being given up.
pub(crate) struct Reclaim {
    victim: Arc<Segment>,
    entries: Vec<Entry>,
    /// The next of them.
    at: usize,
    /// Bytes that may still be carried.
    left: u64,
    is_oldest: bool,
    /// What refers to the victim from elsewhere, or has a large file, and goes with it.
    orphans: Vec<Held>,
}

/// Whether there was room to carry a record.
enum Carried {
    Done,
    NoRoom,
}

impl Worker {
    /// Bytes of the segment being written that are kept for what is carried.
    pub fn reserved(&self) -> u64 {
        self.reclaim.as_ref().map_or(0, |reclaim| reclaim.left)
    }

    /// Does some of the reclaiming that is under way.
    pub fn reclaim_some(&mut self) {
        if self.reclaim.is_some()
            && let Err(error) = self.step()
        {
            self.fail(&error);
        }
    }

    /// Ends the reclaiming that is under way.
    pub fn end_reclaim(&mut self) -> io::Result<()> {
        while self.reclaim.is_some() {
            self.step()?;
        }
        Ok(())
    }

    /// Ends the segment that is being written, and begins the next.
    pub fn roll(&mut self) -> io::Result<()> {
        let capacity = self.shared.settings.segment_bytes;
        self.give_up_until(capacity)?;
        let shared = self.shared.clone();
        self.log.roll(&shared)?;
        self.begin_reclaim()
    }

    /// Gives up what does not fit the bound any more.
    pub fn keep_bound(&mut self) -> io::Result<()> {
        self.give_up_until(self.log.to_come())?;
        self.begin_reclaim()
    }

    /// Looks at the free space of the file system now and then.
    pub fn watch_free_space(&mut self) -> io::Result<()> {
        let written = self.shared.counts.bytes_written.load(Ordering::Relaxed);
        if written / LOOK_BYTES == self.looked_at {
            return Ok(());
        }
        self.looked_at = written / LOOK_BYTES;
        self.give_up_until(LOOK_BYTES.min(self.log.to_come()))
    }

    /// Gives up the oldest segments, without carrying, until so many bytes may be added.
    fn give_up_until(&mut self, more: u64) -> io::Result<()> {
        if !self.could_fit(more)? {
            // Others have filled the file system: to give all up would not help.
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the file system has no room"));
        }
        while !self.fits(more)? {
            let oldest = self.sealed().into_iter().next();
            if self.give_up_large_before(oldest.as_deref())? {
                continue;
            }
            let Some(victim) = oldest else {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "no room is left"));
            };
            if self.reclaim.as_ref().is_some_and(|r| Arc::ptr_eq(&r.victim, &victim)) {
                self.reclaim = None;
                self.flush()?;
            }
            self.drop_segment(&victim)?;
        }
        Ok(())
    }

    /// Makes room for a large file.
    pub fn make_large_room(&mut self, bytes: u64) -> io::Result<()> {
        self.give_up_until(bytes + self.log.to_come())?;
        self.shared.large.take_room(bytes);
        Ok(())
    }

    /// Gives up the oldest large file, or spares it if it was used of late, if it is older than
    /// a segment. Says whether there is one.
    fn give_up_large_before(&self, segment: Option<&Segment>) -> io::Result<bool> {
        let shared = &self.shared;
        let Some(oldest) = shared.large.oldest() else { return Ok(false) };
        if segment.is_some_and(|segment| segment.max_seq.load(Ordering::Relaxed) < oldest.age) {
            return Ok(false);
        }
        let is_it = |held: &Held| {
            let body = held.loaded.as_ref().map(|loaded| &loaded.body);
            matches!(body, Some(LoadedBody::File { number, .. }) if *number == oldest.number)
        };
        match of_url(shared, oldest.url).into_iter().find(is_it) {
            // What is in use elsewhere is spared once: nobody can tell for how long it will be.
            Some(held)
                if held.slot.uses() > 0 || (oldest.is_first_time() && held.is_used(shared)) =>
            {
                shared.index.shard(oldest.url).lower_use(held.slot);
                shared.large.spare(oldest.number, shared.next_seq());
                return Ok(true);
            }
            stands => {
                // Its record stays, and keeps older ones from coming back; the file first, so
                // that what is not in the index does not come back at a start.
                shared.remove_large(oldest.number)?;
                stands.iter().for_each(|held| held.remove(shared));
            }
        }
        Ok(true)
    }

    /// Whether so many bytes may be added.
    fn fits(&self, more: u64) -> io::Result<bool> {
        let settings = &self.shared.settings;
        let used = self.shared.segments.bytes().0 + self.shared.large.bytes();
        let free = self.shared.device.free_bytes()?;
        self.shared.counts.free_bytes.store(free, Ordering::Relaxed);
        let stays_free = free.saturating_sub(more) >= settings.min_free_bytes;
        Ok(used + more <= settings.size_bytes && stays_free)
    }

    /// Whether so many bytes could be added if all were given up.
    fn could_fit(&self, more: u64) -> io::Result<bool> {
        let settings = &self.shared.settings;
        let used = self.shared.segments.bytes().0 + self.shared.large.bytes();
        let free = self.shared.device.free_bytes()?;
        Ok(free.saturating_add(used) >= settings.min_free_bytes.saturating_add(more))
    }

    /// Begins to give up a victim if the next segment would not fit.
    fn begin_reclaim(&mut self) -> io::Result<()> {
        let capacity = self.shared.settings.segment_bytes;
        if self.reclaim.is_some() || self.fits(self.log.to_come() + capacity)? {
            return Ok(());
        }
        let sealed = self.sealed();
        while self.give_up_large_before(sealed.first().map(|oldest| &**oldest))? {
            if self.fits(self.log.to_come() + capacity)? {
                return Ok(());
            }
        }
        let Some(oldest) = sealed.first() else { return Ok(()) };
        let mostly_dead = sealed.iter().find(|segment| segment.is_mostly_dead());
        let victim = mostly_dead.unwrap_or(oldest).clone();
        let is_oldest = Arc::ptr_eq(&victim, oldest);
        let entries = contents(&self.shared, &victim)?.0.iter().collect();
        let left = capacity / 2;
        self.reclaim =
            Some(Reclaim { victim, entries, at: 0, left, is_oldest, orphans: Vec::new() });
        Ok(())
    }

    fn is_in_table(&self, segment: &Arc<Segment>) -> bool {
        let there = self.shared.segments.at(segment.slot);
        there.is_some_and(|there| Arc::ptr_eq(&there, segment))
    }

    fn sealed(&self) -> Vec<Arc<Segment>> {
        let active = self.log.segment().uid;
        self.shared.segments.all().into_iter().filter(|segment| segment.uid != active).collect()
    }

    fn step(&mut self) -> io::Result<()> {
        let Some(mut reclaim) = self.reclaim.take() else { return Ok(()) };
        let (until, left) = (reclaim.at + STEP, reclaim.left.saturating_sub(STEP_BYTES));
        while reclaim.at < reclaim.entries.len().min(until) && reclaim.left >= left {
            let entry = reclaim.entries[reclaim.at];
            if let Carried::NoRoom = self.carry(&mut reclaim, &entry)? {
                // More is alive than was thought: it is not worth it.
                self.flush()?;
                reclaim.victim.dead.store(0, Ordering::Relaxed);
                return Ok(());
            }
            reclaim.at += 1;
        }
        self.flush()?;
        if !self.is_in_table(&reclaim.victim) {
            // It was given up meanwhile, to keep space free.
            return self.begin_reclaim();
        }
        if reclaim.at < reclaim.entries.len() {
            self.reclaim = Some(reclaim);
            return Ok(());
        }
        if !reclaim.is_oldest {
            // What was carried may keep older records from coming back.
            self.log.sync()?;
        }
        self.drop_segment(&reclaim.victim)?;
        reclaim.orphans.iter().for_each(|orphan| orphan.give_up(&self.shared));
        self.begin_reclaim()
    }

    /// Carries what a record of the victim is still good for.
    fn carry(&mut self, reclaim: &mut Reclaim, entry: &Entry) -> io::Result<Carried> {
        if self.batch.has_url(entry.url) {
            self.flush()?;
        }
        if entry.kind == Kind::Forget {
            return Ok(self.carry_forget(reclaim, entry));
        }
        let stand_for = self.stand_for(reclaim, entry);
        if stand_for.is_empty() && !reclaim.is_oldest {
            // If its body was given up or lost, it may still keep older ones from coming back.
            return Ok(self.carry_forget(reclaim, entry));
        }
        for stored in stand_for {
            let keeps = !reclaim.is_oldest || stored.is_used(&self.shared);
            let Some(carried) = self.append_copy(reclaim, &stored, keeps) else {
                return Ok(Carried::NoRoom);
            };
            if carried {
                // Another may stand for the same record only by chance of hashes.
                self.flush()?;
            } else if stored.slot.lies().segment != reclaim.victim.slot
                || stored.slot.lies().is_large
            {
                reclaim.orphans.push(stored);
            }
        }
        Ok(Carried::Done)
    }

    /// The slots that a record of the victim counts for: its own, or that of an Update which
    /// stands for its body.
    fn stand_for(&self, reclaim: &Reclaim, entry: &Entry) -> Vec<Held> {
        let (shared, victim) = (&self.shared, &reclaim.victim);
        let mut stand = held_at(shared, entry.url, victim, entry.offset);
        if entry.kind == Kind::Full {
            let mut updates = updates_of_url(shared, entry.url);
            updates.retain(|update| {
                let body = update.loaded.as_ref().map(|loaded| &loaded.body);
                let is_here = |place: super::record::Place| {
                    place.uid == victim.uid && place.offset == entry.offset
                };
                matches!(body, Some(LoadedBody::Elsewhere(target)) if is_here(target.place))
            });
            stand.extend(updates);
        }
        stand
    }

    /// Copies a response to the end of the log, if it is worth it: an Update with its body as
    /// one. Says whether; nothing if there is no room though there must be.
    fn append_copy(&mut self, reclaim: &mut Reclaim, stored: &Held, keeps: bool) -> Option<bool> {
        let Some(loaded) = stored.loaded.clone().filter(|_| keeps) else { return Some(false) };
        let body = super::look::body_of(&self.shared, &loaded, true);
        let content = match (&loaded.body, &body) {
            (LoadedBody::File { number, bytes }, _) => {
                Content::Large { meta: &loaded.meta, file: *number, bytes: *bytes }
            }
            (_, Ok(super::op::DiskBody::Whole(body))) => Content::Full { meta: &loaded.meta, body },
            _ => return Some(false),
        };
        let record = Record {
            seq: loaded.seq,
            url: loaded.url,
            identity: loaded.identity,
            must_validate: loaded.must_validate || stored.slot.must_validate(),
            key: &loaded.key,
            content,
        };
        let length = super::record::aligned(record.length());
        let fits = length <= super::record::MAX_RECORD
            && reclaim.left >= length as u64
            && self.log.has_room(&self.batch, length, 0);
        if !fits {
            return reclaim.is_oldest.then_some(false);
        }
        reclaim.left -= length as u64;
        count(&self.shared.counts.carried_bytes, length as u64);
        let uses = Some(stored.slot.uses().saturating_sub(1));
        let change =
            Change::Replace { old: stored.clone(), others: Vec::new(), keeps_mark: true, uses };
        self.append(&record, change, None);
        Some(true)
    }

    fn carry_forget(&mut self, reclaim: &mut Reclaim, entry: &Entry) -> Carried {
        if reclaim.is_oldest {
            return Carried::Done;
        }
        let length = entry.length as usize;
        if !self.log.has_room(&self.batch, length, 0) || reclaim.left < length as u64 {
            return Carried::NoRoom;
        }
        let forget = super::look::load_at(&self.shared, &reclaim.victim, entry);
        let Some(forget) = forget else { return Carried::Done };
        let Some(variant) = variant_of(&forget) else { return Carried::Done };
        if !held(&self.shared, forget.url, &forget.key, forget.identity).is_empty() {
            // Something newer stands.
            return Carried::Done;
        }
        reclaim.left -= length as u64;
        let content = Content::Forget { variant: &variant };
        let record = Record {
            seq: forget.seq,
            url: forget.url,
            identity: forget.identity,
            must_validate: false,
            key: &forget.key,
            content,
        };
        self.append(&record, Change::Remove(Vec::new()), None);
        Carried::Done
    }

    fn drop_segment(&mut self, victim: &Segment) -> io::Result<()> {
        let shared = &self.shared;
        let list = shared.device.remove(&index_name(victim.uid));
        list.or_else(super::shared::not_there)?;
        shared.device.remove(&segment_name(victim.uid))?;
        // Not before the file is gone: what is not in the index must not come back at a start.
        shared.index.sweep(victim.slot);
        shared.segments.remove(victim.slot);
        count(&shared.counts.reclaimed_segments, 1);
        shared.device.sync_folder(SEGMENTS)
    }
}

/// The code of the variant that a record is of.
fn variant_of(loaded: &Loaded) -> Option<Vec<u8>> {
    if let LoadedBody::None = loaded.body {
        return Some(loaded.meta.to_vec());
    }
    let meta = meta_code::decode(&loaded.meta).ok()?;
    let mut code = Vec::new();
    meta_code::encode_variant(&meta.variant, &mut code);
    Some(code)
}
