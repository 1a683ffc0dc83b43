//! JPEG, by libjpeg (mozjpeg's), shrunk while its blocks are transformed.

use super::baseline::Baseline;
use crate::colour::Layout;
use crate::fault::Fault;
use crate::ffi::jpeg::{Stopped, strict};
use crate::intake::{Intake, Rows, Wish};
use crate::resize::SPARE;
use crate::sizing::Size;
use crate::sniff::Header;
use mozjpeg::{ColorSpace, Decompress, Marker};
use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub(crate) fn decode(source: &[u8], header: &Header<'_>, wish: &Wish) -> Result<Intake, Fault> {
    if let Some(own) = baseline(source, header, wish)
        && let Some(intake) = own.decode(&mut io::empty(), header, wish)?
    {
        return Ok(intake);
    }
    // libjpeg's errors are told by unwinding through it, which its build allows for.
    catch_unwind(AssertUnwindSafe(|| rows(source, header, wish))).unwrap_or_else(|error| {
        match error.downcast::<Stopped>() {
            Ok(stopped) => Err(Fault::broken_by("JPEG", &stopped.0)),
            // It is no error of libjpeg's, but a panic.
            Err(panic) => resume_unwind(panic),
        }
    })
}

/// Where it is of those that are read here, as far as what stands before the pixels tells.
pub(crate) fn baseline<'a>(
    start: &'a [u8],
    header: &Header<'_>,
    wish: &Wish,
) -> Option<Baseline<'a>> {
    Baseline::of(start, header, eighths(header.size, wish.target), wish)
}

fn rows(source: &[u8], header: &Header<'_>, wish: &Wish) -> Result<Intake, Fault> {
    let eighths = eighths(header.size, wish.target);
    let ran_dry = Cell::new(false);
    let fault = |error| Fault::broken_by("JPEG", &error);
    let reader = Reader { rest: source, ran_dry: &ran_dry };
    // Adobe's marker tells that inks are stored the other way round.
    let mut jpeg = Decompress::with_markers(&[Marker::APP(14)])
        .with_err(strict())
        .from_reader(reader)
        .map_err(fault)?;
    let layout = match jpeg.color_space() {
        ColorSpace::JCS_GRAYSCALE => Layout::Grey,
        ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK => Layout::Cmyk,
        _ => Layout::Rgb,
    };
    let is_inverted = jpeg.markers().any(|marker| marker.data.starts_with(b"Adobe"));
    if jpeg.size() != (header.size.width as usize, header.size.height as usize) {
        return Err(Fault::broken("JPEG: two frame headers"));
    }
    jpeg.scale(eighths);
    let mut jpeg = jpeg
        .to_colorspace(match layout {
            Layout::Grey => ColorSpace::JCS_GRAYSCALE,
            Layout::Cmyk => ColorSpace::JCS_CMYK,
            _ => ColorSpace::JCS_RGB,
        })
        .map_err(fault)?;
    let size = Size { width: jpeg.width() as u32, height: jpeg.height() as u32 };
    let rows = Rows::new(size, layout, header.icc.as_deref()).shrunk_to(eighths, header.size);
    let mut intake = Intake::new(&rows, wish);
    let mut row = vec![0_u8; jpeg.width() * layout.channels()];
    for _ in 0..size.height {
        jpeg.read_scanlines_into(&mut row).map_err(fault)?;
        if ran_dry.get() {
            return Err(Fault::broken("JPEG: it ends too early"));
        }
        if layout == Layout::Cmyk && is_inverted {
            row.iter_mut().for_each(|v| *v = !*v);
        }
        intake.push8(&row)?;
    }
    Ok(intake)
}

/// How many eighths of its size it is decoded to: enough that it still can be resized well.
fn eighths(size: Size, target: Size) -> u8 {
    if size == target {
        return 8;
    }
    let is_enough = |eighths: u32| {
        let enough = |side: u32, target: u32| {
            u64::from(side) * u64::from(eighths) >= u64::from(8 * SPARE) * u64::from(target)
        };
        enough(size.width, target.width) && enough(size.height, target.height)
    };
    // The others are not faster than the whole.
    [1, 2, 4].into_iter().find(|eighths| is_enough((*eighths).into())).unwrap_or(8)
}

/// The source; it notes when more is asked of it than there is, which libjpeg makes up for with grey.
struct Reader<'a> {
    rest: &'a [u8],
    ran_dry: &'a Cell<bool>,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest.read(buffer)
    }
}

impl BufRead for Reader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.ran_dry.set(self.ran_dry.get() || self.rest.is_empty());
        Ok(self.rest)
    }

    fn consume(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }
}
