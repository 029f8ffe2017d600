//! Usage of clients whose region is no zone: what it was priced as.
//!
//! A log may tell nothing of a client (`unknown`), or no more than that it is abroad, or in a country
//! that no zone lists (`overseas`). The rules of the catalogue name the zone that pays for each. The
//! catalogues that ship price `unknown` as the mainland, where viewers are unless a log says otherwise,
//! and `overseas` as AP1, the zone that price lists and packages name first abroad: no source says what a
//! country costs that no zone lists, but never is it the mainland's price. Neither is done quietly: every
//! line that holds such usage says how much, and every bill adds it up. Mini-program traffic with one
//! price in all regions (R25) is priced as no zone.
//!
//! What corrects a closed month says how much its line holds now. The bill says how much more that month
//! has than all bills said before, or less: so what they say of a month adds up to what counts now.
//!
//! Source: zone lists of BILLING §2 (267/34175, 267/34174; read 2026-11), which are silent about others.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::bill::{Assumed, Bill, clients_of};
use super::catalogue::Item;
use super::charge::{Charge, Status};
use super::costs::Makers;
use super::error::BillingError;
use super::terms::BillTerms;
use super::traffic::{Rating, human};
use crate::meter::Overflow;
use crate::registry::Class;
use crate::summary::AccountUsage;
use crate::units::{Month, Region, SLOTS_PER_DAY};

/// What a closed month has `now` of usage that was priced as that of a zone, less all that was told `before`;
/// of accounts that are corrected.
pub fn assumed_since(
    month: Month,
    now: &[Assumed],
    before: &[Assumed],
    is_corrected: impl Fn(&str) -> bool,
) -> Result<Vec<Assumed>, Overflow> {
    let mut sums: BTreeMap<(&str, Region, Region), i128> = BTreeMap::new();
    let (now, before) = (
        now.iter().map(|of| (of, 1)),
        before.iter().map(|of| (of, -1)),
    );
    for (of, times) in now
        .chain(before)
        .filter(|(of, _)| is_corrected(&of.account))
    {
        let sum = sums.entry((&of.account, of.region, of.zone)).or_default();
        *sum = sum.checked_add(times * of.bytes).ok_or(Overflow)?;
    }
    sums.retain(|_, bytes| *bytes != 0);
    let since = |((account, region, zone), bytes): ((&str, _, _), _)| Assumed {
        account: account.to_owned(),
        corrects: Some(month),
        region,
        zone,
        bytes,
    };
    Ok(sums.into_iter().map(since).collect())
}

/// What of the usage that `makers` made was priced as that of a zone on the lines of a bill.
///
/// Errors: [`BillingError`].
pub fn assumed(
    bill: &Bill,
    makers: Makers<'_>,
    terms: &BillTerms<'_>,
) -> Result<Vec<Assumed>, BillingError> {
    let rating = Rating::new(bill.month, terms)?;
    let mut assumed = Vec::new();
    for used in makers.usage.accounts(makers.owners) {
        let used = used?;
        let mut billed = bill.accounts.iter();
        if let Some(billed) = billed.find(|billed| billed.account == used.account) {
            let lines = billed.charges.iter();
            let mut lines: Vec<Charge> =
                lines.filter(|of| of.corrects.is_none()).cloned().collect();
            assumed.extend(rating.assumed(&used, &mut lines)?);
        }
    }
    Ok(assumed)
}

impl Charge {
    /// In words, each behind a semicolon: what of it is of regions that are no zone.
    pub(super) fn assumed_text(&self) -> String {
        let zone = self.zone.map_or("", |zone| zone.name());
        let text = |(region, gigabytes): &(Region, Decimal)| {
            let gigabytes = human(*gigabytes, "GB");
            let clients = clients_of(*region);
            format!("; of what is priced as {zone}, {gigabytes} are {clients}")
        };
        self.assumed.iter().map(text).collect()
    }
}

/// Bytes of regions that are no zone: whether they are upstream, which domain's where that matters, on
/// which day, the zone that pays, the region.
type Days = BTreeMap<(bool, String, i32, Region, Region), u64>;

