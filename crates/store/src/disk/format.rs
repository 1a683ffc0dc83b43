//! The file `format`: that a folder is a store, of which version, and its own random numbers.

use super::device::{Device, read_whole, write_whole};
use super::error::OpenError;
use super::folder::LOCK;
use std::io;

/// The file that says so.
pub(crate) const FORMAT: &str = "format";
const VERSION: u64 = 1;
/// The longest file `format` that is read, in bytes.
const MAX_BYTES: u64 = 4096;
/// Where segments lie.
pub(crate) const SEGMENTS: &str = "segments";
/// Where large bodies lie.
pub(crate) const LARGE: &str = "large";

/// What a folder says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// A secret number in all its checksums: what a stranger puts into a body is never taken for
    /// a record.
    pub seed: u64,
    /// The name of its purge log.
    pub log_id: u64,
}

/// Reads what a folder is, and makes a new store of an empty one, with the numbers `fresh`.
pub(crate) fn take(device: &dyn Device, fresh: Format) -> Result<Format, OpenError> {
    match read_whole(device, FORMAT, MAX_BYTES) {
        Ok(bytes) => parse(&String::from_utf8_lossy(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => begin(device, fresh),
        Err(error) => Err(OpenError::at(FORMAT)(error)),
    }
}

/// Reads what a folder is; it must be a store already.
pub(crate) fn read(device: &dyn Device) -> Result<Format, OpenError> {
    let bytes = read_whole(device, FORMAT, MAX_BYTES).map_err(OpenError::at(FORMAT))?;
    parse(&String::from_utf8_lossy(&bytes))
}

fn begin(device: &dyn Device, fresh: Format) -> Result<Format, OpenError> {
    let there = device.list("").map_err(OpenError::at("the folder"))?;
    // A start that was cut off may have left the temporary file.
    let ours = [LOCK, "format.tmp"];
    if let Some(foreign) = there.into_iter().find(|l| !ours.contains(&l.name.as_str())) {
        return Err(OpenError::Foreign { name: foreign.name });
    }
    write_whole(device, FORMAT, render(fresh).as_bytes()).map_err(OpenError::at(FORMAT))?;
    Ok(fresh)
}

fn render(format: Format) -> String {
    format!("larder-store {VERSION}\nseed {:016x}\nlog {:016x}\n", format.seed, format.log_id)
}

fn parse(text: &str) -> Result<Format, OpenError> {
    let value =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let version = value("larder-store").and_then(|v| v.parse().ok()).ok_or(OpenError::Garbled)?;
    if version > VERSION {
        return Err(OpenError::Newer { version });
    }
    let number = |name| value(name).and_then(|v| u64::from_str_radix(v, 16).ok());
    match (version, number("seed"), number("log")) {
        (VERSION, Some(seed), Some(log_id)) => Ok(Format { seed, log_id }),
        _ => Err(OpenError::Garbled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_read_as_it_was_written_and_newer_ones_are_refused() {
        let format = Format { seed: 7, log_id: u64::MAX };
        assert_eq!(parse(&render(format)).expect("just written"), format);
        assert!(matches!(parse("larder-store 2\n"), Err(OpenError::Newer { version: 2 })));
        for text in
            ["", "larder-store", "larder-store 1\nseed 1\n", "larder-store 0\nseed 1\nlog 1"]
        {
            assert!(matches!(parse(text), Err(OpenError::Garbled)), "{text}");
        }
    }
}
