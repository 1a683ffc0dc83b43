//! What a shared cache may store (RFC 9111 §3), and for how long it is fresh (§4.2).

use crate::model::Stored;
use crate::says::{Says, says};
use crate::script::Rules;
use crate::text;

/// The cookies of analytics in these tests; they say nothing of who asks.
pub const IGNORED_COOKIE: &str = "_ga";

/// Whether `new` may be stored and is worth it.
pub fn is_stored(rules: &Rules, new: &Stored) -> bool {
    let said = says(&new.lines);
    may_be_stored(new, &said) && (rules.force || is_for_all(rules, new, &said)) && {
        vary_can_be_kept(new) && is_worth_keeping(rules, new, &said)
    }
}

/// §3, less what says whom the response is for. Only answers to GET, whole ones.
fn may_be_stored(new: &Stored, said: &Says) -> bool {
    // Final statuses of RFC 9110 that mean the same to every cache (§5.2.2.3). 206 and 304 are
    // not kept here: parts are not combined yet, and a 304 has no body.
    let understood: [u16; 39] = [
        200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405,
        406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 500, 501, 502,
        503, 504, 505,
    ];
    new.ask.method == "GET"
        && ![206, 304].contains(&new.status)
        && (!said.has("must-understand") || understood.contains(&new.status))
        // §5.2.1.5
        && !text::directives(&new.ask.lines, "cache-control").iter().any(|(n, _)| n == "no-store")
}

/// Whether the response is for others than who asked. `cache = "force"` skips this (design §4).
fn is_for_all(rules: &Rules, new: &Stored, said: &Says) -> bool {
    // `must-understand` on a status that is understood lifts `no-store` (§5.2.2.3).
    let no_store = said.has("no-store") && !said.has("must-understand");
    let shared = said.has("public") || said.has("s-maxage") || said.targeted;
    let ruled = rule_lifetime(rules, new.status).is_some();
    // Design §4: answers to requests with cookies only on explicit shared freshness.
    let of_a_visitor = has_cookie(new) && !shared && !ruled;
    // Design §4, cache deception. Decided: a rule's lifetime does not excuse it, since it says
    // nothing of this very answer.
    let page =
        text::first(&new.lines, "content-type").is_some_and(|kind| kind.starts_with("text/html"));
    let path = new.ask.target.split('?').next().unwrap_or_default();
    let deceptive = page && path.ends_with(".css") && !shared;
    !no_store
        && !said.plain("private")
        && !text::has(&new.lines, "set-cookie")
        && (!text::has(&new.ask.lines, "authorization") || shares_authorized(said))
        && !of_a_visitor
        && !deceptive
}

/// §3.5
fn shares_authorized(said: &Says) -> bool {
    said.has("public") || said.has("s-maxage") || said.has("must-revalidate")
}

fn has_cookie(new: &Stored) -> bool {
    text::cookie_names(&new.ask.lines).iter().any(|name| !name.starts_with(IGNORED_COOKIE))
}

/// §4.1: `*` matches nothing. Nor do fields of which each client's value is another: what the
/// origin is told of the client's address is not in the client's request.
fn vary_can_be_kept(new: &Stored) -> bool {
    let nominated = text::members(&new.lines, "vary");
    !nominated
        .iter()
        .any(|name| ["*", "x-forwarded-for", "forwarded"].contains(&name.to_lowercase().as_str()))
}

/// Design §4 has no words on it; decided: what is stale at once is kept only where it can be
/// validated, or the origin named a lifetime and a stale window.
fn is_worth_keeping(rules: &Rules, new: &Stored, said: &Says) -> bool {
    let explicit = explicit_lifetime(rules, new, said).is_some();
    // §3: something must say that it may be stored.
    if !explicit && !said.has("public") && !is_heuristically_cacheable(new.status) {
        return false;
    }
    let fresh =
        !always_validates(rules, new) && age(new, new.answered) < lifetime(rules, new) * 1000;
    let windowed = explicit && matches!(staleness(rules, new), Staleness::Windows { .. });
    fresh || windowed || text::has(&new.lines, "etag") || text::has(&new.lines, "last-modified")
}

/// The lifetime in seconds (§4.2.1), a rule's before the origin's.
///
/// Design §5: it is stale since `min(natural expiry, the purge's time)`, in whole seconds.
pub fn lifetime(rules: &Rules, stored: &Stored) -> u64 {
    let said = says(&stored.lines);
    let natural = explicit_lifetime(rules, stored, &said)
        .unwrap_or_else(|| heuristic_lifetime(stored, &said));
    let purged = stored.softened.iter().map(|softened| age(stored, softened.at) / 1000).min();
    purged.map_or(natural, |age| natural.min(age))
}

