//! What is said, and that every report says it: names that can be given back, one line per reason.

use crate::program::{Place, Said, expect};

const LINE: &str = "20261001081502 203.0.113.9 v.example.cn /a/1.ts 1000 22 2 206 NULL 41\n";
const COMBINED: &str =
    "203.0.113.9 - - [01/Oct/2026:08:15:02 +0800] \"GET / HTTP/1.1\" 200 77 \"-\" \"x\"\n";

fn json(said: &Said) -> serde_json::Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("no JSON: {}", said.stdout))
}

#[test]
fn a13_names_of_log_formats_are_names_of_formats() {
    let place = Place::new();
    place.write("logs/a.log", COMBINED.repeat(3));
    for format in [&["--format", "combined"][..], &["--log-format", "combined"]] {
        let terms = [&["logs", "--domain", "www.example.com"], format].concat();
        let said = place.run(&terms);
        expect(&said, 0, &[]);
        assert!(said.stdout.contains("www.example.com"), "{}", said.stdout);
    }
    // What a refusal calls a format is what --format takes.
    place.write("logs/a.log", COMBINED.to_owned() + &LINE.repeat(2));
    let said = place.run(&["logs"]);
    expect(&said, 1, &["tencent-cdn 2", "combined 1"]);
    assert!(!said.stderr.contains("nginx ("), "{}", said.stderr);
    let said = place.run(&["logs", "--format", "vhost_nonsense"]);
    expect(&said, 2, &["no format `vhost_nonsense`"]);
    let both = ["logs", "--format", "combined", "--log-format", "%h %t %O"];
    expect(
        &place.run(&both),
        2,
        &["--log-format goes with --format nginx"],
    );
}

#[test]
fn a13_names_of_formats_are_no_log_formats() {
    let place = Place::new();
    place.write("logs/a.log", LINE.repeat(3));
    for name in ["cloudflare", "tencent-cdn", "nginx"] {
        let said = place.run(&["logs", "--log-format", name]);
        let advice = format!("give it with --format {name}");
        expect(&said, 2, &["is the name of a format", &advice]);
    }
    let both = ["logs", "--format", "nginx", "--log-format", "cloudflare"];
    expect(&place.run(&both), 2, &["give it with --format cloudflare"]);
    let said = place.run(&["logs", "--log-format", "combinedio"]);
    expect(&said, 2, &["`combinedio` has no variable", "formats"]);
}

#[test]
fn a13_columns_without_a_host_ask_for_a_domain() {
    let place = Place::new();
    let header = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes sc-status\n";
    let row = "2026-10-03\t08:00:00\tHKG1\t5\t200\n";
    place.write("logs/a.log", header.to_owned() + &row.repeat(5));
    expect(
        &place.run(&["logs"]),
        1,
        &["names no domain", "--domain NAME"],
    );
    expect(&place.run(&["logs", "--domain", "www.example.com"]), 0, &[]);
}

#[test]
fn a13_refusals_of_one_reason_are_one_line() {
    let place = Place::new();
    place.write("logs/good.log", LINE.repeat(3));
    for number in 10..45 {
        place.write(
            &format!("logs/{number}.log"),
            "what is this?\n".repeat(number),
        );
    }
    place.write("logs/z.log", COMBINED.repeat(3));
    let said = place.run(&["logs", "--json"]);
    expect(
        &said,
        1,
        &[
            "refused 35 files, logs/10.log is the first: no known format",
            "refused logs/z.log: its",
        ],
    );
    assert_eq!(said.stderr.matches("refused").count(), 2, "{}", said.stderr);
    let refused = json(&said)["files"]["refused"].clone();
    assert_eq!(refused.as_array().expect("a list").len(), 36);
}

#[test]
fn a13_the_quarantine_is_named_where_there_is_one_and_not_where_there_is_none() {
    let place = Place::new();
    place.write("logs/a.log", LINE.repeat(3) + "garbage\ngarbage\n");
    let said = place.run(&["logs"]);
    let path = place.out().join("quarantine.ndjson").display().to_string();
    expect(&said, 1, &["nothing was published", &path]);
    place.write("logs/a.log", "what is this?\n".repeat(5));
    let said = place.run(&["logs"]);
    assert!(!said.stderr.contains("quarantine"), "{}", said.stderr);
}

