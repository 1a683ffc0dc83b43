//! The purges of tags and of all of a site that came last, for who holds such values elsewhere and
//! asks what came since. Bounded: of what was forgotten it is known that there was some.

use policy::purge::{Born, News, Purge};
use std::collections::VecDeque;
use std::sync::Arc;

/// Purges that are remembered so; of more the oldest are forgotten.
const MOST_NEWS: usize = 4096;
/// Bytes that they may hold, all together.
const MOST_NEWS_BYTES: usize = 1 << 20;

/// What came since a point in the log.
#[derive(Clone, Debug)]
pub struct Tidings {
    /// The log and its newest purge.
    pub head: Born,
    /// What came up to that, in order; nothing where that cannot be told: the point is older than what
    /// is remembered, or of another log.
    pub news: Option<Vec<Arc<News>>>,
}

/// The purges that came last, in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct NewsList {
    /// All that came after this number is there.
    complete_after: u64,
    list: VecDeque<Arc<News>>,
    bytes: usize,
}

impl NewsList {
    /// A list of all that comes after that number.
    pub fn after(seq: u64) -> NewsList {
        NewsList { complete_after: seq, ..NewsList::default() }
    }

    /// Takes note of the next purge.
    pub fn note(&mut self, seq: u64, purge: &Purge) {
        let Some(news) = News::of(seq, purge) else { return };
        self.bytes += news.footprint();
        self.list.push_back(Arc::new(news));
        while self.list.len() > MOST_NEWS || self.bytes > MOST_NEWS_BYTES {
            let Some(oldest) = self.list.pop_front() else { return };
            self.bytes -= oldest.footprint();
            self.complete_after = oldest.seq;
        }
    }

    /// What came after one number, up to another; nothing where some of it was forgotten.
    pub fn between(&self, after: u64, until: u64) -> Option<Vec<Arc<News>>> {
        if after < self.complete_after {
            return None;
        }
        let from = self.list.partition_point(|news| news.seq <= after);
        let newer = self.list.range(from..);
        Some(newer.take_while(|news| news.seq <= until).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::purge::{Force, Scope};
    use policy::time::Timestamp;

    fn purge(tag: &str) -> Purge {
        Purge {
            scopes: [Scope::Tag(None, tag.into())].into(),
            force: Force::Hard,
            at: Timestamp(1),
            by: "".into(),
            why: "".into(),
        }
    }

    fn numbers(list: &NewsList, after: u64, until: u64) -> Option<Vec<u64>> {
        Some(list.between(after, until)?.iter().map(|news| news.seq).collect())
    }

    #[test]
    fn what_came_since_is_told_or_that_it_cannot_be() {
        let mut list = NewsList::after(10);
        list.note(12, &purge("a"));
        list.note(15, &purge("b"));
        for (after, until, found) in [
            (9, 15, None),
            (10, 15, Some(vec![12, 15])),
            (10, 14, Some(vec![12])),
            (12, 15, Some(vec![15])),
            (15, 15, Some(vec![])),
        ] {
            assert_eq!(numbers(&list, after, until), found, "{after} {until}");
        }
    }

    #[test]
    fn it_is_bounded_by_number_and_bytes() {
        let mut list = NewsList::after(0);
        let most = MOST_NEWS as u64;
        (1..=most).for_each(|seq| list.note(seq, &purge("a")));
        assert_eq!(numbers(&list, 0, most).map(|list| list.len()), Some(MOST_NEWS));
        list.note(most + 1, &purge("a"));
        assert_eq!(numbers(&list, 0, most), None);
        assert_eq!(numbers(&list, 1, most + 1).map(|list| list.len()), Some(MOST_NEWS));
        list.note(most + 2, &purge(&"x".repeat(MOST_NEWS_BYTES)));
        assert_eq!(numbers(&list, most + 1, most + 2), None, "it is too long to be remembered");
        assert_eq!((numbers(&list, most + 2, most + 2), list.bytes), (Some(vec![]), 0));
    }
}
