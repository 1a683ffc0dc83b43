//! Byte ranges (RFC 9110 §14) answered from a complete response.

/// More ranges than this in one request and the field is ignored: the whole is sent.
pub const MAX_RANGES: usize = 16;

/// Part of a body: `first` to `last`, both within it and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte, not less than `first`.
    pub last: u64,
}

impl ByteRange {
    /// How many bytes it has; never 0.
    #[allow(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

/// What a `Range` field asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// The field is to be ignored: malformed, of another unit, or asking too much (§14.2).
    Ignore,
    /// These parts, in the order asked.
    Parts(Vec<ByteRange>),
    /// No part lies within the body (416).
    Unsatisfiable,
}

/// Reads a `Range` field against a body of `length` bytes.
pub fn parse(value: &[u8], length: u64) -> Ranges {
    let Some((unit, set)) = std::str::from_utf8(value).ok().and_then(|v| v.split_once('=')) else {
        return Ranges::Ignore;
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Ranges::Ignore;
    }
    let mut parts = Vec::new();
    let mut asked = 0;
    for spec in set.split(',').map(|s| s.trim_matches([' ', '\t'])).filter(|s| !s.is_empty()) {
        asked += 1;
        match range(spec, length) {
            Err(Malformed) => return Ranges::Ignore,
            Ok(Some(part)) => parts.push(part),
            Ok(None) => {}
        }
    }
    match (asked, parts.len()) {
        (0, _) => Ranges::Ignore,
        (n, _) if n > MAX_RANGES => Ranges::Ignore,
        (_, 0) => Ranges::Unsatisfiable,
        // Parts that together exceed the whole only cost: send the whole instead (§14.2).
        (_, n) if n > 1 && total(&parts) > u128::from(length) => Ranges::Ignore,
        _ => Ranges::Parts(parts),
    }
}

/// A range as it is asked for, whatever the length of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spec {
    /// From an offset to another, counted too, or to the end.
    From(u64, Option<u64>),
    /// So many bytes at the end.
    Suffix(u64),
}

/// The first range that a `Range` field asks for; nothing if the field is to be ignored.
pub fn first_spec(value: &[u8]) -> Option<Spec> {
    let (unit, set) = std::str::from_utf8(value).ok()?.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let specs = set.split(',').map(|s| s.trim_matches([' ', '\t'])).filter(|s| !s.is_empty());
    let specs: Option<Vec<Spec>> = specs.map(|text| spec(text).ok()).collect();
    specs.filter(|specs| specs.len() <= MAX_RANGES)?.first().copied()
}

/// Bytes of all parts; of bodies near 2^64 bytes several parts can exceed what a number holds.
fn total(parts: &[ByteRange]) -> u128 {
    parts.iter().map(|part| u128::from(part.len())).sum()
}

struct Malformed;

fn spec(text: &str) -> Result<Spec, Malformed> {
    let (first, last) = text.split_once('-').ok_or(Malformed)?;
    if first.is_empty() {
        return number(last).map(Spec::Suffix);
    }
    let first = number(first)?;
    let last = if last.is_empty() { None } else { Some(number(last)?) };
    match last.is_some_and(|last| last < first) {
        true => Err(Malformed),
        false => Ok(Spec::From(first, last)),
    }
}

/// One range; nothing if it lies outside the body.
fn range(text: &str, length: u64) -> Result<Option<ByteRange>, Malformed> {
    match spec(text)? {
        // Satisfiable (§14.1.2), yet no part can say so: the whole is sent.
        Spec::Suffix(1..) if length == 0 => Err(Malformed),
        Spec::Suffix(0) => Ok(None),
        Spec::Suffix(suffix) => {
            let first = length.saturating_sub(suffix);
            Ok(Some(ByteRange { first, last: length - 1 }))
        }
        Spec::From(first, last) => {
            let last = last.unwrap_or(u64::MAX).min(length.saturating_sub(1));
            Ok((first < length).then_some(ByteRange { first, last }))
        }
    }
}

/// Digits only; what is too great is the greatest number.
fn number(text: &str) -> Result<u64, Malformed> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Malformed);
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_resolved_against_the_length() {
        let parts = |list: &[(u64, u64)]| {
            Ranges::Parts(list.iter().map(|&(first, last)| ByteRange { first, last }).collect())
        };
        for (value, length, found) in [
            ("bytes=0-4", 10, parts(&[(0, 4)])),
            ("bytes=5-", 10, parts(&[(5, 9)])),
            ("bytes=-3", 10, parts(&[(7, 9)])),
            ("bytes=-30", 10, parts(&[(0, 9)])),
            ("bytes=0-99", 10, parts(&[(0, 9)])),
            ("bytes=0-0,-1", 10, parts(&[(0, 0), (9, 9)])),
            ("bytes=9-9, 20-30", 10, parts(&[(9, 9)])),
            ("BYTES=0-1", 10, parts(&[(0, 1)])),
            ("bytes=0-18446744073709551616", 10, parts(&[(0, 9)])),
            ("bytes=10-", 10, Ranges::Unsatisfiable),
            ("bytes=-0", 10, Ranges::Unsatisfiable),
            ("bytes=0-", 0, Ranges::Unsatisfiable),
            ("bytes=-5", 0, Ranges::Ignore),
            ("bytes=4-2", 10, Ranges::Ignore),
            ("bytes=a-b", 10, Ranges::Ignore),
            ("bytes=", 10, Ranges::Ignore),
            ("bytes=-", 10, Ranges::Ignore),
            ("bytes 0-4", 10, Ranges::Ignore),
            ("lines=0-4", 10, Ranges::Ignore),
            ("bytes=0-9,0-9", 10, Ranges::Ignore),
        ] {
            assert_eq!(parse(value.as_bytes(), length), found, "{value} of {length}");
        }
        let many = format!("bytes={}", vec!["0-0"; MAX_RANGES + 1].join(","));
        assert_eq!(parse(many.as_bytes(), 1000), Ranges::Ignore);
    }

    #[test]
    fn the_first_range_is_read_without_a_length() {
        for (value, spec) in [
            ("bytes=0-4", Some(Spec::From(0, Some(4)))),
            ("bytes=5-, 7-8", Some(Spec::From(5, None))),
            ("bytes= -3", Some(Spec::Suffix(3))),
            ("bytes=4-2", None),
            ("bytes=0-1,x", None),
            ("bytes=", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(first_spec(value.as_bytes()), spec, "{value}");
        }
        let many = format!("bytes={}", vec!["0-0"; MAX_RANGES + 1].join(","));
        assert_eq!(first_spec(many.as_bytes()), None);
    }

    #[test]
    fn parts_of_the_longest_body_do_not_overflow_their_sum() {
        assert_eq!(parse(b"bytes=0-, 5-", u64::MAX), Ranges::Ignore);
    }
}
