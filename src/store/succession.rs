//! What becomes of the content that a name held when it comes to hold another one.
//!
//! A name may stand for one delivery, which is fetched again when it was wrong, or for the log of a
//! server, which moves on to the next name. Of a delivery only the newest version counts; of rotated
//! logs all do. So a content is dropped only if a newer version of the same log takes its name:
//!
//! - A name that comes to hold a content that is known from another name drops nothing: files were
//!   moved. Nor does one that goes on from a known content.
//! - A content that no name told of before replaces the old one if it has lines of all the time that
//!   the old one tells of, and none an hour away from it: it is the same log, fetched again.
//! - If it begins where the old one ends, or later, or ends where that begins, it is another log. A log
//!   without a metered line takes nothing away either.
//! - What the times do not tell is refused, until the user says which of the two names are.
//!
//! The times are those of metered lines, in slots. What is kept without a name counts on until a name
//! holds it again, or something grows from it.

use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::ledger::{self, has_table};
use super::scan::{Wanted, scan_sound};
use super::{SEGMENTS, Store};
use crate::meter::UsageRow;
use crate::units::{SLOT_SECS, Slot};

/// Slots by which a newer version of a log may be longer at each end.
const LONGER_SLOTS_MAX: u32 = 3_600 / SLOT_SECS;

/// What names of files stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// For one delivery each: another content is a newer version of it.
    Deliveries,
    /// For logs that move on from name to name.
    Rotation,
}

/// First slot and last of metered lines.
pub type Slots = RangeInclusive<u32>;

/// The times of two logs that do not tell whether one is a newer version of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsure {
    /// Of what the name held.
    pub before: Slots,
    /// Of what it is to hold.
    pub now: Slots,
}

impl Unsure {
    /// From when until when a log has lines, in UTC.
    pub fn text(slots: &Slots) -> String {
        let instant = |slot: u32| Slot::from_index(slot).map(|slot| slot.start().rfc3339());
        let end = instant(slots.end() + 1).unwrap_or_default();
        format!("{} to {end}", instant(*slots.start()).unwrap_or_default())
    }
}

/// What becomes of the old content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Succession {
    /// The new one is a newer version of it.
    Replaces,
    /// The new one is another log.
    Follows,
    /// Nothing tells.
    Unsure(Unsure),
}

/// Tells a newer version of a log from another log of the same name.
pub(super) fn succession(
    before: Option<Slots>,
    now: Option<Slots>,
    names: Option<Names>,
) -> Succession {
    match names {
        Some(Names::Deliveries) => return Succession::Replaces,
        Some(Names::Rotation) => return Succession::Follows,
        None => {}
    }
    let (Some(before), Some(now)) = (before, now) else {
        return Succession::Follows;
    };
    let (old, new) = ((*before.start(), *before.end()), (*now.start(), *now.end()));
    // Both may have lines of the slot in which one log ended and the next began.
    let is_behind = |(_, end): (u32, u32), (start, _): (u32, u32)| end <= start;
    let touches = is_behind(old, new) || is_behind(new, old);
    let is_apart = old.1 < new.0 || new.1 < old.0;
    let is_of_all = new.0 <= old.0 && old.1 <= new.1;
    let is_longer = LONGER_SLOTS_MAX < old.0.saturating_sub(new.0)
        || LONGER_SLOTS_MAX < new.1.saturating_sub(old.1);
    let is_within = old.0 <= new.0 && new.1 <= old.1;
    match (touches, is_of_all) {
        _ if is_apart => Succession::Follows,
        (true, false) if !is_within => Succession::Follows,
        (false, true) if !is_longer => Succession::Replaces,
        _ => Succession::Unsure(Unsure { before, now }),
    }
}

/// First slot and last of rows.
pub(super) fn slots_of(rows: &[UsageRow]) -> Option<Slots> {
    let slots = rows.iter().map(|row| row.tally.cell.slot_index());
    let first = slots.clone().min()?;
    Some(first..=slots.max()?)
}

