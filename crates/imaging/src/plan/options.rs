//! The words of plans.

/// How a picture fills its box, where width and height are given. By the words of sharp and CSS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Within the box, its shape kept; one side may be shorter.
    #[default]
    Inside,
    /// The whole box, its shape kept; what is beyond is cut off.
    Cover,
    /// As `Cover`; but where the source is smaller than the box, it is cut to the box's shape.
    CoverDown,
    /// The whole box, its shape bent.
    Fill,
    /// As `Fill`; but where the source is smaller than the box, the box shrinks as a whole.
    Force,
    /// Around the box, its shape kept; one side may be longer.
    Outside,
    /// `Cover` where source and box both are upright, or both lie; else `Inside`.
    ByShape,
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
    /// All of them, and their names.
    pub const NAMED: [(Format, &'static str); 4] = [
        (Format::Jpeg, "jpeg"),
        (Format::Png, "png"),
        (Format::WebP, "webp"),
        (Format::Avif, "avif"),
    ];

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
    /// All of them, and their names.
    pub const NAMED: [(Fit, &'static str); 7] = [
        (Fit::Inside, "inside"),
        (Fit::Cover, "cover"),
        (Fit::CoverDown, "cover-down"),
        (Fit::Fill, "fill"),
        (Fit::Force, "force"),
        (Fit::Outside, "outside"),
        (Fit::ByShape, "by-shape"),
    ];
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
}
