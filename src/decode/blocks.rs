//! Cutting a stream, or a range of a file, into blocks of whole lines.
//!
//! ```text
//! buffer   [ carried over | read now ........ | free ]
//!                         whole lines ┘ tail ┘  → carried over into the next block
//! ```
//! A range `[from, to)` of a plain file owns the lines that *start* in it: reading begins one
//! byte early to see whether a line starts at `from`, and goes on past `to` to the end of the last
//! line. So neighbours share every byte of the file without gap or overlap.
//!
//! A line that is longer than the limit because zeros stand in front of it is cut behind the zeros: a
//! log that was truncated under its writer begins with as many as it had bytes. The zeros are handed
//! out as a [`Piece::Hole`], however many they are, and the line behind them belongs to the same range.

use memchr::{memchr, memrchr};

use super::archive::{Damage, Reader};
use super::error::DecodeError;
use super::feed::{Feed, RangeReader};
use crate::source::{Input, PartDigests, PartHasher};
use crate::units::Span;

/// Decompressed bytes of a usual block: stays in a second-level cache.
pub const BLOCK_BYTES: usize = 512 << 10;
/// Longest line that is parsed; a longer one is one reject.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// Bytes of an overlong line that are kept for the quarantine.
const OVERLONG_SAMPLE_BYTES: usize = 256;

/// A buffer with whole lines in front.
#[derive(Debug, Default)]
pub struct Block {
    bytes: Vec<u8>,
    lines_len: usize,
    from: u64,
}

impl Block {
    /// The whole lines; the last lacks its newline at the end of a source only.
    pub fn lines(&self) -> &[u8] {
        &self.bytes[..self.lines_len]
    }

    fn grow(&mut self, len: usize) {
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
    }

    /// Where the lines stand in the source.
    pub fn span(&self) -> Span {
        Span::new(self.from, self.from + self.lines_len as u64)
    }
}

/// What comes next in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The block was filled with whole lines.
    Lines,
    /// A line over [`LINE_BYTES_MAX`]: where it stands, its newline included, and its first bytes.
    Overlong(Span, Box<[u8]>),
    /// Zeros in front of a line that would be too long with them: where they stand. The line is next.
    Hole(Span),
    /// There is no more.
    End,
}

/// The blocks of a stream, or of a range of a plain file.
#[derive(Debug)]
pub struct Blocks<'a> {
    feed: Feed<'a>,
    is_fed: bool,
    /// What was read and not yet handed out.
    carried: Vec<u8>,
    /// Source offset of the first carried byte: where the next line starts.
    at: u64,
    /// Lines that start here or later are not ours.
    stop: u64,
    /// Source offset of the byte that is read next.
    fed_to: u64,
    hasher: Option<PartHasher>,
}

impl Blocks<'static> {
    /// All blocks of a stream.
    pub fn of_stream(reader: Reader) -> Self {
        let feed = Feed::Stream(reader);
        Blocks {
            feed,
            is_fed: false,
            carried: Vec::new(),
            at: 0,
            stop: u64::MAX,
            fed_to: 0,
            hasher: None,
        }
    }

    /// The blocks of the lines that start in `range` of what a stream decompresses to; what is before them is read
    /// and passed over.
    ///
    /// All bytes of `range` go through `hasher`, if one is given.
    ///
    /// Errors: [`DecodeError`].
    pub fn of_stream_range(
        reader: Reader,
        range: Span,
        hasher: Option<PartHasher>,
    ) -> Result<Self, DecodeError> {
        let mut blocks = Blocks {
            stop: range.to,
            hasher,
            ..Blocks::of_stream(reader)
        };
        if range.from != 0 {
            blocks.skip_to(range.from - 1)?;
            blocks.skip_line(range.to)?;
        }
        Ok(blocks)
    }

    /// Passes over all bytes before `offset`.
    fn skip_to(&mut self, offset: u64) -> Result<(), DecodeError> {
        let mut buffer = vec![0; BLOCK_BYTES];
        while !self.is_fed && self.at < offset {
            let left = usize::try_from(offset - self.at).unwrap_or(usize::MAX);
            let len = buffer.len().min(left);
            self.at += self.feed_into(&mut buffer[..len])? as u64;
        }
        Ok(())
    }
}

