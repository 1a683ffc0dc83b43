//! When something stale is served, and how it is refreshed behind the back of those who get it
//! (RFC 9111 §4.2.4, RFC 5861).

use crate::support::{Gate, Larder, Origin, Reply};

#[test]
fn what_must_be_revalidated_is_not_served_stale_when_the_origin_is_away() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let targets = ["max-age=10, must-revalidate", "max-age=10, proxy-revalidate", "s-maxage=10"];
    for (at, control) in targets.iter().enumerate() {
        larder.told(&format!("/{at}"), &format!("Cache-Control: {control}"));
    }
    larder.told("/no-cache", "Cache-Control: no-cache | ETag: \"a\"");
    larder.told("/plain", "Cache-Control: max-age=10");
    origin.go_away();
    larder.turn_clock(10);
    for (at, control) in targets.iter().enumerate() {
        let received = larder.get(&format!("/{at}"));
        assert_eq!(received.status, 502, "{control}");
        assert!(received.text().contains("not reachable"), "{}", received.text());
    }
    assert_eq!(larder.get("/no-cache").status, 502);
    let plain = larder.get("/plain");
    assert_eq!(plain.status, 200, "RFC 9111 §4.2.4 allows it where nothing speaks against it");
    assert!(plain.cache().ends_with("detail=origin-unreachable"), "{}", plain.cache());
}

#[test]
fn stale_if_error_holds_to_the_second() {
    let origin = Origin::answering(|asked| match asked.field("x-status") {
        Some(_) => Reply::status(503, "broken"),
        None => Reply::cached("max-age=10, stale-if-error=20", "good"),
    });
    let larder = Larder::before(&origin);
    larder.fill("/");
    larder.turn_clock_millis(29_999);
    let stale = larder.get_with("/", &[("X-Status", "503")]);
    assert_eq!((stale.status, stale.text().as_str()), (200, "good"));
    assert!(stale.cache().contains("fwd-status=503"), "{}", stale.cache());
    assert!(stale.cache().contains("stale-if-error"), "{}", stale.cache());
    larder.turn_clock_millis(1);
    let over = larder.get_with("/", &[("X-Status", "503")]);
    assert_eq!((over.status, over.text().as_str()), (503, "broken"));
}

#[test]
fn stale_while_revalidate_holds_to_the_second_and_refreshes_once() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.field("cookie") != Some("first=1") {
            held.pass();
        }
        Reply::cached("public, max-age=10, stale-while-revalidate=20", "x").with("ETag", "\"a\"")
    });
    let larder = Larder::before(&origin);
    larder.fill_with("/", &[("Cookie", "first=1")]);
    larder.turn_clock_millis(29_999);
    for _ in 0..20 {
        let fields = [("Cookie", "id=7"), ("Referer", "http://r/"), ("X-Kept", "yes")];
        let stale = larder.get_with("/", &fields);
        assert_eq!(stale.cache(), "larder; hit; ttl=-20; detail=stale-while-revalidate");
        assert_eq!(stale.field("age"), Some("29"));
    }
    origin.wait_for(2);
    gate.open();
    larder.settle();
    assert!(larder.get("/").is_hit());
    assert_eq!(larder.get("/").field("age"), Some("0"), "it was refreshed");
    assert_eq!(origin.count(), 2, "by exactly one request");
    let refresh = origin.last();
    assert_eq!(refresh.field("if-none-match"), Some("\"a\""));
    for name in ["cookie", "referer", "authorization", "x-forwarded-for", "forwarded"] {
        assert_eq!(refresh.field(name), None, "a refresh is on nobody's behalf: {name}");
    }
    assert_eq!(refresh.field("x-kept"), Some("yes"));
    larder.turn_clock(30);
    let over = larder.get("/");
    assert!(over.cache().starts_with("larder; fwd=stale"), "{}", over.cache());
}

#[test]
fn what_was_made_invalid_does_not_stand_in_for_an_origin_that_is_away() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    larder.told("/", "Cache-Control: max-age=60, stale-if-error=600");
    larder.ask("POST", "/", &[]);
    origin.go_away();
    assert_eq!(larder.get("/").status, 502);
}

#[test]
fn a_refresh_bears_the_cookies_that_its_key_holds_and_no_other() {
    let origin = Origin::answering(|asked| {
        let cookies = asked.field("cookie").unwrap_or("none").to_owned();
        Reply::cached("s-maxage=10, stale-while-revalidate=60", cookies)
    });
    let larder = Larder::with_rule("key.cookies = [\"plan\"]", &origin);
    let get = || larder.get_with("/", &[("Cookie", "id=7; plan=gold")]);
    get();
    larder.settle();
    larder.turn_clock(10);
    assert!(get().cache().ends_with("detail=stale-while-revalidate"));
    larder.settle();
    let refreshed = get();
    assert!(refreshed.is_hit() && refreshed.field("age") == Some("0"), "{}", refreshed.cache());
    assert_eq!(refreshed.text(), "plan=gold", "else one plan's page were shown to another");
}

#[test]
fn a_refresh_keeps_what_trusted_proxies_say_of_scheme_and_host() {
    let origin = Origin::as_told();
    let toml = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    let fields = [
        ("X-Reply", "Cache-Control: max-age=10, stale-while-revalidate=60"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.test"),
        ("X-Forwarded-For", "192.0.2.9"),
        ("Origin", "https://a.test"),
    ];
    larder.fill_with("/", &fields);
    larder.turn_clock(10);
    larder.fill_with("/", &fields);
    origin.wait_for(2);
    let refresh = origin.last();
    assert_eq!(refresh.field("x-forwarded-for"), None);
    for (name, value) in &fields[1..3] {
        assert_eq!(refresh.field(name), Some(*value));
    }
    assert_eq!(refresh.field("origin"), Some("https://a.test"));
}
