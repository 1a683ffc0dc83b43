//! `larder explain` and `/v1/explain`: what they say of a request is what then happens to it, and
//! asking changes nothing.

use crate::support::{Client, Gate, Larder, Origin, Reply, request};
use serde_json::{Value, json};

const CONFIG: &str = r#"
[[site]]
hosts = ["site.test", "*.more.test"]
origin = "{origin}"
session_cookies = ["sid"]

[[site.rule]]
match = { path = "/off/*" }
cache = "off"

[[site.rule]]
match = { path = "/keyed/*" }
key = { query = { drop = ["utm_*"] }, cookies = ["plan"] }

[[site]]
hosts = ["other.test"]
origin = "{origin}"
"#;

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

fn explain_as(larder: &Larder, method: &str, url: &str, fields: &[(&str, &str)]) -> Value {
    let headers: String = fields
        .iter()
        .map(|(name, value)| format!("&header={}", encoded(&format!("{name}: {value}"))))
        .collect();
    larder.admin_json(&format!("/v1/explain?url={}&method={method}{headers}", encoded(url)))
}

fn explain(larder: &Larder, target: &str, fields: &[(&str, &str)]) -> Value {
    explain_as(larder, "GET", &format!("http://site.test{target}"), fields)
}

fn fetch(larder: &Larder, url: &str, headers: &[&str]) -> Value {
    let body = json!({ "url": url, "headers": headers }).to_string();
    let received = larder.admin_post("/v1/explain", &body);
    assert_eq!(received.status, 200, "{}", received.text());
    serde_json::from_str(&received.text()).expect("it is JSON")
}

/// What is said of a request is what happens to it when it comes.
fn assert_true(larder: &Larder, method: &str, target: &str, fields: &[(&str, &str)], says: &str) {
    let told = explain_as(larder, method, &format!("http://site.test{target}"), fields);
    let verdict = &told["verdict"];
    assert_eq!(verdict["outcome"], says, "{method} {target} {fields:?}: {told:#}");
    let answer = larder.ask(method, target, fields);
    let detail = answer.cache().split("detail=").nth(1);
    // Of an answer that is not stored `detail` says why it is not.
    let is_dropped = says == "miss" && !answer.cache().contains("; stored");
    if !is_dropped {
        assert_eq!(verdict["reason"].as_str(), detail, "{}", answer.cache());
    }
    let is_hit = ["hit", "stale"].contains(&says);
    assert_eq!(answer.is_hit(), is_hit, "{}", answer.cache());
    if is_hit {
        let ttl = format!("ttl={}", told["stored"]["ttl"]);
        assert!(answer.cache().contains(&ttl), "{} {ttl}", answer.cache());
    }
    larder.settle();
}

#[test]
fn what_is_said_of_a_request_happens_to_it() {
    let origin = Origin::as_told();
    let larder = Larder::configured(CONFIG, &origin);
    let reply = |reply: &'static str| [("X-Reply", reply)];
    assert_true(&larder, "GET", "/a", &reply("Cache-Control: max-age=60"), "miss");
    assert_true(&larder, "GET", "/a", &[], "hit");
    assert_true(&larder, "HEAD", "/a", &[], "hit");
    let fresh = ("X-Reply", "Cache-Control: max-age=60");
    assert_true(&larder, "GET", "/a", &[("Cache-Control", "no-cache"), fresh], "revalidate");
    assert_true(&larder, "GET", "/a", &[("Authorization", "Basic eDp5")], "miss");
    assert_true(&larder, "POST", "/x", &[], "pass");
    assert_true(&larder, "GET", "/off/x", &[], "pass");
    assert_true(&larder, "GET", "/a", &[("Cookie", "lang=de; sid=1")], "pass");
    assert_true(&larder, "GET", "/none", &[("Cache-Control", "only-if-cached")], "refused");
    let swr = "Cache-Control: max-age=5, stale-while-revalidate=600";
    larder.told("/swr", swr);
    larder.turn_clock(10);
    assert_true(&larder, "GET", "/swr", &reply(swr), "stale");
    larder.told("/old", "Cache-Control: max-age=5 | ETag: \"a\"");
    larder.turn_clock(10);
    assert_true(&larder, "GET", "/old", &[("Cache-Control", "max-stale")], "stale");
    assert_true(&larder, "GET", "/old", &[fresh], "revalidate");
    larder.told("/vary", "Cache-Control: max-age=60 | Vary: X-Reply");
    assert_true(&larder, "GET", "/vary", &[fresh], "miss");
    larder.told("/no", "Cache-Control: no-store");
    assert_true(&larder, "GET", "/no", &[fresh], "miss");
    assert_true(&larder, "GET", "/no", &[], "hit");
    larder.told("/posted", "Cache-Control: max-age=60 | ETag: \"a\"");
    larder.ask("POST", "/posted", &[]);
    assert_true(&larder, "GET", "/posted", &[fresh], "revalidate");
    larder.told("/keyed/a?b=1", "Cache-Control: max-age=60");
    assert_true(&larder, "GET", "/keyed/a?utm_source=x&b=1", &[], "hit");
    let public = ("X-Reply", "Cache-Control: s-maxage=60");
    assert_true(&larder, "GET", "/keyed/a?b=1", &[("Cookie", "plan=pro"), public], "miss");
}

