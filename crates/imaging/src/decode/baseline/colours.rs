//! Colours of pixels, by JFIF.

#[cfg(target_arch = "x86_64")]
use crate::wide::Wide;

/// So many pixels are done at a time.
const STRIP: usize = 16;

/// Light, or a difference, of pixels.
type Strip = [u8; STRIP];
/// The colours of pixels.
type Pixels = [[u8; 3]; STRIP];

/// Writes the colours of pixels, of light and two differences; of these, each may stand for two pixels
/// side by side.
#[allow(unsafe_code)]
pub(super) fn coloured(light: &[u8], tints: [&[u8]; 2], is_halved: bool, row: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if Wide::get().is_some() {
        // SAFETY: the processor has what it is compiled for.
        return unsafe { wide::coloured(light, tints, is_halved, row) };
    }
    coloured_by(light, tints, is_halved, row, plainly);
}

#[inline(always)]
fn coloured_by(
    light: &[u8],
    tints: [&[u8]; 2],
    is_halved: bool,
    row: &mut [u8],
    colours: impl Fn(Strip, Strip, Strip) -> Pixels,
) {
    let mut from = 0;
    for (row, light) in row.chunks_mut(3 * STRIP).zip(light.chunks(STRIP)) {
        let count = row.len() / 3;
        let light = strip(light, count);
        let [blue, red] = tints.map(|tint| match is_halved {
            true => {
                let half = strip(&tint[from / 2..], count.div_ceil(2));
                std::array::from_fn(|at| half[at / 2])
            }
            false => strip(&tint[from..], count),
        });
        let pixels = colours(light, blue, red);
        match row.first_chunk_mut::<{ 3 * STRIP }>() {
            Some(row) => row.copy_from_slice(pixels.as_flattened()),
            None => row.copy_from_slice(&pixels.as_flattened()[..row.len()]),
        }
        from += STRIP;
    }
}

/// The first samples of a line, as many as a strip has where there are so many, else as there must be.
#[inline(always)]
fn strip(samples: &[u8], count: usize) -> Strip {
    match samples.first_chunk::<STRIP>() {
        Some(strip) => *strip,
        None => {
            let mut strip = [0; STRIP];
            strip[..count].copy_from_slice(&samples[..count]);
            strip
        }
    }
}

fn plainly(light: Strip, blue: Strip, red: Strip) -> Pixels {
    std::array::from_fn(|at| {
        let light = i16::from(light[at]);
        let (blue, red) = (i16::from(blue[at]) - 128, i16::from(red[at]) - 128);
        let green = parts(blue << 6, GREEN_OF_BLUE) + parts(red << 6, GREEN_OF_RED);
        let added =
            [red + parts(red, RED_OF_RED), (green + 32) >> 6, 2 * blue + parts(blue, BLUE_OF_BLUE)];
        added.map(|added| (light + added).clamp(0, 255) as u8)
    })
}

/// What a difference adds to a colour, in 32,768 parts; less the once or twice that are added as they are.
const RED_OF_RED: i16 = 13_173;
const GREEN_OF_BLUE: i16 = -11_277;
const GREEN_OF_RED: i16 = -23_401;
const BLUE_OF_BLUE: i16 = -7_471;

/// So many of 32,768 parts of a number, to the nearest.
fn parts(of: i16, count: i16) -> i16 {
    ((((i32::from(of) * i32::from(count)) >> 14) + 1) >> 1) as i16
}

/// The same by instructions.
#[cfg(target_arch = "x86_64")]
mod wide {
    use super::*;
    use std::arch::x86_64::*;

