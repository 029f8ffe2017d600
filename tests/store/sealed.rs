//! What a command that reported success has committed survives, or its loss is noticed: the ledger's file, its
//! seal and its journal are damaged, exchanged and taken away in every way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;

use crate::faults::{expect, filled, readers, run_bound, set_writable, usage};
use crate::program::{Site, bytes, copy_folder, lines};

/// The files by which a store knows what counts.
const FILES: [&str; 2] = ["ledger.sqlite", "ledger.seal"];

fn file(site: &Site, name: &str) -> PathBuf {
    site.path("store").join(name)
}

/// All readers and a writer refuse, name the file and change nothing.
#[track_caller]
pub fn refused(site: &Site, parts: &[&str]) {
    let before = site.kept();
    for said in readers(site).iter().chain([&site.ingest()]) {
        expect(said, 3, parts);
    }
    assert_eq!(site.kept(), before);
}

/// Three stores in one: of three commits, of two of them, and of other logs.
fn stores() -> [Site; 3] {
    let site = filled();
    let (older, other) = (Site::new(), Site::new());
    copy_folder(&site.path("store"), &older.path("store"));
    site.write("c.log", lines(380, 20));
    assert_eq!(site.ingest().code, 0);
    other.write("d.log", lines(900, 30));
    assert_eq!(other.ingest().code, 0);
    [site, older, other]
}

#[test]
fn d4_a_flipped_byte_of_ledger_or_seal_is_named_and_publishes_nothing() {
    let site = filled();
    let total = usage(&site).expect("readable");
    for name in FILES {
        let path = file(&site, name);
        let good = fs::read(&path).expect("read");
        let step = 1 + good.len() / 3_000;
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(&path, &bad).expect("written");
            match usage(&site) {
                // A page that holds nothing.
                Ok(found) => assert_eq!(found, total, "byte {at} of {name}"),
                Err(said) => assert!(said.contains(name), "byte {at} of {name}: {said}"),
            }
            assert_eq!(fs::read(&path).expect("read"), bad);
        }
        fs::write(&path, good).expect("written");
    }
    assert_eq!(usage(&site), Ok(total));
}

#[test]
fn d4_ledger_and_seal_that_are_gone_cut_doubled_or_of_another_store_stop_everything() {
    let [site, _, other] = stores();
    for name in FILES {
        let path = file(&site, name);
        let good = fs::read(&path).expect("read");
        let states = [
            None,
            Some(Vec::new()),
            Some(good[..good.len() / 2].to_vec()),
            Some(good[..good.len() - 1].to_vec()),
            Some(good.repeat(2)),
            Some(fs::read(file(&other, name)).expect("read")),
        ];
        for state in states {
            match &state {
                None => fs::remove_file(&path).expect("removed"),
                Some(state) => fs::write(&path, state).expect("written"),
            }
            refused(&site, &["ledger.", "from a copy"]);
        }
        fs::write(&path, good).expect("written");
    }
    assert_eq!(site.total(), (bytes(0, 400), 400));
}

#[test]
fn d4_an_older_copy_of_the_ledger_is_refused_and_the_newest_put_back_is_right() {
    let [site, older, _] = stores();
    let newest = fs::read(file(&site, FILES[0])).expect("read");
    fs::copy(file(&older, FILES[0]), file(&site, FILES[0])).expect("copied");
    refused(&site, &["older copy", "has commit 2", "has made 3"]);
    fs::write(file(&site, FILES[0]), newest).expect("written");
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total(), (bytes(0, 400), 400));
}

#[test]
fn d3_an_older_ledger_with_its_own_seal_is_told_by_the_files_of_later_commits() {
    let [site, older, _] = stores();
    site.write("e.log", lines(400, 20));
    assert_eq!(site.ingest().code, 0);
    for name in FILES {
        fs::copy(file(&older, name), file(&site, name)).expect("copied");
    }
    refused(&site, &["older copy", "has made 4 by commit-00000004"]);
    // Without the mark, too.
    fs::remove_file(file(&site, "commit-00000004")).expect("removed");
    refused(&site, &["older copy", "segments/00000004-0000.parquet"]);
}

