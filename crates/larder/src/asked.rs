//! A request that somebody asks about: its URL, method and header fields.

use policy::fields::Fields;
use policy::name::Name;
use policy::request::{Method, Request, Scheme};
use proxy::core::Shared;
use proxy::explain::Look;
use std::fmt;

/// Header fields that may be told of a request.
pub const MAX_HEADERS: usize = 32;
/// The longest URL, in bytes.
const MAX_URL_BYTES: usize = 8 << 10;
/// The longest method, in bytes.
const MAX_METHOD_BYTES: usize = 32;

/// What stands before an entry where others have a scheme.
const ENTRY: &str = "entry://";
/// Hosts that are named to who asks for one that there is none of.
const MAX_HOSTS: usize = 20;

/// Why it is not clear what is asked about; in words that say how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// It is written wrongly.
    Wrong(&'static str),
    /// No site answers for the host.
    UnknownHost(String),
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unclear::Wrong(mend) => f.write_str(mend),
            Unclear::UnknownHost(detail) => f.write_str(detail),
        }
    }
}

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Nothing where the URL does not say.
    pub scheme: Option<Scheme>,
    /// Whether header fields were told.
    pub has_headers: bool,
    /// Whether it is an entry, which no request of a client is for.
    pub is_entry: bool,
    request: Request,
}

impl Asked {
    /// Reads a URL, the header fields of a request, and its method, which is GET unless it is told.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read<'h>(
        url: Option<&str>,
        headers: impl Iterator<Item = &'h str>,
        method: Option<&str>,
    ) -> Result<Asked, Unclear> {
        let mend = "write url as https://example.com/path?query, or without the scheme";
        let url = url.filter(|url| url.len() <= MAX_URL_BYTES);
        let entry = url.and_then(|url| url.strip_prefix(ENTRY));
        let (url, is_entry) = (entry.or(url), entry.is_some());
        let (scheme, host, target) = url.and_then(split_url).ok_or(Unclear::Wrong(mend))?;
        let method = method.map_or(Ok(Method::Get), read_method)?;
        let mut asked = Asked {
            scheme,
            has_headers: false,
            is_entry,
            request: Request { host, target, method, ..Request::default() },
        };
        for (count, header) in headers.enumerate() {
            let mend = "write header as Name: value, 32 at the most";
            let (name, value) = header
                .split_once(':')
                .filter(|(name, value)| is_token(name) && !value.bytes().any(is_control))
                .filter(|_| count < MAX_HEADERS)
                .ok_or(Unclear::Wrong(mend))?;
            asked.request.fields.push(name.as_bytes(), value.trim().as_bytes());
            asked.has_headers = true;
        }
        asked.use_up_fields()?;
        Ok(asked)
    }

    /// The request by that scheme.
    pub fn by(&self, scheme: Scheme) -> Request {
        let host = without_usual_port(&self.request.host, scheme).to_owned();
        Request { scheme, host, ..self.request.clone() }
    }

    /// The host, perhaps with a port, in lower case.
    pub fn host(&self) -> &str {
        &self.request.host
    }

    /// Takes those fields to which the protocol itself listens: they say what the request is.
    fn use_up_fields(&mut self) -> Result<(), Unclear> {
        let Request { fields, host, has_body, upgrade, method, .. } = &mut self.request;
        if let Some(told) = fields.text(Name::Host) {
            let mend = "write the header Host as example.com or example.com:8080";
            let taken = split_url(told).filter(|(scheme, _, target)| {
                scheme.is_none() && target == "/" && !told.ends_with('/')
            });
            let (_, told, _) = taken.ok_or(Unclear::Wrong(mend))?;
            *host = told;
        }
        let says = |fields: &Fields, name, word: &[u8]| {
            fields.members(name).any(|member| member.eq_ignore_ascii_case(word))
        };
        *has_body = fields.has(Name::TransferEncoding)
            || fields.text(Name::ContentLength).is_some_and(|length| length.trim() != "0");
        let wants_upgrade = *method == Method::Get && says(fields, Name::Connection, b"upgrade");
        *upgrade = fields.text(Name::Upgrade).filter(|_| wants_upgrade).map(Into::into);
        for name in [
            Name::Host,
            Name::Connection,
            Name::Upgrade,
            Name::ContentLength,
            Name::TransferEncoding,
        ] {
            fields.remove(name);
        }
        Ok(())
    }
}

fn read_method(name: &str) -> Result<Method, Unclear> {
    let is_one = name.len() <= MAX_METHOD_BYTES && is_token(name) && name != "CONNECT";
    let method = is_one.then(|| Method::of(name));
    method.ok_or(Unclear::Wrong("write method as GET, in capitals; CONNECT is none"))
}

/// Scheme, host with port, and target.
fn split_url(url: &str) -> Option<(Option<Scheme>, String, String)> {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(Scheme::Http), rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(Scheme::Https), rest),
        Some((scheme, _)) if !scheme.contains(['/', '?']) => return None,
        _ => (None, url),
    };
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let odd = |b: u8| b <= b' ' || b == 0x7f || matches!(b, b'@' | b'#' | b'\\');
    let is_odd = authority.is_empty() || authority.bytes().any(odd);
    if is_odd || target.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#') {
        return None;
    }
    let slash = if target.starts_with('/') { "" } else { "/" };
    Some((scheme, authority.to_ascii_lowercase(), format!("{slash}{target}")))
}

