//! What a purge would cover of what is stored, before it is one.

use policy::purge::{Born, Purge, Subject, Table, TableLimits, Verdict};
use proxy::core::Shared;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use store::{Cursor, Listed};

/// How long it is looked for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Responses that are looked at in one go.
const PAGE: usize = 1000;

/// Goes through what a purge would cover, until `take` has enough or no time is left; says whether
/// that was all. Reads from disk.
pub fn covered(
    shared: &Shared,
    purge: &Purge,
    mut take: impl FnMut(&Listed) -> ControlFlow<()>,
) -> bool {
    let mut table = Table::new(0, 0, TableLimits::default());
    table.apply(1, purge);
    let is_covered = |listed: &&Listed| {
        let subject = Subject::of(listed.key.as_ref(), &listed.meta);
        table.check(&subject, Born::default(), 0) != Verdict::Valid
    };
    let (until, mut from) = (Instant::now() + PATIENCE, Cursor::default());
    loop {
        let page = shared.store.objects(&|_| true, from, PAGE, until);
        if page.objects.iter().filter(is_covered).any(|listed| take(listed).is_break()) {
            return false;
        }
        match page.next {
            Some(next) if Instant::now() < until => from = next,
            next => return next.is_none(),
        }
    }
}
