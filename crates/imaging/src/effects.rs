//! Blur, sharpening and squares of one colour. All of it happens to values of sRGB, as in the services
//! whose URLs ask for it, and with alpha multiplied in, so that what is transparent lends no colour.

use crate::plan::Plan;
use crate::raster::Raster;
use crate::sizing::Size;

/// Up to this sigma a blur is a sum over a Gaussian; beyond it three averages in a row, which take as long
/// whatever it is, and differ from that by less than can be seen.
const EXACT_SIGMA: f64 = 2.0;
/// By how many values of lightness, of 100, neighbours must differ to be sharpened.
const FLAT: f32 = 2.0;
/// How much more they differ then, for each value beyond.
const SLOPE: f32 = 3.0;
/// How much lighter it becomes at the most, of 100.
const LIGHTER: f32 = 10.0;
/// How much darker.
const DARKER: f32 = 20.0;

/// What a plan asks for.
pub(crate) fn effects(raster: Raster, plan: &Plan) -> Raster {
    let (blur, sharpen) = (plan.blur.value(), plan.sharpen.value());
    let mut raster = raster;
    if blur > 0.0 {
        raster = blurred(&raster, blur);
    }
    if sharpen > 0.0 {
        raster = sharpened(raster, sharpen);
    }
    if plan.pixelate > 1 {
        raster = pixelated(raster, u32::from(plan.pixelate));
    }
    raster
}

fn blurred(raster: &Raster, sigma: f64) -> Raster {
    let channels = raster.channels();
    let mut planes = premultiplied(raster);
    blur(&mut planes, raster.size, channels, sigma);
    divided(planes, raster.size, raster.alpha)
}

/// Makes differences of lightness larger, but not where there is hardly one, so that noise stays noise
/// (libvips' `sharpen`).
fn sharpened(mut raster: Raster, sigma: f64) -> Raster {
    let channels = raster.channels();
    let light = |pixel: &[u8]| {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
        // Nearly in proportion to CIE's lightness, since values of sRGB are.
        (0.2126 * r + 0.7152 * g + 0.0722 * b) * (100.0 / 255.0)
    };
    let mut soft: Vec<f32> = raster.pixels.chunks_exact(channels).map(light).collect();
    let sharp = soft.clone();
    blur(&mut soft, raster.size, 1, sigma);
    for ((pixel, sharp), soft) in raster.pixels.chunks_exact_mut(channels).zip(sharp).zip(soft) {
        let difference = sharp - soft;
        let beyond = (difference.abs() - FLAT).max(0.0) * SLOPE;
        let change = match difference > 0.0 {
            true => beyond.min(LIGHTER),
            false => -beyond.min(DARKER),
        };
        let change = change * (255.0 / 100.0);
        for value in &mut pixel[..3] {
            *value = (f32::from(*value) + change).round().clamp(0.0, 255.0) as u8;
        }
    }
    raster
}

/// Squares that have the mean colour of what was there; those at the right and lower edge may be cut.
fn pixelated(mut raster: Raster, side: u32) -> Raster {
    let channels = raster.channels();
    let Size { width, height } = raster.size;
    let side = side.min(width.max(height)) as usize;
    let (width, height) = (width as usize, height as usize);
    let mut sums = vec![[0_u64; 5]; width.div_ceil(side)];
    for top in (0..height).step_by(side) {
        let rows = top..(top + side).min(height);
        sums.fill([0; 5]);
        for y in rows.clone() {
            let row = &raster.pixels[y * width * channels..(y + 1) * width * channels];
            for (x, pixel) in row.chunks_exact(channels).enumerate() {
                let alpha = u64::from(pixel.get(3).copied().unwrap_or(255));
                let sum = &mut sums[x / side];
                sum.iter_mut().zip(&pixel[..3]).for_each(|(sum, v)| *sum += u64::from(*v) * alpha);
                sum[3] += alpha;
                sum[4] += 1;
            }
        }
        for y in rows {
            let row = &mut raster.pixels[y * width * channels..(y + 1) * width * channels];
            for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
                let [r, g, b, alpha, count] = sums[x / side];
                let mean = |sum: u64, of: u64| ((sum + of / 2) / of.max(1)) as u8;
                let colour = [mean(r, alpha), mean(g, alpha), mean(b, alpha), mean(alpha, count)];
                pixel.copy_from_slice(&colour[..channels]);
            }
        }
    }
    raster
}

