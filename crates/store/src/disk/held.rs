//! Slots with their records, as the thread that writes looks for them.

use super::index::Slot;
use super::look::{Loaded, LoadedBody, load_slot};
use super::record::aligned;
use super::segments::Segment;
use super::shared::Shared;
use std::sync::Arc;

/// A slot and its record.
#[derive(Clone)]
pub(crate) struct Held {
    pub url: u64,
    pub slot: Slot,
    pub segment: Arc<Segment>,
    /// Nothing if it cannot be read.
    pub loaded: Option<Arc<Loaded>>,
}

/// The slots that stand for a key and variant, and those that cannot be read and might.
pub(crate) fn held(shared: &Shared, url: u64, key: &[u8], identity: u64) -> Vec<Held> {
    let slots = slots(shared, url, |slot| slot.may_be(identity));
    let is_it = |found: &Held| {
        let same = |loaded: &Arc<Loaded>| loaded.identity == identity && loaded.key == key;
        found.loaded.as_ref().is_none_or(same)
    };
    slots.into_iter().map(|slot| read(shared, url, slot)).filter(is_it).collect()
}

/// The slots whose record lies in that place.
pub(crate) fn held_at(shared: &Shared, url: u64, segment: &Arc<Segment>, offset: u32) -> Vec<Held> {
    let is_there = |slot: Slot| slot.lies().segment == segment.slot && slot.lies().offset == offset;
    let slots = slots(shared, url, is_there);
    slots.into_iter().map(|slot| read(shared, url, slot)).collect()
}

/// All slots of a URL, and by chance those of another.
pub(crate) fn of_url(shared: &Shared, url: u64) -> Vec<Held> {
    slots(shared, url, |_| true).into_iter().map(|slot| read(shared, url, slot)).collect()
}

/// The slots of a URL that are Updates, with their records.
pub(crate) fn updates_of_url(shared: &Shared, url: u64) -> Vec<Held> {
    let slots = slots(shared, url, |slot| slot.lies().is_update);
    slots.into_iter().map(|slot| read(shared, url, slot)).collect()
}

fn slots(shared: &Shared, url: u64, fits: impl Fn(Slot) -> bool) -> Vec<(Slot, Arc<Segment>)> {
    let shard = shared.index.shard(url);
    let of_slot = |slot: Slot| Some((slot, shared.segments.at(slot.lies().segment)?));
    shard.of_url(url).filter(|slot| fits(*slot)).filter_map(of_slot).collect()
}

fn read(shared: &Shared, url: u64, (slot, segment): (Slot, Arc<Segment>)) -> Held {
    let loaded = load_slot(shared, slot, &segment, true).ok().map(Arc::new);
    Held { url, slot, segment, loaded }
}

impl Held {
    /// Whether it was used of late, or is in use in another tier.
    pub fn is_used(&self, shared: &Shared) -> bool {
        let in_use = |loaded: &Arc<Loaded>| shared.is_in_use(&loaded.key);
        self.slot.uses() > 0 || self.loaded.as_ref().is_some_and(in_use)
    }

    /// Takes it out of the index, its body too.
    pub fn remove(&self, shared: &Shared) {
        if shared.index.shard(self.url).remove(self.slot).is_some() {
            self.bury(shared);
        }
    }

    /// Takes it out of the index if it is still there, and its file away.
    pub fn give_up(&self, shared: &Shared) {
        shared.index.shard(self.url).remove(self.slot);
        self.bury(shared);
    }

    /// Counts its bytes as dead, and those of its body.
    pub fn bury(&self, shared: &Shared) {
        self.bury_record();
        match self.loaded.as_ref().map(|loaded| &loaded.body) {
            Some(LoadedBody::Elsewhere(target)) => {
                if let Some(segment) = shared.segments.of_uid(target.place.uid) {
                    segment.bury(aligned(target.length as usize) as u64);
                }
            }
            Some(LoadedBody::File { number, .. }) => {
                // What cannot be removed now is given up by its age.
                let _ = shared.remove_large(*number);
            }
            Some(LoadedBody::Here(_) | LoadedBody::None) | None => {}
        }
    }

    /// Counts the bytes of its record as dead, but not its body's elsewhere.
    pub fn bury_record(&self) {
        self.segment.bury(self.slot.lies().length.into());
    }
}
