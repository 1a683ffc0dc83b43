//! Pictures while the process goes on: over HTTP/2, in the access log, where it is restarted, ended or
//! killed half-way, and where no place is left for what nobody waits for.

use super::{ALL, CHROME, SAFARI_OF_OLD, larder, made, origin, toml, wait_for, workers};
use crate::support::pictures::{jpeg, size};
use crate::support::{Authority, Gate, Http2, Larder, Origin, Reply, Setup, request, until};

#[test]
fn pictures_go_out_by_http2_as_by_http1() {
    let (origin, authority) = (origin(), Authority::new());
    let setup = Setup::default().secure(&authority, &["site.test"], &toml(ALL), &origin);
    let larder = setup.start();
    let mut client = Http2::secure(larder.secure.expect("with TLS"), "site.test", &authority);
    let target = "/_next/image?url=%2Fphoto.jpg&w=200&q=75";
    let asking: Vec<_> = (0..8).map(|_| client.send("GET", target, &SAFARI_OF_OLD, true)).collect();
    let answers: Vec<_> = asking.into_iter().map(|asking| client.wait(asking)).collect();
    for answer in &answers {
        assert_eq!((answer.status, answer.field("content-type")), (200, Some("image/webp")));
        assert_eq!(size(&answer.body), (200, 150));
    }
    assert_eq!((made(&larder), origin.count()), (1, 1), "they share one");
    larder.settle();
    let tag = answers[0].field("etag").expect("it has a validator");
    let fields = [SAFARI_OF_OLD[0], ("If-None-Match", tag)];
    let same = client.ask("GET", target, &fields);
    assert_eq!((same.status, same.body.len()), (304, 0));
    let head = client.ask("HEAD", target, &SAFARI_OF_OLD);
    let length = answers[0].body.len().to_string();
    assert_eq!((head.status, head.field("content-length")), (200, Some(&*length)));
    let fields = [SAFARI_OF_OLD[0], ("Range", "bytes=0-9")];
    assert_eq!(client.ask("GET", target, &fields).body, answers[0].body[..10]);
    let wrong = client.get("/_larder/image/w=0/photo.jpg");
    assert_eq!((wrong.status, wrong.text().is_empty()), (400, false));
}

#[test]
fn a_picture_has_a_line_in_the_access_log_under_the_url_that_was_asked_for() {
    let origin = origin();
    let larder = Larder::configured(&format!("[log]\naccess = \"json\"\n{}", toml(ALL)), &origin);
    let target = "/_next/image?url=%2Fphoto.jpg&w=64&q=75";
    let first = larder.fill_with(target, &SAFARI_OF_OLD);
    larder.get_with(target, &SAFARI_OF_OLD);
    let wrong = larder.get("/_larder/image/w=0/photo.jpg");
    for (part, target, verdict, detail, status, bytes) in [
        ("\"miss\"", target, "miss", "uri-miss", 200, first.body.len()),
        ("\"hit\"", target, "hit", "", 200, first.body.len()),
        ("w=0", "/_larder/image/w=0/photo.jpg", "error", "picture-asked", 400, wrong.body.len()),
    ] {
        let line = larder.wait_for_output_line(part);
        let json: serde_json::Value = serde_json::from_str(&line).expect("each line is JSON");
        for (name, value) in
            [("site", "default"), ("target", target), ("verdict", verdict), ("detail", detail)]
        {
            assert_eq!(json[name], value, "{name}: {line}");
        }
        assert_eq!((&json["status"], &json["bytes"]), (&status.into(), &bytes.into()), "{line}");
    }
}

/// An origin of pictures, and of a page whose refresh waits, so that it takes the one place in the
/// background.
fn with_slow_page(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::answering(move |asked| match &*asked.target {
        "/page" if asked.number > 0 => {
            let gate = gate.clone();
            Reply::by(move |wire| {
                wire.pass(&gate);
                wire.send(
                    "HTTP/1.1 200 X\r\nCache-Control: max-age=600\r\nContent-Length: 0\r\n\r\n",
                );
            })
        }
        "/page" => Reply::cached("max-age=0, stale-while-revalidate=600", "<html>"),
        _ => Reply::cached("max-age=600", jpeg(400, 300, 1)),
    })
}

