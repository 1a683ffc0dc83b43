//! The task that writes a fill: asks the origin, decides on the response, stores and hands on.

use super::{Fill, Flowing, Head, Reader};
use crate::compress::Wish;
use crate::core::{Core, SiteOnCore};
use crate::error::Error;
use crate::heads;
use crate::resume;
use crate::upstream::request::{Client, Outgoing, make_anonymous, outgoing};
use crate::upstream::{Early, RequestBody, Response, ResponsePiece};
use policy::admission::{self, Admission, Confirmation, Offer};
use policy::coding;
use policy::conditional;
use policy::key::Key;
use policy::meta::Meta;
use policy::name::Name;
use policy::purge::Born;
use policy::reason::WhySkip;
use policy::reply;
use policy::request::{Method, Request};
use policy::rule::Rule;
use policy::time::Seconds;
use policy::vary::Variant;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::{Departure, Entry, Renewed, Writer};
use tokio::sync::mpsc::Sender;

/// How long a body of unknown length that nobody reads any more may be silent before it is given up.
pub const UNREAD: Duration = Duration::from_secs(5);

/// All that is needed to ask an origin for one thing and to keep the answer.
#[derive(Clone, Debug)]
pub struct Errand {
    /// The core that runs it.
    pub core: Rc<Core>,
    /// The site.
    pub site: Rc<SiteOnCore>,
    /// The client's request.
    pub request: Rc<Request>,
    /// Who asks.
    pub client: Client,
    /// The key.
    pub key: Key,
    /// Where requests like this one find each other.
    pub variant: Variant,
    /// What is stored for such requests.
    pub stored: Option<Arc<Entry>>,
}

/// Under which conditions the origin is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditions {
    /// With the validators of what is stored; without any where nothing is.
    Ours,
    /// With those of the client, and its ranges.
    Clients,
}

/// What came of asking.
#[derive(Debug)]
pub enum Arrival {
    /// What is stored is good again.
    Confirmed(Arc<Entry>, Option<WhySkip>),
    /// A response.
    Response(Box<Response>),
}

/// Leads a fill: runs it beside the request that began it. Interim responses go to `early`, which
/// is that request's: they may be as private as the final one turns out to be.
pub fn lead(mut errand: Errand, fill: Arc<Fill>, early: Early) {
    if errand.request.method != Method::Get {
        Rc::make_mut(&mut errand.request).method = Method::Get;
    }
    let end = EndOnDrop::new(&errand, &fill);
    tokio::task::spawn_local(async move {
        run(errand, fill, Some(early)).await;
        drop(end);
    });
}

/// Runs a fill for nobody in particular: no cookies, no credentials, no address, none of the
/// wishes of the request that gave the occasion.
pub async fn fill_in_background(mut errand: Errand, fill: Arc<Fill>) {
    let site = errand.site.clone();
    let rule = site.settings.site.rule_for(&errand.request);
    let mut request = Request::clone(&errand.request);
    request.method = Method::Get;
    conditional::remove_conditions(&mut request.fields);
    for name in [Name::CacheControl, Name::IfMatch, Name::IfUnmodifiedSince, Name::Pragma] {
        request.fields.remove(name);
    }
    make_anonymous(&mut request.fields, rule);
    errand.request = Rc::new(request);
    errand.client.is_told = false;
    run(errand, fill, None).await;
}

async fn run(errand: Errand, fill: Arc<Fill>, early: Option<Early>) {
    let arrival = tokio::select! {
        biased;
        arrival = errand.ask(Conditions::Ours, fill.departure(), early) => arrival,
        // Its turn is for those who wait.
        () = fill.is_left_without_a_place(&errand.site.upstream) => Err(Error::OriginDropped),
    };
    match arrival {
        Err(error) => fill.begin(Head::Failed(error), false, false),
        Ok(Arrival::Confirmed(entry, skipped)) => {
            fill.begin(Head::Confirmed { entry, skipped }, false, false);
        }
        Ok(Arrival::Response(response)) => flow(&errand, &fill, *response).await,
    }
}

