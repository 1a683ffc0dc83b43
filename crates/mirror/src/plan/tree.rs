//! JSON (RFC 8259) as a tree of places: what each value is and which bytes it stands in.
//!
//! `serde_json` keeps no places, so this reads by itself; strictly, but for halves of surrogate pairs, which
//! upstreams make when they cut texts, and which read as U+FFFD.

use crate::plan::fault::Fault;
use crate::plan::recipe::{MAX_DEPTH, Recipe};
use crate::plan::spelling::Layer;
use crate::plan::within::{Decoded, Within};
use serde_json::Value;
use std::ops::Range;

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub range: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// A number, a truth value or null.
    Plain,
    Text,
    /// As long as it is: of hundreds of thousands, each with one element, spare places would add up.
    Array(Box<[Node]>),
    Object(Box<[Member]>),
}

/// A member of an object; the key's place is that with quotes.
#[derive(Debug)]
pub(super) struct Member {
    pub key: Range<usize>,
    pub value: Node,
}

/// Reads a document from `from` on, where a mark of its encoding may have ended.
///
/// # Errors
/// What is no JSON, with its place, or what is beyond a limit of the recipe.
pub(super) fn read(text: &str, from: usize, recipe: &Recipe) -> Result<Node, Fault> {
    let max_depth = recipe.max_depth.min(MAX_DEPTH);
    let mut reader = Reader { text, at: from, max_depth, recipe, values: 0 };
    let root = reader.value(0)?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.fault("something follows the document"));
    }
    Ok(root)
}

impl Node {
    /// The elements, if it is an array.
    pub fn elements(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members, if it is an object.
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// The member of that name; of several the last, as most parsers have it.
    pub fn member(&self, text: &str, name: &str) -> Option<&Member> {
        self.members().iter().rev().find(|member| member.name(text).text() == name)
    }

    /// What it says, if it is a string.
    pub fn said<'a>(&self, text: &'a str) -> Option<Within<'a>> {
        matches!(self.kind, Kind::Text).then(|| string(text, &self.range))
    }

    /// The value by itself, for questions about it. Numbers that no float can hold are null.
    pub fn to_value(&self, text: &str) -> Value {
        match &self.kind {
            Kind::Plain => serde_json::from_str(&text[self.range.clone()]).unwrap_or_default(),
            Kind::Text => string(text, &self.range).text().into(),
            Kind::Array(elements) => elements.iter().map(|node| node.to_value(text)).collect(),
            Kind::Object(members) => members
                .iter()
                .map(|member| (member.name(text).text().to_owned(), member.value.to_value(text)))
                .collect(),
        }
    }
}

impl Member {
    /// Its name.
    pub fn name<'a>(&self, text: &'a str) -> Within<'a> {
        string(text, &self.key)
    }
}

/// What the string in these bytes, quotes included, says.
fn string<'a>(text: &'a str, range: &Range<usize>) -> Within<'a> {
    let at = range.start + 1;
    let raw = &text[at..range.end - 1];
    if !raw.contains('\\') {
        return Within::literal(raw, at, Layer::Json);
    }
    let (mut decoded, mut from) = (Decoded::default(), 0);
    while let Some(found) = raw[from..].find('\\') {
        let escape = from + found;
        decoded.literal(&raw[from..escape], from);
        let (piece, length) = unescape(&raw[escape + 1..]);
        from = escape + 1 + length;
        decoded.piece(piece, escape..from);
    }
    decoded.literal(&raw[from..], from);
    Within::decoded(decoded, at, Layer::Json)
}

/// What stands behind a backslash, and how many bytes it takes. The reader has seen that it is an escape.
fn unescape(rest: &str) -> (char, usize) {
    let kind = rest.chars().next().unwrap_or_default();
    let plain = match kind {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return surrogates(rest),
        other => other,
    };
    (plain, kind.len_utf8())
}

