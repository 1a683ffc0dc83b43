//! What is kept when the upstream fails, lies, or limits.

use crate::support::upstream::{
    NEWS, Upstream, document, edition, feed, files, images, named, refresh, runs,
};
use crate::support::{Gate, Larder, Origin, Reply, until};
use std::time::{Duration, Instant};

fn app() -> Origin {
    Origin::answering(|_| Reply::ok("of the app"))
}

/// How long it may take to turn one away, to refuse a document, and to stop.
const MOST_HELD_UP: Duration = Duration::from_secs(20);
/// Seconds of a day.
const DAY: u64 = 86_400;

#[test]
fn an_upstream_that_is_dead_for_a_day_takes_nothing_away_nor_does_a_restart() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    let mut larder = Larder::configured(&upstream.toml(""), &app);
    let first = edition(&larder, 1);
    upstream.origin.go_away();
    for hour in 1..=24 {
        larder.turn_clock(3600);
        runs(&larder, hour + 1);
    }
    assert_eq!(document(&larder), first);
    let told = feed(&larder);
    assert!(told["edition"]["age_seconds"].as_u64() >= Some(DAY - 3600), "{told}");
    assert_eq!(told["last_error"]["kind"], "unreachable");
    assert!(larder.admin("GET", "/ready", "").text().contains("feed news: edition 1 stays"));
    larder.kill_and_restart();
    assert_eq!(document(&larder), first, "it is there at once");
    for image in images(&first) {
        assert_eq!(larder.get(&image).status, 200, "{image}");
    }
    runs(&larder, 1);
    upstream.origin.come_back();
    upstream.has(&["b", "c"]);
    assert_eq!(refresh(&larder).0, 200);
    assert_eq!(document(&larder)["data"][1]["id"], "c");
}

#[test]
fn what_is_empty_broken_or_has_shrunk_is_held_back_and_said() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b", "c", "d", "e"]));
    let larder = Larder::configured(&upstream.toml("retries = 0\nmax_size = \"64KiB\""), &app);
    let first = edition(&larder, 1);
    let long = format!("{{\"data\": [\"{}\"]}}", "x".repeat(70_000));
    let cases: [(u16, &[u8], &str, &str); 11] = [
        (200, b"{\"data\": []}", "too-few", "the document is empty"),
        (200, b"{\"error\": \"quota exceeded\"}", "too-few", "no items are found in it"),
        (200, b"{}", "too-few", "no items are found in it"),
        (200, b"{\"data\": null}", "too-few", "no items are found in it"),
        (200, b"{\"title\": \"Maintenance\"}", "shrunk", "no list of items any more"),
        (200, b"{\"data\": [{\"id\": 1}, ", "malformed", "cannot be used"),
        (200, b"", "malformed", "cannot be used: it is empty"),
        (200, b"<html>maintenance</html>", "malformed", "cannot be used"),
        (200, b"{\"data\": [{\"id\": 1}]}", "shrunk", "--accept-shrink"),
        (200, long.as_bytes(), "too-long", "max_size"),
        (404, b"", "status", "answered 404"),
    ];
    for (status, body, kind, words) in cases {
        upstream.says().instead.insert(NEWS.to_owned(), (status, body.to_vec()));
        let (status, problem) = refresh(&larder);
        assert_eq!(status, 502, "{kind}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
        assert_eq!(feed(&larder)["last_error"]["kind"], kind);
        assert_eq!(document(&larder), first, "{kind}");
        assert!(larder.metrics().sum("larder_feed_failures_total", &["news", kind]) > 0, "{kind}");
    }
    let few = b"{\"data\": [{\"id\": 1}]}".to_vec();
    upstream.says().instead.insert(NEWS.to_owned(), (200, few));
    let (code, said, _) = larder.command(&["refresh", "news", "--accept-shrink"]);
    assert_eq!((code, &*said), (Some(0), "news: published; 1 item, 0 pictures\n"));
    assert_eq!(document(&larder)["data"][0]["id"], 1);
    assert!(feed(&larder)["last_error"].is_null());
}

