//! The bodies of answers, piece by piece, whatever protocol takes them.

use super::head::Follows;
use super::parts::{PARTS_END, part_head};
use crate::answer::Content;
use crate::compress::{Encoder, Form};
use crate::fill::{Next, Reader};
use crate::resume::Rest;
use crate::slices::Slices;
use crate::upstream::{ResponseBody, ResponsePiece};
use bytes::Bytes;
use policy::fields::Fields;
use policy::range::ByteRange;
use policy::reply::Reply;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::pin;
use std::task::{Context, Poll};
use store::{Body, Entry};

/// How much is coded before others have their turn on the core, in bytes.
const CODED_AT_ONCE_BYTES: usize = 64 << 10;

/// The client took nothing for too long, or went away.
#[derive(Debug)]
pub struct Gone;

/// Takes the body of one answer.
pub trait Sink {
    /// Takes a piece. What is small may wait for more, or for [`Sink::flush`].
    ///
    /// # Errors
    /// When the client is gone.
    async fn push(&mut self, piece: &Bytes) -> Result<(), Gone>;

    /// Sends what waits, before it is waited for an origin.
    ///
    /// # Errors
    /// When the client is gone.
    async fn flush(&mut self) -> Result<(), Gone>;

    /// Ready when the client has left.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// What became of a body.
#[derive(Debug)]
pub struct Sent {
    /// Bytes that the client was sent.
    pub bytes: u64,
    /// How it ended.
    pub end: End,
}

impl Sent {
    /// Whether it came to its end.
    pub fn is_whole(&self) -> bool {
        matches!(self.end, End::Whole(_))
    }
}

/// How a body ended.
#[derive(Debug, PartialEq)]
pub enum End {
    /// Whole, with these trailers.
    Whole(Fields),
    /// The origin broke it off.
    Broken,
    /// The client is gone.
    Gone,
}

/// Sends the body of an answer.
pub async fn send<S: Sink>(content: Content, follows: Follows, sink: &mut S) -> Sent {
    if follows == Follows::Nothing {
        if let Content::Passing { mut body, .. } = content {
            body.finish();
        }
        return Sent { bytes: 0, end: End::Whole(Fields::new()) };
    }
    let mut out = Out { sink, follows, encoder: None, bytes: 0, taken: 0 };
    let end = match out.all(content).await {
        Ok(Some(trailers)) => out.finish().await.map(|whole| whole.then_some(trailers)),
        end => end,
    };
    let missing = matches!(follows, Follows::Bytes(announced) if out.bytes < announced);
    let end = match end {
        Err(Gone) => End::Gone,
        Ok(Some(trailers)) if !missing => End::Whole(trailers),
        Ok(_) => End::Broken,
    };
    Sent { bytes: out.bytes, end }
}

/// A body on its way out. Each source gives the trailers at its end, or nothing if it broke off.
struct Out<'s, S> {
    sink: &'s mut S,
    follows: Follows,
    /// What the body goes through on its way, if anything.
    encoder: Option<Encoder>,
    /// Bytes that were sent.
    bytes: u64,
    /// Bytes that came, before they went through the encoder.
    taken: u64,
}

