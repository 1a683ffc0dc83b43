//! Which bytes of a body with gaps are there, and which are on their way.
//!
//! Of each slice one stretch of bytes may be there, with its checksum. Whoever fetches what is
//! missing claims it first, so that nobody else does; others wait.

use super::large::SLICE;
use super::reply::{Answer, Reply, reply};
use policy::partial::BLOCK_BYTES;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of the entry of a slice in the file's table.
pub(crate) const ENTRY_BYTES: usize = 16;

/// The map of one body.
pub(crate) struct SliceMap {
    total: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: Vec<Kept>,
    claims: Vec<Range<u64>>,
    /// Who waits, and for which byte.
    waiting: Vec<(u64, Answer<Fate>)>,
    /// How many read it so that gaps are filled for them.
    readers: usize,
    /// Who fills gaps, to be told when nobody reads any more.
    filling: Vec<Answer<()>>,
    /// All is there: known once somebody looked.
    is_whole: bool,
}

/// What became of what somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Something changed: it may be there.
    Changed,
    /// Who fetched it failed.
    Failed,
    /// What came may not be stored: each has to ask for himself.
    Refused,
    /// The origin has something else by now.
    Outdated,
}

/// What is there of a slice: the bytes `from..to` counted from its begin, none if `to` is 0, and
/// xxh3-64 of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub sum: u64,
    pub from: u32,
    pub to: u32,
}

impl Kept {
    /// As it stands in the file.
    pub fn encode(self) -> [u8; ENTRY_BYTES] {
        let mut code = [0; ENTRY_BYTES];
        code[..8].copy_from_slice(&self.sum.to_le_bytes());
        code[8..12].copy_from_slice(&self.from.to_le_bytes());
        code[12..].copy_from_slice(&self.to.to_le_bytes());
        code
    }

    /// What stands in the file; nothing is there if that makes no sense for a slice of `length`
    /// bytes.
    fn decode(code: &[u8; ENTRY_BYTES], length: u64) -> Kept {
        let word =
            |at: usize| u32::from_le_bytes([code[at], code[at + 1], code[at + 2], code[at + 3]]);
        let (from, to) = (word(8), word(12));
        let sum = u64::from(word(0)) | u64::from(word(4)) << 32;
        match from < to && u64::from(to) <= length {
            true => Kept { sum, from, to },
            false => Kept::default(),
        }
    }

    /// How many bytes are there.
    pub fn len(self) -> u64 {
        u64::from(self.to - self.from)
    }
}

/// Whether a byte is there.
#[derive(Debug)]
pub(crate) enum Coming {
    /// It is.
    There,
    /// It is not, and nobody fetches it.
    Missing,
    /// Somebody fetches it.
    Fetched(Reply<Fate>),
}

/// How many slices a body has.
pub(crate) fn slices(total: u64) -> usize {
    total.div_ceil(SLICE as u64) as usize
}

/// The offset of the slice that has an offset.
pub(crate) fn begin_of(offset: u64) -> u64 {
    offset - offset % SLICE as u64
}

impl SliceMap {
    /// A map of a body of which nothing is there.
    pub fn empty(total: u64) -> SliceMap {
        let state = State { kept: vec![Kept::default(); slices(total)], ..State::default() };
        SliceMap { total, state: Mutex::new(state) }
    }

    /// The map that a file's table describes.
    pub fn read(total: u64, table: &[u8]) -> SliceMap {
        let entries = table.as_chunks::<ENTRY_BYTES>().0.iter().enumerate();
        let length = |at: usize| (total - (at * SLICE) as u64).min(SLICE as u64);
        let kept = entries.map(|(at, code)| Kept::decode(code, length(at))).collect();
        SliceMap { total, state: Mutex::new(State { kept, ..State::default() }) }
    }

    /// What is there of the slice that has an offset.
    pub fn kept(&self, offset: u64) -> Kept {
        self.lock().at(offset)
    }

    /// What is there from the begin of a stretch that has an offset on, up to so many slices: its
    /// begin, its length, and the checksum of each; nothing if the byte is missing.
    pub fn stretch(&self, offset: u64, most: usize) -> Option<(u64, usize, Box<[u64]>)> {
        let state = self.lock();
        let there = state.there(offset);
        if !there.contains(&offset) {
            return None;
        }
        let (mut end, mut sums) = (there.end, vec![state.at(offset).sum]);
        // Only what begins where its slice does can be told from what follows it.
        while there.start.is_multiple_of(SLICE as u64) && sums.len() < most && end < self.total {
            let next = state.there(end);
            if next.start != end || next.is_empty() {
                break;
            }
            sums.push(state.at(end).sum);
            end = next.end;
        }
        // At most so many slices.
        Some((there.start, (end - there.start) as usize, sums.into()))
    }

