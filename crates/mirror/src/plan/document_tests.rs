//! Documents of JSON, and what holds for all documents.

use super::{Document, Fault, Format, JsonPath, Recipe, Shape, Sort, read};
use proptest::prelude::*;

const BASE: &str = "https://a.example/api/news";

fn path(text: &str) -> JsonPath {
    JsonPath::parse(text).unwrap()
}

fn images(text: &str) -> Recipe {
    Recipe { images: vec![path(text)], ..Recipe::default() }
}

fn plan(text: &str, recipe: &Recipe) -> Document {
    let document = read(text.as_bytes(), Some("application/json"), BASE, recipe).unwrap();
    if recipe.shape.is_none() {
        assert_eq!(document.written(&|_| None), text.as_bytes());
    }
    document
}

/// Each picture lies where its URL ends.
fn local(url: &str) -> Option<String> {
    url.rsplit('/').next().map(|name| format!("/_m/{name}"))
}

fn written(document: &Document) -> String {
    String::from_utf8(document.written(&local)).unwrap()
}

#[test]
fn selected_strings_are_pictures_and_all_else_stays() {
    for (at, text, wanted) in [
        ("$.a", r#"{"a":"/1.jpg"}"#, r#"{"a":"/_m/1.jpg"}"#),
        (
            "$[*].a",
            "[ {\"a\" :\t\"1.jpg\" , \"n\":1e400, \"a\\u0062\": 1.10}\r\n]",
            "[ {\"a\" :\t\"/_m/1.jpg\" , \"n\":1e400, \"a\\u0062\": 1.10}\r\n]",
        ),
        ("$..a", r#"{"a":"/1","b":[{"a":"/2"}]}"#, r#"{"a":"/_m/1","b":[{"a":"/_m/2"}]}"#),
        ("$.a", r#"{"a":["/1",null,"/2",3,["/4"]]}"#, r#"{"a":["/_m/1",null,"/_m/2",3,["/4"]]}"#),
        ("$.a[1]", r#"{"a":["/1","/2"]}"#, r#"{"a":["/1","/_m/2"]}"#),
        ("$.a", r#"{"a":"https:\/\/b.example\/1.jpg"}"#, r#"{"a":"/_m/1.jpg"}"#),
        ("$.a", r#"{"a":"\u002f\u0031"}"#, r#"{"a":"/_m/1"}"#),
        ("$.a", r#"{"a":"/1","a":"/2"}"#, r#"{"a":"/1","a":"/_m/2"}"#),
        ("$.a", r#"{"a":" /1 "}"#, r#"{"a":" /_m/1 "}"#),
        ("$.a", "\u{feff}{\"a\":\"/1\"}", "\u{feff}{\"a\":\"/_m/1\"}"),
        ("$.a", r#"{"a":"data:image/png;base64,AA"}"#, r#"{"a":"data:image/png;base64,AA"}"#),
        ("$.a", r#"{"a":"","b":"/1"}"#, r#"{"a":"","b":"/1"}"#),
    ] {
        assert_eq!(written(&plan(text, &images(at))), wanted);
    }
}

#[test]
fn lists_and_html_in_strings_are_spliced() {
    let text = r#"{"s":"\/1.jpg 1x, \/2.jpg 2x","h":"<p title=\"\u00e4\">\n<img src=\"\/3.jpg?a&amp;b\" srcset='/4.jpg 2x'><\/p>"}"#;
    let recipe =
        Recipe { srcsets: vec![path("$.s")], html: vec![path("$.h")], ..Recipe::default() };
    let document = plan(text, &recipe);
    assert_eq!(document.pictures().len(), 4);
    assert_eq!(&*document.pictures()[2], "https://a.example/3.jpg?a&b");
    let wanted = r#"{"s":"/_m/1.jpg 1x, /_m/2.jpg 2x","h":"<p title=\"\u00e4\">\n<img src=\"/_m/3.jpg?a&amp;b\" srcset='/_m/4.jpg 2x'><\/p>"}"#;
    assert_eq!(written(&document), wanted);
}

#[test]
fn a_picture_that_is_not_here_keeps_its_url() {
    let document = plan(r#"{"a":["/1","/2#x","/2"]}"#, &images("$.a"));
    assert_eq!(document.pictures().len(), 2);
    let only = |url: &str| url.ends_with("/2").then(|| "https://me.example/x".to_owned());
    let text = String::from_utf8(document.written(&only)).unwrap();
    assert_eq!(text, r#"{"a":["/1","https://me.example/x","https://me.example/x"]}"#);
}

#[test]
fn originals_are_kept_beside_what_is_replaced() {
    for (at, text, wanted) in [
        ("$.a", r#"{"a":"\/1","b":2}"#, r#"{"a":"/_m/1","old \"one\"":"\/1","b":2}"#),
        ("$.a", r#"{"a":["/1", null]}"#, r#"{"a":["/_m/1", null],"old \"one\"":["/1", null]}"#),
        ("$.a[*]", r#"{"a":["/1","/2"]}"#, r#"{"a":["/_m/1","/_m/2"],"old \"one\"":["/1","/2"]}"#),
        ("$[*].a", r#"[{"a":"/1"},{"a":""}]"#, r#"[{"a":"/_m/1","old \"one\"":"/1"},{"a":""}]"#),
        ("$[*]", r#"["/1"]"#, r#"["/_m/1"]"#),
        ("$.a[0][0]", r#"{"a":[["/1"]]}"#, r#"{"a":[["/_m/1"]]}"#),
        ("$.a", r#"{"a":"/1","old \"one\"":5}"#, r#"{"a":"/_m/1","old \"one\"":5}"#),
        ("$.*", r#"{"a":"/1","b":"/2"}"#, r#"{"a":"/_m/1","old \"one\"":"/1","b":"/_m/2"}"#),
    ] {
        let recipe = Recipe { keep_original_as: Some("old \"one\"".into()), ..images(at) };
        assert_eq!(written(&plan(text, &recipe)), wanted, "{at} {text}");
    }
    let recipe = Recipe {
        html: vec![path("$.a")],
        keep_original_as: Some("old".into()),
        ..Recipe::default()
    };
    assert_eq!(written(&plan(r#"{"a":"<img src=/1>"}"#, &recipe)), r#"{"a":"<img src=/_m/1>"}"#);
    let recipe = Recipe {
        srcsets: vec![path("$.a")],
        keep_original_as: Some("old".into()),
        ..Recipe::default()
    };
    assert_eq!(written(&plan(r#"{"a":"/1 1x"}"#, &recipe)), r#"{"a":"/_m/1 1x","old":"/1 1x"}"#);
    // Only what was replaced is kept.
    let recipe = Recipe { keep_original_as: Some("old".into()), ..images("$.a") };
    let text = r#"{"a":["/1"]}"#;
    assert_eq!(plan(text, &recipe).written(&|_| None), text.as_bytes());
}

/// It takes a minute where each picture has all members looked at.
#[test]
fn what_is_kept_of_many_members_is_looked_for_once() {
    let recipe = Recipe { keep_original_as: Some("old".into()), ..images("$.data.*") };
    let members = |last: &str| {
        let members: Vec<String> =
            (0..99_000).map(|i| format!("\"k{i}\":\"/p/{}\"", i % 5)).collect();
        format!("{{\"data\":{{{}{last}}}}}", members.join(","))
    };
    let document = plan(&members(""), &recipe);
    assert!(document.notes()[0].contains("several pictures"), "{:?}", document.notes());
    assert_eq!(written(&document).matches("\"old\":").count(), 1);
    let document = plan(&members(",\"old\":1"), &recipe);
    assert!(document.notes()[0].contains("another name"), "{:?}", document.notes());
    assert_eq!(document.pictures().len(), 5);
}

#[test]
fn what_is_beyond_a_bound_of_pictures_is_refused_with_a_remedy() {
    let html = |text: String| {
        let recipe = Recipe { html: vec![path("$.h")], ..Recipe::default() };
        let document = format!("{{\"h\":\"{text}\"}}");
        read(document.as_bytes(), None, BASE, &recipe).map_err(|fault| fault.to_string())
    };
    assert_eq!(html("<img src=a>".repeat(100_000)).expect("it is read").pictures().len(), 1);
    let fault = html("<img src=a>".repeat(100_001)).expect_err("they are too many");
    assert!(fault.contains("100000 places") && fault.contains("fewer items"), "{fault}");
    assert!(html("\\n<p>".repeat(499_999)).is_ok());
    let fault = html("\\n<p>".repeat(500_001)).expect_err("they are too many");
    assert!(fault.contains("escapes") && fault.contains("a shorter one"), "{fault}");
    let nested =
        format!("{}\"{}\"{}", "{\"a\":[\"/1\",".repeat(40), "x".repeat(9000), "]}".repeat(40));
    let recipe = Recipe { keep_original_as: Some("old".into()), ..images("$..a") };
    let fault =
        read(nested.as_bytes(), None, BASE, &recipe).expect_err("it is too much").to_string();
    assert!(fault.contains("keep_original_as") && fault.contains("leave it out"), "{fault}");
}

#[test]
fn items_are_found_where_they_usually_are() {
    for (items, text, count) in [
        (None, "[1,2,3]", 3),
        (None, "[]", 0),
        (None, r#"{"meta":[1],"data":[1,2]}"#, 2),
        (None, r#"{"results":[1],"data":{"x":[]}}"#, 1),
        (None, r#"{"items":[1,2],"data":[1]}"#, 1),
        (None, r#"{"title":"x"}"#, 1),
        (Some("$.a.b"), r#"{"a":{"b":[1,2]}}"#, 2),
        (Some("$.a.b[*]"), r#"{"a":{"b":[1,2,3]}}"#, 3),
        (Some("$[?@.on]"), r#"[{"on":1},{"off":1},{"on":1}]"#, 2),
        (Some("$.x"), r#"{"data":[1]}"#, 0),
        (Some("$"), r#"{"data":{"a":1}}"#, 1),
        (Some("$.data"), r#"{"data":{"a":1}}"#, 1),
    ] {
        let recipe = Recipe { items: items.map(path), ..Recipe::default() };
        let document = plan(text, &recipe);
        assert_eq!((document.items(), document.published_items()), (count, count), "{text}");
        assert_eq!(!document.notes().is_empty(), count == 0 && items.is_some());
    }
    let nested = Recipe { items: Some(path("$..a")), ..Recipe::default() };
    let fault = read(br#"{"a":{"a":1}}"#, None, BASE, &nested).unwrap_err();
    assert!(matches!(fault, Fault::Shape { .. }));
    let few = Recipe { max_items: 2, ..Recipe::default() };
    let fault = read(b"[1,2,3]", None, BASE, &few).unwrap_err();
    assert_eq!(fault, Fault::TooMuch { limit: "max_items", most: 2 });
}

#[test]
fn what_has_no_list_is_one_item_unless_it_is_an_error_or_empty() {
    let feed = r#"{"version":"https://jsonfeed.org/version/1.1","items":null}"#;
    for (items, text, count, are_listed) in [
        (None, "[]", 0, true),
        (None, r#"{"data":[]}"#, 0, true),
        (None, r#"{"data":null,"items":[1]}"#, 1, true),
        (None, r#"{"title":"x","theme":{}}"#, 1, false),
        (None, r#"{"title":"x"}"#, 1, false),
        (None, r#"{"error":"quota","title":"x","theme":1}"#, 1, false),
        (None, "{}", 0, false),
        (None, r#"{"data":null}"#, 0, false),
        (None, r#"{"data":{"a":1}}"#, 0, false),
        (None, r#"{"articles":"none","page":1}"#, 0, false),
        (None, r#"{"error":"quota exceeded"}"#, 0, false),
        (None, r#"{"errors":[{"code":1}],"success":false}"#, 0, false),
        (None, r#"{"type":"about:blank","title":"Busy","status":503,"detail":"later"}"#, 0, false),
        (None, feed, 0, false),
        (Some("$"), r#"{"error":"quota"}"#, 1, false),
        (Some("$.data"), r#"{"data":{"a":1}}"#, 1, true),
        (Some("$.data[*]"), r#"{"data":[1]}"#, 1, true),
        (Some("$"), "[1]", 1, true),
    ] {
        let recipe = Recipe { items: items.map(path), ..Recipe::default() };
        let document = plan(text, &recipe);
        assert_eq!((document.items(), document.are_listed()), (count, are_listed), "{text}");
    }
}

#[test]
fn a_path_that_selects_nothing_is_told() {
    let recipe = Recipe {
        images: vec![path("$.data[*].image"), path("$.data[*].imgae"), path("$.data[*].id")],
        html: vec![path("$.body")],
        items: Some(path("$.news")),
        ..Recipe::default()
    };
    let document = plan(r#"{"data":[{"image":"/1","id":7}]}"#, &recipe);
    assert_eq!(
        document.notes(),
        [
            "html[0] `$.body` selects nothing",
            "images[1] `$.data[*].imgae` selects nothing",
            "images[2] `$.data[*].id` selects 1 values, and no string",
            "items `$.news` selects nothing",
        ]
    );
}

#[test]
fn items_are_shaped() {
    let text = r#"{"data": [
  {"id":1, "t":"b", "n":10, "image":"/1"},
  {"id":2, "t":"a", "image":"/2"},
  {"id":3, "t":"c", "n":9, "image":"/3"}
], "x":"/0"}"#;
    let one = |id: u8| match id {
        1 => r#"{"id":1, "t":"b", "n":10, "image":"/_m/1"}"#,
        2 => r#"{"id":2, "t":"a", "image":"/_m/2"}"#,
        _ => r#"{"id":3, "t":"c", "n":9, "image":"/_m/3"}"#,
    };
    for (sort, limit, wanted) in [
        (Some("n"), None, &[3, 1, 2][..]),
        (Some("-n"), None, &[1, 3, 2]),
        (Some("t"), Some(2), &[2, 1]),
        (Some("-t"), Some(9), &[3, 1, 2]),
        (Some("none"), None, &[1, 2, 3]),
        (None, Some(1), &[1]),
        (None, Some(0), &[]),
    ] {
        let sort = sort.map(|sort| Sort::parse(sort).unwrap());
        let shape = Shape { sort, limit, ..Shape::default() };
        let document = plan(text, &Recipe { shape, ..images("$..['image','x']") });
        let items: Vec<&str> = wanted.iter().map(|id| one(*id)).collect();
        let items = items.join(",\n  ");
        assert_eq!(written(&document), format!("{{\"data\": [\n  {items}\n], \"x\":\"/_m/0\"}}"));
        assert_eq!((document.items(), document.published_items()), (3, wanted.len()));
        let mut pictures: Vec<String> =
            wanted.iter().map(|id| format!("https://a.example/{id}")).collect();
        pictures.push("https://a.example/0".into());
        assert_eq!(
            document.pictures().iter().map(|url| url.to_string()).collect::<Vec<_>>(),
            pictures
        );
    }
}

#[test]
fn fields_are_picked_and_renamed() {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>()
    };
    let text = r#"[{"a" : 1.0, "b":{"x" :"/2"}, "image":"/1"}, 7]"#;
    for (pick, rename, wanted) in [
        (&["a"][..], &[][..], r#"[{"a" : 1.0}, 7]"#),
        (&["image", "a"], &[], r#"[{"a" : 1.0,"image":"/_m/1","old":"/1"}, 7]"#),
        (
            &[],
            &[("a", "c\""), ("image", "img")],
            r#"[{"c\"" : 1.0,"b":{"x" :"/2"},"img":"/_m/1","old":"/1"}, 7]"#,
        ),
        (&[], &[("a", "b")], r#"[{"b" : 1.0,"image":"/_m/1","old":"/1"}, 7]"#),
        (
            &[],
            &[("a", "b"), ("b", "a")],
            r#"[{"b" : 1.0,"a":{"x" :"/2"},"image":"/_m/1","old":"/1"}, 7]"#,
        ),
        (&["b"], &[("b", "c")], r#"[{"c":{"x" :"/2"}}, 7]"#),
    ] {
        let shape = Shape { pick: names(pick), rename: pairs(rename), ..Shape::default() };
        let recipe = Recipe { shape, keep_original_as: Some("old".into()), ..images("$[*].image") };
        let document = plan(text, &recipe);
        assert_eq!(written(&document), wanted);
        assert_eq!(document.pictures().len(), wanted.matches("_m").count());
    }
    let shape =
        Shape { pick: names(&["titel"]), sort: Sort::parse("-daet").ok(), ..Shape::default() };
    let document = plan(text, &Recipe { shape, ..Recipe::default() });
    assert_eq!(
        document.notes(),
        ["pick names \"titel\", which no item has", "sort names \"daet\", which no item has"]
    );
    let shape = Shape { limit: Some(1), ..Shape::default() };
    let recipe = Recipe { shape, items: Some(path("$.*")), ..Recipe::default() };
    let fault = read(br#"{"a":1,"b":2}"#, None, BASE, &recipe).unwrap_err().to_string();
    assert!(fault.starts_with("sort and limit need items that stand in one array"));
}

#[test]
fn orders_are_by_number_by_date_or_by_text() {
    for (values, wanted) in [
        (&["10", "9", "1e1", "-1"][..], "3102"),
        (&["\"10\"", "\"9\"", "\"é\""], "012"),
        (&["\"2026-01-02T00:00:00+02:00\"", "\"2026-01-01T23:00:00Z\"", "\"2026-01-01\""], "201"),
        (
            &[
                "\"Fri, 02 Jan 2026 00:00:00 GMT\"",
                "\"2026-01-01 12:00\"",
                "\"Thu, 1 Jan 2026 00:00:00 -0500\"",
            ],
            "210",
        ),
        (&["\"2026-01-02\"", "\"soon\"", "\"2026-01-01\""], "201"),
        (&["null", "2", "[]", "1"], "3102"),
        (&["true", "false"], "10"),
        (&["1", "\"0\""], "10"),
    ] {
        let items: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(i, value)| format!("{{\"m\":{{\"k\":{value}}},\"i\":\"#{i}\"}}"))
            .collect();
        let text = format!("[{}]", items.join(","));
        let shape = Shape { sort: Sort::parse("m.k").ok(), ..Shape::default() };
        let out = plan(&text, &Recipe { shape, ..Recipe::default() }).written(&|_| None);
        let out = String::from_utf8(out).unwrap();
        let order: String = out.split('#').skip(1).map(|rest| &rest[..1]).collect();
        assert_eq!(order, wanted, "{text}");
    }
}

#[test]
fn a_json_feed_is_known_by_its_version_or_type() {
    let text = r#"{"version":"https://jsonfeed.org/version/1.1","icon":"/i","favicon":"/f","authors":[{"avatar":"/a"}],
        "items":[{"id":"1","image":"/1","banner_image":"/2","url":"/no","authors":[{"avatar":"/3"}],
        "content_html":"<img src='/4'>","content_text":"<img src='/no'>",
        "attachments":[{"mime_type":"image/png","url":"/5"},{"mime_type":"audio/mpeg","url":"/no.jpg"},{"url":"/6.jpg"}]}]}"#;
    let document =
        plan(text, &Recipe { keep_original_as: Some("old".into()), ..Recipe::default() });
    assert_eq!(
        (document.format(), document.media_type()),
        (Format::JsonFeed, "application/feed+json")
    );
    let names: Vec<&str> =
        document.pictures().iter().filter_map(|url| url.rsplit('/').next()).collect();
    assert_eq!(names, ["i", "f", "a", "1", "2", "3", "4", "5", "6.jpg"]);
    assert_eq!(document.items(), 1);
    assert!(
        written(&document)
            .contains(r#""image":"/_m/1","old":"/1","banner_image":"/_m/2","url":"/no""#)
    );
    let typed = read(
        br#"{"items":[]}"#,
        Some("Application/Feed+JSON; charset=utf-8"),
        BASE,
        &Recipe::default(),
    );
    assert_eq!(typed.unwrap().format(), Format::JsonFeed);
    let plain = plan(text, &Recipe { format: Some(Format::Json), ..Recipe::default() });
    assert_eq!((plain.format(), plain.pictures().len()), (Format::Json, 0));
    let wanted = Recipe { format: Some(Format::JsonFeed), ..Recipe::default() };
    let fault = read(b"[]", None, BASE, &wanted).unwrap_err();
    assert_eq!(fault, Fault::OtherFormat { wanted: Format::JsonFeed, found: Format::Json });
}

#[test]
fn pictures_beyond_the_limit_keep_their_url() {
    let recipe =
        Recipe { max_pictures: 1, keep_original_as: Some("old".into()), ..images("$[*].a") };
    let document = plan(r#"[{"a":"/1"},{"a":"/2"},{"a":"/1"}]"#, &recipe);
    assert_eq!((document.pictures().len(), document.pictures_beyond()), (1, 1));
    assert_eq!(
        written(&document),
        r#"[{"a":"/_m/1","old":"/1"},{"a":"/2"},{"a":"/_m/1","old":"/1"}]"#
    );
}

#[test]
fn urls_that_are_long_against_their_base_have_a_bound_together() {
    let base = format!("https://a.example/{}", "b".repeat(7_000));
    let items: Vec<String> = (0..3_000).map(|item| format!("{{\"a\":\"?{item}\"}}")).collect();
    let text = format!("[{}]", items.join(","));
    let document = read(text.as_bytes(), None, &base, &images("$[*].a")).unwrap();
    let (kept, beyond) = (document.pictures().len(), document.pictures_beyond());
    assert_eq!(kept + beyond, 3_000);
    let bytes: usize = document.pictures().iter().map(|url| url.len()).sum();
    assert!((7 << 20..=8 << 20).contains(&bytes), "{bytes} bytes of {kept}");
    assert!(document.notes()[0].contains("more than 8 MiB"), "{:?}", document.notes());
}

/// Documents with an odd URL in each place where one may be.
fn documents() -> impl Strategy<Value = String> {
    let url = "[a-z/:.,&;#?%' \\\\äu0-9-]{0,12}";
    let json = (url, url, url).prop_map(|(a, b, c)| {
        let html = format!("<img src=\"{a}\" srcset='{b} 1x, {c} 2x'><img src={c}>");
        serde_json::json!([{"image": a, "s": b, "h": html}, {"image": [b, c]}]).to_string()
    });
    let xml = (url, url).prop_map(|(a, b)| {
        let [a, b] = [a, b].map(|text| text.replace('&', "&amp;"));
        format!(
            "<rss><channel><item><enclosure type='image/x' url=\"{a}\"/><image>{b}</image>\
             <description><![CDATA[<img src=\"{a}\" srcset=\"{b} 2x\">]]></description></item></channel></rss>"
        )
    });
    prop_oneof![json, xml]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_replaced_is_gone_and_what_is_not_stays(text in documents()) {
        let recipe = Recipe {
            images: vec![path("$[*].image")],
            srcsets: vec![path("$[*].s")],
            html: vec![path("$[*].h")],
            ..Recipe::default()
        };
        let document = read(text.as_bytes(), None, BASE, &recipe).unwrap();
        prop_assert_eq!(document.written(&|_| None), text.as_bytes());
        let place = |url: &str| Some(format!("https://local.example/&\"'<,/{}", url.len()));
        let out = document.written(&place);
        prop_assert_eq!(&document.written(&place), &out);
        // What was written is read again, with as many pictures or fewer, all of them here.
        let again = read(&out, None, BASE, &recipe).unwrap();
        prop_assert_eq!(again.items(), document.items());
        for url in again.pictures() {
            prop_assert!(url.starts_with("https://local.example/&"), "{} in {}", url, String::from_utf8_lossy(&out));
        }
        prop_assert!(!document.pictures().iter().any(|url| again.pictures().contains(url)));
        prop_assert_eq!(again.pictures().is_empty(), document.pictures().is_empty());
    }
}
