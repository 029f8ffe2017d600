//! Every rule of the rule book has a test: a golden case, a unit test that is named by it, or one of
//! the tests listed here.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use crate::cases::cases;

/// The ids of the rule book.
const RULES: [RangeInclusive<u32>; 6] = [1..=10, 11..=27, 30..=33, 40..=48, 50..=54, 60..=65];

/// Rules that tests of other names hold.
const ELSEWHERE: [(&str, &str, &str); 9] = [
    (
        "R18",
        PROPERTIES,
        "mini_program_traffic_pays_by_its_bytes_alone",
    ),
    (
        "R24",
        "tests/cli/samples.rs",
        "the_samples_hold_what_is_stated",
    ),
    ("R26", PROPERTIES, "no_usage_makes_a_negative_charge"),
    (
        "R32",
        CLOSING,
        "what_cannot_be_closed_is_refused_and_says_why",
    ),
    (
        "R33",
        PROPERTIES,
        "lines_sum_to_the_bill_and_residues_are_bounded",
    ),
    (
        "R48",
        "src/billing/refund/tests.rs",
        "r46_and_r48_bans_and_suspicion_end_it",
    ),
    (
        "R61",
        "tests/golden.rs",
        "every_case_becomes_what_is_written_down",
    ),
    (
        "R62",
        "tests/golden.rs",
        "every_case_becomes_what_is_written_down",
    ),
    (
        "R63",
        CLOSING,
        "what_cannot_be_closed_is_refused_and_says_why",
    ),
];
const PROPERTIES: &str = "tests/bill/properties.rs";
const CLOSING: &str = "tests/store/closing.rs";

#[test]
fn every_rule_has_a_sentence() {
    let known: Vec<String> = cdn_meter::billing::rules().map(str::to_owned).collect();
    assert_eq!(known, Vec::from_iter(ids()));
}

fn ids() -> BTreeSet<String> {
    let ids = RULES.into_iter().flatten();
    ids.map(|id| format!("R{id:02}")).collect()
}

/// The rules that tests in `folder` are named by: `fn`, the id, and what it shows.
fn named(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            named(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("read");
            let tests = text.lines().filter_map(|line| {
                let (id, _) = line.trim_start().strip_prefix("fn r")?.split_once('_')?;
                id.parse::<u32>().ok().filter(|_| id.len() == 2)
            });
            found.extend(tests.map(|id| format!("R{id:02}")));
        }
    }
}

#[test]
fn every_rule_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut held: BTreeSet<String> = cases().into_iter().flat_map(|case| case.rules).collect();
    for folder in ["src", "tests"] {
        named(&root.join(folder), &mut held);
    }
    for (rule, file, test) in ELSEWHERE {
        let text = fs::read_to_string(root.join(file)).expect("read");
        assert!(
            text.contains(&format!("fn {test}(")),
            "{rule}: no {test} in {file}"
        );
        held.insert(rule.to_owned());
    }
    let strange: Vec<_> = held.difference(&ids()).cloned().collect();
    assert!(strange.is_empty(), "tested, and no rule: {strange:?}");
    let missing: Vec<_> = ids().difference(&held).cloned().collect();
    assert!(missing.is_empty(), "rules without a test: {missing:?}");
}
