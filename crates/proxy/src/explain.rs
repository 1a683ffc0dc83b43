//! What would happen to a request, for operators who ask: what is stored and how it stands, and, if
//! they want it, what the origin answers now. Nothing is stored or refreshed by it, and it takes no
//! lock for longer than a request does.

use crate::core::{Core, Shared};
use crate::doors::DOOR;
use crate::edge;
use crate::error::Error;
use crate::fill::Errand;
use crate::pictures::{Picture, as_kept, asked, is_for_one, looked_up, picture, refused};
use crate::serve::is_kept;
use crate::settings::SiteSettings;
use crate::shelf;
use crate::upstream::request::Client;
use crate::upstream::{Response, ResponsePiece};
use policy::admission::{Admission, admission};
use policy::explain::{Facts, KeyTold, Outcome, Way};
use policy::fields::Fields;
use policy::freshness::Exchange;
use policy::kept;
use policy::meta::Meta;
use policy::reason::WhySkip;
use policy::reply::{self, Reply};
use policy::request::{Method, Request};
use policy::reuse::Found;
use policy::time::Timestamp;
use policy::vary::Variant;
use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::{Examination, Examined};
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::timeout;

/// The longest wait for the head of an origin's answer; its own limits count too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(8);
/// The longest wait for the body behind it.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of a body that are read, to see whether it comes whole; what comes behind is not taken.
const MAX_BODY_BYTES: u64 = 1 << 20;

/// What would happen to a request.
#[derive(Debug)]
pub struct Look<'s> {
    /// When that is.
    pub now: Timestamp,
    /// The site.
    pub site: &'s SiteSettings,
    /// Rule, cookies and key.
    pub way: Way<'s>,
    /// What is stored under the key.
    pub stored: Examination,
    /// For how many seconds its requests still go alone, since an answer could not be shared.
    pub marked_seconds: Option<u64>,
    /// A refresh failed of late, so none is begun for a while.
    pub is_paused: bool,
    /// It is being fetched just now.
    pub is_coming: bool,
    /// What would happen.
    pub outcome: Outcome,
    /// What the answer would say, where it is an error that is known.
    pub says: Option<String>,
    /// The picture that it is for.
    pub picture: Option<PictureLook>,
}

/// A picture, and how its source stands.
#[derive(Debug)]
pub struct PictureLook {
    /// The picture.
    pub picture: Picture,
    /// Whether its source is kept by the cache; nothing where that does not keep it, or it is not known.
    pub is_source_kept: Option<bool>,
}

impl<'s> Look<'s> {
    /// What would happen to a request now. Reads from disk: not for threads that must not wait.
    /// Nothing if no site is for its host.
    pub fn of(shared: &'s Shared, request: &Request) -> Option<Look<'s>> {
        let settings = &shared.settings;
        let site = &settings.sites[settings.site_number(&request.host)?];
        let now = shared.clock.now();
        let picture = picture_look(shared, site, request);
        let kept = as_kept(site, request).filter(|kept| is_kept_so(shared, site, kept));
        let error = refused(site, request, now).filter(|_| kept.is_none());
        let says = error.as_ref().map(Error::explanation);
        let refused = error.map(|error| Outcome::Here(error.token()));
        let refused = refused.or_else(|| shelf::told(site, request).map(Outcome::Here));
        let request = &*kept.map_or_else(|| looked_up(site, request), Cow::Owned);
        let request = &*shelf::looked_up(site, request);
        let way = Way::of(&site.site, request);
        let Ok(KeyTold { key, .. }) = &way.key else {
            let outcome = Outcome::of(&way, Found::Nothing, Facts::default(), request, now);
            let outcome = refused.or_else(|| here(site, request)).unwrap_or(outcome);
            return Some(Look { says, picture, ..Look::without_key(now, site, way, outcome) });
        };
        let stored = shared.store.examine(key, &request.fields, site.site.id);
        let marked_seconds = shared.marks.left(key.as_ref().bytes(), now);
        let is_coming = shared.fills.has(site.site.id, key.as_ref());
        let is_paused = shared.pauses.holds(key.as_ref().bytes(), now);
        let found = found(&stored, site);
        let facts = Facts {
            has_gaps: stored.picked().is_some_and(|picked| meets_gaps(request, picked)),
            is_kept: is_paused
                && matches!(found, Found::Response { meta, invalid }
                    if is_kept(&site.site, request, meta, invalid, now)),
            is_marked: marked_seconds.is_some(),
        };
        let outcome = Outcome::of(&way, found, facts, request, now);
        let outcome = refused.or_else(|| here(site, request)).unwrap_or(outcome);
        let kept = Look {
            stored,
            marked_seconds,
            is_paused,
            is_coming,
            ..Look::without_key(now, site, way, outcome)
        };
        Some(Look { says, picture, ..kept })
    }

    fn without_key(
        now: Timestamp,
        site: &'s SiteSettings,
        way: Way<'s>,
        outcome: Outcome,
    ) -> Look<'s> {
        let (stored, marked_seconds) = (Examination::default(), None);
        let (is_paused, is_coming) = (false, false);
        let (says, picture) = (None, None);
        Look {
            now,
            site,
            way,
            stored,
            marked_seconds,
            is_paused,
            is_coming,
            outcome,
            says,
            picture,
        }
    }
}

