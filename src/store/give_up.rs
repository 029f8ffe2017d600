//! Giving up what is lost, on request: what has lines in a lost segment counts no more until its logs come again, and
//! rejected lines of which the file is lost are not to be retried any more.
//!
//! All of it is one commit. Contents that are taken out have no name then, so an `ingest` of their logs counts them
//! as new. Rejected lines that are given up stay counted as rejected, with their bound: only their text is gone.

use std::collections::BTreeSet;

use super::error::StoreError;
use super::forget::{lost_contents, take_out_lost};
use super::ledger::{self, SegmentFile};
use super::scan::check;
use super::{QUARANTINE, SEGMENTS, Store};
use crate::units::counted;

/// Files of a store that are gone or others than the ledger says.
#[derive(Debug, Default)]
pub(super) struct Lost {
    pub(super) segments: Vec<SegmentFile>,
    pub(super) rejects: Vec<LostRejects>,
}

/// A quarantine file that is gone or others.
#[derive(Debug)]
pub(super) struct LostRejects {
    content: i64,
    name: String,
    /// The rejected lines of its content, the bytes that they may stand for, and those of which nobody knows.
    lines: u64,
    bytes_at_most: u128,
    unread: u64,
}

impl Lost {
    /// What is lost of a store.
    ///
    /// Errors: [`StoreError`] where a file cannot be read for another reason: that is no loss.
    pub(super) fn find(store: &Store) -> Result<Self, StoreError> {
        let ledger = &store.lock_state().ledger;
        let (folder, mut lost) = (store.root.join(SEGMENTS), Lost::default());
        for segment in ledger::segments(ledger)? {
            match check(&folder, &segment) {
                Ok(()) => {}
                Err(StoreError::Lost { .. } | StoreError::Damaged { .. }) => {
                    lost.segments.push(segment);
                }
                Err(error) => return Err(error),
            }
        }
        let sql = "SELECT content.id, name, rejected, counts ->> 'rejected_bytes_at_most',
                coalesce(counts ->> 'rejected_unread_lines', 0)
            FROM quarantine JOIN content ON content.id = quarantine.content ORDER BY name";
        let mut statement = ledger.prepare(sql)?;
        let rows = statement.query_map([], |row| {
            let at_most: Option<String> = row.get(3)?;
            Ok(LostRejects {
                content: row.get(0)?,
                name: row.get(1)?,
                lines: row.get::<_, i64>(2)?.cast_unsigned(),
                bytes_at_most: at_most.and_then(|text| text.parse().ok()).unwrap_or(0),
                unread: row.get::<_, i64>(4)?.cast_unsigned(),
            })
        })?;
        for rejects in rows {
            let rejects = rejects?;
            match store.lines_in_quarantine(ledger, &rejects.name) {
                Ok(_) => {}
                Err(StoreError::QuarantineLost { .. } | StoreError::QuarantineDamaged { .. }) => {
                    lost.rejects.push(rejects);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.rejects.is_empty()
    }

    /// The names of the files, by their folders.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let segments = self.segments.iter().map(|of| (SEGMENTS, &of.name[..]));
        segments.chain(self.rejects.iter().map(|of| (QUARANTINE, &of.name[..])))
    }

    /// The names of what counts no more without the segments: their logs have to be ingested again.
    pub(super) fn names(&self, store: &Store) -> Result<BTreeSet<String>, StoreError> {
        let ledger = &store.lock_state().ledger;
        let mut names = BTreeSet::new();
        for content in lost_contents(ledger, &self.ids())? {
            names.extend(ledger::names_of(ledger, content)?);
        }
        Ok(names)
    }

    fn ids(&self) -> Vec<i64> {
        self.segments.iter().map(|segment| segment.id).collect()
    }

    /// What is given up with each quarantine file.
    pub(super) fn rejects_told(&self, store: &Store) -> Result<Vec<String>, StoreError> {
        let ledger = &store.lock_state().ledger;
        let told = |of: &LostRejects| {
            let names = Vec::from_iter(ledger::names_of(ledger, of.content)?).join(", ");
            Ok(format!(
                "{QUARANTINE}/{}: {} of {names} cannot be retried any more: at most {} B, and what {} unreadable \
                 hold; they stay counted as rejected, and `cdn-meter ingest --recount FILE` keeps them anew",
                of.name,
                counted(of.lines, "rejected line"),
                of.bytes_at_most,
                of.unread
            ))
        };
        self.rejects.iter().map(told).collect()
    }

    /// Gives all of it up, in one commit of a store that is open to write.
    pub(super) fn give_up(&self, store: &Store) -> Result<(), StoreError> {
        let state = &mut *store.lock_state();
        let commit = state.commit()?;
        take_out_lost(&state.ledger, &self.ids(), "lost with a segment", commit)?;
        for rejects in &self.rejects {
            let sql = "DELETE FROM quarantine WHERE name = ?1";
            state.ledger.execute(sql, [&rejects.name])?;
        }
        state.end_transaction()
    }
}
