//! Retrying: rejected lines of contents that count, read again after a fix, move to their new fate.
//!
//! One commit changes the counts of a content, adds the rows of what is metered now, and puts a new
//! quarantine file with what is still rejected in the place of the old one, which is removed after it.
//! The content stays what it is: its digest, its span and its lines do not change, only their fates.
//! The history notes `retried` for every name that holds it, or what grew from it.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use super::entries::{counts_json, note};
use super::error::{StoreError, int64};
use super::succession::slots_of;
use super::{Store, ledger};
use crate::meter::{Counts, Domains, Overflow, UsageRow};
use crate::units::{Bytes, invariant};

/// What the history calls a content of which rejected lines have another fate now.
const RETRIED: &str = "retried";

/// A content that counts and has rejected lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number in the ledger.
    pub content: i64,
    /// Its format, if there was a line to tell it from.
    pub format: Option<String>,
    /// What its bytes count: `total` or `body`.
    pub bytes_in: Option<String>,
    /// Its rejected lines, those that were not kept included.
    pub rejected: u64,
    /// The files that keep them; none where none were kept.
    pub files: Vec<String>,
}

/// What became of rejected lines of a content that are rejected no more.
#[derive(Debug, Default)]
pub struct Regained {
    /// Their new fates: metered or skipped.
    pub counts: Counts,
    /// The reasons for which they had been rejected, by name.
    pub reasons: BTreeMap<String, u64>,
    /// Sum of the bounds that were noted of them …
    pub bytes_at_most: u128,
    /// … and how many had none.
    pub unread: u64,
    /// The lines that are still rejected, as they stood in the quarantine.
    pub left: Vec<u8>,
    /// The usage of those that are metered.
    pub rows: Vec<UsageRow>,
}

impl Store {
    /// The contents that count and have rejected lines, in the order in which they were committed.
    ///
    /// Errors: [`StoreError`].
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, StoreError> {
        let state = self.lock_state();
        let sql = "SELECT id, format, bytes_in, rejected FROM content
            WHERE rejected <> 0 AND dropped_by IS NULL ORDER BY id";
        let mut statement = state.ledger.prepare(sql)?;
        let contents = statement.query_map([], |row| {
            Ok(Quarantined {
                content: row.get(0)?,
                format: row.get(1)?,
                bytes_in: row.get(2)?,
                rejected: row.get::<_, i64>(3)?.cast_unsigned(),
                files: Vec::new(),
            })
        })?;
        let mut contents = contents.collect::<Result<Vec<_>, _>>()?;
        let sql = "SELECT name FROM quarantine WHERE content = ?1 ORDER BY name";
        let mut statement = state.ledger.prepare(sql)?;
        for content in &mut contents {
            let names = statement.query_map([content.content], |row| row.get(0))?;
            content.files = names.collect::<Result<_, _>>()?;
        }
        Ok(contents)
    }

    /// Gives rejected lines of a content their new fates, all of it with the next commit; `false` where
    /// all that counts would pass [`Bytes::SUM_MAX`] with them: then they stay as they are.
    ///
    /// Errors: [`StoreError`]; the run must not go on.
    pub fn regain(
        &self,
        quarantined: &Quarantined,
        regained: Regained,
        domains: &Domains,
    ) -> Result<bool, StoreError> {
        let state = &mut *self.lock_state();
        let commit = state.commit()?;
        let content = quarantined.content;
        let all = ledger::own_bytes(&state.ledger, content)?.checked_add(regained.counts.bytes);
        if all.is_none_or(|all| Bytes::SUM_MAX < all) {
            return Ok(false);
        }
        state.set_mark()?;
        change_counts(&state.ledger, content, &regained)?;
        if !state.keeps_to_limit(&[content], all.unwrap_or_default())? {
            return Ok(false);
        }
        let ledger = &state.ledger;
        for name in ledger::names_of(ledger, content)? {
            note(ledger, commit, &name, Some(content), RETRIED)?;
        }
        ledger.execute("DELETE FROM quarantine WHERE content = ?1", [content])?;
        if !regained.left.is_empty() {
            self.keep_rejects(ledger, commit, content, &regained.left)?;
        }
        state.pending.remove_after(&quarantined.files);
        state.pending.add(content, regained.rows);
        self.flush_if_due(state, domains)?;
        Ok(true)
    }
}

