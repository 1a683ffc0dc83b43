//! Takes the rows of a source as they are decoded, and keeps no more of them than is needed: where it is
//! to become much smaller, only sums over blocks of pixels, in linear light.

use crate::colour::{Colours, Layout, Profile, light_of_8, light_of_16};
use crate::fault::Fault;
use crate::raster::Raster;
use crate::sizing::{Area, Size};

/// What is left to be resized is at least this much larger than what comes out: less costs sharpness,
/// more costs time.
pub(crate) const SPARE: u32 = 2;
/// The sums of a block must fit 32 bits.
const MAX_BLOCK: u32 = 255;

/// What is known of the rows before they come.
pub(crate) struct Rows<'a> {
    /// How many there are, and how long they are.
    pub size: Size,
    /// Their channels.
    pub layout: Layout,
    /// Whether samples have 16 bits.
    pub is_deep: bool,
    /// The profile of their colours.
    pub icc: Option<&'a [u8]>,
}

/// What becomes of them.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    /// The size that the whole source is to be brought to, as it is stored.
    pub target: Size,
    /// What becomes of the profile.
    pub profile: Profile,
}

/// What a source gave.
pub(crate) enum Taken {
    /// Pixels as they are to be shown.
    Final(Raster),
    /// Pixels that are still to be resized.
    Linear(Linear),
}

/// A picture in linear light of 16 bits a channel, alpha multiplied in.
pub(crate) struct Linear {
    pub size: Size,
    /// The size that the source fills of it: the last row and column may be filled in part.
    pub extent: (f64, f64),
    /// Where in that the upper left corner of the pixels lies.
    pub origin: (f64, f64),
    pub alpha: bool,
    pub pixels: Vec<u16>,
}

impl Linear {
    /// Only what lies in an area, as far as its pixels tell: they may be sums over some of the source's.
    pub fn cut(&mut self, source: Size, area: Area) {
        let along = |at: u32, length: u32, source: u32, extent: f64, side: u32| {
            let by = extent / f64::from(source);
            let from = (f64::from(at) * by).floor().max(0.0) as u32;
            let to = (f64::from(at + length) * by).ceil().min(f64::from(side)) as u32;
            (from.min(side - 1), to.max(from + 1).min(side))
        };
        let Area { x, y, size } = area;
        let (left, right) = along(x, size.width, source.width, self.extent.0, self.size.width);
        let (top, bottom) = along(y, size.height, source.height, self.extent.1, self.size.height);
        let channels = if self.alpha { 4 } else { 3 };
        let (from, to) = (left as usize * channels, right as usize * channels);
        let rows = self.pixels.chunks_exact(self.size.width as usize * channels);
        let rows = rows.skip(top as usize).take((bottom - top) as usize);
        self.pixels = rows.flat_map(|row| &row[from..to]).copied().collect();
        self.size = Size { width: right - left, height: bottom - top };
        self.origin = (self.origin.0 + f64::from(left), self.origin.1 + f64::from(top));
    }
}

/// Takes rows, from the top.
pub(crate) struct Intake {
    size: Size,
    layout: Layout,
    is_deep: bool,
    colours: Colours,
    way: Way,
    /// How much of the rows' size the source fills, in their pixels.
    covered: (f64, f64),
    rows: u32,
    scratch8: Vec<u8>,
    scratch16: Vec<u16>,
}

enum Way {
    Plain(Vec<u8>),
    Linear(Blocks),
}

impl Intake {
    pub fn new(rows: &Rows<'_>, wish: &Wish) -> Intake {
        let colours = Colours::new(rows.layout, rows.is_deep, rows.icc, wish.profile);
        let channels = colours.out().channels();
        let way = match rows.size == wish.target {
            true => {
                let pixels = rows.size.width as usize * rows.size.height as usize;
                Way::Plain(Vec::with_capacity(pixels * channels))
            }
            false => Way::Linear(Blocks::new(rows.size, wish.target, channels)),
        };
        Intake {
            size: rows.size,
            layout: rows.layout,
            is_deep: rows.is_deep,
            colours,
            way,
            covered: (rows.size.width.into(), rows.size.height.into()),
            rows: 0,
            scratch8: Vec::new(),
            scratch16: Vec::new(),
        }
    }

    /// Says that the last column and row are of the source in part only: it was shrunk to so many eighths
    /// while it was decoded.
    pub fn shrunk_to(&mut self, eighths: u8, source: Size) {
        let part = f64::from(eighths) / 8.0;
        self.covered = (f64::from(source.width) * part, f64::from(source.height) * part);
    }

    /// The next row, of 8 bits a sample.
    pub fn push8(&mut self, row: &[u8]) -> Result<(), Fault> {
        self.check(row.len(), false)?;
        let row = self.colours.row8(row, &mut self.scratch8)?;
        match &mut self.way {
            Way::Plain(pixels) => pixels.extend_from_slice(row),
            Way::Linear(blocks) => blocks.push(row, light_of_8(), |alpha| u32::from(alpha) * 257),
        }
        Ok(())
    }

