//! Commits: what sources deliver is collected in one transaction and in memory, then made durable.

use std::time::{Duration, Instant};

use rayon::prelude::*;
use rusqlite::{Connection, params};

use super::change::{Change, SALVAGED};
use super::delivery::{Added, Ancestry, Delivery, Held, Parts, Reading};
use super::entries::{check_sums, note, put_content, put_segments, put_source};
use super::error::StoreError;
use super::ledger;
use super::order::{in_order, rank_domains};
use super::segment::{self, SegmentRow, Written};
use super::succession::{Succession, drop_unless_held, is_begun, keep, release};
use super::{Occasion, SEGMENTS, State, Store};
use crate::disk::{commit_interval, commit_rows, reach, sync_folder};
use crate::meter::{Domains, UsageRow};

/// Rows that wait for a commit.
pub const ROWS_PENDING_MAX: usize = 1 << 21;
/// Contents that wait for a commit.
const CONTENTS_PENDING_MAX: usize = 1 << 16;
/// Time after which what waits is committed, whether another content comes in or not: who calls asks for it
/// now and then ([`Store::flush_if_old`]).
pub const COMMIT_INTERVAL: Duration = Duration::from_secs(10);
/// Rows of a segment file.
pub(super) const SEGMENT_ROWS: usize = 1 << 19;

/// What waits for its commit.
#[derive(Debug)]
pub(super) struct Pending {
    occasion: Occasion,
    /// The open transaction's row in `commits`, and since when it is open.
    commit: Option<(i64, Instant)>,
    contents: Vec<i64>,
    rows: Vec<SegmentRow>,
    /// Quarantine files that the commit puts others in the place of: removed after it.
    quarantine_replaced: Vec<String>,
    /// The first commit of this run.
    first: Option<i64>,
    /// Whether a commit failed: what was taken for counted is not, so nothing can count after it.
    has_failed: bool,
    /// Whether all contents that count are known to note their times.
    pub(super) has_slots: bool,
    /// Bytes of all that counts and keeps to the limit, or more: what was dropped since is in it.
    pub(super) counted: Option<u128>,
}

impl Pending {
    pub(super) fn new(occasion: Occasion) -> Self {
        Pending {
            occasion,
            commit: None,
            contents: Vec::new(),
            rows: Vec::new(),
            quarantine_replaced: Vec::new(),
            first: None,
            has_failed: false,
            has_slots: false,
            counted: None,
        }
    }

    /// Adds rows of a content.
    pub(super) fn add(&mut self, content: i64, rows: Vec<UsageRow>) {
        let place = self.contents.len() as u32;
        self.contents.push(content);
        let row = |row: UsageRow| SegmentRow {
            tally: row.tally,
            domain: row.domain,
            content: place,
        };
        self.rows.extend(rows.into_iter().map(row));
    }

    /// The first commit of this run, where `commit` is one.
    pub(super) fn first(&mut self, commit: i64) -> i64 {
        *self.first.get_or_insert(commit)
    }

    /// Has quarantine files removed once the commit is durable.
    pub(super) fn remove_after(&mut self, quarantine: &[String]) {
        self.quarantine_replaced.extend_from_slice(quarantine);
    }

    /// The instant that commits are noted with.
    pub(super) fn at(&self) -> &str {
        &self.occasion.at
    }
}

