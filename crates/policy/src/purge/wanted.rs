//! What a request to purge names, read strictly: a purge that would hit nothing by a slip of
//! the pen is an error, not a success.

use super::{MAX_PATTERN_BYTES, MAX_PATTERN_STARS, MAX_PREFIX_SEGMENTS};
use super::{PathPrefix, Pattern, Scope, Url};
use crate::prefix::Prefix;
use crate::request::hostname;
use crate::rule::SiteId;
use std::fmt;

/// The most scopes of one request; each tag counts once for each site that is named.
pub const MAX_SCOPES: usize = 4096;
/// The longest text of one scope, in bytes.
pub const MAX_SCOPE_BYTES: usize = 16 << 10;
/// The most bytes of all texts of one request, as often as they count.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// The most mistakes that are told at once.
const MAX_FAULTS: usize = 32;

/// What a request names, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// All that is stored. Goes alone.
    pub everything: bool,
    /// Sites by their names. With tags they say whose tags; without, they are purged whole.
    pub sites: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// URLs: `https://host/path?query`, `host/path?query`, or `/path?query` on every host.
    pub urls: Vec<String>,
    /// Prefixes, written like URLs, without a query.
    pub prefixes: Vec<String>,
    /// Patterns over host and path, or over paths if they begin with `/`.
    pub patterns: Vec<String>,
}

/// A list of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `everything`.
    Everything,
    /// `sites`.
    Sites,
    /// `tags`.
    Tags,
    /// `urls`.
    Urls,
    /// `prefixes`.
    Prefixes,
    /// `patterns`.
    Patterns,
}

/// A mistake in a request, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which list.
    pub list: List,
    /// Which of its members, from 0; nothing where the list itself is wrong.
    pub index: Option<usize>,
    /// What is wrong.
    pub why: WhyNot,
}

/// What is wrong with a request to purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// Nothing is named.
    Nothing,
    /// Everything is named, and more.
    EverythingAndMore,
    /// Sites are named beside what has its own host, and no tags that they could be for.
    SitesBesideHosts,
    /// More than [`MAX_SCOPES`].
    TooMany,
    /// More than [`MAX_REQUEST_BYTES`].
    TooMuch,
    /// It is empty.
    Empty,
    /// It is longer than [`MAX_SCOPE_BYTES`], a pattern than [`MAX_PATTERN_BYTES`].
    TooLong,
    /// A byte that no URL has as it stands: a space, a control character, one beyond ASCII.
    NotEncoded,
    /// A control character in a tag.
    ControlCharacter,
    /// A fragment, which is never sent to a server.
    Fragment,
    /// A scheme other than http and https.
    Scheme,
    /// A user before the host.
    User,
    /// What should be a host is none.
    Host,
    /// Neither a host nor a path begins it.
    Relative,
    /// A prefix with a query.
    Query,
    /// A prefix of more than [`MAX_PREFIX_SEGMENTS`] segments.
    TooDeep,
    /// A pattern of more than [`MAX_PATTERN_STARS`] stars.
    TooManyStars,
    /// No site has that name.
    UnknownSite,
}

