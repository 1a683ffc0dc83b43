//! What visitors get of a feed.

use crate::support::upstream::{NEWS, Upstream, document, edition, feed, images, refresh, runs};
use crate::support::{Gate, Larder, Origin, Reply, pictures, until};

fn app() -> Origin {
    Origin::answering(|_| Reply::cached("max-age=60", "of the app"))
}

#[test]
fn a_document_is_served_with_its_pictures_and_the_upstream_is_asked_once() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b", "c"]));
    let toml = upstream.toml("keep_original_as = \"imageOriginal\"");
    let larder = Larder::configured(&toml, &app);
    let document = edition(&larder, 1);
    let local = images(&document);
    assert_eq!(local.len(), 3);
    for (image, name) in local.iter().zip(["a", "b", "c"]) {
        assert!(image.starts_with("/_larder/mirror/news/") && image.ends_with(".png"), "{image}");
        let of = |item: &serde_json::Value| item["id"] == name;
        let item = document["data"].as_array().unwrap().iter().find(|item| of(item)).unwrap();
        let original = format!("http://{}/p/{name}.png", upstream.origin.address());
        assert_eq!(item["imageOriginal"], original);
        let first = larder.fill(image);
        assert_eq!((first.status, first.field("content-type")), (200, Some("image/png")));
        assert_eq!(pictures::size(&first.body), (64, 48));
        assert_eq!(first.field("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(first.field("x-content-type-options"), Some("nosniff"));
        let again = larder.get(image);
        assert!(again.is_hit(), "{}", again.cache());
        assert_eq!(again.body, first.body);
        assert_eq!(upstream.count(&format!("/p/{name}.png")), 1);
    }
    assert_eq!(upstream.count(NEWS), 1);
    assert_eq!(app.count(), 0, "the site's origin has nothing to do with it");
    assert_eq!(larder.get("/other").text(), "of the app");
}

#[test]
fn a_document_has_validators_ranges_and_codings_like_any_response() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    let larder = Larder::configured(&upstream.toml(""), &app);
    edition(&larder, 1);
    let whole = larder.fill("/api/news.json?any=query");
    let tag = whole.field("etag").expect("it has a validator").to_owned();
    assert_eq!(whole.field("content-type"), Some("application/json"));
    assert_eq!(whole.field("cache-control"), Some("public, max-age=60"));
    assert!(whole.field("last-modified").is_some());
    assert!(whole.field("larder-cache-control").is_none(), "that is for Larder alone");
    let same = larder.get_with("/api/news.json", &[("If-None-Match", &tag)]);
    assert_eq!((same.status, same.body.len()), (304, 0));
    larder.turn_clock(100_000);
    let old = larder.get("/api/news.json");
    assert!(old.is_hit());
    assert_eq!(old.field("age"), Some("0"), "a browser may keep it from now");
    let part = larder.get_with("/api/news.json", &[("Range", "bytes=0-7")]);
    assert_eq!((part.status, part.body), (206, whole.body[..8].to_vec()));
    let packed = larder.fill_with("/api/news.json", &[("Accept-Encoding", "gzip")]);
    assert_eq!(packed.field("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < whole.body.len() / 2);
    let head = larder.ask("HEAD", "/api/news.json", &[]);
    assert_eq!(head.field("content-length"), Some(&*whole.body.len().to_string()));
    let post = larder.ask("POST", "/api/news.json", &[("Content-Length", "0")]);
    assert_eq!((post.status, post.field("allow")), (405, Some("GET, HEAD")));
    let cookie = larder.get_with("/api/news.json", &[("Cookie", "sid=1"), ("Authorization", "x")]);
    assert_eq!(cookie.body, whole.body, "it is the same for everybody");
}

#[test]
fn a_long_document_has_them_too() {
    let names: Vec<String> = (0..1500).map(|item| format!("n{item}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (app, upstream) = (app(), Upstream::of(&names));
    let larder = Larder::configured(&upstream.toml("max_images = 0"), &app);
    edition(&larder, 1);
    let whole = larder.fill("/api/news.json");
    assert!(whole.body.len() > 5 << 19, "{} bytes", whole.body.len());
    let tag = whole.field("etag").expect("it has a validator");
    assert_eq!(larder.get_with("/api/news.json", &[("If-None-Match", tag)]).status, 304);
    let part = larder.get_with("/api/news.json", &[("Range", "bytes=0-7")]);
    assert_eq!((part.status, part.body), (206, whole.body[..8].to_vec()));
    let packed = larder.get_with("/api/news.json", &[("Accept-Encoding", "gzip")]);
    assert_eq!(packed.field("content-encoding"), Some("gzip"));
}

#[test]
fn a_document_too_long_for_memory_goes_out_whole_to_who_has_it_not_yet() {
    let names: Vec<String> = (0..1500).map(|item| format!("n{item}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (app, upstream) = (app(), Upstream::of(&names));
    let toml = upstream.toml("max_images = 0") + "[storage]\nmemory = \"16MiB\"\n";
    let larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    let whole = larder.fill("/api/news.json");
    assert!(whole.body.len() > 5 << 19, "{} bytes", whole.body.len());
    let again = larder.fill_with("/api/news.json", &[("Range", "bytes=0-7")]);
    assert_eq!((again.status, again.is_hit()), (200, false), "{}", again.cache());
    assert_eq!(again.body, whole.body);
    let (tag, changed) = (whole.field("etag").unwrap(), whole.field("last-modified").unwrap());
    for (name, value) in [("If-None-Match", tag), ("If-Modified-Since", changed)] {
        let same = larder.get_with("/api/news.json", &[(name, value)]);
        assert_eq!((same.status, same.body.len()), (304, 0), "{name}");
        assert_eq!(same.field("etag"), Some(tag), "{name}");
    }
    let other = larder.get_with("/api/news.json", &[("If-None-Match", "\"other\"")]);
    assert_eq!((other.status, other.body.len()), (200, whole.body.len()));
    assert_eq!(upstream.count(NEWS), 1);
    assert_eq!(larder.admin_post("/v1/purge", "{\"everything\": true}").status, 200);
    let same = larder.get_with("/api/news.json", &[("If-None-Match", tag)]);
    assert_eq!(same.status, 304, "the old one stands");
    until("it is fetched anew", || (upstream.count(NEWS) > 1).then_some(()));
}

#[test]
fn a_document_is_as_old_as_its_fetch_and_changed_when_its_last_picture_was_there() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    let (document, picture) = (Gate::shut(), Gate::shut());
    upstream.says().gates.insert(NEWS.to_owned(), document.clone());
    upstream.says().gates.insert("/p/b.png".to_owned(), picture.clone());
    let larder = Larder::configured(&upstream.toml(""), &app);
    until("the document is asked for", || (upstream.count(NEWS) > 0).then_some(()));
    larder.turn_clock(50);
    document.open();
    until("a picture is asked for", || (upstream.count("/p/b.png") > 0).then_some(()));
    larder.turn_clock(100);
    picture.open();
    edition(&larder, 1);
    let told = feed(&larder);
    assert_eq!(told["edition"]["age_seconds"], 100, "{told}");
    let received = larder.get("/api/news.json");
    assert_eq!(received.field("last-modified"), received.field("date"));
    assert!(told["last_run"].as_str() < told["edition"]["fetched"].as_str(), "{told}");
}

#[test]
fn what_is_told_of_a_document_is_what_is_configured_and_when_it_was_published() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let toml = upstream.toml("");
    let larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    let first = larder.fill("/api/news.json");
    let written = toml.replace("{origin}", &format!("http://{}", app.address()));
    larder.reload(&(written + "cache_control = \"public, max-age=7\"\n"));
    until("clients are told so", || {
        let told = larder.get("/api/news.json");
        (told.field("cache-control") == Some("public, max-age=7")).then_some(())
    });
    // It begins anew with a run, and is busy until that has ended.
    runs(&larder, 1);
    for (number, item) in [(2, "b"), (3, "a")] {
        upstream.has(&[item]);
        larder.turn_clock(100);
        assert_eq!(refresh(&larder).0, 200);
        edition(&larder, number);
    }
    let again = larder.fill("/api/news.json");
    assert_eq!((again.body == first.body, again.status), (true, 200));
    assert_ne!(again.field("last-modified"), first.field("last-modified"), "it came back");
}

#[test]
fn the_rules_for_its_path_are_for_it() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let rules = "[[site.rule]]\nmatch = { path = \"/api/*\" }\ncors = { origins = [\"*\"] }\n\
                 headers.set = { X-Of-The-Rule = \"yes\" }\n[[site.rule]]\n\
                 match = { path = \"/*\" }\nbrowser_ttl = \"9s\"\n[[feed]]";
    let larder = Larder::configured(&upstream.toml("").replace("[[feed]]", rules), &app);
    edition(&larder, 1);
    for _ in 0..2 {
        let answer = larder.fill_with("/api/news.json", &[("Origin", "https://other.test")]);
        assert_eq!(answer.field("cache-control"), Some("public, max-age=60"));
        assert_eq!(answer.field("x-of-the-rule"), Some("yes"));
        assert!(answer.field("access-control-allow-origin").is_some());
    }
}

#[test]
fn mirrored_pictures_go_through_the_image_plans() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let toml = upstream.toml("").replace("[[feed]]", "[site.images]\n[[feed]]");
    let larder = Larder::configured(&toml, &app);
    let image = images(&edition(&larder, 1)).remove(0);
    let small = larder.fill(&format!("/_larder/image/w=32,f=png{image}"));
    assert_eq!(small.status, 200, "{}", small.text());
    assert_eq!(pictures::size(&small.body), (32, 24));
    assert!(larder.get(&format!("/_larder/image/w=32,f=png{image}")).is_hit());
    assert_eq!(app.count(), 0);
}

#[test]
fn before_the_first_edition_it_is_503_or_the_origins() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    upstream.says().instead.insert(NEWS.to_owned(), (500, Vec::new()));
    let larder = Larder::configured(&upstream.toml("retries = 0"), &app);
    runs(&larder, 1);
    let none = larder.get("/api/news.json");
    assert_eq!(none.status, 503);
    assert!(none.field("retry-after").is_some());
    assert!(none.cache().contains("detail=feed-not-yet"), "{}", none.cache());
    let ready = larder.admin("GET", "/ready", "");
    assert_eq!(ready.status, 200);
    assert!(ready.text().contains("feed news: nothing yet; status"), "{}", ready.text());
    let passing = Larder::configured(&upstream.toml("retries = 0\nbefore_first = \"pass\""), &app);
    runs(&passing, 1);
    assert_eq!(passing.get("/api/news.json").text(), "of the app");
}

#[test]
fn what_no_feed_has_never_reaches_the_origin() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let larder = Larder::configured(&upstream.toml(""), &app);
    edition(&larder, 1);
    for target in [
        "/_larder/mirror/news/none.png",
        "/_larder/mirror/news/../../edition.json",
        "/_larder/mirror/news/edition.json",
        "/_larder/mirror/other/a.png",
        "/_larder/mirror/",
    ] {
        let received = larder.get(target);
        assert_eq!(received.status, 404, "{target}");
        assert!(received.cache().contains("detail=feed-not-there"), "{}", received.cache());
    }
    assert_eq!(app.count(), 0);
}

