//! One test a bug, named by what it was.

use crate::support::pictures::png;
use crate::support::{Gate, Larder, Origin, Reply, until};

/// A response with a length and chunks let whatever the origin put behind the length pass for the
/// next answer on the client's connection.
#[test]
fn a_response_framed_twice_split_into_two() {
    let origin = Origin::answering(|_| {
        Reply::raw(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\
             Cache-Control: max-age=60\r\n\r\n20\r\nHELLOHTTP/1.1 200 OK\r\nX: 1\r\n\r\n\r\n0\r\n\r\n",
        )
    });
    let larder = Larder::before(&origin);
    for method in ["GET", "POST"] {
        let answer = larder.ask(method, "/", &[]);
        assert_eq!(answer.status, 502, "{method}");
        assert!(answer.cache().contains("origin-malformed"), "{}", answer.cache());
    }
}

/// A follower got the interim responses of the leader, which may be as private as its answer.
#[test]
fn early_hints_of_one_visitor_went_to_others() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |asked| {
        let (gate, is_alice) = (gate.clone(), asked.field("cookie").is_some());
        Reply::by(move |wire| {
            if is_alice {
                wire.send("HTTP/1.1 103 Early Hints\r\nSet-Cookie: sid=alice\r\n\r\n");
            }
            wire.pass(&gate);
            wire.send("HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Length: 2\r\n\r\nok");
        })
    });
    let larder = Larder::before(&origin);
    let mut alice = larder.connect();
    alice.send("GET / HTTP/1.1\r\nHost: site.test\r\nCookie: sid=alice\r\n\r\n");
    assert_eq!(alice.read_interim(), 103);
    let mut stranger = larder.connect();
    stranger.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
    opens.open();
    let answer = stranger.read();
    assert_eq!((answer.status, answer.field("set-cookie")), (200, None));
}

/// A stranger's `X-Forwarded-Scheme` reached the origin, whose redirect was then stored for all.
#[test]
fn unkeyed_forwarded_fields_of_strangers_poisoned_the_cache() {
    let origin = Origin::answering(|asked| match asked.field("x-forwarded-scheme") {
        Some(_) => Reply::status(301, "").with("Cache-Control", "max-age=60"),
        None => Reply::cached("max-age=60", "page"),
    });
    let larder = Larder::before(&origin);
    larder.get_with("/", &[("X-Forwarded-Scheme", "http")]);
    assert_eq!(larder.get("/").status, 200);
}

/// With Next's preset an empty `RSC` took `_rsc` out of the key, which then was that of who says
/// neither: what an origin made of a stranger's query was stored for all.
#[test]
fn an_empty_field_took_a_parameter_out_of_the_key_of_the_page() {
    let origin = Origin::answering(|asked| Reply::cached("s-maxage=60", asked.target.clone()));
    let larder =
        Larder::configured("[[site]]\norigin = \"{origin}\"\npreset = \"nextjs\"", &origin);
    for odd in ["", "0", "1, 1"] {
        larder.get_with("/data?_rsc=evil", &[("RSC", odd)]);
        assert_eq!(larder.get("/data").text(), "/data", "{odd:?}");
    }
}

/// Behind a proxy that ends TLS, the redirect from http to https was stored and served to https.
#[test]
fn a_trusted_scheme_was_sent_and_not_keyed() {
    let origin = Origin::answering(|asked| match asked.field("x-forwarded-proto") {
        Some("https") => Reply::cached("max-age=60", "page"),
        _ => Reply::status(301, "").with("Cache-Control", "max-age=60"),
    });
    let toml = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    assert_eq!(larder.get_with("/", &[("X-Forwarded-Proto", "http")]).status, 301);
    assert_eq!(larder.get_with("/", &[("X-Forwarded-Proto", "https")]).status, 200);
}

/// Empty lines behind a request looked like a further head, so the answer was held back.
#[test]
fn empty_lines_after_a_request_held_its_answer_back() {
    let origin = Origin::answering(|_| Reply::cached("max-age=60", "page"));
    let larder = Larder::before(&origin);
    larder.fill("/");
    let mut client = larder.connect();
    client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n\r\n\r\n");
    assert!(client.read().is_hit());
}

/// The time to send a head was counted from the end of the request before.
#[test]
fn idle_time_counted_against_the_next_head() {
    let origin = Origin::answering(|_| Reply::cached("max-age=60", "page"));
    let toml = "[server]\nlimits.header_timeout = \"300ms\"\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    let mut client = larder.connect();
    assert_eq!(client.get("/").status, 200);
    // The real clock: nothing else can make a connection idle.
    std::thread::sleep(std::time::Duration::from_millis(400));
    client.send("GET / HTTP/1.1\r\nHost: ");
    client.send("site.test\r\n\r\n");
    assert_eq!(client.read().status, 200);
}

