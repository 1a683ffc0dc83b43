//! Sources that are elsewhere: out of reach, or behind a redirect.

use super::{larder, toml};
use crate::support::pictures::{png, size};
use crate::support::{Larder, Origin, Reply};
use std::net::{TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The URL of a server that is not there.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("it is bound"))
}

#[test]
fn what_takes_the_place_of_a_picture_does_so_where_its_source_is_out_of_reach() {
    let site = Origin::answering(|_| Reply::cached("max-age=600", png(90, 90, 1)));
    let cdn = Origin::answering(|asked| match &*asked.target {
        "/slow.png" => Reply::by(|wire| wire.wait_for_close()),
        "/short.png" => Reply::raw("HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\nx"),
        _ => Reply::raw(""),
    });
    let (nobody, cdn_url) = (nobody(), format!("http://{}", cdn.address()));
    let sources = format!("sources = [\"{nobody}\", \"{cdn_url}\"]\nallow_private = true");
    let with = |on_error: &str| {
        let images = format!("{sources}\non_error = \"{on_error}\"");
        let limits = "[origin]\nfirst_byte_timeout = \"1s\"\n";
        Larder::configured(&format!("{limits}{}", toml(&images)), &site)
    };
    let all = [
        (format!("{nobody}/a.png"), 502),
        (format!("{cdn_url}/slow.png"), 504),
        (format!("{cdn_url}/short.png"), 502),
        (format!("{cdn_url}/dropped.png"), 502),
    ];
    let other = with("/missing.png");
    for (source, _) in &all {
        let target = format!("/_larder/image/w=64,f=png/{source}");
        let answer = other.fill(&target);
        assert_eq!(answer.status, 200, "{source}: {}", answer.text());
        assert_eq!(size(&answer.body), (64, 64), "{source}");
        assert_eq!(answer.field("cache-control"), Some("public, max-age=10"), "{source}");
        assert!(other.get(&target).is_hit(), "{source}");
        other.admin_post("/v1/purge", &format!("{{\"urls\": [\"{source}\"]}}"));
        assert!(!other.fill(&target).is_hit(), "{source}: it is of its source");
        other.turn_clock(11);
        assert!(!other.fill(&target).is_hit(), "{source}: not for longer than it is out of reach");
    }
    // Of what is not there no original can go out.
    for on_error in ["original", "error"] {
        let told = with(on_error);
        for (source, status) in &all {
            let answer = told.get(&format!("/_larder/image/w=64,f=png/{source}"));
            assert_eq!(answer.status, *status, "{on_error} {source}: {}", answer.text());
        }
    }
}

#[test]
fn a_stored_picture_goes_before_another_where_its_source_is_out_of_reach() {
    let is_away = Arc::new(AtomicBool::new(false));
    let origin = Origin::answering({
        let is_away = is_away.clone();
        move |asked| match &*asked.target {
            "/missing.png" => Reply::cached("max-age=6000", png(90, 90, 1)),
            _ if is_away.load(Ordering::SeqCst) => Reply::raw(""),
            "/strict.png" => Reply::cached("max-age=60, must-revalidate", png(80, 60, 1)),
            _ => Reply::cached("max-age=60", png(80, 60, 1)),
        }
    });
    let larder = larder("on_error = \"/missing.png\"", &origin);
    let [target, strict] = ["a", "strict"].map(|name| format!("/_larder/image/f=png/{name}.png"));
    larder.fill("/_larder/image/f=png/missing.png");
    let first = larder.fill(&target);
    larder.fill(&strict);
    is_away.store(true, Ordering::SeqCst);
    larder.turn_clock(61);
    let stale = larder.fill(&target);
    assert_eq!((stale.status, &stale.body), (200, &first.body));
    assert_eq!(size(&larder.fill(&strict).body), (90, 90), "what may not be used stale is not");
    is_away.store(false, Ordering::SeqCst);
    larder.turn_clock(11);
    assert_eq!(larder.fill(&strict).body, first.body);
}

