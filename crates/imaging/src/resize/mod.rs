//! Makes pixels fewer or more: Lanczos of three lobes, in linear light with alpha multiplied in. Rows go in
//! as they come, and those that nothing is taken from any more are not kept.

mod blocks;
mod linear;
mod lines;
mod windows;

pub(crate) use blocks::{Blocks, Grid, SPARE, shrink};
pub(crate) use linear::Linear;
pub(crate) use lines::Pair;

use crate::raster::Raster;
use crate::sizing::{Area, Region, Size};
use std::ops::Range;
use windows::{Piece, Windows};

/// What of a source is wanted, as it is stored there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// The size of the source.
    pub source: Size,
    /// What lies beside it must not shine in.
    pub area: Area,
    /// What comes out.
    pub region: Region,
    /// The size that it comes out in.
    pub size: Size,
}

impl Part {
    /// All of a source.
    pub fn whole(source: Size, size: Size) -> Part {
        let area = Area { x: 0, y: 0, size: source };
        Part { source, area, region: Region::whole(source), size }
    }
}

/// The lines that a source comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    /// How many there are, and how long they are.
    pub size: Size,
    /// How many of them all of the source would fill: the last line and column may be filled in part.
    pub extent: (f64, f64),
    /// How many of those lie before the first.
    pub origin: (f64, f64),
    /// Whether they have alpha.
    pub alpha: bool,
}

impl Lines {
    fn channels(self) -> usize {
        if self.alpha { 4 } else { 3 }
    }
}

/// Takes lines, from the top.
pub(crate) struct Scaler {
    size: Size,
    alpha: bool,
    across: Windows,
    down: Windows,
    /// Two lines as they come, one above the other, as far as something is taken from them.
    pairs: Vec<Pair>,
    /// The number of the next line that comes.
    next: u32,
    /// The last lines that came, in their new length; each has its place by its number.
    ring: Vec<f32>,
    /// How many lines the ring has room for.
    room: usize,
    line: Vec<f32>,
    shown: Vec<u8>,
}

impl Scaler {
    /// For a part of a source, which comes in lines.
    pub fn new(lines: Lines, part: &Part) -> Scaler {
        let (own, source, area, region) = (lines.size, part.source, part.area, part.region);
        let (extent, origin) = (lines.extent, lines.origin);
        let across = Along { by: extent.0 / f64::from(source.width), origin: origin.0 };
        let down = Along { by: extent.1 / f64::from(source.height), origin: origin.1 };
        let across = across.piece((area.x, area.size.width), own.width, (region.x, region.width));
        let down = down.piece((area.y, area.size.height), own.height, (region.y, region.height));
        let across = Windows::new(&across, part.size.width);
        let down = Windows::new(&down, part.size.height);
        let length = across.count() * lines.channels();
        // Lines come by twos.
        let room = down.taps() + 1;
        Scaler {
            size: part.size,
            alpha: lines.alpha,
            pairs: vec![[0.0; 8]; across.pixels().len()],
            next: down.pixels().start,
            ring: vec![0.0; length * room],
            room,
            line: vec![0.0; length],
            shown: Vec::with_capacity(length * down.count()),
            across,
            down,
        }
    }

    /// About how many bytes it takes beside what comes out, for a part of a source, which comes in lines of
    /// that size.
    pub fn bytes(lines: Size, part: &Part, channels: u64) -> u64 {
        let taps = |lines: u32, source: u32, region: f64, size: u32| {
            let ratio =
                f64::from(lines) * region / f64::from(source.max(1)) / f64::from(size.max(1));
            (6.0 * ratio.max(1.0)).ceil() as u64 + 1
        };
        let Part { source, region, size, .. } = *part;
        let across = taps(lines.width, source.width, region.width, size.width);
        let down = taps(lines.height, source.height, region.height, size.height);
        let (width, height) = (u64::from(size.width), u64::from(size.height));
        let kept = (down + 2) * width * channels;
        let windows = (across + 1) * width + (down + 1) * height;
        4 * (kept + windows) + 32 * u64::from(lines.width)
    }

    /// The columns that something is taken from.
    pub fn columns(&self) -> Range<u32> {
        self.across.pixels()
    }

