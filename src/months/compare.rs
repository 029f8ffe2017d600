//! The same usage priced in several ways, side by side.
//!
//! The way that was asked for is what `bill` says: closed months as they were billed, corrections and what was
//! bought included. The other ways, and both of two catalogues, price all months anew, closed ones by the
//! usage and the owners that were frozen; corrections are what they are in all ways, those of a closed month
//! the ones that it was closed with, so that ways differ by what is different in them.

use super::corrections::{Corrections, How, months_besides};
use super::error::{MonthError, WayError};
use super::frozen::FrozenPrices;
use super::given::Given;
use super::monotone::check_closed;
use super::prices::Prices;
use super::purchases::Purchases;
use super::store_months::{MonthSink, add_months, usage_of_closed};
use crate::billing::packages::Purchase;
use crate::billing::{Bill, Catalogue, Charge, Events, StandardMode};
use crate::meter::UsageTable;
use crate::registry::Registry;
use crate::report::{Comparison, read_summary};
use crate::store::{Close, Store};
use crate::summary::{Book, FrozenOwners, MonthUsage, Owners};
use crate::units::{Month, SLOT_SECS, Timestamp, Zone};

/// A way to price.
#[derive(Debug)]
pub struct Way {
    name: String,
    prices: Prices,
    purchases: Purchases,
    /// Every account buys a package of so many GB as the month begins.
    package: Option<u32>,
    /// Whether it is what `bill` says.
    is_bill: bool,
}

impl Way {
    /// A way by these prices.
    pub fn by(name: &str, prices: Prices, purchases: Purchases) -> Self {
        Way {
            name: name.to_owned(),
            prices,
            purchases,
            package: None,
            is_bill: false,
        }
    }

    /// The way that was asked for without any "what if": it is what `bill` says.
    pub fn asked(prices: Prices, purchases: Purchases) -> Self {
        Way {
            is_bill: true,
            ..Way::by("as asked", prices, purchases)
        }
    }

    /// Another way: `text` says what is different, such as `mode=p95,price=30`.
    ///
    /// Errors: [`WayError`].
    pub fn parse(text: &str, asked: &Way, zone: Zone) -> Result<Self, WayError> {
        let mut way = Way {
            name: text.to_owned(),
            prices: asked.prices.clone(),
            purchases: asked.purchases.anew(),
            package: None,
            is_bill: false,
        };
        let mut price = None;
        for setting in text.split(',') {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            match key {
                "mode" => way.prices.mode = mode(value)?,
                "catalogue" => way.prices.catalogue = Catalogue::load(value)?,
                "events" => {
                    way.purchases = way
                        .purchases
                        .with_events(Events::load(value.as_ref(), zone)?, zone)?
                }
                "price" => price = Some(value),
                "package" => way.package = Some(package(value)?),
                _ => {
                    let key = key.to_owned();
                    return Err(WayError::Setting { key });
                }
            }
        }
        let item = way.prices.mode.item();
        if let Some(price) = price {
            way.prices.catalogue = way.prices.catalogue.with_price(item, price)?;
        }
        if !way.prices.catalogue.has_price(item) {
            let text = text.to_owned();
            return Err(WayError::Unpriced { text });
        }
        Ok(way)
    }

    fn bill(
        &mut self,
        usage: MonthUsage<'_>,
        owners: &dyn Owners,
        corrections: Vec<Charge>,
    ) -> Result<Bill, MonthError> {
        let when = usage.billing_month();
        let accounts = usage.accounts(owners);
        let Some(gigabytes) = self.package else {
            return self
                .purchases
                .bill(when, accounts, corrections, &self.prices);
        };
        let start = i64::from(usage.month.slots(usage.zone).start) * i64::from(SLOT_SECS);
        let at = Timestamp::from_unix_secs(start).unwrap_or(Timestamp::END);
        let mut bought = Vec::new();
        for used in accounts {
            let account = used?.account;
            bought.extend((!account.is_empty()).then_some(Purchase {
                account,
                at,
                gigabytes,
                fee: None,
            }));
        }
        let mut purchases = self.purchases.with_packages(bought, when);
        purchases.bill(when, usage.accounts(owners), corrections, &self.prices)
    }
}

fn mode(name: &str) -> Result<StandardMode, WayError> {
    let name = match name {
        "p95" => "monthly-95",
        "average" => "monthly-average",
        name => name,
    };
    StandardMode::by_name(name).ok_or_else(|| {
        let names = StandardMode::ALL.map(StandardMode::name).join(", ");
        let name = name.to_owned();
        WayError::Mode { name, names }
    })
}

fn package(text: &str) -> Result<u32, WayError> {
    let gigabytes = text.parse().ok().filter(|gigabytes| *gigabytes != 0);
    gigabytes.ok_or_else(|| WayError::Package {
        text: text.to_owned(),
    })
}

/// Prices the months of a store, or only one, in all `ways`; nothing is written.
///
/// Errors: [`MonthError`].
pub fn compare(
    (mut ways, how): (Vec<Way>, How),
    given: &Given<'_>,
    only: Option<Month>,
) -> Result<Vec<Comparison>, MonthError> {
    let Given {
        store,
        registry,
        now_unix_secs,
        rows_max,
    } = *given;
    check_closed(store, registry, now_unix_secs)?;
    let mut corrections = Corrections::default();
    for Way {
        prices,
        purchases,
        is_bill,
        ..
    } in &mut ways
    {
        match is_bill {
            true => {
                let prices = (&*prices, how);
                corrections = Corrections::find(given, purchases, prices)?;
            }
            false => purchases.follow(store, registry, |_| prices, rows_max)?,
        }
    }
    let mut sink = CompareSink {
        ways,
        registry,
        corrections,
        found: Vec::new(),
    };
    add_months(&mut sink, store, only, rows_max)?;
    sink.add_rest(only)?;
    Ok(sink.found)
}

