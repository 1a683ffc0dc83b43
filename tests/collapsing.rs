//! Many requests for one thing: one request to the origin, and nobody in anybody's way.

use crate::support::{Gate, Larder, Origin, Received, Reply, Wire};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

/// As many as a storm has.
const CROWD: usize = 500;

/// So many clients at once, each on a connection of its own with fields of its own.
fn crowd(larder: &Larder, count: usize, field: impl Fn(usize) -> String) -> Crowd {
    let barrier = Arc::new(Barrier::new(count));
    let ask = |number| {
        let (mut client, barrier, value) = (larder.connect(), barrier.clone(), field(number));
        let run = move || {
            barrier.wait();
            client.ask("GET", "/", &[("X-V", &value)])
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap()
    };
    Crowd((0..count).map(ask).collect())
}

struct Crowd(Vec<JoinHandle<Received>>);

impl Crowd {
    fn answers(self) -> Vec<Received> {
        self.0.into_iter().map(|client| client.join().unwrap()).collect()
    }
}

/// A head with a length, and the first bytes of the body; the rest comes when the gate opens.
fn held(wire: &mut Wire<'_>, gate: &Gate, control: &str) {
    wire.send(format!("HTTP/1.1 200 OK\r\nCache-Control: {control}\r\nContent-Length: 11\r\n\r\n"));
    wire.send("first");
    wire.pass(gate);
    wire.send(" later");
}

#[test]
fn a_storm_is_one_request_and_all_read_along_while_the_origin_still_writes() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |_| {
        let gate = gate.clone();
        Reply::by(move |wire| held(wire, &gate, "max-age=60"))
    });
    let larder = Larder::before(&origin);
    let have_begun = Arc::new(Barrier::new(CROWD + 1));
    let ask = |_| {
        let (mut client, have_begun) = (larder.connect(), have_begun.clone());
        let run = move || {
            client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
            let head = client.read_head();
            let first = client.read_bytes(5);
            have_begun.wait();
            let rest = client.read_bytes(6);
            (head.cache().contains("collapsed"), [first, rest].concat())
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap()
    };
    let clients: Vec<_> = (0..CROWD).map(ask).collect();
    have_begun.wait();
    assert_eq!(origin.count(), 1);
    opens.open();
    let answers: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(answers.iter().all(|(_, body)| body == b"first later"));
    assert_eq!(answers.iter().filter(|(collapsed, _)| !collapsed).count(), 1);
    assert_eq!(origin.count(), 1);
    let collapsed = CROWD as u64 - 1;
    larder.wait_for_metric("larder_collapsed_total", &[], collapsed);
    larder.wait_for_metric("larder_requests_total", &["verdict=\"collapsed\""], collapsed);
    larder.settle();
    assert!(larder.get("/").is_hit());
}

#[test]
fn those_whom_vary_tells_apart_are_sent_on_in_groups() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |asked| {
        gate.pass();
        let value = asked.field("x-v").unwrap_or_default().to_owned();
        Reply::cached("max-age=60", value).with("Vary", "X-V")
    });
    let larder = Larder::before(&origin);
    let clients = crowd(&larder, 60, |number| format!("v{}", number % 3));
    origin.wait_for(1);
    opens.open();
    for (number, answer) in clients.answers().into_iter().enumerate() {
        assert_eq!(answer.text(), format!("v{}", number % 3));
    }
    assert_eq!(origin.count(), 3, "one request a variant");
}

#[test]
fn nobody_waits_in_line_for_what_is_known_not_to_be_shared() {
    const CLIENTS: usize = 50;
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.number > 0 {
            gate.pass();
        }
        Reply::cached("no-store", "mine")
    });
    let larder = Larder::before(&origin);
    larder.get("/");
    let clients = crowd(&larder, CLIENTS, |_| String::new());
    // All are at the origin at once, which has answered none of them.
    origin.wait_for(1 + CLIENTS);
    opens.open();
    for answer in clients.answers() {
        assert_eq!(answer.text(), "mine");
        assert!(answer.cache().starts_with("larder; fwd=uri-miss"), "{}", answer.cache());
    }
    // What is known is forgotten again, and shared again once it may be.
    larder.turn_clock(121);
    larder.get("/");
    assert_eq!(origin.count(), 2 + CLIENTS);
}

