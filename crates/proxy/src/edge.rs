//! What is answered here without asking an origin, and what every answer bears beside.

use crate::answer::{Answer, Content};
use crate::cache_status::CacheStatus;
use crate::doors::DOOR;
use crate::metrics::Verdict;
use crate::shelf::{FEED, NOT_THERE, NOT_YET};
use bytes::Bytes;
use policy::cors::{self, Cors};
use policy::fields::Fields;
use policy::name::Name;
use policy::request::{Method, Request, Scheme};
use policy::rule::{Rule, Site};

/// The words for it in `Cache-Status`, logs and metrics.
pub const TOKENS: [&str; 7] = [HTTPS, PREFLIGHT, MAX_FORWARDS, DOOR, FEED, NOT_YET, NOT_THERE];
const HTTPS: &str = "redirect-to-https";
const PREFLIGHT: &str = "preflight";
const MAX_FORWARDS: &str = "max-forwards";

/// The answer that no origin has to be asked for, if there is one.
pub fn answer(site: &Site, request: &Request) -> Option<Answer> {
    let has_place = !request.host.is_empty() && request.target.starts_with('/');
    if let (Some(port), Scheme::Http, true) = (site.https_port, request.scheme, has_place) {
        return Some(to_https(request, port));
    }
    // Beside a GET nothing is looked at twice.
    if matches!(request.method, Method::Get | Method::Head) {
        return None;
    }
    preflight(site, request).or_else(|| last_hop(request))
}

/// What an answer bears for who asks: how it may be read from pages of other origins, and that it
/// is to be asked for by TLS only.
pub fn beside(site: &Site, rule: &Rule, request: &Request) -> Option<Box<Fields>> {
    let cors = rule.cors.as_ref();
    let hsts = request.scheme == Scheme::Https && !site.hsts.is_empty();
    if cors.is_none() && !hsts {
        return None;
    }
    let mut fields = cors.map(|cors| cors.allowed(request)).unwrap_or_default();
    if hsts {
        fields.push(b"strict-transport-security", site.hsts.as_bytes());
    }
    Some(Box::new(fields))
}

/// Sends a plain request to where TLS is spoken. A method other than GET and HEAD is kept (308).
fn to_https(request: &Request, port: u16) -> Answer {
    let status = if matches!(request.method, Method::Get | Method::Head) { 301 } else { 308 };
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let location = format!("https://{}{port}{}", request.hostname(), request.target);
    made(status, [("Location", location.as_str())].into_iter().collect(), HTTPS)
}

fn preflight(site: &Site, request: &Request) -> Option<Answer> {
    let method = cors::asked_by_preflight(request)?;
    // The rule is the one for what the page is going to ask.
    let asked = Request { method, ..request.clone() };
    let cors: &Cors = site.rule_for(&asked).cors.as_ref()?;
    Some(made(204, cors.preflight(request), PREFLIGHT))
}

/// A request that is to go no further (RFC 9110 §7.6.2).
fn last_hop(request: &Request) -> Option<Answer> {
    let counts = matches!(request.method, Method::Options | Method::Trace);
    let left = request.fields.text(Name::MaxForwards).filter(|_| counts)?;
    if left.trim().parse::<u64>().ok()? > 0 {
        return None;
    }
    let status = if request.method == Method::Options { 204 } else { 405 };
    let allow = [("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")];
    Some(made(status, allow.into_iter().collect(), MAX_FORWARDS))
}

fn made(status: u16, fields: Fields, detail: &'static str) -> Answer {
    let cache = CacheStatus { detail: Some(detail), ..CacheStatus::default() };
    Answer {
        verdict: Verdict::Edge,
        cache,
        content: Content::Made { status, fields, body: Bytes::new() },
        beside: None,
    }
}
