//! What the URL of a picture asks for.
//!
//! Frameworks and services write it each in its own dialect, one file each; all give the same
//! [`Plan`], whose one spelling (its [`std::fmt::Display`]) is part of the key, so that what is the same
//! picture is made once whoever asks for it.

mod astro;
mod changes;
mod cloudflare;
mod colour;
mod dialect;
mod imgproxy;
mod next;
mod numbers;
mod options;
pub(crate) mod own;
mod place;
mod query;
mod settled;
mod source;
mod thumbor;

pub use changes::{Crop, Delivery, Keep, Kinds, Laid, Padding, Qualities, Score, Trim, Watermark};
pub use dialect::{Dialect, Dialects, RESERVED, Read, Signature};
pub use imgproxy::Imgproxy;
pub use numbers::Milli;
pub use options::{Background, Best, Fit, Flip, Format, Output, Turn};
pub use own::{Presets, ROOT as OWN_ROOT};
pub use place::{Anchor, Gravity};
pub use source::Source;
pub use thumbor::Thumbor;

use crate::placeholder::Placeholder;
use std::fmt;
use std::num::NonZeroU32;

/// The longest side that may be asked for, in pixels.
pub const MAX_SIDE: u32 = 16_384;

/// What is to be made of a source. Its parts are applied in the order in which they stand here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Which frame of an animation is used, from 0; nothing: all of them, or the first.
    pub page: Option<u16>,
    /// Whether only one frame of an animation is used, whatever the format.
    pub still: bool,
    /// Whether the orientation that the source tells is not followed.
    pub as_stored: bool,
    /// How it is turned, after its own orientation; all else is of the turned picture.
    pub turn: Turn,
    /// How it is mirrored, after that.
    pub flip: Flip,
    /// Whether what surrounds the picture is cut off.
    pub trim: Option<Trim>,
    /// What is cut out of the source.
    pub crop: Option<Crop>,
    /// The width of the box, in pixels.
    pub width: Option<NonZeroU32>,
    /// The height of the box, in pixels.
    pub height: Option<NonZeroU32>,
    /// The least width, in pixels.
    pub min_width: Option<NonZeroU32>,
    /// The least height, in pixels.
    pub min_height: Option<NonZeroU32>,
    /// What width and height are multiplied by.
    pub zoom: (Milli, Milli),
    /// The density: what all that is in pixels is multiplied by.
    pub dpr: Milli,
    /// How the picture fills the box, where both sides are given.
    pub fit: Fit,
    /// Whether it may become larger than its source.
    pub enlarge: bool,
    /// Which part of it counts most, where some is cut off.
    pub at: Anchor,
    /// Whether it is set on a canvas as large as the box, and where.
    pub extend: Option<Anchor>,
    /// Whether it is set on a canvas of the box's shape, and where.
    pub extend_shape: Option<Anchor>,
    /// The sigma of a Gaussian blur, in pixels; 0 is none.
    pub blur: Milli,
    /// The sigma of a sharpening, in pixels; 0 is none.
    pub sharpen: Milli,
    /// The side of squares of one colour, in pixels; up to 1 there are none.
    pub pixelate: u16,
    /// The room around it.
    pub padding: Padding,
    /// What shows where the picture does not; nothing: what is transparent stays so.
    pub background: Option<Background>,
    /// What is drawn over it.
    pub watermark: Option<Watermark>,
    /// The quality, from 1 to 100; nothing: the usual one.
    pub quality: Option<u8>,
    /// The qualities of formats that have their own.
    pub qualities: Qualities,
    /// The most bytes, for which quality is given up.
    pub max_bytes: Option<NonZeroU32>,
    /// How good it is to look, for which quality is sought.
    pub score: Option<Score>,
    /// What of the source's metadata stays.
    pub keep: Keep,
    /// Sources of these formats go out as they are where their format is what is asked for.
    pub skip: Kinds,
    /// The format.
    pub output: Output,
    /// Whether, where the format is free, the smallest file of those that look the same is taken.
    pub smallest: bool,
}

impl Plan {
    /// A zoom that changes nothing.
    pub const UNZOOMED: (Milli, Milli) = (Milli::ONE, Milli::ONE);

