//! `cdn-meter summary`: from the store to published usage.

use std::io::{self, Write};
use std::time::Instant;

use clap::Args;

use crate::cli::args::clock::now_unix_secs;
use crate::cli::args::metering::MemoryArgs;
use crate::cli::args::publishing::PublishArgs;
use crate::cli::args::store::{StoreArgs, open_to_read};
use crate::cli::args::taken::check_out;
use crate::cli::out::{after, out};
use crate::cli::progress::say;
use crate::cli::{Failure, Finish, print_json};
use crate::ingest::Ingested;
use crate::months::{Published, Publishing, add_months, holds_unknown};
use crate::report::{RunReport, print_run};
use crate::summary::SummaryRow;
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
    if args.publishing.terms.has_registry() {
        publishing.check_closed(&store, now_unix_secs())?;
    }
    let is_at_once = add_months(&mut publishing, &store, args.month, args.memory.rows_max())?;
    publishing.note_read(is_at_once);
    let report = RunReport::new(&Ingested::default())?;
    let elapsed_millis = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    publish(publishing, (&args.publishing, &elapsed_millis), report)
}

/// Publishes what was added and shows it; `report` says what it comes from.
pub(super) fn publish(
    publishing: Publishing<'_>,
    (args, elapsed_millis): (&PublishArgs, &impl Fn() -> u64),
    report: RunReport,
) -> Result<Finish, Failure> {
    if let Some(month) = publishing.month_without_anything() {
        let why = format!(
            "the store holds no usage of {month} on the clock {}; {} stays as it is",
            args.terms.clock.billing_zone,
            args.out.display()
        );
        return publish_nothing(publishing, (args, elapsed_millis), report, &why);
    }
    let mut published = publishing.publish(report)?;
    published.report.elapsed_millis = elapsed_millis();
    let done = format!("all was published in {}", args.out.display());
    let Published {
        report,
        rows,
        is_still,
    } = published;
    show(args.terms.json, &rows, &report).map_err(after(done))?;
    Ok(match finish(args.terms.strict, &rows, &report) {
        Finish::Done if !is_still => Finish::Attention,
        finish => finish,
    })
}

/// Shows why nothing is published but rejected lines.
pub(super) fn publish_nothing(
    publishing: Publishing<'_>,
    (args, elapsed_millis): (&PublishArgs, &impl Fn() -> u64),
    report: RunReport,
    why: &str,
) -> Result<Finish, Failure> {
    say(&format!("nothing was published: {why}"));
    let mut report = publishing.publish_nothing(report)?;
    report.elapsed_millis = elapsed_millis();
    if args.terms.json {
        print_json(&report)?;
    }
    Ok(Finish::Attention)
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
