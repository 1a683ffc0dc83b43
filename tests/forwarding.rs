//! What an origin is told of a request, and what of either side's fields goes on (RFC 9110 §7.6,
//! RFC 7239, RFC 8586).

use crate::support::{Asked, Client, Larder, Origin, Received, Reply, Setup};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

/// All that a request can say of where it comes from.
const TALES: [(&str, &str); 7] = [
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.test"),
    ("X-Forwarded-Port", "8443"),
    ("X-Forwarded-Server", "evil"),
    ("X-Real-IP", "203.0.113.9"),
    ("Forwarded", "for=203.0.113.9;host=evil.test;proto=https"),
];

/// What the origin was sent for a GET with these fields.
fn sent(larder: &Larder, origin: &Origin, target: &str, fields: &[(&str, &str)]) -> Asked {
    let before = origin.count();
    larder.fill_with(target, fields);
    assert_eq!(origin.count(), before + 1, "{target} reaches the origin");
    origin.last()
}

/// Sends a POST whose fields are these and whose body is empty.
fn post(larder: &Larder, target: &str, fields: &[(&str, &str)]) -> Received {
    larder.ask("POST", target, fields)
}

#[test]
fn the_origin_is_sent_the_clients_host_or_its_own_or_a_given_one() {
    let origin = Origin::as_told();
    let site = |host: &str, sent: &str| {
        let hosts = format!("hosts = [\"{host}\"]\norigin = \"{{origin}}\"");
        format!("[[site]]\n{hosts}\norigin_host = \"{sent}\"\n")
    };
    let plain = "[[site]]\norigin = \"{origin}\"\n".to_owned();
    let toml = [
        site("keep.test", "keep"),
        site("own.test", "origin"),
        site("given.test", "other.test:81"),
        plain,
    ];
    let larder = Larder::configured(&toml.concat(), &origin);
    let own = origin.address().to_string();
    for (host, expected) in [
        ("keep.test", "keep.test"),
        ("keep.test:8080", "keep.test:8080"),
        ("keep.test:80", "keep.test"),
        ("own.test", own.as_str()),
        ("given.test", "other.test:81"),
        ("default.test", "default.test"),
    ] {
        for method in ["GET", "POST"] {
            larder.ask(method, "/", &[("Host", host)]);
            let asked = origin.last();
            assert_eq!(asked.all("host"), [expected], "{method} {host}");
            let told = host.trim_end_matches(":80");
            assert_eq!(asked.all("x-forwarded-host"), [told], "{method} {host}");
        }
    }
}

#[test]
fn the_origin_is_told_who_asked_and_how() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for method in ["GET", "POST"] {
        larder.ask(method, "/", &[]);
        let asked = origin.last();
        assert_eq!(asked.all("x-forwarded-for"), ["127.0.0.1"], "{method}");
        assert_eq!(asked.all("x-forwarded-proto"), ["http"], "{method}");
        assert_eq!(asked.all("x-forwarded-host"), ["site.test"], "{method}");
        let forwarded = "for=127.0.0.1;host=\"site.test\";proto=http";
        assert_eq!(asked.all("forwarded"), [forwarded], "{method}");
    }
}

#[test]
fn strangers_are_not_believed_about_where_they_come_from() {
    let origin = Origin::as_told();
    let toml = "[server]\ntrusted_proxies = [\"192.0.2.0/24\"]\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    for method in ["GET", "POST"] {
        larder.ask(method, "/", &TALES);
        let asked = origin.last();
        let head = String::from_utf8_lossy(&asked.head).into_owned();
        for tale in ["203.0.113.9", "https", "evil", "8443"] {
            assert!(!head.contains(tale), "{method} {tale}: {head}");
        }
        assert_eq!(asked.all("x-forwarded-for"), ["127.0.0.1"], "{method}");
        assert_eq!(asked.all("x-forwarded-proto"), ["http"], "{method}");
    }
}