    /// Notes what is there of the slice that has an offset, and tells those who wait.
    pub fn set(&self, offset: u64, kept: Kept) {
        let mut state = self.lock();
        let before = state.at(offset);
        if let Some(place) = state.kept.get_mut((offset / SLICE as u64) as usize) {
            *place = kept;
        }
        // Where the disk lost what was there, less may be there than before.
        state.is_whole &= kept.from <= before.from && before.to <= kept.to;
        state.wake();
    }

    /// Takes what is there of a slice out, if it has that checksum; gives its bytes.
    pub fn lose(&self, offset: u64, sum: u64) -> u64 {
        let mut state = self.lock();
        let lost = state.at(offset);
        if lost.sum != sum {
            return 0;
        }
        if let Some(place) = state.kept.get_mut((offset / SLICE as u64) as usize) {
            *place = Kept::default();
            state.is_whole = false;
        }
        lost.len()
    }

    /// Whether the byte at an offset is there.
    pub fn has(&self, offset: u64) -> bool {
        self.lock().is_there(offset)
    }

    /// The first byte from an offset on that is missing; the length of the body if none is.
    pub fn missing_from(&self, offset: u64) -> u64 {
        let mut state = self.lock();
        if state.is_whole {
            return self.total;
        }
        let missing = state.missing_from(offset, self.total);
        state.is_whole = offset == 0 && missing == self.total;
        missing
    }

    /// Whether all of a range is there.
    pub fn has_all(&self, range: Range<u64>) -> bool {
        let state = self.lock();
        let mut at = range.start;
        while at < range.end.min(self.total) && !state.is_whole {
            let there = state.there(at);
            if !there.contains(&at) {
                return false;
            }
            at = there.end;
        }
        true
    }

    /// The bytes of memory that it holds.
    pub fn footprint(&self) -> u64 {
        (slices(self.total) * size_of::<Kept>()) as u64
    }

    /// Claims the first stretch that begins within a range, is missing and nobody has claimed, as
    /// far as `until` and not much more than a block, and what lies around it in its slices.
    pub fn claim(&self, range: Range<u64>, until: u64) -> Option<Range<u64>> {
        let mut state = self.lock();
        let end = range.end.min(self.total);
        let mut at = range.start;
        loop {
            at = state.missing_from(at, self.total);
            if at >= end {
                return None;
            }
            match state.claim_of(at) {
                Some(claimed) => at = claimed.end,
                None => break,
            }
        }
        let until = until.min(at.saturating_add(BLOCK_BYTES)).clamp(at + 1, self.total);
        let until = until.next_multiple_of(SLICE as u64);
        let claim = state.begin_before(at)..state.end_behind(at, until.min(self.total));
        state.claims.push(claim.clone());
        Some(claim)
    }

    /// Makes a claim longer: all behind it to the end of the body, whoever claims it too.
    pub fn widen(&self, claim: &mut Range<u64>) {
        let mut state = self.lock();
        if let Some(own) = state.claims.iter_mut().find(|own| *own == claim) {
            own.end = self.total;
        }
        claim.end = self.total;
    }

    /// Gives a claim back, and tells those who wait for what of it did not come.
    pub fn release(&self, claim: &Range<u64>, fate: Fate) {
        let mut state = self.lock();
        if let Some(at) = state.claims.iter().position(|own| own == claim) {
            state.claims.swap_remove(at);
        }
        for (offset, waiting) in std::mem::take(&mut state.waiting) {
            let is_its = claim.contains(&offset);
            waiting.send(if is_its { fate } else { Fate::Changed });
        }
    }

    /// What to wait for until anything changes, if an offset is missing and somebody fetches it.
    pub fn wait_for(&self, offset: u64) -> Coming {
        let mut state = self.lock();
        if state.is_there(offset) || offset >= self.total {
            return Coming::There;
        }
        if state.claim_of(offset).is_none() {
            return Coming::Missing;
        }
        let (answer, reply) = reply();
        if state.waiting.len().is_power_of_two() {
            state.waiting.retain(|(_, waiting)| waiting.is_awaited());
        }
        state.waiting.push((offset, answer));
        Coming::Fetched(reply)
    }

    /// Notes that one more reads it.
    pub fn enter(&self) {
        self.lock().readers += 1;
    }

    /// Notes that one of them does no more.
    pub fn leave(&self) {
        let mut state = self.lock();
        state.readers -= 1;
        if state.readers == 0 {
            state.filling.drain(..).for_each(|filling| filling.send(()));
        }
    }

