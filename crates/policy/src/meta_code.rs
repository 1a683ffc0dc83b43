//! A stored response's [`Meta`] as bytes, for tiers that outlive the process.
//!
//! The code begins with a byte of version; see [`crate::code`] for numbers and text.

use crate::code::{Reader, push_bytes, push_number};
use crate::fields::Fields;
use crate::freshness::{Life, Staleness};
use crate::meta::Meta;
use crate::purge::{Born, Source};
use crate::rule::SiteId;
use crate::time::{Seconds, Timestamp};
use crate::vary::Variant;

pub use crate::code::Malformed;

/// The version that is written, and the only one that is read.
const VERSION: u8 = 2;

const HAS_FORMS: u8 = 1;
const ALWAYS_VALIDATE: u8 = 2;
const SHARES_AUTHORIZED: u8 = 4;

const STALE_FORBIDDEN: u8 = 0;
const STALE_WINDOWS: u8 = 1;
const STALE_WHEN_UNREACHABLE: u8 = 2;

const SOURCE_URL: u8 = 0;
const SOURCE_TAG: u8 = 1;
const SOURCE_SITE: u8 = 2;

/// Appends the code of `meta`.
pub fn encode(meta: &Meta, out: &mut Vec<u8>) {
    out.push(VERSION);
    out.push(flags(meta));
    push_number(out, meta.status.into());
    push_number(out, meta.body_bytes);
    push_life(out, &meta.life);
    push_number(out, meta.born.log_id);
    push_number(out, meta.born.seq);
    push_number(out, meta.site.0);
    encode_variant(&meta.variant, out);
    push_number(out, meta.fields.len() as u64);
    for field in meta.fields.iter() {
        push_bytes(out, field.name.as_bytes());
        push_bytes(out, field.value);
    }
    push_number(out, meta.tags.len() as u64);
    meta.tags.iter().for_each(|tag| push_bytes(out, tag.as_bytes()));
    push_number(out, meta.sources.len() as u64);
    meta.sources.iter().for_each(|source| push_source(out, source));
}

/// Reads what [`encode`] wrote, and nothing else.
///
/// # Errors
/// If it is anything else.
pub fn decode(bytes: &[u8]) -> Result<Meta, Malformed> {
    let mut rest = Reader(bytes);
    if rest.byte()? != VERSION {
        return Err(Malformed);
    }
    let flags = rest.byte()?;
    let meta = Meta {
        status: rest.small()?,
        body_bytes: rest.number()?,
        has_forms: flags & HAS_FORMS != 0,
        life: rest.life(flags)?,
        born: Born { log_id: rest.number()?, seq: rest.number()? },
        site: SiteId(rest.number()?),
        variant: rest.variant()?,
        fields: rest.fields()?,
        tags: rest.list(Reader::text)?,
        sources: rest.list(Reader::source)?,
    };
    rest.end(meta)
}

/// Of what [`encode`] wrote, when the response was born, without reading the rest.
///
/// # Errors
/// If it is anything else.
pub fn born(bytes: &[u8]) -> Result<Born, Malformed> {
    let mut rest = Reader(bytes);
    if rest.byte()? != VERSION {
        return Err(Malformed);
    }
    let flags = rest.byte()?;
    let (_status, _body_bytes, _life) = (rest.small()?, rest.number()?, rest.life(flags)?);
    Ok(Born { log_id: rest.number()?, seq: rest.number()? })
}

/// Appends the code of a variant: equal variants have equal codes, and others others.
pub fn encode_variant(variant: &Variant, out: &mut Vec<u8>) {
    push_number(out, variant.nominated().len() as u64);
    for (name, value) in variant.nominated() {
        push_bytes(out, name.as_bytes());
        push_bytes(out, value);
    }
}

/// Reads what [`encode_variant`] wrote, and nothing else.
///
/// # Errors
/// If it is anything else.
pub fn decode_variant(bytes: &[u8]) -> Result<Variant, Malformed> {
    let mut rest = Reader(bytes);
    let variant = rest.variant()?;
    rest.end(variant)
}

fn flags(meta: &Meta) -> u8 {
    let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    flag(meta.has_forms, HAS_FORMS)
        | flag(meta.life.always_validate, ALWAYS_VALIDATE)
        | flag(meta.life.shares_authorized, SHARES_AUTHORIZED)
}

fn push_life(out: &mut Vec<u8>, life: &Life) {
    push_number(out, life.answered.0);
    push_number(out, life.initial_age);
    push_number(out, life.lifetime.get());
    match life.stale {
        Staleness::Forbidden => out.push(STALE_FORBIDDEN),
        Staleness::WhenUnreachable => out.push(STALE_WHEN_UNREACHABLE),
        Staleness::Windows { revalidate, error } => {
            out.push(STALE_WINDOWS);
            push_number(out, revalidate.get());
            push_number(out, error.get());
        }
    }
}

fn push_source(out: &mut Vec<u8>, source: &Source) {
    match source {
        Source::Url(url) => {
            out.push(SOURCE_URL);
            push_bytes(out, url);
        }
        Source::Tag(site, tag) => {
            out.push(SOURCE_TAG);
            push_number(out, site.0);
            push_bytes(out, tag.as_bytes());
        }
        Source::Site(site) => {
            out.push(SOURCE_SITE);
            push_number(out, site.0);
        }
    }
}

impl<'a> Reader<'a> {
    fn life(&mut self, flags: u8) -> Result<Life, Malformed> {
        Ok(Life {
            answered: Timestamp(self.number()?),
            initial_age: self.number()?,
            lifetime: Seconds::new(self.number()?),
            stale: self.staleness()?,
            always_validate: flags & ALWAYS_VALIDATE != 0,
            shares_authorized: flags & SHARES_AUTHORIZED != 0,
            // The purge log says it of what is found.
            paced_until: Timestamp(0),
        })
    }

