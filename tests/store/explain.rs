//! A figure is explained down to the log lines, and only lines that were counted are shown.

use std::fs::{self, File};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::program::{Said, Site, bytes, lines};

const DOMAIN: &str = "v1.example.cn";

fn explain(site: &Site, more: &[&str]) -> Said {
    let mut command = site.command("explain");
    command.args([DOMAIN, "--json"]).args(more);
    Site::run(&mut command)
}

/// The lines that were shown, of all parts.
fn shown(said: &Said) -> Vec<&Value> {
    let parts = said.json["parts"].as_array().expect("parts").iter();
    let logs = parts.flat_map(|part| part["log"]["lines"].as_array().expect("lines"));
    logs.collect()
}

fn sum(lines: &[&Value]) -> u64 {
    let bytes = |line: &&Value| line["bytes"].as_u64().expect("bytes");
    lines.iter().map(bytes).sum()
}

/// A file that grew, was packed, and grew once more.
fn grown_site() -> (Site, String) {
    let site = Site::new();
    let text = lines(0, 300);
    site.write("a.log", lines(0, 100));
    site.ingest();
    site.write("a.log", lines(0, 200));
    site.ingest();
    fs::remove_file(site.log("a.log")).expect("removed");
    let file = File::create(site.log("a.log.gz")).expect("made");
    let mut encoder = GzEncoder::new(file, Compression::default());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).expect("packed");
    encoder.finish().expect("packed");
    site.ingest();
    assert_eq!(site.total(), (bytes(0, 300), 300));
    (site, text)
}

