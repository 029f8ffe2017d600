//! Checks that take any bytes: the fuzz targets call them, and `tests/fuzz_replay.rs` repeats
//! the committed seeds through them. A check panics where its promise is broken.

pub mod agreement;
pub mod archive;
pub mod blocks;
pub mod registry;

/// A check over any bytes.
pub type Check = fn(&[u8]);

/// Every fuzz target with its check; `tests/fuzz` has one program and one folder of seeds each.
pub const TARGETS: [(&str, Check); 8] = [
    ("tencent_cdn", |input| {
        agreement::check_format("tencent-cdn", input)
    }),
    ("tencent_live", |input| {
        agreement::check_format("tencent-live", input)
    }),
    ("cloudfront", |input| {
        agreement::check_format("cloudfront", input)
    }),
    ("cloudflare", |input| {
        agreement::check_format("cloudflare", input)
    }),
    ("nginx", agreement::check_template),
    ("blocks", blocks::check),
    ("archive", archive::check),
    ("registry", registry::check),
];

/// Runs the check of one target.
#[allow(dead_code)] // the replay goes through the table
pub fn run(target: &str, input: &[u8]) {
    let (_, check) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target");
    check(input);
}
