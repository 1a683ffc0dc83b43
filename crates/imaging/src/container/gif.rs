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
    let flags = *source.get(10).ok_or_else(broken)?;
    let frames = frames(source, 13 + table_bytes(flags));
    if frames == 0 {
        return Err(Fault::broken("GIF: no frame"));
    }
    Ok(Header {
        kind: Kind::Gif,
        size,
        orientation: Orientation::default(),
        alpha: true,
        frames,
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

/// How many frames there are, as far as the file goes.
fn frames(source: &[u8], mut at: usize) -> u32 {
    let mut count = 0;
    loop {
        match source.get(at) {
            Some(0x2c) => {
                let Some(flags) = source.get(at + 9) else { return count };
                count += 1;
                at = after_blocks(source, at + 11 + table_bytes(*flags));
            }
            Some(0x21) => at = after_blocks(source, at + 2),
            _ => return count,
        }
    }
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
        // Of extensions what tells how a frame is shown is kept.
        let is_needed = source[at] == 0x2c || source.get(at + 1) == Some(&0xf9);
        let block = source.get(at..end)?;
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