fn premultiplied(raster: &Raster) -> Vec<f32> {
    if !raster.alpha {
        return raster.pixels.iter().map(|v| f32::from(*v)).collect();
    }
    let by_alpha = |p: &[u8]| {
        let alpha = f32::from(p[3]);
        [p[0], p[1], p[2], 255].map(|v| f32::from(v) * alpha / 255.0)
    };
    raster.pixels.chunks_exact(4).flat_map(by_alpha).collect()
}

fn divided(planes: Vec<f32>, size: Size, alpha: bool) -> Raster {
    let value = |v: f32| v.round().clamp(0.0, 255.0) as u8;
    let pixels = match alpha {
        false => planes.into_iter().map(value).collect(),
        true => planes
            .chunks_exact(4)
            .flat_map(|p| {
                let by = if p[3] > 0.0 { 255.0 / p[3] } else { 0.0 };
                [value(p[0] * by), value(p[1] * by), value(p[2] * by), value(p[3])]
            })
            .collect(),
    };
    Raster { size, alpha, pixels }
}

/// A Gaussian blur; beyond an edge it goes on as it is there.
fn blur(pixels: &mut [f32], size: Size, channels: usize, sigma: f64) {
    let (width, height) = (size.width as usize, size.height as usize);
    let steps: Vec<Kernel> = match sigma <= EXACT_SIGMA {
        true => vec![Kernel::Weights(gaussian(sigma))],
        false => averages(sigma).map(Kernel::Average).to_vec(),
    };
    let mut line = Vec::new();
    for step in &steps {
        for row in pixels.chunks_exact_mut(width * channels) {
            for channel in 0..channels {
                step.run(&mut row[channel..], channels, width, &mut line);
            }
        }
        for column in 0..width * channels {
            step.run(&mut pixels[column..], width * channels, height, &mut line);
        }
    }
}

#[derive(Clone)]
enum Kernel {
    /// One side of it, from the middle on.
    Weights(Vec<f32>),
    /// The mean of that many on each side and the one in the middle.
    Average(usize),
}

impl Kernel {
    /// Over `count` values that are `step` apart.
    fn run(&self, values: &mut [f32], step: usize, count: usize, line: &mut Vec<f32>) {
        line.clear();
        line.extend(values.iter().step_by(step).take(count));
        let at = |at: isize| line[at.clamp(0, count as isize - 1) as usize];
        match self {
            Kernel::Weights(weights) => {
                for (place, value) in values.iter_mut().step_by(step).take(count).enumerate() {
                    let place = place as isize;
                    let sides = weights.iter().enumerate().skip(1).map(|(distance, weight)| {
                        let distance = distance as isize;
                        weight * (at(place - distance) + at(place + distance))
                    });
                    *value = weights[0] * at(place) + sides.sum::<f32>();
                }
            }
            Kernel::Average(radius) => {
                let radius = *radius as isize;
                // In f64, so that sums over a long line do not drift.
                let mut sum: f64 = (-radius..=radius).map(|place| f64::from(at(place))).sum();
                let by = 1.0 / (2 * radius + 1) as f64;
                for (place, value) in values.iter_mut().step_by(step).take(count).enumerate() {
                    let place = place as isize;
                    *value = (sum * by) as f32;
                    sum += f64::from(at(place + radius + 1)) - f64::from(at(place - radius));
                }
            }
        }
    }
}

/// One side of a Gaussian, from its middle to where it hardly counts; all of it sums up to one.
fn gaussian(sigma: f64) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil() as i32;
    let weight = |at: i32| (-f64::from(at * at) / (2.0 * sigma * sigma)).exp();
    let sum: f64 = (-radius..=radius).map(weight).sum();
    (0..=radius).map(|at| (weight(at) / sum) as f32).collect()
}

