//! Schemas of the datasets, and how rows become their columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, TimeUnit};

use super::dataset::PublishError;
use crate::meter::{Usage, UsageRow};
use crate::registry::{Class, Registry};
use crate::summary::{MonthUsage, SummaryRow};
use crate::units::{Bytes, Factor, Mbps, Region, Slot, Timestamp};

/// Name and version of the summary's schema.
pub const SUMMARY_SCHEMA: &str = "summary/1";
/// Name and version of the 5-minute usage's schema.
pub const USAGE_5MIN_SCHEMA: &str = "usage_5min/1";

const MICROS_PER_SEC: i64 = 1_000_000;
/// Places of `billable_gigabytes`: nine of the gigabytes, eight of two factors, one to spare.
const BILLABLE_SCALE: i8 = 18;
const DECIMAL_DIGITS: u8 = 38;

fn utc_micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The schema of `summary`.
pub(super) fn summary_schema() -> SchemaRef {
    let quantity = |scale| DataType::Decimal128(DECIMAL_DIGITS, scale);
    schema(&[
        ("billing_month", DataType::Date32),
        ("account", DataType::Utf8),
        ("domain", DataType::Utf8),
        ("class", DataType::Utf8),
        ("region", DataType::Utf8),
        ("app_id", DataType::Utf8),
        ("bytes", DataType::Int64),
        ("gigabytes", quantity(9)),
        ("requests", DataType::Int64),
        ("error_bytes", DataType::Int64),
        ("error_requests", DataType::Int64),
        ("doubtful_requests", DataType::Int64),
        ("peak_slot_bytes", DataType::Int64),
        ("peak_mbps", quantity(9)),
        ("p95_slot_bytes", DataType::Int64),
        ("p95_mbps", quantity(9)),
        ("p95_samples", DataType::Int64),
        ("p95_dropped", DataType::Int64),
        ("first_slot", utc_micros()),
        ("last_slot", utc_micros()),
        ("overhead_factor", quantity(4)),
        ("sampling_factor", quantity(4)),
        ("billable_gigabytes", quantity(BILLABLE_SCALE)),
    ])
}

/// The schema of `usage_5min` as it is stored: texts are plain strings.
pub(super) fn usage_5min_schema() -> SchemaRef {
    // Built as dictionaries, which spares copying names; the files say plain UTF-8, because the
    // arrow schema is left out of them.
    let text = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    schema(&[
        ("billing_month", DataType::Date32),
        ("account", text()),
        ("domain", text()),
        ("class", text()),
        ("region", text()),
        ("slot_start", utc_micros()),
        ("usage_date", DataType::Date32),
        ("bytes", DataType::Int64),
        ("requests", DataType::Int64),
        ("error_bytes", DataType::Int64),
        ("error_requests", DataType::Int64),
        ("doubtful_requests", DataType::Int64),
    ])
}

fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
    // Nullable throughout, as Spark reads every column; no value is ever null.
    let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
    Arc::new(Schema::new(fields.iter().map(field).collect::<Vec<_>>()))
}

/// A count as the datasets hold it.
///
/// Errors: `TooLarge` beyond 2⁶³ − 1, which readers without unsigned integers cannot hold.
fn int64(count: u64) -> Result<i64, PublishError> {
    i64::try_from(count).map_err(|_| PublishError::TooLarge { count })
}

fn int64s(counts: impl Iterator<Item = u64>) -> Result<ArrayRef, PublishError> {
    Ok(Arc::new(counts.map(int64).collect::<Result<Int64Array, _>>()?))
}

