//! What goes out on a connection: answers, as decided by `serve`.

use super::outgoing::{Gone, Outgoing, Pace};
use super::parts::{PARTS_END, begin_parts, part_head, parts_length};
use crate::answer::{Answer, Content};
use crate::cache_status::number;
use crate::error::Error;
use crate::fill::{Errand, Flowing, Next, Reader};
use crate::heads::{status_line, write_field, write_fields, write_length};
use crate::http1::status::{is_bodiless, reason};
use crate::resume::Rest;
use crate::upstream::{ResponseBody, ResponsePiece};
use bytes::Bytes;
use policy::fields::Fields;
use policy::name::Name;
use policy::range::ByteRange;
use policy::reply::{Reply, belongs_in_304};
use policy::time::Timestamp;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use store::{Body, Entry};
use tokio::io::AsyncWrite;

/// Writes answers.
#[derive(Debug)]
pub struct Writer<W> {
    /// Where they go.
    pub half: Outgoing<W>,
}

/// How an answer is framed, as the request had it.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether the request was a HEAD: no body.
    pub head_only: bool,
    /// Whether the client speaks HTTP/1.0: no chunks.
    pub is_http10: bool,
    /// Whether the connection is kept after it, as far as the request goes.
    pub keep_alive: bool,
    /// When it came.
    pub now: Timestamp,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Whether another request can follow.
    pub keep_alive: bool,
    /// Whether the answer broke off.
    pub cut: bool,
    /// Whether only a reset can tell the client so: the end of the connection would be taken for
    /// that of the body (RFC 9112 §8).
    pub torn: bool,
}

impl Written {
    fn broken_off(self, delimiter: Delimiter) -> Written {
        Written { keep_alive: false, cut: true, torn: delimiter == Delimiter::Close, ..self }
    }
}

/// Ends when the client leaves, which shows on the incoming half.
pub type Leave<'l> = Pin<&'l mut dyn Future<Output = ()>>;

