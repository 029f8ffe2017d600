//! Whatever goes wrong: one clear message, the right exit code, no half-published dataset.

use std::io::Write;
use std::process::Stdio;

use crate::program::{Place, Said, expect, root};
use flate2::Compression;
use flate2::write::GzEncoder;

const LINE: &str = "20261001081502 203.0.113.9 v.example.cn /a/1.ts 1000 22 2 206 NULL 41\n";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("encoded");
    encoder.finish().expect("encoded")
}

#[test]
fn a_cut_archive_counts_nothing_and_the_rest_is_published() {
    let place = Place::new();
    let whole = gzip(LINE.repeat(500).as_bytes());
    place.write("logs/cut.gz", &whole[..whole.len() - 9]);
    place.write("logs/whole.gz", &whole);
    let said = place.run(&["logs", "--json"]);
    expect(&said, 1, &["refused logs/cut.gz", "fetch the file again"]);
    let report: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(report["usage"]["bytes"], 500_000);
    assert_eq!(report["files"]["refused"][0]["code"], "unreadable");
    assert_eq!(place.published(), ["summary", "usage_5min"]);
}

#[test]
fn nothing_is_published_where_no_file_counts() {
    let place = Place::new();
    place.write("logs/noise.log", "what is this?\n".repeat(50));
    expect(
        &place.run(&["logs"]),
        1,
        &[
            "refused logs/noise.log",
            "--format",
            "nothing was published",
        ],
    );
    assert_eq!(place.published(), [""; 0]);
}

#[test]
fn what_is_missing_is_said_before_anything_is_read() {
    let place = Place::new();
    place.write("logs/a.log", LINE);
    expect(
        &place.run(&["nowhere"]),
        2,
        &["cannot look at the input nowhere"],
    );
    expect(
        &place.run(&["logs", "--registry", "no.toml"]),
        2,
        &["cannot read the registry no.toml"],
    );
    expect(
        &place.run(&["logs", "--format", "nonsense"]),
        2,
        &["no format `nonsense`"],
    );
    expect(
        &place.run(&["logs", "--log-format", "%h %t"]),
        2,
        &["no downstream bytes"],
    );
    expect(&place.run(&["logs", "--domain", "a b"]), 2, &["--domain"]);
    expect(
        &place.run(&["logs", "--billing-zone", "+08:01"]),
        2,
        &["billing zone"],
    );
    expect(
        &place.run(&["logs", "--overhead-factor", "0"]),
        2,
        &["a factor is"],
    );
    expect(
        &place.run(&["logs", "--max-reject-ratio", "2"]),
        2,
        &["--max-reject-ratio"],
    );
    std::fs::create_dir(place.path().join("empty")).expect("made");
    expect(&place.run(&["empty"]), 2, &["no files"]);
    assert_eq!(place.published(), [""; 0]);
}

#[test]
fn a_registry_that_contradicts_itself_is_refused_with_its_line() {
    let place = Place::new();
    place.write("logs/a.log", LINE);
    let entry = "[[domain]]\nname = \"v.example.cn\"\naccount = ";
    place.write("registry.toml", format!("{entry}\"1\"\n{entry}\"2\"\n"));
    let said = place.run(&["logs", "--registry", "registry.toml"]);
    expect(&said, 2, &["registry.toml:4", "v.example.cn", "line 1"]);
    assert_eq!(place.published(), [""; 0]);
}

#[test]
fn too_many_rejects_refuse_the_file_and_the_limit_is_the_users() {
    let place = Place::new();
    let mut text = LINE.repeat(98);
    text.push_str("garbage\ngarbage\n");
    place.write("logs/a.log", &text);
    expect(
        &place.run(&["logs"]),
        1,
        &["2 of its 100 lines were rejected", "--max-reject-ratio"],
    );
    assert_eq!(place.published(), ["quarantine.ndjson"]);
    expect(
        &place.run(&["logs", "--max-reject-ratio", "0.02"]),
        0,
        &["quarantine.ndjson"],
    );
    assert_eq!(
        place.published(),
        ["quarantine.ndjson", "summary", "usage_5min"]
    );
    place.write("logs/a.log", LINE);
    expect(&place.run(&["logs"]), 0, &[]);
    assert_eq!(
        place.published(),
        ["summary", "usage_5min"],
        "no stale quarantine stays"
    );
}

