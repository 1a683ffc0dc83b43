//! `larder completions`: what shells complete commands by.

use super::{Failure, say};
use crate::cli::Cli;
use clap::CommandFactory;
use clap_complete::{Shell, generate};

/// Prints the completions for a shell.
///
/// # Errors
/// When they cannot be written.
pub fn run(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "larder", &mut text);
    say(&String::from_utf8_lossy(&text))
}
