//! How what is stored stands before the purges that came since.
//!
//! Nothing is searched when a purge comes: what is found is held against the log then. While nothing
//! was purged since an entry was last looked at, that is one comparison.

use crate::disk::Stored;
use crate::door::{Lookup, Store};
use crate::entry::Entry;
use crate::listing::Listed;
use policy::freshness::Life;
use policy::key::{Key, KeyRef};
use policy::meta::Meta;
use policy::purge::{Born, Subject, Verdict, soften};
use policy::rule::SiteId;
use std::sync::Arc;

impl Store {
    /// Whether a hard purge that covers it came since its request left: it is not to be served, nor
    /// used to validate.
    pub fn is_gone(&self, key: KeyRef<'_>, entry: &Entry) -> bool {
        !entry.is_settled_at(self.purges().head())
            && self.verdict(key, &entry.meta, entry.settled_at()) == Verdict::Gone
    }

    /// Whether anything that covers a URL of a site was purged since `born`. `url` is
    /// [`policy::key::url_scope`]'s.
    pub fn is_purged_since(&self, url: &[u8], site: SiteId, born: Born) -> bool {
        let subject = Subject::new(url, site, &[], &[]);
        self.purges().check(&subject, born, born.seq) != Verdict::Valid
    }

    /// What is found in memory, after the purges that came since.
    pub(crate) fn settled(&self, hash: u64, key: KeyRef<'_>, entry: Arc<Entry>) -> Lookup {
        // Read first: what comes meanwhile is looked at next time.
        let head = self.purges().head();
        if entry.is_settled_at(head) {
            return Lookup::Hit(entry);
        }
        match self.lives_on(key, &entry.meta, entry.settled_at()) {
            None => {
                self.memory().remove(hash, &key.to_key(), &entry);
                return Lookup::Miss;
            }
            Some(life) if life == entry.meta.life => {}
            Some(life) => return Lookup::Hit(self.replace(hash, key, &entry, (life, head))),
        }
        entry.settle_at(head);
        Lookup::Hit(entry)
    }

    /// What is found on disk, after the purges that came since; nothing if it is gone. It stays
    /// where it is: something newer may have taken its place by now.
    pub(crate) fn settled_on_disk(&self, key: &Key, mut stored: Stored) -> Option<Stored> {
        stored.meta.life = self.lives_on(key.as_ref(), &stored.meta, stored.meta.born.seq)?;
        Some(stored)
    }

    /// Lets a response be listed as the purges that came since have it; says no if it is gone.
    pub(crate) fn settle_listed(&self, listed: &mut Listed) -> bool {
        let life = self.lives_on(listed.key.as_ref(), &listed.meta, listed.meta.born.seq);
        if let Some(life) = life {
            listed.meta.life = life;
        }
        life.is_some()
    }

    /// How it lives on after the purges that came since; nothing if it is gone.
    fn lives_on(&self, key: KeyRef<'_>, meta: &Meta, since: u64) -> Option<Life> {
        match self.verdict(key, meta, since) {
            // Not all patterns were run, and a plain soft purge allows less.
            Verdict::PacedSince(_) if since > meta.born.seq => {
                self.lives_on(key, meta, meta.born.seq)
            }
            verdict => self.lived(verdict, meta),
        }
    }

    /// How something lives on after the purges that came since it was born and cover `subject`; nothing
    /// if it is gone.
    pub(crate) fn life_under(&self, subject: &Subject<'_>, meta: &Meta) -> Option<Life> {
        self.lived(self.purges().check(subject, meta.born, meta.born.seq), meta)
    }

    fn lived(&self, verdict: Verdict, meta: &Meta) -> Option<Life> {
        match verdict {
            Verdict::Valid => Some(meta.life),
            Verdict::StaleSince(since) => Some(soften(meta, since, None)),
            Verdict::PacedSince(since) => Some(soften(meta, since, Some(self.limits.stale_window))),
            Verdict::Gone => None,
        }
    }

    /// Tells the purge log since when what is stored was born: purges before that matter to nothing.
    /// Walks over all that is in memory.
    pub fn let_purges_be_forgotten(&self) {
        let purges = self.purges();
        if purges.stats().table.is_empty() {
            return;
        }
        // In the order in which a response goes: none is missed that is on its way.
        let Born { log_id, seq } = purges.born();
        let on_its_way = self.scopes().least_born();
        let in_memory = self.memory().least_born(log_id);
        let on_disk = self.disk().and_then(|disk| disk.least_born(log_id));
        let least = [on_its_way, in_memory, on_disk].into_iter().flatten().min();
        purges.note_least_born(least.unwrap_or(seq).min(seq));
    }

    fn verdict(&self, key: KeyRef<'_>, meta: &Meta, since: u64) -> Verdict {
        self.purges().check(&Subject::of(key, meta), meta.born, since)
    }

    /// The same response with another life, in its place if it still stands there: what took that
    /// meanwhile is newer.
    fn replace(
        &self,
        hash: u64,
        key: KeyRef<'_>,
        old: &Arc<Entry>,
        (life, head): (Life, u64),
    ) -> Arc<Entry> {
        let with_life = || {
            let mut parts = old.again();
            parts.meta.life = life;
            let new = Arc::new(old.with(parts));
            new.settle_at(head);
            new
        };
        self.memory().swap(hash, &key.to_key(), old, with_life).unwrap_or_else(with_life)
    }
}
