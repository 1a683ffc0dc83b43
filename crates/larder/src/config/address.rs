//! Where Larder listens, whom it asks and whom it believes: addresses as people write them.

use super::fault::Fault;
use super::reading::read_from_text;
use proxy::settings::{Network, OriginAddress, OriginHost, Wildcard};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener(pub SocketAddr);

/// Peers whose word is believed: an address or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peers(pub Network);

/// The origin of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(pub OriginAddress);

/// An URL, and all below it, of which pictures are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceBelow {
    /// What may stand before the name of its origin, if anything has to.
    pub wildcard: Option<Wildcard>,
    /// Its origin.
    pub origin: Origin,
    /// Its path.
    pub path: String,
}

/// Which `Host` the origin is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSent(pub OriginHost);

read_from_text! {
    "Listener", "an address and port in quotes, such as \"0.0.0.0:8080\"": [] Listener;
    "Peers", "an address or network in quotes, such as \"10.0.0.0/8\"": [] Peers;
    "Origin", "an URL in quotes, such as \"http://127.0.0.1:4321\"": [] Origin;
    "SourceBelow", "an URL in quotes, such as \"https://cdn.example.com/\"": [] SourceBelow;
    "HostSent", "\"keep\", \"origin\" or a host": [] HostSent;
}

impl FromStr for Listener {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Listener, Fault> {
        let wrong = |_| {
            let port = text.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok());
            let port = port.unwrap_or("8080");
            let ip = if text.starts_with("localhost") { "127.0.0.1" } else { "0.0.0.0" };
            Fault::new("this is no address and port", format!("write it as in \"{ip}:{port}\""))
        };
        text.parse().map(Listener).map_err(wrong)
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Peers {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Peers, Fault> {
        let wrong = || {
            let mend = "write an address or a network, such as \"192.0.2.7\" or \"10.0.0.0/8\"";
            Fault::new("this is no address or network", mend)
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) => digits.parse().map_err(|_| wrong())?,
            None => longest,
        };
        if prefix > longest {
            let mend = format!("write at most /{longest} for this kind of address");
            return Err(Fault::new("the network's prefix is too long", mend));
        }
        Ok(Peers(Network { address, prefix }))
    }
}

impl fmt::Display for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.address, self.0.prefix)
    }
}

impl FromStr for Origin {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Origin, Fault> {
        let Some((scheme, rest)) = text.split_once("://") else {
            let mend = format!("write \"http://{}\"", text.trim_start_matches('/'));
            return Err(Fault::new("the scheme is missing", mend));
        };
        let is_tls = scheme.eq_ignore_ascii_case("https");
        if !is_tls && !scheme.eq_ignore_ascii_case("http") {
            return Err(other_scheme(&scheme.to_ascii_lowercase()));
        }
        let scheme = scheme.to_ascii_lowercase();
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            let end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
            let mend =
                format!("write \"{scheme}://{}\": paths pass as they are", &authority[..end]);
            return Err(Fault::new("an origin has no path", mend));
        }
        if let Some((_, behind)) = authority.rsplit_once('@') {
            let mend = format!(
                "write \"{scheme}://{behind}\", and send credentials by a rule's request_headers"
            );
            return Err(Fault::new("an origin has no user or password", mend));
        }
        let usual = if is_tls { 443 } else { 80 };
        parse_authority(authority)
            .map(|(host, port)| Origin(OriginAddress { is_tls, host, port: port.unwrap_or(usual) }))
    }
}

/// What is said of origins that this version cannot ask.
fn other_scheme(scheme: &str) -> Fault {
    match scheme {
        "s3" => Fault::new(
            "object storage as origin is not in this version",
            "name an http:// server that serves the bucket",
        ),
        _ => Fault::new("this is no scheme of an origin", "write \"http://\" and host and port"),
    }
}

