//! Pictures: made once, kept like any other response, and gone with their source.

mod beside_sharp;
mod changed;
mod dialects;
mod elsewhere;
mod inherited;
mod memory;
mod moving;
mod on_disk;
mod purged;
mod running;
mod strangers;
mod trouble;

use crate::support::pictures::{half_clear, jpeg, known, moving, png, size};
use crate::support::{Larder, Origin, Received, Reply, until};
use imaging::run::Media;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const CHROME: [(&str, &str); 1] = [("Accept", "image/avif,image/webp,image/apng,*/*;q=0.8")];
const SAFARI_OF_OLD: [(&str, &str); 1] = [("Accept", "image/webp,*/*")];
const ALL: &str = "dialects = [\"larder\", \"nextjs\", \"astro\"]";

/// An origin whose paths tell what it has: `/photo.jpg?400x300`, `/drawn.png?…`.
fn origin() -> Origin {
    Origin::answering(|asked| {
        let (path, size) = asked.target.split_once('?').unwrap_or((&asked.target, "400x300"));
        let (width, height) = size.split_once('x').unwrap_or(("400", "300"));
        let (width, height) = (width.parse().unwrap_or(400), height.parse().unwrap_or(300));
        match path {
            "/photo.jpg" => Reply::cached("public, max-age=600", jpeg(width, height, 1))
                .with("Content-Type", "image/jpeg")
                .with("Cache-Tag", "photos"),
            "/drawn.png" => Reply::cached("max-age=600", png(width, height, 1)),
            "/clear.png" => Reply::cached("max-age=600", half_clear(width, height)),
            "/moving.gif" => Reply::cached("public, max-age=600", moving(width, height)),
            "/page" => Reply::cached("max-age=600", "<html>"),
            "/secret.jpg" => Reply::cached("private", jpeg(width, height, 1)),
            "/cut.jpg" => Reply::cached("max-age=600", &jpeg(width, height, 1)[..2000]),
            "/away.jpg" => Reply::status(503, "later"),
            _ => Reply::status(404, "none"),
        }
    })
}

/// With more time for a picture than by default: the machine may be busy.
fn larder(images: &str, origin: &Origin) -> Larder {
    Larder::configured(&format!("[images]\ntimeout = \"60s\"\n{}", toml(images)), origin)
}

fn toml(images: &str) -> String {
    format!("[[site]]\norigin = \"{{origin}}\"\n[site.images]\n{images}\n")
}

/// Asks for it until it is there as the client takes it best.
fn wait_for(larder: &Larder, target: &str, media: &str) -> Received {
    until("the better picture", || {
        let answer = larder.get_with(target, &CHROME);
        (answer.field("content-type") == Some(media)).then_some(answer)
    })
}

fn made(larder: &Larder) -> u64 {
    larder.metrics().sum("larder_pictures_total", &["outcome=\"made\""])
}

#[test]
fn a_picture_is_made_once_whoever_asks_for_it_in_which_dialect() {
    let origin = origin();
    let larder = larder(ALL, &origin);
    let first = larder.fill("/_larder/image/w=200,q=75,f=webp/photo.jpg");
    assert_eq!((first.status, first.field("content-type")), (200, Some("image/webp")));
    assert_eq!(size(&first.body), (200, 150));
    for target in [
        "/_larder/image/q=75,f=webp,w=200/photo.jpg",
        "/_image?href=%2Fphoto.jpg&w=200&q=75&f=webp",
        // Between two steps of the ladder.
        "/_image?href=%2Fphoto.jpg&w=190&q=71&f=webp",
    ] {
        let again = larder.get_with(target, &CHROME);
        assert!(again.is_hit() && again.body == first.body, "{target}: {}", again.cache());
    }
    let auto = larder.fill_with("/_next/image?url=%2Fphoto.jpg&w=200&q=75", &SAFARI_OF_OLD);
    let own = larder.get_with("/_larder/image/w=200/photo.jpg", &SAFARI_OF_OLD);
    assert!(own.is_hit() && own.body == auto.body);
    // As sites write it whose pages have a slash at their end.
    for target in
        ["/_next/image/?url=%2Fphoto.jpg&w=200&q=75", "/_image/?href=%2Fphoto.jpg&w=200&q=75"]
    {
        let slashed = larder.get_with(target, &SAFARI_OF_OLD);
        assert!(slashed.is_hit() && slashed.body == auto.body, "{target}: {}", slashed.cache());
    }
    assert_eq!((made(&larder), origin.count()), (2, 1));
}

