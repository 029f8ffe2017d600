//! One source on its way to an outcome: what its parts found, and the checks before it counts.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;

use super::part::{LineRun, Part};
use super::quarantine::Rejects;
use super::report::{Outcome, Refusal, SourceReport};
use super::{IngestError, Options};
use crate::decode::Compression;
use crate::meter::{Counts, Overflow, UsageRow, UsageTable};
use crate::record::Layout;
use crate::source::Source;
use crate::units::invariant;

/// A source that is being read.
pub(super) struct SourceRun {
    pub(super) index: usize,
    pub(super) source: Source,
    found: Mutex<Found>,
}

struct Found {
    usage: UsageTable,
    counts: Counts,
    runs: Vec<LineRun>,
    rejects: Rejects,
    compression: Option<Compression>,
    layout: Option<Layout>,
    refusal: Option<Refusal>,
    /// Parts that are still out, the worker that opened the source included.
    pending: usize,
}

impl SourceRun {
    pub(super) fn new(index: usize, source: Source, rows_max: usize) -> Self {
        let found = Found {
            usage: UsageTable::new(rows_max),
            counts: Counts::default(),
            runs: Vec::new(),
            rejects: Rejects::default(),
            compression: None,
            layout: None,
            refusal: None,
            pending: 1,
        };
        SourceRun {
            index,
            source,
            found: Mutex::new(found),
        }
    }

    /// Notes how it is stored.
    pub(super) fn is_stored_as(&self, compression: Compression) {
        self.lock().compression = Some(compression);
    }

    /// Notes its format.
    pub(super) fn has_layout(&self, layout: &Layout) {
        self.lock().layout = Some(layout.clone());
    }

    /// Announces `count` more parts.
    pub(super) fn expect(&self, count: usize) {
        self.lock().pending += count;
    }

    /// Refuses the source, for the first reason found.
    pub(super) fn refuse(&self, reason: Refusal) {
        self.lock().refusal.get_or_insert(reason);
    }

    /// Whether it was refused, so that further work on it is in vain.
    pub(super) fn is_refused(&self) -> bool {
        self.lock().refusal.is_some()
    }

    /// Adds usage rows, leaving `rows` empty.
    ///
    /// Errors: the memory limit.
    pub(super) fn add_rows(&self, rows: &mut Vec<UsageRow>) -> Result<(), IngestError> {
        Ok(self.lock().usage.append(rows)?)
    }

    /// Adds a part; `true` if it was the last.
    pub(super) fn finish(&self, part: Part) -> bool {
        let mut found = self.lock();
        if found.counts.add(&part.counts).is_err() {
            found.refusal.get_or_insert(Refusal::Overflow);
        }
        found.runs.extend(part.runs);
        found.rejects.append(part.rejects);
        found.pending -= 1;
        found.pending == 0
    }

    /// The outcome, and the usage if it counts. All parts are in.
    ///
    /// Errors: a broken invariant.
    pub(super) fn settle(
        &self,
        options: &Options,
    ) -> Result<(SourceReport, UsageTable), IngestError> {
        let found = &mut *self.lock();
        found.runs.sort_unstable_by_key(|run| run.span.from);
        if found.refusal.is_none() {
            found.check(options.reject_ratio_max)?;
        }
        number_lines(&mut found.rejects, &found.runs);
        let usage = std::mem::replace(&mut found.usage, UsageTable::new(0));
        let outcome = match found.refusal.take() {
            None => Outcome::Committed,
            Some(refusal) => Outcome::Refused(refusal),
        };
        let report = SourceReport {
            index: self.index,
            name: self.source.name.clone(),
            compression: found.compression,
            format: found.layout.as_ref().map(Layout::name),
            bytes_in: found.layout.as_ref().map(Layout::bytes_in),
            decompressed_bytes: found.runs.iter().map(|run| run.span.len()).sum(),
            counts: found.counts,
            rejects: std::mem::take(&mut found.rejects),
            outcome,
        };
        Ok((report, usage))
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    /// Holds `LINE-1`, `SPAN-1` and `SUM-1`, and refuses a source with too many rejects.
    fn check(&mut self, reject_ratio_max: Decimal) -> Result<(), IngestError> {
        self.counts.reconcile()?;
        invariant::spans_are_contiguous(self.runs.iter().map(|run| run.span))?;
        match self.usage.total() {
            Err(Overflow) => self.refusal = Some(Refusal::Overflow),
            Ok(total) => {
                invariant::totals_agree("bytes of a source", self.counts.bytes, total.bytes)?;
                invariant::totals_agree("lines of a source", self.counts.metered, total.requests)?;
            }
        }
        let (rejected, lines) = (self.counts.rejected_total(), self.counts.lines);
        if Decimal::from(lines) * reject_ratio_max < Decimal::from(rejected) {
            let limit = reject_ratio_max;
            self.refusal = Some(Refusal::TooManyRejects {
                rejected,
                lines,
                limit,
            });
        }
        Ok(())
    }
}

/// Turns "the n-th line of its run" into "the n-th line of the source", from 1.
fn number_lines(rejects: &mut Rejects, runs: &[LineRun]) {
    let mut before = 0;
    let lines_before: Vec<u64> = runs
        .iter()
        .map(|run| {
            before += run.lines;
            before - run.lines
        })
        .collect();
    for rejected in &mut rejects.lines {
        let run = runs.partition_point(|run| run.span.from < rejected.run_from);
        rejected.line += lines_before.get(run).copied().unwrap_or(0) + 1;
    }
    rejects
        .lines
        .sort_unstable_by_key(|rejected| rejected.offset);
}
