//! The dataset `charges`: every line of every account's bill, and the line that rounds it.

use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};

use super::cell::cell;
use super::columns::{batch_of, dates, decimals, signed, texts, times};
use super::dataset::PublishError;
use super::parquet_file::{Footer, MonthFile};
use crate::billing::{AccountBill, Amount, Bill, BillTerms, Charge, PricedBy, QUANTITY_PLACES};
use crate::columns::ROW_GROUP_ROWS;
use crate::units::{SLOT_SECS, Timestamp};

/// Name and version of the schema of charges.
pub const CHARGES_SCHEMA: &str = "charges/1";
/// The item of the line that makes the amounts and what is paid agree (R30).
pub const PRECISION_ADJUSTMENT: &str = "precision-adjustment";
/// Places of exact amounts and quantities; an amount that no decimal holds is rounded here.
pub(super) const EXACT_PLACES: u32 = QUANTITY_PLACES;
const PRICE_PLACES: u32 = 8;
const AMOUNT_PLACES: u32 = 8;
const PAYABLE_PLACES: u32 = 2;
pub(super) const MICROS_PER_SEC: i64 = 1_000_000;
/// Columns by which the rows ascend.
const SORTED_COLUMNS: i32 = 2;

/// What files say about how a bill was worked out.
pub(super) fn footer(bill: &Bill, terms: &BillTerms<'_>) -> Footer {
    let catalogue = terms.catalogue;
    Footer {
        entries: vec![
            ("cdn_meter.billing_zone", bill.zone.to_string()),
            ("cdn_meter.catalogue", catalogue.name.clone()),
            ("cdn_meter.catalogue_digest", catalogue.digest().to_owned()),
            ("cdn_meter.standard_mode", terms.mode.name().to_owned()),
        ],
    }
}

/// Writes the lines of a bill into `folder`.
///
/// Errors: [`PublishError`].
pub fn write_charges(
    bill: &Bill,
    terms: &BillTerms<'_>,
    folder: &Path,
) -> Result<(), PublishError> {
    let footer = footer(bill, terms);
    let schema = (batch(&[], bill)?.schema(), CHARGES_SCHEMA);
    let mut file = MonthFile::create(folder, schema, &footer, SORTED_COLUMNS)?;
    let by = PricedBy::new(terms.catalogue);
    for rows in rows(bill, &by)?.chunks(ROW_GROUP_ROWS) {
        file.write(&batch(rows, bill)?)?;
    }
    file.finish()
}

/// The lines of a bill, in order; `by` is what priced those that name nothing else.
fn rows<'a>(bill: &'a Bill, by: &'a PricedBy) -> Result<Vec<Row<'a>>, PublishError> {
    let mut rows = Vec::new();
    for account in &bill.accounts {
        for charge in &account.charges {
            rows.push(Row::of_charge(charge, (bill, by))?);
        }
        if !account.adjustment.is_zero() {
            rows.push(Row::of_adjustment(account, (bill, by))?);
        }
    }
    Ok(rows)
}

/// Writes the lines of a bill as CSV, with the columns of the dataset; `is_first` writes their names. Texts that a
/// spreadsheet would run are prefixed (`cell.rs`).
///
/// Errors: [`PublishError`], `Csv` where `out` takes no more.
pub fn write_charges_csv(
    bill: &Bill,
    terms: &BillTerms<'_>,
    out: &mut impl Write,
    is_first: bool,
) -> Result<(), PublishError> {
    let mut out = csv::Writer::from_writer(out);
    if is_first {
        let schema = batch(&[], bill)?.schema();
        out.write_record(schema.fields().iter().map(|field| field.name()))?;
    }
    let month = bill.month.first_day_text();
    for row in rows(bill, &PricedBy::new(terms.catalogue))? {
        out.write_record(row.texts(&month))?;
    }
    out.flush().map_err(csv::Error::from)?;
    Ok(())
}

