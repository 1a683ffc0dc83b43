//! The loops over the pixels of a line.

#[cfg(target_arch = "x86_64")]
mod wide;

use super::windows::Windows;
use crate::light::{Sample, Values, WHITE, alpha, lit, root};
#[cfg(target_arch = "x86_64")]
use crate::wide::Wide;
use crate::wide::widest;

/// The light of a pixel of each of two lines, one above the other.
pub(crate) type Pair = [f32; 8];
/// The least alpha that is not nothing in 8 bits.
const SEEN: f32 = WHITE / 510.0;

widest! {
    /// Writes the light of pixels of so many samples into one of two lines.
    pub(super) fn light<T: Sample>(row: &[T], channels: usize, line: &mut [Pair], which: usize)
        => light_of
}

#[inline(always)]
fn light_of<T: Sample>(row: &[T], channels: usize, line: &mut [Pair], which: usize) {
    let table = T::table();
    let which = if which == 0 { 0 } else { 4 };
    match channels {
        3 => {
            for (to, pixel) in line.iter_mut().zip(row.as_chunks::<3>().0) {
                to[which..which + 4].copy_from_slice(&lit(pixel, table));
            }
        }
        _ => {
            for (to, pixel) in line.iter_mut().zip(row.as_chunks::<4>().0) {
                to[which..which + 4].copy_from_slice(&lit(pixel, table));
            }
        }
    }
}

widest! {
    /// Adds the light of so many pixels side by side, of so many samples each, to a sum, and so on.
    pub(super) fn add_light<T: Sample>(
        row: &[T],
        channels: usize,
        block: usize,
        sums: &mut [[f32; 4]],
    ) => add_light_of
}

#[inline(always)]
fn add_light_of<T: Sample>(row: &[T], channels: usize, block: usize, sums: &mut [[f32; 4]]) {
    let table = T::table();
    let add = |sum: &mut [f32; 4], light: [f32; 4]| {
        sum.iter_mut().zip(light).for_each(|(sum, light)| *sum += light);
    };
    match channels {
        3 => {
            for (sum, pixels) in sums.iter_mut().zip(row.chunks(3 * block)) {
                pixels.as_chunks::<3>().0.iter().for_each(|pixel| add(sum, lit(pixel, table)));
            }
        }
        _ => {
            for (sum, pixels) in sums.iter_mut().zip(row.chunks(4 * block)) {
                pixels.as_chunks::<4>().0.iter().for_each(|pixel| add(sum, lit(pixel, table)));
            }
        }
    }
}

/// Makes a function run [`wide`]'s where the processor has what that takes: its loops are too many for the
/// compiler to see through each time.
macro_rules! by_instructions {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) else $plain:ident) => {
        $(#[$doc])*
        #[allow(unsafe_code)]
        pub(super) fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            if Wide::get().is_some() {
                // SAFETY: the processor has what it is compiled for.
                return unsafe { wide::$name($($arg),*) };
            }
            $plain($($arg),*);
        }
    };
}

by_instructions! {
    /// Resizes two lines, of which the first pixel has a number, to two of so many channels.
    fn across(
        pairs: &[Pair],
        first: u32,
        windows: &Windows,
        channels: usize,
        lines: [&mut [f32]; 2],
    ) else across_plainly
}

by_instructions! {
    /// Adds up lines, of which the ring has room for some, from one of them on, by their weights.
    fn down(ring: &[f32], first: usize, weights: &[f32], line: &mut [f32]) else down_plainly
}

by_instructions! {
    /// Appends the values of a line of light of so many channels.
    fn show(line: &[f32], channels: usize, values: &mut Vec<u8>) else show_plainly
}

fn across_plainly(
    pairs: &[Pair],
    first: u32,
    windows: &Windows,
    channels: usize,
    lines: [&mut [f32]; 2],
) {
    across_by(pairs, first, windows, channels, lines, |pixels, weights| {
        let mut sums = Pair::default();
        for (pixel, weight) in pixels.iter().zip(weights) {
            add(&mut sums, pixel, *weight);
        }
        sums
    });
}

