//! What is answered without the origin, and what answers bear for who asks: CORS, redirects to
//! https, HSTS, Max-Forwards.

use crate::support::{Authority, Larder, Origin, Reply, Setup};

const CORS: &str = "match = { path = \"/api/*\" }\n\
    cors = { origins = [\"https://a.test\", \"https://*.b.test\"], methods = [\"GET\", \"PUT\"], \
    expose = [\"X-Total\"], credentials = true, max_age = \"5m\" }";

fn api() -> Origin {
    Origin::answering(|asked| {
        Reply::cached("max-age=60", asked.number.to_string())
            .with("Access-Control-Allow-Origin", "https://of-the-origin.test")
            .with("Vary", "Origin, Accept-Encoding")
            .with("X-Told", asked.field("origin").unwrap_or("nobody"))
    })
}

#[test]
fn who_may_read_is_said_when_it_goes_out_and_all_share_what_is_stored() {
    let origin = api();
    let larder = Larder::with_rule(CORS, &origin);
    for (asks, allowed) in [
        (Some("https://a.test"), Some("https://a.test")),
        (Some("https://x.b.test"), Some("https://x.b.test")),
        (Some("https://stranger.test"), None),
        (None, None),
    ] {
        let fields: Vec<_> = asks.map(|asks| ("Origin", asks)).into_iter().collect();
        let answer = larder.fill_with("/api/x", &fields);
        assert_eq!(answer.field("access-control-allow-origin"), allowed, "{asks:?}");
        let credentials = answer.field("access-control-allow-credentials");
        assert_eq!(credentials, allowed.map(|_| "true"));
        assert!(answer.all("vary").join(", ").contains("Origin"), "{answer:?}");
        assert_eq!((answer.text().as_str(), answer.field("x-told")), ("0", Some("nobody")));
    }
    assert_eq!(origin.count(), 1, "strangers' origins split nothing");
    assert_eq!(
        larder
            .get_with("/other", &[("Origin", "https://a.test")])
            .field("access-control-allow-origin"),
        Some("https://of-the-origin.test"),
        "elsewhere the origin decides"
    );
}

#[test]
fn errors_can_be_read_by_pages_too() {
    let origin = api();
    origin.go_away();
    let larder = Larder::with_rule(CORS, &origin);
    let answer = larder.get_with("/api/x", &[("Origin", "https://a.test")]);
    assert_eq!(
        (answer.status, answer.field("access-control-allow-origin")),
        (502, Some("https://a.test"))
    );
}

#[test]
fn preflights_are_answered_here() {
    let origin = api();
    let larder = Larder::with_rule(CORS, &origin);
    let asks = |from: &'static str| {
        [
            ("Origin", from),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", "x-a, content-type"),
        ]
    };
    let answer = larder.ask("OPTIONS", "/api/x", &asks("https://a.test"));
    assert_eq!((answer.status, answer.cache()), (204, "larder; detail=preflight"));
    assert_eq!(answer.field("access-control-allow-origin"), Some("https://a.test"));
    assert_eq!(answer.field("access-control-allow-methods"), Some("GET, PUT"));
    assert_eq!(answer.field("access-control-allow-headers"), Some("x-a, content-type"));
    assert_eq!(answer.field("access-control-max-age"), Some("300"));
    let refused = larder.ask("OPTIONS", "/api/x", &asks("https://stranger.test"));
    assert_eq!((refused.status, refused.field("access-control-allow-origin")), (204, None));
    assert_eq!(origin.count(), 0);
    assert_eq!(larder.ask("OPTIONS", "/elsewhere", &asks("https://a.test")).status, 200);
    assert_eq!(larder.ask("OPTIONS", "/api/x", &[]).status, 200, "no preflight");
    assert_eq!(origin.count(), 2);
}

#[test]
fn plain_requests_are_sent_to_https_which_bears_hsts() {
    let (authority, origin) = (Authority::new(), api());
    let site = "server.trusted_proxies = [\"127.0.0.1\"]\n[[site]]\norigin = \"{origin}\"\n\
                redirect_to_https = true\nhsts = { max_age = \"365d\", subdomains = true }";
    let larder = Setup::default().secure(&authority, &["site.test"], site, &origin).start();
    let to = Some("https://site.test/a?b=%2F");
    for (method, status) in [("GET", 301), ("HEAD", 301), ("POST", 308)] {
        let answer = larder.ask(method, "/a?b=%2F", &[]);
        assert_eq!((answer.status, answer.field("location")), (status, to));
        assert_eq!(answer.cache(), "larder; detail=redirect-to-https");
        assert_eq!(answer.field("strict-transport-security"), None);
    }
    assert_eq!(origin.count(), 0);
    let address = larder.secure.expect("it listens with TLS");
    let answer = authority.connect(address, "site.test").get("/a").expect("it is believed");
    let hsts = Some("max-age=31536000; includeSubDomains");
    assert_eq!((answer.status, answer.field("strict-transport-security")), (200, hsts));
    let behind = larder.get_with("/a", &[("X-Forwarded-Proto", "https")]);
    assert_eq!((behind.status, behind.field("strict-transport-security")), (200, hsts));
}

#[test]
fn what_was_stored_before_bears_the_sites_own_hsts_once() {
    let origin = Origin::answering(|_| {
        Reply::cached("max-age=60", "a").with("Strict-Transport-Security", "max-age=5")
    });
    let site = "server.trusted_proxies = [\"127.0.0.1\"]\n[[site]]\norigin = \"{origin}\"\n";
    let larder = Larder::configured(site, &origin);
    let secure = [("X-Forwarded-Proto", "https")];
    let before = larder.fill_with("/a", &secure);
    assert_eq!(before.all("strict-transport-security"), ["max-age=5"]);
    let with = format!("{site}hsts = {{ max_age = \"365d\" }}\n");
    larder.reload(&with.replace("{origin}", &format!("http://{}", origin.address())));
    larder.wait_for_error_line("is in effect");
    let after = larder.get_with("/a", &secure);
    assert!(after.is_hit(), "{}", after.cache());
    assert_eq!(after.all("strict-transport-security"), ["max-age=31536000"]);
}

#[test]
fn a_request_that_is_to_go_no_further_does_not() {
    let origin = api();
    let larder = Larder::before(&origin);
    assert_eq!(larder.ask("OPTIONS", "/", &[("Max-Forwards", "0")]).status, 204);
    assert_eq!(larder.ask("TRACE", "/", &[("Max-Forwards", "0")]).status, 405);
    assert_eq!(origin.count(), 0);
    assert_eq!(larder.ask("OPTIONS", "/", &[("Max-Forwards", "2")]).status, 200);
    assert_eq!(origin.last().field("max-forwards"), Some("1"));
    assert_eq!(larder.ask("GET", "/", &[("Max-Forwards", "0")]).status, 200);
}
