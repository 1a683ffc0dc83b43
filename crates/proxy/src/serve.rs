//! The way of a request, from top to bottom: route, look up, judge, fetch, answer.
//!
//! Each of `policy`'s verdicts is matched once, here or in `fetch`. A hit does all its work
//! without waiting, on buffers that the connection keeps.

use crate::answer::Answer;
use crate::background;
use crate::cache_status::CacheStatus;
use crate::compress::Wish;
use crate::core::{Core, SiteOnCore};
use crate::doors::{door_for, knock};
use crate::edge;
use crate::error::Error;
use crate::fetch::{KEPT_ASSET, fetch, fetch_alone};
use crate::fill::Errand;
use crate::hints::Hints;
use crate::metrics::Verdict;
use crate::pass::{Passing, pass};
use crate::pictures::{self, Making};
use crate::recall::recall;
use crate::shelf::{self, Taken};
use crate::slices::{self, Begun};
use crate::upstream::RequestBody;
use crate::upstream::request::{Client, is_loop};
use policy::kept;
use policy::key::KeyRef;
use policy::meta::Meta;
use policy::reason::WhyFetch;
use policy::request::Request;
use policy::reuse::{Failure, Found, Refresh, Reuse, reuse, stands_in};
use policy::route::{Route, route};
use policy::rule::Site;
use policy::time::Timestamp;
use policy::vary::Variant;
use std::rc::Rc;
use std::sync::Arc;
use store::{Entry, Lookup};

/// The detail of what is served stale at the pace of a purge.
pub const PACED_PURGE: &str = "paced-purge";

/// Who asks, and how to reach him before the answer.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client's address.
    pub client: Client,
    /// Takes interim responses.
    pub hints: Arc<Hints>,
}

/// The site that answers a request.
///
/// # Errors
/// When the request came by here before, or no site is for its host.
pub fn site_of(core: &Core, request: &Request) -> Result<Rc<SiteOnCore>, Error> {
    if is_loop(&request.fields, &core.shared.settings.node) {
        return Err(Error::Loop);
    }
    core.site_for(&request.host).cloned().ok_or(Error::UnknownHost)
}

/// Answers a request. `key` is a buffer that the caller keeps for the next one.
pub async fn serve(
    core: &Rc<Core>,
    site: &Rc<SiteOnCore>,
    caller: &Caller,
    request: &Rc<Request>,
    body: RequestBody,
    key: &mut Vec<u8>,
    now: Timestamp,
) -> Answer {
    let policy = &site.settings.site;
    if let Some(answer) = edge::answer(policy, request) {
        return answer;
    }
    if let Some(door) = door_for(site, request) {
        return Box::pin(knock(core, site, caller, request, body, door)).await;
    }
    if let Some(found) = shelf::find(&site.settings, request) {
        return Box::pin(shelved(core, site, caller, request, found, key, now)).await;
    }
    if let Some(asked) = pictures::asked(&site.settings, request) {
        return Box::pin(picture(core, site, caller, request, asked, key, now)).await;
    }
    by_rules(core, site, caller, request, body, key, now).await
}

/// Answers for the source of a picture. That is no picture itself, whatever its path looks like: on a
/// host that has nothing but pictures the paths of both are the same.
pub async fn serve_source(
    core: &Rc<Core>,
    site: &Rc<SiteOnCore>,
    caller: &Caller,
    request: &Rc<Request>,
    key: &mut Vec<u8>,
    now: Timestamp,
) -> Answer {
    if let Some(answer) = edge::answer(&site.settings.site, request) {
        return answer;
    }
    match shelf::find(&site.settings, request) {
        Some(found) => shelved(core, site, caller, request, found, key, now).await,
        None => by_rules(core, site, caller, request, RequestBody::Empty, key, now).await,
    }
}

