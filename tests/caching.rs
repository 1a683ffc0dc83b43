//! What is stored, for whom, and for how long it is served (RFC 9111).

use crate::support::{Larder, Origin, Reply};
use httpdate::fmt_http_date;
use std::time::{Duration, SystemTime};

/// Larder's time, by the `Date` of an answer whose origin has no clock.
fn now(larder: &Larder) -> SystemTime {
    let received = larder.get("/now");
    httpdate::parse_http_date(received.field("date").unwrap()).unwrap()
}

fn later(time: SystemTime, seconds: u64) -> String {
    fmt_http_date(time + Duration::from_secs(seconds))
}

fn before(time: SystemTime, seconds: u64) -> String {
    fmt_http_date(time - Duration::from_secs(seconds))
}

#[test]
fn a_second_request_is_a_hit_with_age_and_cache_status() {
    let origin = Origin::answering(|_| Reply::cached("max-age=60", "hello"));
    let larder = Larder::before(&origin);
    let first = larder.fill("/a");
    assert_eq!((first.status, first.text().as_str()), (200, "hello"));
    assert_eq!(first.cache(), "larder; fwd=uri-miss; fwd-status=200; stored; detail=uri-miss");
    assert_eq!(first.field("age"), None);
    larder.turn_clock(3);
    let second = larder.get("/a");
    assert_eq!(second.text(), "hello");
    assert_eq!(second.field("age"), Some("3"));
    assert_eq!(second.cache(), "larder; hit; ttl=57");
    assert_eq!(second.field("date"), first.field("date"));
    assert_eq!(origin.count(), 1);
}

#[test]
fn freshness_ends_at_its_last_second() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let time = now(&larder);
    let (date, expires) = (later(time, 0), later(time, 60));
    for (target, reply, seconds) in [
        ("/max-age", "Cache-Control: max-age=60".to_owned(), 60),
        ("/s-maxage", "Cache-Control: max-age=9, s-maxage=60".to_owned(), 60),
        ("/expires", format!("Date: {date} | Expires: {expires}"), 60),
        ("/expires-without-date", format!("Expires: {expires}"), 60),
        ("/max-age-wins", format!("Expires: {expires} | Cache-Control: max-age=30"), 30),
        ("/aged", "Cache-Control: max-age=60 | Age: 50".to_owned(), 10),
        ("/dated", format!("Cache-Control: max-age=60 | Date: {}", before(time, 20)), 40),
        ("/guessed", format!("Last-Modified: {}", before(time, 100)), 10),
    ] {
        let fill = |target: &str| larder.fill_with(target, &[("X-Reply", &reply)]);
        assert!(fill(target).cache().contains("stored"), "{target}");
        // Each row has the clock to itself: what it needs of absolute time is over by now, but
        // the dates above must still be those of Larder's clock.
        assert!(larder.get(target).is_hit(), "{target}");
        let again = format!("{target}-ends");
        assert!(fill(&again).cache().contains("stored"), "{again}");
        let hit = larder.get(&again);
        let ttl = hit.cache().rsplit("ttl=").next().unwrap().parse::<u64>().unwrap();
        assert_eq!(ttl, seconds, "{target}");
    }
    larder.told("/exact", "Cache-Control: max-age=60");
    larder.turn_clock_millis(59_999);
    let last = larder.get("/exact");
    assert_eq!((last.cache(), last.field("age")), ("larder; hit; ttl=0", Some("59")));
    larder.turn_clock_millis(1);
    let over = larder.get("/exact");
    assert!(over.cache().starts_with("larder; fwd=stale; fwd-status=200"), "{}", over.cache());
}