    /// What to wait for until nobody reads it; nothing if nobody does now.
    pub fn is_left(&self) -> Option<Reply<()>> {
        let mut state = self.lock();
        (state.readers > 0).then(|| {
            let (answer, reply) = reply();
            if state.filling.len().is_power_of_two() {
                state.filling.retain(Answer::is_awaited);
            }
            state.filling.push(answer);
            reply
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn at(&self, offset: u64) -> Kept {
        self.kept.get((offset / SLICE as u64) as usize).copied().unwrap_or_default()
    }

    /// What is there of the slice that has an offset, as offsets of the body.
    fn there(&self, offset: u64) -> Range<u64> {
        let (begin, kept) = (begin_of(offset), self.at(offset));
        begin + u64::from(kept.from)..begin + u64::from(kept.to)
    }

    fn missing_from(&self, mut offset: u64, total: u64) -> u64 {
        while offset < total {
            let there = self.there(offset);
            if !there.contains(&offset) {
                break;
            }
            offset = there.end;
        }
        offset.min(total)
    }

    fn claim_of(&self, offset: u64) -> Option<&Range<u64>> {
        self.claims.iter().find(|claim| claim.contains(&offset))
    }

    /// Where the missing bytes before an offset begin that nobody claims, within its slice.
    fn begin_before(&self, offset: u64) -> u64 {
        let there = self.there(offset);
        let before = [there.end].into_iter().filter(|end| !there.is_empty() && *end <= offset);
        let claims = self.claims.iter().map(|claim| claim.end).filter(|end| *end <= offset);
        before.chain(claims).fold(begin_of(offset), u64::max)
    }

    /// Where the missing bytes from an offset on end that nobody claims, at most `until`.
    fn end_behind(&self, offset: u64, until: u64) -> u64 {
        let slices = (begin_of(offset)..until).step_by(SLICE);
        let there = slices
            .map(|slice| self.there(slice))
            .find(|there| !there.is_empty() && there.start > offset)
            .map(|there| there.start);
        let claims = self.claims.iter().map(|claim| claim.start).filter(|start| *start > offset);
        there.into_iter().chain(claims).fold(until, u64::min)
    }

    fn is_there(&self, offset: u64) -> bool {
        self.there(offset).contains(&offset)
    }

    fn wake(&mut self) {
        self.waiting.drain(..).for_each(|(_, waiting)| waiting.send(Fate::Changed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = SLICE as u64;

    fn kept(from: u64, to: u64) -> Kept {
        Kept { sum: 7, from: from as u32, to: to as u32 }
    }

    #[test]
    fn claims_take_in_their_slices_and_stop_at_what_is_there_or_claimed() {
        let map = SliceMap::empty(10 * S + 5);
        map.set(3 * S, kept(0, S));
        map.set(5 * S, kept(100, 200));
        for (range, until, claim) in [
            (0..1, 1, Some(0..S)),
            (0..1, 1, None),
            (S + 7..S + 8, 0, Some(S..2 * S)),
            (2 * S..9 * S, 9 * S, Some(2 * S..3 * S)),
            (3 * S..4 * S, 4 * S, None),
            (5 * S + 150..5 * S + 210, 5 * S + 210, Some(5 * S + 200..6 * S)),
            (5 * S + 50..5 * S + 60, 5 * S + 60, Some(5 * S..5 * S + 100)),
            (6 * S + 1..6 * S + 2, 7 * S + 1, Some(6 * S..8 * S)),
            (0..u64::MAX, u64::MAX, Some(4 * S..5 * S)),
            (0..u64::MAX, u64::MAX, Some(8 * S..10 * S + 5)),
            (0..u64::MAX, u64::MAX, None),
        ] {
            assert_eq!(map.claim(range.clone(), until), claim, "{range:?}");
        }
        map.release(&(0..S), Fate::Failed);
        assert_eq!(map.claim(0..u64::MAX, 0), Some(0..S));
    }

    #[test]
    fn what_is_there_is_known_to_the_byte() {
        let map = SliceMap::empty(2 * S + 10);
        map.set(0, kept(10, S));
        map.set(S, kept(0, S));
        for (offset, missing) in
            [(0, 0), (9, 9), (10, 2 * S), (S, 2 * S), (2 * S, 2 * S), (9 * S, 2 * S + 10)]
        {
            assert_eq!(map.missing_from(offset), missing, "{offset}");
        }
        map.set(2 * S, kept(0, 10));
        assert_eq!(map.missing_from(10), 2 * S + 10);
        map.set(0, kept(0, S));
        assert_eq!(map.missing_from(0), 2 * S + 10);
        map.set(0, kept(0, 10));
        assert_eq!(map.missing_from(0), 10, "what was there is lost");
    }

    #[test]
    fn entries_are_read_as_they_were_written_and_nonsense_as_nothing() {
        let entry = Kept { sum: 0x0123_4567_89ab_cdef, from: 3, to: 9 };
        assert_eq!(Kept::decode(&entry.encode(), 10), entry);
        assert_eq!(Kept::decode(&entry.encode(), 8), Kept::default(), "beyond the slice");
        assert_eq!(Kept::decode(&kept(9, 3).encode(), 10), Kept::default());
        assert_eq!(Kept::decode(&[0xff; ENTRY_BYTES], S), Kept::default());
    }
}
