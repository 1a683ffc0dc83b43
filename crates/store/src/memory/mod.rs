//! The memory tier: a sharded table of keys, and a policy that says what to give up for room.
//!
//! A lookup locks one shard and nothing else. An insertion locks its shard, then the policy,
//! then the shards of the victims, never two at once, and drops victims outside of all locks.

mod eviction;
mod residents;

use crate::cost::block;
use crate::door::{Limits, Lookup};
use crate::entries::begun_at;
use crate::entry::{Entry, Made};
use crate::scopes::Scopes;
use eviction::{Eviction, Slot};
use hashbrown::HashTable;
use policy::coding::Coding;
use policy::fields::Fields;
use policy::key::{Key, KeyRef};
use policy::meta::Meta;
pub(crate) use residents::Residents;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

#[derive(Debug)]
pub(crate) struct Memory {
    shards: [Mutex<HashTable<Resident>>; SHARDS],
    eviction: Mutex<Eviction>,
    scopes: Arc<Scopes>,
    max_variants: usize,
}

/// All that is stored under one key, the newest first.
#[derive(Debug)]
struct Resident {
    hash: u64,
    /// The hash of its URL scope, here so that a list of all is made without a look elsewhere.
    url: u64,
    key: Key,
    variants: Vec<Kept>,
}

/// One response and its place in the eviction policy.
#[derive(Debug)]
struct Kept {
    slot: Arc<Slot>,
    entry: Arc<Entry>,
}

impl Memory {
    pub fn new(limits: Limits, scopes: Arc<Scopes>) -> Memory {
        Memory {
            shards: Default::default(),
            eviction: Mutex::new(Eviction::new(limits.memory_bytes)),
            max_variants: limits.max_variants.max(1),
            scopes,
        }
    }

    pub fn lookup(&self, hash: u64, key: KeyRef<'_>, request: &Fields) -> Lookup {
        let shard = self.shard(hash);
        let found = shard.find(hash, |r| r.hash == hash && r.key.as_ref() == key);
        let Some(resident) = found else { return Lookup::Miss };
        match resident.variants.iter().find(|kept| kept.entry.meta.variant.answers(request)) {
            Some(kept) => {
                kept.slot.touch();
                Lookup::Hit(kept.entry.clone())
            }
            None => match resident.variants.first() {
                Some(newest) => {
                    let newest = newest.entry.clone();
                    drop(shard);
                    Lookup::OtherVariants(newest.meta.variant.retold(request))
                }
                None => Lookup::Miss,
            },
        }
    }

