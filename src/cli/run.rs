//! `cdn-meter run`: from logs to published usage in one go.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Args;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::progress::{Progress, say};
use super::size::parse_size;
use super::{Failure, Finish};
use crate::ingest::{Ingested, Options, SourceReport, ingest};
use crate::meter::UsageTable;
use crate::record::Layout;
use crate::registry::{Class, Registry};
use crate::report::{
    Building, Footer, RunReport, print_run, publish, write_summary, write_usage_5min,
};
use crate::source::discover;
use crate::summary::{Book, INDEX_RULE, MonthUsage, SummaryRow};
use crate::units::{Domain, Factor, Zone};

/// Meter logs and publish usage per domain, month and class as Parquet
///
/// Reads files, folders, globs or standard input (-), plain, gzip or zstd, each format told from
/// its content. Prints a table and the reconciliation, and writes OUT/summary, OUT/usage_5min
/// and, if lines were rejected, OUT/quarantine.ndjson.
#[derive(Args)]
pub(super) struct RunArgs {
    /// Files, folders, globs, or - for standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// Dated domain facts, TOML or the CSV of DescribeLiveDomains; without it every class is unknown
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Folder for the datasets
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Format of all inputs, instead of telling it from content; see `cdn-meter formats`
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
    /// log_format string of nginx or Apache, or a name from `cdn-meter formats`
    #[arg(long, value_name = "STRING")]
    log_format: Option<String>,
    /// Domain of lines that name none
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// Clock of billing days and months
    #[arg(
        long,
        value_name = "OFFSET",
        default_value = "+08:00",
        allow_hyphen_values = true
    )]
    billing_zone: Zone,
    /// Largest part of a file's lines that may be rejected; beyond it nothing of the file counts
    #[arg(long, value_name = "RATIO", default_value = "0.01")]
    max_reject_ratio: Decimal,
    /// Log-to-bill factor, shown in columns of its own; bytes stay as logged
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    overhead_factor: Factor,
    /// Requests that each log line stands for, shown like the overhead factor
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    sampling_factor: Factor,
    /// Memory for usage rows
    #[arg(long, value_name = "SIZE", default_value = "2GB", value_parser = parse_size)]
    memory_limit: u64,
    /// Worker threads; 0 means one per core
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    workers: usize,
    /// Exit with 1 if there is traffic of domains that the registry does not know
    #[arg(long)]
    strict: bool,
    /// Print the report as JSON instead of tables
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RunArgs) -> Result<Finish, Failure> {
    let started = Instant::now();
    let options = options(args)?;
    let registry = match &args.registry {
        Some(path) => Registry::load(path, args.billing_zone)?,
        None => Registry::empty(args.billing_zone),
    };
    let found = discover(&args.inputs)?;
    if found.sources.is_empty() {
        return Err(Failure::start(
            "there are no files in the inputs; name a folder with logs",
        ));
    }
    // Begun before any log is read, so that a place that cannot be written is known at once.
    let summary = Building::begin(&args.out, "summary")?;
    let usage_5min = Building::begin(&args.out, "usage_5min")?;

    let stored_bytes = found
        .sources
        .iter()
        .filter_map(|source| source.stored_bytes)
        .sum();
    let progress = Progress::new(stored_bytes, &args.out);
    let table = Mutex::new(UsageTable::new(options.rows_max));
    let mut ingested = ingest(found.sources, &options, &progress, &table)?;
    let table = table.into_inner().unwrap_or_else(PoisonError::into_inner);

    let names = std::mem::take(&mut ingested.domains);
    let domains = names.len();
    let usage = table.total()?;
    let book = Book::new(table, names, &registry, args.billing_zone)?;
    let months = book
        .months()
        .map(|month| month.summary(&registry).map(|rows| (month, rows)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut report = RunReport::new(&ingested, usage)?;
    report.domains = domains;
    report.billing_zone = args.billing_zone.to_string();
    report.registry_digest = registry.digest();
    report.input_manifest_digest = manifest_digest(&ingested);
    (report.files.repeated, report.files.hidden) = (found.repeated, found.hidden);

    let quarantine = progress.finish()?;
    if report.files.committed == 0 {
        say("nothing was published: no file counts");
        return Ok(Finish::Attention);
    }
    let footer = footer(args, &report);
    write_usage_5min(&book, &registry, &footer, &usage_5min)?;
    write_summary(
        &months,
        (args.overhead_factor, args.sampling_factor),
        &footer,
        &summary,
    )?;
    publish(vec![usage_5min, summary])?;
    report.elapsed_millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);

    show(args, &months, &report)?;
    if let Some(path) = quarantine {
        say(&format!("rejected lines are in {}", path.display()));
    }
    Ok(finish(args, &months, &report))
}

fn options(args: &RunArgs) -> Result<Options, Failure> {
    let layout = match (&args.format, &args.log_format) {
        (Some(name), template) => Some(Layout::by_name(name, template.as_deref())?),
        (None, Some(template)) => Some(Layout::by_name("nginx", Some(template))?),
        (None, None) => None,
    };
    if args.format.as_deref().is_some_and(|name| name != "nginx") && args.log_format.is_some() {
        return Err(Failure::start("--log-format goes with --format nginx only"));
    }
    if args.max_reject_ratio.is_sign_negative() || Decimal::ONE < args.max_reject_ratio {
        return Err(Failure::start(
            "--max-reject-ratio is a part of 1, such as 0.01",
        ));
    }
    let domain = args
        .domain
        .as_deref()
        .map(|name| Domain::parse(name.as_bytes()))
        .transpose();
    let domain = domain.map_err(|error| Failure::start(format!("--domain: {error}")))?;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Options {
        workers: if args.workers == 0 {
            cores()
        } else {
            args.workers
        },
        layout,
        fallback_domain: domain.map(|domain| domain.as_str().to_owned()),
        reject_ratio_max: args.max_reject_ratio,
        rows_max: UsageTable::rows_in(args.memory_limit),
    })
}