#[test]
fn an_error_is_no_first_edition_and_an_object_by_itself_may_be_one() {
    let (app, upstream) = (app(), Upstream::of(&[]));
    let say = |text: &str| {
        upstream.says().instead.insert(NEWS.to_owned(), (200, text.as_bytes().to_vec()));
    };
    say("{\"error\": \"quota exceeded\"}");
    let larder = Larder::configured(&upstream.toml("retries = 0"), &app);
    runs(&larder, 1);
    assert_eq!(larder.get("/api/news.json").status, 503);
    let (status, problem) = refresh(&larder);
    assert_eq!(status, 502, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("nothing is published yet"), "{problem}");
    for theme in ["light", "dark"] {
        say(&format!("{{\"title\": \"x\", \"theme\": \"{theme}\"}}"));
        assert_eq!(refresh(&larder).0, 200);
        assert_eq!(document(&larder)["theme"], theme);
    }
    say("{\"message\": \"quota exceeded\", \"code\": 7}");
    assert_eq!(refresh(&larder).0, 502);
    assert_eq!(document(&larder)["theme"], "dark");
    say("[1, 2]");
    assert_eq!(refresh(&larder).0, 200);
    say("{\"title\": \"x\", \"theme\": \"dark\"}");
    let (status, problem) = refresh(&larder);
    assert_eq!(status, 502, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("what was published stays"), "{problem}");
    assert_eq!(document(&larder), serde_json::json!([1, 2]));
}

#[test]
fn a_document_that_takes_long_to_read_holds_up_no_one() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    // A pattern is compiled for each of 19,000 values: two minutes in a debug build.
    let toml = upstream.toml("retries = 0").replace(
        "images = [\"$.data[*].image\"]",
        "images = [\"$.data[*].m[?match(@.c, '[a-z]{1,900}x')].u\"]",
    );
    let (_, of_news) = toml.split_once("[[feed]]").unwrap();
    let other = of_news.replace("\"news\"", "\"other\"").replace("news.json", "other.json");
    let other = other.replace(NEWS, "/p/a.png");
    let toml = format!("{toml}[[feed]]{other}");
    let mut larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    let item = ["{\"c\":\"abcdefghijklmn\",\"u\":\"/p/a.png\"}"; 10].join(",");
    let items = vec![format!("{{\"m\":[{item}]}}"); 1900].join(",");
    let long = format!("{{\"data\":[{items}]}}").into_bytes();
    upstream.says().instead.insert(NEWS.to_owned(), (200, long));
    let began = Instant::now();
    std::thread::scope(|scope| {
        // Nobody answers it: Larder ends before.
        let asking = scope.spawn(|| larder.command(&["refresh", "news"]));
        until("it is asked for", || (upstream.count(NEWS) == 2).then_some(()));
        let (code, _, said) = larder.command(&["feeds", "drop", "news"]);
        assert!(code != Some(0) && said.contains("it is being fetched now"), "{code:?} {said}");
        let told = larder.admin_post("/v1/feeds/other/refresh", "{}");
        assert_eq!(told.status, 502, "a picture is no document: {}", told.text());
        assert_eq!(named(&larder, "news")["state"], "fetching");
        larder.terminate();
        let (code, ..) = asking.join().unwrap();
        assert_ne!(code, Some(0), "it was not finished");
    });
    assert!(larder.wait().success());
    assert!(began.elapsed() < MOST_HELD_UP, "{:?}", began.elapsed());
}

