//! What is stored and what is not, as tables by section of RFC 9111.

use super::*;
use crate::purge::Source;
use crate::rule::tests::plain_site;
use crate::rule::{CacheMode, SiteId};
use crate::tag_template::TagTemplate;

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const NOW: Timestamp = Timestamp(784_111_777_000);

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().copied().collect()
}

fn get(target: &str, pairs: &[(&str, &str)]) -> Request {
    Request {
        host: "a.b".into(),
        target: target.into(),
        fields: fields(pairs),
        ..Request::default()
    }
}

fn decide(rule: &Rule, request: &Request, status: u16, response: &[(&str, &str)]) -> Admission {
    let site = plain_site();
    let exchange = Exchange { asked: NOW, answered: NOW };
    let fields = fields(response);
    let born = Born { log_id: 1, seq: 7 };
    admission(&Offer { site: &site, rule, request, status, fields: &fields, exchange, born })
}

fn skipped(request: &[(&str, &str)], status: u16, response: &[(&str, &str)]) -> Option<WhySkip> {
    match decide(&Rule::default(), &get("/p", request), status, response) {
        Admission::Store(_) => None,
        Admission::Skip(why) => Some(why),
    }
}

fn stored(rule: &Rule, request: &[(&str, &str)], response: &[(&str, &str)]) -> Meta {
    match decide(rule, &get("/p", request), 200, response) {
        Admission::Store(meta) => *meta,
        Admission::Skip(why) => panic!("not stored: {why:?}"),
    }
}

#[test]
fn storing_follows_section_3() {
    use WhySkip::*;
    let fresh = ("Cache-Control", "max-age=60");
    for (request, status, response, why) in [
        (vec![], 200, vec![fresh], None),
        (vec![], 404, vec![fresh], None),
        (vec![], 500, vec![fresh], None),
        (vec![], 299, vec![fresh], None),
        (vec![], 302, vec![fresh], None),
        (vec![], 302, vec![("ETag", "\"x\"")], Some(Status)),
        (vec![], 200, vec![], Some(NoFreshness)),
        (vec![], 200, vec![("ETag", "\"x\"")], None),
        (vec![], 200, vec![("Cache-Control", "max-age=0")], Some(Expired)),
        (vec![], 200, vec![("Cache-Control", "max-age=0"), ("ETag", "x")], None),
        (vec![], 200, vec![("Cache-Control", "max-age=0, stale-while-revalidate=9")], None),
        (vec![], 200, vec![("Cache-Control", "no-store, max-age=60")], Some(NoStore)),
        (vec![], 200, vec![("Cache-Control", "private, max-age=60")], Some(Private)),
        (vec![], 200, vec![("Cache-Control", "no-cache"), ("ETag", "x")], None),
        (vec![], 200, vec![("Cache-Control", "no-cache")], Some(NoFreshness)),
        (vec![], 200, vec![("Cache-Control", "public")], Some(NoFreshness)),
        (vec![], 200, vec![fresh, ("Set-Cookie", "a=1")], Some(SetCookie)),
        (vec![], 200, vec![fresh, ("Vary", "*")], Some(VaryStar)),
        (vec![], 206, vec![fresh], Some(Partial)),
        (vec![], 304, vec![fresh], Some(NotModified)),
        (vec![("Cache-Control", "no-store")], 200, vec![fresh], Some(RequestNoStore)),
        (vec![], 200, vec![("Cache-Control", "max-age=60, no-store, must-understand")], None),
        (vec![], 299, vec![("Cache-Control", "max-age=60, must-understand")], Some(NotUnderstood)),
        (vec![], 200, vec![("CDN-Cache-Control", "no-store"), fresh], Some(NoStore)),
        (
            vec![],
            200,
            vec![("CDN-Cache-Control", "max-age=60"), ("Cache-Control", "no-store")],
            None,
        ),
    ] {
        assert_eq!(skipped(&request, status, &response), why, "{status} {response:?}");
    }
}

#[test]
fn authorized_answers_are_shared_as_section_3_5_allows() {
    let asked = [("Authorization", "Basic x")];
    for (value, why) in [
        ("max-age=60", Some(WhySkip::Authorization)),
        ("max-age=60, public", None),
        ("s-maxage=60", None),
        ("max-age=60, must-revalidate", None),
        ("max-age=60, proxy-revalidate", Some(WhySkip::Authorization)),
    ] {
        assert_eq!(skipped(&asked, 200, &[("Cache-Control", value)]), why, "{value}");
    }
}

