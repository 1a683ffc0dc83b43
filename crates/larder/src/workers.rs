//! The threads of the data path: one a core, each with a runtime of its own.

use anyhow::Context;
use proxy::core::Shared;
use proxy::{Drained, Listeners, serve_core};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};
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

/// Waits for SIGTERM or SIGINT; gives its name. A second one ends the process at once.
///
/// # Errors
/// When signals cannot be waited for.
pub fn wait_for_signal() -> io::Result<&'static str> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let name = runtime.block_on(next_signal())?;
    std::thread::Builder::new().name("second-signal".into()).spawn(move || {
        if runtime.block_on(next_signal()).is_ok() {
            tracing::warn!("a second signal: stopping at once");
            std::process::exit(1);
        }
    })?;
    Ok(name)
}

async fn next_signal() -> io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
    }
}