#[test]
fn a_picture_that_fails_keeps_its_url_and_is_tried_again() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b", "c", "d"]));
    for (path, body) in [
        ("/p/b.png", &b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"[..]),
        ("/p/c.png", b""),
    ] {
        upstream.says().instead.insert(path.to_owned(), (200, body.to_vec()));
    }
    upstream.says().instead.insert("/p/d.png".to_owned(), (500, Vec::new()));
    let larder = Larder::configured(&upstream.toml(""), &app);
    let first = edition(&larder, 1);
    let local = images(&first);
    assert!(local[0].starts_with("/_larder/"));
    for (image, name) in local[1..].iter().zip(["b", "c", "d"]) {
        assert_eq!(*image, format!("http://{}/p/{name}.png", upstream.origin.address()));
    }
    let told = feed(&larder)["edition"].clone();
    assert_eq!((told["pictures"].as_u64(), told["missing"].as_u64()), (Some(1), Some(3)), "{told}");
    let (_, said, _) = larder.command(&["feeds"]);
    assert!(said.contains("3 pictures keep their URLs"), "{said}");
    assert!(said.contains("whatever it is called") && said.contains("answered 500"), "{said}");
    upstream.says().instead.clear();
    larder.turn_clock(3600);
    assert!(images(&edition(&larder, 2)).iter().all(|image| image.starts_with("/_larder/")));
    assert_eq!(upstream.count("/p/a.png"), 1, "what is there is not asked for again");
}

#[test]
fn a_server_of_pictures_that_wants_rest_has_it() {
    let names: Vec<String> = (0..40).map(|item| format!("n{item}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (app, upstream) = (app(), Upstream::of(&names));
    for name in &names {
        upstream.says().instead.insert(format!("/p/{name}.png"), (429, Vec::new()));
    }
    upstream.says().field = Some(("Retry-After".to_owned(), "600".to_owned()));
    let larder = Larder::configured(&(upstream.toml("") + "[feeds]\nconcurrency = 4\n"), &app);
    edition(&larder, 1);
    let asked = upstream.origin.asked().iter().filter(|it| it.target.starts_with("/p/")).count();
    assert!(asked <= 4, "those that were under way, {asked}");
    let (_, said, _) = larder.command(&["feeds"]);
    assert!(said.contains("40 pictures keep their URLs"), "{said}");
    assert!(said.contains("of rest"), "{said}");
}

#[test]
fn pictures_with_the_same_name_are_two_and_the_same_picture_is_one() {
    let (app, upstream) = (app(), Upstream::of(&["ab", "ba", "c"]));
    let larder = Larder::configured(&upstream.toml(""), &app);
    let local = images(&edition(&larder, 1));
    // The sums of their letters are the same, and so are their bytes.
    assert_eq!(local[0], local[1]);
    assert_ne!(local[0], local[2]);
    assert_eq!(files(&larder).iter().filter(|name| name.ends_with(".png")).count(), 2);
}

#[test]
fn nothing_of_ones_own_network_is_mirrored_unless_told() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let toml = upstream.toml("").replace("allow_private = true", "allow_private = false");
    let larder = Larder::configured(&toml, &app);
    let local = images(&edition(&larder, 1));
    assert!(local[0].starts_with("http://"), "{local:?}");
    assert_eq!(upstream.count("/p/a.png"), 0, "it was not even asked");
    let missing = feed(&larder)["edition"]["missing_urls"][0]["why"].as_str().unwrap().to_owned();
    assert!(missing.contains("allow_private"), "{missing}");
}

#[test]
fn limits_of_number_and_size_are_kept_to() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b", "c"]));
    upstream
        .says()
        .instead
        .insert("/p/b.png".to_owned(), (200, [&b"\x89PNG\r\n\x1a\n"[..], &[0; 9000]].concat()));
    let larder =
        Larder::configured(&upstream.toml("max_images = 2\nmax_image_size = \"8KiB\""), &app);
    let local = images(&edition(&larder, 1));
    assert!(local[0].starts_with("/_larder/"));
    assert!(local[1].starts_with("http://") && local[2].starts_with("http://"), "{local:?}");
    assert_eq!(upstream.count("/p/c.png"), 0);
    let told = larder.command(&["feeds", "--json"]).1;
    assert!(told.contains("max_image_size"), "{told}");
    let told = feed(&larder)["edition"].clone();
    assert_eq!((&told["missing"], &told["beyond_max_images"]), (&1.into(), &1.into()), "{told}");
    let (_, said, _) = larder.command(&["feeds"]);
    assert!(said.contains("beyond    1 picture more than max_images keeps its URL"), "{said}");
    assert_eq!(larder.metrics().sum("larder_feed_pictures_beyond", &["news"]), 1);
    larder.wait_for_error_line("(1 keep their URLs, and 1 beyond `max_images`)");
    let (_, said, _) = larder.command(&["refresh", "news"]);
    assert!(said.ends_with(", 1 more than max_images, which keep theirs\n"), "{said}");
}

