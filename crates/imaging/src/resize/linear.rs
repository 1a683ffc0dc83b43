//! A whole picture, kept until it is known what of it is wanted.

use super::{Lines, Pair, Part, Scaler};
use crate::raster::Raster;
use crate::sizing::Size;

/// A picture in linear light of 16 bits a channel, alpha multiplied in.
pub(crate) struct Linear {
    lines: Lines,
    pixels: Vec<u16>,
}

impl Linear {
    /// Of lines that are still to come.
    pub fn new(lines: Lines) -> Linear {
        let Size { width, height } = lines.size;
        let samples = width as usize * height as usize * lines.channels();
        Linear { lines, pixels: Vec::with_capacity(samples) }
    }

    /// Takes the next line.
    pub fn push(&mut self, line: &[Pair]) {
        let channels = self.lines.channels();
        let light = line.iter().flat_map(|pair| &pair[..channels]);
        self.pixels.extend(light.map(|light| (light + 0.5) as u16));
    }

    /// A part of it.
    pub fn resized(&self, part: &Part) -> Raster {
        let mut scaler = Scaler::new(self.lines, part);
        let (columns, rows, channels) = (scaler.columns(), scaler.rows(), self.lines.channels());
        let columns = columns.start as usize * channels..columns.end as usize * channels;
        let all = self.pixels.chunks_exact(self.lines.size.width as usize * channels);
        for row in all.skip(rows.start as usize).take(rows.len()) {
            let row = &row[columns.clone()];
            scaler.push(|line, which| {
                for (to, pixel) in line.iter_mut().zip(row.chunks_exact(channels)) {
                    let to = &mut to[4 * which..][..channels];
                    to.iter_mut().zip(pixel).for_each(|(to, light)| *to = f32::from(*light));
                }
            });
        }
        scaler.finish()
    }
}
