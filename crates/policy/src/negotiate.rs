//! Request fields brought to one spelling, so that equal wishes share one stored response.
//!
//! What is normalised in the key is normalised toward the origin too: it answers the very
//! wish under which its answer is kept.

use crate::fields::Fields;
use crate::name::Name;

/// The content codings worth a variant of their own, in the order in which they are written.
const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];

/// `Accept-Encoding` in one spelling: the known codings that are accepted, in fixed order.
/// Empty where none is; a request that refuses `identity` keeps its own words.
pub fn accept_encoding(fields: &Fields) -> Vec<u8> {
    let mut accepted = [false; CODINGS.len()];
    let mut refused = [false; CODINGS.len()];
    let mut any = false;
    for member in fields.members(Name::AcceptEncoding) {
        let (coding, quality) = weighted(member);
        let wanted = quality > 0;
        if coding.eq_ignore_ascii_case(b"identity") && !wanted {
            return joined(fields, "accept-encoding");
        }
        if coding == b"*" {
            any = wanted;
        }
        if let Some(at) = known(coding) {
            accepted[at] = wanted;
            refused[at] = !wanted;
        }
    }
    let mut value = Vec::new();
    for (at, coding) in CODINGS.iter().enumerate() {
        if accepted[at] || (any && !refused[at]) {
            if !value.is_empty() {
                value.extend_from_slice(b", ");
            }
            value.extend_from_slice(coding.as_bytes());
        }
    }
    value
}

/// The weight in thousandths that `Accept-Encoding` gives to each of the known codings, in their
/// order, and to identity where it is named.
pub fn codings_and_weights(fields: &Fields) -> ([u32; CODINGS.len()], Option<u32>) {
    let mut weights = [None; CODINGS.len()];
    let (mut others, mut identity) = (0, None);
    for member in fields.members(Name::AcceptEncoding) {
        let (coding, weight) = weighted(member);
        match known(coding) {
            Some(at) => weights[at] = Some(weight),
            None if coding == b"*" => others = weight,
            None if coding.eq_ignore_ascii_case(b"identity") => identity = Some(weight),
            None => {}
        }
    }
    (weights.map(|weight| weight.unwrap_or(others)), identity)
}

/// The place of a coding among those that are known.
fn known(coding: &[u8]) -> Option<usize> {
    CODINGS.iter().position(|c| {
        coding.eq_ignore_ascii_case(c.as_bytes())
            || (*c == "gzip" && coding.eq_ignore_ascii_case(b"x-gzip"))
    })
}

/// The language of `offered` that `Accept-Language` likes best (lookup of RFC 4647 §3.4: a range
/// fits a tag that equals it or that it begins with, or begins); the first where none fits.
pub fn language<'a>(fields: &Fields, offered: &'a [String]) -> Option<&'a str> {
    let mut ranges: Vec<(&[u8], u32)> =
        fields.members(Name::AcceptLanguage).map(weighted).filter(|(_, q)| *q > 0).collect();
    ranges.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
    let best = ranges.iter().find_map(|(range, _)| offered.iter().find(|tag| fits(range, tag)));
    best.or(offered.first()).map(String::as_str)
}

fn fits(range: &[u8], tag: &str) -> bool {
    let tag = tag.as_bytes();
    let begins = |long: &[u8], short: &[u8]| {
        long.len() > short.len()
            && long[..short.len()].eq_ignore_ascii_case(short)
            && long[short.len()] == b'-'
    };
    range == b"*" || range.eq_ignore_ascii_case(tag) || begins(range, tag) || begins(tag, range)
}

/// The class of device that `User-Agent` speaks of.
pub fn device(fields: &Fields) -> &'static str {
    let agent = fields.get(Name::UserAgent).unwrap_or_default();
    let says = |word: &[u8]| agent.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word));
    match () {
        () if says(b"ipad") || says(b"tablet") => "tablet",
        () if says(b"mobi") || says(b"iphone") => "mobile",
        () if says(b"android") => "tablet",
        () => "desktop",
    }
}

/// All lines of one field in one, parted by `, ` (RFC 9110 §5.3). Nothing within a line is
/// changed: whether white space or an empty member matters is known to the origin only, which is
/// sent what came.
pub fn joined(fields: &Fields, name: &str) -> Vec<u8> {
    fields.all_named(name).collect::<Vec<_>>().join(&b", "[..])
}

/// Parts `value;q=0.5` into the value and its weight in thousandths (RFC 9110 §12.4.2).
pub fn weighted(member: &[u8]) -> (&[u8], u32) {
    let mut parts = member.split(|&b| b == b';').map(<[u8]>::trim_ascii);
    let value = parts.next().unwrap_or_default();
    let quality = parts
        .find_map(|part| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")))
        .map_or(1000, thousandths);
    (value, quality)
}

fn thousandths(text: &[u8]) -> u32 {
    let weight = std::str::from_utf8(text).ok().and_then(|t| t.parse::<f32>().ok());
    (weight.unwrap_or(0.0).clamp(0.0, 1.0) * 1000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Fields {
        [(name, value)].into_iter().collect()
    }

    #[test]
    fn equal_wishes_for_codings_have_one_spelling() {
        for (value, spelled) in [
            ("gzip, deflate, br, zstd", "zstd, br, gzip"),
            ("br;q=1.0, gzip;q=0.8, *;q=0.1", "zstd, br, gzip"),
            ("gzip;q=0, br", "br"),
            ("GZIP", "gzip"),
            ("x-gzip", "gzip"),
            ("*", "zstd, br, gzip"),
            ("*, br;q=0", "zstd, gzip"),
            ("identity", ""),
            ("deflate", ""),
            ("", ""),
            ("gzip, identity;q=0", "gzip, identity;q=0"),
            ("br;q=junk", ""),
        ] {
            let found = accept_encoding(&with("Accept-Encoding", value));
            assert_eq!(String::from_utf8_lossy(&found), spelled, "{value}");
        }
    }

    #[test]
    fn a_language_is_chosen_from_the_list() {
        let offered = ["en".to_owned(), "de".to_owned(), "pt-BR".to_owned()];
        for (value, chosen) in [
            ("de-AT, en;q=0.5", "de"),
            ("fr, de;q=0.3, en;q=0.2", "de"),
            ("pt", "pt-BR"),
            ("fr", "en"),
            ("", "en"),
            ("*", "en"),
            ("en;q=0, de;q=0.1", "de"),
        ] {
            assert_eq!(
                language(&with("Accept-Language", value), &offered),
                Some(chosen),
                "{value}"
            );
        }
        assert_eq!(language(&Fields::new(), &[]), None);
    }

    #[test]
    fn devices_have_three_classes() {
        for (agent, class) in [
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0)", "mobile"),
            ("Mozilla/5.0 (iPad; CPU OS 16_0) Mobile/15E148", "tablet"),
            ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile Safari", "mobile"),
            ("Mozilla/5.0 (Linux; Android 13; SM-X200)", "tablet"),
            ("curl/8.0", "desktop"),
        ] {
            assert_eq!(device(&with("User-Agent", agent)), class, "{agent}");
        }
    }
}
