//! The way past the cache: a request to the origin and its response back.

use crate::answer::{Answer, Content, passed};
use crate::core::{Core, SiteOnCore};
use crate::error::Error;
use crate::metrics::Verdict;
use crate::serve::Caller;
use crate::upstream::request::{Outgoing, outgoing};
use crate::upstream::{Either, RequestBody, Response};
use policy::groups;
use policy::name::Name;
use policy::purge::{self, Force, Purge};
use policy::reason::WhyPass;
use policy::reply;
use policy::request::Request;
use std::rc::Rc;
use tokio::sync::oneshot;

/// A request that passes by the cache.
pub struct Passing {
    /// The core.
    pub core: Rc<Core>,
    /// The site.
    pub site: Rc<SiteOnCore>,
    /// Who asks.
    pub caller: Caller,
    /// The request.
    pub request: Rc<Request>,
    /// Why it passes.
    pub why: WhyPass,
}

/// Sends a request past the cache.
pub async fn pass(passing: Passing, body: RequestBody) -> Answer {
    let (core, why) = (passing.core.clone(), passing.why);
    let (site, request) = (passing.site.clone(), passing.request.clone());
    if request.upgrade.is_some() && body.is_empty() {
        // Boxed like the next: what is rare must not make what is common larger.
        return Box::pin(upgrade(passing)).await;
    }
    let found = match request.method.is_safe() {
        true => passing.ask(body).await,
        false => Box::pin(passing.ask_to_the_end(body)).await,
    };
    let response = match found {
        Ok(response) => response,
        Err(error) => return Answer::own(error),
    };
    let cache = passed(why, response.status);
    Answer::passing(&core, &site, &request, response, (Verdict::Pass, cache))
}

/// Asks the origin to go on in another protocol.
async fn upgrade(passing: Passing) -> Answer {
    let Passing { core, site, caller, request, why } = &passing;
    let (out, early) = (passing.outgoing(), Some(caller.hints.sink()));
    match site.upstream.upgrade(&out, early, &core.shared.clock, &site.counters).await {
        Err(error) => Answer::own(error),
        Ok(Either::Response(response)) => {
            let cache = passed(*why, response.status);
            Answer::passing(core, site, request, response, (Verdict::Pass, cache))
        }
        Ok(Either::Switched { fields, protocol, tunnel }) => {
            let policy = &site.settings.site;
            let shown = reply::shown(policy, policy.rule_for(request), 101, &fields, false);
            let content = Content::Switched { shown, protocol, tunnel };
            Answer { verdict: Verdict::Pass, cache: passed(*why, 101), content, beside: None }
        }
    }
}

impl Passing {
    /// The request as it goes to the origin.
    fn outgoing(&self) -> Outgoing {
        let Passing { core, site, caller, request, .. } = self;
        let rule = site.settings.site.rule_for(request);
        let node = &core.shared.settings.node;
        outgoing(&site.settings, rule, request, caller.client, node, false)
    }

    /// Asks the origin. What an unsafe method changed is made invalid (RFC 9111 §4.4).
    async fn ask(self, body: RequestBody) -> Result<Response, Error> {
        let Passing { core, site, caller, request, .. } = &self;
        let (shared, counters) = (&core.shared, &site.counters);
        let (out, early) = (self.outgoing(), Some(caller.hints.sink()));
        let response = site.upstream.exchange(&out, body, early, &shared.clock, counters).await?;
        let rules = site.settings.site.all_rules();
        for url in purge::invalidated(request, rules, response.status, &response.fields) {
            shared.store.invalidate(&url);
        }
        self.invalidate_groups(&response).await;
        Ok(response)
    }

    /// Makes the groups invalid that a response names (RFC 9875 §3), before it is handed on: who
    /// reads what he has just written sees it. They stand in the purge log, since what is in a group
    /// may be anywhere.
    async fn invalidate_groups(&self, response: &Response) {
        let scopes = groups::invalidated(&self.request, &response.fields);
        if scopes.is_empty() {
            return;
        }
        let shared = &self.core.shared;
        let purge = Purge {
            scopes: scopes.into(),
            force: Force::Hard,
            at: shared.clock.now(),
            by: Name::CacheGroupInvalidation.as_str().into(),
            why: "".into(),
        };
        if let Err(error) = shared.store.purge(purge).await {
            self.core.counters.groups_refused.one();
            tracing::debug!("groups were not made invalid: {error}");
        }
    }

    /// The same in a task of its own: what the origin changes is to be made invalid also when the
    /// client does not wait for the answer.
    async fn ask_to_the_end(self, body: RequestBody) -> Result<Response, Error> {
        let (tell, told) = oneshot::channel();
        let running = self.core.stay();
        tokio::task::spawn_local(async move {
            // Whoever asked may be gone.
            let _ = tell.send(self.ask(body).await);
            drop(running);
        });
        told.await.unwrap_or(Err(Error::OriginDropped))
    }
}