#[test]
fn a_feed_of_one_site_is_not_on_another() {
    let (app, upstream) = (app(), Upstream::of(&["a"]));
    let toml = upstream
        .toml("site = \"one.test\"")
        .replace("[[site]]", "[[site]]\nhosts = [\"one.test\"]")
        + "\n[[site]]\nhosts = [\"two.test\"]\norigin = \"{origin}\"\n";
    let larder = Larder::configured(&toml, &app);
    crate::support::until("it is published", || feed(&larder)["edition"].is_object().then_some(()));
    let get = |host| larder.get_with("/api/news.json", &[("Host", host)]);
    assert!(get("one.test").text().contains("/_larder/mirror/news/"));
    assert_eq!(get("two.test").text(), "of the app");
}

#[test]
fn readers_get_the_old_edition_or_the_new_and_nothing_between() {
    let (app, upstream) = (app(), Upstream::of(&["a", "b"]));
    let larder = Larder::configured(&upstream.toml("max_shrink = 100"), &app);
    edition(&larder, 1);
    for round in 0..10 {
        let names: Vec<String> = (0..3).map(|item| format!("{round}-{item}")).collect();
        upstream.has(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let (address, stop) =
            (larder.address, std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let stopped = stop.clone();
        let reader = std::thread::spawn(move || {
            let mut seen = 0;
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) || seen == 0 {
                let mut client = crate::support::Client::connect(address);
                let document: serde_json::Value =
                    serde_json::from_slice(&client.get("/api/news.json").body)
                        .expect("it is whole");
                for image in images(&document) {
                    assert_eq!(client.get(&image).status, 200, "{image}");
                }
                seen += 1;
            }
        });
        assert_eq!(crate::support::upstream::refresh(&larder).0, 200);
        assert_eq!(document(&larder)["data"][0]["id"], names[0], "it is there when it is answered");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().expect("all was whole");
    }
}
