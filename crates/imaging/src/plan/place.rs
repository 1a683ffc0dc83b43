//! Where something lies on something larger.

use super::numbers::Milli;

/// Which part of a picture counts most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gravity {
    /// The middle.
    #[default]
    Centre,
    /// The middle of the upper edge; the others likewise.
    North,
    /// The corner between north and east.
    NorthEast,
    /// The right edge.
    East,
    /// The lower right corner.
    SouthEast,
    /// The lower edge.
    South,
    /// The lower left corner.
    SouthWest,
    /// The left edge.
    West,
    /// The upper left corner.
    NorthWest,
    /// A point, in thousandths of width and height from the upper left corner.
    Focus(u16, u16),
    /// What draws the eye, found by looking at the picture.
    Smart,
}

/// A gravity, and how far from there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Anchor {
    /// Which part.
    pub gravity: Gravity,
    /// How far to the right, or from the right edge where that is the part: pixels, or below 1 a part of
    /// the width. For what is not a point.
    pub x: Milli,
    /// How far down, or from the lower edge, likewise.
    pub y: Milli,
}

impl Gravity {
    /// Those with a name of their own, and that name.
    pub const NAMED: [(Gravity, &'static str); 10] = [
        (Gravity::Centre, "centre"),
        (Gravity::North, "north"),
        (Gravity::NorthEast, "northeast"),
        (Gravity::East, "east"),
        (Gravity::SouthEast, "southeast"),
        (Gravity::South, "south"),
        (Gravity::SouthWest, "southwest"),
        (Gravity::West, "west"),
        (Gravity::NorthWest, "northwest"),
        (Gravity::Smart, "smart"),
    ];

    /// The gravity of that name: by compass, by sides (`top`, `left top`), `centre`, or `smart`.
    pub fn named(name: &str) -> Option<Gravity> {
        match name {
            "center" => Some(Gravity::Centre),
            "top" => Some(Gravity::North),
            "right top" | "top right" => Some(Gravity::NorthEast),
            "right" => Some(Gravity::East),
            "right bottom" | "bottom right" => Some(Gravity::SouthEast),
            "bottom" => Some(Gravity::South),
            "left bottom" | "bottom left" => Some(Gravity::SouthWest),
            "left" => Some(Gravity::West),
            "left top" | "top left" => Some(Gravity::NorthWest),
            name => Gravity::NAMED
                .into_iter()
                .find_map(|(gravity, known)| (known == name).then_some(gravity)),
        }
    }

    /// The point that counts most, in thousandths of width and height.
    pub fn point(self) -> (u16, u16) {
        match self {
            Gravity::Centre | Gravity::Smart => (500, 500),
            Gravity::North => (500, 0),
            Gravity::NorthEast => (1000, 0),
            Gravity::East => (1000, 500),
            Gravity::SouthEast => (1000, 1000),
            Gravity::South => (500, 1000),
            Gravity::SouthWest => (0, 1000),
            Gravity::West => (0, 500),
            Gravity::NorthWest => (0, 0),
            Gravity::Focus(x, y) => (x, y),
        }
    }
}

impl Anchor {
    /// A gravity without a distance.
    pub fn at(gravity: Gravity) -> Anchor {
        Anchor { gravity, ..Anchor::default() }
    }

    /// Whether distances are in pixels, so that they grow with a picture's density.
    pub fn is_in_pixels(self) -> bool {
        let whole = |part: Milli| part.value().abs() >= 1.0;
        whole(self.x) || whole(self.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gravities_have_their_points() {
        for (name, point) in [
            ("centre", (500, 500)),
            ("center", (500, 500)),
            ("top", (500, 0)),
            ("right bottom", (1000, 1000)),
            ("northwest", (0, 0)),
        ] {
            assert_eq!(Gravity::named(name).map(Gravity::point), Some(point), "{name}");
        }
        assert_eq!(Gravity::Focus(1, 2).point(), (1, 2));
        assert_eq!(Gravity::named("up"), None);
    }
}
