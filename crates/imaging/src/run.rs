//! Makes a picture of a source: headers, limits, pixels, size, format, bytes.

use crate::colour::Profile;
use crate::container::{avif, exif, gif, jpeg, png, webp};
use crate::decode::decode;
use crate::encode::{Manner, encode};
use crate::fault::Fault;
use crate::intake::{Taken, Wish, shrink};
use crate::limits::{Limits, pixels};
use crate::orientation::Orientation;
use crate::plan::{Background, Best, Format, Output, Plan};
use crate::raster::Raster;
use crate::resize::resize;
use crate::sizing::{Area, Size, Sizing, sizing};
use crate::sniff::{Header, Kind, header};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The quality of a plan that names none.
pub const DEFAULT_QUALITY: u8 = 80;
/// What is said of a picture over which a decoder stumbled that must not.
pub const STUMBLED: &str = "a decoder stumbled over it";
/// More colours than these are not drawn.
const DRAWN_COLOURS: usize = 256;

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
    guarded(|| Work::begin(source, recipe, limits)?.made())
}

/// Runs what decodes; a decoder that panics ends this picture only.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Fault::broken(STUMBLED)))
}

struct Work<'a> {
    source: &'a [u8],
    recipe: &'a Recipe,
    header: Header<'a>,
    /// How it is turned, by itself and by the plan.
    orientation: Orientation,
    sizing: Sizing,
    /// The size of the source once it is turned.
    upright: Size,
}

