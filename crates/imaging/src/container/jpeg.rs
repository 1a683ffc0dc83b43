//! JPEG as segments (ITU-T T.81, annex B).

use super::{be16, exif};
use crate::fault::{Fault, Measure};
use crate::orientation::Orientation;
use crate::sizing::Size;
use crate::sniff::{Cost, Header, Kind};
use std::borrow::Cow;

const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;
const COM: u8 = 0xfe;
const EXIF: &[u8] = b"Exif\0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";

pub(crate) struct Segment<'a> {
    /// Its marker, without the 0xff before it.
    pub marker: u8,
    /// What it holds, without its length.
    pub data: &'a [u8],
    /// The whole of it, marker and length too.
    pub whole: &'a [u8],
}

impl Segment<'_> {
    /// Whether it is the one before the pixels.
    pub fn is_scan(&self) -> bool {
        self.marker == SOS
    }
}

/// The segments up to the first scan, that one's too.
pub(crate) fn segments(source: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut rest = source.get(2..).unwrap_or_default();
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        // Any number of fill bytes may stand before a marker.
        let fill = rest.iter().take_while(|b| **b == 0xff).count();
        let marker = *rest.get(fill).filter(|_| fill > 0)?;
        let from = fill - 1;
        let length = match marker {
            0x01 | 0xd0..=0xd8 => 0,
            EOI => return None,
            _ => usize::from(be16(rest, fill + 1)?).max(2),
        };
        let end = fill + 1 + length;
        let whole = rest.get(from..end)?;
        let data = if length == 0 { &[] } else { rest.get(fill + 3..end)? };
        rest = &rest[end..];
        ended = marker == SOS;
        Some(Segment { marker, data, whole })
    })
}

/// What the headers say.
pub(crate) fn header(source: &[u8], max_scans: u32) -> Result<Header<'_>, Fault> {
    let mut frame = None;
    let mut exif = None;
    let mut profile: Vec<(u8, &[u8])> = Vec::new();
    let mut has_scan = false;
    for segment in segments(source) {
        match segment.marker {
            0xc0..=0xc2 => frame = frame.or(Some(Frame::read(&segment)?)),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Err(Fault::unsupported("a lossless or arithmetic JPEG"));
            }
            0xe1 if exif.is_none() => exif = segment.data.strip_prefix(EXIF),
            0xe2 => profile.extend(part_of_profile(segment.data)),
            SOS => has_scan = true,
            _ => {}
        }
    }
    let frame = frame.ok_or(Fault::broken("JPEG: no frame"))?;
    if !has_scan {
        return Err(Fault::broken("JPEG: no scan"));
    }
    if frame.progressive {
        Fault::beyond(Measure::Scans, scans(source), max_scans.into())?;
    }
    Ok(Header {
        kind: Kind::Jpeg,
        size: frame.size,
        orientation: exif.map_or(Orientation::default(), exif::orientation),
        alpha: false,
        frames: 1,
        icc: whole_profile(profile).map(Cow::Owned),
        exif,
        cost: frame.cost(),
    })
}

struct Frame {
    size: Size,
    progressive: bool,
    /// Samples for eight pixels, over all components.
    samples_of_8: u32,
}

impl Frame {
    fn read(segment: &Segment<'_>) -> Result<Frame, Fault> {
        let broken = || Fault::broken("JPEG: frame header");
        let [depth, _, _, _, _, count, components @ ..] = segment.data else {
            return Err(broken());
        };
        if *depth != 8 {
            return Err(Fault::unsupported("a JPEG of 12 bits"));
        }
        let side = |at| be16(segment.data, at).map(u32::from).ok_or_else(broken);
        let size = Size { width: side(3)?, height: side(1)? };
        let mut factors = Vec::new();
        for component in components.chunks_exact(3).take((*count).into()) {
            factors.push((u32::from(component[1] >> 4), u32::from(component[1] & 15)));
        }
        let is_whole = factors.len() == usize::from(*count) && matches!(factors.len(), 1 | 3 | 4);
        if !is_whole || factors.iter().any(|(h, v)| !matches!(h, 1..=4) || !matches!(v, 1..=4)) {
            return Err(broken());
        }
        let most = |of: fn(&(u32, u32)) -> u32| factors.iter().map(of).max().unwrap_or(1);
        let all: u32 = factors.iter().map(|(h, v)| h * v).sum();
        let samples_of_8 = (8 * all).div_ceil(most(|f| f.0) * most(|f| f.1));
        Ok(Frame { size, progressive: segment.marker == 0xc2, samples_of_8 })
    }

