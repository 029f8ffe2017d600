//! The bill as FOCUS, the FinOps Open Cost and Usage Specification: Parquet and CSV.
//!
//! | version | what it is |
//! |---|---|
//! | 1.2 | the default: validators exist that check it |
//! | 1.4 | without ProviderName and PublisherName; with three columns of its own |
//!
//! These are ServiceProviderName, HostProviderName and InvoiceDetailId, which names a line of an
//! invoice and is not null on rows that have one.
//!
//! The mandatory columns of 1.4 are those 19 of 1.2 that it keeps and the two names of providers; we read
//! that in the text of its `CostAndUsage` and in the pull requests that made it (1955, 2100). No validator
//! has its rules at hand, so what 1.4 says of values beyond 1.2 is not verified: the rules of 1.2 are run
//! over it, and find the two columns missing that it removed.
//!
//! Every line of a bill that is in a sum is a row; lines that need review are in no sum and not here. What
//! is billed is on the 8 places of the detail, and one row for each account makes it agree with what is
//! paid: the sum of BilledCost of an InvoiceId is what its account pays, to the cent. What a row says
//! is in `row`.
//!
//! Source: FOCUS 1.2, requirements model 1.2.0.1; FOCUS 1.4, columns (read 2026-11).

mod row;
mod sku;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rust_decimal::Decimal;

use super::cell::cell;
use super::dataset::{PublishError, write_error};
use super::datasets::{CostsReader, FileForm, Footer, MICROS_PER_SEC, MonthFile, utc_micros};
use crate::billing::{Amount, Bill, BillTerms, Inexact};
use crate::disk::create_file;
use crate::units::Timestamp;
use row::{FocusRow, FocusValue, Maker};

/// Rows that are held in memory as texts at a time.
const BATCH_ROWS: usize = 8_192;

/// A version of the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FocusVersion {
    /// 1.2.
    #[default]
    V1_2,
    /// 1.4.
    V1_4,
}

impl FocusVersion {
    /// The number.
    pub const fn name(self) -> &'static str {
        match self {
            FocusVersion::V1_2 => "1.2",
            FocusVersion::V1_4 => "1.4",
        }
    }
}

/// What an export goes by.
#[derive(Clone, Debug)]
pub struct FocusTerms {
    /// The version.
    pub version: FocusVersion,
    /// Who provides, publishes and invoices.
    pub provider: String,
}

/// What a column holds. Numbers have no more digits than what can occur needs, so that readers can multiply
/// a price and a quantity: they refuse, or cut, products of more than 38 digits (some count one more).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    /// Money that is billed.
    Cost,
    /// A price times a quantity.
    Product,
    /// The price of a unit; catalogues have up to 8 places.
    Price,
    /// Units that are priced.
    Priced,
    /// What was consumed: bytes or units.
    Consumed,
    Time,
}

impl Kind {
    /// Digits, and how many of them are behind the point; `None` where it is no number.
    const fn decimal(self) -> Option<(u8, i8)> {
        match self {
            Kind::Cost => Some((28, 8)),
            Kind::Product => Some((38, 17)),
            Kind::Price => Some((18, 8)),
            Kind::Priced => Some((19, 9)),
            Kind::Consumed => Some((28, 9)),
            Kind::Text | Kind::Time => None,
        }
    }
}

/// Places of a price.
const PRICE_PLACES: u32 = 8;
/// Places of a quantity that is priced, and of what is consumed.
const QUANTITY_PLACES: u32 = 9;

