//! Origins that fail, clients that dawdle, limits that are reached: clean answers, and nothing
//! incomplete is stored.

use crate::support::{Gate, Larder, Origin, Received, Reply, request, until};
use std::sync::OnceLock;
use std::sync::mpsc::channel;

/// Larder with these lines of configuration before its only site.
fn larder_with(lines: &str, origin: &Origin) -> Larder {
    Larder::configured(&format!("{lines}\n[[site]]\norigin = \"{{origin}}\"\n"), origin)
}

/// Asserts that it is an answer of Larder's own, with a plain page that says why.
fn assert_own(received: &Received, status: u16, detail: &str, words: &str) {
    assert_eq!(received.status, status, "{}", received.text());
    assert_eq!(received.cache(), format!("larder; detail={detail}"));
    assert_eq!(received.field("content-type"), Some("text/plain; charset=utf-8"));
    assert!(received.text().starts_with(&status.to_string()), "{}", received.text());
    assert!(received.text().contains(words), "{}", received.text());
}

#[test]
fn an_origin_that_is_away_gives_502_and_the_connection_is_kept() {
    let origin = Origin::as_told();
    origin.go_away();
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    for method in ["GET", "POST", "GET"] {
        let received = client.ask(method, "/", &[]);
        assert_own(&received, 502, "origin-unreachable", "not reachable");
    }
    origin.come_back();
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn an_origin_that_does_not_begin_to_answer_gives_504() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        held.pass();
        Reply::ok("late")
    });
    let larder = larder_with("[origin]\nfirst_byte_timeout = \"100ms\"", &origin);
    for method in ["GET", "POST"] {
        let received = larder.ask(method, "/", &[]);
        assert_own(&received, 504, "origin-timeout", "first_byte_timeout");
    }
    gate.open();
}

#[test]
fn an_origin_that_stops_within_its_answer_cuts_it_and_nothing_is_stored() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        let held = held.clone();
        Reply::by(move |wire| {
            wire.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\n");
            wire.send("half");
            wire.pass(&held);
        })
    });
    let larder = larder_with("[origin]\nbetween_bytes_timeout = \"100ms\"", &origin);
    let received = larder.fill("/");
    assert!(received.cut && received.text() == "half");
    assert_eq!(larder.metrics().sum("larder_memory_entries", &[]), 0);
    gate.open();
}

#[test]
fn nothing_incomplete_is_stored_or_passed_off_as_whole() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n";
    let origin = Origin::answering(|asked| {
        let target = asked.target.clone();
        Reply::by(move |wire| {
            match target.as_str() {
                "/short" | "/reset" => wire.send(format!("{HEAD}Content-Length: 9\r\n\r\nhalf")),
                "/chunk" => wire.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n9\r\nhalf")),
                "/chunks" => {
                    wire.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"))
                }
                _ => wire.send(format!(
                    "{HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\nhalf"
                )),
            };
            if target == "/reset" { wire.reset() } else { wire.close() }
        })
    });
    let larder = Larder::before(&origin);
    for target in ["/short", "/reset", "/chunk", "/chunks", "/junk"] {
        for round in 1..=2 {
            let received = larder.fill(target);
            // A reset may overtake what was sent before it.
            let dropped = received.status == 502 && target == "/reset";
            assert!(dropped || received.cut, "{target}: {received:?}");
            assert!(!received.is_hit(), "{target} {round}");
        }
    }
    let metrics = larder.metrics();
    assert_eq!(metrics.sum("larder_memory_entries", &[]), 0);
    assert!(metrics.sum("larder_not_stored_total", &["reason=\"incomplete\""]) >= 8);
}

#[test]
fn bytes_behind_a_body_are_no_part_of_the_next_answer() {
    let origin = Origin::answering(|asked| {
        let target = asked.target.clone();
        Reply::by(move |wire| {
            let answer = |text: &str| {
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
            };
            // In one piece, so that it is there with the body's end.
            wire.send(answer(&target) + &answer("evil"));
        })
    });
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    for number in 0..10 {
        let target = format!("/{number}");
        assert_eq!(client.get(&target).text(), target);
    }
}

#[test]
fn a_head_without_end_or_with_too_many_fields_gives_502() {
    let origin = Origin::answering(|asked| {
        let target = asked.target.clone();
        Reply::by(move |wire| {
            wire.send("HTTP/1.1 200 OK\r\n");
            match target.as_str() {
                "/endless" => while wire.send(format!("X-A: {}\r\n", "x".repeat(1000))) {},
                "/line" => while wire.send("x".repeat(1000)) {},
                _ => {
                    wire.send("X-A: x\r\n".repeat(500) + "Content-Length: 0\r\n\r\n");
                }
            }
            wire.close();
        })
    });
    let larder = Larder::before(&origin);
    for target in ["/endless", "/line", "/many"] {
        let received = larder.get(target);
        assert_own(&received, 502, "origin-head-too-large", "max_head");
    }
}

