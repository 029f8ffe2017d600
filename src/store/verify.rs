//! Verifying: everything that the ledger promises is worked out again.

use std::collections::{BTreeMap, HashSet};

use rusqlite::Connection;

use super::astray::{self, Kind};
use super::close;
use super::error::StoreError;
use super::ledger::SegmentFile;
use super::scan::{Wanted, check, scan};
use super::{CLOSED, QUARANTINE, SEGMENTS, Store, ledger, limit};
use crate::disk::stop_at;
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
    /// The place in the store of the file or folder that it is about; `None` where it is about what the ledger
    /// says.
    pub place: Option<String>,
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
    /// The usage that counts, but for what is set aside ([`Store::set_aside`]).
    pub usage: Usage,
    /// What is wrong; nothing, in a good store.
    pub findings: Vec<Finding>,
    /// What in the folders of the store is not ours; it is left alone, and is in no figure.
    pub foreign: Vec<String>,
    /// The files in `lost+found/`, which count nowhere, and the bytes of each.
    pub lost: Vec<(String, u64)>,
}

impl Verification {
    fn find(&mut self, promise: &'static str, subject: impl Into<String>, problem: String) {
        self.findings.push(Finding {
            promise,
            subject: subject.into(),
            problem,
            place: None,
        });
    }

    /// The same, of what is at a place in the store.
    fn find_at(
        &mut self,
        place: String,
        promise: &'static str,
        subject: impl Into<String>,
        problem: String,
    ) {
        self.findings.push(Finding {
            promise,
            subject: subject.into(),
            problem,
            place: Some(place),
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
        "LINE-1",
        "SELECT 'content ' || id, rejected || ' lines were rejected, ' || by_reason || ' by reason'
        FROM (SELECT id, rejected, (SELECT coalesce(sum(value), 0)
            FROM json_each(content.counts, '$.rejected')) AS by_reason FROM content)
        WHERE rejected <> by_reason",
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
        "what grew counts with what it grew from",
        "SELECT 'content ' || own.id, 'it grew from content ' || parent.id || ', which was dropped'
        FROM content AS own JOIN content AS parent ON parent.id = own.parent
        WHERE own.dropped_by IS NULL AND parent.dropped_by IS NOT NULL",
    ),
];

/// The same, of ledgers that know copies.
const QUESTIONS_OF_COPIES: [(&str, &str); 1] = [(
    "a copy grows by itself",
    "SELECT 'content ' || own.id, 'it is of lineage ' || own.lineage || ', and grew from content '
        || parent.id || ' of lineage ' || parent.lineage
    FROM content AS own JOIN content AS parent ON parent.id = own.parent
    WHERE own.lineage <> parent.lineage",
)];

/// The same, of ledgers that keep contents without a name.
const QUESTIONS_OF_KEPT: [(&str, &str); 1] = [(
    "what is kept has no name",
    "SELECT 'content ' || content, 'it is kept for ' || kept.name || ', but was dropped or has a name'
    FROM kept JOIN content ON content.id = kept.content
    WHERE dropped_by IS NOT NULL OR content IN (SELECT content FROM source)",
)];

/// What makes contents count: that a name holds them or what grew from them, or that they are kept.
fn question_of_names(held: &str) -> String {
    format!(
        "WITH RECURSIVE held (id) AS (
            {held}
            UNION
            SELECT content.parent FROM content JOIN held ON content.id = held.id
            WHERE content.parent IS NOT NULL
        )
        SELECT 'content ' || id, 'it counts, but no source holds it' FROM content
        WHERE dropped_by IS NULL AND id NOT IN (SELECT id FROM held)"
    )
}

impl Store {
    /// Works out again all that the ledger promises.
    ///
    /// Errors: [`StoreError`] where the ledger cannot be read at all; what is wrong otherwise is in
    /// the findings.
    pub fn verify(&self) -> Result<Verification, StoreError> {
        loop {
            let before = self.newest_commit()?;
            let verification = self.verify_once()?;
            // What was rewritten meanwhile would seem lost.
            if verification.findings.is_empty() || self.newest_commit()? == before {
                return Ok(verification);
            }
        }
    }

