//! The one door of the store.

use crate::body::Body;
use crate::disk::{Disk, DiskBody, DiskStats, Found, LargeFile, Stored, place};
use crate::entries::begun_at;
use crate::entry::{Entry, Forms, Heads, Made, Parts};
use crate::memory::Memory;
use crate::purge_log::{PurgeLog, PurgeStats, Refused};
use crate::scopes::{Departure, Latest, Scopes};
use bytes::Bytes;
use foldhash::quality::RandomState;
use policy::coding::Coding;
use policy::fields::Fields;
use policy::key::{Key, KeyRef};
use policy::meta::Meta;
use policy::purge::Purge;
use policy::rule::SiteId;
use policy::time::Seconds;
use policy::vary::Variant;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much the store may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the memory tier, everything counted: keys, fields, bodies and bookkeeping.
    pub memory_bytes: usize,
    /// The longest body that is stored, in bytes.
    pub max_object_bytes: u64,
    /// The longest body that is kept in memory, in bytes; longer ones are on disk only, or not
    /// stored where there is none.
    pub max_in_memory_bytes: u64,
    /// Bytes of bodies on their way in, and of those given up that clients still read, all
    /// together.
    pub in_flight_bytes: u64,
    /// Responses kept under one key, told apart by `Vary`.
    pub max_variants: usize,
    /// For how long what a paced purge covers is served stale.
    pub stale_window: Seconds,
}

/// All that is stored. One for the whole process, shared by all cores.
#[derive(Debug)]
pub struct Store {
    pub(crate) limits: Limits,
    pub(crate) in_flight: AtomicU64,
    /// Bytes of bodies that anybody holds, stored or given up and still being sent.
    pub(crate) alive: Arc<AtomicU64>,
    /// How many bodies began to come: their numbers.
    pub(crate) bodies: AtomicU64,
    hasher: RandomState,
    memory: Arc<Memory>,
    disk: Option<Arc<Disk>>,
    scopes: Arc<Scopes>,
    purges: Arc<PurgeLog>,
}

/// What was found under a key.
#[derive(Debug)]
pub enum Lookup {
    /// Nothing.
    Miss,
    /// Only responses for other requests; this request's place by the `Vary` of the newest.
    OtherVariants(Variant),
    /// The newest response for such a request.
    Hit(Arc<Entry>),
}

/// What was found on disk under a key.
#[derive(Debug)]
pub enum Recall {
    /// Nothing.
    Nothing,
    /// Only responses for other requests; this request's place by the `Vary` of the newest.
    OtherVariants(Variant),
    /// The newest response for such a request.
    Response(Box<Recalled>),
}

/// A response that was found on disk.
#[derive(Debug)]
pub struct Recalled {
    stored: Stored,
    departure: Departure,
}

impl Recalled {
    /// What is known of it, as it was stored.
    pub fn meta(&self) -> &Meta {
        &self.stored.meta
    }
}

/// Which tiers keep a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tiers {
    /// All that there are.
    All,
    /// Memory.
    Memory,
}

/// Sizes at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Responses in memory.
    pub entries: u64,
    /// Bytes they hold, everything counted.
    pub bytes: u64,
    /// Responses given up for room since the start.
    pub evictions: u64,
    /// Bytes of bodies on their way in.
    pub in_flight_bytes: u64,
    /// Bytes of bodies that anybody holds, stored or given up and still being sent.
    pub alive_bytes: u64,
}

/// What a 304 or a HEAD makes of a stored response, but for its bodies.
pub struct Renewed {
    /// What is known of it now.
    pub meta: Meta,
    /// Its header blocks.
    pub heads: Heads,
    /// Makes the header block of a form, by its coding and length.
    pub form_head: FormHead,
}

/// Makes the header block of a form of a response.
pub type FormHead = Rc<dyn Fn(&Meta, Coding, u64) -> Bytes>;

impl Renewed {
    fn with(self, stored: &Entry) -> Parts {
        let Renewed { meta, heads, form_head } = self;
        let forms = Forms::default();
        if meta.has_forms {
            forms.take_over(&stored.forms, |coding, length| form_head(&meta, coding, length));
        }
        Parts { meta, heads, forms, body: stored.body.clone(), must_validate: false }
    }
}

