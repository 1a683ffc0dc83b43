//! The fills under way, by what they fetch: how requests for one thing find each other.

use super::{Fill, Reader};
use foldhash::quality::RandomState;
use hashbrown::HashMap;
use policy::key::KeyRef;
use policy::rule::SiteId;
use policy::vary::Variant;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// What a fill fetches: of which site, under which key, for which requests.
#[derive(Clone, Copy, Debug)]
pub struct FillName<'a> {
    /// The site.
    pub site: SiteId,
    /// The key.
    pub key: KeyRef<'a>,
    /// The values of the fields that `Vary` is known to name.
    pub variant: &'a Variant,
}

type Owned = (SiteId, Box<[u8]>, Variant);

impl FillName<'_> {
    fn to_owned(self) -> Owned {
        (self.site, Box::from(self.key.bytes()), self.variant.clone())
    }
}

type Shard = HashMap<Owned, Arc<Fill>, RandomState>;

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
    /// Joins the fill of that name, or leads a new one.
    pub fn join(&self, name: FillName<'_>, make: impl FnOnce() -> Fill) -> Join {
        let mut shard = self.shard(name.key);
        let name = name.to_owned();
        if let Some(reader) = shard.get(&name).and_then(Fill::reader) {
            return Join::Follow(reader);
        }
        let fill = Arc::new(make());
        shard.insert(name, fill.clone());
        Join::Lead(fill)
    }

    /// Takes a fill out, if it is still the one that stands there.
    pub fn leave(&self, name: FillName<'_>, fill: &Arc<Fill>) {
        let mut shard = self.shard(name.key);
        let name = name.to_owned();
        if shard.get(&name).is_some_and(|found| Arc::ptr_eq(found, fill)) {
            shard.remove(&name);
        }
    }

    /// Whether something is being fetched for a site under a key, for whichever requests.
    pub fn has(&self, site: SiteId, key: KeyRef<'_>) -> bool {
        let shard = self.shard(key);
        shard.keys().any(|(of, bytes, _)| *of == site && **bytes == *key.bytes())
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
