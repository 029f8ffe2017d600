//! What a repair may believe: a trial changes nothing, a loss is told, good usage stays, a wrong file is not put back.

use std::fs;
use std::os::unix::fs::symlink;

use rusqlite::Connection;

use crate::faults::{expect, filled};
use crate::program::{Said, Site, bytes, copy_folder, lines};
use crate::sealed::interrupted;

const SEGMENT: &str = "store/segments/00000001-0000.parquet";

fn repair(site: &Site, more: &[&str]) -> Said {
    Site::run(site.command("repair").arg("--json").args(more))
}

#[test]
fn d5_a_trial_changes_no_byte_whatever_stands_beside_the_ledger() {
    let site = filled();
    let copy = Site::new();
    copy_folder(&site.path("store"), &copy.path("store"));
    let ledger = copy.path("store/ledger.sqlite");
    let (journal, _) = interrupted(&ledger);
    let open = Connection::open(&ledger).expect("opened");
    open.pragma_update(None, "journal_mode", "WAL")
        .expect("set");
    open.execute("UPDATE segment SET slot_to = slot_from", [])
        .expect("changed");
    let wal = fs::read(copy.path("store/ledger.sqlite-wal")).expect("read");
    for (end, content) in [("-journal", journal), ("-wal", wal)] {
        let path = site.path(&format!("store/ledger.sqlite{end}"));
        fs::write(&path, &content).expect("written");
        let before = site.kept();
        let said = repair(&site, &["--dry-run"]);
        assert!(said.json["done"].to_string().contains(end), "{}", said.json);
        assert!(site.kept() == before, "{end}");
        assert!(fs::read(&path).expect("read") == content);
        assert_eq!(repair(&site, &[]).code, 0);
        assert_eq!(site.total(), (bytes(0, 380), 380));
    }
}

#[test]
fn d5_commits_that_an_older_ledger_misses_are_told_by_the_names_of_files() {
    for (is_seal_kept, is_marked) in [(true, false), (false, false), (true, true), (false, true)] {
        for more in [1, 2] {
            let site = filled();
            let older = ["ledger.sqlite", "ledger.seal"]
                .map(|name| fs::read(site.path("store").join(name)).expect("read"));
            for file in 0..more {
                site.write(&format!("c{file}.log"), lines(380 + 20 * file, 20));
                assert_eq!(site.ingest().code, 0);
            }
            fs::write(site.path("store/ledger.sqlite"), &older[0]).expect("written");
            match is_seal_kept {
                true => fs::write(site.path("store/ledger.seal"), &older[1]).expect("written"),
                false => fs::remove_file(site.path("store/ledger.seal")).expect("removed"),
            }
            if !is_marked {
                let mark = site.path(&format!("store/commit-{:08}", 2 + more));
                fs::remove_file(mark).expect("removed");
            }
            let said = repair(&site, &[]);
            match more {
                1 if !is_marked => assert!(
                    said.code == 0 && said.json["done"].to_string().contains("by a crash"),
                    "{}",
                    said.json
                ),
                _ => expect(
                    &said,
                    3,
                    &[&format!("has commit 2 and {} were made", 2 + more)],
                ),
            }
            assert_eq!(site.ingest().code, 0);
            assert_eq!(site.total().1, 380 + 20 * more);
        }
    }
}

#[test]
fn d5_a_segment_that_cannot_be_read_is_not_lost() {
    let site = filled();
    let path = site.path(SEGMENT);
    let good = fs::read(&path).expect("read");
    fs::remove_file(&path).expect("removed");
    symlink(&path, &path).expect("linked");
    let before = fs::read(site.path("store/ledger.sqlite")).expect("read");
    expect(
        &repair(&site, &["--drop-lost"]),
        3,
        &["00000001-0000.parquet"],
    );
    assert!(fs::read(site.path("store/ledger.sqlite")).expect("read") == before);
    fs::remove_file(&path).expect("removed");
    fs::write(&path, good).expect("written");
    assert_eq!(site.total(), (bytes(0, 380), 380));
}

#[test]
fn d5_a_ledger_that_nothing_speaks_for_takes_no_usage_out() {
    let site = filled();
    let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let sql = "UPDATE segment SET sha256 = zeroblob(32) WHERE id = 1";
    ledger.execute(sql, []).expect("changed");
    drop(ledger);
    for more in [&["--drop-lost"][..], &[]] {
        let before = site.kept();
        expect(
            &repair(&site, more),
            3,
            &[
                "nothing was sealed or taken out",
                SEGMENT.split_once('/').expect("a folder").1,
            ],
        );
        assert!(site.kept() == before);
    }
}

