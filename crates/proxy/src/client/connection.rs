//! One client's connection: requests one after the other, each answered before the next is read.

use super::reader::{Body, BodyPiece, NoRequest, Reader};
use super::writer::{Gone, Manner, Writer, Written};
use crate::access_log::Line;
use crate::answer::Answer;
use crate::core::{Core, SiteOnCore};
use crate::error::Error;
use crate::hints::Hints;
use crate::http1::head::{Framing, HeadFacts};
use crate::serve::{Caller, serve};
use crate::settings::ClientLimits;
use crate::upstream::request::Client;
use crate::upstream::{RequestBody, Upload};
use policy::request::{Method, Request};
use policy::time::Timestamp;
use std::cell::Cell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// Bytes of a request body that are read and thrown away so that the connection can be kept.
const DISCARDED_BODY_BYTES: u64 = 64 << 10;
/// How long a closing connection is read on, so that the client sees the answer before a reset.
const LINGER: Duration = Duration::from_secs(1);

/// A connection.
pub struct Connection<R, W> {
    core: Rc<Core>,
    caller: Caller,
    reader: Reader<R>,
    writer: Writer<W>,
    request: Rc<Request>,
    key: Vec<u8>,
    stopping: watch::Receiver<bool>,
}

/// One request and how it is to be answered.
struct Job<'c> {
    core: &'c Rc<Core>,
    caller: &'c Caller,
    request: &'c Rc<Request>,
    manner: Manner,
    now: Timestamp,
    started: Instant,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<R, W> {
    /// A connection of that peer. `stopping` says when no further request is to be taken.
    pub fn new(
        core: Rc<Core>,
        peer: IpAddr,
        read: R,
        write: W,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let stall = core.shared.settings.client.send_timeout;
        let client = Client::new(peer, &core.shared.settings.trusted_proxies);
        Connection {
            caller: Caller { client, hints: Arc::new(Hints::default()) },
            reader: Reader::new(read),
            writer: Writer::new(write, stall),
            request: Rc::default(),
            key: Vec::with_capacity(128),
            core,
            stopping,
        }
    }

    /// Answers requests until the connection is over.
    pub async fn run(mut self) {
        loop {
            match self.next_request().await {
                Ok(facts) => match self.exchange(facts).await {
                    Ok(true) => {}
                    Ok(false) => return self.close().await,
                    Err(Gone) => return,
                },
                Err(NoRequest::Over) => {
                    // What waits to go out does so; the client may be gone, though.
                    let _ = self.writer.flush().await;
                    return;
                }
                Err(NoRequest::Bad(error)) => return self.refuse(error).await,
            }
        }
    }

    /// Says what is wrong with what came and ends the connection.
    async fn refuse(mut self, error: Error) {
        self.core.counters.bad_requests.one();
        self.core.counters.gave_reason(error.token());
        let manner = Manner { head_only: false, is_http10: false, keep_alive: false };
        let answer = Answer::own(error);
        let (status, verdict, cache) = (answer.status(), answer.verdict, answer.cache);
        let written = self.writer.answer(answer, manner).await;
        if let Some(log) = &self.core.shared.access_log {
            log.log(&Line {
                at: self.core.shared.clock.now(),
                client: self.caller.client.address,
                request: None,
                site: "",
                status,
                body_bytes: written.as_ref().map_or(0, |written| written.body_bytes),
                verdict: verdict.token(),
                cache: &cache,
                took: Duration::ZERO,
                cut: false,
            });
        }
        if written.is_ok() {
            self.close().await;
        }
    }

    async fn next_request(&mut self) -> Result<HeadFacts, NoRequest> {
        // Answers to pipelined requests go out together, as far as the buffer allows.
        if (!self.reader.has_head() || self.writer.is_full()) && self.writer.flush().await.is_err()
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

    /// Answers one request; says whether another can follow.
    async fn exchange(&mut self, facts: HeadFacts) -> Result<bool, Gone> {
        let manner = Manner {
            head_only: self.request.method == Method::Head,
            is_http10: facts.is_http10,
            keep_alive: facts.keep_alive && !*self.stopping.borrow(),
        };
        self.caller.client.believe(Rc::make_mut(&mut self.request));
        let Connection { core, caller, reader, writer, request, key, .. } = self;
        let now = core.shared.clock.now();
        let job = Job { core, caller, request, manner, now, started: Instant::now() };
        caller.hints.clear();
        match facts.framing {
            Framing::None => {
                let written = job.answer(writer, RequestBody::Empty, key, &Cell::new(None)).await?;
                Ok(written.keep_alive)
            }
            framing => job.with_body(reader, writer, framing, facts, key).await,
        }
    }

    /// Ends the connection so that the client gets what was written: what it still sends is read
    /// for a moment, since closing over unread bytes would reset the connection.
    async fn close(mut self) {
        if self.writer.flush().await.is_err() {
            return;
        }
        self.writer.shutdown().await;
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
    ) -> Result<Written, Gone> {
        let answering = serve(self.core, self.caller, self.request, body, key, self.now);
        let (site, answer) = self.with_hints(answering, writer).await?;
        let (answer, manner) = match fault.take() {
            Some(error) => (Answer::own(error), Manner { keep_alive: false, ..self.manner }),
            None => (answer, self.manner),
        };
        self.deliver(writer, site, answer, manner).await
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
    ) -> Result<bool, Gone> {
        let limits = &self.core.shared.settings.client;
        let length = match framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        if length.is_some_and(|length| length > limits.max_body_bytes) {
            let manner = Manner { keep_alive: false, ..self.manner };
            let answer = Answer::own(Error::BodyTooLarge);
            return Ok(self.deliver(writer, None, answer, manner).await?.keep_alive);
        }
        let (upload, body) = RequestBody::upload(length);
        let mut incoming = Body::new(framing);
        let (fault, unasked) = (Cell::new(None), Cell::new(facts.expects_continue));
        let written = {
            let pump = async {
                let hints = unasked.take().then_some(&*self.caller.hints);
                let pumped = pump(reader, &mut incoming, upload, limits, hints, &fault).await;
                if pumped.is_err() {
                    // The answer tells; it comes as the request breaks off.
                    std::future::pending::<()>().await;
                }
            };
            let answering = self.answer(writer, body, key, &fault);
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
        Ok(written.keep_alive && known && discard(reader, &mut incoming, limits).await)
    }

    /// Waits for an answer and writes the interim responses that come before it.
    async fn with_hints<T, W: AsyncWrite + Unpin>(
        &self,
        answering: impl Future<Output = T>,
        writer: &mut Writer<W>,
    ) -> Result<T, Gone> {
        tokio::pin!(answering);
        // A hit is there at once. Whoever has to wait must not hold up what waits to go out.
        let at_once = poll_fn(|cx| Poll::Ready(answering.as_mut().poll(cx))).await;
        if let Poll::Ready(answer) = at_once {
            return Ok(answer);
        }
        writer.flush().await?;
        loop {
            tokio::select! {
                biased;
                answer = &mut answering => break Ok(answer),
                hint = self.caller.hints.next(), if !self.manner.is_http10 => {
                    writer.raw(&hint).await?;
                }
            }
        }
    }

    /// Writes an answer, counts it and logs it.
    async fn deliver<W: AsyncWrite + Unpin>(
        &self,
        writer: &mut Writer<W>,
        site: Option<Rc<SiteOnCore>>,
        answer: Answer,
        manner: Manner,
    ) -> Result<Written, Gone> {
        while let Some(hint) = self.caller.hints.take().filter(|_| !manner.is_http10) {
            writer.raw(&hint).await?;
        }
        let (status, verdict, cache) = (answer.status(), answer.verdict, answer.cache);
        let shared = &self.core.shared;
        shared.diagnosis.look(verdict, cache.detail);
        if let Some(reason) = cache.detail {
            self.core.counters.gave_reason(reason);
        }
        let written = writer.answer(answer, manner).await;
        let told = written.as_ref().copied().unwrap_or(Written { cut: true, ..Written::default() });
        match &site {
            Some(site) => {
                let counters = self.core.counters_of(site);
                counters.answered(verdict, status);
                counters.body_bytes.add(told.body_bytes);
            }
            None => self.core.counters.bad_requests.one(),
        }
        if let Some(log) = &shared.access_log {
            log.log(&Line {
                at: self.now,
                client: self.caller.client.address,
                request: Some(self.request),
                site: site.as_ref().map_or("", |site| &site.settings.site.name),
                status,
                body_bytes: told.body_bytes,
                verdict: verdict.token(),
                cache: &cache,
                took: self.started.elapsed(),
                cut: told.cut,
            });
        }
        written
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
