//! The threads of the data path: one a core, each with a runtime of its own.

use crate::supervisor::News;
use anyhow::Context;
use proxy::core::Shared;
use proxy::{Drained, Listeners, serve_core};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// How often the process looks after itself.
pub const PAUSE: Duration = Duration::from_secs(5);

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
    /// configuration read again, and every [`PAUSE`] it is tidied up. A second one ends the process at
    /// once.
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
        std::thread::Builder::new().name("second-signal".into()).spawn(move || {
            while !matches!(self.next(&mut news), Wish::Stop(Stop::Signal(_))) {}
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
