//! EXIF: the orientation, and who made a picture and holds the rights; read, and written with these only.

use super::{be16, be32, le16, le32};
use crate::orientation::Orientation;

const ORIENTATION: u16 = 0x0112;
const ARTIST: u16 = 0x013b;
const COPYRIGHT: u16 = 0x8298;
/// ASCII, in the table of types.
const TEXT: u16 = 2;
/// The longest text that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// Who made a picture, and who holds the rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    /// Who made it, without the final zero.
    pub artist: Option<Vec<u8>>,
    /// Who holds the rights, without the final zero.
    pub copyright: Option<Vec<u8>>,
}

/// The orientation that a block of EXIF tells.
pub(crate) fn orientation(exif: &[u8]) -> Orientation {
    Orientation::by_exif(entries(exif).find_map(|entry| entry.orientation()).unwrap_or(1))
}

/// A block of EXIF whose orientation is that of a picture that stands upright.
pub(crate) fn upright(exif: &[u8]) -> Vec<u8> {
    let mut upright = exif.to_vec();
    let told = entries(exif).find(|entry| entry.orientation().is_some());
    if let Some(Entry { kind, little, at, .. }) = told {
        let one: &[u8] = match (kind, little) {
            (3, true) => &[1, 0],
            (3, false) => &[0, 1],
            (_, true) => &[1, 0, 0, 0],
            (_, false) => &[0, 0, 0, 1],
        };
        if let Some(value) = upright.get_mut(at..at + one.len()) {
            value.copy_from_slice(one);
        }
    }
    upright
}

/// What a block of EXIF says of who made the picture.
pub(crate) fn rights(exif: &[u8]) -> Rights {
    let text = |tag| entries(exif).find(|entry| entry.tag == tag)?.text();
    Rights { artist: text(ARTIST), copyright: text(COPYRIGHT) }
}

impl Rights {
    /// A block of EXIF that says this; nothing where there is nothing to say.
    pub fn exif(&self) -> Option<Vec<u8>> {
        let fields = [(ARTIST, &self.artist), (COPYRIGHT, &self.copyright)];
        let fields: Vec<(u16, Vec<u8>)> = fields
            .into_iter()
            .filter_map(|(tag, text)| Some((tag, [text.as_deref()?, b"\0"].concat())))
            .collect();
        if fields.is_empty() {
            return None;
        }
        let mut exif = b"MM\0\x2a\0\0\0\x08".to_vec();
        exif.extend((fields.len() as u16).to_be_bytes());
        let mut texts = Vec::new();
        let texts_at = exif.len() + 12 * fields.len() + 4;
        for (tag, text) in fields {
            exif.extend(tag.to_be_bytes());
            exif.extend(TEXT.to_be_bytes());
            exif.extend((text.len() as u32).to_be_bytes());
            match text.len() <= 4 {
                true => exif.extend_from_slice(&[&text[..], &[0; 4]].concat()[..4]),
                false => {
                    exif.extend(((texts_at + texts.len()) as u32).to_be_bytes());
                    texts.extend(text);
                    // Values begin at even places.
                    texts.resize(texts.len().next_multiple_of(2), 0);
                }
            }
        }
        exif.extend([0; 4]);
        exif.extend(texts);
        Some(exif)
    }
}

struct Entry<'a> {
    exif: &'a [u8],
    little: bool,
    tag: u16,
    kind: u16,
    count: u32,
    /// Where the value, or its place, stands.
    at: usize,
}

impl Entry<'_> {
    fn orientation(&self) -> Option<u16> {
        let is_it = self.tag == ORIENTATION && matches!(self.kind, 3 | 4) && self.count == 1;
        match (is_it, self.kind) {
            (false, _) => None,
            (_, 3) => read16(self.exif, self.at, self.little),
            _ => u16::try_from(read32(self.exif, self.at, self.little)?).ok(),
        }
    }

    fn text(&self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.count).ok()?;
        if self.kind != TEXT || length > MAX_TEXT_BYTES {
            return None;
        }
        let at = match length <= 4 {
            true => self.at,
            false => usize::try_from(read32(self.exif, self.at, self.little)?).ok()?,
        };
        let text = self.exif.get(at..at.checked_add(length)?)?;
        let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
        let text = text[..end].trim_ascii();
        (!text.is_empty()).then(|| text.to_vec())
    }
}

/// The entries of the first table, which is that of the main picture.
fn entries(exif: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let little = exif.starts_with(b"II*\0");
    let is_exif = little || exif.starts_with(b"MM\0*");
    let table = read32(exif, 4, little).and_then(|at| usize::try_from(at).ok());
    let table = table.filter(|_| is_exif).unwrap_or(usize::MAX);
    let count = read16(exif, table, little).unwrap_or(0);
    (0..usize::from(count)).map_while(move |index| {
        let at = table + 2 + 12 * index;
        Some(Entry {
            exif,
            little,
            tag: read16(exif, at, little)?,
            kind: read16(exif, at + 2, little)?,
            count: read32(exif, at + 4, little)?,
            at: at + 8,
        })
    })
}

fn read16(bytes: &[u8], at: usize, little: bool) -> Option<u16> {
    if little { le16(bytes, at) } else { be16(bytes, at) }
}

fn read32(bytes: &[u8], at: usize, little: bool) -> Option<u32> {
    if little { le32(bytes, at) } else { be32(bytes, at) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A block of EXIF that tells an orientation.
    pub(crate) fn turned(number: u16) -> Vec<u8> {
        let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend(number.to_le_bytes());
        exif.extend([0; 6]);
        exif
    }

    #[test]
    fn orientations_are_read_in_either_order_of_bytes() {
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        assert_eq!(orientation(big).exif(), 6);
        assert_eq!(orientation(&turned(8)).exif(), 8);
        assert_eq!(orientation(&turned(9)).exif(), 1);
        for exif in [&big[..], &turned(8)] {
            let made = upright(exif);
            assert_eq!((orientation(&made).exif(), made.len()), (1, exif.len()));
        }
        for end in 0..big.len() {
            let _ = upright(&big[..end]);
            let _ = (orientation(&big[..end]), rights(&big[..end]));
        }
        assert!(orientation(b"II*\0\xff\xff\xff\xff\0").is_upright());
    }

    #[test]
    fn rights_are_written_as_they_are_read() {
        for (artist, copyright) in [
            (None, None),
            (Some("Al"), None),
            (Some("Ada"), Some("© 2026 Ada Lovelace")),
            (None, Some("A. N. Other")),
        ] {
            let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
            let written = Rights { artist: bytes(artist), copyright: bytes(copyright) };
            let exif = written.exif();
            assert_eq!(exif.is_none(), artist.is_none() && copyright.is_none());
            assert_eq!(rights(&exif.unwrap_or_default()), written);
        }
    }
}
