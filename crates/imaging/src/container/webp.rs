//! WebP as chunks of RIFF (RFC 9649).

use super::{exif, le16, le32};
use crate::fault::Fault;
use crate::orientation::Orientation;
use crate::sizing::Size;
use crate::sniff::{Cost, Header, Kind};
use std::borrow::Cow;

const ANIMATED: u8 = 0x02;
const EXIF: u8 = 0x08;
const ALPHA: u8 = 0x10;
const PROFILE: u8 = 0x20;

struct Chunk<'a> {
    name: &'a [u8],
    data: &'a [u8],
}

fn chunks(mut rest: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(le32(rest, 4)?).ok()?;
        let name = rest.get(..4)?;
        let end = length.checked_add(8)?;
        let data = rest.get(8..end)?;
        // A chunk of an odd length is followed by a byte of nothing.
        rest = rest.get(end.next_multiple_of(2)..).unwrap_or_default();
        Some(Chunk { name, data })
    })
}

fn body(source: &[u8]) -> &[u8] {
    source.get(12..).unwrap_or_default()
}

/// A frame of an animation.
pub(crate) struct Frame<'a> {
    /// Pixels from the left.
    pub x: u32,
    /// Pixels from the top.
    pub y: u32,
    /// Its size.
    pub size: Size,
    /// How long it is shown, in milliseconds.
    pub lasts_ms: u32,
    /// Its chunks.
    data: &'a [u8],
}

/// What the headers say.
pub(crate) fn header(source: &[u8]) -> Result<Header<'_>, Fault> {
    let mut header = Header {
        kind: Kind::WebP,
        size: Size { width: 0, height: 0 },
        orientation: Orientation::default(),
        alpha: false,
        frames: 0,
        icc: None,
        exif: None,
        // The frame is decoded whole; VP8L holds it a second time.
        cost: Cost { pixel_bytes: 4 },
    };
    let mut canvas = None;
    for chunk in chunks(body(source)) {
        match chunk.name {
            b"VP8X" => {
                canvas = Some(canvas_of(chunk.data).ok_or(Fault::broken("WebP: header"))?);
                header.alpha = chunk.data[0] & ALPHA != 0;
            }
            b"VP8 " | b"VP8L" => {
                let (size, alpha) = picture(&chunk).ok_or(Fault::broken("WebP: frame header"))?;
                header.alpha |= alpha;
                header.size = size;
                header.frames += 1;
                header.cost.pixel_bytes = if chunk.name == b"VP8L" { 8 } else { 4 };
            }
            b"ANMF" => header.frames += 1,
            b"ICCP" => header.icc = Some(Cow::Borrowed(chunk.data)),
            b"EXIF" => {
                header.exif = Some(chunk.data.strip_prefix(b"Exif\0\0").unwrap_or(chunk.data))
            }
            _ => {}
        }
    }
    if header.frames == 0 {
        return Err(Fault::broken("WebP: no frame"));
    }
    if let Some(first) = first_frame(source) {
        if first.size.width == 0 || canvas.is_none() {
            return Err(Fault::broken("WebP: animation"));
        }
        // Else frames would be missing without a word.
        if le32(source, 4).is_none_or(|length| u64::from(length) + 8 > source.len() as u64) {
            return Err(Fault::broken("WebP: it ends too early"));
        }
        header.cost.pixel_bytes = 12;
    }
    header.size = canvas.unwrap_or(header.size);
    header.orientation = header.exif.map_or(Orientation::default(), exif::orientation);
    Ok(header)
}

fn canvas_of(data: &[u8]) -> Option<Size> {
    Some(Size { width: le24(data, 4)? + 1, height: le24(data, 7)? + 1 })
}

/// The size of a picture, and whether it has transparency of its own.
fn picture(chunk: &Chunk<'_>) -> Option<(Size, bool)> {
    let data = chunk.data;
    match chunk.name {
        b"VP8L" => {
            let bits = le32(data, 1).filter(|_| data[0] == 0x2f)?;
            let size = Size { width: (bits & 0x3fff) + 1, height: (bits >> 14 & 0x3fff) + 1 };
            Some((size, bits >> 28 & 1 == 1))
        }
        _ => {
            let side = |at| Some(u32::from(le16(data, at)? & 0x3fff));
            data.get(3..6).filter(|start| start == b"\x9d\x01\x2a")?;
            Some((Size { width: side(6)?, height: side(8)? }, false))
        }
    }
}

