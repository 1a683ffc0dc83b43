//! Webhooks: what a content system says was published is purged, once.

use crate::support::content::{Delivery, SECRET, STANDARD_SECRET};
use crate::support::{Larder, Origin, Received, Reply, until};
use serde_json::{Value, json};
use std::fs::File;

const KINDS: [&str; 7] =
    ["contentful", "sanity", "ghost", "shopify", "github", "standard", "header"];

/// An origin whose pages bear their paths as tags, and say how often they were asked for.
fn origin() -> Origin {
    Origin::answering(|asked| {
        let tag = asked.target.trim_start_matches('/').replace('/', ":");
        Reply::cached("max-age=3600", format!("{} {}", asked.target, asked.number))
            .with("Cache-Tag", &tag)
    })
}

/// A hook with these lines beside the usual ones.
fn hook(name: &str, kind: &str, lines: &str) -> String {
    let secret = if kind == "standard" { STANDARD_SECRET } else { SECRET };
    format!("[[hook]]\nname = \"{name}\"\nkind = \"{kind}\"\nsecret = \"{secret}\"\n{lines}\n")
}

fn configured(hooks: &str, origin: &Origin) -> Larder {
    Larder::configured(&format!("[[site]]\norigin = \"{{origin}}\"\n{hooks}"), origin)
}

fn by_slug(kind: &str) -> String {
    hook("cms", kind, "tags = [\"post:{$.slug}\"]")
}

fn path(name: &str) -> String {
    format!("/_larder/hooks/{name}")
}

/// What a hook answers, and with which status.
fn said(answer: &Received) -> (u16, Value) {
    (answer.status, serde_json::from_str(&answer.text()).expect("it is JSON"))
}

fn outcome(answer: &Received) -> (u16, String) {
    let (status, body) = said(answer);
    (status, body["outcome"].as_str().unwrap_or_default().to_owned())
}

fn is(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

#[test]
fn each_system_purges_what_it_published_once_and_over_a_crash() {
    for kind in KINDS {
        let origin = origin();
        let mut larder = configured(&by_slug(kind), &origin);
        for page in ["/post/a", "/post/b"] {
            larder.fill(page);
        }
        let delivery = Delivery::signed(kind, &path("cms"), &json!({ "slug": "a" }), &json!({}));
        let (status, body) = said(&delivery.send(larder.address, "site.test"));
        assert_eq!((status, &body["outcome"]), (200, &json!("purged")), "{kind}: {body}");
        assert_eq!((&body["invalidated"], &body["tags"]), (&json!(1), &json!(["post:a"])));
        assert!(larder.fill("/post/a").cache().contains("fwd=uri-miss"), "{kind}");
        assert!(larder.get("/post/b").is_hit(), "{kind}");
        larder.settle();

        // A header token covers nothing that could tell one delivery from another.
        let again = if kind == "header" { "purged" } else { "repeated" };
        let answer = delivery.send(larder.address, "site.test");
        assert_eq!(outcome(&answer), is(200, again), "{kind}");
        larder.kill_and_restart();
        let answer = delivery.send(larder.address, "site.test");
        assert_eq!(outcome(&answer), is(200, again), "{kind} after a crash");
        if kind != "header" {
            assert!(larder.get("/post/a").is_hit(), "{kind}: nothing was done again");
        }
        let told = larder.admin_json("/v1/hooks");
        assert_eq!(told["hooks"][0]["counts"], json!({ again: 1 }), "{kind}");
        let first = told["hooks"][0]["deliveries"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&first["outcome"], &first["seq"]), (&json!("purged"), &json!(1)), "{kind}");
    }
}