#[test]
fn what_is_no_response_gives_502() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx";
    let answers = [
        ("/0", "junk\r\n\r\n", "origin-malformed"),
        ("/1", "HTTP/1.1 abc OK\r\n\r\n", "origin-malformed"),
        ("/2", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "origin-malformed"),
        ("/3", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "origin-malformed"),
        ("/4", long, "origin-malformed"),
        ("/5", "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", "origin-malformed"),
        ("/6", "", "origin-dropped"),
        ("/7", "HTTP/1.1 200 OK\r\nX-Half:", "origin-dropped"),
    ];
    let origin = Origin::answering(move |asked| {
        let found = answers.iter().find(|(target, ..)| *target == asked.target);
        Reply::raw(found.expect("a target of the table").1)
    });
    let larder = Larder::before(&origin);
    for (target, answer, detail) in answers {
        let received = larder.get(target);
        assert_eq!(received.status, 502, "{answer:?}: {}", received.text());
        assert_eq!(received.cache(), format!("larder; detail={detail}"), "{answer:?}");
    }
}

#[test]
fn a_kept_connection_that_the_origin_closed_is_not_used() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for number in 1..=5 {
        for method in ["GET", "POST"] {
            assert_eq!(larder.ask(method, "/", &[]).status, 200, "{method} {number}");
        }
        origin.close_connections();
    }
}

/// An origin that answers `/first` and drops that connection as a further request comes on it.
fn closing_origin() -> Origin {
    let kept = OnceLock::new();
    Origin::answering(move |asked| {
        if *kept.get_or_init(|| asked.connection) == asked.connection && asked.target != "/first" {
            return Reply::by(|wire| wire.close());
        }
        Reply::ok("ok")
    })
}

#[test]
fn a_get_that_meets_a_closing_connection_is_sent_once_more() {
    let origin = closing_origin();
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.get("/first");
    assert_eq!(client.get("/second").status, 200);
    assert_eq!(origin.count(), 3);
    assert_ne!(origin.asked()[1].connection, origin.asked()[2].connection);
}

#[test]
fn a_post_that_meets_a_closing_connection_is_not_sent_again() {
    let origin = closing_origin();
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.get("/first");
    client.send(request("POST", "/second", &[("Content-Length", "2")]) + "hi");
    assert_own(&client.read(), 502, "origin-dropped", "closed the connection");
    assert_eq!(origin.count(), 2, "it may have had its effect");
}

#[test]
fn a_post_without_a_body_that_meets_a_closing_connection_is_not_sent_again() {
    let origin = closing_origin();
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.get("/first");
    assert_own(&client.ask("POST", "/second", &[]), 502, "origin-dropped", "closed");
    assert_eq!(origin.count(), 2, "it may have had its effect");
}

#[test]
fn a_stored_response_stands_in_for_an_origin_that_drops_the_connection() {
    let origin = Origin::answering(|asked| match asked.field("x-drop") {
        Some(_) => Reply::raw(""),
        None => Reply::cached("max-age=10", "good"),
    });
    let larder = Larder::before(&origin);
    larder.fill("/");
    larder.turn_clock(10);
    let received = larder.get_with("/", &[("X-Drop", "1")]);
    assert_eq!((received.status, received.text().as_str()), (200, "good"));
    assert!(received.cache().ends_with("detail=origin-dropped"), "{}", received.cache());
    assert_eq!(received.field("age"), Some("10"));
    assert_eq!(larder.metrics().sum("larder_stale_total", &[]), 1);
}

#[test]
fn a_server_error_does_not_replace_what_is_stored() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    larder.fill_with("/", &[("X-Reply", "Cache-Control: max-age=60")]);
    let fields = [
        ("X-Status", "500"),
        ("X-Reply", "Cache-Control: max-age=60"),
        ("Cache-Control", "no-cache"),
    ];
    let failed = larder.fill_with("/", &fields);
    assert_eq!(failed.status, 500);
    assert!(failed.cache().ends_with("detail=older-kept"), "{}", failed.cache());
    let kept = larder.get("/");
    assert!(kept.is_hit() && kept.status == 200, "{}", kept.cache());
}

