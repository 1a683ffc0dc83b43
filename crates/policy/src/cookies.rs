//! Reading the `Cookie` field of a request (RFC 6265 §5.4).

use crate::fields::Fields;
use crate::glob::Glob;
use crate::name::Name;

/// The cookies of a request, as names and values.
pub fn cookies(fields: &Fields) -> impl Iterator<Item = (&[u8], &[u8])> {
    fields.all(Name::Cookie).flat_map(|value| value.split(|&b| b == b';')).filter_map(|pair| {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
        let value = pair.get(at + 1..).unwrap_or_default();
        (!pair.is_empty()).then_some((pair[..at].trim_ascii(), value.trim_ascii()))
    })
}

/// The value of one cookie.
pub fn cookie<'a>(fields: &'a Fields, name: &str) -> Option<&'a [u8]> {
    cookies(fields).find(|(found, _)| *found == name.as_bytes()).map(|(_, value)| value)
}

/// Whether a name fits one of `patterns`.
pub fn fits(name: &[u8], patterns: &[Glob]) -> bool {
    patterns.iter().any(|glob| glob.matches(name))
}

/// Whether any cookie has a name that fits one of `patterns`.
pub fn has_named(fields: &Fields, patterns: &[Glob]) -> bool {
    !patterns.is_empty() && cookies(fields).any(|(name, _)| fits(name, patterns))
}

/// Whether the request has a cookie that an origin may read: one whose name fits none of
/// `ignored`.
pub fn speaks_of_a_visitor(fields: &Fields, ignored: &[Glob]) -> bool {
    cookies(fields).any(|(name, _)| !fits(name, ignored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_name() {
        let fields: Fields =
            [("Cookie", "a=1; b = 2;c"), ("Cookie", "d=x=y")].into_iter().collect();
        for (name, value) in
            [("a", Some("1")), ("b", Some("2")), ("c", Some("")), ("d", Some("x=y")), ("e", None)]
        {
            assert_eq!(cookie(&fields, name), value.map(str::as_bytes), "{name}");
        }
    }

    #[test]
    fn analytics_do_not_speak_of_a_visitor() {
        let ignored = [Glob::new("_ga*"), Glob::new("_gid")];
        for (value, speaks) in
            [("_ga=1; _ga_X=2; _gid=3", false), ("_ga=1; sid=2", true), ("", false)]
        {
            let fields: Fields = [("Cookie", value)].into_iter().collect();
            assert_eq!(speaks_of_a_visitor(&fields, &ignored), speaks, "{value}");
        }
    }
}
