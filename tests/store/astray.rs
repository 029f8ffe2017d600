//! Files of a store that no commit names are put away and named, and never thrown away on the ledger's word.

use std::fs;

use crate::faults::{expect, filled, usage};
use crate::program::{Site, bytes, lines};

/// Kills an ingest of one more file before its commit.
fn interrupted() -> Site {
    let site = filled();
    site.write("c.log", lines(380, 20) + "this is no line\n");
    let mut ingest = site.command("ingest");
    ingest.arg(site.path("logs"));
    ingest.env("CDN_METER_KILL_AT", "transaction.commit");
    assert_eq!(ingest.output().expect("started").status.code(), None);
    site
}

#[test]
fn d3_what_no_commit_names_is_moved_to_lost_and_found_and_the_next_ingest_goes_on() {
    let site = interrupted();
    let (segment, rejects) = (
        "segments/00000003-0000.parquet",
        "quarantine/00000003-4.ndjson",
    );
    let orphans =
        [segment, rejects].map(|name| fs::read(site.path("store").join(name)).expect(name));
    let said = site.ingest();
    assert_eq!(said.code, 0, "{}", said.stderr);
    for part in [
        "moved segments/00000003-0000.parquet and 1 more to ",
        "lost+found",
        "2 files",
    ] {
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
    let lost = site.path("store/lost+found");
    for (name, content) in [segment, rejects].into_iter().zip(&orphans) {
        assert_eq!(&fs::read(lost.join(name)).expect("kept"), content);
    }
    assert_eq!(site.total(), (bytes(0, 400), 400));
    // The same once more keeps both.
    fs::copy(
        lost.join(segment),
        site.path("store/segments/00000004-0000.parquet"),
    )
    .expect("copied");
    fs::write(lost.join("segments/00000004-0000.parquet"), "kept").expect("written");
    assert_eq!(site.ingest().code, 0);
    assert!(lost.join("segments/00000004-0000.parquet.2").is_file());
    // All of it may be deleted.
    fs::remove_dir_all(lost).expect("removed");
    assert_eq!(site.ingest().stderr, "");
    assert_eq!(site.total(), (bytes(0, 400), 400));
}

#[test]
fn d3_files_that_are_not_ours_are_named_and_left_where_they_are() {
    let site = filled();
    let foreign = [
        "segments/.DS_Store",
        "segments/00000001-0000.parquet.bak",
        "segments/.writing-notes",
        "quarantine/note.txt",
        "closed/2026-10.bak/summary/part-00000.parquet",
    ];
    for name in foreign {
        let path = site.path("store").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, "precious").expect("written");
    }
    // What is unfinished and ours goes, as ever.
    fs::write(
        site.path("store/segments/.writing-00000003-0000.parquet"),
        "PA",
    )
    .expect("written");
    fs::create_dir_all(site.path("store/closed/.writing-2026-11/summary")).expect("made");
    let said = site.ingest();
    assert_eq!(said.code, 0, "{}", said.stderr);
    for name in foreign {
        let path = site.path("store").join(name);
        assert_eq!(fs::read_to_string(path).expect("kept"), "precious");
        let told = name
            .strip_suffix("/summary/part-00000.parquet")
            .unwrap_or(name);
        let lines = said.stderr.lines();
        assert_eq!(
            lines
                .filter(|line| line.contains(&format!("{told} is not ours")))
                .count(),
            1,
            "{}",
            said.stderr
        );
    }
    assert!(
        said.stderr.contains("removed 2 unfinished files"),
        "{}",
        said.stderr
    );
    let verified = site.verify();
    assert_eq!(verified.code, 0, "{}{}", verified.json, verified.stderr);
    assert_eq!(verified.json["foreign"].as_array().map(Vec::len), Some(5));
    assert_eq!(site.total(), (bytes(0, 380), 380));
}

#[test]
fn d3_nothing_is_written_while_a_named_segment_is_gone_or_has_another_length() {
    let site = filled();
    let path = site.path("store/segments/00000001-0000.parquet");
    let good = fs::read(&path).expect("read");
    site.write("c.log", lines(380, 20));
    for bad in [None, Some(&good[..good.len() - 1])] {
        match bad {
            None => fs::remove_file(&path).expect("removed"),
            Some(bad) => fs::write(&path, bad).expect("written"),
        }
        let before = site.kept();
        expect(
            &site.ingest(),
            3,
            &["00000001-0000.parquet", "restore it from a copy"],
        );
        assert_eq!(site.kept(), before);
    }
    fs::write(&path, good).expect("written");
    assert_eq!(site.ingest().code, 0);
    assert_eq!(usage(&site), Ok((bytes(0, 400), 400)));
}
