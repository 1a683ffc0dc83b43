//! How large a picture becomes, and what is cut from its source. As sharp does it (`resize` with
//! `withoutEnlargement`), to the pixel.

use crate::plan::{Anchor, Fit, Gravity, Milli, Padding, Plan};
use std::num::NonZeroU32;

/// Width and height, in pixels; neither is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The width.
    pub width: u32,
    /// The height.
    pub height: u32,
}

/// What is to be done to a source of some size, once it stands upright.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizing {
    /// What is cut out of the source, in its own pixels.
    pub crop: Area,
    /// The size that this is brought to.
    pub scaled: Size,
    /// What is cut from that.
    pub cut: Area,
    /// The size that comes out; what the cut does not fill is background.
    pub canvas: Size,
    /// Where on the canvas the upper left corner of the cut lies.
    pub at: (u32, u32),
    /// The density that came out: what is in pixels is multiplied by it.
    pub density: f64,
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

/// A part of a picture, with fractions of pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Region {
    /// Pixels from the left.
    pub x: f64,
    /// Pixels from the top.
    pub y: f64,
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
}

impl Region {
    /// An area.
    pub fn of(area: Area) -> Region {
        let Area { x, y, size } = area;
        Region { x: x.into(), y: y.into(), ..Region::whole(size) }
    }

    /// All of a picture.
    pub fn whole(size: Size) -> Region {
        Region { x: 0.0, y: 0.0, width: size.width.into(), height: size.height.into() }
    }
}

impl Sizing {
    /// What a source of some size would become if nothing were cut from it. What is enlarged is at most
    /// told to be twice its size: it is decoded whole in any case.
    pub(crate) fn whole(&self, source: Size) -> Size {
        let side = |source: u32, scaled: u32, crop: u32| {
            let whole = f64::from(source) * f64::from(scaled) / f64::from(crop);
            length(whole.min(2.0 * f64::from(source)))
        };
        Size {
            width: side(source.width, self.scaled.width, self.crop.size.width),
            height: side(source.height, self.scaled.height, self.crop.size.height),
        }
    }

    /// What of the source comes out.
    pub(crate) fn region(&self) -> Region {
        let across = f64::from(self.crop.size.width) / f64::from(self.scaled.width);
        let down = f64::from(self.crop.size.height) / f64::from(self.scaled.height);
        Region {
            x: f64::from(self.crop.x) + f64::from(self.cut.x) * across,
            y: f64::from(self.crop.y) + f64::from(self.cut.y) * down,
            width: f64::from(self.cut.size.width) * across,
            height: f64::from(self.cut.size.height) * down,
        }
    }

    /// Whether it comes out as it is.
    pub(crate) fn changes_nothing(&self, source: Size) -> bool {
        let whole = Area { x: 0, y: 0, size: source };
        self.crop == whole && self.cut == whole && self.scaled == source && self.canvas == source
    }
}

/// Works out the sizes for a source. Unless the plan says so nothing is ever enlarged: where the box is
/// larger than the source, the source's own size is what comes out, cut to the box's shape where it is to
/// cover that.
pub fn sizing(plan: &Plan, source: Size) -> Sizing {
    let crop = cropped(plan, source);
    let Scales { across, down, density } = scales(plan, crop.size);
    let scaled = Size {
        width: length(f64::from(crop.size.width) * across),
        height: length(f64::from(crop.size.height) * down),
    };
    // What the box became.
    let side = |side: Option<NonZeroU32>, zoom: Milli| {
        side.map(|side| length(f64::from(side.get()) * density * zoom.value()))
    };
    let target = (side(plan.width, plan.zoom.0), side(plan.height, plan.zoom.1));
    let size = cut_size(plan, scaled, target, crop.size);
    let (x, y) = position(plan.at, scaled, size, density);
    let cut = Area { x, y, size };
    let (canvas, at) = canvas(plan, size, target, density);
    Sizing { crop, scaled, cut, canvas, at, density }
}

fn cropped(plan: &Plan, source: Size) -> Area {
    let Some(crop) = plan.crop else { return Area { x: 0, y: 0, size: source } };
    let side = |wanted: Milli, side: u32| match wanted.is_zero() {
        true => side,
        false => (wanted.of(side, 1.0).clamp(1.0, f64::from(side)) as u32).max(1),
    };
    let size =
        Size { width: side(crop.width, source.width), height: side(crop.height, source.height) };
    let (x, y) = position(crop.at.unwrap_or(plan.at), source, size, 1.0);
    Area { x, y, size }
}

