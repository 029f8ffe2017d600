//! What every command that publishes usage takes, and how it goes about it.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::bill::PriceArgs;
use super::bills::Bills;
use super::monotone::check_closed;
use super::months::{MonthSink, adjustments_of};
use super::out::{after, out};
use super::outlet::Place;
use super::progress::say;
use super::quarantine::QuarantineFile;
use super::signals::hold_not_stopped;
use super::{Failure, Finish, print_json};
use crate::ingest::Ingested;
use crate::meter::UsageTable;
use crate::registry::{Class, Registry};
use crate::report::{
    Build, Building, ClosedReport, Dataset, FoldedReport, RowReport, RunReport, SetAsideReport,
    Terms, print_run, read_summary, usage_digest, write_adjustments, write_month,
};
use crate::store::{Close, Rejected, Store};
use crate::summary::{Adjustment, Book, SummaryRow};
use crate::units::{BillingMonth, Factor, Month, Zone, counted};

/// Arguments about what usage is worth to whom.
#[derive(Args)]
pub(super) struct TermsArgs {
    /// Dated domain facts, TOML or the CSV of DescribeLiveDomains; without it every class is unknown
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Clock of billing days and months
    #[arg(
        long,
        value_name = "OFFSET",
        default_value = "+08:00",
        allow_hyphen_values = true
    )]
    pub(super) billing_zone: Zone,
    /// Log-to-bill factor, shown in columns of its own; bytes stay as logged
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub(super) overhead_factor: Factor,
    /// Requests that each log line stands for, shown like the overhead factor
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub(super) sampling_factor: Factor,
    /// Exit with 1 if there is traffic of domains that the registry does not know
    #[arg(long)]
    pub(super) strict: bool,
    /// Print the report as JSON instead of tables
    #[arg(long)]
    pub(super) json: bool,
}

impl TermsArgs {
    /// Whether there is a registry to read.
    pub(super) fn has_registry(&self) -> bool {
        self.registry.is_some()
    }

    /// The file of the registry.
    pub(super) fn registry_file(&self) -> Option<&Path> {
        self.registry.as_deref()
    }

    /// Reads the registry.
    pub(super) fn registry(&self) -> Result<Registry, Failure> {
        Ok(match &self.registry {
            Some(path) => Registry::load(path, self.billing_zone)?,
            None => Registry::empty(self.billing_zone),
        })
    }

    /// Reads the registry, without which nothing can be priced.
    pub(super) fn registry_to_price(&self) -> Result<Registry, Failure> {
        if !self.has_registry() {
            return Err(Failure::start(
                "nothing can be priced without knowing what domains are; give it with --registry FILE",
            ));
        }
        self.registry()
    }

    /// The terms with this registry.
    pub(super) fn with<'a>(&self, registry: &'a Registry) -> Terms<'a> {
        Terms {
            registry,
            overhead: self.overhead_factor,
            sampling: self.sampling_factor,
        }
    }
}

/// Arguments about the datasets.
#[derive(Args)]
pub(super) struct PublishArgs {
    #[command(flatten)]
    pub(super) terms: TermsArgs,
    /// Folder for the datasets
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(super) out: PathBuf,
}

/// Datasets that are being written; dropped, nothing of them is published.
pub(super) struct Publishing<'a> {
    args: &'a PublishArgs,
    registry: Registry,
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

impl PublishArgs {
    /// Begins to build in the folder, and says what was found there.
    fn build(&self) -> Result<Build, Failure> {
        let build = Build::begin(&self.out, |out| {
            say(&format!(
                "another command publishes in {}: waiting for it",
                out.display()
            ));
        })?;
        let out = self.out.display();
        if !build.taken_back.is_empty() {
            say(&format!(
                "a command was killed while it published in {out}: {} are as they were before it",
                build.taken_back.join(", ")
            ));
        }
        for path in &build.unknown {
            say(&format!(
                "{} is a build of an earlier version, or cannot be looked into; remove it if that does not run",
                path.display()
            ));
        }
        Ok(build)
    }

