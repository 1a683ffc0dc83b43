//! Doors on the sites' listeners behind which there is no origin: what is asked there is answered
//! by the process itself, such as a call to revalidate pages.
//!
//! What a door does is not for this crate to say: [`Door`] is the seam. Here a request's body is read
//! whole, within limits, and the answer is handed back.

mod long;

pub use long::LongBodies;

use crate::answer::{Answer, Content};
use crate::cache_status::CacheStatus;
use crate::core::{Core, Shared, SiteOnCore};
use crate::error::Error;
use crate::metrics::Verdict;
use crate::serve::Caller;
use crate::settings::{Network, SiteSettings};
use crate::upstream::RequestBody;
use bytes::Bytes;
use http_body::Body;
use hyper::body::Frame;
use long::{Place, Reading};
use policy::fields::Fields;
use policy::name::Name;
use policy::request::Request;
use policy::rule::Site;
use policy::time::Timestamp;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Bytes of a body that doors read whatever else they read.
const SHORT_BODY_BYTES: usize = 16 << 10;
/// How long a body may take, the wait for its place among the long ones with it.
const BODY_TIME: Duration = Duration::from_secs(30);

/// The detail of what a door answered.
pub const DOOR: &str = "own-door";

/// A door of one site.
pub trait Door: Debug + Send + Sync {
    /// Whether a request is for it. Asked of each request of the site, so it takes no time.
    fn is_for(&self, request: &Request) -> bool;

    /// The longest body that it takes, in bytes.
    fn max_body_bytes(&self) -> usize;

    /// Answers a request.
    fn answer<'a>(&'a self, knock: Knock<'a>) -> Pin<Box<dyn Future<Output = Said> + 'a>>;
}

/// A request at a door.
#[derive(Debug)]
pub struct Knock<'a> {
    /// The site.
    pub site: &'a Site,
    /// What else it is told.
    pub settings: &'a SiteSettings,
    /// The request.
    pub request: &'a Request,
    /// Its body, whole.
    pub body: Bytes,
    /// Who asks; nothing if that cannot be told, since a trusted proxy says it in no clear way.
    pub client: Option<IpAddr>,
    /// What all cores share.
    pub shared: &'a Arc<Shared>,
    /// The time.
    pub now: Timestamp,
}

/// What a door answers, in JSON.
#[derive(Debug)]
pub struct Said {
    /// The status.
    pub status: u16,
    /// Fields beside those that every answer has.
    pub fields: Fields,
    /// The body.
    pub body: String,
}

/// The door of a site that a request is for.
pub fn door_for<'s>(site: &'s SiteOnCore, request: &Request) -> Option<&'s Arc<dyn Door>> {
    site.settings.doors.iter().find(|door| door.is_for(request))
}

/// Answers a request at a door.
pub async fn knock(
    core: &Rc<Core>,
    site: &Rc<SiteOnCore>,
    caller: &Caller,
    request: &Request,
    body: RequestBody,
    door: &Arc<dyn Door>,
) -> Answer {
    let shared = &core.shared;
    let client = client(caller, request, &shared.settings.trusted_proxies);
    let reading = read(body, door.max_body_bytes(), &shared.long_bodies, client);
    let body = match timeout(BODY_TIME, reading).await {
        Ok(Ok(body)) => body,
        Ok(Err(Error::BodyTooLarge)) => return answer(too_long(door.max_body_bytes())),
        Ok(Err(error)) => return Answer::own(error),
        Err(_) => return Answer::own(Error::ClientTooSlow),
    };
    let now = shared.clock.now();
    let settings = &site.settings;
    let knock = Knock { site: &settings.site, settings, request, body, client, shared, now };
    let said = door.answer(knock).await;
    if matches!(said.status, 401 | 403) {
        core.counters.turned_away.one();
    }
    answer(said)
}

fn answer(said: Said) -> Answer {
    let Said { status, mut fields, body } = said;
    fields.push(b"content-type", b"application/json");
    fields.push(b"cache-control", b"no-store");
    let cache = CacheStatus { detail: Some(DOOR), ..CacheStatus::default() };
    let content = Content::Made { status, fields, body: body.into() };
    Answer { verdict: Verdict::Edge, cache, content, beside: None }
}

fn too_long(most: usize) -> Said {
    let body = match most {
        0 => "{\"success\":false,\"error\":\"no body is taken here\"}\n".to_owned(),
        _ => format!("{{\"success\":false,\"error\":\"more than {most} bytes\"}}\n"),
    };
    Said { status: 413, fields: Fields::new(), body }
}

/// The network of a client: one host has a whole one of IPv6 addresses to come from.
pub fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => {
            let network = u128::from(v6) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 => v4,
    }
}

