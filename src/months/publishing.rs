//! Usage, and bills if they are asked for, on their way to publishing.

use std::collections::HashSet;
use std::path::PathBuf;

use super::bills::Bills;
use super::error::{MonthError, RegistryRefused};
use super::given::Given;
use super::monotone::check_closed;
use super::place::Place;
use super::quarantine::QuarantineFile;
use super::store_months::{MonthSink, adjustments_of};
use super::watch::Notice;
use crate::ingest::Ingested;
use crate::meter::UsageTable;
use crate::registry::{Class, Registry};
use crate::report::{
    Build, Building, ClosedReport, Dataset, FoldedReport, RowReport, RunReport, SetAsideReport,
    Terms, read_summary, usage_digest, write_adjustments, write_month,
};
use crate::store::{Close, Rejected, Store};
use crate::summary::{Adjustment, Book, SummaryRow};
use crate::units::{BillingMonth, Factor, Month, Zone};

/// Datasets that are being written; dropped, nothing of them is published.
pub struct Publishing<'a> {
    registry: Registry,
    /// Log-to-bill factor, and requests that each log line stands for.
    factors: (Factor, Factor),
    place: Place<'a>,
    summary: Building,
    usage_5min: Building,
    /// Begun with the first closed month.
    adjustments: Option<Building>,
    /// Prices, where they were asked for.
    bills: Option<Bills>,
    rows: Vec<SummaryRow>,
    closed: Vec<ClosedReport>,
    set_aside: Vec<SetAsideReport>,
    folded: Vec<FoldedReport>,
}

impl MonthSink for Publishing<'_> {
    fn zone(&self) -> Zone {
        self.registry.zone()
    }

    fn add(&mut self, table: UsageTable, names: Vec<String>) -> Result<(), MonthError> {
        let book = Book::new(table, names, &self.registry, self.zone())?;
        let terms = terms(&self.registry, self.factors);
        for usage in book.months() {
            if self.place.watch.is_stopped() {
                return Err(MonthError::Stopped);
            }
            self.folded.extend(FoldedReport::of(&usage));
            let folders = self.folders(usage.month)?;
            self.rows
                .extend(write_month(&usage, &terms, &folders.0, &folders.1)?);
            if let Some(bills) = &mut self.bills {
                bills.add(usage, &self.registry)?;
            }
        }
        Ok(())
    }

    fn add_closed(
        &mut self,
        store: &Store,
        close: &Close,
        rows_max: usize,
    ) -> Result<(), MonthError> {
        self.take_closed(store, close.terms.month)?;
        if let Some(bills) = &mut self.bills {
            bills.add_closed(store, close, &self.registry)?;
        }
        let rows = adjustments_of(&self.registry, store, close, rows_max)?;
        self.adjust(close, &rows)
    }
}

impl<'a> Publishing<'a> {
    /// Begins the datasets of summaries; `factors` are those of the log to the bill, and of sampling.
    ///
    /// Errors: [`MonthError`].
    pub fn begin(
        registry: Registry,
        factors: (Factor, Factor),
        place: Place<'a>,
    ) -> Result<Self, MonthError> {
        Ok(Publishing {
            registry,
            factors,
            summary: place.build.dataset(Dataset::Summary)?,
            usage_5min: place.build.dataset(Dataset::Usage5min)?,
            place,
            adjustments: None,
            bills: None,
            rows: Vec::new(),
            closed: Vec::new(),
            set_aside: Vec::new(),
            folded: Vec::new(),
        })
    }

    /// Refuses a registry that takes back what closed months of the store say.
    ///
    /// Errors: [`RegistryRefused`].
    pub fn check_closed(&self, store: &Store, now_unix_secs: i64) -> Result<(), RegistryRefused> {
        check_closed(store, &self.registry, now_unix_secs)?;
        Ok(())
    }

    /// Prices what is added from now on.
    pub fn price(&mut self, bills: Bills) {
        self.bills = Some(bills);
    }

