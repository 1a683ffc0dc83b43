//! Under which key a response is kept (RFC 9111 §2), and what an origin is asked for it.
//!
//! A key is bytes: scheme, port, host, target, then the parts that a rule adds. The query counts
//! byte for byte unless a rule normalises it, and what the key leaves out the origin does not
//! see either. `Vary` tells apart the responses under one key.

use crate::cookies::cookie;
use crate::negotiate;
use crate::request::{Request, split_target};
use crate::rule::{KeyParts, QueryRule, Rule};
use std::borrow::Cow;

/// The primary key of a response, owned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Box<[u8]>);

/// A key that lies in a buffer of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyRef<'a>(&'a [u8]);

/// What a key says, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The scheme.
    pub scheme: &'a [u8],
    /// The port with its colon; empty where it is the scheme's own.
    pub port: &'a [u8],
    /// The host without port.
    pub hostname: &'a [u8],
    /// Path and query, as they count.
    pub target: &'a [u8],
    /// What the rule adds: values of headers and cookies among them, so not to be shown. Empty where
    /// it adds nothing.
    pub added: &'a [u8],
}

/// Parts of a key are ended by this byte, which no host, target, header or cookie value holds.
const END: u8 = 0;
/// What stands in the key of an entry where others have a scheme; it is none of a request.
const ENTRY: &[u8] = b"entry";

impl Key {
    /// The key with those bytes, which a [`KeyRef`] gave.
    pub fn from_bytes(bytes: &[u8]) -> Key {
        Key(bytes.into())
    }

    /// The key of an entry (see [`crate::entry`]), whose target is without a query.
    pub fn of_entry(host: &str, target: &str) -> Key {
        let mut bytes = Vec::with_capacity(ENTRY.len() + host.len() + target.len() + 3);
        bytes.extend_from_slice(ENTRY);
        bytes.push(END);
        push_url(&mut bytes, host, target);
        Key(bytes.into())
    }

    /// The key as a reference.
    pub fn as_ref(&self) -> KeyRef<'_> {
        KeyRef(&self.0)
    }
}

impl<'a> KeyRef<'a> {
    /// Builds the key of a request in `buffer`, which is overwritten.
    pub fn build(request: &Request, rule: &Rule, buffer: &'a mut Vec<u8>) -> KeyRef<'a> {
        let name = request.hostname();
        buffer.clear();
        buffer.extend_from_slice(request.scheme.as_str().as_bytes());
        buffer.extend_from_slice(&request.host.as_bytes()[name.len()..]);
        buffer.push(END);
        push_url(buffer, name, &keyed_target(&rule.key.query, request));
        push_parts(buffer, &rule.key, request);
        KeyRef(buffer)
    }

    /// The key's bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// An owned copy.
    pub fn to_key(self) -> Key {
        Key(self.0.into())
    }

    /// Whether it is that of an entry, which no request has.
    pub fn is_entry(self) -> bool {
        self.0.strip_prefix(ENTRY).is_some_and(|rest| rest.first() == Some(&END))
    }

    /// What it says.
    pub fn parts(self) -> Parts<'a> {
        fn next<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
            let end = rest.iter().position(|&b| b == END).unwrap_or(rest.len());
            let part = &rest[..end];
            *rest = rest.get(end + 1..).unwrap_or_default();
            part
        }
        let mut rest = self.0;
        let origin = next(&mut rest);
        let (scheme, port) =
            origin.split_at(origin.iter().position(|&b| b == b':').unwrap_or(origin.len()));
        let (hostname, target) = (next(&mut rest), next(&mut rest));
        Parts { scheme, port, hostname, target, added: rest }
    }

    /// The part that names the URL, whatever the scheme and port and the rule's parts: the
    /// scope by which a URL is made invalid.
    pub fn url(self) -> &'a [u8] {
        let from = self.0.iter().position(|&b| b == END).map_or(0, |at| at + 1);
        let rest = &self.0[from..];
        let mut ends = rest.iter().enumerate().filter(|(_, b)| **b == END).map(|(at, _)| at);
        let end = ends.nth(1).unwrap_or(rest.len());
        &rest[..end]
    }
}

/// The URL scope of a host (without port) and target, equal to [`KeyRef::url`] of its keys.
pub fn url_scope(hostname: &str, target: &str, rule: &Rule) -> Vec<u8> {
    let mut scope = Vec::with_capacity(hostname.len() + target.len() + 1);
    push_url(&mut scope, hostname, &keyed_url(&rule.key.query, target));
    scope.pop();
    scope
}

fn push_url(buffer: &mut Vec<u8>, hostname: &str, target: &str) {
    buffer.extend_from_slice(hostname.as_bytes());
    buffer.push(END);
    buffer.extend_from_slice(target.as_bytes());
    buffer.push(END);
}

