//! What is known of a stored response besides its body.

use crate::fields::Fields;
use crate::freshness::Life;
use crate::purge::{Born, Source};
use crate::rule::SiteId;
use crate::vary::Variant;

/// A stored response without its body.
#[derive(Clone, Debug)]
pub struct Meta {
    /// The status.
    pub status: u16,
    /// The origin's header fields, less those that must not be kept. Always has a `Date`.
    pub fields: Fields,
    /// Length of the body in bytes; set when the body is whole.
    pub body_bytes: u64,
    /// The requests it answers, among those of its key.
    pub variant: Variant,
    /// Whether compressed forms of it are made here.
    pub has_forms: bool,
    /// Its freshness.
    pub life: Life,
    /// The head of the purge log when its request left.
    pub born: Born,
    /// The site it belongs to.
    pub site: SiteId,
    /// Its tags.
    pub tags: Box<[Box<str>]>,
    /// What it was made from; empty for what an origin sent as it is.
    pub sources: Box<[Source]>,
}

impl Meta {
    /// The bytes it holds in memory, its own size included.
    pub fn footprint(&self) -> usize {
        size_of::<Meta>() - size_of::<Fields>()
            + self.fields.footprint()
            + self.variant.footprint()
            + self.tags.iter().map(|tag| tag.len() + size_of::<Box<str>>()).sum::<usize>()
            + self.sources.len() * size_of::<Source>()
    }
}
