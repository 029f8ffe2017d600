//! The dataset `charges`: every line of every account's bill, and the line that rounds it.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use rust_decimal::Decimal;

use super::super::dataset::PublishError;
use super::parquet_file::{FileForm, Footer, MonthFile};
use super::read::each_batch;
use super::table::{DatasetColumn, MICROS_PER_SEC, batch, count, owned, rows, schema};
use crate::billing::{
    AccountBill, Amount, Bill, BillTerms, Charge, Item, PricedBy, QUANTITY_PLACES, Status,
};
use crate::columns::ROW_GROUP_ROWS;
use crate::units::{Month, Region, SLOT_SECS, Timestamp, Zone};

/// Name and version of the schema of charges.
pub const CHARGES_SCHEMA: &str = "charges/1";
/// The item of the line that makes the amounts and what is paid agree (R30).
pub const PRECISION_ADJUSTMENT: &str = "precision-adjustment";
/// Places of exact amounts and quantities; an amount that no decimal holds is rounded here.
pub(super) const EXACT_PLACES: u32 = QUANTITY_PLACES;
const PRICE_PLACES: u32 = 8;
pub(super) const AMOUNT_PLACES: u32 = 8;
const PAYABLE_PLACES: u32 = 2;
/// Columns by which the rows ascend.
const SORTED_COLUMNS: i32 = 2;

/// A line as the dataset holds it; times in microseconds.
#[derive(Clone, Default)]
struct ChargeRow<'a> {
    month: i32,
    account: Cow<'a, str>,
    id: Cow<'a, str>,
    item: Cow<'a, str>,
    domain: Cow<'a, str>,
    app_id: Cow<'a, str>,
    zone: Cow<'a, str>,
    status: Cow<'a, str>,
    corrects: Cow<'a, str>,
    period: [i64; 2],
    bytes: i128,
    quantity: Decimal,
    unit: &'static str,
    unit_price: Decimal,
    exact_amount: Amount,
    amount: Decimal,
    payable: Decimal,
    currency: Cow<'a, str>,
    rules: Cow<'a, str>,
    price: Cow<'a, str>,
    source: Cow<'a, str>,
    how: Cow<'a, str>,
    catalogue: Cow<'a, str>,
    catalogue_digest: Cow<'a, str>,
    variant: Cow<'a, str>,
    /// For when it is: the period, but for what is bought for a while.
    term: [Option<i64>; 2],
    /// What it took of packages; 0 where they did not pay.
    package_quantity: Option<Decimal>,
}

type Of<'a> = DatasetColumn<'a, ChargeRow<'a>>;

/// The columns. New ones come at the end, and are read back as [`DatasetColumn::later`] ones.
fn columns<'a>() -> Vec<Of<'a>> {
    let mut columns = vec![
        Of::day("billing_month", |line| line.month),
        Of::text("account", |line| &line.account).text_to(|line| &mut line.account, owned),
        Of::text("charge_id", |line| &line.id),
        Of::text("item", |line| &line.item).text_to(|line| &mut line.item, owned),
        Of::text("domain", |line| &line.domain).text_to(|line| &mut line.domain, owned),
        Of::text("app_id", |line| &line.app_id).text_to(|line| &mut line.app_id, owned),
        Of::text("zone", |line| &line.zone).text_to(|line| &mut line.zone, owned),
        Of::text("status", |line| &line.status).text_to(|line| &mut line.status, owned),
        Of::text("corrects", |line| &line.corrects).text_to(|line| &mut line.corrects, owned),
        Of::instant("period_start", |line| line.period[0])
            .instant_to(|line| &mut line.period[0], Some),
        Of::instant("period_end", |line| line.period[1])
            .instant_to(|line| &mut line.period[1], Some),
        Of::sum("metered_bytes", |line| line.bytes).sum_to(|line| &mut line.bytes, count),
    ];
    columns.extend(columns_of_amounts());
    columns.extend(columns_of_reasons());
    columns.extend([
        Of::text("variant", |line| &line.variant).text_to(|line| &mut line.variant, owned),
        Of::instant("term_start", |line| line.term[0].unwrap_or_default())
            .instant_to(|line| &mut line.term[0], |micros| Some(Some(micros)))
            .later(),
        Of::instant("term_end", |line| line.term[1].unwrap_or_default())
            .instant_to(|line| &mut line.term[1], |micros| Some(Some(micros)))
            .later(),
        Of::number("package_quantity", EXACT_PLACES, |line| {
            line.package_quantity.unwrap_or_default()
        })
        .number_to(
            |line| &mut line.package_quantity,
            |number| Some(Some(number)),
        )
        .later(),
    ]);
    columns
}

