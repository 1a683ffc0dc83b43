//! Compressed forms: fetched once, made once, told apart, and never made of what must stay as it
//! is.

use crate::support::{Client, Gate, Http2, Larder, Origin, Received, Reply, until};
use std::io::Read;
use std::sync::{Arc, Barrier};

const ALL: [&str; 3] = ["zstd", "br", "gzip"];

/// A page of so many bytes, which a coding makes much smaller.
fn page(bytes: usize) -> String {
    let line = |n: usize| format!("<li class=\"item\">number {} of many</li>\n", n * 7919 % 1000);
    let mut page: String = (0..).map(line).take(bytes / 30 + 1).collect();
    page.truncate(bytes);
    page
}

/// An origin whose pages are text, uncompressed, with fields of their own.
fn origin_of(body: String, fields: &'static [(&str, &str)]) -> Origin {
    Origin::answering(move |_| {
        let reply = Reply::ok(&body).with("Content-Type", "text/html; charset=utf-8");
        fields.iter().fold(reply, |reply, (name, value)| reply.with(name, value))
    })
}

fn accepting(coding: &str) -> [(&'static str, &str); 1] {
    [("Accept-Encoding", coding)]
}

fn decoded(answer: &Received) -> String {
    if answer.field("content-encoding").is_none() {
        return answer.text();
    }
    let (coded, mut plain) = (&answer.body[..], String::new());
    let read = match answer.field("content-encoding") {
        Some("zstd") => zstd::stream::read::Decoder::new(coded)
            .and_then(|mut decoder| decoder.read_to_string(&mut plain)),
        Some("br") => brotli::Decompressor::new(coded, 4096).read_to_string(&mut plain),
        Some("gzip") => flate2::read::GzDecoder::new(coded).read_to_string(&mut plain),
        other => panic!("an unknown coding: {other:?}"),
    };
    read.expect("a whole body in the coding that it names");
    plain
}

fn compressed(larder: &Larder) -> u64 {
    larder.metrics().sum("larder_compressed_total", &[])
}

#[test]
fn one_fetch_gives_every_form_and_each_is_made_once() {
    let origin = origin_of(page(20_000), &[("Cache-Control", "max-age=60"), ("ETag", "\"x\"")]);
    let larder = Larder::before(&origin);
    let first = larder.fill_with("/", &accepting("gzip, deflate, br, zstd"));
    assert_eq!(first.field("content-encoding"), Some("zstd"), "the first is compressed already");
    assert!(first.cache().contains("fwd=uri-miss") && first.cache().contains("stored"));
    assert_eq!(decoded(&first), page(20_000));
    for coding in ALL {
        let made = larder.fill_with("/", &accepting(coding));
        let kept = larder.get_with("/", &accepting(coding));
        for answer in [&made, &kept] {
            assert!(answer.is_hit(), "{coding}: {}", answer.cache());
            assert_eq!(answer.field("content-encoding"), Some(coding));
            assert_eq!(answer.field("etag"), Some("W/\"x\""));
            assert_eq!(answer.all("vary"), ["Accept-Encoding"]);
            assert!(answer.field("age").is_some());
            assert_eq!(decoded(answer), page(20_000));
        }
        let length = kept.field("content-length").map(|length| length.parse().ok());
        assert_eq!(length, Some(Some(kept.body.len())), "what is kept tells its length");
        assert!(kept.body.len() < 5_000);
    }
    let plain = larder.get("/");
    assert_eq!((plain.field("content-encoding"), plain.field("etag")), (None, Some("\"x\"")));
    assert_eq!(plain.all("vary"), ["Accept-Encoding"]);
    assert_eq!(plain.text(), page(20_000));
    assert_eq!((origin.count(), compressed(&larder)), (1, 3));
}

#[test]
fn a_304_speaks_of_the_form_that_the_client_would_get() {
    let origin = origin_of(page(2_000), &[("Cache-Control", "max-age=60"), ("ETag", "\"x\"")]);
    let larder = Larder::before(&origin);
    larder.fill("/");
    for (accepted, condition, tag) in [
        ("br", "W/\"x\"", "W/\"x\""),
        ("br", "\"x\"", "W/\"x\""),
        ("identity", "W/\"x\"", "\"x\""),
        ("identity", "\"x\"", "\"x\""),
    ] {
        let fields = [("Accept-Encoding", accepted), ("If-None-Match", condition)];
        let answer = larder.get_with("/", &fields);
        assert_eq!((answer.status, answer.field("etag")), (304, Some(tag)), "{accepted}");
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
        assert_eq!(answer.field("content-encoding"), None);
    }
    assert_eq!(compressed(&larder), 0, "nobody needed a body");
}

#[test]
fn odd_validators_stay_as_they_are() {
    for tag in ["unquoted", "W/\"weak\""] {
        let origin = Origin::answering(move |_| {
            let reply = Reply::cached("max-age=60", page(2_000)).with("ETag", tag);
            reply.with("Content-Type", "text/css")
        });
        let larder = Larder::before(&origin);
        larder.fill("/");
        let answer = larder.get_with("/", &accepting("gzip"));
        assert_eq!(
            (answer.field("content-encoding"), answer.field("etag")),
            (Some("gzip"), Some(tag))
        );
    }
}

#[test]
fn a_crowd_that_waits_is_compressed_for_once() {
    const CROWD: usize = 60;
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |_| {
        gate.pass();
        Reply::cached("max-age=60", page(300_000)).with("Content-Type", "text/html")
    });
    let larder = Larder::before(&origin);
    let begin = Arc::new(Barrier::new(CROWD));
    let clients: Vec<_> = (0..CROWD)
        .map(|n| {
            let (mut client, begin) = (larder.connect(), begin.clone());
            std::thread::spawn(move || {
                begin.wait();
                client.ask("GET", "/", &accepting(["br", "gzip", "identity"][n % 3]))
            })
        })
        .collect();
    origin.wait_for(1);
    until("all wait", || {
        (larder.metrics().sum("larder_connections", &[]) >= CROWD as u64).then_some(())
    });
    opens.open();
    for (n, client) in clients.into_iter().enumerate() {
        let answer = client.join().expect("answered");
        let coding = [Some("br"), Some("gzip"), None][n % 3];
        assert_eq!(answer.field("content-encoding"), coding);
        assert_eq!(decoded(&answer), page(300_000));
    }
    assert_eq!((origin.count(), compressed(&larder)), (1, 2));
}

