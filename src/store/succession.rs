//! What becomes of the content that a name held when it comes to hold another one.
//!
//! A name may stand for one delivery, which is fetched again when it was wrong, or for the log of a
//! server, which moves on to the next name. Of a delivery only the newest version counts; of rotated
//! logs all do. So a content is dropped only if a newer version of the same log takes its name:
//!
//! - A content that is known from another name, or goes on from one that is not the start of what the name held,
//!   was moved there: what the name held counts on. But if it has lines of all the time of that, and none much
//!   beyond, it may as well be a newer version that somebody put in its place: what was salvaged is replaced
//!   then, and anything else is refused until the user says which of the two names are.
//! - A content that no name told of before is held against what its name holds, and against all that is
//!   kept for that name. It replaces one if it has lines of all the time that this tells of, and none much
//!   beyond: at each end as much more as this is long, and an hour at most. It is the same log, fetched
//!   again. One that was salvaged lost its end, so what replaces it may end at any time.
//! - If it begins where the old one ends, or later, or ends where that begins, it is another log. A log
//!   without a metered line takes nothing away either.
//! - What the times do not tell is refused, until the user says which of the two names are.
//!
//! The times are those of metered lines, in slots. What is kept without a name counts on until a name
//! holds it again, something grows from it, or a newer version of it comes by the name that it is kept for.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use rusqlite::{Connection, OptionalExtension, params};

use super::change::SALVAGED;
use super::commit::{Ancestry, Delivery};
use super::error::StoreError;
use super::identify::{Known, begins_with};
use super::ledger::{self, has_table};
use super::scan::{Wanted, scan_sound};
use super::{SEGMENTS, State, Store};
use crate::meter::UsageRow;
use crate::units::{SLOT_SECS, Slot};

/// Slots by which a newer version of a log may be longer at each end, however long it is.
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

/// What becomes of the old contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Succession {
    /// The new one is a newer version of these; of none of them, if it is another log.
    Replaces(Vec<i64>),
    /// Nothing tells.
    Unsure(Unsure),
}

/// What a new log is to an old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Newer,
    Other,
    Unsure,
}

/// Tells a newer version of a log from another log of the same name. An old one that `is_cut` lost its end.
fn relation(before: &Slots, now: &Slots, is_cut: bool) -> Relation {
    let (old, new) = ((*before.start(), *before.end()), (*now.start(), *now.end()));
    // Both may have lines of the slot in which one log ended and the next began.
    let is_behind = |(_, end): (u32, u32), (start, _): (u32, u32)| end <= start;
    let touches = is_behind(old, new) || is_behind(new, old);
    let is_apart = old.1 < new.0 || new.1 < old.0;
    let is_of_all = new.0 <= old.0 && old.1 <= new.1;
    let is_within = old.0 <= new.0 && new.1 <= old.1;
    let longer_max = LONGER_SLOTS_MAX.min(old.1 - old.0 + 1);
    let begins_earlier = longer_max < old.0.saturating_sub(new.0);
    let ends_later = !is_cut && longer_max < new.1.saturating_sub(old.1);
    match (touches && !is_cut, is_of_all) {
        _ if is_apart => Relation::Other,
        (true, false) if !is_within => Relation::Other,
        (false, true) if !begins_earlier && !ends_later => Relation::Newer,
        _ => Relation::Unsure,
    }
}

/// First slot and last of rows.
pub(super) fn slots_of(rows: &[UsageRow]) -> Option<Slots> {
    let slots = rows.iter().map(|row| row.tally.cell.slot_index());
    let first = slots.clone().min()?;
    Some(first..=slots.max()?)
}

impl Store {
    /// What becomes of what the name of a new content holds, and of what is kept for it.
    pub(super) fn succession(
        &self,
        state: &mut State,
        delivery: Delivery<'_>,
        ancestry: Ancestry<'_>,
        rows: &[UsageRow],
    ) -> Result<Succession, StoreError> {
        let olds = rivals(&state.ledger, delivery.name, ancestry)?;
        if olds.is_empty() {
            return Ok(Succession::Replaces(Vec::new()));
        }
        self.note_slots_once(state)?;
        let start = match ancestry.parent {
            Some(parent) => slots_of_content(&state.ledger, parent)?,
            None => None,
        };
        let now = joined(start, slots_of(rows));
        judge(&state.ledger, &olds, now, delivery.names)
    }

    /// What becomes of what a name alone holds when it comes to hold the content `id`, which is known from another.
    pub(super) fn succession_of_known(
        &self,
        state: &mut State,
        delivery: Delivery<'_>,
        id: i64,
    ) -> Result<Succession, StoreError> {
        let Some(old) = at_stake(&state.ledger, delivery.name)?.filter(|old| *old != id) else {
            return Ok(Succession::Replaces(Vec::new()));
        };
        let is_start = starts_of(&state.ledger, id)?.contains(&old)
            || is_begun(delivery, &ledger::content(&state.ledger, old)?);
        if is_start {
            return Ok(Succession::Replaces(Vec::new()));
        }
        self.note_slots_once(state)?;
        let now = slots_of_content(&state.ledger, id)?;
        let old = Old {
            content: old,
            is_moved_over: true,
        };
        judge(&state.ledger, &[old], now, delivery.names)
    }

