//! Traffic of an account in a month: which bytes pay which price.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::bill::BillTerms;
use super::catalogue::{Catalogue, Days, Item, MiniProgram, Price, Rules};
use super::charge::{Charge, Status};
use super::error::BillingError;
use super::exact::{Amount, Inexact, product};
use super::packages::{self, Paid, Part, Shortfall, State, Takes, Usage};
use super::tiers;
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::{AccountUsage, DomainDays, DropRule};
use crate::units::{Bytes, Month, Region};

/// How standard traffic is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StandardMode {
    /// Every day by its bytes.
    #[default]
    Flow,
    /// Every day by its busiest slot.
    DailyPeak,
    /// Every month by the mean of its days' busiest slots, by contract.
    MonthlyAverage,
    /// Every month by its 95th percentile, by contract.
    Monthly95(DropRule),
}

impl StandardMode {
    /// All modes.
    pub const ALL: [StandardMode; 6] = [
        StandardMode::Flow,
        StandardMode::DailyPeak,
        StandardMode::MonthlyAverage,
        StandardMode::Monthly95(DropRule::Floor),
        StandardMode::Monthly95(DropRule::Ceil),
        StandardMode::Monthly95(DropRule::Nearest),
    ];

    /// The mode of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        let mut all = StandardMode::ALL.into_iter();
        all.find(|mode| mode.name() == name)
    }

    /// The name in arguments and on bills.
    pub const fn name(self) -> &'static str {
        match self {
            StandardMode::Flow => "flow",
            StandardMode::DailyPeak => "daily-peak",
            StandardMode::MonthlyAverage => "monthly-average",
            StandardMode::Monthly95(DropRule::Floor) => "monthly-95",
            StandardMode::Monthly95(DropRule::Ceil) => "monthly-95-ceil",
            StandardMode::Monthly95(DropRule::Nearest) => "monthly-95-nearest",
        }
    }
}

/// Bytes of a day in a zone.
pub(super) type ZoneDays = BTreeMap<(i32, Region), u64>;