#[inline(always)]
fn across_by(
    pairs: &[Pair],
    first: u32,
    windows: &Windows,
    channels: usize,
    [upper, lower]: [&mut [f32]; 2],
    sum: impl Fn(&[Pair], &[f32]) -> Pair,
) {
    let sums = windows
        .iter()
        .map(|(start, weights)| sum(&pairs[(start - first) as usize..][..weights.len()], weights));
    if channels == 3 {
        let lines = upper.as_chunks_mut::<3>().0.iter_mut().zip(lower.as_chunks_mut::<3>().0);
        for ((upper, lower), [a, b, c, _, d, e, f, _]) in lines.zip(sums) {
            (*upper, *lower) = ([a, b, c], [d, e, f]);
        }
    } else {
        let lines = upper.as_chunks_mut::<4>().0.iter_mut().zip(lower.as_chunks_mut::<4>().0);
        for ((upper, lower), [a, b, c, d, e, f, g, h]) in lines.zip(sums) {
            (*upper, *lower) = ([a, b, c, d], [e, f, g, h]);
        }
    }
}

fn add(sums: &mut [f32], values: &[f32], weight: f32) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * weight);
}

fn down_plainly(ring: &[f32], first: usize, weights: &[f32], line: &mut [f32]) {
    line.fill(0.0);
    let lines = ring.chunks_exact(line.len()).cycle().skip(first);
    lines.zip(weights).for_each(|(own, weight)| add(line, own, *weight));
}

fn show_plainly(line: &[f32], channels: usize, shown: &mut Vec<u8>) {
    let values = Values::get();
    if channels == 3 {
        shown.extend(line.iter().map(|light| values.of(root(*light))));
    } else {
        shown.extend(line.as_chunks::<4>().0.iter().flat_map(|pixel| shown4(pixel, values)));
    }
}

/// The values of a pixel with alpha.
#[inline(always)]
fn shown4(&[r, g, b, a]: &[f32; 4], values: &Values) -> [u8; 4] {
    // What cannot be seen has no colour.
    let by = if a >= SEEN { WHITE / a.min(WHITE) } else { 0.0 };
    let [r, g, b] = [r, g, b].map(|light| values.of(root(light * by)));
    [r, g, b, alpha(a) as u8]
}

#[cfg(test)]
mod tests {
    use super::super::windows::Piece;
    use super::*;

    /// Numbers that look like chance, from 0 to 255.
    fn samples(count: usize) -> Vec<u8> {
        (0..count as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
    }

    fn assert_alike(own: &[f32], other: &[f32]) {
        assert_eq!(own.len(), other.len());
        for (at, (own, other)) in own.iter().zip(other).enumerate() {
            assert!((own - other).abs() < 0.05, "{at}: {own} and {other}");
        }
    }

    #[test]
    fn all_processors_make_the_same() {
        for (channels, width, count) in [(3, 200, 61), (4, 200, 61), (3, 33, 100), (4, 1, 7)] {
            let row = samples(width * channels);
            let mut pairs = [vec![Pair::default(); width], vec![Pair::default(); width]];
            for which in 0..2 {
                light(&row, channels, &mut pairs[0], which);
                light_of(&row, channels, &mut pairs[1], which);
            }
            assert_alike(pairs[0].as_flattened(), pairs[1].as_flattened());
            let mut sums = [vec![[0.0; 4]; width.div_ceil(7)], vec![[0.0; 4]; width.div_ceil(7)]];
            add_light(&row, channels, 7, &mut sums[0]);
            add_light_of(&row, channels, 7, &mut sums[1]);
            assert_alike(sums[0].as_flattened(), sums[1].as_flattened());

            let piece = Piece { from: 0.0, length: width as f64, pixels: 0..width as u32 };
            let windows = Windows::new(&piece, count);
            let length = count as usize * channels;
            let mut wide = [vec![0.0; length], vec![0.0; length]];
            let mut plain = wide.clone();
            let [one, other] = &mut wide;
            across(&pairs[0], 0, &windows, channels, [one, other]);
            let [one, other] = &mut plain;
            across_plainly(&pairs[0], 0, &windows, channels, [one, other]);
            assert_alike(&wide[0], &plain[0]);
            assert_alike(&wide[1], &plain[1]);

            let (ring, weights) = ([&wide[0][..], &wide[1], &plain[0]].concat(), [0.5, -0.2, 0.7]);
            let (mut wide, mut plain) = (vec![0.0; length], vec![0.0; length]);
            down(&ring, 1, &weights, &mut wide);
            down_plainly(&ring, 1, &weights, &mut plain);
            assert_alike(&wide, &plain);
            let (mut shown, mut shown_plainly) = (Vec::new(), Vec::new());
            show(&wide, channels, &mut shown);
            show_plainly(&wide, channels, &mut shown_plainly);
            assert_eq!((shown.len(), &shown), (length, &shown_plainly));
        }
    }
}
