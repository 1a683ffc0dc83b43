//! What operators and content systems are told, and what they can have done.

use crate::support::upstream::{
    NEWS, Upstream, document, edition, feed, files, images, named, refresh, runs,
};
use crate::support::{Authority, Gate, Larder, Origin, Reply, until};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

fn app() -> Origin {
    Origin::answering(|_| Reply::ok("of the app"))
}

/// The key of the tests.
const KEY: &str = "a-key-of-24-characters-ok";

#[test]
fn regenerate_answers_once_it_is_published() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    let toml = upstream
        .toml("retries = 0")
        .replace("[[feed]]", &format!("[site.regenerate]\nkey = \"{KEY}\"\n[[feed]]"));
    let larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    let call = |key: &str| {
        let fields = [("X-API-Key", key), ("Content-Length", "0")];
        let received = larder.ask("POST", "/api/regenerate", &fields);
        let body: Value = serde_json::from_str(&received.text()).expect("it is JSON");
        (received.status, body)
    };
    upstream.has(&["b", "c", "d"]);
    let (status, body) = call(KEY);
    assert_eq!(
        (status, &body["success"], &body["count"]),
        (200, &json!(true), &json!(3)),
        "{body}"
    );
    assert!(body["timestamp"].as_str().is_some_and(|it| it.ends_with('Z')), "{body}");
    assert_eq!(document(&larder)["data"][2]["id"], "d", "it is published when it is answered");
    assert_eq!(call("a-wrong-key-of-24-chars--").0, 401);
    assert_eq!(larder.ask("POST", "/api/regenerate", &[("Content-Length", "0")]).status, 401);
    assert_eq!(larder.get("/api/regenerate").status, 405);
    upstream.says().instead.insert(NEWS.to_owned(), (500, Vec::new()));
    let (status, body) = call(KEY);
    assert_eq!((status, &body["success"]), (502, &json!(false)), "{body}");
    assert_eq!(document(&larder)["data"][2]["id"], "d", "the old edition stays");
    upstream.says().instead.clear();
    let gate = Gate::shut();
    upstream.says().gates.insert(NEWS.to_owned(), gate.clone());
    let count = upstream.count(NEWS);
    let mut first = larder.connect();
    first.send(crate::support::request(
        "POST",
        "/api/regenerate",
        &[("X-API-Key", KEY), ("Content-Length", "0")],
    ));
    until("it is in flight", || (upstream.count(NEWS) > count).then_some(()));
    assert_eq!(call(KEY).0, 409, "a fetch is in flight");
    gate.open();
    assert_eq!(first.read().status, 200);
    assert_eq!(app.count(), 0);
}

#[test]
fn a_refresh_says_what_came_of_it() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let larder = Larder::configured(&upstream.toml(""), &app);
    edition(&larder, 1);
    let unchanged = refresh(&larder);
    let same = json!({
        "name": "news", "published": false, "items": 1, "pictures": 1, "missing": 0,
        "beyond_max_images": 0,
    });
    assert_eq!(unchanged, (200, same));
    assert_eq!(larder.admin_post("/v1/feeds/other/refresh", "{}").status, 404);
    assert_eq!(larder.admin_post("/v1/feeds/news/refresh", "{\"x\": 1}").status, 400);
    assert_eq!(larder.admin("POST", "/v1/feeds/news/refresh", "{}").status, 401);
    let gate = Gate::shut();
    upstream.says().gates.insert(NEWS.to_owned(), gate.clone());
    let count = upstream.count(NEWS);
    larder.turn_clock(3600);
    until("it is in flight", || (upstream.count(NEWS) > count).then_some(()));
    let (status, problem) = refresh(&larder);
    assert_eq!((status, &problem["type"]), (409, &json!("urn:larder:problem:feed-busy")));
    let (code, _, said) = larder.command(&["refresh", "news"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("it is being fetched now"), "{said}");
    let before = files(&larder);
    for words in [&["feeds", "sweep", "news", "--dry-run"][..], &["feeds", "drop", "news"]] {
        let (code, _, said) = larder.command(words);
        assert_eq!(code, Some(1), "{words:?}");
        assert!(said.contains("it is being fetched now") && said.contains("ask again"), "{said}");
    }
    assert_eq!(files(&larder), before);
    let (status, problem) = (larder.admin_post("/v1/feeds/news/sweep", "{}"), "feed-busy");
    assert!(status.status == 409 && status.text().contains(problem), "{}", status.text());
    assert_eq!(feed(&larder)["state"], "fetching");
    gate.open();
    runs(&larder, 3);
    let (code, _, said) = larder.command(&["refresh", "nothing"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("there are news"), "{said}");
}

#[test]
fn old_pictures_stay_for_the_grace_time_and_are_then_swept() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    let larder = Larder::configured(&upstream.toml("grace = \"2h\"\nmax_shrink = 100"), &app);
    let old = images(&edition(&larder, 1)).remove(0);
    upstream.has(&["b"]);
    assert_eq!(refresh(&larder).0, 200);
    let name = old.rsplit('/').next().unwrap().to_owned();
    assert_eq!(larder.get(&old).status, 200, "a page may still point there");
    assert!(files(&larder).contains(&name));
    let (_, said, _) = larder.command(&["feeds", "sweep", "news", "--dry-run"]);
    assert_eq!(said, "0 files with 0 B would be gone\n");
    upstream.origin.go_away();
    larder.turn_clock(7201);
    until("it is swept", || (!files(&larder).contains(&name)).then_some(()));
    assert_eq!(images(&document(&larder)).len(), 1);
    assert_eq!(larder.get(&images(&document(&larder))[0]).status, 200);
    std::fs::write(larder.data().join("feeds/news/files/orphan.jpg"), "x").unwrap();
    let (_, said, _) = larder.command(&["feeds", "sweep", "news", "--dry-run"]);
    assert_eq!(said, "1 files with 1 B would be gone\n  orphan.jpg\n");
    assert!(files(&larder).contains(&"orphan.jpg".to_owned()));
    let (_, said, _) = larder.command(&["feeds", "sweep", "news"]);
    assert_eq!(said, "1 files with 1 B are gone\n  orphan.jpg\n");
    assert!(!files(&larder).contains(&"orphan.jpg".to_owned()));
}

