//! GIF: its first frame, or all of them.

use crate::colour::Layout;
use crate::fault::Fault;
use crate::intake::{Intake, Rows, Wish};
use crate::limits::pixels;
use crate::sizing::Size;
use crate::sniff::Header;
use gif::{ColorOutput, DecodeOptions, Decoder, DisposalMethod, MemoryLimit};
use std::num::NonZeroU64;

/// How long browsers show a frame that is told to be shown for 10 ms or less, in milliseconds.
const HASTY_MS: u32 = 100;

pub(crate) fn decode(source: &[u8], header: &Header<'_>, wish: &Wish) -> Result<Intake, Fault> {
    let mut decoder = decoder(source, header.size)?;
    let frame = decoder.read_next_frame().map_err(fault)?;
    let frame = frame.ok_or(Fault::broken("GIF: no frame"))?;
    let rows = Rows::new(header.size, Layout::Rgba, None);
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

/// Of frames that lie on a canvas of that size.
fn decoder(source: &[u8], size: Size) -> Result<Decoder<&[u8]>, Fault> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    // What applications put in is gathered, too.
    let most = NonZeroU64::new(4 * pixels(size) + source.len() as u64);
    options.set_memory_limit(MemoryLimit::Bytes(most.unwrap_or(NonZeroU64::MIN)));
    options.check_frame_consistency(true);
    options.read_info(source).map_err(fault)
}

fn fault(error: gif::DecodingError) -> Fault {
    Fault::broken_by("GIF", &error)
}

/// Draws frame after frame.
pub(super) struct Canvases<'a> {
    decoder: Decoder<&'a [u8]>,
    /// The bytes of a row.
    row_bytes: usize,
    canvas: Vec<u8>,
    /// What was seen before the last frame, where it is to be seen again.
    before: Vec<u8>,
    /// What is to be done before the next is drawn.
    dispose: Dispose,
}

enum Dispose {
    Nothing,
    /// These columns, in bytes, of these rows become transparent.
    Clear(std::ops::Range<usize>, std::ops::Range<usize>),
    Restore,
}

impl<'a> Canvases<'a> {
    pub fn of(source: &'a [u8], size: Size) -> Result<Canvases<'a>, Fault> {
        let row_bytes = 4 * size.width as usize;
        Ok(Canvases {
            decoder: decoder(source, size)?,
            row_bytes,
            canvas: vec![0; row_bytes * size.height as usize],
            before: Vec::new(),
            dispose: Dispose::Nothing,
        })
    }

    /// The canvas with the next frame, and for how many milliseconds it is seen.
    pub fn next(&mut self) -> Result<(&[u8], u32), Fault> {
        match std::mem::replace(&mut self.dispose, Dispose::Nothing) {
            Dispose::Nothing => {}
            Dispose::Clear(columns, rows) => {
                let all = self.canvas.chunks_exact_mut(self.row_bytes);
                all.skip(rows.start).take(rows.len()).for_each(|row| row[columns.clone()].fill(0));
            }
            Dispose::Restore => self.canvas.copy_from_slice(&self.before),
        }
        let frame = self.decoder.read_next_frame().map_err(fault)?;
        let frame = frame.ok_or(Fault::broken("GIF: fewer frames than it has"))?;
        let (left, top) = (4 * usize::from(frame.left), usize::from(frame.top));
        let columns = left..left + 4 * usize::from(frame.width);
        let rows = top..top + usize::from(frame.height);
        self.dispose = match frame.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Dispose::Nothing,
            // Whatever background the file names: browsers clear.
            DisposalMethod::Background => Dispose::Clear(columns.clone(), rows.clone()),
            DisposalMethod::Previous => {
                self.before.clone_from(&self.canvas);
                Dispose::Restore
            }
        };
        if !columns.is_empty() {
            let onto = self.canvas.chunks_exact_mut(self.row_bytes).skip(rows.start);
            for (row, drawn) in onto.zip(frame.buffer.chunks_exact(columns.len())) {
                for (pixel, over) in
                    row[columns.clone()].chunks_exact_mut(4).zip(drawn.chunks_exact(4))
                {
                    if over[3] != 0 {
                        pixel.copy_from_slice(over);
                    }
                }
            }
        }
        let lasts_ms = match 10 * u32::from(frame.delay) {
            0..=10 => HASTY_MS,
            lasts_ms => lasts_ms,
        };
        Ok((&self.canvas, lasts_ms))
    }
}
