//! Cron expressions, and the times of the calendar that they mean, in no time zone.

use crate::schedule::fault::Fault;
use crate::schedule::field::{DAY, HOUR, MINUTE, MONTH, SECOND, Values, WEEKDAY};
use jiff::civil::{Date, DateTime};

/// How many years ahead a time is looked for. What comes at all comes within 8: the 29th of February, from
/// 1896 to 1904 and from 2096 to 2104, is the longest wait.
const YEARS_AHEAD: i16 = 9;

/// The times of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    second: Values,
    minute: Values,
    hour: Values,
    day: Values,
    month: Values,
    weekday: Values,
}

impl Cron {
    /// Reads five fields, six, or a name with an `@`.
    pub fn parse(text: &str) -> Result<Cron, Fault> {
        let fields: Vec<&str> = expanded(text.trim())?.split_ascii_whitespace().collect();
        let (second, rest) = match fields[..] {
            [second, ref rest @ ..] if rest.len() == 5 => (second, rest),
            _ => ("0", &fields[..]),
        };
        let [minute, hour, day, month, weekday] = *rest else {
            return Err(Fault::Fields { found: fields.len() });
        };
        let cron = Cron {
            second: Values::parse(&SECOND, second)?,
            minute: Values::parse(&MINUTE, minute)?,
            hour: Values::parse(&HOUR, hour)?,
            day: Values::parse(&DAY, day)?,
            month: Values::parse(&MONTH, month)?,
            weekday: Values::parse(&WEEKDAY, weekday)?.folded(),
        };
        if cron.comes() { Ok(cron) } else { Err(Fault::Never) }
    }

    /// Whether it means every hour, and so real time.
    pub fn is_hourly(&self) -> bool {
        self.hour.are_all(24)
    }

    /// The first time at or after `from`.
    pub fn from(&self, from: DateTime) -> Option<DateTime> {
        let (date, time) = (from.date(), from.time());
        if self.is_on(date) {
            let [hour, minute, second] =
                [time.hour(), time.minute(), time.second()].map(|n| n as u8);
            if let Some((hour, minute, second)) = self.time_from(hour, minute, second) {
                return Some(at(date, hour, minute, second));
            }
        }
        let (hour, minute, second) = self.time_from(0, 0, 0)?;
        let day = self.day_from(date.tomorrow().ok()?)?;
        Some(at(day, hour, minute, second))
    }

    fn time_from(&self, hour: u8, minute: u8, second: u8) -> Option<(u8, u8, u8)> {
        let first = (self.minute.from(0)?, self.second.from(0)?);
        if self.hour.has(hour) {
            if self.minute.has(minute)
                && let Some(second) = self.second.from(second)
            {
                return Some((hour, minute, second));
            }
            if let Some(minute) = self.minute.from(minute + 1) {
                return Some((hour, minute, first.1));
            }
        }
        let hour = self.hour.from(hour + 1)?;
        Some((hour, first.0, first.1))
    }

    fn day_from(&self, from: Date) -> Option<Date> {
        let mut date = from;
        while date.year() <= from.year().saturating_add(YEARS_AHEAD) {
            if self.is_on(date) {
                return Some(date);
            }
            date = if self.month.has(date.month() as u8) {
                date.tomorrow().ok()?
            } else {
                date.last_of_month().tomorrow().ok()?
            };
        }
        None
    }

    /// As all crons have it: where both days are restricted, either is enough.
    fn is_on(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset() as u8;
        let (day, weekday) = (self.day.has(date.day() as u8), self.weekday.has(weekday));
        let days =
            if self.day.is_star || self.weekday.is_star { day && weekday } else { day || weekday };
        days && self.month.has(date.month() as u8)
    }

    /// Whether any year has such a day.
    fn comes(&self) -> bool {
        const LONGEST: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let has_day = |(month, days): (u8, u8)| {
            self.month.has(month) && self.day.from(1).is_some_and(|first| first <= days)
        };
        let by_weekday = !self.day.is_star && !self.weekday.is_star;
        by_weekday || (1..).zip(LONGEST).any(has_day)
    }
}

fn at(date: Date, hour: u8, minute: u8, second: u8) -> DateTime {
    // Fields allow no other values than clocks do, and i8 holds all of them.
    date.at(hour as i8, minute as i8, second as i8, 0)
}

fn expanded(text: &str) -> Result<&str, Fault> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other if other.starts_with('@') => {
            return Err(Fault::Nickname { written: text.to_owned() });
        }
        _ => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, from: &str) -> String {
        let cron = Cron::parse(cron).unwrap();
        cron.from(from.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn times_come_as_the_fields_say() {
        for (cron, from, wanted) in [
            ("* * * * *", "2026-01-01T00:00:01", "2026-01-01T00:01:00"),
            ("* * * * * *", "2026-01-01T00:00:01", "2026-01-01T00:00:01"),
            ("*/10 * * * * *", "2026-01-01T23:59:51", "2026-01-02T00:00:00"),
            ("30 5 4 * * *", "2026-01-01T04:05:31", "2026-01-02T04:05:30"),
            ("0 */2 * * *", "2026-01-01T22:00:01", "2026-01-02T00:00:00"),
            ("15 9-17/4 * * 1-5", "2026-11-20T17:15:01", "2026-11-23T09:15:00"),
            ("0 0 1 jan *", "2026-01-01T00:00:01", "2027-01-01T00:00:00"),
            ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
            ("0 0 29 2 *", "2096-03-01T00:00:00", "2104-02-29T00:00:00"),
            ("0 0 31 * *", "2026-02-01T00:00:00", "2026-03-31T00:00:00"),
            // Either of two days.
            ("0 0 13 * fri", "2026-11-01T00:00:00", "2026-11-06T00:00:00"),
            ("0 0 13 * fri", "2026-10-10T00:00:00", "2026-10-13T00:00:00"),
            // Both, if one begins with a star.
            ("0 0 */2 * mon", "2026-11-01T00:00:00", "2026-11-09T00:00:00"),
            ("0 0 30 2 mon", "2026-01-01T00:00:00", "2026-02-02T00:00:00"),
            ("0 0 ? * 7", "2026-11-02T00:00:00", "2026-11-08T00:00:00"),
            ("@hourly", "2026-01-01T00:00:01", "2026-01-01T01:00:00"),
            ("@Daily", "2026-01-01T00:00:01", "2026-01-02T00:00:00"),
            ("@weekly", "2026-11-22T00:00:01", "2026-11-29T00:00:00"),
            ("@monthly", "2026-11-22T00:00:01", "2026-12-01T00:00:00"),
            ("@yearly", "2026-11-22T00:00:01", "2027-01-01T00:00:00"),
        ] {
            assert_eq!(next(cron, from), wanted, "{cron} from {from}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_and_so_is_what_never_comes() {
        for (text, fault) in [
            ("", Fault::Fields { found: 0 }),
            ("* * * *", Fault::Fields { found: 4 }),
            ("0 0 * * * * 2026", Fault::Fields { found: 7 }),
            ("@reboot", Fault::Nickname { written: "@reboot".into() }),
            ("0 0 30 2 *", Fault::Never),
            ("0 0 31 4,6,9,11 *", Fault::Never),
            ("0 0 30 feb ?", Fault::Never),
        ] {
            assert_eq!(Cron::parse(text), Err(fault), "{text}");
        }
        assert!(
            Cron::parse("x * * * *").unwrap_err().to_string().starts_with("minute \"x\": write")
        );
    }
}
