//! Upstream to push domains: free, but for the days on which an account pushes far more than it plays.
//!
//! Such a day is charged at the prices of playback, and chooses its tiers alone. What is compared is all
//! that an account pushes and plays on a day, in all zones and to all classes of domains: no source says
//! otherwise. Months that are settled by contract leave it out.
//!
//! Source: BILLING §2 (from 2021-07-01; read 2026-11).

use super::bill::Unpriced;
use super::catalogue::{Item, Push, Rules};
use super::charge::Charge;
use super::error::BillingError;
use super::exact::product;
use super::terms::StandardMode;
use super::traffic::{Rating, ZoneDays};
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::AccountUsage;
use crate::units::{SLOT_SECS, SLOTS_PER_DAY};

/// A day is charged if more than so many times what is played is pushed.
const TIMES: u128 = 10;
/// … and the busiest slot is over so much, in Mbps.
const PEAK_MBPS: u32 = 100;

impl Rating<'_> {
    /// Upstream of days on which it is charged, by day and zone.
    pub(super) fn push_days(&self, used: &AccountUsage) -> Result<ZoneDays, BillingError> {
        let is_charged = self.charged_push_days(used)?;
        let mut days = ZoneDays::new();
        let pushed = used
            .domains
            .iter()
            .filter(|of| of.owner.class == Class::Push);
        for of_domain in pushed {
            for ((day, is_charged), bytes) in self.days().zip(&is_charged).zip(&of_domain.days) {
                if *is_charged && *bytes != 0 {
                    let zone = self.catalogue.rules(day)?.zone(of_domain.region);
                    let sum = days.entry((day, zone)).or_default();
                    *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
                }
            }
        }
        Ok(days)
    }

    /// The busiest slot of upstream, in each zone, of every day on which it is charged.
    pub(super) fn push_peaks(
        &self,
        used: &AccountUsage,
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        let is_charged = self.charged_push_days(used)?;
        let is_push = |class, _: &Rules| class == Class::Push;
        for (zone, curve) in self.curves(used, is_push)? {
            let days = self.days().zip(curve.chunks(SLOTS_PER_DAY as usize));
            for ((day, slots), is_charged) in days.zip(&is_charged) {
                let peak = slots.iter().copied().max().unwrap_or(0);
                if *is_charged && peak != 0 {
                    let item = Item::PushPeak;
                    charges.push(self.daily_peak(&used.account, item, day, zone, peak)?);
                }
            }
        }
        Ok(())
    }

    /// Upstream of days on which it is free.
    pub(super) fn free_push(&self, used: &AccountUsage) -> Result<Option<Unpriced>, BillingError> {
        let is_charged = self.charged_push_days(used)?;
        let mut free = 0_u64;
        let pushed = used
            .domains
            .iter()
            .filter(|of| of.owner.class == Class::Push);
        for (bytes, is_charged) in pushed.flat_map(|of| of.days.iter().zip(&is_charged)) {
            if !is_charged {
                free = free.checked_add(*bytes).ok_or(Overflow)?;
            }
        }
        Ok(Unpriced::new(&used.account, Class::Push, free))
    }

    /// Of each day of the month, whether upstream is charged.
    fn charged_push_days(&self, used: &AccountUsage) -> Result<Vec<bool>, BillingError> {
        let is_settled_by_day = matches!(self.mode, StandardMode::Flow | StandardMode::DailyPeak);
        let is_pushed = used.slots.keys().any(|(class, _)| *class == Class::Push);
        let mut is_charged = vec![false; self.days().len()];
        if !is_settled_by_day || !is_pushed {
            return Ok(is_charged);
        }
        let pushed = pushed_slots(used, self.days().len())?;
        let played = played_days(used, self.days().len())?;
        let days = pushed.chunks(SLOTS_PER_DAY as usize).zip(played);
        for ((is_charged, day), (pushed, played)) in
            is_charged.iter_mut().zip(self.days()).zip(days)
        {
            if self.catalogue.rules(day)?.push == Push::AsStandard {
                *is_charged = u128::from(played) * TIMES < u128::from(sum(pushed)?)
                    && self.is_over_peak(pushed.iter().copied().max().unwrap_or(0))?;
            }
        }
        Ok(is_charged)
    }

    /// Whether a slot of so many bytes is over the peak: in megabits of the slot, which are exact.
    fn is_over_peak(&self, bytes: u64) -> Result<bool, BillingError> {
        let megabits = product(self.gigabytes(bytes)?, 8_000.into())?;
        Ok(product(PEAK_MBPS.into(), SLOT_SECS.into())? < megabits)
    }
}

/// Bytes that were played on each day; what stays billed in a second way was played once.
fn played_days(used: &AccountUsage, days: usize) -> Result<Vec<u64>, Overflow> {
    let mut sums = vec![0_u64; days];
    let played = used.domains.iter().filter(|of| {
        let is_played = matches!(of.owner.class, Class::Standard | Class::MiniProgram);
        is_played && !of.is_settled
    });
    for (day, bytes) in played.flat_map(|of| (0..).zip(&of.days)) {
        let sum: &mut u64 = sums.get_mut(day).ok_or(Overflow)?;
        *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
    }
    Ok(sums)
}

/// Bytes that were pushed in each slot, all regions together.
fn pushed_slots(used: &AccountUsage, days: usize) -> Result<Vec<u64>, Overflow> {
    let mut sums = vec![0_u64; days * SLOTS_PER_DAY as usize];
    let slots = used.slots.iter();
    let slots = slots.filter(|((class, _), _)| *class == Class::Push);
    for (slot, bytes) in slots.flat_map(|(_, slots)| (0..).zip(slots)) {
        let sum: &mut u64 = sums.get_mut(slot).ok_or(Overflow)?;
        *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
    }
    Ok(sums)
}

fn sum(bytes: &[u64]) -> Result<u64, Overflow> {
    let mut bytes = bytes.iter();
    bytes
        .try_fold(0_u64, |sum, bytes| sum.checked_add(*bytes))
        .ok_or(Overflow)
}
