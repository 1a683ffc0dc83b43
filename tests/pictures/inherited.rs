//! What a picture has of its source: who purges that, and whom it is for.

use super::{CHROME, larder, made, origin, toml};
use crate::support::pictures::{jpeg, png, size};
use crate::support::{Gate, Larder, Origin, Reply, request, until};

#[test]
fn a_source_that_sends_on_is_purged_by_either_url() {
    let origin = Origin::answering(|asked| match &*asked.target {
        "/old.png" => Reply::status(302, "")
            .with("Location", "/new.png")
            .with("Cache-Control", "max-age=600")
            .with("Cache-Tag", "moved"),
        "/new.png" => Reply::cached("max-age=600", png(80, 60, 1)).with("Cache-Tag", "there"),
        _ => Reply::status(404, "none"),
    });
    let larder = larder("", &origin);
    let target = "/_larder/image/w=64,f=webp/old.png";
    for purge in [
        r#"{"urls": ["/old.png"]}"#,
        r#"{"urls": ["/new.png"]}"#,
        r#"{"tags": ["moved"]}"#,
        r#"{"tags": ["there"]}"#,
    ] {
        larder.fill(target);
        assert!(larder.get(target).is_hit());
        assert_eq!(larder.admin_post("/v1/purge", purge).status, 200);
        let answer = larder.get(target);
        assert!(!answer.is_hit() && answer.status == 200, "{purge}: {}", answer.cache());
    }
}

