//! Keeping an entry: its body goes to the store as it comes, and is there when it is whole, or not at
//! all.

use super::BORN;
use super::asked::Asked;
use super::outcome::{Answered, Outcome, Refused};
use crate::admin::fields::fields;
use crate::admin::problem::Problem;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use hyper::body::Body as _;
use policy::entry::{Offer, offered};
use policy::meta::Meta;
use policy::purge::Born;
use policy::reason::WhySkip;
use proxy::core::Shared;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use store::Departure;
use tokio::time::timeout;

/// The longest wait for the next piece of a body; tests do not wait so long. How long all of it may
/// take is how long a connection may live.
const PIECE_TIMEOUT: Duration =
    if cfg!(feature = "turned-clock") { Duration::from_secs(1) } else { Duration::from_secs(10) };
/// Of a body that is not kept so many bytes are read before the answer: who is still sending may not
/// read it otherwise.
const MAX_DISCARDED_BYTES: usize = 1 << 20;

/// An entry that is to be kept.
struct Kept {
    asked: Asked,
    meta: Meta,
    departure: Departure,
}

/// Keeps the entry that a request brings.
///
/// # Errors
/// Why it is not kept.
pub async fn put(shared: &Shared, request: Request) -> Answered {
    let (head, mut body) = request.into_parts();
    let taken = match described(shared, &head.uri, &head.headers) {
        Ok(kept) => take(shared, kept, announced(&head.headers), &mut body).await,
        Err(refused) => Err(refused),
    };
    if let Err(refused) = taken {
        // Who waits to be told to go on sends nothing.
        if !head.headers.contains_key(header::EXPECT) {
            // It waits no longer than for a piece, whoever sends.
            let _ = timeout(PIECE_TIMEOUT, discard(&mut body)).await;
        }
        return Err(refused);
    }
    Ok((Outcome::Stored, StatusCode::NO_CONTENT.into_response()))
}

/// Reads all that is said of it.
fn described(shared: &Shared, uri: &axum::http::Uri, headers: &HeaderMap) -> Result<Kept, Refused> {
    let asked = Asked::read(shared, uri)?;
    let departure = shared.store.depart(asked.key.as_ref(), asked.site);
    let departure = match told_born(headers)? {
        Some(born) => departure.since(born).ok_or_else(|| {
            outdated("its Larder-Born is of another log, or ahead: purges since are not known")
        })?,
        None => departure,
    };
    let (fields, now) = (fields(headers), shared.clock.now());
    let offer = Offer { fields: &fields, site: asked.site, born: departure.born(), now };
    let meta = offered(&offer).map_err(|why| Problem::bad_request(why.to_string()))?;
    Ok(Kept { asked, meta, departure })
}

fn told_born(headers: &HeaderMap) -> Result<Option<Born>, Problem> {
    let mut all = headers.get_all(BORN).iter();
    let Some(told) = all.next() else { return Ok(None) };
    let born = told.to_str().ok().filter(|_| all.next().is_none());
    let born = born.and_then(|told| told.parse().ok());
    let mend = "send as Larder-Born the Larder-Head of an answer, once and as it was";
    born.map(Some).ok_or_else(|| Problem::bad_request(mend))
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Takes the body, and makes the entry visible.
async fn take(
    shared: &Shared,
    kept: Kept,
    announced: Option<u64>,
    body: &mut Body,
) -> Result<(), Refused> {
    let Kept { asked, meta, departure } = kept;
    let mut writer = shared.store.begin(&asked.key, announced).map_err(not_kept)?;
    while let Some(piece) = next(body).await? {
        writer.push(piece).await.map_err(not_kept)?;
    }
    match writer.finish_entry(&asked.key, meta, &departure).await.map_err(not_kept)? {
        true => Ok(()),
        false => Err(outdated(
            "a purge that covers it came since it began to be worked out, or what is kept began \
             later",
        )),
    }
}

/// The next piece of a body; nothing after the last.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        let frame = timeout(PIECE_TIMEOUT, frame).await.map_err(|_| {
            Problem::new(
                408,
                "too-slow",
                "The body did not come in time",
                "send it without a pause",
            )
        })?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Problem::bad_request("the body broke off")),
            Some(Ok(frame)) => {
                // Trailers say nothing here.
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

async fn discard(body: &mut Body) {
    let mut read = 0;
    while let Ok(Some(piece)) = next(body).await {
        read += piece.len();
        if read > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

fn outdated(detail: &'static str) -> Refused {
    let problem = Problem::new(409, "outdated", "It is not kept, since it may be old", detail);
    Refused { outcome: Outcome::Outdated, problem }
}

fn not_kept(why: WhySkip) -> Refused {
    match why {
        WhySkip::TooLarge => Refused {
            outcome: Outcome::TooLarge,
            problem: Problem::new(
                413,
                "too-large",
                "It is longer than what is kept",
                "keep it in parts, or raise storage.max_object, or where there is no disk storage.memory",
            ),
        },
        _ => Refused {
            outcome: Outcome::NotKept,
            problem: Problem::new(
                503,
                "not-kept",
                "There is no room for it now",
                "go on without; the next may be kept. See in_flight of GET /v1/status, and the log",
            )
            .with(header::RETRY_AFTER, HeaderValue::from_static("1")),
        },
    }
}
