//! What comes in on a connection: heads and bodies.

use super::patience::Patience;
use crate::error::Error;
use crate::http1::chunked::{Decoder, Piece};
use crate::http1::head::{Framing, HeadFacts, HeadLimits, end_of_head, read_head};
use crate::settings::ClientLimits;
use bytes::{Bytes, BytesMut};
use policy::fields::Fields;
use policy::request::{Request, Scheme};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that a connection reads at once; its buffer grows beyond only for large heads.
const READ_BYTES: usize = 4 << 10;
/// Bytes that are read at once of a body.
const READ_BODY_BYTES: usize = 32 << 10;

/// How a connection in HTTP/2 begins (RFC 9113 §3.4), as far as it looks like a head.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// The incoming half of a connection.
#[derive(Debug)]
pub struct Reader<R> {
    half: R,
    scheme: Scheme,
    buffer: BytesMut,
    patience: Patience,
}

/// What came instead of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum NoRequest {
    /// The client closed, or was silent too long between requests.
    Over,
    /// The client speaks HTTP/2 by prior knowledge (RFC 9113 §3.3).
    Http2,
    /// What came is no request.
    Bad(Error),
}

/// A request body that comes in.
#[derive(Debug)]
pub struct Body {
    left: Left,
    taken: u64,
}

#[derive(Debug)]
enum Left {
    Bytes(u64),
    Chunks(Decoder),
    Nothing,
}

/// A step of reading a body.
#[derive(Debug)]
pub enum BodyPiece {
    /// Bytes.
    Data(Bytes),
    /// The end, and the trailers.
    End(Fields),
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// A reader over the incoming half.
    pub fn new(half: R, scheme: Scheme) -> Reader<R> {
        let buffer = BytesMut::with_capacity(READ_BYTES);
        Reader { half, scheme, buffer, patience: Patience::default() }
    }

    /// The incoming half itself.
    pub fn half(&mut self) -> &mut R {
        &mut self.half
    }

    /// Takes what has come and was not used.
    pub fn take_buffer(&mut self) -> BytesMut {
        std::mem::take(&mut self.buffer)
    }

    /// Whether a whole head is waiting already, as when a client pipelines.
    pub fn has_head(&mut self) -> bool {
        self.skip_empty_lines();
        end_of_head(&self.buffer, 0).is_some()
    }

    /// Whether nothing has come that was not used.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Reads the next head into `request`.
    ///
    /// # Errors
    /// What came instead.
    pub async fn head(
        &mut self,
        limits: &ClientLimits,
        request: &mut Request,
    ) -> Result<HeadFacts, NoRequest> {
        self.skip_empty_lines();
        let mut seen = 0;
        let idle_since = Instant::now();
        // From a request's first byte on, another limit holds.
        let mut begun = None;
        loop {
            if let Some(length) = end_of_head(&self.buffer, seen) {
                if length > limits.max_head_bytes {
                    return Err(NoRequest::Bad(self.too_large(limits)));
                }
                if self.buffer.starts_with(HTTP2_PREFACE) {
                    return Err(NoRequest::Http2);
                }
                let facts =
                    read_head(&self.buffer[..length], self.scheme, head_limits(limits), request);
                bytes::Buf::advance(&mut self.buffer, length);
                return facts.map_err(NoRequest::Bad);
            }
            seen = self.buffer.len();
            if seen > limits.max_head_bytes {
                return Err(NoRequest::Bad(self.too_large(limits)));
            }
            let left = match self.buffer.is_empty() {
                true => limits.idle_timeout.saturating_sub(idle_since.elapsed()),
                false => {
                    let begun: Instant = *begun.get_or_insert_with(Instant::now);
                    limits.header_timeout.saturating_sub(begun.elapsed())
                }
            };
            self.more_of_head(left).await?;
            self.skip_empty_lines();
            seen = seen.min(self.buffer.len());
        }
    }

