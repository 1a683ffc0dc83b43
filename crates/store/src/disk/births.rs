//! Between which purges responses were born: what the purge log may forget, and what it must know.

use policy::purge::Born;

/// The oldest and the newest birth of some responses, of those of one log. Of two logs the one counts
/// that was written last: what was born in an older one counts as purged anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Births {
    log_id: u64,
    least: u64,
    most: u64,
    is_any: bool,
}

impl Births {
    /// Bytes of its code.
    pub const BYTES: usize = 24;

    /// Adds one. `is_new`: it was born now, and not carried over from an older segment.
    pub fn add(&mut self, born: Born, is_new: bool) {
        let Born { log_id, seq } = born;
        if !self.is_any || (self.log_id != log_id && is_new) {
            *self = Births { log_id, least: seq, most: seq, is_any: true };
        } else if self.log_id == log_id {
            (self.least, self.most) = (self.least.min(seq), self.most.max(seq));
        }
    }

    /// The oldest of that log; nothing if there is none.
    pub fn least_of(&self, log: u64) -> Option<u64> {
        (self.is_any && self.log_id == log).then_some(self.least)
    }

    /// The newest; nothing if there is none.
    pub fn newest(&self) -> Option<Born> {
        self.is_any.then_some(Born { log_id: self.log_id, seq: self.most })
    }

    /// Its code.
    pub fn to_bytes(self) -> [u8; Births::BYTES] {
        let mut bytes = [0; Births::BYTES];
        // None is written as what cannot be: an oldest that is newer than the newest.
        let (least, most) = if self.is_any { (self.least, self.most) } else { (1, 0) };
        for (at, number) in [self.log_id, least, most].into_iter().enumerate() {
            bytes[at * 8..at * 8 + 8].copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// Reads its code.
    pub fn of_bytes(bytes: &[u8; Births::BYTES]) -> Births {
        let number = |at: usize| {
            bytes[at * 8..at * 8 + 8].iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte))
        };
        let (log_id, least, most) = (number(0), number(1), number(2));
        Births { log_id, least, most, is_any: least <= most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_logs_the_last_written_counts() {
        let mut births = Births::default();
        assert_eq!(Births::of_bytes(&births.to_bytes()).newest(), None);
        for (log_id, seq, is_new, least, most) in [
            (1, 7, true, 7, 7),
            (1, 9, true, 7, 9),
            (1, 3, false, 3, 9),
            (2, 4, false, 3, 9),
            (2, 5, true, 5, 5),
            (1, 8, false, 5, 5),
            (2, 2, false, 2, 5),
        ] {
            births.add(Born { log_id, seq }, is_new);
            let log = births.newest().expect("there is one").log_id;
            assert_eq!(
                (births.least_of(log), births.newest().map(|it| it.seq)),
                (Some(least), Some(most))
            );
            assert_eq!(births.least_of(log + 5), None);
            let read = Births::of_bytes(&births.to_bytes());
            assert_eq!(
                (read.least_of(log), read.newest()),
                (births.least_of(log), births.newest())
            );
        }
    }
}
