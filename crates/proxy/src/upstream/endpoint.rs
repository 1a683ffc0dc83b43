//! One server of an origin: its turns, its connections, one request and the head of its response.

use super::body::{RequestBody, ResponseBody};
use super::connect::open;
use super::exchange::{Early, Response};
use super::gate::{Gate, Turn};
use super::health::Health;
use super::link::{Link, Lost};
use super::long::LongStreams;
use super::pool::Pool;
use super::request::{Outgoing, fields};
use super::resolve::Resolver;
use super::upgrade::{self, Tunnel, Upgraded};
use crate::clock::Clock;
use crate::error::Error;
use crate::http1::status::is_bodiless;
use crate::settings::{OriginAddress, OriginLimits, OriginTls};
use hyper::body::Incoming;
use policy::fields::Fields;
use policy::freshness::Exchange;
use policy::name::Name;
use policy::request::Method;
use policy::time::Timestamp;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// A server, as all cores share it.
#[derive(Debug)]
pub struct EndpointShared {
    limits: Arc<OriginLimits>,
    gate: Gate,
    resolver: Arc<Resolver>,
    tls: Option<OriginTls>,
    long: LongStreams,
    /// Whether it is well.
    pub health: Health,
}

/// A server, as one core has it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    shared: Arc<EndpointShared>,
    pool: Rc<Pool>,
}

/// Why an endpoint gave no response.
#[derive(Debug)]
pub struct Failed {
    /// What failed.
    pub error: Error,
    /// Whether no byte of a response came, so that the request may be asked elsewhere.
    pub is_untouched: bool,
}

impl EndpointShared {
    /// A server with its limits.
    pub fn new(
        address: OriginAddress,
        tls: Option<OriginTls>,
        limits: Arc<OriginLimits>,
        long: LongStreams,
    ) -> EndpointShared {
        let gate = Gate::new(&limits);
        let resolver = Arc::new(Resolver::new(address));
        EndpointShared { limits, gate, resolver, tls, long, health: Health::default() }
    }

    /// Where it is.
    pub fn address(&self) -> &OriginAddress {
        self.resolver.origin()
    }
}

impl Endpoint {
    /// A core's own view, with its own connections.
    pub fn new(shared: Arc<EndpointShared>) -> Endpoint {
        Endpoint { shared, pool: Rc::default() }
    }

    /// What all cores share of it.
    pub fn shared(&self) -> &EndpointShared {
        &self.shared
    }

    /// Whether all its turns are taken.
    pub fn is_busy(&self) -> bool {
        self.shared.gate.is_full()
    }

    /// Closes what is idle, and keeps no connection from now on.
    pub fn retire(&self) {
        self.pool.retire();
    }

    /// Closes connections that have been idle too long.
    pub fn sweep(&self) {
        self.pool.sweep(&self.shared.limits);
    }

    /// Sends a request and waits for the head of its response. One that may be repeated and
    /// meets a kept connection which the origin has just closed is sent once more on a new one, if
    /// `again` says that there may be one more.
    ///
    /// # Errors
    /// Why there is no response.
    pub async fn send(
        &self,
        outgoing: &Outgoing,
        body: RequestBody,
        early: Option<&Early>,
        clock: &Clock,
        again: &dyn Fn() -> bool,
    ) -> Result<Response, Failed> {
        let EndpointShared { limits, gate, resolver, tls, .. } = &*self.shared;
        let turn = gate.enter(limits).await.map_err(Failed::touched)?;
        let asked = clock.now();
        let repeatable = body.is_empty() && outgoing.method.is_idempotent();
        let mut request = self.prepare(outgoing, body, early)?;
        let mut is_repeated = false;
        if let Some(mut link) = self.pool.take(limits) {
            match self.try_send(&mut link, request).await? {
                Sent::Answered(response) => {
                    return self.response(Some(link), response, turn, asked, clock, outgoing);
                }
                Sent::Back(unsent) => request = *unsent,
                Sent::Lost if repeatable && again() => {
                    is_repeated = true;
                    request = self.prepare(outgoing, RequestBody::Empty, early)?;
                }
                Sent::Lost => return Err(Failed::touched(Error::OriginDropped)),
            }
        }
        // Boxed, since most exchanges find a connection and each waiting one has its size.
        let found = Box::pin(self.pool.connect(limits, resolver, tls.as_ref())).await;
        let failed = |error| Failed { error, is_untouched: !is_repeated };
        let mut link = found.map_err(failed)?;
        match self.try_send(&mut link, request).await? {
            Sent::Answered(response) => {
                self.response(Some(link), response, turn, asked, clock, outgoing)
            }
            Sent::Back(_) | Sent::Lost => Err(failed(Error::OriginDropped)),
        }
    }

