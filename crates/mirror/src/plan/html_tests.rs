//! The scanner of HTML, by tables and held against html5gum.

use super::html::{Holds, attributes, decoded, holds};
use super::spelling::Layer;
use super::within::Within;
use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use proptest::prelude::*;

/// What each attribute with pictures says.
fn ours(html: &str) -> Vec<(Holds, String)> {
    let text = Within::literal(html, 0, Layer::CData);
    let said = |attribute: super::html::Attribute| {
        let raw = decoded(&html[attribute.value.clone()]);
        let value = text.nested(attribute.value, raw, Layer::HtmlQuoted);
        (attribute.holds, value.text().to_owned())
    };
    attributes(html).into_iter().map(said).collect()
}

#[test]
fn pictures_are_found_where_browsers_see_tags() {
    for (html, wanted) in [
        ("", &[][..]),
        ("<img src=a>", &["a"]),
        ("<IMG SRC='a' alt=\">\">b", &["a"]),
        ("<img/src=a/b />", &["a/b"]),
        ("<img src=a/>", &["a/"]),
        ("<img src = \"a\"srcset=b>", &["a", "b"]),
        ("<img src=a src=b>", &["a"]),
        ("<img src>", &[]),
        ("<img src=>", &[]),
        ("<img src=\"\">", &[]),
        ("<img ==a src=b>", &["b"]),
        ("<img src=\"a", &[]),
        ("<img src=a", &[]),
        ("<img data-src=a data-srcset=\"b 2x\" data-x=c>", &["a", "b 2x"]),
        ("<picture><source srcset=a media=x><img src=b></picture>", &["a", "b"]),
        ("<video poster=a><source src=b.mp4></video>", &["a"]),
        ("<audio src=a></audio><a href=b.jpg>", &[]),
        ("<!-- <img src=a> --><img src=b>", &["b"]),
        ("<!--><img src=a>", &["a"]),
        ("<!---><img src=a>", &["a"]),
        ("<!-- x --!><img src=a>", &["a"]),
        ("<!-- x -- ><img src=a>", &[]),
        ("<!doctype x><img src=a>", &["a"]),
        ("<?php <img src=a>", &[]),
        ("<! <img src=a> <img src=b>", &["b"]),
        ("</ <img src=a><img src=b>", &["b"]),
        ("</><img src=a>", &["a"]),
        ("</p <img src=a><img src=b>", &["b"]),
        ("< img src=a>", &[]),
        ("1 < 2 <img src=a>", &["a"]),
        ("<script>'<img src=a>'</script><img src=b>", &["b"]),
        ("<script>'<img src=a>'</scripts><img src=b>", &[]),
        ("<SCRIPT><!--<script></script><img src=a>--></script><img src=b>", &["b"]),
        ("<script><!--<script>--></script><img src=b>", &["b"]),
        ("<style><img src=a></style x=y><img src=b>", &["b"]),
        ("<textarea><img src=a></TEXTAREA\n><img src=b>", &["b"]),
        ("<title><img src=a></title><iframe><img src=b></iframe><xmp><img src=c></xmp>", &[]),
        ("<noscript><img src=a></noscript>", &["a"]),
        ("<plaintext><img src=a></plaintext><img src=b>", &[]),
        ("<img src='a?b&amp;c&#38;d&#x26;e&lt;'>", &["a?b&c&d&e<"]),
        ("<img src='a?b&c&copy=1&amp=2&ampx&amp'>", &["a?b&c&copy=1&amp=2&ampx&"]),
        ("<img src='&sol;a&#46jpg&#0;&#x110000;'>", &["/a.jpg\u{fffd}\u{fffd}"]),
        ("<img src='ä&amp;ö'>", &["ä&ö"]),
    ] {
        let found: Vec<String> = ours(html).into_iter().map(|(_, said)| said).collect();
        assert_eq!(found, wanted, "{html}");
    }
}

/// What html5gum finds, with the same choice of attributes.
fn theirs(html: &str) -> Vec<(Holds, String)> {
    let mut found = Vec::new();
    // As a browser's parser would: elements whose content is text.
    let mut emitter: DefaultEmitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(Token::StartTag(tag)) = token else { continue };
        let name = String::from_utf8_lossy(&tag.name).into_owned();
        for (attribute, value) in &tag.attributes {
            let value = String::from_utf8_lossy(value).into_owned();
            let kind = holds(&name, &String::from_utf8_lossy(attribute));
            found.extend(kind.filter(|_| !value.is_empty()).map(|kind| (kind, value)));
        }
    }
    found
}

fn sorted(mut found: Vec<(Holds, String)>) -> Vec<(String, bool)> {
    // html5gum gives attributes by their names.
    found.sort_by(|a, b| a.1.cmp(&b.1));
    found.into_iter().map(|(holds, said)| (said, holds == Holds::Url)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_sees_what_html5gum_sees(parts in proptest::collection::vec(prop_oneof![
        Just("<img "), Just("<img src="), Just("src="), Just("'"), Just("\""), Just(">"), Just("<"), Just("/"),
        Just(" "), Just("="), Just("a.jpg"), Just("srcset"), Just("<!--"), Just("-->"), Just("--!>"), Just("-"),
        Just("!"), Just("<script>"), Just("</script>"), Just("<style>"), Just("</style>"), Just("</"), Just("<?"),
        Just("&amp;"), Just("&amp"), Just("&#x26;"), Just("&lt="), Just("<source srcset='b 2x'>"), Just("<!doctype"),
        Just("<textarea>"), Just("</textarea "), Just("<video poster=x>"), Just("\n"), Just("ä"), Just("<p>"),
    ], 0..24)) {
        let html = parts.concat();
        prop_assert_eq!(sorted(ours(&html)), sorted(theirs(&html)), "{}", html);
    }
}