impl Wanted {
    /// The scopes that are named. `site` knows sites by their names.
    ///
    /// # Errors
    /// Every mistake, up to a limit; then nothing is to be purged.
    pub fn scopes(
        &self,
        site: impl Fn(&str) -> Option<SiteId>,
    ) -> Result<Box<[Scope]>, Vec<Fault>> {
        let mut faults = Vec::new();
        self.check_lists(&mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut scopes = Vec::new();
        let read = |faults: &mut Vec<Fault>, list, members: &[String], read: &dyn Fn(&str) -> _| {
            read_all(list, members, faults, |text| short(text).and_then(read))
        };
        let sites = read_all(List::Sites, &self.sites, &mut faults, |name| {
            short(name)?;
            site(name).ok_or(WhyNot::UnknownSite)
        });
        let tags = read_all(List::Tags, &self.tags, &mut faults, |text| short(text).and_then(tag));
        for tag in &tags {
            match sites.as_slice() {
                [] => scopes.push(Scope::Tag(None, tag.clone())),
                sites => {
                    scopes.extend(sites.iter().map(|site| Scope::Tag(Some(*site), tag.clone())))
                }
            }
        }
        if tags.is_empty() {
            scopes.extend(sites.into_iter().map(Scope::Site));
        }
        scopes.extend(self.everything.then_some(Scope::Everything));
        scopes
            .extend(read(&mut faults, List::Urls, &self.urls, &|text| Ok(Scope::Url(url(text)?))));
        scopes.extend(read(&mut faults, List::Prefixes, &self.prefixes, &prefix));
        scopes.extend(read(&mut faults, List::Patterns, &self.patterns, &pattern));
        if faults.is_empty() { Ok(scopes.into()) } else { Err(faults) }
    }

    /// Notes what is wrong before any text is read.
    fn check_lists(&self, faults: &mut Vec<Fault>) {
        let hosted = [
            (List::Urls, &self.urls),
            (List::Prefixes, &self.prefixes),
            (List::Patterns, &self.patterns),
        ];
        let lists =
            [(List::Sites, &self.sites), (List::Tags, &self.tags)].into_iter().chain(hosted);
        let mut fault = |list, why| faults.push(Fault { list, index: None, why });
        let members: usize = lists.clone().map(|(_, members)| members.len()).sum();
        match (self.everything, members) {
            (false, 0) => fault(List::Everything, WhyNot::Nothing),
            (true, 1..) => fault(List::Everything, WhyNot::EverythingAndMore),
            _ => {}
        }
        let hosted: usize = hosted.iter().map(|(_, members)| members.len()).sum();
        if !self.sites.is_empty() && self.tags.is_empty() && hosted > 0 {
            fault(List::Sites, WhyNot::SitesBesideHosts);
        }
        let times = |list| if list == List::Tags { self.sites.len().max(1) } else { 1 };
        let (mut count, mut bytes) = (0, 0_usize);
        for (list, members) in lists {
            count += members.len().saturating_mul(times(list));
            let texts: usize = members.iter().map(String::len).sum();
            bytes = bytes.saturating_add(texts.saturating_mul(times(list)));
            if count > MAX_SCOPES {
                return fault(list, WhyNot::TooMany);
            }
            if bytes > MAX_REQUEST_BYTES {
                return fault(list, WhyNot::TooMuch);
            }
        }
    }
}

fn read_all<T>(
    list: List,
    members: &[String],
    faults: &mut Vec<Fault>,
    read: impl Fn(&str) -> Result<T, WhyNot>,
) -> Vec<T> {
    let mut all = Vec::new();
    for (index, text) in members.iter().enumerate() {
        match read(text) {
            Ok(one) => all.push(one),
            Err(why) if faults.len() < MAX_FAULTS => {
                faults.push(Fault { list, index: Some(index), why });
            }
            Err(_) => break,
        }
    }
    all
}

fn short(text: &str) -> Result<&str, WhyNot> {
    match text.len() {
        0 => Err(WhyNot::Empty),
        1..=MAX_SCOPE_BYTES => Ok(text),
        _ => Err(WhyNot::TooLong),
    }
}

fn tag(text: &str) -> Result<Box<str>, WhyNot> {
    if text.chars().any(char::is_control) { Err(WhyNot::ControlCharacter) } else { Ok(text.into()) }
}

/// Reads the URL of one scope: `https://host/path?query`, `host/path?query`, or `/path?query` for
/// every host. Scheme and port do not matter.
///
/// # Errors
/// What is wrong with it.
pub fn strict_url(text: &str) -> Result<Url, WhyNot> {
    short(text).and_then(url)
}

fn url(text: &str) -> Result<Url, WhyNot> {
    let (host, target) = host_and_target(text)?;
    let slash = if target.starts_with('/') { "" } else { "/" };
    Ok(Url { host, target: format!("{slash}{target}").into() })
}

fn prefix(text: &str) -> Result<Scope, WhyNot> {
    let (host, target) = host_and_target(text)?;
    if target.contains('?') {
        return Err(WhyNot::Query);
    }
    let prefix = format!("{}{target}", host.as_deref().unwrap_or_default());
    let prefix = Prefix::parse(&prefix).ok_or(WhyNot::Host)?;
    PathPrefix::new(prefix).map(Scope::Prefix).ok_or(WhyNot::TooDeep)
}

/// The host is in lower case, and nothing if the text begins with a path.
fn host_and_target(text: &str) -> Result<(Option<Box<str>>, &str), WhyNot> {
    check_bytes(text)?;
    if text.starts_with('/') && !text.starts_with("//") {
        return Ok((None, text));
    }
    let rest = without_scheme(text)?;
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    // Without a scheme a word may as well be a path that lacks its slash.
    let is_word = rest.len() == text.len() && !authority.contains(['.', ':']);
    match authority {
        _ if authority.contains('@') => Err(WhyNot::User),
        _ if is_word && authority != "localhost" => Err(WhyNot::Relative),
        _ => Ok((Some(host(authority)?), target)),
    }
}

fn check_bytes(text: &str) -> Result<(), WhyNot> {
    match text.bytes().find(|b| !b.is_ascii_graphic() || *b == b'#') {
        Some(b'#') => Err(WhyNot::Fragment),
        Some(_) => Err(WhyNot::NotEncoded),
        None => Ok(()),
    }
}

/// The text behind `http://`, `https://` or `//`, or all of it where there is no scheme.
fn without_scheme(text: &str) -> Result<&str, WhyNot> {
    match text.split_once("//") {
        Some(("", rest)) => Ok(rest),
        Some((scheme, rest)) if scheme.ends_with(':') && !scheme.contains(['/', '?']) => {
            let known = ["http:", "https:", "entry:"]
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known));
            if known { Ok(rest) } else { Err(WhyNot::Scheme) }
        }
        _ => Ok(text),
    }
}

