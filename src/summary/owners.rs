//! Whose domains are, and what they are sold as.

use std::collections::HashMap;

use super::row::SummaryRow;
use crate::registry::{Attribution, Class, Match, Registry};
use crate::units::Month;

/// Says whose a domain is, and what it is sold as in a month.
pub trait Owners: Sync {
    /// Attribution of a domain in a month.
    fn attribution(&self, domain: &str, month: Month) -> Attribution<'_>;

    /// The account of a domain, which does not depend on the month.
    fn account(&self, domain: &str) -> Option<&str>;

    /// What is said of a domain: one of which something is said by its name keeps a row of its own.
    fn matched<'a>(&'a self, domain: &'a str) -> Match<'a>;

    /// Days of a month, ascending, on which a mini-program domain is a standard one besides: it was billed so,
    /// and that stays.
    fn settled_days(&self, _domain: &str, _month: Month) -> &[i32] {
        &[]
    }
}

impl Owners for Registry {
    fn attribution(&self, domain: &str, month: Month) -> Attribution<'_> {
        Registry::attribution(self, domain, month)
    }

    fn account(&self, domain: &str) -> Option<&str> {
        Registry::account(self, domain)
    }

    fn matched<'a>(&'a self, domain: &'a str) -> Match<'a> {
        Registry::matched(self, domain)
    }
}

/// The owners of a closed month, as they were frozen; of what the month did not know, the registry's.
#[derive(Debug)]
pub struct FrozenOwners<'a> {
    owners: HashMap<&'a str, Attribution<'a>>,
    registry: &'a Registry,
}

impl<'a> FrozenOwners<'a> {
    /// The owners of a closed month's `summary`.
    pub fn new(summary: &'a [SummaryRow], registry: &'a Registry) -> Self {
        let label = |text: &'a String| (!text.is_empty()).then_some(&text[..]);
        let owner = |row: &'a SummaryRow| {
            let attribution = Attribution {
                class: row.class,
                account: label(&row.account),
                app_id: label(&row.app_id),
                mini_program_from: registry
                    .attribution(&row.domain, row.month)
                    .mini_program_from,
            };
            (&row.domain[..], attribution)
        };
        FrozenOwners {
            owners: summary.iter().map(owner).collect(),
            registry,
        }
    }
}

impl Owners for FrozenOwners<'_> {
    fn attribution(&self, domain: &str, month: Month) -> Attribution<'_> {
        match self.owners.get(domain) {
            Some(attribution) => *attribution,
            None => self.registry.attribution(domain, month),
        }
    }

    fn account(&self, domain: &str) -> Option<&str> {
        match self.owners.get(domain) {
            Some(attribution) => attribution.account,
            None => self.registry.account(domain),
        }
    }

    fn matched<'a>(&'a self, domain: &'a str) -> Match<'a> {
        match self.owners.contains_key(domain) {
            true => Match::Exact,
            false => self.registry.matched(domain),
        }
    }
}

/// Whose a domain is, and what it is sold as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Its account; empty where there is none.
    pub account: String,
    /// Its class.
    pub class: Class,
    /// AppID of the mini-program; empty where there is none.
    pub app_id: String,
}

impl Owner {
    /// The owner that an attribution names.
    pub fn of(attribution: &Attribution<'_>) -> Self {
        Owner {
            account: attribution.account.unwrap_or_default().to_owned(),
            class: attribution.class,
            app_id: attribution.app_id.unwrap_or_default().to_owned(),
        }
    }
}