#[test]
fn every_line_of_a_figure_is_shown_with_its_place() {
    let (site, text) = grown_site();
    let said = explain(&site, &["--lines", "--limit", "1000"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let shown = shown(&said);
    assert_eq!(shown.len(), 100);
    assert_eq!(said.json["bytes"], sum(&shown));
    for line in shown {
        let (offset, number) = (
            line["offset"].as_u64().expect("an offset") as usize,
            line["line"].as_u64().expect("a number") as usize,
        );
        let own = text[offset..].lines().next().expect("a line");
        assert_eq!(line["text"], own);
        assert_eq!(text.lines().nth(number - 1), Some(own));
        assert!(own.contains(DOMAIN));
    }
}

#[test]
fn a9_lines_behind_holes_are_shown_with_their_place() {
    let site = Site::new();
    // Longer than what the format is told from, than a block, and than the longest line.
    let hole = "\0".repeat(3 << 20);
    let short = "\0".repeat(70_000);
    for text in [
        format!("{hole}{}{short}{}", lines(0, 50), lines(50, 50)),
        format!("{short}{}{hole}{}", lines(0, 50), lines(50, 50)),
    ] {
        site.write("a.log", &text);
        assert_eq!(site.ingest_deliveries().code, 0);
        assert_eq!(site.total(), (bytes(0, 100), 100));
        let said = explain(&site, &["--lines", "--limit", "1000"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let shown = shown(&said);
        assert_eq!(said.json["bytes"], sum(&shown));
        for line in shown {
            let offset = line["offset"].as_u64().expect("an offset") as usize;
            let number = line["line"].as_u64().expect("a number") as usize;
            let own = line["text"].as_str().expect("a text");
            assert!(text[offset..].starts_with(own));
            let numbered = text.lines().nth(number - 1).expect("a line");
            assert_eq!(numbered.trim_start_matches('\0'), own);
        }
        let verified = Site::run(site.command("verify").arg("--against").arg(site.log("")));
        assert_eq!(verified.code, 0, "{}", verified.stderr);
    }
}

#[test]
fn one_slot_has_its_lines_only() {
    let (site, text) = grown_site();
    for (at, minutes) in [
        ("2026-10-03T00:02+08:00", 0..5),
        ("2026-10-02T16:00:00Z", 0..5),
        ("2026-10-03T00:04:59", 0..5),
    ] {
        let said = explain(&site, &["--at", at, "--lines", "--limit", "1000"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let expected: Vec<&str> = text
            .lines()
            .filter(|line| line.contains(DOMAIN))
            .filter(|line| minutes.contains(&line[10..12].parse::<u32>().expect("minutes")))
            .collect();
        let shown = shown(&said);
        let texts: Vec<_> = shown.iter().map(|line| line["text"].as_str()).collect();
        let expected_texts: Vec<_> = expected.into_iter().map(Some).collect();
        assert_eq!(texts, expected_texts, "{at}");
        assert_eq!(said.json["bytes"], sum(&shown), "{at}");
    }
    let refused = explain(&site, &["--at", "noon"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--at noon"), "{}", refused.stderr);
}

#[test]
fn beyond_the_limit_lines_are_counted() {
    let (site, _) = grown_site();
    let said = explain(&site, &["--lines", "--limit", "7"]);
    let parts = said.json["parts"].as_array().expect("parts").iter();
    let more: u64 = parts
        .map(|part| part["log"]["more"].as_u64().expect("a count"))
        .sum();
    assert_eq!((shown(&said).len(), more), (7, 93));
}

#[test]
fn a_file_that_is_not_what_was_counted_shows_nothing() {
    let site = Site::new();
    site.write("a.log", lines(0, 50));
    site.ingest();
    let log = site.log("a.log");
    for change in ["another", "shorter", "gone"] {
        match change {
            "another" => fs::write(&log, lines(0, 50).replace(" hit ", " mis ")),
            "shorter" => fs::write(&log, lines(0, 49)),
            _ => fs::remove_file(&log),
        }
        .expect("changed");
        let said = explain(&site, &["--lines"]);
        assert_eq!(said.code, 1, "{change}");
        assert!(shown(&said).is_empty(), "{change}");
        let why = &said.json["parts"][0]["log"]["not_shown"];
        let why = why.as_str().expect("a reason");
        assert!(why.contains("at hand"), "{change}: {why}");
    }
}

#[test]
fn samples_of_every_format_are_explained_line_by_line() {
    let site = Site::new();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/logs");
    let mut ingest = site.command("ingest");
    ingest.arg(&samples);
    assert!(ingest.output().expect("started").status.success());
    let total = site.total();
    let usage = cdn_meter::store::Store::open_to_read(&site.path("store")).expect("a store");
    let slots = usage.slots().expect("slots");
    let usage = usage.usage(slots, 1 << 20).expect("usage");
    let (mut bytes, mut requests) = (0, 0);
    for domain in usage.domains {
        let mut command = site.command("explain");
        command.args([&domain, "--json", "--lines", "--limit", "1000"]);
        let said = Site::run(&mut command);
        assert_eq!(said.code, 0, "{domain}: {}", said.json);
        let shown = shown(&said);
        assert_eq!(said.json["bytes"], sum(&shown), "{domain}");
        bytes += sum(&shown);
        requests += shown.len() as u64;
    }
    assert_eq!((bytes, requests), total);
}

#[test]
fn the_lines_of_a_salvaged_archive_are_shown_and_compared() {
    let site = Site::new();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut encoder, lines(0, 900).as_bytes()).expect("packed");
    let packed = encoder.finish().expect("packed");
    site.write("a.log.gz", &packed[..packed.len() * 2 / 3]);
    let mut ingest = site.command("ingest");
    ingest.arg("--salvage").arg(site.path("logs"));
    assert_eq!(Site::run(&mut ingest).code, 1, "it needs attention");
    let said = explain(&site, &["--lines", "--limit", "1000"]);
    assert_eq!(said.code, 0, "{}", said.json);
    let shown = shown(&said);
    assert!(10 < shown.len() && shown.len() < 300, "{}", shown.len());
    assert_eq!(said.json["bytes"], sum(&shown));
    let mut verify = site.command("verify");
    verify.arg("--json").arg("--against").arg(site.path("logs"));
    let said = Site::run(&mut verify);
    assert_eq!(said.code, 0, "{}", said.json);
}
