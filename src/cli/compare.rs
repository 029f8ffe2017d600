//! `cdn-meter bill --what-if` and `cdn-meter catalogue diff`: the same usage priced in several ways.

use std::io::{self, Write};

use super::bills::Prices;
use super::ledger::Ledger;
use super::metering::MemoryArgs;
use super::monotone::check_closed;
use super::months::{MonthSink, add_months, usage_of_closed};
use super::{Failure, print_json};
use crate::billing::packages::Purchase;
use crate::billing::{Bill, Catalogue, Events, StandardMode};
use crate::meter::UsageTable;
use crate::registry::Registry;
use crate::report::{Comparison, print_comparison, read_summary};
use crate::store::{Close, Store};
use crate::summary::{Book, FrozenOwners, Owners};
use crate::units::{Month, SLOT_SECS, Timestamp, Zone};

/// A way to price.
pub(super) struct Way {
    pub(super) name: String,
    pub(super) prices: Prices,
    pub(super) ledger: Ledger,
    /// Every account buys a package of so many GB as the month begins.
    package: Option<u32>,
}

impl Way {
    /// The way that was asked for without any "what if".
    pub(super) fn asked(name: &str, prices: Prices, ledger: Ledger) -> Self {
        Way {
            name: name.to_owned(),
            prices,
            ledger,
            package: None,
        }
    }

    /// Another way: `text` says what is different, such as `mode=p95,price=30`.
    pub(super) fn parse(text: &str, asked: &Way, zone: Zone) -> Result<Self, Failure> {
        let mut way = Way {
            name: text.to_owned(),
            prices: asked.prices.clone(),
            ledger: asked.ledger.anew(),
            package: None,
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

    fn bill(&mut self, usage: &Book, month: Month, owners: &dyn Owners) -> Result<Bill, Failure> {
        let when = (month, usage.zone());
        let months = || usage.months().filter(|of| of.month == month);
        let Some(gigabytes) = self.package else {
            let accounts = months().flat_map(|usage| usage.accounts(owners));
            return self.ledger.bill(when, accounts, Vec::new(), &self.prices);
        };
        let start = i64::from(month.slots(when.1).start) * i64::from(SLOT_SECS);
        let at = Timestamp::from_unix_secs(start).unwrap_or(Timestamp::END);
        let mut bought = Vec::new();
        for used in months().flat_map(|usage| usage.accounts(owners)) {
            let account = used?.account;
            bought.extend((!account.is_empty()).then_some(Purchase {
                account,
                at,
                gigabytes,
                fee: None,
            }));
        }
        let mut ledger = self.ledger.with_packages(bought, when);
        let accounts = months().flat_map(|usage| usage.accounts(owners));
        ledger.bill(when, accounts, Vec::new(), &self.prices)
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

/// Prices the months of a store in all `ways` and shows them side by side. Closed months are priced as
/// they were frozen; nothing is corrected and nothing is written.
pub(super) fn compare(
    mut ways: Vec<Way>,
    (store, registry): (&Store, &Registry),
    only: Option<Month>,
    memory: &MemoryArgs,
    is_json: bool,
) -> Result<(), Failure> {
    let currency = ways
        .first()
        .map(|way| way.prices.catalogue.currency.clone());
    if let Some(other) = ways
        .iter()
        .find(|way| Some(&way.prices.catalogue.currency) != currency.as_ref())
    {
        return Err(Failure::start(format!(
            "{}: its prices are in {}, and the others are not; currencies are not compared",
            other.name, other.prices.catalogue.currency
        )));
    }
    check_closed(store, registry)?;
    for way in &mut ways {
        let prices = &way.prices;
        way.ledger
            .follow(store, registry, |_| prices, memory.rows_max())?;
    }
    let mut sink = CompareSink {
        ways,
        registry,
        found: Vec::new(),
    };
    add_months(&mut sink, store, only, memory.rows_max())?;
    if is_json {
        return Ok(print_json(&sink.found)?);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    for comparison in &sink.found {
        print_comparison(&mut out, comparison)?;
    }
    Ok(out.flush()?)
}

/// The months of a store on their way to comparisons.
struct CompareSink<'a> {
    ways: Vec<Way>,
    registry: &'a Registry,
    found: Vec<Comparison>,
}

impl CompareSink<'_> {
    fn add_book(&mut self, book: &Book, owners: &dyn Owners) -> Result<(), Failure> {
        for month in book.months().map(|usage| usage.month) {
            let mut bills = Vec::new();
            for way in &mut self.ways {
                bills.push(way.bill(book, month, owners)?);
            }
            let ways = self.ways.iter().zip(bills);
            let bills: Vec<_> = ways
                .map(|(way, bill)| (&way.name[..], way.prices.terms(), bill))
                .collect();
            self.found.push(Comparison::new(&bills)?);
        }
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
        self.add_book(&book, registry)
    }

    fn add_closed(&mut self, store: &Store, close: &Close, _: usize) -> Result<(), Failure> {
        let summary = read_summary(&store.closed_folder(close.terms.month, "summary"))?;
        let owners = FrozenOwners::new(&summary, self.registry);
        let book = usage_of_closed(store, close, &owners)?;
        self.add_book(&book, &owners)
    }
}