/// Answers as the rules of the site have it.
async fn by_rules(
    core: &Rc<Core>,
    site: &Rc<SiteOnCore>,
    caller: &Caller,
    request: &Rc<Request>,
    body: RequestBody,
    key: &mut Vec<u8>,
    now: Timestamp,
) -> Answer {
    let policy = &site.settings.site;
    let rule = policy.rule_for(request);
    let answer = match route(policy, rule, request, key) {
        Route::Pass(why) => {
            let passing = Passing {
                core: core.clone(),
                site: site.clone(),
                caller: caller.clone(),
                request: request.clone(),
                why,
            };
            Box::pin(pass(passing, body)).await
        }
        Route::Cached(key) => {
            by_cache(core, site, caller, request, Maker::default(), key, now).await
        }
    };
    let beside = edge::beside(policy, rule, request);
    Answer { beside: answer.told_plainly(policy, beside), ..answer }
}

/// Answers with a picture, which is looked up by the one spelling that all who ask for it share.
async fn picture(
    core: &Rc<Core>,
    site: &Rc<SiteOnCore>,
    caller: &Caller,
    request: &Request,
    asked: Result<(Request, Making), Error>,
    key: &mut Vec<u8>,
    now: Timestamp,
) -> Answer {
    let policy = &site.settings.site;
    let mut beside = edge::beside(policy, policy.rule_for(request), request);
    let answer = match asked {
        Err(error) => Answer::own(error),
        Ok((_, making)) if making.is_over(now) => Answer::own(Error::PictureExpired),
        Ok((wanted, making)) => {
            let (wanted, making) = (Rc::new(wanted), Rc::new(making));
            let key = KeyRef::build(&wanted, policy.rule_for(&wanted), key);
            let maker = Maker { making: Some(making.clone()), ..Maker::default() };
            let answer = by_cache(core, site, caller, &wanted, maker, key, now).await;
            beside = pictures::beside(&making, &answer, beside, now);
            answer
        }
    };
    Answer { beside: answer.told_plainly(policy, beside), ..answer }
}

/// Answers with what lies on this machine, which is looked up by the name that its content gives it.
async fn shelved(
    core: &Rc<Core>,
    site: &Rc<SiteOnCore>,
    caller: &Caller,
    request: &Request,
    found: shelf::Found,
    key: &mut Vec<u8>,
    now: Timestamp,
) -> Answer {
    let policy = &site.settings.site;
    let answer = match found {
        shelf::Found::Answer(answer) => *answer,
        shelf::Found::Shelved(wanted, shelved) => {
            let wanted = Rc::new(wanted);
            let key = KeyRef::build(&wanted, policy.rule_for(&wanted), key);
            let maker = Maker { shelved: Some(shelved), ..Maker::default() };
            shelf::ageless(by_cache(core, site, caller, &wanted, maker, key, now).await)
        }
    };
    let beside = edge::beside(policy, policy.rule_for(request), request);
    Answer { beside: answer.told_plainly(policy, beside), ..answer }
}

/// Who gives what is missing, where that is no origin.
#[derive(Default)]
struct Maker {
    making: Option<Rc<Making>>,
    shelved: Option<Taken>,
}

