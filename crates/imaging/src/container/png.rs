//! PNG as chunks (ISO/IEC 15948).

use super::{be32, exif};
use crate::fault::Fault;
use crate::orientation::Orientation;
use crate::sizing::Size;
use crate::sniff::{Cost, Header, Kind};
use std::borrow::Cow;
use std::io::Read;

/// The longest profile that is read, in bytes.
const MAX_PROFILE_BYTES: u64 = 4 << 20;

struct Chunk<'a> {
    name: &'a [u8],
    data: &'a [u8],
    /// The whole of it, length and checksum too.
    whole: &'a [u8],
}

fn chunks(source: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = source.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::try_from(be32(rest, 0)?).ok()?;
        let end = length.checked_add(12)?;
        let whole = rest.get(..end)?;
        rest = &rest[end..];
        Some(Chunk { name: &whole[4..8], data: &whole[8..8 + length], whole })
    })
}

/// What the headers say.
pub(crate) fn header(source: &[u8]) -> Result<Header<'_>, Fault> {
    let broken = || Fault::broken("PNG: header");
    let first = chunks(source).next().filter(|chunk| chunk.name == b"IHDR").ok_or_else(broken)?;
    let side = |at| be32(first.data, at).ok_or_else(broken);
    let size = Size { width: side(0)?, height: side(4)? };
    let [depth, colour, _, _, interlace] = first.data.get(8..13).ok_or_else(broken)? else {
        return Err(broken());
    };
    let mut header = Header {
        kind: Kind::Png,
        size,
        orientation: Orientation::default(),
        alpha: matches!(colour, 4 | 6),
        frames: 1,
        icc: None,
        exif: None,
        cost: Cost { pixel_bytes: 0 },
    };
    for chunk in chunks(source) {
        match chunk.name {
            b"tRNS" => header.alpha = true,
            b"iCCP" => header.icc = profile(chunk.data).map(Cow::Owned),
            b"eXIf" => header.exif = Some(chunk.data),
            b"acTL" => header.frames = be32(chunk.data, 0).unwrap_or(1).max(1),
            _ => {}
        }
    }
    header.orientation = header.exif.map_or(Orientation::default(), exif::orientation);
    if *interlace != 0 {
        // It is whole before its first row can be used.
        header.cost.pixel_bytes = if *depth == 16 { 8 } else { 4 };
    }
    Ok(header)
}

/// The ICC profile of an `iCCP` chunk.
fn profile(data: &[u8]) -> Option<Vec<u8>> {
    let name = data.iter().take(80).position(|b| *b == 0)?;
    let mut profile = Vec::new();
    let packed = data.get(name + 2..)?;
    let mut reader = flate2::read::ZlibDecoder::new(packed).take(MAX_PROFILE_BYTES);
    reader.read_to_end(&mut profile).ok()?;
    Some(profile)
}

/// The same file without what is not needed to show it. With `exif` in the place of its own.
pub(crate) fn stripped(source: &[u8], exif: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut file = source.get(..8)?.to_vec();
    let mut pixels = false;
    let mut ended = false;
    for each in chunks(source) {
        let is_needed = match each.name {
            b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" | b"tRNS" => true,
            b"iCCP" | b"sRGB" | b"gAMA" | b"cHRM" | b"cICP" => true,
            // Animations stay animations.
            b"acTL" | b"fcTL" | b"fdAT" => true,
            // A chunk that is critical by its name, and unknown here.
            name => name[0].is_ascii_uppercase(),
        };
        if each.name == b"IDAT" && !pixels {
            pixels = true;
            file.extend(exif.map(|exif| chunk(b"eXIf", exif)).unwrap_or_default());
        }
        if is_needed {
            file.extend_from_slice(each.whole);
        }
        if each.name == b"IEND" {
            ended = true;
            break;
        }
    }
    (pixels && ended).then_some(file)
}

/// A chunk of its own.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(name);
    crc.update(data);
    let length = data.len() as u32;
    [&length.to_be_bytes()[..], name, data, &crc.sum().to_be_bytes()].concat()
}
