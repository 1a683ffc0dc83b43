//! Where a source sends on to: a reference, read against the URL that was asked (RFC 9110 §10.2.2,
//! RFC 3986 §5.2). What it comes to is as strictly a source as one that a client names, and has to be
//! allowed as much.

use super::allowed::authority_and_target;
use imaging::plan::Source;
use policy::path::resolve_dots;
use policy::request::{Scheme, split_target};

/// The source that a `Location` of `from` names; nothing if it names none, or the same once more.
/// `own`: in which scheme the site itself was asked.
pub fn moved(from: &Source, own: Scheme, location: &str) -> Option<Source> {
    let reference = location.split('#').next().filter(|reference| !reference.is_empty())?;
    let (authority, target) = match from {
        Source::Path(path) => (String::new(), &**path),
        Source::Url(url) => authority_and_target(url),
    };
    let text = if has_scheme(reference) {
        reference.to_owned()
    } else if reference.starts_with("//") {
        let scheme = authority.split_once(':').map_or(own.as_str(), |(scheme, _)| scheme);
        format!("{scheme}:{reference}")
    } else {
        let path = split_target(target).0;
        let before = match reference.as_bytes()[0] {
            b'/' => "",
            b'?' => path,
            _ => &path[..path.rfind('/').map_or(0, |at| at + 1)],
        };
        format!("{authority}{before}{reference}")
    };
    Source::parse("the source", &without_dots(&text)).ok()
}

/// Whether a reference begins with a scheme (RFC 3986 §3.1).
fn has_scheme(reference: &str) -> bool {
    let (scheme, _) = reference.split_once(':').unwrap_or_default();
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// A path or URL without the dot segments of its path.
fn without_dots(text: &str) -> String {
    let from = match (text.starts_with('/'), text.find("://")) {
        (true, _) | (_, None) => 0,
        (false, Some(at)) => {
            let host = at + "://".len();
            text[host..].find(['/', '?']).map_or(text.len(), |end| host + end)
        }
    };
    let (authority, target) = text.split_at(from);
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    match path.starts_with('/') {
        true => {
            let path = resolve_dots(path.as_bytes());
            format!("{authority}{}{query}", String::from_utf8_lossy(&path))
        }
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_against_what_was_asked() {
        let (path, url) = ("/p/a.jpg?v=1", "https://h.test:1/p/q/a.jpg?v=1");
        for (from, location, to) in [
            (path, "/b c", Some("/b%20c")),
            (path, "b.jpg", Some("/p/b.jpg")),
            (path, "./b.jpg?w#f", Some("/p/b.jpg?w")),
            (path, "../b.jpg", Some("/b.jpg")),
            (path, "../../../b.jpg", Some("/b.jpg")),
            (path, "..", Some("/")),
            (path, "?v=2", Some("/p/a.jpg?v=2")),
            (path, "/x/../b?y=/../z", Some("/b?y=/../z")),
            (path, "//other.test/b", Some("http://other.test/b")),
            (path, "https://other.test/x/../b", Some("https://other.test/b")),
            (path, "./c:d.jpg", Some("/p/c:d.jpg")),
            (path, "\\\\other.test\\b", Some("/p/%5C%5Cother.test%5Cb")),
            (url, "/b", Some("https://h.test:1/b")),
            (url, "../b.jpg", Some("https://h.test:1/p/b.jpg")),
            (url, "../../../b.jpg", Some("https://h.test:1/b.jpg")),
            (url, "%2e%2e/b.jpg", Some("https://h.test:1/p/q/%2e%2e/b.jpg")),
            (url, "?v=2#f", Some("https://h.test:1/p/q/a.jpg?v=2")),
            (url, "//other.test/b", Some("https://other.test/b")),
            (url, "HTTP://Other.test", Some("http://other.test/")),
            (url, "http://other.test?x", Some("http://other.test/?x")),
        ] {
            let from = Source::parse("from", from).expect(from);
            let to = to.map(|to| Source::parse("to", to).expect(to));
            assert_eq!(moved(&from, Scheme::Http, location), to, "{from:?} {location}");
        }
    }

    #[test]
    fn what_is_no_source_is_sent_on_to_by_none() {
        for from in ["/p/a.jpg", "https://h.test/p/a.jpg"] {
            let from = Source::parse("from", from).expect(from);
            for location in [
                "",
                "#f",
                "https:x",
                "https:/x",
                "https:///x",
                "http:?x=http://h.test/",
                "file:///etc/passwd",
                "data:image/png;base64,AA",
                "c:d.jpg",
                "http://u@h.test/",
                "//u:p@h.test/b",
                "//h.test\\@other.test/b",
                "//",
                "/_larder/image/w=1/a",
                "../_larder/image/w=1/a",
            ] {
                assert_eq!(moved(&from, Scheme::Https, location), None, "{from:?} {location}");
            }
        }
        // What would be read as another host in the place of a path.
        let path = Source::Path("/a.jpg".into());
        for location in ["/.//other.test/b", "..//other.test/b", "/x/..//other.test/b"] {
            assert_eq!(moved(&path, Scheme::Http, location), None, "{location}");
        }
    }
}
