//! The same bytes give the same summary, however they are cut, packed and worked on; and any
//! damage leaves every line with one fate.

#[path = "support/mod.rs"]
mod support;

use std::io::Write;
use std::path::{Path, PathBuf};

use cdn_meter::ingest::SourceReport;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use support::{ingest_paths, options, summary_lines};

#[allow(dead_code)] // the generator serves benches first
#[path = "../benches/corpus/lines.rs"]
mod lines;

use lines::{Format, Lines, Share, Totals};

const FORMATS: [Format; 5] = [
    Format::TencentCdn,
    Format::TencentLive,
    Format::Cloudfront,
    Format::Cloudflare,
    Format::Nginx,
];

fn corpus(format: Format, bytes: u64, seed: u64) -> (Vec<u8>, Totals) {
    let mut text = Vec::new();
    let share = Share {
        index: 0,
        count: 1,
        bytes,
    };
    let totals = Lines::new(format, 40, seed).write_share(share, |line| {
        text.extend_from_slice(line);
        Ok(())
    });
    (text, totals.expect("memory does not fail"))
}

fn gzip_members(text: &[u8], members: usize) -> Vec<u8> {
    let mut packed = Vec::new();
    for part in text.chunks(text.len().div_ceil(members)) {
        let mut encoder = GzEncoder::new(&mut packed, Compression::fast());
        encoder.write_all(part).expect("encoded");
        encoder.finish().expect("encoded");
    }
    packed
}

fn write(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("written");
    path
}

#[test]
fn one_file_many_pieces_and_every_packing_give_the_same_summary() {
    for format in FORMATS {
        // Large enough for several ranges of a plain file and many blocks.
        let (text, totals) = corpus(format, 20_000_000, 7);
        let root = tempfile::tempdir().expect("a folder");
        let make = |name: &str| {
            let folder = root.path().join(name);
            std::fs::create_dir(&folder).expect("made");
            folder
        };
        let plain = make("plain");
        write(&plain, "all.log", &text);
        let packed = make("packed");
        write(&packed, "all", &gzip_members(&text, 3));
        let squeezed = make("squeezed");
        write(
            &squeezed,
            "all",
            &zstd::encode_all(&text[..], 1).expect("encoded"),
        );
        let pieces = make("pieces");
        let header_len = if format == Format::Cloudfront {
            text.iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'\n')
                .nth(1)
                .expect("two")
                .0
                + 1
        } else {
            0
        };
        let (header, rows) = text.split_at(header_len);
        for (number, piece) in rows
            .chunk_by(|a, _| *a != b'\n')
            .collect::<Vec<_>>()
            .chunks(2_000)
            .enumerate()
        {
            write(
                &pieces,
                &format!("{number:04}"),
                &[header, &piece.concat()].concat(),
            );
        }
        let mut summaries = Vec::new();
        for (folder, workers) in [
            (&plain, 1),
            (&plain, 3),
            (&packed, 1),
            (&packed, 4),
            (&squeezed, 2),
            (&pieces, 3),
        ] {
            let (mut ingested, table) =
                ingest_paths(&[folder], &options(workers)).expect("ingested");
            assert!(ingested.sources.iter().all(SourceReport::is_committed));
            let total = table.total().expect("fits");
            assert_eq!(
                total.bytes.as_u64(),
                totals.bytes,
                "{format:?} {}",
                folder.display()
            );
            assert_eq!(total.requests, totals.lines, "{format:?}");
            summaries.push(summary_lines(&mut ingested, table));
        }
        assert!(
            summaries.windows(2).all(|pair| pair[0] == pair[1]),
            "{format:?}"
        );
        assert!(10 < summaries[0].len());
    }
}

/// The downstream bytes of a line, read in the plainest way.
fn bytes_plainly(format: Format, line: &str) -> u64 {
    let field = match format {
        Format::TencentCdn | Format::TencentLive => line.split(' ').nth(4).map(str::to_owned),
        Format::Cloudfront => line.split('\t').nth(3).map(str::to_owned),
        Format::Cloudflare => {
            let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
            Some(object["EdgeResponseBytes"].to_string())
        }
        Format::Nginx => line
            .split("\" ")
            .nth(1)
            .and_then(|rest| rest.split(' ').nth(1))
            .map(str::to_owned),
    };
    field.and_then(|text| text.parse().ok()).expect("bytes")
}

