//! What a closed month would cost now, less what was billed for it: lines of the next bill.
//!
//! It does not matter why they differ: usage that came late or was replaced, a registry that moved a
//! domain, another catalogue. Lines of the same account, item, variant, domain or AppID, zone and days are
//! compared, and what is billed for them is all that was ever billed: with the month, and as corrections
//! since.
//! So the corrections of all bills and the closed bill always add up to what the month costs now, in bytes,
//! quantity and money. A line of which only the quantity changed is corrected, too, though nothing is paid
//! for it: minutes that a package paid are told. So is a line that takes more or less of packages for the same
//! bytes or minutes, since that is what is left of them; of months that were closed before that was kept on their
//! lines, only if anything else changed.
//!
//! What may be asked for of a closed month (R21) is compared in the same way, apart from what is charged: it is in
//! no sum of this bill either. What was settled by the day before its domain was added stays charged, see
//! `super::settled`.
//!
//! A correction is in the currency in which its month was billed, and names the catalogue of the price that
//! it shows: that by which the month is priced now, or, of what is not there any more, that by which it was
//! billed last. Amounts of two currencies are refused, never added.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::bill::Bill;
use super::catalogue::{Catalogue, Item};
use super::charge::{Charge, PricedBy, Status};
use super::error::BillingError;
use super::exact::{Amount, DETAIL_PLACES, Inexact, QUANTITY_PLACES, sum};
use crate::units::Month;

/// What two lines have in common that are compared.
pub(super) type Key = (
    String,
    Item,
    (String, String),
    Option<crate::units::Region>,
    (i32, i32),
);

/// Products that the words of a correction name, of each side.
const PRODUCTS_SHOWN_MAX: usize = 3;

/// What stands on lines of one key.
struct Sums<'a> {
    bytes: i128,
    quantity: Decimal,
    money: Decimal,
    /// What was taken of packages; `None` where a line does not tell.
    packages: Option<Decimal>,
    /// Quantity and price of each line, while all of them are the product of both.
    products: Option<Vec<(Decimal, Decimal)>>,
    /// The last of them, for what is not summed.
    line: Option<&'a Charge>,
}

impl Sums<'_> {
    /// Of no line.
    const NONE: Sums<'static> = Sums {
        bytes: 0,
        quantity: Decimal::ZERO,
        money: Decimal::ZERO,
        packages: Some(Decimal::ZERO),
        products: Some(Vec::new()),
        line: None,
    };

    /// Bytes, quantity and money.
    fn numbers(&self) -> (i128, Decimal, Decimal) {
        (self.bytes, self.quantity, self.money)
    }

    /// Whether both say the same, as far as both tell.
    fn is_as(&self, other: &Self) -> bool {
        let taken = self.packages.zip(other.packages);
        self.numbers() == other.numbers() && taken.is_none_or(|(a, b)| a == b)
    }

    /// In words: money, and what it is for; or package gigabytes that may be owed.
    fn text(&self, of: &Charge) -> String {
        let (item, quantity) = (of.item, self.quantity.normalize());
        if of.package_gigabytes_owed().is_some() {
            return format!("{quantity} package GB");
        }
        let what = match item.is_of_logs() || item.is_bandwidth() {
            true => format!("{} B", self.bytes),
            false => format!("{quantity} {}", item.unit()),
        };
        format!("{} for {what}", self.money.normalize())
    }

    /// In words: of which products it is the sum, if it is of few, and what it took of packages, if it did.
    fn made_text(&self, item: Item) -> String {
        let products = self.products.iter().flatten();
        let product = |(quantity, price): &(Decimal, Decimal)| {
            format!(
                "{} {} × {}",
                quantity.normalize(),
                item.unit(),
                price.normalize()
            )
        };
        let products: Vec<String> = products.map(product).collect();
        let products = match products.len() {
            1..=PRODUCTS_SHOWN_MAX => format!(" ({})", products.join(" + ")),
            _ => String::new(),
        };
        match self.packages.filter(|taken| !taken.is_zero()) {
            Some(taken) => format!("{products}, taking {} of packages", taken.normalize()),
            None => products,
        }
    }
}

/// The lines that correct what was billed for `month`: `billed` so far, and what it costs `now` by a
/// catalogue.
///
/// Errors: [`BillingError`], `Rerated` where the catalogue is in another currency.
pub fn corrections(
    month: Month,
    billed: &[Charge],
    now: &Bill,
    catalogue: &Catalogue,
) -> Result<Vec<Charge>, BillingError> {
    let of_month = || billed.iter().filter(|charge| charge.month() == month);
    let currencies = of_month().filter_map(|charge| Some(&charge.priced_by.as_ref()?.currency));
    if let Some(other) = currencies.into_iter().find(|of| **of != catalogue.currency) {
        return Err(BillingError::Rerated {
            month,
            billed: other.clone(),
            currency: catalogue.currency.clone(),
        });
    }
    let priced_by = Arc::new(PricedBy::new(catalogue));
    let mut lines = Vec::new();
    for status in [Status::Charged, Status::NeedsReview] {
        let before = sums(of_month(), status)?;
        let now = now.accounts.iter().flat_map(|account| &account.charges);
        let after = sums(now, status)?;
        differences(month, &before, &after, &priced_by, &mut lines)?;
    }
    Ok(lines)
}

