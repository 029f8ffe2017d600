//! Bills on their way to publishing: open months, closed ones, and what corrects them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Failure;
use super::costs::{BilledCosts, COSTS, lines_with, take_costs, write_costs};
use super::focus::Focus;
use super::ledger::Ledger;
use super::months::usage_of_closed;
use crate::billing::packages::{Packages, Shortfall};
use crate::billing::{
    AccountBill, Bill, BillTerms, Catalogue, Charge, ExtrasDigests, Makers, StandardMode, Unpriced,
    corrections,
};
use crate::meter::Overflow;
use crate::registry::{Class, Registry};
use crate::report::{
    BillReport, Billed, Building, CostSums, PublishError, RejectedReport, Statement, read_charges,
    read_summary, write_charges, write_charges_csv,
};
use crate::store::{Close, Rejected, Store};
use crate::summary::{AccountUsage, Book, FrozenOwners, MonthUsage, Owners};
use crate::units::{Factor, Month, Zone};

/// Files of a closed month that say by what it was priced.
const CATALOGUE: &str = "catalogue.toml";
const MODE: &str = "standard-mode";
const SHORTFALL: &str = "package-shortfall";
const EVENTS: &str = "events-digest";
const SERVICES: &str = "services-digest";
const UNPRICED: &str = "unpriced.json";

/// What bills are worked out with, owned.
#[derive(Clone)]
pub(super) struct Prices {
    pub(super) catalogue: Catalogue,
    pub(super) mode: StandardMode,
    pub(super) overhead: Factor,
    pub(super) sampling: Factor,
    pub(super) shortfall: Shortfall,
}

impl Prices {
    pub(super) fn terms(&self) -> BillTerms<'_> {
        BillTerms {
            catalogue: &self.catalogue,
            mode: self.mode,
            overhead: self.overhead,
            sampling: self.sampling,
            shortfall: self.shortfall,
        }
    }

    /// Keeps in `folder` what a month is priced by, and what of it has no price; `extras` is what was
    /// billed besides usage.
    fn freeze(&self, bill: &Bill, extras: &ExtrasDigests, folder: &Path) -> Result<(), Failure> {
        let unpriced = bill.unpriced.iter();
        let unpriced = unpriced.map(|of| (&of.account, of.class.name(), of.bytes));
        let unpriced = serde_json::to_string(&unpriced.collect::<Vec<_>>());
        let texts = [
            (UNPRICED, &unpriced.map_err(Failure::state)?[..]),
            (CATALOGUE, self.catalogue.text()),
            (MODE, self.mode.name()),
            (SHORTFALL, self.shortfall.name()),
            (EVENTS, &extras.events),
            (SERVICES, &extras.services),
        ];
        for (name, text) in texts {
            let path = folder.join(name);
            fs::write(&path, text).and_then(|()| fs::File::open(&path)?.sync_all())?;
        }
        Ok(())
    }
}

/// What a closed month was billed by.
struct FrozenPrices {
    prices: Prices,
    /// What was billed besides usage.
    extras: ExtrasDigests,
    unpriced: Vec<Unpriced>,
}

impl FrozenPrices {
    /// `None` where the month was closed without a bill.
    fn read(store: &Store, close: &Close) -> Result<Option<Self>, Failure> {
        if close.terms.catalogue_digest.is_none() {
            return Ok(None);
        }
        let folder = store.closed_folder(close.terms.month, "catalogue");
        let damaged = |name: &str, problem: String| PublishError::Frozen {
            path: folder.join(name),
            problem,
        };
        let text = |name: &str| {
            let text = fs::read_to_string(folder.join(name));
            text.map_err(|error| damaged(name, error.to_string()))
        };
        let unknown = |name| damaged(name, "nothing has this name".to_owned());
        let factor = |text: &str| text.parse::<Factor>().map_err(Failure::state);
        let origin = format!("catalogue of {}", close.terms.month);
        let mode = StandardMode::by_name(text(MODE)?.trim());
        let shortfall = Shortfall::by_name(text(SHORTFALL)?.trim());
        let prices = Prices {
            catalogue: Catalogue::parse(&text(CATALOGUE)?, &origin)?,
            mode: mode.ok_or_else(|| unknown(MODE))?,
            overhead: factor(&close.terms.overhead_factor)?,
            sampling: factor(&close.terms.sampling_factor)?,
            shortfall: shortfall.ok_or_else(|| unknown(SHORTFALL))?,
        };
        let unpriced: Vec<(String, String, u64)> = serde_json::from_str(&text(UNPRICED)?)
            .map_err(|error| damaged(UNPRICED, error.to_string()))?;
        let unpriced = unpriced.into_iter().map(|(account, class, bytes)| {
            let class = Class::by_name(&class).ok_or_else(|| unknown(UNPRICED))?;
            Ok(Unpriced::new(&account, class, bytes))
        });
        let unpriced = unpriced.collect::<Result<Vec<_>, PublishError>>()?;
        Ok(Some(FrozenPrices {
            prices,
            extras: ExtrasDigests {
                events: text(EVENTS)?,
                services: text(SERVICES)?,
            },
            unpriced: unpriced.into_iter().flatten().collect(),
        }))
    }
}

