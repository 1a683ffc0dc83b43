//! What an app says of an entry that it has kept, and what is known of the entry then.

use crate::admission::{MAX_TAG_BYTES, MAX_TAGS, kept_tags};
use crate::fields::{Fields, plain_members};
use crate::freshness::{Life, Staleness};
use crate::meta::Meta;
use crate::name::Name;
use crate::purge::Born;
use crate::rule::SiteId;
use crate::time::{Seconds, Timestamp};
use crate::vary::Variant;
use std::fmt;

/// An entry that is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// What is said of it.
    pub fields: &'a Fields,
    /// Whose it is.
    pub site: SiteId,
    /// The head of the purge log when its value began to be worked out.
    pub born: Born,
    /// When it came.
    pub now: Timestamp,
}

/// Why an entry is not kept that is described so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNoEntry {
    /// It is not said for how long it is fresh.
    NoLifetime,
    /// `Cache-Control` has something else than a lifetime and a window, each once and in seconds.
    Control,
    /// More or longer tags than are kept.
    TooManyTags,
    /// A tag that is not UTF-8: no purge could name it.
    OddTag,
    /// Several content types.
    ContentTypes,
}

/// What is known of an entry that is described so; the body's length is filled in when it is whole.
///
/// # Errors
/// What is wrong with the description.
pub fn offered(offer: &Offer<'_>) -> Result<Meta, WhyNoEntry> {
    let (lifetime, stale) = control(offer.fields)?;
    let tags: Result<Vec<String>, _> = offer
        .fields
        .all(Name::CacheTag)
        .flat_map(plain_members)
        .map(|tag| String::from_utf8(tag.to_vec()).map_err(|_| WhyNoEntry::OddTag))
        .collect();
    let tags = kept_tags(tags?.into_iter()).ok_or(WhyNoEntry::TooManyTags)?;
    let mut fields = Fields::new();
    let mut kinds = offer.fields.all(Name::ContentType);
    if let Some(kind) = kinds.next() {
        fields.add(Name::ContentType, kind);
    }
    if kinds.next().is_some() {
        return Err(WhyNoEntry::ContentTypes);
    }
    fields.add(Name::Date, offer.now.to_http());
    fields.shrink();
    Ok(Meta {
        status: 200,
        fields,
        body_bytes: 0,
        variant: Variant::default(),
        has_forms: false,
        life: Life { answered: offer.now, lifetime, stale, ..Life::default() },
        born: offer.born,
        site: offer.site,
        tags,
        sources: Box::default(),
    })
}

/// `max-age=N`, and `stale-while-revalidate=M` where it may be served beyond. Nothing else: who
/// writes more means something that is not done here.
fn control(fields: &Fields) -> Result<(Seconds, Staleness), WhyNoEntry> {
    let (mut lifetime, mut window) = (None, None);
    for member in fields.members(Name::CacheControl) {
        let (name, seconds) = split(member).ok_or(WhyNoEntry::Control)?;
        let slot = match &*name.to_ascii_lowercase() {
            b"max-age" => &mut lifetime,
            b"stale-while-revalidate" => &mut window,
            _ => return Err(WhyNoEntry::Control),
        };
        if slot.replace(seconds).is_some() {
            return Err(WhyNoEntry::Control);
        }
    }
    let stale = window.map_or(Staleness::Forbidden, |revalidate| Staleness::Windows {
        revalidate,
        error: Seconds::ZERO,
    });
    Ok((lifetime.ok_or(WhyNoEntry::NoLifetime)?, stale))
}

fn split(member: &[u8]) -> Option<(&[u8], Seconds)> {
    let at = member.iter().position(|b| *b == b'=')?;
    Some((&member[..at], Seconds::parse(&member[at + 1..])?))
}

