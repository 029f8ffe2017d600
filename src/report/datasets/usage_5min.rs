//! The dataset `usage_5min`: usage by 5-minute slots.
//!
//! There are rows by the million, so they fill their columns by hand: names and dates as runs, numbers side by side.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch, StringArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Int64Type, Schema, TimestampMicrosecondType,
};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use super::super::dataset::PublishError;
use super::parquet_file::{Footer, PartFile, ROWS_PER_FILE, properties};
use super::read::{each_batch, slot_of};
use super::table::{MICROS_PER_SEC, int64, utc_micros};
use crate::columns::{Column, ROW_GROUP_ROWS, Runs, write_row_group};
use crate::meter::{Cell, DomainId, Domains, Tally, Usage, UsageRow};
use crate::registry::Registry;
use crate::summary::MonthUsage;
use crate::units::{Bytes, Region, Slot, Timestamp};

/// Name and version of the 5-minute usage's schema.
pub const USAGE_5MIN_SCHEMA: &str = "usage_5min/1";
/// Columns by which the rows ascend.
const SORTED_COLUMNS: i32 = 6;

/// What a column holds.
#[derive(Clone, Copy)]
enum ColumnKind {
    Day,
    Text,
    Instant,
    Count,
}

/// Columns of byte sums.
const BYTE_SUMS: [&str; 2] = ["bytes", "error_bytes"];
/// The columns, and whether they are read back. Their order is that of [`RowGroup::all`] and [`ReadColumns::of`].
const COLUMNS: [(&str, ColumnKind, bool); 12] = [
    ("billing_month", ColumnKind::Day, false),
    ("account", ColumnKind::Text, false),
    ("domain", ColumnKind::Text, true),
    ("class", ColumnKind::Text, false),
    ("region", ColumnKind::Text, true),
    ("slot_start", ColumnKind::Instant, true),
    ("usage_date", ColumnKind::Day, false),
    (BYTE_SUMS[0], ColumnKind::Count, true),
    ("requests", ColumnKind::Count, true),
    (BYTE_SUMS[1], ColumnKind::Count, true),
    ("error_requests", ColumnKind::Count, true),
    ("doubtful_requests", ColumnKind::Count, true),
];

/// The schema; no column holds nulls.
fn schema() -> Schema {
    let kind = |kind| match kind {
        ColumnKind::Day => DataType::Date32,
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Instant => utc_micros(),
        ColumnKind::Count => DataType::Int64,
    };
    let fields = COLUMNS.map(|(name, of, _)| Field::new(name, kind(of), false));
    Schema::new(fields.to_vec())
}

/// Writes a month's files into `folder`, as many at a time as there are cores.
///
/// Errors: [`PublishError`].
pub fn write_usage_5min(
    usage: &MonthUsage<'_>,
    registry: &Registry,
    footer: &Footer,
    folder: &Path,
) -> Result<(), PublishError> {
    let properties = Arc::new(file_properties(footer));
    let files: Vec<(usize, &[UsageRow])> = usage.parts(ROWS_PER_FILE).enumerate().collect();
    let schema = ArrowSchemaConverter::new().convert(&schema())?;
    files.into_par_iter().try_for_each(|(number, rows)| {
        let out = PartFile::create(folder, number)?;
        let (root, properties) = (schema.root_schema_ptr(), Arc::clone(&properties));
        let mut writer = SerializedFileWriter::new(out, root, properties)?;
        for rows in rows.chunks(ROW_GROUP_ROWS) {
            let columns = RowGroup::new(usage, rows, registry)?;
            write_row_group(&columns.all(), &mut writer)?;
        }
        writer.into_inner()?.finish()
    })
}

/// Byte sums hardly repeat and do not compress: they are stored as they are, which is fastest to
/// write and to read. Everything else repeats and goes through dictionaries.
fn file_properties(footer: &Footer) -> WriterProperties {
    let mut builder = properties(USAGE_5MIN_SCHEMA, footer, SORTED_COLUMNS);
    for name in BYTE_SUMS {
        let column = || ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(column(), false)
            .set_column_encoding(column(), Encoding::PLAIN)
            .set_column_compression(column(), Compression::UNCOMPRESSED);
    }
    builder.build()
}

