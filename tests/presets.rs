//! What Next.js and Astro send in their own ways: each trap has its test.

use crate::support::{Larder, Origin, Reply};

fn preset(name: &str, origin: &Origin) -> Larder {
    let rule = "[[site.rule]]\nmatch = { path = \"/*\", method = [\"GET\", \"HEAD\"] }\n\
                stale_if_error = \"1h\"";
    Larder::configured(
        &format!("[[site]]\norigin = \"{{origin}}\"\npreset = {name:?}\n{rule}"),
        origin,
    )
}

const ISR: &str = "s-maxage=10, stale-while-revalidate=31535990";

#[test]
fn next_an_answer_called_stale_is_refreshed_at_the_next_request() {
    let origin = Origin::answering(|asked| {
        let state = if asked.number == 0 { "STALE" } else { "HIT" };
        Reply::cached("s-maxage=3600, stale-while-revalidate=60", asked.number.to_string())
            .with("x-nextjs-cache", state)
    });
    let larder = preset("nextjs", &origin);
    assert_eq!(larder.fill("/").text(), "0");
    assert_eq!(larder.fill("/").text(), "0", "served once more while the new one is fetched");
    let fresh = larder.get("/");
    assert_eq!((fresh.text().as_str(), fresh.is_hit()), ("1", true));
}

/// Next makes no page anew for who asks for parts of it in advance: each such request was passed on.
#[test]
fn next_what_goes_on_being_called_stale_is_not_asked_for_with_every_request() {
    let origin = Origin::answering(|asked| {
        let state = if asked.field("x-new").is_some() { "HIT" } else { "STALE" };
        Reply::cached("s-maxage=3600, stale-while-revalidate=60", state)
            .with("x-nextjs-cache", state)
    });
    let larder = preset("nextjs", &origin);
    let part = [("RSC", "1"), ("Next-Router-Segment-Prefetch", "/_tree")];
    for _ in 0..40 {
        larder.fill_with("/", &part);
    }
    // At once, then after a second, two, four, eight and ten.
    assert!(origin.count() < 9, "{}", origin.count());
    larder.turn_clock(10);
    let old = larder.fill_with("/", &[&part[..], &[("X-New", "1")]].concat());
    assert_eq!((old.text().as_str(), old.is_hit()), ("STALE", true), "{}", old.cache());
    let fresh = larder.get_with("/", &part);
    assert_eq!((fresh.text().as_str(), fresh.is_hit()), ("HIT", true), "{}", fresh.cache());
}

/// Whoever asks for the page itself has Next make it anew: that was held back too, for up to ten seconds
/// after what was published.
#[test]
fn next_a_page_that_is_being_made_anew_is_asked_for_until_it_is() {
    let origin = Origin::answering(|asked| {
        let state = if asked.number < 6 { "STALE" } else { "HIT" };
        Reply::cached("s-maxage=3600, stale-while-revalidate=60", state)
            .with("x-nextjs-cache", state)
    });
    let larder = preset("nextjs", &origin);
    for _ in 0..8 {
        larder.fill("/");
    }
    let fresh = larder.get("/");
    assert_eq!((fresh.text().as_str(), fresh.is_hit()), ("HIT", true), "{}", fresh.cache());
}

/// Under a rule's `ttl` the old page was taken for a new one.
#[test]
fn next_an_answer_called_stale_is_not_fresh_under_a_ttl_either() {
    let origin = Origin::answering(|asked| {
        let state = if asked.number == 0 { "STALE" } else { "HIT" };
        Reply::cached("s-maxage=3600", asked.number.to_string())
            .with("x-nextjs-cache", state)
            .with("ETag", "\"x\"")
    });
    let toml = "[[site]]\norigin = \"{origin}\"\npreset = \"nextjs\"\n\
                [[site.rule]]\nttl = \"5m\"";
    let larder = Larder::configured(toml, &origin);
    larder.fill("/");
    assert_eq!(larder.fill("/").text(), "1");
    assert!(larder.get("/").is_hit());
}

