//! The purges that came last, whole: the table knows numbers and scopes, and neither who purged nor
//! why. For people who ask; nothing is decided by it. Beside them stands what programs are told of
//! ([`super::news`]).

use super::news::NewsList;
use policy::purge::Purge;
use policy::time::Timestamp;
use std::collections::VecDeque;

/// Purges that are remembered so; of more the oldest are forgotten.
const MOST_RECENT: usize = 256;

/// What is remembered of a purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Its number.
    pub seq: u64,
    /// When it was asked for.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: Box<str>,
    /// What was given as the reason; may be empty.
    pub why: Box<str>,
}

/// The purges that came last, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    noted: VecDeque<Noted>,
    news: NewsList,
}

impl Recent {
    /// What is remembered of those that come after that number.
    pub fn after(seq: u64) -> Recent {
        Recent { noted: VecDeque::new(), news: NewsList::after(seq) }
    }

    /// Remembers the next one.
    pub fn note(&mut self, seq: u64, purge: &Purge) {
        if self.noted.len() == MOST_RECENT {
            self.noted.pop_front();
        }
        let Purge { at, by, why, .. } = purge;
        self.noted.push_back(Noted { seq, at: *at, by: by.clone(), why: why.clone() });
        self.news.note(seq, purge);
    }

    /// What programs are told of.
    pub fn news(&self) -> &NewsList {
        &self.news
    }

    /// That of a number, if it is remembered.
    pub fn get(&self, seq: u64) -> Option<&Noted> {
        let at = self.noted.binary_search_by_key(&seq, |noted| noted.seq).ok()?;
        self.noted.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::purge::{Force, Scope};

    #[test]
    fn the_last_are_remembered_and_no_more() {
        let mut recent = Recent::default();
        let purge = |seq: u64| Purge {
            scopes: [Scope::Everything].into(),
            force: Force::Hard,
            at: Timestamp(seq),
            by: "cms".into(),
            why: "".into(),
        };
        for seq in (1..).step_by(3).take(MOST_RECENT + 1) {
            recent.note(seq, &purge(seq));
        }
        assert_eq!(recent.noted.len(), MOST_RECENT);
        for (seq, is_there) in [(1, false), (4, true), (5, false), (7, true)] {
            assert_eq!(recent.get(seq).map(|noted| noted.at.0), is_there.then_some(seq), "{seq}");
        }
    }
}
