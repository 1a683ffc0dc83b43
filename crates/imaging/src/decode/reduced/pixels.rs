//! Pixels of the lowest coefficients of a block, and colours of pixels.

/// A block that becomes `N` by `N` pixels.
pub(super) trait Reduction<const N: usize> {
    /// The last coefficient that is needed, in the order in which they come.
    const LAST: usize;
    /// Where each coefficient stands in rows of `N`; 16: nowhere.
    const PLACES: [u8; 64] = places(N);

    /// Its pixels, in rows of so many.
    fn pixels(coefficients: &[i32; 17], strip: &mut [u8], width: usize);
}

/// The zigzag of ITU-T T.81, figure 5.
const fn places(side: usize) -> [u8; 64] {
    let mut places = [16; 64];
    let (mut x, mut y, mut at) = (0, 0, 0);
    while at < 64 {
        if x < side && y < side {
            places[at] = (y * side + x) as u8;
        }
        let is_up = (x + y) % 2 == 0;
        if is_up && x == 7 || !is_up && y < 7 && x == 0 {
            y += 1;
        } else if is_up && y == 0 || !is_up && y == 7 {
            x += 1;
        } else if is_up {
            (x, y) = (x + 1, y - 1);
        } else {
            (x, y) = (x - 1, y + 1);
        }
        at += 1;
    }
    places
}

/// Eighths, around grey.
#[inline(always)]
fn sample(eighths: i32) -> u8 {
    ((eighths + 1028) >> 3).clamp(0, 255) as u8
}

impl Reduction<1> for () {
    const LAST: usize = 0;

    #[inline(always)]
    fn pixels(coefficients: &[i32; 17], strip: &mut [u8], _width: usize) {
        strip[0] = sample(coefficients[0]);
    }
}

impl Reduction<2> for () {
    const LAST: usize = 4;

    #[inline(always)]
    fn pixels(coefficients: &[i32; 17], strip: &mut [u8], width: usize) {
        let [a, b, c, d, ..] = *coefficients;
        let (left, right) = (a + b, a - b);
        let (left_down, right_down) = (c + d, c - d);
        strip[..2].copy_from_slice(&[sample(left + left_down), sample(right + right_down)]);
        strip[width..width + 2]
            .copy_from_slice(&[sample(left - left_down), sample(right - right_down)]);
    }
}

impl Reduction<4> for () {
    const LAST: usize = 24;

    #[inline(always)]
    fn pixels(coefficients: &[i32; 17], strip: &mut [u8], width: usize) {
        // Columns first; two bits more are kept between.
        let mut half = [0; 16];
        for x in 0..4 {
            let column = [0, 4, 8, 12].map(|at| coefficients[at + x]);
            let values = four(column).map(|value| (value + (1 << 9)) >> 10);
            for (y, value) in values.into_iter().enumerate() {
                half[4 * y + x] = value;
            }
        }
        for (y, row) in half.as_chunks::<4>().0.iter().enumerate() {
            // Eighths of eight times as much.
            let values = four(*row).map(|value| sample((value + (1 << 12)) >> 13));
            strip[y * width..][..4].copy_from_slice(&values);
        }
    }
}

/// Four points of a cosine transform, times 4096 and the root of two.
#[inline(always)]
fn four([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    // Cosine and sine of an eighth of a half turn, times 4096.
    const COS: i32 = 3784;
    const SIN: i32 = 1567;
    // A half of the first and third, times the root of two.
    const HALF: i32 = 2896;
    let (sum, rest) = ((a + c) * HALF, (a - c) * HALF);
    let (outer, inner) = (b * COS + d * SIN, b * SIN - d * COS);
    [sum + outer, rest + inner, rest - inner, sum - outer]
}

/// Writes the colours of pixels; of the two differences each may stand for two pixels side by side.
pub(super) fn coloured(light: &[u8], blue: &[u8], red: &[u8], is_halved: bool, row: &mut [u8]) {
    if is_halved {
        let (pairs, last) = row.as_chunks_mut::<6>();
        let lights = light.as_chunks::<2>().0;
        for ((pair, light), (blue, red)) in pairs.iter_mut().zip(lights).zip(blue.iter().zip(red)) {
            let added = added(*blue, *red);
            let ([ar, ag, ab], [br, bg, bb]) = (rgb(light[0], added), rgb(light[1], added));
            *pair = [ar, ag, ab, br, bg, bb];
        }
        if let [_, _, _] = last {
            let at = pairs.len();
            last.copy_from_slice(&rgb(light[2 * at], added(blue[at], red[at])));
        }
    } else {
        let pixels = row.as_chunks_mut::<3>().0;
        for ((pixel, light), (blue, red)) in pixels.iter_mut().zip(light).zip(blue.iter().zip(red))
        {
            *pixel = rgb(*light, added(*blue, *red));
        }
    }
}

/// What colours add to the light, by JFIF.
#[inline(always)]
fn added(blue: u8, red: u8) -> [i32; 3] {
    let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
    [
        (91_881 * red + 32_768) >> 16,
        (-22_554 * blue - 46_802 * red + 32_768) >> 16,
        (116_130 * blue + 32_768) >> 16,
    ]
}

#[inline(always)]
fn rgb(light: u8, added: [i32; 3]) -> [u8; 3] {
    added.map(|added| (i32::from(light) + added).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_come_in_a_zigzag() {
        let all = places(8);
        assert_eq!(all[..10], [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]);
        assert_eq!(all[61..], [55, 62, 63]);
        assert_eq!(places(2)[..6], [0, 1, 2, 16, 3, 16]);
        for (side, last) in [(1, 0), (2, 4), (4, 24)] {
            assert_eq!(places(side).iter().rposition(|place| *place != 16), Some(last));
        }
    }
}
