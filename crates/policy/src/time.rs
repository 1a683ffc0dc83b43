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