#[test]
fn a_folder_of_everything_with_damaged_lines_reconciles_to_the_line_and_to_the_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut lines_good, mut lines_bad, mut headers, mut bytes) = (0u64, 0u64, 0u64, 0u64);
    for (place, format) in FORMATS.into_iter().enumerate() {
        let (text, _) = corpus(format, 3_000_000, 11 + place as u64);
        let text = String::from_utf8(text).expect("text");
        let mut damaged = String::new();
        for (number, line) in text.lines().enumerate() {
            if line.starts_with('#') {
                headers += 1;
            } else if number % 101 == 50 {
                lines_bad += 1;
                damaged.push_str("<damaged> ");
            } else {
                lines_good += 1;
                bytes += bytes_plainly(format, line);
            }
            damaged.push_str(line);
            damaged.push('\n');
        }
        write(
            folder.path(),
            &format!("{}-plain", format.name()),
            damaged.as_bytes(),
        );
        write(
            folder.path(),
            &format!("{}-gz", format.name()),
            &gzip_members(damaged.as_bytes(), 2),
        );
        let squeezed = zstd::encode_all(damaged.as_bytes(), 1).expect("encoded");
        write(folder.path(), &format!("{}-zst", format.name()), &squeezed);
    }
    let (ingested, table) = ingest_paths(&[folder.path()], &options(2)).expect("ingested");
    let mut counts = cdn_meter::meter::Counts::default();
    for source in &ingested.sources {
        assert!(
            source.is_committed(),
            "{}: {:?}",
            source.name,
            source.outcome
        );
        counts.add(&source.counts).expect("fits");
    }
    assert_eq!(counts.lines, 3 * (lines_good + lines_bad + headers));
    assert_eq!(
        (counts.metered, counts.rejected_total()),
        (3 * lines_good, 3 * lines_bad)
    );
    assert_eq!(counts.skipped_total(), 3 * headers);
    let total = table.total().expect("fits");
    assert_eq!(
        (total.bytes.as_u64(), total.requests),
        (3 * bytes, 3 * lines_good)
    );
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Drop(prop::sample::Index),
    Add(prop::sample::Index, u8),
    Cut(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 1u8..).prop_map(|(at, mask)| Damage::Flip(at, mask)),
        at().prop_map(Damage::Drop),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Add(at, byte)),
        at().prop_map(|at| Damage::Add(at, 0)),
        at().prop_map(Damage::Cut),
    ]
}

fn samples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut paths: Vec<_> = ["logs/*", "rejects/*.*"]
        .iter()
        .flat_map(|pattern| glob::glob(&root.join(pattern).display().to_string()).expect("a glob"))
        .map(|path| path.expect("listed"))
        .filter(|path| {
            !path.ends_with("expected.toml") && path.metadata().is_ok_and(|m| m.len() != 0)
        })
        .collect();
    paths.sort();
    assert!(15 < paths.len());
    paths
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// `ingest` itself holds LINE-1, SPAN-1 and SUM-1 before it commits, and fails if one breaks.
    #[test]
    fn one_damaged_byte_anywhere_in_a_sample_breaks_no_promise(
        path in prop::sample::select(samples()),
        damage in damage(),
    ) {
        let mut content = std::fs::read(&path).expect("read");
        match damage {
            Damage::Flip(at, mask) => {
                let at = at.index(content.len());
                content[at] ^= mask;
            }
            Damage::Drop(at) => {
                content.remove(at.index(content.len()));
            }
            Damage::Add(at, byte) => content.insert(at.index(content.len() + 1), byte),
            Damage::Cut(at) => content.truncate(at.index(content.len())),
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = write(folder.path(), "damaged", &content);
        let (ingested, table) = ingest_paths(&[&file], &options(1)).expect("no promise is broken");
        let report = &ingested.sources[0];
        if report.is_committed() {
            report.counts.reconcile().expect("LINE-1");
            prop_assert_eq!(table.total().expect("fits").requests, report.counts.metered);
            let is_plain = report.compression.is_some_and(|packed| packed.name() == "plain");
            if is_plain {
                // A hole is a line of its own, and the last line may be nothing else.
                let lines = content.split_inclusive(|&byte| byte == b'\n').map(|line| {
                    let is_hole_alone = line.iter().all(|&byte| byte == 0);
                    u64::from(line[0] == 0) + u64::from(!is_hole_alone)
                });
                prop_assert_eq!(report.counts.lines, lines.sum::<u64>());
                prop_assert_eq!(report.decompressed_bytes, content.len() as u64);
            }
        } else {
            prop_assert!(table.is_empty(), "a refused source counts nothing");
        }
    }
}