#[test]
fn rule_key_and_cookies_are_told_and_no_value_of_others() {
    let origin = Origin::as_told();
    let larder = Larder::configured(CONFIG, &origin);
    let vary = ("X-Reply", "Cache-Control: public, max-age=60 | Vary: Authorization");
    larder.fill_with("/keyed/a?b=1", &[("Authorization", "Bearer s3cret"), vary]);
    let fields = [("Cookie", "plan=pro; _ga=1; lang=de")];
    let told = explain(&larder, "/keyed/a?utm_source=x&b=1", &fields);
    assert_eq!((&told["rule"]["of"], &told["rule"]["number"]), (&"site".into(), &2.into()));
    let key = &told["key"];
    assert_eq!((&key["path"], &key["query"]), (&"/keyed/a".into(), &"b=1".into()));
    assert_eq!(key["dropped"][0]["parameter"], "utm_source=x");
    assert_eq!(key["parts"], json!([{ "name": "cookie plan", "value": "pro" }]));
    let roles: Vec<&Value> =
        told["request"]["cookies"].as_array().unwrap().iter().map(|one| &one["role"]).collect();
    assert_eq!(roles, ["keyed", "ignored", "counts"]);
    let told = explain(&larder, "/keyed/a?b=1", &[("Authorization", "Bearer s3cret")]);
    assert_eq!(told["verdict"]["outcome"], "hit", "{told:#}");
    assert!(!told.to_string().contains("s3cret"), "{told:#}");
}

