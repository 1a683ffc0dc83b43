//! What the process says of itself: lines for people, on standard error.

use crate::config::written::Level;
use tracing::level_filters::LevelFilter;

/// Begins to log. A second call changes nothing.
pub fn start(level: Level) {
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(filter(level))
        .with_target(false)
        .with_ansi(false);
    // It fails only if there is a logger already.
    let _ = lines.try_init();
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
