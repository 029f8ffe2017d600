//! How long after a slot its bytes were counted: what tells when a month can be closed.
//!
//! CDNs write logs hours after the traffic, and files go on growing (R63). How late the bytes of a
//! month came, by format, is the best there is to tell how long the next one has to wait. Logs
//! that were counted all at once, months later, show as such.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::error::StoreError;
use super::scan::{Wanted, scan_sound};
use super::{SEGMENTS, Store};
use crate::units::{Bytes, SLOT_SECS};

const SECS_PER_HOUR: u64 = 3_600;

/// How late the bytes of one format came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lateness {
    /// The format.
    pub format: String,
    /// Its downstream bytes.
    pub bytes: Bytes,
    /// Hours from the end of a slot until 99 % of all bytes were counted.
    pub most_within: u32,
    /// The same for 99.9 %.
    pub nearly_all_within: u32,
    /// The same for all.
    pub all_within: u32,
}

/// Bytes by the hours that they took, begun hours in full.
type Hours = BTreeMap<u32, u64>;

impl Store {
    /// How late the bytes of `slots` were counted, by format.
    ///
    /// Errors: [`StoreError`].
    pub fn lateness(&self, slots: Range<u32>) -> Result<Vec<Lateness>, StoreError> {
        self.steadily(|| self.lateness_once(slots.clone()))
    }

    fn lateness_once(&self, slots: Range<u32>) -> Result<Vec<Lateness>, StoreError> {
        let (contents, segments) = {
            let state = self.lock_state();
            (
                counted(&state.ledger)?,
                super::ledger::segments_in(&state.ledger, &slots)?,
            )
        };
        let wanted = Wanted {
            slots,
            domain: None,
        };
        let mut formats: BTreeMap<&str, Hours> = BTreeMap::new();
        for segment in segments {
            scan_sound(&self.root.join(SEGMENTS), &segment, &wanted, |row| {
                let Some(row) = row else { return Ok(()) };
                let Some((format, counted_at)) = contents.get(&row.content) else {
                    return Ok(());
                };
                let end = (i64::from(row.tally.cell.slot_index()) + 1) * i64::from(SLOT_SECS);
                let late = u64::try_from(counted_at - end).unwrap_or(0);
                let hours = u32::try_from(late.div_ceil(SECS_PER_HOUR)).unwrap_or(u32::MAX);
                let bytes = formats.entry(format).or_default().entry(hours).or_default();
                *bytes = bytes.saturating_add(row.tally.bytes);
                Ok(())
            })?;
        }
        Ok(formats.into_iter().map(lateness).collect())
    }
}

fn lateness((format, hours): (&str, Hours)) -> Lateness {
    let bytes = hours
        .values()
        .fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
    let within = |per_mille: u128| {
        let wanted = (u128::from(bytes) * per_mille).div_ceil(1_000);
        let mut sum = 0;
        let reached = hours.iter().find(|(_, bytes)| {
            sum += u128::from(**bytes);
            wanted <= sum
        });
        reached.map_or(0, |(hours, _)| *hours)
    };
    Lateness {
        format: format.to_owned(),
        bytes: Bytes::new(bytes),
        most_within: within(990),
        nearly_all_within: within(999),
        all_within: within(1_000),
    }
}

/// Format and time of commit, in seconds since the epoch, of every content that counts.
fn counted(ledger: &rusqlite::Connection) -> Result<HashMap<i64, (String, i64)>, StoreError> {
    // Earlier versions noted no instant where the clock was wrong: of those nobody knows how late they came.
    let sql = "SELECT content.id, coalesce(format, 'none'), unixepoch(at)
        FROM content JOIN commits ON commits.id = content.commit_id
        WHERE dropped_by IS NULL AND unixepoch(at) IS NOT NULL";
    let mut statement = ledger.prepare(sql)?;
    let contents = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(contents.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_reached_at_the_hour_of_the_byte_that_completes_them() {
        let hours = Hours::from([(0, 9_890), (2, 10), (3, 90), (9, 10)]);
        let found = lateness(("nginx", hours));
        let within = (found.most_within, found.nearly_all_within, found.all_within);
        assert_eq!((found.bytes.as_u64(), within), (10_000, (2, 3, 9)));
    }
}
