//! Pictures that are purged, or made invalid, by their own URLs and by those of their sources.

use super::{SAFARI_OF_OLD, larder, origin};
use crate::support::pictures::png;
use crate::support::{Larder, Origin, Reply, until};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const SECRET: &str = "a-secret-that-may-purge-pictures";

#[test]
fn the_method_purge_takes_a_picture_in_all_its_spellings() {
    let origin = origin();
    let images =
        format!("dialects = [\"larder\", \"nextjs\"]\n[site.purge_method]\ntoken = \"{SECRET}\"\n");
    let larder = larder(&images, &origin);
    let bearer = format!("Bearer {SECRET}");
    let (next, other) =
        ("/_next/image?url=%2Fphoto.jpg&w=64&q=75", "/_larder/image/w=96/photo.jpg");
    let whole = "/_next/image?url=http%3A%2F%2Fsite.test%2Fphoto.jpg&w=64&q=75";
    for purged in [next, "/_larder/image/q=73,w=60/photo.jpg", whole] {
        for accept in [&SAFARI_OF_OLD[..], &[]] {
            larder.fill_with(next, accept);
        }
        larder.fill(other);
        let said = larder.ask("PURGE", purged, &[("Authorization", &bearer)]);
        assert_eq!(said.status, 200, "{}", said.text());
        for accept in [&SAFARI_OF_OLD[..], &[]] {
            assert!(!larder.get_with(next, accept).is_hit(), "{purged}");
        }
        assert!(larder.get(other).is_hit(), "{purged}");
    }
    let fields = [("Authorization", bearer.as_str()), ("Fastly-Soft-Purge", "1")];
    larder.fill(other);
    assert_eq!(larder.ask("PURGE", other, &fields).status, 200);
    assert!(!larder.get(other).is_hit(), "softly");
    assert_eq!(origin.count(), 1, "their source stays");
}

#[test]
fn pictures_are_purged_by_the_path_that_asks_for_them() {
    let origin = origin();
    let images = "dialects = [\"larder\", \"nextjs\", \"cloudflare\"]\nbase = \"/docs/\"";
    let larder = larder(images, &origin);
    let target = "/_next/image?url=%2Fphoto.jpg&w=64&q=75";
    for (list, scope, is_purged) in [
        ("prefixes", "https://site.test/_next/image", true),
        ("prefixes", "site.test/docs/_next/image", true),
        ("prefixes", "/_next", true),
        ("prefixes", "/cdn-cgi/image/width=80", true),
        ("patterns", "site.test/_next/image*", true),
        ("patterns", "*/_next/image*", true),
        ("patterns", "/_next/image", true),
        ("prefixes", "other.test/_next/image", false),
        ("patterns", "other.test/_next/image*", false),
        ("patterns", "/_next/static/*", false),
        ("prefixes", "/_next/static", false),
        ("prefixes", "/_image", false),
    ] {
        larder.fill_with(target, &SAFARI_OF_OLD);
        assert!(larder.get_with(target, &SAFARI_OF_OLD).is_hit());
        larder.admin_post("/v1/purge", &format!("{{\"{list}\": [\"{scope}\"]}}"));
        let after = larder.get_with(target, &SAFARI_OF_OLD);
        assert_eq!(!after.is_hit(), is_purged, "{scope}: {}", after.cache());
    }
    assert_eq!(origin.count(), 1, "their source stays");
}

#[test]
fn what_asks_for_pictures_on_one_site_is_a_path_like_any_on_another() {
    let origin = origin();
    let site = |host: &str, dialects: &str| {
        format!(
            "[[site]]\nhosts = [\"{host}\"]\norigin = \"{{origin}}\"\n\
             images = {{ dialects = [{dialects}], presets = {{ card = \"w=99\" }} }}\n"
        )
    };
    let sites = site("site.test", "\"larder\", \"nextjs\"") + &site("other.test", "\"larder\"");
    let larder = Larder::configured(&sites, &origin);
    let other = [("Host", "other.test")];
    let target = "/_larder/image/p=card/photo.jpg";
    for (list, scope, is_purged) in [
        ("prefixes", "other.test/_next/image", false),
        ("patterns", "other.test/_next/image*", false),
        ("prefixes", "site.test/_next/image", false),
        // By a preset, as by any path below which pictures are asked for and not kept.
        ("prefixes", "other.test/_larder/image/p=card", true),
        ("patterns", "other.test/_larder/image/p=card/*", true),
    ] {
        larder.fill_with(target, &other);
        larder.admin_post("/v1/purge", &format!("{{\"{list}\": [\"{scope}\"]}}"));
        let after = larder.get_with(target, &other);
        assert_eq!(!after.is_hit(), is_purged, "{scope}: {}", after.cache());
    }
}