#[test]
fn d5_with_nothing_lost_nothing_is_taken_out() {
    let site = filled();
    let before = site.kept();
    let said = repair(&site, &["--drop-lost"]);
    assert_eq!((said.code, said.json["done"].to_string()), (0, "[]".into()));
    assert!(site.kept() == before);
    // And where that is not safe, it is said.
    fs::remove_file(site.path(SEGMENT)).expect("removed");
    let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let sql = "UPDATE content SET lines = lines + 1";
    ledger.execute(sql, []).expect("changed");
    drop(ledger);
    expect(
        &repair(&site, &["--drop-lost"]),
        3,
        &["nothing was sealed or taken out"],
    );
}

#[test]
fn d5_an_altered_close_is_not_sealed_because_a_file_of_it_is_gone() {
    let site = filled();
    assert_eq!(site.with_registry("close", &["--month", "2026-10"]).code, 0);
    let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let sql = "DROP TRIGGER close_is_final; DROP TRIGGER close_stays; UPDATE close SET bytes = bytes + 1;";
    ledger.execute_batch(sql).expect("changed");
    drop(ledger);
    fs::remove_file(site.path("store/closed/2026-10/summary/part-00000.parquet")).expect("removed");
    let said = repair(&site, &[]);
    expect(
        &said,
        3,
        &["the ledger was altered", "not as it was sealed"],
    );
    assert_eq!(said.json["done"].to_string(), "[]");
}

#[test]
fn d5_a_ledger_that_was_altered_is_not_sealed() {
    let site = Site::new();
    site.write("a.log", lines(0, 40));
    assert_eq!(site.ingest().code, 0);
    // The seed of all digests: with another one no log is known again.
    let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    ledger
        .execute("UPDATE store SET seed = seed + 1", [])
        .expect("altered");
    drop(ledger);
    let said = repair(&site, &[]);
    assert_eq!(said.code, 3, "{}", said.json);
    assert!(
        said.json["lost"][0]
            .as_str()
            .is_some_and(|lost| lost.contains("altered"))
    );
    assert_eq!(site.ingest().code, 3);
}

/// The one quarantine file of a store.
fn quarantine(site: &Site) -> std::path::PathBuf {
    let mut names = fs::read_dir(site.path("store/quarantine")).expect("listed");
    names.next().expect("a file").expect("listed").path()
}

#[test]
fn d2_rejected_lines_that_are_lost_are_named_and_given_up_on_request_alone() {
    for is_gone in [true, false] {
        let site = filled();
        let path = quarantine(&site);
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        match is_gone {
            true => fs::remove_file(&path).expect("removed"),
            false => fs::write(&path, "{}\n").expect("written"),
        }
        let retry = || {
            let mut retry = site.command("ingest");
            Site::run(retry.args(["--json", "--retry-quarantine", "--domain", "own.example.cn"]))
        };
        let before = site.kept();
        expect(&retry(), 3, &[&name, "repair --drop-lost"]);
        expect(&site.verify(), 3, &[&name, "repair --drop-lost"]);
        expect(&repair(&site, &[]), 3, &[&name, "--drop-lost"]);
        let trial = repair(&site, &["--drop-lost", "--dry-run"]);
        assert!(site.kept() == before);
        let said = repair(&site, &["--drop-lost"]);
        assert_eq!((trial.code, trial.json), (1, said.json.clone()));
        assert_eq!(said.code, 1, "{}{}", said.json, said.stderr);
        let given_up = said.json["given_up"][0].as_str().expect("told");
        for part in [
            &name[..],
            "1 rejected line of ",
            "a.log",
            "at most ",
            "--recount",
        ] {
            assert!(given_up.contains(part), "{given_up}");
        }
        let lost = site.path("store/lost+found/quarantine").join(&name);
        assert_eq!(lost.exists(), !is_gone);
        // It stays counted as rejected, and nothing is wrong any more.
        let said = retry();
        assert_eq!(
            (said.code, &said.json["retried"]["not_kept"]),
            (0, &1.into()),
            "{}",
            said.json
        );
        assert_eq!(site.verify().code, 0);
        assert_eq!(repair(&site, &[]).code, 0);
        assert_eq!(site.total(), (bytes(0, 380), 380));
    }
}

