//! Where pictures are in HTML: a scanner of tags and their attributes.
//!
//! It goes through the states of the HTML standard's tokenizer as far as tags, comments and text without
//! tags are told apart by them, and forgets all else. Foreign content (CDATA within SVG) is read as HTML is.

use crate::plan::within::Decoded;
use std::ops::Range;

/// What an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// One URL.
    Url,
    /// A list of candidates.
    Srcset,
}

/// An attribute with pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub holds: Holds,
    /// Its value as it stands, without quotes; never empty.
    pub value: Range<usize>,
    /// Whether quotes are around it.
    pub is_quoted: bool,
}

/// What an attribute of an element holds, if it is of a picture. Names are in lower case. Scripts that load
/// pictures late take them from the attributes that begin with `data-`.
pub(super) fn holds(element: &str, attribute: &str) -> Option<Holds> {
    match (element, attribute) {
        ("img", "src" | "data-src") | ("video", "poster") => Some(Holds::Url),
        ("img" | "source", "srcset" | "data-srcset") => Some(Holds::Srcset),
        _ => None,
    }
}

/// All attributes of a text of HTML that hold pictures, in their order.
pub(super) fn attributes(html: &str) -> Vec<Attribute> {
    let mut found = Vec::new();
    each_tag(html, &mut |name, attributes| {
        for (attribute, value, is_quoted) in attributes {
            let holds = holds(name, attribute).filter(|_| !value.is_empty());
            found.extend(holds.map(|holds| Attribute {
                holds,
                value: value.clone(),
                is_quoted: *is_quoted,
            }));
        }
    });
    found
}

/// A tag's attributes of which some element's hold pictures, so that they are few: the name in lower case, the
/// value as it stands, and whether it has quotes.
type Attributes = Vec<(String, Range<usize>, bool)>;
/// Their names.
const NAMES: [&str; 5] = ["src", "data-src", "srcset", "data-srcset", "poster"];

/// Calls for every start tag outside of comments and of text without tags.
fn each_tag(html: &str, call: &mut impl FnMut(&str, &Attributes)) {
    let bytes = html.as_bytes();
    let mut at = 0;
    while let Some(open) = find(bytes, at, |byte| byte == b'<') {
        let next = bytes.get(open + 1).copied().unwrap_or_default();
        at = match next {
            b'!' if bytes[open..].starts_with(b"<!--") => end_of_comment(bytes, open + 4),
            b'!' | b'?' => behind(bytes, open, b'>'),
            b'/' => match bytes.get(open + 2).copied() {
                Some(byte) if byte.is_ascii_alphabetic() => tag(html, open + 2).map(|tag| tag.end),
                Some(b'>') => Some(open + 3),
                Some(_) => behind(bytes, open, b'>'),
                None => None,
            },
            byte if byte.is_ascii_alphabetic() => tag(html, open + 1).and_then(|tag| {
                call(&tag.name, &tag.attributes);
                end_of_text(bytes, &tag)
            }),
            _ => Some(open + 1),
        }
        .unwrap_or(bytes.len());
    }
}

fn find(bytes: &[u8], from: usize, is: impl Fn(u8) -> bool) -> Option<usize> {
    bytes.get(from..)?.iter().position(|byte| is(*byte)).map(|found| from + found)
}

fn behind(bytes: &[u8], from: usize, byte: u8) -> Option<usize> {
    find(bytes, from, |other| other == byte).map(|found| found + 1)
}

/// The end of a comment whose text begins at `from`. `<!-->` and `<!--->` are whole.
fn end_of_comment(bytes: &[u8], from: usize) -> Option<usize> {
    let text = bytes.get(from..)?;
    for whole in [&b">"[..], b"->"] {
        if text.starts_with(whole) {
            return Some(from + whole.len());
        }
    }
    let mut at = from;
    while let Some(dash) = find(bytes, at, |byte| byte == b'-') {
        for end in [&b"-->"[..], b"--!>"] {
            if bytes[dash..].starts_with(end) {
                return Some(dash + end.len());
            }
        }
        at = dash + 1;
    }
    None
}