fn explicit_lifetime(rules: &Rules, stored: &Stored, said: &Says) -> Option<u64> {
    let expires = || {
        // RFC 9213 §2.2: a targeted field silences `Expires` too.
        let text = text::first(&stored.lines, "expires").filter(|_| !said.targeted)?;
        // §5.3: what is no date is in the past.
        Some(text::date(text).unwrap_or(0).saturating_sub(date(stored)).min(text::FOREVER))
    };
    // Decided: a rule's lifetime counts from when it came, in whole seconds.
    let ruled = |ttl| if ttl == 0 { 0 } else { ttl + age(stored, stored.answered) / 1000 };
    rule_lifetime(rules, stored.status)
        .map(|ttl| ruled(ttl).min(text::FOREVER))
        .or_else(|| said.lifetime("s-maxage"))
        .or_else(|| said.lifetime("max-age"))
        .or_else(expires)
}

/// Design §4, rules of the operator.
fn rule_lifetime(rules: &Rules, status: u16) -> Option<u64> {
    let ttl = rules.ttl.or(rules.revalidate);
    match status {
        200 | 203 | 301 | 308 => ttl,
        404 | 410 => rules.negative_ttl.or(ttl.map(|_| 10)),
        _ => None,
    }
}

/// §4.2.2 and design §4: a tenth of the time since `Last-Modified`, at most an hour, and only
/// for requests that speak of no visitor. In whole seconds.
fn heuristic_lifetime(stored: &Stored, said: &Says) -> u64 {
    let modified = text::first(&stored.lines, "last-modified").and_then(text::date);
    let visitor = has_cookie(stored) || text::has(&stored.ask.lines, "authorization");
    match modified {
        Some(modified)
            if !visitor && (said.has("public") || is_heuristically_cacheable(stored.status)) =>
        {
            (date(stored).saturating_sub(modified) / 10).min(3600)
        }
        _ => 0,
    }
}

/// RFC 9110 §15.1
fn is_heuristically_cacheable(status: u16) -> bool {
    [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501].contains(&status)
}

fn date(stored: &Stored) -> u64 {
    text::first(&stored.lines, "date").and_then(text::date).unwrap_or(stored.answered / 1000)
}

/// The age in milliseconds (§4.2.3). Decided: a `Date` has whole seconds, so `apparent_age` is
/// the difference of whole seconds; the rest is counted in milliseconds.
pub fn age(stored: &Stored, now: u64) -> u64 {
    let apparent_age = (stored.answered / 1000).saturating_sub(date(stored)) * 1000;
    // §5.1: of several the first; what is no number does not count.
    let told = text::members(&stored.lines, "age").first().and_then(|text| text::seconds(text));
    let response_delay = stored.answered - stored.asked;
    let corrected_age_value = told.unwrap_or(0) * 1000 + response_delay;
    apparent_age.max(corrected_age_value) + (now - stored.answered)
}

/// What may be served beyond freshness, in seconds (§4.2.4, RFC 5861, design §4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Staleness {
    Forbidden,
    Windows { revalidate: u64, error: u64 },
    WhenUnreachable,
}

/// Design §4, staleness. A rule's windows come before the origin's; pages that are regenerated are
/// served stale as long as told, or for ever. Decided: a rule that forces lifts what forbids it.
pub fn staleness(rules: &Rules, stored: &Stored) -> Staleness {
    let said = says(&stored.lines);
    let forbids = said.has("must-revalidate") || said.has("proxy-revalidate");
    if (forbids || said.plain("no-cache")) && !rules.force {
        return Staleness::Forbidden;
    }
    let regenerated = rules.revalidate.is_some() && [200, 203, 301, 308].contains(&stored.status);
    let ever = regenerated.then_some(text::FOREVER);
    // A page that was away may be back.
    let away = rules.revalidate.is_some() && [404, 410].contains(&stored.status);
    let named = rules.stale_while_revalidate.or(ever).or(said.window("stale-while-revalidate"));
    let revalidate = named.filter(|_| !away);
    let error = rules.stale_if_error.or(said.window("stale-if-error"));
    if revalidate.is_some() || error.is_some() {
        return Staleness::Windows {
            revalidate: revalidate.unwrap_or(0),
            error: error.unwrap_or(0),
        };
    }
    if said.has("s-maxage") { Staleness::Forbidden } else { Staleness::WhenUnreachable }
}

/// §5.2.2.4. Decided: a rule's lifetime holds whatever the origin says of freshness.
pub fn always_validates(rules: &Rules, stored: &Stored) -> bool {
    says(&stored.lines).plain("no-cache") && rule_lifetime(rules, stored.status).is_none()
}

/// Whether it may answer requests with `Authorization` (§3.5; design §4: or where a rule forces).
pub fn answers_authorized(rules: &Rules, stored: &Stored) -> bool {
    rules.force || shares_authorized(&says(&stored.lines))
}
