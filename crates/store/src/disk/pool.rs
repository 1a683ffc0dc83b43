//! A few threads for reads that wait for a disk, and for syncs.

use super::reply::{Reply, reply};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Jobs that may wait for a thread; what comes beyond is refused.
const MAX_WAITING: usize = 1024;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. They end when the pool is dropped and what waits is done.
pub(crate) struct Pool {
    /// None: jobs are done at once, by who brings them.
    jobs: Option<Arc<Jobs>>,
}

#[derive(Default)]
struct Jobs {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    is_over: bool,
}

impl Pool {
    /// A pool of so many threads; with none, jobs are done in place.
    pub fn new(threads: usize) -> Pool {
        let jobs = (threads > 0).then(Arc::<Jobs>::default);
        let mut started = 0;
        for number in 0..threads {
            let Some(jobs) = jobs.clone() else { break };
            let named = thread::Builder::new().name(format!("disk-{number}"));
            started += usize::from(named.spawn(move || jobs.work()).is_ok());
        }
        Pool { jobs: jobs.filter(|_| started > 0) }
    }

    /// Does a job on a thread; gives it back if too many wait.
    pub fn spawn(&self, job: impl FnOnce() + Send + 'static) -> Result<(), impl FnOnce() + Send> {
        self.spawn_within(MAX_WAITING, job)
    }

    fn spawn_within<J: FnOnce() + Send + 'static>(&self, most: usize, job: J) -> Result<(), J> {
        let Some(jobs) = &self.jobs else {
            job();
            return Ok(());
        };
        let mut state = jobs.lock();
        if state.waiting.len() >= most {
            return Err(job);
        }
        state.waiting.push_back(Box::new(job));
        jobs.came.notify_one();
        Ok(())
    }

    /// Does a job on a thread and gives what it gives; nothing if too many wait.
    pub fn ask<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Reply<T> {
        let (answer, reply) = reply();
        // A job that is refused is dropped, and its answer with it: the other side hears that.
        let _ = self.spawn(move || answer.send(job()));
        reply
    }
}

impl Pool {
    /// The same for what has begun and must not break off: each response waits for one such job at
    /// a time, so there are never more than responses.
    pub fn ask_surely<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Reply<T> {
        let (answer, reply) = reply();
        // None is refused.
        let _ = self.spawn_within(usize::MAX, move || answer.send(job()));
        reply
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(jobs) = &self.jobs {
            jobs.lock().is_over = true;
            jobs.came.notify_all();
        }
    }
}

impl Jobs {
    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&self) -> Option<Job> {
        let nothing = |state: &mut State| state.waiting.is_empty() && !state.is_over;
        let waited = self.came.wait_while(self.lock(), nothing);
        waited.unwrap_or_else(PoisonError::into_inner).waiting.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
