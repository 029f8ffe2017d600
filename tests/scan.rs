//! The scan alone, without a run and without a store: spans in any order and in other processes give what one whole
//! scan gives.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use cdn_meter::record::{Layout, detect, learn_headers};
use cdn_meter::scan::{JoinError, Part, Request, scan};
use cdn_meter::source::Seed;
use cdn_meter::units::Span;
use proptest::prelude::*;

/// Where the process of another scan finds what to do, and leaves its part.
const ASKED: &str = "CDN_METER_TEST_SCAN";
const SEED: Seed = Seed(7);

fn line(domain: u8, minute: u16, bytes: u64) -> String {
    let (hour, minute) = (minute / 60 % 24, minute % 60);
    format!(
        "20261001{hour:02}{minute:02}02 203.0.113.9 v{domain}.example.cn /a {bytes} 22 2 206 NULL 41\n"
    )
}

/// Logs with all that stands in logs: metered lines and others, blank ones, holes, one without its end.
fn log() -> impl Strategy<Value = Vec<u8>> {
    let metered = (0..5u8, 0..1_440u16, 0..1u64 << 40)
        .prop_map(|(domain, minute, bytes)| line(domain, minute, bytes).into_bytes());
    let piece = prop_oneof![
        12 => metered,
        1 => Just(b"\n".to_vec()),
        1 => Just(b"not a line\n".to_vec()),
        1 => Just(b"20261001081502 203.0.113.9 v.example.cn /a x 22 2 206 NULL 41\n".to_vec()),
        1 => (1..40usize).prop_map(|zeros| vec![0; zeros]),
    ];
    (proptest::collection::vec(piece, 0..60), any::<bool>()).prop_map(|(pieces, is_cut)| {
        let mut text = [line(0, 0, 1).into_bytes(), pieces.concat()].concat();
        if is_cut {
            text.pop();
        }
        text
    })
}

fn stored(text: &[u8], compression: u8) -> Vec<u8> {
    match compression {
        0 => text.to_vec(),
        1 => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(text).expect("packed");
            gzip.finish().expect("packed")
        }
        _ => zstd::encode_all(text, 1).expect("packed"),
    }
}

fn layout() -> Layout {
    let head = line(0, 0, 1);
    detect(head.as_bytes(), true)
        .expect("a format")
        .expect("a line")
}

fn part(path: &Path, span: Span, layout: &Layout, seed: Option<Seed>) -> Part {
    let file = File::open(path).expect("opened");
    let request = Request {
        span,
        layout,
        fallback_domain: None,
        seed,
    };
    scan(&file, &request).expect("scanned")
}

/// The same by another process.
fn part_elsewhere(path: &Path, span: Span) -> Part {
    let out = path.with_extension(format!("{}.json", span.from));
    let asked = format!(
        "{}\t{}\t{}\t{}",
        path.display(),
        span.from,
        span.to,
        out.display()
    );
    let program = env::current_exe().expect("this program");
    let mut child = Command::new(program);
    child.args(["--exact", "another_process"]).env(ASKED, asked);
    assert!(child.output().expect("started").status.success());
    let text = fs::read(out).expect("a part");
    serde_json::from_slice(&text).expect("a part")
}

/// What the process of another scan does; nothing where nobody asks for one.
#[test]
fn another_process() {
    let Ok(asked) = env::var(ASKED) else { return };
    let asked: Vec<&str> = asked.split('\t').collect();
    let number = |at: usize| asked[at].parse::<u64>().expect("an offset");
    let part = part(
        Path::new(asked[0]),
        Span::new(number(1), number(2)),
        &layout(),
        None,
    );
    fs::write(asked[3], serde_json::to_vec(&part).expect("text")).expect("written");
}

/// Spans from cut to cut, over so many bytes.
fn spans(cuts: &[u64], length: u64) -> Vec<Span> {
    let mut ends: Vec<u64> = cuts.iter().map(|cut| cut % (length + 1)).collect();
    ends.extend([0, length]);
    ends.sort_unstable();
    ends.dedup();
    ends.windows(2)
        .map(|pair| Span::new(pair[0], pair[1]))
        .collect()
}