#[test]
fn a_feed_can_be_dropped_and_comes_back_with_its_next_run() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let larder = Larder::configured(&upstream.toml(""), &app);
    let image = images(&edition(&larder, 1)).remove(0);
    larder.fill("/api/news.json");
    let (code, _, said) = larder.command(&["feeds", "drop", "news"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((larder.get("/api/news.json").status, larder.get(&image).status), (503, 404));
    assert_eq!(files(&larder), Vec::<String>::new());
    assert_eq!(refresh(&larder).0, 200);
    assert_eq!(larder.get("/api/news.json").status, 200);
}

#[test]
fn a_reload_changes_feeds_and_leaves_the_others_alone() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let toml = upstream.toml("");
    let larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    let written = toml.replace("{origin}", &format!("http://{}", app.address()));
    larder.reload(&(written.clone() + "[log]\nlevel = \"info\"\n"));
    larder.wait_for_error_line("the configuration was read again");
    assert_eq!(upstream.count(NEWS), 1, "it is the same feed");
    larder.reload(&written.replace("/api/news.json", "/api/other.json"));
    until("it is elsewhere", || (larder.get("/api/other.json").status == 200).then_some(()));
    until("it is no more there", || {
        (larder.get("/api/news.json").text() == "of the app").then_some(())
    });
    larder.reload(&format!("[[site]]\norigin = \"http://{}\"\n", app.address()));
    until("it is gone", || (larder.get("/api/other.json").text() == "of the app").then_some(()));
    assert_eq!(larder.admin_json("/v1/feeds")["feeds"], json!([]));
}

#[test]
fn what_a_feed_leaves_that_is_configured_no_more_is_listed_until_it_is_dropped() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let toml = upstream.toml("");
    let larder = Larder::configured(&toml, &app);
    let first = edition(&larder, 1);
    let (_, said, _) = larder.command(&["feeds"]);
    assert!(!said.contains("not in the configuration"), "{said}");
    let with = toml.replace("{origin}", &format!("http://{}", app.address()));
    let without = format!("[[site]]\norigin = \"http://{}\"\n", app.address());
    let left_over = || larder.admin_json("/v1/feeds")["left_over"].clone();
    larder.reload(&without);
    until("it is left", || (left_over()[0]["name"] == "news").then_some(()));
    assert!(left_over()[0]["bytes"].as_u64() > Some(0));
    upstream.origin.go_away();
    larder.reload(&with);
    until("it is back", || (left_over() == json!([])).then_some(()));
    until("it is served as it was", || {
        let received = larder.get("/api/news.json");
        (serde_json::from_slice(&received.body).ok() == Some(first.clone())).then_some(())
    });
    larder.reload(&without);
    until("it is left", || (left_over()[0]["name"] == "news").then_some(()));
    let (code, said, _) = larder.command(&["feeds"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("no feed is configured"), "{said}");
    assert!(said.contains("news  not in the configuration\n"), "{said}");
    for wrong in ["../feeds", "..", "news/files", "none", "."] {
        let (code, _, said) = larder.command(&["feeds", "drop", wrong]);
        assert_eq!(code, Some(1), "{wrong}: {said}");
    }
    assert!(!files(&larder).is_empty());
    let (_, _, said) = larder.command(&["feeds", "sweep", "news"]);
    assert!(said.contains("only to be dropped: news"), "{said}");
    until("it has ended and is dropped", || {
        (larder.command(&["feeds", "drop", "news"]).0 == Some(0)).then_some(())
    });
    assert!(!larder.data().join("feeds/news").exists());
    assert!(larder.data().join("feeds").exists());
    assert_eq!(left_over(), json!([]));
    assert_eq!(larder.command(&["feeds", "drop", "news"]).0, Some(1), "there is nothing any more");
}

