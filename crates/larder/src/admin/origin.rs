//! For whom a request is, and who had it sent: what keeps pages in a browser from using the
//! listener (DNS rebinding, requests across sites).

use super::refusal::Refusal;
use axum::http::{HeaderMap, Uri, header};
use policy::glob::Glob;
use policy::request::hostname;
use std::net::IpAddr;

/// Checks for whom a request is: `Host` names this machine, the address that was connected to, or one
/// of `names`. Which port it names does not matter: it may come through a tunnel.
///
/// # Errors
/// Why it is refused.
pub fn check_host(
    uri: &Uri,
    fields: &HeaderMap,
    local: IpAddr,
    names: &[Glob],
) -> Result<(), Refusal> {
    let host = host_of(fields).ok_or(Refusal::NoHost)?;
    let is_ours = |host: &str| {
        let name = hostname(host).to_ascii_lowercase();
        let bare = name.strip_prefix('[').and_then(|v6| v6.strip_suffix(']')).unwrap_or(&name);
        let is_address = |ip: IpAddr| {
            ip.to_canonical().is_loopback() || ip.to_canonical() == local.to_canonical()
        };
        name == "localhost"
            || bare.parse().is_ok_and(is_address)
            || names.iter().any(|pattern| pattern.matches(name.as_bytes()))
    };
    // What stands in the request line wins over Host (RFC 9112 §3.2.2); neither may be foreign.
    let authority = uri.authority().map(|authority| authority.as_str());
    if !is_ours(host) || !authority.is_none_or(is_ours) {
        return Err(Refusal::WrongHost);
    }
    Ok(())
}

/// Checks that no page of another site had a browser send the request.
///
/// # Errors
/// That one had.
pub fn check_site(fields: &HeaderMap) -> Result<(), Refusal> {
    let site = fields.get_all("sec-fetch-site").iter();
    if site.into_iter().any(|site| site != "same-origin" && site != "none") {
        return Err(Refusal::CrossSite);
    }
    let host = host_of(fields).unwrap_or_default();
    let is_own = |origin: &[u8]| {
        let origin = String::from_utf8_lossy(origin).to_ascii_lowercase();
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    let mut origins = fields.get_all(header::ORIGIN).iter();
    if origins.all(|origin| is_own(origin.as_bytes())) { Ok(()) } else { Err(Refusal::CrossSite) }
}

/// The one `Host`.
fn host_of(fields: &HeaderMap) -> Option<&str> {
    let mut hosts = fields.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn fields(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, value.parse().expect("a value"))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn the_host_is_this_machine_or_the_address_that_was_connected_to() {
        let names = [Glob::new("*.internal")];
        for (uri, host, local, refusal) in [
            ("/", "localhost", "127.0.0.1", None),
            ("/", "LOCALHOST:9090", "127.0.0.1", None),
            ("/", "127.0.0.1:1", "127.0.0.1", None),
            ("/", "127.8.8.8", "127.0.0.1", None),
            ("/", "[::1]:9090", "127.0.0.1", None),
            ("/", "10.0.0.7:9090", "10.0.0.7", None),
            ("/", "10.0.0.7:9090", "::ffff:10.0.0.7", None),
            ("/", "larder.internal:9090", "10.0.0.7", None),
            ("http://localhost/", "localhost", "127.0.0.1", None),
            ("http://evil.test/", "localhost", "127.0.0.1", Some(Refusal::WrongHost)),
            ("/", "10.0.0.8", "10.0.0.7", Some(Refusal::WrongHost)),
            ("/", "evil.test", "127.0.0.1", Some(Refusal::WrongHost)),
            ("/", "localhost.evil.test", "127.0.0.1", Some(Refusal::WrongHost)),
            ("/", "127.0.0.1.evil.test", "127.0.0.1", Some(Refusal::WrongHost)),
            ("/", "localhost@evil.test", "127.0.0.1", Some(Refusal::WrongHost)),
            ("/", "", "127.0.0.1", Some(Refusal::WrongHost)),
        ] {
            let uri: Uri = uri.parse().expect("a target");
            let local = local.parse().expect("an address");
            let found = check_host(&uri, &fields(&[("host", host)]), local, &names).err();
            assert_eq!(found, refusal, "{uri} {host}");
        }
        let (uri, local) = (Uri::from_static("/"), "127.0.0.1".parse().expect("an address"));
        for hosts in [&[][..], &[("host", "localhost"), ("host", "localhost")]] {
            let found = check_host(&uri, &fields(hosts), local, &[]);
            assert_eq!(found, Err(Refusal::NoHost), "{hosts:?}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        for (own, refused) in [
            (&[][..], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")], true),
            (&[("origin", "http://localhost:9090")], false),
            (&[("origin", "http://localhost:9091")], true),
            (&[("origin", "http://evil.test")], true),
            (&[("origin", "null")], true),
            (&[("origin", "")], true),
            (&[("origin", "http://localhost:9090"), ("origin", "http://evil.test")], true),
        ] {
            let all = [&[("host", "localhost:9090")], own].concat();
            assert_eq!(check_site(&fields(&all)).is_err(), refused, "{own:?}");
        }
    }
}
