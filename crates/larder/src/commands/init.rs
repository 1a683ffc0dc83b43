//! `larder init`: a commented `larder.toml` to start from.

use super::{Failure, say};
use crate::cli::Init;
use crate::config::address::Origin;
use anyhow::{Context, anyhow};
use std::fs::OpenOptions;
use std::io::{self, Write};

const FILE: &str = "larder.toml";
const TEXT: &str = include_str!("starter.toml");
/// The origin in [`TEXT`].
const ORIGIN: &str = "http://127.0.0.1:4321";

/// Writes the file; never over one that is there.
pub fn run(arguments: &Init) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).open(FILE);
    let mut file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            anyhow!("there is a {FILE} here already; move it away, or check it: larder check")
        }
        _ => anyhow!(error).context(format!("cannot write {FILE}")),
    })?;
    let text = starter(&arguments.origin);
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {FILE}"))?;
    say(&format!(
        "Wrote {FILE} for {}. Next:\n  larder check\n  larder serve --config {FILE}\n",
        arguments.origin
    ))
}

fn starter(origin: &Origin) -> String {
    TEXT.replace(ORIGIN, &origin.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{File, Flags, understand};

    /// Takes the marks away from lines that are settings.
    fn unmark(text: &str) -> String {
        let unmark = |line: &str| match line.strip_prefix('#') {
            Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(|line| unmark(line) + "\n").collect()
    }

    #[test]
    fn the_starter_is_without_fault_as_it_is_and_with_all_its_offers_taken() {
        let text = starter(&"http://app:3000".parse().expect("an origin"));
        assert!(text.contains("origin = \"http://app:3000\"") && !text.contains(ORIGIN));
        for text in [unmark(&text), text] {
            let file = File { name: FILE, text: &text };
            let (meant, report) = understand(file, &Flags::default(), &|_| None);
            assert!(meant.is_some() && report.is_empty(), "{report}");
        }
    }
}