#[test]
fn what_is_not_signed_right_or_too_old_does_nothing() {
    for kind in KINDS {
        let origin = origin();
        let larder = configured(&by_slug(kind), &origin);
        larder.fill("/post/a");
        let payload = json!({ "slug": "a" });
        let more = json!({ "id": "one" });
        let right = Delivery::signed(kind, &path("cms"), &payload, &more);
        let other = json!({ "id": "one", "secret": "another-secret-than-the-hook-has" });
        let wrong = Delivery::signed(kind, &path("cms"), &payload, &other);
        let mut forged = vec![wrong, Delivery { fields: Vec::new(), ..right.clone() }];
        if kind != "header" {
            forged.push(right.saying("{\"slug\": \"b\"}"));
        }
        for forged in forged {
            let answer = forged.send(larder.address, "site.test");
            assert_eq!(outcome(&answer), is(401, "refused"), "{kind}: {}", answer.text());
            assert!(!answer.text().contains(SECRET));
        }
        assert!(larder.get("/post/a").is_hit(), "{kind}");
        if ["contentful", "sanity", "ghost", "standard"].contains(&kind) {
            larder.turn_clock(302);
            let (status, body) = said(&right.send(larder.address, "site.test"));
            assert_eq!(status, 401, "{kind}");
            assert!(body["error"].as_str().unwrap().contains("s ago"), "{kind}: {body}");
            continue;
        }
        // What was forged under its id does not count as it.
        let answer = right.send(larder.address, "site.test");
        assert_eq!(outcome(&answer), is(200, "purged"), "{kind}");
    }
}

