//! What stands before the scan, if it is a picture that is read here.

use super::huffman::Table;
use crate::container::be16;
use crate::container::jpeg::{Segment, segments};
use crate::sizing::Size;

/// A picture.
pub(super) struct Frame<'a> {
    pub size: Size,
    /// How many blocks of the first component a unit has across and down.
    pub factors: (usize, usize),
    pub components: Vec<Component>,
    /// How many units stand between two markers.
    pub restarts_after: Option<usize>,
    /// The scan.
    pub coded: &'a [u8],
}

/// One of its components.
pub(super) struct Component {
    /// How many blocks a unit has of it across and down.
    pub factors: (usize, usize),
    /// What coefficients are multiplied by, in the order in which they come.
    pub steps: [u16; 64],
    /// The codes of the first coefficient.
    pub first: Table,
    /// The codes of the others.
    pub others: Table,
}

/// Codes as they stand in the file.
type Codes<'a> = Option<(&'a [u8; 16], &'a [u8])>;

/// What the segments say.
#[derive(Default)]
struct Said<'a> {
    steps: [Option<[u16; 64]>; 4],
    first: [Codes<'a>; 4],
    others: [Codes<'a>; 4],
    frame: Option<&'a [u8]>,
    restarts_after: Option<usize>,
}

impl<'a> Frame<'a> {
    /// Reads it; nothing where it is none of those.
    pub fn read(source: &'a [u8]) -> Option<Frame<'a>> {
        let mut said = Said::default();
        for segment in segments(source) {
            if segment.is_scan() {
                return said.frame(source, &segment);
            }
            said.hear(&segment)?;
        }
        None
    }
}

impl<'a> Said<'a> {
    /// Takes a segment in; nothing where it says that this is another kind of picture.
    fn hear(&mut self, segment: &Segment<'a>) -> Option<()> {
        let data = segment.data;
        match segment.marker {
            0xc0 | 0xc1 if self.frame.is_none() => self.frame = Some(data),
            0xc0..=0xc3 | 0xc5..=0xcf => return None,
            0xc4 => return self.codes(data),
            0xdb => return self.steps(data),
            0xdd => {
                let units = usize::from(u16::from_be_bytes(data.try_into().ok()?));
                self.restarts_after = Some(units).filter(|units| *units > 0);
            }
            // Adobe's says whether colours are anything but YCbCr.
            0xee if data.starts_with(b"Adobe") && data.get(11) != Some(&1) => return None,
            0x01 | 0xd0..=0xd7 | 0xe0..=0xef | 0xfe => {}
            // libjpeg refuses some of the others.
            _ => return None,
        }
        Some(())
    }

    fn codes(&mut self, mut data: &'a [u8]) -> Option<()> {
        while let [kind, rest @ ..] = data {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let count = counts.iter().map(|count| usize::from(*count)).sum();
            if count > 256 {
                return None;
            }
            let (symbols, rest) = rest.split_at_checked(count)?;
            let tables = match kind >> 4 {
                0 => &mut self.first,
                1 => &mut self.others,
                _ => return None,
            };
            *tables.get_mut(usize::from(kind & 15))? = Some((counts, symbols));
            data = rest;
        }
        Some(())
    }

    fn steps(&mut self, mut data: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = data {
            // One above three would be of 16 bits.
            let (steps, rest) = rest.split_first_chunk::<64>()?;
            *self.steps.get_mut(usize::from(*kind))? = Some(steps.map(u16::from));
            data = rest;
        }
        Some(())
    }

    fn frame(&self, source: &'a [u8], scan: &Segment<'a>) -> Option<Frame<'a>> {
        let [8, _, _, _, _, count, components @ ..] = self.frame? else { return None };
        let size =
            Size { width: be16(self.frame?, 3)?.into(), height: be16(self.frame?, 1)?.into() };
        let [scanned, chosen @ ..] = scan.data else { return None };
        if count != scanned || size.width == 0 || size.height == 0 {
            return None;
        }
        let of_all = (components.as_chunks::<3>().0, chosen.as_chunks::<2>().0);
        let count = usize::from(*count);
        if components.len() != 3 * count || chosen.len() != 2 * count + 3 {
            return None;
        }
        let (own, chosen) = (of_all.0.get(..count)?, of_all.1.get(..count)?);
        if !matches!(count, 1 | 3) || own.iter().map(|own| own[0]).eq(*b"RGB") {
            return None;
        }
        let components = own.iter().zip(chosen).map(|(own, chosen)| self.component(own, chosen));
        let mut components: Vec<Component> = components.collect::<Option<_>>()?;
        if let [only] = &mut components[..] {
            // A scan of one component goes block by block.
            only.factors = (1, 1);
        }
        let is_read = components.iter().zip([[1, 2], [1, 1], [1, 1]]).all(|(own, allowed)| {
            allowed.contains(&own.factors.0) && allowed.contains(&own.factors.1)
        });
        let coded = &source[source.element_offset(&scan.whole[scan.whole.len() - 1])? + 1..];
        is_read.then_some(Frame {
            size,
            factors: components[0].factors,
            components,
            restarts_after: self.restarts_after,
            coded,
        })
    }

    fn component(&self, own: &[u8; 3], chosen: &[u8; 2]) -> Option<Component> {
        if own[0] != chosen[0] {
            return None;
        }
        let table = |codes: &[Codes<'_>; 4], number: u8, is_first| {
            let (counts, symbols) = (*codes.get(usize::from(number))?)?;
            Table::new(counts, symbols, is_first)
        };
        Some(Component {
            factors: (usize::from(own[1] >> 4), usize::from(own[1] & 15)),
            steps: (*self.steps.get(usize::from(own[2]))?)?,
            first: table(&self.first, chosen[1] >> 4, true)?,
            others: table(&self.others, chosen[1] & 15, false)?,
        })
    }
}
