//! The scope table: which URLs were made invalid, and when (RFC 9111 §4.4, design §4).
//!
//! There is one slot for each URL that is stored or on its way, and none for any other, so
//! strangers cannot make the table grow. Making a URL invalid overwrites its slot with the next
//! value of a volatile counter; a fill notes the counter when its request leaves, and what left
//! before the slot's value must be validated before use.

use hashbrown::HashMap;
use policy::purge::Born;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// The table. Shared by all that hold a [`Departure`].
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    count: AtomicU64,
    shards: [Mutex<HashMap<u64, Slot, foldhash::fast::FixedState>>; SHARDS],
}

#[derive(Debug, Default)]
struct Slot {
    /// How many entries and departures refer to the URL.
    references: u32,
    /// The count at which it was last made invalid; 0: never.
    invalid_at: u64,
}

/// A request on its way to the origin: what comes back was asked for at this point.
#[derive(Debug)]
pub struct Departure {
    scopes: Arc<Scopes>,
    born: Born,
    url: u64,
    count: u64,
}

impl Scopes {
    /// The value of the counter.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Makes a URL invalid, if it is stored or on its way.
    pub fn invalidate(&self, url: u64) -> bool {
        let mut shard = self.shard(url);
        let Some(slot) = shard.get_mut(&url) else { return false };
        slot.invalid_at = self.count.fetch_add(1, Ordering::AcqRel) + 1;
        true
    }

    /// When the URL was last made invalid; 0: never.
    pub fn invalid_at(&self, url: u64) -> u64 {
        self.shard(url).get(&url).map_or(0, |slot| slot.invalid_at)
    }

    /// Notes that one more entry or departure refers to the URL.
    pub fn refer(&self, url: u64) {
        self.shard(url).entry(url).or_default().references += 1;
    }

    /// Notes that one refers to it no more; the last takes the slot away.
    pub fn release(&self, url: u64) {
        let mut shard = self.shard(url);
        if let Some(slot) = shard.get_mut(&url) {
            slot.references -= 1;
            if slot.references == 0 {
                shard.remove(&url);
            }
        }
    }

    /// Notes that a request for the URL leaves now.
    pub fn depart(self: &Arc<Scopes>, url: u64, born: Born) -> Departure {
        self.refer(url);
        // The slot stands before the counter is read: what is made invalid from now on is
        // seen, and has a greater count.
        Departure { scopes: self.clone(), born, url, count: self.count() }
    }

    fn shard(&self, url: u64) -> MutexGuard<'_, HashMap<u64, Slot, foldhash::fast::FixedState>> {
        let shard = &self.shards[(url >> 32) as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| s.lock().map_or(0, |s| s.len())).sum()
    }
}

impl Departure {
    /// The head of the purge log when the request left.
    pub fn born(&self) -> Born {
        self.born
    }

    /// The counter when the request left.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The hash of its URL scope.
    pub(crate) fn url(&self) -> u64 {
        self.url
    }

    /// Whether its URL was made invalid since it left: nobody who asks now may join it.
    pub fn is_overtaken(&self) -> bool {
        self.scopes.count() != self.count && self.scopes.invalid_at(self.url) > self.count
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.scopes.release(self.url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_stored_or_on_its_way_has_a_slot() {
        let scopes = Arc::new(Scopes::default());
        assert!(!scopes.invalidate(1), "strangers make no slots");
        let departure = scopes.depart(1, Born::default());
        assert!(scopes.invalidate(1));
        assert!(departure.is_overtaken());
        let next = scopes.depart(1, Born::default());
        assert!(!next.is_overtaken());
        drop(departure);
        assert_eq!(scopes.len(), 1);
        drop(next);
        assert_eq!(scopes.len(), 0);
    }
}