/// A POST without a body that met a connection just closed was sent again.
#[test]
fn a_post_without_a_body_was_sent_twice() {
    let origin = Origin::answering(|asked| match asked.method.as_str() {
        "POST" => Reply::by(|wire| wire.close()),
        _ => Reply::ok("page"),
    });
    let larder = Larder::before(&origin);
    larder.get("/");
    assert_eq!(larder.ask("POST", "/", &[("Content-Length", "0")]).status, 502);
    let posts = origin.asked().iter().filter(|asked| asked.method == "POST").count();
    assert_eq!(posts, 1);
}

/// The head of a response that passes by waited for the first byte of its body.
#[test]
fn the_head_of_an_event_stream_waited_for_its_first_event() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |_| {
        let gate = gate.clone();
        Reply::by(move |wire| {
            wire.send(
                "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            wire.pass(&gate);
            wire.chunk("event");
            wire.end_chunks();
        })
    });
    let toml = "[[site]]\norigin = \"{origin}\"\n[[site.rule]]\nmatch = { path = \"/*\" }\ncache = \"off\"";
    let larder = Larder::configured(toml, &origin);
    let mut client = larder.connect();
    client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
    let mut answer = client.read_head();
    opens.open();
    client.read_rest(&mut answer, "GET");
    assert_eq!(answer.text(), "event");
}

/// After one 503 every request for the page went to the origin by itself.
#[test]
fn one_failure_ended_collapsing_for_minutes() {
    let gate = Gate::shut();
    let opens = gate.clone();
    let origin = Origin::answering(move |asked| match asked.target.as_str() {
        "/fails" if asked.field("x-first").is_some() => Reply::status(503, "busy"),
        _ => {
            let gate = gate.clone();
            Reply::by(move |wire| {
                wire.pass(&gate);
                wire.send(
                    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok",
                );
            })
        }
    });
    let larder = Larder::before(&origin);
    assert_eq!(larder.get_with("/fails", &[("X-First", "1")]).status, 503);
    let mut clients: Vec<_> = (0..5).map(|_| larder.connect()).collect();
    for client in &mut clients {
        client.send("GET /fails HTTP/1.1\r\nHost: site.test\r\n\r\n");
    }
    origin.wait_for(2);
    opens.open();
    for client in &mut clients {
        assert_eq!(client.read().status, 200);
    }
    assert_eq!(origin.count(), 2, "one request failed, one answered all");
}

/// What a rule chosen by a header shows was stored for those whom another rule is for.
#[test]
fn the_fields_of_one_rule_stuck_to_the_answers_of_another() {
    let origin = Origin::answering(|_| Reply::cached("max-age=60", "page"));
    let toml = "[[site]]\norigin = \"{origin}\"\n[[site.rule]]\n\
                match = { header = { X-Beta = true } }\nheaders.set = { X-Rule = \"beta\" }";
    let larder = Larder::configured(toml, &origin);
    let beta = larder.get_with("/", &[("X-Beta", "1")]);
    assert_eq!(beta.field("x-rule"), Some("beta"));
    let other = larder.get("/");
    assert_eq!((other.is_hit(), other.field("x-rule")), (false, None));
}

/// `browser_ttl` made private answers storable for shared caches in front.
#[test]
fn a_browser_ttl_overwrote_private() {
    let origin = Origin::answering(|_| Reply::cached("private", "me"));
    let larder = Larder::with_rule("browser_ttl = \"5m\"", &origin);
    assert_eq!(larder.get("/").field("cache-control"), Some("private"));
}

/// A HEAD about something without validators brought back what an unsafe request had made invalid.
#[test]
fn a_head_revived_what_a_put_had_changed() {
    let origin = Origin::answering(|asked| match asked.method.as_str() {
        "PUT" => Reply::ok(""),
        _ => Reply::cached("max-age=600", format!("{:03}", asked.number)),
    });
    let larder = Larder::before(&origin);
    assert_eq!(larder.fill("/stock").text(), "000");
    assert_eq!(larder.ask("PUT", "/stock", &[]).status, 200);
    let head = larder.ask("HEAD", "/stock", &[("Cache-Control", "no-cache")]);
    assert_eq!(head.status, 200);
    larder.settle();
    assert_ne!(larder.get("/stock").text(), "000");
}

/// White space and empty members of a nominated field were taken for nothing, though the origin
/// was sent them and answered them.
#[test]
fn what_a_stranger_wrote_oddly_was_served_to_others() {
    let origin = Origin::answering(|asked| {
        let theme = asked.field("x-theme").unwrap_or("none").to_owned();
        Reply::cached("max-age=600", theme).with("Vary", "X-Theme")
    });
    let larder = Larder::before(&origin);
    for odd in [",dark", "dark,", "dark ,", "dark,,"] {
        assert_eq!(larder.fill_with("/", &[("X-Theme", odd)]).text(), odd);
        assert_eq!(larder.get_with("/", &[("X-Theme", "dark")]).text(), "dark", "{odd}");
    }
}

