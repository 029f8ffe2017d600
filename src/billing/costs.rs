//! What each domain costs: the lines of an account, split by what made them (R33).
//!
//! Standard traffic is settled by account, so a line of it is made of many domains. It is split, to
//! the last digit, by the bytes that made it:
//!
//! | line | is split by |
//! |---|---|
//! | traffic of a day, upstream too | the bytes of the day in the zone that pay for it |
//! | what packages paid of a day | the bytes of the day that they may pay for |
//! | the peak of a day | the bytes of the busiest slot; of equals the first |
//! | the mean of a month's peaks | the bytes of all those slots |
//! | a 95th percentile | the bytes of the slot that is taken; of equals the first |
//! | mini-program traffic | the bytes of the line, which are of one domain; by regions |
//! | a correction | what each domain's parts of the corrected line are now, less what they were |
//!
//! Of what packages may pay for, they pay the same part of each domain; the traffic that is left is the
//! rest of each.
//!
//! Shares of a line add up to its bytes, its quantity and its amount on the detail of the bill (8 places).
//! Each is rounded down, and the units that are left go to the shares that lost most by it, the first of
//! equals first: in the order of domains and regions, so the same bill gives the same shares. Bytes
//! are shared first, and all else by them. What is paid, 2 places, is not shared: the precision adjustment
//! is of the account.
//!
//! Lines that traffic did not make have no shares: what was bought, and what other meters counted. Nor have
//! lines that need review, which are in no sum. What nobody made any more, which corrections of months
//! that were closed before shares were kept may have, is a share of the line's domain, or else without one.

use std::ops::Range;

use rust_decimal::Decimal;

use super::bandwidth::Curves;
use super::bill::Bill;
use super::catalogue::{Item, Rules};
use super::charge::{Charge, Cost};
use super::error::BillingError;
use super::exact::{Amount, DETAIL_PLACES, Inexact, product, sum, total};
use super::shares::{shared_units, shares};
use super::terms::BillTerms;
use super::traffic::Rating;
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::{AccountUsage, MonthUsage, Owners};
use crate::units::{Gigabytes, Month, Region, SLOTS_PER_DAY};

/// Places of a quantity's shares at least: those of bytes in gigabytes.
const QUANTITY_PLACES_MIN: u32 = Gigabytes::SCALE;
/// … and at most, which is what datasets hold.
const QUANTITY_PLACES_MAX: u32 = 18;

/// Usage that shares are worked out from, and whose it is.
#[derive(Clone, Copy)]
pub struct Makers<'a> {
    /// The month.
    pub usage: MonthUsage<'a>,
    /// Whose it is.
    pub owners: &'a dyn Owners,
}

/// Hands every line that traffic made, in the order of the bill, with its shares to `each`. `makers` made
/// the bill by `terms`; `None` where it is of no traffic but that of corrections.
///
/// Errors: those of `each`, and [`BillingError`].
pub fn costs<E: From<BillingError>>(
    bill: &Bill,
    makers: Option<Makers<'_>>,
    terms: &BillTerms<'_>,
    mut each: impl FnMut(&Charge, Vec<Cost>) -> Result<(), E>,
) -> Result<(), E> {
    let rating = Rating::new(bill.month, terms)?;
    let accounts = makers.map(|of| of.usage.accounts(of.owners));
    let mut accounts = accounts.into_iter().flatten().peekable();
    for account in &bill.accounts {
        let mut used = None;
        // Both are in the order of names; accounts that pay nothing are in usage only.
        while let Some(next) =
            accounts.next_if(|of| !matches!(of, Ok(of) if account.account < of.account))
        {
            used = Some(next.map_err(BillingError::from)?);
        }
        let used = used.filter(|of| of.account == account.account);
        let is_of_slots = account.charges.iter().any(|of| of.item.is_bandwidth());
        let curves = match used.as_ref().filter(|_| is_of_slots) {
            Some(used) => [
                rating.curves(used, Rating::is_standard)?,
                rating.curves(used, |class, _| class == Class::Push)?,
            ],
            None => Default::default(),
        };
        let splitting = Splitting {
            rating: &rating,
            month: bill.month,
            made: makers.zip(used.as_ref()),
            curves,
        };
        for charge in account.charges.iter().filter(|charge| charge.is_shared()) {
            each(charge, splitting.of(charge)?)?;
        }
    }
    Ok(())
}

