//! What lies on this machine and is no cache: documents and pictures of feeds, which answer in the
//! place of the origin.
//!
//! What lies there is for others to say: [`Shelf`] is the seam. It goes the way of every response: a
//! miss is a fill whose answer comes from the shelf, so that validators, ranges, compression and
//! collapsing are what they are elsewhere, and so are the rules for its path. It is kept in memory only,
//! under a host that its content gives it, so that what is published next is found at once and nothing
//! need be purged.

use crate::answer::{Answer, Content};
use crate::cache_status::CacheStatus;
use crate::error::Error;
use crate::fill::Errand;
use crate::metrics::Verdict;
use crate::settings::SiteSettings;
use crate::upstream::{Pieces, Response, ResponseBody};
use bytes::Bytes;
use policy::fields::Fields;
use policy::freshness::Exchange;
use policy::key::KeyRef;
use policy::lineage::Lineage;
use policy::name::Name;
use policy::purge::Born;
use policy::reply::{self, Reply};
use policy::request::{Method, Request, split_target};
use std::borrow::Cow;
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

/// What is said of what lies there.
pub const FEED: &str = "feed";
/// The detail of what a feed has nothing for yet.
pub const NOT_YET: &str = "feed-not-yet";
/// The detail of what no feed has, and of what is asked for by another method than GET.
pub const NOT_THERE: &str = "feed-not-there";

/// What the host of requests begins with that are looked up: no client can write it, so no origin's
/// answer ever stands there, and all hosts of a site share what is kept.
const HOST: &str = "\u{1}";

/// What of a request counts: the rest is for an origin, which is not asked.
const KEPT: [Name; 5] =
    [Name::AcceptEncoding, Name::Range, Name::IfRange, Name::IfNoneMatch, Name::IfModifiedSince];

/// What of a site lies on this machine.
pub trait Shelf: Debug + Send + Sync {
    /// What a path leads to; nothing: the origin has it. Asked of each request, so it takes no time.
    fn find(&self, path: &str) -> Option<Standing>;
}

/// What stands at a path.
#[derive(Clone, Debug)]
pub enum Standing {
    /// This.
    There(Arc<dyn Shelved>),
    /// Nothing yet; it is worth asking again after so many seconds.
    NotYet(u64),
    /// Nothing.
    NotThere,
}

/// Something that lies there. It never changes.
pub trait Shelved: Debug + Send + Sync {
    /// A name that no other content has, and none that is told of otherwise. It is kept in the cache by
    /// that.
    fn name(&self) -> &str;

    /// Its fields: what it is, its validators, how long clients may keep it.
    fn fields(&self) -> Fields;

    /// Its length in bytes.
    fn bytes(&self) -> u64;

    /// The head of the purge log when it was asked for; nothing where purges do not matter to it.
    fn born(&self) -> Option<Born>;

    /// Takes note that it was purged since, which makes nothing of it go: it is to be fetched anew.
    fn note_purge(&self);

    /// Opens it. Where that fails, or a piece does later, it is for the shelf to say so: it knows what was
    /// said before, where each who asks would say it again.
    fn open(&self) -> Opening<'_>;
}

/// An answer to [`Shelved::open`].
pub type Opening<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Pieces>>> + 'a>>;

/// What a request finds on the shelves of its site.
#[derive(Debug)]
pub enum Found {
    /// The request that is looked up, the same for all who want the same, and what it is for.
    Shelved(Request, Taken),
    /// It is answered here.
    Answer(Box<Answer>),
}

/// What is taken from a shelf, and as what.
#[derive(Clone, Debug)]
pub struct Taken {
    shelved: Arc<dyn Shelved>,
    /// What it was asked for as, by which it can be purged.
    asked: Rc<Request>,
}

/// What a request finds on the shelves of a site; nothing: it is none for them.
pub fn find(site: &SiteSettings, request: &Request) -> Option<Found> {
    let standing = standing(site, request)?;
    if !matches!(request.method, Method::Get | Method::Head) {
        let fields = [("Allow", "GET, HEAD")].into_iter().collect();
        let text = "This is of a feed: it can be read, and nothing else.\n";
        return Some(Found::Answer(Box::new(plain(405, fields, text, NOT_THERE))));
    }
    Some(match standing {
        Standing::There(shelved) => {
            let looked_up = looked_up_as(site, request, &*shelved);
            let host = request.host.clone();
            let asked = Rc::new(Request { host, fields: Fields::new(), ..looked_up.clone() });
            Found::Shelved(looked_up, Taken { shelved, asked })
        }
        Standing::NotYet(seconds) => {
            let fields = [("Retry-After", &*seconds.to_string())].into_iter().collect();
            let text = "This feed was not fetched yet.\n";
            Found::Answer(Box::new(plain(503, fields, text, NOT_YET)))
        }
        Standing::NotThere => {
            let text = "No feed has this.\n";
            Found::Answer(Box::new(plain(404, Fields::new(), text, NOT_THERE)))
        }
    })
}

