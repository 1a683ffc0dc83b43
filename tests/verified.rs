//! Verified purges: the origin is asked until it gives something new.

use crate::support::{Gate, Larder, Origin, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An origin behind something that goes on giving the old for so many requests.
fn lagging(old_for: usize) -> Origin {
    Origin::answering(move |asked| {
        let version = if asked.number < old_for { "old" } else { "new" };
        Reply::cached("max-age=3600", version)
    })
}

/// Purges and verifies while the clock goes on by itself, two seconds at a step.
fn purge(larder: &Larder, body: &Value) -> Value {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| larder.admin_post("/v1/purge", &body.to_string()));
        while !asking.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            larder.turn_clock(2);
        }
        let answer = asking.join().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_str(&answer.text()).unwrap()
    })
}

#[test]
fn the_origin_is_asked_until_something_new_comes() {
    let origin = lagging(3);
    let larder = Larder::before(&origin);
    larder.fill("/p");
    let said = purge(&larder, &json!({ "urls": ["http://site.test/p"], "verify": true }));
    let expected = json!({
        "url": "http://site.test/p", "outcome": "changed", "tries": 3, "status": 200,
    });
    assert_eq!(said["verified"], json!({ "urls": [expected], "truncated": false }));
    assert_eq!((said["success"].as_bool(), origin.count()), (Some(true), 4));
    let again = origin.last();
    assert_eq!(again.field("cache-control"), Some("no-cache"));
    assert_eq!(again.field("if-none-match"), None, "what was purged validates nothing");
    let page = larder.get("/p");
    assert!(page.is_hit() && page.text() == "new", "what came is stored");
}

#[test]
fn what_stays_the_same_is_no_error_and_takes_a_minute() {
    let origin = lagging(usize::MAX);
    let larder = Larder::before(&origin);
    larder.fill("/p");
    let said = purge(&larder, &json!({ "urls": ["site.test/p"], "soft": true, "verify": true }));
    let verified = &said["verified"]["urls"][0];
    assert_eq!((&verified["outcome"], &verified["tries"]), (&json!("unchanged"), &json!(6)));
    assert_eq!(origin.count(), 7);
}

#[test]
fn what_a_tag_covers_is_verified_and_what_was_not_stored_is_new() {
    let origin = Origin::answering(|asked| {
        Reply::cached("max-age=3600", asked.number.to_string()).with("Cache-Tag", "t")
    });
    let larder = Larder::before(&origin);
    larder.fill("/a");
    larder.fill("/b?x=1");
    let said = purge(&larder, &json!({ "tags": ["t"], "verify": true }));
    let mut urls: Vec<(&str, &str)> = Vec::new();
    for one in said["verified"]["urls"].as_array().unwrap() {
        urls.push((one["url"].as_str().unwrap(), one["outcome"].as_str().unwrap()));
    }
    urls.sort_unstable();
    assert_eq!(urls, [("http://site.test/a", "changed"), ("http://site.test/b?x=1", "changed")]);
    let said = purge(&larder, &json!({ "urls": ["http://site.test/c"], "verify": true }));
    assert_eq!(said["verified"]["urls"][0]["outcome"], "new");
    assert!(larder.get("/c").is_hit());
}

#[test]
fn an_origin_that_is_away_fails_and_the_purge_holds() {
    let origin = lagging(1);
    let larder = Larder::before(&origin);
    larder.fill("/p");
    origin.go_away();
    std::thread::scope(|scope| {
        let purging = || larder.command(&["purge", "http://site.test/p", "--verify"]);
        let running = scope.spawn(purging);
        while !running.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            larder.turn_clock(2);
        }
        let (code, said, _) = running.join().unwrap();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("failed    http://site.test/p (no answer, 6 tries)"), "{said}");
    });
    assert_eq!(larder.get("/p").status, 502);
}