#[test]
fn deliveries_at_the_same_time_are_one() {
    let origin = origin();
    let larder = configured(&by_slug("github"), &origin);
    let payload = json!({ "slug": "a" });
    let delivery = Delivery::signed("github", &path("cms"), &payload, &json!({}));
    let outcomes: Vec<(u16, String)> = std::thread::scope(|scope| {
        let send = || outcome(&delivery.send(larder.address, "site.test"));
        let sending: Vec<_> = (0..16).map(|_| scope.spawn(send)).collect();
        sending.into_iter().map(|sending| sending.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|one| **one == is(200, "purged")).count(), 1);
    assert_eq!(outcomes.iter().filter(|one| **one == is(200, "repeated")).count(), 15);
    // Another id, or another body under the same one, is another delivery.
    let id = delivery.with("x-github-delivery", "other");
    assert_eq!(outcome(&id.send(larder.address, "site.test")), is(200, "purged"));
}

#[test]
fn both_listeners_take_deliveries() {
    let origin = origin();
    let larder = configured(
        &(by_slug("contentful") + &hook("b", "header", "header = \"X-Token\"\nurls = [\"/x\"]")),
        &origin,
    );
    larder.fill("/post/a");
    let payload = json!({ "slug": "a" });
    let delivery = Delivery::signed("contentful", "/v1/hooks/cms", &payload, &json!({}));
    let answer = delivery.send(larder.admin, "localhost");
    assert_eq!(outcome(&answer), is(200, "purged"), "{}", answer.text());
    assert!(!larder.get("/post/a").is_hit());
    assert_eq!(outcome(&delivery.send(larder.admin, "localhost")), is(200, "repeated"));

    let token =
        Delivery::signed("header", "/v1/hooks/b", &json!({}), &json!({ "header": "x-token" }));
    assert_eq!(outcome(&token.send(larder.admin, "localhost")), is(200, "purged"));
    let problem = token.with("x-token", "wrong").send(larder.admin, "localhost");
    assert_eq!(problem.field("content-type"), Some("application/problem+json"));
    assert_eq!(problem.status, 401);
    assert_eq!(token.send(larder.admin, "evil.test").status, 421);
    assert_eq!(
        token.with("origin", "https://evil.test").send(larder.admin, "localhost").status,
        403
    );
    let nowhere = Delivery::signed("header", "/v1/hooks/c", &json!({}), &json!({}));
    let problem = nowhere.send(larder.admin, "localhost");
    assert!(problem.status == 404 && !problem.text().contains("cms"), "{}", problem.text());
    assert_eq!(larder.admin("GET", "/v1/hooks/cms", "").status, 405);
}

#[test]
fn what_comes_to_the_path_of_a_hook_never_reaches_the_origin() {
    let origin = origin();
    let larder = configured(&by_slug("header"), &origin);
    let get = larder.get(&path("cms"));
    assert_eq!((get.status, get.field("allow")), (405, Some("POST")));
    let right = Delivery::signed("header", &path("cms"), &json!({}), &json!({}));
    for (body, expected) in [
        ("{\"slug\": \"a\"}".to_owned(), is(200, "purged")),
        ("{\"slug\": null}".to_owned(), is(200, "nothing")),
        ("[]".to_owned(), is(200, "nothing")),
        ("slug=a".to_owned(), is(400, "bad-payload")),
        (String::new(), is(400, "bad-payload")),
        ("{\"slug\": \"".to_owned() + &"x".repeat(20_000) + "\"}", is(400, "bad-payload")),
        ("[".repeat(100_000), is(400, "bad-payload")),
    ] {
        let answer = right.saying(&body).send(larder.address, "site.test");
        assert_eq!(outcome(&answer), expected, "{:.40}", body);
    }
    let long = right.saying(&"x".repeat((1 << 20) + 1)).send(larder.address, "site.test");
    assert_eq!(long.status, 413);
    // A slip in the path must not hand the secret on, nor pass for success.
    for slip in ["/_larder/hooks/cms/", "//_larder/hooks/cms", "/_larder/hooks/csm"] {
        let mut other = right.clone();
        other.target = slip.to_owned();
        assert_eq!(other.send(larder.address, "site.test").status, 404, "{slip}");
    }
    assert_eq!(origin.count(), 0);
    larder.wait_for_metric(
        "larder_hook_deliveries_total",
        &["hook=\"cms\"", "outcome=\"bad-payload\""],
        4,
    );
}

#[test]
fn a_hook_is_for_its_events_only() {
    for (kind, pattern, its, other) in [
        (
            "contentful",
            "ContentManagement.Entry.*publish",
            "ContentManagement.Entry.unpublish",
            "ContentManagement.Asset.save",
        ),
        ("sanity", "delete", "delete", "create"),
        ("shopify", "products/*", "products/delete", "orders/create"),
        ("github", "push", "push", "ping"),
    ] {
        let origin = origin();
        let lines = format!("tags = [\"post:{{$.slug}}\"]\nevents = [\"{pattern}\"]");
        let larder = configured(&hook("cms", kind, &lines), &origin);
        for (event, expected) in [(other, "ignored"), (its, "purged")] {
            let more = json!({ "event": event });
            let delivery = Delivery::signed(kind, &path("cms"), &json!({ "slug": "a" }), &more);
            let answer = delivery.send(larder.address, "site.test");
            assert_eq!(outcome(&answer), is(200, expected), "{kind} {event}");
        }
    }
    for (kind, member) in [("standard", "type"), ("header", "event")] {
        let origin = origin();
        let lines = "prefixes = [\"/\"]\nevents = [\"entry.publish\"]";
        let larder = configured(&hook("cms", kind, lines), &origin);
        for (event, expected) in [("entry.create", "ignored"), ("entry.publish", "purged")] {
            let payload = json!({ member: event });
            let delivery = Delivery::signed(kind, &path("cms"), &payload, &json!({}));
            let answer = delivery.send(larder.address, "site.test");
            assert_eq!(outcome(&answer), is(200, expected), "{kind} {event}");
        }
    }
}

#[test]
fn a_hook_of_one_site_touches_no_other_and_is_not_there() {
    let origin = origin();
    let sites = "[[site]]\nhosts = [\"a.test\"]\norigin = \"{origin}\"\n\
                 [[site]]\nhosts = [\"b.test\"]\norigin = \"{origin}\"\n";
    let lines = "site = \"a.test\"\ntags = [\"post:{$.slug}\"]\nurls = [\"/list\"]\n\
                 prefixes = [\"/docs\"]";
    let toml = format!("{sites}{}", hook("cms", "header", lines));
    let larder = Larder::configured(&toml, &origin);
    let pages = ["/post/a", "/list", "/list?page=2", "/docs/x", "/other"];
    for host in ["a.test", "b.test"] {
        pages.iter().for_each(|page| drop(larder.fill_with(page, &[("Host", host)])));
    }
    let delivery = Delivery::signed("header", &path("cms"), &json!({ "slug": "a" }), &json!({}));
    let answer = delivery.send(larder.address, "b.test");
    assert_eq!(answer.status, 404, "{}", answer.text());
    assert_eq!(outcome(&delivery.send(larder.address, "a.test")), is(200, "purged"));
    for page in pages {
        let is_hit = |host| larder.get_with(page, &[("Host", host)]).is_hit();
        assert_eq!((is_hit("a.test"), is_hit("b.test")), (page == "/other", true), "{page}");
    }
}

#[test]
fn a_deploy_is_one_line_and_makes_pages_anew_at_a_pace() {
    let origin = origin();
    let larder = configured(&hook("deploy", "header", "prefixes = [\"/\"]\npaced = true"), &origin);
    larder.fill("/post/a");
    // As curl -X POST -H "Authorization: Bearer $SECRET" URL sends it: without a body.
    let deploy = Delivery::signed("header", &path("deploy"), &json!({}), &json!({})).saying("");
    let (status, body) = said(&deploy.send(larder.address, "site.test"));
    assert_eq!((status, &body["force"]), (200, &json!("paced")), "{body}");
    let page = larder.get("/post/a");
    assert!(page.cache().contains("detail=paced-purge"), "{}", page.cache());
}

#[test]
fn a_soft_hook_leaves_pages_stale() {
    let origin = Origin::answering(|asked| {
        Reply::cached("max-age=3600, stale-while-revalidate=600", format!("{}", asked.number))
            .with("Cache-Tag", "post:a")
    });
    let larder =
        configured(&hook("cms", "sanity", "tags = [\"post:{$.slug}\"]\nsoft = true"), &origin);
    larder.fill("/post/a");
    let payload = json!({ "slug": "a" });
    let delivery = Delivery::signed("sanity", &path("cms"), &payload, &json!({}));
    assert_eq!(outcome(&delivery.send(larder.address, "site.test")), is(200, "purged"));
    let page = larder.get("/post/a");
    assert!(page.is_hit() && page.text() == "0", "{}", page.cache());
    until("the page is made anew", || (larder.get("/post/a").text() == "1").then_some(()));
}

#[test]
fn a_verified_hook_answers_at_once_and_asks_until_something_new_came() {
    // The system's own cache gives the old page once more.
    let origin = Origin::answering(|asked| {
        let version = if asked.number < 2 { "old" } else { "new" };
        Reply::cached("max-age=3600", version).with("Cache-Tag", "post:a")
    });
    let lines = "tags = [\"post:{$.slug}\"]\nurls = [\"/post/{$.slug}\"]\nverify = true";
    let mut larder = configured(&hook("cms", "github", lines), &origin);
    larder.fill("/post/a");
    let payload = json!({ "slug": "a" });
    let delivery = Delivery::signed("github", &path("cms"), &payload, &json!({}));
    let (status, body) = said(&delivery.send(larder.address, "site.test"));
    assert_eq!((status, &body["verify"]), (200, &json!(true)), "{body}");
    let newest = |larder: &Larder| -> Value {
        larder.admin_json("/v1/hooks")["hooks"][0]["deliveries"][0].clone()
    };
    let verified = until("it is verified", || {
        larder.turn_clock(1);
        let delivery = newest(&larder);
        delivery["verified"].is_object().then(|| delivery["verified"].clone())
    });
    assert_eq!(verified["urls"][0]["outcome"], json!("changed"), "{verified}");
    assert_eq!(larder.get("/post/a").text(), "new");
    larder.restart();
    assert_eq!(newest(&larder)["verified"], verified, "it is known after a restart");
}

#[test]
fn a_verified_hook_of_one_site_asks_no_other() {
    let (origin, other) = (origin(), origin());
    let sites = format!(
        "[[site]]\nhosts = [\"a.test\"]\norigin = \"{{origin}}\"\n\
         [[site]]\nhosts = [\"b.test\"]\norigin = \"http://{}\"\n",
        other.address()
    );
    let lines = "site = \"a.test\"\nurls = [\"/{$.slug}\"]\nverify = true";
    let larder = Larder::configured(&format!("{sites}{}", hook("cms", "header", lines)), &origin);
    for host in ["a.test", "b.test"] {
        larder.fill_with("/a", &[("Host", host)]);
    }
    // A slug that begins with a slash is a path all the same, and no host.
    let delivery = Delivery::signed("header", &path("cms"), &json!({ "slug": "/a" }), &json!({}));
    let (status, body) = said(&delivery.send(larder.address, "a.test"));
    assert_eq!((status, &body["urls"]), (200, &json!(["/a"])), "{body}");
    let verified = until("it is verified", || {
        let told = larder.admin_json("/v1/hooks")["hooks"][0]["deliveries"][0].clone();
        told["verified"].is_object().then(|| told["verified"]["urls"].clone())
    });
    assert_eq!((verified.as_array().unwrap().len(), other.count()), (1, 1), "{verified}");
    assert_eq!(verified[0]["outcome"], json!("changed"), "{verified}");
}

#[test]
fn no_word_of_a_payload_makes_the_purge_log_long() {
    let origin = origin();
    let larder = configured(&hook("cms", "header", "tags = [\"a\"]"), &origin);
    let payload = json!({ "event": "e".repeat(20_000) });
    let delivery = Delivery::signed("header", &path("cms"), &payload, &json!({}));
    assert_eq!(outcome(&delivery.send(larder.address, "site.test")), is(200, "purged"));
    larder.settle();
    let mut logs = Vec::new();
    let mut folders = vec![larder.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => logs.push(std::fs::read(entry.path()).unwrap()),
            }
        }
    }
    let long = "e".repeat(1000);
    let is_long = |log: &Vec<u8>| log.windows(1000).any(|bytes| bytes == long.as_bytes());
    assert!(!logs.is_empty() && !logs.iter().any(is_long));
}

