//! A picture drawn over a picture.

use crate::plan::{Anchor, Gravity, Laid, Watermark};
use crate::raster::Raster;
use crate::sizing::Size;

/// The size that a watermark has on a picture of some size: as it is, or as large as fits that part.
pub(crate) fn size_on(own: Size, picture: Size, watermark: &Watermark) -> Size {
    let scale = watermark.scale.value();
    if scale <= 0.0 {
        return own;
    }
    let across = f64::from(picture.width) * scale / f64::from(own.width);
    let down = f64::from(picture.height) * scale / f64::from(own.height);
    let side = |side: u32| (f64::from(side) * across.min(down)).round().max(1.0) as u32;
    Size { width: side(own.width), height: side(own.height) }
}

/// Draws it, in its size, which has alpha.
pub(crate) fn drawn(mut raster: Raster, mark: &Raster, told: &Watermark, density: f64) -> Raster {
    let opacity = (told.opacity.value() * 255.0).round() as u32;
    match told.place {
        Laid::Once(anchor) => {
            let at = position(anchor, raster.size, mark.size, density);
            lay(&mut raster, mark, at, opacity);
        }
        Laid::Tiled(x, y) => {
            let room = |distance: f64| distance.clamp(0.0, f64::from(u16::MAX)) as i64;
            let across = i64::from(mark.size.width) + room(x.of(raster.size.width, density));
            let down = i64::from(mark.size.height) + room(y.of(raster.size.height, density));
            // One in the middle, the others around it.
            let first = |whole: u32, own: u32, step: i64| {
                let middle = (i64::from(whole) - i64::from(own)) / 2;
                middle - (middle.max(0) + step - 1) / step * step
            };
            let left = first(raster.size.width, mark.size.width, across);
            let top = first(raster.size.height, mark.size.height, down);
            let mut y = top;
            while y < i64::from(raster.size.height) {
                let mut x = left;
                while x < i64::from(raster.size.width) {
                    lay(&mut raster, mark, (x, y), opacity);
                    x += across;
                }
                y += down;
            }
        }
    }
    raster
}

/// Where it lies; it may stand beyond an edge.
fn position(anchor: Anchor, whole: Size, own: Size, density: f64) -> (i64, i64) {
    let (x, y) = match anchor.gravity {
        Gravity::Focus(..) | Gravity::Smart => Gravity::Centre.point(),
        named => named.point(),
    };
    let along = |thousandths: u16, distance: f64, whole: u32, own: u32| {
        let room = i64::from(whole) - i64::from(own);
        match thousandths {
            0 => distance as i64,
            1000 => room - distance as i64,
            _ => room.div_euclid(2) + distance as i64,
        }
    };
    (
        along(x, anchor.x.of(whole.width, density), whole.width, own.width),
        along(y, anchor.y.of(whole.height, density), whole.height, own.height),
    )
}

/// Lays a picture with alpha over another, as browsers do it: in sRGB as it is.
fn lay(raster: &mut Raster, over: &Raster, (left, top): (i64, i64), opacity: u32) {
    let channels = raster.channels();
    let (width, own) = (i64::from(raster.size.width), i64::from(over.size.width));
    let columns = (-left).max(0)..(width - left).min(own);
    let rows = (-top).max(0)..(i64::from(raster.size.height) - top).min(over.size.height.into());
    if columns.is_empty() {
        return;
    }
    for y in rows {
        let to = ((y + top) * width + columns.start + left) as usize * channels;
        let from = (y * own + columns.start) as usize * 4;
        let count = (columns.end - columns.start) as usize;
        let pixels = raster.pixels[to..to + count * channels].chunks_exact_mut(channels);
        for (pixel, over) in pixels.zip(over.pixels[from..].chunks_exact(4)) {
            blend(pixel, over, opacity);
        }
    }
}