fn columns_of_amounts<'a>() -> Vec<Of<'a>> {
    vec![
        Of::number("quantity", EXACT_PLACES, |line| line.quantity)
            .number_to(|line| &mut line.quantity, Some),
        Of::text("unit", |line| line.unit),
        Of::number("unit_price", PRICE_PLACES, |line| line.unit_price)
            .number_to(|line| &mut line.unit_price, Some),
        Of::amount("exact_amount", EXACT_PLACES, |line| line.exact_amount).number_to(
            |line| &mut line.exact_amount,
            |number| Some(Amount::new(number)),
        ),
        Of::number("amount", AMOUNT_PLACES, |line| line.amount)
            .number_to(|line| &mut line.amount, Some),
        Of::number("payable", PAYABLE_PLACES, |line| line.payable)
            .number_to(|line| &mut line.payable, Some),
        Of::text("currency", |line| &line.currency).text_to(|line| &mut line.currency, owned),
    ]
}

fn columns_of_reasons<'a>() -> Vec<Of<'a>> {
    vec![
        Of::text("rules", |line| &line.rules).text_to(|line| &mut line.rules, owned),
        Of::text("price", |line| &line.price).text_to(|line| &mut line.price, owned),
        Of::text("source", |line| &line.source).text_to(|line| &mut line.source, owned),
        Of::text("explanation", |line| &line.how).text_to(|line| &mut line.how, owned),
        Of::text("catalogue", |line| &line.catalogue).text_to(|line| &mut line.catalogue, owned),
        Of::text("catalogue_digest", |line| &line.catalogue_digest)
            .text_to(|line| &mut line.catalogue_digest, owned),
    ]
}

impl<'a> ChargeRow<'a> {
    /// A line of a bill; `by` is what priced those that name nothing else.
    fn of_charge(charge: &'a Charge, bill: &Bill, by: &'a PricedBy) -> Self {
        let micros = |of: &Range<Timestamp>| {
            [of.start, of.end].map(|end| end.as_unix_secs() * MICROS_PER_SEC)
        };
        let period = charge.period(bill.zone);
        let corrects = charge.corrects.map(|month| month.to_string());
        let by = charge.priced_by.as_deref().unwrap_or(by);
        ChargeRow {
            month: bill.month.first_day(),
            account: charge.account[..].into(),
            id: charge.id().into(),
            item: charge.item.name().into(),
            domain: charge.domain[..].into(),
            app_id: charge.app_id[..].into(),
            zone: charge.zone.map_or("", Region::name).into(),
            status: charge.status.name().into(),
            corrects: corrects.unwrap_or_default().into(),
            period: micros(&period),
            bytes: charge.bytes,
            quantity: charge.quantity,
            unit: charge.item.unit(),
            unit_price: charge.unit_price,
            exact_amount: charge.amount,
            amount: charge.detail,
            payable: charge.payable,
            currency: by.currency[..].into(),
            rules: charge.rules.join(" ").into(),
            price: charge.price[..].into(),
            source: charge.source[..].into(),
            how: charge.how[..].into(),
            catalogue: by.name[..].into(),
            catalogue_digest: by.digest[..].into(),
            variant: charge.variant[..].into(),
            term: micros(charge.term.as_ref().unwrap_or(&period)).map(Some),
            package_quantity: charge.package_quantity,
        }
    }

    /// The line that makes the lines of an account and what is paid agree.
    fn of_adjustment(account: &'a AccountBill, bill: &Bill, by: &'a PricedBy) -> Self {
        let slots = bill.month.slots(bill.zone);
        let micros = |slot: u32| i64::from(slot) * i64::from(SLOT_SECS) * MICROS_PER_SEC;
        let period = [slots.start, slots.end].map(micros);
        ChargeRow {
            month: bill.month.first_day(),
            account: account.account[..].into(),
            id: format!("{}/{PRECISION_ADJUSTMENT}", account.account).into(),
            item: PRECISION_ADJUSTMENT.into(),
            status: "charged".into(),
            period,
            term: period.map(Some),
            exact_amount: Amount::new(account.adjustment),
            amount: account.adjustment,
            currency: by.currency[..].into(),
            rules: "R30".into(),
            how: "what is paid, 2 places, less the sum of the amounts, 8 places".into(),
            catalogue: by.name[..].into(),
            catalogue_digest: by.digest[..].into(),
            ..ChargeRow::default()
        }
    }
}

/// Hands the lines of a bill to `each` in order, as batches of the dataset; one is empty if there is no line.
///
/// Errors: [`PublishError`].
pub(in crate::report) fn each_batch_of_charges(
    bill: &Bill,
    terms: &BillTerms<'_>,
    mut each: impl FnMut(&RecordBatch) -> Result<(), PublishError>,
) -> Result<(), PublishError> {
    let (by, mut lines) = (PricedBy::new(terms.catalogue), Vec::new());
    for account in &bill.accounts {
        let charges = account.charges.iter();
        lines.extend(charges.map(|charge| ChargeRow::of_charge(charge, bill, &by)));
        if !account.adjustment.is_zero() {
            lines.push(ChargeRow::of_adjustment(account, bill, &by));
        }
    }
    let columns = columns();
    if lines.is_empty() {
        return each(&batch(&columns, &[])?);
    }
    let mut groups = lines.chunks(ROW_GROUP_ROWS);
    groups.try_for_each(|lines| each(&batch(&columns, lines)?))
}

