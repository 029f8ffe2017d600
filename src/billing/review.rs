//! What may be owed although no source says so: shown, and in no sum.
//!
//! A domain that became a mini-program domain within a month is billed as one for all of it (R19), but
//! where standard traffic is settled by the day, the days before were already settled with it. What each
//! such day would have cost less without the domain is a candidate credit (R21): in money what the rest of
//! the day would not have paid, by bytes or by the day's peak; and in package gigabytes what packages would
//! not have paid. Packages are as they were then, when nobody knew that the domain was to be one, so
//! what those days took of them is missing on the days after. Several such domains of a day and zone share
//! what the day would have cost less without all of them, by their bytes: of peaks those of the busiest
//! slot.
//!
//! Where a month is settled as a whole there is nothing to credit: it is settled on the 1st of the next,
//! when the domain is a mini-program domain for all of it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::catalogue::{BeyondPackages, Item, Price};
use super::charge::{Charge, Status};
use super::error::BillingError;
use super::exact::{Amount, Inexact, product, sum, total};
use super::packages::{self, Paid, Part, Shortfall, State, Takes, Usage};
use super::shares::{shared_units, shares};
use super::tiers;
use super::traffic::{Rating, ZoneDays};
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::{AccountUsage, DomainDays};
use crate::units::{Mbps, Region, SLOT_SECS, SLOTS_PER_DAY};

/// Places of money that several domains share.
const SHARED_PLACES: u32 = 12;
/// Places of package gigabytes that several domains share.
const PACKAGE_PLACES: u32 = 18;

/// Bytes of each domain.
type Domains<'a> = BTreeMap<&'a str, u64>;
/// Bytes of domains that are to be credited, by zone and day.
type Candidates<'a> = BTreeMap<i32, BTreeMap<Region, Domains<'a>>>;

/// Slots of a domain, counted from the first of the month, with their bytes.
type Slots<'a> = (&'a str, Vec<(usize, u64)>);
/// By item and zone: bytes of others, and of all.
type Places = BTreeMap<(Item, Region), (u64, u64)>;

/// How a day was settled in a zone.
struct Settled {
    /// All of it.
    bytes: u64,
    /// Bytes that packages did not pay for.
    remaining: u64,
    /// What packages paid.
    parts: Vec<Part>,
}

impl Settled {
    /// `bytes` of an item and zone, of which packages paid as `paid` says.
    fn of(paid: &[Paid], (item, zone): (Item, Region), bytes: u64) -> Self {
        let mut paid = paid.iter();
        let paid = paid.find(|paid| (paid.usage.item, paid.usage.zone) == (item, zone));
        let parts = paid.map_or_else(Vec::new, |paid| paid.parts.clone());
        let covered: u64 = parts.iter().map(|part| part.bytes).sum();
        Settled {
            bytes,
            remaining: bytes.saturating_sub(covered),
            parts,
        }
    }

    fn taken(&self) -> Result<Decimal, Inexact> {
        total(self.parts.iter().map(|part| part.taken))
    }
}

