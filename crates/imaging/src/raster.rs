//! Pixels, whole and in sRGB as they are shown: what stands between resizing and encoding.

use crate::orientation::Orientation;
use crate::plan::Background;
use crate::sizing::{Area, Size, Sizing};

/// A picture of 8 bits a channel, in the order of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raster {
    /// Its size.
    pub size: Size,
    /// Whether there is a fourth channel; it is not multiplied into the others.
    pub alpha: bool,
    /// Red, green, blue, and alpha if there is one.
    pub pixels: Vec<u8>,
}

impl Raster {
    /// The channels of a pixel.
    pub fn channels(&self) -> usize {
        if self.alpha { 4 } else { 3 }
    }

    /// The bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.size.width as usize * self.channels()
    }

    /// A part of it.
    pub fn cut(self, part: Area) -> Raster {
        if part.size == self.size {
            return self;
        }
        self.clone_part(part)
    }

    /// A copy of a part of it.
    pub fn clone_part(&self, part: Area) -> Raster {
        let (from, width) = (part.x as usize, part.size.width as usize);
        let channels = self.channels();
        let rows = self.pixels.chunks_exact(self.row_bytes()).skip(part.y as usize);
        let rows = rows.take(part.size.height as usize);
        let pixels = rows.flat_map(|row| &row[from * channels..(from + width) * channels]);
        Raster { size: part.size, alpha: self.alpha, pixels: pixels.copied().collect() }
    }

    /// With alpha, where it has none.
    pub fn with_alpha(self) -> Raster {
        if self.alpha {
            return self;
        }
        let pixels = self.pixels.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
        Raster { pixels, alpha: true, ..self }
    }

    /// Turned.
    pub fn turned(self, orientation: Orientation) -> Raster {
        if orientation.is_upright() {
            return self;
        }
        let pixels = match self.alpha {
            true => orientation.apply::<4>(&self.pixels, self.size),
            false => orientation.apply::<3>(&self.pixels, self.size),
        };
        Raster { size: orientation.size(self.size), pixels, ..self }
    }

    /// Without its alpha, where nothing is transparent.
    pub fn simplified(mut self) -> Raster {
        if self.alpha && self.pixels.chunks_exact(4).all(|pixel| pixel[3] == 255) {
            self.drop_alpha();
        }
        self
    }

    /// Drawn on a colour, as browsers do it: in sRGB as it is.
    pub fn flattened(mut self, background: Background) -> Raster {
        if !self.alpha {
            return self;
        }
        for pixel in self.pixels.chunks_exact_mut(4) {
            let alpha = u32::from(pixel[3]);
            for (value, under) in pixel.iter_mut().zip(background.0) {
                let sum = u32::from(*value) * alpha + u32::from(under) * (255 - alpha);
                *value = ((sum + 127) / 255) as u8;
            }
        }
        self.drop_alpha();
        self
    }

    fn drop_alpha(&mut self) {
        let count = self.pixels.len() / 4;
        for at in 1..count {
            self.pixels.copy_within(4 * at..4 * at + 3, 3 * at);
        }
        self.pixels.truncate(3 * count);
        self.alpha = false;
    }

    /// On its canvas; the rest of that is of the background, or transparent where there is none.
    pub fn padded(self, sizing: &Sizing, background: Option<Background>) -> Raster {
        if sizing.canvas == self.size {
            return self;
        }
        let alpha = self.alpha || background.is_none();
        let channels = if alpha { 4 } else { 3 };
        let fill = match background {
            Some(Background([r, g, b])) => [r, g, b, 255],
            None => [0; 4],
        };
        let canvas = sizing.canvas;
        let mut pixels =
            Vec::with_capacity(canvas.width as usize * canvas.height as usize * channels);
        for _ in 0..u64::from(canvas.width) * u64::from(canvas.height) {
            pixels.extend_from_slice(&fill[..channels]);
        }
        let (left, top) = (sizing.at.0 as usize, sizing.at.1 as usize);
        for (y, row) in self.pixels.chunks_exact(self.row_bytes()).enumerate() {
            let at = ((top + y) * canvas.width as usize + left) * channels;
            for (to, from) in
                pixels[at..].chunks_exact_mut(channels).zip(row.chunks_exact(self.channels()))
            {
                to[..3].copy_from_slice(&from[..3]);
                if alpha {
                    to[3] = from.get(3).copied().unwrap_or(255);
                }
            }
        }
        Raster { size: canvas, alpha, pixels }
    }

    /// Whether it has no colours.
    pub fn is_grey(&self) -> bool {
        self.pixels
            .chunks_exact(self.channels())
            .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
    }
}
