//! Hosts that clients chose and that are one row, as they are told.

use serde::{Deserialize, Serialize};

use crate::meter::UNKNOWN_HOSTS_MAX;
use crate::summary::{MonthUsage, OTHER_HOSTS};
use crate::units::counted;

/// Hosts of a month that are one row: the smallest ones beyond the limit, of those that no registry entry matches, or
/// of those below a wildcard.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FoldedReport {
    /// The month.
    pub month: String,
    /// The name of the row; months that were closed before it was kept have one row, that of nobody's.
    #[serde(default = "of_nobody")]
    pub row: String,
    /// How many hosts.
    pub hosts: u64,
    /// Their requests.
    pub requests: u64,
    /// Their downstream bytes.
    pub bytes: u64,
}

fn of_nobody() -> String {
    OTHER_HOSTS.to_owned()
}

impl FoldedReport {
    /// Those of the usage of a month.
    pub fn of(usage: &MonthUsage<'_>) -> Vec<Self> {
        let folded = usage.folded.iter().map(|folded| FoldedReport {
            month: usage.month.to_string(),
            row: folded.row.clone(),
            hosts: folded.hosts,
            requests: folded.usage.requests,
            bytes: folded.usage.bytes.as_u64(),
        });
        folded.collect()
    }

    /// Those of a bill's notes: of hosts that nobody owns, and of those below wildcards.
    pub fn of_bill(usage: &MonthUsage<'_>) -> (Option<Self>, Vec<Self>) {
        let all = FoldedReport::of(usage).into_iter();
        let (mut of_nobody, below): (Vec<_>, _) = all.partition(|of| of.row == OTHER_HOSTS);
        (of_nobody.pop(), below)
    }

    /// In words.
    pub fn text(&self) -> String {
        let whose = match self.row.strip_prefix(OTHER_HOSTS) {
            None | Some("") => "that no registry entry matches".to_owned(),
            Some(suffix) => format!("below the wildcard *{suffix}"),
        };
        let are = if self.hosts == 1 { "is in" } else { "are" };
        format!(
            "{} of {} {whose}, beyond the {UNKNOWN_HOSTS_MAX} largest of their kind, {are} one row, {}: {} B in {}",
            counted(self.hosts, "host"),
            self.month,
            self.row,
            self.bytes,
            counted(self.requests, "request")
        )
    }
}
