//! Which inputs there are: files, folders, globs and standard input, each found once.
//!
//! Owns: discovery, logical names, opening, and how a content is told from another (digests).
//! Does not own: what is in an input, compression, which contents were seen before.
//! Invariant: an input that is reached by two ways is one source.

mod digest;
mod discover;
mod stamp;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

pub use digest::{
    Content, DIGEST_CHUNK_BYTES, Digest, OPENING_BYTES, Opening, PartDigests, PartHasher, Seed,
};
pub use discover::{DiscoverError, Discovered, discover};
pub use stamp::Stamp;

/// Where a source's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// One input that is counted as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as found, or `-`: what it is called in messages.
    pub name: String,
    /// Its logical name: the path from the root, links followed; `-` for standard input.
    pub identity: String,
    /// Where its bytes come from.
    pub origin: Origin,
    /// Bytes as stored, compressed or not; `None` where that is not known beforehand.
    pub stored_bytes: Option<u64>,
    /// What the file system says of the file; `None` for what is no regular file.
    pub stamp: Option<Stamp>,
}

impl Source {
    /// The file, or `None` for standard input.
    pub fn path(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            Origin::Stdin => None,
        }
    }

    /// Opens the file.
    ///
    /// Errors: the system's, `InvalidInput` for standard input.
    pub fn open_file(&self) -> io::Result<File> {
        match &self.origin {
            Origin::File(path) => File::open(path),
            Origin::Stdin => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }
}
