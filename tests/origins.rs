//! Origins by TLS and HTTP/2, several of them, those that fail, and checks on them.

use crate::support::{Authority, Gate, Http2Origin, Larder, Origin, Reply, Setup, until};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server with TLS before an origin, which tells by `Via` how it was asked.
fn secure(authority: &Authority, names: &[&str], origin: &Origin) -> Larder {
    let site = "server.node = \"inner\"\n[[site]]\norigin = \"{origin}\"";
    Setup::default().secure(authority, names, site, origin).start()
}

fn tells_via() -> Origin {
    Origin::answering(|asked| {
        Reply::cached("max-age=60", asked.all("via").join(", "))
            .with("X-Host", asked.field("host").unwrap_or("-"))
    })
}

fn before(inner: &Larder, scheme_and_host: &str, more: &str, origin: &Origin) -> Larder {
    let port = inner.secure.expect("it listens with TLS").port();
    let toml = format!("[[site]]\norigin = \"{scheme_and_host}:{port}\"\n{more}\n");
    Larder::configured(&toml, origin)
}

#[test]
fn an_origin_by_tls_is_spoken_to_in_http2_and_its_certificate_is_checked() {
    let (authority, origin) = (Authority::new(), tells_via());
    let inner = secure(&authority, &["localhost"], &origin);
    let ca = format!("origin_tls.ca = {:?}", authority.file());
    let larder = before(&inner, "https://localhost", &ca, &origin);
    let first = larder.fill("/");
    assert_eq!((first.status, first.text().as_str()), (200, "1.1 larder, 2 larder"));
    assert_eq!(first.field("x-host"), Some("site.test"));
    assert!(larder.get("/").is_hit());
    for (host, more, says) in [
        ("https://127.0.0.1", ca.clone(), "not valid for name"),
        ("https://localhost", format!("{ca}\norigin_tls.name = \"other.test\""), "not valid for"),
        ("https://localhost", String::new(), "UnknownIssuer"),
    ] {
        let larder = before(&inner, host, &more, &origin);
        let answer = larder.get("/x");
        assert_eq!((answer.status, answer.cache()), (502, "larder; detail=origin-tls"), "{host}");
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    let named = format!("{ca}\norigin_tls.name = \"localhost\"");
    assert_eq!(before(&inner, "https://127.0.0.1", &named, &origin).get("/x").status, 200);
}

#[test]
fn bodies_pass_to_an_origin_in_http2_and_back() {
    let authority = Authority::new();
    let origin = Origin::answering(|asked| Reply::ok(&asked.body).chunked());
    let inner = secure(&authority, &["localhost"], &origin);
    let ca = format!("origin_tls.ca = {:?}", authority.file());
    let larder = before(&inner, "https://localhost", &ca, &origin);
    let body = "x".repeat(300_000);
    let mut client = larder.connect();
    let length = body.len();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    assert!(client.read().body == body.as_bytes());
    client.send("POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_eq!(client.read().text(), "abcde");
    let crowd: Vec<_> = (0..20)
        .map(|number| {
            let mut client = larder.connect();
            client.send(format!("GET /{number} HTTP/1.1\r\nHost: site.test\r\n\r\n"));
            client
        })
        .collect();
    assert!(crowd.into_iter().all(|mut client| client.read().status == 200));
}

#[test]
fn an_origin_that_speaks_no_tls_is_told_of() {
    let (authority, origin) = (Authority::new(), Origin::as_told());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let toml = format!(
        "[[site]]\norigin = \"https://{}\"\norigin_tls.ca = {:?}",
        listener.local_addr().unwrap(),
        authority.file()
    );
    let larder = Larder::configured(&toml, &origin);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let answer = larder.get("/");
    assert_eq!((answer.status, answer.cache()), (502, "larder; detail=origin-tls"));
}

/// Two origins that tell which of them answered.
fn two() -> [Origin; 2] {
    ["one", "two"].map(|name| Origin::answering(move |_| Reply::ok(name)))
}

fn before_both(origins: &[Origin; 2], lines: &str) -> Larder {
    let [one, two] = origins.each_ref().map(|origin| format!("http://{}", origin.address()));
    let toml = format!("{lines}\n[[site]]\norigin = [\"{one}\", \"{two}\"]\n");
    Larder::configured(&toml, &origins[0])
}

#[test]
fn several_origins_are_asked_in_turn_and_one_that_is_away_is_left_out() {
    let origins = two();
    let larder = before_both(&origins, "origin.eject_for = \"1h\"");
    for _ in 0..10 {
        assert_eq!(larder.get("/").status, 200);
    }
    assert!(origins.iter().all(|origin| origin.count() >= 3));
    origins[0].go_away();
    for number in 0..20 {
        let answer = larder.get(&format!("/{number}"));
        assert_eq!((answer.status, answer.text().as_str()), (200, "two"), "{number}");
    }
    let line = larder.wait_for_error_line("is left out for");
    assert!(line.contains(&origins[0].address().to_string()), "{line}");
    let retried = larder.metrics().sum("larder_retried_total", &[]);
    assert!((1..=6).contains(&retried), "{retried}: once it is left out, nobody asks it");
}

#[test]
fn the_last_origin_is_never_left_out() {
    let origins = two();
    let larder = before_both(&origins, "origin.eject_for = \"1h\"");
    origins.iter().for_each(Origin::go_away);
    for _ in 0..20 {
        assert_eq!(larder.get("/").status, 502);
    }
    origins.iter().for_each(Origin::come_back);
    until("one of them is asked", || (larder.get("/").status == 200).then_some(()));
}

#[test]
fn what_may_not_be_repeated_is_not_tried_again() {
    let origins = two();
    let larder = before_both(&origins, "");
    origins[0].go_away();
    let mut failed = 0;
    for (method, body) in [("POST", ""), ("PUT", "text"), ("GET", "text"), ("PATCH", "")] {
        for _ in 0..2 {
            let length = body.len().to_string();
            let mut client = larder.connect();
            let head = crate::support::request(method, "/", &[("Content-Length", &length)]);
            client.send(head + body);
            failed += usize::from(client.read().status == 502);
        }
    }
    assert!(failed > 0);
    assert_eq!(larder.metrics().sum("larder_retried_total", &[]), 0);
}

#[test]
fn retries_keep_to_their_budget() {
    let origins = two();
    let larder = before_both(&origins, "origin.retry_percent = 0\norigin.eject_after = 100000");
    origins[0].go_away();
    let answers: Vec<u16> = (0..100).map(|i| larder.get(&format!("/{i}")).status).collect();
    let failed = answers.iter().filter(|status| **status == 502).count();
    assert_eq!(larder.metrics().sum("larder_retried_total", &[]), 20, "what was saved up");
    assert!((20..=40).contains(&failed), "{failed}");
}

#[test]
fn an_answer_that_has_begun_is_not_tried_again() {
    let [_, other] = two();
    let origin =
        Origin::answering(|_| Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"));
    let origins = [origin, other];
    let larder = before_both(&origins, "");
    let cut = (0..4).filter(|i| larder.get(&format!("/{i}")).cut).count();
    assert!(cut > 0);
    assert_eq!(origins[0].count(), cut);
    assert_eq!(larder.metrics().sum("larder_retried_total", &[]), 0);
}

#[test]
fn checks_leave_out_who_is_not_well_before_a_visitor_meets_him() {
    let sick = Arc::new(AtomicBool::new(false));
    let is_sick = sick.clone();
    let one = Origin::answering(move |asked| match asked.target.as_str() {
        "/healthz" if is_sick.load(Ordering::SeqCst) => Reply::status(500, ""),
        _ => Reply::ok("one"),
    });
    let origins = [one, Origin::answering(|_| Reply::ok("two"))];
    let [first, second] = origins.each_ref().map(|origin| format!("http://{}", origin.address()));
    let toml = format!(
        "[[site]]\nhosts = [\"site.test\"]\norigin = [\"{first}\", \"{second}\"]\n\
         health_check = {{ path = \"/healthz\", every = \"20ms\" }}\n"
    );
    let larder = Larder::configured(&toml, &origins[0]);
    origins[0].wait_for(2);
    assert_eq!(origins[0].last().field("host"), Some("site.test"));
    sick.store(true, Ordering::SeqCst);
    larder.wait_for_error_line("fails its checks");
    assert!((0..6).all(|number| larder.get(&format!("/{number}")).text() == "two"));
    sick.store(false, Ordering::SeqCst);
    larder.wait_for_error_line("is well again");
    until("it is asked again", || (larder.get("/x").text() == "one").then_some(()));
}

/// A server that hung was not checked, since it was busy: half of the requests went on to wait for
/// it while the other was idle.
#[test]
fn a_server_that_hangs_is_found_out_and_nobody_waits_for_its_turns() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let hangs = Origin::answering(move |_| {
        gate.pass();
        Reply::ok("late")
    });
    let origins = [hangs, Origin::answering(|_| Reply::ok("well"))];
    let [one, two] = origins.each_ref().map(|origin| format!("http://{}", origin.address()));
    let toml = format!(
        "origin.concurrency = 2\norigin.queue_timeout = \"1h\"\n[[site]]\n\
         origin = [\"{one}\", \"{two}\"]\n\
         health_check = {{ path = \"/up\", every = \"1s\", timeout = \"200ms\" }}\n"
    );
    let larder = Larder::configured(&toml, &origins[0]);
    let stuck: Vec<_> = (0..8)
        .map(|number| {
            let mut client = larder.connect();
            client.send(crate::support::request("GET", &format!("/{number}"), &[]));
            client
        })
        .collect();
    for number in 0..8 {
        assert_eq!(larder.get(&format!("/more/{number}")).status, 200);
    }
    larder.wait_for_error_line("fails its checks");
    opens.open();
    for mut client in stuck {
        assert_eq!(client.read().status, 200);
    }
}

/// What was in flight on kept connections when a server died was repeated at the same server.
#[test]
fn what_a_dying_server_drops_is_asked_of_another() {
    let gate = Gate::shut();
    let origins = [(); 2].map(|()| {
        let gate = gate.clone();
        Origin::answering(move |asked| {
            if asked.target.starts_with("/slow") {
                gate.pass();
            }
            Reply::ok("whole")
        })
    });
    let larder = before_both(&origins, "");
    let ask = |target: String| {
        let mut client = larder.connect();
        client.send(crate::support::request("GET", &target, &[]));
        client
    };
    // Connections that are kept.
    let warm: Vec<_> = (0..12).map(|n| ask(format!("/warm/{n}"))).collect();
    warm.into_iter().for_each(|mut client| assert_eq!(client.read().status, 200));
    let slow: Vec<_> = (0..12).map(|n| ask(format!("/slow/{n}"))).collect();
    until("all are asked", || {
        (origins.iter().map(Origin::count).sum::<usize>() == 24).then_some(())
    });
    origins[0].go_away();
    gate.open();
    for mut client in slow {
        assert_eq!(client.read().text(), "whole");
    }
}

/// Those who left kept the turns of those who came.
#[test]
fn those_who_left_do_not_stand_in_the_way_of_those_who_wait() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.target.starts_with("/slow") {
            gate.pass();
        }
        Reply::cached("max-age=60", "x")
    });
    let toml = "origin.concurrency = 4\norigin.queue_timeout = \"1h\"\n\
                [[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    let leaving: Vec<_> = (0..12)
        .map(|number| {
            let mut client = larder.connect();
            client.send(crate::support::request("GET", &format!("/slow/{number}"), &[]));
            client
        })
        .collect();
    larder.wait_for_metric("larder_fills", &[], 12);
    drop(leaving);
    assert_eq!(larder.get("/quick").status, 200);
    larder.wait_for_metric("larder_fills", &[], 1);
    opens.open();
    larder.settle();
}