#[test]
fn trusted_proxies_are_believed_and_named_behind_their_clients() {
    let origin = Origin::as_told();
    let toml = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    for method in ["GET", "POST"] {
        larder.ask(method, "/", &TALES);
        let asked = origin.last();
        assert_eq!(asked.all("x-forwarded-for"), ["203.0.113.9, 127.0.0.1"], "{method}");
        assert_eq!(asked.all("x-forwarded-proto"), ["https"], "{method}");
        assert_eq!(asked.all("x-forwarded-host"), ["evil.test"], "{method}");
        assert_eq!(asked.all("x-forwarded-port"), ["8443"], "{method}");
        assert_eq!(asked.all("x-real-ip"), ["203.0.113.9"], "{method}");
        // What the trusted proxy tells of host and scheme holds from here on.
        let ours = "for=127.0.0.1;host=\"evil.test\";proto=https";
        assert_eq!(asked.all("forwarded"), [format!("{}, {ours}", TALES[6].1)], "{method}");
    }
    let silent = sent(&larder, &origin, "/silent", &[]);
    assert_eq!(silent.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(silent.all("x-forwarded-proto"), ["http"]);
    assert_eq!(silent.all("x-forwarded-host"), ["site.test"]);
}

#[test]
fn via_is_added_behind_those_of_others_in_both_directions() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let told = ("X-Reply", "Via: 1.0 app | Cache-Control: max-age=60");
    let first = larder.fill_with("/", &[told, ("Via", "1.1 phone")]);
    assert_eq!(origin.last().all("via").join(", "), "1.1 phone, 1.1 larder");
    let hit = larder.get("/");
    assert!(hit.is_hit(), "{}", hit.cache());
    let passed = post(&larder, "/", &[told]);
    assert_eq!(origin.last().all("via"), ["1.1 larder"]);
    for received in [first, hit, passed] {
        assert_eq!(received.all("via"), ["1.0 app", "1.1 larder"], "{}", received.cache());
    }
}

#[test]
fn a_request_that_comes_back_to_its_own_node_is_refused() {
    // The origin hands each request, byte for byte, back to the Larder that sent it.
    let back: Arc<OnceLock<SocketAddr>> = Arc::default();
    let to = back.clone();
    let origin = Origin::answering(move |asked| {
        let mut client = Client::connect(*to.get().expect("Larder has started"));
        client.send(&asked.head);
        let received = client.read_to(&asked.method);
        Reply::status(received.status, received.text()).with("X-Seen", received.cache())
    });
    let larder = Larder::before(&origin);
    back.set(larder.address).unwrap();
    for method in ["GET", "POST"] {
        let received = larder.ask(method, "/", &[]);
        assert_eq!(received.status, 508, "{method}");
        assert_eq!(received.field("x-seen"), Some("larder; detail=loop"), "{method}");
        assert!(received.text().starts_with("508"), "{}", received.text());
    }
    assert_eq!(origin.count(), 2, "it goes round once, not for ever");
}

#[test]
fn nodes_have_names_of_their_own_by_which_they_see_loops() {
    let origin = Origin::as_told();
    let named = "[server]\nnode = \"edge-1\"\n[[site]]\norigin = \"{origin}\"";
    let edge = Larder::configured(named, &origin);
    let asked = sent(&edge, &origin, "/", &[("CDN-Loop", "other; v=1")]);
    assert_eq!(asked.all("cdn-loop").join(", "), "other; v=1, edge-1");
    for looped in ["edge-1", "other, edge-1; hops=2"] {
        assert_eq!(edge.get_with("/", &[("CDN-Loop", looped)]).status, 508, "{looped}");
    }
    assert_eq!(edge.get_with("/", &[("CDN-Loop", "edge-11")]).status, 200);
    let names = [(); 2].map(|()| {
        let larder = Setup::default().origin(&origin).start();
        sent(&larder, &origin, "/", &[]).all("cdn-loop").join("|")
    });
    assert_ne!(names[0], names[1], "two nodes without names do not take each other for a loop");
    assert!(names.iter().all(|name| !name.is_empty()));
}

#[test]
fn fields_of_the_clients_connection_end_at_larder() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let fields = [
        ("Connection", "keep-alive, X-Mine,, upgrade"),
        ("Connection", "x-OTHER"),
        ("X-Mine", "1"),
        ("X-Other", "2"),
        ("X-Kept", "3"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic YTpi"),
        ("TE", "trailers, gzip"),
        ("Upgrade", "h2c"),
        ("Trailer", "X-Sum"),
    ];
    for method in ["GET", "POST"] {
        let received = larder.ask(method, "/", &fields);
        assert_eq!(received.status, 200, "{method}");
        let asked = origin.last();
        for (name, _) in fields.iter().filter(|(name, _)| *name != "X-Kept") {
            assert_eq!(asked.field(name), None, "{method} {name}");
        }
        assert_eq!(asked.field("x-kept"), Some("3"), "{method}");
    }
}