/// The picture that a request is for, and how its source stands.
fn picture_look(shared: &Shared, site: &SiteSettings, request: &Request) -> Option<PictureLook> {
    let picture = picture(site, request)?;
    let is_source_kept = picture.origin(site).and_then(|asked| {
        let way = Way::of(&asked.site, &picture.request);
        let stored =
            shared.store.examine(&way.key.ok()?.key, &picture.request.fields, asked.site.id);
        Some(stored.picked().is_some_and(|picked| !picked.is_gone()))
    });
    Some(PictureLook { picture, is_source_kept })
}

/// Whether something is stored that is asked for so to the letter: the URL is from a list of what is.
fn is_kept_so(shared: &Shared, site: &SiteSettings, request: &Request) -> bool {
    let way = Way::of(&site.site, request);
    way.key.is_ok_and(|KeyTold { key, .. }| {
        shared.store.examine(&key, &request.fields, site.site.id).picked.is_some()
    })
}

/// Whether bytes of a body with gaps go out. Which of a range are there is not looked at.
fn meets_gaps(request: &Request, Examined { listed, .. }: &Examined) -> bool {
    let (meta, length) = (&listed.meta, Some(listed.meta.body_bytes));
    let reply = || reply::reply(request, meta.status, &meta.fields, length, meta.has_forms);
    listed.there_bytes.is_some()
        && request.method == Method::Get
        && matches!(reply(), Reply::Full | Reply::Parts(_))
}

/// What is answered without an origin, whatever is stored.
fn here(site: &SiteSettings, request: &Request) -> Option<Outcome> {
    let by_edge = edge::answer(&site.site, request).and_then(|answer| answer.cache.detail);
    let has_door = || site.doors.iter().any(|door| door.is_for(request));
    by_edge.or_else(|| has_door().then_some(DOOR)).map(Outcome::Here)
}

/// What a look-up finds of what is stored under a key.
fn found<'e>(stored: &'e Examination, site: &SiteSettings) -> Found<'e> {
    match stored.picked() {
        Some(picked) if picked.is_gone() => Found::Nothing,
        Some(Examined { listed, .. }) => {
            Found::Response { meta: &listed.meta, invalid: listed.is_invalid }
        }
        None if stored.all.iter().any(|one| one.listed.meta.site == site.site.id) => {
            Found::OtherVariants
        }
        None => Found::Nothing,
    }
}

/// What an origin answered.
#[derive(Debug)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The header fields, less those of the connection.
    pub fields: Fields,
    /// When it was asked and when the head came.
    pub exchange: Exchange,
    /// The announced length of the body.
    pub length: Option<u64>,
    /// Bytes of the body that were read, and whether that was all of it; nothing where it does not
    /// matter, since it would not be stored.
    pub body: Option<(u64, bool)>,
    /// What it would be stored as, or why not.
    pub verdict: Result<Box<Meta>, WhySkip>,
}

/// Why an origin was not asked, or did not answer.
#[derive(Debug)]
pub enum NotFetched {
    /// The request does not go by way of the cache, or another site is for it by now.
    Passes,
    /// There is no response.
    Failed(Error),
    /// It took longer than this asks for.
    TooSlow,
    /// The system gives no runtime.
    System(io::Error),
}