impl<'a> Blocks<'a> {
    /// The blocks of the lines that start in `range` of a plain input of `len` bytes.
    ///
    /// All bytes of `range` go through `hasher`, if one is given.
    ///
    /// Errors: [`DecodeError`].
    pub fn of_range(
        input: &'a dyn Input,
        range: Span,
        len: u64,
        hasher: Option<PartHasher>,
    ) -> Result<Self, DecodeError> {
        let at = range.from.saturating_sub(1);
        let feed = Feed::Range(RangeReader { input, at, len });
        let mut blocks = Blocks {
            feed,
            is_fed: false,
            carried: Vec::new(),
            at,
            stop: range.to,
            fed_to: at,
            hasher,
        };
        if range.from != 0 {
            blocks.skip_line(range.to)?;
        }
        Ok(blocks)
    }

    /// Has all bytes go through `hasher`; nothing may have been read before.
    pub fn digested_by(self, hasher: PartHasher) -> Self {
        debug_assert_eq!(self.fed_to, self.at);
        Blocks {
            hasher: Some(hasher),
            ..self
        }
    }

    /// The digests, if there was a hasher. What was read of them is what was handed out.
    pub fn into_digests(self) -> PartDigests {
        self.hasher.map(PartHasher::finish).unwrap_or_default()
    }

    /// Stored bytes that were read of a stream; 0 for a range.
    pub fn stored_bytes(&self) -> u64 {
        match &self.feed {
            Feed::Stream(reader) => reader.stored_bytes(),
            Feed::Range(_) => 0,
        }
    }

    /// The damage of a stream that was taken for its end ([`Reader::salvaging`]).
    pub fn damage(&mut self) -> Option<Damage> {
        match &mut self.feed {
            Feed::Stream(reader) => reader.damage(),
            Feed::Range(_) => None,
        }
    }

    /// Whether everything was read, so that the block handed out last was the last one.
    pub fn is_at_end(&self) -> bool {
        self.stop <= self.at || (self.is_fed && self.carried.is_empty())
    }

    /// Fills `block` with the next whole lines.
    ///
    /// Errors: [`DecodeError`]; the source is then of no use.
    pub fn next(&mut self, block: &mut Block) -> Result<Piece, DecodeError> {
        block.from = self.at;
        block.lines_len = 0;
        if self.is_at_end() {
            return Ok(Piece::End);
        }
        let mut filled = self.carried.len();
        block.grow(filled.max(BLOCK_BYTES));
        block.bytes[..filled].copy_from_slice(&self.carried);
        self.carried.clear();
        loop {
            filled += self.feed_into(&mut block.bytes[filled..])?;
            let text = &block.bytes[..filled];
            match self.whole_lines(text) {
                Some(0) => return Ok(Piece::End),
                Some(lines_len) => {
                    block.lines_len = lines_len;
                    self.carried.extend_from_slice(&text[lines_len..]);
                    self.at += lines_len as u64;
                    return Ok(Piece::Lines);
                }
                None if LINE_BYTES_MAX < filled && text[0] == 0 => return self.hole(text),
                None if LINE_BYTES_MAX < filled => return self.overlong(filled as u64, text),
                None => block.grow(LINE_BYTES_MAX + 1),
            }
        }
    }

    fn feed_into(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        if self.is_fed {
            return Ok(0);
        }
        let len = self.feed.fill(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(self.fed_to, &buffer[..len]);
        }
        self.fed_to += len as u64;
        self.is_fed = len < buffer.len();
        Ok(len)
    }

