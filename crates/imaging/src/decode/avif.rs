//! AVIF, by libaom: planes to colours by what the file says of them.

use crate::colour::{Layout, profile_by_code};
use crate::container::avif::{Nclx, read};
use crate::fault::Fault;
use crate::ffi::aom::{self, Planes};
use crate::intake::{Intake, Rows, Wish};
use crate::sniff::Header;

pub(crate) fn decode(source: &[u8], header: &Header<'_>, wish: &Wish) -> Result<Intake, Fault> {
    let avif = read(source)?;
    let frame = |data: &[u8]| {
        aom::decode(data, header.size).ok_or(Fault::broken("AVIF: its frame cannot be decoded"))
    };
    let planes = frame(&avif.colour)?;
    let alpha = avif.alpha.as_deref().map(frame).transpose()?;
    let Planes { primaries, transfer, matrix, full_range, .. } = planes;
    let told = avif.nclx.unwrap_or(Nclx { primaries, transfer, matrix, full_range });
    let matrix = Matrix::new(&planes, told)?;
    let layout = if alpha.is_some() { Layout::Rgba } else { Layout::Rgb };
    let by_code = match header.icc {
        Some(_) => None,
        None => profile_by_code(told.primaries, told.transfer)?,
    };
    let icc = header.icc.as_deref().or(by_code.as_deref());
    let is_deep = planes.depth > 8;
    let mut intake = Intake::new(&Rows { is_deep, ..Rows::new(header.size, layout, icc) }, wish);
    let width = header.size.width as usize;
    let (mut row, mut shallow) = (Vec::new(), Vec::new());
    for y in 0..header.size.height as usize {
        row.clear();
        let values =
            alpha.as_ref().map(|alpha| (alpha, &alpha.samples[0][y * width..(y + 1) * width]));
        for x in 0..width {
            let mut rgb = matrix.pixel(&planes, x, y);
            if let Some((alpha, values)) = values {
                let value = level(alpha, values[x]);
                if avif.premultiplied && value > 0.0 {
                    rgb = rgb.map(|v| v / value);
                }
                row.extend(rgb.map(whole));
                row.push(whole(value));
            } else {
                row.extend(rgb.map(whole));
            }
        }
        if is_deep {
            intake.push16(&row)?;
        } else {
            shallow.clear();
            shallow.extend(row.iter().map(|v| ((u32::from(*v) + 128) / 257) as u8));
            intake.push8(&shallow)?;
        }
    }
    Ok(intake)
}

fn whole(value: f32) -> u16 {
    (value * 65_535.0 + 0.5) as u16
}

/// Alpha, from 0 to 1.
fn level(alpha: &Planes, value: u16) -> f32 {
    let scale = f32::from(1_u16 << (alpha.depth - 8));
    match alpha.full_range {
        true => f32::from(value) / f32::from((1_u16 << alpha.depth) - 1),
        false => ((f32::from(value) - 16.0 * scale) / (219.0 * scale)).clamp(0.0, 1.0),
    }
}

/// How the samples of planes make red, green and blue.
struct Matrix {
    /// What brightness begins at, and what it is multiplied by to be from 0 to 1.
    first: (f32, f32),
    /// Likewise the colours, from -½ to ½.
    others: (f32, f32),
    way: Way,
}

enum Way {
    Grey,
    /// Green, blue and red stand in the planes as they are.
    Identity,
    /// By the parts that red and blue have in brightness.
    Parts(f32, f32),
    /// Two sums and differences.
    YCgCo,
}

impl Matrix {
    fn new(planes: &Planes, told: Nclx) -> Result<Matrix, Fault> {
        let scale = f32::from(1_u16 << (planes.depth - 8));
        let most = f32::from((1_u16 << planes.depth) - 1);
        let (first, others) = match told.full_range {
            true => ((0.0, 1.0 / most), (128.0 * scale, 1.0 / most)),
            false => {
                ((16.0 * scale, 1.0 / (219.0 * scale)), (128.0 * scale, 1.0 / (224.0 * scale)))
            }
        };
        let way = match told.matrix {
            _ if planes.samples[1].is_empty() => Way::Grey,
            0 if planes.halved == (false, false) => Way::Identity,
            1 => Way::Parts(0.2126, 0.0722),
            // What is not told is BT.601, as in libavif and browsers.
            2 | 5 | 6 => Way::Parts(0.299, 0.114),
            4 => Way::Parts(0.30, 0.11),
            7 => Way::Parts(0.212, 0.087),
            8 => Way::YCgCo,
            9 => Way::Parts(0.2627, 0.0593),
            _ => return Err(Fault::unsupported("an AVIF of an unusual colour matrix")),
        };
        Ok(Matrix { first, others, way })
    }

    /// Red, green and blue, from 0 to 1.
    fn pixel(&self, planes: &Planes, x: usize, y: usize) -> [f32; 3] {
        let width = planes.size.width as usize;
        let raw = f32::from(planes.samples[0][y * width + x]);
        let light = (raw - self.first.0) * self.first.1;
        let sample = |plane: usize| chroma(planes, plane, x, y);
        let rgb = match self.way {
            Way::Grey => [light; 3],
            Way::Identity => {
                let value = |plane| (sample(plane) - self.first.0) * self.first.1;
                [value(2), light, value(1)]
            }
            Way::Parts(red, blue) => {
                let value = |plane| (sample(plane) - self.others.0) * self.others.1;
                let (cb, cr) = (value(1), value(2));
                let r = light + 2.0 * (1.0 - red) * cr;
                let b = light + 2.0 * (1.0 - blue) * cb;
                [r, (light - red * r - blue * b) / (1.0 - red - blue), b]
            }
            Way::YCgCo => {
                let value = |plane| (sample(plane) - self.others.0) * self.others.1;
                let (cg, co) = (value(1), value(2));
                [light - cg + co, light + cg, light - cg - co]
            }
        };
        rgb.map(|v| v.clamp(0.0, 1.0))
    }
}

/// A sample of a plane of colours at a pixel; where there are fewer, between the nearest.
fn chroma(planes: &Planes, plane: usize, x: usize, y: usize) -> f32 {
    let size = planes.colour_size();
    let (width, height) = (size.width as usize, size.height as usize);
    let samples = &planes.samples[plane];
    let (x0, x1) = if planes.halved.0 { neighbours(x, width) } else { (x, x) };
    let (y0, y1) = if planes.halved.1 { neighbours(y, height) } else { (y, y) };
    let at = |x: usize, y: usize| f32::from(samples[y * width + x]);
    let row = |y: usize| 0.75 * at(x0, y) + 0.25 * at(x1, y);
    0.75 * row(y0) + 0.25 * row(y1)
}

/// The sample that a pixel lies in, and the next one on the side that it is nearer to.
fn neighbours(at: usize, count: usize) -> (usize, usize) {
    let near = (at / 2).min(count - 1);
    match at % 2 {
        0 => (near, near.saturating_sub(1)),
        _ => (near, (near + 1).min(count - 1)),
    }
}
