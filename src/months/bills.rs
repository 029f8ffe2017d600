//! Bills on their way to publishing: open months, closed ones, and what corrects them.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::corrections::{Corrections, How, Taken, months_besides};
use super::costs::{COSTS, lines_with, take_costs, write_costs};
use super::error::MonthError;
use super::explained::Found;
use super::focus::Focus;
use super::frozen::{FrozenPrices, freeze_prices};
use super::given::Given;
use super::nearest::Nearest;
use super::prices::Prices;
use super::purchases::Purchases;
use super::store_months::{MonthSink, add_months, usage_of_closed};
use super::watch::{Notice, Watch};
use crate::billing::{Bill, BillTerms, Makers};
use crate::meter::{Overflow, UsageTable};
use crate::registry::Registry;
use crate::report::{
    BillReport, BilledBy, Build, Building, CostSums, Dataset, FoldedReport, Notes, PublishError,
    RejectedReport, Statement, WithoutBytesReport, read_summary, write_charges, write_charges_csv,
};
use crate::store::{Close, Rejected, Store, WithoutBytes};
use crate::summary::{AccountUsage, Book, FrozenOwners, MonthUsage, Owners};
use crate::units::{BillingMonth, Month, Zone};

/// Bills that are being written; dropped, nothing of them is published.
pub struct Bills {
    prices: Prices,
    purchases: Purchases,
    /// What is said of closed months.
    pub how: How,
    charges: Building,
    costs: Building,
    corrections: Corrections,
    /// Where it was asked for.
    pub focus: Option<Focus>,
    /// What is shown beside the datasets.
    pub shown: Shown,
}

/// What is shown of bills beside the dataset.
#[derive(Default)]
pub struct Shown {
    /// What the names of lines hold that are to be explained, or the domain that made them; it looks at all that
    /// there are.
    pub wanted: Option<Nearest>,
    /// Those lines.
    pub found: Vec<Found>,
    /// Lines that could not be metered.
    pub rejected: Rejected,
    /// What counts without a byte because no line of its file says how many.
    pub without_bytes: WithoutBytes,
    /// Where all lines go as CSV as they are billed.
    pub csv: Option<Box<dyn Write>>,
    /// Where a page was asked for.
    pub statement: Option<Statement>,
    /// The bills, in order.
    pub reports: Vec<BillReport>,
}

impl Shown {
    /// Notes what the lines of a store do not tell.
    pub(super) fn note_gaps(&mut self, store: &Store) -> Result<(), MonthError> {
        self.rejected = store.rejected()?;
        self.without_bytes = store.without_bytes()?;
        Ok(())
    }

    fn has(&self, month: Month) -> bool {
        let month = month.to_string();
        self.reports.iter().any(|report| report.month == month)
    }

    fn rejected_of(
        &self,
        month: Month,
        terms: &BillTerms<'_>,
    ) -> Result<Option<RejectedReport>, MonthError> {
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

    /// The notes of a bill that is worked out now.
    fn notes_of(
        &self,
        bill: &Bill,
        terms: &BillTerms<'_>,
        taken: Taken,
    ) -> Result<Notes, MonthError> {
        let WithoutBytes { files, lines } = self.without_bytes;
        Ok(Notes {
            mended: taken.mended,
            waiting: taken.waiting,
            rerated: taken.rerated,
            rejected: self.rejected_of(bill.month, terms)?,
            without_bytes: (files != 0).then_some(WithoutBytesReport { files, lines }),
            ..Notes::of(bill)?
        })
    }

    /// Notes a bill; its shares are in `costs`, and add up to `sums`.
    fn note(
        &mut self,
        bill: Bill,
        terms: &BillTerms<'_>,
        notes: Notes,
        (costs, sums): (&Path, &CostSums),
    ) -> Result<(), MonthError> {
        if let Some(out) = &mut self.csv {
            let is_first = self.reports.is_empty();
            let written = write_charges_csv(&bill, terms, out, is_first);
            written.map_err(|error| match error {
                PublishError::Csv(error) => {
                    MonthError::Lines(std::io::Error::from(error).to_string())
                }
                error => error.into(),
            })?;
        }
        let mut report = BillReport::new(&bill, terms, notes)?;
        report.add_costs(sums);
        if let Some(statement) = &mut self.statement {
            statement.add(&bill, &report)?;
        }
        self.reports.push(report);
        if let Some(wanted) = &mut self.wanted {
            let month = bill.month;
            let lines = lines_with(wanted, bill, costs)?.into_iter();
            self.found.extend(lines.map(|charge| Found {
                charge,
                bill: month,
            }));
        }
        Ok(())
    }
}

impl Bills {
    /// Begins the datasets.
    ///
    /// Errors: [`MonthError`].
    pub fn begin(
        build: &Build,
        prices: Prices,
        purchases: Purchases,
        how: How,
    ) -> Result<Self, MonthError> {
        Ok(Bills {
            prices,
            purchases,
            how,
            charges: build.dataset(Dataset::Charges)?,
            costs: build.dataset(Dataset::Costs)?,
            corrections: Corrections::default(),
            focus: None,
            shown: Shown::default(),
        })
    }

