//! `GET /v1/objects`: what is stored, page by page.

use super::Admin;
use super::listed::show;
use super::problem::Problem;
use super::query::Query;
use axum::Json;
use axum::extract::{RawQuery, State};
use policy::prefix::Prefix;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use store::Cursor;

/// How long a page is looked for; then it ends where it is.
const MAX_WALK: Duration = Duration::from_secs(2);
/// Responses of a page where nothing is said.
const USUAL_LIMIT: usize = 100;
/// Responses of a page at the most.
const MAX_LIMIT: usize = 1000;
/// The longest prefix, in bytes.
const MAX_PREFIX_BYTES: usize = 8 << 10;

/// A page of what is stored.
pub async fn objects(
    State(admin): State<Admin>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let query = Query::parse(query.as_deref(), &["prefix", "limit", "cursor"])?;
    let prefix = prefix(query.one("prefix")?)?;
    let limit = limit(query.one("limit")?)?;
    let from = query.one("cursor")?.map_or(Ok(Cursor::default()), read_cursor)?;
    let fingerprints = admin.fingerprints.clone();
    let walked = admin.walk(move |shared| {
        let until = Instant::now() + MAX_WALK;
        let page = shared.store.objects(&|key| prefix.covers(key), from, limit, until);
        let now = shared.clock.now();
        let shown =
            page.objects.iter().map(|listed| Value::Object(show(listed, now, &fingerprints)));
        let objects: Vec<Value> = shown.collect();
        json!({
            "objects": objects,
            "truncated": page.next.is_some(),
            "next_cursor": page.next.map(write_cursor),
        })
    });
    Ok(Json(walked.await?))
}

fn prefix(text: Option<&str>) -> Result<Prefix, Problem> {
    let text = text.unwrap_or_default();
    Some(text).filter(|text| text.len() <= MAX_PREFIX_BYTES).and_then(Prefix::parse).ok_or_else(
        || {
            let mend =
                "write prefix as example.com, example.com/news, /news or https://example.com/news";
            Problem::bad_request(mend)
        },
    )
}

fn limit(text: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(USUAL_LIMIT) };
    text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| {
        Problem::bad_request(format!("write limit as a number from 1 to {MAX_LIMIT}"))
    })
}

fn write_cursor(cursor: Cursor) -> String {
    format!("{:010x}{:016x}", cursor.place, cursor.identity)
}

fn read_cursor(text: &str) -> Result<Cursor, Problem> {
    let wrong = || Problem::bad_request("take cursor from next_cursor of the page before");
    let is_one = text.len() == 26 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let (place, identity) = text.split_at_checked(10).filter(|_| is_one).ok_or_else(wrong)?;
    let number = |digits: &str| u64::from_str_radix(digits, 16).map_err(|_| wrong());
    Ok(Cursor { place: number(place)?, identity: number(identity)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_were_written() {
        for cursor in [
            Cursor::default(),
            Cursor { place: (1 << 40) - 1, identity: u64::MAX },
            Cursor { place: 7, identity: 1 },
        ] {
            assert_eq!(read_cursor(&write_cursor(cursor)).expect("it is one"), cursor);
        }
        for text in ["", "0", "é0000000000000000000000000", "+000000000000000000000000", "zz"] {
            assert!(read_cursor(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_have_a_limit() {
        for (text, limit) in [
            (None, Some(100)),
            (Some("1"), Some(1)),
            (Some("1000"), Some(1000)),
            (Some("0"), None),
            (Some("1001"), None),
            (Some("-1"), None),
            (Some(""), None),
            (Some("99999999999999999999"), None),
        ] {
            assert_eq!(super::limit(text).ok(), limit, "{text:?}");
        }
    }
}
