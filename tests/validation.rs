//! Validators, conditions, ranges and HEAD: what need not be sent again (RFC 9110 §13, §14).

use crate::support::{Gate, Larder, Origin, Reply, request};

#[test]
fn an_origin_that_confirms_is_believed_and_its_fields_are_taken_over() {
    let origin = Origin::answering(|asked| match asked.field("if-none-match") {
        Some(_) => Reply::status(304, "")
            .with("Cache-Control", "max-age=20")
            .with("X-New", "2")
            .with("Content-Length", "99")
            .with("ETag", "\"a\""),
        None => Reply::cached("max-age=10", "hello").with("ETag", "\"a\"").with("X-New", "1"),
    });
    let larder = Larder::before(&origin);
    larder.fill("/");
    larder.turn_clock(10);
    let second = larder.fill("/");
    assert_eq!((second.status, second.text().as_str()), (200, "hello"));
    assert_eq!(second.cache(), "larder; fwd=stale; fwd-status=304; ttl=20; stored; detail=stale");
    assert_eq!(second.field("x-new"), Some("2"));
    assert_eq!(second.field("content-length"), Some("5"));
    assert_eq!(origin.last().field("if-none-match"), Some("\"a\""));
    larder.turn_clock(19);
    let third = larder.get("/");
    assert!(third.is_hit() && third.text() == "hello", "{}", third.cache());
    assert_eq!(third.field("x-new"), Some("2"));
    assert_eq!(origin.count(), 2);
}

#[test]
fn validators_go_out_as_they_came() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let modified = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (at, (reply, name, value)) in [
        ("ETag: W/\"weak\"", "if-none-match", "W/\"weak\""),
        ("ETag: unquoted", "if-none-match", "unquoted"),
        ("ETag: \"a b, c\"", "if-none-match", "\"a b, c\""),
        (&format!("Last-Modified: {modified}"), "if-modified-since", modified),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("/{at}");
        larder.told(&target, &format!("Cache-Control: max-age=10 | {reply}"));
        larder.turn_clock(10);
        larder.fill_with(&target, &[("If-None-Match", "\"clients\"")]);
        assert_eq!(origin.last().all(name), [value], "{reply}");
    }
}

#[test]
fn a_client_that_has_it_gets_304_from_the_store() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let modified = "Sun, 06 Nov 1994 08:49:37 GMT";
    let odd = "Cache-Control: max-age=60 | ETag: odd";
    let weak = "Cache-Control: max-age=60 | ETag: W/\"a\"";
    larder.told("/odd", odd);
    larder.told("/weak", weak);
    larder.told("/date", &format!("Cache-Control: max-age=60 | Last-Modified: {modified}"));
    let both = format!("Cache-Control: max-age=60 | ETag: \"a\" | Last-Modified: {modified}");
    larder.told("/both", &both);
    let asked = origin.count();
    for (target, fields, status) in [
        ("/weak", vec![("If-None-Match", "W/\"a\"")], 304),
        ("/weak", vec![("If-None-Match", "\"a\"")], 304),
        ("/weak", vec![("If-None-Match", "\"x\", \"a\"")], 304),
        ("/weak", vec![("If-None-Match", "*")], 304),
        ("/weak", vec![("If-None-Match", "\"b\"")], 200),
        ("/odd", vec![("If-None-Match", "odd")], 304),
        ("/odd", vec![("If-None-Match", "\"odd\"")], 200),
        ("/date", vec![("If-Modified-Since", modified)], 304),
        ("/date", vec![("If-Modified-Since", "Sun, 06 Nov 1994 08:49:38 GMT")], 304),
        ("/date", vec![("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT")], 200),
        ("/date", vec![("If-Modified-Since", "junk")], 200),
        ("/both", vec![("If-None-Match", "\"b\""), ("If-Modified-Since", modified)], 200),
        ("/both", vec![("If-None-Match", "\"a\""), ("If-Modified-Since", "junk")], 304),
    ] {
        let received = larder.get_with(target, &fields);
        assert_eq!(received.status, status, "{target} {fields:?}");
        assert!(received.is_hit(), "{target} {fields:?}: {}", received.cache());
        if status == 304 {
            assert!(received.body.is_empty() && received.field("date").is_some());
            assert_eq!(received.field("content-length"), None);
            assert_eq!(received.field("cache-control"), Some("max-age=60"));
        }
    }
    assert_eq!(origin.count(), asked);
}