/// Those who waited for a response that an unsafe request overtook all asked the origin by
/// themselves.
#[test]
fn an_unsafe_request_set_a_crowd_loose_on_the_origin() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.method == "GET" && asked.number == 0 {
            held.pass();
        }
        Reply::cached("max-age=600", asked.number.to_string())
    });
    let larder = Larder::before(&origin);
    let mut clients: Vec<_> = (0..50).map(|_| larder.connect()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
    }
    origin.wait_for(1);
    larder.wait_for_metric("larder_connections", &[], 50);
    assert_eq!(larder.ask("POST", "/", &[("Content-Length", "0")]).status, 200);
    gate.open();
    let answers: Vec<_> = clients.iter_mut().map(|client| client.read()).collect();
    let late = answers.iter().filter(|answer| answer.cache().contains("known-uncacheable"));
    assert_eq!(late.count(), 0);
    // The overtaken one, the unsafe one, and one for all the others; a second where a reader of
    // the first was late to join.
    assert!(origin.count() <= 4, "{}", origin.count());
}

/// What a request had changed stayed in the cache when its client did not wait for the answer.
#[test]
fn a_change_whose_client_left_was_never_seen() {
    let gate = Gate::shut();
    let held = gate.clone();
    let origin = Origin::answering(move |asked| {
        if asked.method == "PUT" {
            held.pass();
        }
        Reply::cached("max-age=600", asked.number.to_string())
    });
    let larder = Larder::before(&origin);
    assert_eq!(larder.fill("/").text(), "0");
    let mut client = larder.connect();
    client.send("PUT / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 4\r\n\r\ntext");
    origin.wait_for(2);
    drop(client);
    larder.wait_for_metric("larder_connections", &[], 0);
    gate.open();
    until("the change is seen", || (larder.get("/").text() != "0").then_some(()));
}

/// A POST under one rule did not make invalid what a GET under another had stored.
#[test]
fn a_rule_for_reads_kept_what_a_write_had_changed() {
    let origin = Origin::answering(|asked| Reply::cached("max-age=600", asked.number.to_string()));
    let rule = "match = { path = \"/*\", method = [\"GET\", \"HEAD\"] }\n\
                key.query.drop = [\"utm_*\"]";
    let larder = Larder::with_rule(rule, &origin);
    assert_eq!(larder.fill("/p?utm_x=1").text(), "0");
    assert!(larder.get("/p?utm_x=1").is_hit());
    assert_eq!(larder.ask("POST", "/p?utm_x=1", &[("Content-Length", "0")]).status, 200);
    assert_ne!(larder.get("/p?utm_x=1").text(), "0");
}

/// What had begun to answer, or had answered with a hint, was asked again, and again.
#[test]
fn a_response_that_had_begun_was_asked_for_again() {
    for begins in ["HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 200 O"] {
        let origin = Origin::answering(move |asked| match asked.target.as_str() {
            "/cut" => Reply::raw(begins),
            _ => Reply::ok("fine"),
        });
        let larder = Larder::before(&origin);
        let mut client = larder.connect();
        assert_eq!(client.ask("OPTIONS", "/", &[]).status, 200);
        for method in ["DELETE", "OPTIONS"] {
            let before = origin.count();
            assert_eq!(client.ask(method, "/cut", &[]).status, 502);
            assert_eq!(origin.count() - before, 1, "{method} {begins:?}");
        }
    }
}

#[test]
fn a_quotation_mark_in_a_tag_hid_those_behind_it_from_purges() {
    let origin = Origin::answering(|_| {
        Reply::cached("max-age=600", "page").with("Cache-Tag", "5\" screen, news")
    });
    let larder = Larder::before(&origin);
    for tag in ["news", "5\" screen"] {
        larder.fill("/p");
        let body = serde_json::json!({ "tags": [tag] }).to_string();
        assert_eq!(larder.admin_post("/v1/purge", &body).status, 200);
        assert!(!larder.get("/p").is_hit(), "{tag}");
    }
}

/// A rule for all paths gave pictures a lifetime beside that of their source, and kept the first of them
/// for so long in the place of the AVIF that was to come.
#[test]
fn a_rule_for_all_paths_prolonged_pictures() {
    let origin = Origin::answering(|_| Reply::ok(png(100, 80, 1)));
    let toml = "[[site]]\norigin = \"{origin}\"\n[site.images]\n\
                [[site.rule]]\nmatch = { path = \"/_larder/image/w=32*\" }\nbrowser_ttl = \"5s\"\n\
                [[site.rule]]\nmatch = { path = \"/*\" }\nttl = \"100s\"\n";
    let larder = Larder::configured(toml, &origin);
    larder.fill("/a.png");
    larder.turn_clock(60);
    let target = "/_larder/image/w=64/a.png";
    assert_eq!(larder.fill(target).field("age"), Some("60"));
    let accept = [("Accept", "image/avif,image/webp")];
    until("the better picture", || {
        let answer = larder.get_with(target, &accept);
        (answer.field("content-type") == Some("image/avif")).then_some(())
    });
    larder.turn_clock(39);
    assert!(larder.get(target).is_hit());
    larder.turn_clock(2);
    assert!(!larder.get(target).is_hit());
    // What is said of pictures themselves counts.
    let control = larder.get("/_larder/image/w=32/a.png").field("cache-control").map(str::to_owned);
    assert_eq!(control.as_deref(), Some("max-age=5"));
}
