//! What usage takes in memory until it is published: its rows, and the names of its domains.
//!
//! Rows are what `--memory-limit` is of, each twice, for there is room to sort them. A domain takes more than its
//! row: its name stands in several tables while usage is read, sorted and joined with a registry, and each of those
//! that are published has rows of a summary, of which the report is made. All of it is reckoned in rows.

use super::table::UsageTable;

/// Rows' worth of memory of a domain that is read.
const ROWS_PER_DOMAIN: usize = 2;
/// Rows' worth of memory, besides, of one that is published.
const ROWS_PER_PUBLISHED: usize = 5;
/// Hosts of a month that no registry knows and that are published by themselves; all others are one.
pub const UNKNOWN_HOSTS_MAX: usize = 1_000_000;

/// Usage takes more memory than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{rows} combinations of domain, region and slot, of {domains} domains, take about {megabytes} MB until they \
     are published, more than the memory limit; give --memory-limit {megabytes}MB, or one --month at a time"
)]
pub struct MemoryFull {
    /// Rows of usage.
    pub rows: usize,
    /// Their domains.
    pub domains: usize,
    /// The limit that would do, in units of 10⁶ bytes.
    pub megabytes: u64,
}

/// Rows' worth of memory of usage.
pub fn rows_worth(rows: usize, domains: usize) -> usize {
    rows + domains * ROWS_PER_DOMAIN + domains.min(UNKNOWN_HOSTS_MAX) * ROWS_PER_PUBLISHED
}

/// Holds that usage keeps to a limit of `rows_max` rows' worth of memory.
///
/// Errors: [`MemoryFull`], with the limit that would do.
pub fn hold_memory(rows: usize, domains: usize, rows_max: usize) -> Result<(), MemoryFull> {
    let needed = rows_worth(rows, domains);
    match needed <= rows_max {
        true => Ok(()),
        false => Err(MemoryFull {
            rows,
            domains,
            megabytes: UsageTable::bytes_of(needed).div_ceil(1_000_000),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d25_the_limit_that_is_named_is_one_that_does() {
        for (rows, domains) in [(1, 1), (2_100_000, 2_100_000), (90_000_000, 4_000_000)] {
            let full = hold_memory(rows, domains, 0).expect_err("over");
            let rows_max = UsageTable::rows_in(full.megabytes * 1_000_000);
            assert_eq!(hold_memory(rows, domains, rows_max), Ok(()));
            let less = UsageTable::rows_in((full.megabytes - 1) * 1_000_000);
            assert!(hold_memory(rows, domains, less).is_err());
        }
    }
}
