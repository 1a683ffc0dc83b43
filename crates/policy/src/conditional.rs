//! Validators and conditional requests (RFC 9110 §13, RFC 9111 §4.3).
//!
//! Entity tags are opaque: whatever the origin sent, quoted or not, is what is compared and sent
//! back. Only a leading `W/` has a meaning.

use crate::fields::{Fields, list_members};
use crate::meta::Meta;
use crate::name::Name;
use crate::time::Timestamp;

/// Fields of a 304 that never change what is stored: they speak of one connection, or of a body
/// that the 304 does not have (RFC 9111 §3.2).
const NOT_UPDATED: [Name; 9] = [
    Name::ContentDigest,
    Name::ContentEncoding,
    Name::ContentLength,
    Name::ContentMd5,
    Name::ContentRange,
    Name::ContentType,
    Name::TransferEncoding,
    Name::SetCookie,
    Name::Vary,
];

/// Whether two entity tags are equal by weak comparison (RFC 9110 §8.8.3.2).
pub fn weakly_equal(one: &[u8], other: &[u8]) -> bool {
    opaque(one) == opaque(other)
}

/// Whether two entity tags are equal by strong comparison.
pub fn strongly_equal(one: &[u8], other: &[u8]) -> bool {
    one == other && !is_weak(one)
}

