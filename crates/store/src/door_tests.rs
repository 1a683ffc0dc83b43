//! The door as its users see it.

use super::*;
use crate::disk::wait_for;
use crate::entry::Form;
use crate::purge_log::{self, PurgeLog};
use crate::writer::Writer;
use bytes::Bytes;
use policy::coding::Coding;
use policy::freshness::Life;
use policy::purge::{Born, Force, Scope};
use policy::reason::WhySkip;
use policy::request::Request;
use policy::rule::{Rule, SiteId};
use policy::time::Timestamp;
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    memory_bytes: 1 << 20,
    max_object_bytes: 1 << 16,
    max_in_memory_bytes: 1 << 20,
    in_flight_bytes: 1 << 17,
    max_variants: 3,
    stale_window: Seconds::new(600),
};

fn purges() -> Arc<PurgeLog> {
    Arc::new(PurgeLog::in_memory(purge_log::Settings::default()))
}

fn key(target: &str) -> Key {
    let request = Request { host: "a.b".into(), target: target.into(), ..Request::default() };
    KeyRef::build(&request, &Rule::default(), &mut Vec::new()).to_key()
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().copied().collect()
}

fn meta(vary: &str, request: &Fields) -> Meta {
    let response = fields(&[("Vary", vary)]);
    Meta {
        status: 200,
        has_forms: true,
        variant: Variant::of(&response, request, &[]).expect("no star"),
        fields: response,
        body_bytes: 0,
        life: Life::default(),
        born: Born::default(),
        site: SiteId(0),
        tags: Box::default(),
        sources: Box::default(),
    }
}

fn answered(seconds: u64) -> Meta {
    let mut meta = meta("", &Fields::new());
    meta.life.answered = Timestamp::from_seconds(seconds);
    meta
}

fn put(store: &Arc<Store>, target: &str, vary: &str, request: &Fields, body: &[u8]) -> Arc<Entry> {
    let key = key(target);
    let departure = store.depart(key.as_ref(), SiteId(0));
    let mut writer = store.begin(&key, None).expect("room");
    wait_for(writer.push(Bytes::copy_from_slice(body))).expect("room");
    finish(writer, &key, meta(vary, request), &departure)
}

fn finish(writer: Writer, key: &Key, meta: Meta, departure: &Departure) -> Arc<Entry> {
    let finished = writer.finish(key, meta, Heads::default(), departure, None);
    wait_for(finished).expect("no disk that fails")
}

fn body_of(store: &Store, target: &str, request: &Fields) -> Option<Vec<u8>> {
    match store.lookup(key(target).as_ref(), request, SiteId(0)) {
        Lookup::Hit(entry) => entry.body.in_memory().map(|body| body.to_vec()),
        _ => None,
    }
}

#[test]
fn what_was_written_is_found_and_nothing_else() {
    let store = Store::new(LIMITS, purges(), None);
    let any = Fields::new();
    put(&store, "/a", "", &any, b"one");
    assert_eq!(body_of(&store, "/a", &any), Some(b"one".to_vec()));
    assert_eq!(body_of(&store, "/b", &any), None);
    put(&store, "/a", "", &any, b"two");
    assert_eq!(body_of(&store, "/a", &any), Some(b"two".to_vec()));
    assert_eq!(store.stats().entries, 1);
}

#[test]
fn a_dropped_writer_leaves_nothing() {
    let store = Store::new(LIMITS, purges(), None);
    let mut writer = store.begin(&key("/any"), Some(100)).expect("room");
    wait_for(writer.push(Bytes::from_static(b"half"))).expect("room");
    assert_eq!(store.stats().in_flight_bytes, 100);
    drop(writer);
    assert_eq!(store.stats(), Stats::default());
}

#[test]
fn bodies_are_bounded_each_and_all_together() {
    let store = Store::new(LIMITS, purges(), None);
    assert_eq!(store.begin(&key("/any"), Some((1 << 16) + 1)).err(), Some(WhySkip::TooLarge));
    let first = store.begin(&key("/any"), Some(1 << 16)).expect("room");
    let second = store.begin(&key("/any"), Some(1 << 16)).expect("room");
    assert_eq!(store.begin(&key("/any"), Some(1)).err(), Some(WhySkip::InFlight));
    drop(first);
    let mut third = store.begin(&key("/any"), None).expect("room");
    wait_for(third.push(Bytes::from(vec![0; 1 << 16]))).expect("room again");
    assert_eq!(wait_for(third.push(Bytes::from_static(b"x"))), Err(WhySkip::TooLarge));
    drop((second, third));
    assert_eq!(store.stats().in_flight_bytes, 0);
}