    fn note_slots_once(&self, state: &mut State) -> Result<(), StoreError> {
        if !state.pending.has_slots {
            self.note_slots(&state.ledger)?;
            state.pending.has_slots = true;
        }
        Ok(())
    }

    /// Notes the times of contents that were counted before they were noted: by one look at all rows.
    fn note_slots(&self, ledger: &Connection) -> Result<(), StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM content
            WHERE slot_from IS NULL AND metered <> 0 AND dropped_by IS NULL)";
        if !ledger.query_row(sql, [], |row| row.get(0))? {
            return Ok(());
        }
        let mut found: HashMap<i64, (u32, u32)> = HashMap::new();
        for segment in ledger::segments(ledger)? {
            scan_sound(&self.root.join(SEGMENTS), &segment, &Wanted::ALL, |row| {
                if let Some(row) = row {
                    let slot = row.tally.cell.slot_index();
                    let of = found.entry(row.content).or_insert((slot, slot));
                    *of = (of.0.min(slot), of.1.max(slot));
                }
                Ok(())
            })?;
        }
        let sql =
            "UPDATE content SET slot_from = ?2, slot_to = ?3 WHERE id = ?1 AND slot_from IS NULL";
        let mut statement = ledger.prepare(sql)?;
        for (content, (from, to)) in found {
            statement.execute(params![content, from, to])?;
        }
        Ok(())
    }
}

/// A content of which another may be a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Old {
    content: i64,
    /// Whether the other one, or what it goes on from, is known from elsewhere.
    is_moved_over: bool,
}

/// What becomes of `olds` when one with lines from `now.0` to `now.1` comes.
fn judge(
    ledger: &Connection,
    olds: &[Old],
    now: Option<Slots>,
    names: Option<Names>,
) -> Result<Succession, StoreError> {
    let mut replaced = Vec::new();
    for old in olds {
        let before = slots_of_content(ledger, old.content)?;
        let Some((before, now)) = before.zip(now.clone()) else {
            continue;
        };
        let is_cut = is_salvaged(ledger, old.content)?;
        let is_replaced = match (relation(&before, &now, is_cut), old.is_moved_over) {
            (Relation::Other, _) => Some(false),
            (Relation::Newer, false) => Some(true),
            (Relation::Newer, true) if is_cut => Some(true),
            (Relation::Unsure, true) => Some(names == Some(Names::Deliveries)),
            (Relation::Newer, true) | (Relation::Unsure, false) => {
                names.map(|names| names == Names::Deliveries)
            }
        };
        match is_replaced {
            None => return Ok(Succession::Unsure(Unsure { before, now })),
            Some(true) => replaced.push(old.content),
            Some(false) => {}
        }
    }
    Ok(Succession::Replaces(replaced))
}

/// What a name alone holds: if it counts on by another name, or as a part of what grew from it, nothing is at stake.
fn at_stake(ledger: &Connection, name: &str) -> Result<Option<i64>, StoreError> {
    let Some(before) = ledger::held_by(ledger, name)? else {
        return Ok(None);
    };
    let names = ledger::names_of(ledger, before)?;
    Ok(names.iter().all(|of| of == name).then_some(before))
}

/// Whether a content is an unfinished line, or ends with one, that is finished in what is delivered.
pub(super) fn is_begun(delivery: Delivery<'_>, before: &Known) -> bool {
    !before.content.is_whole_lines
        && begins_with(delivery.content, delivery.marks, &before.content) == Some(true)
}

/// The contents of which a new one under `name` may be a newer version.
fn rivals(ledger: &Connection, name: &str, ancestry: Ancestry<'_>) -> Result<Vec<Old>, StoreError> {
    if ancestry.copy_of.is_some() {
        return Ok(Vec::new());
    }
    let mut statement = ledger.prepare_cached("SELECT content FROM kept WHERE name = ?1")?;
    let kept = statement.query_map([name], |row| row.get(0))?;
    let kept = kept.collect::<Result<Vec<i64>, _>>()?;
    let held = at_stake(ledger, name)?;
    let mut olds = Vec::new();
    for content in kept.into_iter().chain(held) {
        let is_moved_over = match ancestry.grown_from() {
            None => false,
            Some(start) if content == start || ancestry.supersedes.contains(&content) => continue,
            // It goes on from a start of its own log: what goes on from there otherwise is another version.
            Some(start) if starts_of(ledger, content)?.contains(&start) => false,
            Some(start) if starts_of(ledger, start)?.contains(&content) => continue,
            Some(_) if held != Some(content) => continue,
            Some(_) => true,
        };
        olds.push(Old {
            content,
            is_moved_over,
        });
    }
    Ok(olds)
}

