//! The making of one picture: header, limits, pixels, size, changes, bytes.

use crate::colour::Profile;
use crate::coming::Came;
use crate::container::{avif, exif, gif, jpeg, png, webp};
use crate::decode::{coming, decode, page};
use crate::effects::effects;
use crate::encode::{Manner, check_sides};
use crate::fault::Fault;
use crate::intake::{Taken, Wish, resized};
use crate::limits::{Limits, pixels};
use crate::orientation::Orientation;
use crate::plan::{Anchor, Fit, Format, Gravity, Output, Plan, Watermark};
use crate::raster::Raster;
use crate::resize::Part;
use crate::run::{Effort, Made, Media, Recipe};
use crate::saliency;
use crate::sizing::{Area, Region, Size, Sizing, sizing};
use crate::sniff::{Header, Kind, header};
use crate::trim::trimmed;
use crate::watermark;
use crate::written::written;
use std::io::Read;
use std::num::NonZeroU32;

mod memory;
mod moving;

/// More colours than these are not drawn.
const DRAWN_COLOURS: usize = 256;

/// What was decoded, and the profile that goes along with it.
type Decoded = (Taken, Option<Vec<u8>>);

/// The making of a picture, from its header on.
pub(crate) struct Work<'a> {
    source: &'a [u8],
    recipe: &'a Recipe,
    limits: &'a Limits,
    header: Header<'a>,
    /// How it is turned, by itself and by the plan.
    orientation: Orientation,
    sizing: Sizing,
    /// The size of the source once it is turned.
    upright: Size,
}