#[test]
fn a_reload_says_which_settings_of_all_feeds_wait_for_the_next_start() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let toml = upstream.toml("");
    let larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    let written = toml.replace("{origin}", &format!("http://{}", app.address()));
    larder.reload(&format!("{written}[feeds]\nsize = \"1GiB\"\n"));
    larder.wait_for_error_line("the configuration was read again");
    assert_eq!(larder.error_lines("takes effect at the next start"), Vec::<String>::new());
    let authority = Authority::new();
    larder.reload(&format!(
        "{written}[feeds]\nconcurrency = 3\nca = {:?}\n[origin]\nconnect_timeout = \"4s\"\n",
        authority.file()
    ));
    for name in ["feeds.concurrency", "feeds.ca", "origin"] {
        let line = format!("{name} (of feeds that stay as they are) changed: it takes effect");
        larder.wait_for_error_line(&line);
    }
    assert_eq!(upstream.count(NEWS), 1, "it is the same feed");
}

#[test]
fn who_asks_whether_it_is_ready_hears_of_feeds_that_fail_and_of_no_others() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    upstream.says().instead.insert(NEWS.to_owned(), (404, b"a secret".to_vec()));
    let larder = Larder::configured(&upstream.toml("retries = 0"), &app);
    runs(&larder, 1);
    let ready = || {
        let ready = larder.admin("GET", "/ready", "");
        (ready.status, ready.text())
    };
    let said = "ready\nfeed news: nothing yet; status (`larder feeds` says more)\n";
    assert_eq!(ready(), (200, said.to_owned()));
    upstream.says().instead.clear();
    assert_eq!(refresh(&larder).0, 200);
    assert_eq!(ready(), (200, "ready\n".to_owned()), "of one that is well nothing is said");
    upstream.says().instead.insert(NEWS.to_owned(), (200, b"{\"data\": []}".to_vec()));
    assert_eq!(refresh(&larder).0, 502);
    let said = "ready\nfeed news: edition 1 stays; too-few (`larder feeds` says more)\n";
    assert_eq!(ready(), (200, said.to_owned()));
}

#[test]
fn regenerate_fetches_all_feeds_of_the_site_and_the_worst_of_them_is_the_status() {
    let (app, upstream, other) = (app(), Upstream::of(&["a", "b"]), Upstream::of(&["c"]));
    let of_other = other.toml("retries = 0").split_once("[[feed]]").unwrap().1.to_owned();
    let of_other = of_other.replace("\"news\"", "\"other\"").replace("news.json", "other.json");
    let toml = upstream
        .toml("retries = 0")
        .replace("[[feed]]", &format!("[site.regenerate]\nkey = \"{KEY}\"\n[[feed]]"));
    let larder = Larder::configured(&format!("{toml}[[feed]]{of_other}"), &app);
    runs(&larder, 1);
    until("both have run", || (named(&larder, "other")["state"] == "waiting").then_some(()));
    let call = || {
        let fields = [("X-API-Key", KEY), ("Content-Length", "0")];
        let received = larder.ask("POST", "/api/regenerate", &fields);
        let body: Value = serde_json::from_str(&received.text()).expect("it is JSON");
        (received.status, body)
    };
    let (status, body) = call();
    let both = json!([
        { "name": "news", "ok": true, "count": 2 }, { "name": "other", "ok": true, "count": 1 },
    ]);
    assert_eq!((status, &body["count"], &body["feeds"]), (200, &json!(3), &both), "{body}");
    assert_eq!((upstream.count(NEWS), other.count(NEWS)), (2, 2));
    other.says().instead.insert(NEWS.to_owned(), (500, Vec::new()));
    upstream.has(&["d"]);
    let (status, body) = call();
    assert_eq!(
        (status, &body["success"], &body["count"]),
        (502, &json!(false), &json!(1)),
        "{body}"
    );
    assert_eq!(body["feeds"][0], json!({ "name": "news", "ok": true, "count": 1 }));
    assert_eq!(body["feeds"][1]["ok"], false);
    assert!(body["error"].as_str().is_some_and(|it| it.starts_with("other: status")), "{body}");
    assert_eq!(document(&larder)["data"][0]["id"], "d", "the other's failure is not its own");
    let gate = Gate::shut();
    other.says().gates.insert(NEWS.to_owned(), gate.clone());
    let count = other.count(NEWS);
    larder.turn_clock(3600);
    until("it is in flight", || (other.count(NEWS) > count).then_some(()));
    until("the first has run", || (feed(&larder)["state"] == "waiting").then_some(()));
    let (status, body) = call();
    assert_eq!((status, &body["feeds"][0]["ok"]), (409, &json!(true)), "{body}");
    assert_eq!(body["feeds"][1]["error"], "it is being fetched now");
    gate.open();
}

