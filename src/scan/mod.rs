//! Scanning: what turns a span of an input into counts, usage, rejects and digests.
//!
//! Owns: the hot loop over blocks, the fate of each line in the counts, rejected lines as far as they are kept.
//! Does not own: threads, which input is read when, what becomes of what was found, what is known already.
//! Invariant: the lines that start in a span are found by its scan and by no other; `LINE-1` holds for each.
//!
//! A run on one machine drives [`Scanner`] itself, block by block, and keeps numbers of domains. [`scan()`] is the same
//! for whoever has one span and nothing else: another process, or another machine.

mod findings;
mod part;
mod rejects;
mod scanner;
mod tally;

use std::sync::Arc;

pub use findings::{Findings, LineRun};
pub use part::{JoinError, Part, PartCounts, PartOfContent, PartReject, PartRow};
pub use rejects::{REJECTS_KEPT_BYTES_MAX, RejectedLine, Rejects};
pub use scanner::{Scanner, StretchError};

use crate::decode::{self, Blocks, Compression, DecodeError};
use crate::meter::{Domains, Overflow, TooManyDomains};
use crate::record::Layout;
use crate::source::{DIGEST_CHUNK_BYTES, Input, PartHasher, Seed};
use crate::units::Span;

/// How a span is scanned.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Where the lines start, in decompressed bytes; it may end behind the input.
    pub span: Span,
    /// How lines are read, as the headers before the span left it.
    pub layout: &'a Layout,
    /// The domain of lines without a host.
    pub fallback_domain: Option<&'a str>,
    /// What digests start from, where they are wanted: the span starts and ends at chunks of
    /// [`DIGEST_CHUNK_BYTES`] then, or ends with the input.
    pub seed: Option<Seed>,
}

/// Why a span could not be scanned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// It cannot be read, or its sums are too large.
    #[error(transparent)]
    Stretch(#[from] StretchError),
    /// Digests were asked for of a span that starts within a chunk.
    #[error("a span that is digested starts at a chunk, not at {from}")]
    Unaligned {
        /// Where it starts.
        from: u64,
    },
    /// The input changed while it was scanned.
    #[error("it changed while it was scanned; scan it again")]
    Changed,
    /// Its lines name too many domains.
    #[error(transparent)]
    TooManyDomains(#[from] TooManyDomains),
}

impl From<DecodeError> for ScanError {
    fn from(error: DecodeError) -> Self {
        ScanError::Stretch(error.into())
    }
}

impl From<Overflow> for ScanError {
    fn from(error: Overflow) -> Self {
        ScanError::Stretch(error.into())
    }
}

/// Scans the lines that start in a span of an input, in this thread.
///
/// Errors: [`ScanError`].
pub fn scan(input: &dyn Input, request: &Request<'_>) -> Result<Part, ScanError> {
    let span = request.span;
    if request.seed.is_some() && !span.from.is_multiple_of(DIGEST_CHUNK_BYTES) {
        return Err(ScanError::Unaligned { from: span.from });
    }
    let hasher = request
        .seed
        .map(|seed| PartHasher::new(seed, span.from, span.to, &Arc::from([])));
    let version = input.version().map_err(DecodeError::Open)?;
    let reader = decode::open(input.stream().map_err(DecodeError::Open)?)?;
    let blocks = match reader.compression() {
        Compression::Plain => {
            let length = input.length().map_err(DecodeError::Open)?;
            let within = Span::new(span.from.min(length), span.to.min(length));
            Blocks::of_range(input, within, length, hasher)?
        }
        _ => Blocks::of_stream_range(reader, span, hasher)?,
    };
    let domains = Domains::new();
    let mut scanner = Scanner::new(&domains, request.fallback_domain);
    let (mut found, mut rows) = (Findings::default(), Vec::new());
    let mut layout = request.layout.clone();
    scanner.all(blocks, 0, &mut layout, &mut found)?;
    scanner.take_rows(&mut rows)?;
    if input.version().map_err(DecodeError::Open)? != version {
        return Err(ScanError::Changed);
    }
    let name_of = |number| domains.names_of(&[number]).concat();
    Ok(Part::new(request, version, &layout, found, &rows, name_of)?)
}
