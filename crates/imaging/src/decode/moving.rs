//! The frames of an animation, one after another, each as the whole canvas that is seen.

use super::{gif, webp};
use crate::colour::Layout;
use crate::container;
use crate::fault::Fault;
use crate::intake::{Intake, Rows, Taken, Wish};
use crate::sniff::{Header, Kind};

/// The longest that an animation may last, in milliseconds: libwebp counts in 31 bits.
const MAX_MS: u32 = i32::MAX as u32;

/// Reads the frames; never more than the canvases that it takes to go on are in memory.
pub(crate) struct Moving<'a> {
    canvases: Canvases<'a>,
    /// How often all are shown; 0 is for ever.
    pub plays: u16,
    left: u32,
    begins_ms: u32,
}

enum Canvases<'a> {
    Gif(Box<gif::Canvases<'a>>),
    WebP(webp::Canvases<'a>),
}

/// What is seen for some time.
pub(crate) struct Shown<'c> {
    /// The whole canvas, in red, green, blue and alpha.
    pub rgba: &'c [u8],
    /// From when on, in milliseconds.
    pub begins_ms: u32,
    /// Until when.
    pub ends_ms: u32,
}

impl<'a> Moving<'a> {
    /// Whether animations of that kind are read, not only their first frames.
    pub fn reads(kind: Kind) -> bool {
        matches!(kind, Kind::Gif | Kind::WebP)
    }

    /// From the first frame on.
    pub fn of(source: &'a [u8], header: &Header<'_>) -> Result<Moving<'a>, Fault> {
        let (canvases, plays) = match header.kind {
            Kind::Gif => (
                Canvases::Gif(Box::new(gif::Canvases::of(source, header.size)?)),
                container::gif::plays(source),
            ),
            Kind::WebP => (
                Canvases::WebP(webp::Canvases::of(source, header, MAX_MS)?),
                container::webp::plays(source),
            ),
            _ => return Err(Fault::unsupported("an animation of another kind")),
        };
        Ok(Moving { canvases, plays, left: header.frames, begins_ms: 0 })
    }

    /// The next of as many as the header tells of.
    pub fn next(&mut self) -> Result<Option<Shown<'_>>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let (rgba, lasts_ms) = match &mut self.canvases {
            Canvases::Gif(canvases) => canvases.next()?,
            Canvases::WebP(canvases) => canvases.next()?,
        };
        let begins_ms = self.begins_ms;
        let ends_ms = begins_ms.saturating_add(lasts_ms);
        if ends_ms > MAX_MS {
            return Err(Fault::broken("an animation of weeks"));
        }
        self.begins_ms = ends_ms;
        Ok(Some(Shown { rgba, begins_ms, ends_ms }))
    }
}

/// A canvas as what is wished for, with the profile that goes along.
pub(crate) fn of_canvas(
    rgba: &[u8],
    header: &Header<'_>,
    wish: &Wish,
) -> Result<(Taken, Option<Vec<u8>>), Fault> {
    let icc = header.icc.as_deref();
    let rows = Rows::new(header.size, Layout::Rgba, icc);
    let mut intake = Intake::new(&rows, wish);
    let row_bytes = 4 * header.size.width as usize;
    rgba.chunks_exact(row_bytes).try_for_each(|row| intake.push8(row))?;
    intake.finish()
}

/// One frame of an animation, from 0; the last, where there are not so many.
pub(crate) fn page(
    source: &[u8],
    header: &Header<'_>,
    page: u32,
    wish: &Wish,
) -> Result<(Taken, Option<Vec<u8>>), Fault> {
    let mut moving = Moving::of(source, header)?;
    for _ in 0..page.min(header.frames - 1) {
        moving.next()?;
    }
    let shown = moving.next()?.ok_or(Fault::broken("no such frame"))?;
    of_canvas(shown.rgba, header, wish)
}
