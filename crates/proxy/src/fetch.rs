//! The way of a miss: together with others who want the same, or alone.

use crate::answer::{self, Answer, fetched};
use crate::cache_status::{CacheStatus, StoodIn};
use crate::error::Error;
use crate::fill::{
    Arrival, Conditions, Confirmed, Errand, Fill, Flowing, Head, Join, Reader, keep_alone, lead,
};
use crate::metrics::Verdict;
use crate::serve::Caller;
use crate::shelf;
use crate::slices;
use crate::upstream::Response;
use policy::admission;
use policy::name::Name;
use policy::reason::{WhyFetch, WhySkip};
use policy::request::Method;
use policy::reuse::{Failure, Found, Reuse, reuse, stands_in};
use std::sync::Arc;
use std::time::Duration;
use store::{Entry, Lookup};

/// The detail of an asset that is served although its deploy is over.
pub const KEPT_ASSET: &str = "kept-asset";

/// Fetches what a request needs. `invalid`: what is stored was made so by an unsafe request.
pub async fn fetch(errand: Errand, why: WhyFetch, invalid: bool, caller: &Caller) -> Answer {
    let shared = &errand.core.shared;
    let known = shared.marks.has(errand.key.as_ref().bytes(), shared.clock.now());
    // A fill that left earlier is no answer to one that asks for the origin's word (RFC 9111
    // §5.2.1.4).
    let asks = matches!(why, WhyFetch::Request | WhyFetch::Authorization)
        || errand.request.directives().no_cache;
    let wants_part = errand.request.goes_alone_for_range_only();
    let mut errand = errand;
    // A picture is made whole or not at all, and what lies here is at hand.
    let is_made = errand.making.is_some() || errand.shelved.is_some();
    errand.part = if wants_part && !is_made { slices::part(&errand) } else { None };
    // Part of something stored is cut from the whole, which all may share.
    let shares = wants_part && (errand.stored.is_some() || errand.part.is_some() || is_made);
    let goes_alone = known || asks || (errand.request.goes_alone() && !shares);
    let why = why.where_known(known, errand.stored.is_some());
    let miss = Miss { errand, why, invalid };
    if goes_alone { miss.alone(caller).await } else { miss.together(caller).await }
}

/// Asks the origin for this request only, as its client asks.
pub async fn fetch_alone(errand: Errand, why: WhyFetch, caller: &Caller) -> Answer {
    Miss { errand, why, invalid: false }.alone(caller).await
}

/// A request that nothing stored answers.
struct Miss {
    errand: Errand,
    why: WhyFetch,
    invalid: bool,
}

/// What a reader makes of the head of a fill.
enum Fit {
    Answer(Box<Answer>),
    /// The leader failed: one of those who waited tries once more.
    TakeOver,
    /// The URL was made invalid since the request left: those who waited ask once more, together.
    Again,
    /// The response is for other requests; those like this one find each other elsewhere.
    Elsewhere(policy::vary::Variant),
    /// The response is for the leader only.
    Alone,
    /// There is none for anybody: each asks for his own part.
    Own,
}

impl Miss {
    /// Joins the fill for the same thing, or leads one.
    async fn together(mut self, caller: &Caller) -> Answer {
        let mut took_over = false;
        // Each round finds another `Vary`, of which there are not many, or an unsafe request that
        // ended meanwhile.
        for round in 0..4 {
            if round > 0 {
                self.look_again();
            }
            let Joined { reader, leads } = match self.join(caller) {
                Ok(joined) => joined,
                Err(entry) => return self.hit_after_all(entry),
            };
            let head = reader.head().await;
            match self.fit(head, reader, Place { leads, took_over }) {
                Fit::Answer(answer) => return *answer,
                Fit::TakeOver => took_over = true,
                Fit::Again => {}
                Fit::Elsewhere(variant) => self.errand.variant = variant,
                Fit::Own => {
                    (self.errand.part, self.errand.stored) = (None, None);
                    break;
                }
                Fit::Alone => {
                    self.why = WhyFetch::Uncacheable;
                    break;
                }
            }
        }
        self.alone(caller).await
    }

