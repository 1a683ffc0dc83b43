//! Records: what the file of the purge log is made of. Each tells what it is, and is checked by
//! itself.
//!
//! Layout, numbers little-endian, aligned to [`ALIGN`] bytes and filled up with zeros:
//!
//! | at | bytes | |
//! | --- | --- | --- |
//! | 0 | 8 | xxh3-64 of all that follows, without filling, under the folder's seed and the record's place |
//! | 8 | 4 | magic |
//! | 12 | 4 | kind, version, 0, 0 |
//! | 16 | 4 | length, without filling |
//! | 20 | 4 | 0 |
//! | 24 | 8 | name of the log |
//! | 32 | 8 | sequence number; of what stands before the purges: the head it was written at |
//! | 40 | 8 | of a purge: the number of the purge before it |
//! | 48 | 8 | bytes of the file that were durable when it was written |
//! | 56 | | content, by the codes of [`policy::purge::code`] |
//!
//! A file begins with `Begin`, then `Marks` and `Patterns`, then `End`; purges follow. All up to
//! `End` was durable before the file got its name. Behind the last purge may stand a `Durable`: if
//! something before it is bad, that was damaged, and not torn by a power cut.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Records begin at multiples of this, in bytes.
pub const ALIGN: usize = 8;
/// Bytes of a record before its content.
pub(crate) const HEAD: usize = 56;
/// The longest record, in bytes, without filling.
pub const MAX_RECORD_BYTES: usize = 4 << 20;
const MAGIC: u32 = 0x4752_504c; // "LPRG"
const VERSION: u8 = 1;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The first of a file.
    Begin = 1,
    /// Lines of the table as it was when the file was begun.
    Marks = 2,
    /// Patterns of that table.
    Patterns = 3,
    /// The end of that table.
    End = 4,
    /// One purge.
    Purge = 5,
    /// That all before it is durable. Written when that is so, and written over by the next purge.
    Durable = 6,
}

/// A record, borrowed from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is.
    pub kind: Kind,
    /// The log that it belongs to.
    pub log_id: u64,
    /// The number of a purge; of others the head that they were written at.
    pub seq: u64,
    /// Of a purge: the number of the one before it.
    pub before: u64,
    /// Bytes of the file that were durable when it was written.
    pub durable: u64,
    /// What it says.
    pub content: &'a [u8],
}

impl<'a> Record<'a> {
    /// Its length in bytes, without filling.
    pub fn length(&self) -> usize {
        HEAD + self.content.len()
    }

    /// Appends it to `out`, with filling, for that place in the file. It is no longer than
    /// [`MAX_RECORD_BYTES`].
    pub fn append(&self, seed: u64, place: u64, out: &mut Vec<u8>) {
        debug_assert!(self.length() <= MAX_RECORD_BYTES && place.is_multiple_of(ALIGN as u64));
        let start = out.len();
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&[self.kind as u8, VERSION, 0, 0]);
        out.extend_from_slice(&(self.length() as u64).to_le_bytes());
        for number in [self.log_id, self.seq, self.before, self.durable] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(self.content);
        let sum = checksum(&out[start + 8..], seed, place);
        out[start..start + 8].copy_from_slice(&sum.to_le_bytes());
        out.resize(start + self.length().next_multiple_of(ALIGN), 0);
    }

    /// Reads the record at the begin of `bytes`, which may go on behind it; nothing if there is
    /// none of that place.
    pub fn read(bytes: &'a [u8], seed: u64, place: u64) -> Option<Record<'a>> {
        let bytes = bytes.get(..length_of(bytes)?)?;
        if long(bytes, 0) != checksum(&bytes[8..], seed, place) {
            return None;
        }
        Some(Record {
            kind: kind(bytes[12])?,
            log_id: long(bytes, 24),
            seq: long(bytes, 32),
            before: long(bytes, 40),
            durable: long(bytes, 48),
            content: &bytes[HEAD..],
        })
    }
}

/// The length that a head claims, without filling, if it can be one.
pub(crate) fn length_of(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < HEAD || bytes[8..12] != MAGIC.to_le_bytes() || bytes[13] != VERSION {
        return None;
    }
    let length = usize::try_from(long(bytes, 16)).ok()?;
    (HEAD..=MAX_RECORD_BYTES).contains(&length).then_some(length)
}

fn kind(byte: u8) -> Option<Kind> {
    let all = [Kind::Begin, Kind::Marks, Kind::Patterns, Kind::End, Kind::Purge, Kind::Durable];
    all.into_iter().find(|kind| *kind as u8 == byte)
}

fn checksum(bytes: &[u8], seed: u64, place: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The caller has looked that so many bytes are there.
fn long(bytes: &[u8], at: usize) -> u64 {
    let mut long = [0; 8];
    long.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_in_its_place_only(
            content in prop::collection::vec(any::<u8>(), 0..99),
            (log_id, seq, before, durable) in any::<(u64, u64, u64, u64)>(),
            (at, bit) in any::<(prop::sample::Index, u8)>(),
        ) {
            let record =
                Record { kind: Kind::Purge, log_id, seq, before, durable, content: &content };
            let mut out = Vec::new();
            record.append(1, 64, &mut out);
            prop_assert_eq!(out.len() % ALIGN, 0);
            prop_assert_eq!(Record::read(&out, 1, 64), Some(record));
            prop_assert_eq!(Record::read(&out, 1, 72), None);
            prop_assert_eq!(Record::read(&out, 2, 64), None);
            prop_assert_eq!(Record::read(&out[..record.length() - 1], 1, 64), None);
            let at = at.index(record.length());
            let mut damaged = out.clone();
            damaged[at] ^= 1 << (bit % 8);
            prop_assert_eq!(Record::read(&damaged, 1, 64), None);
        }

        #[test]
        fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::read(&bytes, 0, 0);
        }
    }
}