#[test]
fn where_a_source_sends_on_to_is_read_against_its_url() {
    let elsewhere = Origin::answering(|_| Reply::cached("max-age=600", png(90, 60, 2)));
    let evil = elsewhere.address();
    let origin = Origin::answering(move |asked| {
        let host = asked.field("host").unwrap_or_default();
        let to = match &*asked.target {
            "/ok/q/same" => "b.png".to_owned(),
            "/ok/q/up" => "../b.png".to_owned(),
            "/ok/q/query" => "?there".to_owned(),
            "/ok/q/fragment" => "/ok/b.png#top".to_owned(),
            "/ok/q/host" => format!("//{host}/ok/b.png"),
            "/ok/q/away" => "../../b.png".to_owned(),
            "/ok/q/encoded" => "%2e%2e/%2e%2e/b.png".to_owned(),
            "/ok/q/none" => "http:b.png".to_owned(),
            "/ok/q/other" => format!("//{evil}/ok/b.png"),
            "/ok/q/user" => format!("//u:p@{host}/ok/b.png"),
            "/ok/q/loop" => "loop".to_owned(),
            _ => return Reply::cached("max-age=600", png(90, 60, 1)),
        };
        Reply::status(302, "").with("Location", &to)
    });
    let below = format!("http://{}/ok/", origin.address());
    let site = Origin::answering(|_| Reply::status(404, "none"));
    let larder = larder(&format!("sources = [\"{below}\"]\nallow_private = true"), &site);
    for (source, status) in [
        ("same", 200),
        ("up", 200),
        ("query", 200),
        ("fragment", 200),
        ("host", 200),
        ("away", 403),
        ("encoded", 403),
        ("none", 403),
        ("other", 403),
        ("user", 403),
        ("loop", 403),
    ] {
        let answer = larder.get(&format!("/_larder/image/w=64,f=webp/{below}q/{source}"));
        assert_eq!(answer.status, status, "{source}: {}", answer.text());
    }
    assert!(origin.asked().iter().all(|asked| asked.target.starts_with("/ok/")));
    assert_eq!((site.count(), elsewhere.count()), (0, 0));
}

#[test]
fn names_that_a_wildcard_stands_for_are_asked_and_no_others() {
    let site = Origin::answering(|_| Reply::status(404, "none"));
    let cdn = Origin::answering(|_| Reply::cached("max-age=600", png(90, 60, 1)));
    let port = cdn.address().port();
    let images = format!(
        "sources = [\"http://*.cdn.invalid/ok\", \"http://**.deep.invalid\", \
         \"http://*.localhost:{port}/ok\"]\nallow_private = true"
    );
    let larder = larder(&images, &site);
    // Names below .invalid never have an address (RFC 6761): what is asked fails otherwise than what
    // is refused.
    for (source, status) in [
        ("http://a.cdn.invalid/ok/a.png", 502),
        ("http://A.CDN.invalid:80/ok/a.png", 502),
        ("http://a.cdn.invalid/other.png", 403),
        ("http://a.b.cdn.invalid/ok/a.png", 403),
        ("http://cdn.invalid/ok/a.png", 403),
        ("http://evil-cdn.invalid/ok/a.png", 403),
        ("http://a.cdn.invalid./ok/a.png", 403),
        ("https://a.cdn.invalid/ok/a.png", 403),
        ("http://a.b.deep.invalid/a.png", 502),
        ("http://deep.invalid/a.png", 403),
    ] {
        let answer = larder.get(&format!("/_larder/image/w=64,f=webp/{source}"));
        assert_eq!(answer.status, status, "{source}: {}", answer.text());
    }
    // Not every system knows names below localhost.
    let known = ("a.localhost", port).to_socket_addrs();
    if known.is_ok_and(|mut addresses| addresses.any(|at| at == cdn.address())) {
        for name in ["a", "b", "a"] {
            let source = format!("http://{name}.localhost:{port}/ok/a.png");
            let answer = larder.fill(&format!("/_larder/image/w=64,f=webp/{source}"));
            assert_eq!((answer.status, size(&answer.body)), (200, (64, 43)), "{name}");
            let host = format!("{name}.localhost:{port}");
            assert!(cdn.asked().iter().any(|asked| asked.field("host") == Some(&host)));
        }
        assert_eq!(cdn.count(), 2, "each name's are its own");
    }
}

#[test]
fn a_wildcard_leads_to_no_private_address() {
    let (site, cdn) = (
        Origin::answering(|_| Reply::status(404, "none")),
        Origin::answering(|_| Reply::cached("max-age=600", png(90, 60, 1))),
    );
    let port = cdn.address().port();
    let larder = larder(&format!("sources = [\"http://*.localhost:{port}\"]"), &site);
    let answer = larder.get(&format!("/_larder/image/w=64,f=webp/http://a.localhost:{port}/a.png"));
    assert!(matches!(answer.status, 403 | 502), "{}", answer.text());
    assert_eq!(cdn.count(), 0);
}
