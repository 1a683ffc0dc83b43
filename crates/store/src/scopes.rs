//! The scope table: which URLs were made invalid, and when (RFC 9111 §4.4, design §4).
//!
//! There is one slot for each URL that is stored or on its way, and none for any other, so
//! strangers cannot make the table grow. Making a URL invalid overwrites its slot with the next
//! value of a volatile counter; a fill notes the counter when its request leaves, and what left
//! before the slot's value must be validated before use.

use crate::purge_log::PurgeLog;
use hashbrown::HashMap;
use policy::key::{Key, KeyRef};
use policy::meta::Meta;
use policy::purge::{Born, Subject, Verdict};
use policy::rule::SiteId;
use policy::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// The table. Shared by all that hold a [`Departure`].
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    count: AtomicU64,
    shards: [Mutex<HashMap<u64, Slot, foldhash::fast::FixedState>>; SHARDS],
    /// How many are on their way that left at each head of the purge log.
    births: Mutex<BTreeMap<u64, usize>>,
}

#[derive(Debug, Default)]
struct Slot {
    /// How many entries and departures refer to the URL.
    references: u32,
    /// The count at which it was last made invalid; 0: never.
    invalid_at: u64,
    /// How many of them are departures.
    departures: u32,
    /// What was stored of it while requests for it were under way; else empty.
    latest: Vec<Latest>,
}

/// A response that was stored: for which requests, when it was answered, and its body's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latest {
    /// The hash of its key and variant.
    pub identity: u64,
    /// Of an entry of an app, at which purge its value began to be worked out, which says more than
    /// when it came; else 0.
    pub begun: u64,
    /// When it was answered.
    pub answered: Timestamp,
    /// The number of its body.
    pub body: u64,
}

impl Latest {
    /// Whether it came later than another, which was made of what was answered at `basis`.
    fn is_later(self, other: Latest, basis: Timestamp) -> bool {
        let since = if self.body == other.body { other.answered } else { basis };
        // Of two in one millisecond that is the later whose body began to come later.
        (self.begun, self.answered, self.body) > (other.begun, since, other.body)
    }
}

/// Responses of one URL that are remembered so while requests for it are under way; of more the
/// oldest are forgotten.
const MOST_LATEST: usize = 64;

/// A request on its way to the origin: what comes back was asked for at this point.
#[derive(Debug)]
pub struct Departure {
    scopes: Arc<Scopes>,
    purges: Arc<PurgeLog>,
    born: Born,
    /// Its URL scope, and the hash of that.
    key: Key,
    site: SiteId,
    url: u64,
    count: u64,
}

