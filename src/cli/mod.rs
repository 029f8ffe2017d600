//! The front: commands, failures to exit codes, progress. The only room that prints.
//!
//! Owns: arguments, what is said to people and scripts, exit codes, the wall clock.
//! Does not own: any work; every command calls the rooms above and shows what they answer.

mod args;
mod commands;
mod failure;
mod out;
mod progress;
mod signals;

use std::io::Write;
use std::process::ExitCode;

use clap::error::ContextValue;
use clap::{Parser, Subcommand};

use crate::months::start_threads;
use crate::units::{Shown, shown};
use commands::{
    arrears, backup, bill, catalogue, close, compact, explain, forget, formats, ingest, licence,
    reconcile, run, summary, verify,
};
use failure::Failure;

/// Turns CDN access logs into exact usage per domain, billing month and class, as Parquet.
#[derive(Parser)]
#[command(name = "cdn-meter", version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArgs),
    Ingest(ingest::IngestArgs),
    Summary(summary::SummaryArgs),
    Bill(bill::BillArgs),
    Catalogue(catalogue::CatalogueArgs),
    Licence(licence::LicenceArgs),
    Arrears(arrears::ArrearsArgs),
    Explain(explain::ExplainArgs),
    Reconcile(reconcile::ReconcileArgs),
    Close(close::CloseArgs),
    Compact(compact::CompactArgs),
    Forget(forget::ForgetArgs),
    Verify(verify::VerifyArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Repair(backup::RepairArgs),
    Formats(formats::FormatsArgs),
}

/// What a command that came to its end says with its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    /// Everything is in order: exit code 0.
    Done,
    /// Done, but something in the data needs attention: exit code 1.
    Attention,
}

/// Shows a report to scripts.
fn print_json(report: &impl serde::Serialize) -> std::io::Result<()> {
    let mut out = out::plain();
    serde_json::to_writer_pretty(&mut out, report)?;
    writeln!(out)?;
    out.flush()
}

/// Runs the program; the exit code is for the caller's shell.
pub fn main() -> ExitCode {
    let command = match Args::try_parse() {
        Ok(args) => args.command,
        Err(error) if error.use_stderr() => return misused(error),
        // Help, and the version.
        Err(error) => error.exit(),
    };
    let outcome = begin().and_then(|()| perform(command));
    match outcome {
        Ok(Finish::Done) => ExitCode::SUCCESS,
        Ok(Finish::Attention) => ExitCode::from(1),
        Err(failure) => {
            // Where even standard error is gone, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "{failure}");
            failure.exit_code()
        }
    }
}

/// Says what is wrong with the arguments, which are anybody's text: a script may have them from a file's name.
fn misused(mut error: clap::Error) -> ExitCode {
    let texts = error.context().filter_map(|(kind, value)| {
        let safe = |text: &String| shown(text).into_owned();
        match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(safe(text)))),
            ContextValue::Strings(texts) => Some((
                kind,
                ContextValue::Strings(texts.iter().map(safe).collect()),
            )),
            _ => None,
        }
    });
    for (kind, value) in texts.collect::<Vec<_>>() {
        error.insert(kind, value);
    }
    let mut stderr = Shown(std::io::stderr());
    // Where even standard error is gone, the exit code has to do.
    let _ = write!(stderr, "{}", error.render());
    ExitCode::from(2)
}

/// Handles signals, and starts the threads that all commands share: the system may refuse them.
fn begin() -> Result<(), Failure> {
    signals::handle()?;
    start_threads().map_err(Failure::start)
}

fn perform(command: Command) -> Result<Finish, Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Ingest(args) => ingest::ingest(&args),
        Command::Summary(args) => summary::summary(&args),
        Command::Bill(args) => bill::bill(&args),
        Command::Catalogue(args) => catalogue::catalogue(&args),
        Command::Licence(args) => licence::licence(&args),
        Command::Arrears(args) => arrears::arrears(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Reconcile(args) => reconcile::reconcile(&args),
        Command::Close(args) => close::close(&args),
        Command::Compact(args) => compact::compact(&args),
        Command::Forget(args) => forget::forget(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Repair(args) => backup::repair(&args),
        Command::Formats(args) => formats::formats(&args),
    }
}
