//! What stays billed of a closed month although its domain is a mini-program domain for all of it (R21).
//!
//! A month may be closed before anybody tells that a domain of it was added as a mini-program
//! domain. All of the month is then charged as mini-program traffic (R19), on the bill that
//! corrects it. The days before the domain was added were settled one by one as standard traffic,
//! and rightly: it was a standard domain on them. No source says that they are credited, so what
//! was charged for them stays charged, and what packages paid stays taken of them; both are
//! candidate credits, in no sum, as those of an open month are (see `super::review`). From the day
//! on which it was added nothing was to be settled as standard traffic, and what was billed so is
//! taken back in the sum. So is a month that is settled as a whole: on its 1st the domain was a
//! mini-program domain for all of it.
//!
//! Usage of those days that comes late is of the day as it was settled: of standard traffic, and of
//! the credit, whether or not the domain had a byte when the month was closed: what it was then
//! says the registry that the month was closed with, or, of closes that kept none, its usage. Of a
//! domain that was a mini-program domain then, or that no registry knew, nothing was settled: the
//! month is treated as an open one, and what may be asked for of a domain that nobody knew says so.

use std::collections::BTreeMap;

use super::error::BillingError;
use super::terms::{BillTerms, StandardMode};
use super::traffic::Rating;
use crate::registry::{Attribution, Class, Match, Registry};
use crate::summary::{Owners, SummaryRow};
use crate::units::Month;

/// The owners of a closed month by the registry of now, and what it was billed with that stays.
#[derive(Debug)]
pub struct SettledOwners<'a> {
    registry: &'a Registry,
    month: Month,
    then: Then,
    /// Days of the month of which mini-program domains were settled as standard ones before they were added.
    days: Vec<i32>,
}

/// What domains were when a month was closed.
#[derive(Debug)]
enum Then {
    /// By what its registry said.
    Said(Box<Registry>),
    /// By how its usage was billed.
    Billed(BTreeMap<String, Class>),
}

impl<'a> SettledOwners<'a> {
    /// The owners of `month`, which was closed with `summary`, where it is priced by `terms`; `then` is the registry
    /// that it was closed with, if that was kept, and `None` if it was not billed.
    ///
    /// Errors: [`BillingError`], where the catalogue has no rules for one of its days.
    pub fn new(
        month: Month,
        summary: &[SummaryRow],
        then: Option<Registry>,
        registry: &'a Registry,
        terms: &BillTerms<'_>,
    ) -> Result<Self, BillingError> {
        let billed = summary.iter().map(|row| (row.domain.clone(), row.class));
        let then = match then {
            Some(then) => Then::Said(Box::new(then)),
            None => Then::Billed(billed.collect()),
        };
        let is_by_day = matches!(terms.mode, StandardMode::Flow | StandardMode::DailyPeak);
        let mut days = Vec::new();
        for day in month.all_days().filter(|_| is_by_day) {
            // Where both have one price, it was billed with that price, and is.
            if !Rating::is_standard(Class::MiniProgram, terms.catalogue.rules(day)?) {
                days.push(day);
            }
        }
        Ok(SettledOwners {
            registry,
            month,
            then,
            days,
        })
    }

    /// Whether nobody knew what a domain is when the month was closed.
    pub fn was_unknown(&self, domain: &str) -> bool {
        self.class_then(domain) == Some(Class::Unknown)
    }

    /// What a domain was when the month was closed, as far as that was kept.
    fn class_then(&self, domain: &str) -> Option<Class> {
        match &self.then {
            Then::Said(then) => Some(then.attribution(domain, self.month).class),
            Then::Billed(classes) => classes.get(domain).copied(),
        }
    }
}

impl Owners for SettledOwners<'_> {
    fn attribution(&self, domain: &str, month: Month) -> Attribution<'_> {
        self.registry.attribution(domain, month)
    }

    fn account(&self, domain: &str) -> Option<&str> {
        self.registry.account(domain)
    }

    fn matched<'a>(&'a self, domain: &'a str) -> Match<'a> {
        // What a month was closed with keeps a row of its own where the registry says nothing of it now.
        match (self.registry.matched(domain), &self.then) {
            (Match::None, Then::Said(then)) => then.matched(domain),
            (Match::None, Then::Billed(classes)) => match classes.get(domain) {
                None | Some(Class::Unknown) => Match::None,
                Some(_) => Match::Exact,
            },
            (now, _) => now,
        }
    }

    fn settled_days(&self, domain: &str, month: Month) -> &[i32] {
        let now = self.registry.attribution(domain, month);
        let of_month = month.all_days();
        let added = now.mini_program_from.filter(|day| of_month.contains(day));
        let was_standard = || self.class_then(domain) == Some(Class::Standard);
        match (now.class, added) {
            (Class::MiniProgram, Some(added)) if month == self.month && was_standard() => {
                &self.days[..self.days.partition_point(|day| *day < added)]
            }
            _ => &[],
        }
    }
}
