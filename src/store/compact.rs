//! Compaction: many small segments become few, with the same rows of every content that counts.
//!
//! Hourly ingests leave a small segment each, and every reader opens all that its month touches. Rows
//! of contents that count no more are left behind. The rows of a batch are read, written as new
//! segments and put in the place of the old ones in one transaction; the old files are removed
//! after it. Readers that had begun on them begin anew ([`Store::steadily`]).

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::Connection;

use super::commit::{ROWS_PENDING_MAX, SEGMENT_ROWS};
use super::delivery::Parts;
use super::entries::put_segments;
use super::error::StoreError;
use super::ledger::SegmentFile;
use super::scan::{Wanted, scan_sound};
use super::segment::{SegmentRow, Written, window};
use super::{SEGMENTS, Store, ledger};
use crate::disk::{reach, remove, sync_folder};
use crate::meter::{DomainId, Domains, Usage};
use crate::units::invariant;

/// Rows below which a segment is small.
const SMALL_ROWS: usize = SEGMENT_ROWS / 4;
/// Small segments at which an ingest compacts them at its end.
pub const SMALL_SEGMENTS_MAX: usize = 64;

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compaction {
    /// Segments that were there.
    pub segments_before: u64,
    /// Segments that are there.
    pub segments_after: u64,
    /// Rows that were rewritten.
    pub rows: u64,
    /// Rows of contents that count no more, which were left behind.
    pub rows_dropped: u64,
}

impl Store {
    /// Compacts if there are many small segments.
    ///
    /// Errors: [`StoreError`].
    pub fn compact_if_due(&self) -> Result<(), StoreError> {
        let small = small_segments(&self.lock_state().ledger)?;
        if SMALL_SEGMENTS_MAX <= small.len() {
            self.compact()?;
        }
        Ok(())
    }

    /// Makes few segments of the small ones and of those that hold rows that count no more.
    ///
    /// Errors: [`StoreError`]; every batch is compacted whole or not at all.
    pub fn compact(&self) -> Result<Compaction, StoreError> {
        let mut done = Compaction {
            segments_before: segment_count(&self.lock_state().ledger)?,
            ..Compaction::default()
        };
        let small = small_segments(&self.lock_state().ledger)?;
        for batch in batches(small) {
            self.compact_batch(&batch, &mut done)?;
        }
        done.segments_after = segment_count(&self.lock_state().ledger)?;
        Ok(done)
    }

    fn compact_batch(
        &self,
        batch: &[SegmentFile],
        done: &mut Compaction,
    ) -> Result<(), StoreError> {
        let state = &mut *self.lock_state();
        let live = ledger::live(&state.ledger)?;
        let (domains, mut contents) = (Domains::of_store(), Contents::default());
        let mut rows = Vec::new();
        for segment in batch {
            self.read_live(segment, &live, &domains, &mut contents, &mut rows)?;
        }
        done.rows += rows.len() as u64;
        done.rows_dropped += batch.iter().map(|segment| segment.rows as u64).sum::<u64>();
        done.rows_dropped -= rows.len() as u64;

        let commit = state.commit()?;
        let written = self.write_segments(commit, rows, &contents.ids, &domains)?;
        check_parts(&state.ledger, batch, &live, &written, &contents.ids)?;
        // The newest commit of its rows: a month that was closed since is not touched by this.
        let newest = batch.iter().map(|segment| segment.commit).max();
        put_segments(
            &state.ledger,
            newest.unwrap_or(commit),
            &written,
            &contents.ids,
        )?;
        for segment in batch {
            let ledger = &state.ledger;
            ledger.execute("DELETE FROM part WHERE segment = ?1", [segment.id])?;
            ledger.execute("DELETE FROM segment WHERE id = ?1", [segment.id])?;
        }
        state.end_transaction()?;
        let folder = self.root.join(SEGMENTS);
        for segment in batch {
            reach("sweep.remove");
            remove(&folder.join(&segment.name))?;
        }
        Ok(sync_folder(&folder)?)
    }

