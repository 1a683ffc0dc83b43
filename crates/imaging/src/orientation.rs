//! How a stored picture is turned and mirrored to stand upright: the eight ways of EXIF, and how they
//! follow one another.

use crate::plan::{Flip, Turn};
use crate::sizing::{Area, Region, Size};

/// A mirroring of left and right, and after it a turn clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orientation {
    /// Whether left and right change places, before the turn.
    mirrored: bool,
    /// How many quarters it is turned by, clockwise: 0 to 3.
    quarters: u8,
}

impl Orientation {
    /// What EXIF calls by that number; what is no such number changes nothing.
    pub fn by_exif(number: u16) -> Orientation {
        let (mirrored, quarters) = match number {
            2 => (true, 0),
            3 => (false, 2),
            4 => (true, 2),
            5 => (true, 3),
            6 => (false, 1),
            7 => (true, 1),
            8 => (false, 3),
            _ => (false, 0),
        };
        Orientation { mirrored, quarters }
    }

    /// Its number in EXIF, from 1 to 8.
    pub fn exif(self) -> u16 {
        match (self.mirrored, self.quarters) {
            (false, 0) => 1,
            (true, 0) => 2,
            (false, 2) => 3,
            (true, 2) => 4,
            (true, 3) => 5,
            (false, 1) => 6,
            (true, 1) => 7,
            _ => 8,
        }
    }

    /// A turn by that many quarters, clockwise.
    pub(crate) fn quarters(quarters: u8) -> Orientation {
        Orientation { mirrored: false, quarters: quarters % 4 }
    }

    /// Left and right change places.
    pub(crate) const MIRROR: Orientation = Orientation { mirrored: true, quarters: 0 };

    /// This one, and then another.
    pub(crate) fn then(self, next: Orientation) -> Orientation {
        // A mirror passes a turn by making it one the other way round.
        let quarters = match next.mirrored {
            true => next.quarters + 4 - self.quarters,
            false => next.quarters + self.quarters,
        };
        Orientation { mirrored: self.mirrored != next.mirrored, quarters: quarters % 4 }
    }

    /// This one, and then what a plan asks for.
    pub(crate) fn then_plan(self, turn: Turn, flip: Flip) -> Orientation {
        let mut whole = self.then(Orientation::quarters(match turn {
            Turn::None => 0,
            Turn::Quarter => 1,
            Turn::Half => 2,
            Turn::ThreeQuarters => 3,
        }));
        if flip.horizontal {
            whole = whole.then(Orientation::MIRROR);
        }
        if flip.vertical {
            whole = whole.then(Orientation::MIRROR).then(Orientation::quarters(2));
        }
        whole
    }

    /// Whether nothing is moved.
    pub fn is_upright(self) -> bool {
        self == Orientation::default()
    }

    /// Whether width and height change places.
    pub(crate) fn swaps(self) -> bool {
        self.quarters % 2 == 1
    }

    /// The size that a picture of some size has after it, and the other way round.
    pub(crate) fn size(self, size: Size) -> Size {
        match self.swaps() {
            true => Size { width: size.height, height: size.width },
            false => size,
        }
    }

    /// Where a pixel of the upright picture, which is `upright` large, is stored.
    pub(crate) fn stored_at(self, x: u32, y: u32, upright: Size) -> (u32, u32) {
        let (right, bottom) = (upright.width - 1 - x, upright.height - 1 - y);
        let stored = self.size(upright);
        let (sx, sy) = match self.quarters {
            0 => (x, y),
            1 => (y, right),
            2 => (right, bottom),
            _ => (bottom, x),
        };
        match self.mirrored {
            true => (stored.width - 1 - sx, sy),
            false => (sx, sy),
        }
    }

    /// Where an area of the upright picture is stored.
    pub(crate) fn stored_area(self, area: Area, upright: Size) -> Area {
        let (right, bottom) = (area.x + area.size.width - 1, area.y + area.size.height - 1);
        let (ax, ay) = self.stored_at(area.x, area.y, upright);
        let (bx, by) = self.stored_at(right, bottom, upright);
        Area { x: ax.min(bx), y: ay.min(by), size: self.size(area.size) }
    }