/// Refuses ways whose prices of a month are in several currencies; one of them may be how it was closed.
fn check_currencies(
    month: Month,
    closed_in: Option<&str>,
    ways: &[(String, Prices, Bill)],
) -> Result<(), MonthError> {
    let mut currencies = ways
        .iter()
        .map(|(_, prices, _)| &prices.catalogue.currency[..]);
    let Some(first) = currencies.next() else {
        return Ok(());
    };
    let expected = closed_in.unwrap_or(first);
    let is_other = |(_, prices, _): &&(String, Prices, Bill)| prices.catalogue.currency != expected;
    let Some((name, prices, _)) = ways.iter().find(is_other) else {
        return Ok(());
    };
    let (way, currency) = (name.clone(), prices.catalogue.currency.clone());
    let other = expected.to_owned();
    Err(match closed_in {
        Some(_) => MonthError::ClosedInAnother {
            month,
            way,
            currency,
            closed_in: other,
        },
        None => MonthError::Currencies {
            month,
            way,
            currency,
            first: ways[0].0.clone(),
            other,
        },
    })
}

/// The months of a store on their way to comparisons.
struct CompareSink<'a> {
    ways: Vec<Way>,
    registry: &'a Registry,
    corrections: Corrections,
    found: Vec<Comparison>,
}

/// The lines with which a closed month corrected others.
fn corrections_of(bill: &Bill) -> Vec<Charge> {
    let lines = bill.accounts.iter().flat_map(|account| &account.charges);
    lines
        .filter(|line| line.corrects.is_some())
        .cloned()
        .collect()
}

impl CompareSink<'_> {
    /// Whether a way is what `bill` says; else corrections are in none.
    fn has_bill(&self) -> bool {
        self.ways.iter().any(|way| way.is_bill)
    }

    /// Prices a month in all ways; `frozen` is how it was billed, if it was closed.
    fn add_month(
        &mut self,
        usage: MonthUsage<'_>,
        owners: &dyn Owners,
        frozen: Option<(Prices, Bill)>,
    ) -> Result<(), MonthError> {
        let corrections = match &frozen {
            Some((_, bill)) if self.has_bill() => corrections_of(bill),
            _ => self.corrections.take(usage.month)?.lines,
        };
        let mut priced: Vec<(String, Prices, Bill)> = Vec::new();
        let mut frozen = frozen;
        // Where none of the ways is what `bill` says, all of them price the month anew.
        let as_closed = frozen.as_ref().filter(|_| self.has_bill());
        let closed_in = as_closed.map(|(prices, _)| prices.catalogue.currency.clone());
        for way in &mut self.ways {
            let name = way.name.clone();
            let (prices, bill) = match frozen.take_if(|_| way.is_bill) {
                Some(frozen) => frozen,
                None => {
                    let bill = way.bill(usage, owners, corrections.clone())?;
                    (way.prices.clone(), bill)
                }
            };
            priced.push((name, prices, bill));
        }
        check_currencies(usage.month, closed_in.as_deref(), &priced)?;
        let bills = priced.iter();
        let bills: Vec<_> = bills
            .map(|(name, prices, bill)| (&name[..], prices.terms(), bill))
            .collect();
        self.found.push(Comparison::new(&bills)?);
        Ok(())
    }

    /// Months without usage: what was bought or counted in them, and corrections; of `only` that month if one
    /// is named.
    fn add_rest(&mut self, only: Option<Month>) -> Result<(), MonthError> {
        let zone = self.zone();
        let purchases: Vec<&Purchases> = self.ways.iter().map(|way| &way.purchases).collect();
        let mut months = months_besides(&purchases, &self.corrections, only, zone);
        months.retain(|month| {
            let month = month.to_string();
            self.found.iter().all(|found| found.month != month)
        });
        let nothing = Book::new(UsageTable::new(1), Vec::new(), self.registry, zone)?;
        for month in months {
            self.add_month(nothing.month(month), self.registry, None)?;
        }
        self.found.sort_by(|a, b| a.month.cmp(&b.month));
        Ok(())
    }
}

impl MonthSink for CompareSink<'_> {
    fn zone(&self) -> Zone {
        self.registry.zone()
    }

    fn add(&mut self, table: UsageTable, names: Vec<String>) -> Result<(), MonthError> {
        let registry = self.registry;
        let book = Book::new(table, names, registry, self.zone())?;
        let mut months = book.months();
        months.try_for_each(|usage| self.add_month(usage, registry, None))
    }

    fn add_closed(&mut self, store: &Store, close: &Close, _: usize) -> Result<(), MonthError> {
        let month = close.terms.month;
        let summary = read_summary(&store.closed_folder(month, "summary")?)?;
        let owners = FrozenOwners::new(&summary, self.registry);
        let book = usage_of_closed(store, close, &owners)?;
        let frozen = match FrozenPrices::read(store, close)? {
            None => None,
            Some(frozen) => {
                let bill = frozen.bill(store, close)?;
                Some((frozen.prices, bill))
            }
        };
        self.add_month(book.month(month), &owners, frozen)
    }
}
