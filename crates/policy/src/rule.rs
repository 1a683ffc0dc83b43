//! What the operator has set: sites, and rules within a site.
//!
//! These are validated values; `larder` makes them from the configuration. No rule at all is
//! right for most sites: the origin's headers decide.

use crate::cookies;
use crate::cors::Cors;
use crate::fields::Fields;
use crate::glob::Glob;
use crate::path::match_path;
use crate::path_pattern::PathPattern;
use crate::preset::Preset;
use crate::request::{Method, Request, hostname, split_target};
use crate::tag_template::TagTemplate;
use crate::time::Seconds;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Which site: the same in every run and after every reload, wherever it stands in the
/// configuration. It is a hash of its first host, so what is stored of a site stays its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(pub u64);

impl SiteId {
    /// What stands for the host of a site that is for every host.
    pub const EVERY_HOST: &str = "*";
    /// Written to disk with what is stored: another seed is another site.
    const SEED: u64 = 0x73_6974_6569_6431;

    /// The site whose first host pattern this is; [`SiteId::EVERY_HOST`] for that of every host.
    pub fn of_host(host: &str) -> SiteId {
        SiteId(xxh3_64_with_seed(host.to_ascii_lowercase().as_bytes(), SiteId::SEED))
    }
}

/// One site: the hosts it answers for and how what it serves is cached.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Which one it is, whatever happens to the others.
    pub id: SiteId,
    /// Its name in logs and metrics: the first host, or `default`.
    pub name: String,
    /// Host patterns in lower case, without ports; empty: every host.
    pub hosts: Vec<Glob>,
    /// Rules in order; the first that matches wins.
    pub rules: Vec<Rule>,
    /// What holds where no rule matches.
    pub default_rule: Rule,
    /// Names of cookies that make a request a session's; such requests pass by.
    pub session_cookies: Vec<Glob>,
    /// Names of cookies that no origin reads, such as those of analytics.
    pub ignored_cookies: Vec<Glob>,
    /// For how long assets that are `immutable` are kept after the origin took them away.
    pub keep_assets: Seconds,
    /// Whether `X-Cache-Status` and `X-Cache-Age` go out to clients.
    pub show_cache_status: bool,
    /// The longest lifetime that heuristics may find (RFC 9111 §4.2.2).
    pub heuristic_max: Seconds,
    /// Whether `Cache-Tag`, `Surrogate-Key` and `xkey` go out to clients.
    pub show_tags: bool,
    /// The framework that it is made with.
    pub preset: Preset,
    /// The port of https that plain requests are sent to, if they are.
    pub https_port: Option<u16>,
    /// The `Strict-Transport-Security` (RFC 6797) that answers over TLS bear; empty: none.
    pub hsts: String,
}

/// One rule of a site.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Which requests it is for.
    pub matches: Match,
    /// Fresh for so long, whatever the origin says, for 200, 203, 301 and 308.
    pub ttl: Option<Seconds>,
    /// Fresh for so long for 404 and 410; 10 s where only `ttl` is set.
    pub negative_ttl: Option<Seconds>,
    /// Made anew after so long, for 200, 203, 301 and 308: until then it is fresh, then it is served
    /// stale while one request regenerates it, for `stale_while_revalidate` or else for ever.
    pub revalidate: Option<Seconds>,
    /// Served stale for so long while it is refreshed in the background.
    pub stale_while_revalidate: Option<Seconds>,
    /// Served stale for so long when the origin fails.
    pub stale_if_error: Option<Seconds>,
    /// Kept for so long after the origin took it away, `immutable` or not.
    pub keep_assets: Option<Seconds>,
    /// The `max-age` that browsers are told.
    pub browser_ttl: Option<Seconds>,
    /// Whether the cache is used.
    pub cache: CacheMode,
    /// What besides scheme, host, path and query tells responses apart.
    pub key: KeyParts,
    /// Changes to the response's fields.
    pub response_fields: FieldEdits,
    /// Changes to the fields of the request toward the origin.
    pub request_fields: FieldEdits,
    /// Tags given to every response stored under this rule, with parts of its path in them.
    pub tags: Vec<TagTemplate>,
    /// Which pages of other origins may read; nothing: as the origin says.
    pub cors: Option<Cors>,
    /// Whether text goes out compressed.
    pub compress: Compress,
    /// Whether nobody wrote it: it stands among those of the site, and is not counted.
    pub is_built_in: bool,
}

/// Of which responses compressed forms are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compress {
    /// Of text that is stored.
    #[default]
    Auto,
    /// Of none.
    Off,
    /// Of text that is not stored too.
    Always,
}