    /// Bills the months of a store, or only one, with what was bought and counted in months without usage. Whether
    /// all of it was read at once, so that it is of one state of the store whoever writes to it.
    ///
    /// Errors: [`MonthError`].
    pub fn add_store(
        &mut self,
        given: &Given<'_>,
        only: Option<Month>,
    ) -> Result<bool, MonthError> {
        let mut sink = BillSink {
            bills: self,
            registry: given.registry,
        };
        let is_at_once = add_months(&mut sink, given.store, only, given.rows_max)?;
        let is_at_once = is_at_once && !self.purchases.has_packages();
        self.add_rest(only, given.registry.zone())?;
        Ok(is_at_once)
    }

    /// What all that is noted of bills tells them by.
    pub fn billed_by(&self) -> BilledBy {
        let (prices, extras) = (&self.prices, self.purchases.digests());
        BilledBy {
            prices: vec![
                ("catalogue", prices.catalogue.digest().to_owned()),
                ("mode", prices.mode.name().to_owned()),
                ("shortfall", prices.shortfall.name().to_owned()),
                ("events", extras.events.clone()),
                ("services", extras.services.clone()),
                ("rerating", self.how.is_rerating.to_string()),
            ],
            focus: self.focus.as_ref().map(|focus| focus.version().to_owned()),
            corrects: self.corrections.corrects(),
            has_packages: self.purchases.has_packages(),
        }
    }

    /// The datasets to publish, what is shown beside them, and by what it was worked out.
    pub fn finish(mut self) -> (Vec<Building>, Shown, Prices) {
        // Months without usage were added last.
        self.shown.reports.sort_by(|a, b| a.month.cmp(&b.month));
        let mut datasets = vec![self.charges, self.costs];
        datasets.extend(self.focus.into_iter().flat_map(Focus::into_datasets));
        (datasets, self.shown, self.prices)
    }

    /// Finds what corrects closed months, and what nobody could meter, before the months are added.
    ///
    /// Errors: [`MonthError`].
    pub fn correct(&mut self, given: &Given<'_>, watch: &dyn Watch) -> Result<(), MonthError> {
        self.shown.note_gaps(given.store)?;
        let prices = (&self.prices, self.how);
        self.corrections = Corrections::find(given, &mut self.purchases, prices)?;
        // There may be no bill to say it on.
        if let Some(rerated) = &self.corrections.rerated {
            watch.tell(&Notice::Rerated(rerated));
        }
        Ok(())
    }

    /// Prices a month.
    ///
    /// Errors: [`MonthError`].
    pub fn add(&mut self, usage: MonthUsage<'_>, owners: &dyn Owners) -> Result<(), MonthError> {
        let clock = usage.billing_month();
        let makers = Makers { usage, owners };
        self.add_accounts(clock, usage.accounts(owners), Some(makers))
    }

    fn add_accounts(
        &mut self,
        when: BillingMonth,
        accounts: impl Iterator<Item = Result<AccountUsage, Overflow>>,
        makers: Option<Makers<'_>>,
    ) -> Result<(), MonthError> {
        let mut taken = self.corrections.take(when.month)?;
        let lines = std::mem::take(&mut taken.lines);
        let mut bill = self.purchases.bill(when, accounts, lines, &self.prices)?;
        bill.assumed.append(&mut taken.assumed);
        let terms = self.prices.terms();
        write_charges(&bill, &terms, &self.charges.month(bill.month)?)?;
        let costs = self.costs.month(bill.month)?;
        let folded = makers.as_ref().map(|of| FoldedReport::of_bill(&of.usage));
        let (folded_hosts, folded_below) = folded.unwrap_or_default();
        let sums = write_costs(&bill, makers, &terms, &costs)?;
        if let Some(focus) = &self.focus {
            focus.add(&bill, &terms, &costs)?;
        }
        let notes = Notes {
            folded_hosts,
            folded_below,
            ..self.shown.notes_of(&bill, &terms, taken)?
        };
        self.shown.note(bill, &terms, notes, (&costs, &sums))
    }