impl<'a> Work<'a> {
    /// Reads the header, and holds what is wanted against the limits.
    pub fn begin(
        source: &'a [u8],
        recipe: &'a Recipe,
        limits: &'a Limits,
    ) -> Result<Work<'a>, Fault> {
        let header = header(source, limits)?;
        let own = if recipe.plan.as_stored { Orientation::default() } else { header.orientation };
        let orientation = own.then_plan(recipe.plan.turn, recipe.plan.flip);
        let upright = orientation.size(header.size);
        let sizing = sizing(&recipe.plan, upright);
        let work = Work { source, recipe, limits, header, orientation, sizing, upright };
        if work.goes_out_as_it_came() {
            return Ok(work);
        }
        limits.output(sizing.canvas)?;
        if let Some(page) = work.page() {
            limits.animation(header_pixels(&work.header, page.saturating_add(1)))?;
        }
        limits.memory(work.memory_bytes())?;
        Ok(work)
    }

    fn plan(&self) -> &Plan {
        &self.recipe.plan
    }

    fn wish(&self, target: Size) -> Wish {
        let profile = match self.plan().keep.profile {
            Some(true) => Profile::Keep,
            Some(false) => Profile::ConvertToSrgb,
            None => self.recipe.profile,
        };
        let is_known = self.plan().trim.is_none() && !is_looked_at(self.plan());
        let part = is_known.then(|| part(self.plan(), self.header.size, self.orientation));
        Wish { target, part, profile }
    }

    /// The size that the whole source would be brought to, as it is stored.
    fn target(&self) -> Size {
        match self.plan().trim {
            // It must be seen as it is to know what surrounds it.
            Some(_) => self.header.size,
            None => self.orientation.size(self.sizing.whole(self.upright)),
        }
    }

    /// The picture, with a watermark where the plan has one.
    pub fn made(self, mark: Option<&[u8]>) -> Result<Made, Fault> {
        if self.goes_out_as_it_came() {
            return Ok(self.as_it_came());
        }
        if self.moves() {
            return match self.moving(mark) {
                // Browsers show some that are refused here: they get it as they did before.
                Err(Fault::Broken(_)) if self.is_free() && self.may_go_out() => {
                    Ok(self.as_it_came())
                }
                made => made,
            };
        }
        let decoded = self.decoded()?;
        self.made_of(decoded, mark)
    }

    /// The picture of a source of which only what stands before the pixels is there, and the rest comes on.
    pub fn made_of_coming(
        self,
        follows: &mut dyn Read,
        mark: Option<&[u8]>,
    ) -> Result<Came, Fault> {
        let wish = self.wish(self.target());
        let is_needed_later =
            self.goes_out_as_it_came() || self.sizing.changes_nothing(self.upright);
        let Some(decoder) = coming(self.source, &self.header, &wish).filter(|_| !is_needed_later)
        else {
            return Ok(Came::NotBegun);
        };
        let Some(intake) = decoder.decode(follows, &self.header, &wish)? else {
            return Ok(Came::Unknown);
        };
        let decoded = intake.finish()?;
        self.made_of(decoded, mark).map(|made| Came::Made(Ok(made)))
    }

    fn made_of(&self, decoded: Decoded, mark: Option<&[u8]>) -> Result<Made, Fault> {
        let (raster, icc, density) = self.shaped(decoded)?;
        let mark = self.mark(mark, raster.size)?;
        let raster = self.marked(raster, mark.as_ref(), density);
        let exif = self.exif();
        let manner = Manner {
            quality: 0,
            effort: self.recipe.effort,
            icc: icc.as_deref(),
            exif: exif.as_deref(),
            is_drawn: is_drawn(&raster),
        };
        let made = written(raster, self.plan(), self.own_format(), &manner)?;
        let original = self.original(&made, exif.as_deref());
        Ok(original.unwrap_or(made))
    }

    fn decoded(&self) -> Result<Decoded, Fault> {
        let wish = self.wish(self.target());
        match self.page() {
            Some(which) => page(self.source, &self.header, which, &wish),
            None => decode(self.source, &self.header, &wish),
        }
    }

    /// The pixels, with the profile that goes along and the density that came out.
    fn shaped(&self, (taken, icc): Decoded) -> Result<(Raster, Option<Vec<u8>>, f64), Fault> {
        let mut shape = None;
        let raster = self.shape(taken, &mut shape)?;
        let density = shape.map_or(self.sizing.density, |shape| shape.density);
        Ok((raster, icc, density))
    }

    /// A frame in its shape: that of those before it, or else by what is seen on it.
    fn shape(&self, taken: Taken, shape: &mut Option<Shape>) -> Result<Raster, Fault> {
        let (mut trim, mut density) = (None, self.sizing.density);
        let from = match (&self.plan().trim, taken) {
            (None, taken) => {
                Frame { taken, stored: self.header.size, orientation: self.orientation }
            }
            (Some(told), Taken::Whole(raster)) => {
                let raster = raster.turned(self.orientation);
                let known = shape.as_ref().and_then(|shape| shape.trim);
                let part = known.unwrap_or_else(|| trimmed(&raster, told));
                let raster = raster.cut(part);
                let stored = raster.size;
                let sizing = sizing(self.plan(), stored);
                // What was trimmed may become larger than all of it would have.
                self.limits.memory(pixels(stored) * 6 + self.made_bytes(&sizing))?;
                if self.moves() {
                    self.limits.animation(pixels(sizing.canvas) * u64::from(self.header.frames))?;
                }
                (trim, density) = (Some(part), sizing.density);
                let (taken, orientation) = (Taken::Whole(raster), Orientation::default());
                Frame { taken, stored, orientation }
            }
            (Some(_), _) => return Err(Fault::broken("pixels of another size")),
        };
        let plan = match shape {
            Some(shape) => shape.plan,
            None => shape.insert(Shape { plan: from.looked_at(self.plan())?, trim, density }).plan,
        };
        self.frame(from, &plan)
    }

    /// What was decoded, in its size, upright, changed, on its canvas.
    fn frame(&self, from: Frame, plan: &Plan) -> Result<Raster, Fault> {
        let upright = from.orientation.size(from.stored);
        let sizing = sizing(plan, upright);
        self.limits.output(sizing.canvas)?;
        let raster = match from.taken {
            Taken::Part(raster) => raster,
            Taken::Linear(linear) => linear.resized(&part(plan, from.stored, from.orientation)),
            Taken::Whole(raster) if sizing.whole(upright) != upright => {
                resized(&raster, &part(plan, from.stored, from.orientation))
            }
            Taken::Whole(raster) => {
                // Nothing is scaled, so what is cut from the crop lies in the source as it is.
                let Sizing { crop, cut, .. } = sizing;
                let part = Area { x: crop.x + cut.x, y: crop.y + cut.y, size: cut.size };
                raster.cut(from.orientation.stored_area(part, upright))
            }
        };
        let raster = effects(raster.turned(from.orientation).simplified(), plan);
        let raster = match plan.background {
            Some(background) => raster.flattened(background),
            None => raster,
        };
        Ok(raster.padded(&sizing, plan.background))
    }

    /// The watermark in the size that it has on a picture, with alpha; if there is one.
    fn mark(&self, source: Option<&[u8]>, picture: Size) -> Result<Option<Raster>, Fault> {
        let (Some(told), Some(source)) = (&self.plan().watermark, source) else { return Ok(None) };
        let mark = self.mark_of(told, source, picture);
        mark.map(Some).map_err(|fault| Fault::OfWatermark(Box::new(fault)))
    }

    fn mark_of(&self, told: &Watermark, source: &[u8], picture: Size) -> Result<Raster, Fault> {
        let own = header(source, self.limits)?.upright();
        let size = watermark::size_on(own, picture, told);
        let (width, height) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height));
        let plan = Plan { width, height, fit: Fit::Fill, enlarge: true, ..Plan::default() };
        let (effort, profile) = (Effort::Quick, Profile::ConvertToSrgb);
        let recipe = Recipe { plan, effort, keep_copyright: false, profile };
        let work = Work::begin(source, &recipe, self.limits)?;
        let (raster, ..) = work.shaped(work.decoded()?)?;
        Ok(raster.with_alpha())
    }

    /// A picture with the watermark.
    fn marked(&self, raster: Raster, mark: Option<&Raster>, density: f64) -> Raster {
        match (&self.plan().watermark, mark) {
            (Some(told), Some(mark)) => watermark::drawn(raster, mark, told, density),
            _ => raster,
        }
    }

    /// The block of EXIF that goes along.
    fn exif(&self) -> Option<Vec<u8>> {
        let keep = self.plan().keep;
        let exif = self.header.exif?;
        if keep.metadata == Some(true) {
            return Some(exif::upright(exif));
        }
        let keeps_rights = keep.copyright.unwrap_or(self.recipe.keep_copyright);
        keeps_rights.then(|| exif::rights(exif).exif()).flatten()
    }

    /// Whether the source goes out as it came: what moves where its format is free to choose and no
    /// animation is made of it, since a picture of its first frame would be another one; and what is to be
    /// left alone.
    fn goes_out_as_it_came(&self) -> bool {
        let plan = self.plan();
        let is_one = plan.still || plan.page.is_some();
        let moves = self.header.frames > 1 && self.is_free() && !is_one;
        let is_made = self.moves()
            && check_sides(self.sizing.canvas, Format::WebP).is_ok()
            && self.limits.animation(self.moving_pixels()).is_ok()
            && self.limits.output(self.sizing.canvas).is_ok()
            && self.limits.memory(self.memory_bytes()).is_ok();
        let is_left = plan.skip.has(self.header.kind);
        ((moves && !is_made) || is_left) && self.may_go_out()
    }

    /// Whether no format is asked for by name.
    fn is_free(&self) -> bool {
        !matches!(self.plan().output, Output::Is(_))
    }

    fn as_it_came(&self) -> Made {
        let (bytes, media) = (self.source.to_vec(), self.header.kind.into());
        Made { bytes, media, size: self.upright, original: true }
    }

    /// The source without its metadata, where what was made is no different but for being larger.
    fn original(&self, made: &Made, exif: Option<&[u8]>) -> Option<Made> {
        let plan = self.plan();
        let is_same = self.sizing.changes_nothing(self.upright)
            && self.orientation.is_upright()
            && self.header.orientation.is_upright()
            && (self.header.frames == 1 || self.moves())
            && plan.trim.is_none()
            && plan.watermark.is_none()
            && !plan.has_effects()
            && !(self.header.alpha && plan.background.is_some());
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
        use crate::plan::Best;
        let kind = self.header.kind;
        match self.plan().output {
            Output::Same => true,
            Output::Is(format) => Media::from(format) == Media::from(kind),
            Output::Auto | Output::UpTo(Best::Basic) => !matches!(kind, Kind::WebP | Kind::Avif),
            Output::UpTo(Best::WebP) => kind != Kind::Avif,
            Output::UpTo(Best::Avif) => true,
        }
    }

    /// The format that is written where that of the source is asked for.
    fn own_format(&self) -> Format {
        match self.header.kind {
            Kind::Jpeg => Format::Jpeg,
            Kind::Png | Kind::Gif => Format::Png,
            Kind::WebP => Format::WebP,
            Kind::Avif => Format::Avif,
        }
    }
}