#[test]
fn bodies_that_clients_still_read_count_after_they_were_given_up() {
    let limits = Limits { memory_bytes: 1 << 17, ..LIMITS };
    let store = Store::new(limits, purges(), None);
    let any = Fields::new();
    let large = vec![7; 1 << 16];
    let mut held = Vec::new();
    for number in 0.. {
        let key = key(&format!("/{number}"));
        let departure = store.depart(key.as_ref(), SiteId(0));
        let Ok(mut writer) = store.begin(&key, Some(1 << 16)) else { break };
        wait_for(writer.push(Bytes::copy_from_slice(&large))).expect("reserved");
        held.push(finish(writer, &key, meta("", &any), &departure));
    }
    assert!(store.stats().alive_bytes <= (1 << 17) * 2, "memory and in_flight_bytes at the most");
    assert!(held.len() >= 3);
    held.clear();
    assert!(store.begin(&key("/any"), Some(1 << 16)).is_ok(), "room again when nobody reads them");
}

#[test]
fn variants_are_told_apart_and_bounded() {
    let store = Store::new(LIMITS, purges(), None);
    let asks = |value: &str| fields(&[("X-A", value)]);
    for value in ["1", "2", "3"] {
        put(&store, "/a", "X-A", &asks(value), value.as_bytes());
    }
    assert_eq!(body_of(&store, "/a", &asks("1")), Some(b"1".to_vec()));
    assert!(matches!(
        store.lookup(key("/a").as_ref(), &asks("9"), SiteId(0)),
        Lookup::OtherVariants(variant) if variant.answers(&asks("9"))
    ));
    put(&store, "/a", "X-A", &asks("4"), b"4");
    assert_eq!(body_of(&store, "/a", &asks("1")), None, "the oldest made room");
    assert_eq!(body_of(&store, "/a", &asks("4")), Some(b"4".to_vec()));
    assert_eq!(store.stats().entries, 3);
}

#[test]
fn a_refresh_shares_the_body() {
    let store = Store::new(LIMITS, purges(), None);
    let any = Fields::new();
    let old = put(&store, "/a", "", &any, b"body");
    let departure = store.depart(key("/a").as_ref(), SiteId(0));
    let wider = meta("X-A", &any);
    let new = store.refresh(&key("/a"), &old, renewed(wider), &departure);
    let address = |entry: &Entry| entry.body.in_memory().map(|body| body.as_ptr());
    assert_eq!(address(&old), address(&new));
    assert_eq!(store.stats().entries, 1, "the old one is replaced although its Vary differs");
}

fn renewed(meta: Meta) -> Renewed {
    let form_head = Rc::new(|_: &Meta, _, length| Bytes::from(format!("of {length}")));
    Renewed { meta, heads: Heads::default(), form_head }
}

fn form(store: &Arc<Store>, body: &[u8]) -> Made {
    let mut writer = store.begin(&key("/any"), None).expect("room");
    wait_for(writer.push(Bytes::copy_from_slice(body))).expect("room");
    Made::Form(Form {
        head: Bytes::from_static(b"head"),
        body: writer.into_body().expect("in memory"),
    })
}

