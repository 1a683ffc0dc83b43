//! One client's connection: requests one after the other, each answered before the next is read.

use super::Peer;
use super::body::Gone;
use super::outgoing::Pace;
use super::reader::{Body, BodyPiece, NoRequest, Reader};
use super::record::{Asked, Record};
use super::tunnel::{self, Ends};
use super::writer::{Leave, Manner, Torn, Writer, Written};
use crate::answer::Answer;
use crate::core::{Core, Current, SiteOnCore};
use crate::error::Error;
use crate::hints::Hints;
use crate::http1::head::{Framing, HeadFacts};
use crate::serve::{Caller, serve, site_of};
use crate::settings::ClientLimits;
use crate::upstream::{RequestBody, Tunnel, Upload};
use bytes::BytesMut;
use policy::request::{Method, Request};
use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};

/// Bytes of a request body that are read and thrown away so that the connection can be kept.
const DISCARDED_BODY_BYTES: u64 = 64 << 10;
/// How long a closing connection is read on, so that the client sees the answer before a reset.
const LINGER: Duration = Duration::from_secs(1);

/// A connection.
pub struct Connection<R, W> {
    current: Current,
    core: Rc<Core>,
    caller: Caller,
    reader: Reader<R>,
    writer: Writer<W>,
    request: Rc<Request>,
    key: Vec<u8>,
    stopping: watch::Receiver<bool>,
    /// Whether no request has come yet.
    is_new: bool,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// With nothing to be done any more.
    Over,
    /// With the beginning of HTTP/2 instead of a first request: what has come of it.
    Http2(BytesMut),
}

/// One request and how it is to be answered.
struct Job<'c> {
    core: &'c Rc<Core>,
    caller: &'c Caller,
    request: &'c Rc<Request>,
    manner: Manner,
    started: Instant,
    stopping: &'c watch::Receiver<bool>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<R, W> {
    /// A connection of that peer. `stopping` says when no further request is to be taken; `torn` is
    /// kept so that whoever closes the connection knows how.
    pub fn new(
        current: Current,
        peer: Peer,
        read: R,
        write: W,
        stopping: watch::Receiver<bool>,
        torn: Torn,
    ) -> Self {
        let core = current.core();
        let pace = Pace::of(&core.shared.settings.client);
        Connection {
            caller: Caller { client: peer.client, hints: Arc::new(Hints::default()) },
            reader: Reader::new(read, peer.scheme),
            writer: Writer::new(write, pace, torn),
            request: Rc::default(),
            key: Vec::with_capacity(128),
            current,
            core,
            stopping,
            is_new: true,
        }
    }

    /// Answers requests until the connection is over.
    pub async fn run(mut self) -> Ended {
        loop {
            match self.next_request().await {
                Ok(facts) => match self.exchange(facts).await {
                    Ok(Written { keep_alive: true, .. }) => {}
                    Ok(Written { tunnel: Some(tunnel), .. }) => {
                        self.tunnel(tunnel).await;
                        return Ended::Over;
                    }
                    Ok(Written { gone: true, .. }) | Err(Gone) => return Ended::Over,
                    Ok(_) => {
                        self.close().await;
                        return Ended::Over;
                    }
                },
                Err(NoRequest::Over) => {
                    // What waits to go out does so; the client may be gone, though.
                    let _ = self.writer.half.flush().await;
                    return Ended::Over;
                }
                Err(NoRequest::Http2) if self.is_new => {
                    return Ended::Http2(self.reader.take_buffer());
                }
                Err(NoRequest::Http2) => {
                    self.refuse(Error::Malformed("the protocol version")).await;
                    return Ended::Over;
                }
                Err(NoRequest::Bad(error)) => {
                    self.refuse(error).await;
                    return Ended::Over;
                }
            }
        }
    }

    /// Goes on in another protocol.
    async fn tunnel(mut self, tunnel: Tunnel) {
        let idle = self.core.shared.settings.client.long_stream_timeout;
        let begun = self.reader.take_buffer();
        let (read, write) = (self.reader.half(), &mut self.writer.half.half);
        let ends = Ends { read, write, begun: &begun };
        Box::pin(tunnel::run(ends, tunnel, idle, self.stopping)).await;
    }

    /// Says what is wrong with what came and ends the connection.
    pub async fn refuse(mut self, error: Error) {
        let now = self.core.shared.clock.now();
        let manner = Manner { head_only: false, is_http10: false, keep_alive: false, now };
        let answer = Answer::own(error);
        let client = self.caller.client.address;
        let asked = Asked { client, request: None, at: now, started: Instant::now() };
        let mut record = Record::waiting(&self.core, asked, None);
        record.answered(&answer);
        let written = self.writer.answer(answer, manner, pin!(pending())).await;
        record.end(written.body_bytes, written.cut);
        if !written.gone {
            self.close().await;
        }
    }

    async fn next_request(&mut self) -> Result<HeadFacts, NoRequest> {
        // Answers to pipelined requests go out together, as far as the buffer allows.
        if (!self.reader.has_head() || self.writer.half.is_full())
            && self.writer.half.flush().await.is_err()
        {
            return Err(NoRequest::Over);
        }
        let core = self.core.clone();
        let limits = &core.shared.settings.client;
        if !self.reader.is_empty() {
            return self.reader.head(limits, own(&mut self.request)).await;
        }
        tokio::select! {
            biased;
            head = self.reader.head(limits, own(&mut self.request)) => head,
            _ = self.stopping.wait_for(|stopping| *stopping) => Err(NoRequest::Over),
        }
    }

    /// Answers one request.
    async fn exchange(&mut self, facts: HeadFacts) -> Result<Written, Gone> {
        let now = self.core.shared.clock.now();
        let manner = Manner {
            head_only: self.request.method == Method::Head,
            is_http10: facts.is_http10,
            keep_alive: facts.keep_alive && !*self.stopping.borrow(),
            now,
        };
        self.is_new = false;
        if !self.current.is(&self.core) {
            self.core = self.current.core();
            self.caller.client.trust_anew(&self.core.shared.settings.trusted_proxies);
        }
        self.caller.client.believe(Rc::make_mut(&mut self.request));
        let Connection { core, caller, reader, writer, request, key, stopping, .. } = self;
        let job = Job { core, caller, request, manner, started: Instant::now(), stopping };
        caller.hints.clear();
        match facts.framing {
            Framing::None => {
                let leave = pin!(reader.left());
                job.answer(writer, RequestBody::Empty, key, &Cell::new(None), leave).await
            }
            framing => Box::pin(job.with_body(reader, writer, framing, facts, key)).await,
        }
    }

    /// Ends the connection so that the client gets what was written: what it still sends is read
    /// for a moment, since closing over unread bytes would reset the connection.
    async fn close(mut self) {
        if self.writer.half.flush().await.is_err() {
            return;
        }
        self.writer.half.shutdown().await;
        let mut rest = Body::new(Framing::Length(DISCARDED_BODY_BYTES));
        let core = self.core.clone();
        let limits = &core.shared.settings.client;
        let drain = async {
            while let Ok(BodyPiece::Data(_)) = self.reader.body(&mut rest, limits).await {}
        };
        let _ = tokio::time::timeout(LINGER, drain).await;
    }
}

