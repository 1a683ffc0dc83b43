//! `larder serve`: reads the configuration, then serves until told to stop.

use super::{Failure, say_aside};
use crate::cli::Serve;
use crate::config::meant::Meant;
use crate::config::{File, NO_FILE, environment, understand};
use anyhow::Context;
use std::path::Path;

/// Serves as the arguments say.
pub fn run(arguments: &Serve) -> Result<(), Failure> {
    let meant = meant(arguments)?;
    crate::log::start(meant.level);
    let read_again = || match self::meant(arguments) {
        Ok(meant) => Some(meant),
        Err(Failure::Failed(error)) => {
            tracing::error!("{error:#}");
            None
        }
        // What is wrong was said.
        Err(_) => None,
    };
    crate::app::run(meant, &read_again).map_err(Failure::Failed)
}

/// What the arguments and the file that they name mean. All mistakes are said.
fn meant(arguments: &Serve) -> Result<Meant, Failure> {
    let (name, text) = match &arguments.config {
        Some(path) => (path.display().to_string(), read(path)?),
        None if arguments.origin.is_none() => return Err(Failure::Usage(what_to_type())),
        None => (NO_FILE.name.to_owned(), String::new()),
    };
    let file = File { name: &name, text: &text };
    let (meant, report) = understand(file, &arguments.flags(), &environment::of_process);
    say_aside(&report.to_string());
    meant.ok_or(Failure::Reported)
}

/// Reads a configuration file.
pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn what_to_type() -> String {
    let mut text = "nothing says where the site is\n\n  \
                    larder serve --origin http://127.0.0.1:4321    for one site\n  \
                    larder serve --config larder.toml              for more"
        .to_owned();
    if !Path::new("larder.toml").exists() {
        text.push_str(" (`larder init` writes one)");
    }
    text
}
