//! Rows that wait for their commit, put in the order of a segment.

use rayon::prelude::*;

use super::segment::SegmentRow;
use crate::meter::{DomainId, Domains};

/// Groups of rows, each of a window and a domain, into which rows are put before they are sorted, for each of them.
const GROUPS_PER_ROW_MAX: usize = 4;

/// Rows in the order of a segment, of so many domains.
///
/// They come content by content, and in each the rows of a domain nearly always in the order of time: once they are
/// put to their windows and domains, little is left to sort.
pub(super) fn in_order(mut rows: Vec<SegmentRow>, domains: usize) -> Vec<SegmentRow> {
    let windows = rows.iter().map(SegmentRow::window);
    let first = windows.clone().min().unwrap_or_default();
    let last = windows.max().unwrap_or_default();
    let groups = (last - first + 1) as usize * domains;
    if GROUPS_PER_ROW_MAX * rows.len() < groups {
        rows.par_sort_unstable_by_key(SegmentRow::key);
        return rows;
    }
    let group_of =
        |row: &SegmentRow| (row.window() - first) as usize * domains + row.domain.index() as usize;
    // Where the next row of each group goes.
    let mut next = vec![0; groups + 1];
    rows.iter().for_each(|row| next[group_of(row) + 1] += 1);
    for group in 1..groups {
        next[group] += next[group - 1];
    }
    let mut ordered = rows.clone();
    for row in &rows {
        let at = &mut next[group_of(row)];
        ordered[*at] = *row;
        *at += 1;
    }
    let groups = ordered.par_chunk_by_mut(|a, b| group_of(a) == group_of(b));
    groups.for_each(|group| {
        if !group.is_sorted_by_key(SegmentRow::key) {
            group.sort_unstable_by_key(SegmentRow::key);
        }
    });
    ordered
}

/// Numbers the domains of `rows` in the order of their names, which are answered in that order.
pub(super) fn rank_domains(rows: &mut [SegmentRow], domains: &Domains) -> Vec<String> {
    const UNUSED: u32 = u32::MAX;
    let last = rows.iter().map(|row| row.domain.index()).max();
    let mut rank_of = vec![UNUSED; last.map_or(0, |last| last as usize + 1)];
    rows.iter()
        .for_each(|row| rank_of[row.domain.index() as usize] = 0);
    // A run may know many more domains than those of the rows that wait here.
    let used = rank_of.iter().zip(0..).filter(|(rank, _)| **rank != UNUSED);
    let used: Vec<u32> = used.map(|(_, domain)| domain).collect();
    let mut names = domains.names_of(&used);
    let mut order: Vec<usize> = (0..used.len()).collect();
    order.par_sort_unstable_by(|a, b| names[*a].cmp(&names[*b]));
    for (rank, place) in order.iter().enumerate() {
        rank_of[used[*place] as usize] = rank as u32;
    }
    rows.par_iter_mut().for_each(|row| {
        row.domain = DomainId::new(rank_of[row.domain.index() as usize]);
    });
    order
        .iter()
        .map(|place| std::mem::take(&mut names[*place]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::{Cell, Tally};
    use crate::units::{Region, SLOTS_PER_DAY, Slot};
    use proptest::prelude::*;

    const DOMAINS: u32 = 6;

    fn row(content: u32, domain: DomainId, region: Region, slot: u32) -> SegmentRow {
        let slot = Slot::from_index(5_900_000 + slot).expect("a slot");
        let tally = Tally {
            bytes: 1,
            error_bytes: 0,
            cell: Cell::new(region, slot),
            requests: 1,
            error_requests: 0,
            doubtful_requests: 0,
        };
        SegmentRow {
            tally,
            domain,
            content,
        }
    }

    fn rows() -> impl Strategy<Value = Vec<SegmentRow>> {
        let parts = (0..3u32, 0..DOMAINS, 0..3usize, 0..90 * SLOTS_PER_DAY);
        let row = parts.prop_map(|(content, domain, region, slot)| {
            row(content, DomainId::new(domain), Region::ALL[region], slot)
        });
        proptest::collection::vec(row, 0..200)
    }

    proptest! {
        #[test]
        fn rows_are_in_the_order_of_their_keys(mut rows in rows(), are_in_time: bool) {
            if are_in_time {
                rows.sort_by_key(|row| (row.content, row.tally.cell.slot_index()));
            }
            let mut expected: Vec<u128> = rows.iter().map(SegmentRow::key).collect();
            expected.sort_unstable();
            // Few rows of many groups, and many of few.
            for domains in [DOMAINS, 1_000_000] {
                let ordered = in_order(rows.clone(), domains as usize);
                let keys: Vec<u128> = ordered.iter().map(SegmentRow::key).collect();
                prop_assert_eq!(&keys, &expected);
            }
        }
    }

    #[test]
    fn domains_are_numbered_by_their_names() {
        let domains = Domains::of_store();
        let numbers =
            ["z.cn", "unused.cn", "a.cn", "m.cn"].map(|name| domains.intern(name).expect("room"));
        let row = |domain: DomainId| row(0, domain, Region::Unknown, 0);
        let mut rows = [numbers[0], numbers[3], numbers[2], numbers[0]].map(row);
        assert_eq!(rank_domains(&mut rows, &domains), ["a.cn", "m.cn", "z.cn"]);
        assert_eq!(rows.map(|row| row.domain.index()), [2, 1, 0, 2]);
    }
}
