//! The first frame of a GIF.

use crate::colour::Layout;
use crate::fault::Fault;
use crate::intake::{Intake, Rows, Wish};
use crate::limits::pixels;
use crate::sniff::Header;
use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use std::num::NonZeroU64;

pub(crate) fn decode(source: &[u8], header: &Header<'_>, wish: &Wish) -> Result<Intake, Fault> {
    let fault = |error| Fault::broken_by("GIF", &error);
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let most = NonZeroU64::new(4 * pixels(header.size)).unwrap_or(NonZeroU64::MIN);
    options.set_memory_limit(MemoryLimit::Bytes(most));
    options.check_frame_consistency(true);
    let mut decoder = options.read_info(source).map_err(fault)?;
    let frame = decoder.read_next_frame().map_err(fault)?;
    let frame = frame.ok_or(Fault::broken("GIF: no frame"))?;
    let rows = Rows { size: header.size, layout: Layout::Rgba, is_deep: false, icc: None };
    let mut intake = Intake::new(&rows, wish);
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let width = usize::from(frame.width);
    let mut row = vec![0; 4 * header.size.width as usize];
    for y in 0..header.size.height as usize {
        row.fill(0);
        let from = y.checked_sub(top).map(|y| 4 * width * y);
        if let Some(pixels) = from.and_then(|from| frame.buffer.get(from..from + 4 * width)) {
            row[4 * left..4 * (left + width)].copy_from_slice(pixels);
        }
        intake.push8(&row)?;
    }
    Ok(intake)
}
