//! The threads of the data path: one a core, each with a runtime of its own.

use anyhow::Context;
use proxy::core::Shared;
use proxy::{Drained, Listeners, serve_core};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::{Builder, LocalOptions, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The running threads.
#[derive(Debug)]
pub struct Workers(Vec<JoinHandle<io::Result<Drained>>>);

impl Workers {
    /// Starts a thread for each set of listeners.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(
        shared: &Arc<Shared>,
        listeners: Vec<Listeners>,
        stopping: &watch::Receiver<bool>,
    ) -> anyhow::Result<Workers> {
        let start = |(number, listeners)| {
            let (shared, stopping) = (shared.clone(), stopping.clone());
            std::thread::Builder::new()
                .name(format!("core-{number}"))
                .spawn(move || run(shared, number, listeners, stopping))
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
    shared: Arc<Shared>,
    number: usize,
    listeners: Listeners,
    stopping: watch::Receiver<bool>,
) -> io::Result<Drained> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let drained = runtime.block_on(serve_core(shared, number, listeners, stopping));
    // What still runs is cut; look-ups of names must not hold up the end.
    runtime.shutdown_background();
    drained
}

/// SIGTERM and SIGINT, caught from the moment that this is made.
#[derive(Debug)]
pub struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn catch() -> io::Result<Signals> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (terminate, interrupt) = {
            let _within = runtime.enter();
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
        };
        Ok(Signals { runtime, terminate, interrupt })
    }

    /// Waits for one; gives its name. A second one ends the process at once.
    ///
    /// # Errors
    /// When no thread can be had to wait for the second.
    pub fn wait(mut self) -> io::Result<&'static str> {
        let name = self.next();
        std::thread::Builder::new().name("second-signal".into()).spawn(move || {
            self.next();
            tracing::warn!("a second signal: stopping at once");
            std::process::exit(1);
        })?;
        Ok(name)
    }

    fn next(&mut self) -> &'static str {
        let Signals { runtime, terminate, interrupt } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        })
    }
}
