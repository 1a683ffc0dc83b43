//! Who may come to the admin listener, and what everybody else is told.

use crate::support::{Client, Larder, Origin, Received, Reply, request};
use serde_json::Value;

const READER: &str = "a-secret-that-may-read-only";
const PURGER: &str = "a-secret-that-may-purge-only";

fn configured() -> (Origin, Larder) {
    let origin = Origin::answering(|_| Reply::cached("max-age=600", "page"));
    let toml = format!(
        "[admin]\nhosts = [\"larder.internal\"]\ntokens = [\n\
         {{ name = \"reader\", secret = \"{READER}\", may = [\"read\"] }},\n\
         {{ name = \"purger\", secret = \"{PURGER}\", may = [\"purge\"] }}]\n\
         [[site]]\norigin = \"{{origin}}\"\n"
    );
    let larder = Larder::configured(&toml, &origin);
    (origin, larder)
}

/// Asks with exactly these fields.
fn ask(larder: &Larder, method: &str, target: &str, fields: &[(&str, &str)]) -> Received {
    let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut client = Client::connect(larder.admin);
    client.send(format!("{method} {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n"));
    client.read_to(method)
}

fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

/// Asserts that it is a problem document of that status and kind, which says how to mend it.
fn assert_problem(received: &Received, status: u16, kind: &str) {
    let text = received.text();
    assert_eq!(received.status, status, "{text}");
    assert_eq!(received.field("content-type"), Some("application/problem+json"), "{text}");
    assert_eq!(received.field("cache-control"), Some("no-store"));
    let problem: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
    assert_eq!(problem["type"], format!("urn:larder:problem:{kind}"), "{text}");
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{text}");
}

#[test]
fn tokens_open_what_they_are_for_and_nothing_else() {
    let (_origin, larder) = configured();
    let all = larder.token();
    let short = &all[..all.len() - 1];
    for (authorization, status, kind) in [
        (Some(bearer(READER)), 200, ""),
        (Some(bearer(&all)), 200, ""),
        (Some(format!("bearer {READER}")), 200, ""),
        (Some(bearer(PURGER)), 403, "no-scope"),
        (Some(bearer(short)), 401, "wrong-token"),
        (Some(bearer("x")), 401, "wrong-token"),
        (Some(READER.to_owned()), 401, "no-token"),
        (Some("Basic Og==".to_owned()), 401, "no-token"),
        (None, 401, "no-token"),
    ] {
        for target in ["/v1/status", "/v1/objects", "/v1/openapi.json"] {
            let mut fields = vec![("Host", "localhost")];
            fields.extend(authorization.as_deref().map(|value| ("Authorization", value)));
            if kind == "wrong-token" && target != "/v1/status" {
                continue; // each costs a wait
            }
            let received = ask(&larder, "GET", target, &fields);
            if status == 200 {
                assert_eq!(received.status, 200, "{target}: {}", received.text());
                assert_eq!(received.field("content-type"), Some("application/json"));
                continue;
            }
            assert_problem(&received, status, kind);
            let challenge = received.field("www-authenticate").expect("it says what is wanted");
            assert!(challenge.starts_with("Bearer realm=\"larder\""), "{challenge}");
        }
    }
    let two = [("Host", "localhost"), ("Authorization", "Bearer x"), ("Authorization", "Bearer y")];
    assert_problem(&ask(&larder, "GET", "/v1/status", &two), 401, "no-token");
    larder.wait_for_metric("larder_admin_refused_total", &["reason=\"wrong-token\""], 2);
    larder.wait_for_metric("larder_admin_refused_total", &["reason=\"no-scope\""], 3);
    larder.wait_for_error_line("the admin token \"purger\" may not read");
}

