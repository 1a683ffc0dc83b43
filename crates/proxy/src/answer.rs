//! What a client is to be sent: decided by `serve`, written by `client`.

use crate::cache_status::CacheStatus;
use crate::compress::{self, Form, OnTheWay, Wish};
use crate::core::{Core, SiteOnCore};
use crate::error::Error;
use crate::fill::{Errand, Flowing, Reader};
use crate::metrics::Verdict;
use crate::shelf;
use crate::slices::Slices;
use crate::upstream::{Response, ResponseBody, Tunnel};
use bytes::Bytes;
use policy::admission::tags_told;
use policy::coding;
use policy::fields::Fields;
use policy::media_type::is_event_stream;
use policy::range::ByteRange;
use policy::reason::{WhyFetch, WhyPass, WhySkip};
use policy::reply::{self, Reply};
use policy::request::Request;
use policy::rule::Site;
use policy::time::Timestamp;
use std::sync::Arc;
use store::Entry;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// How it came about.
    pub verdict: Verdict,
    /// What `Cache-Status` says.
    pub cache: CacheStatus,
    /// What is sent.
    pub content: Content,
    /// Fields that it bears for who asks.
    pub beside: Option<Box<Fields>>,
}

/// What is sent.
#[derive(Debug)]
pub enum Content {
    /// Something stored, or parts of it.
    Stored {
        /// The response.
        entry: Arc<Entry>,
        /// What of it.
        reply: Reply,
        /// Its age in seconds.
        age: u64,
        /// In which content coding.
        form: Form,
        /// How its body is read where some of it is missing.
        slices: Option<Box<Slices>>,
    },
    /// What a fill brings.
    Flowing {
        /// How it begins.
        head: Arc<Flowing>,
        /// The rest of it.
        reader: Reader,
        /// Whether the client has it already: 304.
        not_modified: bool,
        /// The part of it that is sent, if not all is.
        part: Option<ByteRange>,
        /// In which content coding.
        coded: OnTheWay,
        /// What it goes on by should it fall out of the fill's window.
        errand: Box<Errand>,
    },
    /// What this request's own exchange brings.
    Passing {
        /// The status.
        status: u16,
        /// The fields as the client gets them.
        shown: Fields,
        /// The tags that it bears.
        tags: Box<[Box<str>]>,
        /// The announced length of the body.
        length: Option<u64>,
        /// In which content coding.
        coded: OnTheWay,
        /// The body.
        body: ResponseBody,
    },
    /// The connection goes on in another protocol.
    Switched {
        /// The fields of the 101 as the client gets them.
        shown: Fields,
        /// The protocol.
        protocol: Box<str>,
        /// The origin's end.
        tunnel: Tunnel,
    },
    /// An answer of our own.
    Made {
        /// Its status.
        status: u16,
        /// Its fields.
        fields: Fields,
        /// Its body.
        body: Bytes,
    },
    /// An answer of our own that says what failed.
    Own(Error),
}

impl Answer {
    /// Something stored and fresh, or stale as allowed.
    pub fn stored(
        wish: Wish<'_>,
        entry: Arc<Entry>,
        verdict: Verdict,
        cache: CacheStatus,
        now: Timestamp,
    ) -> Answer {
        let (request, meta) = (wish.request, &entry.meta);
        let length = Some(meta.body_bytes);
        let reply = reply::reply(request, meta.status, &meta.fields, length, meta.has_forms);
        let form = match reply {
            Reply::Full => compress::form_of(wish, &entry),
            Reply::NotModified => compress::form_not_modified(wish, &entry),
            Reply::Parts(_) | Reply::Unsatisfiable => Form::Identity,
        };
        let age = meta.life.age_seconds(now);
        let cache = CacheStatus { ttl: Some(meta.life.ttl(now)), ..cache };
        let content = Content::Stored { entry, reply, age, form, slices: None };
        Answer { verdict, cache, content, beside: None }
    }

    /// What a fill brings.
    pub fn flowing(
        errand: &Errand,
        head: Arc<Flowing>,
        mut reader: Reader,
        why: WhyFetch,
        collapsed: bool,
    ) -> Answer {
        let verdict = if collapsed { Verdict::Collapsed } else { Verdict::Miss };
        let cache = fetched(
            why,
            head.status,
            &head.admission.as_ref().map(|_| ()).map_err(|w| *w),
            collapsed,
        );
        let has_it = |fields: &Fields, has_forms| {
            let reply = reply::reply(&errand.request, head.status, fields, None, has_forms);
            reply == Reply::NotModified
        };
        let not_modified = match &head.admission {
            Ok(meta) => has_it(&meta.fields, meta.has_forms),
            Err(_) => shelf::client_has_it(errand, head.status, &head.shown),
        };
        let part = part_of(errand, &head).filter(|_| !not_modified);
        let (coded, reader) = match part {
            Some(part) => {
                reader.skip_to(part.first);
                (OnTheWay::default(), reader)
            }
            None => compress::on_its_way(errand, &head, reader, not_modified),
        };
        let errand = Box::new(errand.clone());
        let content = Content::Flowing { head, reader, not_modified, part, coded, errand };
        Answer { verdict, cache, content, beside: None }
    }

