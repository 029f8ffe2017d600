//! Reading datasets of ours back: closed months, as they were published.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, PrimitiveArray, RecordBatch, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, Date32Type, Int64Type, TimestampMicrosecondType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::dataset::{PublishError, write_error};
use crate::meter::{Cell, DomainId, Domains, Tally, Usage, UsageRow};
use crate::registry::Class;
use crate::summary::{Percentile, SummaryRow};
use crate::units::{Bytes, Month, Region, Slot, Timestamp};

const MICROS_PER_SEC: i64 = 1_000_000;

/// The rows of a month of `summary`, from its folder.
///
/// Errors: [`PublishError`], `Frozen` where a file is not what we write.
pub fn read_summary(folder: &Path) -> Result<Vec<SummaryRow>, PublishError> {
    let mut rows = Vec::new();
    each_batch(folder, &[], |batch| {
        let columns = SummaryColumns::of(batch)?;
        for at in 0..batch.num_rows() {
            rows.push(columns.row(at)?);
        }
        Some(())
    })?;
    Ok(rows)
}

/// The rows of a month of `usage_5min`, from its folder, with domains numbered by `domains`.
///
/// Errors: [`PublishError`], `Frozen` where a file is not what we write.
pub fn read_usage_5min(folder: &Path, domains: &Domains) -> Result<Vec<UsageRow>, PublishError> {
    const COLUMNS: [&str; 8] = [
        "domain",
        "region",
        "slot_start",
        "bytes",
        "requests",
        "error_bytes",
        "error_requests",
        "doubtful_requests",
    ];
    let mut rows = Vec::new();
    each_batch(folder, &COLUMNS, |batch| {
        let (names, regions) = (texts(batch, "domain")?, texts(batch, "region")?);
        let slots = numbers::<TimestampMicrosecondType>(batch, "slot_start")?;
        let counts = counts(batch)?;
        let mut last: Option<(&str, DomainId)> = None;
        for at in 0..batch.num_rows() {
            let name = names.value(at);
            let domain = match last {
                Some((last, domain)) if last == name => domain,
                _ => domains.intern(name).ok()?,
            };
            last = Some((name, domain));
            let cell = Cell::new(
                Region::by_name(regions.value(at))?,
                slot_of(slots.value(at))?,
            );
            push_rows(domain, cell, usage(&counts, at)?, &mut rows);
        }
        Some(())
    })?;
    Ok(rows)
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

/// Hands every batch of the files in `folder` to `each`, with the columns `names` or all of them.
pub(super) fn each_batch(
    folder: &Path,
    names: &[&str],
    mut each: impl FnMut(&RecordBatch) -> Option<()>,
) -> Result<(), PublishError> {
    for path in files(folder)? {
        let frozen = |problem: String| PublishError::Frozen {
            path: path.clone(),
            problem,
        };
        let file = File::open(&path).map_err(|error| frozen(error.to_string()))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)
            .map_err(|error| frozen(error.to_string()))?;
        let mask = match names {
            [] => ProjectionMask::all(),
            names => ProjectionMask::columns(builder.parquet_schema(), names.iter().copied()),
        };
        let reader = builder.with_projection(mask).build();
        for batch in reader.map_err(|error| frozen(error.to_string()))? {
            let batch = batch.map_err(|error| frozen(error.to_string()))?;
            let none = || frozen("a column is missing or holds what we never write".to_owned());
            each(&batch).ok_or_else(none)?;
        }
    }
    Ok(())
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, PublishError> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    let mut files = list().map_err(write_error(folder))?;
    files.sort_unstable();
    Ok(files)
}

struct SummaryColumns<'a> {
    /// Account, domain, class, region, AppID.
    texts: [&'a StringArray; 5],
    month: &'a PrimitiveArray<Date32Type>,
    counts: [&'a PrimitiveArray<Int64Type>; 5],
    /// Peak, percentile, its samples, those dropped.
    slots: [&'a PrimitiveArray<Int64Type>; 4],
    /// First and last.
    ends: [&'a PrimitiveArray<TimestampMicrosecondType>; 2],
}

impl<'a> SummaryColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let text = |name| texts(batch, name);
        let number = |name| numbers::<Int64Type>(batch, name);
        Some(SummaryColumns {
            texts: [
                text("account")?,
                text("domain")?,
                text("class")?,
                text("region")?,
                text("app_id")?,
            ],
            month: numbers(batch, "billing_month")?,
            counts: counts(batch)?,
            slots: [
                number("peak_slot_bytes")?,
                number("p95_slot_bytes")?,
                number("p95_samples")?,
                number("p95_dropped")?,
            ],
            ends: [numbers(batch, "first_slot")?, numbers(batch, "last_slot")?],
        })
    }

    fn row(&self, at: usize) -> Option<SummaryRow> {
        let [account, domain, class, region, app_id] = self.texts.map(|texts| texts.value(at));
        let [peak, p95, samples, dropped] = self.slots.map(|counts| counts.value(at));
        Some(SummaryRow {
            month: Month::of_day(self.month.value(at)),
            account: account.to_owned(),
            domain: domain.to_owned(),
            class: Class::by_name(class)?,
            region: Region::by_name(region)?,
            app_id: app_id.to_owned(),
            usage: usage(&self.counts, at)?,
            peak_slot_bytes: Bytes::new(u64::try_from(peak).ok()?),
            p95: Percentile {
                slot_bytes: Bytes::new(u64::try_from(p95).ok()?),
                samples: u32::try_from(samples).ok()?,
                dropped: u32::try_from(dropped).ok()?,
            },
            first_slot: slot_of(self.ends[0].value(at))?,
            last_slot: slot_of(self.ends[1].value(at))?,
        })
    }
}

pub(super) fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StringArray> {
    batch.column_by_name(name)?.as_string_opt()
}

pub(super) fn numbers<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Option<&'a PrimitiveArray<T>> {
    let column = batch.column_by_name(name)?.as_primitive_opt::<T>()?;
    (column.null_count() == 0).then_some(column)
}

/// The columns of usage.
fn counts(batch: &RecordBatch) -> Option<[&PrimitiveArray<Int64Type>; 5]> {
    Some([
        numbers(batch, "bytes")?,
        numbers(batch, "requests")?,
        numbers(batch, "error_bytes")?,
        numbers(batch, "error_requests")?,
        numbers(batch, "doubtful_requests")?,
    ])
}

fn usage(counts: &[&PrimitiveArray<Int64Type>; 5], at: usize) -> Option<Usage> {
    let count = |place: usize| u64::try_from(counts[place].value(at)).ok();
    Some(Usage {
        bytes: Bytes::new(count(0)?),
        requests: count(1)?,
        error_bytes: Bytes::new(count(2)?),
        error_requests: count(3)?,
        doubtful_requests: count(4)?,
    })
}

fn slot_of(micros: i64) -> Option<Slot> {
    let slot = Timestamp::from_unix_secs(micros / MICROS_PER_SEC)?.slot();
    (slot.start_unix_secs() * MICROS_PER_SEC == micros).then_some(slot)
}
