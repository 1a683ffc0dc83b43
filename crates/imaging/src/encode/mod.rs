//! Pixels as files. One file a format.

mod avif;
mod jpeg;
mod palette;
mod png;
mod webp;

use crate::fault::{Fault, Measure};
use crate::plan::Format;
use crate::raster::Raster;
use crate::run::Effort;
use crate::sizing::Size;

/// How a picture is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner<'a> {
    /// From 1 to 100, as libwebp has it: the same number looks the same in each format.
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

/// What another format's number is for each of ours, which are libwebp's: measured to look the same
/// (SSIMULACRA2, mean of six photographs at 800 pixels); between them it is in proportion.
pub(crate) type Scale = [(u8, u8); 12];

/// The other format's number.
pub(crate) fn on_scale(scale: &Scale, quality: u8) -> f32 {
    let at = scale.iter().position(|(ours, _)| *ours >= quality).unwrap_or(scale.len() - 1).max(1);
    let ((from, a), (to, b)) = (scale[at - 1], scale[at]);
    let part = f32::from(quality.saturating_sub(from)) / f32::from(to - from);
    f32::from(a) + (f32::from(b) - f32::from(a)) * part
}

/// Writes a picture.
pub(crate) fn encode(
    raster: &Raster,
    format: Format,
    manner: &Manner<'_>,
) -> Result<Vec<u8>, Fault> {
    check_sides(raster.size, format)?;
    match format {
        Format::Jpeg => jpeg::encode(raster, manner),
        Format::Png => png::encode(raster, manner),
        Format::WebP => webp::encode(raster, manner),
        Format::Avif => avif::encode(raster, manner),
    }
}

/// Refuses a picture with a longer side than the format has.
pub(crate) fn check_sides(size: Size, format: Format) -> Result<(), Fault> {
    let longest = match format {
        Format::Jpeg => 65_500,
        Format::WebP => 16_383,
        Format::Avif => 65_536,
        Format::Png => u64::from(u32::MAX >> 1),
    };
    Fault::beyond(Measure::OutputSide, size.width.max(size.height).into(), longest)
}
