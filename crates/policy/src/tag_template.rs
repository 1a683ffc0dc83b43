//! Tags that a rule gives, with parts of the path in them: `post:{slug}`.

use crate::path_pattern::Captures;
use std::borrow::Cow;
use std::fmt;

/// A tag with named parts of a path in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagTemplate(Box<[Piece]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Name(Box<str>),
}

impl TagTemplate {
    /// Reads a template; nothing if a brace has no other one, or stands within another.
    pub fn parse(text: &str) -> Option<TagTemplate> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}')?;
            if before.contains('}') || name.contains('{') {
                return None;
            }
            pieces.extend((!before.is_empty()).then(|| Piece::Text(before.into())));
            pieces.push(Piece::Name(name.into()));
            rest = after;
        }
        if rest.contains('}') {
            return None;
        }
        pieces.extend((!rest.is_empty()).then(|| Piece::Text(rest.into())));
        Some(TagTemplate(pieces.into()))
    }

    /// The names of the parts that it needs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(&**name),
            Piece::Text(_) => None,
        })
    }

    /// The tag for a path whose parts are these. A name that is not among them stands for nothing.
    /// What no tag can hold is written as `%XX`, as it is in URLs.
    pub fn filled(&self, captures: &Captures<'_>) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.to_string(),
            Piece::Name(name) => {
                let found = captures.iter().find(|(known, _)| *known == &**name);
                found.map_or(String::new(), |(_, value)| printable(value).into_owned())
            }
        };
        self.0.iter().map(piece).collect()
    }
}

/// As it was written.
impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Name(name) => write!(f, "{{{name}}}"),
        })
    }
}

/// The value as text without control characters, commas and spaces, which end tags: those are written
/// as `%XX`, as they are in URLs.
pub fn printable(value: &[u8]) -> Cow<'_, str> {
    let is_odd = |c: char| c.is_control() || matches!(c, ',' | ' ');
    match std::str::from_utf8(value) {
        Ok(text) if !text.contains(is_odd) => Cow::Borrowed(text),
        _ => {
            let byte = |b: &u8| match b {
                b if b.is_ascii_graphic() && *b != b',' => char::from(*b).to_string(),
                b => format!("%{b:02X}"),
            };
            Cow::Owned(value.iter().map(byte).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_path_stand_in_tags() {
        let captures: Captures<'_> =
            vec![("slug", b"a-1"), ("odd", b"a, b\xff"), ("word", "m\u{e4}rz".as_bytes())];
        for (template, tag) in [
            ("post:{slug}", Some("post:a-1")),
            ("{slug}{slug}x", Some("a-1a-1x")),
            ("plain", Some("plain")),
            ("{odd}", Some("a%2C%20b%FF")),
            ("{word}", Some("m\u{e4}rz")),
            ("{nothing}", Some("")),
            ("{", None),
            ("a}", None),
            ("{a{b}}", None),
            ("}{", None),
        ] {
            let filled = TagTemplate::parse(template).map(|template| template.filled(&captures));
            assert_eq!(filled.as_deref(), tag, "{template}");
        }
    }
}
