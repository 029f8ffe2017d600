//! Opening a source: how it is stored, its format, what is known of it, and who reads which part.

use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::part::Part;
use super::pool::Task;
use super::report::Refusal;
use super::run::SourceRun;
use super::worker::{Failure, Worker};
use super::{CHUNK_BYTES, IngestError, Options, SAMPLE_BYTES, is_hole};
use crate::decode::{
    self, Block, Blocks, Compression, DecodeError, Piece, Reader, hold_no_container,
};
use crate::record::{Layout, detect, hold_against, learn_headers};
use crate::source::{DIGEST_CHUNK_BYTES, OPENING_BYTES, Opening, Origin, Source};
use crate::units::Span;

/// Closed rows that a worker keeps before it passes them on.
const ROWS_KEPT_MAX: usize = 1 << 19;

const _: () = assert!(
    CHUNK_BYTES.is_multiple_of(DIGEST_CHUNK_BYTES),
    "ranges start at chunks"
);
const _: () = assert!(OPENING_BYTES <= SAMPLE_BYTES, "a sample holds the opening");

impl Worker<'_> {
    /// Opens a source, and either splits it into ranges or reads it through.
    pub(super) fn open(&mut self, run: &Arc<SourceRun>, part: &mut Part) -> Result<(), Failure> {
        if run.source.origin == Origin::Stdin {
            return self.stream(run, decode::open(io::stdin())?, part);
        }
        let is_salvage = self.context.options.is_salvage;
        let mut file = run.source.open_file().map_err(DecodeError::Open)?;
        let metadata = file.metadata().map_err(DecodeError::Open)?;
        if !metadata.is_file() {
            return self.stream(run, decode::open(file)?, part);
        }
        let compression = Reader::compression_of(&mut file)?;
        let len = metadata.len();
        if compression == Compression::Plain && run.learnt().kept.is_none() {
            run.is_stored_as(compression);
            let mut sample =
                vec![0; SAMPLE_BYTES.min(usize::try_from(len).unwrap_or(SAMPLE_BYTES))];
            file.read_exact_at(&mut sample, 0)
                .map_err(DecodeError::Open)?;
            hold_no_container(compression, &sample)?;
            let layout = self.begin(run, &sample, len <= SAMPLE_BYTES as u64)?;
            if let Some(layout) = layout.filter(|layout| !layout.has_headers()) {
                return self.split(run, file, len, layout, part);
            }
        }
        file.rewind().map_err(DecodeError::Open)?;
        let reader = decode::open(file)?;
        // Only what is a file can be read twice.
        let reader = match run.learnt().kept {
            Some(kept) => reader.cut_at(kept),
            None if is_salvage => reader.salvaging(),
            None => reader,
        };
        self.stream(run, reader, part)
    }

    /// Tells from the first bytes of a source what its format is and what is known of it.
    ///
    /// `None` where a hole leaves no line in them: then the first lines behind it tell the format.
    fn begin(
        &self,
        run: &SourceRun,
        sample: &[u8],
        is_whole: bool,
    ) -> Result<Option<Layout>, Failure> {
        let told = match !is_whole && is_hole(sample) {
            true => Ok(None),
            false => self.tell(run, sample, is_whole).map(Some),
        };
        let Some(seed) = self.context.sink.seed() else {
            return told;
        };
        let opening = Opening::of(seed, sample);
        let known = self.context.sink.known_like(&opening)?;
        run.approach_with(seed, opening, &known);
        told.or_else(|failure| only_if_known(run, failure).map(Some))
    }

    /// Tells from the first lines of a source what its format is.
    fn tell(&self, run: &SourceRun, sample: &[u8], is_whole: bool) -> Result<Layout, Failure> {
        let layout = match &self.context.options.layout {
            Some(layout) => {
                hold_against(layout, sample)?;
                Some(layout.clone())
            }
            None => detect(sample, is_whole)?,
        };
        if let Some(layout) = &layout {
            if !layout.has_host() && self.context.options.fallback_domain.is_none() {
                return Err(Refusal::NoDomain.into());
            }
            run.has_layout(layout, sample);
        }
        // Nothing but blank lines and comments: any format with comments counts them.
        Ok(layout.unwrap_or_else(|| Layout::CloudFront(Default::default())))
    }

    /// Cuts a plain file into ranges for all workers; a small one is read at once.
    fn split(
        &mut self,
        run: &Arc<SourceRun>,
        file: File,
        len: u64,
        layout: Layout,
        part: &mut Part,
    ) -> Result<(), Failure> {
        if len <= CHUNK_BYTES {
            return self.range(run, &file, Span::new(0, len), layout, part);
        }
        let file = Arc::new(file);
        let ranges = (0..len).step_by(CHUNK_BYTES as usize);
        let task = |from| {
            let range = Span::new(from, (from + CHUNK_BYTES).min(len));
            Task::Range(Arc::clone(run), Arc::clone(&file), range, layout.clone())
        };
        let tasks: Vec<_> = ranges.map(task).collect();
        run.expect(tasks.len());
        self.context.pool.push_front(tasks);
        Ok(())
    }

    /// Meters the lines that start in a range of a plain file.
    pub(super) fn range(
        &mut self,
        run: &SourceRun,
        file: &File,
        range: Span,
        mut layout: Layout,
        part: &mut Part,
    ) -> Result<(), Failure> {
        if run.is_refused() {
            return Ok(());
        }
        let approach = run.approach();
        let len = run.source.stored_bytes.unwrap_or(range.to).max(range.to);
        let hasher = approach.hasher(range.from, range.to);
        let mut blocks = Blocks::of_range(file, range, len, hasher)?;
        let resume = run.resume();
        let mut block = std::mem::take(&mut self.block);
        let outcome = loop {
            match blocks.next(&mut block) {
                Ok(Piece::Lines) => match self.lines(&block, resume, &mut layout, part) {
                    Ok(()) => {}
                    Err(error) => break Err(error),
                },
                Ok(Piece::Overlong(span, text)) => part.overlong(span, text, resume),
                Ok(Piece::Hole(span)) => part.hole(span, resume),
                Ok(Piece::End) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        self.block = block;
        part.digests.append(blocks.into_digests());
        self.context.events.advanced(range.len());
        outcome
    }

    /// Meters a stream in order, and hands blocks to workers that have nothing to do.
    fn stream(
        &mut self,
        run: &Arc<SourceRun>,
        mut reader: Reader,
        part: &mut Part,
    ) -> Result<(), Failure> {
        run.is_stored_as(reader.compression());
        reader.peek(SAMPLE_BYTES)?;
        if let Some(damage) = reader.damage() {
            run.is_damaged(damage);
            return Ok(());
        }
        let compression = reader.compression();
        let sample = reader.peek(SAMPLE_BYTES)?;
        hold_no_container(compression, sample)?;
        let layout = self.begin(run, sample, sample.len() < SAMPLE_BYTES)?;
        let mut blocks = Blocks::of_stream(reader);
        if let Some(hasher) = run.approach().hasher(0, u64::MAX) {
            blocks = blocks.digested_by(hasher);
        }
        let mut block = std::mem::take(&mut self.block);
        let outcome = self.stream_blocks(run, &mut blocks, &mut block, layout, part);
        self.block = block;
        if let Some(damage) = blocks.damage() {
            run.is_damaged(damage);
        }
        part.digests.append(blocks.into_digests());
        outcome
    }

    fn stream_blocks(
        &mut self,
        run: &Arc<SourceRun>,
        blocks: &mut Blocks<'static>,
        block: &mut Block,
        mut layout: Option<Layout>,
        part: &mut Part,
    ) -> Result<(), Failure> {
        let mut stored = 0;
        loop {
            let piece = blocks.next(block)?;
            self.context.events.advanced(blocks.stored_bytes() - stored);
            stored = blocks.stored_bytes();
            match piece {
                Piece::End => return Ok(()),
                Piece::Overlong(span, text) => part.overlong(span, text, run.resume()),
                Piece::Hole(span) => part.hole(span, run.resume()),
                Piece::Lines => {
                    let layout = match &mut layout {
                        Some(layout) => layout,
                        None => {
                            let told = self.tell(run, block.lines(), true);
                            layout.insert(told.or_else(|failure| only_if_known(run, failure))?)
                        }
                    };
                    self.lines_or_offer(run, block, layout, part)?;
                }
            }
            if ROWS_KEPT_MAX < self.meter.rows_closed() {
                self.meter
                    .take_rows(&mut self.rows)
                    .map_err(IngestError::from)?;
                run.add_rows(&mut self.rows)?;
            }
        }
    }

    fn lines_or_offer(
        &mut self,
        run: &Arc<SourceRun>,
        block: &mut Block,
        layout: &mut Layout,
        part: &mut Part,
    ) -> Result<(), Failure> {
        let resume = run.resume();
        if block.span().to <= resume || !self.context.pool.wants_block() {
            return self.lines(block, resume, layout, part);
        }
        let for_block = layout.clone();
        learn_headers(layout, block.lines());
        run.expect(1);
        self.context.pool.push_block(block, |block| {
            Task::Block(Arc::clone(run), block, for_block)
        });
        Ok(())
    }
}

/// Whether the lines of a file name no domain, as far as its first ones tell: then all count for the fallback.
pub fn names_no_domain(source: &Source, options: &Options) -> bool {
    let layout = || {
        let mut reader = decode::open(source.open_file().ok()?).ok()?;
        let sample = reader.peek(SAMPLE_BYTES).ok()?;
        detect(sample, sample.len() < SAMPLE_BYTES).ok()?
    };
    let layout = options.layout.clone().or_else(layout);
    layout.is_some_and(|layout| !layout.has_host())
}

/// What to read a source as that cannot be read as was asked for, if its content may be a known one all
/// the same: then there is nothing to decide, and none of its lines is asked.
fn only_if_known(run: &SourceRun, failure: Failure) -> Result<Layout, Failure> {
    match failure {
        Failure::Source(refusal) if run.approach().may_be_known() => {
            run.refuse_unless_known(refusal);
            Ok(Layout::TencentCdn(Default::default()))
        }
        failure => Err(failure),
    }
}