    /// A progressive one is kept as coefficients of two bytes until its last scan.
    fn cost(&self) -> Cost {
        Cost { pixel_bytes: if self.progressive { (2 * self.samples_of_8).div_ceil(8) } else { 0 } }
    }
}

/// How many scans a file has.
fn scans(source: &[u8]) -> u64 {
    // Within coded data a marker's byte is followed by zero, so this counts a few too many at the worst.
    let mut count = 0;
    let mut rest = source;
    while let Some(at) = rest.iter().position(|b| *b == 0xff) {
        rest = &rest[at + 1..];
        count += u64::from(rest.first() == Some(&SOS));
    }
    count
}

/// A part of an ICC profile, and which.
fn part_of_profile(data: &[u8]) -> Option<(u8, &[u8])> {
    match data.strip_prefix(ICC)? {
        [number, _, part @ ..] => Some((*number, part)),
        _ => None,
    }
}

fn whole_profile(mut parts: Vec<(u8, &[u8])>) -> Option<Vec<u8>> {
    parts.sort_by_key(|(number, _)| *number);
    let whole: Vec<u8> = parts.into_iter().flat_map(|(_, part)| part.iter().copied()).collect();
    (!whole.is_empty()).then_some(whole)
}

/// The same file without what is not needed to show it: comments, and the segments of applications but
/// for Adobe's (it tells the colours), and the ICC profile. With `exif` in the place of its own.
pub(crate) fn stripped(source: &[u8], exif: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut file = Vec::with_capacity(source.len());
    file.extend_from_slice(&[0xff, 0xd8]);
    if let Some(exif) = exif {
        file.extend(segment(0xe1, &[EXIF, exif].concat())?);
    }
    let mut scan = None;
    for segment in segments(source) {
        let is_needed = match segment.marker {
            0xe2 => segment.data.starts_with(ICC),
            0xee => segment.data.starts_with(b"Adobe"),
            // Without JFIF's, three components with odd names would be taken for RGB.
            0xe0 => segment.data.starts_with(b"JFIF\0"),
            0xe1 | 0xe3..=0xed | 0xef | COM => false,
            _ => true,
        };
        if segment.marker == SOS {
            scan = Some(segment.whole.as_ptr() as usize - source.as_ptr() as usize);
            break;
        }
        if is_needed {
            file.extend_from_slice(segment.whole);
        }
    }
    let data = &source[scan?..];
    // What follows the end of the picture goes too.
    let end = end_of_picture(data).unwrap_or(data.len());
    file.extend_from_slice(&data[..end]);
    Some(file)
}

/// A segment of its own.
pub(crate) fn segment(marker: u8, data: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(data.len() + 2).ok()?;
    Some([&[0xff, marker][..], &length.to_be_bytes(), data].concat())
}

/// The segments of an ICC profile.
pub(crate) fn profile_segments(icc: &[u8]) -> Vec<u8> {
    const PART_BYTES: usize = 65_519;
    let parts = icc.chunks(PART_BYTES);
    let Ok(count) = u8::try_from(parts.len()) else { return Vec::new() };
    let mut segments = Vec::new();
    for (number, part) in (1..=count).zip(parts) {
        segments.extend(segment(0xe2, &[ICC, &[number, count], part].concat()).unwrap_or_default());
    }
    segments
}

/// Where the end of the picture stands after its first scan, that mark too.
fn end_of_picture(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += data.get(at..)?.iter().position(|b| *b == 0xff)? + 1;
        match *data.get(at)? {
            EOI => return Some(at + 1),
            // Zero and restarts are part of the coded data, a fill byte is nothing.
            0 | 0xff | 0x01 | 0xd0..=0xd7 => {}
            // A table between scans may hold anything.
            _ => at += 1 + usize::from(be16(data, at + 1)?),
        }
    }
}
