//! Files that are counted anew by another layout or for another domain: all of it or nothing, once.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use cdn_meter::disk::FAILPOINTS;
use cdn_meter::ingest::{Options, ingest};
use cdn_meter::record::Layout;
use cdn_meter::source::{Seed, discover};
use cdn_meter::store::{Access, Occasion, Store};
use rusqlite::Connection;

use crate::program::{Said, Site, bytes, lines};
use crate::salvage::gzip;
use crate::support::{self};

/// Lines of the preset `common`, which name no host.
pub fn common(from: u64, count: u64) -> String {
    let line = |n: u64| {
        format!(
            "203.0.113.9 - - [03/Oct/2026:08:{:02}:{:02} +0800] \"GET /{n} HTTP/1.1\" 200 {}\n",
            n / 60 % 60,
            n % 60,
            1_000 + n
        )
    };
    (from..from + count).map(line).collect()
}

pub fn ingest_for(site: &Site, domain: &str) -> Said {
    let mut command = site.command("ingest");
    command.args(["--json", "--domain", domain]);
    command.arg(site.path("logs"));
    let said = Site::run(&mut command);
    assert_eq!(said.code, 0, "{}", said.stderr);
    said
}

/// Counts files of the folder anew, with `more` arguments.
pub fn recount(site: &Site, names: &[&str], more: &[&str]) -> Said {
    let mut command = site.command("ingest");
    command.args(["--json", "--recount"]).args(more);
    command.args(names.iter().map(|name| site.log(name)));
    Site::run(&mut command)
}

fn bytes_of(site: &Site, domain: &str) -> u64 {
    let said = site.explain(domain);
    said.json["bytes"].as_u64().unwrap_or(0)
}

pub fn history(site: &Site) -> Vec<String> {
    let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let sql = "SELECT change FROM history ORDER BY rowid";
    let mut statement = ledger.prepare(sql).expect("a question");
    let rows = statement.query_map([], |row| row.get(0)).expect("answers");
    rows.collect::<Result<_, _>>().expect("rows")
}

