//! Why a source cannot be read.

use std::io;

use super::EXPANSION_RATIO_MAX;

/// Why a source cannot be read. Nothing of it counts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It cannot be opened.
    #[error("cannot open it: {0}")]
    Open(#[source] io::Error),
    /// It cannot be read on, or its compressed form is cut or damaged.
    #[error(
        "cannot read on after {offset} decompressed bytes: {source}; fetch the file again \
         (--salvage takes what can be read of a damaged archive)"
    )]
    Read {
        /// Decompressed bytes that were read before.
        offset: u64,
        /// The reason.
        source: io::Error,
    },
    /// It is something that is not read.
    #[error("it is {name}, which is not read; decompress it, or store it as gzip or zstd")]
    Unsupported {
        /// What it is.
        name: &'static str,
    },
    /// It is a tar archive.
    #[error(
        "it is a tar archive, which is not read: headers stand between the lines of its files; \
         unpack it and give the files"
    )]
    Tar,
    /// What it decompresses to is something that is not read.
    #[error("it is {inner} inside {outer}, which is not read; unpack what is inside")]
    Nested {
        /// What it decompresses to.
        inner: &'static str,
        /// What it is stored as.
        outer: &'static str,
    },
    /// It expands beyond the cap.
    #[error(
        "it expands more than {EXPANSION_RATIO_MAX} times ({decompressed} bytes from {stored}); \
         this is no log, or decompress it beforehand"
    )]
    Expansion {
        /// Decompressed bytes so far.
        decompressed: u64,
        /// Stored bytes so far.
        stored: u64,
    },
    /// It became shorter while it was read.
    #[error(
        "it became shorter while it was read (expected {expected} B); run again when nothing writes to it"
    )]
    Shrunk {
        /// Bytes that it had when it was opened.
        expected: u64,
    },
}