    /// What is built.
    pub fn build(&self) -> &Build {
        &self.place.build
    }

    /// Where rejected lines are built; `is_of_store` says whether a store keeps those that count.
    pub fn quarantine(&self, is_of_store: bool, is_group_readable: bool) -> QuarantineFile {
        QuarantineFile::new(&self.place.build, is_of_store, is_group_readable)
    }

    /// Begins to publish what a store holds now, of `only` one month if it is named.
    ///
    /// Errors: [`MonthError`].
    pub fn take_store(&mut self, store: &'a Store, only: Option<Month>) -> Result<(), MonthError> {
        let terms = terms(&self.registry, self.factors);
        self.place.take_store(store, &terms, only)
    }

    /// Notes whether all usage was read at once.
    pub fn note_read(&mut self, is_at_once: bool) {
        self.place.is_read_at_once = is_at_once;
    }

    /// Completes the file of rejected lines, with those of `store`: it is published, too.
    ///
    /// Errors: [`MonthError`].
    pub fn take_quarantine(
        &mut self,
        quarantine: Option<QuarantineFile>,
        store: Option<&Store>,
    ) -> Result<(), MonthError> {
        let has_lines = quarantine.map(|file| file.finish(store)).transpose()?;
        self.place.quarantine = has_lines;
        Ok(())
    }

    /// Notes what of a store is in no figure.
    ///
    /// Errors: [`MonthError`].
    pub fn note_set_aside(&mut self, store: &Store) -> Result<(), MonthError> {
        let aside = store.set_aside()?.into_iter();
        self.set_aside = aside.map(SetAsideReport::from).collect();
        Ok(())
    }

    /// Tells bills what a run that keeps nothing could not meter, or had to meter as nothing.
    ///
    /// Errors: [`MonthError`].
    pub fn note_rejected(&mut self, ingested: &Ingested) -> Result<(), MonthError> {
        let Some(bills) = &mut self.bills else {
            return Ok(());
        };
        let (lines, bytes) = {
            let report = RunReport::new(ingested)?;
            (report.lines, report.bytes)
        };
        bills.shown.rejected = Rejected {
            lines: lines.rejected.values().sum(),
            bytes_at_most: bytes.rejected_at_most,
            unread_lines: bytes.rejected_unread_lines,
        };
        let without = ingested
            .sources
            .iter()
            .map(|source| source.lines_without_bytes());
        for lines in without.filter(|lines| *lines != 0) {
            bills.shown.without_bytes.files += 1;
            bills.shown.without_bytes.lines += lines;
        }
        Ok(())
    }

    /// Corrects what closed months of the store were billed with, if anything is priced.
    ///
    /// Errors: [`MonthError`].
    pub fn correct(
        &mut self,
        store: &Store,
        (now_unix_secs, rows_max): (i64, usize),
    ) -> Result<(), MonthError> {
        let given = Given {
            store,
            registry: &self.registry,
            now_unix_secs,
            rows_max,
        };
        match &mut self.bills {
            Some(bills) => bills.correct(&given, self.place.watch),
            None => Ok(()),
        }
    }

    fn folders(&self, month: Month) -> Result<(PathBuf, PathBuf), MonthError> {
        Ok((self.summary.month(month)?, self.usage_5min.month(month)?))
    }

    /// Adds a closed month as it was frozen.
    fn take_closed(&mut self, store: &Store, month: Month) -> Result<(), MonthError> {
        let summary = store.closed_folder(month, "summary")?;
        self.summary.take_month(month, &summary)?;
        let usage = store.closed_folder(month, "usage_5min")?;
        self.usage_5min.take_month(month, &usage)?;
        self.rows.extend(read_summary(&summary)?);
        Ok(())
    }