impl Store {
    /// Notes that a source holds the known content `id`. `is_there` tells whether a file exists.
    ///
    /// Errors: [`StoreError`].
    pub fn hold(
        &self,
        delivery: Delivery<'_>,
        id: i64,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<Held, StoreError> {
        let state = &mut *self.lock_state();
        let commit = state.commit()?;
        let replaced = match self.succession_of_known(state, delivery, id)? {
            Succession::Replaces(replaced) => replaced,
            Succession::Unsure(unsure) => return Ok(Held::Unsure(unsure)),
        };
        let commits = (commit, state.pending.first(commit));
        let change = hold(&state.ledger, delivery, (id, &replaced), commits, is_there)?;
        Ok(Held::Holds(change))
    }

    /// Adds a new content, which a source holds: what [`Store::identify`] called `New`.
    ///
    /// Errors: [`StoreError`]; the run must not go on.
    pub fn add(
        &self,
        delivery: Delivery<'_>,
        ancestry: Ancestry<'_>,
        reading: Reading,
        domains: &Domains,
    ) -> Result<Added, StoreError> {
        let state = &mut *self.lock_state();
        let commit = state.commit()?;
        let replaced = match self.succession(state, delivery, ancestry, &reading.rows)? {
            Succession::Replaces(replaced) => replaced,
            Succession::Unsure(unsure) => return Ok(Added::Unsure(unsure)),
        };
        state.set_mark()?;
        let (read, commits) = (
            (&reading, &replaced[..]),
            (commit, state.pending.first(commit)),
        );
        let (id, change) = put_new(&state.ledger, delivery, ancestry, read, commits)?;
        if !state.keeps_to_limit(&[id], reading.counts.bytes)? {
            return Ok(Added::OverLimit);
        }
        if let Some(rejects) = &reading.rejects {
            self.keep_rejects(&state.ledger, commit, id, rejects)?;
        }
        state.pending.add(id, reading.rows);
        self.flush_if_due(state, domains)?;
        Ok(Added::Counts(change))
    }

    /// Makes durable all that waits.
    ///
    /// Errors: [`StoreError`]; nothing of it counts then.
    pub fn flush(&self, domains: &Domains) -> Result<(), StoreError> {
        self.flush_state(&mut self.lock_state(), domains)
    }

    /// Makes durable what waits, if it has waited for long enough.
    ///
    /// Errors: [`StoreError`]; nothing of it counts then.
    pub fn flush_if_old(&self, domains: &Domains) -> Result<(), StoreError> {
        self.flush_if_due(&mut self.lock_state(), domains)
    }

    pub(super) fn flush_if_due(
        &self,
        state: &mut State,
        domains: &Domains,
    ) -> Result<(), StoreError> {
        match state.is_due() {
            true => self.flush_state(state, domains),
            false => Ok(()),
        }
    }

    pub(super) fn flush_state(
        &self,
        state: &mut State,
        domains: &Domains,
    ) -> Result<(), StoreError> {
        let flushed = self.flush_commit(state, domains);
        state.pending.has_failed |= flushed.is_err();
        flushed
    }

    fn flush_commit(&self, state: &mut State, domains: &Domains) -> Result<(), StoreError> {
        state.check_usable()?;
        let Some((commit, _)) = state.pending.commit else {
            return Ok(());
        };
        let rows = std::mem::take(&mut state.pending.rows);
        let contents = std::mem::take(&mut state.pending.contents);
        let sealer = state.sealer.as_mut().ok_or(StoreError::NotToWrite)?;
        let (mut segments, mut begun) = (Ok(Vec::new()), Ok(()));
        // The seal waits for the disk while the segments are made.
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| segments = self.write_segments(commit, rows, &contents, domains));
            begun = sealer.begin(commit);
        });
        let segments = begun.and(segments)?;
        put_segments(&state.ledger, commit, &segments, &contents)?;
        check_sums(&state.ledger, commit)?;
        state.end_transaction()?;
        self.remove_quarantine(std::mem::take(&mut state.pending.quarantine_replaced))
    }

    /// Writes rows as segments, several at a time, and makes them durable.
    pub(super) fn write_segments(
        &self,
        commit: i64,
        mut rows: Vec<SegmentRow>,
        contents: &[i64],
        domains: &Domains,
    ) -> Result<Vec<(Written, Parts)>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let names = rank_domains(&mut rows, domains);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows = in_order(rows, names.len());
        let folder = self.root.join(SEGMENTS);
        let windows = rows.chunk_by(|a, b| a.window() == b.window());
        let pieces: Vec<_> = windows.flat_map(|rows| rows.chunks(SEGMENT_ROWS)).collect();
        let written = pieces.into_par_iter().enumerate().map(|(number, rows)| {
            let name = format!("{commit:08}-{number:04}.parquet");
            let written = segment::write(&folder, &name, rows, &names, contents)?;
            Ok((written, parts(rows)?))
        });
        let written = written.collect::<Result<Vec<_>, StoreError>>()?;
        sync_folder(&folder)?;
        Ok(written)
    }
}

