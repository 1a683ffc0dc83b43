//! The table against a slow model that keeps every purge as text and compares texts.

use super::code::{decode_marks, decode_patterns, encode_mark, encode_pattern};
use super::*;
use crate::fields::Fields;
use crate::freshness::Life;
use crate::key::KeyRef;
use crate::meta::Meta;
use crate::prefix::Prefix;
use crate::request::Request;
use crate::rule::Rule;
use crate::vary::Variant;
use proptest::prelude::*;
use std::collections::HashMap;

const LOG: u64 = 7;
const HOSTS: [&str; 2] = ["a.b", "c.d"];
const TARGETS: [&str; 8] = ["/", "/q", "/q?x", "/q/", "/q/1", "/q/1?x", "/query", "/r/q/1"];
const TAGS: [&str; 3] = ["t", "u", "/q"];

/// A stored response, as text.
#[derive(Clone, Debug)]
struct Stored {
    url: (&'static str, &'static str),
    site: u64,
    tags: Vec<&'static str>,
    source: Option<(&'static str, &'static str)>,
    born: u64,
    since: u64,
}

fn universe() -> Vec<Scope> {
    let hosts = || HOSTS.iter().map(|host| Some(*host)).chain([None]);
    let mut scopes = vec![Scope::Everything];
    scopes.extend((1..3).map(|site| Scope::Site(SiteId(site))));
    for host in hosts() {
        for target in TARGETS {
            let url = Url { host: host.map(Into::into), target: target.into() };
            scopes.push(Scope::Url(url));
            if !target.contains('?') {
                let text = format!("{}{target}", host.unwrap_or_default());
                let prefix = Prefix::parse(&text).expect("a prefix");
                scopes.push(Scope::Prefix(PathPrefix::new(prefix).expect("a short one")));
            }
        }
        let all = Prefix::parse(host.unwrap_or_default()).expect("a prefix");
        scopes.push(Scope::Prefix(PathPrefix::new(all).expect("a short one")));
    }
    for site in [None, Some(SiteId(1)), Some(SiteId(2))] {
        scopes.extend(TAGS.map(|tag| Scope::Tag(site, tag.into())));
    }
    for site in 1..3 {
        scopes.extend(["/q", "/q/1"].map(|path| Scope::SitePath(SiteId(site), path.into())));
    }
    let patterns = ["*", "/q*", "a.b/*1", "*/q/?", "?.d/*", "c.d/q", "/r/*/1"];
    scopes.extend(patterns.map(|text| Scope::Pattern(Pattern::new(text).expect("a short one"))));
    scopes
}

fn covers_url(scope: &Scope, host: &str, target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    match scope {
        Scope::Url(url) => url.host.as_deref().is_none_or(|h| h == host) && *url.target == *target,
        Scope::Prefix(prefix) => {
            let request =
                Request { host: host.into(), target: target.into(), ..Request::default() };
            let mut buffer = Vec::new();
            prefix.get().covers(KeyRef::build(&request, &Rule::default(), &mut buffer))
        }
        Scope::Pattern(pattern) if pattern.as_str().starts_with('/') => {
            fits(pattern.as_str().as_bytes(), path.as_bytes())
        }
        Scope::Pattern(pattern) => {
            fits(pattern.as_str().as_bytes(), format!("{host}{path}").as_bytes())
        }
        Scope::SitePath(_, wanted) => **wanted == *path,
        Scope::Everything | Scope::Site(_) | Scope::Tag(..) | Scope::Group { .. } => false,
    }
}

/// A glob, by trying everything.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=text.len()).any(|at| fits(rest, &text[at..])),
        (Some((b'?', rest)), Some((_, text))) => fits(rest, text),
        (Some((one, rest)), Some((other, text))) => one == other && fits(rest, text),
        _ => false,
    }
}

fn covers(scope: &Scope, stored: &Stored) -> bool {
    let urls = [Some(stored.url), stored.source];
    match scope {
        Scope::Everything => true,
        Scope::Site(site) => site.0 == stored.site,
        Scope::Tag(site, tag) => {
            site.is_none_or(|site| site.0 == stored.site) && stored.tags.contains(&&**tag)
        }
        Scope::SitePath(site, _) if site.0 != stored.site => false,
        // Subjects are made of texts here; see the tests of `subject`.
        Scope::Group { .. } => false,
        Scope::Url(_) | Scope::SitePath(..) | Scope::Prefix(_) | Scope::Pattern(_) => {
            urls.into_iter().flatten().any(|(host, target)| covers_url(scope, host, target))
        }
    }
}

