//! What licences have to do with a bill: their fees, and traffic for which there was none.

use std::collections::BTreeMap;
use std::ops::Range;

use rust_decimal::Decimal;

use super::catalogue::{Catalogue, Item};
use super::charge::Charge;
use super::error::BillingError;
use super::licence::{Purchase, Term};
use crate::registry::Class;
use crate::summary::AccountUsage;
use crate::units::{BillingMonth, Timestamp, Zone};

/// A mini-program domain that was watched on days without a licence of its AppID: billed all the same
/// (R09), and worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlicensed {
    /// The domain.
    pub domain: String,
    /// Its AppID.
    pub app_id: String,
    /// Days with traffic and without a licence.
    pub days: u32,
    /// Bytes of those days.
    pub bytes: u64,
}

/// The fees of licences that were bought in a month (R01), each with the fee that was paid if it was
/// not the catalogue's price; `terms` say for when each is. Licences with a validity of their own cost nothing
/// unless a fee is stated.
///
/// Errors: [`BillingError`] where the catalogue has no price on a day.
pub fn charges(
    licences: &[(Purchase, Option<Decimal>)],
    terms: &[Term],
    when: BillingMonth,
    catalogue: &Catalogue,
) -> Result<Vec<Charge>, BillingError> {
    let mut validity: BTreeMap<(&str, &str, Timestamp), Range<Timestamp>> = BTreeMap::new();
    for term in terms {
        for (at, valid) in &term.each {
            let key = (&term.account[..], &term.app_id[..], *at);
            let known = validity.remove(&key).into_iter();
            let valid = known.fold(valid.clone(), union);
            validity.insert(key, valid);
        }
    }
    let mut bought: BTreeMap<(&str, &str, i32, Decimal), Charge> = BTreeMap::new();
    for (purchase, fee) in licences {
        let day = purchase.at.slot().day(when.zone);
        let fee = purchase.fee(*fee);
        if !when.contains(purchase.at) || fee.is_some_and(|fee| fee.is_zero()) {
            continue;
        }
        let charge = bought_one(purchase, day, fee, catalogue)?;
        let key = (
            &purchase.account[..],
            &purchase.app_id[..],
            day,
            charge.unit_price,
        );
        let charge = bought.entry(key).or_insert(charge);
        charge.add_one()?;
        let valid = validity.get(&(key.0, key.1, purchase.at)).cloned();
        charge.term = valid.into_iter().chain(charge.term.take()).reduce(union);
    }
    Ok(bought.into_values().collect())
}

/// From the first to the last of both.
fn union(a: Range<Timestamp>, b: Range<Timestamp>) -> Range<Timestamp> {
    a.start.min(b.start)..a.end.max(b.end)
}

/// The charge of a licence, none of it yet.
fn bought_one(
    purchase: &Purchase,
    day: i32,
    fee: Option<Decimal>,
    catalogue: &Catalogue,
) -> Result<Charge, BillingError> {
    let (item, account) = (Item::PluginLicence, &purchase.account);
    let mut charge = Charge::purchase(item, "", account, day, fee, catalogue)?;
    charge.app_id.clone_from(&purchase.app_id);
    charge.cite(&["R01", "R03", "R10"]);
    charge.how = format!(
        "bought while the plugin was {}, for {}",
        purchase.state.name(),
        purchase.app_id
    );
    Ok(charge)
}

/// Mini-program domains of an account that were watched on days of a month on which no licence of
/// their AppID held, not even for a part of the day. Domains without an AppID are left out.
pub fn unlicensed(used: &AccountUsage, terms: &[Term], when: BillingMonth) -> Vec<Unlicensed> {
    let mut found = Vec::new();
    // Usage is told by region, and a day on which a domain was watched in many is one day.
    for regions in used.domains.chunk_by(|a, b| a.domain == b.domain) {
        let owner = &regions[0].owner;
        if owner.class != Class::MiniProgram || owner.app_id.is_empty() {
            continue;
        }
        let mut of_domain = Unlicensed {
            domain: regions[0].domain.clone(),
            app_id: owner.app_id.clone(),
            days: 0,
            bytes: 0,
        };
        for (day, at) in (when.month.first_day()..).zip(0..when.month.days() as usize) {
            let watched = regions.iter().filter(|region| !region.is_settled);
            let bytes = watched.filter_map(|region| region.days.get(at));
            let bytes = bytes.fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
            if bytes != 0 && !is_licensed_on(terms, &owner.app_id, day, when.zone) {
                of_domain.days += 1;
                of_domain.bytes = of_domain.bytes.saturating_add(bytes);
            }
        }
        if of_domain.days != 0 {
            found.push(of_domain);
        }
    }
    found
}

/// Whether a licence of an AppID, of any account, holds at some time of a day.
fn is_licensed_on(terms: &[Term], app_id: &str, day: i32, zone: Zone) -> bool {
    let midnight = |day: i32| zone.midnight(day.into());
    let instant = |day| Timestamp::from_unix_secs(midnight(day)).unwrap_or(Timestamp::END);
    let (start, end) = (instant(day), instant(day + 1));
    let holds = |term: &Term| term.app_id == app_id && term.from < end && start < term.until;
    terms.iter().any(holds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::billing::tests::{GB, Sent, month, used};
    use crate::units::Region;

    #[test]
    fn r09_a_day_without_a_licence_is_one_day_in_however_many_regions() {
        let october = month("2026-10");
        let sent = |day, region| Sent(day, 0, Class::MiniProgram, region, GB);
        let mut usage = used(
            october,
            &[
                sent("2026-10-03", Region::Mainland),
                sent("2026-10-03", Region::Ap1),
                sent("2026-10-04", Region::Ap1),
            ],
        );
        for of_region in &mut usage.domains {
            of_region.domain = "mini.example.cn".to_owned();
            of_region.owner.app_id = "wx1".to_owned();
        }
        let found = unlicensed(&usage, &[], BillingMonth::new(october, Zone::CHINA));
        let expected = Unlicensed {
            domain: "mini.example.cn".to_owned(),
            app_id: "wx1".to_owned(),
            days: 2,
            bytes: 3 * GB,
        };
        assert_eq!(found, [expected]);
    }
}
