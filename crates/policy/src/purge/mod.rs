//! Purges: what one names, what of the stored it covers, and what unsafe requests make invalid.
//!
//! Nothing is searched when a purge comes. Purges are numbered, and folded into a [`Table`] from
//! what they name to the newest that named it. A stored response remembers the number that was
//! the newest when its request left ([`Born`]); its [`Subject`] is asked of the table.

mod born;
pub mod code;
mod compact;
mod covering;
mod identity;
mod invalidated;
mod news;
mod patterns;
mod scope;
mod soft;
mod subject;
mod table;
#[cfg(test)]
mod table_tests;
mod wanted;

pub use born::{Born, NoPoint};
pub use covering::{Candidates, Covering, Standing};
pub use identity::Identity;
pub use invalidated::invalidated;
pub use news::{Audience, News, Told};
pub use patterns::{MAX_PATTERN_BYTES, MAX_PATTERN_STARS, Pattern};
pub use scope::{MAX_PREFIX_SEGMENTS, PathPrefix, Scope, Url};
pub use soft::soften;
pub use subject::Subject;
pub use table::{Mark, MarkedPattern, Place, Table, TableLimits, TableStats, Verdict};
pub use wanted::{
    Fault, List, MAX_REQUEST_BYTES, MAX_SCOPE_BYTES, MAX_SCOPES, Wanted, WhyNot, strict_url,
};

use crate::rule::SiteId;
use crate::time::Timestamp;

/// What a purge does to what it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Force {
    /// It is gone: never used again, not even as stale or to validate.
    Hard,
    /// It is stale from the time of the purge.
    Soft,
    /// The same, but it is served stale for a while, and made anew at a bounded rate.
    Paced,
}

/// One purge: all that it names is purged by one number, or none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// What it covers.
    pub scopes: Box<[Scope]>,
    /// What it does.
    pub force: Force,
    /// When it was asked for.
    pub at: Timestamp,
    /// Who asked for it: the name of a token or hook.
    pub by: Box<str>,
    /// What was given as the reason; may be empty.
    pub why: Box<str>,
}

/// What a stored response was made from, when not from what an origin sent: who purges that,
/// purges it too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// One URL, as [`crate::key::url_scope`] writes it.
    Url(Box<[u8]>),
    /// A tag of one site.
    Tag(SiteId, Box<str>),
    /// The site of a source.
    Site(SiteId),
}
