//! Files with rejected lines: which are refused, and what is said of them.

use crate::program::{Place, expect};

const LINE: &str = "20261001081502 203.0.113.9 v.example.cn /a/1.ts 1000 22 2 206 NULL 41\n";
const COMMON: &str =
    "203.0.113.9 - - [01/Oct/2026:08:15:02 +0800] \"GET / HTTP/1.1\" 200 77 \"-\" \"x\"\n";

#[test]
fn a8_headers_do_not_hide_rejected_rows() {
    let place = Place::new();
    let mut text = "#Version: 1.0\n".repeat(403);
    text += "#Fields: date time x-edge-location sc-bytes sc-status x-host-header\n";
    text += &"2026-10-32\t08:00:00\tHKG1\t5\t200\twww.example.com\n".repeat(4);
    place.write("logs/a.log", text);
    expect(
        &place.run(&["logs"]),
        1,
        &["4 of its 4 lines", "none was metered"],
    );
    // 3 of 10 rows is much, however many headers there are.
    let rows = "2026-10-03\t08:00:00\tHKG1\t5\t200\twww.example.com\n".repeat(7);
    let text = std::fs::read_to_string(place.path().join("logs/a.log")).expect("read");
    let text = text.rsplit_once("2026-10-32").expect("a row").0.to_owned();
    place.write("logs/a.log", text + &rows);
    expect(&place.run(&["logs"]), 1, &["3 of its 10 lines"]);
}

#[test]
fn a8_a_small_file_survives_one_bad_line() {
    let place = Place::new();
    place.write("logs/a.log", LINE.repeat(9) + "garbage\n");
    expect(&place.run(&["logs"]), 0, &["quarantine.ndjson"]);
    expect(
        &place.run(&["logs", "--max-reject-ratio", "0"]),
        1,
        &["1 of its 10 lines"],
    );
    place.write("logs/a.log", LINE.repeat(8) + "garbage\ngarbage\n");
    expect(&place.run(&["logs"]), 1, &["2 of its 10 lines"]);
}

#[test]
fn a8_a_file_that_would_count_as_empty_is_refused_at_any_ratio() {
    let place = Place::new();
    place.write("logs/a.log", LINE.repeat(3));
    let said = place.run(&["logs", "--format", "cloudflare", "--max-reject-ratio", "1"]);
    expect(&said, 1, &["3 of its 3 lines", "none was metered"]);
    assert!(
        !said.stderr.contains("--max-reject-ratio"),
        "{}",
        said.stderr
    );
}

#[test]
fn a12_a_refusal_names_line_reason_and_the_likely_format_and_advises_no_loss() {
    let place = Place::new();
    place.write("logs/a.log", COMMON.to_owned() + &LINE.repeat(30));
    let terms = ["logs", "--format", "nginx", "--domain", "www.example.com"];
    let said = place.run(&terms);
    expect(
        &said,
        1,
        &[
            "30 of its 31 lines",
            "read as combined",
            "line 2",
            "`20261001081502 203.0.113.9",
            "tencent-cdn",
            "--format tencent-cdn",
        ],
    );
    assert!(
        !said.stderr.contains("--max-reject-ratio"),
        "{}",
        said.stderr
    );
    // Where few lines are bad, the ratio is the user's to raise.
    place.write(
        "logs/a.log",
        LINE.repeat(30) + &LINE.replace(" 1000 ", " x ").repeat(3),
    );
    let said = place.run(&["logs"]);
    expect(
        &said,
        1,
        &["line 31", "bytes are no number", "--max-reject-ratio"],
    );
}

#[test]
fn a12_lines_without_a_host_are_told_what_gives_them_one() {
    let place = Place::new();
    place.write("logs/a.log", LINE.replace("v.example.cn", "-").repeat(3));
    expect(
        &place.run(&["logs"]),
        1,
        &["names no host", "--domain NAME"],
    );
}
