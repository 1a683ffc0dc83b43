//! What is known of a source: what `info` answers.

use crate::colour::Profile;
use crate::decode::decode;
use crate::fault::Fault;
use crate::intake::{Taken, Wish};
use crate::limits::Limits;
use crate::resize::resize;
use crate::run::{Media, guarded};
use crate::sizing::{Region, Size};
use crate::sniff::{Header, header};
use xxhash_rust::xxh3::xxh3_128;

/// The side of the small picture of which the dominant colour is taken, in pixels.
const SMALL_SIDE: u32 = 32;

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The format.
    pub format: Media,
    /// The size of the picture as it is shown, in pixels.
    pub size: Size,
    /// How it is stored, by the number of EXIF: from 1 to 8.
    pub orientation: u16,
    /// How many frames it has.
    pub pages: u32,
    /// Whether it may be transparent.
    pub alpha: bool,
    /// The colour in sRGB that most of it has.
    pub dominant: [u8; 3],
    /// The hash of its bytes: XXH3, 128 bits.
    pub hash: u128,
}

/// What is known of a source.
///
/// # Errors
/// The source is no picture, is damaged, or is more than the limits allow.
pub fn info(source: &[u8], limits: &Limits) -> Result<Info, Fault> {
    guarded(|| {
        let header = header(source, limits)?;
        Ok(Info {
            format: header.kind.into(),
            size: header.upright(),
            orientation: header.orientation.exif(),
            pages: header.frames,
            alpha: header.alpha,
            dominant: dominant(source, &header)?,
            hash: xxh3_128(source),
        })
    })
}

impl Info {
    /// As JSON.
    pub fn to_json(&self) -> String {
        let format = self.format.media_type().trim_start_matches("image/");
        let Size { width, height } = self.size;
        let [r, g, b] = self.dominant;
        format!(
            "{{\"format\":\"{format}\",\"width\":{width},\"height\":{height},\"orientation\":{},\
             \"pages\":{},\"alpha\":{},\"dominant\":\"#{r:02x}{g:02x}{b:02x}\",\"hash\":\"{:032x}\"}}",
            self.orientation, self.pages, self.alpha, self.hash
        )
    }
}

/// The average of the colours that are most alike.
fn dominant(source: &[u8], header: &Header<'_>) -> Result<[u8; 3], Fault> {
    let target = Size {
        width: header.size.width.min(SMALL_SIDE),
        height: header.size.height.min(SMALL_SIDE),
    };
    let (taken, _) = decode(source, header, &Wish { target, profile: Profile::ConvertToSrgb })?;
    let small = match taken {
        Taken::Final(raster) => raster,
        Taken::Linear(linear) => resize(&linear, header.size, Region::whole(header.size), target)?,
    };
    // Eight steps a channel: how much there is of each, and the sums.
    let mut bins = vec![[0_u64; 4]; 512];
    for pixel in small.pixels.chunks_exact(small.channels()) {
        let weight = u64::from(pixel.get(3).copied().unwrap_or(255));
        let bin = pixel[..3].iter().fold(0, |bin, v| bin << 3 | usize::from(v >> 5));
        bins[bin][3] += weight;
        bins[bin].iter_mut().zip(&pixel[..3]).for_each(|(sum, v)| *sum += u64::from(*v) * weight);
    }
    let most = bins.into_iter().max_by_key(|bin| bin[3]).unwrap_or_default();
    let average = |sum: u64| ((sum + most[3] / 2) / most[3].max(1)) as u8;
    Ok([average(most[0]), average(most[1]), average(most[2])])
}