struct Scales {
    across: f64,
    down: f64,
    density: f64,
}

/// What the sides are multiplied by; as imgproxy reckons it.
fn scales(plan: &Plan, source: Size) -> Scales {
    // By way of how much it shrinks: so halves are rounded as sharp and imgproxy round them.
    let ratio = |wanted: Option<NonZeroU32>, side: u32| {
        wanted.map(|wanted| 1.0 / (f64::from(side.max(1)) / f64::from(wanted.get())))
    };
    let wanted = (ratio(plan.width, source.width), ratio(plan.height, source.height));
    let fit = fit(plan, source);
    let (mut across, mut down) = match (wanted, fit) {
        ((None, None), _) => (1.0, 1.0),
        ((x, y), Fit::Force) => (x.unwrap_or(1.0), y.unwrap_or(1.0)),
        ((Some(one), None) | (None, Some(one)), _) => (one, one),
        // Each side by itself, as sharp has it.
        ((Some(x), Some(y)), Fit::Fill) if !plan.enlarge => (x.min(1.0), y.min(1.0)),
        ((Some(x), Some(y)), Fit::Fill) => (x, y),
        ((Some(x), Some(y)), Fit::Inside) => (x.min(y), x.min(y)),
        ((Some(x), Some(y)), _) => (x.max(y), x.max(y)),
    };
    across *= plan.zoom.0.value();
    down *= plan.zoom.1.value();
    let mut density = plan.dpr.value();
    if !plan.enlarge {
        let most = across.max(down);
        if most > 1.0 {
            across /= most;
            down /= most;
            // What cannot be reached is not moved further away from by a density below one; but where
            // there is a canvas, the composition stays the same.
            if plan.extend.is_none() {
                density *= most;
            }
        }
        density = density.min(1.0 / across.max(down));
    }
    if let Some(least) = ratio(plan.min_width, source.width).filter(|least| *least > across) {
        (across, down) = (least, down * least / across);
    }
    if let Some(least) = ratio(plan.min_height, source.height).filter(|least| *least > down) {
        (across, down) = (across * least / down, least);
    }
    Scales { across: across * density, down: down * density, density }
}

fn fit(plan: &Plan, source: Size) -> Fit {
    let lies = |width: u32, height: u32| width >= height;
    match (plan.fit, plan.width, plan.height) {
        (Fit::ByShape, Some(width), Some(height)) => {
            match lies(width.get(), height.get()) == lies(source.width, source.height) {
                true => Fit::Cover,
                false => Fit::Inside,
            }
        }
        (fit, ..) => fit,
    }
}

/// What stays of the scaled picture.
fn cut_size(plan: &Plan, scaled: Size, target: (Option<u32>, Option<u32>), source: Size) -> Size {
    if plan.fit == Fit::Outside {
        return scaled;
    }
    let within = Size {
        width: target.0.map_or(scaled.width, |width| width.min(scaled.width)),
        height: target.1.map_or(scaled.height, |height| height.min(scaled.height)),
    };
    let (Fit::CoverDown, false, (Some(width), Some(height))) =
        (fit(plan, source), plan.enlarge, target)
    else {
        return within;
    };
    // The largest part that has the shape of the box.
    let (width, height) = (f64::from(width), f64::from(height));
    let across = width / f64::from(scaled.width);
    let down = height / f64::from(scaled.height);
    match (across > down, across.max(down) > 1.0) {
        (_, false) => within,
        (true, true) => Size {
            width: scaled.width,
            height: length(f64::from(scaled.width) * height / width).min(scaled.height),
        },
        (false, true) => Size {
            width: length(f64::from(scaled.height) * width / height).min(scaled.width),
            height: scaled.height,
        },
    }
}

