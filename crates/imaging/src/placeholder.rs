//! What stands in the place of a picture until that is there: hashes of how it looks, and a tiny picture
//! as a URL of its own.

use crate::encode::{Manner, encode};
use crate::fault::Fault;
use crate::info::Info;
use crate::plan::Format;
use crate::raster::Raster;
use crate::run::Effort;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The longest side of the tiny picture, in pixels.
pub(crate) const TINY_SIDE: u32 = 16;
/// The quality of the tiny picture.
const TINY_QUALITY: u8 = 40;
/// How many waves a BlurHash has along the longer side, and along the shorter.
const WAVES: (u32, u32) = (4, 3);
/// The most colours of a palette.
const MAX_COLOURS: usize = 6;
/// How far apart colours of a palette are at the least, in values of 8 bits.
const APART: u32 = 48;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// A BlurHash (<https://blurha.sh>).
    BlurHash,
    /// A ThumbHash in base64 (<https://evanw.github.io/thumbhash>): with shape and transparency.
    ThumbHash,
    /// A tiny picture, as a `data:` URL.
    DataUrl,
    /// The colour that most of it has: `#c0ffee`.
    Dominant,
    /// Some colours, the one that most of it has first, in JSON.
    Palette,
}

impl Placeholder {
    /// All of them, and their names.
    pub const NAMED: [(Placeholder, &'static str); 5] = [
        (Placeholder::BlurHash, "blurhash"),
        (Placeholder::ThumbHash, "thumbhash"),
        (Placeholder::DataUrl, "lqip"),
        (Placeholder::Dominant, "dominant"),
        (Placeholder::Palette, "palette"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Placeholder::NAMED.iter().find(|(known, _)| *known == self).map_or("", |(_, name)| name)
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Placeholder::Palette => "application/json",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// What it is of a picture.
    pub fn of(self, info: &Info) -> String {
        match self {
            Placeholder::BlurHash => info.blurhash.clone(),
            Placeholder::ThumbHash => info.thumbhash.clone(),
            Placeholder::DataUrl => info.data_url.clone(),
            Placeholder::Dominant => hex(info.dominant),
            Placeholder::Palette => palette_json(&info.palette),
        }
    }
}

/// A colour as CSS writes it.
pub(crate) fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Colours in JSON.
pub(crate) fn palette_json(colours: &[[u8; 3]]) -> String {
    let all: Vec<String> = colours.iter().map(|colour| format!("\"{}\"", hex(*colour))).collect();
    format!("[{}]", all.join(","))
}

/// The BlurHash of a small picture; what is transparent counts as black, as it does for other encoders.
pub(crate) fn blurhash(small: &Raster) -> Result<String, Fault> {
    let (width, height) = (small.size.width, small.size.height);
    let (long, short) = WAVES;
    let (across, down) = if width >= height { (long, short) } else { (short, long) };
    let rgba = rgba(small);
    let fault = |_| Fault::broken("it has no BlurHash");
    blurhash::encode(across, down, width, height, &rgba).map_err(fault)
}

/// The ThumbHash of a small picture, in base64.
pub(crate) fn thumbhash(small: &Raster) -> String {
    let (width, height) = (small.size.width as usize, small.size.height as usize);
    STANDARD.encode(thumbhash::rgba_to_thumb_hash(width, height, &rgba(small)))
}

/// A tiny picture as a URL.
pub(crate) fn data_url(tiny: &Raster) -> Result<String, Fault> {
    let (quality, effort) = (TINY_QUALITY, Effort::Quick);
    let manner = Manner { quality, effort, icc: None, exif: None, is_drawn: false };
    let bytes = encode(tiny, Format::WebP, &manner)?;
    Ok(format!("data:image/webp;base64,{}", STANDARD.encode(bytes)))
}

/// The colours that most of a picture has, those with most of it first. Colours that are near one another
/// are one.
pub(crate) fn palette(small: &Raster) -> Vec<[u8; 3]> {
    // Eight steps a channel: the sums, and how much there is of each.
    let mut bins = vec![[0_u64; 4]; 512];
    for pixel in small.pixels.chunks_exact(small.channels()) {
        let weight = u64::from(pixel.get(3).copied().unwrap_or(255));
        let bin = pixel[..3].iter().fold(0, |bin, v| bin << 3 | usize::from(v >> 5));
        bins[bin][3] += weight;
        bins[bin].iter_mut().zip(&pixel[..3]).for_each(|(sum, v)| *sum += u64::from(*v) * weight);
    }
    bins.sort_by_key(|bin| std::cmp::Reverse(bin[3]));
    let most = bins[0];
    let mut colours: Vec<[u8; 3]> = vec![mean(most)];
    for bin in bins.iter().take_while(|bin| bin[3] > 0) {
        let colour = mean(*bin);
        let away = |other: &[u8; 3]| {
            colour.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum::<u32>()
        };
        let is_new = colours.iter().all(|known| away(known) >= APART * APART);
        if is_new && colours.len() < MAX_COLOURS {
            colours.push(colour);
        }
    }
    colours
}

fn mean([r, g, b, weight]: [u64; 4]) -> [u8; 3] {
    [r, g, b].map(|sum| ((sum + weight / 2) / weight.max(1)) as u8)
}

fn rgba(raster: &Raster) -> Vec<u8> {
    raster.clone().with_alpha().pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizing::Size;

    fn halves() -> Raster {
        let size = Size { width: 32, height: 24 };
        let colour = |at: u32| if at % 32 < 20 { [200, 40, 30] } else { [20, 60, 220] };
        Raster { size, alpha: false, pixels: (0..32 * 24).flat_map(colour).collect() }
    }

    #[test]
    fn hashes_look_like_what_they_are_of() {
        let hash = blurhash(&halves()).expect("a hash");
        let seen = blurhash::decode(&hash, 32, 24, 1.0).expect("pixels");
        let at = |x: usize, y: usize| &seen[4 * (y * 32 + x)..][..3];
        assert!(at(4, 12)[0] > 120 && at(4, 12)[2] < 110, "{:?}", at(4, 12));
        assert!(at(28, 12)[2] > 120 && at(28, 12)[0] < 110, "{:?}", at(28, 12));
        let hash = STANDARD.decode(thumbhash(&halves())).expect("base64");
        let (width, height, seen) = thumbhash::thumb_hash_to_rgba(&hash).expect("pixels");
        assert!(width > height);
        assert!(seen[4 * (width * height / 2)] > 120, "red at the left");
    }

    #[test]
    fn a_palette_begins_with_what_there_is_most_of() {
        assert_eq!(palette(&halves()), [[200, 40, 30], [20, 60, 220]]);
        let size = Size { width: 1, height: 1 };
        let clear = Raster { size, alpha: true, pixels: vec![9, 9, 9, 0] };
        assert_eq!(palette(&clear), [[0, 0, 0]]);
        assert_eq!(palette_json(&[[1, 2, 255], [0, 0, 0]]), r##"["#0102ff","#000000"]"##);
    }

    #[test]
    fn a_tiny_picture_is_a_short_url() {
        let url = data_url(&halves()).expect("a URL");
        assert!(url.starts_with("data:image/webp;base64,UklGR") && url.len() < 400, "{url}");
    }
}
