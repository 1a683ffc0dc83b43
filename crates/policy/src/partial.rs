//! Responses that come in parts (RFC 9111 §3.3, §3.4; RFC 9110 §14.4, §15.3.7): what is asked of the
//! origin for the sake of a range, whether a part is stored, and with what it may be combined.
//!
//! A part is stored as the whole response that it is of, as far as that is there: status 200, the
//! fields of the whole, the length of the whole.

use crate::admission::{Admission, Offer, admission};
use crate::conditional;
use crate::fields::Fields;
use crate::media_type::media_type;
use crate::meta::Meta;
use crate::name::Name;
use crate::range::Spec;
use crate::reason::WhySkip;

/// What is asked of the origin begins and ends at a multiple of so many bytes: it is stored by
/// slices of that length.
pub const SLICE_BYTES: u64 = 64 << 10;
/// What is asked of the origin at once is not much longer, in bytes: who asked for more and leaves
/// costs no more than that.
pub const BLOCK_BYTES: u64 = 8 << 20;

/// They speak of the bytes of one message: those of a whole are not those of its parts (RFC 9530 §2).
pub const OF_ONE_MESSAGE: [Name; 2] = [Name::ContentDigest, Name::ContentMd5];

/// Where a 206 belongs: the offsets of its first and last byte, and the length of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte.
    pub last: u64,
    /// Bytes of the whole.
    pub total: u64,
}

impl ContentRange {
    /// What `Content-Range` says (RFC 9110 §14.4); nothing if it is not there, malformed, or does
    /// not say how long the whole is.
    pub fn of(fields: &Fields) -> Option<ContentRange> {
        let mut values = fields.all(Name::ContentRange);
        let value = std::str::from_utf8(values.next()?).ok()?;
        let (unit, rest) = value.split_once(' ')?;
        let (range, total) = rest.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| text.parse::<u64>().ok()).flatten()
        };
        let range =
            ContentRange { first: number(first)?, last: number(last)?, total: number(total)? };
        let makes_sense = unit.eq_ignore_ascii_case("bytes")
            && range.first <= range.last
            && range.last < range.total;
        (makes_sense && values.next().is_none()).then_some(range)
    }

    /// How many bytes it has.
    #[allow(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub fn len(self) -> u64 {
        self.last - self.first + 1
    }

    /// Whether it is all of it.
    pub fn is_whole(self) -> bool {
        self.first == 0 && self.last + 1 == self.total
    }
}

/// What is asked of the origin when nothing is stored of what a client wants a range of: the slices
/// that it begins with, as a value of `Range`.
pub fn first_ask(spec: Spec) -> String {
    let (first, last) = match spec {
        Spec::From(first, last) => (first, last.unwrap_or(u64::MAX)),
        Spec::Suffix(bytes @ 1..=SLICE_BYTES) => {
            return format!("bytes=-{}", bytes.next_multiple_of(SLICE_BYTES));
        }
        // How long the whole is has to be known first.
        Spec::Suffix(_) => (0, 0),
    };
    let first = first - first % SLICE_BYTES;
    let most = last.min(first.saturating_add(BLOCK_BYTES - 1));
    let last = most - most % SLICE_BYTES + (SLICE_BYTES - 1);
    format!("bytes={first}-{last}")
}

/// Decides whether a 206 is stored, as what, and where it belongs. One that is not combined with
/// others needs no validator.
///
/// # Errors
/// Why it is not.
pub fn admit(offer: &Offer<'_>) -> Result<(Box<Meta>, ContentRange), WhySkip> {
    let range = ContentRange::of(offer.fields).ok_or(WhySkip::Partial)?;
    let fields = of_the_whole(offer.fields);
    let is_several = media_type(offer.fields) == "multipart/byteranges";
    if is_several || (!range.is_whole() && !conditional::has_strong_validator(&fields)) {
        return Err(WhySkip::Partial);
    }
    match admission(&Offer { status: 200, fields: &fields, ..*offer }) {
        Admission::Store(meta) => Ok((Box::new(Meta { body_bytes: range.total, ..*meta }), range)),
        Admission::Skip(why) => Err(why),
    }
}

/// Whether a response bears bytes of what is stored: the same strong validator, the same type and
/// coding, the same length (RFC 9111 §3.4).
pub fn is_of(stored: &Meta, fields: &Fields, total: Option<u64>) -> bool {
    let coding = |fields: &Fields| -> Vec<Vec<u8>> {
        fields.members(Name::ContentEncoding).map(<[u8]>::to_ascii_lowercase).collect()
    };
    total == Some(stored.body_bytes)
        && fields.get(Name::ContentType) == stored.fields.get(Name::ContentType)
        && coding(fields) == coding(&stored.fields)
        && conditional::is_strongly_the_same(&stored.fields, fields)
}