impl Rating<'_> {
    /// Adds the candidate credits of days that were settled by bytes; `packages` are those with which the
    /// month begins.
    pub(super) fn candidate_credits(
        &self,
        used: &AccountUsage,
        packages: &State,
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let candidates = self.candidates(used)?;
        let Some(last) = candidates.keys().next_back() else {
            return Ok(());
        };
        let standard = self.standard_days(used, |_, _| true)?;
        let (payable, push) = (self.payable_days(used)?, self.push_days(used)?);
        let mut state = packages.clone();
        for day in self.days().take_while(|day| day <= last) {
            let push = of_day(Item::PushTraffic, &push, day);
            let mut uses = of_day(Item::StandardTraffic, &payable, day);
            uses.extend(&push);
            let (after, without) = self.paid(&state, &uses)?;
            let Some(zones) = candidates.get(&day) else {
                state = after;
                continue;
            };
            let of_candidates = uses_of(zones, day)?;
            uses.extend(&of_candidates);
            let (after, with) = self.paid(&state, &merged(uses)?)?;
            state = after;
            let mut others = of_day(Item::StandardTraffic, &standard, day);
            others.extend(push);
            for (place, bytes) in places(&others, &of_candidates)? {
                let then = Settled::of(&with, place, bytes.1);
                let without = Settled::of(&without, place, bytes.0);
                // Where none of them was, they may have used up packages that would have paid.
                let of_place = zones
                    .get(&place.1)
                    .filter(|_| place.0 == Item::StandardTraffic);
                let domains =
                    of_place.map_or_else(|| all_of(zones), |domains| Ok(domains.clone()))?;
                let place = (&used.account[..], day, place);
                self.day_credits(place, &domains, (&then, &without), charges)?;
            }
        }
        Ok(())
    }

    /// The bytes of domains that became mini-program domains within the month, of the days before.
    fn candidates<'a>(&self, used: &'a AccountUsage) -> Result<Candidates<'a>, BillingError> {
        let mut candidates = Candidates::new();
        for of_domain in &used.domains {
            for (day, bytes) in self.days().zip(&of_domain.days) {
                let rules = self.catalogue.rules(day)?;
                let is_priced_apart = !Rating::is_standard(Class::MiniProgram, rules);
                if *bytes != 0 && is_priced_apart && self.is_candidate(of_domain, day) {
                    let zones = candidates.entry(day).or_default();
                    let domains = zones.entry(rules.zone(of_domain.region)).or_default();
                    let sum = domains.entry(&of_domain.domain).or_default();
                    *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
                }
            }
        }
        Ok(candidates)
    }

    /// Whether a domain was a standard one on a day, and is billed as mini-program domain for it.
    fn is_candidate(&self, of: &DomainDays, day: i32) -> bool {
        let added = of.mini_program_from.filter(|day| self.days().contains(day));
        of.owner.class == Class::MiniProgram && added.is_some_and(|added| day < added)
    }

    fn paid(&self, state: &State, uses: &[Usage]) -> Result<(State, Vec<Paid>), BillingError> {
        let takes = Takes {
            catalogue: self.catalogue,
            factor: self.factor,
        };
        packages::consume(state, uses, &takes)
    }

    /// The credits of a day in a zone: what it cost `then`, less what it would have cost `without` them.
    fn day_credits(
        &self,
        (account, day, (item, zone)): (&str, i32, (Item, Region)),
        domains: &Domains<'_>,
        (then, without): (&Settled, &Settled),
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let price = self.catalogue.price(Item::StandardTraffic, zone, day)?;
        let (cost_then, unit_price) = self.day_costs(price, then, (item, zone, day))?;
        let (cost_without, _) = self.day_costs(price, without, (item, zone, day))?;
        let credit = Amount::new(sum(cost_without, -cost_then)?);
        let weights: Vec<u64> = domains.values().copied().collect();
        let paid_in_money = i128::from(then.remaining) - i128::from(without.remaining);
        let all = i128::from(then.bytes) - i128::from(without.bytes);
        let in_money = shared_units(paid_in_money, &weights)?;
        let by_packages = shared_units(all - paid_in_money, &weights)?;
        let credits = split(credit, &weights)?;
        let taken = sum(then.taken()?, -without.taken()?)?;
        let taken = match &weights[..] {
            [_] => vec![taken],
            weights => shares(
                Amount::new(taken).round(PACKAGE_PLACES)?,
                weights,
                PACKAGE_PLACES,
            )?,
        };
        for (at, domain) in domains.keys().enumerate() {
            let bytes = u64::try_from(in_money[at]).map_err(|_| Inexact)?;
            if bytes != 0 || !credits[at].is_zero() {
                let mut charge = self.by_bytes(price, bytes, unit_price, day..day + 1)?;
                charge.item = item;
                charge.amount = credits[at];
                "settled as standard traffic that day, and billed again as mini-program traffic of the \
                 month: ask for a credit"
                    .clone_into(&mut charge.how);
                charges.push(reviewed(charge, account, domain, zone));
            }
            if !taken[at].is_zero() {
                let mut charge = Charge::blank(Item::PackageTraffic, account, day..day + 1);
                item.name().clone_into(&mut charge.variant);
                charge.bytes = by_packages[at];
                charge.quantity = taken[at];
                charge.cite(&["R12"]);
                charge.how = format!(
                    "{} B that packages paid as standard traffic that day, and that are billed again as \
                     mini-program traffic of the month: ask for {} package gigabytes",
                    by_packages[at],
                    taken[at].normalize()
                );
                charges.push(reviewed(charge, account, domain, zone));
            }
        }
        Ok(())
    }

    /// What is left of a day costs, and the price of its last unit.
    fn day_costs(
        &self,
        price: &Price,
        of: &Settled,
        (item, zone, day): (Item, Region, i32),
    ) -> Result<(Decimal, Decimal), BillingError> {
        let mut gigabytes = self.gigabytes(of.remaining)?;
        let ratio = self.catalogue.package_ratio(item, zone, day);
        if let (Shortfall::PackageGigabytes, Some(ratio), false) =
            (self.shortfall, ratio, of.parts.is_empty())
        {
            gigabytes = product(gigabytes, ratio.ratio)?;
        }
        let mut reached = gigabytes;
        let beyond = self.catalogue.rules(day)?.beyond_packages;
        if !of.parts.is_empty() && beyond == BeyondPackages::DayTier {
            reached = self.gigabytes(of.bytes)?.max(gigabytes);
        }
        let parts = tiers::price_last(price.model, &price.tiers, gigabytes, reached)?;
        let unit_price = parts.last().map_or(Decimal::ZERO, |part| part.price);
        Ok((total(parts.iter().map(|part| part.amount))?, unit_price))
    }

    /// Adds the candidate credits of days that were settled by their busiest slot: what the peak costs less
    /// without the domains.
    pub(super) fn candidate_peaks(
        &self,
        used: &AccountUsage,
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let slots_of_day = SLOTS_PER_DAY as usize;
        let curves = self.curves(used, Rating::is_standard)?;
        for (day, zones) in self.candidates(used)? {
            let from =
                usize::try_from(day - self.days().start).map_err(|_| Inexact)? * slots_of_day;
            for zone in zones.into_keys() {
                let curve = curves.get(&zone).map_or(&[][..], |curve| curve);
                let others = curve.get(from..from + slots_of_day);
                let others = others.map_or_else(|| vec![0; slots_of_day], <[u64]>::to_vec);
                let domains = self.slots_of_candidates(used, (day, zone))?;
                let mut both = others.clone();
                for (slot, bytes) in domains.iter().flat_map(|(_, slots)| slots) {
                    let sum = both.get_mut(*slot - from).ok_or(Overflow)?;
                    *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
                }
                let place = (&used.account[..], day, zone);
                self.peak_credits(place, from, &domains, (&both, &others), charges)?;
            }
        }
        Ok(())
    }

    /// Slots of a day in which domains that are to be credited sent to a zone, counted from the first of the
    /// month.
    fn slots_of_candidates<'a>(
        &self,
        used: &'a AccountUsage,
        (day, zone): (i32, Region),
    ) -> Result<Vec<Slots<'a>>, BillingError> {
        let rules = self.catalogue.rules(day)?;
        let first = usize::try_from(day - self.days().start).map_err(|_| Inexact)?;
        let of_day = first * SLOTS_PER_DAY as usize..(first + 1) * SLOTS_PER_DAY as usize;
        let mut domains = Vec::new();
        for of in &used.domains {
            if zone == rules.zone(of.region) && self.is_candidate(of, day) {
                let slots = of
                    .before
                    .iter()
                    .map(|(slot, bytes)| (*slot as usize, *bytes));
                let slots = slots.filter(|(slot, _)| of_day.contains(slot));
                domains.push((&of.domain[..], slots.collect()));
            }
        }
        Ok(domains)
    }

    /// The credits of a day's peak in a zone: of `both`, less that of `others` alone.
    fn peak_credits(
        &self,
        (account, day, zone): (&str, i32, Region),
        from: usize,
        domains: &[Slots<'_>],
        (both, others): (&[u64], &[u64]),
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let peak = both.iter().copied().max().unwrap_or(0);
        let others = others.iter().copied().max().unwrap_or(0);
        let Some(busiest) = both
            .iter()
            .position(|bytes| *bytes == peak && others < peak)
        else {
            return Ok(());
        };
        let at = (Item::StandardPeak, day, zone);
        let mut credit = self.daily_peak(account, at, peak)?;
        let mut amounts = vec![credit.amount.negated()];
        if others != 0 {
            amounts.push(self.daily_peak(account, at, others)?.amount);
        }
        credit.amount = Amount::total(&amounts)?;
        let mut in_slot = Domains::new();
        for (domain, slots) in domains {
            let bytes = slots.iter().filter(|(slot, _)| *slot == from + busiest);
            *in_slot.entry(domain).or_default() += bytes.map(|(_, bytes)| bytes).sum::<u64>();
        }
        in_slot.retain(|_, bytes| *bytes != 0);
        let weights: Vec<u64> = in_slot.values().copied().collect();
        let bytes = shared_units(i128::from(peak - others), &weights)?;
        let amounts = split(credit.amount, &weights)?;
        for (number, domain) in in_slot.into_keys().enumerate() {
            let mut charge = credit.clone();
            charge.bytes = bytes[number];
            let mut quantity =
                self.gigabytes(u64::try_from(bytes[number]).map_err(|_| Inexact)?)?;
            quantity = product(quantity, Decimal::from(8_000))?;
            charge.quantity = Amount::ratio(quantity, SLOT_SECS).round(Mbps::SCALE)?;
            charge.amount = amounts[number];
            charge.how = format!(
                "the peak of {peak} B in 5 minutes was settled as standard traffic that day, and would have \
                 been {others} B without the domains that are billed again as mini-program traffic of the \
                 month: ask for a credit"
            );
            charges.push(reviewed(charge, account, domain, zone));
        }
        Ok(())
    }
}

