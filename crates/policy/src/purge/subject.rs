//! What a stored response can be purged by.

use super::identity::{Identity, Part};
use super::scope::MAX_PREFIX_SEGMENTS;
use super::{Pattern, Source};
use crate::groups;
use crate::key::KeyRef;
use crate::meta::Meta;
use crate::name::Name;
use crate::rule::SiteId;

/// A stored response as purges see it: the identities of all scopes that cover it. Made for one
/// question to the table, in well under a microsecond; not kept.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    identities: Vec<Identity>,
    /// Its URL scope.
    url: &'a [u8],
    sources: &'a [Source],
}

impl<'a> Subject<'a> {
    /// A response of that URL scope ([`crate::key::KeyRef::url`]), site and tags, made from
    /// `sources`, if it was.
    pub fn new(
        url: &'a [u8],
        site: SiteId,
        tags: &[Box<str>],
        sources: &'a [Source],
    ) -> Subject<'a> {
        // Two for each segment of a common path, with a host and without, and the rest.
        let mut identities = Vec::with_capacity(24 + 2 * tags.len());
        identities.extend([Identity::EVERYTHING, Identity::of_site(site)]);
        push_url(&mut identities, site, url);
        tags.iter().for_each(|tag| push_tag(&mut identities, site, tag));
        for source in sources {
            match source {
                Source::Url(url) => push_url(&mut identities, site, url),
                Source::Tag(site, tag) => push_tag(&mut identities, *site, tag),
                Source::Site(site) => identities.push(Identity::of_site(*site)),
            }
        }
        Subject { identities, url, sources }
    }

    /// The response of that key and metadata.
    pub fn of(key: KeyRef<'a>, meta: &'a Meta) -> Subject<'a> {
        let mut subject = Subject::new(key.url(), meta.site, &meta.tags, &meta.sources);
        if meta.fields.has(Name::CacheGroups) {
            let origin = Part::of(groups::origin_of(key).as_bytes());
            let groups = groups::groups(&meta.fields).into_iter();
            let identity = |group: String| Identity::of_group(origin, Part::of(group.as_bytes()));
            subject.identities.extend(groups.map(identity));
        }
        subject
    }

    /// The same, as if it bore these tags of its site too.
    pub fn beside(mut self, site: SiteId, tags: &[Box<str>]) -> Subject<'a> {
        tags.iter().for_each(|tag| push_tag(&mut self.identities, site, tag));
        self
    }

    /// The scopes that cover it, but for patterns.
    pub(crate) fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Its URL and those it was made from, as patterns are held against them.
    pub(crate) fn texts(&self) -> Texts {
        let sources = self.sources.iter().filter_map(|source| match source {
            Source::Url(url) => Some(&**url),
            Source::Tag(..) | Source::Site(_) => None,
        });
        Texts(std::iter::once(self.url).chain(sources).map(text).collect())
    }
}

/// Host and path of URLs, and how much of each is the host.
pub(crate) struct Texts(Vec<(Vec<u8>, usize)>);

impl Texts {
    /// Whether the pattern covers one of them.
    pub fn fit(&self, pattern: &Pattern) -> bool {
        self.0.iter().any(|(text, host_bytes)| pattern.covers(text, *host_bytes))
    }
}

fn text(url: &[u8]) -> (Vec<u8>, usize) {
    let (host, target) = host_and_target(url);
    ([host, path_of(target)].concat(), host.len())
}

fn push_tag(identities: &mut Vec<Identity>, site: SiteId, tag: &str) {
    let tag = Part::of(tag.as_bytes());
    identities.extend([Identity::of_tag(Some(site), tag), Identity::of_tag(None, tag)]);
}

fn push_url(identities: &mut Vec<Identity>, site: SiteId, url: &[u8]) {
    let (host, target) = host_and_target(url);
    identities.push(Identity::of_site_path(site, Part::of(path_of(target))));
    let (host, whole) = (Some(Part::of(host)), Part::of(target));
    identities.extend([Identity::of_url(host, whole), Identity::of_url(None, whole)]);
    let mut here = [Identity::of_prefix(host), Identity::of_prefix(None)];
    identities.extend(here);
    let Some(path) = path_of(target).strip_prefix(b"/") else { return };
    for segment in path.split(|b| *b == b'/').take(MAX_PREFIX_SEGMENTS) {
        // A slash goes before each segment: what ends with that slash covers it too.
        identities.extend(here.map(Identity::and_slash));
        let segment = Part::of(segment);
        here = here.map(|prefix| prefix.and_segment(segment));
        identities.extend(here);
    }
    if path.split(|b| *b == b'/').nth(MAX_PREFIX_SEGMENTS).is_some() {
        identities.extend(here.map(Identity::and_slash));
    }
}

