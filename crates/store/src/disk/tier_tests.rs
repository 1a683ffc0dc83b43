//! What the disk tier promises, sentence by sentence.

use super::faulty_device_tests::{Faults, FaultyDevice};
use super::fixture_tests::{Hands, Tier, asks, body_of, key, meta, settings, variant};
use super::op::{Act, Op};
use super::tier::Found;
use super::{Disk, Folder, OpenError, stat, verify};
use bytes::Bytes;
use policy::meta::Meta;
use policy::purge::Born;
use std::sync::Arc;
use std::time::Duration;

fn device() -> FaultyDevice {
    FaultyDevice::new(1, u64::MAX)
}

fn tier(device: &FaultyDevice) -> Tier {
    Tier::open(device, settings(&Hands::default())).unwrap()
}

/// What is found of `/` for a request, by body, meta and mark.
fn seen(tier: &Tier, value: &str) -> Option<(String, u64, bool)> {
    let stored = tier.find(&key("http", "/"), &asks(value))?;
    let body = String::from_utf8(body_of(&stored).to_vec()).unwrap();
    Some((body, stored.meta.life.answered.0, stored.must_validate))
}

fn is(body: &str, answered: u64, must_validate: bool) -> Option<(String, u64, bool)> {
    Some((body.to_owned(), answered, must_validate))
}

/// Looks while all waits, when it is written, after a clean end, and after a kill.
fn always(act: impl Fn(&Tier), check: impl Fn(&Tier)) {
    let device = device();
    let mut tier = tier(&device);
    act(&tier);
    check(&tier);
    tier.work();
    check(&tier);
    drop(tier);
    let killed = self::tier(&device);
    check(&killed);
    killed.close();
    let closed = self::tier(&device);
    check(&closed);
    assert_eq!(closed.disk.stats().corrupt_records, 0);
}

#[test]
fn the_newest_of_a_variant_is_found_from_when_it_is_put_on() {
    let root = key("http", "/");
    always(
        |tier| {
            assert!(tier.put(&root, meta("a", 1), b"old"));
            assert!(tier.put(&root, meta("b", 2), b"other"));
            assert!(tier.put(&root, meta("a", 3), b"new"));
        },
        |tier| {
            assert_eq!(seen(tier, "a"), is("new", 3, false));
            assert_eq!(seen(tier, "b"), is("other", 2, false));
            assert_eq!(seen(tier, "c"), None);
        },
    );
}

#[test]
fn a_request_for_another_variant_is_told_its_place() {
    let device = device();
    let tier = tier(&device);
    tier.put(&key("http", "/"), meta("a", 1), b"");
    let found = super::reply::wait_for(tier.disk.find(&key("http", "/"), &asks("c")));
    assert!(matches!(found, Found::OtherVariants(place) if place == variant("c")));
    let found = super::reply::wait_for(tier.disk.find(&key("http", "/x"), &asks("c")));
    assert!(matches!(found, Found::Nothing));
    assert!(tier.disk.may_have(key("https", "/").as_ref().url()));
    assert!(!tier.disk.may_have(key("http", "/x").as_ref().url()));
}

#[test]
fn an_update_changes_the_meta_and_keeps_the_body() {
    let root = key("http", "/");
    always(
        |tier| {
            tier.put(&root, meta("a", 1), b"body");
            tier.update(&root, ("a", 4), meta("a", 5));
            tier.update(&root, ("a", 4), meta("b", 6));
            tier.update(&root, ("nothing", 4), meta("nothing", 7));
        },
        |tier| {
            assert_eq!(seen(tier, "b"), is("body", 6, false));
            assert_eq!(seen(tier, "a"), None);
            assert_eq!(seen(tier, "nothing"), None);
        },
    );
}

