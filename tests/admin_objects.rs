//! What the admin listener tells of what is stored.

use crate::support::{Larder, Origin, Reply};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

/// An origin of pages that tell languages apart.
fn pages() -> Origin {
    Origin::answering(|asked| {
        let language = asked.field("accept-language").unwrap_or("none").to_owned();
        Reply::cached("max-age=600, stale-while-revalidate=30", format!("in {language}"))
            .with("Content-Type", "text/html")
            .with("Vary", "Accept-Language, Cookie")
            .with("Cache-Tag", "page, news")
            .with("X-Own", "kept")
    })
}

fn urls(page: &Value) -> Vec<String> {
    let objects = page["objects"].as_array().expect("a list").iter();
    objects.map(|object| object["url"].as_str().expect("each has one").to_owned()).collect()
}

/// The paths of all pages of a listing.
fn paths(larder: &Larder, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = larder.admin_json(&format!("/v1/objects?{query}{cursor}"));
        all.extend(urls(&page).iter().map(|url| url.splitn(4, '/').last().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return all };
        assert_eq!(page["truncated"], true);
        cursor = format!("&cursor={next}");
    }
}

#[test]
fn what_is_stored_is_listed_and_still_after_a_restart() {
    let origin = pages();
    let mut larder = Larder::before(&origin);
    for n in 0..25 {
        larder.get(&format!("/news/{n}"));
    }
    larder.fill("/about?x=1");
    larder.turn_clock(10);
    let page = larder.admin_json("/v1/objects");
    assert_eq!(urls(&page).len(), 26);
    assert_eq!((&page["truncated"], &page["next_cursor"]), (&false.into(), &Value::Null));
    let check = |larder: &Larder, tiers: &[&str]| {
        let page = larder.admin_json("/v1/objects?prefix=/about");
        let [object] = page["objects"].as_array().unwrap().as_slice() else { panic!("{page}") };
        assert_eq!(object["url"], "http://site.test/about?x=1");
        assert_eq!(
            (&object["status"], &object["content_type"]),
            (&200.into(), &"text/html".into())
        );
        assert_eq!(object["body_bytes"], "in none".len());
        assert_eq!(object["tags"], serde_json::json!(["news", "page"]));
        assert_eq!(object["tiers"], serde_json::json!(tiers));
        assert_eq!(object["stale"]["while_revalidate"], 30);
        assert_eq!((&object["fresh"], &object["invalid"]), (&true.into(), &false.into()));
        assert_eq!(object["variant"]["accept-language"], Value::Null);
        object["age"].as_u64().expect("an age")
    };
    assert!((10..20).contains(&check(&larder, &["memory", "disk"])));
    larder.restart();
    check(&larder, &["disk"]);
    assert_eq!(paths(&larder, "limit=7").len(), 26);
    larder.get("/about?x=1");
    check(&larder, &["memory", "disk"]);
    assert_eq!(origin.count(), 26);
}

#[test]
fn prefixes_are_of_hosts_and_whole_segments() {
    let origin = pages();
    let larder = Larder::before(&origin);
    for (host, target) in [
        ("a.test", "/news"),
        ("a.test", "/news/1"),
        ("a.test", "/newspaper"),
        ("b.test", "/news?x"),
        ("b.test", "/"),
    ] {
        larder.fill_with(target, &[("Host", host)]);
    }
    for (prefix, count) in [
        ("", 5),
        ("/", 5),
        ("/news", 3),
        ("/news/", 1),
        ("a.test", 3),
        ("A.test:81/news", 2),
        ("https%3A%2F%2Fb.test%2Fnews", 1),
        ("c.test", 0),
        ("/none", 0),
    ] {
        let page = larder.admin_json(&format!("/v1/objects?prefix={prefix}"));
        assert_eq!(urls(&page).len(), count, "{prefix}: {page}");
    }
}

#[test]
fn questions_that_make_no_sense_are_answered_with_400() {
    let larder = Larder::before(&pages());
    let token = format!("Bearer {}", larder.token());
    for target in [
        "/v1/objects?limit=0",
        "/v1/objects?limit=1001",
        "/v1/objects?limit=x",
        "/v1/objects?limit=1&limit=2",
        "/v1/objects?cursor=x",
        "/v1/objects?cursor=zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "/v1/objects?prefix=ftp://x/",
        "/v1/objects?prefix=%00",
        "/v1/objects?prefix=%ff",
        "/v1/objects?prefx=/a",
        "/v1/object",
        "/v1/object?url=/only-a-path",
        "/v1/object?url=http://a/%23x",
        "/v1/object?url=a.test/&header=x",
        "/v1/object?url=a.test/&header=x:%0d%0ay:1",
    ] {
        let mut client = crate::support::Client::connect(larder.admin);
        let fields = [("Host", "localhost"), ("Authorization", token.as_str())];
        let received = client.ask("GET", target, &fields);
        let text = received.text();
        assert_eq!(received.status, 400, "{target}: {text}");
        assert!(text.contains("urn:larder:problem:bad-request"), "{text}");
    }
}