/// Marks the keys of rules if some of them choose requests by header or cookie, so that one URL can
/// meet several; and always those of rules that say who may read, since what they store is shown
/// in another way, and of those whose keys have parts, since a part does not say what it is one of.
/// The mark tells what a rule is for and not where it stands, so that what is stored is never taken
/// for another rule's after rules were added, changed or taken away.
pub fn tell_apart(site: &mut Site) {
    let by_request =
        |rule: &Rule| !rule.matches.headers.is_empty() || !rule.matches.cookies.is_empty();
    let any = site.all_rules().any(by_request);
    for rule in site.rules.iter_mut().chain([&mut site.default_rule]) {
        let matches = any.then_some(&rule.matches);
        let parts = rule.key.named_parts();
        if any || rule.cors.is_some() || parts.is_some() {
            rule.key.rule = digest(&format!("{matches:?} {:?} {parts:?}", rule.cors));
        }
    }
}

/// FNV-1a, never 0, which stands for no mark.
fn digest(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step).max(1)
}

/// Whether a rule uses the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// As the origin's headers say.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Even against `no-store`, `private` and `Set-Cookie`; the cookie is not kept.
    Force,
}

/// Which requests a rule is for; all that is set must fit.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// Patterns for the decoded path; one must fit. Empty: any.
    pub paths: Vec<PathPattern>,
    /// Methods; empty: any.
    pub methods: Vec<Method>,
    /// Header names in lower case and, where given, a pattern for one of their values.
    pub headers: Vec<(String, Option<Glob>)>,
    /// Cookie names and, where given, a pattern for the value.
    pub cookies: Vec<(String, Option<Glob>)>,
    /// Names of parameters, of which one must be in the query. Empty: any query.
    pub query: Vec<Glob>,
}

/// What besides scheme, host, path and query tells responses apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyParts {
    /// How the query is normalised, in the key and toward the origin.
    pub query: QueryRule,
    /// Request headers whose values count, in lower case.
    pub headers: Vec<String>,
    /// Cookies whose values count.
    pub cookies: Vec<String>,
    /// Whether the class of device counts.
    pub device: bool,
    /// Languages to choose from by `Accept-Language`; empty: it does not count.
    pub languages: Vec<String>,
    /// A word that, when changed, leaves all older responses behind.
    pub version: String,
    /// A mark of the rule where requests for one URL can meet different rules: what one of them
    /// stored and shows is not for another. 0: it does not count.
    pub rule: u64,
}

impl KeyParts {
    /// What the parts of its keys are parts of, if there are any.
    fn named_parts(&self) -> Option<String> {
        let KeyParts { headers, cookies, device, languages, .. } = self;
        let is_plain = headers.is_empty() && cookies.is_empty() && !device && languages.is_empty();
        (!is_plain).then(|| format!("{headers:?} {cookies:?} {device} {languages:?}"))
    }
}

/// How a query is normalised.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryRule {
    /// Parameters that do not count.
    pub drop: Vec<Glob>,
    /// The only parameters that count.
    pub only: Option<Vec<Glob>>,
    /// Whether parameters are sorted by name.
    pub sort: bool,
    /// Parameters that do not count and reach the origin nevertheless.
    pub forward: Vec<Glob>,
    /// What a framework's scripts say twice; only a preset knows.
    pub echo: Option<Echo>,
}

/// A parameter in which requests repeat what they say in header fields that count. It reaches the
/// origin, and does not count where the request says `value` in `header`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The name of the parameter.
    pub parameter: &'static str,
    /// The name of the field by which such requests are known, in lower case.
    pub header: &'static str,
    /// What that field says then, and nothing else. An empty one has the key of none at all, and
    /// what the framework does not know is an answer like any other, made of the whole query.
    pub value: &'static str,
}

impl Echo {
    /// Whether a request is one of those, by its fields.
    pub fn is_of(self, fields: &Fields) -> bool {
        let mut said = fields.all_named(self.header);
        said.next() == Some(self.value.as_bytes()) && said.next().is_none()
    }
}

/// Changes to header fields, done in the order remove, set, add.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldEdits {
    /// Names in lower case.
    pub remove: Vec<String>,
    /// Fields that replace those of the same name.
    pub set: Vec<(String, String)>,
    /// Fields that are appended.
    pub add: Vec<(String, String)>,
}

impl Site {
    /// All rules, the one for what no other matches among them.
    pub fn all_rules(&self) -> impl Iterator<Item = &Rule> + Clone {
        self.rules.iter().chain([&self.default_rule])
    }

