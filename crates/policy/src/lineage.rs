//! What a response inherits of the one that it was made from: a picture that was resized, of its
//! source.
//!
//! Who purges the source purges all that was made of it; and what was made lives no longer than what
//! it was made of, unless the operator says so.

use crate::freshness::{Life, Staleness};
use crate::key::KeyRef;
use crate::meta::Meta;
use crate::purge::{Born, Source};
use crate::time::{Seconds, Timestamp};

/// What a response that was made here inherits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// When its source was born; nothing where no purge since then covers that, as where it is not stored
    /// or was found good: what was made is as old as the request for it then.
    pub born: Option<Born>,
    /// The tags of its source.
    pub tags: Box<[Box<str>]>,
    /// What it was made from.
    pub sources: Box<[Source]>,
}

impl Lineage {
    /// What is inherited of something stored, or on its way there, under a key.
    pub fn of(key: KeyRef<'_>, meta: Option<&Meta>) -> Lineage {
        let url = Source::Url(key.url().into());
        let further = meta.map(|meta| meta.sources.to_vec()).unwrap_or_default();
        Lineage {
            born: meta.map(|meta| meta.born),
            tags: meta.map(|meta| meta.tags.clone()).unwrap_or_default(),
            sources: std::iter::once(url).chain(further).collect(),
        }
    }

    /// What was made of two inherits of both.
    pub fn and(mut self, other: Lineage) -> Lineage {
        self.born = match (self.born, other.born) {
            (Some(one), Some(other)) => Some(earlier(one, other)),
            (one, other) => one.or(other),
        };
        self.tags = [self.tags, other.tags].concat().into();
        self.sources = [self.sources, other.sources].concat().into();
        self
    }

    /// Gives it to what was made, or confirmed, whose request left at `meta.born`.
    pub fn pass_to(&self, meta: &mut Meta) {
        meta.born = self.born.map_or(meta.born, |born| earlier(meta.born, born));
        let mut tags = [&meta.tags[..], &self.tags[..]].concat();
        tags.sort_unstable();
        tags.dedup();
        meta.tags = tags.into();
        let new = self.sources.iter().filter(|source| !meta.sources.contains(source));
        meta.sources = meta.sources.iter().chain(new).cloned().collect();
    }
}

/// The earlier of two points. Of another log than the first's, the second counts: it may be that of a
/// log that was lost, and what is of such counts as purged.
fn earlier(one: Born, other: Born) -> Born {
    if one.log_id == other.log_id && one.seq <= other.seq { one } else { other }
}

/// How long what is made of something now lives, as fields say it: the value of `Larder-Cache-Control`
/// and the `Age` beside it. `least`: the operator's word on how long it is fresh at the least, from now.
pub fn life_told(life: &Life, least: Seconds, now: Timestamp) -> (String, u64) {
    let age = life.age_seconds(now);
    if least > Seconds::ZERO && life.ttl(now) < i64::try_from(least.get()).unwrap_or(i64::MAX) {
        return (format!("max-age={}{}", least.get(), stale_told(life.stale)), 0);
    }
    let validate = if life.always_validate { ", no-cache" } else { "" };
    (format!("max-age={}{validate}{}", life.lifetime.get(), stale_told(life.stale)), age)
}

fn stale_told(stale: Staleness) -> String {
    match stale {
        Staleness::Forbidden => ", must-revalidate".to_owned(),
        Staleness::Windows { revalidate, error } => {
            format!(", stale-while-revalidate={}, stale-if-error={}", revalidate.get(), error.get())
        }
        Staleness::WhenUnreachable => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache_control::ResponseDirectives;
    use crate::freshness::staleness;
    use crate::request::Request;
    use crate::reuse::tests::stored;
    use crate::rule::Rule;

    #[test]
    fn what_is_made_is_as_old_as_the_older_of_the_two() {
        let born = |log_id, seq| Born { log_id, seq };
        for (own, source, least) in [
            (born(1, 5), Some(born(1, 3)), born(1, 3)),
            (born(1, 3), Some(born(1, 5)), born(1, 3)),
            (born(1, 5), Some(born(2, 9)), born(2, 9)),
            (born(1, 5), None, born(1, 5)),
        ] {
            let mut meta = stored(Staleness::Forbidden);
            meta.born = own;
            let lineage = Lineage { born: source, tags: Box::default(), sources: Box::default() };
            lineage.pass_to(&mut meta);
            assert_eq!(meta.born, least, "{own:?} {source:?}");
        }
    }

    #[test]
    fn tags_and_sources_are_inherited_once() {
        let mut source = stored(Staleness::Forbidden);
        source.tags = ["b", "a"].map(Into::into).into();
        source.sources = [Source::Url(b"h\0/deeper".as_slice().into())].into();
        let request = Request { host: "h".into(), target: "/p".into(), ..Request::default() };
        let mut buffer = Vec::new();
        let key = KeyRef::build(&request, &Rule::default(), &mut buffer);
        let lineage = Lineage::of(key, Some(&source));
        let mut meta = stored(Staleness::Forbidden);
        meta.tags = ["b".into(), "c".into()].into();
        lineage.pass_to(&mut meta);
        lineage.pass_to(&mut meta);
        assert_eq!(*meta.tags, ["a", "b", "c"].map(Into::into));
        let urls = [&b"h\0/p"[..], b"h\0/deeper"].map(|url| Source::Url(url.into()));
        assert_eq!(*meta.sources, urls);
    }

    #[test]
    fn a_life_is_told_so_that_it_is_read_as_the_same() {
        let windows = Staleness::Windows { revalidate: Seconds::new(30), error: Seconds::new(40) };
        for stale in [Staleness::Forbidden, windows, Staleness::WhenUnreachable] {
            for always_validate in [false, true] {
                let lifetime = Seconds::new(60);
                let life = Life { lifetime, stale, always_validate, ..Life::default() };
                let (told, age) = life_told(&life, Seconds::ZERO, Timestamp(20_000));
                assert_eq!(age, 20, "{told}");
                let read = ResponseDirectives::parse([told.as_bytes()].into_iter());
                assert_eq!(read.lifetime().map(|(_, lifetime)| lifetime), Some(lifetime), "{told}");
                assert_eq!(read.no_cache, always_validate, "{told}");
                // What is always to be validated is never served stale.
                let stale = if always_validate { Staleness::Forbidden } else { stale };
                assert_eq!(staleness(200, &read, &Rule::default()), stale, "{told}");
            }
        }
    }

    #[test]
    fn the_operator_may_say_that_it_lives_longer() {
        let life = |lifetime| Life { lifetime: Seconds::new(lifetime), ..Life::default() };
        for (lifetime, least, told, age) in [
            (0, 60, "max-age=60, must-revalidate", 0),
            (50, 60, "max-age=60, must-revalidate", 0),
            (100, 60, "max-age=100, must-revalidate", 20),
            (0, 0, "max-age=0, must-revalidate", 20),
        ] {
            let found = life_told(&life(lifetime), Seconds::new(least), Timestamp(20_000));
            assert_eq!(found, (told.to_owned(), age), "{lifetime} {least}");
        }
    }
}
