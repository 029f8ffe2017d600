//! How the bill of a month is made: account by account, and rounded once.

use std::collections::BTreeMap;

use super::bill::{AccountBill, Besides, Bill, Unpriced};
use super::charge::{Charge, Status};
use super::error::BillingError;
use super::exact::{Amount, DETAIL_PLACES, PAYABLE_PLACES, apportion, sum, total};
use super::licensed::unlicensed;
use super::terms::BillTerms;
use super::traffic::Rating;
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::AccountUsage;
use crate::units::{BillingMonth, Month};

/// Prices the usage of a month, account by account: at any time the samples of only one are in memory.
///
/// Errors: [`BillingError`].
pub fn bill(
    when: BillingMonth,
    accounts: impl Iterator<Item = Result<AccountUsage, Overflow>>,
    besides: Besides<'_>,
    terms: &BillTerms<'_>,
) -> Result<Bill, BillingError> {
    let BillingMonth { month, zone } = when;
    let rating = Rating::new(month, terms)?;
    let mut packages = besides.packages;
    let mut charges: BTreeMap<String, Vec<Charge>> = BTreeMap::new();
    check_currencies(month, &besides.lines, &terms.catalogue.currency)?;
    for line in besides.lines {
        let of_account = charges.entry(line.account.clone()).or_default();
        of_account.push(line);
    }
    let (mut unpriced, mut without_licence) = (Vec::new(), Vec::new());
    let mut assumed = Vec::new();
    for used in accounts {
        let used = used?;
        unpriced.extend(unpriced_of(&used, &rating)?);
        if let Some(terms) = besides.licences {
            without_licence.extend(unlicensed(&used, terms, when));
        }
        let (mut of_account, left) = rating.charges(&used, &packages.of(&used.account))?;
        assumed.extend(rating.assumed(&used, &mut of_account)?);
        packages.replace(&used.account, left);
        if !of_account.is_empty() {
            charges.entry(used.account).or_default().extend(of_account);
        }
    }
    let accounts = charges.into_iter();
    let accounts = accounts.map(|(account, charges)| settle(account, charges));
    Ok(Bill {
        month,
        zone,
        accounts: accounts.collect::<Result<_, _>>()?,
        unpriced,
        unlicensed: without_licence,
        assumed,
        packages,
        transcoding_packages: besides.transcoding_packages,
    })
}

/// Refuses lines in another currency than the bill's.
fn check_currencies(month: Month, lines: &[Charge], currency: &str) -> Result<(), BillingError> {
    for line in lines {
        let other = line.priced_by.as_ref().map(|by| &by.currency[..]);
        if let Some(other) = other.filter(|other| *other != currency) {
            return Err(BillingError::Currency {
                month,
                currency: currency.to_owned(),
                corrected: line.month(),
                other: other.to_owned(),
            });
        }
    }
    Ok(())
}

/// What is used and has no price.
fn unpriced_of(used: &AccountUsage, rating: &Rating<'_>) -> Result<Vec<Unpriced>, BillingError> {
    let unknown = used
        .domains
        .iter()
        .filter(|days| days.owner.class == Class::Unknown);
    let mut bytes = unknown.flat_map(|days| &days.days);
    let bytes = bytes.try_fold(0_u64, |sum, bytes| sum.checked_add(*bytes));
    let unknown = Unpriced::new(&used.account, Class::Unknown, bytes.ok_or(Overflow)?);
    Ok(unknown.into_iter().chain(rating.free_push(used)?).collect())
}

/// Rounds the charges of an account, which come without, and adds them up (R30, R33).
///
/// What is settled together, the lines of one item and period, is rounded together; what that leaves
/// over goes to single lines (see [`apportion`]), so the lines always add up to what is settled.
fn settle(account: String, mut charges: Vec<Charge>) -> Result<AccountBill, BillingError> {
    charges.sort_by(|a, b| order(a).cmp(&order(b)));
    for charges in charges.chunk_by_mut(|a, b| {
        (a.status, a.corrects, a.item, &a.days) == (b.status, b.corrects, b.item, &b.days)
    }) {
        if charges[0].status == Status::NeedsReview {
            continue;
        }
        let parts: Vec<Amount> = charges.iter().map(|charge| charge.amount).collect();
        let settled = Amount::total(&parts)?.round(DETAIL_PLACES)?;
        let shares = apportion(settled, &parts, DETAIL_PLACES)?;
        for (charge, share) in charges.iter_mut().zip(shares) {
            charge.detail = share;
        }
    }
    let details = total(charges.iter().map(|charge| charge.detail))?;
    let payable = Amount::new(details).round(PAYABLE_PLACES)?;
    let parts: Vec<Amount> = charges.iter().map(|c| Amount::new(c.detail)).collect();
    let shares = apportion(payable, &parts, PAYABLE_PLACES)?;
    for (charge, share) in charges.iter_mut().zip(shares) {
        charge.payable = share;
    }
    let adjustment = sum(payable, -details)?;
    let bill = AccountBill {
        account,
        details,
        payable,
        adjustment,
        charges,
    };
    bill.check()?;
    Ok(bill)
}

fn order(charge: &Charge) -> impl Ord + use<'_> {
    (
        charge.status,
        charge.corrects,
        charge.item,
        charge.days.start,
        charge.days.end,
        charge.subject(),
        &charge.variant,
        charge.zone,
        charge.unit_price,
    )
}