#[test]
fn next_nobody_outside_speaks_as_next_itself() {
    let origin = Origin::answering(|asked| Reply::cached(ISR, asked.target.clone()));
    let larder = preset("nextjs", &origin);
    let said = [
        ("x-middleware-prefetch", "1"),
        ("x-invoke-status", "500"),
        ("x-matched-path", "/other"),
        ("x-now-route-matches", "1"),
    ];
    larder.fill_with("/", &said);
    assert!(said.iter().all(|(name, _)| origin.last().field(name).is_none()));
    larder.fill_with("/", &[("x-nextjs-data", "1")]);
    assert_eq!(origin.count(), 2, "what pages ask for as data is no page");
}

#[test]
fn next_payloads_for_scripts_are_never_mixed_with_pages() {
    let origin = Origin::answering(|asked| {
        // As one sees it whose Vary was dropped on the way.
        let kind = if asked.field("rsc").is_some() { "payload" } else { "page" };
        let prefetch = asked.field("next-router-prefetch").unwrap_or("-");
        Reply::cached(ISR, format!("{kind} {prefetch} {}", asked.target))
    });
    let larder = preset("nextjs", &origin);
    let target = "/p?_rsc=1a2b3";
    for _ in 0..2 {
        assert_eq!(larder.fill(target).text(), "page - /p?_rsc=1a2b3");
        let rsc = [("RSC", "1")];
        assert_eq!(larder.fill_with(target, &rsc).text(), "payload - /p?_rsc=1a2b3");
        let prefetch = [("RSC", "1"), ("Next-Router-Prefetch", "1")];
        assert_eq!(larder.fill_with(target, &prefetch).text(), "payload 1 /p?_rsc=1a2b3");
    }
    assert_eq!(origin.count(), 3, "each is kept by itself, and `_rsc` reaches the origin");
}

/// Next's `_rsc` differs by the page that one comes from: the same payload was kept once for each.
#[test]
fn next_a_payload_is_kept_once_wherever_one_comes_from_and_goes_with_its_page() {
    let origin = Origin::answering(|asked| {
        let kind = if asked.field("rsc").is_some() { "payload" } else { "page" };
        let from = asked.field("next-url").unwrap_or("-");
        let vary = if asked.target.starts_with("/photos") { "rsc, next-url" } else { "rsc" };
        Reply::cached(ISR, format!("{kind} {} {from} {}", asked.target, asked.number))
            .with("Vary", vary)
    });
    let larder = preset("nextjs", &origin);
    let ask = |target: &str, from: &str| {
        larder.fill_with(target, &[("RSC", "1"), ("Next-Url", from)]).text()
    };
    assert_eq!(larder.fill("/p").text(), "page /p - 0");
    assert_eq!(ask("/p?_rsc=a", "/a"), "payload /p?_rsc=a /a 1");
    assert_eq!(ask("/p?_rsc=b", "/b"), "payload /p?_rsc=a /a 1");
    assert_eq!(ask("/p?x=1&_rsc=b", "/b"), "payload /p?x=1&_rsc=b /b 2");
    // Where the page that one comes from matters, Next says so.
    assert_eq!(ask("/photos?_rsc=a", "/a"), "payload /photos?_rsc=a /a 3");
    assert_eq!(ask("/photos?_rsc=b", "/b"), "payload /photos?_rsc=b /b 4");
    let purged = larder.admin_post("/v1/purge", "{\"urls\": [\"/p\"]}");
    assert_eq!(purged.status, 200, "{}", purged.text());
    assert_eq!(larder.fill("/p").text(), "page /p - 5");
    assert_eq!(ask("/p?_rsc=b", "/b"), "payload /p?_rsc=b /b 6");
    assert_eq!(ask("/p?x=1&_rsc=a", "/a"), "payload /p?x=1&_rsc=b /b 2");
}

