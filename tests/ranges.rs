//! Parts of large bodies: what was not stored is fetched by the slice, kept, and put together.

use crate::support::browser::visit;
use crate::support::{Asked, Gate, Larder, Origin, Received, Reply};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SLICE: usize = 64 << 10;
const TOTAL: usize = 3_000_000;
const FRESH: &str = "max-age=3600";

/// A body of a version, which differs from others at every byte.
fn body(version: u64, total: usize) -> Vec<u8> {
    (0..total).map(|at| (at * 7 + at / 251 + version as usize * 13) as u8).collect()
}

/// What an origin that knows ranges answers (RFC 9110 §14).
fn part_of(asked: &Asked, body: &[u8], tag: &str) -> Reply {
    let whole = |reply: Reply| {
        reply.with("Cache-Control", FRESH).with("ETag", tag).with("Accept-Ranges", "bytes")
    };
    if asked.field("if-none-match") == Some(tag) {
        return whole(Reply::status(304, ""));
    }
    let Some(range) = asked.field("range") else { return whole(Reply::ok(body)) };
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let most = body.len() - 1;
    let (first, last) = match (first, last) {
        ("", last) => (body.len() - last.parse::<usize>().unwrap().min(body.len()), most),
        (first, "") => (first.parse().unwrap(), most),
        (first, last) => (first.parse().unwrap(), last.parse::<usize>().unwrap().min(most)),
    };
    if first > most {
        let all = format!("bytes */{}", body.len());
        return Reply::status(416, "").with("Content-Range", &all);
    }
    let range = format!("bytes {first}-{last}/{}", body.len());
    whole(Reply::status(206, &body[first..=last])).with("Content-Range", &range)
}

/// An origin whose body is of the version that it is told.
fn origin(total: usize) -> (Origin, Arc<AtomicU64>) {
    let version = Arc::new(AtomicU64::new(1));
    let of = version.clone();
    let origin = Origin::answering(move |asked| {
        if asked.method == "POST" {
            return Reply::ok("changed");
        }
        let version = of.load(Ordering::Relaxed);
        part_of(asked, &body(version, total), &format!("\"{version}\""))
    });
    (origin, version)
}

fn range_of(larder: &Larder, range: &str) -> Received {
    larder.get_with("/video", &[("Range", range)])
}

/// So many ask for a range at once; `then` is done meanwhile.
fn at_once(larder: &Larder, count: usize, range: &str, then: impl FnOnce()) -> Vec<Received> {
    std::thread::scope(|scope| {
        let viewers: Vec<_> = (0..count).map(|_| scope.spawn(|| range_of(larder, range))).collect();
        then();
        viewers.into_iter().map(|viewer| viewer.join().unwrap()).collect()
    })
}

/// The ranges that the origin was asked for.
fn asked_ranges(origin: &Origin) -> Vec<String> {
    let range = |asked: &Asked| asked.field("range").unwrap_or("whole").to_owned();
    origin.asked().iter().map(range).collect()
}

fn assert_part(part: &Received, version: u64, range: std::ops::RangeInclusive<usize>) {
    assert_eq!(part.status, 206, "{}", part.cache());
    let (first, last) = (*range.start(), *range.end());
    assert_eq!(part.field("content-range").unwrap(), format!("bytes {first}-{last}/{TOTAL}"));
    assert!(part.body == body(version, TOTAL)[range], "other bytes than asked for");
}

#[test]
fn a_range_has_only_the_slices_fetched_that_it_needs_and_keeps_them() {
    let (origin, _) = origin(TOTAL);
    let mut larder = Larder::before(&origin);
    let first = range_of(&larder, "bytes=100000-100009");
    assert_part(&first, 1, 100_000..=100_009);
    assert!(first.cache().contains("fwd=uri-miss; fwd-status=206"), "{}", first.cache());
    assert!(first.cache().contains("stored"), "{}", first.cache());
    assert_eq!(asked_ranges(&origin), ["bytes=65536-131071"]);

    let again = range_of(&larder, "bytes=65536-131071");
    assert_part(&again, 1, 65_536..=131_071);
    assert!(again.is_hit(), "{}", again.cache());

    let more = range_of(&larder, "bytes=131000-131100");
    assert_part(&more, 1, 131_000..=131_100);
    assert!(
        more.cache().contains("fwd=partial; ttl=3600; stored; detail=gaps"),
        "{}",
        more.cache()
    );
    assert_eq!(asked_ranges(&origin)[1..], ["bytes=131072-196607"]);

    larder.settle();
    larder.kill_and_restart();
    let after = range_of(&larder, "bytes=70000-190000");
    assert_part(&after, 1, 70_000..=190_000);
    assert!(after.is_hit(), "{}", after.cache());
    assert_eq!(origin.count(), 2);
}

