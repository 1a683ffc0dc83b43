//! What the admin listener counts.

use super::entries::Outcomes;
use super::refusal::Refusals;
use super::tags::Waiters;

/// All that it counts. Its one thread is the only one to count.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests that were refused.
    pub refusals: Refusals,
    /// What came of requests for entries.
    pub entries: Outcomes,
    /// Those who wait for purges of tags.
    pub waiters: Waiters,
}
