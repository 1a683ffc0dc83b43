//! PNG: all colours, or a palette of those that are needed.

use super::Manner;
use super::palette::paletted;
use crate::fault::Fault;
use crate::raster::Raster;
use crate::run::Effort;
use png::{BitDepth, ColorType, Compression, DeflateCompression, Encoder, Filter, Info};
use std::borrow::Cow;

pub(crate) fn encode(raster: &Raster, manner: &Manner<'_>) -> Result<Vec<u8>, Fault> {
    let fault = |_| Fault::broken("it cannot be written as PNG");
    let palette = if manner.quality < 100 { paletted(raster, manner.quality) } else { None };
    if let Some(paletted) = palette {
        let image = Image {
            colour: ColorType::Indexed,
            depth: paletted.depth,
            palette: Some((paletted.colours, paletted.alpha)),
            pixels: Cow::Owned(paletted.rows),
        };
        return written(raster, &image, manner).map_err(fault);
    }
    let (depth, palette) = (BitDepth::Eight, None);
    let image = match (raster.alpha, raster.is_grey()) {
        (false, true) => {
            let pixels = raster.pixels.chunks_exact(3).map(|pixel| pixel[0]).collect();
            Image { colour: ColorType::Grayscale, depth, palette, pixels: Cow::Owned(pixels) }
        }
        (alpha, _) => {
            let colour = if alpha { ColorType::Rgba } else { ColorType::Rgb };
            Image { colour, depth, palette, pixels: Cow::Borrowed(&raster.pixels) }
        }
    };
    written(raster, &image, manner).map_err(fault)
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

fn written(
    raster: &Raster,
    image: &Image<'_>,
    manner: &Manner<'_>,
) -> Result<Vec<u8>, png::EncodingError> {
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
    if image.palette.is_some() {
        // Neighbouring indices are no neighbouring colours: differences between them say nothing.
        encoder.set_filter(Filter::NoFilter);
        encoder.set_deflate_compression(DeflateCompression::Level(9));
    } else {
        encoder.set_compression(match manner.effort {
            Effort::Quick => Compression::Balanced,
            Effort::Thorough => Compression::High,
        });
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&image.pixels)?;
    writer.finish()?;
    Ok(file)
}