    /// Asks to go on in another protocol, on a connection of its own.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn upgrade(
        &self,
        outgoing: &Outgoing,
        early: Option<&Early>,
        clock: &Clock,
    ) -> Result<Either, Failed> {
        let EndpointShared { limits, gate, resolver, tls, long, .. } = &*self.shared;
        let turn = gate.enter(limits).await.map_err(Failed::touched)?;
        let asked = clock.now();
        let request = self.prepare(outgoing, RequestBody::Empty, early)?;
        let asking = async {
            let (wire, tls) = open(limits, resolver, tls.as_ref()).await?;
            upgrade::ask(wire, tls, limits, request).await
        };
        let answer = tokio::time::timeout(limits.first_byte_timeout, Box::pin(asking)).await;
        let answer = answer.unwrap_or(Err(Error::OriginTimeout)).map_err(Failed::touched)?;
        match answer {
            Upgraded::Answered(response) => {
                let response = self.response(None, response, turn, asked, clock, outgoing);
                response.map(Either::Response)
            }
            Upgraded::Switched(head, io, begun) => {
                // What lasts gives its turn to requests.
                let place = long.enter().map_err(Failed::touched)?;
                drop(turn);
                let mut fields = fields(&head.headers);
                let protocol = fields.text(Name::Upgrade).unwrap_or_default().into();
                remove_connection_fields(&mut fields);
                Ok(Either::Switched { fields, protocol, tunnel: Tunnel { io, begun, place } })
            }
        }
    }

    fn prepare(
        &self,
        outgoing: &Outgoing,
        body: RequestBody,
        early: Option<&Early>,
    ) -> Result<http::Request<RequestBody>, Failed> {
        let request = outgoing.to_http(body, self.shared.address());
        let mut request = request.map_err(Failed::touched)?;
        if let Some(early) = early.cloned() {
            hyper::ext::on_informational(&mut request, move |response| {
                early(response.status().as_u16(), &fields(response.headers()));
            });
        }
        Ok(request)
    }

    /// Sends on one connection.
    async fn try_send(
        &self,
        link: &mut Link,
        request: http::Request<RequestBody>,
    ) -> Result<Sent, Failed> {
        let patience = self.shared.limits.first_byte_timeout;
        let progress = request.body().progress();
        let mut until = Instant::now() + patience;
        let answer = {
            let mut answer = std::pin::pin!(link.send(request));
            loop {
                match tokio::time::timeout_at(until.into(), &mut answer).await {
                    Ok(answer) => break Some(answer),
                    // A body that goes on being sent puts the time off: it counts from its last
                    // byte.
                    Err(_) => match progress.as_ref().map(|last| last.get() + patience) {
                        Some(later) if later > Instant::now() => until = later,
                        _ => break None,
                    },
                }
            }
        };
        let Some(answer) = answer else {
            self.pool.distrust(link);
            return Err(Failed::touched(Error::OriginTimeout));
        };
        match answer {
            Ok(response) => Ok(Sent::Answered(response)),
            Err(Lost::Unsent(unsent)) => Ok(Sent::Back(unsent)),
            Err(Lost::Silent) => Ok(Sent::Lost),
            Err(Lost::Broken(error)) => Err(Failed::touched(error)),
        }
    }

    fn response(
        &self,
        link: Option<Link>,
        response: http::Response<Incoming>,
        turn: Turn,
        asked: Timestamp,
        clock: &Clock,
        outgoing: &Outgoing,
    ) -> Result<Response, Failed> {
        let (head, incoming) = response.into_parts();
        let mut fields = fields(&head.headers);
        refuse_double_framing(head.status, &fields).map_err(Failed::touched)?;
        let length = fields.text(Name::ContentLength).and_then(|text| text.parse().ok());
        remove_connection_fields(&mut fields);
        let answered = clock.now();
        if !fields.has(Name::Date) {
            // Whoever passes a response on without one adds when it came (RFC 9110 §6.6.1).
            fields.add(Name::Date, answered.to_http());
        }
        let limits = self.shared.limits.clone();
        let EndpointShared { long, .. } = &*self.shared;
        // Events come when they come, and the stream gives its turn to requests.
        let (turn, patience) = match is_event_stream(&fields) {
            true => (long.enter().map_err(Failed::touched)?, long.idle),
            false => (turn, limits.between_bytes_timeout),
        };
        let (pool, turn) = (self.pool.clone(), Some(turn));
        let bodiless = outgoing.method == Method::Head || is_bodiless(head.status.as_u16());
        let left = length.filter(|_| !bodiless);
        let body = ResponseBody { incoming, link, pool, limits, patience, left, turn };
        Ok(Response {
            status: head.status.as_u16(),
            fields,
            length,
            exchange: Exchange { asked, answered },
            body,
        })
    }
}

impl Failed {
    fn touched(error: Error) -> Failed {
        Failed { error, is_untouched: false }
    }
}

/// What an origin answers to who wants to go on in another protocol.
pub enum Either {
    /// It does not.
    Response(Response),
    /// It does.
    Switched {
        /// The fields of its 101.
        fields: Fields,
        /// The protocol that it chose.
        protocol: Box<str>,
        /// Its end.
        tunnel: Tunnel,
    },
}

/// Whether events are streamed: what comes is to go on at once, and lasts.
pub fn is_event_stream(fields: &Fields) -> bool {
    let kind = fields.get(Name::ContentType).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

/// What became of a request on one connection.
enum Sent {
    Answered(http::Response<Incoming>),
    /// It never left.
    Back(Box<http::Request<RequestBody>>),
    /// The connection closed before the first byte of a response.
    Lost,
}

/// Refuses a response whose end two readers would see in two places (RFC 9112 §6.3), one in a
/// coding that is not undone here, and an upgrade that was not asked for.
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
