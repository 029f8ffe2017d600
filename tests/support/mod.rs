//! What several test programs share: ingesting in process, and reading datasets back.
#![allow(dead_code)] // every test program uses a part of it

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use arrow::array::AsArray;
use arrow::datatypes::{Date32Type, Int64Type};
use cdn_meter::ingest::{IngestError, Ingested, Options, ingest};
use cdn_meter::meter::UsageTable;
use cdn_meter::registry::Registry;
use cdn_meter::source::discover;
use cdn_meter::summary::Book;
use cdn_meter::units::{Month, Zone};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Options that tests start from.
pub fn options(workers: usize) -> Options {
    Options {
        workers,
        rows_max: 1 << 20,
        ..Options::default()
    }
}

/// Ingests files and folders in process.
pub fn ingest_paths(
    paths: &[&Path],
    options: &Options,
) -> Result<(Ingested, UsageTable), IngestError> {
    let names: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let found = discover(&names).expect("the inputs are there");
    let table = Mutex::new(UsageTable::new(options.rows_max));
    let ingested = ingest(found.sources, options, &(), &table)?;
    Ok((ingested, table.into_inner().expect("not poisoned")))
}

/// The summary of all months as lines of text, without a registry.
pub fn summary_lines(ingested: &mut Ingested, table: UsageTable) -> Vec<String> {
    let registry = Registry::empty(Zone::CHINA);
    let names = std::mem::take(&mut ingested.domains);
    let book = Book::new(table, names, &registry, Zone::CHINA).expect("sums fit");
    let months = book
        .months()
        .flat_map(|month| month.summary(&registry).expect("sums fit"));
    months.map(|row| format!("{row:?}")).collect()
}

/// One row of a summary dataset, as far as `expected.toml` states it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
pub struct Stated {
    pub month: String,
    pub account: String,
    pub domain: String,
    pub class: String,
    pub region: String,
    pub bytes: i64,
    pub requests: i64,
    pub error_bytes: i64,
    pub error_requests: i64,
    pub peak_slot_bytes: i64,
}

/// All rows of the summary dataset in `out`, sorted.
pub fn read_summary(out: &Path) -> Vec<Stated> {
    let mut rows = Vec::new();
    for path in glob::glob(&format!("{}/summary/*/*.parquet", out.display())).expect("a glob") {
        let file = File::open(path.expect("listed")).expect("opened");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        for batch in reader.build().expect("a reader") {
            let batch = batch.expect("readable");
            let text = |name: &str, at| {
                let column = batch
                    .column_by_name(name)
                    .expect("a column")
                    .as_string::<i32>();
                column.value(at).to_owned()
            };
            let number = |name: &str, at| {
                let column = batch.column_by_name(name).expect("a column");
                column.as_primitive::<Int64Type>().value(at)
            };
            let months = batch.column_by_name("billing_month").expect("a column");
            let months = months.as_primitive::<Date32Type>();
            rows.extend((0..batch.num_rows()).map(|at| Stated {
                month: Month::of_day(months.value(at)).to_string(),
                account: text("account", at),
                domain: text("domain", at),
                class: text("class", at),
                region: text("region", at),
                bytes: number("bytes", at),
                requests: number("requests", at),
                error_bytes: number("error_bytes", at),
                error_requests: number("error_requests", at),
                peak_slot_bytes: number("peak_slot_bytes", at),
            }));
        }
    }
    rows.sort();
    rows
}