/// However its task ends, even before it began, nobody goes on waiting for a fill; and the core
/// does not stop before, since readers may be on other cores.
pub struct EndOnDrop {
    errand: Errand,
    fill: Arc<Fill>,
    _running: Option<Sender<()>>,
}

impl EndOnDrop {
    /// Made before the task is.
    pub fn new(errand: &Errand, fill: &Arc<Fill>) -> EndOnDrop {
        let _running = errand.core.stay();
        EndOnDrop { errand: errand.clone(), fill: fill.clone(), _running }
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        let Errand { core, key, variant, .. } = &self.errand;
        core.shared.fills.leave(key.as_ref(), variant, &self.fill);
        if !self.fill.has_ended() {
            self.fill.end(Err(()));
        }
    }
}

/// Hands on a response that one request got for itself and that may be stored: it is stored at
/// the origin's pace, not at that of its client.
pub fn keep_alone(
    errand: Errand,
    departure: Departure,
    response: Response,
    meta: Box<Meta>,
    writer: Writer,
) -> (Arc<Flowing>, Reader) {
    let limits = errand.core.shared.fill_limits(false);
    let fill = Arc::new(Fill::new(departure, limits));
    let reader = fill.first_reader();
    let flowing = errand.flowing(&response, Ok(meta), Some(&writer));
    fill.begin(Head::Flowing(flowing.clone()), false, true);
    let end = EndOnDrop::new(&errand, &fill);
    let head = flowing.clone();
    tokio::task::spawn_local(async move {
        body(&errand, &fill, response, &head, Some(writer)).await;
        drop(end);
    });
    (flowing, reader)
}

/// Decides on a response, says how it begins, and hands its body on.
async fn flow(errand: &Errand, fill: &Arc<Fill>, response: Response) {
    let (decision, writer) = errand.admit(&response, fill.departure());
    let is_shared = decision.as_ref().is_ok_and(|meta| admission::is_shareable(meta));
    if !is_shared {
        let Errand { core, key, variant, .. } = errand;
        core.shared.fills.leave(key.as_ref(), variant, fill);
    }
    let flowing = errand.flowing(&response, decision, writer.as_ref());
    fill.begin(Head::Flowing(flowing.clone()), is_shared, writer.is_some());
    body(errand, fill, response, &flowing, writer).await;
}

/// Hands a body on and stores it, if there is a writer.
async fn body(
    errand: &Errand,
    fill: &Arc<Fill>,
    response: Response,
    head: &Flowing,
    mut writer: Option<Writer>,
) {
    let mut body = response.body;
    loop {
        let piece = tokio::select! {
            biased;
            piece = body.next() => piece,
            // What is not stored is for those who read it; an origin may be silent for long.
            () = fill.is_left(), if writer.is_none() => return,
            // Nor does anybody know when a body of unknown length ends.
            () = fill.is_left_for(UNREAD), if writer.is_some() && head.length.is_none() => return,
        };
        match piece {
            Ok(ResponsePiece::Data(chunk)) => {
                let refused = match &mut writer {
                    Some(writer) => writer.push(chunk.clone()).await.err(),
                    None => None,
                };
                // A writer that is of no more use counts until its chunks are read.
                let spent = refused.and_then(|why| {
                    errand.skip(why, head.status);
                    fill.keep_window_only();
                    writer.take()
                });
                if let Some(file) = writer.as_ref().and_then(Writer::file) {
                    fill.goes_to(file);
                }
                if !fill.push(chunk, head.length).await {
                    return;
                }
                drop(spent);
            }
            Ok(ResponsePiece::End(trailers)) => {
                if let (Some(writer), Ok(meta)) = (writer, &head.admission) {
                    match errand.keep(writer, (**meta).clone(), fill.departure()).await {
                        Ok(entry) => fill.is_stored_as(entry.body.clone(), Some(entry)),
                        Err(why) => errand.skip(why, head.status),
                    }
                }
                return fill.end(Ok(trailers));
            }
            Err(_) => {
                if writer.is_some() {
                    errand.skip(WhySkip::Incomplete, head.status);
                }
                return fill.breaks_off(writer);
            }
        }
    }
}

