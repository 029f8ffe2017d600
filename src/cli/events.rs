//! What every command that goes by an event file takes.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::metering::now_unix_secs;
use crate::billing::Events;
use crate::units::{Timestamp, Zone};

/// The clock of billing days and months.
#[derive(Args)]
pub(super) struct ClockArgs {
    /// Clock of billing days and months
    #[arg(
        long,
        value_name = "OFFSET",
        default_value = "+08:00",
        allow_hyphen_values = true
    )]
    pub(super) billing_zone: Zone,
}

/// An event file, and an instant to look at.
#[derive(Args)]
pub(super) struct EventArgs {
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
    pub(super) json: bool,
}

impl EventArgs {
    /// The billing clock.
    pub(super) fn zone(&self) -> Zone {
        self.clock.billing_zone
    }

    /// The instant.
    pub(super) fn at(&self) -> Result<Timestamp, Failure> {
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
    pub(super) fn events(&self) -> Result<Events, Failure> {
        Ok(Events::load(&self.events, self.zone())?)
    }
}
