//! Whether a stored response may answer a request (RFC 9111 §4), now or in place of a failed
//! origin (§4.2.4, RFC 5861 §4).

use crate::model::Stored;
use crate::purging;
use crate::script::{Ask, How, Rules};
use crate::storing::{self, Staleness, staleness};
use crate::text::{self, Lines};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    Serve(How),
    /// Ask the origin. `wished`: because the request's own words want it so.
    Ask {
        wished: bool,
    },
    /// What is stored must not be used for this request at all.
    Ignore,
}

/// A request's wishes (§5.2.1), in seconds.
struct Wishes {
    no_cache: bool,
    max_age: Option<u64>,
    min_fresh: Option<u64>,
    max_stale: Option<u64>,
}

fn wishes(lines: &Lines) -> Wishes {
    let said = text::directives(lines, "cache-control");
    let of =
        |name: &str| said.iter().filter(|(n, _)| n == name).map(|(_, a)| a.as_deref()).collect();
    let named = |name: &str| -> Vec<Option<&str>> { of(name) };
    let number = |name: &str| named(name).into_iter().flatten().filter_map(text::seconds).next();
    // §5.4: `Pragma` counts where there is no `Cache-Control`.
    let pragma = !text::has(lines, "cache-control")
        && text::members(lines, "pragma").iter().any(|m| m.eq_ignore_ascii_case("no-cache"));
    let stale = |argument: Option<&str>| argument.map_or(Some(text::FOREVER), text::seconds);
    Wishes {
        no_cache: pragma || !named("no-cache").is_empty(),
        // What cannot be read: no answer is young enough.
        max_age: named("max-age").first().map(|a| a.and_then(text::seconds).unwrap_or(0)),
        min_fresh: number("min-fresh"),
        // §5.2.1.2: without an argument any staleness will do.
        max_stale: named("max-stale").into_iter().filter_map(stale).next(),
    }
}

/// §5.2.1.7
pub fn wants_no_origin(ask: &Ask) -> bool {
    text::directives(&ask.lines, "cache-control").iter().any(|(name, _)| name == "only-if-cached")
}

/// Whether a stored response is for such requests: same URL, and the same nominated fields as
/// the request that it answered (§2, §4.1).
pub fn is_for(stored: &Stored, ask: &Ask) -> bool {
    let own = &stored.ask;
    own.host == ask.host
        && own.target == ask.target
        && nominated(stored)
            .iter()
            .all(|name| selecting(&own.lines, name) == selecting(&ask.lines, name))
}

/// The fields that `Vary` nominates. Design §4: what is compressed here answers whatever coding is
/// accepted.
pub fn nominated(stored: &Stored) -> Vec<String> {
    let mut names: Vec<String> =
        text::members(&stored.lines, "vary").iter().map(|name| name.to_lowercase()).collect();
    names.sort();
    names.dedup();
    if is_compressed_here(stored) {
        names.retain(|name| name != "accept-encoding");
    }
    names
}

/// Design §4: text that the origin sends uncompressed, a kilobyte of it or who knows how much, and
/// that may be transformed (§5.2.2.6).
pub fn is_compressed_here(stored: &Stored) -> bool {
    let lines = &stored.lines;
    let kind = text::first(lines, "content-type").unwrap_or_default();
    let said = text::members(lines, "cache-control");
    stored.status >= 200
        && ![204, 205, 206, 304].contains(&stored.status)
        && kind.starts_with("text/")
        && !text::has(lines, "content-encoding")
        && text::first(lines, "content-length").is_none_or(|length| length.len() > 3)
        && !said.iter().any(|directive| directive.to_lowercase() == "no-transform")
}

/// A nominated field in one spelling (§4.1): lines combined and nothing else changed.
/// A field that is absent matches only where it is absent too. Design §4: `Accept-Encoding`
/// counts by which of the known codings it accepts.
pub fn selecting(lines: &Lines, name: &str) -> Option<String> {
    if name == "accept-encoding" {
        let accepted = text::members(lines, name);
        let refused = accepted.iter().any(|member| member.starts_with("identity;q=0"));
        let known = ["zstd", "br", "gzip"].into_iter().filter(|coding| {
            accepted.iter().any(|member| member.split(';').next() == Some(coding))
        });
        let spelled: Vec<&str> = known.collect();
        return Some(if refused { accepted.join(", ") } else { spelled.join(", ") });
    }
    text::has(lines, name).then(|| text::all(lines, name).join(", "))
}

