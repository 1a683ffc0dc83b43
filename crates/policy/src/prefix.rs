//! Which URLs a prefix covers: those of one host or of every host, from a path on.

use crate::key::KeyRef;
use crate::request::hostname;

/// A prefix of URLs. It ends at the boundary of a segment: `/q` covers `/q`, `/q/1` and `/q?x`,
/// and not `/query`. Scheme and port do not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    /// In lower case and without port; nothing for every host.
    host: Option<String>,
    /// Begins with `/`, or is empty, which covers every path.
    target: String,
}

impl Prefix {
    /// Reads `host`, `host/path…`, `/path…` (on every host) or a whole URL; nothing if it is none.
    pub fn parse(text: &str) -> Option<Prefix> {
        if text.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#') {
            return None;
        }
        let rest = match text.split_once("://") {
            Some((scheme, rest))
                if ["http", "https", "entry"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) =>
            {
                rest
            }
            Some((scheme, _)) if !scheme.contains(['/', '?']) => return None,
            _ if text.is_empty() || text.starts_with('/') => {
                return Some(Prefix { host: None, target: text.to_owned() });
            }
            _ => text,
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let host = hostname(authority).to_ascii_lowercase();
        if host.is_empty() || authority.contains('@') || target.starts_with('?') {
            return None;
        }
        Some(Prefix { host: Some(host), target: target.to_owned() })
    }

    /// Its host, in lower case and without port; nothing for every host.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Its path, perhaps with a query; empty for every path.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whether it covers the URL of a key.
    pub fn covers(&self, key: KeyRef<'_>) -> bool {
        let parts = key.parts();
        self.host.as_ref().is_none_or(|host| host.as_bytes() == parts.hostname)
            && self.covers_target(parts.target)
    }

    fn covers_target(&self, target: &[u8]) -> bool {
        let Some(rest) = target.strip_prefix(self.target.as_bytes()) else { return false };
        // Within a query there are no segments.
        let ends_at_boundary =
            self.target.is_empty() || self.target.ends_with('/') || self.target.contains('?');
        ends_at_boundary || matches!(rest.first(), None | Some(b'/' | b'?'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;
    use crate::rule::Rule;

    #[test]
    fn a_prefix_ends_at_the_boundary_of_a_segment() {
        for (prefix, url, covers) in [
            ("", "a.b/q", true),
            ("/", "a.b/q", true),
            ("/q", "a.b/q", true),
            ("/q", "a.b/q/1", true),
            ("/q", "a.b/q?x", true),
            ("/q", "a.b/query", false),
            ("/q/", "a.b/q", false),
            ("/q/", "a.b/q/1", true),
            ("/q?x", "a.b/q?xy", true),
            ("a.b", "a.b/q", true),
            ("a.b", "a.bc/q", false),
            ("A.b:81/q", "a.b/q", true),
            ("a.b/q", "x.b/q", false),
            ("https://a.b:8443/q", "a.b:81/q/1", true),
            ("http://a.b", "a.b/", true),
            ("[::1]/q", "[::1]:81/q", true),
        ] {
            let (host, target) = url.split_at(url.find('/').expect("a path"));
            let request =
                Request { host: host.into(), target: target.into(), ..Request::default() };
            let mut buffer = Vec::new();
            let key = KeyRef::build(&request, &Rule::default(), &mut buffer);
            let prefix = Prefix::parse(prefix).unwrap_or_else(|| panic!("{prefix} is one"));
            assert_eq!(prefix.covers(key), covers, "{prefix:?} {url}");
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in
            ["ftp://a.b/", "://", "http://", "u@a.b/", "a b", "/\u{7}", "?x", "a.b?x", "/#x"]
        {
            assert_eq!(Prefix::parse(text), None, "{text:?}");
        }
        assert!(Prefix::parse("/?u=ftp://x").is_some(), "a path may hold a URL");
    }
}