/// What the lines of an account are split with.
struct Splitting<'a> {
    rating: &'a Rating<'a>,
    month: Month,
    made: Option<(Makers<'a>, &'a AccountUsage)>,
    /// Of playback and of upstream, where bandwidth is priced.
    curves: [Curves; 2],
}

/// Bytes by the place of a domain and region in an account's usage.
type Weights = Vec<(usize, u64)>;

impl Splitting<'_> {
    fn of(&self, charge: &Charge) -> Result<Vec<Cost>, BillingError> {
        if charge.corrects.is_some() {
            return with_rest(charge, charge.shares.clone());
        }
        let mut weights = match &self.made {
            Some((makers, used)) => self.weights(charge, makers, used)?,
            None => Weights::new(),
        };
        weights.retain(|(_, bytes)| *bytes != 0);
        let Some((_, used)) = self.made.filter(|_| !weights.is_empty()) else {
            return with_rest(charge, Vec::new());
        };
        let bytes: Vec<u64> = weights.iter().map(|(_, bytes)| *bytes).collect();
        let places = charge.quantity.normalize().scale();
        let places = places.clamp(QUANTITY_PLACES_MIN, QUANTITY_PLACES_MAX);
        let quantity = Amount::new(charge.quantity).round(places)?;
        let quantities = shares(quantity, &bytes, places)?;
        let packages = self.package_gigabytes(charge)?;
        let packages = shares(packages, &bytes, QUANTITY_PLACES_MAX)?;
        let amounts = shares(charge.detail, &bytes, DETAIL_PLACES)?;
        let mut costs = Vec::with_capacity(weights.len());
        for (at, bytes) in shared_units(charge.bytes, &bytes)?.into_iter().enumerate() {
            let of = &used.domains[weights[at].0];
            costs.push(Cost {
                domain: of.domain.clone(),
                class: of.owner.class,
                region: of.region,
                bytes,
                quantity: quantities[at],
                package_gigabytes: packages[at],
                amount: amounts[at],
            });
        }
        Ok(costs)
    }

    /// What a line took of packages.
    fn package_gigabytes(&self, charge: &Charge) -> Result<Decimal, BillingError> {
        let item = match charge.is_of_push() {
            true => Item::PushTraffic,
            false => Item::StandardTraffic,
        };
        let (zone, day) = (charge.zone.unwrap_or(Region::Mainland), charge.days.start);
        match self.rating.catalogue.package_ratio(item, zone, day) {
            Some(ratio) if charge.item == Item::PackageTraffic => {
                let taken = product(charge.quantity, ratio.ratio)?;
                Ok(Amount::new(taken).round(QUANTITY_PLACES_MAX)?)
            }
            _ => Ok(Decimal::ZERO),
        }
    }

    /// What each domain and region did for a line.
    fn weights(
        &self,
        charge: &Charge,
        makers: &Makers<'_>,
        used: &AccountUsage,
    ) -> Result<Weights, BillingError> {
        match charge.item {
            Item::MiniProgramTraffic => {
                let of_domain = |name: &str| name == charge.domain;
                // Domains are in the order of their names.
                let from = used.domains.partition_point(|of| of.domain < charge.domain);
                let there = used.domains[from..].iter();
                let there = there.take_while(|of| of_domain(&of.domain)).count();
                let is_meant = |class, rules: &Rules| !Rating::is_standard(class, rules);
                self.by_bytes(charge, used, from..from + there, is_meant)
            }
            Item::PackageTraffic => {
                let payable = self.payable(charge, used)?;
                let (places, bytes): (Vec<usize>, Vec<u64>) = payable.into_iter().unzip();
                Ok(places.into_iter().zip(of_all(charge, &bytes)?).collect())
            }
            Item::StandardTraffic | Item::PushTraffic => self.remaining(charge, used),
            _ => self.in_slots(charge, makers, used),
        }
    }

    /// Bytes of the days and zone of a line of the classes that are meant, of some domains.
    fn by_bytes(
        &self,
        charge: &Charge,
        used: &AccountUsage,
        places: Range<usize>,
        is_meant: impl Fn(Class, &Rules) -> bool,
    ) -> Result<Weights, BillingError> {
        let first = self.month.first_day();
        let mut weights: Weights = places.map(|place| (place, 0)).collect();
        for day in charge.days.clone() {
            let rules = self.rating.catalogue.rules(day)?;
            for (place, sum) in &mut weights {
                let of = &used.domains[*place];
                let is_there = charge.zone.is_none_or(|zone| zone == rules.zone(of.region));
                let bytes = usize::try_from(day - first).ok();
                let bytes = bytes.and_then(|day| of.days.get(day)).copied();
                if is_there && is_meant(of.owner.class, rules) {
                    *sum = sum.checked_add(bytes.unwrap_or(0)).ok_or(Overflow)?;
                }
            }
        }
        Ok(weights)
    }

    /// The bytes of a day's line before packages paid.
    fn all(&self, charge: &Charge, used: &AccountUsage) -> Result<Weights, BillingError> {
        let is_of_push = charge.is_of_push();
        let is_meant = |class, rules: &Rules| match is_of_push {
            true => class == Class::Push,
            false => Rating::is_standard(class, rules),
        };
        self.by_bytes(charge, used, 0..used.domains.len(), is_meant)
    }

    /// Those of them for which packages may pay: see `Rating::settled`.
    fn payable(&self, charge: &Charge, used: &AccountUsage) -> Result<Weights, BillingError> {
        let mut weights = self.all(charge, used)?;
        for (place, bytes) in &mut weights {
            let is_mini_program = used.domains[*place].owner.class == Class::MiniProgram;
            if is_mini_program && charge.zone != Some(Region::Mainland) {
                *bytes = 0;
            }
        }
        Ok(weights)
    }

    /// The bytes of a day for which packages did not pay.
    fn remaining(&self, charge: &Charge, used: &AccountUsage) -> Result<Weights, BillingError> {
        let mut weights = self.all(charge, used)?;
        let mut all = weights.iter();
        let all = all.try_fold(0_u64, |sum, (_, bytes)| sum.checked_add(*bytes));
        let paid = i128::from(all.ok_or(Overflow)?) - charge.bytes;
        if 0 < paid {
            let payable = self.payable(charge, used)?;
            let payable: Vec<u64> = payable.into_iter().map(|(_, bytes)| bytes).collect();
            let paid = shared_units(paid, &payable)?;
            for ((_, bytes), paid) in weights.iter_mut().zip(paid) {
                *bytes = bytes.saturating_sub(u64::try_from(paid).map_err(|_| Inexact)?);
            }
        }
        Ok(weights)
    }

    /// The bytes of the slots from which a line of bandwidth was taken.
    fn in_slots(
        &self,
        charge: &Charge,
        makers: &Makers<'_>,
        used: &AccountUsage,
    ) -> Result<Weights, BillingError> {
        let is_of_push = charge.is_of_push();
        let curve = charge.zone.and_then(|zone| {
            let curves = &self.curves[usize::from(is_of_push)];
            curves.get(&zone)
        });
        let slots = curve.map_or_else(Vec::new, |curve| self.rating.slots_taken(charge, curve));
        let mut weights = Weights::new();
        for (place, of) in used.domains.iter().enumerate() {
            let mut meant = Vec::new();
            for slot in &slots {
                let day = self.month.first_day() + (slot / SLOTS_PER_DAY).cast_signed();
                let rules = self.rating.catalogue.rules(day)?;
                let is_meant = match is_of_push {
                    true => of.owner.class == Class::Push,
                    false => Rating::is_standard(of.owner.class, rules),
                };
                // Of days before it was added that stay billed, nothing is of those behind.
                let at = usize::try_from(day - self.month.first_day()).ok();
                let bytes = at.and_then(|at| of.days.get(at)).copied();
                let is_there = charge.zone == Some(rules.zone(of.region)) && bytes != Some(0);
                if is_meant && is_there {
                    meant.push(*slot);
                }
            }
            weights.push((place, makers.usage.slots_of(of, &meant)?));
        }
        Ok(weights)
    }
}