#[test]
fn a_page_that_comes_slowly_is_seen_as_it_comes() {
    for coding in ALL {
        let gate = Gate::shut();
        let opens = gate.clone();
        let origin = Origin::answering(move |_| {
            let gate = gate.clone();
            Reply::by(move |wire| {
                wire.send(
                    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Type: text/html\r\n\
                     Transfer-Encoding: chunked\r\n\r\n",
                );
                wire.chunk("<p>the head of the page</p>");
                wire.pass(&gate);
                wire.chunk("<p>and its rest</p>");
                wire.end_chunks();
            })
        });
        let larder = Larder::before(&origin);
        let mut client = larder.connect();
        client.send(format!(
            "GET / HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: {coding}\r\n\r\n"
        ));
        let head = client.read_head();
        assert_eq!(head.field("content-encoding"), Some(coding));
        let seen = client.read_bytes(30);
        assert!(!seen.is_empty(), "the first bytes come before the origin goes on");
        opens.open();
        larder.settle();
        let again = larder.get_with("/", &accepting(coding));
        assert_eq!(decoded(&again), "<p>the head of the page</p><p>and its rest</p>");
    }
}

#[test]
fn ranges_are_cut_from_the_identity() {
    let date = "Mon, 01 Jan 2024 00:00:00 GMT";
    let fields = &[
        ("Cache-Control", "max-age=60"),
        ("ETag", "\"x\""),
        ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ];
    let origin = origin_of(page(20_000), fields);
    let larder = Larder::before(&origin);
    larder.fill_with("/", &accepting("br"));
    let asks = |condition: Option<&str>, accepted: &str| {
        let mut fields = vec![("Accept-Encoding", accepted), ("Range", "bytes=10-19")];
        fields.extend(condition.map(|condition| ("If-Range", condition)));
        larder.fill_with("/", &fields)
    };
    for condition in [None, Some("\"x\"")] {
        let part = asks(condition, "br");
        assert_eq!((part.status, part.field("content-encoding")), (206, None));
        assert_eq!(part.text(), page(20_000)[10..20]);
        assert_eq!(part.field("etag"), Some("\"x\""));
    }
    for condition in ["W/\"x\"", date] {
        let whole = asks(Some(condition), "br");
        assert_eq!((whole.status, whole.field("content-encoding")), (200, Some("br")));
        assert_eq!(decoded(&whole), page(20_000), "a part of a form is none of another");
    }
    assert_eq!(asks(Some(date), "identity").status, 206);
}