/// Asks the origin of a site for what a request wants, as it would be asked for the cache: whole,
/// without conditions, and with no header fields but those of the request, whose asker is not told.
/// The body is read and dropped; nothing is stored. `older` is what is stored, that a failure of the
/// origin would not replace. Waits for the origin, on a runtime of its own; the caller lets this
/// be done by one thread at a time.
///
/// # Errors
/// Why there is nothing to tell of.
pub fn fetch(
    shared: &Arc<Shared>,
    request: &Request,
    older: Option<&Meta>,
) -> Result<Fetched, NotFetched> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = runtime.map_err(NotFetched::System)?;
    let fetched = runtime.block_on(async {
        let core = Core::new(shared.clone(), shared.beside_cores());
        let errand = errand(&core, request).ok_or(NotFetched::Passes)?;
        Box::pin(ask(&errand, older)).await
    });
    // Look-ups of names must not hold up the end.
    runtime.shutdown_background();
    fetched
}

fn errand(core: &Rc<Core>, request: &Request) -> Option<Errand> {
    let site = core.site_for(&request.host)?.clone();
    let (request, making, shelved) = match shelf::find(&site.settings, request) {
        Some(shelf::Found::Shelved(wanted, shelved)) => (wanted, None, Some(shelved)),
        Some(shelf::Found::Answer(_)) => return None,
        None => match asked(&site.settings, request) {
            Some(Ok((wanted, making))) => (wanted, Some(Rc::new(making)), None),
            Some(Err(_)) => return None,
            None => (request.clone(), None, None),
        },
    };
    let key = Way::of(&site.settings.site, &request).key.ok()?.key;
    let request = Request { method: Method::Get, ..request };
    let nobody = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Some(Errand {
        core: core.clone(),
        request: Rc::new(request),
        client: Client { address: nobody, is_trusted: false, is_told: false },
        key,
        variant: Variant::default(),
        stored: None,
        part: None,
        making,
        shelved,
        site,
    })
}

async fn ask(errand: &Errand, older: Option<&Meta>) -> Result<Fetched, NotFetched> {
    let born = errand.depart().born();
    let response = timeout(HEAD_TIMEOUT, errand.ask_whole()).await;
    let mut response = response.map_err(|_| NotFetched::TooSlow)?.map_err(NotFetched::Failed)?;
    let (site, now) = (&errand.site.settings.site, errand.core.shared.clock.now());
    let status = response.status;
    let keeps = |meta: &Meta| kept::keeps(site, errand.rule(), meta, status, now);
    let verdict = admission(&errand.offer(&response, born)).beside(older.is_some());
    let mut verdict = match verdict {
        _ if errand.making.is_some() && is_for_one(&response.fields) => Err(WhySkip::Private),
        _ if older.is_some_and(keeps) => Err(WhySkip::OlderKept),
        // Whether there is room for it, and how long it may be, the store knows.
        Admission::Store(_) if older.is_none() && !errand.would_admit_variant() => {
            Err(WhySkip::TooManyVariants)
        }
        Admission::Store(meta) => {
            let begun = errand.core.shared.store.begin(&errand.key, response.length);
            begun.map(|_| meta)
        }
        Admission::Skip(why) => Err(why),
    };
    let mut body = None;
    if verdict.is_ok() {
        let (came, end) = drain(&mut response).await;
        body = Some((came, end == End::Whole));
        if end == End::BrokeOff {
            verdict = Err(WhySkip::Incomplete);
        }
    }
    let Response { status, fields, exchange, length, .. } = response;
    Ok(Fetched { status, fields, exchange, length, body, verdict })
}

/// How reading a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    BrokeOff,
    /// It is too long, or too slow, to be read to its end.
    Enough,
}

/// Reads the body and drops it: how much came.
async fn drain(response: &mut Response) -> (u64, End) {
    let mut came = 0;
    let reading = async {
        while came <= MAX_BODY_BYTES {
            match response.body.next().await {
                Ok(ResponsePiece::Data(chunk)) => came += chunk.len() as u64,
                Ok(ResponsePiece::End(_)) => return End::Whole,
                Err(_) => return End::BrokeOff,
            }
        }
        End::Enough
    };
    let end = timeout(BODY_TIMEOUT, reading).await.unwrap_or(End::Enough);
    (came, end)
}
