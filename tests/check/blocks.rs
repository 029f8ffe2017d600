//! However a source is read and cut, its blocks hand out every byte once, in order, as lines.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Cursor, Seek, Write};

use cdn_meter::decode::{
    BLOCK_BYTES, Block, Blocks, Compression, DecodeError, LINE_BYTES_MAX, Piece, open,
};
use cdn_meter::units::Span;

/// What stands for the bytes of a line over the limit, its newline too.
const MASK: u8 = b'L';
/// Longest text that is made of an input.
const TEXT_BYTES_MAX: usize = 4 << 20;
/// Lengths of the runs that an input can ask for: around every limit there is.
const RUNS: [usize; 11] = [
    LINE_BYTES_MAX - 1,
    LINE_BYTES_MAX,
    LINE_BYTES_MAX + 1,
    LINE_BYTES_MAX - BLOCK_BYTES,
    BLOCK_BYTES - 1,
    BLOCK_BYTES,
    BLOCK_BYTES + 1,
    LINE_BYTES_MAX + BLOCK_BYTES,
    2 * LINE_BYTES_MAX,
    4096,
    255,
];

/// Reads a text as a stream and as ranges of a file, and compares both with the text.
///
/// ```text
/// input = flags *8cut text          flags = cuts (3 bits), one block for all, the file grows
/// cut   = 3 bytes, modulo length    text  = *( long run | any byte )       run = place in RUNS
/// long  = 0xff of letters | 0xfe of zeros
/// ```
pub fn check(input: &[u8]) {
    let Some((&flags, rest)) = input.split_first() else {
        return;
    };
    let (cuts, rest) = rest.split_at(rest.len().min(usize::from(flags & 7) * 3));
    let text = text(rest);
    let is_one_block = flags & 8 != 0;
    let expected = masked(&text);
    if Compression::of_magic(&text) == Ok(Compression::Plain) {
        let reader = open(Cursor::new(text.clone())).expect("plain");
        let mut streamed = Collected::new(is_one_block);
        streamed
            .take(Blocks::of_stream(reader))
            .expect("memory does not fail");
        streamed.check(&expected, "as a stream");
    }
    let growth: &[u8] = if flags & 16 != 0 {
        b"more\nand more"
    } else {
        b""
    };
    with_file(&text, growth, |file| {
        let len = text.len() as u64;
        let mut bounds: Vec<u64> = cuts
            .as_chunks::<3>()
            .0
            .iter()
            .map(|&[high, mid, low]| u64::from(u32::from_be_bytes([0, high, mid, low])) % (len + 1))
            .chain([0, len])
            .collect();
        bounds.sort_unstable();
        let mut ranged = Collected::new(is_one_block);
        for pair in bounds.windows(2) {
            let blocks = Blocks::of_range(file, Span::new(pair[0], pair[1]), len, None);
            ranged.take(blocks.expect("readable")).expect("readable");
        }
        ranged.check(&expected, &format!("as ranges {bounds:?}"));
    });
}

/// What blocks have handed out so far.
pub struct Collected {
    bytes: Vec<u8>,
    block: Block,
    is_one_block: bool,
    /// The line before is masked, and its newline is.
    is_behind_overlong: bool,
}

impl Collected {
    /// Nothing yet; the same block is filled again and again, or every time a new one.
    pub fn new(is_one_block: bool) -> Self {
        Collected {
            bytes: Vec::new(),
            block: Block::default(),
            is_one_block,
            is_behind_overlong: false,
        }
    }