#[test]
fn a_whole_request_has_only_the_gaps_fetched_and_then_all_is_there() {
    let (origin, _) = origin(TOTAL);
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-0");
    range_of(&larder, "bytes=-10");
    let whole = larder.get("/video");
    assert_eq!((whole.status, whole.cut), (200, false), "{}", whole.cache());
    assert_eq!(whole.field("content-length").unwrap(), TOTAL.to_string());
    assert!(whole.body == body(1, TOTAL));
    let last = TOTAL - TOTAL % SLICE;
    let gap = format!("bytes={SLICE}-{}", last - 1);
    assert_eq!(
        asked_ranges(&origin),
        ["bytes=0-65535", &format!("bytes={last}-{}", TOTAL - 1), &gap]
    );
    let again = larder.get("/video");
    assert!(again.is_hit() && again.body == body(1, TOTAL), "{}", again.cache());
    assert!(range_of(&larder, "bytes=5-2000000").is_hit());
    assert_eq!(
        larder.ask("HEAD", "/video", &[]).field("content-length").unwrap(),
        TOTAL.to_string()
    );
    assert_eq!(larder.get_with("/video", &[("If-None-Match", "\"1\"")]).status, 304);
    assert_eq!(origin.count(), 3);
}

#[test]
fn suffixes_several_ranges_and_if_range_are_answered_from_what_is_there() {
    let (origin, _) = origin(TOTAL);
    let larder = Larder::before(&origin);
    assert_part(&range_of(&larder, "bytes=-1000"), 1, TOTAL - 1000..=TOTAL - 1);
    assert_eq!(asked_ranges(&origin), ["bytes=-65536"]);
    assert_part(&range_of(&larder, "bytes=-100000"), 1, TOTAL - 100_000..=TOTAL - 1);
    let several = range_of(&larder, "bytes=0-1,2999990-2999994");
    assert_eq!(several.status, 206);
    let (text, whole) = (several.body.clone(), body(1, TOTAL));
    let holds = |part: &[u8]| text.windows(part.len()).any(|at| at == part);
    assert!(holds(&whole[..2]) && holds(&whole[2_999_990..2_999_995]));
    let matching = [("Range", "bytes=7-9"), ("If-Range", "\"1\"")];
    assert_part(&larder.get_with("/video", &matching), 1, 7..=9);
    let other = larder.get_with("/video", &[("Range", "bytes=7-9"), ("If-Range", "\"0\"")]);
    assert_eq!((other.status, other.body.len()), (200, TOTAL));
    let beyond = range_of(&larder, "bytes=3000000-");
    assert_eq!((beyond.status, beyond.field("content-range")), (416, Some("bytes */3000000")));
}

#[test]
fn a_range_beyond_the_end_and_ranges_that_are_none_are_the_origins() {
    let (origin, _) = origin(TOTAL);
    let larder = Larder::before(&origin);
    assert_eq!(range_of(&larder, "bytes=9000000-").status, 416);
    assert_eq!(larder.get_with("/video", &[("Range", "bytes=9000000-9000001")]).status, 416);
    assert_part(&range_of(&larder, "bytes=0-1"), 1, 0..=1);
}

#[test]
fn parts_of_two_versions_are_never_put_together() {
    let (origin, version) = origin(TOTAL);
    let larder = Larder::before(&origin);
    assert_part(&range_of(&larder, "bytes=0-9"), 1, 0..=9);
    version.store(2, Ordering::Relaxed);
    // What is there is fresh; what is missing tells that there is something newer.
    assert_part(&range_of(&larder, "bytes=5-8"), 1, 5..=8);
    assert_part(&range_of(&larder, "bytes=100000-100009"), 2, 100_000..=100_009);
    assert_part(&range_of(&larder, "bytes=0-9"), 2, 0..=9);
    let whole = larder.get("/video");
    assert!(whole.body == body(2, TOTAL) && !whole.cut, "{}", whole.cache());
}

#[test]
fn parts_from_before_and_after_an_unsafe_request_are_never_put_together() {
    let (origin, _) = origin(TOTAL);
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    assert_eq!(larder.ask("POST", "/video", &[]).status, 200);
    let asked = origin.count();
    let next = range_of(&larder, "bytes=0-9");
    assert_part(&next, 1, 0..=9);
    assert_eq!(origin.asked()[asked].field("if-none-match"), Some("\"1\""), "{}", next.cache());
    assert!(range_of(&larder, "bytes=1-2").is_hit(), "it was validated");
}