#[test]
fn validators_save_the_document_and_pictures_are_still_tried_again() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    upstream.says().validates = true;
    upstream.says().instead.insert("/p/b.png".to_owned(), (503, Vec::new()));
    let larder = Larder::configured(&upstream.toml(""), &app);
    edition(&larder, 1);
    larder.turn_clock(3600);
    let told = runs(&larder, 2);
    assert_eq!(told["edition"]["number"], 1, "nothing changed for readers");
    assert_eq!(told["edition"]["age_seconds"], 0);
    let asked = upstream.origin.asked();
    let last = asked.iter().rfind(|asked| asked.target == NEWS).unwrap();
    assert_eq!(last.field("if-none-match"), Some("\"a-b\""));
    upstream.says().instead.clear();
    larder.turn_clock(3600);
    assert!(images(&edition(&larder, 2)).iter().all(|image| image.starts_with("/_larder/")));
}

#[test]
fn a_rate_limit_is_kept_to_and_a_refresh_by_hand_is_not_made_to_wait() {
    let (app, upstream, other) = (app(), Upstream::of(&["a"]), Upstream::of(&["a"]));
    upstream.says().instead.insert(NEWS.to_owned(), (429, Vec::new()));
    upstream.says().field = Some(("Retry-After".to_owned(), "1800".to_owned()));
    let toml = with_another(&upstream.toml(""), &other);
    let larder = Larder::configured(&toml, &app);
    let told = runs(&larder, 1);
    assert_eq!(
        (&told["state"], &told["last_error"]["kind"]),
        (&"retrying".into(), &"rate-limited".into())
    );
    turn_clock_and_see(&larder, 1600);
    assert_eq!(feed(&larder)["runs"], 1, "it is let alone");
    let (status, problem) = refresh(&larder);
    assert_eq!(status, 502, "{problem}");
    upstream.says().instead.clear();
    assert_eq!(refresh(&larder).0, 200);
    assert_eq!(feed(&larder)["state"], "waiting");
    let runs_now = feed(&larder)["runs"].clone();
    turn_clock_and_see(&larder, 1700);
    assert_eq!(feed(&larder)["runs"], runs_now, "the retry was cancelled");
}

/// The same with a feed of another upstream that is fetched each minute.
fn with_another(toml: &str, other: &Upstream) -> String {
    let (_, of_other) =
        other.toml("").split_once("[[feed]]").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let of_other = of_other.replace("\"news\"", "\"other\"").replace("news.json", "other.json");
    format!("{toml}[[feed]]{}", of_other.replace("\"1h\"", "\"1m\""))
}

/// Turns the clock, and waits until all feeds have looked at it: all live on one thread and look equally
/// often, so when one has seen two turns the others have seen the first.
fn turn_clock_and_see(larder: &Larder, seconds: u64) {
    let ran = || {
        let other = named(larder, "other");
        (other["state"] == "waiting").then(|| other["runs"].as_u64()).flatten()
    };
    for seconds in [seconds, 60] {
        let before = until("the other feed waits", ran);
        larder.turn_clock(seconds);
        until("the other feed has run", || ran().filter(|runs| *runs > before));
    }
}

