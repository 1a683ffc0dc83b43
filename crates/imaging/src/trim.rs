//! What surrounds a picture: rows and columns of one colour at its edges.

use crate::plan::Trim;
use crate::raster::Raster;
use crate::sizing::{Area, Size};

/// The part of a picture that its surroundings leave; all of it where nothing else would be left.
pub(crate) fn trimmed(raster: &Raster, trim: &Trim) -> Area {
    let Size { width, height } = raster.size;
    let whole = Area { x: 0, y: 0, size: raster.size };
    let channels = raster.channels();
    let colour = trim.colour.map_or_else(|| shown(&raster.pixels[..channels]), |colour| colour.0);
    let most = trim.threshold.value();
    let is_other = |pixel: &[u8]| {
        let shown = shown(pixel);
        shown.iter().zip(colour).any(|(a, b)| f64::from(a.abs_diff(b)) > most)
    };
    let rows = || raster.pixels.chunks_exact(raster.row_bytes());
    let has_other = |row: &[u8]| row.chunks_exact(channels).any(is_other);
    let Some(top) = rows().position(has_other) else { return whole };
    let below = rows().rev().position(has_other).unwrap_or_default();
    let (mut left, mut right) = (width as usize, width as usize);
    for row in rows().skip(top).take(height as usize - top - below) {
        let other = row.chunks_exact(channels).take(left).position(is_other);
        left = other.unwrap_or(left);
        let other = row.chunks_exact(channels).rev().take(right).position(is_other);
        right = other.unwrap_or(right);
    }
    let equal =
        |is_equal: bool, a: usize, b: usize| if is_equal { (a.min(b), a.min(b)) } else { (a, b) };
    let (left, right) = equal(trim.equal_across, left, right);
    let (top, below) = equal(trim.equal_down, top, below);
    // No more than the sides, which fit.
    let size = Size { width: width - (left + right) as u32, height: height - (top + below) as u32 };
    Area { x: left as u32, y: top as u32, size }
}

/// The colour of a pixel; what is transparent shows magenta, which pictures hardly have.
fn shown(pixel: &[u8]) -> [u8; 3] {
    let alpha = u32::from(pixel.get(3).copied().unwrap_or(255));
    std::array::from_fn(|at| {
        let under = if at == 1 { 0 } else { 255 };
        ((u32::from(pixel[at]) * alpha + under * (255 - alpha) + 127) / 255) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    #[test]
    fn surroundings_are_found() {
        let size = Size { width: 10, height: 8 };
        fn inner(x: u32, y: u32) -> bool {
            (3..6).contains(&x) && (1..5).contains(&y)
        }
        let of = |colour: fn(u32, u32) -> [u8; 4]| {
            let at = |y| (0..10).flat_map(move |x| colour(x, y));
            Raster { size, alpha: true, pixels: (0..8).flat_map(at).collect() }
        };
        let white = of(|x, y| if inner(x, y) { [0, 0, 0, 255] } else { [250, 255, 255, 255] });
        let clear = of(|x, y| if inner(x, y) { [9, 9, 9, 255] } else { [x as u8, 0, 9, 0] });
        let one = of(|_, _| [1, 2, 3, 255]);
        for (raster, options, found) in [
            (&white, "trim=10", (3, 1, 3, 4)),
            (&white, "trim=10:fff", (3, 1, 3, 4)),
            (&white, "trim=1:fff", (0, 0, 10, 8)),
            (&white, "trim=10::1", (3, 1, 4, 4)),
            (&white, "trim=10::1:1", (3, 1, 4, 6)),
            (&white, "trim=255", (0, 0, 10, 8)),
            (&clear, "trim=10", (3, 1, 3, 4)),
            (&clear, "trim=10:ff00ff", (3, 1, 3, 4)),
            (&one, "trim=0", (0, 0, 10, 8)),
        ] {
            let trim = Plan::read(options).expect(options).trim.expect("one");
            let Area { x, y, size } = trimmed(raster, &trim);
            assert_eq!((x, y, size.width, size.height), found, "{options}");
        }
    }
}
