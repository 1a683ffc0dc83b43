//! The request toward an origin: what of the client's request goes on, and what is added.

use super::body::RequestBody;
use crate::error::Error;
use crate::http1::head::{is_authority, without_default_port};
use crate::settings::{Network, OriginAddress, OriginHost, SiteSettings};
use http::{HeaderMap, HeaderName, HeaderValue};
use policy::coding;
use policy::cookies;
use policy::fields::Fields;
use policy::key::forwarded_target;
use policy::name::Name;
use policy::negotiate;
use policy::request::{Method, Request, Scheme};
use policy::rule::Rule;
use std::net::IpAddr;

/// A request on its way to an origin; it can be sent more than once.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The `Host`; nothing: the origin's own.
    pub host: Option<String>,
    /// The other fields.
    pub fields: Fields,
    /// The protocol to go on in, if the client wants to.
    pub upgrade: Option<Box<str>>,
}

/// Who asked, as far as origins are told.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// The address of the peer.
    pub address: IpAddr,
    /// Whether the peer is one whose word on addresses counts.
    pub is_trusted: bool,
    /// Whether origins are told the address: not in a refresh on nobody's behalf.
    pub is_told: bool,
}

/// Fields that change answers of some frameworks and are in no key; strangers may not send them.
const NEVER_FORWARDED: [Name; 3] =
    [Name::XOriginalUrl, Name::XRewriteUrl, Name::XMiddlewareSubrequest];

/// What only a trusted peer may say of where a request came from, besides `X-Forwarded-*`.
const UNBELIEVED: [&str; 9] = [
    "forwarded",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-host",
    "x-http-host-override",
    "x-original-host",
    "x-real-ip",
];

/// Fields by which a client asks for another method than the one that the key knows.
const METHOD_OVERRIDES: [&str; 3] =
    ["x-http-method", "x-http-method-override", "x-method-override"];

/// Fields that tell who asks, beside his cookies, which refreshes for nobody in particular do not
/// bear.
const ABOUT_THE_VISITOR: [Name; 5] =
    [Name::Authorization, Name::Forwarded, Name::Referer, Name::XForwardedFor, Name::XRealIp];

impl Client {
    /// Looks whether the peer is among those trusted.
    pub fn new(address: IpAddr, trusted: &[Network]) -> Client {
        let address = address.to_canonical();
        let mut client = Client { address, is_trusted: false, is_told: true };
        client.trust_anew(trusted);
        client
    }

    /// Looks again whether the peer is among those trusted, after a reload.
    pub fn trust_anew(&mut self, trusted: &[Network]) {
        self.is_trusted = trusted.iter().any(|network| network.contains(self.address));
    }

    /// Takes scheme and host as a trusted peer tells them, as a proxy in front that ends TLS
    /// does: they are what the origin is told, so they are what counts in the key.
    pub fn believe(self, request: &mut Request) {
        if !self.is_trusted {
            return;
        }
        let told = |name| request.fields.members(name).next().map(<[u8]>::to_ascii_lowercase);
        let (scheme, host) = (told(Name::XForwardedProto), told(Name::XForwardedHost));
        match scheme.as_deref() {
            Some(b"https") => request.scheme = Scheme::Https,
            Some(b"http") => request.scheme = Scheme::Http,
            _ => {}
        }
        let host = host.and_then(|host| String::from_utf8(host).ok());
        let host = host.filter(|host| is_authority(host)).unwrap_or_else(|| request.host.clone());
        request.host = without_default_port(&host, request.scheme).to_owned();
    }
}

/// Whether the request came by this node before (RFC 8586).
pub fn is_loop(fields: &Fields, node: &str) -> bool {
    fields.members(Name::CdnLoop).any(|member| {
        let id = member.split(|b| *b == b';').next().unwrap_or_default();
        id.trim_ascii() == node.as_bytes()
    })
}

