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