/// Joins parts, which come in any order, as neighbours allow.
fn joined(mut parts: Vec<Part>) -> Part {
    let mut whole = parts.pop().expect("a part");
    while !parts.is_empty() {
        let next = parts
            .iter()
            .position(|part| part.from == whole.to || part.to == whole.from)
            .expect("a neighbour");
        let part = parts.remove(next);
        whole = whole.join(part).expect("neighbours");
    }
    whole
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn any_split_scanned_in_any_order_is_one_whole_scan(
        text in log(),
        cuts in proptest::collection::vec(any::<u64>(), 0..9),
        compression in 0..3u8,
        turns in 0..9usize,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        fs::write(&path, stored(&text, compression)).expect("written");
        let length = text.len() as u64;
        let whole = part(&path, Span::new(0, length), &layout(), None);
        let counts = &whole.counts;
        let others: u64 = counts.skipped.values().chain(counts.rejected.values()).sum();
        prop_assert_eq!(counts.lines, counts.metered + others);
        let mut parts: Vec<Part> = spans(&cuts, length)
            .into_iter()
            .map(|span| part(&path, span, &layout(), None))
            .collect();
        let turn = turns % parts.len();
        parts.rotate_left(turn);
        prop_assert_eq!(joined(parts), whole);
    }

    #[test]
    fn a_part_is_read_back_as_it_was_written(text in log()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        fs::write(&path, &text).expect("written");
        let part = part(&path, Span::new(0, text.len() as u64), &layout(), Some(SEED));
        let written = serde_json::to_string(&part).expect("text");
        prop_assert_eq!(serde_json::from_str::<Part>(&written).expect("a part"), part);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn other_processes_find_the_same(
        text in log(),
        cuts in proptest::collection::vec(any::<u64>(), 1..4),
        compression in 0..3u8,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.log");
        fs::write(&path, stored(&text, compression)).expect("written");
        let length = text.len() as u64;
        let spans = spans(&cuts, length);
        let parts = spans.into_iter().map(|span| part_elsewhere(&path, span));
        let parts: Vec<Part> = parts.collect();
        prop_assert_eq!(joined(parts), part(&path, Span::new(0, length), &layout(), None));
    }
}

#[test]
fn digests_of_spans_are_those_of_the_whole() {
    const CHUNK: u64 = 1 << 20;
    let text: String = (0..60_000u32)
        .map(|n| line((n % 5) as u8, (n / 60) as u16, u64::from(n)))
        .collect();
    let length = text.len() as u64;
    let folder = tempfile::tempdir().expect("a folder");
    for compression in 0..3 {
        let path = folder.path().join(format!("{compression}.log"));
        fs::write(&path, stored(text.as_bytes(), compression)).expect("written");
        let whole = part(&path, Span::new(0, length), &layout(), Some(SEED));
        let spans = [(2 * CHUNK, length), (0, CHUNK), (CHUNK, 2 * CHUNK)];
        let parts = spans.map(|(from, to)| part(&path, Span::new(from, to), &layout(), Some(SEED)));
        assert_eq!(joined(parts.into()), whole);
        assert_eq!(
            whole.digests.expect("digests").chunks.len() as u64,
            length.div_ceil(CHUNK)
        );
    }
}

#[test]
fn headers_before_a_span_tell_how_it_is_read() {
    let header = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) \
        cs-uri-stem sc-status x-edge-result-type x-host-header\n";
    let row = |n: u64| {
        let (second, bytes) = (n % 60, 1_000 + n);
        format!(
            "2026-10-01\t08:15:{second:02}\tHKG60-C1\t{bytes}\t203.0.113.9\tGET\td1.cloudfront.net\t/a\t200\t\
             Hit\tv.example.cn\n"
        )
    };
    let text: String = [header.to_owned()]
        .into_iter()
        .chain((0..40).map(row))
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.log");
    fs::write(&path, &text).expect("written");
    let start = detect(text.as_bytes(), true)
        .expect("a format")
        .expect("lines");
    let mut behind = start.clone();
    learn_headers(&mut behind, header.as_bytes());
    let (middle, length) = (text.len() as u64 / 2, text.len() as u64);
    let first = part(&path, Span::new(0, middle), &start, None);
    let second = part(&path, Span::new(middle, length), &behind, None);
    let whole = part(&path, Span::new(0, length), &start, None);
    assert_eq!(whole.counts.metered, 40);
    assert_eq!(second.join(first).expect("neighbours"), whole);
}

#[test]
fn parts_that_do_not_belong_together_are_not_joined() {
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b) = (folder.path().join("a.log"), folder.path().join("b.log"));
    let text = line(0, 0, 1) + &line(1, 5, 2);
    fs::write(&a, &text).expect("written");
    fs::write(&b, &text).expect("written");
    let middle = text.len() as u64 / 2;
    let of = |path: &Path, from, to| part(path, Span::new(from, to), &layout(), None);
    let apart = of(&a, 0, middle).join(of(&a, middle + 1, 2 * middle));
    assert_eq!(
        apart,
        Err(JoinError::Apart(0, middle, middle + 1, 2 * middle))
    );
    let unlike = of(&a, 0, middle).join(of(&b, middle, 2 * middle));
    assert_eq!(unlike, Err(JoinError::Unlike(middle)));
    let digested = part(&a, Span::new(0, middle), &layout(), Some(SEED));
    let unlike = digested.join(of(&a, middle, 2 * middle));
    assert_eq!(unlike, Err(JoinError::Unlike(middle)));
    let forged = Part {
        to: 0,
        ..of(&a, middle, 2 * middle)
    };
    let forged = of(&a, 0, middle).join(forged);
    assert_eq!(forged, Err(JoinError::Contradiction(middle, 0)));
}

#[test]
fn a_span_behind_the_end_is_digested_as_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.log");
    let chunk = 1 << 20;
    // Exactly one chunk, so that the next span is empty.
    let mut text = line(0, 0, 1).repeat(20_000).into_bytes();
    text.truncate(chunk - 1);
    text.push(b'\n');
    let chunk = chunk as u64;
    for compression in 0..3 {
        fs::write(&path, stored(&text, compression)).expect("written");
        let of = |from, to| part(&path, Span::new(from, to), &layout(), Some(SEED));
        let joined = of(0, chunk).join(of(chunk, 2 * chunk)).expect("neighbours");
        assert_eq!(joined, of(0, 2 * chunk));
    }
}