#[test]
fn a_picture_of_a_url_of_the_site_is_purged_by_it_at_any_port() {
    let origin = origin();
    let larder = larder("dialects = [\"nextjs\"]", &origin);
    for host in ["site.test:81", "site.test:80", "site.test"] {
        let source = format!("http%3A%2F%2F{}%2Fphoto.jpg", host.replace(':', "%3A"));
        let target = format!("/_next/image?url={source}&w=64&q=75");
        let fields = [("Host", host), SAFARI_OF_OLD[0]];
        assert_eq!(larder.fill_with(&target, &fields).status, 200, "{host}");
        assert!(larder.get_with(&target, &fields).is_hit(), "{host}");
        larder.admin_post("/v1/purge", &format!("{{\"urls\": [\"http://{host}{target}\"]}}"));
        assert!(!larder.get_with(&target, &fields).is_hit(), "{host}");
    }
}

/// An origin whose picture is another one from when it is told so.
fn changing() -> (Arc<AtomicU32>, Origin) {
    let version = Arc::new(AtomicU32::new(1));
    let now = version.clone();
    let origin = Origin::answering(move |_| {
        Reply::cached("max-age=3600", png(80, 60, now.load(Ordering::SeqCst)))
    });
    (version, origin)
}

#[test]
fn a_paced_purge_of_a_picture_or_its_source_lets_nobody_wait() {
    let target = "/_larder/image/w=64,f=webp/a.png";
    for purged in [target, "/a.png"] {
        let (version, origin) = changing();
        let larder = larder("", &origin);
        let old = larder.fill(target);
        version.store(2, Ordering::SeqCst);
        let purge = format!("{{\"urls\": [\"{purged}\"], \"paced\": true}}");
        assert_eq!(larder.admin_post("/v1/purge", &purge).status, 200);
        let stale = larder.get(target);
        assert_eq!(stale.body, old.body, "{purged}");
        assert!(stale.cache().ends_with("detail=paced-purge"), "{purged}: {}", stale.cache());
        let new = until("it is refreshed", || {
            larder.settle();
            larder.turn_clock(2);
            let answer = larder.get(target);
            let is_done = answer.is_hit() && !answer.cache().contains("detail");
            let is_new = (answer.body != old.body) == (purged != target);
            (is_done && is_new).then_some(answer)
        });
        assert_eq!(new.status, 200);
        assert_eq!(origin.count(), if purged == target { 1 } else { 2 }, "{purged}");
    }
}

#[test]
fn a_verified_purge_of_a_picture_sees_whether_it_became_another() {
    let (version, origin) = changing();
    let larder = larder("", &origin);
    let target = "/_larder/image/w=64,f=webp/a.png";
    let url = format!("http://site.test{target}");
    let old = larder.fill(target);
    let same = verified(&larder, &json!({ "urls": [&url], "verify": true }));
    assert_eq!(same["verified"]["urls"][0]["outcome"], "unchanged", "{same}");
    version.store(2, Ordering::SeqCst);
    let both = json!({ "urls": ["http://site.test/a.png", &url], "verify": true });
    let said = verified(&larder, &both);
    for number in 0..2 {
        assert_eq!(said["verified"]["urls"][number]["outcome"], "changed", "{said}");
    }
    let new = larder.get(target);
    assert!(new.is_hit() && new.body != old.body, "{}", new.cache());
}

/// Purges and verifies while the clock goes on by itself, two seconds at a step.
fn verified(larder: &Larder, body: &Value) -> Value {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| larder.admin_post("/v1/purge", &body.to_string()));
        while !asking.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            larder.turn_clock(2);
        }
        let answer = asking.join().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_str(&answer.text()).unwrap()
    })
}