    /// The lines that something is taken from.
    pub fn rows(&self) -> Range<u32> {
        self.down.pixels()
    }

    /// Takes the next line of those that something is taken from: `write` writes the light of the columns
    /// that something is taken from into the first or second of two lines.
    pub fn push(&mut self, write: impl FnOnce(&mut [Pair], usize)) {
        let which = (self.next - self.rows().start) as usize % 2;
        write(&mut self.pairs, which);
        self.next += 1;
        if which == 1 || self.next == self.rows().end {
            self.resize_pair(which + 1);
        }
    }

    /// Takes two lines into the ring, or the last one alone; and makes what they are enough for.
    fn resize_pair(&mut self, count: usize) {
        let length = self.line.len();
        let place = (self.next as usize - count) % self.room;
        let below = (place + 1) % self.room;
        let (head, tail) = self.ring.split_at_mut(place.max(below) * length);
        let at = place.min(below) * length;
        let (one, other) = (&mut head[at..at + length], &mut tail[..length]);
        let pair = if place < below { [one, other] } else { [other, one] };
        let channels = if self.alpha { 4 } else { 3 };
        lines::across(&self.pairs, self.across.pixels().start, &self.across, channels, pair);
        let made = self.shown.len() / length;
        for at in made..self.down.count() {
            let Some((first, weights)) = self.down.get(at) else { return };
            if first as usize + weights.len() > self.next as usize {
                return;
            }
            lines::down(&self.ring, first as usize % self.room, weights, &mut self.line);
            lines::show(&self.line, channels, &mut self.shown);
        }
    }

    /// What came out.
    pub fn finish(self) -> Raster {
        Raster { size: self.size, alpha: self.alpha, pixels: self.shown }
    }
}

/// How one of a source's sides lies in lines or columns.
struct Along {
    /// How many of them there are for each pixel of the source.
    by: f64,
    /// How many of them lie before the first.
    origin: f64,
}

impl Along {
    /// Those of so many that have something of an area.
    fn within(&self, (from, length): (u32, u32), side: u32) -> Range<u32> {
        // Where a line begins is told to far less than this, but not always below or above: one more of
        // them would be all that lies beside the area.
        const NOTHING: f64 = 1e-6;
        let at = |pixel: u32| f64::from(pixel) * self.by - self.origin;
        let start = ((at(from) + NOTHING).floor().max(0.0) as u32).min(side - 1);
        let end = (at(from + length) - NOTHING).ceil().min(f64::from(side)) as u32;
        start..end.max(start + 1)
    }

