//! One stored response, ready to be written.

use crate::body::Body;
use bytes::Bytes;
use policy::meta::Meta;
use std::sync::atomic::{AtomicU64, Ordering};

/// Header blocks made once, when the response was stored: status line and fields, each ended by
/// CRLF, without the empty line, so that what changes from hit to hit can be appended.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    /// For the whole response.
    pub full: Bytes,
    /// For a 304.
    pub not_modified: Bytes,
}

/// A stored response. It never changes: a 304 makes a new entry that shares the body.
#[derive(Debug)]
pub struct Entry {
    /// What is known of it.
    pub meta: Meta,
    /// Its prepared header blocks.
    pub heads: Heads,
    /// Its body.
    pub body: Body,
    /// The hash of its URL scope.
    pub(crate) url: u64,
    /// The invalidation counter when its request left.
    departed: u64,
    /// The invalidation counter at which it was last found valid: while nothing is made
    /// invalid, the check on the way of a hit is one comparison.
    checked: AtomicU64,
}

impl Entry {
    pub(crate) fn new(meta: Meta, heads: Heads, body: Body, url: u64, departed: u64) -> Entry {
        Entry { meta, heads, body, url, departed, checked: AtomicU64::new(departed) }
    }

    /// Whether it was found valid at this count already.
    pub(crate) fn was_checked_at(&self, count: u64) -> bool {
        self.checked.load(Ordering::Relaxed) == count
    }

    /// Whether something that happened at `count` came after its request left.
    pub(crate) fn departed_before(&self, count: u64) -> bool {
        self.departed < count
    }

    pub(crate) fn mark_checked_at(&self, count: u64) {
        self.checked.store(count, Ordering::Relaxed);
    }

    /// The bytes it holds in memory, its own size included.
    pub(crate) fn footprint(&self) -> usize {
        size_of::<Entry>() - size_of::<Meta>()
            + self.meta.footprint()
            + self.heads.full.len()
            + self.heads.not_modified.len()
            // A body in memory cannot exceed a usize.
            + self.body.len() as usize
    }
}