impl Scopes {
    /// Bytes of one place of the table.
    pub const PLACE_BYTES: usize = size_of::<(u64, Slot)>() + 1;

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
    pub fn depart(
        self: &Arc<Scopes>,
        (url, key): (u64, KeyRef<'_>),
        site: SiteId,
        purges: &Arc<PurgeLog>,
    ) -> Departure {
        let mut shard = self.shard(url);
        let slot = shard.entry(url).or_default();
        (slot.references, slot.departures) = (slot.references + 1, slot.departures + 1);
        drop(shard);
        // The slot stands before the counter is read: what is made invalid from now on is
        // seen, and has a greater count.
        let count = self.count();
        let born = {
            let mut births = self.births.lock().unwrap_or_else(PoisonError::into_inner);
            let born = purges.born();
            *births.entry(born.seq).or_default() += 1;
            born
        };
        let (scopes, purges) = (self.clone(), purges.clone());
        Departure { scopes, purges, born, key: key.to_key(), site, url, count }
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

impl Scopes {
    /// The oldest birth of what is on its way.
    pub fn least_born(&self) -> Option<u64> {
        let births = self.births.lock().unwrap_or_else(PoisonError::into_inner);
        births.first_key_value().map(|(seq, _)| *seq)
    }

    fn note_birth(&self, seq: u64) {
        let mut births = self.births.lock().unwrap_or_else(PoisonError::into_inner);
        *births.entry(seq).or_default() += 1;
    }

    fn forget_birth(&self, seq: u64) {
        let mut births = self.births.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = births.get_mut(&seq) {
            *count -= 1;
            if *count == 0 {
                births.remove(&seq);
            }
        }
    }
}

impl Departure {
    /// The same, of what began to be worked out when the log stood there. Nothing if it never stood
    /// there as far as is known: it is of another log, or ahead of this one.
    pub fn since(mut self, born: Born) -> Option<Departure> {
        if born.log_id != self.born.log_id || born.seq > self.born.seq {
            return None;
        }
        // The older first: in between neither is forgotten.
        self.scopes.note_birth(born.seq);
        self.scopes.forget_birth(self.born.seq);
        self.born = born;
        Some(self)
    }

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

    /// Whether a response may be stored now, or what stands in its way came later. `basis` is when
    /// that was answered which it was made of: its own request, or the stored response that it
    /// confirms. Whichever tier has what came later, if any still has it: it came while this request
    /// was under way, or it was there for it to see.
    pub(crate) fn may_store(&self, new: Latest, basis: Timestamp) -> bool {
        let mut shard = self.scopes.shard(self.url);
        // The slot stands as long as the departure does.
        let Some(slot) = shard.get_mut(&self.url) else { return true };
        let known = slot.latest.iter_mut().find(|latest| latest.identity == new.identity);
        match known {
            Some(known) => {
                if known.is_later(new, basis) {
                    return false;
                }
                *known = new;
            }
            None => {
                if slot.latest.len() >= MOST_LATEST {
                    slot.latest.remove(0);
                }
                slot.latest.push(new);
            }
        }
        true
    }

    /// Whether what was found on disk may be shown, or something else came later. It is not noted:
    /// it was when it came, and each who finds it anew gives its body another number, which would
    /// hide it from who confirms it meanwhile.
    pub(crate) fn may_rise(&self, found: Latest) -> bool {
        let shard = self.scopes.shard(self.url);
        let mut latest = shard.get(&self.url).into_iter().flat_map(|slot| &slot.latest);
        let known = latest.find(|latest| latest.identity == found.identity);
        known.is_none_or(|known| !known.is_later(found, found.answered))
    }

    /// Whether a purge that came since it left covers what it brings, as far as that is known.
    pub fn is_purged(&self, brings: Option<&Meta>) -> bool {
        if brings.is_some_and(|meta| meta.born.log_id != self.born.log_id) {
            // What was begun in another log counts as purged, and what is stored is all of this one.
            return true;
        }
        if self.head() == self.born.seq {
            return false;
        }
        let subject = match brings {
            Some(meta) => Subject::of(self.key.as_ref(), meta),
            None => Subject::new(self.key.as_ref().url(), self.site, &[], &[]),
        };
        self.purges.check(&subject, self.born, self.born.seq) != Verdict::Valid
    }

    /// The number of the newest purge now.
    pub fn head(&self) -> u64 {
        self.purges.head()
    }

    /// Whether its URL was made invalid since it left: nobody who asks now may join it.
    pub fn is_overtaken(&self) -> bool {
        self.scopes.count() != self.count && self.scopes.invalid_at(self.url) > self.count
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.scopes.forget_birth(self.born.seq);
        {
            let mut shard = self.scopes.shard(self.url);
            if let Some(slot) = shard.get_mut(&self.url) {
                slot.departures -= 1;
                if slot.departures == 0 {
                    slot.latest = Vec::new();
                }
            }
        }
        self.scopes.release(self.url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purge_log::Settings;

    fn a_key() -> Key {
        Key::from_bytes(b"http\0a.b\0/\0")
    }

    fn purges() -> Arc<PurgeLog> {
        Arc::new(PurgeLog::in_memory(Settings::default()))
    }

    #[test]
    fn what_was_answered_earlier_takes_no_place_of_what_came_meanwhile() {
        let scopes = Arc::new(Scopes::default());
        let (slow, quick) = (
            scopes.depart((1, a_key().as_ref()), SiteId(0), &purges()),
            scopes.depart((1, a_key().as_ref()), SiteId(0), &purges()),
        );
        let response =
            |identity, at, body| Latest { identity, begun: 0, answered: Timestamp(at), body };
        assert!(quick.may_store(response(7, 20, 2), Timestamp(20)));
        assert!(!slow.may_store(response(7, 10, 1), Timestamp(10)), "an older body");
        assert!(!slow.may_store(response(7, 30, 1), Timestamp(5)), "an older body, confirmed late");
        assert!(slow.may_store(response(8, 10, 3), Timestamp(10)), "for other requests");
        assert!(slow.may_store(response(7, 30, 2), Timestamp(20)), "the same body, confirmed");
        assert!(!quick.may_store(response(7, 25, 2), Timestamp(20)), "confirmed earlier");
        assert!(!quick.may_rise(response(7, 20, 3)), "read before that was confirmed");
        assert!(quick.may_rise(response(7, 30, 3)), "the same, found anew");
        assert!(quick.may_store(response(7, 40, 2), Timestamp(30)), "which takes nobody's place");
        drop((slow, quick));
        assert_eq!(scopes.len(), 0);
    }

    #[test]
    fn only_what_is_stored_or_on_its_way_has_a_slot() {
        let scopes = Arc::new(Scopes::default());
        assert!(!scopes.invalidate(1), "strangers make no slots");
        let departure = scopes.depart((1, a_key().as_ref()), SiteId(0), &purges());
        assert!(scopes.invalidate(1));
        assert!(departure.is_overtaken());
        let next = scopes.depart((1, a_key().as_ref()), SiteId(0), &purges());
        assert!(!next.is_overtaken());
        drop(departure);
        assert_eq!(scopes.len(), 1);
        drop(next);
        assert_eq!(scopes.len(), 0);
    }
}