#[test]
fn more_at_once_than_an_origin_in_http2_takes_on_a_connection_all_get_their_answers() {
    let authority = Authority::new();
    let larder = before_http2(&authority);
    for method in ["GET", "POST"] {
        let crowd: Vec<_> = (0..60)
            .map(|number| {
                let mut client = larder.connect();
                let target = format!("/few/{number}");
                client.send(crate::support::request(method, &target, &[("Content-Length", "0")]));
                (target, client)
            })
            .collect();
        for (target, mut client) in crowd {
            assert_eq!(client.read().text(), target, "{method}");
        }
    }
}

#[test]
fn without_being_told_nobody_checks_an_origin() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    assert_eq!(larder.get("/").status, 200);
    assert_eq!(origin.count(), 1);
}

/// A kept connection that the origin closed: the request that would have met it goes on a new one,
/// whatever its method.
#[test]
fn a_connection_that_was_closed_is_not_used_again() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    for _ in 0..20 {
        assert_eq!(client.ask("POST", "/", &[("Content-Length", "0")]).status, 200);
        origin.close_connections();
    }
}

/// Larder before an origin that speaks HTTP/2.
fn before_http2(authority: &Authority) -> Larder {
    let origin = Http2Origin::start(authority);
    let toml = format!(
        "[[site]]\norigin = \"https://localhost:{}\"\norigin_tls.ca = {:?}",
        origin.0.port(),
        authority.file()
    );
    Larder::configured(&toml, &Origin::as_told())
}

#[test]
fn a_stream_that_ends_without_its_end_is_cut_and_not_stored() {
    let authority = Authority::new();
    let larder = before_http2(&authority);
    for target in ["/short", "/short-unsaid"] {
        for _ in 0..2 {
            let received = larder.fill(target);
            assert!(received.cut && !received.is_hit(), "{target} {received:?}");
        }
    }
    assert_eq!(larder.fill("/whole").text(), "/whole");
    assert!(larder.get("/whole").is_hit());
}

#[test]
fn who_does_not_read_stops_nobody_else() {
    let authority = Authority::new();
    let larder = before_http2(&authority);
    let mut stuck: Vec<_> = (0..3).map(|_| larder.connect()).collect();
    for client in &mut stuck {
        client.send(crate::support::request("GET", "/long", &[]));
        assert_eq!(client.read_head().status, 200);
    }
    for number in 0..20 {
        let target = format!("/{number}");
        assert_eq!(larder.get(&target).text(), target);
    }
}