    /// Length of the lines of ours that are whole in `text`, which starts at `self.at`; `None`
    /// where more must be read to tell.
    fn whole_lines(&self, text: &[u8]) -> Option<usize> {
        if self.stop < self.at + text.len() as u64 {
            // The last line of ours is the one that holds the byte before `stop`.
            let last = (self.stop - 1 - self.at) as usize;
            if let Some(further) = memchr(b'\n', &text[last..]) {
                return Some(last + further + 1);
            }
        }
        match self.is_fed {
            true => Some(text.len()),
            false => memrchr(b'\n', text).map(|newline| newline + 1),
        }
    }

    /// Passes over the line whose first `len` bytes are `text`, with no end in them.
    fn overlong(&mut self, len: u64, text: &[u8]) -> Result<Piece, DecodeError> {
        let from = self.at;
        let sample = text[..OVERLONG_SAMPLE_BYTES].into();
        self.at += len;
        self.skip_line(u64::MAX)?;
        Ok(Piece::Overlong(Span::new(from, self.at), sample))
    }

    /// Passes over the zeros that `text` begins with, and those behind it.
    fn hole(&mut self, text: &[u8]) -> Result<Piece, DecodeError> {
        let from = self.at;
        let behind = |text: &[u8]| text.iter().position(|&byte| byte != 0);
        match behind(text) {
            Some(len) => {
                self.at += len as u64;
                self.carried.extend_from_slice(&text[len..]);
            }
            None => {
                self.at += text.len() as u64;
                self.skip_until(u64::MAX, behind)?;
            }
        }
        // Its line is ours, as the hole is, wherever it ends.
        self.stop = self.stop.max(self.at + 1);
        Ok(Piece::Hole(Span::new(from, self.at)))
    }

    /// Reads on to the start of the next line, or until no line can start before `limit`.
    fn skip_line(&mut self, limit: u64) -> Result<(), DecodeError> {
        let behind = |text: &[u8]| memchr(b'\n', text).map(|newline| newline + 1);
        self.skip_until(limit, behind)
    }

