//! Sources as rows of pixels. One file a format.

mod avif;
mod baseline;
mod gif;
mod jpeg;
mod moving;
mod png;
mod webp;

pub(crate) use baseline::Baseline;
pub(crate) use moving::{Moving, of_canvas, page};

use crate::fault::Fault;
use crate::intake::{Taken, Wish};
use crate::sniff::{Header, Kind};

/// Who decodes a source while it comes on, of which all that stands before the pixels is there. Nobody where
/// it has to be whole.
pub(crate) fn coming<'a>(
    start: &'a [u8],
    header: &Header<'_>,
    wish: &Wish,
) -> Option<Baseline<'a>> {
    match header.kind {
        Kind::Jpeg => jpeg::baseline(start, header, wish),
        Kind::Png | Kind::WebP | Kind::Avif | Kind::Gif => None,
    }
}

/// Decodes a source, as large as it takes to make what is wished for. Gives also the profile that goes
/// along with it.
pub(crate) fn decode(
    source: &[u8],
    header: &Header<'_>,
    wish: &Wish,
) -> Result<(Taken, Option<Vec<u8>>), Fault> {
    let intake = match header.kind {
        Kind::Jpeg => jpeg::decode(source, header, wish)?,
        Kind::Png => png::decode(source, header, wish)?,
        Kind::WebP => webp::decode(source, header, wish)?,
        Kind::Avif => avif::decode(source, header, wish)?,
        Kind::Gif => gif::decode(source, header, wish)?,
    };
    intake.finish()
}
