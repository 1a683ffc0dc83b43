//! Under which name a picture is saved (RFC 6266).

use imaging::plan::{Asked, Source};
use policy::request::split_target;
use std::fmt::Write;

/// The longest name that is made of a source's, in characters.
const MAX_STEM: usize = 64;

/// The value of `Content-Disposition`, where there is a name or it is to be saved.
pub fn disposition(asked: &Asked, extension: &str) -> Option<String> {
    let kind = if asked.delivery.is_attachment { "attachment" } else { "inline" };
    let Some(told) = &asked.delivery.name else {
        return match stem(&asked.source) {
            Some(stem) => Some(format!("{kind}; filename=\"{stem}.{extension}\"")),
            None => asked.delivery.is_attachment.then(|| kind.to_owned()),
        };
    };
    let plain = plain(told);
    let mut value = format!("{kind}; filename=\"{plain}.{extension}\"");
    if plain != **told {
        // For those who read it, which is all browsers, as it was told.
        let coded: String = told.chars().filter(|c| !c.is_control() && !"/\\".contains(*c)).fold(
            String::new(),
            |mut coded, c| {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = match byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
                        true => write!(coded, "{}", char::from(byte)),
                        false => write!(coded, "%{byte:02X}"),
                    };
                }
                coded
            },
        );
        let _ = write!(value, "; filename*=UTF-8''{coded}.{extension}");
    }
    Some(value)
}

/// The name of a source without its ending, as far as it can stand in a field.
fn stem(source: &Source) -> Option<String> {
    let name = split_target(source.as_str()).0.rsplit('/').next()?;
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let stem: String = plain(stem).chars().take(MAX_STEM).collect();
    (!stem.is_empty()).then_some(stem)
}

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
            ("/photos/a%20b.tar.jpg?v=1", None, false, Some("inline; filename=\"a-20b.tar.webp\"")),
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
            ("/photos/a b.jpg?v=1", Some("a-20b")),
            ("/a.tar.gz", Some("a.tar")),
            ("/", None),
            ("/.jpg", None),
            ("/\u{e9}\"x.png", Some("-C3-A9-22x")),
        ] {
            let parsed = Source::parse("url", source).expect(source);
            assert_eq!(stem(&parsed).as_deref(), name, "{source}");
        }
    }
}
