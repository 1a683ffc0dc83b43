//! Entries against purges and against each other, by chance and from a printed seed.
//!
//! Values begin to be worked out at some head of the log, are put, and end in any order; in between
//! come purges, hard and soft, and purges are forgotten. What is found is what was begun last of what
//! no purge covers, from whichever tier.

use super::*;
use crate::disk::faulty_device_tests::{Chance, FaultyDevice};
use crate::disk::fixture_tests::{Hands, Tier, settings};
use crate::disk::{take_format, wait_for};
use crate::door::Limits;
use crate::purge_log::{self, PurgeLog};
use crate::scopes::Departure;
use crate::seeds;
use crate::writer::Writer;
use bytes::Bytes;
use policy::entry::{EntryName, Found, Offer, found, offered};
use policy::purge::{Force, Purge, Scope};
use policy::rule::Site;
use policy::time::{Seconds, Timestamp};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const STEPS: u64 = 200;
const TAGS: [&str; 3] = ["t", "u", "soft"];

/// A value, and at which step it was put.
#[derive(Clone, Debug)]
struct Value {
    born: Born,
    begun: u64,
    tags: Vec<&'static str>,
    text: String,
}

/// A value on its way.
struct Put {
    name: usize,
    value: Value,
    meta: Meta,
    writer: Writer,
    departure: Departure,
    /// Purges that came since may have been forgotten when it was put.
    is_old: bool,
}

struct Run {
    chance: Chance,
    now: u64,
    store: Arc<Store>,
    tier: Option<crate::disk::Worker>,
    puts: Vec<Put>,
    kept: [Option<Value>; 2],
    purges: Vec<(u64, Scope, Force)>,
    forgot: u64,
    found: u64,
}

