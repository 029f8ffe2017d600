//! What accounts bought and what other meters counted, on its way to bills; and month by month what is
//! left of packages.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::MonthError;
use super::prices::Prices;
use super::store_months::owners_now;
use crate::billing::licence::LicenceError;
use crate::billing::packages::{Packages, Purchase};
use crate::billing::{
    Bill, Catalogue, Charge, Events, Extras, ExtrasDigests, bill, packages_after,
};
use crate::meter::Overflow;
use crate::registry::Registry;
use crate::store::Store;
use crate::summary::{AccountUsage, Book, Owners};
use crate::units::{BillingMonth, Month, Zone};

/// What accounts bought, and what is left of it when months begin.
#[derive(Debug)]
pub struct Purchases {
    extras: Extras,
    /// The packages with which a month begins, and all after it up to the next that is known.
    packages: BTreeMap<Month, Packages>,
    bought: Packages,
    /// By what months are billed in which something was bought or counted, once it was followed.
    catalogues: BTreeMap<Month, Arc<Catalogue>>,
}

impl Purchases {
    /// Those of `extras`, none of which is used yet.
    pub fn new(extras: Extras, zone: Zone) -> Self {
        Purchases {
            bought: extras.packages(zone),
            extras,
            packages: BTreeMap::new(),
            catalogues: BTreeMap::new(),
        }
    }

    /// The same, of which no usage is known.
    pub(super) fn anew(&self) -> Self {
        Purchases {
            extras: self.extras.clone(),
            packages: BTreeMap::new(),
            bought: self.bought.clone(),
            catalogues: BTreeMap::new(),
        }
    }

    /// The same with other events.
    pub(super) fn with_events(&self, events: Events, zone: Zone) -> Result<Self, LicenceError> {
        let extras = self.extras.with_events(events, zone);
        Ok(Purchases::new(extras?, zone))
    }

    /// The same with more packages that are bought as a month begins, of which they are known from then
    /// on only.
    pub(super) fn with_packages(&self, bought: Vec<Purchase>, when: BillingMonth) -> Self {
        let mut purchases = self.anew();
        purchases.catalogues.clone_from(&self.catalogues);
        let mut packages = self.at(when.month);
        packages.add(&bought, when.zone);
        purchases.packages.insert(when.month, packages);
        purchases.extras.buy(bought);
        purchases
    }

    /// What it was made of.
    pub fn digests(&self) -> &ExtrasDigests {
        self.extras.digests()
    }

    /// Whether anybody has packages: then every month depends on those before.
    pub fn has_packages(&self) -> bool {
        self.extras.has_packages()
    }

    /// Months in which something was bought or counted.
    pub fn months(&self, zone: Zone) -> Vec<Month> {
        self.extras.months(zone)
    }

    /// Works out with which packages each month of a store begins, by the usage since the first was
    /// bought; a month is settled by the prices that `prices_of` tells, of transcoding too.
    pub(super) fn follow<'a>(
        &mut self,
        store: &Store,
        registry: &Registry,
        prices_of: impl Fn(Month) -> &'a Prices,
        rows_max: usize,
    ) -> Result<(), MonthError> {
        let zone = registry.zone();
        let by = |month| (month, Arc::new(prices_of(month).catalogue.clone()));
        self.catalogues = self.extras.months(zone).into_iter().map(by).collect();
        let Some(first) = self.extras.first_package(zone) else {
            return Ok(());
        };
        let closes = store.closes()?;
        let months = store.months(zone)?.into_iter();
        for month in months.filter(|month| first <= *month) {
            let terms = prices_of(month).terms();
            let usage = store.usage(month.slots(zone), rows_max)?;
            let book = Book::new(usage.table, usage.domains, registry, zone)?;
            // What packages paid of a closed month stays taken of them.
            let close = closes.iter().find(|close| close.terms.month == month);
            let settled = close.map(|close| owners_now(store, close, registry, &terms));
            let settled = settled.transpose()?;
            let owners: &dyn Owners = match &settled {
                Some(settled) => settled,
                None => registry,
            };
            let mut packages = self.at(month);
            for used in book.months().flat_map(|usage| usage.accounts(owners)) {
                let used = used?;
                let before = packages.of(&used.account);
                let after = packages_after(month, &used, &before, &terms)?;
                packages.replace(&used.account, after);
            }
            self.note_end(month, packages);
        }
        Ok(())
    }

    /// The packages with which a month begins.
    fn at(&self, month: Month) -> Packages {
        let known = self.packages.range(..=month).next_back();
        known.map_or(&self.bought, |(_, packages)| packages).clone()
    }

    fn note_end(&mut self, month: Month, packages: Packages) {
        if let Some(next) = month.next() {
            self.packages.insert(next, packages);
        }
    }

    /// The bill of a month.
    pub(super) fn bill(
        &mut self,
        when: BillingMonth,
        accounts: impl Iterator<Item = Result<AccountUsage, Overflow>>,
        corrections: Vec<Charge>,
        prices: &Prices,
    ) -> Result<Bill, MonthError> {
        let packages = self.at(when.month);
        let catalogue_of = |month| match self.catalogues.get(&month) {
            Some(catalogue) if month != when.month => &**catalogue,
            _ => &prices.catalogue,
        };
        let besides = self
            .extras
            .besides(when, catalogue_of, packages, corrections)?;
        let bill = bill(when, accounts, besides, &prices.terms())?;
        if self.has_packages() {
            self.note_end(when.month, bill.packages.clone());
        }
        Ok(bill)
    }
}
