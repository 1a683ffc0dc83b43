//! Between sRGB and linear light, of which half-way between two pixels is half as much.
//!
//! Light is a number from 0 to [`WHITE`], with alpha, of the same range, multiplied into it.

use std::sync::OnceLock;

/// The light of white, and of what is opaque.
pub(crate) const WHITE: f32 = 65_535.0;
/// The values of light are told apart by their roots, of which there are so many: nowhere are two of them
/// further from each other than a tenth of a step of 8 bits.
const ROOTS: usize = 4096;
/// What the root of a light is multiplied by to be counted so.
pub(crate) const ROOT: f32 = (ROOTS - 1) as f32 / 255.998_05;
/// A number to which another below 2²² is added to become a whole one, in the lowest bits.
const WHOLE: f32 = 8_388_608.0;

/// The light of a value of sRGB, both from 0 to 1 (IEC 61966-2-1).
fn light(value: f64) -> f64 {
    match value <= 0.04045 {
        true => value / 12.92,
        false => ((value + 0.055) / 1.055).powf(2.4),
    }
}

/// A sample of a row, of 8 or 16 bits.
pub(crate) trait Sample: Copy {
    /// The light of each of its values.
    type Table: ?Sized + 'static;

    fn table() -> &'static Self::Table;
    fn light(self, table: &Self::Table) -> f32;
    /// As much of it as of 1.
    fn part(self) -> f32;
}

impl Sample for u8 {
    type Table = [f32; 256];

    fn table() -> &'static [f32; 256] {
        static TABLE: OnceLock<[f32; 256]> = OnceLock::new();
        TABLE.get_or_init(|| {
            std::array::from_fn(|v| (light(v as f64 / 255.0) * f64::from(WHITE)) as f32)
        })
    }

    #[inline(always)]
    fn light(self, table: &[f32; 256]) -> f32 {
        table[usize::from(self)]
    }

    #[inline(always)]
    fn part(self) -> f32 {
        f32::from(self) / 255.0
    }
}

impl Sample for u16 {
    type Table = [f32];

    fn table() -> &'static [f32] {
        static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
        TABLE.get_or_init(|| {
            let light = |v: u16| (light(f64::from(v) / 65_535.0) * f64::from(WHITE)) as f32;
            (0..=u16::MAX).map(light).collect()
        })
    }

    #[inline(always)]
    fn light(self, table: &[f32]) -> f32 {
        table[usize::from(self)]
    }

    #[inline(always)]
    fn part(self) -> f32 {
        f32::from(self) / 65_535.0
    }
}

/// The light of a pixel of three or four samples.
#[inline(always)]
pub(crate) fn lit<T: Sample>(pixel: &[T], table: &T::Table) -> [f32; 4] {
    match *pixel {
        [r, g, b] => [r.light(table), g.light(table), b.light(table), WHITE],
        [r, g, b, a] => {
            let by = a.part();
            [r.light(table) * by, g.light(table) * by, b.light(table) * by, WHITE * by]
        }
        _ => [0.0; 4],
    }
}

/// The root of a light, as a place in the table of values. A filter overshoots: what is beyond black or
/// white is taken for it.
#[inline(always)]
pub(crate) fn root(light: f32) -> u32 {
    let root = light.clamp(0.0, WHITE).sqrt() * ROOT;
    (root + WHOLE).to_bits()
}

/// As much of 255 as the light of alpha is of all, in the lowest eight bits.
#[inline(always)]
pub(crate) fn alpha(light: f32) -> u32 {
    (light.clamp(0.0, WHITE) * (255.0 / WHITE) + WHOLE).to_bits()
}

/// The values of 8 bits, by the roots of their light.
pub(crate) struct Values([u8; ROOTS]);

impl Values {
    pub fn get() -> &'static Values {
        static VALUES: OnceLock<Box<Values>> = OnceLock::new();
        VALUES.get_or_init(|| {
            let mut values = Box::new(Values([255; ROOTS]));
            let mut from = 0;
            for value in 0..=254_u8 {
                // Up to half-way to the next value.
                let to = light((f64::from(value) + 0.5) / 255.0).sqrt() * (ROOTS - 1) as f64;
                let to = to.ceil() as usize;
                values.0[from..to].fill(value);
                from = to;
            }
            values
        })
    }

    /// The value of a light by its [`root`].
    #[inline(always)]
    pub fn of(&self, root: u32) -> u8 {
        self.0[root as usize % ROOTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_from_its_light() {
        let values = Values::get();
        for value in 0..=255_u8 {
            assert_eq!(values.of(root(value.light(u8::table()))), value);
            let deep = u16::from(value) * 257;
            assert_eq!(values.of(root(deep.light(u16::table()))), value);
            assert_eq!(alpha(WHITE * value.part()) as u8, value);
        }
    }

    #[test]
    fn what_is_beyond_black_or_white_is_black_or_white() {
        let values = Values::get();
        for (light, value) in [(-1.0, 0), (-9e9, 0), (f32::NAN, 0), (65_536.0, 255), (9e9, 255)] {
            assert_eq!(values.of(root(light)), value, "{light}");
            assert_eq!(alpha(light) as u8, value, "{light}");
        }
    }

    #[test]
    fn values_are_the_nearest_or_beside_it_by_a_tenth() {
        let values = Values::get();
        for step in 0..=100_000_u32 {
            let exact = f64::from(step) / 100_000.0;
            let own = values.of(root((exact * f64::from(WHITE)) as f32));
            let shown = match exact <= 0.003_130_8 {
                true => exact * 12.92,
                false => 1.055 * exact.powf(1.0 / 2.4) - 0.055,
            };
            assert!((shown * 255.0 - f64::from(own)).abs() < 0.6, "{exact}: {own}");
        }
    }
}
