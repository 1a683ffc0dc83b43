//! The coded data of a scan, of which one piece is in memory at a time.

use super::bits::{Bits, Place};
use std::io::{Chain, Read};

/// Bytes of the piece: many units, and little beside what a picture takes.
const BYTES: usize = 64 << 10;

/// The piece, and what follows it.
pub(super) struct Window<'a> {
    bytes: Vec<u8>,
    rest: Chain<&'a [u8], &'a mut dyn Read>,
    /// Whether nothing follows.
    is_all: bool,
}

impl<'a> Window<'a> {
    /// One of `coded`, and of what follows it. Nothing where that cannot be read.
    pub fn new(coded: &'a [u8], rest: &'a mut dyn Read) -> Option<Window<'a>> {
        let bytes = Vec::with_capacity(BYTES);
        let mut window = Window { bytes, rest: coded.chain(rest), is_all: false };
        window.moved_to(Place::default())?;
        Some(window)
    }

    /// The bits of the piece from a place on.
    pub fn bits(&self, place: Place) -> Bits<'_> {
        Bits::new(&self.bytes, place, self.is_all)
    }

    /// Goes on to a place: the same one in the piece that begins there. Nothing where what follows cannot be
    /// read.
    #[cold]
    pub fn moved_to(&mut self, place: Place) -> Option<Place> {
        self.bytes.drain(..place.at);
        let room = BYTES - self.bytes.len();
        self.rest.by_ref().take(room as u64).read_to_end(&mut self.bytes).ok()?;
        self.is_all = self.bytes.len() < BYTES;
        Some(place.at_the_start())
    }
}
