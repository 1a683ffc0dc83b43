//! AVIF as boxes (ISO/IEC 23008-12 and the AV1 Image File Format).

use crate::fault::Fault;
use crate::sniff::Header;

/// Whether a file that begins with a `ftyp` box says that it is an AVIF.
pub(crate) fn is(source: &[u8]) -> bool {
    let length = super::be32(source, 0).map_or(0, |length| length as usize);
    let brands = source.get(8..length.clamp(8, 512).min(source.len())).unwrap_or_default();
    brands.chunks_exact(4).enumerate().any(|(at, brand)| at != 1 && brand == b"avif")
}

/// What the headers say.
pub(crate) fn header(_source: &[u8]) -> Result<Header<'_>, Fault> {
    Err(Fault::unsupported("an AVIF"))
}
