//! AVIF, written: one picture, and beside it its alpha and EXIF.

use crate::sizing::Size;

/// What stands in a file.
pub(crate) struct Parts<'a> {
    /// The size of the picture.
    pub size: Size,
    /// The frame of colours.
    pub colour: &'a [u8],
    /// Whether it has no colours.
    pub grey: bool,
    /// Whether colours have half as many pixels each way.
    pub halved: bool,
    /// How its planes make colours, by ITU-T H.273.
    pub matrix: u8,
    /// The frame of alpha.
    pub alpha: Option<&'a [u8]>,
    /// The profile of its colours; without one it is sRGB.
    pub icc: Option<&'a [u8]>,
    /// The block of EXIF.
    pub exif: Option<&'a [u8]>,
}

const COLOUR: u16 = 1;
const ALPHA: u16 = 2;
const EXIF: u16 = 3;

/// A file of these parts.
pub(crate) fn file(parts: &Parts<'_>) -> Vec<u8> {
    let profile = if parts.halved || parts.grey { "MA1B" } else { "MA1A" };
    let ftyp = bx(b"ftyp", &[b"avif\0\0\0\0avifmif1miaf", profile.as_bytes()]);
    // Before its bytes a block of EXIF has the place where they begin.
    let exif = parts.exif.map(|exif| [&[0; 4], exif].concat());
    let mut items: Vec<(u16, &[u8])> = vec![(COLOUR, parts.colour)];
    items.extend(parts.alpha.map(|alpha| (ALPHA, alpha)));
    items.extend(exif.as_deref().map(|exif| (EXIF, exif)));
    // How long the boxes before the data are does not depend on where they say that it is.
    let before = ftyp.len() + meta(parts, &items, 0).len() + 8;
    let meta = meta(parts, &items, before);
    let data: Vec<&[u8]> = items.iter().map(|(_, data)| *data).collect();
    [ftyp, meta, bx(b"mdat", &data)].concat()
}

fn bx(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(length);
    out.extend((length as u32).to_be_bytes());
    out.extend_from_slice(name);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// A box with version and flags.
fn full(name: &[u8; 4], version: u8, flags: u8, parts: &[&[u8]]) -> Vec<u8> {
    let head = [version, 0, 0, flags];
    let all: Vec<&[u8]> = std::iter::once(&head[..]).chain(parts.iter().copied()).collect();
    bx(name, &all)
}

fn meta(parts: &Parts<'_>, items: &[(u16, &[u8])], data_at: usize) -> Vec<u8> {
    let hdlr = full(b"hdlr", 0, 0, &[b"\0\0\0\0pict", &[0; 12], b"\0"]);
    let pitm = full(b"pitm", 0, 0, &[&COLOUR.to_be_bytes()]);
    let count = (items.len() as u16).to_be_bytes();
    // Places and lengths of four bytes.
    let mut iloc = [&[0x44, 0][..], &count].concat();
    let mut at = data_at;
    let mut infos = count.to_vec();
    for (id, data) in items {
        iloc.extend([id.to_be_bytes(), [0, 0], [0, 1]].concat());
        iloc.extend((at as u32).to_be_bytes());
        iloc.extend((data.len() as u32).to_be_bytes());
        at += data.len();
        let kind: &[u8] = if *id == EXIF { b"Exif" } else { b"av01" };
        // Exif is not to be shown.
        let hidden = u8::from(*id == EXIF);
        infos.extend(full(b"infe", 2, hidden, &[&id.to_be_bytes(), &[0, 0], kind, b"\0"]));
    }
    let mut links = Vec::new();
    for (id, name) in [(ALPHA, b"auxl"), (EXIF, b"cdsc")] {
        if items.iter().any(|(item, _)| *item == id) {
            links.extend(bx(name, &[&id.to_be_bytes(), &[0, 1], &COLOUR.to_be_bytes()]));
        }
    }
    let iref = if links.is_empty() { Vec::new() } else { full(b"iref", 0, 0, &[&links]) };
    let (iloc, iinf) = (full(b"iloc", 0, 0, &[&iloc]), full(b"iinf", 0, 0, &[&infos]));
    full(b"meta", 0, 0, &[&hdlr, &pitm, &iloc, &iinf, &iref, &properties(parts)])
}

fn properties(parts: &Parts<'_>) -> Vec<u8> {
    let ispe =
        full(b"ispe", 0, 0, &[&parts.size.width.to_be_bytes(), &parts.size.height.to_be_bytes()]);
    let pixi: &[u8] = if parts.grey { &[1, 8] } else { &[3, 8, 8, 8] };
    let pixi = full(b"pixi", 0, 0, &[pixi]);
    let mut all = vec![ispe, pixi, av1c(parts.grey, parts.halved)];
    // BT.709's primaries, sRGB's curve, the full range.
    let nclx = [&b"nclx\0\x01\0\x0d\0"[..], &[parts.matrix, 0x80]].concat();
    all.push(bx(b"colr", &[&nclx]));
    // Which of them the picture has; those that must be understood have a mark.
    let mut of_colour = vec![1, 2, 0x83, 4];
    if let Some(icc) = parts.icc {
        all.push(bx(b"colr", &[b"prof", icc]));
        of_colour.push(all.len() as u8);
    }
    let mut entries = vec![(COLOUR, of_colour)];
    if parts.alpha.is_some() {
        let first = all.len() as u8 + 1;
        all.push(full(b"pixi", 0, 0, &[&[1, 8]]));
        all.push(av1c(true, true));
        all.push(full(b"auxC", 0, 0, &[b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"]));
        entries.push((ALPHA, vec![1, first, 0x80 | (first + 1), first + 2]));
    }
    let mut ipma = (entries.len() as u32).to_be_bytes().to_vec();
    for (item, has) in entries {
        ipma.extend(item.to_be_bytes());
        ipma.push(has.len() as u8);
        ipma.extend(has);
    }
    bx(b"iprp", &[&bx(b"ipco", &[&all.concat()]), &full(b"ipma", 0, 0, &[&ipma])])
}

/// What a decoder must be able to do. The level is left open, as libaom does for still pictures.
fn av1c(grey: bool, halved: bool) -> Vec<u8> {
    let profile: u8 = if halved || grey { 0 } else { 1 };
    let shape = match (grey, halved) {
        (true, _) => 0x10 | 0x0c,
        (false, true) => 0x0c,
        (false, false) => 0,
    };
    bx(b"av1C", &[&[0x81, profile << 5 | 31, shape, 0]])
}
