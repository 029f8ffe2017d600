//! Of which time a store has logs: from when until when each content that counts goes on.
//!
//! A log is one record from its first line to its last: where it is silent, nothing was sent. So a
//! content speaks for all the time from its first slot to its last, those of what it grew from
//! included, and logs are cut by the hour where they are delivered (R61), so for the whole of the
//! hours at both ends; one that was salvaged lost its end, and speaks for no more than what it
//! holds. Between two contents nothing is known: a file may be missing, or there was none to write.
//!
//! Known gaps, which can make a time look proven that is not: a log of several domains speaks for
//! every account, also where none of them is of it; the hour in which a content was counted is
//! taken as whole; rejected lines outside of the hours of the metered lines beside them, and lines
//! without bytes beside others that have some, are not seen.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::change::SALVAGED;
use super::error::StoreError;
use super::read::Rejected;
use super::scan::{Wanted, scan_sound};
use super::{SEGMENTS, Store, ledger, limit};
use crate::units::SLOT_SECS;

/// Slots of an hour, by which logs are delivered.
const SLOTS_PER_HOUR: u32 = 3_600 / SLOT_SECS;
/// How far beyond the slots that are asked for contents are looked at: 31 days. A log that is silent for longer
/// says nothing.
const BEYOND_SLOTS: u32 = 31 * 24 * SLOTS_PER_HOUR;

/// The time of which one content tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Slots, by number, in whole hours; empty where it has no metered line.
    pub slots: Range<u32>,
    /// Whether it has lines of a domain that was asked for, or of several, so that it is no log of another
    /// one alone.
    pub is_meant: bool,
    /// Slots in which its own lines may be, whatever became of them: those above or, where all of them were
    /// rejected, those from the end of what it grew from to when it was counted.
    pub lines: Range<u32>,
    /// Its own rejected lines.
    pub rejected: Rejected,
    /// Its own metered lines, if none of them says how many bytes it sent.
    pub without_bytes: u64,
}

/// What the ledger notes of a content.
struct Noted {
    id: i64,
    parent: Option<i64>,
    metered: u64,
    /// When it was counted, in seconds since the epoch.
    counted_at: i64,
    is_salvaged: bool,
    rejected: Rejected,
    without_bytes: u64,
}

/// What the rows of a content say.
#[derive(Clone)]
struct Heard {
    first: u32,
    last: u32,
    domain: String,
    is_meant: bool,
}

impl Heard {
    /// The same of two of which one grew from the other.
    fn with(mut self, other: &Heard) -> Self {
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
        self.is_meant |= other.is_meant || self.domain != other.domain;
        self
    }
}

impl Store {
    /// Of which time the contents that count tell, those that may tell of `slots`; `is_meant` names the
    /// domains that are asked for.
    ///
    /// Errors: [`StoreError`].
    pub fn coverage(
        &self,
        slots: Range<u32>,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<Vec<Covered>, StoreError> {
        self.steadily(|| self.coverage_once(&slots, &is_meant))
    }

    fn coverage_once(
        &self,
        slots: &Range<u32>,
        is_meant: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<Covered>, StoreError> {
        let beyond =
            slots.start.saturating_sub(BEYOND_SLOTS)..slots.end.saturating_add(BEYOND_SLOTS);
        let (segments, mut noted) = {
            let state = self.lock_state();
            let published = limit::published(&state.ledger)?;
            let mut noted = noted(&state.ledger)?;
            noted.retain(|content| published.contains(&content.id));
            (ledger::segments_in(&state.ledger, &beyond)?, noted)
        };
        // What a content grew from was counted before it.
        noted.sort_unstable_by_key(|content| content.id);
        let wanted = Wanted {
            slots: beyond,
            domain: None,
        };
        let mut heard: HashMap<i64, Heard> = HashMap::new();
        for segment in segments {
            let mut meant: BTreeMap<usize, bool> = BTreeMap::new();
            scan_sound(&self.root.join(SEGMENTS), &segment, &wanted, |row| {
                let Some(row) = row else {
                    meant.clear();
                    return Ok(());
                };
                let of_domain = meant.entry(row.domain_key);
                let is_meant = *of_domain.or_insert_with(|| is_meant(row.domain));
                let slot = row.tally.cell.slot_index();
                let of = heard.entry(row.content).or_insert_with(|| Heard {
                    first: slot,
                    last: slot,
                    domain: row.domain.to_owned(),
                    is_meant,
                });
                (of.first, of.last) = (of.first.min(slot), of.last.max(slot));
                of.is_meant |= is_meant || of.domain != row.domain;
                Ok(())
            })?;
        }
        let mut covered = Vec::new();
        for content in noted {
            let before = content
                .parent
                .and_then(|parent| heard.get(&parent))
                .cloned();
            let whole = match (heard.remove(&content.id), before) {
                (Some(own), Some(before)) => Some(own.with(&before)),
                // Nothing of its own to tell, and lines at another time.
                (None, _) if content.metered != 0 => continue,
                (own, before) => own.or(before),
            };
            if let Some(whole) = &whole {
                heard.insert(content.id, whole.clone());
            }
            covered.push(of_content(content, whole));
        }
        Ok(covered)
    }
}

fn of_content(content: Noted, whole: Option<Heard>) -> Covered {
    let hours = |heard: &Heard| {
        let start = heard.first - heard.first % SLOTS_PER_HOUR;
        let end = match content.is_salvaged {
            true => heard.last,
            false => (heard.last + 1).next_multiple_of(SLOTS_PER_HOUR),
        };
        start..end
    };
    let (slots, lines) = match &whole {
        Some(heard) if content.metered != 0 => (hours(heard), hours(heard)),
        // Nobody logs what is yet to come.
        before => {
            let end = content.counted_at / i64::from(SLOT_SECS) + 1;
            let end = u32::try_from(end).unwrap_or(u32::MAX);
            let start = before.as_ref().map_or(0, |before| before.last);
            // A clock that is behind its logs does not hide them.
            (0..0, start..end.max(start + 1))
        }
    };
    Covered {
        slots,
        lines,
        is_meant: whole.is_some_and(|whole| whole.is_meant),
        rejected: content.rejected,
        without_bytes: content.without_bytes,
    }
}

fn noted(ledger: &rusqlite::Connection) -> Result<Vec<Noted>, StoreError> {
    let sql = "SELECT content.id, parent, metered, rejected, counts ->> 'rejected_bytes_at_most',
            counts ->> 'rejected_unread_lines',
            coalesce(counts -> 'doubts' ->> 'no-bytes', 0) = metered,
            content.id IN (SELECT content FROM history WHERE change = ?1 AND content IS NOT NULL),
            unixepoch(at)
        FROM content JOIN commits ON commits.id = content.commit_id WHERE dropped_by IS NULL";
    let mut statement = ledger.prepare(sql)?;
    let mut rows = statement.query([SALVAGED])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let count = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let (id, metered) = (row.get(0)?, count(2)?);
        let bytes: String = row.get(4)?;
        let bytes_at_most = bytes.parse().map_err(|_| StoreError::Counts {
            content: id,
            problem: "say no number of rejected bytes",
        })?;
        all.push(Noted {
            id,
            parent: row.get(1)?,
            metered,
            rejected: Rejected {
                lines: count(3)?,
                bytes_at_most,
                unread_lines: count(5)?,
            },
            without_bytes: if row.get(6)? { metered } else { 0 },
            is_salvaged: row.get(7)?,
            counted_at: row.get(8)?,
        });
    }
    Ok(all)
}
