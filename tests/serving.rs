//! HTTP/1.1 and 1.0 toward clients: what comes in goes on, and what comes back goes out.

use crate::support::{Gate, Larder, Origin, Reply, request, until_it_stands_still};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More than all socket buffers on the way can hold.
const MUCH: usize = 100 << 20;
/// What Larder may need more while so much passes.
const LITTLE: u64 = 24 << 20;

#[test]
fn a_connection_is_kept_and_requests_may_come_byte_by_byte() {
    let origin = Origin::answering(|asked| Reply::ok(&asked.target));
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    assert_eq!(client.get("/1").text(), "/1");
    client.send("\r\n");
    client.send_bytewise(request("GET", "/2", &[]));
    assert_eq!(client.read().text(), "/2");
    let last = client.ask("GET", "/3", &[("Connection", "close")]);
    assert_eq!((last.text().as_str(), last.field("connection")), ("/3", Some("close")));
    client.assert_closed();
    assert_eq!(larder.metrics().sum("larder_connections_accepted_total", &[]), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.target == "/held" {
            held.pass();
        }
        Reply::cached("max-age=60", &asked.target)
    });
    let larder = Larder::before(&origin);
    larder.fill("/hit");
    let mut client = larder.connect();
    let targets = ["/hit", "/held", "/hit", "/miss", "/hit"];
    client.send(targets.map(|target| request("GET", target, &[])).concat());
    assert_eq!(client.read().text(), "/hit");
    origin.wait_for(2);
    gate.open();
    for target in &targets[1..] {
        assert_eq!(client.read().text(), *target);
    }
}

#[test]
fn http_10_is_spoken_as_it_is() {
    let origin = Origin::answering(|asked| match asked.target.as_str() {
        "/chunked" => Reply::ok("hello").chunked(),
        _ => Reply::ok("hello"),
    });
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let kept = client.read();
    assert_eq!((kept.text().as_str(), kept.field("connection")), ("hello", Some("keep-alive")));
    client.send("GET /chunked HTTP/1.0\r\nHost: site.test\r\nConnection: keep-alive\r\n\r\n");
    let head = client.read_head();
    assert_eq!(head.field("transfer-encoding"), None, "HTTP/1.0 knows no chunks");
    assert_eq!(client.read_to_end(), b"hello", "the end of the connection is that of the body");
    let mut client = larder.connect();
    client.send("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n");
    assert_eq!(client.read().text(), "hello");
    client.assert_closed();
}

#[test]
fn chunked_bodies_and_trailers_go_both_ways() {
    let origin = Origin::answering(|_| {
        Reply::by(|wire| {
            wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
            wire.chunk("hello ");
            wire.chunk("world");
            wire.send("0\r\nX-Sum: 11\r\n\r\n");
        })
    });
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.send("POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n");
    client.send("Trailer: X-Sum\r\nTE: trailers\r\n\r\n");
    client.send("4;name=\"value\"\r\nWiki\r\n5\r\npedia\r\n0\r\nX-Sum: 9\r\n\r\n");
    let received = client.read();
    assert_eq!(received.text(), "hello world");
    assert_eq!(received.trailers, [("X-Sum".to_owned(), "11".to_owned())]);
    let asked = origin.last();
    assert_eq!(asked.body, b"Wikipedia");
    let trailers: Vec<_> = asked.trailers.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(trailers, ["9"]);
    assert_eq!(client.get("/").text(), "hello world", "the connection goes on");
}

#[test]
fn a_body_with_a_length_keeps_it_both_ways() {
    let origin = Origin::answering(|asked| Reply::ok(&asked.body));
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    for body in ["", "x", "hello"] {
        let length = body.len().to_string();
        client.send(request("PUT", "/", &[("Content-Length", &length)]) + body);
        let received = client.read();
        assert_eq!(received.text(), body);
        assert_eq!(received.field("content-length"), Some(length.as_str()));
        assert_eq!(origin.last().field("transfer-encoding"), None);
        assert_eq!(origin.last().field("content-length"), Some(length.as_str()));
    }
}

