//! A row of the summary.

use super::percentile::Percentile;
use crate::meter::{Overflow, Usage};
use crate::registry::Class;
use crate::units::invariant::Broken;
use crate::units::{Bytes, Month, Region, Slot};

/// Why a month could not be summed up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SummaryError {
    /// A sum is too large.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// We are wrong.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// The usage of one domain in one region and month, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// The billing month.
    pub month: Month,
    /// Account of the domain; empty where the registry has none.
    pub account: String,
    /// The domain.
    pub domain: String,
    /// What it is sold as in this month.
    pub class: Class,
    /// Region of the clients.
    pub region: Region,
    /// AppID of the mini-program; empty where there is none.
    pub app_id: String,
    /// The sums.
    pub usage: Usage,
    /// Bytes of the busiest slot.
    pub peak_slot_bytes: Bytes,
    /// The 95th percentile over slots; for show-back: percentiles of domains do not add up.
    pub p95: Percentile,
    /// The first slot with a request.
    pub first_slot: Slot,
    /// The last slot with a request.
    pub last_slot: Slot,
}