#[test]
fn answers_to_visitors_need_explicit_shared_freshness() {
    let old = ("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT");
    for (cookie, response, why) in [
        ("sid=1", vec![("Cache-Control", "max-age=60")], Some(WhySkip::Cookie)),
        ("sid=1", vec![("Cache-Control", "max-age=60, public")], None),
        ("sid=1", vec![("Cache-Control", "s-maxage=60")], None),
        ("sid=1", vec![("CDN-Cache-Control", "max-age=60")], None),
        ("sid=1", vec![old], Some(WhySkip::Cookie)),
        ("_ga=1", vec![("Cache-Control", "max-age=60")], None),
        ("_ga=1", vec![old], None),
    ] {
        assert_eq!(skipped(&[("Cookie", cookie)], 200, &response), why, "{cookie} {response:?}");
    }
    let rule = Rule { ttl: Some(Seconds::new(60)), ..Rule::default() };
    let found = decide(&rule, &get("/p", &[("Cookie", "sid=1")]), 200, &[]);
    assert!(matches!(found, Admission::Store(_)), "a rule is explicit");
}

#[test]
fn pages_dressed_as_static_files_are_not_stored() {
    let html = ("Content-Type", "text/html; charset=utf-8");
    let fresh = ("Cache-Control", "max-age=60");
    for (target, response, kept) in [
        ("/account/x.css", vec![html, fresh], false),
        ("/account/x.CSS?y", vec![html, fresh], false),
        ("/account/x.css", vec![html, ("Cache-Control", "s-maxage=60")], true),
        ("/account/x.css", vec![("Content-Type", "text/css"), fresh], true),
        ("/account.html", vec![html, fresh], true),
        ("/v1.2/account", vec![html, fresh], true),
    ] {
        let found = decide(&Rule::default(), &get(target, &[]), 200, &response);
        assert_eq!(matches!(found, Admission::Store(_)), kept, "{target} {response:?}");
    }
}

#[test]
fn a_ttl_overrides_the_origin_but_not_its_privacy() {
    let rule = Rule { ttl: Some(Seconds::new(60)), ..Rule::default() };
    for (status, response, kept) in [
        (200, vec![], true),
        (200, vec![("Cache-Control", "max-age=0")], true),
        (200, vec![("Cache-Control", "no-cache")], true),
        (200, vec![("Cache-Control", "no-store")], false),
        (200, vec![("Cache-Control", "private")], false),
        (200, vec![("Set-Cookie", "a=1")], false),
        (404, vec![], true),
        (500, vec![], false),
        (302, vec![], false),
    ] {
        let found = decide(&rule, &get("/p", &[]), status, &response);
        assert_eq!(matches!(found, Admission::Store(_)), kept, "{status} {response:?}");
    }
    let meta = stored(&rule, &[], &[("Cache-Control", "no-cache")]);
    assert!(meta.life.is_fresh(NOW) && meta.life.stale == Staleness::Forbidden);
}

#[test]
fn force_stores_what_is_private_without_its_cookie() {
    let rule = Rule { ttl: Some(Seconds::new(60)), cache: CacheMode::Force, ..Rule::default() };
    let private = [("Cache-Control", "private, no-store"), ("Set-Cookie", "a=1"), ("X-A", "1")];
    let meta = stored(&rule, &[("Authorization", "x")], &private);
    assert!(!meta.fields.has(Name::SetCookie));
    assert!(meta.life.shares_authorized);
}

#[test]
fn what_is_kept_has_a_date_and_nothing_withheld() {
    let meta = stored(
        &Rule { tags: TagTemplate::parse("rule").into_iter().collect(), ..Rule::default() },
        &[],
        &[
            ("Cache-Control", "max-age=60, no-cache=\"x-secret\""),
            ("X-Secret", "1"),
            ("Age", "3"),
            ("Connection", "x"),
            ("Cache-Tag", "a, b"),
            ("Surrogate-Key", "c a"),
            ("xkey", "x"),
            ("Netlify-Cache-Tag", "n"),
            ("Vercel-Cache-Tag", "v, a"),
        ],
    );
    assert_eq!(meta.fields.text(Name::Date), Some(DATE));
    assert_eq!(meta.fields.all_named("x-secret").count(), 0);
    assert!(!meta.fields.has(Name::Age) && !meta.fields.has(Name::Connection));
    assert_eq!(meta.life.initial_age, 3000);
    let tags: Vec<&str> = meta.tags.iter().map(|tag| &**tag).collect();
    assert_eq!(tags, ["a", "b", "c", "n", "rule", "v", "x"]);
    assert_eq!(meta.born, Born { log_id: 1, seq: 7 });
}

fn confirm(stored: &Meta, response: &[(&str, &str)]) -> Confirmation {
    let site = plain_site();
    let later = Timestamp(NOW.0 + 100_000);
    let exchange = Exchange { asked: later, answered: later };
    let born = Born { log_id: 1, seq: 9 };
    let (rule, request, fields) = (Rule::default(), get("/p", &[]), fields(response));
    let offer = Offer {
        site: &site,
        rule: &rule,
        request: &request,
        status: 304,
        fields: &fields,
        exchange,
        born,
    };
    confirmation(&offer, stored)
}