/// A line that somebody has to look at.
fn reviewed(charge: Charge, account: &str, domain: &str, zone: Region) -> Charge {
    let mut charge = Charge {
        account: account.to_owned(),
        domain: domain.to_owned(),
        zone: Some(zone),
        status: Status::NeedsReview,
        ..charge
    };
    charge.cite(&["R19", "R21"]);
    charge
}

/// An amount, shared by weights; all of it is exact where one has it.
fn split(amount: Amount, weights: &[u64]) -> Result<Vec<Amount>, Inexact> {
    if let [_] = weights {
        return Ok(vec![amount]);
    }
    let parts = shares(amount.round(SHARED_PLACES)?, weights, SHARED_PLACES)?;
    Ok(parts.into_iter().map(Amount::new).collect())
}

fn bytes_of(domains: &Domains<'_>) -> Result<u64, Overflow> {
    let mut bytes = domains.values();
    bytes
        .try_fold(0_u64, |sum, bytes| sum.checked_add(*bytes))
        .ok_or(Overflow)
}

/// The bytes of all zones.
fn all_of<'a>(zones: &BTreeMap<Region, Domains<'a>>) -> Result<Domains<'a>, Overflow> {
    let mut all = Domains::new();
    for (domain, bytes) in zones.values().flatten() {
        let sum = all.entry(*domain).or_default();
        *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
    }
    Ok(all)
}

