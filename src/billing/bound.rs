//! The bound of what was not metered, in money.
//!
//! Every byte at the dearest price that one byte may have under the terms of a bill: of a gigabyte, or,
//! where bandwidth is settled, of the bandwidth that it is in its slot, since no peak, mean or percentile
//! rises by more than that. What a byte may tip for others is not in it: tiers whose price rises, a day
//! more with traffic in a month by contract, a day of upstream that is charged (R17), and other packages.

use rust_decimal::Decimal;

use super::catalogue::Item;
use super::error::BillingError;
use super::exact::{Amount, Inexact, PAYABLE_PLACES, product_up};
use super::terms::{BillTerms, StandardMode};
use super::traffic::Rating;
use crate::units::{Gigabytes, Month, SLOT_SECS};

impl BillTerms<'_> {
    /// What `bytes` that nobody could meter may have cost at most in a month, rounded up to what is paid.
    ///
    /// Errors: [`BillingError`].
    pub fn at_most(&self, month: Month, bytes: u128) -> Result<Decimal, BillingError> {
        let rating = Rating::new(month, self)?;
        // A torn line may claim any number of bytes: that must not stop the bill.
        let bytes = i128::try_from(bytes).map_err(|_| Inexact)?;
        let gigabytes =
            Decimal::try_from_i128_with_scale(bytes, Gigabytes::SCALE).map_err(|_| Inexact)?;
        let gigabytes = product_up(gigabytes, rating.factor)?;
        let dearest = |item| self.catalogue.dearest(item, &rating.days());
        let mini_program = product_up(gigabytes, dearest(Item::MiniProgramTraffic))?;
        let standard = product_up(gigabytes, dearest(self.mode.item()))?;
        let standard = match self.mode {
            StandardMode::Flow => Amount::new(standard),
            StandardMode::MonthlyAverage => bandwidth(standard, month.days())?,
            StandardMode::DailyPeak | StandardMode::Monthly95(_) => bandwidth(standard, 1)?,
        };
        let bounds = [Amount::new(mini_program), standard].map(|of| of.round_up(PAYABLE_PLACES));
        let [mini_program, standard] = bounds;
        Ok(mini_program?.max(standard?))
    }
}

/// What gigabytes times the price of a Mbps are, if they are all in one slot of one of so many days.
fn bandwidth(amount: Decimal, days: u32) -> Result<Amount, Inexact> {
    let megabits = product_up(amount, Decimal::from(8_000))?;
    Ok(Amount::ratio(megabits, SLOT_SECS * days))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::billing::tests::{CONTRACT, GB, MBPS, Sent, month, number, terms, used};
    use crate::billing::{Besides, Catalogue, DEFAULT, bill};
    use crate::registry::Class;
    use crate::summary::DropRule;
    use crate::units::{BillingMonth, Region, Zone};

    const DAYS: [&str; 3] = ["2026-06-09", "2026-06-10", "2026-06-30"];

    fn catalogue(name: &str) -> Catalogue {
        match name {
            "contract" => Catalogue::parse(CONTRACT, "contract.toml").expect("sound"),
            name => Catalogue::load(name).expect("it ships"),
        }
    }

    #[test]
    fn a_gigabyte_may_be_a_peak() {
        for (name, mode, bound) in [
            (DEFAULT, StandardMode::Flow, "4.01"),
            // 26.67 Mbps in the dearest zone: the 4 CNY of mini-program traffic are not the most.
            (DEFAULT, StandardMode::DailyPeak, "153.07"),
            ("contract", StandardMode::MonthlyAverage, "26.67"),
            (
                "contract",
                StandardMode::Monthly95(DropRule::Ceil),
                "800.01",
            ),
        ] {
            let catalogue = catalogue(name);
            let at_most = terms(&catalogue, mode).at_most(month("2026-06"), u128::from(GB) + 1);
            assert_eq!(at_most.expect("exact"), number(bound), "{mode:?}");
        }
    }

    /// The sum of a bill's lines.
    fn details(terms: &BillTerms<'_>, sent: &[Sent]) -> Decimal {
        let of = month("2026-06");
        let accounts = std::iter::once(Ok(used(of, sent)));
        let bill = bill(
            BillingMonth::new(of, Zone::CHINA),
            accounts,
            Besides::default(),
            terms,
        )
        .expect("billed");
        bill.accounts.iter().map(|account| account.details).sum()
    }

    fn any_sent() -> impl Strategy<Value = (usize, u32, bool, usize, u64)> {
        let bytes = prop_oneof![0..3 * GB, 90 * MBPS..510 * MBPS, 400 * GB..600 * GB];
        (
            0..DAYS.len(),
            0_u32..4,
            any::<bool>(),
            0..Region::ALL.len(),
            bytes,
        )
    }

    proptest! {
        /// On days with traffic, under prices that fall: the rest is said not to be in the bound.
        #[test]
        fn usage_more_costs_no_more_than_its_bound(
            sent in prop::collection::vec(any_sent(), 1..20),
            more in any_sent(),
        ) {
            for (name, mode) in [
                (DEFAULT, StandardMode::Flow),
                (DEFAULT, StandardMode::DailyPeak),
                ("tencent-history", StandardMode::Flow),
                ("tencent-history", StandardMode::DailyPeak),
                ("contract", StandardMode::MonthlyAverage),
                ("contract", StandardMode::Monthly95(DropRule::Floor)),
                ("contract", StandardMode::Monthly95(DropRule::Ceil)),
            ] {
                let catalogue = catalogue(name);
                let terms = terms(&catalogue, mode);
                let class = |is_mini: bool| match is_mini && name != "contract" {
                    true => Class::MiniProgram,
                    false => Class::Standard,
                };
                let to_sent = |(day, slot, is_mini, region, bytes): &(usize, u32, bool, usize, u64)| {
                    Sent(DAYS[*day], *slot, class(*is_mini), Region::ALL[*region], *bytes)
                };
                let mut all: Vec<Sent> = sent.iter().map(to_sent).collect();
                for day in DAYS {
                    all.extend(Region::ALL.map(|region| Sent(day, 9, Class::Standard, region, 1)));
                }
                let before = details(&terms, &all);
                all.push(to_sent(&more));
                let cost = details(&terms, &all) - before;
                let bound = terms.at_most(month("2026-06"), more.4.into()).expect("exact");
                prop_assert!(cost <= bound + number("0.0000001"), "{name} {mode:?}: {cost} {bound}");
            }
        }
    }
}
