//! One feed as it lives: it waits until it is due, runs, and says how it went. One at a time by
//! construction, since one task does it all.

use crate::calls::{Calls, Heard};
use crate::edition::Edition;
use crate::fetch::Fault;
use crate::folder::{Folder, Listed};
use crate::pictures::{Fetching, Progress};
use crate::published::Published;
use crate::refresh::{self, Done, Run, at};
use crate::schedule::retry;
use crate::settings::Feed;
use crate::sweep;
use crate::told::{Stands, State, Told};
use policy::time::Timestamp;
use proxy::clock::Clock;
use proxy::outward::Outward;
use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Store;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

/// By how much a clock may go back without having stepped, in milliseconds.
const STEP_BACK_MILLIS: u64 = 60_000;
/// How often the clock is looked at: a machine that slept wakes up to runs that are due.
const LOOK: Duration =
    Duration::from_millis(if cfg!(feature = "turned-clock") { 20 } else { 1000 });

/// What a feed is asked to do.
#[derive(Debug)]
pub enum Command {
    /// To run at once, once.
    Refresh {
        /// Whether it may have ever so few items.
        accept_shrink: bool,
        /// Hears how it went.
        reply: oneshot::Sender<Result<Ended, NotDone>>,
    },
    /// To remove what nothing names.
    Sweep {
        /// Only to say what would go.
        dry_run: bool,
        /// Hears what is gone.
        reply: oneshot::Sender<Result<Vec<Listed>, NotDone>>,
    },
    /// To forget its edition and all files.
    Drop {
        /// Hears whether it did.
        reply: oneshot::Sender<Result<(), NotDone>>,
    },
}

/// How a run ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Whether readers see something else than before.
    pub is_new: bool,
    /// Items.
    pub items: usize,
    /// Pictures that lie here.
    pub pictures: usize,
    /// Pictures that keep their URLs.
    pub missing: usize,
    /// Pictures beyond `max_images`, which keep theirs too.
    pub beyond: usize,
}

/// Why what a feed was asked for was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// It is being fetched just now.
    Busy,
    /// It failed.
    Failed(Fault),
    /// There is no such feed.
    Unknown,
    /// The process ends, or the feed does for a moment.
    Ending,
}

impl From<TrySendError<Command>> for NotDone {
    fn from(error: TrySendError<Command>) -> NotDone {
        match error {
            TrySendError::Full(_) => NotDone::Busy,
            // Nobody is there to be busy.
            TrySendError::Closed(_) => NotDone::Ending,
        }
    }
}

impl Command {
    /// Tells who asked that the feed is busy.
    fn turn_away(self) {
        // Who does not wait any more need not hear.
        match self {
            Command::Refresh { reply, .. } => drop(reply.send(Err(NotDone::Busy))),
            Command::Sweep { reply, .. } => drop(reply.send(Err(NotDone::Busy))),
            Command::Drop { reply } => drop(reply.send(Err(NotDone::Busy))),
        }
    }
}

/// A feed and all that it needs.
pub struct Keeper {
    /// What it is told.
    pub feed: Arc<Feed>,
    /// Where its files lie.
    pub folder: Arc<Folder>,
    /// What readers find.
    pub published: Arc<Published>,
    /// What readers find out.
    pub calls: Arc<Calls>,
    /// What is told of it.
    pub told: Arc<Mutex<Told>>,
    /// The edition that stands.
    pub edition: Option<Edition>,
    /// How far a run has come.
    pub progress: Arc<Progress>,
    /// Asks.
    pub outward: Rc<Outward>,
    /// The clock.
    pub clock: Arc<Clock>,
    /// Knows the head of the purge log.
    pub store: Arc<Store>,
    /// Pictures that are fetched at once.
    pub concurrency: usize,
    /// What tells this node's pauses from others'.
    pub seed: u64,
    /// Runs that failed since the last that did not.
    pub attempt: u32,
    /// Whether the next run asks for the document whatever is there.
    pub anew: bool,
    /// Whether what nothing names may go: not while an edition lies there that cannot be used, nor while
    /// it is not known which one a loss of power would leave.
    pub sweeps: bool,
    /// Files that readers could not read and whether they were damaged: each is told of once until there is
    /// another edition, since readers find out again and again.
    pub troubles: HashMap<Box<str>, bool>,
    /// The upstream is let alone until then, but for who asks by hand.
    pub not_before: Timestamp,
}

