//! From rows of usage to months, and from months to Parquet, both on one core.

use std::fs::{self, File};
use std::path::Path;

use cdn_meter::meter::{Usage, UsageTable};
use cdn_meter::registry::Registry;
use cdn_meter::report::{Build, Building, Dataset, Footer, PublishError, write_usage_5min};
use cdn_meter::summary::Book;
use cdn_meter::units::Zone;
use parquet::file::reader::{FileReader, SerializedFileReader};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::inputs::{Inputs, Month};
use super::stage::Stage;
use crate::lines::Totals;

/// The stages of this room.
pub fn stages(inputs: &Inputs) -> Vec<Stage<'_>> {
    vec![summary(&inputs.month), usage_5min(&inputs.month)]
}

/// The clock of the corpus.
pub const ZONE: Zone = Zone::CHINA;

/// Rayon with so many threads, for what is to keep to so many cores.
pub fn threads(count: usize) -> ThreadPool {
    let pool = ThreadPoolBuilder::new().num_threads(count).build();
    pool.expect("threads can be started")
}

fn summary(month: &Month) -> Stage<'_> {
    let (registry, one) = (Registry::empty(ZONE), threads(1));
    let prepare = || (table(month), month.names.clone());
    Stage::prepared(
        "summary",
        "month",
        month.text_bytes,
        prepare,
        move |(table, names)| {
            one.install(|| {
                let book = Book::new(table, names, &registry, ZONE).expect("sums fit");
                assert_eq!(totals(&book, &registry), month.totals);
                book
            })
        },
    )
}

fn usage_5min(month: &Month) -> Stage<'_> {
    let (registry, one) = (Registry::empty(ZONE), threads(1));
    let book = Book::new(table(month), month.names.clone(), &registry, ZONE).expect("sums fit");
    let rows: usize = book.months().map(|month| month.rows.len()).sum();
    let out = tempfile::tempdir().expect("a temporary folder");
    let prepare = {
        let out = out.path().to_owned();
        move || {
            let build = Build::begin(&out, |_| {}).expect("a folder that can be written to");
            let building = build.dataset(Dataset::Usage5min);
            building.expect("a folder that can be written to")
        }
    };
    let mut is_checked = false;
    Stage::prepared(
        "report",
        "usage_5min",
        month.text_bytes,
        prepare,
        move |building| {
            let _folder_lives_as_long_as_this = &out;
            one.install(|| written(&book, &registry, &building))
                .expect("room for the files");
            if !std::mem::replace(&mut is_checked, true) {
                assert_eq!(rows_in(building.path()), rows);
            }
            building
        },
    )
}

/// Writes all months of `book`.
fn written(book: &Book, registry: &Registry, building: &Building) -> Result<(), PublishError> {
    let footer = Footer::default();
    let mut months = book.months();
    months.try_for_each(|month| {
        write_usage_5min(&month, registry, &footer, &building.month(month.month)?)
    })
}

/// The rows as the meter left them: a table sorts early only where its limit is near.
fn table(month: &Month) -> UsageTable {
    let mut table = UsageTable::new(ROWS_MAX);
    table
        .append(&mut month.rows.clone())
        .expect("fewer rows than the limit");
    table
}

/// More than any input has.
const ROWS_MAX: usize = 1 << 24;

/// What all summaries of a book add up to.
pub fn totals(book: &Book, registry: &Registry) -> Totals {
    let mut usage = Usage::default();
    for month in book.months() {
        for row in month.summary(registry).expect("sums fit") {
            usage.add(&row.usage).expect("sums fit");
        }
    }
    Totals {
        lines: usage.requests,
        bytes: usage.bytes.as_u64(),
    }
}

/// Rows in the Parquet files of a dataset of months.
pub fn rows_in(dataset: &Path) -> usize {
    let rows = |path: &Path| {
        let file = File::open(path).expect("a file that was just written");
        let reader = SerializedFileReader::new(file).expect("Parquet");
        reader.metadata().file_metadata().num_rows() as usize
    };
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("a folder that was just written");
        entries
            .map(|entry| entry.expect("an entry").path())
            .collect::<Vec<_>>()
    };
    let months = entries(dataset).into_iter().filter(|path| path.is_dir());
    months
        .flat_map(|month| entries(&month))
        .map(|path| rows(&path))
        .sum()
}
