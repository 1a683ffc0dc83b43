//! The same by instructions, for eight numbers at a time.

use super::{Pair, Values, WHITE, Windows, across_by, root, shown4};
use crate::light::ROOT;
use std::arch::x86_64::*;

/// So many numbers of a line are done at a time.
const STRIP: usize = 32;

#[target_feature(enable = "avx2,fma")]
pub(super) fn across(
    pairs: &[Pair],
    first: u32,
    windows: &Windows,
    channels: usize,
    lines: [&mut [f32]; 2],
) {
    across_by(pairs, first, windows, channels, lines, |pixels, weights| {
        let added = |sum: __m256, pixel: Pair, weight: f32| {
            _mm256_fmadd_ps(bytemuck::cast(pixel), _mm256_set1_ps(weight), sum)
        };
        // Two sums, so that one need not wait for the other.
        let (mut one, mut other) = (_mm256_setzero_ps(), _mm256_setzero_ps());
        let (pixels, last) = pixels.as_chunks::<2>();
        let (weights, last_weight) = weights.as_chunks::<2>();
        for (pixels, weights) in pixels.iter().zip(weights) {
            one = added(one, pixels[0], weights[0]);
            other = added(other, pixels[1], weights[1]);
        }
        if let ([pixel], [weight]) = (last, last_weight) {
            one = added(one, *pixel, *weight);
        }
        bytemuck::cast(_mm256_add_ps(one, other))
    });
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn down(ring: &[f32], first: usize, weights: &[f32], line: &mut [f32]) {
    let length = line.len();
    let (strips, rest) = line.as_chunks_mut::<STRIP>();
    for (at, strip) in strips.iter_mut().enumerate() {
        let mut sums = [_mm256_setzero_ps(); STRIP / 8];
        let mut from = first * length + at * STRIP;
        for weight in weights {
            let Some(own) = ring[from..].first_chunk::<STRIP>() else { return };
            let weight = _mm256_set1_ps(*weight);
            for (sum, own) in sums.iter_mut().zip(own.as_chunks::<8>().0) {
                *sum = _mm256_fmadd_ps(bytemuck::cast(*own), weight, *sum);
            }
            from += length;
            // Behind the last line of the ring comes the first.
            from = if from < ring.len() { from } else { from - ring.len() };
        }
        *strip = bytemuck::cast(sums);
    }
    let from = length - rest.len();
    rest.fill(0.0);
    let lines = ring.chunks_exact(length).cycle().skip(first);
    lines.zip(weights).for_each(|(own, weight)| super::add(rest, &own[from..], *weight));
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn show(line: &[f32], channels: usize, shown: &mut Vec<u8>) {
    let values = Values::get();
    if channels == 4 {
        shown.extend(line.as_chunks::<4>().0.iter().flat_map(|pixel| shown4(pixel, values)));
        return;
    }
    let (strips, rest) = line.as_chunks::<8>();
    for strip in strips {
        let light = _mm256_max_ps(bytemuck::cast(*strip), _mm256_setzero_ps());
        let light = _mm256_min_ps(light, _mm256_set1_ps(WHITE));
        let roots = _mm256_mul_ps(_mm256_sqrt_ps(light), _mm256_set1_ps(ROOT));
        let roots: [u32; 8] = bytemuck::cast(_mm256_cvtps_epi32(roots));
        shown.extend_from_slice(&roots.map(|root| values.of(root)));
    }
    shown.extend(rest.iter().map(|light| values.of(root(*light))));
}