/// What was settled with them, as usage.
fn uses_of(zones: &BTreeMap<Region, Domains<'_>>, day: i32) -> Result<Vec<Usage>, Overflow> {
    let usage = |(zone, domains): (&Region, &Domains<'_>)| {
        Ok(Usage {
            day,
            item: Item::StandardTraffic,
            zone: *zone,
            bytes: bytes_of(domains)?,
        })
    };
    zones.iter().map(usage).collect()
}

/// Where anything was settled: bytes of others, and with those of candidates.
fn places(others: &[Usage], of_candidates: &[Usage]) -> Result<Places, Overflow> {
    let mut places = Places::new();
    for (usage, is_other) in
        (others.iter().map(|of| (of, true))).chain(of_candidates.iter().map(|of| (of, false)))
    {
        let bytes = places.entry((usage.item, usage.zone)).or_default();
        bytes.0 += if is_other { usage.bytes } else { 0 };
        bytes.1 = bytes.1.checked_add(usage.bytes).ok_or(Overflow)?;
    }
    Ok(places)
}

/// The bytes of a day as usage of an item.
fn of_day(item: Item, days: &ZoneDays, day: i32) -> Vec<Usage> {
    let of_day = days.iter().filter(|((of, _), _)| *of == day);
    let usage = |((day, zone), bytes): (&(i32, Region), &u64)| Usage {
        day: *day,
        item,
        zone: *zone,
        bytes: *bytes,
    };
    of_day.map(usage).collect()
}

/// Usage of which no two are of the same item and zone.
fn merged(mut uses: Vec<Usage>) -> Result<Vec<Usage>, Overflow> {
    uses.sort_unstable();
    let mut merged: Vec<Usage> = Vec::with_capacity(uses.len());
    for usage in uses {
        let place = (usage.day, usage.item, usage.zone);
        match merged.last_mut() {
            Some(last) if (last.day, last.item, last.zone) == place => {
                last.bytes = last.bytes.checked_add(usage.bytes).ok_or(Overflow)?;
            }
            _ => merged.push(usage),
        }
    }
    Ok(merged)
}
