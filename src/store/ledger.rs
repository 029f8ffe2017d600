//! The questions that are asked of the ledger's tables.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::StoreError;
use super::identify::Known;
use super::{CLOSED, QUARANTINE, SEGMENTS};
use crate::meter::{Fates, Usage};
use crate::source::{Content, Digest, OPENING_BYTES, Opening, Seed};
use crate::units::Bytes;

pub(super) fn seed(ledger: &Connection) -> Result<Seed, StoreError> {
    let seed: i64 = ledger.query_row("SELECT seed FROM store", [], |row| row.get(0))?;
    Ok(Seed(seed.cast_unsigned()))
}

/// Whether the ledger's schema has a table: one that is read may be older than this program.
pub(super) fn has_table(ledger: &Connection, name: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
    Ok(ledger.query_row(sql, [name], |row| row.get(0))?)
}

/// Whether a table of the ledger has a column: one that is read may be older than this program.
pub(super) fn has_column(ledger: &Connection, table: &str, name: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2)";
    Ok(ledger.query_row(sql, [table, name], |row| row.get(0))?)
}

/// What the ledger names in each folder of the store.
pub(super) fn named(
    ledger: &Connection,
) -> Result<[(&'static str, HashSet<String>); 3], StoreError> {
    let names = |table: &str, column: &str| -> Result<HashSet<String>, StoreError> {
        if !has_table(ledger, table)? {
            return Ok(HashSet::new());
        }
        let mut statement = ledger.prepare(&format!("SELECT {column} FROM {table}"))?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    };
    Ok([
        (SEGMENTS, names("segment", "name")?),
        (QUARANTINE, names("quarantine", "name")?),
        (CLOSED, names("close", "month")?),
    ])
}

/// What the ledger notes of a segment's file.
#[derive(Debug)]
pub(super) struct SegmentFile {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) sha256: Vec<u8>,
    pub(super) bytes: u64,
    /// Numbers of its first slot and its last.
    pub(super) slots: (i64, i64),
    /// Its rows.
    pub(super) rows: usize,
    /// The newest commit of its rows.
    pub(super) commit: i64,
}

impl SegmentFile {
    /// Whether it has rows in `slots`.
    fn is_in(&self, slots: &Range<u32>) -> bool {
        self.slots.0 < i64::from(slots.end) && i64::from(slots.start) <= self.slots.1
    }
}

/// The segments that hold rows of `slots`, in the order in which they were written.
pub(super) fn segments_in(
    ledger: &Connection,
    slots: &Range<u32>,
) -> Result<Vec<SegmentFile>, StoreError> {
    let mut segments = segments(ledger)?;
    segments.retain(|segment| segment.is_in(slots));
    Ok(segments)
}

/// The segments, in the order in which they were written.
pub(super) fn segments(ledger: &Connection) -> Result<Vec<SegmentFile>, StoreError> {
    let sql = "SELECT id, name, sha256, file_bytes, slot_from, slot_to, row_count, commit_id
        FROM segment ORDER BY id";
    let mut statement = ledger.prepare_cached(sql)?;
    let segments = statement.query_map([], |row| {
        Ok(SegmentFile {
            id: row.get(0)?,
            name: row.get(1)?,
            sha256: row.get(2)?,
            bytes: row.get::<_, i64>(3)?.cast_unsigned(),
            slots: (row.get(4)?, row.get(5)?),
            rows: usize::try_from(row.get::<_, i64>(6)?).unwrap_or(usize::MAX),
            commit: row.get(7)?,
        })
    })?;
    Ok(segments.collect::<Result<_, _>>()?)
}

/// The segments that hold rows of a content.
pub(super) fn segments_of(
    ledger: &Connection,
    content: i64,
) -> Result<Vec<SegmentFile>, StoreError> {
    let sql = "SELECT segment FROM part WHERE content = ?1";
    let mut statement = ledger.prepare_cached(sql)?;
    let wanted = statement.query_map([content], |row| row.get(0))?;
    let wanted = wanted.collect::<Result<HashSet<i64>, _>>()?;
    let mut segments = segments(ledger)?;
    segments.retain(|segment| wanted.contains(&segment.id));
    Ok(segments)
}

/// The newest commit, which every change of what counts makes; 0 where there is none.
pub(super) fn newest_commit(ledger: &Connection) -> Result<i64, StoreError> {
    let newest = "SELECT coalesce(max(id), 0) FROM commits";
    Ok(ledger.query_row(newest, [], |row| row.get(0))?)
}