#[test]
fn what_must_stay_as_it_is_does() {
    let text = ("Content-Type", "text/plain");
    let fresh = ("Cache-Control", "max-age=60");
    for (what, fields, bytes) in [
        ("events", vec![("Content-Type", "text/event-stream"), fresh], 2000),
        ("no-transform", vec![text, ("Cache-Control", "max-age=60, no-transform")], 2000),
        ("coded already", vec![text, fresh, ("Content-Encoding", "gzip")], 2000),
        ("short", vec![text, fresh], 999),
        ("a picture", vec![("Content-Type", "image/jpeg"), fresh], 2000),
        ("nobody says what", vec![fresh], 2000),
        ("for one visitor", vec![text, ("Cache-Control", "private")], 2000),
    ] {
        let fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let origin = Origin::answering(move |_| {
            let reply = Reply::ok(page(bytes));
            fields.iter().fold(reply, |reply, (name, value)| reply.with(name, value))
        });
        let larder = Larder::before(&origin);
        for _ in 0..2 {
            let answer = larder.fill_with("/", &accepting("zstd, br, gzip"));
            assert_eq!(answer.text(), page(bytes), "{what}");
            assert_eq!(answer.field("vary"), None, "{what}");
        }
        assert_eq!(compressed(&larder), 0, "{what}");
    }
}

#[test]
fn who_wants_nothing_transformed_gets_the_identity() {
    let origin = origin_of(page(2_000), &[("Cache-Control", "max-age=60")]);
    let larder = Larder::before(&origin);
    for _ in 0..2 {
        let fields = [("Accept-Encoding", "br"), ("Cache-Control", "no-transform")];
        let answer = larder.fill_with("/", &fields);
        assert_eq!((answer.text(), answer.field("content-encoding")), (page(2_000), None));
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
    }
    assert_eq!(origin.count(), 1);
}

#[test]
fn an_identity_answers_whatever_is_accepted_though_the_origin_varies() {
    let fields = &[("Cache-Control", "max-age=60"), ("Vary", "Accept-Encoding, X-A")];
    let origin = origin_of(page(2_000), fields);
    let larder = Larder::before(&origin);
    larder.fill("/");
    for coding in ALL {
        let answer = larder.fill_with("/", &accepting(coding));
        assert!(answer.is_hit());
        assert_eq!(answer.all("vary"), ["Accept-Encoding, X-A"]);
    }
    assert_eq!(
        larder.get_with("/", &[("X-A", "1")]).field("age"),
        None,
        "other fields still count"
    );
    assert_eq!(origin.count(), 2);
}