/// The host without port and the target of a URL scope.
fn host_and_target(url: &[u8]) -> (&[u8], &[u8]) {
    let end = url.iter().position(|b| *b == 0).unwrap_or(url.len());
    (&url[..end], url.get(end + 1..).unwrap_or_default())
}

fn path_of(target: &[u8]) -> &[u8] {
    let end = target.iter().position(|b| *b == b'?').unwrap_or(target.len());
    &target[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::Staleness;
    use crate::prefix::Prefix;
    use crate::purge::{PathPrefix, Scope};
    use crate::request::Request;
    use crate::reuse::tests::stored;
    use crate::rule::Rule;
    use proptest::prelude::*;

    fn covers(prefix: &PathPrefix, host: &str, target: &str) -> bool {
        let url = [host.as_bytes(), b"\0", target.as_bytes()].concat();
        let subject = Subject::new(&url, SiteId(0), &[], &[]);
        let identity = Scope::Prefix(prefix.clone()).identity().expect("no pattern");
        subject.identities().contains(&identity)
    }

    fn covers_by_text(prefix: &Prefix, host: &str, target: &str) -> bool {
        let request = Request { host: host.into(), target: target.into(), ..Request::default() };
        prefix.covers(KeyRef::build(&request, &Rule::default(), &mut Vec::new()))
    }

    proptest! {
        #[test]
        fn hashes_of_prefixes_say_what_their_texts_say(
            (host, prefix) in ("(a|b)?", "(/[ab]{0,2}){0,4}"),
            (other, path) in ("[ab]", "(/[ab]{0,2}){1,4}"),
            query in "(\\?[a/]{0,2})?",
        ) {
            let prefix = Prefix::parse(&format!("{host}{prefix}")).expect("a prefix");
            let target = format!("{path}{query}");
            let by_text = covers_by_text(&prefix, &other, &target);
            let prefix = PathPrefix::new(prefix).expect("a short one");
            prop_assert_eq!(covers(&prefix, &other, &target), by_text);
        }
    }

    #[test]
    fn a_group_covers_what_is_in_it_on_its_own_origin_only() {
        let request = Request { host: "A.b:81".into(), target: "/x".into(), ..Request::default() };
        let mut buffer = Vec::new();
        let key = KeyRef::build(&request, &Rule::default(), &mut buffer);
        let mut meta = stored(Staleness::Forbidden);
        meta.fields = [("Cache-Groups", "\"g\", \"h\"")].into_iter().collect();
        let subject = Subject::of(key, &meta);
        for (origin, group, covers) in [
            ("http://a.b:81", "g", true),
            ("http://a.b:81", "h", true),
            ("http://a.b:81", "i", false),
            ("http://a.b", "g", false),
            ("https://a.b:81", "g", false),
            ("http://c.d:81", "g", false),
        ] {
            let scope = Scope::Group { origin: origin.into(), group: group.into() };
            let identity = scope.identity().expect("no pattern");
            assert_eq!(subject.identities().contains(&identity), covers, "{scope}");
        }
    }

    #[test]
    fn the_deepest_prefix_covers_what_lies_deeper() {
        let deepest = "/x".repeat(MAX_PREFIX_SEGMENTS);
        for (prefix, target, is_covered) in [
            (deepest.clone(), format!("{deepest}/y/z"), true),
            (format!("{deepest}/"), format!("{deepest}/y/z"), true),
            (format!("{deepest}/"), deepest.clone(), false),
            (deepest.clone(), format!("{deepest}y"), false),
        ] {
            let prefix = PathPrefix::new(Prefix::parse(&prefix).expect("one")).expect("short");
            assert_eq!(covers(&prefix, "h", &target), is_covered, "{prefix:?} {target}");
        }
    }
}
