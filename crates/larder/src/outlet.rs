//! The ways to this process' standard output and standard error for lines that must hold up nobody: a
//! thread of its own writes to each of them, and alone waits where nobody reads.
//!
//! What Larder says of itself never waits: what finds no room is lost, counted, and said so. What an
//! app prints waits for its turn, one piece at a time, so that it takes no room from Larder's lines.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long what still waits at the process' end is written for.
pub const LAST_LINES: Duration = Duration::from_secs(1);
/// Bytes of Larder's own lines that may wait.
const MAX_OWN_BYTES: usize = 1 << 20;
/// How often who waits for its turn looks whether its patience has changed.
const LOOK_EVERY: Duration = Duration::from_millis(50);

static OUTPUT: OnceLock<Outlet> = OnceLock::new();
static ERRORS: OnceLock<Outlet> = OnceLock::new();

/// The way to standard output, which begins with the first call.
///
/// # Errors
/// When no thread can be had.
pub fn output() -> io::Result<&'static Outlet> {
    once(&OUTPUT, || Outlet::begin("output", io::stdout()))
}

/// The way to standard error, which begins with the first call.
///
/// # Errors
/// When no thread can be had.
pub fn errors() -> io::Result<&'static Outlet> {
    once(&ERRORS, || Outlet::begin("errors", io::stderr()))
}

/// The way to standard error, if it has begun.
pub fn errors_begun() -> Option<&'static Outlet> {
    ERRORS.get()
}

/// Waits at the process' end until what waits was written, for [`LAST_LINES`] at most.
pub fn finish() {
    let until = Instant::now() + LAST_LINES;
    for outlet in [&OUTPUT, &ERRORS].into_iter().filter_map(OnceLock::get) {
        outlet.flush(until.saturating_duration_since(Instant::now()));
    }
}

/// How long an app waits with what it prints; others may change it meanwhile. For ever at first.
#[derive(Debug)]
pub struct Patience(AtomicU64);

impl Default for Patience {
    fn default() -> Patience {
        Patience(AtomicU64::new(u64::MAX))
    }
}

impl Patience {
    /// From now on it is that.
    pub fn is(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.0.store(millis, Ordering::Relaxed);
    }

    fn is_over(&self, since: Instant) -> bool {
        since.elapsed().as_millis() >= u128::from(self.0.load(Ordering::Relaxed))
    }
}

/// A way to a stream. Its thread ends with the process.
#[derive(Debug)]
pub struct Outlet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Told whenever the queue has changed.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    /// Of those that wait, bytes of Larder's own lines.
    own_bytes: usize,
    /// Whether a piece of an app's waits.
    has_passed: bool,
    is_writing: bool,
    /// Larder's own lines that found no room and were not spoken of yet.
    lost: u64,
}

impl Outlet {
    /// Begins to write there.
    ///
    /// # Errors
    /// When no thread can be had.
    fn begin(name: &str, to: impl Write + Send + 'static) -> io::Result<Outlet> {
        let shared = Arc::<Shared>::default();
        let written = shared.clone();
        std::thread::Builder::new().name(name.into()).spawn(move || written.write(to))?;
        Ok(Outlet(shared))
    }

    /// Has whole lines of Larder's own written. Never waits.
    pub fn say(&self, lines: &[u8]) {
        let mut queue = self.0.queue();
        if queue.own_bytes + lines.len() > MAX_OWN_BYTES {
            queue.lost += 1;
            return;
        }
        queue.own_bytes += lines.len();
        queue.waiting.push_back(lines.to_vec());
        self.0.changed.notify_all();
    }

    /// Has whole lines of an app written, once those before were taken, which may take long; beyond
    /// the patience they are lost.
    pub fn pass(&self, lines: Vec<u8>, patience: &Patience) {
        let since = Instant::now();
        let mut queue = self.0.queue();
        while queue.has_passed {
            if patience.is_over(since) {
                return;
            }
            queue = self.0.wait(queue, LOOK_EVERY);
        }
        queue.has_passed = true;
        queue.waiting.push_back(lines);
        self.0.changed.notify_all();
    }

