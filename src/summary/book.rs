//! All usage of a run in the order in which it is published.

use std::ops::Range;

use rayon::prelude::*;

use super::hosts::{self, Folded, Hosts};
use super::owners::Owners;
use super::row::SummaryError;
use crate::meter::{DomainId, Usage, UsageRow, UsageTable};
use crate::units::invariant;
use crate::units::{BillingMonth, Month, Slot, Zone};

/// Usage sorted by month, account, domain, region and slot; every such cell once, unless its
/// tallies are too large for one row.
#[derive(Debug)]
pub struct Book {
    zone: Zone,
    /// Names by number; numbers are in the order of (account, name).
    names: Vec<String>,
    months: Vec<(Month, Vec<UsageRow>, Vec<Folded>)>,
}

/// The usage of one month.
#[derive(Clone, Copy, Debug)]
pub struct MonthUsage<'a> {
    /// The month.
    pub month: Month,
    /// The clock that it follows.
    pub zone: Zone,
    /// Its rows, in order.
    pub rows: &'a [UsageRow],
    /// What of it is in rows of other hosts.
    pub folded: &'a [Folded],
    names: &'a [String],
}

impl Book {
    /// Sorts the usage of `table`, whose domains are called `names`.
    ///
    /// Errors: [`SummaryError`] where sums overflow or an invariant breaks.
    pub fn new(
        table: UsageTable,
        names: Vec<String>,
        owners: &dyn Owners,
        zone: Zone,
    ) -> Result<Self, SummaryError> {
        Book::with_limit(table, names, owners, zone, hosts::limit())
    }

    /// The same, with at most `limit` hosts of a month that nobody owns, and as many below wildcards.
    pub(super) fn with_limit(
        table: UsageTable,
        mut names: Vec<String>,
        owners: &dyn Owners,
        zone: Zone,
        limit: usize,
    ) -> Result<Self, SummaryError> {
        let before = table.total()?;
        let mut rows = table.into_rows();
        names.extend(hosts::rows_for(&names, owners, limit));
        let names = renumber(&mut rows, names, owners);
        let hosts = Hosts::new(&names, owners, limit);
        let mut months = Vec::new();
        for (month, mut rows) in split_by_month(rows, zone) {
            let folded = hosts.fold(&mut rows)?;
            rows.par_sort_unstable_by_key(UsageRow::key);
            rows.dedup_by(|next, row| row.try_absorb(next));
            months.push((month, rows, folded));
        }
        let book = Book {
            zone,
            names,
            months,
        };
        let mut after = Usage::default();
        for row in book.months.iter().flat_map(|(_, rows, _)| rows) {
            after.add_tally(&row.tally)?;
        }
        invariant::totals_agree("usage of all months", before, after)?;
        Ok(book)
    }

    /// The months, earliest first.
    pub fn months(&self) -> impl Iterator<Item = MonthUsage<'_>> {
        self.months.iter().map(|(month, rows, folded)| MonthUsage {
            month: *month,
            zone: self.zone,
            rows,
            folded,
            names: &self.names,
        })
    }

    /// The usage of a month, which may be none.
    pub fn month(&self, month: Month) -> MonthUsage<'_> {
        let mut months = self.months();
        months.find(|of| of.month == month).unwrap_or(MonthUsage {
            month,
            zone: self.zone,
            rows: &[],
            folded: &[],
            names: &self.names,
        })
    }

    /// The clock that months follow.
    pub fn zone(&self) -> Zone {
        self.zone
    }
}

impl<'a> MonthUsage<'a> {
    /// The month by its clock.
    pub const fn billing_month(&self) -> BillingMonth {
        BillingMonth::new(self.month, self.zone)
    }

    /// The name of a domain of its rows.
    pub fn name(&self, domain: DomainId) -> &'a str {
        &self.names[domain.index() as usize]
    }

    /// The rows in stretches of at most `rows_max`, the same however the usage came together.
    pub fn parts(&self, rows_max: usize) -> std::slice::Chunks<'a, UsageRow> {
        self.rows.chunks(rows_max)
    }

    /// Where the rows of each domain and region stand.
    pub(super) fn groups(&self) -> Vec<Range<usize>> {
        let mut groups = Vec::new();
        let mut from = 0;
        for rows in self
            .rows
            .chunk_by(|a, b| a.domain == b.domain && a.tally.cell.region() == b.tally.cell.region())
        {
            groups.push(from..from + rows.len());
            from += rows.len();
        }
        groups
    }
}

/// Numbers domains anew, in the order of (account, name); answers the names in that order.
fn renumber(rows: &mut [UsageRow], names: Vec<String>, owners: &dyn Owners) -> Vec<String> {
    let mut order: Vec<(&str, &str, u32)> = names
        .par_iter()
        .enumerate()
        .map(|(number, name)| {
            let account = owners.account(name).unwrap_or_default();
            (
                account,
                &name[..],
                u32::try_from(number).expect("numbers fit in 32 bits"),
            )
        })
        .collect();
    order.par_sort_unstable();
    let mut place_of = vec![0; names.len()];
    for (place, (_, _, number)) in order.iter().enumerate() {
        place_of[*number as usize] = place as u32;
    }
    let sorted = order
        .iter()
        .map(|(_, name, _)| (*name).to_owned())
        .collect();
    rows.par_iter_mut().for_each(|row| {
        row.domain = DomainId::new(place_of[row.domain.index() as usize]);
    });
    sorted
}

/// Splits rows by the month of their slot, earliest first; nothing is moved where all lie in one.
fn split_by_month(rows: Vec<UsageRow>, zone: Zone) -> Vec<(Month, Vec<UsageRow>)> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let month_of = |slot: u32| {
        Month::of_slot(
            Slot::from_index(slot).expect("rows hold slots of timestamps"),
            zone,
        )
    };
    let (low, high) = rows
        .par_iter()
        .map(|row| (row.tally.cell.slot_index(), row.tally.cell.slot_index()))
        .reduce(
            || (first.tally.cell.slot_index(), first.tally.cell.slot_index()),
            |a, b| (a.0.min(b.0), a.1.max(b.1)),
        );
    let month = month_of(low);
    if month == month_of(high) {
        return vec![(month, rows)];
    }
    let mut months: Vec<(Month, Range<u32>, Vec<UsageRow>)> = Vec::new();
    let mut last = 0;
    for row in rows {
        let slot = row.tally.cell.slot_index();
        if !months
            .get(last)
            .is_some_and(|(_, slots, _)| slots.contains(&slot))
        {
            last = match months
                .iter()
                .position(|(_, slots, _)| slots.contains(&slot))
            {
                Some(place) => place,
                None => {
                    let month = month_of(slot);
                    months.push((month, month.slots(zone), Vec::new()));
                    months.len() - 1
                }
            };
        }
        months[last].2.push(row);
    }
    months.sort_unstable_by_key(|(month, ..)| *month);
    months
        .into_iter()
        .map(|(month, _, rows)| (month, rows))
        .collect()
}
