//! Giving an entry.

use super::asked::Asked;
use super::outcome::{Answered, Outcome, Refused};
use super::sending::sending;
use super::{BORN, SOFT_TAGS, point};
use crate::admin::fields::fields;
use crate::admin::problem::Problem;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::response::Response;
use policy::admission::kept_tags;
use policy::entry::{Found, found};
use policy::fields::plain_members;
use policy::freshness::Life;
use policy::meta::Meta;
use policy::name::Name;
use policy::time::Timestamp;
use proxy::core::Shared;
use std::sync::Arc;
use store::Entry;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// Finds the entry that a request asks for.
///
/// # Errors
/// That there is none, or that the request makes no sense.
pub async fn find(shared: &Shared, uri: &Uri, headers: &HeaderMap) -> Answered {
    let asked = Asked::read(shared, uri)?;
    let soft_tags = soft_tags(headers)?;
    let now = shared.clock.now();
    let entry = shared.store.entry(&asked.key, asked.site).await;
    let life = entry.as_ref().and_then(|entry| match soft_tags.is_empty() {
        true => Some(entry.meta.life),
        false => shared.store.life_beside(&asked.key, &entry.meta, &soft_tags),
    });
    let (entry, life) = entry.zip(life).ok_or_else(missing)?;
    match found(&life, now) {
        Found::Fresh(ttl) => Ok((Outcome::Hit, given(&entry, &life, now, ttl))),
        Found::Stale(ttl) => Ok((Outcome::Stale, given(&entry, &life, now, ttl))),
        Found::Expired => Err(missing()),
    }
}

fn given(entry: &Arc<Entry>, life: &Life, now: Timestamp, ttl: i64) -> Response {
    let mut response = Response::new(sending(entry.clone()));
    let Meta { fields, tags, born, .. } = &entry.meta;
    let headers = response.headers_mut();
    let mut add = |name, value: &[u8]| {
        // What came in a field can go out in one.
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    };
    if let Some(kind) = fields.get(Name::ContentType) {
        add(header::CONTENT_TYPE, kind);
    }
    if !tags.is_empty() {
        add(CACHE_TAG, tags.join(", ").as_bytes());
    }
    add(header::AGE, life.age_seconds(now).to_string().as_bytes());
    add(CACHE_STATUS, format!("larder; hit; ttl={ttl}").as_bytes());
    headers.insert(BORN, point(*born));
    response
}

fn missing() -> Refused {
    let problem = Problem::new(
        404,
        "no-entry",
        "There is no such entry",
        "work it out, and keep it by PUT with this Larder-Head as its Larder-Born",
    );
    Refused { outcome: Outcome::Miss, problem }
}

/// The tags that count for this look-up, like those of an entry.
fn soft_tags(headers: &HeaderMap) -> Result<Box<[Box<str>]>, Problem> {
    let fields = fields(headers);
    let values = fields.all_named(SOFT_TAGS);
    let tags: Option<Vec<String>> =
        values.flat_map(plain_members).map(|tag| String::from_utf8(tag.to_vec()).ok()).collect();
    tags.and_then(|tags| kept_tags(tags.into_iter())).ok_or_else(|| {
        Problem::bad_request("write Larder-Soft-Tags like Cache-Tag, with no more tags")
    })
}
