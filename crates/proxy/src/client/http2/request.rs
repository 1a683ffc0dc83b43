//! The head of a request in HTTP/2 (RFC 9113 §8.3), as the rules see it.

use crate::error::Error;
use crate::http1::head::{is_authority, without_default_port};
use crate::settings::ClientLimits;
use h2::RecvStream;
use http::request::Parts;
use policy::fields::Fields;
use policy::name::Name;
use policy::request::{Method, Request, Scheme, Version};

/// Makes a request of its head.
///
/// # Errors
/// What is wrong with it.
pub fn read(
    head: &Parts,
    has_body: bool,
    scheme: Scheme,
    limits: &ClientLimits,
) -> Result<Request, Error> {
    let method = Method::of(head.method.as_str());
    if method == Method::Connect {
        return Err(Error::Connect);
    }
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    if target.len() > limits.max_target_bytes {
        return Err(Error::TargetTooLong);
    }
    if head.headers.len() > limits.max_fields {
        return Err(Error::HeadTooLarge);
    }
    let is_all = target == "*" && method == Method::Options;
    if !(target.starts_with('/') || is_all) {
        return Err(Error::Malformed("the target"));
    }
    let host = host(head)?;
    let mut fields = fields(head);
    if fields.get(Name::Expect).is_some_and(|value| !value.eq_ignore_ascii_case(b"100-continue")) {
        return Err(Error::Expectation);
    }
    if !has_body {
        fields.remove(Name::Trailer);
    }
    fields.remove(Name::Expect);
    fields.remove(Name::Host);
    fields.remove(Name::ContentLength);
    Ok(Request {
        method,
        version: Version::Http2,
        scheme,
        host: without_default_port(&host, scheme).to_owned(),
        target: target.to_owned(),
        fields,
        has_body,
        // RFC 9113 §8.6
        upgrade: None,
    })
}

/// Whether a body may come of which nothing says that it does: some clients end a GET by an empty
/// piece of body.
pub fn may_be_empty(head: &Parts, body: &RecvStream) -> bool {
    let length = head.headers.get(http::header::CONTENT_LENGTH);
    let none_said = length.is_none_or(|length| length.as_bytes() == b"0");
    let seldom = matches!(head.method, http::Method::GET | http::Method::HEAD);
    !body.is_end_stream() && seldom && none_said
}

/// The host in lower case. `:authority` and `Host`, where both are there, have to say the same
/// (RFC 9113 §8.3.1): whoever stands behind may look at either.
fn host(head: &Parts) -> Result<String, Error> {
    const WRONG: Error = Error::Malformed("the Host");
    let mut named = head.headers.get_all(http::header::HOST).iter();
    let field = named.next().map(|value| value.to_str().map_err(|_| WRONG)).transpose()?;
    if named.next().is_some() {
        return Err(Error::Malformed("more than one Host"));
    }
    let authority = head.uri.authority().map(|authority| authority.as_str());
    let host = match (authority, field) {
        (Some(authority), Some(field)) if !authority.eq_ignore_ascii_case(field) => {
            return Err(Error::Malformed("a Host other than :authority"));
        }
        (Some(host), _) | (None, Some(host)) => host,
        (None, None) => return Err(WRONG),
    };
    if is_authority(host) { Ok(host.to_ascii_lowercase()) } else { Err(WRONG) }
}

/// The fields, with the crumbs of a cookie put together again (RFC 9113 §8.2.3).
fn fields(head: &Parts) -> Fields {
    let mut fields = Fields::new();
    let mut cookie: Vec<u8> = Vec::new();
    for (name, value) in &head.headers {
        if name == http::header::COOKIE {
            if !cookie.is_empty() {
                cookie.extend_from_slice(b"; ");
            }
            cookie.extend_from_slice(value.as_bytes());
            continue;
        }
        let id = fields.push(name.as_str().as_bytes(), value.as_bytes().trim_ascii());
        if id.is_hop_by_hop() && id != Name::Trailer {
            fields.pop();
        }
    }
    if !cookie.is_empty() {
        fields.add(Name::Cookie, cookie);
    }
    fields
}
