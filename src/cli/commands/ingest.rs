//! `cdn-meter ingest`: from logs into the store.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Instant;

use clap::Args;

use crate::cli::args::counted::say_counted_otherwise;
use crate::cli::args::metering::{MemoryArgs, MeterArgs, discover_some};
use crate::cli::args::store::{StoreArgs, WriterArgs, open_to_write};
use crate::cli::out::{after, out};
use crate::cli::progress::Progress;
use crate::cli::signals::{graceful, read_until_stopped};
use crate::cli::{Failure, Finish, print_json};
use crate::ingest::{ingest as ingest_sources, recount, retry_quarantine};
use crate::report::{RunReport, print_reconciliation, print_retried};
use crate::source::{Discovered, Origin, Source};
use crate::store::Store;

/// Meter logs into a store, each byte once; running it again is free and changes nothing
///
/// A file that has grown adds its new lines, one that was fetched again in a newer version replaces the old
/// one, logs that rotate all count, and what was renamed, copied or packed is not counted again. A file that is counted by another --format or
/// for another --domain than those given stays so, and is named. Rejected lines go to STORE/quarantine.
#[derive(Args)]
pub(in crate::cli) struct IngestArgs {
    /// Files, folders, globs, or - for standard input
    #[arg(required_unless_present = "retry_quarantine", value_name = "INPUT")]
    inputs: Vec<OsString>,
    #[command(flatten)]
    metering: MeterArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    writer: WriterArgs,
    /// Read the rejected lines of what counts again, after the logs if there are any
    ///
    /// By this program and with the --domain, --format and --log-format given now. What is accepted
    /// counts from then on; a line that is rejected again stays as it is. With a format named, only
    /// contents of that format are retried.
    #[arg(long)]
    retry_quarantine: bool,
    /// Count files anew that are counted already, by the --format, --log-format and --domain given now
    ///
    /// Files only. All lines of a file count as they are read now, in one commit, and no more as they
    /// did; the history says `recounted`. Lines that it shares with other files (a copy, what it or the
    /// other grew from) count once, so they are counted anew for these too. A file that is refused stays
    /// as it was counted. A closed month stays closed: the difference is an adjustment, and corrected on
    /// the next bill. When the file grows, give the same --format, --log-format and --domain again.
    #[arg(long, conflicts_with_all = ["retry_quarantine", "allow_duplicates"])]
    recount: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn ingest(args: &IngestArgs) -> Result<Finish, Failure> {
    let started = Instant::now();
    let _graceful = graceful();
    let options = args.metering.options(&args.memory)?;
    let found = match args.inputs.is_empty() {
        true => Discovered::default(),
        false => discover_some(&args.inputs)?,
    };
    let is_pipe =
        |source: &Source| !source.is_repeatable() && !matches!(source.origin, Origin::Barred(_));
    if args.recount && found.sources.iter().any(is_pipe) {
        return Err(Failure::start(
            "--recount takes files: standard input, or another pipe, cannot be read more than once",
        ));
    }
    if args.inputs.is_empty() || args.recount {
        // There is nothing to retry or count anew in a store that this would make.
        Store::open_to_read(&args.store.store)?;
    }
    let store = open_to_write(&args.store.store, "ingest", &args.writer)?;
    let progress = Progress::new(found.stored_bytes(), None);
    let sources = found.sources.clone();
    let ingested = read_until_stopped(|| match args.recount {
        true => recount(sources, &options, &progress, &store),
        false => ingest_sources(sources, &options, &progress, &store),
    })?;
    progress.finish();
    if !args.recount {
        say_counted_otherwise(&store, &options, &found.sources, &ingested);
    }
    let mut report = RunReport::new(&ingested)?;
    (report.files.repeated, report.files.hidden) = (found.repeated, found.hidden);
    report.files.left_out = found.left_out.len() as u64;
    if args.retry_quarantine {
        report.retried = Some(retry_quarantine(&store, &options)?.into());
    }
    report.elapsed_millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let shown = match args.json {
        true => print_json(&report),
        false => print(&report, !args.inputs.is_empty()),
    };
    let done = "what was read is counted in";
    shown.map_err(after(format!("{done} {}", args.store.store.display())))?;
    Ok(match report.files.needs_attention() {
        true => Finish::Attention,
        false => Finish::Done,
    })
}

fn print(report: &RunReport, is_of_logs: bool) -> io::Result<()> {
    let mut out = out();
    if is_of_logs {
        print_reconciliation(&mut out, report)?;
    }
    if let Some(retried) = &report.retried {
        print_retried(&mut out, retried)?;
    }
    out.flush()
}