/// Takes the one place in the background, and asks for a picture whose AVIF finds none.
fn without_a_place(origin: &Origin) -> Larder {
    let text = format!("[storage]\nbackground_queue = 1\n{}", toml(""));
    let larder = Larder::configured(&text, origin);
    larder.fill("/page");
    assert!(larder.get("/page").cache().contains("stale-while-revalidate"));
    origin.wait_for(2);
    for number in 0..3 {
        let answer = larder.get_with(AVIF, &CHROME);
        let media = answer.field("content-type");
        assert_eq!((answer.status, media), (200, Some("image/webp")), "{number}");
        until("it is kept", || {
            let stored = larder.metrics().sum("larder_fills", &[]);
            (stored <= 1).then_some(())
        });
    }
    assert_eq!(made(&larder), 1, "a WebP, once");
    larder
}

const AVIF: &str = "/_larder/image/w=320/photo.jpg";

#[test]
fn an_avif_that_finds_no_place_is_asked_for_again_and_the_webp_stays() {
    let gate = Gate::shut();
    let origin = with_slow_page(&gate);
    let larder = without_a_place(&origin);
    gate.open();
    larder.settle();
    let better = wait_for(&larder, AVIF, "image/avif");
    assert_eq!(size(&better.body), (320, 240));
    assert_eq!((made(&larder), origin.count()), (2, 3), "of the same source");
}

#[test]
fn an_avif_comes_also_where_the_process_ended_after_the_webp() {
    let gate = Gate::shut();
    let origin = with_slow_page(&gate);
    let mut larder = without_a_place(&origin);
    // What is on its way to the disk is there.
    larder.wait_for_metric("larder_disk_waiting_bytes", &[], 0);
    larder.kill_and_restart();
    let first = larder.get_with(AVIF, &CHROME);
    assert_eq!((first.status, first.field("content-type")), (200, Some("image/webp")));
    assert!(first.cache().starts_with("larder; hit"), "{}", first.cache());
    let better = wait_for(&larder, AVIF, "image/avif");
    assert_eq!(size(&better.body), (320, 240));
    assert_eq!((made(&larder), origin.count()), (1, 3), "of the source that is on disk");
    gate.open();
}

/// Begins with a picture that takes its time; gives its client, and who makes it.
fn begun(larder: &Larder) -> (crate::support::Client, Vec<String>) {
    let mut client = larder.connect();
    client.send(request("GET", "/_larder/image/f=webp/drawn.png?1500x1500", &[]));
    let pids = until("somebody begins", || {
        let pids = workers(larder);
        (!pids.is_empty()).then_some(pids)
    });
    (client, pids)
}

/// Waits until those processes have ended.
fn have_ended(pids: &[String]) {
    until("they have ended", || {
        let has_ended = |pid: &String| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z")
        };
        pids.iter().all(has_ended).then_some(())
    });
}

#[test]
fn a_picture_that_is_being_made_goes_out_before_the_process_ends_and_nobody_stays_behind() {
    let origin = origin();
    let mut larder = larder("", &origin);
    let (mut client, pids) = begun(&larder);
    larder.terminate();
    let answer = client.read();
    assert_eq!((answer.status, size(&answer.body)), (200, (1500, 1500)));
    assert_eq!(larder.wait().code(), Some(0));
    have_ended(&pids);
}

#[test]
fn who_makes_pictures_ends_where_the_process_is_killed() {
    let origin = origin();
    let mut larder = larder("", &origin);
    let (_client, pids) = begun(&larder);
    larder.kill_and_restart();
    have_ended(&pids);
    assert_eq!(size(&larder.get("/_larder/image/w=64,f=png/drawn.png").body), (64, 48));
}
