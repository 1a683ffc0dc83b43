//! Pages that are made anew in the background (`revalidate`), and assets that outlive their deploy.

use crate::support::{Gate, Larder, Origin, Reply};
use std::sync::{Arc, Mutex};

/// What an origin answers at the moment: status, `Cache-Control`, body.
#[derive(Clone)]
struct State(Arc<Mutex<(u16, &'static str, &'static str)>>);

impl State {
    fn is(&self, status: u16, control: &'static str, body: &'static str) {
        *self.0.lock().unwrap() = (status, control, body);
    }
}

/// An origin that answers everything as the state is when it is asked.
fn changing(status: u16, control: &'static str, body: &'static str) -> (State, Origin) {
    let state = State(Arc::new(Mutex::new((status, control, body))));
    let now = state.clone();
    let origin = Origin::answering(move |_| {
        let (status, control, body) = *now.0.lock().unwrap();
        let reply = Reply::status(status, body);
        if control.is_empty() { reply } else { reply.with("Cache-Control", control) }
    });
    (state, origin)
}

#[test]
fn a_page_is_fresh_then_stale_for_ever_while_one_request_makes_it_anew() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.number > 0 {
            held.pass();
        }
        Reply::ok(if asked.number == 0 { "old" } else { "new" })
    });
    let larder = Larder::with_rule("revalidate = \"60s\"", &origin);
    assert!(larder.fill("/").cache().contains("stored"));
    larder.turn_clock(59);
    assert!(larder.get("/").is_hit());
    assert_eq!(origin.count(), 1);
    // A year later the page is still there, and one request makes it anew.
    larder.turn_clock(365 * 86_400);
    for _ in 0..10 {
        let stale = larder.get("/");
        assert_eq!((stale.status, stale.text().as_str()), (200, "old"));
        assert!(stale.cache().contains("hit") && stale.cache().contains("stale-while-revalidate"));
    }
    origin.wait_for(2);
    gate.open();
    larder.settle();
    assert_eq!((larder.get("/").text().as_str(), origin.count()), ("new", 2));
}

#[test]
fn a_page_is_fresh_from_when_it_came_however_old_its_origin_calls_it() {
    for (name, value) in [("Age", "100"), ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")] {
        let origin = Origin::answering(move |_| Reply::ok("page").with(name, value));
        let larder = Larder::with_rule("revalidate = \"60s\"", &origin);
        larder.fill("/");
        larder.turn_clock(59);
        assert!(larder.get("/").is_hit(), "{name}");
        larder.settle();
        assert_eq!(origin.count(), 1, "{name}");
        larder.turn_clock(2);
        assert!(larder.get("/").cache().contains("stale-while-revalidate"), "{name}");
        larder.settle();
        assert!(larder.get("/").is_hit(), "{name}");
        assert_eq!(origin.count(), 2, "{name}");
    }
}

#[test]
fn a_page_is_served_stale_only_as_long_as_told() {
    let (state, origin) = changing(200, "", "old");
    let rule = "revalidate = \"60s\"\nstale_while_revalidate = \"100s\"";
    let larder = Larder::with_rule(rule, &origin);
    larder.fill("/");
    state.is(200, "", "new");
    larder.turn_clock(160);
    let asked = larder.get("/");
    assert_eq!(asked.text(), "new");
    assert!(asked.cache().contains("fwd=stale"), "{}", asked.cache());
}

#[test]
fn a_page_that_came_back_is_not_hidden_behind_its_old_404() {
    for control in ["", "s-maxage=60, stale-while-revalidate=3600"] {
        let (state, origin) = changing(200, "", "old");
        let rule = "revalidate = \"60s\"\nstale_while_revalidate = \"1d\"";
        let larder = Larder::with_rule(rule, &origin);
        larder.fill("/");
        larder.turn_clock(60);
        state.is(404, control, "away");
        larder.get("/");
        larder.settle();
        assert!(larder.get("/").is_hit());
        assert_eq!(larder.get("/").status, 404);
        larder.turn_clock(10);
        state.is(200, "", "back");
        let back = larder.get("/");
        assert_eq!((back.status, back.text().as_str()), (200, "back"), "{}", back.cache());
    }
}

