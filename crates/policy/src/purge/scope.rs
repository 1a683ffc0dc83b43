//! What a purge can name.

use super::Pattern;
use super::identity::{Identity, Part};
use crate::key::keyed_url;
use crate::prefix::Prefix;
use crate::request::hostname;
use crate::rule::{Rule, SiteId};
use std::fmt;

/// What a purge covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that is stored.
    Everything,
    /// All of one site.
    Site(SiteId),
    /// One URL, of one host or of every host.
    Url(Url),
    /// One path, with any query, on every host of a site.
    SitePath(SiteId, Box<str>),
    /// A path and all below it, of one host or of every host.
    Prefix(PathPrefix),
    /// What bears a tag, on one site or on every site.
    Tag(Option<SiteId>, Box<str>),
    /// What is in a group of one origin (RFC 9875).
    Group {
        /// Scheme, host and port: see [`crate::groups::origin_of`].
        origin: Box<str>,
        /// The group's name.
        group: Box<str>,
    },
    /// What fits a pattern.
    Pattern(Pattern),
}

/// Host, path and query of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    /// In lower case and without port; nothing for every host.
    pub host: Option<Box<str>>,
    /// Path and query, byte for byte.
    pub target: Box<str>,
}

/// The most segments that a prefix has.
pub const MAX_PREFIX_SEGMENTS: usize = 32;

/// A prefix that ends within a path and has no more than [`MAX_PREFIX_SEGMENTS`] segments, so that
/// a response is covered by few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix(Prefix);

impl PathPrefix {
    /// Takes a prefix, if it is such a one.
    pub fn new(prefix: Prefix) -> Option<PathPrefix> {
        let (segments, _) = segments_and_slash(prefix.target());
        let is_short = segments.take(MAX_PREFIX_SEGMENTS + 1).count() <= MAX_PREFIX_SEGMENTS;
        (is_short && !prefix.target().contains('?')).then_some(PathPrefix(prefix))
    }

    /// The prefix.
    pub fn get(&self) -> &Prefix {
        &self.0
    }

    fn identity(&self) -> Identity {
        let host = self.0.host().map(|host| Part::of(host.as_bytes()));
        let (segments, has_slash) = segments_and_slash(self.0.target());
        let path = segments.fold(Identity::of_prefix(host), |identity, segment| {
            identity.and_segment(Part::of(segment.as_bytes()))
        });
        if has_slash { path.and_slash() } else { path }
    }
}

/// The segments of a prefix, and whether a slash ends it.
fn segments_and_slash(target: &str) -> (impl Iterator<Item = &str>, bool) {
    let segments = target.strip_prefix('/');
    let has_slash = target.ends_with('/');
    let segments = segments.map(|path| path.strip_suffix('/').unwrap_or(path));
    // A lone slash has no segment, and what has a slash and nothing before it an empty one.
    let is_root = target.len() <= 1;
    (segments.filter(|_| !is_root).into_iter().flat_map(|path| path.split('/')), has_slash)
}

impl Scope {
    /// What the table knows it by; nothing for a pattern.
    pub fn identity(&self) -> Option<Identity> {
        match self {
            Scope::Everything => Some(Identity::EVERYTHING),
            Scope::Site(site) => Some(Identity::of_site(*site)),
            Scope::Url(Url { host, target }) => {
                let host = host.as_ref().map(|host| Part::of(host.as_bytes()));
                Some(Identity::of_url(host, Part::of(target.as_bytes())))
            }
            Scope::SitePath(site, path) => {
                Some(Identity::of_site_path(*site, Part::of(path.as_bytes())))
            }
            Scope::Prefix(prefix) => Some(prefix.identity()),
            Scope::Tag(site, tag) => Some(Identity::of_tag(*site, Part::of(tag.as_bytes()))),
            Scope::Group { origin, group } => {
                let part = |text: &str| Part::of(text.as_bytes());
                Some(Identity::of_group(part(origin), part(group)))
            }
            Scope::Pattern(_) => None,
        }
    }

    /// The scope that takes its place where there are too many: its site or host, or everything.
    /// Nothing where it is one of few.
    pub(crate) fn enclosing(&self) -> Option<Identity> {
        let host = |host: Option<&str>| match host {
            Some(host) => Identity::of_prefix(Some(Part::of(host.as_bytes()))),
            None => Identity::EVERYTHING,
        };
        match self {
            Scope::Everything | Scope::Site(_) => None,
            Scope::Url(url) => Some(host(url.host.as_deref())),
            Scope::Prefix(prefix) if prefix.0.target().is_empty() => Some(Identity::EVERYTHING),
            Scope::Prefix(prefix) => Some(host(prefix.0.host())),
            Scope::Tag(Some(site), _) | Scope::SitePath(site, _) => Some(Identity::of_site(*site)),
            Scope::Tag(None, _) => Some(Identity::EVERYTHING),
            Scope::Group { origin, .. } => {
                let authority = origin.split_once("://").map_or(&**origin, |(_, rest)| rest);
                Some(host(Some(hostname(authority))))
            }
            Scope::Pattern(pattern) => Some(host(pattern.host())),
        }
    }

