//! Where lines begin and end: comments in front of them, and what ends them.

use crate::program::{Place, Said};

const LINE: &str = "20261001081502 203.0.113.9 v.example.cn /a/1.ts 1000 22 2 206 NULL 41\n";

/// The bytes that a run counts that ended with this exit code.
#[track_caller]
fn counted(said: &Said, code: i32) -> u64 {
    assert_eq!(said.code, code, "{}\n{}", said.stdout, said.stderr);
    let report: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    report["usage"]["bytes"].as_u64().expect("a count")
}

#[test]
fn d11_lines_behind_what_tells_no_format_are_read_by_their_own() {
    let place = Place::new();
    // More lines than are looked at, more bytes than are, and more than a block holds.
    let fields = "#Fields: date time x-edge-location sc-bytes sc-status x-host-header\n";
    let row = "2026-10-05\t10:00:00\tSEA4\t1000\t200\tv.example.cn\n";
    let with_header = fields.to_owned() + &row.repeat(3);
    for (before, lines) in [("\n", &LINE.repeat(3)), ("# a comment\n", &with_header)] {
        for count in [70, 70_000, 700_000] {
            place.write("logs/a.log", before.repeat(count) + lines);
            let said = place.run(&["logs", "--json"]);
            assert_eq!(counted(&said, 0), 3000, "{count} of {before:?}");
            let store = format!("store-{count}-{}", before.len());
            let said = place.run(&["logs", "--json", "--store", &store]);
            assert_eq!(counted(&said, 0), 3000, "{count} of {before:?}");
        }
    }
}

const COMBINED: &str = "v.example.cn 203.0.113.9 - - [01/Oct/2026:08:15:02 +0800] \"GET /a HTTP/1.1\" 200 1000 \"-\" \"UA\"\n";
const FIELDS: &str =
    "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes sc-status x-host-header\n";
const ROW: &str = "2026-10-05\t10:00:00\tSEA4\t1000\t200\tv.example.cn\n";
const JSON: &str = "{\"ClientRequestHost\":\"v.example.cn\",\"EdgeStartTimestamp\":1791165600,\
    \"EdgeResponseBytes\":1000,\"ClientRequestSource\":\"eyeball\"}\n";

#[test]
fn d20_records_that_end_with_returns_alone_refuse_the_file_by_name() {
    let place = Place::new();
    let with_header = FIELDS.to_owned() + &ROW.repeat(300);
    let texts = [
        LINE.repeat(300),
        COMBINED.repeat(300),
        with_header,
        JSON.repeat(300),
        LINE.repeat(2),
        LINE.repeat(9_000),
    ];
    for (number, text) in texts.iter().enumerate() {
        let returns = text.replace('\n', "\r");
        // All of them, and two in each line.
        let mut pairs = String::new();
        for (at, line) in text.lines().enumerate() {
            pairs.push_str(line);
            pairs.push(if at % 2 == 0 && !line.starts_with('#') {
                '\r'
            } else {
                '\n'
            });
        }
        for text in [returns.clone(), returns.trim_end().to_owned(), pairs] {
            place.write("logs/a.log", text);
            for more in [&[][..], &["--store", "store"]] {
                let said = place.run(&[&["logs"], more].concat());
                assert_eq!(said.code, 1, "{number}: {}\n{}", said.stdout, said.stderr);
                let words = "refused logs/a.log: its records end with a carriage return alone";
                assert!(said.stderr.contains(words), "{number}: {}", said.stderr);
                assert!(said.stderr.contains("tr '\\r' '\\n'"), "{}", said.stderr);
            }
        }
    }
    place.write("logs/a.log", LINE.repeat(300).replace('\n', "\r"));
    let said = place.run(&["logs", "--format", "tencent-cdn"]);
    assert!(
        said.stderr.contains("carriage return alone"),
        "{}",
        said.stderr
    );
}

#[test]
fn d20_records_in_the_middle_of_a_line_are_rejected_and_told() {
    let place = Place::new();
    let joined = LINE.repeat(20).replace('\n', "\r");
    place.write(
        "logs/a.log",
        LINE.repeat(500) + &joined + "\n" + &LINE.repeat(500),
    );
    let said = place.run(&["logs", "--json"]);
    assert_eq!(counted(&said, 0), 1_000_000);
    assert!(
        said.stdout.contains("\"lone-return\": 1"),
        "{}",
        said.stdout
    );
}

#[test]
fn d20_a_return_that_a_client_sent_refuses_and_rejects_nothing() {
    let place = Place::new();
    let agent = LINE.replace(
        '\n',
        " \"an agent\rof two lines\r\" \"-\" GET HTTP/1.1 hit 1\n",
    );
    let long = agent.replace("of two", &"of many ".repeat(200));
    for text in [
        agent.clone(),
        agent.repeat(100),
        LINE.repeat(100) + &long,
        LINE.repeat(4).replace('\n', "\r\n"),
        agent.repeat(4).replace('\n', "\r\n"),
    ] {
        place.write("logs/a.log", &text);
        let lines = text.matches('\n').count() as u64;
        let said = place.run(&["logs", "--json"]);
        assert_eq!(counted(&said, 0), 1000 * lines, "{text}");
    }
    // One that sends a whole record costs nobody else a byte.
    let record = agent.replace("of two lines", LINE.trim_end());
    place.write("logs/a.log", LINE.repeat(200) + &record);
    let said = place.run(&["logs", "--json"]);
    assert!(200_000 <= counted(&said, 0));
}
