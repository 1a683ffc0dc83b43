//! What is done to a picture beside bringing it to its size.

use super::numbers::Milli;
use super::options::{Background, Format};
use super::place::Anchor;
use crate::sniff::Kind;

/// Cuts off what surrounds the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trim {
    /// How much a colour may differ from that of the surroundings, in values of 8 bits.
    pub threshold: Milli,
    /// The colour of the surroundings; nothing: that of the upper left corner.
    pub colour: Option<Background>,
    /// Whether as much is cut off left as right.
    pub equal_across: bool,
    /// Whether as much is cut off above as below.
    pub equal_down: bool,
}

/// Cuts a part out of the source, before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Crop {
    /// Its width: pixels, or below 1 a part of the source's; 0 is all of it.
    pub width: Milli,
    /// Its height likewise.
    pub height: Milli,
    /// Where; nothing: where the plan's gravity is.
    pub at: Option<Anchor>,
}

/// Room around the picture, in pixels of the density 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Padding {
    /// Above.
    pub top: u16,
    /// To the right.
    pub right: u16,
    /// Below.
    pub bottom: u16,
    /// To the left.
    pub left: u16,
}

/// A picture drawn over the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Watermark {
    /// How much it covers: more than 0, at most 1.
    pub opacity: Milli,
    /// Where.
    pub place: Laid,
    /// Its size as a part of the picture's; 0: as large as it is.
    pub scale: Milli,
}

/// How a watermark is laid over a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Laid {
    /// Once; it may stand beyond an edge.
    Once(Anchor),
    /// As often as fits, with that much room between: pixels, or below 1 a part of the picture.
    Tiled(Milli, Milli),
}

/// How good a picture is to look, whatever quality that takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Score {
    /// By SSIMULACRA2, from 1 to 100.
    pub target: u8,
    /// The least quality that is tried.
    pub least: u8,
    /// The most.
    pub most: u8,
}

impl Score {
    /// The least quality where none is told.
    pub const LEAST: u8 = 30;
    /// The most where none is told.
    pub const MOST: u8 = 95;
}

/// The qualities of formats, for those that have one of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Qualities([Option<u8>; 4]);

impl Qualities {
    /// That of a format.
    pub fn get(&self, format: Format) -> Option<u8> {
        self.0[format as usize]
    }

    /// Sets that of a format.
    pub fn set(&mut self, format: Format, quality: u8) {
        self.0[format as usize] = Some(quality);
    }

    /// Takes that of a format back.
    pub fn clear(&mut self, format: Format) {
        self.0[format as usize] = None;
    }
}

/// A set of formats that sources have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kinds(u8);

impl Kinds {
    /// All names, in the order of [`crate::sniff::Kind`].
    pub const NAMES: [&'static str; 5] = ["jpeg", "png", "webp", "avif", "gif"];

    /// Adds one by its name; false if there is none.
    pub fn add(&mut self, name: &str) -> bool {
        let name = if name == "jpg" { "jpeg" } else { name };
        let at = Kinds::NAMES.iter().position(|known| *known == name);
        self.0 |= at.map_or(0, |at| 1 << at);
        at.is_some()
    }

    /// Whether one is in it.
    pub fn has(self, kind: Kind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }

    /// The names of those in it.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Kinds::NAMES
            .into_iter()
            .enumerate()
            .filter_map(move |(at, name)| (self.0 >> at & 1 == 1).then_some(name))
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What of a source stays, where the plan says it; else the site's settings do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Keep {
    /// Who made it and who holds the rights.
    pub copyright: Option<bool>,
    /// All of its EXIF.
    pub metadata: Option<bool>,
    /// The profile of its colours.
    pub profile: Option<bool>,
}

/// What is said beside a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// The name that it is saved under, without an ending.
    pub name: Option<Box<str>>,
    /// Whether browsers save it rather than show it.
    pub is_attachment: bool,
    /// Says nothing, but is part of what is asked for.
    pub buster: Option<Box<str>>,
}