/// The pixels of that many frames of a source.
fn header_pixels(header: &Header<'_>, frames: u32) -> u64 {
    pixels(header.size) * u64::from(frames.min(header.frames))
}

/// Whether it takes a look at the picture to know what of it is wanted.
fn is_looked_at(plan: &Plan) -> bool {
    let anchor = plan.crop.and_then(|crop| crop.at);
    [Some(plan.at), anchor].into_iter().flatten().any(|anchor| anchor.gravity == Gravity::Smart)
}

/// What of a source, as it is stored, comes out in which size.
fn part(plan: &Plan, source: Size, orientation: Orientation) -> Part {
    let upright = orientation.size(source);
    let sizing = sizing(plan, upright);
    let mut part = Part::whole(source, orientation.size(sizing.cut.size));
    part.region = orientation.stored_region(sizing.region(), upright);
    if plan.crop.is_some() {
        // What lies beside it must not shine in.
        part.area = orientation.stored_area(sizing.crop, upright);
    }
    part
}

/// What the first frame tells of all others.
struct Shape {
    /// The plan, with points in the place of gravities that are found by looking.
    plan: Plan,
    /// What is left once what surrounds it is cut off, where that is done.
    trim: Option<Area>,
    /// What was made of the density.
    density: f64,
}

/// Pixels that were decoded, of a source of some size, and how they are to be turned.
struct Frame {
    taken: Taken,
    stored: Size,
    orientation: Orientation,
}