#[test]
fn when_it_is_stale_it_is_validated_and_what_is_there_is_kept() {
    let (origin, version) = origin(TOTAL);
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    larder.turn_clock(4000);
    let validated = range_of(&larder, "bytes=0-9");
    assert_part(&validated, 1, 0..=9);
    assert!(validated.cache().contains("fwd=stale; fwd-status=304"), "{}", validated.cache());
    version.store(2, Ordering::Relaxed);
    larder.turn_clock(4000);
    assert_part(&range_of(&larder, "bytes=70000-70009"), 2, 70_000..=70_009);
    assert_eq!(asked_ranges(&origin).last().unwrap(), "bytes=65536-131071");
    assert_part(&range_of(&larder, "bytes=0-9"), 2, 0..=9);
}

#[test]
fn an_origin_without_ranges_is_asked_once_and_all_is_stored() {
    let origin = Origin::answering(|_| Reply::cached(FRESH, body(1, TOTAL)).with("ETag", "\"1\""));
    let larder = Larder::before(&origin);
    let part = range_of(&larder, "bytes=1000000-1000009");
    assert_part(&part, 1, 1_000_000..=1_000_009);
    assert_part(&range_of(&larder, "bytes=0-5"), 1, 0..=5);
    assert!(larder.get("/video").body == body(1, TOTAL));
    assert_part(&range_of(&larder, "bytes=2000000-2000005"), 1, 2_000_000..=2_000_005);
    assert_eq!(origin.count(), 1);
}

#[test]
fn an_origin_that_gives_no_parts_any_more_fills_the_rest_at_once() {
    let gives_parts = Arc::new(AtomicU64::new(1));
    let gives = gives_parts.clone();
    let origin = Origin::answering(move |asked| match gives.load(Ordering::Relaxed) {
        0 => Reply::cached(FRESH, body(1, TOTAL)).with("ETag", "\"1\""),
        _ => part_of(asked, &body(1, TOTAL), "\"1\""),
    });
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    gives_parts.store(0, Ordering::Relaxed);
    assert_part(&range_of(&larder, "bytes=200000-200009"), 1, 200_000..=200_009);
    assert_part(&range_of(&larder, "bytes=2000000-2000009"), 1, 2_000_000..=2_000_009);
    assert!(larder.get("/video").body == body(1, TOTAL));
    assert_eq!(asked_ranges(&origin).len(), 3, "{:?}", asked_ranges(&origin));
}

#[test]
fn what_must_not_be_stored_is_asked_for_as_the_client_asks() {
    let control = |asked: &Asked| if asked.target == "/private" { "private" } else { "no-store" };
    let origin = Origin::answering(move |asked| {
        let whole = body(1, TOTAL);
        let last = if asked.field("range") == Some("bytes=10-19") { 19 } else { 65_535 };
        let first = if last == 19 { 10 } else { 0 };
        let range = format!("bytes {first}-{last}/{TOTAL}");
        let part = Reply::status(206, &whole[first..=last]).with("Content-Range", &range);
        part.with("ETag", "\"1\"").with("Cache-Control", control(asked))
    });
    let larder = Larder::before(&origin);
    for target in ["/private", "/secret"] {
        for asked in [2, 3] {
            let part = larder.get_with(target, &[("Range", "bytes=10-19")]);
            assert_part(&part, 1, 10..=19);
            let of_target = origin.asked().iter().filter(|a| a.target == target).count();
            assert_eq!(of_target, asked, "only the first is asked for twice");
        }
    }
}

#[test]
fn parts_without_a_strong_validator_are_not_stored_but_right() {
    let origin = Origin::answering(|asked| part_of(asked, &body(1, TOTAL), "W/\"1\""));
    let larder = Larder::before(&origin);
    for _ in 0..2 {
        let part = range_of(&larder, "bytes=10-19");
        assert_part(&part, 1, 10..=19);
        assert!(part.cache().contains("detail=partial"), "{}", part.cache());
    }
    assert_eq!(asked_ranges(&origin)[1..], ["bytes=10-19", "bytes=10-19"]);
}

#[test]
fn many_who_begin_a_video_at_once_have_it_fetched_once() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::answering(move |asked| {
        opened.pass();
        part_of(asked, &body(1, TOTAL), "\"1\"")
    });
    let larder = Larder::before(&origin);
    let answers = at_once(&larder, 20, "bytes=0-", || {
        origin.wait_for(1);
        gate.open();
    });
    answers.iter().for_each(|answer| assert_part(answer, 1, 0..=TOTAL - 1));
    assert_eq!(origin.count(), 1, "{:?}", asked_ranges(&origin));
}

