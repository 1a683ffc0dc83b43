//! One stream: a request and its answer.

use super::sink::StreamSink;
use super::{GivenUp, request};
use crate::answer::Answer;
use crate::client::Peer;
use crate::client::body::{self, End, Gone, Sent};
use crate::client::head::{Follows, write_head};
use crate::client::outgoing::Pace;
use crate::client::record::{Asked, Record};
use crate::core::{Core, SiteOnCore};
use crate::error::Error;
use crate::hints::{Hint, Hints};
use crate::http1::chunked::may_trail;
use crate::serve::{Caller, serve, site_of};
use crate::settings::ClientLimits;
use crate::upstream::request::{fields, header_map};
use crate::upstream::{RequestBody, Upload};
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderName, HeaderValue};
use policy::request::{Method, Request};
use policy::time::Timestamp;
use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tokio::time::timeout;

/// What a stream knows of its connection.
pub struct Stream {
    /// The core.
    pub core: Rc<Core>,
    /// Who speaks.
    pub peer: Peer,
    /// Counts those who leave.
    pub given_up: Rc<GivenUp>,
    /// Says when what lasts has to end.
    pub stopping: watch::Receiver<bool>,
}

/// A request that is being answered.
struct Job {
    core: Rc<Core>,
    caller: Caller,
    request: Rc<Request>,
    now: Timestamp,
    started: Instant,
    /// What is wrong with the body, if anything is.
    fault: Cell<Option<Error>>,
    stopping: watch::Receiver<bool>,
}

impl Stream {
    /// Answers the request.
    pub async fn run(self, request: http::Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let core = self.core.clone();
        let limits = &core.shared.settings.client;
        let (head, mut incoming) = request.into_parts();
        let first = match request::may_be_empty(&head, &incoming) {
            true => first_piece(&mut incoming, limits).await,
            false => First::NotAsked,
        };
        let has_body = match first {
            First::NotAsked => !incoming.is_end_stream(),
            First::Piece(_) => true,
            First::Nothing => false,
        };
        let read = request::read(&head, has_body, self.peer.scheme, limits);
        let expects_continue = head.headers.contains_key(http::header::EXPECT);
        let caller = Caller { client: self.peer.client, hints: Arc::new(Hints::default()) };
        let mut job = Job {
            core: self.core,
            caller,
            request: Rc::default(),
            now: core.shared.clock.now(),
            started: Instant::now(),
            fault: Cell::new(None),
            stopping: self.stopping,
        };
        let answered = match read {
            Err(error) => job.deliver(&mut respond, job.record(None), Answer::own(error)).await,
            Ok(mut request) => {
                job.caller.client.believe(&mut request);
                job.request = Rc::new(request);
                match job.request.has_body {
                    false => job.answer(&mut respond, RequestBody::Empty).await,
                    true => {
                        let length = content_length(&head);
                        let incoming = (first.into_piece(), incoming);
                        job.with_body(&mut respond, incoming, length, expects_continue).await
                    }
                }
            }
        };
        if answered.is_err() {
            self.given_up.count();
        }
    }
}

impl Job {
    /// Answers while the body is read: an origin may answer before it has all.
    async fn with_body(
        &self,
        respond: &mut SendResponse<Bytes>,
        incoming: (Option<Bytes>, RecvStream),
        length: Option<u64>,
        expects_continue: bool,
    ) -> Result<(), Gone> {
        let limits = &self.core.shared.settings.client;
        if length.is_some_and(|length| length > limits.max_body_bytes) {
            let answer = Answer::own(Error::BodyTooLarge);
            return self.deliver(respond, self.record(None), answer).await;
        }
        let (upload, body) = RequestBody::upload(length);
        let pump = async {
            let hints = expects_continue.then_some(&*self.caller.hints);
            // What is wrong with the body is told by the answer.
            let _ = pump(incoming, upload, limits, hints, &self.fault).await;
            pending::<()>().await;
        };
        tokio::select! {
            biased;
            answered = self.answer(respond, body) => answered,
            () = pump => Ok(()),
        }
    }

