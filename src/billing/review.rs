//! What may be owed although no source says so: shown, and in no sum.
//!
//! A domain that became a mini-program domain within a month is billed as one for all of it (R19), but
//! where standard traffic is settled by the day, the days before were already settled with it. What each
//! such day would have cost less without the domain is a candidate credit (R21): in money what the rest of
//! the day would not have paid, by bytes or by the day's peak; and in package gigabytes what packages would
//! not have paid. Packages are as they were then, when nobody knew that the domain was to be one, so
//! what those days took of them is missing for all that came after: what others paid in money because of it, up to
//! the end of the month, is charged as it was settled and is a candidate too, and the package gigabytes that it
//! would have taken instead are taken off those that are asked for. In a place (item and zone of a day) to which
//! the domain and others sent something, packages are taken to have paid for the others first. So what lines say
//! is left of a package is what was left of it on their day, as what notes say is at the end of the month. So
//! what is asked for of a month is what it would have cost less, and
//! what would be left of packages more, at its end. The next month begins with packages as they were settled: what
//! those days took is gone until it is given back, whether the domain was told before the month was closed or
//! after. Several such domains of a day and zone share what the day would have cost less without all of them, by
//! their bytes: of peaks those of the busiest slot; of a place where none of them sent anything, those of the day,
//! or of all days up to it.
//!
//! Prices that all of a day reaches make more of it cost less, and what is left of a used-up package may pay
//! for a byte elsewhere, so without the domains a zone may have cost more. What counts is the day as a whole,
//! all zones and upstream: money is asked for only where it would have cost less, package gigabytes only where
//! it would have taken less of packages; those that it would have taken more are taken off only where it asks
//! for money. Then the lines of all zones are shown, those that lessen the credit
//! too, so they add up to what the day would have cost less; else none are.
//!
//! Where a month is settled as a whole there is nothing to credit: it is settled on the 1st of the next,
//! when the domain is a mini-program domain for all of it.

mod peaks;

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::catalogue::{BeyondPackages, Item, Price};
use super::charge::{Charge, Status};
use super::error::BillingError;
use super::exact::{Amount, Inexact, product, sum, total};
use super::packages::{Paid, Part, Shortfall, State, Usage, merged};
use super::shares::{shared_units, shares};
use super::tiers;
use super::traffic::{Rating, ZoneDays};
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::{AccountUsage, DomainDays};
use crate::units::Region;

/// Places of money that several domains share.
const SHARED_PLACES: u32 = 12;
/// Places of package gigabytes that several domains share.
const PACKAGE_PLACES: u32 = 18;
/// Package gigabytes of a day that are asked for at least: a used-up package leaves less than a byte, which may
/// be more or less of it without the domains.
const PACKAGE_OWED_MIN: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// Bytes of each domain.
pub(super) type CandidateDomains<'a> = BTreeMap<&'a str, u64>;
/// Bytes of domains that are to be credited, by zone and day.
pub(super) type Candidates<'a> = BTreeMap<i32, BTreeMap<Region, CandidateDomains<'a>>>;

/// By item and zone: bytes of others, and of all.
type Places = BTreeMap<(Item, Region), (u64, u64)>;

/// How a day was settled in a zone.
struct SettledPlace {
    /// All of it.
    bytes: u64,
    /// Bytes that packages did not pay for.
    remaining: u64,
    /// What packages paid.
    parts: Vec<Part>,
}

impl SettledPlace {
    /// `bytes` of an item and zone, of which packages paid as `paid` says.
    fn of(paid: &[Paid], item: Item, zone: Region, bytes: u64) -> Self {
        let mut paid = paid.iter();
        let paid = paid.find(|paid| (paid.usage.item, paid.usage.zone) == (item, zone));
        let parts = paid.map_or_else(Vec::new, |paid| paid.parts.clone());
        let covered: u64 = parts.iter().map(|part| part.bytes).sum();
        SettledPlace {
            bytes,
            remaining: bytes.saturating_sub(covered),
            parts,
        }
    }

    fn taken(&self) -> Result<Decimal, Inexact> {
        total(self.parts.iter().map(|part| part.taken))
    }
}

/// Bytes of others by day and zone.
struct DaysOfOthers {
    standard: ZoneDays,
    /// Those for which packages may pay.
    payable: ZoneDays,
    push: ZoneDays,
}

impl DaysOfOthers {
    /// All that was settled on a day.
    fn others(&self, day: i32) -> Vec<Usage> {
        let mut uses = of_day(Item::StandardTraffic, &self.standard, day);
        uses.extend(of_day(Item::PushTraffic, &self.push, day));
        uses
    }

    /// What of a day packages may pay for.
    fn paying(&self, day: i32) -> Vec<Usage> {
        let mut uses = of_day(Item::StandardTraffic, &self.payable, day);
        uses.extend(of_day(Item::PushTraffic, &self.push, day));
        uses
    }
}

