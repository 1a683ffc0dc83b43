//! See `fuzz_targets::TARGETS`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::target("cron")(data));
