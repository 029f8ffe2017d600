//! What is read as a log, what is refused by name, and what is said of it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::{Place, Said};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("packed");
    encoder.finish().expect("packed")
}

/// Holds that the only file is refused with these words, and nothing is published.
#[track_caller]
fn is_refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 1, "{}\n{}", said.stdout, said.stderr);
    for word in words {
        assert!(said.stderr.contains(word), "`{word}`: {}", said.stderr);
    }
    assert!(said.stderr.contains("nothing was published"));
}

/// The JSON report of a run that counts.
#[track_caller]
fn counted(said: &Said) -> serde_json::Value {
    assert_eq!(said.code, 0, "{}\n{}", said.stdout, said.stderr);
    serde_json::from_str(&said.stdout).expect("JSON")
}

const SESSIONS: &str = "#Version: 1.0\n\
    #Fields: x-event\tdate\ttime\ttz\tc-client-id\tsc-bytes\n\
    connect\t2026-10-05\t10:00:00\tUTC+8\t42\t3000\n\
    stop\t2026-10-05\t10:20:00\tUTC+8\t42\t900000000\n\
    disconnect\t2026-10-05\t10:20:01\tUTC+8\t42\t900003500\n";

#[test]
fn a4_totals_of_streaming_sessions_are_refused_by_their_column() {
    let place = Place::new();
    place.write("logs/sessions.log", SESSIONS);
    let words = ["x-event", "running total", "streaming"];
    is_refused(&place.run(&["logs"]), &words);
    is_refused(&place.run(&["logs", "--format", "cloudfront"]), &words);
    // CloudFront's own RTMP distributions, without the columns that the others have.
    let fields =
        "#Version: 1.0\n#Fields: date time x-edge-location c-ip x-event sc-bytes x-cf-status\n";
    let row = "2010-03-12\t23:51:20\tSEA4\t192.0.2.147\tstop\t914\tOK\n";
    place.write("logs/sessions.log", format!("{fields}{row}"));
    is_refused(&place.run(&["logs"]), &words);
}

#[test]
fn a4_a_clock_of_its_own_is_refused_by_its_column() {
    let place = Place::new();
    let fields = "#Fields: date time tz x-edge-location sc-bytes sc-status x-host-header\n";
    let row = "2026-10-05\t10:00:00\tUTC+8\tSEA4\t3000\t200\tv.example.cn\n";
    place.write("logs/zone.log", format!("{fields}{row}"));
    is_refused(&place.run(&["logs"]), &["column tz", "clock"]);
}

#[test]
fn a4_iis_and_other_w3c_logs_are_told_as_what_they_are() {
    let place = Place::new();
    let iis = "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n\
        #Date: 2026-10-05 00:00:00\n\
        #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip \
        cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken\n\
        2026-10-05 10:00:00 192.0.2.1 GET /a - 443 - 198.51.100.7 x - 200 0 0 5000 300 15\n";
    place.write("logs/u_ex261005.log", iis);
    is_refused(&place.run(&["logs"]), &["it is an IIS log"]);
    let other = "#Software: Example Proxy 7\n#Fields: date time c-ip cs-host sc-bytes sc-status\n\
        2026-10-05 10:00:00 198.51.100.7 v.example.cn 5000 200\n";
    place.write("logs/u_ex261005.log", other);
    is_refused(&place.run(&["logs"]), &["W3C", "Example Proxy 7"]);
    let tabs = other
        .replace(' ', "\t")
        .replacen("#Fields:\t", "#Fields: ", 1);
    place.write("logs/u_ex261005.log", tabs);
    is_refused(
        &place.run(&["logs"]),
        &["none of its columns is CloudFront's own"],
    );
    // What has CloudFront's columns and no TABs was written by something else.
    let spaced = "#Fields: date time x-edge-location sc-bytes sc-status x-host-header\n\
        2026-10-05 10:00:00 SEA4 5000 200 v.example.cn\n";
    place.write("logs/u_ex261005.log", spaced);
    is_refused(&place.run(&["logs"]), &["not separated by TABs"]);
}

