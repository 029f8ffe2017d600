//! What may be owed although no source says so: shown, and in no sum.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::catalogue::{Item, Price};
use super::charge::{Charge, Status};
use super::error::BillingError;
use super::exact::{Amount, sum, total};
use super::packages::Paid;
use super::tiers;
use super::traffic::Rating;
use crate::registry::Class;
use crate::summary::AccountUsage;
use crate::units::Region;

impl Rating<'_> {
    /// R21: a domain that became a mini-program domain within the month is billed as one for all of
    /// it, but the days before were already settled as standard traffic. What each such day would
    /// have cost less without the domain is a candidate credit; `paid` is what was settled. If a package
    /// paid for them then, the credit is owed in package gigabytes.
    pub(super) fn candidate_credits(
        &self,
        used: &AccountUsage,
        paid: &[Paid],
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let settled = |paid: &Paid| ((paid.usage.day, paid.usage.zone), paid.remaining);
        let paid = paid
            .iter()
            .filter(|paid| paid.usage.item == Item::StandardTraffic);
        let settled: BTreeMap<(i32, Region), u64> = paid.map(settled).collect();
        let month = self.days();
        for of_domain in &used.domains {
            let added = of_domain
                .mini_program_from
                .filter(|day| month.contains(day));
            let (Class::MiniProgram, Some(added)) = (of_domain.owner.class, added) else {
                continue;
            };
            for (day, bytes) in (month.start..added).zip(&of_domain.days) {
                let rules = self.catalogue.rules(day)?;
                if *bytes == 0 || Rating::is_standard(Class::MiniProgram, rules) {
                    continue;
                }
                let zone = rules.zone(of_domain.region);
                let others = settled.get(&(day, zone)).copied().unwrap_or(0);
                let with = others.checked_add(*bytes).ok_or(crate::meter::Overflow)?;
                let price = self.catalogue.price(Item::StandardTraffic, zone, day)?;
                let (with, unit_price) = self.day_costs(price, with)?;
                let (without, _) = self.day_costs(price, others)?;
                let mut credit = self.by_bytes(price, *bytes, unit_price, day..day + 1)?;
                credit.account.clone_from(&used.account);
                credit.domain.clone_from(&of_domain.domain);
                credit.zone = Some(zone);
                credit.status = Status::NeedsReview;
                credit.amount = Amount::new(sum(without, -with)?);
                credit.cite(&["R19", "R21"]);
                credit.how = "settled as standard traffic that day, and billed again as \
                    mini-program traffic of the month: ask for a credit"
                    .to_owned();
                charges.push(credit);
            }
        }
        Ok(())
    }

    /// What a day of so many bytes costs, and the price of its last unit.
    fn day_costs(&self, price: &Price, bytes: u64) -> Result<(Decimal, Decimal), BillingError> {
        let parts = tiers::price(price.model, &price.tiers, self.gigabytes(bytes)?)?;
        let unit_price = parts.last().map_or(Decimal::ZERO, |part| part.price);
        Ok((total(parts.iter().map(|part| part.amount))?, unit_price))
    }
}
