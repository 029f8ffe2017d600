//! What is billed besides the traffic of logs: what accounts bought, and what other meters counted.

use sha2::{Digest, Sha256};

use super::bill::Besides;
use super::catalogue::{Catalogue, Item};
use super::charge::{Charge, bought, days_between};
use super::error::BillingError;
use super::events::{Events, FeeCurrency};
use super::licence::{LeapDay, LicenceError, LicenceRules, Term};
use super::packages::Packages;
use super::services::{self, Metered};
use super::{licence, licensed, packages, transcoding};
use crate::units::{BillingMonth, Month, Zone, a_year_from, hex};

/// Purchases and records of services; none by default.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    events: Events,
    services: Vec<Metered>,
    /// `None` where nobody told of events.
    terms: Option<Vec<Term>>,
    digests: ExtrasDigests,
}

/// SHA-256 of what was told, in hexadecimal; empty where nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtrasDigests {
    /// Of the event file.
    pub events: String,
    /// Of the records of services, in order.
    pub services: String,
}

impl Extras {
    /// What was bought by an event file, if there is one, and records of services in any order. Times
    /// are those of `zone`.
    ///
    /// Errors: [`LicenceError`], where what was bought cannot have been.
    pub fn new(
        events: Option<Events>,
        mut services: Vec<Metered>,
        zone: Zone,
    ) -> Result<Self, LicenceError> {
        services.sort_unstable();
        let terms = events.as_ref().map(|events| terms(events, zone));
        let terms = terms.transpose()?;
        let events = events.unwrap_or_default();
        let digests = ExtrasDigests {
            events: events.digest.clone(),
            services: digest(&services),
        };
        Ok(Extras {
            events,
            services,
            terms,
            digests,
        })
    }

    /// The same with other events.
    ///
    /// Errors: [`LicenceError`].
    pub fn with_events(&self, events: Events, zone: Zone) -> Result<Self, LicenceError> {
        Extras::new(Some(events), self.services.clone(), zone)
    }

    /// Adds packages; the digests stay those of what was told.
    pub fn buy(&mut self, packages: Vec<packages::Purchase>) {
        self.events.packages.extend(packages);
    }

    /// What tells it from others.
    pub fn digests(&self) -> &ExtrasDigests {
        &self.digests
    }

    /// All packages before any usage.
    pub fn packages(&self, zone: Zone) -> Packages {
        Packages::new(&self.events.packages, zone)
    }

    /// Whether anybody bought packages, of traffic or transcoding.
    pub fn has_packages(&self) -> bool {
        !self.events.packages.is_empty() || !self.events.transcoding.is_empty()
    }

    /// The first month in which a package of traffic was bought.
    pub fn first_package(&self, zone: Zone) -> Option<Month> {
        let months = self.events.packages.iter();
        months
            .map(|bought| Month::of_slot(bought.at.slot(), zone))
            .min()
    }

    /// The months in which something was bought or counted, in order.
    pub fn months(&self, zone: Zone) -> Vec<Month> {
        let licences = self.events.licences.iter().map(|(bought, _)| bought.at);
        let packages = self.events.packages.iter().map(|bought| bought.at);
        let minutes = self.events.transcoding.iter().map(|bought| bought.at);
        let bought = licences.chain(packages).chain(minutes);
        let bought = bought.map(|at| Month::of_slot(at.slot(), zone));
        let counted = self.services.iter().map(|record| Month::of_day(record.day));
        let mut months: Vec<Month> = bought.chain(counted).collect();
        months.sort_unstable();
        months.dedup();
        months
    }

    /// What is on the bill of a month besides usage: `corrections`, and the lines of this; `packages` are
    /// those with which it begins. `catalogue_of` tells by what a month is billed: this one, and those
    /// before it, in which transcoding packages paid.
    ///
    /// Errors: [`BillingError`].
    pub fn besides<'c>(
        &self,
        when: BillingMonth,
        catalogue_of: impl Fn(Month) -> &'c Catalogue,
        packages: Packages,
        corrections: Vec<Charge>,
    ) -> Result<Besides<'_>, BillingError> {
        let (mut lines, catalogue) = (corrections, catalogue_of(when.month));
        let currencies = self.events.currencies.iter();
        check_fees(currencies.filter(|fee| when.contains(fee.at)), catalogue)?;
        let terms = self.terms.as_deref().unwrap_or_default();
        let licences = &self.events.licences;
        lines.extend(licensed::charges(licences, terms, when, catalogue)?);
        lines.extend(bought(&self.events.packages, when, catalogue)?);
        let minutes = &self.events.transcoding;
        lines.extend(bought(minutes, when, catalogue)?);
        let paid = transcoding::paid(minutes, &self.services, when, catalogue_of)?;
        let mut of_services = services::charges(&self.services, when.month, catalogue, &paid)?;
        for line in of_services
            .iter_mut()
            .filter(|of| of.item == Item::MobileLicence)
        {
            line.term = Some(days_between(&a_year_from(line.days.start), when.zone));
        }
        lines.extend(of_services);
        lines.extend(paid.lines);
        Ok(Besides {
            lines,
            packages,
            transcoding_packages: paid.packages,
            licences: self.terms.as_deref(),
        })
    }
}

/// Refuses fees in another currency than the catalogue's that they are billed by.
fn check_fees<'a>(
    mut fees: impl Iterator<Item = &'a FeeCurrency>,
    catalogue: &Catalogue,
) -> Result<(), BillingError> {
    match fees.find(|fee| fee.code != catalogue.currency) {
        None => Ok(()),
        Some(fee) => Err(BillingError::FeeCurrency {
            place: fee.place.clone(),
            fee: fee.code.clone(),
            catalogue: catalogue.name.clone(),
            currency: catalogue.currency.clone(),
        }),
    }
}

/// The terms of all licences, by the rules that the seed states.
fn terms(events: &Events, zone: Zone) -> Result<Vec<Term>, LicenceError> {
    let bought = events.licences.iter().map(|(bought, _)| bought.clone());
    let rules = LicenceRules {
        zone,
        leap_day: LeapDay::default(),
        may_share_app_id: true,
    };
    licence::terms(&bought.collect::<Vec<_>>(), &rules)
}

fn digest(services: &[Metered]) -> String {
    if services.is_empty() {
        return String::new();
    }
    let mut digest = Sha256::new();
    for record in services {
        digest.update(format!("{record:?}\n"));
    }
    hex(&digest.finalize())
}
