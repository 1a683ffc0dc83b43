//! AVIF, by libaom.

use crate::fault::Fault;
use crate::intake::{Intake, Wish};
use crate::sniff::Header;

pub(crate) fn decode(_: &[u8], _: &Header<'_>, _: &Wish) -> Result<Intake, Fault> {
    Err(Fault::unsupported("an AVIF"))
}
