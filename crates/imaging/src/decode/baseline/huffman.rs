//! Huffman's codes of a JPEG (ITU-T T.81, annexes C and F), looked up with the bits of the value that
//! follows; and several at once, where values are not wanted.

use super::bits::Bits;

/// Bits by which one symbol is looked up.
const ONE: u32 = 10;
/// Bits by which several are.
const MANY: u32 = 12;
/// The coefficients of a block.
const BLOCK: usize = 64;

/// A symbol and its value.
#[derive(Clone, Copy)]
pub(super) struct Symbol {
    /// The value.
    pub value: i32,
    /// How many coefficients further the next one is; none: the rest of the block is zero.
    pub steps: usize,
}

/// A table of codes.
pub(super) struct Table {
    /// By the next bits: value, steps and bits of the symbol, of 16, 8 and 8 bits. Where the value is longer
    /// than those bits, they tell the size of the value and the bits of the code, and [`LONG`]; all is zero
    /// where the code itself is longer.
    one: Box<[u32; 1 << ONE]>,
    /// By the next bits: of as many symbols as are whole in them the steps, whether the last one ends the
    /// block, and the bits, of 8, 1 and 4 bits; zero where the first is longer.
    many: Box<[u16; 1 << MANY]>,
    /// The first code of each length that is none, as 16 bits.
    ends: [u32; 17],
    /// What to add to a code of that length for its place among the symbols.
    places: [i32; 17],
    symbols: Vec<u8>,
    is_dc: bool,
}

const ENDS_BLOCK: u16 = 1 << 4;
/// The value is longer than the bits by which it is looked up.
const LONG: u32 = 1 << 7;

impl Table {
    /// Of how many codes there are of each length, and their symbols.
    pub fn new(counts: &[u8; 16], symbols: &[u8], is_dc: bool) -> Option<Table> {
        let mut table = Table {
            one: Box::new([0; 1 << ONE]),
            many: Box::new([0; 1 << MANY]),
            ends: [0; 17],
            places: [0; 17],
            symbols: symbols.to_vec(),
            is_dc,
        };
        let (mut code, mut place) = (0_u32, 0_i32);
        for (length, count) in (1_u32..).zip(counts) {
            let at = length as usize;
            table.places[at] = place - code as i32;
            code += u32::from(*count);
            place += i32::from(*count);
            // None may be all ones.
            if code >= 1 << length {
                return None;
            }
            table.ends[at] = code << (16 - length);
            code <<= 1;
        }
        // A value of more bits than there are is no value.
        let is_fit = |symbol: &u8| if is_dc { *symbol <= 11 } else { symbol & 15 <= 10 };
        if place as usize != symbols.len() || !symbols.iter().all(is_fit) {
            return None;
        }
        for next in 0..1 << ONE {
            let bits = (next as u32) << (32 - ONE);
            let Some((code, symbol)) = table.code(bits).filter(|(code, _)| *code <= ONE) else {
                continue;
            };
            let size = table.size(symbol);
            let steps = (table.steps(symbol) as u32) << 8;
            table.one[next] = match code + size <= ONE {
                true => (value(bits << code, size) as u32) << 16 | steps | (code + size),
                false => size << 16 | steps | LONG | code,
            };
        }
        if !is_dc {
            (0..1 << MANY).for_each(|next| table.many[next] = table.several(next));
        }
        Some(table)
    }

    /// What is looked up for those bits.
    fn several(&self, next: usize) -> u16 {
        let bits = (next as u32) << (32 - MANY);
        let (mut taken, mut steps) = (0, 0);
        loop {
            match self.read(bits << taken) {
                Some((symbol, length)) if taken + length <= MANY => {
                    taken += length;
                    steps += symbol.steps;
                    if symbol.steps == 0 {
                        return (steps as u16) << 5 | ENDS_BLOCK | taken as u16;
                    }
                }
                _ if taken == 0 => return 0,
                _ => return (steps as u16) << 5 | taken as u16,
            }
            if taken == MANY || steps >= BLOCK {
                return (steps as u16) << 5 | taken as u16;
            }
        }
    }

    /// The length of the code that those bits begin with, and what it stands for.
    fn code(&self, bits: u32) -> Option<(u32, u8)> {
        let first = bits >> 16;
        let length = (1..=16_u32).find(|length| first < self.ends[*length as usize])?;
        let place = (first >> (16 - length)) as i32 + self.places[length as usize];
        Some((length, *self.symbols.get(usize::try_from(place).ok()?)?))
    }

    /// The bits of the value that follows.
    fn size(&self, symbol: u8) -> u32 {
        u32::from(if self.is_dc { symbol } else { symbol & 15 })
    }

    fn steps(&self, symbol: u8) -> usize {
        match symbol {
            _ if self.is_dc => 1,
            0xf0 => 16,
            _ if self.size(symbol) == 0 => 0,
            _ => usize::from(symbol >> 4) + 1,
        }
    }

    /// The symbol that those bits begin with, and how many of them it takes.
    #[cold]
    fn read(&self, bits: u32) -> Option<(Symbol, u32)> {
        let (length, symbol) = self.code(bits)?;
        let size = self.size(symbol);
        let symbol = Symbol { value: value(bits << length, size), steps: self.steps(symbol) };
        Some((symbol, length + size))
    }

    /// The next symbol, of which there must be 27 bits.
    #[inline(always)]
    pub fn next(&self, bits: &mut Bits<'_>) -> Option<Symbol> {
        let found = self.one[bits.peek(ONE)];
        let steps = (found >> 8 & 0xff) as usize;
        if found & LONG != 0 {
            let (code, size) = (found & (LONG - 1), found >> 16);
            let value = value((bits.peek(32) as u32) << code, size);
            bits.skip(code + size);
            return Some(Symbol { value, steps });
        }
        if found == 0 {
            let (symbol, length) = self.read(bits.peek(32) as u32)?;
            bits.skip(length);
            return Some(symbol);
        }
        bits.skip(found & 0xff);
        Some(Symbol { value: found as i32 >> 16, steps })
    }

    /// Leaves out the rest of a block, from the coefficient `at` on.
    #[inline(always)]
    pub fn pass_over(&self, bits: &mut Bits<'_>, mut at: usize) -> Option<()> {
        while at < BLOCK {
            bits.fill();
            let found = self.many[bits.peek(MANY)];
            let (steps, ends) = (usize::from(found >> 5), found & ENDS_BLOCK != 0);
            // What is beyond the end of the block belongs to the next one: there it goes one by one.
            if found == 0 || at + steps + usize::from(ends) > BLOCK {
                let symbol = self.next(bits)?;
                if symbol.steps == 0 {
                    return Some(());
                }
                at += symbol.steps;
                continue;
            }
            bits.skip(u32::from(found & 15));
            if ends {
                return Some(());
            }
            at += steps;
        }
        (at == BLOCK).then_some(())
    }
}

/// The value of so many bits, the first of which are those; the lower half stands for what is below zero.
#[inline(always)]
fn value(bits: u32, size: u32) -> i32 {
    // No bits are no value.
    let value = (bits >> 1 >> (31 - size)) as i32;
    let below = (1 << size >> 1) > value;
    if below { value - (1 << size) + 1 } else { value }
}
