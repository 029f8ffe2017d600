//! `cdn-meter compact`: few segments out of many.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use crate::cli::args::store::{StoreArgs, WriterArgs, open_to_write};
use crate::cli::out::{after, out};
use crate::cli::{Failure, Finish, print_json};
use crate::store::Compaction;
use crate::units::counted;

/// Make few segment files of many small ones; no figure changes
///
/// `ingest` does it by itself when there are many. Rows of contents that count no more are left
/// behind.
#[derive(Args)]
pub(in crate::cli) struct CompactArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    writer: WriterArgs,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn compact(args: &CompactArgs) -> Result<Finish, Failure> {
    let done = open_to_write(&args.store.store, "compact", &args.writer)?.compact()?;
    let printed = match args.json {
        true => print_json(&json!({
            "segments_before": done.segments_before,
            "segments_after": done.segments_after,
            "rows": done.rows,
            "rows_dropped": done.rows_dropped,
        })),
        false => print(&done),
    };
    let store = args.store.store.display();
    printed.map_err(after(format!("the store {store} is compacted")))?;
    Ok(Finish::Done)
}

fn print(done: &Compaction) -> io::Result<()> {
    let mut out = out();
    writeln!(
        out,
        "{}, {} before; {} rewritten, {} that count no more left behind",
        counted(done.segments_after, "segment"),
        done.segments_before,
        counted(done.rows, "row"),
        done.rows_dropped
    )?;
    out.flush()
}
