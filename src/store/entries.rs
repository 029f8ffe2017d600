//! What a commit writes into the ledger.

use rusqlite::{Connection, params};

use super::change::Change;
use super::delivery::{Ancestry, Delivery, Parts, Reading};
use super::error::{StoreError, int64};
use super::identify::SHARED;
use super::ledger::{self, digest_bytes};
use super::segment::Written;
use super::succession::{release, slots_of};
use crate::meter::Counts;
use crate::record::{Doubt, Reject, Skip};
use crate::source::Digest;
use crate::units::invariant;

pub(super) fn put_content(
    ledger: &Connection,
    delivery: &Delivery<'_>,
    ancestry: &Ancestry<'_>,
    reading: &Reading,
    commit: i64,
) -> Result<i64, StoreError> {
    let (content, counts) = (delivery.content, &reading.counts);
    let slots = slots_of(&reading.rows);
    let id = ledger::next_content(ledger)?;
    let lineage = match (ancestry.copy_of, ancestry.grown_from()) {
        _ if let Some(lineage) = ancestry.lineage => lineage,
        (Some(_), _) => id,
        (None, Some(start)) => ledger::content(ledger, start)?.lineage,
        (None, None) => SHARED,
    };
    let sql = "INSERT INTO content (parent, from_offset, length, digest, chunks, opening, first_line,
            is_whole_lines, format, bytes_in, lines, metered, skipped, rejected, bytes, counts,
            commit_id, id, lineage, slot_from, slot_to)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
            ?20, ?21)";
    ledger.prepare_cached(sql)?.execute(params![
        ancestry.parent,
        int64(ancestry.from)?,
        int64(content.length)?,
        content.digest.to_bytes(),
        digest_bytes(&content.chunks),
        digest_bytes(&content.opening.hashes),
        content.opening.first.map(Digest::to_bytes),
        content.is_whole_lines,
        reading.format,
        reading.bytes_in,
        int64(counts.lines)?,
        int64(counts.metered)?,
        int64(counts.skipped_total())?,
        int64(counts.rejected_total())?,
        int64(counts.bytes.as_u64())?,
        counts_json(counts),
        commit,
        id,
        lineage,
        slots.as_ref().map(|slots| slots.start()),
        slots.as_ref().map(|slots| slots.end()),
    ])?;
    if let Some(parent) = ancestry.parent {
        release(ledger, parent)?;
    }
    Ok(id)
}

/// Counts by reason.
pub(super) fn counts_json(counts: &Counts) -> String {
    let named = |names: &[&'static str], counts: &[u64]| -> serde_json::Map<_, _> {
        let present = names.iter().zip(counts).filter(|(_, count)| **count != 0);
        present
            .map(|(name, count)| ((*name).to_owned(), serde_json::Value::from(*count)))
            .collect()
    };
    let text = serde_json::json!({
        "skipped": named(&Skip::NAMES, &counts.skipped),
        "rejected": named(&Reject::ALL.map(Reject::name), &counts.rejected),
        "doubts": named(&Doubt::ALL.map(Doubt::name), &counts.doubts),
        // As a number: a file with more is refused.
        "not_viewer_bytes": u64::try_from(counts.not_viewer_bytes).unwrap_or(u64::MAX),
        // As text: it may be wider than what readers of JSON hold.
        "rejected_bytes_at_most": counts.rejected_bytes.to_string(),
        "rejected_unread_lines": counts.rejected_unread,
    });
    text.to_string()
}

pub(super) fn put_source(
    ledger: &Connection,
    delivery: &Delivery<'_>,
    content: i64,
    commit: i64,
    change: &Change,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO source (name, content, compression, stamp, commit_id)
        VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (name) DO UPDATE SET content = excluded.content,
            compression = excluded.compression, stamp = excluded.stamp, commit_id = excluded.commit_id";
    let Delivery {
        name,
        stamp,
        compression,
        ..
    } = delivery;
    ledger
        .prepare_cached(sql)?
        .execute(params![name, content, compression, stamp, commit])?;
    match change {
        Change::Unchanged => Ok(()),
        change => note(ledger, commit, name, Some(content), change.name()),
    }
}

pub(super) fn note(
    ledger: &Connection,
    commit: i64,
    name: &str,
    content: Option<i64>,
    change: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO history (commit_id, name, content, change) VALUES (?1, ?2, ?3, ?4)";
    let mut statement = ledger.prepare_cached(sql)?;
    statement.execute(params![commit, name, content, change])?;
    Ok(())
}

pub(super) fn put_segments(
    ledger: &Connection,
    commit: i64,
    segments: &[(Written, Parts)],
    contents: &[i64],
) -> Result<(), StoreError> {
    let segment_sql =
        "INSERT INTO segment (name, file_bytes, sha256, row_count, slot_from, slot_to, commit_id)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let part_sql = "INSERT INTO part (segment, content, row_count, bytes, requests, error_bytes,
            error_requests, doubtful_requests) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    for (written, parts) in segments {
        ledger.prepare_cached(segment_sql)?.execute(params![
            written.name,
            int64(written.file_bytes)?,
            written.sha256,
            int64(written.rows)?,
            written.slots.start,
            written.slots.end - 1,
            commit,
        ])?;
        let segment = ledger.last_insert_rowid();
        for (place, (usage, rows)) in parts {
            ledger.prepare_cached(part_sql)?.execute(params![
                segment,
                contents[*place as usize],
                int64(*rows)?,
                int64(usage.bytes.as_u64())?,
                int64(usage.requests)?,
                int64(usage.error_bytes.as_u64())?,
                int64(usage.error_requests)?,
                int64(usage.doubtful_requests)?,
            ])?;
        }
    }
    Ok(())
}

/// `SUM-1`, once more from what the transaction is about to make true.
pub(super) fn check_sums(ledger: &Connection, commit: i64) -> Result<(), StoreError> {
    // A content of an earlier commit has new rows where rejected lines of it were retried.
    let sql = "WITH touched (id) AS (
            SELECT id FROM content WHERE commit_id = ?1
            UNION
            SELECT part.content FROM part JOIN segment ON segment.id = part.segment
            WHERE segment.commit_id = ?1
        )
        SELECT content.id, content.bytes, content.metered,
            coalesce(sum(part.bytes), 0), coalesce(sum(part.requests), 0)
        FROM content LEFT JOIN part ON part.content = content.id
        WHERE content.id IN (SELECT id FROM touched) GROUP BY content.id
        HAVING content.bytes <> coalesce(sum(part.bytes), 0)
            OR content.metered <> coalesce(sum(part.requests), 0)";
    let mut statement = ledger.prepare_cached(sql)?;
    let mut rows = statement.query([commit])?;
    if let Some(row) = rows.next()? {
        let pair = |at| -> rusqlite::Result<(i64, i64)> { Ok((row.get(at)?, row.get(at + 1)?)) };
        invariant::totals_agree("bytes and lines of a content", pair(1)?, pair(3)?)?;
    }
    Ok(())
}
