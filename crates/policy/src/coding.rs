//! Content codings that are made here (RFC 9110 §8.4.1): of which responses, which one a client
//! gets, and how the fields of a coded form differ from those of the response it is made of.
//!
//! What the origin sends uncompressed is fetched once; every other form is made from that. A form
//! is the same thing to a reader but not byte for byte, so its validator is weak, and ranges are
//! cut from the identity only.

use crate::fields::Fields;
use crate::media_type::media_type;
use crate::name::Name;
use crate::negotiate::{codings_and_weights, weighted};
use crate::request::Request;
use crate::rule::{Compress, Rule};

/// Shorter bodies, in bytes, go out as they are: they fit into a packet or two either way.
pub const MIN_CODED_BYTES: u64 = 1000;

/// A content coding that is made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Zstandard (RFC 8878), with a window of at most 8 MiB (RFC 9659).
    Zstd,
    /// Brotli (RFC 7932).
    Br,
    /// gzip (RFC 1952).
    Gzip,
}

impl Coding {
    /// All of them; of two that a client likes as well as each other it gets the earlier.
    pub const ALL: [Coding; 3] = [Coding::Zstd, Coding::Br, Coding::Gzip];

    /// Its name in `Content-Encoding`.
    pub fn token(self) -> &'static str {
        match self {
            Coding::Zstd => "zstd",
            Coding::Br => "br",
            Coding::Gzip => "gzip",
        }
    }
}

/// Whether forms are made of a response that is stored.
pub fn suits_stored(rule: &Rule, status: u16, fields: &Fields) -> bool {
    rule.compress != Compress::Off && is_compressible(status, fields)
}

/// Whether forms are made of a response that is not stored: only where the rule says so, since a
/// page that holds both a secret and what a stranger chose gives the secret away by its length
/// (BREACH).
pub fn suits_passing(rule: &Rule, status: u16, fields: &Fields) -> bool {
    rule.compress == Compress::Always && is_compressible(status, fields)
}

/// Whether an answer that has no whole body is about something of which forms are made, as far as can
/// be told: a part says what it is of, a 304 does not.
pub fn is_about_forms(rule: &Rule, is_cached: bool, status: u16, fields: &Fields) -> bool {
    let makes = match rule.compress {
        Compress::Off => false,
        Compress::Auto => is_cached,
        Compress::Always => true,
    };
    let about = match status {
        206 => is_text(fields) && !forbids_transforming(fields),
        304 => true,
        _ => false,
    };
    makes && about
}

/// Whether the origin must not be asked for the part that a client wants, since what the client has
/// may be of a form that was made here.
pub fn forbids_parts(rule: &Rule, request: &Request) -> bool {
    rule.compress != Compress::Off && range_may_be_of_a_form(request)
}

/// The coding that a client gets of a response of which forms are made; nothing for identity.
/// Weights decide, then the order of [`Coding::ALL`] (RFC 9110 §12.5.3).
pub fn wanted(request: &Request) -> Option<Coding> {
    if !request.fields.has(Name::AcceptEncoding) || forbids_transforming(&request.fields) {
        return None;
    }
    let (weights, identity) = codings_and_weights(&request.fields);
    let mut best = None;
    for (coding, weight) in Coding::ALL.into_iter().zip(weights) {
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((coding, weight));
        }
    }
    let (coding, weight) = best?;
    // Identity is preferred only where it is named with a greater weight.
    (identity.unwrap_or(0) <= weight).then_some(coding)
}

/// Says that the form depends on `Accept-Encoding`; on every form, identity and 304 among them.
pub fn announce(shown: &mut Fields) {
    let named = |member: &[u8]| {
        let (member, _) = weighted(member);
        member == b"*" || member.eq_ignore_ascii_case(b"accept-encoding")
    };
    if !shown.members(Name::Vary).any(named) {
        shown.add(Name::Vary, "Accept-Encoding");
    }
}

