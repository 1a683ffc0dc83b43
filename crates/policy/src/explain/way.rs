//! What a request says: which rule it meets, which way it goes, and under which key.

use super::rules::{RulePlace, place};
use crate::cookies;
use crate::key::{Key, PartOf, each_part, forwarded_target, keyed_target};
use crate::path::match_path;
use crate::reason::WhyPass;
use crate::request::{Request, split_target};
use crate::route::{Route, route};
use crate::rule::{Rule, Site};

/// The way of a request.
#[derive(Clone, Debug)]
pub struct Way<'s> {
    /// The rule that it meets.
    pub rule: &'s Rule,
    /// Where that stands.
    pub place: RulePlace,
    /// An origin could read the path differently, so rules that prolong or force were passed over.
    pub is_ambiguous: bool,
    /// Its cookies by name, and what each does.
    pub cookies: Vec<(String, CookieRole)>,
    /// The key by which the cache is asked, or why it passes by.
    pub key: Result<KeyTold, WhyPass>,
}

/// What a cookie does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieRole {
    /// It is a session's: the request passes by.
    Session,
    /// The rule has it in the key.
    Keyed,
    /// Only analytics read it: it does not count.
    Ignored,
    /// It may be a visitor's: a response is stored only with explicit shared freshness.
    Counts,
}

/// A key, and how it came about. What is told was said by who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTold {
    /// The key.
    pub key: Key,
    /// The path.
    pub path: String,
    /// The query as it counts, if any does.
    pub query: Option<String>,
    /// Parameters that do not count.
    pub dropped: Vec<Dropped>,
    /// What the rule adds, each with its value; nothing for what the request does not have.
    pub parts: Vec<(String, Option<String>)>,
}

/// A parameter that does not count in the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// As it was sent.
    pub parameter: String,
    /// The origin sees it nevertheless.
    pub reaches_origin: bool,
}

impl CookieRole {
    /// The word for it.
    pub fn token(self) -> &'static str {
        match self {
            CookieRole::Session => "session",
            CookieRole::Keyed => "keyed",
            CookieRole::Ignored => "ignored",
            CookieRole::Counts => "counts",
        }
    }
}

impl<'s> Way<'s> {
    /// The way of a request to a site.
    pub fn of(site: &'s Site, request: &Request) -> Way<'s> {
        let rule = site.rule_for(request);
        let mut buffer = Vec::new();
        let key = match route(site, rule, request, &mut buffer) {
            Route::Pass(why) => Err(why),
            Route::Cached(key) => Ok(KeyTold::of(key.to_key(), rule, request)),
        };
        let prolongs = site.rules.iter().any(Rule::prolongs);
        Way {
            rule,
            place: place(site, rule),
            is_ambiguous: prolongs && match_path(request.path()).ambiguous,
            cookies: cookies_of(site, rule, request),
            key,
        }
    }
}

fn cookies_of(site: &Site, rule: &Rule, request: &Request) -> Vec<(String, CookieRole)> {
    let role = |name: &[u8]| match () {
        () if cookies::fits(name, &site.session_cookies) => CookieRole::Session,
        () if rule.key.cookies.iter().any(|keyed| keyed.as_bytes() == name) => CookieRole::Keyed,
        () if cookies::fits(name, &site.ignored_cookies) => CookieRole::Ignored,
        () => CookieRole::Counts,
    };
    cookies::cookies(&request.fields).map(|(name, _)| (text(name), role(name))).collect()
}

impl KeyTold {
    fn of(key: Key, rule: &Rule, request: &Request) -> KeyTold {
        let keyed = keyed_target(&rule.key.query, request);
        let forwarded = forwarded_target(&rule.key.query, &request.target);
        let (path, query) = split_target(&keyed);
        let mut parts = Vec::new();
        each_part(&rule.key, request, |of, value| {
            let (name, value) = match of {
                // It says which rule the key is of, and nothing to people.
                PartOf::Rule => return,
                PartOf::Version => ("version".to_owned(), Some(value)),
                PartOf::Header(name) => (format!("header {name}"), value.strip_prefix(b"=")),
                PartOf::Cookie(name) => (format!("cookie {name}"), value.strip_prefix(b"=")),
                PartOf::Device => ("device".to_owned(), Some(value)),
                PartOf::Language => ("language".to_owned(), Some(value)),
            };
            parts.push((name, value.map(text)));
        });
        KeyTold {
            path: path.to_owned(),
            query: query.map(str::to_owned),
            dropped: dropped(&request.target, &keyed, &forwarded),
            parts,
            key,
        }
    }
}

/// The parameters of a target that its keyed form does not have.
fn dropped(target: &str, keyed: &str, forwarded: &str) -> Vec<Dropped> {
    fn parameters(target: &str) -> Vec<&str> {
        split_target(target).1.map(|query| query.split('&').collect()).unwrap_or_default()
    }
    fn take(from: &mut Vec<&str>, parameter: &str) -> bool {
        let at = from.iter().position(|known| *known == parameter);
        at.map(|at| from.remove(at)).is_some()
    }
    let (mut counts, mut goes_out) = (parameters(keyed), parameters(forwarded));
    let mut dropped = Vec::new();
    for parameter in parameters(target) {
        let reaches_origin = take(&mut goes_out, parameter);
        if !take(&mut counts, parameter) {
            dropped.push(Dropped { parameter: parameter.to_owned(), reaches_origin });
        }
    }
    dropped
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