#[test]
fn what_the_origin_compresses_itself_is_kept_as_it_says() {
    let origin = Origin::answering(|asked| {
        let reply = Reply::cached("max-age=60", page(2_000)).with("Vary", "Accept-Encoding");
        let reply = reply.with("Content-Type", "text/html");
        match asked.field("accept-encoding") {
            Some(_) => reply.with("Content-Encoding", "gzip"),
            None => reply,
        }
    });
    let larder = Larder::before(&origin);
    let coded = larder.fill_with("/", &accepting("gzip"));
    assert_eq!((coded.field("content-encoding"), coded.text()), (Some("gzip"), page(2_000)));
    assert!(larder.get_with("/", &accepting("gzip")).is_hit());
    assert_eq!(larder.fill("/").field("content-encoding"), None);
    assert_eq!(origin.count(), 2, "nothing is unpacked here");
    let br = larder.fill_with("/", &accepting("br"));
    assert!(br.is_hit(), "the identity gives every other form");
    assert_eq!(decoded(&br), page(2_000));
}

#[test]
fn forms_stay_when_the_origin_says_that_nothing_changed() {
    let origin = Origin::answering(|asked| {
        let reply = match asked.field("if-none-match") {
            Some("\"x\"") => Reply::status(304, ""),
            Some(other) => panic!("the origin knows nothing of {other}"),
            None => Reply::ok(page(20_000)).with("Content-Type", "text/html"),
        };
        reply.with("Cache-Control", "max-age=60").with("ETag", "\"x\"")
    });
    let larder = Larder::before(&origin);
    larder.fill_with("/", &accepting("br"));
    for _ in 0..3 {
        larder.turn_clock(61);
        let answer = larder.fill_with("/", &accepting("br"));
        assert!(answer.cache().contains("fwd=stale"), "{}", answer.cache());
        assert_eq!(
            (answer.field("content-encoding"), answer.field("etag")),
            (Some("br"), Some("W/\"x\""))
        );
        assert_eq!(answer.field("content-length"), Some(&*answer.body.len().to_string()));
        assert_eq!(decoded(&answer), page(20_000));
    }
    assert_eq!(compressed(&larder), 1);
}

#[test]
fn a_form_goes_when_its_page_changes() {
    let origin = Origin::answering(|asked| {
        let body = format!("{}{}", asked.number, page(2_000));
        Reply::cached("max-age=60", body).with("Content-Type", "text/html")
    });
    let larder = Larder::before(&origin);
    for number in 0..3 {
        let first = larder.fill_with("/", &accepting("br"));
        let kept = larder.get_with("/", &accepting("br"));
        for answer in [first, kept] {
            assert!(decoded(&answer).starts_with(&number.to_string()));
        }
        larder.turn_clock(61);
    }
}

#[test]
fn a_head_is_that_of_the_form() {
    let origin = origin_of(page(20_000), &[("Cache-Control", "max-age=60"), ("ETag", "\"x\"")]);
    let larder = Larder::before(&origin);
    for _ in 0..2 {
        let head = larder.ask("HEAD", "/", &accepting("br"));
        larder.settle();
        assert_eq!(
            (head.field("content-encoding"), head.field("etag")),
            (Some("br"), Some("W/\"x\""))
        );
    }
    let whole = larder.get_with("/", &accepting("br"));
    let head = larder.ask("HEAD", "/", &accepting("br"));
    assert_eq!(head.field("content-length"), whole.field("content-length"));
    assert_eq!(origin.count(), 1);
}