#[test]
fn those_who_waited_for_what_turns_out_private_are_sent_on_at_once() {
    const CLIENTS: usize = 20;
    let (first, others) = (Gate::shut(), Gate::shut());
    let (opens_first, opens_others) = (first.clone(), others.clone());
    let origin = Origin::answering(move |asked| {
        if asked.number == 0 {
            first.pass()
        } else {
            others.pass()
        }
        let value = asked.field("x-v").unwrap_or_default().to_owned();
        Reply::cached("private, max-age=60", value)
    });
    let larder = Larder::before(&origin);
    let clients = crowd(&larder, CLIENTS, |number| number.to_string());
    origin.wait_for(1);
    opens_first.open();
    origin.wait_for(CLIENTS);
    opens_others.open();
    for (number, answer) in clients.answers().into_iter().enumerate() {
        assert_eq!(answer.text(), number.to_string(), "each gets his own");
    }
    assert_eq!(origin.count(), CLIENTS);
}

#[test]
fn a_leader_that_fails_hands_over_and_only_he_gets_the_error() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.number == 0 {
            let gate = gate.clone();
            return Reply::by(move |wire| {
                wire.pass(&gate);
                wire.close();
            });
        }
        Reply::cached("max-age=60", "good")
    });
    let larder = Larder::before(&origin);
    let clients = crowd(&larder, 30, |_| String::new());
    origin.wait_for(1);
    opens.open();
    let answers = clients.answers();
    let failed: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].status, 502);
    assert!(failed[0].cache().ends_with("detail=origin-dropped"), "{}", failed[0].cache());
    assert_eq!(origin.count(), 2, "one of those who waited tried again");
}

#[test]
fn a_client_that_leaves_does_not_end_a_fill_that_others_read_or_that_is_nearly_there() {
    for others in [0, 3] {
        let gate = Gate::shut();
        let opens = gate.clone();
        let origin = Origin::answering(move |_| {
            let gate = gate.clone();
            Reply::by(move |wire| held(wire, &gate, "max-age=60"))
        });
        let larder = Larder::before(&origin);
        let mut leader = larder.connect();
        leader.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
        leader.read_head();
        let mut readers: Vec<_> = (0..others).map(|_| larder.connect()).collect();
        for reader in &mut readers {
            reader.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
            assert_eq!(reader.read_head().status, 200);
        }
        drop(leader);
        opens.open();
        for reader in &mut readers {
            assert_eq!(reader.read_bytes(11), b"first later");
        }
        larder.settle();
        assert!(larder.get("/").is_hit());
        assert_eq!(origin.count(), 1);
    }
}

#[test]
fn a_fill_that_nobody_reads_and_of_which_much_is_missing_is_ended() {
    let ended = Gate::shut();
    let opens = ended.clone();
    let origin = Origin::answering(move |_| {
        let ended = opens.clone();
        Reply::by(move |wire| {
            wire.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n");
            wire.send("Content-Length: 4000000\r\n\r\n");
            // Far less than what would be worth finishing.
            for _ in 0..5_000 {
                if !wire.send("x") {
                    return ended.open();
                }
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        })
    });
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
    assert_eq!(client.read_head().status, 200);
    drop(client);
    ended.pass();
    larder.settle();
    assert_eq!(larder.metrics().sum("larder_memory_entries", &[]), 0);
}

#[test]
fn whoever_comes_after_a_post_does_not_join_a_fill_from_before_it() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.number == 0 {
            gate.pass();
        }
        Reply::cached("max-age=60", if asked.number == 0 { "old" } else { "new" })
    });
    let larder = Larder::before(&origin);
    let early = crowd(&larder, 1, |_| String::new());
    origin.wait_for(1);
    larder.ask("POST", "/", &[]);
    let late = larder.fill("/");
    assert_eq!(late.text(), "new", "it got an answer while the older request was held");
    opens.open();
    assert_eq!(early.answers()[0].text(), "old");
    larder.settle();
    assert_eq!(larder.get("/").text(), "new", "what is older does not replace it");
}

