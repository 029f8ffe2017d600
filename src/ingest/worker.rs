//! One worker: opens sources, meters ranges and blocks, settles what is finished.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use memchr::memchr_iter;

use super::part::Part;
use super::pool::{Pool, Task};
use super::quarantine::RejectedLine;
use super::report::{Refusal, SourceReport};
use super::run::SourceRun;
use super::{CHUNK_BYTES, Events, IngestError, Options, SAMPLE_BYTES, UsageSink};
use crate::decode::{self, Block, Blocks, Compression, DecodeError, Piece, Reader};
use crate::meter::{Domains, Histograms, Meter, UsageRow};
use crate::record::{Clock, Fate, Layout, Reject, UTF8_BOM, detect, learn_headers, scan};
use crate::source::Origin;
use crate::units::{Bytes, Span};

/// Closed rows that a worker keeps before it passes them on.
const ROWS_KEPT_MAX: usize = 1 << 19;

/// What all workers share.
pub(super) struct Context<'run> {
    pub(super) options: &'run Options,
    pub(super) events: &'run dyn Events,
    pub(super) sink: &'run dyn UsageSink,
    pub(super) domains: &'run Domains,
    pub(super) pool: &'run Pool,
}

/// What a worker brings home.
pub(super) struct Done {
    pub(super) histograms: Histograms,
    pub(super) settled: Vec<SourceReport>,
}

struct Worker<'run> {
    context: &'run Context<'run>,
    meter: Meter<'run>,
    clock: Clock,
    block: Block,
    rows: Vec<UsageRow>,
    done: Done,
}

/// Ends the run when its worker panics, so that the others do not wait for it for ever.
struct Alarm<'run>(&'run Pool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(IngestError::Panicked);
        }
    }
}

/// Works until everything is settled or the run is lost.
pub(super) fn work(context: &Context<'_>) -> Done {
    let _alarm = Alarm(context.pool);
    let fallback = context.options.fallback_domain.as_deref();
    let mut worker = Worker {
        context,
        meter: Meter::new(context.domains, fallback),
        clock: Clock::default(),
        block: Block::default(),
        rows: Vec::new(),
        done: Done {
            histograms: Histograms::default(),
            settled: Vec::new(),
        },
    };
    while let Some(task) = context.pool.next() {
        if let Err(error) = worker.perform(task) {
            context.pool.fail(error);
        }
    }
    worker.done
}