#[test]
fn d4_a_file_of_wal_mode_or_a_journal_of_another_time_is_not_believed() {
    let site = filled();
    let total = usage(&site).expect("readable");
    // A commit that another program makes: its journal, and its log in WAL mode.
    let copy = Site::new();
    copy_folder(&site.path("store"), &copy.path("store"));
    let (journal, half_written) = interrupted(&file(&copy, FILES[0]));
    let open = Connection::open(file(&copy, FILES[0])).expect("opened");
    open.pragma_update(None, "journal_mode", "WAL")
        .expect("set");
    open.execute("UPDATE segment SET slot_to = slot_from", [])
        .expect("changed");
    let wal = fs::read(file(&copy, "ledger.sqlite-wal")).expect("read");
    for (name, content) in [
        ("ledger.sqlite-wal", wal),
        ("ledger.sqlite-journal", journal),
    ] {
        for content in [&content[..], &content[..content.len() / 2]] {
            fs::write(file(&site, name), content).expect("written");
            refused(&site, &[name, "does not belong to the ledger"]);
        }
        fs::write(file(&site, name), "").expect("written");
        assert_eq!(usage(&site), Ok(total));
        fs::remove_file(file(&site, name)).expect("removed");
        assert_eq!(usage(&site), Ok(total));
    }
    // What was half written without any trace of its journal.
    fs::write(file(&site, FILES[0]), half_written).expect("written");
    refused(&site, &["ledger.sqlite", "from a copy"]);
}

/// The journal and the ledger in the middle of a commit to it that changes many pages.
pub fn interrupted(ledger: &Path) -> (Vec<u8>, Vec<u8>) {
    let open = Connection::open(ledger).expect("opened");
    open.pragma_update(None, "cache_size", 1).expect("set");
    open.pragma_update(None, "journal_mode", "TRUNCATE")
        .expect("set");
    let sql = "BEGIN; UPDATE content SET counts = counts || ' ';
        UPDATE segment SET slot_to = slot_to + 1; DELETE FROM history; UPDATE source SET stamp = '';
        CREATE TABLE large (a); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
            WHERE i < 400) INSERT INTO large SELECT randomblob(900) FROM n;";
    open.execute_batch(sql).expect("changed");
    let journal = fs::read(ledger.with_file_name("ledger.sqlite-journal")).expect("read");
    let half_written = fs::read(ledger).expect("read");
    open.execute_batch("ROLLBACK").expect("rolled back");
    assert!(journal[0] != 0 && half_written != fs::read(ledger).expect("read"));
    (journal, half_written)
}

/// A store in which a commit was cut short after it was begun: nothing of it is in the ledger yet.
fn begun() -> Site {
    let site = filled();
    site.write("c.log", lines(380, 20));
    let mut ingest = site.command("ingest");
    ingest.arg(site.path("logs"));
    ingest.env("CDN_METER_KILL_AT", "transaction.commit");
    assert!(kill(&mut ingest));
    site
}

fn kill(command: &mut Command) -> bool {
    command.output().expect("started").status.code().is_none()
}

#[test]
fn d4_a_commit_that_was_half_written_is_rolled_back_by_whoever_reads_first() {
    let site = begun();
    let (journal, half_written) = interrupted(&file(&site, FILES[0]));
    fs::write(file(&site, "ledger.sqlite-journal"), journal).expect("written");
    fs::write(file(&site, FILES[0]), half_written).expect("written");
    assert_eq!(usage(&site), Ok((bytes(0, 380), 380)));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total(), (bytes(0, 400), 400));
}

#[test]
fn d4_a_damaged_journal_rolls_back_to_the_last_commit_or_is_noticed() {
    let site = begun();
    let (journal, half_written) = interrupted(&file(&site, FILES[0]));
    let flipped = |at: usize| {
        let mut bad = journal.clone();
        bad[at] ^= 1;
        bad
    };
    let mut states = vec![
        Vec::new(),
        journal[..journal.len() / 2].to_vec(),
        journal.repeat(2),
    ];
    states.extend(
        (0..journal.len())
            .step_by(1 + journal.len() / 200)
            .map(flipped),
    );
    let mut refused = 0;
    for (number, state) in states.iter().enumerate() {
        fs::write(file(&site, "ledger.sqlite-journal"), state).expect("written");
        fs::write(file(&site, FILES[0]), &half_written).expect("written");
        match usage(&site) {
            Ok(found) => assert_eq!(found, (bytes(0, 380), 380), "state {number}"),
            Err(said) => {
                assert!(said.contains("ledger.sqlite"), "{said}");
                refused += 1;
            }
        }
        // Without any of it nothing is rolled back.
        assert!(0 < refused, "state {number}");
    }
    assert!(20 < refused, "{refused} refused");
}