#[test]
fn a4_a_header_that_is_still_being_written_is_none_yet() {
    let place = Place::new();
    let fields =
        "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes sc-status x-host-header\n";
    let row = "2026-10-05\t10:00:00\tSEA4\t5000\t200\tv.example.cn\n";
    let args = ["logs", "--store", "store", "--json"];
    for len in [3, 20, 40, fields.len() - 1, fields.len()] {
        place.write("logs/a.log", &fields[..len]);
        assert_eq!(counted(&place.run(&args))["usage"]["bytes"], 0, "{len}");
    }
    place.write("logs/a.log", format!("{fields}{row}"));
    assert_eq!(counted(&place.run(&args))["usage"]["bytes"], 5000);
}

#[test]
fn a4_columns_of_another_log_in_the_middle_of_a_file_reject_its_lines() {
    let place = Place::new();
    let fields = "#Fields: date time x-edge-location sc-bytes sc-status x-host-header\n";
    let row = "2026-10-05\t10:00:00\tSEA4\t5000\t200\tv.example.cn\n";
    place.write(
        "logs/mixed.log",
        format!("{fields}{}{SESSIONS}", row.repeat(500)),
    );
    let report = counted(&place.run(&["logs", "--json"]));
    assert_eq!(report["usage"]["bytes"], 500 * 5000);
    assert_eq!(report["lines"]["rejected"]["other-columns"], 3);
}

/// A row of Logpush whose members for bytes are these.
fn row(bytes: &str) -> String {
    format!(
        "{{\"ClientRequestHost\":\"v.example.cn\",\"EdgeStartTimestamp\":1791165600,{bytes}\
         \"ClientRequestSource\":\"eyeball\"}}\n"
    )
}

#[test]
fn a5_a_file_whose_lines_name_no_bytes_is_refused_with_what_they_name_instead() {
    let place = Place::new();
    let rows = row("\"EdgeResponseBodyBytes\":5000,\"CacheResponseBytes\":7,");
    place.write("logs/a.ndjson", rows.repeat(3));
    let words = [
        "none of its 3 metered lines has EdgeResponseBytes",
        "EdgeResponseBodyBytes, CacheResponseBytes",
    ];
    is_refused(&place.run(&["logs"]), &words);
    is_refused(&place.run(&["logs", "--format", "cloudflare"]), &words);
    place.write(
        "logs/a.ndjson",
        row("\"edgeResponseBytes\":5000,").repeat(3),
    );
    is_refused(&place.run(&["logs"]), &["edgeResponseBytes"]);
    place.write("logs/a.ndjson", row("").repeat(3));
    is_refused(&place.run(&["logs"]), &["has EdgeResponseBytes"]);
}

#[test]
fn a5_one_line_that_names_its_bytes_is_enough() {
    let place = Place::new();
    let rows = row("").repeat(3) + &row("\"EdgeResponseBytes\":5000,");
    place.write("logs/a.ndjson", rows);
    let report = counted(&place.run(&["logs", "--json"]));
    assert_eq!(report["usage"]["bytes"], 5000);
    assert_eq!(report["lines"]["doubts"]["no-bytes"], 3);
    assert_eq!(report["files"]["noted"], serde_json::json!([]));
}

#[test]
fn a5_a_file_that_says_null_for_all_its_bytes_counts_with_a_warning_in_report_and_bill() {
    let place = Place::new();
    let entry = "[[domain]]\nname = \"v.example.cn\"\naccount = \"a\"\n";
    place.write("registry.toml", entry);
    let cdn = "20261005081502 203.0.113.9 v.example.cn /a - 22 2 206\n";
    for text in [row("\"EdgeResponseBytes\":null,").repeat(3), cdn.repeat(3)] {
        place.write("logs/a.log", text);
        for keep in [&[][..], &["--store", "store"]] {
            let _ = std::fs::remove_dir_all(place.path().join("store"));
            let said = place.run(&[&["logs", "--registry", "registry.toml"], keep].concat());
            assert_eq!(said.code, 0, "{}", said.stderr);
            let in_report = "logs/a.log: none of its 3 metered lines says how many bytes";
            let in_bill = "counted as 0 B, of all months: 3 lines of 1 file";
            for words in [in_report, in_bill] {
                assert!(said.stdout.contains(words), "`{words}`: {}", said.stdout);
            }
        }
    }
}

