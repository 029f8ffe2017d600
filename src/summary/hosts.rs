//! Hosts that clients choose: beyond a limit they are few rows.
//!
//! A host is the client's word, so a client can make as many as it sends requests, also below a wildcard of a
//! registry. They must not keep anybody's usage from being published. The rule, for each month by itself:
//!
//! - A host that an entry of the registry names is never folded. In adjustments of a closed month, nor is one that it
//!   was frozen with.
//! - Of those that no entry matches the [`UNKNOWN_HOSTS_MAX`] with the most bytes stay by themselves; of equal ones
//!   those whose names come first. The rest is the one domain [`OTHER_HOSTS`], which no host can be called.
//! - Of those below wildcards as many stay by themselves, of all wildcards together: one with few hosts keeps all
//!   of them, and what such leave is shared evenly by the others, so that who floods one folds no host of another that
//!   has no more than its share.
//!   The rest of a wildcard `*.example.cn` is the one domain `(other hosts).example.cn`: it is below that wildcard
//!   too, and so whose it is, what class it has and what it costs is what it would be without.
//!
//! So it does not depend on the order in which logs came, and no byte has another payer or price. What is stored
//! keeps every host: when the registry learns of one, it has its own row again. All totals stay. Which hosts are
//! folded is found anew with every reading, by what counts then: where a host of a closed month passes the limit
//! since, its lines are corrected from one row to the other, and the corrections add up to nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use super::owners::Owners;
use crate::meter::{DomainId, Overflow, UNKNOWN_HOSTS_MAX, Usage, UsageRow};
use crate::registry::Match;

/// The name of all others together.
pub const OTHER_HOSTS: &str = "(other hosts)";

/// The name of all others that are below the wildcard of `suffix`.
pub(super) fn row_below(suffix: &str) -> String {
    format!("{OTHER_HOSTS}.{suffix}")
}

/// What of a month is in a row of other hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The name of the row: [`OTHER_HOSTS`], or that and the suffix of a wildcard.
    pub row: String,
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

/// The rows of other hosts that may be needed for `names`: none where no `limit` is passed.
pub(super) fn rows_for(names: &[String], owners: &dyn Owners, limit: usize) -> Vec<String> {
    if names.len() <= limit {
        return Vec::new();
    }
    let mut rows: Vec<String> = names
        .par_iter()
        .filter_map(|name| row_for(name, owners))
        .collect();
    rows.par_sort_unstable();
    rows.dedup();
    rows
}

/// The row that a host may be folded into.
fn row_for(name: &str, owners: &dyn Owners) -> Option<String> {
    match owners.matched(name) {
        _ if name.starts_with(OTHER_HOSTS) => None,
        Match::Exact => None,
        Match::Below(suffix) => Some(row_below(suffix)),
        Match::None => Some(OTHER_HOSTS.to_owned()),
    }
}

/// Hosts by number, each with the row that it may be folded into.
pub(super) struct Hosts<'a> {
    names: &'a [String],
    rows: Vec<Option<DomainId>>,
    limit: usize,
}

impl<'a> Hosts<'a> {
    /// Of `names`, in the order of their numbers, among which are the [`rows_for`] them.
    pub(super) fn new(names: &'a [String], owners: &dyn Owners, limit: usize) -> Self {
        let numbers = names.iter().enumerate();
        let numbers = numbers.filter(|(_, name)| name.starts_with(OTHER_HOSTS));
        let numbers = numbers.map(|(place, name)| (&name[..], DomainId::new(place as u32)));
        let numbers: HashMap<&str, DomainId> = numbers.collect();
        let row = |name: &String| numbers.get(&row_for(name, owners)?[..]).copied();
        let rows = match numbers.is_empty() {
            true => Vec::new(),
            false => names.par_iter().map(row).collect(),
        };
        Hosts { names, rows, limit }
    }

    /// Gives the `rows` of a month to other hosts, beyond the limit. Numbers of hosts are in the order of their
    /// names.
    ///
    /// Errors: [`Overflow`].
    pub(super) fn fold(&self, rows: &mut [UsageRow]) -> Result<Vec<Folded>, Overflow> {
        if self.rows.is_empty() {
            return Ok(Vec::new());
        }
        let is_folded = self.folded(rows);
        let mut folded: BTreeMap<DomainId, Folded> = BTreeMap::new();
        let row_of = |place: usize| self.rows[place].filter(|_| is_folded[place]);
        for row in (0..self.rows.len()).filter_map(row_of) {
            let name = &self.names[row.index() as usize];
            let of_row = folded.entry(row).or_insert_with(|| Folded {
                row: name.clone(),
                hosts: 0,
                usage: Usage::default(),
            });
            of_row.hosts += 1;
        }
        for row in rows {
            let other = row_of(row.domain.index() as usize);
            if let Some((other, of_row)) = other.zip(other.and_then(|row| folded.get_mut(&row))) {
                of_row.usage.add_tally(&row.tally)?;
                row.domain = other;
            }
        }
        Ok(folded.into_values().collect())
    }

