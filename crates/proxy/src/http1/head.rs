//! Reading a request head (RFC 9112 §3, §5, §6), strictly.
//!
//! `httparse` finds the parts; the checks here refuse what two implementations could read
//! differently, since such a difference is how requests are smuggled: bare LF, a length beside a
//! transfer coding, two lengths, two hosts, and so on. What is refused never reaches an origin.

use crate::error::Error;
use policy::fields::{Fields, list_members};
use policy::name::Name;
use policy::request::{Method, Request, Scheme, Version};

/// How many bytes and fields a head may have.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the target.
    pub target_bytes: usize,
    /// Bytes of the whole head.
    pub head_bytes: usize,
    /// Header fields.
    pub fields: usize,
}

/// How the body of a request is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    #[default]
    None,
    /// So many bytes, at least one.
    Length(u64),
    /// Chunked.
    Chunked,
}

/// What a head says about its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadFacts {
    /// How the body is delimited.
    pub framing: Framing,
    /// Whether the client speaks HTTP/1.0.
    pub is_http10: bool,
    /// Whether the client wants to go on using the connection.
    pub keep_alive: bool,
    /// Whether the client waits for 100 (Continue) before it sends the body.
    pub expects_continue: bool,
}

/// More fields than this can be allowed by no setting.
pub const MOST_FIELDS: usize = 256;

/// Where the head ends, if it is whole: behind the first empty line. `from` is where the last
/// search ended, so that a head that comes byte by byte is searched once.
pub fn end_of_head(buffer: &[u8], from: usize) -> Option<usize> {
    let start = from.saturating_sub(3);
    memchr::memchr_iter(b'\n', &buffer[start..]).find_map(|at| {
        let at = start + at;
        match (buffer.get(at + 1), buffer.get(at + 2)) {
            (Some(b'\n'), _) => Some(at + 2),
            (Some(b'\r'), Some(b'\n')) => Some(at + 3),
            _ => None,
        }
    })
}

/// Reads a whole head, as delimited by [`end_of_head`], into `request`, which is overwritten.
///
/// # Errors
/// What is wrong with it.
pub fn read_head(
    head: &[u8],
    scheme: Scheme,
    limits: HeadLimits,
    request: &mut Request,
) -> Result<HeadFacts, Error> {
    refuse_bare_line_feeds(head)?;
    let mut slots = [const { std::mem::MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let most = limits.fields.min(MOST_FIELDS);
    match parsed.parse_with_uninit_headers(head, &mut slots[..most]) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Error::Malformed("the head ends before its end")),
        Err(error) => return Err(grammar(error)),
    }
    let target = parsed.path.unwrap_or_default();
    if target.len() > limits.target_bytes {
        return Err(Error::TargetTooLong);
    }
    request.method = Method::of(parsed.method.unwrap_or_default());
    request.scheme = scheme;
    let is_http10 = parsed.version == Some(0);
    request.version = if is_http10 { Version::Http10 } else { Version::Http11 };
    let mut gathered = Gathered::default();
    request.fields.clear();
    for header in parsed.headers.iter() {
        gathered.take(header, &mut request.fields)?;
    }
    request.upgrade = gathered.upgrade(is_http10).filter(|_| request.method == Method::Get);
    gathered.remove_listed(&mut request.fields);
    let host = gathered.host()?;
    read_target(target, host, is_http10, request)?;
    let framing = gathered.framing(is_http10)?;
    if framing != Framing::Chunked {
        request.fields.remove(Name::Trailer);
    }
    request.has_body = framing != Framing::None;
    Ok(HeadFacts {
        framing,
        is_http10,
        keep_alive: if is_http10 { gathered.keep_alive } else { !gathered.close },
        expects_continue: gathered.expects_continue && !is_http10 && request.has_body,
    })
}

fn refuse_bare_line_feeds(head: &[u8]) -> Result<(), Error> {
    let bare = memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r');
    if bare { Err(Error::Malformed("a line ends without CR")) } else { Ok(()) }
}

fn grammar(error: httparse::Error) -> Error {
    match error {
        httparse::Error::TooManyHeaders => Error::HeadTooLarge,
        httparse::Error::HeaderName => Error::Malformed("a field name"),
        httparse::Error::HeaderValue => Error::Malformed("a field value"),
        httparse::Error::Version => Error::Malformed("the protocol version"),
        httparse::Error::NewLine => Error::Malformed("a line end"),
        _ => Error::Malformed("the request line"),
    }
}

/// What the fields of a head say about the message itself.
#[derive(Default)]
struct Gathered<'h> {
    host: Option<&'h [u8]>,
    length: Option<&'h [u8]>,
    coding: Option<&'h [u8]>,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    upgrade: Option<&'h [u8]>,
    /// Values of `Connection`, whose members name fields that go no further.
    listed: Vec<&'h [u8]>,
}

