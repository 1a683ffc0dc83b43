//! The configuration file.

use larder::config::{File, Flags, understand};

/// A file is understood, or its mistakes are said.
pub fn file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = File { name: "fuzzed.toml", text };
    let (meant, report) = understand(file, &Flags::default(), &|_| None);
    assert!(meant.is_some() || !report.to_string().is_empty());
}