/// Looks up, judges, and fetches where that is needed.
async fn by_cache(
    core: &Rc<Core>,
    site: &Rc<SiteOnCore>,
    caller: &Caller,
    request: &Rc<Request>,
    maker: Maker,
    key: KeyRef<'_>,
    now: Timestamp,
) -> Answer {
    let wish = Wish { core, site, request, key };
    let site_id = site.settings.site.id;
    let mut lookup = core.shared.store.lookup(key, &request.fields, site_id);
    if !matches!(lookup, Lookup::Hit(_)) && core.shared.store.may_recall(key) {
        lookup = Box::pin(recall(wish, lookup)).await;
    }
    let invalid = matches!(&lookup, Lookup::Hit(entry) if core.shared.store.is_invalid(entry));
    let verdict = reuse(found(&lookup, invalid), request, now);
    let errand = |variant: Variant, stored: Option<Arc<Entry>>| Errand {
        core: core.clone(),
        site: site.clone(),
        request: request.clone(),
        client: caller.client,
        key: key.to_key(),
        variant,
        stored,
        part: None,
        making: maker.making.clone(),
        shelved: maker.shelved.clone(),
    };
    let answer = match (verdict, lookup) {
        (Reuse::Fresh, Lookup::Hit(entry)) => hit(wish, entry, now),
        (Reuse::Stale(refresh), Lookup::Hit(entry)) => {
            if refresh != Refresh::Not {
                let errand = errand(entry.meta.variant.clone(), Some(entry.clone()));
                background::refresh(errand, refresh == Refresh::Paced);
            }
            site.counters.stale.one();
            stale(wish, entry, refresh, now)
        }
        (Reuse::Revalidate(WhyFetch::Stale), Lookup::Hit(entry))
            if is_kept(&site.settings.site, request, &entry.meta, invalid, now)
                && core.shared.pauses.holds(key.bytes(), now) =>
        {
            site.counters.stale.one();
            let cache = CacheStatus { hit: true, detail: Some(KEPT_ASSET), ..Default::default() };
            Answer::stored(wish, entry, Verdict::Stale, cache, now)
        }
        (Reuse::Revalidate(why), Lookup::Hit(entry)) => {
            site.counters.expired.one();
            let errand = errand(entry.meta.variant.clone(), Some(entry));
            Box::pin(fetch(errand, why, invalid, caller)).await
        }
        (Reuse::Unsatisfiable, _) => Answer::own(Error::OnlyIfCached),
        (Reuse::Fetch(why) | Reuse::Revalidate(why), lookup) => {
            Box::pin(fetch(errand(place(lookup), None), why, false, caller)).await
        }
        // Only a hit can be fresh or stale.
        (Reuse::Fresh | Reuse::Stale(_), _) => Answer::own(Error::OnlyIfCached),
    };
    match slices::are_missing(&answer) {
        true => Box::pin(in_slices(answer, || errand(Variant::default(), None), caller)).await,
        false => answer,
    }
}

/// Answers from something stored of which parts are missing.
async fn in_slices(answer: Answer, errand: impl Fn() -> Errand, caller: &Caller) -> Answer {
    match slices::begin(answer, errand()).await {
        Begun::Ready(answer) => *answer,
        Begun::Failed(error) => Answer::own(error),
        Begun::Alone => fetch_alone(errand(), WhyFetch::Gaps, caller).await,
        Begun::Outdated => {
            // Together with the others who found it so.
            let answer = fetch(errand(), WhyFetch::Invalidated, false, caller).await;
            match slices::begin(answer, errand()).await {
                Begun::Ready(answer) => *answer,
                Begun::Failed(error) => Answer::own(error),
                Begun::Alone | Begun::Outdated => {
                    fetch_alone(errand(), WhyFetch::Gaps, caller).await
                }
            }
        }
    }
}

/// What was found, as `policy` sees it.
fn found(lookup: &Lookup, invalid: bool) -> Found<'_> {
    match lookup {
        Lookup::Miss => Found::Nothing,
        Lookup::OtherVariants(_) => Found::OtherVariants,
        Lookup::Hit(entry) => Found::Response { meta: &entry.meta, invalid },
    }
}

/// Where requests like this one find each other, by the last known `Vary` of the key.
fn place(lookup: Lookup) -> Variant {
    match lookup {
        Lookup::Miss => Variant::default(),
        Lookup::OtherVariants(variant) => variant,
        Lookup::Hit(entry) => entry.meta.variant.clone(),
    }
}

/// Whether an asset is served when its origin took it away, as it did when it was asked last.
pub fn is_kept(site: &Site, request: &Request, meta: &Meta, invalid: bool, now: Timestamp) -> bool {
    kept::keeps(site, site.rule_for(request), meta, 404, now)
        && stands_in(meta, invalid, request, Failure::TookAway, now)
}

fn hit(wish: Wish<'_>, entry: Arc<Entry>, now: Timestamp) -> Answer {
    let cache = CacheStatus { hit: true, ..CacheStatus::default() };
    Answer::stored(wish, entry, Verdict::Hit, cache, now)
}

fn stale(wish: Wish<'_>, entry: Arc<Entry>, refresh: Refresh, now: Timestamp) -> Answer {
    let detail = match refresh {
        Refresh::InBackground => "stale-while-revalidate",
        Refresh::Paced => PACED_PURGE,
        Refresh::Not => "max-stale",
    };
    let cache = CacheStatus { hit: true, detail: Some(detail), ..CacheStatus::default() };
    Answer::stored(wish, entry, Verdict::Stale, cache, now)
}
