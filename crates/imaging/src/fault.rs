//! Why no picture is made. All of it is the source's doing, or asks for more than is allowed: nothing
//! here would go better if it were tried again.

use std::borrow::Cow;
use std::fmt;

/// The kind of a drawing that is none in pixels.
pub(crate) const SVG: &str = "an SVG";

/// Why no picture is made of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The source is no picture of any format that is known.
    NoPicture,
    /// It is a picture of a kind that is not read; which.
    Unsupported(Cow<'static, str>),
    /// It is a picture, but damaged; where.
    Broken(Cow<'static, str>),
    /// It asks for more than is allowed.
    TooLarge {
        /// What there is too much of.
        what: Measure,
        /// How much there is.
        is: u64,
        /// How much there may be.
        limit: u64,
    },
    /// It is not the source: this is so of the watermark.
    OfWatermark(Box<Fault>),
}

/// What is measured before anything is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Bytes of the source.
    SourceBytes,
    /// Pixels of the source, of one frame.
    Pixels,
    /// Pixels of a side of the source.
    Side,
    /// Pixels of what is to be made.
    OutputPixels,
    /// Pixels of a side of what is to be made.
    OutputSide,
    /// Frames of an animation.
    Frames,
    /// Pixels of all frames of an animation together.
    AnimationPixels,
    /// Passes over a progressive JPEG.
    Scans,
    /// Bytes of memory that making it would take.
    MemoryBytes,
}

impl Measure {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Measure; 9] = [
        Measure::SourceBytes,
        Measure::Pixels,
        Measure::Side,
        Measure::OutputPixels,
        Measure::OutputSide,
        Measure::Frames,
        Measure::AnimationPixels,
        Measure::Scans,
        Measure::MemoryBytes,
    ];

    /// Whether it is not there yet, but asked for.
    fn is_of_output(self) -> bool {
        matches!(self, Measure::OutputPixels | Measure::OutputSide)
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Measure::SourceBytes => ("bytes", "publish a smaller file, or raise the limit"),
            Measure::Pixels => ("pixels", "publish it in fewer pixels, or raise the limit"),
            Measure::Side => ("pixels on a side", "publish it smaller, or raise the limit"),
            Measure::OutputPixels => ("pixels", "ask for a smaller one"),
            Measure::OutputSide => ("pixels on a side", "ask for a smaller one, or another format"),
            Measure::Frames => ("frames", "publish a video instead"),
            Measure::AnimationPixels => ("pixels in all frames", "publish a video instead"),
            Measure::Scans => ("progressive scans", "save it anew with fewer"),
            Measure::MemoryBytes => {
                ("bytes of memory to be decoded", "publish it in fewer pixels, or raise the limit")
            }
        }
    }
}

impl Fault {
    /// A source that is damaged.
    pub(crate) fn broken(place: &'static str) -> Fault {
        Fault::Broken(Cow::Borrowed(place))
    }

    /// Damaged, in the words of whoever found it.
    pub(crate) fn broken_by(format: &str, words: &dyn fmt::Display) -> Fault {
        let words: String = words.to_string().chars().take(100).collect();
        Fault::Broken(Cow::Owned(format!("{format}: {words}")))
    }

    /// A kind that is not read.
    pub(crate) fn unsupported(kind: &'static str) -> Fault {
        Fault::Unsupported(Cow::Borrowed(kind))
    }

    /// Refuses what is beyond a limit.
    pub(crate) fn beyond(what: Measure, is: u64, limit: u64) -> Result<(), Fault> {
        match is > limit {
            true => Err(Fault::TooLarge { what, is, limit }),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (of, fault) = match self {
            Fault::OfWatermark(fault) => ("the watermark", &**fault),
            fault => ("the source", fault),
        };
        match fault {
            Fault::NoPicture => {
                write!(f, "{of} is no picture: serve a JPEG, PNG, WebP, AVIF or GIF at its address",)
            }
            Fault::Unsupported(kind) => {
                write!(f, "{of} is {kind}, which is not read: save it as JPEG, PNG or WebP")?;
                match kind == SVG && fault == self {
                    true => f.write_str(", or let it go out as it is (svg = true of the images)"),
                    false => Ok(()),
                }
            }
            Fault::Broken(place) => write!(f, "{of} is damaged ({place}): save it anew"),
            Fault::TooLarge { what, is, limit } => {
                let (unit, remedy) = what.words();
                let verb = if what.is_of_output() { "would become" } else { "has" };
                write!(f, "{of} {verb} {is} {unit}, of which {limit} are allowed: {remedy}")
            }
            // A watermark has none.
            Fault::OfWatermark(_) => write!(f, "{of} cannot be read"),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_names_what_there_is_too_much_of_and_what_to_do() {
        let beyond = |what| Fault::TooLarge { what, is: 9, limit: 5 };
        for (fault, told) in [
            (beyond(Measure::Side), "the source has 9 pixels on a side, of which 5 are allowed"),
            (
                beyond(Measure::OutputPixels),
                "the source would become 9 pixels, of which 5 are allowed: ask for a smaller one",
            ),
            (
                beyond(Measure::OutputSide),
                "the source would become 9 pixels on a side, of which 5 are allowed: ask for a \
                 smaller one, or another format",
            ),
            (
                Fault::OfWatermark(Box::new(beyond(Measure::OutputPixels))),
                "the watermark would become 9 pixels",
            ),
            (
                Fault::unsupported("a TIFF"),
                "is a TIFF, which is not read: save it as JPEG, PNG or WebP",
            ),
            (
                Fault::unsupported(SVG),
                "is an SVG, which is not read: save it as JPEG, PNG or WebP, or let it go out as it \
                 is (svg = true of the images)",
            ),
        ] {
            assert!(fault.to_string().contains(told), "{fault}");
        }
        let mark = Fault::OfWatermark(Box::new(Fault::unsupported(SVG)));
        assert!(!mark.to_string().contains("svg ="), "{mark}");
    }
}