#[test]
fn slow_clients_are_cut_by_a_named_limit() {
    let origin = Origin::answering(|asked| Reply::ok(&asked.body));
    let limits = "limits.header_timeout = \"100ms\"\nlimits.body_timeout = \"100ms\"";
    let larder = larder_with(&format!("[server]\n{limits}"), &origin);
    for part in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: site.test\r\nX-A: "] {
        let mut client = larder.connect();
        client.send(part);
        assert_own(&client.read(), 408, "client-too-slow", "header_timeout");
        client.assert_closed();
    }
    assert_eq!(origin.count(), 0);
    for part in ["Content-Length: 9\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"] {
        let mut client = larder.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: site.test\r\n{part}"));
        assert_own(&client.read(), 408, "client-too-slow", "body_timeout");
        client.assert_closed();
    }
    assert_eq!(origin.count(), 0, "no origin took half a body for a whole one");
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let origin = Origin::as_told();
    let larder = larder_with("[server]\nlimits.idle_timeout = \"100ms\"", &origin);
    larder.connect().assert_closed();
    let mut client = larder.connect();
    client.get("/");
    client.assert_closed();
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let origin = Origin::answering(|_| {
        Reply::by(|wire| {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n");
            while wire.send([b'x'; 10_000]) {}
        })
    });
    let larder = larder_with("[server]\nlimits.send_timeout = \"200ms\"", &origin);
    let mut client = larder.connect();
    client.send(request("GET", "/", &[]));
    client.read_head();
    larder.wait_for_metric("larder_connections", &[], 0);
    assert!(client.read_to_end().len() < 999_999_999);
}

#[test]
fn a_client_that_takes_too_little_is_cut() {
    let origin = Origin::answering(|_| {
        Reply::by(|wire| {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n");
            while wire.send([b'x'; 10_000]) {}
        })
    });
    // Nobody is stalled here: no reader on earth takes so much a second.
    let config = "[server]\nlimits.send_timeout = \"100ms\"\nlimits.min_send_rate = \"900GiB\"";
    let larder = larder_with(config, &origin);
    let mut client = larder.connect();
    client.send(request("GET", "/", &[]));
    client.read_head();
    until("the client is cut", || {
        // Less than is sent, so that it is waited for, yet always something.
        client.try_read_bytes(100_000).is_none().then_some(())
    });
    larder.wait_for_metric("larder_connections", &[], 0);
}

#[test]
fn a_body_that_only_the_end_delimits_is_reset_when_it_breaks_off() {
    for breaks_off in [true, false] {
        let origin = Origin::answering(move |_| {
            Reply::by(move |wire| {
                wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
                if !breaks_off {
                    wire.send("0\r\n\r\n");
                }
                wire.close();
            })
        });
        let larder = Larder::before(&origin);
        let mut client = larder.connect();
        client.send("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n");
        assert_eq!(client.ends_by_reset(), breaks_off);
    }
}

/// An old client takes the end of the connection for that of the body: whoever cuts it must reset.
#[test]
fn a_slow_old_client_and_one_cut_at_the_end_see_a_reset() {
    let endless = || {
        Origin::answering(|_| {
            Reply::by(|wire| {
                wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                while wire.chunk([b'x'; 10_000]) {}
            })
        })
    };
    let origin = endless();
    let larder = larder_with("[server]\nlimits.send_timeout = \"100ms\"", &origin);
    let mut client = larder.connect();
    client.send("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n");
    larder.wait_for_metric("larder_connections", &[], 1);
    larder.wait_for_metric("larder_connections", &[], 0);
    assert!(client.ends_by_reset(), "too slow");

    let origin = endless();
    let mut larder = larder_with("[server]\nlimits.drain_timeout = \"50ms\"", &origin);
    let mut client = larder.connect();
    client.send("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n");
    client.read_head();
    assert_eq!(larder.stop().code(), Some(0));
    assert!(client.ends_by_reset(), "cut at the end");
}

#[test]
fn a_client_that_leaves_gives_its_turn_at_the_origin_back() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.target == "/slow" {
            held.pass();
        }
        Reply::ok("done")
    });
    let config = "[origin]\nconcurrency = 1\n[log]\naccess = \"json\"";
    let larder = larder_with(config, &origin);
    for (method, body) in [("OPTIONS", ""), ("GET", "text")] {
        let before = origin.count();
        let mut client = larder.connect();
        let length = body.len().to_string();
        client.send(request(method, "/slow", &[("Content-Length", &length)]) + body);
        origin.wait_for(before + 1);
        client.finish_sending();
        assert_own(&client.read(), 499, "client-left", "closed its side");
        assert_eq!(larder.get("/quick").text(), "done", "the turn is free again");
    }
    let line = larder.wait_for_output_line("\"status\":499");
    assert!(line.contains("\"site\":\"default\""), "{line}");
    gate.open();
}