    /// Takes what is stored by now in the place of what was found when the request came: another
    /// version may have come while a fill was waited for, and the origin is asked about that.
    fn look_again(&mut self) {
        let Errand { core, site, request, key, stored, .. } = &mut self.errand;
        let store = &core.shared.store;
        let Some(known) = stored else { return };
        let found = store.lookup(key.as_ref(), &request.fields, site.settings.site.id);
        if let Lookup::Hit(entry) = found
            && entry.meta.variant == known.meta.variant
        {
            self.invalid = store.is_invalid(&entry);
            *known = entry;
        }
    }

    /// Joins a fill or leads one. Whoever would lead looks into the store again first: the fill
    /// that it missed may have just ended there.
    fn join(&self, caller: &Caller) -> Result<Joined, Arc<Entry>> {
        let shared = &self.errand.core.shared;
        let limits = shared.fill_limits(false);
        let make = || Fill::new(self.errand.depart(), limits);
        match shared.fills.join(self.errand.name(), make) {
            Join::Follow(reader) => Ok(Joined { reader, leads: false }),
            Join::Lead(fill) => {
                if let Some(entry) = self.fresh_after_all() {
                    shared.fills.leave(self.errand.name(), &fill);
                    fill.abandon();
                    return Err(entry);
                }
                let reader = fill.first_reader();
                lead(self.errand.clone(), fill, caller.hints.sink());
                Ok(Joined { reader, leads: true })
            }
        }
    }

    fn fresh_after_all(&self) -> Option<Arc<Entry>> {
        let shared = &self.errand.core.shared;
        let request = &self.errand.request;
        let (key, site) = (self.errand.key.as_ref(), self.errand.site.settings.site.id);
        let Lookup::Hit(entry) = shared.store.lookup(key, &request.fields, site) else {
            return None;
        };
        let found = Found::Response { meta: &entry.meta, invalid: shared.store.is_invalid(&entry) };
        (reuse(found, request, shared.clock.now()) == Reuse::Fresh).then_some(entry)
    }

    fn hit_after_all(&self, entry: Arc<Entry>) -> Answer {
        let now = self.errand.core.shared.clock.now();
        let cache = CacheStatus { hit: true, ..CacheStatus::default() };
        Answer::stored(self.errand.wish(), entry, Verdict::Hit, cache, now)
    }

    /// Looks whether the response that a fill brings is for this request.
    fn fit(&self, head: Head, reader: Reader, place: Place) -> Fit {
        let others_may = !reader.is_overtaken();
        match head {
            // Whoever waited as long as may be does not wait once more.
            Head::Failed(Error::PictureSourceSlow) => {
                Fit::Answer(Box::new(self.instead_of(Error::PictureSourceSlow)))
            }
            Head::Failed(_) if place.may_take_over() => Fit::TakeOver,
            Head::Failed(error) => Fit::Answer(Box::new(self.instead_of(error))),
            Head::Confirmed(_) if !others_may && !place.leads => Fit::Again,
            Head::Confirmed(confirmed) => {
                let shared = confirmed.skipped.is_none() && self.may_share(&confirmed.entry);
                if place.leads || shared {
                    let answer = self.confirmed(confirmed, !place.leads);
                    Fit::Answer(Box::new(answer))
                } else {
                    Fit::Alone
                }
            }
            Head::Stored { entry, status } => {
                if !others_may && !place.leads {
                    return Fit::Again;
                }
                match place.leads || self.may_share(&entry) {
                    true => Fit::Answer(Box::new(self.stored(entry, status, !place.leads))),
                    false => Fit::Alone,
                }
            }
            Head::Refused => Fit::Own,
            Head::Flowing(flowing) => {
                if !others_may && !place.leads && flowing.admission.is_ok() {
                    return Fit::Again;
                }
                self.fit_flowing(flowing, reader, place)
            }
        }
    }

