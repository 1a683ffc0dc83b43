//! Reading the file of the purge log at the start.
//!
//! A power cut may tear what was being written, and nobody was told that it was done: such a tail
//! is no damage. Each record says how much of the file was durable when it was written, so what is
//! bad before that, and good behind it, was damaged later.

use super::file::LOG;
use super::recent::Recent;
use super::record::{ALIGN, HEAD, Kind, Record, length_of};
use crate::disk::{Device, DeviceFile};
use policy::purge::{Born, Table, TableLimits, code};
use std::fmt;
use std::io;
use std::sync::Arc;

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 256 << 10;

/// What a log says.
pub(crate) struct Replayed {
    pub file: Arc<dyn DeviceFile>,
    pub table: Table,
    /// What is remembered of its last purges.
    pub recent: Recent,
    /// Where its first purge is or would be.
    pub purges_from: u64,
    /// Where what counts ends.
    pub end: u64,
    /// Bytes behind that, of a write that nobody was told was done.
    pub torn: u64,
}

/// Why a log cannot be gone on with.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// There is none.
    Missing,
    /// Something in it is not as it was written.
    Damaged { at: u64 },
    /// Stored responses know of more purges than it has.
    TooShort { head: u64, known: u64 },
    /// The system did not let us read it.
    Unreadable(io::Error),
}

/// Reads the log. `known` is the latest birth of stored responses, as far as it is known.
pub(crate) fn replay(
    device: &dyn Device,
    seed: u64,
    limits: TableLimits,
    known: Option<Born>,
) -> Result<Replayed, Unusable> {
    let file = match device.open(LOG) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unusable::Missing),
        file => file.map_err(Unusable::Unreadable)?,
    };
    let bytes = file.len().map_err(Unusable::Unreadable)?;
    let mut reader = Reader { file: &*file, bytes, seed, window: Vec::new(), from: 0 };
    let (mut table, purges_from) = reader.table(limits)?;
    let mut recent = Recent::after(table.head().seq);
    let end = reader.purges((&mut table, &mut recent), purges_from)?;
    let head = table.head();
    match known {
        Some(Born { log_id, seq }) if log_id == head.log_id && seq > head.seq => {
            Err(Unusable::TooShort { head: head.seq, known: seq })
        }
        _ => Ok(Replayed { file, table, recent, purges_from, end, torn: bytes - end }),
    }
}

struct Reader<'f> {
    file: &'f dyn DeviceFile,
    bytes: u64,
    seed: u64,
    /// Bytes of the file.
    window: Vec<u8>,
    /// Where they begin.
    from: u64,
}

impl Reader<'_> {
    /// The table at the begin of the file, and where it ends.
    fn table(&mut self, limits: TableLimits) -> Result<(Table, u64), Unusable> {
        let damaged = |at| move |_| Unusable::Damaged { at };
        let mut table: Option<Table> = None;
        let mut at = 0;
        loop {
            let (record, next) = self.record(at)?.ok_or(Unusable::Damaged { at })?;
            match (&mut table, record.kind) {
                (None, Kind::Begin) => {
                    table = Some(Table::new(record.log_id, record.seq, limits));
                }
                (Some(table), Kind::Marks) => {
                    let marks = code::decode_marks(record.content).map_err(damaged(at))?;
                    marks.into_iter().for_each(|mark| table.put_mark(mark));
                }
                (Some(table), Kind::Patterns) => {
                    let patterns = code::decode_patterns(record.content).map_err(damaged(at))?;
                    patterns.into_iter().for_each(|pattern| table.put_pattern(pattern));
                }
                (Some(_), Kind::End) => {
                    let table = table.ok_or(Unusable::Damaged { at })?;
                    return Ok((table, next));
                }
                _ => return Err(Unusable::Damaged { at }),
            }
            at = next;
        }
    }

    /// Takes in all purges from there on; gives where they end.
    fn purges(
        &mut self,
        (table, recent): (&mut Table, &mut Recent),
        from: u64,
    ) -> Result<u64, Unusable> {
        let mut at = from;
        while let Some((record, next)) = self.record(at)? {
            if record.kind == Kind::Durable && record.durable == at {
                break;
            }
            let head = table.head();
            let is_next = record.kind == Kind::Purge
                && (record.log_id, record.before) == (head.log_id, head.seq)
                && (head.seq + 1..=Table::MAX_SEQ).contains(&record.seq);
            let (seq, purge) = (record.seq, code::decode(record.content));
            match purge {
                Ok(purge) if is_next => {
                    table.apply(seq, &purge);
                    recent.note(seq, &purge);
                }
                _ => return Err(Unusable::Damaged { at }),
            }
            at = next;
        }
        if self.was_durable_beyond(at)? { Err(Unusable::Damaged { at }) } else { Ok(at) }
    }

    /// Whether a record behind a bad one says that the bad one was durable once.
    fn was_durable_beyond(&mut self, bad: u64) -> Result<bool, Unusable> {
        let mut at = bad + ALIGN as u64;
        while at + HEAD as u64 <= self.bytes {
            match self.record(at)? {
                Some((record, _)) if record.durable > bad => return Ok(true),
                Some((_, next)) => at = next,
                None => at += ALIGN as u64,
            }
        }
        Ok(false)
    }

    /// The record there, and where the next one begins; nothing if there is no good one.
    fn record(&mut self, at: u64) -> Result<Option<(Record<'_>, u64)>, Unusable> {
        self.fill(at, HEAD)?;
        let Some(length) = length_of(self.bytes_from(at)) else { return Ok(None) };
        let filled = length.next_multiple_of(ALIGN);
        self.fill(at, filled)?;
        let seed = self.seed;
        let bytes = self.bytes_from(at);
        // The filling was written with the record: without it the record is torn.
        let is_whole =
            bytes.get(length..filled).is_some_and(|filling| filling.iter().all(|b| *b == 0));
        let record = Record::read(bytes, seed, at).filter(|_| is_whole);
        Ok(record.map(|record| (record, at + filled as u64)))
    }

    /// Reads so that so many bytes from there on are in the window, if the file has them.
    fn fill(&mut self, at: u64, wanted: usize) -> Result<(), Unusable> {
        let wanted = (wanted as u64).min(self.bytes.saturating_sub(at));
        let has = self.from <= at && at + wanted <= self.from + self.window.len() as u64;
        if has {
            return Ok(());
        }
        let length = wanted.max(WINDOW_BYTES as u64).min(self.bytes.saturating_sub(at));
        self.window.resize(length as usize, 0);
        self.from = at;
        let read = self.file.read_at(&mut self.window, at).map_err(Unusable::Unreadable)?;
        self.window.truncate(read);
        Ok(())
    }

    fn bytes_from(&self, at: u64) -> &[u8] {
        let begin = usize::try_from(at.saturating_sub(self.from)).unwrap_or(usize::MAX);
        self.window.get(begin..).unwrap_or_default()
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Missing => write!(f, "there is none"),
            Unusable::Damaged { at } => write!(f, "it is damaged at byte {at}"),
            Unusable::TooShort { head, known } => {
                write!(f, "it ends at purge {head}, and stored responses know of {known}")
            }
            Unusable::Unreadable(error) => write!(f, "it cannot be read ({error})"),
        }
    }
}
