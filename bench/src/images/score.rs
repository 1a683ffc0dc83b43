//! How much a picture looks like a careful reference: the photograph decoded whole and resized by Lanczos
//! in linear light, alpha multiplied in, all in floats.
//!
//! What is to be compared is decoded by libvips (`bench/images/decode.mjs`), whoever made it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, anyhow, bail};
use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use fast_ssim2::{PixelDescriptor, PixelSlice, compute_ssimulacra2};
use tempfile::TempDir;

use super::References;
use super::home::Home;
use super::rows::Row;

/// References that were made, and where pictures are put to be decoded.
pub struct Scores {
    references: References,
    folder: TempDir,
}

/// A picture's size and score.
pub struct Scored {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// SSIMULACRA2: 100 is the same, 70 is good. Not a number: it could not be compared.
    pub score: f64,
}

/// Pixels of red, green, blue and alpha.
struct Pixels {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl Scores {
    /// Without any yet.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("making a temporary folder")?;
        Ok(Self { references: References::new(), folder })
    }

    /// Of a picture that was made for a row.
    pub fn of(&mut self, home: &Home, row: &Row, picture: &[u8]) -> anyhow::Result<Scored> {
        let file = self.folder.path().join("picture");
        std::fs::write(&file, picture)?;
        let made = self.decode(home, &file)?;
        let (width, height) = (made.width, made.height);
        if width != row.width {
            bail!("it is {width} pixels wide");
        }
        let key = (row.photo, width, height);
        if !self.references.contains_key(&key) {
            let photo = self.decode(home, &home.photos.join(row.photo))?;
            self.references.insert(key, resized(&photo, width, height)?);
        }
        let reference = &self.references[&key];
        // On whatever it may lie: what it loses on the worse of two.
        let mut score = f64::INFINITY;
        for ground in [255, 0] {
            let [a, b] = [reference, &made.rgba].map(|rgba| on_ground(rgba, ground));
            score = score.min(likeness(width, height, &a, &b)?);
            if made.rgba.chunks_exact(4).all(|p| p[3] == 255) {
                break;
            }
        }
        Ok(Scored { width, height, score })
    }

    fn decode(&self, home: &Home, file: &Path) -> anyhow::Result<Pixels> {
        let raw = self.folder.path().join("raw");
        let mut node = Command::new("node");
        node.arg(home.node.join("decode.mjs")).arg(file).arg(&raw).current_dir(&home.node);
        let output = node.output().context("decoding with Node.js")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let size = said.trim().split_once(' ');
        let Some((width, height)) =
            size.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)))
        else {
            bail!("it cannot be decoded: {}", String::from_utf8_lossy(&output.stderr));
        };
        let rgba = std::fs::read(&raw)?;
        std::fs::remove_file(&raw)?;
        Ok(Pixels { width, height, rgba })
    }
}

/// The reference, of 8 bits a channel.
fn resized(photo: &Pixels, width: u32, height: u32) -> anyhow::Result<Vec<u8>> {
    let light: Vec<f32> = (0..=255_u8).map(light_of).collect();
    let mut linear = Vec::with_capacity(photo.rgba.len() * 4);
    for pixel in photo.rgba.chunks_exact(4) {
        let alpha = f32::from(pixel[3]) / 255.0;
        for colour in &pixel[..3] {
            linear.extend_from_slice(&(light[usize::from(*colour)] * alpha).to_ne_bytes());
        }
        linear.extend_from_slice(&alpha.to_ne_bytes());
    }
    let from = Image::from_vec_u8(photo.width, photo.height, linear, PixelType::F32x4)?;
    let mut to = Image::new(width, height, PixelType::F32x4);
    let lanczos = ResizeAlg::Convolution(FilterType::Lanczos3);
    let options = ResizeOptions::new().resize_alg(lanczos).use_alpha(false);
    Resizer::new().resize(&from, &mut to, &options)?;
    let mut rgba = Vec::with_capacity(to.buffer().len() / 4);
    for pixel in to.buffer().chunks_exact(16) {
        let mut channels = pixel.chunks_exact(4).map(f32_of);
        let [r, g, b, alpha] = std::array::from_fn(|_| channels.next().unwrap_or_default());
        let by = if alpha > 0.0 { alpha.recip() } else { 0.0 };
        rgba.extend([r, g, b].map(|light| sample_of(light * by)));
        rgba.push((alpha.clamp(0.0, 1.0) * 255.0).round() as u8);
    }
    Ok(rgba)
}

fn f32_of(bytes: &[u8]) -> f32 {
    bytes.try_into().map_or(0.0, f32::from_ne_bytes)
}

/// The curve of sRGB.
fn light_of(sample: u8) -> f32 {
    let value = f32::from(sample) / 255.0;
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

fn sample_of(light: f32) -> u8 {
    let light = light.clamp(0.0, 1.0);
    let value = if light <= 0.003_130_8 {
        light * 12.92
    } else {
        1.055 * light.powf(2.4_f32.recip()) - 0.055
    };
    (value * 255.0).round() as u8
}

/// As a browser draws it on that grey.
fn on_ground(rgba: &[u8], ground: u8) -> Vec<u8> {
    let over = |colour: u8, alpha: u8| {
        let (alpha, rest) = (u32::from(alpha), 255 - u32::from(alpha));
        ((u32::from(colour) * alpha + u32::from(ground) * rest + 127) / 255) as u8
    };
    rgba.chunks_exact(4)
        .flat_map(|p| [over(p[0], p[3]), over(p[1], p[3]), over(p[2], p[3])])
        .collect()
}

fn likeness(width: u32, height: u32, a: &[u8], b: &[u8]) -> anyhow::Result<f64> {
    let row = width as usize * 3;
    let slice = |rgb| PixelSlice::new(rgb, width, height, row, PixelDescriptor::RGB8_SRGB);
    let (Ok(a), Ok(b)) = (slice(a), slice(b)) else { bail!("pixels that do not fit their size") };
    compute_ssimulacra2(&a, &b).map_err(|error| anyhow!("comparing: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_stays_changes_nothing() {
        let rgba: Vec<u8> = (0..64_u8).flat_map(|v| [v * 4, 255 - v, v, 255]).collect();
        let photo = Pixels { width: 8, height: 8, rgba: rgba.clone() };
        assert_eq!(resized(&photo, 8, 8).expect("a picture"), rgba);
    }

    #[test]
    fn light_is_what_is_averaged() {
        let rgba = [[0, 0, 0, 255], [255, 255, 255, 255]].concat();
        let photo = Pixels { width: 2, height: 1, rgba };
        assert_eq!(resized(&photo, 1, 1).expect("a picture"), [188, 188, 188, 255]);
    }

    #[test]
    fn what_is_not_seen_does_not_shine_through() {
        let rgba = [[255, 0, 0, 255], [0, 255, 0, 0]].concat();
        let photo = Pixels { width: 2, height: 1, rgba };
        let made = resized(&photo, 1, 1).expect("a picture");
        assert_eq!(made, [255, 0, 0, 128]);
        assert_eq!(on_ground(&made, 0), [128, 0, 0]);
    }
}
