//! Several servers of a real Next.js site that keep what they make through Larder, by @larder/next.

use crate::support::browser::visit;
use crate::support::content::{SECRET, STANDARD_SECRET};
use crate::support::{
    Client, Content, Gate, Instance, Larder, NextSite, Origin, Received, Setup, free_address, until,
};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Instant;

const PAGE: &str = "/articles/label-and-date";
const SLUG: &str = "label-and-date";
/// What asks for a page's payload, and for a part of it in advance.
const PAYLOAD: &[(&str, &str)] = &[("RSC", "1")];
const SEGMENT: &[(&str, &str)] =
    &[("RSC", "1"), ("Next-Router-Prefetch", "1"), ("Next-Router-Segment-Prefetch", "/_full")];

/// A Larder before some addresses, and with further settings.
fn larder_before(addresses: &[SocketAddr], more: &str) -> Larder {
    let origins: Vec<String> =
        addresses.iter().map(|address| format!("http://{address}")).collect();
    let toml = format!("[[site]]\norigin = {origins:?}\npreset = \"nextjs\"\n{more}");
    Setup::default().config(&toml, &Origin::as_told()).admin(free_address()).start()
}

fn instances(content: SocketAddr, larder: &Larder, addresses: [SocketAddr; 2]) -> [NextSite; 2] {
    addresses.map(|address| NextSite::sharing(&Instance { address, content, build: None }, larder))
}

fn two(content: &Content) -> (Larder, [NextSite; 2]) {
    let addresses = [free_address(), free_address()];
    let larder = larder_before(&addresses, "");
    let sites = instances(content.address(), &larder, addresses);
    (larder, sites)
}

/// Gets, as browsers do, also from where one is sent to.
fn follow(larder: &Larder, target: &str, fields: &[(&str, &str)]) -> Received {
    let answer = larder.fill_with(target, fields);
    match (answer.status, answer.field("location")) {
        (307, Some(there)) => larder.fill_with(there, fields),
        _ => answer,
    }
}

fn shows(answer: &Received, text: &str) -> bool {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().contains(text)
}

#[test]
fn what_one_instance_made_the_other_has() {
    let content = Content::new();
    let (larder, [one, other]) = two(&content);
    content.say("/note", "Buy salt");
    for page in ["/", "/notes", PAGE, "/photos", "/api/articles"] {
        let (first, second) = (one.get(page), other.get(page));
        assert_eq!(first.text(), second.text(), "{page}");
        let states = [&first, &second].map(|answer| answer.field("x-nextjs-cache"));
        assert_eq!(states, [Some("MISS"), Some("HIT")], "{page}");
        assert!(first.field("cache-tag").is_some(), "{page}");
        assert_eq!(first.field("cache-tag"), second.field("cache-tag"), "{page}");
    }
    assert_eq!(content.count("/note"), 1);
    assert_eq!((content.count("/articles"), content.count(PAGE)), (1, 1), "fetched once, too");
    // Without the pages, what they were made of is still there.
    let purged = larder.admin_post(
        "/v1/purge",
        &json!({ "patterns": ["/_larder/entries/next/*/page/*"] }).to_string(),
    );
    assert_eq!(purged.status, 200, "{}", purged.text());
    for site in [&other, &one] {
        assert!(shows(&site.get("/notes"), "Buy salt"));
        assert!(shows(&site.get(PAGE), "Label and date"));
    }
    assert_eq!((content.count("/note"), content.count(PAGE)), (1, 1));
}

#[test]
fn what_one_instance_revalidates_is_new_on_the_other_and_through_larder() {
    let content = Content::new();
    let (larder, sites) = two(&content);
    let look = || {
        let through = [&[], PAYLOAD, SEGMENT].map(|fields| follow(&larder, PAGE, fields));
        let direct = sites.each_ref().map(|site| site.get(PAGE));
        through.into_iter().chain(direct)
    };
    let ways = [
        ("revalidatePath", json!({ "path": PAGE }), true),
        ("revalidateTag", json!({ "tag": format!("article:{SLUG}"), "now": true }), true),
        ("revalidateTag 'max'", json!({ "tag": format!("article:{SLUG}") }), false),
        ("revalidateTag of all", json!({ "tag": "articles", "now": true }), true),
    ];
    for (edition, (name, what, is_hard)) in ways.iter().cycle().take(12).enumerate() {
        look().for_each(drop);
        let title = format!("Edition {edition} of it");
        content.call(SLUG, &title);
        sites[edition % 2].publish(what);
        let begun = Instant::now();
        let seen = |answer: Received| shows(&answer, &title);
        let mut tries = 0;
        let other = &sites[(edition + 1) % 2];
        until("the other instance has it", || {
            tries += 1;
            seen(other.get(PAGE)).then_some(())
        });
        let took = begun.elapsed();
        eprintln!("{name}: on the other instance after {took:?}, {tries} requests");
        assert!(tries == 1 || !is_hard, "{name}: {tries} requests");
        if *is_hard {
            assert!(look().all(seen), "{name}");
        }
        until("all have it", || look().all(seen).then_some(()));
    }
    assert!(larder.get(PAGE).is_hit());
}

