//! `Vary`: which stored response under one key answers a request (RFC 9111 §4.1).

use crate::fields::Fields;
use crate::name::Name;
use crate::negotiate;

/// More nominated fields than this and a response is not stored.
pub const MAX_NOMINATED: usize = 16;

/// Fields that the origin gets from us, with the address of the client: what the client's own
/// request has of them does not tell one client from another.
const TOLD_BY_US: [&str; 2] = ["forwarded", "x-forwarded-for"];

/// Fields that a refresh on nobody's behalf leaves out.
const LEFT_OUT_OF_REFRESHES: [Name; 11] = [
    Name::Authorization,
    Name::CacheControl,
    Name::Cookie,
    Name::IfMatch,
    Name::IfModifiedSince,
    Name::IfNoneMatch,
    Name::IfRange,
    Name::IfUnmodifiedSince,
    Name::Pragma,
    Name::Range,
    Name::Referer,
];

/// The request fields that a response was chosen by, with their values in one spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Variant(Box<[Nominated]>);

/// A nominated field and the value that the request had.
pub type Nominated = (Box<str>, Box<[u8]>);

/// Why a `Vary` cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unkeepable {
    /// It has a member `*`, or one that is the client's address: no other request is known to
    /// match.
    Star,
    /// It nominates more than [`MAX_NOMINATED`] fields.
    TooWide,
}

impl Variant {
    /// The variant that answers `request`, by the `Vary` of a response. Fields in `keyed` (lower
    /// case) are told apart by the key already and by a normalised value toward the origin.
    pub fn of(response: &Fields, request: &Fields, keyed: &[&str]) -> Result<Variant, Unkeepable> {
        let mut names: Vec<String> = Vec::new();
        for member in response.members(Name::Vary) {
            if member == b"*" {
                return Err(Unkeepable::Star);
            }
            names.push(String::from_utf8_lossy(member).to_ascii_lowercase());
        }
        if names.iter().any(|name| TOLD_BY_US.contains(&name.as_str())) {
            return Err(Unkeepable::Star);
        }
        names.sort();
        names.dedup();
        names.retain(|name| !keyed.contains(&name.as_str()));
        if names.len() > MAX_NOMINATED {
            return Err(Unkeepable::TooWide);
        }
        Ok(Variant::for_names(names.iter().map(String::as_str), request))
    }

    /// The variant with the same nominated fields that answers another request.
    pub fn retold(&self, request: &Fields) -> Variant {
        Variant::for_names(self.names(), request)
    }

    /// Whether this variant answers the request.
    pub fn answers(&self, request: &Fields) -> bool {
        self.0.iter().all(|(name, value)| spelled(name, request) == **value)
    }

    /// The nominated fields in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// The nominated fields with their values, as they are compared.
    pub fn nominated(&self) -> &[Nominated] {
        &self.0
    }

    /// The variant that [`Variant::nominated`] told of.
    pub fn from_nominated(nominated: Box<[Nominated]>) -> Variant {
        Variant(nominated)
    }

    /// Whether the response is chosen by who asks, so that nobody else can ask for it.
    pub fn depends_on_visitor(&self) -> bool {
        self.names().any(|name| LEFT_OUT_OF_REFRESHES.iter().any(|left| left.as_str() == name))
    }

    /// The bytes it holds in memory beyond its own size.
    pub fn footprint(&self) -> usize {
        self.0.iter().map(|(name, value)| 32 + name.len() + value.len()).sum()
    }

    fn for_names<'n>(names: impl Iterator<Item = &'n str>, request: &Fields) -> Variant {
        Variant(names.map(|name| (name.into(), spelled(name, request).into())).collect())
    }
}

/// A request field in the spelling in which it is compared. One that is absent is told from one
/// that is empty by a byte that no value holds.
fn spelled(name: &str, request: &Fields) -> Vec<u8> {
    const ABSENT: &[u8] = &[0];
    match name {
        "accept-encoding" => negotiate::accept_encoding(request),
        _ if request.all_named(name).next().is_none() => ABSENT.to_vec(),
        _ => negotiate::joined(request, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().copied().collect()
    }

    #[test]
    fn a_variant_answers_requests_with_equal_nominated_fields() {
        let response = fields(&[("Vary", "Accept-Encoding, X-A"), ("Vary", "x-a")]);
        let asked = fields(&[("Accept-Encoding", "gzip, deflate, br"), ("X-A", "1"), ("X-A", "2")]);
        let variant = Variant::of(&response, &asked, &[]).expect("a plain Vary");
        for (request, answers) in [
            (fields(&[("Accept-Encoding", "br,gzip"), ("X-A", "1, 2")]), true),
            (
                fields(&[("Accept-Encoding", "br;q=1, gzip;q=0.2"), ("X-A", "1, 2"), ("X-B", "9")]),
                true,
            ),
            (fields(&[("Accept-Encoding", "br, gzip"), ("X-A", "1,2")]), false),
            (fields(&[("Accept-Encoding", "br, gzip"), ("X-A", "1, 2,")]), false),
            (fields(&[("Accept-Encoding", "br"), ("X-A", "1, 2")]), false),
            (fields(&[("Accept-Encoding", "br, gzip"), ("X-A", "2, 1")]), false),
            (fields(&[("Accept-Encoding", "br, gzip")]), false),
        ] {
            assert_eq!(variant.answers(&request), answers, "{request:?}");
            assert_eq!(variant.retold(&request) == variant, answers, "{request:?}");
        }
    }

    #[test]
    fn no_vary_answers_all_and_star_none() {
        let plain = Variant::of(&Fields::new(), &Fields::new(), &[]).expect("no Vary");
        assert!(plain.answers(&fields(&[("Accept", "x")])));
        for value in ["*", "Accept, *"] {
            let found = Variant::of(&fields(&[("Vary", value)]), &Fields::new(), &[]);
            assert_eq!(found, Err(Unkeepable::Star));
        }
        let wide: Vec<String> = (0..=MAX_NOMINATED).map(|i| format!("x-{i}")).collect();
        let found = Variant::of(&fields(&[("Vary", &wide.join(","))]), &Fields::new(), &[]);
        assert_eq!(found, Err(Unkeepable::TooWide));
    }

    #[test]
    fn a_field_that_the_key_holds_is_not_compared_again() {
        let response = fields(&[("Vary", "Accept-Language")]);
        let variant =
            Variant::of(&response, &fields(&[("Accept-Language", "de")]), &["accept-language"]);
        assert!(variant.expect("fits").answers(&fields(&[("Accept-Language", "de-AT")])));
    }

    #[test]
    fn who_asks_may_be_nominated() {
        for (value, depends) in [("Cookie", true), ("Authorization", true), ("Accept", false)] {
            let variant = Variant::of(&fields(&[("Vary", value)]), &Fields::new(), &[]);
            assert_eq!(variant.expect("fits").depends_on_visitor(), depends);
        }
    }
}
