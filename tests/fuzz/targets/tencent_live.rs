//! Fuzz target `tencent_live`: see `tests/check`.

#![no_main]

#[path = "../../check/mod.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::run("tencent_live", input));
