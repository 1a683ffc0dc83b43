//! What is noted of each request: in the counters, in the access log. However it ends, it is noted.

use crate::access_log::Line;
use crate::answer::Answer;
use crate::cache_status::CacheStatus;
use crate::core::{Core, SiteOnCore};
use crate::error::Error;
use crate::metrics::Verdict;
use policy::request::Request;
use policy::time::Timestamp;
use std::net::IpAddr;
use std::time::Instant;

/// One request that is being answered.
pub struct Record<'r> {
    core: &'r Core,
    asked: Asked<'r>,
    site: Option<&'r SiteOnCore>,
    status: u16,
    verdict: Verdict,
    cache: CacheStatus,
    body_bytes: u64,
    cut: bool,
}

/// Who asked, what and when.
#[derive(Clone, Copy)]
pub struct Asked<'r> {
    /// The client's address.
    pub client: IpAddr,
    /// The request; nothing of one that could not be read.
    pub request: Option<&'r Request>,
    /// When it was there.
    pub at: Timestamp,
    /// The same, by the clock that only goes forward.
    pub started: Instant,
}

impl<'r> Record<'r> {
    /// A request that nobody has answered yet. Dropped so, it is noted as one whose client left.
    pub fn waiting(core: &'r Core, asked: Asked<'r>, site: Option<&'r SiteOnCore>) -> Record<'r> {
        let left = Answer::own(Error::ClientLeft);
        let (status, verdict, cache) = (left.status(), left.verdict, left.cache);
        Record { core, asked, site, status, verdict, cache, body_bytes: 0, cut: true }
    }

    /// Notes the answer, before it goes out.
    pub fn answered(&mut self, answer: &Answer) {
        (self.status, self.verdict, self.cache) = (answer.status(), answer.verdict, answer.cache);
    }

    /// Notes what became of it: how many bytes of its body went out, and whether it was cut.
    pub fn end(mut self, body_bytes: u64, cut: bool) {
        (self.body_bytes, self.cut) = (body_bytes, cut);
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        let Record { core, asked, site, status, verdict, ref cache, body_bytes, cut } = *self;
        if let Some(reason) = cache.detail {
            core.counters.gave_reason(reason);
        }
        if asked.request.is_some() {
            core.shared.diagnosis.look(verdict, cache.detail);
        }
        match site {
            Some(site) => {
                let counters = &site.counters;
                counters.answered(verdict, status);
                counters.body_bytes.add(body_bytes);
            }
            None => core.counters.bad_requests.one(),
        }
        let Some(log) = &core.shared.access_log else { return };
        log.log(&Line {
            at: asked.at,
            client: asked.client,
            request: asked.request,
            site: site.map_or("", |site| &site.settings.site.name),
            status,
            body_bytes,
            verdict: verdict.token(),
            cache,
            took: asked.started.elapsed(),
            cut,
        });
    }
}
