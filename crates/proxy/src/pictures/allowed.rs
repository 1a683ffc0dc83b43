//! Of which sources pictures are made: the site's own paths, folders, and the origins that are listed.

use super::asked::below;
use crate::error::Error;
use crate::settings::{OriginAddress, PictureSettings, Wildcard};
use imaging::plan::Source;
use policy::path::match_path;
use policy::request::split_target;
use std::net::Ipv6Addr;

/// Where a source is, by the settings of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the site's own origin.
    Site,
    /// In the folder of that number.
    Folder(usize),
    /// At the listed origin of that number.
    Remote(usize),
}

/// Where a source is.
///
/// # Errors
/// When it is nowhere that may be used.
pub fn place(settings: &PictureSettings, source: &Source) -> Result<Place, Error> {
    match source {
        Source::Path(path) => {
            if settings.dialects.make(below(&settings.base, path)) {
                return Err(refused("it is itself a picture that is made here"));
            }
            let path = match_path(split_target(path).0);
            let within = |folder: &str| path.path.starts_with(folder.as_bytes());
            match settings.folders.iter().position(|folder| within(&folder.path)) {
                Some(_) if path.ambiguous => Err(refused("its path can be read in two ways")),
                Some(folder) => Ok(Place::Folder(folder)),
                None => Ok(Place::Site),
            }
        }
        Source::Url(url) => remote(settings, url).map(Place::Remote),
    }
}

/// Whether what begins with that URL may be a source: it is below one that is listed, or the other way
/// round.
pub fn begins_a_source(settings: &PictureSettings, url: &str) -> bool {
    let (authority, target) = authority_and_target(url);
    settings.sources.iter().any(|source| {
        let mut origins = source.settings.origins.iter();
        origins.any(|origin| is_at(&authority, origin, source.wildcard))
            && (target.starts_with(&source.path) || source.path.starts_with(target))
    })
}

fn remote(settings: &PictureSettings, url: &str) -> Result<usize, Error> {
    let (authority, target) = authority_and_target(url);
    let path = match_path(split_target(target).0);
    let listed = settings.sources.iter().position(|source| {
        let mut origins = source.settings.origins.iter();
        origins.any(|origin| is_at(&authority, origin, source.wildcard))
            && begins(&path.path, source.path.as_bytes())
    });
    match listed {
        None => Err(refused("its URL is not below any of images.sources")),
        // Below the path that is allowed, or not, as the origin reads it.
        Some(_) if path.ambiguous => Err(refused("its path can be read in two ways")),
        Some(listed) => Ok(listed),
    }
}

/// Whether an authority is an origin's, or one of those that the wildcard before its name stands for.
fn is_at(authority: &str, origin: &OriginAddress, wildcard: Option<Wildcard>) -> bool {
    let Some(wildcard) = wildcard else { return origin.url() == authority };
    let scheme = if origin.is_tls { "https://" } else { "http://" };
    let before = authority.strip_prefix(scheme).and_then(|host| {
        let before = host.strip_suffix(&origin.authority())?;
        before.strip_suffix('.')
    });
    before.is_some_and(|before| wildcard.covers(before))
}

/// The origin of a URL's scheme, host and port; nothing if those name none. An address of IPv6 loses its
/// brackets.
pub fn origin_of(authority: &str) -> Option<OriginAddress> {
    let (scheme, host) = authority.split_once("://")?;
    let is_tls = scheme == "https";
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (host, if is_tls { 443 } else { 80 }),
    };
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(|_| v6)?,
        None => Some(host).filter(|host| !host.is_empty() && !host.contains([':', '[', ']']))?,
    };
    Some(OriginAddress { is_tls, host: host.to_owned(), port })
}

/// Scheme, host and port of a URL without the scheme's own port, and the rest.
pub fn authority_and_target(url: &str) -> (String, &str) {
    let from = url.find("://").map_or(0, |at| at + 3);
    let end = url[from..].find('/').map_or(url.len(), |at| from + at);
    let (authority, target) = url.split_at(end);
    let usual = if authority.starts_with("https:") { ":443" } else { ":80" };
    (authority.strip_suffix(usual).unwrap_or(authority).to_owned(), target)
}