    /// The rule for a request: the first that matches. On a path that an origin could read
    /// differently, rules that prolong or force caching are passed over.
    pub fn rule_for(&self, request: &Request) -> &Rule {
        if self.rules.is_empty() {
            return &self.default_rule;
        }
        let path = match_path(request.path());
        self.rules
            .iter()
            .filter(|rule| !(path.ambiguous && rule.prolongs()))
            .find(|rule| rule.matches.covers(request, &path.path))
            .unwrap_or(&self.default_rule)
    }

    /// The first of its hosts, by which it is known; [`SiteId::EVERY_HOST`] where it names none.
    pub fn first_host(&self) -> &str {
        self.hosts.first().map_or(SiteId::EVERY_HOST, Glob::as_str)
    }

    /// Whether the site answers for that host (with or without a port).
    pub fn answers_for(&self, host: &str) -> bool {
        let name = hostname(host).as_bytes();
        self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.matches(name))
    }
}

impl Rule {
    /// Whether the rule makes something live longer than the origin said.
    pub fn prolongs(&self) -> bool {
        self.ttl.is_some()
            || self.negative_ttl.is_some()
            || self.revalidate.is_some()
            || self.keep_assets.is_some()
            || self.stale_while_revalidate.is_some()
            || self.stale_if_error.is_some()
            || self.browser_ttl.is_some()
            || self.cache == CacheMode::Force
    }

    /// Whether the rule forces storing.
    pub fn forces(&self) -> bool {
        self.cache == CacheMode::Force
    }

    /// The lifetime that the rule gives a response of that status.
    pub fn lifetime(&self, status: u16) -> Option<Seconds> {
        const NEGATIVE_TTL: Seconds = Seconds::new(10);
        let ttl = self.ttl.or(self.revalidate);
        match status {
            200 | 203 | 301 | 308 => ttl,
            404 | 410 => self.negative_ttl.or(ttl.map(|_| NEGATIVE_TTL)),
            _ => None,
        }
    }

    /// For how long a response of that status is served stale while it is regenerated, where the
    /// rule says that it is.
    pub fn regenerates(&self, status: u16) -> Option<Seconds> {
        let is_page = matches!(status, 200 | 203 | 301 | 308);
        let window = self.stale_while_revalidate.unwrap_or(Seconds::MAX);
        self.revalidate.filter(|_| is_page).map(|_| window)
    }
}

impl Rule {
    /// The tags that it gives what is at that path.
    pub fn tags_at(&self, path: &str) -> Vec<String> {
        if self.tags.is_empty() {
            return Vec::new();
        }
        let path = match_path(path);
        let fit = self.matches.paths.iter().find_map(|pattern| pattern.captures(&path.path));
        let captures = fit.unwrap_or_default();
        self.tags.iter().map(|tag| tag.filled(&captures)).collect()
    }
}

impl Match {
    fn covers(&self, request: &Request, path: &[u8]) -> bool {
        (self.paths.is_empty() || self.paths.iter().any(|pattern| pattern.matches(path)))
            && (self.methods.is_empty() || self.methods.contains(&request.method))
            && self.headers.iter().all(|(name, value)| has_header(&request.fields, name, value))
            && self.cookies.iter().all(|(name, value)| has_cookie(&request.fields, name, value))
            && (self.query.is_empty() || self.has_parameter(&request.target))
    }

    fn has_parameter(&self, target: &str) -> bool {
        let query = split_target(target).1.unwrap_or_default();
        let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        names.any(|name| self.query.iter().any(|glob| glob.matches(name.as_bytes())))
    }
}

fn has_header(fields: &Fields, name: &str, wanted: &Option<Glob>) -> bool {
    fields.all_named(name).any(|value| wanted.as_ref().is_none_or(|glob| glob.matches(value)))
}

fn has_cookie(fields: &Fields, name: &str, wanted: &Option<Glob>) -> bool {
    cookies::cookies(fields)
        .filter(|(found, _)| *found == name.as_bytes())
        .any(|(_, value)| wanted.as_ref().is_none_or(|glob| glob.matches(value)))
}