    fn piece(&self, area: (u32, u32), side: u32, region: (f64, f64)) -> Piece {
        let pixels = self.within(area, side);
        let from = (region.0 * self.by - self.origin).max(f64::from(pixels.start));
        let length = (region.1 * self.by).min(f64::from(pixels.end) - from);
        Piece { from, length, pixels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::resized;
    use crate::light::{Sample, Values, WHITE, root};

    fn picture(size: Size, alpha: bool) -> Raster {
        let channels = if alpha { 4 } else { 3 };
        let samples = u64::from(size.width) * u64::from(size.height) * channels;
        let pixels = (0..samples).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8);
        Raster { size, alpha, pixels: pixels.collect() }
    }

    /// A pixel that comes out, of all pixels that it is made of, one by one.
    fn slowly(
        raster: &Raster,
        (across, down): (&Windows, &Windows),
        x: usize,
        y: usize,
    ) -> [u8; 3] {
        let (left, across) = across.get(x).expect("a column");
        let (top, down) = down.get(y).expect("a row");
        let mut sums = [0.0_f64; 3];
        for (row, by) in (top..).zip(down) {
            for (column, weight) in (left..).zip(across) {
                let at = (row * raster.size.width + column) as usize * 3;
                for (sum, sample) in sums.iter_mut().zip(&raster.pixels[at..at + 3]) {
                    *sum += f64::from(sample.light(u8::table()) * by * weight);
                }
            }
        }
        sums.map(|sum| Values::get().of(root(sum as f32)))
    }

    #[test]
    fn a_part_is_made_of_the_rows_and_columns_that_it_takes() {
        let area = |x, y, width, height| Area { x, y, size: Size { width, height } };
        for (source, area, region, out) in [
            ((41, 33), area(0, 0, 41, 33), (0.0, 0.0, 41.0, 33.0), (29, 23)),
            ((41, 33), area(0, 0, 41, 33), (7.5, 3.25, 20.0, 11.5), (13, 11)),
            ((41, 33), area(9, 5, 20, 16), (9.0, 5.0, 20.0, 16.0), (11, 9)),
            ((41, 33), area(40, 32, 1, 1), (40.0, 32.0, 1.0, 1.0), (3, 2)),
            ((5, 3), area(0, 0, 5, 3), (0.0, 0.0, 5.0, 3.0), (17, 29)),
            ((1, 1), area(0, 0, 1, 1), (0.0, 0.0, 1.0, 1.0), (1, 4)),
        ] {
            let source = Size { width: source.0, height: source.1 };
            let raster = picture(source, false);
            let (x, y, width, height) = region;
            let region = Region { x, y, width, height };
            let size = Size { width: out.0, height: out.1 };
            let part = Part { source, area, region, size };
            let made = resized(&raster, &part);
            assert_eq!((made.size, made.pixels.len()), (size, 3 * (out.0 * out.1) as usize));
            let pixels = |from: u32, length: u32, side| {
                Along { by: 1.0, origin: 0.0 }.piece((from, length), side, (0.0, 1.0)).pixels
            };
            let across = Piece {
                from: x,
                length: width,
                pixels: pixels(area.x, area.size.width, source.width),
            };
            let down = Piece {
                from: y,
                length: height,
                pixels: pixels(area.y, area.size.height, source.height),
            };
            let windows = (&Windows::new(&across, out.0), &Windows::new(&down, out.1));
            for (at, pixel) in made.pixels.as_chunks::<3>().0.iter().enumerate() {
                let (x, y) = (at % out.0 as usize, at / out.0 as usize);
                let slow = slowly(&raster, windows, x, y);
                let apart = pixel.iter().zip(slow).map(|(a, b)| a.abs_diff(b)).max();
                assert!(apart <= Some(1), "{x} {y} of {part:?}: {pixel:?} and {slow:?}");
            }
        }
    }

    #[test]
    fn nothing_is_taken_from_the_line_beside_an_area_that_ends_with_one() {
        for block in 1..=60_u32 {
            for lines in 2..=40 {
                // The last one is filled in part.
                let source = block * lines - block / 2;
                let extent = f64::from(source) / f64::from(block);
                let along = Along { by: extent / f64::from(source), origin: 0.0 };
                for (from, to) in
                    (0..lines).map(|line| (line, lines - 1)).chain((1..lines).map(|to| (0, to)))
                {
                    let area =
                        (from * block, (to.max(from + 1) * block).min(source) - from * block);
                    let pixels = along.piece(area, lines, (0.0, 1.0)).pixels;
                    assert_eq!(pixels, from..to.max(from + 1), "{area:?} of {source} by {block}");
                }
            }
        }
    }

    #[test]
    fn no_more_memory_is_taken_than_is_told_before() {
        for (lines, region, size) in [
            ((400, 300), (0.0, 0.0, 400.0, 300.0), (150, 110)),
            ((400, 300), (0.0, 0.0, 400.0, 300.0), (400, 1)),
            ((400, 300), (0.0, 0.0, 400.0, 300.0), (1, 300)),
            ((400, 300), (0.0, 100.0, 400.0, 2.0), (390, 2)),
            ((400, 300), (10.5, 0.0, 1.5, 300.0), (1, 290)),
            ((3, 5), (0.0, 0.0, 3.0, 5.0), (1, 100_000)),
            ((5, 3), (0.0, 0.0, 5.0, 3.0), (100_000, 1)),
        ] {
            let source = Size { width: lines.0, height: lines.1 };
            let (x, y, width, height) = region;
            let region = Region { x, y, width, height };
            let size = Size { width: size.0, height: size.1 };
            let part = Part { region, ..Part::whole(source, size) };
            let extent = (source.width.into(), source.height.into());
            let own =
                Scaler::new(Lines { size: source, extent, origin: (0.0, 0.0), alpha: true }, &part);
            let windows = |windows: &Windows| 4 * (windows.taps() + 1) * windows.count();
            let numbers = 8 * own.pairs.len() + own.ring.len() + own.line.len();
            let taken = 4 * numbers + windows(&own.across) + windows(&own.down);
            let told = Scaler::bytes(source, &part, 4);
            assert!(taken as u64 <= told, "{taken} for {told}: {part:?}");
            // Nor is much more told than is taken; where one line comes out, it may be of fewer than three
            // lobes either way.
            assert!(told <= taken as u64 * 7, "{taken} for {told}: {part:?}");
        }
    }

    #[test]
    fn what_lies_beside_an_area_does_not_shine_in() {
        let source = Size { width: 64, height: 64 };
        let is_black = |at: u32| (13..50).contains(&(at % 64)) && (7..44).contains(&(at / 64));
        let pixels = (0..64 * 64).flat_map(|at| [if is_black(at) { 0 } else { 255 }; 3]).collect();
        let raster = Raster { size: source, alpha: false, pixels };
        let area = Area { x: 13, y: 7, size: Size { width: 37, height: 37 } };
        for side in [1, 2, 3, 4, 7, 9, 18, 36, 37, 90] {
            let (size, whole) = (Size { width: side, height: side }, Region::of(area));
            for region in [whole, Region { x: 40.0, width: 10.0, ..whole }] {
                let made = resized(&raster, &Part { source, area, region, size });
                assert!(made.pixels.iter().all(|value| *value == 0), "{side} of {region:?}");
            }
        }
    }

    #[test]
    fn each_pixel_lies_where_it_is_told() {
        // Light that grows evenly to the right and, in green, downwards.
        let source = Size { width: 400, height: 300 };
        let light = |at: f64, side: u32| (f64::from(WHITE) * at / f64::from(side)) as f32;
        let value = |at: f64, side: u32| Values::get().of(root(light(at, side)));
        let all =
            (0..300).flat_map(|y| (0..400).map(move |x| (f64::from(x) + 0.5, f64::from(y) + 0.5)));
        let pixels = all.flat_map(|(x, y)| [value(x, 400), value(y, 300), 0]).collect();
        let raster = Raster { size: source, alpha: false, pixels };
        for (x, y, width, height) in [(0, 0, 400, 300), (101, 53, 299, 247), (13, 7, 250, 203)] {
            let area = Area { x, y, size: Size { width, height } };
            for (across, down) in [(240, 200), (60, 40), (31, 23), (17, 40), (9, 7)] {
                let (size, region) = (Size { width: across, height: down }, Region::of(area));
                let made = resized(&raster, &Part { source, area, region, size });
                // Where windows are cut off they lean inwards.
                for (at, pixel) in made.pixels.as_chunks::<3>().0.iter().enumerate() {
                    let (column, row) = (at as u32 % across, at as u32 / across);
                    if !(3..across - 3).contains(&column) || !(3..down - 3).contains(&row) {
                        continue;
                    }
                    let along = |from: u32, length: u32, at: u32, count: u32| {
                        f64::from(from)
                            + (f64::from(at) + 0.5) * f64::from(length) / f64::from(count)
                    };
                    let right = value(along(x, width, column, across), 400);
                    let below = value(along(y, height, row, down), 300);
                    let apart = pixel[0].abs_diff(right).max(pixel[1].abs_diff(below));
                    assert!(apart <= 1, "{column} {row} of {size:?} of {area:?}: {pixel:?}");
                }
            }
        }
    }

    #[test]
    fn what_has_one_colour_keeps_it_and_its_alpha() {
        for (alpha, pixel) in
            [(false, &[200, 100, 3][..]), (true, &[200, 100, 3, 255]), (true, &[90, 7, 255, 128])]
        {
            for (side, out) in [(64, 63), (64, 16), (64, 3), (700, 2), (3, 100)] {
                let source = Size { width: side, height: side };
                let pixels = pixel.repeat((side * side) as usize);
                let raster = Raster { size: source, alpha, pixels };
                let size = Size { width: out, height: out };
                let made = resized(&raster, &Part::whole(source, size));
                for own in made.pixels.chunks_exact(pixel.len()) {
                    let apart = own.iter().zip(pixel).map(|(a, b)| a.abs_diff(*b)).max();
                    assert!(apart <= Some(1), "{own:?} of {pixel:?}, {side} to {out}");
                }
            }
        }
    }
}
