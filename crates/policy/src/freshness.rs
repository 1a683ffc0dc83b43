//! How long a response is fresh, and how old it is (RFC 9111 §4.2).

use crate::cache_control::ResponseDirectives;
use crate::fields::Fields;
use crate::kept::is_away;
use crate::name::Name;
use crate::rule::Rule;
use crate::targeted::Speaker;
use crate::time::{Seconds, Timestamp};

/// When a response was asked for and when its head came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The request left.
    pub asked: Timestamp,
    /// The head of the response was there.
    pub answered: Timestamp,
}

/// The freshness of a stored response: plain numbers, so that a hit needs arithmetic only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// When the response came, or was last confirmed.
    pub answered: Timestamp,
    /// Its age then, in milliseconds (`corrected_initial_age`, §4.2.3).
    pub initial_age: u64,
    /// Fresh until it is this old.
    pub lifetime: Seconds,
    /// What may be served beyond.
    pub stale: Staleness,
    /// Never to be used without asking the origin (`no-cache`).
    pub always_validate: bool,
    /// Whether it may answer requests with `Authorization` (§3.5).
    pub shares_authorized: bool,
    /// After a paced purge: until then it is served stale, and it is made anew at that purge's pace.
    /// 0: no such purge covers it. Worked out anew in each run, and kept nowhere.
    pub paced_until: Timestamp,
}

/// When a response may be served stale (RFC 9111 §4.2.4, RFC 5861).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Staleness {
    /// Never.
    #[default]
    Forbidden,
    /// Within these windows, to the second, and never beyond.
    Windows {
        /// While it is refreshed in the background.
        revalidate: Seconds,
        /// When the origin fails or answers 500, 502, 503 or 504.
        error: Seconds,
    },
    /// Only when the origin is out of reach or drops the connection.
    WhenUnreachable,
}

/// Where a lifetime comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A rule of the operator.
    Rule,
    /// `max-age`, `s-maxage` or `Expires`.
    Explicit,
    /// A tenth of the time since `Last-Modified` (§4.2.2).
    Heuristic,
    /// Nothing says so.
    Unknown,
}

impl Life {
    /// Its age in milliseconds (§4.2.3).
    pub fn age(&self, now: Timestamp) -> u64 {
        self.initial_age.saturating_add(now.millis_since(self.answered))
    }

    /// What the `Age` field says: whole seconds, at most 2^31.
    pub fn age_seconds(&self, now: Timestamp) -> u64 {
        Seconds::new(self.age(now) / 1000).get()
    }

    /// Whether it is fresh (§4.2): not older than its lifetime, and not to be validated always.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        !self.always_validate && self.age(now) < self.lifetime.millis()
    }

    /// For how many whole seconds it is still fresh; negative: for how many it has been stale.
    pub fn ttl(&self, now: Timestamp) -> i64 {
        // Both are at most 2^41, far from overflow, but for ages of a clock gone mad.
        let age = i64::try_from(self.age(now)).unwrap_or(i64::MAX);
        (self.lifetime.millis() as i64).saturating_sub(age).div_euclid(1000)
    }

    /// The same, but stale from that time on at the latest (to the second before).
    pub fn ended_at(self, time: Timestamp) -> Life {
        let lived = Seconds::new(self.age(time) / 1000);
        Life { lifetime: self.lifetime.min(lived), ..self }
    }

    /// Whether a paced purge covers it.
    pub fn is_paced(&self) -> bool {
        self.paced_until > Timestamp(0)
    }

    /// For how long it has been stale, in milliseconds; at most 2^31 s, which stands for any
    /// length (§1.2.2).
    pub fn staleness(&self, now: Timestamp) -> u64 {
        self.age(now).saturating_sub(self.lifetime.millis()).min(Seconds::MAX.millis())
    }
}

