//! Rejected lines that are read again after a fix: they count from then on, once, and it is said.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use cdn_meter::disk::FAILPOINTS;
use cdn_meter::store::reseal;
use rusqlite::Connection;
use serde_json::Value;

use crate::program::{Said, Site, bytes, lines};

/// Ingests all logs however many lines are rejected, with `more` arguments.
fn ingest(site: &Site, more: &[&str]) -> Said {
    let mut command = site.command("ingest");
    command
        .args(["--json", "--max-reject-ratio", "1"])
        .args(more);
    command.arg(site.path("logs"));
    let said = Site::run(&mut command);
    assert_eq!(said.code, 0, "{}", said.stderr);
    said
}

/// Retries with `more` arguments and no logs.
fn retry(site: &Site, more: &[&str]) -> Value {
    let mut command = site.command("ingest");
    command.args(["--json", "--retry-quarantine"]).args(more);
    let said = Site::run(&mut command);
    assert_eq!(said.code, 0, "{}", said.stderr);
    said.json["retried"].clone()
}

/// The lines of [`lines`] with another host.
fn with_host(text: &str, host: &str) -> String {
    let mut text = text.to_owned();
    for domain in ["v0.example.cn", "v1.example.cn", "v2.example.cn"] {
        text = text.replace(domain, host);
    }
    text
}

/// What a question to the ledger answers, one text per row.
fn ask(site: &Site, sql: &str) -> Vec<String> {
    let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let mut statement = ledger.prepare(sql).expect("a question");
    let rows = statement.query_map([], |row| row.get(0)).expect("answers");
    rows.collect::<Result<_, _>>().expect("rows")
}

