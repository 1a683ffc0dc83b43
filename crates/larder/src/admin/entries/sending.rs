//! The body of an entry on its way to who asked, piece by piece from whichever tier has it.

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use store::{Chunks, Entry};

/// A piece that is read, and what it is read from.
type Reading = Pin<Box<dyn Future<Output = (Chunks, io::Result<Option<Bytes>>)> + Send>>;

/// The body of an entry.
pub fn sending(entry: Arc<Entry>) -> Body {
    let left = entry.body.len();
    let reading = (left > 0).then(|| read(entry.body.chunks(0..left)));
    Body::new(Sending { _entry: entry, left, reading })
}

struct Sending {
    /// As long as it is sent its bytes count.
    _entry: Arc<Entry>,
    left: u64,
    reading: Option<Reading>,
}

fn read(mut chunks: Chunks) -> Reading {
    Box::pin(async move {
        let chunk = chunks.next().await;
        (chunks, chunk)
    })
}

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let (chunks, chunk) = ready!(reading.as_mut().poll(context));
        self.reading = None;
        Poll::Ready(match chunk {
            Ok(Some(chunk)) => {
                self.left = self.left.saturating_sub(chunk.len() as u64);
                self.reading = (self.left > 0).then(|| read(chunks));
                Some(Ok(Frame::data(chunk)))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
