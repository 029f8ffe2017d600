//! What every command that goes by an event file takes.

use std::path::PathBuf;

use clap::Args;

use crate::billing::Events;
use crate::cli::Failure;
use crate::cli::args::clock::now_unix_secs;
use crate::units::{Timestamp, Zone};

/// The clock of billing days and months.
#[derive(Args)]
pub(in crate::cli) struct ClockArgs {
    /// Clock of billing days and months
    #[arg(
        long,
        value_name = "OFFSET",
        default_value = "+08:00",
        allow_hyphen_values = true
    )]
    pub(in crate::cli) billing_zone: Zone,
}

/// An event file, and an instant to look at.
#[derive(Args)]
pub(in crate::cli) struct EventArgs {
    /// TOML file of what happened: [[licence]] with account, app_id, at, state, fee and currency;
    /// [[balance]] with account, at and amount
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// Instant such as 2026-05-10T12:00, by the billing clock if it names no zone; now if left out
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
    #[command(flatten)]
    clock: ClockArgs,
    /// Print as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

impl EventArgs {
    /// The billing clock.
    pub(in crate::cli) fn zone(&self) -> Zone {
        self.clock.billing_zone
    }

    /// The instant.
    pub(in crate::cli) fn at(&self) -> Result<Timestamp, Failure> {
        let time = match &self.at {
            Some(text) => Timestamp::parse(text, self.zone()),
            None => Timestamp::from_unix_secs(now_unix_secs()),
        };
        time.ok_or_else(|| {
            let text = self.at.as_deref().unwrap_or("now");
            Failure::start(format!(
                "--at {text}: not an instant such as 2026-10-03T12:05+08:00"
            ))
        })
    }

    /// Reads the file.
    pub(in crate::cli) fn events(&self) -> Result<Events, Failure> {
        Ok(Events::load(&self.events, self.zone())?)
    }
}