#[test]
fn a_lifetime_is_guessed_up_to_an_hour_and_only_for_the_same_for_all() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let old = format!("Last-Modified: {}", before(now(&larder), 864_000));
    larder.told("/old", &old);
    assert_eq!(larder.get("/old").cache(), "larder; hit; ttl=3600");
    larder.fill_with("/cookie", &[("X-Reply", &old), ("Cookie", "name=me")]);
    assert!(!larder.get_with("/cookie", &[("X-Reply", &old)]).is_hit());
    larder.fill_with("/302", &[("X-Reply", &old), ("X-Status", "302")]);
    assert!(!larder.get("/302").is_hit());
}

#[test]
fn what_may_not_be_shared_is_not_stored() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for (target, status, reply, detail) in [
        ("/1", "200", "Cache-Control: no-store, max-age=60", "no-store"),
        ("/2", "200", "Cache-Control: private, max-age=60", "private"),
        ("/3", "200", "Cache-Control: max-age=60 | Set-Cookie: a=1", "set-cookie"),
        ("/4", "200", "Cache-Control: max-age=60 | Vary: *", "vary-star"),
        ("/5", "200", "", "no-freshness"),
        ("/6", "200", "Cache-Control: max-age=0", "expired"),
        ("/7", "200", "Expires: 0", "expired"),
        ("/8", "302", "Location: /x", "status"),
        ("/9", "503", "", "status"),
        ("/10", "299", "Cache-Control: must-understand, max-age=60", "must-understand"),
        (
            "/11.css",
            "200",
            "Cache-Control: max-age=60 | Content-Type: text/html",
            "deceptive-suffix",
        ),
    ] {
        for round in 1..=2 {
            let fields = [("X-Reply", reply), ("X-Status", status)];
            let received = larder.fill_with(target, &fields);
            let says = format!("detail={detail}");
            assert!(received.cache().ends_with(&says), "{reply} {round}: {}", received.cache());
            assert_eq!(received.status.to_string(), status);
        }
    }
    assert_eq!(origin.count(), 22);
    assert_eq!(larder.metrics().sum("larder_memory_entries", &[]), 0);
}

#[test]
fn statuses_are_stored_as_told_or_by_their_nature() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for (status, reply) in [
        ("203", "Cache-Control: max-age=60"),
        ("301", "Cache-Control: max-age=60 | Location: /x"),
        ("302", "Cache-Control: max-age=60 | Location: /x"),
        ("404", "Cache-Control: max-age=60"),
        ("410", "Cache-Control: public, s-maxage=60"),
        ("500", "Cache-Control: max-age=60"),
        ("299", "Cache-Control: max-age=60"),
    ] {
        let target = format!("/{status}");
        let fields = [("X-Reply", reply), ("X-Status", status)];
        let first = larder.fill_with(&target, &fields);
        let second = larder.get(&target);
        assert!(second.is_hit(), "{status}: {} then {}", first.cache(), second.cache());
        assert_eq!(second.status.to_string(), status);
        assert_eq!(second.body, first.body);
    }
}

#[test]
fn a_set_cookie_is_never_replayed_even_where_storing_is_forced() {
    let origin = Origin::as_told();
    let rule = "match.path = \"/forced/*\"\ncache = \"force\"\nttl = \"1m\"";
    let larder = Larder::with_rule(rule, &origin);
    let reply = "Set-Cookie: id=1 | Cache-Control: private";
    larder.told("/forced/a", reply);
    let hit = larder.get("/forced/a");
    assert!(hit.is_hit(), "{}", hit.cache());
    assert_eq!(hit.field("set-cookie"), None);
    let free = larder.told("/free", reply);
    assert_eq!(free.field("set-cookie"), Some("id=1"), "it reaches the one it is for");
    assert!(!larder.get("/free").is_hit());
}

