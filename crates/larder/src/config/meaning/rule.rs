//! What one rule means.

use super::Notes;
use super::edits::{Of, edits};
use crate::config::place::Place;
use crate::config::quantity::Lifetime;
use crate::config::words::{FieldName, NamePattern, Tag};
use crate::config::written;
use crate::config::written::{Cache, Compress};
use policy::cors::Cors;
use policy::glob::Glob;
use policy::path_pattern::PathPattern;
use policy::rule::{self, CacheMode, KeyParts, Match, QueryRule, Rule};

/// Works out a rule.
pub fn rule(written: &written::Rule, place: &Place, notes: &mut Notes<'_, '_>) -> Rule {
    check_cache(written, place, notes);
    check_paths(&written.matching, &place.key("match"), notes);
    check_tags(written, &place.key("tags"), notes);
    check_key(&written.key, &place.key("key"), notes);
    let seconds = |lifetime: Option<Lifetime>| lifetime.map(|lifetime| lifetime.0);
    Rule {
        is_built_in: false,
        matches: matches(&written.matching),
        ttl: seconds(written.ttl),
        negative_ttl: seconds(written.negative_ttl),
        revalidate: seconds(written.revalidate),
        keep_assets: seconds(written.keep_assets),
        stale_while_revalidate: seconds(written.stale_while_revalidate),
        stale_if_error: seconds(written.stale_if_error),
        browser_ttl: seconds(written.browser_ttl),
        cache: cache_mode(written.cache),
        compress: compress(written.compress),
        key: key(&written.key),
        response_fields: edits(&written.headers, Of::Responses, &place.key("headers"), notes),
        request_fields: edits(
            &written.request_headers,
            Of::Requests,
            &place.key("request_headers"),
            notes,
        ),
        cors: cors(&written.cors, &place.key("cors"), notes),
        tags: written.tags.iter().map(Tag::template).collect(),
    }
}

fn matches(written: &written::Matching) -> Match {
    let pattern = |wanted: &written::Wanted| wanted.pattern();
    Match {
        paths: written.path.0.iter().map(|path| path.pattern()).collect(),
        methods: written.method.0.iter().map(|name| name.method()).collect(),
        headers: written.header.iter().map(|(name, w)| (name.0.clone(), pattern(w))).collect(),
        cookies: written.cookie.iter().map(|(name, w)| (name.0.clone(), pattern(w))).collect(),
        query: Vec::new(),
    }
}

fn cache_mode(written: Cache) -> CacheMode {
    match written {
        Cache::Auto => CacheMode::Auto,
        Cache::Off => CacheMode::Off,
        Cache::Force => CacheMode::Force,
    }
}

fn compress(written: Compress) -> rule::Compress {
    match written {
        Compress::Auto => rule::Compress::Auto,
        Compress::Off => rule::Compress::Off,
        Compress::Always => rule::Compress::Always,
    }
}

fn key(written: &written::Key) -> KeyParts {
    let query = &written.query;
    KeyParts {
        query: QueryRule {
            drop: globs(&query.drop),
            only: query.only.as_deref().map(globs),
            sort: query.sort,
            forward: globs(&query.forward),
            echo: None,
        },
        headers: written.headers.iter().map(|name| name.0.clone()).collect(),
        cookies: written.cookies.iter().map(|name| name.0.clone()).collect(),
        device: written.device,
        languages: written.languages.iter().map(|language| language.0.clone()).collect(),
        version: written.version.as_ref().map(|version| version.0.clone()).unwrap_or_default(),
        // Set once all rules are known.
        rule: 0,
    }
}

/// Patterns of names, ready to match.
pub fn globs(patterns: &[NamePattern]) -> Vec<Glob> {
    patterns.iter().map(NamePattern::glob).collect()
}