#[test]
fn methods_go_on_as_they_are() {
    let origin = Origin::answering(|asked| match asked.method.as_str() {
        "DELETE" => Reply::status(204, ""),
        _ => Reply::ok("hello").with("Allow", "GET"),
    });
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    for (method, target, status) in [
        ("OPTIONS", "/a", 200),
        ("OPTIONS", "*", 200),
        ("PATCH", "/", 200),
        ("DELETE", "/", 204),
        ("BREW-COFFEE", "/pot", 200),
        ("get", "/", 200),
    ] {
        let received = client.ask(method, target, &[]);
        assert_eq!(received.status, status, "{method}");
        assert_eq!(
            (origin.last().method.as_str(), origin.last().target.as_str()),
            (method, target)
        );
    }
    assert_eq!(larder.metrics().sum("larder_connections_accepted_total", &[]), 1);
}

#[test]
fn a_client_that_expects_100_is_told_to_go_on() {
    let origin = Origin::answering(|asked| Reply::ok(&asked.body));
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.send(request("POST", "/", &[("Content-Length", "5"), ("Expect", "100-continue")]));
    assert_eq!(client.read_interim(), 100);
    client.send("hello");
    let received = client.read();
    assert_eq!((received.text().as_str(), received.interim.len()), ("hello", 0));
}

#[test]
fn early_hints_are_passed_on_and_not_stored() {
    let origin = Origin::answering(|_| {
        Reply::by(|wire| {
            wire.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n");
            wire.send("Link: </b.css>; rel=preload\r\n\r\n");
            wire.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok",
            );
        })
    });
    let larder = Larder::before(&origin);
    for (method, target) in [("GET", "/"), ("POST", "/posted")] {
        let received = larder.ask(method, target, &[]);
        assert_eq!((received.status, received.text().as_str()), (200, "ok"));
        let [(103, links)] = &received.interim[..] else { panic!("{:?}", received.interim) };
        let links: Vec<_> = links.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(links, ["</a.css>; rel=preload", "</b.css>; rel=preload"]);
    }
    larder.settle();
    let hit = larder.get("/");
    assert!(hit.is_hit() && hit.interim.is_empty());
    let mut old = larder.connect();
    old.send("GET /old HTTP/1.0\r\nHost: site.test\r\n\r\n");
    assert!(old.read().interim.is_empty(), "HTTP/1.0 knows no interim responses");
}

#[test]
fn repeated_fields_keep_their_values_and_their_order() {
    let origin = Origin::answering(|_| {
        Reply::ok("x")
            .with("Set-Cookie", "a=1; Path=/")
            .with("X-One", "1")
            .with("Set-Cookie", "b=2, c=3")
            .with("X-One", "")
            .with("Set-Cookie", "a=4")
            .with("X-One", "\u{e9}, \"q\"")
    });
    let larder = Larder::before(&origin);
    let fields = [("X-A", "1"), ("X-B", "x"), ("X-A", "2, 3"), ("X-A", "")];
    let received = larder.get_with("/", &fields);
    assert_eq!(received.all("set-cookie"), ["a=1; Path=/", "b=2, c=3", "a=4"]);
    assert_eq!(received.all("x-one"), ["1", "", "\u{e9}, \"q\""]);
    assert_eq!(origin.last().all("x-a"), ["1", "2, 3", ""]);
}

#[test]
fn targets_reach_the_origin_exactly_as_sent() {
    let origin = Origin::answering(|_| Reply::cached("max-age=60", "x"));
    let larder = Larder::before(&origin);
    for target in [
        "/a%20b/%C3%A9/%2F/%2e%2E/../x",
        "/%zz/%",
        "//double//slash",
        "/?",
        "/?a=1&&b=%20&c=a+b&a=1;d?e=/",
        "/a;b=c,d@e:f!$&'()*+~",
        "/\"{}|\\^[]",
        "/?q={}|\\^[]'",
    ] {
        larder.fill(target);
        assert_eq!(origin.last().target, target);
        assert!(larder.get(target).is_hit(), "{target}");
    }
}