impl FieldEdits {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    /// Makes the changes.
    pub fn apply(&self, fields: &mut Fields) {
        if self.is_empty() {
            return;
        }
        let gone = |name: &str| {
            self.remove.iter().any(|n| n == name)
                || self.set.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        fields.retain(|field| !gone(field.name));
        for (name, value) in self.set.iter().chain(&self.add) {
            fields.push(name.as_bytes(), value.as_bytes());
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A site without hosts or rules, for tests.
    pub fn plain_site() -> Site {
        Site {
            name: "default".to_owned(),
            ignored_cookies: vec![Glob::new("_ga*")],
            heuristic_max: Seconds::new(3600),
            ..Site::default()
        }
    }

    fn request(target: &str, fields: &[(&str, &str)]) -> Request {
        Request {
            target: target.to_owned(),
            fields: fields.iter().copied().collect(),
            ..Request::default()
        }
    }

    fn rule(path: &str) -> Rule {
        let paths = vec![PathPattern::parse(path).expect("a pattern")];
        Rule { matches: Match { paths, ..Match::default() }, ..Rule::default() }
    }

    #[test]
    fn a_site_is_known_again_by_its_first_host() {
        // Written to disk: these numbers must never change.
        for (host, id) in [("*", EVERY), ("example.com", EXAMPLE), ("EXAMPLE.com", EXAMPLE)] {
            assert_eq!(SiteId::of_host(host), SiteId(id), "{host}");
        }
    }

    const EVERY: u64 = 2_924_619_899_066_916_110;
    const EXAMPLE: u64 = 295_497_760_490_018_587;

    fn tag(template: &str) -> TagTemplate {
        TagTemplate::parse(template).expect("a template")
    }

    #[test]
    fn tags_have_parts_of_the_decoded_path_in_them() {
        let mut rule = rule("/blog/{slug}");
        rule.matches.paths.push(PathPattern::parse("/{lang}/{slug}").expect("a pattern"));
        rule.tags = vec![tag("post:{slug}"), tag("blog")];
        for (path, first) in
            [("/blog/a", "post:a"), ("/blog/a%20b", "post:a%20b"), ("/de/c", "post:c")]
        {
            assert_eq!(rule.tags_at(path), [first, "blog"], "{path}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_wins() {
        let mut site = plain_site();
        site.rules = vec![
            Rule { tags: vec![tag("api")], ..rule("/api/*") },
            Rule { tags: vec![tag("all")], ..rule("/*") },
        ];
        for (target, tag) in [("/api/x?y", "api"), ("/apix", "all"), ("/%61pi/x", "api")] {
            assert_eq!(site.rule_for(&request(target, &[])).tags_at(target), [tag], "{target}");
        }
    }

    #[test]
    fn an_ambiguous_path_meets_no_rule_that_prolongs() {
        let mut site = plain_site();
        site.rules = vec![
            Rule { ttl: Some(Seconds::new(60)), ..rule("/static/*") },
            Rule { cache: CacheMode::Off, ..rule("/static/*") },
        ];
        assert!(site.rule_for(&request("/static/a", &[])).ttl.is_some());
        for target in ["/account/..%2fstatic/a", "/x/../static/a", "/static/a;x.css"] {
            let found = site.rule_for(&request(target, &[]));
            assert!(found.ttl.is_none(), "{target}");
        }
        let off = site.rule_for(&request("/static/a;x", &[]));
        assert_eq!(off.cache, CacheMode::Off, "rules that only restrict still hold");
    }

    #[test]
    fn headers_cookies_and_methods_must_all_fit() {
        let matches = Match {
            methods: vec![Method::Get],
            headers: vec![("x-a".into(), Some(Glob::new("1*"))), ("x-b".into(), None)],
            cookies: vec![("c".into(), Some(Glob::new("z")))],
            ..Match::default()
        };
        let full = [("X-A", "12"), ("X-B", ""), ("Cookie", "c=z")];
        assert!(matches.covers(&request("/", &full), b"/"));
        for missing in 0..full.len() {
            let mut some = full.to_vec();
            some.remove(missing);
            assert!(!matches.covers(&request("/", &some), b"/"), "without {:?}", full[missing]);
        }
        let post = Request { method: Method::Post, ..request("/", &full) };
        assert!(!matches.covers(&post, b"/"));
    }

    #[test]
    fn hosts_match_without_port_and_by_pattern() {
        let mut site = plain_site();
        assert!(site.answers_for("anything"));
        site.hosts = vec![Glob::new("example.com"), Glob::new("*.example.org")];
        for (host, answers) in [
            ("example.com", true),
            ("example.com:8080", true),
            ("a.example.org", true),
            ("example.org", false),
            ("evil-example.com", false),
        ] {
            assert_eq!(site.answers_for(host), answers, "{host}");
        }
    }

    #[test]
    fn edits_remove_set_and_add_in_that_order() {
        let edits = FieldEdits {
            remove: vec!["a".into()],
            set: vec![("B".into(), "2".into())],
            add: vec![("A".into(), "3".into())],
        };
        let mut fields: Fields =
            [("A", "0"), ("B", "0"), ("B", "1"), ("C", "9")].into_iter().collect();
        edits.apply(&mut fields);
        let found: Vec<_> = fields.iter().map(|f| (f.name, f.value)).collect();
        assert_eq!(found, [("c", &b"9"[..]), ("b", b"2"), ("a", b"3")]);
    }
}
