//! Which inputs there are: files, folders, globs and standard input, each found once.
//!
//! Owns: discovery, logical names, opening. Does not own: what is in an input, compression.
//! Invariant: an input that is reached by two ways is one source.

mod discover;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

pub use discover::{DiscoverError, Discovered, discover};

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
    /// Its logical name: the path as found, or `-`.
    pub name: String,
    /// Where its bytes come from.
    pub origin: Origin,
    /// Bytes as stored, compressed or not; `None` where that is not known beforehand.
    pub stored_bytes: Option<u64>,
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