/// What comes out of a cut of some size, and where that lies on it.
fn canvas(
    plan: &Plan,
    size: Size,
    target: (Option<u32>, Option<u32>),
    density: f64,
) -> (Size, (u32, u32)) {
    let (mut canvas, mut at) = (size, (0, 0));
    let mut extend = |to: Size, anchor: Anchor| {
        let to = Size { width: to.width.max(canvas.width), height: to.height.max(canvas.height) };
        let (x, y) = position(anchor, to, canvas, density);
        (canvas, at) = (to, (at.0 + x, at.1 + y));
    };
    if let Some(anchor) = plan.extend {
        let (width, height) = (target.0.unwrap_or(size.width), target.1.unwrap_or(size.height));
        extend(Size { width, height }, anchor);
    }
    if let (Some(anchor), (Some(width), Some(height))) = (plan.extend_shape, target) {
        let shape = f64::from(width) / f64::from(height);
        let (across, down) = (f64::from(size.width), f64::from(size.height));
        extend(Size { width: length(down * shape), height: length(across / shape) }, anchor);
    }
    let padding = |side: u16| (f64::from(side) * density).round_ties_even().max(0.0) as u32;
    let Padding { top, right, bottom, left } = plan.padding;
    canvas.width = canvas.width.saturating_add(padding(left) + padding(right));
    canvas.height = canvas.height.saturating_add(padding(top) + padding(bottom));
    (canvas, (at.0 + padding(left), at.1 + padding(top)))
}

/// A length in pixels: at least one.
fn length(pixels: f64) -> u32 {
    // Saturates; what is too long is refused by the limits.
    pixels.round().max(1.0) as u32
}

