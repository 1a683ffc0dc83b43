//! What tells responses apart, and what of it the origin sees.

use crate::support::{Larder, Origin, Reply};

/// An origin all of whose answers may be kept a minute by everybody.
fn public() -> Origin {
    Origin::answering(|_| Reply::cached("public, max-age=60", "x"))
}

#[test]
fn parameters_that_do_not_count_do_not_reach_the_origin_unless_forwarded() {
    let origin = public();
    let rules = "
        match.path = \"/drop\"
        key.query.drop = [\"utm_*\", \"gclid\"]
        [[site.rule]]
        match.path = \"/only\"
        key.query.only = [\"page\", \"q\"]
        [[site.rule]]
        match.path = \"/sort\"
        key.query.sort = true
        [[site.rule]]
        match.path = \"/forward\"
        key.query.only = [\"q\"]
        key.query.forward = [\"_rsc\"]";
    let larder = Larder::with_rule(rules, &origin);
    for (first, sent, second, shared) in [
        ("/drop?a=1&utm_source=x&b=%20&gclid", "/drop?a=1&b=%20", "/drop?a=1&b=%20", true),
        ("/drop?utm_x=1", "/drop", "/drop", true),
        ("/drop?A=1&Utm_x=1", "/drop?A=1&Utm_x=1", "/drop?A=1", false),
        ("/only?x=1&q=a&page=2&q=b", "/only?q=a&page=2&q=b", "/only?q=a&page=2&q=b&y", true),
        ("/only?q=c", "/only?q=c", "/only?q=d", false),
        ("/sort?b=2&a=2&a=1&c", "/sort?a=2&a=1&b=2&c", "/sort?c&a=2&b=2&a=1", true),
        ("/sort?a=3&a=4", "/sort?a=3&a=4", "/sort?a=4&a=3", false),
        ("/forward?_rsc=1&q=1&x=1", "/forward?_rsc=1&q=1", "/forward?q=1&_rsc=2", true),
        ("/plain?utm_x=1&a", "/plain?utm_x=1&a", "/plain?a", false),
    ] {
        larder.fill(first);
        assert_eq!(origin.last().target, sent, "{first}");
        assert_eq!(larder.fill(second).is_hit(), shared, "{first} then {second}");
    }
    larder.ask("POST", "/drop?utm_source=x", &[]);
    assert_eq!(origin.last().target, "/drop?utm_source=x", "a POST is in no key");
}

#[test]
fn parts_of_the_key_keep_answers_apart_and_reach_the_origin_as_they_count() {
    let origin = public();
    let rules = "
        match.path = \"/header/*\"
        key.headers = [\"X-Currency\"]
        [[site.rule]]
        match.path = \"/cookie/*\"
        key.cookies = [\"plan\"]
        [[site.rule]]
        match.path = \"/device/*\"
        key.device = true
        [[site.rule]]
        match.path = \"/language/*\"
        key.languages = [\"en\", \"de\"]";
    let larder = Larder::with_rule(rules, &origin);
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Mobile";
    let android = "Mozilla/5.0 (Linux; Android 14) Mobile Safari";
    for (at, (part, name, first, second, shared)) in [
        ("header", "X-Currency", "EUR", "EUR", true),
        ("header", "X-Currency", "EUR", "USD", false),
        ("header", "X-Other", "EUR", "USD", true),
        ("cookie", "Cookie", "a=1; plan=pro", "plan=pro; b=2", true),
        ("cookie", "Cookie", "plan=pro", "plan=free", false),
        ("cookie", "Cookie", "plan=", "a=1", false),
        ("device", "User-Agent", phone, android, true),
        ("device", "User-Agent", phone, "curl/8", false),
        ("device", "X-Device", "mobile", "tablet", true),
        ("language", "Accept-Language", "de-AT, en;q=0.5", "fr, de;q=0.1", true),
        ("language", "Accept-Language", "de", "en", false),
        ("language", "Accept-Language", "fr", "en-GB", true),
        ("none", "X-Currency", "EUR", "USD", true),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/{part}/{at}");
        let (one, other) = ([(name, first)], [(name, second)]);
        larder.fill_with(&target, &one);
        assert_eq!(
            larder.fill_with(&target, &other).is_hit(),
            shared,
            "{part} {name}: {first} then {second}"
        );
        assert!(larder.get_with(&target, &one).is_hit(), "{part} {name}: {first}");
    }
    let sent = |target: &str, name: &str, value: &str, told: &str| {
        larder.fill_with(target, &[(name, value)]);
        origin.last().all(told).join("|")
    };
    assert_eq!(sent("/device/p", "User-Agent", phone, "x-device"), "mobile");
    assert_eq!(sent("/device/f", "X-Device", "fridge", "x-device"), "desktop");
    assert_eq!(sent("/language/d", "Accept-Language", "fr, de;q=0.1", "accept-language"), "de");
    assert_eq!(sent("/language/n", "X-Any", "1", "accept-language"), "en");
    assert_eq!(sent("/none/l", "Accept-Language", "fr;q=0.3", "accept-language"), "fr;q=0.3");
}

#[test]
fn a_new_version_leaves_what_was_stored_behind() {
    let origin = public();
    let rules = "
        match.header.X-New = true
        key.version = \"v2\"
        [[site.rule]]
        key.version = \"v1\"";
    let larder = Larder::with_rule(rules, &origin);
    larder.fill("/");
    assert!(larder.get("/").is_hit());
    let new = [("X-New", "1")];
    assert!(!larder.fill_with("/", &new).is_hit());
    assert!(larder.get_with("/", &new).is_hit() && larder.get("/").is_hit());
}