/// An origin that compresses, as most do, behind something that lags.
fn coding(old_for: usize) -> Origin {
    Origin::answering(move |asked| {
        let version = if asked.number < old_for { "old" } else { "new" };
        let coded = asked.field("accept-encoding").is_some_and(|said| said.contains("gzip"));
        let tag = format!("\"{version}{}\"", if coded { "-gzip" } else { "" });
        let reply = Reply::cached("max-age=3600", version).with("ETag", &tag);
        let reply = reply.with("Vary", "Accept-Encoding").with("Cache-Tag", "t");
        if coded { reply.with("Content-Encoding", "gzip") } else { reply }
    })
}

#[test]
fn what_is_stored_only_as_clients_ask_for_it_is_asked_for_like_that() {
    let gzip = [("Accept-Encoding", "gzip")];
    for what in [json!({ "urls": ["http://site.test/p"] }), json!({ "tags": ["t"] })] {
        let origin = coding(3);
        let larder = Larder::before(&origin);
        larder.fill_with("/p", &gzip);
        let mut body = what.clone();
        body["verify"] = json!(true);
        let said = purge(&larder, &body);
        let verified = &said["verified"]["urls"][0];
        let told = (&verified["outcome"], &verified["tries"]);
        assert_eq!(told, (&json!("changed"), &json!(3)), "{what} {said}");
        let page = larder.get_with("/p", &gzip);
        assert!(page.is_hit() && page.text() == "new", "{}", page.cache());
    }
}

#[test]
fn what_is_stored_for_one_visitor_tells_nothing_of_what_others_get() {
    let origin = Origin::answering(|asked| {
        let tag = format!("\"{}\"", asked.field("cookie").unwrap_or("none"));
        let reply = Reply::cached("public, max-age=3600", "page").with("ETag", &tag);
        reply.with("Vary", "Cookie")
    });
    let larder = Larder::before(&origin);
    let body = json!({ "urls": ["http://site.test/p"], "verify": true });
    for (fields, outcome) in [(&[("Cookie", "lang=de")][..], "new"), (&[], "unchanged")] {
        larder.fill_with("/p", fields);
        let said = purge(&larder, &body);
        assert_eq!(said["verified"]["urls"][0]["outcome"], outcome, "{said}");
        assert_eq!(origin.last().field("cookie"), None);
        purge(&larder, &json!({ "everything": true }));
    }
}

#[test]
fn a_purge_does_not_wait_for_the_origin_of_another() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.target == "/slow" && asked.number > 1 {
            opened.pass();
        }
        Reply::cached("max-age=3600", asked.number.to_string())
    });
    let larder = Larder::before(&origin);
    larder.fill("/slow");
    larder.fill("/p");
    let purge = |url| json!({ "urls": [url], "verify": true }).to_string();
    std::thread::scope(|scope| {
        scope.spawn(|| larder.admin_post("/v1/purge", &purge("site.test/slow")));
        origin.wait_for(3);
        scope.spawn(|| larder.admin_post("/v1/purge", &purge("site.test/p")));
        let begun = Instant::now();
        let asks = [("Cache-Control", "only-if-cached")];
        while larder.get_with("/p", &asks).status == 200 {
            assert!(begun.elapsed() < Duration::from_secs(6), "it is not purged yet");
            std::thread::sleep(Duration::from_millis(20));
        }
        gate.open();
    });
}

#[test]
fn what_is_stale_is_known_too_and_not_refreshed_for_that() {
    for said in ["max-age=5", "max-age=5, stale-while-revalidate=600"] {
        let origin = Origin::answering(move |asked| {
            Reply::cached(said, if asked.number < 3 { "old" } else { "new" })
        });
        let larder = Larder::before(&origin);
        larder.fill("/p");
        larder.turn_clock(10);
        let told = purge(&larder, &json!({ "urls": ["http://site.test/p"], "verify": true }));
        let verified = &told["verified"]["urls"][0];
        let told = (&verified["outcome"], &verified["tries"]);
        assert_eq!(told, (&json!("changed"), &json!(3)), "{said}");
        assert_eq!(origin.count(), 4, "{said}");
    }
}
