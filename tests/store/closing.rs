//! Closed months stay as they are to the byte; what comes later adjusts them, to the byte.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use cdn_meter::disk::FAILPOINTS;
use cdn_meter::store::reseal;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::program::{Said, Site, bytes, lines};

const MONTH: &str = "2026-10";

/// A registry in which `v0` is a mini-program domain and the others belong to `account`.
fn registry(site: &Site, mini_program: &str, account: &str) {
    let mut text = String::new();
    for domain in ["v0", "v1", "v2"] {
        text += &format!("[[domain]]\nname = \"{domain}.example.cn\"\naccount = \"{account}\"\n");
        if domain == mini_program {
            text += "mini_program_since = \"2026-10-02\"\n";
        }
    }
    fs::write(site.path("registry.toml"), text).expect("written");
}

fn run(site: &Site, command: &str, more: &[&str]) -> Said {
    let mut command = site.command(command);
    command.arg("--json").arg("--registry");
    command.arg(site.path("registry.toml")).args(more);
    Site::run(&mut command)
}

fn close(site: &Site, more: &[&str]) -> Said {
    run(site, "close", &[&["--month", MONTH], more].concat())
}

fn publish(site: &Site, out: &str) -> Said {
    let out = site.path(out).display().to_string();
    run(site, "summary", &["--out", &out])
}

/// The files of a dataset by name, with their bytes.
fn files(site: &Site, dataset: &str) -> BTreeMap<String, Vec<u8>> {
    let pattern = site.path(dataset).join("*/*.parquet");
    let paths = glob::glob(&pattern.display().to_string()).expect("a glob");
    let file = |path: glob::GlobResult| {
        let path = path.expect("listed");
        (path.display().to_string(), fs::read(&path).expect("read"))
    };
    paths.map(file).collect()
}

type Key = (String, String, String, i64);

/// Bytes and requests by account, class, domain and slot; what is zero is left out.
fn usage(site: &Site, datasets: &[&str]) -> BTreeMap<Key, (i64, i64)> {
    let mut usage = BTreeMap::new();
    for dataset in datasets {
        for path in files(site, dataset).into_keys() {
            add_file(Path::new(&path), &mut usage);
        }
    }
    usage.retain(|_, sums: &mut (i64, i64)| *sums != (0, 0));
    usage
}

fn add_file(path: &Path, usage: &mut BTreeMap<Key, (i64, i64)>) {
    let file = File::open(path).expect("opened");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    for batch in reader.build().expect("a reader") {
        let batch = batch.expect("readable");
        let column = |name: &str| batch.column_by_name(name).expect("a column").clone();
        let text = |name: &str, at| column(name).as_string::<i32>().value(at).to_owned();
        let number = |name: &str, at| column(name).as_primitive::<Int64Type>().value(at);
        let slots = column("slot_start");
        let slots = slots.as_primitive::<TimestampMicrosecondType>();
        for at in 0..slots.len() {
            let key = (
                text("account", at),
                text("class", at),
                text("domain", at),
                slots.value(at),
            );
            let sums = usage.entry(key).or_default();
            sums.0 += number("bytes", at);
            sums.1 += number("requests", at);
        }
    }
}

/// Closes October with 60 lines in it, and publishes it to `closed`.
fn closed_site() -> Site {
    let site = Site::new();
    registry(&site, "v0", "acct");
    site.write("a.log", lines(0, 50));
    site.write("b.log", lines(50, 10));
    site.ingest();
    let said = close(&site, &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["bytes"], bytes(0, 60));
    assert_eq!(said.json["requests"], 60);
    assert_eq!(publish(&site, "closed").code, 0);
    site
}

/// What counts now, by a store that was never closed.
fn never_closed(site: &Site) -> BTreeMap<Key, (i64, i64)> {
    let other = site.path("never-closed");
    let _ = fs::remove_dir_all(&other);
    let mut ingest = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    ingest.arg("ingest").arg("--store").arg(&other);
    ingest.arg(site.path("logs"));
    assert!(ingest.output().expect("started").status.success());
    let mut summary = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"));
    summary.arg("summary").arg("--store").arg(&other);
    summary.arg("--registry").arg(site.path("registry.toml"));
    summary.arg("--out").arg(site.path("never-closed-out"));
    assert!(summary.output().expect("started").status.success());
    usage(site, &["never-closed-out/usage_5min"])
}