fn by_text(purges: &[(u64, Purge)], stored: &Stored) -> Verdict {
    let mut newest: HashMap<String, (Timestamp, Force)> = HashMap::new();
    for (seq, purge) in purges.iter().filter(|(seq, _)| *seq > stored.born) {
        for scope in purge.scopes.iter().filter(|scope| covers(scope, stored)) {
            match purge.force {
                Force::Hard => return Verdict::Gone,
                // A paced purge takes nothing back of what a plain one said.
                Force::Soft | Force::Paced => {
                    newest.insert(format!("{scope} {:?}", purge.force), (purge.at, purge.force));
                }
            }
            assert!(*seq > 0);
        }
    }
    let is_plain = newest.values().any(|(_, force)| *force == Force::Soft);
    let since = newest.into_values().map(|(at, _)| at).min();
    match since {
        None => Verdict::Valid,
        Some(since) if is_plain => Verdict::StaleSince(since),
        Some(since) => Verdict::PacedSince(since),
    }
}

fn ask(table: &Table, stored: &Stored, since: u64) -> Verdict {
    let url = |(host, target): (&str, &str)| format!("{host}\0{target}").into_bytes();
    let tags: Vec<Box<str>> = stored.tags.iter().map(|tag| Box::from(*tag)).collect();
    let sources: Vec<Source> =
        stored.source.iter().map(|of| Source::Url(url(*of).into())).collect();
    let here = url(stored.url);
    let subject = Subject::new(&here, SiteId(stored.site), &tags, &sources);
    table.check(&subject, Born { log_id: LOG, seq: stored.born }, since)
}

/// What covers a response is named where the table says that something does, and nowhere else.
fn assert_named(table: &Table, stored: &Stored) {
    let url = |(host, target): (&str, &str)| format!("{host}\0{target}").into_bytes();
    let meta = Meta {
        status: 200,
        fields: Fields::new(),
        body_bytes: 0,
        variant: Variant::default(),
        has_forms: false,
        life: Life::default(),
        born: Born { log_id: LOG, seq: stored.born },
        site: SiteId(stored.site),
        tags: stored.tags.iter().map(|tag| Box::from(*tag)).collect(),
        sources: stored.source.iter().map(|of| Source::Url(url(*of).into())).collect(),
    };
    let (host, target) = (stored.url.0.into(), stored.url.1.into());
    let request = Request { host, target, ..Request::default() };
    let mut buffer = Vec::new();
    let key = KeyRef::build(&request, &Rule::default(), &mut buffer);
    let Standing { verdict, covered_by } = table.standing(&Candidates::of(key, &meta));
    assert_eq!(verdict, ask(table, stored, 0));
    assert_eq!(verdict == Verdict::Valid, covered_by.is_empty(), "{stored:?} {covered_by:?}");
    let is_hard = covered_by.iter().any(|covering| covering.force == Force::Hard);
    assert_eq!(verdict == Verdict::Gone, is_hard, "{stored:?} {covered_by:?}");
    if let Verdict::StaleSince(since) | Verdict::PacedSince(since) = verdict {
        assert_eq!(covered_by.iter().filter_map(|covering| covering.at).min(), Some(since));
    }
}

/// The table as it is after it was written and read.
fn reread(table: &Table, limits: TableLimits) -> Table {
    let (mut marks, mut patterns) = (Vec::new(), Vec::new());
    table.marks().for_each(|mark| encode_mark(&mark, &mut marks));
    table.patterns().iter().for_each(|pattern| encode_pattern(pattern, &mut patterns));
    let mut read = Table::new(LOG, table.head().seq, limits);
    decode_marks(&marks).expect("just written").into_iter().for_each(|mark| read.put_mark(mark));
    let patterns = decode_patterns(&patterns).expect("just written");
    patterns.into_iter().for_each(|pattern| read.put_pattern(pattern));
    read
}