#[test]
fn one_response_is_shown_whole_by_the_request_that_would_find_it() {
    let origin = pages();
    let larder = Larder::before(&origin);
    for language in ["de", "en"] {
        larder.fill_with("/p?q=1", &[("Host", "a.test"), ("Accept-Language", language)]);
    }
    let shown = larder.admin_json("/v1/object?url=http://a.test/p%3Fq=1&header=Accept-Language:de");
    assert_eq!(shown["stored"].as_array().map(Vec::len), Some(2));
    let picked = &shown["picked"];
    assert_eq!(
        (&picked["variant"]["accept-language"], &picked["body_bytes"]),
        (&"de".into(), &5.into())
    );
    let headers = picked["headers"].as_array().expect("all of them");
    assert!(headers.contains(&serde_json::json!(["x-own", "kept"])), "{picked}");
    assert_eq!(picked["key"]["host"], "a.test");
    for (query, is_picked, stored) in [
        ("url=a.test/p%3Fq=1&header=Accept-Language:+en", true, 2),
        ("url=a.test/p%3Fq=1&header=Accept-Language:fr", false, 2),
        ("url=a.test/p%3Fq=1", false, 2),
        ("url=https://a.test/p%3Fq=1&header=Accept-Language:de", false, 2),
    ] {
        let shown = larder.admin_json(&format!("/v1/object?{query}"));
        assert_eq!(shown["picked"].is_object(), is_picked, "{query}");
        assert_eq!(shown["stored"].as_array().map(Vec::len), Some(stored), "{query}");
    }
    let fields = [("Host", "localhost"), ("Authorization", &*format!("Bearer {}", larder.token()))];
    let mut client = crate::support::Client::connect(larder.admin);
    let none = client.ask("GET", "/v1/object?url=a.test/none", &fields);
    assert_eq!(none.status, 404);
    assert!(none.text().contains("urn:larder:problem:nothing-stored"), "{}", none.text());
}

#[test]
fn an_url_that_was_made_invalid_is_marked() {
    let origin = pages();
    let larder = Larder::before(&origin);
    larder.fill("/p");
    larder.ask("POST", "/p", &[("Content-Length", "0")]);
    larder.settle();
    let page = larder.admin_json("/v1/objects");
    let marks: Vec<_> = page["objects"].as_array().unwrap().iter().map(|o| &o["invalid"]).collect();
    assert_eq!(marks, [&Value::Bool(true)], "{page}");
    assert_eq!(page["objects"][0]["fresh"], false);
}

#[test]
fn what_visitors_sent_is_not_shown() {
    let origin = pages();
    let toml = "[[site]]\norigin = \"{origin}\"\n[[site.rule]]\nttl = \"5m\"\n\
                key = { headers = [\"X-Tenant\"], cookies = [\"plan\"] }\n";
    let larder = Larder::configured(toml, &origin);
    let sent =
        [("Host", "a.test"), ("X-Tenant", "tenant-secret"), ("Cookie", "plan=cookie-secret")];
    larder.fill_with("/p", &sent);
    larder.fill_with("/p", &[("Host", "a.test"), ("X-Tenant", "other-secret")]);
    let page = larder.admin_json("/v1/objects");
    let header = "header=X-Tenant:tenant-secret&header=Cookie:plan%3Dcookie-secret";
    let one = larder.admin_json(&format!("/v1/object?url=a.test/p&{header}"));
    assert!(one["picked"].is_object(), "{one}");
    assert_eq!(urls(&page).len(), 2);
    let added: BTreeSet<String> = page["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| object["key"]["added"].as_str().expect("a fingerprint").to_owned())
        .collect();
    assert_eq!(added.len(), 2, "they are told apart");
    for shown in [page, one] {
        assert!(!shown.to_string().contains("-secret"), "{shown}");
    }
}

#[test]
fn the_status_counts_what_happened() {
    let origin = pages();
    let larder = Larder::before(&origin);
    larder.fill("/a");
    (0..3).for_each(|_| drop(larder.get("/a")));
    let status = larder.admin_json("/v1/status");
    assert_eq!((&status["requests"]["hit"], &status["requests"]["miss"]), (&3.into(), &1.into()));
    assert_eq!(status["requests"]["hit_ratio"], 0.75);
    assert_eq!((&status["sites"], &status["stopping"]), (&1.into(), &false.into()));
    assert_eq!((&status["memory"]["objects"], &status["disk"]["objects"]), (&1.into(), &1.into()));
    assert_eq!(status["memory"]["size_bytes"], 64 << 20);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn ten_thousand_are_paged_through_without_loss_while_traffic_goes_on() {
    const COUNT: usize = 10_000;
    let origin = Origin::answering(|asked| Reply::cached("max-age=3600", asked.target.repeat(4)));
    let toml = "storage.memory = \"4MiB\"\n[[site]]\norigin = \"{origin}\"\n";
    let larder = Larder::configured(toml, &origin);
    std::thread::scope(|scope| {
        for part in 0..4 {
            let larder = &larder;
            scope.spawn(move || {
                let mut client = larder.connect();
                for n in (part..COUNT).step_by(4) {
                    assert_eq!(client.get(&format!("/stays/{n}")).status, 200);
                }
            });
        }
    });
    larder.settle();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = larder.connect();
            for n in 0.. {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                client.get(&format!("/new/{n}"));
                client.get(&format!("/stays/{}", (n * 7) % COUNT));
            }
        });
        for query in ["limit=1000&prefix=/stays", "limit=733"] {
            let mut listed = paths(&larder, query);
            listed.retain(|path| path.starts_with("stays/"));
            let once: BTreeSet<&String> = listed.iter().collect();
            assert_eq!((listed.len(), once.len()), (COUNT, COUNT), "{query}");
        }
        over.store(true, Ordering::SeqCst);
    });
}