struct Tag {
    name: String,
    attributes: Attributes,
    /// Behind its `>`.
    end: usize,
}

/// The tag whose name begins at `from`; none if the text ends before it does.
fn tag(html: &str, from: usize) -> Option<Tag> {
    let bytes = html.as_bytes();
    let name_end = find(bytes, from, |byte| is_space(byte) || matches!(byte, b'/' | b'>'))?;
    let name = html[from..name_end].to_ascii_lowercase();
    let mut attributes: Attributes = Vec::new();
    let mut at = name_end;
    loop {
        at = find(bytes, at, |byte| !is_space(byte) && byte != b'/')?;
        if bytes[at] == b'>' {
            return Some(Tag { name, attributes, end: at + 1 });
        }
        // An equals sign at the beginning is of the name.
        let end = find(bytes, at + 1, |byte| is_space(byte) || matches!(byte, b'/' | b'>' | b'='))?;
        let attribute = html[at..end].to_ascii_lowercase();
        let (value, is_quoted, next) = value(bytes, end)?;
        // Of attributes of one name the first counts.
        let is_one = NAMES.contains(&&*attribute);
        if is_one && attributes.iter().all(|(known, ..)| *known != attribute) {
            attributes.push((attribute, value, is_quoted));
        }
        at = next;
    }
}

/// The value of the attribute whose name ends at `from`, whether it has quotes, and where to go on.
fn value(bytes: &[u8], from: usize) -> Option<(Range<usize>, bool, usize)> {
    let at = find(bytes, from, |byte| !is_space(byte))?;
    if bytes[at] != b'=' {
        return Some((from..from, false, at));
    }
    let at = find(bytes, at + 1, |byte| !is_space(byte))?;
    match bytes[at] {
        quote @ (b'"' | b'\'') => {
            let end = find(bytes, at + 1, |byte| byte == quote)?;
            Some((at + 1..end, true, end + 1))
        }
        b'>' => Some((at..at, false, at)),
        _ => {
            let end = find(bytes, at, |byte| is_space(byte) || byte == b'>')?;
            Some((at..end, false, end))
        }
    }
}

/// Where tags are looked for again behind a start tag: that of an element whose content has none is followed
/// by text up to its end tag. `noscript` has tags: readers of feeds run no scripts.
fn end_of_text(bytes: &[u8], tag: &Tag) -> Option<usize> {
    match tag.name.as_str() {
        "plaintext" => None,
        "script" => end_of_script(bytes, tag.end),
        "style" | "textarea" | "title" | "xmp" | "iframe" | "noembed" | "noframes" => {
            closing(bytes, tag.end, tag.name.as_bytes())
        }
        _ => Some(tag.end),
    }
}

/// The end tag of that name at or behind `from`.
fn closing(bytes: &[u8], from: usize, name: &[u8]) -> Option<usize> {
    let mut at = from;
    while let Some(open) = find(bytes, at, |byte| byte == b'<') {
        if bytes.get(open + 1) == Some(&b'/') && is_named(bytes, open + 2, name) {
            return Some(open);
        }
        at = open + 1;
    }
    None
}

/// Whether that name, and no longer one, stands there.
fn is_named(bytes: &[u8], at: usize, name: &[u8]) -> bool {
    let found = bytes.get(at..at + name.len());
    let ends = |byte: &u8| is_space(*byte) || matches!(byte, b'/' | b'>');
    found.is_some_and(|found| found.eq_ignore_ascii_case(name))
        && bytes.get(at + name.len()).is_some_and(ends)
}