/// Parses host and optional port; the host comes in lower case, without brackets.
fn parse_authority(authority: &str) -> Result<(String, Option<u16>), Fault> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let wrong_port = |_| Fault::new("this is no port", "write a number from 1 to 65535");
    let port = port.map(|digits| digits.parse::<u16>().map_err(wrong_port)).transpose()?;
    if port == Some(0) {
        return Err(Fault::new("there is no port 0", "write a number from 1 to 65535"));
    }
    if let Some(v6) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let wrong = |_| Fault::new("this is no IPv6 address", "write it as in \"[::1]\"");
        return Ok((v6.parse::<Ipv6Addr>().map_err(wrong)?.to_string(), port));
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if host.is_empty() || host.len() > 253 || !host.bytes().all(fits) {
        let mend = "write a name or an address, such as \"app.internal\" or \"127.0.0.1\"";
        return Err(Fault::new("this is no host", mend));
    }
    Ok((host.to_ascii_lowercase(), port))
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.url())
    }
}

impl FromStr for SourceBelow {
    type Err = Fault;

    fn from_str(text: &str) -> Result<SourceBelow, Fault> {
        let from = text.find("://").map_or(0, |at| at + 3);
        let end = text[from..].find(['/', '?', '#']).map_or(text.len(), |at| from + at);
        let (origin, path) = text.split_at(end);
        let fits = |b: u8| b.is_ascii_graphic() && !b"?#%\\".contains(&b);
        if path.contains('%') {
            let mend = "end the source before it, as in \"https://cdn.example.com/photos/\": all below is \
                        meant";
            return Err(Fault::new(
                "a path with % has other spellings, which it does not hold",
                mend,
            ));
        }
        if path.split('/').any(|segment| segment == "." || segment == "..")
            || !path.bytes().all(fits)
        {
            let mend = "write a plain path, as in \"https://cdn.example.com/photos/\"";
            return Err(Fault::new("this path is not to be held against others", mend));
        }
        if path.contains('*') {
            let mend = format!("write \"{origin}/\": all below is meant");
            return Err(Fault::new("a path has no wildcard", mend));
        }
        let (before, host) = origin.split_at(from);
        if before.is_empty() {
            // Before the wildcard is taken off, so that the remedy has it.
            return Err(Fault::new("the scheme is missing", format!("write \"https://{host}\"")));
        }
        let (wildcard, host) = match (host.strip_prefix("**."), host.strip_prefix("*.")) {
            (Some(host), _) => (Some(Wildcard::Several), host),
            (None, Some(host)) => (Some(Wildcard::One), host),
            (None, None) => (None, host),
        };
        if host.contains('*') {
            let mend = "write \"https://*.example.com/\" for one label before a name, \
                        \"https://**.example.com/\" for any number";
            return Err(Fault::new("a wildcard stands for whole labels before a name", mend));
        }
        let origin: Origin = format!("{before}{host}").parse()?;
        let last = origin.0.host.rsplit('.').next().unwrap_or_default();
        if wildcard.is_some() && !last.starts_with(|first: char| first.is_ascii_alphabetic()) {
            let mend = "write a name behind it, as in \"https://*.example.com/\"";
            return Err(Fault::new("no wildcard stands for addresses", mend));
        }
        Ok(SourceBelow { wildcard, origin, path: path.to_owned() })
    }
}

impl fmt::Display for SourceBelow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match self.wildcard {
            Some(wildcard) => {
                let before = format!("://{}.", wildcard.text());
                self.origin.to_string().replacen("://", &before, 1)
            }
            None => self.origin.to_string(),
        };
        write!(f, "{origin}{}", self.path)
    }
}

impl FromStr for HostSent {
    type Err = Fault;

    fn from_str(text: &str) -> Result<HostSent, Fault> {
        match text {
            "keep" => Ok(HostSent(OriginHost::Keep)),
            "origin" => Ok(HostSent(OriginHost::Origin)),
            _ => {
                parse_authority(text)?;
                Ok(HostSent(OriginHost::Value(text.to_ascii_lowercase())))
            }
        }
    }
}

