//! AVIF as boxes (ISO/IEC 23008-12 and the AV1 Image File Format): read and written.

use super::{be16, be32};
use crate::fault::Fault;
use crate::orientation::Orientation;
use crate::sizing::Size;
use crate::sniff::{Cost, Header, Kind};
use std::borrow::Cow;

/// More items, or properties, than a still picture has.
const MAX_ITEMS: usize = 256;

/// Whether a file that begins with a `ftyp` box says that it is an AVIF.
pub(crate) fn is(source: &[u8]) -> bool {
    brands(source).any(|brand| matches!(brand, b"avif" | b"avis"))
}

fn brands(source: &[u8]) -> impl Iterator<Item = &[u8]> {
    let length = be32(source, 0).map_or(0, |length| length as usize);
    let brands = source.get(8..length.clamp(8, 512).min(source.len())).unwrap_or_default();
    // The second is a version.
    brands.chunks_exact(4).enumerate().filter(|(at, _)| *at != 1).map(|(_, brand)| brand)
}

/// The boxes of a row of boxes.
fn boxes(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (name, from, length) = match be32(rest, 0)? {
            0 => (rest.get(4..8)?, 8, rest.len()),
            1 => {
                let length = u64::from(be32(rest, 8)?) << 32 | u64::from(be32(rest, 12)?);
                (rest.get(4..8)?, 16, usize::try_from(length).ok()?)
            }
            length => (rest.get(4..8)?, 8, length as usize),
        };
        let body = rest.get(from..length)?;
        rest = &rest[length..];
        Some((name, body))
    })
}

fn child<'a>(body: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(body).find(|(found, _)| found == name).map(|(_, body)| body)
}

/// How colours are stored, by ITU-T H.273.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nclx {
    /// Which red, green and blue.
    pub primaries: u32,
    /// By which curve.
    pub transfer: u32,
    /// How the planes make colours.
    pub matrix: u32,
    /// Whether samples use all their values.
    pub full_range: bool,
}

/// What a file has of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Avif<'a> {
    /// The frame of colours.
    pub colour: Cow<'a, [u8]>,
    /// That of alpha.
    pub alpha: Option<Cow<'a, [u8]>>,
    /// Whether alpha is multiplied into the colours.
    pub premultiplied: bool,
    /// How colours are stored, where the container tells.
    pub nclx: Option<Nclx>,
    size: Size,
    orientation: Orientation,
    icc: Option<&'a [u8]>,
    exif: Option<&'a [u8]>,
}

/// What the headers say.
pub(crate) fn header(source: &[u8]) -> Result<Header<'_>, Fault> {
    let avif = read(source)?;
    Ok(Header {
        kind: Kind::Avif,
        size: avif.size,
        orientation: avif.orientation,
        alpha: avif.alpha.is_some(),
        frames: frames(source),
        icc: avif.icc.map(Cow::Borrowed),
        exif: avif.exif,
        // Planes of libaom, with its own working memory, and copies of them.
        cost: Cost { pixel_bytes: if avif.alpha.is_some() { 20 } else { 14 } },
    })
}

/// How many frames an animation has; one, if it is none.
fn frames(source: &[u8]) -> u32 {
    let names = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz"];
    let sizes = names.into_iter().try_fold(source, |body, name| child(body, name));
    sizes.and_then(|sizes| be32(sizes, 8)).unwrap_or(1).max(1)
}

/// What a file has of its primary picture.
pub(crate) fn read(source: &[u8]) -> Result<Avif<'_>, Fault> {
    let broken = || Fault::broken("AVIF: its boxes");
    let meta = child(source, b"meta").and_then(|meta| meta.get(4..)).ok_or_else(broken)?;
    let items = Items::read(source, meta).ok_or_else(broken)?;
    let primary = items.primary;
    match items.kind(primary) {
        Some(b"av01") => {}
        Some(b"grid") => return Err(Fault::unsupported("an AVIF made of tiles")),
        _ => return Err(Fault::unsupported("an AVIF without a picture of AV1")),
    }
    let properties = |item| items.properties(item);
    let (across, down) = properties(primary)
        .find(|(name, _)| name == b"ispe")
        .and_then(|(_, body)| Some((be32(body, 4)?, be32(body, 8)?)))
        .ok_or_else(broken)?;
    let alpha = items.references.iter().find(|reference| {
        let names_alpha = |(name, body): (&[u8], &[u8])| {
            name == b"auxC"
                && body.get(4..).is_some_and(|name| {
                    name.starts_with(b"urn:mpeg:")
                        && name.windows(5).any(|part| part == b"alpha" || part == b"auxid")
                })
        };
        reference.name == b"auxl"
            && reference.to == primary
            && properties(reference.from).any(names_alpha)
    });
    let alpha = alpha.map(|reference| reference.from);
    let premultiplied = items.references.iter().any(|reference| {
        reference.name == b"prem" && reference.from == primary && Some(reference.to) == alpha
    });
    let exif = items.references.iter().find(|reference| {
        reference.name == b"cdsc"
            && reference.to == primary
            && items.kind(reference.from) == Some(b"Exif")
    });
    let exif = exif.and_then(|reference| match items.data(reference.from)? {
        Cow::Borrowed(data) => data.get(4 + be32(data, 0)? as usize..),
        Cow::Owned(_) => None,
    });
    Ok(Avif {
        colour: items.data(primary).ok_or_else(broken)?,
        alpha: alpha.map(|alpha| items.data(alpha).ok_or_else(broken)).transpose()?,
        premultiplied,
        nclx: properties(primary).find_map(|(name, body)| nclx(name, body)),
        size: Size { width: across, height: down },
        orientation: orientation(properties(primary)),
        icc: properties(primary).find_map(|(name, body)| match (name, body.get(..4)) {
            (b"colr", Some(b"prof" | b"rICC")) => body.get(4..),
            _ => None,
        }),
        exif,
    })
}

