//! Whether an origin of several is well: what its exchanges and the checks on it tell.

use crate::settings::OriginLimits;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much longer an origin that fails again and again is left out, at most.
const MOST_TIMES: u32 = 10;
/// Checks in a row that must fail before they count.
const FAILED_CHECKS: u32 = 2;

/// What is known of one origin, by all cores.
#[derive(Debug)]
pub struct Health {
    /// Failures in a row.
    failures: AtomicU32,
    /// How often it was left out since it was well for long.
    times: AtomicU32,
    /// Milliseconds since `begun` until which it is left out.
    out_until: AtomicU64,
    /// Checks that failed in a row.
    failed_checks: AtomicU32,
    /// Whether the checks say that it is away.
    is_down: AtomicBool,
    begun: Instant,
}

impl Default for Health {
    fn default() -> Health {
        Health {
            failures: AtomicU32::new(0),
            times: AtomicU32::new(0),
            out_until: AtomicU64::new(0),
            failed_checks: AtomicU32::new(0),
            is_down: AtomicBool::new(false),
            begun: Instant::now(),
        }
    }
}

impl Health {
    /// Whether it should be asked.
    pub fn is_well(&self) -> bool {
        !self.is_down.load(Ordering::Relaxed) && self.left_out() == Duration::ZERO
    }

    /// Who is the lesser evil where none is well: rather one that is left out for a moment than
    /// one that its checks call away.
    pub fn how_bad(&self) -> (bool, Duration) {
        (self.is_down.load(Ordering::Relaxed), self.left_out())
    }

    /// For how long it is left out yet.
    pub fn left_out(&self) -> Duration {
        let until = Duration::from_millis(self.out_until.load(Ordering::Relaxed));
        until.saturating_sub(self.begun.elapsed())
    }

    /// Notes an exchange that went well.
    pub fn succeeded(&self) {
        if self.failures.swap(0, Ordering::Relaxed) == 0 && self.left_out() == Duration::ZERO {
            self.times.store(0, Ordering::Relaxed);
        }
    }

    /// Notes an exchange that failed; says whether the origin should be left out for it.
    pub fn failed(&self, limits: &OriginLimits) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= limits.eject_after
    }

    /// Leaves it out for a while.
    pub fn leave_out(&self, limits: &OriginLimits) -> Duration {
        self.failures.store(0, Ordering::Relaxed);
        let times = self.times.fetch_add(1, Ordering::Relaxed) + 1;
        let time = limits.eject_for.saturating_mul(times.min(MOST_TIMES));
        let until = (self.begun.elapsed() + time).as_millis();
        self.out_until.store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
        time
    }

    /// Notes a check; says whether it changes anything.
    pub fn checked(&self, is_well: bool) -> bool {
        if is_well {
            self.failed_checks.store(0, Ordering::Relaxed);
            return self.is_down.swap(false, Ordering::Relaxed);
        }
        let failed = self.failed_checks.fetch_add(1, Ordering::Relaxed) + 1;
        failed >= FAILED_CHECKS && !self.is_down.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_leave_it_out_longer_each_time() {
        let limits = OriginLimits { eject_after: 2, ..OriginLimits::default() };
        let health = Health::default();
        assert!(!health.failed(&limits));
        health.succeeded();
        assert!(!health.failed(&limits), "only those in a row count");
        assert!(health.failed(&limits));
        assert_eq!(health.leave_out(&limits), limits.eject_for);
        assert!(!health.is_well());
        assert_eq!(health.leave_out(&limits), limits.eject_for * 2);
        for _ in 0..20 {
            health.leave_out(&limits);
        }
        assert_eq!(health.leave_out(&limits), limits.eject_for * 10);
    }

    #[test]
    fn one_check_that_fails_is_none() {
        let health = Health::default();
        assert!(!health.checked(false) && health.is_well());
        assert!(health.checked(false) && !health.is_well());
        assert!(!health.checked(false), "nothing new");
        assert!(health.checked(true) && health.is_well());
    }
}