/// The fields of the response that a part is of.
pub fn of_the_whole(fields: &Fields) -> Fields {
    let mut whole = fields.clone();
    whole.remove(Name::ContentRange);
    whole.remove(Name::ContentLength);
    OF_ONE_MESSAGE.into_iter().for_each(|name| whole.remove(name));
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::Exchange;
    use crate::freshness::Staleness;
    use crate::purge::Born;
    use crate::request::Request;
    use crate::reuse::tests::stored;
    use crate::rule::Rule;
    use crate::rule::tests::plain_site;

    fn fields(list: &[(&str, &str)]) -> Fields {
        list.iter().copied().collect()
    }

    #[test]
    fn content_range_is_read_strictly() {
        let range = |first, last, total| Some(ContentRange { first, last, total });
        for (value, found) in [
            ("bytes 0-4/10", range(0, 4, 10)),
            ("Bytes 5-9/10", range(5, 9, 10)),
            ("bytes 0-10/10", None),
            ("bytes 5-4/10", None),
            ("bytes 0-4/*", None),
            ("bytes */10", None),
            ("bytes +0-4/10", None),
            ("bytes 0-4/99999999999999999999", None),
            ("lines 0-4/10", None),
            ("bytes=0-4/10", None),
            ("", None),
        ] {
            assert_eq!(ContentRange::of(&fields(&[("Content-Range", value)])), found, "{value}");
        }
        let twice = [("Content-Range", "bytes 0-4/10"), ("Content-Range", "bytes 0-4/10")];
        assert_eq!(ContentRange::of(&fields(&twice)), None);
    }

    #[test]
    fn whole_slices_are_asked_for_and_not_too_many() {
        for (spec, ask) in [
            (Spec::From(0, Some(1)), "bytes=0-65535"),
            (Spec::From(65_535, Some(65_536)), "bytes=0-131071"),
            (Spec::From(70_000, Some(70_001)), "bytes=65536-131071"),
            (Spec::From(0, None), "bytes=0-8388607"),
            (Spec::From(70_000, None), "bytes=65536-8454143"),
            (Spec::Suffix(500), "bytes=-65536"),
            (Spec::Suffix(100_000), "bytes=0-65535"),
            (Spec::Suffix(0), "bytes=0-65535"),
            (Spec::From(u64::MAX, None), "bytes=18446744073709486080-18446744073709551615"),
        ] {
            assert_eq!(first_ask(spec), ask);
        }
    }

    #[test]
    fn parts_are_stored_as_the_whole_if_they_can_be_told_to_be_of_it() {
        let (site, request, rule) = (plain_site(), Request::default(), Rule::default());
        let date = ("Date", "Thu, 01 Jan 1970 01:00:00 GMT");
        let (modified, fresh) =
            (("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Cache-Control", "max-age=60"));
        let part = ("Content-Range", "bytes 0-4/10");
        for (more, verdict) in [
            (vec![fresh, part, ("ETag", "\"a\"")], Ok(10)),
            (vec![fresh, part, date, modified], Ok(10)),
            (vec![fresh, part, date, modified, ("ETag", "W/\"a\"")], Ok(10)),
            (vec![fresh, part, ("ETag", "W/\"a\"")], Err(WhySkip::Partial)),
            (vec![fresh, part], Err(WhySkip::Partial)),
            (vec![fresh, ("Content-Range", "bytes 0-9/10")], Ok(10)),
            (
                vec![fresh, ("Content-Range", "bytes 0-4/*"), ("ETag", "\"a\"")],
                Err(WhySkip::Partial),
            ),
            (vec![("Cache-Control", "private"), part, ("ETag", "\"a\"")], Err(WhySkip::Private)),
        ] {
            let fields = fields(&more);
            let offer = Offer {
                site: &site,
                rule: &rule,
                request: &request,
                status: 206,
                fields: &fields,
                exchange: Exchange::default(),
                born: Born::default(),
            };
            let admitted = admit(&offer);
            let found = admitted.as_ref().map(|(meta, _)| meta.body_bytes).map_err(|why| *why);
            assert_eq!(found, verdict, "{more:?}");
            if let Ok((meta, _)) = admitted {
                assert_eq!(meta.status, 200);
                assert!(
                    !meta.fields.has(Name::ContentRange) && !meta.fields.has(Name::ContentLength)
                );
            }
        }
    }

    #[test]
    fn only_parts_of_the_very_same_are_combined() {
        let meta = |list: &[(&str, &str)]| Meta {
            fields: fields(list),
            body_bytes: 10,
            ..stored(Staleness::Forbidden)
        };
        let date = ("Date", "Thu, 01 Jan 1970 01:00:00 GMT");
        let old = ("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT");
        let new = ("Last-Modified", "Thu, 01 Jan 1970 00:30:00 GMT");
        let (a, weak) = (("ETag", "\"a\""), ("ETag", "W/\"a\""));
        for (one, other, total, same) in [
            (vec![a], vec![a], 10, true),
            (vec![a], vec![a], 11, false),
            (vec![a], vec![("ETag", "\"b\"")], 10, false),
            (vec![weak], vec![weak], 10, false),
            (vec![a], vec![weak], 10, false),
            (vec![weak, old, date], vec![weak, old, date], 10, true),
            (vec![weak, old, date], vec![weak, new, date], 10, false),
            (vec![weak, old], vec![weak, old], 10, false),
            (vec![old, date], vec![old, date], 10, true),
            (vec![old, date], vec![a, old, date], 10, false),
            (vec![a], vec![a, ("Content-Encoding", "gzip")], 10, false),
            (
                vec![a, ("Content-Encoding", "GZIP")],
                vec![a, ("Content-Encoding", "gzip")],
                10,
                true,
            ),
            (vec![], vec![], 10, false),
        ] {
            assert_eq!(is_of(&meta(&one), &fields(&other), Some(total)), same, "{one:?} {other:?}");
        }
    }
}