    /// Where a region of the upright picture is stored.
    pub(crate) fn stored_region(self, region: Region, upright: Size) -> Region {
        let Region { x, y, width, height } = region;
        let right = f64::from(upright.width) - x - width;
        let bottom = f64::from(upright.height) - y - height;
        let stored_width = f64::from(self.size(upright).width);
        let (sx, sy, width, height) = match self.quarters {
            0 => (x, y, width, height),
            1 => (y, right, height, width),
            2 => (right, bottom, width, height),
            _ => (bottom, x, height, width),
        };
        let x = if self.mirrored { stored_width - sx - width } else { sx };
        Region { x: x.max(0.0), y: sy.max(0.0), width, height }
    }

    /// Turns pixels of `N` bytes that are stored in rows.
    pub(crate) fn apply<const N: usize>(self, pixels: &[u8], stored: Size) -> Vec<u8> {
        let upright = self.size(stored);
        let mut turned = Vec::with_capacity(pixels.len());
        let row = stored.width as usize * N;
        for y in 0..upright.height {
            let (x0, y0) = self.stored_at(0, y, upright);
            let start = y0 as usize * row + x0 as usize * N;
            // One step to the right in the upright picture is one of these in the stored one.
            let step: isize = match upright.width {
                1 => 0,
                _ => {
                    let (x1, y1) = self.stored_at(1, y, upright);
                    (y1 as isize - y0 as isize) * row as isize
                        + (x1 as isize - x0 as isize) * N as isize
                }
            };
            let mut at = start as isize;
            for _ in 0..upright.width {
                turned.extend_from_slice(&pixels[at as usize..at as usize + N]);
                at += step;
            }
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The letter F, as it is stored for each number of EXIF so that it stands upright.
    const STORED: [&[&str]; 8] = [
        &["###", "#..", "##.", "#.."],
        &["###", "..#", ".##", "..#"],
        &["..#", ".##", "..#", "###"],
        &["#..", "##.", "#..", "###"],
        &["####", "#.#.", "#..."],
        &["#...", "#.#.", "####"],
        &["...#", ".#.#", "####"],
        &["####", ".#.#", "...#"],
    ];

    #[test]
    fn each_orientation_of_exif_makes_it_stand_upright() {
        for (number, rows) in (1..).zip(STORED) {
            let orientation = Orientation::by_exif(number);
            assert_eq!(orientation.exif(), number);
            let stored = Size { width: rows[0].len() as u32, height: rows.len() as u32 };
            let turned = orientation.apply::<1>(rows.concat().as_bytes(), stored);
            assert_eq!(String::from_utf8_lossy(&turned), STORED[0].concat(), "{number}");
        }
    }

    #[test]
    fn one_after_the_other_is_as_both_at_once() {
        let (rows, stored) = (STORED[0].concat(), Size { width: 3, height: 4 });
        for (first, second) in (1..=8).flat_map(|a| (1..=8).map(move |b| (a, b))) {
            let (first, second) = (Orientation::by_exif(first), Orientation::by_exif(second));
            let once = first.then(second).apply::<1>(rows.as_bytes(), stored);
            let middle = first.apply::<1>(rows.as_bytes(), stored);
            assert_eq!(
                second.apply::<1>(&middle, first.size(stored)),
                once,
                "{first:?} {second:?}"
            );
        }
    }

    #[test]
    fn areas_are_found_where_they_are_stored() {
        let upright = Size { width: 3, height: 4 };
        let area = Area { x: 1, y: 2, size: Size { width: 2, height: 1 } };
        for (number, x, y) in [(1, 1, 2), (2, 0, 2), (3, 0, 1), (6, 2, 0), (8, 1, 1), (5, 2, 1)] {
            let found = Orientation::by_exif(number).stored_area(area, upright);
            assert_eq!((found.x, found.y), (x, y), "{number}");
        }
    }
}
