//! What stays billed of a closed month although its domain is a mini-program domain for all of it (R21).
//!
//! A month may be closed before anybody tells that a domain of it was added as a mini-program domain. All of the
//! month is then charged as mini-program traffic (R19), on the bill that corrects it. The days before the
//! domain was added were settled one by one as standard traffic, and rightly: it was a standard domain on them.
//! No source says that they are credited, so what was charged for them stays charged, and what packages paid
//! stays taken of them; both are candidate credits, in no sum, as those of an open month are (see
//! `super::review`). From the day on which it was added nothing was to be settled as standard traffic, and what
//! was billed so is taken back in the sum. So is a month that is settled as a whole: on its 1st the domain was a
//! mini-program domain for all of it.
//!
//! Usage of those days that comes late is of the day as it was settled: of standard traffic, and of the credit.
//! It is of mini-program traffic alone if the domain had no usage when the month was closed, or was not billed
//! as standard then: so the month is treated as an open one.

use std::collections::BTreeMap;

use super::bill::BillTerms;
use super::error::BillingError;
use super::traffic::{Rating, StandardMode};
use crate::registry::{Attribution, Class, Registry};
use crate::summary::{Owners, SummaryRow};
use crate::units::Month;

/// The owners of a closed month by the registry of now, and what it was billed with that stays.
#[derive(Debug)]
pub struct SettledOwners<'a> {
    registry: &'a Registry,
    month: Month,
    /// Days of domains that were billed as standard ones, and became mini-program domains later in the month.
    days: BTreeMap<String, Vec<i32>>,
}

impl<'a> SettledOwners<'a> {
    /// The owners of `month`, which was closed with `summary`, where it is priced by `terms`.
    ///
    /// Errors: [`BillingError`], where the catalogue has no rules for one of its days.
    pub fn new(
        month: Month,
        summary: &[SummaryRow],
        registry: &'a Registry,
        terms: &BillTerms<'_>,
    ) -> Result<Self, BillingError> {
        let mut days: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        let is_by_day = matches!(terms.mode, StandardMode::Flow | StandardMode::DailyPeak);
        let billed = summary.iter().filter(|row| row.class == Class::Standard);
        for row in billed.filter(|_| is_by_day) {
            let now = registry.attribution(&row.domain, month);
            let of_month = month.all_days();
            let added = now.mini_program_from.filter(|day| of_month.contains(day));
            let (Class::MiniProgram, Some(added)) = (now.class, added) else {
                continue;
            };
            let mut before = Vec::new();
            for day in of_month.start..added {
                // Where both have one price, it was billed with that price, and is.
                if !Rating::is_standard(Class::MiniProgram, terms.catalogue.rules(day)?) {
                    before.push(day);
                }
            }
            days.insert(row.domain.clone(), before);
        }
        Ok(SettledOwners {
            registry,
            month,
            days,
        })
    }
}

impl Owners for SettledOwners<'_> {
    fn attribution(&self, domain: &str, month: Month) -> Attribution<'_> {
        self.registry.attribution(domain, month)
    }

    fn account(&self, domain: &str) -> Option<&str> {
        self.registry.account(domain)
    }

    fn settled_days(&self, domain: &str, month: Month) -> &[i32] {
        let days = self.days.get(domain).filter(|_| month == self.month);
        days.map_or(&[], |days| days)
    }
}
