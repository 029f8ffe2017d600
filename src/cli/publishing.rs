//! What every command that publishes usage takes, and how it goes about it.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use sha2::{Digest, Sha256};

use super::progress::say;
use super::{Failure, Finish, print_json};
use crate::meter::UsageTable;
use crate::registry::{Class, Registry};
use crate::report::{
    Building, Footer, RunReport, print_run, publish, write_summary, write_usage_5min,
};
use crate::summary::{Book, INDEX_RULE, MonthUsage, SummaryRow};
use crate::units::{Factor, Zone};

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

/// Datasets that are about to be written: everything that can be refused was.
pub(super) struct Publishing<'a> {
    args: &'a PublishArgs,
    registry: Registry,
    summary: Building,
    usage_5min: Building,
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
        })
    }
}

impl Publishing<'_> {
    /// Publishes the usage of `table` and shows it; `report` says what it comes from, and `time`
    /// how long it took.
    pub(super) fn publish(
        self,
        table: UsageTable,
        names: Vec<String>,
        mut report: RunReport,
        elapsed_millis: impl Fn() -> u64,
    ) -> Result<Finish, Failure> {
        report.domains = names.len();
        report.usage = table.total()?.into();
        let book = Book::new(table, names, &self.registry, self.args.billing_zone)?;
        let months = book
            .months()
            .map(|month| Ok((month, month.summary(&self.registry)?)))
            .collect::<Result<Vec<_>, Failure>>()?;
        report.billing_zone = self.args.billing_zone.to_string();
        report.registry_digest = self.registry.digest();
        report.usage_digest = usage_digest(&months);
        let footer = self.footer(&report);
        let factors = (self.args.overhead_factor, self.args.sampling_factor);
        write_usage_5min(&book, &self.registry, &footer, &self.usage_5min)?;
        write_summary(&months, factors, &footer, &self.summary)?;
        publish(vec![self.usage_5min, self.summary])?;
        report.elapsed_millis = elapsed_millis();
        show(self.args.json, &months, &report)?;
        Ok(finish(self.args.strict, &months, &report))
    }

    /// What the files say of themselves: the same usage says the same, however its logs came.
    fn footer(&self, report: &RunReport) -> Footer {
        let args = self.args;
        Footer {
            entries: vec![
                ("cdn_meter.billing_zone", report.billing_zone.clone()),
                ("cdn_meter.registry_digest", report.registry_digest.clone()),
                ("cdn_meter.usage_digest", report.usage_digest.clone()),
                (
                    "cdn_meter.overhead_factor",
                    args.overhead_factor.to_string(),
                ),
                (
                    "cdn_meter.sampling_factor",
                    args.sampling_factor.to_string(),
                ),
                ("cdn_meter.p95_rule", INDEX_RULE.to_owned()),
            ],
        }
    }
}

type Months<'a> = [(MonthUsage<'a>, Vec<SummaryRow<'a>>)];

/// SHA-256 over the sums of all months: the same usage gives the same digest.
fn usage_digest(months: &Months<'_>) -> String {
    let mut digest = Sha256::new();
    for row in months.iter().flat_map(|(_, rows)| rows) {
        let usage = &row.usage;
        let line = format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
            row.month,
            row.domain,
            row.region.name(),
            usage.bytes,
            usage.requests,
            usage.error_bytes,
            usage.error_requests,
            usage.doubtful_requests
        );
        digest.update(line.as_bytes());
    }
    let digest = digest.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn show(is_json: bool, months: &Months<'_>, report: &RunReport) -> io::Result<()> {
    if is_json {
        return print_json(report);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let rows: Vec<SummaryRow<'_>> = months
        .iter()
        .flat_map(|(_, rows)| rows.iter().cloned())
        .collect();
    print_run(&mut out, &rows, report)?;
    out.flush()
}

fn finish(is_strict: bool, months: &Months<'_>, report: &RunReport) -> Finish {
    let mut rows = months.iter().flat_map(|(_, rows)| rows);
    if is_strict && rows.any(|row| row.class == Class::Unknown) {
        say("there is traffic of domains that the registry does not know (class unknown)");
        return Finish::Attention;
    }
    match report.files.refused.is_empty() {
        true => Finish::Done,
        false => Finish::Attention,
    }
}