#[test]
fn a_format_without_hosts_needs_a_domain() {
    let place = Place::new();
    let line = r#"203.0.113.9 - - [01/Oct/2026:08:15:02 +0800] "GET / HTTP/1.1" 200 77 "-" "x""#;
    place.write("logs/a.log", format!("{line}\n").repeat(3));
    expect(&place.run(&["logs"]), 1, &["names no domain", "--domain"]);
    let said = place.run(&["logs", "--domain", "www.example.com"]);
    expect(&said, 0, &[]);
    assert!(said.stdout.contains("www.example.com"), "{}", said.stdout);
    let template =
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#;
    let said = place.run(&[
        "logs",
        "--log-format",
        template,
        "--domain",
        "www.example.com",
    ]);
    expect(&said, 1, &["2 of its"].map(|_| "rejected"));
}

#[test]
fn a_folder_of_somebody_else_is_not_replaced() {
    let place = Place::new();
    place.write("logs/a.log", LINE);
    place.write("out/summary/thesis.txt", "precious");
    expect(&place.run(&["logs"]), 2, &["in the way"]);
    assert!(place.out().join("summary/thesis.txt").is_file());
}

#[test]
fn d8_an_output_that_is_no_folder_is_refused() {
    let place = Place::new();
    place.write("logs/a.log", LINE);
    place.write("out", "a file is in the place of the folder");
    expect(
        &place.run(&["logs"]),
        2,
        &["is no folder", "nothing was done"],
    );
}

#[test]
fn unknown_domains_need_attention_only_when_asked() {
    let place = Place::new();
    place.write("logs/a.log", LINE);
    expect(&place.run(&["logs"]), 0, &[]);
    expect(
        &place.run(&["logs", "--strict"]),
        1,
        &["registry does not know"],
    );
}

#[test]
fn standard_input_is_a_source_and_gives_the_same() {
    let place = Place::new();
    let path = place.write("logs/a.log.gz", gzip(LINE.repeat(300).as_bytes()));
    let from_file = place.run(&["logs", "--json"]);
    let stdin = std::fs::File::open(path).expect("opened");
    let from_stdin = place.run_with(&["-", "--json"], Stdio::from(stdin));
    expect(&from_stdin, 0, &[]);
    let usage = |said: &Said| {
        let report: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
        report["usage"].clone()
    };
    assert_eq!(usage(&from_file), usage(&from_stdin));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let logs = root().join("samples/logs");
    let place = Place::new();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_cdn-meter"))
        .args(["run", &logs.display().to_string(), "--out"])
        .arg(place.out())
        .current_dir(place.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ended").code(), Some(0));
    assert!(
        place.published().contains(&"summary".to_owned()),
        "it was published before it was shown"
    );
}

#[test]
fn factors_have_columns_of_their_own_and_leave_bytes_alone() {
    let place = Place::new();
    place.write("logs/a.log", LINE);
    let said = place.run(&[
        "logs",
        "--json",
        "--overhead-factor",
        "1.10",
        "--sampling-factor",
        "2",
    ]);
    let report: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(report["usage"]["bytes"], 1_000);
}

#[test]
fn the_memory_limit_ends_the_run_with_what_to_do() {
    let place = Place::new();
    let mut text = String::new();
    // More distinct cells than fit: every line is its own domain.
    for number in 0..40_000 {
        text.push_str(&format!(
            "20261001081502 203.0.113.9 d{number}.example.cn /a 1 22 2 206\n"
        ));
    }
    place.write("logs/a.log", text);
    expect(
        &place.run(&["logs", "--memory-limit", "1MB"]),
        2,
        &["--memory-limit"],
    );
    assert_eq!(place.published(), [""; 0]);
    expect(&place.run(&["logs", "--memory-limit", "100MB"]), 0, &[]);
}

#[test]
fn a13_a_link_that_leads_nowhere_is_told_and_the_others_count() {
    let place = Place::new();
    place.write("logs/a.log", LINE.repeat(3));
    let link = place.path().join("logs/gone.log");
    std::os::unix::fs::symlink("nowhere.log", link).expect("linked");
    let said = place.run(&["logs", "--json"]);
    expect(
        &said,
        1,
        &["refused logs/gone.log: cannot open it", "No such file"],
    );
    let report: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(report["usage"]["bytes"], 3_000);
    assert_eq!(report["files"]["refused"][0]["code"], "unreadable");
}