#[test]
fn asking_moves_nothing_and_asks_nobody() {
    let origin = Origin::as_told();
    let mut larder = Larder::configured(CONFIG, &origin);
    larder.told("/a", "Cache-Control: max-age=600");
    let tiers = |larder: &Larder| explain(larder, "/a", &[])["stored"]["tiers"].clone();
    assert_eq!(tiers(&larder), json!(["memory", "disk"]));
    larder.restart();
    for _ in 0..3 {
        assert_eq!(tiers(&larder), json!(["disk"]));
    }
    assert_eq!(explain(&larder, "/a", &[])["verdict"]["outcome"], "hit");
    larder.get("/a");
    assert_eq!(tiers(&larder), json!(["memory", "disk"]));
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_purge_is_named_with_who_and_why_and_still_after_a_restart() {
    let origin = Origin::as_told();
    let mut larder = Larder::configured(CONFIG, &origin);
    let reply = "Cache-Control: max-age=600 | Cache-Tag: news, front";
    larder.told("/a", reply);
    larder.command(&["purge", "--tag", "news", "--soft", "--reason", "typo"]);
    let told = explain(&larder, "/a", &[]);
    assert_eq!(told["verdict"]["reason"], "stale", "{told:#}");
    let stored = &told["stored"];
    assert_eq!(
        (&stored["fresh"], &stored["says"]["lifetime_by"]),
        (&false.into(), &"purge".into())
    );
    let purged = &stored["purged"];
    let by = &purged["by"][0];
    assert_eq!((&purged["effect"], &by["force"]), (&"stale".into(), &"soft".into()));
    assert_eq!((&by["scope"], &by["seq"]), (&"tag news".into(), &1.into()));
    assert_eq!((&by["by"], &by["why"]), (&"admin.token".into(), &"typo".into()));
    larder.command(&["purge", "site.test/a", "--reason", "wrong"]);
    for _ in 0..2 {
        let told = explain(&larder, "/a", &[]);
        let verdict = &told["verdict"];
        let found = (&verdict["outcome"], &verdict["reason"], &told["stored"]["fresh"]);
        assert_eq!(found, (&"miss".into(), &"uri-miss".into(), &false.into()), "{told:#}");
        let purged = &told["stored"]["purged"];
        let by = purged["by"].as_array().expect("both are named");
        assert_eq!((&purged["effect"], by.len()), (&"gone".into(), 2));
        let scope = &by[0]["scope"];
        assert_eq!((scope, &by[0]["why"]), (&"url site.test/a".into(), &"wrong".into()));
        let (_, output, _) = larder.command(&["explain", "http://site.test/a"]);
        assert!(output.contains("purged    hard by purge 2 of url site.test/a, "), "{output}");
        larder.restart();
    }
    assert_true(&larder, "GET", "/a", &[("X-Reply", reply)], "miss");
    assert_eq!(explain(&larder, "/a", &[])["stored"]["purged"], Value::Null);
}

#[test]
fn pages_that_are_regenerated_and_purges_at_a_pace_are_told() {
    let origin = Origin::as_told();
    let rules = "[purge]\npaced_rate = 1\n[[site]]\norigin = \"{origin}\"\n[[site.rule]]\n\
                 match = { path = \"/isr/{slug}\" }\nrevalidate = \"60s\"\ntags = [\"p:{slug}\"]\n";
    let larder = Larder::configured(rules, &origin);
    larder.told("/isr/a", "Cache-Control: max-age=5");
    let told = explain(&larder, "/isr/a", &[]);
    assert_eq!(told["rule"]["matches"], json!(["path /isr/{slug}"]));
    assert_eq!(told["rule"]["sets"], json!(["revalidate 60s", "tags p:{slug}"]));
    let stored = (&told["stored"]["says"]["lifetime_by"], &told["stored"]["tags"][0]);
    assert_eq!(stored, (&"rule".into(), &"p:a".into()));
    larder.turn_clock(61);
    assert_true(&larder, "GET", "/isr/a", &[("X-Reply", "Cache-Control: max-age=5")], "stale");
    for target in ["/b", "/c"] {
        larder.told(target, "Cache-Control: s-maxage=600");
    }
    larder.command(&["purge", "--all", "--paced"]);
    assert_true(&larder, "GET", "/b", &[], "stale");
    let told = explain(&larder, "/c", &[]);
    assert_eq!(told["verdict"]["reason"], "paced-purge", "{told:#}");
    assert_eq!(told["stored"]["purged"]["by"][0]["force"], "paced");
    assert!(told["stored"]["paced_until"].is_u64());
}

#[test]
fn kept_assets_and_groups_are_told() {
    let origin = Origin::answering(|asked| match (asked.method.as_str(), asked.number) {
        ("POST", _) => Reply::ok("").with("Cache-Group-Invalidation", "\"g\""),
        (_, 0) => Reply::cached("public, max-age=60, immutable", "chunk"),
        (_, 1) => Reply::cached("max-age=60", "page").with("Cache-Groups", "\"g\""),
        _ => Reply::status(404, "gone"),
    });
    let toml = "[[site]]\norigin = \"{origin}\"\npreset = \"nextjs\"";
    let larder = Larder::configured(toml, &origin);
    larder.fill("/a.js");
    larder.fill("/page");
    larder.ask("POST", "/form", &[]);
    let told = explain(&larder, "/page", &[]);
    let by = &told["stored"]["purged"]["by"][0];
    assert_eq!(by["scope"], "group g of http://site.test", "{told:#}");
    larder.turn_clock(61);
    assert_eq!(explain(&larder, "/a.js", &[])["verdict"]["outcome"], "revalidate");
    let fetched = fetch(&larder, "http://site.test/a.js", &[]);
    assert_eq!(fetched["fetched"]["reason"], "older-kept", "{fetched:#}");
    assert!(larder.get("/a.js").cache().ends_with("detail=kept-asset"));
    assert_eq!(explain(&larder, "/a.js", &[])["paused"], true);
    assert_true(&larder, "GET", "/a.js", &[], "stale");
}

#[test]
fn what_is_answered_here_asks_no_origin() {
    let origin = Origin::as_told();
    let site = "[[site]]\norigin = \"{origin}\"\nredirect_to_https = true\npreset = \"astro\"\n";
    let larder = Larder::configured(site, &origin);
    assert_true(&larder, "GET", "/a", &[], "here");
    let told = fetch(&larder, "http://site.test/a", &[]);
    assert_eq!(told["verdict"]["reason"], "redirect-to-https", "{told:#}");
    assert!(told["fetched"]["error"].is_object() && origin.count() == 0, "{told:#}");
    let told = explain_as(&larder, "GET", "site.test/_actions/x", &[]);
    assert_eq!(told["url"], "https://site.test/_actions/x", "https is meant where it is spoken");
    let rule = (&told["rule"]["of"], &told["rule"]["number"], &told["verdict"]["reason"]);
    assert_eq!(rule, (&"preset".into(), &1.into(), &"rule-off".into()));
}

#[test]
fn parts_that_are_here_are_told_from_those_that_are_not() {
    const TOTAL: usize = 300_000;
    let origin = Origin::answering(|asked| {
        let whole = vec![7; TOTAL];
        let cached = |reply: Reply| reply.with("Cache-Control", "max-age=60").with("ETag", "\"a\"");
        match asked.field("range").and_then(|range| range.strip_prefix("bytes=")) {
            Some(range) => {
                let (first, last) = range.split_once('-').unwrap();
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                let last = last.min(TOTAL - 1);
                let range = format!("bytes {first}-{last}/{TOTAL}");
                cached(Reply::status(206, &whole[first..=last])).with("Content-Range", &range)
            }
            None => cached(Reply::ok(whole)),
        }
    });
    let larder = Larder::configured(CONFIG, &origin);
    larder.fill_with("/video", &[("Range", "bytes=70000-70009")]);
    let told = explain(&larder, "/video", &[]);
    assert_eq!(told["verdict"]["outcome"], "parts", "{told:#}");
    let (there, all) = (&told["stored"]["there_bytes"], &told["stored"]["body_bytes"]);
    assert!(there.as_u64().unwrap() < all.as_u64().unwrap(), "{told:#}");
    let (code, output, error) = larder.command(&["explain", "http://site.test/video"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(output.contains(&format!("of {TOTAL} bytes, on disk")), "{output}");
    let at_once = ("Cache-Control", "only-if-cached");
    assert_true(&larder, "GET", "/video", &[at_once], "refused");
    assert_true(&larder, "GET", "/video", &[("If-None-Match", "\"a\"")], "hit");
    assert_true(&larder, "HEAD", "/video", &[], "hit");
    assert!(larder.get("/video").cache().contains("detail=gaps"));
}

#[test]
fn the_origin_is_asked_only_where_that_is_wanted_and_nothing_is_kept() {
    let origin = Origin::as_told();
    let larder = Larder::configured(CONFIG, &origin);
    explain(&larder, "/a", &[]);
    assert_eq!(origin.count(), 0);
    let fresh = "X-Reply: Cache-Control: s-maxage=60 | Vary: Accept-Language";
    let told = fetch(&larder, "http://site.test/a", &[fresh, "Accept-Language: de"]);
    let fetched = &told["fetched"];
    assert_eq!((&fetched["status"], &fetched["stored"]), (&200.into(), &true.into()), "{told:#}");
    let says = &fetched["says"];
    assert_eq!((&says["lifetime"], &says["lifetime_by"]), (&60.into(), &"s-maxage".into()));
    assert_eq!(fetched["vary"], json!(["accept-language"]));
    assert_eq!((&fetched["body_bytes"], &fetched["body_came_whole"]), (&1.into(), &true.into()));
    assert_eq!(told["change"], json!([]), "the next request mends it");
    let asked = origin.last();
    assert_eq!((asked.method.as_str(), asked.field("accept-language")), ("GET", Some("de")));
    assert_eq!(asked.field("host"), Some("site.test"));
    for name in ["cookie", "authorization", "x-forwarded-for", "forwarded", "range"] {
        assert_eq!(asked.field(name), None, "{name}");
    }
    assert_eq!(explain(&larder, "/a", &[])["stored"], Value::Null, "it is not kept");
    assert_eq!(larder.metrics().sum("larder_fills", &[]), 0);
    for (reply, why) in [
        ("Cache-Control: no-store", "no-store"),
        ("Cache-Control: private", "private"),
        ("Cache-Control: max-age=60 | Set-Cookie: sid=s3cret", "set-cookie"),
        ("X-Nothing: said", "no-freshness"),
        ("Cache-Control: max-age=60 | Age: 70", "expired"),
        ("Cache-Control: max-age=60 | Vary: *", "vary-star"),
    ] {
        let told = fetch(&larder, "http://site.test/b", &[&format!("X-Reply: {reply}")]);
        assert_eq!(told["fetched"]["reason"], why, "{told:#}");
        assert_eq!(told["change"][0]["reason"], why);
        assert!(!told.to_string().contains("s3cret"), "{told:#}");
        let told = explain(&larder, "/b", &[]);
        assert_eq!(told["uncacheable_for"], Value::Null, "a question marks no URL");
    }
    let count = origin.count();
    let told = fetch(&larder, "http://site.test/off/x", &[]);
    assert!(told["fetched"]["error"]["words"].as_str().unwrap().contains("none was sent"));
    assert_eq!(origin.count(), count, "what passes by is not asked for");
}

#[test]
fn an_origin_that_fails_or_breaks_off_is_told_of() {
    let origin = Origin::answering(|asked| match asked.target.as_str() {
        "/short" => Reply::raw(
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nfive!",
        ),
        "/fails" if asked.number > 0 => Reply::status(503, "").with("Cache-Control", "max-age=60"),
        _ => Reply::cached("max-age=60", "good"),
    });
    let larder = Larder::configured(CONFIG, &origin);
    larder.fill("/fails");
    let told = fetch(&larder, "http://site.test/fails", &[]);
    assert_eq!(told["fetched"]["reason"], "older-kept", "{told:#}");
    let told = fetch(&larder, "http://site.test/short", &[]);
    assert_eq!(told["fetched"]["reason"], "incomplete", "{told:#}");
    origin.go_away();
    let told = fetch(&larder, "http://site.test/fails", &[]);
    assert_eq!(told["fetched"]["error"]["reason"], "origin-unreachable", "{told:#}");
    assert_eq!(told["verdict"]["outcome"], "hit");
    let (code, output, _) = larder.command(&["explain", "http://site.test/fails", "--fetch"]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("fetched   origin-unreachable: "), "{output}");
}

#[test]
fn one_question_to_an_origin_waits_for_another_and_others_go_on() {
    let gate = Gate::shut();
    let waiting = gate.clone();
    let origin = Origin::answering(move |_| {
        waiting.pass();
        Reply::cached("max-age=60", "late")
    });
    let larder = Larder::configured(CONFIG, &origin);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| fetch(&larder, "http://site.test/a", &[]));
        origin.wait_for(1);
        assert_eq!(explain(&larder, "/a", &[])["verdict"]["outcome"], "miss");
        let body = json!({ "url": "http://site.test/b" }).to_string();
        let second = larder.admin_post("/v1/explain", &body);
        assert_eq!(second.status, 503, "{}", second.text());
        assert_eq!(second.field("retry-after"), Some("5"));
        gate.open();
        let first = first.join().expect("it was answered");
        assert_eq!(first["fetched"]["stored"], true, "{first:#}");
    });
}

