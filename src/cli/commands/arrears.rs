//! `cdn-meter arrears`: how an account stands by its balances.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use crate::billing::Events;
use crate::billing::arrears::{ArrearsRules, Balance, Pictures, Service, Standing, standing};
use crate::cli::args::events::EventArgs;
use crate::cli::commands::say_nothing_known;
use crate::cli::out::out;
use crate::cli::{Failure, Finish, print_json};
use crate::months::Nearest;
use crate::units::{Timestamp, shown};

/// Tell whether an account in arrears still has service, and what becomes of its recordings
///
/// Exit code 0 in credit, else 1; 1 too where the events have no balance of the account.
#[derive(Args)]
pub(in crate::cli) struct ArrearsArgs {
    #[command(flatten)]
    events: EventArgs,
    /// Whose balance
    #[arg(long, value_name = "NAME")]
    account: String,
    /// A recharge exactly 24 hours later comes too late
    #[arg(long)]
    grace_exclusive: bool,
}

pub(in crate::cli) fn arrears(args: &ArrearsArgs) -> Result<Finish, Failure> {
    let at = args.events.at()?;
    let events = args.events.events()?;
    if events
        .balances
        .iter()
        .all(|(account, _)| *account != args.account)
    {
        return nothing_of(args, &events);
    }
    let of_account = events.balances.into_iter();
    let balances: Vec<Balance> = of_account
        .filter(|(account, _)| *account == args.account)
        .map(|(_, balance)| balance)
        .collect();
    let rules = ArrearsRules {
        is_grace_inclusive: !args.grace_exclusive,
    };
    let found = standing(&balances, at, rules);
    match args.events.json {
        true => print_json(&standing_json(&found))?,
        false => print(&found, &args.account, at)?,
    }
    Ok(match found.service {
        Service::InCredit => Finish::Done,
        Service::InGrace { .. } | Service::Suspended { .. } => Finish::Attention,
    })
}

/// Says that nothing is known of an account, which is neither credit nor arrears.
fn nothing_of(args: &ArrearsArgs, events: &Events) -> Result<Finish, Failure> {
    let accounts = events.balances.iter().map(|(account, _)| account);
    say_nothing_known(
        &Nearest::among(&args.account, accounts),
        &format!(
            "the events have no balance of the account {}, so nothing is known of its service",
            args.account
        ),
        args.events.json.then(|| json!({ "service": "unknown" })),
    )
}

fn service(found: &Standing) -> (&'static str, Option<Timestamp>) {
    match found.service {
        Service::InCredit => ("in credit", None),
        Service::InGrace { until } => ("in grace until", Some(until)),
        Service::Suspended { since } => ("suspended since", Some(since)),
    }
}

fn pictures(found: &Standing) -> &'static str {
    match found.pictures {
        Pictures::Usable => "usable",
        Pictures::Locked => "locked, and their storage is charged",
        Pictures::Destroyed => "destroyed",
    }
}

fn standing_json(found: &Standing) -> serde_json::Value {
    let (service, when) = service(found);
    json!({
        "service": service,
        "service_at": when.map(Timestamp::rfc3339),
        "arrears_since": found.arrears_since.map(Timestamp::rfc3339),
        "can_reach_recordings": found.can_reach_recordings,
        "pictures": pictures(found),
        "pictures_destroyed_at": found.destruction.map(Timestamp::rfc3339),
    })
}

fn print(found: &Standing, account: &str, at: Timestamp) -> io::Result<()> {
    let mut out = out();
    let (service, when) = service(found);
    let when = when.map_or_else(String::new, |when| format!(" {}", when.rfc3339()));
    writeln!(
        out,
        "account   {} at {}: {service}{when}",
        shown(account),
        at.rfc3339()
    )?;
    if let Some(since) = found.arrears_since {
        writeln!(out, "          in arrears since {} (R50)", since.rfc3339())?;
        writeln!(out, "          recordings cannot be reached (R51)")?;
        writeln!(
            out,
            "          streams that run are not cut at once, and are charged (R53)"
        )?;
    }
    let until = found
        .destruction
        .filter(|_| found.pictures != Pictures::Destroyed);
    let until = until.map_or_else(String::new, |until| {
        format!("; destroyed from {} on", until.rfc3339())
    });
    writeln!(
        out,
        "          pictures are {}{until} (R52)",
        pictures(found)
    )?;
    writeln!(out, "          leaving the product takes a ticket (R54)")?;
    out.flush()
}
