//! Backups are whole stores, restored to the byte; a repair puts right what can be, says what is lost, deletes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::faults::{expect, filled, usage};
use crate::old::{published, site_of, stated, versions};
use crate::program::{Said, Site, bytes, copy_folder, lines, read_folder};

fn backup(site: &Site, name: &str, more: &[&str]) -> Said {
    let mut command = site.command("backup");
    Site::run(command.arg("--json").arg(site.path(name)).args(more))
}

fn restore(site: &Site, name: &str) -> Said {
    let mut command = site.command("restore");
    Site::run(command.arg("--json").arg(site.path(name)))
}

fn repair(site: &Site, more: &[&str]) -> Said {
    Site::run(site.command("repair").arg("--json").args(more))
}

/// Files by their places in a store, but for those that say nothing of what counts.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    read_folder(folder, &mut files);
    let below = |(path, content): (PathBuf, _)| {
        (
            path.strip_prefix(folder).expect("below").to_owned(),
            content,
        )
    };
    let mut files: BTreeMap<_, _> = files.into_iter().map(below).collect();
    for name in ["lock", "ledger.sqlite-journal", "backup.manifest"] {
        files.remove(Path::new(name));
    }
    files.retain(|path, _| !path.to_string_lossy().starts_with("commit-"));
    files
}

