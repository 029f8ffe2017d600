//! Rows of usage in bulk: appended as they come, summed when they grow, within a limit.

use rayon::slice::ParallelSliceMut;

use super::usage::{Overflow, Usage, UsageRow};

/// Rows below which nothing is summed.
const ROWS_MIN: usize = 1 << 20;
/// Rows of a tail below which summing it does not pay.
const TAIL_ROWS_MIN: usize = 1 << 18;

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
///
/// ```text
/// rows = summed, ascending by key | tail, as it came
/// ```
/// The tail is summed into the rest when it is long. Where the last one brought new keys mostly, long
/// is a quarter of the rest, so that distinct usage is merged a few times in all; where it did
/// not, long is `TAIL_ROWS_MIN`, so that memory does not grow with the length of the logs.
#[derive(Debug)]
pub struct UsageTable {
    rows: Vec<UsageRow>,
    rows_max: usize,
    /// Bytes of all rows.
    bytes: u128,
    /// How many rows, from the first, are summed.
    summed: usize,
    /// Rows of the tail at which it is summed.
    tail_max: usize,
}

impl UsageTable {
    /// An empty table of at most `rows_max` distinct rows.
    pub fn new(rows_max: usize) -> Self {
        UsageTable {
            rows: Vec::new(),
            rows_max,
            bytes: 0,
            summed: 0,
            tail_max: ROWS_MIN,
        }
    }

    /// Bytes of a row in memory, with its share of the room for growing and sorting.
    const ROW_BYTES: usize = 2 * size_of::<UsageRow>();

    /// Rows that fit in `bytes` of memory, the room for growing and sorting included.
    pub fn rows_in(bytes: u64) -> usize {
        usize::try_from(bytes).unwrap_or(usize::MAX) / UsageTable::ROW_BYTES
    }

    /// Memory that so many rows take.
    pub fn bytes_of(rows: usize) -> u64 {
        (rows as u64).saturating_mul(UsageTable::ROW_BYTES as u64)
    }

    /// Takes all of `rows`, leaving it empty.
    ///
    /// Errors: [`TableFull`].
    pub fn append(&mut self, rows: &mut Vec<UsageRow>) -> Result<(), TableFull> {
        let bytes = rows.iter().map(|row| u128::from(row.tally.bytes));
        self.bytes += bytes.sum::<u128>();
        match self.rows.is_empty() && self.rows.capacity() < rows.capacity() {
            true => std::mem::swap(&mut self.rows, rows),
            false => self.rows.append(rows),
        }
        let is_full = self.rows_max < self.rows.len();
        if self.tail_max <= self.rows.len() - self.summed || is_full {
            self.sum();
            if self.rows_max < self.rows.len() {
                return Err(TableFull {
                    rows_max: self.rows_max,
                });
            }
        }
        Ok(())
    }

    /// Sums the tail into the rest.
    fn sum(&mut self) {
        let (summed, tail) = self.rows.split_at_mut(self.summed);
        let tail_len = tail.len();
        tail.par_sort_unstable_by_key(UsageRow::key);
        let new = keep_new(summed, tail);
        self.rows.truncate(self.summed + new);
        if new != 0 {
            // Two ascending runs: the stable sort only merges them.
            self.rows.sort_by_key(UsageRow::key);
        }
        self.summed = self.rows.len();
        self.tail_max = match tail_len / 2 < new {
            true => TAIL_ROWS_MIN.max(self.summed / 4),
            false => TAIL_ROWS_MIN,
        };
    }

    /// Rows held now, not necessarily distinct.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Downstream bytes of all rows.
    pub fn bytes(&self) -> u128 {
        self.bytes
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

/// Adds rows of `tail` to those of the same key in `summed` and in `tail` itself; moves the rest to
/// the front of `tail` and answers how many they are. Both are sorted.
fn keep_new(summed: &mut [UsageRow], tail: &mut [UsageRow]) -> usize {
    let (mut at, mut new) = (0, 0);
    for next in 0..tail.len() {
        let row = tail[next];
        while at < summed.len() && summed[at].key() < row.key() {
            at += 1;
        }
        let is_added = summed.get_mut(at).is_some_and(|sum| sum.try_absorb(&row))
            || new != 0 && tail[new - 1].try_absorb(&row);
        if !is_added {
            tail[new] = row;
            new += 1;
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::{Cell, DomainId, Tally};
    use crate::units::{Region, Slot};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn row(domain: u32, bytes: u64, requests: u32) -> UsageRow {
        let cell = Cell::new(
            Region::Unknown,
            Slot::from_index(5_900_000).expect("a slot"),
        );
        let tally = Tally {
            bytes,
            requests,
            ..Tally::empty(cell)
        };
        UsageRow {
            tally,
            domain: DomainId::new(domain),
        }
    }

    fn sums(rows: &[UsageRow]) -> BTreeMap<u64, (u128, u64)> {
        let mut sums = BTreeMap::new();
        for row in rows {
            let sum: &mut (u128, u64) = sums.entry(row.key()).or_default();
            sum.0 += u128::from(row.tally.bytes);
            sum.1 += u64::from(row.tally.requests);
        }
        sums
    }

    fn rows(domains: u32) -> impl Strategy<Value = Vec<UsageRow>> {
        // Now and then a sum does not fit in one row.
        let bytes = prop_oneof![8 => 0..1_000u64, 1 => Just(u64::MAX)];
        let row = (0..domains, bytes, 1..u32::MAX)
            .prop_map(|(domain, bytes, requests)| row(domain, bytes, requests));
        proptest::collection::vec(row, 0..60)
    }

    proptest! {
        #[test]
        fn a_tail_is_summed_into_the_rest_without_loss(
            mut summed in rows(20),
            mut tail in rows(40),
        ) {
            let expected = sums(&[&summed[..], &tail[..]].concat());
            summed.sort_unstable_by_key(UsageRow::key);
            tail.sort_unstable_by_key(UsageRow::key);
            let new = keep_new(&mut summed, &mut tail);
            prop_assert!(tail[..new].is_sorted_by_key(UsageRow::key));
            prop_assert_eq!(sums(&[&summed[..], &tail[..new]].concat()), expected);
        }
    }

    #[test]
    fn repeated_usage_takes_no_more_memory_than_its_sum_and_a_tail() {
        const DOMAINS: u32 = 1_000;
        let mut table = UsageTable::new(ROWS_MIN + DOMAINS as usize);
        for _ in 0..3 * ROWS_MIN / DOMAINS as usize {
            let mut rows = (0..DOMAINS).map(|domain| row(domain, 5, 1)).collect();
            table.append(&mut rows).expect("within the limit");
        }
        let rounds = 3 * ROWS_MIN as u64 / u64::from(DOMAINS);
        let total = table.total().expect("it fits");
        assert_eq!(total.requests, rounds * u64::from(DOMAINS));
        assert_eq!(total.bytes.as_u64(), total.requests * 5);
        assert!(table.rows.capacity() < 3 * ROWS_MIN);
    }

    #[test]
    fn distinct_usage_over_the_limit_is_refused() {
        let mut table = UsageTable::new(10);
        let mut rows = (0..11).map(|domain| row(domain, 1, 1)).collect();
        assert_eq!(table.append(&mut rows), Err(TableFull { rows_max: 10 }));
    }
}
