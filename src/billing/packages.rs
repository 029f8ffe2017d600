//! Traffic packages: which bytes of a day they pay for, and what is left of them.
//!
//! Pure: purchases and usage in, what was paid and the state after it out. The state of a month is
//! that after the month before, so whoever bills a month folds [`consume`] over all usage since the
//! first purchase, month by month in order (see [`super::packages_after`]).
//!
//! What is left of a package is counted in package gigabytes and exact: paying for b bytes takes b ×
//! factor × ratio / 10⁹ of it. Where less is left than a day takes, it pays for as many whole bytes as
//! it can: that floor is the only rounding here. What is left after it pays for less than one byte and
//! stays in the package, so nothing is ever lost.
//!
//! Source: BILLING §2 (267/34174; read 2026-11). A package is valid from the day on which it was bought
//! to the same date of the next year, exclusive; from 29 to 28 February. No source gives the time of day.

use std::collections::BTreeMap;
use std::ops::Range;

use rust_decimal::Decimal;

use super::catalogue::{Catalogue, Item};
use super::charge::{Bought, Charge};
use super::error::BillingError;
use super::exact::{Inexact, product, quotient, sum};
use crate::meter::Overflow;
use crate::units::{Gigabytes, Region, Timestamp, Zone, a_year_from, day_text};

/// From this size on a package comes with a year of the mobile live SDK, in GB.
///
/// Source: BILLING §2 and §3 (454/8008).
pub const GIGABYTES_WITH_LICENCE: u32 = 10_000;

/// A package that was bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Who bought it.
    pub account: String,
    /// When: it pays for all of that day.
    pub at: Timestamp,
    /// Its size, in GB of 10⁹ bytes.
    pub gigabytes: u32,
    /// What it cost, where it was not the catalogue's price: 0 for the gift to new users.
    pub fee: Option<Decimal>,
}

/// What is billed where a package pays for a part of a day's usage.
///
/// The published example bills the package gigabytes that are missing at the price of a gigabyte, which
/// contradicts its own ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shortfall {
    /// The bytes that it does not pay for.
    #[default]
    RealGigabytes,
    /// The package gigabytes that those bytes would have taken.
    PackageGigabytes,
}

impl Shortfall {
    /// The shortfall of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        let all = [Shortfall::RealGigabytes, Shortfall::PackageGigabytes];
        all.into_iter().find(|shortfall| shortfall.name() == name)
    }

    /// The name in arguments and files.
    pub const fn name(self) -> &'static str {
        match self {
            Shortfall::RealGigabytes => "real-gigabytes",
            Shortfall::PackageGigabytes => "package-gigabytes",
        }
    }
}

/// A package of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The day on which it was bought, and all others for which it pays.
    pub days: Range<i32>,
    /// Its size, in GB.
    pub gigabytes: u32,
    /// Package gigabytes that are left.
    pub left: Decimal,
}

impl Package {
    /// The first day on which it pays no more, such as `2027-10-01`.
    pub fn until_text(&self) -> String {
        day_text(self.days.end)
    }
}

/// The packages of one account at some time, those first that pay first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    packages: Vec<Package>,
}

/// The packages of all accounts at some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    states: BTreeMap<String, State>,
}

/// Usage for which packages may pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    /// The day, since 1970-01-01.
    pub day: i32,
    /// What it is.
    pub item: Item,
    /// The zone that pays.
    pub zone: Region,
    /// Bytes as logged.
    pub bytes: u64,
}

/// What a package paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which of the account's packages, counted from 0 in the order of [`State::packages`].
    pub package: usize,
    /// Bytes as logged.
    pub bytes: u64,
    /// Package gigabytes that they took.
    pub taken: Decimal,
    /// Package gigabytes that other usage of the same day, item and zone took after it, which is on no line.
    pub besides: Decimal,
    /// Package gigabytes that are left after both.
    pub left: Decimal,
}

/// Usage, and who paid for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// All of it.
    pub usage: Usage,
    /// What packages paid for.
    pub parts: Vec<Part>,
    /// Bytes that are left to be priced.
    pub remaining: u64,
}

/// What usage takes of a package.
#[derive(Clone, Copy, Debug)]
pub struct Takes<'a> {
    /// Ratios by day and zone.
    pub catalogue: &'a Catalogue,
    /// What a logged byte is multiplied with before it is billed.
    pub factor: Decimal,
}

impl State {
    /// The packages of one account before any usage: earliest expiry first, then earliest purchase, then
    /// in the order of `purchases`. They do not extend each other. Days are those of `zone`.
    pub fn new<'a>(purchases: impl IntoIterator<Item = &'a Purchase>, zone: Zone) -> Self {
        let mut packages: Vec<(Range<i32>, Timestamp, u32)> = purchases
            .into_iter()
            .map(|bought| {
                (
                    a_year_from(bought.at.slot().day(zone)),
                    bought.at,
                    bought.gigabytes,
                )
            })
            .collect();
        packages.sort_by_key(|(days, at, _)| (days.end, *at));
        let package = |(days, _, gigabytes): (Range<i32>, Timestamp, u32)| Package {
            days,
            gigabytes,
            left: gigabytes.into(),
        };
        State {
            packages: packages.into_iter().map(package).collect(),
        }
    }

    /// All packages, those first that pay first.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }
}

