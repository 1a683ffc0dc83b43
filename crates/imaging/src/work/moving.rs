//! The making of an animation: each frame in the shape of a picture, one after another.

use super::{Shape, Work, is_drawn};
use crate::container::webp;
use crate::decode::{Moving, of_canvas};
use crate::encode::{Manner, check_sides};
use crate::fault::Fault;
use crate::ffi::webp::Settings;
use crate::ffi::webp_moving::Encoder;
use crate::limits::pixels;
use crate::plan::{Best, Format, Output};
use crate::raster::Raster;
use crate::run::{Effort, Made, Media};
use crate::sniff::Kind;
use crate::written::quality;
use xxhash_rust::xxh3::xxh3_128;

/// Bytes that libwebp holds for a pixel of a frame: four canvases of its own, and what it tries.
const ENCODER_PIXEL_BYTES: u64 = 48;
/// A frame of a WebP is shown for less than that, in milliseconds.
const FRAME_MS: u32 = 1 << 24;
/// For so many pixels that come out there is one byte of file, held twice, at the most: four times what
/// photographs take that fill every frame.
const PIXELS_A_BYTE: u64 = 2;
/// How often an animation is made anew for the sake of its bytes: each takes as long as the first.
const TRIES_FOR_BYTES: u32 = 3;
/// Bytes grow with the quality to the power of one by this, about.
const QUALITY_BY_BYTES: f64 = 1.3;

impl Work<'_> {
    /// Whether an animation is made.
    pub(super) fn moves(&self) -> bool {
        let (plan, header) = (self.plan(), &self.header);
        let is_wanted = match plan.output {
            Output::Is(format) => format == Format::WebP,
            Output::UpTo(best) => best != Best::Basic,
            Output::Same => header.kind == Kind::WebP,
            Output::Auto => false,
        };
        let is_one = plan.still || plan.page.is_some();
        header.frames > 1 && Moving::reads(header.kind) && is_wanted && !is_one
    }

    /// Which frame is wanted, where it takes those before it to be seen.
    pub(super) fn page(&self) -> Option<u32> {
        let is_there = self.header.frames > 1 && Moving::reads(self.header.kind);
        self.plan().page.filter(|page| *page > 0 && is_there).map(u32::from)
    }

    /// The pixels of all frames, of those that come in or those that go out.
    pub(super) fn moving_pixels(&self) -> u64 {
        let made = pixels(self.sizing.canvas).max(pixels(self.sizing.cut.size));
        pixels(self.header.size).max(made) * u64::from(self.header.frames)
    }

    /// What is in memory for the sake of several frames, for pictures of that many pixels.
    pub(super) fn moving_bytes(&self, made: u64) -> u64 {
        // The canvas, and the one before it.
        let read = 8 * pixels(self.header.size);
        match (self.moves(), self.page()) {
            (true, _) => {
                let file = 2 * made * u64::from(self.header.frames) / PIXELS_A_BYTE;
                read + ENCODER_PIXEL_BYTES * made + file.min(4 * self.limits.source_bytes)
            }
            (false, Some(_)) => read,
            (false, None) => 0,
        }
    }

    /// The animation, with the watermark on each of its frames; of as many bytes as may be, as far as
    /// giving quality up for it goes.
    pub(super) fn moving(&self, mark: Option<&[u8]>) -> Result<Made, Fault> {
        let (mut made, mut quality) = self.moving_of(mark, None)?;
        let Some(most) = self.plan().max_bytes else { return Ok(made) };
        for left in (0..TRIES_FOR_BYTES).rev() {
            let part = f64::from(most.get()) / made.bytes.len() as f64;
            if part >= 1.0 || quality == 1 {
                break;
            }
            // Before the next is made, so that both are never in memory.
            drop(made);
            let less = (f64::from(quality) * part.powf(QUALITY_BY_BYTES)) as u8;
            let less = if left == 0 { 1 } else { less.clamp(1, quality - 1) };
            (made, quality) = self.moving_of(mark, Some(less))?;
        }
        Ok(made)
    }

    /// The animation of that quality, else of the one that is told; and of which it is.
    fn moving_of(&self, mark: Option<&[u8]>, told: Option<u8>) -> Result<(Made, u8), Fault> {
        self.limits.animation(self.moving_pixels())?;
        let fault = || Fault::broken("it cannot be written as an animation");
        let wish = self.wish(self.target());
        let mut frames = Moving::of(self.source, &self.header)?;
        let plays = frames.plays;
        let (mut shape, mut writing, mut last, mut ends_ms) = (None, None, (None, 0), 0);
        while let Some(shown) = frames.next()? {
            ends_ms = shown.ends_ms;
            let (begins_ms, seen) = (shown.begins_ms, Some(xxh3_128(shown.rgba)));
            // What looks like the one before only lasts longer.
            if last.0 == seen && ends_ms - last.1 < FRAME_MS {
                continue;
            }
            last = (seen, begins_ms);
            let (taken, icc) = of_canvas(shown.rgba, &self.header, &wish)?;
            let raster = self.shape(taken, &mut shape)?;
            let writing = match &mut writing {
                Some(writing) => writing,
                None => writing.insert(self.writing(&raster, mark, (icc, plays, told))?),
            };
            let density = shape.as_ref().map_or(1.0, |shape: &Shape| shape.density);
            let raster = self.marked(raster, writing.mark.as_ref(), density);
            writing.encoder.add(&raster, begins_ms).ok_or_else(fault)?;
        }
        let Writing { encoder, icc, quality, .. } = writing.ok_or(Fault::broken("no frame"))?;
        let size = encoder.size;
        let mut bytes = encoder.finish(ends_ms).ok_or_else(fault)?;
        let exif = self.exif();
        if icc.is_some() || exif.is_some() {
            let with = webp::with(&bytes, size, icc.as_deref(), exif.as_deref());
            bytes = with.ok_or_else(fault)?;
        }
        let made = Made { bytes, media: Media::WebP, size, original: false };
        let original = self.original(&made, exif.as_deref());
        Ok((original.unwrap_or(made), quality))
    }

    /// What all frames are written with, by the first.
    fn writing(
        &self,
        first: &Raster,
        mark: Option<&[u8]>,
        (icc, plays, told): (Option<Vec<u8>>, u16, Option<u8>),
    ) -> Result<Writing, Fault> {
        check_sides(first.size, Format::WebP)?;
        let (is_drawn, effort) = (is_drawn(first), self.recipe.effort);
        let manner = Manner { quality: 0, effort, icc: None, exif: None, is_drawn };
        let quality = match told {
            Some(told) => told,
            None => quality(first, self.plan(), Format::WebP, &manner)?,
        };
        let method = match effort {
            Effort::Quick => 2,
            Effort::Thorough => 4,
        };
        let settings = Settings { lossless: false, quality: quality.into(), method, sharp: false };
        let encoder = Encoder::new(first.size, plays, settings, is_drawn);
        let encoder = encoder.ok_or(Fault::broken("it cannot be written as an animation"))?;
        Ok(Writing { encoder, mark: self.mark(mark, first.size)?, icc, quality })
    }
}

/// What frames are written with.
struct Writing {
    encoder: Encoder,
    /// The watermark in its size.
    mark: Option<Raster>,
    /// The profile that goes along.
    icc: Option<Vec<u8>>,
    quality: u8,
}
