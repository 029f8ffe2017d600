//! `cdn-meter summary`: from the store to published usage.

use std::time::Instant;

use clap::Args;

use crate::cli::args::metering::MemoryArgs;
use crate::cli::args::publishing::PublishArgs;
use crate::cli::args::store::{StoreArgs, open_to_read};
use crate::cli::args::taken::check_out;
use crate::cli::months::add_months;
use crate::cli::{Failure, Finish};
use crate::ingest::Ingested;
use crate::report::RunReport;
use crate::units::Month;

/// Publish what a store holds as Parquet: OUT/summary and OUT/usage_5min
///
/// Closed months are published as they were when they were closed; what changed since is in
/// OUT/adjustments, slot by slot with its original month: added to the closed figures it gives
/// what counts now.
#[derive(Args)]
pub(in crate::cli) struct SummaryArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// One billing month, such as 2026-10; all months if it is left out
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    publishing: PublishArgs,
}

pub(in crate::cli) fn summary(args: &SummaryArgs) -> Result<Finish, Failure> {
    let started = Instant::now();
    check_out(&args.publishing.out, Some(&args.store.store))?;
    let store = open_to_read(&args.store.store)?;
    let mut publishing = args.publishing.begin()?;
    publishing.take_store(&store, args.month)?;
    publishing.note_set_aside(&store)?;
    publishing.check_closed(&store)?;
    let is_at_once = add_months(&mut publishing, &store, args.month, args.memory.rows_max())?;
    publishing.note_read(is_at_once);
    let report = RunReport::new(&Ingested::default())?;
    let elapsed_millis = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    publishing.finish(report, elapsed_millis)
}
