//! What is kept costs as much memory as the allocator gives out for it, which is more than was asked
//! for.

/// What the first clone of a `Bytes` puts on the heap, in bytes.
pub(crate) const SHARED_BYTES: usize = 32;
/// The counters of an `Arc`, in bytes.
pub(crate) const ARC_BYTES: usize = 2 * size_of::<usize>();
/// From here on blocks are rounded to whole pieces of the allocator, in bytes.
const PIECE: usize = 64 << 10;

/// The bytes that a block of so many costs. Short ones share pages, of which one part in five lies
/// idle where what is kept comes and goes (measured at a million responses of 1 KiB).
pub(crate) fn block(bytes: usize) -> usize {
    let rounded = rounded(bytes);
    if rounded < PIECE { rounded + rounded / 4 } else { rounded }
}

/// The bytes of the block that is given out for so many: small ones are multiples of 16, then there
/// are four lengths from each power of two to the next (as mimalloc has them).
fn rounded(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=128 => bytes.next_multiple_of(16),
        _ => bytes.next_multiple_of((1 << ((bytes - 1).ilog2() - 2)).min(PIECE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_as_long_as_the_allocator_makes_them() {
        let table = [(0, 0), (1, 16), (17, 32), (128, 128), (129, 160), (160, 160), (161, 192)];
        let longer = [(257, 320), (1024, 1024), (1025, 1280), (1537, 1792), (300_000, 327_680)];
        for (bytes, block) in table.into_iter().chain(longer) {
            assert_eq!(rounded(bytes), block, "{bytes}");
        }
        assert_eq!(rounded((1 << 20) + 1), (1 << 20) + PIECE);
        assert_eq!((block(1000), block(1 << 20)), (1280, 1 << 20));
    }
}
