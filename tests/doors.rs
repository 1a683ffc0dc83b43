//! What the sites' listeners answer by themselves: calls to revalidate pages, and PURGE.

use crate::support::{Http2, Larder, Origin, Received, Reply, until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SECRET: &str = "a-secret-of-the-content-system";

fn origin() -> Origin {
    Origin::answering(|asked| {
        let reply = Reply::cached("max-age=3600", format!("{} {}", asked.method, asked.number));
        match asked.field("x-tags") {
            Some(tags) => reply.with("Cache-Tag", tags),
            None => reply,
        }
    })
}

fn configured(origin: &Origin) -> Larder {
    let toml = format!(
        "[[site]]\norigin = \"{{origin}}\"\n[site.revalidate]\nsecret = \"{SECRET}\"\n\
         [site.purge_method]\ntoken = \"{SECRET}\"\n"
    );
    Larder::configured(&toml, origin)
}

fn post(larder: &Larder, body: &str) -> Received {
    let mut client = larder.connect();
    let head = format!(
        "POST /api/revalidate HTTP/1.1\r\nHost: site.test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    client.send(head);
    client.read_to("POST")
}

fn revalidate(larder: &Larder, body: &Value) -> (u16, Value) {
    let answer = post(larder, &body.to_string());
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    (answer.status, serde_json::from_str(&answer.text()).unwrap())
}

#[test]
fn a_content_system_says_which_pages_changed() {
    let origin = origin();
    let larder = configured(&origin);
    let targets = ["/news", "/news?page=2", "/news/1", "/newsletter"];
    targets.iter().for_each(|target| drop(larder.fill(target)));
    larder.fill_with("/tagged", &[("X-Tags", "post:1")]);
    let asked = origin.count();
    let (status, said) =
        revalidate(&larder, &json!({ "secret": SECRET, "paths": ["/news"], "tags": ["post:1"] }));
    assert_eq!(status, 200);
    assert_eq!(said, json!({ "success": true, "invalidated": 2, "paths": ["/news"] }));
    assert_eq!(origin.count(), asked, "the origin hears nothing of it");
    for target in ["/news", "/news?page=2", "/tagged"] {
        assert!(larder.get(target).cache().contains("fwd=uri-miss"), "{target}");
    }
    for target in ["/news/1", "/newsletter"] {
        assert!(larder.get(target).is_hit(), "{target}");
    }
}

#[test]
fn a_path_is_that_of_its_site_only() {
    let origin = origin();
    let toml = format!(
        "[[site]]\nhosts = [\"a.test\", \"*.a.test\"]\norigin = \"{{origin}}\"\n\
         revalidate = {{ path = \"/hook\", secret = \"{SECRET}\" }}\n\
         [[site]]\norigin = \"{{origin}}\"\n"
    );
    let larder = Larder::configured(&toml, &origin);
    let at = |host: &'static str| [("Host", host)];
    for host in ["a.test", "x.a.test", "b.test"] {
        larder.fill_with("/p", &at(host));
    }
    let mut client = larder.connect();
    let body = json!({ "secret": SECRET, "paths": ["/p"] }).to_string();
    let ask = |host: &str| {
        format!(
            "POST /hook HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    client.send(ask("b.test"));
    assert!(client.read_to("POST").text().starts_with("POST"), "another site has no such door");
    client.send(ask("x.a.test"));
    assert_eq!(client.read_to("POST").status, 200);
    assert!(!larder.get_with("/p", &at("a.test")).is_hit());
    assert!(!larder.get_with("/p", &at("x.a.test")).is_hit());
    assert!(larder.get_with("/p", &at("b.test")).is_hit());
}

#[test]
fn a_call_that_is_wrong_purges_nothing_and_says_why() {
    let origin = origin();
    let larder = configured(&origin);
    larder.fill("/news");
    for (body, status, part) in [
        (json!({ "secret": "wrong", "paths": ["/news"] }), 401, "secret"),
        (json!({ "paths": ["/news"] }), 401, "secret"),
        (json!({ "secret": 1, "paths": ["/news"] }), 401, "secret"),
        (json!({ "secret": SECRET }), 400, "name paths or tags"),
        (json!({ "secret": SECRET, "paths": [], "tags": [] }), 400, "name paths or tags"),
        (json!({ "secret": SECRET, "paths": ["/news", "news"] }), 400, "begins with /"),
        (json!({ "secret": SECRET, "pathes": ["/news"] }), 400, "unknown field"),
        (json!([SECRET]), 400, "no JSON object"),
    ] {
        let (found, said) = revalidate(&larder, &body);
        assert_eq!(found, status, "{body}");
        assert_eq!(said["success"], false);
        assert!(said["error"].as_str().unwrap().contains(part), "{said}");
        assert!(!said.to_string().contains(SECRET), "{said}");
    }
    assert_eq!(post(&larder, "{\"secret\"").status, 400);
    let long = post(&larder, &"x".repeat((1 << 20) + 1));
    assert_eq!((long.status, long.field("content-type")), (413, Some("application/json")));
    assert!(long.text().contains("1048576 bytes"), "{}", long.text());
    let read = larder.get("/api/revalidate");
    assert_eq!((read.status, read.field("allow")), (405, Some("POST")));
    assert!(larder.get("/news").is_hit());
    assert_eq!(larder.metrics().sum("larder_doors_turned_away_total", &[]), 3);
}

#[test]
fn long_bodies_of_strangers_are_few_and_hold_up_no_short_call() {
    let origin = origin();
    let larder = configured(&origin);
    let asked = json!({ "secret": SECRET, "paths": ["/news"] }).to_string();
    let long = format!("{asked}{}", " ".repeat(100_000));
    let begun = |body: &str| {
        let mut client = larder.connect();
        client.send(format!(
            "POST /api/revalidate HTTP/1.1\r\nHost: site.test\r\nContent-Length: {}\r\n\r\n{}",
            long.len(),
            body
        ));
        client
    };
    // All from one address, which has four places.
    let mut strangers: Vec<_> = (0..4).map(|_| begun(&long[..50_000])).collect();
    larder.settle();
    assert_eq!(post(&larder, &asked).status, 200, "a short one needs no place");
    strangers.pop();
    assert_eq!(post(&larder, &long).status, 200, "who leaves gives the place back");
    assert_eq!(post(&larder, &long).status, 200, "and so does who is answered");
}

#[test]
fn bodies_that_do_not_come_on_give_way_to_others_from_however_many_addresses() {
    let origin = origin();
    let toml = format!(
        "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[[site]]\norigin = \"{{origin}}\"\n\
         revalidate.secret = \"{SECRET}\"\n"
    );
    let larder = Larder::configured(&toml, &origin);
    let asked = json!({ "secret": SECRET, "paths": ["/news"] }).to_string();
    let long = format!("{asked}{}", " ".repeat(100_000));
    let begun = |from: usize, body: &str| {
        let mut client = larder.connect();
        client.send(format!(
            "POST /api/revalidate HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-For: 192.0.2.{from}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            long.len(),
        ));
        client
    };
    // Four addresses have all places.
    let strangers: Vec<_> = (0..16).map(|number| begun(number / 4, &long[..50_000])).collect();
    until("all places are taken", || {
        let since = Instant::now();
        assert_eq!(begun(9, &long).read_to("POST").status, 200);
        let took = since.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}");
        (took > Duration::from_secs(1)).then_some(())
    });
    let statuses = strangers.into_iter().map(|mut client| {
        let _ = client.try_send(&long[50_000..]);
        client.try_read().map_or(0, |answer| answer.status)
    });
    let served = statuses.filter(|status| *status == 200).count();
    assert_eq!(served, 15, "all but one go on");
}

#[test]
fn doors_answer_over_http2_too() {
    let origin = origin();
    let larder = configured(&origin);
    let mut client = Http2::plain(larder.address);
    let half = vec![b' '; 600_000];
    let long = client.post("/api/revalidate", [&half, &half]);
    assert_eq!((long.status, long.text().contains("1048576")), (413, true));
    let asked = json!({ "secret": SECRET, "paths": ["/news"] }).to_string();
    let (one, other) = asked.as_bytes().split_at(9);
    assert_eq!(client.post("/api/revalidate", [one, other]).status, 200);
    let wrong = client.post("/api/revalidate", [b"{\"secret\":", b"\"x\"}"]);
    assert_eq!(wrong.status, 401);
    assert_eq!(client.ask("HEAD", "/api/revalidate", &[]).status, 405);
}

#[test]
fn without_a_secret_the_path_is_the_origins() {
    let origin = origin();
    let larder = Larder::before(&origin);
    assert_eq!(post(&larder, "{}").text(), "POST 0");
    assert_eq!(larder.ask("PURGE", "/x", &[]).text(), "PURGE 1");
}

#[test]
fn purge_takes_away_a_url_or_what_bears_a_tag() {
    let origin = origin();
    let larder = configured(&origin);
    let bearer = format!("Bearer {SECRET}");
    let token = ("Authorization", bearer.as_str());
    for target in ["/a", "/a?x", "/b"] {
        larder.fill_with(target, &[("X-Tags", "t1, t2")]);
    }
    for wrong in [&[][..], &[("Authorization", "Bearer no")], &[("Authorization", SECRET)]] {
        let refused = larder.ask("PURGE", "/a", wrong);
        assert_eq!(refused.status, 401);
        assert!(refused.field("www-authenticate").is_some());
    }
    let pattern = larder.ask("PURGE", "/.*", &[token, ("X-Purge-Method", "regex")]);
    assert_eq!(pattern.status, 400, "what would purge nothing is not said to be done");
    assert!(larder.get("/a").is_hit());
    let purged = larder.ask("PURGE", "/a", &[token]);
    assert_eq!(purged.status, 200);
    let said: Value = serde_json::from_str(&purged.text()).unwrap();
    assert_eq!((&said["success"], &said["invalidated"]), (&json!(true), &json!(1)));
    assert!(!larder.get("/a").is_hit());
    assert!(larder.get("/a?x").is_hit() && larder.get("/b").is_hit());
    let by_tag = larder.ask("PURGE", "/anything", &[token, ("Surrogate-Key", "t2 t9")]);
    assert_eq!(by_tag.status, 200);
    assert!(!larder.get("/a?x").is_hit() && !larder.get("/b").is_hit());
    assert!(origin.asked().iter().all(|asked| asked.method != "PURGE"));
}

#[test]
fn a_soft_purge_leaves_what_may_be_served_stale() {
    let origin = Origin::answering(|asked| {
        Reply::cached("max-age=60, stale-while-revalidate=600", asked.number.to_string())
    });
    let larder = configured(&origin);
    let bearer = format!("Bearer {SECRET}");
    larder.fill("/a");
    larder.ask("PURGE", "/a", &[("Authorization", &bearer), ("Fastly-Soft-Purge", "1")]);
    let stale = larder.get("/a");
    assert_eq!(stale.text(), "0");
    assert!(stale.cache().ends_with("detail=stale-while-revalidate"), "{}", stale.cache());
}

#[test]
fn purge_comes_from_addresses_that_are_named() {
    let origin = origin();
    let toml = |addresses: &str| {
        format!(
            "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[[site]]\norigin = \"{{origin}}\"\n\
             purge_method = {{ addresses = [{addresses}] }}\n"
        )
    };
    let larder = Larder::configured(&toml("\"192.0.2.0/24\""), &origin);
    for (forwarded, status) in
        [(None, 403), (Some("192.0.2.7"), 200), (Some("192.0.2.7, 6.6.6.6"), 403), (Some("x"), 403)]
    {
        let fields: Vec<_> =
            forwarded.map(|value| ("X-Forwarded-For", value)).into_iter().collect();
        assert_eq!(larder.ask("PURGE", "/a", &fields).status, status, "{forwarded:?}");
    }
    let local = Larder::configured(&toml("\"127.0.0.1\""), &origin);
    assert_eq!(local.ask("PURGE", "/a", &[]).status, 200);
}
