//! What of a stored response a client gets: conditions (RFC 9110 §13, RFC 9111 §4.3.2), then
//! ranges (RFC 9110 §14).

use crate::model::Stored;
use crate::reusing;
use crate::script::{Ask, Shown};
use crate::text;

/// What the client gets. Conditions and ranges concern only a 200.
pub fn shown(stored: &Stored, ask: &Ask) -> Shown {
    if stored.status != 200 {
        return Shown::Full;
    }
    if client_has(stored, ask) {
        return Shown::NotModified;
    }
    match text::first(&ask.lines, "range") {
        Some(range) if ask.method == "GET" && is_of_this(stored, ask) => {
            ranges(range, stored.length)
        }
        _ => Shown::Full,
    }
}

/// RFC 9110 §13.1.2, §13.1.3, §13.2.2
pub fn client_has(stored: &Stored, ask: &Ask) -> bool {
    if text::has(&ask.lines, "if-none-match") {
        let tag = text::first(&stored.lines, "etag").map(opaque);
        let asked = text::members(&ask.lines, "if-none-match");
        return asked.iter().any(|member| member == "*" || Some(opaque(member)) == tag);
    }
    // RFC 9111 §4.3.2: where there is no `Last-Modified`, `Date` counts.
    let modified =
        text::first(&stored.lines, "last-modified").or(text::first(&stored.lines, "date"));
    let since = text::first(&ask.lines, "if-modified-since").and_then(text::date);
    matches!((modified.and_then(text::date), since), (Some(modified), Some(since)) if modified <= since)
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// RFC 9110 §13.1.5: strong comparison; a date is strong when it is a second before `Date`.
fn is_of_this(stored: &Stored, ask: &Ask) -> bool {
    let Some(condition) = text::first(&ask.lines, "if-range") else { return true };
    // A date or an unquoted tag is the same for all forms, so the part may be of a coded one.
    let same_for_all = reusing::is_compressed_here(stored) && !condition.contains('"');
    if same_for_all && accepts_a_coding(ask) {
        return false;
    }
    let known = |name| text::first(&stored.lines, name);
    match text::date(condition) {
        Some(date) => {
            known("last-modified").and_then(text::date) == Some(date)
                && known("date").and_then(text::date).is_some_and(|sent| sent > date)
        }
        None => known("etag") == Some(condition) && !condition.starts_with("W/"),
    }
}

fn accepts_a_coding(ask: &Ask) -> bool {
    let accepted = text::members(&ask.lines, "accept-encoding");
    let says =
        |coding: &str| accepted.iter().any(|member| member.split(';').next() == Some(coding));
    ["zstd", "br", "gzip"].into_iter().any(says)
        && !text::members(&ask.lines, "cache-control").contains(&"no-transform".to_owned())
}

/// RFC 9110 §14.1.2, §14.2. Decided: more than 16 ranges, or more bytes than there are in all,
/// and the field is ignored, as it is where a range of no bytes at all would have to be sent.
fn ranges(value: &str, length: u64) -> Shown {
    let Some(set) = value.to_lowercase().strip_prefix("bytes=").map(str::to_owned) else {
        return Shown::Full;
    };
    let specs: Vec<&str> = set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).collect();
    let mut parts = Vec::new();
    for spec in &specs {
        let Some((first, last)) = spec.split_once('-') else { return Shown::Full };
        match (position(first), position(last)) {
            (None, Some(0)) if first.is_empty() => {}
            (None, Some(_)) if first.is_empty() && length == 0 => return Shown::Full,
            (None, Some(suffix)) if first.is_empty() => {
                parts.push((length.saturating_sub(suffix), length - 1));
            }
            (Some(first), None) if last.is_empty() => parts.push((first, u64::MAX)),
            (Some(first), Some(last)) if first <= last => parts.push((first, last)),
            _ => return Shown::Full,
        }
    }
    parts.retain(|(first, _)| *first < length);
    for part in &mut parts {
        part.1 = part.1.min(length.saturating_sub(1));
    }
    let bytes: u64 = parts.iter().map(|(first, last)| last - first + 1).sum();
    if specs.is_empty() || specs.len() > 16 || (parts.len() > 1 && bytes > length) {
        return Shown::Full;
    }
    if parts.is_empty() { Shown::Unsatisfiable } else { Shown::Parts(parts) }
}

fn position(digits: &str) -> Option<u64> {
    let fits = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    fits.then(|| digits.parse().unwrap_or(u64::MAX))
}
