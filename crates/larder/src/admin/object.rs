//! `GET /v1/object`: all that is stored of one URL, and one response of it whole.

use super::Admin;
use super::listed::{Fingerprints, fields, show};
use super::problem::Problem;
use super::query::Query;
use axum::Json;
use axum::extract::{RawQuery, State};
use policy::fields::Fields;
use policy::key::{KeyRef, url_scope};
use policy::request::{Request, Scheme};
use policy::time::Timestamp;
use proxy::core::Shared;
use proxy::settings::SiteSettings;
use serde_json::{Value, json};
use store::Listed;

/// Header fields that may be told of a request.
const MAX_HEADERS: usize = 32;
/// The longest URL, in bytes.
const MAX_URL_BYTES: usize = 8 << 10;
/// Responses of one URL that are listed.
const MAX_LISTED: usize = 1000;

/// What is asked.
struct Asked {
    /// Nothing where the URL does not say.
    scheme: Option<Scheme>,
    request: Request,
    has_headers: bool,
}

/// All that is stored of a URL, and the response that a request would find whole.
pub async fn object(
    State(admin): State<Admin>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let query = Query::parse(query.as_deref(), &["url", "header"])?;
    let asked = Asked::read(&query)?;
    let fingerprints = admin.fingerprints.clone();
    let walked = admin.walk(move |shared| asked.look(shared, &fingerprints));
    walked.await?.map(Json).ok_or_else(|| {
        Problem::new(
            404,
            "nothing-stored",
            "Nothing is stored of this URL",
            "check host and query, each byte of which counts; GET /v1/objects lists what is stored",
        )
    })
}

impl Asked {
    fn read(query: &Query) -> Result<Asked, Problem> {
        let mend = "write url as https://example.com/path?query, or without the scheme";
        let url = query.one("url")?.filter(|url| url.len() <= MAX_URL_BYTES);
        let (scheme, host, target) =
            url.and_then(split_url).ok_or_else(|| Problem::bad_request(mend))?;
        let mut fields = Fields::new();
        let mut count = 0;
        for header in query.all("header") {
            let mend = "write header as Name: value, 32 at the most";
            let (name, value) = header
                .split_once(':')
                .filter(|(name, value)| is_token(name) && !value.bytes().any(is_control))
                .filter(|_| count < MAX_HEADERS)
                .ok_or_else(|| Problem::bad_request(mend))?;
            fields.push(name.as_bytes(), value.trim().as_bytes());
            count += 1;
        }
        let request = Request { host, target, fields, ..Request::default() };
        Ok(Asked { scheme, request, has_headers: count > 0 })
    }

    /// What is stored; nothing where that is nothing.
    fn look(mut self, shared: &Shared, fingerprints: &Fingerprints) -> Option<Value> {
        let sites = &shared.settings.sites;
        let site = sites.iter().find(|site| site.site.answers_for(&self.request.host));
        let stored = stored(shared, site, &self.request);
        if stored.is_empty() {
            return None;
        }
        let mut picked = None;
        for scheme in [Scheme::Https, Scheme::Http] {
            if self.scheme.is_none_or(|asked| asked == scheme) {
                self.request.scheme = scheme;
                let host = without_usual_port(&self.request.host, scheme).to_owned();
                let request = Request { host, ..self.request.clone() };
                picked = picked.or(site.and_then(|site| pick(site, &request, &stored)));
            }
        }
        // Who tells nothing of the request means the one that there is.
        let only = stored.first().filter(|_| stored.len() == 1 && !self.has_headers);
        let now = shared.clock.now();
        let whole = picked.or(only).map(|listed| whole(listed, now, fingerprints));
        let list = stored.iter().take(MAX_LISTED).map(|one| show(one, now, fingerprints));
        let list: Vec<Value> = list.map(Value::Object).collect();
        Some(json!({ "picked": whole, "stored": list, "truncated": stored.len() > MAX_LISTED }))
    }
}

