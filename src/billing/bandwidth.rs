//! Standard traffic that is settled by bandwidth: by the peak of each day, or by contract for a month.
//!
//! A month pays value × price × days with traffic / days of the month, where the value is the mean of the
//! daily peaks of days with traffic, or the 95th percentile of all samples of those days. All of it is
//! one fraction, which is rounded once. Each zone has its own curve. What a month costs is in contracts
//! only, so no catalogue that ships has a price of it; the price is that of the month's first day.
//!
//! Source: BILLING §4 (CDN billing description and FAQ; read 2026-11).

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::catalogue::{Item, Price, Rules};
use super::charge::Charge;
use super::error::BillingError;
use super::exact::{Amount, Inexact, product, total};
use super::tiers;
use super::traffic::Rating;
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::{AccountUsage, DropRule, Percentile};
use crate::units::{Mbps, Region, SLOT_SECS, SLOTS_PER_DAY, counted};

/// Bytes of each slot of a month, by zone.
pub(super) type Curves = BTreeMap<Region, Vec<u64>>;

/// What a month is billed by in one zone.
struct Month {
    item: Item,
    zone: Region,
    /// Days with traffic.
    effective: u32,
    /// Bytes of a slot, or of so many slots added up.
    bytes: u64,
    slots: u32,
    how: String,
}

/// What bandwidth costs.
struct Priced {
    /// Megabits of the slots, exact; megabits per second are not.
    megabits: Decimal,
    /// Price of a Mbps, of the last tier.
    unit_price: Decimal,
    /// From where on that tier is, in Mbps.
    from: Decimal,
    /// Megabits × price.
    amount: Decimal,
}