impl State {
    /// The number of the open transaction's commit; opens one if there is none.
    pub(super) fn commit(&mut self) -> Result<i64, StoreError> {
        self.check_usable()?;
        if let Some((commit, _)) = self.pending.commit {
            return Ok(commit);
        }
        reach("transaction.begin");
        self.ledger.execute_batch("BEGIN IMMEDIATE")?;
        let occasion = &self.pending.occasion;
        self.ledger.execute(
            "INSERT INTO commits (at, command, tool) VALUES (?1, ?2, ?3)",
            params![occasion.at, occasion.command, env!("CARGO_PKG_VERSION")],
        )?;
        let commit = self.ledger.last_insert_rowid();
        self.pending.commit = Some((commit, Instant::now()));
        Ok(commit)
    }

    /// Notes durably that the open transaction's commit is begun, before what only it names is put in its place.
    pub(super) fn announce(&mut self) -> Result<(), StoreError> {
        let commit = self.commit()?;
        let sealer = self.sealer.as_mut().ok_or(StoreError::NotToWrite)?;
        sealer.begin(commit)
    }

    /// Makes the open transaction durable, and seals it. Every change of the ledger goes through here.
    pub(super) fn end_transaction(&mut self) -> Result<(), StoreError> {
        let Some((commit, _)) = self.pending.commit else {
            return Ok(());
        };
        let sealer = self.sealer.as_mut().ok_or(StoreError::NotToWrite)?;
        sealer.begin(commit)?;
        reach("transaction.commit");
        self.ledger.execute_batch("COMMIT")?;
        reach("transaction.committed");
        self.pending.commit = None;
        let sealed = sealer.finish(commit);
        sealed.map_err(|error| StoreError::Unsealed(Box::new(error)))
    }

    /// Refuses to go on after a commit that failed.
    fn check_usable(&self) -> Result<(), StoreError> {
        match self.pending.has_failed {
            true => Err(StoreError::GivenUp),
            false => Ok(()),
        }
    }

    /// Ends the open transaction as if it had not begun.
    pub(super) fn give_up(&mut self) -> Result<(), StoreError> {
        self.ledger.execute_batch("ROLLBACK")?;
        self.pending.commit = None;
        Ok(())
    }

    fn is_due(&self) -> bool {
        let interval = commit_interval(COMMIT_INTERVAL);
        let is_old = |(_, since): &(i64, Instant)| interval <= since.elapsed();
        commit_rows(ROWS_PENDING_MAX) <= self.pending.rows.len()
            || CONTENTS_PENDING_MAX <= self.pending.contents.len()
            || self.pending.commit.as_ref().is_some_and(is_old)
    }
}

