//! Standard traffic that is settled by bytes, day by day, and what traffic packages pay of it.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{BeyondPackages, Item};
use super::charge::Charge;
use super::error::BillingError;
use super::exact::{Amount, QUANTITY_PLACES, product, total};
use super::packages::{self, Paid, Part, Shortfall, State, Takes, Usage};
use super::review::uses_of;
use super::terms::{BillTerms, StandardMode};
use super::tiers;
use super::traffic::{Rating, ZoneDays, human};
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::{AccountUsage, DomainDays};
use crate::units::{Month, Region, day_text};

impl Rating<'_> {
    /// Adds the charges of every day to `charges`, and answers the packages after the month.
    pub(super) fn flow(
        &self,
        used: &AccountUsage,
        packages: &State,
        mut charges: Vec<Charge>,
    ) -> Result<(Vec<Charge>, State), BillingError> {
        let (state, paid) = self.settled(used, packages)?;
        for of_day in &paid {
            self.covered_day(&used.account, of_day, &state, &mut charges)?;
            self.remaining_day(&used.account, of_day, &mut charges)?;
        }
        self.candidate_credits(used, packages, &mut charges)?;
        Ok((charges, state))
    }

    /// Bytes that are meant and for which packages may pay, by day and zone.
    ///
    /// Of mini-program traffic without a price of its own packages pay for the mainland's: no source
    /// speaks of any other.
    pub(super) fn payable_days(
        &self,
        used: &AccountUsage,
        is_meant: impl Fn(&DomainDays) -> bool,
    ) -> Result<ZoneDays, BillingError> {
        self.standard_days(used, |of, zone| {
            is_meant(of) && (of.owner.class == Class::Standard || zone == Region::Mainland)
        })
    }

    /// Bytes that pay the standard price and are meant, by day and zone.
    pub(super) fn standard_days(
        &self,
        used: &AccountUsage,
        is_meant: impl Fn(&DomainDays, Region) -> bool,
    ) -> Result<ZoneDays, BillingError> {
        let mut days = ZoneDays::new();
        for of_domain in &used.domains {
            let class = of_domain.owner.class;
            for (day, bytes) in self.days().zip(&of_domain.days) {
                let rules = self.catalogue.rules(day)?;
                let zone = rules.zone(of_domain.region);
                if *bytes != 0 && Rating::is_standard(class, rules) && is_meant(of_domain, zone) {
                    let sum = days.entry((day, zone)).or_default();
                    *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
                }
            }
        }
        Ok(days)
    }

    /// What of the month's traffic packages paid for, by day, item and zone, and the packages after it as its
    /// days were settled, see `super::review`: what domains took of them before they were added as mini-program
    /// domains is missing for all that came after it. In a place to which such domains and others sent something on
    /// a day, packages pay for the others first.
    pub(super) fn settled(
        &self,
        used: &AccountUsage,
        packages: &State,
    ) -> Result<(State, Vec<Paid>), BillingError> {
        let push = uses(Item::PushTraffic, self.push_days(used)?);
        let mut payable = Vec::new();
        if !packages.packages().is_empty() {
            payable = uses(Item::StandardTraffic, self.payable_days(used, |_| true)?);
            payable.extend(&push);
        }
        let mut billed: BTreeSet<_> = payable.iter().map(Usage::place).collect();
        if !packages.packages().is_empty() {
            payable.extend(self.settled_besides(used)?);
        }
        let (state, paid) = self.paid(packages, &payable)?;
        let mut parts: BTreeMap<_, Vec<Part>> = BTreeMap::new();
        for Paid {
            usage, parts: of, ..
        } in paid
        {
            if billed.remove(&usage.place()) {
                parts.insert(usage.place(), of);
            } else if let Some(parts) = parts.get_mut(&usage.place()) {
                take_besides(parts, &of);
            }
        }
        let mut all = uses(
            Item::StandardTraffic,
            self.standard_days(used, |_, _| true)?,
        );
        all.extend(push);
        let paid = all.into_iter().map(|usage| {
            let parts = parts.remove(&usage.place()).unwrap_or_default();
            let covered: u64 = parts.iter().map(|part| part.bytes).sum();
            Paid {
                remaining: usage.bytes - covered,
                usage,
                parts,
            }
        });
        let paid = paid.collect();
        Ok((state, paid))
    }

    /// What was settled as standard traffic, when nobody knew that its domains were to be mini-program domains, and
    /// is billed as mini-program traffic alone.
    fn settled_besides(&self, used: &AccountUsage) -> Result<Vec<Usage>, BillingError> {
        let mut besides = Vec::new();
        let stays = self.standard_days(used, |of, _| of.is_settled)?;
        for (day, zones) in &self.candidates(used)? {
            for mut usage in uses_of(zones, *day)? {
                // Of a month that was closed with it, it is billed as both, and among the others.
                let both = stays.get(&(*day, usage.zone)).copied().unwrap_or(0);
                usage.bytes = usage.bytes.checked_sub(both).ok_or(Overflow)?;
                besides.push(usage);
            }
        }
        Ok(besides)
    }

    /// What packages pay of `uses`, and what is left of them.
    pub(super) fn paid(
        &self,
        state: &State,
        uses: &[Usage],
    ) -> Result<(State, Vec<Paid>), BillingError> {
        let takes = Takes {
            catalogue: self.catalogue,
            factor: self.factor,
        };
        packages::consume(state, uses, &takes)
    }

    /// What packages paid for of a day in a zone: a line of nothing that says which.
    fn covered_day(
        &self,
        account: &str,
        paid: &Paid,
        packages: &State,
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let Usage {
            day, zone, item, ..
        } = paid.usage;
        let covered = paid.usage.bytes - paid.remaining;
        let ratio = self.catalogue.package_ratio(item, zone, day);
        let Some(ratio) = ratio.filter(|_| covered != 0) else {
            return Ok(());
        };
        let mut charge = Charge::blank(Item::PackageTraffic, account, day..day + 1);
        item.name().clone_into(&mut charge.variant);
        charge.zone = Some(zone);
        charge.bytes = covered.into();
        charge.quantity = self.gigabytes(covered)?;
        let taken = total(paid.parts.iter().map(|part| part.taken))?;
        charge.package_quantity = Some(Amount::new(taken).round(QUANTITY_PLACES)?);
        charge.price.clone_from(&ratio.place);
        self.catalogue
            .source(&ratio.source)
            .clone_into(&mut charge.source);
        charge.cite(&["R12", "R18"]);
        let parts = paid.parts.iter().map(|part| {
            let package = &packages.packages()[part.package];
            let besides = match part.besides.is_zero() {
                true => String::new(),
                false => format!(
                    "{} taken that day by domains that are mini-program domains of the month, ",
                    part.besides.normalize()
                ),
            };
            format!(
                "{} of the {} GB bought on {} ({besides}{} left)",
                part.taken.normalize(),
                package.gigabytes,
                day_text(package.days.start),
                part.left.normalize(),
            )
        });
        charge.how = format!(
            "{} of the day in {} take {} of a package each: {}",
            human(charge.quantity, "GB"),
            zone.name(),
            human(ratio.ratio, "GB"),
            parts.collect::<Vec<_>>().join(", "),
        );
        charges.push(charge);
        Ok(())
    }

    /// What packages did not pay for of a day in a zone: it alone chooses the price of all of it, or, by the
    /// rules of some days, all of the day does.
    fn remaining_day(
        &self,
        account: &str,
        paid: &Paid,
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let Usage {
            day, zone, item, ..
        } = paid.usage;
        let price = self.catalogue.price(Item::StandardTraffic, zone, day)?;
        let mut gigabytes = self.gigabytes(paid.remaining)?;
        let mut what = "of the day";
        let mut reached = gigabytes;
        let mut reach = "reach".to_owned();
        if !paid.parts.is_empty() {
            what = "of the day that packages do not pay for";
            let ratio = self.catalogue.package_ratio(item, zone, day);
            if let (Shortfall::PackageGigabytes, Some(ratio)) = (self.shortfall, ratio) {
                gigabytes = product(gigabytes, ratio.ratio)?;
                what = "of packages that the day lacks";
            }
            reached = gigabytes;
            if self.catalogue.rules(day)?.beyond_packages == BeyondPackages::DayTier {
                let all = self.gigabytes(paid.usage.bytes)?;
                reach = format!("pay, as all {} of it do,", human(all, "GB"));
                reached = all.max(gigabytes);
            }
        }
        for part in tiers::price_last(price.model, &price.tiers, gigabytes, reached)? {
            let mut charge = self.by_bytes(price, paid.remaining, part.price, day..day + 1)?;
            (charge.quantity, charge.amount) = (part.quantity, Amount::new(part.amount));
            charge.item = item;
            if item == Item::PushTraffic {
                charge.cite(&["R17"]);
            }
            charge.account = account.to_owned();
            charge.zone = Some(zone);
            charge.how = format!(
                "{} {what} in {}{} {reach} the tier from {} GB: {}",
                human(gigabytes, "GB"),
                zone.name(),
                direction(item),
                price.tiers[part.tier].from.normalize(),
                charge.how
            );
            charges.push(charge);
        }
        Ok(())
    }
}

