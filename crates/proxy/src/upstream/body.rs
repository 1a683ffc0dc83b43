//! Bodies toward an origin and from it.

use super::gate::Turn;
use super::link::Link;
use super::pool::Pool;
use crate::error::Error;
use crate::http1::chunked::may_trail;
use crate::settings::OriginLimits;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use policy::fields::Fields;
use std::cell::Cell;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Pieces of a request body that may wait for the origin.
const UPLOAD_PIECES: usize = 4;

/// The body of a request toward an origin.
#[derive(Debug)]
pub enum RequestBody {
    /// None.
    Empty,
    /// What the client sends, as it comes.
    Upload {
        /// The pieces.
        pieces: mpsc::Receiver<Frame<Bytes>>,
        /// How long the body will be, where that is known.
        length: Option<u64>,
        /// Whether the end has come; a channel that closes without it is a broken body.
        ended: bool,
        /// When the origin last took something.
        progress: Rc<Cell<Instant>>,
    },
}

/// The client's end of [`RequestBody::Upload`]. Dropped without [`Upload::end`], the request
/// breaks off, so that an origin never takes a part for the whole.
#[derive(Debug)]
pub struct Upload(mpsc::Sender<Frame<Bytes>>);

/// The client went away within its request's body.
#[derive(Debug)]
pub struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the client broke its request off")
    }
}

impl std::error::Error for BrokenOff {}

impl RequestBody {
    /// A body that is fed as it comes.
    pub fn upload(length: Option<u64>) -> (Upload, RequestBody) {
        let (sender, pieces) = mpsc::channel(UPLOAD_PIECES);
        let progress = Rc::new(Cell::new(Instant::now()));
        (Upload(sender), RequestBody::Upload { pieces, length, ended: false, progress })
    }

    /// When the origin last took something of it; nothing where there is none.
    pub fn progress(&self) -> Option<Rc<Cell<Instant>>> {
        match self {
            RequestBody::Empty => None,
            RequestBody::Upload { progress, .. } => Some(progress.clone()),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        matches!(self, RequestBody::Empty)
    }
}

impl Upload {
    /// Waits until there is room for a piece; `false`: nobody takes any more.
    pub async fn is_wanted(&self) -> bool {
        self.0.reserve().await.is_ok()
    }

    /// Hands a piece on; `false`: nobody takes it.
    pub async fn send(&self, piece: Bytes) -> bool {
        self.0.send(Frame::data(piece)).await.is_ok()
    }

