//! The index: where each stored response lies, by the hash of its URL scope, and what waits to be
//! written.
//!
//! All keys and variants of one URL share a hash, so whoever makes an URL invalid finds them all.
//! A slot takes twelve bytes, and the table at most 30 bytes an object at any fill level. It tells
//! nothing for sure: the key is verified in the record. What waits stands in the same shard, under
//! the same lock, so that a look sees either the one or the other.

use super::op::{Act, Op};
use super::record::ALIGN;
use hashbrown::{HashMap, HashTable};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 256;
/// The most uses that a slot counts.
const MAX_USES: u8 = 3;

const UPDATE: u64 = 1 << 12;
const LARGE: u64 = 1 << 11;
const MUST_VALIDATE: u64 = 1 << 10;
const USES_SHIFT: u32 = 8;
const USES: u64 = 3 << USES_SHIFT;
/// What does not change while a slot stands for the same record.
const FIXED: u64 = !(MUST_VALIDATE | USES);

/// One stored response: 32 bits of the URL's hash beside those of the shard; then, from the
/// highest bit: 16 of the segment's slot, 23 of offset / 32, 12 of length / 32, one each of update,
/// large and must-validate, two of uses, eight of the hash of key and variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot([u32; 3]);

/// Where a record lies, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lies {
    /// The slot of its segment.
    pub segment: u16,
    /// Its first byte.
    pub offset: u32,
    /// Its length with filling.
    pub length: u32,
    /// It is an Update.
    pub is_update: bool,
    /// It is a Large.
    pub is_large: bool,
}

impl Slot {
    /// A slot that was not used yet.
    pub fn new(url: u64, identity: u64, lies: Lies) -> Slot {
        let flag = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        let align = ALIGN as u64;
        let place = u64::from(lies.segment) << 48
            | (u64::from(lies.offset) / align) << 25
            | (u64::from(lies.length) / align) << 13
            | flag(lies.is_update, UPDATE)
            | flag(lies.is_large, LARGE)
            | u64::from(identity as u8);
        Slot([url as u32, (place >> 32) as u32, place as u32])
    }

    fn place(self) -> u64 {
        u64::from(self.0[1]) << 32 | u64::from(self.0[2])
    }

    fn with_place(self, place: u64) -> Slot {
        Slot([self.0[0], (place >> 32) as u32, place as u32])
    }

    /// Where its record lies.
    pub fn lies(self) -> Lies {
        let (place, align) = (self.place(), ALIGN as u32);
        Lies {
            segment: (place >> 48) as u16,
            offset: (place >> 25) as u32 % (1 << 23) * align,
            length: (place >> 13) as u32 % (1 << 12) * align,
            is_update: place & UPDATE != 0,
            is_large: place & LARGE != 0,
        }
    }

    /// Whether it can be of that key and variant.
    pub fn may_be(self, identity: u64) -> bool {
        self.place() as u8 == identity as u8
    }

    /// Whether what it stands for must be validated before use.
    pub fn must_validate(self) -> bool {
        self.place() & MUST_VALIDATE != 0
    }

    /// How often it was used of late.
    pub fn uses(self) -> u8 {
        ((self.place() & USES) >> USES_SHIFT) as u8
    }

    /// The same with that mark.
    pub fn with_must_validate(self, must_validate: bool) -> Slot {
        let place = self.place() & !MUST_VALIDATE;
        self.with_place(if must_validate { place | MUST_VALIDATE } else { place })
    }

    /// The same with that count of uses.
    pub fn with_uses(self, uses: u8) -> Slot {
        let uses = u64::from(uses.min(MAX_USES)) << USES_SHIFT;
        self.with_place(self.place() & !USES | uses)
    }

    fn is_same(self, other: Slot) -> bool {
        self.0[0] == other.0[0] && self.place() & FIXED == other.place() & FIXED
    }

    fn hash(self) -> u64 {
        table_hash(self.0[0])
    }
}