    /// Reads on to the place that `find` gives, or until `limit`.
    fn skip_until(
        &mut self,
        limit: u64,
        find: impl Fn(&[u8]) -> Option<usize>,
    ) -> Result<(), DecodeError> {
        let mut buffer = vec![0; BLOCK_BYTES];
        while !self.is_fed && self.at < limit {
            let len = self.feed_into(&mut buffer)?;
            let text = &buffer[..len];
            let passed = find(text);
            self.at += passed.unwrap_or(len) as u64;
            if let Some(passed) = passed {
                self.carried.extend_from_slice(&text[passed..]);
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::open;
    use proptest::prelude::*;
    use std::io::{Cursor, Write};

    /// All lines with their offsets; overlong lines as their length.
    fn collect(mut blocks: Blocks<'_>, out: &mut Vec<(u64, Vec<u8>)>) {
        let mut block = Block::default();
        loop {
            match blocks.next(&mut block).expect("readable") {
                Piece::End => return,
                Piece::Overlong(span, _) => out.push((span.from, vec![b'L'; span.len() as usize])),
                Piece::Hole(span) => out.push((span.from, vec![0; span.len() as usize])),
                Piece::Lines => {
                    let mut at = block.span().from;
                    for line in block.lines().split_inclusive(|&byte| byte == b'\n') {
                        out.push((at, line.to_vec()));
                        at += line.len() as u64;
                    }
                }
            }
        }
    }

    fn expected(text: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut at = 0;
        let lines = text.split_inclusive(|&byte| byte == b'\n').map(|line| {
            let from = at;
            at += line.len() as u64;
            let body = line.strip_suffix(b"\n").unwrap_or(line);
            match body.len() <= LINE_BYTES_MAX {
                true => (from, line.to_vec()),
                false => (from, vec![b'L'; line.len()]),
            }
        });
        lines.collect()
    }

    /// Both ways of reading give every line once: as a stream, and as ranges cut anywhere.
    fn check(text: &[u8], cuts: &[usize]) {
        let mut streamed = Vec::new();
        let reader = open(Cursor::new(text.to_vec())).expect("plain");
        collect(Blocks::of_stream(reader), &mut streamed);
        assert!(streamed == expected(text), "as a stream");

        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(text).expect("written");
        let len = text.len() as u64;
        let mut bounds: Vec<u64> = cuts.iter().map(|cut| *cut as u64 % (len + 1)).collect();
        bounds.extend([0, len]);
        bounds.sort_unstable();
        let mut ranged = Vec::new();
        for pair in bounds.windows(2) {
            let range = Span::new(pair[0], pair[1]);
            collect(
                Blocks::of_range(&file, range, len, None).expect("readable"),
                &mut ranged,
            );
        }
        assert!(ranged == expected(text), "as ranges {bounds:?}");
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        // Mostly short lines, now and then one around a limit.
        let len = prop_oneof![
            20 => 0..40usize,
            1 => BLOCK_BYTES - 2..BLOCK_BYTES + 3,
            1 => LINE_BYTES_MAX - 2..LINE_BYTES_MAX + 3,
        ];
        (proptest::collection::vec(len, 0..30), any::<bool>()).prop_map(
            |(lens, ends_in_newline)| {
                let mut text = Vec::new();
                for len in lens {
                    text.resize(text.len() + len, b'x');
                    text.push(b'\n');
                }
                if !ends_in_newline {
                    text.pop();
                }
                // Magic bytes of nothing: plain text.
                text
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn every_line_comes_once_however_the_input_is_cut(
            text in text(),
            cuts in proptest::collection::vec(any::<usize>(), 0..6),
        ) {
            check(&text, &cuts);
        }
    }

    #[test]
    fn a9_a_hole_is_cut_off_where_the_line_would_be_too_long_with_it() {
        let pieces = |hole: usize, line: &[u8]| {
            let text = [&vec![0; hole][..], line, b"\nlast\n"].concat();
            let reader = open(Cursor::new(text.clone())).expect("plain");
            let mut streamed = Vec::new();
            collect(Blocks::of_stream(reader), &mut streamed);
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&text).expect("written");
            let len = text.len() as u64;
            // Cut within the hole, at both of its ends, and within the line behind it.
            let hole = hole as u64;
            for cut in [
                1,
                hole / 2,
                hole - 1,
                hole,
                hole + 1,
                hole + line.len() as u64,
            ] {
                let mut ranged = Vec::new();
                for range in [Span::new(0, cut), Span::new(cut, len)] {
                    let blocks = Blocks::of_range(&file, range, len, None);
                    collect(blocks.expect("readable"), &mut ranged);
                }
                assert!(ranged == streamed, "cut at {cut}");
            }
            let lens = streamed.iter().map(|(_, piece)| piece.len());
            lens.collect::<Vec<_>>()
        };
        let max = LINE_BYTES_MAX;
        assert_eq!(pieces(9, b"line"), [14, 5]);
        assert_eq!(pieces(max - 4, b"line"), [max + 1, 5]);
        assert_eq!(pieces(max - 3, b"line"), [max - 3, 5, 5]);
        assert_eq!(pieces(3 * max, b"line"), [3 * max, 5, 5]);
        assert_eq!(pieces(2 * max, b""), [2 * max, 1, 5]);
        let long = vec![b'x'; max + 1];
        assert_eq!(pieces(max, &long), [max, max + 2, 5]);
        assert_eq!(pieces(7, &long), [7, max + 2, 5]);
    }

    #[test]
    fn edges_of_ranges_and_limits() {
        check(b"", &[]);
        check(b"\n", &[0, 1]);
        check(b"a\nb\nc", &[0, 1, 2, 3, 4, 5]);
        let mut long = vec![b'x'; 3 * LINE_BYTES_MAX];
        long.extend_from_slice(b"\nshort\n");
        check(
            &long,
            &[
                10,
                LINE_BYTES_MAX,
                2 * LINE_BYTES_MAX,
                3 * LINE_BYTES_MAX + 1,
            ],
        );
    }
}
