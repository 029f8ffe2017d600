//! Logs that move on from name to name: all of them count, and versions of the same log count once.

use std::fs::{self, File};
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use cdn_meter::store::reseal;
use rusqlite::Connection;

use crate::program::{Said, Site, bytes, lines};

/// Lines of a day, in slots of their own.
const DAY_LINES: u64 = 700;

fn day(day: u64) -> String {
    lines(1_000 * day, DAY_LINES)
}

/// Bytes and requests of so many days.
fn days(count: u64) -> (u64, u64) {
    let all = (0..count).map(|day| bytes(1_000 * day, DAY_LINES));
    (all.sum(), count * DAY_LINES)
}

fn gzip(site: &Site, from: &str, to: &str) {
    let text = fs::read(site.log(from)).expect("read");
    let file = File::create(site.log(to)).expect("made");
    let mut encoder = GzEncoder::new(file, Compression::default());
    encoder.write_all(&text).expect("packed");
    encoder.finish().expect("packed");
    fs::remove_file(site.log(from)).expect("removed");
}

fn rename(site: &Site, from: &str, to: &str) {
    if site.log(from).exists() {
        fs::rename(site.log(from), site.log(to)).expect("renamed");
    }
}

/// Ingests five days, each after `rotate` made place for it, and again in the end.
fn assert_all_count(rotate: impl Fn(&Site, u64)) -> Site {
    let site = Site::new();
    for number in 0..5 {
        rotate(&site, number);
        site.write("app.log", day(number));
        let said = site.ingest();
        assert_eq!(said.code, 0, "day {number}: {}", said.stderr);
        assert_eq!(
            site.total(),
            days(number + 1),
            "day {number}: {}",
            said.json
        );
    }
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total(), days(5));
    site
}

#[test]
fn d1_rotation_by_number_loses_nothing() {
    assert_all_count(|site, _| {
        rename(site, "app.log.1", "app.log.2");
        rename(site, "app.log", "app.log.1");
    });
}

#[test]
fn d1_rotation_by_number_with_packing_loses_nothing() {
    // `compress`, and `delaycompress`, which packs what moves on to the second number.
    for is_delayed in [false, true] {
        assert_all_count(|site, _| {
            rename(site, "app.log.2.gz", "app.log.3.gz");
            rename(site, "app.log.1.gz", "app.log.2.gz");
            if site.log("app.log.1").exists() {
                gzip(site, "app.log.1", "app.log.2.gz");
            }
            rename(site, "app.log", "app.log.1");
            if !is_delayed && site.log("app.log.1").exists() {
                gzip(site, "app.log.1", "app.log.1.gz");
            }
        });
    }
}

#[test]
fn d1_rotation_by_copying_loses_nothing() {
    assert_all_count(|site, _| {
        rename(site, "app.log.1", "app.log.2");
        if site.log("app.log").exists() {
            fs::copy(site.log("app.log"), site.log("app.log.1")).expect("copied");
        }
    });
}

#[test]
fn d1_rotation_by_date_loses_nothing_where_the_oldest_are_deleted() {
    assert_all_count(|site, number| {
        if number != 0 {
            rename(site, "app.log", &format!("app.log-2026100{number}"));
        }
        if 2 < number {
            fs::remove_file(site.log(&format!("app.log-2026100{}", number - 2))).expect("removed");
        }
    });
}

#[test]
fn d1_a_log_that_begins_anew_at_every_start_loses_nothing() {
    let site = assert_all_count(|_, _| {});
    let said = site.ingest();
    assert_eq!(
        said.json["files"]["changes"]["unchanged"], 1,
        "{}",
        said.json
    );
}