#[test]
fn what_fails_leaves_the_page_and_is_tried_again_after_a_pause_that_doubles() {
    let (state, origin) = changing(200, "", "good");
    let larder = Larder::with_rule("revalidate = \"60s\"", &origin);
    larder.fill("/");
    larder.turn_clock(60);
    state.is(500, "", "broken");
    let mut asked = 1;
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        // However many come, the origin is asked once and then left alone.
        for _ in 0..5 {
            let page = larder.get("/");
            assert_eq!((page.status, page.text().as_str()), (200, "good"));
            larder.settle();
        }
        asked += 1;
        assert_eq!(origin.count(), asked, "before the pause of {pause} s");
        larder.turn_clock(pause - 1);
        assert_eq!(larder.get("/").text(), "good");
        larder.settle();
        assert_eq!(origin.count(), asked, "within the pause of {pause} s");
        larder.turn_clock(1);
    }
    state.is(200, "", "new");
    assert_eq!(larder.get("/").text(), "good");
    larder.settle();
    assert_eq!(larder.get("/").text(), "new");
    // It went well: the next failure begins with a second again.
    larder.turn_clock(60);
    state.is(503, "", "broken");
    larder.get("/");
    larder.settle();
    let asked = origin.count();
    larder.turn_clock(1);
    larder.get("/");
    larder.settle();
    assert_eq!(origin.count(), asked + 1);
}

#[test]
fn failures_of_all_kinds_keep_the_page_and_its_end_takes_it_away() {
    for (status, control, kept) in [
        (500, "", true),
        (503, "max-age=60", true),
        (429, "no-store", true),
        (404, "", false),
        (410, "no-store", false),
        (403, "", false),
        (302, "no-store", false),
        (200, "private", false),
    ] {
        let (state, origin) = changing(200, "", "page");
        let larder = Larder::with_rule("revalidate = \"60s\"", &origin);
        larder.fill("/");
        larder.turn_clock(60);
        state.is(status, control, "later");
        assert_eq!(larder.get("/").text(), "page", "{status}: served while the origin is asked");
        larder.settle();
        larder.turn_clock(1);
        let then = larder.get("/");
        let expected = if kept { (200, "page") } else { (status, "later") };
        assert_eq!((then.status, then.text().as_str()), expected, "{status} {control}");
    }
}

#[test]
fn a_body_that_is_cut_or_an_origin_that_is_away_keeps_the_page() {
    let origin = Origin::answering(|asked| match asked.number {
        0 => Reply::ok("page"),
        _ => Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
    });
    let larder = Larder::with_rule("revalidate = \"60s\"", &origin);
    larder.fill("/");
    larder.turn_clock(60);
    for _ in 0..3 {
        assert_eq!(larder.get("/").text(), "page");
        larder.settle();
        larder.turn_clock(120);
    }
    assert_eq!(origin.count(), 4);
    origin.go_away();
    for _ in 0..3 {
        assert_eq!(larder.get("/").text(), "page");
        larder.settle();
        larder.turn_clock(86_400);
    }
}

#[test]
fn what_is_private_or_must_be_asked_for_is_not_regenerated() {
    for control in ["private", "no-store", "must-revalidate"] {
        let (state, origin) = changing(200, control, "one");
        let larder = Larder::with_rule("revalidate = \"60s\"", &origin);
        larder.get("/");
        state.is(200, control, "two");
        larder.turn_clock(60);
        assert_eq!(larder.get("/").text(), "two", "{control}");
    }
    let (state, origin) = changing(200, "no-store, must-revalidate", "one");
    let larder = Larder::with_rule("revalidate = \"60s\"\ncache = \"force\"", &origin);
    larder.fill("/");
    state.is(200, "no-store, must-revalidate", "two");
    larder.turn_clock(60);
    assert_eq!(larder.get("/").text(), "one", "forced");
    larder.settle();
    assert_eq!(larder.get("/").text(), "two");
}

