//! What is known of a source: what `info` answers.

use crate::colour::Profile;
use crate::decode::decode;
use crate::fault::Fault;
use crate::intake::{Taken, Wish, resized};
use crate::limits::Limits;
use crate::placeholder::{TINY_SIDE, blurhash, data_url, hex, palette, palette_json, thumbhash};
use crate::raster::Raster;
use crate::resize::Part;
use crate::run::{Media, guarded};
use crate::sizing::Size;
use crate::sniff::{Header, header};
use xxhash_rust::xxh3::xxh3_128;

/// The longest side of the small picture of which colours and hashes are taken, in pixels.
const SMALL_SIDE: u32 = 64;

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
    /// The colours that most of it has, the dominant first.
    pub palette: Vec<[u8; 3]>,
    /// Its BlurHash.
    pub blurhash: String,
    /// Its ThumbHash, in base64.
    pub thumbhash: String,
    /// A tiny picture of it, as a `data:` URL.
    pub data_url: String,
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
        let small = small(source, &header)?;
        let palette = palette(&small);
        let part = Part::whole(small.size, within(small.size, TINY_SIDE));
        let tiny = resized(&small, &part);
        Ok(Info {
            format: header.kind.into(),
            size: header.upright(),
            orientation: header.orientation.exif(),
            pages: header.frames,
            alpha: header.alpha,
            dominant: palette[0],
            palette,
            blurhash: blurhash(&small)?,
            thumbhash: thumbhash(&small),
            data_url: data_url(&tiny)?,
            hash: xxh3_128(source),
        })
    })
}

impl Info {
    /// As JSON.
    pub fn to_json(&self) -> String {
        let format = self.format.media_type().trim_start_matches("image/");
        let Size { width, height } = self.size;
        let Info { blurhash, thumbhash, data_url, .. } = self;
        // BlurHash has no quote and no backslash in its alphabet, and the others are base64.
        format!(
            "{{\"format\":\"{format}\",\"width\":{width},\"height\":{height},\"orientation\":{},\
             \"pages\":{},\"alpha\":{},\"dominant\":\"{}\",\"palette\":{},\
             \"blurhash\":\"{blurhash}\",\"thumbhash\":\"{thumbhash}\",\"lqip\":\"{data_url}\",\
             \"hash\":\"{:032x}\"}}",
            self.orientation,
            self.pages,
            self.alpha,
            hex(self.dominant),
            palette_json(&self.palette),
            self.hash
        )
    }
}

/// A small picture of the source, upright.
fn small(source: &[u8], header: &Header<'_>) -> Result<Raster, Fault> {
    let target = within(header.size, SMALL_SIDE);
    let part = Some(Part::whole(header.size, target));
    let wish = Wish { target, part, profile: Profile::ConvertToSrgb };
    let (taken, _) = decode(source, header, &wish)?;
    let small = match taken {
        Taken::Whole(raster) | Taken::Part(raster) => raster,
        Taken::Linear(_) => return Err(Fault::broken("pixels of another size")),
    };
    Ok(small.turned(header.orientation).simplified())
}

/// A size of the same shape within a square.
fn within(size: Size, side: u32) -> Size {
    let longest = size.width.max(size.height).max(1);
    let scaled = |own: u32| {
        let scaled = u64::from(own) * u64::from(side.min(longest)) / u64::from(longest);
        (scaled as u32).max(1)
    };
    Size { width: scaled(size.width), height: scaled(size.height) }
}