/// Whether a path lies below another, at a segment's boundary.
fn begins(path: &[u8], above: &[u8]) -> bool {
    let above = above.strip_suffix(b"/").unwrap_or(above);
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

fn refused(why: &'static str) -> Error {
    Error::PictureSource(why.to_owned())
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::settings::{Folder, OnError, OriginHost, Reach, RemoteSource, SiteSettings};
    use imaging::plan::{Dialect, Dialects};
    use policy::time::Seconds;

    /// Pictures of a folder `/photos/`, and of what is below two URLs.
    pub fn settings() -> PictureSettings {
        let remote = |is_tls, host: &str, port, path: &str| RemoteSource {
            path: path.to_owned(),
            wildcard: None,
            settings: SiteSettings {
                site: policy::rule::Site::default(),
                origins: vec![OriginAddress { is_tls, host: host.to_owned(), port }],
                origin_tls: None,
                health_check: None,
                doors: Vec::new(),
                shelves: Vec::new(),
                origin_host: OriginHost::Origin,
                reach: Reach::Public,
                pictures: None,
            },
        };
        PictureSettings {
            dialects: Dialects { fixed: vec![Dialect::Own, Dialect::Next], ..Dialects::default() },
            signing: Vec::new(),
            base: "/docs".to_owned(),
            sources: vec![
                remote(true, "cdn.test", 443, "/a/"),
                remote(false, "cdn.test", 8080, ""),
            ],
            folders: vec![Folder {
                path: "/photos/".to_owned(),
                folder: "/srv".into(),
                ttl: Seconds::ZERO,
            }],
            widths: vec![100, 200],
            variants: 256,
            formats: imaging::accept::Accepted { avif: true, webp: true },
            quality: 75,
            watermark: None,
            originals: false,
            svg: false,
            min_ttl: Seconds::ZERO,
            on_error: OnError::Tell,
            keep_copyright: false,
            profile: imaging::Profile::ConvertToSrgb,
            limits: imaging::Limits::default(),
        }
    }

    #[test]
    fn only_what_is_listed_is_a_source_however_it_is_written() {
        let (settings, at) = (settings(), |place| Some(Ok(place)));
        let refused = Some(Err(()));
        for (source, found) in [
            ("/a.jpg", at(Place::Site)),
            ("/photos/a.jpg", at(Place::Folder(0))),
            ("/%70hotos/a.jpg", at(Place::Folder(0))),
            ("/photos", at(Place::Site)),
            ("/docs/_next/image?url=/a.jpg&w=1&q=1", refused),
            ("/docs_next/image?url=/a.jpg", at(Place::Site)),
            ("/photos/../a.jpg", at(Place::Site)),
            ("/photos/%2e%2e%2fa.jpg", at(Place::Site)),
            ("https://cdn.test/a/b.jpg", at(Place::Remote(0))),
            ("HTTPS://CDN.test:443/a/b.jpg", at(Place::Remote(0))),
            ("https://cdn.test/a", at(Place::Remote(0))),
            ("http://cdn.test:8080/", at(Place::Remote(1))),
            ("https://cdn.test/ab.jpg", refused),
            ("https://cdn.test/a/../b.jpg", refused),
            ("https://cdn.test/a/%2E%2e/b.jpg", refused),
            ("https://cdn.test/a%2f..%2fb.jpg", refused),
            ("http://cdn.test/a/b.jpg", refused),
            ("https://cdn.test:8080/a/b.jpg", refused),
            ("https://cdn.test:0443/a/b.jpg", refused),
            ("https://cdn.test./a/b.jpg", refused),
            ("https://cdn.test.evil.test/a/b.jpg", refused),
            ("https://evil.test/https://cdn.test/a/b.jpg", refused),
            ("https://evil.test?https://cdn.test/a/", refused),
            ("https://[::1]/a/b.jpg", refused),
            ("https://cdn.test@evil.test/a/b.jpg", None),
            ("https://evil.test\\@cdn.test/a/b.jpg", None),
            ("https://cdn.t\u{e9}st/a/b.jpg", None),
            ("https://cdn.test%2eevil.test/a/", None),
        ] {
            let place = |source| place(&settings, &source).map_err(|_| ());
            assert_eq!(Source::parse("url", source).ok().map(place), found, "{source}");
        }
    }

    #[test]
    fn an_authority_names_an_origin_by_name_or_address() {
        for (authority, found) in [
            ("https://cdn.test", Some((true, "cdn.test", 443))),
            ("http://cdn.test:8080", Some((false, "cdn.test", 8080))),
            ("http://127.0.0.1:81", Some((false, "127.0.0.1", 81))),
            ("http://[::1]:18799", Some((false, "::1", 18799))),
            ("https://[2001:db8::7]", Some((true, "2001:db8::7", 443))),
            ("http://[::ffff:127.0.0.1]", Some((false, "::ffff:127.0.0.1", 80))),
            ("http://[::1", None),
            ("http://::1", None),
            ("http://::1]:80", None),
            ("http://[cdn.test]:80", None),
            ("http://[]", None),
            ("http://:80", None),
            ("http://cdn.test:", None),
            ("http://cdn.test:65536", None),
            ("cdn.test", None),
        ] {
            let origin = origin_of(authority);
            let parts = origin.as_ref().map(|it| (it.is_tls, it.host.as_str(), it.port));
            assert_eq!(parts, found, "{authority}");
            if let Some(origin) = origin {
                assert_eq!(origin.url(), authority);
            }
        }
    }

    #[test]
    fn a_wildcard_stands_for_whole_labels_before_a_name() {
        let (one, several) = (Some(Wildcard::One), Some(Wildcard::Several));
        let of = |is_tls, host: &str, port| OriginAddress { is_tls, host: host.to_owned(), port };
        let (usual, odd) = (of(true, "example.com", 443), of(false, "example.com", 8080));
        let long = "x".repeat(64);
        for (url, origin, by_one, by_several) in [
            ("https://a.example.com/", &usual, true, true),
            ("HTTPS://A-b_1.EXAMPLE.com:443/x", &usual, true, true),
            ("https://a.b.example.com/", &usual, false, true),
            ("https://xn--bcher-kva.example.com/", &usual, true, true),
            ("https://example.com/", &usual, false, false),
            ("https://.example.com/", &usual, false, false),
            ("https://a..example.com/", &usual, false, false),
            ("https://.a.example.com/", &usual, false, false),
            ("https://evil-example.com/", &usual, false, false),
            ("https://aexample.com/", &usual, false, false),
            ("https://a.example.com./", &usual, false, false),
            ("https://a.example.com.evil.test/", &usual, false, false),
            ("https://evil.test/a.example.com/", &usual, false, false),
            ("https://evil.test:80.example.com/", &usual, false, false),
            ("https://[::1].example.com/", &usual, false, false),
            ("http://a.example.com/", &usual, false, false),
            ("https://a.example.com:8443/", &usual, false, false),
            ("http://a.example.com:8080/", &odd, true, true),
            ("http://a.example.com/", &odd, false, false),
            ("http://a.example.com:08080/", &odd, false, false),
            (&format!("https://{long}.example.com/"), &usual, false, false),
        ] {
            let Ok(Source::Url(parsed)) = Source::parse("url", url) else {
                assert!(!by_one && !by_several, "{url}");
                continue;
            };
            let authority = authority_and_target(&parsed).0;
            assert_eq!(is_at(&authority, origin, one), by_one, "* {url}");
            assert_eq!(is_at(&authority, origin, several), by_several, "** {url}");
            if by_several {
                let found = origin_of(&authority).expect(url);
                assert_eq!((found.is_tls, found.port), (origin.is_tls, origin.port), "{url}");
                assert_eq!(found.url(), authority, "{url}");
            }
        }
    }
}