impl Job<'_> {
    /// Answers the request. A `fault` of the client that shows meanwhile is what it is told,
    /// whatever the origin makes of a request that broke off.
    async fn answer<W: AsyncWrite + Unpin>(
        &self,
        writer: &mut Writer<W>,
        body: RequestBody,
        key: &mut Vec<u8>,
        fault: &Cell<Option<Error>>,
        mut leave: Leave<'_>,
    ) -> Result<Written, Gone> {
        let site = site_of(self.core, self.request);
        let record = self.record(site.as_deref().ok());
        let answer = match &site {
            Err(error) => Answer::own(error.clone()),
            Ok(site) => {
                let Job { core, caller, request, manner, .. } = self;
                let answering = serve(core, site, caller, request, body, key, manner.now);
                let waited = self.with_hints(answering, writer, leave.as_mut()).await?;
                waited.unwrap_or_else(|| Answer::own(Error::ClientLeft))
            }
        };
        let (answer, manner) = match fault.take() {
            Some(error) => (Answer::own(error), Manner { keep_alive: false, ..self.manner }),
            None => (answer, self.manner),
        };
        self.deliver(writer, record, answer, manner, leave).await
    }

    fn record<'r>(&'r self, site: Option<&'r SiteOnCore>) -> Record<'r> {
        let asked = Asked {
            client: self.caller.client.address,
            request: Some(self.request),
            at: self.manner.now,
            started: self.started,
        };
        Record::waiting(self.core, asked, site)
    }

    /// Reads the body while the request is under way and its answer goes out: an origin may
    /// answer before it has all, and both sides may go on at once.
    async fn with_body<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &self,
        reader: &mut Reader<R>,
        writer: &mut Writer<W>,
        framing: Framing,
        facts: HeadFacts,
        key: &mut Vec<u8>,
    ) -> Result<Written, Gone> {
        let limits = &self.core.shared.settings.client;
        let length = match framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        if length.is_some_and(|length| length > limits.max_body_bytes) {
            let manner = Manner { keep_alive: false, ..self.manner };
            let answer = Answer::own(Error::BodyTooLarge);
            let record = self.record(None);
            return self.deliver(writer, record, answer, manner, pin!(pending())).await;
        }
        let (upload, body) = RequestBody::upload(length);
        let mut incoming = Body::new(framing);
        let (fault, unasked) = (Cell::new(None), Cell::new(facts.expects_continue));
        let left = Notify::new();
        let written = {
            let pump = async {
                let hints = unasked.take().then_some(&*self.caller.hints);
                let pumped = pump(reader, &mut incoming, upload, limits, hints, &fault).await;
                match pumped {
                    Ok(()) if incoming.is_over() => {
                        reader.left().await;
                        left.notify_one();
                    }
                    Ok(()) => {}
                    // The answer tells; it comes as the request breaks off.
                    Err(()) => pending().await,
                }
            };
            let leave = pin!(left.notified());
            let answering = self.answer(writer, body, key, &fault, leave);
            tokio::pin!(pump, answering);
            let mut pumping = true;
            loop {
                tokio::select! {
                    biased;
                    written = &mut answering => break written?,
                    () = &mut pump, if pumping => pumping = false,
                }
            }
        };
        // A client that was never told to go on may send its body, or the next request.
        // And where a body broke, nobody knows where the next request begins.
        let known = !unasked.get() && fault.take().is_none();
        let keep_alive =
            written.keep_alive && known && discard(reader, &mut incoming, limits).await;
        Ok(Written { keep_alive, ..written })
    }

    /// Waits for an answer and writes the interim responses that come before it. Nothing if the
    /// client leaves meanwhile.
    async fn with_hints<T, W: AsyncWrite + Unpin>(
        &self,
        answering: impl Future<Output = T>,
        writer: &mut Writer<W>,
        mut leave: Leave<'_>,
    ) -> Result<Option<T>, Gone> {
        tokio::pin!(answering);
        // A hit is there at once. Whoever has to wait must not hold up what waits to go out.
        let at_once = poll_fn(|cx| Poll::Ready(answering.as_mut().poll(cx))).await;
        if let Poll::Ready(answer) = at_once {
            return Ok(Some(answer));
        }
        writer.half.flush().await?;
        loop {
            tokio::select! {
                biased;
                answer = &mut answering => break Ok(Some(answer)),
                () = &mut leave => break Ok(None),
                hint = self.caller.hints.next(), if !self.manner.is_http10 => {
                    writer.hint(&hint).await?;
                }
            }
        }
    }

    /// Writes an answer, counts it and logs it.
    async fn deliver<W: AsyncWrite + Unpin>(
        &self,
        writer: &mut Writer<W>,
        mut record: Record<'_>,
        answer: Answer,
        manner: Manner,
        leave: Leave<'_>,
    ) -> Result<Written, Gone> {
        while let Some(hint) = self.caller.hints.take().filter(|_| !manner.is_http10) {
            writer.hint(&hint).await?;
        }
        record.answered(&answer);
        let ended =
            pin!(until_stop(answer.is_event_stream().then(|| self.stopping.clone()), leave));
        let written = writer.answer(answer, manner, ended).await;
        record.end(written.body_bytes, written.cut);
        Ok(written)
    }
}