/// All lines in quarantine.
fn quarantine(site: &Site) -> Vec<Value> {
    let folder = fs::read_dir(site.path("store/quarantine")).expect("listed");
    let texts = folder.map(|file| fs::read_to_string(file.expect("listed").path()).expect("read"));
    let texts: Vec<String> = texts.collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn lines_without_a_host_count_once_their_domain_is_known() {
    let site = Site::new();
    site.write(
        "a.log",
        lines(0, 40) + &with_host(&lines(40, 10), "-") + "no line\n",
    );
    site.write("b.log", lines(90, 1) + &with_host(&lines(50, 5), "-"));
    ingest(&site, &[]);
    let known = bytes(90, 1);
    assert_eq!(site.total(), (bytes(0, 40) + known, 41));

    let retried = retry(&site, &["--domain", "own.example.cn"]);
    let expected = serde_json::json!({
        "contents": 2, "metered": 15, "bytes": bytes(40, 15), "skipped": 0,
        "rejected": 1, "not_tried": 0, "not_kept": 0,
    });
    assert_eq!(retried, expected);
    assert_eq!(site.total(), (bytes(0, 55) + known, 56));
    let explained = site.explain("own.example.cn").json;
    assert_eq!(explained["bytes"], bytes(40, 15));
    assert_eq!(explained["parts"].as_array().expect("parts").len(), 2);
    let left = quarantine(&site);
    assert_eq!(left.len(), 1);
    assert_eq!(
        (&left[0]["raw"], &left[0]["line"]),
        (&"no line".into(), &51.into())
    );
    assert_eq!(
        ask(&site, "SELECT change FROM history ORDER BY rowid"),
        ["new", "new", "retried", "retried"]
    );
    let fates = "SELECT concat_ws(' ', lines, metered, skipped, rejected, counts) FROM content
        WHERE lines = 51";
    let fates = ask(&site, fates);
    assert!(fates[0].starts_with("51 50 0 1 "), "{fates:?}");
    assert!(fates[0].contains(r#""rejected":{"fields":1}"#), "{fates:?}");
}

#[test]
fn a_second_retry_changes_nothing() {
    let site = Site::new();
    site.write(
        "a.log",
        lines(0, 40) + &with_host(&lines(40, 10), "-") + "no line\n",
    );
    ingest(&site, &[]);
    let before = site.kept();
    let retried = retry(&site, &[]);
    assert_eq!(
        (&retried["metered"], &retried["rejected"]),
        (&0.into(), &11.into())
    );
    assert_eq!(
        site.kept(),
        before,
        "nothing is known that was not known before"
    );
    retry(&site, &["--domain", "own.example.cn"]);
    let before = site.kept();
    let retried = retry(&site, &["--domain", "own.example.cn"]);
    assert_eq!(
        (&retried["contents"], &retried["rejected"]),
        (&0.into(), &1.into())
    );
    assert_eq!(site.kept(), before);
    // The file itself is as it was.
    let said = ingest(&site, &["--domain", "own.example.cn", "--retry-quarantine"]);
    assert_eq!(said.json["files"]["changes"]["unchanged"], 1);
    assert_eq!(said.json["retried"]["contents"], 0);
    assert_eq!(site.total(), (bytes(0, 50), 50));
}

#[test]
fn rows_of_files_with_headers_are_read_by_the_columns_that_were_theirs() {
    let site = Site::new();
    let rows = |from: u64, order: &dyn Fn(u64, u64) -> String| -> String {
        (from..from + 3).map(|n| order(n, 1_000 + n)).collect()
    };
    let text =
        "#Version: 1.0\n#Fields: date time sc-bytes cs(Host) x-host-header cs-uri-stem sc-status\n"
            .to_owned()
            + &rows(0, &|n, bytes| {
                format!("2026-10-03\t08:00:0{n}\t{bytes}\td.cloudfront.net\t-\t/{n}\t200\n")
            })
            + "#Fields: x-edge-location sc-status x-host-header time date sc-bytes\n"
            + &rows(3, &|n, bytes| {
                format!("HKG1\t200\t-\t08:00:0{n}\t2026-10-03\t{bytes}\n")
            })
            + "HKG1\t200\tcdn.example.cn\t08:00:09\t2026-10-03\t1006\n";
    site.write("cloudfront.log", text);
    ingest(&site, &[]);
    assert_eq!(site.total(), (1_006, 1));
    assert_eq!(
        quarantine(&site)[5]["layout"],
        "#Fields: - sc-status x-host-header time date sc-bytes"
    );
    let retried = retry(&site, &["--domain", "own.example.cn"]);
    assert_eq!(retried["metered"], 6, "{retried}");
    assert_eq!(site.total(), (bytes(0, 7), 7));
    assert!(quarantine(&site).is_empty());
}

/// Lines of the preset `vhost_common`, and of `common` where there is no host.
fn common(host: &str, from: u64, count: u64) -> String {
    let line = |n: u64| {
        format!(
            "{host}203.0.113.9 - - [03/Oct/2026:08:00:{:02} +0800] \"GET /{n} HTTP/1.1\" 200 {}\n",
            n % 60,
            1_000 + n
        )
    };
    (from..from + count).map(line).collect()
}

#[test]
fn a_template_is_kept_and_another_one_can_be_named() {
    let site = Site::new();
    site.write(
        "access.log",
        common("", 0, 20) + &common("cdn.example.cn ", 20, 5),
    );
    let body = r#"%h %l %u %t "%r" %>s %b"#;
    ingest(&site, &["--log-format", body, "--domain", "own.example.cn"]);
    assert_eq!(site.total(), (bytes(0, 20), 20));
    let layout = quarantine(&site)[0]["layout"].clone();
    assert_eq!(layout, body);
    // As they were, by another format, and by a template that meters another field.
    assert_eq!(retry(&site, &[])["rejected"], 5);
    assert_eq!(retry(&site, &["--format", "tencent-cdn"])["not_tried"], 5);
    let total = r#"%v %h %l %u %t "%r" %>s %O"#;
    assert_eq!(retry(&site, &["--log-format", total])["not_tried"], 5);
    assert_eq!(site.total(), (bytes(0, 20), 20));

    assert_eq!(
        retry(&site, &["--log-format", "vhost_common"])["metered"],
        5
    );
    assert_eq!(site.total(), (bytes(0, 25), 25));
    assert_eq!(site.explain("cdn.example.cn").json["bytes"], bytes(20, 5));
}

#[test]
fn lines_that_are_no_text_are_read_to_the_byte() {
    let site = Site::new();
    let mut text = with_host(&lines(0, 1), "-").into_bytes();
    let at = text.iter().position(|byte| *byte == b'a').expect("a path");
    text[at] = 0xff;
    text.extend(lines(1, 1).into_bytes());
    site.write("a.log", text);
    ingest(&site, &[]);
    assert_eq!(retry(&site, &["--domain", "own.example.cn"])["metered"], 1);
    assert_eq!(site.total(), (bytes(0, 2), 2));
}

#[test]
fn lines_that_were_not_kept_are_told() {
    let site = Site::new();
    // 40 MB of rejected lines, of which 32 MiB are kept; and one over the limit of a line.
    let long = |n: u64, len: usize| with_host(&lines(n, 1), "-").replace("/a/", &"x".repeat(len));
    let mut text = lines(0, 50);
    (50..90).for_each(|n| text += &long(n, 1_000_000));
    text += &long(90, 1_100_000);
    site.write("a.log", text);
    ingest(&site, &[]);
    let retried = retry(&site, &["--domain", "own.example.cn"]);
    assert_eq!(
        (&retried["metered"], &retried["not_kept"]),
        (&33.into(), &8.into())
    );
    let total = site.total();
    assert_eq!(total.1, 83);
    assert_eq!(retry(&site, &["--domain", "own.example.cn"])["not_kept"], 8);
    assert_eq!(site.total(), total);
}

#[test]
fn what_was_retried_goes_on_as_any_other_content() {
    let site = Site::new();
    let cut = with_host(&lines(20, 5), "-");
    site.write("a.log", lines(0, 20) + &cut);
    ingest(&site, &[]);
    retry(&site, &["--domain", "own.example.cn"]);
    // It grows, is compacted, and is replaced.
    site.write("a.log", lines(0, 20) + &cut + &lines(25, 5));
    assert_eq!(site.ingest().json["files"]["changes"]["grown"], 1);
    assert_eq!(site.total(), (bytes(0, 30), 30));
    assert_eq!(Site::run(&mut site.command("compact")).code, 0);
    assert_eq!(site.total(), (bytes(0, 30), 30));
    site.write("a.log", lines(0, 3).replace(" /a/", " /b/"));
    assert_eq!(
        site.ingest_deliveries().json["files"]["changes"]["replaced"],
        1
    );
    assert_eq!(site.total(), (bytes(0, 3), 3));
    assert_eq!(retry(&site, &["--domain", "own.example.cn"])["rejected"], 0);
}

#[test]
fn what_is_retried_for_a_closed_month_adjusts_it() {
    let site = Site::new();
    site.write("a.log", lines(0, 20) + &with_host(&lines(20, 5), "-"));
    ingest(&site, &[]);
    let said = site.with_registry("close", &["--month", "2026-10"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    retry(&site, &["--domain", "own.example.cn"]);
    let out = site.path("out").display().to_string();
    let said = site.with_registry("summary", &["--out", &out]);
    let closed = &said.json["closed"][0];
    assert_eq!(closed["adjusted_bytes"], bytes(20, 5), "{}", said.stderr);
}

#[test]
fn rejects_that_do_not_add_up_are_found() {
    let site = Site::new();
    site.write("a.log", lines(90, 1) + &with_host(&lines(0, 3), "-"));
    ingest(&site, &[]);
    assert_eq!(site.verify().code, 0);
    let ledger = Connection::open(site.path("store/ledger.sqlite")).expect("opened");
    let alter = |sql: &str| {
        ledger.execute_batch(sql).expect("altered");
        reseal(&site.path("store")).expect("sealed");
        let said = site.verify();
        assert_eq!(said.code, 3, "{sql}");
        said.json["findings"].to_string()
    };
    let found = alter("UPDATE content SET counts = replace(counts, 'no-host\":3', 'no-host\":2')");
    assert!(
        found.contains("3 lines were rejected, 2 by reason"),
        "{found}"
    );
    let found = alter(
        "UPDATE content SET counts = replace(counts, 'no-host\":2', 'no-host\":1'), rejected = 1,
            skipped = 2",
    );
    assert!(found.contains("3 rejected lines are kept"), "{found}");
}

#[test]
fn a_retry_of_nothing_makes_no_store() {
    let site = Site::new();
    let mut command = site.command("ingest");
    command.arg("--retry-quarantine");
    let said = Site::run(&mut command);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("is no store"), "{}", said.stderr);
    assert!(!Path::new(&site.path("store")).exists());
}

#[test]
fn a_kill_while_retrying_loses_and_doubles_nothing() {
    let mut kills = 0;
    for place in FAILPOINTS {
        for visit in 1.. {
            let site = Site::new();
            site.write(
                "a.log",
                lines(0, 20) + &with_host(&lines(20, 5), "-") + "no line\n",
            );
            site.write("b.log", lines(90, 1) + &with_host(&lines(25, 5), "-"));
            ingest(&site, &[]);
            let mut command = site.command("ingest");
            command.args(["--retry-quarantine", "--domain", "own.example.cn"]);
            command.env("CDN_METER_KILL_AT", format!("{place}:{visit}"));
            let status = command.output().expect("started").status;
            if status.signal().is_none() {
                break;
            }
            kills += 1;
            // Not verified: files may be there that no commit names.
            let usage = site.summary().json["usage"].clone();
            let count = |name: &str| usage[name].as_u64().expect("a count");
            let total = (count("bytes") - bytes(90, 1), count("requests") - 1);
            assert!(
                [(bytes(0, 20), 20), (bytes(0, 30), 30)].contains(&total),
                "killed at {place}:{visit}: all of it counts or nothing, and not {total:?}"
            );
            retry(&site, &["--domain", "own.example.cn"]);
            assert_eq!(
                site.total(),
                (bytes(0, 30) + bytes(90, 1), 31),
                "killed at {place}:{visit}"
            );
            assert_eq!(quarantine(&site).len(), 1, "killed at {place}:{visit}");
        }
    }
    assert!(FAILPOINTS.len() - 1 <= kills, "{kills} kills");
}
