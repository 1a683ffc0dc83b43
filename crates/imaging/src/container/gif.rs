//! GIF as blocks (GIF89a).

use super::le16;
use crate::fault::Fault;
use crate::orientation::Orientation;
use crate::sizing::Size;
use crate::sniff::{Cost, Header, Kind};

/// What the headers say.
pub(crate) fn header(source: &[u8]) -> Result<Header<'_>, Fault> {
    let broken = || Fault::broken("GIF: header");
    let side = |at| le16(source, at).map(u32::from).ok_or_else(broken);
    let size = Size { width: side(6)?, height: side(8)? };
    source.get(10).ok_or_else(broken)?;
    let frames = blocks(source).filter(|block| block[0] == 0x2c).count();
    if frames == 0 {
        return Err(Fault::broken("GIF: no frame"));
    }
    Ok(Header {
        kind: Kind::Gif,
        size,
        orientation: Orientation::default(),
        alpha: true,
        frames: u32::try_from(frames).unwrap_or(u32::MAX),
        icc: None,
        exif: None,
        // The frame is kept as indices and as colours.
        cost: Cost { pixel_bytes: 4 },
    })
}

/// The bytes of a table of colours that the flags tell of.
fn table_bytes(flags: u8) -> usize {
    match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    }
}

/// Frames and extensions, as far as the file goes; the last may be cut off.
fn blocks(source: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 13 + source.get(10).map_or(0, |flags| table_bytes(*flags));
    std::iter::from_fn(move || {
        let end = match source.get(at)? {
            0x2c => after_blocks(source, at + 11 + table_bytes(*source.get(at + 9)?)),
            0x21 => after_blocks(source, at + 2),
            _ => return None,
        };
        let block = source.get(at..end.min(source.len()));
        at = end;
        block
    })
}

/// How often an animation is shown in all; 0 is for ever.
pub(crate) fn plays(source: &[u8]) -> u16 {
    let told = blocks(source).find(|block| tells_loops(block));
    match told.and_then(|block| le16(block, 16)) {
        None => 1,
        Some(0) => 0,
        // It is told how often it is shown again.
        Some(again) => again.saturating_add(1),
    }
}

/// Whether an extension says how often frames are shown again.
fn tells_loops(block: &[u8]) -> bool {
    let names: [&[u8]; 2] =
        [b"\x21\xff\x0bNETSCAPE2.0\x03\x01", b"\x21\xff\x0bANIMEXTS1.0\x03\x01"];
    names.iter().any(|name| block.starts_with(name))
}

/// The same file without comments and what applications put in.
pub(crate) fn stripped(source: &[u8]) -> Option<Vec<u8>> {
    let mut at = 13 + table_bytes(*source.get(10)?);
    let mut file = source.get(..at)?.to_vec();
    loop {
        let end = match (source.get(at)?, source.get(at + 1)) {
            (0x3b, _) => {
                file.push(0x3b);
                return Some(file);
            }
            (0x2c, _) => after_blocks(source, at + 11 + table_bytes(*source.get(at + 9)?)),
            (0x21, Some(_)) => after_blocks(source, at + 2),
            _ => return None,
        };
        let block = source.get(at..end)?;
        // Of extensions what tells how frames are shown is kept.
        let is_needed = block[0] == 0x2c || block.get(1) == Some(&0xf9) || tells_loops(block);
        file.extend_from_slice(if is_needed { block } else { &[] });
        at = end;
    }
}

/// What follows a row of blocks.
fn after_blocks(source: &[u8], mut at: usize) -> usize {
    loop {
        match source.get(at) {
            None | Some(0) => return at + 1,
            Some(length) => at += 1 + usize::from(*length),
        }
    }
}
