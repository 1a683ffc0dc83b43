//! `larder check`: all mistakes of a file at once.

use super::serve::read;
use super::{Failure, say};
use crate::cli::Check;
use crate::config::report::{Report, Severity};
use crate::config::{File, Flags, environment, understand};
use crate::supervisor::unplaced;

/// Checks the file; fails if it has a mistake. Warnings do not fail.
pub fn run(arguments: &Check) -> Result<(), Failure> {
    let text = read(&arguments.file)?;
    let name = arguments.file.display().to_string();
    let file = File { name: &name, text: &text };
    let flags = Flags { app: arguments.run.then(unplaced), ..Flags::default() };
    let (meant, report) = understand(file, &flags, &environment::of_process);
    if arguments.json {
        say(&format!("{:#}\n", report.to_json()))?;
    } else {
        say(&format!("{report}{}\n", summary(&name, &report)))?;
    }
    if meant.is_some() { Ok(()) } else { Err(Failure::Reported) }
}

fn summary(name: &str, report: &Report) -> String {
    let count = |severity, one: &str, many: &str| match report.count(severity) {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    };
    let errors = count(Severity::Error, "mistake", "mistakes");
    let warnings = count(Severity::Warning, "warning", "warnings");
    format!("{name}: {errors}, {warnings}")
}