/// Ends when the client leaves; for a stream of events also when the process is to stop, since it
/// would never end by itself.
async fn until_stop(stopping: Option<watch::Receiver<bool>>, leave: Leave<'_>) {
    let Some(mut stopping) = stopping else { return leave.await };
    tokio::select! {
        () = leave => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

/// The request to overwrite: the last one's buffers, unless something still reads that.
fn own(request: &mut Rc<Request>) -> &mut Request {
    if Rc::get_mut(request).is_none() {
        *request = Rc::default();
    }
    // It is this connection's alone now, so nothing is copied.
    Rc::make_mut(request)
}

/// Hands a body on as the origin takes it. What is wrong with it is left in `fault`.
async fn pump<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
    incoming: &mut Body,
    upload: Upload,
    limits: &ClientLimits,
    expecting: Option<&Hints>,
    fault: &Cell<Option<Error>>,
) -> Result<(), ()> {
    if !upload.is_wanted().await {
        return Ok(());
    }
    if let Some(hints) = expecting {
        hints.push_continue();
    }
    loop {
        match reader.body(incoming, limits).await {
            Ok(BodyPiece::Data(data)) => {
                if !upload.send(data).await {
                    return Ok(());
                }
            }
            Ok(BodyPiece::End(trailers)) => {
                upload.end(&trailers).await;
                return Ok(());
            }
            Err(error) => {
                // Set before the upload is dropped, which is what ends the request.
                fault.set(Some(error));
                return Err(());
            }
        }
    }
}

/// Reads the rest of a body that nobody wants, if it is short and comes soon; says whether its end
/// came.
async fn discard<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
    incoming: &mut Body,
    limits: &ClientLimits,
) -> bool {
    let rest = async {
        let mut discarded = 0;
        while !incoming.is_over() && discarded < DISCARDED_BODY_BYTES {
            match reader.body(incoming, limits).await {
                Ok(BodyPiece::Data(data)) => discarded += data.len() as u64,
                Ok(BodyPiece::End(_)) => return true,
                Err(_) => return false,
            }
        }
        incoming.is_over()
    };
    tokio::time::timeout(LINGER, rest).await.unwrap_or(false)
}
