//! What goes out on a connection: answers, as decided by `serve`.

use super::parts::{PARTS_END, begin_parts, part_head, parts_length};
use super::patience::Patience;
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
use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use store::{Body, Entry};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Bodies up to this go out in one buffer with their head: copying them is cheaper than a
/// second part in the system call.
const COPIED_BODY_BYTES: usize = 4 << 10;
/// The buffer gives memory back when it has grown beyond this.
const KEPT_BUFFER_BYTES: usize = 64 << 10;

/// The outgoing half of a connection.
#[derive(Debug)]
pub struct Writer<W> {
    half: W,
    out: Vec<u8>,
    patience: Patience,
    stall: Duration,
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
}

impl Written {
    fn broken_off(self) -> Written {
        Written { keep_alive: false, cut: true, ..self }
    }
}

/// The client took nothing for too long, or went away.
#[derive(Debug)]
pub struct Gone;

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
    /// A writer over the outgoing half, which gives up when nothing is taken for `stall`.
    pub fn new(half: W, stall: Duration) -> Writer<W> {
        Writer { half, out: Vec::with_capacity(1024), patience: Patience::default(), stall }
    }

    /// Writes an answer. Small ones may stay in the buffer until [`Writer::flush`].
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn answer(&mut self, answer: Answer, manner: Manner) -> Result<Written, Gone> {
        let Answer { cache, content, .. } = answer;
        match content {
            Content::Stored { entry, reply, age } => {
                self.begin_stored(&entry, &reply);
                number(&mut self.out, b"Age: ", i64::try_from(age).unwrap_or(i64::MAX));
                self.out.extend_from_slice(b"\r\n");
                cache.write(&mut self.out);
                self.end_head(manner);
                self.stored_body(&entry, &reply, manner).await
            }
            Content::Flowing { head, mut reader, not_modified, errand } => {
                let delimiter = self.begin_flowing(&head, not_modified, manner);
                cache.write(&mut self.out);
                self.end_flowing_head(delimiter, manner);
                let written = self.flowing_body(&mut reader, delimiter, manner).await?;
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
                cache.write(&mut self.out);
                self.end_flowing_head(delimiter, manner);
                self.passing_body(body, delimiter, manner).await
            }
            Content::Own(error) => {
                let keep_alive = manner.keep_alive && !error.closes();
                let page = self.begin_own(&error);
                cache.write(&mut self.out);
                self.end_head(Manner { keep_alive, ..manner });
                let body = if manner.head_only { "" } else { &page };
                self.out.extend_from_slice(body.as_bytes());
                Ok(Written { body_bytes: body.len() as u64, keep_alive, cut: false })
            }
        }
    }

    /// Writes bytes as they are, at once: an interim response.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn raw(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.out.extend_from_slice(bytes);
        self.flush().await
    }

    /// Writes what waits in the buffer.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn flush(&mut self) -> Result<(), Gone> {
        self.flush_with(b"", b"").await
    }

    /// Whether much waits in the buffer.
    pub fn is_full(&self) -> bool {
        self.out.len() >= KEPT_BUFFER_BYTES
    }

    /// Ends the outgoing half, so that the client sees the end of what it got.
    pub async fn shutdown(&mut self) {
        // The client may be gone already; there is nothing to be done about that.
        let _ = self.patience.limit(self.stall, self.half.shutdown()).await;
    }

    fn begin_stored(&mut self, entry: &Entry, reply: &Reply) {
        let out = &mut self.out;
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
                    Some(body) => self.push(body).await?,
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
            self.out.extend_from_slice(part_head(entry, *part).as_bytes());
            self.range(&entry.body, part.first..part.last + 1).await?;
            self.out.extend_from_slice(b"\r\n");
        }
        self.out.extend_from_slice(PARTS_END.as_bytes());
        Ok(parts_length(entry, parts))
    }

    async fn range(&mut self, body: &Body, range: std::ops::Range<u64>) -> Result<(), Gone> {
        let mut chunks = body.chunks(range);
        while let Some(chunk) = chunks.next().await.map_err(|_| Gone)? {
            self.push(&chunk).await?;
        }
        Ok(())
    }

    fn begin_flowing(&mut self, head: &Flowing, not_modified: bool, manner: Manner) -> Delimiter {
        if not_modified {
            self.out.extend_from_slice(&status_line(304));
            write_fields(&mut self.out, &head.shown, belongs_in_304);
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
        let _ = write!(self.out, "HTTP/1.1 {status} {}\r\n", reason(status));
        write_fields(&mut self.out, shown, |name| name != Name::ContentLength);
        if let Some(length) = length.filter(|_| status != 204) {
            write_length(&mut self.out, length);
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
            self.out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        let keep_alive = manner.keep_alive && delimiter != Delimiter::Close;
        self.end_head(Manner { keep_alive, ..manner });
    }

    fn end_head(&mut self, manner: Manner) {
        if !manner.keep_alive {
            self.out.extend_from_slice(b"Connection: close\r\n");
        } else if manner.is_http10 {
            self.out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        self.out.extend_from_slice(b"\r\n");
    }

    async fn flowing_body(
        &mut self,
        reader: &mut Reader,
        delimiter: Delimiter,
        manner: Manner,
    ) -> Result<Written, Gone> {
        let mut written = Written { keep_alive: manner.keep_alive, ..Written::default() };
        if delimiter == Delimiter::NoBody {
            return Ok(written);
        }
        self.flush().await?;
        loop {
            match reader.next().await {
                Next::Data(data) => {
                    if !self.piece(&data, delimiter, &mut written).await? {
                        return Ok(written.broken_off());
                    }
                }
                Next::End(trailers) => return Ok(self.end_body(written, delimiter, &trailers)),
                Next::Broken | Next::Lagged => return Ok(written.broken_off()),
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
        let mut written = Written { keep_alive: manner.keep_alive, cut: false, ..written };
        loop {
            match rest.next().await {
                Ok(Some(data)) => {
                    if !self.piece(&data, delimiter, &mut written).await? {
                        return Ok(written.broken_off());
                    }
                }
                Ok(None) => return Ok(self.end_body(written, delimiter, &Fields::new())),
                Err(_) => return Ok(written.broken_off()),
            }
        }
    }

    async fn passing_body(
        &mut self,
        mut body: ResponseBody,
        delimiter: Delimiter,
        manner: Manner,
    ) -> Result<Written, Gone> {
        let mut written = Written { keep_alive: manner.keep_alive, ..Written::default() };
        if delimiter == Delimiter::NoBody {
            body.finish();
            return Ok(written);
        }
        loop {
            match self.next_piece(&mut body).await? {
                Ok(ResponsePiece::Data(data)) => {
                    if !self.piece(&data, delimiter, &mut written).await? {
                        return Ok(written.broken_off());
                    }
                }
                Ok(ResponsePiece::End(trailers)) => {
                    return Ok(self.end_body(written, delimiter, &trailers));
                }
                Err(_) => return Ok(written.broken_off()),
            }
        }
    }

    /// The next piece of a body. What is there already goes out together with the head, in one
    /// write; whoever has to wait for more gets what there is first.
    async fn next_piece(
        &mut self,
        body: &mut ResponseBody,
    ) -> Result<Result<ResponsePiece, Error>, Gone> {
        let mut next = pin!(body.next());
        match poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
            Poll::Ready(piece) => Ok(piece),
            Poll::Pending => {
                self.flush().await?;
                Ok(next.await)
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
            self.out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
            self.flush_with(data, b"\r\n").await?;
        } else {
            self.flush_with(data, b"").await?;
        }
        Ok(true)
    }

    fn end_body(&mut self, written: Written, delimiter: Delimiter, trailers: &Fields) -> Written {
        if matches!(delimiter, Delimiter::Length(length) if written.body_bytes < length) {
            return written.broken_off();
        }
        if delimiter == Delimiter::Chunks {
            self.out.extend_from_slice(b"0\r\n");
            write_fields(&mut self.out, trailers, |name| !name.is_hop_by_hop());
            self.out.extend_from_slice(b"\r\n");
        }
        Written { keep_alive: written.keep_alive && delimiter != Delimiter::Close, ..written }
    }

    /// Writes a head of our own and gives the page that goes with it.
    fn begin_own(&mut self, error: &Error) -> String {
        let status = error.status();
        let page = format!("{status} {}\n\n{}\n", reason(status), error.explanation());
        self.out.extend_from_slice(&status_line(status));
        let out = &mut self.out;
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

    /// Puts bytes behind what waits: small ones into the buffer, others straight out.
    async fn push(&mut self, bytes: &Bytes) -> Result<(), Gone> {
        if bytes.len() <= COPIED_BODY_BYTES {
            self.out.extend_from_slice(bytes);
            return if self.is_full() { self.flush().await } else { Ok(()) };
        }
        self.flush_with(bytes, b"").await
    }

    /// Writes the buffer, then `rest`, then `end`, in as few system calls as the client allows.
    async fn flush_with(&mut self, mut rest: &[u8], mut end: &[u8]) -> Result<(), Gone> {
        if rest.len() <= COPIED_BODY_BYTES {
            self.out.extend_from_slice(rest);
            self.out.extend_from_slice(end);
            (rest, end) = (b"", b"");
        }
        let all = self.out.len() + rest.len() + end.len();
        let mut done = 0;
        while done < all {
            let parts = unwritten([&self.out, rest, end], done);
            let write = async {
                match parts.map(|part| part.is_empty()) {
                    // A vectored call costs more than a plain one.
                    [false, true, true] => self.half.write(parts[0]).await,
                    [true, false, true] => self.half.write(parts[1]).await,
                    _ => self.half.write_vectored(&parts.map(IoSlice::new)).await,
                }
            };
            match self.patience.limit(self.stall, write).await {
                Some(Ok(count)) if count > 0 => done += count,
                _ => return Err(Gone),
            }
        }
        self.out.clear();
        if self.out.capacity() > KEPT_BUFFER_BYTES {
            self.out.shrink_to(KEPT_BUFFER_BYTES);
        }
        Ok(())
    }
}

/// What is left of parts of which so many bytes are written.
fn unwritten(parts: [&[u8]; 3], mut done: usize) -> [&[u8]; 3] {
    parts.map(|part| {
        let of_this = done.min(part.len());
        done -= of_this;
        &part[of_this..]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_not_written_again() {
        let parts: [&[u8]; 3] = [b"ab", b"cd", b"e"];
        for (done, left) in [(0, "abcde"), (1, "bcde"), (2, "cde"), (3, "de"), (4, "e"), (5, "")] {
            assert_eq!(unwritten(parts, done).concat(), left.as_bytes());
        }
    }
}
