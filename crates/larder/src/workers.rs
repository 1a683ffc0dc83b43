//! The threads of the data path: one a core, each with a runtime of its own.

use crate::supervisor::News;
use anyhow::Context;
use proxy::core::Shared;
use proxy::{Drained, Listeners, serve_core};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, LocalOptions, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// How often the process looks after itself.
pub const PAUSE: Duration = Duration::from_secs(5);
/// So long after the first signal to stop another says the same once more: a supervisor often sends to
/// a process and then to its group.
const REPEATED_WITHIN: Duration = Duration::from_secs(1);

/// The running threads.
#[derive(Debug)]
pub struct Workers(Vec<JoinHandle<io::Result<Drained>>>);

impl Workers {
    /// Starts a thread for each set of listeners.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(
        settings: &watch::Receiver<Arc<Shared>>,
        listeners: Vec<Listeners>,
        stopping: &watch::Receiver<bool>,
    ) -> anyhow::Result<Workers> {
        let start = |(number, listeners)| {
            let (settings, stopping) = (settings.clone(), stopping.clone());
            std::thread::Builder::new()
                .name(format!("core-{number}"))
                .spawn(move || run(number, listeners, settings, stopping))
                .context("a thread for a core")
        };
        listeners.into_iter().enumerate().map(start).collect::<anyhow::Result<_>>().map(Workers)
    }

    /// Waits until all have finished what runs; gives how many connections were cut.
    ///
    /// # Errors
    /// When one of them failed.
    pub fn finish(self) -> anyhow::Result<usize> {
        let mut cut = 0;
        for worker in self.0 {
            let drained = worker.join().map_err(|_| anyhow::anyhow!("a core's thread panicked"))?;
            cut += drained.context("a core's sockets")?.cut;
        }
        Ok(cut)
    }
}

fn run(
    number: usize,
    listeners: Listeners,
    settings: watch::Receiver<Arc<Shared>>,
    stopping: watch::Receiver<bool>,
) -> io::Result<Drained> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let drained = runtime.block_on(serve_core(number, listeners, settings, stopping));
    // What still runs is cut; look-ups of names must not hold up the end.
    runtime.shutdown_background();
    drained
}

/// SIGTERM, SIGINT and SIGHUP, caught from the moment that this is made.
#[derive(Debug)]
pub struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It was told to by a signal of that name.
    Signal(&'static str),
    /// The app that it watched over cannot be kept running; the app's exit code.
    App(u8),
}

/// What a signal or the app asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// To stop.
    Stop(Stop),
    /// To read the configuration again.
    Reload,
    /// To look for the app where it is now.
    Follow,
    /// Nothing: it is time to tidy up.
    Pause,
}

/// What is done until the process ends.
pub trait Chores {
    /// To read the configuration again.
    fn reload(&mut self);
    /// To look for the app where it is now.
    fn follow(&mut self);
    /// To tidy up.
    fn tidy_up(&mut self);
}

impl Signals {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn catch() -> io::Result<Signals> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let _within = runtime.enter();
        let (terminate, interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let hang_up = signal(SignalKind::hangup())?;
        drop(_within);
        Ok(Signals { runtime, terminate, interrupt, hang_up })
    }

    /// Waits for one that asks to stop, or for an app that is given up. SIGHUP before has the
    /// configuration read again, and every [`PAUSE`] it is tidied up. A second one, a second later or
    /// more, ends the process at once.
    ///
    /// # Errors
    /// When no thread can be had to wait for the second.
    pub fn wait(
        mut self,
        mut news: mpsc::UnboundedReceiver<News>,
        chores: &mut impl Chores,
    ) -> io::Result<Stop> {
        let stop = loop {
            match self.next(&mut news) {
                Wish::Stop(stop) => break stop,
                Wish::Reload => chores.reload(),
                Wish::Follow => chores.follow(),
                Wish::Pause => chores.tidy_up(),
            }
        };
        // An app that is given up is no signal that another could repeat.
        let first = matches!(stop, Stop::Signal(_)).then(Instant::now);
        std::thread::Builder::new().name("second-signal".into()).spawn(move || {
            let is_second = |wish| {
                matches!(wish, Wish::Stop(Stop::Signal(_))) && !repeats(first, Instant::now())
            };
            while !is_second(self.next(&mut news)) {}
            tracing::warn!("a second signal: stopping at once");
            std::process::exit(1);
        })?;
        Ok(stop)
    }

    fn next(&mut self, news: &mut mpsc::UnboundedReceiver<News>) -> Wish {
        let Signals { runtime, terminate, interrupt, hang_up } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => Wish::Stop(Stop::Signal("SIGTERM")),
                _ = interrupt.recv() => Wish::Stop(Stop::Signal("SIGINT")),
                _ = hang_up.recv() => Wish::Reload,
                Some(news) = news.recv() => match news {
                    News::Moved => Wish::Follow,
                    News::GivenUp(code) => Wish::Stop(Stop::App(code)),
                },
                () = tokio::time::sleep(PAUSE) => Wish::Pause,
            }
        })
    }
}

/// Whether a signal to stop that comes now is the first one once more.
fn repeats(first: Option<Instant>, now: Instant) -> bool {
    first.is_some_and(|first| now.saturating_duration_since(first) < REPEATED_WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_within_a_second_of_the_first_is_the_first() {
        let now = Instant::now();
        for (millis, is_repeated) in [(0, true), (999, true), (1000, false), (60_000, false)] {
            assert_eq!(repeats(Some(now), now + Duration::from_millis(millis)), is_repeated);
        }
        assert!(!repeats(None, now));
    }
}