#[test]
fn an_absolute_form_is_accepted_and_its_authority_wins() {
    let origin = Origin::answering(|_| Reply::cached("max-age=60", "x"));
    let larder = Larder::before(&origin);
    larder.ask("GET", "http://Other.test/a?b", &[("Host", "site.test")]);
    larder.settle();
    assert_eq!(origin.last().target, "/a?b");
    assert_eq!(origin.last().field("host"), Some("other.test"));
    assert!(larder.get_with("/a?b", &[("Host", "other.test")]).is_hit());
    assert!(!larder.get_with("/a?b", &[("Host", "site.test")]).is_hit());
}

#[test]
fn a_get_with_a_body_passes_by_the_cache() {
    let origin = Origin::answering(|asked| Reply::cached("max-age=60", &asked.body));
    let larder = Larder::before(&origin);
    for body in ["one", "two"] {
        let mut client = larder.connect();
        client.send(request("GET", "/", &[("Content-Length", "3")]) + body);
        let received = client.read();
        assert_eq!(received.text(), body);
        assert!(received.cache().ends_with("detail=request-body"), "{}", received.cache());
    }
}

#[test]
fn an_early_answer_reaches_a_client_that_still_uploads() {
    let origin = Origin::answering_heads(|_| {
        Reply::by(|wire| {
            wire.send(
                "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!",
            );
            wire.wait_for_close();
        })
    });
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.send(request("POST", "/", &[("Content-Length", &MUCH.to_string())]));
    // So much is never taken: the answer has to come before the upload is over.
    client.send_counted(MUCH);
    let received = client.read();
    assert_eq!((received.status, received.text().as_str()), (413, "no!"));
}

#[test]
fn a_slow_reader_of_a_long_body_holds_the_origin_back_and_not_memory() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let origin = Origin::answering(move |_| {
        let count = count.clone();
        Reply::by(move |wire| {
            wire.send("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n");
            wire.send(format!("Content-Length: {MUCH}\r\n\r\n"));
            let piece = vec![b'x'; 64 << 10];
            while count.load(Ordering::SeqCst) < MUCH && wire.send(&piece) {
                count.fetch_add(piece.len(), Ordering::SeqCst);
            }
        })
    });
    let larder = Larder::before(&origin);
    let before = larder.peak_bytes();
    let mut client = larder.connect();
    client.send(request("GET", "/", &[]));
    let mut received = client.read_head();
    let held = until_it_stands_still(|| sent.load(Ordering::SeqCst));
    assert!(held < MUCH, "the origin was not held back");
    client.read_rest(&mut received, "GET");
    assert_eq!((received.body.len(), received.cut), (MUCH, false));
    let grown = larder.peak_bytes() - before;
    assert!(grown < LITTLE, "{grown} bytes more for a body that streams by");
}

#[test]
fn a_slow_origin_holds_a_long_upload_back_and_not_memory() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering_heads(move |_| {
        let gate = gate.clone();
        Reply::by(move |wire| {
            wire.pass(&gate);
            let length = wire.read_body().len().to_string();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", length.len()));
            wire.send(length);
        })
    });
    let larder = Larder::before(&origin);
    let before = larder.peak_bytes();
    let mut client = larder.connect();
    client.send(request("POST", "/", &[("Content-Length", &MUCH.to_string())]));
    let sent = client.send_counted(MUCH);
    let held = until_it_stands_still(|| sent.load(Ordering::SeqCst));
    assert!(held < MUCH, "the client was not held back");
    opens.open();
    assert_eq!(client.read().text(), MUCH.to_string());
    let grown = larder.peak_bytes() - before;
    assert!(grown < LITTLE, "{grown} bytes more for a body that streams by");
}