/// The name of a host and perhaps its port; the name in lower case.
fn host(authority: &str) -> Result<Box<str>, WhyNot> {
    let name = hostname(authority);
    let port = authority[name.len()..].strip_prefix(':').unwrap_or_default();
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let is_name = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.bytes().all(in_name),
    };
    let is_port = port.parse::<u16>().is_ok() || authority.len() == name.len();
    let fits = is_name && !name.is_empty() && is_port;
    if fits { Ok(name.to_ascii_lowercase().into()) } else { Err(WhyNot::Host) }
}

fn pattern(text: &str) -> Result<Scope, WhyNot> {
    check_bytes(text)?;
    let text = without_scheme(text)?;
    let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) && !name.ends_with(':') => name,
        _ => host,
    };
    let text = format!("{}{path}", name.to_ascii_lowercase());
    match Pattern::new(&text) {
        _ if text.is_empty() => Err(WhyNot::Empty),
        Some(pattern) => Ok(Scope::Pattern(pattern)),
        None if text.len() > MAX_PATTERN_BYTES => Err(WhyNot::TooLong),
        None => Err(WhyNot::TooManyStars),
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            List::Everything => "everything",
            List::Sites => "sites",
            List::Tags => "tags",
            List::Urls => "urls",
            List::Prefixes => "prefixes",
            List::Patterns => "patterns",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}[{index}]: {}", self.list, self.why),
            None => write!(f, "{}: {}", self.list, self.why),
        }
    }
}