    /// Adds a closed month: as it was billed, or, if it was closed without a bill, priced as frozen.
    ///
    /// Errors: [`MonthError`].
    pub fn add_closed(
        &mut self,
        store: &Store,
        close: &Close,
        registry: &Registry,
    ) -> Result<(), MonthError> {
        let month = close.terms.month;
        let Some(frozen) = FrozenPrices::read(store, close)? else {
            let summary = read_summary(&store.closed_folder(month, "summary")?)?;
            let owners = FrozenOwners::new(&summary, registry);
            let book = usage_of_closed(store, close, &owners)?;
            return book.months().try_for_each(|usage| self.add(usage, &owners));
        };
        let folder = store.closed_folder(month, "charges")?;
        self.charges.take_month(month, &folder)?;
        let bill = frozen.bill(store, close)?;
        let terms = frozen.prices.terms();
        let costs = self.costs.month(month)?;
        let sums = take_costs((store, close), &bill, &terms, registry, &self.costs)?;
        if let Some(focus) = &self.focus {
            focus.add(&bill, &terms, &costs)?;
        }
        let notes = match frozen.notes {
            Some(notes) => notes,
            None => self.shown.notes_of(&bill, &terms, Taken::default())?,
        };
        self.shown.note(bill, &terms, notes, (&costs, &sums))
    }

    /// Bills months without usage: what was bought or counted in them, and corrections; of `only` that
    /// month if one is named.
    ///
    /// Errors: [`MonthError`].
    pub fn add_rest(&mut self, only: Option<Month>, zone: Zone) -> Result<(), MonthError> {
        for month in months_besides(&[&self.purchases], &self.corrections, only, zone) {
            if !self.shown.has(month) {
                self.add_accounts(BillingMonth::new(month, zone), std::iter::empty(), None)?;
            }
        }
        Ok(())
    }
}

/// Prices a month that is being closed, and keeps its charges, prices and notes in folders that `folder_of`
/// tells.
pub(super) fn freeze_bill(
    (prices, purchases): (&Prices, &mut Purchases),
    usage: MonthUsage<'_>,
    registry: &Registry,
    (mut corrections, shown): (Corrections, &Shown),
    folder_of: impl Fn(&str) -> PathBuf,
) -> Result<BillReport, MonthError> {
    let (clock, terms) = (usage.billing_month(), prices.terms());
    let mut taken = corrections.take(usage.month)?;
    let lines = std::mem::take(&mut taken.lines);
    let mut bill = purchases.bill(clock, usage.accounts(registry), lines, prices)?;
    bill.assumed.append(&mut taken.assumed);
    write_charges(&bill, &terms, &folder_of("charges"))?;
    let makers = Some(Makers {
        usage,
        owners: registry,
    });
    let sums = write_costs(&bill, makers, &terms, &folder_of(COSTS))?;
    let (folded_hosts, folded_below) = FoldedReport::of_bill(&usage);
    let notes = Notes {
        folded_hosts,
        folded_below,
        ..shown.notes_of(&bill, &terms, taken)?
    };
    let extras = purchases.digests();
    freeze_prices(prices, (&bill, &notes), extras, &folder_of("catalogue"))?;
    let mut report = BillReport::new(&bill, &terms, notes)?;
    report.add_costs(&sums);
    Ok(report)
}

/// The months of a store on their way to bills.
struct BillSink<'a> {
    bills: &'a mut Bills,
    registry: &'a Registry,
}

impl MonthSink for BillSink<'_> {
    fn zone(&self) -> Zone {
        self.registry.zone()
    }

    fn add(&mut self, table: UsageTable, names: Vec<String>) -> Result<(), MonthError> {
        let book = Book::new(table, names, self.registry, self.zone())?;
        book.months()
            .try_for_each(|usage| self.bills.add(usage, self.registry))
    }

    fn add_closed(&mut self, store: &Store, close: &Close, _: usize) -> Result<(), MonthError> {
        self.bills.add_closed(store, close, self.registry)
    }
}
