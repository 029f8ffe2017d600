//! Rows of usage in bulk: appended as they come, summed when they grow, within a limit.

use rayon::slice::ParallelSliceMut;

use super::usage::{Overflow, Usage, UsageRow};

/// Rows below which summing does not pay.
const COMPACT_ROWS_MIN: usize = 1 << 20;

/// More distinct (domain, region, slot) than the memory limit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the logs hold more than {rows_max} combinations of domain, region and slot, the memory limit; \
     raise --memory-limit or meter fewer files at once"
)]
pub struct TableFull {
    /// The limit in rows.
    pub rows_max: usize,
}

/// A multiset of rows. The order of appending does not matter to what it holds.
#[derive(Debug)]
pub struct UsageTable {
    rows: Vec<UsageRow>,
    rows_max: usize,
    /// Rows at which the next sum is due.
    compact_at: usize,
}

impl UsageTable {
    /// An empty table of at most `rows_max` distinct rows.
    pub fn new(rows_max: usize) -> Self {
        UsageTable {
            rows: Vec::new(),
            rows_max,
            compact_at: COMPACT_ROWS_MIN.min(rows_max),
        }
    }

    /// Rows that fit in `bytes` of memory, the room for growing and sorting included.
    pub fn rows_in(bytes: u64) -> usize {
        const COPIES: usize = 2;
        usize::try_from(bytes).unwrap_or(usize::MAX) / (COPIES * size_of::<UsageRow>())
    }

    /// Takes all of `rows`, leaving it empty.
    ///
    /// Errors: [`TableFull`].
    pub fn append(&mut self, rows: &mut Vec<UsageRow>) -> Result<(), TableFull> {
        match self.rows.is_empty() && self.rows.capacity() < rows.capacity() {
            true => std::mem::swap(&mut self.rows, rows),
            false => self.rows.append(rows),
        }
        if self.compact_at <= self.rows.len() {
            self.compact();
            if self.rows_max < self.rows.len() {
                return Err(TableFull {
                    rows_max: self.rows_max,
                });
            }
            self.compact_at = (self.rows.len() * 2)
                .max(COMPACT_ROWS_MIN)
                .min(self.rows_max + 1);
        }
        Ok(())
    }

    /// Sorts by domain and cell, and sums rows of the same key.
    fn compact(&mut self) {
        self.rows.par_sort_unstable_by_key(UsageRow::key);
        self.rows.dedup_by(|next, row| row.try_absorb(next));
    }

    /// Rows held now, not necessarily distinct.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The sum over all rows.
    ///
    /// Errors: [`Overflow`].
    pub fn total(&self) -> Result<Usage, Overflow> {
        let mut total = Usage::default();
        self.rows
            .iter()
            .try_for_each(|row| total.add_tally(&row.tally))?;
        Ok(total)
    }

    /// The rows, in no promised order and not summed.
    pub fn into_rows(self) -> Vec<UsageRow> {
        self.rows
    }
}