#[test]
fn a_reload_that_fails_leaves_all_feeds_alone() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let toml = upstream.toml("");
    let larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    std::fs::write(larder.data().join("feeds/second"), "no folder").unwrap();
    let written = toml.replace("{origin}", &format!("http://{}", app.address()));
    let second = written.split("[[feed]]").nth(1).unwrap();
    let second = second.replace("\"news\"", "\"second\"").replace("news.json", "second.json");
    larder.reload(&format!("{written}[[feed]]{second}"));
    larder.wait_for_error_line("the feeds stay as they were");
    assert_eq!(document(&larder)["data"][0]["id"], "a");
    assert_eq!(refresh(&larder).0, 200);
}

#[test]
fn a_reload_within_a_run_has_one_after_the_other() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    let toml = upstream.toml("");
    let larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    upstream.has(&["c", "d"]);
    let gate = Gate::shut();
    upstream.says().gates.insert("/p/d.png".to_owned(), gate.clone());
    let mut asking = Command::new(env!("CARGO_BIN_EXE_larder"));
    asking.args(["refresh", "news", "--data"]).arg(larder.data());
    asking.env("LARDER_ADMIN", format!("http://{}", larder.admin)).stderr(Stdio::null());
    let mut asking = asking.stdout(Stdio::null()).spawn().unwrap();
    until("it runs", || (upstream.count("/p/d.png") > 0).then_some(()));
    let written = toml.replace("{origin}", &format!("http://{}", app.address()));
    larder.reload(&written.replace("every = \"1h\"", "every = \"2h\""));
    larder.wait_for_error_line("the configuration was read again");
    gate.open();
    asking.wait().unwrap();
    until("the other has run", || (document(&larder)["data"][0]["id"] == "c").then_some(()));
    for image in images(&document(&larder)) {
        assert_eq!(larder.get(&image).status, 200, "{image}");
    }
    assert_eq!(files(&larder).iter().filter(|name| name.ends_with(".part")).count(), 0);
    until("it is dropped", || {
        (larder.command(&["feeds", "drop", "news"]).0 == Some(0)).then_some(())
    });
    assert_eq!(larder.admin_json("/v1/feeds")["bytes"], 0);
}

#[test]
fn secrets_go_to_the_documents_server_only_and_are_told_nobody() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let lines =
        "headers = { Authorization = \"Bearer secret-of-the-feed\", X-Key = \"secret-too\" }";
    let toml = upstream
        .toml(lines)
        .replace(&format!("{NEWS}\"\nserve"), &format!("{NEWS}?key=secret-query\"\nserve"));
    // The upstream sends on to another server.
    let other = Upstream::of(&["a"]);
    let there = format!("http://localhost:{}{NEWS}", other.origin.address().port());
    upstream.says().instead.insert(format!("{NEWS}?key=secret-query"), (302, Vec::new()));
    upstream.says().field = Some(("Location".to_owned(), there));
    let larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    let asked = upstream.origin.asked();
    assert_eq!(asked[0].field("authorization"), Some("Bearer secret-of-the-feed"));
    for asked in other.origin.asked() {
        assert_eq!(
            (asked.field("authorization"), asked.field("x-key")),
            (None, None),
            "{}",
            asked.target
        );
    }
    let told = larder.admin_json("/v1/feeds").to_string() + &larder.command(&["feeds"]).1;
    assert!(!told.contains("secret"), "{told}");
    assert_eq!(larder.error_lines("secret"), Vec::<String>::new());
    let kept = std::fs::read_to_string(larder.data().join("feeds/news/edition.json")).unwrap();
    assert!(!kept.contains("secret"), "{kept}");
}

#[test]
fn every_feed_has_its_metrics() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    let larder = Larder::configured(&upstream.toml(""), &app);
    edition(&larder, 1);
    larder.turn_clock(60);
    for (name, value) in [
        ("larder_feed_age_seconds", 60),
        ("larder_feed_items", 2),
        ("larder_feed_pictures", 2),
        ("larder_feed_pictures_missing", 0),
        ("larder_feed_edition", 1),
        ("larder_feed_runs_total", 1),
        ("larder_feed_failed_in_a_row", 0),
    ] {
        assert_eq!(larder.metrics().sum(name, &["news"]), value, "{name}");
    }
    let explained =
        larder.command(&["explain", &format!("http://{}/api/news.json", larder.address)]);
    assert_eq!(explained.0, Some(0), "{}", explained.2);
}
