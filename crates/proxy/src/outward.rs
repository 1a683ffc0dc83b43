//! What the process itself asks other servers for: documents and pictures of feeds.
//!
//! It asks as a core does, over connections of its own, but for nobody: no client waits, and nothing
//! is stored by it. Who is asked is named by an operator, or by a document that a stranger wrote;
//! [`Reach`] says how far each may lead.

use crate::clock::Clock;
use crate::error::Error;
use crate::metrics::SiteCounters;
use crate::pictures::{authority_and_target, moved, origin_of};
use crate::settings::{OriginAddress, OriginHost, OriginLimits, OriginTls, Reach, SiteSettings};
use crate::upstream::request::Outgoing;
use crate::upstream::{LongStreams, RequestBody, ResponseBody, Upstream, UpstreamShared};
use imaging::plan::Source;
use policy::fields::Fields;
use policy::name::Name;
use policy::request::{Method, Scheme};
use policy::rule::Site;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Servers whose connections are kept; of more, the one that was not asked for longest gives way.
const MOST_ORIGINS: usize = 32;
/// How often an answer may send on to another URL.
const MAX_REDIRECTS: usize = 5;
/// Fields that are meant for the server they were written for, and for no other that it sends on to.
const SECRETS: [Name; 2] = [Name::Authorization, Name::Cookie];

/// Asks other servers. Belongs to one thread.
#[derive(Debug)]
pub struct Outward {
    limits: Arc<OriginLimits>,
    tls: Option<OriginTls>,
    clock: Arc<Clock>,
    node: String,
    long: LongStreams,
    counters: SiteCounters,
    origins: RefCell<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    address: OriginAddress,
    reach: Reach,
    upstream: Rc<Upstream>,
}

/// How far a URL may lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways {
    /// To which addresses its own server's name may lead.
    pub first: Reach,
    /// To which addresses may lead what it sends on to at another server.
    pub further: Reach,
}

/// Why there is no answer, and how far the way had led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// What happened.
    pub error: Error,
    /// Whether it happened at the URL's own server, and not at one that it sent on to.
    pub is_home: bool,
}

/// The head of an answer, and what is to come of it.
#[derive(Debug)]
pub struct Gotten {
    /// The URL that gave it, at the end of all that sent on.
    pub url: String,
    /// The status.
    pub status: u16,
    /// The fields.
    pub fields: Fields,
    /// The announced length of the body.
    pub length: Option<u64>,
    /// The body.
    pub body: ResponseBody,
}

impl Outward {
    /// Asks as `node`, within the limits of origins; `tls`: whom to believe.
    pub fn new(
        limits: OriginLimits,
        tls: Option<OriginTls>,
        clock: Arc<Clock>,
        node: String,
    ) -> Outward {
        Outward {
            limits: Arc::new(limits),
            tls,
            clock,
            node,
            long: LongStreams::new(1, Duration::from_secs(1)),
            counters: SiteCounters::default(),
            origins: RefCell::default(),
        }
    }

