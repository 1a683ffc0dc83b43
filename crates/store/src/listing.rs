//! Looking in from outside: what is stored, in whichever tier, in one order that stays.
//!
//! The order is that of the hashes of URLs, the same for both tiers, and within a URL that of key
//! and variant. Nothing that comes, goes, moves between the tiers or is confirmed changes the place
//! of anything else, so that who goes from page to page meets what stays exactly once.

use crate::disk::Object;
use crate::door::Store;
use crate::entry::Entry;
use crate::memory::Residents;
use policy::coding::Coding;
use policy::key::{Key, KeyRef};
use policy::meta::Meta;
use std::sync::Arc;
use std::time::Instant;

/// URLs that are looked at for one page at the most, so that a rare prefix does not take for ever.
const MAX_LOOKED_AT: usize = 20_000;

/// A place in the order of all that is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The place of the URL; it has 40 bits.
    pub place: u64,
    /// The hash of key and variant, by which those of one URL are in order.
    pub identity: u64,
}

/// One page of what is stored.
#[derive(Debug, Default)]
pub struct Page {
    /// What was found.
    pub objects: Vec<Listed>,
    /// Where the next page begins; nothing after the last. A page may be empty and not the last.
    pub next: Option<Cursor>,
}

/// One stored response: of a key and variant there is one, though both tiers may have it.
#[derive(Debug)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// What is known of it besides its body.
    pub meta: Meta,
    /// It is in memory.
    pub in_memory: bool,
    /// It is on disk, or waits to be written.
    pub on_disk: bool,
    /// Its URL was made invalid: it must be validated before use.
    pub is_invalid: bool,
    /// The forms in other content codings that are kept beside it.
    pub forms: Vec<Coding>,
    /// How many bytes of its body are there, if some are missing; to a slice or so.
    pub there_bytes: Option<u64>,
}

impl Store {
    /// A page of at most `limit` responses under keys for which `wanted` says so. Ends early, with
    /// a cursor, when `deadline` has come. Reads from disk: not for threads that must not wait.
    pub fn objects(
        &self,
        wanted: &dyn Fn(KeyRef<'_>) -> bool,
        from: Cursor,
        limit: usize,
        deadline: Instant,
    ) -> Page {
        let residents = self.memory().residents(from.place, MAX_LOOKED_AT);
        let mut page = Page::default();
        for (looked_at, place) in self.places(&residents, from.place).enumerate() {
            let is_over = looked_at >= MAX_LOOKED_AT || Instant::now() >= deadline;
            // The first is looked at in any case, so that each page gets on.
            if looked_at > 0 && is_over {
                page.next = Some(Cursor { place, identity: 0 });
                return page;
            }
            for (identity, listed) in self.objects_at(place, &residents, wanted) {
                let at = Cursor { place, identity };
                if at < from {
                    continue;
                }
                if page.objects.len() >= limit {
                    page.next = Some(at);
                    return page;
                }
                page.objects.push(listed);
            }
        }
        page.next = residents.until.map(|place| Cursor { place, identity: 0 });
        page
    }

    /// All that is stored of a URL, under whichever key. `url` is [`policy::key::url_scope`]'s.
    /// Reads from disk like [`Store::objects`].
    pub fn objects_of(&self, url: &[u8]) -> Vec<Listed> {
        let place = self.place_of(url);
        let residents = self.memory().residents_at(place);
        let wanted = |key: KeyRef<'_>| key.url() == url;
        self.objects_at(place, &residents, &wanted).into_iter().map(|(_, listed)| listed).collect()
    }

    /// The places of both tiers in order, each once, as far as those of memory are known.
    fn places<'a>(
        &'a self,
        residents: &'a Residents,
        from: u64,
    ) -> impl Iterator<Item = u64> + use<'a> {
        let in_memory = residents.places.iter().map(|(place, _)| *place);
        let on_disk = self.disk().map(|disk| disk.places(from)).into_iter().flatten();
        let until = residents.until.unwrap_or(u64::MAX);
        Merged { one: in_memory.peekable(), other: on_disk.peekable(), last: None }
            .take_while(move |place| *place < until)
    }

    /// What both tiers have at a place, in order.
    fn objects_at(
        &self,
        place: u64,
        residents: &Residents,
        wanted: &dyn Fn(KeyRef<'_>) -> bool,
    ) -> Vec<(u64, Listed)> {
        // Memory first: what leaves it while we look is on disk by then, and not the other way.
        let in_memory = self.memory().entries_at(place, residents, wanted);
        let mut found = self.in_both_tiers(place, in_memory, wanted);
        found.retain_mut(|(_, listed)| self.settle_listed(listed));
        found.sort_by_key(|(identity, _)| *identity);
        found
    }

    /// What memory was found to have at a place, and what the disk has there, each once. The purges
    /// that came since are not looked at.
    pub(crate) fn in_both_tiers(
        &self,
        place: u64,
        in_memory: Vec<(Key, Vec<Arc<Entry>>)>,
        wanted: &dyn Fn(KeyRef<'_>) -> bool,
    ) -> Vec<(u64, Listed)> {
        let mut found: Vec<(u64, Listed)> = Vec::new();
        for (key, entries) in in_memory {
            let of_memory = |entry: &Entry| self.of_memory(key.clone(), entry);
            found.extend(entries.iter().map(|entry| of_memory(entry)));
        }
        let on_disk = self.disk().map(|disk| disk.objects_at(place, wanted)).unwrap_or_default();
        for object in on_disk {
            let identity = self.identity(&object.key, &object.meta.variant);
            let same = |(at, listed): &&mut (u64, Listed)| *at == identity && listed.is_of(&object);
            match found.iter_mut().find(same) {
                Some((_, listed)) => listed.on_disk = true,
                None => found.push((identity, of_disk(object))),
            }
        }
        found
    }

    fn of_memory(&self, key: Key, entry: &Entry) -> (u64, Listed) {
        let forms = Coding::ALL.into_iter().filter(|coding| entry.forms.has(*coding)).collect();
        let listed = Listed {
            meta: entry.meta.clone(),
            in_memory: true,
            on_disk: false,
            // What clients do to a URL that is like an entry's is nothing to the entry.
            is_invalid: !key.as_ref().is_entry() && self.is_invalid(entry),
            forms,
            there_bytes: None,
            key,
        };
        (self.identity(&listed.key, &listed.meta.variant), listed)
    }
}

fn of_disk(object: Object) -> Listed {
    let Object { key, meta, must_validate, there_bytes } = object;
    let must_validate = must_validate && !key.as_ref().is_entry();
    Listed {
        key,
        meta,
        in_memory: false,
        on_disk: true,
        is_invalid: must_validate,
        forms: Vec::new(),
        there_bytes,
    }
}

impl Listed {
    fn is_of(&self, object: &Object) -> bool {
        self.key == object.key && self.meta.variant == object.meta.variant
    }
}

/// Two ordered lists as one, without what is in it twice.
struct Merged<A: Iterator<Item = u64>, B: Iterator<Item = u64>> {
    one: std::iter::Peekable<A>,
    other: std::iter::Peekable<B>,
    last: Option<u64>,
}

impl<A: Iterator<Item = u64>, B: Iterator<Item = u64>> Iterator for Merged<A, B> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            let takes_one = match (self.one.peek(), self.other.peek()) {
                (Some(one), Some(other)) => one <= other,
                (one, _) => one.is_some(),
            };
            let next = if takes_one { self.one.next() } else { self.other.next() };
            if next.is_none() || next != self.last {
                self.last = next;
                return next;
            }
        }
    }
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