impl Store {
    /// A store with nothing in memory, over what is on disk, where there is one, and the purges that
    /// came for that.
    pub fn new(limits: Limits, purges: Arc<PurgeLog>, disk: Option<Arc<Disk>>) -> Arc<Store> {
        let scopes = Arc::new(Scopes::default());
        let hasher = RandomState::default();
        let memory = Arc::new(Memory::new(limits, scopes.clone()));
        if let Some(disk) = &disk {
            let (memory, hasher) = (memory.clone(), hasher.clone());
            disk.spares(Box::new(move |key| memory.has(hasher.hash_one(key), key)));
        }
        Arc::new(Store {
            memory,
            disk,
            in_flight: AtomicU64::new(0),
            alive: Arc::default(),
            bodies: AtomicU64::new(0),
            hasher,
            purges,
            scopes,
            limits,
        })
    }

    /// Finds the response for a request under a key that was stored for that site. Holds a lock only
    /// while it looks.
    pub fn lookup(&self, key: KeyRef<'_>, request: &Fields, site: SiteId) -> Lookup {
        let hash = self.hash(key.bytes());
        match self.memory.lookup(hash, key, request) {
            // The purges of another site are not this one's.
            Lookup::Hit(entry) if entry.meta.site != site => Lookup::Miss,
            Lookup::Hit(entry) => self.settled(hash, key, entry),
            found => found,
        }
    }

    /// Whether the disk may have what memory does not.
    pub fn may_recall(&self, key: KeyRef<'_>) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.may_have(key.url()))
    }

    /// Finds on disk what memory does not have. What is found is to be shown to clients and given
    /// to [`Store::rise`].
    pub async fn recall(&self, key: &Key, request: &Fields, site: SiteId) -> Recall {
        let Some(disk) = &self.disk else { return Recall::Nothing };
        // Noted before, so that what is made invalid meanwhile is.
        let departure = self.depart(key.as_ref(), site);
        match disk.find(key, request).await {
            Found::Nothing => Recall::Nothing,
            Found::OtherVariants(variant) => Recall::OtherVariants(variant),
            Found::Response(stored) => match self.settled_on_disk(key, *stored) {
                Some(stored) => Recall::Response(Box::new(Recalled { stored, departure })),
                None => Recall::Nothing,
            },
        }
    }

    /// Makes a response that was found on disk visible in memory, as `meta` and with `heads`. A
    /// body that is too long for memory stays on disk, and is found there each time. Nothing if the
    /// disk cannot read it.
    pub async fn rise(
        &self,
        key: &Key,
        recalled: Recalled,
        meta: Meta,
        heads: Heads,
    ) -> Option<Arc<Entry>> {
        let Recalled { stored, departure } = recalled;
        let Stored { body, must_validate, .. } = stored;
        let id = self.bodies.fetch_add(1, Ordering::Relaxed);
        let body = match body {
            DiskBody::Whole(bytes) => Body::from_chunks(&[bytes], &self.alive, id),
            DiskBody::File(file) if self.suits_memory(&file) => {
                let mut chunks = Body::on_disk(file.clone(), id).chunks(0..file.len());
                let mut whole = Vec::new();
                while let Some(chunk) = chunks.next().await.ok()? {
                    whole.push(chunk);
                }
                Body::from_chunks(&whole, &self.alive, id)
            }
            DiskBody::File(file) => Body::on_disk(file, id),
        };
        let parts = Parts { meta, heads, body, forms: Forms::default(), must_validate };
        let risen = self.latest(key, &parts.meta, parts.body.id());
        if departure.is_purged(Some(&parts.meta)) || !departure.may_rise(risen) {
            // Something newer came while the disk was read: this is shown once at the most.
            return Some(Arc::new(Entry::new(parts, (departure.url(), departure.count()))));
        }
        Some(self.insert(key, parts, &departure, None, |_, _| {}))
    }

    fn suits_memory(&self, file: &LargeFile) -> bool {
        file.len() <= self.limits.max_in_memory_bytes && !file.has_gaps()
    }

    /// Purges what it names: in force everywhere, and durable where there is a disk, when this
    /// answers. Gives its number.
    ///
    /// # Errors
    /// Why nothing of it was done.
    pub async fn purge(&self, purge: Purge) -> Result<u64, Refused> {
        self.purges.append(purge).await
    }

