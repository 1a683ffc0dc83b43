//! Why there is no schedule.

use std::fmt;
use std::time::Duration;

/// What is wrong with a schedule; each says how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There are neither five nor six fields.
    Fields {
        /// How many there are.
        found: usize,
    },
    /// An `@name` that is none.
    Nickname {
        /// As written.
        written: String,
    },
    /// A field cannot be read.
    Field {
        /// Which.
        field: &'static str,
        /// What of it.
        written: String,
        /// Why, and what to write instead.
        remedy: String,
    },
    /// No year has such a day.
    Never,
    /// No time zone has that name.
    Zone {
        /// As written.
        written: String,
        /// One that may be meant.
        meant: Option<&'static str>,
    },
    /// A period that is not of whole seconds, or of none.
    Period {
        /// As given.
        period: Duration,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Fields { found } => write!(
                f,
                "a schedule has 5 fields (minute, hour, day of month, month, day of week) or 6 with seconds \
                 before them, and this has {found}: write \"0 */2 * * *\" for every two hours"
            ),
            Fault::Nickname { written } => write!(
                f,
                "{written:?} is no schedule: write @hourly, @daily, @midnight, @weekly, @monthly, @yearly, \
                 @annually, or five fields"
            ),
            Fault::Field { field, written, remedy } => write!(f, "{field} {written:?}: {remedy}"),
            Fault::Never => f.write_str(
                "such a day never comes, since none of the months has it: mend the day of the month or the month",
            ),
            Fault::Zone { written, meant: Some(meant) } => {
                write!(f, "{written:?} is no time zone: write {meant:?}")
            }
            Fault::Zone { written, meant: None } => write!(
                f,
                "{written:?} is no time zone: write its IANA name, as \"Europe/Berlin\", or \"UTC\""
            ),
            Fault::Period { period } => {
                write!(f, "a period of {period:?} is none: write whole seconds, at least 1")
            }
        }
    }
}

impl std::error::Error for Fault {}
