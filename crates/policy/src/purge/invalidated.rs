//! What unsafe requests make invalid (RFC 9111 §4.4).

use crate::fields::Fields;
use crate::key::url_scope;
use crate::name::Name;
use crate::path::resolve_dots;
use crate::request::{Request, hostname};
use crate::rule::Rule;

/// The URL scopes that a response to an unsafe request makes invalid: after a non-error answer
/// the target, and `Location` and `Content-Location` of the same host (RFC 9111 §4.4). Which rule
/// wrote the key of what is stored there cannot be told from here, so each of the site's `rules` is
/// taken for the one.
pub fn invalidated<'r>(
    request: &Request,
    rules: impl Iterator<Item = &'r Rule> + Clone,
    status: u16,
    fields: &Fields,
) -> Vec<Vec<u8>> {
    if request.method.is_safe() || !(200..400).contains(&status) {
        return Vec::new();
    }
    let mut targets = vec![request.target.clone()];
    for name in [Name::Location, Name::ContentLocation] {
        let target = fields.text(name).and_then(|value| target_on_same_host(request, value));
        targets.extend(target);
    }
    let mut scopes: Vec<Vec<u8>> = Vec::new();
    for target in &targets {
        for rule in rules.clone() {
            let scope = url_scope(request.hostname(), target, rule);
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
    }
    scopes
}

/// Resolves a URI reference to a target (RFC 3986 §5.2.2), if it stays on the request's host and
/// scheme.
fn target_on_same_host(request: &Request, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    let rest = match reference.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(request.scheme.as_str()) => Some(rest),
        Some((scheme, _)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => return None,
        _ => reference.strip_prefix("//"),
    };
    if let Some(rest) = rest {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let same = hostname(authority).eq_ignore_ascii_case(request.hostname());
        let slash = if target.starts_with('/') { "" } else { "/" };
        return same.then(|| without_dots(&format!("{slash}{target}")));
    }
    let path = request.path();
    match reference.bytes().next()? {
        b'/' => Some(without_dots(reference)),
        b'?' => Some(format!("{path}{reference}")),
        _ => {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            Some(without_dots(&format!("{folder}/{reference}")))
        }
    }
}

/// A target as clients ask for it: without dot segments (RFC 3986 §5.2.4).
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let resolved = resolve_dots(path.as_bytes());
    format!("{}{query}", String::from_utf8_lossy(&resolved))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Method;

    fn names(method: Method, status: u16, response: &[(&str, &str)]) -> Vec<String> {
        let request = Request {
            method,
            host: "a.b:81".into(),
            target: "/x/y?z".into(),
            ..Request::default()
        };
        let fields: Fields = response.iter().copied().collect();
        invalidated(&request, [&Rule::default()].into_iter(), status, &fields)
            .into_iter()
            .map(|scope| String::from_utf8_lossy(&scope).replace('\0', ""))
            .collect()
    }

    #[test]
    fn unsafe_methods_make_their_target_invalid_after_a_non_error() {
        for (method, status, invalid) in [
            (Method::Post, 200, true),
            (Method::Put, 204, true),
            (Method::Delete, 303, true),
            (Method::Other("FOO".into()), 200, true),
            (Method::Post, 400, false),
            (Method::Post, 500, false),
            (Method::Get, 200, false),
            (Method::Options, 200, false),
        ] {
            let found = names(method.clone(), status, &[]);
            assert_eq!(found == ["a.b/x/y?z"], invalid, "{method:?} {status}");
        }
    }

    #[test]
    fn locations_of_the_same_host_become_invalid_too() {
        for (value, target) in [
            ("/new", Some("a.b/new")),
            ("http://a.b:81/new?q#f", Some("a.b/new?q")),
            ("//A.B/new", Some("a.b/new")),
            ("http://a.b:81", Some("a.b/")),
            ("sibling", Some("a.b/x/sibling")),
            ("../new?q", Some("a.b/new?q")),
            ("/x/./../new", Some("a.b/new")),
            ("?q", Some("a.b/x/y?q")),
            ("http://other/new", None),
            ("https://a.b/new", None),
            ("mailto://x", None),
            ("", None),
        ] {
            let found = names(Method::Post, 201, &[("Location", value)]);
            assert_eq!(found.get(1).map(String::as_str), target, "{value}");
        }
        assert_eq!(names(Method::Post, 201, &[("Content-Location", "/c")])[1], "a.b/c");
    }
}