#[test]
fn to_read_is_enough_to_look_and_not_to_ask_the_origin() {
    let origin = Origin::as_told();
    let admin = "[admin]\ntokens = [{ name = \"r\", secret = \"reads-reads-reads-reads\", \
                 may = [\"read\"] }]\n";
    let larder = Larder::configured(&format!("{admin}{CONFIG}"), &origin);
    let ask = |method: &str, body: &str| {
        let length = body.len().to_string();
        let fields = [
            ("Host", "localhost"),
            ("Authorization", "Bearer reads-reads-reads-reads"),
            ("Content-Type", "application/json"),
            ("Content-Length", &length),
            ("Connection", "close"),
        ];
        let mut client = Client::connect(larder.admin);
        client.send(request(method, "/v1/explain?url=site.test", &fields) + body);
        client.read_to(method)
    };
    assert_eq!(ask("GET", "").status, 200);
    let refused = ask("POST", r#"{"url":"site.test"}"#);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("refresh"), "{}", refused.text());
    assert_eq!(origin.count(), 0);
    let refused = ask("DELETE", "");
    assert_eq!((refused.status, refused.field("allow")), (405, Some("GET, HEAD, POST")));
}

#[test]
fn questions_that_cannot_be_answered_say_what_to_write() {
    let origin = Origin::as_told();
    let larder = Larder::configured(CONFIG, &origin);
    for (arguments, code, words) in [
        (&["explain", "http://none.test/"][..], 1, "none.test is none of site.test, *.more.test"),
        (&["explain", "ftp://site.test/"], 1, "https://example.com/path?query"),
        (&["explain", "/a"], 1, "https://example.com/path?query"),
        (&["explain", "site.test/a", "-H", "Accept"], 1, "write header as Name: value"),
        (&["explain", "site.test/a", "-X", "GE T"], 1, "write method as GET"),
        (&["explain", "http://none.test/", "--fetch"], 1, "none.test is none of"),
        (&["explain"], 2, "Usage: larder explain"),
        (&["explain", "site.test/a", "--admin", "http://127.0.0.1:1"], 1, "larder serve"),
    ] {
        let (found, output, error) = larder.command(arguments);
        assert_eq!((found, output.as_str()), (Some(code), ""), "{arguments:?}: {error}");
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
    for body in ["", "[]", r#"{"url":"site.test","fetch":true}"#, r#"{"url":1}"#, "{}"] {
        let received = larder.admin_post("/v1/explain", body);
        assert_eq!(received.status, 400, "{body}: {}", received.text());
    }
}

#[test]
fn people_read_the_verdict_first_and_what_to_change_last() {
    let origin = Origin::as_told();
    let larder = Larder::configured(CONFIG, &origin);
    larder.told("/a", "Cache-Control: s-maxage=60 | Cache-Tag: t");
    let (code, output, error) = larder.command(&["explain", "http://site.test/a"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(output.starts_with("a hit: answered from the cache\nGET http://site.test/a\n\n"));
    assert!(output.contains("cache-control: s-maxage=60  ← decides"), "{output}");
    assert!(output.contains("60s by s-maxage of cache-control"), "{output}");
    let header = "X-Reply: Cache-Control: no-store";
    let line = ["explain", "site.test/b", "--fetch", "-H", header];
    let (code, output, _) = larder.command(&line);
    assert_eq!(code, Some(0));
    let last = output.split("\n\n").last().unwrap();
    assert!(last.starts_with("to change it\n  no-store: "), "{output}");
    assert!(output.lines().all(|line| line.chars().count() <= 80), "{output}");
    let (_, output, _) = larder.command(&["explain", "site.test/a", "--json"]);
    let told: Value = serde_json::from_str(&output).expect("it is JSON");
    assert_eq!(told["verdict"]["outcome"], "hit");
    // A host by its header, as curl does it.
    let (_, output, _) = larder.command(&["explain", "127.0.0.1/a", "-H", "Host: site.test"]);
    assert!(output.starts_with("a hit"), "{output}");
    larder.fill_with("/v", &[("X-Reply", "Cache-Control: s-maxage=60 | Vary: X-Reply, Accept")]);
    let (_, output, _) = larder.command(&["explain", "site.test/v", "-H", "Accept: text/html"]);
    assert!(output.contains("stored    for other requests:\n          accept: none, x-reply: #"));
}

#[test]
fn a_site_that_names_the_host_goes_before_one_for_every_host() {
    let sites = "[[site]]\norigin = \"{origin}\"\n[[site.rule]]\nmatch = { path = \"/*\" }\n\
                 key = { version = \"1\" }\n[[site]]\nhosts = [\"a.test\"]\norigin = \"{origin}\"\n";
    let origin = Origin::as_told();
    let larder = Larder::configured(sites, &origin);
    larder.fill_with("/a", &[("Host", "a.test"), ("X-Reply", "Cache-Control: max-age=60")]);
    for (url, site, outcome) in
        [("http://a.test/a", "a.test", "hit"), ("http://b.test/a", "default", "miss")]
    {
        let told = explain_as(&larder, "GET", url, &[]);
        let found = (&told["site"]["name"], &told["verdict"]["outcome"]);
        assert_eq!(found, (&site.into(), &outcome.into()), "{told:#}");
    }
    let url = "/v1/object?url=http://a.test/a&header=Accept:x";
    assert!(larder.admin_json(url)["picked"].is_object(), "by the rules of its own site");
}
