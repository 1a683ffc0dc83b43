//! HTTP/2 toward clients: the same answers, and the abuse that it invites.

use crate::support::{Gate, Http2, Larder, Origin, Reply, until};

#[test]
fn a_second_request_is_a_hit_whatever_the_version() {
    let origin = Origin::answering(|asked| {
        Reply::cached("max-age=60", "page").with("X-Told", asked.field("via").unwrap_or("-"))
    });
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    let first = client.get("/a?b=%2F");
    assert_eq!((first.status, first.text().as_str()), (200, "page"));
    assert_eq!(first.field("x-told"), Some("2 larder"));
    assert_eq!(first.field("connection"), None);
    larder.settle();
    assert!(client.get("/a?b=%2F").is_hit());
    assert!(larder.get("/a?b=%2F").is_hit(), "over HTTP/1.1 too");
    assert_eq!(origin.count(), 1);
    assert_eq!(origin.last().target, "/a?b=%2F");
    assert_eq!(origin.last().field("host"), Some("site.test"));
}

#[test]
fn heads_conditions_and_ranges_are_answered_as_over_http1() {
    let origin =
        Origin::answering(|_| Reply::cached("max-age=60", "0123456789").with("ETag", "\"e\""));
    let larder = Larder::before(&origin);
    larder.fill("/");
    let mut client = Http2::plain(larder.address);
    let head = client.ask("HEAD", "/", &[]);
    assert_eq!((head.status, head.field("content-length")), (200, Some("10")));
    assert!(head.body.is_empty() && head.is_hit());
    let unchanged = client.ask("GET", "/", &[("if-none-match", "\"e\"")]);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    let part = client.ask("GET", "/", &[("range", "bytes=2-4")]);
    assert_eq!((part.status, part.text().as_str()), (206, "234"));
    let parts = client.ask("GET", "/", &[("range", "bytes=0-1,8-9")]);
    assert!(parts.text().contains("01") && parts.text().contains("89"), "{}", parts.text());
    assert_eq!(client.ask("GET", "/", &[("range", "bytes=99-")]).status, 416);
    assert_eq!(origin.count(), 1);
}

#[test]
fn bodies_pass_both_ways_with_their_trailers() {
    let origin = Origin::answering(|asked| {
        let body = asked.body.clone();
        Reply::by(move |wire| {
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            wire.chunk(&body);
            wire.send("0\r\nX-Sum: 7\r\nContent-Length: 3\r\n\r\n");
        })
    });
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    let received = client.post("/", [b"first ", b"second"]);
    assert_eq!(received.text(), "first second");
    assert_eq!(received.trailers, [("x-sum".to_owned(), "7".to_owned())]);
}

#[test]
fn interim_responses_come_before_the_answer() {
    let origin = Origin::answering(|_| {
        Reply::raw(
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n\
             HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        )
    });
    let larder = Larder::before(&origin);
    let received = Http2::plain(larder.address).get("/");
    assert_eq!((received.status, received.text().as_str()), (200, "ok"));
    let link = ("link".to_owned(), "</a.css>; rel=preload".to_owned());
    assert_eq!(received.interim, [(103, vec![link])]);
}

#[test]
fn crumbs_of_a_cookie_reach_the_origin_as_one() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    client.ask("GET", "/", &[("cookie", "a=1"), ("cookie", "b=2")]);
    assert_eq!(origin.last().all("cookie"), ["a=1; b=2"]);
}

#[test]
fn requests_that_say_two_things_are_refused() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    for (fields, status) in [
        (vec![("host", "other.test")], 400),
        (vec![("host", "site.test"), ("host", "site.test")], 400),
        (vec![("expect", "tea")], 417),
        (vec![("host", "site.test")], 200),
    ] {
        assert_eq!(client.ask("GET", "/", &fields).status, status, "{fields:?}");
    }
    let long = format!("/{}", "x".repeat(9000));
    assert_eq!(client.get(&long).status, 414);
    let many: Vec<(String, String)> = (0..150).map(|i| (format!("x-{i}"), "1".into())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(client.ask("GET", "/", &many).status, 431);
    assert_eq!(origin.count(), 1);
}

