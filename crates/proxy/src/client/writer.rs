//! Answers in HTTP/1.1 on a connection, as decided by `serve`.

use super::body::{self, End, Gone, Sent, Sink};
use super::head::{Follows, write_head};
use super::outgoing::{Outgoing, Pace};
use crate::answer::{Answer, Content};
use crate::heads::{status_line, write_fields};
use crate::hints::Hint;
use crate::upstream::Tunnel;
use bytes::Bytes;
use policy::time::Timestamp;
use std::cell::Cell;
use std::io::Write;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;

/// Writes answers.
#[derive(Debug)]
pub struct Writer<W> {
    /// Where they go.
    pub half: Outgoing<W>,
    torn: Torn,
}

/// Whether the end of the connection would now be taken for that of a body (RFC 9112 §8): then
/// only a reset tells the client that it has a part.
pub type Torn = Rc<Cell<bool>>;

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
#[derive(Debug, Default)]
pub struct Written {
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Whether another request can follow.
    pub keep_alive: bool,
    /// Whether the answer broke off.
    pub cut: bool,
    /// Whether nothing more can be said: the client is gone, or is to see a reset.
    pub gone: bool,
    /// What the connection goes on as, if not in HTTP.
    pub tunnel: Option<Tunnel>,
}

impl Written {
    fn and_gone(self) -> Written {
        Written { keep_alive: false, cut: true, gone: true, ..self }
    }
}

/// Ends when the client leaves, which shows on the incoming half.
pub type Leave<'l> = Pin<&'l mut dyn Future<Output = ()>>;

/// How a body is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delimiter {
    /// By its length, or there is none.
    Length,
    Chunks,
    Close,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// A writer over the outgoing half, whose client keeps that pace.
    pub fn new(half: W, pace: Pace, torn: Torn) -> Writer<W> {
        Writer { half: Outgoing::new(half, pace), torn }
    }

    /// Writes an answer. Small ones may stay in the buffer until [`Outgoing::flush`]. While more
    /// is to come of an origin, a client that `leave`s ends it.
    pub async fn answer(&mut self, answer: Answer, manner: Manner, leave: Leave<'_>) -> Written {
        let half = &mut self.half;
        half.begin();
        let follows = write_head(&mut half.buffer, &answer, manner.head_only, manner.now);
        let delimiter = match follows {
            Follows::Nothing | Follows::Bytes(_) => Delimiter::Length,
            Follows::Unknown if manner.is_http10 => Delimiter::Close,
            Follows::Unknown => Delimiter::Chunks,
        };
        if let Content::Switched { tunnel, .. } = answer.content {
            half.buffer.extend_from_slice(b"\r\n");
            let gone = half.flush().await.is_err();
            let tunnel = Some(tunnel).filter(|_| !gone);
            return Written { cut: gone, gone, tunnel, ..Written::default() };
        }
        let closes = matches!(&answer.content, Content::Own(error) if error.closes());
        let keep_alive = manner.keep_alive && delimiter != Delimiter::Close && !closes;
        end_head(&mut half.buffer, delimiter, Manner { keep_alive, ..manner });
        self.torn.set(delimiter == Delimiter::Close);
        let sink = &mut Framed { half, delimiter, leave };
        let Sent { bytes, end } = body::send(answer.content, follows, sink).await;
        let written = Written { body_bytes: bytes, keep_alive, ..Written::default() };
        let trailers = match end {
            End::Whole(trailers) => trailers,
            End::Broken if delimiter == Delimiter::Close => {
                // What came of it goes out before the reset that says that it is a part.
                let _ = half.flush().await;
                return written.and_gone();
            }
            End::Broken => return Written { keep_alive: false, cut: true, ..written },
            End::Gone => return written.and_gone(),
        };
        match delimiter {
            Delimiter::Length => written,
            Delimiter::Chunks => {
                half.buffer.extend_from_slice(b"0\r\n");
                write_fields(&mut half.buffer, &trailers, |_| true);
                half.buffer.extend_from_slice(b"\r\n");
                written
            }
            Delimiter::Close => match half.flush().await {
                Ok(()) => {
                    self.torn.set(false);
                    written
                }
                Err(Gone) => written.and_gone(),
            },
        }
    }

    /// Writes an interim response, at once.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn hint(&mut self, hint: &Hint) -> Result<(), Gone> {
        let out = &mut self.half.buffer;
        out.extend_from_slice(&status_line(hint.status));
        write_fields(out, &hint.fields, |_| true);
        out.extend_from_slice(b"\r\n");
        self.half.flush().await
    }
}

/// Appends what a head says of the connection, and its end.
fn end_head(out: &mut Vec<u8>, delimiter: Delimiter, manner: Manner) {
    if delimiter == Delimiter::Chunks {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if !manner.keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if manner.is_http10 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Takes a body and delimits it.
struct Framed<'h, 'l, W> {
    half: &'h mut Outgoing<W>,
    delimiter: Delimiter,
    leave: Leave<'l>,
}

impl<W: AsyncWrite + Unpin> Sink for Framed<'_, '_, W> {
    async fn push(&mut self, piece: &Bytes) -> Result<(), Gone> {
        if self.delimiter != Delimiter::Chunks {
            return self.half.push(piece, b"").await;
        }
        // Writing to a Vec cannot fail.
        let _ = write!(self.half.buffer, "{:x}\r\n", piece.len());
        self.half.push(piece, b"\r\n").await
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        self.half.flush().await
    }

    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.leave.as_mut().poll(cx)
    }
}