/// Corrections of closed months: they are lines of the bill of the first month after all of them.
#[derive(Default)]
pub(super) struct Corrections {
    month: Option<Month>,
    lines: Vec<Charge>,
}

impl Corrections {
    /// What the closed months of a store would cost now, less what was billed for them so far. They
    /// are priced as they were billed, or by the present prices if `is_rerating`. The ledger is followed
    /// through all months of the store.
    pub(super) fn find(
        store: &Store,
        registry: &Registry,
        ledger: &mut Ledger,
        (prices, is_rerating): (&Prices, bool),
        rows_max: usize,
    ) -> Result<Self, Failure> {
        let closes = store.closes()?;
        let frozen = frozen_prices(store, &closes, ledger)?;
        let prices_of = |month: Month| match frozen.get(&month) {
            Some(frozen) if !is_rerating => &frozen.prices,
            _ => prices,
        };
        ledger.follow(store, registry, prices_of, rows_max)?;
        let Some(last) = closes.iter().map(|close| close.terms.month).max() else {
            return Ok(Corrections::default());
        };
        let billed = all_billed(store, &closes)?;
        let (costs, owners) = (BilledCosts(store, &closes, registry), registry);
        let bill_of = |close: &Close| match frozen.get(&close.terms.month) {
            Some(frozen) => {
                let bill = billed_bill(store, close, Vec::new())?;
                Ok(Some((bill, frozen.prices.terms())))
            }
            None => Ok(None),
        };
        let mut lines = Vec::new();
        for close in &closes {
            let (month, zone) = (close.terms.month, close.terms.zone);
            let Some(frozen) = frozen.get(&month) else {
                continue;
            };
            let slots = month.slots(zone);
            let is_as_billed = !is_rerating
                && !ledger.has_packages()
                && frozen.extras == *ledger.digests()
                && registry.digest() == close.terms.registry_digest
                && store.is_untouched_since(close.through, &slots)?
                && billed.iter().all(|charge| charge.corrects != Some(month));
            if is_as_billed {
                continue;
            }
            let usage = store.usage(slots, rows_max)?;
            let book = Book::new(usage.table, usage.domains, registry, zone)?;
            let accounts = book.months().flat_map(|usage| usage.accounts(registry));
            let now = ledger.bill((month, zone), accounts, Vec::new(), prices_of(month))?;
            let mut of_month = corrections(month, &billed, &now)?;
            let usage = book.months().find(|usage| usage.month == month);
            let now = (&now, usage.map(|usage| Makers { usage, owners }));
            costs.share(&mut of_month, now, &prices_of(month).terms(), bill_of)?;
            lines.extend(of_month);
        }
        let month = last.next();
        Ok(Corrections { month, lines })
    }

    /// The lines of a month's bill.
    pub(super) fn take(&mut self, month: Month) -> Vec<Charge> {
        match self.month == Some(month) {
            true => std::mem::take(&mut self.lines),
            false => Vec::new(),
        }
    }

    /// The month whose bill is still to take lines.
    fn waiting(&self) -> Option<Month> {
        self.month.filter(|_| !self.lines.is_empty())
    }
}

/// What closed months were billed by. What was bought for one of them has to be told again: without, it
/// would be credited.
fn frozen_prices(
    store: &Store,
    closes: &[Close],
    ledger: &Ledger,
) -> Result<BTreeMap<Month, FrozenPrices>, Failure> {
    let mut frozen = BTreeMap::new();
    for close in closes {
        let month = close.terms.month;
        let Some(of_month) = FrozenPrices::read(store, close)? else {
            continue;
        };
        let (then, now) = (&of_month.extras, ledger.digests());
        for (then, now, flag) in [
            (&then.events, &now.events, "--events"),
            (&then.services, &now.services, "--services"),
        ] {
            if !then.is_empty() && now.is_empty() {
                return Err(Failure::start(format!(
                    "{month} was closed with {flag}; give it again, else what it billed would be credited"
                )));
            }
        }
        frozen.insert(month, of_month);
    }
    Ok(frozen)
}

