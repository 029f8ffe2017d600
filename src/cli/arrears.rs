//! `cdn-meter arrears`: how an account stands by its balances.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::licence::instant;
use super::{Failure, Finish, print_json};
use crate::billing::Events;
use crate::billing::arrears::{ArrearsRules, Balance, Pictures, Service, Standing, standing};
use crate::units::{Timestamp, Zone};

/// Tell whether an account in arrears still has service, and what becomes of its recordings
///
/// Exit code 0 in credit, else 1.
#[derive(Args)]
pub(super) struct ArrearsArgs {
    /// TOML file of balances: [[balance]] with account, at and amount
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// Whose balance
    #[arg(long, value_name = "NAME")]
    account: String,
    /// Instant such as 2026-05-10T12:00, by the billing clock if it names no zone; now if left out
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
    /// A recharge exactly 24 hours later comes too late
    #[arg(long)]
    grace_exclusive: bool,
    /// Clock of billing days and months
    #[arg(
        long,
        value_name = "OFFSET",
        default_value = "+08:00",
        allow_hyphen_values = true
    )]
    billing_zone: Zone,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn arrears(args: &ArrearsArgs) -> Result<Finish, Failure> {
    let at = instant(args.at.as_deref(), args.billing_zone)?;
    let events = Events::load(&args.events, args.billing_zone)?;
    let of_account = events.balances.into_iter();
    let balances: Vec<Balance> = of_account
        .filter(|(account, _)| *account == args.account)
        .map(|(_, balance)| balance)
        .collect();
    let rules = ArrearsRules {
        is_grace_inclusive: !args.grace_exclusive,
    };
    let found = standing(&balances, at, rules);
    match args.json {
        true => print_json(&standing_json(&found))?,
        false => print(&found, &args.account, at)?,
    }
    Ok(match found.service {
        Service::InCredit => Finish::Done,
        Service::InGrace { .. } | Service::Suspended { .. } => Finish::Attention,
    })
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
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (service, when) = service(found);
    let when = when.map_or_else(String::new, |when| format!(" {}", when.rfc3339()));
    writeln!(
        out,
        "account   {account} at {}: {service}{when}",
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
