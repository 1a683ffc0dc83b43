//! Patterns of purges: globs over host and path.

use crate::glob::Glob;

/// The longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 256;
/// The most stars of a pattern: each may have to be tried at every place of a URL.
pub const MAX_PATTERN_STARS: usize = 8;

/// A pattern: `*` stands for any run of characters, slashes too, `?` for one. It is held against
/// host and path without scheme, port and query, or if it begins with `/` against the path on every
/// host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Glob);

impl Pattern {
    /// Takes a pattern that is written so already, if it keeps to the limits.
    pub fn new(text: &str) -> Option<Pattern> {
        let stars = text.bytes().filter(|b| *b == b'*').count();
        let fits = text.len() <= MAX_PATTERN_BYTES && stars <= MAX_PATTERN_STARS;
        (fits && !text.is_empty()).then(|| Pattern(Glob::new(text)))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The one host that it can cover, where it says which.
    pub fn host(&self) -> Option<&str> {
        let (host, _) = self.as_str().split_once('/')?;
        (!host.is_empty() && !host.contains(['*', '?'])).then_some(host)
    }

    /// Whether it covers a URL: `text` is host and path, of which the host has `host_bytes`.
    pub(crate) fn covers(&self, text: &[u8], host_bytes: usize) -> bool {
        let is_path = self.as_str().starts_with('/');
        self.0.matches(if is_path { &text[host_bytes..] } else { text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_host_and_path_or_a_path_everywhere() {
        for (pattern, covers, host) in [
            ("a.b/blog/*", true, Some("a.b")),
            ("*/blog/*", true, None),
            ("*.b/blog/1", true, None),
            ("/blog/?", true, None),
            ("/blog", false, None),
            ("blog/*", false, Some("blog")),
            ("*", true, None),
            ("a.b*", true, None),
        ] {
            let pattern = Pattern::new(pattern).expect("within the limits");
            assert_eq!(pattern.covers(b"a.b/blog/1", 3), covers, "{pattern:?}");
            assert_eq!(pattern.host(), host, "{pattern:?}");
        }
    }

    #[test]
    fn long_patterns_are_refused() {
        for (text, is_one) in [
            ("*".repeat(MAX_PATTERN_STARS), true),
            ("*".repeat(MAX_PATTERN_STARS + 1), false),
            ("a".repeat(MAX_PATTERN_BYTES), true),
            ("a".repeat(MAX_PATTERN_BYTES + 1), false),
            (String::new(), false),
        ] {
            assert_eq!(Pattern::new(&text).is_some(), is_one, "{text}");
        }
    }
}