/// A line as the dataset holds it; times in microseconds, numbers in units of their last place.
struct Row<'a> {
    account: &'a str,
    id: String,
    item: &'static str,
    domain: &'a str,
    variant: &'a str,
    app_id: &'a str,
    zone: &'static str,
    status: &'static str,
    corrects: String,
    period: (i64, i64),
    /// For when it is: the period, but for what is bought for a while.
    term: (i64, i64),
    bytes: i64,
    quantity: i128,
    /// What it took of packages; 0 where they did not pay.
    package_quantity: i128,
    unit: &'static str,
    unit_price: i128,
    exact_amount: i128,
    amount: i128,
    payable: i128,
    rules: String,
    price: &'a str,
    source: &'a str,
    how: &'a str,
    by: &'a PricedBy,
}

impl<'a> Row<'a> {
    fn of_charge(
        charge: &'a Charge,
        (bill, by): (&Bill, &'a PricedBy),
    ) -> Result<Self, PublishError> {
        let micros = |of: &Range<Timestamp>| {
            let ends = (of.start.as_unix_secs(), of.end.as_unix_secs());
            (ends.0 * MICROS_PER_SEC, ends.1 * MICROS_PER_SEC)
        };
        let period = charge.period(bill.zone);
        let corrects = charge.corrects.map(|month| month.to_string());
        Ok(Row {
            account: &charge.account,
            id: charge.id(),
            item: charge.item.name(),
            domain: &charge.domain,
            variant: &charge.variant,
            app_id: &charge.app_id,
            zone: charge.zone.map_or("", |zone| zone.name()),
            status: charge.status.name(),
            corrects: corrects.unwrap_or_default(),
            period: micros(&period),
            term: micros(charge.term.as_ref().unwrap_or(&period)),
            bytes: signed(charge.bytes)?,
            quantity: Amount::new(charge.quantity).scaled(EXACT_PLACES)?,
            package_quantity: Amount::new(charge.package_quantity.unwrap_or_default())
                .scaled(EXACT_PLACES)?,
            unit: charge.item.unit(),
            unit_price: Amount::new(charge.unit_price).scaled(PRICE_PLACES)?,
            exact_amount: charge.amount.scaled(EXACT_PLACES)?,
            amount: Amount::new(charge.detail).scaled(AMOUNT_PLACES)?,
            payable: Amount::new(charge.payable).scaled(PAYABLE_PLACES)?,
            rules: charge.rules.join(" "),
            price: &charge.price,
            source: &charge.source,
            how: &charge.how,
            by: charge.priced_by.as_deref().unwrap_or(by),
        })
    }

    /// The columns as texts: times in UTC, numbers with all their places.
    fn texts(&self, month: &str) -> [String; 29] {
        let time = |micros: i64| {
            let time = Timestamp::from_unix_secs(micros / MICROS_PER_SEC);
            time.map_or_else(String::new, Timestamp::rfc3339)
        };
        let text = |text: &str| cell(text).into_owned();
        [
            month.to_owned(),
            text(self.account),
            text(&self.id),
            text(self.item),
            text(self.domain),
            text(self.app_id),
            text(self.zone),
            text(self.status),
            self.corrects.clone(),
            time(self.period.0),
            time(self.period.1),
            self.bytes.to_string(),
            fixed(self.quantity, EXACT_PLACES),
            text(self.unit),
            fixed(self.unit_price, PRICE_PLACES),
            fixed(self.exact_amount, EXACT_PLACES),
            fixed(self.amount, AMOUNT_PLACES),
            fixed(self.payable, PAYABLE_PLACES),
            text(&self.by.currency),
            text(&self.rules),
            text(self.price),
            text(self.source),
            text(self.how),
            text(&self.by.name),
            text(&self.by.digest),
            text(self.variant),
            time(self.term.0),
            time(self.term.1),
            fixed(self.package_quantity, EXACT_PLACES),
        ]
    }

    fn of_adjustment(
        account: &'a AccountBill,
        (bill, by): (&Bill, &'a PricedBy),
    ) -> Result<Self, PublishError> {
        let slots = bill.month.slots(bill.zone);
        let micros = |slot: u32| i64::from(slot) * i64::from(SLOT_SECS) * MICROS_PER_SEC;
        let adjustment = Amount::new(account.adjustment);
        Ok(Row {
            account: &account.account,
            id: format!("{}/{PRECISION_ADJUSTMENT}", account.account),
            item: PRECISION_ADJUSTMENT,
            domain: "",
            variant: "",
            app_id: "",
            zone: "",
            status: "charged",
            corrects: String::new(),
            period: (micros(slots.start), micros(slots.end)),
            term: (micros(slots.start), micros(slots.end)),
            bytes: 0,
            quantity: 0,
            package_quantity: 0,
            unit: "",
            unit_price: 0,
            exact_amount: adjustment.scaled(EXACT_PLACES)?,
            amount: adjustment.scaled(AMOUNT_PLACES)?,
            payable: 0,
            rules: "R30".to_owned(),
            price: "",
            source: "",
            how: "what is paid, 2 places, less the sum of the amounts, 8 places",
            by,
        })
    }
}

/// A number of units of 10^-`places` as text, with all its places.
fn fixed(units: i128, places: u32) -> String {
    let one = 10_u128.pow(places);
    let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    let width = places as usize;
    format!("{sign}{}.{:0width$}", units / one, units % one)
}

/// The columns of the dataset, with these rows.
fn batch(rows: &[Row<'_>], bill: &Bill) -> Result<RecordBatch, PublishError> {
    let text = |of: for<'a> fn(&'a Row<'_>) -> &'a str| texts(rows.iter().map(of));
    let micros = |of: fn(&Row<'_>) -> i64| times(rows.iter().map(of));
    let number =
        |of: fn(&Row<'_>) -> i128, places: u32| decimals(rows.iter().map(of), places as i8);
    let month = rows.iter().map(|_| bill.month.first_day());
    let bytes = rows.iter().map(|row| row.bytes);
    batch_of(vec![
        ("billing_month", dates(month)),
        ("account", text(|row| row.account)),
        ("charge_id", text(|row| &row.id)),
        ("item", text(|row| row.item)),
        ("domain", text(|row| row.domain)),
        ("app_id", text(|row| row.app_id)),
        ("zone", text(|row| row.zone)),
        ("status", text(|row| row.status)),
        ("corrects", text(|row| &row.corrects)),
        ("period_start", micros(|row| row.period.0)),
        ("period_end", micros(|row| row.period.1)),
        (
            "metered_bytes",
            Arc::new(Int64Array::from_iter_values(bytes)),
        ),
        ("quantity", number(|row| row.quantity, EXACT_PLACES)?),
        ("unit", text(|row| row.unit)),
        ("unit_price", number(|row| row.unit_price, PRICE_PLACES)?),
        (
            "exact_amount",
            number(|row| row.exact_amount, EXACT_PLACES)?,
        ),
        ("amount", number(|row| row.amount, AMOUNT_PLACES)?),
        ("payable", number(|row| row.payable, PAYABLE_PLACES)?),
        ("currency", text(|row| &row.by.currency)),
        ("rules", text(|row| &row.rules)),
        ("price", text(|row| row.price)),
        ("source", text(|row| row.source)),
        ("explanation", text(|row| row.how)),
        ("catalogue", text(|row| &row.by.name)),
        ("catalogue_digest", text(|row| &row.by.digest)),
        ("variant", text(|row| row.variant)),
        ("term_start", micros(|row| row.term.0)),
        ("term_end", micros(|row| row.term.1)),
        (
            "package_quantity",
            number(|row| row.package_quantity, EXACT_PLACES)?,
        ),
    ])
}
