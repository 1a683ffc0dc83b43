//! Requests that break the grammar, or that two readers could take for different things: refused
//! with a clean answer, the connection is closed, and no origin hears of them.

use crate::support::{Larder, Origin, Received, Reply, request};

/// Sends bytes and reads what Larder says to them, behind which it closes.
fn refused(larder: &Larder, bytes: &[u8]) -> Received {
    let mut client = larder.connect();
    // Larder may have seen enough before all is sent.
    let _ = client.try_send(bytes);
    let received = client.read();
    client.assert_closed();
    received
}

/// Asserts that each of the requests is refused with its status and reaches no origin.
fn assert_refused(rows: &[(u16, &str)]) {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for (status, text) in rows {
        let received = refused(&larder, text.as_bytes());
        assert_eq!(received.status, *status, "{text:?}: {}", received.text());
        assert_eq!(received.field("connection"), Some("close"), "{text:?}");
        assert_eq!(received.field("content-type"), Some("text/plain; charset=utf-8"));
        assert!(received.text().starts_with(&status.to_string()), "{}", received.text());
        assert!(received.cache().starts_with("larder; detail="), "{}", received.cache());
    }
    assert_eq!(origin.count(), 0);
    let bad = larder.metrics().sum("larder_bad_requests_total", &[]);
    assert_eq!(bad, rows.len() as u64);
    assert_eq!(larder.get("/").status, 200, "whoever asks well is served");
}

