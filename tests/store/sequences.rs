//! Random sequences of all that can happen to log files, against the plain model.
//!
//! A failure prints the seed and the shortest steps that still fail. `CDN_METER_SEQUENCES` says how
//! many sequences, `CDN_METER_SEED` the first seed.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::logs::Random;
use crate::steps::{Cut, Run, Step};
use crate::world::{Difference, NAMES, World};

/// Sequences of a test run.
const SEQUENCES: u64 = 300;
const STEPS_MAX: usize = 24;
/// What so many sequences meet, all of it.
const KINDS: [&str; 22] = [
    "closed",
    "compacted",
    "duplicate",
    "forgotten",
    "given up",
    "grown",
    "new",
    "next",
    "next-or-newer",
    "not-counted",
    "older ledger",
    "older ledger and seal",
    "older store",
    "recounted",
    "renamed",
    "replaced",
    "retried",
    "salvaged",
    "shrunk",
    "unchanged",
    "unreadable",
    "within",
];

impl Step {
    fn any(random: &mut Random) -> Step {
        let name = random.below(NAMES.len());
        let other = random.below(NAMES.len());
        match random.below(36) {
            0..=4 => Step::Deliver(name, random.below(60), Cut::any(random)),
            5 => Step::Redeliver(name),
            6..=8 => Step::Resize(name, Cut::any(random)),
            9 | 10 => Step::Rename(name, other),
            11 => Step::Copy(name, other),
            12 | 13 => Step::Rotate(random.below(60), Cut::any(random)),
            14 => Step::Pack(name),
            15 => Step::Delete(name),
            16 => Step::Corrupt(name),
            17 => Step::Kill(Run::any(random), random.below(4)),
            18 => Step::Close,
            19 => Step::Compact,
            20 | 21 => Step::Recount(name, Run::any(random)),
            22 => Step::RotateByCopy(random.below(60), Cut::any(random)),
            23 => Step::RotateByDate(random.below(60), Cut::any(random)),
            24 => Step::Forget(name),
            25 => Step::Retry,
            26..=29 => Step::RestoreOlder(random.below(3)),
            _ => Step::Ingest(Run::any(random)),
        }
    }
}

impl Cut {
    fn any(random: &mut Random) -> Cut {
        let at = random.below(1 << 30);
        match random.below(12) {
            0 => Cut::NoNewline(at),
            1 | 2 => Cut::Bytes(at),
            3 => Cut::Chunk(at),
            _ => Cut::Lines(at),
        }
    }
}

impl Run {
    fn any(random: &mut Random) -> Run {
        Run {
            workers: 1 + random.below(3),
            names: if random.one_in(3) {
                random.below(32)
            } else {
                31
            },
            is_trusting: random.one_in(2),
            is_rehash: random.one_in(6),
            is_salvage: random.one_in(3),
            has_orphans: random.one_in(8),
        }
    }
}

/// The kinds of all that was said, or the first difference from the model.
fn run(seed: u64, steps: &[Step]) -> Result<BTreeSet<&'static str>, Difference> {
    let mut world = World::new(seed);
    steps.iter().try_for_each(|step| world.perform(*step))?;
    let all = Run {
        workers: 2,
        names: 31,
        is_rehash: true,
        ..Run::default()
    };
    world.ingest(all, usize::MAX)?;
    world.verify()?;
    Ok(world.seen)
}

fn steps(seed: u64) -> Vec<Step> {
    let mut random = Random(!seed);
    let count = 3 + random.below(STEPS_MAX - 2);
    (0..count).map(|_| Step::any(&mut random)).collect()
}

/// Leaves out every step that the difference does not need.
fn shrink(seed: u64, mut steps: Vec<Step>, mut difference: Difference) -> (Vec<Step>, Difference) {
    let mut at = 0;
    while at < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(at);
        match run(seed, &fewer) {
            Err(other) => (steps, difference, at) = (fewer, other, 0),
            Ok(_) => at += 1,
        }
    }
    (steps, difference)
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn every_byte_counts_once_whatever_happens_to_its_files() {
    let first = setting("CDN_METER_SEED").unwrap_or(1);
    let count = setting("CDN_METER_SEQUENCES").unwrap_or(SEQUENCES);
    let (next, seen) = (AtomicU64::new(first), Mutex::new(BTreeSet::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if first + count <= seed {
                return;
            }
            let all = steps(seed);
            match run(seed, &all) {
                Ok(kinds) => seen.lock().expect("not poisoned").extend(kinds),
                Err(difference) => {
                    let (few, difference) = shrink(seed, all, difference);
                    panic!("CDN_METER_SEED={seed}, with steps {few:?}\n{difference}");
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .for_each(|worker| worker.join().expect("the model agrees"));
    });
    if SEQUENCES <= count {
        let seen = seen.into_inner().expect("not poisoned");
        assert_eq!(Vec::from_iter(seen), KINDS, "the sequences are too tame");
    }
}
