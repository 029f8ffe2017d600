//! `cdn-meter run`: from logs to published usage in one go.

use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Args;

use crate::cli::args::clock::now_unix_secs;
use crate::cli::args::counted::say_counted_otherwise;
use crate::cli::args::metering::{MemoryArgs, MeterArgs, discover_some};
use crate::cli::args::prices::PriceArgs;
use crate::cli::args::publishing::PublishArgs;
use crate::cli::args::store::{StoreArgs, WriterArgs, open_to_write, say_set_aside};
use crate::cli::args::taken::check_out;
use crate::cli::commands::summary::{publish, publish_nothing};
use crate::cli::progress::Progress;
use crate::cli::signals::{graceful, read_until_stopped};
use crate::cli::{Failure, Finish};
use crate::ingest::{Ingested, ingest};
use crate::meter::{MemoryFull, UsageTable, rows_left};
use crate::months::{MonthSink as _, Publishing, add_months};
use crate::report::RunReport;

/// Meter logs and publish usage per domain, month and class as Parquet
///
/// Reads files, folders, globs or standard input (-), plain, gzip or zstd, each format told from
/// its content. Counts into a store, so that a file that was counted before is not counted again,
/// and publishes all that the store holds. Prints a table and the reconciliation, and writes
/// OUT/summary, OUT/usage_5min and, if lines were rejected, OUT/quarantine.ndjson. With a registry
/// it prices the months, too, and writes OUT/charges and OUT/costs.
#[derive(Args)]
pub(in crate::cli) struct RunArgs {
    /// Files, folders, globs, or - for standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<OsString>,
    #[command(flatten)]
    metering: MeterArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    publishing: PublishArgs,
    #[command(flatten)]
    prices: PriceArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    writer: WriterArgs,
    /// Keep usage in memory: nothing is known of other runs, and nothing is kept for later ones
    #[arg(long, conflicts_with = "store")]
    no_store: bool,
}

pub(in crate::cli) fn run(args: &RunArgs) -> Result<Finish, Failure> {
    let started = Instant::now();
    let _graceful = graceful();
    let elapsed_millis = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let options = args.metering.options(&args.memory)?;
    let found = discover_some(&args.inputs)?;
    check_out(
        &args.publishing.out,
        (!args.no_store).then_some(&args.store.store),
    )?;
    let mut publishing = begin(args)?;
    let store = match args.no_store {
        true => None,
        false => Some(open_to_write(&args.store.store, "run", &args.writer)?),
    };
    let quarantine = publishing.quarantine(!args.no_store, args.writer.group_readable);
    let progress = Progress::new(found.stored_bytes(), Some(quarantine));
    let ingested = match &store {
        None => {
            let table = Mutex::new(UsageTable::new(options.rows_max));
            let read = || ingest(found.sources, &options, &progress, &table);
            let mut ingested = read_until_stopped(read)?;
            let mut table = table.into_inner().unwrap_or_else(PoisonError::into_inner);
            let domains = ingested.domains.len();
            table
                .hold_within(rows_left(domains, options.rows_max))
                .map_err(|_| MemoryFull::of(table.len(), domains))?;
            publishing.note_rejected(&ingested)?;
            publishing.add(table, std::mem::take(&mut ingested.domains))?;
            ingested
        }
        Some(store) => {
            if args.publishing.terms.has_registry() {
                publishing.check_closed(store, now_unix_secs())?;
            }
            let read = || ingest(found.sources.clone(), &options, &progress, store);
            let ingested = read_until_stopped(read)?;
            say_counted_otherwise(store, &options, &found.sources, &ingested);
            say_set_aside(store)?;
            publishing.note_set_aside(store)?;
            publishing.take_store(store, None)?;
            publishing.correct(store, (now_unix_secs(), options.rows_max))?;
            add_months(&mut publishing, store, None, options.rows_max)?;
            ingested
        }
    };
    publishing.take_quarantine(progress.finish(), store.as_ref())?;
    let mut report = RunReport::new(&ingested)?;
    (report.files.repeated, report.files.hidden) = (found.repeated, found.hidden);
    report.files.left_out = found.left_out.len() as u64;
    let of = (&args.publishing, &elapsed_millis);
    match is_nothing(&ingested) {
        true => publish_nothing(publishing, of, report, "no file counts"),
        false => publish(publishing, of, report),
    }
}

/// Begins to publish, and to price if there is a registry.
fn begin(args: &RunArgs) -> Result<Publishing<'_>, Failure> {
    let terms = &args.publishing.terms;
    let mut publishing = args.publishing.begin()?;
    if terms.has_registry() {
        publishing.price(args.prices.begin(terms, publishing.build())?);
    }
    Ok(publishing)
}

/// Whether every source was refused.
fn is_nothing(ingested: &Ingested) -> bool {
    ingested.sources.iter().all(|source| source.is_refused())
}
