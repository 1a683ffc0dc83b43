//! The whole body of an answer, as one piece of memory.

use crate::answer::{Answer, Content};
use crate::client::{Gone, Sink, send_body, write_head};
use crate::compress::Form;
use bytes::{Bytes, BytesMut};
use policy::reply::Reply;
use policy::time::Timestamp;
use std::task::{Context, Poll};
use store::{Body, Entry};

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It is longer than may be.
    TooLong,
    /// It broke off.
    Broken,
    /// It takes longer than may be.
    TooSlow,
}

/// The length of a body, where it is known.
pub fn length(answer: &Answer) -> Option<u64> {
    match &answer.content {
        Content::Stored { entry, .. } => Some(entry.body.len()),
        Content::Flowing { head, .. } => head.length,
        Content::Passing { length, .. } => *length,
        Content::Made { body, .. } => Some(body.len() as u64),
        Content::Switched { .. } | Content::Own(_) => None,
    }
}

/// What lies in memory already, whole, and is shared.
pub fn shared(answer: &Answer) -> Option<Bytes> {
    match &answer.content {
        Content::Stored { entry, reply: Reply::Full, .. } => {
            entry.body.in_memory()?;
            Some(Bytes::from_owner(Kept(entry.body.clone())))
        }
        _ => None,
    }
}

/// A stored body that lies on disk, whole, and goes out as it lies there.
pub fn on_disk(answer: &Answer) -> Option<Body> {
    match &answer.content {
        Content::Stored {
            entry, reply: Reply::Full, form: Form::Identity, slices: None, ..
        } => {
            let Entry { body, meta, .. } = &**entry;
            let is_whole = body.with_gaps().is_none() && body.len() == meta.body_bytes;
            (body.file().is_some() && is_whole).then(|| body.clone())
        }
        _ => None,
    }
}

/// A stored body in memory, which counts there as long as it is used here.
struct Kept(Body);

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        self.0.in_memory().map_or(&[], |bytes| bytes)
    }
}

/// Reads a body to its end.
///
/// # Errors
/// When it is longer than `most` bytes, or breaks off.
pub async fn gather(answer: Answer, most: u64, now: Timestamp) -> Result<Bytes, Lost> {
    let announced = length(&answer).unwrap_or_default();
    if announced > most {
        return Err(Lost::TooLong);
    }
    let follows = write_head(&mut Vec::new(), &answer, false, now);
    // At most `most`, which is memory that there is.
    let room = usize::try_from(announced).unwrap_or_default();
    let mut sink = Whole { bytes: BytesMut::with_capacity(room), most, is_full: false };
    let sent = send_body(answer.content, follows, &mut sink).await;
    match (sent.is_whole(), sink.is_full) {
        (_, true) => Err(Lost::TooLong),
        (false, false) => Err(Lost::Broken),
        (true, false) => Ok(sink.bytes.freeze()),
    }
}

struct Whole {
    bytes: BytesMut,
    most: u64,
    is_full: bool,
}

impl Sink for Whole {
    async fn push(&mut self, piece: &Bytes) -> Result<(), Gone> {
        if self.bytes.len() as u64 + piece.len() as u64 > self.most {
            self.is_full = true;
            return Err(Gone);
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        Ok(())
    }

    fn poll_left(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
