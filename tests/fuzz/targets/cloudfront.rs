//! Fuzz target `cloudfront`: see `tests/check`.

#![no_main]

#[path = "../../check/mod.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::run("cloudfront", input));
