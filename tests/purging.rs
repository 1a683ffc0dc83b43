//! Purges: what they cover is never used again, wherever it is, and nothing else is touched.

use crate::support::{Gate, Larder, Origin, Received, Reply, until};
use serde_json::{Value, json};

const FRESH: &str = "max-age=3600";

/// An origin whose answers are numbered, with tags as the request says.
fn origin() -> Origin {
    Origin::answering(|asked| {
        let tag = format!("\"{}\"", asked.number);
        if asked.field("if-none-match").is_some() {
            return Reply::status(304, "").with("ETag", asked.field("if-none-match").unwrap());
        }
        let control = asked.field("x-control").unwrap_or(FRESH);
        Reply::cached(control, format!("{} of {}", asked.number, asked.target))
            .with("ETag", &tag)
            .with("Cache-Tag", asked.field("x-tags").unwrap_or_default())
    })
}

fn purge(larder: &Larder, body: &Value) -> Value {
    let answer = larder.admin_post("/v1/purge", &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}

fn assert_gone(answer: &Received) {
    assert!(answer.cache().contains("fwd=uri-miss"), "{}", answer.cache());
}

#[test]
fn each_scope_covers_what_it_names_and_nothing_else() {
    let origin = origin();
    let larder = Larder::before(&origin);
    let tagged = [("X-Tags", "news, sport")];
    for (body, gone, stays) in [
        (json!({ "urls": ["http://site.test/a?x=1"] }), vec!["/a?x=1"], vec!["/a", "/a?x=2"]),
        (json!({ "urls": ["/b"] }), vec!["/b"], vec!["/b/1", "/b?x"]),
        (json!({ "prefixes": ["/q"] }), vec!["/q", "/q/1", "/q?x"], vec!["/query", "/"]),
        (json!({ "prefixes": ["site.test/p/"] }), vec!["/p/1"], vec!["/p", "/pp"]),
        (json!({ "patterns": ["/*.html"] }), vec!["/x.html", "/y/z.html"], vec!["/x.htm"]),
        (json!({ "sites": ["*"] }), vec!["/s1", "/s2"], vec![]),
        (json!({ "everything": true }), vec!["/e1", "/e2"], vec![]),
    ] {
        gone.iter().chain(&stays).for_each(|target| drop(larder.fill(target)));
        let answer = purge(&larder, &body);
        assert_eq!(answer["success"], true);
        for target in gone {
            assert_gone(&larder.get(target));
        }
        for target in stays {
            assert!(larder.get(target).is_hit(), "{body}: {target}");
        }
    }
    larder.fill_with("/t1", &tagged);
    larder.fill_with("/t2", &[("X-Tags", "sport")]);
    purge(&larder, &json!({ "tags": ["news"] }));
    assert_gone(&larder.get("/t1"));
    assert!(larder.get("/t2").is_hit());
}

#[test]
fn what_is_on_disk_only_is_purged_too_and_purges_outlive_a_kill() {
    let origin = origin();
    let mut larder = Larder::before(&origin);
    larder.fill("/kept");
    larder.fill("/a/1");
    larder.fill_with("/b", &[("X-Tags", "t")]);
    larder.settle();
    larder.restart();
    let seq = purge(&larder, &json!({ "prefixes": ["/a"] }))["seq"].as_u64().unwrap();
    larder.kill_and_restart();
    let next = purge(&larder, &json!({ "tags": ["t"] }))["seq"].as_u64().unwrap();
    assert!(next > seq, "numbers are never used again");
    larder.kill_and_restart();
    assert_gone(&larder.get("/a/1"));
    assert_gone(&larder.get("/b"));
    assert!(larder.get("/kept").is_hit());
}

#[test]
fn a_purge_right_before_a_kill_is_never_lost() {
    let origin = origin();
    let mut larder = Larder::before(&origin);
    for round in 0..100 {
        let target = format!("/{round}");
        larder.fill(&target);
        larder.settle();
        purge(&larder, &json!({ "urls": [target.as_str()] }));
        larder.kill_and_restart();
        assert_gone(&larder.get(&target));
    }
}

#[test]
fn what_was_asked_for_before_the_purge_is_never_valid_after_it() {
    let (gate, origin_gate) = (Gate::shut(), Gate::shut());
    let (opens, opened) = (gate.clone(), origin_gate.clone());
    let origin = Origin::answering(move |asked| {
        if asked.number == 0 {
            opened.open();
            gate.pass();
        }
        Reply::cached(FRESH, asked.number.to_string()).with("Cache-Tag", "t")
    });
    for body in [json!({ "urls": ["/"] }), json!({ "tags": ["t"] }), json!({ "everything": true })]
    {
        let larder = Larder::before(&origin);
        let asked = origin.count();
        if asked > 0 {
            // The gate holds only the first request of all.
            larder.fill("/");
            purge(&larder, &body);
            assert_gone(&larder.get("/"));
            continue;
        }
        let mut early = larder.connect();
        early.send(crate::support::request("GET", "/", &[]));
        origin_gate.pass();
        purge(&larder, &body);
        // Who asks after the purge does not join what left before it.
        let late = larder.get("/");
        assert_eq!(late.text(), "1");
        opens.open();
        assert_eq!(early.read().text(), "0");
        larder.settle();
        assert_eq!(larder.get("/").text(), "1", "what came late has not taken its place");
    }
}

#[test]
fn a_hard_purge_leaves_nothing_to_validate_by_nor_to_stand_in() {
    let origin = origin();
    let larder = Larder::before(&origin);
    larder.fill_with("/", &[("X-Control", "max-age=1, stale-if-error=1000")]);
    larder.turn_clock(10);
    purge(&larder, &json!({ "urls": ["/"] }));
    larder.fill_with("/", &[("X-Control", "max-age=1, stale-if-error=1000")]);
    assert_eq!(origin.last().field("if-none-match"), None);
    purge(&larder, &json!({ "urls": ["/"] }));
    origin.go_away();
    assert_eq!(larder.get("/").status, 502);
}

#[test]
fn a_soft_purge_makes_stale_what_windows_still_allow() {
    let origin = origin();
    let larder = Larder::before(&origin);
    let control = [("X-Control", "max-age=1000, stale-while-revalidate=1000")];
    larder.fill_with("/swr", &control);
    larder.fill("/plain");
    larder.turn_clock(5);
    purge(&larder, &json!({ "everything": true, "soft": true }));
    let stale = larder.get("/swr");
    assert!(stale.cache().contains("detail=stale-while-revalidate"), "{}", stale.cache());
    until("it is refreshed", || {
        let cache = larder.get("/swr").cache().to_owned();
        (cache.starts_with("larder; hit; ttl=") && !cache.contains("detail")).then_some(())
    });
    let validated = larder.get("/plain");
    assert!(validated.cache().contains("fwd=stale; fwd-status=304"), "{}", validated.cache());
    assert!(larder.get("/plain").is_hit());
}

#[test]
fn nothing_is_purged_by_a_slip_of_the_pen() {
    let origin = origin();
    let larder = Larder::before(&origin);
    larder.fill("/");
    for body in [
        "{}",
        "{\"tags\": []}",
        "{\"tag\": [\"x\"]}",
        "{\"tags\": \"x\"}",
        "{\"urls\": [\"\"]}",
        "{\"urls\": [\"ftp://a/b\"]}",
        "{\"prefixes\": [\"/a?b\"]}",
        "{\"sites\": [\"nobody.test\"]}",
        "{\"everything\": true, \"tags\": [\"x\"]}",
        "not json",
        "[1]",
        "[[], [], [], [], [], true]",
    ] {
        let answer = larder.admin_post("/v1/purge", body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    }
    let many = json!({ "tags": vec!["t"; 5000] }).to_string();
    assert_eq!(larder.admin_post("/v1/purge", &many).status, 400);
    let long = json!({ "patterns": ["x".repeat(900_000)] }).to_string();
    assert_eq!(larder.admin_post("/v1/purge", &long).status, 400);
    assert!(larder.get("/").is_hit());
}

#[test]
fn a_dry_run_counts_and_purges_nothing() {
    let origin = origin();
    let larder = Larder::before(&origin);
    (0..20).for_each(|n| drop(larder.fill_with(&format!("/{n}"), &[("X-Tags", "t")])));
    larder.fill("/other");
    let counted = purge(&larder, &json!({ "tags": ["t"], "dry_run": true }));
    assert_eq!((&counted["objects"], &counted["dry_run"]), (&json!(20), &json!(true)));
    assert!(larder.get("/1").is_hit());
}

#[test]
fn purges_that_cannot_be_kept_are_refused_and_not_done() {
    let origin = origin();
    let larder = Larder::before(&origin);
    larder.fill("/");
    larder.settle();
    let folder = larder.data().join("cache");
    // Its folder is away, so no new log can be written, nor the old one found.
    let away = larder.data().join("away");
    std::fs::rename(&folder, &away).unwrap();
    let answer = larder.admin_post("/v1/purge", "{\"urls\": [\"/\"]}");
    std::fs::rename(&away, &folder).unwrap();
    // An open file can still be written without its folder: then the purge holds.
    match answer.status {
        200 => assert_gone(&larder.get("/")),
        503 => assert!(larder.get("/").is_hit(), "{}", answer.text()),
        status => panic!("{status}: {}", answer.text()),
    }
}

#[test]
fn a_304_with_other_tags_brings_nothing_purged_back() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::answering(move |asked| match asked.field("if-none-match") {
        Some(_) => {
            opened.pass();
            Reply::status(304, "")
                .with("ETag", "\"v\"")
                .with("Cache-Tag", "b")
                .with("Cache-Control", FRESH)
        }
        None => Reply::cached("max-age=1", asked.number.to_string())
            .with("ETag", "\"v\"")
            .with("Cache-Tag", "a"),
    });
    let larder = Larder::before(&origin);
    larder.fill("/");
    larder.turn_clock(5);
    let mut early = larder.connect();
    early.send(crate::support::request("GET", "/", &[]));
    origin.wait_for(2);
    purge(&larder, &json!({ "tags": ["a"] }));
    gate.open();
    assert_eq!(early.read().text(), "0");
    larder.settle();
    assert_eq!(larder.get("/").text(), "2", "the body that was purged is not used again");
    // The tag that a body was sent with counts on.
    larder.turn_clock(5);
    assert!(larder.get("/").cache().contains("fwd-status=304"));
    purge(&larder, &json!({ "tags": ["a"] }));
    assert_eq!(larder.get("/").text(), "4");
}

#[test]
fn what_another_site_stored_is_never_used() {
    let (one, two) = (origin(), origin());
    let both = format!(
        "[[site]]\nhosts = [\"a.test\", \"b.test\"]\norigin = \"http://{}\"\n",
        one.address()
    );
    let larder = Larder::configured(&both, &one);
    let of_b = [("Host", "b.test")];
    larder.fill_with("/", &of_b);
    larder.settle();
    let parted = format!(
        "[[site]]\nhosts = [\"a.test\"]\norigin = \"http://{}\"\n\
         [[site]]\nhosts = [\"b.test\"]\norigin = \"http://{}\"\n",
        one.address(),
        two.address()
    );
    larder.reload(&parted);
    // Each core takes it over when it comes to it.
    until("the new origin is asked", || {
        larder.fill_with("/", &of_b);
        (two.count() == 1).then_some(())
    });
    assert!(larder.get_with("/", &of_b).is_hit());
    purge(&larder, &json!({ "sites": ["b.test"] }));
    assert!(!larder.get_with("/", &of_b).is_hit());
}

#[test]
fn more_patterns_than_are_told_apart_purge_no_less() {
    let origin = origin();
    let larder = Larder::before(&origin);
    larder.fill_with("/pat/1", &[("X-Control", "max-age=60, stale-while-revalidate=1000")]);
    purge(&larder, &json!({ "patterns": ["/pat/*"] }));
    for n in 0..270 {
        purge(&larder, &json!({ "patterns": [format!("/other-{n}/*")] }));
    }
    assert_gone(&larder.get("/pat/1"));
    let many: Vec<String> = (0..300).map(|n| format!("/x{n}/*")).collect();
    let answer = larder.admin_post("/v1/purge", &json!({ "patterns": many }).to_string());
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn what_was_purged_is_not_listed() {
    let origin = origin();
    let larder = Larder::before(&origin);
    larder.fill("/a");
    larder.fill("/b");
    larder.settle();
    purge(&larder, &json!({ "urls": ["/a"] }));
    let objects = larder.admin_json("/v1/objects")["objects"].clone();
    assert_eq!(objects.as_array().map(Vec::len), Some(1), "{objects}");
    let counted = purge(&larder, &json!({ "everything": true, "dry_run": true }));
    assert_eq!(counted["objects"], 1);
}

#[test]
fn who_waits_already_is_answered_and_who_comes_after_waits_together() {
    let (gate, count) = (Gate::shut(), 10);
    let opened = gate.clone();
    let origin = Origin::answering(move |asked| {
        opened.pass();
        Reply::cached(FRESH, asked.number.to_string()).with("Cache-Tag", "t")
    });
    let larder = Larder::before(&origin);
    let crowd = || -> Vec<_> {
        let ask = |_| {
            let mut client = larder.connect();
            client.send(crate::support::request("GET", "/", &[]));
            client
        };
        (0..count).map(ask).collect()
    };
    let early = crowd();
    origin.wait_for(1);
    larder.wait_for_metric("larder_connections", &[], 10);
    // One that covers something else, and one that covers this.
    purge(&larder, &json!({ "urls": ["http://else.test/"] }));
    purge(&larder, &json!({ "urls": ["/"] }));
    let late = crowd();
    origin.wait_for(2);
    purge(&larder, &json!({ "tags": ["other"] }));
    gate.open();
    // Of the early ones some may have been taken up only after the purge.
    let of_early: Vec<String> = early.into_iter().map(|mut client| client.read().text()).collect();
    assert!(of_early.contains(&"0".to_owned()), "{of_early:?}");
    late.into_iter().for_each(|mut client| assert_eq!(client.read().text(), "1"));
    assert_eq!(origin.count(), 2);
}

#[test]
fn rules_give_tags_with_parts_of_the_path() {
    let origin = origin();
    let toml = r#"
        [[site]]
        origin = "{origin}"
        [[site.rule]]
        match = { path = ["/blog/{slug}", "/{lang}/{slug}.html"] }
        tags = ["post:{slug}", "blog"]
    "#;
    let larder = Larder::configured(toml, &origin);
    let targets = ["/blog/a", "/de/a.html", "/blog/b", "/blog/a/comments"];
    targets.iter().for_each(|target| drop(larder.fill(target)));
    purge(&larder, &json!({ "tags": ["post:a"] }));
    assert_gone(&larder.get("/blog/a"));
    assert_gone(&larder.get("/de/a.html"));
    assert!(larder.get("/blog/b").is_hit() && larder.get("/blog/a/comments").is_hit());
    purge(&larder, &json!({ "tags": ["blog"] }));
    assert_gone(&larder.get("/blog/b"));
    assert!(larder.get("/blog/a/comments").is_hit());
}

/// An app may give whoever asks after a purge what it began to make before.
#[test]
fn what_an_answer_says_it_was_begun_at_counts_for_it() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let head = || {
        let told = larder.admin_json("/v1/tags");
        told["head"].as_str().expect("where the log stands").to_owned()
    };
    let begun = head();
    purge(&larder, &json!({ "tags": ["old"] }));
    let (log, seq) = begun.split_once('.').unwrap();
    let ahead = format!("{log}.{}", seq.parse::<u64>().unwrap() + 9);
    // Of another log nobody knows what was purged since, wherever that stands.
    let other = format!("0123456789abcdef.{}", head().split_once('.').unwrap().1);
    for (at, (born, tag, is_kept)) in [
        (begun.as_str(), "new", true),
        (&begun, "old", false),
        (&head(), "old", true),
        (&ahead, "old", true),
        (&other, "new", false),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/{at}");
        let reply = format!("Cache-Control: max-age=60 | Cache-Tag: {tag} | Larder-Born: {born}");
        let first = larder.told(&target, &reply);
        assert_eq!(first.field("larder-born"), None, "it is for us alone");
        larder.settle();
        let is_hit = larder.get_with(&target, &[("X-Reply", &reply)]).is_hit();
        assert_eq!(is_hit, is_kept, "{born} {tag}");
    }
    // What is on its way already is not kept for later, nor is what was there before.
    let reply = "Cache-Control: max-age=60, stale-while-revalidate=600 | Cache-Tag: page";
    larder.told("/page", reply);
    let begun = head();
    larder.turn_clock(61);
    let again = format!("{reply} | Larder-Born: {begun}");
    larder.told("/page", &again);
    larder.settle();
    assert!(larder.get("/page").is_hit(), "no purge touched it");
    purge(&larder, &json!({ "tags": ["page"] }));
    assert_gone(&larder.told("/page", &again));
    larder.settle();
    assert_gone(&larder.told("/page", &again));
}
