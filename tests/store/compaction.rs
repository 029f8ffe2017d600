//! Compaction changes files and no figure.

use std::fs;
use std::path::PathBuf;

use cdn_meter::disk::FAILPOINTS;
use cdn_meter::store::SMALL_SEGMENTS_MAX;

use crate::program::{Said, Site, bytes, lines};

fn segments(site: &Site) -> usize {
    let names = fs::read_dir(site.path("store/segments")).expect("listed");
    names.count()
}

fn compact(site: &Site) -> Said {
    let mut command = site.command("compact");
    command.arg("--json");
    Site::run(&mut command)
}

/// Ten lines more with every ingest, `count` times.
fn ingest_hourly(site: &Site, count: u64) {
    for hour in 0..count {
        site.write(&format!("{hour}.log"), lines(10 * hour, 10));
        assert_eq!(site.ingest().code, 0);
    }
}

fn published(site: &Site) -> Vec<(PathBuf, Vec<u8>)> {
    site.summary();
    let pattern = site.path("out/*/*/*.parquet");
    let paths = glob::glob(&pattern.display().to_string()).expect("a glob");
    let file = |path: PathBuf| (path.clone(), fs::read(path).expect("read"));
    paths.map(|path| file(path.expect("listed"))).collect()
}

#[test]
fn many_segments_become_one_and_every_figure_stays() {
    let site = Site::new();
    ingest_hourly(&site, 6);
    let explain = || {
        let domains = ["v0", "v1", "v2"].map(|name| format!("{name}.example.cn"));
        domains.map(|domain| site.explain(&domain).json)
    };
    let (before, explained) = (published(&site), explain());
    assert_eq!(segments(&site), 6);
    let said = compact(&site);
    assert_eq!(said.json["segments_before"], 6, "{}", said.stderr);
    assert_eq!(said.json["segments_after"], 1);
    assert_eq!(segments(&site), 1);
    assert_eq!(site.total(), (bytes(0, 60), 60));
    assert_eq!(published(&site), before, "the published files");
    assert_eq!(explain(), explained, "where figures come from");
    // And again: there is nothing left to do.
    assert_eq!(compact(&site).json["rows"], 0);
}

#[test]
fn what_is_far_apart_in_time_stays_apart() {
    let site = Site::new();
    for (name, day) in [("a", "20260103"), ("b", "20260104"), ("c", "20261003")] {
        site.write(name, lines(0, 10).replace("20261003", day));
        assert_eq!(site.ingest().code, 0);
    }
    assert_eq!(compact(&site).json["segments_after"], 2);
    assert_eq!(compact(&site).json["rows"], 0, "nothing is left to do");
    assert_eq!(site.total(), (3 * bytes(0, 10), 30));
}

#[test]
fn rows_that_count_no_more_are_left_behind() {
    let site = Site::new();
    ingest_hourly(&site, 3);
    site.write("0.log", lines(0, 9).replace(" /a/", " /b/"));
    site.ingest_deliveries();
    let said = compact(&site);
    let dropped = said.json["rows_dropped"].as_u64().expect("a count");
    assert!(0 < dropped, "{}", said.json);
    assert_eq!(site.total(), (bytes(0, 9) + bytes(10, 20), 29));
}

#[test]
fn an_ingest_compacts_when_there_are_many() {
    let site = Site::new();
    let count = SMALL_SEGMENTS_MAX as u64;
    ingest_hourly(&site, count - 1);
    assert_eq!(segments(&site), SMALL_SEGMENTS_MAX - 1);
    site.write("last.log", lines(10 * (count - 1), 10));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(segments(&site), 1);
    assert_eq!(site.total(), (bytes(0, 10 * count), 10 * count));
}

#[test]
fn a_compaction_that_is_killed_anywhere_changes_no_figure() {
    let mut kills = 0;
    for place in FAILPOINTS {
        for visit in 1.. {
            let site = Site::new();
            ingest_hourly(&site, 2);
            let mut command = site.command("compact");
            command.env("CDN_METER_KILL_AT", format!("{place}:{visit}"));
            if command.output().expect("started").status.code().is_some() {
                break;
            }
            kills += 1;
            assert_eq!(site.ingest().code, 0, "{place}:{visit}");
            assert_eq!(site.total(), (bytes(0, 20), 20), "{place}:{visit}");
        }
    }
    assert!(8 <= kills, "{kills} kills");
}

#[test]
fn readers_beside_a_writer_read_what_was_committed_and_find_nothing_wrong() {
    const HOURS: u64 = 12;
    let site = Site::new();
    ingest_hourly(&site, 1);
    let legal: Vec<u64> = (1..=HOURS).map(|hours| bytes(0, 10 * hours)).collect();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for hour in 1..HOURS {
                site.write(&format!("{hour}.log"), lines(10 * hour, 10));
                assert_eq!(site.ingest().code, 0);
                assert_eq!(compact(&site).code, 0);
            }
        });
        while !writer.is_finished() {
            let verified = site.verify();
            assert_eq!(verified.code, 0, "{}", verified.json);
            let summary = site.summary();
            assert_eq!(summary.code, 0, "{}", summary.stderr);
            let found = summary.json["usage"]["bytes"].as_u64().expect("bytes");
            assert!(legal.contains(&found), "{found}");
        }
    });
    assert_eq!(site.total(), (bytes(0, 10 * HOURS), 10 * HOURS));
}
