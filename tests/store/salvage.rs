//! Damaged archives: nothing of them counts, or on request what can be read, and it is said.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::Connection;

use crate::program::{Said, Site, bytes, lines};

pub fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("packed");
    encoder.finish().expect("packed")
}

fn cut(mut archive: Vec<u8>) -> Vec<u8> {
    archive.truncate(archive.len() / 2);
    archive
}

fn salvage(site: &Site, more: &[&str]) -> Said {
    let mut command = site.command("ingest");
    command.args(["--json", "--salvage"]).args(more);
    command.arg(site.path("logs"));
    Site::run(&mut command)
}

/// What every name held, as the ledger has it: name, change, length.
fn history(site: &Site) -> Vec<(String, String, u64)> {
    let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let sql =
        "SELECT name, change, length FROM history JOIN content ON content.id = history.content
        ORDER BY history.rowid";
    let mut statement = ledger.prepare(sql).expect("a question");
    let rows = statement.query_map([], |row| {
        let name: String = row.get(0)?;
        let name = name.rsplit('/').next().expect("a name").to_owned();
        Ok((name, row.get(1)?, row.get::<_, i64>(2)?.cast_unsigned()))
    });
    rows.expect("answers")
        .collect::<Result<_, _>>()
        .expect("rows")
}

/// The lines that a salvage kept, of those from 0 on; that they are whole is asserted.
fn kept_lines(text: &str, said: &Said) -> u64 {
    let kept = said.json["files"]["salvaged"][0]["kept_bytes"]
        .as_u64()
        .expect("bytes");
    let kept = &text[..usize::try_from(kept).expect("small")];
    assert!(kept.ends_with('\n'), "whole lines");
    kept.lines().count() as u64
}

