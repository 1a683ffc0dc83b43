//! One function for each parser that reads what strangers send: `fuzz/fuzz_targets` hands them to
//! the fuzzer, and plain tests run them over the corpus in `fuzz/corpus` and its mutations.
//!
//! A target panics when something that must always hold does not.
#![forbid(unsafe_code)]

mod configuration;
mod entry;
mod feed;
mod fields;
mod imaging;
mod message;
mod picture;
mod purge;
mod targets;
mod webhook;

pub use targets::{TARGETS, Target, target};
