//! A fixed table that forgets: each key has one place of 64 bits, and later keys overwrite earlier
//! ones. For what costs little when it is not known.

use foldhash::quality::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::AtomicU64;

/// `N` places.
#[derive(Debug)]
pub struct Places<const N: usize> {
    places: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl<const N: usize> Default for Places<N> {
    fn default() -> Places<N> {
        Places {
            places: (0..N).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::default(),
        }
    }
}

impl<const N: usize> Places<N> {
    /// The place of a key, and the hash of the key: its upper bits tell whether the place is its own.
    pub fn of(&self, key: &[u8]) -> (&AtomicU64, u64) {
        let hash = self.hasher.hash_one(key);
        (&self.places[hash as usize % N], hash)
    }
}