#[test]
fn what_is_not_stored_is_compressed_only_where_a_rule_says_so() {
    let origin = Origin::answering(|asked| match asked.field("if-none-match") {
        Some(_) => Reply::status(304, "").with("ETag", "\"x\""),
        None => {
            let reply = Reply::cached("no-store", page(20_000)).with("ETag", "\"x\"");
            reply.with("Content-Type", "application/json")
        }
    });
    let plain = Larder::before(&origin);
    assert_eq!(plain.get_with("/", &accepting("br")).text(), page(20_000));
    for rule in ["compress = \"always\"", "compress = \"always\"\ncache = \"off\""] {
        let larder = Larder::with_rule(rule, &origin);
        for coding in ALL {
            for _ in 0..2 {
                let answer = larder.fill_with("/", &accepting(coding));
                assert_eq!(answer.field("content-encoding"), Some(coding), "{rule}");
                assert_eq!(answer.field("etag"), Some("W/\"x\""));
                assert_eq!(answer.all("vary"), ["Accept-Encoding"]);
                assert_eq!(decoded(&answer), page(20_000));
            }
        }
        let head = larder.ask("HEAD", "/", &accepting("br"));
        assert_eq!(
            (head.field("content-encoding"), head.field("content-length")),
            (Some("br"), None)
        );
        let plain = larder.get("/");
        assert_eq!((plain.text(), plain.all("vary")), (page(20_000), vec!["Accept-Encoding"]));
        let fields = [("Accept-Encoding", "br"), ("If-None-Match", "W/\"x\"")];
        assert_eq!(larder.get_with("/", &fields).status, 304);
        larder.wait_for_metric("larder_compressing", &[], 0);
    }
}

#[test]
fn a_rule_switches_it_off() {
    let fields = &[("Cache-Control", "max-age=60"), ("Vary", "Accept-Encoding")];
    let origin = origin_of(page(2_000), fields);
    let larder = Larder::with_rule("compress = \"off\"", &origin);
    for coding in ["br", "gzip"] {
        let answer = larder.fill_with("/", &accepting(coding));
        assert_eq!((answer.text(), answer.field("content-encoding")), (page(2_000), None));
    }
    assert_eq!(origin.count(), 2, "then the origin's Vary holds to the letter");
}

#[test]
fn where_there_is_no_room_to_compress_all_get_the_identity() {
    let origin = origin_of(page(20_000), &[("Cache-Control", "max-age=60"), ("ETag", "\"x\"")]);
    let toml = "[storage]\nmax_compressions = 0\n[[site]]\norigin = \"{origin}\"\n";
    let larder = Larder::configured(toml, &origin);
    for _ in 0..2 {
        let answer = larder.fill_with("/", &accepting("br"));
        assert_eq!((answer.text(), answer.field("etag")), (page(20_000), Some("\"x\"")));
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
    }
    assert_eq!(larder.metrics().sum("larder_uncompressed_total", &[]), 2);
}

#[test]
fn a_coding_that_saves_nothing_is_not_kept() {
    // What a cipher gives out is as long in any coding.
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..3000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    let body = noise.clone();
    let origin = Origin::answering(move |_| {
        Reply::cached("max-age=60", &noise).with("Content-Type", "text/plain")
    });
    let larder = Larder::before(&origin);
    larder.fill_with("/", &accepting("gzip"));
    for _ in 0..2 {
        let answer = larder.fill_with("/", &accepting("gzip"));
        assert_eq!(answer.field("content-encoding"), None);
        assert!(answer.body == body);
    }
    assert_eq!(compressed(&larder), 1);
}

#[test]
fn a_body_that_breaks_off_is_cut_in_every_form() {
    let origin = Origin::answering(|_| {
        Reply::by(|wire| {
            wire.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Type: text/html\r\n\
                 Content-Length: 9000\r\n\r\n",
            );
            wire.send(page(5_000));
            wire.close();
        })
    });
    let larder = Larder::before(&origin);
    for coding in ALL {
        let answer = larder.fill_with("/", &accepting(coding));
        assert!(answer.cut, "{coding}");
    }
    larder.wait_for_metric("larder_compressing", &[], 0);
    assert_eq!(larder.metrics().sum("larder_memory_entries", &[]), 0);
}