/// The refresh that such a request began made what is stored invalid.
#[test]
fn next_a_payload_under_a_wrong_name_is_asked_for_under_the_right_one() {
    let origin = Origin::answering(|asked| match asked.target.as_str() {
        "/p?_rsc=right" => Reply::cached(ISR, format!("payload {}", asked.number)),
        _ => Reply::status(307, "").with("Location", "/p?_rsc=right"),
    });
    let larder = preset("nextjs", &origin);
    let rsc = [("RSC", "1")];
    assert_eq!(larder.fill_with("/p?_rsc=wrong", &rsc).text(), "payload 1");
    assert_eq!(larder.fill_with("/p?_rsc=right", &rsc).text(), "payload 1");
    larder.turn_clock(11);
    assert_eq!(larder.fill_with("/p?_rsc=other", &rsc).text(), "payload 1", "stale");
    let fresh = larder.get_with("/p", &rsc);
    assert_eq!((fresh.text().as_str(), fresh.is_hit()), ("payload 3", true), "{}", fresh.cache());
    let page = larder.get("/p?_rsc=wrong");
    assert_eq!((page.status, page.field("location")), (307, Some("/p?_rsc=right")));
}

#[test]
fn next_drafts_and_previews_pass_by() {
    let origin = Origin::answering(|asked| Reply::cached(ISR, asked.number.to_string()));
    let larder = preset("nextjs", &origin);
    assert_eq!(larder.fill("/").text(), "0");
    for cookie in ["__prerender_bypass=garbage", "a=1; __next_preview_data=x"] {
        let answer = larder.get_with("/", &[("Cookie", cookie)]);
        assert_eq!(answer.cache(), "larder; fwd=bypass; fwd-status=200; detail=session-cookie");
    }
    assert_eq!(larder.get("/").text(), "0");
}

#[test]
fn next_a_page_with_a_cookie_is_not_kept_and_the_cookie_reaches_nobody_else() {
    let origin = Origin::answering(|asked| {
        Reply::cached(ISR, "page").with("Set-Cookie", &format!("visitor={}", asked.number))
    });
    let larder = preset("nextjs", &origin);
    for number in 0..3 {
        let answer = larder.fill("/");
        assert_eq!(answer.field("set-cookie"), Some(format!("visitor={number}").as_str()));
        assert!(answer.cache().ends_with("detail=set-cookie"), "{}", answer.cache());
    }
}

#[test]
fn next_server_actions_pass_with_what_they_are_checked_by() {
    let origin = Origin::answering(|asked| Reply::ok(asked.field("origin").unwrap_or("-")));
    let larder = preset("nextjs", &origin);
    let action = [("Next-Action", "abc"), ("Origin", "http://site.test"), ("Content-Length", "0")];
    assert_eq!(larder.ask("POST", "/", &action).text(), "http://site.test");
    assert_eq!(origin.last().field("next-action"), Some("abc"));
    assert_eq!(origin.last().field("x-forwarded-host"), Some("site.test"));
}

#[test]
fn next_unquoted_tags_are_echoed_as_they_came() {
    let origin = Origin::answering(|asked| match asked.field("if-none-match") {
        Some("abc123") => Reply::status(304, "").with("ETag", "abc123"),
        _ => Reply::cached("public, max-age=5", "picture").with("ETag", "abc123"),
    });
    // With the app's own pictures.
    let site = "[[site]]\norigin = \"{origin}\"\npreset = \"nextjs\"\nimages.enabled = false\n";
    let larder = Larder::configured(site, &origin);
    larder.fill("/_next/image?url=%2Fa.png&w=640&q=75");
    larder.turn_clock(6);
    let answer = larder.get("/_next/image?url=%2Fa.png&w=640&q=75");
    assert_eq!((answer.status, answer.text().as_str()), (200, "picture"));
    assert!(answer.cache().contains("fwd-status=304"), "{}", answer.cache());
}

#[test]
fn next_a_304_that_drops_part_of_vary_does_not_join_what_was_apart() {
    let origin = Origin::answering(|asked| {
        if asked.field("if-none-match").is_some() {
            return Reply::status(304, "").with("ETag", "\"e\"").with("Vary", "rsc");
        }
        let coding = asked.field("accept-encoding").unwrap_or("identity").to_owned();
        Reply::cached("s-maxage=5", coding)
            .with("ETag", "\"e\"")
            .with("Vary", "rsc, Accept-Encoding")
    });
    let larder = preset("nextjs", &origin);
    let gzip = [("Accept-Encoding", "gzip")];
    larder.fill_with("/", &gzip);
    larder.turn_clock(6);
    assert_eq!(larder.fill_with("/", &gzip).text(), "gzip");
    assert_eq!(larder.fill("/").text(), "identity");
}

