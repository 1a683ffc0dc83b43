//! Where pictures are made: by processes of their own, each of which can do nothing but compute, since
//! what decodes the bytes of strangers must be expected to be taken over by them one day.
//!
//! A thread stands behind each process: it takes what is to be made from one queue, hands it over, waits
//! for what comes back, and begins a new process where the old one crashed or took too long. One more
//! makes what nobody waits for, so that nobody waits for it.

#[cfg(test)]
mod feeding_tests;
mod process;
mod supply;

use super::gather::Lost;
use super::held::Held;
use crate::settings::PictureLimits;
use bytes::Bytes;
use imaging::fault::Fault;
use imaging::job::{Job, Task};
use imaging::run::{Effort, Recipe};
use process::Failed;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use supply::{Supplies, supplies};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use process::{Hello, Process, Program};

/// How long a process is kept that has nothing to do.
const IDLE: Duration = Duration::from_secs(60);
/// How much longer what nobody waits for may take.
const PATIENCE: u32 = 6;
/// How much of what nobody waits for is under way: one is made, and the source of another is read.
const PATIENT_TURNS: usize = 2;
/// Memory for sources is counted in pieces of so many bytes.
const MEMORY_PIECE: u64 = 4 << 10;

/// Makes pictures.
#[derive(Debug)]
pub struct Workshop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: Program,
    limits: PictureLimits,
    places: Arc<Semaphore>,
    /// The places of what nobody waits for: it must not take those of what somebody does.
    patient_places: Semaphore,
    patient_turns: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    queues: Mutex<Queues>,
    /// Told when there is something to do, or nothing any more.
    called: Condvar,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Queues {
    urgent: VecDeque<Order>,
    patient: VecDeque<Order>,
    is_closed: bool,
}

#[derive(Debug)]
struct Order {
    job: Job,
    supplies: Supplies,
    tell: oneshot::Sender<Result<Done, Refused>>,
    _place: OwnedSemaphorePermit,
}

/// What something is made of.
#[derive(Clone, Debug)]
pub struct Material {
    /// The source.
    pub source: Held,
    /// What is drawn over it; nothing where it is empty.
    pub mark: Bytes,
}

/// What came of it.
#[derive(Debug)]
pub struct Done {
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Why nothing came of it.
#[derive(Debug)]
pub enum Refused {
    /// The source is the reason.
    Source(Fault),
    /// It took longer than may be.
    TimedOut,
    /// Whoever made it died of it.
    Crashed,
    /// The source could not be read to its end, or was not the same any more.
    Lost(Lost),
    /// Nobody can be had who makes it.
    NoProcess(io::Error),
}

/// What was counted since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Pictures, and what is known of sources, that were made.
    pub made: AtomicU64,
    /// Sources of which none could be made.
    pub refused: AtomicU64,
    /// Those that took too long.
    pub timed_out: AtomicU64,
    /// Processes that died.
    pub crashed: AtomicU64,
    /// Requests that were turned away since too many wait.
    pub busy: AtomicU64,
    /// Time that making took, in microseconds.
    pub micros: AtomicU64,
}

/// Who makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// What somebody waits for.
    Urgent,
    /// What nobody waits for.
    Patient,
}

