//! AVIF, by libaom. The full range is signalled in both file and frame: decoders that look at one only
//! would show it too dark or too pale.

use super::{Manner, Scale, on_scale};
use crate::container::avif_file::{Parts, file};
use crate::fault::Fault;
use crate::ffi::aom::{self, Picture, Settings};
use crate::raster::Raster;
use crate::run::Effort;

/// From this quality on colours have as many pixels as brightness.
const FULL_COLOURS_FROM: u8 = 93;
/// What libavif calls quality.
const SCALE: Scale = [
    (1, 5),
    (20, 35),
    (35, 44),
    (50, 50),
    (60, 54),
    (70, 57),
    (75, 59),
    (80, 63),
    (85, 69),
    (90, 77),
    (95, 85),
    (100, 94),
];
/// BT.601, by ITU-T H.273.
const MATRIX: u8 = 6;

pub(crate) fn encode(raster: &Raster, manner: &Manner<'_>) -> Result<Vec<u8>, Fault> {
    let fault = || Fault::broken("it cannot be written as AVIF");
    let speed = match manner.effort {
        Effort::Quick => 9,
        Effort::Thorough => 6,
    };
    let settings = Settings { speed, quantizer: quantizer(manner.quality) };
    let grey = raster.is_grey();
    let halved = grey || manner.quality < FULL_COLOURS_FROM;
    let planes = planes(raster, halved);
    let [first, second, third] = &planes;
    let picture = Picture {
        size: raster.size,
        halved,
        planes: [first, second, third],
        grey,
        matrix: MATRIX.into(),
    };
    let colour = aom::encode(&picture, settings).ok_or_else(fault)?;
    let alpha = match raster.alpha {
        true => Some(alpha(raster, settings).ok_or_else(fault)?),
        false => None,
    };
    Ok(file(&Parts {
        size: raster.size,
        colour: &colour,
        grey,
        halved,
        matrix: MATRIX,
        alpha: alpha.as_deref(),
        icc: manner.icc,
        exif: manner.exif,
    }))
}

/// Alpha as a grey picture; its edges are seen more than colours are.
fn alpha(raster: &Raster, settings: Settings) -> Option<Vec<u8>> {
    let values: Vec<u8> = raster.pixels.chunks_exact(4).map(|pixel| pixel[3]).collect();
    let half = raster.size.width.div_ceil(2) as usize * raster.size.height.div_ceil(2) as usize;
    let none = vec![128; half];
    let picture = Picture {
        size: raster.size,
        halved: true,
        planes: [&values, &none, &none],
        grey: true,
        matrix: 2,
    };
    aom::encode(&picture, Settings { quantizer: settings.quantizer * 2 / 3, ..settings })
}

/// libaom's quantizer that looks like JPEG's quality.
fn quantizer(quality: u8) -> u8 {
    ((100.0 - on_scale(&SCALE, quality)) * 0.63).round() as u8
}

/// Brightness and colours of BT.601, of the full range.
fn planes(raster: &Raster, halved: bool) -> [Vec<u8>; 3] {
    let channels = raster.channels();
    let count = raster.pixels.len() / channels;
    let mut planes = [Vec::with_capacity(count), Vec::new(), Vec::new()];
    planes[0].extend(raster.pixels.chunks_exact(channels).map(|p| brightness(p[0], p[1], p[2])));
    if !halved {
        for p in raster.pixels.chunks_exact(channels) {
            let (blue, red) = colours(p[0].into(), p[1].into(), p[2].into(), 1);
            planes[1].push(blue);
            planes[2].push(red);
        }
        return planes;
    }
    let rows = raster.pixels.chunks(2 * raster.row_bytes());
    for pair in rows {
        let (upper, lower) = pair.split_at(raster.row_bytes());
        let lower = if lower.is_empty() { upper } else { lower };
        for (a, b) in upper.chunks(2 * channels).zip(lower.chunks(2 * channels)) {
            let mut sums = [0_i32; 3];
            for side in [a, b] {
                // At an odd end the last pixel stands for two.
                for p in [&side[..channels], &side[side.len() - channels..]] {
                    sums.iter_mut().zip(p).for_each(|(sum, v)| *sum += i32::from(*v));
                }
            }
            let (blue, red) = colours(sums[0], sums[1], sums[2], 4);
            planes[1].push(blue);
            planes[2].push(red);
        }
    }
    planes
}

fn brightness(r: u8, g: u8, b: u8) -> u8 {
    ((19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b) + 32_768) >> 16) as u8
}

/// The two differences of colours, of sums over `count` pixels.
fn colours(r: i32, g: i32, b: i32, count: i32) -> (u8, u8) {
    let value = |sum: i32| (((sum / count + (128 << 16)) + 32_767) >> 16).clamp(0, 255) as u8;
    (value(-11_059 * r - 21_709 * g + 32_768 * b), value(32_768 * r - 27_439 * g - 5_329 * b))
}