#[test]
fn an_answer_that_breaks_off_is_reset() {
    let origin =
        Origin::answering(|_| Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"));
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    let received = client.get("/");
    assert!(received.cut && received.status == 200, "{received:?}");
    assert_eq!(client.ask("OPTIONS", "/", &[]).status, 200, "the connection goes on");
}

#[test]
fn large_answers_keep_to_what_the_client_has_room_for() {
    let body = vec![b'x'; 3 << 20];
    let sent = body.clone();
    let origin = Origin::answering(move |_| Reply::cached("max-age=60", &sent));
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    assert!(client.get("/").body == body);
    larder.settle();
    let again = client.get("/");
    assert!(again.body == body && again.is_hit());
}

#[test]
fn one_stream_waits_for_no_other() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.target == "/slow" {
            held.pass();
        }
        Reply::ok("done")
    });
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    let slow = client.send("GET", "/slow", &[], true);
    assert_eq!(client.get("/quick").text(), "done");
    gate.open();
    assert_eq!(client.wait(slow).text(), "done");
}

/// CVE-2023-44487: who opens and resets on and on wants the work and not the answers.
#[test]
fn who_resets_on_and_on_is_told_to_calm_down() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        held.pass();
        Reply::ok("late")
    });
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    until("the connection is ended", || {
        for number in 0..50 {
            // OPTIONS passes by the cache, so each is work for the origin.
            let asking = client.try_send("OPTIONS", &format!("/{number}"));
            let Some(mut asking) = asking else { return Some(()) };
            client.breathe();
            asking.body.send_reset(h2::Reason::CANCEL);
        }
        client.breathe();
        None
    });
    gate.open();
    larder.wait_for_metric("larder_connections", &[], 0);
    assert!(origin.count() < 1000, "{}", origin.count());
    assert_eq!(larder.get("/").status, 200);
}

#[test]
fn a_connection_in_use_is_finished_at_the_end() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        held.pass();
        Reply::ok("done")
    });
    let mut larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    let slow = client.send("GET", "/", &[], true);
    client.breathe();
    origin.wait_for(1);
    larder.terminate();
    larder.wait_for_error_line("no new requests");
    gate.open();
    assert_eq!(client.wait(slow).text(), "done");
    assert_eq!(larder.wait().code(), Some(0));
    larder.wait_for_error_line("everything was finished");
}

#[test]
fn garbage_behind_the_preface_ends_the_connection() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for garbage in ["\0\0\0\0\0\0\0\0\0GARBAGE", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut client = larder.connect();
        client.send(format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{garbage}{}", "x".repeat(99)));
        client.read_to_end();
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn answers_without_a_byte_end_and_are_not_reset() {
    let origin = Origin::answering(|asked| match asked.target.as_str() {
        "/moved" => Reply::status(302, "").with("Location", "/"),
        _ => Reply::cached("max-age=60", ""),
    });
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    for (target, status) in [("/moved", 302), ("/empty", 200), ("/empty", 200)] {
        let received = client.get(target);
        assert_eq!((received.status, received.cut), (status, false), "{target}");
        assert_eq!(received.field("content-length"), Some("0"));
        larder.settle();
    }
}

#[test]
fn a_get_that_ends_by_an_empty_piece_is_one_without_a_body() {
    let origin = Origin::answering(|_| Reply::cached("max-age=60", "page"));
    let larder = Larder::before(&origin);
    larder.fill("/");
    let mut client = Http2::plain(larder.address);
    let mut asking = client.send("GET", "/", &[], false);
    asking.body.send_data(bytes::Bytes::new(), true).expect("it is open");
    assert!(client.wait(asking).is_hit());
    let mut asking = client.send("GET", "/", &[], false);
    asking.body.send_data(bytes::Bytes::from_static(b"text"), true).expect("it is open");
    assert_eq!(client.wait(asking).status, 200);
    assert_eq!(origin.last().body, b"text");
}

#[test]
fn requests_whose_connection_ends_are_counted_all_the_same() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        held.pass();
        Reply::ok("late")
    });
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    for number in 0..5 {
        client.send("GET", &format!("/{number}"), &[], true);
    }
    client.breathe();
    origin.wait_for(5);
    drop(client);
    larder.wait_for_metric("larder_requests_total", &["status=\"499\""], 5);
    gate.open();
}

/// What a library says of a single connection let any client fill the log.
#[test]
fn a_client_that_resets_again_and_again_is_not_told_of_line_by_line() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for stream in (1..120_u8).step_by(2) {
        // GET http://a/, and its reset (CANCEL).
        flood.extend([0, 0, 6, 1, 5, 0, 0, 0, stream, 0x82, 0x84, 0x86, 0x41, 1, b'a']);
        flood.extend([0, 0, 4, 3, 0, 0, 0, 0, stream, 0, 0, 0, 8]);
    }
    for _ in 0..20 {
        let mut client = larder.connect();
        client.send(&flood);
        client.finish_sending();
        client.read_to_end();
    }
    assert_eq!(larder.error_lines("reset"), [""; 0]);
    assert_eq!(larder.get("/").status, 200);
}