/// A tar header of one of its forms for a file of `len` bytes: the fields that tell forms apart.
fn tar_header(form: &str, len: usize) -> Vec<u8> {
    let mut header = vec![0u8; 512];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, b"logs/a.log");
    put(100, b"0000644\0");
    put(108, b"0001750\0");
    put(116, b"0001750\0");
    put(124, format!("{len:011o}\0").as_bytes());
    put(136, b"15070563042\0");
    put(148, b"        ");
    match form {
        "v7" => {}
        "ustar" => put(257, b"ustar\x0000"),
        "gnu" => put(257, b"ustar  \0"),
        _ => {
            put(0, b"PaxHeaders/a.log\0");
            put(156, b"x");
            put(257, b"ustar\x0000");
        }
    }
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

const LINE: &str = "20261001081502 203.0.113.9 v.example.cn /a/1.ts 1000 22 2 206 NULL 41\n";

#[test]
fn a7_a_tar_archive_of_any_form_is_refused_by_name_plain_and_packed() {
    let place = Place::new();
    let text = LINE.repeat(20);
    for form in ["v7", "ustar", "gnu", "pax"] {
        let mut tar = tar_header(form, text.len());
        tar.extend_from_slice(text.as_bytes());
        tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
        let squeezed = zstd::encode_all(&tar[..], 1).expect("packed");
        for stored in [tar.clone(), gzip(&tar), squeezed] {
            place.write("logs/a.gz", stored);
            is_refused(&place.run(&["logs"]), &["it is a tar archive", "unpack it"]);
            let named = ["logs", "--format", "tencent-cdn", "--salvage"];
            is_refused(&place.run(&named), &["it is a tar archive"]);
        }
    }
}

#[test]
fn a7_what_is_packed_twice_is_refused_by_name() {
    let place = Place::new();
    let inner = gzip(LINE.repeat(20).as_bytes());
    place.write("logs/a.gz", gzip(&inner));
    is_refused(&place.run(&["logs"]), &["it is gzip inside gzip"]);
    place.write(
        "logs/a.gz",
        zstd::encode_all(&inner[..], 1).expect("packed"),
    );
    is_refused(&place.run(&["logs"]), &["it is gzip inside zstd"]);
    place.write("logs/a.gz", gzip(b"PK\x03\x04 and so on"));
    is_refused(&place.run(&["logs"]), &["it is zip inside gzip"]);
}

#[test]
fn a7_zeros_behind_the_last_gzip_member_are_padding() {
    let place = Place::new();
    let member = gzip(LINE.repeat(20).as_bytes());
    for zeros in [1, 7, 8, 9, 10, 11, 512, 300_000] {
        let mut stored = [&member[..], &member[..]].concat();
        stored.resize(stored.len() + zeros, 0);
        place.write("logs/a.gz", &stored);
        let report = counted(&place.run(&["logs", "--json"]));
        assert_eq!(report["usage"]["bytes"], 40_000, "{zeros} zeros");
        // What stands behind zeros is no padding, even if it is a member.
        stored.extend_from_slice(&member);
        place.write("logs/a.gz", &stored);
        is_refused(&place.run(&["logs"]), &["zeros"]);
        let kept = place.run(&["logs", "--salvage", "--json"]);
        assert_eq!(kept.code, 1, "{}", kept.stderr);
        assert!(kept.stdout.contains("40000"), "{}", kept.stdout);
    }
}

