//! A source that comes on while a picture is made of it. A JPEG of which nothing is needed twice is decoded
//! as it comes, so that no more of it lies in memory than is being read; all others are read whole first.

use crate::container::jpeg::segments;
use crate::fault::{Fault, Measure};
use crate::limits::Limits;
use crate::run::{Made, Recipe, guarded};
use crate::sniff::{Kind, kind};
use crate::work::Work;
use std::io::{self, Read, Take};

/// How much is read at once, in bytes.
const PIECE_BYTES: u64 = 64 << 10;
/// What may stand before the pixels, in bytes: profiles and previews of cameras, seldom beyond 100 KiB.
const MAX_START_BYTES: usize = 1 << 20;

/// A source of which the start is there.
pub(crate) struct Coming<'a> {
    start: Vec<u8>,
    rest: Take<&'a mut dyn Read>,
    /// Its length in bytes.
    bytes: u64,
}

/// What came of it.
pub(crate) enum Came {
    /// A picture, or why there is none.
    Made(Result<Made, Fault>),
    /// Nothing is known: it is damaged, or so odd that it has to be read whole, which it cannot be any more.
    Unknown,
    /// It has to be read whole, and can be.
    NotBegun,
}

impl<'a> Coming<'a> {
    /// Reads the start of a source of so many bytes.
    ///
    /// # Errors
    /// When it cannot be read, or ends too early.
    pub fn begin(from: &'a mut dyn Read, bytes: u64) -> io::Result<Coming<'a>> {
        let mut coming = Coming { start: Vec::new(), rest: from.take(bytes), bytes };
        loop {
            let piece = coming.rest.by_ref().take(PIECE_BYTES).read_to_end(&mut coming.start)?;
            let is_known = kind(&coming.start) != Ok(Kind::Jpeg) || coming.has_scan();
            if is_known || coming.start.len() > MAX_START_BYTES || coming.rest.limit() == 0 {
                return Ok(coming);
            }
            if piece == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Whether the start reaches to the pixels of a JPEG.
    fn has_scan(&self) -> bool {
        segments(&self.start).last().is_some_and(|segment| segment.is_scan())
    }

    /// Makes a picture of it while it comes, where that can be.
    pub fn picture(&mut self, mark: Option<&[u8]>, recipe: &Recipe, limits: &Limits) -> Came {
        // It lies in memory already, or is not of a kind that can be.
        if self.rest.limit() == 0 || !self.has_scan() {
            return Came::NotBegun;
        }
        let made = guarded(|| {
            Fault::beyond(Measure::SourceBytes, self.bytes, limits.source_bytes)?;
            Work::begin(&self.start, recipe, limits)?.made_of_coming(&mut self.rest, mark)
        });
        made.unwrap_or_else(|fault| match fault {
            // Of so many it is known only that they are too many.
            Fault::TooLarge { what: Measure::Scans, .. } => Came::NotBegun,
            fault => Came::Made(Err(fault)),
        })
    }

    /// All of it, where nothing was made of it yet.
    ///
    /// # Errors
    /// When it cannot be read, or ends too early.
    pub fn whole(&mut self) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        whole.try_reserve_exact(usize::try_from(self.bytes).map_err(io::Error::other)?)?;
        whole.append(&mut self.start);
        self.rest.read_to_end(&mut whole)?;
        self.ended().map(|()| whole)
    }

    /// Reads what is left of it, for what comes after it.
    ///
    /// # Errors
    /// When it cannot be read, or ends too early.
    pub fn passed_over(mut self) -> io::Result<()> {
        io::copy(&mut self.rest, &mut io::sink())?;
        self.ended()
    }

    fn ended(&self) -> io::Result<()> {
        match self.rest.limit() {
            0 => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
