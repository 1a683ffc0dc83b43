//! PNG, row by row where it is not interlaced.

use crate::colour::Layout;
use crate::fault::Fault;
use crate::intake::{Intake, Rows, Wish};
use crate::sizing::Size;
use crate::sniff::Header;
use png::{BitDepth, ColorType, Limits, Transformations};
use std::io::Cursor;

/// What one row and the tables beside it may take, in bytes.
const MAX_TABLE_BYTES: usize = 16 << 20;

pub(crate) fn decode(source: &[u8], header: &Header<'_>, wish: &Wish) -> Result<Intake, Fault> {
    let fault = |error| Fault::broken_by("PNG", &error);
    let limits = Limits { bytes: MAX_TABLE_BYTES };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(source), limits);
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(fault)?;
    let size = Size { width: reader.info().width, height: reader.info().height };
    let is_interlaced = reader.info().interlaced;
    if size != header.size {
        return Err(Fault::broken("PNG: two headers"));
    }
    let (colour, depth) = reader.output_color_type();
    let layout = match colour {
        ColorType::Grayscale => Layout::Grey,
        ColorType::GrayscaleAlpha => Layout::GreyAlpha,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        ColorType::Indexed => return Err(Fault::broken("PNG: no palette")),
    };
    let is_deep = depth == BitDepth::Sixteen;
    let rows = Rows { is_deep, ..Rows::new(size, layout, header.icc.as_deref()) };
    let mut intake = Intake::new(&rows, wish);
    let samples = size.width as usize * layout.channels();
    let row_bytes = if is_deep { 2 * samples } else { samples };
    let mut deep = Vec::new();
    let mut push = |row: &[u8]| match is_deep {
        false => intake.push8(row),
        true => {
            deep.clear();
            deep.extend(row.chunks_exact(2).map(|v| u16::from_be_bytes([v[0], v[1]])));
            intake.push16(&deep)
        }
    };
    if is_interlaced {
        let mut whole = vec![0; row_bytes * size.height as usize];
        reader.next_frame(&mut whole).map_err(fault)?;
        whole.chunks_exact(row_bytes).try_for_each(push)?;
    } else {
        let mut row = vec![0; row_bytes];
        for _ in 0..size.height {
            reader
                .read_row(&mut row)
                .map_err(fault)?
                .ok_or(Fault::broken("PNG: it ends too early"))?;
            push(&row)?;
        }
    }
    Ok(intake)
}