impl Worker<'_> {
    fn perform(&mut self, task: Task) -> Result<(), IngestError> {
        let mut part = Part::default();
        let run = match task {
            Task::Open(run) => {
                let opened = self.open(&run, &mut part);
                self.refuse_on_error(&run, opened)?;
                run
            }
            Task::Range(run, file, range, layout) => {
                let read = self.range(&run, &file, range, layout, &mut part);
                self.refuse_on_error(&run, read)?;
                run
            }
            Task::Block(run, block, mut layout) => {
                let metered = self.lines(&block, &mut layout, &mut part);
                self.context.pool.give_back(block);
                self.refuse_on_error(&run, metered)?;
                run
            }
        };
        self.meter.take_rows(&mut self.rows)?;
        run.add_rows(&mut self.rows)?;
        match run.finish(part) {
            true => self.settle(&run),
            false => Ok(()),
        }
    }

    fn settle(&mut self, run: &SourceRun) -> Result<(), IngestError> {
        let (mut report, usage) = run.settle(self.context.options)?;
        if report.is_committed() {
            self.context.sink.commit(&report, usage)?;
        }
        self.context.events.settled(&report)?;
        // Their text is written; only counts are needed from here on.
        report.rejects.lines = Vec::new();
        self.done.settled.push(report);
        self.context.pool.settle();
        Ok(())
    }

    /// A source's own failure refuses the source; any other ends the run.
    fn refuse_on_error(
        &self,
        run: &SourceRun,
        result: Result<(), Failure>,
    ) -> Result<(), IngestError> {
        match result {
            Ok(()) => Ok(()),
            Err(Failure::Source(refusal)) => {
                run.refuse(refusal);
                Ok(())
            }
            Err(Failure::Run(error)) => Err(error),
        }
    }

    /// Opens a source, and either splits it into ranges or reads it through.
    fn open(&mut self, run: &Arc<SourceRun>, part: &mut Part) -> Result<(), Failure> {
        if run.source.origin == Origin::Stdin {
            return self.stream(run, decode::open(io::stdin())?, part);
        }
        let mut file = run.source.open_file().map_err(DecodeError::Open)?;
        let metadata = file.metadata().map_err(DecodeError::Open)?;
        if !metadata.is_file() {
            return self.stream(run, decode::open(file)?, part);
        }
        let compression = Reader::compression_of(&mut file)?;
        let len = metadata.len();
        if compression == Compression::Plain {
            run.is_stored_as(compression);
            let layout = self.layout_of_file(run, &file, len)?;
            if !layout.has_headers() {
                return self.split(run, file, len, layout, part);
            }
        }
        io::Seek::rewind(&mut file).map_err(DecodeError::Open)?;
        self.stream(run, decode::open(file)?, part)
    }

    fn layout_of_file(&self, run: &SourceRun, file: &File, len: u64) -> Result<Layout, Failure> {
        if let Some(layout) = &self.context.options.layout {
            return self.accept(run, layout.clone());
        }
        let mut sample = vec![0; SAMPLE_BYTES.min(usize::try_from(len).unwrap_or(SAMPLE_BYTES))];
        std::os::unix::fs::FileExt::read_exact_at(file, &mut sample, 0)
            .map_err(DecodeError::Open)?;
        self.told_from(run, &sample, len <= SAMPLE_BYTES as u64)
    }

    fn told_from(&self, run: &SourceRun, sample: &[u8], is_whole: bool) -> Result<Layout, Failure> {
        match detect(sample, is_whole)? {
            Some(layout) => self.accept(run, layout),
            // Nothing but blank lines and comments: any format with comments counts them.
            None => Ok(Layout::CloudFront(Default::default())),
        }
    }

    fn accept(&self, run: &SourceRun, layout: Layout) -> Result<Layout, Failure> {
        if !layout.has_host() && self.context.options.fallback_domain.is_none() {
            return Err(Refusal::NoDomain.into());
        }
        run.has_layout(&layout);
        Ok(layout)
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
        let range = |from| Span::new(from, (from + CHUNK_BYTES).min(len));
        let tasks: Vec<_> = ranges
            .map(|from| {
                Task::Range(
                    Arc::clone(run),
                    Arc::clone(&file),
                    range(from),
                    layout.clone(),
                )
            })
            .collect();
        run.expect(tasks.len());
        self.context.pool.push_front(tasks);
        Ok(())
    }

    /// Meters the lines that start in a range of a plain file.
    fn range(
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
        let len = run.source.stored_bytes.unwrap_or(range.to).max(range.to);
        let mut block = std::mem::take(&mut self.block);
        let mut blocks = Blocks::of_range(file, range, len)?;
        let outcome = loop {
            match blocks.next(&mut block) {
                Ok(Piece::Lines) => match self.lines(&block, &mut layout, part) {
                    Ok(()) => {}
                    Err(error) => break Err(error),
                },
                Ok(Piece::Overlong(span, text)) => part.overlong(span, text),
                Ok(Piece::End) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        self.block = block;
        self.context.events.advanced(range.len());
        outcome
    }

    /// Meters a stream in order, and hands blocks to workers that have nothing to do.
    fn stream(
        &mut self,
        run: &Arc<SourceRun>,
        reader: Reader,
        part: &mut Part,
    ) -> Result<(), Failure> {
        run.is_stored_as(reader.compression());
        let mut blocks = Blocks::of_stream(reader);
        let mut block = std::mem::take(&mut self.block);
        let outcome = self.stream_blocks(run, &mut blocks, &mut block, part);
        self.block = block;
        outcome
    }

    fn stream_blocks(
        &mut self,
        run: &Arc<SourceRun>,
        blocks: &mut Blocks<'static>,
        block: &mut Block,
        part: &mut Part,
    ) -> Result<(), Failure> {
        let mut layout = None;
        let mut stored = 0;
        loop {
            let piece = blocks.next(block)?;
            self.context.events.advanced(blocks.stored_bytes() - stored);
            stored = blocks.stored_bytes();
            match piece {
                Piece::End => return Ok(()),
                Piece::Overlong(span, text) => part.overlong(span, text),
                Piece::Lines => {
                    let layout = match &mut layout {
                        Some(layout) => layout,
                        none => none.insert(self.layout_of_stream(run, blocks, block)?),
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

    fn layout_of_stream(
        &self,
        run: &SourceRun,
        blocks: &Blocks<'_>,
        block: &Block,
    ) -> Result<Layout, Failure> {
        if let Some(layout) = &self.context.options.layout {
            return self.accept(run, layout.clone());
        }
        let lines = block.lines();
        let sample = &lines[..lines.len().min(SAMPLE_BYTES)];
        self.told_from(
            run,
            sample,
            blocks.is_at_end() && sample.len() == lines.len(),
        )
    }

    fn lines_or_offer(
        &mut self,
        run: &Arc<SourceRun>,
        block: &mut Block,
        layout: &mut Layout,
        part: &mut Part,
    ) -> Result<(), Failure> {
        if !self.context.pool.wants_block() {
            return self.lines(block, layout, part);
        }
        let for_block = layout.clone();
        learn_headers(layout, block.lines());
        run.expect(1);
        self.context.pool.push_block(block, |block| {
            Task::Block(Arc::clone(run), block, for_block)
        });
        Ok(())
    }

    /// Meters a block of whole lines: the hot loop.
    fn lines(
        &mut self,
        block: &Block,
        layout: &mut Layout,
        part: &mut Part,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let span = block.span();
        let run = part.begin(span.from);
        let mut text = block.lines();
        let mut text_from = span.from;
        if span.from == 0
            && let Some(rest) = text.strip_prefix(UTF8_BOM)
        {
            text = rest;
            text_from = UTF8_BOM.len() as u64;
        }
        let (meter, histograms) = (&mut self.meter, &mut self.done.histograms);
        let (counts, rejects) = (&mut part.counts, &mut part.rejects);
        let (mut bytes, mut line_number, mut overflow) = (0u128, run.lines, Ok(()));
        let reject = |reason: Reject, line: &[u8], at: usize, number, bytes_at_most| RejectedLine {
            offset: text_from + at as u64,
            line: number,
            run_from: run.span.from,
            reason,
            bytes_at_most,
            text: line.into(),
        };
        scan(layout, text, &mut self.clock, |judged| {
            match judged.fate {
                Fate::Metered(record) => match meter.add(&record) {
                    Ok(()) => {
                        counts.metered += 1;
                        bytes += u128::from(record.bytes.as_u64());
                        histograms.response(record.bytes.as_u64());
                        if let Some(doubt) = record.doubt {
                            counts.doubts[doubt as usize] += 1;
                        }
                    }
                    Err(reason) => {
                        let bound = Some(record.bytes);
                        counts.reject(reason, bound);
                        rejects.keep(reject(reason, judged.line, judged.at, line_number, bound));
                    }
                },
                Fate::Skipped(skip) => {
                    if counts.skip(skip).is_err() {
                        overflow = Err(Refusal::Overflow);
                    }
                }
                Fate::Rejected(reason) => {
                    let bound: Option<Bytes> = judged.bytes_at_most;
                    counts.reject(reason, bound);
                    rejects.keep(reject(reason, judged.line, judged.at, line_number, bound));
                }
            }
            line_number += 1;
        });
        overflow?;
        part.add_bytes(bytes).map_err(|_| Refusal::Overflow)?;
        part.extend(span, lines_in(text));
        self.done.histograms.block(started.elapsed());
        Ok(())
    }
}

/// Lines in `text`, counted apart from the parser so that `LINE-1` compares two counts.
fn lines_in(text: &[u8]) -> u64 {
    let newlines = memchr_iter(b'\n', text).count() as u64;
    newlines + u64::from(!text.is_empty() && !text.ends_with(b"\n"))
}

/// What stops a piece of work.
enum Failure {
    /// The source is at fault.
    Source(Refusal),
    /// The run cannot go on.
    Run(IngestError),
}

impl<E: Into<Refusal>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Source(error.into())
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        Failure::Run(error)
    }
}