fn le24(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = bytes.get(at..at + 3)?.try_into().ok()?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}

/// The first frame of an animation; nothing where it is none.
pub(crate) fn first_frame(source: &[u8]) -> Option<Frame<'_>> {
    frames(source).next()
}

/// The frames of an animation, up to the first that is damaged.
pub(crate) fn frames(source: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let frames = chunks(body(source)).filter(|chunk| chunk.name == b"ANMF");
    frames.map_while(|Chunk { data, .. }| {
        Some(Frame {
            x: 2 * le24(data, 0)?,
            y: 2 * le24(data, 3)?,
            size: Size { width: le24(data, 6)? + 1, height: le24(data, 9)? + 1 },
            lasts_ms: le24(data, 12)?,
            data: data.get(16..)?,
        })
    })
}

/// How often an animation is shown in all; 0 is for ever.
pub(crate) fn plays(source: &[u8]) -> u16 {
    let anim = chunks(body(source)).find(|chunk| chunk.name == b"ANIM");
    anim.and_then(|chunk| le16(chunk.data, 4)).unwrap_or(1)
}

impl Frame<'_> {
    /// A file of this frame alone.
    pub fn file(&self) -> Vec<u8> {
        let alpha = chunks(self.data).any(|chunk| chunk.name == b"ALPH");
        let parts = [b"ALPH", b"VP8 ", b"VP8L"];
        let parts = chunks(self.data).filter(|chunk| parts.iter().any(|name| chunk.name == *name));
        let mut data = Vec::new();
        if alpha {
            data.extend(extended(ALPHA, self.size));
        }
        data.extend(parts.flat_map(|part| chunk(part.name, part.data)));
        file(&data)
    }
}

fn extended(flags: u8, size: Size) -> Vec<u8> {
    let (width, height) = ((size.width - 1).to_le_bytes(), (size.height - 1).to_le_bytes());
    chunk(b"VP8X", &[&[flags, 0, 0, 0][..], &width[..3], &height[..3]].concat())
}

fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
    let pad: &[u8] = if data.len() % 2 == 1 { &[0] } else { &[] };
    [name, &(data.len() as u32).to_le_bytes(), data, pad].concat()
}

fn file(chunks: &[u8]) -> Vec<u8> {
    [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", chunks].concat()
}

/// The same file with this profile and EXIF, and without what else is not needed to show it.
pub(crate) fn with(
    source: &[u8],
    size: Size,
    icc: Option<&[u8]>,
    exif: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let all = || chunks(body(source));
    let old = all().find(|chunk| chunk.name == b"VP8X").map_or(0, |chunk| chunk.data[0]);
    let lossless_alpha = all().any(|chunk| picture_has_alpha(&chunk));
    let mut flags = old & (ANIMATED | ALPHA);
    flags |= if lossless_alpha { ALPHA } else { 0 };
    flags |= if icc.is_some() { PROFILE } else { 0 } | if exif.is_some() { EXIF } else { 0 };
    let plain = flags & !ALPHA == 0 && !all().any(|chunk| chunk.name == b"ALPH");
    let mut data = Vec::with_capacity(source.len());
    if !plain {
        data.extend(extended(flags, size));
        data.extend(icc.map(|icc| chunk(b"ICCP", icc)).unwrap_or_default());
    }
    let mut frames = 0;
    for part in all() {
        if matches!(part.name, b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" | b"ANMF") {
            frames += usize::from(part.name != b"ANIM" && part.name != b"ALPH");
            data.extend(chunk(part.name, part.data));
        }
    }
    if !plain {
        data.extend(exif.map(|exif| chunk(b"EXIF", exif)).unwrap_or_default());
    }
    (frames > 0).then(|| file(&data))
}

fn picture_has_alpha(chunk: &Chunk<'_>) -> bool {
    chunk.name == b"VP8L" && picture(chunk).is_some_and(|(_, alpha)| alpha)
}
