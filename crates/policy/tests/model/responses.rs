//! Random header lines of responses.

use crate::generate::mostly;
use crate::script::Value;
use proptest::prelude::*;
use proptest::sample::select;

const COMMON: [&str; 20] = [
    "max-age=60",
    "max-age=10",
    "max-age=0",
    "s-maxage=30",
    "s-maxage=0",
    "public",
    "no-cache",
    "must-revalidate",
    "stale-while-revalidate=20",
    "stale-if-error=30",
    "max-age=5",
    "max-age=60",
    "s-maxage=10",
    "public",
    "stale-while-revalidate=5",
    "stale-if-error=5",
    "max-age=60",
    "max-age=60",
    "max-age=60",
    "stale-while-revalidate=0",
];

const ODD: [&str; 38] = [
    "private",
    "no-store",
    "proxy-revalidate",
    "must-understand",
    "must-understand, no-store",
    "immutable",
    "unheard-of",
    "unheard-of=\"a, no-store\"",
    "no-cache=\"x-b\"",
    "private=\"set-cookie, X-C\"",
    "no-cache=x-b",
    "private=\"\"",
    "no-cache=\"vary\"",
    "private=\"etag\"",
    "private=\"Cache-Control\"",
    "no-cache=\"date\"",
    "max-age=x",
    "max-age=-1",
    "max-age=\"20\"",
    "max-age",
    "max-age =20",
    "max-age= 20",
    "max-age=1.5",
    "MAX-AGE=20",
    "max-age=99999999999",
    "s-maxage",
    "s-maxage=x",
    "stale-while-revalidate",
    "stale-if-error=x",
    "stale-if-error=\"7\"",
    "Public",
    "private=x-b, public",
    ",",
    "x=\"unclosed, max-age=1",
    "max-age=\"2\\0\"",
    "no-cache=\"expires\"",
    "MUST-REVALIDATE",
    "no-store=\"x\"",
];

fn directive() -> impl Strategy<Value = String> {
    mostly((4, select(&COMMON[..])), (1, select(&ODD[..]))).prop_map(str::to_owned)
}

const TARGETED: [&str; 34] = [
    "max-age=20",
    "max-age=20, must-revalidate",
    "no-store",
    "max-age=0",
    "no-cache",
    "max-age=15, stale-while-revalidate=8",
    "max-age=15, stale-if-error=8",
    "public",
    "max-age=\"20\"",
    "max-age",
    "max-age=2.5",
    "MAX-AGE=20",
    "",
    "max-age=20,",
    "(a b)",
    "unheard-of=(1 2), max-age=20",
    "max-age=(1)",
    "no-store=?0, max-age=9",
    "no-store=?1",
    "no-store=1",
    "private=\"x-b\", max-age=20",
    "private=tok",
    "max-age=-5",
    "max-age=20;x=1",
    "max-age=1, max-age=20",
    "s-maxage=25, private=?0",
    "max-age=20 public",
    "x;y=\"a,b\", max-age=4",
    "unheard-of",
    "max-age=9999999999999999",
    "no-cache=\"\"",
    "s-maxage=12, public",
    "must-understand, max-age=9",
    "@, max-age=1",
];

fn targeted() -> impl Strategy<Value = String> {
    select(&TARGETED[..]).prop_map(str::to_owned)
}

type Drafts = Vec<(String, Value)>;

/// No line, or one of that name.
fn draft(
    chance: f64,
    name: &'static str,
    value: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Drafts> {
    prop::option::weighted(chance, value)
        .prop_map(move |value| value.map(|v| (name.to_owned(), v)).into_iter().collect())
}

fn text(values: &'static [&'static str]) -> impl Strategy<Value = Value> {
    select(values).prop_map(|value| Value::Text(value.to_owned()))
}

fn cache_control() -> impl Strategy<Value = Value> {
    prop::collection::vec(directive(), 1..=3).prop_map(|list| Value::Text(list.join(", ")))
}

fn etag(confirms: bool) -> impl Strategy<Value = Value> {
    let sent = prop_oneof![
        6 => Just(Value::SentTag),
        1 => Just(Value::SentTagWeak),
        1 => Just(Value::SentTagStrong),
    ];
    let own = text(&["\"a\"", "\"a\"", "W/\"a\"", "\"b\"", "odd", "\"x,y\"", "W/\"b\""]);
    mostly((if confirms { 3 } else { 1 }, sent), (if confirms { 1 } else { 6 }, own))
}