fn name(at: usize) -> EntryName {
    EntryName::parse(["a", "b%2Fc"][at]).expect("a name")
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut chance = Chance(seed);
        let has_disk = chance.once_in(2);
        let limits = Limits {
            // So little that the disk is asked.
            memory_bytes: if has_disk { 3000 } else { 1 << 20 },
            max_object_bytes: 1 << 20,
            max_in_memory_bytes: if has_disk { 1000 } else { 1 << 17 },
            in_flight_bytes: 64 << 20,
            max_variants: 3,
            stale_window: Seconds::new(600),
        };
        let tier = has_disk.then(|| {
            let device = FaultyDevice::new(chance.next(), u64::MAX);
            let settings = settings(&Hands::default());
            take_format(&device, settings.fresh).expect("nothing fails");
            Tier::open(&device, settings).expect("nothing fails")
        });
        let (disk, tier) = tier.map(|Tier { disk, worker }| (Arc::new(disk), worker)).unzip();
        let purges = PurgeLog::in_memory(purge_log::Settings::default());
        Run {
            store: Store::new(limits, Arc::new(purges), disk),
            tier,
            now: 1000,
            puts: Vec::new(),
            kept: [None, None],
            purges: Vec::new(),
            forgot: 0,
            found: 0,
            chance,
        }
    }

    /// Waits for something; the disk works meanwhile.
    fn drive<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            self.work();
        }
        panic!("it waits for ever");
    }

    fn work(&mut self) {
        if let Some(worker) = &mut self.tier {
            worker.turn(Duration::ZERO);
        }
    }

    fn step(&mut self) {
        self.now += 1;
        match self.chance.below(100) {
            0..25 => self.begin(),
            25..50 => self.finish(),
            50..85 => self.look(),
            85..93 => self.purge(),
            93..95 => {
                self.store.let_purges_be_forgotten();
                self.forgot = self.store.head().seq;
            }
            _ => self.work(),
        }
    }

    fn begin(&mut self) {
        let at = self.chance.below(2) as usize;
        let head = self.store.head();
        let key = name(at).key(&Site::default());
        let departure = self.store.depart(key.as_ref(), SiteId(0));
        let seq = if self.chance.once_in(3) { head.seq } else { self.chance.below(head.seq + 1) };
        let departure = departure.since(Born { seq, ..head }).expect("it was there");
        let tags: Vec<&str> =
            TAGS[..2].iter().copied().filter(|_| self.chance.once_in(2)).collect();
        let text = format!("{} ", self.now).repeat(if self.chance.once_in(4) { 300 } else { 3 });
        let tag_field = tags.join(",");
        let described = [
            ("Cache-Control", "max-age=9999, stale-while-revalidate=99"),
            ("Cache-Tag", &tag_field),
        ];
        let fields: Fields = described.into_iter().collect();
        let (born, now) = (departure.born(), Timestamp(self.now));
        let meta = offered(&Offer { fields: &fields, site: SiteId(0), born, now });
        let meta = meta.expect("it is described well");
        let mut writer = self.store.begin(&key, None).expect("there is room");
        self.drive(writer.push(Bytes::from(text.clone()))).expect("there is room");
        let value = Value { born, begun: self.now, tags, text };
        let is_old = born.seq < self.forgot;
        self.puts.push(Put { name: at, value, meta, writer, departure, is_old });
    }

    fn finish(&mut self) {
        if self.puts.is_empty() {
            return;
        }
        let at = self.chance.below(self.puts.len() as u64) as usize;
        let Put { name: at, value, meta, writer, departure, is_old } = self.puts.swap_remove(at);
        if self.chance.once_in(5) {
            // Broken off.
            return drop((writer, departure));
        }
        let key = name(at).key(&Site::default());
        let is_kept = self.drive(writer.finish_entry(&key, meta, &departure)).expect("it can be");
        let before = self.kept[at].as_ref();
        let is_later = before
            .is_some_and(|before| (before.born.seq, before.begun) > (value.born.seq, value.begun));
        let is_gone = before.is_some_and(|before| self.is_purged(at, before, Some(Force::Hard)));
        if self.is_purged(at, &value, None) || (is_later && !is_gone) {
            assert!(!is_kept, "{value:?} in the place of {before:?}");
        } else if !is_later && !is_old {
            assert!(is_kept, "{value:?} after {before:?}");
        }
        if is_kept {
            self.kept[at] = Some(value);
        }
    }

    fn look(&mut self) {
        let at = self.chance.below(2) as usize;
        let key = name(at).key(&Site::default());
        let store = self.store.clone();
        let entry = self.drive(store.entry(&key, SiteId(0)));
        let Some(value) = self.kept[at].clone() else {
            return assert!(entry.is_none(), "nothing was kept");
        };
        if self.is_purged(at, &value, Some(Force::Hard)) {
            return assert!(entry.is_none(), "{value:?} is purged");
        }
        let entry = entry.unwrap_or_else(|| panic!("{value:?} is kept"));
        let mut chunks = entry.body.chunks(0..entry.body.len());
        let mut text = Vec::new();
        while let Some(chunk) = self.drive(chunks.next()).expect("it is there") {
            text.extend_from_slice(&chunk);
        }
        assert_eq!(
            text,
            value.text.as_bytes(),
            "{value:?} not {:?} {:?}",
            entry.meta.born,
            entry.meta.life
        );
        assert_eq!(entry.meta.born, value.born);
        let now = Timestamp(self.now);
        let is_fresh = |life: &Life| matches!(found(life, now), Found::Fresh(_));
        assert_eq!(is_fresh(&entry.meta.life), !self.is_purged(at, &value, None), "{value:?}");
        let beside = self.store.life_beside(&key, &entry.meta, &[TAGS[2].into()]);
        let mut with = value.clone();
        with.tags.push(TAGS[2]);
        assert_eq!(beside.is_none(), self.is_purged(at, &with, Some(Force::Hard)), "{with:?}");
        if let Some(life) = beside {
            assert_eq!(is_fresh(&life), !self.is_purged(at, &with, None), "{with:?}");
        }
        self.found += 1;
    }

    fn purge(&mut self) {
        let scope = match self.chance.below(8) {
            0 => Scope::Everything,
            1 => name(self.chance.below(2) as usize).scope(&Site::default()),
            _ => Scope::Tag(Some(SiteId(0)), TAGS[self.chance.below(3) as usize].into()),
        };
        let force = if self.chance.once_in(2) { Force::Hard } else { Force::Soft };
        let (scopes, at) = ([scope.clone()].into(), Timestamp(self.now));
        let purge = Purge { scopes, force, at, by: "".into(), why: "".into() };
        let seq = wait_for(self.store.purge(purge)).expect("nothing fails");
        self.purges.push((seq, scope, force));
    }

    /// Whether a purge that covers a value came since it was begun.
    fn is_purged(&self, at: usize, value: &Value, by: Option<Force>) -> bool {
        let covers = |scope: &Scope| match scope {
            Scope::Tag(_, tag) => value.tags.contains(&&**tag),
            Scope::Url(_) => *scope == name(at).scope(&Site::default()),
            _ => true,
        };
        self.purges.iter().any(|(seq, scope, force)| {
            *seq > value.born.seq && covers(scope) && by.is_none_or(|by| by == *force)
        })
    }
}

#[test]
fn what_is_found_is_the_latest_that_no_purge_covers() {
    let (runs, found) = seeds::run(4, |seed| {
        let mut run = Run::new(seed);
        (0..STEPS).for_each(|_| run.step());
        run.found
    });
    assert!(found > runs * 5, "hardly anything was found: {found} in {runs} runs");
}

#[test]
fn a_point_of_another_log_or_ahead_is_none() {
    let run = Run::new(1);
    let key = name(0).key(&Site::default());
    let head = run.store.head();
    for (born, is_one) in [
        (head, true),
        (Born { seq: head.seq + 1, ..head }, false),
        (Born { log_id: head.log_id + 1, ..head }, false),
    ] {
        let departure = run.store.depart(key.as_ref(), SiteId(0));
        assert_eq!(departure.since(born).is_some(), is_one, "{born}");
    }
}
