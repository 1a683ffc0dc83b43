//! Groups of responses of one origin (RFC 9875): `Cache-Groups` names those that a response is in,
//! and `Cache-Group-Invalidation` those that an unsafe request changed.

use crate::fields::Fields;
use crate::key::KeyRef;
use crate::name::Name;
use crate::purge::Scope;
use crate::request::Request;
use sfv::{BareItem, List, ListEntry, Parser};

/// Groups kept of one response. At least 128 are to be taken (§2).
pub const MAX_GROUPS: usize = 1024;
/// Bytes of one group's name. At least 128 are to be taken (§2).
pub const MAX_GROUP_BYTES: usize = 1024;

/// The groups that a response is in; nothing if the field is no list of strings, which is then
/// ignored as a whole (§2).
pub fn groups(fields: &Fields) -> Vec<String> {
    names(fields, Name::CacheGroups)
}

/// Whether there are more groups than are kept, or longer names: an invalidation would miss it.
pub fn are_too_many(groups: &[String]) -> bool {
    groups.len() > MAX_GROUPS || groups.iter().any(|group| group.len() > MAX_GROUP_BYTES)
}

/// What the response to a request makes invalid: the groups that it names, of the same origin, if the
/// method is unsafe (§3). Names that nothing stored can have are left out.
pub fn invalidated(request: &Request, fields: &Fields) -> Vec<Scope> {
    if request.method.is_safe() || !fields.has(Name::CacheGroupInvalidation) {
        return Vec::new();
    }
    let hostname = request.hostname();
    let port = &request.host[hostname.len()..];
    let origin = origin(request.scheme.as_str(), hostname, port);
    let names = names(fields, Name::CacheGroupInvalidation);
    let names = names.into_iter().filter(|name| name.len() <= MAX_GROUP_BYTES).take(MAX_GROUPS);
    let scope = |name: String| Scope::Group { origin: origin.as_str().into(), group: name.into() };
    names.map(scope).collect()
}

/// The origin (RFC 9110 §4.3.1) of what is stored under a key, as [`invalidated`] writes it.
pub fn origin_of(key: KeyRef<'_>) -> String {
    let parts = key.parts();
    let text = String::from_utf8_lossy;
    origin(&text(parts.scheme), &text(parts.hostname), &text(parts.port))
}

fn origin(scheme: &str, hostname: &str, port: &str) -> String {
    format!("{scheme}://{}{port}", hostname.to_ascii_lowercase())
}

fn names(fields: &Fields, name: Name) -> Vec<String> {
    let joined = fields.all(name).collect::<Vec<_>>().join(&b", "[..]);
    let Ok(list) = Parser::new(&joined).parse::<List>() else { return Vec::new() };
    let name = |entry: &ListEntry| match entry {
        ListEntry::Item(item) => match &item.bare_item {
            BareItem::String(name) => Some(name.as_str().to_owned()),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    };
    list.iter().map(name).collect::<Option<Vec<String>>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Method;

    #[test]
    fn groups_are_a_list_of_strings_or_nothing() {
        for (value, groups) in [
            ("\"a\", \"b c\"", &["a", "b c"][..]),
            ("\"a\";x=1", &["a"]),
            ("\"a\", b", &[]),
            ("(\"a\")", &[]),
            ("a", &[]),
            ("\"a", &[]),
            ("", &[]),
        ] {
            let fields: Fields = [("Cache-Groups", value)].into_iter().collect();
            assert_eq!(super::groups(&fields), groups, "{value}");
        }
        let lines: Fields =
            [("Cache-Groups", "\"a\""), ("Cache-Groups", "\"b\"")].into_iter().collect();
        assert_eq!(super::groups(&lines), ["a", "b"]);
    }

    #[test]
    fn only_unsafe_methods_make_groups_invalid_and_only_those_of_their_origin() {
        let fields: Fields = [("Cache-Group-Invalidation", "\"a\", \"b\"")].into_iter().collect();
        for (method, count) in
            [(Method::Post, 2), (Method::Delete, 2), (Method::Get, 0), (Method::Options, 0)]
        {
            let request = Request { method, host: "A.b:81".into(), ..Request::default() };
            let scopes = invalidated(&request, &fields);
            assert_eq!(scopes.len(), count);
            let of = |scope: &Scope| match scope {
                Scope::Group { origin, .. } => origin.to_string(),
                other => panic!("{other}"),
            };
            assert!(scopes.iter().all(|scope| of(scope) == "http://a.b:81"));
        }
    }
}