    fn fit_flowing(&self, flowing: Arc<Flowing>, reader: Reader, place: Place) -> Fit {
        if let Some(answer) = self.instead_of_status(flowing.status) {
            return Fit::Answer(Box::new(answer));
        }
        if !place.leads {
            match &flowing.admission {
                Err(why) if flowing.status >= 500 && is_for_nobody_in_particular(*why) => {
                    if place.may_take_over() {
                        return Fit::TakeOver;
                    }
                }
                Err(_) => return Fit::Alone,
                Ok(meta) if !admission::is_shareable(meta) => return Fit::Alone,
                Ok(meta) if !meta.variant.answers(&self.errand.request.fields) => {
                    return Fit::Elsewhere(meta.variant.retold(&self.errand.request.fields));
                }
                Ok(_) => {}
            }
            if self.is_better_alone(&flowing, &reader) {
                return Fit::Own;
            }
            self.count_collapsed();
        }
        let answer = Answer::flowing(&self.errand, flowing, reader, self.why, !place.leads);
        Fit::Answer(Box::new(answer))
    }

    /// Whether what this one wants of a body is far away, and the origin gives parts.
    fn is_better_alone(&self, flowing: &Flowing, reader: &Reader) -> bool {
        let part = answer::part_of(&self.errand, flowing);
        let gives_parts = flowing.shown.get(Name::AcceptRanges) == Some(b"bytes");
        part.is_some_and(|part| gives_parts && !reader.is_near(part.first))
    }

    /// The answer from what is stored by now.
    fn stored(&self, entry: Arc<Entry>, status: Option<u16>, collapsed: bool) -> Answer {
        let Some(status) = status else { return self.hit_after_all(entry) };
        if collapsed {
            self.count_collapsed();
        }
        let now = self.errand.core.shared.clock.now();
        let cache = fetched(self.why, status, &Ok(()), collapsed);
        let verdict = if collapsed { Verdict::Collapsed } else { Verdict::Miss };
        Answer::stored(self.errand.wish(), entry, verdict, cache, now)
    }

    fn count_collapsed(&self) {
        self.errand.site.counters.collapsed.one();
    }

    fn may_share(&self, entry: &Entry) -> bool {
        admission::is_shareable(&entry.meta)
            && entry.meta.variant.answers(&self.errand.request.fields)
    }

    /// The answer from what is stored, after the origin confirmed it.
    fn confirmed(&self, confirmed: Confirmed, collapsed: bool) -> Answer {
        let Confirmed { entry, skipped, stood_in } = confirmed;
        if collapsed {
            self.count_collapsed();
        }
        let now = self.errand.core.shared.clock.now();
        if let Some(StoodIn { status, detail }) = stood_in {
            return self.stood_in(entry, status, detail, collapsed);
        }
        let stored = skipped.map_or(Ok(()), Err);
        let cache = fetched(self.why, 304, &stored, collapsed);
        Answer::stored(self.errand.wish(), entry, Verdict::Revalidated, cache, now)
    }

    /// The stored response that stands in for a failed origin, or the error.
    fn instead_of(&self, error: Error) -> Answer {
        let stale = error.failure().and_then(|failure| self.stand_in(failure, error.token()));
        stale.unwrap_or_else(|| Answer::own(error))
    }

    /// The stored response that stands in for one of that status.
    fn instead_of_status(&self, status: u16) -> Option<Answer> {
        if !self.errand.keeps_in_place_of(status) {
            return self.stand_in(Failure::Status(status), "stale-if-error");
        }
        let answer = self.stand_in(Failure::TookAway, KEPT_ASSET)?;
        self.errand.pause(Duration::MAX);
        Some(answer)
    }

    fn stand_in(&self, failure: Failure, detail: &'static str) -> Option<Answer> {
        let Errand { core, request, stored, .. } = &self.errand;
        let entry = stored.as_ref()?;
        let now = core.shared.clock.now();
        if core.shared.store.is_gone(self.errand.key.as_ref(), entry) {
            return None;
        }
        if !stands_in(&entry.meta, self.invalid, request, failure, now) {
            return None;
        }
        let status = match failure {
            Failure::Status(status) => Some(status),
            Failure::Unreachable | Failure::TookAway => None,
        };
        Some(self.stood_in(entry.clone(), status, detail, false))
    }