#[test]
fn a_range_of_what_is_just_being_fetched_whole_is_cut_from_that_if_it_is_near() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::answering(move |asked| {
        let (whole, gate) = (body(1, TOTAL), opened.clone());
        if asked.field("range").is_some() {
            return part_of(asked, &whole, "\"1\"");
        }
        Reply::by(move |wire| {
            let head = format!(
                "HTTP/1.1 200 X\r\nCache-Control: {FRESH}\r\nETag: \"1\"\r\nAccept-Ranges: \
                 bytes\r\nContent-Length: {TOTAL}\r\n\r\n"
            );
            wire.send(head);
            wire.send(&whole[..300_000]);
            gate.pass();
            wire.send(&whole[300_000..]);
        })
    });
    let larder = Larder::before(&origin);
    std::thread::scope(|scope| {
        let whole = scope.spawn(|| larder.get("/video"));
        origin.wait_for(1);
        let near = range_of(&larder, "bytes=200000-200009");
        assert_part(&near, 1, 200_000..=200_009);
        assert!(near.cache().contains("collapsed"), "{}", near.cache());
        // What is far away is not waited for.
        assert_part(&range_of(&larder, "bytes=2900000-2900009"), 1, 2_900_000..=2_900_009);
        assert_eq!(asked_ranges(&origin), ["whole", "bytes=2900000-2900009"]);
        gate.open();
        assert!(whole.join().unwrap().body == body(1, TOTAL));
    });
    larder.settle();
    assert!(larder.get("/video").is_hit());
}

#[test]
fn an_origin_that_breaks_off_leaves_what_came_and_is_asked_for_the_rest() {
    let broken = Arc::new(AtomicU64::new(0));
    let count = broken.clone();
    let origin = Origin::answering(move |asked| {
        let (whole, range) = (body(1, TOTAL), asked.field("range").unwrap_or_default().to_owned());
        if count.fetch_add(1, Ordering::Relaxed) > 0 {
            return part_of(asked, &whole, "\"1\"");
        }
        assert_eq!(range, format!("bytes=0-{}", (8 << 20) - 1));
        Reply::by(move |wire| {
            let head = format!(
                "HTTP/1.1 206 X\r\nCache-Control: {FRESH}\r\nETag: \"1\"\r\nContent-Range: bytes \
                 0-{}/{TOTAL}\r\nContent-Length: {TOTAL}\r\n\r\n",
                TOTAL - 1
            );
            wire.send(head);
            wire.send(&whole[..200_000]);
            wire.close();
        })
    });
    let larder = Larder::before(&origin);
    let part = range_of(&larder, "bytes=0-");
    assert_part(&part, 1, 0..=TOTAL - 1);
    // From the byte on at which it broke off.
    assert_eq!(asked_ranges(&origin)[1], format!("bytes=200000-{}", TOTAL - 1));
}

#[test]
fn a_dead_origin_is_a_clean_error_and_what_is_there_is_still_served() {
    let (origin, _) = origin(TOTAL);
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    origin.go_away();
    assert_part(&range_of(&larder, "bytes=0-9"), 1, 0..=9);
    assert_eq!(range_of(&larder, "bytes=2000000-2000009").status, 502);
    let only = [("Range", "bytes=2000000-"), ("Cache-Control", "only-if-cached")];
    assert_eq!(larder.get_with("/video", &only).status, 504);
    origin.come_back();
    assert_part(&range_of(&larder, "bytes=2000000-2000009"), 1, 2_000_000..=2_000_009);
}

#[test]
fn long_bodies_are_asked_for_by_the_block() {
    let total = 20 << 20;
    let (origin, _) = origin(total);
    let larder = Larder::configured(
        "storage.disk.size = \"256MiB\"\n[[site]]\norigin = \"{origin}\"",
        &origin,
    );
    let all = range_of(&larder, "bytes=0-");
    assert_eq!((all.status, all.body.len(), all.cut), (206, total, false));
    assert!(all.body == body(1, total));
    let block = 8 << 20;
    let ends = |at: usize| format!("bytes={}-{}", at * block, ((at + 1) * block).min(total) - 1);
    assert_eq!(asked_ranges(&origin), [0, 1, 2].map(ends));
    assert!(range_of(&larder, "bytes=1-").is_hit());
}