/// The request that is looked up for one that finds something there.
pub fn looked_up<'r>(site: &SiteSettings, request: &'r Request) -> Cow<'r, Request> {
    match standing(site, request) {
        Some(Standing::There(shelved)) => Cow::Owned(looked_up_as(site, request, &*shelved)),
        Some(Standing::NotYet(_) | Standing::NotThere) | None => Cow::Borrowed(request),
    }
}

/// The word for how a request is answered from there, if it is.
pub fn told(site: &SiteSettings, request: &Request) -> Option<&'static str> {
    match find(site, request)? {
        Found::Answer(answer) => answer.cache.detail,
        Found::Shelved(..) => Some(FEED),
    }
}

fn standing(site: &SiteSettings, request: &Request) -> Option<Standing> {
    // Most sites have none, and every request comes by here.
    if site.shelves.is_empty() {
        return None;
    }
    let path = split_target(&request.target).0;
    site.shelves.iter().find_map(|shelf| shelf.find(path))
}

fn looked_up_as(site: &SiteSettings, request: &Request, shelved: &dyn Shelved) -> Request {
    let mut fields = Fields::new();
    for name in KEPT {
        for value in request.fields.all(name) {
            fields.add(name, value);
        }
    }
    Request {
        method: request.method.clone(),
        version: request.version,
        scheme: request.scheme,
        host: format!("{HOST}{}.{}", site.site.id.0, shelved.name()),
        // The rules for its path are for it, whoever asks.
        target: split_target(&request.target).0.to_owned(),
        fields,
        ..Request::default()
    }
}

/// The answer with no age: what lies here is no copy of what stands elsewhere, and how long clients may
/// keep it counts from now.
pub fn ageless(mut answer: Answer) -> Answer {
    if let Content::Stored { age, .. } = &mut answer.content {
        *age = 0;
    }
    answer
}

/// Answers as an origin would.
///
/// # Errors
/// When it cannot be read.
pub async fn exchange(errand: &Errand, taken: &Taken) -> Result<Response, Error> {
    let Taken { shelved, asked } = taken;
    let (site, mut buffer) = (&errand.site.settings.site, Vec::new());
    let key = KeyRef::build(asked, site.rule_for(asked), &mut buffer);
    let store = &errand.core.shared.store;
    if shelved.born().is_some_and(|born| store.is_purged_since(key.url(), site.id, born)) {
        shelved.note_purge();
    }
    let opened = shelved.open().await.map_err(|_| Error::ShelfUnreadable)?;
    let now = errand.core.shared.clock.now();
    let mut fields = shelved.fields();
    fields.add(Name::Date, now.to_http());
    Ok(Response {
        status: 200,
        fields,
        length: Some(shelved.bytes()),
        exchange: Exchange { asked: now, answered: now },
        // Who purges what was asked for has it looked at again.
        lineage: Some(Box::new(Lineage::of(key, None))),
        is_provisional: false,
        stood_in: None,
        body: ResponseBody::Pieces(opened),
    })
}

/// Whether a client has already what lies on this machine and is not kept. An origin is told its conditions
/// and a shelf is not, since its answer may be for several.
pub fn client_has_it(errand: &Errand, status: u16, fields: &Fields) -> bool {
    let reply = || reply::reply(&errand.request, status, fields, None, false);
    errand.shelved.is_some() && reply() == Reply::NotModified
}

/// An answer of an exchange that is for one client: 304 where that has what lies on this machine.
pub fn as_asked(errand: &Errand, mut response: Response) -> Response {
    if client_has_it(errand, response.status, &response.fields) {
        (response.status, response.length) = (304, None);
        response.fields.retain(|field| reply::belongs_in_304(field.id));
        response.body = ResponseBody::Made(Bytes::new());
    }
    response
}

fn plain(status: u16, mut fields: Fields, text: &str, detail: &'static str) -> Answer {
    fields.push(b"content-type", b"text/plain; charset=utf-8");
    fields.push(b"cache-control", b"no-store");
    let cache = CacheStatus { detail: Some(detail), ..CacheStatus::default() };
    let content = Content::Made { status, fields, body: text.to_owned().into() };
    Answer { verdict: Verdict::Edge, cache, content, beside: None }
}
