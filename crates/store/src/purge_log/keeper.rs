//! The one who writes the purge log: makes what waits durable, in groups, and then takes it into
//! the table, and then answers.
//!
//! In that order: what is answered is durable and in force, and what is in the table, or has a number
//! that a response can be born at, is never taken back by a crash.

use super::file::LogFile;
use super::refused::Refused;
use super::shared::Shared;
use super::waiting::Waits;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long it waits for purges before it looks whether there is something to mend.
const PATIENCE: Duration = Duration::from_secs(1);

/// The one who writes.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    file: LogFile,
}

impl Keeper {
    pub fn new(shared: Arc<Shared>, file: LogFile) -> Keeper {
        let mut keeper = Keeper { shared, file };
        keeper.file.note_durable();
        keeper.note();
        keeper
    }

    /// What it shares with those who ask.
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Works until the list is closed and empty.
    pub fn run(mut self) {
        while !self.shared.waiting.is_over() {
            self.turn(PATIENCE);
        }
    }

    /// Makes one group durable; says whether there was one.
    pub fn turn(&mut self, patience: Duration) -> bool {
        let group = self.shared.waiting.take(patience);
        let has_work = !group.is_empty();
        if has_work {
            self.settle(group);
        } else if self.file.is_broken() {
            let mended = self.file.mend(&self.shared.table());
            self.shared.tell(mended.err().as_ref());
        }
        self.compact();
        self.note();
        has_work
    }

    fn settle(&mut self, group: Vec<Waits>) {
        let (group, late) = self.numbered(group);
        let codes = group.iter().map(|waits| waits.code.as_slice());
        let appended = match group.is_empty() {
            true => Ok(self.file.tried()),
            false => self.file.append(codes, &self.shared.table()),
        };
        match appended {
            Ok(first) => {
                let purges = group.iter().map(|waits| &waits.purge);
                self.shared.apply(first, purges);
                if !group.is_empty() {
                    self.shared.tell(None);
                }
                for (seq, waits) in (first..).zip(group) {
                    waits.answer.send(Ok(seq));
                }
                self.file.note_durable();
            }
            Err(error) => {
                self.shared.tell(Some(&error));
                let refused = Refused::of(&error);
                group.into_iter().for_each(|waits| waits.answer.send(Err(refused.clone())));
            }
        }
        late.into_iter().for_each(|waits| waits.answer.send(Err(Refused::UsedUp)));
    }

    /// Those that there are numbers for, and those that there are none for.
    fn numbered(&self, mut group: Vec<Waits>) -> (Vec<Waits>, Vec<Waits>) {
        let left = Shared::MAX_SEQ.saturating_sub(self.file.tried());
        let count = group.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let late = group.split_off(count);
        (group, late)
    }

    /// Writes the log anew, if that is worth it. Where it fails the log goes on as it is, and it is
    /// tried again when the log has grown some more.
    fn compact(&mut self) {
        if !self.file.has_grown(&self.shared.table()) {
            return;
        }
        self.shared.forget();
        let rewritten: io::Result<()> = self.file.rewrite(&self.shared.table());
        match rewritten {
            Ok(()) => self.shared.count_compaction(),
            Err(error) => tracing::debug!("the purge log was not written anew: {error}"),
        }
    }

    /// Writes the log anew whether it is worth it or not.
    #[cfg(test)]
    pub fn rewrite(&mut self) -> io::Result<()> {
        let rewritten = self.file.rewrite(&self.shared.table());
        self.note();
        rewritten
    }

    fn note(&self) {
        self.shared.note_file(self.file.bytes(), self.file.is_broken());
    }
}

/// Who still waits when the keeper ends, even by a panic, hears that nobody will answer.
impl Drop for Keeper {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.note_file(self.file.bytes(), true);
        }
        self.shared.waiting.abandon();
    }
}