/// What a content grew from, and what that grew from.
fn starts_of(ledger: &Connection, content: i64) -> Result<Vec<i64>, StoreError> {
    let sql = "WITH RECURSIVE line (id) AS (
            SELECT parent FROM content WHERE id = ?1 AND parent IS NOT NULL
            UNION ALL
            SELECT content.parent FROM content JOIN line ON content.id = line.id
            WHERE content.parent IS NOT NULL
        ) SELECT id FROM line";
    let mut statement = ledger.prepare_cached(sql)?;
    let starts = statement.query_map([content], |row| row.get(0))?;
    Ok(starts.collect::<Result<_, _>>()?)
}

/// Whether a content is what could be read of a damaged archive.
fn is_salvaged(ledger: &Connection, content: i64) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM history WHERE content = ?1 AND change = ?2)";
    let mut statement = ledger.prepare_cached(sql)?;
    Ok(statement.query_row(params![content, SALVAGED], |row| row.get(0))?)
}

/// First slot and last of the metered lines of a content and of all that it grew from.
fn slots_of_content(ledger: &Connection, content: i64) -> Result<Option<Slots>, StoreError> {
    let sql = "WITH RECURSIVE line (id) AS (
            SELECT ?1
            UNION ALL
            SELECT content.parent FROM content JOIN line ON content.id = line.id
            WHERE content.parent IS NOT NULL
        ) SELECT min(slot_from), max(slot_to) FROM content JOIN line ON content.id = line.id";
    let mut statement = ledger.prepare_cached(sql)?;
    let ends: (Option<u32>, Option<u32>) =
        statement.query_row([content], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(ends.0.zip(ends.1).map(|(from, to)| from..=to))
}

fn joined(a: Option<Slots>, b: Option<Slots>) -> Option<Slots> {
    match (a, b) {
        (Some(a), Some(b)) => Some(*a.start().min(b.start())..=*a.end().max(b.end())),
        (a, b) => a.or(b),
    }
}

/// Keeps what `name` held before, if nothing else makes it count.
///
/// Where equal files count apart, a copy of it that was counted in this run under another name is the file
/// itself, which was moved there: it counts as that. Commits of this run have the numbers from `first` on.
pub(super) fn keep(
    ledger: &Connection,
    before: Option<i64>,
    name: &str,
    (commit, first): (i64, i64),
) -> Result<(), StoreError> {
    let Some(before) = before else {
        return Ok(());
    };
    let sql = "INSERT OR IGNORE INTO kept (content, name, commit_id)
        SELECT id, ?2, ?3 FROM content WHERE id = ?1 AND dropped_by IS NULL
            AND NOT EXISTS (SELECT 1 FROM source WHERE content = ?1)
            AND NOT EXISTS (SELECT 1 FROM content AS grown
                WHERE grown.parent = ?1 AND grown.dropped_by IS NULL)
            AND NOT EXISTS (SELECT 1 FROM content AS twin
                WHERE twin.digest = content.digest AND twin.length = content.length
                    AND twin.id <> ?1 AND twin.dropped_by IS NULL AND twin.commit_id >= ?4)";
    let mut statement = ledger.prepare_cached(sql)?;
    statement.execute(params![before, name, commit, first])?;
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
        match relation(&before, &now, false) {
            Relation::Newer => "replaces",
            Relation::Other => "follows",
            Relation::Unsure => "unsure",
        }
    }

    #[test]
    fn d1_times_tell_a_newer_version_from_the_next_log() {
        // The same time, or all of it and a little more.
        assert_eq!(of(100..=111, 100..=111), "replaces");
        assert_eq!(of(102..=110, 100..=111), "replaces");
        assert_eq!(of(102..=110, 93..=119), "replaces");
        assert_eq!(of(102..=110, 92..=110), "unsure");
        assert_eq!(of(102..=110, 102..=120), "unsure");
        // Long ones may be an hour longer.
        assert_eq!(of(102..=310, 90..=322), "replaces");
        assert_eq!(of(102..=310, 89..=310), "unsure");
        assert_eq!(of(102..=310, 102..=323), "unsure");
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
    fn d1_what_lost_its_end_is_replaced_by_what_has_one() {
        let of = |before: Slots, now: Slots| relation(&before, &now, true);
        assert_eq!(of(100..=111, 100..=400), Relation::Newer);
        assert_eq!(of(100..=100, 100..=400), Relation::Newer);
        assert_eq!(of(100..=111, 80..=400), Relation::Unsure);
        assert_eq!(of(100..=111, 112..=400), Relation::Other);
    }
}
