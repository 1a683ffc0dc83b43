//! Entries that apps keep through Larder: shared, kept over restarts, and never valid after a purge
//! that covers them.

use crate::support::{Client, Larder, Origin, Received, Reply, until};
use serde_json::{Value, json};

const FRESH: (&str, &str) = ("Cache-Control", "max-age=3600");

fn larder() -> (Origin, Larder) {
    let origin = Origin::answering(|asked| {
        Reply::cached("max-age=3600", format!("page of {}", asked.target)).with("Cache-Tag", "t")
    });
    let larder = Larder::before(&origin);
    (origin, larder)
}

/// Asks the admin listener with the token of the folder.
fn ask(
    larder: &Larder,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Received {
    let mut client = Client::connect(larder.admin);
    client.send(head(larder, method, target, fields, body.len()));
    client.send(body);
    client.read_to(method)
}

fn head(
    larder: &Larder,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    length: usize,
) -> String {
    let mut all = vec![("Host", "localhost"), ("Connection", "close")];
    let token = format!("Bearer {}", larder.token());
    if !fields.iter().any(|(name, _)| *name == "Authorization") {
        all.push(("Authorization", &token));
    }
    let length = length.to_string();
    if method == "PUT" && !fields.iter().any(|(name, _)| *name == "Transfer-Encoding") {
        all.push(("Content-Length", &length));
    }
    all.extend(fields);
    crate::support::request(method, target, &all)
}

fn put(larder: &Larder, key: &str, fields: &[(&str, &str)], body: &[u8]) -> Received {
    let all: Vec<_> = match fields.iter().any(|(name, _)| *name == "Cache-Control") {
        true => fields.to_vec(),
        false => fields.iter().copied().chain([FRESH]).collect(),
    };
    ask(larder, "PUT", &format!("/v1/entries/{key}"), &all, body)
}

fn keep(larder: &Larder, key: &str, fields: &[(&str, &str)], body: &str) {
    let answer = put(larder, key, fields, body.as_bytes());
    assert_eq!(answer.status, 204, "{}", answer.text());
}

fn get(larder: &Larder, key: &str) -> Received {
    get_with(larder, key, &[])
}

fn get_with(larder: &Larder, key: &str, fields: &[(&str, &str)]) -> Received {
    ask(larder, "GET", &format!("/v1/entries/{key}"), fields, b"")
}

/// The head of the purge log, as an answer to a look-up tells it.
fn head_of(larder: &Larder) -> String {
    get(larder, "none").field("larder-head").expect("each answer has it").to_owned()
}

fn purge(larder: &Larder, body: &Value) {
    let answer = larder.admin_post("/v1/purge", &body.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn assert_problem(answer: &Received, status: u16, kind: &str) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{text}");
    assert_eq!(answer.field("content-type"), Some("application/problem+json"), "{text}");
    assert!(text.contains(&format!("urn:larder:problem:{kind}\"")), "{text}");
}

fn assert_missing(answer: &Received) {
    assert_problem(answer, 404, "no-entry");
    assert!(answer.field("larder-head").is_some());
}

/// Bytes that repeat nowhere near.
fn large(bytes: usize) -> Vec<u8> {
    (0..bytes as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn ttl(answer: &Received) -> i64 {
    let status = answer.cache();
    let ttl = status.strip_prefix("larder; hit; ttl=").and_then(|ttl| ttl.parse().ok());
    ttl.unwrap_or_else(|| panic!("{status}"))
}

#[test]
fn what_was_kept_is_given_as_it_was() {
    let (_origin, larder) = larder();
    let described = [("Content-Type", "text/x-component"), ("Cache-Tag", "b, a"), FRESH];
    let answer = put(&larder, "a%2Fb%20c", &described, b"value");
    assert_eq!(answer.status, 204, "{}", answer.text());
    let point = answer.field("larder-head").expect("each answer has it").to_owned();
    larder.turn_clock(10);
    for key in ["a%2Fb%20c", "%61%2fb%20c"] {
        let given = get(&larder, key);
        assert_eq!((given.status, given.text().as_str()), (200, "value"));
        assert_eq!(given.field("content-type"), Some("text/x-component"));
        assert_eq!(given.field("content-length"), Some("5"));
        assert_eq!(given.field("cache-tag"), Some("a, b"));
        assert_eq!(given.field("larder-born"), Some(point.as_str()));
        assert_eq!(given.field("larder-head"), Some(point.as_str()));
        assert_eq!(given.field("cache-control"), Some("no-store"));
        assert!((3585..=3590).contains(&ttl(&given)), "{}", given.cache());
        let age: u64 = given.field("age").and_then(|age| age.parse().ok()).expect("an age");
        assert!((10..15).contains(&age));
    }
    let head = ask(&larder, "HEAD", "/v1/entries/a%2Fb%20c", &[], b"");
    assert_eq!((head.status, head.field("content-length"), head.text().len()), (200, Some("5"), 0));
    assert_missing(&get(&larder, "a"));
    keep(&larder, "a%2Fb%20c", &[], "");
    let given = get(&larder, "a%2Fb%20c");
    assert_eq!((given.text().as_str(), given.field("cache-tag")), ("", None));
    assert_eq!(given.field("content-type"), None);
    larder.wait_for_metric("larder_entries_total", &["op=\"put\"", "outcome=\"stored\""], 2);
    larder.wait_for_metric("larder_entries_total", &["op=\"get\"", "outcome=\"hit\""], 4);
}

#[test]
fn five_megabytes_are_streamed_and_kept_over_a_restart() {
    let (_origin, mut larder) = larder();
    let body = large(5 << 20);
    let mut client = Client::connect(larder.admin);
    let fields = [("Transfer-Encoding", "chunked"), ("Cache-Tag", "big"), FRESH];
    client.send(head(&larder, "PUT", "/v1/entries/big", &fields, 0));
    for piece in body.chunks(100_000) {
        client.send(format!("{:x}\r\n", piece.len()));
        client.send(piece);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.read_to("PUT").status, 204);
    keep(&larder, "small", &[("Cache-Tag", "little")], "small");
    assert!(get(&larder, "big").body == body);
    larder.settle();
    let born = get(&larder, "small").field("larder-born").unwrap().to_owned();
    larder.restart();
    let given = get(&larder, "big");
    assert!(given.body == body && given.field("content-length") == Some("5242880"));
    let small = get(&larder, "small");
    assert_eq!((small.text().as_str(), small.field("cache-tag")), ("small", Some("little")));
    assert_eq!(small.field("larder-born"), Some(born.as_str()));
    purge(&larder, &json!({ "tags": ["big"] }));
    larder.kill_and_restart();
    assert_missing(&get(&larder, "big"));
    assert_eq!(get(&larder, "small").status, 200);
}

#[test]
fn what_was_not_whole_when_it_was_killed_is_not_there() {
    let (_origin, mut larder) = larder();
    keep(&larder, "k", &[], "before");
    larder.settle();
    for length in [4_000, 5 << 20] {
        let mut client = Client::connect(larder.admin);
        client.send(head(&larder, "PUT", "/v1/entries/k", &[FRESH], length));
        client.send(large(length - 1));
        until("it comes in", || {
            (larder.metrics().sum("larder_in_flight_bytes", &[]) > 0).then_some(())
        });
        larder.kill_and_restart();
        assert_eq!(get(&larder, "k").text(), "before");
        assert_eq!(larder.metrics().sum("larder_in_flight_bytes", &[]), 0);
    }
}

#[test]
fn who_breaks_off_or_dawdles_leaves_nothing() {
    let (_origin, larder) = larder();
    for length in [4_000, 5 << 20] {
        let mut client = Client::connect(larder.admin);
        client.send(head(&larder, "PUT", "/v1/entries/k", &[FRESH], length));
        client.send(large(length - 1));
        // Nothing more comes, and the server does not wait for ever.
        assert_problem(&client.read_to("PUT"), 408, "too-slow");
        let mut client = Client::connect(larder.admin);
        client.send(head(&larder, "PUT", "/v1/entries/k", &[FRESH], length));
        client.send(large(length - 1));
        drop(client);
        larder.wait_for_metric("larder_in_flight_bytes", &[], 0);
        assert_missing(&get(&larder, "k"));
    }
    assert_eq!(larder.admin_json("/v1/objects")["objects"], json!([]));
}

#[test]
fn each_purge_covers_what_it_names_among_entries_too() {
    let (_origin, larder) = larder();
    for (body, gone, stays) in [
        (json!({ "tags": ["t"] }), vec!["a", "b/1"], vec!["c"]),
        (json!({ "urls": ["/_larder/entries/a"] }), vec!["a"], vec!["b/1", "c"]),
        (json!({ "prefixes": ["/_larder/entries/b"] }), vec!["b/1"], vec!["a", "c"]),
        (json!({ "prefixes": ["/_larder/entries"] }), vec!["a", "b/1", "c"], vec![]),
        (json!({ "patterns": ["*/entries/?"] }), vec!["a", "c"], vec!["b/1"]),
        (json!({ "sites": ["*"] }), vec!["a", "b/1", "c"], vec![]),
        (json!({ "everything": true }), vec!["a", "b/1", "c"], vec![]),
    ] {
        let window = ("Cache-Control", "max-age=3600, stale-while-revalidate=60");
        for is_soft in [false, true] {
            for (key, tags) in [("a", "t"), ("b/1", "t, u"), ("c", "u")] {
                keep(&larder, &key.replace('/', "%2F"), &[("Cache-Tag", tags), window], key);
            }
            let mut body = body.clone();
            body["soft"] = json!(is_soft);
            purge(&larder, &body);
            for key in &gone {
                let answer = get(&larder, &key.replace('/', "%2F"));
                match is_soft {
                    false => assert_missing(&answer),
                    true => assert!(ttl(&answer) < 0, "{body} {key}: {}", answer.cache()),
                }
            }
            for key in &stays {
                assert!(ttl(&get(&larder, &key.replace('/', "%2F"))) > 3000, "{body} {key}");
            }
        }
    }
    // One tag purges pages and entries alike.
    larder.fill("/page");
    keep(&larder, "a", &[("Cache-Tag", "t")], "a");
    purge(&larder, &json!({ "tags": ["t"] }));
    assert!(larder.get("/page").cache().contains("fwd=uri-miss"));
    assert_missing(&get(&larder, "a"));
}

#[test]
fn a_window_holds_to_the_second_and_without_one_nothing_stale_is_given() {
    let (_origin, larder) = larder();
    let window = ("Cache-Control", "max-age=10, stale-while-revalidate=30");
    keep(&larder, "window", &[window, ("Cache-Tag", "t")], "x");
    keep(&larder, "none", &[("Cache-Control", "max-age=10"), ("Cache-Tag", "u")], "x");
    larder.turn_clock(20);
    assert!(ttl(&get(&larder, "window")) <= -10);
    assert_missing(&get(&larder, "none"));
    larder.turn_clock(25);
    assert_missing(&get(&larder, "window"));
    keep(&larder, "none", &[("Cache-Tag", "u")], "x");
    purge(&larder, &json!({ "tags": ["u"], "soft": true }));
    assert_missing(&get(&larder, "none"));
    // A paced purge gives a window of its own.
    keep(&larder, "none", &[("Cache-Tag", "u")], "x");
    purge(&larder, &json!({ "tags": ["u"], "paced": true }));
    assert!(ttl(&get(&larder, "none")) < 0);
    larder.turn_clock(601);
    assert_missing(&get(&larder, "none"));
}

#[test]
fn a_value_that_was_begun_before_a_purge_is_never_valid_after_it() {
    let (_origin, larder) = larder();
    let begun = head_of(&larder);
    purge(&larder, &json!({ "tags": ["t"] }));
    let born = ("Larder-Born", begun.as_str());
    let answer = put(&larder, "k", &[born, ("Cache-Tag", "t")], b"old");
    assert_problem(&answer, 409, "outdated");
    assert!(answer.field("larder-head").is_some_and(|head| head != begun));
    assert_missing(&get(&larder, "k"));
    keep(&larder, "k", &[born, ("Cache-Tag", "u")], "of another tag");
    assert_eq!(get(&larder, "k").field("larder-born"), Some(begun.as_str()));
    // What came before the purge is not told of, and counts from when its request came.
    let mut client = Client::connect(larder.admin);
    client.send(head(&larder, "PUT", "/v1/entries/slow", &[FRESH, ("Cache-Tag", "t")], 4));
    client.send("slo");
    until("it comes in", || {
        (larder.metrics().sum("larder_in_flight_bytes", &[]) > 0).then_some(())
    });
    purge(&larder, &json!({ "tags": ["t"], "soft": true }));
    client.send("w");
    assert_problem(&client.read_to("PUT"), 409, "outdated");
    assert_missing(&get(&larder, "slow"));
    // Nor by a purge of the one entry.
    let begun = head_of(&larder);
    assert_eq!(ask(&larder, "DELETE", "/v1/entries/one", &[], b"").status, 204);
    let answer = put(&larder, "one", &[("Larder-Born", &begun)], b"old");
    assert_problem(&answer, 409, "outdated");
    let (log, seq) = begun.split_once('.').expect("a log and a number");
    let ahead = format!("{log}.{}", seq.parse::<u64>().unwrap() + 1000);
    let other = format!("{:016x}.{seq}", u64::from_str_radix(log, 16).unwrap() ^ 1);
    for born in [ahead, other] {
        let answer = put(&larder, "k", &[("Larder-Born", &born)], b"x");
        assert_problem(&answer, 409, "outdated");
    }
    assert_eq!(get(&larder, "k").text(), "of another tag");
}

#[test]
fn tags_of_the_one_who_asks_count_for_him() {
    let (_origin, larder) = larder();
    let window = ("Cache-Control", "max-age=3600, stale-while-revalidate=60");
    keep(&larder, "k", &[("Cache-Tag", "own"), window], "x");
    let soft = [("Larder-Soft-Tags", "_N_T_/, _N_T_/page")];
    assert!(ttl(&get_with(&larder, "k", &soft)) > 3000);
    purge(&larder, &json!({ "tags": ["_N_T_/page"], "soft": true }));
    assert!(ttl(&get_with(&larder, "k", &soft)) < 0);
    assert!(ttl(&get(&larder, "k")) > 3000);
    purge(&larder, &json!({ "tags": ["_N_T_/"] }));
    assert_missing(&get_with(&larder, "k", &soft));
    assert!(ttl(&get(&larder, "k")) > 3000);
    keep(&larder, "k", &[window], "anew");
    assert!(ttl(&get_with(&larder, "k", &soft)) > 3000, "older purges do not count");
}

#[test]
fn what_was_begun_earlier_never_takes_the_place_of_what_was_begun_later() {
    let (_origin, mut larder) = larder();
    let early = head_of(&larder);
    purge(&larder, &json!({ "tags": ["other"] }));
    let late = head_of(&larder);
    let born = |point: &str, body: &str, larder: &Larder| {
        put(larder, "k", &[("Larder-Born", point)], body.as_bytes()).status
    };
    assert_eq!(born(&late, "late", &larder), 204);
    assert_eq!(born(&early, "early", &larder), 409);
    assert_eq!(get(&larder, "k").text(), "late");
    assert_eq!(born(&late, "as late", &larder), 204, "of two as late the last counts");
    larder.settle();
    larder.restart();
    assert_eq!(born(&early, "early", &larder), 409, "on disk too");
    assert_eq!(get(&larder, "k").text(), "as late");
    // On their way at once, whichever ends first.
    let mut slow = Client::connect(larder.admin);
    slow.send(head(&larder, "PUT", "/v1/entries/two", &[FRESH, ("Larder-Born", &early)], 5));
    slow.send("earl");
    until("it comes in", || {
        (larder.metrics().sum("larder_in_flight_bytes", &[]) > 0).then_some(())
    });
    assert_eq!(put(&larder, "two", &[("Larder-Born", &late)], b"late").status, 204);
    slow.send("y");
    assert_eq!(slow.read_to("PUT").status, 409);
    assert_eq!(get(&larder, "two").text(), "late");
}

#[test]
fn sites_keep_their_entries_and_tags_apart() {
    let origin = Origin::answering(|_| Reply::ok("x"));
    let toml = "[[site]]\nhosts = [\"a.test\", \"www.a.test\"]\norigin = \"{origin}\"\n\
                [[site]]\nhosts = [\"b.test\"]\norigin = \"{origin}\"\n";
    let larder = Larder::configured(toml, &origin);
    assert_problem(&get(&larder, "k"), 400, "bad-request");
    assert!(get(&larder, "k").text().contains("site=HOST"));
    for site in ["c.test", "", "*"] {
        assert_problem(&get(&larder, &format!("k?site={site}")), 400, "bad-request");
    }
    keep(&larder, "k?site=A.test", &[("Cache-Tag", "t")], "of a");
    keep(&larder, "k?site=b.test", &[("Cache-Tag", "t")], "of b");
    assert_eq!(get(&larder, "k?site=www.a.test").text(), "of a");
    assert_eq!(get(&larder, "k?site=b.test").text(), "of b");
    let since = get(&larder, "k?site=b.test").field("larder-head").unwrap().to_owned();
    purge(&larder, &json!({ "tags": ["t"], "sites": ["a.test"] }));
    assert_missing(&get(&larder, "k?site=a.test"));
    assert_eq!(get(&larder, "k?site=b.test").text(), "of b");
    let told = |site: &str| larder.admin_json(&format!("/v1/tags?since={since}&site={site}"));
    assert_eq!(told("a.test")["purges"][0]["tags"], json!(["t"]));
    assert_eq!(told("b.test")["purges"], json!([]));
    purge(&larder, &json!({ "sites": ["b.test"] }));
    assert_missing(&get(&larder, "k?site=b.test"));
    assert_eq!(told("b.test")["purges"][0]["everything"], true);
    assert_eq!(told("a.test")["purges"].as_array().map(Vec::len), Some(1));
}

#[test]
fn no_client_of_the_site_finds_an_entry_or_does_anything_to_it() {
    let (origin, larder) = larder();
    keep(&larder, "k", &[], "secret");
    let host = [("Host", "*")];
    for fields in [&[][..], &host] {
        let page = larder.get_with("/_larder/entries/k", fields);
        assert!(!page.text().contains("secret"), "{}", page.text());
    }
    larder.fill("/_larder/entries/k");
    assert!(origin.count() > 0);
    larder.ask("POST", "/_larder/entries/k", &[("Content-Length", "0")]);
    larder.ask("POST", "/_larder/entries/k", &[("Content-Length", "0"), ("Host", "*")]);
    larder.settle();
    assert!(ttl(&get(&larder, "k")) > 3000);
    let page = larder.admin_json("/v1/objects?prefix=*/_larder");
    let is_entry = |object: &&Value| object["key"]["scheme"] == "entry";
    let entry = page["objects"].as_array().unwrap().iter().find(is_entry).expect("it is listed");
    assert_eq!(entry["invalid"], false, "{page}");
    keep(&larder, "k", &[], "another");
    assert_eq!(larder.get("/_larder/entries/k").text(), "page of /_larder/entries/k");
}

#[test]
fn requests_that_make_no_sense_are_told_so_and_nothing_is_kept() {
    let origin = Origin::answering(|_| Reply::ok("x"));
    let toml = "storage.max_object = \"256KiB\"\n[[site]]\norigin = \"{origin}\"\n";
    let larder = Larder::configured(toml, &origin);
    let many = (0..1025).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let long = "x".repeat(1025);
    for fields in [
        vec![("Cache-Control", "")],
        vec![("Cache-Control", "max-age=x")],
        vec![("Cache-Control", "max-age=1, private")],
        vec![FRESH, ("Cache-Tag", &many)],
        vec![FRESH, ("Cache-Tag", &long)],
        vec![FRESH, ("Larder-Born", "")],
        vec![FRESH, ("Larder-Born", "1.1")],
        vec![FRESH, ("Larder-Born", "junk"), ("Larder-Born", "junk")],
        vec![FRESH, ("Content-Type", "a/b"), ("Content-Type", "c/d")],
    ] {
        let answer = ask(&larder, "PUT", "/v1/entries/k", &fields, b"x");
        assert_problem(&answer, 400, "bad-request");
        assert!(answer.field("larder-head").is_some());
    }
    let too_long = "a".repeat(1025);
    for key in ["%00", "%0a", "%7f", "%", "%zz", &too_long, "k?site=a&site=b", "k?x=1"] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = ask(&larder, method, &format!("/v1/entries/{key}"), &[FRESH], b"");
            assert_problem(&answer, 400, "bad-request");
        }
    }
    assert_problem(&get_with(&larder, "k", &[("Larder-Soft-Tags", &many)]), 400, "bad-request");
    assert_eq!(ask(&larder, "GET", "/v1/entries/", &[], b"").status, 404);
    assert_eq!(ask(&larder, "GET", "/v1/entries/a/b", &[], b"").status, 404);
    let wrong = ask(&larder, "POST", "/v1/entries/k", &[], b"");
    assert_problem(&wrong, 405, "wrong-method");
    assert_eq!(wrong.field("allow"), Some("GET, HEAD, PUT, DELETE"));
    let length = 300 << 10;
    assert_problem(&put(&larder, "k", &[], &large(length)), 413, "too-large");
    let mut client = Client::connect(larder.admin);
    let fields = [FRESH, ("Transfer-Encoding", "chunked")];
    client.send(head(&larder, "PUT", "/v1/entries/k", &fields, 0));
    client.send(format!("{length:x}\r\n"));
    client.send(large(length));
    client.send("\r\n0\r\n\r\n");
    assert_problem(&client.read_to("PUT"), 413, "too-large");
    assert_eq!(larder.admin_json("/v1/objects")["objects"], json!([]));
    for target in ["since=x", "wait=31", "wait=x", "sinc=", "site=c.test"] {
        let answer = ask(&larder, "GET", &format!("/v1/tags?{target}"), &[], b"");
        assert_problem(&answer, 400, "bad-request");
    }
}

#[test]
fn a_connection_stays_usable_whatever_was_refused_on_it() {
    let (_origin, larder) = larder();
    keep(&larder, "k", &[], "kept");
    let mut client = Client::connect(larder.admin);
    let token = format!("Bearer {}", larder.token());
    let ask = |client: &mut Client, method: &str, fields: &[(&str, &str)], body: &[u8]| {
        let length = body.len().to_string();
        let own = [("Host", "localhost"), ("Authorization", &*token), ("Content-Length", &length)];
        let head = crate::support::request(method, "/v1/entries/k", &[&own, fields].concat());
        client.send([head.as_bytes(), body].concat());
        client.read_to(method)
    };
    let body = large(500_000);
    let other = ("Larder-Born", "0000000000000000.0");
    for (fields, status) in [(vec![], 400), (vec![FRESH, other], 409), (vec![FRESH], 204)] {
        assert_eq!(ask(&mut client, "PUT", &fields, &body).status, status, "{fields:?}");
        let given = ask(&mut client, "GET", &[], b"");
        assert_eq!((given.status, given.text() == "kept"), (200, status != 204));
    }
}

#[test]
fn each_door_wants_its_own_scope() {
    let origin = Origin::answering(|_| Reply::ok("x"));
    let token = |scope: &str| format!("a-secret-that-may-{scope}-only");
    let tokens = ["read", "refresh", "purge", "admin"]
        .map(|scope| {
            let secret = token(scope);
            format!("{{ name = \"{scope}\", secret = \"{secret}\", may = [\"{scope}\"] }}")
        })
        .join(",");
    let toml = format!("[admin]\ntokens = [{tokens}]\n[[site]]\norigin = \"{{origin}}\"\n");
    let larder = Larder::configured(&toml, &origin);
    for (method, needs, status) in
        [("PUT", "refresh", 204), ("GET", "read", 200), ("DELETE", "purge", 204)]
    {
        for scope in ["read", "refresh", "purge", "admin"] {
            let bearer = format!("Bearer {}", token(scope));
            let fields = [FRESH, ("Authorization", bearer.as_str())];
            let answer = ask(&larder, method, "/v1/entries/k", &fields, b"");
            match scope == needs {
                true => assert_eq!(answer.status, status, "{method} {scope}"),
                false => assert_problem(&answer, 403, "no-scope"),
            }
        }
    }
    let bearer = format!("Bearer {}", token("refresh"));
    let refused = ask(&larder, "GET", "/v1/tags", &[("Authorization", &bearer)], b"");
    assert_problem(&refused, 403, "no-scope");
}

#[test]
fn operators_see_entries_like_all_that_is_stored() {
    let (_origin, larder) = larder();
    keep(&larder, "blog%2F1", &[("Cache-Tag", "t"), ("Content-Type", "text/plain")], "value");
    larder.fill("/blog/1");
    let url = "entry://*/_larder/entries/blog/1";
    let page = larder.admin_json("/v1/objects?prefix=/_larder");
    assert_eq!(page["objects"].as_array().map(Vec::len), Some(1));
    let object = &page["objects"][0];
    assert_eq!((&object["url"], &object["key"]["scheme"]), (&json!(url), &json!("entry")));
    assert_eq!((&object["tags"], &object["body_bytes"]), (&json!(["t"]), &json!(5)));
    for url in [url, "*/_larder/entries/blog/1"] {
        let (code, shown, _) = larder.command(&["show", url]);
        assert_eq!(code, Some(0));
        assert!(shown.starts_with("200 entry://*/_larder/entries/blog/1"), "{shown}");
    }
    let (code, listed, _) = larder.command(&["objects"]);
    assert!(code == Some(0) && listed.contains(url), "{listed}");
    let (code, _, said) = larder.command(&["explain", url]);
    assert!(code == Some(1) && said.contains("larder show"), "{said}");
    let (code, _, _) = larder.command(&["explain", "a.test/_larder/entries/blog/1"]);
    assert_eq!(code, Some(0));
    let body = json!({ "tags": ["t"], "dry_run": true });
    let counted = larder.admin_post("/v1/purge", &body.to_string()).text();
    assert!(counted.contains("\"objects\":2"), "{counted}");
    let verified = larder.admin_post(
        "/v1/purge",
        &json!({
            "prefixes": ["/_larder"], "verify": true
        })
        .to_string(),
    );
    assert_eq!(verified.status, 200, "{}", verified.text());
    assert_missing(&get(&larder, "blog%2F1"));
}

#[test]
fn who_waits_hears_of_a_purge_at_once() {
    let (_origin, larder) = larder();
    let since = head_of(&larder);
    let mut waits = Client::connect(larder.admin);
    let target = format!("/v1/tags?since={since}&wait=30");
    waits.send(head(&larder, "GET", &target, &[], 0));
    larder.wait_for_metric("larder_tag_waiters", &[], 1);
    // What concerns no tag wakes nobody.
    purge(&larder, &json!({ "urls": ["/a"] }));
    purge(&larder, &json!({ "prefixes": ["/blog"] }));
    larder.wait_for_metric("larder_tag_waiters", &[], 1);
    let (heard, hears) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let answer = waits.read();
        heard.send((answer, std::time::Instant::now())).unwrap();
    });
    purge(&larder, &json!({ "tags": ["a", "b"], "soft": true }));
    let purged = std::time::Instant::now();
    let (answer, at) = hears.recv().unwrap();
    assert!(at.saturating_duration_since(purged).as_millis() < 100);
    let told: Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(told["complete"], true);
    let [one] = told["purges"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&one["tags"], &one["force"]), (&json!(["a", "b"]), &json!("soft")));
    assert_eq!((&one["everything"], one["at"].is_u64()), (&json!(false), true));
    assert_eq!(told["head"], head_of(&larder));
    larder.wait_for_metric("larder_tag_waiters", &[], 0);
    // Who asks late is answered at once, whatever he would wait.
    let again = larder.admin_json(&target);
    assert_eq!(again["purges"], told["purges"]);
    let none = larder.admin_json(&format!("/v1/tags?since={}", head_of(&larder)));
    assert_eq!((&none["purges"], &none["complete"]), (&json!([]), &json!(true)));
}

