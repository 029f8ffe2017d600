//! Reading a counted span once more: the log lines behind a figure.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memchr::memchr_iter;

use crate::decode::{self, Block, Blocks, DecodeError, Piece, Reader};
use crate::record::{
    Clock, DetectError, Fate, Judged, Layout, Record, Skip, detect, learn_headers, scan,
};
use crate::source::{Digest, Opening, PartHasher, Seed};
use crate::units::{Bytes, HostError, Slot, Span, normalize_host};

use super::{SAMPLE_BYTES, is_hole};

/// Which metered lines are looked for.
#[derive(Clone, Debug)]
pub struct WantedLines<'a> {
    /// The domain that they count for.
    pub domain: &'a str,
    /// Their slots, by number.
    pub slots: Range<u32>,
    /// The domain of lines without a host.
    pub fallback_domain: Option<&'a str>,
}

/// A metered line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundLine<'a> {
    /// Its number in the source, from 1.
    pub line: u64,
    /// Decompressed offset of its first byte.
    pub offset: u64,
    /// The slot that it counts in.
    pub slot: Slot,
    /// What it counts.
    pub bytes: Bytes,
    /// The line, without its newline.
    pub text: &'a [u8],
}

/// Why lines could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum RereadError {
    /// The file cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its format is not certain.
    #[error(transparent)]
    Detect(#[from] DetectError),
}

/// Whether the file at `path` still begins with the content of this `digest` and `length`.
///
/// Errors: those of reading.
pub fn still_begins_with(
    path: &Path,
    seed: Seed,
    digest: Digest,
    length: u64,
) -> Result<bool, DecodeError> {
    let hasher = PartHasher::new(seed, 0, length, &Arc::from([]));
    let mut blocks = Blocks::of_stream(open(path, length)?).digested_by(hasher);
    let mut block = Block::default();
    while blocks.next(&mut block)? != Piece::End {}
    let content = blocks.into_digests().into_content(seed, Opening::default());
    Ok((content.length, content.digest) == (length, digest))
}

/// Hands every wanted line of `span` to `each`, in order. `layout` is the format; `None` tells it
/// from the file.
///
/// Errors: [`RereadError`].
pub fn reread(
    path: &Path,
    layout: Option<Layout>,
    span: Span,
    wanted: &WantedLines<'_>,
    mut each: impl FnMut(FoundLine<'_>),
) -> Result<(), RereadError> {
    let mut layout = match layout {
        Some(layout) => Some(layout),
        None => layout_of(path, span.to)?,
    };
    let mut blocks = Blocks::of_stream(open(path, span.to)?);
    let mut block = Block::default();
    let (mut clock, mut line) = (Clock::default(), 1);
    let mut host = String::new();
    loop {
        let from = match blocks.next(&mut block)? {
            Piece::End => return Ok(()),
            Piece::Overlong(..) => {
                line += 1;
                continue;
            }
            Piece::Hole(_) => continue,
            Piece::Lines => block.span().from,
        };
        let layout = match &mut layout {
            Some(layout) => layout,
            None => match detect(block.lines(), true)? {
                Some(told) => layout.insert(told),
                None => {
                    line += memchr_iter(b'\n', block.lines()).count() as u64;
                    continue;
                }
            },
        };
        let known = (span.from.max(from) - from).min(block.span().len());
        let (before, text) = block.lines().split_at(known as usize);
        learn_headers(layout, before);
        line += memchr_iter(b'\n', before).count() as u64;
        let text_from = from + before.len() as u64;
        scan(layout, text, &mut clock, |judged| {
            if let Fate::Skipped(Skip::Hole) = judged.fate {
                return;
            }
            if let Some(record) = record_of(&judged)
                && wanted.slots.contains(&record.time.slot().index())
                && counts_for(record, wanted, &mut host)
            {
                each(FoundLine {
                    line,
                    offset: text_from + judged.at as u64,
                    slot: record.time.slot(),
                    bytes: record.bytes,
                    text: judged.line,
                });
            }
            line += 1;
        });
    }
}

/// The first `length` decompressed bytes of a file; that it has fewer is an error.
fn open(path: &Path, length: u64) -> Result<Reader, DecodeError> {
    // What came by a pipe is gone, and reading on might never end.
    let is_file = path.metadata().map_err(DecodeError::Open)?.is_file();
    let file = is_file.then(|| File::open(path));
    let gone = || Err(io::ErrorKind::NotFound.into());
    let file = file.unwrap_or_else(gone).map_err(DecodeError::Open)?;
    Ok(decode::open(file)?.cut_at(length))
}

/// The format of a file by its first bytes; `None` where they hold no line to tell it from.
fn layout_of(path: &Path, length: u64) -> Result<Option<Layout>, RereadError> {
    let mut reader = open(path, length)?;
    let sample = reader.peek(SAMPLE_BYTES)?;
    let is_whole = sample.len() < SAMPLE_BYTES;
    match !is_whole && is_hole(sample) {
        true => Ok(None),
        false => Ok(detect(sample, is_whole)?),
    }
}

fn record_of<'b, 'a>(judged: &'b Judged<'a>) -> Option<&'b Record<'a>> {
    match &judged.fate {
        Fate::Metered(record) => Some(record),
        Fate::Skipped(_) | Fate::Rejected(_) => None,
    }
}

fn counts_for(record: &Record<'_>, wanted: &WantedLines<'_>, host: &mut String) -> bool {
    match normalize_host(record.host, host) {
        Ok(()) => host == wanted.domain,
        Err(HostError::Missing) => wanted.fallback_domain == Some(wanted.domain),
        Err(_) => false,
    }
}