#[test]
fn whatever_ranges_are_asked_for_in_whatever_order_the_bytes_are_of_one_version() {
    let (origin, version) = origin(TOTAL);
    let mut larder = Larder::before(&origin);
    let bodies: Vec<Vec<u8>> = (0..8).map(|version| body(version, TOTAL)).collect();
    let mut seed = 88_172_645_463_325_252_u64;
    let mut chance = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let mut hits = 0;
    for turn in 0..400 {
        match chance(60) {
            0 => version.store((1 + turn / 60) as u64, Ordering::Relaxed),
            1 => drop(larder.ask("POST", "/video", &[])),
            2 => larder.turn_clock(1000),
            3 if chance(4) == 0 => {
                larder.settle();
                larder.kill_and_restart();
            }
            _ => {}
        }
        let first = chance(TOTAL);
        let last = (first + chance(300_000)).min(TOTAL - 1);
        let (range, expected) = match chance(8) {
            0 => (format!("bytes=-{}", last - first + 1), TOTAL - 1 - (last - first)..=TOTAL - 1),
            1 => (format!("bytes={first}-"), first..=TOTAL - 1),
            _ => (format!("bytes={first}-{last}"), first..=last),
        };
        let part = range_of(&larder, &range);
        hits += usize::from(part.is_hit());
        let tag = part.field("etag").unwrap().trim_matches('"').parse::<usize>().unwrap();
        assert!(!part.cut && part.status == 206, "{range}: {} {}", part.status, part.cache());
        assert!(part.body == bodies[tag][expected], "{range} of {tag} at {turn}");
    }
    assert!(hits > 50, "only {hits} hits");
}

/// A sound of 200 s at 176 400 bytes a second.
fn sound() -> Vec<u8> {
    let (rate, seconds) = (176_400_u32, 200);
    let length = rate * seconds;
    let mut sound = b"RIFF".to_vec();
    sound.extend((length + 36).to_le_bytes());
    sound.extend(b"WAVEfmt ");
    // 16 bytes of format: PCM, two channels, 44 100 Hz, 4 bytes a frame, 16 bits a sample.
    for (value, bytes) in [(16, 4), (1, 2), (2, 2), (44_100, 4), (rate, 4), (4, 2), (16, 2)] {
        sound.extend(&u32::to_le_bytes(value)[..bytes]);
    }
    sound.extend(b"data");
    sound.extend(length.to_le_bytes());
    sound.resize(length as usize + 44, 0);
    sound
}

#[test]
fn a_player_in_a_browser_jumps_about_and_the_next_has_it_all_from_the_cache() {
    let sound = sound();
    let origin = Origin::answering(move |asked| match asked.target.as_str() {
        "/player" => Reply::cached(FRESH, "<!doctype html><audio src=\"/sound.wav\"></audio>")
            .with("Content-Type", "text/html"),
        "/sound.wav" => part_of(asked, &sound, "\"1\"").with("Content-Type", "audio/wav"),
        _ => Reply::status(404, ""),
    });
    let larder = Larder::before(&origin);
    visit("player.mjs", &larder, &[]);
    let of_sound = || origin.asked().iter().filter(|asked| asked.target == "/sound.wav").count();
    let asked = of_sound();
    assert!(asked > 0);
    larder.settle();
    let said = visit("player.mjs", &larder, &[]);
    // It may read a little further than the first did.
    assert!(of_sound() <= asked + 2, "{said}: {:?}", asked_ranges(&origin));
}

#[test]
fn who_may_not_fill_a_gap_gets_it_all_the_same_and_it_is_not_kept() {
    let (origin, _) = origin(TOTAL);
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-0");
    // A cookie without explicit shared freshness: nothing of that is stored.
    for _ in 0..2 {
        let whole = larder.get_with("/video", &[("Cookie", "session=1")]);
        assert!(!whole.cut && whole.body == body(1, TOTAL), "{}", whole.cache());
    }
    let asked = origin.count();
    assert_part(&range_of(&larder, "bytes=70000-70009"), 1, 70_000..=70_009);
    assert_eq!(origin.count(), asked + 1, "it was not kept before");
    assert!(range_of(&larder, "bytes=70000-70009").is_hit());
}

#[test]
fn a_gap_that_sets_a_cookie_is_for_who_asked() {
    let origin = Origin::answering(|asked| {
        let reply = part_of(asked, &body(1, TOTAL), "\"1\"");
        let is_first = asked.field("range") == Some("bytes=0-65535");
        if is_first { reply } else { reply.with("Set-Cookie", "visitor=1") }
    });
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    for _ in 0..2 {
        let asked = origin.count();
        assert_part(&range_of(&larder, "bytes=70000-70009"), 1, 70_000..=70_009);
        assert_eq!(origin.count(), asked + 1, "it is not kept");
    }
}