impl Rating<'_> {
    /// Notes on each of an account's `charges` how much of it is of regions that are no zone, and adds it
    /// up: each byte once, however many lines it is on.
    pub(super) fn assumed(
        &self,
        used: &AccountUsage,
        charges: &mut [Charge],
    ) -> Result<Vec<Assumed>, BillingError> {
        let is_by_zone = |charge: &&Charge| charge.item == Item::MiniProgramTraffic;
        let is_mini_by_zone = charges.iter().filter(is_by_zone).any(|c| c.zone.is_some());
        let mut days = self.days_of_classes(used)?;
        if is_mini_by_zone {
            self.add_mini_program_days(used, &mut days)?;
        }
        let mut priced = BTreeSet::new();
        for charge in charges {
            let (Status::Charged, Some(zone)) = (charge.status, charge.zone) else {
                continue;
            };
            let mut of_line: BTreeMap<Region, u64> = BTreeMap::new();
            let is_push = charge.is_of_push();
            for day in charge.days.clone() {
                for region in [Region::Unknown, Region::Overseas] {
                    let key = (is_push, charge.domain.clone(), day, zone, region);
                    if let Some(bytes) = days.get(&key) {
                        add(of_line.entry(region).or_default(), *bytes)?;
                        priced.insert(key);
                    }
                }
            }
            for (region, bytes) in of_line {
                charge.assumed.push((region, self.gigabytes(bytes)?));
            }
            charge.how += &charge.assumed_text();
        }
        let mut sums: BTreeMap<(Region, Region), u64> = BTreeMap::new();
        for key in priced {
            add(sums.entry((key.4, key.3)).or_default(), days[&key])?;
        }
        let assumed = |((region, zone), bytes)| Assumed {
            account: used.account.clone(),
            corrects: None,
            region,
            zone,
            bytes: i128::from(bytes),
        };
        Ok(sums.into_iter().map(assumed).collect())
    }

    /// Standard traffic, what is priced with it, and upstream: all domains together.
    fn days_of_classes(&self, used: &AccountUsage) -> Result<Days, BillingError> {
        let mut days = Days::new();
        for ((class, region), slots) in &used.slots {
            if !is_no_zone(*region) {
                continue;
            }
            for (day, slots) in self.days().zip(slots.chunks(SLOTS_PER_DAY as usize)) {
                let rules = self.catalogue.rules(day)?;
                let is_push = *class == Class::Push;
                if !is_push && !Rating::is_standard(*class, rules) {
                    continue;
                }
                for bytes in slots.iter().filter(|bytes| **bytes != 0) {
                    let key = (is_push, String::new(), day, rules.zone(*region), *region);
                    add(days.entry(key).or_default(), *bytes)?;
                }
            }
        }
        Ok(days)
    }

    /// Mini-program traffic with a price of its own in each zone: by domain, as its lines are.
    fn add_mini_program_days(
        &self,
        used: &AccountUsage,
        days: &mut Days,
    ) -> Result<(), BillingError> {
        for of_domain in &used.domains {
            let (class, region) = (of_domain.owner.class, of_domain.region);
            if class != Class::MiniProgram || !is_no_zone(region) {
                continue;
            }
            for (day, bytes) in self.days().zip(&of_domain.days) {
                let rules = self.catalogue.rules(day)?;
                if *bytes != 0 && !Rating::is_standard(class, rules) {
                    let domain = of_domain.domain.clone();
                    let key = (false, domain, day, rules.zone(region), region);
                    add(days.entry(key).or_default(), *bytes)?;
                }
            }
        }
        Ok(())
    }
}

const fn is_no_zone(region: Region) -> bool {
    matches!(region, Region::Unknown | Region::Overseas)
}

