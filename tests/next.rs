//! A real Next.js site behind Larder, with nothing set but its preset, and without that.

use crate::support::browser::{expect_hits, fill, visit};
use crate::support::{Content, Larder, NextSite, Origin, Received, until};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Pages that are the same for all, and their headings.
const PAGES: [(&str, &str); 7] = [
    ("/", "Articles"),
    ("/about", "About"),
    ("/articles/label-and-date", "Label and date"),
    ("/notes", "Notes"),
    ("/photos", "Photos"),
    ("/photos/1", "Photo"),
    ("/contact", "Contact"),
];
/// What says that a payload is wanted.
const RSC: (&str, &str) = ("RSC", "1");

fn larder(site: &NextSite, preset: &str) -> Larder {
    Larder::configured(&site.toml(preset), &Origin::as_told())
}

fn purge(larder: &Larder, what: &serde_json::Value) {
    let purged = larder.admin_post("/v1/purge", &what.to_string());
    assert_eq!(purged.status, 200, "{}", purged.text());
}

/// Gets, as browsers do, also from where one is sent to.
fn follow(larder: &Larder, target: &str, fields: &[(&str, &str)]) -> Received {
    let answer = larder.fill_with(target, fields);
    match (answer.status, answer.field("location")) {
        (307, Some(there)) => larder.fill_with(there, fields),
        _ => answer,
    }
}

#[test]
fn all_of_a_real_site_works_and_nothing_of_one_visitor_reaches_another() {
    let content = Content::new();
    let site = NextSite::start(&content);
    let larder = larder(&site, "nextjs");
    let said = visit("next.mjs", &larder, &["nextjs"]);
    assert!(said.contains("ok  a draft is shown"), "{said}");
    let metrics = larder.metrics();
    assert!(metrics.sum("larder_requests_total", &["verdict=\"hit\""]) > 100, "{said}");
    // The pictures are Larder's, and the app's own optimizer had nothing to do.
    assert!(metrics.sum("larder_pictures_total", &["outcome=\"made\""]) > 0);
    assert!(!site.made_pictures());
}

#[test]
fn without_a_preset_all_works_but_drafts_of_what_is_kept() {
    let content = Content::new();
    let site = NextSite::start(&content);
    visit("next.mjs", &larder(&site, "none"), &["none"]);
    assert!(site.made_pictures(), "else the other test would show nothing");
}

#[test]
fn pages_come_while_the_site_is_away() {
    let content = Content::new();
    let site = NextSite::start(&content);
    let mut larder = larder(&site, "nextjs");
    // What is behind a dash is for one visitor each: it shows who they are, or gives them cookies.
    let pages = ["/", "/about", "/articles/label-and-date", "/notes", "-/visit", "-/welcome"];
    fill(&larder, &pages);
    larder.settle();
    larder.restart();
    drop(site);
    expect_hits(&larder, &pages);
}

#[test]
fn a_payload_is_never_shown_as_a_page_nor_a_page_taken_for_a_payload() {
    let content = Content::new();
    let site = NextSite::start(&content);
    let tree = [RSC, ("Next-Router-Prefetch", "1"), ("Next-Router-Segment-Prefetch", "/_tree")];
    let whole = [RSC, ("Next-Router-Prefetch", "1")];
    let mut asked = Vec::new();
    for (page, heading) in PAGES {
        for query in ["", "?_rsc=wrong", "?_rsc=other"] {
            for fields in [&[][..], &[RSC], &tree, &whole] {
                asked.push((format!("{page}{query}"), heading, fields));
            }
        }
    }
    for preset in ["nextjs", "none"] {
        let larder = larder(&site, preset);
        for _ in ["one way", "the other way"] {
            purge(&larder, &json!({ "everything": true }));
            for (round, (target, heading, fields)) in
                (0..3).flat_map(|round| asked.iter().map(move |asked| (round, asked)))
            {
                let answer = follow(&larder, target, fields);
                let case = format!("{preset} {target} {fields:?} {}", answer.cache());
                assert_eq!(answer.status, 200, "{case}");
                let kind = answer.field("content-type").unwrap_or_default();
                let text = answer.text();
                let is_page = text.starts_with("<!DOCTYPE html>") && text.contains(heading);
                let expected = match fields {
                    [] => (true, "text/html; charset=utf-8"),
                    _ => (false, "text/x-component"),
                };
                assert_eq!((is_page, kind), expected, "{case}");
                assert!(round == 0 || answer.is_hit(), "{case}");
            }
            asked.reverse();
        }
    }
}

