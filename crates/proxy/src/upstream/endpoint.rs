//! One server of an origin: its turns, its connections, one request and the head of its response.

use super::body::{Coming, RequestBody, ResponseBody};
use super::connect::{connect, open};
use super::exchange::{Early, Response};
use super::gate::{Gate, Turn};
use super::health::Health;
use super::link::{Link, Lost};
use super::long::LongStreams;
use super::pool::Pool;
use super::reach::Reach;
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
use policy::media_type::is_event_stream;
use policy::name::Name;
use policy::request::Method;
use policy::time::Timestamp;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// How often a request is sent anew that the origin refuses unread.
const MOST_REFUSALS: usize = 3;

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
    /// Whether it speaks against the server: that a kept connection was closed does not.
    pub counts: bool,
}

impl EndpointShared {
    /// A server with its limits.
    pub fn new(
        address: OriginAddress,
        tls: Option<OriginTls>,
        limits: Arc<OriginLimits>,
        long: LongStreams,
        reach: Reach,
    ) -> EndpointShared {
        let gate = Gate::new(&limits);
        let resolver = Arc::new(Resolver::new(address, reach));
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

    /// Waits for a turn at it.
    ///
    /// # Errors
    /// When too many wait already, or no turn comes in time.
    pub async fn enter(&self) -> Result<Turn, Error> {
        self.shared.gate.enter(&self.shared.limits).await
    }

    /// Asks whether it is well, which takes no request's turn and no request's connection.
    ///
    /// # Errors
    /// Why there is no response.
    pub async fn check(&self, outgoing: &Outgoing, clock: &Clock) -> Result<Response, Failed> {
        let EndpointShared { limits, gate, resolver, tls, .. } = &*self.shared;
        let turn = gate.enter_for_check().map_err(Failed::touched)?;
        let asked = clock.now();
        let request = self.prepare(outgoing, RequestBody::Empty, None)?;
        let link = connect(limits, resolver, tls.as_ref()).await;
        let mut link = link.map_err(Failed::touched)?;
        match self.try_send(&mut link, request).await? {
            // The connection ends with the check.
            Sent::Answered(response) => self.response(None, response, turn, asked, clock, outgoing),
            Sent::Back(_) | Sent::Lost | Sent::Refused => {
                Err(Failed::touched(Error::OriginDropped))
            }
        }
    }

    /// Sends a request and waits for the head of its response. One that may be repeated and
    /// meets a kept connection which the origin has just closed is sent once more on a new one, if
    /// `again` says that there may be one more; where there is no `again`, there are others to ask.
    ///
    /// # Errors
    /// Why there is no response.
    pub async fn send(
        &self,
        turn: Turn,
        outgoing: &Outgoing,
        body: RequestBody,
        early: Option<&Early>,
        clock: &Clock,
        again: Option<&dyn Fn() -> bool>,
    ) -> Result<Response, Failed> {
        let limits = &self.shared.limits;
        let asked = clock.now();
        let is_empty = body.is_empty();
        let repeatable = is_empty && outgoing.method.is_idempotent();
        let mut request = self.prepare(outgoing, body, early)?;
        let mut is_repeated = false;
        if let Some(mut link) = self.pool.take(limits) {
            match self.try_send(&mut link, request).await? {
                Sent::Answered(response) => {
                    return self.response(Some(link), response, turn, asked, clock, outgoing);
                }
                Sent::Back(unsent) => request = *unsent,
                Sent::Refused if is_empty => {
                    request = self.prepare(outgoing, RequestBody::Empty, early)?;
                }
                Sent::Lost if repeatable && again.is_some_and(|again| again()) => {
                    is_repeated = true;
                    request = self.prepare(outgoing, RequestBody::Empty, early)?;
                }
                Sent::Lost | Sent::Refused => return Err(Failed::dropped(repeatable)),
            }
        }
        // Boxed, since most exchanges find a connection and each waiting one has its size.
        let sending = self.send_anew(request, outgoing, early, is_empty);
        let (link, response) = Box::pin(sending).await.map_err(|failed| {
            let is_untouched = failed.is_untouched && !is_repeated;
            Failed { is_untouched, ..failed }
        })?;
        self.response(Some(link), response, turn, asked, clock, outgoing)
    }

    /// Sends a request on a connection that is new, or was made meanwhile. What the origin refuses
    /// unread (RFC 9113 §8.7) is sent again, whatever its method.
    async fn send_anew(
        &self,
        mut request: http::Request<RequestBody>,
        outgoing: &Outgoing,
        early: Option<&Early>,
        is_empty: bool,
    ) -> Result<(Link, http::Response<Incoming>), Failed> {
        let EndpointShared { limits, resolver, tls, .. } = &*self.shared;
        for _refused in 0..MOST_REFUSALS {
            let found = self.pool.connect(limits, resolver, tls.as_ref()).await;
            let mut link = found.map_err(Failed::untouched)?;
            match self.try_send(&mut link, request).await? {
                Sent::Answered(response) => return Ok((link, response)),
                Sent::Refused if is_empty => {
                    request = self.prepare(outgoing, RequestBody::Empty, early)?;
                }
                Sent::Back(_) | Sent::Lost | Sent::Refused => break,
            }
        }
        Err(Failed::untouched(Error::OriginDropped))
    }

    /// Asks to go on in another protocol, on a connection of its own.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn upgrade(
        &self,
        turn: Turn,
        outgoing: &Outgoing,
        early: Option<&Early>,
        clock: &Clock,
    ) -> Result<Either, Failed> {
        let EndpointShared { limits, resolver, tls, long, .. } = &*self.shared;
        // Before the origin is at work for nothing.
        let place = long.enter().map_err(Failed::touched)?;
        let asked = clock.now();
        let request = self.prepare(outgoing, RequestBody::Empty, early)?;
        let (wire, tls) = open(limits, resolver, tls.as_ref()).await.map_err(Failed::untouched)?;
        let asking = Box::pin(upgrade::ask(wire, tls, limits, request));
        let answer = tokio::time::timeout(limits.first_byte_timeout, asking).await;
        let answer = answer.unwrap_or(Err(Error::OriginTimeout)).map_err(Failed::touched)?;
        match answer {
            Upgraded::Answered(response) => {
                let response = self.response(None, response, turn, asked, clock, outgoing);
                response.map(Either::Response)
            }
            Upgraded::Switched(head, io, begun) => {
                // What lasts gives its turn to requests.
                drop(turn);
                let mut fields = fields(&head.headers);
                let protocol: Box<str> = fields.text(Name::Upgrade).unwrap_or_default().into();
                let is_asked = outgoing
                    .upgrade
                    .as_ref()
                    .is_some_and(|asked| asked.eq_ignore_ascii_case(&protocol));
                if !is_asked {
                    let what = "an upgrade to another protocol than was asked for".to_owned();
                    return Err(Failed::touched(Error::OriginMalformed(what)));
                }
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
            Err(Lost::Refused) => Ok(Sent::Refused),
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
            true => (long.enter().map_err(Failed::touched)?, long.idle()),
            false => (turn, limits.between_bytes_timeout),
        };
        let (pool, turn) = (self.pool.clone(), Some(turn));
        let bodiless = outgoing.method == Method::Head || is_bodiless(head.status.as_u16());
        let left = length.filter(|_| !bodiless);
        let body = Coming { incoming, link, pool, limits, patience, left, turn };
        Ok(Response {
            status: head.status.as_u16(),
            fields,
            length,
            exchange: Exchange { asked, answered },
            lineage: None,
            is_provisional: false,
            stood_in: None,
            body: ResponseBody::Coming(body),
        })
    }
}

impl Failed {
    fn touched(error: Error) -> Failed {
        Failed { error, is_untouched: false, counts: true }
    }

    /// Nothing was sent.
    pub fn untouched(error: Error) -> Failed {
        Failed { error, is_untouched: true, counts: true }
    }

    /// A kept connection was closed before the first byte of a response.
    fn dropped(is_untouched: bool) -> Failed {
        Failed { error: Error::OriginDropped, is_untouched, counts: false }
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

/// What became of a request on one connection.
enum Sent {
    Answered(http::Response<Incoming>),
    /// It never left.
    Back(Box<http::Request<RequestBody>>),
    /// The connection closed before the first byte of a response.
    Lost,
    /// The origin did not read it.
    Refused,
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