/// Columns of all versions in their order, which is that of their names; ours come last.
const COLUMNS: [(&str, Kind); 54] = [
    ("BilledCost", Kind::Cost),
    ("BillingAccountId", Kind::Text),
    ("BillingAccountName", Kind::Text),
    ("BillingCurrency", Kind::Text),
    ("BillingPeriodEnd", Kind::Time),
    ("BillingPeriodStart", Kind::Time),
    ("ChargeCategory", Kind::Text),
    ("ChargeClass", Kind::Text),
    ("ChargeDescription", Kind::Text),
    ("ChargeFrequency", Kind::Text),
    ("ChargePeriodEnd", Kind::Time),
    ("ChargePeriodStart", Kind::Time),
    // Always null. Without it the validator cannot check ConsumedQuantity.
    ("CommitmentDiscountStatus", Kind::Text),
    ("ConsumedQuantity", Kind::Consumed),
    ("ConsumedUnit", Kind::Text),
    ("ContractedCost", Kind::Product),
    ("ContractedUnitPrice", Kind::Price),
    ("EffectiveCost", Kind::Cost),
    ("HostProviderName", Kind::Text),
    ("InvoiceDetailId", Kind::Text),
    ("InvoiceId", Kind::Text),
    ("InvoiceIssuerName", Kind::Text),
    ("ListCost", Kind::Product),
    ("ListUnitPrice", Kind::Price),
    ("PricingCategory", Kind::Text),
    // Prices are in the currency of the bill; the validator asks for these where there is a price list.
    ("PricingCurrency", Kind::Text),
    ("PricingCurrencyContractedUnitPrice", Kind::Price),
    ("PricingCurrencyEffectiveCost", Kind::Cost),
    ("PricingCurrencyListUnitPrice", Kind::Price),
    ("PricingQuantity", Kind::Priced),
    ("PricingUnit", Kind::Text),
    ("ProviderName", Kind::Text),
    ("PublisherName", Kind::Text),
    ("RegionId", Kind::Text),
    ("RegionName", Kind::Text),
    ("ResourceId", Kind::Text),
    ("ResourceName", Kind::Text),
    ("ResourceType", Kind::Text),
    ("ServiceCategory", Kind::Text),
    ("ServiceName", Kind::Text),
    ("ServiceProviderName", Kind::Text),
    ("ServiceSubcategory", Kind::Text),
    ("SkuId", Kind::Text),
    ("SkuMeter", Kind::Text),
    ("SkuPriceDetails", Kind::Text),
    ("SkuPriceId", Kind::Text),
    ("Tags", Kind::Text),
    ("x_Catalogue", Kind::Text),
    ("x_CatalogueDigest", Kind::Text),
    ("x_ChargeId", Kind::Text),
    ("x_CorrectsMonth", Kind::Text),
    ("x_Explanation", Kind::Text),
    ("x_Rules", Kind::Text),
    ("x_Source", Kind::Text),
];

