//! `larder serve`: reads the configuration, then serves until told to stop.

use super::{Failure, say_aside};
use crate::cli::Serve;
use crate::config::meant::Meant;
use crate::config::{File, Flags, NO_FILE, environment, understand};
use crate::supervisor::Launch;
use crate::workers::Stop;
use anyhow::Context;
use std::path::Path;

/// Serves as the arguments say.
pub fn run(arguments: &Serve) -> Result<(), Failure> {
    serve(arguments.serving.config.as_deref(), &arguments.flags(), None)
}

/// Serves as a file and flags say, and watches over an app if there is one.
pub(super) fn serve(
    config: Option<&Path>,
    flags: &Flags,
    app: Option<Launch>,
) -> Result<(), Failure> {
    let meant = meant(config, flags)?;
    crate::log::start(meant.level).context("a thread for the log")?;
    let read_again = || match self::meant(config, flags) {
        Ok(meant) => Some(meant),
        Err(Failure::Failed(error)) => {
            tracing::error!("{error:#}");
            None
        }
        // What is wrong was said.
        Err(_) => None,
    };
    let read_again: crate::app::ReadAgain<'_> = match config {
        Some(_) => Some(&read_again),
        None => None,
    };
    match crate::app::run(meant, read_again, app).map_err(Failure::Failed)? {
        Stop::Signal(_) => Ok(()),
        Stop::App(code) => Err(Failure::WithApp(code)),
    }
}

/// What the flags and the file that they name mean. All mistakes are said.
fn meant(config: Option<&Path>, flags: &Flags) -> Result<Meant, Failure> {
    let (name, text) = match config {
        Some(path) => (path.display().to_string(), read(path)?),
        None if flags.origin.is_none() && flags.app.is_none() => {
            return Err(Failure::Usage("serve", what_to_type()));
        }
        None => (NO_FILE.name.to_owned(), String::new()),
    };
    let file = File { name: &name, text: &text };
    let (meant, report) = understand(file, flags, &environment::of_process);
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
                  larder run -- node ./dist/server/entry.mjs     to start it too\n  \
                    larder serve --config larder.toml              for more"
        .to_owned();
    if !Path::new("larder.toml").exists() {
        text.push_str(" (`larder init` writes one)");
    }
    text
}
