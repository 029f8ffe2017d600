//! The dataset `adjustments`: what came for closed months after they were closed.

use arrow::array::RecordBatch;

use super::build::Building;
use super::columns::{batch_of, dates, decimals, micros, sums, texts};
use super::dataset::PublishError;
use super::parquet_file::{Footer, MonthFile};
use crate::columns::ROW_GROUP_ROWS;
use crate::summary::Adjustment;
use crate::units::{Month, Zone};

/// Name and version of the schema of adjustments.
pub const ADJUSTMENTS_SCHEMA: &str = "adjustments/1";
/// Columns by which the rows ascend.
const SORTED_COLUMNS: i32 = 5;

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
    let schema = (batch(&[], zone)?.schema(), ADJUSTMENTS_SCHEMA);
    let mut file = MonthFile::create(&building.month(month)?, schema, &footer, SORTED_COLUMNS)?;
    for rows in rows.chunks(ROW_GROUP_ROWS) {
        file.write(&batch(rows, zone)?)?;
    }
    file.finish()
}

/// The columns of the dataset, with these rows.
fn batch(rows: &[Adjustment], zone: Zone) -> Result<RecordBatch, PublishError> {
    let text = |of: fn(&Adjustment) -> &str| texts(rows.iter().map(of));
    let deltas = |place: usize| sums(rows.iter().map(|row| row.delta[place]));
    let days = |of: &dyn Fn(&Adjustment) -> i32| dates(rows.iter().map(of));
    batch_of(vec![
        ("billing_month", days(&|row| row.month.first_day())),
        ("account", text(|row| &row.owner.account)),
        ("class", text(|row| row.owner.class.name())),
        ("app_id", text(|row| &row.owner.app_id)),
        ("domain", text(|row| &row.domain)),
        ("region", text(|row| row.region.name())),
        ("slot_start", micros(rows.iter().map(|row| row.slot))),
        ("usage_date", days(&|row| row.slot.day(zone))),
        ("reason", text(|row| row.reason.name())),
        ("bytes", deltas(0)?),
        (
            "gigabytes",
            decimals(rows.iter().map(|row| row.delta[0]), 9)?,
        ),
        ("requests", deltas(1)?),
        ("error_bytes", deltas(2)?),
        ("error_requests", deltas(3)?),
        ("doubtful_requests", deltas(4)?),
    ])
}