#[test]
fn a_form_counts_and_lives_as_long_as_what_it_was_made_of() {
    let store = Store::new(LIMITS, purges(), None);
    let any = Fields::new();
    let old = put(&store, "/a", "", &any, b"body");
    let before = store.stats();
    store.add_form(&key("/a"), &old, Coding::Br, |_| form(&store, b"coded"));
    assert!(store.stats().bytes >= before.bytes + 9);
    let departure = store.depart(key("/a").as_ref(), SiteId(0));
    let new = store.refresh(&key("/a"), &old, renewed(meta("", &any)), &departure);
    let Some(Made::Form(kept)) = new.forms.get(Coding::Br) else { panic!("the form is gone") };
    assert_eq!(kept.head, "of 5", "what is renewed has heads of its own");
    assert_eq!(kept.body.in_memory().map(|body| &body[..]), Some(&b"coded"[..]));
    let full = store.stats();
    store.add_form(&key("/a"), &old, Coding::Gzip, |_| form(&store, b"late"));
    assert!(new.forms.get(Coding::Gzip).is_some(), "what took its place has the same body");
    // Of two that were confirmed at once, the one asked for earlier lacks what the other has.
    let third = store.refresh(&key("/a"), &old, renewed(meta("", &any)), &departure);
    assert!(third.forms.get(Coding::Gzip).is_some() && third.forms.get(Coding::Br).is_some());
    put(&store, "/a", "", &any, b"other");
    assert!(store.stats().bytes < full.bytes, "a form goes with what it was made of");
    assert_eq!(store.stats().entries, 1);
}

#[test]
fn forms_make_room_like_everything_else() {
    let store = Store::new(LIMITS, purges(), None);
    let any = Fields::new();
    for n in 0..200 {
        let target = format!("/{n}");
        let entry = put(&store, &target, "", &any, &[7; 4000]);
        store.add_form(&key(&target), &entry, Coding::Zstd, |_| form(&store, &[7; 3900]));
        assert!(store.stats().bytes <= LIMITS.memory_bytes as u64, "after {n}");
    }
    assert!(store.stats().evictions > 0);
}

#[test]
fn a_slow_exchange_does_not_bring_an_older_response_back() {
    let store = Store::new(LIMITS, purges(), None);
    let any = Fields::new();
    let departure = store.depart(key("/a").as_ref(), SiteId(0));
    for (seconds, body) in [(7, &b"newer"[..]), (5, b"older")] {
        let mut writer = store.begin(&key("/any"), None).expect("room");
        wait_for(writer.push(Bytes::from_static(body))).expect("room");
        finish(writer, &key("/a"), answered(seconds), &departure);
    }
    assert_eq!(body_of(&store, "/a", &any), Some(b"newer".to_vec()));
    drop(departure);
    assert_eq!(store.scopes.len(), 1, "what was not kept holds no slot");
}

#[test]
fn a_confirmed_response_does_not_take_the_place_of_a_newer_one() {
    let store = Store::new(LIMITS, purges(), None);
    let any = Fields::new();
    let stored = |seconds, body: &'static [u8]| {
        let departure = store.depart(key("/a").as_ref(), SiteId(0));
        let mut writer = store.begin(&key("/a"), None).expect("room");
        wait_for(writer.push(Bytes::from_static(body))).expect("room");
        finish(writer, &key("/a"), answered(seconds), &departure)
    };
    let (old, new) = (stored(5, b"older"), stored(7, b"newer"));
    // Who found the older one before the newer came leaves only now.
    let departure = store.depart(key("/a").as_ref(), SiteId(0));
    let once = store.refresh(&key("/a"), &old, renewed(answered(9)), &departure);
    assert_eq!(once.body.in_memory(), old.body.in_memory(), "it is served once");
    assert_eq!(body_of(&store, "/a", &any), Some(b"newer".to_vec()));
    drop(departure);
    let departure = store.depart(key("/a").as_ref(), SiteId(0));
    store.refresh(&key("/a"), &new, renewed(answered(9)), &departure);
    let Lookup::Hit(kept) = store.lookup(key("/a").as_ref(), &any, SiteId(0)) else { panic!() };
    assert_eq!(kept.meta.life.answered, Timestamp::from_seconds(9), "the newer one is confirmed");
}

#[test]
fn invalid_is_what_left_before_and_not_what_left_after() {
    let store = Store::new(LIMITS, purges(), None);
    let any = Fields::new();
    let scope = key("/a").as_ref().url().to_vec();
    assert!(!store.invalidate(&scope), "nothing is stored or on its way");
    let early = store.depart(key("/a").as_ref(), SiteId(0));
    let stored = put(&store, "/a", "", &any, b"old");
    assert!(!store.is_invalid(&stored));
    assert!(store.invalidate(&scope));
    assert!(store.is_invalid(&stored) && early.is_overtaken());
    let late = store.begin(&key("/any"), None).expect("room");
    let late = finish(late, &key("/a"), meta("", &any), &early);
    assert!(store.is_invalid(&late), "its request left before");
    let after = put(&store, "/a", "", &any, b"new");
    assert!(!store.is_invalid(&after));
    put(&store, "/b", "", &any, b"other");
    assert!(store.invalidate(key("/b").as_ref().url()));
    assert!(!store.is_invalid(&after), "another URL is another matter");
}

