//! Averages of blocks of pixels: what is to become much smaller is first made so by them.

use super::{Along, Lines, Pair, Part, lines};
use crate::light::Sample;
use crate::sizing::Size;
use std::ops::Range;

/// What is left to be resized is at least this much larger than what comes out: less costs sharpness,
/// more costs time.
pub(crate) const SPARE: u32 = 2;
/// The largest side of a block.
const MAX_BLOCK: u32 = 255;

/// By how much a side may shrink at once, so that enough of it is left.
pub(crate) fn shrink(side: u32, target: u32) -> u32 {
    (side / SPARE.saturating_mul(target).max(1)).clamp(1, MAX_BLOCK)
}

/// How rows are put together.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    /// How much of the rows the source fills.
    covered: (f64, f64),
    /// The pixels of a row that are put together.
    columns: Range<u32>,
    /// The rows that are.
    rows: Range<u32>,
    /// How many pixels a block has across and down.
    block: (u32, u32),
}

impl Grid {
    /// Of rows that are brought to a size as a whole, of which the source fills so much. Blocks begin where
    /// the area of a part does, so that none has anything of what lies beside it.
    pub fn new(size: Size, target: Size, covered: (f64, f64), part: Option<&Part>) -> Grid {
        let (mut columns, mut rows) = (0..size.width, 0..size.height);
        if let Some(Part { source, area, .. }) = part {
            let across = Along { by: covered.0 / f64::from(source.width), origin: 0.0 };
            let down = Along { by: covered.1 / f64::from(source.height), origin: 0.0 };
            columns = across.within((area.x, area.size.width), size.width);
            rows = down.within((area.y, area.size.height), size.height);
        }
        let block = (shrink(size.width, target.width), shrink(size.height, target.height));
        Grid { covered, columns, rows, block }
    }

    /// The lines that come of it.
    pub fn lines(&self, alpha: bool) -> Lines {
        let (across, down) = (f64::from(self.block.0), f64::from(self.block.1));
        Lines {
            size: Size {
                width: (self.columns.len() as u32).div_ceil(self.block.0),
                height: (self.rows.len() as u32).div_ceil(self.block.1),
            },
            extent: (self.covered.0 / across, self.covered.1 / down),
            origin: (f64::from(self.columns.start) / across, f64::from(self.rows.start) / down),
            alpha,
        }
    }
}

/// Takes rows, and gives lines of averages.
pub(crate) struct Blocks {
    block: (u32, u32),
    channels: usize,
    /// The pixels of a row that are taken.
    columns: Range<u32>,
    /// The rows that are taken.
    rows: Range<u32>,
    row: u32,
    sums: Vec<[f32; 4]>,
    rows_in_sums: u32,
}

impl Blocks {
    /// Of rows of so many channels, as far as some lines and columns of what comes of them go.
    pub fn new(grid: &Grid, channels: usize, (columns, lines): (Range<u32>, Range<u32>)) -> Blocks {
        let own = |along: &Range<u32>, block: u32, of: &Range<u32>| {
            of.start + along.start * block..(of.start + along.end * block).min(of.end)
        };
        Blocks {
            block: grid.block,
            channels,
            columns: own(&columns, grid.block.0, &grid.columns),
            rows: own(&lines, grid.block.1, &grid.rows),
            row: 0,
            sums: if grid.block == (1, 1) { Vec::new() } else { vec![[0.0; 4]; columns.len()] },
            rows_in_sums: 0,
        }
    }

    /// Takes the next row, and gives a line where one is whole.
    pub fn push<T: Sample>(&mut self, row: &[T], take: impl FnOnce(&Line<'_, T>)) {
        let at = self.row;
        self.row += 1;
        if !self.rows.contains(&at) {
            return;
        }
        let columns = self.columns.start as usize..self.columns.end as usize;
        let row = &row[columns.start * self.channels..columns.end * self.channels];
        if self.block == (1, 1) {
            return take(&Line::Pixels(row, self.channels));
        }
        let width = self.block.0;
        lines::add_light(row, self.channels, width as usize, &mut self.sums);
        self.rows_in_sums += 1;
        if self.rows_in_sums == self.block.1 || at + 1 == self.rows.end {
            let last = match columns.len() as u32 % width {
                0 => width,
                rest => rest,
            };
            let share = |width: u32| 1.0 / (self.rows_in_sums * width) as f32;
            take(&Line::Sums(&self.sums, share(width), share(last)));
            self.sums.fill([0.0; 4]);
            self.rows_in_sums = 0;
        }
    }
}

/// A line of light, to be written.
pub(crate) enum Line<'a, T> {
    /// Pixels of so many samples.
    Pixels(&'a [T], usize),
    /// Sums, the share that each of their pixels has in them, and that of those in the last one.
    Sums(&'a [[f32; 4]], f32, f32),
}

impl<T: Sample> Line<'_, T> {
    /// Writes it as the first or second of two.
    pub fn write(&self, line: &mut [Pair], which: usize) {
        match self {
            Line::Pixels(row, channels) => lines::light(row, *channels, line, which),
            Line::Sums(sums, share, last_share) => {
                for (at, (to, sum)) in line.iter_mut().zip(*sums).enumerate() {
                    let share = if at + 1 == sums.len() { last_share } else { share };
                    let to = &mut to[4 * which..][..4];
                    to.iter_mut().zip(sum).for_each(|(to, sum)| *to = sum * share);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enlarged_beyond_all_numbers_is_not_averaged() {
        for target in [1 << 30, (1 << 31) - 1, 1 << 31, (1 << 31) + 3, u32::MAX] {
            assert_eq!(shrink(32_768, target), 1, "{target}");
        }
    }
}