#[test]
fn an_update_is_for_the_response_that_was_confirmed_and_for_no_other() {
    let root = key("http", "/");
    let tagged = |value, answered, tag: &str| {
        let mut meta = meta(value, answered);
        meta.fields.set(policy::name::Name::Etag, tag.as_bytes());
        meta
    };
    let dated = |value, answered, day| {
        let mut meta = meta(value, answered);
        let date = format!("Mon, 0{day} Jan 2024 00:00:00 GMT");
        meta.fields.push(b"last-modified", date.as_bytes());
        meta
    };
    always(
        |tier| {
            tier.put(&root, tagged("a", 1, "\"one\""), b"one");
            tier.put(&root, tagged("a", 2, "\"two\""), b"two");
            tier.update(&root, ("a", 3), tagged("a", 3, "\"one\""));
            tier.put(&root, tagged("b", 4, "\"two\""), b"two");
            tier.update(&root, ("b", 3), tagged("b", 5, "\"two\""));
            tier.put(&root, tagged("c", 6, "\"two\""), b"two");
            tier.update(&root, ("c", 3), tagged("d", 7, "\"one\""));
            // One weak tag for two codings.
            let mut coded = tagged("e", 8, "W/\"one\"");
            coded.fields.push(b"content-encoding", b"gzip");
            tier.put(&root, coded, b"coded");
            tier.update(&root, ("e", 5), tagged("e", 9, "\"one\""));
            // It has no validator, and what was confirmed had.
            let mut bare = tagged("f", 10, "");
            bare.fields.remove(policy::name::Name::Etag);
            tier.put(&root, bare, b"bare");
            tier.update(&root, ("f", 4), tagged("f", 11, "W/\"one\""));
            // A 304 brought another date.
            tier.put(&root, dated("g", 12, 1), b"dated");
            tier.update(&root, ("g", 5), dated("g", 13, 2));
            // One weak tag for two bodies that nobody said the length of.
            tier.put(&root, tagged("h", 14, "W/\"one\""), b"of today");
            tier.update(&root, ("h", 12), tagged("h", 15, "W/\"one\""));
        },
        |tier| {
            assert_eq!((seen(tier, "e"), seen(tier, "f")), (None, None));
            assert_eq!(seen(tier, "h"), None);
            assert_eq!(seen(tier, "g"), is("dated", 13, false));
            assert_eq!(seen(tier, "a"), None);
            assert_eq!(seen(tier, "b"), is("two", 5, false));
            assert_eq!((seen(tier, "c"), seen(tier, "d")), (None, None));
        },
    );
}

#[test]
fn what_is_made_invalid_must_be_validated_until_it_is_confirmed() {
    let (http, https) = (key("http", "/"), key("https", "/"));
    always(
        |tier| {
            tier.put(&http, meta("a", 1), b"one");
            tier.put(&http, meta("b", 2), b"two");
            tier.put(&https, meta("a", 3), b"three");
            tier.disk.invalidate(http.as_ref().url());
            tier.update(&http, ("b", 3), meta("b", 4));
            tier.put(&http, meta("c", 5), b"later");
            tier.disk.put(&http, meta("d", 6), Bytes::from("overtaken"), || true);
        },
        |tier| {
            assert_eq!(seen(tier, "a"), is("one", 1, true));
            assert_eq!(seen(tier, "b"), is("two", 4, false));
            assert_eq!(seen(tier, "c"), is("later", 5, false));
            assert_eq!(seen(tier, "d"), is("overtaken", 6, true));
            assert!(tier.find(&https, &asks("a")).unwrap().must_validate);
        },
    );
}

#[test]
fn what_is_forgotten_stays_so() {
    let root = key("http", "/");
    always(
        |tier| {
            tier.put(&root, meta("a", 1), b"one");
            tier.put(&root, meta("b", 1), b"two");
            tier.disk.forget(&root, &variant("a"));
        },
        |tier| {
            assert_eq!(seen(tier, "a"), None);
            assert_eq!(seen(tier, "b"), is("two", 1, false));
        },
    );
}

#[test]
fn what_does_not_fit_takes_the_older_one_away_too() {
    let root = key("http", "/");
    always(
        |tier| {
            tier.put(&root, meta("a", 1), b"one");
            assert!(!tier.put(&root, meta("a", 2), &[0; 5000]));
        },
        |tier| assert_eq!(seen(tier, "a"), None),
    );
}

