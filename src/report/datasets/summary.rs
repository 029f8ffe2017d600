//! The dataset `summary`: usage by month, account, domain, class and region.

use std::path::Path;

use super::super::dataset::PublishError;
use super::parquet_file::{FileForm, Footer, MonthFile, ROWS_PER_FILE};
use super::read::{each_batch, slot_of};
use super::table::{DatasetColumn, MICROS_PER_SEC, batch, count, owned, rows, schema};
use crate::columns::ROW_GROUP_ROWS;
use crate::meter::Usage;
use crate::registry::Class;
use crate::summary::{Percentile, SummaryRow};
use crate::units::{Bytes, Factor, Mbps, Month, Region, Slot, Timestamp};

/// Name and version of the summary's schema.
pub const SUMMARY_SCHEMA: &str = "summary/1";
/// Columns by which the rows ascend.
const SORTED_COLUMNS: i32 = 5;
/// Places of gigabytes and of megabits per second.
const UNIT_PLACES: u32 = 9;
/// Places of factors.
const FACTOR_PLACES: u32 = 4;
/// Places of `billable_gigabytes`: nine of the gigabytes, eight of two factors, one to spare.
const BILLABLE_PLACES: u32 = 18;

type Of<'a> = DatasetColumn<'a, SummaryRow>;

/// The columns, with usage that is billed by these factors.
fn columns<'a>(overhead: Factor, sampling: Factor) -> Vec<Of<'a>> {
    let mut columns = vec![
        Of::day("billing_month", |row| row.month.first_day())
            .day_to(|row| &mut row.month, |day| Some(Month::of_day(day))),
        Of::text("account", |row| &row.account).text_to(|row| &mut row.account, owned),
        Of::text("domain", |row| &row.domain).text_to(|row| &mut row.domain, owned),
        Of::text("class", |row| row.class.name()).text_to(|row| &mut row.class, Class::by_name),
        Of::text("region", |row| row.region.name()).text_to(|row| &mut row.region, Region::by_name),
        Of::text("app_id", |row| &row.app_id).text_to(|row| &mut row.app_id, owned),
    ];
    columns.extend(columns_of_usage());
    columns.extend(columns_of_slots());
    columns.extend(columns_of_factors(overhead, sampling));
    columns
}

fn columns_of_usage<'a>() -> Vec<Of<'a>> {
    vec![
        Of::sum("bytes", |row| row.usage.bytes.as_u64().into())
            .sum_to(|row| &mut row.usage.bytes, bytes),
        Of::units("gigabytes", UNIT_PLACES, |row| {
            row.usage.bytes.as_u64().into()
        }),
        Of::sum("requests", |row| row.usage.requests.into())
            .sum_to(|row| &mut row.usage.requests, count),
        Of::sum("error_bytes", |row| row.usage.error_bytes.as_u64().into())
            .sum_to(|row| &mut row.usage.error_bytes, bytes),
        Of::sum("error_requests", |row| row.usage.error_requests.into())
            .sum_to(|row| &mut row.usage.error_requests, count),
        Of::sum("doubtful_requests", |row| {
            row.usage.doubtful_requests.into()
        })
        .sum_to(|row| &mut row.usage.doubtful_requests, count),
    ]
}

fn columns_of_slots<'a>() -> Vec<Of<'a>> {
    vec![
        Of::sum("peak_slot_bytes", |row| row.peak_slot_bytes.as_u64().into())
            .sum_to(|row| &mut row.peak_slot_bytes, bytes),
        Of::units("peak_mbps", UNIT_PLACES, |row| mbps(row.peak_slot_bytes)),
        Of::sum("p95_slot_bytes", |row| row.p95.slot_bytes.as_u64().into())
            .sum_to(|row| &mut row.p95.slot_bytes, bytes),
        Of::units("p95_mbps", UNIT_PLACES, |row| mbps(row.p95.slot_bytes)),
        Of::sum("p95_samples", |row| row.p95.samples.into())
            .sum_to(|row| &mut row.p95.samples, count),
        Of::sum("p95_dropped", |row| row.p95.dropped.into())
            .sum_to(|row| &mut row.p95.dropped, count),
        Of::instant("first_slot", |row| micros(row.first_slot))
            .instant_to(|row| &mut row.first_slot, slot_of),
        Of::instant("last_slot", |row| micros(row.last_slot))
            .instant_to(|row| &mut row.last_slot, slot_of),
    ]
}

fn columns_of_factors<'a>(overhead: Factor, sampling: Factor) -> Vec<Of<'a>> {
    let [of_overhead, of_sampling] = [overhead, sampling].map(|of| i128::from(of.scaled()));
    // Bytes are gigabytes at nine places; two factors add four each, and one place is left over.
    let multiplier = of_overhead * of_sampling * 10;
    vec![
        Of::units("overhead_factor", FACTOR_PLACES, move |_| of_overhead),
        Of::units("sampling_factor", FACTOR_PLACES, move |_| of_sampling),
        Of::units("billable_gigabytes", BILLABLE_PLACES, move |row| {
            i128::from(row.usage.bytes.as_u64()) * multiplier
        }),
    ]
}

fn bytes(sum: i64) -> Option<Bytes> {
    Some(Bytes::new(u64::try_from(sum).ok()?))
}

fn mbps(slot_bytes: Bytes) -> i128 {
    Mbps::from_slot_bytes(slot_bytes).as_decimal().mantissa()
}

fn micros(slot: Slot) -> i64 {
    slot.start_unix_secs() * MICROS_PER_SEC
}

/// Writes a month's files into `folder`.
///
/// Errors: [`PublishError`].
pub(in crate::report) fn write_summary(
    summary: &[SummaryRow],
    overhead: Factor,
    sampling: Factor,
    footer: &Footer,
    folder: &Path,
) -> Result<(), PublishError> {
    let columns = columns(overhead, sampling);
    let form = FileForm {
        name: SUMMARY_SCHEMA,
        schema: schema(&columns)?,
        sorted_columns: SORTED_COLUMNS,
    };
    for (number, rows) in summary.chunks(ROWS_PER_FILE).enumerate() {
        let mut file = MonthFile::create_part(folder, number, &form, footer)?;
        for rows in rows.chunks(ROW_GROUP_ROWS) {
            file.write(&batch(&columns, rows)?)?;
        }
        file.finish()?;
    }
    Ok(())
}

/// The rows of a month, from its folder.
///
/// Errors: [`PublishError`], `Frozen` where a file is not what we write.
pub fn read_summary(folder: &Path) -> Result<Vec<SummaryRow>, PublishError> {
    let mut summary = Vec::new();
    let columns = columns(Factor::ONE, Factor::ONE);
    each_batch(folder, &[], |batch| {
        summary.extend(rows(&columns, batch, &blank()).ok()?);
        Some(())
    })?;
    Ok(summary)
}

/// A row of which every column says more.
fn blank() -> SummaryRow {
    SummaryRow {
        month: Month::of_day(0),
        account: String::new(),
        domain: String::new(),
        class: Class::Unknown,
        region: Region::Unknown,
        app_id: String::new(),
        usage: Usage::default(),
        peak_slot_bytes: Bytes::ZERO,
        p95: Percentile::default(),
        first_slot: Timestamp::MIN.slot(),
        last_slot: Timestamp::MIN.slot(),
    }
}
