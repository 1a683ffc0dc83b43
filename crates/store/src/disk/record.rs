//! Records: what segments are made of. Each tells what it is, and is checked by itself.
//!
//! Layout, numbers little-endian, aligned to [`ALIGN`] bytes and filled up with zeros:
//!
//! | at | bytes | |
//! | --- | --- | --- |
//! | 0 | 8 | xxh3-64 of all that follows, under the store's seed and the record's place |
//! | 8 | 4 | magic |
//! | 12 | 4 | kind, flags, version, 0 |
//! | 16 | 4 | length, without filling |
//! | 20 | 4 | length of the key |
//! | 24 | 4 | length of the meta (of a Forget: of the variant) |
//! | 28 | 4 | of an Update: offset of its target |
//! | 32 | 8 | sequence number |
//! | 40 | 8 | hash of the URL scope |
//! | 48 | 8 | hash of key and variant |
//! | 56 | | of an Update: uid of the target's segment (8), its sequence number (8), its length (8); of a Large: number (8) and length (8) of the file; then key, meta, and the body of a Full |
//!
//! The place is part of the checksum, so a record that lies elsewhere, such as in a body, is none.

use policy::meta_code;
use policy::purge::Born;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Records begin at multiples of this.
pub(crate) const ALIGN: usize = 32;
/// The longest record, with filling: twelve bits of the index hold its length.
pub(crate) const MAX_RECORD: usize = ((1 << 12) - 1) * ALIGN;
const MAGIC: u32 = 0x5244_524c; // "LRDR"
const VERSION: u8 = 1;
const HEAD: usize = 56;
const MUST_VALIDATE: u8 = 1;

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The number of its segment.
    pub uid: u64,
    /// Its first byte.
    pub offset: u32,
}

/// The record that an Update stands for, but for its meta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Where it lies.
    pub place: Place,
    /// Its length, without filling.
    pub length: u32,
    /// Its sequence number.
    pub seq: u64,
}

/// A record, borrowed from its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// Its number in the order of all that was asked for.
    pub seq: u64,
    /// The hash of its URL scope.
    pub url: u64,
    /// The hash of its key and variant, by [`identity`].
    pub identity: u64,
    /// The response must be validated before use.
    pub must_validate: bool,
    /// The key.
    pub key: &'a [u8],
    /// What it says.
    pub content: Content<'a>,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// A response.
    Full { meta: &'a [u8], body: &'a [u8] },
    /// New meta of a response that lies elsewhere.
    Update { meta: &'a [u8], target: Target },
    /// A response whose body is a file.
    Large { meta: &'a [u8], file: u64, bytes: u64 },
    /// That there is none for this variant.
    Forget { variant: &'a [u8] },
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Full = 1,
    Update = 2,
    Large = 3,
    Forget = 4,
}

/// The bytes are no record of this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl Kind {
    pub fn of(byte: u8) -> Option<Kind> {
        [Kind::Full, Kind::Update, Kind::Large, Kind::Forget]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }

    /// Numbers between head and key, eight bytes each.
    fn extra(self) -> usize {
        match self {
            Kind::Full | Kind::Forget => 0,
            Kind::Update => 24,
            Kind::Large => 16,
        }
    }
}

/// A length with filling.
pub(crate) fn aligned(length: usize) -> usize {
    length.next_multiple_of(ALIGN)
}

impl<'a> Record<'a> {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self.content {
            Content::Full { .. } => Kind::Full,
            Content::Update { .. } => Kind::Update,
            Content::Large { .. } => Kind::Large,
            Content::Forget { .. } => Kind::Forget,
        }
    }

    /// When the response was born, if it is one.
    pub fn born(&self) -> Option<Born> {
        match self.content {
            Content::Full { meta, .. }
            | Content::Update { meta, .. }
            | Content::Large { meta, .. } => meta_code::born(meta).ok(),
            Content::Forget { .. } => None,
        }
    }

    /// Its meta, or of a Forget the variant.
    pub fn meta(&self) -> &'a [u8] {
        match self.content {
            Content::Full { meta, .. }
            | Content::Update { meta, .. }
            | Content::Large { meta, .. } => meta,
            Content::Forget { variant } => variant,
        }
    }

    /// Its length, without filling.
    pub fn length(&self) -> usize {
        let body = if let Content::Full { body, .. } = self.content { body.len() } else { 0 };
        HEAD + self.kind().extra() + self.key.len() + self.meta().len() + body
    }

    /// Appends it to `out`, with filling, for `place`. The caller has held its length against
    /// [`MAX_RECORD`].
    pub fn append(&self, seed: u64, place: Place, out: &mut Vec<u8>) {
        debug_assert!(aligned(self.length()) <= MAX_RECORD);
        let start = out.len();
        let target_offset = match self.content {
            Content::Update { target, .. } => target.place.offset,
            _ => 0,
        };
        let flags = if self.must_validate { MUST_VALIDATE } else { 0 };
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&[self.kind() as u8, flags, VERSION, 0]);
        for number in [self.length(), self.key.len(), self.meta().len()] {
            out.extend_from_slice(&(number as u32).to_le_bytes());
        }
        out.extend_from_slice(&target_offset.to_le_bytes());
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.url.to_le_bytes());
        out.extend_from_slice(&self.identity.to_le_bytes());
        self.append_extra(out);
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.meta());
        if let Content::Full { body, .. } = self.content {
            out.extend_from_slice(body);
        }
        let sum = checksum(&out[start + 8..], seed, place);
        out[start..start + 8].copy_from_slice(&sum.to_le_bytes());
        out.resize(start + aligned(self.length()), 0);
    }

    fn append_extra(&self, out: &mut Vec<u8>) {
        let numbers: &[u64] = match self.content {
            Content::Update { target, .. } => {
                &[target.place.uid, target.seq, u64::from(target.length)]
            }
            Content::Large { file, bytes, .. } => &[file, bytes],
            Content::Full { .. } | Content::Forget { .. } => &[],
        };
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    }

    /// Reads the record at the begin of `bytes`, which may go on behind it.
    pub fn read(bytes: &'a [u8], seed: u64, place: Place) -> Result<Record<'a>, Damaged> {
        let length = length_of(bytes).ok_or(Damaged)?;
        let bytes = bytes.get(..length).ok_or(Damaged)?;
        if long(bytes, 0) != checksum(&bytes[8..], seed, place) || bytes[14] != VERSION {
            return Err(Damaged);
        }
        let kind = Kind::of(bytes[12]).ok_or(Damaged)?;
        let (key, meta) = (short(bytes, 20) as usize, short(bytes, 24) as usize);
        let key_at = HEAD + kind.extra();
        let meta_at = key_at.checked_add(key).ok_or(Damaged)?;
        let body_at = meta_at.checked_add(meta).filter(|at| *at <= length).ok_or(Damaged)?;
        Ok(Record {
            seq: long(bytes, 32),
            url: long(bytes, 40),
            identity: long(bytes, 48),
            must_validate: bytes[13] & MUST_VALIDATE != 0,
            key: &bytes[key_at..meta_at],
            content: content(kind, bytes, &bytes[meta_at..body_at], &bytes[body_at..]),
        })
    }
}

