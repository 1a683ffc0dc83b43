//! How large a picture becomes, and what is cut from its source. As sharp does it (`resize` with
//! `withoutEnlargement`), to the pixel.

use crate::plan::{Fit, Gravity, Plan};

/// Width and height, in pixels; neither is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The width.
    pub width: u32,
    /// The height.
    pub height: u32,
}

/// What is to be done to a source of some size, once it stands upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// The size that the whole source is brought to.
    pub scaled: Size,
    /// What is cut from that; where it is smaller than `canvas` the rest is background.
    pub cut: Area,
    /// The size that comes out.
    pub canvas: Size,
    /// Where on the canvas the upper left corner of what was cut lies.
    pub at: (u32, u32),
}

/// A part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Pixels from the left.
    pub x: u32,
    /// Pixels from the top.
    pub y: u32,
    /// Its size.
    pub size: Size,
}

/// Works out the sizes for a source. Nothing is ever enlarged: where the box is larger than the source,
/// the source's own size is what comes out, cut to the box's shape where it is to cover that.
pub fn sizing(plan: &Plan, source: Size) -> Sizing {
    let (width, height) = (plan.width.map(Into::into), plan.height.map(Into::into));
    match (width, height) {
        (None, None) => plain(source),
        (Some(width), None) => plain(scaled(source, ratio(width, source.width))),
        (None, Some(height)) => plain(scaled(source, ratio(height, source.height))),
        (Some(width), Some(height)) => boxed(plan, source, Size { width, height }),
    }
}

fn boxed(plan: &Plan, source: Size, wanted: Size) -> Sizing {
    let (x, y) = (ratio(wanted.width, source.width), ratio(wanted.height, source.height));
    match plan.fit {
        Fit::Inside => plain(scaled(source, x.min(y))),
        Fit::Outside => plain(scaled(source, x.max(y))),
        Fit::Fill => plain(Size {
            width: wanted.width.min(source.width),
            height: wanted.height.min(source.height),
        }),
        Fit::Cover => {
            let whole = scaled(source, x.max(y));
            let size = Size {
                width: wanted.width.min(whole.width),
                height: wanted.height.min(whole.height),
            };
            let (x, y) = anchor(plan.gravity, whole, size);
            Sizing { scaled: whole, cut: Area { x, y, size }, canvas: size, at: (0, 0) }
        }
        Fit::Contain => {
            let inner = scaled(source, x.min(y));
            let cut = Area { x: 0, y: 0, size: inner };
            let at = anchor(plan.gravity, wanted, inner);
            Sizing { scaled: inner, cut, canvas: wanted, at }
        }
    }
}

fn plain(size: Size) -> Sizing {
    Sizing { scaled: size, cut: Area { x: 0, y: 0, size }, canvas: size, at: (0, 0) }
}

fn ratio(wanted: u32, source: u32) -> f64 {
    f64::from(wanted) / f64::from(source.max(1))
}

/// The source by a ratio of at most one, each side rounded and at least a pixel.
fn scaled(source: Size, ratio: f64) -> Size {
    let ratio = ratio.min(1.0);
    // A side is no longer than it was, so it fits.
    let side = |side: u32| ((f64::from(side) * ratio).round() as u32).clamp(1, side.max(1));
    Size { width: side(source.width), height: side(source.height) }
}

