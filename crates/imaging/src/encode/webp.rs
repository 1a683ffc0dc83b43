//! WebP, by libwebp.

use super::Manner;
use crate::container::webp::with;
use crate::fault::Fault;
use crate::ffi::webp::{self, Settings};
use crate::raster::Raster;
use crate::run::Effort;

pub(crate) fn encode(raster: &Raster, manner: &Manner<'_>) -> Result<Vec<u8>, Fault> {
    let fault = || Fault::broken("it cannot be written as WebP");
    let method = match manner.effort {
        // Method 4 takes twice the time for about 1 % fewer bytes.
        Effort::Quick => 2,
        Effort::Thorough => 5,
    };
    let lossy = Settings {
        lossless: false,
        quality: manner.quality.into(),
        method,
        sharp: manner.effort == Effort::Thorough,
    };
    let mut file = webp::encode(raster, lossy).ok_or_else(fault)?;
    if manner.is_drawn && !is_all_in_alpha(raster) {
        let exact = Settings { lossless: true, quality: 40.0, method: 2, sharp: false };
        let exact = webp::encode(raster, exact).filter(|exact| exact.len() < file.len());
        file = exact.unwrap_or(file);
    }
    if manner.icc.is_none() && manner.exif.is_none() {
        return Ok(file);
    }
    with(&file, raster.size, manner.icc, manner.exif).ok_or_else(fault)
}

/// Whether all that is seen has one colour: alpha, which is kept as it is in any case, is the picture then.
fn is_all_in_alpha(raster: &Raster) -> bool {
    let mut colours = raster.pixels.chunks_exact(4).filter(|p| p[3] != 0).map(|p| &p[..3]);
    let first = colours.next();
    raster.alpha && colours.all(|colour| Some(colour) == first)
}
