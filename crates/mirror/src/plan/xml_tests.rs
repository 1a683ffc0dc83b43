//! Feeds in XML.

use super::{Document, Fault, Format, Recipe, Shape, Sort, read};

const BASE: &str = "https://a.example/feeds/news.xml";

fn plan(text: &str) -> Document {
    read(text.as_bytes(), None, BASE, &Recipe::default()).unwrap()
}

/// The pictures of the middle of an item of RSS, and how it is written when they lie at /0, /1 and so on.
fn item(middle: &str) -> (Vec<String>, String) {
    let (head, tail) = (
        "<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\" \
         xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" \
         xmlns:content=\"http://purl.org/rss/1.0/modules/content/\"><channel><item>",
        "</item></channel></rss>",
    );
    within(head, middle, tail)
}

fn entry(middle: &str) -> (Vec<String>, String) {
    within("<feed xmlns=\"http://www.w3.org/2005/Atom\"><entry>", middle, "</entry></feed>")
}

fn within(head: &str, middle: &str, tail: &str) -> (Vec<String>, String) {
    let text = format!("{head}{middle}{tail}");
    let document = plan(&text);
    assert_eq!(document.written(&|_| None), text.as_bytes());
    let pictures: Vec<String> = document.pictures().iter().map(|url| url.to_string()).collect();
    let place = |url: &str| pictures.iter().position(|p| p == url).map(|i| format!("/{i}?a&b"));
    let written = String::from_utf8(document.written(&place)).unwrap();
    let middle = written.strip_prefix(head).unwrap().strip_suffix(tail).unwrap();
    (pictures, middle.to_owned())
}

#[test]
fn pictures_of_rss_are_found_by_themselves() {
    for (middle, picture, written) in [
        (
            "<enclosure url='https://b.example/1.jpg?x&amp;y' length=\"5\" type='image/jpeg'/>",
            "https://b.example/1.jpg?x&y",
            "<enclosure url='/0?a&amp;b' length=\"5\" type='image/jpeg'/>",
        ),
        (
            "<enclosure url=\"1.PNG\"/>",
            "https://a.example/feeds/1.PNG",
            "<enclosure url=\"/0?a&amp;b\"/>",
        ),
        (
            "<media:group><media:content url='/1' medium='image'></media:content></media:group>",
            "https://a.example/1",
            "<media:group><media:content url='/0?a&amp;b' medium='image'></media:content></media:group>",
        ),
        (
            "<media:content\n url = '/1' type='image/webp' />",
            "https://a.example/1",
            "<media:content\n url = '/0?a&amp;b' type='image/webp' />",
        ),
        (
            "<media:content url='/1.gif'/>",
            "https://a.example/1.gif",
            "<media:content url='/0?a&amp;b'/>",
        ),
        (
            "<media:thumbnail url='/1'/>",
            "https://a.example/1",
            "<media:thumbnail url='/0?a&amp;b'/>",
        ),
        ("<itunes:image href='/1'/>", "https://a.example/1", "<itunes:image href='/0?a&amp;b'/>"),
        (
            "<image><url> /1 </url></image>",
            "https://a.example/1",
            "<image><url> /0?a&amp;b </url></image>",
        ),
        ("<image>/1</image>", "https://a.example/1", "<image>/0?a&amp;b</image>"),
        (
            "<image><url><![CDATA[/1]]></url></image>",
            "https://a.example/1",
            "<image><url><![CDATA[/0?a&b]]></url></image>",
        ),
        (
            "<description>\n<![CDATA[a < b <img src='/1?x&amp;y'> &nbsp;]]> </description>",
            "https://a.example/1?x&y",
            "<description>\n<![CDATA[a < b <img src='/0?a&amp;b'> &nbsp;]]> </description>",
        ),
        (
            "<description>AT&amp;amp;T &lt;img src=&quot;/1?x&amp;amp;y&quot;&gt; &nbsp;&#228;</description>",
            "https://a.example/1?x&y",
            "<description>AT&amp;amp;T &lt;img src=&quot;/0?a&amp;amp;b&quot;&gt; &nbsp;&#228;</description>",
        ),
        (
            "<content:encoded><![CDATA[<img src=/1 srcset='/1 1x,/1 2x'>]]></content:encoded>",
            "https://a.example/1",
            "<content:encoded><![CDATA[<img src=/0?a&amp;b srcset='/0?a&amp;b 1x,/0?a&amp;b 2x'>]]></content:encoded>",
        ),
        (
            "<a xml:base='https://c.example/d/'><enclosure url='1.jpg'/></a>",
            "https://c.example/d/1.jpg",
            "<a xml:base='https://c.example/d/'><enclosure url='/0?a&amp;b'/></a>",
        ),
    ] {
        assert_eq!(item(middle), (vec![picture.to_owned()], written.to_owned()));
    }
}