/// The same file with nothing but zeros where EXIF and XMP were: what stands where stays true.
pub(crate) fn stripped(source: &[u8]) -> Option<Vec<u8>> {
    let items = Items::read(source, child(source, b"meta")?.get(4..)?)?;
    let mut file = source.to_vec();
    for (id, kind) in &items.kinds {
        if !matches!(*kind, b"Exif" | b"mime") {
            continue;
        }
        let (_, location) = items.locations.iter().find(|(item, _)| item == id)?;
        // In the box of data they would have to be looked for; no encoder puts them there.
        if location.method != 0 {
            return None;
        }
        for (from, length) in &location.parts {
            // To the end of the file it would be whatever else stands there.
            let length = usize::try_from(*length).ok().filter(|length| *length > 0)?;
            let from = usize::try_from(*from).ok()?;
            file.get_mut(from..from.checked_add(length)?)?.fill(0);
        }
    }
    Some(file)
}

fn nclx(name: &[u8], body: &[u8]) -> Option<Nclx> {
    match body {
        [b'n', b'c', b'l', b'x', codes @ ..] if name == b"colr" => {
            let code = |at| be16(codes, at).map(u32::from);
            Some(Nclx {
                primaries: code(0)?,
                transfer: code(2)?,
                matrix: code(4)?,
                full_range: codes.get(6)? & 0x80 != 0,
            })
        }
        _ => None,
    }
}

/// Turns and mirrors apply in the order in which they stand.
fn orientation<'a>(properties: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Orientation {
    properties.fold(Orientation::default(), |orientation, (name, body)| {
        match (name, body.first()) {
            // Turns are against the clock.
            (b"irot", Some(turns)) => orientation.then(Orientation::quarters((4 - turns % 4) % 4)),
            // An axis of 0 changes top and bottom, one of 1 left and right.
            (b"imir", Some(axis)) => match axis & 1 {
                0 => orientation.then(Orientation::MIRROR).then(Orientation::quarters(2)),
                _ => orientation.then(Orientation::MIRROR),
            },
            _ => orientation,
        }
    })
}

struct Reference<'a> {
    name: &'a [u8],
    from: u32,
    to: u32,
}

struct Items<'a> {
    source: &'a [u8],
    primary: u32,
    kinds: Vec<(u32, &'a [u8])>,
    locations: Vec<(u32, Location)>,
    /// The box that some data stands in.
    data: &'a [u8],
    references: Vec<Reference<'a>>,
    properties: Vec<(&'a [u8], &'a [u8])>,
    /// Which item has which of the properties.
    has: Vec<(u32, usize)>,
}

struct Location {
    /// 0: in the file, 1: in the box of data.
    method: u8,
    /// Where each part is, and how long; 0 is to the end.
    parts: Vec<(u64, u64)>,
}

