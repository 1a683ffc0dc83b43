//! The outgoing half of a connection: a buffer, and the patience with a client that takes it.

use super::body::Gone;
use super::patience::Patience;
use crate::settings::ClientLimits;
use bytes::Bytes;
use std::io::IoSlice;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Bodies up to this go out in one buffer with their head: copying them is cheaper than a
/// second part in the system call.
const COPIED_BODY_BYTES: usize = 4 << 10;
/// The buffer gives memory back when it has grown beyond this.
const KEPT_BUFFER_BYTES: usize = 64 << 10;

/// The outgoing half of a connection.
#[derive(Debug)]
pub struct Outgoing<W> {
    /// The half itself.
    pub half: W,
    /// What waits to go out.
    pub buffer: Vec<u8>,
    patience: Patience,
    pace: Pace,
    /// Bytes that the client took since the answer began.
    taken: u64,
}

/// How slowly a client may take what it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Without any byte being taken; then the connection is cut.
    pub stall: Duration,
    /// Bytes a second, once it was waited for `stall` in all.
    pub min_bytes: u64,
}

impl Pace {
    /// What the limits allow.
    pub fn of(limits: &ClientLimits) -> Pace {
        Pace { stall: limits.send_timeout, min_bytes: limits.min_send_bytes }
    }

    /// Whether a client took too little in the time that it was waited for.
    pub fn is_too_slow(&self, waited: Duration, taken: u64) -> bool {
        waited > self.stall
            && u128::from(taken) * 1000 < u128::from(self.min_bytes) * waited.as_millis()
    }
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// An outgoing half whose client takes what it is sent at that pace at least.
    pub fn new(half: W, pace: Pace) -> Outgoing<W> {
        let (buffer, patience) = (Vec::with_capacity(1024), Patience::default());
        Outgoing { half, buffer, patience, pace, taken: 0 }
    }

    /// Notes that an answer begins, which has a pace of its own.
    pub fn begin(&mut self) {
        self.taken = 0;
        self.patience.forget_waits();
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
        self.buffer.len() >= KEPT_BUFFER_BYTES
    }

    /// Ends the outgoing half, so that the client sees the end of what it got.
    pub async fn shutdown(&mut self) {
        // The client may be gone already; there is nothing to be done about that.
        let _ = self.patience.limit(self.pace.stall, self.half.shutdown()).await;
    }

    /// Puts bytes and what ends them behind what waits: small ones into the buffer, others
    /// straight out.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn push(&mut self, bytes: &Bytes, end: &[u8]) -> Result<(), Gone> {
        if bytes.len() <= COPIED_BODY_BYTES {
            self.buffer.extend_from_slice(bytes);
            self.buffer.extend_from_slice(end);
            return if self.is_full() { self.flush().await } else { Ok(()) };
        }
        self.flush_with(bytes, end).await
    }

    /// Writes the buffer, then `rest`, then `end`, in as few system calls as the client allows.
    ///
    /// # Errors
    /// When the client is gone.
    async fn flush_with(&mut self, mut rest: &[u8], mut end: &[u8]) -> Result<(), Gone> {
        if rest.len() <= COPIED_BODY_BYTES {
            self.buffer.extend_from_slice(rest);
            self.buffer.extend_from_slice(end);
            (rest, end) = (b"", b"");
        }
        let all = self.buffer.len() + rest.len() + end.len();
        let mut done = 0;
        while done < all {
            let parts = unwritten([&self.buffer, rest, end], done);
            let write = async {
                match parts.map(|part| part.is_empty()) {
                    // A vectored call costs more than a plain one.
                    [false, true, true] => self.half.write(parts[0]).await,
                    [true, false, true] => self.half.write(parts[1]).await,
                    _ => self.half.write_vectored(&parts.map(IoSlice::new)).await,
                }
            };
            let Some(Ok(count @ 1..)) = self.patience.limit(self.pace.stall, write).await else {
                return Err(Gone);
            };
            done += count;
            self.taken += count as u64;
            if self.pace.is_too_slow(self.patience.waited(), self.taken) {
                return Err(Gone);
            }
        }
        // TLS takes bytes that the socket has no room for yet, and sends them only when told to.
        match self.patience.limit(self.pace.stall, self.half.flush()).await {
            Some(Ok(())) => {}
            Some(Err(_)) | None => return Err(Gone),
        }
        self.buffer.clear();
        if self.buffer.capacity() > KEPT_BUFFER_BYTES {
            self.buffer.shrink_to(KEPT_BUFFER_BYTES);
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
