//! The body of an answer on a stream, under the client's flow control.

use crate::client::body::{Gone, Sink};
use crate::client::outgoing::Pace;
use bytes::Bytes;
use h2::SendStream;
use policy::fields::Fields;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;

/// Takes the body of one answer.
pub struct StreamSink {
    stream: SendStream<Bytes>,
    pace: Pace,
    /// Bytes that are still to come, where that is known: the last ones end the stream.
    left: Option<u64>,
    waited: Duration,
    taken: u64,
    /// For a stream of events, which would never end by itself: ends it with the process.
    stop: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl StreamSink {
    /// A sink for a body of `length` bytes, where that is known.
    pub fn new(stream: SendStream<Bytes>, pace: Pace, length: Option<u64>) -> StreamSink {
        StreamSink { stream, pace, left: length, waited: Duration::ZERO, taken: 0, stop: None }
    }

    /// Has it end with the process.
    pub fn ends_at(&mut self, mut stopping: watch::Receiver<bool>) {
        self.stop = Some(Box::pin(async move {
            // An error means that the other end is gone, which is as good.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }));
    }

    /// Ends a whole body.
    ///
    /// # Errors
    /// When the client is gone.
    pub fn end(mut self, trailers: &Fields) -> Result<(), Gone> {
        if self.left == Some(0) {
            return Ok(());
        }
        let ended = match trailers.is_empty() {
            true => self.stream.send_data(Bytes::new(), true),
            false => self.stream.send_trailers(crate::upstream::request::header_map(trailers)),
        };
        ended.map_err(|_| Gone)
    }

    /// Ends a body that broke off, so that no client takes it for whole.
    pub fn tear(mut self) {
        self.stream.send_reset(h2::Reason::INTERNAL_ERROR);
    }

    /// Waits until the client takes something; gives how much of `wanted`.
    async fn room(&mut self, wanted: usize) -> Result<usize, Gone> {
        self.stream.reserve_capacity(wanted);
        if self.stream.capacity() > 0 {
            return Ok(self.stream.capacity().min(wanted));
        }
        let begun = Instant::now();
        let capacity = poll_fn(|cx| self.stream.poll_capacity(cx));
        let capacity = timeout(self.pace.stall, capacity).await;
        self.waited += begun.elapsed();
        if self.pace.is_too_slow(self.waited, self.taken) {
            return Err(Gone);
        }
        match capacity {
            Ok(Some(Ok(room))) => Ok(room.min(wanted)),
            Ok(Some(Err(_)) | None) | Err(_) => Err(Gone),
        }
    }
}

impl Sink for StreamSink {
    async fn push(&mut self, piece: &Bytes) -> Result<(), Gone> {
        let mut rest = piece.clone();
        while !rest.is_empty() {
            let room = self.room(rest.len()).await?;
            let part = rest.split_to(room);
            self.taken += part.len() as u64;
            if let Some(left) = &mut self.left {
                *left = left.saturating_sub(part.len() as u64);
            }
            let is_last = self.left == Some(0) && rest.is_empty();
            self.stream.send_data(part, is_last).map_err(|_| Gone)?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        // The connection sends what it has by itself.
        Ok(())
    }

    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(stop) = &mut self.stop
            && stop.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(());
        }
        self.stream.poll_reset(cx).map(|_| ())
    }
}