/// All lines that were ever billed for closed months.
fn all_billed(store: &Store, closes: &[Close]) -> Result<Vec<Charge>, Failure> {
    let mut billed = Vec::new();
    for close in closes
        .iter()
        .filter(|close| close.terms.catalogue_digest.is_some())
    {
        let folder = store.closed_folder(close.terms.month, "charges");
        billed.extend(read_charges(&folder, close.terms.zone)?.charges);
    }
    Ok(billed)
}

/// Bills that are being written; dropped, nothing of them is published.
pub(super) struct Bills {
    pub(super) prices: Prices,
    pub(super) ledger: Ledger,
    pub(super) is_rerating: bool,
    pub(super) charges: Building,
    pub(super) costs: Building,
    pub(super) corrections: Corrections,
    /// Where it was asked for.
    pub(super) focus: Option<Focus>,
    pub(super) shown: Shown,
}

/// What is shown of bills beside the dataset.
#[derive(Default)]
pub(super) struct Shown {
    /// What the names of lines hold that are to be explained.
    pub(super) wanted: Option<String>,
    /// Those lines.
    pub(super) found: Vec<Charge>,
    /// Lines that could not be metered.
    pub(super) rejected: Rejected,
    /// Whether all lines go to standard output as they are billed.
    pub(super) is_csv: bool,
    /// Where a page was asked for.
    pub(super) statement: Option<Statement>,
    pub(super) reports: Vec<BillReport>,
}

impl Shown {
    fn has(&self, month: Month) -> bool {
        let month = month.to_string();
        self.reports.iter().any(|report| report.month == month)
    }

    fn rejected_of(
        &self,
        month: Month,
        terms: &BillTerms<'_>,
    ) -> Result<Option<RejectedReport>, Failure> {
        if self.rejected.lines == 0 {
            return Ok(None);
        }
        let cost = terms.at_most(month, self.rejected.bytes_at_most)?;
        Ok(Some(RejectedReport {
            lines: self.rejected.lines,
            bytes_at_most: self.rejected.bytes_at_most.to_string(),
            cost_at_most: format!("{cost:.2}"),
            unread_lines: self.rejected.unread_lines,
        }))
    }

    /// Notes a bill; its shares are in `costs`, and add up to `sums`.
    fn note(
        &mut self,
        bill: Bill,
        terms: &BillTerms<'_>,
        (costs, sums): (&Path, &CostSums),
    ) -> Result<(), Failure> {
        if self.is_csv {
            let is_first = self.reports.is_empty();
            let mut out = io::BufWriter::new(io::stdout().lock());
            write_charges_csv(&bill, terms, &mut out, is_first)?;
        }
        let mut report = BillReport::new(&bill, terms)?;
        report.rejected = self.rejected_of(bill.month, terms)?;
        report.add_costs(sums);
        if let Some(statement) = &mut self.statement {
            statement.add(&bill, &report)?;
        }
        self.reports.push(report);
        if let Some(wanted) = &self.wanted {
            self.found.extend(lines_with(wanted, bill, costs)?);
        }
        Ok(())
    }
}

impl Bills {
    /// The datasets to publish, what is shown beside them, and by what it was worked out.
    pub(super) fn finish(mut self) -> (Vec<Building>, Shown, Prices) {
        // Months without usage were added last.
        self.shown.reports.sort_by(|a, b| a.month.cmp(&b.month));
        let focus = self.focus.map(Focus::into_datasets);
        let datasets = focus
            .into_iter()
            .flatten()
            .chain([self.charges, self.costs]);
        (datasets.collect(), self.shown, self.prices)
    }

    /// Finds what corrects closed months, and what nobody could meter, before the months are added.
    pub(super) fn correct(
        &mut self,
        store: &Store,
        registry: &Registry,
        rows_max: usize,
    ) -> Result<(), Failure> {
        self.shown.rejected = store.rejected()?;
        let prices = (&self.prices, self.is_rerating);
        self.corrections = Corrections::find(store, registry, &mut self.ledger, prices, rows_max)?;
        Ok(())
    }

    /// Prices a month.
    pub(super) fn add(
        &mut self,
        usage: MonthUsage<'_>,
        owners: &dyn Owners,
    ) -> Result<(), Failure> {
        let clock = (usage.month, usage.zone);
        let makers = Makers { usage, owners };
        self.add_accounts(clock, usage.accounts(owners), Some(makers))
    }