#[test]
fn d1_after_rotation_nothing_of_a_closed_month_is_taken_back() {
    let site = assert_all_count(|site, _| {
        rename(site, "app.log.1", "app.log.2");
        rename(site, "app.log", "app.log.1");
    });
    let closed = site.with_registry("close", &["--month", "2026-10"]);
    assert_eq!(closed.code, 0, "{}", closed.stderr);
    rename(&site, "app.log.1", "app.log.2");
    rename(&site, "app.log", "app.log.1");
    site.write("app.log", day(5));
    assert_eq!(site.ingest().code, 0);
    let said = site.summary();
    assert_eq!(said.code, 0, "{}", said.stderr);
    let late = bytes(5_000, DAY_LINES);
    assert_eq!(
        said.json["closed"][0]["adjusted_bytes"], late,
        "{}",
        said.json
    );
}

#[test]
fn d1_a_store_that_does_not_note_times_tells_them_from_its_rows() {
    for (log, outcome, total) in [
        (
            lines(0, 905).replace(" /a/", " /b/"),
            "replaced",
            (bytes(0, 905), 905),
        ),
        (lines(900, 700), "next", (bytes(0, 1_600), 1_600)),
        (
            lines(300, 905).replace(" /a/", " /b/"),
            "refused",
            (bytes(0, 900), 900),
        ),
    ] {
        let site = Site::new();
        site.write("app.log", lines(0, 400));
        assert_eq!(site.ingest().code, 0);
        site.write("app.log", lines(0, 900));
        assert_eq!(site.ingest().code, 0);
        let ledger = Connection::open(site.path("store").join("ledger.sqlite")).expect("opened");
        let sql = "UPDATE content SET slot_from = NULL, slot_to = NULL";
        assert_eq!(ledger.execute(sql, []).expect("changed"), 2);
        drop(ledger);
        reseal(&site.path("store")).expect("sealed");
        site.write("app.log", log);
        let said = site.ingest();
        match outcome {
            "refused" => assert_eq!(refused(&said), "\"next-or-newer\""),
            change => assert_eq!(said.json["files"]["changes"][change], 1, "{}", said.json),
        }
        assert_eq!(site.total(), total);
    }
}

#[test]
fn d1_lines_that_were_retried_are_of_the_time_of_their_log() {
    let site = Site::new();
    let no_host = |text: String| {
        (0..3).fold(text, |text, n| {
            text.replace(&format!("v{n}.example.cn"), "-")
        })
    };
    // A log of which the last lines are rejected, so that it ends earlier until they are retried.
    site.write("app.log", lines(0, 700) + &no_host(lines(700, 900)));
    site.ingest_with(&["--max-reject-ratio", "1"]);
    assert_eq!(site.total(), (bytes(0, 700), 700));
    site.ingest_with(&["--retry-quarantine", "--domain", "v0.example.cn"]);
    assert_eq!(site.total(), (bytes(0, 1_600), 1_600));
    // So this is within it, and not behind it.
    site.write("app.log", lines(900, 700).replace(" /a/", " /b/"));
    assert_eq!(refused(&site.ingest()), "\"next-or-newer\"");
    assert_eq!(site.total(), (bytes(0, 1_600), 1_600));
}

#[test]
fn d1_a_newer_version_that_begins_as_the_old_one_replaces_it() {
    let site = Site::new();
    let start = lines(0, 400);
    let version = |path: &str, count| start.clone() + &lines(400, count).replace(" /a/", path);
    for (text, total) in [
        (start.clone(), bytes(0, 400)),
        (version(" /b/", 500), bytes(0, 900)),
        (version(" /c/", 510), bytes(0, 910)),
    ] {
        site.write("hour.log", text);
        assert_eq!(site.ingest().code, 0);
        assert_eq!(site.total().0, total);
    }
    // Counting it anew leaves that to an ingest.
    site.write("hour.log", version(" /d/", 520));
    let mut command = site.command("ingest");
    command
        .args(["--json", "--recount"])
        .arg(site.log("hour.log"));
    assert_eq!(refused(&Site::run(&mut command)), "\"not-counted\"");
    assert_eq!(site.total().0, bytes(0, 910));
}

