//! The file of the purge log: appended to, cut back where a write failed, and written anew.
//!
//! What is durable ends at `end`; nothing is written behind it while something of a failed write may
//! lie there. A file is written anew under another name and takes the place of the old one when all
//! of it is durable; until its name is durable too, nothing is appended to either.

use super::record::{Kind, MAX_RECORD_BYTES, Record};
use super::replay::Replayed;
use crate::disk::{Device, DeviceFile};
use policy::purge::{Born, Table, code};
use std::io;
use std::sync::Arc;

/// The folder of the log.
pub(crate) const FOLDER: &str = "purges";
/// Its file.
pub(crate) const LOG: &str = "purges/log";
/// What is to become its file.
const TEMPORARY: &str = "purges/log.tmp";
/// Bytes of the table in one record, about.
const MARKS_BYTES: usize = 64 << 10;
/// Less than this is not worth writing the log anew, in bytes.
const WORTH_BYTES: u64 = 1 << 20;
/// Bytes of a line of the table on disk, about.
const MARK_BYTES: u64 = 32;

/// What must be done before anything can be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    /// Cut off what a failed write may have left.
    Cut,
    /// Write the log anew: which of two files has its name is not known for sure.
    Rewrite,
}

/// The file.
pub(crate) struct LogFile {
    device: Arc<dyn Device>,
    seed: u64,
    file: Arc<dyn DeviceFile>,
    /// The log and its newest durable purge.
    head: Born,
    /// The greatest number that was tried.
    tried: u64,
    /// Bytes that are durable.
    end: u64,
    /// Where the purges begin.
    purges_from: u64,
    /// From how many bytes on it is written anew; more than is worth it after a failure.
    rewrite_at: u64,
    repair: Option<Repair>,
    buffer: Vec<u8>,
}

impl LogFile {
    /// Goes on with a log that was read. What was read is made durable, so that no number is known
    /// that a power cut would take back.
    ///
    /// # Errors
    /// What the system says. A tail that cannot be cut off now is none: it is cut off later.
    pub fn go_on(
        device: Arc<dyn Device>,
        seed: u64,
        replayed: Replayed,
    ) -> io::Result<(LogFile, Table)> {
        let Replayed { file, table, purges_from, end, torn, .. } = replayed;
        file.sync()?;
        device.sync_folder(FOLDER)?;
        device.sync_folder("")?;
        let mut log = LogFile::of(device, seed, &table, (file, purges_from, end));
        log.repair = (torn > 0).then_some(Repair::Cut);
        // What stays is noted: nothing is appended before it is gone.
        let _ = log.mend(&table);
        Ok((log, table))
    }