#[test]
fn paths_and_methods_that_are_not_there_are_problems_too() {
    let (_origin, larder) = configured();
    let reader = bearer(READER);
    let fields = [("Host", "localhost"), ("Authorization", reader.as_str())];
    for target in ["/", "/v1", "/v1/", "/v1/nothing", "/v1/objects/", "/favicon.ico", "/%ff"] {
        assert_problem(&ask(&larder, "GET", target, &fields), 404, "unknown-path");
    }
    for (method, target) in [
        ("POST", "/v1/objects"),
        ("DELETE", "/v1/status"),
        ("OPTIONS", "/v1/object"),
        ("BREW", "/metrics"),
        ("PUT", "/health"),
    ] {
        let received = ask(&larder, method, target, &fields);
        assert_problem(&received, 405, "wrong-method");
        assert_eq!(received.field("allow"), Some("GET, HEAD"));
    }
    let head = ask(&larder, "HEAD", "/v1/status", &fields);
    assert_eq!((head.status, head.text().as_str()), (200, ""));
}

#[test]
fn the_host_is_checked_but_for_probes() {
    let (_origin, larder) = configured();
    let own = larder.admin.to_string();
    let reader = bearer(READER);
    for (host, status, kind) in [
        (own.as_str(), 200, ""),
        ("localhost:1", 200, ""),
        ("[::1]:9090", 200, ""),
        ("larder.internal", 200, ""),
        ("evil.test", 421, "wrong-host"),
        ("localhost.evil.test", 421, "wrong-host"),
        ("10.1.2.3", 421, "wrong-host"),
    ] {
        for target in ["/v1/status", "/metrics"] {
            let fields = [("Host", host), ("Authorization", reader.as_str())];
            let received = ask(&larder, "GET", target, &fields);
            match status {
                200 => assert_eq!(received.status, 200, "{host}: {}", received.text()),
                _ => assert_problem(&received, status, kind),
            }
        }
        for target in ["/health", "/ready"] {
            assert_eq!(ask(&larder, "GET", target, &[("Host", host)]).status, 200, "{host}");
        }
    }
    let reader = ("Authorization", reader.as_str());
    assert_problem(&ask(&larder, "GET", "/v1/status", &[reader]), 400, "no-host");
    let two = [("Host", "localhost"), ("Host", "localhost"), reader];
    assert_problem(&ask(&larder, "GET", "/v1/status", &two), 400, "no-host");
    let foreign =
        ask(&larder, "GET", "http://evil.test/v1/status", &[("Host", "localhost"), reader]);
    assert_problem(&foreign, 421, "wrong-host");
}

#[test]
fn pages_of_other_sites_are_refused_whatever_token_they_have() {
    let (_origin, larder) = configured();
    let own = format!("http://{}", larder.admin);
    let host = larder.admin.to_string();
    let reader = bearer(READER);
    for (name, value, refused) in [
        ("Sec-Fetch-Site", "cross-site", true),
        ("Sec-Fetch-Site", "same-site", true),
        ("Sec-Fetch-Site", "same-origin", false),
        ("Sec-Fetch-Site", "none", false),
        ("Origin", "https://evil.test", true),
        ("Origin", "null", true),
        ("Origin", own.as_str(), false),
    ] {
        let fields = [("Host", host.as_str()), ("Authorization", &reader), (name, value)];
        let received = ask(&larder, "GET", "/v1/status", &fields);
        match refused {
            true => assert_problem(&received, 403, "cross-site"),
            false => assert_eq!(received.status, 200, "{name}: {value}"),
        }
    }
}

#[test]
fn metrics_are_open_on_loopback_and_counts_of_refusals_are_in_them() {
    let (_origin, larder) = configured();
    assert_eq!(ask(&larder, "GET", "/metrics", &[("Host", "localhost")]).status, 200);
    assert_eq!(larder.metrics().sum("larder_admin_refused_total", &[]), 0);
    ask(&larder, "GET", "/v1/status", &[("Host", "localhost")]);
    larder.wait_for_metric("larder_admin_refused_total", &["reason=\"no-token\""], 1);
}