#[test]
fn what_a_payload_would_purge_is_told_before_it_does() {
    let origin = origin();
    let lines = "tags = [\"post:{$.slug}\", \"{$.none}\"]\nurls = [\"/list\"]\nsoft = true\n\
                 events = [\"push\"]";
    let larder = configured(&hook("cms", "github", lines), &origin);
    ["/post/a", "/list", "/other"].iter().for_each(|page| drop(larder.fill(page)));
    larder.settle();
    let file = larder.data().join("payload.json");
    std::fs::write(&file, "{\"slug\": \"a\"}").unwrap();
    let file = file.to_str().unwrap();
    let (code, out, _) = larder.command(&["hook", "test", "cms", file, "--event", "push"]);
    assert_eq!(code, Some(0));
    assert_eq!(
        out,
        "would purge (soft):\n  tag     post:a\n  url     /list\nthe payload has nothing for {$.none}\n\
         that is 2 stored responses now\n"
    );
    let (_, out, _) = larder.command(&["hook", "test", "cms", file, "--event", "ping", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["outcome"], &told["event"]), (&json!("ignored"), &json!("ping")));
    let (code, _, err) = larder.command(&["hook", "test", "other", file]);
    assert!(code == Some(1) && err.contains("there are cms"), "{err}");
    std::fs::write(file, "slug").unwrap();
    let (code, _, err) = larder.command(&["hook", "test", "cms", file]);
    assert!(code == Some(1) && err.contains("is no JSON"), "{err}");
    // With the mark that editors put before a text, and piped in.
    std::fs::write(file, "\u{feff}{\"slug\": \"a\"}").unwrap();
    for from in [file, "-"] {
        let arguments = ["hook", "test", "cms", from, "--event", "push"];
        let (code, out, err) = larder.command_fed(&arguments, File::open(file).unwrap());
        assert!(code == Some(0) && out.contains("post:a"), "{from}: {out}{err}");
    }
    // As long as hooks take, and by a byte more; or without an end.
    let long = |bytes: usize| format!("{{\"slug\": \"a\"}}{}", " ".repeat(bytes - 13));
    for (text, is_taken) in [(long(1 << 20), true), (long((1 << 20) + 1), false)] {
        std::fs::write(file, text).unwrap();
        let (code, _, err) = larder.command(&["hook", "test", "cms", file]);
        let is_said = err.contains("more than 1048576 bytes, which no hook takes");
        assert_eq!((code == Some(0), is_said), (is_taken, !is_taken), "{err}");
    }
    let (code, _, err) = larder.command(&["hook", "test", "cms", "/dev/zero"]);
    assert!(code == Some(1) && err.contains("more than"), "{err}");
    assert!(larder.get("/post/a").is_hit(), "nothing was purged");

    let (_, out, _) = larder.command(&["hook", "list"]);
    assert!(out.starts_with("cms (github) at /_larder/hooks/cms\n  nothing came yet\n"), "{out}");
    let more = json!({ "event": "push" });
    let delivery = Delivery::signed("github", &path("cms"), &json!({ "slug": "a" }), &more);
    delivery.send(larder.address, "site.test");
    let (code, out, _) = larder.command(&["hook", "list"]);
    assert!(code == Some(0) && out.contains("purged       post:a /list"), "{out}");
}