/// Prices the usage of one month.
pub(super) struct Rating<'a> {
    pub(super) catalogue: &'a Catalogue,
    mode: StandardMode,
    shortfall: Shortfall,
    month: Days,
    /// Both factors multiplied.
    factor: Decimal,
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
            if regions[0].owner.class == Class::MiniProgram {
                self.mini_program(regions, &mut charges)?;
            }
        }
        let (state, paid) = self.settled(used, packages)?;
        match self.mode {
            StandardMode::Flow => {
                for of_day in &paid {
                    self.covered_day(&used.account, of_day, &state, &mut charges)?;
                    self.remaining_day(&used.account, of_day, &mut charges)?;
                }
                self.candidate_credits(used, &paid, &mut charges)?;
            }
            StandardMode::DailyPeak => self.daily_peaks(used, &mut charges)?,
            StandardMode::MonthlyAverage => self.monthly_average(used, &mut charges)?,
            StandardMode::Monthly95(drop) => self.monthly_95(used, drop, &mut charges)?,
        }
        Ok((charges, state))
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
        for of_region in regions {
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
                    super::catalogue::day_text(added)
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

    /// Bytes that pay the standard price and are meant, by day and zone.
    fn standard_days(
        &self,
        used: &AccountUsage,
        is_meant: impl Fn(Class, Region) -> bool,
    ) -> Result<ZoneDays, BillingError> {
        let mut days = ZoneDays::new();
        for of_domain in &used.domains {
            let class = of_domain.owner.class;
            for (day, bytes) in self.month.clone().zip(&of_domain.days) {
                let rules = self.catalogue.rules(day)?;
                let zone = rules.zone(of_domain.region);
                if *bytes != 0 && Rating::is_standard(class, rules) && is_meant(class, zone) {
                    let sum = days.entry((day, zone)).or_default();
                    *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
                }
            }
        }
        Ok(days)
    }

    /// What of the month's standard traffic packages paid for, by day and zone, and the packages after
    /// it. Where bandwidth is settled packages are frozen: they pay for nothing, and run out of time all
    /// the same.
    ///
    /// Of mini-program traffic without a price of its own packages pay for the mainland's: no source
    /// speaks of any other.
    pub(super) fn settled(
        &self,
        used: &AccountUsage,
        packages: &State,
    ) -> Result<(State, Vec<Paid>), BillingError> {
        if self.mode != StandardMode::Flow {
            return Ok((packages.clone(), Vec::new()));
        }
        let usage = |((day, zone), bytes): (&(i32, Region), &u64)| Usage {
            day: *day,
            item: Item::StandardTraffic,
            zone: *zone,
            bytes: *bytes,
        };
        let mut uses = Vec::new();
        if !packages.packages().is_empty() {
            let payable = self.standard_days(used, |class, zone| {
                class == Class::Standard || zone == Region::Mainland
            })?;
            uses.extend(payable.iter().map(usage));
        }
        let takes = Takes {
            catalogue: self.catalogue,
            factor: self.factor,
        };
        let (state, paid) = packages::consume(packages, &uses, &takes)?;
        let mut parts: BTreeMap<(i32, Region), Vec<Part>> = paid
            .into_iter()
            .map(|paid| ((paid.usage.day, paid.usage.zone), paid.parts))
            .collect();
        let all = self.standard_days(used, |_, _| true)?;
        let paid = all.iter().map(|of_day| {
            let parts = parts.remove(of_day.0).unwrap_or_default();
            let covered: u64 = parts.iter().map(|part| part.bytes).sum();
            Paid {
                usage: usage(of_day),
                parts,
                remaining: of_day.1 - covered,
            }
        });
        let paid = paid.collect();
        Ok((state, paid))
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
        charge.zone = Some(zone);
        charge.bytes = covered.into();
        charge.quantity = self.gigabytes(covered)?;
        charge.price.clone_from(&ratio.place);
        self.catalogue
            .source(&ratio.source)
            .clone_into(&mut charge.source);
        charge.cite(&["R12", "R18"]);
        let parts = paid.parts.iter().map(|part| {
            let package = &packages.packages()[part.package];
            format!(
                "{} of the {} GB bought on {} ({} left)",
                part.taken.normalize(),
                package.gigabytes,
                super::catalogue::day_text(package.days.start),
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

    /// What packages did not pay for of a day in a zone: it alone chooses the price of all of it.
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
        if !paid.parts.is_empty() {
            what = "of the day that packages do not pay for";
            let ratio = self.catalogue.package_ratio(item, zone, day);
            if let (Shortfall::PackageGigabytes, Some(ratio)) = (self.shortfall, ratio) {
                gigabytes = product(gigabytes, ratio.ratio)?;
                what = "of packages that the day lacks";
            }
        }
        for part in tiers::price(price.model, &price.tiers, gigabytes)? {
            let mut charge = self.by_bytes(price, paid.remaining, part.price, day..day + 1)?;
            (charge.quantity, charge.amount) = (part.quantity, Amount::new(part.amount));
            charge.item = item;
            charge.account = account.to_owned();
            charge.zone = Some(zone);
            charge.how = format!(
                "{} {what} in {} reach the tier from {} GB: {}",
                human(gigabytes, "GB"),
                zone.name(),
                price.tiers[part.tier].from.normalize(),
                charge.how
            );
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

/// What of an account's usage a charge is made of: domain, region, bytes, in that order. Empty for
/// corrections, and where bandwidth is priced: they are made of figures, not of bytes.
///
/// Errors: [`BillingError`].
pub fn parts_of(
    charge: &Charge,
    used: &AccountUsage,
    terms: &BillTerms<'_>,
) -> Result<Vec<(String, Region, u64)>, BillingError> {
    let mut parts = Vec::new();
    if charge.corrects.is_some() || !charge.item.is_of_logs() {
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
                _ if charge.status == Status::NeedsReview => true,
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
    let (state, _) = Rating::new(month, terms)?.settled(used, packages)?;
    Ok(state)
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

fn human(quantity: Decimal, unit: &str) -> String {
    format!("{} {unit}", quantity.normalize())
}
