//! The way of a request, from top to bottom: route, look up, judge, fetch, answer.
//!
//! Each of `policy`'s verdicts is matched once, here or in `fetch`. A hit does all its work
//! without waiting, on buffers that the connection keeps.

use crate::answer::{Answer, Content, passed};
use crate::background;
use crate::cache_status::CacheStatus;
use crate::core::{Core, SiteOnCore};
use crate::error::Error;
use crate::fetch::fetch;
use crate::fill::Errand;
use crate::hints::Hints;
use crate::metrics::Verdict;
use crate::upstream::RequestBody;
use crate::upstream::request::{Client, is_loop, outgoing};
use policy::purge;
use policy::reason::WhyPass;
use policy::reply;
use policy::request::Request;
use policy::reuse::{Found, Refresh, Reuse, reuse};
use policy::route::{Route, route};
use policy::rule::Rule;
use policy::time::Timestamp;
use policy::vary::Variant;
use std::rc::Rc;
use std::sync::Arc;
use store::{Entry, Lookup};

/// Who asks, and how to reach him before the answer.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client's address.
    pub client: Client,
    /// Takes interim responses.
    pub hints: Arc<Hints>,
}

/// Answers a request. `key` is a buffer that the caller keeps for the next one.
pub async fn serve(
    core: &Rc<Core>,
    caller: &Caller,
    request: &Rc<Request>,
    body: RequestBody,
    key: &mut Vec<u8>,
    now: Timestamp,
) -> (Option<Rc<SiteOnCore>>, Answer) {
    if is_loop(&request.fields, &core.shared.settings.node) {
        return (None, Answer::own(Error::Loop));
    }
    let Some(site) = core.site_for(&request.host) else {
        return (None, Answer::own(Error::UnknownHost));
    };
    let policy = &site.settings.site;
    let rule = policy.rule_for(request);
    let key = match route(policy, rule, request, key) {
        Route::Pass(why) => {
            let passing = pass(core, site, rule, caller, request, body, why);
            return (Some(site.clone()), Box::pin(passing).await);
        }
        Route::Cached(key) => key,
    };
    let lookup = core.shared.store.lookup(key, &request.fields);
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
    };
    let answer = match (verdict, lookup) {
        (Reuse::Fresh, Lookup::Hit(entry)) => hit(entry, request, now),
        (Reuse::Stale(refresh), Lookup::Hit(entry)) => {
            if refresh == Refresh::InBackground {
                background::refresh(errand(entry.meta.variant.clone(), Some(entry.clone())));
            }
            core.counters_of(site).stale.one();
            stale(entry, request, refresh, now)
        }
        (Reuse::Revalidate(why), Lookup::Hit(entry)) => {
            core.counters_of(site).expired.one();
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
    (Some(site.clone()), answer)
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

fn hit(entry: Arc<Entry>, request: &Request, now: Timestamp) -> Answer {
    let cache = CacheStatus { hit: true, ..CacheStatus::default() };
    Answer::stored(entry, request, Verdict::Hit, cache, now)
}

fn stale(entry: Arc<Entry>, request: &Request, refresh: Refresh, now: Timestamp) -> Answer {
    let detail = match refresh {
        Refresh::InBackground => "stale-while-revalidate",
        Refresh::Not => "max-stale",
    };
    let cache = CacheStatus { hit: true, detail: Some(detail), ..CacheStatus::default() };
    Answer::stored(entry, request, Verdict::Stale, cache, now)
}

/// Sends a request to the origin and its response back, past the cache. What an unsafe method
/// changed is made invalid (RFC 9111 §4.4).
async fn pass(
    core: &Rc<Core>,
    site: &Rc<SiteOnCore>,
    rule: &Rule,
    caller: &Caller,
    request: &Request,
    body: RequestBody,
    why: WhyPass,
) -> Answer {
    let shared = &core.shared;
    let out = outgoing(&site.settings, rule, request, caller.client, &shared.settings.node, false);
    let early = Some(caller.hints.sink());
    let counters = core.counters_of(site);
    let response = match site.upstream.exchange(&out, body, early, &shared.clock, counters).await {
        Ok(response) => response,
        Err(error) => return Answer::own(error),
    };
    for url in purge::invalidated(request, rule, response.status, &response.fields) {
        shared.store.invalidate(&url);
    }
    let shown = reply::shown(&site.settings.site, rule, response.status, &response.fields);
    Answer {
        verdict: Verdict::Pass,
        cache: passed(why, response.status),
        content: Content::Passing {
            status: response.status,
            shown,
            length: response.length,
            body: response.body,
        },
    }
}