    /// Sizes of the purge log now.
    pub fn purge_stats(&self) -> PurgeStats {
        self.purges.stats()
    }

    pub(crate) fn purges(&self) -> &PurgeLog {
        &self.purges
    }

    /// Writes what waits for the disk, and what makes the next start quick.
    pub fn close(&self) {
        self.purges.close();
        if let Some(disk) = &self.disk {
            disk.close();
        }
    }

    /// Sizes of the disk tier now, where there is one.
    pub fn disk_stats(&self) -> Option<DiskStats> {
        self.disk.as_ref().map(|disk| disk.stats())
    }

    /// Whether an unsafe request made what is stored invalid (RFC 9111 §4.4). While nothing
    /// was made invalid since the last time, this is one comparison.
    pub fn is_invalid(&self, entry: &Entry) -> bool {
        let count = self.scopes.count();
        if entry.was_checked_at(count) {
            return false;
        }
        let invalid =
            entry.must_validate() || entry.departed_before(self.scopes.invalid_at(entry.url));
        if !invalid {
            entry.mark_checked_at(count);
        }
        invalid
    }

    /// Notes that a request for this key of a site leaves for the origin now.
    pub fn depart(&self, key: KeyRef<'_>, site: SiteId) -> Departure {
        self.scopes.depart((self.url_hash(key.url()), key), site, &self.purges)
    }

    /// The longest body that is kept in memory, in bytes.
    pub fn max_in_memory_bytes(&self) -> u64 {
        self.limits.max_in_memory_bytes
    }

    /// Bytes that the memory tier may hold.
    pub fn memory_bytes(&self) -> usize {
        self.limits.memory_bytes
    }

    pub(crate) fn disk(&self) -> Option<&Arc<Disk>> {
        self.disk.as_ref()
    }

    pub(crate) fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The place of a URL in the order of all that is stored.
    pub(crate) fn place_of(&self, url: &[u8]) -> u64 {
        place(self.url_hash(url))
    }

    /// The hash of a key.
    pub(crate) fn key_hash(&self, key: &Key) -> u64 {
        self.hash(key.as_ref().bytes())
    }

    /// The hash of a key and variant.
    pub(crate) fn identity(&self, key: &Key, variant: &Variant) -> u64 {
        self.hasher.hash_one((key, variant))
    }

    /// Keeps a stored response under new metadata, after a 304 or a HEAD; the bodies are shared,
    /// not copied.
    pub fn refresh(
        &self,
        key: &Key,
        stored: &Arc<Entry>,
        renewed: Renewed,
        departure: &Departure,
    ) -> Arc<Entry> {
        if !self.may_store(key, &renewed.meta, stored.body.id(), departure, &stored.meta) {
            return self.detached(stored, renewed);
        }
        let Renewed { form_head, .. } = &renewed;
        let form_head = form_head.clone();
        let placed = |entry: &Arc<Entry>, gone: &mut dyn Iterator<Item = &Entry>| {
            // Those of the same body that came since this one was asked for are not lost.
            for before in gone.filter(|before| before.body.id() == entry.body.id()) {
                if entry.meta.has_forms {
                    entry.forms.take_over(&before.forms, |coding, length| {
                        form_head(&entry.meta, coding, length)
                    });
                }
            }
            if let Some(disk) = &self.disk {
                let (old, meta) = (&stored.meta.variant, entry.meta.clone());
                disk.update(key, old, meta, || departure.is_overtaken());
            }
        };
        self.insert(key, renewed.with(stored), departure, Some(stored), placed)
    }

    /// A response that shares a stored body and is not kept: to be served once.
    pub fn detached(&self, stored: &Entry, renewed: Renewed) -> Arc<Entry> {
        Arc::new(Entry::new(renewed.with(stored), (stored.url, self.scopes.count())))
    }

    /// Keeps a form of a stored response, and counts it, unless the response is gone meanwhile or
    /// has such a form already. `made` is asked for the form of the response as it is kept now: the
    /// same body, perhaps confirmed since.
    pub fn add_form(
        &self,
        key: &Key,
        stored: &Entry,
        coding: Coding,
        made: impl FnOnce(&Entry) -> Made,
    ) {
        let hash = self.hash(key.as_ref().bytes());
        self.memory.add_form((hash, key), stored.body.id(), coding, made);
    }

