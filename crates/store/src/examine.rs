//! Looking at what is stored under a key, for who asks why: purged responses too, and what purged
//! them. Nothing is decided, moved between the tiers or counted as a use.

use crate::door::Store;
use crate::listing::Listed;
use crate::purge_log::Noted;
use policy::fields::Fields;
use policy::key::{Key, KeyRef};
use policy::purge::{Candidates, Standing, Verdict, soften};
use policy::rule::SiteId;

/// A stored response, and how it stands before the purges that came since its request left.
#[derive(Debug)]
pub struct Examined {
    /// The response. A soft purge has ended its lifetime already.
    pub listed: Listed,
    /// What purges say of it.
    pub standing: Standing,
}

/// What is stored under a key.
#[derive(Debug, Default)]
pub struct Examination {
    /// All of it; first what is in memory, then the newest first.
    pub all: Vec<Examined>,
    /// The one that a request would find, among them, unless it is gone.
    pub picked: Option<usize>,
}

impl Examined {
    /// Whether a hard purge has it gone.
    pub fn is_gone(&self) -> bool {
        self.standing.verdict == Verdict::Gone
    }
}

impl Examination {
    /// The response that the request would find; it may be gone, see [`Examined::is_gone`].
    pub fn picked(&self) -> Option<&Examined> {
        self.picked.and_then(|at| self.all.get(at))
    }
}

impl Store {
    /// What is stored under a key, and which of it a request to that site would find. Reads from
    /// disk: not for threads that must not wait.
    pub fn examine(&self, key: &Key, request: &Fields, site: SiteId) -> Examination {
        let mut listed = self.listed_under(key);
        // As a look-up has it: of memory the newest, and of the disk the one that was answered last.
        listed.sort_by_key(|listed| {
            let answered = (!listed.in_memory).then_some(listed.meta.life.answered);
            answered.map(std::cmp::Reverse)
        });
        let all: Vec<Examined> = listed.into_iter().map(|listed| self.examined(listed)).collect();
        let answers = |examined: &Examined| {
            let meta = &examined.listed.meta;
            meta.variant.answers(request) && meta.site == site
        };
        Examination { picked: all.iter().position(answers), all }
    }

    /// What is remembered of a purge: who asked for it, when and why.
    pub fn purge_noted(&self, seq: u64) -> Option<Noted> {
        self.purges().noted(seq)
    }

    fn examined(&self, mut listed: Listed) -> Examined {
        let candidates = Candidates::of(listed.key.as_ref(), &listed.meta);
        let standing = self.purges().standing(&candidates);
        match standing.verdict {
            Verdict::Valid | Verdict::Gone => {}
            Verdict::StaleSince(since) => listed.meta.life = soften(&listed.meta, since, None),
            Verdict::PacedSince(since) => {
                listed.meta.life = soften(&listed.meta, since, Some(self.limits.stale_window));
            }
        }
        Examined { listed, standing }
    }

    fn listed_under(&self, key: &Key) -> Vec<Listed> {
        let place = self.place_of(key.as_ref().url());
        let entries = self.memory().kept(self.key_hash(key), key);
        let is_it = |other: KeyRef<'_>| other == key.as_ref();
        self.in_both_tiers(place, vec![(key.clone(), entries)], &is_it)
            .into_iter()
            .map(|(_, listed)| listed)
            .collect()
    }
}