/// The age of a response when it came, in milliseconds (§4.2.3). A `Date` is whole seconds, so it
/// is held against whole seconds.
pub fn initial_age(fields: &Fields, exchange: Exchange) -> u64 {
    let date = fields.get(Name::Date).and_then(Timestamp::parse_http);
    let apparent =
        date.map_or(0, |date| exchange.answered.seconds().saturating_sub(date.seconds()) * 1000);
    // Of several values, or a list, the first counts; junk does not (§5.1).
    let told = fields.members(Name::Age).next().and_then(Seconds::parse).unwrap_or_default();
    let delay = exchange.answered.millis_since(exchange.asked);
    apparent.max(told.millis() + delay)
}

/// The lifetime of a response (§4.2.1), a rule's before the origin's, and where it comes from.
pub fn lifetime(
    status: u16,
    fields: &Fields,
    (speaker, directives): (Speaker, &ResponseDirectives),
    rule: &Rule,
    answered: Timestamp,
    heuristic_max: Seconds,
) -> (Seconds, Origin) {
    if let Some(ttl) = rule.lifetime(status) {
        return (ttl, Origin::Rule);
    }
    if let Some((_, lifetime)) = directives.lifetime() {
        return (lifetime, Origin::Explicit);
    }
    if !speaker.is_targeted() && fields.has(Name::Expires) {
        return (expires(fields, answered), Origin::Explicit);
    }
    match heuristic(status, fields, directives, answered, heuristic_max) {
        Some(lifetime) => (lifetime, Origin::Heuristic),
        None => (Seconds::ZERO, Origin::Unknown),
    }
}

/// The lifetime of what has that age when it comes, where a rule says how long it is fresh: that
/// counts from its arrival, to the second. Else an origin whose clock is slow, or that has a cache
/// before it, would be asked again and again.
pub fn from_arrival(ttl: Seconds, initial_age: u64) -> Seconds {
    match ttl {
        Seconds::ZERO => ttl,
        _ => Seconds::new(ttl.get().saturating_add(initial_age / 1000)),
    }
}

/// `Expires` less `Date`; a date that cannot be read is in the past (§5.3).
fn expires(fields: &Fields, answered: Timestamp) -> Seconds {
    let Some(expires) = fields.get(Name::Expires).and_then(Timestamp::parse_http) else {
        return Seconds::ZERO;
    };
    Seconds::new(expires.seconds().saturating_sub(date(fields, answered).seconds()))
}

fn date(fields: &Fields, answered: Timestamp) -> Timestamp {
    fields.get(Name::Date).and_then(Timestamp::parse_http).unwrap_or(answered)
}

/// §4.2.2: only with `Last-Modified`, and only for statuses that are heuristically cacheable or
/// answers marked `public`.
fn heuristic(
    status: u16,
    fields: &Fields,
    directives: &ResponseDirectives,
    answered: Timestamp,
    max: Seconds,
) -> Option<Seconds> {
    if !(is_heuristically_cacheable(status) || directives.public) {
        return None;
    }
    let modified = fields.get(Name::LastModified).and_then(Timestamp::parse_http)?;
    let since = date(fields, answered).seconds().saturating_sub(modified.seconds());
    Some(Seconds::new(since / 10).min(max))
}

