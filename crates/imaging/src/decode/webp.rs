//! WebP, by libwebp; of an animation the first frame, or all of them.

use crate::colour::Layout;
use crate::container::webp::{first_frame, frames};
use crate::fault::Fault;
use crate::ffi::webp::{self, Pixels};
use crate::ffi::webp_moving::Decoder;
use crate::intake::{Intake, Rows, Wish};
use crate::resize::SPARE;
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
    let rows = Rows::new(pixels.size, layout, header.icc.as_deref());
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
    let rows = Rows::new(canvas, Layout::Rgba, icc);
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

/// Draws frame after frame.
pub(super) struct Canvases<'a> {
    decoder: Decoder<'a>,
    /// For how many milliseconds each that is still to come is seen, the next at the end.
    lasts_ms: Vec<u32>,
}

impl<'a> Canvases<'a> {
    /// Of frames that last no longer in all than `most_ms`.
    pub fn of(source: &'a [u8], header: &Header<'_>, most_ms: u32) -> Result<Canvases<'a>, Fault> {
        let mut lasts_ms: Vec<u32> = frames(source).map(|frame| frame.lasts_ms).collect();
        // libwebp adds them up too.
        if lasts_ms.iter().map(|lasts| u64::from(*lasts)).sum::<u64>() > most_ms.into() {
            return Err(Fault::broken("WebP: an animation of weeks"));
        }
        lasts_ms.reverse();
        let decoder = Decoder::new(source).ok_or(Fault::broken("WebP: animation"))?;
        let told = (header.size, header.frames as usize);
        if (decoder.size, decoder.frames as usize) != told || lasts_ms.len() != told.1 {
            return Err(Fault::broken("WebP: frames that its header does not tell of"));
        }
        Ok(Canvases { decoder, lasts_ms })
    }

    /// The canvas with the next frame, and for how many milliseconds it is seen.
    pub fn next(&mut self) -> Result<(&[u8], u32), Fault> {
        let canvas = self.decoder.next();
        let canvas = canvas.ok_or(Fault::broken("WebP: its frame cannot be decoded"))?;
        Ok((canvas, self.lasts_ms.pop().unwrap_or(0)))
    }
}
