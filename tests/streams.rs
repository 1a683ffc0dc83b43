//! What lasts: WebSocket and other upgrades, server-sent events, long uploads and downloads.

use crate::support::{Authority, Client, Gate, Http2, Larder, Origin, Reply, Setup, request};

const HANDSHAKE: [(&str, &str); 4] = [
    ("Connection", "keep-alive, Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
];

/// An origin that goes on in another protocol, greets, and echoes in capitals until `bye`.
fn echo() -> Origin {
    Origin::answering(|asked| {
        let protocol = asked.field("upgrade").unwrap_or("none").to_owned();
        let connection = asked.field("connection").unwrap_or("none").to_owned();
        if protocol == "none" {
            return Reply::ok("plain");
        }
        Reply::by(move |wire| {
            wire.send(format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\
                 Sec-WebSocket-Accept: x\r\nX-Connection: {connection}\r\n\r\nhello"
            ));
            while let Some(bytes) = wire.read_some() {
                wire.send(bytes.to_ascii_uppercase());
                if bytes.ends_with(b"bye") {
                    break;
                }
            }
            wire.close();
        })
    })
}

fn switch(larder: &Larder) -> Client {
    let mut client = larder.connect();
    client.send(request("GET", "/socket", &HANDSHAKE));
    let head = client.read_head();
    assert_eq!((head.status, head.field("upgrade")), (101, Some("websocket")));
    assert_eq!(head.field("sec-websocket-accept"), Some("x"));
    assert_eq!(head.field("x-connection"), Some("upgrade"));
    assert_eq!(head.cache(), "larder; fwd=bypass; fwd-status=101; detail=upgrade");
    assert_eq!(client.read_bytes(5), b"hello");
    client
}

#[test]
fn a_websocket_passes_both_ways_until_one_side_ends_it() {
    let origin = echo();
    let larder = Larder::before(&origin);
    let mut client = switch(&larder);
    for word in ["one", "two"] {
        client.send(word);
        assert_eq!(client.read_bytes(3), word.to_uppercase().as_bytes());
    }
    client.send("bye");
    assert_eq!(client.read_to_end(), b"BYE");
    larder.wait_for_metric("larder_long_streams", &[], 0);
    assert_eq!(larder.get("/").text(), "plain", "HTTP/2 by upgrade and others are not asked for");
}

#[test]
fn what_is_no_upgrade_is_an_ordinary_request() {
    let origin = echo();
    let larder = Larder::before(&origin);
    for fields in [
        vec![("Upgrade", "websocket")],
        vec![
            ("Connection", "Upgrade, HTTP2-Settings"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "x"),
        ],
        vec![("Connection", "upgrade")],
    ] {
        assert_eq!(larder.get_with("/", &fields).text(), "plain", "{fields:?}");
        assert_eq!(origin.last().field("upgrade"), None);
    }
}

#[test]
fn an_origin_that_does_not_switch_answers_as_ever() {
    let origin = Origin::answering(|_| Reply::status(426, "no").with("X-Why", "old"));
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    let answer = client.ask("GET", "/", &HANDSHAKE);
    assert_eq!((answer.status, answer.text().as_str()), (426, "no"));
    assert_eq!(client.ask("GET", "/", &[]).status, 426, "the connection goes on");
    larder.wait_for_metric("larder_long_streams", &[], 0);
}

#[test]
fn tunnels_have_places_of_their_own_and_a_time_of_silence() {
    let origin = echo();
    let toml = "origin.concurrency = 1\nserver.limits.max_long_streams = 2\n\
                server.limits.long_stream_timeout = \"300ms\"\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    let mut open = [switch(&larder), switch(&larder)];
    assert_eq!(larder.get("/").text(), "plain", "they hold no turn");
    let refused = larder.get_with("/", &HANDSHAKE);
    assert_eq!((refused.status, refused.cache()), (503, "larder; detail=too-many-streams"));
    open.iter_mut().for_each(Client::assert_closed);
    larder.wait_for_metric("larder_long_streams", &[], 0);
    switch(&larder);
}

