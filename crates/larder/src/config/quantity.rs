//! Lengths of time, sizes and counts, as people write them: `"30s"`, `"64MiB"`, `100`.
//!
//! Each has its least value in its type, so that a value once read cannot be too small.

use super::fault::Fault;
use super::reading::read_from_text;
use policy::time::Seconds;
use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time of at least so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length<const MIN_MS: u64>(pub Duration);

/// A lifetime of responses, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(pub Seconds);

/// A size of at least so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size<const MIN: u64>(pub u64);

/// A count of at least so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count<const MIN: usize>(pub usize);

read_from_text! {
    "Length", "a length of time in quotes, such as \"30s\"": [const MIN_MS: u64] Length<MIN_MS>;
    "Lifetime", "a length of time in quotes, such as \"5m\"": [] Lifetime;
    "Size", "a size in quotes, such as \"64MiB\"": [const MIN: u64] Size<MIN>;
}

/// Units of time and how many milliseconds they have.
const UNITS_OF_TIME: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// Units of size and how many bytes they have; the powers of 1024 come first and are shown.
const UNITS_OF_SIZE: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
];

impl<const MIN_MS: u64> FromStr for Length<MIN_MS> {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let millis = parse_millis(text)?;
        if millis < MIN_MS {
            return Err(too_small(&show_millis(MIN_MS)));
        }
        Ok(Length(Duration::from_millis(millis)))
    }
}

impl FromStr for Lifetime {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let millis = parse_millis(text)?;
        if !millis.is_multiple_of(1000) {
            return Err(Fault::new("lifetimes count whole seconds", "write \"1s\" or more"));
        }
        if millis > Seconds::MAX.millis() {
            return Err(Fault::new("this is longer than 68 years", "write at most \"24855d\""));
        }
        Ok(Lifetime(Seconds::new(millis / 1000)))
    }
}

impl<const MIN: u64> FromStr for Size<MIN> {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let bytes = parse_bytes(text)?;
        if bytes < MIN { Err(too_small(&show_bytes(MIN))) } else { Ok(Size(bytes)) }
    }
}

fn too_small(least: &str) -> Fault {
    Fault::new("this is too small", format!("write at least {least}"))
}

/// Reads one or more numbers with units: `90s`, `1h30m`.
fn parse_millis(text: &str) -> Result<u64, Fault> {
    let wrong = || {
        Fault::new(
            "this is no length of time",
            "write a whole number and a unit (ms, s, m, h, d, w), such as \"30s\" or \"1h30m\"",
        )
    };
    let mut rest = text;
    let mut sum: u64 = 0;
    loop {
        let (number, behind) = leading_number(rest).ok_or_else(wrong)?;
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let (_, millis) = UNITS_OF_TIME.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        sum = number.checked_mul(*millis).and_then(|n| n.checked_add(sum)).ok_or_else(wrong)?;
        rest = behind;
        if rest.is_empty() {
            return Ok(sum);
        }
    }
}

fn parse_bytes(text: &str) -> Result<u64, Fault> {
    let wrong = || {
        Fault::new(
            "this is no size",
            "write a whole number and a unit (B, KiB, MiB, GiB, TiB), such as \"64MiB\"",
        )
    };
    let (number, unit) = leading_number(text).ok_or_else(wrong)?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, bytes) = UNITS_OF_SIZE.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    number.checked_mul(*bytes).ok_or_else(wrong)
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, behind) = text.split_at(end);
    Some((digits.parse().ok()?, behind))
}

fn show_millis(millis: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| millis.is_multiple_of(*unit) && millis > 0;
    let (name, unit) = UNITS_OF_TIME[..5].iter().rev().find(fits).unwrap_or(&("s", 1000));
    format!("{}{name}", millis / unit)
}

fn show_bytes(bytes: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| bytes.is_multiple_of(*unit) && bytes > 0;
    let (name, unit) = UNITS_OF_SIZE.iter().find(fits).unwrap_or(&("B", 1));
    format!("{}{name}", bytes / unit)
}

impl<const MIN_MS: u64> fmt::Display for Length<MIN_MS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_millis(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_millis(self.0.millis()))
    }
}

impl<const MIN: u64> fmt::Display for Size<MIN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show_bytes(self.0))
    }
}

impl<const MIN: u64> Size<MIN> {
    /// The size as a number of bytes in memory.
    pub fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de, const MIN: usize> Deserialize<'de> for Count<MIN> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_u64(CountOf::<MIN>)
    }
}

struct CountOf<const MIN: usize>;

impl<const MIN: usize> Visitor<'_> for CountOf<MIN> {
    type Value = Count<MIN>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number without quotes")
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Count<MIN>, E> {
        match usize::try_from(number) {
            Ok(count) if count >= MIN => Ok(Count(count)),
            _ => Err(too_small(&MIN.to_string()).pack()),
        }
    }
}

impl<const MIN: usize> Serialize for Count<MIN> {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(into)
    }
}

impl<const MIN: usize> schemars::JsonSchema for Count<MIN> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Count".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": MIN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_shown_in_their_greatest_unit() {
        for (text, shown) in [
            ("500ms", "500ms"),
            ("30s", "30s"),
            ("120s", "2m"),
            ("1h30m", "90m"),
            ("48h", "2d"),
            ("1w", "7d"),
            ("0s", "0s"),
        ] {
            let read: Length<0> = text.parse().expect(text);
            assert_eq!(read.to_string(), shown, "{text}");
            assert_eq!(shown.parse::<Length<0>>(), Ok(read), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused_with_a_remedy() {
        for text in ["", "30", "s", "30 s", "1.5h", "-1s", "30sec", "5M", "99999999999999999999s"] {
            let fault = text.parse::<Length<0>>().expect_err(text);
            assert!(fault.mend.contains("\"30s\""), "{text}: {fault}");
        }
        assert!("0s".parse::<Length<1>>().is_err());
        assert!("1500ms".parse::<Lifetime>().is_err());
        assert!("99999d".parse::<Lifetime>().is_err());
        assert!("24855d".parse::<Lifetime>().is_ok());
    }

    #[test]
    fn sizes_are_read_and_shown_in_powers_of_1024() {
        for (text, bytes, shown) in [
            ("64MiB", 64 << 20, "64MiB"),
            ("64 MiB", 64 << 20, "64MiB"),
            ("1024KiB", 1 << 20, "1MiB"),
            ("10GB", 10_000_000_000, "9765625KiB"),
            ("7B", 7, "7B"),
            ("0B", 0, "0B"),
        ] {
            let read: Size<0> = text.parse().expect(text);
            assert_eq!((read.0, read.to_string().as_str()), (bytes, shown), "{text}");
        }
        for text in ["", "64", "64M", "64mib", "MiB", "-1B", "1.5GiB", "99999999TiB"] {
            assert!(text.parse::<Size<0>>().is_err(), "{text}");
        }
        assert!("8191B".parse::<Size<8192>>().is_err());
    }
}