#[test]
fn a_confirmed_response_that_moves_is_found_while_it_is_written() {
    let device = device();
    let mut tier = tier(&device);
    let root = key("http", "/");
    tier.put(&root, meta("a", 1), b"body");
    tier.update(&root, ("a", 4), meta("b", 2));
    tier.work();
    // As it stands when its record is written, and the note that its old place is empty is not.
    let seq = tier.find(&root, &asks("b")).expect("it was moved").seq;
    let meta = Meta { body_bytes: 4, ..meta("b", 2) };
    let act = Act::Update { key: root.clone(), old: variant("a"), meta, must_validate: false };
    let shared = &tier.worker.shared;
    let url = shared.url_hash(root.as_ref().url());
    shared.index.shard(url).wait(Op::new(seq, url, act));
    assert_eq!(seen(&tier, "b"), is("body", 2, false));
    assert_eq!(seen(&tier, "a"), None);
}

#[test]
fn a_full_queue_drops_what_comes_and_what_it_would_supersede() {
    let device = device();
    let mut tier = tier(&device);
    let root = key("http", "/");
    tier.put(&root, meta("a", 1), b"old");
    tier.work();
    let mut at = 0;
    while tier.put(&key("http", &format!("/{at}")), meta("a", 1), &[0; 2000]) {
        at += 1;
    }
    assert!(!tier.put(&root, meta("a", 2), &[0; 2000]));
    assert_eq!(seen(&tier, "a"), None);
    tier.work();
    assert_eq!(seen(&tier, "a"), None);
    assert_eq!(tier.disk.stats().dropped_puts, 2);
}

#[test]
fn a_full_queue_drops_what_a_confirmed_one_would_supersede_elsewhere() {
    let device = device();
    let mut tier = tier(&device);
    let root = key("http", "/");
    tier.put(&root, meta("a", 2), b"to be moved");
    tier.put(&root, meta("b", 1), b"older");
    tier.work();
    let full = |at| !tier.put(&key("http", &format!("/{at}")), meta("a", 1), &[0; 2000]);
    assert!((0..1000).any(full));
    let mut moved = meta("b", 3);
    moved.fields.push(b"x-long", &[b'x'; 2000]);
    tier.update(&root, ("a", 11), moved);
    assert_eq!((seen(&tier, "a"), seen(&tier, "b")), (None, None));
    tier.work();
    assert_eq!((seen(&tier, "a"), seen(&tier, "b")), (None, None));
}

#[test]
fn damage_is_a_miss_and_counted() {
    for (end, by_scan) in [(".seg", false), (".seg", true), (".idx", false)] {
        let device = device();
        let tier = tier(&device);
        for at in 0..50 {
            tier.put(&key("http", &format!("/{at}")), meta("a", at), b"body");
        }
        tier.close();
        device.damage(end, 0.0);
        if by_scan {
            device.damage(".idx", 0.0);
        }
        let tier = self::tier(&device);
        let is_there = |at: &u64| {
            let found = tier.find(&key("http", &format!("/{at}")), &asks("a"));
            found.is_some_and(|stored| {
                stored.meta.life.answered.0 == *at && body_of(&stored) == b"body"
            })
        };
        let there = (0..50).filter(is_there).count();
        assert_eq!(there, if end == ".seg" { 49 } else { 50 }, "{end}");
        assert_eq!(tier.disk.stats().corrupt_records, u64::from(end == ".seg"), "{end}");
    }
}

#[test]
fn a_torn_end_loses_the_last_record_only() {
    let device = device();
    let mut tier = tier(&device);
    for at in 0..9 {
        tier.put(&key("http", &format!("/{at}")), meta("a", at), b"body");
    }
    tier.work();
    drop(tier);
    device.truncate(".seg", 40);
    let tier = self::tier(&device);
    assert_eq!(tier.disk.stats().objects, 8);
    tier.put(&key("http", "/8"), meta("a", 10), b"again");
    tier.close();
    let tier = self::tier(&device);
    assert_eq!(tier.disk.stats().objects, 9);
    assert_eq!(body_of(&tier.find(&key("http", "/8"), &asks("a")).unwrap()), b"again");
}

