//! `larder top`: how a running Larder does, live in the terminal.
//!
//! It asks for the same numbers as `larder status`, again and again, and shows what changed since:
//! so it works over any line that ssh works over. Where the output is no terminal, frames follow one
//! another as text; with `--json` each is a line.

mod frame;
mod screen;

use super::ask::get_json;
use super::{Failure, say};
use crate::cli::Top;
use frame::{Sample, render};
use screen::{Key, Screen};
use serde_json::Value;
use std::io::{IsTerminal, stdout};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Columns and rows where there is no terminal to ask.
const PLAIN_SIZE: (usize, usize) = (100, 40);

/// Shows frames until it is told to end, or as many as were asked for.
///
/// # Errors
/// When the numbers cannot be had.
pub fn run(arguments: &Top) -> Result<(), Failure> {
    let interval = Duration::from_secs_f64(arguments.interval);
    // Before the screen is taken: what fails at once is said on the usual one.
    let first = Sample::new(get_json(&arguments.asking, "/v1/status")?, Instant::now());
    if arguments.json || !stdout().is_terminal() {
        return plainly(arguments, first, interval);
    }
    live(arguments, first, interval)
}

fn plainly(arguments: &Top, first: Sample, interval: Duration) -> Result<(), Failure> {
    let mut before = first;
    let mut shown = 0;
    while arguments.frames.is_none_or(|frames| shown < frames) {
        sleep(interval);
        let now = Sample::new(get_json(&arguments.asking, "/v1/status")?, Instant::now());
        let text = match arguments.json {
            true => format!("{}\n", now.status),
            false => render(&before, &now, PLAIN_SIZE).join("\n") + "\n\n",
        };
        if say_or_end(&text)? {
            return Ok(());
        }
        before = now;
        shown += 1;
    }
    Ok(())
}

/// Says whether nobody reads any more.
fn say_or_end(text: &str) -> Result<bool, Failure> {
    use std::io::{ErrorKind, Write};
    let written = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(false),
    }
}

fn live(arguments: &Top, first: Sample, interval: Duration) -> Result<(), Failure> {
    let mut screen = Screen::take()?;
    let mut before = first;
    let mut lost: Option<String> = None;
    let mut shown = 0;
    let mut lines = vec!["waiting for the first second …".to_owned()];
    loop {
        screen.show(&lines, lost.as_deref())?;
        match screen.wait(interval)? {
            Some(Key::Quit) => return Ok(()),
            Some(Key::Other) => continue,
            None => {}
        }
        match get_json(&arguments.asking, "/v1/status") {
            Ok(status) => {
                let now = Sample::new(status, Instant::now());
                lines = render(&before, &now, screen.size());
                (before, lost) = (now, None);
            }
            // It may be restarting: what was last seen stays, and it is asked again.
            Err(Failure::Failed(error)) => lost = Some(format!("{error:#}")),
            Err(failure) => return Err(failure),
        }
        shown += 1;
        if arguments.frames.is_some_and(|frames| shown >= frames) {
            let rest = lines.join("\n") + "\n";
            drop(screen);
            return say(&rest);
        }
    }
}

/// What the sums of two moments say of the time between.
fn per_second(before: &Value, now: &Value, seconds: f64) -> f64 {
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    // A restart in between begins at nothing.
    let since = if number(now) < number(before) { 0.0 } else { number(before) };
    (number(now) - since) / seconds.max(0.001)
}