/// Adds a line for each key of which there is more now, or less.
fn differences(
    month: Month,
    before: &BTreeMap<Key, Sums<'_>>,
    after: &BTreeMap<Key, Sums<'_>>,
    priced_by: &Arc<PricedBy>,
    lines: &mut Vec<Charge>,
) -> Result<(), BillingError> {
    let mut keys: Vec<&Key> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let none = Sums::NONE;
    for key in keys {
        let (was, is) = (
            before.get(key).unwrap_or(&none),
            after.get(key).unwrap_or(&none),
        );
        if !was.is_as(is) {
            let mut line = correction(month, was, is)?;
            // What is not there any more was priced by what it names.
            if is.line.is_some() || line.priced_by.is_none() {
                line.priced_by = Some(Arc::clone(priced_by));
            }
            lines.push(line);
        }
    }
    Ok(())
}

pub(super) fn key(charge: &Charge) -> Key {
    let Range { start, end } = charge.days;
    (
        charge.account.clone(),
        charge.item,
        (charge.subject().to_owned(), charge.variant.clone()),
        charge.zone,
        (start, end),
    )
}

fn sums<'a>(
    charges: impl Iterator<Item = &'a Charge>,
    status: Status,
) -> Result<BTreeMap<Key, Sums<'a>>, BillingError> {
    let mut sums: BTreeMap<Key, Sums<'a>> = BTreeMap::new();
    for charge in charges.filter(|charge| charge.status == status) {
        let of_key = sums.entry(key(charge)).or_insert(Sums::NONE);
        of_key.bytes = of_key.bytes.checked_add(charge.bytes).ok_or(Inexact)?;
        // As it is written, so that what was billed and what is now can be the same.
        let quantity = Amount::new(charge.quantity).round(QUANTITY_PLACES)?;
        of_key.quantity = sum(of_key.quantity, quantity)?;
        of_key.money = sum(of_key.money, charge.money()?)?;
        let taken = of_key.packages.zip(charge.package_quantity);
        of_key.products = of_key.products.take().filter(|_| charge.is_product());
        if let Some(products) = of_key
            .products
            .as_mut()
            .filter(|_| !charge.unit_price.is_zero())
        {
            products.push((charge.quantity, charge.unit_price));
        }
        of_key.packages = taken.map(|(all, taken)| sum(all, taken)).transpose()?;
        of_key.line = Some(charge);
    }
    Ok(sums)
}

impl Charge {
    /// What it costs on the detail of the bill; of a line that needs review, what it would.
    fn money(&self) -> Result<Decimal, Inexact> {
        match (self.status, self.package_gigabytes_owed()) {
            (Status::Charged, _) => Ok(self.detail),
            (Status::NeedsReview, Some(_)) => Ok(Decimal::ZERO),
            (Status::NeedsReview, None) => {
                // As it is written first, like quantities.
                let written = Amount::new(self.amount.round(QUANTITY_PLACES)?);
                written.round(DETAIL_PLACES)
            }
        }
    }

    /// Whether both are compared with one another where their month is corrected.
    pub fn is_same(&self, other: &Charge) -> bool {
        let are_charged = [self, other].map(|charge| charge.status == Status::Charged);
        are_charged == [true; 2] && key(self) == key(other)
    }

    /// Says of a correction that it comes from an entry of the registry that was wrong.
    pub fn cite_mended(&mut self, why: &str) {
        self.cite(&["R22", "R26"]);
        self.how = format!(
            "{}; no refund, but a mistake that is mended: {why}",
            self.how
        );
    }
}

fn correction(month: Month, was: &Sums<'_>, is: &Sums<'_>) -> Result<Charge, BillingError> {
    let line = is.line.or(was.line).ok_or(Inexact)?;
    let delta = sum(is.money, -was.money)?;
    let mut charge = line.clone();
    charge.bytes = is.bytes - was.bytes;
    charge.quantity = sum(is.quantity, -was.quantity)?;
    let taken = is.packages.zip(was.packages);
    charge.package_quantity = taken.map(|(is, was)| sum(is, -was)).transpose()?;
    charge.amount = Amount::new(delta);
    (charge.detail, charge.payable) = (Decimal::ZERO, Decimal::ZERO);
    charge.corrects = Some(month);
    charge.how = match (line.status, was.line) {
        (Status::Charged, _) => {
            charge.cite(&["R26", "R32"]);
            format!(
                "{month} was billed with {} of this{}, and is {} now{}{}",
                was.text(line),
                was.made_text(line.item),
                is.text(line),
                is.made_text(line.item),
                is.line.map_or_else(String::new, Charge::assumed_text)
            )
        }
        // Nobody told of it before, and how it came about says all.
        (Status::NeedsReview, None) => charge.how,
        (Status::NeedsReview, Some(_)) => format!(
            "bills told of {} of this that may be asked for of {month}, and it is {} now",
            was.text(line),
            is.text(line)
        ),
    };
    Ok(charge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c11_lines_that_do_not_tell_what_they_took_are_not_corrected_for_it() {
        let mut now = Charge::blank(Item::PackageTraffic, "a", 0..1);
        (now.bytes, now.quantity) = (2_000_000_000, Decimal::TWO);
        now.package_quantity = Some(Decimal::ONE);
        let was = |taken| Charge {
            package_quantity: taken,
            ..now.clone()
        };
        let is_same = |was: &Charge| {
            let [was, is] =
                [was, &now].map(|line| sums([line].into_iter(), Status::Charged).expect("exact"));
            was[&key(&now)].is_as(&is[&key(&now)])
        };
        assert!(is_same(&was(Some(Decimal::ONE))));
        assert!(!is_same(&was(Some(Decimal::TWO))));
        assert!(is_same(&was(None)), "closed before it was kept");
    }
}