/// The statuses that RFC 9110 §15.1 calls heuristically cacheable.
pub fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// What may be served stale (design §4, staleness): `must-revalidate`, `proxy-revalidate` and
/// `no-cache` forbid it whatever else is said, but for a rule that forces; windows hold to the
/// second; `s-maxage` alone forbids it; nothing said leaves it for when the origin is out of reach.
pub fn staleness(status: u16, directives: &ResponseDirectives, rule: &Rule) -> Staleness {
    if directives.forbids_stale() && !rule.forces() {
        return Staleness::Forbidden;
    }
    let ruled = rule.regenerates(status).or(rule.stale_while_revalidate);
    let revalidate = match rule.revalidate {
        // The origin is asked about a page that was away before anything is said: it may be back.
        Some(_) if is_away(status) => None,
        _ => ruled.or(directives.stale_while_revalidate),
    };
    let error = rule.stale_if_error.or(directives.stale_if_error);
    match (revalidate, error) {
        (None, None) if directives.s_maxage.is_some() => Staleness::Forbidden,
        (None, None) => Staleness::WhenUnreachable,
        _ => Staleness::Windows {
            revalidate: revalidate.unwrap_or_default(),
            error: error.unwrap_or_default(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targeted::winner;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().copied().collect()
    }

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const DATE_SECONDS: u64 = 784_111_777;

    #[test]
    fn age_counts_date_age_and_delay() {
        // RFC 9111 §4.2.3
        let now = Timestamp::from_seconds(DATE_SECONDS + 10);
        let exchange = Exchange { asked: Timestamp(now.0 - 2_000), answered: now };
        for (response, seconds) in [
            (vec![], 2),
            (vec![("Date", DATE)], 10),
            (vec![("Age", "5")], 7),
            (vec![("Date", DATE), ("Age", "60")], 62),
            (vec![("Age", "5, 9")], 7),
            (vec![("Age", "5"), ("Age", "9")], 7),
            (vec![("Age", "junk")], 2),
            (vec![("Age", "-3")], 2),
            (vec![("Date", "junk")], 2),
            (vec![("Age", "99999999999999")], (1 << 31) + 2),
        ] {
            assert_eq!(initial_age(&fields(&response), exchange), seconds * 1000, "{response:?}");
        }
    }

    #[test]
    fn freshness_ends_at_its_last_second() {
        let life = Life { lifetime: Seconds::new(60), initial_age: 10_000, ..Life::default() };
        assert!(life.is_fresh(Timestamp(49_999)));
        assert!(!life.is_fresh(Timestamp(50_000)));
        assert_eq!(life.ttl(Timestamp(49_999)), 0);
        assert_eq!(life.ttl(Timestamp(50_001)), -1);
        assert_eq!(life.age_seconds(Timestamp(1_999)), 11);
        assert_eq!(life.age_seconds(Timestamp(u64::MAX)), 1 << 31);
    }

    #[test]
    fn lifetimes_come_from_the_first_that_speaks() {
        // RFC 9111 §4.2.1, §4.2.2, §5.3
        let later = "Sun, 06 Nov 1994 08:50:37 GMT";
        let old = "Sun, 06 Nov 1994 08:32:57 GMT"; // 1000 s before
        for (status, response, seconds, origin) in [
            (200, vec![("Cache-Control", "s-maxage=5, max-age=9")], 5, Origin::Explicit),
            (200, vec![("Cache-Control", "max-age=9"), ("Expires", later)], 9, Origin::Explicit),
            (200, vec![("Date", DATE), ("Expires", later)], 60, Origin::Explicit),
            (200, vec![("Date", later), ("Expires", DATE)], 0, Origin::Explicit),
            (200, vec![("Expires", "0")], 0, Origin::Explicit),
            (500, vec![("Cache-Control", "max-age=9")], 9, Origin::Explicit),
            (200, vec![("Date", DATE), ("Last-Modified", old)], 100, Origin::Heuristic),
            (404, vec![("Date", DATE), ("Last-Modified", old)], 100, Origin::Heuristic),
            (302, vec![("Date", DATE), ("Last-Modified", old)], 0, Origin::Unknown),
            (
                302,
                vec![("Date", DATE), ("Last-Modified", old), ("Cache-Control", "public")],
                100,
                Origin::Heuristic,
            ),
            (
                200,
                vec![("Date", DATE), ("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT")],
                3600,
                Origin::Heuristic,
            ),
            (200, vec![], 0, Origin::Unknown),
            (200, vec![("CDN-Cache-Control", "public"), ("Expires", later)], 0, Origin::Unknown),
        ] {
            let list = fields(&response);
            let (speaker, directives) = winner(&list);
            let answered = Timestamp::from_seconds(DATE_SECONDS);
            let found = lifetime(
                status,
                &list,
                (speaker, &directives),
                &Rule::default(),
                answered,
                Seconds::new(3600),
            );
            assert_eq!(found, (Seconds::new(seconds), origin), "{status} {response:?}");
        }
    }

    #[test]
    fn a_rule_sets_lifetimes_for_its_statuses_only() {
        let rule = Rule { ttl: Some(Seconds::new(60)), ..Rule::default() };
        for (status, lifetime) in [
            (200, Some(60)),
            (203, Some(60)),
            (301, Some(60)),
            (308, Some(60)),
            (404, Some(10)),
            (410, Some(10)),
            (302, None),
            (500, None),
            (503, None),
        ] {
            assert_eq!(rule.lifetime(status), lifetime.map(Seconds::new), "{status}");
        }
        let negative = Rule { negative_ttl: Some(Seconds::new(5)), ..Rule::default() };
        assert_eq!(negative.lifetime(404), Some(Seconds::new(5)));
        assert_eq!(negative.lifetime(200), None);
    }

    #[test]
    fn what_a_rule_regenerates_is_served_stale_as_long_as_it_says_or_for_ever() {
        let isr = |window| Rule {
            revalidate: Some(Seconds::new(60)),
            stale_while_revalidate: window,
            ..Rule::default()
        };
        let (day, ever) = (Some(Seconds::new(86_400)), Seconds::MAX);
        let windows = |revalidate| Staleness::Windows { revalidate, error: Seconds::ZERO };
        let forced = Rule { cache: crate::rule::CacheMode::Force, ..isr(None) };
        for (status, value, rule, stale) in [
            (200, "", isr(None), windows(ever)),
            (200, "s-maxage=1", isr(None), windows(ever)),
            (200, "stale-while-revalidate=5", isr(None), windows(ever)),
            (200, "", isr(day), windows(Seconds::new(86_400))),
            (301, "", isr(None), windows(ever)),
            (200, "must-revalidate", isr(None), Staleness::Forbidden),
            (200, "no-cache", isr(None), Staleness::Forbidden),
            (200, "no-store, must-revalidate", forced, windows(ever)),
            // A page that came back is not hidden behind its old 404.
            (404, "", isr(None), Staleness::WhenUnreachable),
            (404, "", isr(day), Staleness::WhenUnreachable),
            (410, "s-maxage=60, stale-while-revalidate=600", isr(day), Staleness::Forbidden),
        ] {
            let directives = ResponseDirectives::parse([value.as_bytes()].into_iter());
            assert_eq!(staleness(status, &directives, &rule), stale, "{status} {value}");
        }
        for (status, lifetime) in [(200, Some(60)), (404, Some(10)), (302, None), (500, None)] {
            assert_eq!(isr(None).lifetime(status), lifetime.map(Seconds::new), "{status}");
        }
    }

    #[test]
    fn staleness_is_forbidden_windowed_or_for_when_the_origin_is_away() {
        let windows = |revalidate, error| Staleness::Windows {
            revalidate: Seconds::new(revalidate),
            error: Seconds::new(error),
        };
        for (value, stale) in [
            ("max-age=1", Staleness::WhenUnreachable),
            ("max-age=1, must-revalidate, stale-while-revalidate=5", Staleness::Forbidden),
            ("max-age=1, proxy-revalidate, stale-if-error=5", Staleness::Forbidden),
            ("no-cache, stale-if-error=5", Staleness::Forbidden),
            ("s-maxage=1", Staleness::Forbidden),
            ("s-maxage=1, stale-while-revalidate=5", windows(5, 0)),
            ("max-age=1, stale-if-error=7", windows(0, 7)),
            ("max-age=1, stale-while-revalidate", Staleness::WhenUnreachable),
        ] {
            let directives = ResponseDirectives::parse([value.as_bytes()].into_iter());
            assert_eq!(staleness(200, &directives, &Rule::default()), stale, "{value}");
        }
        let rule = Rule { stale_while_revalidate: Some(Seconds::new(9)), ..Rule::default() };
        let must = ResponseDirectives { must_revalidate: true, ..Default::default() };
        assert_eq!(staleness(200, &must, &rule), Staleness::Forbidden, "no rule lifts it");
        let shared = ResponseDirectives { s_maxage: Some(Seconds::ZERO), ..Default::default() };
        assert_eq!(staleness(200, &shared, &rule), windows(9, 0));
    }
}