    /// The next row, of 16 bits a sample.
    pub fn push16(&mut self, row: &[u16]) -> Result<(), Fault> {
        self.check(row.len(), true)?;
        let row = self.colours.row16(row, &mut self.scratch16)?;
        match &mut self.way {
            Way::Plain(pixels) => {
                pixels.extend(row.iter().map(|v| ((u32::from(*v) + 128) / 257) as u8));
            }
            Way::Linear(blocks) => blocks.push(row, light_of_16(), u32::from),
        }
        Ok(())
    }

    fn check(&mut self, samples: usize, is_deep: bool) -> Result<(), Fault> {
        self.rows += 1;
        let expected = self.size.width as usize * self.layout.channels();
        match samples == expected && is_deep == self.is_deep && self.rows <= self.size.height {
            true => Ok(()),
            false => Err(Fault::broken("rows that its header does not tell of")),
        }
    }

    /// All that came, and the profile that goes along.
    pub fn finish(self) -> Result<(Taken, Option<Vec<u8>>), Fault> {
        if self.rows != self.size.height {
            return Err(Fault::broken("it ends too early"));
        }
        let alpha = self.colours.out().has_alpha();
        let taken = match self.way {
            Way::Plain(pixels) => Taken::Final(Raster { size: self.size, alpha, pixels }),
            Way::Linear(blocks) => Taken::Linear(blocks.finish(alpha, self.covered)),
        };
        Ok((taken, self.colours.kept))
    }
}

/// By how much a side may shrink at once, so that enough of it is left.
pub(crate) fn shrink(side: u32, target: u32) -> u32 {
    (side / (SPARE * target).max(1)).clamp(1, MAX_BLOCK)
}

/// Averages of blocks of pixels, in linear light.
struct Blocks {
    source: Size,
    /// The size of a block.
    block: (u32, u32),
    channels: usize,
    sums: Vec<u32>,
    rows_in_sums: u32,
    pixels: Vec<u16>,
}

impl Blocks {
    fn new(source: Size, target: Size, channels: usize) -> Blocks {
        let block = (shrink(source.width, target.width), shrink(source.height, target.height));
        let width = source.width.div_ceil(block.0) as usize;
        let height = source.height.div_ceil(block.1) as usize;
        Blocks {
            source,
            block,
            channels,
            sums: if block == (1, 1) { Vec::new() } else { vec![0; width * channels] },
            rows_in_sums: 0,
            pixels: Vec::with_capacity(width * height * channels),
        }
    }

    fn push<T: Copy + Into<usize>>(&mut self, row: &[T], light: &[u16], alpha: fn(T) -> u32) {
        if self.block == (1, 1) {
            match self.channels {
                3 => self.pixels.extend(row.iter().map(|v| light[(*v).into()])),
                _ => self
                    .pixels
                    .extend(row.chunks_exact(4).flat_map(|p| premultiplied(p, light, alpha))),
            }
            return;
        }
        let step = self.block.0 as usize * self.channels;
        for (sum, pixels) in self.sums.chunks_exact_mut(self.channels).zip(row.chunks(step)) {
            match sum {
                [r, g, b] => {
                    for p in pixels.chunks_exact(3) {
                        *r += u32::from(light[p[0].into()]);
                        *g += u32::from(light[p[1].into()]);
                        *b += u32::from(light[p[2].into()]);
                    }
                }
                _ => {
                    for p in pixels.chunks_exact(4) {
                        let values = premultiplied(p, light, alpha);
                        sum.iter_mut().zip(values).for_each(|(sum, v)| *sum += u32::from(v));
                    }
                }
            }
        }
        self.rows_in_sums += 1;
        if self.rows_in_sums == self.block.1 {
            self.flush();
        }
    }

    /// Writes the averages of the rows that came since the last time.
    fn flush(&mut self) {
        if self.rows_in_sums == 0 {
            return;
        }
        let (width, rows) = (self.block.0, self.rows_in_sums);
        let last_width = match self.source.width % width {
            0 => width,
            rest => rest,
        };
        let blocks = self.sums.len() / self.channels;
        for (at, sum) in self.sums.chunks_exact_mut(self.channels).enumerate() {
            let count = rows * if at + 1 == blocks { last_width } else { width };
            for sum in sum {
                self.pixels.push(((*sum + count / 2) / count) as u16);
                *sum = 0;
            }
        }
        self.rows_in_sums = 0;
    }

    fn finish(mut self, alpha: bool, covered: (f64, f64)) -> Linear {
        self.flush();
        let Size { width, height } = self.source;
        Linear {
            size: Size {
                width: width.div_ceil(self.block.0),
                height: height.div_ceil(self.block.1),
            },
            extent: (covered.0 / f64::from(self.block.0), covered.1 / f64::from(self.block.1)),
            origin: (0.0, 0.0),
            alpha,
            pixels: self.pixels,
        }
    }
}

/// The light of a pixel, alpha multiplied in.
fn premultiplied<T: Copy + Into<usize>>(p: &[T], light: &[u16], alpha: fn(T) -> u32) -> [u16; 4] {
    let a = alpha(p[3]);
    let by = |v: T| match a {
        65_535 => light[v.into()],
        _ => ((u32::from(light[v.into()]) * a + 32_767) / 65_535) as u16,
    };
    [by(p[0]), by(p[1]), by(p[2]), a as u16]
}
