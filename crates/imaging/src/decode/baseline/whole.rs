//! All pixels of a block, by instructions for eight numbers at a time: the cosine transform of Arai, Agui and
//! Nakajima ("A fast DCT-SQ scheme for images", 1988), which takes five multiplications for eight points
//! where the coefficients are scaled beforehand.

use super::pixels::{Coefficients, Reduction, places};
use crate::wide::Wide;
use std::arch::x86_64::*;
use std::f32::consts::SQRT_2;

/// Eight by eight, as they are.
#[derive(Clone, Copy)]
pub(super) struct Whole(pub Wide);

/// Of a coefficient of that number, cos(k π / 16) √2, but 1 for the first; and the root of an eighth.
const SCALES: [f32; 8] = {
    const EIGHTH: f32 = 0.353_553_39;
    [
        EIGHTH,
        1.387_039_8 * EIGHTH,
        1.306_563 * EIGHTH,
        1.175_875_6 * EIGHTH,
        EIGHTH,
        0.785_694_96 * EIGHTH,
        0.541_196_1 * EIGHTH,
        0.275_899_38 * EIGHTH,
    ]
};

impl Reduction for Whole {
    const SIDE: usize = 8;
    const LAST: usize = 63;
    // What is transformed across first comes out in columns, and is turned then.
    const PLACES: [u16; 64] = places(8, true);

    #[inline(always)]
    #[allow(unsafe_code)]
    fn pixels(self, coefficients: &Coefficients, strip: &mut [u8], width: usize) {
        let Whole(_) = self;
        // SAFETY: there is a `Wide` only where the processor has what it is compiled for.
        unsafe { pixels(coefficients, strip, width) }
    }
}

#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
#[inline]
fn pixels(coefficients: &Coefficients, strip: &mut [u8], width: usize) {
    let scales: __m256 = bytemuck::cast(SCALES);
    let mut rows = [_mm256_setzero_ps(); 8];
    let columns = coefficients.as_chunks::<8>().0;
    for ((row, column), scale) in rows.iter_mut().zip(columns).zip(SCALES) {
        let column = _mm256_cvtepi32_ps(bytemuck::cast(*column));
        *row = _mm256_mul_ps(column, _mm256_mul_ps(scales, _mm256_set1_ps(scale)));
    }
    let rows = eight(turned(eight(rows)));
    let grey = _mm256_set1_ps(128.0);
    let rows = rows.map(|row| _mm256_cvtps_epi32(_mm256_add_ps(row, grey)));
    for (four, strip) in rows.as_chunks::<4>().0.iter().zip(strip.chunks_mut(4 * width)) {
        let [a, b, c, d] = *four;
        let bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        let bytes: [[[u8; 4]; 4]; 2] = bytemuck::cast(bytes);
        for (y, strip) in strip.chunks_mut(width).enumerate() {
            strip[..4].copy_from_slice(&bytes[0][y]);
            strip[4..8].copy_from_slice(&bytes[1][y]);
        }
    }
}

/// Eight points of a cosine transform, for eight at a time.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn eight([a, b, c, d, e, f, g, h]: [__m256; 8]) -> [__m256; 8] {
    let times = |by: f32, x: __m256| _mm256_mul_ps(x, _mm256_set1_ps(by));
    let (sum, rest) = (_mm256_add_ps(a, e), _mm256_sub_ps(a, e));
    let both = _mm256_add_ps(c, g);
    let apart = _mm256_sub_ps(times(SQRT_2, _mm256_sub_ps(c, g)), both);
    let (even0, even3) = (_mm256_add_ps(sum, both), _mm256_sub_ps(sum, both));
    let (even1, even2) = (_mm256_add_ps(rest, apart), _mm256_sub_ps(rest, apart));

    let (z13, z10) = (_mm256_add_ps(f, d), _mm256_sub_ps(f, d));
    let (z11, z12) = (_mm256_add_ps(b, h), _mm256_sub_ps(b, h));
    let odd0 = _mm256_add_ps(z11, z13);
    let z5 = times(1.847_759_1, _mm256_add_ps(z10, z12));
    let middle = times(SQRT_2, _mm256_sub_ps(z11, z13));
    let odd1 = _mm256_sub_ps(_mm256_sub_ps(z5, times(2.613_126, z10)), odd0);
    let odd2 = _mm256_sub_ps(middle, odd1);
    let odd3 = _mm256_sub_ps(_mm256_sub_ps(z5, times(1.082_392_2, z12)), odd2);
    [
        _mm256_add_ps(even0, odd0),
        _mm256_add_ps(even1, odd1),
        _mm256_add_ps(even2, odd2),
        _mm256_add_ps(even3, odd3),
        _mm256_sub_ps(even3, odd3),
        _mm256_sub_ps(even2, odd2),
        _mm256_sub_ps(even1, odd1),
        _mm256_sub_ps(even0, odd0),
    ]
}

/// Columns as rows.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn turned([a, b, c, d, e, f, g, h]: [__m256; 8]) -> [__m256; 8] {
    let pairs = [(a, b), (c, d), (e, f), (g, h)]
        .map(|(x, y)| (_mm256_unpacklo_ps(x, y), _mm256_unpackhi_ps(x, y)));
    let fours = [(pairs[0], pairs[1]), (pairs[2], pairs[3])].map(|((al, ah), (bl, bh))| {
        [
            _mm256_shuffle_ps::<0x44>(al, bl),
            _mm256_shuffle_ps::<0xee>(al, bl),
            _mm256_shuffle_ps::<0x44>(ah, bh),
            _mm256_shuffle_ps::<0xee>(ah, bh),
        ]
    });
    let [upper, lower] = fours;
    let (mut first, mut second) = ([_mm256_setzero_ps(); 4], [_mm256_setzero_ps(); 4]);
    for at in 0..4 {
        first[at] = _mm256_permute2f128_ps::<0x20>(upper[at], lower[at]);
        second[at] = _mm256_permute2f128_ps::<0x31>(upper[at], lower[at]);
    }
    let ([a, b, c, d], [e, f, g, h]) = (first, second);
    [a, b, c, d, e, f, g, h]
}
