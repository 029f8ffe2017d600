//! `cdn-meter backup`, `restore` and `repair`: copies of a store, and what to do with a damaged one.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::args::clock::instant_now;
use crate::cli::args::store::{StoreArgs, WriterArgs, open_to_read, writing};
use crate::cli::args::taken::check_store;
use crate::cli::out::{after, out};
use crate::cli::{Failure, Finish, print_json};
use crate::store::{Backup, Repair, RepairTerms, Store};
use crate::units::{counted, shown};

/// Copy a store to a folder, consistently, also while another cdn-meter writes to it
///
/// What is copied is the store as it was at its last commit, and every file of it is checked. Where the
/// file system can, files are linked: such a backup saves what is deleted or replaced, and not what
/// the disk damages; use --copy, or another disk, for that. The folder is a store that commands can read.
#[derive(Args)]
pub(in crate::cli) struct BackupArgs {
    /// Folder of the backup; it must not be there, or be empty
    #[arg(value_name = "DIR")]
    place: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    /// Copy all files, link none
    #[arg(long)]
    copy: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// Make a store of a backup; every file is checked first, and nothing is written over
#[derive(Args)]
pub(in crate::cli) struct RestoreArgs {
    /// Folder of the backup
    #[arg(value_name = "DIR")]
    place: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// Put right what can be in a damaged store, and say what is lost; nothing is deleted
///
/// Files that are in the way or that no commit names are moved to STORE/lost+found, files that a commit
/// names are put back from there, and a ledger of which the seal is gone or of another commit is sealed anew
/// if it agrees with all files. One that was altered after the commit that was sealed is not. Nothing is made
/// up: what only the ledger tells has to come from a copy of it, or from the logs. An older copy of the ledger, with
/// its seal, is believed by that, and it is said which commits are lost: restore the newest copy instead, if there is
/// one. Exit code 0: the store is sound. 1: so it is, once logs are ingested again that it names, or but for rejected
/// lines that were given up, or as far as a trial looked. 3: something is lost, and what to do stands beside it.
#[derive(Args)]
pub(in crate::cli) struct RepairArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    writer: WriterArgs,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Give up what is lost: files of which lines are lost with a segment are taken out, so that their logs count when
    /// they are ingested again, and rejected lines of which the file is lost are not to be retried any more
    #[arg(long)]
    drop_lost: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn backup(args: &BackupArgs) -> Result<Finish, Failure> {
    let at = instant_now()?.rfc3339();
    check_store("backup", &args.place)?;
    let store = open_to_read(&args.store.store)?;
    let made = store.backup(&args.place, &at, args.copy)?;
    let done = format!("the backup {} is whole", args.place.display());
    show(args.json, "backed up", &made).map_err(after(done))?;
    Ok(match made.missing.is_empty() {
        true => Finish::Done,
        false => Finish::Attention,
    })
}

pub(in crate::cli) fn restore(args: &RestoreArgs) -> Result<Finish, Failure> {
    check_store("store", &args.store.store)?;
    let made = crate::store::restore(&args.place, &args.store.store)?;
    // It is what was backed up, and a store as well.
    Store::open_to_read(&args.store.store)?;
    let done = format!("the store {} is restored", args.store.store.display());
    show(args.json, "restored", &made).map_err(after(done))?;
    Ok(Finish::Done)
}

fn show(is_json: bool, done: &str, made: &Backup) -> io::Result<()> {
    if is_json {
        return print_json(&json!({
            "commit": made.commit,
            "at": made.at,
            "files": made.files,
            "bytes": made.bytes,
            "linked": made.linked,
            "missing": made.missing,
        }));
    }
    let mut out = out();
    for name in &made.missing {
        writeln!(
            out,
            "missing  {name}: the store has lost it; its rejected lines were not kept"
        )?;
    }
    writeln!(
        out,
        "{done}: commit {} as of {}, {} ({} linked), {} B",
        made.commit,
        made.at,
        counted(made.files, "file"),
        made.linked,
        made.bytes
    )?;
    out.flush()
}

pub(in crate::cli) fn repair(args: &RepairArgs) -> Result<Finish, Failure> {
    let root = &args.store.store;
    let (occasion, access) = writing("repair", &args.writer)?;
    let terms = RepairTerms {
        is_trial: args.dry_run,
        is_dropping_lost: args.drop_lost,
    };
    let repair = crate::store::repair(root, occasion, &access, terms)?;
    let done = match args.dry_run {
        true => "nothing was changed".to_owned(),
        false => "what could be repaired is; `cdn-meter verify` says what is left".to_owned(),
    };
    show_repair(args, &repair).map_err(after(done))?;
    match repair.lost.len() {
        0 if repair.again.is_empty() && repair.given_up.is_empty() && repair.unseen.is_none() => {
            Ok(Finish::Done)
        }
        0 => Ok(Finish::Attention),
        lost => Err(Failure::state(format!(
            "the store {} is not whole: {} lost, and what to do stands beside it",
            root.display(),
            if lost == 1 {
                "1 thing is".to_owned()
            } else {
                format!("{lost} things are")
            }
        ))),
    }
}

fn show_repair(args: &RepairArgs, repair: &Repair) -> io::Result<()> {
    if args.json {
        return print_json(&json!({
            "done": repair.done,
            "lost": repair.lost,
            "ingest_again": repair.again,
            "given_up": repair.given_up,
            "unseen": repair.unseen,
        }));
    }
    let mut out = out();
    let would = if args.dry_run { "would have " } else { "" };
    for done in &repair.done {
        writeln!(out, "{would}{}", shown(done))?;
    }
    for name in &repair.again {
        writeln!(out, "ingest again  {}", shown(name))?;
    }
    for rejects in &repair.given_up {
        writeln!(out, "given up  {}", shown(rejects))?;
    }
    for lost in &repair.lost {
        writeln!(out, "lost  {}", shown(lost))?;
    }
    if let Some(unseen) = repair.unseen {
        writeln!(out, "unknown  {unseen}")?;
    }
    if *repair == Repair::default() {
        writeln!(out, "nothing to repair")?;
    }
    out.flush()
}
