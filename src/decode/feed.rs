//! What blocks are cut from: bytes in order, of a stream or of a range.

use std::io;

use super::archive::Reader;
use super::error::DecodeError;
use crate::source::Input;

/// Where bytes come from: in order, each once.
#[derive(Debug)]
pub(super) enum Feed<'a> {
    Stream(Reader),
    Range(RangeReader<'a>),
}

impl Feed<'_> {
    /// Fills `buffer`; less than its length only at the end.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        match self {
            Feed::Stream(reader) => reader.fill(buffer),
            Feed::Range(reader) => reader.fill(buffer),
        }
    }
}

/// Reads a plain input from an offset on.
#[derive(Debug)]
pub(super) struct RangeReader<'a> {
    pub(super) input: &'a dyn Input,
    pub(super) at: u64,
    /// Length of the input.
    pub(super) len: u64,
}

impl RangeReader<'_> {
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        let left = usize::try_from(self.len - self.at).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let read = self.input.read_exact_at(&mut buffer[..wanted], self.at);
        read.map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => DecodeError::Shrunk { expected: self.len },
            _ => DecodeError::Read {
                offset: self.at,
                source,
            },
        })?;
        self.at += wanted as u64;
        Ok(wanted)
    }
}
