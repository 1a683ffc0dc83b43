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