/// What is wrong, and how to mend it.
impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyNot::Nothing => write!(
                f,
                "nothing is named: give tags, urls, prefixes, patterns, sites or everything"
            ),
            WhyNot::EverythingAndMore => write!(f, "everything covers all else: name it alone"),
            WhyNot::SitesBesideHosts => {
                write!(f, "sites are for tags, or go alone: URLs name their host themselves")
            }
            WhyNot::TooMany => {
                write!(f, "more than {MAX_SCOPES} scopes in one request: send several")
            }
            WhyNot::TooMuch => write!(
                f,
                "more than {MAX_REQUEST_BYTES} bytes of scopes in one request: send several"
            ),
            WhyNot::Empty => write!(f, "it is empty"),
            WhyNot::TooLong => write!(
                f,
                "it is too long: a scope has at most {MAX_SCOPE_BYTES} bytes, a pattern {MAX_PATTERN_BYTES}"
            ),
            WhyNot::NotEncoded => {
                write!(f, "it has a character that no URL has: encode it as %XX, a host as xn--")
            }
            WhyNot::ControlCharacter => write!(f, "a tag has no control characters"),
            WhyNot::Fragment => write!(f, "a fragment (#) is never sent to a server: leave it out"),
            WhyNot::Scheme => write!(f, "the scheme is neither http nor https"),
            WhyNot::User => write!(f, "a user has no place before the host"),
            WhyNot::Host => write!(f, "this is no host"),
            WhyNot::Relative => write!(
                f,
                "it begins with neither a host nor a path: write https://host/path, or /path for every host"
            ),
            WhyNot::Query => {
                write!(f, "a prefix has no query: give the URL whole, or the prefix without it")
            }
            WhyNot::TooDeep => write!(f, "a prefix has at most {MAX_PREFIX_SEGMENTS} segments"),
            WhyNot::TooManyStars => write!(f, "a pattern has at most {MAX_PATTERN_STARS} stars"),
            WhyNot::UnknownSite => write!(f, "there is no such site: name the first of its hosts"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(name: &str) -> Option<SiteId> {
        (name == "a.b").then(|| SiteId::of_host(name))
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    /// What one text of a list is read as.
    fn read(of: List, text: &str) -> Result<String, WhyNot> {
        let mut wanted = Wanted::default();
        match of {
            List::Urls => wanted.urls = list(&[text]),
            List::Prefixes => wanted.prefixes = list(&[text]),
            List::Patterns => wanted.patterns = list(&[text]),
            List::Tags => wanted.tags = list(&[text]),
            List::Sites => wanted.sites = list(&[text]),
            List::Everything => wanted.everything = true,
        }
        match wanted.scopes(site) {
            Ok(scopes) => Ok(scopes[0].to_string()),
            Err(faults) => {
                assert_eq!((faults.len(), faults[0].list, faults[0].index), (1, of, Some(0)));
                Err(faults[0].why)
            }
        }
    }

    #[test]
    fn a_url_names_host_path_and_query_or_a_path_everywhere() {
        for (text, scope) in [
            ("https://A.b:8443/x?y#", Err(WhyNot::Fragment)),
            ("https://A.b:8443/x?Y", Ok("url a.b/x?Y")),
            ("HTTP://a.b", Ok("url a.b/")),
            ("http://a.b?x", Ok("url a.b/?x")),
            ("//a.b/x", Ok("url a.b/x")),
            ("a.b/x", Ok("url a.b/x")),
            ("a.b", Ok("url a.b/")),
            ("localhost:3000/x", Ok("url localhost/x")),
            ("[::1]:80/x", Ok("url [::1]/x")),
            ("/x?u=http://c.d//", Ok("url /x?u=http://c.d//")),
            ("/", Ok("url /")),
            ("x", Err(WhyNot::Relative)),
            ("blog/x", Err(WhyNot::Relative)),
            ("?x", Err(WhyNot::Relative)),
            ("", Err(WhyNot::Empty)),
            ("ftp://a.b/x", Err(WhyNot::Scheme)),
            ("mailto:x@a.b", Err(WhyNot::User)),
            ("http://u@a.b/x", Err(WhyNot::User)),
            ("http:///x", Err(WhyNot::Host)),
            ("http://a.b:x/", Err(WhyNot::Host)),
            ("http://a_b,c/", Err(WhyNot::Host)),
            ("http://[::x]/", Err(WhyNot::Host)),
            ("/a b", Err(WhyNot::NotEncoded)),
            ("/caf\u{e9}", Err(WhyNot::NotEncoded)),
            ("/\u{7}", Err(WhyNot::NotEncoded)),
        ] {
            assert_eq!(read(List::Urls, text), scope.map(str::to_owned), "{text}");
        }
        let long = format!("/{}", "x".repeat(MAX_SCOPE_BYTES));
        assert_eq!(read(List::Urls, &long), Err(WhyNot::TooLong));
    }

    #[test]
    fn prefixes_patterns_tags_and_sites_are_read_as_strictly() {
        let deep = "/x".repeat(MAX_PREFIX_SEGMENTS + 1);
        let stars = "*x".repeat(MAX_PATTERN_STARS + 1);
        let long = "x".repeat(MAX_PATTERN_BYTES + 1);
        let site_shown = Scope::Site(SiteId::of_host("a.b")).to_string();
        for (list, text, scope) in [
            (List::Prefixes, "/q", Ok("prefix /q")),
            (List::Prefixes, "https://A.b:1/q/", Ok("prefix a.b/q/")),
            (List::Prefixes, "a.b", Ok("prefix a.b")),
            (List::Prefixes, "/q?x", Err(WhyNot::Query)),
            (List::Prefixes, "q", Err(WhyNot::Relative)),
            (List::Prefixes, &deep, Err(WhyNot::TooDeep)),
            (List::Patterns, "/blog/*", Ok("pattern /blog/*")),
            (List::Patterns, "https://*.A.b:81/X*", Ok("pattern *.a.b/X*")),
            (List::Patterns, "*.css", Ok("pattern *.css")),
            (List::Patterns, "[::1]/x", Ok("pattern [::1]/x")),
            (List::Patterns, "//", Err(WhyNot::Empty)),
            (List::Patterns, &stars, Err(WhyNot::TooManyStars)),
            (List::Patterns, &long, Err(WhyNot::TooLong)),
            (List::Tags, "post:1 \u{e9}", Ok("tag post:1 \u{e9}")),
            (List::Tags, "a\nb", Err(WhyNot::ControlCharacter)),
            (List::Sites, "a.b", Ok(&site_shown)),
            (List::Sites, "c.d", Err(WhyNot::UnknownSite)),
            (List::Everything, "", Ok("everything")),
        ] {
            let scope = scope.map(str::to_owned);
            assert_eq!(read(list, text), scope, "{text}");
        }
    }

    #[test]
    fn sites_narrow_tags_or_go_alone() {
        let here = SiteId::of_host("a.b");
        let tagged = Wanted { sites: list(&["a.b"]), tags: list(&["t"]), ..Wanted::default() };
        let found = tagged.scopes(site).expect("a good one");
        assert_eq!(*found, [Scope::Tag(Some(here), "t".into())]);
        let with_url = Wanted { urls: list(&["/x"]), ..tagged };
        assert_eq!(with_url.scopes(site).expect("a good one").len(), 2);
        for (wanted, why) in [
            (Wanted::default(), WhyNot::Nothing),
            (Wanted { everything: true, ..with_url.clone() }, WhyNot::EverythingAndMore),
            (Wanted { tags: Vec::new(), ..with_url.clone() }, WhyNot::SitesBesideHosts),
            (Wanted { urls: vec!["/x".to_owned(); MAX_SCOPES], ..with_url }, WhyNot::TooMany),
            (
                Wanted { tags: vec!["t".repeat(MAX_REQUEST_BYTES + 1)], ..Wanted::default() },
                WhyNot::TooMuch,
            ),
        ] {
            let faults = wanted.scopes(site).expect_err("a bad one");
            assert_eq!((faults.len(), faults[0].index, faults[0].why), (1, None, why));
        }
    }

    #[test]
    fn mistakes_are_told_all_at_once_and_up_to_a_limit() {
        let wanted =
            Wanted { urls: list(&["/ok", "x"]), prefixes: list(&["/q?"]), ..Wanted::default() };
        let faults = wanted.scopes(site).expect_err("two bad ones");
        let told: Vec<String> = faults.iter().map(Fault::to_string).collect();
        assert!(told[0].starts_with("urls[1]: it begins with neither"), "{told:?}");
        assert!(told[1].starts_with("prefixes[0]: a prefix has no query"), "{told:?}");
        let many = Wanted { urls: vec![String::new(); 1000], ..Wanted::default() };
        assert_eq!(many.scopes(site).expect_err("bad ones").len(), MAX_FAULTS);
    }
}
