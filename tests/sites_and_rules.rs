//! Which site answers, which rule holds, and what a rule changes.

use crate::support::{Client, Larder, Origin, Received, Reply};

/// A target and fields.
type Asking<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// Gets `target`, of which the origin is told what to answer, and waits until it is stored.
fn told(larder: &Larder, target: &str, reply: &str) -> Received {
    larder.fill_with(target, &[("X-Reply", reply)])
}

/// Whether what was stored for one request answers another.
fn is_shared(larder: &Larder, first: Asking<'_>, second: Asking<'_>) -> bool {
    larder.fill_with(first.0, first.1);
    larder.fill_with(second.0, second.1).is_hit()
}

/// An origin all of whose answers may be kept a minute by everybody.
fn public() -> Origin {
    Origin::answering(|_| Reply::cached("public, max-age=60", "x"))
}

#[test]
fn a_host_is_served_by_the_first_site_that_answers_for_it_or_by_the_default() {
    let origin = public();
    let site = |hosts: &str, name: &str| {
        let rule = format!("[[site.rule]]\nheaders.set.X-Site = \"{name}\"\n");
        format!("[[site]]\n{hosts}\norigin = \"{{origin}}\"\n{rule}")
    };
    let toml = [
        site("", "default"),
        site("hosts = [\"one.test\", \"www.one.test\"]", "one"),
        site("hosts = [\"*.two.test\", \"shop?.test\"]", "two"),
        site("hosts = [\"a.two.test\"]", "late"),
    ];
    let larder = Larder::configured(&toml.concat(), &origin);
    for (host, name) in [
        ("one.test", "one"),
        ("one.test:8080", "one"),
        ("ONE.test", "one"),
        ("www.one.test", "one"),
        ("a.two.test", "two"),
        ("a.b.two.test:81", "two"),
        ("shop7.test", "two"),
        ("two.test", "default"),
        ("xone.test", "default"),
        ("one.test.evil", "default"),
        ("shop.test", "default"),
        ("127.0.0.1", "default"),
    ] {
        for round in ["miss", "hit"] {
            let received = larder.fill_with("/", &[("Host", host)]);
            assert_eq!(received.field("x-site"), Some(name), "{host} {round}");
        }
    }
}

#[test]
fn a_host_that_no_site_answers_for_gets_421() {
    let origin = public();
    let toml = "[[site]]\nhosts = [\"one.test\"]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    for method in ["GET", "HEAD", "POST"] {
        let received = larder.ask(method, "/", &[("Host", "two.test")]);
        assert_eq!(received.status, 421, "{method}");
        assert_eq!(received.cache(), "larder; detail=unknown-host", "{method}");
    }
    let mut nameless = Client::connect(larder.address);
    nameless.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(nameless.read().status, 421, "who names no host means none of these");
    assert_eq!(origin.count(), 0);
    assert_eq!(larder.get_with("/", &[("Host", "one.test")]).status, 200);
}

