//! The dataset `charges`: every line of every account's bill, and the line that rounds it.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::ArrowWriter;

use super::columns::{decimals, quantity, schema, texts, utc_micros};
use super::dataset::{Building, PublishError, write_error};
use super::parquet_file::{Footer, options, properties};
use crate::billing::{AccountBill, Amount, Bill, BillTerms, Charge};
use crate::columns::ROW_GROUP_ROWS;
use crate::units::Timestamp;

/// Name and version of the schema of charges.
pub const CHARGES_SCHEMA: &str = "charges/1";
/// The item of the line that makes the details and what is paid agree (R30).
pub const PRECISION_ADJUSTMENT: &str = "precision-adjustment";
/// Places of exact amounts and quantities; an amount that no decimal holds is rounded here.
const EXACT_PLACES: u32 = 18;
const MICROS_PER_SEC: i64 = 1_000_000;
/// Columns by which the rows ascend.
const SORTED_COLUMNS: i32 = 2;

fn charges_schema() -> SchemaRef {
    schema(&[
        ("billing_month", DataType::Date32),
        ("account", DataType::Utf8),
        ("charge_id", DataType::Utf8),
        ("item", DataType::Utf8),
        ("domain", DataType::Utf8),
        ("app_id", DataType::Utf8),
        ("zone", DataType::Utf8),
        ("status", DataType::Utf8),
        ("period_start", utc_micros()),
        ("period_end", utc_micros()),
        ("metered_bytes", DataType::Int64),
        ("quantity", quantity(18)),
        ("unit", DataType::Utf8),
        ("unit_price", quantity(8)),
        ("exact_amount", quantity(18)),
        ("amount", quantity(8)),
        ("payable", quantity(2)),
        ("currency", DataType::Utf8),
        ("rules", DataType::Utf8),
        ("price", DataType::Utf8),
        ("source", DataType::Utf8),
        ("explanation", DataType::Utf8),
        ("catalogue", DataType::Utf8),
        ("catalogue_digest", DataType::Utf8),
    ])
}

/// A line as the dataset holds it.
struct Line<'a> {
    account: &'a str,
    /// None: the precision adjustment.
    charge: Option<&'a Charge>,
    bill: &'a AccountBill,
}

/// Writes the lines of a bill.
///
/// Errors: [`PublishError`].
pub fn write_charges(
    bill: &Bill,
    terms: &BillTerms<'_>,
    building: &Building,
) -> Result<(), PublishError> {
    let footer = Footer {
        entries: vec![
            ("cdn_meter.billing_zone", bill.zone.to_string()),
            ("cdn_meter.catalogue", terms.catalogue.name.clone()),
            (
                "cdn_meter.catalogue_digest",
                terms.catalogue.digest().to_owned(),
            ),
        ],
    };
    let path = building.month(bill.month)?.join("part-00000.parquet");
    let file = File::create(&path).map_err(write_error(&path))?;
    let synced = file.try_clone().map_err(write_error(&path))?;
    let properties = Arc::new(properties(CHARGES_SCHEMA, &footer, SORTED_COLUMNS).build());
    let mut writer =
        ArrowWriter::try_new_with_options(file, charges_schema(), options(&properties))?;
    let lines: Vec<Line<'_>> = bill.accounts.iter().flat_map(lines).collect();
    for lines in lines.chunks(ROW_GROUP_ROWS) {
        writer.write(&batch(lines, bill, terms)?)?;
    }
    writer.close()?;
    synced.sync_all().map_err(write_error(&path))
}

/// The lines of an account; the adjustment only where there is something to adjust.
fn lines(bill: &AccountBill) -> impl Iterator<Item = Line<'_>> {
    let charges = bill.charges.iter().map(Some);
    let adjustment = (!bill.adjustment.is_zero()).then_some(None);
    charges.chain(adjustment).map(|charge| Line {
        account: &bill.account,
        charge,
        bill,
    })
}

