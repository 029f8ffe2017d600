//! What days that were settled by their busiest slot would have cost less.

use rust_decimal::Decimal;

use super::{CandidateDomains, reviewed, split};
use crate::billing::catalogue::Item;
use crate::billing::charge::Charge;
use crate::billing::error::BillingError;
use crate::billing::exact::{Amount, Inexact, product};
use crate::billing::shares::shared_units;
use crate::billing::traffic::Rating;
use crate::meter::Overflow;
use crate::summary::{AccountUsage, DomainDays};
use crate::units::{Mbps, Region, SLOT_SECS, SLOTS_PER_DAY};

/// Slots of a domain, counted from the first of the month, with their bytes.
type SlotsOfDomain<'a> = (&'a str, Vec<(usize, u64)>);

/// Bytes of the slots of a day in a zone.
struct SlotsOfDay {
    zone: Region,
    /// Its first slot, counted from the first of the month.
    from: usize,
    /// What candidates and others sent.
    both: Vec<u64>,
    /// What others sent.
    others: Vec<u64>,
}

impl Rating<'_> {
    /// Adds the candidate credits of days that were settled by their busiest slot: what the peak costs less
    /// without the domains.
    pub(in crate::billing) fn candidate_peaks(
        &self,
        used: &AccountUsage,
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let slots_of_day = SLOTS_PER_DAY as usize;
        let curves = self.curves(used, Rating::is_standard)?;
        for (day, zones) in self.candidates(used)? {
            let from =
                usize::try_from(day - self.days().start).map_err(|_| Inexact)? * slots_of_day;
            let mut credits = Vec::new();
            for zone in zones.into_keys() {
                let curve = curves.get(&zone).map_or(&[][..], |curve| curve);
                let others = curve.get(from..from + slots_of_day);
                let mut others = others.map_or_else(|| vec![0; slots_of_day], <[u64]>::to_vec);
                for (slot, bytes) in self.settled_slots(used, day, zone)? {
                    let sum = others.get_mut(slot - from).ok_or(Overflow)?;
                    *sum = sum.checked_sub(bytes).ok_or(Overflow)?;
                }
                let domains = self.slots_of_candidates(used, day, zone)?;
                let mut both = others.clone();
                for (slot, bytes) in domains.iter().flat_map(|(_, slots)| slots) {
                    let sum = both.get_mut(*slot - from).ok_or(Overflow)?;
                    *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
                }
                let slots = SlotsOfDay {
                    zone,
                    from,
                    both,
                    others,
                };
                self.peak_credits(&used.account, day, &slots, &domains, &mut credits)?;
            }
            let amounts: Vec<Amount> = credits.iter().map(|of| of.amount).collect();
            if Amount::total(&amounts)?.is_negative() {
                charges.append(&mut credits);
            }
        }
        Ok(())
    }

    /// Slots of a day in which domains that are to be credited sent to a zone, counted from the first of the
    /// month.
    fn slots_of_candidates<'a>(
        &self,
        used: &'a AccountUsage,
        day: i32,
        zone: Region,
    ) -> Result<Vec<SlotsOfDomain<'a>>, BillingError> {
        let rules = self.catalogue.rules(day)?;
        let mut domains = Vec::new();
        for of in &used.domains {
            if zone == rules.zone(of.region) && self.is_candidate(of, day) {
                domains.push((&of.domain[..], self.slots_before(of, day)?));
            }
        }
        Ok(domains)
    }

    /// Slots of a day in which domains sent to a zone what stays billed as standard traffic.
    fn settled_slots(
        &self,
        used: &AccountUsage,
        day: i32,
        zone: Region,
    ) -> Result<Vec<(usize, u64)>, BillingError> {
        let rules = self.catalogue.rules(day)?;
        let mut slots = Vec::new();
        let settled = used.domains.iter().filter(|of| of.is_settled);
        for of in settled.filter(|of| zone == rules.zone(of.region)) {
            slots.extend(self.slots_before(of, day)?);
        }
        Ok(slots)
    }

    /// The slots of a day, counted from the first of the month, if it is before a domain was added.
    fn slots_before(&self, of: &DomainDays, day: i32) -> Result<Vec<(usize, u64)>, BillingError> {
        let first = usize::try_from(day - self.days().start).map_err(|_| Inexact)?;
        let of_day = first * SLOTS_PER_DAY as usize..(first + 1) * SLOTS_PER_DAY as usize;
        let slots = of.before.iter();
        let slots = slots.map(|(slot, bytes)| (*slot as usize, *bytes));
        Ok(slots.filter(|(slot, _)| of_day.contains(slot)).collect())
    }

    /// The credits of a day's peak in a zone: of candidates and others, less that of others alone.
    fn peak_credits(
        &self,
        account: &str,
        day: i32,
        slots: &SlotsOfDay,
        domains: &[SlotsOfDomain<'_>],
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let (item, zone) = (Item::StandardPeak, slots.zone);
        let peak = slots.both.iter().copied().max().unwrap_or(0);
        let others = slots.others.iter().copied().max().unwrap_or(0);
        let Some(busiest) = slots
            .both
            .iter()
            .position(|bytes| *bytes == peak && others < peak)
        else {
            return Ok(());
        };
        let mut credit = self.daily_peak(account, item, day, zone, peak)?;
        let mut amounts = vec![credit.amount.negated()];
        if others != 0 {
            let without = self.daily_peak(account, item, day, zone, others)?;
            amounts.push(without.amount);
        }
        credit.amount = Amount::total(&amounts)?;
        let mut in_slot = CandidateDomains::new();
        for (domain, of_domain) in domains {
            let bytes = of_domain
                .iter()
                .filter(|(slot, _)| *slot == slots.from + busiest);
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
            let asked = match credit.amount.is_negative() {
                true => "ask for a credit",
                false => "that costs more, so take it off what is asked for of the day",
            };
            charge.how = format!(
                "the peak of {peak} B in 5 minutes was settled as standard traffic that day, and would have \
                 been {others} B without the domains that are billed again as mini-program traffic of the \
                 month: {asked}"
            );
            charges.push(reviewed(charge, account, domain, zone));
        }
        Ok(())
    }
}
