//! Reading `charges` back: what was billed for a closed month, as it was published.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, Decimal128Array, PrimitiveArray, RecordBatch, StringArray};
use arrow::datatypes::{Decimal128Type, Int64Type, TimestampMicrosecondType};
use rust_decimal::Decimal;

use super::charges::{MICROS_PER_SEC, PRECISION_ADJUSTMENT};
use super::dataset::PublishError;
use super::frozen::{each_batch, numbers, texts};
use crate::billing::{Amount, Charge, Item, PricedBy, Status};
use crate::units::{Region, Timestamp, Zone};

/// What was billed.
#[derive(Debug, Default)]
pub struct Billed {
    /// All lines, in their order.
    pub charges: Vec<Charge>,
    /// The precision adjustments of accounts that have one.
    pub adjustments: Vec<(String, Decimal)>,
}

/// The lines of a month of `charges`, from its folder; days are those of `zone`.
///
/// Errors: [`PublishError`], `Frozen` where a file is not what we write.
pub fn read_charges(folder: &Path, zone: Zone) -> Result<Billed, PublishError> {
    let mut billed = Billed::default();
    each_batch(folder, &[], |batch| {
        let mut columns = Columns::of(batch)?;
        for at in 0..batch.num_rows() {
            let (account, item) = (columns.text(0, at), columns.text(1, at));
            if item == PRECISION_ADJUSTMENT {
                let adjustment = decimal(columns.amount, at)?;
                billed.adjustments.push((account.to_owned(), adjustment));
            } else {
                billed.charges.push(columns.charge(at, zone)?);
            }
        }
        Some(())
    })?;
    Ok(billed)
}

struct Columns<'a> {
    texts: [&'a StringArray; 15],
    /// The catalogue of the last line: most lines have the same.
    priced_by: Option<Arc<PricedBy>>,
    period: [&'a PrimitiveArray<TimestampMicrosecondType>; 2],
    /// Months that were closed before it was kept have none.
    term: Option<[&'a PrimitiveArray<TimestampMicrosecondType>; 2]>,
    bytes: &'a PrimitiveArray<Int64Type>,
    quantity: &'a Decimal128Array,
    /// Months that were closed before it was kept have none.
    package_quantity: Option<&'a Decimal128Array>,
    unit_price: &'a Decimal128Array,
    exact_amount: &'a Decimal128Array,
    amount: &'a Decimal128Array,
    payable: &'a Decimal128Array,
}

impl<'a> Columns<'a> {
    const TEXTS: [&'static str; 15] = [
        "account",
        "item",
        "domain",
        "app_id",
        "zone",
        "status",
        "corrects",
        "rules",
        "price",
        "source",
        "explanation",
        "variant",
        "catalogue",
        "catalogue_digest",
        "currency",
    ];

    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let mut columns = [None; 15];
        for (column, name) in columns.iter_mut().zip(Columns::TEXTS) {
            *column = Some(texts(batch, name)?);
        }
        let decimals = |name| -> Option<&'a Decimal128Array> {
            batch
                .column_by_name(name)?
                .as_primitive_opt::<Decimal128Type>()
        };
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = columns;
        Some(Columns {
            texts: [a?, b?, c?, d?, e?, f?, g?, h?, i?, j?, k?, l?, m?, n?, o?],
            priced_by: None,
            period: [
                numbers(batch, "period_start")?,
                numbers(batch, "period_end")?,
            ],
            term: numbers(batch, "term_start")
                .zip(numbers(batch, "term_end"))
                .map(|(start, end)| [start, end]),
            bytes: numbers(batch, "metered_bytes")?,
            quantity: decimals("quantity")?,
            package_quantity: decimals("package_quantity"),
            unit_price: decimals("unit_price")?,
            exact_amount: decimals("exact_amount")?,
            amount: decimals("amount")?,
            payable: decimals("payable")?,
        })
    }

    fn text(&self, column: usize, at: usize) -> &'a str {
        self.texts[column].value(at)
    }

    /// The catalogue that priced a line.
    fn priced_by(&mut self, at: usize) -> Arc<PricedBy> {
        let [name, digest, currency] = [12, 13, 14].map(|column| self.text(column, at));
        let is_it = |by: &&Arc<PricedBy>| (&by.name[..], &by.digest[..]) == (name, digest);
        if let Some(same) = self.priced_by.as_ref().filter(is_it) {
            return Arc::clone(same);
        }
        let other = Arc::new(PricedBy {
            name: name.to_owned(),
            digest: digest.to_owned(),
            currency: currency.to_owned(),
        });
        Arc::clone(self.priced_by.insert(other))
    }

    /// For when a line is, where that is not the time in which it was bought.
    fn term(&self, at: usize) -> Option<Range<Timestamp>> {
        let ends = |of: [&PrimitiveArray<TimestampMicrosecondType>; 2]| of.map(|end| end.value(at));
        let term = ends(self.term?);
        let [start, end] = term.map(|end| Timestamp::from_unix_secs(end / MICROS_PER_SEC));
        (term != ends(self.period)).then_some(start?..end?)
    }

    fn charge(&mut self, at: usize, zone: Zone) -> Option<Charge> {
        let priced_by = Some(self.priced_by(at));
        let text = |column| self.text(column, at);
        let owned = |column| self.text(column, at).to_owned();
        let day = |end: usize| {
            i32::try_from(zone.day_of(self.period[end].value(at) / MICROS_PER_SEC)).ok()
        };
        let region = match text(4) {
            "" => None,
            name => Some(Region::by_name(name)?),
        };
        let corrects = match text(6) {
            "" => None,
            month => Some(month.parse().ok()?),
        };
        let item = Item::by_name(text(1))?;
        let taken = self.package_quantity.filter(|_| item.is_paid_by_packages());
        let taken = taken.map(|column| decimal(column, at));
        Some(Charge {
            account: owned(0),
            item,
            domain: owned(2),
            variant: owned(11),
            app_id: owned(3),
            zone: region,
            days: day(0)?..day(1)?,
            term: self.term(at),
            bytes: self.bytes.value(at).into(),
            quantity: decimal(self.quantity, at)?,
            package_quantity: match taken {
                Some(taken) => Some(taken?),
                None => None,
            },
            unit_price: decimal(self.unit_price, at)?,
            amount: Amount::new(decimal(self.exact_amount, at)?),
            detail: decimal(self.amount, at)?,
            payable: decimal(self.payable, at)?,
            status: Status::by_name(text(5))?,
            corrects,
            priced_by,
            rules: text(7).split(' ').map(str::to_owned).collect(),
            price: owned(8),
            source: owned(9),
            how: owned(10),
            shares: Vec::new(),
            assumed: Vec::new(),
        })
    }
}

pub(super) fn decimal(column: &Decimal128Array, at: usize) -> Option<Decimal> {
    let scale = u32::try_from(column.scale()).ok()?;
    let (mut mantissa, mut scale) = (column.value(at), scale);
    while 0 < scale && mantissa % 10 == 0 {
        (mantissa, scale) = (mantissa / 10, scale - 1);
    }
    Decimal::try_from_i128_with_scale(mantissa, scale).ok()
}