/// A body, with its place if it is a long one: whoever drops it gives the place back.
struct Whole {
    bytes: Vec<u8>,
    place: Option<Place>,
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body whole. The client's own time limits hold for each of its pieces.
async fn read(
    body: RequestBody,
    most: usize,
    places: &LongBodies,
    client: Option<IpAddr>,
) -> Result<Bytes, Error> {
    let mut body = body;
    let mut whole = Whole { bytes: Vec::new(), place: None };
    let mut reading = None;
    while let Some(piece) = next(&mut body, reading.as_ref()).await? {
        let length = whole.bytes.len() + piece.len();
        if length > most {
            return Err(Error::BodyTooLarge);
        }
        if length > SHORT_BODY_BYTES && whole.place.is_none() {
            // Nothing is read of those who wait.
            (whole.place, reading) = places.place(client).await.unzip();
        }
        if let Some(reading) = &reading {
            reading.came(piece.len());
        }
        whole.bytes.extend_from_slice(&piece);
    }
    Ok(Bytes::from_owner(whole))
}

/// The next piece of a body; nothing after the last. One that is too slow gives way to others.
async fn next(body: &mut RequestBody, reading: Option<&Reading>) -> Result<Option<Bytes>, Error> {
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
    let frame = match reading {
        None => frame.await,
        Some(reading) => tokio::select! {
            frame = frame => frame,
            () = reading.gives_way() => return Err(Error::ClientTooSlow),
        },
    };
    let frame = frame.transpose().map_err(|_| Error::ClientLeft)?;
    Ok(frame.and_then(|frame| Frame::into_data(frame).ok()))
}

/// Who asks: the peer, or the last that a trusted proxy took a request from who is none itself.
fn client(caller: &Caller, request: &Request, trusted: &[Network]) -> Option<IpAddr> {
    let peer = caller.client.address.to_canonical();
    let told: Vec<&[u8]> = request.fields.members(Name::XForwardedFor).collect();
    if !caller.client.is_trusted || told.is_empty() {
        return Some(peer);
    }
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(*address));
    let mut first = None;
    for member in told.into_iter().rev() {
        let address: IpAddr = std::str::from_utf8(member).ok()?.trim().parse().ok()?;
        first = Some(address.to_canonical());
        if !is_trusted(&address) {
            break;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::long::{MAX_LONG_BODIES, MAX_LONG_BODIES_OF_ONE};
    use super::*;
    use crate::hints::Hints;
    use crate::upstream::request::Client;
    use std::task::Poll;

    /// A body of that many bytes, of which all were sent.
    async fn sent(bytes: usize) -> RequestBody {
        let (upload, body) = RequestBody::upload(None);
        assert!(upload.send(vec![b'x'; bytes].into()).await);
        upload.end(&Fields::new()).await;
        body
    }

    #[tokio::test]
    async fn long_bodies_wait_for_a_place_and_give_it_back_when_dropped() {
        let (places, long) = (LongBodies::default(), SHORT_BODY_BYTES + 1);
        let mut held = Vec::new();
        for number in 0..MAX_LONG_BODIES {
            let client = Some([192, 0, 2, (number / MAX_LONG_BODIES_OF_ONE) as u8].into());
            held.push(read(sent(long).await, long, &places, client).await.expect("a body"));
        }
        let mut waiting = Box::pin(read(sent(long).await, long, &places, None));
        assert!(at_once(&mut waiting).await.is_none(), "no place is left");
        let short = read(sent(SHORT_BODY_BYTES).await, long, &places, None).await;
        assert_eq!(short.expect("a body").len(), SHORT_BODY_BYTES);
        drop(held.pop());
        assert_eq!(waiting.await.expect("a body").len(), long);
        let too_long = read(sent(long).await, long - 1, &places, None).await;
        assert_eq!(too_long, Err(Error::BodyTooLarge));
    }

    #[tokio::test]
    async fn no_client_takes_the_places_of_others() {
        let (places, long) = (LongBodies::default(), SHORT_BODY_BYTES + 1);
        let ip = |text: &str| -> Option<IpAddr> { Some(text.parse().expect("an address")) };
        let mut held = Vec::new();
        for _ in 0..MAX_LONG_BODIES_OF_ONE {
            let whole = read(sent(long).await, long, &places, ip("2001:db8::1")).await;
            held.push(whole.expect("a body"));
        }
        let mut waiting = Box::pin(read(sent(long).await, long, &places, ip("2001:db8::2")));
        assert!(at_once(&mut waiting).await.is_none(), "it is of the same network");
        assert!(read(sent(long).await, long, &places, ip("192.0.2.1")).await.is_ok());
        held.clear();
        assert!(waiting.await.is_ok());
        assert!(read(sent(long).await, long, &places, ip("192.0.2.2")).await.is_ok());
        assert_eq!(places.clients(), 1, "who left is forgotten");
    }

    /// What is there at once.
    async fn at_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[test]
    fn a_client_is_who_the_last_trusted_proxy_took_the_request_from() {
        let network =
            |text: &str, prefix| Network { address: text.parse().expect("an address"), prefix };
        let trusted = [network("10.0.0.0", 8)];
        for (is_trusted, forwarded, client) in [
            (false, &[][..], Some("10.0.0.1")),
            (false, &["192.0.2.1"], Some("10.0.0.1")),
            (true, &[], Some("10.0.0.1")),
            (true, &["192.0.2.1"], Some("192.0.2.1")),
            (true, &["6.6.6.6, 192.0.2.1, 10.0.0.7"], Some("192.0.2.1")),
            (true, &["6.6.6.6", "192.0.2.1"], Some("192.0.2.1")),
            (true, &["10.0.0.3, 10.0.0.2"], Some("10.0.0.3")),
            (true, &["unknown"], None),
            (true, &["192.0.2.1, _hidden"], None),
        ] {
            let address = "10.0.0.1".parse().expect("an address");
            let caller = Caller {
                client: Client { address, is_trusted, is_told: true },
                hints: Arc::new(Hints::default()),
            };
            let fields = forwarded.iter().map(|value| ("X-Forwarded-For", *value)).collect();
            let request = Request { fields, ..Request::default() };
            let found = super::client(&caller, &request, &trusted);
            let expected = client.map(|text: &str| text.parse().expect("an address"));
            assert_eq!(found, expected, "{is_trusted} {forwarded:?}");
        }
    }
}