impl<'h> Gathered<'h> {
    /// Takes one field: what speaks of this connection is used up, the rest goes to `fields`.
    fn take(&mut self, header: &httparse::Header<'h>, fields: &mut Fields) -> Result<(), Error> {
        let value = header.value.trim_ascii();
        let id = fields.push(header.name.as_bytes(), value);
        match id {
            Name::Host => once(&mut self.host, value, "more than one Host")?,
            Name::ContentLength => once(&mut self.length, value, "more than one Content-Length")?,
            Name::TransferEncoding => {
                once(&mut self.coding, value, "more than one Transfer-Encoding")?;
            }
            Name::Connection => self.take_connection(value),
            Name::Upgrade => self.upgrade = Some(value),
            Name::Expect if value.eq_ignore_ascii_case(b"100-continue") => {
                self.expects_continue = true;
            }
            Name::Expect => return Err(Error::Expectation),
            _ => {}
        }
        let used_up = matches!(id, Name::Host | Name::ContentLength | Name::Expect);
        // `Trailer` is judged when it is known whether there can be trailers.
        if used_up || (id.is_hop_by_hop() && id != Name::Trailer) {
            fields.pop();
        }
        Ok(())
    }

    fn take_connection(&mut self, value: &'h [u8]) {
        for member in list_members(value) {
            self.close |= member.eq_ignore_ascii_case(b"close");
            self.keep_alive |= member.eq_ignore_ascii_case(b"keep-alive");
        }
        self.listed.push(value);
    }

    /// Removes the fields that `Connection` names (RFC 9110 §7.6.1).
    fn remove_listed(&self, fields: &mut Fields) {
        for member in self.listed.iter().flat_map(|value| list_members(value)) {
            if member.eq_ignore_ascii_case(b"close") || member.eq_ignore_ascii_case(b"keep-alive") {
                continue;
            }
            let name = String::from_utf8_lossy(member).to_ascii_lowercase();
            fields.remove_named(&name);
        }
    }

    /// The protocol that is asked for; HTTP/2 is not spoken so (RFC 9113 §3.1), nor is anything to
    /// HTTP/1.0 (RFC 9110 §7.8).
    fn upgrade(&self, is_http10: bool) -> Option<Box<str>> {
        let mut listed = self.listed.iter().flat_map(|value| list_members(value));
        let is_listed = listed.any(|member| member.eq_ignore_ascii_case(b"upgrade"));
        let protocol = std::str::from_utf8(self.upgrade?).ok()?;
        let lower = protocol.to_ascii_lowercase();
        let known = !lower.is_empty() && !lower.contains("h2c") && !lower.contains("http/");
        (is_listed && known && !is_http10).then(|| protocol.into())
    }

    fn host(&self) -> Result<Option<&'h str>, Error> {
        let Some(host) = self.host else { return Ok(None) };
        match std::str::from_utf8(host) {
            Ok(host) if is_authority(host) => Ok(Some(host)),
            _ => Err(Error::Malformed("the Host")),
        }
    }

    fn framing(&self, is_http10: bool) -> Result<Framing, Error> {
        match (self.coding, self.length) {
            (Some(_), Some(_)) => {
                Err(Error::Malformed("both Content-Length and Transfer-Encoding"))
            }
            (Some(_), None) if is_http10 => Err(Error::Malformed("Transfer-Encoding in HTTP/1.0")),
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            (Some(_), None) => Err(Error::TransferCoding),
            (None, Some(length)) => content_length(length),
            (None, None) => Ok(Framing::None),
        }
    }
}

fn once<'h>(
    slot: &mut Option<&'h [u8]>,
    value: &'h [u8],
    twice: &'static str,
) -> Result<(), Error> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::Malformed(twice)),
    }
}

fn content_length(value: &[u8]) -> Result<Framing, Error> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|v| v.parse().ok());
    match number {
        Some(0) => Ok(Framing::None),
        Some(length) => Ok(Framing::Length(length)),
        None => Err(Error::Malformed("the Content-Length")),
    }
}

/// Reads the target in any of its forms (RFC 9112 §3.2); an absolute form's authority wins over
/// `Host`.
fn read_target(
    target: &str,
    host: Option<&str>,
    is_http10: bool,
    request: &mut Request,
) -> Result<(), Error> {
    if target.bytes().any(|b| b == b'#' || b == 0x7f || b <= b' ') {
        return Err(Error::Malformed("a character in the target"));
    }
    if request.method == Method::Connect {
        return Err(Error::Connect);
    }
    if host.is_none() && !is_http10 {
        return Err(Error::Malformed("no Host"));
    }
    let asterisk = target == "*" && request.method == Method::Options;
    let (authority, path) = match target.as_bytes().first() {
        Some(b'/') => (host, target),
        Some(b'*') if asterisk => (host, target),
        _ => absolute(target)?,
    };
    request.target.clear();
    if !path.starts_with('/') && !asterisk {
        request.target.push('/');
    }
    request.target.push_str(path);
    request.host.clear();
    request.host.push_str(without_default_port(authority.unwrap_or_default(), request.scheme));
    request.host.make_ascii_lowercase();
    Ok(())
}

