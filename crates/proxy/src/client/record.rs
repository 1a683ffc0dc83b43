//! What is noted of each request: in the counters, in the access log.

use crate::access_log::Line;
use crate::answer::Answer;
use crate::cache_status::CacheStatus;
use crate::core::{Core, SiteOnCore};
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
    /// Notes the answer, before it goes out.
    pub fn begin(
        core: &'r Core,
        asked: Asked<'r>,
        site: Option<&'r SiteOnCore>,
        answer: &Answer,
    ) -> Record<'r> {
        let (status, verdict, cache) = (answer.status(), answer.verdict, answer.cache);
        if let Some(reason) = cache.detail {
            core.counters.gave_reason(reason);
        }
        if asked.request.is_some() {
            core.shared.diagnosis.look(verdict, cache.detail);
        }
        Record { core, asked, site, status, verdict, cache }
    }

    /// Notes what became of it: how many bytes of its body went out, and whether it was cut.
    pub fn end(self, body_bytes: u64, cut: bool) {
        match self.site {
            Some(site) => {
                let counters = self.core.counters_of(site);
                counters.answered(self.verdict, self.status);
                counters.body_bytes.add(body_bytes);
            }
            None => self.core.counters.bad_requests.one(),
        }
        let Some(log) = &self.core.shared.access_log else { return };
        log.log(&Line {
            at: self.asked.at,
            client: self.asked.client,
            request: self.asked.request,
            site: self.site.map_or("", |site| &site.settings.site.name),
            status: self.status,
            body_bytes,
            verdict: self.verdict.token(),
            cache: &self.cache,
            took: self.asked.started.elapsed(),
            cut,
        });
    }
}
