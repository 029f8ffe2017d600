//! Whole runs, as `cdn-meter run` does them: files in, published Parquet out.
//!
//! A run keeps to its cores: rayon, which sorts rows and writes files, gets as many threads as
//! the engine gets workers. The files are in the cache of the system; datasets are synced to the
//! disk, as users get it, so these stages, and `report`, also wait for a disk.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cdn_meter::ingest::{Options, RejectRatio, SourceReport, ingest};
use cdn_meter::meter::UsageTable;
use cdn_meter::registry::Registry;
use cdn_meter::report::{
    Build, Building, Dataset, Origin, Publication, Terms, publish, write_month,
};
use cdn_meter::source::{Source, discover};
use cdn_meter::summary::Book;
use cdn_meter::units::Factor;
use tempfile::TempDir;

use super::decode;
use super::inputs::{Text, text};
use super::report::{ZONE, rows_in, threads, totals};
use super::stage::Stage;
use crate::lines::{Format, Totals};

/// Files of 8 MB each.
pub const FILES: u64 = 4;
const MEMORY_BYTES: u64 = 2_000_000_000;

/// The stages of this room.
pub fn stages() -> Vec<Stage<'static>> {
    let texts: Vec<Text> = (0..FILES)
        .map(|index| text(Format::TencentCdn, index))
        .collect();
    let mut stages = Vec::new();
    for name in ["plain", "gzip", "zstd"] {
        let packed: Vec<Vec<u8>> = texts.iter().map(|text| stored(name, &text.bytes)).collect();
        for workers in [1, 2] {
            stages.push(run(name, workers, &packed, &texts));
        }
    }
    stages
}

fn stored(compression: &str, text: &[u8]) -> Vec<u8> {
    match compression {
        "gzip" => decode::gzip(text),
        "zstd" => decode::zstd(text),
        _ => text.to_vec(),
    }
}

fn run(name: &str, workers: usize, packed: &[Vec<u8>], texts: &[Text]) -> Stage<'static> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sources = files(&folder, packed);
    let bytes = texts.iter().map(Text::len).sum();
    let mut expected = Totals::default();
    texts.iter().for_each(|text| expected.add(text.totals));
    let pool = threads(workers);
    let input = format!(
        "{name}/{workers}-worker{}",
        if workers == 1 { "" } else { "s" }
    );
    let prepare = move || sources.clone();
    let out = folder.path().join("out");
    let pass = move |sources| {
        let _folder_lives_as_long_as_this = &folder;
        pool.install(|| assert_eq!(published(sources, workers, &out), expected));
    };
    Stage::prepared("run", input, bytes, prepare, pass).on(workers)
}

/// Writes files into a folder of `folder`, and finds them.
pub fn files(folder: &TempDir, packed: &[Vec<u8>]) -> Vec<Source> {
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).expect("a temporary folder");
    for (index, bytes) in packed.iter().enumerate() {
        fs::write(logs.join(format!("{index}.log")), bytes).expect("room for the files");
    }
    let found = discover(&[logs.display().to_string()]).expect("a folder");
    assert_eq!(found.sources.len(), packed.len());
    found.sources
}

/// How all of these stages ingest.
pub fn options(workers: usize) -> Options {
    Options {
        workers,
        reject_ratio_max: Some(RejectRatio::ZERO),
        rows_max: UsageTable::rows_in(MEMORY_BYTES),
        // The logs have not changed for long: nobody looks whether they do.
        now_nanos: i128::MAX,
        ..Options::default()
    }
}

/// Meters `sources` and publishes both datasets in `out`; what was metered.
fn published(sources: Vec<Source>, workers: usize, out: &Path) -> Totals {
    let options = options(workers);
    let build = Build::begin(out, |_| {}).expect("a folder that can be written to");
    let begin = |of| build.dataset(of).expect("a folder that can be written to");
    let (summary, usage_5min) = (begin(Dataset::Summary), begin(Dataset::Usage5min));
    let table = Mutex::new(UsageTable::new(options.rows_max));
    let ingested = ingest(sources, &options, &(), &table).expect("ingested");
    assert!(ingested.sources.iter().all(SourceReport::is_committed));
    let table = table.into_inner().unwrap_or_else(PoisonError::into_inner);

    let registry = Registry::empty(ZONE);
    let book = Book::new(table, ingested.domains, &registry, ZONE).expect("sums fit");
    let one: Factor = "1".parse().expect("a factor");
    let terms = Terms {
        registry: &registry,
        overhead: one,
        sampling: one,
    };
    for month in book.months() {
        let folder = |building: &Building| building.month(month.month).expect("room for folders");
        let folders = (folder(&summary), folder(&usage_5min));
        write_month(&month, &terms, &folders.0, &folders.1).expect("room for the files");
    }
    let publication = Publication {
        datasets: vec![usage_5min, summary],
        origin: &Origin::of_run(&terms),
        only: None,
        quarantine: None,
    };
    publish(&build, &publication).expect("published");

    let rows: usize = book.months().map(|month| month.rows.len()).sum();
    assert_eq!(rows_in(&out.join("usage_5min")), rows);
    totals(&book, &registry)
}
