//! Why a single value cannot be taken, and how to mend it.

use std::fmt;

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, as one clause without a full stop.
    pub what: String,
    /// What to write instead.
    pub mend: String,
}

impl Fault {
    /// A fault and its remedy.
    pub fn new(what: impl Into<String>, mend: impl Into<String>) -> Fault {
        Fault { what: what.into(), mend: mend.into() }
    }

    /// Packs both parts into one error of serde; [`Fault::unpack`] takes them apart.
    pub fn pack<E: serde::de::Error>(&self) -> E {
        E::custom(format_args!("{}\n{}", self.what, self.mend))
    }

    /// Takes apart what [`Fault::pack`] has packed; any other message comes without remedy.
    pub fn unpack(message: &str) -> Fault {
        let (what, mend) = message.split_once('\n').unwrap_or((message, ""));
        Fault::new(what, mend)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.mend)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_survive_serde() {
        let fault = Fault::new("too long", "write less");
        let error: toml::de::Error = fault.pack();
        assert_eq!(Fault::unpack(error.message()), fault);
        assert_eq!(Fault::unpack("plain"), Fault::new("plain", ""));
    }
}