#[test]
fn what_is_no_picture_stays() {
    for middle in [
        "<enclosure url='/1.mp3' type='audio/mpeg'/>",
        "<enclosure url='/1.mp3'/>",
        "<enclosure type='image/png'/>",
        "<media:content url='/1.jpg' medium='video'/>",
        "<media:content url='/1' type='video/mp4'/>",
        "<link>/1.jpg</link><guid>/1.jpg</guid><url>/1.jpg</url>",
        "<!-- <enclosure url='/1.jpg'/> -->",
        "<image></image><image/>",
        "<x:enclosure xmlns:x='urn:x' url='/1.jpg'/>",
        "<description>&lt;!-- &lt;img src=/1&gt; --&gt;</description>",
        "<description>part &lt;img <![CDATA[src=/1]]>&gt;</description>",
        "<enclosure url='https://me:secret@b.example/1.jpg'/>",
        "<enclosure url='data:image/png;base64,AA' type='image/png'/>",
    ] {
        assert_eq!(item(middle), (vec![], middle.to_owned()));
    }
}

#[test]
fn pictures_of_atom_are_found_by_themselves() {
    for (middle, written) in [
        (
            "<link rel='enclosure' type='image/png' href='/1'/>",
            "<link rel='enclosure' type='image/png' href='/0?a&amp;b'/>",
        ),
        ("<logo>/1</logo>", "<logo>/0?a&amp;b</logo>"),
        ("<icon>/1</icon>", "<icon>/0?a&amp;b</icon>"),
        (
            "<summary type='html'>&lt;img src=/1></summary>",
            "<summary type='html'>&lt;img src=/0?a&amp;amp;b></summary>",
        ),
        ("<content type='image/png' src='/1'/>", "<content type='image/png' src='/0?a&amp;b'/>"),
        (
            "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><img src='/1' srcset='/1 2x'/></div></content>",
            "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><img src='/0?a&amp;b' srcset='/0?a&amp;b 2x'/></div></content>",
        ),
    ] {
        assert_eq!(entry(middle), (vec!["https://a.example/1".to_owned()], written.to_owned()));
    }
    for stays in [
        "<link rel='alternate' href='/1.jpg'/>",
        "<link href='/1.jpg' type='image/png'/>",
        "<link rel='enclosure' type='audio/mpeg' href='/1'/>",
        "<summary>&lt;img src=/1></summary>",
        "<content src='/1.jpg'/>",
        "<img src='/1'/>",
    ] {
        assert_eq!(entry(stays), (vec![], stays.to_owned()));
    }
}

#[test]
fn formats_are_told_apart() {
    for (text, format, media_type, items) in [
        (
            "<rss><channel><item/><item></item></channel></rss>",
            Format::Rss,
            "application/rss+xml; charset=utf-8",
            2,
        ),
        (
            "<?xml version='1.0'?>\n<!-- a --><r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#' \
             xmlns='http://purl.org/rss/1.0/'><channel/><item/></r:RDF>\n",
            Format::Rss,
            "application/rss+xml; charset=utf-8",
            1,
        ),
        (
            "\u{feff}<a:feed xmlns:a='http://www.w3.org/2005/Atom'><a:entry/><entry/></a:feed>",
            Format::Atom,
            "application/atom+xml; charset=utf-8",
            1,
        ),
        (
            "<!DOCTYPE rss PUBLIC '-//N//D' 'http://a/b.dtd'><rss/>",
            Format::Rss,
            "application/rss+xml; charset=utf-8",
            0,
        ),
    ] {
        let document = plan(text);
        assert_eq!((document.format(), document.media_type()), (format, media_type));
        assert_eq!((document.items(), document.published_items()), (items, items), "{text}");
        assert_eq!(document.written(&|_| None), text.as_bytes());
    }
}

#[test]
fn a_malformed_feed_is_refused_with_its_place() {
    for (text, line, column) in [
        ("<rss><channel>", 1, 15),
        ("<rss>\n<a></b></rss>", 2, 4),
        ("<rss></rss></rss>", 1, 12),
        ("<rss></rss><rss/>", 1, 12),
        ("<rss a=1/>", 1, 1),
        ("<rss a='1' a='2'/>", 1, 1),
        ("<rss><![CDATA[", 1, 6),
        ("<!DOCTYPE r [<!ENTITY a 'b'>]><rss>&a;</rss>", 1, 1),
        ("<?xml version='1.0'?>", 1, 22),
    ] {
        let fault = read(text.as_bytes(), None, BASE, &Recipe::default()).unwrap_err();
        match fault {
            Fault::Malformed { language: "XML", line: l, column: c, what } => {
                assert_eq!((l, c), (line, column), "{text}: {what}");
            }
            other => panic!("{text}: {other}"),
        }
    }
    for (text, root) in
        [("<opml/>", "opml"), ("<feed/>", "feed"), ("<x:rss xmlns:x='urn:x'/>", "rss")]
    {
        let found = format!("XML whose root is <{root}>");
        assert_eq!(
            read(text.as_bytes(), None, BASE, &Recipe::default()).unwrap_err(),
            Fault::Unknown { found }
        );
    }
}