#[test]
fn a_websocket_goes_through_tls_on_both_sides() {
    let (authority, origin) = (Authority::new(), echo());
    let site = "server.node = \"inner\"\n[[site]]\norigin = \"{origin}\"";
    let inner = Setup::default().secure(&authority, &["localhost"], site, &origin).start();
    let toml = format!(
        "[[site]]\norigin = \"https://localhost:{}\"\norigin_tls.ca = {:?}",
        inner.secure.expect("it listens with TLS").port(),
        authority.file()
    );
    let larder = Larder::configured(&toml, &origin);
    let mut client = switch(&larder);
    client.send("ping");
    assert_eq!(client.read_bytes(4), b"PING");
}

#[test]
fn at_a_stop_tunnels_and_events_are_cut_at_once() {
    let origin = Origin::answering(|asked| match asked.field("upgrade") {
        Some(_) => Reply::by(|wire| {
            wire.send("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
            wire.wait_for_close();
        }),
        None => Reply::by(|wire| {
            wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
            wire.send("Cache-Control: no-store\r\n\r\ndata: 1\n\n");
            wire.wait_for_close();
        }),
    });
    let mut larder = Larder::before(&origin);
    let mut socket = larder.connect();
    socket.send(request("GET", "/socket", &HANDSHAKE));
    assert_eq!(socket.read_head().status, 101);
    let mut events = larder.connect();
    events.send(request("GET", "/events", &[]));
    assert_eq!(events.read_head().status, 200);
    let mut newer = Http2::plain(larder.address);
    let asking = newer.send("GET", "/events", &[], true);
    newer.breathe();
    origin.wait_for(3);
    larder.wait_for_metric("larder_long_streams", &[], 3);
    let begun = std::time::Instant::now();
    larder.terminate();
    assert!(newer.wait(asking).cut);
    assert_eq!(larder.wait().code(), Some(0));
    assert!(begun.elapsed().as_secs() < 20, "drain_timeout is 25 s");
    larder.wait_for_error_line("everything was finished");
    socket.assert_closed();
    events.read_to_end();
}

#[test]
fn events_come_as_they_are_sent_and_hold_no_turn() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.target == "/plain" {
            return Reply::ok("plain");
        }
        let gate = held.clone();
        Reply::by(move |wire| {
            wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n");
            wire.send("Transfer-Encoding: chunked\r\n\r\n");
            wire.chunk("data: 1\n\n");
            wire.pass(&gate);
            wire.chunk("data: 2\n\n");
            wire.end_chunks();
        })
    });
    let toml = "origin.concurrency = 1\norigin.between_bytes_timeout = \"100ms\"\n\
                [[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    let mut client = larder.connect();
    client.send(request("GET", "/events", &[]));
    assert_eq!(client.read_head().status, 200);
    assert_eq!(client.read_bytes(14), b"9\r\ndata: 1\n\n\r\n");
    assert_eq!(larder.get("/plain").text(), "plain");
    // Longer than the time between bytes of other responses.
    std::thread::sleep(std::time::Duration::from_millis(300));
    gate.open();
    assert_eq!(client.read_bytes(19), b"9\r\ndata: 2\n\n\r\n0\r\n\r\n");
}

#[test]
fn a_large_upload_is_not_held() {
    let origin = Origin::answering(|asked| Reply::ok(asked.body.len().to_string()));
    let larder = Larder::before(&origin);
    let size = 40 << 20;
    let mut client = larder.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: {size}\r\n\r\n"));
    client.send(vec![b'x'; size]);
    assert_eq!(client.read().text(), size.to_string());
    assert!(larder.peak_bytes() < 60 << 20, "{} bytes", larder.peak_bytes());
}

#[test]
fn an_oversized_handshake_is_refused() {
    let origin = echo();
    let larder = Larder::before(&origin);
    let long = "x".repeat(40_000);
    let mut fields = HANDSHAKE.to_vec();
    fields.push(("Sec-WebSocket-Protocol", &long));
    assert_eq!(larder.get_with("/", &fields).status, 431);
    assert_eq!(origin.count(), 0);
}

#[test]
fn a_wish_to_upgrade_is_no_way_past_the_turns_or_the_rules() {
    let origin = Origin::answering(|asked| Reply::cached("max-age=600", asked.method.clone()));
    let larder = Larder::before(&origin);
    larder.fill("/");
    let wish = [("Connection", "upgrade"), ("Upgrade", "x"), ("Content-Length", "0")];
    assert_eq!(larder.ask("DELETE", "/", &wish).text(), "DELETE");
    assert!(!larder.get("/").is_hit(), "what was changed is invalid");
    assert_eq!(larder.get_with("/", &HANDSHAKE).text(), "GET");
    larder.wait_for_metric("larder_long_streams", &[], 0);
}