prop_compose! {
    fn stored()(
        url in (prop::sample::select(&HOSTS[..]), prop::sample::select(&TARGETS[..])),
        source in prop::option::of(
            (prop::sample::select(&HOSTS[..]), prop::sample::select(&TARGETS[..]))
        ),
        site in 1..3_u64,
        tags in prop::sample::subsequence(TAGS.to_vec(), 0..=TAGS.len()),
        born in 0..40_u64,
    ) -> Stored {
        Stored { url, site, tags, source, born, since: 0 }
    }
}

fn purge() -> impl Strategy<Value = (u64, Purge)> {
    let scopes = prop::collection::vec(prop::sample::select(universe()), 1..4);
    let force = prop::sample::select(&[Force::Hard, Force::Soft, Force::Paced][..]);
    (scopes, force, 0..1000_u64, 1..4_u64).prop_map(|(scopes, force, at, step)| {
        // No purge comes at the beginning of all times.
        let (scopes, at) = (scopes.into(), Timestamp(at + 1));
        (step, Purge { scopes, force, at, by: "".into(), why: "".into() })
    })
}

fn numbered(purges: Vec<(u64, Purge)>) -> Vec<(u64, Purge)> {
    let mut seq = 0;
    let number = |(step, purge): (u64, Purge)| {
        seq += step;
        (seq, purge)
    };
    purges.into_iter().map(number).collect()
}

proptest! {
    #[test]
    fn the_table_says_what_the_texts_of_all_purges_say(
        purges in prop::collection::vec(purge(), 0..25),
        stored in prop::collection::vec(stored(), 1..8),
    ) {
        let (purges, limits) = (numbered(purges), TableLimits::default());
        let mut table = Table::new(LOG, 0, limits);
        let mut stored = stored;
        for known in 0..=purges.len() {
            if let Some((seq, purge)) = known.checked_sub(1).map(|last| &purges[last]) {
                table.apply(*seq, purge);
            }
            let head = table.head().seq;
            let reread = reread(&table, limits);
            for stored in stored.iter_mut().filter(|stored| stored.born <= head) {
                let slow = by_text(&purges[..known], stored);
                prop_assert_eq!(ask(&table, stored, stored.since), slow, "{:?}", stored);
                prop_assert_eq!(ask(&reread, stored, 0), slow, "read again: {:?}", stored);
                assert_named(&table, stored);
                if slow == Verdict::Valid {
                    stored.since = head;
                }
            }
        }
    }

    #[test]
    fn past_the_limits_nothing_is_valid_that_a_purge_covers(
        purges in prop::collection::vec(purge(), 0..40),
        stored in prop::collection::vec(stored(), 1..8),
        (scopes, patterns) in (1..20_usize, 0..3_usize),
    ) {
        let (purges, limits) = (numbered(purges), TableLimits { scopes, patterns });
        let mut table = Table::new(LOG, 0, limits);
        for (known, (seq, purge)) in purges.iter().enumerate() {
            table.apply(*seq, purge);
            let head = table.head().seq;
            let reread = reread(&table, limits);
            for stored in stored.iter().filter(|stored| stored.born <= head) {
                let quick = ask(&table, stored, 0);
                prop_assert_eq!(ask(&reread, stored, 0), quick);
                assert_named(&table, stored);
                match (by_text(&purges[..=known], stored), quick) {
                    (Verdict::Valid, _) | (_, Verdict::Gone) => {}
                    (Verdict::StaleSince(slow), Verdict::StaleSince(quick))
                    | (
                        Verdict::PacedSince(slow),
                        Verdict::StaleSince(quick) | Verdict::PacedSince(quick),
                    ) => {
                        prop_assert!(quick <= slow, "{:?} {:?} {:?}", slow, quick, stored);
                    }
                    (slow, quick) => {
                        prop_assert!(false, "{:?}, not {:?}: {:?}", slow, quick, stored);
                    }
                }
            }
        }
        let stats = table.stats();
        prop_assert!(stats.scopes <= scopes.max(3 * 2) && stats.patterns <= patterns);
    }
}

fn hard(seq: u64, scope: Scope) -> (u64, Purge) {
    let (by, why) = ("".into(), "".into());
    (seq, Purge { scopes: [scope].into(), force: Force::Hard, at: Timestamp(seq), by, why })
}

