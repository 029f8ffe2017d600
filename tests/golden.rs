//! Golden cases: a line of a log, and what becomes of it, by both parsers.
//!
//! `tests/golden/<format>.toml` holds the cases; each says in its name what it shows. The answers
//! were written down by hand from the providers' documentation, never by running the parser.

use cdn_meter::record::{Clock, Fate, Layout, scan};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    format: String,
    template: Option<String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// Header lines that come before.
    #[serde(default)]
    header: Vec<String>,
    line: String,
    metered: Option<Metered>,
    skipped: Option<String>,
    rejected: Option<String>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Metered {
    time: String,
    host: String,
    bytes: u64,
    status: u16,
    region: String,
    doubt: Option<String>,
}

/// A fate in the words of the cases.
fn said(fate: Fate<'_>) -> (Option<Metered>, Option<String>, Option<String>) {
    match fate {
        Fate::Metered(record) => {
            let time = jiff::Timestamp::from_second(record.time.as_unix_secs()).expect("in range");
            let metered = Metered {
                time: time.to_string(),
                host: String::from_utf8_lossy(record.host).into_owned(),
                bytes: record.bytes.as_u64(),
                status: record.status,
                region: record.region.name().to_owned(),
                doubt: record.doubt.map(|doubt| doubt.name().to_owned()),
            };
            (Some(metered), None, None)
        }
        Fate::Skipped(skip) => {
            let name = cdn_meter::record::Skip::NAMES[skip.index()];
            (None, Some(name.to_owned()), None)
        }
        Fate::Rejected(reason) => (None, None, Some(reason.name().to_owned())),
    }
}

fn check(path: &std::path::Path) -> usize {
    let text = std::fs::read_to_string(path).expect("read");
    let file: File = toml::from_str(&text).expect("cases");
    for case in &file.case {
        let mut layout = Layout::by_name(&file.format, file.template.as_deref()).expect("a format");
        let mut clock = Clock::default();
        for header in &case.header {
            scan(&mut layout, header.as_bytes(), &mut clock, |_| {});
        }
        let expected = (
            case.metered.as_ref(),
            case.skipped.clone(),
            case.rejected.clone(),
        );
        let by_grammar = said(layout.specify(case.line.as_bytes()));
        let of = format!("{}: {}", file.format, case.name);
        assert_eq!(
            (by_grammar.0.as_ref(), by_grammar.1, by_grammar.2),
            expected,
            "{of}"
        );
        let mut scanned = 0;
        scan(&mut layout, case.line.as_bytes(), &mut clock, |judged| {
            let fast = said(judged.fate);
            assert_eq!((fast.0.as_ref(), fast.1, fast.2), expected, "{of}, fast");
            scanned += 1;
        });
        assert_eq!(scanned, 1, "{of} is one line");
    }
    file.case.len()
}

#[test]
fn every_case_becomes_what_is_written_down() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases = 0;
    for entry in std::fs::read_dir(folder).expect("listed") {
        cases += check(&entry.expect("listed").path());
    }
    assert!(45 <= cases, "{cases} cases");
}