    /// Waits until all so far was written, if that is within the time, and says whether it was.
    pub fn flush(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut queue = self.0.queue();
        while queue.is_writing || !queue.waiting.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            queue = self.0.wait(queue, left);
        }
        true
    }
}

impl Shared {
    /// Writes what comes, for ever.
    fn write(&self, mut to: impl Write) {
        loop {
            let (lines, lost) = self.next();
            // Where nobody is left to read, what is printed is still taken.
            let _ = lines.iter().try_for_each(|it| to.write_all(it)).and_then(|()| to.flush());
            let mut queue = self.queue();
            queue.is_writing = false;
            self.changed.notify_all();
            drop(queue);
            if lost > 0 {
                tracing::warn!("{lost} lines of Larder's own are missing here: nobody read them");
            }
        }
    }

    /// Waits for something to write; gives it, and how many lines were lost before it.
    fn next(&self) -> (VecDeque<Vec<u8>>, u64) {
        let mut queue = self.queue();
        while queue.waiting.is_empty() {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        (queue.own_bytes, queue.has_passed, queue.is_writing) = (0, false, true);
        self.changed.notify_all();
        (std::mem::take(&mut queue.waiting), std::mem::take(&mut queue.lost))
    }

    fn wait<'q>(&self, queue: MutexGuard<'q, Queue>, time: Duration) -> MutexGuard<'q, Queue> {
        let (queue, _) =
            self.changed.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner);
        queue
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn once(
    cell: &'static OnceLock<Outlet>,
    begin: impl FnOnce() -> io::Result<Outlet>,
) -> io::Result<&'static Outlet> {
    match cell.get() {
        Some(outlet) => Ok(outlet),
        None => {
            let outlet = begin()?;
            Ok(cell.get_or_init(|| outlet))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// An outlet to a pipe that nobody reads, whose writer is at it.
    fn blocked() -> (Outlet, io::PipeReader, Vec<u8>) {
        let (read, write) = io::pipe().expect("a pipe");
        let outlet = Outlet::begin("outlet", write).expect("a thread");
        // More than any pipe holds at first.
        let large = [vec![b'x'; 1 << 18], vec![b'\n']].concat();
        outlet.pass(large.clone(), &Patience::default());
        while !outlet.0.queue().is_writing {
            std::thread::yield_now();
        }
        (outlet, read, large)
    }

    #[test]
    fn what_larder_says_never_waits_and_comes_in_order() {
        let (outlet, mut read, large) = blocked();
        outlet.say(b"first\n");
        outlet.pass(b"app\n".to_vec(), &Patience::default());
        outlet.say(b"second\n");
        assert!(!outlet.flush(Duration::from_millis(1)), "nobody reads");
        let mut found = vec![0; large.len() + 17];
        read.read_exact(&mut found).expect("all comes");
        assert!(found.starts_with(&large));
        assert_eq!(&found[large.len()..], b"first\napp\nsecond\n");
        assert!(outlet.flush(Duration::from_secs(60)));
    }

    #[test]
    fn what_finds_no_room_is_lost_and_counted() {
        let (outlet, _read, _) = blocked();
        let line = [b'y'; 1 << 10];
        for _ in 0..MAX_OWN_BYTES / line.len() + 3 {
            outlet.say(&line);
        }
        let queue = outlet.0.queue();
        assert_eq!((queue.lost, queue.own_bytes), (3, MAX_OWN_BYTES));
    }

    #[test]
    fn an_app_waits_as_long_as_its_patience() {
        let (outlet, _read, _) = blocked();
        let patience = Arc::<Patience>::default();
        outlet.pass(b"waits\n".to_vec(), &patience);
        std::thread::scope(|scope| {
            let passing = scope.spawn(|| outlet.pass(b"lost\n".to_vec(), &patience));
            assert!(!passing.is_finished());
            patience.is(Duration::ZERO);
            passing.join().expect("it gives up");
        });
        assert_eq!(outlet.0.queue().waiting, [b"waits\n"]);
    }
}
