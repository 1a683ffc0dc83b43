//! What draws the eye: edges, colours that stand out, and the colours of skin. By it a smart gravity
//! chooses what is kept.

use crate::plan::Gravity;
use crate::raster::Raster;

/// The side of the picture that is looked at, in pixels.
pub(crate) const SIDE: u32 = 96;
/// How much each of them counts.
const EDGES: f32 = 1.0;
const SKIN: f32 = 1.8;
const COLOURFUL: f32 = 0.4;
/// Differences up to this are grain rather than edges, of 1.
const GRAIN: f32 = 0.02;
/// What part of its sides is the rim of a crop, and how much more counts what is within that.
const RIM: usize = 5;
const INNER: f64 = 1.5;
/// How much more the middle counts than the rim, where nothing else decides.
const MIDDLE: f32 = 0.15;

/// The middle of the part, that large a part of width and height, in which most is to be seen.
pub(crate) fn focus(small: &Raster, part: (f64, f64)) -> Gravity {
    let (width, height) = (small.size.width as usize, small.size.height as usize);
    let sums = sums(&weights(small), width);
    let side = |part: f64, side: usize| ((part * side as f64).round() as usize).clamp(1, side);
    let (across, down) = (side(part.0, width), side(part.1, height));
    let sum = |x: usize, y: usize, across: usize, down: usize| {
        let at = |x: usize, y: usize| sums[y * (width + 1) + x];
        at(x + across, y + down) + at(x, y) - at(x, y + down) - at(x + across, y)
    };
    // What lies at the rim of a crop is hardly seen, or cut through.
    let (rim_x, rim_y) = (across / RIM, down / RIM);
    let weight = |x: usize, y: usize| {
        let inner = sum(x + rim_x, y + rim_y, across - 2 * rim_x, down - 2 * rim_y);
        sum(x, y, across, down) + INNER * inner
    };
    let places = (0..=height - down).flat_map(|y| (0..=width - across).map(move |x| (x, y)));
    let away = |(x, y): (usize, usize)| {
        (2 * x + across).abs_diff(width).pow(2) + (2 * y + down).abs_diff(height).pow(2)
    };
    // Of those that show as much the one nearest to the middle.
    let best = places
        .map(|place| (weight(place.0, place.1), place))
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| away(b.1).cmp(&away(a.1))));
    let (x, y) = best.map_or((0, 0), |(_, place)| place);
    let middle = |at: usize, part: usize, side: usize| {
        ((at as f64 + part as f64 / 2.0) / side as f64 * 1000.0).round().min(1000.0) as u16
    };
    Gravity::Focus(middle(x, across, width), middle(y, down, height))
}

/// How much there is to be seen at each pixel.
fn weights(small: &Raster) -> Vec<f32> {
    let (width, height) = (small.size.width as usize, small.size.height as usize);
    let channels = small.channels();
    let colours: Vec<[f32; 3]> = small
        .pixels
        .chunks_exact(channels)
        .map(|p| {
            let alpha = f32::from(p.get(3).copied().unwrap_or(255)) / 255.0;
            [p[0], p[1], p[2]].map(|v| f32::from(v) / 255.0 * alpha)
        })
        .collect();
    let light: Vec<f32> =
        colours.iter().map(|[r, g, b]| 0.2126 * r + 0.7152 * g + 0.0722 * b).collect();
    let at = |x: isize, y: isize| {
        let x = x.clamp(0, width as isize - 1) as usize;
        light[y.clamp(0, height as isize - 1) as usize * width + x]
    };
    let mut weights = Vec::with_capacity(light.len());
    for (y, x) in (0..height as isize).flat_map(|y| (0..width as isize).map(move |x| (y, x))) {
        let here = at(x, y);
        let around = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1);
        let edge = ((4.0 * here - around).abs() - GRAIN).clamp(0.0, 1.0);
        let colour = colours[y as usize * width + x as usize];
        let off = |at: isize, side: usize| {
            let place = (2 * at + 1) as f32 / side as f32 - 1.0;
            place * place
        };
        let centre = 1.0 + MIDDLE * (1.0 - (off(x, width) + off(y, height)) / 2.0);
        let seen = EDGES * edge + SKIN * skin(colour, here) + COLOURFUL * colourful(colour, here);
        weights.push(seen * centre);
    }
    weights
}

/// How near a colour is to that of skin, light or dark: what they share is their hue.
fn skin([r, g, b]: [f32; 3], light: f32) -> f32 {
    let length = (r * r + g * g + b * b).sqrt();
    if length < 0.15 || !(0.15..0.95).contains(&light) {
        return 0.0;
    }
    let [r, g, b] = [r / length, g / length, b / length];
    let away = ((r - 0.78).powi(2) + (g - 0.57).powi(2) + (b - 0.44).powi(2)).sqrt();
    ((0.2 - away) / 0.2).max(0.0)
}

/// How far a colour is from grey, where it is neither dark nor pale.
fn colourful([r, g, b]: [f32; 3], light: f32) -> f32 {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let saturation = if most > 0.0 { (most - least) / most } else { 0.0 };
    match (0.05..0.9).contains(&light) {
        true => (saturation - 0.4).max(0.0) / 0.6,
        false => 0.0,
    }
}

/// Sums of all that lies above and to the left.
fn sums(weights: &[f32], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0_f64; (width + 1) * (weights.len() / width + 1)];
    for (y, row) in weights.chunks_exact(width).enumerate() {
        let mut sum = 0.0;
        for (x, weight) in row.iter().enumerate() {
            sum += f64::from(*weight);
            sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + sum;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::Size;

    fn with_field(size: Size, field: (u32, u32), colour: [u8; 3]) -> Raster {
        let mut pixels = Vec::new();
        for (y, x) in (0..size.height).flat_map(|y| (0..size.width).map(move |x| (y, x))) {
            let is_in = (field.0..field.0 + 8).contains(&x) && (field.1..field.1 + 8).contains(&y);
            pixels.extend(if is_in { colour } else { [120, 125, 130] });
        }
        Raster { size, alpha: false, pixels }
    }

    #[test]
    fn what_stands_out_is_kept() {
        let size = Size { width: 90, height: 40 };
        for (field, colour, part, x, y) in [
            ((70, 10), [255, 0, 0], (0.4, 1.0), 650..=850, 500..=500),
            ((5, 30), [220, 170, 140], (0.4, 0.5), 150..=300, 600..=800),
            ((40, 10), [20, 20, 20], (0.4, 1.0), 350..=600, 500..=500),
        ] {
            let Gravity::Focus(fx, fy) = focus(&with_field(size, field, colour), part) else {
                panic!("a point");
            };
            assert!(x.contains(&fx) && y.contains(&fy), "{field:?}: {fx}, {fy}");
        }
    }

    #[test]
    fn where_there_is_nothing_to_see_it_is_the_middle() {
        let size = Size { width: 32, height: 20 };
        let flat = Raster { size, alpha: false, pixels: [99; 3].repeat(640) };
        assert_eq!(focus(&flat, (0.5, 1.0)), Gravity::Focus(500, 500));
        let one = Raster { size: Size { width: 1, height: 1 }, alpha: false, pixels: vec![9; 3] };
        assert_eq!(focus(&one, (0.1, 1.0)), Gravity::Focus(500, 500));
    }
}