impl Workshop {
    /// One whose processes are of that program. They are begun when they are needed.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn open(program: Program, limits: PictureLimits) -> io::Result<Arc<Workshop>> {
        let pieces = usize::try_from(limits.memory_bytes.div_ceil(MEMORY_PIECE));
        let pieces = pieces.unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        let inner = Arc::new(Inner {
            program,
            places: Arc::new(Semaphore::new(limits.workers + limits.queue)),
            patient_places: Semaphore::new(PATIENT_TURNS + limits.queue),
            patient_turns: Arc::new(Semaphore::new(PATIENT_TURNS)),
            memory: Arc::new(Semaphore::new(pieces)),
            queues: Mutex::default(),
            called: Condvar::new(),
            counts: Counts::default(),
            limits,
        });
        let urgent = (0..inner.limits.workers).map(|_| Role::Urgent);
        for role in urgent.chain([Role::Patient]) {
            let inner = inner.clone();
            thread::Builder::new().name("pictures".into()).spawn(move || inner.work(role))?;
        }
        Ok(Arc::new(Workshop(inner)))
    }

    /// A place among those that are made or wait, if there is one.
    pub fn enter(&self) -> Option<OwnedSemaphorePermit> {
        let place = self.0.places.clone().try_acquire_owned().ok();
        if place.is_none() {
            count(&self.0.counts.busy);
        }
        place
    }

    /// Waits for the turn of what nobody waits for, which comes before its source is asked for: else its
    /// source would take the memory that others need. Nothing where as much waits as may.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let _place = self.0.patient_places.try_acquire().ok()?;
        self.0.patient_turns.clone().acquire_owned().await.ok()
    }

    /// Waits for memory for a source of so many bytes.
    pub async fn memory_for(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let most = self.0.limits.memory_bytes.div_ceil(MEMORY_PIECE);
        // One that is longer than all there is has all of it.
        let pieces = u32::try_from(bytes.div_ceil(MEMORY_PIECE).min(most)).unwrap_or(u32::MAX);
        self.0.memory.clone().acquire_many_owned(pieces).await.ok()
    }

    /// What remains of memory for a source that turned out to have so many bytes; the rest is given back.
    pub fn fitted(mut memory: OwnedSemaphorePermit, bytes: u64) -> OwnedSemaphorePermit {
        let pieces = usize::try_from(bytes.div_ceil(MEMORY_PIECE)).unwrap_or(usize::MAX);
        let over = memory.num_permits().saturating_sub(pieces);
        drop(memory.split(over));
        memory
    }

    /// How long a source may take to come, and then the making.
    pub fn timeout(&self) -> Duration {
        self.0.limits.timeout
    }

    /// Has something made of a source. What of it lies on disk is read meanwhile, and no more once this
    /// is dropped.
    ///
    /// # Errors
    /// Why nothing came of it.
    pub async fn make(
        &self,
        place: OwnedSemaphorePermit,
        job: Job,
        material: Material,
    ) -> Result<Done, Refused> {
        let (tell, mut told) = oneshot::channel();
        let (supplies, feeder) = supplies(material);
        self.0.take(Order { job, supplies, tell, _place: place });
        let done = match feeder {
            None => told.await,
            Some(feeder) => tokio::select! {
                biased;
                done = &mut told => done,
                () = feeder.run() => told.await,
            },
        };
        done.unwrap_or(Err(Refused::Crashed))
    }

    /// What was counted.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        let queues = self.0.queues();
        queues.urgent.len() + queues.patient.len()
    }
}

/// Without it nothing more can be asked for.
impl Drop for Workshop {
    fn drop(&mut self) {
        self.0.queues().is_closed = true;
        self.0.called.notify_all();
    }
}

impl Inner {
    /// What each thread does, until there is no workshop any more.
    fn work(&self, role: Role) {
        let mut process: Option<Process> = None;
        loop {
            match self.next(role) {
                Next::Order(task) if task.tell.is_closed() => {}
                Next::Order(task) => {
                    let Order { job, supplies, tell, _place } = *task;
                    let done = self.make(&mut process, role, &job, &supplies);
                    // Who asked may have left.
                    let _ = tell.send(done);
                }
                Next::Nothing => process = None,
                Next::End => return,
            }
        }
    }

    fn take(&self, order: Order) {
        let is_patient =
            matches!(order.job.task, Task::Picture(Recipe { effort: Effort::Thorough, .. }));
        let mut queues = self.queues();
        match is_patient {
            true => queues.patient.push_back(order),
            false => queues.urgent.push_back(order),
        }
        drop(queues);
        // All, since some do only what nobody waits for.
        self.called.notify_all();
    }

