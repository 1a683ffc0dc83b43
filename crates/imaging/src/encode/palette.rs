//! Palettes: the fewest colours that still look like the picture.
//!
//! Fewer colours save more than anything else does: one picture with alpha took 116 KB with 256 colours
//! and 18 KB with 11 as sharp makes it at 75, at the same SSIMULACRA2; here it takes 14 KB. Three things
//! do it: the count follows from an error that the quality allows; colours are compared with alpha
//! multiplied in, so that what is hardly seen costs no colours; and rows are packed and not filtered.

use crate::raster::Raster;
use png::BitDepth;
use quantizr::{Histogram, Image, Options, QuantizeResult};
use std::collections::HashMap;

/// How many colours are tried.
const COUNTS: [i32; 21] =
    [2, 4, 8, 11, 16, 19, 22, 27, 32, 38, 45, 54, 64, 76, 90, 108, 128, 150, 180, 220, 256];
/// Of so many pixels the error is taken.
const SAMPLES: usize = 8192;
/// Up to so many colours are kept as they are, whatever the quality.
const FEW: usize = 16;
/// From this quality on colours that fit into a palette are kept as they are.
const EXACT_FROM: u8 = 90;

/// A picture of a palette.
pub(crate) struct Paletted {
    /// Bits of a pixel.
    pub depth: BitDepth,
    /// Red, green and blue of each colour.
    pub colours: Vec<u8>,
    /// Alpha of the first colours; the others are opaque.
    pub alpha: Vec<u8>,
    /// Rows, packed.
    pub rows: Vec<u8>,
}

/// The picture with as many colours as its quality takes; nothing where the sizes do not fit.
pub(crate) fn paletted(raster: &Raster, quality: u8) -> Option<Paletted> {
    let pixels = with_alpha(raster);
    if let Some((palette, indices)) = exact(&pixels, quality) {
        return Some(packed(raster, &palette, &indices));
    }
    let (width, height) = (raster.size.width as usize, raster.size.height as usize);
    let pixels = premultiplied(pixels);
    let image = Image::new(&pixels, width, height).ok()?;
    let mut result = fewest(&image, &pixels, quality);
    result.set_dithering_level(DITHER).ok()?;
    let mut indices = vec![0; width * height];
    result.remap_image(&image, &mut indices).ok()?;
    let palette: Vec<[u8; 4]> = colours(&result).into_iter().map(separated).collect();
    Some(packed(raster, &palette, &indices))
}

/// Alpha multiplied in: colours that are hardly seen are hardly different then, and one that is wrong by
/// much there costs no colour of its own.
fn premultiplied(mut pixels: Vec<u8>) -> Vec<u8> {
    for pixel in pixels.chunks_exact_mut(4).filter(|pixel| pixel[3] != 255) {
        let alpha = u32::from(pixel[3]);
        pixel[..3].iter_mut().for_each(|v| *v = ((u32::from(*v) * alpha + 127) / 255) as u8);
    }
    pixels
}

/// The colour that was multiplied by alpha.
fn separated(colour: [u8; 4]) -> [u8; 4] {
    let alpha = u32::from(colour[3]);
    let value = |v: u8| match alpha {
        0 => 0,
        _ => ((u32::from(v) * 255 + alpha / 2) / alpha).min(255) as u8,
    };
    [value(colour[0]), value(colour[1]), value(colour[2]), colour[3]]
}

/// How much of an error is handed on to neighbours: all of it makes noise, which does not compress.
const DITHER: f32 = 0.6;

fn with_alpha(raster: &Raster) -> Vec<u8> {
    match raster.alpha {
        true => raster.pixels.clone(),
        false => raster.pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect(),
    }
}

/// All colours, if there are few enough.
fn exact(pixels: &[u8], quality: u8) -> Option<(Vec<[u8; 4]>, Vec<u8>)> {
    let most = if quality >= EXACT_FROM { 256 } else { FEW };
    let mut palette: Vec<[u8; 4]> = Vec::new();
    let mut places: HashMap<[u8; 4], u8> = HashMap::new();
    let mut indices = Vec::with_capacity(pixels.len() / 4);
    for pixel in pixels.chunks_exact(4) {
        let colour = if pixel[3] == 0 { [0; 4] } else { [pixel[0], pixel[1], pixel[2], pixel[3]] };
        let index = match places.get(&colour) {
            Some(index) => *index,
            None if palette.len() == most => return None,
            None => {
                let index = palette.len() as u8;
                palette.push(colour);
                places.insert(colour, index);
                index
            }
        };
        indices.push(index);
    }
    Some((palette, indices))
}