/// Numbers of a row of 5-minute usage: when its slot starts, in microseconds, bytes, requests, error bytes, error
/// requests, doubtful requests.
const NUMBERS: usize = 6;
/// Rows whose numbers wait side by side until they go to their columns. Columns are as long as pages of memory are, or
/// multiples of it, so their ends share places in the cache: written in turn, row by row, they drive each other out.
const ROWS_WAITING: usize = 256;

/// The rows of one row group of 5-minute usage, column by column.
struct RowGroup<'a> {
    month: Runs<i32>,
    account: Runs<&'a str>,
    domain: Runs<&'a str>,
    class: Runs<&'a str>,
    region: Runs<&'a str>,
    date: Runs<i32>,
    /// The columns of numbers.
    numbers: [Vec<i64>; NUMBERS],
    waiting: Vec<[i64; NUMBERS]>,
}

impl<'a> RowGroup<'a> {
    /// The columns of `rows`.
    ///
    /// Errors: [`PublishError`].
    fn new(
        usage: &MonthUsage<'a>,
        rows: &[UsageRow],
        registry: &'a Registry,
    ) -> Result<Self, PublishError> {
        let mut columns = RowGroup {
            month: Runs::new(),
            account: Runs::new(),
            domain: Runs::new(),
            class: Runs::new(),
            region: Runs::new(),
            date: Runs::new(),
            numbers: [(); NUMBERS].map(|()| Vec::with_capacity(rows.len())),
            waiting: Vec::with_capacity(ROWS_WAITING),
        };
        for of_domain in rows.chunk_by(|a, b| a.domain == b.domain) {
            let mut cells = 0;
            for cell in of_domain.chunk_by(|a, b| a.tally.cell == b.tally.cell) {
                columns.push_cell(cell, usage)?;
                cells += 1;
            }
            let domain = usage.name(of_domain[0].domain);
            let attribution = registry.attribution(domain, usage.month);
            columns.month.push(usage.month.first_day(), cells);
            columns
                .account
                .push(attribution.account.unwrap_or_default(), cells);
            columns.domain.push(domain, cells);
            columns.class.push(attribution.class.name(), cells);
        }
        columns.place_waiting();
        Ok(columns)
    }

    /// All of them, in order.
    fn all(&self) -> [Column<'_>; 12] {
        let [
            slot_micros,
            bytes,
            requests,
            error_bytes,
            error_requests,
            doubtful,
        ] = &self.numbers;
        [
            Column::Days(&self.month),
            Column::Texts(&self.account),
            Column::Texts(&self.domain),
            Column::Texts(&self.class),
            Column::Texts(&self.region),
            Column::Numbers(slot_micros),
            Column::Days(&self.date),
            Column::Numbers(bytes),
            Column::Numbers(requests),
            Column::Numbers(error_bytes),
            Column::Numbers(error_requests),
            Column::Numbers(doubtful),
        ]
    }

    /// Adds the rows of one cell, nearly always one, as one row.
    fn push_cell(&mut self, rows: &[UsageRow], usage: &MonthUsage<'_>) -> Result<(), PublishError> {
        let mut sums = Usage::default();
        rows.iter().try_for_each(|row| sums.add_tally(&row.tally))?;
        let cell = rows[0].tally.cell;
        let slot = Slot::from_index(cell.slot_index()).expect("rows hold slots of timestamps");
        self.region.push(cell.region().name(), 1);
        self.date.push(slot.day(usage.zone), 1);
        self.waiting.push([
            slot.start_unix_secs() * MICROS_PER_SEC,
            int64(sums.bytes.as_u64())?,
            int64(sums.requests)?,
            int64(sums.error_bytes.as_u64())?,
            int64(sums.error_requests)?,
            int64(sums.doubtful_requests)?,
        ]);
        if self.waiting.len() == ROWS_WAITING {
            self.place_waiting();
        }
        Ok(())
    }

    /// Puts the numbers that wait into their columns.
    fn place_waiting(&mut self) {
        for (at, column) in self.numbers.iter_mut().enumerate() {
            column.extend(self.waiting.iter().map(|numbers| numbers[at]));
        }
        self.waiting.clear();
    }
}