    /// Whether pixels are changed beside being brought to a size.
    pub fn has_effects(&self) -> bool {
        !self.blur.is_zero() || !self.sharpen.is_zero() || self.pixelate > 1
    }

    /// About how many bytes for each pixel that takes, beside the picture.
    pub(crate) fn effect_bytes(&self, channels: u64) -> u64 {
        match (self.blur.is_zero(), self.sharpen.is_zero(), self.pixelate > 1) {
            // Its channels in floats, and then as they were.
            (false, ..) => 5 * channels,
            // Its lightness twice.
            (true, false, _) => 8,
            (true, true, true) => 1,
            (true, true, false) => 0,
        }
    }

    /// Whether there is room around.
    pub fn is_padded(&self) -> bool {
        self.padding != Padding::default()
    }
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            page: None,
            still: false,
            as_stored: false,
            trim: None,
            crop: None,
            width: None,
            height: None,
            min_width: None,
            min_height: None,
            zoom: Plan::UNZOOMED,
            dpr: Milli::ONE,
            fit: Fit::default(),
            enlarge: false,
            at: Anchor::default(),
            extend: None,
            extend_shape: None,
            turn: Turn::default(),
            flip: Flip::default(),
            blur: Milli::default(),
            sharpen: Milli::default(),
            pixelate: 0,
            padding: Padding::default(),
            background: None,
            watermark: None,
            quality: None,
            qualities: Qualities::default(),
            max_bytes: None,
            score: None,
            keep: Keep::default(),
            skip: Kinds::default(),
            output: Output::default(),
            smallest: false,
        }
    }
}

/// A picture that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What of.
    pub source: Source,
    /// What is wanted.
    pub wanted: Wanted,
    /// What is drawn over it, where the plan has a watermark that is not the site's own.
    pub watermark: Option<Source>,
    /// What is said beside it.
    pub delivery: Delivery,
}

impl Asked {
    /// Something of a source, without more.
    pub fn of(source: Source, wanted: Wanted) -> Asked {
        Asked { source, wanted, watermark: None, delivery: Delivery::default() }
    }
}

/// What is wanted of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A picture.
    Picture(Plan),
    /// What is known of the source, in JSON.
    Info,
    /// What may stand in its place until it is there.
    Placeholder(Placeholder),
    /// The source as it is, whatever it is.
    Raw,
}

impl Wanted {
    /// Whether it is something to be looked at, rather than told of.
    pub fn is_shown(self) -> bool {
        matches!(self, Wanted::Picture(_) | Wanted::Raw)
    }
}

/// Why a URL of a dialect asks for no picture; in words that say what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPlan {
    /// The parameter or option that is wrong.
    pub at: Box<str>,
    /// What is wrong with it.
    pub why: &'static str,
}

impl NoPlan {
    fn new(at: &str, why: &'static str) -> NoPlan {
        // It is told back to who wrote it, so not all of it.
        NoPlan { at: at.chars().take(64).collect(), why }
    }
}

impl fmt::Display for NoPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dialect::MAX_TARGET_BYTES;

    #[test]
    fn the_same_picture_is_one_plan_in_each_dialect() {
        let targets = [
            "/_larder/image/w=640,q=75,f=webp/photo%20a.jpg",
            "/_image?href=%2Fphoto%20a.jpg&w=640&q=75&f=webp",
        ];
        let read = |target: &str| {
            let dialect = Dialect::of(target).expect(target);
            dialect.read(target).unwrap_or_else(|error| panic!("{target}: {error}"))
        };
        assert_eq!(read(targets[0]), read(targets[1]));
        let auto = ["/_larder/image/w=640,q=75/p.jpg", "/_next/image?url=%2Fp.jpg&w=640&q=75"];
        assert_eq!(read(auto[0]), read(auto[1]));
    }

    #[test]
    fn what_is_told_back_is_short() {
        let error = NoPlan::new(&"x".repeat(1000), "is none");
        assert_eq!(error.to_string().len(), 64 + ": is none".len());
        let long = format!("/_next/image?url={}", "x".repeat(MAX_TARGET_BYTES));
        assert!(Dialect::Next.read(&long).is_err());
    }
}
