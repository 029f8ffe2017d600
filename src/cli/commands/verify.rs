//! `cdn-meter verify`: everything that a store promises, worked out again.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use crate::cli::args::clock::now_nanos;
use crate::cli::args::metering::{LayoutArgs, MemoryArgs, WorkerArgs, discover_some};
use crate::cli::args::store::{StoreArgs, open_to_read};
use crate::cli::out::out;
use crate::cli::progress::{Progress, say};
use crate::cli::{Failure, Finish, print_json};
use crate::ingest::{Compared, Options, compare};
use crate::store::{Finding, Store, Verification};
use crate::units::{counted, shown};

/// Names that are printed of files that could not be compared.
const NAMES_MAX: usize = 20;

/// Work out again everything that a store promises, and say exactly what is wrong
///
/// Exit code 0: all is as promised. 1: so it is, but not all could be compared with the logs. 3:
/// something is not as promised, and what to do stands beside it.
#[derive(Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Read these logs too, files, folders or globs, and compare every line's fate, byte and slot
    #[arg(long, value_name = "INPUT", num_args = 1..)]
    against: Vec<OsString>,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    workers: WorkerArgs,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn verify(args: &VerifyArgs) -> Result<Finish, Failure> {
    let store = open_to_read(&args.store.store)?;
    let mut verification = store.verify()?;
    let mut compared = match args.against.is_empty() {
        true => None,
        false => Some(compare_logs(args, &store)?),
    };
    if let Some(compared) = &mut compared {
        verification.findings.append(&mut compared.findings);
    }
    for name in &verification.foreign {
        say(&format!(
            "{name} is not ours; it is left alone, and is in no figure"
        ));
    }
    say_lost(&verification.lost);
    match args.json {
        true => print_json(&verification_json(&verification, compared.as_ref()))?,
        false => print(&verification, compared.as_ref())?,
    }
    match verification.findings.len() {
        0 if compared.is_some_and(|compared| !is_complete(&compared)) => Ok(Finish::Attention),
        0 => Ok(Finish::Done),
        findings => Err(Failure::state(format!(
            "the store {} is not what it promises to be: {}",
            args.store.store.display(),
            counted(findings as u64, "finding")
        ))),
    }
}

/// Says what `lost+found` holds.
fn say_lost(lost: &[(String, u64)]) {
    if lost.is_empty() {
        return;
    }
    let bytes: u64 = lost.iter().map(|(_, bytes)| bytes).sum();
    let names: Vec<String> = lost
        .iter()
        .take(NAMES_MAX)
        .map(|(name, _)| shown(name).to_string())
        .collect();
    let more = match lost.len() - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    say(&format!(
        "lost+found holds {}, {bytes} B, which count nowhere: {}{more}; they may be deleted once the logs \
         behind them are counted and nothing is missing here: `cdn-meter repair` puts back what is",
        counted(lost.len() as u64, "file"),
        names.join(", ")
    ));
}

fn compare_logs(args: &VerifyArgs, store: &Store) -> Result<Compared, Failure> {
    let found = discover_some(&args.against)?;
    let progress = Progress::new(found.stored_bytes(), None);
    let options = Options {
        workers: args.workers.count(),
        layout: args.layout.layout()?,
        fallback_domain: args.layout.fallback_domain()?,
        // What was counted is compared, whatever was rejected of it.
        reject_ratio_max: None,
        rows_max: args.memory.rows_max(),
        now_nanos: now_nanos(),
        is_rehash: true,
        // What was salvaged is compared with what can be salvaged now.
        is_salvage: true,
        is_counting_duplicates: false,
        names: None,
        only: None,
    };
    let compared = compare(found.sources, &options, &progress, store)?;
    progress.finish();
    Ok(compared)
}

fn is_complete(compared: &Compared) -> bool {
    compared.unknown.is_empty() && compared.unchecked.is_empty()
}

fn verification_json(
    verification: &Verification,
    compared: Option<&Compared>,
) -> serde_json::Value {
    let finding = |finding: &Finding| {
        json!({
            "promise": finding.promise,
            "subject": finding.subject,
            "problem": finding.problem,
        })
    };
    json!({
        "segments": verification.segments,
        "contents": verification.contents,
        "rows": verification.rows,
        "bytes": verification.usage.bytes.as_u64(),
        "requests": verification.usage.requests,
        "findings": verification.findings.iter().map(finding).collect::<Vec<_>>(),
        "foreign": verification.foreign,
        "lost_and_found": verification.lost.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "against": compared.map(compared_json),
    })
}

fn compared_json(compared: &Compared) -> serde_json::Value {
    let unknown = |(name, reason): &(String, String)| json!({ "name": name, "reason": reason });
    json!({
        "files": compared.files,
        "lines": compared.lines,
        "bytes": compared.bytes,
        "not_counted": compared.unknown.iter().map(unknown).collect::<Vec<_>>(),
        "not_compared": compared.unchecked,
    })
}

fn print(verification: &Verification, compared: Option<&Compared>) -> io::Result<()> {
    let mut out = out();
    for finding in &verification.findings {
        writeln!(
            out,
            "{}  {}: {}",
            finding.promise,
            shown(&finding.subject),
            shown(&finding.problem)
        )?;
    }
    if let Some(compared) = compared {
        print_compared(&mut out, compared)?;
    }
    writeln!(
        out,
        "{}, {} in {}: {}, {}; {}",
        counted(verification.contents, "content"),
        counted(verification.rows, "row"),
        counted(verification.segments, "segment"),
        verification.usage.bytes,
        counted(verification.usage.requests, "request"),
        counted(verification.findings.len() as u64, "finding")
    )?;
    out.flush()
}

fn print_compared(out: &mut impl Write, compared: &Compared) -> io::Result<()> {
    for (name, reason) in compared.unknown.iter().take(NAMES_MAX) {
        writeln!(out, "not counted  {}: {}", shown(name), shown(reason))?;
    }
    for name in compared.unchecked.iter().take(NAMES_MAX) {
        let name = shown(name);
        writeln!(out, "not compared  {name}: no such content among the logs")?;
    }
    writeln!(
        out,
        "{} compared with the store: {}, {} B; {} not counted, {} not at hand",
        counted(compared.files, "file"),
        counted(compared.lines, "line"),
        compared.bytes,
        compared.unknown.len(),
        compared.unchecked.len()
    )
}