/// A script in a comment in a script does not end the outer one (the "double escaped" states).
fn end_of_script(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut at, mut comment, mut inner) = (from, None, false);
    while at < bytes.len() {
        let rest = &bytes[at..];
        if comment.is_none() && rest.starts_with(b"<!--") {
            comment = Some(at + 2);
            at += 2;
        } else if rest.starts_with(b"-->") && comment.is_some_and(|start| at >= start) {
            (comment, inner) = (None, false);
            at += 3;
        } else if rest.starts_with(b"</") && is_named(bytes, at + 2, b"script") {
            if !inner {
                return Some(at);
            }
            inner = false;
            at += 8;
        } else if rest[0] == b'<' && comment.is_some() && is_named(bytes, at + 1, b"script") {
            inner = true;
            at += 7;
        } else {
            at += 1;
        }
    }
    None
}

/// White space of HTML; a form feed counts.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

/// What the value of an attribute says, its references read; nothing needs to be where it has none. Of the
/// named ones those are read that URLs are written with; others stay as they stand, as do those that browsers
/// leave alone in attributes (`&lt=`).
pub(super) fn decoded(value: &str) -> Option<Decoded> {
    value.contains('&').then(|| decode(value, reference))
}

/// What text of XML says, its references read; those to entities that only a DTD declares stay.
pub(super) fn decoded_xml(text: &str) -> Option<Decoded> {
    text.contains('&').then(|| decode(text, |rest| closed_reference(rest, xml_name)))
}

/// Text whose references, each from its `&` on, `read` knows with their lengths.
fn decode(value: &str, read: impl Fn(&str) -> Option<(char, usize)>) -> Decoded {
    let (mut decoded, mut at, mut from) = (Decoded::default(), 0, 0);
    while let Some(found) = value[at..].find('&') {
        let amp = at + found;
        match read(&value[amp..]) {
            Some((piece, length)) => {
                decoded.literal(&value[from..amp], from);
                decoded.piece(piece, amp..amp + length);
                at = amp + length;
                from = at;
            }
            None => at = amp + 1,
        }
    }
    decoded.literal(&value[from..], from);
    decoded
}

fn reference(rest: &str) -> Option<(char, usize)> {
    let html_name = |name: &str| match name {
        "AMP" => Some('&'),
        "QUOT" => Some('"'),
        "nbsp" => Some('\u{a0}'),
        "sol" => Some('/'),
        "colon" => Some(':'),
        "quest" => Some('?'),
        "equals" => Some('='),
        "period" => Some('.'),
        "comma" => Some(','),
        name => xml_name(name),
    };
    if let Some(found) = closed_reference(rest, html_name) {
        return Some(found);
    }
    if let Some(number) = rest.strip_prefix("&#") {
        return open_number(number).map(|(c, length)| (c, length + 2));
    }
    // Without a semicolon, as long ago.
    let (c, length) = [("&amp", '&'), ("&lt", '<'), ("&gt", '>'), ("&quot", '"')]
        .into_iter()
        .find(|(name, _)| rest.starts_with(name))
        .map(|(name, c)| (c, name.len()))?;
    let next = rest.as_bytes().get(length).copied().unwrap_or_default();
    let is_longer = next == b'=' || next.is_ascii_alphanumeric();
    (!is_longer).then_some((c, length))
}

fn xml_name(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

/// A reference that ends with a semicolon.
fn closed_reference(rest: &str, named: impl Fn(&str) -> Option<char>) -> Option<(char, usize)> {
    // The longest of them that is read.
    const MAX_BYTES: usize = 12;
    let end = rest.bytes().take(MAX_BYTES).position(|byte| byte == b';')?;
    let name = &rest[1..end];
    let c = match name.strip_prefix('#') {
        Some(number) => open_number(number).filter(|(_, length)| *length == number.len())?.0,
        None => named(name)?,
    };
    Some((c, end + 1))
}

/// The character of a number at the beginning, decimal or behind `x`, and how long it is written.
fn open_number(text: &str) -> Option<(char, usize)> {
    let (digits, radix) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let length = digits.bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
    // A number too great, or of no character, is a replacement character.
    let code = u32::from_str_radix(&digits[..length], radix).unwrap_or(u32::MAX);
    let c = char::from_u32(code).filter(|c| *c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER);
    (length > 0).then(|| (c, text.len() - digits.len() + length))
}