#[test]
fn a_purge_has_it_fetched_anew_and_takes_nothing_away() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    upstream.says().validates = true;
    let larder = Larder::configured(&upstream.toml(""), &app);
    let first = edition(&larder, 1);
    let image = images(&first).remove(0);
    larder.fill("/api/news.json");
    larder.fill(&image);
    upstream.has(&["b", "c"]);
    for (body, number) in [
        (r#"{"urls": ["/api/news.json"]}"#, 2),
        (r#"{"prefixes": ["/api"]}"#, 3),
        (r#"{"sites": ["*"]}"#, 4),
        (r#"{"everything": true}"#, 5),
    ] {
        let asked = upstream.count(NEWS);
        assert_eq!(larder.admin_post("/v1/purge", body).status, 200);
        assert_eq!(upstream.count(NEWS), asked, "{body}: nobody has asked for it yet");
        assert_eq!(larder.get("/api/news.json").status, 200, "{body}: the old one stands");
        edition(&larder, number);
        let name = format!("c{number}");
        upstream.has(&["b", &name]);
    }
    let last = upstream.origin.asked().into_iter().rfind(|asked| asked.target == NEWS).unwrap();
    assert_eq!(last.field("if-none-match"), None, "a purge wants it anew");
    assert_eq!(larder.get(&image).status, 200);
}

#[test]
fn strangers_who_ask_after_a_purge_do_not_drive_the_upstream() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let larder = Larder::configured(&upstream.toml("retries = 0"), &app);
    edition(&larder, 1);
    upstream.says().instead.insert(NEWS.to_owned(), (503, Vec::new()));
    upstream.says().field = Some(("Retry-After".to_owned(), "3600".to_owned()));
    assert_eq!(larder.admin_post("/v1/purge", "{\"everything\": true}").status, 200);
    larder.get("/api/news.json");
    runs(&larder, 2);
    for host in 0..10 {
        let host = format!("h{host}.test");
        assert_eq!(larder.get_with("/api/news.json", &[("Host", &host)]).status, 200);
        larder.admin_post("/v1/purge", "{\"everything\": true}");
    }
    let before = upstream.count(NEWS);
    assert_eq!(refresh(&larder).0, 502, "by hand it is asked");
    assert_eq!((before, upstream.count(NEWS)), (2, 3));
}

#[test]
fn what_the_upstream_wants_is_kept_to_over_a_restart() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    upstream.says().instead.insert(NEWS.to_owned(), (429, Vec::new()));
    upstream.says().field = Some(("Retry-After".to_owned(), "1800".to_owned()));
    let mut larder = Larder::configured(&upstream.toml(""), &app);
    runs(&larder, 1);
    larder.kill_and_restart();
    larder.wait_for_metric("larder_feed_failed_in_a_row", &["news"], 0);
    assert!(feed(&larder)["next_run"].is_string());
    assert_eq!(upstream.count(NEWS), 1);
    upstream.says().instead.clear();
    // A little later than all others who were told the same.
    larder.turn_clock(2000);
    edition(&larder, 1);
}

#[test]
fn a_clock_that_was_wrong_once_keeps_no_feed_waiting_for_years() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let mut larder = Larder::configured(&upstream.toml(""), &app);
    edition(&larder, 1);
    let rest = larder.data().join("feeds/news/rest");
    larder.kill();
    std::fs::write(rest, "4102444800000").unwrap();
    larder.start_again();
    larder.wait_for_metric("larder_feed_failed_in_a_row", &["news"], 0);
    assert_eq!(upstream.count(NEWS), 1, "an upstream may want a day of rest");
    larder.turn_clock(DAY);
    until("it is asked", || (upstream.count(NEWS) > 1).then_some(()));
}