#[test]
fn ranges_are_cut_from_what_is_stored() {
    let origin = Origin::answering(|_| {
        Reply::cached("max-age=60", "0123456789").with("ETag", "\"a\"").with("Content-Type", "a/b")
    });
    let larder = Larder::before(&origin);
    larder.fill("/");
    for (fields, status, range, body) in [
        (vec![("Range", "bytes=0-2")], 206, Some("bytes 0-2/10"), "012"),
        (vec![("Range", "bytes=7-")], 206, Some("bytes 7-9/10"), "789"),
        (vec![("Range", "bytes=-3")], 206, Some("bytes 7-9/10"), "789"),
        (vec![("Range", "bytes=5-99")], 206, Some("bytes 5-9/10"), "56789"),
        (vec![("Range", "bytes=10-")], 416, Some("bytes */10"), ""),
        (vec![("Range", "bytes=2-1")], 200, None, "0123456789"),
        (vec![("Range", "lines=1-2")], 200, None, "0123456789"),
        (vec![("Range", "bytes=0-0"), ("If-Range", "\"a\"")], 206, Some("bytes 0-0/10"), "0"),
        (vec![("Range", "bytes=0-0"), ("If-Range", "\"b\"")], 200, None, "0123456789"),
        (vec![("Range", "bytes=0-0"), ("If-Range", "W/\"a\"")], 200, None, "0123456789"),
        (vec![("Range", "bytes=0-0"), ("If-None-Match", "\"a\"")], 304, None, ""),
    ] {
        let received = larder.get_with("/", &fields);
        assert_eq!(received.status, status, "{fields:?}");
        assert_eq!(received.field("content-range"), range, "{fields:?}");
        assert_eq!(received.text(), body, "{fields:?}");
        assert!(received.is_hit());
    }
    assert_eq!(origin.count(), 1);
}

#[test]
fn several_ranges_come_as_parts() {
    let origin = Origin::answering(|_| {
        Reply::cached("max-age=60", "0123456789").with("Content-Type", "a/b")
    });
    let larder = Larder::before(&origin);
    larder.fill("/");
    let mut client = larder.connect();
    let received = client.ask("GET", "/", &[("Range", "bytes=0-1, 8-9")]);
    assert_eq!(received.status, 206);
    let kind = received.field("content-type").unwrap().to_owned();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").expect("parts");
    let part = |range: &str, bytes: &str| {
        format!("--{boundary}\r\nContent-Type: a/b\r\nContent-Range: {range}\r\n\r\n{bytes}\r\n")
    };
    let parts = part("bytes 0-1/10", "01") + &part("bytes 8-9/10", "89");
    assert_eq!(received.text(), format!("{parts}--{boundary}--\r\n"));
    assert!(client.get("/").is_hit(), "the length was right, so the connection goes on");
}

#[test]
fn head_is_answered_from_a_stored_get_and_fetches_what_is_not_stored_whole() {
    let origin = Origin::answering(|_| Reply::cached("max-age=60", "hello"));
    let larder = Larder::before(&origin);
    let cold = larder.ask("HEAD", "/", &[]);
    assert_eq!((cold.status, cold.field("content-length")), (200, Some("5")));
    assert_eq!(origin.last().method, "GET");
    larder.settle();
    let get = larder.get("/");
    assert!(get.is_hit() && get.text() == "hello", "{}", get.cache());
    let head = larder.ask("HEAD", "/", &[]);
    assert!(head.is_hit(), "{}", head.cache());
    assert_eq!(head.field("content-length"), Some("5"));
    assert_eq!(origin.count(), 1);
}

