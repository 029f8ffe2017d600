//! What the lines of a block come to, as they come out of the parser: the inside of the hot loop.

use super::rejects::{Notation, RejectedLine, Rejects};
use crate::meter::{Counts, Histograms, Meter};
use crate::record::{Fate, Judged, Reject, Skip};
use crate::units::Bytes;

/// The lines of a block, counted.
pub(super) struct Tally<'a, 'run> {
    pub(super) meter: &'a mut Meter<'run>,
    pub(super) histograms: &'a mut Histograms,
    pub(super) counts: &'a mut Counts,
    pub(super) rejects: &'a mut Rejects,
    pub(super) notation: Notation,
    /// Where the block begins, and the run of lines that it is a part of.
    pub(super) from: u64,
    pub(super) run_from: u64,
    /// The next line's number in its run.
    pub(super) line: u64,
    /// Bytes of what was metered.
    pub(super) bytes: u128,
    /// Holes: they are counted as lines and have no number.
    pub(super) holes: u64,
}

impl Tally<'_, '_> {
    /// Counts one line by its fate.
    #[inline(always)]
    pub(super) fn add(&mut self, judged: &Judged<'_>) {
        match judged.fate {
            Fate::Metered(record) => match self.meter.add(&record) {
                Ok(()) => {
                    self.counts.metered += 1;
                    self.bytes += u128::from(record.bytes.as_u64());
                    self.histograms.response(record.bytes.as_u64());
                    if let Some(doubt) = record.doubt {
                        self.counts.doubt(doubt);
                    }
                }
                Err(reason) => self.reject(judged, reason, Some(record.bytes)),
            },
            Fate::Skipped(Skip::Hole) => {
                self.counts.skipped[Skip::Hole.index()] += 1;
                self.holes += 1;
                return;
            }
            Fate::Skipped(skip) => {
                if skip == Skip::Header {
                    self.notation.learn(judged.line);
                }
                self.counts.skip(skip);
            }
            Fate::Rejected(reason) => self.reject(judged, reason, judged.bytes_at_most),
        }
        self.line += 1;
    }

    fn reject(&mut self, judged: &Judged<'_>, reason: Reject, bytes_at_most: Option<Bytes>) {
        self.counts.reject(reason, bytes_at_most);
        self.rejects.keep(RejectedLine {
            offset: self.from + judged.at as u64,
            line: self.line,
            run_from: self.run_from,
            reason,
            bytes_at_most,
            layout: self.notation.text(),
            text: judged.line.into(),
        });
    }
}