fn add(sum: &mut u64, bytes: u64) -> Result<(), Overflow> {
    *sum = sum.checked_add(bytes).ok_or(Overflow)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::packages::{Packages, Purchase};
    use crate::billing::tests::{CONTRACT, GB, Sent, month, number, standard, terms, used};
    use crate::billing::{Besides, Bill, Catalogue, DEFAULT, StandardMode, bill};
    use crate::units::{BillingMonth, Timestamp, Zone};

    const ON: &str = "2026-10-15";

    fn billed(catalogue: &str, mode: StandardMode, packages: Packages, sent: &[Sent]) -> Bill {
        let catalogue = match catalogue {
            "contract" => Catalogue::parse(CONTRACT, "contract.toml").expect("sound"),
            name => Catalogue::load(name).expect("it ships"),
        };
        let of = month("2026-10");
        let accounts = std::iter::once(Ok(used(of, sent)));
        let besides = Besides {
            packages,
            ..Besides::default()
        };
        let terms = terms(&catalogue, mode);
        bill(
            BillingMonth::new(of, Zone::CHINA),
            accounts,
            besides,
            &terms,
        )
        .expect("billed")
    }

    fn assumed(bill: &Bill) -> Vec<(Region, Region, i128)> {
        let all = bill.assumed.iter();
        let gigabytes = |of: &Assumed| of.bytes / i128::from(GB);
        all.map(|of| (of.region, of.zone, gigabytes(of))).collect()
    }

    #[test]
    fn c6_abroad_without_a_zone_pays_the_price_of_ap1_and_the_bill_says_so() {
        let sent = [
            standard(ON, Region::of_country(b"se"), 100 * GB),
            standard(ON, Region::of_country(b"ng"), 100 * GB),
        ];
        let bill = billed(DEFAULT, StandardMode::Flow, Packages::default(), &sent);
        assert_eq!(bill.accounts[0].details, number("92"));
        assert_eq!(assumed(&bill), [(Region::Overseas, Region::Ap1, 200)]);
        let how = &bill.accounts[0].charges[0].how;
        let words = "of what is priced as AP1, 200 GB are of clients abroad in no zone";
        assert!(how.contains(words), "{how}");
    }

    #[test]
    fn c6_unknown_regions_are_told_in_every_mode_and_once() {
        let sent = [
            standard(ON, Region::Unknown, 150 * GB),
            standard("2026-10-16", Region::Unknown, 50 * GB),
            standard(ON, Region::Mainland, 7 * GB),
            Sent(ON, 3, Class::Push, Region::Unknown, GB),
            Sent(ON, 3, Class::MiniProgram, Region::Unknown, GB),
        ];
        let bought = Purchase {
            account: "a".to_owned(),
            at: Timestamp::parse("2026-10-15T09:00", Zone::CHINA).expect("a time"),
            gigabytes: 100,
            fee: None,
        };
        for (catalogue, mode, packages) in [
            (DEFAULT, StandardMode::Flow, Packages::default()),
            // A line of what the package pays, and one of what it does not.
            (
                DEFAULT,
                StandardMode::Flow,
                Packages::new(&[bought], Zone::CHINA),
            ),
            (DEFAULT, StandardMode::DailyPeak, Packages::default()),
            (
                "contract",
                StandardMode::MonthlyAverage,
                Packages::default(),
            ),
        ] {
            // No contract has a price of mini-program traffic, and upstream is free on such days.
            let sent = if catalogue == "contract" {
                &sent[..4]
            } else {
                &sent
            };
            let bill = billed(catalogue, mode, packages, sent);
            let told = [(Region::Unknown, Region::Mainland, 200)];
            assert_eq!(assumed(&bill), told, "{mode:?}");
            for charge in bill.accounts[0].charges.iter().filter(|c| c.zone.is_some()) {
                assert!(charge.how.contains("of unknown region"), "{}", charge.how);
            }
        }
    }

    #[test]
    fn c6_upstream_that_is_charged_is_told_too() {
        let push = |region, bytes| Sent(ON, 3, Class::Push, region, bytes);
        let sent = [
            push(Region::Unknown, 60 * GB),
            push(Region::Overseas, 50 * GB),
        ];
        for mode in [StandardMode::Flow, StandardMode::DailyPeak] {
            let bill = billed(DEFAULT, mode, Packages::default(), &sent);
            let told = [
                (Region::Unknown, Region::Mainland, 60),
                (Region::Overseas, Region::Ap1, 50),
            ];
            assert_eq!(assumed(&bill), told, "{mode:?}");
        }
    }

    #[test]
    fn c6_zones_and_one_price_for_all_regions_assume_nothing() {
        let sent = [
            standard(ON, Region::Ap1, GB),
            standard(ON, Region::Mainland, GB),
            Sent(ON, 0, Class::MiniProgram, Region::Unknown, GB),
        ];
        let bill = billed(DEFAULT, StandardMode::Flow, Packages::default(), &sent);
        assert!(bill.assumed.is_empty(), "{:?}", bill.assumed);
    }
}