    /// Adds what came for a closed month since.
    fn adjust(&mut self, close: &Close, rows: &[Adjustment]) -> Result<(), MonthError> {
        let building = match &self.adjustments {
            Some(building) => building,
            None => self
                .adjustments
                .insert(self.place.build.dataset(Dataset::Adjustments)?),
        };
        let when = BillingMonth::new(close.terms.month, self.registry.zone());
        write_adjustments(when, rows, &close.digest, building)?;
        let asked = self.factors;
        let frozen = (&close.terms.overhead_factor, &close.terms.sampling_factor);
        if (asked.0.to_string(), asked.1.to_string()) != (frozen.0.clone(), frozen.1.clone()) {
            self.place.watch.tell(&Notice::FactorsStay(close));
        }
        let bytes: i128 = rows.iter().map(|row| row.delta[0]).sum();
        if !rows.is_empty() {
            let folder = self.place.build.out().join(Dataset::Adjustments.name());
            self.place.watch.tell(&Notice::Adjusted {
                close,
                adjustments: rows.len(),
                bytes,
                folder: &folder,
            });
        }
        self.closed.push(ClosedReport {
            month: close.terms.month.to_string(),
            closed_at: close.at.clone(),
            digest: close.digest.clone(),
            adjustments: rows.len(),
            adjusted_bytes: bytes,
        });
        Ok(())
    }

    /// Publishes rejected lines alone; `report` says what they come from.
    ///
    /// Errors: [`MonthError`].
    pub fn publish_nothing(mut self, mut report: RunReport) -> Result<RunReport, MonthError> {
        if self.place.quarantine.is_some() {
            let terms = terms(&self.registry, self.factors);
            self.place.publish(Vec::new(), &terms, None)?;
        }
        report.billing_zone = self.registry.zone().to_string();
        report.registry_digest = self.registry.digest();
        report.usage_digest = usage_digest(&[]);
        report.domains = 0;
        Ok(report)
    }

    /// The month that is to be published, if there is nothing of it.
    pub fn month_without_anything(&self) -> Option<Month> {
        self.place
            .only
            .filter(|_| self.rows.is_empty() && self.closed.is_empty())
    }

    /// Publishes what was added; `report` says what it comes from.
    ///
    /// Errors: [`MonthError`].
    pub fn publish(mut self, mut report: RunReport) -> Result<Published, MonthError> {
        let (rows, zone) = (self.rows, self.registry.zone());
        rows.iter().for_each(|row| report.usage.add(&row.usage));
        report.summary = rows.iter().map(RowReport::from).collect();
        let domains: HashSet<&str> = rows.iter().map(|row| &row.domain[..]).collect();
        report.domains = domains.len();
        report.billing_zone = zone.to_string();
        report.registry_digest = self.registry.digest();
        report.usage_digest = usage_digest(&rows);
        (report.closed, report.set_aside) = (self.closed, self.set_aside);
        report.folded_hosts = self.folded;
        let (mut datasets, bills, billed_by) = match self.bills {
            None => (Vec::new(), Vec::new(), None),
            Some(mut bills) => {
                bills.add_rest(None, zone)?;
                let billed_by = bills.billed_by();
                let (datasets, shown, _) = bills.finish();
                (datasets, shown.reports, Some(billed_by))
            }
        };
        datasets.extend([self.usage_5min, self.summary]);
        datasets.extend(self.adjustments);
        let terms = terms(&self.registry, self.factors);
        let is_still = self.place.publish(datasets, &terms, billed_by)?;
        report.bills = bills;
        Ok(Published {
            report,
            rows,
            is_still,
        })
    }
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    /// What there is to say of it.
    pub report: RunReport,
    /// The summary.
    pub rows: Vec<SummaryRow>,
    /// Whether it is of one state of the store, and nothing beside it may not agree.
    pub is_still: bool,
}

fn terms(registry: &Registry, (overhead, sampling): (Factor, Factor)) -> Terms<'_> {
    Terms {
        registry,
        overhead,
        sampling,
    }
}

/// Whether there is traffic of domains that the registry does not know.
pub fn holds_unknown(rows: &[SummaryRow]) -> bool {
    rows.iter().any(|row| row.class == Class::Unknown)
}