fn absolute(target: &str) -> Result<(Option<&str>, &str), Error> {
    const WRONG: Error = Error::Malformed("the form of the target");
    let (scheme, rest) = target.split_once("://").ok_or(WRONG)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(WRONG);
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if is_authority(authority) { Ok((Some(authority), path)) } else { Err(WRONG) }
}

/// Whether it is a host with an optional port (RFC 3986 §3.2.2), without user information.
pub fn is_authority(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !text.ends_with(']') => (name, port),
        _ => (text, ""),
    };
    let port_is_number = port.bytes().all(|b| b.is_ascii_digit());
    let is_literal = name.starts_with('[');
    let is_name = !name.is_empty() && name != "[]" && (is_literal || !name.contains(':'));
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]".contains(&b);
    is_name && text.bytes().all(allowed) && port_is_number
}

/// The authority without a port that goes without saying for the scheme.
pub fn without_default_port(authority: &str, scheme: Scheme) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.is_empty() || port == scheme.default_port() => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { target_bytes: 100, head_bytes: 4096, fields: 10 };

    fn read(text: &str) -> Result<(Request, HeadFacts), Error> {
        let mut request = Request::default();
        let facts = read_head(text.as_bytes(), Scheme::Http, LIMITS, &mut request)?;
        Ok((request, facts))
    }

    #[test]
    fn a_plain_request_is_read_as_sent() {
        let (request, facts) =
            read("GET /a%20b?x=%2F&y HTTP/1.1\r\nHost: A.b:80\r\nX-A:  1 \r\nx-a: 2\r\n\r\n")
                .unwrap();
        assert_eq!(request.target, "/a%20b?x=%2F&y");
        assert_eq!(request.host, "a.b");
        let values: Vec<_> = request.fields.all_named("x-a").collect();
        assert_eq!(values, [b"1", b"2"]);
        assert!(!request.fields.has(Name::Host));
        assert_eq!(facts, HeadFacts { keep_alive: true, ..HeadFacts::default() });
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (text, status) in [
            ("GET / HTTP/1.1\nHost: a\n\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a:80:90\r\n\r\n", 400),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
            ),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 501),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
            ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400),
            ("GET /\r\nHost: a\r\n\r\n", 400),
            ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            ("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.status(), status, "{text:?} {error:?}");
        }
    }

    #[test]
    fn limits_have_statuses_of_their_own() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(200));
        assert_eq!(read(&long).unwrap_err(), Error::TargetTooLong);
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(20));
        assert_eq!(read(&many).unwrap_err(), Error::HeadTooLarge);
    }

    #[test]
    fn targets_come_in_several_forms() {
        for (line, host, target) in [
            ("GET http://B.c:80/x?y HTTP/1.1", "b.c", "/x?y"),
            ("GET http://b.c?y HTTP/1.1", "b.c", "/?y"),
            ("GET HTTP://b.c HTTP/1.1", "b.c", "/"),
            ("OPTIONS * HTTP/1.1", "a", "*"),
            ("GET //x HTTP/1.1", "a", "//x"),
            ("GET http://[::1]:81/ HTTP/1.1", "[::1]:81", "/"),
        ] {
            let (request, _) = read(&format!("{line}\r\nHost: a\r\n\r\n")).expect(line);
            assert_eq!((&*request.host, &*request.target), (host, target), "{line}");
        }
        let (request, _) = read("GET / HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(request.host, "");
    }

    #[test]
    fn connections_are_kept_as_both_sides_speak() {
        for (version, value, keeps) in [
            ("1.1", "", true),
            ("1.1", "close", false),
            ("1.1", "X, Close", false),
            ("1.0", "", false),
            ("1.0", "keep-alive", true),
        ] {
            let text =
                format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: {value}\r\nX: 1\r\n\r\n");
            let (request, facts) = read(&text).expect(&text);
            assert_eq!(facts.keep_alive, keeps, "{text}");
            assert!(!request.fields.has(Name::Connection));
            assert_eq!(request.fields.all_named("x").count() == 0, value.starts_with('X'));
        }
    }

    #[test]
    fn bodies_are_framed_by_length_or_chunks() {
        for (field, framing) in [
            ("X: 1", Framing::None),
            ("Content-Length: 0", Framing::None),
            ("Content-Length: 12", Framing::Length(12)),
            ("Transfer-Encoding: Chunked", Framing::Chunked),
        ] {
            let text =
                format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\nExpect: 100-continue\r\n\r\n");
            let (request, facts) = read(&text).expect(field);
            assert_eq!(facts.framing, framing);
            assert_eq!(facts.expects_continue, request.has_body);
            assert!(!request.fields.has(Name::ContentLength));
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_wherever_reads_part_it() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        let end = text.len() - 4;
        for seen in 0..end {
            assert_eq!(end_of_head(&text[..seen], 0), None);
            assert_eq!(end_of_head(text, seen), Some(end));
        }
        assert_eq!(end_of_head(b"GET / HTTP/1.1\n\nx", 0), Some(16));
    }
}