/// Adds to what packages paid for what they paid for after it in the same place, and tells what is left then.
fn take_besides(parts: &mut [Part], besides: &[Part]) {
    for of in besides {
        let same = parts.iter_mut().find(|part| part.package == of.package);
        if let Some(part) = same {
            (part.besides, part.left) = (of.taken, of.left);
        }
    }
}

/// Days and zones as usage of an item.
fn uses(item: Item, days: ZoneDays) -> Vec<Usage> {
    let days = days.into_iter();
    let usage = |((day, zone), bytes)| Usage {
        day,
        item,
        zone,
        bytes,
    };
    days.map(usage).collect()
}

/// Words for usage that is no playback.
const fn direction(item: Item) -> &'static str {
    match item {
        Item::PushTraffic => ", upstream,",
        _ => "",
    }
}

/// The packages of an account after a month, which were `packages` before it: what a later month is
/// billed with, since packages pay for the usage of all months since they were bought. Fold it over
/// those months, in order, each with the terms that it was billed by.
///
/// Errors: [`BillingError`].
pub fn packages_after(
    month: Month,
    used: &AccountUsage,
    packages: &State,
    terms: &BillTerms<'_>,
) -> Result<State, BillingError> {
    let rating = Rating::new(month, terms)?;
    match rating.mode {
        StandardMode::Flow => Ok(rating.settled(used, packages)?.0),
        _ => Ok(packages.clone()),
    }
}