#[test]
fn those_who_wait_are_bounded_and_leave_when_they_leave() {
    let (_origin, larder) = larder();
    let target = format!("/v1/tags?since={}&wait=30", head_of(&larder));
    let waiters: Vec<Client> = (0..64)
        .map(|_| {
            let mut client = Client::connect(larder.admin);
            client.send(head(&larder, "GET", &target, &[], 0));
            client
        })
        .collect();
    larder.wait_for_metric("larder_tag_waiters", &[], 64);
    assert_problem(&ask(&larder, "GET", &target, &[], b""), 503, "busy");
    drop(waiters);
    larder.wait_for_metric("larder_tag_waiters", &[], 0);
}

#[test]
fn tags_that_were_purged_are_told_after_a_restart_too() {
    let (_origin, mut larder) = larder();
    let since = head_of(&larder);
    purge(&larder, &json!({ "tags": ["a"] }));
    purge(&larder, &json!({ "everything": true, "soft": true }));
    larder.kill_and_restart();
    let told = larder.admin_json(&format!("/v1/tags?since={since}"));
    assert_eq!(told["complete"], true, "{told}");
    assert_eq!(told["purges"][0]["tags"], json!(["a"]));
    assert_eq!(
        (&told["purges"][1]["everything"], &told["purges"][1]["force"]),
        (&json!(true), &json!("soft"))
    );
    assert_eq!(told["purges"].as_array().map(Vec::len), Some(2));
    let (log, _) = since.split_once('.').unwrap();
    let other = format!("{:016x}.0", u64::from_str_radix(log, 16).unwrap() ^ 1);
    for since in [format!("{log}.99"), other] {
        let told = larder.admin_json(&format!("/v1/tags?since={since}&wait=30"));
        assert_eq!((&told["complete"], &told["purges"]), (&json!(false), &json!([])));
    }
    let told = larder.admin_json("/v1/tags");
    assert_eq!((&told["complete"], &told["head"]), (&json!(false), &json!(head_of(&larder))));
}