/// The fields of a coded form, from those of the identity as shown to clients.
pub fn coded(shown: &Fields, coding: Coding) -> Fields {
    /// They speak of the identity's bytes.
    const OF_THE_BYTES: [&str; 4] = ["content-digest", "content-md5", "digest", "repr-digest"];
    let mut coded = shown.clone();
    coded.retain(|field| match field.id {
        Name::AcceptRanges | Name::ContentLength | Name::ContentEncoding => false,
        _ => !OF_THE_BYTES.contains(&field.name),
    });
    weaken(&mut coded);
    coded.add(Name::ContentEncoding, coding.token());
    announce(&mut coded);
    coded
}

/// Makes a strong entity tag weak. One that is unquoted is no tag by the grammar, and stays as
/// it is: whoever compares it takes it as it came. Says whether anything changed.
pub fn weaken(fields: &mut Fields) -> bool {
    let weak = match fields.get(Name::Etag) {
        Some(tag) if tag.starts_with(b"\"") => [b"W/", tag].concat(),
        _ => return false,
    };
    fields.set(Name::Etag, weak);
    true
}

/// Whether a client may hold a part of a coded form and mean to go on with it: a date is the same
/// for all forms, so it does not say of which a part is asked for (RFC 9110 §13.1.5).
pub fn range_may_be_of_a_form(request: &Request) -> bool {
    let condition = request.fields.get(Name::IfRange);
    condition.is_some_and(|condition| !condition.contains(&b'"')) && wanted(request).is_some()
}

fn is_compressible(status: u16, fields: &Fields) -> bool {
    let has_body = !matches!(status, ..200 | 204..=206 | 304);
    let plain = fields.members(Name::ContentEncoding).all(|c| c.eq_ignore_ascii_case(b"identity"));
    let length = fields.text(Name::ContentLength).and_then(|length| length.parse::<u64>().ok());
    let worth = length.is_none_or(|length| length >= MIN_CODED_BYTES);
    has_body && plain && worth && is_text(fields) && !forbids_transforming(fields)
}

/// `no-transform` (RFC 9111 §5.2.1.6, §5.2.2.6).
fn forbids_transforming(fields: &Fields) -> bool {
    fields.members(Name::CacheControl).any(|said| said.eq_ignore_ascii_case(b"no-transform"))
}

