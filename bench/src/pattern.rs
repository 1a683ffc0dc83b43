//! URL patterns: a path with at most one range, `/k/{0..n}`, standing for n paths.

use std::str::FromStr;

/// A path, or a family of paths numbered by one range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPattern {
    before: String,
    /// `None`: the pattern is one plain path.
    range: Option<std::ops::Range<u64>>,
    after: String,
}

impl UrlPattern {
    /// How many paths there are; at least 1.
    pub fn len(&self) -> u64 {
        self.range.as_ref().map_or(1, |range| range.end - range.start)
    }

    /// Appends the path with this index, which counts from 0.
    pub fn write(&self, index: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.before.as_bytes());
        if let Some(range) = &self.range {
            write_decimal(range.start + index, out);
        }
        out.extend_from_slice(self.after.as_bytes());
    }
}

impl FromStr for UrlPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("a pattern starts with `/` and has no white space".into());
        }
        let Some((before, rest)) = text.split_once('{') else {
            return Ok(Self { before: text.into(), range: None, after: String::new() });
        };
        let (range, after) = rest.split_once('}').ok_or("the range has no closing `}`")?;
        if after.contains(['{', '}']) {
            return Err("a pattern has at most one range".into());
        }
        Ok(Self { before: before.into(), range: Some(parse_range(range)?), after: after.into() })
    }
}

fn parse_range(text: &str) -> Result<std::ops::Range<u64>, String> {
    let malformed = || format!("`{text}` is no range: write `{{0..100}}`");
    let (start, end) = text.split_once("..").ok_or_else(malformed)?;
    let start = start.parse().map_err(|_| malformed())?;
    let end = end.parse().map_err(|_| malformed())?;
    if start >= end {
        return Err(format!("the range `{text}` is empty"));
    }
    Ok(start..end)
}

/// `write!` would do; this runs once a request and costs a tenth.
fn write_decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(pattern: &str, index: u64) -> String {
        let mut out = Vec::new();
        pattern.parse::<UrlPattern>().expect("the test's pattern is good").write(index, &mut out);
        String::from_utf8(out).expect("patterns are text")
    }

    #[test]
    fn the_range_numbers_the_paths() {
        assert_eq!(path("/k/{0..10}", 0), "/k/0");
        assert_eq!(path("/k/{0..10}", 9), "/k/9");
        assert_eq!(path("/k/{100..20000}.jpg", 4567), "/k/4667.jpg");
        assert_eq!(path("/one", 0), "/one");
    }

    #[test]
    fn the_end_of_the_range_is_left_out() {
        assert_eq!("/k/{5..8}".parse::<UrlPattern>().map(|p| p.len()), Ok(3));
        assert_eq!("/k".parse::<UrlPattern>().map(|p| p.len()), Ok(1));
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for bad in ["", "k", "/{", "/{1}", "/{3..3}", "/{a..b}", "/{0..1}{0..2}", "/a b"] {
            assert!(bad.parse::<UrlPattern>().is_err(), "{bad}");
        }
    }
}