/// Moves lines from rejected to what they are now, in all that the ledger counts of a content.
fn change_counts(ledger: &Connection, content: i64, regained: &Regained) -> Result<(), StoreError> {
    let Regained { counts, .. } = regained;
    let slots = slots_of(&regained.rows);
    let moved: u64 = regained.reasons.values().sum();
    let gained = counts.metered + counts.skipped_total();
    invariant::totals_agree("lines of another fate", moved, gained)?;
    let sql = "SELECT bytes, counts FROM content WHERE id = ?1";
    let (bytes, json): (i64, String) =
        ledger.query_row(sql, [content], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let bytes = Bytes::new(bytes.cast_unsigned()).checked_add(counts.bytes);
    // A content without slots of its own, of an older version, stays so: its rows tell.
    let sql = "UPDATE content SET metered = metered + ?2, skipped = skipped + ?3,
            rejected = rejected - ?4, bytes = ?5, counts = ?6,
            slot_from = iif(metered = 0, ?7, min(slot_from, coalesce(?7, slot_from))),
            slot_to = iif(metered = 0, ?8, max(slot_to, coalesce(?8, slot_to)))
        WHERE id = ?1
        RETURNING lines, metered, skipped, rejected";
    let parameters = params![
        content,
        int64(counts.metered)?,
        int64(counts.skipped_total())?,
        int64(moved)?,
        int64(bytes.ok_or(Overflow)?.as_u64())?,
        changed_json(content, &json, regained)?,
        slots.as_ref().map(|slots| slots.start()),
        slots.as_ref().map(|slots| slots.end()),
    ];
    let fates: [i64; 4] = ledger.query_row(sql, parameters, |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
    })?;
    let [lines, metered, skipped, rejected] = fates.map(i64::cast_unsigned);
    Ok(invariant::lines_reconcile(
        lines, metered, skipped, rejected,
    )?)
}

/// The counts by reason after the change. Reasons that this program does not know stay as they are.
fn changed_json(content: i64, json: &str, regained: &Regained) -> Result<String, StoreError> {
    let damaged = |problem| StoreError::Counts { content, problem };
    let parse = |text: &str| serde_json::from_str(text).map_err(|_| damaged("are no JSON"));
    let mut all: Map<String, Value> = parse(json)?;
    let gained: Map<String, Value> = parse(&counts_json(&regained.counts))?;
    for group in ["skipped", "doubts"] {
        for (name, count) in gained[group].as_object().into_iter().flatten() {
            let count = count.as_u64().unwrap_or(0);
            change(&mut all, group, name, |before| before.checked_add(count))
                .ok_or_else(|| damaged("do not add up"))?;
        }
    }
    for (name, count) in &regained.reasons {
        change(&mut all, "rejected", name, |before| {
            before.checked_sub(*count)
        })
        .ok_or_else(|| damaged("have fewer rejects than are kept"))?;
    }
    let number = |all: &Map<String, Value>, name: &str| all.get(name).and_then(Value::as_u64);
    let not_viewer = number(&all, "not_viewer_bytes").map(|bytes| {
        let gained = u64::try_from(regained.counts.not_viewer_bytes);
        bytes.saturating_add(gained.unwrap_or(u64::MAX))
    });
    let at_most = all.get("rejected_bytes_at_most").and_then(Value::as_str);
    let at_most = at_most
        .and_then(|text| text.parse::<u128>().ok())
        .and_then(|bytes| bytes.checked_sub(regained.bytes_at_most));
    let unread =
        number(&all, "rejected_unread_lines").and_then(|lines| lines.checked_sub(regained.unread));
    let (Some(not_viewer), Some(at_most), Some(unread)) = (not_viewer, at_most, unread) else {
        return Err(damaged("have smaller bounds than the lines that are kept"));
    };
    all.insert("not_viewer_bytes".to_owned(), not_viewer.into());
    all.insert(
        "rejected_bytes_at_most".to_owned(),
        at_most.to_string().into(),
    );
    all.insert("rejected_unread_lines".to_owned(), unread.into());
    Ok(Value::Object(all).to_string())
}

/// Changes one count of a group; a count of 0 is left out. `None` where there is no such group, or
/// the count cannot be changed like that.
fn change(
    all: &mut Map<String, Value>,
    group: &str,
    name: &str,
    change: impl FnOnce(u64) -> Option<u64>,
) -> Option<()> {
    let group = all.get_mut(group)?.as_object_mut()?;
    let before = group.get(name).map_or(Some(0), Value::as_u64)?;
    match change(before)? {
        0 => drop(group.remove(name)),
        count => drop(group.insert(name.to_owned(), count.into())),
    }
    Some(())
}
