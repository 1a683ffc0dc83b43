//! Whether a kept entry is given to who asks for it.

use crate::freshness::{Life, Staleness};
use crate::time::Timestamp;

/// The verdict on an entry that no hard purge covers. Its seconds are what `ttl` of `Cache-Status`
/// says (RFC 9211 §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Give it: it is fresh for so many seconds.
    Fresh(i64),
    /// Give it as stale, since as many seconds as this is below zero: who asks makes it anew.
    Stale(i64),
    /// It is older than may be given.
    Expired,
}

/// Decides whether an entry that lives so is given.
pub fn found(life: &Life, now: Timestamp) -> Found {
    if life.is_fresh(now) {
        return Found::Fresh(life.ttl(now));
    }
    let window = match life.stale {
        Staleness::Windows { revalidate, .. } => revalidate.millis(),
        Staleness::Forbidden | Staleness::WhenUnreachable => 0,
    };
    match life.staleness(now) < window || now < life.paced_until {
        // In the very second in which it ended too, so that it is told from a fresh one.
        true => Found::Stale(life.ttl(now).min(-1)),
        false => Found::Expired,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Seconds;

    #[test]
    fn windows_hold_to_the_second_and_what_is_stale_says_so() {
        let (revalidate, error) = (Seconds::new(10), Seconds::ZERO);
        let window = Staleness::Windows { revalidate, error };
        for (stale, paced_until, now, verdict) in [
            (Staleness::Forbidden, 0, 59_999, Found::Fresh(0)),
            (Staleness::Forbidden, 0, 60_000, Found::Expired),
            (window, 0, 0, Found::Fresh(60)),
            (window, 0, 60_000, Found::Stale(-1)),
            (window, 0, 65_500, Found::Stale(-6)),
            (window, 0, 69_999, Found::Stale(-10)),
            (window, 0, 70_000, Found::Expired),
            (Staleness::Forbidden, 80_000, 79_999, Found::Stale(-20)),
            (Staleness::Forbidden, 80_000, 80_000, Found::Expired),
        ] {
            let lifetime = Seconds::new(60);
            let paced_until = Timestamp(paced_until);
            let life = Life { lifetime, stale, paced_until, ..Life::default() };
            assert_eq!(found(&life, Timestamp(now)), verdict, "{stale:?} {now}");
        }
    }
}