#[test]
fn tools_of_old_are_told_how_an_answer_came_about() {
    let origin = Origin::answering(|asked| {
        let reply = match asked.field("x-control") {
            Some(control) => Reply::cached(control, "x"),
            None => Reply::cached("max-age=10, stale-while-revalidate=10", "x"),
        };
        reply.with("X-Cache-Status", "HIT").with("X-Cache-Age", "999")
    });
    let toml = "[[site]]\norigin = \"{origin}\"\nshow_cache_status = true";
    let larder = Larder::configured(toml, &origin);
    let told = |fields: &[(&str, &str)]| {
        let answer = larder.get_with("/", fields);
        let all = |name| answer.all(name).join("+");
        (all("x-cache-status"), all("x-cache-age"))
    };
    let pair = |status: &str, age: &str| (status.to_owned(), age.to_owned());
    assert_eq!(told(&[]), pair("MISS", ""));
    larder.settle();
    larder.turn_clock(3);
    assert_eq!(told(&[]), pair("HIT", "3"));
    larder.turn_clock(8);
    assert_eq!(told(&[]), pair("STALE", "11"));
    larder.settle();
    assert_eq!(told(&[]), pair("HIT", "0"));
    larder.turn_clock(20);
    assert_eq!(told(&[]), pair("EXPIRED", ""));
    let posted = larder.ask("POST", "/", &[]);
    assert_eq!(posted.field("x-cache-status"), Some("BYPASS"));
    let plain = Larder::before(&origin);
    plain.fill("/");
    assert_eq!(plain.get("/").field("x-cache-status"), Some("HIT"), "the origin's own");
}

/// A Larder of which that asset was asked for before all of it was softly purged.
fn deployed(settings: &str, origin: &Origin, asset: &str) -> Larder {
    let toml = format!("[[site]]\norigin = \"{{origin}}\"\n{settings}");
    let larder = Larder::configured(&toml, origin);
    larder.fill(asset);
    larder.admin_post("/v1/purge", r#"{"everything":true,"soft":true}"#);
    larder
}

const HASHED: &str = "public, max-age=31536000, immutable";

#[test]
fn a_hashed_asset_outlives_the_deploy_that_took_it_away() {
    let (state, origin) = changing(200, HASHED, "chunk");
    let larder = deployed("preset = \"nextjs\"", &origin, "/_next/static/chunks/a-1f.js");
    state.is(404, "no-store", "gone");
    let asked = origin.count();
    for _ in 0..5 {
        let kept = larder.get("/_next/static/chunks/a-1f.js");
        assert_eq!((kept.status, kept.text().as_str()), (200, "chunk"));
        assert!(kept.cache().ends_with("detail=kept-asset"), "{}", kept.cache());
    }
    assert_eq!(origin.count(), asked + 1, "the origin is not asked for each");
    assert_eq!(larder.get("/_next/static/chunks/b-2f.js").status, 404, "what was never there");
    larder.turn_clock(7 * 86_400 - 60);
    assert_eq!(larder.get("/_next/static/chunks/a-1f.js").status, 200);
    larder.turn_clock(120);
    assert_eq!(larder.get("/_next/static/chunks/a-1f.js").status, 404, "a week is over");
}

#[test]
fn an_asset_that_came_back_is_taken_and_a_hard_purge_takes_it_away() {
    let (state, origin) = changing(200, HASHED, "one");
    let larder = deployed("keep_assets = \"1d\"", &origin, "/a.js");
    state.is(404, "", "gone");
    assert_eq!(larder.get("/a.js").text(), "one");
    state.is(200, HASHED, "two");
    larder.turn_clock(2);
    assert_eq!(larder.get("/a.js").text(), "two");
    state.is(404, "", "gone");
    larder.admin_post("/v1/purge", r#"{"urls":["/a.js"]}"#);
    assert_eq!(larder.get("/a.js").status, 404);
}

#[test]
fn assets_without_a_mark_are_kept_only_under_a_rule() {
    let (state, origin) = changing(200, "max-age=60", "file");
    let toml = r#"
        [[site]]
        origin = "{origin}"
        keep_assets = "1d"
        [[site.rule]]
        match = { path = "/assets/*" }
        keep_assets = "1h"
    "#;
    let larder = Larder::configured(toml, &origin);
    for target in ["/assets/a.js", "/page"] {
        larder.fill(target);
    }
    larder.turn_clock(60);
    state.is(404, "", "gone");
    assert_eq!(larder.get("/page").status, 404);
    assert_eq!(larder.get("/assets/a.js").text(), "file");
    larder.turn_clock(3601);
    assert_eq!(larder.get("/assets/a.js").status, 404);
}
