//! A source that is had: in memory, or on disk, where it stays.

use super::on_disk::OnDisk;
use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_128;

/// A source that is had. To clone it costs nothing.
#[derive(Clone, Debug)]
pub enum Held {
    /// In memory, with its hash.
    Memory(Bytes, u128),
    /// On disk.
    Disk(OnDisk),
}

impl Held {
    /// One that is in memory.
    pub fn in_memory(bytes: Bytes) -> Held {
        let hash = xxh3_128(&bytes);
        Held::Memory(bytes, hash)
    }

    /// How it begins, which tells what it is.
    pub fn first(&self) -> &[u8] {
        match self {
            Held::Memory(bytes, _) => bytes,
            Held::Disk(source) => source.first(),
        }
    }

    /// Its hash: xxh3 of 128 bits.
    pub fn hash(&self) -> u128 {
        match self {
            Held::Memory(_, hash) => *hash,
            Held::Disk(source) => source.hash(),
        }
    }
}
