//! The bill of a month: charges by account, rounded, and what nobody priced.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::assumed::Assumed;
use super::catalogue::Catalogue;
use super::charge::{Charge, Status};
use super::error::BillingError;
use super::exact::{Amount, DETAIL_PLACES, Inexact, PAYABLE_PLACES, apportion, sum, total};
use super::licence::Term;
use super::licensed::{Unlicensed, unlicensed};
use super::packages::{Packages, Shortfall};
use super::traffic::{Rating, StandardMode};
use super::transcoding;
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::AccountUsage;
use crate::units::{Factor, Month, Zone, day_text, invariant};

/// What a bill is worked out with.
#[derive(Clone, Copy, Debug)]
pub struct BillTerms<'a> {
    /// Prices and rules.
    pub catalogue: &'a Catalogue,
    /// How standard traffic is settled.
    pub mode: StandardMode,
    /// Log-to-bill factor (R60).
    pub overhead: Factor,
    /// Requests that each log line stands for.
    pub sampling: Factor,
    /// What is billed of a day that packages pay in part.
    pub shortfall: Shortfall,
}

/// The bill of a month.
#[derive(Debug)]
pub struct Bill {
    /// The month.
    pub month: Month,
    /// The clock that its days follow.
    pub zone: Zone,
    /// One for each account with usage, in order of their names.
    pub accounts: Vec<AccountBill>,
    /// Usage that has no price.
    pub unpriced: Vec<Unpriced>,
    /// Mini-program domains that were watched without a licence.
    pub unlicensed: Vec<Unlicensed>,
    /// Usage of regions that are no zone, and what it was priced as.
    pub assumed: Vec<Assumed>,
    /// The packages when it ends, which are those of the next month.
    pub packages: Packages,
    /// The transcoding packages when it ends.
    pub transcoding_packages: Vec<transcoding::Package>,
}

impl Bill {
    /// The day on which what is settled by the month is charged, and what corrects other months: the 1st of the
    /// month after (每月1日, R13). What is settled by the day, or bought, was charged before; see
    /// [`Charge::settled_on`].
    pub fn charge_date(&self) -> String {
        day_text(self.month.all_days().end)
    }
}

impl AccountBill {
    /// The bill that `charges` add up to, which are rounded already, and `adjustment`.
    ///
    /// Errors: [`BillingError`].
    pub fn settled(
        account: String,
        charges: Vec<Charge>,
        adjustment: Decimal,
    ) -> Result<Self, BillingError> {
        let bill = AccountBill {
            account,
            details: total(charges.iter().map(|charge| charge.detail))?,
            payable: total(charges.iter().map(|charge| charge.payable))?,
            adjustment,
            charges,
        };
        bill.check()?;
        Ok(bill)
    }

    /// The lines that are in its sums.
    pub fn charged(&self) -> impl Iterator<Item = &Charge> {
        self.with_status(Status::Charged)
    }

    /// The lines that are in no sum and that somebody has to look at.
    pub fn for_review(&self) -> impl Iterator<Item = &Charge> {
        self.with_status(Status::NeedsReview)
    }

    /// What the lines that need review come to, see [`in_review`].
    ///
    /// Errors: [`Inexact`].
    pub fn reviewed(&self) -> Result<(Decimal, Decimal), Inexact> {
        in_review(self.for_review())
    }

    fn with_status(&self, status: Status) -> impl Iterator<Item = &Charge> {
        let charges = self.charges.iter();
        charges.filter(move |charge| charge.status == status)
    }
}

/// What lines that need review come to: an amount, 8 places, and package gigabytes.
///
/// Errors: [`Inexact`].
pub fn in_review<'a>(
    lines: impl Iterator<Item = &'a Charge>,
) -> Result<(Decimal, Decimal), Inexact> {
    let (mut amount, mut gigabytes) = (Decimal::ZERO, Decimal::ZERO);
    for line in lines {
        match line.package_gigabytes_owed() {
            Some(owed) => gigabytes = sum(gigabytes, owed)?,
            None => amount = sum(amount, line.amount.round(DETAIL_PLACES)?)?,
        }
    }
    Ok((amount, gigabytes))
}

/// What an account has to pay for a month.
#[derive(Debug)]
pub struct AccountBill {
    /// The account.
    pub account: String,
    /// Its lines, by item, domain, zone and day.
    pub charges: Vec<Charge>,
    /// The sum of the details, 8 places.
    pub details: Decimal,
    /// What is paid, 2 places.
    pub payable: Decimal,
    /// What is paid less the sum of the details: the line that makes them agree (R30).
    pub adjustment: Decimal,
}

/// Usage that no catalogue prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpriced {
    /// Whose it is; empty where there is no account.
    pub account: String,
    /// Its class.
    pub class: Class,
    /// How much.
    pub bytes: u64,
    /// Why it has no price.
    pub why: &'static str,
}

/// What is on a bill besides the usage of logs.
#[derive(Debug, Default)]
pub struct Besides<'a> {
    /// Lines of this bill: corrections of earlier months, what was bought, services of other meters.
    pub lines: Vec<Charge>,
    /// The packages that accounts have when the month begins.
    pub packages: Packages,
    /// The transcoding packages of accounts when the month ends.
    pub transcoding_packages: Vec<transcoding::Package>,
    /// The terms of licences; `None` where nobody told of any.
    pub licences: Option<&'a [Term]>,
}

/// Prices the usage of a month, account by account: at any time the samples of only one are in memory.
///
/// Errors: [`BillingError`].
pub fn bill(
    (month, zone): (Month, Zone),
    accounts: impl Iterator<Item = Result<AccountUsage, Overflow>>,
    besides: Besides<'_>,
    terms: &BillTerms<'_>,
) -> Result<Bill, BillingError> {
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
            without_licence.extend(unlicensed(&used, terms, month, zone));
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

impl Unpriced {
    /// Usage of a class, if there is any and the class has no price.
    pub fn new(account: &str, class: Class, bytes: u64) -> Option<Self> {
        let why = match class {
            Class::Push => {
                "upstream to a push domain is not playback, and not charged on these days (R17)"
            }
            Class::Unknown => "the registry does not know the domain (R23)",
            Class::MiniProgram | Class::Standard => return None,
        };
        (bytes != 0).then(|| Unpriced {
            account: account.to_owned(),
            class,
            bytes,
            why,
        })
    }
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

impl AccountBill {
    /// `PRICE-1`: the lines sum to the bill.
    fn check(&self) -> Result<(), BillingError> {
        let details = total(self.charges.iter().map(|charge| charge.detail))?;
        let payables = total(self.charges.iter().map(|charge| charge.payable))?;
        let both = (sum(details, self.adjustment)?, payables);
        Ok(invariant::lines_sum_to_the_bill(
            &self.account,
            (self.payable, self.payable),
            both,
        )?)
    }
}