impl<'a> Items<'a> {
    fn read(source: &'a [u8], meta: &'a [u8]) -> Option<Items<'a>> {
        let pitm = child(meta, b"pitm")?;
        let primary = match pitm.first()? {
            0 => be16(pitm, 4)?.into(),
            _ => be32(pitm, 4)?,
        };
        let iprp = child(meta, b"iprp")?;
        let properties: Vec<_> = boxes(child(iprp, b"ipco")?).take(MAX_ITEMS).collect();
        Some(Items {
            source,
            primary,
            kinds: kinds(child(meta, b"iinf")?)?,
            locations: locations(child(meta, b"iloc")?)?,
            data: child(meta, b"idat").unwrap_or_default(),
            references: child(meta, b"iref").map(references).unwrap_or_default(),
            properties,
            has: associations(child(iprp, b"ipma")?)?,
        })
    }

    fn kind(&self, item: u32) -> Option<&'a [u8]> {
        self.kinds.iter().find(|(id, _)| *id == item).map(|(_, kind)| *kind)
    }

    fn properties(&self, item: u32) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + '_ {
        let of_item = self.has.iter().filter(move |(id, _)| *id == item);
        of_item.filter_map(|(_, at)| self.properties.get(at.checked_sub(1)?).copied())
    }

    fn data(&self, item: u32) -> Option<Cow<'a, [u8]>> {
        let (_, location) = self.locations.iter().find(|(id, _)| *id == item)?;
        let within = match location.method {
            0 => self.source,
            1 => self.data,
            _ => return None,
        };
        let part = |(from, length): &(u64, u64)| {
            let from = usize::try_from(*from).ok()?;
            match usize::try_from(*length).ok()? {
                0 => within.get(from..),
                length => within.get(from..from.checked_add(length)?),
            }
        };
        match location.parts.as_slice() {
            [one] => part(one).map(Cow::Borrowed),
            parts => {
                let parts: Option<Vec<&[u8]>> = parts.iter().map(part).collect();
                let whole = parts?;
                // Parts may overlap: a short file could claim much.
                let length: usize = whole.iter().map(|part| part.len()).sum();
                (length <= self.source.len()).then(|| Cow::Owned(whole.concat()))
            }
        }
    }
}

fn kinds(iinf: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let from = if *iinf.first()? == 0 { 6 } else { 8 };
    let entries = boxes(iinf.get(from..)?).filter(|(name, _)| name == b"infe").take(MAX_ITEMS);
    Some(
        entries
            .filter_map(|(_, body)| match body.first()? {
                2 => Some((be16(body, 4)?.into(), body.get(8..12)?)),
                3 => Some((be32(body, 4)?, body.get(10..14)?)),
                _ => None,
            })
            .collect(),
    )
}

fn associations(ipma: &[u8]) -> Option<Vec<(u32, usize)>> {
    let (version, flags) = (*ipma.first()?, *ipma.get(3)?);
    let count = be32(ipma, 4)? as usize;
    let (mut at, mut has) = (8, Vec::new());
    for _ in 0..count.min(MAX_ITEMS) {
        let item = if version == 0 { be16(ipma, at)?.into() } else { be32(ipma, at)? };
        at += if version == 0 { 2 } else { 4 };
        let properties = *ipma.get(at)?;
        at += 1;
        for _ in 0..properties {
            let (index, length) = match flags & 1 {
                0 => (usize::from(ipma.get(at)? & 0x7f), 1),
                _ => (usize::from(be16(ipma, at)? & 0x7fff), 2),
            };
            has.push((item, index));
            at += length;
        }
    }
    Some(has)
}

fn references(iref: &[u8]) -> Vec<Reference<'_>> {
    let wide = iref.first().is_some_and(|version| *version != 0);
    let id = |body: &[u8], at| if wide { be32(body, at) } else { be16(body, at).map(u32::from) };
    let step = if wide { 4 } else { 2 };
    let mut references = Vec::new();
    for (name, body) in boxes(iref.get(4..).unwrap_or_default()).take(MAX_ITEMS) {
        let (Some(from), Some(count)) = (id(body, 0), be16(body, step)) else { continue };
        let targets =
            (0..usize::from(count).min(MAX_ITEMS)).map_while(|at| id(body, step + 2 + at * step));
        references.extend(targets.map(|to| Reference { name, from, to }));
    }
    references
}

fn locations(iloc: &[u8]) -> Option<Vec<(u32, Location)>> {
    let version = *iloc.first()?;
    let sizes = be16(iloc, 4)?;
    let size = |shift: u16| usize::from(sizes >> shift & 15);
    let (offset, length, base) = (size(12), size(8), size(4));
    let index = if version == 0 { 0 } else { size(0) };
    let mut at = 6;
    let mut number = |bytes: usize| -> Option<u64> {
        let field = iloc.get(at..at + bytes)?;
        at += bytes;
        (bytes <= 8).then(|| field.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    let wide = if version < 2 { 2 } else { 4 };
    let count = number(wide)?;
    let mut locations = Vec::new();
    for _ in 0..count.min(MAX_ITEMS as u64) {
        let item = u32::try_from(number(wide)?).ok()?;
        let method = if version == 0 { 0 } else { (number(2)? & 15) as u8 };
        number(2)?;
        let start = number(base)?;
        let mut parts = Vec::new();
        for _ in 0..number(2)?.min(MAX_ITEMS as u64) {
            number(index)?;
            parts.push((start.checked_add(number(offset)?)?, number(length)?));
        }
        locations.push((item, Location { method, parts }));
    }
    Some(locations)
}