#[test]
fn d13_a_commit_that_was_half_written_is_told_to_who_may_not_roll_it_back() {
    let site = begun();
    let (journal, half_written) = interrupted(&file(&site, FILES[0]));
    fs::write(file(&site, "ledger.sqlite-journal"), journal).expect("written");
    fs::write(file(&site, FILES[0]), half_written).expect("written");
    set_writable(&site, false);
    let before = site.kept();
    let said = run_bound(&site, site.command("verify").arg("--json"));
    expect(
        &said,
        3,
        &["was cut short", "let its owner run `cdn-meter verify`"],
    );
    assert_eq!(site.kept(), before);
    set_writable(&site, true);
    assert_eq!(usage(&site), Ok((bytes(0, 380), 380)));
}

#[test]
fn d4_a_kill_around_the_seal_loses_nothing_that_was_reported() {
    for (place, visits) in [
        ("seal.write", 2),
        ("seal.written", 2),
        ("transaction.commit", 1),
        ("transaction.committed", 1),
    ] {
        for visit in 1..=visits {
            let site = filled();
            site.write("c.log", lines(380, 20));
            let mut ingest = site.command("ingest");
            ingest.arg(site.path("logs"));
            ingest.env("CDN_METER_KILL_AT", format!("{place}:{visit}"));
            assert!(kill(&mut ingest), "{place}:{visit}");
            let found = usage(&site).expect("readable");
            let either = [(bytes(0, 380), 380), (bytes(0, 400), 400)];
            assert!(either.contains(&found), "{place}:{visit}: {found:?}");
            assert_eq!(site.ingest().code, 0, "{place}:{visit}");
            assert_eq!(site.total(), either[1], "{place}:{visit}");
        }
    }
}

#[test]
fn d4_a_seal_that_cannot_be_written_stops_a_run_and_loses_nothing() {
    let mut failures = 0;
    for visit in 1.. {
        let site = Site::new();
        for log in 0..4 {
            site.write(&format!("{log}.log"), lines(100 * log, 40));
        }
        let mut command = site.command("ingest");
        command.arg("--json").arg(site.path("logs"));
        command.env("CDN_METER_COMMIT_ROWS", "3");
        command.env("CDN_METER_FAIL_AT", format!("seal.write:{visit}"));
        let said = Site::run(&mut command);
        if said.code == 0 {
            break;
        }
        failures += 1;
        assert_eq!(said.code, 3, "{}", said.stderr);
        assert_eq!(site.ingest().code, 0, "visit {visit}");
        let all = (0..4).map(|log| bytes(100 * log, 40)).sum();
        assert_eq!(site.total(), (all, 160), "visit {visit}");
    }
    assert!(4 <= failures, "{failures} failures");
}

#[test]
fn d4_what_is_done_and_not_sealed_is_said_to_be_done() {
    let site = Site::new();
    site.write("a.log", lines(0, 40));
    assert_eq!(site.ingest().code, 0);
    let forget = |fail_at: &str| {
        let mut command = site.command("forget");
        command
            .args(["--reason", "a test log"])
            .arg(site.log("a.log"));
        Site::run(command.env("CDN_METER_FAIL_AT", fail_at))
    };
    let said = forget("seal.write:1");
    assert_eq!(said.code, 3);
    assert!(!said.stderr.contains("is kept, and"), "{}", said.stderr);
    assert_eq!(site.total(), (bytes(0, 40), 40));
    let said = forget("seal.write:2");
    assert_eq!(said.code, 3);
    assert!(said.stderr.contains("is kept, and"), "{}", said.stderr);
    assert_eq!(site.total(), (0, 0));
}