#[test]
fn a_client_that_leaves_takes_nothing_with_it() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |_| {
        let gate = gate.clone();
        Reply::by(move |wire| {
            wire.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Type: text/html\r\n\
                 Content-Length: 10000\r\n\r\n",
            );
            wire.send(&page(10_000)[..5_000]);
            wire.pass(&gate);
            wire.send(&page(10_000)[5_000..]);
        })
    });
    let larder = Larder::before(&origin);
    let mut client: Client = larder.connect();
    client.send("GET / HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: br\r\n\r\n");
    client.read_head();
    drop(client);
    opens.open();
    larder.settle();
    let answer = larder.fill_with("/", &accepting("br"));
    assert!(answer.is_hit(), "little was missing: {}", answer.cache());
    assert_eq!(decoded(&answer), page(10_000));
    assert_eq!(origin.count(), 1);
}

#[test]
fn what_turns_out_too_long_to_keep_comes_whole_all_the_same() {
    let origin = Origin::answering(|_| {
        let reply = Reply::cached("max-age=60", page(400_000)).chunked();
        reply.with("Content-Type", "text/html")
    });
    let toml = "[storage]\nmax_object = \"100KiB\"\n[[site]]\norigin = \"{origin}\"\n";
    let larder = Larder::configured(toml, &origin);
    for coding in ALL {
        let answer = larder.fill_with("/", &accepting(coding));
        assert!(!answer.cut);
        assert_eq!(decoded(&answer), page(400_000));
    }
    larder.wait_for_metric("larder_compressing", &[], 0);
}

#[test]
fn over_http2_too() {
    let origin = origin_of(page(20_000), &[("Cache-Control", "max-age=60"), ("ETag", "\"x\"")]);
    let larder = Larder::before(&origin);
    let mut client = Http2::plain(larder.address);
    for coding in ALL {
        for _ in 0..2 {
            let answer = client.ask("GET", "/", &accepting(coding));
            larder.settle();
            assert_eq!(answer.field("content-encoding"), Some(coding));
            assert_eq!(decoded(&answer), page(20_000));
        }
    }
    assert_eq!((origin.count(), compressed(&larder)), (1, 3));
}

#[test]
fn an_old_client_gets_a_form_too() {
    let origin = origin_of(page(20_000), &[("Cache-Control", "max-age=60")]);
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.send("GET / HTTP/1.0\r\nHost: site.test\r\nAccept-Encoding: gzip\r\n\r\n");
    let answer = client.read();
    assert_eq!(answer.field("transfer-encoding"), None);
    assert_eq!(decoded(&answer), page(20_000));
}

/// A slow reader of a form that could not be kept was cut off.
#[test]
fn a_slow_reader_of_a_form_is_never_cut_off() {
    let origin = Origin::answering(|_| {
        Reply::cached("max-age=600", page(3_000_000)).with("Content-Type", "text/html").chunked()
    });
    // Too little room to keep the form while it is made.
    let toml = "storage.in_flight_bytes = \"1MiB\"\nstorage.disk.size = \"0B\"\n\
                [[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    let ask = || {
        let mut client = larder.connect();
        client.send("GET / HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: gzip\r\n\r\n");
        client
    };
    let mut slow = ask();
    let mut head = slow.read_head();
    let quick = ask().read();
    slow.read_rest(&mut head, "GET");
    for answer in [&head, &quick] {
        assert!(!answer.cut);
        assert_eq!(decoded(answer).len(), 3_000_000);
    }
}

