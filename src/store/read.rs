//! Usage out of the store: what counts, of some slots, domains numbered anew.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use rusqlite::{Transaction, params_from_iter};
use sha2::{Digest as _, Sha256};

use super::close::closes;
use super::error::StoreError;
use super::ledger::SegmentFile;
use super::scan::{Wanted, scan_sound};
use super::{SEGMENTS, Store, ledger, limit};
use crate::meter::{DomainId, Domains, MemoryFull, UsageRow, UsageTable, rows_left};
use crate::units::{Month, Slot, Zone, hex};

/// Rows that one thread collects before it passes them on.
const ROWS_KEPT_MAX: usize = 1 << 18;

/// Usage read from a store.
#[derive(Debug)]
pub struct StoreUsage {
    /// Rows; the same (domain, cell) may stand in several.
    pub table: UsageTable,
    /// Names of domains by number.
    pub domains: Vec<String>,
}

/// Rejected lines of what counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// How many.
    pub lines: u64,
    /// The bytes that they may stand for, of those whose bytes could be read.
    pub bytes_at_most: u128,
    /// Those whose bytes could not be read.
    pub unread_lines: u64,
}

/// What counts without a byte because no line of its file says how many it sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithoutBytes {
    /// Contents, those that grew from another one aside.
    pub files: u64,
    /// Their metered lines.
    pub lines: u64,
}

/// What a reader goes by, taken in one transaction.
pub(super) struct Snapshot {
    pub(super) segments: Vec<SegmentFile>,
    pub(super) live: HashSet<i64>,
}

impl Store {
    /// The slots that its segments span; empty where there are none.
    ///
    /// Errors: [`StoreError`].
    pub fn slots(&self) -> Result<Range<u32>, StoreError> {
        let sql = "SELECT coalesce(min(slot_from), 0), coalesce(max(slot_to) + 1, 0) FROM segment";
        let state = self.lock_state();
        let slots = state
            .ledger
            .query_row(sql, [], |row| Ok(row.get(0)?..row.get(1)?))?;
        Ok(slots)
    }

    /// The months that its segments span, on the clock of `zone`.
    ///
    /// Errors: [`StoreError`].
    pub fn months(&self, zone: Zone) -> Result<Vec<Month>, StoreError> {
        let mut months = Vec::new();
        let mut slots = self.slots()?;
        while let Some(slot) = Slot::from_index(slots.start).filter(|_| !slots.is_empty()) {
            let month = Month::of_slot(slot, zone);
            months.push(month);
            slots.start = month.slots(zone).end;
        }
        Ok(months)
    }

    /// A word for all that counts now and the months that are closed, to compare with later: which store it is, and a
    /// digest over segments, the contents that count, those without a row included, rejected lines, and closes. Two
    /// copies of a store that counted something else in one second have different ones, and so has a store after
    /// segments were compacted.
    ///
    /// Errors: [`StoreError`].
    pub fn state(&self) -> Result<String, StoreError> {
        let state = &mut *self.lock_state();
        self.word_of(&state.ledger.transaction()?, None)
    }

    /// Words for the usage in each of `spans` of slots, as [`Store::state`] is for all; `None` where the store is not
    /// what it was any more when `state` was asked for: what it holds now says nothing of then.
    ///
    /// Errors: [`StoreError`].
    pub fn states_in(
        &self,
        state: &str,
        spans: &[Range<u32>],
    ) -> Result<Option<Vec<String>>, StoreError> {
        let locked = &mut *self.lock_state();
        let ledger = locked.ledger.transaction()?;
        if self.word_of(&ledger, None)? != state {
            return Ok(None);
        }
        let words = spans.iter().map(|span| self.word_of(&ledger, Some(span)));
        words.collect::<Result<_, _>>().map(Some)
    }