#[test]
fn what_a_purge_made_stale_takes_no_place_of_what_came_meanwhile() {
    let store = Store::new(LIMITS, purges(), None);
    let any = Fields::new();
    let fresh = |body: &'static [u8]| {
        let key = key("/a");
        let departure = store.depart(key.as_ref(), SiteId(0));
        let mut writer = store.begin(&key, None).expect("room");
        wait_for(writer.push(Bytes::from_static(body))).expect("room");
        let life = Life { lifetime: Seconds::new(60), ..Life::default() };
        finish(writer, &key, Meta { life, ..meta("", &any) }, &departure)
    };
    let old = fresh(b"old");
    let soft = Purge {
        scopes: [Scope::Everything].into(),
        force: Force::Soft,
        at: Timestamp(5),
        by: "".into(),
        why: "".into(),
    };
    wait_for(store.purge(soft)).expect("it is in memory");
    fresh(b"new");
    // Who found it before looks at the purges only now.
    let key = key("/a");
    let found = store.settled(store.hash(key.as_ref().bytes()), key.as_ref(), old);
    assert!(matches!(found, Lookup::Hit(_)));
    assert_eq!(body_of(&store, "/a", &any), Some(b"new".to_vec()));
    assert_eq!(store.stats().entries, 1);
}

proptest! {
    /// Whatever is put, what is counted stays within the bound, and what is found is the last
    /// that was put under its key.
    #[test]
    fn the_bound_holds_and_the_last_wins(puts in prop::collection::vec((0u8..40, 0usize..3000), 1..300)) {
        let limits = Limits { memory_bytes: 40_000, ..LIMITS };
        let store = Store::new(limits, purges(), None);
        let any = Fields::new();
        let mut last = std::collections::HashMap::new();
        for (name, length) in puts {
            let target = format!("/{name}");
            let body = vec![name; length];
            put(&store, &target, "", &any, &body);
            last.insert(target, body);
            prop_assert!(store.stats().bytes <= 40_000);
        }
        for (target, body) in &last {
            if let Some(found) = body_of(&store, target, &any) {
                prop_assert_eq!(&found, body);
            }
        }
        prop_assert!(store.scopes.len() as u64 <= store.stats().entries);
    }
}

fn purge_tag(log: &PurgeLog, tag: &str) {
    let purge = Purge {
        scopes: [Scope::Tag(None, tag.into())].into(),
        force: Force::Hard,
        at: Timestamp(1),
        by: "".into(),
        why: "".into(),
    };
    log.append(purge).wait().expect("a log in memory");
}

#[test]
fn purges_are_forgotten_that_matter_to_nothing_stored_or_on_its_way() {
    let log = purges();
    let store = Store::new(LIMITS, log.clone(), None);
    let scopes = || log.stats().table.scopes;
    let slow = store.depart(key("/slow").as_ref(), SiteId(0));
    (0..5).for_each(|n| purge_tag(&log, &n.to_string()));
    store.let_purges_be_forgotten();
    assert_eq!(scopes(), 5, "what left before them is on its way");
    drop(slow);
    let stored = store.depart(key("/a").as_ref(), SiteId(0));
    let writer = store.begin(&key("/a"), None).expect("room");
    let meta = Meta { born: stored.born(), ..meta("", &Fields::new()) };
    finish(writer, &key("/a"), meta, &stored);
    drop(stored);
    (5..8).for_each(|n| purge_tag(&log, &n.to_string()));
    store.let_purges_be_forgotten();
    assert_eq!(scopes(), 3, "those that came after what is stored");
    assert!(body_of(&store, "/a", &Fields::new()).is_some());
    purge_tag(&log, "9");
    store.let_purges_be_forgotten();
    assert!(body_of(&store, "/a", &Fields::new()).is_some());
}