/// The request as it goes to the origin. `cached`: by way of the cache, so that what the key
/// leaves out or spells in one way goes out so.
pub fn outgoing(
    settings: &SiteSettings,
    rule: &Rule,
    request: &Request,
    client: Client,
    node: &str,
    cached: bool,
) -> Outgoing {
    let mut fields = request.fields.clone();
    for name in NEVER_FORWARDED {
        fields.remove(name);
    }
    fields.retain(|field| !settings.site.preset.is_internal(field.name));
    if coding::forbids_parts(rule, request) {
        fields.remove(Name::Range);
        fields.remove(Name::IfRange);
    }
    if cached {
        fields.retain(|field| !METHOD_OVERRIDES.contains(&field.name));
        normalise(&mut fields, rule);
    }
    let left = fields.text(Name::MaxForwards).and_then(|left| left.trim().parse::<u64>().ok());
    if let Some(left) = left.filter(|_| matches!(request.method, Method::Options | Method::Trace)) {
        fields.set(Name::MaxForwards, left.saturating_sub(1).to_string());
    }
    tell_client(&mut fields, request, client);
    fields.add(Name::Via, format!("{} larder", request.version.number()));
    fields.add(Name::CdnLoop, node);
    rule.request_fields.apply(&mut fields);
    let host = match &settings.origin_host {
        OriginHost::Keep => Some(request.host.clone()).filter(|host| !host.is_empty()),
        OriginHost::Value(value) => Some(value.clone()),
        OriginHost::Origin => None,
    };
    fields.remove(Name::Host);
    let target = if cached {
        forwarded_target(&rule.key.query, &request.target).into_owned()
    } else {
        request.target.clone()
    };
    let upgrade = request.upgrade.clone();
    Outgoing { method: request.method.clone(), target, host, fields, upgrade }
}

/// Brings the fields that count in keys to the spelling in which they count.
fn normalise(fields: &mut Fields, rule: &Rule) {
    if fields.has(Name::AcceptEncoding) {
        let value = negotiate::accept_encoding(fields);
        fields.remove(Name::AcceptEncoding);
        if !value.is_empty() {
            fields.add(Name::AcceptEncoding, value);
        }
    }
    if let Some(language) = negotiate::language(fields, &rule.key.languages) {
        fields.set(Name::AcceptLanguage, language);
    }
    if rule.cors.is_some() {
        // Who asks is answered when it goes out.
        fields.remove(Name::Origin);
    }
    if rule.key.device {
        let class = negotiate::device(fields);
        fields.set(Name::XDevice, class);
    }
}

/// Tells the origin who asked and how (RFC 7239 and the older fields). What the peer says of it
/// is believed only from trusted peers.
fn tell_client(fields: &mut Fields, request: &Request, client: Client) {
    let host = &request.host;
    let scheme = request.scheme.as_str();
    if !client.is_trusted {
        fields.retain(|field| {
            !field.name.starts_with("x-forwarded-") && !UNBELIEVED.contains(&field.name)
        });
    }
    if client.is_told {
        let address = client.address;
        let node = if address.is_ipv6() { format!("\"[{address}]\"") } else { address.to_string() };
        append(fields, Name::XForwardedFor, &address.to_string());
        append(fields, Name::Forwarded, &format!("for={node};host=\"{host}\";proto={scheme}"));
    }
    for (name, value) in [(Name::XForwardedHost, host.as_str()), (Name::XForwardedProto, scheme)] {
        if !fields.has(name) && !value.is_empty() {
            fields.add(name, value);
        }
    }
}

