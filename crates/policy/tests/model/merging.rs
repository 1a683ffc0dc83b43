//! What a 304, or the answer to a HEAD, makes of a stored response (RFC 9111 §3.2, §4.3.4,
//! §4.3.5), and which URLs an unsafe request makes invalid (§4.4).

use crate::model::Stored;
use crate::purging;
use crate::script::{Ask, Exchange, Response};
use crate::text::{self, Lines};

/// Fields that describe the stored body, or that no store keeps: a 304 leaves them as they are
/// (§3.2; design §4 names `Content-Encoding` and `Content-Length`).
const LEFT: [&str; 6] =
    ["content-encoding", "content-length", "content-range", "content-type", "set-cookie", "vary"];

fn is_weak(tag: &str) -> bool {
    tag.starts_with("W/")
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Whether a 304 is about what is stored (§4.3.4).
///
/// Decided: the tag is compared weakly whatever its form, since it answers the one tag that was
/// sent, and servers that weaken tags of compressed bodies answer with the strong form. A 304
/// without a validator is about what was asked for.
pub fn is_about(new: &Lines, stored: &Lines) -> bool {
    match (text::first(new, "etag"), text::first(stored, "etag")) {
        (Some(new), Some(old)) => opaque(new) == opaque(old),
        // A strong validator that the stored response has not.
        (Some(tag), None) if !is_weak(tag) => false,
        _ => match (text::first(new, "last-modified"), text::first(stored, "last-modified")) {
            (Some(new), Some(old)) => new == old,
            _ => true,
        },
    }
}

/// The stored lines with those of the update in the place of older ones (§3.2).
pub fn merged(stored: &Lines, update: &Lines) -> Lines {
    // A tag must not grow stronger than the body it was sent with.
    let weak = text::first(stored, "etag").is_some_and(is_weak);
    let left = |name: &str| LEFT.contains(&name) || (name == "etag" && weak);
    let mut lines: Lines = stored
        .iter()
        .filter(|(name, _)| name != "age" && (left(name) || !text::has(update, name)))
        .cloned()
        .collect();
    lines.extend(update.iter().filter(|(name, _)| !left(name)).cloned());
    // `Vary` never shrinks (design §4).
    for member in text::members(update, "vary") {
        let known = text::members(&lines, "vary");
        if !known.iter().any(|old| old.eq_ignore_ascii_case(&member)) {
            lines.push(("vary".to_owned(), member));
        }
    }
    lines
}

/// The stored response as an update leaves it: it answers the request that brought the update.
pub fn updated(stored: &Stored, ask: &Ask, exchange: &Exchange, update: &Response) -> Stored {
    let dated = dated(&update.lines, exchange.answered);
    Stored {
        ask: ask.clone(),
        lines: merged(&stored.lines, &dated),
        asked: exchange.asked,
        answered: exchange.answered,
        invalid: false,
        tags: [&stored.tags[..], &purging::tags(&update.lines)].concat(),
        softened: Vec::new(),
        ..stored.clone()
    }
}

/// A response without a `Date` that can be read gets the time at which it came (RFC 9110 §6.6.1).
pub fn dated(lines: &Lines, answered: u64) -> Lines {
    let mut lines = lines.clone();
    if text::first(&lines, "date").and_then(text::date).is_none() {
        lines.retain(|(name, _)| name != "date");
        lines.push(("date".to_owned(), text::http_date(answered / 1000)));
    }
    lines
}

/// §4.3.5. Decided: a validator that only one of both has is a difference, the careful way.
pub fn describes(head: &Lines, stored: &Stored) -> bool {
    let same = |name| text::first(head, name) == text::first(&stored.lines, name);
    let length = text::first(head, "content-length");
    same("etag")
        && same("last-modified")
        && length.is_none_or(|length| length == stored.length.to_string())
}

/// Hosts and targets that become invalid (§4.4): after a non-error answer to an unsafe method
/// the target, `Location` and `Content-Location`. Decided: hosts are compared without ports.
pub fn invalidated(ask: &Ask, response: &Response) -> Vec<(String, String)> {
    let safe = ["GET", "HEAD", "OPTIONS", "TRACE"].contains(&ask.method.as_str());
    if safe || !(200..400).contains(&response.status) {
        return Vec::new();
    }
    let host = host_name(&ask.host).to_owned();
    let mut gone = vec![(host.clone(), ask.target.clone())];
    for name in ["location", "content-location"] {
        let reference = text::first(&response.lines, name);
        if let Some(target) = reference.and_then(|reference| resolve(ask, reference)) {
            gone.push((host.clone(), target));
        }
    }
    gone
}

/// A host without its port.
pub fn host_name(host: &str) -> &str {
    host.split(':').next().unwrap_or(host)
}

/// A reference as a target on the host of the request (RFC 3986 §5.2.2); nothing if it leads
/// elsewhere.
fn resolve(ask: &Ask, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, rest) = match reference.split_once(':') {
        Some((scheme, rest)) if !scheme.is_empty() && !scheme.contains(['/', '?', '.']) => {
            (scheme.to_lowercase(), rest)
        }
        _ => ("http".to_owned(), reference),
    };
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find(['/', '?']).unwrap_or(after.len());
        let (host, target) = after.split_at(end);
        let same = scheme == "http" && host_name(host).eq_ignore_ascii_case(host_name(&ask.host));
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        return same.then(|| without_dots(&target));
    }
    if rest != reference || reference.is_empty() {
        return None;
    }
    let path = ask.target.split('?').next().unwrap_or_default();
    match reference.chars().next()? {
        '?' => Some(format!("{path}{reference}")),
        '/' => Some(without_dots(reference)),
        _ => {
            let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
            Some(without_dots(&format!("{folder}{reference}")))
        }
    }
}

/// RFC 3986 §5.2.4
fn without_dots(target: &str) -> String {
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        let last = at + 1 == segments.len();
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}{query}", kept.join("/"))
}