#[test]
fn a12_a_file_of_the_wrong_domain_is_counted_anew_for_the_right_one_and_once() {
    let site = Site::new();
    site.write("a.log", common(0, 20));
    site.write("b.log", lines(50, 10));
    ingest_for(&site, "wrong.example.cn");
    assert_eq!(bytes_of(&site, "wrong.example.cn"), bytes(0, 20));
    let said = recount(&site, &["a.log"], &["--domain", "right.example.cn"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(
        said.json["files"]["changes"]["recounted"], 1,
        "{}",
        said.json
    );
    assert_eq!(bytes_of(&site, "wrong.example.cn"), 0);
    assert_eq!(bytes_of(&site, "right.example.cn"), bytes(0, 20));
    assert_eq!(site.total(), (bytes(0, 20) + bytes(50, 10), 30));
    assert_eq!(history(&site), ["new", "new", "recounted"]);
    // Again, it is as it is; and an ingest does not undo it.
    let before = history(&site);
    let said = recount(&site, &["a.log"], &["--domain", "right.example.cn"]);
    assert_eq!(
        said.json["files"]["changes"]["unchanged"], 1,
        "{}",
        said.json
    );
    ingest_for(&site, "right.example.cn");
    assert_eq!(history(&site), before);
    assert_eq!(bytes_of(&site, "right.example.cn"), bytes(0, 20));
}

fn open(store: &Path, occasion: Occasion) -> Store {
    Store::open_to_write(store, Seed(1), occasion, Access::default()).expect("opened")
}

/// A store of the time when a file could be counted as empty.
fn count_whatever_is_rejected(site: &Site, format: &str) {
    let occasion = Occasion {
        at: "2026-11-23T00:00:00Z".to_owned(),
        command: "ingest".to_owned(),
    };
    let store = open(&site.path("store"), occasion);
    let found = discover(&[site.path("logs").display().to_string()]).expect("found");
    let options = Options {
        layout: Some(Layout::by_name(format, None).expect("a format")),
        reject_ratio_max: None,
        ..support::options(2)
    };
    ingest(found.sources, &options, &(), &store).expect("counted");
}

#[test]
fn a12_a_folder_that_was_counted_as_empty_is_counted_anew() {
    let site = Site::new();
    for name in 0..5 {
        site.write(&format!("{name}.log"), lines(10 * name, 10));
    }
    count_whatever_is_rejected(&site, "cloudflare");
    assert_eq!(site.total(), (0, 0));
    let mut command = site.command("ingest");
    command.args(["--json", "--recount"]).arg(site.path("logs"));
    let said = Site::run(&mut command);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["files"]["changes"]["recounted"], 5);
    assert_eq!(site.total(), (bytes(0, 50), 50));
    let mut retry = site.command("ingest");
    retry.args(["--json", "--retry-quarantine"]);
    assert_eq!(Site::run(&mut retry).json["retried"]["rejected"], 0);
    assert_eq!(Site::run(&mut site.command("compact")).code, 0);
    assert_eq!(site.total(), (bytes(0, 50), 50));
}

#[test]
fn a12_what_a_file_grew_from_is_counted_anew_with_it() {
    let site = Site::new();
    for count in [10, 20, 30] {
        site.write("a.log", common(0, count));
        ingest_for(&site, "wrong.example.cn");
    }
    let said = recount(&site, &["a.log"], &["--domain", "right.example.cn"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(site.total(), (bytes(0, 30), 30));
    assert_eq!(bytes_of(&site, "right.example.cn"), bytes(0, 30));
    // It grows on, and may have grown when it is counted anew.
    site.write("a.log", common(0, 40));
    ingest_for(&site, "right.example.cn");
    assert_eq!(site.total(), (bytes(0, 40), 40));
    site.write("a.log", common(0, 50));
    let said = recount(&site, &["a.log"], &["--domain", "third.example.cn"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(bytes_of(&site, "third.example.cn"), bytes(0, 50));
    assert_eq!(site.total(), (bytes(0, 50), 50));
}

#[test]
fn a12_lines_that_files_share_are_counted_anew_for_all_of_them() {
    let site = Site::new();
    site.write("a.log", common(0, 10));
    ingest_for(&site, "wrong.example.cn");
    // Two grow from one, which a third keeps.
    site.write("kept.log", common(0, 10));
    site.write("a.log", common(0, 20));
    site.write("b.log", common(0, 10) + &common(100, 10));
    site.write("copy.log", common(0, 20));
    ingest_for(&site, "wrong.example.cn");
    let all = bytes(0, 20) + bytes(100, 10);
    assert_eq!(site.total(), (all, 30));
    let said = recount(&site, &["a.log"], &["--domain", "right.example.cn"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(site.total(), (all, 30));
    assert_eq!(bytes_of(&site, "right.example.cn"), bytes(0, 20));
    assert_eq!(bytes_of(&site, "wrong.example.cn"), bytes(100, 10));
    let said = recount(
        &site,
        &["copy.log", "kept.log", "b.log"],
        &["--domain", "third.example.cn"],
    );
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(bytes_of(&site, "third.example.cn"), all);
    assert_eq!(site.total(), (all, 30));
    // What shares it goes on as before.
    fs::remove_file(site.log("a.log")).expect("removed");
    fs::rename(site.log("kept.log"), site.log("moved.log")).expect("renamed");
    site.write("b.log", common(0, 10) + &common(100, 19));
    ingest_for(&site, "third.example.cn");
    assert_eq!(site.total(), (bytes(0, 20) + bytes(100, 19), 39));
}

#[test]
fn a12_a_copy_that_counts_apart_is_counted_anew_apart() {
    let site = Site::new();
    site.write("a.log", common(0, 10));
    ingest_for(&site, "wrong.example.cn");
    site.write("b.log", common(0, 10));
    let mut command = site.command("ingest");
    command.args(["--allow-duplicates", "--domain", "wrong.example.cn"]);
    command.arg(site.path("logs"));
    assert_eq!(Site::run(&mut command).code, 0);
    assert_eq!(site.total(), (2 * bytes(0, 10), 20));
    let said = recount(&site, &["b.log"], &["--domain", "right.example.cn"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(site.total(), (2 * bytes(0, 10), 20));
    assert_eq!(bytes_of(&site, "right.example.cn"), bytes(0, 10));
    site.write("b.log", common(0, 15));
    ingest_for(&site, "right.example.cn");
    assert_eq!(site.total(), (bytes(0, 10) + bytes(0, 15), 25));
    assert_eq!(bytes_of(&site, "wrong.example.cn"), bytes(0, 10));
}

#[test]
fn a12_what_cannot_be_counted_anew_is_said_and_stays_as_it_was() {
    let site = Site::new();
    site.write("a.log", lines(0, 10));
    assert_eq!(site.ingest().code, 0);
    let before = site.kept();
    site.write("new.log", lines(50, 10));
    let said = recount(&site, &["new.log"], &[]);
    assert_eq!(said.code, 1);
    assert_eq!(said.json["files"]["refused"][0]["code"], "not-counted");
    let said = recount(&site, &["a.log"], &["--format", "cloudflare"]);
    assert_eq!(said.code, 1);
    assert_eq!(said.json["files"]["refused"][0]["code"], "rejects");
    site.write("a.log", lines(0, 5));
    let said = recount(&site, &["a.log"], &[]);
    assert_eq!(said.json["files"]["refused"][0]["code"], "shrunk");
    assert_eq!(site.kept(), before);
    let mut command = site.command("ingest");
    command.args(["--recount", "-"]);
    let said = Site::run(&mut command);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("standard input"), "{}", said.stderr);
    let nowhere = Site::new();
    nowhere.write("a.log", lines(0, 10));
    assert_eq!(recount(&nowhere, &["a.log"], &[]).code, 2);
    assert!(!Path::new(&nowhere.path("store")).exists());
}

#[test]
fn a12_a_closed_month_that_is_counted_anew_is_adjusted() {
    let site = Site::new();
    site.write("a.log", common(0, 20));
    ingest_for(&site, "wrong.example.cn");
    let said = site.with_registry("close", &["--month", "2026-10"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = recount(&site, &["a.log"], &["--domain", "right.example.cn"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let out = site.path("out").display().to_string();
    let said = site.with_registry("summary", &["--out", &out]);
    let closed = &said.json["closed"][0];
    assert_eq!(closed["adjusted_bytes"], 0, "{}", said.stderr);
    assert_ne!(closed["adjustments"], 0, "{}", said.stderr);
    assert_eq!(said.json["usage"]["bytes"], bytes(0, 20));
}

#[test]
fn a12_a_kill_while_counting_anew_leaves_it_as_it_was_or_as_it_is_to_be() {
    let mut kills = 0;
    for place in FAILPOINTS {
        for visit in 1.. {
            let site = Site::new();
            site.write("a.log", common(0, 10));
            ingest_for(&site, "wrong.example.cn");
            site.write("kept.log", common(0, 10));
            site.write("a.log", common(0, 20) + "no line\n");
            ingest_for(&site, "wrong.example.cn");
            let mut command = site.command("ingest");
            command.args(["--recount", "--domain", "right.example.cn"]);
            command.arg(site.log("a.log"));
            command.env("CDN_METER_KILL_AT", format!("{place}:{visit}"));
            let status = command.output().expect("started").status;
            if status.signal().is_none() {
                break;
            }
            kills += 1;
            let right = bytes_of(&site, "right.example.cn");
            assert!(
                [0, bytes(0, 20)].contains(&right),
                "{place}:{visit}: {right}"
            );
            assert_eq!(site.summary().json["usage"]["bytes"], bytes(0, 20));
            let said = recount(&site, &["a.log"], &["--domain", "right.example.cn"]);
            assert_eq!(said.code, 0, "{place}:{visit}: {}", said.stderr);
            assert_eq!(site.total(), (bytes(0, 20), 20), "{place}:{visit}");
            assert_eq!(bytes_of(&site, "right.example.cn"), bytes(0, 20));
        }
    }
    assert!(6 <= kills, "{kills} kills");
}

/// Rows of Logpush; `bytes` stands in each as it is.
fn rows(from: u64, count: u64, bytes: &str) -> String {
    let row = |n: u64| {
        format!(
            "{{\"ClientRequestHost\":\"v.example.cn\",\"EdgeStartTimestamp\":{},{bytes}\
             \"ClientRequestSource\":\"eyeball\"}}\n",
            1_791_165_600 + n
        )
    };
    (from..from + count).map(row).collect()
}

#[test]
fn a12_what_follows_a_counted_file_is_judged_when_it_is_counted_anew() {
    let site = Site::new();
    let good = lines(0, 5);
    site.write("1.log", &good);
    assert_eq!(site.ingest().code, 0);
    let before = site.total();
    site.write("1b.log", good + "zzz\nzzz\n");
    assert_eq!(site.ingest().code, 1);
    let said = recount(&site, &["1b.log"], &[]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert_eq!(said.json["files"]["refused"][0]["code"], "rejects");
    assert_eq!(site.total(), before);
    let said = recount(&site, &["1b.log"], &["--max-reject-ratio", "0.5"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(site.total(), before);
}

#[test]
fn d1_a_file_that_was_moved_over_another_of_the_same_time_is_asked_about_when_it_is_counted_anew() {
    let newer = || lines(0, 700).replace(" /a/", " /b/");
    for (names, total) in [("deliveries", 700), ("rotation", 1_400)] {
        let site = Site::new();
        site.write("hour.log", lines(0, 700));
        site.write("fetched.log", newer());
        assert_eq!(site.ingest().code, 0);
        fs::rename(site.log("fetched.log"), site.log("hour.log")).expect("moved");
        let said = recount(&site, &["hour.log"], &[]);
        assert_eq!(said.code, 1, "{}", said.stderr);
        assert_eq!(said.json["files"]["refused"][0]["code"], "next-or-newer");
        assert_eq!(site.total().1, 1_400);
        let said = recount(&site, &["hour.log"], &["--names", names]);
        assert_eq!(
            (said.code, site.total().1),
            (0, total),
            "{names}: {}",
            said.stderr
        );
        assert_eq!(site.verify().code, 0);
    }
}

#[test]
fn a12_a_part_without_the_metered_field_is_no_file_without_it() {
    let site = Site::new();
    let old = rows(0, 3, "");
    site.write("kept.log", &old);
    count_whatever_is_rejected(&site, "tencent-cdn");
    site.write("a.log", old + &rows(3, 2, "\"EdgeResponseBytes\":1000,"));
    let said = recount(&site, &["a.log"], &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(site.total(), (2_000, 5));
    // By itself it is one.
    let said = recount(&site, &["kept.log"], &["--domain", "v.example.cn"]);
    assert_eq!(said.json["files"]["refused"][0]["code"], "no-bytes");
}

#[test]
fn a12_a_name_is_noted_once_and_a_file_is_measured_once() {
    let site = Site::new();
    site.write("kept.log", common(500, 10));
    ingest_for(&site, "wrong.example.cn");
    site.write("a.log", common(500, 20));
    ingest_for(&site, "wrong.example.cn");
    site.write("copy.log", common(500, 20));
    site.write("small.log", common(0, 30));
    ingest_for(&site, "wrong.example.cn");
    let occasion = Occasion {
        at: "2026-11-23T00:00:00Z".to_owned(),
        command: "ingest".to_owned(),
    };
    let store = open(&site.path("store"), occasion);
    let paths = ["a.log", "small.log"].map(|name| site.log(name).display().to_string());
    let found = discover(&paths).expect("found");
    let options = Options {
        fallback_domain: Some("right.example.cn".to_owned()),
        ..support::options(2)
    };
    let read = Advanced::default();
    let ingested = cdn_meter::ingest::recount(found.sources, &options, &read, &store);
    let histograms = ingested.expect("counted").histograms;
    let median = histograms.response_bytes().p50;
    assert!(
        median < 1_100,
        "20 of the 50 responses are larger: {median}"
    );
    let stored = common(500, 20).len() + common(0, 30).len();
    assert_eq!(read.0.into_inner(), stored as u64);
    drop(store);
    let noted = |name: &str| -> (i64, i64) {
        let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
        let sql = "SELECT COUNT(*), MAX(history.content = source.content) FROM history
            JOIN source USING (name) WHERE change = 'recounted' AND name LIKE ?1";
        let row = ledger.query_row(sql, [format!("%/{name}")], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        row.expect("an answer")
    };
    for name in ["a.log", "copy.log", "kept.log", "small.log"] {
        assert_eq!(noted(name), (1, 1), "{name}");
    }
    assert_eq!(site.total(), (bytes(500, 20) + bytes(0, 30), 50));
}

/// Stored bytes that were dealt with.
#[derive(Default)]
struct Advanced(std::sync::atomic::AtomicU64);

impl cdn_meter::ingest::Events for Advanced {
    fn advanced(&self, stored_bytes: u64) {
        self.0
            .fetch_add(stored_bytes, std::sync::atomic::Ordering::Relaxed);
    }

    fn settled(&self, _source: &cdn_meter::ingest::SourceReport) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a12_what_is_known_already_asks_for_nothing() {
    // However the stamps are: what was written just now is read again.
    for name in ["a.log", "a.log.gz"] {
        for hole in [0, 70_000] {
            let site = Site::new();
            let text = ["\0".repeat(hole), common(0, 20)].concat();
            site.write(
                name,
                if name.ends_with("gz") {
                    gzip(&text)
                } else {
                    text.clone().into()
                },
            );
            site.write("b.log", lines(50, 10));
            ingest_for(&site, "one.example.cn");
            for more in [&[][..], &["--rehash"], &["--format", "cloudfront"]] {
                let mut command = site.command("ingest");
                let said = Site::run(command.arg("--json").arg(site.path("logs")).args(more));
                assert_eq!(said.code, 0, "{name} {hole} {more:?} {}", said.stderr);
                assert_eq!(
                    said.json["files"]["changes"]["unchanged"], 2,
                    "{}",
                    said.json
                );
            }
            // A copy is known too; what is new is asked as ever.
            site.write("copy.log", &text);
            site.write("c.log", text + &common(20, 5));
            let said = site.ingest();
            assert_eq!(said.code, 1, "{}", said.stderr);
            assert_eq!(
                said.json["files"]["changes"]["duplicate"], 1,
                "{}",
                said.json
            );
            let refused = &said.json["files"]["refused"];
            assert_eq!(refused[0]["code"], "no-domain", "{refused}");
            assert_eq!(refused.as_array().map(Vec::len), Some(1), "{refused}");
            assert_eq!(site.total(), (bytes(0, 20) + bytes(50, 10), 30));
        }
    }
}