    /// The answer from what stood in, for an answer of that status if there was one.
    fn stood_in(
        &self,
        entry: Arc<Entry>,
        fwd_status: Option<u16>,
        detail: &'static str,
        collapsed: bool,
    ) -> Answer {
        let Errand { core, site, .. } = &self.errand;
        site.counters.stale.one();
        let cache = CacheStatus {
            fwd: Some(self.why.fwd()),
            fwd_status,
            collapsed,
            detail: Some(detail),
            ..CacheStatus::default()
        };
        let now = core.shared.clock.now();
        Answer::stored(self.errand.wish(), entry, Verdict::Stale, cache, now)
    }

    /// Asks the origin for this request only.
    async fn alone(mut self, caller: &Caller) -> Answer {
        // Who goes alone asks for what the client asks for, no more and no less.
        self.errand.part = None;
        let departure = self.errand.depart();
        let conditions = match &self.errand.stored {
            Some(_) if self.errand.request.method != Method::Get => Conditions::Clients,
            Some(_) if self.errand.request.fields.has(Name::Range) => Conditions::OursInPart,
            Some(_) => Conditions::Ours,
            _ => Conditions::Clients,
        };
        let early = Some(caller.hints.sink());
        match self.errand.ask(conditions, &departure, early).await {
            Err(error) => self.instead_of(error),
            Ok(Arrival::Confirmed(confirmed)) => self.confirmed(confirmed, false),
            Ok(Arrival::Response(response)) => self.alone_with(*response, departure),
        }
    }

    /// The answer that a request got for itself; stored, if it may be, by a fill that nobody
    /// else joins.
    fn alone_with(self, response: Response, departure: store::Departure) -> Answer {
        if let Some(answer) = self.instead_of_status(response.status) {
            return answer;
        }
        self.update_by_head(&response, &departure);
        let Miss { errand, why, .. } = self;
        match errand.admit(&response, &departure) {
            (Ok(meta), Some(writer)) => {
                let kept = errand.clone();
                let (head, reader) = keep_alone(kept, departure, response, meta, writer);
                Answer::flowing(&errand, head, reader, why, false)
            }
            (decision, _) => {
                let stored = decision.map(|_| ());
                let response = shelf::as_asked(&errand, response);
                let cache = fetched(why, response.status, &stored, false);
                let Errand { core, site, request, .. } = &errand;
                Answer::passing(core, site, request, response, (Verdict::Miss, cache))
            }
        }
    }

    /// The answer to a HEAD updates what it describes, or makes it invalid (RFC 9111 §4.3.5).
    fn update_by_head(&self, response: &Response, departure: &store::Departure) {
        let Errand { core, request, stored, key, .. } = &self.errand;
        let (Method::Head, 200, Some(entry)) = (&request.method, response.status, stored) else {
            return;
        };
        let store = &core.shared.store;
        if request.fields.has(Name::Authorization) || store.is_gone(key.as_ref(), entry) {
            return;
        }
        let offer = self.errand.offer(response, departure.born());
        // Asked now, since an unsafe request may have ended meanwhile.
        let invalid = store.is_invalid(entry);
        match admission::head_update(&offer, &entry.meta, invalid) {
            Some(meta) => {
                store.refresh(key, entry, self.errand.renewed(*meta), departure);
            }
            None => {
                store.invalidate(key.as_ref().url());
            }
        }
    }
}

/// Whether an answer that is not kept may still be given to all who waited for it: a failure of
/// the origin that was not made for one visitor.
fn is_for_nobody_in_particular(why: WhySkip) -> bool {
    matches!(why, WhySkip::Status | WhySkip::NoFreshness | WhySkip::Expired | WhySkip::OlderKept)
}

/// Where a request stands among those who want the same.
#[derive(Clone, Copy)]
struct Place {
    leads: bool,
    took_over: bool,
}

impl Place {
    /// A failed leader hands over once.
    fn may_take_over(self) -> bool {
        !self.leads && !self.took_over
    }
}

/// A reader in a fill.
struct Joined {
    reader: Reader,
    leads: bool,
}
