//! How much a source may ask for. All of it is held against the headers, before anything is decoded.

use crate::fault::{Fault, Measure};
use crate::sizing::Size;

/// How much a source may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the source.
    pub source_bytes: u64,
    /// Pixels of the source (of one frame).
    pub pixels: u64,
    /// Pixels of a side of the source.
    pub side: u32,
    /// Pixels of what is made.
    pub output_pixels: u64,
    /// Frames of an animation, whichever of them is used.
    pub frames: u32,
    /// Pixels of all frames together, of those that are decoded, or of those that are made.
    pub animation_pixels: u64,
    /// Passes over a progressive JPEG: each is work over all its pixels, for a few bytes.
    pub scans: u32,
    /// Bytes of memory that making it takes at the most, beside the source, by estimate.
    pub memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // Cameras of 50 MP write about 20 MB.
            source_bytes: 32 << 20,
            pixels: 50_000_000,
            // What AVIF and WebP can be, and no camera's panorama is longer.
            side: 32_768,
            output_pixels: 50_000_000,
            frames: 10_000,
            // Some seconds for pictures that are hard, where nothing shrinks.
            animation_pixels: 40_000_000,
            // Encoders write about 10, libjpeg-turbo's own fuzzers stop at 500.
            scans: 100,
            // 50 MP of RGBA and a copy to be turned.
            memory_bytes: 512 << 20,
        }
    }
}

impl Limits {
    /// Refuses a source that is too long.
    pub(crate) fn source(&self, source: &[u8]) -> Result<(), Fault> {
        Fault::beyond(Measure::SourceBytes, source.len() as u64, self.source_bytes)
    }

    /// Refuses a picture of that size.
    pub(crate) fn size(&self, size: Size) -> Result<(), Fault> {
        if size.width == 0 || size.height == 0 {
            return Err(Fault::broken("a side of no pixels"));
        }
        let side = size.width.max(size.height);
        Fault::beyond(Measure::Side, side.into(), self.side.into())?;
        Fault::beyond(Measure::Pixels, pixels(size), self.pixels)
    }

    /// Refuses an animation of that many pixels in all its frames.
    pub(crate) fn animation(&self, pixels: u64) -> Result<(), Fault> {
        Fault::beyond(Measure::AnimationPixels, pixels, self.animation_pixels)
    }

    /// Refuses to make a picture of that size.
    pub(crate) fn output(&self, size: Size) -> Result<(), Fault> {
        Fault::beyond(Measure::OutputPixels, pixels(size), self.output_pixels)
    }

    /// Refuses what takes that much memory.
    pub(crate) fn memory(&self, bytes: u64) -> Result<(), Fault> {
        Fault::beyond(Measure::MemoryBytes, bytes, self.memory_bytes)
    }
}

/// The pixels of a picture of that size.
pub(crate) fn pixels(size: Size) -> u64 {
    u64::from(size.width) * u64::from(size.height)
}
