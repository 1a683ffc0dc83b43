//! The name of an entry, and the key that it is kept under.

use crate::key::Key;
use crate::purge::{Scope, Url};
use crate::rule::Site;
use std::fmt;

/// The longest name, in bytes, decoded.
pub const MAX_NAME_BYTES: usize = 1024;
/// The path of all entries of a site.
pub const ROOT: &str = "/_larder/entries/";

/// The name of an entry: any bytes but control characters. Kept encoded in one spelling, so that
/// names that are the same when decoded are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName(Box<str>);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNoName {
    /// It is empty.
    Empty,
    /// It is longer than [`MAX_NAME_BYTES`] when it is decoded.
    TooLong,
    /// A `%` without two hexadecimal digits behind it.
    Percent,
    /// A control character, encoded or not.
    ControlCharacter,
}

impl EntryName {
    /// Reads a name that is percent-encoded (RFC 3986 §2.1).
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(encoded: &str) -> Result<EntryName, WhyNoName> {
        let (mut name, mut length) = (String::with_capacity(encoded.len()), 0);
        let mut rest = encoded.bytes();
        while let Some(byte) = rest.next() {
            let byte = match byte {
                b'%' => {
                    let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                    let (high, low) = digit().zip(digit()).ok_or(WhyNoName::Percent)?;
                    // Two hexadecimal digits make a byte.
                    (high * 16 + low) as u8
                }
                byte => byte,
            };
            length += 1;
            match byte {
                _ if length > MAX_NAME_BYTES => return Err(WhyNoName::TooLong),
                _ if byte.is_ascii_control() => return Err(WhyNoName::ControlCharacter),
                _ if stays(byte) => name.push(char::from(byte)),
                _ => name.push_str(&format!("%{byte:02X}")),
            }
        }
        if name.is_empty() { Err(WhyNoName::Empty) } else { Ok(EntryName(name.into())) }
    }

    /// As it is encoded here: what need not be is not, slashes among it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of the entry of that name and site.
    pub fn key(&self, site: &Site) -> Key {
        Key::of_entry(site.first_host(), &self.target())
    }

    /// What a purge names that is for this entry.
    pub fn scope(&self, site: &Site) -> Scope {
        let host = Some(site.first_host().into());
        Scope::Url(Url { host, target: self.target().into() })
    }

    fn target(&self) -> String {
        format!("{ROOT}{}", self.0)
    }
}

/// The URL scope below which all entries of a site are.
pub fn root_of(site: &Site) -> Vec<u8> {
    [site.first_host().as_bytes(), b"\0", ROOT.as_bytes()].concat()
}

/// What a path may have as it stands (RFC 3986 §3.3).
fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)
}

impl fmt::Display for WhyNoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyNoName::Empty => write!(f, "the key is empty"),
            WhyNoName::TooLong => {
                write!(f, "the key is longer than {MAX_NAME_BYTES} bytes: take a hash of it")
            }
            WhyNoName::Percent => write!(f, "write % in the key as %25"),
            WhyNoName::ControlCharacter => {
                write!(f, "the key has a control character: encode it in another way, or hash it")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::Glob;
    use crate::key::KeyRef;
    use crate::prefix::Prefix;
    use crate::request::{Request, Scheme};
    use crate::rule::tests::plain_site;

    #[test]
    fn names_are_any_bytes_in_one_spelling() {
        let long = "a".repeat(MAX_NAME_BYTES);
        let encoded = "%61".repeat(MAX_NAME_BYTES);
        for (encoded, name) in [
            ("a", Ok("a")),
            ("%61", Ok("a")),
            ("a%2Fb/c", Ok("a/b/c")),
            ("a%20b", Ok("a%20b")),
            ("%c3%A9", Ok("%C3%A9")),
            ("é", Ok("%C3%A9")),
            ("%ff", Ok("%FF")),
            ("%3f%23%25", Ok("%3F%23%25")),
            ("_N_T_/page", Ok("_N_T_/page")),
            ("..", Ok("..")),
            (&*long, Ok(&*long)),
            (&*encoded, Ok(&*long)),
            ("", Err(WhyNoName::Empty)),
            ("%0", Err(WhyNoName::Percent)),
            ("%zz", Err(WhyNoName::Percent)),
            ("%+1", Err(WhyNoName::Percent)),
            ("%00", Err(WhyNoName::ControlCharacter)),
            ("%0a", Err(WhyNoName::ControlCharacter)),
            ("%7F", Err(WhyNoName::ControlCharacter)),
            (&*format!("{long}a"), Err(WhyNoName::TooLong)),
        ] {
            let found = EntryName::parse(encoded);
            assert_eq!(found.as_ref().map(EntryName::as_str), name.as_ref().copied(), "{encoded}");
        }
    }

    #[test]
    fn no_request_has_the_key_of_an_entry_and_prefixes_cover_both() {
        let site = crate::rule::Site { hosts: vec![Glob::new("a.b")], ..plain_site() };
        let name = EntryName::parse("x/y").expect("a name");
        let key = name.key(&site);
        assert!(key.as_ref().is_entry());
        assert_eq!(key.as_ref().url(), b"a.b\0/_larder/entries/x/y");
        for scheme in [Scheme::Http, Scheme::Https] {
            let (host, target) = ("a.b".to_owned(), "/_larder/entries/x/y".to_owned());
            let request = Request { scheme, host, target, ..Request::default() };
            let mut buffer = Vec::new();
            let other = KeyRef::build(&request, &site.default_rule, &mut buffer);
            assert_ne!(other, key.as_ref());
            assert!(!other.is_entry());
        }
        for prefix in ["a.b", "a.b/_larder/entries/x", "/_larder", "entry://a.b/_larder"] {
            assert!(Prefix::parse(prefix).expect("a prefix").covers(key.as_ref()), "{prefix}");
        }
        assert_eq!(name.scope(&site).to_string(), "url a.b/_larder/entries/x/y");
        assert_eq!(name.key(&plain_site()).as_ref().parts().hostname, b"*");
    }
}