    /// The folder, with nothing in it to publish yet.
    pub(super) fn place(&self) -> Result<Place<'_>, Failure> {
        Ok(Place::new(self.build()?))
    }

    /// Reads the registry and begins the datasets, so that what is wrong is known before any work.
    pub(super) fn begin(&self) -> Result<Publishing<'_>, Failure> {
        let registry = self.terms.registry()?;
        let place = self.place()?;
        Ok(Publishing {
            args: self,
            registry,
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
}

impl MonthSink for Publishing<'_> {
    fn zone(&self) -> Zone {
        self.args.terms.billing_zone
    }

    fn add(&mut self, table: UsageTable, names: Vec<String>) -> Result<(), Failure> {
        let book = Book::new(table, names, &self.registry, self.zone())?;
        let terms = self.args.terms.with(&self.registry);
        for usage in book.months() {
            hold_not_stopped()?;
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

    fn add_closed(&mut self, store: &Store, close: &Close, rows_max: usize) -> Result<(), Failure> {
        self.take_closed(store, close.terms.month)?;
        if let Some(bills) = &mut self.bills {
            bills.add_closed(store, close, &self.registry)?;
        }
        let rows = adjustments_of(&self.registry, store, close, rows_max)?;
        self.adjust(close, &rows)
    }
}

impl<'a> Publishing<'a> {
    /// Refuses a registry that takes back what closed months of the store say.
    pub(super) fn check_closed(&self, store: &Store) -> Result<(), Failure> {
        if self.args.terms.has_registry() {
            check_closed(store, &self.registry)?;
        }
        Ok(())
    }

    /// Prices what is added from now on.
    pub(super) fn price(&mut self, prices: &PriceArgs) -> Result<(), Failure> {
        self.bills = Some(prices.begin(self.args, &self.place.build)?);
        Ok(())
    }

    /// Where rejected lines are built; `is_of_store` says whether a store keeps those that count.
    pub(super) fn quarantine(&self, is_of_store: bool, is_group_readable: bool) -> QuarantineFile {
        QuarantineFile::new(&self.place.build, is_of_store, is_group_readable)
    }

    /// Begins to publish what a store holds now, of `only` one month if it is named.
    pub(super) fn take_store(
        &mut self,
        store: &'a Store,
        only: Option<Month>,
    ) -> Result<(), Failure> {
        let terms = self.args.terms.with(&self.registry);
        self.place.take_store(store, &terms, only)
    }

    /// Notes whether all usage was read at once.
    pub(super) fn note_read(&mut self, is_at_once: bool) {
        self.place.is_read_at_once = is_at_once;
    }

    /// Completes the file of rejected lines, with those of `store`: it is published, too.
    pub(super) fn take_quarantine(
        &mut self,
        quarantine: Option<QuarantineFile>,
        store: Option<&Store>,
    ) -> Result<(), Failure> {
        let has_lines = quarantine.map(|file| file.finish(store)).transpose()?;
        self.place.quarantine = has_lines;
        Ok(())
    }

    /// Notes what of a store is in no figure.
    pub(super) fn note_set_aside(&mut self, store: &Store) -> Result<(), Failure> {
        let aside = store.set_aside()?.into_iter();
        self.set_aside = aside.map(SetAsideReport::from).collect();
        Ok(())
    }

    /// Tells bills what a run that keeps nothing could not meter, or had to meter as nothing.
    pub(super) fn note_rejected(&mut self, ingested: &Ingested) -> Result<(), Failure> {
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
    pub(super) fn correct(&mut self, store: &Store, rows_max: usize) -> Result<(), Failure> {
        match &mut self.bills {
            Some(bills) => bills.correct(store, &self.registry, rows_max),
            None => Ok(()),
        }
    }

    fn folders(&self, month: Month) -> Result<(PathBuf, PathBuf), Failure> {
        Ok((self.summary.month(month)?, self.usage_5min.month(month)?))
    }

    /// Adds a closed month as it was frozen.
    fn take_closed(&mut self, store: &Store, month: Month) -> Result<(), Failure> {
        let summary = store.closed_folder(month, "summary")?;
        self.summary.take_month(month, &summary)?;
        let usage = store.closed_folder(month, "usage_5min")?;
        self.usage_5min.take_month(month, &usage)?;
        self.rows.extend(read_summary(&summary)?);
        Ok(())
    }

    /// Adds what came for a closed month since.
    fn adjust(&mut self, close: &Close, rows: &[Adjustment]) -> Result<(), Failure> {
        let building = match &self.adjustments {
            Some(building) => building,
            None => self
                .adjustments
                .insert(self.place.build.dataset(Dataset::Adjustments)?),
        };
        let terms = &self.args.terms;
        let when = BillingMonth::new(close.terms.month, terms.billing_zone);
        write_adjustments(when, rows, &close.digest, building)?;
        let asked = (&terms.overhead_factor, &terms.sampling_factor);
        let frozen = (&close.terms.overhead_factor, &close.terms.sampling_factor);
        if (asked.0.to_string(), asked.1.to_string()) != (frozen.0.clone(), frozen.1.clone()) {
            say(&format!(
                "{} was closed with overhead factor {} and sampling factor {}, and keeps them",
                close.terms.month, frozen.0, frozen.1
            ));
        }
        let bytes: i128 = rows.iter().map(|row| row.delta[0]).sum();
        if !rows.is_empty() {
            say(&format!(
                "{} was closed at {} and is published as it was then; {} of {bytes} B in all {} in {}",
                close.terms.month,
                close.at,
                counted(rows.len() as u64, "adjustment"),
                if rows.len() == 1 { "is" } else { "are" },
                self.args.out.join(Dataset::Adjustments.name()).display()
            ));
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

    /// Shows why nothing is published but rejected lines.
    pub(super) fn finish_with_nothing(
        mut self,
        mut report: RunReport,
        why: &str,
        elapsed_millis: impl Fn() -> u64,
    ) -> Result<Finish, Failure> {
        say(&format!("nothing was published: {why}"));
        if self.place.quarantine.is_some() {
            let terms = self.args.terms.with(&self.registry);
            self.place.publish(Vec::new(), &terms, None)?;
        }
        let terms = &self.args.terms;
        report.billing_zone = terms.billing_zone.to_string();
        report.registry_digest = self.registry.digest();
        report.usage_digest = usage_digest(&[]);
        (report.domains, report.elapsed_millis) = (0, elapsed_millis());
        if terms.json {
            print_json(&report)?;
        }
        Ok(Finish::Attention)
    }

    /// Why there is nothing of the month that is to be published, if there is nothing.
    fn nothing_of_month(&self) -> Option<String> {
        let month = self
            .place
            .only
            .filter(|_| self.rows.is_empty() && self.closed.is_empty())?;
        Some(format!(
            "the store holds no usage of {month} on the clock {}; {} stays as it is",
            self.args.terms.billing_zone,
            self.args.out.display()
        ))
    }

    /// Publishes what was added and shows it; `report` says what it comes from.
    pub(super) fn finish(
        mut self,
        mut report: RunReport,
        elapsed_millis: impl Fn() -> u64,
    ) -> Result<Finish, Failure> {
        if let Some(why) = self.nothing_of_month() {
            return self.finish_with_nothing(report, &why, elapsed_millis);
        }
        let (rows, terms) = (self.rows, &self.args.terms);
        rows.iter().for_each(|row| report.usage.add(&row.usage));
        report.summary = rows.iter().map(RowReport::from).collect();
        let domains: HashSet<&str> = rows.iter().map(|row| &row.domain[..]).collect();
        report.domains = domains.len();
        report.billing_zone = terms.billing_zone.to_string();
        report.registry_digest = self.registry.digest();
        report.usage_digest = usage_digest(&rows);
        (report.closed, report.set_aside) = (self.closed, self.set_aside);
        report.folded_hosts = self.folded;
        let zone = terms.billing_zone;
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
        let terms_of = terms.with(&self.registry);
        let is_still = self.place.publish(datasets, &terms_of, billed_by)?;
        report.bills = bills;
        report.elapsed_millis = elapsed_millis();
        let done = format!("all was published in {}", self.args.out.display());
        show(terms.json, &rows, &report).map_err(after(done))?;
        Ok(match finish(terms.strict, &rows, &report) {
            Finish::Done if !is_still => Finish::Attention,
            finish => finish,
        })
    }
}

fn show(is_json: bool, rows: &[SummaryRow], report: &RunReport) -> io::Result<()> {
    if is_json {
        return print_json(report);
    }
    let mut out = out();
    print_run(&mut out, rows, report)?;
    out.flush()
}

fn finish(is_strict: bool, rows: &[SummaryRow], report: &RunReport) -> Finish {
    if is_strict && holds_unknown(rows) {
        say("there is traffic of domains that the registry does not know (class unknown)");
        return Finish::Attention;
    }
    match report.files.needs_attention() || !report.set_aside.is_empty() {
        true => Finish::Attention,
        false => Finish::Done,
    }
}

/// Whether there is traffic of domains that the registry does not know.
pub(super) fn holds_unknown(rows: &[SummaryRow]) -> bool {
    rows.iter().any(|row| row.class == Class::Unknown)
}