#[test]
fn vary_keeps_variants_apart() {
    let origin = Origin::answering(|asked| {
        let language = asked.field("accept-language").unwrap_or("none").to_owned();
        Reply::cached("max-age=60", language).with("Vary", "Accept-Language")
    });
    let larder = Larder::before(&origin);
    let get = |language: &str| larder.fill_with("/", &[("Accept-Language", language)]);
    assert_eq!(get("de").text(), "de");
    let second = get("fr");
    assert_eq!(second.text(), "fr");
    assert!(second.cache().starts_with("larder; fwd=vary-miss"), "{}", second.cache());
    assert_eq!(larder.fill("/").text(), "none");
    for language in ["de", "fr"] {
        let hit = get(language);
        assert!(hit.is_hit() && hit.text() == language, "{language}: {}", hit.cache());
    }
    assert!(larder.get("/").is_hit());
    assert_eq!(origin.count(), 3);
}

#[test]
fn an_answer_to_authorization_is_shared_only_as_allowed() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for (reply, stored) in [
        ("max-age=60", false),
        ("max-age=60, public", true),
        ("s-maxage=60", true),
        ("max-age=60, must-revalidate", true),
    ] {
        let target = format!("/{}", reply.replace([' ', ','], "-"));
        let reply = format!("Cache-Control: {reply}");
        let fields = [("X-Reply", reply.as_str()), ("Authorization", "Basic YTpi")];
        larder.fill_with(&target, &fields);
        assert_eq!(larder.fill_with(&target, &fields).is_hit(), stored, "{reply}");
        assert_eq!(larder.get_with(&target, &[("X-Reply", &reply)]).is_hit(), stored, "{reply}");
    }
    larder.told("/open", "Cache-Control: max-age=60");
    assert!(larder.get("/open").is_hit());
    let known = larder.get_with("/open", &[("Authorization", "Basic YTpi")]);
    assert!(!known.is_hit(), "whoever has credentials may get something else");
}

#[test]
fn an_answer_to_cookies_is_stored_only_on_explicit_shared_freshness() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for (number, (cookie, reply, stored)) in [
        ("name=me", "max-age=60", false),
        ("name=me", "max-age=60, public", true),
        ("name=me", "s-maxage=60", true),
        ("_ga=1; _fbp=2", "max-age=60", true),
        ("_ga=1; name=me", "max-age=60", false),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/{number}");
        let reply = format!("Cache-Control: {reply}");
        larder.fill_with(&target, &[("X-Reply", &reply), ("Cookie", cookie)]);
        let other = larder.get_with(&target, &[("X-Reply", &reply)]);
        assert_eq!(other.is_hit(), stored, "{cookie} {reply}: {}", other.cache());
    }
    larder.told("/all", "Cache-Control: max-age=60");
    assert!(larder.get_with("/all", &[("Cookie", "name=me")]).is_hit());
}

#[test]
fn an_only_if_cached_request_never_reaches_the_origin() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let only = [("Cache-Control", "only-if-cached")];
    let none = larder.get_with("/", &only);
    assert_eq!(none.status, 504);
    assert!(none.cache().ends_with("detail=only-if-cached"), "{}", none.cache());
    larder.told("/", "Cache-Control: max-age=10");
    assert!(larder.get_with("/", &only).is_hit());
    larder.turn_clock(10);
    assert_eq!(larder.get_with("/", &only).status, 504);
    assert_eq!(origin.count(), 1);
}

#[test]
fn what_a_request_demands_of_freshness_is_heeded() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for (asks, second, hit) in [
        ("no-cache", 0, false),
        ("max-age=0", 1, false),
        ("max-age=5", 5, true),
        ("max-age=5", 6, false),
        ("min-fresh=30", 30, true),
        ("min-fresh=30", 31, false),
        ("max-stale", 90, true),
        ("max-stale=5", 65, true),
        ("max-stale=5", 66, false),
        ("unheard-of=1", 59, true),
        ("", 60, false),
    ] {
        let target = format!("/{}/{second}", asks.replace('=', "-"));
        larder.told(&target, "Cache-Control: max-age=60");
        larder.turn_clock(second);
        let received = larder.fill_with(&target, &[("Cache-Control", asks)]);
        assert_eq!(received.is_hit(), hit, "{asks} at {second}: {}", received.cache());
    }
    larder.told("/pragma", "Cache-Control: max-age=60");
    assert!(!larder.get_with("/pragma", &[("Pragma", "no-cache")]).is_hit());
}

