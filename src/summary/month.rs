//! One month's summary: a row per account, domain, class and region.

use rayon::prelude::*;

use super::book::MonthUsage;
use super::percentile::Percentile;
use super::row::{SummaryError, SummaryRow};
use crate::meter::{Overflow, Usage, UsageRow};
use crate::registry::Registry;
use crate::units::invariant;
use crate::units::{Bytes, Slot, Zone};

impl MonthUsage<'_> {
    /// The month's summary: one row per account, domain, class and region, in that order.
    ///
    /// Errors: [`SummaryError`].
    pub fn summary(&self, registry: &Registry) -> Result<Vec<SummaryRow>, SummaryError> {
        summarize(self, registry)
    }
}

fn summarize(usage: &MonthUsage<'_>, registry: &Registry) -> Result<Vec<SummaryRow>, SummaryError> {
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