impl Keeper {
    /// Lives until `commands` ends.
    pub async fn keep(mut self, commands: &mut mpsc::Receiver<Command>) {
        self.sweep(false);
        let now = self.clock.now();
        // It was noted by a clock that may have been wrong.
        let rest_until = Timestamp(self.folder.rest_until()).min(at(now, retry::MOST_TOLD));
        self.not_before = self.not_before.max(rest_until);
        let mut due = now.max(self.not_before);
        loop {
            self.lock().next_run = Some(due);
            let (clock, calls) = (self.clock.clone(), self.calls.clone());
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None => return,
                    Some(command) => {
                        let Some(next) = self.obey(command, commands, due).await else { return };
                        due = next;
                    }
                },
                heard = calls.next() => {
                    if self.hear(heard) {
                        due = due.min(self.clock.now().max(self.not_before));
                    }
                }
                () = until(&clock, due) => {
                    let Some(outcome) = self.run(commands, false).await else { return };
                    due = self.next(&outcome, true);
                }
            }
        }
    }

    /// Takes what the keeper before has published meanwhile.
    pub fn look_again(&mut self) {
        let (edition, sweeps) = refresh::standing(&self.feed, &self.folder);
        if edition.is_some() {
            self.published.show(&self.folder, edition.as_ref());
            (self.edition, self.sweeps) = (edition, sweeps);
            self.tell();
        }
    }

    /// Takes the place of one that panicked, with what that has published. It counts as a run that failed,
    /// so that the upstream is asked ever less often where it goes on.
    pub fn take_over(&mut self) {
        let now = self.clock.now();
        tracing::error!("feed {}: its task panicked, and begins anew", self.feed.name);
        let failed = {
            let mut told = self.lock();
            told.note(refresh::disk(io::Error::other("the task of the feed panicked")), now);
            told.state = State::Retrying;
            told.failed_in_a_row
        };
        self.not_before = at(now, retry::pause(failed, None, self.seed));
        self.look_again();
    }

    /// Does what it is asked; gives when it is due then, or nothing at the end.
    async fn obey(
        &mut self,
        command: Command,
        commands: &mut mpsc::Receiver<Command>,
        due: Timestamp,
    ) -> Option<Timestamp> {
        // Who asked and does not wait any more need not hear.
        match command {
            Command::Refresh { accept_shrink, reply } => {
                let outcome = self.run(commands, accept_shrink).await?;
                let due = self.next(&outcome, false);
                let _ = reply.send(outcome.map_err(NotDone::Failed).map(|(ended, _)| ended));
                Some(due)
            }
            Command::Sweep { dry_run, reply } => {
                let _ = reply.send(Ok(self.sweep(dry_run)));
                Some(due)
            }
            Command::Drop { reply } => {
                self.edition = None;
                self.published.show(&self.folder, None);
                let dropped = self.folder.drop_all();
                self.tell();
                let _ = reply.send(dropped.map_err(refresh::disk).map_err(NotDone::Failed));
                Some(due)
            }
        }
    }

    /// Takes note of what readers found out; says whether it is to be fetched anew.
    fn hear(&mut self, heard: Heard) -> bool {
        self.anew |= heard.purged;
        let (mut is_lost, mut is_new) = (false, false);
        for (name, why) in heard.damaged {
            // One that was fetched anew since is whole.
            let is_damaged = self.folder.is_damaged(&name);
            let before = self.troubles.insert(name.clone(), is_damaged);
            if before != Some(is_damaged) {
                self.say_trouble(&name, &why, is_damaged);
                is_new |= is_damaged;
            }
            is_lost |= is_damaged;
        }
        if is_lost {
            self.show_what_is_left(is_new);
        }
        heard.purged || is_lost
    }

    /// Says that a file could not be read; one that is damaged is removed, so that it is fetched anew.
    fn say_trouble(&self, name: &str, why: &str, is_damaged: bool) {
        let feed = &self.feed.name;
        if !is_damaged {
            return tracing::warn!("feed {feed}: {name} could not be read, and is whole: {why}");
        }
        tracing::error!("feed {feed}: {name} is damaged and is fetched anew: {why}");
        if let Err(error) = self.folder.forget(name) {
            tracing::warn!("feed {feed}: {name} cannot be removed: {error}");
        }
    }

    /// Lets readers find no more what is lost, and the document again if it can be made anew. `is_new`:
    /// whether it is worth a word where it cannot.
    fn show_what_is_left(&mut self, is_new: bool) {
        let Some(edition) = self.edition.take() else { return };
        let edition = match refresh::mended(&self.feed, &self.folder, edition.clone()) {
            Ok(edition) => {
                self.troubles.remove(&edition.document.name);
                edition
            }
            Err(what) => {
                if is_new {
                    let feed = &self.feed.name;
                    tracing::error!("feed {feed}: its document cannot be made anew: {what}");
                }
                edition
            }
        };
        self.published.show(&self.folder, Some(&edition));
        self.edition = Some(edition);
    }

    /// Runs once. Whoever asks for something meanwhile hears that it is busy, at once: nobody waits for an
    /// upstream without knowing it. Nothing when the process ends.
    async fn run(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        accept_shrink: bool,
    ) -> Option<Outcome> {
        let now = self.clock.now();
        {
            let mut told = self.lock();
            (told.state, told.last_run, told.next_run) = (State::Fetching, Some(now), None);
            told.runs += 1;
        }
        self.progress.begin();
        let run = Run {
            fetching: self.fetching(),
            before: self.edition.as_ref(),
            head: self.store.head(),
            anew: self.anew,
            accept_shrink,
        };
        let outcome = {
            let mut running = pin!(refresh::run(run));
            loop {
                tokio::select! {
                    outcome = &mut running => break outcome,
                    command = commands.recv() => command?.turn_away(),
                }
            }
        };
        let outcome = outcome.map(|done| self.take(done));
        self.sweep(false);
        Some(outcome)
    }

    fn fetching(&self) -> Fetching {
        Fetching {
            outward: self.outward.clone(),
            feed: self.feed.clone(),
            folder: self.folder.clone(),
            concurrency: self.concurrency,
            progress: self.progress.clone(),
            clock: self.clock.clone(),
        }
    }

    /// Lets readers find what came.
    fn take(&mut self, done: Done) -> (Ended, Option<Duration>) {
        let Done { edition, is_new, is_durable, rest, notes } = done;
        let ended = Ended {
            is_new,
            items: edition.items,
            pictures: edition.pictures.len(),
            missing: edition.missing.len(),
            beyond: edition.beyond,
        };
        self.published.show(&self.folder, Some(&edition));
        self.troubles.clear();
        if is_new {
            let (name, number) = (&self.feed.name, edition.number);
            let Ended { items, pictures, missing, beyond, .. } = ended;
            let beyond = match beyond {
                0 => String::new(),
                beyond => format!(", and {beyond} beyond `max_images`"),
            };
            tracing::info!(
                "feed {name}: edition {number} with {items} items and {pictures} pictures \
                 ({missing} keep their URLs{beyond})"
            );
        }
        for note in notes.iter().filter(|note| !self.lock().notes.contains(note)) {
            tracing::warn!("feed {}: {note}", self.feed.name);
        }
        self.lock().notes = notes;
        (self.edition, self.anew, self.sweeps) = (Some(edition), false, is_durable);
        (ended, rest)
    }

    /// When the next run is due. `retries`: whether one that failed is tried again before its turn.
    fn next(&mut self, outcome: &Outcome, retries: bool) -> Timestamp {
        let now = self.clock.now();
        let turn = self.turn(now).max(now);
        let (next, state) = match outcome {
            Ok((_, rest)) => {
                self.attempt = 0;
                self.let_alone(now, *rest, now);
                (turn, State::Waiting)
            }
            Err(fault) => {
                self.attempt = self.attempt.saturating_add(1);
                self.say(fault, now);
                // However long it fails, it is asked ever less often.
                let failed = self.lock().failed_in_a_row;
                let pause = retry::pause(failed, fault.rest(), self.seed);
                self.let_alone(at(now, pause), fault.rest(), now);
                match retries && self.attempt <= self.feed.retries && self.not_before < turn {
                    true => (self.not_before, State::Retrying),
                    false => {
                        // The retries of the next turn are its own.
                        self.attempt = 0;
                        (turn, State::Waiting)
                    }
                }
            }
        };
        let mut told = self.lock();
        if outcome.is_ok() {
            (told.failed_in_a_row, told.last_error) = (0, None);
        }
        told.state = state;
        drop(told);
        self.tell();
        next.max(self.not_before)
    }

    /// Notes until when the upstream is let alone; what it told itself outlives the process.
    fn let_alone(&mut self, until: Timestamp, told: Option<Duration>, now: Timestamp) {
        self.not_before = until.max(at(now, told.unwrap_or_default()));
        let until = told.map_or(0, |_| self.not_before.0);
        if until != self.folder.rest_until() {
            self.folder.note_rest(until);
        }
    }

    fn say(&self, fault: &Fault, now: Timestamp) {
        let stays = match &self.edition {
            Some(edition) => format!("edition {} stays", edition.number),
            None => "there is no edition yet".to_owned(),
        };
        tracing::warn!("feed {}: {fault}; {stays}", self.feed.name);
        self.lock().note(fault.clone(), now);
    }

    /// When it is due by its schedule, after the run that began last: one that was missed while that
    /// ran, or while the machine slept, is made up once.
    fn turn(&mut self, now: Timestamp) -> Timestamp {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let began = self.lock().last_run.unwrap_or(now);
        let next = self.feed.schedule.next_after(began);
        let period = Duration::from_millis(next.millis_since(began));
        at(next, retry::jitter(self.seed, period, self.feed.jitter))
    }

    /// Tells how it stands.
    pub fn tell(&self) {
        let bytes = self.folder.list().unwrap_or_default().iter().map(|it| it.bytes).sum();
        let mut told = self.lock();
        told.published = self.edition.as_ref().map(Stands::from);
        told.bytes = bytes;
    }

    fn sweep(&self, dry_run: bool) -> Vec<Listed> {
        if !self.sweeps {
            return Vec::new();
        }
        if let Err(error) = self.folder.recount() {
            tracing::warn!("feed {}: its folder cannot be read: {error}", self.feed.name);
        }
        let (now, feed) = (self.clock.now(), &self.feed);
        let orphans = sweep::orphans(&self.folder, self.edition.as_ref(), now, feed.grace);
        match orphans {
            Ok(orphans) if dry_run => orphans,
            Ok(orphans) => {
                let gone = sweep::sweep(&self.folder, orphans);
                if !gone.is_empty() {
                    tracing::info!("feed {}: {} files swept", feed.name, gone.len());
                }
                gone
            }
            Err(error) => {
                tracing::warn!("feed {}: its folder cannot be read: {error}", feed.name);
                Vec::new()
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Outcome = Result<(Ended, Option<Duration>), Fault>;

/// Waits until the clock says so; not where it steps back, for nobody knows then how far it was ahead.
async fn until(clock: &Clock, due: Timestamp) {
    let mut before = clock.now();
    loop {
        let now = clock.now();
        if now >= due || before.millis_since(now) > STEP_BACK_MILLIS {
            return;
        }
        before = now;
        sleep(Duration::from_millis(due.millis_since(now)).min(LOOK)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_ended_is_not_busy() {
        let (sender, commands) = mpsc::channel(1);
        let ask = || {
            let reply = oneshot::channel().0;
            sender.try_send(Command::Drop { reply }).map_err(NotDone::from)
        };
        assert_eq!([ask(), ask()], [Ok(()), Err(NotDone::Busy)]);
        drop(commands);
        assert_eq!(ask(), Err(NotDone::Ending));
    }
}