fn modified(confirms: bool) -> impl Strategy<Value = Value> {
    let own = prop_oneof![
        select(&[-1000, -100_000, -1_000_000, 0, 0, 1][..]).prop_map(Value::Since),
        text(&["junk"]),
    ];
    mostly(
        (if confirms { 5 } else { 1 }, Just(Value::SentDate)),
        (if confirms { 1 } else { 6 }, own),
    )
}

/// The header lines of a response. `confirms`: of one that is a 304 where it may be.
pub fn lines(confirms: bool) -> impl Strategy<Value = Drafts> {
    let at = |values: &'static [i64]| select(values).prop_map(Value::At);
    let junk_or = |values: &'static [i64]| mostly((6, at(values)), (1, text(&["0", "junk", ""])));
    let seldom = if confirms { 0.3 } else { 1.0 };
    let parts = vec![
        draft(0.85 * seldom, "Cache-Control", cache_control()).boxed(),
        draft(0.1 * seldom, "cache-control", cache_control()).boxed(),
        draft(0.1, "CDN-Cache-Control", targeted().prop_map(Value::Text)).boxed(),
        draft(0.03, "CDN-Cache-Control", targeted().prop_map(Value::Text)).boxed(),
        draft(0.05, "Larder-Cache-Control", targeted().prop_map(Value::Text)).boxed(),
        draft(
            0.06,
            "Surrogate-Control",
            text(&[
                "max-age=25",
                "no-store",
                "content=\"ESI/1.0\"",
                "max-age=9, content=\"ESI/1.0\"",
                "",
            ]),
        )
        .boxed(),
        draft(0.2, "Expires", junk_or(&[0, 10, 40, -5, 100_000])).boxed(),
        draft(
            0.6,
            "Date",
            mostly((9, junk_or(&[0, 0, 0, 0, -1, -30, 30])), (1, Just(Value::Since(0)))),
        )
        .boxed(),
        draft(0.15, "Age", text(&["0", "5", "9", "59", "junk", "-3", "5, 70", "99999999999999"]))
            .boxed(),
        draft(0.02, "Age", text(&["3"])).boxed(),
        draft(0.3, "Cache-Tag", text(&["t", "u", "u, t"])).boxed(),
        draft(0.4, "Last-Modified", modified(confirms)).boxed(),
        draft(0.5, "ETag", etag(confirms)).boxed(),
        draft(
            0.25,
            "Vary",
            text(&[
                "X-A",
                "x-a, Accept-Encoding",
                "Accept-Encoding",
                "*",
                "Accept-Language",
                "X-A, *",
                "",
                "Cookie",
                "Referer",
                "Authorization",
                "X-Forwarded-For",
                "X-B",
            ]),
        )
        .boxed(),
        draft(0.05, "Vary", text(&["X-A", "X-B"])).boxed(),
        draft(0.05, "Set-Cookie", text(&["s=1", "t=2"])).boxed(),
        draft(0.1, "Content-Type", text(&["text/html", "text/css", "text/html; charset=utf-8"]))
            .boxed(),
        draft(0.2, "Content-Length", text(&["10", "10", "11", "0", "1000"])).boxed(),
        draft(0.05, "Content-Encoding", text(&["gzip", "br"])).boxed(),
        draft(0.2, "X-B", text(&["1", "2"])).boxed(),
        draft(0.1, "X-B", text(&["3"])).boxed(),
        draft(0.1, "X-C", text(&["1"])).boxed(),
        draft(0.1, "Location", locations()).boxed(),
        draft(0.05, "Content-Location", locations()).boxed(),
    ];
    parts.prop_map(|parts| parts.concat())
}

fn locations() -> impl Strategy<Value = Value> {
    text(&[
        "/p",
        "x",
        "../p",
        "?q=1",
        "http://a.test/p#f",
        "//A.TEST:81/d/x",
        "http://b.test/p",
        "https://a.test/p",
        "mailto:p",
        "./../p?q=1",
        "",
    ])
}
