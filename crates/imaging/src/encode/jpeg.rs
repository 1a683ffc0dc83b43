//! JPEG, by libjpeg (mozjpeg's).

use super::{Manner, Scale, on_scale};
use crate::container::jpeg::{profile_segments, segment};
use crate::fault::Fault;
use crate::raster::Raster;
use crate::run::Effort;
use mozjpeg::{ColorSpace, Compress};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// From this quality on colours have as many pixels as brightness.
const FULL_COLOURS_FROM: u8 = 93;
/// libjpeg's quality.
const SCALE: Scale = [
    (1, 5),
    (20, 28),
    (35, 35),
    (50, 45),
    (60, 52),
    (70, 59),
    (75, 62),
    (80, 69),
    (85, 77),
    (90, 84),
    (95, 88),
    (100, 97),
];

pub(crate) fn encode(raster: &Raster, manner: &Manner<'_>) -> Result<Vec<u8>, Fault> {
    let file = catch_unwind(AssertUnwindSafe(|| written(raster, manner)));
    let file = file.ok().and_then(Result::ok);
    let file =
        file.filter(|_| !raster.alpha).ok_or(Fault::broken("it cannot be written as JPEG"))?;
    Ok(marked(file, manner))
}

fn written(raster: &Raster, manner: &Manner<'_>) -> std::io::Result<Vec<u8>> {
    let is_grey = raster.is_grey();
    let mut jpeg =
        Compress::new(if is_grey { ColorSpace::JCS_GRAYSCALE } else { ColorSpace::JCS_RGB });
    match manner.effort {
        Effort::Quick => {
            jpeg.set_fastest_defaults();
            jpeg.set_optimize_coding(true);
        }
        Effort::Thorough => jpeg.set_progressive_mode(),
    }
    jpeg.set_size(raster.size.width as usize, raster.size.height as usize);
    jpeg.set_color_space(if is_grey { ColorSpace::JCS_GRAYSCALE } else { ColorSpace::JCS_YCbCr });
    jpeg.set_quality(on_scale(&SCALE, manner.quality));
    if !is_grey {
        let every = if manner.quality >= FULL_COLOURS_FROM { 1 } else { 2 };
        jpeg.set_chroma_sampling_pixel_sizes((every, every), (every, every));
    }
    let mut jpeg = jpeg.start_compress(Vec::new())?;
    if is_grey {
        let grey: Vec<u8> = raster.pixels.chunks_exact(3).map(|pixel| pixel[0]).collect();
        jpeg.write_scanlines(&grey)?;
    } else {
        jpeg.write_scanlines(&raster.pixels)?;
    }
    jpeg.finish()
}

/// With what goes along, after JFIF's own segment.
fn marked(file: Vec<u8>, manner: &Manner<'_>) -> Vec<u8> {
    if manner.icc.is_none() && manner.exif.is_none() {
        return file;
    }
    let exif = manner.exif.and_then(|exif| segment(0xe1, &[b"Exif\0\0", exif].concat()));
    let icc = manner.icc.map(profile_segments);
    let (start, rest) = file.split_at(20.min(file.len()));
    [start, &exif.unwrap_or_default(), &icc.unwrap_or_default(), rest].concat()
}
