//! The threads of the data path: one a core, each with a runtime of its own.

use crate::outlet;
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
    /// Whether SIGHUP was ignored before: by it the terminal tells that it is closed.
    outlives_terminal: bool,
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
    /// Whether there is one that can be.
    fn can_reload(&self) -> bool;
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
        let outlives_terminal = ignores_hang_up(&std::fs::read_to_string("/proc/self/status")?);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let _within = runtime.enter();
        let (terminate, interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let hang_up = signal(SignalKind::hangup())?;
        drop(_within);
        Ok(Signals { runtime, terminate, interrupt, hang_up, outlives_terminal })
    }

    /// Waits for one that asks to stop, or for an app that is given up; `news` tells of it where there
    /// is one. SIGHUP before has the configuration read again where there is one, and every [`PAUSE`]
    /// it is tidied up. A second one, a second later or more, ends the process at once.
    ///
    /// # Errors
    /// When no thread can be had to wait for the second.
    pub fn wait(
        mut self,
        mut news: Option<mpsc::UnboundedReceiver<News>>,
        chores: &mut impl Chores,
    ) -> io::Result<Stop> {
        let stop = loop {
            match self.next(&mut news) {
                Wish::Stop(stop) => break stop,
                Wish::Reload if chores.can_reload() => chores.reload(),
                Wish::Reload if self.outlives_terminal => {}
                Wish::Reload => break Stop::Signal("SIGHUP"),
                Wish::Follow => chores.follow(),
                Wish::Pause => chores.tidy_up(),
            }
        };
        let can_reload = chores.can_reload();
        std::thread::Builder::new()
            .name("second-signal".into())
            .spawn(move || self.end_at_second(stop, can_reload))?;
        Ok(stop)
    }

    /// Ends the process when it is told to once more. Where the app was given up, it was not told yet,
    /// and its exit code stays the one that it ends with.
    fn end_at_second(mut self, stop: Stop, can_reload: bool) {
        let (mut first, code) = match stop {
            Stop::Signal(_) => (Some(Instant::now()), 1),
            Stop::App(code) => (None, code),
        };
        loop {
            let name = match self.next(&mut None) {
                Wish::Stop(Stop::Signal(name)) => name,
                Wish::Reload if !can_reload && !self.outlives_terminal => "SIGHUP",
                _ => continue,
            };
            let now = Instant::now();
            match first {
                None => {
                    tracing::info!("{name}: what runs is finished; another stops at once");
                    first = Some(now);
                }
                Some(first) if repeats(first, now) => {}
                Some(_) => break,
            }
        }
        tracing::warn!("a second signal: stopping at once");
        outlet::finish();
        std::process::exit(i32::from(code));
    }

    fn next(&mut self, news: &mut Option<mpsc::UnboundedReceiver<News>>) -> Wish {
        let Signals { runtime, terminate, interrupt, hang_up, .. } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => Wish::Stop(Stop::Signal("SIGTERM")),
                _ = interrupt.recv() => Wish::Stop(Stop::Signal("SIGINT")),
                _ = hang_up.recv() => Wish::Reload,
                news = heard(news) => match news {
                    Some(News::Moved) => Wish::Follow,
                    Some(News::GivenUp(code)) => Wish::Stop(Stop::App(code)),
                    None => {
                        tracing::error!("nobody watches over the app any more");
                        Wish::Stop(Stop::App(1))
                    }
                },
                () = tokio::time::sleep(PAUSE) => Wish::Pause,
            }
        })
    }
}

/// Whether this process was begun so that it outlives its terminal, as nohup does: SIGHUP is ignored, which
/// is the first bit of a mask (proc(5)).
fn ignores_hang_up(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

/// The next of an app, for ever where there is none; nothing once nobody is left to tell.
async fn heard(news: &mut Option<mpsc::UnboundedReceiver<News>>) -> Option<News> {
    match news {
        Some(news) => news.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether a signal to stop that comes now is the first one once more.
fn repeats(first: Instant, now: Instant) -> bool {
    now.saturating_duration_since(first) < REPEATED_WITHIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_within_a_second_of_the_first_is_the_first() {
        let now = Instant::now();
        for (millis, is_repeated) in [(0, true), (999, true), (1000, false), (60_000, false)] {
            assert_eq!(repeats(now, now + Duration::from_millis(millis)), is_repeated);
        }
    }

    #[test]
    fn who_began_it_may_want_it_to_outlive_its_terminal() {
        for (mask, ignores) in
            [("0000000000000001", true), ("0000000000001004", false), ("", false)]
        {
            assert_eq!(ignores_hang_up(&format!("Name:\tx\nSigIgn:\t{mask}\n")), ignores, "{mask}");
        }
        assert!(!ignores_hang_up(""));
    }

    struct Nothing;

    impl Chores for Nothing {
        fn reload(&mut self) {}
        fn can_reload(&self) -> bool {
            true
        }
        fn follow(&mut self) {}
        fn tidy_up(&mut self) {}
    }

    #[test]
    fn an_app_over_which_nobody_watches_is_given_up() {
        let (tell, news) = mpsc::unbounded_channel();
        drop(tell);
        let signals = Signals::catch().expect("the system lets us");
        let stop = signals.wait(Some(news), &mut Nothing).expect("a thread");
        assert_eq!(stop, Stop::App(1));
    }
}