    /// The word for what counts in some slots, or for all. It takes several questions, so they are asked in one
    /// transaction.
    fn word_of(
        &self,
        ledger: &Transaction<'_>,
        slots: Option<&Range<u32>>,
    ) -> Result<String, StoreError> {
        let mut digest = Sha256::new();
        for close in closes(ledger)? {
            digest.update(format!("close {}\n", close.digest));
        }
        let (there, bounds) = match slots {
            None => ("TRUE", Vec::new()),
            Some(slots) => (
                "segment.slot_from < ?1 AND ?2 <= segment.slot_to",
                vec![slots.end, slots.start],
            ),
        };
        let sql = format!("SELECT sha256 FROM segment WHERE {there} ORDER BY id");
        let mut segments = ledger.prepare(&sql)?;
        let mut rows = segments.query(params_from_iter(&bounds))?;
        while let Some(row) = rows.next()? {
            digest.update(format!("segment {}\n", hex(&row.get::<_, Vec<u8>>(0)?)));
        }
        let of = match slots {
            None => "content",
            Some(_) => {
                "part JOIN segment ON segment.id = part.segment JOIN content ON content.id = part.content"
            }
        };
        let sql = format!(
            "SELECT DISTINCT content.id FROM {of}
            WHERE {there} AND content.dropped_by IS NULL ORDER BY 1"
        );
        let mut contents = ledger.prepare(&sql)?;
        let mut rows = contents.query(params_from_iter(&bounds))?;
        while let Some(row) = rows.next()? {
            digest.update(row.get::<_, i64>(0)?.to_le_bytes());
        }
        // Rejected lines have no time, so they are in no month.
        if slots.is_none() {
            note_quarantine(ledger, &mut digest)?;
        }
        let digest = hex(&digest.finalize());
        Ok(format!("{:016x}/{digest}", self.seed().0))
    }

    /// Whether the same usage counts and the same months are closed as when `state` was asked for; `false`
    /// where that cannot be told, as of another store.
    ///
    /// Errors: [`StoreError`].
    pub fn is_as_in(&self, state: &str) -> Result<bool, StoreError> {
        Ok(self.state()? == state)
    }

    /// Rows in its segments, those that do not count included.
    ///
    /// Errors: [`StoreError`].
    pub fn rows(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(sum(row_count), 0) FROM segment";
        let state = self.lock_state();
        let rows: i64 = state.ledger.query_row(sql, [], |row| row.get(0))?;
        Ok(rows.cast_unsigned())
    }

    /// The rejected lines of all contents that count; they have no time, so no month.
    ///
    /// Errors: [`StoreError`].
    pub fn rejected(&self) -> Result<Rejected, StoreError> {
        let sql = "SELECT id, rejected, counts ->> 'rejected_bytes_at_most',
                counts ->> 'rejected_unread_lines'
            FROM content WHERE rejected <> 0 AND dropped_by IS NULL";
        let state = self.lock_state();
        let mut statement = state.ledger.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut all = Rejected::default();
        while let Some(row) = rows.next()? {
            let bytes: String = row.get(2)?;
            let bytes: Option<u128> = bytes.parse().ok();
            let sum = bytes.and_then(|bytes| all.bytes_at_most.checked_add(bytes));
            all.bytes_at_most = sum.ok_or(StoreError::Counts {
                content: row.get(0)?,
                problem: "say no number of rejected bytes",
            })?;
            all.lines += row.get::<_, i64>(1)?.cast_unsigned();
            all.unread_lines += row.get::<_, i64>(3)?.cast_unsigned();
        }
        Ok(all)
    }

    /// Contents that count of which no line says how many bytes it sent; of all months.
    ///
    /// Errors: [`StoreError`].
    pub fn without_bytes(&self) -> Result<WithoutBytes, StoreError> {
        let sql = "SELECT count(*), coalesce(sum(metered), 0) FROM content
            WHERE parent IS NULL AND dropped_by IS NULL AND metered <> 0
                AND counts -> 'doubts' ->> 'no-bytes' = metered";
        let state = self.lock_state();
        let (files, lines): (i64, i64) = state
            .ledger
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(WithoutBytes {
            files: files.cast_unsigned(),
            lines: lines.cast_unsigned(),
        })
    }

    /// All usage that counts in `slots`, in a table of at most `rows_max` distinct rows.
    ///
    /// Errors: [`StoreError`].
    pub fn usage(&self, slots: Range<u32>, rows_max: usize) -> Result<StoreUsage, StoreError> {
        let domains = Domains::of_store();
        let table = self.usage_of(slots, &domains, rows_max)?;
        Ok(StoreUsage {
            table,
            domains: domains.names(),
        })
    }