/// Notes that a source holds the known content `id`, in the place of those that it has `replaced`.
pub(super) fn hold(
    ledger: &Connection,
    delivery: Delivery<'_>,
    (id, replaced): (i64, &[i64]),
    (commit, first): (i64, i64),
    is_there: impl Fn(&str) -> bool,
) -> Result<Change, StoreError> {
    let before = ledger::held_by(ledger, delivery.name)?;
    let (there, gone): (Vec<String>, Vec<String>) = ledger::holders(ledger, id, delivery.name)?
        .into_iter()
        .partition(|name| is_there(name));
    let kept = release(ledger, id)?.filter(|name| name != delivery.name);
    let change = match (before, gone.first().or(kept.as_ref()), there.first()) {
        (Some(before), ..) if before == id => Change::Unchanged,
        (_, Some(from), _) => Change::Renamed { from: from.clone() },
        (_, _, Some(of)) => Change::Duplicate { of: of.clone() },
        // It is a part of what another name holds, or was kept for this one.
        (Some(_), ..) => Change::Next,
        (None, ..) => Change::New,
    };
    put_source(ledger, &delivery, id, commit, &change)?;
    if delivery.kept.is_some() && change != Change::Unchanged {
        note(ledger, commit, delivery.name, Some(id), SALVAGED)?;
    }
    if matches!(change, Change::Renamed { .. }) {
        for name in &gone {
            ledger.execute("DELETE FROM source WHERE name = ?1", [name])?;
            note(ledger, commit, name, None, "gone")?;
        }
    }
    match before {
        Some(before) if replaced.contains(&before) => drop_unless_held(ledger, before, commit)?,
        // Its unfinished line is finished in this one.
        Some(before) if is_begun(delivery, &ledger::content(ledger, before)?) => {
            drop_unless_held(ledger, before, commit)?;
        }
        // Files were moved: what the name held is not taken away by what is known from another.
        before => keep(ledger, before, delivery.name, (commit, first))?,
    }
    Ok(change)
}

/// Notes a new content and that a name holds it, in the place of those that it has `replaced`.
fn put_new(
    ledger: &Connection,
    delivery: Delivery<'_>,
    ancestry: Ancestry<'_>,
    (reading, replaced): (&Reading, &[i64]),
    (commit, first): (i64, i64),
) -> Result<(i64, Change), StoreError> {
    let before = ledger::held_by(ledger, delivery.name)?;
    let Ancestry {
        from, supersedes, ..
    } = ancestry;
    let bytes_before = replaced.iter().try_fold(0u64, |sum, old| {
        let bytes = ledger::bytes_of(ledger, *old)?;
        Ok::<_, StoreError>(sum.saturating_add(bytes))
    })?;
    let change = match before {
        _ if let Some(of) = ancestry.copy_of => Change::DuplicateCounted { of: of.to_owned() },
        _ if let Some(kept) = delivery.kept => Change::Salvaged { kept },
        _ if !replaced.is_empty() => Change::Replaced { bytes_before },
        _ if from != 0 || !supersedes.is_empty() => Change::Grown { from },
        Some(_) => Change::Next,
        None => Change::New,
    };
    let id = put_content(ledger, &delivery, &ancestry, reading, commit)?;
    put_source(ledger, &delivery, id, commit, &change)?;
    if delivery.kept.is_some() && ancestry.copy_of.is_some() {
        note(ledger, commit, delivery.name, Some(id), SALVAGED)?;
    }
    supersede(ledger, supersedes, (delivery.name, id), commit)?;
    for old in replaced {
        release(ledger, *old)?;
        drop_unless_held(ledger, *old, commit)?;
    }
    keep(ledger, before, delivery.name, (commit, first))?;
    Ok((id, change))
}

/// Has names that hold contents with an unfinished last line hold the one that it was finished in.
pub(super) fn supersede(
    ledger: &Connection,
    supersedes: &[i64],
    (by, id): (&str, i64),
    commit: i64,
) -> Result<(), StoreError> {
    for superseded in supersedes {
        release(ledger, *superseded)?;
        for name in ledger::holders(ledger, *superseded, by)? {
            let sql =
                "UPDATE source SET content = ?1, stamp = NULL, commit_id = ?2 WHERE name = ?3";
            ledger.execute(sql, params![id, commit, name])?;
            note(ledger, commit, &name, Some(id), "grown")?;
        }
        drop_unless_held(ledger, *superseded, commit)?;
    }
    Ok(())
}

fn parts(rows: &[SegmentRow]) -> Result<Parts, StoreError> {
    let mut parts = Parts::new();
    for run in rows.chunk_by(|a, b| a.content == b.content) {
        let (usage, count) = parts.entry(run[0].content).or_default();
        run.iter().try_for_each(|row| usage.add_tally(&row.tally))?;
        *count += run.len() as u64;
    }
    Ok(parts)
}
