//! One request to an origin and its response head.

use super::body::{RequestBody, ResponseBody};
use super::connect::connect;
use super::gate::Gate;
use super::pool::Pool;
use super::request::{Outgoing, fields};
use super::resolve::Resolver;
use crate::clock::Clock;
use crate::error::Error;
use crate::metrics::SiteCounters;
use crate::settings::{OriginAddress, OriginLimits};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use policy::fields::Fields;
use policy::freshness::Exchange;
use policy::name::Name;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Takes interim responses (1xx) as they come: status and fields.
pub type Early = Arc<dyn Fn(u16, &Fields) + Send + Sync>;

/// One origin, as all cores share it.
#[derive(Debug)]
pub struct UpstreamShared {
    limits: Arc<OriginLimits>,
    gate: Gate,
    resolver: Arc<Resolver>,
}

/// One origin, as one core has it.
#[derive(Clone, Debug)]
pub struct Upstream {
    shared: Arc<UpstreamShared>,
    pool: Rc<Pool>,
}

/// A response whose body is still to come.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The fields, less those of the connection.
    pub fields: Fields,
    /// The announced length of the body.
    pub length: Option<u64>,
    /// When it was asked for and came.
    pub exchange: Exchange,
    /// The body.
    pub body: ResponseBody,
}

impl UpstreamShared {
    /// An origin with its limits.
    pub fn new(address: OriginAddress, limits: Arc<OriginLimits>) -> UpstreamShared {
        let gate = Gate::new(&limits);
        UpstreamShared { limits, gate, resolver: Arc::new(Resolver::new(address)) }
    }
}

impl Upstream {
    /// A core's own view, with its own connections.
    pub fn new(shared: Arc<UpstreamShared>) -> Upstream {
        Upstream { shared, pool: Rc::default() }
    }

    /// Closes connections that have been idle too long.
    pub fn sweep(&self) {
        self.pool.sweep(&self.shared.limits);
    }

    /// Sends a request and waits for the head of its response. One that may be repeated and
    /// meets a kept connection which the origin has just closed is sent once more on a new one.
    ///
    /// # Errors
    /// Why there is no response.
    pub async fn exchange(
        &self,
        outgoing: &Outgoing,
        body: RequestBody,
        early: Option<Early>,
        clock: &Clock,
        counters: &SiteCounters,
    ) -> Result<Response, Error> {
        counters.origin_requests.one();
        let started = Instant::now();
        let found = self.send(outgoing, body, early, clock).await;
        match &found {
            Ok(_) => counters.origin_times.record(started.elapsed()),
            Err(_) => counters.origin_failures.one(),
        }
        found
    }

    async fn send(
        &self,
        outgoing: &Outgoing,
        body: RequestBody,
        early: Option<Early>,
        clock: &Clock,
    ) -> Result<Response, Error> {
        let limits = &self.shared.limits;
        let turn = self.shared.gate.enter(limits).await?;
        let asked = clock.now();
        let repeatable = body.is_empty() && outgoing.method.is_idempotent();
        let mut request = prepare(outgoing, body, &early)?;
        if let Some(sender) = self.pool.take(limits) {
            match self.try_send(sender, request).await? {
                Sent::Answered(sender, response) => {
                    return self.response(sender, response, turn, asked, clock);
                }
                Sent::Back(unsent) => request = *unsent,
                Sent::Lost if repeatable => {
                    request = prepare(outgoing, RequestBody::Empty, &early)?
                }
                Sent::Lost => return Err(Error::OriginDropped),
            }
        }
        let sender = connect(limits, &self.shared.resolver).await?;
        match self.try_send(sender, request).await? {
            Sent::Answered(sender, response) => self.response(sender, response, turn, asked, clock),
            Sent::Back(_) | Sent::Lost => Err(Error::OriginDropped),
        }
    }

