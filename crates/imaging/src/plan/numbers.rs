//! Numbers of plans.

use std::fmt;

/// A number of thousandths: what is written in URLs with a point, and still is equal where it is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Milli(i32);

impl Milli {
    /// One.
    pub const ONE: Milli = Milli(1000);
    /// The largest that is read; the least is its negative.
    pub const MAX: Milli = Milli(1_000_000_000);

    /// That many thousandths.
    pub const fn thousandths(number: i32) -> Milli {
        Milli(number)
    }

    /// A number as it is written by hand, without an exponent: `2`, `-0.5`, `.25`. What is finer than a
    /// thousandth is rounded.
    pub fn parse(text: &str) -> Option<Milli> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && digits.bytes().any(|b| b.is_ascii_digit());
        let number: f64 = text.parse().ok().filter(|_| is_plain)?;
        let thousandths = (number * 1000.0).round();
        (thousandths.abs() <= f64::from(Milli::MAX.0)).then_some(Milli(thousandths as i32))
    }

    /// As it is reckoned with.
    pub fn value(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Of a length: the number itself where it is 1 or more (or -1 or less), times `by`; else that part of
    /// the length.
    pub fn of(self, length: u32, by: f64) -> f64 {
        match self.0.abs() >= 1000 {
            true => (self.value() * by).round_ties_even(),
            false => (self.value() * f64::from(length)).round_ties_even(),
        }
    }
}

impl fmt::Display for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        let part = format!("{part:03}");
        match part.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            part => write!(f, "{sign}{whole}.{part}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, thousandths, shown) in [
            ("0", 0, "0"),
            ("2", 2000, "2"),
            ("-0.5", -500, "-0.5"),
            (".25", 250, "0.25"),
            ("1.", 1000, "1"),
            ("0.1234", 123, "0.123"),
            ("1000000", 1_000_000_000, "1000000"),
        ] {
            let read = Milli::parse(text);
            assert_eq!(read, Some(Milli(thousandths)), "{text}");
            assert_eq!(read.map(|read| read.to_string()).as_deref(), Some(shown), "{text}");
            assert_eq!(Milli::parse(shown), read);
        }
        for text in ["", "-", ".", "1e3", "NaN", "inf", "+1", "1000001", "1.2.3", "0x1", " 1"] {
            assert_eq!(Milli::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_part_is_of_the_length() {
        for (text, by, of) in
            [("0.5", 2.0, 50.0), ("10", 2.0, 20.0), ("-0.1", 1.0, -10.0), ("1", 1.0, 1.0)]
        {
            assert_eq!(Milli::parse(text).map(|part| part.of(100, by)), Some(of), "{text}");
        }
    }
}
