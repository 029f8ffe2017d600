//! Opening a source: how it is stored, its format, what is known of it, and who reads which part.

use std::fs::File;
use std::io::Seek;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::look::Look;
use super::pool::Task;
use super::report::Refusal;
use super::run::SourceRun;
use super::worker::{Failure, Worker};
use super::{CHUNK_BYTES, IngestError, Options, SAMPLE_BYTES, is_hole};
use crate::decode::{
    self, Block, Blocks, Compression, DecodeError, Piece, Reader, hold_no_container,
};
use crate::record::{Layout, detect, hold_against, learn_headers};
use crate::scan::Findings;
use crate::source::{DIGEST_CHUNK_BYTES, OPENING_BYTES, Opening, Origin, Pipe, Source};
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
    pub(super) fn open(
        &mut self,
        run: &Arc<SourceRun>,
        found: &mut Findings,
    ) -> Result<(), Failure> {
        match &run.source.origin {
            Origin::Stdin => {
                let stdin = Pipe::stdin(self.context.pool.is_lost()).map_err(DecodeError::Open)?;
                return self.stream(run, decode::open(stdin)?, found);
            }
            Origin::Barred(bar) => return Err(bar.clone().into()),
            Origin::File(_) => {}
        }
        let is_salvage = self.context.options.is_salvage;
        let (mut file, look) = run.open_file().map_err(DecodeError::Open)?;
        let Some(len) = look.map(Look::len) else {
            let pipe = Pipe::new(file, self.context.pool.is_lost());
            return self.stream(run, decode::open(pipe)?, found);
        };
        file.rewind().map_err(DecodeError::Open)?;
        let compression = Reader::compression_of(&mut file)?;
        if compression == Compression::Plain && run.learnt().kept.is_none() {
            run.is_stored_as(compression);
            let mut sample =
                vec![0; SAMPLE_BYTES.min(usize::try_from(len).unwrap_or(SAMPLE_BYTES))];
            file.read_exact_at(&mut sample, 0)
                .map_err(DecodeError::Open)?;
            hold_no_container(compression, &sample)?;
            let is_whole = len <= SAMPLE_BYTES as u64;
            let told = self.tell(run, &sample, is_whole);
            // What has no line to tell a format from yet may get some before it is read: in order, where
            // what is looked at is the start of what is read.
            let is_split = match &told {
                Ok(layout) => layout.as_ref().is_some_and(|layout| !layout.has_headers()),
                Err(_) => true,
            };
            if is_split && let Some(layout) = self.approach(run, &sample, told)? {
                return self.split(run, file, len, layout, found);
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
        self.stream(run, reader, found)
    }

    /// Decides how a source is read by what is known of contents that begin like its `sample`, of which
    /// `told` is the format.
    fn approach(
        &self,
        run: &SourceRun,
        sample: &[u8],
        told: Result<Option<Layout>, Failure>,
    ) -> Result<Option<Layout>, Failure> {
        let Some(seed) = self.context.sink.seed() else {
            return told;
        };
        let opening = Opening::of(seed, sample);
        let known = self.context.sink.known_like(&opening)?;
        run.approach_with(seed, opening, &known);
        told.or_else(|failure| only_if_known(run, failure).map(Some))
    }

    /// Tells the format of a source from its first lines, or from the first ones behind those that tell
    /// nothing.
    ///
    /// `None` where there is no line to tell it from: a hole, blank lines and comments. Lines that are
    /// found behind them are asked then.
    fn tell(
        &self,
        run: &SourceRun,
        sample: &[u8],
        is_whole: bool,
    ) -> Result<Option<Layout>, Failure> {
        if !is_whole && is_hole(sample) {
            return Ok(None);
        }
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
        Ok(layout)
    }

    /// The format of the lines of a block that no lines before it tell.
    ///
    /// `None` where these do not either. No line of such a block can be metered.
    fn tell_by_block(&self, run: &SourceRun, block: &Block) -> Result<Option<Layout>, Failure> {
        let told = self.tell(run, block.lines(), true);
        told.or_else(|failure| only_if_known(run, failure).map(Some))
    }

    /// Cuts a plain file into ranges for all workers; a small one is read at once.
    fn split(
        &mut self,
        run: &Arc<SourceRun>,
        file: File,
        len: u64,
        layout: Layout,
        found: &mut Findings,
    ) -> Result<(), Failure> {
        if len <= CHUNK_BYTES {
            return self.range(run, &file, Span::new(0, len), layout, found);
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
        found: &mut Findings,
    ) -> Result<(), Failure> {
        if run.is_refused() {
            return Ok(());
        }
        let approach = run.approach();
        let len = run.len().unwrap_or(range.to);
        let hasher = approach.hasher(range.from, range.to);
        let blocks = Blocks::of_range(file, range, len, hasher)?;
        let resume = run.resume();
        let outcome = self.scanner.all(blocks, resume, &mut layout, found);
        self.context.events.advanced(range.len());
        Ok(outcome?)
    }

    /// Meters a stream in order, and hands blocks to workers that have nothing to do.
    fn stream(
        &mut self,
        run: &Arc<SourceRun>,
        mut reader: Reader,
        found: &mut Findings,
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
        let told = self.tell(run, sample, sample.len() < SAMPLE_BYTES);
        let layout = self.approach(run, sample, told)?;
        let mut blocks = Blocks::of_stream(reader);
        if let Some(hasher) = run.approach().hasher(0, u64::MAX) {
            blocks = blocks.digested_by(hasher);
        }
        let mut block = self.scanner.take_block();
        let outcome = self.stream_blocks(run, &mut blocks, &mut block, layout, found);
        self.scanner.give_back(block);
        if let Some(damage) = blocks.damage() {
            run.is_damaged(damage);
        }
        found.digests.append(blocks.into_digests());
        outcome
    }

    fn stream_blocks(
        &mut self,
        run: &Arc<SourceRun>,
        blocks: &mut Blocks<'static>,
        block: &mut Block,
        mut layout: Option<Layout>,
        found: &mut Findings,
    ) -> Result<(), Failure> {
        let mut stored = 0;
        loop {
            self.hold_not_lost()?;
            let piece = blocks.next(block)?;
            self.context.events.advanced(blocks.stored_bytes() - stored);
            stored = blocks.stored_bytes();
            match piece {
                Piece::End => return Ok(()),
                Piece::Overlong(span, text) => found.overlong(span, text, run.resume()),
                Piece::Hole(span) => found.hole(span, run.resume()),
                Piece::Lines => {
                    layout = match layout {
                        None => self.tell_by_block(run, block)?,
                        told => told,
                    };
                    // Any format with comments counts blank lines and comments.
                    let stand_in = &mut Layout::CloudFront(Default::default());
                    let layout = layout.as_mut().unwrap_or(stand_in);
                    self.lines_or_offer(run, block, layout, found)?;
                }
            }
            if ROWS_KEPT_MAX < self.scanner.rows_closed() {
                self.scanner
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
        found: &mut Findings,
    ) -> Result<(), Failure> {
        let resume = run.resume();
        if block.span().to <= resume || !self.context.pool.wants_block() {
            return Ok(self.scanner.lines(block, resume, layout, found)?);
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
        // What was read of a pipe is gone, and there may never be more.
        let file = source.is_repeatable().then(|| source.open_file().ok())??;
        let mut reader = decode::open(file).ok()?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::pool::Pool;
    use crate::ingest::run::Learnt;
    use crate::ingest::worker::Context;
    use crate::meter::{Domains, UsageTable};
    use std::io::{self, Read};
    use std::sync::Mutex;

    const LINE: &[u8] = b"20261001081502 203.0.113.9 v.example.cn /a 1000 22 2 206 NULL 41\n";

    /// Text that somebody writes at once behind each end that a reader meets.
    struct Late(Vec<&'static [u8]>);

    impl Read for Late {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(text) = self.0.pop() else {
                return Ok(0);
            };
            let (now, later) = text.split_at(text.len().min(buffer.len()));
            buffer[..now.len()].copy_from_slice(now);
            if !later.is_empty() {
                self.0.push(later);
            }
            Ok(now.len())
        }
    }

    /// Lines that are read and metered of `texts`, between which the end is met.
    fn lines(texts: &[&'static [u8]]) -> (u64, u64) {
        let options = Options {
            rows_max: 1000,
            ..Options::default()
        };
        let (domains, sink) = (Domains::new(), Mutex::new(UsageTable::new(1000)));
        let context = Context {
            options: &options,
            events: &(),
            sink: &sink,
            domains: &domains,
            pool: &Pool::new(Vec::new(), &options),
        };
        let source = Source {
            name: "a.log".into(),
            identity: "/a.log".into(),
            origin: Origin::Stdin,
            stored_bytes: None,
            stamp: None,
        };
        let run = Arc::new(SourceRun::new(0, source, 1000, Learnt::default()));
        let mut pieces = Vec::new();
        for text in texts.iter().rev() {
            pieces.extend([&b""[..], text]);
        }
        // The end is met before the first text, too, if that is empty.
        let mut found = Findings::default();
        let reader = decode::open(Late(pieces)).map_err(|error| error.to_string());
        let read = Worker::new(&context).stream(&run, reader.expect("opened"), &mut found);
        assert!(read.is_ok());
        (found.counts.lines, found.counts.metered)
    }

    #[test]
    fn d11_what_is_written_behind_the_end_that_was_met_is_read_another_time() {
        assert_eq!(lines(&[LINE]), (1, 1));
        assert_eq!(lines(&[b"", LINE]), (0, 0));
        assert_eq!(lines(&[b"# comment\n\n", LINE, LINE]), (2, 0));
        assert_eq!(lines(&[LINE, LINE]), (1, 1));
    }
}