fn push_parts(buffer: &mut Vec<u8>, parts: &KeyParts, request: &Request) {
    each_part(parts, request, |_, bytes| {
        buffer.extend_from_slice(bytes);
        buffer.push(END);
    });
}

/// What a part that a rule adds to a key is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartOf<'r> {
    /// The mark of the rule, which says nothing to people.
    Rule,
    /// The rule's `version`.
    Version,
    /// A request header: empty where it is missing, else `=` and its values, joined.
    Header(&'r str),
    /// A cookie: empty where it is missing, else `=` and its value.
    Cookie(&'r str),
    /// The class of device.
    Device,
    /// The language.
    Language,
}

/// Hands over each part that a rule adds to the key of a request, in order.
pub fn each_part<'r>(
    parts: &'r KeyParts,
    request: &Request,
    mut part: impl FnMut(PartOf<'r>, &[u8]),
) {
    if parts.rule > 0 {
        part(PartOf::Rule, &parts.rule.to_be_bytes());
    }
    if !parts.version.is_empty() {
        part(PartOf::Version, parts.version.as_bytes());
    }
    for name in &parts.headers {
        let is_there = request.fields.all_named(name).next().is_some();
        let joined = is_there.then(|| negotiate::joined(&request.fields, name));
        part(PartOf::Header(name), &marked(joined.as_deref()));
    }
    for name in &parts.cookies {
        part(PartOf::Cookie(name), &marked(cookie(&request.fields, name)));
    }
    if parts.device {
        part(PartOf::Device, negotiate::device(&request.fields).as_bytes());
    }
    if let Some(language) = negotiate::language(&request.fields, &parts.languages) {
        part(PartOf::Language, language.as_bytes());
    }
}

/// What may be missing: that is told apart from what is empty, since the origin is asked so too.
fn marked(value: Option<&[u8]>) -> Vec<u8> {
    value.map_or_else(Vec::new, |value| [b"=", value].concat())
}

/// The target of a request as it counts in the key.
pub fn keyed_target<'t>(rule: &QueryRule, request: &'t Request) -> Cow<'t, str> {
    let echo = rule.echo.filter(|echo| echo.is_of(&request.fields));
    normalised(rule, &request.target, |name| match echo {
        Some(echo) if echo.parameter.as_bytes() == name => Some(false),
        _ => None,
    })
}

/// The target of a URL as it counts in the key, where no request says more.
pub fn keyed_url<'t>(rule: &QueryRule, target: &'t str) -> Cow<'t, str> {
    normalised(rule, target, |_| None)
}

/// The target as the origin is asked: as it counts in the key, and what the rule forwards.
pub fn forwarded_target<'t>(rule: &QueryRule, target: &'t str) -> Cow<'t, str> {
    let is_forwarded = |name: &[u8]| {
        rule.echo.is_some_and(|echo| echo.parameter.as_bytes() == name)
            || rule.forward.iter().any(|glob| glob.matches(name))
    };
    normalised(rule, target, |name| is_forwarded(name).then_some(true))
}