/// What the domains did to a place on a day.
struct Difference<'a> {
    place: (Item, Region),
    domains: CandidateDomains<'a>,
    /// Whether they sent anything there that day; else they used up packages that would have paid.
    is_theirs: bool,
    /// Bytes that are paid in money with them, and would not be without; less than 0 where more would be.
    in_money: i128,
    /// Those that packages pay.
    by_packages: i128,
    /// What it would have cost without them, less what it did.
    amount: Decimal,
    /// Package gigabytes that it took, less what it would have taken.
    taken: Decimal,
    price: Decimal,
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
        if candidates.is_empty() {
            return Ok(());
        }
        let days = DaysOfOthers {
            standard: self.standard_days(used, |of, _| !of.is_settled)?,
            payable: self.payable_days(used, |of| !of.is_settled)?,
            push: self.push_days(used)?,
        };
        let none = BTreeMap::new();
        let mut so_far = CandidateDomains::new();
        let mut states = (packages.clone(), packages.clone());
        for day in self.days() {
            let zones = candidates.get(&day).unwrap_or(&none);
            add_all(&mut so_far, zones)?;
            let is_alike = zones.is_empty() && states.0 == states.1;
            let (others, of_candidates) = (days.others(day), uses_of(zones, day)?);
            let (mut paying, without) =
                (days.paying(day), self.paid(&states.1, &days.paying(day))?);
            paying.extend(&of_candidates);
            let then = self.paid(&states.0, &merged(paying)?)?;
            states = (then.0, without.0);
            if is_alike {
                continue;
            }
            let mut differences = Vec::new();
            for ((item, zone), bytes) in places(&others, &of_candidates)? {
                let then = SettledPlace::of(&then.1, item, zone, bytes.1);
                let without = SettledPlace::of(&without.1, item, zone, bytes.0);
                let causes = Causes::new(zones, &so_far, item, zone)?;
                differences.push(self.difference(day, (item, zone), causes, &then, &without)?);
            }
            self.day_credits(&used.account, day, &differences, charges)?;
        }
        Ok(())
    }

    /// The bytes of domains that became mini-program domains within the month, of the days before.
    pub(super) fn candidates<'a>(
        &self,
        used: &'a AccountUsage,
    ) -> Result<Candidates<'a>, BillingError> {
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

    /// What a place cost `then`, and what it would have `without` them.
    fn difference<'a>(
        &self,
        day: i32,
        place: (Item, Region),
        causes: Causes<'a>,
        then: &SettledPlace,
        without: &SettledPlace,
    ) -> Result<Difference<'a>, BillingError> {
        let (item, zone) = place;
        let price = self.catalogue.price(Item::StandardTraffic, zone, day)?;
        let (cost_then, price_then) = self.day_costs(price, then, item, zone, day)?;
        let (cost_without, price_without) = self.day_costs(price, without, item, zone, day)?;
        let in_money = i128::from(then.remaining) - i128::from(without.remaining);
        let all = i128::from(then.bytes) - i128::from(without.bytes);
        Ok(Difference {
            place,
            domains: causes.domains,
            is_theirs: causes.is_theirs,
            in_money,
            by_packages: all - in_money,
            amount: sum(cost_without, -cost_then)?,
            taken: sum(then.taken()?, -without.taken()?)?,
            price: if then.remaining == 0 {
                price_without
            } else {
                price_then
            },
        })
    }

    /// The credits of a day, in the order of its places.
    fn day_credits(
        &self,
        account: &str,
        day: i32,
        differences: &[Difference<'_>],
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let amount = total(differences.iter().map(|of| of.amount))?;
        let taken = total(differences.iter().map(|of| of.taken))?;
        for of in differences {
            if amount < Decimal::ZERO {
                self.money_credits(account, day, of, charges)?;
            }
            let is_taken_off = amount < Decimal::ZERO && taken <= -PACKAGE_OWED_MIN;
            if PACKAGE_OWED_MIN <= taken || is_taken_off {
                package_credits(account, day, of, amount, charges)?;
            }
        }
        Ok(())
    }

    /// What each domain has of what a place would have cost less.
    fn money_credits(
        &self,
        account: &str,
        day: i32,
        of: &Difference<'_>,
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let (item, zone) = of.place;
        let price = self.catalogue.price(Item::StandardTraffic, zone, day)?;
        let weights: Vec<u64> = of.domains.values().copied().collect();
        let bytes = shared_units(of.in_money, &weights)?;
        let amounts = split(Amount::new(of.amount), &weights)?;
        for ((domain, bytes), amount) in of.domains.keys().zip(bytes).zip(amounts) {
            if bytes == 0 && amount.is_zero() {
                continue;
            }
            let size = u64::try_from(bytes.unsigned_abs()).map_err(|_| Overflow)?;
            let mut charge = self.by_bytes(price, size, of.price, day..day + 1)?;
            if bytes < 0 {
                charge.quantity = -charge.quantity;
            }
            (charge.item, charge.bytes, charge.amount) = (item, bytes, amount);
            match (of.amount <= Decimal::ZERO, of.is_theirs) {
                (true, true) => AGAIN,
                (true, false) => USED_UP,
                (false, _) => LESSENS,
            }
            .clone_into(&mut charge.how);
            charges.push(reviewed(charge, account, domain, zone));
        }
        Ok(())
    }

    /// What is left of a day costs, and the price of its last unit.
    fn day_costs(
        &self,
        price: &Price,
        of: &SettledPlace,
        item: Item,
        zone: Region,
        day: i32,
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
}

/// Of a place to which the domains sent something.
const AGAIN: &str = "settled as standard traffic that day, and billed again as mini-program traffic of the month: ask \
                     for a credit";

/// Of a place to which they sent nothing.
const USED_UP: &str = "packages would have paid this that day, had domains not used them up that are billed again as \
                       mini-program traffic of the month: ask for a credit";

/// Of a place that would have cost more without the domains, on a day that would have cost less.
const LESSENS: &str = "without the domains that are billed again as mini-program traffic of the month, this would \
                       have cost more that day: take it off what is asked for of the day";

/// What each domain has of what a place would have taken less of packages, on a day that would have cost `amount`
/// more in money.
fn package_credits(
    account: &str,
    day: i32,
    of: &Difference<'_>,
    amount: Decimal,
    charges: &mut Vec<Charge>,
) -> Result<(), BillingError> {
    let (item, zone) = of.place;
    let weights: Vec<u64> = of.domains.values().copied().collect();
    let bytes = shared_units(of.by_packages, &weights)?;
    let taken = match &weights[..] {
        [_] => vec![of.taken],
        weights => {
            let taken = Amount::new(of.taken).round(PACKAGE_PLACES)?;
            shares(taken, weights, PACKAGE_PLACES)?
        }
    };
    for ((domain, bytes), taken) in of.domains.keys().zip(bytes).zip(taken) {
        if taken.is_zero() {
            continue;
        }
        let mut charge = Charge::blank(Item::PackageTraffic, account, day..day + 1);
        item.name().clone_into(&mut charge.variant);
        (charge.bytes, charge.quantity) = (bytes, taken);
        charge.cite(&["R12"]);
        let gigabytes = taken.abs().normalize();
        charge.how = match taken < Decimal::ZERO {
            false => format!(
                "{bytes} B that packages paid as standard traffic that day, and that are billed again as \
                 mini-program traffic of the month: ask for {gigabytes} package gigabytes"
            ),
            true => format!(
                "without the domains that are billed again as mini-program traffic of the month packages \
                 would have paid more here that day: take {gigabytes} package gigabytes off what is asked \
                 for of this day and those before"
            ),
        };
        if Decimal::ZERO < amount {
            charge.how += &format!(
                "; in money the day would have cost {} more without them",
                amount.normalize()
            );
        }
        charges.push(reviewed(charge, account, domain, zone));
    }
    Ok(())
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

fn bytes_of(domains: &CandidateDomains<'_>) -> Result<u64, Overflow> {
    let mut bytes = domains.values();
    bytes
        .try_fold(0_u64, |sum, bytes| sum.checked_add(*bytes))
        .ok_or(Overflow)
}

/// Those of the domains that made what changed at a place.
struct Causes<'a> {
    domains: CandidateDomains<'a>,
    /// Whether they sent anything there that day: else they used up packages that would have paid.
    is_theirs: bool,
}

impl<'a> Causes<'a> {
    /// Those who sent something of an item to a zone that day; else all of that day, or if it had none, all `so_far`:
    /// any of them may have used up packages.
    fn new(
        zones: &BTreeMap<Region, CandidateDomains<'a>>,
        so_far: &CandidateDomains<'a>,
        item: Item,
        zone: Region,
    ) -> Result<Self, Overflow> {
        let theirs = zones.get(&zone).filter(|_| item == Item::StandardTraffic);
        let is_theirs = theirs.is_some();
        let domains = match theirs {
            Some(theirs) => theirs.clone(),
            None if zones.is_empty() => so_far.clone(),
            None => {
                let mut all = CandidateDomains::new();
                add_all(&mut all, zones)?;
                all
            }
        };
        Ok(Causes { domains, is_theirs })
    }
}

/// Adds the bytes of all zones.
fn add_all<'a>(
    all: &mut CandidateDomains<'a>,
    zones: &BTreeMap<Region, CandidateDomains<'a>>,
) -> Result<(), Overflow> {
    for (domain, bytes) in zones.values().flatten() {
        let sum = all.entry(*domain).or_default();
        *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
    }
    Ok(())
}

/// What was settled with them, as usage.
pub(super) fn uses_of(
    zones: &BTreeMap<Region, CandidateDomains<'_>>,
    day: i32,
) -> Result<Vec<Usage>, Overflow> {
    let usage = |(zone, domains): (&Region, &CandidateDomains<'_>)| {
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