/// Takes away what tells who asked, for a refresh on nobody's behalf. What the key holds stays,
/// and what the rule looks at: the answer is kept for all who say the same there.
pub fn make_anonymous(fields: &mut Fields, rule: &Rule) {
    let named = |names: &[String], name: &str| names.iter().any(|known| known == name);
    let matched = |pairs: &[(String, _)], name: &str| pairs.iter().any(|(known, _)| known == name);
    for name in ABOUT_THE_VISITOR {
        let word = name.as_str();
        if !named(&rule.key.headers, word) && !matched(&rule.matches.headers, word) {
            fields.remove(name);
        }
    }
    let kept: Vec<Vec<u8>> = cookies::cookies(fields)
        .filter(|(name, _)| {
            let name = String::from_utf8_lossy(name);
            named(&rule.key.cookies, &name) || matched(&rule.matches.cookies, &name)
        })
        .map(|(name, value)| [name, value].join(&b'='))
        .collect();
    fields.remove(Name::Cookie);
    if !kept.is_empty() {
        fields.add(Name::Cookie, kept.join(&b"; "[..]));
    }
}

/// Appends a member to a list in one line.
fn append(fields: &mut Fields, name: Name, member: &str) {
    let mut value = fields.all(name).collect::<Vec<_>>().join(&b", "[..]);
    if !value.is_empty() {
        value.extend_from_slice(b", ");
    }
    value.extend_from_slice(member.as_bytes());
    fields.set(name, value);
}

impl Outgoing {
    /// The request as hyper sends it.
    ///
    /// # Errors
    /// When the target has a character that no URL may have.
    pub fn to_http(
        &self,
        body: RequestBody,
        origin: &OriginAddress,
    ) -> Result<http::Request<RequestBody>, Error> {
        const TARGET: Error = Error::Malformed("a character in the target");
        let uri: Result<http::Uri, _> = self.target.parse();
        let uri = uri.or_else(|_| escaped(&self.target).parse()).map_err(|_| TARGET)?;
        let method = http::Method::from_bytes(self.method.as_str().as_bytes())
            .map_err(|_| Error::Malformed("the method"))?;
        let mut headers = header_map(&self.fields);
        let host = match &self.host {
            Some(host) => HeaderValue::from_str(host),
            None => HeaderValue::from_str(&origin.authority()),
        };
        headers.insert(http::header::HOST, host.map_err(|_| Error::Malformed("the Host"))?);
        // A request with a body is not asked on a connection that could switch.
        let upgrade = self.upgrade.as_deref().filter(|_| body.is_empty());
        if let Some(Ok(protocol)) = upgrade.map(HeaderValue::from_str) {
            headers.insert(http::header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(http::header::UPGRADE, protocol);
        }
        if body.is_empty() && matches!(self.method, Method::Post | Method::Put | Method::Patch) {
            // These anticipate content, so that there is none must be said (RFC 9110 §8.6).
            headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if matches!(body, RequestBody::Upload { length: None, .. }) {
            // hyper leaves it out for methods that seldom have a body.
            headers.insert(http::header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let mut request = http::Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// The target with the characters escaped that browsers send as they are and no URL has (RFC 3986
/// §2): to an origin both spellings mean the same.
fn escaped(target: &str) -> String {
    let mut escaped = String::with_capacity(target.len() + 16);
    for byte in target.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                escaped.push_str(&format!("%{byte:02X}"));
            }
            _ => escaped.push(char::from(byte)),
        }
    }
    escaped
}

/// Fields as hyper has them; those that it would refuse were refused at the door.
pub fn header_map(fields: &Fields) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(fields.len() + 2);
    for field in fields.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(field.value)) {
            map.append(name, value);
        }
    }
    map
}