#[test]
fn each_turn_has_its_retries() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    upstream.says().instead.insert(NEWS.to_owned(), (500, Vec::new()));
    let larder = Larder::configured(
        &upstream.toml("retries = 2\nevery = \"1d\"").replace("every = \"1h\"\n", ""),
        &app,
    );
    for day in 1..=3_u64 {
        for run in 1..=3 {
            runs(&larder, (day - 1) * 3 + run);
            // A pause lasts a quarter of an hour at the most.
            larder.turn_clock(if run < 3 { 901 } else { DAY });
        }
    }
    assert_eq!(upstream.count(NEWS), 9);
}

#[test]
fn an_edition_that_cannot_be_used_takes_no_file_away() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    let mut larder = Larder::configured(&upstream.toml("retries = 0"), &app);
    let first = edition(&larder, 1);
    let before = files(&larder);
    upstream.says().instead.insert(NEWS.to_owned(), (503, Vec::new()));
    let name = before.iter().find(|name| name.ends_with(".doc")).expect("a document").clone();
    let folder = larder.data().join("feeds/news");
    std::fs::write(folder.join("files").join(name), "damaged").unwrap();
    larder.kill_and_restart();
    assert_eq!(document(&larder), first, "it is made anew of what the upstream sent");
    assert_eq!(files(&larder), before);
    let text = std::fs::read_to_string(folder.join("edition.json")).unwrap();
    larder.stop();
    std::fs::write(folder.join("edition.json"), text.replace("\"form\": 1", "\"form\": 2"))
        .unwrap();
    larder.start_again();
    runs(&larder, 1);
    assert_eq!(larder.get("/api/news.json").status, 503);
    assert_eq!(files(&larder), before, "nothing is swept before there is another edition");
    upstream.says().instead.clear();
    assert_eq!(refresh(&larder).0, 200);
    assert_eq!(files(&larder).len(), before.len());
    assert_eq!(upstream.count("/p/a.png"), 2);
}

#[test]
fn a_document_has_room_where_pictures_have_used_it_up() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b", "c"]));
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        let bytes: Vec<u8> =
            (0..600_000_u32).map(|at| (at.wrapping_mul(seed) >> 3) as u8).collect();
        let picture = [&b"\x89PNG\r\n\x1a\n"[..], &bytes].concat();
        upstream.says().instead.insert(format!("/p/{name}.png"), (200, picture));
    }
    let toml = upstream.toml("") + "[feeds]\nsize = \"1MiB\"\n";
    let larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    let told = feed(&larder)["edition"].clone();
    assert_eq!((told["pictures"].as_u64(), told["missing"].as_u64()), (Some(1), Some(2)), "{told}");
    for _ in 0..3 {
        assert_eq!(refresh(&larder).0, 200);
    }
    let bytes = larder.admin_json("/v1/feeds")["bytes"].as_u64();
    assert!(bytes < Some(1 << 20), "{bytes:?}");
}

#[test]
fn pictures_that_hang_do_not_hold_up_the_news() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b", "c"]));
    let gate = Gate::shut();
    upstream.says().gates.insert("/p/b.png".to_owned(), gate.clone());
    let larder = Larder::configured(&upstream.toml("images_timeout = \"1s\""), &app);
    let local = images(&edition(&larder, 1));
    assert!(local[0].starts_with("/_larder/") && local[1].starts_with("http://"), "{local:?}");
    gate.open();
    larder.turn_clock(3600);
    assert!(images(&edition(&larder, 2)).iter().all(|image| image.starts_with("/_larder/")));
}

#[test]
fn a_damaged_file_is_fetched_anew() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let larder = Larder::configured(&upstream.toml(""), &app);
    let image = images(&edition(&larder, 1)).remove(0);
    let name = image.rsplit('/').next().unwrap();
    let path = larder.data().join("feeds/news/files").join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let cut = larder.get(&image);
    assert!(cut.cut || cut.status == 500, "{}", cut.status);
    until("it is whole again", || {
        let received = larder.get(&image);
        (received.status == 200 && !received.cut).then_some(())
    });
    assert_eq!(upstream.count("/p/a.png"), 2);
}