#[track_caller]
fn assert_adjusted(site: &Site) {
    let said = publish(site, "after");
    assert_eq!(said.code, 0, "{}", said.stderr);
    for dataset in ["summary", "usage_5min"] {
        let before = files(site, &format!("closed/{dataset}"));
        let after = files(site, &format!("after/{dataset}"));
        assert!(before.values().eq(after.values()), "{dataset} changed");
    }
    assert!(said.stderr.contains("was closed"), "{}", said.stderr);
    let rows = said.json["closed"][0]["adjustments"].as_u64();
    assert!(0 < rows.expect("a count"), "{}", said.json);
    assert_eq!(
        usage(site, &["after/usage_5min", "after/adjustments"]),
        never_closed(site),
        "closed figures and adjustments"
    );
    assert_eq!(site.verify().code, 0);
}

#[test]
fn usage_that_comes_late_adjusts_a_closed_month_and_changes_no_byte_of_it() {
    let site = closed_site();
    site.write("late.log", lines(60, 5));
    site.write("a.log", lines(0, 50) + &lines(400, 20));
    site.ingest();
    assert_adjusted(&site);
}

#[test]
fn usage_that_is_replaced_after_the_close_is_taken_back_by_an_adjustment() {
    let site = closed_site();
    site.write("b.log", lines(100, 3));
    site.ingest_deliveries();
    assert_adjusted(&site);
    let taken = usage(&site, &["after/adjustments"]);
    assert!(taken.values().any(|(bytes, _)| *bytes < 0), "{taken:?}");
}

#[test]
fn d5_usage_that_is_forgotten_after_the_close_is_taken_back_by_an_adjustment() {
    let site = closed_site();
    let said = {
        let mut command = site.command("forget");
        command.args(["--json", "--reason", "a test log"]);
        Site::run(command.arg(site.log("b.log")))
    };
    assert_eq!(said.json["closed_months"][0], MONTH, "{}", said.stderr);
    fs::remove_file(site.log("b.log")).expect("removed");
    assert_adjusted(&site);
    let taken = usage(&site, &["after/adjustments"]);
    let taken: i64 = taken.values().map(|(bytes, _)| bytes).sum();
    assert_eq!(taken.unsigned_abs(), bytes(50, 10));
}

#[test]
fn a_registry_that_moves_domains_moves_all_of_their_closed_usage() {
    let site = closed_site();
    registry(&site, "v0", "other");
    assert_adjusted(&site);
    let moved = usage(&site, &["after/adjustments"]);
    let to = |account: &str| -> i64 {
        let of_account = moved.iter().filter(|(key, _)| key.0 == account);
        of_account.map(|(_, sums)| sums.0).sum()
    };
    let all = i64::try_from(bytes(0, 60)).expect("it fits");
    assert_eq!((to("acct"), to("other")), (-all, all));
}

#[test]
fn a_closed_month_without_late_usage_has_no_adjustments() {
    let site = closed_site();
    assert_eq!(publish(&site, "after").code, 0);
    assert!(site.path("after/adjustments/_SUCCESS").is_file());
    assert!(usage(&site, &["after/adjustments"]).is_empty());
    let out = site.path("after").display().to_string();
    let said = run(&site, "summary", &["--out", &out, "--overhead-factor", "2"]);
    assert!(said.stderr.contains("keeps them"), "{}", said.stderr);
    let frozen = files(&site, "closed/summary");
    assert!(frozen.values().eq(files(&site, "after/summary").values()));
}

#[test]
fn c2_without_a_registry_nothing_is_taken_back_from_a_closed_month() {
    let site = closed_site();
    site.write("late.log", lines(60, 5));
    site.ingest();
    let mut command = site.command("summary");
    command.arg("--json").arg("--out").arg(site.path("after"));
    let said = Site::run(&mut command);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let adjusted = usage(&site, &["after/adjustments"]);
    let all: i64 = adjusted.values().map(|(bytes, _)| bytes).sum();
    assert_eq!(u64::try_from(all).ok(), Some(bytes(60, 5)));
    let classes: Vec<_> = adjusted
        .keys()
        .map(|key| (&key.0[..], &key.1[..]))
        .collect();
    let is_as_closed = |(account, class): &(&str, &str)| {
        *account == "acct" && ["mini_program", "standard"].contains(class)
    };
    assert!(classes.iter().all(is_as_closed), "{classes:?}");
}

