//! `larder init`: a commented `larder.toml` to start from.

use super::{Failure, say};
use crate::cli::Init;
use crate::config::address::Origin;
use crate::config::written::Preset;
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
    let origin = arguments
        .origin
        .as_ref()
        .map_or_else(|| usual_origin(arguments.preset).to_owned(), Origin::to_string);
    let text = starter(&origin, arguments.preset);
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {FILE}"))?;
    say(&format!(
        "Wrote {FILE} for {}. Next:\n  larder check\n  larder serve --config {FILE}\n",
        origin
    ))
}

/// Where a framework's own server listens unless told otherwise.
fn usual_origin(preset: Preset) -> &'static str {
    match preset {
        Preset::None | Preset::Astro => ORIGIN,
        Preset::NextJs => "http://127.0.0.1:3000",
    }
}

fn starter(origin: &str, preset: Preset) -> String {
    let text = TEXT.replace(ORIGIN, origin);
    let (name, does) = match preset {
        Preset::None => return text,
        Preset::NextJs => ("nextjs", NEXTJS),
        Preset::Astro => ("astro", ASTRO),
    };
    let line = format!("origin = \"{origin}\"\n");
    text.replace(&line, &format!("{line}{does}preset = \"{name}\"\n"))
}

const NEXTJS: &str = "\
# The site is a Next.js app (`next start`). Pages are kept as its own headers say, and served stale
# while it makes new ones. What a page's script asks for (RSC, prefetches) is never mixed with the
# page; visitors in draft or preview mode pass by; server actions are POSTs and always pass. Give
# next.config.js `compress: false`: Larder compresses, each page once.
";
const ASTRO: &str = "\
# The site is an Astro app (its Node adapter's server). Pages are kept as they say by route caching
# or by a `CDN-Cache-Control` header; those that say nothing are not. Sessions, actions and server
# islands pass by; hashed files in /_astro/ stay until their lifetime ends. Put the names that the
# site has into `security.allowedDomains` of astro.config.mjs, so that forms work behind TLS.
";

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
        // Secrets are kept there.
        let secret = |_: &str| Some("0123456789abcdef01234567".to_owned());
        for preset in [Preset::None, Preset::NextJs, Preset::Astro] {
            let text = starter("http://app:3000", preset);
            assert!(text.contains("origin = \"http://app:3000\"") && !text.contains(ORIGIN));
            assert_eq!(text.contains("preset = "), preset != Preset::None);
            for text in [unmark(&text), text] {
                let file = File { name: FILE, text: &text };
                let (meant, report) = understand(file, &Flags::default(), &secret);
                assert!(meant.is_some() && report.is_empty(), "{report}");
            }
        }
    }
}