/// All that is stored of a URL, whichever rule made its key.
fn stored(shared: &Shared, site: Option<&SiteSettings>, request: &Request) -> Vec<Listed> {
    let rules = site.into_iter().flat_map(|site| site.site.all_rules());
    let mut scopes: Vec<Vec<u8>> =
        rules.map(|rule| url_scope(request.hostname(), &request.target, rule)).collect();
    // What a site stored that is no longer there.
    scopes.push([request.hostname().as_bytes(), b"\0", request.target.as_bytes()].concat());
    scopes.sort();
    scopes.dedup();
    scopes.iter().flat_map(|scope| shared.store.objects_of(scope)).collect()
}

/// The response that the request would find.
fn pick<'l>(site: &SiteSettings, request: &Request, stored: &'l [Listed]) -> Option<&'l Listed> {
    let mut buffer = Vec::new();
    let key = KeyRef::build(request, site.site.rule_for(request), &mut buffer);
    let answers = |listed: &&Listed| {
        listed.key.as_ref() == key && listed.meta.variant.answers(&request.fields)
    };
    stored.iter().filter(answers).max_by_key(|listed| listed.meta.life.answered)
}

fn whole(listed: &Listed, now: Timestamp, fingerprints: &Fingerprints) -> Value {
    let mut shown = show(listed, now, fingerprints);
    shown.insert("headers".to_owned(), json!(fields(listed)));
    Value::Object(shown)
}

/// Scheme, host with port, and target.
fn split_url(url: &str) -> Option<(Option<Scheme>, String, String)> {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(Scheme::Http), rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(Scheme::Https), rest),
        Some((scheme, _)) if !scheme.contains(['/', '?']) => return None,
        _ => (None, url),
    };
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let odd = |b: u8| b <= b' ' || b == 0x7f || matches!(b, b'@' | b'#' | b'\\');
    let is_odd = authority.is_empty() || authority.bytes().any(odd);
    if is_odd || target.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#') {
        return None;
    }
    let slash = if target.starts_with('/') { "" } else { "/" };
    Some((scheme, authority.to_ascii_lowercase(), format!("{slash}{target}")))
}

/// The host as keys have it: without the port that is the scheme's own.
fn without_usual_port(host: &str, scheme: Scheme) -> &str {
    let port = host.rsplit_once(':').filter(|(_, port)| *port == scheme.default_port());
    port.map_or(host, |(name, _)| name)
}

fn is_token(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(fits)
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, found) in [
            ("http://A.b:81/p?q", Some((Some(Scheme::Http), "a.b:81", "/p?q"))),
            ("https://a.b", Some((Some(Scheme::Https), "a.b", "/"))),
            ("a.b/p", Some((None, "a.b", "/p"))),
            ("a.b?q", Some((None, "a.b", "/?q"))),
            ("a.b/?u=http://x", Some((None, "a.b", "/?u=http://x"))),
            ("ftp://a.b/", None),
            ("/p", None),
            ("", None),
            ("http:///p", None),
            ("http://u@a.b/", None),
            ("http://a.b/#f", None),
            ("http://a.b/ x", None),
        ] {
            let found =
                found.map(|(scheme, host, target)| (scheme, host.to_owned(), target.to_owned()));
            assert_eq!(split_url(url), found, "{url}");
        }
        assert_eq!(without_usual_port("a.b:80", Scheme::Http), "a.b");
        assert_eq!(without_usual_port("a.b:80", Scheme::Https), "a.b:80");
        assert_eq!(without_usual_port("[::1]", Scheme::Http), "[::1]");
    }

    #[test]
    fn headers_are_held_to_their_grammar() {
        for (query, fits) in [
            ("url=a.b/&header=Accept-Language:de&header=X:+1", true),
            ("url=a.b/&header=X", false),
            ("url=a.b/&header=X+Y:1", false),
            ("url=a.b/&header=X:1%0D%0AY:2", false),
            ("url=a.b/&url=a.c/", false),
            ("header=X:1", false),
        ] {
            let query = Query::parse(Some(query), &["url", "header"]).expect("names are known");
            assert_eq!(Asked::read(&query).is_ok(), fits, "{query:?}");
        }
        let many = format!("url=a.b/{}", "&header=X:1".repeat(MAX_HEADERS + 1));
        let query = Query::parse(Some(&many), &["url", "header"]).expect("names are known");
        assert!(Asked::read(&query).is_err());
    }
}