#[test]
fn an_answer_that_was_cut_counts_what_of_it_was_sent() {
    let origin = Origin::answering(|_| {
        Reply::by(|wire| {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n");
            while wire.send([b'x'; 10_000]) {}
        })
    });
    let config = "[log]\naccess = \"json\"\n[server]\nlimits.send_timeout = \"100ms\"";
    let larder = larder_with(config, &origin);
    let mut client = larder.connect();
    client.send(request("GET", "/", &[]));
    client.read_bytes(100_000);
    let line = larder.wait_for_output_line("\"cut\":true");
    let bytes = line.split("\"bytes\":").nth(1).and_then(|rest| rest.split(',').next());
    let bytes: u64 = bytes.and_then(|digits| digits.parse().ok()).expect("a number");
    assert!(bytes >= 90_000, "{line}");
    assert_eq!(larder.metrics().sum("larder_body_bytes_total", &[]), bytes);
}

#[test]
fn a_client_that_leaves_a_long_answer_frees_its_origin() {
    let origin = Origin::answering(|asked| {
        let quick = asked.target == "/quick";
        Reply::by(move |wire| {
            wire.send("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 4\r\n\r\n");
            wire.send(if quick { "done" } else { "do" });
            if !quick {
                // Silent until Larder closes.
                wire.wait_for_close();
            }
        })
    });
    let larder = larder_with("[origin]\nconcurrency = 1", &origin);
    let mut client = larder.connect();
    client.send(request("POST", "/slow", &[]));
    client.read_head();
    client.read_bytes(2);
    drop(client);
    assert_eq!(larder.get("/quick").text(), "done", "the turn is free again");
}

#[test]
fn a_name_that_does_not_resolve_gives_502_and_says_so() {
    let origin = Origin::as_told();
    let toml = "[[site]]\norigin = \"http://no-such-name.invalid:1\"\n";
    let larder = Larder::configured(toml, &origin);
    assert_own(&larder.get("/"), 502, "origin-unknown", "does not resolve");
}

#[test]
fn a_request_that_breaks_off_is_not_taken_for_a_whole_one() {
    let origin = Origin::answering(|asked| Reply::ok(&asked.body));
    let larder = Larder::before(&origin);
    for part in ["Content-Length: 9\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
    {
        let mut client = larder.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: site.test\r\n{part}"));
        client.finish_sending();
        assert_own(&client.read(), 400, "client-gone", "announced end");
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn connections_past_the_limit_get_503_and_when_to_come_again() {
    let origin = Origin::as_told();
    let larder = larder_with("[server]\nlimits.max_connections = 2", &origin);
    let mut kept: Vec<_> = (0..2).map(|_| larder.connect()).collect();
    assert!(kept.iter_mut().all(|client| client.get("/").status == 200));
    let mut refused = larder.connect();
    let received = refused.read();
    assert_own(&received, 503, "too-many-connections", "max_connections");
    assert_eq!(received.field("retry-after"), Some("1"));
    refused.assert_closed();
    assert_eq!(larder.metrics().sum("larder_connections_refused_total", &[]), 1);
    kept.pop();
    until("a place is free again", || {
        let mut client = larder.connect();
        // Refused connections may be reset while this is sent.
        client.try_send(request("GET", "/", &[])).ok()?;
        (client.read().status == 200).then_some(())
    });
}

#[test]
fn an_origin_gets_no_more_at_once_than_it_may_and_the_rest_is_told_so() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        held.pass();
        Reply::cached("no-store", "x")
    });
    let larder = larder_with("[origin]\nconcurrency = 1\nqueue = 1", &origin);
    let (tell, told) = channel();
    for number in 0..3 {
        let (mut client, tell) = (larder.connect(), tell.clone());
        std::thread::spawn(move || {
            let _ = tell.send(client.get(&format!("/{number}")));
        });
    }
    let refused = told.recv().unwrap();
    assert_own(&refused, 503, "origin-queue-full", "queue");
    assert_eq!(refused.field("retry-after"), Some("1"));
    origin.wait_for(1);
    gate.open();
    assert_eq!((told.recv().unwrap().status, told.recv().unwrap().status), (200, 200));
    assert_eq!(origin.count(), 2);
}

#[test]
fn whoever_waits_too_long_for_his_turn_at_the_origin_gets_503() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |_| {
        held.pass();
        Reply::cached("no-store", "x")
    });
    let larder = larder_with("[origin]\nconcurrency = 1\nqueue_timeout = \"100ms\"", &origin);
    let mut first = larder.connect();
    first.send(request("GET", "/", &[]));
    origin.wait_for(1);
    let late = larder.get("/other");
    assert_own(&late, 503, "origin-queue-timeout", "queue_timeout");
    gate.open();
    assert_eq!(first.read().status, 200);
}
