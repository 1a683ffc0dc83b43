//! How many requests may be tried again: a share of those that come, so that an origin that fails is
//! not asked twice as much.

use std::sync::atomic::{AtomicU32, Ordering};

/// What one retry costs; each request adds `retry_percent`.
const PRICE: u32 = 100;
/// The most that can be saved up: so many retries at once.
const MOST: u32 = 20 * PRICE;

/// What is left for retries.
#[derive(Debug)]
pub struct Retries(AtomicU32);

impl Default for Retries {
    fn default() -> Retries {
        Retries(AtomicU32::new(MOST))
    }
}

impl Retries {
    /// Notes a request.
    pub fn earn(&self, percent: u32) {
        let add = |left: u32| (left < MOST).then(|| left.saturating_add(percent).min(MOST));
        // Nothing changes while all is saved up.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Pays for a retry; says whether there was enough.
    pub fn pay(&self) -> bool {
        let take = |left: u32| left.checked_sub(PRICE);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_the_requests() {
        let retries = Retries::default();
        let spend = || (0..1000).take_while(|_| retries.pay()).count();
        assert_eq!(spend(), 20, "what was saved up");
        (0..50).for_each(|_| retries.earn(20));
        assert_eq!(spend(), 10);
        (0..5000).for_each(|_| retries.earn(20));
        assert_eq!(spend(), 20, "no more than that is saved");
        (0..5000).for_each(|_| retries.earn(0));
        assert_eq!(spend(), 0);
    }
}
