//! Pixels as files. One file a format.

mod avif;
mod jpeg;
mod png;
mod webp;

use crate::fault::{Fault, Measure};
use crate::plan::Format;
use crate::raster::Raster;
use crate::run::Effort;

/// How a picture is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner<'a> {
    /// From 1 to 100, as JPEG has it: the same number looks the same in each format.
    pub quality: u8,
    /// How much time may be spent.
    pub effort: Effort,
    /// The profile that goes along; without one it is sRGB.
    pub icc: Option<&'a [u8]>,
    /// The block of EXIF that goes along.
    pub exif: Option<&'a [u8]>,
    /// Whether it is drawn rather than photographed: few colours, exactly so.
    pub is_drawn: bool,
}

/// Writes a picture.
pub(crate) fn encode(raster: &Raster, format: Format, manner: &Manner<'_>) -> Result<Vec<u8>, Fault> {
    let longest = match format {
        Format::Jpeg => 65_500,
        Format::WebP => 16_383,
        Format::Avif => 65_536,
        Format::Png => u64::from(u32::MAX >> 1),
    };
    let side = raster.size.width.max(raster.size.height);
    Fault::beyond(Measure::OutputSide, side.into(), longest)?;
    match format {
        Format::Jpeg => jpeg::encode(raster, manner),
        Format::Png => png::encode(raster, manner),
        Format::WebP => webp::encode(raster, manner),
        Format::Avif => avif::encode(raster, manner),
    }
}
