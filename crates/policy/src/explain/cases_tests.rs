//! One case for each reason there is, told as people are told it, against a golden file. A reason
//! without a case does not compile: the matches below have no rest.

use super::*;
use crate::admission::{Admission, Offer, admission, may_guess};
use crate::fields::Fields;
use crate::freshness::{Exchange, Life, Staleness};
use crate::glob::Glob;
use crate::meta::Meta;
use crate::partial;
use crate::path_pattern::PathPattern;
use crate::preset::Preset;
use crate::purge::Born;
use crate::reason::{WhyFetch, WhyPass, WhySkip};
use crate::request::{Method, Request};
use crate::reuse::Found;
use crate::rule::tests::plain_site;
use crate::rule::{CacheMode, KeyParts, Match, QueryRule, Rule, Site};
use crate::time::{Seconds, Timestamp};
use std::fmt::Write;

/// The golden file; UPDATE_GOLDEN=1 writes it anew.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/reasons.txt");
const NOW: Timestamp = Timestamp(784_111_777_000);

fn site() -> Site {
    Site {
        session_cookies: vec![Glob::new("sid")],
        rules: vec![
            rule("/off/*", |rule| rule.cache = CacheMode::Off),
            rule("/keyed/*", |rule| {
                rule.key = KeyParts {
                    query: QueryRule { drop: vec![Glob::new("utm_*")], ..QueryRule::default() },
                    cookies: vec!["plan".into()],
                    device: true,
                    ..KeyParts::default()
                };
            }),
            rule("/ruled/*", |rule| rule.ttl = Some(Seconds::new(60))),
        ],
        ..plain_site()
    }
}

fn rule(path: &str, set: impl FnOnce(&mut Rule)) -> Rule {
    let paths = vec![PathPattern::glob(path)];
    let mut rule = Rule { matches: Match { paths, ..Match::default() }, ..Rule::default() };
    set(&mut rule);
    rule
}

fn get(target: &str, fields: &[(&str, &str)]) -> Request {
    let fields = fields.iter().copied().collect();
    Request { host: "a.test".into(), target: target.into(), fields, ..Request::default() }
}

/// A request that passes for this reason.
fn passing(why: WhyPass) -> Request {
    match why {
        WhyPass::Method => Request { method: Method::Post, ..get("/", &[]) },
        WhyPass::RequestBody => Request { has_body: true, ..get("/", &[]) },
        WhyPass::Upgrade => Request { upgrade: Some("websocket".into()), ..get("/", &[]) },
        WhyPass::RuleOff => get("/off/x", &[]),
        WhyPass::SessionCookie => get("/", &[("Cookie", "_ga=1; sid=2; lang=de")]),
    }
}

/// What is stored, the request and what else is known, by which the origin is asked for this reason.
fn fetching(why: WhyFetch) -> (Stored, Request, Facts) {
    let (none, plain) = (Facts::default(), || get("/", &[]));
    let fresh = |said| Stored::One { said, age: 10, invalid: false };
    match why {
        WhyFetch::UriMiss => (Stored::Nothing, get("/keyed/x?utm_source=a&b=1", &[]), none),
        WhyFetch::VaryMiss => (Stored::OtherVariants, plain(), none),
        WhyFetch::Stale => {
            (Stored::One { said: "s-maxage=5", age: 65, invalid: false }, plain(), none)
        }
        WhyFetch::NoCache => (fresh("no-cache"), plain(), none),
        WhyFetch::Invalidated => {
            (Stored::One { said: "max-age=60", age: 10, invalid: true }, plain(), none)
        }
        WhyFetch::Request => {
            (fresh("max-age=60"), get("/", &[("Cache-Control", "no-cache")]), none)
        }
        WhyFetch::Authorization => {
            (fresh("max-age=60"), get("/", &[("Authorization", "Bearer s3cret")]), none)
        }
        WhyFetch::Gaps => (fresh("max-age=60"), plain(), Facts { has_gaps: true, ..none }),
        WhyFetch::Uncacheable => (Stored::Nothing, plain(), Facts { is_marked: true, ..none }),
    }
}