#[test]
fn answers_to_a_clients_own_range_or_condition_are_for_nobody_else() {
    let origin = Origin::answering(|asked| {
        let status = match (asked.field("range"), asked.field("if-match")) {
            (Some(_), _) => 416,
            (None, Some(_)) => 412,
            (None, None) => 200,
        };
        Reply::status(status, "x").with("Cache-Control", FRESH).with("ETag", "\"1\"")
    });
    let larder = Larder::before(&origin);
    assert_eq!(larder.get_with("/a", &[("Range", "bytes=9-")]).status, 416);
    assert_eq!(larder.get("/a").status, 200);
    assert_eq!(larder.get_with("/b", &[("If-Match", "\"0\"")]).status, 412);
    assert_eq!(larder.get("/b").status, 200);
}

#[test]
fn a_part_that_is_not_as_long_as_it_says_is_not_stored() {
    let whole = body(1, TOTAL);
    let origin = Origin::answering(move |asked| {
        let part = match asked.target.as_str() {
            "/whole" => {
                Reply::status(206, &whole).with("Content-Range", "bytes 65536-131071/3000000")
            }
            "/longer" => Reply::status(206, &whole[..90_000])
                .with("Content-Range", "bytes 65536-65635/3000000"),
            "/several" => Reply::status(206, &whole[65_536..131_072])
                .with("Content-Range", "bytes 65536-131071/3000000")
                .with("Content-Type", "multipart/byteranges; boundary=x"),
            _ => Reply::status(206, &whole[65_536..131_072])
                .with("Content-Range", "bytes 65536-131071/3000000")
                .chunked(),
        };
        part.with("Cache-Control", FRESH).with("ETag", "\"1\"")
    });
    let larder = Larder::before(&origin);
    for target in ["/whole", "/longer", "/several", "/without-length"] {
        for _ in 0..2 {
            let part = larder.get_with(target, &[("Range", "bytes=100000-100009")]);
            assert!(part.cache().contains("detail=partial"), "{target}: {}", part.cache());
        }
    }
}

#[test]
fn an_origin_that_fails_is_not_asked_by_one_after_the_other() {
    let (gate, fails) = (Gate::shut(), Arc::new(AtomicU64::new(0)));
    let (opened, failing) = (gate.clone(), fails.clone());
    let origin = Origin::answering(move |asked| match failing.load(Ordering::Relaxed) {
        0 => part_of(asked, &body(1, TOTAL), "\"1\""),
        _ => {
            opened.pass();
            Reply::status(503, "away")
        }
    });
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    fails.store(1, Ordering::Relaxed);
    let answers = at_once(&larder, 10, "bytes=70000-70009", || {
        origin.wait_for(2);
        gate.open();
    });
    for status in answers.iter().map(|answer| answer.status) {
        assert!([502, 503].contains(&status), "{status}");
    }
    assert!(origin.count() <= 12, "{:?}", asked_ranges(&origin));
}

#[test]
fn a_new_version_is_fetched_once_for_all_who_find_out() {
    let gate = Gate::shut();
    let (opened, version) = (gate.clone(), Arc::new(AtomicU64::new(1)));
    let of = version.clone();
    let origin = Origin::answering(move |asked| {
        let version = of.load(Ordering::Relaxed);
        if version > 1 {
            opened.pass();
        }
        part_of(asked, &body(version, TOTAL), &format!("\"{version}\""))
    });
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    version.store(2, Ordering::Relaxed);
    let answers = at_once(&larder, 10, "bytes=70000-70009", || {
        origin.wait_for(2);
        gate.open();
    });
    answers.iter().for_each(|answer| assert_part(answer, 2, 70_000..=70_009));
    assert!(origin.count() <= 5, "{:?}", asked_ranges(&origin));
}

#[test]
fn what_nobody_reads_any_more_is_not_fetched_on() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let total = 20 << 20;
    let origin = Origin::answering(move |_| {
        let (whole, gate) = (body(1, total), opened.clone());
        Reply::by(move |wire| {
            wire.send(format!(
                "HTTP/1.1 206 X\r\nCache-Control: {FRESH}\r\nETag: \"1\"\r\nContent-Range: bytes \
                 0-8388607/{total}\r\nContent-Length: 8388608\r\n\r\n"
            ));
            wire.send(&whole[..200_000]);
            gate.pass();
            wire.send(&whole[200_000..300_000]);
        })
    });
    let larder = Larder::configured(
        "storage.disk.size = \"256MiB\"\n[[site]]\norigin = \"{origin}\"",
        &origin,
    );
    let mut client = larder.connect();
    client.send(crate::support::request("GET", "/video", &[("Range", "bytes=0-")]));
    assert_eq!(client.read_bytes(65_536).len(), 65_536);
    drop(client);
    // The origin is silent, and has one turn less for nobody.
    larder.settle();
    gate.open();
}