#[test]
fn a7_what_is_no_log_is_told_as_what_it_looks_like() {
    let place = Place::new();
    let utf16 = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xff, 0xfe].into_iter().chain(units).collect()
    };
    let document = r#"{"account_number":"1","logs":[{"bytes_out":1}]}"#;
    let pretty = "{\n  \"records\": [\n    {\"time\": \"2026-10-05T10:00:00Z\"}\n  ]\n}\n";
    let error =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code></Error>";
    let rows = row("\"EdgeResponseBytes\":1,")
        .replace('\n', ",\n")
        .repeat(3);
    let array = format!("[\n{rows}{}]\n", row("\"EdgeResponseBytes\":1,"));
    for (content, words) in [
        (utf16(LINE), "it is text in UTF-16"),
        (utf16(LINE)[2..].to_vec(), "it is text in UTF-16"),
        (document.into(), "one JSON document"),
        (pretty.into(), "one JSON document"),
        (array.into_bytes(), "one JSON document"),
        (br#"[{"a":1},{"a":2}]"#.to_vec(), "one JSON document"),
        (error.into(), "XML document (Error)"),
        (
            b"<ListBucketResult/>".to_vec(),
            "XML document (ListBucketResult)",
        ),
        (b"\n <!DOCTYPE html>\n<html><body>502".to_vec(), "HTML page"),
        (b"<HTML>\r\n<head>".to_vec(), "HTML page"),
        (
            b"{\"a\":1,\"b\":2}\n".repeat(3),
            "JSON objects with the members a, b",
        ),
    ] {
        for stored in [content.clone(), gzip(&content)] {
            place.write("logs/a.gz", stored);
            is_refused(&place.run(&["logs"]), &[words]);
        }
    }
    place.write("logs/a.gz", utf16(LINE));
    let named = ["logs", "--format", "tencent-cdn"];
    is_refused(&place.run(&named), &["it is text in UTF-16"]);
}

#[test]
fn a9_files_with_marks_of_utf8_that_were_put_together_keep_every_line() {
    let place = Place::new();
    let mark = "\u{feff}";
    place.write(
        "logs/a.log",
        format!("{mark}{LINE}{mark}{LINE}{LINE}{mark}"),
    );
    let report = counted(&place.run(&["logs", "--json"]));
    assert_eq!(report["usage"]["bytes"], 3000);
    assert_eq!(
        report["lines"]["skipped"]["blank"], 1,
        "the last mark has no line"
    );
    // A header behind a mark moves the columns.
    let one = "#Fields: date time x-edge-location sc-bytes sc-status x-host-header\n\
        2026-10-05\t10:00:00\tSEA4\t5000\t200\tv.example.cn\n";
    let other = "#Fields: sc-bytes date time x-edge-location sc-status x-host-header\n\
        700\t2026-10-05\t10:00:00\tSEA4\t200\tv.example.cn\n";
    place.write("logs/a.log", format!("{mark}{one}{mark}{other}"));
    let report = counted(&place.run(&["logs", "--json"]));
    assert_eq!(report["usage"]["bytes"], 5700);
}

#[test]
fn a9_a_hole_of_any_length_is_skipped_and_the_line_behind_it_counts() {
    let place = Place::new();
    // Around the sample, a block, the longest line and the range of a worker.
    for len in [
        1,
        65_535,
        65_536,
        524_288,
        1 << 20,
        (1 << 20) + 1,
        9 << 20,
        17_000_001,
    ] {
        let hole = vec![0u8; len];
        let text = [
            &hole[..],
            LINE.as_bytes(),
            LINE.as_bytes(),
            &hole,
            LINE.as_bytes(),
        ]
        .concat();
        for stored in [text.clone(), gzip(&text)] {
            place.write("logs/a.log", stored);
            for format in [&[][..], &["--format", "tencent-cdn"]] {
                let report = counted(&place.run(&[&["logs", "--json"], format].concat()));
                assert_eq!(report["usage"]["bytes"], 3000, "{len}");
                assert_eq!(report["lines"]["skipped"]["hole"], 2, "{len}");
                assert_eq!(report["lines"]["read"], 5, "{len}");
                assert_eq!(report["bytes"]["decompressed"], text.len(), "{len}");
            }
        }
    }
}

#[test]
fn a9_lines_are_numbered_as_other_programs_do_that_know_of_no_holes() {
    let place = Place::new();
    for len in [9, 3 << 20] {
        let hole = vec![0u8; len];
        let text = [
            LINE.as_bytes(),
            &hole,
            LINE.as_bytes(),
            &hole,
            b"not a line\n",
        ]
        .concat();
        place.write("logs/a.log", &text);
        let named = ["logs", "--max-reject-ratio", "1", "--format", "tencent-cdn"];
        place.run(&named);
        let rows = std::fs::read_to_string(place.out().join("quarantine.ndjson")).expect("read");
        let row: serde_json::Value = serde_json::from_str(rows.trim()).expect("a row");
        assert_eq!(row["line"], 3, "{row}");
        assert_eq!(row["offset"], text.len() - 11);
        assert_eq!(row["raw"], "not a line");
    }
}