/// Fields of a response from hyper; repeated ones keep their order.
pub fn fields(map: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in map {
        fields.push(name.as_str().as_bytes(), value.as_bytes());
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::rule::{KeyParts, QueryRule, Site};

    fn settings(origin_host: OriginHost) -> SiteSettings {
        let site = Site { name: "default".into(), ..Site::default() };
        let (origin_tls, health_check) = (None, None);
        let (origins, doors) = (vec![origin()], Vec::new());
        let (reach, pictures) = Default::default();
        SiteSettings {
            site,
            origins,
            origin_tls,
            health_check,
            doors,
            shelves: Vec::new(),
            origin_host,
            reach,
            pictures,
        }
    }

    fn origin() -> OriginAddress {
        OriginAddress { is_tls: false, host: "o".into(), port: 81 }
    }

    fn request(pairs: &[(&str, &str)]) -> Request {
        Request {
            host: "a.b".into(),
            target: "/p?utm_x=1&q=2".into(),
            fields: pairs.iter().copied().collect(),
            ..Request::default()
        }
    }

    fn sent(pairs: &[(&str, &str)], trusted: bool, cached: bool, rule: &Rule) -> Outgoing {
        let client = Client {
            address: "192.0.2.1".parse().expect("an address"),
            is_trusted: trusted,
            is_told: true,
        };
        outgoing(&settings(OriginHost::Keep), rule, &request(pairs), client, "n1", cached)
    }

    #[test]
    fn strangers_are_not_believed_about_addresses() {
        let said = [
            ("X-Forwarded-For", "9.9.9.9"),
            ("X-Forwarded-Proto", "https"),
            ("X-Real-IP", "9.9.9.9"),
            ("Forwarded", "for=x"),
        ];
        let stranger = sent(&said, false, true, &Rule::default()).fields;
        assert_eq!(stranger.text(Name::XForwardedFor), Some("192.0.2.1"));
        assert_eq!(stranger.text(Name::XForwardedProto), Some("http"));
        assert_eq!(stranger.text(Name::Forwarded), Some("for=192.0.2.1;host=\"a.b\";proto=http"));
        assert!(!stranger.has(Name::XRealIp));
        let trusted = sent(&said, true, true, &Rule::default()).fields;
        assert_eq!(trusted.text(Name::XForwardedFor), Some("9.9.9.9, 192.0.2.1"));
        assert_eq!(trusted.text(Name::XForwardedProto), Some("https"));
        assert_eq!(trusted.text(Name::XForwardedHost), Some("a.b"));
    }

    #[test]
    fn strangers_may_say_nothing_of_where_they_come_from() {
        let said = [
            ("X-Forwarded-Scheme", "http"),
            ("X-Forwarded-Prefix", "/evil"),
            ("X-Host", "e"),
            ("True-Client-IP", "9.9.9.9"),
        ];
        for (trusted, kept) in [(false, 0), (true, said.len())] {
            let fields = sent(&said, trusted, true, &Rule::default()).fields;
            let found = said
                .iter()
                .filter(|(name, _)| fields.all_named(&name.to_ascii_lowercase()).next().is_some());
            assert_eq!(found.count(), kept);
        }
    }

    #[test]
    fn what_a_trusted_peer_tells_of_scheme_and_host_counts() {
        let told = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "Site.example:443")];
        for (is_trusted, scheme, host) in
            [(true, Scheme::Https, "site.example"), (false, Scheme::Http, "a.b")]
        {
            let address = "192.0.2.1".parse().expect("an address");
            let mut asked = request(&told);
            Client { address, is_trusted, is_told: true }.believe(&mut asked);
            assert_eq!((asked.scheme, asked.host.as_str()), (scheme, host));
        }
    }

    #[test]
    fn what_is_in_no_key_does_not_reach_the_origin() {
        let said = [
            ("X-Original-URL", "/admin"),
            ("X-HTTP-Method-Override", "DELETE"),
            ("X-Middleware-Subrequest", "1"),
        ];
        let fields = sent(&said, true, true, &Rule::default()).fields;
        for (name, _) in said {
            assert_eq!(fields.all_named(&name.to_ascii_lowercase()).count(), 0, "{name}");
        }
        let passed = sent(&said, false, false, &Rule::default()).fields;
        assert!(passed.has(Name::XHttpMethodOverride), "what passes by keeps it");
    }

    #[test]
    fn what_is_keyed_is_what_is_sent() {
        let query =
            QueryRule { drop: vec![policy::glob::Glob::new("utm_*")], ..QueryRule::default() };
        let key = KeyParts {
            query,
            device: true,
            languages: vec!["en".into(), "de".into()],
            ..KeyParts::default()
        };
        let rule = Rule { key, ..Rule::default() };
        let said = [
            ("Accept-Encoding", "deflate, gzip;q=0.5, br"),
            ("Accept-Language", "de-AT"),
            ("X-Device", "fridge"),
            ("User-Agent", "iPhone"),
        ];
        let out = sent(&said, false, true, &rule);
        assert_eq!(out.target, "/p?q=2");
        assert_eq!(out.fields.text(Name::AcceptEncoding), Some("br, gzip"));
        assert_eq!(out.fields.text(Name::AcceptLanguage), Some("de"));
        assert_eq!(out.fields.text(Name::XDevice), Some("mobile"));
        let passed = sent(&said, false, false, &rule);
        assert_eq!(passed.target, "/p?utm_x=1&q=2");
        assert_eq!(passed.fields.text(Name::AcceptEncoding), Some("deflate, gzip;q=0.5, br"));
    }

    #[test]
    fn hosts_are_kept_or_set_as_told() {
        for (kind, host) in [
            (OriginHost::Keep, "a.b"),
            (OriginHost::Origin, "o:81"),
            (OriginHost::Value("x.y".into()), "x.y"),
        ] {
            let client = Client::new("::1".parse().expect("an address"), &[]);
            let out =
                outgoing(&settings(kind), &Rule::default(), &request(&[]), client, "n1", true);
            let sent = out.to_http(RequestBody::Empty, &origin()).expect("a good target");
            assert_eq!(sent.headers()["host"], host);
            assert_eq!(
                out.fields.text(Name::Forwarded),
                Some("for=\"[::1]\";host=\"a.b\";proto=http")
            );
        }
    }

    #[test]
    fn a_loop_is_seen_by_the_nodes_own_id() {
        for (value, looped) in
            [("n1", true), ("other; x=y, n1; a=b", true), ("n11", false), ("", false)]
        {
            let fields: Fields = [("CDN-Loop", value)].into_iter().collect();
            assert_eq!(is_loop(&fields, "n1"), looped, "{value}");
        }
        let out = sent(&[("CDN-Loop", "other")], false, true, &Rule::default());
        assert!(is_loop(&out.fields, "n1") && is_loop(&out.fields, "other"));
    }

    #[test]
    fn methods_that_anticipate_content_say_that_there_is_none() {
        for (method, says) in [(Method::Post, true), (Method::Put, true), (Method::Get, false)] {
            let out = Outgoing { method, ..sent(&[], false, false, &Rule::default()) };
            let request = out.to_http(RequestBody::Empty, &origin()).expect("a good target");
            assert_eq!(request.headers().contains_key("content-length"), says);
        }
    }

    #[test]
    fn refreshes_in_the_background_are_anonymous() {
        let said = [("Cookie", "a=1; plan=x"), ("Authorization", "x"), ("Referer", "r")];
        let anonymous = |rule: &Rule| {
            let mut asked = request(&said);
            make_anonymous(&mut asked.fields, rule);
            let client = Client { is_told: false, ..Client::new([127, 0, 0, 1].into(), &[]) };
            outgoing(&settings(OriginHost::Keep), rule, &asked, client, "n1", true).fields
        };
        let fields = anonymous(&Rule::default());
        for name in ABOUT_THE_VISITOR.into_iter().chain([Name::Cookie]) {
            assert!(!fields.has(name), "{name:?}");
        }
        assert!(fields.has(Name::XForwardedHost));
        let key = KeyParts {
            cookies: vec!["plan".into()],
            headers: vec!["referer".into()],
            ..KeyParts::default()
        };
        let fields = anonymous(&Rule { key, ..Rule::default() });
        assert_eq!(fields.text(Name::Cookie), Some("plan=x"), "what is keyed is what is sent");
        assert!(fields.has(Name::Referer) && !fields.has(Name::Authorization));
    }
}