    fn read_live(
        &self,
        segment: &SegmentFile,
        live: &HashSet<i64>,
        domains: &Domains,
        contents: &mut Contents,
        rows: &mut Vec<SegmentRow>,
    ) -> Result<(), StoreError> {
        let mut numbers: HashMap<usize, DomainId> = HashMap::new();
        scan_sound(&self.root.join(SEGMENTS), segment, &Wanted::ALL, |row| {
            let Some(row) = row else {
                numbers.clear();
                return Ok(());
            };
            if !live.contains(&row.content) {
                return Ok(());
            }
            let domain = match numbers.get(&row.domain_key) {
                Some(domain) => *domain,
                None => {
                    let domain = domains.intern(row.domain)?;
                    numbers.insert(row.domain_key, domain);
                    domain
                }
            };
            rows.push(SegmentRow {
                tally: row.tally,
                domain,
                content: contents.place_of(row.content),
            });
            Ok(())
        })
    }

    /// The newest commit, which every change of the store makes.
    pub(super) fn newest_commit(&self) -> Result<i64, StoreError> {
        ledger::newest_commit(&self.lock_state().ledger)
    }

    /// Calls `read` until no compaction came between: segments that it was to read may be replaced.
    ///
    /// Errors: those of `read`.
    pub(super) fn steadily<T>(
        &self,
        mut read: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            let before = self.newest_commit()?;
            match read() {
                Err(error) if error.is_missing_file() => {
                    if self.newest_commit()? == before {
                        return Err(error);
                    }
                }
                outcome => return outcome,
            }
        }
    }
}

/// Contents by place.
#[derive(Default)]
struct Contents {
    ids: Vec<i64>,
    place_of: HashMap<i64, u32>,
}

impl Contents {
    fn place_of(&mut self, id: i64) -> u32 {
        let next = self.ids.len() as u32;
        let place = *self.place_of.entry(id).or_insert(next);
        if place == next {
            self.ids.push(id);
        }
        place
    }
}

/// Segments with few rows, or with rows that count no more, by time.
fn small_segments(ledger: &Connection) -> Result<Vec<SegmentFile>, StoreError> {
    let sql = "SELECT DISTINCT segment FROM part JOIN content ON content.id = part.content
        WHERE content.dropped_by IS NOT NULL";
    let mut statement = ledger.prepare(sql)?;
    let stale = statement.query_map([], |row| row.get(0))?;
    let stale: HashSet<i64> = stale.collect::<Result<_, _>>()?;
    let mut small = ledger::segments(ledger)?;
    small.retain(|segment| segment.rows < SMALL_ROWS || stale.contains(&segment.id));
    small.sort_by_key(|segment| segment.slots.0);
    Ok(small)
}

/// Splits segments by window, and so that the rows of a batch fit in memory; a batch of one is left
/// alone unless it is large, which it is only for the rows in it that count no more.
fn batches(small: Vec<SegmentFile>) -> Vec<Vec<SegmentFile>> {
    let mut batches: Vec<Vec<SegmentFile>> = Vec::new();
    let mut rows = 0;
    for segment in small {
        rows += segment.rows;
        match batches.last_mut() {
            Some(batch)
                if rows <= ROWS_PENDING_MAX && window_of(&batch[0]) == window_of(&segment) =>
            {
                batch.push(segment);
            }
            _ => {
                rows = segment.rows;
                batches.push(vec![segment]);
            }
        }
    }
    batches.retain(|batch| 1 < batch.len() || SMALL_ROWS <= batch[0].rows);
    batches
}

fn window_of(segment: &SegmentFile) -> u32 {
    window(u32::try_from(segment.slots.0).unwrap_or(u32::MAX))
}

/// `SUM-2`: the contents that count have the same usage in the new segments as in the old.
fn check_parts(
    ledger: &Connection,
    batch: &[SegmentFile],
    live: &HashSet<i64>,
    written: &[(Written, Parts)],
    contents: &[i64],
) -> Result<(), StoreError> {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    let add = |sums: &mut BTreeMap<i64, (u64, Usage)>, content, rows: u64, usage: &Usage| {
        let (sum_rows, sum): &mut (u64, Usage) = sums.entry(content).or_default();
        *sum_rows += rows;
        sum.add(usage)
    };
    for segment in batch {
        for (content, (rows, usage)) in ledger::parts(ledger, segment.id)? {
            if live.contains(&content) {
                add(&mut before, content, rows, &usage)?;
            }
        }
    }
    for (place, (usage, rows)) in written.iter().flat_map(|(_, parts)| parts) {
        add(&mut after, contents[*place as usize], *rows, usage)?;
    }
    Ok(invariant::totals_agree(
        "usage of compacted contents",
        before,
        after,
    )?)
}

fn segment_count(ledger: &Connection) -> Result<u64, StoreError> {
    let count: i64 = ledger.query_row("SELECT count(*) FROM segment", [], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}