#[test]
fn lengths_that_contradict_each_other_are_refused() {
    assert_refused(&[
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
        ),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nhello"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nhell"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\nhell"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nhell"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -4\r\n\r\nhell"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\nhell"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4 4\r\n\r\nhell"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nhell"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        (501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
        (501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        (501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n"),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
        ),
        (400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999\r\n\r\n"),
    ]);
}

#[test]
fn lines_that_end_or_begin_oddly_are_refused() {
    assert_refused(&[
        (400, "GET / HTTP/1.1\nHost: a\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\rX: 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\tfolded\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        (400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]);
}

#[test]
fn hosts_that_are_none_two_or_odd_are_refused() {
    assert_refused(&[
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET http://a/ HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a, b\r\nHost: c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: \u{e9}\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ]);
}

#[test]
fn names_values_and_request_lines_that_break_the_grammar_are_refused() {
    assert_refused(&[
        (400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX\t: 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX\0: 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{1}b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{7f}b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: 1\r\n\r\n"),
        (400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        (400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /a\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        (400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\r\nHost: a\r\n\r\n"),
        (400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n"),
        (405, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        (417, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\n\r\nx"),
    ]);
}

#[test]
fn chunks_that_break_the_grammar_are_refused_and_reach_no_origin_whole() {
    let origin = Origin::answering(|asked| Reply::ok(&asked.body));
    let larder = Larder::before(&origin);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long_extension = format!("4;{}\r\nWiki\r\n0\r\n\r\n", "x".repeat(9000));
    for chunks in [
        "x\r\n",
        "\r\n",
        "-4\r\nWiki\r\n0\r\n\r\n",
        "+4\r\nWiki\r\n0\r\n\r\n",
        "0x4\r\nWiki\r\n0\r\n\r\n",
        " 4\r\nWiki\r\n0\r\n\r\n",
        "4 4\r\nWiki\r\n0\r\n\r\n",
        "4\nWiki\r\n0\r\n\r\n",
        "4\r\nWikiX\r\n0\r\n\r\n",
        "4\r\nWiki\n0\r\n\r\n",
        "4\r\nWiki\r\n0\r\nX 1\r\n\r\n",
        "4\r\nWiki\r\n0\r\nX: 1\n\r\n",
        "4\r\nWiki\r\n0\r\n folded\r\n\r\n",
        "4;\u{1}\r\nWiki\r\n0\r\n\r\n",
        "4;a=\"b\nc\"\r\nWiki\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nWiki\r\n0\r\n\r\n",
        "10000000000000000\r\nWiki\r\n0\r\n\r\n",
        &long_extension,
    ] {
        let received = refused(&larder, [head, chunks].concat().as_bytes());
        assert_eq!(received.status, 400, "{chunks:?}: {}", received.text());
        assert_eq!(received.field("connection"), Some("close"));
    }
    assert_eq!(origin.count(), 0, "the body breaks off toward the origin");
}

#[test]
fn what_is_too_long_or_too_much_is_refused_by_its_own_status() {
    let long = |count: usize| "x".repeat(count);
    let fields = |count: usize| "X: 1\r\n".repeat(count);
    assert_refused(&[
        (414, &format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(8 << 10))),
        (414, &format!("GET /{}", long(40 << 10))),
        (431, &format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", long(33 << 10))),
        (431, &format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", long(33 << 10))),
        (431, &format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(100))),
    ]);
}

#[test]
fn what_is_just_short_enough_is_served() {
    let origin = Origin::answering(|_| Reply::ok("x"));
    let larder = Larder::before(&origin);
    let target = format!("/{}", "x".repeat((8 << 10) - 1));
    assert_eq!(larder.get(&target).status, 200);
    let fields = vec![("X", "1"); 99];
    assert_eq!(larder.get_with("/", &fields).status, 200);
    let value = "x".repeat(20 << 10);
    assert_eq!(larder.get_with("/", &[("X", &value)]).status, 200);
    assert_eq!(origin.count(), 3);
}

#[test]
fn limits_are_those_that_were_set() {
    let origin = Origin::answering(|asked| Reply::ok(&asked.body));
    let limits = "limits.max_target = \"64B\"\nlimits.max_head = \"1KiB\"\n\
                  limits.max_fields = 5\nlimits.max_body = \"10B\"";
    let toml = format!("[server]\n{limits}\n[[site]]\norigin = \"{{origin}}\"");
    let larder = Larder::configured(&toml, &origin);
    let long = "x".repeat(2000);
    for (status, text) in [
        (414, request("GET", &format!("/{}", &long[..64]), &[])),
        (431, request("GET", "/", &[("X", &long)])),
        (431, request("GET", "/", &[("X", "1"); 5])),
        (413, request("POST", "/", &[("Content-Length", "11")]) + "hello world"),
        (413, request("POST", "/", &[("Transfer-Encoding", "chunked")]) + "b\r\nhello world\r\n"),
    ] {
        let received = refused(&larder, text.as_bytes());
        assert_eq!(received.status, status, "{text:?}: {}", received.text());
    }
    assert_eq!(origin.count(), 0);
    let mut client = larder.connect();
    client.send(request("POST", "/", &[("Content-Length", "10")]) + "0123456789");
    assert_eq!(client.read().text(), "0123456789");
}

#[test]
fn a_good_request_before_a_bad_one_is_answered() {
    let origin = Origin::answering(|asked| Reply::ok(&asked.target));
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.send(request("GET", "/good", &[]) + "GET /bad HTTP/1.1\r\nHost : a\r\n\r\n");
    assert_eq!(client.read().text(), "/good");
    assert_eq!(client.read().status, 400);
    client.assert_closed();
    assert_eq!(origin.count(), 1);
}

#[test]
fn what_stands_behind_a_bad_request_is_not_taken_for_another() {
    let origin = Origin::answering(|asked| Reply::ok(&asked.target));
    let larder = Larder::before(&origin);
    for bad in [
        "POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /bad HTTP/1.1\r\nHost: a\r\nX: 1\n\r\n",
    ] {
        refused(&larder, (bad.to_owned() + &request("GET", "/smuggled", &[])).as_bytes());
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn characters_that_browsers_send_and_no_url_has_are_escaped_toward_the_origin() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for (target, escaped) in [
        ("/<a>", "/%3Ca%3E"),
        ("/?<a>", "/?%3Ca%3E"),
        ("/`", "/%60"),
        ("/?a=\"b\"&c=%20`", "/?a=%22b%22&c=%20%60"),
    ] {
        for method in ["GET", "POST"] {
            assert_eq!(larder.ask(method, target, &[]).status, 200, "{method} {target}");
            assert_eq!(origin.last().target, escaped, "{method}");
        }
    }
}