#[test]
fn where_there_is_no_room_for_gaps_clients_get_all_the_same() {
    let (origin, _) = origin(TOTAL);
    let larder = Larder::configured(
        "storage.in_flight_bytes = \"140KiB\"\n[[site]]\norigin = \"{origin}\"",
        &origin,
    );
    range_of(&larder, "bytes=0-0");
    let answers = at_once(&larder, 8, "bytes=0-", || {});
    answers.iter().for_each(|answer| assert_part(answer, 1, 0..=TOTAL - 1));
}

#[test]
fn how_much_of_a_body_is_there_is_shown() {
    let (origin, _) = origin(TOTAL);
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    larder.settle();
    let listed = &larder.admin_json("/v1/objects")["objects"][0];
    assert_eq!(
        (&listed["body_bytes"], &listed["there_bytes"]),
        (&3_000_000.into(), &65_536.into())
    );
    larder.get("/video");
    let listed = &larder.admin_json("/v1/objects")["objects"][0];
    assert!(listed["there_bytes"].is_null(), "{listed}");
}

#[test]
fn whoever_goes_alone_gets_the_range_that_he_asked_for() {
    let (origin, version) = origin(TOTAL);
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    for control in ["no-cache", "max-age=0"] {
        for (range, expected) in
            [("bytes=100-199", 100..=199), ("bytes=-100000", TOTAL - 100_000..=TOTAL - 1)]
        {
            version.fetch_add(1, Ordering::Relaxed);
            larder.turn_clock(2);
            let asked = [("Range", range), ("Cache-Control", control)];
            let part = larder.get_with("/video", &asked);
            assert_part(&part, version.load(Ordering::Relaxed), expected);
        }
    }
}

#[test]
fn one_who_may_not_store_keeps_nobody_else_from_it() {
    let (origin, _) = origin(TOTAL);
    let larder = Larder::before(&origin);
    let asked = [("Range", "bytes=10-19"), ("Cache-Control", "no-store")];
    assert_part(&larder.get_with("/video", &asked), 1, 10..=19);
    assert_part(&range_of(&larder, "bytes=10-19"), 1, 10..=19);
    assert!(range_of(&larder, "bytes=10-19").is_hit(), "parts are stored for others");
    let asked = [("Range", "bytes=70000-70009"), ("Cache-Control", "no-store")];
    assert_part(&larder.get_with("/video", &asked), 1, 70_000..=70_009);
    assert_part(&range_of(&larder, "bytes=70000-70009"), 1, 70_000..=70_009);
    assert!(range_of(&larder, "bytes=70000-70009").is_hit());
}

#[test]
fn trouble_with_a_later_block_does_not_cut_what_comes_before_it() {
    let total = 20 << 20;
    let whole = Arc::new(body(1, total));
    let origin = Origin::answering(move |asked| {
        let reply = part_of(asked, &whole, "\"1\"");
        let is_first = asked.field("range").is_some_and(|range| range.starts_with("bytes=0-"));
        if is_first { reply } else { reply.with("Set-Cookie", "visitor=1") }
    });
    let larder = Larder::configured(
        "storage.disk.size = \"256MiB\"\n[[site]]\norigin = \"{origin}\"",
        &origin,
    );
    let all = range_of(&larder, "bytes=0-");
    assert!(!all.cut && all.body == body(1, total), "{} of {total}", all.body.len());
    assert!(origin.count() <= 5, "{:?}", asked_ranges(&origin));
}

#[test]
fn who_asks_for_a_slow_head_and_leaves_gives_his_turn_back() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.field("range") != Some("bytes=0-65535") {
            opened.pass();
        }
        part_of(asked, &body(1, TOTAL), "\"1\"")
    });
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    let mut client = larder.connect();
    client.send(crate::support::request("GET", "/video", &[("Range", "bytes=70000-70009")]));
    origin.wait_for(2);
    drop(client);
    larder.settle();
    gate.open();
}

#[test]
fn who_still_reads_an_older_version_brings_nothing_of_it_back() {
    let total = 48 << 20;
    let (origin, version) = origin(total);
    let mut larder = Larder::configured(
        "storage.disk.size = \"512MiB\"\n[[site]]\norigin = \"{origin}\"",
        &origin,
    );
    let mut slow = larder.connect();
    slow.send(crate::support::request("GET", "/video", &[("Range", "bytes=0-")]));
    let head = slow.read_head();
    assert_eq!((head.status, head.field("etag")), (206, Some("\"1\"")));

    version.store(2, Ordering::Relaxed);
    larder.turn_clock(3601);
    let part = range_of(&larder, "bytes=0-9");
    assert_eq!(part.field("etag"), Some("\"2\""));

    // An origin of several machines, of which one still has the older.
    version.store(1, Ordering::Relaxed);
    let rest = slow.read_bytes(total);
    assert!(rest == body(1, total));
    version.store(2, Ordering::Relaxed);
    for _ in 0..2 {
        let part = range_of(&larder, "bytes=20-29");
        let tag: u64 = part.field("etag").unwrap().trim_matches('"').parse().unwrap();
        assert!(part.body == body(tag, total)[20..30], "bytes of another version than {tag}");
        larder.settle();
        larder.kill_and_restart();
    }
}