#[test]
fn d1_a_newer_version_replaces_what_its_name_has_moved_on_from() {
    let site = Site::new();
    let first = |path: &str| lines(0, 900).replace(" /a/", path);
    for (text, total) in [
        (first(" /b/"), bytes(0, 900)),
        (lines(3_000, 900), bytes(0, 900) + bytes(3_000, 900)),
        (first(" /c/"), bytes(0, 900) + bytes(3_000, 900)),
    ] {
        site.write("latest.log", text);
        assert_eq!(site.ingest().code, 0);
        assert_eq!(site.total().0, total);
    }
}

#[test]
fn d1_what_names_are_decides_only_what_times_do_not_tell() {
    let site = Site::new();
    site.write("app.log", day(0));
    site.write("hour.log", lines(20_000, 900));
    assert_eq!(site.ingest().code, 0);
    site.write("app.log", day(1));
    site.write("hour.log", lines(20_000, 905).replace(" /a/", " /b/"));
    assert_eq!(site.ingest_with(&["--names", "deliveries"]).code, 0);
    let total = bytes(0, DAY_LINES) + bytes(1_000, DAY_LINES) + bytes(20_000, 905);
    assert_eq!(site.total().0, total);
    site.write("hour.log", lines(20_000, 910).replace(" /a/", " /c/"));
    assert_eq!(site.ingest_with(&["--names", "rotation"]).code, 0);
    assert_eq!(
        site.total().0,
        total - bytes(20_000, 905) + bytes(20_000, 910)
    );
}

#[test]
fn d1_a_short_log_is_not_replaced_by_a_long_one_around_it() {
    let site = Site::new();
    site.write("app.log", lines(600, 500));
    assert_eq!(site.ingest().code, 0);
    // A download that began before the log did is logged when it ends.
    site.write("app.log", lines(480, 1) + &lines(1_100, 2_400));
    assert_eq!(refused(&site.ingest()), "\"next-or-newer\"");
    assert_eq!(site.ingest_with(&["--names", "rotation"]).code, 0);
    assert_eq!(site.total().0, bytes(480, 1) + bytes(600, 2_900));
}

#[test]
fn d1_a_log_that_has_not_begun_yet_takes_nothing_away() {
    let site = Site::new();
    site.write("app.log", day(0));
    assert_eq!(site.ingest().code, 0);
    site.write("app.log", "");
    let said = site.ingest();
    assert_eq!((said.code, site.total()), (0, days(1)), "{}", said.stderr);
    site.write("app.log", day(1));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total(), days(2));
}

#[test]
fn d1_what_has_moved_to_another_name_is_found_whichever_file_is_read_first() {
    for number in 0..6 {
        let site = Site::new();
        site.write("app.log", lines(0, 100));
        assert_eq!(site.ingest().code, 0);
        // Within one slot, times tell nothing; where the old lines are does.
        let packed = if number % 2 == 0 {
            "app.log.1.gz"
        } else {
            "aaa.log.gz"
        };
        gzip(&site, "app.log", packed);
        site.write("app.log", lines(100, 50));
        let said = site.ingest();
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(site.total(), (bytes(0, 150), 150));
    }
}

#[test]
fn d1_what_is_kept_is_named_where_it_is_told_of() {
    let site = Site::new();
    site.write("app.log", day(0));
    assert_eq!(site.ingest().code, 0);
    site.write("app.log", day(1));
    assert_eq!(site.ingest().code, 0);
    site.write("other.log", lines(0, 300));
    let said = site.ingest();
    assert_eq!(refused(&said), "\"within\"");
    assert!(
        said.stderr.contains("app.log, which was counted"),
        "{}",
        said.stderr
    );
    let parts = site.explain("v0.example.cn").json;
    assert!(!parts.to_string().contains("\"names\":[]"), "{parts}");
}

fn refused(said: &Said) -> String {
    said.json["files"]["refused"][0]["code"].to_string()
}

