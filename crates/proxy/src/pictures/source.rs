//! The source of a picture: asked for as any client would ask, and what is known of it.

use super::allowed::{Place, authority_and_target, origin_of};
use super::asked::at_home;
use super::moved::moved;
use super::{folder, gather, on_disk};
use crate::answer::{Answer, Content};
use crate::cache_status::StoodIn;
use crate::core::SiteOnCore;
use crate::error::Error;
use crate::fill::Errand;
use crate::hints::Hints;
use crate::metrics::Verdict;
use crate::serve::{Caller, serve_source};
use crate::upstream::request::Client;
use bytes::Bytes;
use imaging::plan::Source;
use policy::cache_control::ResponseDirectives;
use policy::fields::Fields;
use policy::freshness::Life;
use policy::key::KeyRef;
use policy::lineage::Lineage;
use policy::meta::Meta;
use policy::name::Name;
use policy::reason::WhySkip;
use policy::reply;
use policy::request::{Method, Request, Scheme};
use policy::time::{Seconds, Timestamp};
use std::rc::Rc;
use std::sync::Arc;

/// What is asked for: any picture, for nobody in particular.
const ACCEPT: &str = "image/*,*/*;q=0.5";
/// How often a source may send on to another URL.
const MAX_REDIRECTS: usize = 3;

/// A source whose head is there.
pub struct Found {
    /// Its status.
    pub status: u16,
    /// What is made of it inherits this.
    pub lineage: Lineage,
    /// How long it lives.
    pub life: Lived,
    /// The `Cache-Control` that clients get of it.
    pub told: Option<Box<[u8]>>,
    /// The groups that it is in (RFC 9875), as its fields name them.
    pub groups: Vec<Box<[u8]>>,
    /// Whether it is a stream of events, which never ends.
    pub is_endless: bool,
    /// The content coding that it says it has.
    pub coding: Option<Box<str>>,
    /// When it may be asked for again, where it says so (`Retry-After`).
    pub retry_after: Option<Box<[u8]>>,
    /// What failed, where it is an older one that stood in.
    pub stood_in: Option<StoodIn>,
    /// The rest of it.
    pub body: Coming,
}

/// How long a source lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lived {
    /// It is kept, for so long.
    Kept(Life),
    /// It is not kept, but what is made of it may be, and is held against the source each time.
    Checked,
    /// It is one visitor's, or not to be kept by anybody, and what is made of it neither.
    NotKept,
}

/// A body that is still to be read.
pub enum Coming {
    /// Of an answer of the path of requests.
    Answer(Box<Answer>),
    /// Of a file.
    File(folder::Opened),
    /// There is none.
    Nothing,
}