impl Store {
    /// First slot and last of the metered lines of a content and of all that it grew from.
    pub(super) fn slots_of_content(
        &self,
        ledger: &Connection,
        content: i64,
    ) -> Result<Option<Slots>, StoreError> {
        let sql = "WITH RECURSIVE line (id) AS (
                SELECT ?1
                UNION ALL
                SELECT content.parent FROM content JOIN line ON content.id = line.id
                WHERE content.parent IS NOT NULL
            ) SELECT content.id, metered, slot_from, slot_to
            FROM content JOIN line ON content.id = line.id WHERE metered <> 0";
        let mut statement = ledger.prepare_cached(sql)?;
        let mut rows = statement.query([content])?;
        let mut all: Option<Slots> = None;
        while let Some(row) = rows.next()? {
            let noted: (Option<u32>, Option<u32>) = (row.get(2)?, row.get(3)?);
            let own = match noted {
                (Some(from), Some(to)) => Some(from..=to),
                _ => self.slots_in_segments(ledger, row.get(0)?)?,
            };
            all = match (all, own) {
                (Some(a), Some(b)) => Some(*a.start().min(b.start())..=*a.end().max(b.end())),
                (a, b) => a.or(b),
            };
        }
        Ok(all)
    }

    /// The same of a content's own lines, from its rows: the ledger of older versions does not note them.
    fn slots_in_segments(
        &self,
        ledger: &Connection,
        content: i64,
    ) -> Result<Option<Slots>, StoreError> {
        let mut found: Option<Slots> = None;
        for segment in ledger::segments_of(ledger, content)? {
            scan_sound(&self.root.join(SEGMENTS), &segment, &Wanted::ALL, |row| {
                let Some(row) = row else {
                    found = None;
                    return Ok(());
                };
                if row.content == content {
                    let slot = row.tally.cell.slot_index();
                    found = Some(match &found {
                        Some(of) => slot.min(*of.start())..=slot.max(*of.end()),
                        None => slot..=slot,
                    });
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

/// Keeps what `name` held before, if nothing else makes it count.
///
/// Where equal files count apart, a copy of it that was counted in this run under another name is the file
/// itself, which was moved there: it counts as that.
pub(super) fn keep(
    ledger: &Connection,
    before: Option<i64>,
    name: &str,
    commit: i64,
) -> Result<(), StoreError> {
    let Some(before) = before else {
        return Ok(());
    };
    let sql = "INSERT OR IGNORE INTO kept (content, name, commit_id)
        SELECT id, ?2, ?3 FROM content WHERE id = ?1 AND dropped_by IS NULL
            AND NOT EXISTS (SELECT 1 FROM source WHERE content = ?1)
            AND NOT EXISTS (SELECT 1 FROM content AS grown
                WHERE grown.parent = ?1 AND grown.dropped_by IS NULL)
            AND NOT EXISTS (SELECT 1
                FROM content AS twin JOIN commits ON commits.id = twin.commit_id
                WHERE twin.digest = content.digest AND twin.length = content.length
                    AND twin.id <> ?1 AND twin.dropped_by IS NULL
                    AND commits.at = (SELECT at FROM commits WHERE id = ?3))";
    let mut statement = ledger.prepare_cached(sql)?;
    statement.execute(params![before, name, commit])?;
    drop_unless_held(ledger, before, commit)
}

/// Drops a content that no name holds, nor what grew from it, and that is not kept without a name; then
/// those that it grew from.
pub(super) fn drop_unless_held(
    ledger: &Connection,
    content: i64,
    commit: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE content SET dropped_by = ?2
        WHERE id = ?1 AND dropped_by IS NULL
            AND NOT EXISTS (SELECT 1 FROM source WHERE content = ?1)
            AND NOT EXISTS (SELECT 1 FROM kept WHERE content = ?1)
            AND NOT EXISTS (SELECT 1 FROM content AS grown
                WHERE grown.parent = ?1 AND grown.dropped_by IS NULL)
        RETURNING parent";
    let mut next = Some(content);
    while let Some(content) = next {
        let parent = ledger
            .prepare_cached(sql)?
            .query_row(params![content, commit], |row| row.get::<_, Option<i64>>(0));
        next = parent.optional()?.flatten();
    }
    Ok(())
}

/// The name that a content was kept for, which from now on is not: a name holds it, or what grew from it.
pub(super) fn release(ledger: &Connection, content: i64) -> Result<Option<String>, StoreError> {
    let sql = "DELETE FROM kept WHERE content = ?1 RETURNING name";
    let mut statement = ledger.prepare_cached(sql)?;
    Ok(statement
        .query_row([content], |row| row.get(0))
        .optional()?)
}

/// The name that a content is kept for.
pub(super) fn kept_for(ledger: &Connection, content: i64) -> Result<Option<String>, StoreError> {
    if !has_table(ledger, "kept")? {
        return Ok(None);
    }
    let mut statement = ledger.prepare_cached("SELECT name FROM kept WHERE content = ?1")?;
    Ok(statement
        .query_row([content], |row| row.get(0))
        .optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(before: Slots, now: Slots) -> &'static str {
        match succession(Some(before), Some(now), None) {
            Succession::Replaces => "replaces",
            Succession::Follows => "follows",
            Succession::Unsure(_) => "unsure",
        }
    }

    #[test]
    fn d1_times_tell_a_newer_version_from_the_next_log() {
        // The same time, or all of it and a little more.
        assert_eq!(of(100..=111, 100..=111), "replaces");
        assert_eq!(of(102..=110, 100..=111), "replaces");
        assert_eq!(of(102..=110, 90..=122), "replaces");
        assert_eq!(of(102..=110, 89..=110), "unsure");
        assert_eq!(of(102..=110, 102..=123), "unsure");
        // Another time, but for the slot in which the one ended and the other began.
        assert_eq!(of(100..=111, 112..=130), "follows");
        assert_eq!(of(100..=111, 111..=130), "follows");
        assert_eq!(of(100..=111, 80..=100), "follows");
        assert_eq!(of(100..=111, 80..=99), "follows");
        assert_eq!(of(100..=100, 101..=101), "follows");
        // A part of it, or more than that slot.
        assert_eq!(of(100..=111, 110..=130), "unsure");
        assert_eq!(of(100..=111, 101..=111), "unsure");
        assert_eq!(of(100..=111, 100..=110), "unsure");
        // One slot tells nothing: the next log may begin in it.
        assert_eq!(of(100..=100, 100..=100), "unsure");
        assert_eq!(of(100..=111, 111..=111), "unsure");
        assert_eq!(of(111..=111, 111..=120), "unsure");
        assert_eq!(of(111..=111, 100..=111), "unsure");
    }

    #[test]
    fn d1_what_names_are_decides_where_it_is_said() {
        let of = |names| succession(Some(100..=111), Some(105..=130), names);
        assert_eq!(of(Some(Names::Deliveries)), Succession::Replaces);
        assert_eq!(of(Some(Names::Rotation)), Succession::Follows);
        assert_eq!(succession(None, Some(1..=2), None), Succession::Follows);
        assert_eq!(succession(Some(1..=2), None, None), Succession::Follows);
    }
}