#[test]
fn a9_a_hole_takes_no_line_from_a_file_that_grows() {
    let place = Place::new();
    let small = vec![0u8; 5_000];
    let large = vec![0u8; 3 << 20];
    let mut text = Vec::new();
    let steps: [&[u8]; 7] = [
        LINE.as_bytes(),
        &small,
        &small,
        LINE.as_bytes(),
        &large,
        LINE.as_bytes(),
        b"not a line\n",
    ];
    let args = [
        "logs",
        "--store",
        "store",
        "--max-reject-ratio",
        "1",
        "--json",
    ];
    for (step, more) in steps.into_iter().enumerate() {
        text.extend_from_slice(more);
        place.write("logs/a.log", &text);
        let said = place.run(&args);
        let report = counted(&said);
        let lines = [1, 1, 1, 2, 2, 3, 3][step];
        assert_eq!(
            report["usage"]["bytes"],
            lines * 1000,
            "step {step}: {}",
            said.stdout
        );
    }
    let quarantine = std::fs::read_to_string(place.out().join("quarantine.ndjson"));
    let row: serde_json::Value =
        serde_json::from_str(quarantine.expect("read").trim()).expect("a row");
    assert_eq!(row["offset"], text.len() - 11);
    // A log that was truncated under its writer, which goes on where it was.
    let copy = place.write("logs/a.log.1", &text);
    let mut rest = vec![0u8; text.len()];
    rest.extend_from_slice(LINE.replace("081502", "091502").as_bytes());
    place.write("logs/a.log", &rest);
    assert_eq!(counted(&place.run(&args))["usage"]["bytes"], 4000);
    rest.extend_from_slice(LINE.replace("081502", "101502").as_bytes());
    place.write("logs/a.log", &rest);
    assert_eq!(counted(&place.run(&args))["usage"]["bytes"], 5000);
    std::fs::remove_file(copy).expect("removed");
    assert_eq!(counted(&place.run(&args))["usage"]["bytes"], 5000);
}

#[test]
fn a5_a_row_that_says_none_for_its_bytes_is_a_doubt_however_it_is_written() {
    let place = Place::new();
    for none in ["\"-\"", "\"\"", "\"-1\"", "-1", "null"] {
        place.write(
            "logs/a.log",
            row(&format!("\"EdgeResponseBytes\":{none},")).repeat(3),
        );
        let report = counted(&place.run(&["logs", "--json"]));
        assert_eq!(report["usage"]["bytes"], 0, "{none}");
        assert_eq!(report["lines"]["metered"], 3, "{none}");
        assert_eq!(report["lines"]["doubts"]["no-bytes"], 3, "{none}");
    }
    place.write("logs/a.log", row("\"EdgeResponseBytes\":\"x\",").repeat(3));
    let said = place.run(&["logs", "--format", "cloudflare"]);
    is_refused(&said, &["its 3 lines were rejected"]);
}

#[test]
fn a7_text_in_utf32_is_told_as_that_with_and_without_a_mark() {
    let place = Place::new();
    for to_bytes in [u32::to_le_bytes, u32::to_be_bytes] {
        let text = |text: &str| -> Vec<u8> {
            let letters = text.chars().map(u32::from);
            letters.flat_map(to_bytes).collect()
        };
        let marked = [text("\u{feff}"), text(LINE)].concat();
        for content in [marked, text(LINE)] {
            place.write("logs/a.log", &content);
            is_refused(&place.run(&["logs"]), &["UTF-32", "iconv -f UTF-32"]);
            let named = ["logs", "--format", "tencent-cdn"];
            is_refused(&place.run(&named), &["UTF-32"]);
        }
    }
}

#[test]
fn a7_only_an_array_of_rows_is_taken_apart() {
    let place = Place::new();
    for (content, words, is_array) in [
        ("[{\"a\":1},{\"a\":2}]", "one JSON document", true),
        (
            "{\"ts\":1,\"http\":{\"status\":200}}\n",
            "the members ts, http",
            false,
        ),
        ("{\n  \"ts\": 1\n}\n", "one JSON document", false),
    ] {
        place.write("logs/a.log", content);
        let said = place.run(&["logs"]);
        is_refused(&said, &[words]);
        assert_eq!(said.stderr.contains("jq"), is_array, "{}", said.stderr);
    }
}