/// A 304 that came while a form was made, or overlapped another, lost the form.
#[test]
fn forms_are_made_once_though_the_page_is_validated_all_the_time() {
    let origin = Origin::answering(|asked| {
        let reply = match asked.field("if-none-match") {
            Some(_) => Reply::status(304, ""),
            None => Reply::ok(page(600_000)).with("Content-Type", "text/html"),
        };
        reply.with("Cache-Control", "no-cache").with("ETag", "\"x\"")
    });
    let larder = Larder::before(&origin);
    larder.fill("/");
    let clients: Vec<_> = (0..6)
        .map(|_| {
            let mut client = larder.connect();
            std::thread::spawn(move || {
                for _ in 0..20 {
                    let answer = client.ask("GET", "/", &accepting("br"));
                    assert_eq!(decoded(&answer).len(), 600_000);
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().expect("answered"));
    larder.settle();
    assert!(compressed(&larder) <= 3, "{} times", compressed(&larder));
}

/// The rest of a compressed answer was glued from the uncompressed one.
#[test]
fn a_part_that_may_be_of_a_form_is_not_asked_of_the_origin_either() {
    const DATE: &str = "Mon, 01 Jan 2024 00:00:00 GMT";
    let origin = Origin::answering(|asked| {
        let whole = page(20_000);
        let reply = match asked.field("range") {
            Some(_) => Reply::status(206, &whole[10_000..])
                .with("Content-Range", "bytes 10000-19999/20000"),
            None => Reply::ok(&whole),
        };
        let reply = reply.with("Content-Type", "text/html").with("Last-Modified", DATE);
        reply.with("Cache-Control", "no-store")
    });
    for rule in ["compress = \"always\"", "compress = \"always\"\ncache = \"off\""] {
        let larder = Larder::with_rule(rule, &origin);
        let fields = [("Accept-Encoding", "gzip"), ("Range", "bytes=10000-"), ("If-Range", DATE)];
        let answer = larder.get_with("/", &fields);
        assert_eq!((answer.status, decoded(&answer)), (200, page(20_000)), "{rule}");
        let part = larder.get_with("/", &fields[1..]);
        assert_eq!((part.status, part.field("vary")), (206, Some("Accept-Encoding")));
    }
}

#[test]
fn a_reload_switches_it_off_for_what_is_stored_too() {
    let origin = origin_of(page(2_000), &[("Cache-Control", "max-age=60")]);
    let larder = Larder::configured("[[site]]\norigin = \"{origin}\"", &origin);
    larder.fill_with("/", &accepting("gzip"));
    let off = format!(
        "[[site]]\norigin = \"http://{}\"\n[[site.rule]]\ncompress = \"off\"\n",
        origin.address()
    );
    larder.reload(&off);
    larder.wait_for_error_line("read again and is in effect");
    for coding in ["gzip", "br"] {
        let answer = larder.get_with("/", &accepting(coding));
        assert_eq!((answer.is_hit(), answer.field("content-encoding")), (true, None));
    }
}

#[test]
fn a_304_that_passes_speaks_of_the_form_too() {
    let origin = Origin::answering(|asked| match asked.field("if-none-match") {
        Some(_) => Reply::status(304, "").with("ETag", "\"x\""),
        None => Reply::cached("no-store", page(2_000)).with("ETag", "\"x\""),
    });
    let larder = Larder::with_rule("compress = \"always\"\ncache = \"off\"", &origin);
    let fields = [("Accept-Encoding", "br"), ("If-None-Match", "W/\"x\"")];
    let answer = larder.get_with("/", &fields);
    assert_eq!((answer.status, answer.field("etag")), (304, Some("W/\"x\"")));
    assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
}

/// The encoder kept the origin at work for clients that had left.
#[test]
fn nobody_codes_for_clients_that_left() {
    let origin = Origin::answering(|_| {
        Reply::by(|wire| {
            wire.send(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Type: text/html\r\n\
                 Transfer-Encoding: chunked\r\n\r\n",
            );
            wire.chunk(page(3_000));
            wire.wait_for_close();
        })
    });
    let larder = Larder::before(&origin);
    let mut client = larder.connect();
    client.send("GET / HTTP/1.1\r\nHost: site.test\r\nAccept-Encoding: gzip\r\n\r\n");
    client.read_head();
    drop(client);
    larder.wait_for_metric("larder_compressing", &[], 0);
    larder.wait_for_metric("larder_fills", &[], 0);
}
