//! What the process says of itself: lines for people, on standard error.

use crate::config::written::Level;
use crate::outlet::{self, Outlet};
use std::io::{self, Write};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Begins to log. A second call changes nothing.
///
/// # Errors
/// When no thread can be had.
pub fn start(level: Level) -> io::Result<()> {
    let errors = outlet::errors()?;
    let lines = fmt::layer().with_writer(|| Lines(errors)).with_target(false).with_ansi(false);
    let lines = tracing_subscriber::registry().with(lines.with_filter(wanted(level)));
    // It fails only if there is a logger already.
    let _ = lines.try_init();
    Ok(())
}

/// Where a line goes, so that whoever has something to say never waits for who reads it.
struct Lines(&'static Outlet);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.say(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Libraries tell of what single connections do, which would let strangers fill the log: they are
/// listened to only by who looks for a fault.
fn wanted(level: Level) -> Targets {
    let all = Targets::new().with_default(filter(level));
    if matches!(level, Level::Debug | Level::Trace) {
        return all;
    }
    ["h2", "hyper", "hyper_util", "rustls", "tokio_rustls"]
        .into_iter()
        .fold(all, |targets, library| targets.with_target(library, LevelFilter::ERROR))
}

fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}
