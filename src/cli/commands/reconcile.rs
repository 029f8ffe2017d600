//! `cdn-meter reconcile`: what the logs hold beside what the provider says it bills.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::args::clock::now_unix_secs;
use crate::cli::args::events::ClockArgs;
use crate::cli::args::metering::MemoryArgs;
use crate::cli::args::store::{StoreArgs, open_to_read};
use crate::cli::out::out;
use crate::cli::{Failure, Finish, print_json};
use crate::months::{Day, Given, Samples, Verdict, check_closed};
use crate::registry::Registry;
use crate::store::Store;
use crate::units::day_text;

/// Compare the bytes of a store with the provider's own figures, day by day
///
/// Takes responses of DescribeBillBandwidthAndFluxList for the same domains. Its figure over ours is the
/// log-to-bill factor that --overhead-factor wants; providers state 1.05 to 1.15. Days that the
/// provider may still correct are shown and not judged. Exit code 1 if a day is not as expected.
#[derive(Args)]
pub(in crate::cli) struct ReconcileArgs {
    /// JSON responses of DescribeBillBandwidthAndFluxList; their samples must not overlap
    #[arg(required = true, value_name = "FILE")]
    responses: Vec<PathBuf>,
    /// Minutes of a sample, as asked for with Granularity
    #[arg(long, value_name = "MINUTES", default_value_t = 5, value_parser = minutes)]
    granularity: u32,
    /// Only this domain; all that are not push domains if left out. Can be given several times
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
    /// Dated domain facts: which domains are push domains
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    #[command(flatten)]
    clock: ClockArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

fn minutes(text: &str) -> Result<u32, String> {
    let minutes = text.parse().ok();
    let minutes = minutes.filter(|minutes| [5, 60, 1440].contains(minutes));
    minutes.ok_or_else(|| "the provider has samples of 5, 60 and 1440 minutes".to_owned())
}

pub(in crate::cli) fn reconcile(args: &ReconcileArgs) -> Result<Finish, Failure> {
    let zone = args.clock.billing_zone;
    let mut samples = Samples::default();
    for path in &args.responses {
        samples.read(path, zone)?;
    }
    samples.check(args.granularity, zone)?;
    let store = open_to_read(&args.store.store)?;
    let given = Given {
        store: &store,
        registry: &registry(args, &store)?,
        now_unix_secs: now_unix_secs(),
        rows_max: args.memory.rows_max(),
    };
    let judged = samples.beside(&given, args.granularity, &args.domain)?;
    match args.json {
        true => print_json(&judged.iter().map(day_json).collect::<Vec<_>>())?,
        false => print(&judged)?,
    }
    let is_fine = |verdict| matches!(verdict, Verdict::AsExpected | Verdict::Provisional);
    Ok(
        match judged.iter().all(|(_, _, verdict)| is_fine(*verdict)) {
            true => Finish::Done,
            false => Finish::Attention,
        },
    )
}

/// What is known of domains, which is nothing without a file.
fn registry(args: &ReconcileArgs, store: &Store) -> Result<Registry, Failure> {
    let zone = args.clock.billing_zone;
    let Some(path) = &args.registry else {
        return Ok(Registry::empty(zone));
    };
    let registry = Registry::load(path, zone)?;
    check_closed(store, &registry, now_unix_secs())?;
    Ok(registry)
}

fn day_json((number, day, verdict): &(i32, Day, Verdict)) -> serde_json::Value {
    json!({
        "day": day_text(*number),
        "logged_bytes": day.logged.to_string(),
        "billed_bytes": day.billed.to_string(),
        "factor": day.factor(),
        "verdict": verdict.name(),
    })
}

fn print(days: &[(i32, Day, Verdict)]) -> io::Result<()> {
    let mut out = out();
    writeln!(
        out,
        "day         {:>22}  {:>22}  {:>8}",
        "logged, B", "billed, B", "factor"
    )?;
    let mut all = Day::default();
    for (number, day, verdict) in days {
        all.logged += day.logged;
        all.billed += day.billed;
        writeln!(
            out,
            "{}  {:>22}  {:>22}  {:>8}  {}",
            day_text(*number),
            day.logged,
            day.billed,
            day.factor(),
            verdict.name()
        )?;
    }
    writeln!(
        out,
        "all         {:>22}  {:>22}  {:>8}",
        all.logged,
        all.billed,
        all.factor()
    )?;
    out.flush()
}
