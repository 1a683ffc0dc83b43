//! `Cache-Control` of requests and responses (RFC 9111 §5.2), with the stale windows of RFC 5861.
//!
//! Unknown directives change nothing. Names are compared without case, arguments may be tokens
//! or quoted strings. Of directives given twice the first counts (§4.2.1); a lifetime that is no
//! number counts as 0, which makes the response stale at once, as §4.2.1 encourages.

use crate::fields::list_members;
use crate::name::Name;
use crate::time::Seconds;
use std::borrow::Cow;

/// What the winning freshness field of a response says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// `max-age` (§5.2.2.1).
    pub max_age: Option<Seconds>,
    /// `s-maxage` (§5.2.2.10).
    pub s_maxage: Option<Seconds>,
    /// `stale-while-revalidate` with a value (RFC 5861 §3); without one it says nothing.
    pub stale_while_revalidate: Option<Seconds>,
    /// Whether there is a `stale-while-revalidate` without a value, which counts under a preset.
    pub revalidates_for_ever: bool,
    /// `stale-if-error` with a value (RFC 5861 §4).
    pub stale_if_error: Option<Seconds>,
    /// `no-store` (§5.2.2.5).
    pub no_store: bool,
    /// `no-cache` without field names (§5.2.2.4).
    pub no_cache: bool,
    /// `private` without field names (§5.2.2.7).
    pub private: bool,
    /// `public` (§5.2.2.9).
    pub public: bool,
    /// `must-revalidate` (§5.2.2.2).
    pub must_revalidate: bool,
    /// `proxy-revalidate` (§5.2.2.8).
    pub proxy_revalidate: bool,
    /// `must-understand` (§5.2.2.3).
    pub must_understand: bool,
    /// Field names of `no-cache="…"` and `private="…"`, in lower case: those fields are not kept.
    pub withheld: Vec<String>,
}

/// What a request allows and demands (§5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// `no-cache`, or `Pragma: no-cache` where there is no `Cache-Control` (§5.4).
    pub no_cache: bool,
    /// `no-store`.
    pub no_store: bool,
    /// `only-if-cached`.
    pub only_if_cached: bool,
    /// `max-age`.
    pub max_age: Option<Seconds>,
    /// `min-fresh`.
    pub min_fresh: Option<Seconds>,
    /// `max-stale`; without a value any staleness will do.
    pub max_stale: Option<Seconds>,
}

impl ResponseDirectives {
    /// Reads the values of one field, in order.
    pub fn parse<'a>(values: impl Iterator<Item = &'a [u8]>) -> ResponseDirectives {
        let mut found = ResponseDirectives::default();
        for member in values.flat_map(list_members) {
            let (name, argument) = split(member);
            found.take(&name, argument.as_deref());
        }
        found
    }

    /// Whether they forbid every stale answer (§5.2.2.2, §5.2.2.4, §5.2.2.8).
    pub fn forbids_stale(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.no_cache
    }

    /// Takes one directive, its name in lower case.
    pub fn take(&mut self, name: &str, argument: Option<&str>) {
        match name {
            "max-age" => first(&mut self.max_age, Some(lifetime(argument))),
            "s-maxage" => first(&mut self.s_maxage, Some(lifetime(argument))),
            "stale-while-revalidate" => {
                self.revalidates_for_ever |= argument.is_none();
                first(&mut self.stale_while_revalidate, window(argument));
            }
            "stale-if-error" => first(&mut self.stale_if_error, window(argument)),
            "no-store" => self.no_store = true,
            "no-cache" => self.withhold(argument, |own| own.no_cache = true),
            "private" => self.withhold(argument, |own| own.private = true),
            "public" => self.public = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "must-understand" => self.must_understand = true,
            _ => {}
        }
    }

    /// The lifetime that the field names, and by which directive: `s-maxage` before `max-age`
    /// (RFC 9111 §4.2.1).
    pub fn lifetime(&self) -> Option<(&'static str, Seconds)> {
        let shared = self.s_maxage.map(|lifetime| ("s-maxage", lifetime));
        shared.or(self.max_age.map(|lifetime| ("max-age", lifetime)))
    }

    /// Whether the field names a lifetime.
    pub fn names_lifetime(&self) -> bool {
        self.max_age.is_some() || self.s_maxage.is_some()
    }

    /// What it says, as it is understood, in one spelling.
    pub fn told(&self) -> Vec<String> {
        let ResponseDirectives {
            max_age, s_maxage, stale_while_revalidate, stale_if_error, ..
        } = self;
        let times = [
            ("s-maxage", s_maxage),
            ("max-age", max_age),
            ("stale-while-revalidate", stale_while_revalidate),
            ("stale-if-error", stale_if_error),
        ];
        let times = times
            .iter()
            .filter_map(|(name, time)| time.map(|time| format!("{name}={}", time.get())));
        let words = [
            ("no-store", self.no_store),
            ("no-cache", self.no_cache),
            ("private", self.private),
            ("public", self.public),
            ("must-revalidate", self.must_revalidate),
            ("proxy-revalidate", self.proxy_revalidate),
            ("must-understand", self.must_understand),
        ];
        let words =
            words.iter().filter(|(_, is_said)| *is_said).map(|(name, _)| (*name).to_owned());
        let withheld = (!self.withheld.is_empty())
            .then(|| format!("without the fields {}", self.withheld.join(", ")));
        words.chain(times).chain(withheld).collect()
    }

    /// Whether the response may answer requests other than an authorized one's (RFC 9111 §3.5).
    pub fn shares_authorized(&self) -> bool {
        self.public || self.s_maxage.is_some() || self.must_revalidate
    }

    /// The qualified form names fields, the plain form concerns the whole response. A qualified
    /// form that names nothing, or a field without which what is stored would be used by other
    /// rules than its own, is read as the plain one, which is the safe way.
    fn withhold(&mut self, argument: Option<&str>, whole: impl FnOnce(&mut Self)) {
        let names = argument.unwrap_or_default().split(',').map(str::trim);
        let names: Vec<String> =
            names.filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect();
        if names.is_empty() || names.iter().any(|name| is_needed(name)) {
            whole(self);
        }
        self.withheld.extend(names.into_iter().filter(|name| !is_needed(name)));
    }
}

