//! The lines of a bill as CSV, with the columns of the dataset `charges`.

use std::borrow::Cow;
use std::io::Write;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};

use super::cell::cell;
use super::dataset::PublishError;
use super::datasets::{MICROS_PER_SEC, each_batch_of_charges};
use crate::billing::{Bill, BillTerms};
use crate::units::{Timestamp, day_text};

/// Writes the lines of a bill; `is_first` writes the names of columns. Times are in UTC, numbers have all their places,
/// and texts that a spreadsheet would run are prefixed (`cell.rs`).
///
/// Errors: [`PublishError`], `Csv` where `out` takes no more.
pub fn write_charges_csv(
    bill: &Bill,
    terms: &BillTerms<'_>,
    out: &mut impl Write,
    is_first: bool,
) -> Result<(), PublishError> {
    let mut out = csv::Writer::from_writer(out);
    let mut is_header_due = is_first;
    each_batch_of_charges(bill, terms, |batch| {
        if std::mem::take(&mut is_header_due) {
            out.write_record(batch.schema().fields().iter().map(|field| field.name()))?;
        }
        for at in 0..batch.num_rows() {
            for column in batch.columns() {
                out.write_field(text(column, at).as_bytes())?;
            }
            out.write_record(None::<&[u8]>)?;
        }
        Ok(())
    })?;
    out.flush().map_err(csv::Error::from)?;
    Ok(())
}

/// A value of a column.
fn text(column: &dyn Array, at: usize) -> Cow<'_, str> {
    match column.data_type() {
        DataType::Date32 => day_text(column.as_primitive::<Date32Type>().value(at)).into(),
        DataType::Int64 => (column.as_primitive::<Int64Type>().value(at).to_string()).into(),
        DataType::Decimal128(_, places) => {
            let units = column.as_primitive::<Decimal128Type>().value(at);
            fixed(units, places.unsigned_abs().into()).into()
        }
        DataType::Timestamp(..) => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(at);
            let time = Timestamp::from_unix_secs(micros / MICROS_PER_SEC);
            time.map_or_else(String::new, Timestamp::rfc3339).into()
        }
        _ => cell(column.as_string::<i32>().value(at)),
    }
}

/// A number of units of 10^-`places` as text, with all its places.
fn fixed(units: i128, places: u32) -> String {
    let one = 10_u128.pow(places);
    let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    let width = places as usize;
    format!("{sign}{}.{:0width$}", units / one, units % one)
}
