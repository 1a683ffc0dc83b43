//! WebP, by libwebp; of an animation the first frame.

use crate::colour::Layout;
use crate::container::webp::first_frame;
use crate::fault::Fault;
use crate::ffi::webp::{self, Pixels};
use crate::intake::{Intake, Rows, SPARE, Wish};
use crate::sizing::Size;
use crate::sniff::Header;

pub(crate) fn decode(source: &[u8], header: &Header<'_>, wish: &Wish) -> Result<Intake, Fault> {
    if let Some(frame) = first_frame(source) {
        let pixels = decoded(&frame.file(), true, None)?;
        let at = (frame.x as usize, frame.y as usize);
        return on_canvas(&pixels, at, header, wish);
    }
    let smaller = match header.alpha {
        // libwebp averages colours without regard to alpha.
        true => None,
        false => scaled(header.size, wish.target),
    };
    let pixels = decoded(source, header.alpha, smaller)?;
    if pixels.size != smaller.unwrap_or(header.size) {
        return Err(Fault::broken("WebP: a frame of another size"));
    }
    let layout = if header.alpha { Layout::Rgba } else { Layout::Rgb };
    let rows = Rows { size: pixels.size, layout, is_deep: false, icc: header.icc.as_deref() };
    let mut intake = Intake::new(&rows, wish);
    let row_bytes = pixels.size.width as usize * layout.channels();
    pixels.bytes.chunks_exact(row_bytes).try_for_each(|row| intake.push8(row))?;
    Ok(intake)
}

/// The size that it is scaled to while it is decoded, if that saves enough.
fn scaled(size: Size, target: Size) -> Option<Size> {
    let half = Size { width: target.width * SPARE, height: target.height * SPARE };
    (size.width >= 2 * half.width && size.height >= 2 * half.height).then_some(half)
}

fn decoded(file: &[u8], alpha: bool, scaled: Option<Size>) -> Result<Pixels, Fault> {
    webp::decode(file, alpha, scaled).ok_or(Fault::broken("WebP: its frame cannot be decoded"))
}

/// A frame in its place on the canvas, which is transparent beside it.
fn on_canvas(
    pixels: &Pixels,
    (left, top): (usize, usize),
    header: &Header<'_>,
    wish: &Wish,
) -> Result<Intake, Fault> {
    let canvas = header.size;
    let (width, height) = (pixels.size.width as usize, pixels.size.height as usize);
    if left + width > canvas.width as usize || top + height > canvas.height as usize {
        return Err(Fault::broken("WebP: a frame beyond its canvas"));
    }
    let icc = header.icc.as_deref();
    let rows = Rows { size: canvas, layout: Layout::Rgba, is_deep: false, icc };
    let mut intake = Intake::new(&rows, wish);
    let mut row = vec![0; 4 * canvas.width as usize];
    for y in 0..canvas.height as usize {
        row.fill(0);
        if (top..top + height).contains(&y) {
            let from = 4 * width * (y - top);
            row[4 * left..4 * (left + width)]
                .copy_from_slice(&pixels.bytes[from..from + 4 * width]);
        }
        intake.push8(&row)?;
    }
    Ok(intake)
}