/// Writes the lines of a bill into `folder`.
///
/// Errors: [`PublishError`].
pub fn write_charges(
    bill: &Bill,
    terms: &BillTerms<'_>,
    folder: &Path,
) -> Result<(), PublishError> {
    let form = FileForm {
        name: CHARGES_SCHEMA,
        schema: schema(&columns())?,
        sorted_columns: SORTED_COLUMNS,
    };
    let mut file = MonthFile::create(folder, &form, &Footer::of_bill(bill, terms))?;
    each_batch_of_charges(bill, terms, |batch| file.write(batch))?;
    file.finish()
}

/// What was billed for a month, as it was published.
#[derive(Debug, Default)]
pub struct Billed {
    /// All lines, in their order.
    pub charges: Vec<Charge>,
    /// The precision adjustments of accounts that have one.
    pub adjustments: Vec<(String, Decimal)>,
}

/// The lines of a month, from its folder; days are those of `zone`.
///
/// Errors: [`PublishError`], `Frozen` where a file is not what we write.
pub fn read_charges(folder: &Path, zone: Zone) -> Result<Billed, PublishError> {
    let (mut billed, mut last, columns) = (Billed::default(), None, columns());
    each_batch(folder, &[], |batch| {
        for line in rows(&columns, batch, &ChargeRow::default()).ok()? {
            if line.item == PRECISION_ADJUSTMENT {
                let adjustment = (line.account.into_owned(), line.amount);
                billed.adjustments.push(adjustment);
            } else {
                let by = line.priced_by(last.take());
                last = Some(Arc::clone(&by));
                billed.charges.push(line.into_charge(by, zone)?);
            }
        }
        Some(())
    })?;
    Ok(billed)
}

impl ChargeRow<'_> {
    /// The catalogue that priced it; most lines have that of the `last` one.
    fn priced_by(&self, last: Option<Arc<PricedBy>>) -> Arc<PricedBy> {
        let is_it = |by: &Arc<PricedBy>| {
            (&by.name[..], &by.digest[..]) == (&*self.catalogue, &*self.catalogue_digest)
        };
        last.filter(is_it).unwrap_or_else(|| {
            Arc::new(PricedBy {
                name: self.catalogue.to_string(),
                digest: self.catalogue_digest.to_string(),
                currency: self.currency.to_string(),
            })
        })
    }

    /// For when it is, where that is not the time in which it was bought.
    fn term(&self) -> Option<Range<Timestamp>> {
        let [Some(start), Some(end)] = self.term else {
            return None;
        };
        let [from, to] = [start, end].map(|end| Timestamp::from_unix_secs(end / MICROS_PER_SEC));
        ([start, end] != self.period).then_some(from?..to?)
    }

    /// The line of a bill; `None` where it says what we never write.
    fn into_charge(self, by: Arc<PricedBy>, zone: Zone) -> Option<Charge> {
        let [first, end] = self.period.map(|end| zone.day_of(end / MICROS_PER_SEC));
        let item = Item::by_name(&self.item)?;
        Some(Charge {
            term: self.term(),
            item,
            zone: unless_empty(&self.zone, Region::by_name)?,
            days: i32::try_from(first).ok()?..i32::try_from(end).ok()?,
            bytes: self.bytes,
            quantity: self.quantity,
            package_quantity: self.package_quantity.filter(|_| item.is_paid_by_packages()),
            unit_price: self.unit_price,
            amount: self.exact_amount,
            detail: self.amount,
            payable: self.payable,
            status: Status::by_name(&self.status)?,
            corrects: unless_empty(&self.corrects, |month| month.parse::<Month>().ok())?,
            priced_by: Some(by),
            rules: self.rules.split(' ').map(str::to_owned).collect(),
            account: self.account.into_owned(),
            domain: self.domain.into_owned(),
            variant: self.variant.into_owned(),
            app_id: self.app_id.into_owned(),
            price: self.price.into_owned(),
            source: self.source.into_owned(),
            how: self.how.into_owned(),
            shares: Vec::new(),
            assumed: Vec::new(),
        })
    }
}

/// What a text says, if it says anything; `None` where that is none of ours.
fn unless_empty<V>(text: &str, value: impl Fn(&str) -> Option<V>) -> Option<Option<V>> {
    match text {
        "" => Some(None),
        text => value(text).map(Some),
    }
}
