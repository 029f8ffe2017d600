//! The dataset `adjustments`: what came for closed months after they were closed.

use super::super::build::Building;
use super::super::dataset::PublishError;
use super::parquet_file::{FileForm, Footer, MonthFile};
use super::table::{DatasetColumn, MICROS_PER_SEC, batch, schema};
use crate::columns::ROW_GROUP_ROWS;
use crate::summary::Adjustment;
use crate::units::{BillingMonth, Zone};

/// Name and version of the schema of adjustments.
pub const ADJUSTMENTS_SCHEMA: &str = "adjustments/1";
/// Columns by which the rows ascend.
const SORTED_COLUMNS: i32 = 5;

type Of<'a> = DatasetColumn<'a, Adjustment>;

/// The columns; days are those of `zone`.
fn columns<'a>(zone: Zone) -> Vec<Of<'a>> {
    vec![
        Of::day("billing_month", |row| row.month.first_day()),
        Of::text("account", |row| &row.owner.account),
        Of::text("class", |row| row.owner.class.name()),
        Of::text("app_id", |row| &row.owner.app_id),
        Of::text("domain", |row| &row.domain),
        Of::text("region", |row| row.region.name()),
        Of::instant("slot_start", |row| {
            row.slot.start_unix_secs() * MICROS_PER_SEC
        }),
        Of::day("usage_date", move |row| row.slot.day(zone)),
        Of::text("reason", |row| row.reason.name()),
        Of::sum("bytes", |row| row.delta[0]),
        Of::units("gigabytes", 9, |row| row.delta[0]),
        Of::sum("requests", |row| row.delta[1]),
        Of::sum("error_bytes", |row| row.delta[2]),
        Of::sum("error_requests", |row| row.delta[3]),
        Of::sum("doubtful_requests", |row| row.delta[4]),
    ]
}

/// Writes the adjustments of one closed month, if there are any. `close` is the digest of its close.
///
/// Errors: [`PublishError`].
pub fn write_adjustments(
    when: BillingMonth,
    rows: &[Adjustment],
    close: &str,
    building: &Building,
) -> Result<(), PublishError> {
    if rows.is_empty() {
        return Ok(());
    }
    let footer = Footer {
        entries: vec![
            ("cdn_meter.billing_zone", when.zone.to_string()),
            ("cdn_meter.close_digest", close.to_owned()),
        ],
    };
    let columns = columns(when.zone);
    let form = FileForm {
        name: ADJUSTMENTS_SCHEMA,
        schema: schema(&columns)?,
        sorted_columns: SORTED_COLUMNS,
    };
    let mut file = MonthFile::create(&building.month(when.month)?, &form, &footer)?;
    for rows in rows.chunks(ROW_GROUP_ROWS) {
        file.write(&batch(&columns, rows)?)?;
    }
    file.finish()
}