/// The radii of three averages whose variances sum up to that of a Gaussian (Kovesi, Fast Almost-Gaussian
/// Filtering, 2010).
fn averages(sigma: f64) -> [usize; 3] {
    let ideal = (4.0 * sigma * sigma + 1.0).sqrt();
    let narrow = ((ideal - 1.0) / 2.0).floor().max(0.0);
    let width = 2.0 * narrow + 1.0;
    let variance = 12.0 * sigma * sigma;
    let narrow_ones = (variance - 3.0 * width * width - 12.0 * width - 9.0) / (-4.0 * width - 4.0);
    let narrow_ones = narrow_ones.round().clamp(0.0, 3.0) as usize;
    std::array::from_fn(|at| narrow as usize + usize::from(at >= narrow_ones))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(side: u32) -> Raster {
        let size = Size { width: side, height: side };
        let mut pixels = vec![0; (side * side * 3) as usize];
        let middle = ((side * side / 2) * 3) as usize;
        pixels[middle..middle + 3].fill(255);
        Raster { size, alpha: false, pixels }
    }

    #[test]
    fn a_blur_is_as_wide_as_its_sigma_and_loses_no_light() {
        for sigma in [0.5, 1.0, 2.0, 2.1, 5.0, 12.0] {
            let side = 121;
            let mut planes: Vec<f32> = vec![0.0; side * side];
            planes[side * side / 2] = 1.0;
            let size = Size { width: side as u32, height: side as u32 };
            blur(&mut planes, size, 1, sigma);
            let sum: f32 = planes.iter().sum();
            let spread: f32 = planes
                .iter()
                .enumerate()
                .map(|(at, value)| {
                    let away = (at % side) as f32 - (side / 2) as f32;
                    value * away * away
                })
                .sum();
            assert!((sum - 1.0).abs() < 1e-3, "{sigma}: {sum}");
            let found = f64::from(spread / sum).sqrt();
            assert!((found - sigma).abs() / sigma < 0.08, "{sigma}: {found}");
        }
    }

    #[test]
    fn what_is_flat_stays_as_it_is() {
        let size = Size { width: 9, height: 7 };
        let flat = Raster { size, alpha: true, pixels: [10, 200, 30, 128].repeat(63) };
        for options in ["blur=3", "blur=0.7", "sharpen=2", "pixelate=4", "pixelate=999"] {
            let plan = Plan::read(options).expect(options);
            let made = effects(flat.clone(), &plan);
            let same = made.pixels.iter().zip(&flat.pixels).all(|(a, b)| a.abs_diff(*b) <= 1);
            assert!(same && made.size == size, "{options}");
        }
    }

    #[test]
    fn what_is_transparent_lends_no_colour() {
        let size = Size { width: 2, height: 2 };
        let pixels = [[255, 0, 0, 0], [0, 0, 200, 255]].concat().repeat(2);
        let raster = Raster { size, alpha: true, pixels };
        for options in ["blur=1", "pixelate=2"] {
            let made = effects(raster.clone(), &Plan::read(options).expect(options));
            let is_blue = made.pixels.chunks_exact(4).all(|p| p[0] == 0 && p[2].abs_diff(200) <= 1);
            assert!(is_blue, "{options}: {:?}", made.pixels);
        }
    }

    #[test]
    fn sharpening_makes_edges_steeper_and_leaves_noise() {
        let size = Size { width: 8, height: 1 };
        let row = |values: [u8; 8]| Raster {
            size,
            alpha: false,
            pixels: values.iter().flat_map(|v| [*v; 3]).collect(),
        };
        let plan = Plan::read("sharpen=1").expect("a plan");
        let noise = row([100, 102, 100, 101, 100, 102, 101, 100]);
        assert_eq!(effects(noise.clone(), &plan), noise);
        let made = effects(row([80, 80, 80, 80, 160, 160, 160, 160]), &plan);
        assert!(made.pixels[9] < 70 && made.pixels[12] > 170, "{:?}", made.pixels);
    }

    #[test]
    fn squares_have_the_mean_of_what_was_there() {
        let plan = Plan::read("pixelate=3").expect("a plan");
        let made = effects(dot(5), &plan);
        assert_eq!((made.pixels[0], made.pixels[3 * (5 * 2 + 2)]), (28, 28));
        assert_eq!(made.pixels[3 * 4], 0);
    }
}
