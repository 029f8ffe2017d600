//! Schemas of the datasets, and how rows become their columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::dataset::PublishError;
use crate::columns::{Column, Runs};
use crate::meter::{Usage, UsageRow};
use crate::registry::Registry;
use crate::summary::{MonthUsage, SummaryRow};
use crate::units::{Bytes, Factor, Mbps, Slot, Timestamp};

/// Name and version of the summary's schema.
pub const SUMMARY_SCHEMA: &str = "summary/1";
/// Name and version of the 5-minute usage's schema.
pub const USAGE_5MIN_SCHEMA: &str = "usage_5min/1";

const MICROS_PER_SEC: i64 = 1_000_000;
/// Places of `billable_gigabytes`: nine of the gigabytes, eight of two factors, one to spare.
const BILLABLE_SCALE: i8 = 18;
const DECIMAL_DIGITS: u8 = 38;

pub(super) fn utc_micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// An exact quantity with so many decimal places.
pub(super) fn quantity(scale: i8) -> DataType {
    DataType::Decimal128(DECIMAL_DIGITS, scale)
}

/// The schema of `summary`.
pub(super) fn summary_schema() -> SchemaRef {
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

/// The schema of `usage_5min`.
pub(super) fn usage_5min_schema() -> SchemaRef {
    schema(&[
        ("billing_month", DataType::Date32),
        ("account", DataType::Utf8),
        ("domain", DataType::Utf8),
        ("class", DataType::Utf8),
        ("region", DataType::Utf8),
        ("slot_start", utc_micros()),
        ("usage_date", DataType::Date32),
        ("bytes", DataType::Int64),
        ("requests", DataType::Int64),
        ("error_bytes", DataType::Int64),
        ("error_requests", DataType::Int64),
        ("doubtful_requests", DataType::Int64),
    ])
}

/// A schema without nulls.
pub(super) fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), false);
    Arc::new(Schema::new(fields.iter().map(field).collect::<Vec<_>>()))
}

/// A batch of columns by their names; none of them holds nulls. Its schema is that of its dataset.
///
/// Errors: [`PublishError`].
pub(super) fn batch_of(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, PublishError> {
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, false));
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

/// A count as the datasets hold it.
///
/// Errors: `TooLarge` beyond 2⁶³ − 1, which readers without unsigned integers cannot hold.
fn int64(count: u64) -> Result<i64, PublishError> {
    i64::try_from(count).map_err(|_| PublishError::TooLarge { count })
}

/// A signed sum as the datasets hold it.
pub(super) fn signed(sum: i128) -> Result<i64, PublishError> {
    i64::try_from(sum).map_err(|_| PublishError::TooLarge {
        count: u64::try_from(sum.unsigned_abs()).unwrap_or(u64::MAX),
    })
}

fn int64s(counts: impl Iterator<Item = u64>) -> Result<ArrayRef, PublishError> {
    Ok(Arc::new(
        counts.map(int64).collect::<Result<Int64Array, _>>()?,
    ))
}

pub(super) fn decimals(
    values: impl Iterator<Item = i128>,
    scale: i8,
) -> Result<ArrayRef, PublishError> {
    let array = Decimal128Array::from_iter_values(values);
    Ok(Arc::new(
        array.with_precision_and_scale(DECIMAL_DIGITS, scale)?,
    ))
}

pub(super) fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

pub(super) fn micros(slots: impl Iterator<Item = Slot>) -> ArrayRef {
    times(slots.map(|slot| slot.start_unix_secs() * MICROS_PER_SEC))
}

/// Instants, in microseconds since the epoch.
pub(super) fn times(micros: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
}

/// Dates, in days since 1970-01-01.
pub(super) fn dates(days: impl Iterator<Item = i32>) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(days))
}

/// Signed sums.
///
/// Errors: as [`signed`].
pub(super) fn sums(sums: impl Iterator<Item = i128>) -> Result<ArrayRef, PublishError> {
    let sums = sums.map(signed);
    Ok(Arc::new(sums.collect::<Result<Int64Array, _>>()?))
}

/// One batch of summary rows.
///
/// Errors: [`PublishError`].
pub(super) fn summary_batch(
    rows: &[SummaryRow],
    overhead: Factor,
    sampling: Factor,
) -> Result<RecordBatch, PublishError> {
    let bytes = |of: fn(&SummaryRow) -> Bytes| int64s(rows.iter().map(move |row| of(row).as_u64()));
    let counts = |of: fn(&SummaryRow) -> u64| int64s(rows.iter().map(of));
    let mbps = |of: fn(&SummaryRow) -> Bytes| {
        decimals(
            rows.iter()
                .map(move |row| Mbps::from_slot_bytes(of(row)).as_decimal().mantissa()),
            9,
        )
    };
    let factor = |factor: Factor| decimals(rows.iter().map(|_| i128::from(factor.scaled())), 4);
    let months = rows.iter().map(|row| row.month.first_day());
    // Bytes are gigabytes at scale 9; two factors add scale 4 each, and one place is left over.
    let multiplier = i128::from(overhead.scaled()) * i128::from(sampling.scaled()) * 10;
    let billable = rows
        .iter()
        .map(|row| i128::from(row.usage.bytes.as_u64()) * multiplier);
    let columns: Vec<ArrayRef> = vec![
        dates(months),
        texts(rows.iter().map(|row| &row.account[..])),
        texts(rows.iter().map(|row| &row.domain[..])),
        texts(rows.iter().map(|row| row.class.name())),
        texts(rows.iter().map(|row| row.region.name())),
        texts(rows.iter().map(|row| &row.app_id[..])),
        bytes(|row| row.usage.bytes)?,
        decimals(
            rows.iter().map(|row| i128::from(row.usage.bytes.as_u64())),
            9,
        )?,
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

/// Numbers of a row of 5-minute usage: when its slot starts, in microseconds, bytes, requests, error bytes, error
/// requests, doubtful requests.
const NUMBERS: usize = 6;
/// Rows whose numbers wait side by side until they go to their columns. Columns are as long as pages of memory are, or
/// multiples of it, so their ends share places in the cache: written in turn, row by row, they drive each other out.
const ROWS_WAITING: usize = 256;

/// The rows of one row group of 5-minute usage, in the order of [`usage_5min_schema`].
pub(super) struct Usage5Min<'a> {
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

impl<'a> Usage5Min<'a> {
    /// The columns of `rows`.
    ///
    /// Errors: [`PublishError`].
    pub(super) fn new(
        usage: &MonthUsage<'a>,
        rows: &[UsageRow],
        registry: &'a Registry,
    ) -> Result<Self, PublishError> {
        let mut columns = Usage5Min {
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
    pub(super) fn all(&self) -> [Column<'_>; 12] {
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

const _: () = assert!(
    Timestamp::END.as_unix_secs() < i64::MAX / MICROS_PER_SEC,
    "every slot has its microseconds"
);