/// An origin that streams events for as long as anybody listens, and says whose they are.
fn events(control: &'static str) -> Origin {
    Origin::answering(move |asked| {
        let cookie = asked.field("cookie").unwrap_or("nobody").to_owned();
        Reply::by(move |wire| {
            wire.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream\r\nCache-Control: {control}\r\n\
                 Transfer-Encoding: chunked\r\n\r\n"
            ));
            wire.chunk(format!("data: for {cookie}\n\n"));
            wire.wait_for_close();
        })
    })
}

/// A stream of events was stored under a rule's `ttl`: the next visitor got that of the first.
#[test]
fn a_stream_of_events_is_for_who_listens_whatever_a_rule_says() {
    for (control, rule) in [
        ("no-cache", "ttl = \"1m\""),
        ("public, max-age=60", "tags = [\"x\"]"),
        ("private", "ttl = \"1m\"\ncache = \"force\""),
    ] {
        let origin = events(control);
        let larder = Larder::with_rule(rule, &origin);
        let mut clients: Vec<_> = ["alice", "bob"]
            .into_iter()
            .map(|name| {
                let mut client = larder.connect();
                client.send(request("GET", "/events", &[("Cookie", name)]));
                let head = client.read_head();
                assert!(head.cache().contains("detail=event-stream"), "{rule}: {}", head.cache());
                let data = format!("data: for {name}\n\n");
                let chunk = format!("{:x}\r\n{data}\r\n", data.len());
                assert_eq!(client.read_bytes(chunk.len()), chunk.as_bytes());
                client
            })
            .collect();
        larder.wait_for_metric("larder_long_streams", &[], 2);
        clients.clear();
        larder.wait_for_metric("larder_long_streams", &[], 0);
        larder.wait_for_metric("larder_fills", &[], 0);
    }
}

/// A body without an end that nobody reads kept its origin's turn until it had sent a mebibyte.
#[test]
fn a_body_of_unknown_length_that_nobody_reads_is_given_up_when_it_is_silent() {
    let origin = Origin::answering(|_| {
        Reply::by(|wire| {
            wire.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\
                 Transfer-Encoding: chunked\r\n\r\n",
            );
            wire.chunk("a beginning");
            wire.wait_for_close();
        })
    });
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.send(request("GET", "/", &[]));
    assert_eq!(client.read_head().status, 200);
    drop(client);
    larder.wait_for_metric("larder_fills", &[], 0);
}

#[test]
fn an_upgrade_is_asked_of_another_origin_where_one_is_away() {
    let origins = [echo(), echo()];
    let urls = origins.each_ref().map(|origin| format!("http://{}", origin.address()));
    let toml = format!(
        "origin.eject_after = 100000\n[[site]]\norigin = [\"{}\", \"{}\"]\n",
        urls[0], urls[1]
    );
    let larder = Larder::configured(&toml, &origins[0]);
    origins[0].go_away();
    (0..6).for_each(|_| drop(switch(&larder)));
}

#[test]
fn an_origin_that_goes_on_in_what_was_not_asked_for_is_told_of() {
    let origin = Origin::answering(|_| {
        Reply::raw("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
    });
    let larder = Larder::before(&origin);
    let answer = larder.get_with("/", &HANDSHAKE);
    assert_eq!((answer.status, answer.cache()), (502, "larder; detail=origin-malformed"));
    larder.wait_for_metric("larder_long_streams", &[], 0);
}

#[test]
fn a_body_beside_an_upgrade_makes_it_an_ordinary_request() {
    let origin = echo();
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    let fields = [&HANDSHAKE[..], &[("Content-Length", "2")]].concat();
    client.send(request("GET", "/", &fields) + "ab");
    assert_eq!(client.read().text(), "plain");
}

#[test]
fn who_has_ended_what_he_says_in_a_tunnel_still_hears_the_other_out() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |_| {
        let gate = gate.clone();
        Reply::by(move |wire| {
            wire.send("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
            while wire.read_some().is_some() {}
            wire.pass(&gate);
            wire.send("the last word");
            wire.close();
        })
    });
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.send(request("GET", "/", &HANDSHAKE));
    assert_eq!(client.read_head().status, 101);
    client.finish_sending();
    opens.open();
    assert_eq!(client.read_to_end(), b"the last word");
}