impl Packages {
    /// The packages of all accounts before any usage. Days are those of `zone`.
    pub fn new(purchases: &[Purchase], zone: Zone) -> Self {
        let mut of_account: BTreeMap<&str, Vec<&Purchase>> = BTreeMap::new();
        for purchase in purchases {
            let bought = of_account.entry(&purchase.account).or_default();
            bought.push(purchase);
        }
        let states = of_account.into_iter();
        let states = states.map(|(account, bought)| (account.to_owned(), State::new(bought, zone)));
        Packages {
            states: states.collect(),
        }
    }

    /// Adds packages of which nothing was used yet.
    pub fn add(&mut self, purchases: &[Purchase], zone: Zone) {
        for (account, more) in Packages::new(purchases, zone).states {
            let state = self.states.entry(account).or_default();
            state.packages.extend(more.packages);
            // Of equal expiry those that were there pay first.
            state.packages.sort_by_key(|package| package.days.end);
        }
    }

    /// Whether nobody has any.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Accounts that have some.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &State)> {
        let states = self.states.iter();
        states.map(|(account, state)| (&account[..], state))
    }

    /// The packages of an account.
    pub fn of(&self, account: &str) -> State {
        self.states.get(account).cloned().unwrap_or_default()
    }

    /// Puts what is left of an account's packages in their place.
    pub fn replace(&mut self, account: &str, left: State) {
        if let Some(state) = self.states.get_mut(account) {
            *state = left;
        }
    }
}

impl Takes<'_> {
    /// What a byte takes of a package, if packages pay for it.
    fn of_byte(&self, usage: &Usage) -> Result<Option<Decimal>, Inexact> {
        let ratio = self
            .catalogue
            .package_ratio(usage.item, usage.zone, usage.day);
        let Some(ratio) = ratio else {
            return Ok(None);
        };
        let byte = Decimal::new(1, Gigabytes::SCALE);
        product(product(ratio.ratio, self.factor)?, byte).map(Some)
    }
}

/// Pays for `uses` with packages, in their order: day by day; of a day playback before upstream, the
/// mainland before AP1, AP2, AP3, NA, EU, ME, AF and SA; of the same item and zone in the order of `uses`. What
/// has no ratio is not paid for.
///
/// Errors: [`BillingError`] if a balance cannot be kept exactly.
/// Source: BILLING §2, order of 2022.
pub fn consume(
    state: &State,
    uses: &[Usage],
    takes: &Takes<'_>,
) -> Result<(State, Vec<Paid>), BillingError> {
    let mut state = state.clone();
    let mut uses = uses.to_vec();
    // The order of use is that of the fields, items and zones.
    uses.sort_by_key(Usage::place);
    let mut paid = Vec::with_capacity(uses.len());
    for usage in uses {
        let (parts, remaining) = match takes.of_byte(&usage)? {
            Some(of_byte) => state.pay(&usage, of_byte)?,
            None => (Vec::new(), usage.bytes),
        };
        paid.push(Paid {
            usage,
            parts,
            remaining,
        });
    }
    Ok((state, paid))
}

/// Usage of which no two are of the same item and zone.
pub(super) fn merged(mut uses: Vec<Usage>) -> Result<Vec<Usage>, Overflow> {
    uses.sort_unstable();
    let mut merged: Vec<Usage> = Vec::with_capacity(uses.len());
    for usage in uses {
        match merged.last_mut() {
            Some(last) if last.place() == usage.place() => {
                last.bytes = last.bytes.checked_add(usage.bytes).ok_or(Overflow)?;
            }
            _ => merged.push(usage),
        }
    }
    Ok(merged)
}

impl Usage {
    /// Day, item and zone, which are the order in which packages pay.
    pub(super) fn place(&self) -> (i32, Item, Region) {
        (self.day, self.item, self.zone)
    }
}

impl State {
    /// Takes what a usage takes, and answers what was paid for and which bytes were not.
    fn pay(&mut self, usage: &Usage, of_byte: Decimal) -> Result<(Vec<Part>, u64), Inexact> {
        let mut remaining = usage.bytes;
        let mut parts = Vec::new();
        for (number, package) in self.packages.iter_mut().enumerate() {
            if remaining == 0 || !package.days.contains(&usage.day) {
                continue;
            }
            let bytes = quotient(package.left, of_byte)?.min(remaining.into());
            let Ok(bytes @ 1..) = u64::try_from(bytes) else {
                continue;
            };
            let taken = product(bytes.into(), of_byte)?;
            package.left = sum(package.left, -taken)?;
            remaining -= bytes;
            parts.push(Part {
                package: number,
                bytes,
                taken,
                besides: Decimal::ZERO,
                left: package.left,
            });
        }
        Ok((parts, remaining))
    }
}

impl Bought for Purchase {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn line(&self, day: i32, catalogue: &Catalogue) -> Result<Charge, BillingError> {
        let size = self.gigabytes.to_string();
        let item = Item::TrafficPackage;
        let mut charge = Charge::purchase(item, &size, &self.account, day, self.fee, catalogue)?;
        charge.cite(&["R12"]);
        charge.how = format!(
            "traffic package of {size} GB, valid to {}, exclusive{}",
            day_text(a_year_from(day).end),
            match GIGABYTES_WITH_LICENCE <= self.gigabytes {
                true => "; a year of the mobile live SDK comes with it",
                false => "",
            }
        );
        Ok(charge)
    }
}

#[cfg(test)]
mod tests;