/// What SQLite finds wrong in the ledger's file.
pub(super) fn unsound(ledger: &Connection) -> Result<Option<String>, StoreError> {
    let found: String = ledger.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

/// The contents that count.
pub(super) fn live(ledger: &Connection) -> Result<HashSet<i64>, StoreError> {
    let mut statement = ledger.prepare_cached("SELECT id FROM content WHERE dropped_by IS NULL")?;
    let live = statement.query_map([], |row| row.get(0))?;
    Ok(live.collect::<Result<_, _>>()?)
}

/// The stamp of a source, if it has one that proves something.
pub(super) fn stamp(ledger: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    let mut statement = ledger.prepare_cached("SELECT stamp FROM source WHERE name = ?1")?;
    let stamp = statement.query_row([name], |row| row.get(0)).optional()?;
    Ok(stamp.flatten())
}

const CONTENT_COLUMNS: &str = "id, length, digest, chunks, opening, is_whole_lines, lineage, \
    first_line";

/// The contents with this first line, and those that it does not tell: they were cut before their
/// first line ended, or that one ends behind where openings look, as behind a hole.
pub(super) fn contents_opening_with(
    ledger: &Connection,
    opening: &Opening,
) -> Result<Vec<Known>, StoreError> {
    let mut statement = ledger.prepare_cached(&opening_sql())?;
    let known = statement.query_map([opening.first.map(Digest::to_bytes)], known)?;
    let mut known = known.collect::<Result<Vec<_>, _>>()?;
    known.sort_unstable_by_key(|known| known.id);
    Ok(known)
}

/// Asked for every file: it must not look at all contents, so it is two questions to the index.
fn opening_sql() -> String {
    format!(
        "SELECT {CONTENT_COLUMNS} FROM content WHERE first_line = ?1 AND dropped_by IS NULL
        UNION ALL
        SELECT {CONTENT_COLUMNS} FROM content
        WHERE first_line IS NULL AND (is_whole_lines = 0 OR length > {OPENING_BYTES})
            AND dropped_by IS NULL"
    )
}

/// The contents with this digest and length: one, and its copies that count apart.
pub(super) fn contents_like(
    ledger: &Connection,
    content: &Content,
) -> Result<Vec<Known>, StoreError> {
    let sql = format!(
        "SELECT {CONTENT_COLUMNS} FROM content WHERE digest = ?1 AND length = ?2 AND dropped_by IS NULL"
    );
    let mut statement = ledger.prepare_cached(&sql)?;
    let length = super::error::int64(content.length)?;
    let found = statement.query_map(params![content.digest.to_bytes(), length], known)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    Ok(Known {
        id: row.get(0)?,
        content: Content {
            length: row.get::<_, i64>(1)?.cast_unsigned(),
            digest: Digest::from_bytes(row.get(2)?),
            chunks: digests(&row.get::<_, Vec<u8>>(3)?),
            opening: Opening {
                first: row.get::<_, Option<_>>(7)?.map(Digest::from_bytes),
                hashes: digests(&row.get::<_, Vec<u8>>(4)?),
            },
            is_whole_lines: row.get(5)?,
        },
        lineage: row.get(6)?,
    })
}

fn digests(bytes: &[u8]) -> Vec<Digest> {
    let (digests, _) = bytes.as_chunks::<16>();
    digests.iter().copied().map(Digest::from_bytes).collect()
}

/// Digests as the ledger keeps them.
pub(super) fn digest_bytes(digests: &[Digest]) -> Vec<u8> {
    let bytes = digests.iter().flat_map(|digest| digest.to_bytes());
    bytes.collect()
}

/// The content `id`.
pub(super) fn content(ledger: &Connection, id: i64) -> Result<Known, StoreError> {
    let sql = format!("SELECT {CONTENT_COLUMNS} FROM content WHERE id = ?1");
    Ok(ledger.prepare_cached(&sql)?.query_row([id], known)?)
}

/// The number that the next content has.
pub(super) fn next_content(ledger: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(max(id), 0) + 1 FROM content";
    Ok(ledger
        .prepare_cached(sql)?
        .query_row([], |row| row.get(0))?)
}

/// The content that a name holds.
pub(super) fn held_by(ledger: &Connection, name: &str) -> Result<Option<i64>, StoreError> {
    let mut statement = ledger.prepare_cached("SELECT content FROM source WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

/// The names that hold a content, but for one.
pub(super) fn holders(
    ledger: &Connection,
    content: i64,
    but: &str,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM source WHERE content = ?1 AND name <> ?2 ORDER BY name";
    let mut statement = ledger.prepare_cached(sql)?;
    let names = statement.query_map(params![content, but], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// The names that hold a content, or what grew from it and counts, or for which these are kept.
pub(super) fn names_of(ledger: &Connection, content: i64) -> Result<Vec<String>, StoreError> {
    let kept = match has_table(ledger, "kept")? {
        true => "UNION SELECT name FROM kept WHERE content IN (SELECT id FROM grown)",
        false => "",
    };
    let sql = format!(
        "WITH RECURSIVE grown (id) AS (
            SELECT ?1
            UNION
            SELECT content.id FROM content JOIN grown ON content.parent = grown.id
            WHERE content.dropped_by IS NULL
        ) SELECT name FROM source WHERE content IN (SELECT id FROM grown) {kept} ORDER BY name"
    );
    let mut statement = ledger.prepare_cached(&sql)?;
    let names = statement.query_map([content], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// Downstream bytes of a content, those before its own lines included; at most 2⁶⁴ − 1 are told.
pub(super) fn bytes_of(ledger: &Connection, content: i64) -> Result<u64, StoreError> {
    let sql = "WITH RECURSIVE line (id, parent, bytes) AS (
            SELECT id, parent, bytes FROM content WHERE id = ?1
            UNION ALL
            SELECT content.id, content.parent, content.bytes
            FROM content JOIN line ON content.id = line.parent
        ) SELECT bytes FROM line";
    let mut statement = ledger.prepare_cached(sql)?;
    let mut rows = statement.query([content])?;
    let mut bytes = 0u64;
    while let Some(row) = rows.next()? {
        bytes = bytes.saturating_add(row.get::<_, i64>(0)?.cast_unsigned());
    }
    Ok(bytes)
}

/// The rows of a content and of all that it grew from, by fate.
pub(super) fn fates_of(ledger: &Connection, content: i64) -> Result<Fates, StoreError> {
    let sql = "WITH RECURSIVE line (id, parent) AS (
            SELECT id, parent FROM content WHERE id = ?1
            UNION ALL
            SELECT content.id, content.parent FROM content JOIN line ON content.id = line.parent
        ) SELECT sum(metered), sum(rejected), sum(coalesce(counts -> 'skipped' ->> 'not-viewer', 0))
        FROM content JOIN line ON content.id = line.id";
    let mut statement = ledger.prepare_cached(sql)?;
    Ok(statement.query_row([content], |row| {
        let count = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        Ok(Fates {
            metered: count(0)?,
            rejected: count(1)?,
            not_viewer: count(2)?,
        })
    })?)
}

/// Downstream bytes of a content's own lines.
pub(super) fn own_bytes(ledger: &Connection, content: i64) -> Result<Bytes, StoreError> {
    let mut statement = ledger.prepare_cached("SELECT bytes FROM content WHERE id = ?1")?;
    let bytes: i64 = statement.query_row([content], |row| row.get(0))?;
    Ok(Bytes::new(bytes.cast_unsigned()))
}

/// Rows and usage of every content that a segment holds rows of.
pub(super) fn parts(
    ledger: &Connection,
    segment: i64,
) -> Result<BTreeMap<i64, (u64, Usage)>, StoreError> {
    let sql = "SELECT content, row_count, bytes, requests, error_bytes, error_requests,
            doubtful_requests FROM part WHERE segment = ?1";
    let mut statement = ledger.prepare_cached(sql)?;
    let parts = statement.query_map(params![segment], |row| {
        let count = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let usage = Usage {
            bytes: Bytes::new(count(2)?),
            requests: count(3)?,
            error_bytes: Bytes::new(count(4)?),
            error_requests: count(5)?,
            doubtful_requests: count(6)?,
        };
        Ok((row.get(0)?, (count(1)?, usage)))
    })?;
    Ok(parts.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_for_a_known_start_does_not_look_at_all_contents() {
        let ledger = Connection::open_in_memory().expect("a ledger");
        for step in super::super::open::MIGRATIONS {
            ledger.execute_batch(step).expect("the schema");
        }
        let sql = format!("EXPLAIN QUERY PLAN {}", opening_sql());
        let mut plan = ledger.prepare(&sql).expect("a question");
        let steps = plan.query_map([[0; 16]], |row| row.get::<_, String>(3));
        let steps: Vec<String> = steps
            .expect("a plan")
            .map(|step| step.expect("text"))
            .collect();
        let of_content = steps.iter().filter(|step| step.contains("content"));
        let of_content: Vec<_> = of_content.collect();
        assert_eq!(of_content.len(), 2, "{steps:?}");
        for step in of_content {
            assert!(step.contains("USING INDEX content_by_first_line"), "{step}");
        }
    }
}
