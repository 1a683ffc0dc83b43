//! How much what was written looks like what it was written of.

use crate::colour::Profile;
use crate::decode::decode;
use crate::fault::Fault;
use crate::intake::{Taken, Wish};
use crate::limits::Limits;
use crate::plan::Background;
use crate::raster::Raster;
use crate::sizing::{Area, Size};
use crate::sniff::header;
use fast_ssim2::{PixelDescriptor, PixelSlice, compute_ssimulacra2};

/// The side of the parts that are compared, in pixels: comparing takes about 100 bytes a pixel.
const SIDE: u32 = 384;
/// The least side of what can be compared, in pixels.
const LEAST: u32 = 16;

/// What was made here is within the limits of who asked for it.
const OWN: Limits = Limits {
    source_bytes: u64::MAX,
    pixels: u64::MAX,
    side: u32::MAX,
    output_pixels: u64::MAX,
    frames: u32::MAX,
    animation_pixels: u64::MAX,
    scans: u32::MAX,
    memory_bytes: u64::MAX,
};

/// Compares with a picture.
pub(crate) struct Judge<'a> {
    raster: &'a Raster,
    parts: Vec<Area>,
}

impl<'a> Judge<'a> {
    /// Compares with that.
    pub fn of(raster: &'a Raster) -> Judge<'a> {
        Judge { raster, parts: parts(raster.size) }
    }

    /// How much a file looks the same: by SSIMULACRA2, 100 being the same; the mean of parts where it is
    /// large.
    pub fn score(&self, file: &[u8]) -> Result<f64, Fault> {
        let header = header(file, &OWN)?;
        let wish = Wish { target: header.size, part: None, profile: Profile::Keep };
        let Taken::Whole(seen) = decode(file, &header, &wish)?.0 else {
            return Err(Fault::broken("pixels of another size"));
        };
        if seen.size != self.raster.size {
            return Err(Fault::broken("what was written has another size"));
        }
        let mut sum = 0.0;
        for part in &self.parts {
            sum += compared(&on_grey(self.raster, *part), &on_grey(&seen, *part), part.size)?;
        }
        Ok(sum / self.parts.len() as f64)
    }
}

/// The parts that stand for a picture: all of it, or its middle and the middles of its quarters.
fn parts(size: Size) -> Vec<Area> {
    let Size { width, height } = size;
    if width <= 2 * SIDE && height <= 2 * SIDE {
        return vec![Area { x: 0, y: 0, size }];
    }
    let size = Size { width: width.min(SIDE), height: height.min(SIDE) };
    [(2, 2), (1, 1), (3, 1), (1, 3), (3, 3)]
        .map(|(x, y)| {
            let at = |quarter: u32, whole: u32, side: u32| {
                (u64::from(whole) * u64::from(quarter) / 4)
                    .saturating_sub(u64::from(side) / 2)
                    .min(u64::from(whole - side)) as u32
            };
            Area { x: at(x, width, size.width), y: at(y, height, size.height), size }
        })
        .to_vec()
}

/// A part of a picture on grey, where it is transparent.
fn on_grey(raster: &Raster, part: Area) -> Vec<u8> {
    raster.clone_part(part).flattened(Background([128; 3])).pixels
}

fn compared(a: &[u8], b: &[u8], size: Size) -> Result<f64, Fault> {
    if size.width < LEAST || size.height < LEAST {
        // Too small to be compared: the same, or as good as its worst pixel.
        let worst = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
        return Ok(100.0 - f64::from(worst));
    }
    let fault = || Fault::broken("pixels that cannot be compared");
    let slice = |rgb| {
        let row = size.width as usize * 3;
        PixelSlice::new(rgb, size.width, size.height, row, PixelDescriptor::RGB8_SRGB)
    };
    let (a, b) = (slice(a).map_err(|_| fault())?, slice(b).map_err(|_| fault())?);
    compute_ssimulacra2(&a, &b).map_err(|_| fault())
}