    /// Which hosts are folded, by number.
    fn folded(&self, rows: &[UsageRow]) -> Vec<bool> {
        let mut bytes: Vec<Option<u128>> = vec![None; self.rows.len()];
        for row in rows {
            let place = row.domain.index() as usize;
            if self.rows[place].is_some() {
                *bytes[place].get_or_insert(0) += u128::from(row.tally.bytes);
            }
        }
        let mut groups: BTreeMap<DomainId, Vec<(Reverse<u128>, usize)>> = BTreeMap::new();
        for (place, bytes) in bytes.iter().enumerate() {
            if let (Some(row), Some(bytes)) = (self.rows[place], bytes) {
                let group = groups.entry(row).or_default();
                group.push((Reverse(*bytes), place));
            }
        }
        let is_of_nobody = |row: &DomainId| self.names[row.index() as usize] == OTHER_HOSTS;
        let (of_nobody, mut below): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|(row, _)| is_of_nobody(row));
        // Small ones first: what they leave is there for the others.
        below.sort_by_key(|(_, hosts)| hosts.len());
        let (count, mut left) = (below.len(), self.limit);
        let mut is_folded = vec![false; self.rows.len()];
        for (at, (_, hosts)) in below.into_iter().enumerate() {
            let share = left / (count - at);
            left -= share.min(hosts.len());
            mark_beyond(share, hosts, &mut is_folded);
        }
        for (_, hosts) in of_nobody {
            mark_beyond(self.limit, hosts, &mut is_folded);
        }
        is_folded
    }
}

/// Marks all but the `most` hosts with the most bytes, of equal ones those with the first names.
fn mark_beyond(most: usize, mut hosts: Vec<(Reverse<u128>, usize)>, is_folded: &mut [bool]) {
    if most < hosts.len() {
        hosts.select_nth_unstable(most);
        for (_, place) in &hosts[most..] {
            is_folded[*place] = true;
        }
    }
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
        let book = Book::with_limit(table, domains.names(), owners, Zone::CHINA, limit);
        let book = book.expect("sums fit");
        let month = book.months().next().expect("one");
        let summary = month.summary(registry).expect("sums fit");
        let rows = summary
            .into_iter()
            .map(|row| (row.domain, row.usage.bytes.as_u64()));
        let hosts = month.folded.iter().map(|of| of.hosts);
        (rows.collect(), hosts.sum())
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
        let below = row_below("example.cn");
        assert_eq!(rows, named(&[(OTHER_HOSTS, 107), (&below, 1)]));
        assert_eq!(folded, 6);
    }

    #[test]
    fn d6_who_floods_one_wildcard_folds_no_host_of_another() {
        let text = "[[domain]]\nname = \"*.big.cn\"\naccount = \"b\"\n\
            [[domain]]\nname = \"*.a.big.cn\"\naccount = \"a\"\n\
            [[domain]]\nname = \"named.big.cn\"\naccount = \"b\"\n";
        let registry = Registry::from_toml(text, "a text", Zone::CHINA).expect("a registry");
        let flood: Vec<_> = (1..=9).map(|n| (format!("h{n}.big.cn"), n)).collect();
        let mut hosts: Vec<_> = flood.iter().map(|(name, n)| (&name[..], *n)).collect();
        hosts.extend([
            ("x.a.big.cn", 1),
            ("y.a.big.cn", 1),
            ("named.big.cn", 1),
            ("nobody.test", 1),
        ]);
        let (rows, folded) = book(&hosts, &registry, 5);
        let names: Vec<&str> = rows.iter().map(|(name, _)| &name[..]).collect();
        let expected = [
            "nobody.test",
            "x.a.big.cn",
            "y.a.big.cn",
            "(other hosts).big.cn",
            "h7.big.cn",
            "h8.big.cn",
            "h9.big.cn",
            "named.big.cn",
        ];
        assert_eq!((names, folded), (expected.to_vec(), 6));
        assert_eq!(rows[3].1, 21);
    }
}