/// Where the upper left corner of `inner` lies within `outer`, so that the point that counts most is as
/// near as can be to its middle.
pub(crate) fn position(anchor: Anchor, outer: Size, inner: Size, density: f64) -> (u32, u32) {
    let (x, y) = anchor.gravity.point();
    let along = |thousandths: u16, distance: Milli, outer: u32, inner: u32| {
        let room = outer.saturating_sub(inner);
        let distance = distance.of(outer, density);
        let at = match (anchor.gravity, thousandths) {
            (Gravity::Focus(..), _) => {
                f64::from(outer) * f64::from(thousandths) / 1000.0 - f64::from(inner) / 2.0
            }
            // From the far edge inwards.
            (_, 1000) => f64::from(room) - distance,
            _ => (f64::from(room) * f64::from(thousandths) / 1000.0).floor() + distance,
        };
        // Halves go to the upper left, as in sharp.
        (at.max(0.0).floor() as u32).min(room)
    };
    (along(x, anchor.x, outer.width, inner.width), along(y, anchor.y, outer.height, inner.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(width: u32, height: u32, fit: Fit) -> Plan {
        let (width, height) = (NonZeroU32::new(width), NonZeroU32::new(height));
        Plan { width, height, fit, ..Plan::default() }
    }

    fn size((width, height): (u32, u32)) -> Size {
        Size { width, height }
    }

    #[test]
    fn what_comes_out_is_as_large_as_sharp_makes_it() {
        use Fit::{Cover, Fill, Inside, Outside};
        for (source, width, height, fit, scaled, canvas) in [
            ((5472, 3648), 640, 0, Inside, (640, 427), (640, 427)),
            ((3648, 5472), 640, 0, Inside, (640, 960), (640, 960)),
            ((5472, 3648), 0, 100, Inside, (150, 100), (150, 100)),
            ((5472, 3648), 0, 0, Inside, (5472, 3648), (5472, 3648)),
            ((400, 300), 100, 100, Inside, (100, 75), (100, 75)),
            ((400, 300), 100, 100, Outside, (133, 100), (133, 100)),
            ((400, 300), 100, 100, Fill, (100, 100), (100, 100)),
            ((400, 300), 100, 100, Cover, (133, 100), (100, 100)),
            // Never enlarged.
            ((40, 30), 100, 0, Inside, (40, 30), (40, 30)),
            ((40, 30), 100, 100, Inside, (40, 30), (40, 30)),
            ((40, 30), 100, 100, Outside, (40, 30), (40, 30)),
            ((40, 30), 100, 20, Fill, (40, 20), (40, 20)),
            ((40, 30), 100, 20, Cover, (40, 30), (40, 20)),
            ((300, 200), 80, 151, Outside, (226, 151), (226, 151)),
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
    fn what_imgproxy_knows_beside_comes_out_as_it_makes_it() {
        for (source, options, crop, scaled, cut, canvas) in [
            ((40, 30), "w=100,enlarge=1", (40, 30), (100, 75), (100, 75), (100, 75)),
            ((40, 30), "w=100,h=20,fit=force", (40, 30), (40, 8), (40, 8), (40, 8)),
            ((40, 30), "h=15,fit=force", (40, 30), (40, 15), (40, 15), (40, 15)),
            ((40, 30), "w=80,h=20,fit=cover-down", (40, 30), (40, 30), (40, 10), (40, 10)),
            ((40, 30), "w=20,h=10,fit=cover-down", (40, 30), (20, 15), (20, 10), (20, 10)),
            ((40, 30), "w=20,h=10,fit=by-shape", (40, 30), (20, 15), (20, 10), (20, 10)),
            ((40, 30), "w=10,h=20,fit=by-shape", (40, 30), (10, 8), (10, 8), (10, 8)),
            ((40, 30), "w=80,h=80,extend=north", (40, 30), (40, 30), (40, 30), (80, 80)),
            ((40, 30), "w=80,h=80,reshape=north", (40, 30), (40, 30), (40, 30), (40, 40)),
            ((40, 30), "w=20,mh=30", (40, 30), (40, 30), (20, 30), (20, 30)),
            ((40, 30), "zoom=0.5", (40, 30), (20, 15), (20, 15), (20, 15)),
            ((40, 30), "w=20,zoom=0.5:1", (40, 30), (10, 15), (10, 15), (10, 15)),
            ((40, 30), "w=30,dpr=2,pad=10", (40, 30), (40, 30), (40, 30), (66, 56)),
            ((40, 30), "w=10,dpr=2,pad=1:2:3:4", (40, 30), (20, 15), (20, 15), (32, 23)),
            // The shape is kept where a density cannot be reached.
            (
                (150, 100),
                "w=100,h=50,dpr=2,fit=cover",
                (150, 100),
                (150, 100),
                (150, 75),
                (150, 75),
            ),
            ((400, 300), "crop=200:0.5,w=100", (200, 150), (100, 75), (100, 75), (100, 75)),
            ((400, 300), "crop=999:0,h=30", (400, 300), (40, 30), (40, 30), (40, 30)),
        ] {
            let found = sizing(&Plan::read(options).expect(options), size(source));
            let sizes = (found.crop.size, found.scaled, found.cut.size, found.canvas);
            let wanted = (size(crop), size(scaled), size(cut), size(canvas));
            assert_eq!(sizes, wanted, "{source:?} {options}");
        }
    }

    #[test]
    fn distances_are_counted_inwards() {
        for (options, crop) in [
            ("crop=100:100:northwest:10:20", (10, 20)),
            ("crop=100:100:southeast:10:20", (290, 180)),
            ("crop=100:100:centre:10:-20", (160, 80)),
            ("crop=100:100:east:0.1:0", (260, 100)),
            ("crop=100:100:west:-10:0", (0, 100)),
            ("crop=100:100,g=north", (150, 0)),
            ("crop=100:100:0.5:0.25", (150, 25)),
        ] {
            let found = sizing(&Plan::read(options).expect(options), size((400, 300))).crop;
            assert_eq!((found.x, found.y), crop, "{options}");
        }
    }

    #[test]
    fn gravity_says_what_is_cut_and_where_the_rest_lies() {
        let cover = |gravity| {
            let plan = Plan { at: Anchor::at(gravity), ..plan(100, 100, Fit::Cover) };
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
            let plan = Plan { extend: Some(Anchor::at(gravity)), ..plan(100, 100, Fit::Inside) };
            sizing(&plan, size((400, 200))).at
        };
        assert_eq!(contain(Gravity::Centre), (0, 25));
        assert_eq!(contain(Gravity::North), (0, 0));
        assert_eq!(contain(Gravity::South), (0, 50));
    }

    #[test]
    fn what_is_cut_lies_within_and_fits_the_canvas() {
        let sides = [1, 2, 3, 7, 99, 640, 16_384];
        let fits = Fit::NAMED.map(|(fit, _)| fit);
        for (width, height) in sides.iter().flat_map(|w| sides.map(|h| (*w, h))) {
            for (to_width, to_height) in sides.iter().flat_map(|w| sides.map(|h| (*w, h))) {
                for fit in fits {
                    let gravity = Gravity::Focus(333, 777);
                    let mut plan =
                        Plan { at: Anchor::at(gravity), ..plan(to_width, to_height, fit) };
                    plan.extend_shape = Some(Anchor::default());
                    let found = sizing(&plan, size((width, height)));
                    let Sizing { scaled, cut, canvas, at, .. } = found;
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
