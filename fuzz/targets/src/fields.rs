//! Header fields and URLs.

use policy::cache_control::{RequestDirectives, ResponseDirectives};
use policy::conditional::{client_has_it, make_conditional, range_is_of, updated};
use policy::fields::Fields;
use policy::glob::Glob;
use policy::key::{forwarded_target, keyed_target, keyed_url};
use policy::name::Name;
use policy::negotiate as wishes;
use policy::partial::{ContentRange, first_ask};
use policy::path::match_path;
use policy::purge::invalidated;
use policy::range::{MAX_RANGES, Ranges, first_spec, parse};
use policy::request::{Method, Request};
use policy::rule::{Echo, QueryRule, Rule};
use policy::targeted::winner;
use policy::time::{Seconds, Timestamp};
use policy::vary::{MAX_NOMINATED, Variant};

/// Fields of the lines of `data`, all of these names in turn.
fn fields(data: &[u8], names: &[Name]) -> Fields {
    let mut fields = Fields::new();
    for (line, name) in data.split(|b| *b == b'\n').zip(names.iter().cycle()) {
        fields.add(*name, line);
    }
    fields
}

/// Directives never exceed the greatest length.
pub fn cache_control(data: &[u8]) {
    let response = ResponseDirectives::parse([data].into_iter());
    let request = RequestDirectives::parse([data].into_iter());
    for seconds in [response.max_age, response.s_maxage, request.max_age, request.max_stale] {
        assert!(seconds.unwrap_or_default() <= Seconds::MAX);
    }
}

/// One field speaks, and says the same when asked again.
pub fn targeted(data: &[u8]) {
    let list = fields(data, &[Name::CdnCacheControl, Name::CacheControl, Name::LarderCacheControl]);
    assert_eq!(winner(&list), winner(&list));
}

/// Conditions are judged, and made, and updates never change what describes a stored body.
pub fn conditional(data: &[u8]) {
    let request = fields(data, &[Name::IfNoneMatch, Name::IfModifiedSince, Name::IfRange]);
    let mut response = fields(data, &[Name::Etag, Name::LastModified, Name::Date, Name::Vary]);
    let _ = client_has_it(&request, &response);
    let _ = range_is_of(&request, &response);
    response.set(Name::ContentLength, "7");
    let new = updated(&response, &fields(data, &[Name::Vary, Name::ContentLength, Name::Etag]));
    assert_eq!(new.text(Name::ContentLength), Some("7"));
    assert!(new.members(Name::Vary).count() >= response.members(Name::Vary).count());
    let mut asked = request.clone();
    make_conditional(&mut asked, &response);
    assert_eq!(asked.has(Name::IfNoneMatch), response.has(Name::Etag));
}

/// A date that is read is written and read again as the same second.
pub fn date(data: &[u8]) {
    if let Some(time) = Timestamp::parse_http(data) {
        assert_eq!(Timestamp::parse_http(time.to_http().as_bytes()), Some(time));
    }
}

/// What an unsafe request makes invalid stays on its host.
pub fn location(data: &[u8]) {
    let request = Request {
        method: Method::Post,
        host: "a.b".to_owned(),
        target: "/x/y".to_owned(),
        ..Request::default()
    };
    let (rule, fields) = (Rule::default(), fields(data, &[Name::Location]));
    for scope in invalidated(&request, [&rule].into_iter(), 201, &fields) {
        assert!(scope.starts_with(b"a.b\0/"));
    }
}

/// A normalised wish normalises to itself, and a language is one of those offered.
pub fn negotiate(data: &[u8]) {
    let asked = fields(data, &[Name::AcceptEncoding, Name::AcceptLanguage, Name::UserAgent]);
    let spelled = wishes::accept_encoding(&asked);
    let again: Fields = fields(&spelled, &[Name::AcceptEncoding]);
    // An unclosed quote, which no coding has, swallows what comes to stand behind it.
    if !data.contains(&b'"') {
        assert_eq!(wishes::accept_encoding(&again), spelled);
    }
    let offered = ["en".to_owned(), "de".to_owned()];
    assert!(wishes::language(&asked, &offered).is_some_and(|l| l == "en" || l == "de"));
    assert!(["desktop", "mobile", "tablet"].contains(&wishes::device(&asked)));
}

/// A resolved path has no dot segments.
pub fn path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let raw = format!("/{text}");
    let found = match_path(&raw);
    let mut segments = found.path.split(|b| *b == b'/');
    assert!(found.path.starts_with(b"/"));
    assert!(!segments.any(|segment| segment == b"." || segment == b".."));
}

/// A normalised query normalises to itself.
pub fn query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let target = format!("/p?{text}");
    let globs = |patterns: &[&str]| patterns.iter().map(|p| Glob::new(p)).collect::<Vec<_>>();
    let rule = QueryRule {
        drop: globs(&["utm_*", "a"]),
        only: None,
        sort: true,
        forward: globs(&["b"]),
        echo: Some(Echo { parameter: "_rsc", header: "rsc", value: "1" }),
    };
    let keyed = keyed_url(&rule, &target);
    assert_eq!(keyed_url(&rule, &keyed), keyed);
    assert_eq!(keyed_url(&rule, &forwarded_target(&rule, &target)), keyed);
    let asked = |target: &str| Request {
        target: target.to_owned(),
        fields: [("rsc", "1")].into_iter().collect(),
        ..Request::default()
    };
    let request = asked(&target);
    let keyed = keyed_target(&rule, &request);
    assert_eq!(keyed_target(&rule, &asked(&keyed)), keyed);
    assert_eq!(keyed_target(&rule, &asked(&forwarded_target(&rule, &target))), keyed);
}

/// Parts lie within the body and are not too many.
pub fn range(data: &[u8]) {
    for length in [0, 1, 10, u64::MAX] {
        if let Ranges::Parts(parts) = parse(data, length) {
            assert!(!parts.is_empty() && parts.len() <= MAX_RANGES);
            assert!(parts.iter().all(|part| part.first <= part.last && part.last < length));
            assert!(first_spec(data).is_some(), "what is understood has a first range");
        }
    }
    if let Some(spec) = first_spec(data) {
        assert!(first_ask(spec).starts_with("bytes="));
    }
    let mut response = Fields::new();
    response.add(Name::ContentRange, data);
    if let Some(range) = ContentRange::of(&response) {
        assert!(range.first <= range.last && range.last < range.total);
    }
}

/// A variant answers the request that it was made for.
pub fn vary(data: &[u8]) {
    let response = fields(data, &[Name::Vary]);
    let request = fields(data, &[Name::AcceptEncoding, Name::Accept, Name::AcceptLanguage]);
    if let Ok(variant) = Variant::of(&response, &request, &["x-keyed"]) {
        assert!(variant.answers(&request));
        assert!(variant.names().count() <= MAX_NOMINATED);
        assert_eq!(variant.retold(&request), variant);
    }
}