#[test]
fn a_failing_disk_is_read_on_and_tried_again() {
    let (device, hands) = (device(), Hands::default());
    let mut tier = Tier::open(&device, settings(&hands)).unwrap();
    let root = key("http", "/");
    tier.put(&root, meta("a", 1), b"kept");
    tier.put(&root, meta("b", 1), b"old");
    tier.work();
    device.set_faults(Faults { write_error: 1, ..Faults::default() });
    tier.put(&root, meta("b", 2), b"lost");
    tier.work();
    assert!(tier.disk.stats().failing.is_some());
    assert_eq!(seen(&tier, "a"), is("kept", 1, false));
    assert_eq!(seen(&tier, "b"), None, "nothing older stands in for what was lost");
    tier.disk.invalidate(root.as_ref().url());
    tier.work();
    assert_eq!(seen(&tier, "a"), is("kept", 1, true));
    device.set_faults(Faults::default());
    hands.turn(9_999);
    tier.work();
    assert!(tier.disk.stats().failing.is_some());
    hands.turn(1);
    tier.work();
    assert_eq!(tier.disk.stats().failing, None);
    drop(tier);
    let tier = self::tier(&device);
    assert_eq!(seen(&tier, "a"), is("kept", 1, true), "what was owed was noted");
    assert_eq!(seen(&tier, "b"), None);
}

#[test]
fn room_is_made_within_the_bound_and_what_is_used_stays() {
    let device = device();
    let mut tier = tier(&device);
    let root = key("http", "/");
    tier.put(&root, meta("a", 1), b"used");
    for at in 0..2000 {
        tier.put(&key("http", &format!("/{at}")), meta("a", at), &[7; 500]);
        tier.work();
        if at % 20 == 0 {
            assert_eq!(seen(&tier, "a"), is("used", 1, false), "at {at}");
        }
    }
    let stats = tier.disk.stats();
    assert!(stats.reclaimed_segments > 20 && stats.carried_bytes > 0, "{stats:?}");
    assert!(device.most_bytes() <= settings(&Hands::default()).size_bytes + 64, "{stats:?}");
    assert!(stats.objects > 100, "{stats:?}");
    drop(tier);
    let again = self::tier(&device);
    assert_eq!(again.disk.stats().objects, stats.objects);
    assert_eq!(seen(&again, "a"), is("used", 1, false));
}