    async fn more_of_head(&mut self, time: Duration) -> Result<(), NoRequest> {
        let waiting = self.buffer.is_empty();
        self.buffer.reserve(READ_BYTES);
        match self.patience.limit(time, self.half.read_buf(&mut self.buffer)).await {
            Some(Ok(0) | Err(_)) if waiting => Err(NoRequest::Over),
            Some(Ok(0) | Err(_)) => Err(NoRequest::Bad(Error::ClientGone)),
            Some(Ok(_)) => Ok(()),
            None if waiting => Err(NoRequest::Over),
            None => Err(NoRequest::Bad(Error::ClientTooSlow)),
        }
    }

    /// Waits until the client closes its sending half, or the connection breaks. A client that
    /// pipelines far ahead is not watched, since its bytes stand before the end.
    pub async fn left(&mut self) {
        while self.buffer.len() < READ_BYTES {
            self.buffer.reserve(READ_BYTES);
            if !matches!(self.half.read_buf(&mut self.buffer).await, Ok(1..)) {
                return;
            }
        }
        std::future::pending().await
    }

    /// Empty lines before a request are ignored (RFC 9112 §2.2).
    fn skip_empty_lines(&mut self) {
        while self.buffer.starts_with(b"\r\n") {
            bytes::Buf::advance(&mut self.buffer, 2);
        }
    }

    fn too_large(&self, limits: &ClientLimits) -> Error {
        let line = memchr::memchr(b'\n', &self.buffer).unwrap_or(self.buffer.len());
        if line > limits.max_target_bytes { Error::TargetTooLong } else { Error::HeadTooLarge }
    }

    /// Reads the next piece of a body.
    ///
    /// # Errors
    /// When the body is broken, too large, or does not come in time.
    pub async fn body(
        &mut self,
        body: &mut Body,
        limits: &ClientLimits,
    ) -> Result<BodyPiece, Error> {
        loop {
            let piece = body.take(&mut self.buffer)?;
            match piece {
                Piece::Data(data) => {
                    body.taken += data.len() as u64;
                    if body.taken > limits.max_body_bytes {
                        return Err(Error::BodyTooLarge);
                    }
                    return Ok(BodyPiece::Data(data));
                }
                Piece::End(trailers) => return Ok(BodyPiece::End(trailers)),
                Piece::More => {}
            }
            self.buffer.reserve(READ_BODY_BYTES);
            match self
                .patience
                .limit(limits.body_timeout, self.half.read_buf(&mut self.buffer))
                .await
            {
                Some(Ok(0) | Err(_)) => return Err(Error::ClientGone),
                Some(Ok(_)) => {}
                None => return Err(Error::ClientTooSlow),
            }
        }
    }
}

impl Body {
    /// A body with that framing.
    pub fn new(framing: Framing) -> Body {
        let left = match framing {
            Framing::None => Left::Nothing,
            Framing::Length(length) => Left::Bytes(length),
            Framing::Chunked => Left::Chunks(Decoder::default()),
        };
        Body { left, taken: 0 }
    }

    /// Whether its end was read.
    pub fn is_over(&self) -> bool {
        matches!(self.left, Left::Nothing)
    }

    fn take(&mut self, buffer: &mut BytesMut) -> Result<Piece, Error> {
        match &mut self.left {
            Left::Nothing | Left::Bytes(0) => {
                self.left = Left::Nothing;
                Ok(Piece::End(Fields::new()))
            }
            Left::Bytes(_) if buffer.is_empty() => Ok(Piece::More),
            Left::Bytes(left) => {
                let taken = (*left).min(buffer.len() as u64);
                *left -= taken;
                // At most the buffer's length, which is a usize.
                Ok(Piece::Data(buffer.split_to(taken as usize).freeze()))
            }
            Left::Chunks(decoder) => {
                let piece = decoder.decode(buffer)?;
                if matches!(piece, Piece::End(_)) {
                    self.left = Left::Nothing;
                }
                Ok(piece)
            }
        }
    }
}

fn head_limits(limits: &ClientLimits) -> HeadLimits {
    HeadLimits {
        target_bytes: limits.max_target_bytes,
        head_bytes: limits.max_head_bytes,
        fields: limits.max_fields,
    }
}