/// The host as keys have it: without the port that is the scheme's own.
fn without_usual_port(host: &str, scheme: Scheme) -> &str {
    let port = host.rsplit_once(':').filter(|(_, port)| *port == scheme.default_port());
    port.map_or(host, |(name, _)| name)
}

fn is_token(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(fits)
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// Looks. Who does not name a scheme means the one of which something is stored, or else https where
/// it is spoken.
pub fn look<'s>(shared: &'s Shared, asked: &Asked) -> Result<(Request, Look<'s>), Unclear> {
    if asked.is_entry {
        return Err(Unclear::Wrong(
            "no client asks for an entry, and no origin has it: larder show tells what is kept",
        ));
    }
    let by = |scheme| {
        let request = asked.by(scheme);
        let look = Look::of(shared, &request)?;
        Some((request, look))
    };
    let found = match asked.scheme {
        Some(scheme) => by(scheme),
        None => {
            let (secure, plain) = (by(Scheme::Https), by(Scheme::Http));
            let has = |found: &Option<(Request, Look<'_>)>| {
                found.as_ref().is_some_and(|(_, look)| !look.stored.all.is_empty())
            };
            let is_secure = shared.tls.is_some()
                || secure.as_ref().is_some_and(|(_, look)| look.site.site.https_port.is_some());
            match (has(&secure), has(&plain)) {
                (true, false) => secure,
                (false, true) => plain,
                _ if is_secure => secure,
                _ => plain,
            }
        }
    };
    found.ok_or_else(|| unknown_host(shared, asked.host()))
}

fn unknown_host(shared: &Shared, host: &str) -> Unclear {
    let sites = shared.settings.sites.iter().flat_map(|site| &site.site.hosts);
    let known: Vec<&str> = sites.map(|host| host.as_str()).collect();
    let more = if known.len() > MAX_HOSTS { ", …" } else { "" };
    let known = known.into_iter().take(MAX_HOSTS).collect::<Vec<_>>().join(", ");
    Unclear::UnknownHost(format!(
        "{host} is none of {known}{more}: ask for one of these, or name it by -H 'Host: …'"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, found) in [
            ("http://A.b:81/p?q", Some((Some(Scheme::Http), "a.b:81", "/p?q"))),
            ("https://a.b", Some((Some(Scheme::Https), "a.b", "/"))),
            ("a.b/p", Some((None, "a.b", "/p"))),
            ("a.b?q", Some((None, "a.b", "/?q"))),
            ("a.b/?u=http://x", Some((None, "a.b", "/?u=http://x"))),
            ("ftp://a.b/", None),
            ("/p", None),
            ("", None),
            ("http:///p", None),
            ("http://u@a.b/", None),
            ("http://a.b/#f", None),
            ("http://a.b/ x", None),
        ] {
            let found =
                found.map(|(scheme, host, target)| (scheme, host.to_owned(), target.to_owned()));
            assert_eq!(split_url(url), found, "{url}");
        }
        assert_eq!(without_usual_port("a.b:80", Scheme::Http), "a.b");
        assert_eq!(without_usual_port("a.b:80", Scheme::Https), "a.b:80");
        assert_eq!(without_usual_port("[::1]", Scheme::Http), "[::1]");
    }

    #[test]
    fn headers_are_held_to_their_grammar() {
        let read = |headers: &[&str]| Asked::read(Some("a.b/"), headers.iter().copied(), None);
        for (headers, fits) in [
            (&["Accept-Language:de", "X: 1"][..], true),
            (&["X"], false),
            (&["X Y:1"], false),
            (&["X:1\r\nY:2"], false),
            (&["Host: c.d:81"], true),
            (&["Host: c.d/x"], false),
            (&["Host: http://c.d"], false),
            (&[""], false),
        ] {
            assert_eq!(read(headers).is_ok(), fits, "{headers:?}");
        }
        assert!(read(&["X:1"; MAX_HEADERS]).is_ok());
        assert!(read(&["X:1"; MAX_HEADERS + 1]).is_err());
    }

    #[test]
    fn what_the_protocol_listens_to_says_what_the_request_is() {
        let read = |headers: &[&str], method| {
            let asked = Asked::read(Some("a.b/"), headers.iter().copied(), method);
            asked.expect("it is understood").by(Scheme::Http)
        };
        let request = read(&["Host: C.d:80", "Connection: Upgrade", "Upgrade: websocket"], None);
        assert_eq!((&*request.host, request.upgrade.as_deref()), ("c.d", Some("websocket")));
        assert!(request.fields.is_empty() && !request.has_body);
        assert!(read(&["Content-Length: 2"], None).has_body);
        assert_eq!(read(&[], Some("DELETE")).method, Method::Delete);
        for method in ["", "GE T", "CONNECT"] {
            assert!(Asked::read(Some("a.b/"), std::iter::empty(), Some(method)).is_err());
        }
    }
}