fn page(born: u64) -> Stored {
    Stored { url: ("a.b", "/q"), site: 1, tags: vec!["t"], source: None, born, since: 0 }
}

#[test]
fn what_was_born_elsewhere_or_later_than_the_head_is_gone() {
    let table = Table::new(LOG, 5, TableLimits::default());
    for (log_id, seq, verdict) in [
        (LOG, 5, Verdict::Valid),
        (LOG, 0, Verdict::Valid),
        (LOG, 6, Verdict::Gone),
        (LOG + 1, 5, Verdict::Gone),
        (0, 0, Verdict::Gone),
    ] {
        let subject = Subject::new(b"a.b\0/q", SiteId(1), &[], &[]);
        assert_eq!(table.check(&subject, Born { log_id, seq }, 0), verdict, "{log_id} {seq}");
    }
}

#[test]
fn the_oldest_are_folded_into_their_site_or_host_only() {
    let mut table = Table::new(LOG, 0, TableLimits { scopes: 32, patterns: 1 });
    for seq in 1..=200 {
        let url = Url { host: Some("c.d".into()), target: format!("/{seq}").into() };
        let (seq, purge) = hard(seq, Scope::Url(url));
        table.apply(seq, &purge);
    }
    let other = Stored { url: ("c.d", "/q"), ..page(0) };
    assert_eq!(ask(&table, &page(0), 0), Verdict::Valid, "of another host");
    assert_eq!(ask(&table, &other, 0), Verdict::Gone);
    assert_eq!(ask(&table, &Stored { born: 190, ..other }, 0), Verdict::Valid, "newer than those");
    let TableStats { scopes, floors, folded, .. } = table.stats();
    assert_eq!((scopes as u64 + folded, floors), (200, 1));
    for (seq, tag) in [(201, "/q*"), (202, "a.b/*")] {
        let (seq, purge) = hard(seq, Scope::Pattern(Pattern::new(tag).expect("short")));
        table.apply(seq, &purge);
    }
    assert_eq!(table.stats().patterns, 1);
    assert_eq!(ask(&table, &page(0), 0), Verdict::Gone);
    assert_eq!(ask(&table, &page(201), 0), Verdict::Gone, "by the newer");
}

#[test]
fn what_is_forgotten_mattered_to_nothing_that_is_left() {
    let mut table = Table::new(LOG, 0, TableLimits::default());
    for (seq, tag) in [(1, "t"), (2, "u"), (3, "t"), (4, "v")] {
        let (seq, purge) = hard(seq, Scope::Tag(None, tag.into()));
        table.apply(seq, &purge);
    }
    let (seq, purge) = hard(5, Scope::Pattern(Pattern::new("/r").expect("short")));
    table.apply(seq, &purge);
    table.forget_until(2);
    assert_eq!((table.stats().scopes, table.stats().patterns), (2, 1));
    assert_eq!(ask(&table, &page(2), 0), Verdict::Gone);
    assert_eq!(ask(&table, &page(3), 0), Verdict::Valid);
    let cup = Stored { tags: vec![], url: ("a.b", "/cup"), ..page(1) };
    assert_eq!(ask(&table, &cup, 0), Verdict::Gone, "what cannot be told is gone");
    assert_eq!(ask(&reread(&table, TableLimits::default()), &cup, 0), Verdict::Gone);
    table.forget_until(5);
    assert_eq!((table.stats().scopes, table.stats().patterns), (0, 0));
    assert_eq!(table.head().seq, 5);
}

#[test]
fn a_host_among_more_than_can_be_told_apart_folds_into_everything() {
    let mut table = Table::new(LOG, 0, TableLimits { scopes: 80_000, patterns: 1 });
    for seq in 1..=80_001 {
        let url = Url { host: Some(format!("h{seq}").into()), target: "/".into() };
        let (seq, purge) = hard(seq, Scope::Url(url));
        table.apply(seq, &purge);
    }
    let last = Stored { url: ("h80001", "/"), ..page(0) };
    assert_eq!(ask(&table, &last, 0), Verdict::Gone);
    let folded = Stored { url: ("h1", "/"), ..page(0) };
    assert_eq!(ask(&table, &folded, 0), Verdict::Gone);
    assert_eq!(ask(&table, &page(0), 0), Verdict::Valid);
}
