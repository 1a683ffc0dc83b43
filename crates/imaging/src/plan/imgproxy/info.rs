//! The options of imgproxy's `info`: what is told here is told in any case.

use super::super::NoPlan;
use super::option::{expiry, words};

/// What is told of a source here, as imgproxy names it; and what changes nothing.
const TOLD: [&str; 14] = [
    "size",
    "s",
    "format",
    "f",
    "dimensions",
    "d",
    "pages_number",
    "pn",
    "alpha",
    "a",
    "dominant_colors",
    "dc",
    "cachebuster",
    "cb",
];

/// Checks the options; until when the URL may be asked for, if they say so.
///
/// # Errors
/// What is not told here.
pub fn read(options: &str) -> Result<Option<u64>, NoPlan> {
    let mut expires = None;
    for word in words(options) {
        let word = word?;
        match word.name {
            "expires" | "exp" => expires = expiry(&word)?,
            name if TOLD.contains(&name) => {}
            name => return Err(NoPlan::new(name, "is not told of pictures here")),
        }
    }
    Ok(expires)
}