    /// Sends on one connection.
    async fn try_send(
        &self,
        mut sender: SendRequest<RequestBody>,
        request: http::Request<RequestBody>,
    ) -> Result<Sent, Error> {
        let patience = self.shared.limits.first_byte_timeout;
        let progress = request.body().progress();
        let sending = sender.try_send_request(request);
        let mut answer = std::pin::pin!(sending);
        let mut until = Instant::now() + patience;
        let answer = loop {
            match tokio::time::timeout_at(until.into(), &mut answer).await {
                Ok(answer) => break answer,
                // A body that goes on being sent puts the time off: it counts from its last byte.
                Err(_) => match progress.as_ref().map(|last| last.get() + patience) {
                    Some(later) if later > Instant::now() => until = later,
                    _ => return Err(Error::OriginTimeout),
                },
            }
        };
        match answer {
            Ok(response) => Ok(Sent::Answered(sender, response)),
            Err(mut failed) => match failed.take_message() {
                Some(unsent) => Ok(Sent::Back(Box::new(unsent))),
                None => lost(failed.into_error()),
            },
        }
    }

    fn response(
        &self,
        sender: SendRequest<RequestBody>,
        response: http::Response<Incoming>,
        turn: super::gate::Turn,
        asked: policy::time::Timestamp,
        clock: &Clock,
    ) -> Result<Response, Error> {
        let (head, incoming) = response.into_parts();
        let mut fields = fields(&head.headers);
        refuse_double_framing(head.status, &fields)?;
        let length = fields.text(Name::ContentLength).and_then(|text| text.parse().ok());
        remove_connection_fields(&mut fields);
        let answered = clock.now();
        if !fields.has(Name::Date) {
            // Whoever passes a response on without one adds when it came (RFC 9110 §6.6.1).
            fields.add(Name::Date, answered.to_http());
        }
        let limits = self.shared.limits.clone();
        let body = ResponseBody {
            incoming,
            sender: Some(sender),
            pool: self.pool.clone(),
            limits,
            turn: Some(turn),
        };
        Ok(Response {
            status: head.status.as_u16(),
            fields,
            length,
            exchange: Exchange { asked, answered },
            body,
        })
    }
}

/// What became of a request on one connection.
enum Sent {
    Answered(SendRequest<RequestBody>, http::Response<Incoming>),
    /// It never left.
    Back(Box<http::Request<RequestBody>>),
    /// The connection closed before the first byte of a response.
    Lost,
}

fn lost(error: hyper::Error) -> Result<Sent, Error> {
    if error.is_parse_too_large() {
        return Err(Error::OriginHeadTooLarge);
    }
    if error.is_parse() {
        return Err(Error::OriginMalformed(error.to_string()));
    }
    if error.is_user() {
        // The only thing of ours that can fail is the client's body.
        return Err(Error::ClientGone);
    }
    Ok(Sent::Lost)
}

fn prepare(
    outgoing: &Outgoing,
    body: RequestBody,
    early: &Option<Early>,
) -> Result<http::Request<RequestBody>, Error> {
    let mut request = outgoing.to_http(body)?;
    if let Some(early) = early.clone() {
        hyper::ext::on_informational(&mut request, move |response| {
            early(response.status().as_u16(), &fields(response.headers()));
        });
    }
    Ok(request)
}

/// Refuses a response whose end two readers would see in two places (RFC 9112 §6.3), one in a
/// coding that is not undone here, and an upgrade, which is never asked for.
fn refuse_double_framing(status: http::StatusCode, fields: &Fields) -> Result<(), Error> {
    let malformed = |what: &str| Err(Error::OriginMalformed(what.to_owned()));
    if status == http::StatusCode::SWITCHING_PROTOCOLS {
        return malformed("an upgrade that was not asked for");
    }
    let mut codings = fields.members(Name::TransferEncoding);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(_), _) if fields.has(Name::ContentLength) => {
            malformed("both Content-Length and Transfer-Encoding")
        }
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => malformed("a transfer coding other than chunked"),
    }
}

/// Removes the fields that speak of the connection to the origin (RFC 9110 §7.6.1).
fn remove_connection_fields(headers: &mut Fields) {
    let listed: Vec<String> = headers
        .members(Name::Connection)
        .map(|member| String::from_utf8_lossy(member).to_ascii_lowercase())
        .collect();
    headers
        .retain(|field| !field.id.is_hop_by_hop() && !listed.iter().any(|name| name == field.name));
}