    /// Makes every stored response of a URL, and every one on its way, invalid: it must be
    /// validated before use. Says whether there was any. `url` is [`policy::key::url_scope`]'s.
    pub fn invalidate(&self, url: &[u8]) -> bool {
        // The counter first: what is put on disk meanwhile sees it, or comes before and is marked.
        let invalid = self.scopes.invalidate(self.url_hash(url));
        let on_disk = self.disk.as_ref().is_some_and(|disk| disk.invalidate(url));
        invalid || on_disk
    }

    /// Sizes now.
    pub fn stats(&self) -> Stats {
        let (entries, bytes, evictions) = self.memory.stats();
        let in_flight_bytes = self.in_flight.load(Ordering::Relaxed);
        let alive_bytes = self.alive.load(Ordering::Relaxed);
        Stats { entries, bytes, evictions, in_flight_bytes, alive_bytes }
    }

    /// Makes a new response visible in memory, and hands it to the disk. Says whether it did: what is
    /// purged meanwhile, or stands behind something later, is to be served once at the most.
    pub(crate) fn keep(
        &self,
        key: &Key,
        parts: Parts,
        departure: &Departure,
        replaced: Option<&Arc<Entry>>,
        tiers: Tiers,
    ) -> (Arc<Entry>, bool) {
        if !self.may_store(key, &parts.meta, parts.body.id(), departure, &parts.meta) {
            if let (Some(disk), Some(file)) = (&self.disk, parts.body.file()) {
                disk.discard(file);
            }
            return (Arc::new(Entry::new(parts, (departure.url(), departure.count()))), false);
        }
        let mut is_placed = false;
        let placed = |entry: &Arc<Entry>, _: &mut dyn Iterator<Item = &Entry>| {
            is_placed = true;
            let (Some(disk), Tiers::All) = (&self.disk, tiers) else { return };
            // What it takes the place of may be for other requests.
            let old = replaced.map(|old| &old.meta.variant);
            if let Some(old) = old.filter(|old| **old != entry.meta.variant) {
                disk.forget(key, old);
            }
            let body = match (entry.body.in_memory(), entry.body.file()) {
                (Some(bytes), _) => DiskBody::Whole(bytes.clone()),
                (None, Some(file)) => DiskBody::File(file.clone()),
                (None, None) => return,
            };
            disk.put(key, entry.meta.clone(), body, || departure.is_overtaken());
        };
        let entry = self.insert(key, parts, departure, replaced, placed);
        (entry, is_placed)
    }

    /// Whether nothing that came later stands where a response is to be stored, in whichever tier.
    /// `of` is what it is made of: itself, or the stored response that it confirms.
    fn may_store(
        &self,
        key: &Key,
        meta: &Meta,
        body: u64,
        departure: &Departure,
        of: &Meta,
    ) -> bool {
        if departure.is_purged(Some(meta)) || departure.is_purged(Some(of)) {
            // It would never be found, and stand in the place of what is newer.
            return false;
        }
        departure.may_store(self.latest(key, meta, body), of.life.answered)
    }

    fn latest(&self, key: &Key, meta: &Meta, body: u64) -> Latest {
        let identity = self.identity(key, &meta.variant);
        let begun = begun_at(key.as_ref(), meta);
        Latest { identity, begun, answered: meta.life.answered, body }
    }

    /// Makes a response visible in memory. `placed` is called if it is, in one step with that, so
    /// that the tiers never disagree on which of two responses is the later.
    fn insert(
        &self,
        key: &Key,
        parts: Parts,
        departure: &Departure,
        replaced: Option<&Arc<Entry>>,
        placed: impl FnOnce(&Arc<Entry>, &mut dyn Iterator<Item = &Entry>),
    ) -> Arc<Entry> {
        let entry = Arc::new(Entry::new(parts, (departure.url(), departure.count())));
        let hash = self.hash(key.as_ref().bytes());
        self.memory.insert(hash, key, entry.clone(), replaced, placed);
        entry
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash_one(bytes)
    }

    /// The hash of a URL scope: the one that the disk has of it, so that both tiers list what they
    /// hold in one order.
    fn url_hash(&self, url: &[u8]) -> u64 {
        self.disk.as_ref().map_or_else(|| self.hash(url), |disk| disk.url_hash(url))
    }
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
