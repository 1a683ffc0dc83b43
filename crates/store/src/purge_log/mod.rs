//! The purge log: every purge, in one order, durable before it is answered.
//!
//! [`PurgeLog`] is the door. Purges are appended to a file in the folder of the disk tier
//! (`record`, `file`, `replay`), by one thread that makes all that wait durable together (`keeper`,
//! `waiting`), and folded into [`policy::purge::Table`]. Without a disk there is the table alone.
//!
//! A purge that was answered is there after any crash, or the log begins anew under another name:
//! then all that was stored before counts as purged. Never are there fewer purges without that.

mod file;
mod keeper;
mod news;
mod next;
mod recent;
mod record;
mod refused;
mod replay;
mod shared;
mod waiting;

#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod measure_tests;
#[cfg(test)]
mod seeds_tests;

pub use news::Tidings;
pub use next::NextPurge;
pub use recent::Noted;
pub use record::{ALIGN, Kind, MAX_RECORD_BYTES, Record};
pub use refused::Refused;
pub use shared::PurgeStats;
pub use waiting::Appended;

use crate::disk::{Device, OpenError, read_format};
use file::{LOG, LogFile};
pub(crate) use keeper::Keeper;
use policy::purge::{
    Born, Candidates, Purge, Standing, Subject, Table, TableLimits, Verdict, code,
};
use replay::{Unusable, replay};
use shared::Shared;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// How a log is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// How much is told apart.
    pub limits: TableLimits,
    /// The name of the log if it begins anew: by chance, another one at each start.
    pub fresh_log_id: u64,
    /// The latest birth of what is stored, where it is known: a log that ends before it has lost
    /// purges.
    pub known: Option<Born>,
}

/// The purge log. One for the whole process.
pub struct PurgeLog {
    shared: Arc<Shared>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    has_disk: bool,
}

impl PurgeLog {
    /// A log in memory only, for a store without a disk: it ends with the process, like what is
    /// stored.
    pub fn in_memory(settings: Settings) -> PurgeLog {
        let table = Table::new(settings.fresh_log_id, 0, settings.limits);
        let shared = Arc::new(Shared::new(table));
        PurgeLog { shared, keeper: Mutex::new(None), has_disk: false }
    }

    /// Opens the log in a folder that [`crate::disk::Disk::open`] has taken, and starts the thread
    /// that writes it. Where the log cannot be gone on with it begins anew under another name, and
    /// that is logged.
    ///
    /// # Errors
    /// If the folder is no store, or a log can neither be gone on with nor begun.
    pub fn open(device: Arc<dyn Device>, settings: Settings) -> Result<PurgeLog, OpenError> {
        let keeper = open(device, settings)?;
        let shared = keeper.shared();
        let run = move || keeper.run();
        let thread = thread::Builder::new().name("purge-log".to_owned()).spawn(run);
        let thread = thread.map_err(OpenError::at("the thread of the purge log"))?;
        Ok(PurgeLog { shared, keeper: Mutex::new(Some(thread)), has_disk: true })
    }

    /// Appends a purge. It is in force when the answer is [`Ok`], and durable; if it is refused,
    /// nothing of it is in force, see [`Refused`].
    pub fn append(&self, purge: Purge) -> Appended {
        let mut bytes = Vec::new();
        code::encode(&purge, &mut bytes);
        if bytes.len() > MAX_RECORD_BYTES - record::HEAD {
            return Appended::known(Err(Refused::TooLong));
        }
        if self.has_disk {
            return self.shared.waiting.put(purge, bytes);
        }
        Appended::known(self.shared.apply_next(&purge).ok_or(Refused::UsedUp))
    }

    /// The number of the newest purge: one atomic load. What was found valid at this head, read
    /// *before* it was checked, is valid as long as the head stays.
    pub fn head(&self) -> u64 {
        self.shared.head()
    }

    /// Where a response is born whose request leaves now.
    pub fn born(&self) -> Born {
        self.shared.born()
    }

    /// What purges say of a stored response. `since` is a head at which the answer was
    /// [`Verdict::Valid`] before, or 0; see [`Table::check`].
    pub fn check(&self, subject: &Subject<'_>, born: Born, since: u64) -> Verdict {
        self.shared.check(subject, born, since)
    }

    /// What purges say of a stored response, and which of them; for who asks why.
    pub fn standing(&self, candidates: &Candidates<'_>) -> Standing {
        self.shared.table().standing(candidates)
    }

    /// What is remembered of a purge, if it is one of the last.
    pub fn noted(&self, seq: u64) -> Option<Noted> {
        self.shared.recent().get(seq).cloned()
    }

    /// The purges of tags and of whole sites that came since a point in the log.
    pub fn tidings(&self, since: Born) -> Tidings {
        // Read first: what is up to it is noted.
        let head = self.born();
        let can_be = since.log_id == head.log_id && since.seq <= head.seq;
        let recent = self.shared.recent();
        let news = can_be.then(|| recent.news().between(since.seq, head.seq)).flatten();
        Tidings { head, news }
    }

    /// Waits until there is a purge with a greater number.
    pub fn next(&self, after: u64) -> NextPurge {
        NextPurge::new(self.shared.clone(), after)
    }

    /// Notes that nothing is stored, in any tier, that was born before `least`: older purges are
    /// given up when the log is next written anew.
    pub fn note_least_born(&self, least: u64) {
        self.shared.note_least(least);
        if !self.has_disk {
            self.shared.forget();
        }
    }

    /// Sizes and counts now.
    pub fn stats(&self) -> PurgeStats {
        self.shared.stats()
    }

    /// Takes no more purges, and waits until those that were taken are answered.
    pub fn close(&self) {
        self.shared.waiting.close();
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if keeper.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the purge log panicked");
        }
    }

    /// A log whose keeper works when it is told to.
    #[cfg(test)]
    pub(crate) fn by_hand(keeper: &Keeper) -> PurgeLog {
        PurgeLog { shared: keeper.shared(), keeper: Mutex::new(None), has_disk: true }
    }
}

impl Drop for PurgeLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for PurgeLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PurgeLog").field("head", &self.born()).finish_non_exhaustive()
    }
}

/// Opens the log of a folder, without a thread.
pub(crate) fn open(device: Arc<dyn Device>, settings: Settings) -> Result<Keeper, OpenError> {
    let seed = read_format(&*device)?.seed;
    file::tidy(&*device);
    let mut recent = None;
    let (file, table) = match replay(&*device, seed, settings.limits, settings.known) {
        Ok(mut replayed) => {
            recent = Some(std::mem::take(&mut replayed.recent));
            LogFile::go_on(device, seed, replayed).map_err(OpenError::at(LOG))?
        }
        Err(why) => {
            tell(&why);
            let table = Table::new(settings.fresh_log_id, 0, settings.limits);
            let file = LogFile::begin(device, seed, &table).map_err(OpenError::at(LOG))?;
            (file, table)
        }
    };
    let shared = Shared::new(table);
    let shared = match recent {
        Some(recent) => shared.with(recent),
        None => shared,
    };
    Ok(Keeper::new(Arc::new(shared), file))
}

fn tell(why: &Unusable) {
    match why {
        Unusable::Missing => tracing::debug!("a purge log is begun"),
        _ => tracing::warn!(
            "the purge log begins anew: {why}. All that was stored before counts as purged"
        ),
    }
}
