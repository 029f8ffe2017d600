//! One month's summary: a row per account, domain, class and region.

use rayon::prelude::*;

use super::book::MonthUsage;
use super::percentile::Percentile;
use crate::meter::{Overflow, Usage, UsageRow};
use crate::registry::{Class, Registry};
use crate::units::invariant::{self, Broken};
use crate::units::{Bytes, Month, Region, Slot, Zone};

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

pub(super) fn summarize(
    usage: &MonthUsage<'_>,
    registry: &Registry,
) -> Result<Vec<SummaryRow>, SummaryError> {
    let rows: Vec<SummaryRow> = usage
        .groups()
        .into_par_iter()
        .map(|group| fold(usage, &usage.rows[group], registry))
        .collect::<Result<_, Overflow>>()?;
    let (mut before, mut after) = (Usage::default(), Usage::default());
    usage
        .rows
        .iter()
        .try_for_each(|row| before.add_tally(&row.tally))?;
    rows.iter().try_for_each(|row| after.add(&row.usage))?;
    invariant::totals_agree("usage of a month", before, after)?;
    Ok(rows)
}

/// Folds the rows of one domain and region, which are sorted by slot and not empty.
fn fold(
    usage: &MonthUsage<'_>,
    rows: &[UsageRow],
    registry: &Registry,
) -> Result<SummaryRow, Overflow> {
    let domain = usage.name(rows[0].domain);
    let attribution = registry.attribution(domain, usage.month);
    let mut sums = Usage::default();
    let mut busy: Vec<u64> = Vec::with_capacity(rows.len());
    let mut days = Days {
        zone: usage.zone,
        last: None,
        count: 0,
    };
    let slot_of = |row: &UsageRow| {
        Slot::from_index(row.tally.cell.slot_index()).expect("rows hold slots of timestamps")
    };
    // A cell that was too large for one row stands in several: its bytes are one sample.
    for cell in rows.chunk_by(|a, b| a.tally.cell == b.tally.cell) {
        let mut sample = Usage::default();
        cell.iter()
            .try_for_each(|row| sample.add_tally(&row.tally))?;
        sums.add(&sample)?;
        if sample.bytes != Bytes::ZERO {
            busy.push(sample.bytes.as_u64());
            days.see(slot_of(&cell[0]));
        }
    }
    let peak = busy.iter().copied().max().unwrap_or(0);
    Ok(SummaryRow {
        month: usage.month,
        account: attribution.account.unwrap_or_default().to_owned(),
        domain: domain.to_owned(),
        class: attribution.class,
        region: rows[0].tally.cell.region(),
        app_id: attribution.app_id.unwrap_or_default().to_owned(),
        usage: sums,
        peak_slot_bytes: Bytes::new(peak),
        p95: Percentile::of(&mut busy, days.count),
        first_slot: slot_of(&rows[0]),
        last_slot: slot_of(&rows[rows.len() - 1]),
    })
}

/// Counts the days of ascending slots.
struct Days {
    zone: Zone,
    last: Option<i32>,
    count: u32,
}

impl Days {
    fn see(&mut self, slot: Slot) {
        let day = slot.day(self.zone);
        if self.last != Some(day) {
            self.last = Some(day);
            self.count += 1;
        }
    }
}