    /// Begins a log with that table.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(device: Arc<dyn Device>, seed: u64, table: &Table) -> io::Result<LogFile> {
        device.make_folder(FOLDER)?;
        let (file, end) = write_anew(&*device, seed, table)?;
        device.rename(TEMPORARY, LOG)?;
        device.sync_folder(FOLDER)?;
        device.sync_folder("")?;
        Ok(LogFile::of(device, seed, table, (file, end, end)))
    }

    /// The log of a table, in a file whose first purge is or would be at `purges_from`.
    fn of(
        device: Arc<dyn Device>,
        seed: u64,
        table: &Table,
        (file, purges_from, end): (Arc<dyn DeviceFile>, u64, u64),
    ) -> LogFile {
        let head = table.head();
        let (tried, buffer, rewrite_at, repair) = (head.seq, Vec::new(), 0, None);
        LogFile { device, seed, file, head, tried, end, purges_from, rewrite_at, repair, buffer }
    }

    /// Appends purges, by their codes, and makes them durable: all or none. Gives the number of the
    /// first; the others follow it. `table` is what the log says until now.
    ///
    /// # Errors
    /// What the system says. Then nothing was appended, and the numbers are not used again.
    pub fn append<'c>(
        &mut self,
        codes: impl Iterator<Item = &'c [u8]>,
        table: &Table,
    ) -> io::Result<u64> {
        self.mend(table)?;
        let first = self.tried + 1;
        let (mut before, mut seq) = (self.head.seq, self.tried);
        self.buffer.clear();
        for content in codes {
            seq += 1;
            let (log_id, durable) = (self.head.log_id, self.end);
            let record = Record { kind: Kind::Purge, log_id, seq, before, durable, content };
            let place = self.end + self.buffer.len() as u64;
            record.append(self.seed, place, &mut self.buffer);
            before = seq;
        }
        self.tried = seq;
        let written = self.file.write_at(&self.buffer, self.end).and_then(|()| self.file.sync());
        if let Err(error) = written {
            self.repair = Some(Repair::Cut);
            let _ = self.mend(table);
            return Err(error);
        }
        self.end += self.buffer.len() as u64;
        self.head.seq = seq;
        Ok(first)
    }

    /// Notes behind the last purge that it is durable. Nothing is lost where that fails: the next
    /// purge is written over it.
    pub fn note_durable(&mut self) {
        if self.repair.is_some() {
            return;
        }
        let Born { log_id, seq } = self.head;
        let (kind, durable) = (Kind::Durable, self.end);
        let note = Record { kind, log_id, seq, before: seq, durable, content: &[] };
        self.buffer.clear();
        note.append(self.seed, self.end, &mut self.buffer);
        if let Err(error) = self.file.write_at(&self.buffer, self.end) {
            tracing::debug!("a note in the purge log was not written: {error}");
        }
    }

    /// The greatest number that was tried.
    pub fn tried(&self) -> u64 {
        self.tried
    }

    /// Whether something must be mended before anything can be appended.
    pub fn is_broken(&self) -> bool {
        self.repair.is_some()
    }

    /// Bytes of the file that count.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// Mends what failed before, if something did.
    ///
    /// # Errors
    /// What the system says.
    pub fn mend(&mut self, table: &Table) -> io::Result<()> {
        match self.repair {
            None => Ok(()),
            Some(Repair::Cut) => {
                self.file.set_len(self.end)?;
                self.file.sync()?;
                self.repair = None;
                Ok(())
            }
            Some(Repair::Rewrite) => self.rewrite(table),
        }
    }

    /// Whether it has grown to more than twice what the table takes, so that it is worth writing
    /// anew.
    pub fn has_grown(&self, table: &Table) -> bool {
        let stats = table.stats();
        let live = (stats.scopes + stats.floors) as u64 * MARK_BYTES;
        let grown = self.end - self.purges_from;
        self.repair.is_none() && grown > (2 * live).max(WORTH_BYTES) && self.end >= self.rewrite_at
    }

    /// Writes the log anew, with nothing but the table.
    ///
    /// # Errors
    /// What the system says. The log is as it was then, or is mended before anything is appended.
    pub fn rewrite(&mut self, table: &Table) -> io::Result<()> {
        debug_assert_eq!(table.head(), self.head, "the table is what the log says");
        self.rewrite_at = self.end + WORTH_BYTES;
        let (file, end) = write_anew(&*self.device, self.seed, table)?;
        self.repair = Some(Repair::Rewrite);
        self.device.rename(TEMPORARY, LOG)?;
        self.device.sync_folder(FOLDER)?;
        (self.file, self.end, self.purges_from) = (file, end, end);
        (self.repair, self.rewrite_at) = (None, 0);
        Ok(())
    }
}

/// Removes what a rewriting that was cut off left.
pub(crate) fn tidy(device: &dyn Device) {
    if let Err(error) = device.remove(TEMPORARY)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!("{TEMPORARY} stays: {error}");
    }
}

/// Writes a whole log under the temporary name and makes it durable; gives it and its length.
fn write_anew(
    device: &dyn Device,
    seed: u64,
    table: &Table,
) -> io::Result<(Arc<dyn DeviceFile>, u64)> {
    tidy(device);
    let file = device.create_new(TEMPORARY)?;
    let mut out = Output { file: &*file, seed, head: table.head(), end: 0, bytes: Vec::new() };
    let written = out.table(table).and_then(|()| file.sync());
    let end = out.end;
    match written {
        Ok(()) => Ok((file, end)),
        Err(error) => {
            tidy(device);
            Err(error)
        }
    }
}

struct Output<'f> {
    file: &'f dyn DeviceFile,
    seed: u64,
    head: Born,
    end: u64,
    bytes: Vec<u8>,
}

impl Output<'_> {
    fn table(&mut self, table: &Table) -> io::Result<()> {
        self.put(Kind::Begin, &[])?;
        let mut content = Vec::with_capacity(MARKS_BYTES + 64);
        for mark in table.marks() {
            code::encode_mark(&mark, &mut content);
            self.put_full(Kind::Marks, &mut content, MARKS_BYTES)?;
        }
        self.put_full(Kind::Marks, &mut content, 1)?;
        for pattern in table.patterns() {
            code::encode_pattern(pattern, &mut content);
            self.put_full(Kind::Patterns, &mut content, MARKS_BYTES)?;
        }
        self.put_full(Kind::Patterns, &mut content, 1)?;
        self.put(Kind::End, &[])
    }

    /// Puts a record if there is so much of it, and begins the next.
    fn put_full(&mut self, kind: Kind, content: &mut Vec<u8>, least: usize) -> io::Result<()> {
        debug_assert!(content.len() < MAX_RECORD_BYTES);
        if content.len() >= least {
            self.put(kind, content)?;
            content.clear();
        }
        Ok(())
    }

    fn put(&mut self, kind: Kind, content: &[u8]) -> io::Result<()> {
        let Born { log_id, seq } = self.head;
        let record = Record { kind, log_id, seq, before: seq, durable: 0, content };
        self.bytes.clear();
        record.append(self.seed, self.end, &mut self.bytes);
        self.file.write_at(&self.bytes, self.end)?;
        self.end += self.bytes.len() as u64;
        Ok(())
    }
}