impl Coming {
    /// Its length, where it is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Coming::Answer(answer) => gather::length(answer),
            Coming::File(file) => Some(file.bytes),
            Coming::Nothing => Some(0),
        }
    }

    /// What lies in memory already and is shared.
    pub fn shared(&self) -> Option<Bytes> {
        match self {
            Coming::Answer(answer) => gather::shared(answer),
            Coming::File(_) | Coming::Nothing => None,
        }
    }

    /// Where it lies, if all of it lies on disk, as it goes out.
    pub fn on_disk(&self) -> Option<on_disk::Lies> {
        match self {
            Coming::Answer(answer) => gather::on_disk(answer).map(on_disk::Lies::Stored),
            Coming::File(file) => Some(on_disk::Lies::File(file.file.clone())),
            Coming::Nothing => None,
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// When it is longer than `most` bytes, or breaks off.
    pub async fn gather(self, most: u64, now: Timestamp) -> Result<Bytes, gather::Lost> {
        match self {
            Coming::Answer(answer) => gather::gather(*answer, most, now).await,
            Coming::File(file) => file.read(most).await,
            Coming::Nothing => Ok(Bytes::new()),
        }
    }
}

impl Found {
    /// What was found, with what else it is of: what sent on to it, or what is drawn over it. It lives no
    /// longer than either.
    pub fn of_both(self, before: Option<Found>, now: Timestamp) -> Found {
        let Some(before) = before else { return self };
        let is_first = before.life.ends_first(self.life, now);
        let life = if is_first { before.life } else { self.life };
        let told = match (before.told, self.told) {
            (Some(one), Some(other)) => Some(stricter(one, other)),
            (one, other) => {
                if is_first {
                    one.or(other)
                } else {
                    other.or(one)
                }
            }
        };
        let lineage = before.lineage.and(self.lineage);
        let groups = [before.groups, self.groups].concat();
        let stood_in = before.stood_in.or(self.stood_in);
        Found { lineage, life, told, groups, stood_in, ..self }
    }
}

impl Lived {
    fn ends_first(self, other: Lived, now: Timestamp) -> bool {
        match (self, other) {
            (Lived::NotKept, _) => true,
            (_, Lived::NotKept) => false,
            (Lived::Checked, _) => true,
            (_, Lived::Checked) => false,
            (Lived::Kept(one), Lived::Kept(other)) => {
                let left = |life: Life| (!life.always_validate, life.ttl(now));
                left(one) <= left(other)
            }
        }
    }
}

/// Of what clients get told of two, of both of which something is, what lets them keep it less.
fn stricter(one: Box<[u8]>, other: Box<[u8]>) -> Box<[u8]> {
    let rank = |told: &[u8]| {
        let ResponseDirectives { no_store, private, no_cache, max_age, must_revalidate, .. } =
            ResponseDirectives::parse([told].into_iter());
        let asked = !(no_store || private || no_cache);
        (!no_store, !private, asked, max_age.map_or(u64::MAX, Seconds::get), !must_revalidate)
    };
    let has = |told: &[u8]| told.to_ascii_lowercase().windows(9).any(|part| part == b"immutable");
    let both_stay = has(&one) == has(&other);
    let least = if rank(&one) <= rank(&other) { one } else { other };
    match both_stay || !has(&least) {
        true => least,
        // The other may change under the same URL.
        false => {
            let text = String::from_utf8_lossy(&least).into_owned();
            let parts = text.split(',').map(str::trim);
            let kept = parts.filter(|part| !part.eq_ignore_ascii_case("immutable"));
            kept.collect::<Vec<_>>().join(", ").into_bytes().into()
        }
    }
}

/// Asks for a source.
///
/// # Errors
/// Why there is none at all.
pub async fn find(errand: &Errand, source: &Source, place: Place) -> Result<Found, Error> {
    let (mut source, mut place) = (source.clone(), place);
    let mut before: Option<Found> = None;
    for _ in 0..=MAX_REDIRECTS {
        let found = match place {
            Place::Folder(number) => folder::find(errand, &source, number).await?,
            Place::Site | Place::Remote(_) => ask(errand, &source, place).await?,
        };
        let found = found.of_both(before, errand.core.shared.clock.now());
        let Found { status: 301 | 302 | 303 | 307 | 308, body: Coming::Answer(answer), .. } =
            &found
        else {
            return Ok(found);
        };
        let location = location(answer).ok_or(Error::PictureSource(LOST.to_owned()))?;
        let moved = moved(&source, errand.request.scheme, &location)
            .ok_or(Error::PictureSource(LOST.to_owned()))?;
        source = at_home(moved, &errand.request);
        let settings = errand.making.as_ref().map(|making| making.settings.clone());
        let settings = settings.ok_or(Error::PictureSource(LOST.to_owned()))?;
        // Where it sends to has to be allowed as much as where it was asked.
        place = super::allowed::place(&settings, &source)?;
        before = Some(Found { body: Coming::Nothing, ..found });
    }
    Err(Error::PictureSource(LOST.to_owned()))
}

/// What is made of a source inherits this where there is none to be had: who purges that purges what takes
/// its place.
pub fn wanted(errand: &Errand, source: &Source, place: Place) -> Option<Lineage> {
    let (site, request) = asking(errand, source, place)?;
    let (rule, mut buffer) = (site.settings.site.rule_for(&request), Vec::new());
    let lineage = Lineage::of(KeyRef::build(&request, rule, &mut buffer), None);
    let tags = rule.tags_at(request.path()).into_iter().map(Box::from).collect();
    Some(Lineage { tags, ..lineage })
}

const LOST: &str = "it sends on to another URL too often, or to one that is none";

async fn ask(errand: &Errand, source: &Source, place: Place) -> Result<Found, Error> {
    let core = &errand.core;
    let (site, request) = asking(errand, source, place).ok_or(Error::UnknownHost)?;
    let request = Rc::new(request);
    let client = Client { is_told: false, ..errand.client };
    let caller = Caller { client, hints: Arc::new(Hints::default()) };
    let (mut buffer, now) = (Vec::new(), core.shared.clock.now());
    let asking = Box::pin(serve_source(core, &site, &caller, &request, &mut buffer, now));
    let answer = asking.await;
    if let Content::Own(error) = &answer.content {
        return Err(error.clone());
    }
    let rule = site.settings.site.rule_for(&request);
    let key = KeyRef::build(&request, rule, &mut buffer);
    Ok(told(&site, &request, key, answer))
}

/// Who is asked for a source, and how.
fn asking(errand: &Errand, source: &Source, place: Place) -> Option<(Rc<SiteOnCore>, Request)> {
    match (source, place) {
        (Source::Path(path), _) => Some((errand.site.clone(), at(&errand.request, path))),
        (Source::Url(url), Place::Remote(number)) => {
            Some((remote(errand, url, number)?, elsewhere(url)))
        }
        (Source::Url(_), _) => None,
    }
}

/// The site that is asked for a source at another origin.
fn remote(errand: &Errand, url: &str, number: usize) -> Option<Rc<SiteOnCore>> {
    let listed = errand.site.sources.get(number)?;
    let settings = errand.site.settings.pictures.as_ref()?;
    match settings.sources.get(number)?.wildcard {
        None => Some(listed.clone()),
        Some(_) => {
            let origin = origin_of(&authority_and_target(url).0)?;
            errand.core.hosts.site(&errand.core, listed, origin)
        }
    }
}

/// What an answer says of the source.
fn told(site: &SiteOnCore, request: &Request, key: KeyRef<'_>, answer: Answer) -> Found {
    let (policy, rule) = (&site.settings.site, site.settings.site.rule_for(request));
    let (meta, skip, shown): (Option<&Meta>, _, Option<Fields>) = match &answer.content {
        Content::Stored { entry, .. } => {
            let Meta { status, fields, has_forms, .. } = &entry.meta;
            let shown = reply::shown(policy, rule, *status, fields, *has_forms);
            (Some(&entry.meta), None, Some(shown))
        }
        Content::Flowing { head, .. } => (
            head.admission.as_deref().ok(),
            head.admission.as_ref().err(),
            Some(head.shown.clone()),
        ),
        Content::Passing { shown, .. } => (None, None, Some(shown.clone())),
        Content::Made { .. } | Content::Switched { .. } | Content::Own(_) => (None, None, None),
    };
    // What is stale and was asked about stood in; what is refreshed beside did not.
    let detail = answer.cache.detail.filter(|_| answer.verdict == Verdict::Stale);
    let detail = detail.filter(|_| answer.cache.fwd.is_some());
    let stood_in = detail.map(|detail| StoodIn { status: answer.cache.fwd_status, detail });
    let life = match (meta, skip) {
        (Some(meta), _) => Lived::Kept(meta.life),
        (None, Some(why)) => life_without(*why),
        (None, None) => answer.cache.detail.and_then(skipped).map_or(Lived::NotKept, life_without),
    };
    let shown = shown.unwrap_or_default();
    let mut lineage = Lineage::of(key, meta);
    // What is good now was purged by nothing since it was born: what is made of it is as old as the
    // request for that, and of later purges the table says which cover either. Else who purges one
    // picture only would never have it kept again before its source is new.
    lineage.born = lineage.born.filter(|_| answer.verdict == Verdict::Stale);
    if meta.is_none() {
        // Nothing is stored that would bear them.
        let of_rule = rule.tags_at(request.path()).into_iter();
        let tags = answer.tags().iter().cloned().chain(of_rule.map(Box::from));
        lineage.tags = tags.collect();
    }
    Found {
        status: answer.status(),
        lineage,
        life,
        told: shown.get(Name::CacheControl).map(Box::from),
        groups: shown.all(Name::CacheGroups).map(Box::from).collect(),
        is_endless: answer.is_event_stream(),
        stood_in,
        coding: shown.text(Name::ContentEncoding).map(Box::from),
        retry_after: shown.get(Name::RetryAfter).map(Box::from),
        body: Coming::Answer(Box::new(answer)),
    }
}

/// The reason of that token.
fn skipped(token: &str) -> Option<WhySkip> {
    WhySkip::ALL.iter().copied().find(|why| why.token() == token)
}

/// Of what is not kept only because nothing says for how long, or since there is no room for it, a
/// picture may be kept: it is held against its source before it is used.
fn life_without(why: WhySkip) -> Lived {
    match why {
        WhySkip::NoFreshness
        | WhySkip::Status
        | WhySkip::Expired
        | WhySkip::TooLarge
        | WhySkip::InFlight
        | WhySkip::Disk => Lived::Checked,
        _ => Lived::NotKept,
    }
}

/// The request by which a source is asked for, where a picture of it is asked for by `asked`.
pub fn request_for(asked: &Request, source: &Source) -> Request {
    match source {
        Source::Path(path) => at(asked, path),
        Source::Url(url) => elsewhere(url),
    }
}

fn at(asked: &Request, path: &str) -> Request {
    Request {
        method: Method::Get,
        version: asked.version,
        scheme: asked.scheme,
        host: asked.host.clone(),
        target: path.to_owned(),
        fields: [("Accept", ACCEPT)].into_iter().collect(),
        ..Request::default()
    }
}

fn elsewhere(url: &str) -> Request {
    let (authority, target) = authority_and_target(url);
    let (scheme, host) = authority.split_once("://").unwrap_or(("http", ""));
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    Request {
        scheme,
        host: host.to_owned(),
        target: target.to_owned(),
        fields: [("Accept", ACCEPT)].into_iter().collect(),
        ..Request::default()
    }
}

fn location(answer: &Answer) -> Option<String> {
    let fields = match &answer.content {
        Content::Stored { entry, .. } => &entry.meta.fields,
        Content::Flowing { head, .. } => &head.shown,
        Content::Passing { shown, .. } => shown,
        Content::Made { fields, .. } => fields,
        Content::Switched { .. } | Content::Own(_) => return None,
    };
    fields.text(Name::Location).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::time::Seconds;

    #[test]
    fn of_two_lives_the_one_that_ends_first_counts() {
        let life = |lifetime| Life { lifetime: Seconds::new(lifetime), ..Life::default() };
        let kept = |lifetime| Lived::Kept(life(lifetime));
        let asked = Lived::Kept(Life { always_validate: true, ..life(9) });
        for (one, other, ends_first) in [
            (Lived::NotKept, Lived::Checked, true),
            (Lived::Checked, Lived::NotKept, false),
            (kept(1), Lived::NotKept, false),
            (Lived::Checked, kept(1), true),
            (kept(1), Lived::Checked, false),
            (kept(1), kept(2), true),
            (kept(2), kept(1), false),
            (asked, kept(1), true),
            (kept(1), asked, false),
        ] {
            assert_eq!(one.ends_first(other, Timestamp(0)), ends_first, "{one:?} {other:?}");
        }
    }

    #[test]
    fn clients_are_told_the_stricter_of_two() {
        for (one, other, told) in [
            ("no-cache", "max-age=100, immutable", "no-cache"),
            ("max-age=5", "max-age=100", "max-age=5"),
            ("public, max-age=5, immutable", "max-age=100", "public, max-age=5"),
            ("max-age=5, immutable", "max-age=9, immutable", "max-age=5, immutable"),
            ("max-age=5", "max-age=5, must-revalidate", "max-age=5, must-revalidate"),
            ("public", "private, max-age=9", "private, max-age=9"),
            ("no-store", "private", "no-store"),
        ] {
            for (one, other) in [(one, other), (other, one)] {
                let found = stricter(one.as_bytes().into(), other.as_bytes().into());
                assert_eq!(String::from_utf8_lossy(&found), told, "{one} and {other}");
            }
        }
    }
}
