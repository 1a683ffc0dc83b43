//! Pixels of the coefficients of a block.

/// The coefficients that are needed of a block, in the order of [`Reduction::PLACES`]; in the last place
/// are others.
pub(super) type Coefficients = [i32; 65];
/// The place of a coefficient that is not needed.
pub(super) const NOWHERE: u16 = 64;

/// What a block becomes.
pub(super) trait Reduction: Copy {
    /// The pixels of its side.
    const SIDE: usize;
    /// The last coefficient that is needed, in the order in which they come.
    const LAST: usize;
    /// Where each coefficient stands among those that are needed.
    const PLACES: [u16; 64];

    /// Its pixels, in rows of so many.
    fn pixels(self, coefficients: &Coefficients, strip: &mut [u8], width: usize);
}

/// One pixel.
#[derive(Clone, Copy)]
pub(super) struct Eighth;
/// Two by two.
#[derive(Clone, Copy)]
pub(super) struct Quarter;
/// Four by four.
#[derive(Clone, Copy)]
pub(super) struct Half;

/// The zigzag of ITU-T T.81, figure 5, in rows or columns of that length.
pub(super) const fn places(side: usize, by_columns: bool) -> [u16; 64] {
    let mut places = [NOWHERE; 64];
    let (mut x, mut y, mut at) = (0, 0, 0);
    while at < 64 {
        if x < side && y < side {
            places[at] = (if by_columns { x * side + y } else { y * side + x }) as u16;
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
pub(super) fn sample(eighths: i32) -> u8 {
    ((eighths + 1028) >> 3).clamp(0, 255) as u8
}

impl Reduction for Eighth {
    const SIDE: usize = 1;
    const LAST: usize = 0;
    const PLACES: [u16; 64] = places(1, false);

    #[inline(always)]
    fn pixels(self, coefficients: &Coefficients, strip: &mut [u8], _width: usize) {
        strip[0] = sample(coefficients[0]);
    }
}

impl Reduction for Quarter {
    const SIDE: usize = 2;
    const LAST: usize = 4;
    const PLACES: [u16; 64] = places(2, false);

    #[inline(always)]
    fn pixels(self, coefficients: &Coefficients, strip: &mut [u8], width: usize) {
        let [a, b, c, d, ..] = *coefficients;
        let (left, right) = (a + b, a - b);
        let (left_down, right_down) = (c + d, c - d);
        strip[..2].copy_from_slice(&[sample(left + left_down), sample(right + right_down)]);
        strip[width..width + 2]
            .copy_from_slice(&[sample(left - left_down), sample(right - right_down)]);
    }
}

impl Reduction for Half {
    const SIDE: usize = 4;
    const LAST: usize = 24;
    const PLACES: [u16; 64] = places(4, false);

    #[inline(always)]
    fn pixels(self, coefficients: &Coefficients, strip: &mut [u8], width: usize) {
        // Larger ones would overflow.
        let own: [i32; 16] = std::array::from_fn(|at| coefficients[at].clamp(-16_384, 16_383));
        // Columns first; two bits more are kept between.
        let mut half = [0; 16];
        for x in 0..4 {
            let column = [0, 4, 8, 12].map(|at| own[at + x]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_come_in_a_zigzag() {
        let all = places(8, false);
        assert_eq!(all[..10], [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]);
        assert_eq!(all[61..], [55, 62, 63]);
        assert_eq!(places(8, true)[..10], [0, 8, 1, 2, 9, 16, 24, 17, 10, 3]);
        assert_eq!(places(2, false)[..6], [0, 1, 2, NOWHERE, 3, NOWHERE]);
        for (side, last) in [(1, 0), (2, 4), (4, 24), (8, 63)] {
            let places = places(side, false);
            assert_eq!(places.iter().rposition(|place| *place != NOWHERE), Some(last));
        }
    }
}