impl fmt::Display for WhyNoEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyNoEntry::NoLifetime => {
                write!(f, "say for how many seconds it is fresh: Cache-Control: max-age=60")
            }
            WhyNoEntry::Control => write!(
                f,
                "write Cache-Control as max-age=60 or max-age=60, stale-while-revalidate=600, with \
                 nothing else"
            ),
            WhyNoEntry::TooManyTags => write!(
                f,
                "Cache-Tag has more than {MAX_TAGS} tags, or one of more than {MAX_TAG_BYTES} bytes"
            ),
            WhyNoEntry::OddTag => write!(f, "Cache-Tag has a tag that is not UTF-8"),
            WhyNoEntry::ContentTypes => write!(f, "send one Content-Type"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(fields: &[(&str, &str)]) -> Result<Meta, WhyNoEntry> {
        let fields: Fields = fields.iter().copied().collect();
        let (site, born) = (SiteId(7), Born { log_id: 1, seq: 2 });
        offered(&Offer { fields: &fields, site, born, now: Timestamp(5000) })
    }

    #[test]
    fn a_lifetime_is_said_and_a_window_may_be() {
        let window = |seconds| Staleness::Windows {
            revalidate: Seconds::new(seconds),
            error: Seconds::ZERO,
        };
        for (control, found) in [
            ("max-age=60", Ok((60, Staleness::Forbidden))),
            ("Max-Age=0, stale-while-revalidate=5", Ok((0, window(5)))),
            ("stale-while-revalidate=5,max-age=60", Ok((60, window(5)))),
            ("max-age=99999999999999", Ok((1 << 31, Staleness::Forbidden))),
            ("", Err(WhyNoEntry::NoLifetime)),
            ("stale-while-revalidate=5", Err(WhyNoEntry::NoLifetime)),
            ("max-age", Err(WhyNoEntry::Control)),
            ("max-age=", Err(WhyNoEntry::Control)),
            ("max-age=-1", Err(WhyNoEntry::Control)),
            ("max-age=\"60\"", Err(WhyNoEntry::Control)),
            ("max-age=60, max-age=60", Err(WhyNoEntry::Control)),
            ("max-age=60, no-store", Err(WhyNoEntry::Control)),
            ("s-maxage=60", Err(WhyNoEntry::Control)),
        ] {
            let meta = offer(&[("Cache-Control", control)]);
            let life = meta.map(|meta| (meta.life.lifetime.get(), meta.life.stale));
            assert_eq!(life, found, "{control}");
        }
    }

    #[test]
    fn tags_and_the_kind_are_kept_and_nothing_else() {
        let control = ("Cache-Control", "max-age=1");
        let meta = offer(&[
            control,
            ("Cache-Tag", "b, a ,é"),
            ("cache-tag", "b,_N_T_/x"),
            ("Content-Type", "text/x-component"),
            ("Authorization", "Bearer secret"),
        ]);
        let meta = meta.expect("it is described well");
        assert_eq!(&*meta.tags, ["_N_T_/x".into(), "a".into(), "b".into(), "é".into()]);
        let names: Vec<&str> = meta.fields.iter().map(|field| field.name).collect();
        assert_eq!(names, ["content-type", "date"]);
        let many = (0..=MAX_TAGS).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let long = "x".repeat(MAX_TAG_BYTES + 1);
        for (name, value, why) in [
            ("Cache-Tag", many.as_str(), WhyNoEntry::TooManyTags),
            ("Cache-Tag", &long, WhyNoEntry::TooManyTags),
            ("Content-Type", "text/html", WhyNoEntry::ContentTypes),
        ] {
            let kind = ("Content-Type", "text/plain");
            assert_eq!(offer(&[control, kind, (name, value)]).err(), Some(why), "{name}");
        }
        let mut odd: Fields = [control].into_iter().collect();
        odd.add(Name::CacheTag, b"\xff");
        let (site, born) = (SiteId(7), Born::default());
        let found = offered(&Offer { fields: &odd, site, born, now: Timestamp(1) });
        assert_eq!(found.err(), Some(WhyNoEntry::OddTag));
    }
}