/// Damages `archive` of `text`, salvages it, and then has the whole file come.
fn check(text: &str, count: u64, archive: &[u8], damaged: &[u8], workers: &str) {
    let site = Site::new();
    site.write("a.gz", damaged);
    let said = site.ingest();
    assert_eq!(said.code, 1);
    assert_eq!(said.json["files"]["refused"][0]["code"], "unreadable");
    assert_eq!(site.total(), (0, 0), "without the flag nothing counts");

    let said = salvage(&site, &["--workers", workers]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(said.stderr.contains("salvaged"), "{}", said.stderr);
    assert_eq!(said.json["files"]["changes"]["salvaged"], 1);
    let kept = kept_lines(text, &said);
    assert!(0 < kept && kept <= count, "{kept} lines");
    assert_eq!(site.total(), (bytes(0, kept), kept));
    let kept_bytes = said.json["files"]["salvaged"][0]["kept_bytes"]
        .as_u64()
        .expect("bytes");
    let salvaged = ("a.gz".to_owned(), "salvaged".to_owned(), kept_bytes);
    assert_eq!(history(&site), std::slice::from_ref(&salvaged));

    // The same again, with the flag and without: nothing changes, and it is named.
    let said = salvage(&site, &["--workers", "1"]);
    assert_eq!(said.json["files"]["changes"]["unchanged"], 1);
    assert_eq!(
        said.json["files"]["salvaged"][0]["kept_bytes"], kept_bytes,
        "{}",
        said.json
    );
    assert_eq!(site.ingest().code, 1);
    assert_eq!(site.total(), (bytes(0, kept), kept));
    assert_eq!(history(&site), std::slice::from_ref(&salvaged));

    // The whole file: only what is new of it is metered.
    site.write("a.gz", archive);
    let said = site.ingest();
    let new = count - kept;
    if new != 0 {
        assert_eq!((said.code, &said.json["lines"]["read"]), (0, &new.into()));
        assert_eq!(said.json["files"]["changes"]["grown"], 1);
    }
    assert_eq!(site.total(), (bytes(0, count), count));
}

#[test]
fn a_cut_archive_counts_up_to_its_last_whole_line_and_then_grows() {
    let text = lines(0, 300);
    let archive = gzip(&text);
    check(&text, 300, &archive, &cut(archive.clone()), "1");
}

#[test]
fn several_workers_salvage_the_same_as_one() {
    let text = lines(0, 60_000);
    let archive = gzip(&text);
    check(&text, 60_000, &archive, &cut(archive.clone()), "4");
}

#[test]
fn an_archive_that_is_damaged_in_the_middle_counts_up_to_there() {
    // The header of a second member is destroyed: what stands before it is whole.
    let (first, second) = (lines(0, 1_000), lines(1_000, 500));
    let mut archive = gzip(&first);
    let member = archive.len();
    archive.extend(gzip(&second));
    let mut damaged = archive.clone();
    damaged[member..member + 4].fill(0xff);
    check(&(first + &second), 1_500, &archive, &damaged, "2");
}

#[test]
fn only_the_end_that_is_missing_takes_no_line_away() {
    // All lines are there, but not the checksum behind them.
    let text = lines(0, 100);
    let archive = gzip(&text);
    check(&text, 100, &archive, &archive[..archive.len() - 8], "1");
}

#[test]
fn zstandard_is_salvaged_as_well() {
    let text = lines(0, 40_000);
    let archive = zstd::encode_all(text.as_bytes(), 1).expect("packed");
    check(&text, 40_000, &archive, &cut(archive.clone()), "2");
}

#[test]
fn a_checksum_that_differs_is_damage_like_any_other() {
    let text = lines(0, 300);
    let archive = gzip(&text);
    let mut damaged = archive.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    check(&text, 300, &archive, &damaged, "1");

    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.include_checksum(true).expect("it can");
    encoder.write_all(text.as_bytes()).expect("packed");
    let archive = encoder.finish().expect("packed");
    let mut damaged = archive.clone();
    *damaged.last_mut().expect("a checksum") ^= 1;
    check(&text, 300, &archive, &damaged, "2");
}

#[test]
fn damage_before_the_first_whole_line_leaves_nothing_to_salvage() {
    let site = Site::new();
    let archive = gzip(&lines(0, 100));
    site.write("a.gz", &archive[..14]);
    // Damage of what the system reports, and plain text, are no matter of salvage.
    site.write("b.gz", &archive[..5]);
    let said = salvage(&site, &[]);
    assert_eq!(said.code, 1);
    for refused in 0..2 {
        let code = &said.json["files"]["refused"][refused]["code"];
        assert_eq!(code, "unreadable", "{}", said.json);
    }
    assert_eq!(said.json["files"]["salvaged"], serde_json::json!([]));
    assert_eq!(site.total(), (0, 0));
}

#[test]
fn a_damaged_copy_of_what_counts_takes_nothing_away() {
    let site = Site::new();
    let archive = gzip(&lines(0, 300));
    site.write("a.gz", &archive);
    site.ingest();
    site.write("a.gz", cut(archive.clone()));
    site.write("b.gz", cut(archive));
    let said = salvage(&site, &[]);
    let refused = said.json["files"]["refused"].as_array().expect("a list");
    let codes: Vec<_> = refused.iter().map(|file| &file["code"]).collect();
    assert_eq!(codes, ["shrunk", "within"]);
    assert_eq!(said.json["files"]["salvaged"], serde_json::json!([]));
    assert_eq!(site.total(), (bytes(0, 300), 300));
}

#[test]
fn other_content_after_a_salvage_replaces_it() {
    let site = Site::new();
    site.write("a.gz", cut(gzip(&lines(0, 300))));
    salvage(&site, &[]);
    site.write("a.gz", gzip(&lines(0, 900).replace(" /a/", " /b/")));
    let said = site.ingest();
    assert_eq!(said.json["files"]["changes"]["replaced"], 1);
    assert_eq!(site.total(), (bytes(0, 900), 900));
}

#[test]
fn d1_a_whole_file_replaces_what_was_salvaged_of_it_by_whichever_name_it_was_known_first() {
    let whole = lines(0, 900).replace(" /a/", " /b/");
    for known in [&whole[..], &whole[..whole.len() / 2]] {
        let site = Site::new();
        site.write("a.gz", cut(gzip(&lines(0, 300))));
        salvage(&site, &[]);
        // Lines end where the half does.
        let known = &known[..=known.rfind('\n').expect("a line")];
        site.write("b.log", known);
        salvage(&site, &[]);
        site.write("a.gz", gzip(&whole));
        assert_eq!(site.ingest().code, 0);
        assert_eq!(site.total(), (bytes(0, 900), 900));
    }
}

#[test]
fn a_run_that_keeps_nothing_salvages_too_and_standard_input_is_not_salvaged() {
    let site = Site::new();
    let text = lines(0, 300);
    site.write("a.gz", cut(gzip(&text)));
    let command = |input: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        command.args(["run", "--no-store", "--salvage", "--json", "--out"]);
        command.arg(site.path("out")).arg(input);
        command
    };
    let said = Site::run(&mut command(&site.path("logs")));
    assert_eq!(said.code, 1);
    assert_eq!(said.json["files"]["changes"]["salvaged"], 1);
    let kept = kept_lines(&text, &said);
    assert_eq!(said.json["usage"]["bytes"], bytes(0, kept));

    let mut command = command("-".as_ref());
    let file = fs::File::open(site.log("a.gz")).expect("opened");
    command.stdin(Stdio::from(file));
    let said = Site::run(&mut command);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("refused -"), "{}", said.stderr);
}
