//! The dataset `adjustments`: what came for closed months after they were closed.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::ArrowWriter;

use super::columns::{decimals, micros, quantity, schema, signed, texts, utc_micros};
use super::dataset::{Building, PublishError, write_error};
use super::parquet_file::{Footer, options, properties};
use crate::columns::ROW_GROUP_ROWS;
use crate::summary::Adjustment;
use crate::units::{Month, Zone};

/// Name and version of the schema of adjustments.
pub const ADJUSTMENTS_SCHEMA: &str = "adjustments/1";
/// Columns by which the rows ascend.
const SORTED_COLUMNS: i32 = 5;

fn adjustments_schema() -> SchemaRef {
    schema(&[
        ("billing_month", DataType::Date32),
        ("account", DataType::Utf8),
        ("class", DataType::Utf8),
        ("app_id", DataType::Utf8),
        ("domain", DataType::Utf8),
        ("region", DataType::Utf8),
        ("slot_start", utc_micros()),
        ("usage_date", DataType::Date32),
        ("reason", DataType::Utf8),
        ("bytes", DataType::Int64),
        ("gigabytes", quantity(9)),
        ("requests", DataType::Int64),
        ("error_bytes", DataType::Int64),
        ("error_requests", DataType::Int64),
        ("doubtful_requests", DataType::Int64),
    ])
}

/// Writes the adjustments of one closed month, if there are any. `close` is the digest of its close.
///
/// Errors: [`PublishError`].
pub fn write_adjustments(
    (month, zone): (Month, Zone),
    rows: &[Adjustment],
    close: &str,
    building: &Building,
) -> Result<(), PublishError> {
    if rows.is_empty() {
        return Ok(());
    }
    let footer = Footer {
        entries: vec![
            ("cdn_meter.billing_zone", zone.to_string()),
            ("cdn_meter.close_digest", close.to_owned()),
        ],
    };
    let path = building.month(month)?.join("part-00000.parquet");
    let file = File::create(&path).map_err(write_error(&path))?;
    let synced = file.try_clone().map_err(write_error(&path))?;
    let properties = Arc::new(properties(ADJUSTMENTS_SCHEMA, &footer, SORTED_COLUMNS).build());
    let options = options(&properties);
    let mut writer = ArrowWriter::try_new_with_options(file, adjustments_schema(), options)?;
    for rows in rows.chunks(ROW_GROUP_ROWS) {
        writer.write(&batch(rows, zone)?)?;
    }
    writer.close()?;
    synced.sync_all().map_err(write_error(&path))
}

fn batch(rows: &[Adjustment], zone: Zone) -> Result<RecordBatch, PublishError> {
    let text = |of: fn(&Adjustment) -> &str| texts(rows.iter().map(of));
    let deltas = |place: usize| -> Result<ArrayRef, PublishError> {
        let deltas = rows.iter().map(|row| signed(row.delta[place]));
        Ok(Arc::new(
            deltas.collect::<Result<arrow::array::Int64Array, _>>()?,
        ))
    };
    let days = |of: &dyn Fn(&Adjustment) -> i32| -> ArrayRef {
        Arc::new(Date32Array::from_iter_values(rows.iter().map(of)))
    };
    let columns: Vec<ArrayRef> = vec![
        days(&|row| row.month.first_day()),
        text(|row| &row.owner.account),
        text(|row| row.owner.class.name()),
        text(|row| &row.owner.app_id),
        text(|row| &row.domain),
        text(|row| row.region.name()),
        micros(rows.iter().map(|row| row.slot)),
        days(&|row| row.slot.day(zone)),
        text(|row| row.reason.name()),
        deltas(0)?,
        decimals(rows.iter().map(|row| row.delta[0]), 9)?,
        deltas(1)?,
        deltas(2)?,
        deltas(3)?,
        deltas(4)?,
    ];
    Ok(RecordBatch::try_new(adjustments_schema(), columns)?)
}