    /// Asks for what is at a URL. Goes where it is sent on to, as far as `ways` lead; what no other
    /// server may know stays at the first: `Authorization`, cookies, and `secrets`.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn get(
        &self,
        url: &str,
        fields: &Fields,
        secrets: &[String],
        ways: &Ways,
    ) -> Result<Gotten, Error> {
        self.follow(url, fields, secrets, ways).await.map_err(|stopped| stopped.error)
    }

    /// Does as [`Outward::get`], and says where it ended.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn follow(
        &self,
        url: &str,
        fields: &Fields,
        secrets: &[String],
        ways: &Ways,
    ) -> Result<Gotten, Stopped> {
        let mut is_home = true;
        let going = self.go(url, fields, secrets, ways, &mut is_home).await;
        going.map_err(|error| Stopped { error, is_home })
    }

    async fn go(
        &self,
        url: &str,
        fields: &Fields,
        secrets: &[String],
        ways: &Ways,
        is_home: &mut bool,
    ) -> Result<Gotten, Error> {
        let unusable = || Error::OriginUnknown(format!("{url} is no URL that can be asked"));
        let Ok(Source::Url(first)) = Source::parse("the URL", url) else { return Err(unusable()) };
        let (home, _) = authority_and_target(&first);
        let (mut at, mut fields) = (first, fields.clone());
        for _ in 0..=MAX_REDIRECTS {
            let (authority, target) = authority_and_target(&at);
            *is_home = authority == home;
            if !*is_home {
                fields.retain(|field| {
                    !SECRETS.contains(&field.id) && !secrets.iter().any(|name| name == field.name)
                });
            }
            let reach = if *is_home { &ways.first } else { &ways.further };
            let address = origin_of(&authority).ok_or_else(unusable)?;
            let got = self.ask(address, reach, target, &fields).await?;
            let Gotten { status: 301 | 302 | 303 | 307 | 308, .. } = &got else {
                return Ok(Gotten { url: at.to_string(), ..got });
            };
            let location = got.fields.text(Name::Location).ok_or_else(lost)?;
            let scheme = if at.starts_with("https") { Scheme::Https } else { Scheme::Http };
            match moved(&Source::Url(at.clone()), scheme, location) {
                Some(Source::Url(next)) => at = next,
                Some(Source::Path(path)) => at = format!("{authority}{path}").into(),
                None => return Err(lost()),
            }
        }
        Err(lost())
    }

    async fn ask(
        &self,
        address: OriginAddress,
        reach: &Reach,
        target: &str,
        fields: &Fields,
    ) -> Result<Gotten, Error> {
        if address.is_tls && self.tls.is_none() {
            let what = "this system names no authority to believe for https:// (feeds.ca)";
            return Err(Error::OriginTls(what.to_owned()));
        }
        let upstream = self.upstream(address, reach);
        let mut fields = fields.clone();
        fields.add(Name::CdnLoop, &self.node);
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let outgoing = Outgoing { method: Method::Get, target, host: None, fields, upgrade: None };
        let (clock, counters) = (&self.clock, &self.counters);
        let response =
            upstream.exchange(&outgoing, RequestBody::Empty, None, clock, counters).await?;
        Ok(Gotten {
            url: String::new(),
            status: response.status,
            fields: response.fields,
            length: response.length,
            body: response.body,
        })
    }

    /// Closes connections that have been idle too long: to be called every second or so.
    pub fn sweep(&self) {
        self.origins.borrow().iter().for_each(|known| known.upstream.sweep());
    }

    /// The server at an address, whose name may lead so far.
    fn upstream(&self, address: OriginAddress, reach: &Reach) -> Rc<Upstream> {
        let mut origins = self.origins.borrow_mut();
        let at = origins.iter().position(|it| it.address == address && it.reach == *reach);
        let known = match at {
            Some(at) => origins.remove(at),
            None => {
                if origins.len() >= MOST_ORIGINS {
                    origins.remove(0).upstream.retire();
                }
                let upstream = Rc::new(self.make(&address, reach));
                Known { address, reach: reach.clone(), upstream }
            }
        };
        let upstream = known.upstream.clone();
        origins.push(known);
        upstream
    }

    fn make(&self, address: &OriginAddress, reach: &Reach) -> Upstream {
        let settings = SiteSettings {
            site: Site { name: address.authority(), ..Site::default() },
            origins: vec![address.clone()],
            origin_tls: self.tls.clone().filter(|_| address.is_tls),
            health_check: None,
            doors: Vec::new(),
            shelves: Vec::new(),
            origin_host: OriginHost::Origin,
            reach: reach.clone(),
            pictures: None,
        };
        let shared = UpstreamShared::new(&settings, self.limits.clone(), &self.long);
        Upstream::new(Arc::new(shared), 0)
    }
}

fn lost() -> Error {
    Error::OriginMalformed(
        "it sends on to another URL too often, or to one that is none".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    fn outward() -> Outward {
        Outward::new(OriginLimits::default(), None, Arc::default(), "node".to_owned())
    }

    /// A server at a loopback address of IPv6 that answers once; nothing where there is none.
    fn answers_once(answer: String) -> Option<u16> {
        let listener = TcpListener::bind("[::1]:0").ok()?;
        let port = listener.local_addr().ok()?.port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("it is asked");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a head is whole");
                head.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).expect("it is read");
        });
        Some(port)
    }

    async fn follow(url: &str, first: Reach, further: Reach) -> Result<u16, Stopped> {
        let ways = Ways { first, further };
        let got = outward().follow(url, &Fields::new(), &[], &ways).await;
        got.map(|got| got.status)
    }

    fn out_of_reach(is_home: bool) -> Result<u16, Stopped> {
        Err(Stopped { error: Error::OutOfReach, is_home })
    }

    #[tokio::test]
    async fn an_address_of_ipv6_is_asked_where_it_may_be() {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let answer = "HTTP/1.1 204 No Content\r\n\r\n".to_owned();
                let Some(port) = answers_once(answer) else { return };
                let url = format!("http://[::1]:{port}/a");
                let not_us = |port| Reach::NotUs([port].into());
                for refuses in [not_us(port), Reach::Public] {
                    assert_eq!(follow(&url, refuses, Reach::Public).await, out_of_reach(true));
                }
                assert_eq!(follow(&url, not_us(1), Reach::Public).await, Ok(204));
            })
            .await;
    }

    #[tokio::test]
    async fn who_sends_on_to_this_server_or_this_network_is_not_followed() {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                for further in [Reach::NotUs([9090].into()), Reach::Public] {
                    let answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9090/metrics\r\n\
                                  Content-Length: 0\r\n\r\n";
                    let Some(port) = answers_once(answer.to_owned()) else { return };
                    let url = format!("http://[::1]:{port}/a");
                    let first = Reach::NotUs([9090].into());
                    assert_eq!(follow(&url, first, further).await, out_of_reach(false));
                }
            })
            .await;
    }
}