    /// The same, with domains numbered by `domains`.
    ///
    /// Errors: [`StoreError`].
    pub fn usage_of(
        &self,
        slots: Range<u32>,
        domains: &Domains,
        rows_max: usize,
    ) -> Result<UsageTable, StoreError> {
        self.steadily(|| match self.read_usage(slots.clone(), domains, rows_max) {
            // So much was read when the limit was met; how much there is, is counted.
            Err(StoreError::TableFull(_)) => Err(self.too_much(slots.clone())?.into()),
            read => read,
        })
    }

    /// What is said of usage that takes more memory than it may: what would do.
    fn too_much(&self, slots: Range<u32>) -> Result<MemoryFull, StoreError> {
        let snapshot = self.snapshot(&slots)?;
        let wanted = Wanted {
            slots,
            domain: None,
        };
        let (mut rows, mut domains) = (0, HashSet::new());
        for segment in &snapshot.segments {
            let mut last = usize::MAX;
            scan_sound(&self.root.join(SEGMENTS), segment, &wanted, |row| {
                let Some(row) = row else {
                    last = usize::MAX;
                    return Ok(());
                };
                if !snapshot.live.contains(&row.content) {
                    return Ok(());
                }
                rows += 1;
                if last != row.domain_key {
                    last = row.domain_key;
                    // Numbers that stand for names: two that are taken for one change no more than the words.
                    let mut hasher = DefaultHasher::new();
                    row.domain.hash(&mut hasher);
                    domains.insert(hasher.finish());
                }
                Ok(())
            })?;
        }
        Ok(MemoryFull::of(rows, domains.len()))
    }

    fn read_usage(
        &self,
        slots: Range<u32>,
        domains: &Domains,
        rows_max: usize,
    ) -> Result<UsageTable, StoreError> {
        let snapshot = self.snapshot(&slots)?;
        let folder = self.root.join(SEGMENTS);
        let table = Mutex::new(UsageTable::new(rows_max));
        let pass_on = |rows: &mut Vec<UsageRow>| {
            let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
            table.hold_within(rows_left(domains.len(), rows_max))?;
            table.append(rows)
        };
        let wanted = Wanted {
            slots,
            domain: None,
        };
        snapshot.segments.par_iter().try_for_each(|segment| {
            let mut rows = Vec::new();
            let mut numbers: Vec<Option<DomainId>> = Vec::new();
            scan_sound(&folder, segment, &wanted, |row| {
                let Some(row) = row else {
                    numbers.clear();
                    return Ok(());
                };
                if !snapshot.live.contains(&row.content) {
                    return Ok(());
                }
                if numbers.len() <= row.domain_key {
                    numbers.resize(row.domain_key + 1, None);
                }
                let domain = match numbers[row.domain_key] {
                    Some(domain) => domain,
                    None => *numbers[row.domain_key].insert(domains.intern(row.domain)?),
                };
                rows.push(UsageRow {
                    tally: row.tally,
                    domain,
                });
                match ROWS_KEPT_MAX <= rows.len() {
                    true => Ok(pass_on(&mut rows)?),
                    false => Ok(()),
                }
            })?;
            Ok::<_, StoreError>(pass_on(&mut rows)?)
        })?;
        Ok(table.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a reader of `slots` goes by.
    pub(super) fn snapshot(&self, slots: &Range<u32>) -> Result<Snapshot, StoreError> {
        let state = &mut *self.lock_state();
        let transaction = state.ledger.transaction()?;
        let segments = ledger::segments_in(&transaction, slots)?;
        let live = limit::published(&transaction)?;
        Ok(Snapshot { segments, live })
    }
}

/// Adds the files of rejected lines to a digest.
fn note_quarantine(ledger: &Transaction<'_>, digest: &mut Sha256) -> Result<(), StoreError> {
    let sha256 = match ledger::has_column(ledger, "quarantine", "sha256")? {
        true => "sha256",
        false => "NULL",
    };
    let sql = format!("SELECT name, {sha256} FROM quarantine ORDER BY name, content");
    let mut files = ledger.prepare(&sql)?;
    let mut rows = files.query([])?;
    while let Some(row) = rows.next()? {
        let sha256: Option<Vec<u8>> = row.get(1)?;
        let sha256 = hex(&sha256.unwrap_or_default());
        digest.update(format!("rejected {} {sha256}\n", row.get::<_, String>(0)?));
    }
    Ok(())
}
