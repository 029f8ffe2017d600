//! Months of a store closed in process, and held against what counted then and counts now.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cdn_meter::meter::{Domains, UsageRow};
use cdn_meter::registry::Registry;
use cdn_meter::report::{Terms, read_summary, read_usage_5min, write_month};
use cdn_meter::store::{CloseTerms, Store, StoreError};
use cdn_meter::summary::{Book, Frozen, adjustments};
use cdn_meter::units::{Factor, Month, Zone};

use crate::model::Usage;

const ZONE: Zone = Zone::CHINA;
const ROWS_MAX: usize = 1 << 20;

/// A closed month, as it was when it was closed.
pub struct ClosedMonth {
    month: Month,
    usage: Usage,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// Closes the first open month that `store` has usage of; `None` if there is none.
pub fn close_next(
    store: &Store,
    closed: &[ClosedMonth],
    counted: &Usage,
) -> Result<Option<ClosedMonth>, StoreError> {
    for month in store.months(ZONE)? {
        if closed.iter().any(|closed| closed.month == month) {
            assert!(store.begin_close(month, ZONE).is_err(), "closed twice");
            continue;
        }
        let usage = store.usage(month.slots(ZONE), ROWS_MAX)?;
        let registry = Registry::empty(ZONE);
        let book = Book::new(usage.table, usage.domains, &registry, ZONE).expect("sums fit");
        let Some(usage) = book.months().next() else {
            continue;
        };
        let closing = store.begin_close(month, ZONE)?;
        let one: Factor = "1".parse().expect("a factor");
        let terms = Terms {
            registry: &registry,
            overhead: one,
            sampling: one,
        };
        let folders = (closing.folder("summary"), closing.folder("usage_5min"));
        write_month(&usage, &terms, &folders.0, &folders.1).expect("written");
        closing.finish(CloseTerms {
            month,
            zone: ZONE,
            registry_digest: registry.digest(),
            catalogue_digest: None,
            usage_digest: String::new(),
            overhead_factor: one.to_string(),
            sampling_factor: one.to_string(),
            usage: Default::default(),
        })?;
        return Ok(Some(ClosedMonth {
            month,
            usage: in_month(counted, month),
            files: files(store, month),
        }));
    }
    Ok(None)
}

impl ClosedMonth {
    /// What is not as it has to be, given what counts now.
    pub fn difference(&self, store: &Store, counted: &Usage) -> Option<String> {
        if files(store, self.month) != self.files {
            return Some(format!("files of {} changed", self.month));
        }
        let (domains, month) = (Domains::new(), self.month);
        let folder = |dataset| store.closed_folder(month, dataset).expect("sound");
        let rows = read_usage_5min(&folder("usage_5min"), &domains).expect("readable");
        let was = usage_of(&rows, &domains.names());
        if was != self.usage {
            return Some(format!(
                "{month} was frozen as {was:?}, not {:?}",
                self.usage
            ));
        }
        let live = store.usage_of(month.slots(ZONE), &domains, ROWS_MAX);
        let frozen = Frozen {
            month,
            summary: &read_summary(&folder("summary")).expect("readable"),
            rows,
        };
        let live = live.expect("readable").into_rows();
        let registry = Registry::empty(ZONE);
        let rows = adjustments(frozen, live, &domains.names(), &registry).expect("sums fit");
        let mut now: BTreeMap<(String, u32), (i128, i128)> = was
            .iter()
            .map(|(key, sums)| (key.clone(), (i128::from(sums.0), i128::from(sums.1))))
            .collect();
        for row in rows {
            let sums = now.entry((row.domain, row.slot.index())).or_default();
            *sums = (sums.0 + row.delta[0], sums.1 + row.delta[1]);
        }
        now.retain(|_, sums| *sums != (0, 0));
        let expected = in_month(counted, month)
            .into_iter()
            .map(|(key, sums)| (key, (i128::from(sums.0), i128::from(sums.1))));
        let expected: BTreeMap<_, _> = expected.collect();
        (now != expected).then(|| format!("{month} adjusts to {now:?}, counted {expected:?}"))
    }
}

fn in_month(usage: &Usage, month: Month) -> Usage {
    let mut usage = usage.clone();
    usage.retain(|(_, slot), _| month.slots(ZONE).contains(slot));
    usage
}

fn usage_of(rows: &[UsageRow], names: &[String]) -> Usage {
    let mut usage = Usage::new();
    for row in rows {
        let key = (
            names[row.domain.index() as usize].clone(),
            row.tally.cell.slot_index(),
        );
        let sums = usage.entry(key).or_default();
        sums.0 += row.tally.bytes;
        sums.1 += u64::from(row.tally.requests);
    }
    usage
}

fn files(store: &Store, month: Month) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for dataset in ["summary", "usage_5min"] {
        let folder = store.closed_folder(month, dataset).expect("sound");
        for entry in fs::read_dir(&folder).expect("listed") {
            let path: PathBuf = entry.expect("listed").path();
            let bytes = fs::read(Path::new(&path)).expect("read");
            files.insert(path, bytes);
        }
    }
    files
}