    fn next(&self, role: Role) -> Next {
        let mut queues = self.queues();
        let until = Instant::now() + IDLE;
        loop {
            let queue = match role {
                Role::Urgent => &mut queues.urgent,
                Role::Patient => &mut queues.patient,
            };
            if let Some(task) = queue.pop_front() {
                return Next::Order(Box::new(task));
            }
            if queues.is_closed {
                return Next::End;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Nothing;
            }
            let waited = self.called.wait_timeout(queues, left);
            queues = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn make(
        &self,
        process: &mut Option<Process>,
        role: Role,
        job: &Job,
        supplies: &Supplies,
    ) -> Result<Done, Refused> {
        let begun = Instant::now();
        let patience = match role {
            Role::Urgent => self.limits.timeout,
            Role::Patient => self.limits.timeout.saturating_mul(PATIENCE),
        };
        let done = self.attempt(process, role, job, supplies, patience);
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counts.micros.fetch_add(micros, Ordering::Relaxed);
        count(match &done {
            Ok(_) => &self.counts.made,
            Err(Refused::Source(_)) => &self.counts.refused,
            Err(Refused::TimedOut) => &self.counts.timed_out,
            Err(Refused::Crashed | Refused::NoProcess(_)) => &self.counts.crashed,
            // Nobody who makes is to blame.
            Err(Refused::Lost(_)) => return done,
        });
        done
    }

    fn attempt(
        &self,
        kept: &mut Option<Process>,
        role: Role,
        job: &Job,
        supplies: &Supplies,
        patience: Duration,
    ) -> Result<Done, Refused> {
        // One that had nothing to do may have been ended by others, and what ended one that did other
        // things before need not be this source: once more, by a new one.
        let is_kept = kept.is_some();
        let process = match kept.take() {
            Some(process) => process,
            None => self.begin(role)?,
        };
        match process.make(job, supplies, patience) {
            Ok((done, process)) => {
                *kept = process;
                done.map_err(Refused::Source)
            }
            Err(Failed::Gone | Failed::Died) if is_kept => {
                let fresh = self.begin(role)?;
                match fresh.make(job, supplies, patience) {
                    Ok((done, process)) => {
                        *kept = process;
                        done.map_err(Refused::Source)
                    }
                    Err(failed) => Err(failed.into()),
                }
            }
            Err(failed) => Err(failed.into()),
        }
    }

    fn begin(&self, role: Role) -> Result<Process, Refused> {
        Process::begin(&self.program, role == Role::Patient).map(|(process, _)| process).map_err(
            |error| {
                tracing::warn!("no process can be begun that makes pictures: {error}");
                Refused::NoProcess(error)
            },
        )
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a thread does next.
enum Next {
    Order(Box<Order>),
    /// Nothing came for a while.
    Nothing,
    End,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl From<Failed> for Refused {
    fn from(failed: Failed) -> Refused {
        match failed {
            Failed::TimedOut => Refused::TimedOut,
            Failed::Gone | Failed::Died => Refused::Crashed,
            Failed::Lost(lost) => Refused::Lost(lost),
        }
    }
}

impl Refused {
    /// Whether something that is easier to make may be made of the same source.
    pub fn is_of_the_making(&self) -> bool {
        matches!(self, Refused::TimedOut | Refused::Crashed)
    }

    /// The status of an answer that says so.
    pub fn status(&self) -> u16 {
        match self {
            Refused::Source(_) | Refused::Crashed | Refused::Lost(Lost::TooLong) => 422,
            Refused::Lost(Lost::Broken) => 502,
            Refused::TimedOut | Refused::Lost(Lost::TooSlow) => 504,
            Refused::NoProcess(_) => 500,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Source(fault) => fault.fmt(f),
            Refused::TimedOut => f.write_str("it took longer than may be (images.timeout)"),
            Refused::Crashed | Refused::Lost(_) => f.write_str("its source cannot be read"),
            Refused::NoProcess(_) => f.write_str("this server has no process to make it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_does_not_need_of_memory_is_given_back() {
        let all = Arc::new(Semaphore::new(10));
        let held = all.clone().try_acquire_many_owned(8).expect("there are ten");
        let held = Workshop::fitted(held, 2 * MEMORY_PIECE + 1);
        assert_eq!((held.num_permits(), all.available_permits()), (3, 7));
        let held = Workshop::fitted(held, u64::MAX);
        assert_eq!(held.num_permits(), 3);
        drop(Workshop::fitted(held, 0));
        assert_eq!(all.available_permits(), 10);
    }
}
