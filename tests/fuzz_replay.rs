//! The committed seeds of the fuzz targets, as an ordinary test.

#[path = "check/mod.rs"]
mod check;

use std::fs;
use std::path::Path;

/// Seeds are samples, not a corpus: all of them together.
const SEED_BYTES_MAX: u64 = 200_000;

#[test]
fn every_seed_of_every_target_keeps_its_promise() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    let mut bytes = 0;
    for (target, check) in check::TARGETS {
        let seeds = fs::read_dir(root.join(target)).expect("a folder of seeds");
        let mut seeds: Vec<_> = seeds.map(|seed| seed.expect("listed").path()).collect();
        seeds.sort();
        assert!(5 < seeds.len(), "{target} has seeds");
        for seed in seeds {
            let input = fs::read(&seed).expect("read");
            bytes += input.len() as u64;
            let outcome = std::panic::catch_unwind(|| check(&input));
            assert!(outcome.is_ok(), "{}", seed.display());
        }
    }
    assert!(bytes < SEED_BYTES_MAX, "{bytes} bytes of seeds");
}

#[test]
fn every_target_is_a_program_and_every_program_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let programs = fs::read_dir(root.join("targets"))
        .expect("a folder")
        .map(|program| {
            let path = program.expect("listed").path();
            path.file_stem().expect("a name").display().to_string()
        });
    let mut programs: Vec<_> = programs.collect();
    programs.sort();
    let mut targets = check::TARGETS.map(|(name, _)| name);
    targets.sort_unstable();
    assert_eq!(programs, targets);
}