    /// Ends the body, with its trailers.
    pub async fn end(self, trailers: &Fields) {
        // The frame of trailers, empty or not, is the sign of a whole body.
        let _ = self.0.send(Frame::trailers(super::request::header_map(trailers))).await;
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let RequestBody::Upload { pieces, ended, progress, .. } = self.get_mut() else {
            return Poll::Ready(None);
        };
        progress.set(Instant::now());
        if *ended {
            return Poll::Ready(None);
        }
        match std::task::ready!(pieces.poll_recv(cx)) {
            None => Poll::Ready(Some(Err(BrokenOff))),
            Some(frame) => {
                *ended = frame.is_trailers();
                let empty = frame.trailers_ref().is_some_and(http::HeaderMap::is_empty);
                Poll::Ready((!empty).then_some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Empty => true,
            RequestBody::Upload { ended, .. } => *ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Upload { length: Some(length), .. } => SizeHint::with_exact(*length),
            RequestBody::Upload { length: None, .. } => SizeHint::default(),
        }
    }
}

/// A body that lies on this machine and is read piece by piece.
pub trait Pieces: Debug {
    /// The next piece, at least one byte; nothing after the last.
    fn next(&mut self) -> NextPiece<'_>;
}

/// An answer to [`Pieces::next`]. An error means that what came so far is no whole body.
pub type NextPiece<'a> = Pin<Box<dyn Future<Output = io::Result<Option<Bytes>>> + 'a>>;

/// The body of a response.
#[derive(Debug)]
pub enum ResponseBody {
    /// It comes from an origin.
    Coming(Coming),
    /// It was made here; nothing once it was taken.
    Made(Bytes),
    /// It lies here.
    Pieces(Box<dyn Pieces>),
}

/// A body as it comes from an origin. Dropped before its end, the connection is
/// closed; at its end, the connection goes back to the pool.
#[derive(Debug)]
pub struct Coming {
    pub(super) incoming: Incoming,
    pub(super) link: Option<Link>,
    pub(super) pool: Rc<Pool>,
    pub(super) limits: Arc<OriginLimits>,
    pub(super) patience: Duration,
    /// Bytes that are still to come, where that was announced.
    pub(super) left: Option<u64>,
    pub(super) turn: Option<Turn>,
}

/// A piece of a response body.
#[derive(Debug)]
pub enum ResponsePiece {
    /// Bytes, at least one.
    Data(Bytes),
    /// The end, and the trailers, perhaps none.
    End(Fields),
}

impl ResponseBody {
    /// The next piece; after [`ResponsePiece::End`] there is none.
    ///
    /// # Errors
    /// When the origin stalls, or drops the connection before the end.
    pub async fn next(&mut self) -> Result<ResponsePiece, Error> {
        match self {
            ResponseBody::Coming(coming) => coming.next().await,
            ResponseBody::Made(bytes) if bytes.is_empty() => Ok(ResponsePiece::End(Fields::new())),
            ResponseBody::Made(bytes) => Ok(ResponsePiece::Data(std::mem::take(bytes))),
            ResponseBody::Pieces(pieces) => match pieces.next().await {
                Ok(Some(piece)) => Ok(ResponsePiece::Data(piece)),
                Ok(None) => Ok(ResponsePiece::End(Fields::new())),
                // The shelf says why.
                Err(_) => Err(Error::ShelfUnreadable),
            },
        }
    }

    /// Whether there is nothing to come.
    pub fn is_over(&self) -> bool {
        match self {
            ResponseBody::Coming(coming) => coming.is_over(),
            ResponseBody::Made(bytes) => bytes.is_empty(),
            // Its end is seen when it is read.
            ResponseBody::Pieces(_) => false,
        }
    }

    /// Gives the connection back when the body is over before it was asked for.
    pub fn finish(&mut self) {
        if let ResponseBody::Coming(coming) = self
            && coming.is_over()
        {
            coming.end(Fields::new());
        }
    }
}

impl Coming {
    async fn next(&mut self) -> Result<ResponsePiece, Error> {
        loop {
            let frame = poll_fn(|cx| Pin::new(&mut self.incoming).poll_frame(cx));
            let frame = timeout(self.patience, frame).await;
            match frame.map_err(|_| self.stalled())? {
                None => return self.whole(Fields::new()),
                Some(Err(_)) => return Err(Error::OriginDropped),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => {
                        let taken = data.len() as u64;
                        self.left = self.left.map(|left| left.saturating_sub(taken));
                        return Ok(ResponsePiece::Data(data));
                    }
                    Err(other) => {
                        let trailers = other.into_trailers().unwrap_or_default();
                        let mut trailers = super::request::fields(&trailers);
                        trailers.retain(|field| may_trail(field.id));
                        return self.whole(trailers);
                    }
                },
            }
        }
    }

    fn stalled(&mut self) -> Error {
        if let Some(link) = &self.link {
            self.pool.distrust(link);
        }
        Error::OriginStalled
    }

    /// The end, if it is one: a stream of HTTP/2 that is reset without a reason looks the same.
    fn whole(&mut self, trailers: Fields) -> Result<ResponsePiece, Error> {
        let is_short = self.left.is_some_and(|left| left > 0);
        let is_shared = self.link.as_ref().is_some_and(Link::is_shared);
        if is_short || (is_shared && !self.incoming.is_end_stream()) {
            return Err(Error::OriginDropped);
        }
        Ok(self.end(trailers))
    }

    fn is_over(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn end(&mut self, trailers: Fields) -> ResponsePiece {
        self.turn = None;
        if let Some(link) = self.link.take() {
            self.pool.give(link, &self.limits);
        }
        ResponsePiece::End(trailers)
    }
}
