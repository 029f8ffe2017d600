//! `MONTH-1`: the same log lines give byte-identical datasets, however they came into the store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::logs::Random;
use crate::program::{Site, read_folder};

const PIECES: usize = 1_000;
const LINES: usize = 12_000;
/// Some of `samples/registry.toml`, and one that is not in it.
const DOMAINS: [&str; 6] = [
    "live.example.cn",
    "play.example.cn",
    "mini.example.net",
    "www.example.com",
    "a.img.example.net",
    "nobody.example.org",
];

/// A month of a log, and what is around it: days in order, lines of all domains among each other.
fn month() -> String {
    let mut random = Random(20_261_001);
    let line = |n: usize| {
        let (day, domain) = (n * 33 / LINES, DOMAINS[random.below(DOMAINS.len())]);
        let date = match day {
            0 => 20_260_930,
            1..=31 => 20_261_000 + day,
            _ => 20_261_101,
        };
        let (bytes, status) = (random.below(1 << 33), [200, 206, 304, 404][random.below(4)]);
        let (isp, time) = ([22, -1][random.below(2)], n * 33 % LINES * 24 / LINES);
        let (minute, second) = (random.below(60), random.below(60));
        format!(
            "{date}{time:02}{minute:02}{second:02} 203.0.113.9 {domain} /{n} {bytes} 22 {isp} {status} NULL 9\n"
        )
    };
    (0..LINES).map(line).collect()
}

/// The month in pieces of whole lines.
fn pieces(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let pieces = lines.chunks(LINES / PIECES);
    pieces.map(<[&str]>::concat).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("packed");
    encoder.finish().expect("packed")
}

/// Ingests files with so many workers.
fn ingest(site: &Site, workers: usize, paths: &[PathBuf]) {
    let mut command = site.command("ingest");
    command.args(["--json", "--workers", &workers.to_string()]);
    let said = Site::run(command.args(paths));
    assert_eq!(said.code, 0, "{}", said.stderr);
}

/// Ingests a file by standard input.
fn ingest_stdin(site: &Site, path: &Path) {
    let stdin = File::open(path).expect("opened");
    let said = Site::run(site.command("ingest").args(["--json", "-"]).stdin(stdin));
    assert_eq!(said.code, 0, "{}", said.stderr);
}

/// All files of the datasets by their names in them.
fn published(site: &Site) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut command = site.command("summary");
    command.arg("--json").arg("--out").arg(site.path("out"));
    let registry = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/registry.toml");
    let said = Site::run(command.arg("--registry").arg(registry));
    assert_eq!(said.code, 0, "{}", said.stderr);
    let mut files = BTreeMap::new();
    read_folder(&site.path("out"), &mut files);
    // It tells the commits, which are others for every way.
    files.remove(&site.path("out/.made-of"));
    let relative = |(path, content): (PathBuf, Vec<u8>)| {
        let path = path.strip_prefix(site.path("out")).expect("below");
        (path.to_owned(), content)
    };
    files.into_iter().map(relative).collect()
}

/// The datasets of the month as one plain file.
fn expected() -> &'static BTreeMap<PathBuf, Vec<u8>> {
    static EXPECTED: OnceLock<BTreeMap<PathBuf, Vec<u8>>> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        let site = Site::new();
        site.write("month.log", month());
        ingest(&site, 1, &[site.log("month.log")]);
        assert_eq!(site.total().1, LINES as u64);
        fs::remove_dir_all(site.path("out")).expect("removed");
        let published = published(&site);
        // Two datasets of three months, and a mark of success in each.
        assert_eq!(published.len(), 8, "{:?}", published.keys());
        published
    })
}

#[track_caller]
fn check(site: &Site) {
    let (found, expected) = (published(site), expected());
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(expected));
    for (name, content) in found {
        assert!(content == expected[&name], "{} differs", name.display());
    }
}

#[test]
fn a_packed_file_publishes_the_same_bytes() {
    let site = Site::new();
    site.write("month.log.gz", gzip(&month()));
    ingest(&site, 3, &[site.log("month.log.gz")]);
    check(&site);
}

#[test]
fn standard_input_publishes_the_same_bytes() {
    for content in [month().into_bytes(), gzip(&month())] {
        let site = Site::new();
        site.write("month", content);
        ingest_stdin(&site, &site.log("month"));
        check(&site);
    }
}

#[test]
fn pieces_publish_the_same_bytes_whatever_the_number_of_workers() {
    for workers in [1, 2, 5] {
        let site = Site::new();
        for (number, piece) in pieces(&month()).iter().enumerate() {
            match workers {
                2 => site.write(&format!("{number}.gz"), gzip(piece)),
                _ => site.write(&format!("{number}.log"), piece),
            }
        }
        ingest(&site, workers, &[site.path("logs")]);
        check(&site);
    }
}

#[test]
fn pieces_of_several_ingests_publish_the_same_bytes_in_any_order() {
    for seed in [1, 2] {
        let (site, mut random) = (Site::new(), Random(seed));
        let mut paths: Vec<PathBuf> = Vec::new();
        for (number, piece) in pieces(&month()).iter().enumerate() {
            let name = format!("{number}.log");
            site.write(&name, piece);
            paths.insert(random.below(paths.len() + 1), site.log(&name));
        }
        for paths in paths.chunks(1 + random.below(300)) {
            ingest(&site, 1 + random.below(3), paths);
        }
        check(&site);
    }
}

#[test]
fn a_file_that_grows_from_ingest_to_ingest_publishes_the_same_bytes() {
    let (site, text, mut random) = (Site::new(), month(), Random(3));
    let mut len = 0;
    while len < text.len() {
        // It is read in the middle of a line as well.
        len = text.len().min(len + 1 + random.below(text.len() / 4));
        fs::write(site.log("month.log"), &text[..len]).expect("written");
        ingest(&site, 2, &[site.log("month.log")]);
    }
    check(&site);
}