/// The bytes of a line, shared by weights; nothing where they are all 0.
fn of_all(charge: &Charge, weights: &[u64]) -> Result<Vec<u64>, Inexact> {
    if weights.iter().all(|weight| *weight == 0) {
        return Ok(vec![0; weights.len()]);
    }
    let shares = shared_units(charge.bytes, weights)?.into_iter();
    let shares = shares.map(|share| u64::try_from(share).map_err(|_| Inexact));
    shares.collect()
}

/// `costs`, and a share for what they are short of their line: of the line's domain, where it has one.
fn with_rest(charge: &Charge, mut costs: Vec<Cost>) -> Result<Vec<Cost>, BillingError> {
    let bytes: i128 = costs.iter().map(|cost| cost.bytes).sum();
    let quantity = total(costs.iter().map(|cost| cost.quantity))?;
    let amount = total(costs.iter().map(|cost| cost.amount))?;
    // A line of one domain is of it, whoever made what is left of it.
    let class = match &charge.domain[..] {
        "" => Class::Unknown,
        _ => Class::MiniProgram,
    };
    let rest = Cost {
        domain: charge.domain.clone(),
        class,
        region: Region::Unknown,
        bytes: charge.bytes - bytes,
        quantity: sum(charge.quantity, -quantity)?,
        package_gigabytes: Decimal::ZERO,
        amount: sum(charge.detail, -amount)?,
    };
    if (rest.bytes, rest.quantity, rest.amount) != (0, Decimal::ZERO, Decimal::ZERO) {
        costs.push(rest);
    }
    Ok(costs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c11_what_nobody_made_any_more_stays_with_the_domain_of_its_line() {
        let mut charge = Charge::blank(Item::MiniProgramTraffic, "a", 0..31);
        (charge.bytes, charge.quantity) = (2_000_000_000, Decimal::TWO);
        (charge.detail, charge.corrects) = (Decimal::from(8), Some(Month::of_day(0)));
        let whose = |charge: &Charge| {
            let costs = with_rest(charge, Vec::new()).expect("exact");
            (costs.len(), costs[0].domain.clone(), costs[0].class)
        };
        assert_eq!(whose(&charge), (1, String::new(), Class::Unknown));
        "m.example.cn".clone_into(&mut charge.domain);
        let of_domain = (1, "m.example.cn".to_owned(), Class::MiniProgram);
        assert_eq!(whose(&charge), of_domain);
    }

    #[test]
    fn c11_lines_that_traffic_did_not_make_have_no_shares() {
        let shared = Item::ALL.into_iter();
        let shared = shared.filter(|item| Charge::blank(*item, "a", 0..1).is_shared());
        let names: Vec<&str> = shared.map(Item::name).collect();
        assert_eq!(
            names,
            [
                "mini-program-traffic",
                "standard-traffic",
                "standard-peak",
                "standard-monthly-average",
                "standard-monthly-95",
                "push-traffic",
                "push-peak",
                "package-traffic",
            ]
        );
    }
}
