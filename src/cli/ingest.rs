//! `cdn-meter ingest`: from logs into the store.

use std::io::{self, Write};
use std::time::Instant;

use clap::Args;

use super::metering::{MemoryArgs, MeterArgs, StoreArgs, open_to_write};
use super::progress::Progress;
use super::{Failure, Finish, print_json};
use crate::ingest::ingest as ingest_sources;
use crate::report::{RunReport, print_reconciliation};

/// Meter logs into a store, each byte once; running it again is free and changes nothing
///
/// A file that has grown adds its new lines, one whose content was replaced is counted anew, one
/// that was renamed, copied or packed is not counted again. Rejected lines go to
/// STORE/quarantine.
#[derive(Args)]
pub(super) struct IngestArgs {
    #[command(flatten)]
    metering: MeterArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn ingest(args: &IngestArgs) -> Result<Finish, Failure> {
    let started = Instant::now();
    let options = args.metering.options(&args.memory)?;
    let found = args.metering.discover()?;
    let store = open_to_write(&args.store.store, "ingest")?;
    let stored_bytes = found
        .sources
        .iter()
        .filter_map(|source| source.stored_bytes);
    let progress = Progress::new(stored_bytes.sum(), None);
    let ingested = ingest_sources(found.sources, &options, &progress, &store)?;
    progress.finish()?;
    let mut report = RunReport::new(&ingested)?;
    (report.files.repeated, report.files.hidden) = (found.repeated, found.hidden);
    report.elapsed_millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match args.json {
        true => print_json(&report)?,
        false => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            print_reconciliation(&mut out, &report)?;
            out.flush()?;
        }
    }
    Ok(match report.files.needs_attention() {
        true => Finish::Attention,
        false => Finish::Done,
    })
}