#[test]
fn what_a_post_overtook_is_validated_before_it_is_used() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.number == 0 {
            gate.pass();
        }
        match asked.field("if-none-match") {
            Some(_) => Reply::status(304, "").with("ETag", "\"a\""),
            None => Reply::cached("max-age=60", "x").with("ETag", "\"a\""),
        }
    });
    let larder = Larder::before(&origin);
    let early = crowd(&larder, 1, |_| String::new());
    origin.wait_for(1);
    larder.ask("POST", "/", &[]);
    opens.open();
    early.answers();
    larder.settle();
    let next = larder.fill("/");
    assert!(!next.is_hit(), "{}", next.cache());
    assert_eq!(origin.count(), 3);
    assert!(larder.get("/").is_hit());
}

#[test]
fn a_slow_reader_holds_nobody_up() {
    let body: Vec<u8> = (0..6_000_000_u32).map(|at| (at % 251) as u8).collect();
    let sent = body.clone();
    let origin = Origin::answering(move |_| Reply::cached("max-age=60", &sent));
    let larder = Larder::before(&origin);
    let mut slow = larder.connect();
    slow.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
    let mut begun = slow.read_head();
    for _ in 0..3 {
        assert!(larder.fill("/").body == body);
    }
    slow.read_rest(&mut begun, "GET");
    assert!(begun.body == body && !begun.cut);
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_reader_that_falls_out_of_the_window_goes_on_by_its_own_means() {
    let body: Vec<u8> = (0..40_000_000_u32).map(|at| (at % 251) as u8).collect();
    let sent = body.clone();
    let joined = Gate::shut();
    let opens = joined.clone();
    let origin = Origin::answering(move |asked| {
        let from = asked.field("range").and_then(|range| range.strip_prefix("bytes="));
        let from: Option<usize> = from.and_then(|range| range.strip_suffix('-')?.parse().ok());
        if let Some(from) = from {
            let range = format!("bytes {from}-{}/{}", sent.len() - 1, sent.len());
            let reply = Reply::status(206, &sent[from..]).with("Content-Range", &range);
            return reply.with("ETag", "\"a\"");
        }
        let (joined, sent) = (joined.clone(), sent.clone());
        // Without a length, so that only its end shows that it is too long to store.
        Reply::by(move |wire| {
            wire.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: \"a\"\r\n");
            wire.send("Transfer-Encoding: chunked\r\n\r\n");
            wire.pass(&joined);
            for piece in sent.chunks(64 << 10) {
                wire.chunk(piece);
            }
            wire.end_chunks();
        })
    });
    let toml = "storage.disk.size = \"0B\"\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    let mut slow = larder.connect();
    slow.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
    let mut begun = slow.read_head();
    let mut quick = larder.connect();
    quick.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
    let mut whole = quick.read_head();
    opens.open();
    quick.read_rest(&mut whole, "GET");
    assert!(whole.body == body, "the slow one does not hold the quick one up");
    slow.read_rest(&mut begun, "GET");
    assert!(!begun.cut, "{} of {} bytes", begun.body.len(), body.len());
    assert!(begun.body == body);
    assert_eq!(origin.count(), 2);
    assert!(origin.last().field("if-range").is_some(), "the rest of the same thing");
    assert_eq!(larder.metrics().sum("larder_memory_entries", &[]), 0);
}

#[test]
fn a_body_known_to_be_too_long_to_store_is_passed_without_waiting() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |_| {
        let gate = gate.clone();
        Reply::by(move |wire| held(wire, &gate, "max-age=60"))
    });
    let toml = "[storage]\nmax_object = \"10B\"\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    let clients = crowd(&larder, 10, |_| String::new());
    origin.wait_for(10);
    opens.open();
    for answer in clients.answers() {
        assert_eq!(answer.text(), "first later");
        assert!(answer.cache().ends_with("detail=too-large"), "{}", answer.cache());
    }
}

#[test]
fn what_differs_from_client_to_client_never_joins() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |_| {
        gate.pass();
        Reply::cached("max-age=60", "x")
    });
    let larder = Larder::before(&origin);
    let first = crowd(&larder, 1, |_| String::new());
    origin.wait_for(1);
    let mut clients = Vec::new();
    for (name, value) in [("Authorization", "x"), ("Cache-Control", "no-cache")] {
        let mut client = larder.connect();
        client.send(format!("GET / HTTP/1.1\r\nHost: site.test\r\n{name}: {value}\r\n\r\n"));
        clients.push(client);
        // It is at the origin, while the first is held there.
        origin.wait_for(1 + clients.len());
    }
    opens.open();
    assert!(clients.iter_mut().all(|client| client.read().status == 200));
    first.answers();
}
