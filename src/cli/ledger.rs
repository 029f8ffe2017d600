//! What accounts bought and what other meters counted, on its way to bills; and month by month what is
//! left of packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::Failure;
use super::bills::Prices;
use super::corrections::Corrections;
use super::months::owners_now;
use crate::billing::packages::{Packages, Purchase, Shortfall};
use crate::billing::{
    Bill, Catalogue, Charge, Events, Extras, ExtrasDigests, bill, packages_after, read_services,
};
use crate::meter::Overflow;
use crate::registry::Registry;
use crate::store::Store;
use crate::summary::{AccountUsage, Book, Owners};
use crate::units::{BillingMonth, Month, Zone};

/// Arguments about what is billed besides the traffic of logs.
#[derive(Args)]
pub(super) struct ExtrasArgs {
    /// TOML file of what was bought: [[licence]], [[package]], [[transcoding-package]]
    ///
    /// Once a closed month was billed with it, every later bill needs it too.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// CSV or Parquet file of what other meters counted, with the columns day, account, service, variant,
    /// zone and quantity; can be given several times
    ///
    /// A quantity is a whole number: seconds of one output of transcoding, vod-transcoding and
    /// vod-editing; bytes of vod-traffic, and the most bytes of a day of vod-storage; the most channels
    /// at a time of a day of recording; pictures of screenshot and porn-detection; licences of
    /// mobile-licence; months of im-plan; users or groups beyond the plan of im-over-use.
    #[arg(long, value_name = "FILE")]
    services: Vec<PathBuf>,
    /// What is billed of a day that traffic packages pay in part
    #[arg(long, value_enum, default_value_t = ShortfallArg::RealGigabytes)]
    package_shortfall: ShortfallArg,
}

/// What is billed of a day that packages pay in part.
#[derive(Clone, Copy, ValueEnum)]
enum ShortfallArg {
    /// The gigabytes that they do not pay for
    RealGigabytes,
    /// The package gigabytes that those would have taken, as a published example has it
    PackageGigabytes,
}

impl ExtrasArgs {
    /// The files, each behind its flag.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let events = self.events.iter().map(|path| ("--events", path.as_path()));
        events.chain(
            self.services
                .iter()
                .map(|path| ("--services", path.as_path())),
        )
    }

    /// Reads the files.
    pub(super) fn ledger(&self, zone: Zone) -> Result<Ledger, Failure> {
        let events = self.events.as_ref().map(|path| Events::load(path, zone));
        let mut services = Vec::new();
        for path in &self.services {
            services.extend(read_services(path)?);
        }
        let extras = Extras::new(events.transpose()?, services, zone).map_err(Failure::start)?;
        Ok(Ledger::new(extras, zone))
    }

    pub(super) fn shortfall(&self) -> Shortfall {
        match self.package_shortfall {
            ShortfallArg::RealGigabytes => Shortfall::RealGigabytes,
            ShortfallArg::PackageGigabytes => Shortfall::PackageGigabytes,
        }
    }
}

/// What accounts bought, and what is left of it when months begin.
pub(super) struct Ledger {
    extras: Extras,
    /// The packages with which a month begins, and all after it up to the next that is known.
    packages: BTreeMap<Month, Packages>,
    bought: Packages,
    /// By what months are billed in which something was bought or counted, once it was followed.
    catalogues: BTreeMap<Month, Arc<Catalogue>>,
}

impl Ledger {
    fn new(extras: Extras, zone: Zone) -> Self {
        Ledger {
            bought: extras.packages(zone),
            extras,
            packages: BTreeMap::new(),
            catalogues: BTreeMap::new(),
        }
    }

    /// The same, of which no usage is known.
    pub(super) fn anew(&self) -> Self {
        Ledger {
            extras: self.extras.clone(),
            packages: BTreeMap::new(),
            bought: self.bought.clone(),
            catalogues: BTreeMap::new(),
        }
    }

    /// The same with other events.
    pub(super) fn with_events(&self, events: Events, zone: Zone) -> Result<Self, Failure> {
        let extras = self.extras.with_events(events, zone);
        Ok(Ledger::new(extras.map_err(Failure::start)?, zone))
    }

    /// The same with more packages that are bought as a month begins, of which they are known from then
    /// on only.
    pub(super) fn with_packages(&self, bought: Vec<Purchase>, when: BillingMonth) -> Self {
        let mut ledger = self.anew();
        ledger.catalogues.clone_from(&self.catalogues);
        let mut packages = self.at(when.month);
        packages.add(&bought, when.zone);
        ledger.packages.insert(when.month, packages);
        ledger.extras.buy(bought);
        ledger
    }

    /// What it was made of.
    pub(super) fn digests(&self) -> &ExtrasDigests {
        self.extras.digests()
    }

    /// Whether anybody has packages: then every month depends on those before.
    pub(super) fn has_packages(&self) -> bool {
        self.extras.has_packages()
    }

    /// Months in which something was bought or counted.
    pub(super) fn months(&self, zone: Zone) -> Vec<Month> {
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
    ) -> Result<(), Failure> {
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
    ) -> Result<Bill, Failure> {
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

/// Months that have lines besides those of usage, in order: what was bought or counted in them by any of the
/// ledgers, and corrections; of `only` that month if one is named.
pub(super) fn months_besides(
    ledgers: &[&Ledger],
    corrections: &Corrections,
    only: Option<Month>,
    zone: Zone,
) -> Vec<Month> {
    let months = ledgers.iter().flat_map(|ledger| ledger.months(zone));
    let mut months: Vec<Month> = months.chain(corrections.waiting()).collect();
    months.retain(|month| only.is_none_or(|only| only == *month));
    months.sort_unstable();
    months.dedup();
    months
}