#[test]
fn a_value_of_use_cache_goes_with_its_tag() {
    let content = Content::new();
    let (larder, sites) = two(&content);
    for (edition, now) in [true, false, true].into_iter().enumerate() {
        let note = format!("Note {edition}.");
        content.say("/note", &note);
        sites[edition % 2].publish(&match now {
            true => json!({ "tag": "notes", "now": true }),
            false => json!({ "tag": "notes" }),
        });
        let all = || sites.iter().map(|site| site.get("/notes")).chain([larder.fill("/notes")]);
        assert!(!now || all().all(|answer| shows(&answer, &note)), "{note}");
        until("all have the note", || all().all(|answer| shows(&answer, &note)).then_some(()));
    }
    // Softly purged, each instance may make it.
    assert!((3..=4).contains(&content.count("/note")), "{}", content.count("/note"));
}

/// Pages of `cacheComponents`, some with a frame that is kept around what is one visitor's.
#[test]
fn with_cache_components_instances_share_what_they_made_too() {
    let content = Content::new();
    let addresses = [free_address(), free_address()];
    let larder = larder_before(&addresses, "");
    let sites = addresses.map(|address| {
        let instance = Instance { address, content: content.address(), build: None };
        NextSite::of_components(&instance, &larder)
    });
    content.say("/note", "Buy salt");
    let visitor = [("Cookie", "name=Ottilie")];
    let framed = || larder.get_with("/", &visitor);
    assert!(sites.iter().all(|site| shows(&site.get("/notes"), "Buy salt")));
    for _ in 0..2 {
        let answer = framed();
        assert!(shows(&answer, "Buy salt") && shows(&answer, "Hello, <!-- -->Ottilie"));
        assert!(!answer.is_hit() && !shows(&larder.get("/"), "Ottilie"));
        assert!(shows(&larder.fill("/notes"), "Buy salt"));
    }
    assert!(larder.get("/notes").is_hit());
    // One of each page's functions.
    assert_eq!(content.count("/note"), 2);
    for (edition, expire) in [(0, 0), (1, 300), (2, 0)] {
        let note = format!("Note {edition}.");
        content.say("/note", &note);
        sites[edition % 2].publish(&json!({ "tag": "notes", "expire": expire }));
        let all = || {
            let notes = sites.iter().map(|site| site.get("/notes"));
            notes.chain([larder.fill("/notes"), framed()])
        };
        assert!(expire > 0 || all().all(|answer| shows(&answer, &note)), "{note}");
        until("all have the note", || all().all(|answer| shows(&answer, &note)).then_some(()));
    }
    assert!(sites.iter().all(|site| site.error_lines("@larder/next").is_empty()));
}

/// Next gives whoever asks meanwhile what it began to make before.
#[test]
fn what_began_before_a_purge_is_kept_by_nobody() {
    let content = Content::new();
    let address = free_address();
    let larder = larder_before(&[address], "");
    let instance = Instance { address, content: content.address(), build: None };
    let site = NextSite::sharing(&instance, &larder);
    let gate = Gate::shut();
    content.hold(PAGE, &gate);
    std::thread::scope(|scope| {
        let before = scope.spawn(|| site.get(PAGE));
        until("the old is read", || (content.count(PAGE) == 1).then_some(()));
        content.call(SLUG, "The new one");
        site.publish(&json!({ "path": PAGE }));
        let after = scope.spawn(|| larder.get(PAGE));
        // Next has that request, too, when it has answered these.
        (0..20).for_each(|_| assert_eq!(larder.get("/api/me").status, 200));
        gate.open();
        assert!(shows(&before.join().unwrap(), "Label and date"));
        after.join().unwrap();
    });
    larder.settle();
    assert!(shows(&larder.get(PAGE), "The new one"));
    assert!(shows(&site.get(PAGE), "The new one"));
}

