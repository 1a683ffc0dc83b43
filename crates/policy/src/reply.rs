//! The fourth decision: what of a response the client gets, and with which fields.

use crate::admission::{COMMA_TAGS, SPACE_TAGS};
use crate::cache_control::ResponseDirectives;
use crate::coding;
use crate::conditional;
use crate::fields::Fields;
use crate::name::Name;
use crate::range::{self, ByteRange, Ranges};
use crate::request::{Method, Request};
use crate::rule::{Rule, Site};

/// The verdict on what goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The whole response.
    Full,
    /// 304: the client has it.
    NotModified,
    /// 206: these parts.
    Parts(Vec<ByteRange>),
    /// 416: no part that was asked for is there.
    Unsatisfiable,
}

/// Decides what a client gets of a response whose whole body of `length` bytes is at hand, or
/// will be. Conditions come before ranges (RFC 9110 §13.2.2); both concern only a 200. Ranges are
/// parts of the identity, whatever forms there are.
pub fn reply(
    request: &Request,
    status: u16,
    response: &Fields,
    length: Option<u64>,
    has_forms: bool,
) -> Reply {
    if status != 200 {
        return Reply::Full;
    }
    if conditional::client_has_it(&request.fields, response) {
        return Reply::NotModified;
    }
    let (Some(range), Some(length)) = (request.fields.get(Name::Range), length) else {
        return Reply::Full;
    };
    if request.method != Method::Get
        || !conditional::range_is_of(&request.fields, response)
        || (has_forms && coding::range_may_be_of_a_form(request))
    {
        return Reply::Full;
    }
    match range::parse(range, length) {
        Ranges::Ignore => Reply::Full,
        Ranges::Parts(parts) => Reply::Parts(parts),
        Ranges::Unsatisfiable => Reply::Unsatisfiable,
    }
}

/// The fields of a response as clients get them: without those that are for us alone, with the
/// changes of the rule, and with our `Via` (RFC 9110 §7.6.3).
///
/// Where compressed forms of it are made (`has_forms`), every form says so by `Vary`.
pub fn shown(site: &Site, rule: &Rule, status: u16, fields: &Fields, has_forms: bool) -> Fields {
    let mut shown = fields.clone();
    shown.retain(|field| match field.id {
        Name::SurrogateControl | Name::LarderCacheControl | Name::LarderBorn => false,
        // Ours are not to stand beside those of a cache behind us.
        _ if site.show_cache_status && matches!(field.name, "x-cache-status" | "x-cache-age") => {
            false
        }
        name if COMMA_TAGS.contains(&name) || SPACE_TAGS.contains(&name) => site.show_tags,
        _ => true,
    });
    if let Some(ttl) = rule.browser_ttl.filter(|_| may_be_kept_by_browsers(rule, status, fields)) {
        shown.remove(Name::Expires);
        shown.set(Name::CacheControl, format!("max-age={}", ttl.get()));
    }
    if !site.hsts.is_empty() {
        // Browsers take the first of two (RFC 6797 §8.1).
        shown.remove_named("strict-transport-security");
    }
    if let Some(cors) = &rule.cors {
        cors.prepare(&mut shown);
    }
    rule.response_fields.apply(&mut shown);
    if has_forms {
        coding::announce(&mut shown);
    }
    shown.add(Name::Via, "1.1 larder");
    shown.shrink();
    shown
}

/// Whether a rule's `browser_ttl` is for this response: not for errors, and never over what is
/// for one visitor, which a shared cache in front would otherwise keep.
fn may_be_kept_by_browsers(rule: &Rule, status: u16, fields: &Fields) -> bool {
    let said = ResponseDirectives::parse(fields.all(Name::CacheControl));
    let personal = said.private || said.no_store || fields.has(Name::SetCookie);
    matches!(status, 200 | 203 | 301 | 308 | 404 | 410) && (rule.forces() || !personal)
}