#[test]
fn fields_of_the_origins_connection_end_at_larder() {
    let reply = |asked: &Asked| {
        let reply = if asked.target == "/stored" { "max-age=60" } else { "no-store" };
        Reply::cached(reply, "x")
            .with("Connection", "X-Mine, keep-alive")
            .with("Connection", "x-OTHER")
            .with("X-Mine", "1")
            .with("X-Other", "2")
            .with("X-Kept", "3")
            .with("Keep-Alive", "timeout=5")
            .with("Proxy-Connection", "keep-alive")
            .with("Proxy-Authenticate", "Basic")
            .with("Upgrade", "h2c")
    };
    let origin = Origin::answering(reply);
    let larder = Larder::before(&origin);
    let first = larder.fill("/stored");
    let hit = larder.get("/stored");
    assert!(hit.is_hit(), "{}", hit.cache());
    let not_stored = larder.get("/");
    let passed = post(&larder, "/", &[]);
    for received in [first, hit, not_stored, passed] {
        for name in ["x-mine", "x-other", "proxy-connection", "proxy-authenticate", "upgrade"] {
            assert_eq!(received.field(name), None, "{name} {}", received.cache());
        }
        assert_ne!(received.field("keep-alive"), Some("timeout=5"), "{}", received.cache());
        assert_eq!(received.field("x-kept"), Some("3"), "{}", received.cache());
    }
}

#[test]
fn fields_that_change_answers_in_secret_never_reach_the_origin() {
    let origin = Origin::as_told();
    let toml = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[[site]]\norigin = \"{origin}\"";
    let larder = Larder::configured(toml, &origin);
    let fields = [
        ("X-Original-URL", "/admin"),
        ("X-Rewrite-URL", "/admin"),
        ("x-middleware-subrequest", "middleware"),
    ];
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        larder.ask(method, "/", &fields);
        for (name, _) in fields {
            assert_eq!(origin.last().field(name), None, "{method} {name}, not even from friends");
        }
    }
    let other = [("X-HTTP-Method-Override", "DELETE")];
    assert_eq!(sent(&larder, &origin, "/cached", &other).field(other[0].0), None);
    post(&larder, "/", &other);
    assert_eq!(origin.last().field(other[0].0), Some("DELETE"), "a POST is in no key");
}

#[test]
fn accept_encoding_has_one_spelling_by_way_of_the_cache_and_its_own_past_it() {
    let origin = Origin::as_told();
    let rule = "match.path = \"/off\"\ncache = \"off\"";
    let larder = Larder::with_rule(rule, &origin);
    for (number, (wish, spelled)) in [
        ("gzip, deflate, br;q=0.5", Some("br, gzip")),
        ("*", Some("zstd, br, gzip")),
        ("deflate", None),
        ("identity;q=0, gzip", Some("identity;q=0, gzip")),
    ]
    .into_iter()
    .enumerate()
    {
        let fields = [("Accept-Encoding", wish)];
        let cached = sent(&larder, &origin, &format!("/{number}"), &fields);
        assert_eq!(cached.field("accept-encoding"), spelled, "{wish}");
        let off = sent(&larder, &origin, "/off", &fields);
        assert_eq!(off.all("accept-encoding"), [wish]);
        post(&larder, "/", &fields);
        assert_eq!(origin.last().all("accept-encoding"), [wish]);
    }
    assert_eq!(sent(&larder, &origin, "/none", &[]).field("accept-encoding"), None);
}

#[test]
fn equal_wishes_for_codings_share_what_varies_by_them() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    let reply = ("X-Reply", "Cache-Control: max-age=60 | Vary: Accept-Encoding");
    let get = |wish| larder.fill_with("/", &[reply, ("Accept-Encoding", wish)]);
    get("gzip, deflate, br");
    assert!(get("br;q=0.9, GZIP").is_hit());
    assert!(!get("gzip").is_hit());
    assert_eq!(origin.count(), 2);
}

#[test]
fn methods_that_anticipate_a_body_say_that_there_is_none() {
    let origin = Origin::as_told();
    let larder = Larder::before(&origin);
    for (method, fields, length) in [
        ("POST", vec![], Some("0")),
        ("POST", vec![("Content-Length", "0")], Some("0")),
        ("PUT", vec![], Some("0")),
        ("PATCH", vec![], Some("0")),
        ("GET", vec![], None),
        ("HEAD", vec![], None),
        ("OPTIONS", vec![], None),
    ] {
        larder.ask(method, "/", &fields);
        let asked = origin.last();
        assert_eq!(asked.method, method);
        assert_eq!(asked.field("content-length"), length, "{method} {fields:?}");
        assert_eq!(asked.field("transfer-encoding"), None, "{method} {fields:?}");
    }
}