#[test]
fn what_was_purged_by_itself_is_kept_again_of_the_same_source() {
    let origin = origin();
    let larder = larder("", &origin);
    let target = "/_larder/image/w=64,f=webp/photo.jpg";
    for purge in [
        format!("{{\"urls\": [\"{target}\"]}}"),
        r#"{"patterns": ["/_larder/image/*"]}"#.to_owned(),
        format!("{{\"urls\": [\"{target}\"], \"soft\": true}}"),
    ] {
        larder.fill(target);
        assert_eq!(larder.admin_post("/v1/purge", &purge).status, 200, "{purge}");
        assert!(!larder.fill(target).is_hit(), "{purge}");
        let again = larder.get(target);
        assert!(again.is_hit(), "{purge}: {}", again.cache());
    }
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_source_that_was_purged_softly_makes_no_fresh_picture_before_it_is_new() {
    let origin = Origin::answering(|asked| {
        let control = "max-age=600, stale-while-revalidate=600";
        Reply::cached(control, png(80, 60, asked.number as u32))
    });
    let larder = larder("min_ttl = \"1h\"", &origin);
    let target = "/_larder/image/w=64,f=webp/a.png";
    let old = larder.fill(target);
    larder.admin_post("/v1/purge", r#"{"urls": ["/a.png"], "soft": true}"#);
    let new = until("it is made of what is new", || {
        larder.turn_clock(2);
        let answer = larder.fill(target);
        (answer.body != old.body).then_some(answer)
    });
    larder.turn_clock(3000);
    let then = larder.get(target);
    assert!(then.is_hit() && then.body == new.body, "{}", then.cache());
}

#[test]
fn a_picture_lives_no_longer_than_what_sent_on_to_it() {
    let origin = Origin::answering(|asked| {
        let control = match &*asked.target {
            "/private" => "private, no-store",
            "/short" => "max-age=5",
            "/silent" => "",
            "/there.png" => return Reply::cached("max-age=600", png(80, 60, 1)),
            _ => return Reply::status(404, "none"),
        };
        let there = format!("http://{}/there.png", asked.field("host").unwrap_or_default());
        Reply::status(302, "").with("Location", &there).with("Cache-Control", control)
    });
    let larder = larder("", &origin);
    for (source, first, later) in
        [("private", false, false), ("short", true, false), ("silent", false, false)]
    {
        let target = format!("/_larder/image/w=64,f=webp/{source}");
        let answer = larder.fill(&target);
        assert_eq!(answer.status, 200, "{source}: {}", answer.text());
        assert_eq!(larder.get(&target).is_hit(), first, "{source}");
        if source == "private" {
            assert_eq!(answer.field("cache-control"), Some("private, no-store"));
        }
        larder.turn_clock(6);
        assert_eq!(larder.get(&target).is_hit(), later, "{source}");
    }
}

#[test]
fn what_takes_the_place_of_a_private_picture_is_private() {
    let origin = Origin::answering(|asked| match &*asked.target {
        "/secret.png" => Reply::cached("private", png(900, 900, 1)),
        "/cookie.png" => {
            Reply::cached("max-age=600", png(900, 900, 1)).with("Set-Cookie", "session=1")
        }
        "/missing.png" => Reply::cached("no-store", png(90, 90, 1)),
        _ => Reply::status(404, "none"),
    });
    let limited = "[images]\nmax_pixels = 500000\n";
    let with = |on_error: &str| {
        let text = format!("{limited}{}", toml(&format!("on_error = \"{on_error}\"")));
        Larder::configured(&text, &origin)
    };
    let original = with("original");
    for source in ["secret.png", "cookie.png"] {
        for _ in 0..2 {
            let answer = original.fill(&format!("/_larder/image/w=64/{source}"));
            assert_eq!((answer.status, size(&answer.body)), (200, (900, 900)));
            assert!(!answer.is_hit(), "{source}: {}", answer.cache());
            assert_eq!(answer.field("cache-control"), Some("private, no-store"), "{source}");
        }
    }
    let other = with("/missing.png");
    for _ in 0..2 {
        let answer = other.fill("/_larder/image/w=64,f=png/none.png");
        assert_eq!((answer.status, size(&answer.body)), (200, (64, 64)));
        assert_eq!(
            (answer.is_hit(), answer.field("cache-control")),
            (false, Some("private, no-store"))
        );
    }
}

#[test]
fn a_picture_of_what_is_not_kept_is_purged_by_its_tags_and_groups() {
    let origin = Origin::answering(|asked| match &*asked.method {
        "GET" => {
            Reply::ok(png(80, 60, 1)).with("Cache-Tag", "photos").with("Cache-Groups", "\"album\"")
        }
        _ => Reply::ok("").with("Cache-Group-Invalidation", "\"album\""),
    });
    let larder = larder("min_ttl = \"1h\"", &origin);
    let target = "/_larder/image/w=64,f=webp/a.png";
    larder.fill(target);
    assert!(larder.get(target).is_hit());
    larder.admin_post("/v1/purge", r#"{"tags": ["photos"]}"#);
    assert!(!larder.fill(target).is_hit(), "by its tag");
    assert!(larder.get(target).is_hit());
    larder.ask("POST", "/upload", &[]);
    assert!(!larder.get(target).is_hit(), "by its group");
}

#[test]
fn what_one_rule_keeps_nowhere_no_other_keeps() {
    let origin = origin();
    let text = format!(
        "{}[[site.rule]]\nmatch.path = \"/secret*\"\ncache = \"off\"\n[[site.rule]]\ncache = \"force\"\nttl = \"1h\"\n",
        toml("")
    );
    let larder = Larder::configured(&text, &origin);
    for _ in 0..2 {
        let answer = larder.fill("/_larder/image/w=64,f=webp/secret.jpg");
        assert_eq!((answer.status, answer.is_hit()), (200, false), "{}", answer.cache());
    }
    larder.fill("/_larder/image/w=64,f=webp/photo.jpg");
    assert!(larder.get("/_larder/image/w=64,f=webp/photo.jpg").is_hit());
}

#[test]
fn heads_and_validators_of_private_pictures_are_answered() {
    let origin = origin();
    let larder = larder("", &origin);
    let target = "/_larder/image/w=64,f=webp/secret.jpg";
    let whole = larder.fill(target);
    for _ in 0..2 {
        let mut client = larder.connect();
        let head = client.ask("HEAD", target, &[]);
        assert_eq!((head.status, head.body.len()), (200, 0));
        // Nothing of a body is left on the connection.
        let tag = whole.field("etag").expect("a validator");
        let same = client.ask("GET", target, &[("If-None-Match", tag)]);
        assert_eq!((same.status, same.body.len()), (304, 0));
        let part = client.ask("GET", target, &[("Range", "bytes=0-9")]);
        assert!(matches!(part.status, 200 | 206), "{}", part.status);
    }
}

#[test]
fn clients_keep_a_picture_as_long_as_its_source_and_at_least_as_long_as_told() {
    let origin = Origin::answering(|asked| {
        Reply::cached(
            if asked.target == "/long.png" { "max-age=86400" } else { "max-age=60" },
            png(80, 60, 1),
        )
    });
    let larder = larder("min_ttl = \"1h\"", &origin);
    for (source, told) in
        [("long.png", "max-age=86400"), ("short.png", "public, max-age=3600, must-revalidate")]
    {
        let answer = larder.fill(&format!("/_larder/image/w=64,f=webp/{source}"));
        assert_eq!(answer.field("cache-control"), Some(told), "{source}");
    }
}

#[test]
fn what_stands_in_for_an_avif_lives_with_clients_no_longer_than_its_source() {
    let origin = Origin::answering(|_| Reply::cached("max-age=5, s-maxage=600", jpeg(400, 300, 1)));
    let larder = larder("", &origin);
    let first = larder.get_with("/_larder/image/w=320/a.jpg", &CHROME);
    assert_eq!(first.field("content-type"), Some("image/webp"));
    assert_eq!(first.field("cache-control"), Some("public, max-age=5"));
}

#[test]
fn a_source_elsewhere_is_purged_by_its_url() {
    let (origin, cdn) =
        (origin(), Origin::answering(|_| Reply::cached("max-age=600", png(90, 60, 2))));
    let below = format!("http://{}/ok", cdn.address());
    let larder = larder(&format!("sources = [\"{below}\"]\nallow_private = true"), &origin);
    let target = format!("/_larder/image/w=64,f=webp/{below}/a.png");
    larder.fill(&target);
    assert!(larder.get(&target).is_hit());
    larder.admin_post("/v1/purge", &format!("{{\"urls\": [\"{below}/a.png\"]}}"));
    assert!(!larder.get(&target).is_hit());
    assert_eq!(cdn.count(), 2, "the source went too");
    let _ = until("nothing", || Some(made(&larder)));
}

/// An origin whose first answer waits, and each of whose answers is another picture.
fn slow_at_first(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::answering(move |asked| {
        let (gate, body) = (gate.clone(), png(80, 60, asked.number as u32 + 1));
        Reply::by(move |wire| {
            wire.pass(&gate);
            let head = "HTTP/1.1 200 X\r\nCache-Control: max-age=600\r\nCache-Tag: t";
            wire.send(format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len()));
            wire.send(body);
        })
    })
}

#[test]
fn no_purge_is_lost_while_the_source_is_on_its_way() {
    let target = "/_larder/image/w=64,f=webp/a.png";
    let new = Origin::answering(|_| Reply::cached("max-age=9", png(80, 60, 2)));
    let of_new = larder("", &new).get(target).body;
    for (purge, by_whom) in [
        (r#"{"urls": ["/a.png"]}"#, "/a.png"),
        (r#"{"tags": ["t"]}"#, "/a.png"),
        (r#"{"tags": ["t"], "soft": true}"#, "/a.png"),
        (r#"{"urls": ["/a.png"]}"#, target),
        (r#"{"tags": ["t"]}"#, target),
        (r#"{"tags": ["t"], "soft": true}"#, target),
    ] {
        let gate = Gate::shut();
        let origin = slow_at_first(&gate);
        let larder = larder("min_ttl = \"1h\"", &origin);
        // On its way from before the purge, by a visitor or for a picture.
        let (mut early, mut late) = (larder.connect(), larder.connect());
        early.send(request("GET", by_whom, &[]));
        origin.wait_for(1);
        assert_eq!(larder.admin_post("/v1/purge", purge).status, 200);
        late.send(request("GET", target, &[]));
        std::thread::sleep(std::time::Duration::from_millis(50));
        gate.open();
        let old = early.read();
        let came = late.read();
        larder.settle();
        let then = larder.fill(target);
        let told = format!("{purge} {by_whom}: {} {}", came.cache(), then.cache());
        assert_eq!(origin.count(), 2, "{told}");
        if by_whom == target {
            assert_ne!(then.body, old.body, "{told}");
        }
        larder.turn_clock(1000);
        // What is kept for an hour is of what came after the purge.
        let kept = larder.get(target);
        assert!(kept.is_hit() && kept.body == of_new, "{told} {}", kept.cache());
    }
}
