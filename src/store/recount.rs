//! Counting anew: the lines of contents that count are given other fates, on request and in one commit.
//!
//! A file that is read by another layout, or for another domain, still holds what it held. So its
//! content gets a successor: a content of the same digest, span and lineage, with other counts and rows,
//! which every name that holds it holds from then on, and from which everything grew that grew from it.
//! The content itself counts no more. The history notes `recounted` for all of these names.
//!
//! What a file grew from is a part of it, and is counted anew with it: as a part of its own if another
//! name holds that, or something else grew from it, and else as the beginning of the file. So no line
//! counts twice or is lost, whichever of the files that share it is named. After that, what no name held
//! any more is not known any more: a file that brings it back is refused as the start of this one.
//!
//! A closed month is not touched: what it was frozen with and what counts now differ, which is what
//! adjustments and corrections are made of, as for any late line.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rusqlite::{Connection, params};

use super::against::{Cells, sum_cells};
use super::change::{Change, RECOUNTED, SALVAGED};
use super::commit::{hold, supersede};
use super::delivery::{Ancestry, Delivery, Reading, Unsure};
use super::entries::{counts_json, note, put_content, put_source};
use super::error::StoreError;
use super::identify::{Known, begins_with, is_same, lineages};
use super::scan::{Wanted, scan_sound};
use super::succession::{Succession, keep, kept_for};
use super::{SEGMENTS, Store, ledger};
use crate::meter::{Domains, UsageRow};
use crate::source::{Content, Digest};
use crate::units::{Bytes, Span};

/// How a file is to be counted anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recount {
    /// Its parts that become a content each, in order; none where all of it was counted anew already.
    pub parts: Vec<RecountPart>,
    /// What stands before the first part.
    parent: Option<i64>,
    /// The contents that count no more then.
    retired: Vec<i64>,
    /// Contents that it begins with but for their unfinished last line.
    supersedes: Vec<i64>,
    lineage: i64,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecountPart {
    /// Where its lines stand.
    pub span: Span,
    /// The content that it ends, if that is known: all up to there.
    pub known: Option<Known>,
}

/// What became of a file that was to be counted anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anew {
    /// It counts.
    Counts(Recounted),
    /// All that counts would pass [`Bytes::SUM_MAX`] with it: nothing was noted of it.
    OverLimit,
    /// It may be a newer version of what its name holds, or a file that was moved over that: nothing was noted.
    Unsure(Unsure),
}

/// What was counted anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recounted {
    /// What that changed.
    pub change: Change,
    /// The contents that count from then on.
    pub contents: Vec<i64>,
}

impl Store {
    /// How a file that holds `content`, read with `marks`, is to be counted anew; `None` where the store
    /// counts nothing of it. Contents in `done` were counted anew already.
    ///
    /// Errors: [`StoreError`].
    pub fn recount_of(
        &self,
        name: &str,
        content: &Content,
        marks: &[(u64, Digest)],
        done: &HashSet<i64>,
    ) -> Result<Option<Recount>, StoreError> {
        let ledger = &self.lock_state().ledger;
        let mut known = ledger::contents_opening_with(ledger, &content.opening)?;
        known.extend(ledger::contents_like(ledger, content)?);
        known.sort_unstable_by_key(|known| known.id);
        known.dedup_by_key(|known| known.id);
        let own = ledger::held_by(ledger, name)?;
        let own = own.map(|own| ledger::content(ledger, own)).transpose()?;
        for lineage in lineages(&known, own.as_ref().map(|own| own.lineage)) {
            let of = known.iter().filter(|known| known.lineage == lineage);
            let same = of.clone().find(|known| is_same(content, &known.content));
            let begun =
                of.filter(|known| begins_with(content, marks, &known.content) == Some(true));
            let begun: Vec<Known> = begun.cloned().collect();
            // What is to become of what the name held is for an ingest to decide.
            let is_start = |own: &Known| begun.iter().any(|known| known.id == own.id);
            if same.is_none() && own.as_ref().is_some_and(|own| !is_start(own)) {
                return Ok(None);
            }
            if same.is_some() || !begun.is_empty() {
                let plan = plan(ledger, name, (begun, same.cloned()), content, done)?;
                return Ok(Some(Recount { lineage, ..plan }));
            }
        }
        Ok(None)
    }