#[test]
fn a13_json_is_printed_where_all_is_refused_and_has_rows_per_domain() {
    let place = Place::new();
    place.write("logs/a.log", "what is this?\n".repeat(5));
    let said = place.run(&["logs", "--json"]);
    expect(&said, 1, &["nothing was published"]);
    let report = json(&said);
    assert_eq!(report["files"]["refused"][0]["name"], "logs/a.log");
    assert_eq!(report["usage"]["bytes"], 0);
    assert_eq!(report["summary"], serde_json::json!([]));

    let other = LINE.replace("v.example.cn", "w.example.cn");
    place.write("logs/a.log", LINE.repeat(3) + &other);
    let report = json(&place.run(&["logs", "--json"]));
    let rows = report["summary"].as_array().expect("a list");
    let of = |row: &serde_json::Value| (row["domain"].clone(), row["bytes"].clone());
    let expected = [
        ("v.example.cn".into(), 3_000.into()),
        ("w.example.cn".into(), 1_000.into()),
    ];
    assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), expected);
    let row = &rows[0];
    assert_eq!(
        (
            &row["month"],
            &row["class"],
            &row["region"],
            &row["gigabytes"]
        ),
        (
            &"2026-10".into(),
            &"unknown".into(),
            &"mainland".into(),
            &"0.000003000".into()
        )
    );
}

#[test]
fn a13_refusals_of_one_kind_for_other_reasons_are_lines_of_their_own() {
    let place = Place::new();
    let vhost = format!("v.example.cn:80 {COMBINED}");
    let row = "{\"ClientRequestHost\":\"v.example.cn\",\"EdgeStartTimestamp\":1791165600,\
         \"EdgeResponseBytes\":5,\"ClientRequestSource\":\"eyeball\"}\n";
    let columns = "#Version: 1.0\n#Fields: date time x-host-header sc-bytes sc-status\n\
         2026-10-03\t08:00:00\tv.example.cn\t5\t200\n";
    place.write("logs/cloudflare.log", row.repeat(3));
    place.write("logs/cloudfront.log", columns);
    place.write("logs/tencent.log", LINE.repeat(3));
    place.write("logs/tencent-2.log", LINE.repeat(4));
    place.write("logs/vhost.log", vhost.repeat(3));
    let domain = ["--domain", "a.example.cn"];
    let said = place.run(&[&["logs", "--log-format", "combined"][..], &domain].concat());
    expect(
        &said,
        1,
        &[
            "--format cloudflare",
            "--format tencent-cdn",
            "--format vhost_combined",
            "refused logs/cloudfront.log",
            "refused 2 files, logs/tencent-2.log is the first",
        ],
    );
    assert_eq!(
        said.stderr.matches("refused ").count(),
        4,
        "{}",
        said.stderr
    );
}

#[test]
fn a13_files_that_lack_their_bytes_are_told_what_each_has_instead() {
    let place = Place::new();
    for (name, member) in [("a", "CacheResponseBytes"), ("b", "edgeResponseBytes")] {
        let row = format!(
            "{{\"ClientRequestHost\":\"v.example.cn\",\"EdgeStartTimestamp\":1791165600,\
             \"{member}\":5,\"ClientRequestSource\":\"eyeball\"}}\n"
        );
        place.write(&format!("logs/{name}.log"), row.repeat(3));
    }
    let words = [
        "they have CacheResponseBytes",
        "they have edgeResponseBytes",
    ];
    expect(&place.run(&["logs"]), 1, &words);
}

#[test]
fn a13_a_domain_that_is_none_is_told_as_what_it_is() {
    let place = Place::new();
    place.write("logs/a.log", COMBINED.repeat(3));
    for (name, problem) in [
        ("", "the name is empty"),
        (" ", "the name is empty"),
        ("-", "`-` is no host name"),
        ("a b", "`a b` is no host name"),
    ] {
        let said = place.run(&["logs", "--domain", name]);
        expect(
            &said,
            2,
            &["--domain: ", problem, "--domain www.example.com"],
        );
    }
}