    fn add_accounts(
        &mut self,
        when: (Month, Zone),
        accounts: impl Iterator<Item = Result<AccountUsage, Overflow>>,
        makers: Option<Makers<'_>>,
    ) -> Result<(), Failure> {
        let corrections = self.corrections.take(when.0);
        let bill = self
            .ledger
            .bill(when, accounts, corrections, &self.prices)?;
        let terms = self.prices.terms();
        write_charges(&bill, &terms, &self.charges.month(bill.month)?)?;
        let costs = self.costs.month(bill.month)?;
        let sums = write_costs(&bill, makers, &terms, &costs)?;
        if let Some(focus) = &self.focus {
            focus.add(&bill, &terms, &costs)?;
        }
        self.shown.note(bill, &terms, (&costs, &sums))
    }

    /// Adds a closed month: as it was billed, or, if it was closed without a bill, priced as frozen.
    pub(super) fn add_closed(
        &mut self,
        store: &Store,
        close: &Close,
        registry: &Registry,
    ) -> Result<(), Failure> {
        let month = close.terms.month;
        let Some(frozen) = FrozenPrices::read(store, close)? else {
            let summary = read_summary(&store.closed_folder(month, "summary"))?;
            let owners = FrozenOwners::new(&summary, registry);
            let book = usage_of_closed(store, close, &owners)?;
            return book.months().try_for_each(|usage| self.add(usage, &owners));
        };
        let folder = store.closed_folder(month, "charges");
        self.charges.take_month(month, &folder)?;
        let bill = billed_bill(store, close, frozen.unpriced)?;
        let terms = frozen.prices.terms();
        let costs = self.costs.month(month)?;
        let sums = take_costs((store, close), &bill, &terms, registry, &self.costs)?;
        if let Some(focus) = &self.focus {
            focus.add(&bill, &terms, &costs)?;
        }
        self.shown.note(bill, &terms, (&costs, &sums))
    }

    /// Bills months without usage: what was bought or counted in them, and corrections; of `only` that
    /// month if one is named.
    pub(super) fn add_rest(&mut self, only: Option<Month>, zone: Zone) -> Result<(), Failure> {
        let mut months = self.ledger.months(zone);
        months.extend(self.corrections.waiting());
        months.sort_unstable();
        months.dedup();
        let is_meant = |month: &Month| only.is_none_or(|only| only == *month);
        for month in months.into_iter().filter(is_meant) {
            if !self.shown.has(month) {
                self.add_accounts((month, zone), std::iter::empty(), None)?;
            }
        }
        Ok(())
    }
}

/// Prices a month that is being closed, and keeps its charges and prices in folders that `folder_of`
/// tells.
pub(super) fn freeze_bill(
    (prices, ledger): (&Prices, &mut Ledger),
    usage: MonthUsage<'_>,
    registry: &Registry,
    mut corrections: Corrections,
    folder_of: impl Fn(&str) -> PathBuf,
) -> Result<BillReport, Failure> {
    let (clock, terms) = ((usage.month, usage.zone), prices.terms());
    let corrections = corrections.take(usage.month);
    let bill = ledger.bill(clock, usage.accounts(registry), corrections, prices)?;
    write_charges(&bill, &terms, &folder_of("charges"))?;
    let owners = registry;
    let makers = Some(Makers { usage, owners });
    let sums = write_costs(&bill, makers, &terms, &folder_of(COSTS))?;
    prices.freeze(&bill, ledger.digests(), &folder_of("catalogue"))?;
    let mut report = BillReport::new(&bill, &terms)?;
    report.add_costs(&sums);
    Ok(report)
}

/// The bill of a closed month.
fn billed_bill(store: &Store, close: &Close, unpriced: Vec<Unpriced>) -> Result<Bill, Failure> {
    let (month, zone) = (close.terms.month, close.terms.zone);
    let billed = read_charges(&store.closed_folder(month, "charges"), zone)?;
    bill_of((month, zone), billed, unpriced)
}

/// The bill that was frozen.
fn bill_of(
    (month, zone): (Month, Zone),
    billed: Billed,
    unpriced: Vec<Unpriced>,
) -> Result<Bill, Failure> {
    let mut adjustments = billed.adjustments.into_iter().peekable();
    let mut accounts = Vec::new();
    for charges in billed.charges.chunk_by(|a, b| a.account == b.account) {
        let account = charges[0].account.clone();
        let adjustment = adjustments.next_if(|(of, _)| *of == account);
        let adjustment = adjustment
            .map(|(_, adjustment)| adjustment)
            .unwrap_or_default();
        accounts.push(AccountBill::settled(account, charges.to_vec(), adjustment)?);
    }
    Ok(Bill {
        month,
        zone,
        unpriced,
        accounts,
        // What was told when it was closed is not kept.
        unlicensed: Vec::new(),
        packages: Packages::default(),
    })
}
