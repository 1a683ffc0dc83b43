//! A connection that is cut when the client takes nothing for too long: what waits in its buffer
//! must not wait for ever, though the streams that wrote it are done.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A connection and the time since it was last possible to write.
pub struct Stalling<T> {
    io: T,
    stall: Duration,
    timer: Pin<Box<Sleep>>,
    waits: Rc<Cell<bool>>,
}

impl<T> Stalling<T> {
    /// A connection that is cut after waiting so long for a single write.
    pub fn new(io: T, stall: Duration) -> Stalling<T> {
        Stalling { io, stall, timer: Box::pin(sleep(Duration::ZERO)), waits: Rc::default() }
    }

    /// Whether something waits for the client to take it.
    pub fn waits(&self) -> Rc<Cell<bool>> {
        self.waits.clone()
    }

    fn watch<R>(
        &mut self,
        written: Poll<io::Result<R>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.waits.set(false);
            return written;
        }
        if !self.waits.replace(true) {
            self.timer.as_mut().reset(Instant::now() + self.stall);
        }
        self.timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Stalling<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Stalling<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.watch(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, parts);
        self.watch(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.watch(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.io).poll_shutdown(cx);
        self.watch(ended, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_write_waits_only_so_long_and_each_one_anew() {
        let (ours, mut theirs) = tokio::io::duplex(10);
        let mut ours = Stalling::new(ours, Duration::from_secs(5));
        for _ in 0..3 {
            let write = async { ours.write_all(&[0; 20]).await };
            let read = async {
                tokio::time::sleep(Duration::from_secs(4)).await;
                theirs.read_exact(&mut [0; 20]).await
            };
            let (written, _) = tokio::join!(write, read);
            written.expect("in time");
        }
        let begun = Instant::now();
        let error = ours.write_all(&[0; 20]).await.expect_err("nobody reads");
        assert_eq!((error.kind(), begun.elapsed().as_secs()), (io::ErrorKind::TimedOut, 5));
    }
}
