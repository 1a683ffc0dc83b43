//! One request through the whole path of requests, for an operator who wants to see what comes: what
//! an origin gives after a purge, and whether that is something else than before.
//!
//! It runs on a runtime of its own, as a core that is none: the caller lets this be done by one thread
//! at a time.

use crate::answer::{Answer, Content};
use crate::client::{Gone, Sink, send_body, write_head};
use crate::core::{Core, Shared};
use crate::error::Error;
use crate::hints::Hints;
use crate::serve::{Caller, serve, site_of};
use crate::upstream::RequestBody;
use crate::upstream::request::Client;
use bytes::Bytes;
use policy::fields::Fields;
use policy::meta::Meta;
use policy::name::Name;
use policy::request::Request;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::timeout;
use xxhash_rust::xxh3::Xxh3Default;

/// The longest that an answer may take, its body included.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of a body that are looked at; of a longer one only the validators tell.
const MAX_BODY_BYTES: u64 = 32 << 20;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The status.
    pub status: u16,
    /// The validators, as they came.
    pub etag: Option<Box<[u8]>>,
    /// Likewise.
    pub last_modified: Option<Box<[u8]>>,
    /// A hash of the body, where all of it was read.
    pub body: Option<u128>,
}

impl Seen {
    /// What is stored, as far as its status and validators tell.
    pub fn of(meta: &Meta) -> Seen {
        let field = |name| meta.fields.get(name).map(Box::from);
        let (etag, last_modified) = (field(Name::Etag), field(Name::LastModified));
        Seen { status: meta.status, etag, last_modified, body: None }
    }

    /// Whether it tells more than its status.
    pub fn tells_more(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some() || self.body.is_some()
    }

    /// Whether this is something else than what was seen before.
    pub fn differs_from(&self, before: &Seen) -> bool {
        let differ = |one: &Option<Box<[u8]>>, other: &Option<Box<[u8]>>| match (one, other) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        };
        self.status != before.status
            || differ(&self.etag, &before.etag)
            || differ(&self.last_modified, &before.last_modified)
            || matches!((self.body, before.body), (Some(one), Some(other)) if one != other)
    }
}

/// Sends a request down the path that those of clients take, and reads the answer to its end. Waits.
///
/// # Errors
/// Why there is no answer.
pub fn ask(shared: &Arc<Shared>, request: &Request, who: Who) -> Result<Seen, NotSeen> {
    let number = match who {
        Who::Operator => shared.beside_cores(),
        Who::Process => shared.own_core(),
    };
    ask_as(number, shared, request)
}

/// On whose behalf an origin is asked: each has a row of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// An operator, who waits for it.
    Operator,
    /// The process, for what a content system published.
    Process,
}

/// Reads what is stored for a request, however stale it is, and asks no origin. Waits, and is called
/// by one thread at a time as well.
///
/// # Errors
/// Why there is no answer.
pub fn read(shared: &Arc<Shared>, request: &Request) -> Result<Seen, NotSeen> {
    let mut asking = request.clone();
    asking.fields.push(b"cache-control", b"only-if-cached, max-stale");
    ask_as(shared.reading_core(), shared, &asking)
}

fn ask_as(number: usize, shared: &Arc<Shared>, request: &Request) -> Result<Seen, NotSeen> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = runtime.map_err(NotSeen::System)?;
    let seen = runtime.block_on(async {
        let core = Core::new(shared.clone(), number);
        let asking = Box::pin(ask_on(&core, Rc::new(request.clone())));
        timeout(TIMEOUT, asking).await.unwrap_or(Err(NotSeen::TooSlow))
    });
    // Look-ups of names must not hold up the end.
    runtime.shutdown_background();
    seen
}

/// Why nothing was seen.
#[derive(Debug)]
pub enum NotSeen {
    /// There is no response.
    Failed(Error),
    /// The body broke off.
    BrokenOff,
    /// It took longer than is waited for.
    TooSlow,
    /// The system gives no runtime.
    System(io::Error),
}

async fn ask_on(core: &Rc<Core>, request: Rc<Request>) -> Result<Seen, NotSeen> {
    let site = site_of(core, &request).map_err(NotSeen::Failed)?;
    let nobody = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let client = Client { address: nobody, is_trusted: false, is_told: false };
    let caller = Caller { client, hints: Arc::new(Hints::default()) };
    let now = core.shared.clock.now();
    let mut key = Vec::new();
    let answer = serve(core, &site, &caller, &request, RequestBody::Empty, &mut key, now).await;
    if let Content::Own(error) = &answer.content {
        return Err(NotSeen::Failed(error.clone()));
    }
    let mut seen = head(&answer);
    let follows = write_head(&mut Vec::new(), &answer, false, now);
    let mut sink = Digest::default();
    let sent = send_body(answer.content, follows, &mut sink).await;
    seen.body = match (sent.is_whole(), sink.is_full) {
        (true, _) => Some(sink.hash.digest128()),
        (false, true) => None,
        (false, false) => return Err(NotSeen::BrokenOff),
    };
    Ok(seen)
}

fn head(answer: &Answer) -> Seen {
    let nothing = Fields::new();
    let fields = match &answer.content {
        Content::Stored { entry, .. } => &entry.meta.fields,
        Content::Flowing { head, .. } => &head.shown,
        Content::Passing { shown, .. } => shown,
        Content::Switched { .. } | Content::Made { .. } | Content::Own(_) => &nothing,
    };
    let field = |name| fields.get(name).map(Box::from);
    Seen {
        status: answer.status(),
        etag: field(Name::Etag),
        last_modified: field(Name::LastModified),
        body: None,
    }
}

/// Takes a body and keeps its hash.
#[derive(Default)]
struct Digest {
    hash: Xxh3Default,
    bytes: u64,
    is_full: bool,
}

impl Sink for Digest {
    async fn push(&mut self, piece: &Bytes) -> Result<(), Gone> {
        self.bytes += piece.len() as u64;
        self.is_full = self.bytes > MAX_BODY_BYTES;
        if self.is_full {
            return Err(Gone);
        }
        self.hash.update(piece);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        Ok(())
    }

    fn poll_left(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_validator_body_or_status_is_something_else() {
        let seen = |status, etag: Option<&str>, body: Option<u128>| Seen {
            status,
            etag: etag.map(|etag| etag.as_bytes().into()),
            last_modified: None,
            body,
        };
        for (before, after, differs) in [
            (seen(200, Some("1"), Some(1)), seen(200, Some("1"), Some(1)), false),
            (seen(200, Some("1"), Some(1)), seen(200, Some("2"), Some(1)), true),
            (seen(200, Some("1"), Some(1)), seen(200, Some("1"), Some(2)), true),
            (seen(200, None, Some(1)), seen(200, Some("1"), Some(1)), false),
            (seen(200, None, None), seen(200, None, Some(1)), false),
            (seen(200, None, Some(1)), seen(404, None, Some(1)), true),
        ] {
            assert_eq!(after.differs_from(&before), differs, "{before:?} {after:?}");
        }
    }
}
