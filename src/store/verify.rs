//! Verifying: everything that the ledger promises is worked out again.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::ledger::SegmentFile;
use super::scan::{Wanted, check, scan};
use super::{QUARANTINE, SEGMENTS, Store, durable, ledger};
use crate::meter::Usage;

/// Something that is not as the ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant or promise.
    pub promise: &'static str,
    /// Whose.
    pub subject: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// The outcome of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Segments that were read.
    pub segments: u64,
    /// Contents that count.
    pub contents: u64,
    /// Rows that were added up.
    pub rows: u64,
    /// The usage that counts.
    pub usage: Usage,
    /// What is wrong; nothing, in a good store.
    pub findings: Vec<Finding>,
}

impl Verification {
    fn find(&mut self, promise: &'static str, subject: impl Into<String>, problem: String) {
        self.findings.push(Finding {
            promise,
            subject: subject.into(),
            problem,
        });
    }
}

/// Promises that one question to the ledger can refute: name, question for (subject, problem).
const QUESTIONS: [(&str, &str); 6] = [
    (
        "LINE-1",
        "SELECT 'content ' || id, lines || ' lines read, ' || metered || ' + ' || skipped || ' + '
            || rejected || ' accounted for'
        FROM content WHERE lines <> metered + skipped + rejected",
    ),
    (
        "SPAN-1",
        "SELECT 'content ' || own.id, 'its lines start at ' || own.from_offset
            || ', what it grew from ends at ' || coalesce(parent.length, 0)
        FROM content AS own LEFT JOIN content AS parent ON parent.id = own.parent
        WHERE own.from_offset <> coalesce(parent.length, 0)",
    ),
    (
        "SUM-1",
        "SELECT 'content ' || content.id, content.bytes || ' bytes of ' || metered
            || ' lines were read, its rows hold ' || coalesce(sum(part.bytes), 0) || ' of '
            || coalesce(sum(part.requests), 0)
        FROM content LEFT JOIN part ON part.content = content.id
        WHERE content.dropped_by IS NULL
        GROUP BY content.id
        HAVING content.bytes <> coalesce(sum(part.bytes), 0)
            OR content.metered <> coalesce(sum(part.requests), 0)",
    ),
    (
        "a dropped content counts no more",
        "SELECT 'source ' || name, 'it holds content ' || content || ', which was dropped'
        FROM source JOIN content ON content.id = source.content
        WHERE content.dropped_by IS NOT NULL",
    ),
    (
        "what counts has a name",
        "WITH RECURSIVE held (id) AS (
            SELECT content FROM source
            UNION
            SELECT content.parent FROM content JOIN held ON content.id = held.id
            WHERE content.parent IS NOT NULL
        )
        SELECT 'content ' || id, 'it counts, but no source holds it' FROM content
        WHERE dropped_by IS NULL AND id NOT IN (SELECT id FROM held)",
    ),
    (
        "what grew counts with what it grew from",
        "SELECT 'content ' || own.id, 'it grew from content ' || parent.id || ', which was dropped'
        FROM content AS own JOIN content AS parent ON parent.id = own.parent
        WHERE own.dropped_by IS NULL AND parent.dropped_by IS NOT NULL",
    ),
];

impl Store {
    /// Works out again all that the ledger promises.
    ///
    /// Errors: [`StoreError`] where the ledger cannot be read at all; what is wrong otherwise is in
    /// the findings.
    pub fn verify(&self) -> Result<Verification, StoreError> {
        let mut verification = Verification::default();
        let ledger = &self.lock_state().ledger;
        if let Some(problem) = ledger::unsound(ledger)? {
            verification.find("the ledger is sound", "ledger.sqlite", problem);
        }
        for (promise, question) in QUESTIONS {
            ask(ledger, promise, question, &mut verification)?;
        }
        let live = ledger::live(ledger)?;
        verification.contents = live.len() as u64;
        for segment in ledger::segments(ledger)? {
            self.verify_segment(ledger, &segment, &live, &mut verification)?;
        }
        self.verify_files(ledger, &mut verification)?;
        Ok(verification)
    }