#[test]
fn what_cannot_be_closed_is_refused_and_says_why() {
    let site = closed_site();
    let refused = |said: Said, words: &str| {
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(said.stderr.contains(words), "{}", said.stderr);
    };
    let again = close(&site, &[]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.contains("is closed since"), "{}", again.stderr);
    let mut without = site.command("close");
    without.args(["--month", "2026-09"]);
    refused(Site::run(&mut without), "--registry FILE");
    let none = run(&site, "close", &["--month", "2026-09"]);
    assert_eq!(none.code, 1, "{}", none.stderr);
    assert!(none.stderr.contains("nothing to close"), "{}", none.stderr);
    refused(
        run(
            &site,
            "close",
            &["--month", "2026-09", "--billing-zone", "+00:00"],
        ),
        "--billing-zone +08:00",
    );
    refused(
        run(
            &site,
            "summary",
            &["--billing-zone", "+00:00", "--out", "nowhere"],
        ),
        "--billing-zone +08:00",
    );
    refused(
        run(&site, "close", &["--month", "2098-12"]),
        "may still grow",
    );
    // November takes back what October's registry said.
    site.write("november.log", lines(0, 9).replace("20261003", "20261103"));
    site.ingest();
    registry(&site, "v1", "acct");
    refused(
        run(&site, "close", &["--month", "2026-11", "--early"]),
        "v0.example.cn was a mini-program domain in 2026-10",
    );
    assert_eq!(site.verify().code, 0);
}

#[test]
fn unknown_domains_are_told_and_under_strict_nothing_is_closed() {
    let site = Site::new();
    registry(&site, "v0", "acct");
    site.write("a.log", lines(0, 9).replace("v1.", "stranger."));
    site.ingest();
    let said = close(&site, &["--strict"]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(said.stderr.contains("not closed"), "{}", said.stderr);
    let said = close(&site, &["--dry-run"]);
    assert_eq!((said.code, &said.json["digest"]), (0, &Value::Null));
    let said = close(&site, &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("class unknown"), "{}", said.stderr);
    assert_eq!(site.verify().code, 0);
}

#[test]
fn closes_form_a_chain_and_what_was_altered_is_found() {
    let site = closed_site();
    site.write("november.log", lines(0, 9).replace("20261003", "20261103"));
    site.ingest();
    let said = run(&site, "close", &["--month", "2026-11", "--early"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.json["previous"].is_string(), "{}", said.json);
    assert_eq!(site.verify().code, 0);

    let find = |what: &str| {
        let said = site.verify();
        assert_eq!(said.code, 3, "{what}");
        let promise = &said.json["findings"][0]["promise"];
        assert_eq!(promise, "a closed month stays as it is", "{what}");
        assert_eq!(said.json["findings"][0]["subject"], "close of 2026-10");
    };
    let path = site.path("store/closed/2026-10/summary/part-00000.parquet");
    let sound = fs::read(&path).expect("read");
    fs::write(&path, &sound[..sound.len() - 1]).expect("written");
    find("a file that was cut");
    fs::write(&path, sound).expect("written");

    let ledger = rusqlite::Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let update = "UPDATE close SET bytes = bytes - 1 WHERE month = '2026-10'";
    let refused = ledger.execute(update, []).expect_err("final");
    assert!(refused.to_string().contains("a close is final"));
    ledger
        .execute("DROP TRIGGER close_is_final", [])
        .expect("dropped");
    ledger.execute(update, []).expect("updated");
    reseal(&site.path("store")).expect("sealed");
    find("a sum that was lowered");
}

#[test]
fn a_close_that_is_killed_anywhere_is_done_or_not_begun() {
    let mut kills = 0;
    for place in FAILPOINTS {
        for visit in 1.. {
            let site = Site::new();
            registry(&site, "v0", "acct");
            site.write("a.log", lines(0, 50));
            assert_eq!(site.ingest().code, 0);
            let mut command = site.command("close");
            command.args(["--month", MONTH, "--registry"]);
            command.arg(site.path("registry.toml"));
            command.env("CDN_METER_KILL_AT", format!("{place}:{visit}"));
            let output = command.output().expect("started");
            if output.status.code().is_some() {
                break;
            }
            kills += 1;
            // The next writer removes what was not finished.
            assert_eq!(site.ingest().code, 0, "{place}:{visit}");
            assert_eq!(site.total(), (bytes(0, 50), 50), "{place}:{visit}");
            let again = close(&site, &[]);
            let is_closed = again.stderr.contains("was closed at");
            assert!(again.code == 0 || is_closed, "{}", again.stderr);
            assert_eq!(site.verify().code, 0, "{place}:{visit}");
        }
    }
    assert!(8 <= kills, "{kills} kills");
}
