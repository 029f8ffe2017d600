//! Hosts that no registry knows: beyond a limit they are one row.
//!
//! A host is the client's word, so a client can make as many as it sends requests. They must not keep anybody's
//! usage from being published. The rule, for each month by itself:
//!
//! - A host that an entry of the registry matches is never folded, nor one that a closed month was frozen with.
//! - Of all others the [`UNKNOWN_HOSTS_MAX`] with the most bytes stay by themselves; of equal ones those whose
//!   names come first. The rest is the one domain [`OTHER_HOSTS`], which no host can be called.
//!
//! So it does not depend on the order in which logs came, and nothing that has a payer is in it. What is stored
//! keeps every host: when the registry learns of one, it has its own row again. All totals stay.

use crate::meter::{DomainId, Overflow, UNKNOWN_HOSTS_MAX, Usage, UsageRow};

/// The name of all others together.
pub const OTHER_HOSTS: &str = "(other hosts)";

/// What of a month is in the row of [`OTHER_HOSTS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// How many hosts it is.
    pub hosts: u64,
    /// Their usage.
    pub usage: Usage,
}

/// The limit, unless the environment lowers it, which only builds for tests ask.
#[cfg(debug_assertions)]
pub(super) fn limit() -> usize {
    let lowered = std::env::var("CDN_METER_UNKNOWN_HOSTS").ok();
    let lowered = lowered.and_then(|hosts| hosts.parse().ok());
    lowered.unwrap_or(UNKNOWN_HOSTS_MAX)
}

#[cfg(not(debug_assertions))]
pub(super) fn limit() -> usize {
    UNKNOWN_HOSTS_MAX
}

/// Gives to `other` the rows of a month of all hosts that are not `known`, beyond `limit`. Numbers of hosts are in
/// the order of their names.
///
/// Errors: [`Overflow`].
pub(super) fn fold(
    rows: &mut [UsageRow],
    (known, other): (&[bool], DomainId),
    limit: usize,
) -> Result<Folded, Overflow> {
    let is_folded = folded_hosts(rows, (known, other), limit);
    let mut folded = Folded {
        hosts: is_folded.iter().filter(|is_folded| **is_folded).count() as u64,
        ..Folded::default()
    };
    if folded.hosts == 0 {
        return Ok(folded);
    }
    for row in rows {
        if is_folded[row.domain.index() as usize] {
            folded.usage.add_tally(&row.tally)?;
            row.domain = other;
        }
    }
    Ok(folded)
}

/// Which hosts are folded, by number.
fn folded_hosts(rows: &[UsageRow], (known, other): (&[bool], DomainId), limit: usize) -> Vec<bool> {
    let mut bytes: Vec<Option<u128>> = vec![None; known.len()];
    for row in rows {
        let place = row.domain.index() as usize;
        if !known[place] && row.domain != other {
            *bytes[place].get_or_insert(0) += u128::from(row.tally.bytes);
        }
    }
    let hosts = bytes.iter().enumerate();
    let hosts = hosts.filter_map(|(place, bytes)| Some((std::cmp::Reverse((*bytes)?), place)));
    let mut hosts: Vec<_> = hosts.collect();
    let mut is_folded = vec![false; known.len()];
    if limit < hosts.len() {
        // The largest come first, and of equal ones the first names.
        hosts.select_nth_unstable(limit);
        for (_, place) in &hosts[limit..] {
            is_folded[*place] = true;
        }
    }
    is_folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::{Domains, Tally, UsageTable};
    use crate::registry::Registry;
    use crate::summary::{Book, Owners};
    use crate::units::{Region, Slot, Zone};

    /// The rows of a book that `hosts`, with their bytes, come to in this order.
    fn book(hosts: &[(&str, u64)], registry: &Registry, limit: usize) -> (Vec<(String, u64)>, u64) {
        let domains = Domains::new();
        let slot = Slot::from_index(5_960_000).expect("a slot");
        let row = |(host, bytes): &(&str, u64)| UsageRow {
            tally: Tally {
                bytes: *bytes,
                error_bytes: 0,
                cell: crate::meter::Cell::new(Region::Unknown, slot),
                requests: 1,
                error_requests: 0,
                doubtful_requests: 0,
            },
            domain: domains.intern(host).expect("few"),
        };
        let mut table = UsageTable::new(1000);
        table
            .append(&mut hosts.iter().map(row).collect())
            .expect("few");
        let owners: &dyn Owners = registry;
        let book = Book::with_limit(table, domains.names(), owners, (Zone::CHINA, limit));
        let book = book.expect("sums fit");
        let month = book.months().next().expect("one");
        let summary = month.summary(registry).expect("sums fit");
        let rows = summary
            .into_iter()
            .map(|row| (row.domain, row.usage.bytes.as_u64()));
        (rows.collect(), month.folded.hosts)
    }

    #[test]
    fn d6_the_smallest_hosts_that_nobody_knows_are_one_row() {
        let text = "[[domain]]\nname = \"*.example.cn\"\naccount = \"one\"\n";
        let registry = Registry::from_toml(text, "a text", Zone::CHINA).expect("a registry");
        let mut hosts = vec![
            ("small.example.cn", 1),
            ("b.test", 5),
            ("a.test", 5),
            ("c.test", 5),
            ("large.test", 90),
            ("tiny.test", 2),
        ];
        let (expected, folded) = book(&hosts, &registry, 3);
        let named = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
            rows.iter()
                .map(|(name, bytes)| ((*name).to_owned(), *bytes))
                .collect()
        };
        let rows = [
            (OTHER_HOSTS, 7),
            ("a.test", 5),
            ("b.test", 5),
            ("large.test", 90),
            ("small.example.cn", 1),
        ];
        assert_eq!((&expected, folded), (&named(&rows), 2));
        // In whatever order they come.
        for _ in 0..hosts.len() {
            hosts.rotate_left(1);
            assert_eq!(book(&hosts, &registry, 3).0, expected);
        }
        hosts.reverse();
        assert_eq!(book(&hosts, &registry, 3).0, expected);
        let (rows, folded) = book(&hosts, &registry, 5);
        assert_eq!((rows.len(), folded), (6, 0));
        let (rows, folded) = book(&hosts, &registry, 0);
        assert_eq!(rows, named(&[(OTHER_HOSTS, 107), ("small.example.cn", 1)]));
        assert_eq!(folded, 5);
    }
}