#[test]
fn head_makes_a_stored_response_invalid_that_it_no_longer_describes() {
    let origin = Origin::answering(|asked| match asked.method.as_str() {
        "HEAD" => Reply::cached("max-age=60", "longer now"),
        _ => Reply::cached("max-age=60", "short"),
    });
    let larder = Larder::before(&origin);
    larder.fill("/");
    let head = larder.ask("HEAD", "/", &[("Cache-Control", "no-cache")]);
    assert_eq!(head.field("content-length"), Some("10"));
    let received = larder.get("/");
    assert!(received.cache().ends_with("detail=invalidated"), "{}", received.cache());
}

#[test]
fn a_part_of_something_unknown_passes_through_and_is_not_stored() {
    let origin = Origin::answering(|asked| match asked.field("range") {
        Some(_) => Reply::status(206, "01")
            .with("Content-Range", "bytes 0-1/10")
            .with("Cache-Control", "max-age=60"),
        None => Reply::cached("max-age=60", "0123456789"),
    });
    let larder = Larder::before(&origin);
    for _ in 0..2 {
        let part = larder.fill_with("/", &[("Range", "bytes=0-1")]);
        assert_eq!((part.status, part.text().as_str()), (206, "01"));
        assert_eq!(part.field("content-range"), Some("bytes 0-1/10"));
        assert!(part.cache().ends_with("detail=partial"), "{}", part.cache());
        assert_eq!(origin.last().field("range"), Some("bytes=0-1"));
    }
    assert_eq!(larder.fill("/").text(), "0123456789");
    assert!(larder.get_with("/", &[("Range", "bytes=0-1")]).is_hit());
}

#[test]
fn a_late_304_is_for_the_body_that_it_was_asked_about() {
    let gate = Gate::shut();
    let opened = gate.clone();
    let origin = Origin::answering(move |asked| {
        let version = |tag: &str| {
            let reply = match asked.field("if-none-match") == Some(tag) {
                true => Reply::status(304, ""),
                false => Reply::ok(format!("body of {tag}")),
            };
            reply.with("ETag", tag).with("Cache-Control", "max-age=1")
        };
        match asked.field("x-who") {
            Some("breaks") => {
                opened.pass();
                Reply::raw("HTTP/1.1 200 X\r\n")
            }
            Some("newer") => version("\"2\""),
            Some("older") => version("\"1\""),
            _ => version(asked.field("if-none-match").unwrap_or("\"3\"")),
        }
    });
    let mut larder = Larder::before(&origin);
    larder.fill_with("/", &[("X-Who", "older")]);
    larder.turn_clock(2);
    let (mut leads, mut follows) = (larder.connect(), larder.connect());
    leads.send(request("GET", "/", &[("X-Who", "breaks")]));
    origin.wait_for(2);
    follows.send(request("GET", "/", &[("X-Who", "older")]));
    larder.wait_for_metric("larder_expired_total", &[], 2);
    larder.get_with("/", &[("X-Who", "newer"), ("Cache-Control", "no-cache")]);
    larder.wait_for_metric("larder_fills", &[], 1);
    larder.turn_clock(2);
    gate.open();
    leads.read();
    assert_eq!(follows.read().text(), "body of \"1\"");
    larder.settle();
    larder.kill_and_restart();
    let after = larder.get("/");
    assert_eq!(after.text(), format!("body of {}", after.field("etag").unwrap()));
}

#[test]
fn a_304_with_another_date_costs_nothing_of_what_is_on_disk() {
    let dates = ["Sun, 06 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 08:49:37 GMT"];
    let origin = Origin::answering(move |asked| {
        let reply = match asked.field("if-none-match") {
            Some(_) => Reply::status(304, "").with("Last-Modified", dates[1]),
            None => Reply::ok("hello").with("Last-Modified", dates[0]),
        };
        reply.with("ETag", "\"a\"").with("Cache-Control", "max-age=10")
    });
    let mut larder = Larder::before(&origin);
    larder.fill("/");
    larder.turn_clock(10);
    assert_eq!(larder.fill("/").field("last-modified"), Some(dates[1]));
    larder.settle();
    larder.kill_and_restart();
    let after = larder.get("/");
    assert!(after.is_hit() && after.text() == "hello", "{}", after.cache());
    assert_eq!(after.field("last-modified"), Some(dates[1]));
}
