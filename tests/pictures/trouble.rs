//! Pictures where something goes wrong: sources that are away, slow or endless, and makers that fail.

use super::{CHROME, larder, origin, toml, workers};
use crate::support::pictures::{jpeg, png, size};
use crate::support::{Gate, Larder, Origin, Reply, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

#[test]
fn an_avif_that_cannot_be_made_is_a_webp_for_good() {
    let origin = origin();
    let larder = larder("", &origin);
    larder.fill("/photo.jpg?2000x2000");
    // Some may be made before they are found.
    let target = [1920, 1600, 1440, 1200, 1080, 960].iter().find_map(|width| {
        let target = format!("/_larder/image/w={width}/photo.jpg?2000x2000");
        let first = larder.get_with(&target, &CHROME);
        assert_eq!((first.status, first.field("content-type")), (200, Some("image/webp")));
        let pid = until("somebody begins with the AVIF", || patient(&larder));
        let killed = std::process::Command::new("kill").args(["-9", &pid]).status();
        assert!(killed.expect("kill runs").success());
        larder.settle();
        let counted = larder.metrics().sum("larder_pictures_total", &["outcome=\"crashed\""]);
        (counted > 0).then_some(target)
    });
    let target = target.expect("one was found in time");
    let good = until("it is good", || {
        let answer = larder.get_with(&target, &CHROME);
        (answer.field("cache-control") == Some("public, max-age=600")).then_some(answer)
    });
    assert_eq!((good.status, good.field("content-type")), (200, Some("image/webp")));
    assert!(larder.get_with(&target, &CHROME).is_hit());
}

/// The process that makes what nobody waits for, once it has begun.
fn patient(larder: &Larder) -> Option<String> {
    workers(larder).into_iter().find(|pid| {
        let read = |name| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
        let has = |name, what| read(name).is_ok_and(|text| text.contains(what));
        has("cmdline", "--patient") && has("status", "Seccomp:\t2")
    })
}

#[test]
fn sources_that_never_end_leave_places_for_others() {
    let origin = Origin::answering(|asked| match asked.target.starts_with("/events") {
        true => Reply::by(|wire| {
            wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            while wire.chunk(":\n\n") {
                std::thread::sleep(Duration::from_millis(50));
            }
        }),
        false => Reply::cached("max-age=600", png(80, 60, 1)),
    });
    let larder = Larder::configured(
        &format!("[images]\nworkers = 1\nqueue = 1\ntimeout = \"500ms\"\n{}", toml("")),
        &origin,
    );
    let mut clients: Vec<_> = (0..4)
        .map(|number| {
            let mut client = larder.connect();
            let target = format!("/_larder/image/w=64,f=webp/events?{number}");
            client.send(crate::support::request("GET", &target, &[]));
            client
        })
        .collect();
    origin.wait_for(4);
    let answer = larder.get("/_larder/image/w=64,f=webp/a.png");
    assert_eq!(answer.status, 200, "{}", answer.text());
    for client in &mut clients {
        let answer = client.read();
        assert!(matches!(answer.status, 422 | 504), "{}: {}", answer.status, answer.text());
    }
}

#[test]
fn a_stored_picture_goes_before_one_that_takes_its_place() {
    let is_away = Arc::new(AtomicBool::new(false));
    let origin = Origin::answering({
        let is_away = is_away.clone();
        move |asked| match &*asked.target {
            "/missing.png" => Reply::cached("max-age=6000", png(90, 90, 1)),
            _ if is_away.load(Ordering::SeqCst) => Reply::status(503, "later"),
            _ => Reply::cached("max-age=60, stale-if-error=600", png(80, 60, 1)),
        }
    });
    let larder = larder("on_error = \"/missing.png\"", &origin);
    let target = "/_larder/image/w=64,f=png/a.png";
    larder.fill("/missing.png");
    let first = larder.fill(target);
    is_away.store(true, Ordering::SeqCst);
    // The source is not kept any more, the picture is.
    larder.turn_clock(61);
    let stale = larder.fill(target);
    assert_eq!(stale.body, first.body);
    assert_eq!(larder.fill(target).body, first.body);
    larder.turn_clock(6000);
    assert_eq!(size(&larder.get(target).body), (64, 64));
}

#[test]
fn a_source_that_has_no_time_for_now_takes_no_kept_picture_away() {
    let status = Arc::new(AtomicU16::new(200));
    let origin = Origin::answering({
        let status = status.clone();
        move |_| match status.load(Ordering::SeqCst) {
            200 => Reply::cached("max-age=4, stale-if-error=600", png(80, 60, 1)),
            status => Reply::status(status, "not now").with("Retry-After", "7"),
        }
    });
    let larder = larder("", &origin);
    let target = "/_larder/image/w=64,f=png/a.png";
    let first = larder.fill(target);
    for code in [408, 425, 429, 500] {
        larder.turn_clock(10);
        status.store(code, Ordering::SeqCst);
        let kept = larder.fill(target);
        assert_eq!((kept.status, &kept.body), (200, &first.body), "{code}: {}", kept.cache());
        let told = format!("fwd-status={}; ttl=", if code == 500 { 500 } else { 503 });
        assert!(kept.cache().contains(&told), "{code}: {}", kept.cache());
        assert!(kept.cache().ends_with("; detail=stale-if-error"), "{code}: {}", kept.cache());
        let never = larder.get(&format!("/_larder/image/w=64,f=png/{code}.png"));
        let expected = if code == 500 { 502 } else { 503 };
        assert_eq!((never.status, never.field("retry-after")), (expected, Some("7")), "{code}");
        assert!(never.text().contains(&format!("its source answered {code}")), "{}", never.text());
    }
    larder.turn_clock(10);
    status.store(404, Ordering::SeqCst);
    let gone = larder.get(target);
    assert_eq!((gone.status, gone.field("retry-after")), (404, None), "{}", gone.cache());
}

#[test]
fn a_source_whose_head_is_late_is_waited_for_no_longer_than_may_be() {
    let (gate, is_slow) = (Gate::shut(), Arc::new(AtomicBool::new(false)));
    let origin = Origin::answering({
        let (gate, is_slow) = (gate.clone(), is_slow.clone());
        move |asked| {
            let is_late = asked.target == "/late.png";
            if is_slow.load(Ordering::SeqCst) || is_late {
                gate.pass();
            }
            Reply::cached(if is_late { "max-age=600" } else { "max-age=60" }, png(80, 60, 1))
        }
    });
    let larder = Larder::configured(&format!("[images]\ntimeout = \"2s\"\n{}", toml("")), &origin);
    let kept = larder.fill("/_larder/image/w=64,f=png/a.png");
    let mut page = larder.connect();
    page.send(crate::support::request("GET", "/late.png", &[]));
    origin.wait_for(2);
    let late = larder.get("/_larder/image/w=64,f=png/late.png");
    assert_eq!(late.status, 504, "{}", late.text());
    assert!(late.text().contains("takes longer than may be (images.timeout)"), "{}", late.text());

    larder.turn_clock(61);
    is_slow.store(true, Ordering::SeqCst);
    let stale = larder.get("/_larder/image/w=64,f=png/a.png");
    assert_eq!((stale.status, &stale.body), (200, &kept.body), "{}", stale.cache());
    assert!(stale.cache().ends_with("detail=picture-source-slow"), "{}", stale.cache());

    gate.open();
    assert_eq!(page.read().status, 200, "who waits for the page waits on");
    larder.settle();
    assert_eq!(larder.get("/_larder/image/w=64,f=png/late.png").status, 200);
    assert_eq!(origin.asked().iter().filter(|asked| asked.target == "/late.png").count(), 1);
}

#[test]
fn a_source_in_a_coding_is_refused_by_its_name_and_a_plain_one_that_bears_one_is_not() {
    let origin = Origin::answering(|asked| match &*asked.target {
        "/gzip.png" => Reply::cached("max-age=60", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
            .with("Content-Encoding", "gzip"),
        _ => Reply::cached("max-age=60", png(80, 60, 1)).with("Content-Encoding", "aws-chunked"),
    });
    let larder = larder("", &origin);
    let coded = larder.get("/_larder/image/w=64,f=png/gzip.png");
    assert_eq!(coded.status, 422);
    assert!(coded.text().contains("it is coded (gzip), which is not undone"), "{}", coded.text());
    assert_eq!(larder.get("/_larder/image/w=64,f=png/plain.png").status, 200);
}

#[test]
fn makers_have_nothing_of_what_began_them_and_end_with_it() {
    let origin = origin();
    let mut larder = larder("", &origin);
    let _open: Vec<_> = (0..50).map(|_| larder.connect()).collect();
    larder.fill("/_larder/image/w=64,f=webp/photo.jpg");
    larder.fill_with("/_larder/image/w=64/photo.jpg", &CHROME);
    let pids = workers(&larder);
    assert!(pids.len() >= 2, "{pids:?}");
    for pid in &pids {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd"));
        let files: Vec<_> = files.map_or(Vec::new(), |all| {
            all.filter_map(|it| std::fs::read_link(it.ok()?.path()).ok()).collect()
        });
        assert_eq!(files.get(2), files.get(1), "its errors go where its output goes");
        let sockets = files.iter().filter(|it| it.to_string_lossy().starts_with("socket:"));
        assert!(sockets.count() <= 2, "{files:?}");
    }
    larder.kill_and_restart();
    until("they have ended", || {
        pids.iter()
            .all(|pid| {
                let status =
                    std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                status.is_empty() || status.contains(") Z")
            })
            .then_some(())
    });
    let damaged = Origin::answering(|_| Reply::cached("max-age=600", &jpeg(400, 300, 1)[..2000]));
    let other = super::larder("", &damaged);
    for number in 0..5 {
        assert_eq!(other.get(&format!("/_larder/image/w=64/a.jpg?{number}")).status, 422);
    }
    assert_eq!(other.error_lines("panicked"), [""; 0]);
}