    /// Counts a file anew by the readings of its parts, all of it or nothing. Nothing changes where they are as they
    /// were.
    ///
    /// Errors: [`StoreError`]; the run must not go on.
    pub fn count_anew(
        &self,
        delivery: Delivery<'_>,
        recount: &Recount,
        readings: Vec<Reading>,
        domains: &Domains,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<Anew, StoreError> {
        let state = &mut *self.lock_state();
        let is_as_it_was = self.counts_like(&state.ledger, recount, &readings, domains)?;
        let commit = state.commit()?;
        let known = recount.parts.last().and_then(|part| part.known.as_ref());
        let replaced = match known {
            Some(same) => match self.succession_of_known(state, delivery, same.id)? {
                Succession::Replaces(replaced) => replaced,
                Succession::Unsure(unsure) => return Ok(Anew::Unsure(unsure)),
            },
            None => Vec::new(),
        };
        state.set_mark()?;
        let commits = (commit, state.pending.first(commit));
        let ledger = &state.ledger;
        let held = match known {
            Some(same) => {
                let known = (same.id, &replaced[..]);
                Some(hold(ledger, delivery, known, commits, is_there)?)
            }
            None => None,
        };
        if is_as_it_was {
            state.drop_mark()?;
            return Ok(Anew::Counts(Recounted {
                change: held.unwrap_or(Change::Unchanged),
                contents: Vec::new(),
            }));
        }
        let (change, contents) = put_anew(ledger, delivery, recount, &readings, commits)?;
        let bytes = readings.iter().try_fold(Bytes::ZERO, |sum, reading| {
            sum.checked_add(reading.counts.bytes)
        });
        let bytes = bytes.unwrap_or(Bytes::new(u64::MAX));
        if !state.keeps_to_limit(&contents, bytes)? {
            return Ok(Anew::OverLimit);
        }
        for (id, reading) in contents.iter().zip(readings) {
            if let Some(rejects) = &reading.rejects {
                self.keep_rejects(&state.ledger, commit, *id, rejects)?;
            }
            state.pending.add(*id, reading.rows);
        }
        self.flush_if_due(state, domains)?;
        Ok(Anew::Counts(Recounted { change, contents }))
    }

    /// Whether the readings found what is counted of the same parts already.
    fn counts_like(
        &self,
        ledger: &Connection,
        recount: &Recount,
        readings: &[Reading],
        domains: &Domains,
    ) -> Result<bool, StoreError> {
        let known = recount.parts.iter().map(|part| part.known.as_ref());
        let Some(known) = known.collect::<Option<Vec<_>>>() else {
            return Ok(false);
        };
        if !recount.supersedes.is_empty() || known.len() != recount.retired.len() {
            return Ok(false);
        }
        let sql = "SELECT format IS ?2 AND bytes_in IS ?3 AND lines = ?4 AND metered = ?5
                AND bytes = ?6 AND counts = ?7 FROM content WHERE id = ?1";
        for (known, reading) in known.iter().zip(readings) {
            let counts = &reading.counts;
            let parameters = params![
                known.id,
                reading.format,
                reading.bytes_in,
                counts.lines.cast_signed(),
                counts.metered.cast_signed(),
                counts.bytes.as_u64().cast_signed(),
                counts_json(counts),
            ];
            let is_alike: bool = ledger.query_row(sql, parameters, |row| row.get(0))?;
            if !is_alike
                || self.cells_of(ledger, known.id)?
                    != sum_cells(reading.rows.iter(), &domains.names())?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The usage of a content's own lines.
    fn cells_of(&self, ledger: &Connection, content: i64) -> Result<Cells, StoreError> {
        let (domains, mut rows) = (Domains::of_store(), Vec::new());
        for segment in ledger::segments_of(ledger, content)? {
            scan_sound(&self.root.join(SEGMENTS), &segment, &Wanted::ALL, |row| {
                if let Some(row) = row.filter(|row| row.content == content) {
                    let domain = domains.intern(row.domain)?;
                    let tally = row.tally;
                    rows.push(UsageRow { tally, domain });
                }
                Ok(())
            })?;
        }
        sum_cells(rows.iter(), &domains.names())
    }
}

/// Cuts a file where contents end that are needed without it.
fn plan(
    ledger: &Connection,
    name: &str,
    (begun, same): (Vec<Known>, Option<Known>),
    content: &Content,
    done: &HashSet<i64>,
) -> Result<Recount, StoreError> {
    let (mut whole, unfinished): (Vec<Known>, Vec<Known>) = begun
        .into_iter()
        .partition(|known| known.content.is_whole_lines);
    whole.sort_unstable_by_key(|known| known.content.length);
    let chain: BTreeSet<i64> = whole.iter().chain(&same).map(|known| known.id).collect();
    // What was counted anew stays, with all before it.
    let first = whole.iter().rposition(|known| done.contains(&known.id));
    let parent = first.map(|first| whole[first].clone());
    let whole = whole.split_off(first.map_or(0, |first| first + 1));
    let retired = whole.iter().chain(&same).map(|known| known.id).collect();
    let mut recount = Recount {
        parts: Vec::new(),
        parent: parent.as_ref().map(|parent| parent.id),
        retired,
        // What is known besides it stays so: only lines that are new finish one.
        supersedes: match same {
            Some(_) => Vec::new(),
            None => unfinished.into_iter().map(|known| known.id).collect(),
        },
        lineage: super::SHARED,
    };
    if same.as_ref().is_some_and(|same| done.contains(&same.id)) {
        return Ok(recount);
    }
    let mut from = parent.map_or(0, |parent| parent.content.length);
    for known in whole {
        if is_needed(ledger, known.id, name, &chain)? {
            let span = Span::new(from, known.content.length);
            from = span.to;
            let known = Some(known);
            recount.parts.push(RecountPart { span, known });
        }
    }
    recount.parts.push(RecountPart {
        span: Span::new(from, content.length),
        known: same,
    });
    Ok(recount)
}

/// Whether a content is more than a part of the file `name`, whose contents are `chain`.
fn is_needed(
    ledger: &Connection,
    content: i64,
    name: &str,
    chain: &BTreeSet<i64>,
) -> Result<bool, StoreError> {
    if !ledger::holders(ledger, content, name)?.is_empty() || kept_for(ledger, content)?.is_some() {
        return Ok(true);
    }
    let grown = grown_from(ledger, content)?;
    Ok(grown.iter().any(|grown| !chain.contains(grown)))
}

/// The contents that count and grew from one, without another between.
pub(super) fn grown_from(ledger: &Connection, content: i64) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT id FROM content WHERE parent = ?1 AND dropped_by IS NULL";
    let mut statement = ledger.prepare_cached(sql)?;
    let grown = statement.query_map([content], |row| row.get(0))?;
    Ok(grown.collect::<Result<_, _>>()?)
}

/// Puts successors in the place of what is retired.
fn put_anew(
    ledger: &Connection,
    delivery: Delivery<'_>,
    recount: &Recount,
    readings: &[Reading],
    (commit, first): (i64, i64),
) -> Result<(Change, Vec<i64>), StoreError> {
    let before = ledger::held_by(ledger, delivery.name)?;
    let mut change = Change::Recounted { bytes_before: 0 };
    if let Some(last) = recount.retired.last() {
        let bytes_before = ledger::bytes_of(ledger, *last)?;
        change = Change::Recounted { bytes_before };
    }
    let (mut parent, mut contents) = (recount.parent, Vec::new());
    // Each name is noted once, with the last part that it holds.
    let mut names = BTreeMap::new();
    for (part, reading) in recount.parts.iter().zip(readings) {
        let content = part
            .known
            .as_ref()
            .map_or(delivery.content, |known| &known.content);
        let ancestry = Ancestry {
            parent,
            from: part.span.from,
            lineage: Some(recount.lineage),
            ..Ancestry::default()
        };
        if let Some(known) = &part.known {
            retire(ledger, known.id, commit)?;
        }
        let delivery = Delivery {
            content,
            ..delivery
        };
        let id = put_content(ledger, &delivery, &ancestry, reading, commit)?;
        if let Some(known) = &part.known {
            let of_part = ledger::names_of(ledger, known.id)?;
            names.extend(of_part.into_iter().map(|name| (name, id)));
            succeed(ledger, (known.id, id), commit)?;
        }
        parent = Some(id);
        contents.push(id);
    }
    for retired in &recount.retired {
        retire(ledger, *retired, commit)?;
    }
    names.remove(delivery.name);
    for (name, content) in names {
        note(ledger, commit, &name, Some(content), RECOUNTED)?;
    }
    let last = contents.last().copied().expect("a file has a part");
    put_source(ledger, &delivery, last, commit, &change)?;
    if delivery.kept.is_some() {
        note(ledger, commit, delivery.name, Some(last), SALVAGED)?;
    }
    supersede(ledger, &recount.supersedes, (delivery.name, last), commit)?;
    keep(ledger, before, delivery.name, (commit, first))?;
    Ok((change, contents))
}

/// Has a content count no more.
pub(super) fn retire(ledger: &Connection, content: i64, commit: i64) -> Result<(), StoreError> {
    let sql = "UPDATE content SET dropped_by = ?2 WHERE id = ?1 AND dropped_by IS NULL";
    ledger
        .prepare_cached(sql)?
        .execute(params![content, commit])?;
    Ok(())
}

/// Has the names that hold a content, and what grew from it, go on with its successor.
fn succeed(ledger: &Connection, (old, new): (i64, i64), commit: i64) -> Result<(), StoreError> {
    let sql = "UPDATE source SET content = ?2, commit_id = ?3 WHERE content = ?1";
    ledger
        .prepare_cached(sql)?
        .execute(params![old, new, commit])?;
    let sql = "UPDATE kept SET content = ?2 WHERE content = ?1";
    ledger.prepare_cached(sql)?.execute(params![old, new])?;
    let sql = "UPDATE content SET parent = ?2 WHERE parent = ?1 AND dropped_by IS NULL";
    ledger.prepare_cached(sql)?.execute(params![old, new])?;
    Ok(())
}
