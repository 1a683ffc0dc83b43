//! Random header lines of requests.

use crate::text::Lines;
use proptest::prelude::*;
use proptest::sample::select;

/// No line, or one of that name with one of these values.
fn line(
    chance: f64,
    name: &'static str,
    values: &'static [&'static str],
) -> impl Strategy<Value = Lines> {
    prop::option::weighted(chance, select(values))
        .prop_map(move |value| value.map(|v| (name.to_owned(), v.to_owned())).into_iter().collect())
}

const DATES: [&str; 4] = [
    "Sun, 09 Sep 2001 01:30:00 GMT",
    "Sun, 09 Sep 2001 01:46:40 GMT",
    "Sun Sep  9 01:46:41 2001",
    "junk",
];

const TAGS: [&str; 10] = [
    "\"a\"",
    "W/\"a\"",
    "\"b\"",
    "\"b\", \"a\"",
    "*",
    "odd",
    "\"x,y\"",
    "\"z\", \"x,y\"",
    "W/\"b\",W/\"a\"",
    "",
];

const WISHES: [&str; 24] = [
    "no-cache",
    "no-store",
    "max-age=0",
    "max-age=5",
    "max-age=1000",
    "max-age=x",
    "min-fresh=0",
    "min-fresh=1",
    "min-fresh=5",
    "min-fresh=x",
    "max-stale",
    "max-stale=3",
    "max-stale=x",
    "only-if-cached",
    "only-if-cached, max-stale",
    "max-age=1000, max-stale=20",
    "unheard-of",
    "no-cache=\"x\"",
    "max-age=5, max-age=0",
    "MAX-STALE=\"5\"",
    "max-stale=1, max-stale",
    "max-age",
    "",
    "min-fresh=2, max-stale=9",
];

const RANGES: [&str; 14] = [
    "bytes=0-4",
    "bytes=5-",
    "bytes=-3",
    "bytes=0-0,-1",
    "bytes=100-",
    "bytes=4-2",
    "bytes=-0",
    "lines=1-2",
    "bytes=0-9,0-9",
    "BYTES=1-1",
    "bytes=",
    "bytes=-99",
    "bytes=x-y",
    "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,0-0,0-0,0-0,0-0,0-0,0-0,0-0",
];

/// The header lines of a request.
pub fn lines() -> impl Strategy<Value = Lines> {
    let parts = vec![
        line(0.25, "cache-control", &WISHES).boxed(),
        line(0.02, "cache-control", &WISHES).boxed(),
        line(0.05, "pragma", &["no-cache", "No-Cache", "x"]).boxed(),
        line(0.2, "cookie", &["_ga=1", "a=1", "_ga=1; b=2", "sid=9", ""]).boxed(),
        line(0.1, "authorization", &["Basic x", "Basic y"]).boxed(),
        line(
            0.3,
            "accept-encoding",
            &["gzip", "gzip, br", "br,gzip", "deflate", "", "identity;q=0"],
        )
        .boxed(),
        line(0.2, "accept-language", &["de", "en"]).boxed(),
        line(0.3, "x-a", &["1", "2", "1, 2", "1,2", ""]).boxed(),
        line(0.05, "x-a", &["2", ""]).boxed(),
        line(0.1, "referer", &["http://r.test/1", "http://r.test/2"]).boxed(),
        line(0.15, "if-none-match", &TAGS).boxed(),
        line(0.1, "if-modified-since", &DATES).boxed(),
        line(0.2, "range", &RANGES).boxed(),
        line(0.3, "if-range", &["\"a\"", "W/\"a\"", DATES[0], DATES[1], DATES[1], DATES[1]])
            .boxed(),
        line(0.03, "if-match", &["\"a\""]).boxed(),
    ];
    parts.prop_map(|parts| parts.concat())
}
