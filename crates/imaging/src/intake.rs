//! Takes the rows of a source as they are decoded, and keeps no more of them than is needed: where it is
//! known what is wanted of them, only as many as each row that comes out is made of.

use crate::colour::{Colours, Layout, Profile};
use crate::fault::Fault;
use crate::light::Sample;
use crate::raster::Raster;
use crate::resize::{Blocks, Grid, Linear, Pair, Part, Scaler};
use crate::sizing::Size;

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
    /// How much of the rows' size the source fills, in their pixels, where that is not all of it.
    pub covered: Option<(f64, f64)>,
}

impl<'a> Rows<'a> {
    /// Of 8 bits a sample.
    pub fn new(size: Size, layout: Layout, icc: Option<&'a [u8]>) -> Rows<'a> {
        Rows { size, layout, is_deep: false, icc, covered: None }
    }

    /// Says that the last column and row are of the source in part only: it is shrunk to so many eighths
    /// while it is decoded.
    pub fn shrunk_to(self, eighths: u8, source: Size) -> Rows<'a> {
        let part = f64::from(eighths) / 8.0;
        let covered = (f64::from(source.width) * part, f64::from(source.height) * part);
        Rows { covered: Some(covered), ..self }
    }
}

/// What becomes of them.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    /// The size that the whole source is to be brought to, as it is stored.
    pub target: Size,
    /// What of it is wanted, where that is known already.
    pub part: Option<Part>,
    /// What becomes of the profile.
    pub profile: Profile,
}

/// What a source gave.
pub(crate) enum Taken {
    /// All pixels as they are to be shown, none of them resized.
    Whole(Raster),
    /// The part that was wished for, in its size.
    Part(Raster),
    /// Pixels that are still to be resized.
    Linear(Linear),
}

/// Takes rows, from the top.
pub(crate) struct Intake {
    size: Size,
    layout: Layout,
    is_deep: bool,
    colours: Colours,
    way: Way,
    rows: u32,
    scratch8: Vec<u8>,
    scratch16: Vec<u16>,
}

enum Way {
    Plain(Vec<u8>),
    Scaled(Blocks, Scaler),
    Kept(Blocks, Vec<Pair>, Linear),
}

impl Way {
    fn new(rows: &Rows<'_>, wish: &Wish, channels: usize) -> Way {
        let Size { width, height } = rows.size;
        if rows.size == wish.target {
            return Way::Plain(Vec::with_capacity(width as usize * height as usize * channels));
        }
        let covered = rows.covered.unwrap_or((width.into(), height.into()));
        let grid = Grid::new(rows.size, wish.target, covered, wish.part.as_ref());
        let lines = grid.lines(channels == 4);
        match &wish.part {
            Some(part) => {
                let scaler = Scaler::new(lines, part);
                let taken = (scaler.columns(), scaler.rows());
                Way::Scaled(Blocks::new(&grid, channels, taken), scaler)
            }
            None => {
                let all = (0..lines.size.width, 0..lines.size.height);
                let line = vec![Pair::default(); lines.size.width as usize];
                Way::Kept(Blocks::new(&grid, channels, all), line, Linear::new(lines))
            }
        }
    }

    fn push<T: Sample>(&mut self, row: &[T], shown: fn(T) -> u8) {
        match self {
            Way::Plain(pixels) => pixels.extend(row.iter().map(|sample| shown(*sample))),
            Way::Scaled(blocks, scaler) => {
                blocks.push(row, |line| scaler.push(|pairs, which| line.write(pairs, which)));
            }
            Way::Kept(blocks, pairs, linear) => blocks.push(row, |line| {
                line.write(pairs, 0);
                linear.push(pairs);
            }),
        }
    }
}

impl Intake {
    pub fn new(rows: &Rows<'_>, wish: &Wish) -> Intake {
        let colours = Colours::new(rows.layout, rows.is_deep, rows.icc, wish.profile);
        Intake {
            size: rows.size,
            layout: rows.layout,
            is_deep: rows.is_deep,
            way: Way::new(rows, wish, colours.out().channels()),
            colours,
            rows: 0,
            scratch8: Vec::new(),
            scratch16: Vec::new(),
        }
    }

    /// The next row, of 8 bits a sample.
    pub fn push8(&mut self, row: &[u8]) -> Result<(), Fault> {
        self.check(row.len(), false)?;
        self.way.push(self.colours.row8(row, &mut self.scratch8)?, |sample| sample);
        Ok(())
    }

    /// The next row, of 16 bits a sample.
    pub fn push16(&mut self, row: &[u16]) -> Result<(), Fault> {
        self.check(row.len(), true)?;
        let shown = |sample: u16| ((u32::from(sample) + 128) / 257) as u8;
        self.way.push(self.colours.row16(row, &mut self.scratch16)?, shown);
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
            Way::Plain(pixels) => Taken::Whole(Raster { size: self.size, alpha, pixels }),
            Way::Scaled(_, scaler) => Taken::Part(scaler.finish()),
            Way::Kept(_, _, linear) => Taken::Linear(linear),
        };
        Ok((taken, self.colours.kept))
    }
}

/// A part of what is shown already, in its size.
pub(crate) fn resized(raster: &Raster, part: &Part) -> Raster {
    let channels = raster.channels();
    let Size { width, height } = raster.size;
    let of = |own: u32, region: f64, size: u32| {
        let whole = f64::from(own) * f64::from(size) / region;
        whole.round().clamp(1.0, f64::from(u32::MAX)) as u32
    };
    let target = Size {
        width: of(width, part.region.width, part.size.width),
        height: of(height, part.region.height, part.size.height),
    };
    let grid = Grid::new(raster.size, target, (width.into(), height.into()), Some(part));
    let mut scaler = Scaler::new(grid.lines(raster.alpha), part);
    let mut blocks = Blocks::new(&grid, channels, (scaler.columns(), scaler.rows()));
    for row in raster.pixels.chunks_exact(raster.row_bytes()) {
        blocks.push(row, |line| scaler.push(|pairs, which| line.write(pairs, which)));
    }
    scaler.finish()
}
