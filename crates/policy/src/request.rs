//! One request as the rules see it.

use crate::cache_control::RequestDirectives;
use crate::fields::Fields;
use crate::name::Name;

/// A request method. Methods are case-sensitive (RFC 9110 §9.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the method of that name")]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Trace,
    Connect,
    Patch,
    /// Any other token.
    Other(Box<str>),
}

impl Method {
    /// The method of that name.
    pub fn of(name: &str) -> Method {
        match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            "TRACE" => Method::Trace,
            "CONNECT" => Method::Connect,
            "PATCH" => Method::Patch,
            other => Method::Other(other.into()),
        }
    }

    /// The method's name.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Connect => "CONNECT",
            Method::Patch => "PATCH",
            Method::Other(name) => name,
        }
    }

    /// Whether the method is known to change nothing (RFC 9110 §9.2.1). Unknown ones may.
    pub fn is_safe(&self) -> bool {
        matches!(self, Method::Get | Method::Head | Method::Options | Method::Trace)
    }

    /// Whether the method is known to do no more when it is done twice (RFC 9110 §9.2.2).
    pub fn is_idempotent(&self) -> bool {
        self.is_safe() || matches!(self, Method::Put | Method::Delete)
    }
}

/// The scheme by which the client asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the scheme of that name")]
pub enum Scheme {
    #[default]
    Http,
    Https,
}

impl Scheme {
    /// The scheme's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port that goes without saying.
    pub fn default_port(self) -> &'static str {
        match self {
            Scheme::Http => "80",
            Scheme::Https => "443",
        }
    }
}

/// The version of the protocol by which the client asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the version of that number")]
pub enum Version {
    Http10,
    #[default]
    Http11,
    Http2,
}

impl Version {
    /// The version's number, as `Via` names it (RFC 9110 §7.6.3).
    pub fn number(self) -> &'static str {
        match self {
            Version::Http10 => "1.0",
            Version::Http11 => "1.1",
            Version::Http2 => "2",
        }
    }
}

/// A request that has passed the checks of its protocol.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The version of the protocol by which it came.
    pub version: Version,
    /// The scheme by which the client asked.
    pub scheme: Scheme,
    /// Host and, unless it is the scheme's default, port; in lower case.
    pub host: String,
    /// Path and query exactly as sent; begins with `/`, or is `*`.
    pub target: String,
    /// The header fields as received, less those that the protocol has used up.
    pub fields: Fields,
    /// Whether a body follows.
    pub has_body: bool,
    /// The protocol that the client wants to go on in, as `Upgrade` names it (RFC 9110 §7.8).
    pub upgrade: Option<Box<str>>,
}

impl Request {
    /// The path as sent.
    pub fn path(&self) -> &str {
        split_target(&self.target).0
    }

    /// The host without its port.
    pub fn hostname(&self) -> &str {
        hostname(&self.host)
    }

    /// What `Cache-Control` or, where there is none, `Pragma` says (RFC 9111 §5.2.1, §5.4).
    pub fn directives(&self) -> RequestDirectives {
        if self.fields.has(Name::CacheControl) {
            return RequestDirectives::parse(self.fields.all(Name::CacheControl));
        }
        let no_cache =
            self.fields.members(Name::Pragma).any(|m| m.eq_ignore_ascii_case(b"no-cache"));
        RequestDirectives { no_cache, ..RequestDirectives::default() }
    }

    /// Whether nothing but its range sets the request apart from others.
    pub fn goes_alone_for_range_only(&self) -> bool {
        let mut apart = self.fields.iter().filter(|field| sets_apart(field.id)).peekable();
        apart.peek().is_some() && apart.all(|field| field.id == Name::Range)
    }

    /// Whether the request must be answered from what its own exchange brings, since the answer
    /// may differ from what others get or hold only part of it.
    pub fn goes_alone(&self) -> bool {
        self.fields.iter().any(|field| sets_apart(field.id))
    }
}

/// Whether a field makes the answer one's own, or a part.
fn sets_apart(name: Name) -> bool {
    matches!(name, Name::Authorization | Name::Range | Name::IfMatch | Name::IfUnmodifiedSince)
}

/// Parts a target into path and query.
pub fn split_target(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// A host without its port; IPv6 literals keep their brackets.
pub fn hostname(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_part_from_their_ports() {
        for (host, name) in
            [("a.b", "a.b"), ("a.b:81", "a.b"), ("[::1]", "[::1]"), ("[::1]:81", "[::1]")]
        {
            assert_eq!(hostname(host), name);
        }
    }

    #[test]
    fn pragma_counts_only_without_cache_control() {
        let with = |fields: &[(&str, &str)]| Request {
            fields: fields.iter().copied().collect(),
            ..Request::default()
        };
        assert!(with(&[("Pragma", "No-Cache")]).directives().no_cache);
        assert!(!with(&[("Pragma", "no-cache"), ("Cache-Control", "x")]).directives().no_cache);
    }

    #[test]
    fn unknown_methods_are_unsafe() {
        assert!(Method::of("GET").is_safe());
        assert!(!Method::of("get").is_safe());
        assert!(!Method::of("PURGEX").is_safe());
        assert_eq!(Method::of("PURGEX").as_str(), "PURGEX");
    }
}