#[test]
fn next_a_window_without_a_value_lasts_until_there_is_a_new_page() {
    let origin = Origin::answering(|asked| {
        Reply::cached("s-maxage=1, stale-while-revalidate", asked.number.to_string())
    });
    let larder = preset("nextjs", &origin);
    larder.fill("/");
    larder.turn_clock(24 * 3600);
    let stale = larder.fill("/");
    assert_eq!((stale.text().as_str(), stale.is_hit()), ("0", true), "{}", stale.cache());
    assert_eq!(larder.get("/").text(), "1");
}

#[test]
fn astro_islands_actions_and_sessions_pass_by_whatever_they_say() {
    let origin = Origin::answering(|asked| {
        Reply::ok(asked.number.to_string()).with("CDN-Cache-Control", "max-age=600")
    });
    let larder = preset("astro", &origin);
    for target in ["/_server-islands/Greeting?e=x", "/_actions/contact", "/contact?_action=contact"]
    {
        for _ in 0..2 {
            assert!(larder.fill(target).cache().ends_with("detail=rule-off"), "{target}");
        }
    }
    larder.fill("/");
    assert!(larder.get("/").is_hit());
    let session = larder.get_with("/", &[("Cookie", "astro-session=abc")]);
    assert!(session.cache().ends_with("detail=session-cookie"), "{}", session.cache());
}

#[test]
fn astro_answers_to_posts_are_not_kept_though_they_say_so() {
    let origin = Origin::answering(|asked| {
        Reply::ok(asked.method.clone()).with("CDN-Cache-Control", "max-age=600")
    });
    let larder = preset("astro", &origin);
    assert_eq!(larder.ask("POST", "/greeting", &[("Content-Length", "0")]).text(), "POST");
    assert_eq!(larder.get("/greeting").text(), "GET");
}

#[test]
fn astro_the_targeted_field_wins_over_no_cache() {
    let origin = Origin::answering(|_| {
        Reply::cached("no-cache", "page").with("CDN-Cache-Control", "max-age=60")
    });
    let larder = preset("astro", &origin);
    larder.fill("/");
    assert!(larder.get("/").is_hit());
}

/// `send`, which serves Astro's files, says `immutable` with a body only.
#[test]
fn astro_a_reload_does_not_take_a_hashed_file_its_lifetime() {
    let origin = Origin::answering(|asked| {
        let immutable = "public, max-age=31536000, immutable";
        match (asked.method.as_str(), asked.field("if-none-match")) {
            ("GET", None) => Reply::cached(immutable, "css").with("ETag", "W/\"e\""),
            ("GET", _) => Reply::status(304, "")
                .with("Cache-Control", "public, max-age=0")
                .with("ETag", "W/\"e\""),
            _ => Reply::cached("public, max-age=0", "css").with("ETag", "W/\"e\""),
        }
    });
    let larder = preset("astro", &origin);
    larder.fill("/_astro/page.abc.css");
    for (method, fields) in [
        ("GET", vec![("Cache-Control", "max-age=0"), ("If-None-Match", "W/\"e\"")]),
        ("HEAD", vec![("Cache-Control", "no-cache")]),
    ] {
        larder.ask(method, "/_astro/page.abc.css", &fields);
        larder.settle();
        let after = larder.get("/_astro/page.abc.css");
        assert!(after.is_hit(), "{method}: {}", after.cache());
        assert_eq!(after.field("cache-control"), Some("public, max-age=31536000, immutable"));
    }
}

#[test]
fn hashed_files_live_as_long_as_they_say() {
    for (name, target) in [("nextjs", "/_next/static/a.js"), ("astro", "/_astro/a.js")] {
        let origin =
            Origin::answering(|_| Reply::cached("public, max-age=31536000, immutable", "js"));
        let larder = preset(name, &origin);
        larder.fill(target);
        larder.turn_clock(300 * 24 * 3600);
        assert!(larder.get(target).is_hit());
    }
}
