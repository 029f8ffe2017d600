//! `cdn-meter bill --what-if` and `cdn-meter catalogue diff`: the same usage priced in several ways.
//!
//! The way that was asked for is what `bill` says: closed months as they were billed, corrections and what was
//! bought included. The other ways, and both of two catalogues, price all months anew, closed ones by the
//! usage and the owners that were frozen; corrections are what they are in all ways, those of a closed month
//! the ones that it was closed with, so that ways differ by what is different in them.

use std::io::Write;

use super::bills::{FrozenPrices, Prices};
use super::corrections::{Corrections, How};
use super::ledger::{Ledger, months_besides};
use super::metering::MemoryArgs;
use super::monotone::check_closed;
use super::months::{MonthSink, add_months, usage_of_closed};
use super::out::out;
use super::{Failure, print_json};
use crate::billing::packages::Purchase;
use crate::billing::{Bill, Catalogue, Charge, Events, StandardMode};
use crate::meter::UsageTable;
use crate::registry::Registry;
use crate::report::{Comparison, print_comparison, read_summary};
use crate::store::{Close, Store};
use crate::summary::{Book, FrozenOwners, MonthUsage, Owners};
use crate::units::{Month, SLOT_SECS, Timestamp, Zone};

/// A way to price.
pub(super) struct Way {
    pub(super) name: String,
    pub(super) prices: Prices,
    pub(super) ledger: Ledger,
    /// Every account buys a package of so many GB as the month begins.
    package: Option<u32>,
    /// Whether it is what `bill` says.
    is_bill: bool,
}

impl Way {
    /// A way by these prices.
    pub(super) fn by(name: &str, prices: Prices, ledger: Ledger) -> Self {
        Way {
            name: name.to_owned(),
            prices,
            ledger,
            package: None,
            is_bill: false,
        }
    }

    /// The way that was asked for without any "what if": it is what `bill` says.
    pub(super) fn asked(prices: Prices, ledger: Ledger) -> Self {
        Way {
            is_bill: true,
            ..Way::by("as asked", prices, ledger)
        }
    }

    /// Another way: `text` says what is different, such as `mode=p95,price=30`.
    pub(super) fn parse(text: &str, asked: &Way, zone: Zone) -> Result<Self, Failure> {
        let mut way = Way {
            name: text.to_owned(),
            prices: asked.prices.clone(),
            ledger: asked.ledger.anew(),
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
                    way.ledger = way
                        .ledger
                        .with_events(Events::load(value.as_ref(), zone)?, zone)?
                }
                "price" => price = Some(value),
                "package" => way.package = Some(package(value)?),
                _ => {
                    return Err(Failure::start(format!(
                        "--what-if {text}: `{key}` cannot be changed; mode, price, catalogue, events and \
                         package can, such as mode=p95,price=30"
                    )));
                }
            }
        }
        let item = way.prices.mode.item();
        if let Some(price) = price {
            way.prices.catalogue = way.prices.catalogue.with_price(item, price)?;
        }
        if !way.prices.catalogue.has_price(item) {
            return Err(Failure::start(format!(
                "--what-if {text}: what this mode costs is in contracts only; say what a Mbps and month \
                 costs, such as {text},price=30"
            )));
        }
        Ok(way)
    }

    fn bill(
        &mut self,
        usage: MonthUsage<'_>,
        owners: &dyn Owners,
        corrections: Vec<Charge>,
    ) -> Result<Bill, Failure> {
        let when = usage.billing_month();
        let accounts = usage.accounts(owners);
        let Some(gigabytes) = self.package else {
            return self.ledger.bill(when, accounts, corrections, &self.prices);
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
        let mut ledger = self.ledger.with_packages(bought, when);
        ledger.bill(when, usage.accounts(owners), corrections, &self.prices)
    }
}

fn mode(name: &str) -> Result<StandardMode, Failure> {
    let name = match name {
        "p95" => "monthly-95",
        "average" => "monthly-average",
        name => name,
    };
    StandardMode::by_name(name).ok_or_else(|| {
        let names = StandardMode::ALL.map(StandardMode::name).join(", ");
        Failure::start(format!("no mode is called `{name}`; the modes are {names}"))
    })
}

fn package(text: &str) -> Result<u32, Failure> {
    let gigabytes = text.parse().ok().filter(|gigabytes| *gigabytes != 0);
    gigabytes.ok_or_else(|| Failure::start(format!("`{text}` is no size of a package in GB")))
}

/// Prices the months of a store in all `ways` and shows them side by side; nothing is written.
pub(super) fn compare(
    (mut ways, how): (Vec<Way>, How),
    (store, registry): (&Store, &Registry),
    only: Option<Month>,
    memory: &MemoryArgs,
    is_json: bool,
) -> Result<(), Failure> {
    check_closed(store, registry)?;
    let rows_max = memory.rows_max();
    let mut corrections = Corrections::default();
    for Way {
        prices,
        ledger,
        is_bill,
        ..
    } in &mut ways
    {
        match is_bill {
            true => {
                let prices = (&*prices, how);
                corrections = Corrections::find(store, registry, ledger, prices, rows_max)?;
            }
            false => ledger.follow(store, registry, |_| prices, rows_max)?,
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
    if is_json {
        return Ok(print_json(&sink.found)?);
    }
    let mut out = out();
    for comparison in &sink.found {
        print_comparison(&mut out, comparison)?;
    }
    Ok(out.flush()?)
}

/// Refuses ways whose prices of a month are in several currencies; one of them may be how it was closed.
fn check_currencies(
    month: Month,
    closed_in: Option<&str>,
    ways: &[(String, Prices, Bill)],
) -> Result<(), Failure> {
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
    let currency = &prices.catalogue.currency;
    Err(Failure::start(match closed_in {
        Some(closed_in) => format!(
            "{month} was closed in {closed_in}, and {name} prices it in {currency}; currencies are not compared: \
             ask for one month with --month, and for this one with catalogues in {closed_in}"
        ),
        None => format!(
            "{name} prices {month} in {currency}, and {} in {expected}; currencies are not compared",
            ways[0].0
        ),
    }))
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
    ) -> Result<(), Failure> {
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
    fn add_rest(&mut self, only: Option<Month>) -> Result<(), Failure> {
        let zone = self.zone();
        let ledgers: Vec<&Ledger> = self.ways.iter().map(|way| &way.ledger).collect();
        let mut months = months_besides(&ledgers, &self.corrections, only, zone);
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

    fn add(&mut self, table: UsageTable, names: Vec<String>) -> Result<(), Failure> {
        let registry = self.registry;
        let book = Book::new(table, names, registry, self.zone())?;
        let mut months = book.months();
        months.try_for_each(|usage| self.add_month(usage, registry, None))
    }

    fn add_closed(&mut self, store: &Store, close: &Close, _: usize) -> Result<(), Failure> {
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