/// `bytes` are at least as long as the head and what the kind adds.
fn content<'a>(kind: Kind, bytes: &[u8], meta: &'a [u8], body: &'a [u8]) -> Content<'a> {
    match kind {
        Kind::Full => Content::Full { meta, body },
        Kind::Forget => Content::Forget { variant: meta },
        Kind::Large => Content::Large { meta, file: long(bytes, 56), bytes: long(bytes, 64) },
        Kind::Update => {
            let place = Place { uid: long(bytes, 56), offset: short(bytes, 28) };
            let target = Target { place, seq: long(bytes, 64), length: long(bytes, 72) as u32 };
            Content::Update { meta, target }
        }
    }
}

/// The length that a head claims, if it can be one.
pub(crate) fn length_of(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < HEAD || short(bytes, 8) != MAGIC {
        return None;
    }
    let kind = Kind::of(bytes[12])?;
    let length = short(bytes, 16) as usize;
    (length >= HEAD + kind.extra() && length <= MAX_RECORD).then_some(length)
}

/// The hash of a key and a variant's code: what supersedes what.
pub(crate) fn identity(seed: u64, key: &[u8], variant: &[u8]) -> u64 {
    xxh3_64_with_seed(variant, xxh3_64_with_seed(key, seed))
}

/// The hash of a URL scope.
pub(crate) fn url_hash(seed: u64, url: &[u8]) -> u64 {
    xxh3_64_with_seed(url, seed)
}

fn checksum(bytes: &[u8], seed: u64, place: Place) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let at = place.uid.wrapping_mul(ODD) ^ u64::from(place.offset).wrapping_mul(ODD << 1 | 1);
    xxh3_64_with_seed(bytes, seed ^ at)
}

fn short(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(short(bytes, at)) | u64::from(short(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLACE: Place = Place { uid: 3, offset: 64 };

    fn contents<'a>(meta: &'a [u8], body: &'a [u8], number: u64) -> [Content<'a>; 4] {
        let place = Place { uid: number, offset: number as u32 };
        let target = Target { place, length: number as u32, seq: number };
        [
            Content::Full { meta, body },
            Content::Update { meta, target },
            Content::Large { meta, file: number, bytes: number },
            Content::Forget { variant: meta },
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_in_its_place_only(
            (key, meta, body) in any::<(Vec<u8>, Vec<u8>, Vec<u8>)>(),
            (seq, url, number, must_validate) in any::<(u64, u64, u64, bool)>(),
            (at, bit) in any::<(prop::sample::Index, u8)>(),
        ) {
            for content in contents(&meta, &body, number) {
                let record = Record { seq, url, identity: !url, must_validate, key: &key, content };
                let mut out = Vec::new();
                record.append(1, PLACE, &mut out);
                prop_assert_eq!(out.len(), aligned(record.length()));
                prop_assert_eq!(Record::read(&out, 1, PLACE), Ok(record));
                let elsewhere = Place { offset: 96, ..PLACE };
                prop_assert_eq!(Record::read(&out, 1, elsewhere), Err(Damaged));
                prop_assert_eq!(Record::read(&out, 2, PLACE), Err(Damaged));
                prop_assert_eq!(Record::read(&out[..record.length() - 1], 1, PLACE), Err(Damaged));
                let at = at.index(record.length());
                out[at] ^= 1 << (bit % 8);
                prop_assert_eq!(Record::read(&out, 1, PLACE), Err(Damaged));
            }
        }

        #[test]
        fn any_bytes_are_borne(mut bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..6u8) {
            let _ = Record::read(&bytes, 0, PLACE);
            if bytes.len() > 100 {
                // As a head with a good checksum and senseless lengths.
                bytes[8..12].copy_from_slice(&MAGIC.to_le_bytes());
                bytes[12] = kind;
                bytes[14] = VERSION;
                let length = bytes.len() as u32;
                bytes[16..20].copy_from_slice(&length.to_le_bytes());
                let sum = checksum(&bytes[8..], 0, PLACE);
                bytes[..8].copy_from_slice(&sum.to_le_bytes());
                let _ = Record::read(&bytes, 0, PLACE);
            }
        }
    }
}
