//! The months of a store, open and closed, on their way to publishing.

use super::error::MonthError;
use super::monotone::{facts, facts_are_kept};
use crate::billing::{BillTerms, SettledOwners};
use crate::meter::{Domains, UsageTable};
use crate::registry::Registry;
use crate::report::{read_summary, read_usage_5min};
use crate::store::{Close, Store, StoreError};
use crate::summary::{Adjustment, Book, Frozen, FrozenOwners, Owners, adjustments};
use crate::units::{Month, Zone};

/// Rows of a store up to which one reading for all months is faster than one for each.
const ROWS_AT_ONCE: u64 = 4_000_000;

/// What is done with the months of a store.
pub trait MonthSink {
    /// The clock of its months.
    fn zone(&self) -> Zone;

    /// Takes usage whose domains are called `names`; no month comes twice.
    ///
    /// Errors: end the reading.
    fn add(&mut self, table: UsageTable, names: Vec<String>) -> Result<(), MonthError>;

    /// Takes a closed month as it was frozen.
    ///
    /// Errors: end the reading.
    fn add_closed(
        &mut self,
        store: &Store,
        close: &Close,
        rows_max: usize,
    ) -> Result<(), MonthError>;
}

/// Gives the months of a store, or only one, with at most `rows_max` rows in memory at a time. Whether all of it was
/// read at once, so that it is of one state of the store whoever writes to it.
///
/// Errors: [`MonthError`].
pub fn add_months(
    sink: &mut impl MonthSink,
    store: &Store,
    only: Option<Month>,
    rows_max: usize,
) -> Result<bool, MonthError> {
    let (closes, zone) = (store.closes()?, sink.zone());
    if let Some(other) = closes.iter().find(|close| close.terms.zone != zone) {
        let zone = other.terms.zone;
        return Err(StoreError::Clock { zone }.into());
    }
    if closes.is_empty() && only.is_none() && store.rows()? <= ROWS_AT_ONCE {
        let usage = store.usage(store.slots()?, rows_max)?;
        sink.add(usage.table, usage.domains)?;
        return Ok(true);
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
            Some(close) => sink.add_closed(store, close, rows_max)?,
            None => {
                let usage = store.usage(month.slots(zone), rows_max)?;
                sink.add(usage.table, usage.domains)?;
            }
        }
    }
    Ok(closes.is_empty() && only.is_some())
}

/// The usage of a closed month, as it was frozen.
pub(super) fn usage_of_closed(
    store: &Store,
    close: &Close,
    owners: &FrozenOwners<'_>,
) -> Result<Book, MonthError> {
    let domains = Domains::of_store();
    let folder = store.closed_folder(close.terms.month, "usage_5min")?;
    let mut rows = read_usage_5min(&folder, &domains)?;
    let mut table = UsageTable::new(rows.len().max(1));
    table.append(&mut rows)?;
    Ok(Book::new(table, domains.names(), owners, close.terms.zone)?)
}

/// The owners of a closed month by the registry of now, and what stays billed of it, where it is priced by `terms`.
pub(super) fn owners_now<'a>(
    store: &Store,
    close: &Close,
    registry: &'a Registry,
    terms: &BillTerms<'_>,
) -> Result<SettledOwners<'a>, MonthError> {
    let month = close.terms.month;
    // What was closed without a bill was billed with nothing.
    let is_billed = close.terms.catalogue_digest.is_some();
    let summary = match is_billed {
        true => read_summary(&store.closed_folder(month, "summary")?)?,
        false => Vec::new(),
    };
    // By one registry nothing is another class now.
    let is_another = registry.digest() != close.terms.registry_digest;
    let then = (is_billed && is_another && facts_are_kept(close)).then(|| facts(store, close));
    let then = then.transpose()?;
    Ok(SettledOwners::new(month, &summary, then, registry, terms)?)
}

/// What came for a closed month since; nothing where neither usage nor the registry changed. A registry that
/// knows nothing says nothing of owners: they are those of the close then, and only usage adjusts.
pub(super) fn adjustments_of(
    registry: &Registry,
    store: &Store,
    close: &Close,
    rows_max: usize,
) -> Result<Vec<Adjustment>, MonthError> {
    let month = close.terms.month;
    let slots = month.slots(close.terms.zone);
    let has_owners = !registry.is_empty();
    let is_same = !has_owners || registry.digest() == close.terms.registry_digest;
    let is_as_it_was = is_same && store.is_untouched_since(close.through, &slots)?;
    if is_as_it_was {
        return Ok(Vec::new());
    }
    let domains = Domains::of_store();
    let live = store.usage_of(slots, &domains, rows_max)?;
    let rows = read_usage_5min(&store.closed_folder(month, "usage_5min")?, &domains)?;
    let summary = read_summary(&store.closed_folder(month, "summary")?)?;
    let closed_owners = FrozenOwners::new(&summary, registry);
    let owners: &dyn Owners = match has_owners {
        true => registry,
        false => &closed_owners,
    };
    let frozen = Frozen {
        month,
        summary: &summary,
        rows,
    };
    let names = domains.names();
    Ok(adjustments(frozen, live.into_rows(), &names, owners)?)
}