    fn verify_once(&self) -> Result<Verification, StoreError> {
        let mut verification = Verification::default();
        let ledger = &self.lock_state().ledger;
        if let Some(problem) = ledger::unsound(ledger)? {
            verification.find("the ledger is sound", "ledger.sqlite", problem);
        }
        for (promise, question) in QUESTIONS {
            ask(ledger, promise, question, &mut verification)?;
        }
        if ledger::has_column(ledger, "content", "lineage")? {
            for (promise, question) in QUESTIONS_OF_COPIES {
                ask(ledger, promise, question, &mut verification)?;
            }
        }
        let mut held = "SELECT content FROM source".to_owned();
        if ledger::has_table(ledger, "kept")? {
            held += " UNION SELECT content FROM kept";
            for (promise, question) in QUESTIONS_OF_KEPT {
                ask(ledger, promise, question, &mut verification)?;
            }
        }
        let of_names = question_of_names(&held);
        ask(
            ledger,
            "what counts has a name",
            &of_names,
            &mut verification,
        )?;
        verification.contents = ledger::live(ledger)?.len() as u64;
        let published = limit::published(ledger)?;
        for aside in limit::set_aside(ledger)? {
            let problem = format!(
                "with its {} all that counts would be more than 2^63 - 1 B; it is in no figure; count \
                 its file anew with `cdn-meter ingest --recount`",
                aside.bytes
            );
            let name = aside.names.into_iter().next().unwrap_or_default();
            verification.find("what counts can be published", name, problem);
        }
        for segment in ledger::segments(ledger)? {
            self.verify_segment(ledger, &segment, &published, &mut verification)?;
        }
        self.verify_files(ledger, &mut verification)?;
        self.verify_quarantine(ledger, &mut verification)?;
        self.verify_closes(ledger, &mut verification)?;
        verification.lost = astray::lost(&self.root)?;
        Ok(verification)
    }

    fn verify_segment(
        &self,
        ledger: &Connection,
        segment: &SegmentFile,
        published: &HashSet<i64>,
        verification: &mut Verification,
    ) -> Result<(), StoreError> {
        let folder = self.root.join(SEGMENTS);
        verification.segments += 1;
        if let Err(error) = check(&folder, segment) {
            let place = format!("{SEGMENTS}/{}", segment.name);
            verification.find_at(place, "SEG-1", &segment.name, error.to_string());
            return Ok(());
        }
        let mut found: BTreeMap<i64, (u64, Usage)> = BTreeMap::new();
        let mut slots = (i64::MAX, i64::MIN);
        let scanned = scan(&folder, &segment.name, &Wanted::ALL, |row| {
            let Some(row) = row else { return Ok(()) };
            verification.rows += 1;
            if published.contains(&row.content) {
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
        if found != ledger::parts(ledger, segment.id)? || slots != segment.slots {
            let problem = "its rows are not what the ledger notes of them; restore ledger.sqlite \
                from a copy, or ingest the logs into a new store";
            verification.find("SUM-1", &segment.name, problem.to_owned());
        }
        Ok(())
    }

    /// What nobody names.
    fn verify_files(
        &self,
        ledger: &Connection,
        verification: &mut Verification,
    ) -> Result<(), StoreError> {
        let unnamed = astray::unnamed(&self.root, ledger)?;
        // Looked at after the listing: a writer that ended in between has made a commit.
        let is_written = self.is_written_by_another()?;
        for of in unnamed {
            let problem = match of.kind {
                Kind::Foreign => {
                    verification.foreign.push(of.place());
                    continue;
                }
                _ if is_written => continue,
                Kind::Unfinished => "no commit names it: the next `cdn-meter ingest` removes it",
                Kind::Finished(_) => {
                    "no commit names it: the next `cdn-meter ingest` moves it to lost+found"
                }
            };
            verification.find_at(of.place(), "SEG-1", of.place(), problem.to_owned());
        }
        Ok(())
    }

    /// That no more rejected lines are kept than were counted: fewer are, beyond the limit.
    fn verify_quarantine(
        &self,
        ledger: &Connection,
        verification: &mut Verification,
    ) -> Result<(), StoreError> {
        let sql = "SELECT content.id, quarantine.name, rejected FROM quarantine
            JOIN content ON content.id = quarantine.content";
        let mut statement = ledger.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        // All of them before a file is read: a question that is open keeps writers from committing.
        let rows: Vec<(i64, String, i64)> = rows.collect::<Result<_, _>>()?;
        drop(statement);
        for (content, name, rejected) in rows {
            stop_at("verify.quarantine");
            let kept = match self.lines_in_quarantine(ledger, &name) {
                Ok(kept) => kept,
                Err(error) => {
                    let place = format!("{QUARANTINE}/{name}");
                    verification.find_at(place.clone(), "LINE-1", place, error.to_string());
                    continue;
                }
            };
            if rejected.cast_unsigned() < kept {
                let problem = format!("{kept} rejected lines are kept, {rejected} were counted");
                verification.find("LINE-1", format!("content {content}"), problem);
            }
        }
        Ok(())
    }

    /// The chain of closes, and the files of closed months.
    fn verify_closes(
        &self,
        ledger: &Connection,
        verification: &mut Verification,
    ) -> Result<(), StoreError> {
        const PROMISE: &str = "a closed month stays as it is";
        let mut previous = None;
        for close in close::closes(ledger)? {
            let subject = format!("close of {}", close.terms.month);
            if close.previous != previous || close.digest != close.digest_of_statement() {
                let problem = "the ledger was altered: its facts do not have its digest, or it does \
                    not name the close before; restore the ledger from a copy";
                verification.find(PROMISE, &subject, problem.to_owned());
            }
            for damage in close::damages_of(&self.root, &close) {
                let place = format!("{CLOSED}/{}", close.terms.month);
                verification.find_at(place, PROMISE, &subject, damage.to_string());
            }
            previous = Some(close.digest);
        }
        Ok(())
    }
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