    fn verify_segment(
        &self,
        ledger: &Connection,
        segment: &SegmentFile,
        live: &HashSet<i64>,
        verification: &mut Verification,
    ) -> Result<(), StoreError> {
        let folder = self.root.join(SEGMENTS);
        verification.segments += 1;
        if let Err(error) = check(&folder, segment) {
            verification.find("SEG-1", &segment.name, error.to_string());
            return Ok(());
        }
        let mut found: BTreeMap<i64, (u64, Usage)> = BTreeMap::new();
        let mut slots = (i64::MAX, i64::MIN);
        let all = Wanted {
            slots: 0..u32::MAX,
            domain: None,
        };
        let scanned = scan(&folder, &segment.name, &all, |row| {
            let Some(row) = row else { return Ok(()) };
            verification.rows += 1;
            if live.contains(&row.content) {
                verification.usage.add_tally(&row.tally)?;
            }
            let slot = i64::from(row.tally.cell.slot_index());
            slots = (slots.0.min(slot), slots.1.max(slot));
            let (rows, usage) = found.entry(row.content).or_default();
            *rows += 1;
            Ok(usage.add_tally(&row.tally)?)
        });
        if let Err(error) = scanned {
            verification.find("SUM-1", &segment.name, error.to_string());
            return Ok(());
        }
        if found != parts(ledger, segment.id)? || slots != segment.slots {
            let problem = "its rows are not what the ledger notes of them; restore ledger.sqlite \
                from a copy, or ingest the logs into a new store";
            verification.find("SUM-1", &segment.name, problem.to_owned());
        }
        Ok(())
    }

    /// Files that nobody names, and names without a file.
    fn verify_files(
        &self,
        ledger: &Connection,
        verification: &mut Verification,
    ) -> Result<(), StoreError> {
        for (folder, table) in [(SEGMENTS, "segment"), (QUARANTINE, "quarantine")] {
            let named = ledger::file_names(ledger, table)?;
            let there: HashSet<String> = durable::names_in(&self.root.join(folder))?
                .into_iter()
                .collect();
            for name in there.difference(&named) {
                let problem = "no commit names it: the next `cdn-meter ingest` removes it";
                verification.find("SEG-1", format!("{folder}/{name}"), problem.to_owned());
            }
            if table == "quarantine" {
                for name in named.difference(&there) {
                    let problem = "it is missing; its lines are counted as rejected all the same";
                    verification.find("LINE-1", format!("{folder}/{name}"), problem.to_owned());
                }
            }
        }
        Ok(())
    }
}

fn parts(ledger: &Connection, segment: i64) -> Result<BTreeMap<i64, (u64, Usage)>, StoreError> {
    let sql = "SELECT content, row_count, bytes, requests, error_bytes, error_requests,
            doubtful_requests FROM part WHERE segment = ?1";
    let mut statement = ledger.prepare_cached(sql)?;
    let parts = statement.query_map(params![segment], |row| {
        let count = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let usage = Usage {
            bytes: crate::units::Bytes::new(count(2)?),
            requests: count(3)?,
            error_bytes: crate::units::Bytes::new(count(4)?),
            error_requests: count(5)?,
            doubtful_requests: count(6)?,
        };
        Ok((row.get(0)?, (count(1)?, usage)))
    })?;
    Ok(parts.collect::<Result<_, _>>()?)
}

/// Adds what a question finds.
fn ask(
    ledger: &Connection,
    promise: &'static str,
    question: &str,
    verification: &mut Verification,
) -> Result<(), StoreError> {
    let mut statement = ledger.prepare(question)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (subject, problem): (String, String) = (row.get(0)?, row.get(1)?);
        verification.find(promise, subject, problem);
    }
    Ok(())
}