#[test]
fn what_did_nothing_may_come_again_once_the_hook_is_mended() {
    let origin = origin();
    let site = "[[site]]\norigin = \"{origin}\"\n";
    let wrong = hook("cms", "github", "tags = [\"post:{$.slog}\"]");
    let larder = Larder::configured(&format!("{site}{wrong}"), &origin);
    let payload = json!({ "slug": "a" });
    let delivery = Delivery::signed("github", &path("cms"), &payload, &json!({}));
    assert_eq!(outcome(&delivery.send(larder.address, "site.test")), is(200, "nothing"));
    let origin_url = format!("http://{}", origin.address());
    larder.reload(&format!("{site}{}", by_slug("github")).replace("{origin}", &origin_url));
    larder.wait_for_error_line("is in effect");
    assert_eq!(outcome(&delivery.send(larder.address, "site.test")), is(200, "purged"));
    assert_eq!(outcome(&delivery.send(larder.address, "site.test")), is(200, "repeated"));
}

#[test]
fn a_reload_brings_hooks_and_takes_them_away() {
    let origin = origin();
    let site = "[[site]]\norigin = \"{origin}\"\n";
    let larder = Larder::configured(&format!("{site}{}", by_slug("header")), &origin);
    let to = |name: &str| {
        let delivery = Delivery::signed("header", &path(name), &json!({ "slug": "a" }), &json!({}));
        delivery.send(larder.address, "site.test")
    };
    assert_eq!(outcome(&to("cms")), is(200, "purged"));
    let origin_url = format!("http://{}", origin.address());
    let other = hook("other", "header", "urls = [\"/x\"]");
    larder.reload(&format!("{site}{other}").replace("{origin}", &origin_url));
    larder.wait_for_error_line("is in effect");
    assert_eq!(to("cms").status, 404);
    assert_eq!(outcome(&to("other")), is(200, "purged"));
    assert_eq!(larder.admin_json("/v1/hooks")["hooks"][0]["name"], json!("other"));
}
