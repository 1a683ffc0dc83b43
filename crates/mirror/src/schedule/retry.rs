//! When to ask again after a failure, and how long an upstream wants to be left alone.

use policy::fields::Fields;
use policy::name::Name;
use policy::time::Timestamp;
use std::time::Duration;

/// The most that the first pause lasts; each one more lasts up to twice as long.
pub const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The least that a pause lasts.
pub const LEAST_PAUSE: Duration = Duration::from_millis(500);
/// The most that a pause lasts, unless an upstream tells more.
pub const MOST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The most that an upstream is left alone, whatever it tells.
pub const MOST_TOLD: Duration = Duration::from_secs(24 * 60 * 60);
/// Numbers from here on are moments since 1970 in seconds and not lengths of time: no pause lasts 30 years.
const LEAST_EPOCH: u64 = 1_000_000_000;
/// Numbers from here on are moments in milliseconds.
const LEAST_EPOCH_MILLIS: u64 = 100_000_000_000;

/// How long to wait before attempt `attempt + 1`, where `attempt` counts the failures from 1: exponential
/// backoff with full jitter, and never less than what the upstream told. `seed` differs for each feed and run.
pub fn pause(attempt: u32, told: Option<Duration>, seed: u64) -> Duration {
    let doubled = 1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let most = FIRST_PAUSE.saturating_mul(doubled).min(MOST_PAUSE);
    let span = most.saturating_sub(LEAST_PAUSE);
    let own = LEAST_PAUSE + part(span, seed ^ u64::from(attempt).rotate_left(32));
    match told {
        None => own,
        // Who is told the same moment as all others comes a little later than it, and not with them.
        Some(told) => own.max(told.min(MOST_TOLD) + part(told.min(MOST_TOLD) / 10, seed)),
    }
}

/// A delay for a regular run, from none up to `most`, and less than half the period.
pub fn jitter(seed: u64, period: Duration, most: Duration) -> Duration {
    part(most.min(period / 2), seed)
}

/// How long the upstream wants to be left alone, by the fields of its answer: `Retry-After` (RFC 9110
/// §10.2.3), and where nothing remains `RateLimit` (the IETF's draft, in both of its forms) or the
/// `X-RateLimit-*` that many send. The longest counts, up to [`MOST_TOLD`].
pub fn told(fields: &Fields, now: Timestamp) -> Option<Duration> {
    let all = [retry_after(fields, now), rate_limit(fields), rate_limit_fields(fields, now)];
    all.into_iter().flatten().max().map(|told| told.min(MOST_TOLD))
}

fn retry_after(fields: &Fields, now: Timestamp) -> Option<Duration> {
    let value = fields.get(Name::RetryAfter)?;
    if let Some(seconds) = whole(value) {
        return Some(Duration::from_secs(seconds));
    }
    Some(until(Timestamp::parse_http(value)?, now))
}

/// `"default";r=0;t=30`, or `limit=10, remaining=0, reset=30` of older drafts.
fn rate_limit(fields: &Fields) -> Option<Duration> {
    let mut longest = None;
    for value in fields.all_named("ratelimit") {
        let old = value.split(|byte| matches!(byte, b',' | b';'));
        let is_old = old.clone().any(|part| parameter(part, "remaining").is_some());
        let policies: Vec<&[u8]> =
            if is_old { vec![value] } else { policy::fields::list_members(value).collect() };
        for policy in policies {
            let parts = || parameters(policy).split(|byte| matches!(byte, b',' | b';'));
            let find = |names: [&str; 2]| {
                parts().find_map(|part| names.iter().find_map(|name| parameter(part, name)))
            };
            if find(["r", "remaining"]) == Some(0) {
                let reset = find(["t", "reset"]).map(Duration::from_secs);
                longest = longest.max(reset);
            }
        }
    }
    longest
}

/// What stands behind a policy's name, in which anything may stand.
fn parameters(policy: &[u8]) -> &[u8] {
    let Some(name) = policy.strip_prefix(b"\"") else { return policy };
    let mut is_escaped = false;
    let end = name.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(&[], |end| &name[end + 1..])
}

fn parameter(part: &[u8], name: &str) -> Option<u64> {
    let rest = part.trim_ascii().strip_prefix(name.as_bytes())?;
    whole(rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii())
}

/// What remains and when it is reset, in fields of their own; the reset is a moment or a length of time.
fn rate_limit_fields(fields: &Fields, now: Timestamp) -> Option<Duration> {
    let number = |name: &str| {
        let value = fields.all_named(name).next()?.trim_ascii();
        // Some write fractions of seconds.
        whole(value.split(|byte| *byte == b'.').next().unwrap_or_default())
    };
    let pairs = [
        ("ratelimit-remaining", "ratelimit-reset"),
        ("x-ratelimit-remaining", "x-ratelimit-reset"),
        ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ];
    let told = pairs.into_iter().filter(|(remaining, _)| number(remaining) == Some(0));
    told.filter_map(|(_, reset)| number(reset))
        .map(|reset| match reset {
            LEAST_EPOCH_MILLIS.. => until(Timestamp(reset), now),
            LEAST_EPOCH.. => until(Timestamp::from_seconds(reset), now),
            seconds => Duration::from_secs(seconds),
        })
        .max()
}

fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(then.millis_since(now))
}

fn whole(digits: &[u8]) -> Option<u64> {
    policy::time::Seconds::parse(digits)?;
    // What overflows is longer than any bound.
    Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX))
}

/// A part of a length of time, by a seed: evenly spread, in milliseconds.
fn part(most: Duration, seed: u64) -> Duration {
    let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(mixed(seed) % millis.saturating_add(1))
}

/// splitmix64: seeds that differ by one bit give numbers that have nothing in common.
fn mixed(seed: u64) -> u64 {
    let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ seed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ seed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_795_320_000_000);

    #[test]
    fn an_upstream_is_left_alone_as_long_as_it_tells() {
        let date = Timestamp(NOW.0 + 90_000).to_http();
        let past = Timestamp(NOW.0 - 90_000).to_http();
        let epoch = (NOW.seconds() + 45).to_string();
        let millis = (NOW.0 + 45_500).to_string();
        for (fields, seconds) in [
            (vec![], None),
            (vec![("Retry-After", "120")], Some(120.0)),
            (vec![("Retry-After", "0")], Some(0.0)),
            (vec![("Retry-After", "99999999999999999999999")], Some(86_400.0)),
            (vec![("Retry-After", &date)], Some(90.0)),
            (vec![("Retry-After", &past)], Some(0.0)),
            (vec![("Retry-After", "soon")], None),
            (vec![("Retry-After", "-1")], None),
            (vec![("RateLimit", "\"default\";r=0;t=30")], Some(30.0)),
            (vec![("RateLimit", "\"default\"; r=5; t=30")], None),
            (vec![("RateLimit", "\"a;r=0;t=9\";r=1;t=30")], None),
            (vec![("RateLimit", "\"burst\";r=0;t=3, \"day\";r=0;t=300")], Some(300.0)),
            (vec![("RateLimit", "\"burst\";r=0;t=3, \"day\";r=9;t=300")], Some(3.0)),
            (vec![("RateLimit", "limit=10, remaining=0, reset=50")], Some(50.0)),
            (vec![("RateLimit", "limit=10, remaining=1, reset=50")], None),
            (vec![("RateLimit-Remaining", "0"), ("RateLimit-Reset", "7")], Some(7.0)),
            (vec![("RateLimit-Reset", "7")], None),
            (vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", &epoch)], Some(45.0)),
            (vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", &millis)], Some(45.5)),
            (vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "60")], Some(60.0)),
            (vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "2.5")], Some(2.0)),
            (vec![("X-RateLimit-Remaining", "1"), ("X-RateLimit-Reset", "60")], None),
            (vec![("X-RateLimit-Remaining", "0")], None),
            (vec![("Retry-After", "5"), ("RateLimit", "\"a\";r=0;t=30")], Some(30.0)),
        ] {
            let list: Fields = fields.iter().copied().collect();
            assert_eq!(told(&list, NOW), seconds.map(Duration::from_secs_f64), "{fields:?}");
        }
    }

    #[test]
    fn pauses_grow_up_to_their_bound() {
        let longest = |attempt| (0..2_000).map(|seed| pause(attempt, None, seed)).max().unwrap();
        let shortest = |attempt| (0..2_000).map(|seed| pause(attempt, None, seed)).min().unwrap();
        for (attempt, most) in
            [(1, 2), (2, 4), (3, 8), (9, 512), (10, 900), (40, 900), (u32::MAX, 900)]
        {
            let most = Duration::from_secs(most);
            assert!(longest(attempt) <= most && longest(attempt) > most / 10 * 9, "{attempt}");
            assert!(shortest(attempt) >= LEAST_PAUSE && shortest(attempt) < most / 2, "{attempt}");
        }
        assert!(pause(0, None, 7) <= FIRST_PAUSE);
    }

    proptest! {
        #[test]
        fn a_pause_is_never_shorter_than_told(attempt: u32, told in 0u64..200_000, seed: u64) {
            let told = Duration::from_secs(told);
            let pause = pause(attempt, Some(told), seed);
            prop_assert!(pause >= told.min(MOST_TOLD));
            prop_assert!(pause <= MOST_PAUSE.max(MOST_TOLD / 10 * 11));
        }

        #[test]
        fn jitter_stays_within_half_a_period(seed: u64, period in 0u64..100_000, most in 0u64..1000) {
            let (period, most) = (Duration::from_secs(period), Duration::from_secs(most));
            let delay = jitter(seed, period, most);
            prop_assert!(delay <= most && delay <= period / 2);
            prop_assert_eq!(delay, jitter(seed, period, most));
        }
    }
}
