//! A table from identity to number that costs little more than its content.
//!
//! Entries lie side by side and grow by an eighth; beside them is an index of four bytes each. A
//! plain hash table of the entries would double, and hold half of itself empty just after.

use super::identity::Identity;
use hashbrown::HashTable;

/// One line. `T` is what there is to say beside the number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<T> {
    pub identity: Identity,
    /// The number in the upper 48 bits, the place of the enclosing scope in the lower 16.
    word: u64,
    pub beside: T,
}

/// The greatest number: 48 bits.
pub(crate) const MAX_SEQ: u64 = (1 << 48) - 1;

impl<T> Line<T> {
    /// `seq` is at most [`MAX_SEQ`].
    pub fn new(identity: Identity, seq: u64, enclosing: u16, beside: T) -> Line<T> {
        debug_assert!(seq <= MAX_SEQ);
        Line { identity, word: seq << 16 | u64::from(enclosing), beside }
    }

    /// The number of the newest purge that named it.
    pub fn seq(&self) -> u64 {
        self.word >> 16
    }

    /// The place of the enclosing scope.
    pub fn enclosing(&self) -> u16 {
        self.word as u16
    }
}

/// The table.
#[derive(Debug)]
pub(crate) struct Compact<T> {
    lines: Vec<Line<T>>,
    /// Places of lines, by identity.
    index: HashTable<u32>,
    /// The greatest number in it, or one that was.
    newest: u64,
}

impl<T> Default for Compact<T> {
    fn default() -> Compact<T> {
        Compact { lines: Vec::new(), index: HashTable::new(), newest: 0 }
    }
}

impl<T: Copy> Compact<T> {
    /// Entries.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Bytes that it holds in memory.
    pub fn bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line<T>>() + self.index.allocation_size()
    }

    /// The greatest number in it, or one that was.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// All lines, in no order.
    pub fn lines(&self) -> &[Line<T>] {
        &self.lines
    }

    /// The line of an identity.
    pub fn find(&self, identity: Identity) -> Option<&Line<T>> {
        let lines = &self.lines;
        let place = self.index.find(identity.0, |at| lines[*at as usize].identity == identity)?;
        Some(&lines[*place as usize])
    }

    /// Takes a line in, in the place of that of its identity, if that is no newer.
    pub fn put(&mut self, line: Line<T>) {
        self.newest = self.newest.max(line.seq());
        let lines = &mut self.lines;
        let is_same = |at: &u32| lines[*at as usize].identity == line.identity;
        if let Some(at) = self.index.find(line.identity.0, is_same) {
            let known = &mut lines[*at as usize];
            if known.seq() <= line.seq() {
                *known = line;
            }
            return;
        }
        if lines.len() == lines.capacity() {
            lines.reserve_exact(lines.len() / 8 + 16);
        }
        let at = lines.len() as u32;
        lines.push(line);
        self.index.insert_unique(line.identity.0, at, |at| lines[*at as usize].identity.0);
    }

    /// Takes out all lines of which `goes` says so, and hands each to `gone`.
    pub fn take_out(&mut self, goes: impl Fn(&Line<T>) -> bool, mut gone: impl FnMut(&Line<T>)) {
        let before = self.lines.len();
        self.lines.retain(|line| {
            let goes = goes(line);
            if goes {
                gone(line);
            }
            !goes
        });
        if self.lines.len() == before {
            return;
        }
        self.lines.shrink_to(self.lines.len() + self.lines.len() / 8);
        // Made anew, and first given up, so that there are never two.
        self.index = HashTable::new();
        let lines = &self.lines;
        self.index.reserve(lines.len(), |at| lines[*at as usize].identity.0);
        for (at, line) in lines.iter().enumerate() {
            self.index
                .insert_unique(line.identity.0, at as u32, |at| lines[*at as usize].identity.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_number_stays_and_what_is_taken_out_is_gone() {
        let mut table = Compact::default();
        let line = |identity, seq| Line::new(Identity(identity), seq, 7, ());
        for identity in 0..1000 {
            table.put(line(identity, identity + 10));
            table.put(line(identity, identity));
        }
        assert_eq!((table.len(), table.newest()), (1000, 1009));
        let mut gone = Vec::new();
        table.take_out(|line| line.seq() < 500, |line| gone.push(line.identity.0));
        assert_eq!(gone, (0..490).collect::<Vec<u64>>());
        for identity in 0..1000 {
            let found = table.find(Identity(identity)).map(|line| (line.seq(), line.enclosing()));
            assert_eq!(found, (identity >= 490).then_some((identity + 10, 7)));
        }
        table.put(line(0, MAX_SEQ));
        assert_eq!(table.find(Identity(0)).map(Line::seq), Some(MAX_SEQ));
    }
}