#[test]
fn limits_hold_for_xml() {
    let recipe = |max_depth, max_values, max_items| Recipe {
        max_depth,
        max_values,
        max_items,
        ..Recipe::default()
    };
    let text = "<rss><channel><item/><item/></channel></rss>";
    for (recipe, limit) in [
        (recipe(1, 9, 9), "max_depth"),
        (recipe(9, 3, 9), "max_values"),
        (recipe(9, 9, 1), "max_items"),
    ] {
        let fault = read(text.as_bytes(), None, BASE, &recipe).unwrap_err();
        assert!(
            matches!(&fault, Fault::TooMuch { limit: found, .. } if *found == limit),
            "{fault}"
        );
    }
    assert!(read(text.as_bytes(), None, BASE, &recipe(2, 4, 2)).is_ok());
}

#[test]
fn items_are_sorted_by_date_and_limited() {
    let one = |date: &str, picture: &str| {
        format!("<item><pubDate>{date}</pubDate><enclosure url='/{picture}.jpg'/></item>")
    };
    let [a, b, c] = [
        one("Sat, 21 Nov 2026 10:00:00 +0100", "a"),
        one("Sat, 21 Nov 2026 10:00:00 GMT", "b"),
        "<item><enclosure url='/c.jpg'/></item>".to_owned(),
    ];
    let text = format!("<rss><channel>\n {c}\n {a}\n {b}\n</channel></rss>");
    let shaped = |sort: Option<&str>, limit| {
        let sort = sort.map(|sort| Sort::parse(sort).unwrap());
        let shape = Shape { sort, limit, ..Shape::default() };
        let recipe = Recipe { shape, ..Recipe::default() };
        let document = read(text.as_bytes(), None, BASE, &recipe).unwrap();
        assert_eq!(document.items(), 3);
        let names = document.pictures().iter().map(|url| url.chars().rev().nth(4).unwrap());
        (String::from_utf8(document.written(&|_| None)).unwrap(), names.collect::<String>())
    };
    let whole = |items: &[&String]| {
        let items: String = items.iter().map(|item| format!("\n {item}")).collect();
        format!("<rss><channel>{items}\n</channel></rss>")
    };
    for (sort, limit, wanted, names) in [
        (Some("-pubDate"), None, whole(&[&b, &a, &c]), "bac"),
        (Some("pubDate"), Some(2), whole(&[&a, &b]), "ab"),
        (None, Some(1), whole(&[&c]), "c"),
        (Some("unknown"), None, whole(&[&c, &a, &b]), "cab"),
    ] {
        assert_eq!(shaped(sort, limit), (wanted, names.to_owned()), "{sort:?} {limit:?}");
    }
}

#[test]
fn what_does_nothing_for_xml_is_told_and_what_cannot_be_is_refused() {
    let recipe = Recipe { keep_original_as: Some("old".into()), ..Recipe::default() };
    let document = read(b"<rss/>", None, BASE, &recipe).unwrap();
    assert_eq!(document.notes(), ["keep_original_as is for JSON and does nothing for rss"]);
    let shape = Shape { pick: vec!["title".into()], ..Shape::default() };
    let fault = read(b"<rss/>", None, BASE, &Recipe { shape, ..Recipe::default() }).unwrap_err();
    assert!(fault.to_string().starts_with("pick is for JSON"));
    let recipe = Recipe { format: Some(Format::Atom), ..Recipe::default() };
    let fault = read(b"<rss/>", None, BASE, &recipe).unwrap_err();
    assert_eq!(fault, Fault::OtherFormat { wanted: Format::Atom, found: Format::Rss });
}

#[test]
fn a_feed_in_an_old_encoding_is_served_in_utf8() {
    let bytes =
        b"<?xml version='1.0' encoding='ISO-8859-1'?><rss><channel><item><title>\xe4</title>\
                  <enclosure url='/\xfc.jpg'/></item></channel></rss>";
    let document = read(bytes, Some("text/xml"), BASE, &Recipe::default()).unwrap();
    assert_eq!(&*document.pictures()[0], "https://a.example/%C3%BC.jpg");
    let written = String::from_utf8(document.written(&|_| Some("/x".into()))).unwrap();
    assert_eq!(
        written,
        "<?xml version='1.0'?><rss><channel><item><title>ä</title><enclosure url='/x'/></item></channel></rss>"
    );
}