/// The names and bytes of all but the ledger, in whose copy SQLite counts its own changes, and its seal.
fn but_ledger(files: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<(&PathBuf, &Vec<u8>)> {
    let others = files.iter();
    others
        .filter(|(path, _)| !path.starts_with("ledger.sqlite") && !path.starts_with("ledger.seal"))
        .collect()
}

/// A store with a closed month and rejected lines.
fn closed() -> Site {
    let site = filled();
    let said = site.with_registry("close", &["--month", "2026-10"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    site
}

#[test]
fn d5_what_is_restored_is_what_was_backed_up_to_the_byte() {
    for (more, is_linked) in [(&[][..], true), (&["--copy"][..], false)] {
        let site = closed();
        let before = files(&site.path("store"));
        let said = backup(&site, "backup", more);
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(said.json["commit"], 3);
        assert_eq!(said.json["files"], before.len());
        assert_eq!(said.json["linked"] != 0, is_linked, "{}", said.json);
        let copied = files(&site.path("backup"));
        assert_eq!(but_ledger(&copied), but_ledger(&before));
        // What comes later is not in it.
        site.write("c.log", lines(380, 20));
        assert_eq!(site.ingest().code, 0);
        fs::remove_dir_all(site.path("store")).expect("removed");
        let said = restore(&site, "backup");
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert!(files(&site.path("store")) == copied);
        assert_eq!(site.total(), (bytes(0, 380), 380));
        assert_eq!(site.ingest().code, 0);
        let verified = site.verify();
        assert_eq!(
            (verified.code, &verified.json["requests"]),
            (0, &400.into())
        );
        // The backup is a store as well, and not the one that was made of it.
        let mut verify = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        let said = Site::run(
            verify
                .args(["verify", "--json", "--store"])
                .arg(site.path("backup")),
        );
        assert_eq!(
            (said.code, &said.json["requests"]),
            (0, &380.into()),
            "{}",
            said.stderr
        );
        assert!(files(&site.path("backup")) == copied);
    }
}

#[test]
fn d5_a_store_of_every_version_is_backed_up_and_restored() {
    for version in versions() {
        let site = site_of(&version);
        let said = backup(&site, "backup", &[]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        fs::remove_dir_all(site.path("store")).expect("removed");
        assert_eq!(restore(&site, "backup").code, 0);
        assert_eq!(published(&site), stated(&version.join("before")));
        let said = repair(&site, &[]);
        assert_eq!(said.code, 0, "{}{}", said.json, said.stderr);
        copy_folder(&version.join("after/logs"), &site.path("logs"));
        assert_eq!(site.ingest().code, 0);
        assert_eq!(published(&site), stated(&version.join("after")));
    }
}

#[test]
fn d5_a_backup_of_a_store_that_is_written_to_is_of_one_commit() {
    const FILES: u64 = 40;
    let site = Site::new();
    site.write("first.log", lines(0, 10));
    assert_eq!(site.ingest().code, 0);
    for file in 1..FILES {
        site.write(&format!("{file}.log"), lines(100 * file, 10));
    }
    let mut ingest = site.command("ingest");
    ingest
        .arg(site.path("logs"))
        .env("CDN_METER_COMMIT_ROWS", "1");
    ingest.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = ingest.spawn().expect("started");
    let (mut number, mut found) = (0, Vec::new());
    while child.try_wait().expect("waited for").is_none() {
        let name = format!("backup-{number}");
        let said = backup(&site, &name, &[]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let mut verify = Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
        let said = Site::run(
            verify
                .args(["verify", "--json", "--store"])
                .arg(site.path(&name)),
        );
        assert_eq!(said.code, 0, "{}{}", said.json, said.stderr);
        found.push(said.json["requests"].as_u64().expect("a count"));
        number += 1;
    }
    assert!(
        !found.is_empty() && found.is_sorted() && found.iter().all(|count| count % 10 == 0),
        "{found:?}"
    );
    assert_eq!(site.total().1, 10 * FILES);
}

#[test]
fn d5_nothing_is_written_over_and_a_damaged_backup_restores_nothing() {
    let site = closed();
    assert_eq!(backup(&site, "backup", &["--copy"]).code, 0);
    let before = files(&site.path("store"));
    expect(
        &backup(&site, "backup", &[]),
        2,
        &["is there, and nothing is written over it"],
    );
    expect(
        &restore(&site, "backup"),
        2,
        &["is there, and nothing is written over it"],
    );
    assert!(files(&site.path("store")) == before);
    fs::rename(site.path("store"), site.path("old")).expect("moved");
    expect(&restore(&site, "logs"), 2, &["is no backup"]);
    let mut all = BTreeMap::new();
    read_folder(&site.path("backup"), &mut all);
    for (path, good) in all {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if good.is_empty() || name == "lock" {
            continue;
        }
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        for bad in [Some(bad), Some(good[..good.len() - 1].to_vec()), None] {
            match bad {
                Some(bad) => fs::write(&path, bad).expect("written"),
                None if name == "backup.manifest" => continue,
                None => fs::remove_file(&path).expect("removed"),
            }
            expect(
                &restore(&site, "backup"),
                3,
                &[&name, "nothing was restored"],
            );
            assert!(!site.path("store").exists());
        }
        fs::write(&path, good).expect("written");
    }
    assert_eq!(restore(&site, "backup").code, 0);
    assert!(files(&site.path("store")) == files(&site.path("backup")));
}

#[test]
fn d5_a_store_with_nothing_wrong_is_left_as_it_is() {
    let site = closed();
    let before = files(&site.path("store"));
    let said = repair(&site, &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(
        said.json,
        serde_json::json!({
            "done": [], "lost": [], "ingest_again": [], "given_up": [], "unseen": null
        })
    );
    assert!(files(&site.path("store")) == before);
}

#[test]
fn d5_a_seal_that_is_gone_or_damaged_is_made_anew_where_all_agrees() {
    for bad in [None, Some("cdn-meter seal/1\n")] {
        let site = closed();
        let path = site.path("store/ledger.seal");
        let good = fs::read(&path).expect("read");
        match bad {
            None => fs::remove_file(&path).expect("removed"),
            Some(bad) => fs::write(&path, bad).expect("written"),
        }
        let said = repair(&site, &["--dry-run"]);
        assert_eq!(
            (said.code, said.json["done"].as_array().map(Vec::len)),
            (0, Some(1)),
            "{}",
            said.stderr
        );
        assert!(fs::read(&path).ok().as_deref() == bad.map(str::as_bytes));
        let said = repair(&site, &[]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert!(
            said.json["done"][0]
                .as_str()
                .is_some_and(|done| done.contains("sealed ledger.sqlite"))
        );
        assert_eq!(fs::read(&path).expect("read"), good);
        assert_eq!(site.total(), (bytes(0, 380), 380));
    }
}

#[test]
fn d5_an_older_ledger_is_taken_with_a_word_of_what_is_lost_and_its_logs_count_again() {
    let site = filled();
    let older = fs::read(site.path("store/ledger.sqlite")).expect("read");
    for file in 0..3 {
        site.write(&format!("c{file}.log"), lines(380 + 20 * file, 20));
        assert_eq!(site.ingest().code, 0);
    }
    fs::write(site.path("store/ledger.sqlite"), older).expect("written");
    expect(&site.ingest(), 3, &["older copy", "cdn-meter repair"]);
    let said = repair(&site, &[]);
    expect(
        &said,
        3,
        &["has commit 2 and 5 were made", "ingest their logs again"],
    );
    let lost: BTreeMap<_, _> = files(&site.path("store/lost+found"));
    assert_eq!(lost.len(), 3, "{:?}", lost.keys());
    assert_eq!(site.total(), (bytes(0, 380), 380));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total(), (bytes(0, 440), 440));
    assert_eq!(repair(&site, &[]).code, 0);
}

#[test]
fn d5_a_file_that_is_in_lost_and_found_is_put_back() {
    let site = closed();
    let before = files(&site.path("store"));
    // Its number depends on which file came first.
    let quarantined = before.keys().find(|path| path.starts_with("quarantine"));
    let quarantined = quarantined.expect("rejected lines").display().to_string();
    for place in [
        "segments/00000001-0000.parquet",
        &quarantined,
        "closed/2026-10/summary/part-00000.parquet",
    ] {
        let path = site.path("store").join(place);
        let lost = site.path("store/lost+found").join(place);
        fs::create_dir_all(lost.parent().expect("a folder")).expect("made");
        fs::rename(&path, &lost).expect("moved");
        // Something else stands in its place.
        fs::write(&path, "PAR1").expect("written");
        let said = repair(&site, &[]);
        assert_eq!(said.code, 0, "{place}: {}{}", said.stderr, said.json);
        let kept = format!("{}.2", lost.display());
        assert_eq!(fs::read(kept).expect("kept"), b"PAR1");
        fs::remove_dir_all(site.path("store/lost+found")).expect("removed");
        assert!(files(&site.path("store")) == before, "{place}");
    }
    assert_eq!(site.total(), (bytes(0, 380), 380));
}

#[test]
fn d5_files_of_which_lines_are_lost_are_taken_out_and_count_again() {
    for is_gone in [false, true] {
        let site = filled();
        let path = site.path("store/segments/00000001-0000.parquet");
        match is_gone {
            true => fs::remove_file(&path).expect("removed"),
            false => fs::write(&path, "PAR1").expect("written"),
        }
        expect(&site.ingest(), 3, &["00000001-0000.parquet"]);
        let said = repair(&site, &["--drop-lost"]);
        assert_eq!(said.code, 1, "{}{}", said.stderr, said.json);
        let again = said.json["ingest_again"].as_array().expect("names");
        assert!(
            again.len() == 1
                && again[0]
                    .as_str()
                    .is_some_and(|name| name.ends_with("/a.log"))
        );
        assert_eq!(site.total(), (bytes(300, 80), 80));
        assert_eq!(site.ingest().code, 0);
        assert_eq!(site.total(), (bytes(0, 380), 380));
        assert_eq!(repair(&site, &[]).code, 0);
        let lost = site.path("store/lost+found/segments/00000001-0000.parquet");
        assert_eq!(lost.exists(), !is_gone);
    }
}

#[test]
fn d5_what_is_lost_with_a_segment_or_a_ledger_is_said_plainly_and_nothing_changes() {
    let site = closed();
    let path = site.path("store/segments/00000001-0000.parquet");
    let good = fs::read(&path).expect("read");
    fs::write(&path, &good[..good.len() / 2]).expect("written");
    let before = files(&site.path("store"));
    let said = repair(&site, &[]);
    let sent = format!("{} B, 180 requests of", bytes(0, 180));
    expect(
        &said,
        3,
        &[
            "00000001-0000.parquet is gone or others",
            &sent,
            "a.log",
            "restore it from a copy",
        ],
    );
    assert!(files(&site.path("store")) == before);
    fs::write(&path, good).expect("written");
    // A count that was changed in the ledger does not agree with the files.
    let ledger = rusqlite::Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    ledger
        .execute("UPDATE part SET bytes = bytes + 1 WHERE segment = 1", [])
        .expect("changed");
    drop(ledger);
    let before = files(&site.path("store"));
    expect(
        &repair(&site, &[]),
        3,
        &[
            "ledger.sqlite is not as it was sealed",
            "restore it from a copy",
        ],
    );
    assert!(files(&site.path("store")) == before);
    assert!(usage(&site).is_err());
    fs::write(site.path("store/ledger.sqlite"), "").expect("written");
    expect(
        &repair(&site, &[]),
        3,
        &["restore ledger.sqlite and ledger.seal from a copy"],
    );
}

#[test]
fn d5_nobody_writes_to_a_backup() {
    let site = Site::new();
    site.write("a.log", lines(0, 20));
    assert_eq!(site.ingest().code, 0);
    let mut backup = site.command("backup");
    assert_eq!(Site::run(backup.arg(site.path("copy"))).code, 0);
    let mut ingest = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    ingest.arg("ingest").arg("--store").arg(site.path("copy"));
    site.write("b.log", lines(100, 20));
    let said = Site::run(ingest.arg(site.path("logs")));
    assert_eq!(said.code, 2, "{}", said.stderr);
    assert!(said.stderr.contains("restore"), "{}", said.stderr);
    let mut restore = site.command("restore");
    restore.arg(site.path("copy"));
    fs::remove_dir_all(site.path("store")).expect("removed");
    assert_eq!(Site::run(&mut restore).code, 0);
    assert_eq!(site.total(), (bytes(0, 20), 20));
}