    /// Answers; interim responses go before.
    async fn answer(
        &self,
        respond: &mut SendResponse<Bytes>,
        body: RequestBody,
    ) -> Result<(), Gone> {
        let mut key = Vec::with_capacity(128);
        let (core, caller, request) = (&self.core, &self.caller, &self.request);
        let site = match site_of(core, request) {
            Ok(site) => site,
            Err(error) => {
                return self.deliver(respond, self.record(None), Answer::own(error)).await;
            }
        };
        let record = self.record(Some(&site));
        let serving = serve(core, &site, caller, request, body, &mut key, self.now);
        tokio::pin!(serving);
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut serving => break answer,
                _ = poll_fn(|cx| respond.poll_reset(cx)) => {
                    break Answer::own(Error::ClientLeft);
                }
                hint = self.caller.hints.next() => inform(respond, &hint)?,
            }
        };
        let answer = match self.fault.take() {
            Some(error) => Answer::own(error),
            None => answer,
        };
        self.deliver(respond, record, answer).await
    }

    fn record<'r>(&'r self, site: Option<&'r SiteOnCore>) -> Record<'r> {
        let asked = Asked {
            client: self.caller.client.address,
            request: Some(&self.request),
            at: self.now,
            started: self.started,
        };
        Record::waiting(&self.core, asked, site)
    }

    /// Sends an answer, counts it and logs it.
    async fn deliver(
        &self,
        respond: &mut SendResponse<Bytes>,
        mut record: Record<'_>,
        answer: Answer,
    ) -> Result<(), Gone> {
        while let Some(hint) = self.caller.hints.take() {
            inform(respond, &hint)?;
        }
        record.answered(&answer);
        let Sent { bytes, end } = self.send(respond, answer).await;
        record.end(bytes, !matches!(end, End::Whole(_)));
        if end == End::Gone { Err(Gone) } else { Ok(()) }
    }

    /// Sends an answer.
    async fn send(&self, respond: &mut SendResponse<Bytes>, answer: Answer) -> Sent {
        let mut head = Vec::with_capacity(512);
        let head_only = self.request.method == Method::Head;
        let follows = write_head(&mut head, &answer, head_only, self.now);
        let response = response(answer.status(), &head);
        let length = match follows {
            Follows::Nothing => Some(0),
            Follows::Bytes(length) => Some(length),
            Follows::Unknown => None,
        };
        let Ok(stream) = respond.send_response(response, length == Some(0)) else {
            return Sent { bytes: 0, end: End::Gone };
        };
        let pace = Pace::of(&self.core.shared.settings.client);
        let mut sink = StreamSink::new(stream, pace, length);
        if answer.is_event_stream() {
            sink.ends_at(self.stopping.clone());
        }
        let mut sent = body::send(answer.content, follows, &mut sink).await;
        match &sent.end {
            End::Whole(trailers) => {
                if sink.end(trailers).is_err() {
                    sent.end = End::Gone;
                }
            }
            End::Broken | End::Gone => sink.tear(),
        }
        sent
    }
}

/// The first piece of a body that may turn out to be none.
enum First {
    /// It was not waited for.
    NotAsked,
    Piece(Bytes),
    Nothing,
}

impl First {
    fn into_piece(self) -> Option<Bytes> {
        match self {
            First::Piece(piece) => Some(piece),
            First::NotAsked | First::Nothing => None,
        }
    }
}

/// Waits for the first piece of a body. What is wrong with it shows again to whoever reads on.
async fn first_piece(incoming: &mut RecvStream, limits: &ClientLimits) -> First {
    loop {
        let next = timeout(limits.body_timeout, poll_fn(|cx| incoming.poll_data(cx))).await;
        match next {
            Ok(None) => return First::Nothing,
            Ok(Some(Ok(piece))) if piece.is_empty() => {}
            Ok(Some(Ok(piece))) => {
                // It fails only for a stream that is over.
                let _ = incoming.flow_control().release_capacity(piece.len());
                return First::Piece(piece);
            }
            Ok(Some(Err(_))) | Err(_) => return First::NotAsked,
        }
    }
}

/// Hands a body on as the origin takes it. What is wrong with it is left in `fault`.
async fn pump(
    (first, mut incoming): (Option<Bytes>, RecvStream),
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
    let mut taken = 0;
    if let Some(first) = first {
        taken += first.len() as u64;
        if !upload.send(first).await {
            return Ok(());
        }
    }
    // Set before the upload is dropped, which is what ends the request.
    let broken = |error: Error| {
        fault.set(Some(error));
        Err(())
    };
    loop {
        let next = timeout(limits.body_timeout, poll_fn(|cx| incoming.poll_data(cx))).await;
        let Ok(next) = next else { return broken(Error::ClientTooSlow) };
        match next {
            Some(Ok(data)) => {
                taken += data.len() as u64;
                if taken > limits.max_body_bytes {
                    return broken(Error::BodyTooLarge);
                }
                // It fails only for a stream that is over.
                let _ = incoming.flow_control().release_capacity(data.len());
                if !data.is_empty() && !upload.send(data).await {
                    return Ok(());
                }
            }
            Some(Err(_)) => return broken(Error::ClientGone),
            None => break,
        }
    }
    let trailers = timeout(limits.body_timeout, poll_fn(|cx| incoming.poll_trailers(cx))).await;
    let Ok(trailers) = trailers else { return broken(Error::ClientTooSlow) };
    match trailers {
        Ok(trailers) => {
            let mut trailers = trailers.map(|map| fields(&map)).unwrap_or_default();
            trailers.retain(|field| may_trail(field.id));
            upload.end(&trailers).await;
            Ok(())
        }
        Err(_) => broken(Error::ClientGone),
    }
}

fn content_length(head: &http::request::Parts) -> Option<u64> {
    head.headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Sends an interim response.
fn inform(respond: &mut SendResponse<Bytes>, hint: &Hint) -> Result<(), Gone> {
    let mut response = http::Response::new(());
    let status = http::StatusCode::from_u16(hint.status);
    *response.status_mut() = status.unwrap_or(http::StatusCode::EARLY_HINTS);
    *response.headers_mut() = header_map(&hint.fields);
    respond.send_informational(response).map_err(|_| Gone)
}

/// A head as HTTP/2 has it. `lines` are a status line and fields, as HTTP/1.1 has them.
fn response(status: u16, lines: &[u8]) -> http::Response<()> {
    let mut response = http::Response::new(());
    let known = http::StatusCode::from_u16(status);
    *response.status_mut() = known.unwrap_or(http::StatusCode::BAD_GATEWAY);
    let headers = response.headers_mut();
    headers.reserve(24);
    for line in lines.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_keeps_its_fields_and_their_order() {
        let lines = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nEtag: \"a:b\"\r\nX-A: 2\r\n";
        let response = response(200, lines);
        assert_eq!(response.status(), 200);
        let values: Vec<_> = response.headers().get_all("x-a").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(response.headers()["etag"], "\"a:b\"");
    }
}
