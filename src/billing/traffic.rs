//! Traffic of an account in a month: which bytes pay which price.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::catalogue::{Catalogue, Days, Item, MiniProgram, Price, Rules};
use super::charge::{Charge, Status};
use super::error::BillingError;
use super::exact::{Amount, Inexact, product};
use super::packages::{Shortfall, State};
use super::terms::{BillTerms, StandardMode};
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::{AccountUsage, DomainDays};
use crate::units::{Bytes, Month, Region, day_text};

/// Bytes of a day in a zone.
pub(super) type ZoneDays = BTreeMap<(i32, Region), u64>;

/// Prices the usage of one month.
pub(super) struct Rating<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) mode: StandardMode,
    pub(super) shortfall: Shortfall,
    month: Days,
    /// Both factors multiplied.
    pub(super) factor: Decimal,
}

impl<'a> Rating<'a> {
    pub(super) fn new(month: Month, terms: &BillTerms<'a>) -> Result<Self, BillingError> {
        let first = month.first_day();
        let days = i32::try_from(month.days()).map_err(|_| Inexact)?;
        Ok(Rating {
            catalogue: terms.catalogue,
            mode: terms.mode,
            shortfall: terms.shortfall,
            month: first..first + days,
            factor: product(terms.overhead.as_decimal(), terms.sampling.as_decimal())?,
        })
    }

    /// The charges of an account, not rounded yet, and its packages after them.
    pub(super) fn charges(
        &self,
        used: &AccountUsage,
        packages: &State,
    ) -> Result<(Vec<Charge>, State), BillingError> {
        let mut charges = Vec::new();
        let by_domain = |a: &DomainDays, b: &DomainDays| a.domain == b.domain;
        for regions in used.domains.chunk_by(by_domain) {
            // What stays billed of it as standard traffic stands behind it.
            if regions[0].owner.class == Class::MiniProgram {
                self.mini_program(regions, &mut charges)?;
            }
        }
        match self.mode {
            StandardMode::Flow => return self.flow(used, packages, charges),
            StandardMode::DailyPeak => {
                self.daily_peaks(used, &mut charges)?;
                self.candidate_peaks(used, &mut charges)?;
            }
            StandardMode::MonthlyAverage => self.monthly_average(used, &mut charges)?,
            StandardMode::Monthly95(drop) => self.monthly_95(used, drop, &mut charges)?,
        }
        // Where bandwidth is settled packages are frozen: they pay for nothing, and run out of time
        // all the same.
        Ok((charges, packages.clone()))
    }

    pub(super) fn days(&self) -> Days {
        self.month.clone()
    }

    /// Whether usage of a class pays the standard price under these rules.
    pub(super) fn is_standard(class: Class, rules: &Rules) -> bool {
        match class {
            Class::Standard => true,
            Class::MiniProgram => rules.mini_program == MiniProgram::AsStandard,
            Class::Push | Class::Unknown => false,
        }
    }

    /// A mini-program domain, all its regions: one price, wherever and with whatever it was
    /// watched (R11, R16, R25).
    fn mini_program(
        &self,
        regions: &[DomainDays],
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let mut spans: BTreeMap<(i32, Option<Region>), (Days, &Price, u64)> = BTreeMap::new();
        for of_region in regions.iter().filter(|of| !of.is_settled) {
            for (day, bytes) in self.month.clone().zip(&of_region.days) {
                let rules = self.catalogue.rules(day)?;
                if *bytes == 0 || rules.mini_program == MiniProgram::AsStandard {
                    continue;
                }
                let zone = rules.zone(of_region.region);
                let price = self.catalogue.price(Item::MiniProgramTraffic, zone, day)?;
                let days = overlap(&overlap(&self.month, &rules.days), &price.days);
                let zone = (!price.zones.is_empty()).then_some(zone);
                let span = spans.entry((days.start, zone)).or_insert((days, price, 0));
                span.2 = span.2.checked_add(*bytes).ok_or(Overflow)?;
            }
        }
        let first = &regions[0];
        for ((_, zone), (days, price, bytes)) in spans {
            let mut rules = vec!["R11", "R14", "R16"];
            let mut how = "mini-program domain".to_owned();
            if let Some(added) = first
                .mini_program_from
                .filter(|day| self.month.contains(day))
            {
                rules.push("R19");
                how = format!(
                    "mini-program domain since {}, so for the whole month",
                    day_text(added)
                );
            }
            let mut charge = self.by_bytes(price, bytes, price.tiers[0].price, days)?;
            charge.account.clone_from(&first.owner.account);
            charge.domain.clone_from(&first.domain);
            charge.app_id.clone_from(&first.owner.app_id);
            charge.zone = zone;
            charge.cite(&rules);
            charge.how = format!("{how}: {}", charge.how);
            charges.push(charge);
        }
        Ok(())
    }