fn decimals(values: impl Iterator<Item = i128>, scale: i8) -> Result<ArrayRef, PublishError> {
    let array = Decimal128Array::from_iter_values(values);
    Ok(Arc::new(array.with_precision_and_scale(DECIMAL_DIGITS, scale)?))
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn micros(slots: impl Iterator<Item = Slot>) -> ArrayRef {
    let micros = slots.map(|slot| slot.start_unix_secs() * MICROS_PER_SEC);
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
}

/// One batch of summary rows.
///
/// Errors: [`PublishError`].
pub(super) fn summary_batch(
    rows: &[SummaryRow<'_>],
    overhead: Factor,
    sampling: Factor,
) -> Result<RecordBatch, PublishError> {
    let bytes = |of: fn(&SummaryRow<'_>) -> Bytes| int64s(rows.iter().map(move |row| of(row).as_u64()));
    let counts = |of: fn(&SummaryRow<'_>) -> u64| int64s(rows.iter().map(of));
    let mbps = |of: fn(&SummaryRow<'_>) -> Bytes| {
        decimals(rows.iter().map(move |row| Mbps::from_slot_bytes(of(row)).as_decimal().mantissa()), 9)
    };
    let factor = |factor: Factor| decimals(rows.iter().map(|_| i128::from(factor.scaled())), 4);
    let months = rows.iter().map(|row| row.month.first_day());
    // Bytes are gigabytes at scale 9; two factors add scale 4 each, and one place is left over.
    let multiplier = i128::from(overhead.scaled()) * i128::from(sampling.scaled()) * 10;
    let billable = rows.iter().map(|row| i128::from(row.usage.bytes.as_u64()) * multiplier);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from_iter_values(months)),
        texts(rows.iter().map(|row| &row.account[..])),
        texts(rows.iter().map(|row| row.domain)),
        texts(rows.iter().map(|row| row.class.name())),
        texts(rows.iter().map(|row| row.region.name())),
        texts(rows.iter().map(|row| &row.app_id[..])),
        bytes(|row| row.usage.bytes)?,
        decimals(rows.iter().map(|row| i128::from(row.usage.bytes.as_u64())), 9)?,
        counts(|row| row.usage.requests)?,
        bytes(|row| row.usage.error_bytes)?,
        counts(|row| row.usage.error_requests)?,
        counts(|row| row.usage.doubtful_requests)?,
        bytes(|row| row.peak_slot_bytes)?,
        mbps(|row| row.peak_slot_bytes)?,
        bytes(|row| row.p95.slot_bytes)?,
        mbps(|row| row.p95.slot_bytes)?,
        counts(|row| u64::from(row.p95.samples))?,
        counts(|row| u64::from(row.p95.dropped))?,
        micros(rows.iter().map(|row| row.first_slot)),
        micros(rows.iter().map(|row| row.last_slot)),
        factor(overhead)?,
        factor(sampling)?,
        decimals(billable, BILLABLE_SCALE)?,
    ];
    Ok(RecordBatch::try_new(summary_schema(), columns)?)
}

/// Names for one batch, each once, and which row has which.
#[derive(Default)]
struct Names<'a> {
    keys: Vec<i32>,
    values: Vec<&'a str>,
}

impl<'a> Names<'a> {
    /// The next row has `name`; equal names mostly come in a row.
    fn push(&mut self, name: &'a str) {
        if self.values.last() != Some(&name) {
            self.values.push(name);
        }
        self.keys.push(self.values.len() as i32 - 1);
    }

    fn into_array(self) -> Result<ArrayRef, PublishError> {
        let (keys, values) = (Int32Array::from(self.keys), StringArray::from(self.values));
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(values))?))
    }
}

/// One batch of 5-minute usage.
///
/// Errors: [`PublishError`].
pub(super) fn usage_5min_batch(
    usage: &MonthUsage<'_>,
    rows: &[UsageRow],
    registry: &Registry,
) -> Result<RecordBatch, PublishError> {
    let mut cells: Vec<(Slot, Region, Usage)> = Vec::with_capacity(rows.len());
    let (mut accounts, mut domains) = (Names::default(), Names::default());
    let mut classes = Names::default();
    for of_domain in rows.chunk_by(|a, b| a.domain == b.domain) {
        let domain = usage.name(of_domain[0].domain);
        let attribution = registry.attribution(domain, usage.month);
        let class: Class = attribution.class;
        for same in of_domain.chunk_by(|a, b| a.tally.cell == b.tally.cell) {
            let mut sums = Usage::default();
            same.iter().try_for_each(|row| sums.add_tally(&row.tally))?;
            let cell = same[0].tally.cell;
            let slot = Slot::from_index(cell.slot_index()).expect("rows hold slots of timestamps");
            cells.push((slot, cell.region(), sums));
            accounts.push(attribution.account.unwrap_or_default());
            domains.push(domain);
            classes.push(class.name());
        }
    }
    let mut regions = Names::default();
    cells.iter().for_each(|(_, region, _)| regions.push(region.name()));
    let counts = |of: fn(&Usage) -> u64| int64s(cells.iter().map(move |(.., sums)| of(sums)));
    let month = usage.month.first_day();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from_iter_values(cells.iter().map(|_| month))),
        accounts.into_array()?,
        domains.into_array()?,
        classes.into_array()?,
        regions.into_array()?,
        micros(cells.iter().map(|(slot, ..)| *slot)),
        Arc::new(Date32Array::from_iter_values(cells.iter().map(|(slot, ..)| slot.day(usage.zone)))),
        counts(|sums| sums.bytes.as_u64())?,
        counts(|sums| sums.requests)?,
        counts(|sums| sums.error_bytes.as_u64())?,
        counts(|sums| sums.error_requests)?,
        counts(|sums| sums.doubtful_requests)?,
    ];
    Ok(RecordBatch::try_new(usage_5min_schema(), columns)?)
}

const _: () = assert!(
    Timestamp::END.as_unix_secs() < i64::MAX / MICROS_PER_SEC,
    "every slot has its microseconds"
);
