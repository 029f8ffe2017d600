//! Equal files that are different deliveries: on request each counts, and goes on by itself.

use std::fs;

use rusqlite::Connection;

use crate::logs::Random;
use crate::program::{Said, Site, bytes, lines};

/// Ingests all logs, and counts equal files again.
fn ingest_all(site: &Site) -> Said {
    let mut command = site.command("ingest");
    command.args(["--json", "--allow-duplicates"]);
    command.arg(site.path("logs"));
    Site::run(&mut command)
}

fn changes(said: &Said) -> String {
    let changes = said.json["files"]["changes"].as_object().expect("changes");
    let entry = |(name, count): (&String, &serde_json::Value)| format!("{name} {count}");
    changes.iter().map(entry).collect::<Vec<_>>().join(", ")
}

/// A site where `a.log` and `b.log` hold the same 20 lines and both count.
fn twice() -> Site {
    let site = Site::new();
    site.write("a.log", lines(0, 20));
    site.write("b.log", lines(0, 20));
    let said = ingest_all(&site);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(changes(&said), "duplicate-counted 1, new 1");
    site
}

/// Bytes and requests of the first lines, so many for each number.
fn total(counts: &[u64]) -> (u64, u64) {
    let bytes = counts.iter().map(|count| bytes(0, *count)).sum();
    (bytes, counts.iter().sum())
}

#[test]
fn a_copy_counts_again_once_and_ledger_and_report_say_so() {
    let site = twice();
    assert_eq!(site.total(), total(&[20, 20]));
    let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let change: String = ledger
        .query_row(
            "SELECT change FROM history ORDER BY rowid DESC",
            [],
            |row| row.get(0),
        )
        .expect("a change");
    assert_eq!(change, "duplicate-counted");
    for said in [ingest_all(&site), site.ingest()] {
        assert_eq!(changes(&said), "unchanged 2");
        assert_eq!(site.total(), total(&[20, 20]));
    }
    // One more: as it is asked for.
    site.write("c.log", lines(0, 20));
    let said = site.ingest();
    assert_eq!(changes(&said), "duplicate 1, unchanged 2");
    assert_eq!(site.total(), total(&[20, 20]));
    site.write("d.log", lines(0, 20));
    let said = ingest_all(&site);
    assert_eq!(changes(&said), "duplicate-counted 1, unchanged 3");
    assert_eq!(said.json["lines"]["read"], 20);
    assert_eq!(site.total(), total(&[20, 20, 20]));
    let explained = site.explain("v0.example.cn").json;
    assert_eq!(explained["parts"].as_array().expect("parts").len(), 3);
}

#[test]
fn a_file_that_was_counted_as_a_duplicate_stays_one() {
    // Who holds what was counted is not asked for it again.
    let site = Site::new();
    site.write("a.log", lines(0, 20));
    site.write("b.log", lines(0, 20));
    site.ingest();
    assert_eq!(changes(&ingest_all(&site)), "unchanged 2");
    assert_eq!(site.total(), total(&[20]));
}

#[test]
fn copies_grow_each_by_itself_in_any_order() {
    for first in ["a.log", "b.log"] {
        let site = twice();
        site.write(first, lines(0, 30));
        assert_eq!(changes(&site.ingest()), "grown 1, unchanged 1");
        assert_eq!(site.total(), total(&[20, 30]));
        // A third of the longer one is no copy of its own.
        site.write("c.log", lines(0, 30));
        assert_eq!(changes(&site.ingest()), "duplicate 1, unchanged 2");
        let second = if first == "a.log" { "b.log" } else { "a.log" };
        site.write(second, lines(0, 30));
        let said = site.ingest();
        assert_eq!(changes(&said), "grown 1, unchanged 2");
        assert_eq!(said.json["lines"]["read"], 10);
        assert_eq!(site.total(), total(&[30, 30]), "{first} first");
    }
}

#[test]
fn a_copy_that_was_read_in_the_middle_of_a_line_grows_by_itself() {
    let site = Site::new();
    let text = lines(0, 300);
    for name in ["a.log", "b.log"] {
        site.write(name, &text[..text.len() / 2]);
    }
    assert_eq!(changes(&ingest_all(&site)), "duplicate-counted 1, new 1");
    site.write("b.log", &text);
    assert_eq!(changes(&site.ingest()), "grown 1, unchanged 1");
    site.write("a.log", &text);
    assert_eq!(changes(&site.ingest()), "grown 1, unchanged 1");
    assert_eq!(site.total(), total(&[300, 300]));
}