impl FocusVersion {
    /// Its columns, each with its place in [`COLUMNS`].
    fn columns(self) -> impl Iterator<Item = (usize, (&'static str, Kind))> {
        let others: &[&str] = match self {
            FocusVersion::V1_2 => &["HostProviderName", "InvoiceDetailId", "ServiceProviderName"],
            FocusVersion::V1_4 => &["ProviderName", "PublisherName"],
        };
        let columns = COLUMNS.into_iter().enumerate();
        columns.filter(move |(_, (name, _))| !others.contains(name))
    }

    fn schema(self) -> SchemaRef {
        let kind = |kind: Kind| match kind.decimal() {
            Some((digits, places)) => DataType::Decimal128(digits, places),
            None if kind == Kind::Time => utc_micros(),
            None => DataType::Utf8,
        };
        let field = |(_, (name, of))| Field::new(name, kind(of), true);
        Arc::new(Schema::new(self.columns().map(field).collect::<Vec<_>>()))
    }
}

/// Writes the rows of a bill, the shares of which are `costs`, into two folders: as Parquet, and as CSV in
/// which nulls are empty, numbers have a decimal point, and texts that a spreadsheet would run are prefixed (`cell.rs`).
///
/// Errors: [`PublishError`].
pub fn write_focus(
    bill: &Bill,
    by: &BillTerms<'_>,
    terms: &FocusTerms,
    costs: CostsReader,
    folder: &Path,
    csv_folder: &Path,
) -> Result<(), PublishError> {
    let schema = terms.version.schema();
    let form = FileForm {
        name: &format!("focus/{}", terms.version.name()),
        schema: Arc::clone(&schema),
        sorted_columns: 0,
    };
    let mut file = MonthFile::create(folder, &form, &Footer::of_bill(bill, by))?;

    let csv_path = csv_folder.join("part-00000.csv");
    let csv_file = create_file(&csv_path).map_err(write_error(&csv_path))?;
    let mut csv = csv::Writer::from_writer(&csv_file);
    let failed = |error| write_error(&csv_path)(io::Error::from(error));
    csv.write_record(terms.version.columns().map(|(_, (name, _))| name))
        .map_err(failed)?;

    each_batch(&Maker { bill, by, terms }, costs, |rows| {
        let columns = terms.version.columns();
        let columns = columns.map(|(at, (_, kind))| column(rows, at, kind));
        let columns = columns.collect::<Result<_, PublishError>>()?;
        file.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
        for row in rows {
            for (at, _) in terms.version.columns() {
                csv.write_field(&*text(row.value(at))).map_err(failed)?;
            }
            csv.write_record(None::<&[u8]>).map_err(failed)?;
        }
        Ok(())
    })?;
    file.finish()?;
    csv.flush().map_err(write_error(&csv_path))?;
    drop(csv);
    csv_file.sync_all().map_err(write_error(&csv_path))
}

/// Hands the rows of a bill to `each`, some at a time; `costs` are the shares of its lines.
fn each_batch(
    maker: &Maker<'_>,
    mut costs: CostsReader,
    mut each: impl FnMut(&[FocusRow]) -> Result<(), PublishError>,
) -> Result<(), PublishError> {
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    for account in &maker.bill.accounts {
        for charge in account.charged() {
            let shares = match charge.is_shared() {
                true => costs.of(charge)?,
                false => Vec::new(),
            };
            for row in maker.lines(charge, &shares)? {
                batch.push(row?);
                if BATCH_ROWS <= batch.len() {
                    each(&batch)?;
                    batch.clear();
                }
            }
        }
        batch.extend(maker.adjustment(account));
    }
    costs.finish()?;
    each(&batch)
}

fn column(rows: &[FocusRow], at: usize, kind: Kind) -> Result<ArrayRef, PublishError> {
    let values = rows.iter().map(|row| row.value(at));
    if let Some((digits, places)) = kind.decimal() {
        let numbers = values.map(|value| match value {
            FocusValue::Number(number) => exactly(*number, places.unsigned_abs().into()).map(Some),
            _ => Ok(None),
        });
        let numbers: Decimal128Array = numbers.collect::<Result<_, _>>()?;
        let numbers = numbers.with_precision_and_scale(digits, places)?;
        numbers.validate_decimal_precision(digits)?;
        return Ok(Arc::new(numbers));
    }
    Ok(match kind {
        Kind::Time => {
            let times = values.map(|value| match value {
                FocusValue::Time(time) => Some(time.as_unix_secs() * MICROS_PER_SEC),
                _ => None,
            });
            let times: TimestampMicrosecondArray = times.collect();
            Arc::new(times.with_timezone("UTC"))
        }
        _ => {
            let texts = values.map(|value| match value {
                FocusValue::Text(text) => Some(text.as_str()),
                _ => None,
            });
            Arc::new(texts.collect::<StringArray>())
        }
    })
}

/// A number in units of its last place; refused where it has more of them.
fn exactly(number: Decimal, places: u32) -> Result<i128, Inexact> {
    match number.normalize().scale() <= places {
        true => Amount::new(number).scaled(places),
        false => Err(Inexact),
    }
}

/// A value of a CSV file.
fn text(value: &FocusValue) -> Cow<'_, str> {
    match value {
        FocusValue::Null => "".into(),
        FocusValue::Text(text) => cell(text),
        FocusValue::Time(time) => Timestamp::rfc3339(*time).into(),
        FocusValue::Number(number) => {
            let text = number.normalize().to_string();
            // A column of whole numbers would be one of integers to readers.
            match text.contains('.') {
                true => text.into(),
                false => (text + ".0").into(),
            }
        }
    }
}