fn surrogates(rest: &str) -> (char, usize) {
    let unit = |at: usize| rest.get(at..at + 4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
    let first = unit(1).unwrap_or_default();
    let second = rest.get(5..7).filter(|next| *next == "\\u").and_then(|_| unit(7));
    let mut decoded = char::decode_utf16([Some(first), second].into_iter().flatten());
    match decoded.next() {
        Some(Ok(c)) => (c, if c.len_utf16() == 2 { 11 } else { 5 }),
        _ => (char::REPLACEMENT_CHARACTER, 5),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    max_depth: usize,
    recipe: &'a Recipe,
    values: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Node, Fault> {
        self.values += 1;
        for (limit, most, has) in [
            ("max_depth", self.max_depth, depth),
            ("max_values", self.recipe.max_values, self.values),
        ] {
            if has > most {
                return Err(Fault::TooMuch { limit, most });
            }
        }
        self.space();
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => {
                self.string()?;
                Kind::Text
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(_) => return Err(self.fault("no value begins so")),
            None => return Err(self.fault("it ends where a value should be")),
        };
        Ok(Node { range: start..self.at, kind })
    }

    fn object(&mut self, depth: usize) -> Result<Kind, Fault> {
        let mut members = Vec::with_capacity(1);
        self.at += 1;
        self.space();
        if self.take(b'}') {
            return Ok(Kind::Object(members.into()));
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.fault("a name in quotation marks should be here"));
            }
            self.string()?;
            let key = start..self.at;
            self.space();
            if !self.take(b':') {
                return Err(self.fault("a colon should be here"));
            }
            members.push(Member { key, value: self.value(depth + 1)? });
            self.space();
            if self.take(b'}') {
                return Ok(Kind::Object(members.into()));
            }
            if !self.take(b',') {
                return Err(self.fault("a comma or a closing brace should be here"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Kind, Fault> {
        let mut elements = Vec::with_capacity(1);
        self.at += 1;
        self.space();
        if self.take(b']') {
            return Ok(Kind::Array(elements.into()));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Ok(Kind::Array(elements.into()));
            }
            if !self.take(b',') {
                return Err(self.fault("a comma or a closing bracket should be here"));
            }
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err(self.fault("a control character stands in a string")),
                Some(_) => self.at += 1,
                None => return Err(self.fault("it ends within a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        let is_escape = match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
            Some(b'u') => {
                rest.len() > 4 && rest[1..5].iter().all(|digit| digit.is_ascii_hexdigit())
            }
            _ => false,
        };
        if !is_escape {
            return Err(self.fault("no escape begins so"));
        }
        self.at += if rest[0] == b'u' { 6 } else { 2 };
        Ok(())
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(Kind::Plain)
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.fault("a digit should be here")) } else { Ok(()) }
    }

    fn word(&mut self, word: &str) -> Result<Kind, Fault> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.fault("no value begins so"));
        }
        self.at += word.len();
        Ok(Kind::Plain)
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault(&self, what: &str) -> Fault {
        Fault::malformed("JSON", self.text, self.at, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Node, Fault> {
        read(text, 0, &Recipe::default())
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (text, line, column) in [
            ("", 1, 1),
            ("{", 1, 2),
            ("[1,]", 1, 4),
            ("{\"a\":1,}", 1, 8),
            ("{\"a\" 1}", 1, 6),
            ("[1 2]", 1, 4),
            ("[01]", 1, 3),
            ("[1.]", 1, 4),
            ("[+1]", 1, 2),
            ("[-]", 1, 3),
            ("[1e]", 1, 4),
            ("\"a", 1, 3),
            ("\"\\x\"", 1, 2),
            ("\"\\u12g4\"", 1, 2),
            ("\"a\nb\"", 1, 3),
            ("[1]\n x", 2, 2),
            ("nul", 1, 1),
            ("'a'", 1, 1),
        ] {
            match parse(text) {
                Err(Fault::Malformed { language: "JSON", line: l, column: c, .. }) => {
                    assert_eq!((l, c), (line, column), "{text:?}");
                }
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn strings_say_what_they_escape() {
        for (text, said) in [
            (r#""""#, ""),
            (r#""a\/b\\\"\n""#, "a/b\\\"\n"),
            (r#""\u00e4\ud83d\ude00x""#, "ä😀x"),
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ude00\b\f\r\t""#, "\u{fffd}\u{8}\u{c}\r\t"),
        ] {
            let node = parse(text).unwrap();
            assert_eq!(node.said(text).unwrap().text(), said, "{text}");
        }
    }

    #[test]
    fn limits_are_told_by_name() {
        let recipe = Recipe { max_depth: 2, max_values: 5, ..Recipe::default() };
        assert!(read("[[1]]", 0, &recipe).is_ok());
        let too_deep = Fault::TooMuch { limit: "max_depth", most: 2 };
        assert_eq!(read("[[[1]]]", 0, &recipe).unwrap_err(), too_deep);
        let too_many = Fault::TooMuch { limit: "max_values", most: 5 };
        assert_eq!(read("[1,2,3,4,5]", 0, &recipe).unwrap_err(), too_many);
        let bottomless = Recipe { max_depth: usize::MAX, ..Recipe::default() };
        let deep = "[".repeat(100_000);
        let most = MAX_DEPTH;
        assert_eq!(
            read(&deep, 0, &bottomless).unwrap_err(),
            Fault::TooMuch { limit: "max_depth", most }
        );
    }

    #[test]
    fn of_members_of_one_name_the_last_counts() {
        let text = r#"{"a":1,"\u0061":2}"#;
        let node = parse(text).unwrap();
        assert_eq!(&text[node.member(text, "a").unwrap().value.range.clone()], "2");
        assert_eq!(node.to_value(text), serde_json::json!({"a": 2}));
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_reads(text in "[ \\[\\]{}:,\"\\\\aun0-9.eE+tr-]{0,12}|[\\[{]\"[a\\\\u0]{0,6}\"[:,1\\]}]{1,3}") {
            let theirs: Option<Value> = serde_json::from_str(&text).ok();
            let ours = parse(&text).ok().map(|node| node.to_value(&text));
            match theirs {
                Some(theirs) => prop_assert_eq!(ours, Some(theirs)),
                // Numbers beyond floats and halves of pairs are what it does not read.
                None => prop_assert!(ours.is_none() || text.contains(['e', 'E', '\\'])),
            }
        }
    }
}
