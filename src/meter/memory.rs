//! What usage takes in memory until it is published: its rows, and the names of its domains.
//!
//! Rows are what `--memory-limit` is of, each twice, for there is room to sort them. A domain takes more than its
//! row: its name stands in several tables while usage is read, sorted and joined with a registry, and each of those
//! that are published has rows of a summary, of which the report is made. All of it is reckoned in rows: a summary of 1,000,000 domains of a row each took 783 MB (reckoned as 800),
//! one of 2,100,000, of which all but a million are one row, 857 MB (1,064), on 2026-11-27.

use super::table::UsageTable;

/// Rows' worth of memory of a domain that is read.
const ROWS_PER_DOMAIN: usize = 2;
/// Rows' worth of memory, besides, of one that is published.
const ROWS_PER_PUBLISHED: usize = 7;
/// Hosts of a month that no registry knows and that are published by themselves; all others are one. As many are of
/// those below its wildcards. Who is flooded with both at once publishes twice as many, by up to 560 MB more than
/// is reckoned.
pub const UNKNOWN_HOSTS_MAX: usize = 1_000_000;

/// Usage takes more memory than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{rows} combinations of domain, region and slot, of {domains} domains, take up to {megabytes} MB until they \
     are published, more than the memory limit; give --memory-limit {megabytes}MB, or one --month at a time"
)]
pub struct MemoryFull {
    /// Rows of usage, of which some may add up.
    pub rows: usize,
    /// Their domains.
    pub domains: usize,
    /// A limit that would do, in units of 10⁶ bytes.
    pub megabytes: u64,
}

impl MemoryFull {
    /// What so many rows of so many domains take.
    pub fn of(rows: usize, domains: usize) -> Self {
        let needed = rows + worth(domains);
        MemoryFull {
            rows,
            domains,
            megabytes: UsageTable::bytes_of(needed).div_ceil(1_000_000),
        }
    }
}

/// Rows' worth of memory of domains, without their rows.
fn worth(domains: usize) -> usize {
    domains * ROWS_PER_DOMAIN + domains.min(UNKNOWN_HOSTS_MAX) * ROWS_PER_PUBLISHED
}

/// Of `rows_max` rows' worth of memory, what so many domains leave for rows.
pub fn rows_left(domains: usize, rows_max: usize) -> usize {
    rows_max.saturating_sub(worth(domains))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d25_the_limit_that_is_named_is_one_that_does() {
        for (rows, domains) in [(1, 1), (2_100_000, 2_100_000), (90_000_000, 4_000_000)] {
            let full = MemoryFull::of(rows, domains);
            let rows_max = UsageTable::rows_in(full.megabytes * 1_000_000);
            assert!(rows <= rows_left(domains, rows_max));
            let less = UsageTable::rows_in((full.megabytes - 1) * 1_000_000);
            assert!(rows_left(domains, less) < rows);
        }
    }
}
