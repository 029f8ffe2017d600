//! What is found in some blocks of a source, before it is added to the rest.

use super::rejects::{RejectedLine, Rejects};
use crate::meter::{Counts, Overflow};
use crate::record::{Reject, Skip};
use crate::source::PartDigests;
use crate::units::{Bytes, Span};

/// A contiguous run of lines that were scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRun {
    /// Where they stand.
    pub span: Span,
    /// How many they are.
    pub lines: u64,
}

/// What is found in some blocks of a source. Usage rows travel beside it.
#[derive(Debug, Default)]
pub struct Findings {
    /// Fates of the lines, and bytes.
    pub counts: Counts,
    /// Where the lines stand.
    pub runs: Vec<LineRun>,
    /// Rejected lines.
    pub rejects: Rejects,
    /// Digests of the bytes, where they are wanted.
    pub digests: PartDigests,
}

impl Findings {
    /// The run that a block at `from` belongs to: the last one if it ends there, else a new one.
    pub(super) fn begin(&mut self, from: u64) -> LineRun {
        match self.runs.last() {
            Some(run) if run.span.to == from => *run,
            _ => {
                let run = LineRun {
                    span: Span::new(from, from),
                    lines: 0,
                };
                self.runs.push(run);
                run
            }
        }
    }

    /// Extends the last run by a block.
    pub(super) fn extend(&mut self, span: Span, lines: u64) {
        self.counts.lines += lines;
        let run = self.runs.last_mut().expect("a block begins a run");
        run.span.to = span.to;
        run.lines += lines;
    }

    /// Adds a line that was too long to look at, unless it is before `resume`.
    pub fn overlong(&mut self, span: Span, text: Box<[u8]>, resume: u64) {
        if span.from < resume {
            return;
        }
        let run = self.begin(span.from);
        self.counts.reject(Reject::TooLong, None);
        self.rejects.keep(RejectedLine {
            offset: span.from,
            line: run.lines,
            run_from: run.span.from,
            reason: Reject::TooLong,
            bytes_at_most: None,
            layout: None,
            text,
        });
        self.extend(span, 1);
    }

    /// Adds a hole that stands apart from the line behind it, unless it is before `resume`.
    ///
    /// It is counted as a line, and has no number among them: other programs know lines by newlines.
    pub fn hole(&mut self, span: Span, resume: u64) {
        if span.from < resume {
            return;
        }
        self.begin(span.from);
        self.extend(span, 0);
        self.counts.lines += 1;
        self.counts.skip(Skip::Hole);
    }

    /// Adds the bytes of a block's metered lines.
    ///
    /// Errors: [`Overflow`].
    pub(super) fn add_bytes(&mut self, bytes: u128) -> Result<(), Overflow> {
        let bytes = u64::try_from(bytes).map_err(|_| Overflow)?;
        self.counts.bytes = self
            .counts
            .bytes
            .checked_add(Bytes::new(bytes))
            .ok_or(Overflow)?;
        Ok(())
    }
}