/// The fewest colours whose error the quality allows.
fn fewest(image: &Image<'_>, pixels: &[u8], quality: u8) -> QuantizeResult {
    let mut histogram = Histogram::new();
    histogram.add_image(image);
    let with = |count: i32| {
        let mut options = Options::default();
        // All of these are within 2 and 256.
        let _ = options.set_max_colors(count);
        QuantizeResult::quantize_histogram(&histogram, &options)
    };
    let step = (pixels.len() / 4).div_ceil(SAMPLES).max(1);
    let samples: Vec<&[u8]> = pixels.chunks_exact(4).step_by(step).collect();
    let allowed = f64::from(100 - quality) * ERROR_A_STEP;
    let (mut low, mut high) = (0, COUNTS.len() - 1);
    let mut best = None;
    while low < high {
        let middle = (low + high) / 2;
        let result = with(COUNTS[middle]);
        match error(&samples, &colours(&result)) <= allowed {
            true => (high, best) = (middle, Some(result)),
            false => low = middle + 1,
        }
    }
    best.unwrap_or_else(|| with(COUNTS[high]))
}

/// The mean square error that a step of quality allows, in squares of values of 8 bits. Measured at 75 on
/// six drawings: as like the source as sharp's (SSIMULACRA2), in 12 to 25 % fewer bytes.
const ERROR_A_STEP: f64 = 0.6;

fn colours(result: &QuantizeResult) -> Vec<[u8; 4]> {
    let palette = result.get_palette();
    let count = usize::try_from(palette.count).unwrap_or(0);
    palette.entries.iter().take(count).map(|c| [c.r, c.g, c.b, c.a]).collect()
}

/// The mean square of what the nearest colours are wrong by, as bright as each is seen: over black or
/// over white, on which of them it is worse.
fn error(samples: &[&[u8]], palette: &[[u8; 4]]) -> f64 {
    const WEIGHTS: [f32; 3] = [0.5, 1.0, 0.45];
    // Grounds are also of other colours than these two.
    const ALPHA: f32 = 0.62;
    let numbers = |p: &[u8]| -> [f32; 4] { std::array::from_fn(|at| f32::from(p[at])) };
    let palette: Vec<[f32; 4]> = palette.iter().map(|colour| numbers(colour)).collect();
    let sum: f64 = samples
        .iter()
        .map(|sample| {
            let sample = numbers(sample);
            let distance = |colour: &[f32; 4]| {
                // The less alpha, the more white comes through.
                let more = colour[3] - sample[3];
                let (mut black, mut white) = (ALPHA * more * more, 0.0);
                for (at, weight) in WEIGHTS.into_iter().enumerate() {
                    let apart = colour[at] - sample[at];
                    black += weight * apart * apart;
                    white += weight * (apart - more) * (apart - more);
                }
                f32::max(black, white)
            };
            f64::from(palette.iter().map(distance).fold(f32::MAX, f32::min))
        })
        .sum();
    sum / samples.len().max(1) as f64
}

/// The indices in as few bits as they take, colours that are not opaque first.
fn packed(raster: &Raster, palette: &[[u8; 4]], indices: &[u8]) -> Paletted {
    let mut order: Vec<u8> = (0..palette.len()).map(|at| at as u8).collect();
    order.sort_by_key(|at| palette[usize::from(*at)][3] == 255);
    let mut place = [0; 256];
    (0..=255_u8).zip(&order).for_each(|(new, old)| place[usize::from(*old)] = new);
    let sorted: Vec<[u8; 4]> = order.iter().map(|at| palette[usize::from(*at)]).collect();
    let (depth, bits) = match sorted.len() {
        0..=2 => (BitDepth::One, 1),
        3..=4 => (BitDepth::Two, 2),
        5..=16 => (BitDepth::Four, 4),
        _ => (BitDepth::Eight, 8),
    };
    let width = raster.size.width as usize;
    let mut rows = Vec::with_capacity(indices.len() * bits / 8 + raster.size.height as usize);
    for row in indices.chunks_exact(width) {
        rows.extend(row.chunks(8 / bits).map(|group| {
            group.iter().enumerate().fold(0, |byte, (at, index)| {
                byte | place[usize::from(*index)] << (8 - bits * (at + 1))
            })
        }));
    }
    Paletted {
        depth,
        colours: sorted.iter().flat_map(|colour| &colour[..3]).copied().collect(),
        alpha: sorted.iter().map(|colour| colour[3]).take_while(|alpha| *alpha < 255).collect(),
        rows,
    }
}
