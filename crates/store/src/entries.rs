//! Entries that an app keeps ([`policy::entry`]), in the same tiers and under the same purges as
//! responses.

use crate::door::{Lookup, Recall, Store};
use crate::entry::{Entry, Heads};
use crate::purge_log::{NextPurge, Tidings};
use policy::fields::Fields;
use policy::freshness::Life;
use policy::key::{Key, KeyRef};
use policy::meta::Meta;
use policy::purge::{Born, Subject};
use policy::rule::SiteId;
use std::sync::Arc;

impl Store {
    /// The entry of a key that was kept for that site, whichever tier has it, unless a hard purge
    /// covers it. A soft one has ended its lifetime already.
    pub async fn entry(&self, key: &Key, site: SiteId) -> Option<Arc<Entry>> {
        // An entry answers whoever asks by its key.
        let nothing = Fields::new();
        if let Lookup::Hit(entry) = self.lookup(key.as_ref(), &nothing, site) {
            return Some(entry);
        }
        if !self.may_recall(key.as_ref()) {
            return None;
        }
        let Recall::Response(recalled) = self.recall(key, &nothing, site).await else {
            return None;
        };
        if recalled.meta().site != site {
            return None;
        }
        let meta = recalled.meta().clone();
        let risen = self.rise(key, *recalled, meta, Heads::default()).await?;
        // What came meanwhile is newer.
        match self.lookup(key.as_ref(), &nothing, site) {
            Lookup::Hit(newest) => Some(newest),
            _ => Some(risen),
        }
    }

    /// How an entry lives on if it bore these tags too; nothing if a hard purge of one of them came
    /// since it was born.
    pub fn life_beside(&self, key: &Key, meta: &Meta, tags: &[Box<str>]) -> Option<Life> {
        let subject = Subject::of(key.as_ref(), meta).beside(meta.site, tags);
        self.life_under(&subject, meta)
    }

    /// The purge log, and its newest purge.
    pub fn head(&self) -> Born {
        self.purges().born()
    }

    /// The purges of tags and of whole sites that came since a point in the log.
    pub fn tidings(&self, since: Born) -> Tidings {
        self.purges().tidings(since)
    }

    /// Waits until there is a purge with a greater number.
    pub fn next_purge(&self, after: u64) -> NextPurge {
        self.purges().next(after)
    }

    /// Whether what stands under a key was worked out later than what is born then.
    pub(crate) async fn has_later(&self, key: &Key, site: SiteId, born: Born) -> bool {
        // Nothing is born later than at the head.
        let is_newest = born == self.head();
        let found = if is_newest { None } else { self.entry(key, site).await };
        found.is_some_and(|entry| {
            entry.meta.born.log_id == born.log_id && entry.meta.born.seq > born.seq
        })
    }
}

/// The number of the newest purge when the value of an entry began to be worked out, by which entries
/// of one key are in order; 0 of a response, which is in order by when it came.
pub(crate) fn begun_at(key: KeyRef<'_>, meta: &Meta) -> u64 {
    if key.is_entry() { meta.born.seq } else { 0 }
}

#[cfg(test)]
#[path = "entries_tests.rs"]
mod tests;