    /// The oldest birth in that purge log of all that is kept.
    pub fn least_born(&self, log: u64) -> Option<u64> {
        let of_shard = |shard: &Mutex<HashTable<Resident>>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = shard.iter().flat_map(|resident| &resident.variants);
            let born = kept.map(|kept| kept.entry.meta.born).filter(|born| born.log_id == log);
            born.map(|born| born.seq).min()
        };
        self.shards.iter().filter_map(of_shard).min()
    }

    /// Whether anything is kept under a key, which is no use of it.
    pub fn has(&self, hash: u64, key: &[u8]) -> bool {
        self.shard(hash).find(hash, |r| r.hash == hash && r.key.as_ref().bytes() == key).is_some()
    }

    /// Puts an entry into its place, in that of older ones for the same requests and of `replaced`,
    /// unless a later one stands there. `placed` is called under the lock of its shard.
    pub fn insert(
        &self,
        hash: u64,
        key: &Key,
        entry: Arc<Entry>,
        replaced: Option<&Arc<Entry>>,
        placed: impl FnOnce(&Arc<Entry>, &mut dyn Iterator<Item = &Entry>),
    ) {
        if entry.body.file().is_some() {
            // It is found on disk each time, so that memory holds no file open.
            let gone = self.displace(hash, key, &entry, replaced, placed);
            return self.let_go(&gone);
        }
        self.scopes.refer(entry.url);
        let url = entry.url;
        let placed_entry = entry.clone();
        let Some((slot, mut gone)) = self.place(hash, key, entry, replaced, placed) else {
            return self.scopes.release(url);
        };
        // A form that comes before it is admitted is not taken.
        let cost = bookkeeping(key) + placed_entry.footprint();
        let victims = {
            let mut eviction = self.eviction();
            for kept in &gone {
                eviction.forget(&kept.slot);
            }
            eviction.admit(slot, cost)
        };
        gone.extend(victims.iter().filter_map(|victim| self.take(victim)));
        self.let_go(&gone);
    }

    /// Takes away what an entry that is not kept in memory takes the place of.
    fn displace(
        &self,
        hash: u64,
        key: &Key,
        entry: &Arc<Entry>,
        replaced: Option<&Arc<Entry>>,
        placed: impl FnOnce(&Arc<Entry>, &mut dyn Iterator<Item = &Entry>),
    ) -> Vec<Kept> {
        let superseded = |kept: &Kept| takes_place_of(entry, replaced, kept);
        let mut shard = self.shard(hash);
        let found = shard.find_entry(hash, |r| r.hash == hash && r.key == *key);
        let Ok(mut resident) = found else {
            placed(entry, &mut std::iter::empty());
            return Vec::new();
        };
        let variants = &mut resident.get_mut().variants;
        if variants.iter().any(|kept| superseded(kept) && is_later(key, kept, entry, replaced)) {
            return Vec::new();
        }
        placed(entry, &mut std::iter::empty());
        let gone: Vec<Kept> = variants.extract_if(.., |kept| superseded(kept)).collect();
        if variants.is_empty() {
            resident.remove();
        }
        drop(shard);
        let mut eviction = self.eviction();
        gone.iter().for_each(|kept| eviction.forget(&kept.slot));
        gone
    }

    /// Puts a form beside the entry that has a body, if there still is one and it has none such.
    pub fn add_form(
        &self,
        (hash, key): (u64, &Key),
        body: u64,
        coding: Coding,
        made: impl FnOnce(&Entry) -> Made,
    ) {
        let grown = {
            let shard = self.shard(hash);
            let found = shard.find(hash, |r| r.hash == hash && r.key == *key);
            let kept = found.and_then(|resident| {
                resident.variants.iter().find(|kept| kept.entry.body.id() == body)
            });
            // What is not counted itself yet could not be counted for more.
            kept.filter(|kept| kept.slot.is_admitted()).and_then(|kept| {
                let made = made(&kept.entry);
                let cost = made.footprint();
                // Set while the shard is locked: who takes the entry's place takes its forms along.
                kept.entry.forms.set(coding, made).then(|| (kept.slot.clone(), cost))
            })
        };
        if let Some((slot, cost)) = grown {
            let victims = self.eviction().grow(&slot, cost);
            let gone: Vec<Kept> = victims.iter().filter_map(|victim| self.take(victim)).collect();
            self.let_go(&gone);
        }
    }

    /// Puts one that is as large into the place of an entry, if that is still in.
    pub fn swap(
        &self,
        hash: u64,
        key: &Key,
        old: &Arc<Entry>,
        // Made while the shard is locked, so that no form of the old one comes too late.
        new: impl FnOnce() -> Arc<Entry>,
    ) -> Option<Arc<Entry>> {
        let mut shard = self.shard(hash);
        let resident = shard.find_mut(hash, |r| r.hash == hash && r.key == *key)?;
        let is_old = |kept: &&mut Kept| Arc::ptr_eq(&kept.entry, old);
        let kept = resident.variants.iter_mut().find(is_old)?;
        kept.entry = new();
        Some(kept.entry.clone())
    }

    /// Takes an entry out, if it is still in.
    pub fn remove(&self, hash: u64, key: &Key, entry: &Arc<Entry>) {
        let is_it = |kept: &Kept| Arc::ptr_eq(&kept.entry, entry);
        let kept = {
            let mut shard = self.shard(hash);
            let Ok(mut found) = shard.find_entry(hash, |r| r.hash == hash && r.key == *key) else {
                return;
            };
            let variants = &mut found.get_mut().variants;
            let kept = variants.iter().position(is_it).map(|at| variants.remove(at));
            if variants.is_empty() {
                found.remove();
            }
            kept
        };
        if let Some(kept) = kept {
            self.eviction().forget(&kept.slot);
            self.let_go(&[kept]);
        }
    }

    fn let_go(&self, gone: &[Kept]) {
        for kept in gone {
            self.scopes.release(kept.entry.url);
        }
    }

    /// Entries, bytes, and evictions so far.
    pub fn stats(&self) -> (u64, u64, u64) {
        let eviction = self.eviction();
        (eviction.entries() as u64, eviction.bytes() as u64, eviction.evicted())
    }

    /// Puts the entry into its shard; gives its new slot and what had to go for it. Nothing is done
    /// where a later response stands already: a slow exchange must not bring an older one back.
    fn place(
        &self,
        hash: u64,
        key: &Key,
        entry: Arc<Entry>,
        replaced: Option<&Arc<Entry>>,
        placed: impl FnOnce(&Arc<Entry>, &mut dyn Iterator<Item = &Entry>),
    ) -> Option<(Arc<Slot>, Vec<Kept>)> {
        let superseded = |kept: &Kept| takes_place_of(&entry, replaced, kept);
        let url = entry.url;
        let mut shard = self.shard(hash);
        let resident = shard
            .entry(hash, |r| r.hash == hash && r.key == *key, |r| r.hash)
            .or_insert_with(|| Resident {
                hash,
                url,
                key: key.clone(),
                variants: Vec::with_capacity(1),
            })
            .into_mut();
        if resident
            .variants
            .iter()
            .any(|kept| superseded(kept) && is_later(key, kept, &entry, replaced))
        {
            return None;
        }
        let mut gone: Vec<Kept> =
            resident.variants.extract_if(.., |kept| superseded(kept)).collect();
        if resident.variants.len() >= self.max_variants {
            gone.extend(resident.variants.pop());
        }
        let uses = gone.iter().map(|kept| kept.slot.uses()).max().unwrap_or(0);
        let slot = Arc::new(Slot::new(hash, uses));
        placed(&entry, &mut gone.iter().map(|kept| &*kept.entry));
        resident.variants.insert(0, Kept { slot: slot.clone(), entry });
        Some((slot, gone))
    }

    /// Takes a victim out of its shard, if it is still there.
    fn take(&self, victim: &Arc<Slot>) -> Option<Kept> {
        let hash = victim.hash();
        let holds = |r: &Resident| r.variants.iter().any(|kept| Arc::ptr_eq(&kept.slot, victim));
        let mut shard = self.shard(hash);
        let mut found = shard.find_entry(hash, |r| r.hash == hash && holds(r)).ok()?;
        let variants = &mut found.get_mut().variants;
        let at = variants.iter().position(|kept| Arc::ptr_eq(&kept.slot, victim))?;
        let kept = variants.remove(at);
        if variants.is_empty() {
            found.remove();
        }
        Some(kept)
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, HashTable<Resident>> {
        self.lock((hash >> 40) as usize % SHARDS)
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, HashTable<Resident>> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn eviction(&self) -> MutexGuard<'_, Eviction> {
        self.eviction.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an entry takes the place of one that is kept: it is for the same requests, or was made of
/// that.
fn takes_place_of(entry: &Entry, replaced: Option<&Arc<Entry>>, kept: &Kept) -> bool {
    kept.entry.meta.variant == entry.meta.variant
        || replaced.is_some_and(|old| Arc::ptr_eq(old, &kept.entry))
}

/// Whether a kept one came later; of entries of apps, whether it began later. One that was confirmed came when it did, and not when that was: to a
/// request that left with an older one in hand the newer may have been stored before it left.
fn is_later(key: &Key, kept: &Kept, entry: &Entry, replaced: Option<&Arc<Entry>>) -> bool {
    let (body, kept) = (entry.body.id(), &kept.entry);
    let confirmed = replaced.filter(|old| old.body.id() == body && kept.body.id() != body);
    let came = confirmed.map_or(entry, |old| old);
    let at = |meta: &Meta| (begun_at(key.as_ref(), meta), meta.life.answered);
    at(&kept.meta) > at(&came.meta)
}

/// What an entry costs beside itself: its key, its places in the tables and their slack, its slot,
/// and its URL's slot.
fn bookkeeping(key: &Key) -> usize {
    const TABLE_SLACK: usize = 2; // tables are at least half full, once they have grown
    let places = size_of::<Resident>() + 1 + Scopes::PLACE_BYTES;
    let own = block(key.as_ref().bytes().len()) + block(size_of::<Kept>()) + Slot::FOOTPRINT;
    own + TABLE_SLACK * places
}