#[test]
fn a_folder_is_held_alone_and_only_ours_is_taken() {
    let path = std::env::temp_dir().join(format!("larder-folder-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let settings = || settings(&Hands::default());
    let open = || Disk::open(Arc::new(Folder::open(&path)?), settings());
    let disk = open().unwrap();
    assert!(matches!(Folder::open(&path), Err(OpenError::InUse)));
    let root = key("http", "/");
    assert!(disk.put(&root, meta("a", 1), Bytes::from("body"), || false));
    assert!(disk.flush(Duration::from_secs(60)));
    disk.close();
    assert!(!disk.put(&root, meta("b", 1), Bytes::from("body"), || false), "it is closed");
    drop(disk);
    let disk = open().unwrap();
    let format = std::fs::read_to_string(path.join("format")).unwrap();
    assert!(format.contains("log 0000000000000002"), "{format}");
    let found = super::reply::wait_for(disk.find(&root, &asks("a")));
    assert!(matches!(found, Found::Response(stored) if body_of(&stored) == b"body"));
    drop(disk);
    std::fs::write(path.join("format"), "larder-store 2\n").unwrap();
    assert!(matches!(open(), Err(OpenError::Newer { version: 2 })));
    std::fs::remove_file(path.join("format")).unwrap();
    assert!(matches!(open(), Err(OpenError::Foreign { name }) if name == "segments"));
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_foreign_folder_is_left_as_it_is() {
    let path = std::env::temp_dir().join(format!("larder-foreign-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    assert!(matches!(Folder::open_existing(&path), Err(OpenError::Io { .. })));
    assert!(!path.exists());
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("letters"), "dear").unwrap();
    assert!(matches!(Folder::open(&path), Err(OpenError::Foreign { name }) if name == "letters"));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1);
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn what_is_stored_is_listed_in_one_order_written_or_not() {
    let device = device();
    let mut tier = tier(&device);
    let list = |tier: &Tier, from: u64| -> Vec<(u64, u64)> {
        let wanted = |key: policy::key::KeyRef<'_>| key.parts().target.starts_with(b"/1/");
        let found = tier.disk.places(from).flat_map(|place| {
            let objects = tier.disk.objects_at(place, &wanted).into_iter();
            objects.map(move |object| (place, object.meta.life.answered.0))
        });
        found.collect()
    };
    let put = |tier: &Tier, from: u64| {
        for at in from..from + 30 {
            tier.put(&key("http", &format!("/{}/{at}", at % 2)), meta("a", at), b"body");
        }
    };
    put(&tier, 0);
    tier.work();
    put(&tier, 30);
    let waiting = list(&tier, 0);
    let mut seen: Vec<u64> = waiting.iter().map(|(_, at)| *at).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..60).filter(|at| at % 2 == 1).collect::<Vec<_>>());
    assert!(waiting.is_sorted());
    tier.work();
    assert_eq!(list(&tier, 0), waiting);
    assert_eq!(list(&tier, waiting[7].0), waiting[7..]);
    drop(tier);
    assert_eq!(list(&self::tier(&device), 0), waiting, "after a start too");
}

#[test]
fn what_waits_shows_in_the_list_as_it_will_be() {
    let device = device();
    let mut tier = tier(&device);
    let root = key("http", "/");
    tier.put(&root, meta("a", 1), b"one");
    tier.put(&root, meta("b", 2), b"other");
    tier.work();
    let list = |tier: &Tier| {
        let objects = tier.disk.places(0).flat_map(|at| tier.disk.objects_at(at, &|_| true));
        let told = |o: super::objects::Object| {
            (o.meta.life.answered.0, o.meta.body_bytes, o.must_validate)
        };
        let mut all: Vec<_> = objects.map(told).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(list(&tier), [(1, 3, false), (2, 5, false)]);
    tier.update(&root, ("a", 3), meta("a", 3));
    tier.disk.forget(&root, &variant("b"));
    assert_eq!(list(&tier), [(3, 3, false)]);
    tier.disk.invalidate(root.as_ref().url());
    assert_eq!(list(&tier), [(3, 3, true)]);
    tier.work();
    assert_eq!(list(&tier), [(3, 3, true)]);
}

#[test]
fn a_folder_is_counted_and_checked_without_a_change() {
    let device = device();
    let mut tier = tier(&device);
    for at in 0..50 {
        tier.put(&key("http", &format!("/{at}")), meta("a", at), &[1; 900]);
        tier.work();
    }
    drop(tier);
    let report = |checks: bool| {
        let device = Arc::new(device.clone());
        if checks { verify(device) } else { stat(device) }.unwrap()
    };
    let whole = report(true);
    assert_eq!((whole.records, whole.damaged, whole.unlisted), (50, 0, 1));
    assert!(whole.segments > 1 && whole.segment_bytes > 50 * 900);
    assert_eq!(report(false), whole);
    device.damage(".seg", 0.0);
    assert!(report(true).damaged >= whole.segments);
    assert_eq!(report(true).damaged, report(true).damaged, "nothing is mended");
}

#[test]
fn when_the_oldest_and_newest_were_born_is_known_after_each_way_to_end() {
    let born = |value: &str, seq| {
        let mut meta = meta(value, 1);
        meta.born = Born { log_id: 7, seq };
        meta
    };
    always(
        |tier| {
            tier.put(&key("http", "/a"), born("a", 5), b"a");
            tier.put(&key("http", "/b"), born("a", 3), b"b");
            tier.put(&key("http", "/c"), born("a", 9), b"c");
        },
        |tier| {
            let Some(newest) = tier.disk.newest_born() else { return };
            assert_eq!(newest, Born { log_id: 7, seq: 9 });
            assert_eq!((tier.disk.least_born(7), tier.disk.least_born(8)), (Some(3), None));
        },
    );
}

#[test]
fn what_waits_and_what_was_written_before_the_last_segment_is_known_by_its_birth_too() {
    let mut tier = tier(&device());
    let born = |seq| {
        let mut meta = meta("a", 1);
        meta.born = Born { log_id: 7, seq };
        meta
    };
    tier.put(&key("http", "/a"), born(9), b"a");
    assert_eq!(tier.disk.least_born(7), Some(9), "it waits");
    tier.work();
    tier.worker.roll().unwrap();
    // It left early, and came late.
    tier.put(&key("http", "/b"), born(3), b"b");
    tier.work();
    assert_eq!(tier.disk.least_born(7), Some(3));
    assert_eq!(tier.disk.newest_born().map(|born| born.seq), Some(9));
}