/// Whether a stored response cannot do without the field of that name.
fn is_needed(name: &str) -> bool {
    matches!(
        Name::of(name.as_bytes()),
        Name::Age
            | Name::CacheControl
            | Name::CdnCacheControl
            | Name::ContentEncoding
            | Name::ContentLength
            | Name::ContentType
            | Name::Date
            | Name::Etag
            | Name::Expires
            | Name::LarderCacheControl
            | Name::LastModified
            | Name::SurrogateControl
            | Name::Vary
    )
}

impl RequestDirectives {
    /// Reads the values of the request's `Cache-Control`, in order.
    pub fn parse<'a>(values: impl Iterator<Item = &'a [u8]>) -> RequestDirectives {
        let mut found = RequestDirectives::default();
        for member in values.flat_map(list_members) {
            let (name, argument) = split(member);
            let argument = argument.as_deref();
            match &*name {
                "no-cache" => found.no_cache = true,
                "no-store" => found.no_store = true,
                "only-if-cached" => found.only_if_cached = true,
                "max-age" => first(&mut found.max_age, Some(lifetime(argument))),
                // What cannot be read must not make a stale answer acceptable, nor demand more.
                "min-fresh" => first(&mut found.min_fresh, window(argument)),
                "max-stale" if argument.is_none() => {
                    first(&mut found.max_stale, Some(Seconds::MAX))
                }
                "max-stale" => first(&mut found.max_stale, window(argument)),
                _ => {}
            }
        }
        found
    }
}

fn first<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

fn lifetime(argument: Option<&str>) -> Seconds {
    window(argument).unwrap_or(Seconds::ZERO)
}

fn window(argument: Option<&str>) -> Option<Seconds> {
    argument.and_then(|text| Seconds::parse(text.as_bytes()))
}

/// Parts `name=argument`, lowers the name and takes a quoted argument out of its quotes. What is
/// in lower case and unquoted already, as nearly always, is not copied.
fn split(member: &[u8]) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    let equals = member.iter().position(|&b| b == b'=');
    let (name, argument) = match equals {
        None => (member, None),
        Some(at) => (&member[..at], Some(&member[at + 1..])),
    };
    let mut name = String::from_utf8_lossy(name);
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        name.to_mut().make_ascii_lowercase();
    }
    (name, argument.map(unquote))
}

fn unquote(argument: &[u8]) -> Cow<'_, str> {
    let argument = String::from_utf8_lossy(argument);
    let inner = argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else { return argument };
    let mut escaped = false;
    let kept = inner.chars().filter(|&c| {
        escaped = c == '\\' && !escaped;
        !escaped
    });
    Cow::Owned(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(text: &str) -> ResponseDirectives {
        ResponseDirectives::parse([text.as_bytes()].into_iter())
    }

    fn request(text: &str) -> RequestDirectives {
        RequestDirectives::parse([text.as_bytes()].into_iter())
    }

    #[test]
    fn lifetimes_are_read_as_rfc_9111_4_2_1_has_them() {
        for (text, max_age) in [
            ("max-age=60", Some(60)),
            ("MAX-AGE=60", Some(60)),
            ("max-age=\"60\"", Some(60)),
            ("max-age=60, max-age=1", Some(60)),
            ("max-age=x", Some(0)),
            ("max-age=-1", Some(0)),
            ("max-age=1.5", Some(0)),
            ("max-age='60'", Some(0)),
            ("max-age", Some(0)),
            ("max-age=99999999999", Some(1 << 31)),
            ("max-age =60", None),
            ("a=\"max-age=1\"", None),
            ("unheard-of, max-age=0", Some(0)),
        ] {
            assert_eq!(response(text).max_age.map(Seconds::get), max_age, "{text}");
        }
    }

    #[test]
    fn qualified_forms_name_fields_and_leave_the_response_storable() {
        let found = response(r#"private="Set-Cookie, X-A", no-cache=x-b, public"#);
        assert!(!found.private && !found.no_cache && found.public);
        assert_eq!(found.withheld, ["set-cookie", "x-a", "x-b"]);
        assert!(response("private=\"\"").private);
        assert!(response("private=\"X-A, Vary\"").private, "stored without it, it fits all");
        assert!(response("no-cache").no_cache);
    }

    #[test]
    fn stale_windows_need_a_value() {
        assert_eq!(response("stale-while-revalidate").stale_while_revalidate, None);
        let found = response("stale-while-revalidate=5, stale-if-error=7");
        assert_eq!(found.stale_while_revalidate, Some(Seconds::new(5)));
        assert_eq!(found.stale_if_error, Some(Seconds::new(7)));
        assert_eq!(response("stale-if-error=x").stale_if_error, None);
    }

    #[test]
    fn requests_say_what_they_accept() {
        assert_eq!(request("max-stale").max_stale, Some(Seconds::MAX));
        assert_eq!(request("max-stale=5").max_stale, Some(Seconds::new(5)));
        assert_eq!(request("max-stale=x").max_stale, None);
        assert_eq!(request("min-fresh=5, no-cache").min_fresh, Some(Seconds::new(5)));
        assert!(request("only-if-cached").only_if_cached);
        assert_eq!(request("max-age=junk").max_age, Some(Seconds::ZERO));
    }
}
