//! What is made of a source, and how it is asked for.

use crate::colour::Profile;
use crate::fault::Fault;
use crate::limits::Limits;
use crate::plan::{Format, Plan};
use crate::sizing::Size;
use crate::sniff::Kind;
use crate::work::Work;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The quality of a plan that names none.
pub const DEFAULT_QUALITY: u8 = 80;
/// What is said of a picture over which a decoder stumbled that must not.
pub const STUMBLED: &str = "a decoder stumbled over it";

/// What is to be made, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// What was asked for; [`Output::Auto`] stands for what everybody takes.
    pub plan: Plan,
    /// How much time may be spent.
    pub effort: Effort,
    /// Whether who made the picture and who holds the rights is kept, from its EXIF.
    pub keep_copyright: bool,
    /// What becomes of the colour profile.
    pub profile: Profile,
}

/// How much time may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Somebody waits for it.
    Quick,
    /// It is made beside, to be smaller.
    Thorough,
}

/// A picture that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its format.
    pub media: Media,
    /// Its size.
    pub size: Size,
    /// Whether it is the source, only without metadata, since nothing smaller came out.
    pub original: bool,
}

/// A format that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
    /// AVIF.
    Avif,
    /// GIF, only as it came.
    Gif,
}

impl Media {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Media; 5] =
        [Media::Jpeg, Media::Png, Media::WebP, Media::Avif, Media::Gif];

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Media::Jpeg => "image/jpeg",
            Media::Png => "image/png",
            Media::WebP => "image/webp",
            Media::Avif => "image/avif",
            Media::Gif => "image/gif",
        }
    }
}

impl From<Format> for Media {
    fn from(format: Format) -> Media {
        match format {
            Format::Jpeg => Media::Jpeg,
            Format::Png => Media::Png,
            Format::WebP => Media::WebP,
            Format::Avif => Media::Avif,
        }
    }
}

impl From<Kind> for Media {
    fn from(kind: Kind) -> Media {
        match kind {
            Kind::Jpeg => Media::Jpeg,
            Kind::Png => Media::Png,
            Kind::WebP => Media::WebP,
            Kind::Avif => Media::Avif,
            Kind::Gif => Media::Gif,
        }
    }
}

/// Makes a picture of a source. Takes as long as it takes: whoever calls it bounds its time and memory
/// from outside.
///
/// # Errors
/// The source is no picture, is damaged, or is more than the limits allow.
pub fn picture(source: &[u8], recipe: &Recipe, limits: &Limits) -> Result<Made, Fault> {
    marked(source, None, recipe, limits)
}

/// Makes a picture of a source, as [`picture`] does, with a watermark where the plan has one.
///
/// # Errors
/// Source or watermark is no picture, is damaged, or is more than the limits allow.
pub fn marked(
    source: &[u8],
    mark: Option<&[u8]>,
    recipe: &Recipe,
    limits: &Limits,
) -> Result<Made, Fault> {
    guarded(|| Work::begin(source, recipe, limits)?.made(mark))
}

/// Runs what decodes; a decoder that panics ends this picture only.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Fault::broken(STUMBLED)))
}
