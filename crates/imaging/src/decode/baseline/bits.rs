//! Bits of coded data, whose stuffed zeros are left out (ITU-T T.81, B.1.1.5).

/// Takes bits from the front.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// From here on what is there may be less than one unit.
    ample_to: usize,
    place: Place,
}

/// How far bits were taken.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    /// The next byte that is not in the buffer yet.
    pub at: usize,
    /// The next bits, the first of them highest. Below those that count there may be some of the next
    /// byte already.
    buffer: u64,
    /// How many bits of the buffer count.
    count: u32,
    /// How many bits were made up, since there were no more.
    made_up: u32,
}

/// A fresh buffer has at least so many bits, and never all 64.
const FRESH: u32 = 56;
/// A unit has no more bytes: six blocks of 64 values, each of 27 bits, every byte with a zero stuffed behind
/// it, a marker before it with its fill, and what is read ahead.
const UNIT_BYTES: usize = 4 << 10;
/// The most fill before a marker, of which there may be any number and hardly ever is one: more is left to
/// libjpeg.
const MOST_FILL_BYTES: usize = 1 << 10;

impl Place {
    /// The same one where the data begins at its next byte.
    pub fn at_the_start(self) -> Place {
        Place { at: 0, ..self }
    }
}

impl<'a> Bits<'a> {
    /// Those of `data` from a place on. `is_all`: nothing follows it.
    pub fn new(data: &'a [u8], place: Place, is_all: bool) -> Bits<'a> {
        let ample_to = if is_all { usize::MAX } else { data.len().saturating_sub(UNIT_BYTES) };
        Bits { data, ample_to, place }
    }

    /// How far they were taken.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Whether the next unit is there, or as much of it as there will ever be.
    #[inline(always)]
    pub fn is_ample(&self) -> bool {
        self.place.at <= self.ample_to
    }

    /// The next bits, as a number: one at least, and no more than are there.
    #[inline(always)]
    pub fn peek(&self, count: u32) -> usize {
        (self.place.buffer >> (64 - count)) as usize
    }

    /// Leaves bits out: no more than are there.
    #[inline(always)]
    pub fn skip(&mut self, count: u32) {
        self.place.buffer <<= count;
        self.place.count = self.place.count.wrapping_sub(count);
    }

    /// Sees to it that 56 bits are there. This costs less than to look whether it has to be.
    #[inline(always)]
    pub fn fill(&mut self) {
        let next =
            self.data.get(self.place.at..self.place.at + 8).and_then(|next| next.try_into().ok());
        match next.map(u64::from_be_bytes) {
            Some(next) if !has_ff(next) => {
                self.place.buffer |= next >> self.place.count;
                self.place.at += ((63 - self.place.count) / 8) as usize;
                self.place.count |= FRESH;
            }
            _ => *self = self.filled_slowly(),
        }
    }

    /// Not in place: what has an address is not kept in registers.
    #[cold]
    fn filled_slowly(mut self) -> Bits<'a> {
        while self.place.count < FRESH {
            let byte = match (self.data.get(self.place.at), self.data.get(self.place.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.place.at += 2;
                    0xff
                }
                (Some(0xff), _) | (None, _) => {
                    self.place.made_up = self.place.made_up.saturating_add(8);
                    0
                }
                (Some(byte), _) => {
                    self.place.at += 1;
                    *byte
                }
            };
            self.place.buffer |= u64::from(byte) << (FRESH - self.place.count);
            self.place.count += 8;
        }
        self
    }

    /// Whether bits were taken that are not there.
    pub fn is_over(&self) -> bool {
        self.place.count < self.place.made_up
    }

    /// Whether more stands in the file than was read ahead: where it does not, its end is missing.
    pub fn has_more(&self) -> bool {
        let rest = &self.data[self.filled_slowly().place.at..];
        rest.len() > 1 && rest.iter().any(|byte| *byte != 0xff)
    }

    /// Goes on behind the marker of that number, which must come next.
    pub fn restart(&mut self, number: u8) -> Option<()> {
        *self = self.filled_slowly();
        // What is left of the last byte is filled with ones.
        if self.is_over() || self.place.count - self.place.made_up >= 8 {
            return None;
        }
        let rest = &self.data[self.place.at..];
        let fill = rest.iter().take_while(|byte| **byte == 0xff).count();
        if !(1..=MOST_FILL_BYTES).contains(&fill) || rest.get(fill) != Some(&(0xd0 + number)) {
            return None;
        }
        self.place = Place { at: self.place.at + fill + 1, ..Place::default() };
        Some(())
    }
}

/// Whether one of eight bytes is 0xff.
#[inline(always)]
fn has_ff(bytes: u64) -> bool {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // Looks for a zero in what is left of ones.
    let rest = !bytes;
    rest.wrapping_sub(LOW) & !rest & HIGH != 0
}