/// A target as a rule says, but for parameters of which `anyway` says whether they stay.
fn normalised<'t>(
    rule: &QueryRule,
    target: &'t str,
    anyway: impl Fn(&[u8]) -> Option<bool>,
) -> Cow<'t, str> {
    let (path, Some(query)) = split_target(target) else { return Cow::Borrowed(target) };
    let QueryRule { drop, only, sort, forward, echo } = rule;
    let names_none = drop.is_empty() && only.is_none() && forward.is_empty();
    if names_none && !sort && echo.is_none() {
        return Cow::Borrowed(target);
    }
    let stays = |parameter: &&str| {
        let name = parameter.split('=').next().unwrap_or_default().as_bytes();
        let fits = |globs: &[crate::glob::Glob]| globs.iter().any(|glob| glob.matches(name));
        anyway(name).unwrap_or_else(|| {
            only.as_ref().is_none_or(|only| fits(only)) && !fits(drop) && !fits(forward)
        })
    };
    if names_none && !sort && query.split('&').all(|parameter| stays(&parameter)) {
        return Cow::Borrowed(target);
    }
    let mut parameters: Vec<&str> = query.split('&').filter(stays).collect();
    if *sort {
        // Stable, so that repeated parameters keep their order.
        parameters.sort_by_key(|parameter| parameter.split('=').next());
    }
    if parameters.is_empty() {
        return Cow::Borrowed(path);
    }
    Cow::Owned(format!("{path}?{}", parameters.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::Glob;
    use crate::rule::tests::plain_site;
    use crate::rule::{Echo, Match, Site, tell_apart};
    use std::collections::HashSet;

    fn request(host: &str, target: &str, fields: &[(&str, &str)]) -> Request {
        Request {
            host: host.to_owned(),
            target: target.to_owned(),
            fields: fields.iter().copied().collect(),
            ..Request::default()
        }
    }

    fn key(request: &Request, rule: &Rule) -> Key {
        KeyRef::build(request, rule, &mut Vec::new()).to_key()
    }

    fn globs(patterns: &[&str]) -> Vec<Glob> {
        patterns.iter().map(|p| Glob::new(p)).collect()
    }

    #[test]
    fn a_key_says_what_it_was_made_of() {
        let parts = KeyParts { version: "v2".into(), ..KeyParts::default() };
        let with_version = Rule { key: parts, ..Rule::default() };
        for (host, target, rule, said) in [
            ("a.b", "/p?x", &Rule::default(), ["http", "", "a.b", "/p?x", ""]),
            ("[::1]:81", "/", &Rule::default(), ["http", ":81", "[::1]", "/", ""]),
            ("a.b", "/", &with_version, ["http", "", "a.b", "/", "v2\0"]),
        ] {
            let key = key(&request(host, target, &[]), rule);
            let Parts { scheme, port, hostname, target, added } = key.as_ref().parts();
            let found = [scheme, port, hostname, target, added];
            assert_eq!(found, said.map(str::as_bytes), "{key:?}");
        }
        let junk = Key::from_bytes(b"junk");
        assert_eq!(junk.as_ref().parts().scheme, b"junk");
    }

    #[test]
    fn without_a_rule_every_byte_of_the_url_counts() {
        let rule = Rule::default();
        let base = key(&request("a.b", "/p?x=1&y=2", &[]), &rule);
        for (host, target) in [
            ("a.b", "/p?y=2&x=1"),
            ("a.b", "/p?x=1&y=2&"),
            ("a.b:81", "/p?x=1&y=2"),
            ("a.c", "/p?x=1&y=2"),
            ("a.b", "/%70?x=1&y=2"),
        ] {
            assert_ne!(key(&request(host, target, &[]), &rule), base, "{host}{target}");
        }
        assert_eq!(key(&request("a.b", "/p?x=1&y=2", &[("Cookie", "z")]), &rule), base);
    }

    #[test]
    fn queries_are_normalised_in_the_key_and_toward_the_origin() {
        let rule = QueryRule {
            drop: globs(&["utm_*"]),
            only: None,
            sort: true,
            forward: globs(&["_rsc"]),
            ..QueryRule::default()
        };
        for (target, keyed, forwarded) in [
            ("/p", "/p", "/p"),
            ("/p?b=2&a=1&utm_x=3", "/p?a=1&b=2", "/p?a=1&b=2"),
            ("/p?utm_x=3", "/p", "/p"),
            ("/p?_rsc=q&a=1", "/p?a=1", "/p?_rsc=q&a=1"),
            ("/p?a=2&a=1", "/p?a=2&a=1", "/p?a=2&a=1"),
        ] {
            assert_eq!(keyed_target(&rule, &request("h", target, &[])), keyed, "{target}");
            assert_eq!(forwarded_target(&rule, target), forwarded, "{target}");
        }
        let only = QueryRule { only: Some(globs(&["page"])), ..QueryRule::default() };
        assert_eq!(keyed_url(&only, "/p?x=1&page=2"), "/p?page=2");
    }

    #[test]
    fn what_fields_say_already_does_not_count_and_reaches_the_origin() {
        let echo = Some(Echo { parameter: "_rsc", header: "rsc", value: "1" });
        let plain = QueryRule { echo, ..QueryRule::default() };
        let only = QueryRule { only: Some(globs(&["a"])), ..plain.clone() };
        let rsc = [("RSC", "1")];
        for (rule, target, fields, keyed, forwarded) in [
            (&plain, "/p?_rsc=q", &rsc[..], "/p", "/p?_rsc=q"),
            (&plain, "/p?_rsc", &rsc, "/p", "/p?_rsc"),
            (&plain, "/p?b=2&_rsc=q&a=1", &rsc, "/p?b=2&a=1", "/p?b=2&_rsc=q&a=1"),
            (&plain, "/p?a=_rsc&x_rsc=1&", &rsc, "/p?a=_rsc&x_rsc=1&", "/p?a=_rsc&x_rsc=1&"),
            (&plain, "/p?_rsc=q&a=1", &[], "/p?_rsc=q&a=1", "/p?_rsc=q&a=1"),
            (&plain, "/p?_rsc=q", &[("RSC", "")], "/p?_rsc=q", "/p?_rsc=q"),
            (&plain, "/p?_rsc=q", &[("RSC", "0")], "/p?_rsc=q", "/p?_rsc=q"),
            (&plain, "/p?_rsc=q", &[("RSC", "1"), ("RSC", "1")], "/p?_rsc=q", "/p?_rsc=q"),
            (&only, "/p?_rsc=q&a=1&b=2", &rsc, "/p?a=1", "/p?_rsc=q&a=1"),
            // A rule that leaves it out must not have Next send it back for ever.
            (&only, "/p?_rsc=q&a=1&b=2", &[], "/p?a=1", "/p?_rsc=q&a=1"),
        ] {
            let asked = request("h", target, fields);
            assert_eq!(keyed_target(rule, &asked), keyed, "{target} {fields:?}");
            assert_eq!(forwarded_target(rule, target), forwarded, "{target}");
        }
        let rule =
            Rule { key: KeyParts { query: plain, ..KeyParts::default() }, ..Rule::default() };
        let payload = key(&request("h", "/p?_rsc=q", &rsc), &rule);
        assert_eq!(payload.as_ref().url(), url_scope("h", "/p", &rule), "purged with its page");
    }

    #[test]
    fn parts_of_a_rule_tell_responses_apart() {
        let parts = KeyParts {
            headers: vec!["x-currency".into()],
            cookies: vec!["plan".into()],
            device: true,
            languages: vec!["en".into(), "de".into()],
            version: "v2".into(),
            ..KeyParts::default()
        };
        let rule = Rule { key: parts, ..Rule::default() };
        let base = key(&request("h", "/", &[]), &rule);
        for fields in [
            ("X-Currency", "EUR"),
            ("X-Currency", ""),
            ("Cookie", "plan=pro"),
            ("Cookie", "plan="),
            ("User-Agent", "iPhone"),
            ("Accept-Language", "de"),
        ] {
            assert_ne!(key(&request("h", "/", &[fields]), &rule), base, "{fields:?}");
        }
        assert_eq!(key(&request("h", "/", &[("Cookie", "other=1")]), &rule), base);
        assert_ne!(key(&request("h", "/", &[]), &Rule::default()), base);
    }

    #[test]
    fn what_is_missing_and_what_is_empty_are_two() {
        let headers = vec!["x-a".to_owned(), "x-b".to_owned()];
        let parts = KeyParts { headers, cookies: vec!["c".into()], ..KeyParts::default() };
        let rule = Rule { key: parts, ..Rule::default() };
        let all: [&[(&str, &str)]; 8] = [
            &[],
            &[("X-A", "")],
            &[("X-B", "")],
            &[("X-A", ""), ("X-B", "")],
            &[("X-A", "=")],
            &[("X-A", "1")],
            &[("Cookie", "c=")],
            &[("X-A", ""), ("Cookie", "c=")],
        ];
        let keys: HashSet<Key> =
            all.iter().map(|fields| key(&request("h", "/", fields), &rule)).collect();
        assert_eq!(keys.len(), all.len(), "{keys:?}");
    }

    #[test]
    fn the_url_scope_leaves_out_scheme_port_and_parts() {
        let rule = Rule {
            key: KeyParts { version: "v".into(), device: true, ..KeyParts::default() },
            ..Rule::default()
        };
        let one = key(&request("a.b:81", "/p?q", &[]), &rule);
        let other = key(&request("a.b", "/p?q", &[]), &Rule::default());
        assert_eq!(one.as_ref().url(), other.as_ref().url());
        assert_eq!(one.as_ref().url(), url_scope("a.b", "/p?q", &rule));
    }

    #[test]
    fn rules_that_choose_by_header_keep_what_they_stored_to_themselves() {
        let by_header = Match { headers: vec![("x-beta".into(), None)], ..Match::default() };
        let rules = vec![Rule { matches: by_header, ..Rule::default() }, Rule::default()];
        let mut site = Site { rules, ..plain_site() };
        let asked = request("h", "/", &[]);
        assert_eq!(key(&asked, &site.rules[0]), key(&asked, &site.rules[1]));
        tell_apart(&mut site);
        let Site { rules, default_rule, .. } = &site;
        assert_ne!(key(&asked, &rules[0]), key(&asked, &rules[1]));
        assert_ne!(key(&asked, &rules[1]), key(&asked, &Rule::default()));
        assert_eq!(key(&asked, &rules[0]).as_ref().url(), url_scope("h", "/", default_rule));
    }

    #[test]
    fn a_part_of_one_header_is_never_taken_for_that_of_another() {
        let asked = request("h", "/", &[("X-A", "1"), ("X-B", "1")]);
        let by = |header: &str| {
            let parts = KeyParts { headers: vec![header.to_owned()], ..KeyParts::default() };
            let mut site =
                Site { rules: vec![Rule { key: parts, ..Rule::default() }], ..plain_site() };
            tell_apart(&mut site);
            key(&asked, &site.rules[0])
        };
        assert_ne!(by("x-a"), by("x-b"));
        assert_eq!(by("x-a"), by("x-a"));
    }
}