/// The rows of a month, from its folder, with domains numbered by `domains`.
///
/// Errors: [`PublishError`], `Frozen` where a file is not what we write.
pub fn read_usage_5min(folder: &Path, domains: &Domains) -> Result<Vec<UsageRow>, PublishError> {
    let names = COLUMNS.iter().filter(|(.., is_read)| *is_read);
    let names: Vec<&str> = names.map(|(name, ..)| *name).collect();
    let mut rows = Vec::new();
    each_batch(folder, &names, |batch| {
        let columns = ReadColumns::of(batch)?;
        let mut last: Option<(&str, DomainId)> = None;
        for at in 0..batch.num_rows() {
            let name = columns.domain.value(at);
            let domain = match last {
                Some((last, domain)) if last == name => domain,
                _ => domains.intern(name).ok()?,
            };
            last = Some((name, domain));
            push_rows(domain, columns.cell(at)?, columns.usage(at)?, &mut rows);
        }
        Some(())
    })?;
    Ok(rows)
}

/// What is read back of a batch.
struct ReadColumns<'a> {
    domain: &'a StringArray,
    region: &'a StringArray,
    slot: &'a PrimitiveArray<TimestampMicrosecondType>,
    bytes: &'a PrimitiveArray<Int64Type>,
    requests: &'a PrimitiveArray<Int64Type>,
    error_bytes: &'a PrimitiveArray<Int64Type>,
    error_requests: &'a PrimitiveArray<Int64Type>,
    doubtful_requests: &'a PrimitiveArray<Int64Type>,
}

impl<'a> ReadColumns<'a> {
    /// Those of a batch of which only these columns are read.
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let column = |name| batch.column_by_name(name);
        Some(ReadColumns {
            domain: column("domain")?.as_string_opt()?,
            region: column("region")?.as_string_opt()?,
            slot: numbers(column("slot_start")?)?,
            bytes: numbers(column("bytes")?)?,
            requests: numbers(column("requests")?)?,
            error_bytes: numbers(column("error_bytes")?)?,
            error_requests: numbers(column("error_requests")?)?,
            doubtful_requests: numbers(column("doubtful_requests")?)?,
        })
    }

    fn cell(&self, at: usize) -> Option<Cell> {
        let region = Region::by_name(self.region.value(at))?;
        Some(Cell::new(region, slot_of(self.slot.value(at))?))
    }

    fn usage(&self, at: usize) -> Option<Usage> {
        let count = |column: &PrimitiveArray<Int64Type>| -> Option<u64> {
            column.value(at).try_into().ok()
        };
        Some(Usage {
            bytes: Bytes::new(count(self.bytes)?),
            requests: count(self.requests)?,
            error_bytes: Bytes::new(count(self.error_bytes)?),
            error_requests: count(self.error_requests)?,
            doubtful_requests: count(self.doubtful_requests)?,
        })
    }
}

fn numbers<T: ArrowPrimitiveType>(column: &ArrayRef) -> Option<&PrimitiveArray<T>> {
    let numbers = column.as_primitive_opt::<T>()?;
    (numbers.null_count() == 0).then_some(numbers)
}

/// Adds `usage` as rows, several where its counts are too large for one.
fn push_rows(domain: DomainId, cell: Cell, mut usage: Usage, rows: &mut Vec<UsageRow>) {
    let take = |count: &mut u64| {
        let part = u32::try_from(*count).unwrap_or(u32::MAX);
        *count -= u64::from(part);
        part
    };
    let mut bytes = (usage.bytes.as_u64(), usage.error_bytes.as_u64());
    loop {
        let tally = Tally {
            bytes: std::mem::take(&mut bytes.0),
            error_bytes: std::mem::take(&mut bytes.1),
            cell,
            requests: take(&mut usage.requests),
            error_requests: take(&mut usage.error_requests),
            doubtful_requests: take(&mut usage.doubtful_requests),
        };
        rows.push(UsageRow { tally, domain });
        if (
            usage.requests,
            usage.error_requests,
            usage.doubtful_requests,
        ) == (0, 0, 0)
        {
            return;
        }
    }
}

const _: () = assert!(
    Timestamp::END.as_unix_secs() < i64::MAX / MICROS_PER_SEC,
    "every slot has its microseconds"
);