impl<S: Sink> Out<'_, S> {
    async fn all(&mut self, content: Content) -> Result<Option<Fields>, Gone> {
        Ok(match content {
            Content::Stored { form: Form::Kept(form), .. } => {
                let whole = self.range(&form.body, 0..form.body.len(), None).await?;
                whole.then(Fields::new)
            }
            Content::Stored { form: Form::Coming { mut reader, .. }, .. } => {
                self.flowing(&mut reader).await?
            }
            Content::Stored { entry, reply, mut slices, .. } => {
                let slices = slices.as_deref_mut();
                self.stored(&entry, &reply, slices).await?
            }
            Content::Flowing { mut reader, part: Some(part), .. } => {
                self.part(&mut reader, part.len()).await?
            }
            Content::Flowing { head, mut reader, errand, coded, .. } => {
                let comes_coded = coded.coding.is_some() && coded.encoder.is_none();
                self.encoder = coded.encoder;
                let end = self.flowing(&mut reader).await?;
                // No origin has the rest of what was coded here.
                if end.is_some() || !reader.is_left_behind() || comes_coded {
                    return Ok(end);
                }
                // It reads no more, so the fill must not wait for it.
                drop(reader);
                match Box::pin(Rest::ask(&errand, &head, self.taken)).await {
                    Some(rest) => self.rest(rest).await?,
                    None => None,
                }
            }
            Content::Passing { body, coded, .. } => {
                self.encoder = coded.encoder;
                self.passing(body).await?
            }
            // What comes is no body.
            Content::Switched { .. } => Some(Fields::new()),
            Content::Made { body, .. } => {
                self.piece(&body).await?;
                Some(Fields::new())
            }
            Content::Own(error) => {
                self.piece(&error.page().into()).await?;
                Some(Fields::new())
            }
        })
    }

    async fn stored(
        &mut self,
        entry: &Entry,
        reply: &Reply,
        slices: Option<&mut Slices>,
    ) -> Result<Option<Fields>, Gone> {
        let whole = match (reply, entry.body.in_memory()) {
            (Reply::Full, Some(body)) => {
                self.piece(body).await?;
                true
            }
            (Reply::Full, None) => self.range(&entry.body, 0..entry.body.len(), slices).await?,
            (Reply::Parts(parts), _) => self.parts(entry, parts, slices).await?,
            (Reply::NotModified | Reply::Unsatisfiable, _) => true,
        };
        Ok(whole.then(Fields::new))
    }

    /// One part as it is, several as `multipart/byteranges` (RFC 9110 §14.6).
    async fn parts(
        &mut self,
        entry: &Entry,
        parts: &[ByteRange],
        mut slices: Option<&mut Slices>,
    ) -> Result<bool, Gone> {
        if let [part] = parts {
            return self.range(&entry.body, part.first..part.last + 1, slices).await;
        }
        for part in parts {
            self.piece(&part_head(entry, *part).into()).await?;
            let range = part.first..part.last + 1;
            if !self.range(&entry.body, range, slices.as_deref_mut()).await? {
                return Ok(false);
            }
            self.piece(&Bytes::from_static(b"\r\n")).await?;
        }
        self.piece(&Bytes::from_static(PARTS_END.as_bytes())).await
    }

    /// Sends a range of a stored body. `false`: it broke off.
    async fn range(
        &mut self,
        body: &Body,
        mut range: Range<u64>,
        slices: Option<&mut Slices>,
    ) -> Result<bool, Gone> {
        let Some(slices) = slices else {
            let mut chunks = body.chunks(range);
            loop {
                match chunks.next().await {
                    Ok(Some(chunk)) => self.piece(&chunk).await?,
                    end => return Ok(end.is_ok()),
                };
            }
        };
        while !range.is_empty() {
            let Ok(chunk) = self.or_flush(slices.next(range.clone())).await? else {
                return Ok(false);
            };
            range.start += chunk.len() as u64;
            self.piece(&chunk).await?;
        }
        Ok(true)
    }

    /// Sends so many bytes of what a fill brings, from where its reader stands.
    async fn part(&mut self, reader: &mut Reader, mut left: u64) -> Result<Option<Fields>, Gone> {
        while left > 0 {
            let Next::Data(mut data) = self.or_flush(reader.next()).await? else {
                return Ok(None);
            };
            data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= data.len() as u64;
            self.piece(&data).await?;
        }
        Ok(Some(Fields::new()))
    }

    async fn flowing(&mut self, reader: &mut Reader) -> Result<Option<Fields>, Gone> {
        loop {
            match self.or_flush(reader.next()).await? {
                Next::Data(data) if self.piece(&data).await? => {}
                Next::End(trailers) => return Ok(Some(trailers)),
                Next::Data(_) | Next::Broken | Next::Lagged => return Ok(None),
            }
        }
    }

    /// Goes on with a response whose fill has gone on without this client.
    async fn rest(&mut self, mut rest: Rest) -> Result<Option<Fields>, Gone> {
        loop {
            match self.or_flush(rest.next()).await? {
                Ok(Some(data)) if self.piece(&data).await? => {}
                Ok(None) => return Ok(Some(Fields::new())),
                Ok(Some(_)) | Err(_) => return Ok(None),
            }
        }
    }

    async fn passing(&mut self, mut body: ResponseBody) -> Result<Option<Fields>, Gone> {
        loop {
            match self.or_flush(body.next()).await? {
                Ok(ResponsePiece::Data(data)) if self.piece(&data).await? => {}
                Ok(ResponsePiece::End(trailers)) => return Ok(Some(trailers)),
                Ok(ResponsePiece::Data(_)) | Err(_) => return Ok(None),
            }
        }
    }

    /// Waits for the next of a source. What is there already goes out together with the head, in
    /// one write; whoever has to wait for more gets what there is first.
    async fn or_flush<T>(&mut self, next: impl Future<Output = T>) -> Result<T, Gone> {
        let mut next = pin!(next);
        let at_once = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await;
        if let Poll::Ready(next) = at_once {
            return Ok(next);
        }
        if let Some(Ok(flushed)) = self.encoder.as_mut().map(Encoder::flush) {
            // Should it fail, it fails again at the next piece.
            self.send(&flushed).await?;
        }
        self.sink.flush().await?;
        tokio::select! {
            biased;
            next = next => Ok(next),
            () = poll_fn(|cx| self.sink.poll_left(cx)) => Err(Gone),
        }
    }

    /// Sends a piece. `false`: it would go beyond the announced length, where the client sees
    /// the next answer; nothing of it is sent.
    async fn piece(&mut self, data: &Bytes) -> Result<bool, Gone> {
        self.taken += data.len() as u64;
        if self.encoder.is_none() {
            return self.send(data).await;
        }
        for piece in data.chunks(CODED_AT_ONCE_BYTES) {
            let Some(Ok(coded)) = self.encoder.as_mut().map(|encoder| encoder.push(piece)) else {
                return Ok(false);
            };
            self.send(&coded).await?;
            tokio::task::yield_now().await;
        }
        Ok(true)
    }

    /// Sends what the encoder still holds. `false`: it cannot be made whole.
    async fn finish(&mut self) -> Result<bool, Gone> {
        match self.encoder.take().map(Encoder::finish) {
            None => Ok(true),
            Some(Ok(rest)) => self.send(&rest).await,
            Some(Err(_)) => Ok(false),
        }
    }

    async fn send(&mut self, data: &Bytes) -> Result<bool, Gone> {
        let total = self.bytes + data.len() as u64;
        if matches!(self.follows, Follows::Bytes(announced) if total > announced) {
            return Ok(false);
        }
        if !data.is_empty() {
            self.sink.push(data).await?;
            self.bytes = total;
        }
        Ok(true)
    }
}