#[test]
fn a_new_article_is_on_its_pages_after_their_time() {
    let content = Content::new();
    let site = NextSite::start(&content);
    let larder = larder(&site, "nextjs");
    content.say("/news", "Nothing yet");
    for news in ["Jam is here", "Jam is gone"] {
        content.say("/news", news);
        // Next makes it anew by its own clock, a second at the least after it was made.
        until("the page says it", || {
            larder.turn_clock(2);
            larder.fill("/clock").text().contains(news).then_some(())
        });
        until("its payload says it", || {
            larder.turn_clock(2);
            follow(&larder, "/clock", &[RSC]).text().contains(news).then_some(())
        });
        assert!(larder.get("/clock").is_hit());
    }
}

/// Next sends the page from before once more, with the whole lifetime of the one to come.
#[test]
fn what_next_calls_stale_is_not_kept_as_if_it_were_new() {
    let content = Content::new();
    let site = NextSite::start(&content);
    let larder = larder(&site, "nextjs");
    // The build knew the file only.
    site.publish(&json!({ "path": "/" }));
    until("the page is new", || {
        purge(&larder, &json!({ "everything": true }));
        (larder.fill("/").field("x-nextjs-cache") == Some("HIT")).then_some(())
    });
    content.call("label-and-date", "Label, date and name");
    site.publish(&json!({ "tag": "articles" }));
    // By the clock, all would be old: Next dates its answers by its own.
    purge(&larder, &json!({ "urls": ["/"], "soft": true }));
    let mut states = BTreeSet::new();
    let page = until("the page has the new title", || {
        let answer = larder.fill("/");
        let state = answer.field("x-nextjs-cache").unwrap().to_owned();
        let is_fresh = !answer.cache().contains("stale-while-revalidate");
        assert!(state != "STALE" || !is_fresh, "{}", answer.cache());
        states.insert(state);
        answer.text().contains("Label, date and name").then_some(answer)
    });
    assert!(page.is_hit() && states.contains("STALE"), "{} {states:?}", page.cache());
}

#[test]
fn what_is_published_and_purged_is_there_at_the_next_request_as_page_and_as_payload() {
    let content = Content::new();
    let site = NextSite::start(&content);
    let larder = larder(&site, "nextjs");
    let page = "/articles/label-and-date";
    let payloads = ["/about", "/photos"].map(|from| {
        let fields = [RSC, ("Next-Url", from)];
        (site.payload(page, &fields), fields)
    });
    larder.fill(page);
    payloads.iter().for_each(|(target, fields)| drop(larder.fill_with(target, fields)));
    for title in ["First of all, label", "Date it, then label"] {
        content.call("label-and-date", title);
        site.publish(&json!({ "path": page }));
        assert!(!larder.get(page).text().contains(title), "Next tells nobody");
        purge(&larder, &json!({ "urls": [page] }));
        assert!(larder.fill(page).text().contains(title));
        for (target, fields) in &payloads {
            assert!(larder.fill_with(target, fields).text().contains(title), "{target}");
            assert!(larder.get_with(target, fields).is_hit(), "{target}");
        }
    }
    // By tag, and a page that `use cache` keeps.
    larder.fill("/notes");
    content.say("/note", "Buy salt");
    site.publish(&json!({ "tag": "notes", "now": true }));
    purge(&larder, &json!({ "urls": ["/notes"] }));
    assert!(larder.fill("/notes").text().contains("Buy salt"));
}

#[test]
fn what_is_not_found_stays_so_until_it_is_written() {
    let content = Content::new();
    let site = NextSite::start(&content);
    let larder = larder(&site, "nextjs");
    let missing = "/articles/rye-and-rice";
    assert_eq!(larder.fill(missing).status, 404);
    let again = larder.get(missing);
    assert_eq!((again.status, again.is_hit()), (404, true), "{}", again.cache());
    content.call("rye-and-rice", "Rye and rice");
    site.publish(&json!({ "path": missing }));
    larder.turn_clock(11);
    assert_eq!(larder.fill(missing).status, 404, "served once more, a new one is fetched");
    let there = larder.get(missing);
    assert_eq!((there.status, there.is_hit()), (200, true), "{}", there.cache());
    for _ in 0..2 {
        let unknown = larder.fill("/nowhere");
        assert_eq!((unknown.status, unknown.is_hit()), (404, false), "no-store");
    }
}