/// Whether an entity tag says that it is weak.
pub fn is_weak(tag: &[u8]) -> bool {
    tag.starts_with(b"W/")
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Whether the client already has this response: `If-None-Match` decides alone where it is
/// there, else `If-Modified-Since` (RFC 9110 §13.2.2, RFC 9111 §4.3.2).
pub fn client_has_it(request: &Fields, response: &Fields) -> bool {
    if request.has(Name::IfNoneMatch) {
        let tag = response.get(Name::Etag);
        return request
            .all(Name::IfNoneMatch)
            .flat_map(list_members)
            .any(|member| member == b"*" || tag.is_some_and(|tag| weakly_equal(tag, member)));
    }
    let Some(since) = request.get(Name::IfModifiedSince).and_then(Timestamp::parse_http) else {
        return false;
    };
    let modified = response.get(Name::LastModified).or(response.get(Name::Date));
    modified.and_then(Timestamp::parse_http).is_some_and(|modified| modified <= since)
}

/// Whether `If-Range` allows a part of this response, or is not there (RFC 9110 §13.1.5).
pub fn range_is_of(request: &Fields, response: &Fields) -> bool {
    let Some(condition) = request.get(Name::IfRange) else { return true };
    if let Some(date) = Timestamp::parse_http(condition) {
        let modified = response.get(Name::LastModified).and_then(Timestamp::parse_http);
        return modified == Some(date) && last_modified_is_strong(response, date);
    }
    response.get(Name::Etag).is_some_and(|tag| strongly_equal(tag, condition))
}

/// A date is a strong validator if it is at least a second older than the response (§8.8.2.2).
fn last_modified_is_strong(response: &Fields, modified: Timestamp) -> bool {
    let date = response.get(Name::Date).and_then(Timestamp::parse_http);
    date.is_some_and(|date| date.seconds() > modified.seconds())
}

/// Whether parts of a response can be told to be parts of the same: it has a strong validator
/// (RFC 9110 §8.8.1).
pub fn has_strong_validator(fields: &Fields) -> bool {
    fields.get(Name::Etag).is_some_and(|tag| !is_weak(tag)) || dates_strongly(fields)
}

/// Whether two responses bear the same strong validator: their parts may be combined (RFC 9110
/// §15.3.7.3). A weak tag decides nothing, but two that differ tell them apart.
pub fn is_strongly_the_same(one: &Fields, other: &Fields) -> bool {
    match (one.get(Name::Etag), other.get(Name::Etag)) {
        (Some(one), Some(other)) if strongly_equal(one, other) => return true,
        (Some(one), Some(other)) if one != other => return false,
        (Some(_), None) | (None, Some(_)) => return false,
        _ => {}
    }
    one.get(Name::LastModified) == other.get(Name::LastModified)
        && dates_strongly(one)
        && dates_strongly(other)
}

fn dates_strongly(fields: &Fields) -> bool {
    let modified = fields.get(Name::LastModified).and_then(Timestamp::parse_http);
    modified.is_some_and(|modified| last_modified_is_strong(fields, modified))
}

/// Turns a request into one that asks whether `stored` is still good: its validators replace the
/// client's own conditions (RFC 9111 §4.3.1). Nothing is added where `stored` has none.
pub fn make_conditional(request: &mut Fields, stored: &Fields) {
    remove_conditions(request);
    if let Some(tag) = stored.get(Name::Etag) {
        request.add(Name::IfNoneMatch, tag);
    }
    if let Some(date) = stored.get(Name::LastModified) {
        request.add(Name::IfModifiedSince, date);
    }
}

/// Takes the client's conditions and ranges out, so that the whole response is asked for.
pub fn remove_conditions(request: &mut Fields) {
    for name in [Name::IfNoneMatch, Name::IfModifiedSince, Name::IfRange, Name::Range] {
        request.remove(name);
    }
}

/// Whether a response can be validated at all.
pub fn has_validator(fields: &Fields) -> bool {
    fields.has(Name::Etag) || fields.has(Name::LastModified)
}

/// Whether a 304 speaks of what is stored (RFC 9111 §4.3.4): a validator that it bears must be
/// the stored one. Tags are compared weakly, since the 304 answers the one tag that was sent, and
/// servers that weaken the tag of a compressed body send the strong form with a 304.
pub fn speaks_of(not_modified: &Fields, stored: &Fields) -> bool {
    match (not_modified.get(Name::Etag), stored.get(Name::Etag)) {
        (Some(new), Some(old)) => weakly_equal(new, old),
        (Some(new), None) if !is_weak(new) => false,
        _ => match (not_modified.get(Name::LastModified), stored.get(Name::LastModified)) {
            (Some(new), Some(old)) => new == old,
            _ => true,
        },
    }
}

/// Whether a stored response is the one that was updated to `renewed`, and not another in its place:
/// what a 304 or a HEAD leaves as it was is still so. Tags decide alone, as in [`speaks_of`]: a 304 may
/// bring another date.
pub fn became(stored: &Meta, renewed: &Meta) -> bool {
    let (old, new) = (&stored.fields, &renewed.fields);
    let same = |name: Name| old.all(name).eq(new.all(name));
    let modified = same(Name::LastModified);
    let same_validators = match (old.get(Name::Etag), new.get(Name::Etag)) {
        (Some(old), Some(new)) => weakly_equal(old, new),
        (Some(_), None) => false,
        (None, Some(new)) => is_weak(new) && modified && old.has(Name::LastModified),
        (None, None) => modified,
    };
    // A weak tag is the same for several codings, and a date for all that came within its second.
    let of_body = [Name::ContentEncoding, Name::ContentType, Name::ContentDigest, Name::ContentMd5];
    let same_body = stored.site == renewed.site
        && stored.status == renewed.status
        && stored.body_bytes == renewed.body_bytes
        && of_body.into_iter().all(same);
    same_validators && same_body
}

/// The stored fields as a 304, or the answer to a HEAD, updates them (RFC 9111 §3.2): each field
/// it bears replaces the stored ones of that name, but none that describes the stored body, and
/// `Vary` never shrinks. Nor does a weak tag grow strong: parts may be cut by a strong one.
pub fn updated(stored: &Fields, update: &Fields) -> Fields {
    let weak = stored.get(Name::Etag).is_some_and(is_weak);
    let stays = |id: Name| NOT_UPDATED.contains(&id) || (weak && id == Name::Etag);
    let counts = |id: Name| !stays(id) && !id.is_hop_by_hop();
    let mut fields = stored.clone();
    // An `Age` belongs to the answer that brought it.
    fields.remove(Name::Age);
    fields.retain(|old| !update.iter().any(|new| counts(new.id) && new.name == old.name));
    for new in update.iter().filter(|new| counts(new.id)) {
        fields.push(new.name.as_bytes(), new.value);
    }
    widen_vary(&mut fields, update);
    fields
}

fn widen_vary(fields: &mut Fields, update: &Fields) {
    let known = |fields: &Fields, name: &[u8]| {
        fields.members(Name::Vary).any(|old| old.eq_ignore_ascii_case(name))
    };
    for member in update.members(Name::Vary) {
        if !known(fields, member) {
            fields.add(Name::Vary, member);
        }
    }
}

/// Whether the answer to a HEAD describes the stored response (RFC 9111 §4.3.5): equal
/// validators and, where it is said, equal length.
pub fn head_describes(stored: &Meta, head: &Fields) -> bool {
    let same = |name: Name| match (head.get(name), stored.fields.get(name)) {
        (Some(new), Some(old)) => new == old,
        (None, None) => true,
        _ => false,
    };
    let length = head.text(Name::ContentLength).map(|text| text.parse::<u64>());
    same(Name::Etag)
        && same(Name::LastModified)
        && length.is_none_or(|length| length == Ok(stored.body_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::Staleness;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().copied().collect()
    }

    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

    #[test]
    fn if_none_match_decides_over_if_modified_since() {
        for (request, response, has) in [
            (vec![("If-None-Match", "\"a\"")], vec![("ETag", "\"a\"")], true),
            (vec![("If-None-Match", "W/\"a\"")], vec![("ETag", "\"a\"")], true),
            (vec![("If-None-Match", "\"b\", \"a\"")], vec![("ETag", "W/\"a\"")], true),
            (vec![("If-None-Match", "\"b,c\", \"a\"")], vec![("ETag", "\"b,c\"")], true),
            (vec![("If-None-Match", "*")], vec![], true),
            (vec![("If-None-Match", "abc")], vec![("ETag", "abc")], true),
            (vec![("If-None-Match", "\"abc\"")], vec![("ETag", "abc")], false),
            (
                vec![("If-None-Match", "\"b\""), ("If-Modified-Since", NEW)],
                vec![("ETag", "\"a\""), ("Last-Modified", OLD)],
                false,
            ),
            (
                vec![("If-None-Match", "\"a\""), ("If-Modified-Since", OLD)],
                vec![("ETag", "\"a\""), ("Last-Modified", NEW)],
                true,
            ),
            (vec![("If-Modified-Since", OLD)], vec![("Last-Modified", OLD)], true),
            (vec![("If-Modified-Since", OLD)], vec![("Last-Modified", NEW)], false),
            (vec![("If-Modified-Since", NEW)], vec![("Date", OLD)], true),
            (vec![("If-Modified-Since", "junk")], vec![("Last-Modified", OLD)], false),
            (vec![], vec![("ETag", "\"a\"")], false),
        ] {
            assert_eq!(client_has_it(&fields(&request), &fields(&response)), has, "{request:?}");
        }
    }

    #[test]
    fn if_range_wants_a_strong_validator() {
        for (condition, response, allowed) in [
            ("\"a\"", vec![("ETag", "\"a\"")], true),
            ("\"a\"", vec![("ETag", "W/\"a\"")], false),
            ("W/\"a\"", vec![("ETag", "W/\"a\"")], false),
            (OLD, vec![("Last-Modified", OLD), ("Date", NEW)], true),
            (OLD, vec![("Last-Modified", OLD), ("Date", OLD)], false),
            (OLD, vec![("Last-Modified", NEW), ("Date", NEW)], false),
        ] {
            let request = fields(&[("If-Range", condition)]);
            assert_eq!(
                range_is_of(&request, &fields(&response)),
                allowed,
                "{condition} {response:?}"
            );
        }
        assert!(range_is_of(&Fields::new(), &Fields::new()));
    }

    #[test]
    fn a_304_updates_fields_but_not_what_describes_the_body() {
        let stored = fields(&[
            ("ETag", "\"a\""),
            ("Cache-Control", "max-age=1"),
            ("Content-Encoding", "gzip"),
            ("Content-Length", "9"),
            ("Vary", "Accept-Encoding, X-A"),
            ("Age", "5"),
            ("X-Kept", "1"),
        ]);
        let new = fields(&[
            ("Cache-Control", "max-age=2"),
            ("Cache-Control", "public"),
            ("Content-Encoding", "br"),
            ("Content-Length", "0"),
            ("Vary", "X-B, x-a"),
            ("Connection", "close"),
            ("X-New", "2"),
        ]);
        let found = updated(&stored, &new);
        let wanted = fields(&[
            ("ETag", "\"a\""),
            ("Content-Encoding", "gzip"),
            ("Content-Length", "9"),
            ("Vary", "Accept-Encoding, X-A"),
            ("X-Kept", "1"),
            ("Cache-Control", "max-age=2"),
            ("Cache-Control", "public"),
            ("X-New", "2"),
            ("Vary", "X-B"),
        ]);
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_304_with_another_validator_speaks_of_something_else() {
        for (new, stored, speaks) in [
            (vec![("ETag", "\"a\"")], vec![("ETag", "\"a\"")], true),
            (vec![("ETag", "W/\"a\"")], vec![("ETag", "\"a\"")], true),
            (vec![("ETag", "\"b\"")], vec![("ETag", "\"a\"")], false),
            (vec![], vec![("ETag", "\"a\"")], true),
            (vec![("Last-Modified", NEW)], vec![("Last-Modified", OLD)], false),
            (vec![("ETag", "\"b\"")], vec![("Last-Modified", OLD)], false),
        ] {
            assert_eq!(speaks_of(&fields(&new), &fields(&stored)), speaks, "{new:?} {stored:?}");
        }
    }

    #[test]
    fn what_was_renewed_is_known_by_its_validators_and_what_tells_of_its_body() {
        let meta = |pairs: &[(&str, &str)]| {
            let stored = crate::reuse::tests::stored(Staleness::Forbidden);
            Meta { fields: fields(pairs), ..stored }
        };
        let (tag, weak) = (("ETag", "\"a\""), ("ETag", "W/\"a\""));
        let (old, new) = (("Last-Modified", OLD), ("Last-Modified", NEW));
        let gzip = ("Content-Encoding", "gzip");
        for (stored, renewed, same) in [
            (vec![tag], vec![tag], true),
            (vec![tag], vec![weak], true),
            (vec![tag], vec![("ETag", "\"b\"")], false),
            (vec![tag], vec![old], false),
            (vec![old], vec![tag, old], false),
            (vec![old], vec![weak, old], true),
            (vec![old], vec![new], false),
            (vec![tag], vec![tag, new], true),
            (vec![tag, old], vec![tag, new], true),
            (vec![weak, old], vec![weak, new], true),
            (vec![], vec![], true),
            (vec![], vec![weak], false),
            (vec![], vec![old], false),
            (vec![weak, gzip], vec![tag], false),
            (vec![weak], vec![weak, gzip], false),
            (vec![old, ("Content-MD5", "a")], vec![old, ("Content-MD5", "b")], false),
            (vec![weak, ("Content-Digest", "a")], vec![weak, ("Content-Digest", "b")], false),
            (vec![tag, ("Content-Type", "text/html")], vec![tag], false),
        ] {
            let told = format!("{stored:?} {renewed:?}");
            assert_eq!(became(&meta(&stored), &meta(&renewed)), same, "{told}");
            let (known, not_modified) = (fields(&stored), fields(&renewed));
            // Only what has a validator is confirmed.
            if has_validator(&known) && speaks_of(&not_modified, &known) {
                let fields = updated(&known, &not_modified);
                let updated = Meta { fields, ..meta(&[]) };
                assert!(became(&meta(&stored), &updated), "{told}");
            }
        }
        let gone = Meta { status: 410, ..meta(&[tag]) };
        assert!(!became(&meta(&[tag]), &gone));
        let longer = Meta { body_bytes: 1, ..meta(&[weak]) };
        assert!(!became(&meta(&[weak]), &longer));
        let elsewhere = Meta { site: crate::rule::SiteId(1), ..meta(&[tag]) };
        assert!(!became(&meta(&[tag]), &elsewhere));
    }

    #[test]
    fn our_validators_replace_the_clients() {
        let mut request =
            fields(&[("If-None-Match", "\"x\""), ("Range", "bytes=0-1"), ("Accept", "y")]);
        make_conditional(&mut request, &fields(&[("ETag", "odd"), ("Last-Modified", OLD)]));
        assert_eq!(
            request,
            fields(&[("Accept", "y"), ("If-None-Match", "odd"), ("If-Modified-Since", OLD)])
        );
    }
}