    #[target_feature(enable = "avx2")]
    pub fn coloured(light: &[u8], tints: [&[u8]; 2], is_halved: bool, row: &mut [u8]) {
        coloured_by(light, tints, is_halved, row, |light, blue, red| {
            let light = _mm256_cvtepu8_epi16(bytemuck::cast(light));
            let [blue, red] = [blue, red].map(|tint| {
                let tint = _mm256_cvtepu8_epi16(bytemuck::cast(tint));
                _mm256_sub_epi16(tint, _mm256_set1_epi16(128))
            });
            let parts = |of, count| _mm256_mulhrs_epi16(of, _mm256_set1_epi16(count));
            let green = _mm256_add_epi16(
                parts(_mm256_slli_epi16::<6>(blue), GREEN_OF_BLUE),
                parts(_mm256_slli_epi16::<6>(red), GREEN_OF_RED),
            );
            let green = _mm256_add_epi16(green, _mm256_set1_epi16(32));
            interleaved(
                [
                    _mm256_add_epi16(red, parts(red, RED_OF_RED)),
                    _mm256_srai_epi16::<6>(green),
                    _mm256_add_epi16(_mm256_slli_epi16::<1>(blue), parts(blue, BLUE_OF_BLUE)),
                ]
                .map(|added| _mm256_add_epi16(light, added)),
            )
        });
    }

    /// Sixteen values of each colour as sixteen pixels.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn interleaved(colours: [__m256i; 3]) -> Pixels {
        let bytes = colours.map(|colour| {
            let (low, high) =
                (_mm256_castsi256_si128(colour), _mm256_extracti128_si256::<1>(colour));
            _mm_packus_epi16(low, high)
        });
        let part = |part: usize| {
            let [red, green, blue] = [0, 1, 2].map(|colour: usize| {
                _mm_shuffle_epi8(bytes[colour], bytemuck::cast(PLACES[part][colour]))
            });
            _mm_or_si128(red, _mm_or_si128(green, blue))
        };
        let parts: [[u8; STRIP]; 3] =
            [bytemuck::cast(part(0)), bytemuck::cast(part(1)), bytemuck::cast(part(2))];
        bytemuck::cast(parts)
    }

    /// From where each byte of a third of the pixels is taken, of each colour.
    const PLACES: [[[u8; STRIP]; 3]; 3] = {
        const NONE: u8 = 0x80;
        let mut places = [[[NONE; STRIP]; 3]; 3];
        let mut at = 0;
        while at < 3 * STRIP {
            places[at / STRIP][at % 3][at % STRIP] = (at / 3) as u8;
            at += 1;
        }
        places
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_jfif() {
        for (light, blue, red) in (0..=255_u8)
            .flat_map(|y| (0..=255_u8).step_by(5).map(move |c| (y, c, c.wrapping_mul(7))))
        {
            let (y, cb, cr) = (f64::from(light), f64::from(blue) - 128.0, f64::from(red) - 128.0);
            let exact = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
            let mut own = [0; 3];
            coloured(&[light], [&[blue], &[red]], false, &mut own);
            for (own, exact) in own.into_iter().zip(exact) {
                let apart = (f64::from(own) - exact.clamp(0.0, 255.0)).abs();
                assert!(apart < 0.53, "{light} {blue} {red}: {own} for {exact}");
            }
        }
    }

    #[test]
    fn each_pixel_has_its_own_tints_however_long_the_line_is() {
        for (width, is_halved) in (1..=100_usize).flat_map(|width| [(width, true), (width, false)])
        {
            let light: Vec<u8> = (0..width).map(|x| (x * 2) as u8).collect();
            let tints = if is_halved { width.div_ceil(2) } else { width };
            let blue: Vec<u8> = (0..tints).map(|x| 30 + x as u8).collect();
            let red: Vec<u8> = (0..tints).map(|x| 200 - x as u8).collect();
            let mut row = vec![0; 3 * width];
            coloured(&light, [&blue, &red], is_halved, &mut row);
            for (x, pixel) in row.as_chunks::<3>().0.iter().enumerate() {
                let tint = if is_halved { x / 2 } else { x };
                let mut own = [0; 3];
                coloured_by(&[light[x]], [&[blue[tint]], &[red[tint]]], false, &mut own, plainly);
                assert_eq!(*pixel, own, "{x} of {width}");
            }
        }
    }
}
