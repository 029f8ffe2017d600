//! What every command that publishes usage takes, and how it goes about it.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::PathBuf;

use super::progress::say;
use super::{Failure, Finish, print_json};
use crate::meter::{Usage, UsageTable};
use crate::registry::{Class, Registry};
use crate::report::{Building, RunReport, Terms, print_run, publish, usage_digest, write_month};
use crate::summary::{Book, SummaryRow};
use crate::units::{Factor, Zone};
use clap::Args;

/// Arguments about the datasets.
#[derive(Args)]
pub(super) struct PublishArgs {
    /// Dated domain facts, TOML or the CSV of DescribeLiveDomains; without it every class is unknown
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Folder for the datasets
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(super) out: PathBuf,
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
    overhead_factor: Factor,
    /// Requests that each log line stands for, shown like the overhead factor
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    sampling_factor: Factor,
    /// Exit with 1 if there is traffic of domains that the registry does not know
    #[arg(long)]
    strict: bool,
    /// Print the report as JSON instead of tables
    #[arg(long)]
    pub(super) json: bool,
}

/// Datasets that are being written; dropped, nothing of them is published.
pub(super) struct Publishing<'a> {
    args: &'a PublishArgs,
    registry: Registry,
    summary: Building,
    usage_5min: Building,
    rows: Vec<SummaryRow>,
}

impl PublishArgs {
    /// Reads the registry and begins the datasets, so that what is wrong is known before any work.
    pub(super) fn begin(&self) -> Result<Publishing<'_>, Failure> {
        let registry = match &self.registry {
            Some(path) => Registry::load(path, self.billing_zone)?,
            None => Registry::empty(self.billing_zone),
        };
        Ok(Publishing {
            args: self,
            registry,
            summary: Building::begin(&self.out, "summary")?,
            usage_5min: Building::begin(&self.out, "usage_5min")?,
            rows: Vec::new(),
        })
    }
}

impl Publishing<'_> {
    /// Adds the months of `table`; no month may be added twice.
    pub(super) fn add(&mut self, table: UsageTable, names: Vec<String>) -> Result<(), Failure> {
        let book = Book::new(table, names, &self.registry, self.args.billing_zone)?;
        let terms = Terms {
            registry: &self.registry,
            overhead: self.args.overhead_factor,
            sampling: self.args.sampling_factor,
        };
        for usage in book.months() {
            let folders = (
                self.summary.month(usage.month)?,
                self.usage_5min.month(usage.month)?,
            );
            self.rows
                .extend(write_month(&usage, &terms, (&folders.0, &folders.1))?);
        }
        Ok(())
    }

    /// Publishes what was added and shows it; `report` says what it comes from.
    pub(super) fn finish(
        self,
        mut report: RunReport,
        elapsed_millis: impl Fn() -> u64,
    ) -> Result<Finish, Failure> {
        let rows = self.rows;
        let mut total = Usage::default();
        rows.iter().try_for_each(|row| total.add(&row.usage))?;
        let domains: HashSet<&str> = rows.iter().map(|row| &row.domain[..]).collect();
        report.domains = domains.len();
        report.usage = total.into();
        report.billing_zone = self.args.billing_zone.to_string();
        report.registry_digest = self.registry.digest();
        report.usage_digest = usage_digest(&rows);
        publish(vec![self.usage_5min, self.summary])?;
        report.elapsed_millis = elapsed_millis();
        show(self.args.json, &rows, &report)?;
        Ok(finish(self.args.strict, &rows, &report))
    }
}

fn show(is_json: bool, rows: &[SummaryRow], report: &RunReport) -> io::Result<()> {
    if is_json {
        return print_json(report);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    print_run(&mut out, rows, report)?;
    out.flush()
}

fn finish(is_strict: bool, rows: &[SummaryRow], report: &RunReport) -> Finish {
    if is_strict && rows.iter().any(|row| row.class == Class::Unknown) {
        say("there is traffic of domains that the registry does not know (class unknown)");
        return Finish::Attention;
    }
    match report.files.refused.is_empty() {
        true => Finish::Done,
        false => Finish::Attention,
    }
}