    /// A charge of all of `bytes` at one price.
    pub(super) fn by_bytes(
        &self,
        price: &Price,
        bytes: u64,
        unit_price: Decimal,
        days: Days,
    ) -> Result<Charge, BillingError> {
        let quantity = self.gigabytes(bytes)?;
        let mut rules = price.rules.clone();
        let mut how = format!("{} × {}", human(quantity, "GB"), unit_price.normalize());
        if self.factor != Decimal::ONE {
            rules.push("R60".to_owned());
            how = format!("{bytes} B as logged × {}: {how}", self.factor.normalize());
        }
        Ok(Charge {
            bytes: bytes.into(),
            quantity,
            unit_price,
            amount: Amount::new(product(quantity, unit_price)?),
            rules,
            how,
            ..Charge::of(price, self.catalogue, "", days)
        })
    }

    /// Gigabytes that are billed: as logged, times the factors.
    pub(super) fn gigabytes(&self, bytes: u64) -> Result<Decimal, Inexact> {
        product(Bytes::new(bytes).to_gigabytes().as_decimal(), self.factor)
    }
}

/// What of an account's usage a charge is made of by `terms`: domain, region, bytes, in that order; of a
/// correction, what it is about. Empty where bandwidth is priced: it is made of figures, not of bytes. Where
/// packages pay for a part of a day, it is the usage of all of the day.
///
/// Errors: [`BillingError`].
pub fn parts_of(
    charge: &Charge,
    used: &AccountUsage,
    terms: &BillTerms<'_>,
) -> Result<Vec<(String, Region, u64)>, BillingError> {
    let mut parts = Vec::new();
    if !charge.item.is_of_logs() {
        return Ok(parts);
    }
    let rating = Rating::new(charge.month(), terms)?;
    for of_domain in &used.domains {
        let mut bytes = 0_u64;
        for (day, of_day) in rating.days().zip(&of_domain.days) {
            let rules = rating.catalogue.rules(day)?;
            let class = of_domain.owner.class;
            let is_its_item = match charge.item {
                Item::MiniProgramTraffic => {
                    class == Class::MiniProgram && !Rating::is_standard(class, rules)
                }
                _ if charge.status == Status::NeedsReview => !of_domain.is_settled,
                _ if charge.is_of_push() => class == Class::Push,
                _ => Rating::is_standard(class, rules),
            };
            let is_there = charge
                .zone
                .is_none_or(|zone| zone == rules.zone(of_domain.region));
            if is_its_item && is_there && charge.days.contains(&day) {
                bytes = bytes.checked_add(*of_day).ok_or(Overflow)?;
            }
        }
        let is_meant = charge.domain.is_empty() || charge.domain == of_domain.domain;
        if is_meant && bytes != 0 {
            parts.push((of_domain.domain.clone(), of_domain.region, bytes));
        }
    }
    Ok(parts)
}

impl Charge {
    /// Adds rules, in order and each once.
    pub(super) fn cite(&mut self, rules: &[&str]) {
        self.rules
            .extend(rules.iter().map(|rule| (*rule).to_owned()));
        self.rules.sort_unstable();
        self.rules.dedup();
    }
}

fn overlap(a: &Days, b: &Days) -> Days {
    a.start.max(b.start)..a.end.min(b.end)
}

pub(super) fn human(quantity: Decimal, unit: &str) -> String {
    format!("{} {unit}", quantity.normalize())
}
