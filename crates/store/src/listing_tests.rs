//! Looking in: what is listed, in which order, and what pages add up to.

use super::*;
use crate::disk::{Disk, Folder, Format, Settings, wait_for};
use crate::door::Limits;
use crate::entry::Heads;
use crate::purge_log::{self, PurgeLog};
use bytes::Bytes;
use policy::fields::Fields;
use policy::freshness::Life;
use policy::purge::Born;
use policy::request::Request;
use policy::rule::{Rule, SiteId};
use policy::time::{Seconds, Timestamp};
use policy::vary::Variant;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A folder that goes away with its test.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Dir(std::env::temp_dir().join(format!("larder-listing-{}-{number}", std::process::id())))
    }

    fn store(&self, memory_bytes: usize) -> Arc<Store> {
        let settings = Settings {
            size_bytes: 32 << 20,
            segment_bytes: 1 << 20,
            min_free_bytes: 0,
            queue_bytes: 8 << 20,
            readers: 1,
            fresh: Format { seed: 7, log_id: 7 },
            clock: Arc::new(|| Timestamp(0)),
        };
        let disk = Disk::open(Arc::new(Folder::open(&self.0).unwrap()), settings).unwrap();
        Store::new(limits(memory_bytes), purges(), Some(disk))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn purges() -> Arc<PurgeLog> {
    Arc::new(PurgeLog::in_memory(purge_log::Settings::default()))
}

fn limits(memory_bytes: usize) -> Limits {
    Limits {
        memory_bytes,
        max_object_bytes: 1 << 16,
        max_in_memory_bytes: 1 << 16,
        in_flight_bytes: 1 << 20,
        max_variants: 8,
        stale_window: Seconds::new(600),
    }
}

fn put(store: &Arc<Store>, target: &str, language: &str) {
    let request = Request { host: "a.b".into(), target: target.into(), ..Request::default() };
    let key = KeyRef::build(&request, &Rule::default(), &mut Vec::new()).to_key();
    let asked: Fields = [("Accept-Language", language)].into_iter().collect();
    let fields: Fields = [("Vary", "Accept-Language")].into_iter().collect();
    let meta = Meta {
        status: 200,
        variant: Variant::of(&fields, &asked, &[]).unwrap(),
        fields,
        body_bytes: 4,
        has_forms: false,
        life: Life::default(),
        born: Born::default(),
        site: SiteId(0),
        tags: Box::default(),
        sources: Box::default(),
    };
    let departure = store.depart(key.as_ref(), SiteId(0));
    let mut writer = store.begin(&key, None).unwrap();
    wait_for(writer.push(Bytes::from_static(b"body"))).unwrap();
    wait_for(writer.finish(&key, meta, Heads::default(), &departure, None)).unwrap();
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// All that is listed, page by page; `between` is done between pages.
fn list(store: &Store, limit: usize, between: impl Fn(usize)) -> Vec<Listed> {
    let (mut all, mut from) = (Vec::new(), Cursor::default());
    for number in 0.. {
        let page = store.objects(&|_| true, from, limit, later());
        assert!(page.objects.len() <= limit);
        all.extend(page.objects);
        let Some(next) = page.next else { break };
        assert!(next > from, "each page gets on");
        from = next;
        between(number);
    }
    all
}

fn names(listed: &[Listed]) -> Vec<String> {
    let name = |one: &Listed| {
        let target = String::from_utf8_lossy(one.key.as_ref().parts().target).into_owned();
        let language = one.meta.variant.nominated().first().map(|(_, value)| value.to_vec());
        format!("{target} {}", String::from_utf8(language.unwrap_or_default()).unwrap())
    };
    let mut names: Vec<String> = listed.iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn each_response_is_listed_once_with_the_tiers_that_have_it() {
    let dir = Dir::new();
    let store = dir.store(40_000);
    for at in 0..200 {
        put(&store, &format!("/{at}"), "en");
        put(&store, &format!("/{at}"), "de");
    }
    let listed = list(&store, 7, |_| {});
    let names = names(&listed);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 400);
    assert_eq!(names.len(), 400);
    assert!(listed.iter().all(|one| one.on_disk));
    let in_memory = listed.iter().filter(|one| one.in_memory).count() as u64;
    assert_eq!(in_memory, store.stats().entries);
    assert!((1..400).contains(&in_memory), "{in_memory}: memory is for some of them");
    store.close();
    drop(store);
    assert_eq!(self::names(&list(&dir.store(40_000), 100, |_| {})), names, "after a start too");
}

#[test]
fn what_stays_is_met_exactly_once_while_the_rest_comes_and_goes() {
    let dir = Dir::new();
    let store = dir.store(60_000);
    for at in 0..300 {
        put(&store, &format!("/stays/{at}"), "en");
    }
    let listed = list(&store, 10, |number| {
        for at in 0..10 {
            put(&store, &format!("/new/{number}/{at}"), "en");
            put(&store, &format!("/stays/{}", (number * 10 + at) % 300), "en");
        }
    });
    let stays: Vec<String> =
        names(&listed).into_iter().filter(|name| name.starts_with("/stays")).collect();
    assert_eq!(stays.len(), 300);
    assert_eq!(stays.iter().collect::<BTreeSet<_>>().len(), 300);
}

#[test]
fn without_a_disk_memory_is_listed_and_what_is_invalid_is_marked() {
    let store = Store::new(limits(1 << 20), purges(), None);
    for at in 0..50 {
        put(&store, &format!("/{at}"), "en");
    }
    store.invalidate(b"a.b\0/7");
    let listed = list(&store, 9, |_| {});
    assert_eq!(listed.len(), 50);
    assert!(listed.iter().all(|one| one.in_memory && !one.on_disk));
    let invalid: Vec<_> = listed.iter().filter(|one| one.is_invalid).collect();
    assert_eq!(invalid.len(), 1);
    assert_eq!(invalid[0].key.as_ref().parts().target, b"/7");
}

#[test]
fn all_of_one_url_is_found_and_nothing_else() {
    let dir = Dir::new();
    let store = dir.store(1 << 20);
    for language in ["en", "de", "fr"] {
        put(&store, "/a", language);
        put(&store, "/b", language);
    }
    assert_eq!(names(&store.objects_of(b"a.b\0/a")), ["/a de", "/a en", "/a fr"]);
    assert!(store.objects_of(b"a.b\0/none").is_empty());
}

#[test]
fn a_page_that_runs_out_of_time_gets_on_by_one_place_at_least() {
    let store = Store::new(limits(1 << 20), purges(), None);
    for at in 0..20 {
        put(&store, &format!("/{at}"), "en");
    }
    let (mut from, mut found) = (Cursor::default(), 0);
    for _ in 0..=20 {
        let page = store.objects(&|_| true, from, 100, Instant::now());
        found += page.objects.len();
        let Some(next) = page.next else { break };
        from = next;
    }
    assert_eq!(found, 20);
}

#[test]
fn more_keys_than_are_looked_at_together_are_listed_part_by_part() {
    let store = Store::new(limits(1 << 20), purges(), None);
    for at in 0..100 {
        put(&store, &format!("/{at}"), "en");
    }
    let (mut from, mut places) = (0, Vec::new());
    loop {
        let residents = store.memory().residents(from, 8);
        assert!(residents.places.len() <= 8);
        places.extend(residents.places);
        let Some(until) = residents.until else { break };
        assert!(until > from);
        from = until;
    }
    assert_eq!(places.len(), 100);
    assert!(places.is_sorted());
}

#[test]
fn what_was_purged_is_examined_and_stays_where_it_is() {
    use policy::purge::{Force, Purge, Scope};
    let dir = Dir::new();
    let store = dir.store(1 << 20);
    put(&store, "/p", "de");
    put(&store, "/p", "en");
    let request = Request { host: "a.b".into(), target: "/p".into(), ..Request::default() };
    let key = KeyRef::build(&request, &Rule::default(), &mut Vec::new()).to_key();
    let asked: Fields = [("Accept-Language", "de")].into_iter().collect();
    let examine = |asked: &Fields, site| store.examine(&key, asked, SiteId(site));
    let found = examine(&asked, 0);
    let picked = found.picked().expect("it is stored");
    assert!(picked.listed.in_memory && picked.listed.on_disk && !picked.is_gone());
    assert_eq!((found.all.len(), examine(&Fields::new(), 0).picked), (2, None));
    assert_eq!(examine(&asked, 1).picked, None, "another site's");
    let scopes = [Scope::Site(SiteId(0))];
    let (by, why) = ("cms".into(), "news".into());
    let purge = Purge { scopes: scopes.into(), force: Force::Hard, at: Timestamp(5), by, why };
    let seq = wait_for(store.purge(purge)).expect("the log is in memory");
    for _ in 0..2 {
        let found = examine(&asked, 0);
        let picked = found.picked().expect("it is still there");
        assert!(picked.is_gone() && picked.listed.in_memory);
        let covering = &picked.standing.covered_by[0];
        assert_eq!((covering.seq, &covering.scope), (seq, &Scope::Site(SiteId(0))));
    }
    let noted = store.purge_noted(seq).expect("it was the last one");
    assert_eq!((&*noted.by, &*noted.why, noted.at), ("cms", "news", Timestamp(5)));
    assert!(matches!(store.lookup(key.as_ref(), &asked, SiteId(0)), crate::Lookup::Miss));
    assert!(!examine(&asked, 0).all.iter().any(|one| one.listed.in_memory && !one.is_gone()));
}