#[test]
fn d1_what_times_do_not_tell_is_refused_with_both_choices() {
    let rotated = lines(300, 900);
    let overlapping = lines(0, 700).replace(" /a/", " /b/");
    for (names, total) in [
        ("deliveries", (bytes(0, 700), 700)),
        ("rotation", (bytes(0, 700) + bytes(300, 900), 1_600)),
    ] {
        let site = Site::new();
        site.write("app.log", &rotated);
        assert_eq!(site.ingest().code, 0);
        site.write("app.log", &overlapping);
        let said = site.ingest();
        assert_eq!((said.code, refused(&said)), (1, "\"next-or-newer\"".into()));
        let words = "(2026-10-02T16:05:00Z to 2026-10-02T16:20:00Z, now 2026-10-02T16:00:00Z to \
                     2026-10-02T16:15:00Z) do not tell";
        assert!(said.stderr.contains(words), "{}", said.stderr);
        assert!(
            said.stderr.contains("--names deliveries"),
            "{}",
            said.stderr
        );
        assert_eq!(site.total(), (bytes(300, 900), 900));
        let said = site.ingest_with(&["--names", names]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert_eq!(site.total(), total, "{names}");
    }
}

#[test]
fn d1_a_known_version_that_is_moved_over_an_old_one_is_refused_with_both_choices() {
    for is_there_before in [true, false] {
        let site = Site::new();
        site.write("a.log", lines(0, 900));
        assert_eq!(site.ingest().code, 0);
        let newer = lines(0, 910).replace(" /a/", " /b/");
        site.write("a.log.new", newer.clone());
        if is_there_before {
            assert_eq!(site.ingest().code, 0);
        }
        let names = |names: &str| site.ingest_with(&["--names", names]);
        rename(&site, "a.log.new", "a.log");
        if !is_there_before {
            site.write("0.log", newer);
        }
        let said = site.ingest();
        // What was fetched again counts once where it was read under its own name first.
        match site.total() {
            total if total == (bytes(0, 910), 910) => assert!(!is_there_before),
            total => {
                assert_eq!(total, (bytes(0, 900) + bytes(0, 910), 1_810));
                assert_eq!(said.code, 1, "{}", said.stderr);
                assert!(
                    said.stderr.contains("--names deliveries"),
                    "{}",
                    said.stderr
                );
                assert_eq!(names("rotation").code, 0);
                assert_eq!(site.total(), (bytes(0, 900) + bytes(0, 910), 1_810));
                continue;
            }
        }
        assert_eq!(names("deliveries").code, 0);
        assert_eq!(site.total(), (bytes(0, 910), 910));
    }
    let site = Site::new();
    site.write("a.log", lines(0, 900));
    assert_eq!(site.ingest().code, 0);
    site.write("a.log.new", lines(0, 910).replace(" /a/", " /b/"));
    assert_eq!(site.ingest().code, 0);
    rename(&site, "a.log.new", "a.log");
    assert_eq!(site.ingest().code, 1);
    assert_eq!(site.ingest_with(&["--names", "deliveries"]).code, 0);
    assert_eq!(site.total(), (bytes(0, 910), 910));
}

#[test]
fn d1_a_version_that_is_fetched_again_counts_once_whichever_name_it_comes_by() {
    let site = Site::new();
    site.write("2026100300.log", lines(0, 900));
    assert_eq!(site.ingest().code, 0);
    let newer = |version: &str| lines(0, 910).replace(" /a/", version);
    site.write("2026100300.log", newer(" /b/"));
    assert_eq!(site.ingest().json["files"]["changes"]["replaced"], 1);
    assert_eq!(site.total(), (bytes(0, 910), 910));
    // It is moved away, and another log takes its name: both count.
    rename(&site, "2026100300.log", "old.log");
    site.write("2026100300.log", lines(5_000, 700));
    assert_eq!(site.ingest().code, 0);
    assert_eq!(site.total(), (bytes(0, 910) + bytes(5_000, 700), 1_610));
    // Under its new name it is still one delivery.
    site.write("old.log", newer(" /c/"));
    assert_eq!(site.ingest().json["files"]["changes"]["replaced"], 1);
    assert_eq!(site.total(), (bytes(0, 910) + bytes(5_000, 700), 1_610));
}
