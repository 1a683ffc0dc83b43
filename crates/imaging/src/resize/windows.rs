//! Which pixels of a line make up each pixel of another, and how much of each: Lanczos of three lobes.

use std::f64::consts::PI;
use std::ops::Range;

/// How many lobes the filter has on either side.
const LOBES: f64 = 3.0;

/// A piece of a line that is to become another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    /// Where it begins, in pixels.
    pub from: f64,
    /// Its length, in pixels.
    pub length: f64,
    /// The pixels that may be taken: some at least.
    pub pixels: Range<u32>,
}

/// As many pixels of the one line for each pixel of the other.
pub(super) struct Windows {
    taps: usize,
    starts: Vec<u32>,
    weights: Vec<f32>,
}

impl Windows {
    /// For a piece that becomes so many pixels.
    pub fn new(piece: &Piece, count: u32) -> Windows {
        let ratio = piece.length / f64::from(count);
        // What is enlarged is drawn through, and what becomes smaller is averaged.
        let wide = ratio.max(1.0);
        let reach = LOBES * wide;
        let Range { start, end } = piece.pixels;
        let taps = ((2.0 * reach).ceil() as u32 + 1).min(end - start).max(1);
        let mut windows = Windows {
            taps: taps as usize,
            starts: Vec::with_capacity(count as usize),
            weights: Vec::with_capacity(count as usize * taps as usize),
        };
        let mut scratch = Vec::with_capacity(taps as usize);
        for at in 0..count {
            let centre = piece.from + (f64::from(at) + 0.5) * ratio;
            let first = (centre - reach).floor().max(f64::from(start)) as u32;
            let first = first.min(end - taps);
            windows.starts.push(first);
            let places = (first..first + taps).map(|x| (f64::from(x) + 0.5 - centre) / wide);
            windows.weigh(places, &mut scratch);
        }
        windows
    }

    /// Adds the weights of a window, by how far its pixels are from its centre. Together they are one.
    fn weigh(&mut self, places: impl Iterator<Item = f64> + Clone, scratch: &mut Vec<f64>) {
        scratch.clear();
        scratch.extend(places.clone().map(lanczos));
        let sum: f64 = scratch.iter().sum();
        if sum > 0.0 {
            return self.weights.extend(scratch.iter().map(|weight| (weight / sum) as f32));
        }
        // It lies beside all pixels that may be taken: the nearest stands for it.
        let from = self.weights.len();
        self.weights.resize(from + self.taps, 0.0);
        let nearest = places.enumerate().min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        if let Some((nearest, _)) = nearest {
            self.weights[from + nearest] = 1.0;
        }
    }

    /// How many pixels each takes.
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// All pixels that are taken.
    pub fn pixels(&self) -> Range<u32> {
        let from = self.starts.first().copied().unwrap_or(0);
        from..self.starts.last().map_or(0, |last| last + self.taps as u32)
    }

    /// The first pixel and the weights of one.
    pub fn get(&self, at: usize) -> Option<(u32, &[f32])> {
        let start = *self.starts.get(at)?;
        Some((start, &self.weights[at * self.taps..][..self.taps]))
    }

    /// The first pixel and the weights of each.
    #[inline(always)]
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[f32])> {
        self.starts.iter().copied().zip(self.weights.chunks_exact(self.taps))
    }
}

/// sinc(x) · sinc(x / 3), of which the first sine is told by the second.
fn lanczos(x: f64) -> f64 {
    if x.abs() >= LOBES {
        return 0.0;
    }
    let angle = x * PI / LOBES;
    if angle.abs() < 1e-9 {
        return 1.0;
    }
    let sine = angle.sin();
    let of_three = sine * (3.0 - 4.0 * sine * sine);
    of_three * sine / (LOBES * angle * angle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(from: f64, length: f64, pixels: Range<u32>, count: u32) -> Windows {
        Windows::new(&Piece { from, length, pixels }, count)
    }

    #[test]
    fn weights_are_one_together_and_of_pixels_that_may_be_taken() {
        for (from, length, pixels, count) in [
            (0.0, 100.0, 0..100, 37),
            (0.0, 100.0, 0..100, 100),
            (0.0, 100.0, 0..100, 301),
            (12.5, 30.25, 0..100, 7),
            (12.5, 30.25, 12..43, 7),
            (0.0, 1.0, 0..1, 5),
            (0.0, 5000.0, 0..5000, 1),
            (99.9, 0.1, 99..100, 3),
            // Beside what may be taken.
            (0.0, 10.0, 90..100, 10),
        ] {
            let all = windows(from, length, pixels.clone(), count);
            assert_eq!((all.count(), all.iter().count()), (count as usize, count as usize));
            let mut before = 0;
            for (at, (start, weights)) in all.iter().enumerate() {
                assert_eq!(all.get(at), Some((start, weights)));
                let words = format!("{at} of {from}+{length} of {pixels:?} as {count}");
                assert!(start >= before && pixels.start <= start, "{words}");
                assert!(start + weights.len() as u32 <= pixels.end, "{words}");
                assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{words}");
                before = start;
            }
            let taken = all.pixels();
            assert!(pixels.start <= taken.start && taken.end <= pixels.end);
        }
    }

    #[test]
    fn a_line_of_the_same_length_is_left_as_it_is() {
        for (at, (start, weights)) in windows(0.0, 20.0, 0..20, 20).iter().enumerate() {
            for (tap, weight) in weights.iter().enumerate() {
                let own = f32::from(start as usize + tap == at);
                assert!((weight - own).abs() < 1e-6, "{at}");
            }
        }
    }

    #[test]
    fn a_window_is_as_wide_as_three_lobes_of_what_becomes_a_pixel() {
        assert_eq!(windows(0.0, 100.0, 0..100, 50).taps(), 13);
        assert_eq!(windows(0.0, 100.0, 0..100, 400).taps(), 7);
        assert_eq!(windows(0.0, 4.0, 0..4, 2).taps(), 4);
    }
}
