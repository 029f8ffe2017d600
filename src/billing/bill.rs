//! The bill of a month: charges by account, rounded, and what nobody priced.

use rust_decimal::Decimal;

use super::charge::{Charge, Status};
use super::error::BillingError;
use super::exact::{DETAIL_PLACES, Inexact, decimal, sum, total};
use super::licence::Term;
use super::licensed::Unlicensed;
use super::packages::Packages;
use super::transcoding;
use crate::registry::Class;
use crate::units::{Gigabytes, Month, Region, Zone, day_text, invariant};

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

/// Usage of an account that was priced as that of a zone although its region is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumed {
    /// Whose it is.
    pub account: String,
    /// The closed month that has more of it, or less, than bills said before; `None` for the bill's own.
    pub corrects: Option<Month>,
    /// What the log says: `unknown` or `overseas`.
    pub region: Region,
    /// The zone whose price it paid.
    pub zone: Region,
    /// Bytes as logged; of a closed month less than 0 where there are fewer.
    pub bytes: i128,
}

impl Assumed {
    /// Gigabytes as logged.
    ///
    /// Errors: [`Inexact`].
    pub fn gigabytes(&self) -> Result<Decimal, Inexact> {
        decimal(self.bytes, Gigabytes::SCALE)
    }

    /// What its region says of clients.
    pub const fn whose(&self) -> &'static str {
        clients_of(self.region)
    }
}

/// What a region that is no zone says of clients.
pub(super) const fn clients_of(region: Region) -> &'static str {
    match region {
        Region::Overseas => "of clients abroad in no zone that the log tells",
        _ => "of clients of unknown region",
    }
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

impl AccountBill {
    /// `PRICE-1`: the lines sum to the bill.
    pub(super) fn check(&self) -> Result<(), BillingError> {
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