#[test]
fn trouble_ahead_keeps_nobody_from_what_another_failed_to_bring() {
    let gate = Gate::shut();
    let (opened, failed) = (gate.clone(), AtomicU64::new(0));
    let origin = Origin::answering(move |asked| {
        let reply = part_of(asked, &body(1, TOTAL), "\"1\"");
        match asked.field("range") {
            Some("bytes=65536-1114111") if failed.fetch_add(1, Ordering::Relaxed) == 0 => {
                opened.pass();
                Reply::raw("HTTP/1.1 206 X\r\n")
            }
            Some(range) if range.starts_with("bytes=1114112-") => {
                reply.with("Set-Cookie", "visitor=1")
            }
            _ => reply,
        }
    });
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=0-9");
    std::thread::scope(|scope| {
        let other = scope.spawn(|| range_of(&larder, "bytes=65536-1114111"));
        origin.wait_for(2);
        let viewer = scope.spawn(|| range_of(&larder, "bytes=0-2000000"));
        origin.wait_for(3);
        larder.wait_for_metric("larder_not_stored_total", &["reason=\"set-cookie\""], 1);
        gate.open();
        assert_eq!(other.join().unwrap().status, 502);
        let part = viewer.join().unwrap();
        assert!(!part.cut, "{} bytes came", part.body.len());
        assert_part(&part, 1, 0..=2_000_000);
    });
}

#[test]
fn a_part_that_is_too_short_to_be_kept_is_passed_on() {
    let origin = Origin::answering(|asked| {
        let short = match asked.field("range") {
            Some(range) if range.starts_with("bytes=2883584-") => "bytes=2883584-2883593",
            _ => return part_of(asked, &body(1, TOTAL), "\"1\""),
        };
        let mut asked = asked.clone();
        asked.fields.iter_mut().filter(|field| field.0 == "range").for_each(|field| {
            field.1 = short.to_owned();
        });
        part_of(&asked, &body(1, TOTAL), "\"1\"")
    });
    let larder = Larder::before(&origin);
    range_of(&larder, "bytes=-10");
    assert_part(&range_of(&larder, "bytes=2883584-2883593"), 1, 2_883_584..=2_883_593);
}

#[test]
fn what_speaks_of_the_bytes_of_one_message_is_in_no_other() {
    let origin = Origin::answering(|asked| {
        let digest = asked.field("range").unwrap_or("whole");
        part_of(asked, &body(1, TOTAL), "\"1\"").with("Content-Digest", digest)
    });
    let larder = Larder::before(&origin);
    for range in ["bytes=0-9", "bytes=70000-70009", "bytes=0-199999"] {
        assert_eq!(range_of(&larder, range).field("content-digest"), None);
    }
    let whole = larder.get("/video");
    assert_eq!((whole.status, whole.field("content-digest")), (200, None));

    assert_eq!(larder.fill("/whole").field("content-digest"), Some("whole"));
    let part = larder.get_with("/whole", &[("Range", "bytes=0-9")]);
    assert!(part.is_hit() && part.field("content-digest").is_none(), "{}", part.cache());
    assert_eq!(larder.get("/whole").field("content-digest"), Some("whole"));
}

#[test]
fn parts_with_another_date_under_one_tag_are_kept() {
    let day = Arc::new(AtomicU64::new(1));
    let days = day.clone();
    // As machines have it that were given the same file at different times.
    let origin = Origin::answering(move |asked| {
        let date = format!("Mon, 0{} Jan 2024 00:00:00 GMT", days.fetch_add(1, Ordering::Relaxed));
        part_of(asked, &body(1, TOTAL), "\"1\"").with("Last-Modified", &date)
    });
    let larder = Larder::before(&origin);
    for first in [0, 10 * SLICE, 20 * SLICE] {
        let part = range_of(&larder, &format!("bytes={first}-{}", first + 9));
        assert!(part.body == body(1, TOTAL)[first..first + 10]);
        larder.settle();
    }
    let asked = origin.count();
    for first in [0, 10 * SLICE, 20 * SLICE] {
        let part = range_of(&larder, &format!("bytes={first}-{}", first + 9));
        assert!(part.is_hit(), "{}", part.cache());
    }
    assert_eq!(origin.count(), asked);
}
