//! Why a purge is refused, or a log cannot be opened.

use std::fmt;
use std::io;

/// Why a purge is refused. Nothing of it is in force. Only where a write failed, and the process
/// ends before what it left can be cut off ([`super::PurgeStats::is_broken`]), may the next start find
/// it, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The disk is full. To be tried again when there is room.
    NoSpace,
    /// The disk fails, in its own words. To be tried again.
    Io(Box<str>),
    /// Too many wait already. To be tried again.
    TooMany,
    /// It is too long for one record: to be sent in parts.
    TooLong,
    /// The log has no more numbers.
    UsedUp,
    /// The log is closed. If it was closed while the purge waited, whether it was done is not
    /// known.
    Closed,
}

impl Refused {
    pub(crate) fn of(error: &io::Error) -> Refused {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refused::NoSpace,
            _ => Refused::Io(error.to_string().into()),
        }
    }

    /// Whether the same may be accepted later.
    pub fn may_be_tried_again(&self) -> bool {
        matches!(self, Refused::NoSpace | Refused::Io(_) | Refused::TooMany)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NoSpace => write!(f, "the disk is full, so the purge would not last"),
            Refused::Io(error) => write!(f, "the purge log cannot be written ({error})"),
            Refused::TooMany => write!(f, "too many purges wait to be written"),
            Refused::TooLong => write!(f, "the purge is too long: send it in parts"),
            Refused::UsedUp => write!(f, "the purge log has no more numbers"),
            Refused::Closed => write!(f, "the purge log is closed"),
        }
    }
}

impl std::error::Error for Refused {}
