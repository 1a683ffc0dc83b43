//! PNG: all colours, or a palette of those that are needed.

use super::Manner;
use crate::fault::Fault;
use crate::raster::Raster;
use crate::run::Effort;
use png::{BitDepth, ColorType, Compression, Encoder, Info};
use std::borrow::Cow;

pub(crate) fn encode(raster: &Raster, manner: &Manner<'_>) -> Result<Vec<u8>, Fault> {
    let colour = if raster.alpha { ColorType::Rgba } else { ColorType::Rgb };
    let image = Image { colour, depth: BitDepth::Eight, palette: None, pixels: Cow::Borrowed(&raster.pixels) };
    written(raster, &image, manner).map_err(|_| Fault::broken("it cannot be written as PNG"))
}

/// What stands in the file.
struct Image<'a> {
    colour: ColorType,
    depth: BitDepth,
    /// Colours, and the alpha of the first of them.
    palette: Option<(Vec<u8>, Vec<u8>)>,
    /// Rows, packed.
    pixels: Cow<'a, [u8]>,
}

fn written(raster: &Raster, image: &Image<'_>, manner: &Manner<'_>) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut info = Info::with_size(raster.size.width, raster.size.height);
    info.color_type = image.colour;
    info.bit_depth = image.depth;
    info.icc_profile = manner.icc.map(|icc| Cow::Owned(icc.to_vec()));
    info.exif_metadata = manner.exif.map(|exif| Cow::Owned(exif.to_vec()));
    let mut encoder = Encoder::with_info(&mut file, info)?;
    if let Some((colours, alpha)) = &image.palette {
        encoder.set_palette(colours.clone());
        if !alpha.is_empty() {
            encoder.set_trns(alpha.clone());
        }
    }
    encoder.set_compression(match manner.effort {
        Effort::Quick => Compression::Balanced,
        Effort::Thorough => Compression::High,
    });
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&image.pixels)?;
    writer.finish()?;
    Ok(file)
}
