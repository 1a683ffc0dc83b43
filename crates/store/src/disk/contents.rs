//! What a segment holds, as a list: kept while it is written, and beside it when it is sealed.
//!
//! The file: magic, uid and length of the segment, the greatest sequence number, the births of its
//! responses (log, oldest, newest); an entry a record
//! (URL hash, hash of key and variant, offset / 32, length / 32, kind, flags; of an Update its
//! target's place and length, of a Large its file's number and length); at the end xxh3-64 under
//! the store's seed.

use super::births::Births;
use super::record::{ALIGN, Content, Kind, Place, Record, aligned};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A list of another version is none: the segment is read from end to end then.
const MAGIC: &[u8; 8] = b"LRDRIDX2";
const HEAD: usize = 32 + Births::BYTES;
const ENTRY: usize = 24;
const MORE: usize = 16;
const MUST_VALIDATE: u8 = 1;

/// One record of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The hash of its URL scope.
    pub url: u64,
    /// The hash of its key and variant.
    pub identity: u64,
    /// Its first byte.
    pub offset: u32,
    /// Its length with filling.
    pub length: u32,
    /// What it is.
    pub kind: Kind,
    /// Whether the response must be validated before use.
    pub must_validate: bool,
    /// Of an Update, where its target lies and how long it is; of a Large, number and length of
    /// the file.
    pub more: (u64, u64),
}

impl Entry {
    /// The entry of a record that lies at `offset`.
    pub fn of(record: &Record<'_>, offset: u32) -> Entry {
        let more = match record.content {
            Content::Update { target, .. } => {
                let place = u64::from(target.place.offset) << 32 | u64::from(target.length);
                (target.place.uid, place)
            }
            Content::Large { file, bytes, .. } => (file, bytes),
            Content::Full { .. } | Content::Forget { .. } => (0, 0),
        };
        Entry {
            url: record.url,
            identity: record.identity,
            offset,
            length: aligned(record.length()) as u32,
            kind: record.kind(),
            must_validate: record.must_validate,
            more,
        }
    }

    /// Of an Update, where its target lies, and its length with filling.
    pub fn target(&self) -> Option<(Place, u64)> {
        let (uid, place) = self.more;
        let length = aligned(place as u32 as usize) as u64;
        let place = Place { uid, offset: (place >> 32) as u32 };
        (self.kind == Kind::Update).then_some((place, length))
    }
}

/// The list, in the form in which it is written.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    entries: Vec<u8>,
    /// The greatest sequence number of its records.
    pub max_seq: u64,
    /// When its responses were born.
    pub births: Births,
}

impl Contents {
    /// Adds a record.
    pub fn push(&mut self, entry: &Entry, seq: u64) {
        self.max_seq = self.max_seq.max(seq);
        let out = &mut self.entries;
        out.extend_from_slice(&entry.url.to_le_bytes());
        out.extend_from_slice(&entry.identity.to_le_bytes());
        out.extend_from_slice(&(entry.offset / ALIGN as u32).to_le_bytes());
        out.extend_from_slice(&((entry.length / ALIGN as u32) as u16).to_le_bytes());
        out.push(entry.kind as u8);
        out.push(if entry.must_validate { MUST_VALIDATE } else { 0 });
        if has_more(entry.kind) {
            out.extend_from_slice(&entry.more.0.to_le_bytes());
            out.extend_from_slice(&entry.more.1.to_le_bytes());
        }
    }

    /// The length of the file that it makes.
    pub fn file_bytes(&self) -> u64 {
        (HEAD + self.entries.len() + 8) as u64
    }

    /// By how much one more record can lengthen the file.
    pub const MOST_AN_ENTRY: u64 = (ENTRY + MORE) as u64;