impl fmt::Display for HostSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            OriginHost::Keep => "keep",
            OriginHost::Origin => "origin",
            OriginHost::Value(host) => host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_hosts_with_ports() {
        for (text, host, port) in [
            ("http://127.0.0.1:4321", "127.0.0.1", 4321),
            ("http://App.Internal", "app.internal", 80),
            ("HTTP://app:80/", "app", 80),
            ("http://[::1]:3000", "::1", 3000),
            ("http://[2001:db8::1]", "2001:db8::1", 80),
        ] {
            let Origin(address) = text.parse().expect(text);
            assert_eq!((address.host.as_str(), address.port), (host, port), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_what_to_write() {
        for (text, part_of_the_remedy) in [
            ("localhost:4321", "http://localhost:4321"),
            ("//app", "http://app"),
            ("s3://bucket/prefix", "http://"),
            ("ftp://app", "http://"),
            ("http://app:4321/base", "http://app:4321"),
            ("http://me:pw@app", "request_headers"),
            ("http://app:port", "65535"),
            ("http://app:0", "65535"),
            ("http://", "127.0.0.1"),
            ("http://a b", "127.0.0.1"),
            ("http://[::1", "127.0.0.1"),
            ("http://[x]:1", "[::1]"),
        ] {
            let fault = text.parse::<Origin>().expect_err(text);
            assert!(fault.mend.contains(part_of_the_remedy), "{text}: {fault}");
        }
    }

    #[test]
    fn listeners_are_addresses_and_the_remedy_keeps_the_port() {
        assert!("[::]:8080".parse::<Listener>().is_ok());
        for (text, remedy) in [
            ("9000", "0.0.0.0:9000"),
            (":9000", "0.0.0.0:9000"),
            ("localhost:9000", "127.0.0.1:9000"),
            ("example.com", "0.0.0.0:8080"),
        ] {
            let fault = text.parse::<Listener>().expect_err(text);
            assert!(fault.mend.contains(remedy), "{text}: {fault}");
        }
    }

    #[test]
    fn peers_are_addresses_or_networks() {
        for (text, shown) in
            [("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.7", "192.0.2.7/32"), ("fd00::/8", "fd00::/8")]
        {
            assert_eq!(text.parse::<Peers>().map(|peers| peers.to_string()), Ok(shown.into()));
        }
        for text in ["10.0.0.0/33", "10.0.0.0/", "proxy", "10.0.0.0/-1", "::/129"] {
            assert!(text.parse::<Peers>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_host_sent_is_a_word_or_a_host() {
        for (text, host) in [
            ("keep", OriginHost::Keep),
            ("origin", OriginHost::Origin),
            ("Example.com:81", OriginHost::Value("example.com:81".into())),
        ] {
            assert_eq!(text.parse(), Ok(HostSent(host)), "{text}");
        }
        assert!("a/b".parse::<HostSent>().is_err());
    }

    #[test]
    fn a_wildcard_of_a_source_stands_before_a_name() {
        for (text, wildcard, host) in [
            ("https://cdn.example.com/photos/", None, "cdn.example.com"),
            ("https://*.example.com/photos/", Some(Wildcard::One), "example.com"),
            ("https://**.example.com:8443/", Some(Wildcard::Several), "example.com"),
        ] {
            let source: SourceBelow = text.parse().expect(text);
            assert_eq!((source.wildcard, &*source.origin.0.host), (wildcard, host), "{text}");
            assert_eq!(source.to_string(), text);
        }
        for (text, part_of_the_remedy) in [
            ("https://cdn.example.com/a%20b/", "end the source before it"),
            ("https://*/", "https://*.example.com/"),
            ("https://**/", "https://*.example.com/"),
            ("https://cdn.*.com/", "https://*.example.com/"),
            ("https://cdn*.example.com/", "https://*.example.com/"),
            ("https://*cdn.example.com/", "https://*.example.com/"),
            ("https://*.*.example.com/", "https://**.example.com/"),
            ("https://***.example.com/", "https://**.example.com/"),
            ("https://example.com:*/", "https://*.example.com/"),
            ("https://[*::1]/", "https://*.example.com/"),
            ("https://*.0.0.1/", "https://*.example.com/"),
            ("https://*.[::1]/", "https://*.example.com/"),
            ("https://*.0x7f/", "https://*.example.com/"),
            ("https://*.example.com./", "https://*.example.com/"),
            ("https://*./", "name or an address"),
            ("https://example.com/*", "https://example.com/"),
            ("*.example.com", "https://*.example.com"),
            ("*://example.com/", "http://"),
        ] {
            let fault = text.parse::<SourceBelow>().expect_err(text);
            assert!(fault.mend.contains(part_of_the_remedy), "{text}: {fault}");
        }
    }
}