/// Whether the type is one that a coding makes smaller. A stream of events is not: its clients
/// wait for each line.
fn is_text(fields: &Fields) -> bool {
    const OTHERS: [&str; 17] = [
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/x-font-ttf",
        "application/x-javascript",
        "application/x-ndjson",
        "application/xml",
        "font/collection",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/vnd.microsoft.icon",
        "image/x-icon",
        "image/x-ms-bmp",
        "model/obj",
    ];
    let kind = media_type(fields);
    (kind.starts_with("text/") && kind != "text/event-stream")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || OTHERS.contains(&kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().copied().collect()
    }

    #[test]
    fn text_is_coded_and_nothing_else() {
        let html = ("Content-Type", "text/html; charset=utf-8");
        for (status, said, suits) in [
            (200, vec![html], true),
            (404, vec![html], true),
            (204, vec![html], false),
            (206, vec![html], false),
            (304, vec![html], false),
            (200, vec![html, ("Content-Length", "999")], false),
            (200, vec![html, ("Content-Length", "1000")], true),
            (200, vec![html, ("Content-Encoding", "gzip")], false),
            (200, vec![html, ("Content-Encoding", "identity")], true),
            (200, vec![html, ("Cache-Control", "max-age=1, No-Transform")], false),
            (200, vec![("Content-Type", "text/event-stream")], false),
            (200, vec![("Content-Type", "Application/LD+JSON")], true),
            (200, vec![("Content-Type", "image/svg+xml")], true),
            (200, vec![("Content-Type", "application/wasm")], true),
            (200, vec![("Content-Type", "image/webp")], false),
            (200, vec![("Content-Type", "font/woff2")], false),
            (200, vec![], false),
        ] {
            let said = fields(&said);
            assert_eq!(suits_stored(&Rule::default(), status, &said), suits, "{status} {said:?}");
            assert!(!suits_passing(&Rule::default(), status, &said), "only where a rule says so");
            let always = Rule { compress: Compress::Always, ..Rule::default() };
            assert_eq!(suits_passing(&always, status, &said), suits, "{status} {said:?}");
            let off = Rule { compress: Compress::Off, ..Rule::default() };
            assert!(!suits_stored(&off, status, &said) && !suits_passing(&off, status, &said));
        }
    }

    #[test]
    fn weights_decide_then_our_order() {
        use Coding::{Br, Gzip, Zstd};
        for (accepted, coding) in [
            ("gzip, deflate, br, zstd", Some(Zstd)),
            ("gzip, deflate, br", Some(Br)),
            ("gzip", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("*", Some(Zstd)),
            ("gzip, zstd;q=0.9", Some(Gzip)),
            ("gzip;q=0.5, *;q=0.2", Some(Gzip)),
            ("zstd;q=0, *", Some(Br)),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip", Some(Gzip)),
            ("identity, gzip", Some(Gzip)),
            ("br;q=junk", None),
            ("deflate", None),
            ("", None),
        ] {
            let said = fields(&[("Accept-Encoding", accepted)]);
            let request = Request { fields: said, ..Request::default() };
            assert_eq!(wanted(&request), coding, "{accepted}");
        }
        assert_eq!(wanted(&Request::default()), None);
        let said = fields(&[("Accept-Encoding", "gzip"), ("Cache-Control", "no-transform")]);
        assert_eq!(wanted(&Request { fields: said, ..Request::default() }), None);
    }

    #[test]
    fn a_coded_form_has_a_weak_validator_and_none_of_the_fields_about_bytes() {
        let shown = fields(&[
            ("ETag", "\"x\""),
            ("Content-Length", "9"),
            ("Accept-Ranges", "bytes"),
            ("Content-Digest", "sha-256=:x:"),
            ("Vary", "Origin"),
        ]);
        let expected = fields(&[
            ("Vary", "Origin"),
            ("ETag", "W/\"x\""),
            ("Content-Encoding", "br"),
            ("Vary", "Accept-Encoding"),
        ]);
        assert_eq!(coded(&shown, Coding::Br), expected);
        for tag in ["W/\"x\"", "x", "W/x"] {
            let mut odd = fields(&[("ETag", tag)]);
            assert!(!weaken(&mut odd));
            assert_eq!(odd.text(Name::Etag), Some(tag));
        }
    }

    #[test]
    fn parts_and_304s_are_about_forms_where_forms_are_made() {
        let text = fields(&[("Content-Type", "text/plain")]);
        let picture = fields(&[("Content-Type", "image/png")]);
        for (compress, is_cached, status, said, about) in [
            (Compress::Auto, true, 206, &text, true),
            (Compress::Auto, false, 206, &text, false),
            (Compress::Auto, true, 206, &picture, false),
            (Compress::Auto, true, 304, &picture, true),
            (Compress::Always, false, 304, &text, true),
            (Compress::Off, true, 304, &text, false),
            (Compress::Always, true, 200, &text, false),
        ] {
            let rule = Rule { compress, ..Rule::default() };
            assert_eq!(
                is_about_forms(&rule, is_cached, status, said),
                about,
                "{compress:?} {status}"
            );
        }
    }

    #[test]
    fn a_form_is_announced_once() {
        for vary in ["Accept-Encoding", "origin, accept-encoding", "*"] {
            let mut shown = fields(&[("Vary", vary)]);
            announce(&mut shown);
            assert_eq!(shown.len(), 1, "{vary}");
        }
    }
}