#[test]
fn the_cookie_of_a_middleware_is_never_replayed() {
    let content = Content::new();
    let site = NextSite::start(&content);
    for preset in ["nextjs", "none"] {
        let larder = larder(&site, preset);
        let mut given = BTreeSet::new();
        for (cookie, is_new) in
            [("", true), ("visitor=ada", false), ("", true), ("visitor=ben", false)]
        {
            for _ in 0..3 {
                let fields = [("Cookie", cookie)];
                let answer = larder.fill_with("/welcome", if is_new { &[] } else { &fields });
                assert_eq!(answer.status, 200);
                if let Some(set) = answer.field("set-cookie") {
                    assert!(!answer.is_hit() && given.insert(set.to_owned()), "{preset} {set}");
                }
            }
        }
        assert!(given.len() >= 3, "{preset} {given:?}");
    }
}

#[test]
fn drafts_reach_only_who_edits_them() {
    let content = Content::new();
    let site = NextSite::start(&content);
    let larder = larder(&site, "nextjs");
    let page = "/articles/label-and-date";
    let enabled = larder.get("/api/draft/enable?slug=label-and-date");
    let cookie = enabled.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let editor = [("Cookie", cookie.as_str())];
    let is_draft = |answer: &Received| answer.text().contains("This is a draft.");
    for _ in 0..2 {
        assert!(is_draft(&larder.fill_with(page, &editor)));
        assert!(is_draft(&follow(&larder, page, &[editor[0], RSC])));
        assert!(!is_draft(&larder.fill(page)));
        assert!(!is_draft(&follow(&larder, page, &[RSC])));
    }
    assert!(larder.get(page).is_hit());
    // Next clears a cookie that it does not know, on a page for all.
    let garbage = larder.get_with(page, &[("Cookie", "__prerender_bypass=garbage")]);
    assert!(garbage.field("set-cookie").is_some() && !is_draft(&garbage));
    assert!(larder.get(page).field("set-cookie").is_none());
}

/// Every link of every page, as a document and as scripts ask for it in advance and on a click.
#[test]
fn a_crawl_of_the_site_is_answered_from_the_cache() {
    let content = Content::new();
    let site = NextSite::start(&content);
    let mut names = BTreeMap::new();
    for (preset, floor) in [("nextjs", 90), ("none", 60)] {
        let larder = larder(&site, preset);
        let (mut hits, mut asked) = (0, 0);
        for _ in 0..4 {
            for answer in crawl(&larder, &site, &mut names) {
                hits += usize::from(answer.is_hit());
                asked += 1;
            }
        }
        let ratio = hits * 100 / asked;
        eprintln!(
            "crawl of the Next site, preset {preset}: {hits} of {asked} were hits, {ratio} %"
        );
        assert!(ratio > floor, "{hits} of {asked}");
    }
}

/// What comes of going to each link of each page, but for those that are one visitor's.
/// `names` are those of payloads, so that Next is asked for each once.
fn crawl(larder: &Larder, site: &NextSite, names: &mut BTreeMap<String, String>) -> Vec<Received> {
    let mut pages = vec!["/".to_owned()];
    let mut answers = vec![];
    let mut at = 0;
    while let Some(page) = pages.get(at).cloned() {
        at += 1;
        let document = larder.get(&page);
        assert_eq!(document.status, 200, "{page}: {}", document.cache());
        for link in links(&document.text()) {
            let tree = ("Next-Router-Segment-Prefetch", "/_tree");
            let (prefetch, from) = (("Next-Router-Prefetch", "1"), ("Next-Url", page.as_str()));
            for fields in [&[RSC, prefetch, tree, from][..], &[RSC, from]] {
                let name = names.entry(format!("{link} {fields:?}"));
                let name = name.or_insert_with(|| site.payload(&link, fields));
                let payload = larder.get_with(name, fields);
                let kind = payload.field("content-type").map(str::to_owned);
                assert_eq!(kind.as_deref(), Some("text/x-component"), "{page} {link}");
                if !["/visit", "/welcome"].contains(&link.as_str()) {
                    answers.push(payload);
                }
            }
            if !pages.contains(&link) {
                pages.push(link);
            }
        }
        if !["/visit", "/welcome"].contains(&page.as_str()) {
            answers.push(document);
        }
    }
    assert!(pages.len() > 14, "{pages:?}");
    answers
}

/// Where the links of a page lead, on the site.
fn links(html: &str) -> BTreeSet<String> {
    let anchors = html.split("<a ").skip(1);
    let target =
        |anchor: &str| anchor.split_once("href=\"")?.1.split('"').next().map(str::to_owned);
    anchors.filter_map(target).filter(|target| target.starts_with('/')).collect()
}