#[test]
fn each_client_gets_what_it_takes() {
    let origin = origin();
    let larder = larder("formats = [\"webp\"]", &origin);
    for (source, accept, media) in [
        ("photo.jpg", "image/avif,image/webp,*/*", "image/webp"),
        ("photo.jpg", "*/*", "image/jpeg"),
        ("clear.png", "image/webp", "image/webp"),
        ("clear.png", "image/*", "image/png"),
    ] {
        let target = format!("/_larder/image/w=64/{source}");
        let answer = larder.get_with(&target, &[("Accept", accept)]);
        let told = answer.field("content-type");
        assert_eq!((answer.status, told), (200, Some(media)), "{source} {accept}");
        assert_eq!(known(&answer.body).format.media_type(), media);
        assert_eq!(answer.field("vary"), Some("Accept"));
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        assert!(answer.all("set-cookie").is_empty());
    }
    let fixed = larder.get_with("/_larder/image/w=64,f=jpeg/photo.jpg", &CHROME);
    assert_eq!((fixed.field("content-type"), fixed.field("vary")), (Some("image/jpeg"), None));
}

#[test]
fn every_answer_of_a_picture_has_a_date() {
    let origin = origin();
    let larder = larder("", &origin);
    for (source, status, stays) in [
        ("photo.jpg", 200, true),
        ("page", 422, true),
        ("away.jpg", 502, true),
        ("none.jpg", 404, true),
        ("secret.jpg", 200, false),
    ] {
        let target = format!("/_larder/image/w=64,f=webp/{source}");
        let first = larder.fill(&target);
        let again = larder.get(&target);
        assert_eq!((first.status, again.is_hit()), (status, stays), "{source}: {}", again.cache());
        for answer in [first, again] {
            assert_eq!(answer.all("date").len(), 1, "{source}: {}", answer.cache());
        }
    }
    let target = "/_larder/image/w=64,f=webp/photo.jpg";
    let beyond = larder.get_with(target, &[("Range", "bytes=999999-")]);
    assert_eq!((beyond.status, beyond.all("date").len()), (416, 1));
}

#[test]
fn avif_is_waited_for_by_nobody() {
    let origin = origin();
    let larder = larder("", &origin);
    let target = "/_larder/image/w=320/photo.jpg";
    let first = larder.get_with(target, &CHROME);
    assert_eq!(first.field("content-type"), Some("image/webp"));
    assert_eq!(first.field("cache-control"), Some("public, max-age=60"));
    let better = wait_for(&larder, target, "image/avif");
    assert_eq!(made(&larder), 2, "a WebP and an AVIF, each once however often it was asked for");
    assert_eq!(better.field("cache-control"), Some("public, max-age=600"));
    assert_ne!(better.field("etag"), first.field("etag"));
    assert_eq!((known(&better.body).format, size(&better.body)), (Media::Avif, (320, 240)));
    assert_eq!(origin.count(), 1);
    // Who asks for no other waits for it.
    let only = larder.get_with("/_larder/image/w=64,f=avif/photo.jpg", &[]);
    assert_eq!(only.field("content-type"), Some("image/avif"));
}

#[test]
fn a_picture_that_is_too_long_for_webp_goes_out_in_another_format() {
    let origin = origin();
    let larder = larder("dialects = [\"larder\", \"nextjs\"]", &origin);
    let target = "/_next/image?url=%2Fphoto.jpg%3F48x17000&w=64&q=75";
    let first = larder.get_with(target, &CHROME);
    let told = (first.status, first.field("content-type"), first.field("vary"));
    assert_eq!(told, (200, Some("image/jpeg"), Some("Accept")), "{}", first.text());
    let better = wait_for(&larder, target, "image/avif");
    assert_eq!(size(&better.body), (48, 17_000));
    let webp = larder.get_with(target, &SAFARI_OF_OLD);
    assert_eq!((webp.status, webp.field("content-type")), (200, Some("image/jpeg")));
    let named = larder.get("/_larder/image/w=64,f=webp/photo.jpg?48x17000");
    assert_eq!((named.status, named.text().contains("16383")), (422, true));
}

