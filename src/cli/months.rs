//! The months of a store, open and closed, on their way to publishing.

use super::Failure;
use super::publishing::Publishing;
use crate::meter::Domains;
use crate::report::{read_summary, read_usage_5min};
use crate::store::{Close, Store, StoreError};
use crate::summary::{Adjustment, Frozen, adjustments};
use crate::units::Month;

/// Rows of a store up to which one reading for all months is faster than one for each.
const ROWS_AT_ONCE: u64 = 4_000_000;

/// Adds the months of a store, or only one, with at most `rows_max` rows in memory at a time.
pub(super) fn add_months(
    publishing: &mut Publishing<'_>,
    store: &Store,
    only: Option<Month>,
    rows_max: usize,
) -> Result<(), Failure> {
    let (closes, zone) = (store.closes()?, publishing.zone());
    if let Some(other) = closes.iter().find(|close| close.terms.zone != zone) {
        let zone = other.terms.zone;
        return Err(StoreError::Clock { zone }.into());
    }
    if closes.is_empty() && only.is_none() && store.rows()? <= ROWS_AT_ONCE {
        let usage = store.usage(store.slots()?, rows_max)?;
        return publishing.add(usage.table, usage.domains);
    }
    let closed = closes.iter().map(|close| close.terms.month);
    let mut months: Vec<Month> = match only {
        Some(month) => vec![month],
        None => store.months(zone)?.into_iter().chain(closed).collect(),
    };
    months.sort_unstable();
    months.dedup();
    for month in months {
        match closes.iter().find(|close| close.terms.month == month) {
            Some(close) => add_closed(publishing, store, close, rows_max)?,
            None => {
                let usage = store.usage(month.slots(zone), rows_max)?;
                publishing.add(usage.table, usage.domains)?;
            }
        }
    }
    Ok(())
}

/// A closed month is published as it was; what changed since is an adjustment.
fn add_closed(
    publishing: &mut Publishing<'_>,
    store: &Store,
    close: &Close,
    rows_max: usize,
) -> Result<(), Failure> {
    let month = close.terms.month;
    publishing.add_closed(month, |dataset| store.closed_folder(month, dataset))?;
    let slots = month.slots(publishing.zone());
    let is_as_it_was = publishing.registry.digest() == close.terms.registry_digest
        && store.is_untouched_since(close.through, &slots)?;
    let rows = match is_as_it_was {
        true => Vec::new(),
        false => adjustments_of(publishing, store, close, rows_max)?,
    };
    publishing.adjust(close, &rows)
}

fn adjustments_of(
    publishing: &Publishing<'_>,
    store: &Store,
    close: &Close,
    rows_max: usize,
) -> Result<Vec<Adjustment>, Failure> {
    let month = close.terms.month;
    let domains = Domains::new();
    let live = store.usage_of(month.slots(publishing.zone()), &domains, rows_max)?;
    let rows = read_usage_5min(&store.closed_folder(month, "usage_5min"), &domains)?;
    let frozen = Frozen {
        month,
        summary: &read_summary(&store.closed_folder(month, "summary"))?,
        rows,
    };
    let names = domains.names();
    Ok(adjustments(
        frozen,
        live.into_rows(),
        &names,
        &publishing.registry,
    )?)
}