fn batch(
    lines: &[Line<'_>],
    bill: &Bill,
    terms: &BillTerms<'_>,
) -> Result<RecordBatch, PublishError> {
    let catalogue = terms.catalogue;
    let first_day = bill.month.first_day();
    let text = |of: &dyn Fn(&Charge) -> String, adjustment: &str| -> ArrayRef {
        let values: Vec<String> = lines
            .iter()
            .map(|line| line.charge.map_or_else(|| adjustment.to_owned(), of))
            .collect();
        texts(values.iter().map(|value| &value[..]))
    };
    let same = |value: &str| texts(lines.iter().map(|_| value));
    let period = |of: &dyn Fn(std::ops::Range<Timestamp>) -> Timestamp| -> ArrayRef {
        let whole = bill.month.slots(bill.zone);
        let slot = |index| crate::units::Slot::from_index(index).map(crate::units::Slot::start);
        let whole =
            slot(whole.start).unwrap_or(Timestamp::MIN)..slot(whole.end).unwrap_or(Timestamp::END);
        let micros = lines.iter().map(|line| {
            let period = line
                .charge
                .map_or(whole.clone(), |charge| charge.period(bill.zone));
            of(period).as_unix_secs() * MICROS_PER_SEC
        });
        Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
    };
    let number = |of: &dyn Fn(&Charge) -> Amount,
                  adjustment: &dyn Fn(&AccountBill) -> Amount,
                  places: u32| {
        let scaled = lines.iter().map(|line| {
            let amount = line.charge.map_or_else(|| adjustment(line.bill), of);
            Ok(amount.scaled(places)?)
        });
        let scaled: Vec<i128> = scaled.collect::<Result<_, PublishError>>()?;
        decimals(
            scaled.into_iter(),
            i8::try_from(places).expect("a few places"),
        )
    };
    let none = |_: &AccountBill| Amount::ZERO;
    let bytes = lines.iter().map(|line| {
        let bytes = line.charge.map_or(0, |charge| charge.bytes);
        i64::try_from(bytes).map_err(|_| PublishError::TooLarge { count: bytes })
    });
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from_iter_values(
            lines.iter().map(|_| first_day),
        )),
        texts(lines.iter().map(|line| line.account)),
        text(&Charge::id, PRECISION_ADJUSTMENT),
        text(
            &|charge| charge.item.name().to_owned(),
            PRECISION_ADJUSTMENT,
        ),
        text(&|charge| charge.domain.clone(), ""),
        text(&|charge| charge.app_id.clone(), ""),
        text(
            &|charge| charge.zone.map_or("", |zone| zone.name()).to_owned(),
            "",
        ),
        text(&|charge| charge.status.name().to_owned(), "charged"),
        period(&|period| period.start),
        period(&|period| period.end),
        Arc::new(bytes.collect::<Result<Int64Array, PublishError>>()?),
        number(&|charge| Amount::new(charge.quantity), &none, EXACT_PLACES)?,
        text(&|charge| charge.item.unit().to_owned(), ""),
        number(&|charge| Amount::new(charge.unit_price), &none, 8)?,
        number(
            &|charge| charge.amount,
            &|bill| Amount::new(bill.adjustment),
            EXACT_PLACES,
        )?,
        number(
            &|charge| Amount::new(charge.detail),
            &|bill| Amount::new(bill.adjustment),
            8,
        )?,
        number(&|charge| Amount::new(charge.payable), &none, 2)?,
        same(&catalogue.currency),
        text(&|charge| charge.rules.join(" "), "R30"),
        text(&|charge| charge.price.clone(), ""),
        text(&|charge| charge.source.clone(), ""),
        text(
            &|charge| charge.how.clone(),
            "what is paid, 2 places, less the sum of the details, 8 places",
        ),
        same(&catalogue.name),
        same(catalogue.digest()),
    ];
    Ok(RecordBatch::try_new(charges_schema(), columns)?)
}
