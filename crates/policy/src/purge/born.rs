//! Points in a purge log.

use std::fmt;
use std::str::FromStr;

/// The point in the purge log that a response was born at: the log's head when the request for
/// it left. Numbers of different logs are never compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Born {
    /// Which log.
    pub log_id: u64,
    /// The sequence number of its head.
    pub seq: u64,
}

/// A text that is no point in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPoint;

impl Born {
    /// A point that is never valid: nobody knows which purges came since.
    const UNKNOWN: u64 = u64::MAX;

    /// The point where a response was born that, as who made it says, was begun at `told`, and came to
    /// a request that left here. What is begun in another log counts as purged in this one.
    pub fn begun(self, told: Born) -> Born {
        match told.log_id == self.log_id {
            true => Born { seq: told.seq.min(self.seq), ..self },
            false => Born { seq: Born::UNKNOWN, ..told },
        }
    }
}

/// As clients are told it, and tell it again: the log by sixteen hexadecimal digits, and the number.
impl fmt::Display for Born {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.log_id, self.seq)
    }
}

/// Reads what was written, and nothing else.
impl FromStr for Born {
    type Err = NoPoint;

    fn from_str(text: &str) -> Result<Born, NoPoint> {
        let (log, seq) = text.split_once('.').ok_or(NoPoint)?;
        let log_id = u64::from_str_radix(log, 16).map_err(|_| NoPoint)?;
        let seq = seq.parse().map_err(|_| NoPoint)?;
        let born = Born { log_id, seq };
        if born.to_string() == text { Ok(born) } else { Err(NoPoint) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_as_they_are_written() {
        for born in
            [Born::default(), Born { log_id: u64::MAX, seq: u64::MAX }, Born { log_id: 7, seq: 42 }]
        {
            assert_eq!(born.to_string().parse(), Ok(born));
        }
        for text in [
            "",
            ".",
            "0.0",
            "000000000000000F.1",
            "000000000000000f.01",
            "000000000000000f.+1",
            "+00000000000000f.1",
            "000000000000000f.1 ",
            "000000000000000f.99999999999999999999",
            "é",
        ] {
            assert_eq!(text.parse::<Born>(), Err(NoPoint), "{text}");
        }
    }
}