/// How the body of a response of unknown or known length is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delimiter {
    /// So many bytes.
    Length(u64),
    Chunks,
    Close,
    NoBody,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// A writer over the outgoing half, whose client keeps that pace.
    pub fn new(half: W, pace: Pace) -> Writer<W> {
        Writer { half: Outgoing::new(half, pace) }
    }

    /// Writes an answer. Small ones may stay in the buffer until [`Outgoing::flush`]. While more is
    /// to come of an origin, a client that `leave`s ends it.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn answer(
        &mut self,
        answer: Answer,
        manner: Manner,
        leave: Leave<'_>,
    ) -> Result<Written, Gone> {
        let Answer { cache, content, .. } = answer;
        self.half.begin();
        match content {
            Content::Stored { entry, reply, age } => {
                self.begin_stored(&entry, &reply);
                number(&mut self.half.buffer, b"Age: ", i64::try_from(age).unwrap_or(i64::MAX));
                self.half.buffer.extend_from_slice(b"\r\n");
                cache.write(&mut self.half.buffer);
                self.end_head(manner);
                self.stored_body(&entry, &reply, manner).await
            }
            Content::Flowing { head, mut reader, not_modified, errand } => {
                let delimiter = self.begin_flowing(&head, not_modified, manner);
                cache.write(&mut self.half.buffer);
                self.end_flowing_head(delimiter, manner);
                let written = self.flowing_body(&mut reader, delimiter, manner, leave).await?;
                let is_left_behind = written.cut && reader.is_left_behind();
                // It reads no more, so the fill must not wait for it.
                drop(reader);
                match is_left_behind {
                    false => Ok(written),
                    true => self.rest(written, &errand, &head, delimiter, manner).await,
                }
            }
            Content::Passing { status, shown, length, body } => {
                let delimiter = self.begin_passing(status, &shown, length, manner);
                cache.write(&mut self.half.buffer);
                self.end_flowing_head(delimiter, manner);
                self.passing_body(body, delimiter, manner, leave).await
            }
            Content::Own(error) => {
                let keep_alive = manner.keep_alive && !error.closes();
                let page = self.begin_own(&error, manner.now);
                cache.write(&mut self.half.buffer);
                self.end_head(Manner { keep_alive, ..manner });
                let body = if manner.head_only { "" } else { &page };
                self.half.buffer.extend_from_slice(body.as_bytes());
                Ok(Written { body_bytes: body.len() as u64, keep_alive, ..Written::default() })
            }
        }
    }

    /// Writes bytes as they are, at once: an interim response.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn raw(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.half.buffer.extend_from_slice(bytes);
        self.half.flush().await
    }

    fn begin_stored(&mut self, entry: &Entry, reply: &Reply) {
        let out = &mut self.half.buffer;
        match reply {
            Reply::Full => out.extend_from_slice(&entry.heads.full),
            Reply::NotModified => out.extend_from_slice(&entry.heads.not_modified),
            Reply::Parts(parts) => begin_parts(out, entry, parts),
            Reply::Unsatisfiable => {
                out.extend_from_slice(&status_line(416));
                let all = format!("bytes */{}", entry.meta.body_bytes);
                write_field(out, "content-range", all.as_bytes());
                write_length(out, 0);
            }
        }
    }

    async fn stored_body(
        &mut self,
        entry: &Entry,
        reply: &Reply,
        manner: Manner,
    ) -> Result<Written, Gone> {
        let kept = Written { keep_alive: manner.keep_alive, ..Written::default() };
        if manner.head_only {
            return Ok(kept);
        }
        let body_bytes = match reply {
            Reply::NotModified | Reply::Unsatisfiable => 0,
            Reply::Full if is_bodiless(entry.meta.status) => 0,
            Reply::Full => {
                match entry.body.in_memory() {
                    Some(body) => self.half.push(body).await?,
                    None => self.range(&entry.body, 0..entry.body.len()).await?,
                }
                entry.body.len()
            }
            Reply::Parts(parts) => self.parts(entry, parts).await?,
        };
        Ok(Written { body_bytes, ..kept })
    }

    /// One part as it is, several as `multipart/byteranges` (RFC 9110 §14.6).
    async fn parts(&mut self, entry: &Entry, parts: &[ByteRange]) -> Result<u64, Gone> {
        if let [part] = parts {
            self.range(&entry.body, part.first..part.last + 1).await?;
            return Ok(part.len());
        }
        for part in parts {
            self.half.buffer.extend_from_slice(part_head(entry, *part).as_bytes());
            self.range(&entry.body, part.first..part.last + 1).await?;
            self.half.buffer.extend_from_slice(b"\r\n");
        }
        self.half.buffer.extend_from_slice(PARTS_END.as_bytes());
        Ok(parts_length(entry, parts))
    }

    async fn range(&mut self, body: &Body, range: std::ops::Range<u64>) -> Result<(), Gone> {
        let mut chunks = body.chunks(range);
        while let Some(chunk) = chunks.next().await.map_err(|_| Gone)? {
            self.half.push(&chunk).await?;
        }
        Ok(())
    }

    fn begin_flowing(&mut self, head: &Flowing, not_modified: bool, manner: Manner) -> Delimiter {
        if not_modified {
            self.half.buffer.extend_from_slice(&status_line(304));
            write_fields(&mut self.half.buffer, &head.shown, belongs_in_304);
            return Delimiter::NoBody;
        }
        self.begin_passing(head.status, &head.shown, head.length, manner)
    }

    fn begin_passing(
        &mut self,
        status: u16,
        shown: &Fields,
        length: Option<u64>,
        manner: Manner,
    ) -> Delimiter {
        use std::io::Write;
        // Writing to a Vec cannot fail.
        let _ = write!(self.half.buffer, "HTTP/1.1 {status} {}\r\n", reason(status));
        write_fields(&mut self.half.buffer, shown, |name| name != Name::ContentLength);
        if let Some(length) = length.filter(|_| status != 204) {
            write_length(&mut self.half.buffer, length);
        }
        match (is_bodiless(status) || manner.head_only, length) {
            (true, _) => Delimiter::NoBody,
            (false, Some(length)) => Delimiter::Length(length),
            (false, None) if manner.is_http10 => Delimiter::Close,
            (false, None) => Delimiter::Chunks,
        }
    }

    fn end_flowing_head(&mut self, delimiter: Delimiter, manner: Manner) {
        if delimiter == Delimiter::Chunks {
            self.half.buffer.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        let keep_alive = manner.keep_alive && delimiter != Delimiter::Close;
        self.end_head(Manner { keep_alive, ..manner });
    }

    fn end_head(&mut self, manner: Manner) {
        if !manner.keep_alive {
            self.half.buffer.extend_from_slice(b"Connection: close\r\n");
        } else if manner.is_http10 {
            self.half.buffer.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        self.half.buffer.extend_from_slice(b"\r\n");
    }

    async fn flowing_body(
        &mut self,
        reader: &mut Reader,
        delimiter: Delimiter,
        manner: Manner,
        mut leave: Leave<'_>,
    ) -> Result<Written, Gone> {
        let mut written = Written { keep_alive: manner.keep_alive, ..Written::default() };
        if delimiter == Delimiter::NoBody {
            return Ok(written);
        }
        self.half.flush().await?;
        loop {
            let next = tokio::select! {
                biased;
                next = reader.next() => next,
                () = &mut leave => return Err(Gone),
            };
            match next {
                Next::Data(data) => {
                    if !self.piece(&data, delimiter, &mut written).await? {
                        return Ok(written.broken_off(delimiter));
                    }
                }
                Next::End(trailers) => return Ok(self.end_body(written, delimiter, &trailers)),
                Next::Broken | Next::Lagged => return Ok(written.broken_off(delimiter)),
            }
        }
    }

    /// Goes on with a response whose fill has gone on without this client.
    async fn rest(
        &mut self,
        written: Written,
        errand: &Errand,
        head: &Flowing,
        delimiter: Delimiter,
        manner: Manner,
    ) -> Result<Written, Gone> {
        let Some(mut rest) = Rest::ask(errand, head, written.body_bytes).await else {
            return Ok(written);
        };
        let mut written =
            Written { keep_alive: manner.keep_alive, cut: false, torn: false, ..written };
        loop {
            match rest.next().await {
                Ok(Some(data)) => {
                    if !self.piece(&data, delimiter, &mut written).await? {
                        return Ok(written.broken_off(delimiter));
                    }
                }
                Ok(None) => return Ok(self.end_body(written, delimiter, &Fields::new())),
                Err(_) => return Ok(written.broken_off(delimiter)),
            }
        }
    }

    async fn passing_body(
        &mut self,
        mut body: ResponseBody,
        delimiter: Delimiter,
        manner: Manner,
        mut leave: Leave<'_>,
    ) -> Result<Written, Gone> {
        let mut written = Written { keep_alive: manner.keep_alive, ..Written::default() };
        if delimiter == Delimiter::NoBody {
            body.finish();
            return Ok(written);
        }
        loop {
            match self.next_piece(&mut body, &mut leave).await? {
                Ok(ResponsePiece::Data(data)) => {
                    if !self.piece(&data, delimiter, &mut written).await? {
                        return Ok(written.broken_off(delimiter));
                    }
                }
                Ok(ResponsePiece::End(trailers)) => {
                    return Ok(self.end_body(written, delimiter, &trailers));
                }
                Err(_) => return Ok(written.broken_off(delimiter)),
            }
        }
    }

    /// The next piece of a body. What is there already goes out together with the head, in one
    /// write; whoever has to wait for more gets what there is first.
    async fn next_piece(
        &mut self,
        body: &mut ResponseBody,
        leave: &mut Leave<'_>,
    ) -> Result<Result<ResponsePiece, Error>, Gone> {
        let mut next = pin!(body.next());
        match poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
            Poll::Ready(piece) => Ok(piece),
            Poll::Pending => {
                self.half.flush().await?;
                tokio::select! {
                    biased;
                    piece = next => Ok(piece),
                    () = leave => Err(Gone),
                }
            }
        }
    }

    /// Writes a piece of a body that comes as it comes. `false`: it would go beyond the announced
    /// length, where the client sees the next answer; nothing of it is written.
    async fn piece(
        &mut self,
        data: &Bytes,
        delimiter: Delimiter,
        written: &mut Written,
    ) -> Result<bool, Gone> {
        let total = written.body_bytes + data.len() as u64;
        if matches!(delimiter, Delimiter::Length(length) if total > length) {
            return Ok(false);
        }
        written.body_bytes = total;
        if delimiter == Delimiter::Chunks {
            self.half.buffer.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
            self.half.flush_with(data, b"\r\n").await?;
        } else {
            self.half.flush_with(data, b"").await?;
        }
        Ok(true)
    }

    fn end_body(&mut self, written: Written, delimiter: Delimiter, trailers: &Fields) -> Written {
        if matches!(delimiter, Delimiter::Length(length) if written.body_bytes < length) {
            return written.broken_off(delimiter);
        }
        if delimiter == Delimiter::Chunks {
            self.half.buffer.extend_from_slice(b"0\r\n");
            write_fields(&mut self.half.buffer, trailers, |name| !name.is_hop_by_hop());
            self.half.buffer.extend_from_slice(b"\r\n");
        }
        Written { keep_alive: written.keep_alive && delimiter != Delimiter::Close, ..written }
    }

    /// Writes a head of our own and gives the page that goes with it.
    fn begin_own(&mut self, error: &Error, now: Timestamp) -> String {
        let status = error.status();
        let page = format!("{status} {}\n\n{}\n", reason(status), error.explanation());
        self.half.buffer.extend_from_slice(&status_line(status));
        let out = &mut self.half.buffer;
        write_field(out, "date", now.to_http().as_bytes());
        write_field(out, "content-type", b"text/plain; charset=utf-8");
        write_field(out, "cache-control", b"no-store");
        if let Some(seconds) = error.retry_after() {
            write_field(out, "retry-after", seconds.to_string().as_bytes());
        }
        if *error == Error::Connect {
            write_field(out, "allow", b"GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
        }
        write_length(out, page.len() as u64);
        page
    }
}
