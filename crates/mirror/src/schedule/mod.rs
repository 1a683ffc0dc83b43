//! When a feed is fetched: at times of day in a time zone, or every so often; and when again after a failure.
//!
//! Daylight saving loses no run and doubles none. A time that a clock jumps over comes once, at the first
//! moment after the gap. A time that a clock goes through twice comes the first time, unless the hours are
//! `*`: such a schedule means real time, and goes on through both.
//!
//! Pure: nothing here reads a clock, opens a file or socket, waits or spawns. The time zones are in the binary.

mod cron;
mod fault;
mod field;
pub mod retry;
mod zone;

use cron::Cron;
use policy::time::Timestamp;
use std::time::Duration;
use zone::Zone;

pub use fault::Fault;

/// When to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Cron { text: Box<str>, cron: Box<Cron>, zone: Zone },
    Every(Duration),
}

impl Schedule {
    /// By a cron expression of five fields, of six with seconds first, or `@hourly` and its like, in a time
    /// zone by its IANA name or `UTC`.
    ///
    /// # Errors
    /// What cannot be read, or never comes.
    pub fn cron(text: &str, timezone: &str) -> Result<Schedule, Fault> {
        let cron = Box::new(Cron::parse(text)?);
        let zone = Zone::named(timezone)?;
        Ok(Schedule(Kind::Cron { text: text.trim().into(), cron, zone }))
    }

    /// Every so often: whole seconds, at least one.
    ///
    /// # Errors
    /// When the period is shorter or no whole seconds.
    pub fn every(period: Duration) -> Result<Schedule, Fault> {
        if period.as_secs() == 0 || period.subsec_nanos() != 0 {
            return Err(Fault::Period { period });
        }
        Ok(Schedule(Kind::Every(period)))
    }

    /// The first run later than `now`, on a whole second. For a period: later than the start of the last
    /// run, which `now` is then. What is beyond the calendar is [`u64::MAX`].
    pub fn next_after(&self, now: Timestamp) -> Timestamp {
        match &self.0 {
            Kind::Every(period) => {
                Timestamp::from_seconds(now.seconds().saturating_add(period.as_secs()))
            }
            Kind::Cron { cron, zone, .. } => match zone.next_after(cron, now.seconds()) {
                Some(seconds) => Timestamp::from_seconds(seconds),
                None => Timestamp(u64::MAX),
            },
        }
    }

    /// As it was written; a period in seconds.
    pub fn told(&self) -> String {
        match &self.0 {
            Kind::Cron { text, zone, .. } => format!("{text} ({})", zone.name()),
            Kind::Every(period) => format!("every {}s", period.as_secs()),
        }
    }
}

#[cfg(test)]
mod schedule_tests;
