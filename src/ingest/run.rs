//! One source on its way to an outcome: what its parts found, and the checks before it counts.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rust_decimal::Decimal;

use super::look::{Ends, Look, READINGS_MAX};
use super::misfit::{Misfit, is_refused};
use super::report::{Outcome, Refusal, SourceReport};
use super::sink::Settled;
use super::{IngestError, Options};
use crate::decode::{Compression, Damage, DecodeError};
use crate::meter::{Counts, Fates, Overflow, UsageRow, UsageTable};
use crate::record::{Layout, MeteredField};
use crate::scan::{Findings, LineRun, RejectedLine, Rejects};
use crate::source::{Opening, PartDigests, PartHasher, Seed, Source};
use crate::store::Known;
use crate::units::invariant;

/// A source that is being read.
pub(super) struct SourceRun {
    pub(super) index: usize,
    pub(super) source: Source,
    /// What was found out when it was read before.
    learnt: Learnt,
    /// The file that was read before.
    before: Option<File>,
    look: OnceLock<Look>,
    approach: OnceLock<Approach>,
    found: Mutex<Found>,
}

/// What earlier readings of a source found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Learnt {
    /// Where its lines are to be metered from.
    pub(super) resume: Option<u64>,
    /// Decompressed bytes up to the end of its last whole line before damage: where it ends.
    pub(super) kept: Option<u64>,
    /// How often it changed while it was read.
    pub(super) changes: u8,
}

impl Learnt {
    /// What is known of a source beforehand.
    pub(super) fn of(options: &Options) -> Self {
        Learnt {
            resume: options.only.map(|only| only.from),
            kept: options
                .only
                .map(|only| only.to)
                .filter(|to| *to != u64::MAX),
            changes: 0,
        }
    }
}

/// How a source is read, decided from its first bytes.
#[derive(Default)]
pub(super) struct Approach {
    /// Lines before this offset are counted already.
    pub(super) resume: u64,
    seed: Option<Seed>,
    opening: Opening,
    marks: Arc<[u64]>,
}

impl Approach {
    /// Digests the part `[from, to)` of the content, if digests are wanted.
    pub(super) fn hasher(&self, from: u64, to: u64) -> Option<PartHasher> {
        let seed = self.seed?;
        Some(PartHasher::new(seed, from, to, &self.marks))
    }

    /// Whether there are contents with lines that it may begin with.
    pub(super) fn may_be_known(&self) -> bool {
        self.marks.iter().any(|mark| *mark != 0)
    }
}

struct Found {
    usage: UsageTable,
    counts: Counts,
    runs: Vec<LineRun>,
    rejects: Rejects,
    digests: PartDigests,
    compression: Option<Compression>,
    layout: Option<Layout>,
    /// The field that its lines may lack, with what its first lines have instead.
    metered_field: Option<MeteredField>,
    refusal: Option<Refusal>,
    /// Why it is refused unless its content is a known one.
    refusal_unless_known: Option<Refusal>,
    /// Where its last whole line before damage ends, which asks for another reading up to there.
    salvaged_to: Option<u64>,
    /// Parts that are still out, the worker that opened the source included.
    pending: usize,
}

impl SourceRun {
    pub(super) fn new(index: usize, source: Source, rows_max: usize, learnt: Learnt) -> Self {
        let found = Found {
            usage: UsageTable::new(rows_max),
            counts: Counts::default(),
            runs: Vec::new(),
            rejects: Rejects::default(),
            digests: PartDigests::default(),
            compression: None,
            layout: None,
            metered_field: None,
            refusal: None,
            refusal_unless_known: None,
            salvaged_to: None,
            pending: 1,
        };
        SourceRun {
            index,
            source,
            learnt,
            before: None,
            look: OnceLock::new(),
            approach: OnceLock::new(),
            found: Mutex::new(found),
        }
    }

    /// The same source, to be read once more with what was `learnt`: the very file that was read, which may
    /// have another name by now.
    pub(super) fn again(&self, learnt: Learnt, rows_max: usize) -> Self {
        let before = self.look.get().and_then(|look| look.file().ok());
        SourceRun {
            before,
            ..SourceRun::new(self.index, self.source.clone(), rows_max, learnt)
        }
    }

    /// Opens the file, and looks at it.
    ///
    /// Errors: the system's.
    pub(super) fn open_file(&self) -> io::Result<(File, Option<&Look>)> {
        let file = match &self.before {
            Some(before) => before.try_clone()?,
            None => self.source.open_file()?,
        };
        if let Some(look) = Look::at(&file)? {
            // It is opened once.
            let _ = self.look.set(look);
        }
        Ok((file, self.look.get()))
    }

    /// Length of the file when it was opened.
    pub(super) fn len(&self) -> Option<u64> {
        self.look.get().map(Look::len)
    }

