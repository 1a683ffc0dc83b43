//! Under which name a picture is saved (RFC 6266).

use imaging::plan::{Asked, Source};
use policy::path::percent_decode;
use policy::request::split_target;
use std::borrow::Cow;
use std::fmt::Write;

/// The longest name that is made of a source's, in characters.
const MAX_STEM: usize = 64;

/// The value of `Content-Disposition`, where there is a name or it is to be saved.
pub fn disposition(asked: &Asked, extension: &str) -> Option<String> {
    let kind = if asked.delivery.is_attachment { "attachment" } else { "inline" };
    let stem = || stem(&asked.source).map(Cow::Owned);
    let Some(name) = asked.delivery.name.as_deref().map(Cow::Borrowed).or_else(stem) else {
        return asked.delivery.is_attachment.then(|| kind.to_owned());
    };
    let plain = plain(&name);
    let mut value = format!("{kind}; filename=\"{plain}.{extension}\"");
    if plain != *name {
        // For those who read it, which is all browsers, as it was told.
        let _ = write!(value, "; filename*=UTF-8''{}.{extension}", coded(&name));
    }
    Some(value)
}

/// A name as a field says it in another way (RFC 8187), without what would lead elsewhere.
fn coded(name: &str) -> String {
    let mut coded = String::new();
    for c in name.chars().filter(|c| !c.is_control() && !"/\\".contains(*c)) {
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            let _ = match byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
                true => write!(coded, "{}", char::from(byte)),
                false => write!(coded, "%{byte:02X}"),
            };
        }
    }
    coded
}

/// The name of a source without its ending, decoded, where it is text.
fn stem(source: &Source) -> Option<String> {
    let name = split_target(source.as_str()).0.rsplit('/').next()?;
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let decoded = String::from_utf8(percent_decode(stem)).unwrap_or_else(|_| stem.to_owned());
    let stem: String = decoded.chars().take(MAX_STEM).collect();
    (!stem.is_empty()).then_some(stem)
}

/// A name as far as it can stand in a field.
fn plain(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.chars().map(|c| if fits(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use imaging::plan::{Delivery, Wanted};

    #[test]
    fn a_name_is_that_of_the_source_or_what_was_told() {
        for (source, name, is_attachment, value) in [
            (
                "/photos/a%20b.tar.jpg?v=1",
                None,
                false,
                Some("inline; filename=\"a-b.tar.webp\"; filename*=UTF-8''a%20b.tar.webp"),
            ),
            (
                "/%C3%BC%20%2F..%0d.jpg",
                None,
                false,
                Some("inline; filename=\"---..-.webp\"; filename*=UTF-8''%C3%BC%20...webp"),
            ),
            ("/", None, false, None),
            ("/", None, true, Some("attachment")),
            (
                "/a",
                Some("Über \"uns\""),
                true,
                Some(
                    "attachment; filename=\"-ber--uns-.webp\"; filename*=UTF-8''%C3%9Cber%20%22uns%22.webp",
                ),
            ),
            (
                "/a",
                Some("../x\r\ny"),
                false,
                Some("inline; filename=\"..-x--y.webp\"; filename*=UTF-8''..xy.webp"),
            ),
            ("/a", Some("cat"), false, Some("inline; filename=\"cat.webp\"")),
        ] {
            let source = Source::parse("source", source).expect(source);
            let delivery = Delivery { name: name.map(Into::into), is_attachment, buster: None };
            let asked = Asked { delivery, ..Asked::of(source, Wanted::Raw) };
            assert_eq!(disposition(&asked, "webp").as_deref(), value);
        }
    }

    #[test]
    fn names_of_files_are_those_of_sources() {
        for (source, name) in [
            ("/photos/a b.jpg?v=1", Some("a b")),
            ("/a.tar.gz", Some("a.tar")),
            ("/", None),
            ("/.jpg", None),
            ("/a%zz%2.jpg", Some("a%zz%2")),
            ("/%ff.jpg", Some("%ff")),
            ("/\u{e9}\"x.png", Some("\u{e9}\"x")),
        ] {
            let parsed = Source::parse("url", source).expect(source);
            assert_eq!(stem(&parsed).as_deref(), name, "{source}");
        }
    }
}
