//! AVIF, by libaom.

use super::Manner;
use crate::fault::Fault;
use crate::raster::Raster;

pub(crate) fn encode(_: &Raster, _: &Manner<'_>) -> Result<Vec<u8>, Fault> {
    Err(Fault::unsupported("an AVIF"))
}