fn check_cache(written: &written::Rule, place: &Place, notes: &mut Notes<'_, '_>) {
    let is_lost = |key: &str| notes.document.has_lost(&place.key(key));
    let lives = written.ttl.is_some() || written.revalidate.is_some();
    if written.cache == Cache::Force && !lives && !is_lost("ttl") && !is_lost("revalidate") {
        let mend = "add a ttl, such as ttl = \"5m\"";
        notes.error(&place.key("cache"), "cache = \"force\" needs a ttl", mend);
    }
    if written.ttl.is_some() && written.revalidate.is_some() {
        let what = "how long is fresh is said twice: ttl counts, and then it is regenerated";
        notes.warn(&place.key("revalidate"), what, "leave out ttl");
    }
    if written.cache != Cache::Off {
        return;
    }
    for (name, set) in [
        ("ttl", written.ttl),
        ("negative_ttl", written.negative_ttl),
        ("revalidate", written.revalidate),
        ("keep_assets", written.keep_assets),
        ("stale_while_revalidate", written.stale_while_revalidate),
        ("stale_if_error", written.stale_if_error),
    ] {
        if set.is_some() {
            let what = format!("{name} does nothing where cache = \"off\"");
            notes.warn(&place.key(name), what, "leave out one of both");
        }
    }
}

fn check_paths(matching: &written::Matching, place: &Place, notes: &mut Notes<'_, '_>) {
    let place = place.key("path");
    for (i, pattern) in matching.path.0.iter().enumerate() {
        let element = place.index(i);
        let place = if notes.document.has(&element) { &element } else { &place };
        if pattern.0.contains('%') {
            let mend = "write the characters themselves: paths are matched decoded";
            notes.warn(place, "this pattern has a % and hardly matches any path", mend);
        }
        if pattern.0.contains("?") && pattern.0.contains('=') {
            let mend = "leave out the query: `?` stands for any one character of the path";
            notes.warn(place, "patterns are held against the path, never the query", mend);
        }
    }
}

/// Each name in a tag has to be a part of every path that the rule is for.
fn check_tags(written: &written::Rule, place: &Place, notes: &mut Notes<'_, '_>) {
    let patterns: Vec<_> = written.matching.path.0.iter().map(|path| path.pattern()).collect();
    for (i, tag) in written.tags.iter().enumerate() {
        let template = tag.template();
        let is_known = |name: &str| {
            let has = |pattern: &PathPattern| pattern.names().any(|known| known == name);
            !patterns.is_empty() && patterns.iter().all(has)
        };
        if let Some(name) = template.names().find(|name| !is_known(name)) {
            let what = format!("not each path that this rule is for has a part {{{name}}}");
            let mend = format!("name it in all of match.path, as in \"/blog/{{{name}}}\"");
            notes.error(&place.index(i), what, mend);
        }
    }
}

fn check_key(key: &written::Key, place: &Place, notes: &mut Notes<'_, '_>) {
    for (i, name) in key.query.forward.iter().enumerate() {
        let what = format!("`{name}` reaches the origin but does not tell responses apart");
        let mend = "make sure that no answer depends on it, or drop it";
        notes.warn(&place.key("query").key("forward").index(i), what, mend);
    }
    for (i, name) in key.headers.iter().enumerate() {
        let mend = match name.0.as_str() {
            "cookie" => "name the cookies that matter in key.cookies",
            "user-agent" => "use key.device = true",
            "accept-language" => "name the languages in key.languages",
            _ => continue,
        };
        let what = format!("hardly two clients send the same {name}: little would be shared");
        notes.warn(&place.key("headers").index(i), what, mend);
    }
}

fn cors(written: &written::Cors, place: &Place, notes: &mut Notes<'_, '_>) -> Option<Cors> {
    if written.origins.is_empty() {
        return None;
    }
    for (i, origin) in written.origins.iter().enumerate() {
        let is_origin = origin.0.split_once("://").is_some_and(|(_, host)| !host.contains('/'));
        if origin.0 != "*" && origin.0 != "null" && !is_origin {
            let mend = "write it as in \"https://example.com\", without a path";
            notes.error(&place.key("origins").index(i), "this is no origin", mend);
        }
        if origin.0 == "*" && written.credentials {
            let what = "every page on the web may ask with your visitors' cookies and read along";
            notes.warn(&place.key("credentials"), what, "name the origins, or leave this out");
        }
    }
    let names = |names: &[FieldName]| names.iter().map(|name| name.0.clone()).collect();
    Some(Cors {
        origins: globs(&written.origins),
        methods: written.methods.iter().map(|name| name.method().as_str().to_owned()).collect(),
        headers: names(&written.headers),
        expose: names(&written.expose),
        credentials: written.credentials,
        max_age: written.max_age.0,
    })
}