    /// The scopes that cover what was asked for under `rules`: a rule may leave parts of a query
    /// out of the key, and the same is left out of a URL here. What is no URL stays as it is.
    pub fn keyed_by<'r>(self, rules: impl Iterator<Item = &'r Rule>) -> Vec<Scope> {
        let Scope::Url(Url { host, target }) = &self else { return vec![self] };
        let mut targets: Vec<Box<str>> = Vec::new();
        for rule in rules {
            let keyed = keyed_url(&rule.key.query, target);
            if !targets.iter().any(|known| **known == *keyed) {
                targets.push(keyed.into());
            }
        }
        let url = |target| Scope::Url(Url { host: host.clone(), target });
        targets.into_iter().map(url).collect()
    }
}

/// As it would be asked for; a site by the number that it is known by.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Everything => f.write_str("everything"),
            Scope::Site(site) => write!(f, "site {:016x}", site.0),
            Scope::Url(Url { host, target }) => {
                write!(f, "url {}{target}", host.as_deref().unwrap_or_default())
            }
            Scope::SitePath(site, path) => write!(f, "path {path} of site {:016x}", site.0),
            Scope::Prefix(PathPrefix(prefix)) => {
                write!(f, "prefix {}{}", prefix.host().unwrap_or_default(), prefix.target())
            }
            Scope::Tag(Some(site), tag) => write!(f, "tag {tag} of site {:016x}", site.0),
            Scope::Tag(None, tag) => write!(f, "tag {tag}"),
            Scope::Group { origin, group } => write!(f, "group {group} of {origin}"),
            Scope::Pattern(pattern) => write!(f, "pattern {}", pattern.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::Glob;
    use crate::rule::{KeyParts, QueryRule};

    fn prefix(text: &str) -> Option<PathPrefix> {
        PathPrefix::new(Prefix::parse(text).expect("a prefix"))
    }

    fn url(target: &str) -> Scope {
        Scope::Url(Url { host: Some("a.b".into()), target: target.into() })
    }

    fn group(origin: &str, group: &str) -> Scope {
        Scope::Group { origin: origin.into(), group: group.into() }
    }

    #[test]
    fn scopes_that_differ_have_identities_that_differ() {
        let prefixes = ["", "/", "/a", "/a/", "/a//", "//", "//a", "/a/b", "a.b", "a.b/", "a.b/a"];
        let prefixes = prefixes.map(|text| Scope::Prefix(prefix(text).expect("short")));
        let tag = |site: Option<u64>, tag: &str| Scope::Tag(site.map(SiteId), tag.into());
        let others = [
            Scope::Everything,
            Scope::Site(SiteId(1)),
            Scope::Site(SiteId(2)),
            url("/a"),
            url("/"),
            Scope::Url(Url { host: None, target: "/a".into() }),
            tag(None, "a"),
            tag(Some(1), "a"),
            tag(Some(2), "a"),
            tag(Some(1), "b"),
            Scope::SitePath(SiteId(1), "/a".into()),
            Scope::SitePath(SiteId(2), "/a".into()),
            group("http://a.b", "a"),
            group("https://a.b", "a"),
            group("http://a.b", "b"),
        ];
        let scopes: Vec<&Scope> = prefixes.iter().chain(&others).collect();
        for (i, one) in scopes.iter().enumerate() {
            for other in &scopes[i + 1..] {
                assert_ne!(one.identity(), other.identity(), "{one} and {other}");
            }
        }
    }

    #[test]
    fn identities_stay_what_they_are_on_disk() {
        for (scope, identity) in [
            (Scope::Everything, 0x6c61_7264_6572_616c),
            (Scope::Site(SiteId(1)), PINNED[0]),
            (url("/a?b"), PINNED[1]),
            (Scope::Url(Url { host: None, target: "/a?b".into() }), PINNED[2]),
            (Scope::Prefix(prefix("a.b/q/").expect("short")), PINNED[3]),
            (Scope::Tag(Some(SiteId(1)), "t".into()), PINNED[4]),
            (Scope::Tag(None, "t".into()), PINNED[5]),
            (group("https://a.b", "g"), PINNED[6]),
            (Scope::SitePath(SiteId(1), "/a".into()), PINNED[7]),
        ] {
            assert_eq!(scope.identity(), Some(Identity(identity)), "{scope}");
        }
    }

    const PINNED: [u64; 8] = [
        0x8567_1091_eda7_5eb5,
        0x63e9_e842_b617_e5bb,
        0xae11_4e68_feed_42ec,
        0x3c3e_48a3_bc46_ed57,
        0x1799_16b6_4653_65f6,
        0x9a36_b137_31fe_37ae,
        0x30fa_d15c_f1f4_243a,
        0xf871_25c0_51aa_1c6e,
    ];

    #[test]
    fn a_prefix_has_no_query_and_few_segments() {
        let deep = "/a".repeat(MAX_PREFIX_SEGMENTS);
        for (text, is_one) in [
            ("", true),
            ("/", true),
            (&deep, true),
            (&format!("{deep}/"), true),
            (&format!("{deep}/a"), false),
            ("/a?b", false),
        ] {
            assert_eq!(prefix(text).is_some(), is_one, "{text}");
        }
    }

    #[test]
    fn a_url_is_keyed_as_each_rule_keys_it() {
        let query = QueryRule { drop: vec![Glob::new("utm_*")], ..QueryRule::default() };
        let drops = Rule { key: KeyParts { query, ..KeyParts::default() }, ..Rule::default() };
        let rules = [drops, Rule::default(), Rule::default()];
        let keyed = url("/p?utm_x=1").keyed_by(rules.iter());
        assert_eq!(keyed, [url("/p"), url("/p?utm_x=1")]);
        assert_eq!(Scope::Everything.keyed_by(rules.iter()), [Scope::Everything]);
    }
}