/// Where the upper left corner of `inner` lies within `outer`, so that the point that counts most is as
/// near as can be to its middle.
fn anchor(gravity: Gravity, outer: Size, inner: Size) -> (u32, u32) {
    let (x, y) = gravity.point();
    let along = |thousandths: u16, outer: u32, inner: u32| {
        let room = outer.saturating_sub(inner);
        let at = match gravity {
            Gravity::Focus(..) => {
                f64::from(outer) * f64::from(thousandths) / 1000.0 - f64::from(inner) / 2.0
            }
            _ => f64::from(room) * f64::from(thousandths) / 1000.0,
        };
        // Halves go to the upper left, as in sharp.
        (at.max(0.0).floor() as u32).min(room)
    };
    (along(x, outer.width, inner.width), along(y, outer.height, inner.height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn plan(width: u32, height: u32, fit: Fit) -> Plan {
        let (width, height) = (NonZeroU32::new(width), NonZeroU32::new(height));
        Plan { width, height, fit, ..Plan::default() }
    }

    fn size((width, height): (u32, u32)) -> Size {
        Size { width, height }
    }

    #[test]
    fn what_comes_out_is_as_large_as_sharp_makes_it() {
        use Fit::{Contain, Cover, Fill, Inside, Outside};
        for (source, width, height, fit, scaled, canvas) in [
            ((5472, 3648), 640, 0, Inside, (640, 427), (640, 427)),
            ((3648, 5472), 640, 0, Inside, (640, 960), (640, 960)),
            ((5472, 3648), 0, 100, Inside, (150, 100), (150, 100)),
            ((5472, 3648), 0, 0, Inside, (5472, 3648), (5472, 3648)),
            ((400, 300), 100, 100, Inside, (100, 75), (100, 75)),
            ((400, 300), 100, 100, Outside, (133, 100), (133, 100)),
            ((400, 300), 100, 100, Fill, (100, 100), (100, 100)),
            ((400, 300), 100, 100, Cover, (133, 100), (100, 100)),
            ((400, 300), 100, 100, Contain, (100, 75), (100, 100)),
            // Never enlarged.
            ((40, 30), 100, 0, Inside, (40, 30), (40, 30)),
            ((40, 30), 100, 100, Inside, (40, 30), (40, 30)),
            ((40, 30), 100, 100, Outside, (40, 30), (40, 30)),
            ((40, 30), 100, 20, Fill, (40, 20), (40, 20)),
            ((40, 30), 100, 20, Cover, (40, 30), (40, 20)),
            // No side vanishes.
            ((10_000, 1), 10, 0, Inside, (10, 1), (10, 1)),
            ((1, 10_000), 0, 1, Inside, (1, 1), (1, 1)),
        ] {
            let found = sizing(&plan(width, height, fit), size(source));
            let told = format!("{source:?} to {width} x {height} {fit:?}");
            assert_eq!((found.scaled, found.canvas), (size(scaled), size(canvas)), "{told}");
        }
    }

    #[test]
    fn gravity_says_what_is_cut_and_where_the_rest_lies() {
        let cover = |gravity| {
            let plan = Plan { gravity, ..plan(100, 100, Fit::Cover) };
            sizing(&plan, size((400, 200))).cut
        };
        for (gravity, x) in [
            (Gravity::Centre, 50),
            (Gravity::West, 0),
            (Gravity::East, 100),
            (Gravity::North, 50),
            (Gravity::Focus(0, 500), 0),
            (Gravity::Focus(500, 500), 50),
            (Gravity::Focus(600, 0), 70),
            (Gravity::Focus(1000, 0), 100),
        ] {
            assert_eq!((cover(gravity).x, cover(gravity).y), (x, 0), "{gravity:?}");
        }
        let contain = |gravity| {
            let plan = Plan { gravity, ..plan(100, 100, Fit::Contain) };
            sizing(&plan, size((400, 200))).at
        };
        assert_eq!(contain(Gravity::Centre), (0, 25));
        assert_eq!(contain(Gravity::North), (0, 0));
        assert_eq!(contain(Gravity::South), (0, 50));
    }

    #[test]
    fn what_is_cut_lies_within_and_fits_the_canvas() {
        let sides = [1, 2, 3, 7, 99, 640, 16_384];
        let fits = [Fit::Inside, Fit::Cover, Fit::Contain, Fit::Fill, Fit::Outside];
        for (width, height) in sides.iter().flat_map(|w| sides.map(|h| (*w, h))) {
            for (to_width, to_height) in sides.iter().flat_map(|w| sides.map(|h| (*w, h))) {
                for fit in fits {
                    let gravity = Gravity::Focus(333, 777);
                    let plan = Plan { gravity, ..plan(to_width, to_height, fit) };
                    let found = sizing(&plan, size((width, height)));
                    let Sizing { scaled, cut, canvas, at } = found;
                    let told = format!("{width}x{height} to {to_width}x{to_height} {fit:?}");
                    assert!(scaled.width <= width && scaled.height <= height, "{told}");
                    assert!(cut.x + cut.size.width <= scaled.width, "{told}");
                    assert!(cut.y + cut.size.height <= scaled.height, "{told}");
                    assert!(at.0 + cut.size.width <= canvas.width, "{told}");
                    assert!(at.1 + cut.size.height <= canvas.height, "{told}");
                    assert!(canvas.width > 0 && canvas.height > 0, "{told}");
                }
            }
        }
    }
}
