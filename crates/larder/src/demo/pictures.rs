//! The demo's pictures: a sky, a hill and a sun for each item, no two alike, made when they are first
//! asked for.

use anyhow::anyhow;
use imaging::plan::{Format, Output, Plan};
use imaging::run::{Effort, Recipe};
use imaging::{Limits, Profile};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Their size, in pixels.
const SIZE: (u32, u32) = (640, 360);
/// Pictures that are remembered.
const MOST: usize = 1024;

/// The pictures that were made.
#[derive(Debug, Default)]
pub struct Pictures(Mutex<HashMap<u64, Arc<Vec<u8>>>>);

impl Pictures {
    /// The JPEG of an item.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn get(&self, item: u64) -> anyhow::Result<Arc<Vec<u8>>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&item).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let made = Arc::new(jpeg(item)?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST {
            all.insert(item, made.clone());
        }
        Ok(made)
    }
}

fn jpeg(item: u64) -> anyhow::Result<Vec<u8>> {
    let (width, height) = SIZE;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let pixels: Vec<u8> =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(item, x, y))).collect();
    encoder.write_header()?.write_image_data(&pixels)?;
    let recipe = Recipe {
        plan: Plan { output: Output::Is(Format::Jpeg), quality: Some(80), ..Plan::default() },
        effort: Effort::Quick,
        keep_copyright: false,
        profile: Profile::ConvertToSrgb,
    };
    let made = imaging::picture(&file, &recipe, &Limits::default());
    made.map(|made| made.bytes).map_err(|fault| anyhow!("a picture: {fault}"))
}

/// A pixel of an item's picture.
fn pixel(item: u64, x: u32, y: u32) -> [u8; 3] {
    let (width, height) = SIZE;
    let seed = item.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let part = |shift: u32| (seed >> shift & 0xff) as u32;
    let (sun_x, sun_y) = (part(8) * width / 256, part(16) * height / 512);
    let far = (x.abs_diff(sun_x).pow(2) + y.abs_diff(sun_y).pow(2)).isqrt();
    // Two waves make a hill.
    let wave = |speed: u32, high: u32| {
        let angle = f64::from(x * speed + part(24) * 20) / 900.0;
        (angle.sin() * f64::from(high)) as i64
    };
    let hill = i64::from(height) * 2 / 3 + wave(7, 30) + wave(19, 12);
    let grain = (x * 31 + y * 17 + part(32)) % 13;
    let (red, green, blue) = if i64::from(y) > hill {
        (part(40) / 4 + 20, part(48) / 4 + 70, 40)
    } else {
        let light = 120u32.saturating_sub(far);
        (part(40) / 3 + 90 * y / height + light, 110 + 80 * y / height + light, 200 + light / 4)
    };
    [red, green, blue].map(|value| (value + grain).min(255) as u8)
}
