//! What a source is, by its first bytes, and what its headers say. Nothing is decoded here.

use crate::container::{avif, gif, jpeg, png, webp};
use crate::fault::{Fault, Measure, SVG};
use crate::limits::{Limits, pixels};
use crate::orientation::Orientation;
use crate::sizing::Size;
use std::borrow::Cow;

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JPEG.
    Jpeg,
    /// PNG, animated ones too.
    Png,
    /// WebP.
    WebP,
    /// AVIF.
    Avif,
    /// GIF.
    Gif,
}

/// What the headers of a source say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The format.
    pub kind: Kind,
    /// The size as it is stored, before it is turned.
    pub size: Size,
    /// How it is turned to stand upright.
    pub orientation: Orientation,
    /// Whether it may be transparent.
    pub alpha: bool,
    /// How many frames it has.
    pub frames: u32,
    /// The ICC profile.
    pub icc: Option<Cow<'a, [u8]>>,
    /// The block of EXIF, from its byte order on.
    pub exif: Option<&'a [u8]>,
    /// Bytes of memory that a pixel takes while it is decoded, beside the rows that come out.
    pub cost: Cost,
}

/// What decoding a source holds in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Bytes for each pixel of the source.
    pub pixel_bytes: u32,
}

impl Header<'_> {
    /// The size of the picture when it stands upright.
    pub fn upright(&self) -> Size {
        self.orientation.size(self.size)
    }
}

/// What the headers of a source say, if it is a picture within the limits.
///
/// # Errors
/// It is none, of a kind that is not read, damaged in its headers, or too large.
pub fn header<'a>(source: &'a [u8], limits: &Limits) -> Result<Header<'a>, Fault> {
    limits.source(source)?;
    let header = match kind(source)? {
        Kind::Jpeg => jpeg::header(source, limits.scans)?,
        Kind::Png => png::header(source)?,
        Kind::WebP => webp::header(source)?,
        Kind::Avif => avif::header(source)?,
        Kind::Gif => gif::header(source)?,
    };
    limits.size(header.size)?;
    Fault::beyond(Measure::Frames, header.frames.into(), limits.frames.into())?;
    limits.memory(pixels(header.size) * u64::from(header.cost.pixel_bytes))?;
    Ok(header)
}

/// The format of a source, by its first bytes.
///
/// # Errors
/// It is none that is read.
pub fn kind(source: &[u8]) -> Result<Kind, Fault> {
    match source {
        [0xff, 0xd8, 0xff, ..] => Ok(Kind::Jpeg),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Ok(Kind::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Kind::WebP),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Kind::Gif),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => match avif::is(source) {
            true => Ok(Kind::Avif),
            false => Err(Fault::unsupported("a HEIC picture or a video")),
        },
        _ => Err(other(source)),
    }
}

/// Whether a source may move, by its first bytes: a GIF, or a WebP that says so.
pub fn may_move(source: &[u8]) -> bool {
    match kind(source) {
        Ok(Kind::Gif) => true,
        // The flag of an animation in its VP8X.
        Ok(Kind::WebP) => {
            source.get(12..16) == Some(b"VP8X") && source.get(20).is_some_and(|b| b & 2 != 0)
        }
        _ => false,
    }
}

/// What else it may be, to say so.
fn other(source: &[u8]) -> Fault {
    match source {
        [b'I', b'I', 0x2a, 0, ..] | [b'M', b'M', 0, 0x2a, ..] => Fault::unsupported("a TIFF"),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Fault::unsupported("a BMP"),
        [0, 0, 1, 0, ..] => Fault::unsupported("an icon (ICO)"),
        [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', ..] => {
            Fault::unsupported("a JPEG XL")
        }
        _ if is_svg(source) => Fault::unsupported(SVG),
        _ => Fault::NoPicture,
    }
}

/// Whether a text is an SVG, as far as its first part tells.
pub fn is_svg(source: &[u8]) -> bool {
    let start = &source[..source.len().min(1024)];
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    text.starts_with(b"<") && start.windows(4).any(|part| part.eq_ignore_ascii_case(b"<svg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        for (source, kind) in [
            (&b"\xff\xd8\xff\xe0"[..], Ok(Kind::Jpeg)),
            (b"\x89PNG\r\n\x1a\n", Ok(Kind::Png)),
            (b"RIFF....WEBPVP8 ", Ok(Kind::WebP)),
            (b"GIF89a", Ok(Kind::Gif)),
            (b"\0\0\0\x14ftypavif\0\0\0\0avif", Ok(Kind::Avif)),
            (b"\0\0\0\x14ftypmif1\0\0\0\0avif", Ok(Kind::Avif)),
            (b"\0\0\0\x14ftypheic\0\0\0\0heic", Err("a HEIC")),
            (b"II*\0", Err("a TIFF")),
            (b"<?xml version='1.0'?>\n<svg xmlns=''/>", Err("an SVG")),
            (b"<html><p>Not found", Err("no picture")),
            (b"", Err("no picture")),
        ] {
            match (self::kind(source), kind) {
                (Ok(found), kind) => assert_eq!(Ok(found), kind, "{source:?}"),
                (Err(fault), Err(words)) => assert!(fault.to_string().contains(words), "{fault}"),
                (Err(fault), Ok(_)) => panic!("{source:?}: {fault}"),
            }
        }
    }
}
