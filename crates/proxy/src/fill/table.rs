//! The fills under way, by what they fetch: how requests for one thing find each other.

use super::{Fill, Reader};
use foldhash::quality::RandomState;
use hashbrown::HashMap;
use policy::key::KeyRef;
use policy::vary::Variant;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

type Shard = HashMap<(Box<[u8]>, Variant), Arc<Fill>, RandomState>;

/// The fills under way, of the whole process.
#[derive(Debug, Default)]
pub struct Fills {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

/// How a request joins.
#[derive(Debug)]
pub enum Join {
    /// It is the first and fetches.
    Lead(Arc<Fill>),
    /// Another fetches; this reads along.
    Follow(Reader),
}

impl Fills {
    /// Joins the fill for a key and variant, or leads a new one.
    pub fn join(&self, key: KeyRef<'_>, variant: &Variant, make: impl FnOnce() -> Fill) -> Join {
        let name = (Box::from(key.bytes()), variant.clone());
        let mut shard = self.shard(key);
        if let Some(reader) = shard.get(&name).and_then(Fill::reader) {
            return Join::Follow(reader);
        }
        let fill = Arc::new(make());
        shard.insert(name, fill.clone());
        Join::Lead(fill)
    }

    /// Takes a fill out, if it is still the one that stands there.
    pub fn leave(&self, key: KeyRef<'_>, variant: &Variant, fill: &Arc<Fill>) {
        let name = (Box::from(key.bytes()), variant.clone());
        let mut shard = self.shard(key);
        if shard.get(&name).is_some_and(|found| Arc::ptr_eq(found, fill)) {
            shard.remove(&name);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: KeyRef<'_>) -> MutexGuard<'_, Shard> {
        let at = self.hasher.hash_one(key.bytes()) as usize % SHARDS;
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
