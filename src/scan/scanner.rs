//! Scanning blocks: the hot loop.

use std::time::Instant;

use memchr::{memchr_iter, memrchr};

use super::findings::Findings;
use super::rejects::Notation;
use super::tally::Tally;
use crate::decode::{Block, Blocks, DecodeError, Piece};
use crate::meter::{Domains, Histograms, Meter, Overflow, TooManyDomains, UsageRow};
use crate::record::{Clock, Layout, learn_headers, scan};
use crate::units::Span;

/// What scans blocks, one after the other, and keeps what makes the next one cheap: hosts and their open cells, the
/// clock, a buffer. One thread has one.
pub struct Scanner<'run> {
    meter: Meter<'run>,
    clock: Clock,
    block: Block,
    histograms: Histograms,
}

/// Why a stretch is of no use.
#[derive(Debug, thiserror::Error)]
pub enum StretchError {
    /// It cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its sums are too large.
    #[error(transparent)]
    Overflow(#[from] Overflow),
}

impl<'run> Scanner<'run> {
    /// One that knows domains by the numbers of `domains`; lines without a host count for `fallback`, if there is one.
    pub fn new(domains: &'run Domains, fallback: Option<&'run str>) -> Self {
        Scanner {
            meter: Meter::new(domains, fallback),
            clock: Clock::default(),
            block: Block::default(),
            histograms: Histograms::default(),
        }
    }

    /// Scans all blocks of a stretch, from offset `resume` on, and takes its digests.
    ///
    /// Errors: [`StretchError`].
    pub fn all(
        &mut self,
        mut blocks: Blocks<'_>,
        resume: u64,
        layout: &mut Layout,
        found: &mut Findings,
    ) -> Result<(), StretchError> {
        let mut block = self.take_block();
        let outcome = loop {
            match blocks.next(&mut block) {
                Ok(Piece::Lines) => match self.lines(&block, resume, layout, found) {
                    Ok(()) => {}
                    Err(error) => break Err(error.into()),
                },
                Ok(Piece::Overlong(span, text)) => found.overlong(span, text, resume),
                Ok(Piece::Hole(span)) => found.hole(span, resume),
                Ok(Piece::End) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        self.give_back(block);
        found.digests.append(blocks.into_digests());
        outcome
    }

    /// Scans the lines of a block from offset `resume` on.
    ///
    /// Errors: [`Overflow`] of their bytes.
    pub fn lines(
        &mut self,
        block: &Block,
        resume: u64,
        layout: &mut Layout,
        found: &mut Findings,
    ) -> Result<(), Overflow> {
        let started = Instant::now();
        let known = resume
            .saturating_sub(block.span().from)
            .min(block.span().len());
        let (known_lines, text) = block.lines().split_at(known as usize);
        if !known_lines.is_empty() && layout.has_headers() {
            learn_headers(layout, known_lines);
        }
        let span = Span::new(block.span().from + known, block.span().to);
        if span.is_empty() {
            return Ok(());
        }
        let run = found.begin(span.from);
        let mut tally = Tally {
            meter: &mut self.meter,
            histograms: &mut self.histograms,
            counts: &mut found.counts,
            rejects: &mut found.rejects,
            notation: Notation::of(layout),
            from: span.from,
            run_from: run.span.from,
            line: run.lines,
            bytes: 0,
            holes: 0,
        };
        scan(layout, text, &mut self.clock, |judged| tally.add(&judged));
        let (bytes, holes) = (tally.bytes, tally.holes);
        found.add_bytes(bytes)?;
        found.extend(span, lines_in(text));
        found.counts.lines += holes;
        self.histograms.block(started.elapsed());
        Ok(())
    }

    /// Moves all usage since the last call to the end of `rows`.
    ///
    /// Errors: [`TooManyDomains`], and the usage is not complete.
    pub fn take_rows(&mut self, rows: &mut Vec<UsageRow>) -> Result<(), TooManyDomains> {
        self.meter.take_rows(rows)
    }

    /// Rows that [`Scanner::take_rows`] would at least move.
    pub fn rows_closed(&self) -> usize {
        self.meter.rows_closed()
    }

    /// The buffer that is kept for blocks.
    pub fn take_block(&mut self) -> Block {
        std::mem::take(&mut self.block)
    }

    /// Keeps a buffer for blocks to come.
    pub fn give_back(&mut self, block: Block) {
        self.block = block;
    }

    /// Distributions over all that was scanned.
    pub fn into_histograms(self) -> Histograms {
        self.histograms
    }
}

/// Lines in `text` that end in a newline, and one that has none and is no hole: counted apart from the
/// parser so that `LINE-1` compares two counts.
fn lines_in(text: &[u8]) -> u64 {
    let newlines = memchr_iter(b'\n', text).count() as u64;
    let last = memrchr(b'\n', text).map_or(text, |newline| &text[newline + 1..]);
    newlines + u64::from(last.iter().any(|&byte| byte != 0))
}