    /// Takes all that `blocks` have, overlong lines masked as by [`masked`].
    pub fn take(&mut self, mut blocks: Blocks<'_>) -> Result<(), DecodeError> {
        loop {
            if !self.is_one_block {
                self.block = Block::default();
            }
            let piece = blocks.next(&mut self.block)?;
            let is_overlong = matches!(piece, Piece::Overlong(..));
            match piece {
                Piece::End => return Ok(()),
                Piece::Lines => {
                    let (lines, span) = (self.block.lines(), self.block.span());
                    assert!(!lines.is_empty() && lines.len() as u64 == span.len());
                    assert_eq!(span.from, self.bytes.len() as u64, "SPAN-1");
                    assert!(
                        !lines
                            .split(|&byte| byte == b'\n')
                            .any(|l| LINE_BYTES_MAX < l.len())
                    );
                    self.bytes.extend_from_slice(lines);
                    let is_whole = lines.ends_with(b"\n") || blocks.is_at_end();
                    assert!(is_whole, "a block ends at a line end or at the end");
                }
                Piece::Overlong(span, sample) => {
                    assert_eq!(span.from, self.bytes.len() as u64, "SPAN-1");
                    assert!(LINE_BYTES_MAX as u64 <= span.len());
                    self.bytes.extend_from_slice(&sample);
                    self.bytes.resize(span.to as usize, MASK);
                }
                Piece::Hole(span) => {
                    assert_eq!(span.from, self.bytes.len() as u64, "SPAN-1");
                    let is_at_line = self.bytes.last().is_none_or(|&byte| byte == b'\n');
                    assert!(is_at_line || self.is_behind_overlong, "in front of a line");
                    assert!(!span.is_empty(), "a hole has a zero");
                    self.bytes.resize(span.to as usize, 0);
                }
            }
            self.is_behind_overlong = is_overlong;
        }
    }

    /// Panics unless exactly `expected` was handed out.
    pub fn check(&self, expected: &[u8], how: &str) {
        let differ = self.bytes.iter().zip(expected).position(|(a, b)| a != b);
        let lens = (self.bytes.len(), expected.len());
        assert!(
            differ.is_none() && lens.0 == lens.1,
            "{how}: lengths {lens:?}, differ at {differ:?}"
        );
    }

    /// How much was handed out.
    pub fn bytes_total(&self) -> usize {
        self.bytes.len()
    }
}

/// `text`, of every line over the limit only its sample and its length.
pub fn masked(text: &[u8]) -> Vec<u8> {
    const SAMPLE_BYTES: usize = 256;
    let mut masked = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        if body.len() <= LINE_BYTES_MAX {
            masked.extend_from_slice(line);
            continue;
        }
        // Of a line that is too long, the zeros in front of it are cut off first.
        let hole = body.iter().take_while(|byte| **byte == 0).count();
        let (zeros, line) = line.split_at(hole);
        masked.extend_from_slice(zeros);
        if body.len() - hole <= LINE_BYTES_MAX {
            masked.extend_from_slice(line);
        } else {
            masked.extend_from_slice(&line[..SAMPLE_BYTES]);
            masked.resize(masked.len() + line.len() - SAMPLE_BYTES, MASK);
        }
    }
    masked
}

/// The text of an input: its bytes, with runs written out.
fn text(input: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = input.iter();
    while let Some(&byte) = rest.next() {
        let (run, fill) = match (byte, rest.as_slice()) {
            (0xff, [place, ..]) => (RUNS[usize::from(*place) % RUNS.len()], b'x'),
            (0xfe, [place, ..]) => (RUNS[usize::from(*place) % RUNS.len()], 0),
            _ => (0, 0),
        };
        if run == 0 {
            text.push(byte);
        } else if text.len() + run <= TEXT_BYTES_MAX {
            rest.next();
            text.resize(text.len() + run, fill);
        }
    }
    text
}

/// Calls `each` with a file that holds `text` and what was appended since.
fn with_file(text: &[u8], growth: &[u8], each: impl FnOnce(&File)) {
    thread_local! {
        // One file for all inputs: making one takes longer than most checks.
        static FILE: RefCell<Option<File>> = const { RefCell::new(None) };
    }
    FILE.with_borrow_mut(|slot| {
        let file = slot.get_or_insert_with(|| tempfile::tempfile().expect("a file"));
        file.set_len(0)
            .and_then(|()| file.rewind())
            .expect("emptied");
        file.write_all(text)
            .and_then(|()| file.write_all(growth))
            .expect("written");
        each(file);
    });
}