enum Stored {
    Nothing,
    OtherVariants,
    One { said: &'static str, age: u64, invalid: bool },
}

/// A response that is not stored for this reason.
struct Refused {
    request: Request,
    status: u16,
    fields: Vec<(&'static str, String)>,
    has_older: bool,
}

/// How a response comes not to be stored for this reason; nothing where the store says so, for want
/// of room, or who makes pictures, and not a rule.
fn refused(why: WhySkip) -> Option<Refused> {
    let of = |request: Request, status, fields: &[(&'static str, &str)]| {
        let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Some(Refused { request, status, fields, has_older: false })
    };
    let plain = || get("/", &[]);
    let fresh = ("Cache-Control", "max-age=60");
    match why {
        WhySkip::RequestNoStore => of(get("/", &[("Cache-Control", "no-store")]), 200, &[fresh]),
        WhySkip::NoStore => of(plain(), 200, &[("Cache-Control", "no-store, max-age=60")]),
        WhySkip::Private => {
            of(plain(), 200, &[("CDN-Cache-Control", "private"), ("Cache-Control", "s-maxage=9")])
        }
        WhySkip::SetCookie => of(plain(), 200, &[fresh, ("Set-Cookie", "sid=s3cret")]),
        WhySkip::Authorization => of(get("/", &[("Authorization", "s3cret")]), 200, &[fresh]),
        WhySkip::Cookie => of(get("/", &[("Cookie", "lang=s3cret; _ga=1")]), 200, &[fresh]),
        WhySkip::VaryStar => of(plain(), 200, &[fresh, ("Vary", "*")]),
        WhySkip::VaryTooWide => {
            let names: Vec<String> = (0..17).map(|n| format!("x-{n}")).collect();
            of(plain(), 200, &[fresh, ("Vary", &names.join(", "))])
        }
        WhySkip::Partial => of(plain(), 206, &[fresh, ("Content-Range", "bytes 0-9/*")]),
        WhySkip::NotModified => of(plain(), 304, &[fresh]),
        WhySkip::Condition => of(plain(), 412, &[fresh]),
        WhySkip::NotUnderstood => {
            of(plain(), 299, &[("Cache-Control", "must-understand, max-age=9")])
        }
        WhySkip::Status => of(plain(), 302, &[("ETag", "\"a\"")]),
        WhySkip::NoFreshness => {
            of(plain(), 200, &[("CDN-Cache-Control", "max-age=\"60\""), ("Pragma", "no-cache")])
        }
        WhySkip::Expired => of(plain(), 200, &[("Cache-Control", "max-age=60"), ("Age", "61")]),
        WhySkip::OlderKept => Some(Refused { has_older: true, ..of(plain(), 503, &[fresh])? }),
        WhySkip::EventStream => of(plain(), 200, &[fresh, ("Content-Type", "text/event-stream")]),
        WhySkip::Deceptive => of(get("/me.css", &[]), 200, &[fresh, ("Content-Type", "text/html")]),
        WhySkip::TooManyTags => of(plain(), 200, &[fresh, ("Cache-Tag", &"t".repeat(1025))]),
        WhySkip::Head => of(Request { method: Method::Head, ..plain() }, 200, &[fresh]),
        WhySkip::TooLarge | WhySkip::InFlight | WhySkip::Disk | WhySkip::Incomplete => None,
        WhySkip::TooManyVariants => None,
    }
}

#[test]
fn each_reason_is_told_as_it_stands_in_the_golden_file() {
    let mut told = String::new();
    WhyPass::ALL.iter().for_each(|why| tell_pass(*why, &mut told));
    WhyFetch::ALL.iter().for_each(|why| tell_fetch(*why, &mut told));
    WhySkip::ALL.iter().for_each(|why| tell_skip(*why, &mut told));
    assert!(!told.contains("s3cret"), "{told}");
    #[allow(clippy::disallowed_methods, reason = "a test may read and write its golden file")]
    let wanted = {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(GOLDEN, &told).expect("the golden file can be written");
        }
        std::fs::read_to_string(GOLDEN).unwrap_or_default()
    };
    let differ = wanted.lines().zip(told.lines()).find(|(wanted, told)| wanted != told);
    assert!(wanted == told, "first in {differ:?}; UPDATE_GOLDEN=1 writes it anew");
}

fn tell_pass(why: WhyPass, out: &mut String) {
    let (site, request) = (site(), passing(why));
    let way = Way::of(&site, &request);
    let outcome = Outcome::of(&way, Found::Nothing, Facts::default(), &request, NOW);
    assert_eq!(outcome, Outcome::Pass(why));
    head("passes", why.token(), out);
    tell_way(&way, &request, out);
    line(out, "outcome", outcome.words());
}

fn tell_fetch(why: WhyFetch, out: &mut String) {
    let (site, (stored, request, facts)) = (site(), fetching(why));
    let way = Way::of(&site, &request);
    let meta = match stored {
        Stored::One { said, age, .. } => Some(meta(&site, &request, said, age)),
        _ => None,
    };
    let found = match (&stored, &meta) {
        (Stored::One { invalid, .. }, Some(meta)) => Found::Response { meta, invalid: *invalid },
        (Stored::OtherVariants, _) => Found::OtherVariants,
        _ => Found::Nothing,
    };
    let outcome = Outcome::of(&way, found, facts, &request, NOW);
    assert_eq!(outcome.reason(), Some(why.token()), "{outcome:?}");
    head("is fetched", why.token(), out);
    tell_way(&way, &request, out);
    if let Some(meta) = &meta {
        tell_headers(of_response(&meta.fields), out);
        tell_said(&Said::by_stored((&site, way.rule), meta, None), out);
        let life = &meta.life;
        line(out, "age", format!("{}s, ttl {}s", life.age_seconds(NOW), life.ttl(NOW)));
    }
    line(out, "outcome", outcome.words());
}

fn tell_skip(why: WhySkip, out: &mut String) {
    head("is not stored", why.token(), out);
    let Some(Refused { request, status, fields, has_older }) = refused(why) else {
        let by = if why == WhySkip::TooManyVariants { "the pictures" } else { "the store" };
        return line(out, "by", by);
    };
    let (site, fields) = (site(), fields.iter().map(|(n, v)| (*n, v.as_str())).collect::<Fields>());
    let way = Way::of(&site, &request);
    let exchange = Exchange { asked: NOW, answered: NOW };
    let offer = Offer {
        site: &site,
        rule: way.rule,
        request: &request,
        status,
        fields: &fields,
        exchange,
        born: Born::default(),
    };
    match admission(&offer).beside(has_older) {
        Admission::Skip(found) => assert_eq!(found, why),
        Admission::Store(meta) => panic!("{why:?}: stored as {meta:?}"),
    }
    if why == WhySkip::Partial {
        assert_eq!(partial::admit(&offer).err(), Some(why));
    }
    tell_way(&way, &request, out);
    line(out, "status", status);
    tell_headers(of_response(&fields), out);
    let guesses = may_guess(&site, &request);
    tell_said(&Said::by((&site, way.rule), status, &fields, exchange, guesses), out);
}

fn meta(site: &Site, request: &Request, said: &str, age: u64) -> Meta {
    let answered = Timestamp(NOW.0 - age * 1000);
    let date = answered.to_http();
    let fields: Fields =
        [("Cache-Control", said), ("ETag", "\"a\""), ("Date", &date)].into_iter().collect();
    let offer = Offer {
        site,
        rule: site.rule_for(request),
        request: &get(&request.target, &[]),
        status: 200,
        fields: &fields,
        exchange: Exchange { asked: answered, answered },
        born: Born::default(),
    };
    match admission(&offer) {
        Admission::Store(meta) => *meta,
        Admission::Skip(why) => panic!("{said}: {why:?}"),
    }
}

fn head(what: &str, token: &str, out: &mut String) {
    let About { meaning, remedy } = about(token).expect(token);
    let _ = writeln!(out, "\n# {what}: {token}\n");
    line(out, "means", meaning);
    line(out, "change", remedy);
}

fn tell_way(way: &Way<'_>, request: &Request, out: &mut String) {
    line(out, "request", format!("{} {}", request.method.as_str(), request.target));
    tell_headers(of_request(request), out);
    for (name, role) in &way.cookies {
        line(out, "cookie", format!("{name}: {}", role.token()));
    }
    let told = [matches(&way.rule.matches), sets(way.rule)].concat().join("; ");
    line(out, "rule", format!("{:?}: {told}", way.place));
    if let Ok(KeyTold { path, query, dropped, parts, .. }) = &way.key {
        let query = query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        line(out, "key", format!("{path}{query}"));
        dropped.iter().for_each(|dropped| line(out, "dropped", &dropped.parameter));
        for (name, value) in parts {
            line(out, "part", format!("{name}: {}", value.as_deref().unwrap_or("-")));
        }
    }
}

fn tell_headers(headers: Vec<Header>, out: &mut String) {
    for Header { name, value, role } in headers {
        let value: String = value.as_deref().unwrap_or("(not shown)").chars().take(60).collect();
        line(out, "header", format!("{name}: {value} ({})", role.token()));
    }
}

fn tell_said(said: &Said, out: &mut String) {
    let Said { speaker, directives, lifetime, source, stale, .. } = said;
    line(out, "said", format!("{speaker:?}: {}", directives.join(", ")));
    line(out, "lifetime", format!("{}s by {}", lifetime.get(), source.token()));
    line(out, "stale", format!("{stale:?}"));
}

fn line(out: &mut String, name: &str, text: impl std::fmt::Display) {
    let _ = writeln!(out, "{}", format!("{name:<9} {text}").trim_end());
}

#[test]
fn where_a_lifetime_is_from_is_known_of_what_is_stored() {
    let site = site();
    let of = |target: &str, said, ended: Option<u64>| {
        let request = get(target, &[]);
        let mut meta = meta(&site, &request, said, 10);
        let ended = ended.map(|before| Timestamp(NOW.0 - before * 1000));
        if let Some(ended) = ended {
            meta.life = meta.life.ended_at(ended);
        }
        Said::by_stored((&site, site.rule_for(&request)), &meta, ended)
    };
    for (target, said, ended, source, lifetime) in [
        ("/", "s-maxage=60, max-age=5", None, Source::Directive("s-maxage"), 60),
        ("/", "max-age=60", None, Source::Directive("max-age"), 60),
        ("/ruled/x", "max-age=5", None, Source::Rule, 60),
        ("/", "public", None, Source::Nothing, 0),
        ("/", "max-age=60", Some(3), Source::Purge, 7),
        ("/", "max-age=5", Some(3), Source::Directive("max-age"), 5),
    ] {
        let found = of(target, said, ended);
        assert_eq!((found.source, found.lifetime.get()), (source, lifetime), "{target} {said}");
    }
    let life =
        Life { lifetime: Seconds::new(9), ..meta(&site, &get("/", &[]), "max-age=5", 1).life };
    let other = Meta { life, ..meta(&site, &get("/", &[]), "max-age=5", 1) };
    let found = Said::by_stored((&site, &site.default_rule), &other, None);
    assert_eq!((found.source, found.stale), (Source::Earlier, Staleness::WhenUnreachable));
}

#[test]
fn a_lifetime_is_told_with_what_gave_it() {
    let mut site = site();
    let (past, later) = ("Sun, 06 Nov 1994 08:33:07 GMT", "Sun, 06 Nov 1994 08:50:37 GMT");
    let stale = [("Cache-Control", "s-maxage=9"), ("X-Nextjs-Cache", "STALE")];
    for (preset, fields, guesses, source, lifetime) in [
        (Preset::None, &[("Expires", later)][..], true, Source::Expires, 60),
        (Preset::None, &[("Last-Modified", past)], true, Source::Heuristic, 99),
        (Preset::None, &[("Last-Modified", past)], false, Source::Nothing, 0),
        (Preset::None, &stale, true, Source::Directive("s-maxage"), 9),
        (Preset::NextJs, &stale, true, Source::Preset, 0),
    ] {
        site.preset = preset;
        let fields: Fields = fields.iter().copied().collect();
        let exchange = Exchange { asked: NOW, answered: NOW };
        let said = Said::by((&site, &site.default_rule), 200, &fields, exchange, guesses);
        assert_eq!((said.source, said.lifetime.get()), (source, lifetime), "{fields:?}");
    }
}

#[test]
fn a_key_is_told_by_its_parts() {
    let site = site();
    let request = get(
        "/keyed/x?b=1&utm_source=a&b=1&utm_medium=c",
        &[("Cookie", "plan=pro; other=1"), ("User-Agent", "Mobile")],
    );
    let way = Way::of(&site, &request);
    let key = way.key.expect("it goes by way of the cache");
    let part = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    assert_eq!(key.parts, [part("cookie plan", "pro"), part("device", "mobile")]);
    assert_eq!(key.query.as_deref(), Some("b=1&b=1"));
    let dropped: Vec<_> = key.dropped.iter().map(|one| one.parameter.as_str()).collect();
    assert_eq!(dropped, ["utm_source=a", "utm_medium=c"]);
    assert!(key.dropped.iter().all(|one| !one.reaches_origin));
    let counts: Vec<_> = way.cookies.iter().map(|(_, role)| *role).collect();
    assert_eq!(counts, [CookieRole::Keyed, CookieRole::Counts]);
    assert!(Way::of(&site, &get("/keyed/%2e%2e/x", &[])).is_ambiguous);
}