#[test]
fn d5_a_trial_says_what_would_be_taken_out_and_takes_out_nothing() {
    let site = filled();
    fs::remove_file(site.path(SEGMENT)).expect("removed");
    let before = site.kept();
    let said = repair(&site, &["--dry-run", "--drop-lost"]);
    assert_eq!(said.code, 1, "{}{}", said.json, said.stderr);
    assert!(
        said.json["done"]
            .to_string()
            .contains("taken out what 1 lost segment"),
        "{}",
        said.json
    );
    let again = said.json["ingest_again"].clone();
    assert!(again.to_string().contains("a.log"), "{}", said.json);
    assert!(site.kept() == before);
    assert_eq!(repair(&site, &["--drop-lost"]).json["ingest_again"], again);
}

#[test]
fn d5_without_a_ledger_it_is_said_what_the_segments_hold() {
    let site = filled();
    assert_eq!(site.with_registry("close", &["--month", "2026-10"]).code, 0);
    for is_gone in [false, true] {
        match is_gone {
            false => fs::write(site.path("store/ledger.sqlite"), "").expect("written"),
            true => fs::remove_file(site.path("store/ledger.sqlite")).expect("removed"),
        }
        let before = site.kept();
        let held = format!(
            "2026-10 by the clock +08:00: {} B, 380 lines",
            bytes(0, 380)
        );
        let parts = [
            &held[..],
            "v1.example.cn",
            "closed/2026-10 holds",
            "rejected lines in 1 file",
        ];
        expect(&repair(&site, &[]), 3, &parts);
        assert!(site.kept() == before);
    }
    // Where there was no store, there is nothing to say.
    let none = Site::new();
    assert_eq!(repair(&none, &[]).code, 2);
}

#[test]
fn d5_what_a_repair_moved_away_of_missing_commits_is_told_until_the_ledger_is_accepted() {
    let site = filled();
    let older = ["ledger.sqlite", "ledger.seal"]
        .map(|name| (name, fs::read(site.path("store").join(name)).expect("read")));
    for file in 0..2 {
        site.write(&format!("c{file}.log"), lines(380 + 20 * file, 20));
        assert_eq!(site.ingest().code, 0);
    }
    for (name, content) in older {
        fs::write(site.path("store").join(name), content).expect("written");
    }
    fs::remove_file(site.path("store/commit-00000004")).expect("removed");
    for _ in 0..2 {
        expect(&repair(&site, &[]), 3, &["has commit 2 and 4 were made"]);
    }
    assert_eq!(site.ingest().code, 0);
    assert_eq!(repair(&site, &[]).code, 0);
}

#[test]
fn d5_a_journal_that_nothing_speaks_for_is_kept_before_it_is_played_back() {
    let site = filled();
    let ledger = site.path("store/ledger.sqlite");
    let (journal, half_written) = interrupted(&ledger);
    fs::write(site.path("store/ledger.sqlite-journal"), &journal).expect("written");
    fs::write(&ledger, &half_written).expect("written");
    fs::remove_file(site.path("store/ledger.seal")).expect("removed");
    let said = repair(&site, &[]);
    assert_eq!(said.code, 0, "{}{}", said.json, said.stderr);
    let kept = |name: &str| fs::read(site.path("store/lost+found").join(name)).expect("kept");
    assert!(kept("ledger.sqlite") == half_written && kept("ledger.sqlite-journal") == journal);
    assert_eq!(site.total(), (bytes(0, 380), 380));
}

#[test]
fn d3_a_foreign_file_with_the_name_of_a_later_commit_is_told_and_moved_away_by_a_repair() {
    let site = filled();
    fs::write(site.path("store/segments/00000900-0000.parquet"), "PAR1").expect("written");
    let remedy = "if it is segments/00000900-0000.parquet that does not belong here, move it away";
    expect(&site.ingest(), 3, &[remedy]);
    let said = repair(&site, &[]);
    assert_eq!(said.code, 0, "{}{}", said.json, said.stderr);
    assert!(
        said.json["done"][0]
            .as_str()
            .is_some_and(|done| done.contains("the newest is 2 by commit-00000002"))
    );
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total(), (bytes(0, 380), 380));
}