/// One pixel over another (Porter and Duff's `over`).
fn blend(pixel: &mut [u8], over: &[u8], opacity: u32) {
    let alpha = (u32::from(over[3]) * opacity + 127) / 255;
    let under = pixel.get(3).copied().map_or(255, u32::from);
    // Of 255 times 255.
    let rest = under * (255 - alpha);
    let sum = alpha * 255 + rest;
    if sum == 0 {
        return;
    }
    for (value, over) in pixel.iter_mut().zip(&over[..3]) {
        let mixed = u32::from(*over) * alpha * 255 + u32::from(*value) * rest;
        *value = ((mixed + sum / 2) / sum) as u8;
    }
    if let Some(own) = pixel.get_mut(3) {
        *own = ((sum + 127) / 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    fn of(width: u32, height: u32, colour: &[u8]) -> Raster {
        let pixels = colour.repeat((width * height) as usize);
        Raster { size: Size { width, height }, alpha: colour.len() == 4, pixels }
    }

    fn told(options: &str) -> Watermark {
        Plan::read(options).expect(options).watermark.expect("one")
    }

    #[test]
    fn it_lies_where_it_is_told() {
        for (options, left, top, right, bottom) in [
            ("wm=1", 4, 4, 6, 6),
            ("wm=1:northwest", 0, 0, 2, 2),
            ("wm=1:southeast:1:2", 7, 6, 9, 8),
            ("wm=1:southeast:-1:-1", 9, 9, 10, 10),
            ("wm=1:east:0.1:0.1", 7, 5, 9, 7),
            ("wm=1:west:-99:0", 0, 0, 0, 0),
        ] {
            let made = drawn(of(10, 10, &[0, 0, 0]), &of(2, 2, &[255; 4]), &told(options), 1.0);
            for (at, pixel) in made.pixels.chunks_exact(3).enumerate() {
                let (x, y) = (at % 10, at / 10);
                let is_over = (left..right).contains(&x) && (top..bottom).contains(&y);
                assert_eq!(pixel[0] == 255, is_over, "{options} at {x}, {y}");
            }
        }
    }

    #[test]
    fn tiles_fill_the_picture_around_its_middle() {
        for (options, count) in [("wm=1:tile", 100), ("wm=1:tile:2:2", 36), ("wm=1:tile:99:99", 4)]
        {
            let made = drawn(of(10, 10, &[0, 0, 0]), &of(2, 2, &[255; 4]), &told(options), 1.0);
            let drawn = made.pixels.chunks_exact(3).filter(|pixel| pixel[0] == 255).count();
            assert_eq!(drawn, count, "{options}");
        }
    }

    #[test]
    fn it_covers_as_much_as_its_opacity_and_its_alpha_say() {
        for (under, over, opacity, made) in [
            (&[0, 0, 0][..], [200, 200, 200, 255], "0.5", &[100, 100, 100][..]),
            (&[0, 0, 0], [200, 200, 200, 128], "1", &[100, 100, 100]),
            (&[9, 9, 9, 0], [200, 100, 50, 255], "1", &[200, 100, 50, 255]),
            (&[9, 9, 9, 0], [200, 100, 50, 255], "0.5", &[200, 100, 50, 128]),
            (&[9, 9, 9, 0], [200, 100, 50, 0], "1", &[9, 9, 9, 0]),
        ] {
            let told = told(&format!("wm={opacity}"));
            let drawn = drawn(of(1, 1, under), &of(1, 1, &over), &told, 1.0);
            let is_near = drawn.pixels.iter().zip(made).all(|(a, b)| a.abs_diff(*b) <= 1);
            assert!(is_near, "{under:?} {over:?} {opacity}: {:?}", drawn.pixels);
        }
    }

    #[test]
    fn its_scale_is_of_the_picture() {
        let (own, picture) = (Size { width: 40, height: 20 }, Size { width: 100, height: 100 });
        for (scale, width, height) in [("0", 40, 20), ("0.2", 20, 10), ("1", 100, 50)] {
            let told = told(&format!("wm=1:centre:0:0:{scale}"));
            assert_eq!(size_on(own, picture, &told), Size { width, height });
        }
    }
}