#[test]
fn who_guesses_waits_and_the_right_token_does_not() {
    let (_origin, larder) = configured();
    let begun = std::time::Instant::now();
    let wrong = [("Host", "localhost"), ("Authorization", "Bearer wrong-wrong-wrong")];
    for _ in 0..3 {
        assert_problem(&ask(&larder, "GET", "/v1/status", &wrong), 401, "wrong-token");
    }
    assert!(begun.elapsed().as_millis() >= 100 + 200 + 400, "each waits longer");
    larder.wait_for_error_line("sent a wrong admin token (2 of late)");
    // Many wait at the same time; the right token is answered before any of them.
    let mut guessing: Vec<Client> = (0..40).map(|_| Client::connect(larder.admin)).collect();
    for client in &mut guessing {
        client.send(request("GET", "/v1/status", &wrong));
    }
    larder.wait_for_metric("larder_admin_refused_total", &["reason=\"wrong-token\""], 43);
    let begun = std::time::Instant::now();
    assert_eq!(larder.admin_json("/v1/status")["sites"], 1);
    // A wrong one would wait for three seconds by now.
    assert!(begun.elapsed().as_millis() < 2000, "{:?}", begun.elapsed());
    assert!(larder.error_lines("wrong-wrong").is_empty(), "what was sent is not in the log");
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let (_origin, larder) = configured();
    let mut silent: Vec<Client> = Vec::new();
    for number in 0..300 {
        let mut client = Client::connect(larder.admin);
        if number % 2 == 0 {
            // It may have been pushed out already.
            let _ = client.try_send("GET /v1/status HTTP/1.1\r\nHost: loc");
        }
        silent.push(client);
    }
    for _ in 0..20 {
        assert!(larder.admin_json("/v1/status")["version"].is_string());
    }
    assert_eq!(ask(&larder, "GET", "/health", &[]).status, 200);
    // Those who were pushed out and those who ran out of time are closed alike.
    for mut client in silent {
        client.read_to_end();
    }
}

#[test]
fn a_client_that_reads_nothing_keeps_nobody_out() {
    let (_origin, larder) = configured();
    let token = bearer(READER);
    let fields = [("Host", "localhost"), ("Authorization", token.as_str())];
    let mut deaf: Vec<Client> = Vec::new();
    for _ in 0..8 {
        let mut client = Client::connect(larder.admin);
        let asked = request("GET", "/v1/openapi.json", &fields).repeat(100);
        let _ = client.try_send(asked);
        deaf.push(client);
    }
    for _ in 0..20 {
        assert!(larder.admin_json("/v1/status")["version"].is_string());
    }
}

#[test]
fn heads_that_are_too_long_are_refused() {
    let (_origin, larder) = configured();
    let long = "x".repeat(128 << 10);
    let mut client = Client::connect(larder.admin);
    let _ =
        client.try_send(format!("GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"));
    let said = String::from_utf8_lossy(&client.read_to_end()).into_owned();
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    assert!(larder.admin_json("/v1/status")["version"].is_string());
}

#[test]
fn a_reload_changes_tokens_at_once() {
    let (origin, larder) = configured();
    let site = format!("[[site]]\norigin = \"http://{}\"\n", origin.address());
    let new = "another-secret-that-may-read";
    let tokens = format!("tokens = {{ name = \"n\", secret = \"{new}\", may = [\"read\"] }}");
    larder.reload(&format!("[admin]\n{tokens}\n{site}"));
    larder.wait_for_error_line("is in effect");
    let with = |secret: &str| {
        let token = bearer(secret);
        ask(&larder, "GET", "/v1/status", &[("Host", "localhost"), ("Authorization", &token)])
            .status
    };
    assert_eq!((with(new), with(READER), with(&larder.token())), (200, 401, 200));
    let (code, _, error) = larder.command(&["check", "none.toml"]);
    assert!(code == Some(2) || !error.contains(new));
}

#[test]
fn no_secret_is_in_the_log_of_a_start_that_fails() {
    let origin = Origin::as_told();
    let (_own, larder) = configured();
    larder.reload(&format!(
        "[admin]\ntokens = [{{ name = \"a\", secret = \"{READER}\", may = [\"reed\"] }}]\n\
         [[site]]\norigin = \"http://{}\"\n",
        origin.address()
    ));
    larder.wait_for_error_line("the one from before stays");
    assert!(!larder.error_lines("\"read\"?").is_empty(), "it says what is wrong");
    assert!(larder.error_lines(READER).is_empty());
    let secret = larder.token();
    assert!(larder.error_lines(&secret).is_empty());
}