    /// The file beside a segment of that number and length.
    pub fn to_file(&self, seed: u64, uid: u64, segment_bytes: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.file_bytes() as usize);
        out.extend_from_slice(MAGIC);
        for number in [uid, segment_bytes, self.max_seq] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.births.to_bytes());
        out.extend_from_slice(&self.entries);
        let sum = xxh3_64_with_seed(&out, seed);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads such a file; nothing if it is damaged or of another segment or length.
    pub fn from_file(file: &[u8], seed: u64, uid: u64, segment_bytes: u64) -> Option<Contents> {
        let (rest, sum) = file.split_last_chunk::<8>()?;
        let is_good = xxh3_64_with_seed(rest, seed).to_le_bytes() == *sum;
        let head = rest.get(..HEAD).filter(|head| is_good && head.starts_with(MAGIC))?;
        if (long(head, 8), long(head, 16)) != (uid, segment_bytes) {
            return None;
        }
        let births = Births::of_bytes(head.last_chunk()?);
        let entries = rest[HEAD..].to_vec();
        let contents = Contents { entries, max_seq: long(head, 24), births };
        let read: usize = contents.iter().map(|entry| entry_bytes(entry.kind)).sum();
        (read == contents.entries.len()).then_some(contents)
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        let mut rest = &self.entries[..];
        std::iter::from_fn(move || {
            let entry = entry(rest)?;
            rest = &rest[entry_bytes(entry.kind)..];
            Some(entry)
        })
    }
}

fn has_more(kind: Kind) -> bool {
    matches!(kind, Kind::Update | Kind::Large)
}

fn entry_bytes(kind: Kind) -> usize {
    if has_more(kind) { ENTRY + MORE } else { ENTRY }
}

fn entry(bytes: &[u8]) -> Option<Entry> {
    let head = bytes.get(..ENTRY)?;
    let kind = Kind::of(head[22])?;
    let more = bytes.get(ENTRY..entry_bytes(kind))?;
    let more = if more.is_empty() { (0, 0) } else { (long(more, 0), long(more, 8)) };
    let offset = u32::from_le_bytes([head[16], head[17], head[18], head[19]]);
    let length = u16::from_le_bytes([head[20], head[21]]);
    Some(Entry {
        url: long(head, 0),
        identity: long(head, 8),
        offset: offset.checked_mul(ALIGN as u32)?,
        length: u32::from(length) * ALIGN as u32,
        kind,
        must_validate: head[23] & MUST_VALIDATE != 0,
        more,
    })
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |kind, more| Entry {
            url: 1,
            identity: u64::MAX,
            offset: 96,
            length: 64,
            kind,
            must_validate: kind == Kind::Large,
            more,
        };
        let target = (9, (32 << 32) | 50);
        vec![
            entry(Kind::Full, (0, 0)),
            entry(Kind::Update, target),
            entry(Kind::Large, (u64::MAX, 7)),
            entry(Kind::Forget, (0, 0)),
        ]
    }

    #[test]
    fn a_list_is_read_as_it_was_written_and_only_beside_its_segment() {
        let mut contents = Contents::default();
        entries().iter().zip(5..).for_each(|(entry, seq)| contents.push(entry, seq));
        let file = contents.to_file(3, 1, 1000);
        assert_eq!(file.len() as u64, contents.file_bytes());
        let read = Contents::from_file(&file, 3, 1, 1000).expect("just written");
        assert_eq!((read.iter().collect::<Vec<_>>(), read.max_seq), (entries(), 8));
        assert_eq!(entries()[1].target(), Some((Place { uid: 9, offset: 32 }, 64)));
        for (seed, uid, bytes) in [(4, 1, 1000), (3, 2, 1000), (3, 1, 1001)] {
            assert!(Contents::from_file(&file, seed, uid, bytes).is_none());
        }
    }

    #[test]
    fn a_damaged_list_is_none() {
        let mut contents = Contents::default();
        entries().iter().for_each(|entry| contents.push(entry, 1));
        let file = contents.to_file(3, 1, 1000);
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(Contents::from_file(&damaged, 3, 1, 1000).is_none(), "{at}");
            assert!(Contents::from_file(&file[..at], 3, 1, 1000).is_none(), "{at}");
        }
    }
}
