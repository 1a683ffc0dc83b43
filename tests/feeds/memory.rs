//! Documents that are made to cost memory: what is read of them stays within what a small container has.

use crate::support::upstream::{NEWS, Upstream, edition, refresh};
use crate::support::{Larder, Origin, Reply};

/// The most memory that Larder may ever hold here, in bytes. A debug build takes 40 MiB before any such
/// document and up to 145 after all of them in a row; one alone once took 700.
const MOST_BYTES: u64 = 160 << 20;

/// The default of `max_size`, in bytes.
const MAX_SIZE_BYTES: usize = 4 << 20;

fn repeated(count: usize, part: impl Fn(usize) -> String, between: &str) -> String {
    (0..count).map(part).collect::<Vec<_>>().join(between)
}

fn data(items: usize, item: impl Fn(usize) -> String) -> String {
    format!("{{\"data\":[{}]}}", repeated(items, item, ","))
}

fn rss(within: &str) -> String {
    format!("<rss><channel>{within}</channel></rss>")
}

/// Two megabytes each, with as many values as may be, or more, or twice that.
fn documents() -> Vec<(&'static str, String)> {
    let deep = |inner: &str| format!("{}{inner}{}", "{\"image\":".repeat(97), "}".repeat(97));
    let described =
        |html: &str| rss(&format!("<item><description><![CDATA[{html}]]></description></item>"));
    let attachment = |i: usize| format!("{{\"mime_type\":\"image/png\",\"url\":\"/{i}\"}}");
    let attachments =
        |i: usize| format!("{{\"attachments\":[{}]}}", repeated(5, |k| attachment(i * 5 + k), ","));
    let long_base = "b".repeat(7000);
    let images = repeated(120_000, |i| format!("<img src=?{i}>"), "");
    let attributes = repeated(150_000, |i| format!("a{i}=\"\""), " ");
    let media = |inner: &str| format!("{}[{inner}]{}", "{\"media\":".repeat(90), "}".repeat(90));
    let json_html = |html: String| format!("{{\"data\":[{{\"html\":\"{html}\"}}]}}");
    let srcset = |list: String| json_html(format!("<img srcset='{list}'>"));
    vec![
        ("small objects", data(99_000, |_| "{\"a\":1}".to_owned())),
        ("empty arrays", data(199_000, |_| "[]".to_owned())),
        ("too many", data(1_000_000, |_| "0".to_owned())),
        ("nested", data(1_990, |_| deep("1"))),
        ("nested pictures", data(1_990, |_| deep("\"/a\""))),
        ("nested too deep", "[".repeat(2_000_000)),
        (
            "pictures",
            data(9_990, |i| {
                format!("{{\"image\":[{}]}}", repeated(18, |k| format!("\"/{i}-{k}\""), ","))
            }),
        ),
        ("one name again and again", format!("{{{}}}", vec!["\"data\":[1]"; 99_000].join(","))),
        ("a long string", format!("{{\"data\":[{{\"html\":\"{}\"}}]}}", "\\u0061".repeat(330_000))),
        ("html", data(9_000, |_| format!("{{\"html\":\"{}\"}}", "<img src=a>".repeat(20)))),
        (
            "a JSON Feed",
            format!(
                "{{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{}]}}",
                repeated(9_900, attachments, ",")
            ),
        ),
        ("elements", rss(&"<a/>".repeat(190_000))),
        ("attributes", rss(&format!("<item {attributes}/>"))),
        (
            "references",
            rss(&format!("<item><description>{}</description></item>", "&amp;".repeat(400_000))),
        ),
        ("pictures in html", described(&repeated(150_000, |i| format!("<img src=/{i}>"), ""))),
        (
            "a descent within a descent",
            format!("[{}]", media(&vec!["{\"url\":\"/p/1\"}"; 60_000].join(","))),
        ),
        (
            "escaped html",
            rss(&format!(
                "<item><description>{}</description></item>",
                "&lt;img src=a&gt;".repeat(240_000)
            )),
        ),
        ("as many pictures as may be", json_html("<img src=\\\"a\\\">".repeat(99_000))),
        ("more pictures than may be", json_html("<img src=\\\"a\\\">".repeat(270_000))),
        ("as many escapes as may be", json_html("\\na".repeat(499_000))),
        ("more escapes than may be", json_html("\\na".repeat(1_380_000))),
        ("candidates", srcset("a, ".repeat(1_380_000))),
        ("descriptors", srcset(format!("a {}", "b ".repeat(2_000_000)))),
        (
            "attributes in html",
            json_html(format!("<img {}>", repeated(500_000, |i| format!("a{i}"), " "))),
        ),
        (
            "pictures with long URLs",
            described(&images)
                .replace("<rss>", &format!("<rss xml:base=\"https://x.test/{long_base}\">")),
        ),
    ]
}

#[test]
fn no_document_costs_more_memory_than_a_small_container_has() {
    let app = Origin::answering(|_| Reply::ok("of the app"));
    let upstream = Upstream::of(&["a"]);
    let lines =
        "html = [\"$.data[*].html\"]\nmax_images = 3\nmax_shrink = 100\nmin_items = 0\nretries = 0";
    let toml = upstream.toml(lines).replace(
        "[\"$.data[*].image\"]",
        "[\"$.data[*].image\", \"$..image\", \"$..media..url\", \"$..*..*.none\"]",
    );
    let larder = Larder::configured(&toml, &app);
    edition(&larder, 1);
    let before = larder.peak_bytes() >> 20;
    for (what, mut document) in documents() {
        assert!(document.len() <= MAX_SIZE_BYTES, "{what}: {}", document.len());
        // What is held of its length comes on top of all else.
        document.push_str(&" ".repeat(MAX_SIZE_BYTES - document.len()));
        upstream.says().instead.insert(NEWS.to_owned(), (200, document.into_bytes()));
        let (status, told) = refresh(&larder);
        let is_told = status == 200
            || told["detail"].as_str().is_some_and(|it| {
                ["max_values", "max_items", "deep", "places", "escapes", "attributes"]
                    .iter()
                    .any(|word| it.contains(word))
            });
        assert!(is_told, "{what}: {status} {told}");
        let peak = larder.peak_bytes();
        assert!(peak < MOST_BYTES, "{what}: {} MiB, and {before} before all", peak >> 20);
    }
}