impl Frame {
    /// The plan, with points in the place of gravities that are found by looking.
    fn looked_at(&self, plan: &Plan) -> Result<Plan, Fault> {
        let mut plan = *plan;
        let upright = self.orientation.size(self.stored);
        let part = |part: Size, whole: Size| {
            let across = f64::from(part.width) / f64::from(whole.width);
            (across, f64::from(part.height) / f64::from(whole.height))
        };
        let is_smart = |anchor: Anchor| anchor.gravity == Gravity::Smart;
        if let Some(crop) = &mut plan.crop
            && is_smart(crop.at.unwrap_or(plan.at))
        {
            let size = sizing(&Plan { crop: Some(*crop), ..Plan::default() }, upright).crop.size;
            let small = self.small(Region::whole(upright))?;
            crop.at = Some(Anchor::at(saliency::focus(&small, part(size, upright))));
        }
        if is_smart(plan.at) {
            let Sizing { crop, scaled, cut, .. } = sizing(&plan, upright);
            plan.at = Anchor::default();
            if cut.size != scaled {
                let small = self.small(Region::of(crop))?;
                plan.at = Anchor::at(saliency::focus(&small, part(cut.size, scaled)));
            }
        }
        Ok(plan)
    }

    /// A small picture of a region of it, upright.
    fn small(&self, region: Region) -> Result<Raster, Fault> {
        let upright = self.orientation.size(self.stored);
        let side = |side: f64| (side.round().max(1.0) as u32).min(saliency::SIDE);
        let size = Size { width: side(region.width), height: side(region.height) };
        let stored = self.orientation.stored_region(region, upright);
        let size = self.orientation.size(size);
        let part = Part { region: stored, ..Part::whole(self.stored, size) };
        let small = match &self.taken {
            Taken::Linear(linear) => linear.resized(&part),
            Taken::Whole(raster) => resized(raster, &part),
            Taken::Part(_) => return Err(Fault::broken("pixels of another size")),
        };
        Ok(small.turned(self.orientation))
    }
}

/// Whether a picture has so few colours that it was drawn.
fn is_drawn(raster: &Raster) -> bool {
    match raster.alpha {
        true => has_few(raster.pixels.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]])),
        false => has_few(raster.pixels.chunks_exact(3).map(|p| [p[0], p[1], p[2], 255])),
    }
}

fn has_few(colours: impl Iterator<Item = [u8; 4]>) -> bool {
    // Open addressing over four times as many places as there may be colours.
    let mut places: [Option<u32>; 4 * DRAWN_COLOURS] = [None; 4 * DRAWN_COLOURS];
    let (mut count, mut last) = (0, None);
    for colour in colours {
        let colour = u32::from_le_bytes(colour);
        if last == Some(colour) {
            continue;
        }
        last = Some(colour);
        let mut at = (colour.wrapping_mul(0x9e37_79b1) >> 22) as usize;
        while places[at].is_some_and(|known| known != colour) {
            at = (at + 1) % places.len();
        }
        if places[at].is_none() {
            places[at] = Some(colour);
            count += 1;
            if count > DRAWN_COLOURS {
                return false;
            }
        }
    }
    true
}