impl<'a> Work<'a> {
    fn begin(source: &'a [u8], recipe: &'a Recipe, limits: &Limits) -> Result<Work<'a>, Fault> {
        let header = header(source, limits)?;
        let own = if recipe.plan.as_stored { Orientation::default() } else { header.orientation };
        let orientation = own.then_plan(recipe.plan.turn, recipe.plan.flip);
        let upright = orientation.size(header.size);
        let sizing = sizing(&recipe.plan, upright);
        let work = Work { source, recipe, header, orientation, sizing, upright };
        limits.output(sizing.canvas)?;
        limits.memory(work.memory_bytes())?;
        Ok(work)
    }

    /// The size that the whole source would be brought to, as it is stored.
    fn target(&self) -> Size {
        self.orientation.size(self.sizing.whole(self.upright))
    }

    /// About how much memory it takes at the most, beside the source.
    fn memory_bytes(&self) -> u64 {
        let (size, target) = (self.header.size, self.target());
        let channels = if self.header.alpha { 4 } else { 3 };
        let decoded = pixels(size) * u64::from(self.header.cost.pixel_bytes);
        let kept = match size == target {
            true => pixels(size) * channels,
            false => {
                let across = size.width / shrink(size.width, target.width);
                let down = size.height / shrink(size.height, target.height);
                2 * channels * u64::from(across) * u64::from(down)
            }
        };
        // Resized one way, then the other, then as bytes, then turned; or encoded.
        let made = pixels(self.sizing.canvas).max(pixels(self.sizing.cut.size));
        decoded + kept + 4 * channels * made
    }

    fn made(self) -> Result<Made, Fault> {
        if let Some(moving) = self.moving() {
            return Ok(moving);
        }
        let wish = Wish { target: self.target(), profile: self.recipe.profile };
        let (taken, icc) = decode(self.source, &self.header, &wish)?;
        let raster = self.shaped(taken)?;
        let rights = self.header.exif.filter(|_| self.recipe.keep_copyright);
        let exif = rights.and_then(|exif| exif::rights(exif).exif());
        let manner = Manner {
            quality: self.recipe.plan.quality.unwrap_or(DEFAULT_QUALITY).clamp(1, 100),
            effort: self.recipe.effort,
            icc: icc.as_deref(),
            exif: exif.as_deref(),
            is_drawn: is_drawn(&raster),
        };
        let made = self.written(raster, &manner)?;
        let original = self.original(&made, exif.as_deref());
        Ok(original.unwrap_or(made))
    }

    /// The pixels in their size, upright, on their canvas.
    fn shaped(&self, taken: Taken) -> Result<Raster, Fault> {
        let Sizing { crop, cut, .. } = self.sizing;
        let raster = match taken {
            Taken::Final(raster) => {
                // Nothing is scaled, so what is cut from the crop lies in the source as it is.
                let part = Area { x: crop.x + cut.x, y: crop.y + cut.y, size: cut.size };
                raster.cut(self.orientation.stored_area(part, self.upright))
            }
            Taken::Linear(linear) => {
                let region = self.orientation.stored_region(self.sizing.region(), self.upright);
                resize(linear, self.header.size, region, self.orientation.size(cut.size))?
            }
        };
        let background = self.recipe.plan.background;
        let raster = raster.turned(self.orientation).simplified();
        let raster = match background {
            Some(background) => raster.flattened(background),
            None => raster,
        };
        Ok(raster.padded(&self.sizing, background))
    }

    fn written(&self, raster: Raster, manner: &Manner<'_>) -> Result<Made, Fault> {
        let (format, other) = self.formats(&raster, manner);
        let size = raster.size;
        let other = match other {
            Some(other) => Some((other, encode(&raster, other, manner)?)),
            None => None,
        };
        let raster = match format.has_alpha() {
            true => raster,
            false => raster.flattened(self.recipe.plan.background.unwrap_or(Background([255; 3]))),
        };
        let bytes = encode(&raster, format, manner)?;
        let (format, bytes) =
            other.filter(|(_, other)| other.len() < bytes.len()).unwrap_or((format, bytes));
        Ok(Made { bytes, media: format.into(), size, original: false })
    }

    /// The format that is written, and another that may be smaller.
    fn formats(&self, raster: &Raster, manner: &Manner<'_>) -> (Format, Option<Format>) {
        let best = match self.recipe.plan.output {
            Output::Is(format) => return (format, None),
            Output::Same => return (own_format(self.header.kind), None),
            Output::Auto => Best::Basic,
            Output::UpTo(best) => best,
        };
        match best {
            Best::Avif => (Format::Avif, manner.is_drawn.then_some(Format::WebP)),
            Best::WebP => (Format::WebP, None),
            Best::Basic if raster.alpha => (Format::Png, None),
            Best::Basic => (Format::Jpeg, manner.is_drawn.then_some(Format::Png)),
        }
    }

    /// What moves, as it came, where its format is free to choose: a picture of its first frame would be
    /// another one.
    fn moving(&self) -> Option<Made> {
        let is_free = !matches!(self.recipe.plan.output, Output::Is(_));
        let (media, size) = (self.header.kind.into(), self.upright);
        (self.header.frames > 1 && is_free && self.may_go_out()).then(|| Made {
            bytes: self.source.to_vec(),
            media,
            size,
            original: true,
        })
    }

    /// The source without its metadata, where what was made is no different but for being larger.
    fn original(&self, made: &Made, exif: Option<&[u8]>) -> Option<Made> {
        let is_same = self.sizing.changes_nothing(self.upright)
            && self.orientation.is_upright()
            && self.header.frames == 1
            && !(self.header.alpha && self.recipe.plan.background.is_some());
        if !is_same || !self.may_go_out() {
            return None;
        }
        let icc = self.header.icc.as_deref();
        let bytes = match self.header.kind {
            Kind::Jpeg => jpeg::stripped(self.source, exif),
            Kind::Png => png::stripped(self.source, exif),
            Kind::WebP => webp::with(self.source, self.header.size, icc, exif),
            // Nothing can be put in there, so what is to be kept needs a file of our own.
            Kind::Avif => avif::stripped(self.source).filter(|_| exif.is_none()),
            Kind::Gif => gif::stripped(self.source),
        }?;
        let media = self.header.kind.into();
        (bytes.len() <= made.bytes.len()).then_some(Made {
            bytes,
            media,
            size: made.size,
            original: true,
        })
    }

    /// Whether the source's own format is one that may be sent.
    fn may_go_out(&self) -> bool {
        let kind = self.header.kind;
        match self.recipe.plan.output {
            Output::Same => true,
            Output::Is(format) => Media::from(format) == Media::from(kind),
            Output::Auto | Output::UpTo(Best::Basic) => !matches!(kind, Kind::WebP | Kind::Avif),
            Output::UpTo(Best::WebP) => kind != Kind::Avif,
            Output::UpTo(Best::Avif) => true,
        }
    }
}

/// The format that is written where that of the source is asked for.
fn own_format(kind: Kind) -> Format {
    match kind {
        Kind::Jpeg => Format::Jpeg,
        Kind::Png | Kind::Gif => Format::Png,
        Kind::WebP => Format::WebP,
        Kind::Avif => Format::Avif,
    }
}

/// Whether a picture has so few colours that it was drawn.
fn is_drawn(raster: &Raster) -> bool {
    let mut seen = std::collections::HashSet::with_capacity(DRAWN_COLOURS + 1);
    let mut last: &[u8] = &[];
    for pixel in raster.pixels.chunks_exact(raster.channels()) {
        if pixel != last && seen.insert(pixel) && seen.len() > DRAWN_COLOURS {
            return false;
        }
        last = pixel;
    }
    true
}
