//! The path as rules match it: percent-decoded once, dot segments resolved.
//!
//! The raw path is what is keyed and forwarded. Where the two could be read differently by an
//! origin (dot segments, `%2f`, `\`, `;`, NUL), the path is called ambiguous, and no rule that
//! prolongs or forces caching applies to it: otherwise a stranger could make one page's answer
//! stand under a rule that was meant for another.

use std::borrow::Cow;

/// A path to match rules against.
#[derive(Debug, PartialEq, Eq)]
pub struct MatchPath<'a> {
    /// Decoded and resolved.
    pub path: Cow<'a, [u8]>,
    /// Whether an origin could read the raw path differently.
    pub ambiguous: bool,
}

/// Decodes and resolves a raw path.
pub fn match_path(raw: &str) -> MatchPath<'_> {
    let plain = !raw.bytes().any(|b| matches!(b, b'%' | b'\\' | b';')) && !raw.contains("/.");
    if plain {
        return MatchPath { path: Cow::Borrowed(raw.as_bytes()), ambiguous: false };
    }
    let decoded = percent_decode(raw);
    let slashes_raw = raw.bytes().filter(|&b| b == b'/').count();
    let slashes_decoded = decoded.iter().filter(|&&b| b == b'/').count();
    let resolved = resolve_dots(&decoded);
    let odd = decoded.iter().any(|&b| matches!(b, b'\\' | b';' | 0));
    let ambiguous = odd || slashes_raw != slashes_decoded || resolved != decoded;
    MatchPath { path: Cow::Owned(resolved), ambiguous }
}

/// Decodes `%xx` once; what is not two hex digits stays as it is.
pub fn percent_decode(raw: &str) -> Vec<u8> {
    let bytes = raw.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match hex_pair(&bytes[i..]) {
            Some(byte) => {
                decoded.push(byte);
                i += 3;
            }
            None => {
                decoded.push(bytes[i]);
                i += 1;
            }
        }
    }
    decoded
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else { return None };
    let digit = |b: &u8| (*b as char).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

/// Removes `.` and `..` segments (RFC 3986 §5.2.4).
pub fn resolve_dots(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path.split(|&b| b == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            b"." | b".." => {
                if segment == b".." {
                    kept.pop();
                }
                if last {
                    kept.push(b"");
                }
            }
            _ => kept.push(segment),
        }
    }
    let mut resolved = Vec::with_capacity(path.len());
    for segment in kept {
        resolved.push(b'/');
        resolved.extend_from_slice(segment);
    }
    if resolved.is_empty() {
        resolved.push(b'/');
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_once_and_oddities_called_ambiguous() {
        for (raw, path, ambiguous) in [
            ("/a/b", "/a/b", false),
            ("/a%20b", "/a b", false),
            ("/%61", "/a", false),
            ("/a%2525", "/a%25", false),
            ("/100%", "/100%", false),
            ("/a%2fb", "/a/b", true),
            ("/a/../b", "/b", true),
            ("/a/./b", "/a/b", true),
            ("/a/%2e%2e/b", "/b", true),
            ("/../..", "/", true),
            ("/a/..", "/", true),
            ("/a;v=1", "/a;v=1", true),
            ("/a\\b", "/a\\b", true),
            ("/a%00", "/a\0", true),
            ("/.well-known/x", "/.well-known/x", false),
            ("/a/...", "/a/...", false),
        ] {
            let found = match_path(raw);
            assert_eq!(found.path, path.as_bytes(), "{raw}");
            assert_eq!(found.ambiguous, ambiguous, "{raw}");
        }
    }
}