/// Whether a field of a stored response belongs into a 304 made from it (RFC 9110 §15.4.5).
pub fn belongs_in_304(name: Name) -> bool {
    matches!(
        name,
        Name::CacheControl
            | Name::CacheStatus
            | Name::CdnCacheControl
            | Name::ContentLocation
            | Name::Date
            | Name::Etag
            | Name::Expires
            | Name::LastModified
            | Name::Vary
            | Name::Via
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::FieldEdits;
    use crate::rule::tests::plain_site;
    use crate::time::Seconds;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().copied().collect()
    }

    #[test]
    fn conditions_come_before_ranges_and_only_a_200_has_either() {
        let part = Reply::Parts(vec![ByteRange { first: 0, last: 1 }]);
        let (range, has, other) =
            (("Range", "bytes=0-1"), ("If-None-Match", "\"a\""), ("If-None-Match", "\"b\""));
        for (request, status, length, verdict) in [
            (vec![], 200, Some(9), Reply::Full),
            (vec![has, range], 200, Some(9), Reply::NotModified),
            (vec![other, range], 200, Some(9), part.clone()),
            (vec![range], 404, Some(9), Reply::Full),
            (vec![has], 404, Some(9), Reply::Full),
            (vec![range], 200, None, Reply::Full),
            (vec![("Range", "bytes=9-")], 200, Some(9), Reply::Unsatisfiable),
            (vec![("Range", "bytes=x")], 200, Some(9), Reply::Full),
            (vec![range, ("If-Range", "\"b\"")], 200, Some(9), Reply::Full),
            (vec![range, ("If-Range", "\"a\"")], 200, Some(9), part.clone()),
        ] {
            let asked = Request { fields: fields(&request), ..Request::default() };
            let found = reply(&asked, status, &fields(&[("ETag", "\"a\"")]), length, false);
            assert_eq!(found, verdict, "{request:?} {status}");
        }
        let head = Request { method: Method::Head, fields: fields(&[range]), ..Request::default() };
        assert_eq!(
            reply(&head, 200, &Fields::new(), Some(9), false),
            Reply::Full,
            "§14.2: GET only"
        );
    }

    #[test]
    fn a_part_that_may_be_of_a_form_is_not_cut_from_the_identity() {
        let date = "Thu, 01 Jan 1970 00:00:00 GMT";
        let response =
            fields(&[("Last-Modified", date), ("Date", "Thu, 01 Jan 1970 01:00:00 GMT")]);
        for (accepted, has_forms, whole) in
            [("gzip", true, true), ("gzip", false, false), ("identity", true, false)]
        {
            let said = [("Range", "bytes=0-1"), ("If-Range", date), ("Accept-Encoding", accepted)];
            let request = Request { fields: fields(&said), ..Request::default() };
            let found = reply(&request, 200, &response, Some(9), has_forms);
            assert_eq!(found == Reply::Full, whole, "{accepted} {has_forms}");
        }
    }

    #[test]
    fn clients_see_neither_tags_nor_what_is_for_us() {
        let rule = Rule {
            browser_ttl: Some(Seconds::new(5)),
            response_fields: FieldEdits { remove: vec!["server".into()], ..Default::default() },
            ..Rule::default()
        };
        let sent = fields(&[
            ("Cache-Control", "s-maxage=60"),
            ("Expires", "0"),
            ("Cache-Tag", "a"),
            ("Surrogate-Control", "max-age=1"),
            ("Server", "x"),
            ("Via", "1.1 app"),
        ]);
        let found = shown(&plain_site(), &rule, 200, &sent, false);
        assert_eq!(
            found,
            fields(&[("Via", "1.1 app"), ("Cache-Control", "max-age=5"), ("Via", "1.1 larder")])
        );
    }

    #[test]
    fn a_browser_ttl_is_not_for_errors_nor_for_what_is_personal() {
        let rule = Rule { browser_ttl: Some(Seconds::new(5)), ..Rule::default() };
        for (status, sent, control) in [
            (200, vec![("Cache-Control", "no-cache")], "max-age=5"),
            (404, vec![("Cache-Control", "no-cache")], "max-age=5"),
            (503, vec![("Cache-Control", "no-cache")], "no-cache"),
            (200, vec![("Cache-Control", "private")], "private"),
            (200, vec![("Cache-Control", "no-store")], "no-store"),
            (200, vec![("Cache-Control", "no-cache"), ("Set-Cookie", "a=1")], "no-cache"),
        ] {
            let found = shown(&plain_site(), &rule, status, &fields(&sent), false);
            assert_eq!(found.text(Name::CacheControl), Some(control), "{status} {sent:?}");
        }
    }
}