/// SHA-256 over what was counted of every source: the same logs give the same digest.
fn manifest_digest(ingested: &Ingested) -> String {
    let mut digest = Sha256::new();
    let committed = ingested
        .sources
        .iter()
        .filter(|source| source.is_committed());
    for SourceReport {
        name,
        decompressed_bytes,
        counts,
        ..
    } in committed
    {
        let line = format!(
            "{name}\t{decompressed_bytes}\t{}\t{}\n",
            counts.lines, counts.bytes
        );
        digest.update(line.as_bytes());
    }
    digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn footer(args: &RunArgs, report: &RunReport) -> Footer {
    Footer {
        entries: vec![
            ("cdn_meter.billing_zone", report.billing_zone.clone()),
            ("cdn_meter.registry_digest", report.registry_digest.clone()),
            (
                "cdn_meter.input_manifest_digest",
                report.input_manifest_digest.clone(),
            ),
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

type Months<'a> = [(MonthUsage<'a>, Vec<SummaryRow<'a>>)];

fn show(args: &RunArgs, months: &Months<'_>, report: &RunReport) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        let rows: Vec<SummaryRow<'_>> = months
            .iter()
            .flat_map(|(_, rows)| rows.iter().cloned())
            .collect();
        print_run(&mut out, &rows, report)?;
    }
    out.flush()
}

fn finish(args: &RunArgs, months: &Months<'_>, report: &RunReport) -> Finish {
    let mut rows = months.iter().flat_map(|(_, rows)| rows);
    if args.strict && rows.any(|row| row.class == Class::Unknown) {
        say("there is traffic of domains that the registry does not know (class unknown)");
        return Finish::Attention;
    }
    match report.files.refused.is_empty() {
        true => Finish::Done,
        false => Finish::Attention,
    }
}
