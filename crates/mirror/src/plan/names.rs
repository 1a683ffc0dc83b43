//! The elements of feeds in XML, whatever prefix they bear.

use quick_xml::name::{Namespace, ResolveResult};

/// The vocabulary that a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    /// RSS without a namespace, or with that of RSS 0.90 or 1.0.
    Rss,
    Rdf,
    Atom,
    /// Media RSS.
    Media,
    Itunes,
    /// `content:encoded`.
    Content,
    Xhtml,
    Other,
}

impl Space {
    /// By the namespace; where a prefix is bound to none, as in feeds that forget to, by the usual prefix.
    pub fn of(resolved: &ResolveResult<'_>) -> Space {
        match resolved {
            ResolveResult::Unbound => Space::Rss,
            ResolveResult::Bound(Namespace(uri)) => Space::of_uri(uri),
            ResolveResult::Unknown(prefix) => match prefix.as_str() {
                "atom" => Space::Atom,
                "media" => Space::Media,
                "itunes" => Space::Itunes,
                "content" => Space::Content,
                "rdf" => Space::Rdf,
                _ => Space::Other,
            },
        }
    }

    fn of_uri(uri: &str) -> Space {
        match uri.trim_end_matches(['/', '#']) {
            "http://purl.org/rss/1.0"
            | "http://my.netscape.com/rdf/simple/0.9"
            | "http://backend.userland.com/rss2"
            | "http://backend.userland.com/RSS2" => Space::Rss,
            "http://www.w3.org/1999/02/22-rdf-syntax-ns" => Space::Rdf,
            "http://www.w3.org/2005/Atom" | "http://purl.org/atom/ns" => Space::Atom,
            "http://search.yahoo.com/mrss" => Space::Media,
            "http://www.itunes.com/dtds/podcast-1.0.dtd" => Space::Itunes,
            "http://purl.org/rss/1.0/modules/content" => Space::Content,
            "http://www.w3.org/1999/xhtml" => Space::Xhtml,
            _ => Space::Other,
        }
    }
}