    /// Looks whether it changed while it was read: with what it is to be read again then, unless that was
    /// done often enough, and it is refused. All parts are in.
    pub(super) fn look_again(&self, options: &Options) -> Option<Learnt> {
        let found = &mut *self.lock();
        let is_plain = found.compression == Some(Compression::Plain) && found.refusal.is_none();
        let seed = self.approach().seed.filter(|_| is_plain);
        let ends = seed.map(|seed| Ends {
            seed,
            chunks: &found.digests.chunks,
            length: found.digests.end.0,
        });
        let look = self.look.get()?;
        let changes = self.learnt.changes + 1;
        match look.is_changed(options.now_nanos, ends) {
            Ok(false) => None,
            Ok(true) if changes < READINGS_MAX => Some(Learnt {
                changes,
                ..Learnt::of(options)
            }),
            Ok(true) => {
                found.refusal = Some(Refusal::Changed);
                None
            }
            Err(error) => {
                found.refusal = Some(Refusal::Decode(DecodeError::Open(error)));
                None
            }
        }
    }

    /// Decides how it is read: `known` contents may be its start.
    ///
    /// The guess is that it has grown from the longest of them, unless it was read before.
    pub(super) fn approach_with(&self, seed: Seed, opening: Opening, known: &[Known]) {
        let mut marks: Vec<u64> = known.iter().map(|known| known.content.length).collect();
        marks.sort_unstable();
        marks.dedup();
        let whole = known.iter().filter(|known| known.content.is_whole_lines);
        let guess = whole.map(|known| known.content.length).max();
        let guess = guess.filter(|_| self.source.is_repeatable()).unwrap_or(0);
        let approach = Approach {
            resume: self.learnt.resume.unwrap_or(guess),
            seed: Some(seed),
            opening,
            marks: marks.into(),
        };
        // It is opened once.
        let _ = self.approach.set(approach);
    }

    /// How it is read.
    pub(super) fn approach(&self) -> &Approach {
        self.approach.get_or_init(Approach::default)
    }

    /// Notes how it is stored.
    pub(super) fn is_stored_as(&self, compression: Compression) {
        self.lock().compression = Some(compression);
    }

    /// Notes its format, and what its first lines have in the place of what is metered.
    pub(super) fn has_layout(&self, layout: &Layout, sample: &[u8]) {
        let mut found = self.lock();
        found.layout = Some(layout.clone());
        found.metered_field = layout.metered_field(sample);
    }

    /// Announces `count` more parts.
    pub(super) fn expect(&self, count: usize) {
        self.lock().pending += count;
    }

    /// Notes damage: nothing counts of a source without a whole line before it, any other has to be
    /// read again, up to the end of that line.
    pub(super) fn is_damaged(&self, damage: Damage) {
        match damage.whole_lines_to {
            0 => self.refuse(damage.error.into()),
            kept => self.lock().salvaged_to = Some(kept),
        }
    }

    /// What to read it again with because of damage, if all that was found is in vain.
    pub(super) fn to_salvage(&self) -> Option<Learnt> {
        let found = self.lock();
        let kept = found.salvaged_to.filter(|_| found.refusal.is_none());
        kept.map(|kept| Learnt {
            kept: Some(kept),
            ..self.learnt
        })
    }

    /// What earlier readings found out.
    pub(super) fn learnt(&self) -> Learnt {
        self.learnt
    }

    /// Refuses the source, for the first reason found.
    pub(super) fn refuse(&self, reason: Refusal) {
        self.lock().refusal.get_or_insert(reason);
    }

    /// Refuses the source unless its content turns out to be a known one: its lines do not count.
    pub(super) fn refuse_unless_known(&self, reason: Refusal) {
        self.lock().refusal_unless_known = Some(reason);
    }

    /// Where the lines begin that are to be metered: nowhere where none of them can count.
    pub(super) fn resume(&self) -> u64 {
        match self.lock().refusal_unless_known {
            Some(_) => u64::MAX,
            None => self.approach().resume,
        }
    }