impl Errand {
    /// The rule for the request.
    pub fn rule(&self) -> &Rule {
        self.site.settings.site.rule_for(&self.request)
    }

    /// Asks the origin. A 304 to our own validators is turned into what it confirms; one that
    /// speaks of something else is asked again without conditions (RFC 9111 §4.3.4).
    ///
    /// # Errors
    /// Why there is no response.
    pub async fn ask(
        &self,
        conditions: Conditions,
        departure: &Departure,
        early: Option<Early>,
    ) -> Result<Arrival, Error> {
        let stored = self.stored.as_ref().filter(|_| conditions == Conditions::Ours);
        let validates = stored.filter(|entry| conditional::has_validator(&entry.meta.fields));
        let counters = &self.site.counters;
        if validates.is_some() {
            counters.revalidated.one();
        }
        let response = self.ask_under(conditions, validates, early.clone()).await?;
        let (Some(entry), 304) = (validates, response.status) else {
            return Ok(Arrival::Response(Box::new(response)));
        };
        let mut response = response;
        response.body.finish();
        counters.unchanged.one();
        match admission::confirmation(&self.offer(&response, departure.born()), &entry.meta) {
            Confirmation::Update(meta) => {
                let renewed = self.renewed(*meta);
                let kept = self.core.shared.store.refresh(&self.key, entry, renewed, departure);
                Ok(Arrival::Confirmed(kept, None))
            }
            Confirmation::ServeOnce(meta, why) => {
                let renewed = self.renewed(*meta);
                let store = &self.core.shared.store;
                store.invalidate(self.key.as_ref().url());
                self.skip(why, response.status);
                Ok(Arrival::Confirmed(store.detached(entry, renewed), Some(why)))
            }
            Confirmation::Mismatch => {
                let response = self.ask_under(conditions, None, early).await?;
                Ok(Arrival::Response(Box::new(response)))
            }
        }
    }

    /// Asks for the rest of a response of which `offset` bytes were sent, under its validator.
    ///
    /// # Errors
    /// Why there is no response.
    pub async fn ask_rest(&self, offset: u64, tag: &[u8]) -> Result<Response, Error> {
        let mut out = self.outgoing();
        conditional::remove_conditions(&mut out.fields);
        resume::conditions(&mut out.fields, offset, tag);
        self.send(&out, None).await
    }

    async fn ask_under(
        &self,
        conditions: Conditions,
        validates: Option<&Arc<Entry>>,
        early: Option<Early>,
    ) -> Result<Response, Error> {
        let mut out = self.outgoing();
        match (conditions, validates) {
            (Conditions::Ours, Some(entry)) => {
                conditional::make_conditional(&mut out.fields, &entry.meta.fields);
            }
            (Conditions::Ours, None) => conditional::remove_conditions(&mut out.fields),
            (Conditions::Clients, _) => {}
        }
        self.send(&out, early).await
    }

    fn outgoing(&self) -> Outgoing {
        let node = &self.core.shared.settings.node;
        outgoing(&self.site.settings, self.rule(), &self.request, self.client, node, true)
    }

    async fn send(&self, out: &Outgoing, early: Option<Early>) -> Result<Response, Error> {
        let shared = &self.core.shared;
        let counters = &self.site.counters;
        self.site.upstream.exchange(out, RequestBody::Empty, early, &shared.clock, counters).await
    }