/// Whether a stored response may answer (§4).
pub fn verdict(rules: &Rules, stored: &Stored, ask: &Ask, now: u64) -> Verdict {
    // §3.5: a request with credentials gets only what is shared with such.
    if text::has(&ask.lines, "authorization") && !storing::answers_authorized(rules, stored) {
        return Verdict::Ignore;
    }
    // §4.4, §5.2.2.4
    if stored.invalid || storing::always_validates(rules, stored) {
        return Verdict::Ask { wished: false };
    }
    let wishes = wishes(&ask.lines);
    let (age, lifetime) = (storing::age(stored, now), storing::lifetime(rules, stored) * 1000);
    // §5.2.1.1, §5.2.1.3, §5.2.1.4
    let too_old = wishes.max_age.is_some_and(|max| age > max * 1000);
    let too_short = wishes.min_fresh.is_some_and(|min| lifetime < age + min * 1000);
    if wishes.no_cache || too_old || too_short {
        return Verdict::Ask { wished: true };
    }
    if age < lifetime {
        return Verdict::Serve(How::Fresh);
    }
    // §1.2.2: 2^31 s stands for all that is longer.
    stale(rules, stored, &wishes, (age - lifetime).min(text::FOREVER * 1000), now)
}

/// §4.2.4: stale is served only where the origin or the client allows it.
fn stale(rules: &Rules, stored: &Stored, wishes: &Wishes, staleness_ms: u64, now: u64) -> Verdict {
    // §5.2.1.1: with `max-age` and without `max-stale` the client wants nothing stale.
    if wishes.max_age.is_some() && wishes.max_stale.is_none() {
        return Verdict::Ask { wished: true };
    }
    // Design §5: after a paced purge stale is served meanwhile, and refreshed on nobody's behalf.
    if now < purging::paced_until(rules, stored) && !depends_on_visitor(stored) {
        return Verdict::Serve(How::Refreshed);
    }
    match staleness(rules, stored) {
        // RFC 5861 §3, to the second (design §4). What was chosen by who asked cannot be
        // refreshed on nobody's behalf, so it is not served so.
        Staleness::Windows { revalidate, .. }
            if staleness_ms < revalidate * 1000 && !depends_on_visitor(stored) =>
        {
            Verdict::Serve(How::Refreshed)
        }
        // §5.2.1.2. Decided: where windows are named, they say all: beyond them `s-maxage` may
        // forbid it, and a client's word does not count for more than the origin's.
        Staleness::WhenUnreachable
            if wishes.max_stale.is_some_and(|max| staleness_ms <= max * 1000) =>
        {
            Verdict::Serve(How::Accepted)
        }
        _ => Verdict::Ask { wished: false },
    }
}

/// Fields of the request that a refresh in the background leaves out (design §4: it is
/// anonymous), as well as the wishes of the one request.
pub const OF_THE_VISITOR: [&str; 11] = [
    "authorization",
    "cookie",
    "referer",
    "cache-control",
    "pragma",
    "if-match",
    "if-unmodified-since",
    "if-none-match",
    "if-modified-since",
    "if-range",
    "range",
];

fn depends_on_visitor(stored: &Stored) -> bool {
    nominated(stored).iter().any(|name| OF_THE_VISITOR.contains(&name.as_str()))
}

/// Whether a stored response stands in for an origin that was out of reach (no status), or
/// answered with an error.
pub fn stands_in(rules: &Rules, stored: &Stored, ask: &Ask, status: Option<u16>, now: u64) -> bool {
    let wishes = wishes(&ask.lines);
    // Decided: a request that says how fresh it must be gets nothing that is not.
    let demands = wishes.no_cache || wishes.max_age.is_some() || wishes.min_fresh.is_some();
    if stored.invalid || storing::always_validates(rules, stored) || demands {
        return false;
    }
    let lifetime = storing::lifetime(rules, stored) * 1000;
    let staleness_ms = storing::age(stored, now).saturating_sub(lifetime).min(text::FOREVER * 1000);
    match (staleness(rules, stored), status) {
        // RFC 5861 §4
        (_, Some(status)) if ![500, 502, 503, 504].contains(&status) => false,
        // Design §5
        _ if now < purging::paced_until(rules, stored) => true,
        (Staleness::Windows { revalidate, error }, _) => {
            staleness_ms < revalidate.max(error) * 1000
        }
        // §4.2.4: disconnected.
        (Staleness::WhenUnreachable, None) => true,
        _ => false,
    }
}