    fn staleness(&mut self) -> Result<Staleness, Malformed> {
        match self.byte()? {
            STALE_FORBIDDEN => Ok(Staleness::Forbidden),
            STALE_WHEN_UNREACHABLE => Ok(Staleness::WhenUnreachable),
            STALE_WINDOWS => Ok(Staleness::Windows {
                revalidate: Seconds::new(self.number()?),
                error: Seconds::new(self.number()?),
            }),
            _ => Err(Malformed),
        }
    }

    fn variant(&mut self) -> Result<Variant, Malformed> {
        let pairs = self.list(|rest| Ok((rest.text()?, Box::from(rest.bytes()?))))?;
        Ok(Variant::from_nominated(pairs))
    }

    fn fields(&mut self) -> Result<Fields, Malformed> {
        let mut fields = Fields::new();
        for _ in 0..self.number()? {
            let (name, value) = (self.bytes()?, self.bytes()?);
            fields.push(name, value);
        }
        Ok(fields)
    }

    fn source(&mut self) -> Result<Source, Malformed> {
        match self.byte()? {
            SOURCE_URL => Ok(Source::Url(self.bytes()?.into())),
            SOURCE_TAG => Ok(Source::Tag(SiteId(self.number()?), self.text()?)),
            SOURCE_SITE => Ok(Source::Site(SiteId(self.number()?))),
            _ => Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;
    use proptest::prelude::*;

    fn coded(meta: &Meta) -> Vec<u8> {
        let mut out = Vec::new();
        encode(meta, &mut out);
        out
    }

    fn listed(pairs: &[(String, Vec<u8>)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in pairs {
            fields.push(name.as_bytes(), value);
        }
        fields
    }

    prop_compose! {
        fn life()(
            (answered, initial_age, lifetime) in any::<(u64, u64, u32)>(),
            (kind, revalidate, error) in (0..3u8, any::<u32>(), any::<u32>()),
            (always_validate, shares_authorized) in any::<(bool, bool)>(),
        ) -> Life {
            let seconds = |n: u32| Seconds::new(n.into());
            let windows =
                Staleness::Windows { revalidate: seconds(revalidate), error: seconds(error) };
            let stale =
                [Staleness::Forbidden, windows, Staleness::WhenUnreachable][usize::from(kind)];
            let (answered, lifetime) = (Timestamp(answered), seconds(lifetime));
            let life = Life { answered, initial_age, lifetime, stale, ..Life::default() };
            Life { always_validate, shares_authorized, ..life }
        }
    }

    prop_compose! {
        fn meta()(
            life in life(),
            (status, body_bytes, has_forms, log_id, seq, site) in
                any::<(u16, u64, bool, u64, u64, u64)>(),
            fields in prop::collection::vec(("[a-z-]{1,20}", prop::collection::vec(any::<u8>(), 0..40)), 0..9),
            variant in prop::collection::vec(("[a-z-]{1,9}", prop::collection::vec(any::<u8>(), 0..9)), 0..4),
            tags in prop::collection::vec(".{0,9}", 0..4),
            urls in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..3),
        ) -> Meta {
            let tag = |tag: &String| Source::Tag(SiteId(site), tag.as_str().into());
            Meta {
                status, body_bytes, has_forms, life,
                fields: listed(&fields),
                variant: Variant::from_nominated(
                    variant.iter().map(|(n, v)| (n.as_str().into(), v.as_slice().into())).collect(),
                ),
                born: Born { log_id, seq },
                site: SiteId(site),
                tags: tags.iter().map(|tag| tag.as_str().into()).collect(),
                sources: urls.iter().map(|url| Source::Url(url.as_slice().into()))
                    .chain(tags.iter().map(tag)).chain([Source::Site(SiteId(site))]).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(meta in meta()) {
            let read = decode(&coded(&meta)).expect("it was written so");
            prop_assert_eq!(format!("{read:?}"), format!("{meta:?}"));
            prop_assert_eq!(coded(&read), coded(&meta));
            let mut variant = Vec::new();
            encode_variant(&meta.variant, &mut variant);
            prop_assert_eq!(decode_variant(&variant), Ok(meta.variant));
        }

        #[test]
        fn a_part_is_no_whole(meta in meta(), cut in any::<prop::sample::Index>()) {
            let whole = coded(&meta);
            prop_assert!(decode(&whole[..cut.index(whole.len())]).is_err());
            prop_assert!(decode(&[whole.as_slice(), &[0]].concat()).is_err());
        }

        #[test]
        fn damage_never_panics_nor_costs_memory(
            meta in meta(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = coded(&meta);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = decode(&bytes) {
                prop_assert!(read.footprint() <= size_of::<Meta>() + 64 * bytes.len());
            }
        }

        #[test]
        fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let _ = decode_variant(&bytes);
        }
    }

    #[test]
    fn numbers_that_do_not_fit_and_false_counts_are_refused() {
        for bytes in [
            &[0xff; 11][..],
            &[0x80; 10],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert_eq!(decode_variant(bytes), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn known_names_are_known_again() {
        let fields: Fields = [("ETag", "\"x\"")].into_iter().collect();
        let meta = decode(&coded(&Meta { fields, ..decode(&EMPTY).expect("an empty meta") }));
        assert_eq!(meta.expect("just written").fields.get(Name::Etag), Some(&b"\"x\""[..]));
    }

    const EMPTY: [u8; 15] = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
}