    /// Decides whether a response is stored, and begins to store it.
    pub fn admit(
        &self,
        response: &Response,
        departure: &Departure,
    ) -> (Result<Box<Meta>, WhySkip>, Option<Writer>) {
        let shared = &self.core.shared;
        let decision = self.decide(response, departure).and_then(|meta| {
            let writer = shared.store.begin(&self.key, response.length)?;
            Ok((meta, writer))
        });
        match decision {
            Ok((meta, writer)) => {
                if !admission::is_shareable(&meta) {
                    self.mark();
                } else if !departure.is_overtaken() {
                    shared.marks.clear(self.key.as_ref().bytes());
                }
                (Ok(meta), Some(writer))
            }
            Err(why) => {
                self.skip(why, response.status);
                (Err(why), None)
            }
        }
    }

    fn decide(&self, response: &Response, departure: &Departure) -> Result<Box<Meta>, WhySkip> {
        match admission::admission(&self.offer(response, departure.born())) {
            Admission::Store(_) if response.status >= 500 && self.stored.is_some() => {
                Err(WhySkip::OlderKept)
            }
            Admission::Store(meta) => Ok(meta),
            Admission::Skip(why) => Err(why),
        }
    }

    fn flowing(
        &self,
        response: &Response,
        admission: Result<Box<Meta>, WhySkip>,
        writer: Option<&Writer>,
    ) -> Arc<Flowing> {
        let (site, rule) = (&self.site.settings.site, self.rule());
        let (status, fields) = (response.status, &response.fields);
        let has_forms = match &admission {
            Ok(meta) => meta.has_forms,
            Err(_) => coding::suits_passing(rule, status, fields),
        };
        let shown = reply::shown(site, rule, status, fields, has_forms);
        let body_id = writer.map(Writer::id);
        Arc::new(Flowing { status, shown, length: response.length, admission, body_id })
    }

    /// What `policy` is asked about a response.
    pub fn offer<'a>(&'a self, response: &'a Response, born: Born) -> Offer<'a> {
        Offer {
            site: &self.site.settings.site,
            rule: self.rule(),
            request: &self.request,
            status: response.status,
            fields: &response.fields,
            exchange: response.exchange,
            born,
        }
    }

    /// Makes a whole response visible.
    ///
    /// # Errors
    /// When the disk fails in the end.
    pub async fn keep(
        &self,
        writer: Writer,
        meta: Meta,
        departure: &Departure,
    ) -> Result<Arc<Entry>, WhySkip> {
        let length = writer.length();
        let heads = heads::prepared(&self.site.settings.site, self.rule(), &meta, length);
        writer.finish(&self.key, meta, heads, departure, self.stored.as_ref()).await
    }

    /// Counts a response that is not stored, and remembers its URL if the next will not be either;
    /// a failure of the origin says nothing about the next.
    pub fn skip(&self, why: WhySkip, status: u16) {
        self.core.counters.skipped(why);
        if why.is_lasting() && status < 500 {
            self.mark();
        }
    }

    fn mark(&self) {
        let shared = &self.core.shared;
        let ttl = Seconds::new(shared.settings.fill.uncacheable_ttl.as_secs());
        shared.marks.set(self.key.as_ref().bytes(), shared.clock.now().plus(ttl));
    }

    /// What a 304 or a HEAD makes of something stored.
    pub fn renewed(&self, meta: Meta) -> Renewed {
        let heads = heads::prepared(&self.site.settings.site, self.rule(), &meta, meta.body_bytes);
        let (site, request) = (self.site.clone(), self.request.clone());
        let form_head = Rc::new(move |meta: &Meta, coding, length| {
            let site = &site.settings.site;
            heads::coded(site, site.rule_for(&request), meta, coding, Some(length))
        });
        Renewed { meta, heads, form_head }
    }

    /// The same as one who answers sees it.
    pub fn wish(&self) -> Wish<'_> {
        let Errand { core, site, request, key, .. } = self;
        Wish { core, site, request, key: key.as_ref() }
    }
}
