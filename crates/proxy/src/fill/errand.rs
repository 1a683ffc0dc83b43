//! What is wanted of an origin, and for whom: asks for it, decides on the answer, and keeps it.

use super::{FillName, Flowing};
use crate::cache_status::StoodIn;
use crate::compress::Wish;
use crate::core::{Core, SiteOnCore};
use crate::error::Error;
use crate::heads;
use crate::pictures::{self, Making};
use crate::recall::recall;
use crate::resume;
use crate::shelf::{self, Taken};
use crate::upstream::request::{Client, Outgoing, outgoing};
use crate::upstream::{Early, RequestBody, Response};
use policy::admission::{self, Admission, Confirmation, Offer, tags_told};
use policy::coding;
use policy::conditional;
use policy::kept;
use policy::key::Key;
use policy::meta::Meta;
use policy::name::Name;
use policy::purge::Born;
use policy::reason::WhySkip;
use policy::reply;
use policy::request::Request;
use policy::reuse::{Failure, Found, Reuse, reuse, stands_in};
use policy::rule::Rule;
use policy::time::Seconds;
use policy::vary::Variant;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::{Departure, Entry, Lookup, Renewed, Writer};

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
    /// Which part is asked for, as a value of `Range`, where no more is wanted.
    pub part: Option<Rc<str>>,
    /// The picture that it is, where no origin has it.
    pub making: Option<Rc<Making>>,
    /// What it is of what lies on this machine, where no origin is asked for it.
    pub shelved: Option<Taken>,
}

/// Under which conditions the origin is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditions {
    /// With the validators of what is stored; without any where nothing is.
    Ours,
    /// With the validators of what is stored, and the ranges of the client.
    OursInPart,
    /// With those of the client, and its ranges.
    Clients,
}

/// What is stored and good again.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// The response, with its fields updated.
    pub entry: Arc<Entry>,
    /// Nothing if it is kept, and may answer others too, or why it is not.
    pub skipped: Option<WhySkip>,
    /// What stood in for the source of a picture, by which it was confirmed.
    pub stood_in: Option<StoodIn>,
}

/// What came of asking.
#[derive(Debug)]
pub enum Arrival {
    /// What is stored is good again.
    Confirmed(Confirmed),
    /// A response.
    Response(Box<Response>),
}

