//! The identity of a scope: 64 bits that say what a purge names.
//!
//! A table of a million scopes holds these and no text. Two scopes of one identity are purged
//! together, so a collision costs a fetch and never shows what was purged. Identities are
//! written to disk; each form below is pinned by a test.

use crate::rule::SiteId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a scope is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub u64);

/// The hash of a host, of a target, of a segment or of a tag: what identities are put together
/// from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part(u64);

/// Kinds of scopes, so that a tag is never taken for a path.
const SITE: u64 = 1;
const URL: u64 = 2;
const PATH: u64 = 3;
const PREFIX: u64 = 4;
const TAG: u64 = 5;
const TAG_ANYWHERE: u64 = 6;
const GROUP: u64 = 8;
const SITE_PATH: u64 = 9;
/// Stands for a slash at the end of a prefix, where a segment would.
const SLASH: u64 = 7;

impl Part {
    /// Of those bytes, as they are.
    pub fn of(bytes: &[u8]) -> Part {
        Part(xxh3_64_with_seed(bytes, 0))
    }
}

impl Identity {
    /// All that is stored.
    pub const EVERYTHING: Identity = Identity(0x6c61_7264_6572_616c);

    /// All of a site.
    pub fn of_site(site: SiteId) -> Identity {
        Identity(joined(SITE, site.0))
    }

    /// A target on one host, or without one on every host.
    pub(crate) fn of_url(host: Option<Part>, target: Part) -> Identity {
        match host {
            Some(host) => Identity(joined(joined(URL, host.0), target.0)),
            None => Identity(joined(PATH, target.0)),
        }
    }

    /// A tag of one site, or without one of every site.
    pub(crate) fn of_tag(site: Option<SiteId>, tag: Part) -> Identity {
        match site {
            Some(site) => Identity(joined(joined(TAG, site.0), tag.0)),
            None => Identity(joined(TAG_ANYWHERE, tag.0)),
        }
    }

    /// A path on every host of a site, with any query.
    pub(crate) fn of_site_path(site: SiteId, path: Part) -> Identity {
        Identity(joined(joined(SITE_PATH, site.0), path.0))
    }

    /// A group of one origin.
    pub(crate) fn of_group(origin: Part, group: Part) -> Identity {
        Identity(joined(joined(GROUP, origin.0), group.0))
    }

    /// The prefix of no path: every path of a host, or of every host.
    pub(crate) fn of_prefix(host: Option<Part>) -> Identity {
        Identity(joined(PREFIX, host.map_or(0, |host| host.0)))
    }

    /// A prefix by one more segment: `/a` and then `b` is `/a/b`.
    pub(crate) fn and_segment(self, segment: Part) -> Identity {
        Identity(joined(self.0, segment.0))
    }

    /// A prefix with a slash at its end, which does not cover the path without.
    pub(crate) fn and_slash(self) -> Identity {
        Identity(joined(self.0, SLASH))
    }
}

fn joined(before: u64, next: u64) -> u64 {
    xxh3_64_with_seed(&next.to_le_bytes(), before)
}