#[test]
fn a_copy_that_was_renamed_keeps_its_count() {
    let site = twice();
    fs::rename(site.log("b.log"), site.log("c.log")).expect("renamed");
    assert_eq!(changes(&ingest_all(&site)), "renamed 1, unchanged 1");
    assert_eq!(site.total(), total(&[20, 20]));
    // It grows under its new name; renamed and grown at once is grown as well.
    site.write("c.log", lines(0, 30));
    assert_eq!(changes(&site.ingest()), "grown 1, unchanged 1");
    fs::remove_file(site.log("c.log")).expect("removed");
    site.write("d.log", lines(0, 40));
    assert_eq!(changes(&site.ingest()), "grown 1, unchanged 1");
    site.write("a.log", lines(0, 40));
    assert_eq!(changes(&site.ingest()), "grown 1, unchanged 1");
    assert_eq!(site.total(), total(&[40, 40]));
}

#[test]
fn replacing_one_of_them_leaves_the_other() {
    for (replaced, kept) in [("a.log", "b.log"), ("b.log", "a.log")] {
        let site = twice();
        site.write(replaced, lines(100, 5));
        assert_eq!(
            changes(&site.ingest_deliveries()),
            "replaced 1, unchanged 1"
        );
        let (bytes_kept, requests) = total(&[20]);
        let other = (bytes_kept + bytes(100, 5), requests + 5);
        assert_eq!(site.total(), other);
        // What is left stands for the content as any other does.
        site.write("c.log", lines(0, 20));
        assert_eq!(changes(&site.ingest()), "duplicate 1, unchanged 2");
        site.write("d.log", lines(0, 30));
        assert_eq!(changes(&site.ingest()), "grown 1, unchanged 3");
        let grown = (other.0 + bytes(20, 10), other.1 + 10);
        assert_eq!(site.total(), grown, "{kept} was kept");
    }
}

#[test]
fn a_copy_that_shrank_keeps_its_count_until_somebody_decides() {
    let site = twice();
    site.write("b.log", lines(0, 10));
    let said = ingest_all(&site);
    assert_eq!(said.json["files"]["refused"][0]["code"], "shrunk");
    assert_eq!(site.total(), total(&[20, 20]));
}

#[test]
fn each_copy_is_compared_with_the_logs() {
    let site = twice();
    site.write("b.log", lines(0, 30));
    site.ingest();
    let mut command = site.command("verify");
    command
        .arg("--json")
        .arg("--against")
        .arg(site.path("logs"));
    let said = Site::run(&mut command);
    assert_eq!(said.code, 0, "{}", said.json);
    assert_eq!(said.json["against"]["lines"], 50);
}

#[test]
fn compaction_keeps_copies_apart() {
    let site = twice();
    site.write("b.log", lines(0, 30));
    site.ingest();
    assert_eq!(Site::run(&mut site.command("compact")).code, 0);
    assert_eq!(site.total(), total(&[20, 30]));
}

#[test]
fn rotation_by_renaming_counts_nothing_twice() {
    let site = Site::new();
    site.write("access.log", lines(0, 40));
    ingest_all(&site);
    fs::rename(site.log("access.log"), site.log("access.log.1")).expect("renamed");
    site.write("access.log", lines(1_000, 7));
    ingest_all(&site);
    let (bytes_kept, requests) = total(&[40]);
    assert_eq!(site.total(), (bytes_kept + bytes(1_000, 7), requests + 7));
}

/// Equal files that grow or are renamed in any order count as many lines as they hold together.
#[test]
fn whatever_copies_do_they_count_what_they_hold() {
    for seed in 1..=10 {
        let mut random = Random(seed);
        let site = Site::new();
        let mut files: Vec<(String, u64)> = (0..3).map(|n| (format!("{n}.log"), 20)).collect();
        for step in 0..10 {
            for (name, count) in &files {
                site.write(name, lines(0, *count));
            }
            let said = match step == 0 || random.below(2) == 0 {
                true => ingest_all(&site),
                false => site.ingest(),
            };
            assert_eq!(said.code, 0, "seed {seed}: {}", said.stderr);
            let counts: Vec<u64> = files.iter().map(|(_, count)| *count).collect();
            let verified = site.verify().json;
            let found = ["bytes", "requests"].map(|name| verified[name].as_u64());
            let (bytes, requests) = total(&counts);
            assert_eq!(
                found,
                [Some(bytes), Some(requests)],
                "seed {seed}, step {step}"
            );
            assert_eq!(verified["findings"], serde_json::json!([]));
            let file = random.below(files.len());
            match random.below(3) {
                0 => {
                    let name = format!("{step}-renamed.log");
                    fs::rename(site.log(&files[file].0), site.log(&name)).expect("renamed");
                    files[file].0 = name;
                }
                // Now and then to where another one is.
                1 => files[file].1 = counts.iter().copied().max().unwrap_or(0).max(30),
                _ => files[file].1 += 5,
            }
        }
    }
}