/// Spreads the 32 bits that a slot has over all that the table looks at.
fn table_hash(bits: u32) -> u64 {
    u64::from(bits).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// All slots, and all that waits.
#[derive(Debug)]
pub(crate) struct Index {
    shards: Box<[Mutex<Shard>]>,
}

/// The place of a URL in the order of all that is stored, by the hash of its scope.
pub(crate) fn place(url: u64) -> u64 {
    (url >> 56) << 32 | u64::from(url as u32)
}

/// The part of the index for some URLs.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// Which of the shards it is.
    number: u64,
    slots: HashTable<Slot>,
    waiting: HashMap<u64, Vec<Arc<Op>>, foldhash::fast::FixedState>,
}

impl Index {
    /// An empty index.
    pub fn new() -> Index {
        Index {
            shards: (0..SHARDS as u64)
                .map(|number| Mutex::new(Shard { number, ..Shard::default() }))
                .collect(),
        }
    }

    /// The shard of a URL, locked.
    pub fn shard(&self, url: u64) -> MutexGuard<'_, Shard> {
        lock(&self.shards[(url >> 56) as usize % SHARDS])
    }

    /// The oldest birth in that purge log of what waits to be written.
    pub fn least_waiting(&self, log: u64) -> Option<u64> {
        let of_op = |op: &Arc<Op>| match &op.act {
            Act::Put { meta, .. } | Act::Update { meta, .. } => Some(meta.born),
            Act::Forget { .. } | Act::Invalidate | Act::MakeRoom { .. } => None,
        };
        let of_shard = |shard: &Mutex<Shard>| {
            let shard = lock(shard);
            let born = shard.waiting.values().flatten().filter_map(of_op);
            born.filter(|born| born.log_id == log).map(|born| born.seq).min()
        };
        self.shards.iter().filter_map(of_shard).min()
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).slots.len()).sum()
    }

    /// The places at which anything is stored or waits, from one on: in order, each once. A place
    /// stands for a URL, and by chance for another beside it; it stays what it is whatever comes and
    /// goes. Each shard is locked once, when it is come to.
    pub fn places(&self, from: u64) -> impl Iterator<Item = u64> {
        let first = (from >> 32) as usize;
        self.shards.iter().skip(first).flat_map(move |shard| {
            let mut places: Vec<u64> = {
                let shard = lock(shard);
                let number = shard.number << 32;
                let stored = shard.slots.iter().map(|slot| number | u64::from(slot.0[0]));
                stored.chain(shard.waiting.keys().map(|url| place(*url))).collect()
            };
            places.retain(|at| *at >= from);
            places.sort_unstable();
            places.dedup();
            places
        })
    }

    /// The shard of a place, locked.
    pub fn shard_at(&self, place: u64) -> MutexGuard<'_, Shard> {
        lock(&self.shards[(place >> 32) as usize % SHARDS])
    }

    /// Takes out all slots of a segment, and says how many there were.
    pub fn sweep(&self, segment: u16) -> usize {
        let mut swept = 0;
        for shard in &self.shards {
            let mut shard = lock(shard);
            let before = shard.slots.len();
            shard.slots.retain(|slot| slot.lies().segment != segment);
            swept += before - shard.slots.len();
        }
        swept
    }

    /// Bytes that the table holds in memory.
    pub fn footprint(&self) -> usize {
        let slots = |shard: &Mutex<Shard>| lock(shard).slots.allocation_size();
        self.shards.iter().map(slots).sum::<usize>() + SHARDS * size_of::<Mutex<Shard>>()
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// The slots of a URL, and by chance those of another.
    pub fn of_url(&self, url: u64) -> impl Iterator<Item = Slot> {
        let bits = url as u32;
        self.slots.iter_hash(table_hash(bits)).copied().filter(move |slot| slot.0[0] == bits)
    }

    /// The slots at a place, and what waits there, in order.
    pub fn at(&self, at: u64) -> (Vec<Slot>, Vec<Arc<Op>>) {
        let waiting = self.waiting.iter().filter(|(url, _)| place(**url) == at);
        let waiting = waiting.flat_map(|(_, ops)| ops.iter().cloned()).collect();
        (self.of_url(at).collect(), waiting)
    }

    /// Changes the slots of a URL, but not where they lie.
    pub fn change_url(&mut self, url: u64, change: impl Fn(Slot) -> Slot) {
        let bits = url as u32;
        for slot in self.slots.iter_hash_mut(table_hash(bits)).filter(|slot| slot.0[0] == bits) {
            *slot = change(*slot);
        }
    }

    /// Counts one more use of all slots of a URL.
    pub fn count_use(&mut self, url: u64) {
        self.change_url(url, |slot| slot.with_uses(slot.uses() + 1));
    }

    /// Counts one use less of that record.
    pub fn lower_use(&mut self, slot: Slot) {
        if let Some(slot) = self.slots.find_mut(slot.hash(), |other| other.is_same(slot)) {
            *slot = slot.with_uses(slot.uses().saturating_sub(1));
        }
    }

    /// Adds a slot.
    pub fn insert(&mut self, slot: Slot) {
        self.slots.insert_unique(slot.hash(), slot, |slot| slot.hash());
    }

    /// Takes out the slot of that record, and gives it as it stood last.
    pub fn remove(&mut self, slot: Slot) -> Option<Slot> {
        let entry = self.slots.find_entry(slot.hash(), |other| other.is_same(slot)).ok()?;
        Some(entry.remove().0)
    }

    /// What waits to be written about a URL, in order.
    pub fn waiting(&self, url: u64) -> &[Arc<Op>] {
        if self.waiting.is_empty() {
            return &[];
        }
        self.waiting.get(&url).map_or(&[], Vec::as_slice)
    }

    /// Notes what waits to be written.
    pub fn wait(&mut self, op: Arc<Op>) {
        self.waiting.entry(op.url).or_default().push(op);
    }

    /// Notes that something waits no more.
    pub fn written(&mut self, op: &Arc<Op>) {
        let Some(list) = self.waiting.get_mut(&op.url) else { return };
        list.retain(|other| !Arc::ptr_eq(other, op));
        if list.is_empty() {
            self.waiting.remove(&op.url);
        }
    }

    /// Takes out all slots of a URL, and gives up what waits of it.
    pub fn drop_url(&mut self, url: u64) {
        let slots: Vec<Slot> = self.of_url(url).collect();
        for slot in slots {
            self.remove(slot);
        }
        for op in self.waiting.remove(&url).unwrap_or_default() {
            op.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIES: Lies = Lies {
        segment: 65_535,
        offset: (1 << 28) - 32,
        length: 131_040,
        is_update: true,
        is_large: false,
    };

    #[test]
    fn a_slot_keeps_all_that_it_is_told() {
        for lies in [
            LIES,
            Lies { segment: 0, offset: 0, length: 0, is_update: false, is_large: true },
            Lies { segment: 1, offset: 32, length: 64, is_update: false, is_large: false },
        ] {
            for (uses, must_validate) in [(0, true), (3, false), (2, true)] {
                let slot = Slot::new(u64::MAX, 0x1ab, lies);
                let slot = slot.with_uses(uses).with_must_validate(must_validate);
                assert_eq!((slot.lies(), slot.uses()), (lies, uses));
                assert_eq!(slot.must_validate(), must_validate);
                assert!(slot.may_be(0xab) && !slot.may_be(0xac));
            }
        }
    }

    #[test]
    fn marks_and_uses_do_not_hide_a_slot() {
        let index = Index::new();
        let slot = Slot::new(7, 1, LIES);
        let mut shard = index.shard(7);
        shard.insert(slot);
        shard.count_use(7);
        shard.change_url(7, |slot| slot.with_must_validate(true));
        let marked = slot.with_uses(1).with_must_validate(true);
        assert_eq!(shard.remove(slot), Some(marked));
        assert_eq!(shard.remove(slot), None);
    }

    #[test]
    fn an_object_takes_at_most_32_bytes_at_any_fill_level() {
        let index = Index::new();
        let mut most = 0.0_f64;
        for i in 0..1_000_000_u64 {
            let url = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ i.rotate_left(40);
            index.shard(url).insert(Slot::new(url, i, LIES));
            // Every fill level of the shards between half a million and a million objects.
            if i >= 400_000 && i % 2_000 == 0 {
                most = most.max(index.footprint() as f64 / (i + 1) as f64);
            }
        }
        assert!(most <= 32.0, "{most} bytes an object");
    }
}