    /// Refuses a source of which the content is not known, if it was to be; whether it does.
    pub(super) fn refuse_if_unknown(&self) -> bool {
        let found = &mut *self.lock();
        let reason = found.refusal_unless_known.take();
        let is_refused = reason.is_some();
        found.refusal = found.refusal.take().or(reason);
        is_refused
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
    pub(super) fn finish(&self, part: Findings) -> bool {
        let mut found = self.lock();
        if found.counts.add(&part.counts).is_err() {
            found.refusal.get_or_insert(Refusal::Overflow);
        }
        found.runs.extend(part.runs);
        found.rejects.append(part.rejects);
        found.digests.append(part.digests);
        found.pending -= 1;
        found.pending == 0
    }

    /// Calls `decide` with what was read, unless the source was refused. All parts are in.
    pub(super) fn when_read<T>(&self, decide: impl FnOnce(&Settled<'_>) -> T) -> Option<T> {
        let found = &mut *self.lock();
        if found.refusal.is_some() {
            return None;
        }
        let approach = self.approach();
        let content = approach.seed.map(|seed| {
            let digests = found.digests.clone();
            digests.into_content(seed, approach.opening.clone())
        });
        Some(decide(&Settled {
            source: &self.source,
            compression: found.compression,
            content: content.as_ref(),
            marks: &found.digests.marks,
            resumed: approach.resume,
            kept: self.learnt.kept,
        }))
    }

    /// Whether it was read before.
    pub(super) fn is_repeated(&self) -> bool {
        self.learnt != Learnt::default()
    }

    /// Holds the invariants of a source whose lines are to count after the rows of `before`; `false` if
    /// it is refused.
    ///
    /// Errors: a broken invariant.
    pub(super) fn check(&self, before: Fates, options: &Options) -> Result<bool, IngestError> {
        let found = &mut *self.lock();
        found.runs.sort_unstable_by_key(|run| run.span.from);
        let resume = self.approach().resume;
        found.check(resume)?;
        if !options.is_of_part() {
            found.refuse_without_field();
        }
        if let Some(limit) = options.reject_ratio_max
            && found.refusal.is_none()
        {
            found.judge(before, limit.number(), resume);
        }
        Ok(found.refusal.is_none())
    }

    /// The report of a source that was refused.
    pub(super) fn refused_report(&self) -> SourceReport {
        let refusal = self.lock().refusal.take();
        let refusal = refusal.expect("a source without a content was refused");
        self.report(Outcome::Refused(refusal)).0
    }

    /// The report with this outcome, and the usage.
    pub(super) fn report(&self, outcome: Outcome) -> (SourceReport, UsageTable) {
        let found = &mut *self.lock();
        found.runs.sort_unstable_by_key(|run| run.span.from);
        number_lines(&mut found.rejects, &found.runs);
        let usage = std::mem::replace(&mut found.usage, UsageTable::new(0));
        let report = SourceReport {
            index: self.index,
            name: self.source.name.clone(),
            compression: found.compression,
            format: found.layout.as_ref().map(Layout::name),
            bytes_in: found.layout.as_ref().map(Layout::bytes_in),
            kept_bytes: self.learnt.kept,
            is_resumed: self.approach().resume != 0,
            decompressed_bytes: found.runs.iter().map(|run| run.span.len()).sum(),
            counts: found.counts,
            rejects: std::mem::take(&mut found.rejects),
            outcome,
        };
        (report, usage)
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    /// Refuses a source of which no line has the field that is metered: all of it would count 0 bytes,
    /// and cost nothing. Of one that grew, the lines that are new are asked; a part that is read by itself
    /// is not, as the other parts may have it.
    fn refuse_without_field(&mut self) {
        if !self.counts.is_without_field() {
            return;
        }
        if let Some(field) = self.metered_field.take() {
            let metered = self.counts.metered;
            self.refusal = Some(Refusal::NoBytes { metered, field });
        }
    }

    /// Holds `LINE-1`, `SPAN-1` and `SUM-1`, and refuses a source whose sums are too large.
    fn check(&mut self, resume: u64) -> Result<(), IngestError> {
        self.counts.reconcile()?;
        let known = crate::units::Span::new(0, resume);
        let spans = self.runs.iter().map(|run| run.span);
        invariant::spans_are_contiguous(std::iter::once(known).chain(spans))?;
        match self.usage.total() {
            Err(Overflow) => self.refusal = Some(Refusal::Overflow),
            Ok(_) if !self.counts.is_within_limit() => self.refusal = Some(Refusal::Overflow),
            Ok(total) => {
                invariant::totals_agree("bytes of a source", self.counts.bytes, total.bytes)?;
                invariant::totals_agree("lines of a source", self.counts.metered, total.requests)?;
            }
        }
        Ok(())
    }

    /// Refuses a source with too many rejects.
    fn judge(&mut self, before: Fates, limit: Decimal, resume: u64) {
        let rows = self.counts.fates();
        if !is_refused(rows, before, limit) {
            return;
        }
        let mut rejected: Vec<_> = self.rejects.lines.iter().collect();
        rejected.sort_unstable_by_key(|rejected| rejected.offset);
        let before = lines_before(&self.runs);
        let first = rejected.first().filter(|_| resume == 0);
        let number = first.map(|first| number_of(first, &self.runs, &before));
        let layout = self.layout.as_ref();
        let misfit = Misfit::new((rows, limit), layout, &rejected, number);
        self.refusal = Some(Refusal::TooManyRejects(Box::new(misfit)));
    }
}

/// Lines in the runs before each run.
fn lines_before(runs: &[LineRun]) -> Vec<u64> {
    let mut before = 0;
    let before_run = |run: &LineRun| {
        before += run.lines;
        before - run.lines
    };
    runs.iter().map(before_run).collect()
}

/// The number of a line that is the n-th of its run, from 1; `before` are the lines before each run.
fn number_of(rejected: &RejectedLine, runs: &[LineRun], before: &[u64]) -> u64 {
    let run = runs.partition_point(|run| run.span.from < rejected.run_from);
    rejected.line + before.get(run).copied().unwrap_or(0) + 1
}

/// Turns "the n-th line of its run" into "the n-th line of the source", from 1.
fn number_lines(rejects: &mut Rejects, runs: &[LineRun]) {
    let before = lines_before(runs);
    for rejected in &mut rejects.lines {
        rejected.line = number_of(rejected, runs, &before);
    }
    rejects
        .lines
        .sort_unstable_by_key(|rejected| rejected.offset);
}
