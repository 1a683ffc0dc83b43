//! Running a test by many seeds, on all cores: `LARDER_SEEDS` says how many, `LARDER_SEED` which is
//! the first.

use std::panic::{catch_unwind, resume_unwind};

/// Seeds where nobody says how many.
const USUAL: u64 = 1000;

/// Runs a test by one seed in so many as are asked for; gives how many ran, and the sum of what they
/// gave. Which seed fails is printed.
pub(crate) fn run(one_in: u64, test: fn(u64) -> u64) -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = (number("LARDER_SEEDS").unwrap_or(USUAL) / one_in).max(1);
    let first = number("LARDER_SEED").unwrap_or(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = |thread: usize| -> u64 {
        (first..first + seeds).skip(thread).step_by(threads).map(|seed| told(seed, test)).sum()
    };
    let sum = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        parts.into_iter().map(|part| part.join().unwrap_or_else(|why| resume_unwind(why))).sum()
    });
    (seeds, sum)
}

/// Runs a seed, and tells which it was if it fails.
fn told(seed: u64, test: fn(u64) -> u64) -> u64 {
    catch_unwind(|| test(seed)).unwrap_or_else(|why| {
        println!("LARDER_SEED={seed} LARDER_SEEDS=1");
        resume_unwind(why)
    })
}
