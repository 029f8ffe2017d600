//! `cdn-meter forget`: what should never have counted is taken out.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use serde_json::json;

use crate::cli::args::store::{StoreArgs, WriterArgs, open_to_write, writing};
use crate::cli::out::{after, out};
use crate::cli::{Failure, Finish, print_json};
use crate::meter::{Overflow, Usage};
use crate::source::{is_there, name_of, path_of};
use crate::store::{Forgotten, REASON_BYTES_MAX, Store};
use crate::units::{Month, counted, shown};

/// Take files out of the store: their lines count no more
///
/// With a file, all names that hold the same content are forgotten, and what it grew from unless another
/// file holds that. What grew from it has to be named too. All of it is forgotten, or nothing. A closed month
/// stays closed: what is taken from it becomes an adjustment, and is credited on the next bill. A file that
/// is forgotten is not banned: an ingest that meets it counts it as new, so move it away first, unless it is
/// to be counted otherwise.
#[derive(Args)]
pub(in crate::cli) struct ForgetArgs {
    /// Files, or digests of contents (8 digits or more), as `cdn-meter explain` names them
    #[arg(required = true, value_name = "FILE|DIGEST")]
    what: Vec<OsString>,
    /// Why, for those who read the ledger's history later
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    writer: WriterArgs,
    /// Only show what would be forgotten
    #[arg(long)]
    dry_run: bool,
    /// Print what was forgotten as JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn forget(args: &ForgetArgs) -> Result<Finish, Failure> {
    check_reason(&args.reason)?;
    // There is nothing to forget in a store that this would make.
    Store::open_to_read(&args.store.store)?;
    let store = match args.dry_run {
        true => Store::open_to_try(&args.store.store, writing("forget", &args.writer)?.0)?,
        false => open_to_write(&args.store.store, "forget", &args.writer)?,
    };
    let what = args.what.iter().map(|what| named(&store, what));
    let what = what.collect::<Result<Vec<_>, _>>()?;
    let forgotten = store.forget(&what, &args.reason, args.dry_run)?;
    let closed = closed_of(&store, &forgotten)?;
    let names = forgotten.iter().flat_map(|of| &of.names);
    let there: Vec<&String> = names.filter(|name| is_there(name)).collect();
    let done = match args.dry_run {
        true => "nothing was forgotten",
        false => "all that was asked for is forgotten",
    };
    let printed = match args.json {
        true => print_json(&json!({
            "is_dry_run": args.dry_run,
            "reason": args.reason,
            "forgotten": forgotten.iter().map(content_json).collect::<Vec<_>>(),
            "closed_months": closed.iter().map(Month::to_string).collect::<Vec<_>>(),
            "still_there": there,
        })),
        false => print(args, &forgotten, total_of(&forgotten)?, (&closed, &there)),
    };
    printed.map_err(after(done.to_owned()))?;
    Ok(Finish::Done)
}

fn check_reason(reason: &str) -> Result<(), Failure> {
    match reason.trim() {
        "" => Err(Failure::start(
            "--reason is empty: say why, for those who ask later",
        )),
        text if REASON_BYTES_MAX < text.len() => Err(Failure::start(format!(
            "--reason is longer than {REASON_BYTES_MAX} bytes: name a document that says more"
        ))),
        _ => Ok(()),
    }
}

/// What the store calls what was asked for: files may be given from where the user stands.
fn named(store: &Store, what: &OsStr) -> Result<String, Failure> {
    let given = what.to_str().map(str::to_owned);
    let given = given.unwrap_or_else(|| name_of(Path::new(what)));
    let here = path_of(&given);
    if here.is_dir() {
        return Err(Failure::start(format!(
            "{given} is a folder; name the files to forget, such as {}/*; nothing was forgotten",
            given.trim_end_matches('/')
        )));
    }
    let spellings = [here.canonicalize(), std::path::absolute(here)];
    for path in spellings.into_iter().flatten() {
        let name = name_of(&path);
        if !store.is_named(&given)? && store.is_named(&name)? {
            return Ok(name);
        }
    }
    Ok(given)
}

/// The closed months that change with what was forgotten; all, where it is not known when its lines were.
fn closed_of(store: &Store, forgotten: &[Forgotten]) -> Result<BTreeSet<Month>, Failure> {
    let mut months = BTreeSet::new();
    for close in store.closes()? {
        let (month, zone) = (close.terms.month, close.terms.zone);
        let slots = month.slots(zone);
        let is_in = |of: &Forgotten| match &of.slots {
            Some(own) => *own.start() < slots.end && slots.start <= *own.end(),
            None => of.metered != 0,
        };
        if forgotten.iter().any(is_in) {
            months.insert(month);
        }
    }
    Ok(months)
}

fn total_of(forgotten: &[Forgotten]) -> Result<Usage, Overflow> {
    let mut total = Usage::default();
    for of in forgotten {
        total.add(&Usage {
            bytes: of.bytes,
            requests: of.metered,
            ..Usage::default()
        })?;
    }
    Ok(total)
}

fn print(
    args: &ForgetArgs,
    forgotten: &[Forgotten],
    total: Usage,
    (closed, there): (&BTreeSet<Month>, &[&String]),
) -> io::Result<()> {
    let mut out = out();
    for of in forgotten {
        let names = match of.names.is_empty() {
            true => "what it grew from".to_owned(),
            false => of.names.join(", "),
        };
        writeln!(
            out,
            "{:>22} {:>12} {:<8}  {}  bytes {} of content {}",
            of.bytes.to_string(),
            of.metered,
            if of.metered == 1 {
                "request"
            } else {
                "requests"
            },
            shown(&names),
            of.span,
            of.digest
        )?;
    }
    let done = match args.dry_run {
        true => "to forget",
        false => "forgotten",
    };
    let requests = counted(total.requests, "request");
    writeln!(out, "{done}: {}, {requests}", total.bytes)?;
    for month in closed {
        writeln!(
            out,
            "{month} is closed: what it loses is an adjustment, and is credited on the next bill"
        )?;
    }
    for name in there {
        writeln!(
            out,
            "{} is still there: an ingest that meets it counts it as new",
            shown(name)
        )?;
    }
    out.flush()
}

fn content_json(of: &Forgotten) -> serde_json::Value {
    json!({
        "digest": of.digest.to_string(),
        "names": of.names,
        "from": of.span.from,
        "to": of.span.to,
        "requests": of.metered,
        "bytes": of.bytes.as_u64(),
    })
}