#[test]
fn a_304_makes_the_stored_response_fresh_again() {
    let old = stored(
        &Rule::default(),
        &[],
        &[("Cache-Control", "max-age=60"), ("ETag", "x"), ("Date", DATE)],
    );
    let Confirmation::Update(new) = confirm(&old, &[("ETag", "x")]) else { panic!("no update") };
    assert!(new.life.is_fresh(Timestamp(NOW.0 + 100_000)));
    assert_eq!(new.born.seq, 9, "a 304 sets `born` to that of its own request");
    assert!(matches!(confirm(&old, &[("ETag", "y")]), Confirmation::Mismatch));
    let now_private = confirm(&old, &[("Cache-Control", "no-store"), ("ETag", "x")]);
    assert!(matches!(now_private, Confirmation::ServeOnce(_, WhySkip::NoStore)));
}

#[test]
fn a_304_leaves_what_a_body_is_purged_by() {
    let fields = [("Cache-Control", "max-age=60"), ("ETag", "x"), ("Cache-Tag", "a")];
    let mut old = stored(&Rule::default(), &[], &fields);
    old.sources = [Source::Tag(SiteId(1), "b".into())].into();
    for control in ["max-age=60", "no-store"] {
        let update = [("Cache-Control", control), ("ETag", "x"), ("Cache-Tag", "c")];
        let new = match confirm(&old, &update) {
            Confirmation::Update(new) | Confirmation::ServeOnce(new, _) => new,
            Confirmation::Mismatch => panic!("it speaks of it"),
        };
        assert!(new.tags.contains(&"a".into()), "{control}");
        assert_eq!(new.sources, old.sources, "{control}");
    }
}

#[test]
fn a_head_updates_what_it_describes() {
    let mut old = stored(&Rule::default(), &[], &[("Cache-Control", "max-age=60"), ("ETag", "x")]);
    old.body_bytes = 5;
    for (response, describes) in [
        (vec![("ETag", "x"), ("Content-Length", "5"), ("Cache-Control", "max-age=9")], true),
        (vec![("ETag", "x"), ("Cache-Control", "max-age=9")], true),
        (vec![("ETag", "y"), ("Content-Length", "5")], false),
        (vec![("ETag", "x"), ("Content-Length", "6")], false),
        (vec![("Content-Length", "5")], false),
    ] {
        let site = plain_site();
        let request = Request { method: Method::Head, ..get("/p", &[]) };
        let (rule, fields) = (Rule::default(), fields(&response));
        let exchange = Exchange { asked: NOW, answered: NOW };
        let offer = Offer {
            site: &site,
            rule: &rule,
            request: &request,
            status: 200,
            fields: &fields,
            exchange,
            born: Born::default(),
        };
        assert_eq!(head_update(&offer, &old, false).is_some(), describes, "{response:?}");
        assert_eq!(head_update(&offer, &old, true).is_some(), describes, "{response:?}");
        // Without a validator nobody knows that what was made invalid is still the same.
        let mut unnamed = old.clone();
        unnamed.fields.remove(Name::Etag);
        assert!(head_update(&offer, &unnamed, true).is_none(), "{response:?}");
    }
}

#[test]
fn only_what_is_usable_on_arrival_is_shared_with_waiters() {
    for (value, shared) in [
        ("max-age=60", true),
        ("max-age=0, stale-while-revalidate=5", true),
        ("max-age=0", false),
        ("no-cache", false),
    ] {
        let meta = stored(&Rule::default(), &[], &[("Cache-Control", value), ("ETag", "x")]);
        assert_eq!(is_shareable(&meta), shared, "{value}");
    }
}

#[test]
fn vary_leaves_out_what_the_key_holds() {
    let mut rule = Rule::default();
    rule.key.languages = vec!["en".into(), "de".into()];
    rule.ttl = Some(Seconds::new(60));
    let meta = stored(&rule, &[("Accept-Language", "de-AT")], &[("Vary", "Accept-Language")]);
    assert!(meta.variant.answers(&fields(&[("Accept-Language", "de-CH")])));
}

#[test]
fn what_a_purge_by_tag_would_miss_is_not_stored() {
    let tags = |count: usize| (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>().join(",");
    for (tags, verdict) in [
        (tags(MAX_TAGS), None),
        (tags(MAX_TAGS + 1), Some(WhySkip::TooManyTags)),
        ("x".repeat(MAX_TAG_BYTES), None),
        ("x".repeat(MAX_TAG_BYTES + 1), Some(WhySkip::TooManyTags)),
    ] {
        let response = [("Cache-Control", "max-age=60"), ("Cache-Tag", tags.as_str())];
        assert_eq!(skipped(&[], 200, &response), verdict, "{}", tags.len());
    }
}