#[test]
fn whoever_purges_the_source_purges_all_that_was_made_of_it() {
    let origin = origin();
    let larder = larder("", &origin);
    let targets = ["/_larder/image/w=64,f=webp/photo.jpg", "/_larder/image/w=96,f=jpeg/photo.jpg"];
    for (number, purge) in [
        r#"{"tags": ["photos"]}"#.to_owned(),
        r#"{"urls": ["/photo.jpg"]}"#.to_owned(),
        r#"{"urls": ["http://site.test/photo.jpg"]}"#.to_owned(),
        r#"{"patterns": ["/photo*"]}"#.to_owned(),
        r#"{"everything": true}"#.to_owned(),
    ]
    .iter()
    .enumerate()
    {
        for target in targets {
            larder.fill(target);
        }
        larder.settle();
        assert_eq!(larder.admin_post("/v1/purge", purge).status, 200);
        for target in targets {
            let answer = larder.get(target);
            assert!(!answer.is_hit() && answer.status == 200, "{purge}: {}", answer.cache());
        }
        assert_eq!(origin.count(), number + 2, "{purge}");
    }
}

#[test]
fn a_picture_is_purged_by_any_of_its_own_urls() {
    let origin = origin();
    let larder = larder(ALL, &origin);
    let target = "/_next/image?url=%2Fphoto.jpg&w=64&q=75";
    let other = "/_larder/image/w=96/photo.jpg";
    let slashed = "/_next/image/?url=%2Fphoto.jpg&w=64&q=75";
    for urls in [target, slashed, "/_larder/image/w=64,q=75/photo.jpg"] {
        for accept in [&SAFARI_OF_OLD[..], &[]] {
            larder.fill_with(target, accept);
        }
        larder.fill(other);
        larder.admin_post("/v1/purge", &format!(r#"{{"urls": ["{urls}"]}}"#));
        for accept in [&SAFARI_OF_OLD[..], &[]] {
            assert!(!larder.get_with(target, accept).is_hit(), "{urls}");
        }
        assert!(larder.get(other).is_hit(), "{urls}");
    }
}

#[test]
fn what_became_of_the_source_becomes_of_the_picture() {
    let version = Arc::new(AtomicU32::new(1));
    let origin = Origin::answering({
        let version = version.clone();
        move |asked| {
            let now = version.load(Ordering::SeqCst);
            let tag = format!("\"v{now}\"");
            match asked.field("if-none-match") == Some(&tag) {
                true => Reply::status(304, "").with("ETag", &tag),
                false => Reply::ok(png(100, 80, now)).with("ETag", &tag),
            }
            .with("Cache-Control", "max-age=60")
        }
    });
    let larder = larder("", &origin);
    let target = "/_larder/image/w=64,f=webp/a.png";
    let first = larder.fill(target);
    larder.turn_clock(30);
    assert_eq!(larder.get(target).field("age"), Some("30"));
    larder.turn_clock(31);
    let same = larder.get(target);
    assert_eq!(same.body, first.body);
    assert!(same.cache().contains("fwd-status=304"), "{}", same.cache());
    assert_eq!((made(&larder), origin.count()), (1, 2), "held against the source, not made anew");
    assert!(larder.get(target).is_hit());
    version.store(2, Ordering::SeqCst);
    larder.turn_clock(61);
    let other = larder.get(target);
    assert_ne!(other.body, first.body);
    assert_eq!((made(&larder), origin.count()), (2, 3));
}

#[test]
fn a_picture_is_as_old_as_its_source() {
    let origin = origin();
    let larder = larder("", &origin);
    larder.fill("/photo.jpg");
    larder.turn_clock(500);
    let picture = larder.fill("/_larder/image/w=64,f=webp/photo.jpg");
    assert_eq!(picture.field("age"), Some("500"));
    larder.turn_clock(90);
    assert!(larder.get("/_larder/image/w=64,f=webp/photo.jpg").is_hit());
    larder.turn_clock(20);
    assert!(!larder.get("/_larder/image/w=64,f=webp/photo.jpg").is_hit());
}

#[test]
fn head_ranges_and_validators_are_those_of_the_picture() {
    let origin = origin();
    let larder = larder("", &origin);
    let target = "/_larder/image/w=64,f=jpeg/photo.jpg";
    let part = larder.get_with(target, &[("Range", "bytes=0-9")]);
    assert_eq!((part.status, part.body.len()), (206, 10));
    let whole = larder.get(target);
    assert!(whole.is_hit() && whole.body.starts_with(&part.body));
    let head = larder.ask("HEAD", target, &[]);
    assert_eq!(head.field("content-length"), Some(&*whole.body.len().to_string()));
    let tag = whole.field("etag").expect("it has a validator");
    assert_eq!(larder.get_with(target, &[("If-None-Match", tag)]).status, 304);
    let head = larder.ask("HEAD", "/_larder/image/w=96,f=jpeg/photo.jpg", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(larder.get("/_larder/image/w=96,f=jpeg/photo.jpg").is_hit());
}

#[test]
fn what_is_no_picture_is_told_for_a_while() {
    let origin = origin();
    let larder = larder("", &origin);
    for (source, status, text) in [
        ("none.jpg", 404, "answered 404"),
        ("page", 422, "no picture"),
        ("cut.jpg", 422, "damaged"),
    ] {
        let target = format!("/_larder/image/w=64/{source}");
        let answer = larder.get(&target);
        assert_eq!(answer.status, status, "{source}");
        assert!(answer.text().contains(text), "{source}: {}", answer.text());
        assert!(larder.get(&target).is_hit(), "{source}");
        let asked = origin.count();
        larder.admin_post("/v1/purge", &format!(r#"{{"urls": ["/{source}"]}}"#));
        assert!(!larder.get(&target).is_hit(), "{source}");
        assert_eq!(origin.count(), asked + 1);
    }
    let away = larder.get("/_larder/image/w=64/away.jpg");
    assert_eq!((away.status, away.text().contains("answered 503")), (502, true));
    for (target, status) in [
        ("/_larder/image/w=0/photo.jpg", 400),
        ("/_larder/image/w=64", 400),
        ("/_larder/image/w=64/https://elsewhere.test/a.jpg", 403),
    ] {
        assert_eq!(larder.get(target).status, status, "{target}");
    }
    // Another site's URL is the origin's, and so are other methods.
    assert_eq!(larder.get("/_next/image?url=%2Fphoto.jpg&w=64&q=75").status, 404);
    assert_eq!(larder.ask("POST", "/_larder/image/w=64/photo.jpg", &[]).status, 404);
}

#[test]
fn another_picture_takes_the_place_of_one_that_cannot_be_made() {
    let origin = origin();
    let original = larder("on_error = \"original\"", &origin);
    let answer = original.get("/_larder/image/w=64/page");
    assert_eq!(answer.status, 422, "what is no picture never goes out as one");
    let bomb = "/_larder/image/w=64/drawn.png?900x900";
    let limited = "[images]\nmax_pixels = 500000\n";
    let original =
        Larder::configured(&format!("{limited}{}", toml("on_error = \"original\"")), &origin);
    let answer = original.get(bomb);
    assert_eq!((answer.status, size(&answer.body)), (200, (900, 900)));
    let other = larder("on_error = \"/drawn.png\"", &origin);
    for source in ["none.jpg", "cut.jpg"] {
        let answer = other.get(&format!("/_larder/image/w=64,f=png/{source}"));
        assert_eq!((answer.status, size(&answer.body)), (200, (64, 48)), "{source}");
    }
}

#[test]
fn what_one_visitor_gets_is_made_for_nobody_else() {
    let origin = origin();
    let larder = larder("min_ttl = \"1h\"", &origin);
    for _ in 0..2 {
        let answer = larder.get("/_larder/image/w=64,f=webp/secret.jpg");
        assert_eq!((answer.status, answer.is_hit()), (200, false));
        assert_eq!(answer.field("cache-control"), Some("private, no-store"));
    }
    let asked = origin.asked();
    assert_eq!(asked.len(), 2);
    let cookie = larder.get_with(
        "/_larder/image/w=96,f=webp/photo.jpg",
        &[("Cookie", "session=1"), ("Authorization", "Bearer x"), ("X-Forwarded-For", "1.2.3.4")],
    );
    assert_eq!(cookie.status, 200);
    let asked = origin.last();
    for name in ["cookie", "authorization", "x-forwarded-for", "forwarded"] {
        assert_eq!(asked.field(name), None, "{name}");
    }
    assert!(larder.get("/_larder/image/w=96,f=webp/photo.jpg").is_hit());
}

#[test]
fn a_source_that_says_nothing_is_asked_each_time_and_made_once() {
    let origin = Origin::answering(|_| Reply::ok(png(100, 80, 1)));
    let own = larder("", &origin);
    let target = "/_larder/image/w=64,f=webp/a.png";
    for number in 1..=3 {
        assert_eq!(own.get(target).status, 200);
        assert_eq!((made(&own), origin.count()), (1, number));
    }
    let lasting = larder("min_ttl = \"1h\"", &origin);
    let first = lasting.fill(target);
    assert_eq!(first.field("cache-control"), Some("public, max-age=3600, must-revalidate"));
    lasting.turn_clock(3599);
    assert!(lasting.get(target).is_hit());
}

#[test]
fn only_sources_that_are_listed_are_asked() {
    let (origin, cdn) = (
        origin(),
        Origin::answering(|asked| match &*asked.target {
            "/ok/a.png" | "/b.png" => Reply::cached("max-age=600", png(90, 60, 2)),
            "/ok/moved" => Reply::status(302, "").with("Location", "/ok/a.png"),
            "/ok/away" => Reply::status(302, "").with("Location", "/b.png"),
            "/ok/round" => Reply::status(302, "").with("Location", "/ok/round"),
            _ => Reply::status(404, "none"),
        }),
    );
    let below = format!("http://{}/ok", cdn.address());
    let sources = format!("sources = [\"{below}\"]");
    let open = larder(&format!("{sources}\nallow_private = true"), &origin);
    for (source, status) in [
        ("/a.png", 200),
        ("/moved", 200),
        ("/away", 403),
        ("/round", 403),
        ("/../b.png", 403),
        ("/%2e%2e/b.png", 403),
        ("x/a.png", 403),
    ] {
        let answer = open.get(&format!("/_larder/image/w=64,f=webp/{below}{source}"));
        assert_eq!(answer.status, status, "{source}: {}", answer.text());
    }
    assert!(cdn.asked().iter().all(|asked| asked.target.starts_with("/ok/")));
    assert_eq!(cdn.last().field("host"), Some(&*cdn.address().to_string()));
    let away = open.get(&format!("/_larder/image/w=64,f=webp/{below}/away"));
    let told = "There is no picture: its source may not be used: ";
    assert!(away.text().contains(told), "{}", away.text());
    // What the site itself answers for that host is something else.
    let asked = cdn.count();
    assert_eq!(open.get_with("/ok/a.png", &[("Host", &cdn.address().to_string())]).status, 404);
    assert_eq!(cdn.count(), asked);
    let shut = larder(&sources, &origin);
    let answer = shut.get(&format!("/_larder/image/w=64,f=webp/{below}/a.png"));
    assert_eq!((answer.status, answer.text().contains("allow_private")), (403, true));
    assert_eq!(cdn.count(), asked);
    // The site's own host is the site.
    let home = "http://site.test/photo.jpg";
    assert_eq!(shut.get(&format!("/_larder/image/w=64,f=webp/{home}")).status, 200);
}

#[test]
fn files_of_a_folder_are_sources() {
    let origin = origin();
    let setup = Larder::before(&origin);
    let folder = setup.data().join("photos");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("a.png"), png(80, 40, 1)).expect("a file");
    let text = format!("folders = [{{ path = \"/photos/\", folder = {folder:?}, ttl = \"10s\" }}]");
    let larder = larder(&text, &origin);
    let target = "/_larder/image/w=64,f=webp/photos/a.png";
    assert_eq!(size(&larder.get(target).body), (64, 32));
    assert!(larder.get(&format!("{target}?other")).is_hit());
    fs::write(folder.join("a.png"), png(40, 80, 1)).expect("a file");
    larder.turn_clock(11);
    assert_eq!(size(&larder.get(target).body), (40, 80));
    assert_eq!(larder.get("/_larder/image/w=64/photos/x/../a.png").status, 403);
    assert_eq!(larder.get("/_larder/image/w=64/photos/.hidden.png").status, 404);
    assert_eq!(larder.get("/_larder/image/w=64/photos/none.png").status, 404);
    assert_eq!(origin.count(), 0);
}

#[test]
fn what_is_known_of_a_source_is_told() {
    let origin = origin();
    let larder = larder("", &origin);
    let answer = larder.fill("/_larder/image/info/clear.png?60x40");
    assert_eq!(answer.field("content-type"), Some("application/json"));
    let told: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(
        (&told["format"], &told["width"], &told["height"]),
        (&"png".into(), &60.into(), &40.into())
    );
    assert_eq!((&told["alpha"], &told["pages"]), (&true.into(), &1.into()));
    assert!(larder.get("/_larder/image/info/clear.png?60x40").is_hit());
}

#[test]
fn pictures_never_starve_pages() {
    let origin = origin();
    let larder = Larder::configured(
        &format!("[images]\nworkers = 1\nqueue = 1\n{}", toml("widths = []")),
        &origin,
    );
    larder.fill("/page");
    larder.fill("/drawn.png?1500x1500");
    let mut clients: Vec<_> = (0..12)
        .map(|number| {
            let mut client = larder.connect();
            let width = 900 + number;
            let target = format!("/_larder/image/w={width},f=webp/drawn.png?1500x1500");
            client.send(crate::support::request("GET", &target, &[]));
            client
        })
        .collect();
    assert!(larder.get("/page").is_hit());
    let answers: Vec<Received> = clients.iter_mut().map(|client| client.read()).collect();
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    let told: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert!(told.contains(&200), "{told:?}");
    assert!(!busy.is_empty() && busy.iter().all(|answer| answer.field("retry-after").is_some()));
    assert!(busy[0].cache().contains("pictures-busy"));
}

#[test]
fn what_nobody_waits_for_takes_no_place_of_what_somebody_does() {
    let origin = origin();
    let larder = Larder::configured(
        &format!("[images]\nworkers = 1\nqueue = 3\n{}", toml("widths = []")),
        &origin,
    );
    // Each is followed by an AVIF that takes longer than it.
    for width in 390..400 {
        let target = format!("/_larder/image/w={width}/photo.jpg?600x600");
        let answer = larder.fill_with(&target, &CHROME);
        let media = answer.field("content-type");
        assert_eq!((answer.status, media), (200, Some("image/webp")), "{width}");
    }
    wait_for(&larder, "/_larder/image/w=390/photo.jpg?600x600", "image/avif");
}

#[test]
fn who_takes_too_long_or_dies_is_replaced() {
    let origin = origin();
    let larder = Larder::configured(
        &format!("[images]\nworkers = 1\ntimeout = \"100ms\"\n{}", toml("")),
        &origin,
    );
    let slow = larder.get("/_larder/image/f=png/drawn.png?6000x5000");
    assert_eq!((slow.status, slow.text().contains("images.timeout")), (504, true));
    assert_eq!(larder.get("/_larder/image/w=16,f=webp/clear.png?20x20").status, 200);
    for pid in workers(&larder) {
        let killed = std::process::Command::new("kill").args(["-9", &pid]).status();
        assert!(killed.expect("kill runs").success());
    }
    assert_eq!(larder.get("/_larder/image/w=32,f=webp/clear.png?40x40").status, 200);
}

/// The processes that make pictures.
fn workers(larder: &Larder) -> Vec<String> {
    let children = format!("/proc/{}/task", larder.pid());
    let threads = fs::read_dir(children).expect("it runs");
    threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|pids| pids.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn who_makes_pictures_can_do_nothing_else() {
    let origin = origin();
    let larder = larder("", &origin);
    larder.fill("/_larder/image/w=64,f=webp/photo.jpg");
    let workers = workers(&larder);
    assert!(!workers.is_empty());
    for pid in workers {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let told = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map(str::trim).map(str::to_owned)
        };
        assert_eq!(told("Name:").as_deref(), Some("larder-picture"));
        assert_eq!(told("NoNewPrivs:").as_deref(), Some("1"));
        assert_eq!(told("Seccomp:").as_deref(), Some("2"), "a filter");
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
        let none = ["Max open files", "Max processes", "Max file size", "Max core file size"];
        for limit in none {
            let line = limits.lines().find(|line| line.starts_with(limit)).expect(limit);
            assert!(line[limit.len()..].trim_start().starts_with("0 "), "{line}");
        }
    }
}

#[test]
fn where_what_makes_pictures_cannot_be_shut_in_it_is_said() {
    let origin = origin();
    let toml = format!("[images]\nrequire_sandbox = true\n{}", toml(""));
    // This system can.
    let larder = Larder::configured(&toml, &origin);
    assert_eq!(larder.get("/_larder/image/w=64,f=webp/photo.jpg").status, 200);
    assert_eq!(larder.error_lines("shut in"), [""; 0]);
}

#[test]
fn pictures_outlive_the_process() {
    let origin = origin();
    let mut larder = larder("", &origin);
    let target = "/_larder/image/w=64,f=webp/photo.jpg";
    let before = larder.fill(target);
    larder.settle();
    larder.kill_and_restart();
    let after = larder.get(target);
    assert!(after.is_hit() && after.body == before.body);
    larder.admin_post("/v1/purge", r#"{"tags": ["photos"]}"#);
    assert!(!larder.get(target).is_hit());
}

#[test]
fn explain_says_of_a_picture_what_it_is_made_of() {
    let origin = origin();
    let rule = "\n[[site.rule]]\nmatch.path = \"/a/*\"\nttl = \"1m\"\n";
    let larder = larder(&format!("dialects = [\"larder\", \"nextjs\"]{rule}"), &origin);
    let told = |target: &str, more: &[&str]| {
        let url = format!("http://site.test{target}");
        let (_, text, _) = larder.command(&[&["explain", &url], more].concat());
        // As it reads without its lines' ends.
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let picture = "/_larder/image/w=333,f=webp/photo.jpg";
    let text = told(picture, &[]);
    assert!(text.contains("made of /photo.jpg, which is not kept either"), "{text}");
    assert!(text.contains("333 pixels are 384."), "{text}");
    let dense = told("/_larder/image/w=192,dpr=2,f=webp/photo.jpg", &[]);
    assert!(dense.contains("w=384,") && !dense.contains("pixels are"), "{dense}");
    assert!(text.contains("rule built in: path /_larder/image/*"), "{text}");
    assert!(!text.contains("utm_"), "{text}");
    larder.fill("/photo.jpg");
    assert!(told(picture, &[]).contains("made of /photo.jpg, which is kept;"));
    let wrong = told("/_larder/image/w=x/photo.jpg", &[]);
    let answer = larder.get("/_larder/image/w=x/photo.jpg").text();
    let says = answer.trim().rsplit("\n\n").next().expect("it says something").to_owned();
    assert!(wrong.contains(&says) && !wrong.contains("]("), "{says}: {wrong}");
    let private = told("/_larder/image/w=96,f=webp/secret.jpg", &["--fetch"]);
    assert!(private.contains("private: ") && !private.contains("no-store: "), "{private}");
}

#[test]
fn explain_and_show_know_pictures_by_any_of_their_urls() {
    let origin = origin();
    let larder = larder(ALL, &origin);
    let target = "/_next/image?url=%2Fphoto.jpg&w=64&q=75";
    larder.fill_with(target, &SAFARI_OF_OLD);
    let url = format!("http://site.test{target}");
    let (code, text, _) = larder.command(&["explain", &url, "-H", "Accept: image/webp"]);
    assert_eq!((code, text.contains("hit")), (Some(0), true), "{text}");
    let (code, text, _) = larder.command(&["show", &url]);
    assert_eq!((code, text.contains("image/webp")), (Some(0), true), "{text}");
}

#[test]
fn a_preset_switches_the_pictures_of_its_framework_on() {
    let origin = origin();
    for (preset, target) in [
        ("nextjs", "/_next/image?url=%2Fphoto.jpg&w=64&q=75"),
        ("astro", "/_image?href=%2Fphoto.jpg&w=64&f=webp"),
    ] {
        let site = format!("[[site]]\norigin = \"{{origin}}\"\npreset = \"{preset}\"\n");
        let on = Larder::configured(&site, &origin);
        assert_eq!(on.get(target).status, 200, "{preset}");
        assert_eq!(on.get("/_larder/image/w=64/photo.jpg").status, 200, "{preset}");
        on.reload(&format!(
            "[[site]]\norigin = \"http://{}\"\npreset = \"{preset}\"\nimages.enabled = false\n",
            origin.address()
        ));
        until("the origin answers", || (on.get(target).status == 404).then_some(()));
    }
    let none = Larder::before(&origin);
    assert_eq!(none.get("/_larder/image/w=64/photo.jpg").status, 404);
}
