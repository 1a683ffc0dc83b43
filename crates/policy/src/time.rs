//! Points in time and lengths of time, as the rules count them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in wall-clock time: milliseconds since 1970-01-01 UTC. What lies before is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

/// A length of time in whole seconds, at most [`Seconds::MAX`] (RFC 9111 §1.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds(u32);

impl Timestamp {
    /// The point in time that many seconds after 1970.
    pub fn from_seconds(seconds: u64) -> Timestamp {
        Timestamp(seconds.saturating_mul(1000))
    }

    /// Whole seconds since 1970.
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Milliseconds from `earlier` to `self`; 0 if `earlier` is later.
    pub fn millis_since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The point in time `length` later.
    pub fn plus(self, length: Seconds) -> Timestamp {
        Timestamp(self.0.saturating_add(length.millis()))
    }

    /// Parses an HTTP date in any of its three formats (RFC 9110 §5.6.7).
    pub fn parse_http(value: &[u8]) -> Option<Timestamp> {
        let text = std::str::from_utf8(value).ok()?;
        let time = httpdate::parse_http_date(text).ok()?;
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        Some(Timestamp::from_seconds(since.as_secs()))
    }

    /// Writes the time as an HTTP date (RFC 9110 §5.6.7, IMF-fixdate).
    pub fn to_http(self) -> String {
        // The greatest year that the format can show is 9999.
        const LAST: u64 = 253_402_300_799;
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(self.seconds().min(LAST)))
    }
}

impl Timestamp {
    /// Writes the time as RFC 3339 has it, to the millisecond, in UTC.
    pub fn to_rfc3339(self) -> String {
        let (seconds, millis) = (self.seconds(), self.0 % 1000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date_of(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

/// Year, month and day of the day so many days after 1970-01-01 in the Gregorian calendar: counted in
/// eras of 400 years whose years begin in March, so that a leap day is the last of its year
/// (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date_of(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, day_of_era) = (days / ERA, days % ERA);
    let leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Seconds {
    /// The greatest length: 2^31 seconds, which RFC 9111 §1.2.2 has for all that overflows.
    pub const MAX: Seconds = Seconds(1 << 31);
    /// No time at all.
    pub const ZERO: Seconds = Seconds(0);

    /// That many seconds, or [`Seconds::MAX`].
    pub const fn new(seconds: u64) -> Seconds {
        if seconds > Seconds::MAX.0 as u64 { Seconds::MAX } else { Seconds(seconds as u32) }
    }

    /// The number of seconds.
    pub const fn get(self) -> u64 {
        self.0 as u64
    }

    /// The same length in milliseconds.
    pub const fn millis(self) -> u64 {
        self.0 as u64 * 1000
    }

    /// Parses delta-seconds (RFC 9111 §1.2.2): digits only; what is too great becomes the
    /// greatest length.
    pub fn parse(digits: &[u8]) -> Option<Seconds> {
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let value = digits.iter().fold(0u64, |sum, &digit| {
            sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
        });
        Some(Seconds::new(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_has_them() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp(millis).to_rfc3339(), text);
        }
    }

    #[test]
    fn delta_seconds_are_digits_and_never_overflow() {
        for (text, value) in [
            ("0", Some(0)),
            ("060", Some(60)),
            ("2147483648", Some(2_147_483_648)),
            ("99999999999999999999999", Some(2_147_483_648)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1 ", None),
        ] {
            assert_eq!(Seconds::parse(text.as_bytes()).map(Seconds::get), value, "{text}");
        }
    }

    #[test]
    fn dates_are_read_in_three_formats_and_written_in_one() {
        let time = Timestamp::from_seconds(784_111_777);
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(Timestamp::parse_http(text.as_bytes()), Some(time), "{text}");
        }
        assert_eq!(time.to_http(), "Sun, 06 Nov 1994 08:49:37 GMT");
        for junk in ["0", "-1", "", "tomorrow", "Sun, 06 Nov 1994 08:49:37 PST"] {
            assert_eq!(Timestamp::parse_http(junk.as_bytes()), None, "{junk}");
        }
        assert_eq!(Timestamp(u64::MAX).to_http(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