impl Errand {
    /// By what requests for the same thing find each other.
    pub fn name(&self) -> FillName<'_> {
        FillName {
            site: self.site.settings.site.id,
            key: self.key.as_ref(),
            variant: &self.variant,
        }
    }

    /// Notes that its request leaves for the origin now.
    pub fn depart(&self) -> Departure {
        self.core.shared.store.depart(self.key.as_ref(), self.site.settings.site.id)
    }

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
        let stored = self.stored.as_ref().filter(|_| conditions != Conditions::Clients);
        let store = &self.core.shared.store;
        // Asked now, behind the departure: what was purged before that validates nothing.
        let validates = stored.filter(|entry| {
            conditional::has_validator(&entry.meta.fields)
                && !store.is_gone(self.key.as_ref(), entry)
        });
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
        let stood_in = response.stood_in;
        match admission::confirmation(&self.offer(&response, departure.born()), &entry.meta) {
            Confirmation::Update(mut meta) => {
                if let Some(lineage) = &response.lineage {
                    lineage.pass_to(&mut meta);
                }
                let renewed = self.renewed(*meta);
                let kept = self.core.shared.store.refresh(&self.key, entry, renewed, departure);
                Ok(Arrival::Confirmed(Confirmed { entry: kept, skipped: None, stood_in }))
            }
            Confirmation::ServeOnce(meta, why) => {
                let renewed = self.renewed(*meta);
                let store = &self.core.shared.store;
                store.invalidate(self.key.as_ref().url());
                self.skip(why, response.status);
                let entry = store.detached(entry, renewed);
                Ok(Arrival::Confirmed(Confirmed { entry, skipped: Some(why), stood_in }))
            }
            Confirmation::Mismatch => {
                let response = self.ask_under(conditions, None, early).await?;
                Ok(Arrival::Response(Box::new(response)))
            }
        }
    }

    /// Asks for the whole response, whatever is stored.
    ///
    /// # Errors
    /// Why there is no response.
    pub async fn ask_whole(&self) -> Result<Response, Error> {
        self.ask_under(Conditions::Ours, None, None).await
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

    /// Asks for a part of the response, whatever is stored.
    ///
    /// # Errors
    /// Why there is no response.
    pub async fn ask_part(&self, part: &str) -> Result<Response, Error> {
        let mut out = self.outgoing();
        conditional::remove_conditions(&mut out.fields);
        for name in [Name::IfMatch, Name::IfUnmodifiedSince] {
            out.fields.remove(name);
        }
        out.fields.add(Name::Range, part);
        self.send(&out, None).await
    }

    /// What came to be stored since this was not found: the fill that brought it has ended. Memory
    /// has been looked at.
    pub(super) async fn fresh_on_disk(&self) -> Option<Arc<Entry>> {
        if self.stored.is_some() || !self.core.shared.store.may_recall(self.key.as_ref()) {
            return None;
        }
        let lookup = recall(self.wish(), Lookup::Miss).await;
        self.if_fresh(lookup)
    }

    /// What is stored by now, if it is fresh: since this was found stale, another refresh may have
    /// ended, all the more where it was read from disk.
    pub(super) async fn fresh_by_now(&self) -> Option<Arc<Entry>> {
        let (shared, key) = (&self.core.shared, self.key.as_ref());
        let site = self.site.settings.site.id;
        let mut lookup = shared.store.lookup(key, &self.request.fields, site);
        if !matches!(lookup, Lookup::Hit(_)) && shared.store.may_recall(key) {
            lookup = recall(self.wish(), lookup).await;
        }
        self.if_fresh(lookup)
    }

    fn if_fresh(&self, lookup: Lookup) -> Option<Arc<Entry>> {
        let Lookup::Hit(entry) = lookup else { return None };
        let shared = &self.core.shared;
        let found = Found::Response { meta: &entry.meta, invalid: shared.store.is_invalid(&entry) };
        (reuse(found, &self.request, shared.clock.now()) == Reuse::Fresh).then_some(entry)
    }

    async fn ask_under(
        &self,
        conditions: Conditions,
        validates: Option<&Arc<Entry>>,
        early: Option<Early>,
    ) -> Result<Response, Error> {
        let mut out = self.outgoing();
        if let (Conditions::Ours, Some(part)) = (conditions, &self.part) {
            conditional::remove_conditions(&mut out.fields);
            if let Some(entry) = validates {
                conditional::make_conditional(&mut out.fields, &entry.meta.fields);
            }
            out.fields.add(Name::Range, part.as_bytes());
            return self.send(&out, early).await;
        }
        match (conditions, validates) {
            (Conditions::Ours, Some(entry)) => {
                conditional::make_conditional(&mut out.fields, &entry.meta.fields);
            }
            (Conditions::Ours, None) => conditional::remove_conditions(&mut out.fields),
            (Conditions::OursInPart, Some(entry)) => {
                // A 304 if it is the same, else what the client asks for of what is new.
                let asked = out.fields.clone();
                conditional::make_conditional(&mut out.fields, &entry.meta.fields);
                for name in [Name::Range, Name::IfRange] {
                    if let Some(value) = asked.get(name) {
                        out.fields.add(name, value);
                    }
                }
            }
            (Conditions::OursInPart, None) | (Conditions::Clients, _) => {}
        }
        self.send(&out, early).await
    }

    fn outgoing(&self) -> Outgoing {
        let node = &self.core.shared.settings.node;
        outgoing(&self.site.settings, self.rule(), &self.request, self.client, node, true)
    }

    async fn send(&self, out: &Outgoing, early: Option<Early>) -> Result<Response, Error> {
        if let Some(making) = &self.making {
            return Box::pin(pictures::exchange(self, making, &out.fields)).await;
        }
        let clock = &self.core.shared.clock;
        if let Some(taken) = &self.shelved {
            return Box::pin(shelf::exchange(self, taken)).await;
        }
        let (upstream, counters) = (&self.site.upstream, &self.site.counters);
        let response =
            upstream.exchange(out, RequestBody::Empty, early.clone(), clock, counters).await?;
        let (preset, status) = (self.site.settings.site.preset, response.status);
        match preset.asks_again(&self.request, &out.target, status, &response.fields) {
            None => Ok(response),
            // The answer is kept for all who ask so, under whichever name.
            Some(target) => {
                let mut response = response;
                response.body.finish();
                let again = Outgoing { target, ..out.clone() };
                // Boxed: what is rare must not make what is common larger.
                Box::pin(upstream.exchange(&again, RequestBody::Empty, early, clock, counters))
                    .await
            }
        }
    }

    /// Decides whether a response is stored, and begins to store it.
    pub fn admit(
        &self,
        response: &Response,
        departure: &Departure,
    ) -> (Result<Box<Meta>, WhySkip>, Option<Writer>) {
        let shared = &self.core.shared;
        let decision = self.decide(response, departure).and_then(|meta| {
            let writer = match &self.shelved {
                None => shared.store.begin(&self.key, response.length)?,
                // It lies on the disk already.
                Some(_) => shared.store.begin_in_memory(response.length)?,
            };
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
        if self.keeps_in_place_of(response.status) {
            return Err(WhySkip::OlderKept);
        }
        if self.making.is_some() && pictures::is_for_one(&response.fields) {
            // Whatever the rule for its own URL forces.
            return Err(WhySkip::Private);
        }
        let verdict = admission::admission(&self.offer(response, departure.born()));
        match verdict.beside(self.stored.is_some()) {
            Admission::Store(mut meta) => {
                if !self.admits_variant() {
                    return Err(WhySkip::TooManyVariants);
                }
                if let Some(lineage) = &response.lineage {
                    lineage.pass_to(&mut meta);
                }
                Ok(meta)
            }
            Admission::Skip(why) => Err(why),
        }
    }

    /// Whether what is stored is an asset that is kept although the origin answers `status`.
    pub fn keeps_in_place_of(&self, status: u16) -> bool {
        let (site, now) = (&self.site.settings.site, self.core.shared.clock.now());
        let keeps = |entry: &Arc<Entry>| kept::keeps(site, self.rule(), &entry.meta, status, now);
        self.stored.as_ref().is_some_and(keeps)
    }

    /// Whether what is stored goes out where the origin fails so.
    pub fn has_stand_in(&self, failure: Failure) -> bool {
        let shared = &self.core.shared;
        let now = shared.clock.now();
        self.stored.as_ref().is_some_and(|entry| {
            let invalid = shared.store.is_invalid(entry);
            stands_in(&entry.meta, invalid, &self.request, failure, now)
                && !shared.store.is_gone(self.key.as_ref(), entry)
        })
    }

    /// Whether the origin is to be left alone about it for now.
    pub fn pauses(&self) -> bool {
        let shared = &self.core.shared;
        shared.pauses.holds(self.key.as_ref().bytes(), shared.clock.now())
    }

    /// Whether what came is called old by its framework, as what is stored was, and stays so however often
    /// it is asked for so.
    pub(super) fn is_old_again(&self, came: &Flowing) -> bool {
        let preset = self.site.settings.site.preset;
        let is_old = |meta: &Meta| preset.calls_stale(&meta.fields);
        preset.asks_for_a_part(&self.request)
            && came.admission.as_ref().is_ok_and(|meta| is_old(meta))
            && self.stored.as_ref().is_some_and(|entry| is_old(&entry.meta))
    }

    /// Notes that the origin could not give it anew: for a while, at most `longest`, it is not asked
    /// again.
    pub fn pause(&self, longest: Duration) {
        let shared = &self.core.shared;
        let longest = longest.min(shared.settings.fill.refresh_pause);
        shared.pauses.failed(self.key.as_ref().bytes(), shared.clock.now(), longest);
    }

    /// How a response begins for those who read it.
    pub(super) fn flowing(
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
        let tags = if admission.is_err() { tags_told(fields) } else { Box::default() };
        Arc::new(Flowing { status, shown, length: response.length, admission, tags, body_id })
    }

    /// What `policy` is asked about a response to a request that left when the purge log stood there.
    pub fn offer<'a>(&'a self, response: &'a Response, left: Born) -> Offer<'a> {
        let told = response.fields.text(Name::LarderBorn).and_then(|told| told.parse().ok());
        let born = told.map_or(left, |told| left.begun(told));
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
        self.mark_as(self.key.as_ref().bytes());
    }

    /// Remembers that parts of it cannot be stored, so that nobody asks for more than he needs.
    pub fn mark_parts(&self) {
        self.mark_as(&self.name_of_parts());
    }

    /// Forgets that parts of it could not be stored.
    pub fn unmark_parts(&self) {
        self.core.shared.marks.clear(&self.name_of_parts());
    }

    /// Whether parts of it could not be stored of late.
    pub fn has_parts_marked(&self) -> bool {
        let shared = &self.core.shared;
        shared.marks.has(&self.name_of_parts(), shared.clock.now())
    }

    fn name_of_parts(&self) -> Vec<u8> {
        [self.key.as_ref().bytes(), b"\0parts"].concat()
    }

    fn mark_as(&self, name: &[u8]) {
        let shared = &self.core.shared;
        let ttl = Seconds::new(shared.settings.fill.uncacheable_ttl.as_secs());
        shared.marks.set(name, shared.clock.now().plus(ttl));
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