    /// What one request's own exchange brings.
    pub fn passing(
        core: &Core,
        site: &SiteOnCore,
        request: &Request,
        response: Response,
        (verdict, cache): (Verdict, CacheStatus),
    ) -> Answer {
        let Response { status, fields, length, body, .. } = response;
        let policy = &site.settings.site;
        let rule = policy.rule_for(request);
        let has_forms = coding::suits_passing(rule, status, &fields);
        let is_cached = verdict != Verdict::Pass;
        let about_forms = coding::is_about_forms(rule, is_cached, status, &fields);
        let mut shown = reply::shown(policy, rule, status, &fields, has_forms || about_forms);
        if status == 304 && about_forms && coding::wanted(request).is_some() {
            coding::weaken(&mut shown);
        }
        let coded = match has_forms {
            true => compress::passing(core, request, length),
            false => OnTheWay::default(),
        };
        let tags = if is_cached { tags_told(&fields) } else { Box::default() };
        let content = Content::Passing { status, shown, tags, length, coded, body };
        Answer { verdict, cache, content, beside: None }
    }

    /// An answer of our own that says what failed.
    pub fn own(error: Error) -> Answer {
        let cache = CacheStatus { detail: Some(error.token()), ..CacheStatus::default() };
        Answer { verdict: Verdict::Error, cache, content: Content::Own(error), beside: None }
    }

    /// The tags that its fields name, where it is not stored, nor passed by the cache.
    pub fn tags(&self) -> &[Box<str>] {
        match &self.content {
            Content::Flowing { head, .. } => &head.tags,
            Content::Passing { tags, .. } => tags,
            _ => &[],
        }
    }

    /// The status that the client gets.
    pub fn status(&self) -> u16 {
        match &self.content {
            Content::Stored { entry, reply, .. } => match reply {
                Reply::Full => entry.meta.status,
                Reply::NotModified => 304,
                Reply::Parts(_) => 206,
                Reply::Unsatisfiable => 416,
            },
            Content::Flowing { not_modified: true, .. } => 304,
            Content::Flowing { part: Some(_), .. } => 206,
            Content::Flowing { head, .. } => head.status,
            Content::Passing { status, .. } => *status,
            Content::Made { status, .. } => *status,
            Content::Switched { .. } => 101,
            Content::Own(error) => error.status(),
        }
    }

    /// The fields that it bears for who asks, and among them how it came about, in the words that
    /// tools of old read, where the site says so.
    pub fn told_plainly(&self, site: &Site, beside: Option<Box<Fields>>) -> Option<Box<Fields>> {
        if !site.show_cache_status {
            return beside;
        }
        let mut fields = beside.unwrap_or_default();
        fields.push(b"x-cache-status", self.plain_status().as_bytes());
        if let Content::Stored { age, .. } = &self.content {
            fields.push(b"x-cache-age", age.to_string().as_bytes());
        }
        Some(fields)
    }

    fn plain_status(&self) -> &'static str {
        match self.verdict {
            Verdict::Hit => "HIT",
            Verdict::Stale => "STALE",
            Verdict::Revalidated => "REVALIDATED",
            Verdict::Miss | Verdict::Collapsed if self.cache.fwd == Some("stale") => "EXPIRED",
            Verdict::Miss | Verdict::Collapsed => "MISS",
            Verdict::Pass | Verdict::Edge => "BYPASS",
            Verdict::Error => "ERROR",
        }
    }

    /// Whether it is a stream of events, which lasts until somebody ends it.
    pub fn is_event_stream(&self) -> bool {
        match &self.content {
            Content::Flowing { head, .. } => is_event_stream(&head.shown),
            Content::Passing { shown, .. } => is_event_stream(shown),
            _ => false,
        }
    }
}

/// The part of what a fill brings that a client wants, if it wants one only and all is kept.
pub fn part_of(errand: &Errand, head: &Flowing) -> Option<ByteRange> {
    let (meta, length) = (head.admission.as_ref().ok()?, head.length?);
    let has_forms = meta.has_forms;
    match reply::reply(&errand.request, head.status, &meta.fields, Some(length), has_forms) {
        Reply::Parts(parts) if parts.len() == 1 => parts.first().copied(),
        _ => None,
    }
}

/// What `Cache-Status` says of a request that was fetched by way of the cache.
pub fn fetched(
    why: WhyFetch,
    status: u16,
    stored: &Result<(), WhySkip>,
    collapsed: bool,
) -> CacheStatus {
    CacheStatus {
        fwd: Some(why.fwd()),
        fwd_status: Some(status),
        stored: stored.is_ok(),
        collapsed,
        detail: Some(match stored {
            Ok(()) => why.token(),
            Err(skip) => skip.token(),
        }),
        ..CacheStatus::default()
    }
}

/// What `Cache-Status` says of a request that passes by the cache.
pub fn passed(why: WhyPass, status: u16) -> CacheStatus {
    CacheStatus {
        fwd: Some(why.fwd()),
        fwd_status: Some(status),
        detail: Some(why.token()),
        ..CacheStatus::default()
    }
}