#[test]
fn without_larder_the_instances_go_on_and_it_learns_of_what_was_revalidated() {
    let content = Content::new();
    let (mut larder, sites) = two(&content);
    let pages = ["/", "/notes", PAGE, "/about", "/api/articles"];
    pages.iter().for_each(|page| drop(larder.fill(page)));
    // After a restart all is still there.
    larder.settle();
    larder.restart();
    let made = content.count("/note");
    until("they ask it again", || {
        let states = sites.each_ref().map(|site| site.get("/notes"));
        states.iter().all(|answer| answer.field("x-nextjs-cache") == Some("HIT")).then_some(())
    });
    assert!(content.count("/note") <= made + 1);
    larder.stop();
    for _ in 0..3 {
        for site in &sites {
            pages.iter().for_each(|page| assert_eq!(site.get(page).status, 200, "{page}"));
        }
    }
    content.call(SLUG, "While it was away");
    sites[0].publish(&json!({ "path": PAGE }));
    assert!(shows(&sites[0].get(PAGE), "While it was away"));
    larder.start_again();
    until("Larder is told", || {
        let purges = larder.admin_json("/v1/status")["purges"].clone();
        shows(&larder.fill(PAGE), "While it was away").then_some(purges)
    });
    until("both share again", || {
        let answers = sites.each_ref().map(|site| site.get(PAGE));
        assert!(answers.iter().all(|answer| answer.status == 200));
        let [one, other] = answers.map(|answer| answer.text());
        (one == other && one.contains("While it was away")).then_some(())
    });
    // Said once each time, and when it was over.
    let said = sites[0].error_lines("@larder/next");
    assert!((3..=5).contains(&said.len()), "{said:?}");
    assert!(said.iter().any(|line| line.contains("is told of what was revalidated")), "{said:?}");
    assert!(said.last().unwrap().contains("answers again"), "{said:?}");
}

#[test]
fn what_another_build_kept_is_not_used() {
    let content = Content::new();
    let (larder, [one, _other]) = two(&content);
    let second = Instance {
        address: free_address(),
        content: content.address(),
        build: Some("another-build"),
    };
    let next = NextSite::sharing(&second, &larder);
    for page in ["/notes", PAGE, "/photos"] {
        assert_eq!(one.get(page).field("x-nextjs-cache"), Some("MISS"), "{page}");
        assert_eq!(next.get(page).field("x-nextjs-cache"), Some("MISS"), "{page}");
        assert_eq!(next.get(page).field("x-nextjs-cache"), Some("HIT"), "{page}");
    }
    assert_eq!((content.count("/note"), content.count(PAGE)), (2, 2));
    // A purge is for all of them.
    content.call(SLUG, "For both builds");
    one.publish(&json!({ "path": PAGE }));
    assert!(shows(&one.get(PAGE), "For both builds") && shows(&next.get(PAGE), "For both builds"));
}

#[test]
fn what_is_published_reaches_readers_by_each_way() {
    let (addresses, content) = ([free_address(), free_address()], free_address());
    let hook = |name: &str, kind: &str, secret: &str, lines: &str| {
        format!("[[hook]]\nname = \"{name}\"\nkind = \"{kind}\"\nsecret = \"{secret}\"\n{lines}\n")
    };
    let path = "tags = [\"_N_T_/articles/{$.slug}\"]";
    let tag = "tags = [\"article:{$.slug}\"]";
    let hooks = [
        hook("hard-tag", "sanity", SECRET, tag),
        hook("hard-path", "ghost", SECRET, path),
        hook("soft-tag", "standard", STANDARD_SECRET, &format!("{tag}\nsoft = true")),
        hook("soft-path", "github", SECRET, &format!("{path}\nsoft = true")),
    ];
    let larder = larder_before(&addresses, &hooks.concat());
    let sites = instances(content, &larder, addresses);
    let port = content.port().to_string();
    let [one, other] = sites.each_ref().map(|site| format!("http://{}", site.address));
    let said = visit("publish.mjs", &larder, &[&port, SECRET, STANDARD_SECRET, &one, &other]);
    assert!(said.contains("ok  a soft purge of a path"), "{said}");
    println!("{said}");
    let mut client = Client::connect(sites[0].address);
    assert_eq!(client.get("/about").status, 200);
}