impl Rating<'_> {
    /// Every day's busiest slot in each zone.
    pub(super) fn daily_peaks(
        &self,
        used: &AccountUsage,
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        for (zone, curve) in self.curves(used, Rating::is_standard)? {
            for (day, slots) in self.days().zip(curve.chunks(SLOTS_PER_DAY as usize)) {
                let peak = slots.iter().copied().max().unwrap_or(0);
                if peak != 0 {
                    let item = Item::StandardPeak;
                    charges.push(self.daily_peak(&used.account, item, day, zone, peak)?);
                }
            }
        }
        self.push_peaks(used, charges)
    }

    /// The peak of a day: `bytes` are those of its busiest slot (R65).
    pub(super) fn daily_peak(
        &self,
        account: &str,
        item: Item,
        day: i32,
        zone: Region,
        bytes: u64,
    ) -> Result<Charge, BillingError> {
        let price = self.catalogue.price(Item::StandardPeak, zone, day)?;
        let priced = self.bandwidth(price, bytes, 1)?;
        let mut charge = self.by_bytes(price, bytes, priced.unit_price, day..day + 1)?;
        charge.quantity = Amount::ratio(priced.megabits, SLOT_SECS).round(Mbps::SCALE)?;
        charge.amount = Amount::ratio(priced.amount, SLOT_SECS);
        charge.item = item;
        charge.account = account.to_owned();
        charge.zone = Some(zone);
        if item == Item::PushPeak {
            charge.cite(&["R17"]);
        }
        charge.how = format!(
            "busiest 5 minutes of the day in {}: {bytes} B × 8 / 300 s, tier from {} Mbps",
            zone.name(),
            priced.from.normalize(),
        );
        Ok(charge)
    }

    /// The mean of the daily peaks of the month in each zone.
    pub(super) fn monthly_average(
        &self,
        used: &AccountUsage,
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        for (zone, curve) in self.curves(used, Rating::is_standard)? {
            let days = curve.chunks(SLOTS_PER_DAY as usize);
            let peaks = days.map(|slots| slots.iter().copied().max().unwrap_or(0));
            let peaks: Vec<u64> = peaks.filter(|peak| *peak != 0).collect();
            let mut sum = peaks.iter();
            let sum = sum.try_fold(0_u64, |sum, peak| sum.checked_add(*peak));
            let (bytes, effective) = (sum.ok_or(Overflow)?, peaks.len() as u32);
            charges.extend(self.month(
                &used.account,
                &Month {
                    item: Item::StandardMonthlyAverage,
                    zone,
                    effective,
                    bytes,
                    slots: effective,
                    how: match effective {
                        1 => "the busiest 5 minutes of 1 day".to_owned(),
                        days => format!("the busiest 5 minutes of each of {days} days"),
                    },
                },
            )?);
        }
        Ok(())
    }

    /// The 95th percentile of the month in each zone.
    pub(super) fn monthly_95(
        &self,
        used: &AccountUsage,
        drop: DropRule,
        charges: &mut Vec<Charge>,
    ) -> Result<(), BillingError> {
        for (zone, curve) in self.curves(used, Rating::is_standard)? {
            let days = curve.chunks(SLOTS_PER_DAY as usize);
            let effective = days.filter(|slots| slots.iter().any(|bytes| *bytes != 0));
            let effective = effective.count() as u32;
            let mut busy: Vec<u64> = curve.into_iter().filter(|bytes| *bytes != 0).collect();
            let taken = Percentile::dropping(&mut busy, effective, drop);
            let candidates = [DropRule::Floor, DropRule::Ceil].map(|drop| {
                let other = Percentile::dropping(&mut busy, effective, drop);
                format!("{} dropped: {}", other.dropped, other.slot_bytes)
            });
            charges.extend(self.month(
                &used.account,
                &Month {
                    item: Item::StandardMonthly95,
                    zone,
                    effective,
                    bytes: taken.slot_bytes.as_u64(),
                    slots: 1,
                    how: format!(
                        "the highest of {} of {} but {} ({})",
                        counted(taken.samples, "sample"),
                        counted(effective, "day"),
                        taken.dropped,
                        candidates.join(", ")
                    ),
                },
            )?);
        }
        Ok(())
    }

    /// The line of a month; none where its value is nothing (R15).
    fn month(&self, account: &str, of: &Month) -> Result<Option<Charge>, BillingError> {
        if of.bytes == 0 {
            return Ok(None);
        }
        let days = self.days();
        let price = self.catalogue.price(of.item, of.zone, days.start)?;
        let priced = self.bandwidth(price, of.bytes, of.slots)?;
        let all = days.len() as u32;
        let mut charge = self.by_bytes(price, of.bytes, priced.unit_price, days)?;
        let seconds = SLOT_SECS * of.slots;
        charge.quantity = Amount::ratio(priced.megabits, seconds).round(Mbps::SCALE)?;
        // Lines of one item are added up before they are rounded, so they are fractions of the same:
        // the slots of a mean are as many as the days that it pays for.
        let days_per_slot = of.effective / of.slots;
        let amount = product(priced.amount, days_per_slot.into())?;
        charge.amount = Amount::ratio(amount, SLOT_SECS * all);
        charge.account = account.to_owned();
        charge.zone = Some(of.zone);
        charge.cite(&["R65"]);
        charge.how = format!(
            "{} in {}: {} B × 8 / {seconds} s, tier from {} Mbps, × {} of {all} days",
            of.how,
            of.zone.name(),
            of.bytes,
            priced.from.normalize(),
            of.effective,
        );
        Ok(Some(charge))
    }

    /// What the mean bandwidth of so many slots costs. Tiers are compared and prices multiplied before
    /// the seconds divide.
    fn bandwidth(&self, price: &Price, bytes: u64, slots: u32) -> Result<Priced, BillingError> {
        let megabits = product(self.gigabytes(bytes)?, Decimal::from(8_000))?;
        let seconds = Decimal::from(SLOT_SECS * slots);
        let mut tiers = price.tiers.clone();
        for tier in &mut tiers {
            tier.from = product(tier.from, seconds)?;
        }
        let parts = tiers::price(price.model, &tiers, megabits)?;
        let last = parts.last().ok_or(Inexact)?;
        Ok(Priced {
            megabits,
            unit_price: last.price,
            from: price.tiers[last.tier].from,
            amount: total(parts.iter().map(|part| part.amount))?,
        })
    }

    /// The slots from which a line of bandwidth was taken, counted from the first of the month, in order;
    /// `curve` is that of its zone. Of equally busy ones it is the first.
    pub(super) fn slots_taken(&self, charge: &Charge, curve: &[u64]) -> Vec<u32> {
        let is_taken = |bytes: u64| i128::from(bytes) == charge.bytes;
        if charge.item == Item::StandardMonthly95 {
            let at = curve.iter().position(|bytes| is_taken(*bytes));
            return at.into_iter().map(|at| at as u32).collect();
        }
        let days = curve.chunks(SLOTS_PER_DAY as usize);
        let days = self
            .days()
            .zip(days)
            .zip((0..).step_by(SLOTS_PER_DAY as usize));
        let busiest = days
            .filter(|((day, _), _)| charge.days.contains(day))
            .filter_map(|((_, slots), first)| {
                let peak = slots.iter().max().filter(|peak| **peak != 0)?;
                let at = slots.iter().position(|bytes| bytes == peak)?;
                Some(first + at as u32)
            });
        busiest.collect()
    }

    /// Bytes of each slot of classes that are meant.
    pub(super) fn curves(
        &self,
        used: &AccountUsage,
        is_meant: impl Fn(Class, &Rules) -> bool,
    ) -> Result<Curves, BillingError> {
        let mut curves = Curves::new();
        let slots_of_day = SLOTS_PER_DAY as usize;
        for (number, day) in self.days().enumerate() {
            let rules = self.catalogue.rules(day)?;
            let of_day = number * slots_of_day..(number + 1) * slots_of_day;
            for ((class, region), slots) in &used.slots {
                if !is_meant(*class, rules) {
                    continue;
                }
                let curve = curves.entry(rules.zone(*region));
                let curve = curve.or_insert_with(|| vec![0; slots.len()]);
                for (sum, bytes) in curve[of_day.clone()].iter_mut().zip(&slots[of_day.clone()]) {
                    *sum = sum.checked_add(*bytes).ok_or(Overflow)?;
                }
            }
        }
        Ok(curves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::exact::DETAIL_PLACES;
    use crate::billing::tests::{CONTRACT, MBPS, Sent, month, number, terms, used};
    use crate::billing::{Catalogue, StandardMode, packages};

    fn charges(mode: StandardMode, sent: &[Sent]) -> Vec<Charge> {
        let catalogue = Catalogue::parse(CONTRACT, "contract.toml").expect("sound");
        let of = month(&sent[0].0[..7]);
        let rating = Rating::new(of, &terms(&catalogue, mode)).expect("exact");
        let charges = rating.charges(&used(of, sent), &packages::State::default());
        charges.expect("priced").0
    }

    fn costs(mode: StandardMode, sent: &[Sent]) -> Vec<Decimal> {
        let costs = charges(mode, sent).into_iter();
        let costs = costs.map(|charge| charge.amount.round(DETAIL_PLACES));
        costs.collect::<Result<_, _>>().expect("small")
    }

    fn at(on: &'static str, slot: u32, mbps: u64) -> Sent {
        Sent(on, slot, Class::Standard, Region::Mainland, mbps * MBPS)
    }

    /// One effective day of June: 15 slots of 500 Mbps, 74 of 100, 199 of nothing.
    fn worked_example() -> Vec<Sent> {
        let slots = (0..89).map(|slot| at("2026-06-10", slot, if slot < 15 { 500 } else { 100 }));
        slots.collect()
    }

    #[test]
    fn how_5_percent_is_rounded_changes_the_bill_fivefold() {
        let sent = worked_example();
        for (drop, cost) in [
            (DropRule::Floor, "500"),
            (DropRule::Ceil, "100"),
            (DropRule::Nearest, "500"),
        ] {
            let mode = StandardMode::Monthly95(drop);
            assert_eq!(costs(mode, &sent), [number(cost)], "{drop:?}");
        }
        let line = &charges(StandardMode::Monthly95(DropRule::Floor), &sent)[0];
        for words in [
            "288 samples",
            "14 dropped: 18750000000 B",
            "15 dropped: 3750000000 B",
        ] {
            assert!(line.how.contains(words), "{}", line.how);
        }
        assert_eq!(
            line.id(),
            "a/standard-monthly-95/mainland/2026-06-01..2026-06-30@30"
        );
        assert_eq!(line.settled_on(line.month()), "2026-07-01");
    }

    #[test]
    fn the_mean_of_daily_peaks_is_of_days_with_traffic() {
        // One day: 500 × 20 × 1 / 30, in the tier from 400 Mbps.
        let average = StandardMode::MonthlyAverage;
        assert_eq!(costs(average, &worked_example()), [number("333.33333333")]);
        // Two days, 100 and 200: 150 × 30 × 2 / 30.
        let two = [
            at("2026-06-10", 0, 100),
            at("2026-06-10", 1, 40),
            at("2026-06-20", 7, 200),
        ];
        assert_eq!(costs(average, &two), [number("300")]);
        let line = &charges(average, &two)[0];
        assert_eq!(line.quantity, number("150"));
    }

    #[test]
    fn the_mean_reaches_its_tier_and_not_one_byte_before() {
        let average = StandardMode::MonthlyAverage;
        let peak = |bytes| Sent("2026-06-20", 0, Class::Standard, Region::Mainland, bytes);
        let two = |bytes| [at("2026-06-10", 0, 300), peak(bytes)];
        assert_eq!(costs(average, &two(500 * MBPS)), [number("533.33333333")]);
        let below = charges(average, &two(500 * MBPS - 1));
        assert_eq!(below[0].unit_price, number("30"));
    }

    #[test]
    fn zones_have_their_own_curves_and_are_rounded_together() {
        let abroad = |on, slot, mbps, zone| Sent(on, slot, Class::Standard, zone, mbps * MBPS);
        let sent = [
            at("2026-06-10", 0, 100),
            abroad("2026-06-10", 1, 70, Region::Ap1),
            abroad("2026-06-11", 1, 50, Region::Ap1),
            abroad("2026-06-12", 1, 7, Region::Sa),
        ];
        let lines = charges(StandardMode::MonthlyAverage, &sent);
        let amounts: Vec<Amount> = lines.iter().map(|line| line.amount).collect();
        let all = Amount::total(&amounts).expect("exact").round(2);
        assert_eq!(all, Ok(number("227.00")), "100 + 2 × 60 + 7, at 30 / 30");
    }

    #[test]
    fn few_busy_samples_cost_nothing() {
        let one = [at("2026-06-10", 0, 100)];
        let mode = StandardMode::Monthly95(DropRule::Floor);
        assert!(charges(mode, &one).is_empty());
    }

    #[test]
    fn without_a_contract_there_is_no_price() {
        let catalogue = Catalogue::load(crate::billing::DEFAULT).expect("sound");
        let of = month("2026-06");
        let terms = terms(&catalogue, StandardMode::MonthlyAverage);
        let rating = Rating::new(of, &terms).expect("exact");
        let used = used(of, &[at("2026-06-10", 0, 100)]);
        let error = rating.charges(&used, &packages::State::default());
        let message = error.expect_err("no price").to_string();
        assert!(
            message.contains("no price of standard-monthly-average"),
            "{message}"
        );
    }

    #[test]
    fn modes_have_names() {
        for mode in StandardMode::ALL {
            assert_eq!(StandardMode::by_name(mode.name()), Some(mode));
        }
    }
}
