//! Records that end with a carriage return alone, as old systems and some converters write them.
//!
//! A line ends with a line feed, with or without a carriage return before it. Where records end otherwise, many of
//! them are one line to us, of which a format that bears more fields than it needs would meter the first and pass
//! over the rest without a word. But a return may also stand in a line, as a client's word. So what stands behind
//! a lone return decides:
//!
//! - A file is refused, by name, if most of what stands behind the lone returns in its first bytes are records
//!   that a format reads, and these are more than half as many as its lines.
//! - Any other line of [`LINE_BYTES_MIN`] or more, of a format that bears more fields, is rejected (`lone-return`) if behind a lone return in it stands
//!   a record that its format reads. One such line refuses no file; as many as the reject ratio allows are lost to
//!   the quarantine, and no more.
//!
//! A return in a user agent refuses nothing and rejects nothing: what is behind it is no record.

use memchr::{memchr, memchr_iter};

use super::fate::{Fate, Reject};
use super::{LineFormat, SAMPLE_LINES_MAX};

/// Bytes from which on a line is looked at: looking at every line would cost a tenth of the time to parse it. Nor can
/// parts of blocks be looked at in its place, or lines near one with a return: what a line counts must not depend on
/// where blocks are cut. So shorter lines that hold records behind lone returns, past the first bytes of a file, count
/// as the record that they begin with.
pub(super) const LINE_BYTES_MIN: usize = 1024;

/// What stands behind each lone return of a line, up to the next; a return at the end is none.
fn behind(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let pieces = line.split(|&byte| byte == b'\r').skip(1);
    pieces.filter(|piece| !piece.is_empty())
}

/// Whether the records in a `sample` end with lone returns, as far as `is_record` knows records.
pub(super) fn end_records(sample: &[u8], mut is_record: impl FnMut(&[u8]) -> bool) -> bool {
    let lines = sample.split(|&byte| byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    let lines: Vec<&[u8]> = lines.take(SAMPLE_LINES_MAX).collect();
    let pieces = lines.iter().flat_map(|line| behind(line));
    let pieces = pieces
        .filter(|piece| piece[0] != b'#')
        .take(SAMPLE_LINES_MAX);
    let (mut all, mut read) = (0, 0);
    for piece in pieces {
        all += 1;
        read += usize::from(is_record(piece));
    }
    all < 2 * read && lines.len() < 2 * read
}

/// The same text with line feeds for lone returns; `None` where there are none.
pub(super) fn mended(sample: &[u8]) -> Option<Vec<u8>> {
    let is_lone = |at: &usize| sample.get(at + 1).is_some_and(|&next| next != b'\n');
    let mut lone = memchr_iter(b'\r', sample).filter(is_lone).peekable();
    lone.peek()?;
    let mut mended = sample.to_vec();
    lone.for_each(|at| mended[at] = b'\n');
    Some(mended)
}

/// Rejects a line of `fate` in which another record of its format stands behind a lone return.
#[cold]
pub(super) fn hold_one_record<'a, F: LineFormat>(
    format: &F,
    line: &[u8],
    fate: Fate<'a>,
) -> Fate<'a> {
    let has_return = memchr(b'\r', line).is_some();
    match has_return && behind(line).any(|piece| format.specify(piece).is_row()) {
        true => Fate::Rejected(Reject::LoneReturn),
        false => fate,
    }
}
