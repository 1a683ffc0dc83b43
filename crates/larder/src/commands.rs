//! What each command does, and how it ends.

pub mod app_guard;
pub mod ask;
pub mod check;
pub mod completions;
pub mod config;
pub mod explain;
pub mod feeds;
pub mod health;
pub mod hook;
pub mod init;
pub mod objects;
pub mod picture_worker;
mod progress;
pub mod purge;
pub mod refresh;
pub mod run;
pub mod serve;
pub mod show;
mod staleness;
pub mod status;
pub mod store;
pub mod top;

use crate::cli::Cli;
use crate::outlet;
use clap::CommandFactory;
use clap::error::ErrorKind;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// It failed: exit code 1.
    Failed(anyhow::Error),
    /// It failed and has said so already: exit code 1.
    Reported,
    /// It was not said what to serve or to run, to the command of that name: exit code 2.
    Usage(&'static str, String),
    /// It ended with the app that it watched over, which was said: the app's exit code.
    WithApp(u8),
}

impl Failure {
    /// Says what went wrong, and how the process ends.
    pub fn report(self) -> ExitCode {
        match self {
            Failure::Failed(error) => {
                say_aside(&format!("larder: {error:#}\n"));
                ExitCode::from(1)
            }
            Failure::Reported => ExitCode::from(1),
            Failure::WithApp(code) => ExitCode::from(code),
            Failure::Usage(command, what) => {
                say_aside(&usage(command, &what));
                ExitCode::from(2)
            }
        }
    }
}

/// What is said where a command was not given what it needs.
fn usage(command: &str, what: &str) -> String {
    let mut all = Cli::command();
    all.build();
    let found = all.find_subcommand_mut(command).expect("commands give their own names");
    found.error(ErrorKind::MissingRequiredArgument, what).to_string()
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Failed(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Failed(error.into())
    }
}

/// Prints what was asked for. That nobody reads it any more (`| head`) is no failure.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints to standard error. Where that is closed, nobody is left to tell.
pub(crate) fn say_aside(text: &str) {
    match outlet::errors_begun() {
        Some(errors) => errors.say(text.as_bytes()),
        None => _ = io::stderr().write_all(text.as_bytes()),
    }
}

/// The text without characters that would do something to a terminal: what is stored has been named
/// by strangers.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
