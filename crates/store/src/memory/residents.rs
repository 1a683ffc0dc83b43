//! What is in memory, in the order of places, for those who look in from outside.
//!
//! A shard is locked once while the numbers of its keys are read, which lie side by side, and then
//! shortly for each place that is looked at. For a million keys all sixteen shards took 25 ms (2
//! shared cores), so none is held for as long as 2 ms. No use is counted.

use super::{Memory, Resident};
use crate::disk::place;
use crate::entry::Entry;
use policy::key::{Key, KeyRef};
use std::sync::Arc;

/// Where keys stood in memory at one moment.
#[derive(Debug, Default)]
pub(crate) struct Residents {
    /// Places and the hashes of their keys, in order.
    pub places: Vec<(u64, u64)>,
    /// From this place on there are more.
    pub until: Option<u64>,
}

impl Memory {
    /// The first `most` keys from a place on, about; those of one place stay together.
    pub fn residents(&self, from: u64, most: usize) -> Residents {
        let mut places = self.collect(|at| at >= from, most);
        places.sort_unstable();
        let Some(&(until, _)) = places.get(most) else {
            return Residents { places, until: None };
        };
        if until == from {
            // One URL has as many keys as that.
            return Residents { until: Some(from + 1), ..self.residents_at(from) };
        }
        places.truncate(places.partition_point(|(place, _)| *place < until));
        Residents { places, until: Some(until) }
    }

    /// All keys at a place.
    pub fn residents_at(&self, place: u64) -> Residents {
        Residents { places: self.collect(|at| at == place, usize::MAX), until: None }
    }

    /// What is kept under one key, the newest first.
    pub fn kept(&self, hash: u64, key: &Key) -> Vec<Arc<Entry>> {
        let shard = self.shard(hash);
        let found = shard.find(hash, |r| r.hash == hash && r.key == *key);
        let variants = found.into_iter().flat_map(|resident| &resident.variants);
        variants.map(|kept| kept.entry.clone()).collect()
    }

    /// What is kept at a place under the keys that are wanted.
    pub fn entries_at(
        &self,
        at: u64,
        residents: &Residents,
        wanted: &dyn Fn(KeyRef<'_>) -> bool,
    ) -> Vec<(Key, Vec<Arc<Entry>>)> {
        let begin = residents.places.partition_point(|(place, _)| *place < at);
        let here = residents.places[begin..].iter().take_while(|(place, _)| *place == at);
        let kept = |hash: u64| {
            let shard = self.shard(hash);
            let found = shard.find(hash, |r| r.hash == hash && place(r.url) == at);
            let resident = found.filter(|resident| wanted(resident.key.as_ref()))?;
            let entries = resident.variants.iter().map(|kept| kept.entry.clone()).collect();
            Some((resident.key.clone(), entries))
        };
        here.filter_map(|(_, hash)| kept(*hash)).collect()
    }

    /// Places and hashes of the keys at places that are wanted; of each shard those of the first
    /// `most` places, and one more where there are more.
    fn collect(&self, wanted: impl Fn(u64) -> bool, most: usize) -> Vec<(u64, u64)> {
        let mut all = Vec::new();
        let of = |resident: &Resident| (place(resident.url), resident.hash);
        for shard in 0..self.shards.len() {
            let mut found: Vec<(u64, u64)> = {
                let shard = self.lock(shard);
                shard.iter().map(of).filter(|(place, _)| wanted(*place)).collect()
            };
            if found.len() > most.saturating_add(1) {
                found.select_nth_unstable(most);
                found.truncate(most + 1);
            }
            all.append(&mut found);
        }
        all
    }
}