#[test]
fn a_no_store_request_stores_nothing_and_may_be_answered_from_the_store() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let reply = ("X-Reply", "Cache-Control: max-age=60");
    let received = larder.fill_with("/", &[reply, ("Cache-Control", "no-store")]);
    assert!(received.cache().ends_with("detail=request-no-store"), "{}", received.cache());
    assert!(!larder.fill_with("/", &[reply]).is_hit());
    assert!(larder.get("/").is_hit());
}

#[test]
fn targeted_fields_win_over_cache_control() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for (at, (reply, ttl)) in [
        ("CDN-Cache-Control: max-age=60 | Cache-Control: no-store", Some(60)),
        ("Larder-Cache-Control: max-age=9 | CDN-Cache-Control: max-age=60", Some(9)),
        ("CDN-Cache-Control: max-age=9 | Surrogate-Control: max-age=60", Some(9)),
        ("Surrogate-Control: max-age=60 | Cache-Control: max-age=9", Some(60)),
        ("CDN-Cache-Control: no-store | Cache-Control: max-age=60", None),
        ("CDN-Cache-Control: max-age=\"60\" | Cache-Control: max-age=9", Some(9)),
        ("CDN-Cache-Control: ,,= | Cache-Control: max-age=9", Some(9)),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/{at}");
        let first = larder.told(&target, reply);
        for ours in ["larder-cache-control", "surrogate-control"] {
            assert_eq!(first.field(ours), None, "{ours} is for us alone");
        }
        let second = larder.get_with(&target, &[("X-Reply", reply)]);
        match ttl {
            Some(ttl) => assert_eq!(second.cache(), format!("larder; hit; ttl={ttl}"), "{reply}"),
            None => assert!(!second.is_hit(), "{reply}"),
        }
    }
}

#[test]
fn an_unsafe_method_makes_target_and_location_invalid() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let reply = "Cache-Control: max-age=60";
    for (method, fields, invalid) in [
        ("POST", vec![("X-Reply", "Location: /b"), ("X-Status", "201")], vec!["/a", "/b"]),
        ("PUT", vec![("X-Reply", "Content-Location: /b")], vec!["/a", "/b"]),
        ("DELETE", vec![("X-Status", "204")], vec!["/a"]),
        ("UNHEARD", vec![], vec!["/a"]),
        ("POST", vec![("X-Reply", "Location: http://other.test/b")], vec!["/a"]),
        ("POST", vec![("X-Reply", "Location: /b"), ("X-Status", "500")], vec![]),
        ("POST", vec![("X-Status", "404")], vec![]),
        ("OPTIONS", vec![], vec![]),
    ] {
        for target in ["/a", "/b"] {
            larder.told(target, reply);
            assert!(larder.get(target).is_hit());
        }
        larder.ask(method, "/a", &fields);
        for target in ["/a", "/b"] {
            let received = larder.told(target, reply);
            let expected = !invalid.contains(&target);
            assert_eq!(received.is_hit(), expected, "{method} {fields:?} {target}");
            if !expected {
                assert!(received.cache().ends_with("detail=invalidated"), "{}", received.cache());
            }
        }
    }
}

#[test]
fn urls_are_told_apart_by_host_path_and_every_byte_of_the_query() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let targets = ["/", "/?", "/?a=1&b=2", "/?b=2&a=1", "/?a=%31&b=2", "/A", "/a", "/%61?"];
    let reply = ("X-Reply", "Cache-Control: max-age=60");
    for target in targets {
        for host in ["one.test", "two.test"] {
            let fields = [reply, ("Host", host)];
            assert!(!larder.fill_with(target, &fields).is_hit(), "{target}");
            assert!(larder.get_with(target, &fields).is_hit(), "{target}");
        }
    }
    assert!(larder.get_with("/", &[("Host", "ONE.test:80")]).is_hit());
}