#[test]
fn the_first_rule_that_matches_wins() {
    let origin = public();
    let rules = "
        match.path = \"/api/*\"
        match.method = [\"POST\", \"PUT\"]
        headers.set.X-Rule = \"write\"
        [[site.rule]]
        match.path = [\"/api/*\", \"*.json\", \"/doc?.txt\"]
        headers.set.X-Rule = \"api\"
        [[site.rule]]
        match.header = { Accept = \"*json*\", X-Beta = true }
        headers.set.X-Rule = \"header\"
        [[site.rule]]
        match.cookie = { plan = \"pro*\", beta = true }
        headers.set.X-Rule = \"cookie\"
        [[site.rule]]
        match.path = \"/a b/*\"
        headers.set.X-Rule = \"decoded\"";
    let larder = Larder::with_rule(rules, &origin);
    let json = ("Accept", "text/html, application/json;q=0.5");
    for (method, target, fields, rule) in [
        ("POST", "/api/x", vec![], Some("write")),
        ("PUT", "/api/", vec![], Some("write")),
        ("GET", "/api/x", vec![], Some("api")),
        ("DELETE", "/api/a/b?c", vec![], Some("api")),
        ("GET", "/api", vec![], None),
        ("GET", "/x/y.json", vec![], Some("api")),
        ("GET", "/x?y.json", vec![], None),
        ("GET", "/doc1.txt", vec![], Some("api")),
        ("GET", "/doc.txt", vec![], None),
        ("GET", "/API/x", vec![], None),
        ("GET", "/%61pi/x", vec![], Some("api")),
        ("GET", "/", vec![json, ("X-Beta", "")], Some("header")),
        ("GET", "/", vec![json], None),
        ("GET", "/", vec![("X-Beta", "1")], None),
        ("GET", "/", vec![("Cookie", "a=1; plan=pro-2; beta")], Some("cookie")),
        ("GET", "/", vec![("Cookie", "beta=1"), ("Cookie", "plan=pro")], Some("cookie")),
        ("GET", "/", vec![("Cookie", "plan=free; beta=1")], None),
        ("GET", "/", vec![("Cookie", "plan=pro")], None),
        ("GET", "/a%20b/c", vec![], Some("decoded")),
    ] {
        let received =
            larder.ask(method, target, &[&fields[..], &[("Pragma", "no-cache")]].concat());
        assert_eq!(received.field("x-rule"), rule, "{method} {target} {fields:?}");
    }
}

#[test]
fn a_ttl_wins_over_the_origin_for_answers_that_are_worth_it() {
    let origin = Origin::as_told();
    let larder = Larder::with_rule("match.path = \"/ttl/*\"\nttl = \"1m\"", &origin);
    for (at, (status, reply, ttl)) in [
        ("200", "", Some(60)),
        ("200", "Cache-Control: max-age=5", Some(60)),
        ("200", "Cache-Control: max-age=600", Some(60)),
        ("200", "Cache-Control: no-cache", Some(60)),
        ("200", "Expires: 0", Some(60)),
        ("203", "", Some(60)),
        ("301", "Location: /x", Some(60)),
        ("308", "Location: /x", Some(60)),
        ("404", "", Some(10)),
        ("410", "Cache-Control: max-age=600", Some(10)),
        ("302", "Location: /x", None),
        ("500", "", None),
        ("503", "", None),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/ttl/{at}");
        let fields = [("X-Reply", reply), ("X-Status", status)];
        larder.fill_with(&target, &fields);
        let second = larder.get_with(&target, &fields);
        match ttl {
            Some(ttl) => assert_eq!(second.cache(), format!("larder; hit; ttl={ttl}"), "{at}"),
            None => assert!(second.cache().ends_with("detail=status"), "{}", second.cache()),
        }
        assert_eq!(second.status.to_string(), status);
    }
    told(&larder, "/other", "");
    assert!(!larder.get("/other").is_hit());
}

#[test]
fn a_negative_ttl_is_for_what_is_not_there() {
    let origin = Origin::as_told();
    let rules = "
        match.path = \"/both/*\"
        ttl = \"1m\"
        negative_ttl = \"5s\"
        [[site.rule]]
        match.path = \"/alone/*\"
        negative_ttl = \"2m\"";
    let larder = Larder::with_rule(rules, &origin);
    for (target, status, ttl) in [
        ("/both/a", "200", Some(60)),
        ("/both/b", "404", Some(5)),
        ("/both/c", "410", Some(5)),
        ("/alone/a", "200", None),
        ("/alone/b", "404", Some(120)),
    ] {
        let fields = [("X-Status", status)];
        larder.fill_with(target, &fields);
        let second = larder.get_with(target, &fields);
        match ttl {
            Some(ttl) => assert_eq!(second.cache(), format!("larder; hit; ttl={ttl}"), "{target}"),
            None => assert!(!second.is_hit(), "{target}"),
        }
    }
}

#[test]
fn a_ttl_never_shares_what_is_for_one_visitor_and_force_does() {
    let origin = Origin::as_told();
    let rules = "
        match.path = \"/ttl/*\"
        ttl = \"1m\"
        [[site.rule]]
        match.path = \"/force/*\"
        ttl = \"1m\"
        cache = \"force\"";
    let larder = Larder::with_rule(rules, &origin);
    for (at, (reply, detail)) in [
        ("Cache-Control: no-store", "no-store"),
        ("Cache-Control: private", "private"),
        ("Cache-Control: private, max-age=60", "private"),
        ("Set-Cookie: id=1", "set-cookie"),
        ("CDN-Cache-Control: no-store | Cache-Control: public", "no-store"),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/ttl/{at}");
        for _ in 0..2 {
            let says = told(&larder, &target, reply);
            assert!(says.cache().ends_with(&format!("detail={detail}")), "{}", says.cache());
        }
        let forced = format!("/force/{at}");
        told(&larder, &forced, reply);
        let hit = larder.get(&forced);
        assert_eq!(hit.cache(), "larder; hit; ttl=60", "{reply}");
        assert_eq!(hit.field("set-cookie"), None, "{reply}");
    }
    let page = told(&larder, "/ttl/account.css", "Content-Type: text/html");
    assert!(page.cache().ends_with("detail=deceptive-suffix"), "{}", page.cache());
    let known = [("Authorization", "Basic YTpi")];
    assert!(!is_shared(&larder, ("/ttl/known", &known), ("/ttl/known", &[])));
}

#[test]
fn a_rule_that_is_off_passes_by_the_cache() {
    let origin = public();
    let larder = Larder::with_rule("match.path = \"/off/*\"\ncache = \"off\"", &origin);
    for count in 1..=3 {
        let passed = larder.fill("/off/a");
        let says = "larder; fwd=bypass; fwd-status=200; detail=rule-off";
        assert_eq!((passed.cache(), origin.count()), (says, count));
    }
    assert!(is_shared(&larder, ("/on", &[]), ("/on", &[])));
    assert_eq!(larder.metrics().sum("larder_memory_entries", &[]), 1);
}

#[test]
fn stale_windows_of_a_rule_hold_to_the_second_unless_the_origin_forbids() {
    let origin = Origin::as_told();
    let rules = "
        match.path = \"/refresh/*\"
        ttl = \"10s\"
        stale_while_revalidate = \"20s\"
        [[site.rule]]
        match.path = \"/error/*\"
        stale_if_error = \"20s\"";
    let larder = Larder::with_rule(rules, &origin);
    let strict = "Cache-Control: max-age=10, must-revalidate";
    let fill = |round: &str| {
        told(&larder, &format!("/refresh/{round}"), "");
        told(&larder, &format!("/refresh/strict-{round}"), strict);
        told(&larder, &format!("/error/{round}"), "Cache-Control: max-age=10");
        told(&larder, &format!("/error/strict-{round}"), strict);
    };
    let broken = [("X-Status", "503")];
    fill("in");
    larder.turn_clock_millis(29_999);
    let refreshed = larder.get("/refresh/in");
    assert_eq!(refreshed.cache(), "larder; hit; ttl=-20; detail=stale-while-revalidate");
    larder.settle();
    assert_eq!(larder.get("/refresh/in").cache(), "larder; hit; ttl=10");
    let stale = larder.get_with("/error/in", &broken);
    assert_eq!((stale.status, stale.text().as_str()), (200, "3"), "{}", stale.cache());
    assert!(!larder.get("/refresh/strict-in").is_hit());
    assert_eq!(larder.get_with("/error/strict-in", &broken).status, 503);
    fill("out");
    larder.turn_clock(30);
    assert!(larder.get("/refresh/out").cache().starts_with("larder; fwd=stale"));
    assert_eq!(larder.get_with("/error/out", &broken).status, 503);
}

#[test]
fn browsers_are_told_a_lifetime_of_their_own() {
    let origin = Origin::as_told();
    let larder = Larder::with_rule("match.path = \"/b/*\"\nbrowser_ttl = \"5m\"", &origin);
    let reply = "Cache-Control: s-maxage=60, max-age=0 | Expires: 0 | ETag: \"a\"";
    let first = told(&larder, "/b/a", reply);
    let hit = larder.get("/b/a");
    let same = larder.get_with("/b/a", &[("If-None-Match", "\"a\"")]);
    assert_eq!((hit.cache(), same.status), ("larder; hit; ttl=60", 304));
    for received in [first, hit, same] {
        assert_eq!(received.all("cache-control"), ["max-age=300"], "{}", received.cache());
        assert_eq!(received.field("expires"), None, "{}", received.cache());
    }
    let other = told(&larder, "/other", reply);
    assert_eq!(other.field("cache-control"), Some("s-maxage=60, max-age=0"));
}

#[test]
fn fields_of_responses_are_removed_set_and_added_on_every_way() {
    let origin = Origin::as_told();
    let rules = "
        headers.remove = [\"X-Powered-By\", \"link\"]
        headers.set = { X-Frame-Options = \"DENY\" }
        headers.add = { Link = [\"</a>; rel=x\", \"</b>; rel=y\"], Vary = \"X-Late\" }";
    let larder = Larder::with_rule(rules, &origin);
    let reply = "Cache-Control: max-age=60 | X-Powered-By: app | X-Frame-Options: ALLOW | \
                 X-Frame-Options: SAME | Link: </old> | X-Kept: 1";
    let first = told(&larder, "/", reply);
    let hit = larder.get("/");
    assert!(hit.is_hit(), "{}", hit.cache());
    let passed = larder.ask("POST", "/", &[("X-Reply", reply)]);
    let uncacheable = told(&larder, "/other", &format!("{reply} | Set-Cookie: a=1"));
    for received in [first, hit, passed, uncacheable] {
        let says = received.cache();
        assert_eq!(received.field("x-powered-by"), None, "{says}");
        assert_eq!(received.all("x-frame-options"), ["DENY"], "{says}");
        assert_eq!(received.all("link"), ["</a>; rel=x", "</b>; rel=y"], "{says}");
        assert_eq!(received.all("x-kept"), ["1"], "{says}");
        assert_eq!(received.all("vary"), ["X-Late"], "{says}");
    }
}

#[test]
fn fields_of_requests_are_removed_set_and_added_toward_the_origin() {
    let origin = Origin::as_told();
    let rules = "
        match.path = \"/api/*\"
        request_headers.remove = [\"X-Debug\", \"X-Forwarded-For\"]
        request_headers.set = { Authorization = \"Bearer secret\" }
        request_headers.add = { X-Tag = [\"b\", \"c\"] }";
    let larder = Larder::with_rule(rules, &origin);
    let fields = [("X-Debug", "1"), ("X-Tag", "a"), ("Authorization", "Basic YTpi")];
    for method in ["GET", "POST"] {
        let received = larder.ask(method, "/api/a", &fields);
        let asked = origin.last();
        assert_eq!(asked.field("x-debug"), None, "{method}");
        assert_eq!(asked.field("x-forwarded-for"), None, "{method}");
        assert_eq!(asked.all("authorization"), ["Bearer secret"], "{method}");
        assert_eq!(asked.all("x-tag").join(", "), "a, b, c", "{method}");
        assert!(!format!("{received:?}").contains("secret"), "{method}");
        larder.ask(method, "/other", &fields);
        assert_eq!(origin.last().all("authorization"), ["Basic YTpi"], "{method}");
    }
}

#[test]
fn a_path_that_origins_may_read_otherwise_meets_no_rule_that_prolongs() {
    let origin = Origin::as_told();
    let rules = "
        match.path = \"/static/*\"
        ttl = \"1m\"
        [[site.rule]]
        match.path = \"/forced/*\"
        cache = \"force\"
        ttl = \"1m\"
        [[site.rule]]
        match.path = \"/stale/*\"
        stale_while_revalidate = \"1m\"
        [[site.rule]]
        match.path = [\"/static/*\", \"/off/*\"]
        cache = \"off\"";
    let larder = Larder::with_rule(rules, &origin);
    for (target, detail) in [
        ("/account/..%2fstatic/a", "rule-off"),
        ("/account/../static/a", "rule-off"),
        ("/account/%2e%2E/static/a", "rule-off"),
        ("/static/./a", "rule-off"),
        ("/static/a;x=.css", "rule-off"),
        ("/static/a%3bx", "rule-off"),
        ("/static/a%2Fb", "rule-off"),
        ("/static/a%5cb", "rule-off"),
        ("/static/a%00", "rule-off"),
        ("/x/../off/a", "rule-off"),
        ("/x/..%2fforced/a", "no-freshness"),
        ("/forced/a;b", "no-freshness"),
        ("/stale/a;b", "no-freshness"),
    ] {
        for _ in 0..2 {
            let received = larder.fill(target);
            let says = format!("detail={detail}");
            assert!(received.cache().ends_with(&says), "{target}: {}", received.cache());
            assert_eq!(origin.last().target, target, "the raw path is forwarded");
        }
    }
    for plain in ["/static/a", "/static/a%20b", "/static/.a/...", "/forced/a", "/static/a?b;c=%2f"]
    {
        assert!(is_shared(&larder, (plain, &[]), (plain, &[])), "{plain}");
    }
}

#[test]
fn a_request_of_a_session_passes_by() {
    let origin = public();
    let toml = "[[site]]\norigin = \"{origin}\"\nsession_cookies = [\"sid\", \"login_*\"]";
    let larder = Larder::configured(toml, &origin);
    larder.fill("/");
    for cookie in ["sid=1", "a=b; login_x=1", "a=b;sid"] {
        let fields = [("Cookie", cookie)];
        for target in ["/", "/new"] {
            let received = larder.fill_with(target, &fields);
            let says = "larder; fwd=bypass; fwd-status=200; detail=session-cookie";
            assert_eq!(received.cache(), says, "{cookie}");
            assert_eq!(origin.last().field("cookie"), Some(cookie));
        }
    }
    assert!(!larder.fill("/new").is_hit(), "nothing of a session was kept");
    for cookie in ["SID=1", "xsid=1", "a=sid; b=login_x"] {
        assert!(larder.get_with("/", &[("Cookie", cookie)]).is_hit(), "{cookie}");
    }
}

#[test]
fn cookies_that_are_ignored_do_not_speak_of_a_visitor() {
    let origin = Origin::as_told();
    let toml = "[[site]]\norigin = \"{origin}\"\nignored_cookies = [\"theme\", \"ab_*\"]";
    let larder = Larder::configured(toml, &origin);
    for (at, (cookie, shared)) in [
        ("theme=dark", true),
        ("ab_1=x; theme=dark", true),
        ("theme=dark; name=me", false),
        ("_ga=1", false),
        ("Theme=dark", false),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/{at}");
        let reply = ("X-Reply", "Cache-Control: max-age=60");
        let first = larder.fill_with(&target, &[reply, ("Cookie", cookie)]);
        assert_eq!(origin.last().field("cookie"), Some(cookie), "the origin has it all the same");
        assert_eq!(larder.get_with(&target, &[reply]).is_hit(), shared, "{}", first.cache());
    }
}

#[test]
fn tags_stay_with_larder_unless_they_are_to_be_shown() {
    let origin = Origin::as_told();
    let hidden = Larder::before(&origin);
    let shown = "[[site]]\norigin = \"{origin}\"\nshow_tags = true";
    let shown = Larder::configured(shown, &origin);
    let tags = "Cache-Tag: a,b | Surrogate-Key: a b | xkey: a";
    let reply = format!("Cache-Control: max-age=60 | {tags}");
    for (larder, values) in [(&hidden, [None; 3]), (&shown, [Some("a,b"), Some("a b"), Some("a")])]
    {
        let first = told(larder, "/", &reply);
        let hit = larder.get("/");
        assert!(hit.is_hit(), "{}", hit.cache());
        let passed = larder.ask("POST", "/", &[("X-Reply", &reply)]);
        for received in [first, hit, passed] {
            let found = ["cache-tag", "surrogate-key", "xkey"].map(|name| received.field(name));
            assert_eq!(found, values, "{}", received.cache());
        }
    }
}
