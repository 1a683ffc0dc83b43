//! The words of plans.

/// How a picture fills its box, where width and height are given. By the words of sharp and CSS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Within the box, its shape kept; one side may be shorter.
    #[default]
    Inside,
    /// The whole box, its shape kept; what is beyond is cut off.
    Cover,
    /// Within the box, its shape kept; the rest of the box is background.
    Contain,
    /// The whole box, its shape bent.
    Fill,
    /// Around the box, its shape kept; one side may be longer.
    Outside,
}

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
}

/// A format of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
    /// AVIF.
    Avif,
}

/// The format that is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Output {
    /// The best that the client takes.
    #[default]
    Auto,
    /// The best of those up to this one, whoever asks.
    UpTo(Best),
    /// That of the source.
    Same,
    /// This one, whoever asks.
    Is(Format),
}

/// The newest format that a client takes. Each takes those before it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Best {
    /// JPEG and PNG, which everybody takes.
    #[default]
    Basic,
    /// WebP.
    WebP,
    /// AVIF.
    Avif,
}

/// An opaque colour in sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Background(pub [u8; 3]);

/// A turn, clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Turn {
    /// None.
    #[default]
    None,
    /// By 90 degrees.
    Quarter,
    /// By 180 degrees.
    Half,
    /// By 270 degrees.
    ThreeQuarters,
}

/// Whether a picture is mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flip {
    /// Left and right change places.
    pub horizontal: bool,
    /// Top and bottom change places.
    pub vertical: bool,
}

impl Format {
    /// The format of that name, as dialects write it.
    pub fn named(name: &str) -> Option<Format> {
        match name {
            "jpeg" | "jpg" => Some(Format::Jpeg),
            "png" => Some(Format::Png),
            "webp" => Some(Format::WebP),
            "avif" => Some(Format::Avif),
            _ => None,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::WebP => "image/webp",
            Format::Avif => "image/avif",
        }
    }

    /// Whether it can be transparent.
    pub fn has_alpha(self) -> bool {
        self != Format::Jpeg
    }
}

impl Fit {
    /// The fit of that name.
    pub fn named(name: &str) -> Option<Fit> {
        match name {
            "inside" => Some(Fit::Inside),
            "cover" => Some(Fit::Cover),
            "contain" => Some(Fit::Contain),
            "fill" => Some(Fit::Fill),
            "outside" => Some(Fit::Outside),
            _ => None,
        }
    }
}

impl Gravity {
    /// The gravity of that name: by compass, by sides (`top`, `left top`), or `centre`.
    pub fn named(name: &str) -> Option<Gravity> {
        match name {
            "center" | "centre" => Some(Gravity::Centre),
            "north" | "top" => Some(Gravity::North),
            "northeast" | "right top" | "top right" => Some(Gravity::NorthEast),
            "east" | "right" => Some(Gravity::East),
            "southeast" | "right bottom" | "bottom right" => Some(Gravity::SouthEast),
            "south" | "bottom" => Some(Gravity::South),
            "southwest" | "left bottom" | "bottom left" => Some(Gravity::SouthWest),
            "west" | "left" => Some(Gravity::West),
            "northwest" | "left top" | "top left" => Some(Gravity::NorthWest),
            _ => None,
        }
    }

    /// The point that counts most, in thousandths of width and height.
    pub fn point(self) -> (u16, u16) {
        match self {
            Gravity::Centre => (500, 500),
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

impl Background {
    /// A colour as CSS writes it in hexadecimal digits, with `#` or without: `fff`, `c0ffee`.
    pub fn parse(text: &str) -> Option<Background> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let digits: Option<Vec<u8>> = digits
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        match digits?.as_slice() {
            [r, g, b] => Some(Background([r * 17, g * 17, b * 17])),
            [r, r2, g, g2, b, b2] => Some(Background([r * 16 + r2, g * 16 + g2, b * 16 + b2])),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_css_writes_them() {
        for (text, colour) in [
            ("fff", Some([255, 255, 255])),
            ("#0a1", Some([0, 0xaa, 0x11])),
            ("c0ffee", Some([0xc0, 0xff, 0xee])),
            ("#C0FFEE", Some([0xc0, 0xff, 0xee])),
            ("", None),
            ("ffff", None),
            ("ggg", None),
            ("##fff", None),
        ] {
            assert_eq!(Background::parse(text), colour.map(Background), "{text}");
        }
    }

    #[test]
    fn gravities_have_their_points() {
        for (name, point) in [
            ("centre", (500, 500)),
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
