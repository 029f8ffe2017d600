//! The shipped samples hold what `expected.toml` states, which no code of ours worked out.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::program::{Place, root};
use crate::support::{Stated, read_summary};

#[derive(Deserialize)]
struct Expected {
    total: Option<Counts>,
    file: Vec<Counts>,
    #[serde(default)]
    summary: Vec<Stated>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    name: String,
    lines: u64,
    metered: u64,
    skipped: BTreeMap<String, u64>,
    rejected: BTreeMap<String, u64>,
    doubts: BTreeMap<String, u64>,
    bytes: u64,
    not_viewer_bytes: u64,
    requests: u64,
    error_bytes: u64,
    error_requests: u64,
    doubtful_requests: u64,
}

fn expected(folder: &str) -> Expected {
    let text = std::fs::read_to_string(root().join("samples").join(folder)).expect("read");
    toml::from_str(&text).expect("stated")
}

#[track_caller]
fn check(report: &serde_json::Value, counts: &Counts) {
    let number = |path: &str| report.pointer(path).and_then(|value| value.as_u64());
    let map = |path: &str| -> BTreeMap<String, u64> {
        serde_json::from_value(report.pointer(path).expect("a map").clone()).expect("counts")
    };
    let name = &counts.name;
    assert_eq!(number("/lines/read"), Some(counts.lines), "{name}: lines");
    assert_eq!(
        number("/lines/metered"),
        Some(counts.metered),
        "{name}: metered"
    );
    assert_eq!(map("/lines/skipped"), counts.skipped, "{name}: skipped");
    assert_eq!(map("/lines/rejected"), counts.rejected, "{name}: rejected");
    assert_eq!(map("/lines/doubts"), counts.doubts, "{name}: doubts");
    assert_eq!(
        number("/bytes/not_viewer"),
        Some(counts.not_viewer_bytes),
        "{name}"
    );
    assert_eq!(number("/usage/bytes"), Some(counts.bytes), "{name}: bytes");
    assert_eq!(
        number("/usage/requests"),
        Some(counts.requests),
        "{name}: requests"
    );
    assert_eq!(
        number("/usage/error_bytes"),
        Some(counts.error_bytes),
        "{name}"
    );
    assert_eq!(
        number("/usage/error_requests"),
        Some(counts.error_requests),
        "{name}"
    );
    assert_eq!(
        number("/usage/doubtful_requests"),
        Some(counts.doubtful_requests),
        "{name}"
    );
}

fn run(inputs: &str, more: &[&str]) -> (Place, serde_json::Value) {
    let place = Place::new();
    let input = root().join("samples").join(inputs).display().to_string();
    let registry = root().join("samples/registry.toml").display().to_string();
    let mut args = vec![&input[..], "--registry", &registry, "--json"];
    args.extend(more);
    let said = place.run(&args);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let report = serde_json::from_str(&said.stdout).expect("JSON");
    (place, report)
}

#[test]
fn the_samples_hold_what_is_stated() {
    let expected = expected("expected.toml");
    let (place, report) = run("logs", &[]);
    check(&report, &expected.total.expect("totals are stated"));
    let mut stated = expected.summary;
    stated.sort();
    assert!(50 < stated.len());
    assert_eq!(read_summary(&place.out()), stated);
}

#[test]
fn every_sample_alone_holds_what_is_stated() {
    for counts in &expected("expected.toml").file {
        check(&run(&format!("logs/{}", counts.name), &[]).1, counts);
    }
}

#[test]
fn every_kind_of_reject_is_counted_and_quarantined() {
    let expected = expected("rejects/expected.toml");
    let mut seen = BTreeMap::new();
    for counts in &expected.file {
        let (place, report) = run(
            &format!("rejects/{}", counts.name),
            &["--max-reject-ratio", "1"],
        );
        check(&report, counts);
        let quarantine = std::fs::read_to_string(place.out().join("quarantine.ndjson"));
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        let text = std::fs::read(root().join("samples/rejects").join(&counts.name)).expect("read");
        for row in quarantine.expect("written").lines() {
            let row: serde_json::Value = serde_json::from_str(row).expect("JSON");
            let reason = row["reason"].as_str().expect("a reason").to_owned();
            *kinds.entry(reason.clone()).or_default() += 1;
            *seen.entry(reason).or_insert(0u64) += 1;
            // The line stands where the quarantine says, by offset and by number.
            let offset = row["offset"].as_u64().expect("an offset") as usize;
            let raw = row["raw"].as_str().expect("the line");
            let number = row["line"].as_u64().expect("a number") as usize;
            assert_eq!(
                text[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1,
                number
            );
            if row.get("raw_hex").is_none() {
                assert!(text[offset..].starts_with(raw.as_bytes()), "{row}");
            }
        }
        assert_eq!(kinds, counts.rejected, "{}", counts.name);
    }
    assert!(
        9 <= seen.len(),
        "the samples show every reason but the overlong line: {seen:?}"
    );
}

#[test]
fn no_sample_is_forgotten() {
    for (folder, stated) in [
        ("logs", "expected.toml"),
        ("rejects", "rejects/expected.toml"),
    ] {
        let expected = expected(stated);
        let mut stated: Vec<_> = expected.file.into_iter().map(|file| file.name).collect();
        let entries = std::fs::read_dir(root().join("samples").join(folder)).expect("listed");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry
                .expect("listed")
                .file_name()
                .to_string_lossy()
                .into_owned()
        };
        let mut there: Vec<_> = entries
            .map(name)
            .filter(|name| name != "expected.toml")
            .collect();
        stated.sort();
        there.sort();
        assert_eq!(there, stated, "{folder}");
    }
}
