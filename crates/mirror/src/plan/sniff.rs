//! What bytes are: in which encoding, and whether JSON or XML.

use crate::plan::fault::Fault;
use std::borrow::Cow;

/// The mark that some put before UTF-8.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';
/// How far into a document its declaration may be.
const DECLARATION_BYTES: usize = 256;

/// The language of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Json,
    Xml,
}

/// The document as text in UTF-8, and what it is written in. Only XML in ISO-8859-1, windows-1252 or ASCII
/// becomes another text than it came as: one that declares no encoding, which is UTF-8.
///
/// # Errors
/// When it is in another encoding, empty, or neither JSON nor XML.
pub(super) fn text<'a>(
    bytes: &'a [u8],
    media_type: Option<&str>,
) -> Result<(Cow<'a, str>, Language), Fault> {
    refuse_utf16(bytes)?;
    let has_mark = bytes.starts_with("\u{feff}".as_bytes());
    let start = bytes.trim_ascii_start();
    if !has_mark && start.starts_with(b"<") {
        let declared = declared(bytes);
        let said = charset(media_type).or_else(|| declared.clone().map(|(name, _)| name));
        match said.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("utf-8" | "utf8") => {}
            Some(
                "iso-8859-1" | "latin1" | "iso8859-1" | "windows-1252" | "cp1252" | "us-ascii",
            ) => {
                return Ok((Cow::Owned(of_1252(bytes, declared)), Language::Xml));
            }
            Some(other) => return Err(Fault::Encoding { named: other.to_owned() }),
        }
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Fault::NotUtf8 { offset: error.valid_up_to() })?;
    let language = language(text.trim_start_matches(BYTE_ORDER_MARK).trim_ascii_start())?;
    Ok((Cow::Borrowed(text), language))
}

/// By a mark, or by the zeros that stand beside the first character of JSON or XML (RFC 4627 §3).
fn refuse_utf16(bytes: &[u8]) -> Result<(), Fault> {
    let named = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, _, ..] | [_, 0, 0, 0, ..] => {
            "UTF-32"
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => "UTF-16",
        _ => return Ok(()),
    };
    Err(Fault::Encoding { named: named.to_owned() })
}

fn language(text: &str) -> Result<Language, Fault> {
    let found = match text.as_bytes() {
        [] => return Err(Fault::Empty),
        [b'<', ..] if is_html(text) => "an HTML page".to_owned(),
        [b'<', ..] => return Ok(Language::Xml),
        [b'{' | b'[', ..] => return Ok(Language::Json),
        _ => format!("something that begins with {:?}", text.chars().take(20).collect::<String>()),
    };
    Err(Fault::Unknown { found })
}

fn is_html(text: &str) -> bool {
    ["<!doctype html", "<html"]
        .iter()
        .any(|start| text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start)))
}

/// The charset that a media type names.
fn charset(media_type: Option<&str>) -> Option<String> {
    media_type?.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset").then(|| value.to_owned())
    })
}

/// The encoding that a declaration of XML names, and the bytes that say so, the space before included.
fn declared(bytes: &[u8]) -> Option<(String, std::ops::Range<usize>)> {
    let head: String =
        bytes.iter().take(DECLARATION_BYTES).map(|byte| char::from(byte & 0x7f)).collect();
    let end = head.find("?>").filter(|_| head.trim_start().starts_with("<?xml"))?;
    let start = head[..end].find("encoding")?;
    let rest = head[start + 8..end].trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let name = rest[1..].split(quote).next()?;
    let value = end - rest.len() + 1..end - rest.len() + 1 + name.len();
    let before = head[..start].trim_end().len();
    Some((name.to_owned(), before..value.end + 1))
}

/// Text of bytes of windows-1252, of which ISO-8859-1 is read as a part (as all browsers do).
fn of_1252(bytes: &[u8], declared: Option<(String, std::ops::Range<usize>)>) -> String {
    /// What 0x80 to 0x9f are; what is none of them is itself.
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let gone = declared.map(|(_, range)| range).unwrap_or_default();
    let read = |(i, byte): (usize, &u8)| match *byte {
        _ if gone.contains(&i) => None,
        byte @ 0x80..=0x9f => Some(HIGH[usize::from(byte - 0x80)]),
        byte => Some(char::from(byte)),
    };
    bytes.iter().enumerate().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_apart() {
        for (bytes, language) in [
            (&b"{}"[..], Language::Json),
            (b"\n [1]", Language::Json),
            (b"\xef\xbb\xbf{}", Language::Json),
            (b"\xef\xbb\xbf<?xml version='1.0'?><a/>", Language::Xml),
            (b"<?xml version='1.0' encoding='UTF-8'?><a/>", Language::Xml),
            (b" <rss/>", Language::Xml),
        ] {
            let (text, found) = text(bytes, None).unwrap();
            assert_eq!((text.as_bytes(), found), (bytes, language));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let encoding = |named: &str| Fault::Encoding { named: named.to_owned() };
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (bytes, media_type, fault) in [
            (&b"\xff\xfe{\0}\0"[..], None, encoding("UTF-16")),
            (b"\xfe\xff\0{\0}", None, encoding("UTF-16")),
            (&utf16, None, encoding("UTF-16")),
            (b"\0{\0}", None, encoding("UTF-16")),
            (b"\0\0\0{", None, encoding("UTF-32")),
            (b"<?xml version='1.0' encoding='KOI8-R'?><a/>", None, encoding("koi8-r")),
            (b"<a/>", Some("text/xml; charset=\"Shift_JIS\""), encoding("shift_jis")),
            (b"{\"a\":\"\xe4\"}", None, Fault::NotUtf8 { offset: 6 }),
            (b"<a>\xe4</a>", None, Fault::NotUtf8 { offset: 3 }),
            (b"", None, Fault::Empty),
            (b" \n\xef\xbb\xbf", None, Fault::Unknown { found: String::new() }),
            (b"<!DOCTYPE HTML><p>", None, Fault::Unknown { found: "an HTML page".to_owned() }),
            (b"<html>", None, Fault::Unknown { found: "an HTML page".to_owned() }),
        ] {
            match (text(bytes, media_type).unwrap_err(), fault) {
                (Fault::Unknown { found }, Fault::Unknown { found: wanted })
                    if wanted.is_empty() =>
                {
                    assert!(found.starts_with("something"), "{found}");
                }
                (found, fault) => assert_eq!(found, fault),
            }
        }
        let words = text(b"Service unavailable, come again", None).unwrap_err().to_string();
        assert!(words.contains("begins with \"Service unavailable,\""), "{words}");
    }

    #[test]
    fn old_western_encodings_become_utf8_and_say_so_no_more() {
        for (bytes, media_type, wanted) in [
            (
                &b"<?xml version='1.0' encoding='ISO-8859-1' standalone='yes'?><a>\xe4\x80\x81</a>"
                    [..],
                None,
                "<?xml version='1.0' standalone='yes'?><a>ä€\u{81}</a>",
            ),
            (
                b"<?xml version=\"1.0\" encoding = \"Windows-1252\"?><a>\x93</a>",
                None,
                "<?xml version=\"1.0\"?><a>“</a>",
            ),
            (b"<a>\xfc</a>", Some("text/xml; Charset=iso-8859-1"), "<a>ü</a>"),
            (
                b"<?xml encoding='utf-8'?><a>\xfc</a>",
                Some("text/xml;charset=latin1"),
                "<?xml?><a>ü</a>",
            ),
        ] {
            let (text, language) = text(bytes, media_type).unwrap();
            assert_eq!((&*text, language), (wanted, Language::Xml));
        }
    }
}
