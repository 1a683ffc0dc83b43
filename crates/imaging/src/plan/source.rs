//! Where a picture is made from.

use super::{Dialect, NoPlan, own};

/// Where a picture is made from, as the URL names it; whether it may be asked for is for others to
/// decide.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Path and query on the site itself.
    Path(Box<str>),
    /// A URL by http or https: scheme and host in lower case, no user, no fragment.
    Url(Box<str>),
}

impl Source {
    /// As the URL of a plan names it.
    pub fn as_str(&self) -> &str {
        match self {
            Source::Path(text) | Source::Url(text) => text,
        }
    }

    /// Reads a source that was decoded already.
    ///
    /// # Errors
    /// What is wrong with it; `at` names it.
    pub fn parse(at: &str, text: &str) -> Result<Source, NoPlan> {
        let wrong = |why| Err(NoPlan::new(at, why));
        let source = match text.split_once("://") {
            _ if text.is_empty() => return wrong("is empty"),
            _ if text.starts_with("//") => return wrong("has no scheme: write https://"),
            _ if text.strip_prefix('/').is_some_and(own::reads_as_url) => {
                return wrong("is a URL behind a slash: leave the slash out");
            }
            _ if text.starts_with('/') => {
                Source::Path(encoded(text.split('#').next().unwrap_or(text)))
            }
            Some((scheme, rest)) => match url(scheme, rest) {
                Some(url) => Source::Url(url),
                None => return wrong("is no URL by http or https"),
            },
            None => return wrong("is neither a path, which begins with /, nor a URL"),
        };
        let path = match &source {
            Source::Path(path) => path,
            Source::Url(url) => after_host(url),
        };
        match Dialect::of(path) {
            // Pictures are made of what somebody drew: a chain of plans would never end.
            Some(_) => wrong("is itself a picture that is made here"),
            None => Ok(source),
        }
    }
}

/// Path and query of a URL that has both in one spelling.
fn after_host(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    url[from..].find('/').map_or("", |at| &url[from + at..])
}

/// A URL in one spelling; nothing if it is none that may be asked for.
fn url(scheme: &str, rest: &str) -> Option<Box<str>> {
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") {
        return None;
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if host.is_empty() || !host.bytes().all(fits) {
        return None;
    }
    let slash = if target.starts_with('/') { "" } else { "/" };
    Some(format!("{scheme}://{}{slash}{}", host.to_ascii_lowercase(), encoded(target)).into())
}

/// The text with what no URL holds encoded; what is encoded stays.
fn encoded(text: &str) -> Box<str> {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            true => encoded.push(byte.into()),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_paths_or_urls_in_one_spelling() {
        let path = |text: &str| Ok(Source::Path(text.into()));
        let url = |text: &str| Ok(Source::Url(text.into()));
        for (text, source) in [
            ("/a b.jpg?x=1#f", path("/a%20b.jpg?x=1")),
            ("/a%20b.jpg", path("/a%20b.jpg")),
            ("HTTPS://A.Example/B.jpg", url("https://a.example/B.jpg")),
            ("http://a.example:81?x", url("http://a.example:81/?x")),
            ("http://[::1]/a", url("http://[::1]/a")),
            ("", Err("is empty")),
            ("a.jpg", Err("is neither")),
            ("//a.example/b", Err("has no scheme")),
            ("/https://a.example/b", Err("is a URL behind")),
            ("/HTTP:/a.example/b", Err("is a URL behind")),
            ("/https%3A%2F%2fa.example/b", Err("is a URL behind")),
            ("/https:/a.example/b://c", Err("is a URL behind")),
            ("/https:", path("/https:")),
            ("ftp://a/b", Err("is no URL")),
            ("file:///etc/passwd", Err("is no URL")),
            ("http://u:p@a/b", Err("is no URL")),
            ("http:///b", Err("is no URL")),
            ("/_next/image?url=%2Fa&w=1&q=1", Err("is itself")),
            ("/_next/image/?url=%2Fa&w=1&q=1", Err("is itself")),
            ("/_larder/image/w=1/a", Err("is itself")),
            ("https://a.example/_image?href=/a", Err("is itself")),
        ] {
            match (Source::parse("url", text), source) {
                (Ok(found), source) => assert_eq!(Ok(found), source, "{text}"),
                (Err(error), Err(why)) => assert!(error.why.starts_with(why), "{text}: {error}"),
                (Err(error), Ok(_)) => panic!("{text}: {error}"),
            }
        }
    }
}
