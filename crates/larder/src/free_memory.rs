//! Memory that nobody needs any more goes back to the system, also while nothing happens.

use std::hint::black_box;

/// The allocator takes so many bytes from the system's pages by themselves.
const APART_BYTES: usize = 1 << 20;

/// Gives back what has been free for a second. The allocator does so whenever it frees whole pages,
/// and never by itself: what the start or a burst of requests needed would stay for as long as
/// nothing happens. So pages are taken and freed here; nothing is written to them.
pub fn give_back() {
    drop(black_box(Vec::<u8>::with_capacity(APART_BYTES)));
}
