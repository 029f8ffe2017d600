//! `cdn-meter bill`: from the store to priced charges.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::metering::{MemoryArgs, StoreArgs};
use super::months::{MonthSink, add_months};
use super::progress::say;
use super::publishing::PublishArgs;
use super::{Failure, Finish, print_json};
use crate::billing::{Bill, BillTerms, Catalogue, DEFAULT, StandardMode, bill as rate};
use crate::meter::{Domains, UsageTable};
use crate::registry::Registry;
use crate::report::{
    BillReport, Building, print_bill, publish, read_summary, read_usage_5min, write_charges,
};
use crate::store::{Close, Store};
use crate::summary::{Book, FrozenOwners, MonthUsage, Owners};
use crate::units::{Month, Zone};

/// Arguments about prices.
#[derive(Args)]
pub(super) struct PriceArgs {
    /// Prices and rules: mini-program-live, tencent-history, or a TOML file of the same form
    #[arg(long, value_name = "NAME", default_value = DEFAULT)]
    catalogue: String,
    /// How the traffic of standard domains is settled
    #[arg(long, value_enum, default_value_t = Mode::Flow)]
    standard_mode: Mode,
}

/// How standard traffic is settled.
#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Every day by its bytes
    Flow,
    /// Every day by its busiest 5 minutes
    DailyPeak,
}

/// Price the months of a store: OUT/charges, and a table of what each account pays
///
/// Mini-program domains pay their own price for the whole month in which they were added; standard
/// domains pay by the day. Traffic of domains that the registry does not know is shown and not
/// priced. Closed months are priced as they were frozen.
#[derive(Args)]
pub(super) struct BillArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// One billing month, such as 2026-10; all months if it is left out
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
    #[command(flatten)]
    prices: PriceArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    publishing: PublishArgs,
}

pub(super) fn bill(args: &BillArgs) -> Result<Finish, Failure> {
    let publishing = &args.publishing;
    if !publishing.terms.has_registry() {
        return Err(Failure::start(
            "nothing can be priced without knowing what domains are; give it with --registry FILE",
        ));
    }
    let registry = publishing.terms.registry()?;
    let store = Store::open_to_read(&args.store.store)?;
    let mut bills = args.prices.begin(publishing)?;
    let mut sink = BillSink {
        bills: &mut bills,
        registry: &registry,
    };
    add_months(&mut sink, &store, args.month, args.memory.rows_max())?;
    let is_json = publishing.terms.json;
    let (building, reports) = bills.end();
    publish(vec![building])?;
    match is_json {
        true => print_json(&reports)?,
        false => print_bills(&reports)?,
    }
    let is_unknown = |bill: &BillReport| bill.unpriced.iter().any(|u| u.class == "unknown");
    if publishing.terms.strict && reports.iter().any(is_unknown) {
        say("there is traffic of domains that the registry does not know (class unknown)");
        return Ok(Finish::Attention);
    }
    Ok(Finish::Done)
}

/// Shows bills as tables.
pub(super) fn print_bills(reports: &[BillReport]) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    reports
        .iter()
        .try_for_each(|bill| print_bill(&mut out, bill))?;
    out.flush()
}

impl PriceArgs {
    /// Reads the catalogue and begins the dataset.
    pub(super) fn begin<'a>(&self, publishing: &'a PublishArgs) -> Result<Bills<'a>, Failure> {
        Ok(Bills {
            publishing,
            catalogue: Catalogue::load(&self.catalogue)?,
            mode: match self.standard_mode {
                Mode::Flow => StandardMode::Flow,
                Mode::DailyPeak => StandardMode::DailyPeak,
            },
            charges: Building::begin(&publishing.out, "charges")?,
            reports: Vec::new(),
        })
    }
}

/// Bills that are being written; dropped, nothing of them is published.
pub(super) struct Bills<'a> {
    publishing: &'a PublishArgs,
    catalogue: Catalogue,
    mode: StandardMode,
    charges: Building,
    reports: Vec<BillReport>,
}

impl Bills<'_> {
    /// Prices a month.
    pub(super) fn add(
        &mut self,
        usage: MonthUsage<'_>,
        owners: &dyn Owners,
    ) -> Result<(), Failure> {
        let terms = BillTerms {
            catalogue: &self.catalogue,
            mode: self.mode,
            overhead: self.publishing.terms.overhead_factor,
            sampling: self.publishing.terms.sampling_factor,
        };
        let bill: Bill = rate(usage, owners, &terms)?;
        write_charges(&bill, &terms, &self.charges)?;
        self.reports.push(BillReport::new(&bill, &terms)?);
        Ok(())
    }

    /// Prices a closed month as it was frozen; its files are in folders that `folder_of` tells.
    pub(super) fn add_frozen(
        &mut self,
        close: &Close,
        folder_of: impl Fn(&str) -> PathBuf,
        registry: &Registry,
    ) -> Result<(), Failure> {
        let domains = Domains::new();
        let mut rows = read_usage_5min(&folder_of("usage_5min"), &domains)?;
        let mut table = UsageTable::new(rows.len());
        table.append(&mut rows)?;
        let summary = read_summary(&folder_of("summary"))?;
        let owners = FrozenOwners::new(&summary, registry);
        let book = Book::new(table, domains.names(), &owners, close.terms.zone)?;
        book.months().try_for_each(|usage| self.add(usage, &owners))
    }

    /// The dataset to publish, and the bills in sums.
    pub(super) fn end(self) -> (Building, Vec<BillReport>) {
        (self.charges, self.reports)
    }
}

/// The months of a store on their way to bills.
struct BillSink<'a, 'b> {
    bills: &'a mut Bills<'b>,
    registry: &'a Registry,
}

impl MonthSink for BillSink<'_, '_> {
    fn zone(&self) -> Zone {
        self.registry.zone()
    }

    fn add(&mut self, table: UsageTable, names: Vec<String>) -> Result<(), Failure> {
        let book = Book::new(table, names, self.registry, self.zone())?;
        book.months()
            .try_for_each(|usage| self.bills.add(usage, self.registry))
    }

    fn add_closed(&mut self, store: &Store, close: &Close, _: usize) -> Result<(), Failure> {
        let folder_of = |dataset: &str| store.closed_folder(close.terms.month, dataset);
        self.bills.add_frozen(close, folder_of, self.registry)
    }
}
