//! `/v1/entries/{key}`: what an app keeps through Larder ([`policy::entry`]), so that all its
//! instances share it, it outlives them, and purges cover it like pages.
//!
//! Each answer has `Larder-Head`, the head of the purge log: what begins to be worked out when it has
//! come is born there.

mod asked;
mod delete;
mod find;
mod outcome;
mod put;
mod sending;

pub use outcome::Outcomes;

use super::Admin;
use super::access::Caller;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use outcome::{Answered, Op};
use policy::purge::Born;

/// The head of the purge log.
const HEAD: HeaderName = HeaderName::from_static("larder-head");
/// The head of the purge log when a value began to be worked out.
const BORN: HeaderName = HeaderName::from_static("larder-born");
/// Tags that count for one look-up.
const SOFT_TAGS: &str = "larder-soft-tags";

/// Gives an entry.
pub async fn get(State(admin): State<Admin>, uri: Uri, headers: HeaderMap) -> Response {
    let shared = admin.shared();
    // Before the look-up: what is purged from now on is not known to who gets the answer.
    let head = shared.store.head();
    let answered = find::find(&shared, &uri, &headers).await;
    told(&admin, Op::Get, answered, head)
}

/// Keeps an entry.
pub async fn put(State(admin): State<Admin>, request: Request) -> Response {
    let shared = admin.shared();
    let head = shared.store.head();
    let answered = put::put(&shared, request).await;
    told(&admin, Op::Put, answered, head)
}

/// Purges an entry.
pub async fn delete(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Response {
    let shared = admin.shared();
    let answered = delete::delete(&shared, caller, &uri).await;
    let head = shared.store.head();
    told(&admin, Op::Delete, answered, head)
}

fn told(admin: &Admin, op: Op, answered: Answered, head: Born) -> Response {
    let (outcome, mut response) = match answered {
        Ok((outcome, response)) => (outcome, response),
        Err(refused) => (refused.outcome, refused.problem.into_response()),
    };
    admin.counts.entries.count(op, outcome);
    response.headers_mut().insert(HEAD, point(head));
    response
}

fn point(born: Born) -> HeaderValue {
    let text = HeaderValue::try_from(born.to_string());
    text.unwrap_or_else(|_| HeaderValue::from_static(""))
}
